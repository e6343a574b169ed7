package adpulse.peer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.processor.internals.InternalProcessorContext;
import org.apache.kafka.streams.query.Position;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.internals.CacheFlushListener;
import org.apache.kafka.streams.state.internals.CachedStateStore;

/**
 * Campaigns as live objects in memory, with a changelog of what changed in them: one record for each changed day, one
 * for the campaign itself. Nothing is serialized on the way of an event.
 *
 * <p>Writing behind needs to know when a transaction is about to be committed, which Streams tells only its own caches;
 * so this store passes for one ({@link CachedStateStore}, an internal interface), as it does for its changelog.
 */
final class LiveStore implements StateStore, CachedStateStore<byte[], byte[]> {
    static final String NAME = "campaigns";
    /** Comes after the campaign's key in a day's key, then the place in the ring. */
    private static final byte SEPARATOR = '@';

    private final Map<String, Entry> campaigns = new HashMap<>();
    private final List<Entry> touched = new ArrayList<>();
    private InternalProcessorContext<?, ?> context;
    private Runnable beforeCommit = () -> { };
    private boolean isOpen;

    /** A campaign and its key. */
    static final class Entry {
        final String key;
        final Campaign campaign = new Campaign();
        private boolean isTouched;

        Entry(String key) {
            this.key = key;
        }
    }

    static StoreBuilder<LiveStore> builder() {
        return new Builder();
    }

    Entry get(String key) {
        return campaigns.computeIfAbsent(key, Entry::new);
    }

    /** Notes that a campaign is to be scored before the commit. */
    void touch(Entry entry) {
        if (!entry.isTouched) {
            entry.isTouched = true;
            touched.add(entry);
        }
    }

    /** Called before each commit; it finds the touched campaigns in {@link #takeTouched}. */
    void onCommit(Runnable action) {
        beforeCommit = action;
    }

    /** The campaigns touched since the last commit, logged as they now are. */
    List<Entry> takeTouched(long time) {
        List<Entry> taken = List.copyOf(touched);
        touched.clear();
        for (Entry entry : taken) {
            entry.isTouched = false;
            log(entry, time);
        }
        return taken;
    }

    /** Writes what has changed of a campaign to the changelog. */
    void log(Entry entry, long time) {
        Campaign campaign = entry.campaign;
        byte[] key = entry.key.getBytes(StandardCharsets.UTF_8);
        long changed = campaign.changed;
        campaign.changed = 0;
        if ((changed & Campaign.PROFILE) != 0) {
            ByteBuffer to = ByteBuffer.allocate(Campaign.PROFILE_BYTES);
            campaign.writeProfile(to);
            context.logChange(NAME, Bytes.wrap(key), to.array(), time, null, Position.emptyPosition());
            changed &= ~Campaign.PROFILE;
        }
        while (changed != 0) {
            int place = Long.numberOfTrailingZeros(changed);
            changed &= changed - 1;
            ByteBuffer dayKey = ByteBuffer.allocate(key.length + 2).put(key).put(SEPARATOR).put((byte) place);
            ByteBuffer to = ByteBuffer.allocate(Campaign.DAY_BYTES);
            campaign.writeDay(place, to);
            context.logChange(NAME, Bytes.wrap(dayKey.array()), to.array(), time, null, Position.emptyPosition());
        }
    }

    private void restore(byte[] key, byte[] value) {
        boolean isDay = key.length > 2 && key[key.length - 2] == SEPARATOR;
        String name = new String(key, 0, isDay ? key.length - 2 : key.length, StandardCharsets.UTF_8);
        Campaign campaign = get(name).campaign;
        if (isDay) {
            campaign.readDay(ByteBuffer.wrap(value));
        } else {
            campaign.readProfile(ByteBuffer.wrap(value));
        }
    }

    @Override
    public void init(StateStoreContext stateContext, StateStore root) {
        context = (InternalProcessorContext<?, ?>) stateContext;
        stateContext.register(root, this::restore);
        isOpen = true;
    }

    @Override
    public void flushCache() {
        beforeCommit.run();
    }

    @Override
    public void clearCache() {
        touched.clear();
    }

    @Override
    public boolean setFlushListener(CacheFlushListener<byte[], byte[]> listener, boolean sendOldValues) {
        return false;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public void close() {
        campaigns.clear();
        touched.clear();
        isOpen = false;
    }

    @Override
    public boolean persistent() {
        return false;
    }

    @Override
    public boolean isOpen() {
        return isOpen;
    }

    private static final class Builder implements StoreBuilder<LiveStore> {
        @Override
        public LiveStore build() {
            return new LiveStore();
        }

        @Override
        public StoreBuilder<LiveStore> withCachingEnabled() {
            return this;
        }

        @Override
        public StoreBuilder<LiveStore> withCachingDisabled() {
            return this;
        }

        @Override
        public StoreBuilder<LiveStore> withLoggingEnabled(Map<String, String> config) {
            return this;
        }

        @Override
        public StoreBuilder<LiveStore> withLoggingDisabled() {
            throw new UnsupportedOperationException("the changelog is all that outlives the process");
        }

        @Override
        public Map<String, String> logConfig() {
            return Map.of();
        }

        @Override
        public boolean loggingEnabled() {
            return true;
        }

        @Override
        public String name() {
            return NAME;
        }
    }
}
