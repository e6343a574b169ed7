//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use ingest::csv::{DateOrder, Field};
use schemas::Day;

use crate::logging::LogFormat;
use crate::roles::Store;

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
    /// Create or verify the topics.
    Topics(OutputArgs),
    /// Bring the stores to this version's tables.
    Migrate(OutputArgs),
    /// Try every dependency and say what answers.
    Check(OutputArgs),
    /// The effective settings, secrets masked.
    Config,
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
