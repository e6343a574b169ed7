//! The whole pipeline on real engines: the binary as its users start it, one process for each role, on a real Kafka,
//! the real ClickHouse engine and a real Postgres.
//!
//! Each test has an installation of its own (topic prefix, databases, ports) on engines that all tests share; those that
//! take an engine away have a second set of engines, one test at a time. Nothing waits for a fixed time: tests wait until
//! a condition holds, and fail at a deadline that no healthy machine reaches.

#![allow(clippy::unwrap_used, unreachable_pub, missing_docs, reason = "a test program fails by panicking")]

mod harness;
mod generated;
mod expected;

mod ad_files;
mod crm_webhooks;
mod bad_input;
mod dead_letters;
mod outages;
mod kills;
mod contracts;
mod operations;
mod questions;
mod dev;
