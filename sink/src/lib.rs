//! The stores: ClickHouse for history, Postgres for the current state.
