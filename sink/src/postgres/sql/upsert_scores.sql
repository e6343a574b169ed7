INSERT INTO scores AS stored (
    campaign_key, platform, account_id, campaign_id, as_of, cost_efficiency, lead_quality, volume, trend,
    engagement, total, recommendation, confidence, actionable, guard, reasons, window_spend_micros,
    window_impressions, window_link_clicks, window_leads, window_crm_leads, window_qualified, window_won,
    window_revenue_micros, window_purchases, window_active_days, currency, scored_at, metrics_observed_at,
    policy_version, announced_action, announced_at, firing, source_partition, source_offset
)
SELECT
    campaign_key, platform, account_id, campaign_id, as_of, cost_efficiency, lead_quality, volume, trend,
    engagement, total, recommendation, confidence, actionable, guard, reasons::jsonb, window_spend_micros,
    window_impressions, window_link_clicks, window_leads, window_crm_leads, window_qualified, window_won,
    window_revenue_micros, window_purchases, window_active_days, currency, scored_at, metrics_observed_at,
    policy_version, announced_action, announced_at, string_to_array(firing, E'\x1f'), source_partition,
    source_offset
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::float8[], $7::float8[], $8::float8[],
    $9::float8[], $10::float8[], $11::float8[], $12::text[], $13::float8[], $14::boolean[], $15::text[],
    $16::text[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[],
    $23::bigint[], $24::bigint[], $25::bigint[], $26::integer[], $27::text[], $28::timestamptz[],
    $29::timestamptz[], $30::text[], $31::text[], $32::timestamptz[], $33::text[], $34::integer[],
    $35::bigint[]
) AS batch (
    campaign_key, platform, account_id, campaign_id, as_of, cost_efficiency, lead_quality, volume, trend,
    engagement, total, recommendation, confidence, actionable, guard, reasons, window_spend_micros,
    window_impressions, window_link_clicks, window_leads, window_crm_leads, window_qualified, window_won,
    window_revenue_micros, window_purchases, window_active_days, currency, scored_at, metrics_observed_at,
    policy_version, announced_action, announced_at, firing, source_partition, source_offset
)
ON CONFLICT (campaign_key) DO UPDATE SET
    platform = excluded.platform, account_id = excluded.account_id, campaign_id = excluded.campaign_id,
    as_of = excluded.as_of, cost_efficiency = excluded.cost_efficiency, lead_quality =
    excluded.lead_quality, volume = excluded.volume, trend = excluded.trend, engagement =
    excluded.engagement, total = excluded.total, recommendation = excluded.recommendation, confidence =
    excluded.confidence, actionable = excluded.actionable, guard = excluded.guard, reasons =
    excluded.reasons, window_spend_micros = excluded.window_spend_micros, window_impressions =
    excluded.window_impressions, window_link_clicks = excluded.window_link_clicks, window_leads =
    excluded.window_leads, window_crm_leads = excluded.window_crm_leads, window_qualified =
    excluded.window_qualified, window_won = excluded.window_won, window_revenue_micros =
    excluded.window_revenue_micros, window_purchases = excluded.window_purchases, window_active_days =
    excluded.window_active_days, currency = excluded.currency, scored_at = excluded.scored_at,
    metrics_observed_at = excluded.metrics_observed_at, policy_version = excluded.policy_version,
    announced_action = excluded.announced_action, announced_at = excluded.announced_at, firing =
    excluded.firing, source_partition = excluded.source_partition, source_offset = excluded.source_offset
WHERE excluded.source_offset > stored.source_offset
