INSERT INTO campaigns AS stored (
    campaign_key, platform, account_id, campaign_id, name, status, objective, daily_budget_micros,
    lifetime_budget_micros, time_zone, currency, frequency_7d, frequency_at, fatigue_level, fatigue_at,
    observed_at, known_since, source_partition, source_offset
)
SELECT
    campaign_key, platform, account_id, campaign_id, name, status, objective, daily_budget_micros,
    lifetime_budget_micros, time_zone, currency, frequency_7d, frequency_at, fatigue_level, fatigue_at,
    observed_at, known_since, source_partition, source_offset
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
    $9::bigint[], $10::text[], $11::text[], $12::float8[], $13::timestamptz[], $14::text[],
    $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::integer[], $19::bigint[]
) AS batch (
    campaign_key, platform, account_id, campaign_id, name, status, objective, daily_budget_micros,
    lifetime_budget_micros, time_zone, currency, frequency_7d, frequency_at, fatigue_level, fatigue_at,
    observed_at, known_since, source_partition, source_offset
)
ON CONFLICT (campaign_key) DO UPDATE SET
    platform = excluded.platform, account_id = excluded.account_id, campaign_id = excluded.campaign_id, name
    = excluded.name, status = excluded.status, objective = excluded.objective, daily_budget_micros =
    excluded.daily_budget_micros, lifetime_budget_micros = excluded.lifetime_budget_micros, time_zone =
    excluded.time_zone, currency = excluded.currency, frequency_7d = excluded.frequency_7d, frequency_at =
    excluded.frequency_at, fatigue_level = excluded.fatigue_level, fatigue_at = excluded.fatigue_at,
    observed_at = excluded.observed_at, known_since = excluded.known_since, source_partition =
    excluded.source_partition, source_offset = excluded.source_offset
WHERE excluded.source_offset > stored.source_offset
