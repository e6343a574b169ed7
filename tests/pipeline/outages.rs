//! Engines that go away: senders are told so, the pipeline runs on with what is left, and what was missed is caught up.
//! These tests hold engines of their own, one test at a time.

use schemas::{Day, Topic};
use serde_json::json;

use crate::expected::ads_manager_figures;
use crate::generated::ads_manager_like;
use crate::harness::{Installation, Role, RoleName, becomes, block_on, exclusive, now, until};

const ROLES: [RoleName; 4] = RoleName::PROCESSORS;

fn lead(id: &str) -> Vec<u8> {
    let data = json!({"lead_id": id, "campaign": "1"});
    json!({"type": "lead.created", "timestamp": now().to_string(), "data": data}).to_string().into_bytes()
}

#[test]
fn while_kafka_is_down_nothing_is_acknowledged_and_everybody_is_told() {
    let engines = exclusive();
    let installation = Installation::on(engines.engines(), "no_kafka")
        .with("KAFKA__REQUEST_TIMEOUT_MS", "2000")
        .with("KAFKA__DELIVERY_TIMEOUT_MS", "4000")
        .with("INGEST__ACKNOWLEDGE_TIMEOUT_MS", "1000");
    let ingest = installation.start(RoleName::Ingest);
    let door = installation.door("olist");
    assert_eq!(door.post("m-1", &lead("L-1")).status, 202);

    engines.kafka().kill().unwrap();
    let refused = door.post("m-2", &lead("L-2"));
    assert_eq!(refused.status, 503, "{refused:?}");
    let retry_after: u64 = refused.retry_after.as_deref().expect("Retry-After").parse().unwrap();
    assert!((1..=3_600).contains(&retry_after), "{retry_after}");
    assert!(!refused.body.contains("127.0.0.1"), "internals in the answer: {}", refused.body);

    let file = installation.write("ads.csv", ads_manager_like(31, now().day_utc()));
    let ran = installation.try_upload(&file, &["--map", "Ad name=campaign"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let address = engines.engines().kafka;
    assert!(ran.stderr.contains(&address), "{address} is not named in {}", ran.stderr);

    until("the door says that it is not ready", || (ingest.get("/readyz").0 == 503).then_some(()));
    assert_eq!(ingest.get("/livez").0, 200, "an outage elsewhere is no reason to restart the process");

    block_on(engines.kafka().restart()).unwrap();
    door.deliver("m-2", &lead("L-2"));
    ingest.wait_until_ready();
    let messages = installation.messages(Topic::RawCrm);
    // The refused attempt may have reached the log after all; it was not promised either way.
    assert_eq!(messages.keys().collect::<Vec<_>>(), ["m-1", "m-2"]);
    assert_eq!(messages["m-1"], 1);
    assert_eq!(installation.count(Topic::RawCsv), 0, "a file that was not promised is on the log");
    installation.upload(&file, &["--map", "Ad name=campaign"]);
    // A commit is answered before its markers are written, and only then is the file visible.
    until("the file is on the log", || (installation.count(Topic::RawCsv) > 0).then_some(()));
}

/// What a store that is up gets while the other one is down, and the other one when it is back.
struct Outage<'a> {
    installation: &'a Installation,
    sink: &'a Role,
}

impl Outage<'_> {
    /// Uploads a file while a store is away. `other` reads the store that is still there, `missed` the one that is not.
    fn check(&self, seed: u64, other: impl Fn() -> crate::harness::Figures, bring_back: impl FnOnce()) {
        let bytes = ads_manager_like(seed, Day(now().day_utc().0));
        let file = self.installation.write(&format!("{seed}.csv"), &bytes);
        self.installation.upload(&file, &["--map", "Ad name=campaign"]);
        let expected = ads_manager_figures(&bytes);
        becomes("the store that is up has everything", &expected, other);
        until("the sink of the other says that it waits", || {
            (self.sink.get("/readyz").0 == 503 || self.sink.logged("store not available")).then_some(())
        });
        bring_back();
        self.installation.settle();
        assert_eq!(self.installation.figures(), expected);
        self.sink.wait_until_ready();
    }
}

#[test]
fn while_clickhouse_hangs_or_is_gone_postgres_gets_everything_and_clickhouse_catches_up() {
    let engines = exclusive();
    let installation = Installation::on(engines.engines(), "no_clickhouse")
        .with("CLICKHOUSE__SEND_TIMEOUT_MS", "2000")
        .with("CLICKHOUSE__ANSWER_TIMEOUT_MS", "2000");
    let roles = installation.start_each(&ROLES);
    let outage = Outage { installation: &installation, sink: &roles[2] };

    engines.clickhouse().pause().unwrap();
    outage.check(32, || installation.postgres_figures(), || engines.clickhouse().resume());

    engines.clickhouse().kill().unwrap();
    outage.check(
        33,
        || installation.postgres_figures(),
        || block_on(engines.clickhouse().restart()).unwrap(),
    );
}

#[test]
fn while_postgres_is_gone_clickhouse_gets_everything_and_postgres_catches_up() {
    let engines = exclusive();
    let installation = Installation::on(engines.engines(), "no_postgres");
    let roles = installation.start_each(&ROLES);
    let outage = Outage { installation: &installation, sink: &roles[3] };

    engines.postgres().kill().unwrap();
    outage.check(
        34,
        || installation.clickhouse_figures(),
        || block_on(engines.postgres().restart()).unwrap(),
    );
}

#[test]
fn while_kafka_restarts_the_roles_wait_and_go_on_by_themselves() {
    let engines = exclusive();
    let installation = Installation::on(engines.engines(), "kafka_restarts");
    let roles = installation.start_each(&ROLES);
    let first = ads_manager_like(35, Day(now().day_utc().0));
    let file = installation.write("first.csv", &first);
    installation.upload(&file, &["--map", "Ad name=campaign"]);
    installation.settle();
    engines.kafka().kill().unwrap();
    block_on(engines.kafka().restart()).unwrap();
    // The same ads on the same days: the second file replaces the first.
    let second = ads_manager_like(36, Day(now().day_utc().0));
    let file = installation.write("second.csv", &second);
    installation.upload(&file, &["--map", "Ad name=campaign"]);
    installation.settle();
    assert_eq!(installation.figures(), ads_manager_figures(&second));
    roles.iter().for_each(Role::wait_until_ready);
}
