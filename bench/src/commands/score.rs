//! `score` on a preloaded topic, by itself or beside another program that does the same work on the same records.
//!
//! A round is one broker, loaded once, on which every engine works the topic off, one after the other, each round beginning with
//! another one. The first fifth of the records is warm-up and not counted. An engine that ends with another table of scores than
//! adpulse, or does not refuse exactly the records that nobody can read, makes the whole command fail.

use anyhow::ensure;
use devstack::Engine;
use schemas::Topic;
use serde_json::{Map, json};

use super::floor::{self, Reader};
use super::{SCORE, count_outcomes, count_transactions, float, load_events};
use crate::corpus::Size;
use crate::corpus::steady::Made;
use crate::options::{Options, Peer};
use crate::peers::Place;
use crate::peers::quix::Quix;
use crate::peers::streams::{MODES, Mode, Streams};
use crate::process::Process;
use crate::report::{Figures, Report};
use crate::site::{PREFIX, Sample, Site};
use crate::table::Table;

/// One part in so many of the topic is warm-up.
const WARM_UP_PART: i64 = 5;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contestant {
    Adpulse,
    Streams(Mode),
    Quix,
}

/// The programs of the peers, built.
#[derive(Debug)]
enum Program {
    Streams(Streams),
    Quix(Quix),
}

impl Program {
    fn build(peer: Peer) -> anyhow::Result<Self> {
        Ok(match peer {
            Peer::KafkaStreams => Self::Streams(Streams::build()?),
            Peer::Quix => Self::Quix(Quix::build()?),
        })
    }

    async fn start(
        &self,
        site: &Site,
        who: Contestant,
        commit_ms: u64,
        place: &Place,
    ) -> anyhow::Result<Process> {
        match (self, who) {
            (Self::Streams(streams), Contestant::Streams(mode)) => {
                streams.start(site, mode, commit_ms, place).await
            }
            (Self::Quix(quix), Contestant::Quix) => quix.start(site, commit_ms, place).await,
            _ => anyhow::bail!("{} was not built", who.name()),
        }
    }
}

impl Contestant {
    fn all(peer: Option<Peer>) -> Vec<Self> {
        let mut all = vec![Self::Adpulse];
        match peer {
            Some(Peer::KafkaStreams) => all.extend(MODES.map(Self::Streams)),
            Some(Peer::Quix) => all.push(Self::Quix),
            None => {}
        }
        all
    }

    fn name(self) -> String {
        match self {
            Self::Adpulse => "adpulse".to_owned(),
            Self::Streams(mode) => format!("kafka-streams {}", mode.name),
            Self::Quix => "quix".to_owned(),
        }
    }

    /// Whether it takes minutes, and one round tells enough.
    fn is_slow(self) -> bool {
        matches!(self, Self::Streams(mode) if !mode.is_coalesced)
    }
}

/// Measures.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let usual = match options.peer {
        None => 1_000_000,
        Some(Peer::KafkaStreams) => 5_000_000,
        // It takes some minutes for as many.
        Some(Peer::Quix) => 500_000,
    };
    let size = Size { records: options.size(usual, 6_000), seed: options.seed };
    let program = options.peer.map(Program::build).transpose()?;
    let mut report = Report::new("score", size.records);
    let contestants = Contestant::all(options.peer);
    let mut hash = String::new();
    for round in 0..options.run_count() {
        let site = Site::start(&[Engine::Kafka], options).await?;
        let made = load_events(&site, size, options).await?;
        report.add("consume only", floor::timed(&site, Reader::Library, |_| ()).await?);
        report.add("consume directly", floor::timed(&site, Reader::Direct, |_| ()).await?);
        let mut reference: Option<Table> = None;
        let taking_part: Vec<Contestant> =
            contestants.iter().copied().filter(|contestant| round == 0 || !contestant.is_slow()).collect();
        for at in 0..taking_part.len() {
            let contestant = taking_part[(at + round) % taking_part.len()];
            let (figures, table) = match &program {
                Some(program) if contestant != Contestant::Adpulse => {
                    peer(&site, (program, contestant), (size, made), options.commit_ms()).await?
                }
                _ => adpulse(&site, size, made).await?,
            };
            reference.get_or_insert_with(|| table.clone()).verify_same(&table, &contestant.name())?;
            report.add(&contestant.name(), figures);
        }
        hash = reference.map(|table| table.hash()).unwrap_or_default();
        site.stop().await?;
    }
    report.verdict = verdict(&report, &contestants, options, &hash);
    Ok(report)
}

async fn adpulse(site: &Site, size: Size, made: Made) -> anyhow::Result<(Figures, Table)> {
    let mut role = site.role(SCORE.args, true)?;
    site.joined(&mut role).await?;
    let samples = site.drained(&mut role, SCORE.group, SCORE.inputs).await?;
    let mut figures = figures(&role, &samples, size.records)?;
    count_transactions(site, size.records, &mut figures).await?;
    count_outcomes(site, size.records, &mut figures).await?;
    role.stop().await?;
    let table = finished(site, PREFIX, made, &mut figures).await?;
    let (days, day_bytes) = site.record_bytes(Topic::CampaignDays).await?;
    let (_, score_bytes) = site.record_bytes(Topic::Scores).await?;
    figures.insert("days_written".to_owned(), float(days));
    figures.insert("day_bytes".to_owned(), day_bytes);
    figures.insert("score_bytes".to_owned(), score_bytes);
    Ok((figures, table))
}

async fn peer(
    site: &Site,
    (program, who): (&Program, Contestant),
    (size, made): (Size, Made),
    commit_ms: u64,
) -> anyhow::Result<(Figures, Table)> {
    let prefix = format!("peer-{}.", who.name().replace(' ', "-"));
    let place = Place::under(&prefix, site.topic(Topic::Events));
    site.add_topics(&prefix)?;
    let mut process = program.start(site, who, commit_ms, &place).await?;
    let events = [place.events.clone()];
    let samples = site.drained_group(&mut process, &place.application_id, &events).await?;
    let mut figures = figures(&process, &samples, size.records)?;
    process.stop().await?;
    let table = finished(site, &prefix, made, &mut figures).await?;
    if let Contestant::Streams(_) = who {
        let changelog = format!("{}-campaigns-changelog", place.application_id);
        let written = site.read_from(&changelog, |_, _| ()).await?;
        figures.insert("changelog_written".to_owned(), float(written));
    }
    Ok((figures, table))
}

/// Reads what an engine has left behind, and refuses losses.
async fn finished(site: &Site, prefix: &str, made: Made, figures: &mut Figures) -> anyhow::Result<Table> {
    let table = Table::read(site, prefix).await?;
    let letters = format!("{prefix}{}", Topic::DeadLetters.name());
    let refused = site.read_from(&letters, |_, _| ()).await?;
    ensure!(
        table.campaigns() == made.campaigns && refused == made.poison,
        "{} of {} campaigns were scored and {refused} of {} unreadable records refused under {prefix}: the run does not count",
        table.campaigns(),
        made.campaigns,
        made.poison
    );
    figures.insert("scores_written".to_owned(), float(table.records));
    figures.insert("campaigns".to_owned(), float(made.campaigns));
    figures.insert("refused".to_owned(), float(refused));
    Ok(table)
}

/// What the records after the warm-up took. Where there were too few of them to tell, all records and the start.
fn figures(process: &Process, samples: &[Sample], records: u64) -> anyhow::Result<Figures> {
    let total = i64::try_from(records)?;
    let done = |sample: &Sample| (total - sample.lag).max(0);
    let is_warm = |sample: &&Sample| (total / WARM_UP_PART..total / 2).contains(&done(sample));
    let warm = samples.iter().find(is_warm);
    let Some(last) = samples.last() else { anyhow::bail!("nothing was seen of the work") };
    let (cpu, jit, wall, from) =
        warm.map_or((last.cpu.total, last.cpu.jit, last.age.as_secs_f64(), 0), |warm| {
            (
                last.cpu.total - warm.cpu.total,
                last.cpu.jit - warm.cpu.jit,
                (last.age - warm.age).as_secs_f64(),
                done(warm),
            )
        });
    ensure!(cpu - jit > 0.0, "{records} records took no CPU time that could be measured: take more");
    let count = float(u64::try_from(done(last) - from)?);
    Ok([
        ("records_per_cpu_second", count / (cpu - jit)),
        ("records_per_cpu_second_with_jit", count / cpu),
        ("cpu_us_per_record", (cpu - jit) * 1e6 / count),
        ("records_per_second_wall", count / wall),
        ("records_counted", count),
        ("cpu_seconds", cpu - jit),
        ("jit_cpu_seconds", jit),
        ("wall_seconds", wall),
        ("peak_mib", process.memory()?.peak),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into())
}

/// What programs ask for: our rate, the best coalesced one of the peer, and how they stand to each other and to reading alone.
fn verdict(
    report: &Report,
    contestants: &[Contestant],
    options: &Options,
    hash: &str,
) -> Map<String, serde_json::Value> {
    let rate = |name: &str| report.median(name, "records_per_cpu_second");
    let ours = rate(&Contestant::Adpulse.name());
    let peers =
        contestants.iter().filter(|contestant| **contestant != Contestant::Adpulse && !contestant.is_slow());
    let peer = peers.filter_map(|contestant| rate(&contestant.name())).max_by(f64::total_cmp);
    let share = |of: Option<f64>| ours.zip(of).map(|(ours, of)| ours / of);
    let mut verdict = Map::new();
    for (name, value) in [
        ("ours", json!(ours)),
        ("peer", json!(peer)),
        ("ratio", json!(share(peer))),
        // A run that ends with another table does not come this far.
        ("same_table", json!(peer.is_some())),
        ("table_hash", json!(hash)),
        ("floor_share", json!(share(rate("consume only")))),
        ("commit_ms", json!(options.commit_ms())),
    ] {
        verdict.insert(name.to_owned(), value);
    }
    verdict
}
