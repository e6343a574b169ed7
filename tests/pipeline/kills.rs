//! `kill -9` of each role while traffic flows, several times, once while it is still restoring: the final figures are
//! those that the traffic comes to, in both stores.

use crate::harness::{Installation, Role, RoleName, Traffic, until};

const ROLES: [RoleName; 5] = [
    RoleName::Ingest,
    RoleName::Normalize,
    RoleName::Score,
    RoleName::SinkClickhouse,
    RoleName::SinkPostgres,
];
const CAMPAIGNS: u32 = 10;

/// Kills the role in each of the first three quarters of the traffic, when half of the quarter is acknowledged, the role
/// has taken some of it, and the rest is on its way.
fn check_kills(victim: RoleName, seed: u64) {
    let installation = Installation::new("kills");
    let roles = installation.start_each(&ROLES);
    let killed = &roles[ROLES.iter().position(|&role| role == victim).unwrap()];
    let traffic = Traffic::new(seed, CAMPAIGNS);
    traffic.flow(&installation, |traffic| {
        for quarter in 1..=3 {
            let before = progress(&installation, victim);
            traffic.allow(quarter);
            traffic.wait_for_eighths(quarter * 2 - 1);
            until(&format!("{victim:?} takes some of quarter {quarter}"), || {
                (victim == RoleName::Ingest || progress(&installation, victim) > before).then_some(())
            });
            kill_and_restart(killed, quarter == 3);
        }
    });
    installation.settle();
    check_figures(&installation, &traffic);
}

fn progress(installation: &Installation, role: RoleName) -> i64 {
    if role == RoleName::Ingest { 0 } else { installation.consumed(role) }
}

fn kill_and_restart(role: &Role, twice: bool) {
    role.kill();
    role.restart();
    if twice {
        role.kill();
        role.restart();
    }
}

/// Both stores hold what the traffic comes to, and the same scores and announcements.
pub fn check_figures(installation: &Installation, traffic: &Traffic) {
    let figures: std::collections::BTreeMap<_, _> =
        installation.figures().into_iter().map(|(campaign, totals)| (campaign, totals.into())).collect();
    assert_eq!(
        figures,
        traffic.expected(),
        "the stores (left) differ from what the traffic comes to (right)"
    );
    let announced = installation.announced();
    assert!(announced.len() >= figures.len(), "every campaign is announced at least once: {announced:?}");
    assert_eq!(installation.scores().len(), figures.len());
    for table in ["campaigns", "campaign_days", "leads", "alerts"] {
        let (clickhouse, postgres) = installation.rows_of(table);
        assert_eq!(clickhouse, postgres, "rows of {table} in ClickHouse (left) and Postgres (right)");
    }
}

#[test]
fn a_killed_ingest_loses_nothing_that_it_acknowledged() {
    check_kills(RoleName::Ingest, 41);
}

#[test]
fn a_killed_normalize_neither_loses_nor_repeats() {
    check_kills(RoleName::Normalize, 42);
}

#[test]
fn a_killed_score_neither_loses_nor_repeats() {
    check_kills(RoleName::Score, 43);
}

#[test]
fn a_killed_clickhouse_sink_neither_loses_nor_repeats() {
    check_kills(RoleName::SinkClickhouse, 44);
}

#[test]
fn a_killed_postgres_sink_neither_loses_nor_repeats() {
    check_kills(RoleName::SinkPostgres, 45);
}
