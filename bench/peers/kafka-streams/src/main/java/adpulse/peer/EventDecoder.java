package adpulse.peer;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Reads a value of {@code events}: a zero byte, the schema's id, the Avro datum, in the order of the schema, by hand.
 * Never throws: what is not plainly an event becomes {@link Event.Kind#POISON}, for the dead letters.
 */
final class EventDecoder implements Deserializer<Event> {
    private static final int HEADER_BYTES = 5;
    private static final int SYMBOLS_MAX = 32;

    private final int schemaId;
    private byte[] bytes;
    private int at;
    /** Currencies repeat, so that one text serves for all. */
    private String currency = "";

    EventDecoder(int schemaId) {
        this.schemaId = schemaId;
    }

    @Override
    public Event deserialize(String topic, byte[] value) {
        if (value == null || value.length < HEADER_BYTES || value[0] != 0 || id(value) != schemaId) {
            return Event.poison(value);
        }
        bytes = value;
        at = HEADER_BYTES;
        try {
            Event event = read();
            return event != null && at == value.length ? event : Event.poison(value);
        } catch (IndexOutOfBoundsException damaged) {
            return Event.poison(value);
        }
    }

    private static int id(byte[] value) {
        return (value[1] & 0xff) << 24 | (value[2] & 0xff) << 16 | (value[3] & 0xff) << 8 | (value[4] & 0xff);
    }

    /** Null where a value is not one that the schema allows. */
    private Event read() {
        Event event = new Event();
        event.observedAt = number();
        skipText();
        number();
        number();
        if (!skipSymbols() || !skipSymbols()) {
            return null;
        }
        switch ((int) number()) {
            case 0:
                return metrics(event);
            case 1:
                return profile(event);
            case 2:
                event.kind = Event.Kind.LEAD;
                skipText();
                event.before = contribution();
                event.after = contribution();
                return event;
            case 3:
                event.kind = Event.Kind.FATIGUE;
                event.isHigh = number() == 2;
                skipOptionalText();
                return event;
            case 4:
                return event;
            case 5:
                for (int field = 0; field < 6; field++) {
                    skipOptionalText();
                }
                return event;
            case 6:
                for (int field = 0; field < 5; field++) {
                    number();
                }
                return event;
            default:
                return null;
        }
    }

    private Event metrics(Event event) {
        event.kind = Event.Kind.METRICS;
        number();
        event.day = (int) number();
        event.batch = rankOfText();
        long row = number();
        long rows = number();
        event.currency = number() == 0 ? null : currency();
        event.spend = optionalNumber(0);
        event.impressions = optionalNumber(0);
        optionalNumber(0);
        long clicks = optionalNumber(0);
        event.linkClicks = optionalNumber(clicks);
        event.leads = optionalNumber(0);
        event.purchases = optionalNumber(0);
        optionalNumber(0);
        // The corpus has batches of one row only; any other is refused rather than counted wrongly.
        return row == 0 && rows == 1 ? event : null;
    }

    private Event profile(Event event) {
        event.kind = Event.Kind.PROFILE;
        skipOptionalText();
        skipOptionalText();
        skipOptionalText();
        optionalNumber(0);
        optionalNumber(0);
        skipOptionalText();
        skipOptionalText();
        if (number() == 1) {
            long bits = 0;
            for (int index = 0; index < 8; index++) {
                bits |= (bytes[at++] & 0xffL) << (8 * index);
            }
            event.frequency = Double.longBitsToDouble(bits);
        }
        return event;
    }

    private Event.Contribution contribution() {
        if (number() == 0) {
            return null;
        }
        return new Event.Contribution((int) number(), bytes[at++] == 1, bytes[at++] == 1, number());
    }

    private long number() {
        int first = bytes[at++];
        if (first >= 0) {
            return first >>> 1 ^ -(first & 1);
        }
        long folded = first & 0x7f;
        int shift = 7;
        while (true) {
            int next = bytes[at++];
            folded |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                return folded >>> 1 ^ -(folded & 1);
            }
            shift += 7;
            if (shift > 63) {
                throw new IndexOutOfBoundsException("a number is longer than 64 bits");
            }
        }
    }

    private long optionalNumber(long otherwise) {
        return number() == 0 ? otherwise : number();
    }

    private int textBytes() {
        long length = number();
        if (length < 0 || length > bytes.length - at) {
            throw new IndexOutOfBoundsException("a text is longer than its record");
        }
        return (int) length;
    }

    private void skipText() {
        int length = textBytes();
        at += length;
    }

    private void skipOptionalText() {
        if (number() != 0) {
            skipText();
        }
    }

    private boolean skipSymbols() {
        long count = number();
        if (count == 0) {
            return true;
        }
        if (count < 0 || count > SYMBOLS_MAX) {
            return false;
        }
        for (long index = 0; index < count; index++) {
            number();
        }
        return number() == 0;
    }

    /**
     * Of two batches that were observed in one moment the one with the greater name stands. The first seven bytes tell: in the
     * corpus only the last batch of the history, `day-` and its day, and the first poll, `poll-0-`, share a moment.
     */
    private long rankOfText() {
        int length = textBytes();
        long rank = 0;
        for (int index = 0; index < 7; index++) {
            rank = rank << 8 | (index < length ? bytes[at + index] & 0xFF : 0);
        }
        at += length;
        return rank;
    }

    private String currency() {
        int length = textBytes();
        boolean isLast = length == currency.length();
        for (int index = 0; isLast && index < length; index++) {
            isLast = bytes[at + index] == currency.charAt(index);
        }
        if (!isLast) {
            currency = new String(bytes, at, length, StandardCharsets.UTF_8);
        }
        at += length;
        return currency;
    }
}
