-- What exactly is doubtful, how a day's figures read when they were first seen, and ad accounts with the quality of their
-- records.
--
-- Every statement says IF NOT EXISTS or OR REPLACE, because two processes may migrate at once. Rows written before have
-- the defaults: no doubts, not restated, nothing known.

ALTER TABLE campaigns
    ADD COLUMN IF NOT EXISTS frequency_at  Nullable(DateTime64(3, 'UTC')) AFTER frequency_7d,
    ADD COLUMN IF NOT EXISTS known_since   Nullable(DateTime64(3, 'UTC')) AFTER observed_at;

-- first_ figures are there only where restated says so, and absent where the figure was not reported at first.
ALTER TABLE campaign_days
    ADD COLUMN IF NOT EXISTS doubts                Array(LowCardinality(String)) AFTER flags,
    ADD COLUMN IF NOT EXISTS restated              Bool AFTER last_seen,
    ADD COLUMN IF NOT EXISTS first_spend           Nullable(Decimal(18, 6)) AFTER restated,
    ADD COLUMN IF NOT EXISTS first_impressions     Nullable(Int64) AFTER first_spend,
    ADD COLUMN IF NOT EXISTS first_reach           Nullable(Int64) AFTER first_impressions,
    ADD COLUMN IF NOT EXISTS first_clicks          Nullable(Int64) AFTER first_reach,
    ADD COLUMN IF NOT EXISTS first_link_clicks     Nullable(Int64) AFTER first_clicks,
    ADD COLUMN IF NOT EXISTS first_leads           Nullable(Int64) AFTER first_link_clicks,
    ADD COLUMN IF NOT EXISTS first_purchases       Nullable(Int64) AFTER first_leads,
    ADD COLUMN IF NOT EXISTS first_purchase_value  Nullable(Decimal(18, 6)) AFTER first_purchases;

-- Revision 1 holds the first figures already.
ALTER TABLE campaign_day_revisions
    ADD COLUMN IF NOT EXISTS doubts  Array(LowCardinality(String)) AFTER flags;

ALTER TABLE leads
    ADD COLUMN IF NOT EXISTS account_time_zone  LowCardinality(Nullable(String)) AFTER currency,
    ADD COLUMN IF NOT EXISTS account_currency   LowCardinality(Nullable(String)) AFTER account_time_zone,
    ADD COLUMN IF NOT EXISTS account_at         Nullable(DateTime64(3, 'UTC')) AFTER account_currency;

CREATE TABLE IF NOT EXISTS accounts (
    platform               LowCardinality(String),
    account_id             String,
    name                   Nullable(String),
    -- ACTIVE, or why the platform does not serve the account.
    status                 LowCardinality(Nullable(String)),
    time_zone              LowCardinality(Nullable(String)),
    currency               LowCardinality(Nullable(String)),
    -- Why the source cannot read the account, absent when it can, and when it last said so.
    failure_code           LowCardinality(Nullable(String)),
    failure                Nullable(String),
    failure_at             Nullable(DateTime64(3, 'UTC')),
    observed_at            Nullable(DateTime64(3, 'UTC')),
    firing                 Array(LowCardinality(String)),
    _deleted               UInt8,
    _partition             Int32,
    _offset                UInt64
)
ENGINE = ReplacingMergeTree(_offset, _deleted)
ORDER BY (platform, account_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- Records of an account by the hour in which they were observed, by outcome. An account's record carries its newest hours
-- only; here they stay.
CREATE TABLE IF NOT EXISTS account_hours (
    platform               LowCardinality(String),
    account_id             String,
    hour_start             DateTime64(3, 'UTC'),
    records                Int64,
    incomplete             Int64,
    outlier                Int64,
    rejected               Int64,
    _partition             Int32,
    _offset                UInt64
)
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(hour_start)
ORDER BY (platform, account_id, hour_start)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE OR REPLACE VIEW v_campaigns AS
SELECT platform, account_id, campaign_id, name, status, objective, daily_budget, lifetime_budget, time_zone, currency,
       frequency_7d, frequency_at, fatigue_level, fatigue_at, observed_at, known_since, _partition, _offset
FROM campaigns FINAL;

CREATE OR REPLACE VIEW v_campaign_days AS
SELECT platform, account_id, campaign_id, day, currency, spend, impressions, reach, clicks, link_clicks, leads, purchases, purchase_value,
       flags, doubts, crm_leads, crm_qualified, crm_won, crm_revenue, revision, first_seen, last_seen, restated, first_spend,
       first_impressions, first_reach, first_clicks, first_link_clicks, first_leads, first_purchases,
       first_purchase_value, _partition, _offset
FROM campaign_days FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW v_campaign_day_revisions AS
SELECT platform, account_id, campaign_id, day, currency, spend, impressions, reach, clicks, link_clicks, leads, purchases, purchase_value,
       flags, doubts, crm_leads, crm_qualified, crm_won, crm_revenue, revision, first_seen, last_seen, _partition, _offset
FROM campaign_day_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW v_leads AS
SELECT lead_key, platform, account_id, campaign_id, campaign_at, stage, created_at, qualified_at, disqualified_at, won_at,
       lost_at, amount, currency, account_time_zone, account_currency, account_at, observed_at, _partition, _offset
FROM leads FINAL;

CREATE OR REPLACE VIEW v_accounts AS
SELECT platform, account_id, name, status, time_zone, currency, failure_code, failure, failure_at, observed_at, firing, _partition, _offset
FROM accounts FINAL;

-- Each account's records by hour, with the share that was flagged or refused. A fact may be both incomplete and an
-- outlier, so the share never exceeds one.
CREATE OR REPLACE VIEW v_account_hours AS
SELECT platform, account_id, hour_start, records, incomplete, outlier, rejected,
       if(h.records > 0, least(1, (h.incomplete + h.outlier + h.rejected) / h.records), 0) AS bad_share,
       _partition, _offset
FROM account_hours AS h FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Alerts that have fired and not resolved: of each subject and code the newest record counts.
CREATE OR REPLACE VIEW v_firing_alerts AS
SELECT * FROM (
    SELECT *
    FROM v_alerts
    ORDER BY raised_at DESC, _offset DESC
    LIMIT 1 BY subject, code
)
WHERE state = 'FIRING';
