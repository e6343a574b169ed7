package adpulse.peer;

import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/** Scores a campaign whenever the record cache lets its newest state through. */
final class AggregateScorer implements Processor<String, Campaign, String, byte[]> {
    private final Application.Options options;
    private final Scoring scoring = new Scoring();
    private ScoreEncoder encoder;
    private ProcessorContext<String, byte[]> context;

    AggregateScorer(Application.Options options) {
        this.options = options;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> processorContext) {
        context = processorContext;
        encoder = new ScoreEncoder(options.scoreSchemaId(), options.events());
    }

    @Override
    public void process(Record<String, Campaign> record) {
        long logTime = context.currentStreamTimeMs();
        scoring.score(record.value(), logTime);
        int partition = context.taskId().partition();
        byte[] score = encoder.encode(record.key(), record.value(), scoring, logTime, partition);
        context.forward(record.withValue(score).withTimestamp(logTime));
    }
}
