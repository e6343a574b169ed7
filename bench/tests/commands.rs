//! What the README says of the commands. It also makes Cargo build the program, which CI then runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

#[test]
fn every_command_stands_in_the_readme_and_every_one_of_the_readme_exists() {
    let help = Command::new(env!("CARGO_BIN_EXE_bench")).arg("help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // What is indented further goes on with the line before.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() > 10, "{help}");
    let readme = include_str!("../README.md");
    let named: Vec<&str> = readme
        .lines()
        .skip_while(|line| !line.starts_with("| command |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| line.split('|').nth(1).unwrap_or_default().split(','))
        .map(|name| name.trim().trim_matches('`'))
        .collect();
    let missing: Vec<_> = commands.iter().filter(|name| !named.contains(name)).collect();
    let unknown: Vec<_> = named.iter().filter(|name| !commands.contains(name)).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not in the README: {missing:?}; not a command: {unknown:?}"
    );
}
