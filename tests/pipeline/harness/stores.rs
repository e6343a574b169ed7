//! What the stores and the API say, in one shape, so that they can be held against each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};

use super::engines::block_on;
use super::installation::Installation;

/// A campaign's sums over all its days; money in micros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub spend: i64,
    pub impressions: i64,
    pub clicks: i64,
    pub link_clicks: i64,
    pub leads: i64,
    pub purchases: i64,
    pub crm_leads: i64,
    pub qualified: i64,
    pub won: i64,
    pub revenue: i64,
}

/// Sums by campaign id.
pub type Figures = BTreeMap<String, Totals>;

/// Announcements, as campaign id, moment and action.
pub type Announced = BTreeSet<(String, i64, String)>;

const FIGURES_CLICKHOUSE: &str = "
    SELECT campaign_id, toInt64(ifNull(sum(t.spend), 0) * 1000000), toInt64(ifNull(sum(t.impressions), 0)),
           toInt64(ifNull(sum(t.clicks), 0)), toInt64(ifNull(sum(t.link_clicks), 0)), toInt64(ifNull(sum(t.leads), 0)),
           toInt64(ifNull(sum(t.purchases), 0)), toInt64(sum(t.crm_leads)), toInt64(sum(t.crm_qualified)),
           toInt64(sum(t.crm_won)), toInt64(sum(t.crm_revenue) * 1000000)
    FROM v_campaign_totals AS t GROUP BY campaign_id";

const FIGURES_POSTGRES: &str = "
    SELECT campaign_id, coalesce(sum(spend_micros), 0)::bigint, coalesce(sum(impressions), 0)::bigint,
           coalesce(sum(clicks), 0)::bigint, coalesce(sum(link_clicks), 0)::bigint, coalesce(sum(leads), 0)::bigint,
           coalesce(sum(purchases), 0)::bigint, sum(crm_leads)::bigint, sum(crm_qualified)::bigint,
           sum(crm_won)::bigint, sum(crm_revenue_micros)::bigint
    FROM campaign_days GROUP BY campaign_id";

impl Totals {
    fn read(mut number: impl FnMut(usize) -> i64) -> Self {
        Self {
            spend: number(1),
            impressions: number(2),
            clicks: number(3),
            link_clicks: number(4),
            leads: number(5),
            purchases: number(6),
            crm_leads: number(7),
            qualified: number(8),
            won: number(9),
            revenue: number(10),
        }
    }
}

impl Installation {
    /// Sums of all campaigns in ClickHouse, through the view that people read.
    pub fn clickhouse_figures(&self) -> Figures {
        let rows = self.clickhouse(FIGURES_CLICKHOUSE);
        rows.into_iter().map(|row| (row[0].clone(), Totals::read(|at| row[at].parse().unwrap()))).collect()
    }

    /// Sums of all campaigns in Postgres.
    pub fn postgres_figures(&self) -> Figures {
        let rows = self.postgres(FIGURES_POSTGRES, &[]);
        rows.into_iter().map(|row| (row.get(0), Totals::read(|at| row.get(at)))).collect()
    }

    /// Sums in both stores, which must be the same.
    pub fn figures(&self) -> Figures {
        let (clickhouse, postgres) = (self.clickhouse_figures(), self.postgres_figures());
        assert_eq!(clickhouse, postgres, "ClickHouse (left) and Postgres (right) differ");
        clickhouse
    }

    /// All announcements, the same in both stores.
    pub fn announced(&self) -> Announced {
        let clickhouse = self.clickhouse(
            "SELECT campaign_id, toUnixTimestamp64Milli(announced_at), action FROM v_recommendations",
        );
        let clickhouse: Vec<_> = clickhouse
            .into_iter()
            .map(|row| (row[0].clone(), row[1].parse().unwrap(), row[2].clone()))
            .collect();
        let postgres = self.postgres(
            "SELECT campaign_id, (extract(epoch FROM announced_at) * 1000)::bigint, action FROM recommendations",
            &[],
        );
        let postgres: Vec<_> = postgres.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        let count = clickhouse.len();
        let (clickhouse, postgres): (Announced, Announced) =
            (clickhouse.into_iter().collect(), postgres.into_iter().collect());
        assert_eq!(clickhouse, postgres, "recommendations in ClickHouse (left) and Postgres (right) differ");
        assert_eq!(clickhouse.len(), count, "ClickHouse shows a recommendation twice");
        clickhouse
    }

    /// Every row of each table of a store that both have, counted.
    pub fn rows_of(&self, table: &str) -> (usize, usize) {
        let clickhouse = self.clickhouse(&format!("SELECT count() FROM v_{table}"))[0][0].parse().unwrap();
        let postgres: i64 = self.postgres(&format!("SELECT count(*) FROM {table}"), &[])[0].get(0);
        (clickhouse, usize::try_from(postgres).unwrap())
    }

    /// Runs a query on ClickHouse: rows of texts.
    pub fn clickhouse(&self, sql: &str) -> Vec<Vec<String>> {
        self.try_clickhouse(sql).unwrap_or_else(|error| panic!("ClickHouse: {error}: {sql}"))
    }

    /// The same, for a store that may be down.
    pub fn try_clickhouse(&self, sql: &str) -> Result<Vec<Vec<String>>, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent
            .post(&self.engines.clickhouse)
            .query("database", &self.database)
            .send(format!("{sql} FORMAT TabSeparatedRaw"))
            .map_err(|error| error.to_string())?;
        let text = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
        if answer.status() != 200 {
            return Err(text);
        }
        Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }

    /// Runs a query on Postgres.
    pub fn postgres(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        self.try_postgres(sql, parameters).unwrap_or_else(|error| panic!("Postgres: {error}: {sql}"))
    }

    /// The same, for a store that may be down.
    pub fn try_postgres(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let (server, _) = self.engines.postgres.rsplit_once('/').unwrap();
        let url = format!("{server}/{}", self.database);
        block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
            let connection = tokio::spawn(connection);
            let rows = client.query(sql, parameters).await;
            drop(client);
            // Its end says no more than the query's own result.
            let _ = connection.await;
            rows
        })
    }

    /// Every item of a list of the API, page by page, small pages so that there are several.
    pub fn api_items(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut request = ureq::get(format!("http://{}{path}", self.api)).query("limit", "7");
            if let Some(cursor) = &cursor {
                request = request.query("cursor", cursor);
            }
            let text = request.call().unwrap().body_mut().read_to_string().unwrap();
            let page: Value = serde_json::from_str(&text).unwrap();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }

    /// What the API says of each campaign's window: spend to the cent, leads, purchases.
    pub fn api_figures(&self) -> BTreeMap<String, (String, i64, i64)> {
        let text = |campaign: &Value, field: &str| campaign[field].as_str().unwrap().to_owned();
        let number = |campaign: &Value, field: &str| campaign[field].as_i64().unwrap();
        self.api_items("/api/campaigns")
            .iter()
            .map(|campaign| {
                let figures =
                    (text(campaign, "spend"), number(campaign, "leads"), number(campaign, "purchases"));
                (text(campaign, "campaign_id"), figures)
            })
            .collect()
    }
}

impl Installation {
    /// The current score of each campaign, as text, the same in both stores.
    pub fn scores(&self) -> BTreeMap<String, String> {
        let clickhouse = self.clickhouse("SELECT campaign_id, total, recommendation FROM v_current_scores");
        let clickhouse: BTreeMap<_, _> = clickhouse
            .into_iter()
            .map(|row| (row[0].clone(), format!("{:.2} {}", row[1].parse::<f64>().unwrap(), row[2])))
            .collect();
        let postgres = self.postgres("SELECT campaign_id, total, recommendation FROM scores", &[]);
        let postgres: BTreeMap<_, _> = postgres
            .iter()
            .map(|row| (row.get(0), format!("{:.2} {}", row.get::<_, f64>(1), row.get::<_, &str>(2))))
            .collect();
        assert_eq!(clickhouse, postgres, "scores in ClickHouse (left) and Postgres (right) differ");
        clickhouse
    }
}
