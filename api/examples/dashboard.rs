//! Serves the dashboard over a Postgres of its own with invented campaigns, to work on the page:
//! `cargo run -p api --example dashboard [ADDRESS] [empty]`, and Ctrl-C to end.

#[path = "../tests/support/mod.rs"]
mod support;

use support::{Site, seed};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let site = Site::start(arguments.first().map_or("127.0.0.1:8080", String::as_str)).await;
    if arguments.get(1).is_none_or(|word| word != "empty") {
        seed(&site.store).await;
    }
    site.readiness.check_all().await;
    eprintln!("the dashboard is at {}", site.address);
    tokio::signal::ctrl_c().await.expect("the process can be told to end");
    site.end().await;
}
