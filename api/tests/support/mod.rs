//! A real Postgres with the sink's tables and invented campaigns, and the API in front of it.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "shared by tests and an example, which use parts of it"
)]

mod rows;

use std::sync::Arc;
use std::time::Duration;

use api::{ApiState, Readiness, router};
use devstack::{Engine, Progress, Stack, StackConfig};
use httpserver::{Limits, ServeError, serve};
use serde_json::Value;
use sink::postgres::{PostgresSettings, Tls, migrate, pool};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;

pub use rows::{ALERTS, CAMPAIGNS, seed};

pub struct Site {
    pub stack: Stack,
    pub store: Client,
    pub pool: deadpool_postgres::Pool,
    pub readiness: Arc<Readiness>,
    pub address: String,
    shutdown: CancellationToken,
    server: JoinHandle<Result<(), ServeError>>,
}

/// What an address answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Site {
    /// Starts Postgres, makes the sink's tables and serves the API on `listen`.
    pub async fn start(listen: &str) -> Self {
        let config = StackConfig { progress: Progress::Silent, ..StackConfig::default() };
        let stack = Stack::start(config, &[Engine::Postgres]).await.unwrap();
        let config: tokio_postgres::Config = stack.postgres().unwrap().url().parse().unwrap();
        let (store, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let settings = PostgresSettings {
            statement_timeout: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(2),
            ..PostgresSettings::new(stack.postgres().unwrap().url().as_str().into(), Tls::Disable)
        };
        migrate(&pool(&settings).unwrap()).await.unwrap();
        let pool = pool(&PostgresSettings { read_only: true, ..settings }).unwrap();
        let readiness =
            Readiness::builder().postgres(pool.clone()).build(Duration::from_secs(5), Duration::from_secs(2));
        let readiness = Arc::new(readiness);
        let metrics: api::Renderer = Arc::new(|| "adpulse_test 1\n".to_owned());
        let state = ApiState { pool: pool.clone(), readiness: readiness.clone(), metrics };
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let served = serve(listener, router(state), Limits::default().named("api"), shutdown.clone());
        Self { stack, store, pool, readiness, address, shutdown, server: tokio::spawn(served) }
    }

    pub async fn get(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.address);
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut response = agent.get(&url).call().unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer { status, headers, text: response.body_mut().read_to_string().unwrap() }
        })
        .await
        .unwrap()
    }

    /// The items of an address and of all the pages after it.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{cursor}")).await;
            assert_eq!(page.status, 200, "{}", page.text);
            let page = page.json();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { return items };
            cursor = format!("&cursor={next}");
        }
    }

    pub async fn end(self) {
        self.shutdown.cancel();
        self.server.await.unwrap().unwrap();
        self.stack.stop().await.unwrap();
    }
}
