//! Layers, refusals and versions of the policy.

use super::*;

fn refused(text: &str) -> String {
    Policy::from_toml(text).expect_err("the policy is wrong").to_string()
}

/// What is in force for campaign `facebook:{account}:{id}`.
fn campaign(policy: &Policy, account: &str, id: &str, name: Option<&str>) -> Arc<EffectivePolicy> {
    policy.campaign("facebook", account, &format!("facebook:{account}:{id}"), name)
}

#[test]
fn the_defaults_are_those_of_the_specification() {
    let account = Policy::default().account("facebook", "1");
    let score = &account.score;
    assert_eq!((score.cost_per_lead_target, score.qualified_rate_target), (27.66, 0.30));
    assert_eq!((score.won_rate_target, score.ctr_target, score.leads_target), (0.08, 0.0259, 60.0));
    assert_eq!(account.time_zone, None);
}

#[test]
fn an_unknown_key_is_refused_by_its_name_and_place() {
    assert!(refused("[score]\ncost_target = 3.0").contains("score: unknown field `cost_target`"));
    assert!(refused("[scores]\n").contains("scores"));
    assert!(refused("[accounts.\"facebook:1\"]\nscore = { c1 = 2.0 }").contains("accounts.facebook:1.score"));
    assert!(refused("[accounts.\"facebook:1\"]\nscore = { c1 = 2.0 }").contains("c1"));
    assert!(refused("[accounts.\"facebook:1\"]\nzone = \"UTC\"").contains("zone"));
    assert!(refused("[accounts.\"facebook:1\".facts]\nhorizon_months = 3").contains("facts"));
    assert!(refused("[[campaigns]]\nkey = \"*\"\nquality = {}").contains("campaigns[1]"));
    let alert = "[[campaigns]]\nkey = \"*\"\n[[campaigns]]\nname = \"x\"\nalerts.lead_drop.share = 1";
    assert!(refused(alert).contains("campaigns[2].alerts.lead_drop"), "{}", refused(alert));
}

#[test]
fn a_value_of_another_type_is_refused_by_its_place() {
    assert!(refused("[score]\nband_test = \"40\"").contains("score.band_test: invalid type"));
    assert!(refused("score = 3").contains("score: invalid type"));
    assert!(refused("[quality]\nctr_impressions_min = -1").contains("quality.ctr_impressions_min"));
}

#[test]
fn a_value_out_of_range_is_refused_with_its_rule() {
    assert!(refused("[score]\nc0 = 0.0").contains("score.cost_per_lead_target is 0"));
    assert!(refused("[score]\nroas_weight = 1.5").contains("between 0 and 1"));
    assert!(
        refused("[score]\nband_test = 70.0")
            .contains("score.band_test is 70, but the lower edges of the bands")
    );
    assert!(refused("[score]\nband_increase = 100.0").contains("score.band_increase is 100"));
    assert!(refused("[score]\nband_reduce = 0").contains("score.band_reduce is 0"));
    assert!(refused("[score]\nguard_high_targets = 2.9").contains("score.guard_high_targets is 2.9"));
    assert!(refused("[score]\nguard_high_cap = 40").contains("score.guard_high_cap is 40"));
    assert!(refused("[score]\nmetrics_age_hours_max = inf").contains("score.metrics_age_hours_max is inf"));
    assert!(refused("[score]\nqualified_known = [[0.0, 0.0], [0.0, 1.0]]").contains("score.qualified_known"));
    assert!(refused("[accounts.\"facebook:1\"]\ntime_zone = \"Mars/Olympus\"").contains("Mars/Olympus"));
    assert!(refused("[accounts.\"facebook:1\"]\ncurrency = \"euro\"").contains("euro"));
    assert!(refused("[facts]\nbatch_rows_max = 0").contains("facts.batch_rows_max"));
    for key in ["123", "facebook:", ":1", "facebook:1:2", "facebook:%41"] {
        assert!(refused(&format!("[accounts.\"{key}\"]")).contains("platform:account_id"), "{key}");
    }
}

#[test]
fn a_setting_given_by_name_and_by_symbol_is_refused() {
    assert!(
        refused("[score]\nc0 = 1.0\ncost_per_lead_target = 2.0")
            .contains("cost_per_lead_target is given twice")
    );
}

#[test]
fn an_error_within_an_account_or_a_pattern_names_it() {
    let error = refused("[accounts.\"facebook:1\".quality]\nctr_max = 0.0");
    assert!(error.contains("accounts.facebook:1.quality.ctr_max is 0"), "{error}");
    let error =
        refused("[[campaigns]]\nkey = \"a\"\n[[campaigns]]\nname = \"b\"\nscore = { band_test = 70 }");
    assert!(error.contains("campaigns[2].score.band_test is 70"), "{error}");
    for pattern in ["", "score = { c0 = 3 }", "key = \"\"", "name = \"\"\nkey = \"a\""] {
        let error = refused(&format!("[[campaigns]]\n{pattern}"));
        assert!(error.contains("campaigns[1]") && error.contains("it needs a key or a name"), "{error}");
    }
}

#[test]
fn a_pattern_that_does_not_go_together_with_an_account_is_refused_while_loading() {
    let error = refused(
        "[accounts.\"facebook:1\"]\nscore = { band_test = 30 }\n[[campaigns]]\nkey = \"*\"\nscore = { band_reduce = 35 }",
    );
    assert!(error.contains("campaigns[1].score.band_reduce on top of accounts.facebook:1 is 35"), "{error}");
}

#[test]
fn more_combinations_than_can_be_resolved_are_refused() {
    let patterns = "[[campaigns]]\nkey = \"a\"\n".repeat(40);
    let accounts: String = (0..250).map(|n| format!("[accounts.\"facebook:{n}\"]\n")).collect();
    assert!(refused(&(patterns + &accounts)).contains("10291 combinations"));
}

#[test]
fn an_override_changes_its_account_and_no_other() {
    let policy = Policy::from_toml(
        "[accounts.\"facebook:1\"]\ntime_zone = \"Pacific/Apia\"\ncurrency = \"WST\"\nscore = { c0 = 40, T = 10 }\n\
         alerts.stale_data.hours = 12\nquality.ctr_max = 0.7\nfacebook.lead_actions = [\"lead\"]",
    )
    .unwrap();
    let (one, two) = (policy.account("facebook", "1"), policy.account("facebook", "2"));
    assert_eq!((one.score.cost_per_lead_target, two.score.cost_per_lead_target), (40.0, 27.66));
    assert_eq!((one.score.leads_target, one.score.qualified_rate_target), (10.0, 0.30));
    assert_eq!((one.alerts.stale_data.hours, two.alerts.stale_data.hours), (12.0, 24.0));
    assert_eq!((one.quality.ctr_max, two.quality.ctr_max), (0.7, 0.5));
    assert_eq!((one.facebook.lead_actions.len(), two.facebook.lead_actions.len()), (1, 5));
    assert_eq!(one.time_zone, Some(Tz::Pacific__Apia));
    let named: Vec<_> = policy.accounts().map(|key| key.to_string()).collect();
    assert_eq!(named, ["facebook:1"]);
}

const PATTERNS: &str = "
    score = { c0 = 30 }
    [accounts.\"facebook:1\"]
    score = { c0 = 40, T = 10 }
    [[campaigns]]
    name = \"*ReTarget*\"
    score = { c0 = 15 }
    [[campaigns]]
    key = \"facebook:1:9*\"
    alerts.unused_campaign.enabled = false
    [[campaigns]]
    key = \"facebook:*\"
    name = \"test ?\"
    score = { c0 = 99 }
";

#[test]
fn the_first_pattern_that_matches_applies_on_top_of_the_account_and_no_other() {
    let policy = Policy::from_toml(PATTERNS).unwrap();
    let costs = |account, id, name| {
        let policy = campaign(&policy, account, id, name);
        (policy.score.cost_per_lead_target, policy.score.leads_target, policy.alerts.unused_campaign.enabled)
    };
    assert_eq!(costs("1", "9", Some("Spring retargeting")), (15.0, 10.0, true));
    assert_eq!(costs("1", "9", Some("test 1")), (40.0, 10.0, false));
    assert_eq!(costs("1", "8", Some("Test 1")), (99.0, 10.0, true));
    assert_eq!(costs("2", "9", Some("Test 1")), (99.0, 60.0, true));
    assert_eq!(costs("2", "9", None), (30.0, 60.0, true));
    assert_eq!(policy.account("facebook", "1").score.cost_per_lead_target, 40.0);
}

#[test]
fn names_match_in_any_case_and_keys_in_theirs() {
    let is_meant = |pattern: &str, id: &str, name: Option<&str>| {
        let policy =
            Policy::from_toml(&format!("[[campaigns]]\n{pattern}\nscore = {{ leads_target = 9 }}")).unwrap();
        campaign(&policy, "1", id, name).score.leads_target == 9.0
    };
    assert!(is_meant("name = \"*ReTarget*\"", "A", Some("Spring RETARGETING 2026")));
    assert!(is_meant("name = \"öl ?\"", "A", Some("ÖL 7")));
    assert!(is_meant("key = \"facebook:1:A\"", "A", None));
    assert!(!is_meant("key = \"facebook:1:a\"", "A", None));
    assert!(!is_meant("key = \"Facebook:1:*\"", "A", None));
}

#[test]
fn a_version_changes_with_what_is_in_force_and_with_nothing_else() {
    let (without, with) = (Policy::default(), Policy::from_toml(PATTERNS).unwrap());
    let plain = campaign(&without, "2", "7", None).version.clone();
    assert_eq!(
        campaign(&Policy::from_toml("[accounts.\"facebook:1\".score]\nc0 = 9").unwrap(), "2", "7", None)
            .version,
        plain
    );
    assert_eq!(
        campaign(
            &Policy::from_toml("[[campaigns]]\nname = \"x\"\nscore = { c0 = 9 }").unwrap(),
            "2",
            "7",
            None
        )
        .version,
        plain
    );
    assert_eq!(
        campaign(&Policy::from_toml("[[campaigns]]\nkey = \"*\"").unwrap(), "2", "7", None).version,
        plain
    );
    for text in [
        "score.c0 = 9",
        "alerts.lead_drop.ratio = 0.4",
        "quality.ctr_max = 0.4",
        "facts.horizon_months = 36",
        "facebook.lead_actions = []",
        "accounts.\"facebook:2\".time_zone = \"UTC\"",
        "accounts.\"facebook:2\".currency = \"EUR\"",
        "campaigns = [{ key = \"facebook:2:*\", alerts.lead_drop.severity = \"LOW\" }]",
    ] {
        assert_ne!(campaign(&Policy::from_toml(text).unwrap(), "2", "7", None).version, plain, "{text}");
    }
    let versions: std::collections::BTreeSet<_> =
        [("1", "9", "retarget"), ("1", "9", "x"), ("1", "7", "x"), ("2", "7", "x")]
            .iter()
            .map(|(account, id, name)| campaign(&with, account, id, Some(name)).version.clone())
            .collect();
    assert_eq!(versions.len(), 4);
    assert_eq!(plain.len(), 12);
}

#[test]
fn the_version_depends_on_values_and_not_on_how_they_are_written() {
    let written = Policy::from_toml("[score]\nc0 = 27.66").unwrap();
    assert_eq!(written.version(), Policy::default().version());
    assert_ne!(Policy::from_toml("[score]\nc0 = 27.67").unwrap().version(), written.version());
    assert_ne!(Policy::from_toml(PATTERNS).unwrap().version(), written.version());
    assert_ne!(
        Policy::from_toml(PATTERNS).unwrap().version(),
        Policy::from_toml(&PATTERNS.replace("*ReTarget*", "*target*")).unwrap().version()
    );
    assert_eq!(written.version().len(), 12);
}

#[test]
fn every_constant_is_explained_with_the_layer_that_set_it() {
    let policy = Policy::from_toml(&format!("{PATTERNS}\n[quality]\nctr_max = 0.5")).unwrap();
    let settings = policy.explain("facebook", "1", Some("facebook:1:9"), Some("x"));
    let layer = |section: &str, key: &str| {
        let found = settings.iter().find(|setting| setting.section == section && setting.key == key).unwrap();
        (found.value.as_str(), found.layer)
    };
    assert_eq!(layer("score", "cost_per_lead_target"), ("40.0", Layer::Account));
    assert_eq!(layer("score", "ctr_target"), ("0.0259", Layer::Default));
    assert_eq!(layer("quality", "ctr_max"), ("0.5", Layer::Policy));
    assert_eq!(layer("alerts.unused_campaign", "enabled"), ("false", Layer::Pattern(2)));
    assert_eq!(layer("alerts.unused_campaign", "severity"), ("\"LOW\"", Layer::Default));
    assert_eq!(layer("facts", "horizon_months"), ("37", Layer::Default));
    let lines = Policy::DEFAULT_TOML.lines().filter(|line| {
        line.split_once(" = ")
            .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    });
    assert_eq!(settings.len(), lines.count(), "as many as default.toml has");
    let whole = policy.explain("facebook", "2", None, Some("retarget"));
    let cost = whole.iter().find(|setting| setting.key == "cost_per_lead_target").unwrap();
    assert_eq!((cost.value.as_str(), cost.layer.to_string()), ("15.0", "campaigns[1]".to_owned()));
}
