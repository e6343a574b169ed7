package adpulse.peer;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * The stage `score` as a Kafka Streams application: facts in, scores out, exactly once, one thread. Says RUNNING on the
 * standard output once it has its partitions, and ends cleanly on SIGTERM.
 */
public final class Application {
    static final String SCORES = "scores";
    static final String DEAD_LETTERS = "dead-letters";
    private static final long CACHE_BYTES = 128L << 20;
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(20);

    /** How the stage is built; see {@link Topologies}. */
    enum Mode { EVENT_ROCKSDB, EVENT_MEMORY, COMMIT_ROCKSDB, COMMIT_LIVE }

    /** The command line, as name=value. */
    record Options(
        String brokers,
        String applicationId,
        Mode mode,
        long commitMs,
        String events,
        String scores,
        String deadLetters,
        int eventSchemaId,
        int scoreSchemaId,
        Path stateFolder) {

        static Options parse(String[] arguments) {
            Map<String, String> values = new HashMap<>();
            for (String argument : arguments) {
                int at = argument.indexOf('=');
                if (at < 0) {
                    throw new IllegalArgumentException(argument + ": arguments are name=value");
                }
                values.put(argument.substring(0, at), argument.substring(at + 1));
            }
            return new Options(
                value(values, "brokers"),
                value(values, "application-id"),
                Mode.valueOf(value(values, "mode").replace('-', '_').toUpperCase(java.util.Locale.ROOT)),
                Long.parseLong(value(values, "commit-ms")),
                value(values, "events"),
                value(values, "scores"),
                value(values, "dead-letters"),
                Integer.parseInt(value(values, "event-schema-id")),
                Integer.parseInt(value(values, "score-schema-id")),
                Path.of(value(values, "state-folder")));
        }

        private static String value(Map<String, String> values, String name) {
            String value = values.get(name);
            if (value == null) {
                throw new IllegalArgumentException(name + "= is missing");
            }
            return value;
        }
    }

    private Application() {}

    /** Runs until it is told to end. */
    public static void main(String[] arguments) throws InterruptedException {
        Options options = Options.parse(arguments);
        CountDownLatch end = new CountDownLatch(1);
        KafkaStreams streams = new KafkaStreams(Topologies.of(options), settings(options));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            // A run that failed must not look like one that is slow.
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                System.out.println(now);
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            boolean isClosed = streams.close(CLOSE_LIMIT);
            end.countDown();
            // The code of a process that SIGTERM ended is 143; the one of a clean end is 0.
            Runtime.getRuntime().halt(isClosed ? 0 : 1);
        }));
        streams.start();
        end.await();
    }

    private static Properties settings(Options options) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.brokers());
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, options.applicationId());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, options.stateFolder().toString());
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, options.commitMs());
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG,
            options.mode() == Mode.COMMIT_ROCKSDB ? CACHE_BYTES : 0);
        settings.put(StreamsConfig.ENABLE_METRICS_PUSH_CONFIG, false);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        // As adpulse has them.
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "none");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 1_000_000);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 64L << 20);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.RETRY_BACKOFF_MS_CONFIG), 2);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG), 100);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        return settings;
    }
}
