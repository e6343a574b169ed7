package adpulse.peer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * The state of a campaign: its newest 32 days in a ring, which is the window, the day scored and one ahead, and its
 * frequency. One array holds all days, so that a campaign is two objects and a day one cache line or two.
 *
 * <p>Facts replace: of a day the batch observed last counts. Leads add up, so a fact that is applied twice shows.
 */
final class Campaign {
    static final int DAYS = 32;

    // Columns of a day.
    static final int DAY = 0;
    static final int OBSERVED_AT = 1;
    static final int BATCH = 2;
    static final int SPEND = 3;
    static final int IMPRESSIONS = 4;
    static final int LINK_CLICKS = 5;
    static final int LEADS = 6;
    static final int PURCHASES = 7;
    static final int CRM_LEADS = 8;
    static final int QUALIFIED = 9;
    static final int WON = 10;
    static final int REVENUE = 11;
    static final int TIRED = 12;
    static final int COLUMNS = 13;
    static final int DAY_BYTES = COLUMNS * Long.BYTES;

    /** The bit of {@link #changed} that stands for the campaign itself; those below stand for the places of the ring. */
    static final long PROFILE = 1L << DAYS;
    static final int PROFILE_BYTES = 3 * Long.BYTES + 3;

    final long[] days = new long[DAYS * COLUMNS];
    /** When the newest figures of any day were observed; 0 while there are none. */
    long metricsAt;
    long frequencyAt = Long.MIN_VALUE;
    double frequency = Double.NaN;
    String currency;
    /** What has changed since it was last written. */
    long changed;

    /** Takes a fact. Returns whether it changed anything. */
    boolean apply(Event event) {
        switch (event.kind) {
            case METRICS:
                return metrics(event);
            case PROFILE:
                return profile(event);
            case LEAD:
                boolean subtracted = count(event.before, -1);
                return count(event.after, 1) | subtracted;
            case FATIGUE:
                int at = event.isHigh ? place(Math.floorDiv(event.observedAt, Scoring.DAY_MS)) : -1;
                return at >= 0 && set(at, TIRED, 1);
            default:
                return false;
        }
    }

    private boolean metrics(Event event) {
        int at = place(event.day);
        if (at < 0) {
            return false;
        }
        long before = days[at + OBSERVED_AT];
        boolean isNewer = event.observedAt > before
            || event.observedAt == before && event.batch > days[at + BATCH];
        if (!isNewer) {
            return false;
        }
        days[at + OBSERVED_AT] = event.observedAt;
        days[at + BATCH] = event.batch;
        days[at + SPEND] = event.spend;
        days[at + IMPRESSIONS] = event.impressions;
        days[at + LINK_CLICKS] = event.linkClicks;
        days[at + LEADS] = event.leads;
        days[at + PURCHASES] = event.purchases;
        metricsAt = Math.max(metricsAt, event.observedAt);
        if (event.currency != null && !event.currency.equals(currency)) {
            currency = event.currency;
            changed |= PROFILE;
        }
        changed |= 1L << at / COLUMNS;
        return true;
    }

    private boolean profile(Event event) {
        // Of two that were observed in one moment the greater stands, so that their order decides nothing.
        boolean newer = event.observedAt > frequencyAt
            || event.observedAt == frequencyAt && event.frequency > frequency;
        if (Double.isNaN(event.frequency) || !newer) {
            return false;
        }
        frequencyAt = event.observedAt;
        frequency = event.frequency;
        changed |= PROFILE;
        return true;
    }

    private boolean count(Event.Contribution lead, int sign) {
        int at = lead == null ? -1 : place(lead.day());
        if (at < 0) {
            return false;
        }
        days[at + CRM_LEADS] += sign;
        days[at + QUALIFIED] += lead.qualified() ? sign : 0;
        days[at + WON] += lead.won() ? sign : 0;
        days[at + REVENUE] += sign * lead.revenue();
        changed |= 1L << at / COLUMNS;
        return true;
    }

    private boolean set(int at, int column, long value) {
        boolean isNew = days[at + column] != value;
        days[at + column] = value;
        changed |= isNew ? 1L << at / COLUMNS : 0;
        return isNew;
    }

    /** Where the day's columns begin; -1 for a day that the ring has left behind. */
    private int place(long day) {
        int at = (int) (day & (DAYS - 1)) * COLUMNS;
        if (days[at] < day) {
            java.util.Arrays.fill(days, at, at + COLUMNS, 0);
            days[at] = day;
        }
        return days[at] == day ? at : -1;
    }

    /** Where the day's columns begin; -1 where nothing is known of it. */
    int find(int day) {
        int at = (day & (DAYS - 1)) * COLUMNS;
        return days[at] == day ? at : -1;
    }

    void writeDay(int place, ByteBuffer to) {
        for (int column = 0; column < COLUMNS; column++) {
            to.putLong(days[place * COLUMNS + column]);
        }
    }

    void readDay(ByteBuffer from) {
        long day = from.getLong();
        int at = (int) (day & (DAYS - 1)) * COLUMNS;
        days[at] = day;
        for (int column = 1; column < COLUMNS; column++) {
            days[at + column] = from.getLong();
        }
        metricsAt = Math.max(metricsAt, days[at + OBSERVED_AT]);
    }

    void writeProfile(ByteBuffer to) {
        to.putLong(metricsAt).putLong(frequencyAt).putDouble(frequency);
        byte[] code = (currency == null ? "   " : currency).getBytes(StandardCharsets.US_ASCII);
        to.put(code, 0, 3);
    }

    void readProfile(ByteBuffer from) {
        metricsAt = Math.max(metricsAt, from.getLong());
        frequencyAt = from.getLong();
        frequency = from.getDouble();
        byte[] code = new byte[3];
        from.get(code);
        currency = code[0] == ' ' ? null : new String(code, StandardCharsets.US_ASCII).intern();
    }
}
