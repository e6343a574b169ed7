package adpulse.peer;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/** A whole campaign as one value of a key-value store: what is known of it, then the days that are there. */
final class CampaignSerde implements Serde<Campaign> {
    @Override
    public Serializer<Campaign> serializer() {
        return (topic, campaign) -> {
            if (campaign == null) {
                return null;
            }
            int count = 0;
            for (int place = 0; place < Campaign.DAYS; place++) {
                count += campaign.days[place * Campaign.COLUMNS] == 0 ? 0 : 1;
            }
            ByteBuffer to = ByteBuffer.allocate(Campaign.PROFILE_BYTES + count * Campaign.DAY_BYTES);
            campaign.writeProfile(to);
            for (int place = 0; place < Campaign.DAYS; place++) {
                if (campaign.days[place * Campaign.COLUMNS] != 0) {
                    campaign.writeDay(place, to);
                }
            }
            return to.array();
        };
    }

    @Override
    public Deserializer<Campaign> deserializer() {
        return (topic, bytes) -> {
            if (bytes == null) {
                return null;
            }
            ByteBuffer from = ByteBuffer.wrap(bytes);
            Campaign campaign = new Campaign();
            campaign.readProfile(from);
            while (from.hasRemaining()) {
                campaign.readDay(from);
            }
            return campaign;
        };
    }
}
