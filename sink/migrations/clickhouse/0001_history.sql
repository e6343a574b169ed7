-- The history for analytics. Every table keeps the newest version of each row by its natural key.
--
-- The version is _offset, the record's offset in its topic: a key always lies in one partition, so offsets of one key
-- only grow, and writing a record again changes nothing. A table may hold older versions until they are merged: read
-- the views of the next migration, which show each row once.
--
-- Money is Decimal(18, 6), which is stored and sent as the very Int64 of micros that the records carry, so that sums are
-- exact and no reader divides. Symbols are LowCardinality(String) rather than Enum: a new action or status needs no
-- migration. Tables are cut by month only where the month follows from the key, because rows of one key are merged
-- within one part of the table. Every table remembers the tokens of its last 10,000 blocks, so that an insert that is
-- repeated after a lost answer is dropped.

CREATE TABLE IF NOT EXISTS campaigns (
    platform               LowCardinality(String),
    account_id             String,
    campaign_id            String,
    name                   Nullable(String),
    status                 LowCardinality(Nullable(String)),
    objective              LowCardinality(Nullable(String)),
    daily_budget           Nullable(Decimal(18, 6)),
    lifetime_budget        Nullable(Decimal(18, 6)),
    time_zone              LowCardinality(Nullable(String)),
    currency               LowCardinality(Nullable(String)),
    frequency_7d           Nullable(Float64),
    fatigue_level          LowCardinality(Nullable(String)),
    fatigue_at             Nullable(DateTime64(3, 'UTC')),
    observed_at            Nullable(DateTime64(3, 'UTC')),
    _deleted               UInt8,
    _partition             Int32,
    _offset                UInt64
)
ENGINE = ReplacingMergeTree(_offset, _deleted)
ORDER BY (platform, account_id, campaign_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- The latest figures of each campaign's day.
CREATE TABLE IF NOT EXISTS campaign_days (
    platform               LowCardinality(String),
    account_id             String,
    campaign_id            String,
    day                    Date32,
    currency               LowCardinality(Nullable(String)),
    spend                  Nullable(Decimal(18, 6)),
    impressions            Nullable(Int64),
    reach                  Nullable(Int64),
    clicks                 Nullable(Int64),
    link_clicks            Nullable(Int64),
    leads                  Nullable(Int64),
    purchases              Nullable(Int64),
    purchase_value         Nullable(Decimal(18, 6)),
    flags                  Array(LowCardinality(String)),
    crm_leads              Int64,
    crm_qualified          Int64,
    crm_won                Int64,
    crm_revenue            Decimal(18, 6),
    revision               Int32,
    first_seen             Nullable(DateTime64(3, 'UTC')),
    last_seen              Nullable(DateTime64(3, 'UTC')),
    _deleted               UInt8,
    _partition             Int32,
    _offset                UInt64
)
ENGINE = ReplacingMergeTree(_offset, _deleted)
PARTITION BY toYYYYMM(day)
ORDER BY (platform, account_id, campaign_id, day)
SETTINGS non_replicated_deduplication_window = 10000;

-- One row for each revision of a day's figures: how they changed as the source restated them.
CREATE TABLE IF NOT EXISTS campaign_day_revisions (
    platform               LowCardinality(String),
    account_id             String,
    campaign_id            String,
    day                    Date32,
    currency               LowCardinality(Nullable(String)),
    spend                  Nullable(Decimal(18, 6)),
    impressions            Nullable(Int64),
    reach                  Nullable(Int64),
    clicks                 Nullable(Int64),
    link_clicks            Nullable(Int64),
    leads                  Nullable(Int64),
    purchases              Nullable(Int64),
    purchase_value         Nullable(Decimal(18, 6)),
    flags                  Array(LowCardinality(String)),
    crm_leads              Int64,
    crm_qualified          Int64,
    crm_won                Int64,
    crm_revenue            Decimal(18, 6),
    revision               Int32,
    first_seen             Nullable(DateTime64(3, 'UTC')),
    last_seen              Nullable(DateTime64(3, 'UTC')),
    _partition             Int32,
    _offset                UInt64
)
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(day)
ORDER BY (platform, account_id, campaign_id, day, revision)
SETTINGS non_replicated_deduplication_window = 10000;

-- The last score of each campaign and day scored.
CREATE TABLE IF NOT EXISTS scores (
    platform               LowCardinality(String),
    account_id             String,
    campaign_id            String,
    as_of                  Date32,
    cost_efficiency        Float64,
    lead_quality           Float64,
    volume                 Float64,
    trend                  Float64,
    engagement             Float64,
    total                  Float64,
    recommendation         LowCardinality(String),
    confidence             Float64,
    actionable             Bool,
    guard                  LowCardinality(Nullable(String)),
    -- (code, figure, target, sentence), most important first.
    reasons                Array(Tuple(String, Float64, Float64, String)),
    window_spend           Decimal(18, 6),
    window_impressions     Int64,
    window_link_clicks     Int64,
    window_leads           Int64,
    window_crm_leads       Int64,
    window_qualified       Int64,
    window_won             Int64,
    window_revenue         Decimal(18, 6),
    window_purchases       Int64,
    window_active_days     Int32,
    currency               LowCardinality(Nullable(String)),
    scored_at              DateTime64(3, 'UTC'),
    metrics_observed_at    Nullable(DateTime64(3, 'UTC')),
    policy_version         LowCardinality(String),
    firing                 Array(LowCardinality(String)),
    _partition             Int32,
    _offset                UInt64
)
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(as_of)
ORDER BY (platform, account_id, campaign_id, as_of)
SETTINGS non_replicated_deduplication_window = 10000;

-- Every announcement.
CREATE TABLE IF NOT EXISTS recommendations (
    platform               LowCardinality(String),
    account_id             String,
    campaign_id            String,
    campaign_name          Nullable(String),
    as_of                  Date32,
    cost_efficiency        Float64,
    lead_quality           Float64,
    volume                 Float64,
    trend                  Float64,
    engagement             Float64,
    total                  Float64,
    action                 LowCardinality(String),
    previous_action        LowCardinality(Nullable(String)),
    confidence             Float64,
    actionable             Bool,
    guard                  LowCardinality(Nullable(String)),
    reasons                Array(Tuple(String, Float64, Float64, String)),
    policy_version         LowCardinality(String),
    announced_at           DateTime64(3, 'UTC'),
    _partition             Int32,
    _offset                UInt64
)
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(announced_at)
ORDER BY (platform, account_id, campaign_id, as_of, announced_at, action)
SETTINGS non_replicated_deduplication_window = 10000;

-- The state of each lead. Not cut by month: a lead's creation may become known after the lead.
CREATE TABLE IF NOT EXISTS leads (
    lead_key               String,
    platform               LowCardinality(Nullable(String)),
    account_id             Nullable(String),
    campaign_id            Nullable(String),
    campaign_at            Nullable(DateTime64(3, 'UTC')),
    stage                  LowCardinality(String),
    created_at             Nullable(DateTime64(3, 'UTC')),
    qualified_at           Nullable(DateTime64(3, 'UTC')),
    disqualified_at        Nullable(DateTime64(3, 'UTC')),
    won_at                 Nullable(DateTime64(3, 'UTC')),
    lost_at                Nullable(DateTime64(3, 'UTC')),
    amount                 Nullable(Decimal(18, 6)),
    currency               LowCardinality(Nullable(String)),
    observed_at            DateTime64(3, 'UTC'),
    _deleted               UInt8,
    _partition             Int32,
    _offset                UInt64
)
ENGINE = ReplacingMergeTree(_offset, _deleted)
ORDER BY lead_key
SETTINGS non_replicated_deduplication_window = 10000;

-- Every time an alert fired or resolved.
CREATE TABLE IF NOT EXISTS alerts (
    platform               LowCardinality(String),
    account_id             String,
    campaign_id            Nullable(String),
    -- The campaign key, or platform:account for an alert of an account.
    subject                String,
    code                   LowCardinality(String),
    severity               LowCardinality(String),
    state                  LowCardinality(String),
    figure                 Nullable(Float64),
    threshold              Nullable(Float64),
    sentence               String,
    raised_at              DateTime64(3, 'UTC'),
    _partition             Int32,
    _offset                UInt64
)
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(raised_at)
ORDER BY (subject, code, raised_at, state)
SETTINGS non_replicated_deduplication_window = 10000;

-- Every record that was refused, whole. A dead letter is identified by its own place in the topic.
CREATE TABLE IF NOT EXISTS dead_letters (
    stage                  LowCardinality(String),
    reason_code            LowCardinality(String),
    sentence               String,
    origin_topic           LowCardinality(Nullable(String)),
    origin_partition       Nullable(Int32),
    origin_offset          Nullable(Int64),
    locator                String,
    refused_at             DateTime64(3, 'UTC'),
    key                    Nullable(String),
    payload                String CODEC(ZSTD(3)),
    headers                Array(Tuple(String, String)),
    _partition             Int32,
    _offset                UInt64
)
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(refused_at)
ORDER BY (stage, refused_at, _partition, _offset)
SETTINGS non_replicated_deduplication_window = 10000;
