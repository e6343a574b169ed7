//! The HTTP server before the engine: one request is one connection to the engine, and a bounded number
//! of requests run at once.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tokio::sync::Semaphore;

use super::compression;
use super::library::{Answer, Connection, Library, Refusal};
use super::request::Wishes;
use super::response::{failure, refused, success};
use super::statement::{Statement, parse};

/// Requests that the engine works on at once; more wait.
const REQUESTS_MAX: usize = 16;
/// An insert is held as a whole, so that one that is cut short inserts nothing.
const BODY_BYTES_MAX: usize = 1 << 30;
const FORMAT: &str = "TabSeparated";

/// The engine and its data folder.
#[derive(Debug, Clone)]
pub(super) struct Server {
    library: Arc<Library>,
    data: PathBuf,
    timezone: Arc<str>,
    places: Arc<Semaphore>,
}

impl Server {
    /// A server for an engine that has opened `data`.
    pub(super) fn new(library: Arc<Library>, data: PathBuf, timezone: &str) -> Self {
        Self { library, data, timezone: timezone.into(), places: Arc::new(Semaphore::new(REQUESTS_MAX)) }
    }

    /// The routes of ClickHouse's HTTP interface.
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/ping", get(|| async { "Ok.\n" }))
            .route("/replicas_status", get(|| async { "Ok.\n" }))
            .route("/", any(handle))
            .fallback(|| async { refused(StatusCode::NOT_FOUND, 1000, "there is nothing at this path") })
            .with_state(self)
    }

    fn connect(&self) -> Result<Connection, Refusal> {
        let refused = || Refusal("Code: 210. DB::Exception: the engine gave no connection".to_owned());
        self.library.connect(&self.data).ok_or_else(refused)
    }

    fn execute(&self, wishes: &Wishes, sql: &[u8]) -> Result<(Answer, String), Refusal> {
        let mut connection = self.connect()?;
        for statement in wishes.preparation() {
            connection.query(statement.as_bytes(), FORMAT, &[])?;
        }
        let default = wishes.format.as_deref().unwrap_or(FORMAT);
        match parse(sql) {
            Statement::Insert { sql, format, rows } => {
                connection.insert(sql, format, rows).map(|answer| (answer, default.to_owned()))
            }
            Statement::Other { sql, format } => connection
                .query(sql, default, &wishes.params)
                .map(|answer| (answer, format.unwrap_or(default).to_owned())),
        }
    }
}

async fn handle(
    State(server): State<Server>,
    Query(url): Query<Vec<(String, String)>>,
    request: Request<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    let wishes = match Wishes::read(&head.method, url, &head.headers) {
        Ok(wishes) => wishes,
        Err(refusal) => return failure(&refusal),
    };
    let body = match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => {
            return refused(StatusCode::BAD_REQUEST, 1000, &format!("the body is not complete: {error}"));
        }
    };
    if wishes.query.is_empty() && body.is_empty() {
        return match head.method {
            Method::GET | Method::HEAD => "Ok.\n".into_response(),
            _ => refused(StatusCode::BAD_REQUEST, 62, "Empty query. (SYNTAX_ERROR)"),
        };
    }
    let Ok(place) = Arc::clone(&server.places).acquire_owned().await else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, 439, "the server is stopping");
    };
    let work = move || {
        let _place = place;
        let mut sql = wishes.query.clone().into_bytes();
        if wishes.decompress {
            let body = compression::decompress(&body).map_err(|reason| {
                Refusal(format!("Code: 271. DB::Exception: {reason}. (CANNOT_DECOMPRESS)"))
            })?;
            append(&mut sql, &body);
        } else {
            append(&mut sql, &body);
        }
        let (answer, format) = server.execute(&wishes, &sql)?;
        Ok(success(answer, &format, &wishes, &server.timezone))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => failure(&refusal),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, 1001, &error.to_string()),
    }
}

/// A query in the URL and a body are one text, with a line break between them.
fn append(sql: &mut Vec<u8>, body: &[u8]) {
    if !sql.is_empty() {
        sql.push(b'\n');
    }
    sql.extend_from_slice(body);
}
