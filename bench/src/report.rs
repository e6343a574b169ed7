//! Runs in, median and spread out: lines for people, one JSON object for programs.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

/// Figures by name; names end in their unit.
pub type Figures = BTreeMap<String, f64>;

/// The runs of one measured thing.
#[derive(Debug)]
pub struct Series {
    /// What was measured.
    pub name: String,
    /// One entry for each run.
    pub runs: Vec<Figures>,
}

/// What a command found.
#[derive(Debug)]
pub struct Report {
    /// The command.
    pub command: &'static str,
    /// Records in the corpus of each run.
    pub records: u64,
    /// One for each measured thing.
    pub series: Vec<Series>,
    /// What else the object says, by name.
    pub verdict: Map<String, Value>,
}

impl Report {
    /// Nothing found yet.
    pub fn new(command: &'static str, records: u64) -> Self {
        Self { command, records, series: Vec::new(), verdict: Map::new() }
    }

    /// The median of a figure of a series, if there is one.
    pub fn median(&self, series: &str, figure: &str) -> Option<f64> {
        let series = self.series.iter().find(|known| known.name == series)?;
        series.summary().into_iter().find(|(name, _)| name == figure).map(|(_, [_, median, _])| median)
    }

    /// Adds the figures of a run to the series of that name.
    pub fn add(&mut self, name: &str, figures: Figures) {
        let known = self.series.iter().position(|series| series.name == name);
        let at = known.unwrap_or_else(|| {
            self.series.push(Series { name: name.to_owned(), runs: Vec::new() });
            self.series.len() - 1
        });
        self.series[at].runs.push(figures);
    }

    /// Prints everything, and with `as_json` the object as the last line.
    pub fn print(&self, as_json: bool) -> anyhow::Result<()> {
        let mut text = String::new();
        for series in &self.series {
            text.push_str(&format!(
                "{} {}: {} records, {} runs: median (smallest to largest)\n",
                self.command,
                series.name,
                self.records,
                series.runs.len()
            ));
            for (name, [smallest, median, largest]) in series.summary() {
                text.push_str(&format!(
                    "  {name:<28} {:>12}   ({} to {})\n",
                    shown(median),
                    shown(smallest),
                    shown(largest)
                ));
            }
        }
        for (name, value) in &self.verdict {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if as_json {
            text.push_str(&self.json().to_string());
            text.push('\n');
        }
        std::io::stdout().write_all(text.as_bytes()).context("standard output")
    }

    fn json(&self) -> Value {
        let series: Map<String, Value> = self
            .series
            .iter()
            .map(|series| {
                let summary: Map<String, Value> = series
                    .summary()
                    .into_iter()
                    .map(|(name, [smallest, median, largest])| {
                        (name, json!({"median": median, "smallest": smallest, "largest": largest}))
                    })
                    .collect();
                (series.name.clone(), json!({"summary": summary, "runs": series.runs}))
            })
            .collect();
        let mut object = self.verdict.clone();
        for (name, value) in [
            ("command", json!(self.command)),
            ("records", json!(self.records)),
            ("machine", machine()),
            ("series", Value::Object(series)),
        ] {
            object.insert(name.to_owned(), value);
        }
        Value::Object(object)
    }
}

impl Series {
    /// Smallest, median and largest of each figure.
    fn summary(&self) -> Vec<(String, [f64; 3])> {
        let names: Vec<&String> = self.runs.first().map(|run| run.keys().collect()).unwrap_or_default();
        names
            .into_iter()
            .map(|name| {
                let mut values: Vec<f64> =
                    self.runs.iter().filter_map(|run| run.get(name).copied()).collect();
                values.sort_by(f64::total_cmp);
                let middle = values.len() / 2;
                let median = match values.len() % 2 {
                    0 => f64::midpoint(values[middle - 1], values[middle]),
                    _ => values[middle],
                };
                (name.clone(), [values[0], median, values[values.len() - 1]])
            })
            .collect()
    }
}

/// What the figures were seen on.
fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let memory = read("/proc/meminfo");
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    json!({
        "cpu": model.map(|(_, model)| model),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory_mib": kib.and_then(|kib| kib.parse::<u64>().ok()).map(|kib| kib / 1024),
        "load_average": read("/proc/loadavg").trim(),
    })
}

fn shown(value: f64) -> String {
    if value.abs() >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_runs_lies_between_the_middle_two() {
        let runs = [4.0, 1.0, 3.0, 10.0].map(|value| Figures::from([("figure".to_owned(), value)])).to_vec();
        let series = Series { name: "runs".to_owned(), runs };
        assert_eq!(series.summary(), [("figure".to_owned(), [1.0, 3.5, 10.0])]);
    }
}
