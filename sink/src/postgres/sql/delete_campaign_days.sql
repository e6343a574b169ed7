DELETE FROM campaign_days AS stored
USING unnest($1::text[], $2::date[], $3::bigint[]) AS batch (campaign_key, day, source_offset)
WHERE stored.campaign_key = batch.campaign_key AND stored.day = batch.day
  AND stored.source_offset < batch.source_offset
