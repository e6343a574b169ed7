//! The lives of leads: created, qualified or disqualified, won or lost, and how the CRM's messages about it travel:
//! mostly at once, some late, so that they arrive out of order, some twice, a few without their campaign.

use schemas::record::LeadStage;
use schemas::{Day, Micros, TimestampMs};
use serde_json::json;

use super::campaigns::Campaign;
use super::dice::{Dice, Draw};
use super::insights::leads_of_day;

const SECOND_MS: f64 = 1_000.0;
const DAY_MS: f64 = 86_400_000.0;
const UNATTRIBUTED: f64 = 0.02;
const LATE: f64 = 0.08;
const TWICE: f64 = 0.04;

/// One lead and everything that happens to it.
#[derive(Clone, Debug)]
pub(super) struct Lead {
    pub(super) id: String,
    /// Its messages name the campaign.
    pub(super) attributed: bool,
    pub(super) steps: Vec<Step>,
}

/// One message about a lead.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) stage: LeadStage,
    pub(super) occurred_at: i64,
    pub(super) delivered_at: i64,
    /// A second delivery of the same message.
    pub(super) again_at: Option<i64>,
    /// Of a won deal.
    pub(super) amount: Option<Micros>,
}

/// The leads of a campaign's day, as far as the CRM has heard of them by `end`.
pub(super) fn of_day(dice: Dice, campaign: &Campaign, day: Day, age: i32, end: TimestampMs) -> Vec<Lead> {
    (0..leads_of_day(dice, campaign, day, age))
        .filter_map(|number| {
            let mut lead = live(dice, campaign, day, age, number);
            // Without its creation nobody could say which day a lead belongs to; it comes after the end.
            let known = lead.steps.first().is_some_and(|created| created.delivered_at <= end.0);
            lead.steps.retain(|step| step.delivered_at <= end.0);
            known.then_some(lead)
        })
        .collect()
}

fn live(dice: Dice, campaign: &Campaign, day: Day, age: i32, number: i64) -> Lead {
    let of = [campaign.index, i64::from(day.0), number];
    let habits = campaign.habits(age);
    let (start, end) = (campaign.day_start(day).0, campaign.day_start(Day(day.0 + 1)).0);
    let created = start + whole(dice.unit(Draw::Created, of) * whole_f64(end - start));
    let mut lead = Lead {
        id: format!("L{}-{}-{number}", campaign.index, day.0),
        attributed: !dice.happens(UNATTRIBUTED, Draw::Attributed, of),
        steps: Vec::new(),
    };
    lead.step(dice, of, LeadStage::Created, created, None);
    let fate = dice.unit(Draw::Fate, of);
    let hurry = dice.unit(Draw::Delay, of);
    // Most are called within hours, some after days.
    let called = created + whole(600.0 * SECOND_MS + hurry * hurry * hurry * 4.0 * DAY_MS);
    if fate >= habits.qualified {
        if fate < habits.qualified + 0.4 * (1.0 - habits.qualified) {
            lead.step(dice, of, LeadStage::Disqualified, called, None);
        }
        return lead;
    }
    lead.step(dice, of, LeadStage::Qualified, called, None);
    let slow = dice.unit(Draw::SaleDelay, of);
    let decided = called + whole(0.5 * DAY_MS + slow * slow * 16.0 * DAY_MS);
    let sale = dice.unit(Draw::Sale, of) * habits.qualified;
    if sale < habits.won {
        let amount = whole(dice.between(200.0, 1_500.0, Draw::Amount, of)) * 1_000_000 + 990_000;
        lead.step(dice, of, LeadStage::Won, decided, Some(Micros(amount)));
    } else if sale < habits.won + 0.5 * (habits.qualified - habits.won) {
        lead.step(dice, of, LeadStage::Lost, decided, None);
    }
    lead
}

impl Lead {
    fn step(&mut self, dice: Dice, of: [i64; 3], stage: LeadStage, occurred_at: i64, amount: Option<Micros>) {
        let of = [of[0], of[1], of[2] * 8 + stage as i64];
        let late = dice.unit(Draw::Delivery, of);
        let delay = if late < LATE { late / LATE * 5_400.0 } else { 1.0 + late * 4.0 };
        let delivered_at = occurred_at + whole(delay * SECOND_MS);
        let again = dice.happens(TWICE, Draw::Again, of);
        let again_at =
            again.then(|| delivered_at + whole(dice.between(5.0, 3_600.0, Draw::AgainDelay, of) * SECOND_MS));
        self.steps.push(Step { stage, occurred_at, delivered_at, again_at, amount });
    }

    /// The canonical body, with personal data as CRMs send it whether or not it is wanted. The people are made up.
    pub(super) fn body(&self, campaign: &Campaign, step: &Step) -> Vec<u8> {
        let kind = match step.stage {
            LeadStage::Created => "lead.created",
            LeadStage::Qualified => "lead.qualified",
            LeadStage::Disqualified => "lead.disqualified",
            LeadStage::Won => "lead.won",
            LeadStage::Lost => "lead.lost",
        };
        let mut data = json!({
            "lead_id": self.id, "account": campaign.account_id,
            "contact": {"email": format!("{}@example.org", self.id.to_lowercase()), "phone": "+15550100"},
        });
        if self.attributed {
            data["campaign"] = json!(campaign.id);
        }
        if let Some(amount) = step.amount {
            data["amount"] = json!(amount.to_string());
            data["currency"] = json!(campaign.currency);
        }
        let body =
            json!({"type": kind, "timestamp": TimestampMs(step.occurred_at).to_string(), "data": data});
        body.to_string().into_bytes()
    }

    pub(super) fn message_id(&self, step: &Step) -> String {
        format!("msg_{}_{}", self.id, step.stage.symbol().to_lowercase())
    }

    pub(super) fn reached(&self, stages: &[LeadStage]) -> bool {
        self.steps.iter().any(|step| stages.contains(&step.stage))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds of days are far below 2^53")]
fn whole(number: f64) -> i64 {
    number.floor() as i64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a day are far below 2^53")]
fn whole_f64(number: i64) -> f64 {
    number as f64
}
