//! The binary: reads the command line, loads the settings, dispatches to one file per command.

#![expect(
    unreachable_pub,
    reason = "a binary has no public interface; `pub` says what the other modules use"
)]

mod cli;
mod commands;
mod config;
mod connect;
mod crash_points;
mod logging;
mod metrics;
mod roles;
mod shutdown;
mod topics;

use std::process::ExitCode;

use clap::Parser as _;

/// Most of it is allocated and freed by the thread of a worker, the rest by threads that pass it on to each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    logging::start(cli.log_format, &cli.log);
    crash_points::arm();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
