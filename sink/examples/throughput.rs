//! Rows per second of each sink on the real engines, and of a client that writes the same rows without a sink's duties.
//! `cargo run --release -p sink --example throughput [ROWS] [BATCH]`; prints one line of JSON for each measurement.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]
#![allow(clippy::unwrap_used, reason = "a measurement that fails ends with what failed")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut as _, BytesMut};
use deadpool_postgres::Pool;
use devstack::{Engine, Stack, StackConfig};
use schemas::record::{CampaignDay, Cohort, Figures, Origin};
use schemas::{CampaignKey, Day, DayKey, Micros, Schemas, TimestampMs, Topic};
use sink::clickhouse::{self, ClickHouseSettings, ClickHouseSink};
use sink::postgres::{self, PostgresSettings, PostgresSink, Tls};
use sink::{Secret, SinkRecord};
use tokio_postgres::types::{IsNull, ToSql, Type, accepts, to_sql_checked};

const CAMPAIGN_DAYS: usize = 30;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().unwrap());
    let rows = args.next().unwrap_or(200_000);
    let batch = args.next().unwrap_or(10_000);
    let schemas = Schemas::compiled();
    let stack = Stack::start(StackConfig::default(), &[Engine::ClickHouse, Engine::Postgres]).await.unwrap();

    let settings = ClickHouseSettings::new(stack.clickhouse().unwrap().url(), "throughput");
    clickhouse::migrate(&settings).await.unwrap();
    let mut sink = ClickHouseSink::connect(&settings, &schemas).await.unwrap();
    for pass in 0..2 {
        let log = records(&schemas, rows, pass);
        let server = stack.clickhouse().unwrap().process().pid().unwrap();
        let mut meter = Meter::new(["clickhouse, first", "clickhouse, restated"][pass], server);
        for part in log.chunks(batch) {
            meter.rows += sink.write(&borrow(part)).await.unwrap().rows;
        }
        meter.report();
    }

    let url = Secret::new(stack.postgres().unwrap().url());
    let pool = postgres::pool(&PostgresSettings::new(url, Tls::Disable)).unwrap();
    postgres::migrate(&pool).await.unwrap();
    let server = stack.postgres().unwrap().process().pid().unwrap();
    let mut sink = PostgresSink::new(pool.clone(), "throughput", &schemas);
    for pass in 0..2 {
        let log = records(&schemas, rows, pass);
        let mut meter = Meter::new(["postgres, first", "postgres, restated"][pass], server);
        for part in log.chunks(batch) {
            meter.rows += sink.write(&borrow(part)).await.unwrap().rows;
        }
        meter.report();
    }
    raw_postgres(&pool, server, rows, batch).await;
    stack.stop().await.unwrap();
}

/// The same rows by a client that has nothing else to do: figures are in memory, not in Avro; nothing is checked, sorted or
/// guarded by a version; no offsets. Rows go as one array for each column, the fastest way for a client to upsert.
async fn raw_postgres(pool: &Pool, server: u32, rows: usize, batch: usize) {
    let client = pool.get().await.unwrap();
    client.batch_execute("CREATE TABLE raw (LIKE campaign_days INCLUDING ALL)").await.unwrap();
    let upsert = include_str!("../src/postgres/sql/upsert_campaign_days.sql");
    let upsert = upsert.replace("INSERT INTO campaign_days", "INSERT INTO raw");
    let (upsert, _guard) = upsert.rsplit_once("WHERE").unwrap();
    let upsert = client.prepare(upsert).await.unwrap();
    let number = |n: usize| i64::try_from(n).unwrap();
    for (pass, name) in ["postgres raw, first", "postgres raw, restated"].into_iter().enumerate() {
        let mut figures: Vec<(String, String, i32, i64)> = (0..rows)
            .map(|row| {
                let campaign_id = (120_210_000_000_000_000 + row / CAMPAIGN_DAYS).to_string();
                let key = format!("facebook:123456789012345:{campaign_id}");
                let day = 20_700 + i32::try_from(row % CAMPAIGN_DAYS).unwrap();
                (key, campaign_id, day, number(row) * 10_000 + number(pass))
            })
            .collect();
        let mut meter = Meter::new(name, server);
        for (from, part) in figures.chunks_mut(batch).enumerate() {
            part.sort_unstable();
            let all = part.len();
            let texts = |value: &'static str| vec![value; all];
            let numbers = |value: i64| vec![Some(value); all];
            let key: Vec<&str> = part.iter().map(|row| row.0.as_str()).collect();
            let id: Vec<&str> = part.iter().map(|row| row.1.as_str()).collect();
            let day: Vec<Date> = part.iter().map(|row| Date(row.2)).collect();
            let spend: Vec<i64> = part.iter().map(|row| row.3).collect();
            let offset: Vec<i64> = (0..all).map(|row| number(pass * rows + from * batch + row)).collect();
            let (platform, account, currency) = (texts("facebook"), texts("123456789012345"), texts("USD"));
            let empty = texts("");
            let figure = [18_500, 14_100, 520, 410, 9, 2, 310_000_000].map(numbers);
            let cohort = [3, 2, 1, 2_500_000_000].map(numbers);
            let revision = vec![1 + i32::try_from(pass).unwrap(); all];
            let (first, last): (Vec<Moment>, Vec<Moment>) =
                (0..all).map(|_| (Moment(1_790_834_400_000), Moment(1_790_920_800_000))).unzip();
            let (restated, none, partition) = (vec![false; all], vec![None::<i64>; all], vec![0_i32; all]);
            let mut params: Vec<&(dyn ToSql + Sync)> =
                vec![&key, &day, &platform, &account, &id, &currency, &spend];
            params.extend(figure.iter().map(|column| column as &(dyn ToSql + Sync)));
            params.extend([&empty as &(dyn ToSql + Sync), &empty]);
            params.extend(cohort.iter().map(|column| column as &(dyn ToSql + Sync)));
            params.extend([&revision as &(dyn ToSql + Sync), &first, &last, &restated]);
            params.extend([&none as &(dyn ToSql + Sync); 8]);
            params.extend([&partition as &(dyn ToSql + Sync), &offset]);
            client.batch_execute("BEGIN").await.unwrap();
            meter.rows += client.execute(&upsert, &params).await.unwrap();
            client.batch_execute("COMMIT").await.unwrap();
        }
        meter.report();
    }
}

/// Days since 1970, as `date`.
#[derive(Debug)]
struct Date(i32);

/// Milliseconds since 1970, as `timestamptz`.
#[derive(Debug)]
struct Moment(i64);

impl ToSql for Date {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i32(self.0 - 10_957);
        Ok(IsNull::No)
    }
    accepts!(DATE);
    to_sql_checked!();
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64((self.0 - 946_684_800_000) * 1_000);
        Ok(IsNull::No)
    }
    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

/// One record for each campaign and day, as bytes.
struct Record {
    partition: i32,
    offset: i64,
    key: String,
    value: Vec<u8>,
}

fn records(schemas: &Arc<Schemas>, rows: usize, pass: usize) -> Vec<Record> {
    let mut encoder = schemas.encoder(Topic::CampaignDays);
    let number = |n: usize| i64::try_from(n).unwrap();
    (0..rows)
        .map(|row| {
            let campaign_id = (120_210_000_000_000_000 + row / CAMPAIGN_DAYS).to_string();
            let campaign = CampaignKey {
                platform: "facebook",
                account_id: "123456789012345",
                campaign_id: &campaign_id,
            };
            let campaign_key = campaign.to_string();
            let day = Day(20_700 + i32::try_from(row % CAMPAIGN_DAYS).unwrap());
            let value = CampaignDay {
                platform: "facebook",
                account_id: "123456789012345",
                campaign_id: &campaign_id,
                day,
                currency: Some("USD"),
                figures: Figures {
                    spend_micros: Some(Micros(number(row) * 10_000 + number(pass))),
                    impressions: Some(18_500),
                    reach: Some(14_100),
                    clicks: Some(520),
                    link_clicks: Some(410),
                    leads: Some(9),
                    purchases: Some(2),
                    purchase_value_micros: Some(Micros(310_000_000)),
                },
                flags: Vec::new(),
                cohort: Cohort { leads: 3, qualified: 2, won: 1, revenue_micros: Micros(2_500_000_000) },
                doubts: Vec::new(),
                first_figures: None,
                revision: 1 + i32::try_from(pass).unwrap(),
                first_seen: Some(TimestampMs(1_790_834_400_000)),
                last_seen: Some(TimestampMs(1_790_920_800_000)),
                sources: Vec::new(),
                origin: Origin { topic: "events", partition: 0, offset: number(row) },
            };
            let mut bytes = Vec::new();
            encoder.encode(&value, &mut bytes).unwrap();
            let key = DayKey { campaign_key: &campaign_key, day }.to_string();
            Record { partition: 0, offset: number(pass * rows + row), key, value: bytes }
        })
        .collect()
}

fn borrow(records: &[Record]) -> Vec<SinkRecord<'_>> {
    records
        .iter()
        .map(|record| SinkRecord {
            topic: Topic::CampaignDays,
            partition: record.partition,
            offset: record.offset,
            key: Some(record.key.as_bytes()),
            value: Some(&record.value),
        })
        .collect()
}

struct Meter {
    name: &'static str,
    rows: u64,
    started: Instant,
    server: u32,
    cpu: Duration,
    server_cpu: Duration,
}

impl Meter {
    fn new(name: &'static str, server: u32) -> Self {
        let (cpu, server_cpu) = (cpu(std::process::id()), cpu_of_family(server));
        Self { name, rows: 0, started: Instant::now(), server, cpu, server_cpu }
    }

    fn report(&self) {
        let rows = u32::try_from(self.rows).map(f64::from).unwrap();
        let own = (cpu(std::process::id()) - self.cpu).as_secs_f64();
        let server = (cpu_of_family(self.server) - self.server_cpu).as_secs_f64();
        println!(
            "{{\"what\": \"{}\", \"rows\": {}, \"rows_per_second\": {:.0}, \"rows_per_own_cpu_second\": {:.0}, \
             \"rows_per_cpu_second_with_the_server\": {:.0}}}",
            self.name,
            self.rows,
            rows / self.started.elapsed().as_secs_f64(),
            rows / own,
            rows / (own + server)
        );
    }
}

/// CPU time of a process, all threads; the kernel counts in hundredths of a second.
fn cpu(pid: u32) -> Duration {
    fields(pid).map_or(Duration::ZERO, |fields| Duration::from_millis((fields[11] + fields[12]) * 10))
}

/// CPU time of a server and of the processes that it has started and that still run, such as the session of a client.
fn cpu_of_family(parent: u32) -> Duration {
    let pids = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let children = pids.filter(|pid: &u32| fields(*pid).is_some_and(|fields| fields[1] == u64::from(parent)));
    cpu(parent) + children.map(cpu).sum::<Duration>()
}

/// What `/proc/PID/stat` says after the name; letters and negative numbers as 0.
fn fields(pid: u32) -> Option<Vec<u64>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
}
