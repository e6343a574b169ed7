//! `adpulse policy`: scores the cases of a file with the effective policy, and shows what is in force and who set it.
//!
//! Both read the settings alone: neither Kafka nor a store is asked.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use comfy_table::Table;
use processor::score::{ScoreDay, ScoreInput, score};
use processor::{Policy, ScorePolicy};
use schemas::{AccountKey, CampaignKey, Day, Micros};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::print;
use crate::cli::{PolicyCommand, PolicyShowArgs};
use crate::config::Config;
use crate::connect;

/// The day that cases are scored on. Their days are told by age, so any day does.
const AS_OF: Day = Day(20_000);
/// Ages that can be told; the window reads 30.
const AGE_MAX: u16 = 3_660;

/// Columns of a terminal of ordinary width.
const TABLE_WIDTH: u16 = 110;

pub fn run(config: &Config, command: &PolicyCommand) -> anyhow::Result<ExitCode> {
    let policy = connect::policy(config)?;
    match command {
        PolicyCommand::Test { cases, json } => test(&policy, cases, *json),
        PolicyCommand::Show(args) => show(&policy, args),
    }
}

/// One case of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    policy: toml::Table,
    frequency_7d: Option<f64>,
    creative_fatigue_high: bool,
    age_hours: Option<f64>,
    days: Vec<CaseDay>,
    expect: Figures,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseDay {
    age: u16,
    spend: String,
    impressions: i64,
    link_clicks: i64,
    platform_leads: i64,
    crm_leads: i64,
    qualified: i64,
    won: i64,
    revenue: String,
}

/// The published figures of a score.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    cost_efficiency: f64,
    lead_quality: f64,
    volume: f64,
    trend: f64,
    engagement: f64,
    total: f64,
    recommendation: String,
    confidence: f64,
    actionable: bool,
    guard: Option<String>,
}

/// A figure that is not what the case expects.
#[derive(Serialize)]
struct Difference<'a> {
    case: &'a str,
    field: &'static str,
    expected: Value,
    got: Value,
}

fn test(policy: &Policy, path: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let cases: Vec<Case> = serde_json::from_str(&text).with_context(|| {
        format!("{} is not a file of cases: a list in the format of vectors.json", path.display())
    })?;
    if cases.is_empty() {
        bail!("{} has no cases", path.display());
    }
    // Cases name no account: what is in force is what holds for an account that the policy does not name.
    let base = policy.account("", "");
    let mut differences = Vec::new();
    let mut differing = 0;
    for (at, case) in (1..).zip(&cases) {
        let got = scored(case, &base.score)
            .with_context(|| format!("{}, case {at} ({:?})", path.display(), case.name))?;
        let found = compare(case, &got);
        differing += usize::from(!found.is_empty());
        differences.extend(found);
    }
    let passed = cases.len() - differing;
    if as_json {
        let report = json!({
            "cases": cases.len(), "passed": passed, "policy_version": base.version, "differences": differences,
        });
        print(&serde_json::to_string_pretty(&report)?)?;
    } else {
        if !differences.is_empty() {
            let mut table = Table::new();
            table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
            table.set_header(["case", "field", "expected", "got"]);
            for found in &differences {
                let (expected, got) = (found.expected.to_string(), found.got.to_string());
                table.add_row([found.case, found.field, &expected, &got]);
            }
            print(&table.to_string())?;
        }
        let cases = cases.len();
        print(&format!("{passed} of {cases} cases are as expected, policy version {}", base.version))?;
    }
    Ok(if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scored(case: &Case, in_force: &ScorePolicy) -> anyhow::Result<Figures> {
    let policy = in_force.with_overrides(&case.policy)?;
    let mut days = Vec::with_capacity(case.days.len());
    for day in &case.days {
        let read = score_day(day).with_context(|| format!("the day of age {}", day.age))?;
        if days.iter().any(|known: &ScoreDay| known.day == read.day) {
            bail!("two days have age {}", day.age);
        }
        days.push(read);
    }
    let input = ScoreInput {
        as_of: AS_OF,
        days: &days,
        frequency_7d: case.frequency_7d,
        fatigue_high: case.creative_fatigue_high,
        metrics_age_hours: case.age_hours,
    };
    let scored = score(&input, &policy);
    Ok(Figures {
        cost_efficiency: scored.parts.cost_efficiency,
        lead_quality: scored.parts.lead_quality,
        volume: scored.parts.volume,
        trend: scored.parts.trend,
        engagement: scored.parts.engagement,
        total: scored.total,
        recommendation: scored.recommendation.symbol().to_owned(),
        confidence: scored.confidence,
        actionable: scored.actionable,
        guard: scored.guard.map(|guard| guard.symbol().to_owned()),
    })
}

fn score_day(day: &CaseDay) -> anyhow::Result<ScoreDay> {
    if day.age > AGE_MAX {
        bail!("an age is at most {AGE_MAX} days");
    }
    Ok(ScoreDay {
        day: Day(AS_OF.0 - i32::from(day.age)),
        spend: Micros::parse(&day.spend).with_context(|| format!("spend {:?}", day.spend))?,
        impressions: day.impressions,
        link_clicks: day.link_clicks,
        platform_leads: day.platform_leads,
        crm_leads: day.crm_leads,
        qualified: day.qualified,
        won: day.won,
        revenue: Micros::parse(&day.revenue).with_context(|| format!("revenue {:?}", day.revenue))?,
        purchases: 0,
    })
}

/// Published figures have 2 decimals, so they are the same or they differ.
fn compare<'a>(case: &'a Case, got: &Figures) -> Vec<Difference<'a>> {
    let expected = &case.expect;
    let fields = [
        ("cost_efficiency", json!(expected.cost_efficiency), json!(got.cost_efficiency)),
        ("lead_quality", json!(expected.lead_quality), json!(got.lead_quality)),
        ("volume", json!(expected.volume), json!(got.volume)),
        ("trend", json!(expected.trend), json!(got.trend)),
        ("engagement", json!(expected.engagement), json!(got.engagement)),
        ("total", json!(expected.total), json!(got.total)),
        ("recommendation", json!(expected.recommendation), json!(got.recommendation)),
        ("confidence", json!(expected.confidence), json!(got.confidence)),
        ("actionable", json!(expected.actionable), json!(got.actionable)),
        ("guard", json!(expected.guard), json!(got.guard)),
    ];
    let differing = fields.into_iter().filter(|(_, expected, got)| expected != got);
    differing.map(|(field, expected, got)| Difference { case: &case.name, field, expected, got }).collect()
}

fn show(policy: &Policy, args: &PolicyShowArgs) -> anyhow::Result<ExitCode> {
    let Some([platform, account_id]) = AccountKey::split(&args.account) else {
        bail!("{:?} is not an account: it is named platform:account_id, such as facebook:123", args.account);
    };
    let key = args.campaign.as_ref().map(|campaign_id| {
        CampaignKey { platform: &platform, account_id: &account_id, campaign_id }.to_string()
    });
    let version = match &key {
        Some(key) => policy.campaign(&platform, &account_id, key, args.name.as_deref()).version.clone(),
        None => policy.account(&platform, &account_id).version.clone(),
    };
    let settings = policy.explain(&platform, &account_id, key.as_deref(), args.name.as_deref());
    if args.json {
        let report = json!({"account": args.account, "campaign": key, "policy_version": version, "settings": settings});
        print(&serde_json::to_string_pretty(&report)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    // Lists of points are long; a terminal of ordinary width still shows whole rows.
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(TABLE_WIDTH);
    table.set_header(["section", "key", "value", "set by"]);
    for setting in &settings {
        table.add_row([&setting.section, &setting.key, &setting.value, &setting.layer.to_string()]);
    }
    print(&table.to_string())?;
    let named = policy.accounts().any(|key| key.to_string() == args.account);
    let note = if named { "" } else { " (the policy does not name the account)" };
    print(&format!("{}{note}, policy version {version}", key.as_deref().unwrap_or(&args.account)))?;
    Ok(ExitCode::SUCCESS)
}
