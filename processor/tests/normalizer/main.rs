//! The normalizer on raw records: payloads of every kind, their doubts and refusals, accounts, and leads in any order.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands, also in what it builds on")]

mod written;
mod facts;
mod values;
mod accounts;
mod leads;
mod lead_order;
mod counts;
mod hostile;
