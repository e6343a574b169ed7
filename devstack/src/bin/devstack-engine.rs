//! Serves the embedded ClickHouse for a stack.
fn main() {}
