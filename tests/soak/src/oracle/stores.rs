//! What the stores and the API say, asked past the proxies.

use serde_json::Value;
use tokio_postgres::NoTls;

use super::rows::Table;
use crate::block_on;
use crate::site::Site;

/// Rows of a query of two text columns on Postgres.
///
/// # Errors
/// When Postgres does not answer, or refuses.
pub fn postgres(site: &Site, sql: &str) -> anyhow::Result<Table> {
    block_on(async {
        let (client, connection) = tokio_postgres::connect(&site.postgres(), NoTls).await?;
        let connection = tokio::spawn(connection);
        let rows = client.query(sql, &[]).await;
        drop(client);
        // Its end says no more than the query's own result.
        let _ = connection.await;
        Ok(rows?.iter().map(|row| (row.get(0), row.get(1))).collect())
    })
}

/// What ClickHouse says to a statement.
fn ask(site: &Site, sql: &str) -> anyhow::Result<String> {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.timeout_global(Some(std::time::Duration::from_secs(30))).build().into();
    let mut answer = agent.post(site.clickhouse()).send(sql)?;
    let text = answer.body_mut().with_config().limit(1 << 30).read_to_string()?;
    anyhow::ensure!(answer.status() == 200, "ClickHouse: {text}: {sql}");
    Ok(text)
}

/// Carries out a statement on ClickHouse.
///
/// # Errors
/// When ClickHouse does not answer, or refuses.
pub fn clickhouse_do(site: &Site, sql: &str) -> anyhow::Result<()> {
    ask(site, sql).map(drop)
}

/// Rows of a query of two text columns on ClickHouse, duplicates included.
///
/// # Errors
/// When ClickHouse does not answer, or refuses.
pub fn clickhouse_rows(site: &Site, sql: &str) -> anyhow::Result<Vec<(String, String)>> {
    Ok(ask(site, &format!("{sql} FORMAT TabSeparatedRaw"))?
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(key, row)| (key.to_owned(), row.to_owned()))
        .collect())
}

/// The same as a table.
///
/// # Errors
/// As [`clickhouse_rows`].
pub fn clickhouse(site: &Site, sql: &str) -> anyhow::Result<Table> {
    Ok(clickhouse_rows(site, sql)?.into_iter().collect())
}

/// What the API lists: of each campaign spend, leads, total and recommendation.
///
/// # Errors
/// When it does not answer, or not as it should.
pub fn api(site: &Site) -> anyhow::Result<Table> {
    let (mut found, mut cursor) = (Table::new(), None::<String>);
    loop {
        let mut request = ureq::get(format!("http://{}/api/campaigns", site.api)).query("limit", "50");
        if let Some(cursor) = &cursor {
            request = request.query("cursor", cursor);
        }
        let page: Value = serde_json::from_str(&request.call()?.body_mut().read_to_string()?)?;
        for item in page["items"].as_array().into_iter().flatten() {
            let text = |field: &str| item[field].as_str().unwrap_or("-").to_owned();
            let total = item["total"].as_f64().unwrap_or(f64::NAN);
            let row = format!("{}|{}|{total:.2}|{}", text("spend"), item["leads"], text("recommendation"));
            found.insert(text("key"), row);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(found),
        }
    }
}
