-- What exactly is doubtful, how a day's figures read when they were first seen, ad accounts, and which alerts are firing.
-- Rows written before have the defaults: no doubts, not restated, nothing known.

ALTER TABLE campaigns
    ADD COLUMN frequency_at  timestamptz,
    ADD COLUMN known_since   timestamptz;

ALTER TABLE campaign_days
    ADD COLUMN doubts                      text[]  NOT NULL DEFAULT '{}',
    -- The figures have changed since they were first seen. The first_ figures are there only then, and absent where the
    -- figure was not reported at first.
    ADD COLUMN restated                    boolean NOT NULL DEFAULT false,
    ADD COLUMN first_spend_micros          bigint,
    ADD COLUMN first_impressions           bigint,
    ADD COLUMN first_reach                 bigint,
    ADD COLUMN first_clicks                bigint,
    ADD COLUMN first_link_clicks           bigint,
    ADD COLUMN first_leads                 bigint,
    ADD COLUMN first_purchases             bigint,
    ADD COLUMN first_purchase_value_micros bigint;

ALTER TABLE leads
    ADD COLUMN account_time_zone  text,
    ADD COLUMN account_currency   text,
    ADD COLUMN account_at         timestamptz;

CREATE TABLE accounts (
    account_key       text PRIMARY KEY,
    platform          text NOT NULL,
    account_id        text NOT NULL,
    name              text,
    -- ACTIVE, or why the platform does not serve the account.
    status            text,
    time_zone         text,
    currency          text,
    -- Why the source cannot read the account, absent when it can, and when it last said so.
    failure_code      text,
    failure           text,
    failure_at        timestamptz,
    observed_at       timestamptz,
    -- The newest hours that had records: a list of {hour_start, records, incomplete, outlier, rejected}, oldest first,
    -- hour_start in milliseconds since 1970.
    hours             jsonb NOT NULL,
    -- Codes of the alerts that are firing.
    firing            text[] NOT NULL,
    source_partition  integer NOT NULL,
    source_offset     bigint  NOT NULL
);
CREATE INDEX accounts_by_id ON accounts (account_id);

-- The newest record of each alert of each subject: whether it is firing, and since when. The table alerts keeps every
-- record, and grows; this one does not.
CREATE TABLE current_alerts (
    subject           text NOT NULL,
    code              text NOT NULL,
    raised_at         timestamptz NOT NULL,
    state             text NOT NULL,
    severity          text NOT NULL,
    platform          text NOT NULL,
    account_id        text NOT NULL,
    campaign_id       text,
    figure            double precision,
    threshold         double precision,
    sentence          text NOT NULL,
    source_partition  integer NOT NULL,
    source_offset     bigint  NOT NULL,
    PRIMARY KEY (subject, code)
);
CREATE INDEX current_alerts_firing ON current_alerts (raised_at DESC, source_offset DESC) WHERE state = 'FIRING';

INSERT INTO current_alerts
SELECT DISTINCT ON (subject, code)
       subject, code, raised_at, state, severity, platform, account_id, campaign_id, figure, threshold, sentence,
       source_partition, source_offset
FROM alerts
ORDER BY subject, code, raised_at DESC, source_offset DESC;

CREATE OR REPLACE VIEW v_firing_alerts AS
SELECT subject, code, raised_at, state, severity, platform, account_id, campaign_id, figure, threshold, sentence,
       source_partition, source_offset
FROM current_alerts
WHERE state = 'FIRING';

CREATE OR REPLACE VIEW v_campaign_days AS
SELECT campaign_key, day, platform, account_id, campaign_id, currency,
       spend_micros::numeric * 0.000001 AS spend,
       impressions, reach, clicks, link_clicks, leads, purchases,
       purchase_value_micros::numeric * 0.000001 AS purchase_value,
       flags, crm_leads, crm_qualified, crm_won,
       crm_revenue_micros::numeric * 0.000001 AS crm_revenue,
       revision, first_seen, last_seen, doubts, restated,
       first_spend_micros::numeric * 0.000001 AS first_spend,
       first_impressions, first_reach, first_clicks, first_link_clicks, first_leads, first_purchases,
       first_purchase_value_micros::numeric * 0.000001 AS first_purchase_value
FROM campaign_days;

-- The newest hours of each account, one row for each.
CREATE VIEW v_account_hours AS
SELECT a.account_key, a.platform, a.account_id, a.name,
       to_timestamp(h.hour_start / 1000.0) AS hour_start,
       h.records, h.incomplete, h.outlier, h.rejected
FROM accounts a
CROSS JOIN LATERAL jsonb_to_recordset(a.hours)
    AS h (hour_start bigint, records bigint, incomplete bigint, outlier bigint, rejected bigint);
