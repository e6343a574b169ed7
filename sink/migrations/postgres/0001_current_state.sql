-- The current state that the API and the dashboard read, and how far each topic has been stored.
--
-- Money is in micros (millionths of the currency's major unit) as bigint: exact over the whole range of the records,
-- which numeric(18,6) is not. The views of the next migration show decimals.
-- Every row names the record it was written from (source_partition, source_offset). A key always lies in one
-- partition, so the offset is the row's version: a smaller one never overwrites a larger.

CREATE TABLE sink_offsets (
    sink_group   text        NOT NULL,
    topic        text        NOT NULL,
    partition    integer     NOT NULL,
    -- The first record that is not stored yet. Changed only together with the rows, and only from the value last seen.
    next_offset  bigint      NOT NULL CHECK (next_offset >= 0),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sink_group, topic, partition)
);

CREATE TABLE campaigns (
    campaign_key            text PRIMARY KEY,
    platform                text   NOT NULL,
    account_id              text   NOT NULL,
    campaign_id             text   NOT NULL,
    name                    text,
    status                  text,
    objective               text,
    daily_budget_micros     bigint,
    lifetime_budget_micros  bigint,
    time_zone               text,
    currency                text,
    frequency_7d            double precision,
    fatigue_level           text,
    fatigue_at              timestamptz,
    observed_at             timestamptz,
    source_partition        integer NOT NULL,
    source_offset           bigint  NOT NULL
);
CREATE INDEX campaigns_by_account ON campaigns (platform, account_id, campaign_id);

CREATE TABLE campaign_days (
    campaign_key           text   NOT NULL,
    day                    date   NOT NULL,
    platform               text   NOT NULL,
    account_id             text   NOT NULL,
    campaign_id            text   NOT NULL,
    currency               text,
    -- An absent figure was not reported, which is not zero.
    spend_micros           bigint,
    impressions            bigint,
    reach                  bigint,
    clicks                 bigint,
    link_clicks            bigint,
    leads                  bigint,
    purchases              bigint,
    purchase_value_micros  bigint,
    flags                  text[] NOT NULL,
    -- Leads of the CRM created on that day, as far as they have come.
    crm_leads              bigint NOT NULL,
    crm_qualified          bigint NOT NULL,
    crm_won                bigint NOT NULL,
    crm_revenue_micros     bigint NOT NULL,
    revision               integer NOT NULL,
    first_seen             timestamptz,
    last_seen              timestamptz,
    source_partition       integer NOT NULL,
    source_offset          bigint  NOT NULL,
    PRIMARY KEY (campaign_key, day)
);
CREATE INDEX campaign_days_by_day ON campaign_days (day);

CREATE TABLE leads (
    lead_key          text PRIMARY KEY,
    -- Absent while the lead is not attributed to a campaign.
    campaign_key      text,
    platform          text,
    account_id        text,
    campaign_id       text,
    campaign_at       timestamptz,
    stage             text NOT NULL,
    created_at        timestamptz,
    qualified_at      timestamptz,
    disqualified_at   timestamptz,
    won_at            timestamptz,
    lost_at           timestamptz,
    amount_micros     bigint,
    currency          text,
    observed_at       timestamptz NOT NULL,
    source_partition  integer NOT NULL,
    source_offset     bigint  NOT NULL
);
CREATE INDEX leads_by_campaign ON leads (campaign_key, created_at DESC);

CREATE TABLE scores (
    campaign_key           text PRIMARY KEY,
    platform               text NOT NULL,
    account_id             text NOT NULL,
    campaign_id            text NOT NULL,
    -- The day scored; the window is the 30 days before it.
    as_of                  date NOT NULL,
    cost_efficiency        double precision NOT NULL,
    lead_quality           double precision NOT NULL,
    volume                 double precision NOT NULL,
    trend                  double precision NOT NULL,
    engagement             double precision NOT NULL,
    total                  double precision NOT NULL,
    recommendation         text NOT NULL,
    confidence             double precision NOT NULL,
    actionable             boolean NOT NULL,
    guard                  text,
    -- A list of {code, figure, target, sentence}, most important first.
    reasons                jsonb NOT NULL,
    window_spend_micros    bigint NOT NULL,
    window_impressions     bigint NOT NULL,
    window_link_clicks     bigint NOT NULL,
    window_leads           bigint NOT NULL,
    window_crm_leads       bigint NOT NULL,
    window_qualified       bigint NOT NULL,
    window_won             bigint NOT NULL,
    window_revenue_micros  bigint NOT NULL,
    window_purchases       bigint NOT NULL,
    window_active_days     integer NOT NULL,
    currency               text,
    scored_at              timestamptz NOT NULL,
    metrics_observed_at    timestamptz,
    policy_version         text NOT NULL,
    announced_action       text,
    announced_at           timestamptz,
    -- Codes of the alerts that are firing.
    firing                 text[] NOT NULL,
    source_partition       integer NOT NULL,
    source_offset          bigint  NOT NULL
);
CREATE INDEX scores_by_total ON scores (total DESC, campaign_key);
CREATE INDEX scores_by_account ON scores (platform, account_id);

CREATE TABLE recommendations (
    campaign_key      text NOT NULL,
    as_of             date NOT NULL,
    announced_at      timestamptz NOT NULL,
    action            text NOT NULL,
    platform          text NOT NULL,
    account_id        text NOT NULL,
    campaign_id       text NOT NULL,
    campaign_name     text,
    previous_action   text,
    cost_efficiency   double precision NOT NULL,
    lead_quality      double precision NOT NULL,
    volume            double precision NOT NULL,
    trend             double precision NOT NULL,
    engagement        double precision NOT NULL,
    total             double precision NOT NULL,
    confidence        double precision NOT NULL,
    actionable        boolean NOT NULL,
    guard             text,
    reasons           jsonb NOT NULL,
    policy_version    text NOT NULL,
    -- What people did about it. The sink writes NEW once and never touches it again.
    status            text NOT NULL DEFAULT 'NEW'
                      CHECK (status IN ('NEW', 'ACKNOWLEDGED', 'APPLIED', 'DISMISSED')),
    status_at         timestamptz,
    source_partition  integer NOT NULL,
    source_offset     bigint  NOT NULL,
    PRIMARY KEY (campaign_key, as_of, announced_at, action)
);
CREATE INDEX recommendations_newest ON recommendations (announced_at DESC, campaign_key);
CREATE INDEX recommendations_by_campaign ON recommendations (campaign_key, announced_at DESC, source_offset DESC);

CREATE TABLE alerts (
    -- The campaign key, or platform:account for an alert of an account.
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
    PRIMARY KEY (subject, code, raised_at, state)
);
CREATE INDEX alerts_newest ON alerts (raised_at DESC);
CREATE INDEX alerts_by_subject ON alerts (subject, code, raised_at DESC, source_offset DESC);
