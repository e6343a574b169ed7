package adpulse.peer;

import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The four ways to build the stage. The record's time is when its fact was observed, so that stream time, which Streams
 * keeps across restarts, is the log time that scores are computed at.
 */
final class Topologies {
    private static final TimestampExtractor OBSERVED_AT = (record, partitionTime) -> {
        Event event = (Event) record.value();
        return event.kind == Event.Kind.POISON ? Math.max(partitionTime, 0) : event.observedAt;
    };

    private Topologies() {}

    static Topology of(Application.Options options) {
        return switch (options.mode()) {
            case EVENT_ROCKSDB -> processor(options, () -> new StoredProcessor(options), rocksDb());
            case EVENT_MEMORY -> processor(options, () -> new LiveProcessor(options, true), LiveStore.builder());
            case COMMIT_ROCKSDB -> aggregate(options);
            case COMMIT_LIVE -> processor(options, () -> new LiveProcessor(options, false), LiveStore.builder());
        };
    }

    private static StoreBuilder<KeyValueStore<String, Campaign>> rocksDb() {
        return Stores.keyValueStoreBuilder(
            Stores.persistentKeyValueStore(LiveStore.NAME), Serdes.String(), new CampaignSerde());
    }

    private static Topology processor(
        Application.Options options,
        ProcessorSupplier<String, Event, String, byte[]> supplier,
        StoreBuilder<?> store) {
        return new Topology()
            .addSource(AutoOffsetReset.earliest(), "facts", OBSERVED_AT, new StringDeserializer(),
                new EventDecoder(options.eventSchemaId()), options.events())
            .addProcessor("score", supplier, "facts")
            .addStateStore(store, "score")
            .addSink(Application.SCORES, options.scores(), new StringSerializer(), new ByteArraySerializer(), "score")
            .addSink(Application.DEAD_LETTERS, options.deadLetters(), new StringSerializer(),
                new ByteArraySerializer(), "score");
    }

    /** An aggregate whose record cache lets through one change for each campaign and commit. */
    private static Topology aggregate(Application.Options options) {
        StreamsBuilder builder = new StreamsBuilder();
        var events = Serdes.serdeFrom((topic, event) -> null, new EventDecoder(options.eventSchemaId()));
        KStream<String, Event> facts = builder.stream(
            options.events(), Consumed.with(Serdes.String(), events).withTimestampExtractor(OBSERVED_AT));
        facts.split(Named.as(Application.DEAD_LETTERS))
            .branch((key, event) -> event.kind == Event.Kind.POISON, Branched.withConsumer(poison -> poison
                .mapValues(event -> event.bytes)
                .to(options.deadLetters(), Produced.with(Serdes.String(), Serdes.ByteArray()))))
            .defaultBranch(Branched.withConsumer(sound -> sound
                .groupByKey(Grouped.with(Serdes.String(), events))
                .aggregate(Campaign::new,
                    (key, event, campaign) -> {
                        campaign.apply(event);
                        return campaign;
                    },
                    Materialized.<String, Campaign, KeyValueStore<Bytes, byte[]>>as(LiveStore.NAME)
                        .withKeySerde(Serdes.String())
                        .withValueSerde(new CampaignSerde())
                        .withCachingEnabled())
                .toStream()
                .process(() -> new AggregateScorer(options))
                .to(options.scores(), Produced.with(Serdes.String(), Serdes.ByteArray()))));
        return builder.build();
    }
}
