INSERT INTO accounts AS stored (
    account_key, platform, account_id, name, status, time_zone, currency, failure_code, failure, failure_at,
    observed_at, hours, firing, source_partition, source_offset
)
SELECT
    account_key, platform, account_id, name, status, time_zone, currency, failure_code, failure, failure_at,
    observed_at, hours::jsonb, string_to_array(firing, E'\x1f'), source_partition, source_offset
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::integer[],
    $15::bigint[]
) AS batch (
    account_key, platform, account_id, name, status, time_zone, currency, failure_code, failure, failure_at,
    observed_at, hours, firing, source_partition, source_offset
)
ON CONFLICT (account_key) DO UPDATE SET
    platform = excluded.platform, account_id = excluded.account_id, name = excluded.name, status =
    excluded.status, time_zone = excluded.time_zone, currency = excluded.currency, failure_code =
    excluded.failure_code, failure = excluded.failure, failure_at = excluded.failure_at, observed_at =
    excluded.observed_at, hours = excluded.hours, firing = excluded.firing, source_partition =
    excluded.source_partition, source_offset = excluded.source_offset
WHERE excluded.source_offset > stored.source_offset
