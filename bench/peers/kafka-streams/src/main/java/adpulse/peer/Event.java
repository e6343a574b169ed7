package adpulse.peer;

/** A fact about a campaign, as {@link EventDecoder} reads it. What the score does not read is not kept. */
final class Event {
    enum Kind { METRICS, PROFILE, LEAD, FATIGUE, OTHER, POISON }

    Kind kind = Kind.OTHER;
    /** When the source said so, milliseconds; Streams takes it for the record's time. */
    long observedAt;

    // METRICS
    int day;
    /** Stands for the batch's name where two batches were observed in the same millisecond. */
    long batch;
    String currency;
    long spend;
    long impressions;
    long linkClicks;
    long leads;
    long purchases;

    // PROFILE; NaN where no frequency was reported.
    double frequency = Double.NaN;

    // LEAD; absent where null.
    Contribution before;
    Contribution after;

    // FATIGUE
    boolean isHigh;

    // POISON: the record as it came.
    byte[] bytes;

    /** What a lead adds to the cohort of the day on which it was created. */
    record Contribution(int day, boolean qualified, boolean won, long revenue) {}

    static Event poison(byte[] bytes) {
        Event event = new Event();
        event.kind = Kind.POISON;
        event.bytes = bytes;
        return event;
    }
}
