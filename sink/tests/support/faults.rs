//! A ClickHouse that misbehaves on request: an HTTP proxy before the real one that refuses an insert with a code, loses its answer,
//! or holds it back until later. It works on whole requests, because the faults are about inserts and not about connections.
#![allow(dead_code, reason = "each test program uses a part")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::sync::Semaphore;

/// What happens to one insert.
#[derive(Clone)]
pub(crate) enum Fault {
    /// The store gets it and answers.
    None,
    /// The store is not asked; the answer is this error code.
    Code(u32),
    /// The store executes it; the connection closes without an answer.
    LostAnswer,
    /// The sender hears that it failed; the store gets it when the semaphore gives a permit, and adds one to the second.
    Late(Arc<Semaphore>, Arc<Semaphore>),
}

/// An insert as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Insert {
    pub(crate) token: String,
    pub(crate) settings: String,
}

/// Faults for the next inserts, in order, and the inserts seen.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    upstream: String,
    planned: Arc<Mutex<VecDeque<Fault>>>,
    seen: Arc<Mutex<Vec<Insert>>>,
}

impl Faults {
    /// Starts the proxy and gives its address.
    pub(crate) async fn before(upstream: &str) -> (Self, String) {
        let faults = Self { upstream: upstream.trim_end_matches('/').to_owned(), ..Self::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(handle).with_state(faults.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (faults, url)
    }

    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.planned.lock().unwrap().extend(faults);
    }

    /// The inserts since the last call.
    pub(crate) fn inserts(&self) -> Vec<Insert> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

struct Sent {
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

async fn handle(State(faults): State<Faults>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str()).to_owned();
    let wanted = ["authorization", "x-clickhouse-user", "x-clickhouse-key", "x-clickhouse-database"];
    let headers = request
        .headers()
        .iter()
        .filter(|(name, _)| wanted.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let sent = Sent { target: format!("{}{path}", faults.upstream), headers, body };
    let token = path.split(['?', '&']).find_map(|pair| pair.strip_prefix("insert_deduplication_token="));
    let Some(token) = token.map(str::to_owned) else { return forward(sent).await };
    faults.seen.lock().unwrap().push(Insert { token, settings: path });
    let fault = faults.planned.lock().unwrap().pop_front().unwrap_or(Fault::None);
    match fault {
        Fault::None => forward(sent).await,
        Fault::Code(code) => answer(500, format!("Code: {code}. DB::Exception: as planned").into()),
        Fault::LostAnswer => {
            assert_eq!(forward(sent).await.status(), 200);
            answer(502, Bytes::new())
        }
        Fault::Late(go, done) => {
            tokio::spawn(async move {
                go.acquire().await.unwrap().forget();
                assert_eq!(forward(sent).await.status(), 200);
                done.add_permits(1);
            });
            answer(504, Bytes::new())
        }
    }
}

async fn forward(sent: Sent) -> Response {
    let (status, body) = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = sent
            .headers
            .into_iter()
            .fold(agent.post(&sent.target), |request, (name, value)| request.header(name, value));
        let mut answered = request.send(&sent.body[..]).unwrap();
        let body = answered.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        (answered.status().as_u16(), body)
    })
    .await
    .unwrap();
    answer(status, body.into())
}

fn answer(status: u16, body: Bytes) -> Response {
    Response::builder().status(status).body(body.into()).unwrap()
}
