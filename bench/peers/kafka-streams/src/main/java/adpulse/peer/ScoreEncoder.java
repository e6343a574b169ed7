package adpulse.peer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Writes a score as a value of {@code scores}: framed Avro, in the order of the schema, by hand. Reasons, alerts and
 * the announcement stay empty, which is work that adpulse does and this peer is spared.
 */
final class ScoreEncoder {
    private static final byte[] POLICY = "default".getBytes(StandardCharsets.US_ASCII);

    private final int schemaId;
    private final byte[] topic;
    private byte[] bytes = new byte[512];
    private int at;

    ScoreEncoder(int schemaId, String eventsTopic) {
        this.schemaId = schemaId;
        this.topic = eventsTopic.getBytes(StandardCharsets.UTF_8);
    }

    byte[] encode(String key, Campaign campaign, Scoring score, long logTime, int partition) {
        at = 0;
        byte[] name = key.getBytes(StandardCharsets.UTF_8);
        reserve(name.length + topic.length + 300);
        raw(0);
        for (int shift = 24; shift >= 0; shift -= 8) {
            raw(schemaId >>> shift);
        }
        keyParts(name);
        number(score.asOf);
        real(score.cost);
        real(score.quality);
        real(score.volume);
        real(score.trend);
        real(score.engagement);
        real(score.total);
        number(score.band);
        real(score.confidence);
        raw(score.isActionable ? 1 : 0);
        if (score.guard == Scoring.NO_GUARD) {
            number(0);
        } else {
            number(1);
            number(score.guard);
        }
        number(0);
        window(score);
        if (campaign.currency == null) {
            number(0);
        } else {
            number(1);
            text(campaign.currency.getBytes(StandardCharsets.US_ASCII));
        }
        number(logTime);
        if (campaign.metricsAt == 0) {
            number(0);
        } else {
            number(1);
            number(campaign.metricsAt);
        }
        text(POLICY);
        number(0);
        number(0);
        text(topic);
        number(partition);
        number(0);
        return Arrays.copyOf(bytes, at);
    }

    private void window(Scoring score) {
        number(score.spend);
        number(score.impressions);
        number(score.linkClicks);
        number(score.leads);
        number(score.crmLeads);
        number(score.qualified);
        number(score.won);
        number(score.revenue);
        number(score.purchases);
        number(score.activeDays);
    }

    /** The three parts of the key, which are separated by colons. */
    private void keyParts(byte[] name) {
        int start = 0;
        for (int part = 0; part < 3; part++) {
            int end = start;
            while (end < name.length && name[end] != ':') {
                end++;
            }
            number(end - start);
            System.arraycopy(name, start, bytes, at, end - start);
            at += end - start;
            start = Math.min(end + 1, name.length);
        }
    }

    private void reserve(int size) {
        if (bytes.length < size) {
            bytes = new byte[size];
        }
    }

    private void raw(int value) {
        bytes[at++] = (byte) value;
    }

    private void number(long value) {
        long folded = value << 1 ^ value >> 63;
        while ((folded & ~0x7fL) != 0) {
            bytes[at++] = (byte) (folded & 0x7f | 0x80);
            folded >>>= 7;
        }
        bytes[at++] = (byte) folded;
    }

    private void real(double value) {
        long bits = Double.doubleToRawLongBits(value);
        for (int index = 0; index < 8; index++) {
            bytes[at++] = (byte) (bits >>> 8 * index);
        }
    }

    private void text(byte[] value) {
        number(value.length);
        System.arraycopy(value, 0, bytes, at, value.length);
        at += value.length;
    }
}
