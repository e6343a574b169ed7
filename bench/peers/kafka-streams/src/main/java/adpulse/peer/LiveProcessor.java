package adpulse.peer;

import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.internals.InternalProcessorContext;
import org.apache.kafka.streams.processor.internals.ProcessorNode;
import org.apache.kafka.streams.processor.internals.ProcessorRecordContext;

/**
 * Scores campaigns that live in memory: each time a fact changes one, or once before the commit however many facts
 * there were. For the latter it forwards outside of {@link #process}, as the flush listener of Streams' cache does.
 */
final class LiveProcessor implements Processor<String, Event, String, byte[]> {
    private final Application.Options options;
    private final boolean isPerEvent;
    private final Scoring scoring = new Scoring();
    private ScoreEncoder encoder;
    private LiveStore store;
    private ProcessorContext<String, byte[]> context;
    private InternalProcessorContext<String, byte[]> internal;
    private ProcessorNode<?, ?, ?, ?> node;

    LiveProcessor(Application.Options options, boolean isPerEvent) {
        this.options = options;
        this.isPerEvent = isPerEvent;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> processorContext) {
        context = processorContext;
        internal = (InternalProcessorContext<String, byte[]>) processorContext;
        node = internal.currentNode();
        encoder = new ScoreEncoder(options.scoreSchemaId(), options.events());
        store = context.getStateStore(LiveStore.NAME);
        if (!isPerEvent) {
            store.onCommit(this::scoreTouched);
        }
    }

    @Override
    public void process(Record<String, Event> record) {
        Event event = record.value();
        if (event.kind == Event.Kind.POISON) {
            context.forward(record.withValue(event.bytes), Application.DEAD_LETTERS);
            return;
        }
        if (record.key() == null) {
            return;
        }
        LiveStore.Entry entry = store.get(record.key());
        if (!entry.campaign.apply(event)) {
            return;
        }
        if (isPerEvent) {
            long logTime = context.currentStreamTimeMs();
            store.log(entry, logTime);
            forward(entry, logTime);
        } else {
            store.touch(entry);
        }
    }

    private void scoreTouched() {
        long logTime = context.currentStreamTimeMs();
        ProcessorNode<?, ?, ?, ?> before = internal.currentNode();
        ProcessorRecordContext recordBefore = internal.recordContext();
        internal.setCurrentNode(node);
        internal.setRecordContext(new ProcessorRecordContext(
            logTime, -1, context.taskId().partition(), options.events(), new RecordHeaders()));
        try {
            for (LiveStore.Entry entry : store.takeTouched(logTime)) {
                forward(entry, logTime);
            }
        } finally {
            internal.setRecordContext(recordBefore);
            internal.setCurrentNode(before);
        }
    }

    private void forward(LiveStore.Entry entry, long logTime) {
        scoring.score(entry.campaign, logTime);
        int partition = context.taskId().partition();
        byte[] score = encoder.encode(entry.key, entry.campaign, scoring, logTime, partition);
        context.forward(new Record<>(entry.key, score, logTime), Application.SCORES);
    }
}
