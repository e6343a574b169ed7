//! A CRM that posts signed webhooks over kept connections.

use std::sync::Mutex;
use std::time::SystemTime;

use anyhow::{Context as _, anyhow};
use ingest::sample::CrmMessage;
use ingest::webhook::{Secret, sign};

/// Connections. Each has one request under way.
const POSTERS: usize = 8;

/// Posts all of them, several at a time, and returns when each is acknowledged.
pub fn post_all(url: &str, secret: &Secret, posts: Vec<CrmMessage>) -> anyhow::Result<()> {
    let posts = Mutex::new(posts.into_iter());
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    std::thread::scope(|scope| {
        let post_some = || {
            loop {
                let next = posts.lock().map_err(|_| anyhow!("a poster panicked"))?.next();
                let Some(message) = next else { return Ok(()) };
                post(&agent, url, secret, &message)?;
            }
        };
        let posters: Vec<_> = (0..POSTERS).map(|_| scope.spawn(post_some)).collect();
        posters.into_iter().try_for_each(|poster| poster.join().map_err(|_| anyhow!("a poster panicked"))?)
    })
}

/// Posts one, and returns when it is acknowledged.
pub fn post(agent: &ureq::Agent, url: &str, secret: &Secret, message: &CrmMessage) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock")?.as_secs();
    let timestamp = i64::try_from(now)?;
    let answer = agent
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", timestamp.to_string())
        .header("webhook-signature", sign(secret, &message.id, timestamp, &message.body))
        .send(message.body.as_slice())
        .with_context(|| format!("posting to {url}"))?;
    anyhow::ensure!(answer.status().is_success(), "{url} answered {}", answer.status());
    Ok(())
}
