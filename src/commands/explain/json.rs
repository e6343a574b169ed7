//! An explanation as one JSON object. Money in major units as text, like everywhere in adpulse's output.

use processor::score::levers::Lever;
use schemas::record::{Action, CampaignDay, Doubt, Origin, Parts, QualityFlag};
use serde_json::{Map, Value, json};

use super::evidence::LeadLine;
use super::explanation::{Explanation, restated, sources};

/// The object.
pub fn of(one: &Explanation<'_>) -> Value {
    let score = &one.records.score;
    let reasons: Vec<Value> = score
        .reasons
        .iter()
        .map(|r| json!({"code": r.code, "figure": r.figure, "target": r.target, "sentence": r.sentence}))
        .collect();
    let leads: Vec<Value> = one.leads_of_window().map(|(key, lead)| lead_json(key, lead)).collect();
    let window = &score.window;
    json!({
        "campaign": one.key,
        "name": one.name(),
        "at": one.past.map(|past| past.until.to_string()),
        "log_truncated_before_offset": one.past.and_then(|past| past.truncated_before),
        "log_time": one.log_time.map(|time| time.to_string()),
        "as_of": score.as_of.to_string(),
        "scored_at": score.scored_at.to_string(),
        "total": score.total,
        "recommendation": score.recommendation.symbol(),
        "confidence": score.confidence,
        "actionable": score.actionable,
        "guard": score.guard.map(schemas::record::Guard::symbol),
        "announced": score.announced.map(|announced| json!({
            "action": announced.action.symbol(), "total": announced.total,
            "as_of": announced.as_of.to_string(), "announced_at": announced.announced_at.to_string(),
        })),
        "policy_version": score.policy_version,
        "alerts_firing": score.firing,
        "parts": parts_json(&score.parts),
        "reasons": reasons,
        "window": {
            "spend": window.spend_micros.to_string(), "impressions": window.impressions,
            "link_clicks": window.link_clicks, "leads": window.leads, "crm_leads": window.crm_leads,
            "qualified": window.qualified, "won": window.won, "revenue": window.revenue_micros.to_string(),
            "purchases": window.purchases, "active_days": window.active_days, "currency": score.currency,
        },
        "recomputed": recomputed_json(one),
        "days": one.days().map(day_json).collect::<Vec<_>>(),
        "leads": {"stages": one.stages(), "list": leads},
        "next_band": {
            "points": one.edges[1].map(|edge| cents(edge - one.recomputed.total)),
            "levers": one.up.iter().map(|lever| lever_json(lever, score.currency)).collect::<Vec<_>>(),
        },
        "lower_edge": {
            "points": one.edges[0].map(|edge| cents(one.recomputed.total - edge)),
            "levers": one.down.iter().map(|lever| lever_json(lever, score.currency)).collect::<Vec<_>>(),
        },
        "origin": origin_json(&score.origin),
    })
}

fn cents(points: f64) -> f64 {
    (points * 100.0).round() / 100.0
}

fn recomputed_json(one: &Explanation<'_>) -> Value {
    let anew = &one.recomputed;
    json!({
        "as_of": anew.as_of.to_string(), "parts": parts_json(&anew.parts), "total": anew.total,
        "recommendation": anew.band.symbol(), "confidence": anew.confidence, "actionable": anew.actionable,
        "policy_version": anew.policy_version, "differs_because": anew.because,
    })
}

fn parts_json(parts: &Parts) -> Value {
    let parts: Map<String, Value> = super::text::parts(parts)
        .into_iter()
        .map(|(name, points, cap)| (name.replace(' ', "_"), json!({"points": points, "cap": cap})))
        .collect();
    parts.into()
}

fn origin_json(origin: &Origin<'_>) -> Value {
    json!({"topic": origin.topic, "partition": origin.partition, "offset": origin.offset})
}

fn day_json(day: &CampaignDay<'_>) -> Value {
    let figures = &day.figures;
    let first: Map<String, Value> = restated(day)
        .into_iter()
        .map(|(name, first, now)| (name.replace(' ', "_"), json!({"first": first, "now": now})))
        .collect();
    json!({
        "day": day.day.to_string(),
        "spend": figures.spend_micros.map(|micros| micros.to_string()),
        "impressions": figures.impressions, "reach": figures.reach, "clicks": figures.clicks,
        "link_clicks": figures.link_clicks, "platform_leads": figures.leads, "purchases": figures.purchases,
        "crm_leads": day.cohort.leads, "qualified": day.cohort.qualified, "won": day.cohort.won,
        "revenue": day.cohort.revenue_micros.to_string(),
        "sources": sources(day),
        "revision": day.revision,
        "first_seen": day.first_seen.map(|at| at.to_string()),
        "last_seen": day.last_seen.map(|at| at.to_string()),
        "restated": first,
        "flags": day.flags.iter().copied().map(QualityFlag::symbol).collect::<Vec<_>>(),
        "doubts": day.doubts.iter().copied().map(Doubt::symbol).collect::<Vec<_>>(),
        "origin": origin_json(&day.origin),
    })
}

fn lead_json(key: &str, lead: &LeadLine) -> Value {
    let dates: Map<String, Value> =
        lead.dates.iter().map(|(stage, at)| ((*stage).to_owned(), at.to_string().into())).collect();
    json!({
        "lead": key, "stage": lead.stage, "dates": dates,
        "created_day": lead.counted.map(|counted| counted.created_day.to_string()),
        "qualified": lead.counted.map(|counted| counted.qualified),
        "won": lead.counted.map(|counted| counted.won),
    })
}

fn lever_json(lever: &Lever, currency: Option<&str>) -> Value {
    let mut sentence = String::new();
    lever.write_sentence(currency, &mut sentence);
    json!({
        "figure": lever.figure.name(), "now": lever.now, "needed": lever.needed,
        "reaches": lever.needed.map(|_| Action::symbol(lever.reaches)), "sentence": sentence,
    })
}
