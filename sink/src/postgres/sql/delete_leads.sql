DELETE FROM leads AS stored
USING unnest($1::text[], $2::bigint[]) AS batch (lead_key, source_offset)
WHERE stored.lead_key = batch.lead_key AND stored.source_offset < batch.source_offset
