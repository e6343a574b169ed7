-- Views for people and dashboards: money in decimals, and what is current told apart from what was.

CREATE VIEW v_campaign_days AS
SELECT campaign_key, day, platform, account_id, campaign_id, currency,
       spend_micros::numeric * 0.000001 AS spend,
       impressions, reach, clicks, link_clicks, leads, purchases,
       purchase_value_micros::numeric * 0.000001 AS purchase_value,
       flags, crm_leads, crm_qualified, crm_won,
       crm_revenue_micros::numeric * 0.000001 AS crm_revenue,
       revision, first_seen, last_seen
FROM campaign_days;

CREATE VIEW v_campaign_scores AS
SELECT s.campaign_key, s.platform, s.account_id, s.campaign_id, c.name, c.status, c.objective,
       s.currency, c.daily_budget_micros::numeric * 0.000001 AS daily_budget,
       s.as_of, s.cost_efficiency, s.lead_quality, s.volume, s.trend, s.engagement, s.total,
       s.recommendation, s.confidence, s.actionable, s.guard, s.reasons,
       s.window_spend_micros::numeric * 0.000001 AS window_spend,
       s.window_impressions, s.window_link_clicks, s.window_leads, s.window_crm_leads, s.window_qualified,
       s.window_won, s.window_revenue_micros::numeric * 0.000001 AS window_revenue, s.window_purchases,
       s.window_active_days, s.scored_at, s.metrics_observed_at, s.policy_version,
       s.announced_action, s.announced_at, s.firing
FROM scores s
LEFT JOIN campaigns c USING (campaign_key);

-- The newest announcement of each campaign.
CREATE VIEW v_current_recommendations AS
SELECT DISTINCT ON (campaign_key) *
FROM recommendations
ORDER BY campaign_key, announced_at DESC, source_offset DESC;

-- Alerts that have fired and not resolved.
CREATE VIEW v_firing_alerts AS
SELECT * FROM (
    SELECT DISTINCT ON (subject, code) *
    FROM alerts
    ORDER BY subject, code, raised_at DESC, source_offset DESC
) newest
WHERE state = 'FIRING';
