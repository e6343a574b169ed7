package adpulse.peer;

import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** The usual way: a campaign is read from a key-value store, changed, put back and scored for each fact. */
final class StoredProcessor implements Processor<String, Event, String, byte[]> {
    private final Application.Options options;
    private final Scoring scoring = new Scoring();
    private ScoreEncoder encoder;
    private KeyValueStore<String, Campaign> store;
    private ProcessorContext<String, byte[]> context;

    StoredProcessor(Application.Options options) {
        this.options = options;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> processorContext) {
        context = processorContext;
        encoder = new ScoreEncoder(options.scoreSchemaId(), options.events());
        store = context.getStateStore(LiveStore.NAME);
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
        Campaign known = store.get(record.key());
        Campaign campaign = known == null ? new Campaign() : known;
        if (!campaign.apply(event)) {
            return;
        }
        store.put(record.key(), campaign);
        long logTime = context.currentStreamTimeMs();
        scoring.score(campaign, logTime);
        int partition = context.taskId().partition();
        byte[] score = encoder.encode(record.key(), campaign, scoring, logTime, partition);
        context.forward(new Record<>(record.key(), score, logTime), Application.SCORES);
    }
}
