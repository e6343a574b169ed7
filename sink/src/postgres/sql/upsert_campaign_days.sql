INSERT INTO campaign_days AS stored (
    campaign_key, day, platform, account_id, campaign_id, currency, spend_micros, impressions, reach,
    clicks, link_clicks, leads, purchases, purchase_value_micros, flags, doubts, crm_leads, crm_qualified,
    crm_won, crm_revenue_micros, revision, first_seen, last_seen, restated, first_spend_micros,
    first_impressions, first_reach, first_clicks, first_link_clicks, first_leads, first_purchases,
    first_purchase_value_micros, source_partition, source_offset
)
SELECT
    campaign_key, day, platform, account_id, campaign_id, currency, spend_micros, impressions, reach,
    clicks, link_clicks, leads, purchases, purchase_value_micros, string_to_array(flags, E'\x1f'),
    string_to_array(doubts, E'\x1f'), crm_leads, crm_qualified, crm_won, crm_revenue_micros, revision,
    first_seen, last_seen, restated, first_spend_micros, first_impressions, first_reach, first_clicks,
    first_link_clicks, first_leads, first_purchases, first_purchase_value_micros, source_partition,
    source_offset
FROM unnest(
    $1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[],
    $16::text[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::integer[],
    $22::timestamptz[], $23::timestamptz[], $24::boolean[], $25::bigint[], $26::bigint[], $27::bigint[],
    $28::bigint[], $29::bigint[], $30::bigint[], $31::bigint[], $32::bigint[], $33::integer[], $34::bigint[]
) AS batch (
    campaign_key, day, platform, account_id, campaign_id, currency, spend_micros, impressions, reach,
    clicks, link_clicks, leads, purchases, purchase_value_micros, flags, doubts, crm_leads, crm_qualified,
    crm_won, crm_revenue_micros, revision, first_seen, last_seen, restated, first_spend_micros,
    first_impressions, first_reach, first_clicks, first_link_clicks, first_leads, first_purchases,
    first_purchase_value_micros, source_partition, source_offset
)
ON CONFLICT (campaign_key, day) DO UPDATE SET
    platform = excluded.platform, account_id = excluded.account_id, campaign_id = excluded.campaign_id,
    currency = excluded.currency, spend_micros = excluded.spend_micros, impressions = excluded.impressions,
    reach = excluded.reach, clicks = excluded.clicks, link_clicks = excluded.link_clicks, leads =
    excluded.leads, purchases = excluded.purchases, purchase_value_micros = excluded.purchase_value_micros,
    flags = excluded.flags, doubts = excluded.doubts, crm_leads = excluded.crm_leads, crm_qualified =
    excluded.crm_qualified, crm_won = excluded.crm_won, crm_revenue_micros = excluded.crm_revenue_micros,
    revision = excluded.revision, first_seen = excluded.first_seen, last_seen = excluded.last_seen, restated
    = excluded.restated, first_spend_micros = excluded.first_spend_micros, first_impressions =
    excluded.first_impressions, first_reach = excluded.first_reach, first_clicks = excluded.first_clicks,
    first_link_clicks = excluded.first_link_clicks, first_leads = excluded.first_leads, first_purchases =
    excluded.first_purchases, first_purchase_value_micros = excluded.first_purchase_value_micros,
    source_partition = excluded.source_partition, source_offset = excluded.source_offset
WHERE excluded.source_offset > stored.source_offset
