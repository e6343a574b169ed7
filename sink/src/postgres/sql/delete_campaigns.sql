DELETE FROM campaigns AS stored
USING unnest($1::text[], $2::bigint[]) AS batch (campaign_key, source_offset)
WHERE stored.campaign_key = batch.campaign_key AND stored.source_offset < batch.source_offset
