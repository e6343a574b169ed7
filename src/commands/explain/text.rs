//! An explanation for people.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, Table};
use processor::score::levers::Lever;
use schemas::record::{CampaignDay, Doubt, Parts, QualityFlag};

use super::explanation::{Explanation, position, restated, sources};

const BAR_WIDTH: f64 = 25.0;

/// The dimensions with their points and caps.
pub fn parts(parts: &Parts) -> [(&'static str, f64, f64); 5] {
    [
        ("cost efficiency", parts.cost_efficiency, 25.0),
        ("lead quality", parts.lead_quality, 25.0),
        ("volume", parts.volume, 20.0),
        ("trend", parts.trend, 20.0),
        ("engagement", parts.engagement, 10.0),
    ]
}

/// The text.
pub fn of(one: &Explanation<'_>, list_leads: bool) -> String {
    let mut out = String::new();
    let written = write_head(&mut out, one)
        .and_then(|()| write_parts(&mut out, one))
        .and_then(|()| write_days(&mut out, one))
        .and_then(|()| write_leads(&mut out, one, list_leads))
        .and_then(|()| write_levers(&mut out, one));
    written.expect("writing to a String cannot fail");
    out.truncate(out.trim_end().len());
    out
}

fn write_head(out: &mut String, one: &Explanation<'_>) -> std::fmt::Result {
    let score = &one.records.score;
    match one.name() {
        Some(name) => writeln!(out, "{name}  ({})", one.key)?,
        None => writeln!(out, "{}", one.key)?,
    }
    if let Some(past) = one.past {
        writeln!(out, "as it was at {}, by the policy in force now", past.until)?;
        if let Some(oldest) = past.truncated_before {
            writeln!(
                out,
                "The log no longer reaches back to the beginning: events before offset {oldest} are gone, and what they said is missing here."
            )?;
        }
    }
    let acting = if score.actionable { "actionable" } else { "not actionable" };
    writeln!(
        out,
        "total {:.2}  {}  confidence {:.2}, {acting}",
        score.total,
        score.recommendation.symbol(),
        score.confidence
    )?;
    match score.announced {
        Some(said) => writeln!(
            out,
            "announced {} at {:.2} for {}, {}",
            said.action.symbol(),
            said.total,
            said.as_of,
            said.announced_at
        )?,
        None => writeln!(out, "nothing announced yet")?,
    }
    let firing = if score.firing.is_empty() { "none".to_owned() } else { score.firing.join(", ") };
    writeln!(out, "alerts firing: {firing}")?;
    writeln!(
        out,
        "scored as of {} at {}, policy {}, caused by {}",
        score.as_of,
        score.scored_at,
        score.policy_version,
        position(&score.origin)
    )?;
    let anew = &one.recomputed;
    if anew.because.is_empty() {
        return writeln!(out, "computed anew from its days, the score is the same");
    }
    writeln!(
        out,
        "Computed anew as of {} with policy {}, it is {:.2} {} at confidence {:.2}: {}.",
        anew.as_of,
        anew.policy_version,
        anew.total,
        anew.band.symbol(),
        anew.confidence,
        anew.because.join("; ")
    )
}

fn write_parts(out: &mut String, one: &Explanation<'_>) -> std::fmt::Result {
    writeln!(out)?;
    for (name, points, cap) in parts(&one.records.score.parts) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "points lie within 0 and 25"
        )]
        let filled = (points / cap * BAR_WIDTH).round() as usize;
        let bar = "█".repeat(filled);
        writeln!(out, "  {name:<15} {points:>6.2} of {cap:>2}  {bar:·<25}")?;
    }
    if !one.records.score.reasons.is_empty() {
        writeln!(out)?;
    }
    for reason in &one.records.score.reasons {
        writeln!(out, "- {} [{}]", reason.sentence, reason.code)?;
    }
    Ok(())
}

fn write_days(out: &mut String, one: &Explanation<'_>) -> std::fmt::Result {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "day",
        "spend",
        "impr.",
        "clicks",
        "leads",
        "CRM",
        "qual.",
        "won",
        "revenue",
        "source",
        "rev.",
        "first → now",
        "doubts",
        "log",
    ]);
    let mut rows = 0;
    for day in one.days() {
        rows += 1;
        table.add_row(day_row(day, one.recomputed.as_of));
    }
    if rows == 0 {
        return writeln!(out, "\nno figures in the 30 days before {}", one.recomputed.as_of);
    }
    let money = one.records.score.currency.map_or(String::new(), |code| format!(", money in {code}"));
    writeln!(out, "\nthe days behind it{money}\n{table}")
}

fn day_row(day: &CampaignDay<'_>, as_of: schemas::Day) -> Vec<Cell> {
    let figures = &day.figures;
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let count = |count: Option<i64>| right(count.map_or("-".to_owned(), |count| count.to_string()));
    let date = if day.day == as_of { format!("{} (not yet)", day.day) } else { day.day.to_string() };
    // Nearly every figure of a restated day has changed; these tell the story, the JSON has all of them.
    let (told, rest): (Vec<_>, Vec<_>) =
        restated(day).into_iter().partition(|(name, _, _)| ["spend", "leads", "purchases"].contains(name));
    let mut changed: Vec<String> =
        told.into_iter().map(|(name, first, now)| format!("{name} {first} → {now}")).collect();
    if !rest.is_empty() {
        changed.push(format!("{} more", rest.len()));
    }
    // A doubt says more than the flag that follows from it.
    let doubts: Vec<&str> = if day.doubts.is_empty() {
        day.flags.iter().copied().map(QualityFlag::symbol).collect()
    } else {
        day.doubts.iter().copied().map(Doubt::symbol).collect()
    };
    vec![
        Cell::new(date),
        right(figures.spend_micros.map_or("-".to_owned(), |micros| micros.to_string())),
        count(figures.impressions),
        count(figures.link_clicks.or(figures.clicks)),
        count(figures.leads),
        count(Some(day.cohort.leads)),
        count(Some(day.cohort.qualified)),
        count(Some(day.cohort.won)),
        right(day.cohort.revenue_micros.to_string()),
        Cell::new(sources(day).join(", ")),
        count(Some(i64::from(day.revision))),
        Cell::new(changed.join(", ")),
        Cell::new(doubts.join("\n")),
        Cell::new(position(&day.origin)),
    ]
}

fn write_leads(out: &mut String, one: &Explanation<'_>, list: bool) -> std::fmt::Result {
    let stages: Vec<String> =
        one.stages().into_iter().map(|(stage, count)| format!("{count} {stage}")).collect();
    if stages.is_empty() {
        return writeln!(out, "\nno leads of the window in the CRM");
    }
    writeln!(out, "\nleads of the window in the CRM: {}", stages.join(", "))?;
    if !list {
        return writeln!(out, "(--leads lists them)");
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(["lead", "stage", "created day", "dates"]);
    for (key, lead) in one.leads_of_window() {
        let dates: Vec<String> = lead.dates.iter().map(|(stage, at)| format!("{stage} {at}")).collect();
        let created = lead.counted.map_or(String::new(), |counted| counted.created_day.to_string());
        table.add_row([key.as_str(), lead.stage, &created, &dates.join("\n")]);
    }
    writeln!(out, "{table}")
}

fn write_levers(out: &mut String, one: &Explanation<'_>) -> std::fmt::Result {
    let (total, currency) = (one.recomputed.total, one.records.score.currency);
    match one.edges[1] {
        Some(edge) => {
            writeln!(
                out,
                "\nto the next band, at {edge}, {:.2} points are missing; one figure alone:",
                edge - total
            )?;
            write_each(out, &one.up, currency)?;
        }
        None => writeln!(out, "\nthere is no higher band")?,
    }
    match one.edges[0] {
        Some(edge) => {
            writeln!(
                out,
                "\nthe lower edge of the band, at {edge}, is {:.2} points away; one figure alone:",
                total - edge
            )?;
            write_each(out, &one.down, currency)
        }
        None => writeln!(out, "\nthere is no lower band"),
    }
}

fn write_each(out: &mut String, levers: &[Lever], currency: Option<&str>) -> std::fmt::Result {
    for lever in levers {
        let mut sentence = String::new();
        lever.write_sentence(currency, &mut sentence);
        writeln!(out, "- {sentence}")?;
    }
    Ok(())
}
