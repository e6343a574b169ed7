INSERT INTO leads AS stored (
    lead_key, campaign_key, platform, account_id, campaign_id, campaign_at, stage, created_at, qualified_at,
    disqualified_at, won_at, lost_at, amount_micros, currency, account_time_zone, account_currency,
    account_at, observed_at, source_partition, source_offset
)
SELECT
    lead_key, campaign_key, platform, account_id, campaign_id, campaign_at, stage, created_at, qualified_at,
    disqualified_at, won_at, lost_at, amount_micros, currency, account_time_zone, account_currency,
    account_at, observed_at, source_partition, source_offset
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[],
    $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[],
    $13::bigint[], $14::text[], $15::text[], $16::text[], $17::timestamptz[], $18::timestamptz[],
    $19::integer[], $20::bigint[]
) AS batch (
    lead_key, campaign_key, platform, account_id, campaign_id, campaign_at, stage, created_at, qualified_at,
    disqualified_at, won_at, lost_at, amount_micros, currency, account_time_zone, account_currency,
    account_at, observed_at, source_partition, source_offset
)
ON CONFLICT (lead_key) DO UPDATE SET
    campaign_key = excluded.campaign_key, platform = excluded.platform, account_id = excluded.account_id,
    campaign_id = excluded.campaign_id, campaign_at = excluded.campaign_at, stage = excluded.stage,
    created_at = excluded.created_at, qualified_at = excluded.qualified_at, disqualified_at =
    excluded.disqualified_at, won_at = excluded.won_at, lost_at = excluded.lost_at, amount_micros =
    excluded.amount_micros, currency = excluded.currency, account_time_zone = excluded.account_time_zone,
    account_currency = excluded.account_currency, account_at = excluded.account_at, observed_at =
    excluded.observed_at, source_partition = excluded.source_partition, source_offset =
    excluded.source_offset
WHERE excluded.source_offset > stored.source_offset
