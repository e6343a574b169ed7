//! Each alert fires at its threshold and not just below, says so with its figures, resolves, and keeps still while
//! there is too little to judge by.

use proptest::prelude::*;

use super::*;
use crate::Policy;
use crate::score::{ScoreDay, Window};

const TODAY: Day = Day(20_000);
const HOUR_MS: i64 = 3_600_000;

fn policy(text: &str) -> std::sync::Arc<EffectivePolicy> {
    Policy::from_toml(text).unwrap().account("facebook", "1")
}

fn day(age: i32, spend: &str, leads: i64) -> ScoreDay {
    let spend = Micros::parse(spend).unwrap();
    ScoreDay { day: Day(TODAY.0 - age), spend, platform_leads: leads, ..ScoreDay::default() }
}

fn summed(as_of: Day, days: &[ScoreDay]) -> Sums {
    Sums::from(&Window::of(as_of, days.iter()))
}

/// An ACTIVE campaign with fresh figures, known for 40 days, noon of its day.
fn view(days: &[ScoreDay]) -> CampaignView<'static> {
    let log_time = TimestampMs(TODAY.midnight_utc().0 + 12 * HOUR_MS);
    CampaignView {
        as_of: TODAY,
        log_time,
        local_hour: 12,
        status: Some("ACTIVE"),
        known_since: Some(Day(TODAY.0 - 40).midnight_utc()),
        metrics_at: Some(log_time),
        daily_budget: None,
        lifetime_budget: None,
        lifetime_spend: Micros::ZERO,
        currency: Some("USD"),
        sums: summed(TODAY, days),
    }
}

/// The day after, with the same figures.
fn tomorrow(view: CampaignView<'static>, days: &[ScoreDay]) -> CampaignView<'static> {
    let as_of = Day(TODAY.0 + 1);
    CampaignView { as_of, sums: summed(as_of, days), ..view }
}

fn alerts(view: &CampaignView<'_>, policy: &EffectivePolicy) -> Vec<&'static str> {
    campaign_alerts(view, Codes::default(), policy).symbols().collect()
}

fn check(view: &CampaignView<'_>, expected: &[&str]) {
    assert_eq!(alerts(view, &policy("")), expected, "{view:?}");
}

fn words(code: AlertCode, view: &CampaignView<'_>, state: AlertState) -> (Option<f64>, Option<f64>, String) {
    let words = describe_campaign(code, view, state, &policy("")).unwrap();
    (words.figure, words.threshold, words.sentence)
}

/// The 7 days before yesterday, each the same.
fn week(spend: &str, leads: i64) -> Vec<ScoreDay> {
    (2..=8).rev().map(|age| day(age, spend, leads)).collect()
}

fn with(mut days: Vec<ScoreDay>, more: &[ScoreDay]) -> Vec<ScoreDay> {
    days.extend(more);
    days
}

#[test]
fn a_spend_spike_fires_at_the_ratio_and_not_a_cent_below() {
    // Leads rise with the spend, so that only the spend is news.
    check(&view(&with(week("100.00", 10), &[day(1, "150.00", 15)])), &["SPEND_SPIKE"]);
    check(&view(&with(week("100.00", 10), &[day(1, "149.99", 15)])), &[]);
}

#[test]
fn a_spend_spike_needs_active_days_and_more_than_pennies() {
    let few: Vec<_> = (2..=5).rev().map(|age| day(age, "100.00", 10)).collect();
    check(&view(&with(few, &[day(1, "150.00", 15)])), &[]);
    let enough: Vec<_> = (2..=6).rev().map(|age| day(age, "100.00", 10)).collect();
    check(&view(&with(enough.clone(), &[day(1, "150.00", 15)])), &["SPEND_SPIKE"]);
    check(&view(&with(enough, &[day(1, "100.00", 10)])), &[]);
    check(&view(&with(week("5.00", 1), &[day(1, "27.65", 6)])), &[]);
    check(&view(&with(week("5.00", 1), &[day(1, "27.66", 6)])), &["SPEND_SPIKE"]);
    let shown: Vec<_> = (2..=8).map(|age| ScoreDay { impressions: 9, ..day(age, "0", 0) }).collect();
    check(&view(&with(shown, &[day(1, "150.00", 9)])), &[]);
}

#[test]
fn a_spend_spike_names_both_figures_while_it_fires_and_after() {
    let days = with(week("142.86", 10), &[day(1, "300.00", 30)]);
    let sentence =
        "Yesterday's spend of 300.00 USD is 2.1 times the mean of 142.86 USD of the 7 days before.";
    let code = AlertCode::SpendSpike;
    let expected = (Some(300.0), Some(214.29), sentence.to_owned());
    assert_eq!(words(code, &view(&days), AlertState::Firing), expected);
    let sentence = "Yesterday's spend was 0.00 USD; the mean of the 7 days before was 165.31 USD.";
    let later = tomorrow(view(&days), &days);
    check(&later, &[]);
    assert_eq!(words(code, &later, AlertState::Resolved).2, sentence);
}

#[test]
fn a_cost_per_lead_spike_fires_at_the_ratio_and_not_a_cent_below() {
    check(&view(&with(week("100.00", 10), &[day(1, "105.00", 7)])), &["COST_PER_LEAD_SPIKE"]);
    check(&view(&with(week("100.00", 10), &[day(1, "104.99", 7)])), &[]);
    let few: Vec<_> = [2, 3].iter().map(|&age| day(age, "100.00", 10)).collect();
    check(&view(&with(few, &[day(1, "60.00", 1)])), &[]);
}

#[test]
fn spend_without_a_lead_is_the_cost_of_the_first() {
    let days = with(week("100.00", 4), &[day(1, "100.00", 0)]);
    check(&view(&days), &["COST_PER_LEAD_SPIKE"]);
    let sentence = "Yesterday's cost per lead of 100.00 USD (none for 100.00 USD) is 4.0 times the 25.00 USD of the 7 days before.";
    let expected = (Some(100.0), Some(37.5), sentence.to_owned());
    assert_eq!(words(AlertCode::CostPerLeadSpike, &view(&days), AlertState::Firing), expected);
    // Never a lead on either side: the whole week's spend is what a lead cost so far.
    check(&view(&with(week("100.00", 0), &[day(1, "140.00", 0)])), &[]);
}

#[test]
fn figures_are_stale_at_24_hours_and_very_stale_at_48() {
    let days = [day(2, "10.00", 1)];
    let aged =
        |ms: i64| CampaignView { metrics_at: Some(TimestampMs(view(&days).log_time.0 - ms)), ..view(&days) };
    check(&aged(24 * HOUR_MS - 1), &[]);
    check(&aged(24 * HOUR_MS), &["STALE_DATA"]);
    check(&aged(48 * HOUR_MS - 1), &["STALE_DATA"]);
    check(&aged(48 * HOUR_MS), &["STALE_DATA", "VERY_STALE_DATA"]);
    check(&CampaignView { status: None, ..aged(30 * HOUR_MS) }, &["STALE_DATA"]);
    check(&CampaignView { status: Some("PAUSED"), ..aged(30 * HOUR_MS) }, &[]);
    check(&CampaignView { metrics_at: None, ..view(&days) }, &[]);
    let said = |view: &CampaignView<'_>, state| words(AlertCode::StaleData, view, state);
    let sentence = "The newest figures are 25 hours old; 24 hours is the limit while a campaign delivers.";
    let old = aged(26 * HOUR_MS - 1);
    assert_eq!(said(&old, AlertState::Firing), (Some(25.0), Some(24.0), sentence.to_owned()));
    let fresh = said(&aged(HOUR_MS), AlertState::Resolved).2;
    assert_eq!(fresh, "The newest figures are 1 hour old.");
    let paused = said(&CampaignView { status: Some("PAUSED"), ..old }, AlertState::Resolved).2;
    assert_eq!(paused, "The newest figures are 25 hours old; the campaign's status is PAUSED.");
}

#[test]
fn figures_of_a_campaign_that_delivers_nothing_are_not_stale_but_the_campaign_unused() {
    let at = |age| [day(age, "10.00", 1)];
    let old = TimestampMs(view(&[]).log_time.0 - 30 * HOUR_MS);
    let (within, beyond) = (at(7), at(8));
    check(&CampaignView { metrics_at: Some(old), ..view(&within) }, &["STALE_DATA"]);
    let idle = CampaignView { metrics_at: Some(old), ..view(&beyond) };
    check(&idle, &["UNUSED_CAMPAIGN"]);
    let said = words(AlertCode::StaleData, &idle, AlertState::Resolved).2;
    assert_eq!(
        said,
        "The newest figures are 30 hours old; nothing was delivered today or in the 7 days before."
    );
}

#[test]
fn the_age_class_changes_exactly_where_a_staleness_alert_does() {
    let policy = policy("[alerts.stale_data]\nhours = 5\n[alerts.very_stale_data]\nhours = 6.5");
    let days = [day(1, "10.00", 1)];
    let (mut class_before, mut alerts_before) = (0, Vec::new());
    for minutes in 0..=600 {
        let metrics_at = Some(TimestampMs(view(&days).log_time.0 - minutes * 60_000));
        let view = CampaignView { metrics_at, ..view(&days) };
        let (class, alerts) = (age_class(metrics_at, view.log_time, &policy), alerts(&view, &policy));
        assert_eq!(class != class_before, alerts != alerts_before, "after {minutes} minutes");
        (class_before, alerts_before) = (class, alerts);
    }
    assert_eq!(class_before, 2);
}

#[test]
fn an_active_campaign_is_unused_after_7_full_days_without_delivery() {
    let (week_ago, later) = ([day(8, "0.01", 0)], [day(7, "0.01", 0)]);
    check(&view(&week_ago), &["UNUSED_CAMPAIGN"]);
    check(&view(&later), &[]);
    check(&view(&[]), &["UNUSED_CAMPAIGN"]);
    let shown_today = [day(20, "0.01", 0), ScoreDay { impressions: 1, ..day(0, "0", 0) }];
    check(&view(&shown_today), &[]);
    check(&CampaignView { status: Some("PAUSED"), ..view(&[]) }, &[]);
    check(&CampaignView { status: None, ..view(&[]) }, &[]);
    let known = |days| Some(TimestampMs(Day(TODAY.0 - days + 1).midnight_utc().0 - 1));
    check(&CampaignView { known_since: known(7), ..view(&[]) }, &["UNUSED_CAMPAIGN"]);
    check(&CampaignView { known_since: known(6), ..view(&[]) }, &[]);
    check(&CampaignView { known_since: None, ..view(&[]) }, &[]);
    let code = AlertCode::UnusedCampaign;
    let sentence =
        "The campaign is ACTIVE, but nothing was delivered in the last 7 days; 7 days is the limit.";
    let expected = (Some(7.0), Some(7.0), sentence.to_owned());
    assert_eq!(words(code, &view(&week_ago), AlertState::Firing), expected);
    let sentence = format!("The campaign delivered on {TODAY}.");
    assert_eq!(words(code, &view(&shown_today), AlertState::Resolved).2, sentence);
}

/// The same figures on each of the 21 days before, then on each of the last 7.
fn four_weeks(prior: (&str, i64), recent: (&str, i64)) -> Vec<ScoreDay> {
    let figures = |age| if age > 7 { prior } else { recent };
    (1..=28).rev().map(|age| day(age, figures(age).0, figures(age).1)).collect()
}

#[test]
fn a_lead_drop_fires_at_half_the_leads_of_a_week_for_the_same_money() {
    // Cheap leads, so that no single day's cost is news.
    let mut days = four_weeks(("1.00", 2), ("1.00", 1));
    check(&view(&days), &["LEAD_DROP"]);
    let sentence = "The last 7 days brought only 7 leads for 7.00 USD; a week of the 21 days before brought 14.0 for 7.00 USD.";
    let expected = (Some(7.0), Some(7.0), sentence.to_owned());
    assert_eq!(words(AlertCode::LeadDrop, &view(&days), AlertState::Firing), expected);
    days[27].platform_leads += 1;
    check(&view(&days), &[]);
    let said = words(AlertCode::LeadDrop, &view(&days), AlertState::Resolved).2;
    assert!(said.starts_with("The last 7 days brought 8 leads"), "{said}");
}

#[test]
fn a_lead_drop_needs_leads_before_and_money_now() {
    let mut few = four_weeks(("1.00", 0), ("1.00", 0));
    few[0].platform_leads = 15;
    check(&view(&few), &["LEAD_DROP"]);
    few[0].platform_leads = 14;
    check(&view(&few), &[]);
    check(&view(&four_weeks(("1.00", 2), ("0.80", 1))), &["LEAD_DROP"]);
    check(&view(&four_weeks(("1.00", 2), ("0.79", 1))), &[]);
}

#[test]
fn a_daily_budget_is_exhausted_at_95_percent_before_evening_and_stays_so_for_the_day() {
    let days = [day(0, "95.00", 3)];
    let at = |local_hour| CampaignView { local_hour, daily_budget: Some(Micros(100_000_000)), ..view(&days) };
    check(&at(17), &["BUDGET_EXHAUSTED"]);
    check(&at(18), &[]);
    let firing = Codes::from_symbols(&["BUDGET_EXHAUSTED"]);
    assert_eq!(campaign_alerts(&at(23), firing, &policy("")), firing);
    let less = [day(0, "94.99", 3)];
    let below = CampaignView { sums: summed(TODAY, &less), ..at(17) };
    assert!(campaign_alerts(&below, firing, &policy("")).is_empty());
    check(&CampaignView { daily_budget: Some(Micros::ZERO), ..at(17) }, &[]);
    let code = AlertCode::BudgetExhausted;
    let sentence = "Today's spend of 95.00 USD is 95 % of the daily budget of 100.00 USD.";
    let expected = (Some(95.0), Some(95.0), sentence.to_owned());
    assert_eq!(words(code, &at(17), AlertState::Firing), expected);
    let next = tomorrow(at(0), &days);
    assert!(campaign_alerts(&next, firing, &policy("")).is_empty());
    let sentence = "Today's spend of 0.00 USD is 0 % of the daily budget of 100.00 USD.";
    assert_eq!(words(code, &next, AlertState::Resolved).2, sentence);
    let without = CampaignView { daily_budget: None, ..at(17) };
    let sentence = "The campaign has no budget of its own any more.";
    assert_eq!(words(code, &without, AlertState::Resolved), (None, None, sentence.to_owned()));
}

#[test]
fn a_lifetime_budget_is_exhausted_at_95_percent_at_any_hour() {
    let days = [day(1, "10.00", 1)];
    let spent = |spend: &str| CampaignView {
        local_hour: 23,
        lifetime_budget: Some(Micros(1_000_000_000)),
        lifetime_spend: Micros::parse(spend).unwrap(),
        ..view(&days)
    };
    check(&spent("950.00"), &["BUDGET_EXHAUSTED"]);
    check(&spent("949.99"), &[]);
    let sentence = "The spend of 950.00 USD so far is 95 % of the lifetime budget of 1000.00 USD.";
    let expected = (Some(950.0), Some(950.0), sentence.to_owned());
    assert_eq!(words(AlertCode::BudgetExhausted, &spent("950.00"), AlertState::Firing), expected);
}

fn hour(at: i64, records: i64, bad: [i64; 3]) -> QualityHour {
    let [rejected, incomplete, outlier] = bad;
    QualityHour { hour_start: TimestampMs(at * HOUR_MS), records, incomplete, outlier, rejected }
}

fn account(hours: &[QualityHour]) -> AccountView<'_> {
    AccountView { status: Some("ACTIVE"), failure_code: None, failure: None, hours }
}

fn check_account(view: &AccountView<'_>, expected: &[&str]) {
    let holding: Vec<_> = account_alerts(view, &policy("")).symbols().collect();
    assert_eq!(holding, expected, "{view:?}");
}

#[test]
fn data_quality_is_judged_by_the_newest_hour_with_enough_records() {
    check_account(&account(&[hour(1, 20, [2, 1, 1])]), &["DATA_QUALITY"]);
    check_account(&account(&[hour(1, 20, [1, 1, 1])]), &[]);
    check_account(&account(&[hour(1, 19, [19, 0, 0])]), &[]);
    check_account(&account(&[hour(1, 20, [4, 0, 0]), hour(2, 19, [0, 0, 0])]), &["DATA_QUALITY"]);
    check_account(&account(&[hour(1, 20, [4, 0, 0]), hour(2, 20, [0, 0, 0])]), &[]);
    check_account(&account(&[]), &[]);
    let hours = [hour(0, 40, [5, 4, 3])];
    let policy = policy("");
    let said = |view: &AccountView<'_>, state| {
        describe_account(AlertCode::DataQuality, view, state, &policy).unwrap()
    };
    let firing = said(&account(&hours), AlertState::Firing);
    assert_eq!((firing.severity, firing.figure, firing.threshold), (Severity::High, Some(0.3), Some(0.2)));
    let sentence = "12 of 40 records of the hour from 1970-01-01T00:00:00.000Z were refused or doubtful, 30.0 %: 5 rejected, 4 incomplete, 3 outliers; 20.0 % is the limit.";
    assert_eq!(firing.sentence, sentence);
    let sentence = said(&account(&[]), AlertState::Resolved).sentence;
    assert_eq!(sentence, "No recent hour has the 20 records needed to judge.");
}

#[test]
fn an_account_fails_while_it_cannot_be_read_or_is_not_served() {
    let sound = account(&[]);
    check_account(&sound, &[]);
    check_account(&AccountView { status: None, ..sound }, &[]);
    let disabled = AccountView { status: Some("DISABLED"), ..sound };
    check_account(&disabled, &["ACCOUNT_FAILURE"]);
    let failure = Some("The token has expired.");
    let failed = AccountView { failure_code: Some("TOKEN"), failure, ..sound };
    check_account(&failed, &["ACCOUNT_FAILURE"]);
    let policy = policy("");
    let said = |view: &AccountView<'_>, state| {
        describe_account(AlertCode::AccountFailure, view, state, &policy).unwrap()
    };
    let firing = said(&failed, AlertState::Firing);
    assert_eq!(firing.severity, Severity::Critical);
    assert_eq!(firing.sentence, "The account cannot be read (TOKEN): The token has expired.");
    assert_eq!(said(&disabled, AlertState::Firing).sentence, "The account's status is DISABLED.");
    let sentence = "The account can be read; its status is ACTIVE.";
    assert_eq!(said(&sound, AlertState::Resolved).sentence, sentence);
}

#[test]
fn an_alert_that_is_switched_off_never_fires() {
    let off = |table: &str| policy(&format!("[alerts.{table}]\nenabled = false"));
    let old = Some(TimestampMs(view(&[]).log_time.0 - 60 * HOUR_MS));
    let spike = with(week("100.00", 5), &[day(1, "200.00", 0), day(0, "1.00", 0)]);
    let all = CampaignView { metrics_at: old, daily_budget: Some(Micros(1_000_000)), ..view(&spike) };
    check(&all, &["SPEND_SPIKE", "COST_PER_LEAD_SPIKE", "STALE_DATA", "VERY_STALE_DATA", "BUDGET_EXHAUSTED"]);
    let drop = four_weeks(("1.00", 2), ("1.00", 1));
    for (code, table, view) in [
        ("SPEND_SPIKE", "spend_spike", all),
        ("COST_PER_LEAD_SPIKE", "cost_per_lead_spike", all),
        ("STALE_DATA", "stale_data", all),
        ("VERY_STALE_DATA", "very_stale_data", all),
        ("BUDGET_EXHAUSTED", "budget_exhausted", all),
        ("UNUSED_CAMPAIGN", "unused_campaign", super::tests::view(&[])),
        ("LEAD_DROP", "lead_drop", super::tests::view(&drop)),
    ] {
        assert!(alerts(&view, &policy("")).contains(&code), "{code} fires");
        assert!(!alerts(&view, &off(table)).contains(&code), "{code} is off");
    }
    assert_eq!(age_class(old, view(&[]).log_time, &off("stale_data")), 1);
    let hours = [hour(1, 20, [20, 0, 0])];
    let both = AccountView { failure_code: Some("TOKEN"), ..account(&hours) };
    let symbols = |policy: &EffectivePolicy| account_alerts(&both, policy).symbols().collect::<Vec<_>>();
    assert_eq!(symbols(&policy("")), ["DATA_QUALITY", "ACCOUNT_FAILURE"]);
    assert_eq!(symbols(&off("data_quality")), ["ACCOUNT_FAILURE"]);
    assert_eq!(symbols(&off("account_failure")), ["DATA_QUALITY"]);
}

#[test]
fn a_severity_is_the_policys() {
    let policy = policy("[alerts.lead_drop]\nseverity = \"CRITICAL\"");
    let said = describe_campaign(AlertCode::LeadDrop, &view(&[]), AlertState::Firing, &policy).unwrap();
    assert_eq!(said.severity, Severity::Critical);
}

#[test]
fn a_set_of_codes_gives_back_what_it_was_given_in_its_own_order() {
    let codes = Codes::from_symbols(&["LEAD_DROP", "SPEND_SPIKE", "OF_ANOTHER_RELEASE"]);
    assert_eq!(codes.symbols().collect::<Vec<_>>(), ["SPEND_SPIKE", "LEAD_DROP"]);
    let rest = codes.without(Codes::from_symbols(&["LEAD_DROP"]));
    assert!(rest.contains(AlertCode::SpendSpike) && !rest.contains(AlertCode::LeadDrop));
    let all: Vec<_> = AlertCode::ALL.map(AlertCode::symbol).into();
    assert_eq!(Codes::from_symbols(&all).symbols().collect::<Vec<_>>(), all);
}

fn any_status() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![Just(None), Just(Some("ACTIVE")), Just(Some("PAUSED"))]
}

proptest! {
    #[test]
    fn any_view_is_judged_and_described_with_finite_figures(
        days in proptest::collection::vec((-3..40_i32, any::<(i64, i64, i64)>()), 0..40),
        as_of in prop_oneof![Just(TODAY.0), any::<i32>()],
        moments in any::<(i64, Option<i64>, Option<i64>)>(),
        budgets in any::<(Option<i64>, Option<i64>, i64)>(),
        (local_hour, firing) in (0..24_u8, proptest::sample::subsequence(AlertCode::ALL.to_vec(), 0..9)),
        status in any_status(),
    ) {
        let days: Vec<_> = days.into_iter().map(|(age, (spend, impressions, leads))| ScoreDay {
            day: Day(as_of.saturating_sub(age)), spend: Micros(spend), impressions, platform_leads: leads,
            ..ScoreDay::default()
        }).collect();
        let (log_time, known_since, metrics_at) = moments;
        let view = CampaignView {
            as_of: Day(as_of),
            log_time: TimestampMs(log_time),
            local_hour,
            status,
            known_since: known_since.map(TimestampMs),
            metrics_at: metrics_at.map(TimestampMs),
            daily_budget: budgets.0.map(Micros),
            lifetime_budget: budgets.1.map(Micros),
            lifetime_spend: Micros(budgets.2),
            currency: None,
            sums: summed(Day(as_of), &days),
        };
        let (firing, policy) = (Codes::from_iter(firing), policy(""));
        let holding = campaign_alerts(&view, firing, &policy);
        prop_assert!(holding.iter().all(|code| AlertCode::ALL[..7].contains(&code)));
        for code in &AlertCode::ALL[..7] {
            for state in [AlertState::Firing, AlertState::Resolved] {
                let said = describe_campaign(*code, &view, state, &policy).unwrap();
                prop_assert!(said.figure.is_none_or(f64::is_finite) && said.threshold.is_none_or(f64::is_finite));
                prop_assert!(!said.sentence.contains("NaN") && !said.sentence.contains("inf"), "{}", said.sentence);
            }
        }
    }

    #[test]
    fn the_order_of_days_does_not_matter(
        days in proptest::collection::btree_map(0..31_i32, (0..20_000_i64, 0..10_i64), 0..32), turn in 0..32_usize,
    ) {
        let of = |(age, (cents, leads))| ScoreDay { spend: Micros(cents * 10_000), ..day(age, "0", leads) };
        let mut days: Vec<_> = days.into_iter().map(of).collect();
        let policy = policy("");
        let in_order = alerts(&view(&days), &policy);
        let turn = turn % days.len().max(1);
        days.rotate_left(turn);
        prop_assert_eq!(in_order, alerts(&view(&days), &policy));
    }

    #[test]
    fn any_account_is_judged_and_described_with_finite_figures(
        hours in proptest::collection::vec(any::<(i64, i64, [i64; 3])>(), 0..4), status in any_status(),
    ) {
        let hours: Vec<_> = hours.into_iter().map(|(at, records, bad)| hour(at % 1_000_000, records, bad)).collect();
        let view = AccountView { status, ..account(&hours) };
        let policy = policy("");
        let holding = account_alerts(&view, &policy);
        prop_assert!(holding.without(Codes::from_symbols(&["DATA_QUALITY", "ACCOUNT_FAILURE"])).is_empty());
        for code in &AlertCode::ALL[7..] {
            let said = describe_account(*code, &view, AlertState::Firing, &policy).unwrap();
            prop_assert!(said.figure.is_none_or(f64::is_finite) && said.threshold.is_none_or(f64::is_finite));
        }
    }
}
