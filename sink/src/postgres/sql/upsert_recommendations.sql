INSERT INTO recommendations AS stored (
    campaign_key, as_of, announced_at, action, platform, account_id, campaign_id, campaign_name,
    previous_action, cost_efficiency, lead_quality, volume, trend, engagement, total, confidence,
    actionable, guard, reasons, policy_version, source_partition, source_offset
)
SELECT
    campaign_key, as_of, announced_at, action, platform, account_id, campaign_id, campaign_name,
    previous_action, cost_efficiency, lead_quality, volume, trend, engagement, total, confidence,
    actionable, guard, reasons::jsonb, policy_version, source_partition, source_offset
FROM unnest(
    $1::text[], $2::date[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::float8[], $11::float8[], $12::float8[], $13::float8[], $14::float8[], $15::float8[],
    $16::float8[], $17::boolean[], $18::text[], $19::text[], $20::text[], $21::integer[], $22::bigint[]
) AS batch (
    campaign_key, as_of, announced_at, action, platform, account_id, campaign_id, campaign_name,
    previous_action, cost_efficiency, lead_quality, volume, trend, engagement, total, confidence,
    actionable, guard, reasons, policy_version, source_partition, source_offset
)
ON CONFLICT (campaign_key, as_of, announced_at, action) DO UPDATE SET
    platform = excluded.platform, account_id = excluded.account_id, campaign_id = excluded.campaign_id,
    campaign_name = excluded.campaign_name, previous_action = excluded.previous_action, cost_efficiency =
    excluded.cost_efficiency, lead_quality = excluded.lead_quality, volume = excluded.volume, trend =
    excluded.trend, engagement = excluded.engagement, total = excluded.total, confidence =
    excluded.confidence, actionable = excluded.actionable, guard = excluded.guard, reasons =
    excluded.reasons, policy_version = excluded.policy_version, source_partition =
    excluded.source_partition, source_offset = excluded.source_offset
WHERE excluded.source_offset > stored.source_offset
