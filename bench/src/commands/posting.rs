//! A CRM that posts signed webhooks over kept connections.

use std::sync::Mutex;
use std::time::SystemTime;

use anyhow::{Context as _, anyhow};
use ingest::sample::CrmMessage;
use ingest::webhook::{Secret, sign};

/// Posts all of them over so many connections, each with one request under way, and returns when each is acknowledged.
pub fn post_all(
    url: &str,
    secret: &Secret,
    posts: Vec<CrmMessage>,
    connections: usize,
) -> anyhow::Result<()> {
    let posts = Mutex::new(posts.into_iter());
    let agent = agent(connections);
    std::thread::scope(|scope| {
        let post_some = || {
            loop {
                let next = posts.lock().map_err(|_| anyhow!("a poster panicked"))?.next();
                let Some(message) = next else { return Ok(()) };
                post(&agent, url, secret, &message)?;
            }
        };
        let posters: Vec<_> = (0..connections).map(|_| scope.spawn(post_some)).collect();
        posters.into_iter().try_for_each(|poster| poster.join().map_err(|_| anyhow!("a poster panicked"))?)
    })
}

/// A client that keeps so many connections.
pub fn agent(connections: usize) -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.max_idle_connections(connections).max_idle_connections_per_host(connections).build().into()
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
