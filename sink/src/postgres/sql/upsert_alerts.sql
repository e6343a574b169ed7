INSERT INTO alerts AS stored (
    subject, code, raised_at, state, severity, platform, account_id, campaign_id, figure, threshold,
    sentence, source_partition, source_offset
)
SELECT
    subject, code, raised_at, state, severity, platform, account_id, campaign_id, figure, threshold,
    sentence, source_partition, source_offset
FROM unnest(
    $1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::float8[], $10::float8[], $11::text[], $12::integer[], $13::bigint[]
) AS batch (
    subject, code, raised_at, state, severity, platform, account_id, campaign_id, figure, threshold,
    sentence, source_partition, source_offset
)
ON CONFLICT (subject, code, raised_at, state) DO UPDATE SET
    severity = excluded.severity, platform = excluded.platform, account_id = excluded.account_id,
    campaign_id = excluded.campaign_id, figure = excluded.figure, threshold = excluded.threshold, sentence =
    excluded.sentence, source_partition = excluded.source_partition, source_offset = excluded.source_offset
WHERE excluded.source_offset > stored.source_offset
