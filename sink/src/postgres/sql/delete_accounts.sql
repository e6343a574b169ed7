DELETE FROM accounts AS stored
USING unnest($1::text[], $2::bigint[]) AS batch (account_key, source_offset)
WHERE stored.account_key = batch.account_key AND stored.source_offset < batch.source_offset
