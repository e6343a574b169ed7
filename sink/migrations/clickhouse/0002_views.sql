-- What people and dashboards read: each row once, whatever has been merged. Where the partition follows from the key, rows
-- of one key never lie in two partitions, so each partition is read by itself.

CREATE VIEW IF NOT EXISTS v_campaigns AS
SELECT platform, account_id, campaign_id, name, status, objective, daily_budget, lifetime_budget, time_zone, currency,
       frequency_7d, fatigue_level, fatigue_at, observed_at, _partition, _offset
FROM campaigns FINAL;

CREATE VIEW IF NOT EXISTS v_campaign_days AS
SELECT platform, account_id, campaign_id, day, currency, spend, impressions, reach, clicks, link_clicks, leads, purchases, purchase_value,
       flags, crm_leads, crm_qualified, crm_won, crm_revenue, revision, first_seen, last_seen, _partition, _offset
FROM campaign_days FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE VIEW IF NOT EXISTS v_campaign_day_revisions AS
SELECT platform, account_id, campaign_id, day, currency, spend, impressions, reach, clicks, link_clicks, leads, purchases, purchase_value,
       flags, crm_leads, crm_qualified, crm_won, crm_revenue, revision, first_seen, last_seen, _partition, _offset
FROM campaign_day_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- One row for each campaign and currency, over all its days.
CREATE VIEW IF NOT EXISTS v_campaign_totals AS
SELECT platform, account_id, campaign_id, currency, min(day) AS first_day, max(day) AS last_day, count() AS days,
       sum(d.spend) AS spend, sum(d.impressions) AS impressions, sum(d.clicks) AS clicks,
       sum(d.link_clicks) AS link_clicks, sum(d.leads) AS leads, sum(d.purchases) AS purchases,
       sum(d.purchase_value) AS purchase_value, sum(d.crm_leads) AS crm_leads,
       sum(d.crm_qualified) AS crm_qualified, sum(d.crm_won) AS crm_won, sum(d.crm_revenue) AS crm_revenue
FROM v_campaign_days AS d
GROUP BY platform, account_id, campaign_id, currency;

-- The last score of each campaign and day.
CREATE VIEW IF NOT EXISTS v_scores AS
SELECT platform, account_id, campaign_id, as_of, cost_efficiency, lead_quality, volume, trend, engagement, total,
       recommendation, confidence, actionable, guard,
       CAST(reasons AS Array(Tuple(code String, figure Float64, target Float64, sentence String))) AS reasons,
       window_spend, window_impressions, window_link_clicks, window_leads, window_crm_leads, window_qualified,
       window_won, window_revenue, window_purchases, window_active_days, currency, scored_at, metrics_observed_at,
       policy_version, firing, _partition, _offset
FROM scores FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- The last score of each campaign.
-- A campaign lies in one partition, so the offset alone says which score is current; its day may go back, as when the
-- account's time zone becomes known.
CREATE VIEW IF NOT EXISTS v_current_scores AS
SELECT *
FROM v_scores
ORDER BY _offset DESC
LIMIT 1 BY platform, account_id, campaign_id;

CREATE VIEW IF NOT EXISTS v_recommendations AS
SELECT platform, account_id, campaign_id, campaign_name, as_of, cost_efficiency, lead_quality, volume, trend, engagement, total,
       action, previous_action, confidence, actionable, guard,
       CAST(reasons AS Array(Tuple(code String, figure Float64, target Float64, sentence String))) AS reasons,
       policy_version, announced_at, _partition, _offset
FROM recommendations FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE VIEW IF NOT EXISTS v_leads AS
SELECT lead_key, platform, account_id, campaign_id, campaign_at, stage, created_at, qualified_at, disqualified_at, won_at,
       lost_at, amount, currency, observed_at, _partition, _offset
FROM leads FINAL;

CREATE VIEW IF NOT EXISTS v_alerts AS
SELECT platform, account_id, campaign_id, subject, code, severity, state, figure, threshold, sentence, raised_at, _partition, _offset
FROM alerts FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE VIEW IF NOT EXISTS v_dead_letters AS
SELECT stage, reason_code, sentence, origin_topic, origin_partition, origin_offset, locator, refused_at, key, payload,
       CAST(headers AS Array(Tuple(name String, value String))) AS headers, _partition, _offset
FROM dead_letters FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
