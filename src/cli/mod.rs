//! The command line.

mod letters;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use ingest::csv::{DateOrder, Field};
use schemas::{Day, TimestampMs};

use crate::logging::LogFormat;
use crate::roles::Store;

pub use letters::{DeadLettersCommand, LetterFilter, LetterPosition, LettersActArgs};

/// Turns advertising and sales events into budget decisions.
#[derive(Debug, Parser)]
#[command(name = "adpulse", version, about, propagate_version = true)]
pub struct Cli {
    /// Settings file; ./adpulse.toml if it is there.
    #[arg(long, global = true, env = "ADPULSE_CONFIG")]
    pub config: Option<PathBuf>,
    /// How log lines look; pretty on a terminal, json elsewhere.
    #[arg(long, global = true, value_enum)]
    pub log_format: Option<LogFormat>,
    /// What is logged: a level, or a list such as info,kafka=debug.
    #[arg(long, global = true, env = "ADPULSE_LOG", default_value = "info")]
    pub log: String,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole pipeline on engines it starts itself, with sample data flowing.
    Dev(DevArgs),
    /// All roles in one process.
    All,
    /// The webhook door and the scheduler.
    Ingest,
    /// Raw messages to facts.
    Normalize,
    /// Facts to scores and recommendations.
    Score,
    /// Topics to a store.
    Sink {
        #[arg(value_enum)]
        store: Store,
    },
    /// The API, the dashboard, health and metrics.
    Serve,
    /// Upload a CSV file: all of it or nothing.
    Csv(CsvArgs),
    /// Replays the recorded events under another policy: which recommendations would have been different, and when.
    Backtest(BacktestArgs),
    /// Why a campaign has its score: parts, reasons, days and leads behind it, and what would move it.
    Explain(ExplainArgs),
    /// Create or verify the topics.
    Topics(OutputArgs),
    /// Bring the stores to this version's tables.
    Migrate(OutputArgs),
    /// Try every dependency and say what answers.
    Check(OutputArgs),
    /// The effective settings, secrets masked.
    Config,
    /// Look at what was refused, send it through the pipeline again, or settle it.
    DeadLetters {
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    /// Questions the rules' policy.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Asks an address such as http://127.0.0.1:8080/readyz and says by the exit status whether it is well.
    Healthcheck { url: String },
    /// Serves the ClickHouse engine for `adpulse dev`.
    #[command(hide = true)]
    EngineClickhouse {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
}

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Score the cases of a file with the effective policy; the exit status is 1 if any differs.
    Test {
        /// A file in the format of vectors.json.
        cases: PathBuf,
        /// JSON on the standard output.
        #[arg(long)]
        json: bool,
    },
    /// What is in force for an account or a campaign, and what set it.
    Show(PolicyShowArgs),
}

#[derive(Debug, Args)]
pub struct PolicyShowArgs {
    /// The account, as platform:account_id.
    pub account: String,
    /// The campaign's id, for the patterns that name its key.
    #[arg(long)]
    pub campaign: Option<String>,
    /// The campaign's name, for the patterns that name it.
    #[arg(long, requires = "campaign")]
    pub name: Option<String>,
    /// JSON on the standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct OutputArgs {
    /// JSON on the standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DevArgs {
    /// Keep the engines' data here across restarts; a fresh folder otherwise.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Run until everything sent has reached both stores, print the final table, end.
    #[arg(long)]
    pub once: bool,
    /// JSON on the standard output instead of tables.
    #[arg(long)]
    pub json: bool,
    /// Feed this file instead of sample traffic; may be given more than once.
    #[arg(long)]
    pub csv: Vec<PathBuf>,
    #[command(flatten)]
    pub reading: CsvReading,
    /// How many sample campaigns.
    #[arg(long, default_value_t = 12)]
    pub campaigns: u32,
    /// Seed of the sample traffic.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Use the in-memory broker even where there is Java: starts at once, persists nothing, at least once.
    #[arg(long)]
    pub in_memory: bool,
}

#[derive(Debug, Args)]
pub struct CsvArgs {
    /// The file.
    pub file: PathBuf,
    #[command(flatten)]
    pub reading: CsvReading,
    /// Read the file and say what would be sent; send nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// JSON on the standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct BacktestArgs {
    /// The policy to try, a file that names what differs from the defaults, as the table `policy` of the settings does.
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// First day whose announcements are compared.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    pub from: Option<Day>,
    /// Last day whose announcements are compared; the replay itself always goes to the end.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    pub to: Option<Day>,
    /// JSON on the standard output.
    #[arg(long)]
    pub json: bool,
    /// Write one row for each campaign to this file.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// Campaign key (platform:account:campaign), or a campaign id that only one account has.
    pub campaign: String,
    /// As it was at this moment: a day, whose end is meant, or a time such as 2026-10-31T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub at: Option<TimestampMs>,
    /// List the leads behind the score.
    #[arg(long)]
    pub leads: bool,
    /// JSON on the standard output.
    #[arg(long)]
    pub json: bool,
}

/// How a file is read.
#[derive(Clone, Debug, Args)]
pub struct CsvReading {
    /// Names of columns: a built-in profile, or the path of your own (*.toml). Found from the header if not given.
    #[arg(long)]
    pub profile: Option<String>,
    /// Assigns a column to a field, such as "Ad name=campaign"; may be given more than once.
    #[arg(long = "map", value_name = "COLUMN=FIELD", value_parser = Field::parse_assignment)]
    pub map: Vec<(String, Field)>,
    /// The day of all rows, for files without dates.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    pub date: Option<Day>,
    /// How dates such as 03/04/2026 are to be read: dmy or mdy.
    #[arg(long, value_name = "dmy|mdy")]
    pub date_format: Option<DateOrder>,
    /// Ad platform, first part of the campaign key.
    #[arg(long)]
    pub platform: Option<String>,
    /// Ad account, second part of the campaign key.
    #[arg(long)]
    pub account: Option<String>,
    /// ISO 4217 currency, for files that do not say.
    #[arg(long)]
    pub currency: Option<String>,
    /// IANA time zone of the account's days.
    #[arg(long)]
    pub time_zone: Option<String>,
    /// What time it is to the rules: now, or the end of the file's last day, so that the window lies around old data.
    #[arg(long, value_enum, default_value_t = ClockChoice::Wall)]
    pub clock: ClockChoice,
}

/// Whose time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ClockChoice {
    /// The computer's.
    Wall,
    /// The file's.
    Data,
}

fn parse_day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| format!("{text:?} is not a day such as 2026-10-31"))
}

/// A moment; of a day its last one, in UTC.
fn parse_moment(text: &str) -> Result<TimestampMs, String> {
    if let Some(day) = Day::parse(text) {
        return Ok(TimestampMs(Day(day.0.saturating_add(1)).midnight_utc().0 - 1));
    }
    chrono::DateTime::parse_from_rfc3339(text).map(|moment| TimestampMs(moment.timestamp_millis())).map_err(
        |_| format!("{text:?} is neither a day such as 2026-10-31 nor a time such as 2026-10-31T12:00:00Z"),
    )
}
