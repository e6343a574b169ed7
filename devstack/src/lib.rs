//! Real engines without Docker, for `adpulse dev` and for the tests.
//!
//! [`Stack::start`] brings up Apache Kafka, ClickHouse, PostgreSQL and a schema registry as
//! ordinary child processes on free loopback ports, and [`Stack::stop`] takes them away again.
//!
//! It promises:
//! - the engines are the real ones, at the versions and contents that `engines.lock` pins;
//! - a download happens once per machine, through the package manager that owns the package;
//! - an engine that is returned answers requests, and its log lies in its data folder;
//! - no process outlives the one that started it, however that one ends;
//! - a kept data folder is opened again as it was left, and by one stack at a time.
//!
//! It refuses to be a deployment: one node each, loopback only, no passwords.
//!
//! How the parts fit: `artifact` fetches and verifies, `process` owns child processes, each file in
//! `engines` turns one artifact into a running engine, and `clickhouse` is the HTTP server around
//! the embedded ClickHouse library that runs in its own process (`devstack-engine`, or the
//! command in [`StackConfig::engine_command`]).
//!
//! Called by `adpulse dev` and by the tests of every crate that needs a real engine.

mod error;
mod config;
mod stack;
mod artifact;
mod java;
mod ports;
mod process;
mod engines;
pub mod clickhouse;

pub use config::{KafkaBehind, Progress, StackConfig};
pub use engines::clickhouse::ClickHouse;
pub use engines::kafka::Kafka;
pub use engines::postgres::Postgres;
pub use engines::registry::Registry;
pub use error::DevstackError;
pub use java::{JavaVersion, java_available};
pub use process::Process;
pub use stack::{Engine, Stack};
