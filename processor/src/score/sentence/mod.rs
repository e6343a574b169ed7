//! Reasons in words.
//!
//! The sentences of a score are written whenever it is published, so they are put together from texts and numbers
//! directly ([`decimals`]), which a test holds to what formatting them would give.

use schemas::record::Doubt;

use super::decimals;
use super::reasons::{Finding, Kind};

/// What a sentence is made of, in its order.
#[derive(Clone, Copy)]
enum Piece {
    Text(&'static str),
    /// An amount with 2 decimals, and the currency where it is known.
    Money(f64),
    /// A share in percent, with so many decimals.
    Percent(f64, usize),
    /// A number with so many decimals.
    Number(f64, usize),
}

use Piece::{Money, Number, Percent, Text};

impl Finding {
    /// Appends the sentence for a person. `currency` is the account's, where known.
    pub fn write_sentence(&self, currency: Option<&str>, out: &mut String) {
        let mut put = |pieces: &[Piece]| pieces.iter().for_each(|piece| piece.write(currency, out));
        self.on_dimensions(&mut put).or_else(|| self.on_data(&mut put)).unwrap_or_default();
    }

    /// What costs points or earns them; `None` where the sentence is of another kind.
    fn on_dimensions(&self, put: &mut impl FnMut(&[Piece])) -> Option<()> {
        let (figure, target) = (self.figure, self.target);
        match self.kind {
            Kind::CostAboveTarget | Kind::CostBelowTarget => put(&[
                Text("A lead costs "),
                Money(figure),
                Text(if self.kind == Kind::CostAboveTarget { ", more" } else { ", less" }),
                Text(" than the target of "),
                Money(target),
                Text("."),
            ]),
            Kind::QualityLow | Kind::QualityHigh => put(&[
                Text(if self.kind == Kind::QualityLow { "Too few" } else { "Many" }),
                Text(" leads get on: about "),
                Percent(figure, 1),
                Text(" % by their age, where "),
                Percent(target, 1),
                Text(" % is the target."),
            ]),
            Kind::VolumeLow => put(&[
                Number(figure, 0),
                Text(" leads came where "),
                Number(target, 0),
                Text(" are the target for the active days."),
            ]),
            Kind::VolumeHigh => put(&[
                Number(figure, 0),
                Text(" leads came, more than the "),
                Number(target, 0),
                Text(" wanted for the active days."),
            ]),
            Kind::TrendDown | Kind::TrendUp => put(&[
                Text("The last 7 days were "),
                Text(if self.kind == Kind::TrendDown { "worse" } else { "better" }),
                Text(" than the 21 before: cost and leads stand at "),
                Percent(figure, 0),
                Text(" % of what they were."),
            ]),
            Kind::EngagementLow | Kind::EngagementHigh => put(&[
                Percent(figure, 2),
                Text(" % of impressions are clicked, where "),
                Percent(target, 2),
                Text(" % is the target."),
            ]),
            _ => return None,
        }
        Some(())
    }

    /// What caps the score, or makes it less certain.
    fn on_data(&self, put: &mut impl FnMut(&[Piece])) -> Option<()> {
        let (figure, target) = (self.figure, self.target);
        match self.kind {
            Kind::Guard(_) => put(&[
                Money(figure),
                Text(" were spent in 30 days without a single lead; "),
                Money(target),
                Text(" is the limit."),
            ]),
            Kind::QualityUnknown => put(&[
                Text("The CRM has judged about "),
                Number(figure, 0),
                Text(" leads so far; quality is an estimate until about "),
                Number(target, 0),
                Text("."),
            ]),
            Kind::Fatigue => put(&[
                Text("People have seen the ads too often: "),
                Percent(figure, 0),
                Text(" % of the engagement is left."),
            ]),
            Kind::LowData => put(&[
                Text("Little has been observed: confidence "),
                Number(figure, 2),
                Text(" where "),
                Number(target, 2),
                Text(" is needed to act."),
            ]),
            Kind::StaleData => put(&[
                Text("The newest figures are "),
                Number(figure, 0),
                Text(" hours old; "),
                Number(target, 0),
                Text(" hours is the limit."),
            ]),
            Kind::Doubt(doubt) => put(&[
                Number(figure, 0),
                Text(" of the last 30 days "),
                Text(if figure < 1.5 { "is" } else { "are" }),
                Text(" doubtful: "),
                Text(in_words(doubt)),
                Text("."),
            ]),
            _ => return None,
        }
        Some(())
    }
}

impl Piece {
    fn write(self, currency: Option<&str>, out: &mut String) {
        match self {
            Text(text) => out.push_str(text),
            Number(value, decimals) => decimals::write(value, decimals, out),
            Percent(share, decimals) => decimals::write(share * 100.0, decimals, out),
            Money(amount) => {
                decimals::write(amount, 2, out);
                if let Some(code) = currency {
                    out.push(' ');
                    out.push_str(code);
                }
            }
        }
    }
}

/// What is doubtful about a day.
fn in_words(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::SpendMissing => "no spend was reported",
        Doubt::ImpressionsMissing => "no impressions were reported",
        Doubt::BudgetUnreadable => "the budget cannot be read without a currency",
        Doubt::AmountInOtherCurrency => "a deal was won in another currency than the account's",
        Doubt::FigureNegative => "a figure is below zero",
        Doubt::ClicksAboveImpressions => "there are more clicks than impressions",
        Doubt::ReachAboveImpressions => "more people were reached than impressions shown",
        Doubt::CtrAboveLimit => "more impressions are clicked than is believable",
        Doubt::SpendAboveMedian => "the spend is many times that of an ordinary day",
        Doubt::DayAhead => "the day had not begun when it was reported",
        Doubt::CurrencyUnlikeAccount => "the currency is not the account's",
    }
}

#[cfg(test)]
mod tests;
