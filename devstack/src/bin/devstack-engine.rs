//! The process that a stack runs ClickHouse in, for tests; `adpulse` has the same as a subcommand.

use std::process::ExitCode;

use devstack::clickhouse::{Options, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = Options::from_args(std::env::args_os().skip(1)) else {
        eprintln!("usage: devstack-engine --data DIR --port PORT --library PATH");
        return ExitCode::from(2);
    };
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
