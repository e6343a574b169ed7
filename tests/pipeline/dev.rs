//! `adpulse dev`, as the README says it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::expected::kag_figures;
use crate::generated::kag_like;
use crate::harness::{Sandbox, exclusive, signal, until};

const ACTIONS: [&str; 5] =
    ["INCREASE_BUDGET", "CONTINUE_OPTIMIZE", "TEST_CHANGES", "REDUCE_BUDGET", "PAUSE_CAMPAIGN"];

fn once(sandbox: &Sandbox, args: &[&str]) -> Child {
    let mut command = sandbox.command();
    command.args(["dev", "--once", "--json"]).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("adpulse starts")
}

/// The campaigns that it printed, after it ended well and left nothing behind.
fn campaigns(sandbox: &Sandbox, child: Child) -> Vec<Value> {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    check_nothing_left(sandbox);
    printed["campaigns"].as_array().expect("campaigns").clone()
}

fn check_nothing_left(sandbox: &Sandbox) {
    assert_eq!(sandbox.processes(), Vec::<String>::new(), "processes left behind");
    assert_eq!(sandbox.files(), Vec::<std::path::PathBuf>::new(), "files left behind");
}

fn check_every_action(campaigns: &[Value]) {
    let actions: BTreeSet<&str> =
        campaigns.iter().map(|campaign| campaign["recommendation"].as_str().unwrap()).collect();
    assert_eq!(actions, ACTIONS.into(), "the sample shows every recommendation");
    for campaign in campaigns {
        let parts = campaign["parts"].as_object().unwrap();
        assert_eq!(parts.len(), 5, "{campaign}");
        let sum: f64 = parts.values().map(|part| part.as_f64().unwrap()).sum();
        let total = campaign["total"].as_f64().unwrap();
        assert!(campaign["guard"].is_string() || (sum - total).abs() < 0.03, "{campaign}");
        assert!(campaign["confidence"].as_f64().is_some(), "{campaign}");
    }
}

#[test]
fn two_runs_side_by_side_show_every_recommendation_and_leave_nothing_behind() {
    // Tests that start engines of their own take turns: there are only so many processors.
    let _turn = exclusive();
    let (first, second) = (Sandbox::new(), Sandbox::new());
    let (one, two) = (once(&first, &["--seed", "1"]), once(&second, &["--seed", "2"]));
    // Both are read at once: one that waits for its output to be read would never end.
    std::thread::scope(|scope| {
        let two = scope.spawn(|| campaigns(&second, two));
        check_every_action(&campaigns(&first, one));
        check_every_action(&two.join().unwrap());
    });
}

#[test]
fn without_java_the_in_memory_broker_serves() {
    let _turn = exclusive();
    let sandbox = Sandbox::new();
    let child = once(&sandbox, &["--in-memory"]);
    check_every_action(&campaigns(&sandbox, child));
}

#[test]
fn a_file_instead_of_sample_traffic_is_scored_by_its_own_clock() {
    let _turn = exclusive();
    let (sandbox, files) = (Sandbox::new(), tempfile::tempdir().unwrap());
    let bytes = kag_like(61);
    let file = files.path().join("kag_like.csv");
    std::fs::write(&file, &bytes).unwrap();
    let args =
        ["--csv", file.to_str().unwrap(), "--profile", "kag", "--date", "2017-08-30", "--clock", "data"];
    let printed = campaigns(&sandbox, once(&sandbox, &args));
    let seen: BTreeSet<(String, String, i64)> = printed
        .iter()
        .map(|campaign| {
            let text = |field: &str| campaign[field].as_str().unwrap().to_owned();
            let spend = schemas::Micros::parse(&text("spend")).unwrap();
            (text("campaign_id"), spend.to_string(), campaign["leads"].as_i64().unwrap())
        })
        .collect();
    let expected: BTreeSet<(String, String, i64)> = kag_figures(&bytes)
        .into_iter()
        .map(|(campaign, sums)| (campaign, schemas::Micros(sums.spend).to_string(), sums.leads))
        .collect();
    assert_eq!(seen, expected);
}

/// Starts `adpulse dev`, waits until its engines and roles are up, and asks it to end.
fn check_signal(asked: Signal) {
    let sandbox = Sandbox::new();
    let mut command: Command = sandbox.command();
    command.args(["dev"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let started = lines.by_ref().map(|line| line.unwrap()).find(|line| line.contains("adpulse is running"));
    assert!(started.is_some(), "it ended before it ran");
    assert!(!sandbox.processes().is_empty(), "the engines do not show where this test looks for them");
    signal(child.id(), asked);
    // Read to the end, so that it is not held up by what it says.
    lines.for_each(drop);
    let status = until("adpulse dev ends", || child.try_wait().unwrap());
    assert!(status.code().is_some(), "{status}");
    check_nothing_left(&sandbox);
}

#[test]
fn ctrl_c_leaves_no_process_behind() {
    let _turn = exclusive();
    check_signal(Signal::SIGINT);
}
