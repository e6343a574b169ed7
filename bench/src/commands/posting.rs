//! A CRM that posts signed webhooks over kept connections. All of them are served by one thread, since whoever posts takes CPU from
//! those who are measured.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use ingest::sample::CrmMessage;
use ingest::webhook::{Secret, sign};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

/// Where webhooks go.
#[derive(Clone, Debug)]
pub struct Door {
    /// Host and port.
    pub address: String,
    pub path: String,
    pub secret: Secret,
    /// Kept connections, each with at most one request under way.
    pub connections: usize,
}

/// A webhook and when it is to be sent.
pub struct Post {
    pub due: Instant,
    pub message: CrmMessage,
}

impl Door {
    /// Posts all of them as fast as they are acknowledged. Blocks until the last one is.
    pub fn post_all(&self, messages: Vec<CrmMessage>) -> anyhow::Result<()> {
        let due = Instant::now();
        let mut posts = messages.into_iter().map(move |message| Ok(Post { due, message }));
        self.post(move || posts.next()).map(drop)
    }

    /// Posts each when it is due and a connection is free. Blocks until the last one is acknowledged, and returns how late the latest was
    /// sent.
    pub fn post(
        &self,
        next: impl FnMut() -> Option<anyhow::Result<Post>> + 'static,
    ) -> anyhow::Result<Duration> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (door, next) = (Rc::new(self.clone()), Rc::new(RefCell::new(next)));
        LocalSet::new().block_on(&runtime, async {
            let mut posters = JoinSet::new();
            for _ in 0..self.connections {
                posters.spawn_local(Rc::clone(&door).serve(Rc::clone(&next)));
            }
            let mut latest = Duration::ZERO;
            while let Some(poster) = posters.join_next().await {
                latest = latest.max(poster??);
            }
            Ok(latest)
        })
    }

    /// One connection: the next webhook, when it is due, until there are none. Returns how late the latest was sent.
    async fn serve(
        self: Rc<Self>,
        next: Rc<RefCell<impl FnMut() -> Option<anyhow::Result<Post>>>>,
    ) -> anyhow::Result<Duration> {
        let (mut connection, mut latest) = (None, Duration::ZERO);
        loop {
            let post = (next.borrow_mut())();
            let Some(post) = post else { return Ok(latest) };
            let Post { due, message } = post?;
            if due > Instant::now() {
                tokio::time::sleep_until(due.into()).await;
            }
            latest = latest.max(due.elapsed());
            let open = match &mut connection {
                Some(open) => open,
                None => connection.insert(self.connect().await?),
            };
            self.send(open, message).await?;
        }
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.address).await.with_context(|| self.address.clone())?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(connection);
        Ok(sender)
    }

    /// Returns when it is acknowledged.
    async fn send(&self, to: &mut SendRequest<Full<Bytes>>, message: CrmMessage) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock")?.as_secs();
        let timestamp = i64::try_from(now)?;
        let request = Request::post(&self.path)
            .header("host", &self.address)
            .header("content-type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", sign(&self.secret, &message.id, timestamp, &message.body))
            .body(Full::from(message.body))?;
        let posting = || format!("posting to {}", self.address);
        to.ready().await.with_context(posting)?;
        let answer = to.send_request(request).await.with_context(posting)?;
        let status = answer.status();
        answer.into_body().collect().await.with_context(posting)?;
        ensure!(status.is_success(), "{} answered {status}", self.address);
        Ok(())
    }
}
