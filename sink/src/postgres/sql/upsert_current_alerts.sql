INSERT INTO current_alerts AS stored (
    subject, code, raised_at, state, severity, platform, account_id, campaign_id, figure, threshold,
    sentence, source_partition, source_offset
)
SELECT DISTINCT ON (subject, code)
    subject, code, raised_at, state, severity, platform, account_id, campaign_id, figure, threshold,
    sentence, source_partition, source_offset
FROM unnest(
    $1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::float8[], $10::float8[], $11::text[], $12::integer[], $13::bigint[]
) AS batch (
    subject, code, raised_at, state, severity, platform, account_id, campaign_id, figure, threshold,
    sentence, source_partition, source_offset
)
ORDER BY subject, code, raised_at DESC, source_offset DESC
ON CONFLICT (subject, code) DO UPDATE SET
    raised_at = excluded.raised_at, state = excluded.state, severity = excluded.severity, platform =
    excluded.platform, account_id = excluded.account_id, campaign_id = excluded.campaign_id, figure =
    excluded.figure, threshold = excluded.threshold, sentence = excluded.sentence, source_partition =
    excluded.source_partition, source_offset = excluded.source_offset
WHERE (excluded.raised_at, excluded.source_offset) > (stored.raised_at, stored.source_offset)
