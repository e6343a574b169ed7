//! The names that `soak` lists are those that the code has, no more and no less.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use soak::points::{CRASH_POINTS, SEEDED_BUGS};

/// Texts that follow a beginning in the product's sources, up to the next quote.
fn named(folder: &Path, beginnings: &[&str], found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named(&path, beginnings, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for beginning in beginnings {
                let names = text.split(beginning).skip(1).filter_map(|rest| rest.split('"').next());
                found.extend(names.map(str::to_owned));
            }
        }
    }
}

fn in_the_code() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut found = BTreeSet::new();
    for folder in ["src", "kafka/src", "sink/src", "ingest/src"] {
        named(&root.join(folder), &["fail_point!(\"", "seeded(\""], &mut found);
    }
    found
}

#[test]
fn every_crash_point_of_the_code_is_listed_and_every_listed_one_is_in_the_code() {
    let code: BTreeSet<String> = in_the_code().into_iter().filter(|name| !name.starts_with("bug.")).collect();
    let listed: BTreeSet<String> = CRASH_POINTS.iter().map(|point| point.name.to_owned()).collect();
    assert_eq!(code, listed, "the code (left) and the list (right)");
}

#[test]
fn every_seeded_defect_of_the_code_is_listed_and_every_listed_one_is_in_the_code() {
    let code: BTreeSet<String> =
        in_the_code().into_iter().filter_map(|name| Some(name.strip_prefix("bug.")?.to_owned())).collect();
    let listed: BTreeSet<String> = SEEDED_BUGS.iter().map(|bug| bug.name.to_owned()).collect();
    assert_eq!(code, listed, "the code (left) and the list (right)");
}

#[test]
fn the_command_prints_one_name_a_line() {
    let lines = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_soak")).args(args).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&["--crash-points", "list"]), CRASH_POINTS.map(|point| point.name.to_owned()));
    assert_eq!(lines(&["--seeded-bug", "list"]), SEEDED_BUGS.map(|bug| bug.name.to_owned()));
    let schedule = ["--seed", "5", "--schedule", "20"];
    assert_eq!(lines(&schedule), lines(&schedule), "one seed, one schedule");
}
