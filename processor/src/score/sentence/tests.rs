//! Sentences written without `fmt` are those that formatting gives.

use proptest::prelude::*;
use schemas::record::Guard;

use super::super::reasons::finding;
use super::*;

/// The sentence as formatting gives it.
fn formatted(kind: Kind, figure: f64, target: f64, money: &str) -> String {
    let percent = figure * 100.0;
    let of = target * 100.0;
    match kind {
        Kind::Guard(_) => format!(
            "{figure:.2}{money} were spent in 30 days without a single lead; {target:.2}{money} is the limit."
        ),
        Kind::CostAboveTarget => {
            format!("A lead costs {figure:.2}{money}, more than the target of {target:.2}{money}.")
        }
        Kind::CostBelowTarget => {
            format!("A lead costs {figure:.2}{money}, less than the target of {target:.2}{money}.")
        }
        Kind::QualityLow => {
            format!("Too few leads get on: about {percent:.1} % by their age, where {of:.1} % is the target.")
        }
        Kind::QualityHigh => {
            format!("Many leads get on: about {percent:.1} % by their age, where {of:.1} % is the target.")
        }
        Kind::QualityUnknown => format!(
            "The CRM has judged about {figure:.0} leads so far; quality is an estimate until about {target:.0}."
        ),
        Kind::VolumeLow => {
            format!("{figure:.0} leads came where {target:.0} are the target for the active days.")
        }
        Kind::VolumeHigh => {
            format!("{figure:.0} leads came, more than the {target:.0} wanted for the active days.")
        }
        Kind::TrendDown => format!(
            "The last 7 days were worse than the 21 before: cost and leads stand at {percent:.0} % of what they were."
        ),
        Kind::TrendUp => format!(
            "The last 7 days were better than the 21 before: cost and leads stand at {percent:.0} % of what they were."
        ),
        Kind::EngagementLow | Kind::EngagementHigh => {
            format!("{percent:.2} % of impressions are clicked, where {of:.2} % is the target.")
        }
        Kind::Fatigue => {
            format!("People have seen the ads too often: {percent:.0} % of the engagement is left.")
        }
        Kind::LowData => {
            format!("Little has been observed: confidence {figure:.2} where {target:.2} is needed to act.")
        }
        Kind::StaleData => {
            format!("The newest figures are {figure:.0} hours old; {target:.0} hours is the limit.")
        }
        Kind::Doubt(doubt) => {
            let are = if figure < 1.5 { "is" } else { "are" };
            format!("{figure:.0} of the last 30 days {are} doubtful: {}.", in_words(doubt))
        }
    }
}

fn kinds() -> Vec<Kind> {
    let mut kinds = vec![
        Kind::Guard(Guard::NoLeadsAt3xTarget),
        Kind::Guard(Guard::NoLeadsAt5xTarget),
        Kind::CostAboveTarget,
        Kind::CostBelowTarget,
        Kind::QualityLow,
        Kind::QualityHigh,
        Kind::QualityUnknown,
        Kind::VolumeLow,
        Kind::VolumeHigh,
        Kind::TrendDown,
        Kind::TrendUp,
        Kind::EngagementLow,
        Kind::EngagementHigh,
        Kind::Fatigue,
        Kind::LowData,
        Kind::StaleData,
    ];
    kinds.extend(Doubt::ALL.map(Kind::Doubt));
    kinds
}

proptest! {
    #[test]
    fn a_sentence_reads_as_formatting_its_figures_gives_it(
        figure in prop_oneof![any::<f64>(), 0.0..1e5_f64, (0..900_000_u32).prop_map(|cents| f64::from(cents) / 100.0)],
        target in prop_oneof![0.0..1e5_f64, (0..30_000_u32).prop_map(|share| f64::from(share) / 10_000.0)],
        currency in prop_oneof![Just(None), Just(Some("USD"))],
    ) {
        let money = currency.map_or(String::new(), |code| format!(" {code}"));
        for kind in kinds() {
            let mut out = String::from("before ");
            finding(kind, figure, target).write_sentence(currency, &mut out);
            prop_assert_eq!(out, format!("before {}", formatted(kind, figure, target, &money)));
        }
    }
}
