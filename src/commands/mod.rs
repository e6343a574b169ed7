//! One file per command.

mod replay;
mod backtest;
mod explain;
mod check;
mod csv;
mod dead_letters;
mod dev;
mod migrate;
mod policy;
mod topics;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::cli::{Cli, Command};
use crate::config::{Config, ms};
use crate::roles::{self, Context, Health, Listeners, Role};
use crate::shutdown::Shutdown;
use crate::topics::TopicNames;
use crate::{connect, metrics};

/// The workers have the deadline itself; this is for what is left to do after them.
const DEADLINE_MARGIN: Duration = Duration::from_secs(5);

/// Dispatches.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Command::EngineClickhouse { arguments } = cli.command {
        let options =
            devstack::clickhouse::Options::from_args(arguments).context("engine-clickhouse: arguments")?;
        return block_on(async {
            devstack::clickhouse::serve(options).await?;
            Ok(ExitCode::SUCCESS)
        });
    }
    let config = Config::load(cli.config.as_deref())?;
    block_on(async move {
        match cli.command {
            Command::Config => {
                print(&config.to_toml()?)?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Healthcheck { url } => check::answers_well(url).await,
            Command::Dev(args) => dev::run(config, args).await,
            Command::Csv(args) => csv::run(&config, &args).await,
            Command::Backtest(args) => backtest::run(&config, &args).await,
            Command::Explain(args) => explain::run(&config, &args).await,
            Command::DeadLetters { command } => dead_letters::run(&config, command).await,
            Command::Topics(args) => topics::run(&config, args.json).await,
            Command::Migrate(args) => migrate::run(&config, args.json).await,
            Command::Policy { command } => policy::run(&config, &command),
            Command::Check(args) => check::run(&config, args.json).await,
            Command::All => run_roles(config, &Role::ALL).await,
            Command::Ingest => run_roles(config, &[Role::Ingest]).await,
            Command::Normalize => run_roles(config, &[Role::Normalize]).await,
            Command::Score => run_roles(config, &[Role::Score]).await,
            Command::Sink { store } => run_roles(config, &[Role::Sink(store)]).await,
            Command::Serve => run_roles(config, &[Role::Serve]).await,
            Command::EngineClickhouse { .. } => Ok(ExitCode::SUCCESS),
        }
    })
}

fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let result = runtime.block_on(work);
    // A blocking call that hangs must not hold the process when everything else has ended.
    runtime.shutdown_timeout(DEADLINE_MARGIN);
    result
}

async fn run_roles(config: Config, wanted: &[Role]) -> anyhow::Result<ExitCode> {
    let ticks = config.clock.tick_interval_ms > 0;
    let context = context(config, ticks, Listeners::default()).await?;
    context.shutdown.on_signals()?;
    tokio::select! {
        ended = roles::run(&context, wanted) => ended?,
        () = overdue(&context) => bail!(
            "not ended {} ms after the signal: a dependency does not answer. What was not committed will be read again",
            context.config.processing.shutdown_deadline_ms
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// Resolves when the end was asked for and its deadline has passed: a client of a dependency that hangs may ignore its
/// own limits.
async fn overdue(context: &Context) {
    context.shutdown.requested().await;
    tokio::time::sleep(ms(context.config.processing.shutdown_deadline_ms) + DEADLINE_MARGIN).await;
}

/// Resolves the settings once, for every role of this process.
pub async fn context(config: Config, ticks: bool, listeners: Listeners) -> anyhow::Result<Context> {
    let config = Arc::new(config);
    let for_schemas = Arc::clone(&config);
    let schemas = tokio::task::spawn_blocking(move || connect::schemas(&for_schemas)).await??;
    Ok(Context {
        kafka: connect::kafka_settings(&config.kafka)?,
        topics: TopicNames::new(&config.kafka),
        schemas,
        policy: connect::policy(&config)?,
        health: Health::default(),
        prometheus: metrics::install()?,
        shutdown: Shutdown::default(),
        listeners,
        ticks,
        config,
    })
}

/// Data goes to the standard output; everything said about it goes to the standard error. A reader that has gone away
/// is not an error.
pub fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}
