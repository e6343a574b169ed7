//! One file per command.

mod check;
mod csv;
mod dev;
mod migrate;
mod topics;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::roles::{self, Context, Health, Role};
use crate::shutdown::Shutdown;
use crate::topics::TopicNames;
use crate::{connect, metrics};

/// Dispatches.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Command::EngineClickhouse { arguments } = cli.command {
        let options =
            devstack::clickhouse::Options::from_args(arguments).context("engine-clickhouse: arguments")?;
        return runtime()?.block_on(async {
            devstack::clickhouse::serve(options).await?;
            Ok(ExitCode::SUCCESS)
        });
    }
    let config = Config::load(cli.config.as_deref())?;
    runtime()?.block_on(async move {
        match cli.command {
            Command::Config => {
                print(&config.to_toml()?)?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Healthcheck { url } => check::answers_well(url).await,
            Command::Dev(args) => dev::run(config, args).await,
            Command::Csv(args) => csv::run(&config, &args).await,
            Command::Topics(args) => topics::run(&config, args.json).await,
            Command::Migrate(args) => migrate::run(&config, args.json).await,
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

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")
}

async fn run_roles(config: Config, wanted: &[Role]) -> anyhow::Result<ExitCode> {
    let ticks = config.clock.tick_interval_ms > 0;
    let context = context(config, ticks).await?;
    context.shutdown.on_signals()?;
    roles::run(&context, wanted).await?;
    Ok(ExitCode::SUCCESS)
}

/// Resolves the settings once, for every role of this process.
pub async fn context(config: Config, ticks: bool) -> anyhow::Result<Context> {
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
