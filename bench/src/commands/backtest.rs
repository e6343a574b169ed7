//! `adpulse backtest` over the topic of `score`: two policies, one decoding, no output.
//!
//! What the command takes on empty topics is subtracted, as the start of a role is. `--under "taskset -c 0"` holds it to one core.

use devstack::Engine;
use schemas::Topic;

use super::{float, load_events};
use crate::Options;
use crate::corpus::Size;
use crate::report::{Figures, Report};
use crate::site::Site;

/// Another target, so that the two sides differ.
const POLICY: &str = "[score]\ncost_per_lead_target = 20.0\n";

/// Measures.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let size = Size { records: options.size(2_000_000, 4_000), seed: options.seed };
    let mut report = Report::new("backtest", size.records);
    let site = Site::start(&[Engine::Kafka], options).await?;
    let policy = site.write("new.toml", POLICY)?;
    let args = ["backtest", "--policy", policy.as_str(), "--json"];
    let startup = site.role(&args, true)?.ended().await?;
    load_events(&site, size, options).await?;
    // The markers that make a committed transaction readable are written after its commit was answered.
    while site.read(Topic::Events, |_, _| ()).await? < size.records {}
    let events = float(size.records);
    for _ in 0..options.run_count() {
        let ended = site.role(&args, true)?.ended().await?;
        // Wall time is the whole command's: a start that waits is not the same twice.
        let (cpu, wall) = (ended.cpu_seconds - startup.cpu_seconds, ended.seconds);
        let figures: Figures = [
            ("events_per_cpu_second", events / cpu.max(0.01)),
            ("cpu_us_per_event", cpu * 1e6 / events),
            ("events_per_second_wall", events / wall.max(0.01)),
            ("startup_cpu_seconds", startup.cpu_seconds),
            ("wall_seconds", wall),
            ("peak_mib", ended.peak_mib),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        report.add("two policies", figures);
    }
    site.stop().await?;
    Ok(report)
}
