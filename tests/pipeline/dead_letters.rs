//! What was refused can be listed, shown, replayed once, and settled.

use schemas::Topic;
use serde_json::{Value, json};

use crate::harness::{Installation, RoleName, now};

fn asked(installation: &Installation, args: &[&str]) -> Value {
    let mut all = vec!["dead-letters"];
    all.extend(args);
    all.push("--json");
    let ran = installation.run(&all);
    assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// How many letters are open.
fn open(installation: &Installation) -> Value {
    asked(installation, &["list"])["letters"].clone()
}

/// Where the newest letter of a stage lies.
fn position(installation: &Installation, stage: &str) -> String {
    let listed = asked(installation, &["list", "--stage", stage]);
    listed["newest"][0]["at"].as_str().unwrap_or_else(|| panic!("{listed}")).to_owned()
}

/// Letters of three kinds: bytes that no stage can read, a webhook of an unknown type, a broken row.
fn refuse_three(installation: &Installation) {
    installation.produce_bytes(Topic::RawFacebook, "facebook:1:1", b"not avro");
    let body = json!({"type": "lead.sneezed", "timestamp": now().to_string(),
        "data": {"lead_id": "L-1", "campaign": "1"}});
    assert_eq!(installation.door("olist").post("m-1", body.to_string().as_bytes()).status, 202);
    let broken = "Campaign ID,Campaign name,Day,Amount spent (EUR),Impressions\n1,a,2026-10-01,ten,5\n";
    let file = installation.write("broken.csv", broken);
    assert_eq!(installation.try_upload(&file, &[]).code, Some(3));
    installation.settle_roles(&[RoleName::Normalize]);
    assert_eq!(open(installation), json!(3));
}

#[test]
fn a_dead_letter_is_shown_with_its_bytes_and_its_record_replayed_once_whatever_is_run_again() {
    let installation = Installation::new("letters");
    let _roles = installation.start_each(&[RoleName::Ingest, RoleName::Normalize]);
    refuse_three(&installation);
    let at = position(&installation, "normalize");
    let shown = asked(&installation, &["show", &at]);
    assert_eq!((&shown["payload_text"], &shown["reason"]), (&json!("not avro"), &json!("NOT_FRAMED")));

    let unsaid = installation.run(&["dead-letters", "replay"]);
    assert_eq!(unsaid.code, Some(1));
    assert!(unsaid.stderr.contains("--all"), "{}", unsaid.stderr);

    let topic = installation.topic(Topic::RawFacebook);
    let dry = asked(&installation, &["replay", "--all", "--dry-run"]);
    assert_eq!((&dry["matched"], &dry["replayed"][&topic]), (&json!(3), &json!(1)), "{dry}");
    let left: Vec<&str> =
        dry["left"].as_array().unwrap().iter().map(|l| l["reason"].as_str().unwrap()).collect();
    assert_eq!(left, ["ROW_OF_A_FILE", "STILL_REFUSED"]);
    assert_eq!(installation.count(Topic::RawFacebook), 1, "a dry run sends nothing");

    let done = asked(&installation, &["replay", "--all"]);
    assert_eq!((&done["settled"], &done["replayed"][&topic]), (&json!(1), &json!(1)), "{done}");
    let again = asked(&installation, &["replay", "--at", &at]);
    assert_eq!((&again["matched"], &again["settled"]), (&json!(0), &json!(0)), "{again}");
    installation.settle_roles(&[RoleName::Normalize]);
    assert_eq!(installation.count(Topic::RawFacebook), 2);
    // Refused again, so there is a new letter in place of the settled one.
    assert_eq!(open(&installation), json!(3));
    assert_ne!(position(&installation, "normalize"), at);

    let dropped = asked(&installation, &["drop", "--stage", "csv"]);
    assert_eq!((&dropped["dropped"], &dropped["matched"]), (&json!(1), &json!(1)), "{dropped}");
    assert_eq!(open(&installation), json!(2));
    assert_eq!(asked(&installation, &["list", "--settled"])["letters"], json!(4));
    let table = installation.run(&["dead-letters", "list"]);
    assert!(table.stdout.contains("TYPE_UNKNOWN"), "{}", table.stdout);
}

#[test]
fn a_webhook_refused_for_its_mapping_counts_once_the_mapping_is_right_and_it_is_replayed() {
    let installation = Installation::new("remapped");
    let ingest = installation.start(RoleName::Ingest);
    let normalize = installation.start(RoleName::Normalize);
    refuse_three(&installation);
    drop((ingest, normalize));
    let installation = installation.with_file("[crm.olist.mapping.stages]\n\"lead.sneezed\" = \"CREATED\"\n");
    let _normalize = installation.start(RoleName::Normalize);
    let done = asked(&installation, &["replay", "--stage", "crm"]);
    assert_eq!(done["replayed"][&installation.topic(Topic::RawCrm)], json!(1), "{done}");
    assert_eq!(asked(&installation, &["replay", "--stage", "crm"])["matched"], json!(0));
    installation.settle_roles(&[RoleName::Normalize]);
    assert_eq!((installation.count(Topic::RawCrm), installation.count(Topic::Leads)), (1, 1));
}
