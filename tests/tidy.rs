//! The repository's own rules, each with its reason. A rule that is only written down is a wish.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Beyond this a file has more than one responsibility.
const LINES_MAX: usize = 500;
/// Crates that must not know each other: only topics connect roles.
const ROLES: [&str; 4] = ["processor", "ingest", "sink", "api"];
const CRATES: [&str; 10] = [
    "schemas",
    "processor",
    "kafka",
    "ingest",
    "sink",
    "httpserver",
    "api",
    "devstack",
    "bench",
    "tests/soak",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file below the root with one of these endings, without build output.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    fn walk(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && name != ".git" {
                    walk(&path, endings, found);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), endings, &mut found);
    assert!(!found.is_empty());
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn manifest(name: &str) -> toml::Table {
    read(&root().join(name).join("Cargo.toml")).parse().unwrap()
}

fn dependencies(manifest: &toml::Table, table: &str) -> Vec<String> {
    manifest
        .get(table)
        .and_then(toml::Value::as_table)
        .map(|t| t.keys().cloned().collect())
        .unwrap_or_default()
}

/// Collects every breach before failing, so that one run shows them all.
fn none(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}

#[test]
fn no_source_file_is_longer_than_five_hundred_lines() {
    let long: Vec<_> = files(&[".rs"])
        .into_iter()
        .map(|path| (read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, path)| format!("{lines} {}", shown(&path)))
        .collect();
    none("split by responsibility", &long);
}

#[test]
fn every_source_file_says_first_what_it_is_for() {
    let silent: Vec<_> = files(&[".rs"])
        .into_iter()
        .filter(|path| {
            !read(path).starts_with("//!")
                && !read(path).starts_with("#![allow")
                && !read(path).starts_with("#![expect")
        })
        .map(|path| shown(&path))
        .collect();
    none("open the file with `//!`", &silent);
}

#[test]
fn only_the_kafka_crate_names_the_client_library() {
    let library = ["rd", "kafka"].concat();
    let named: Vec<_> = files(&[".rs", "Cargo.toml"])
        .into_iter()
        .filter(|path| {
            let shown = shown(path);
            !shown.starts_with("kafka/") && shown != "Cargo.toml" && shown != "tests/tidy.rs"
        })
        .filter(|path| {
            read(path).contains(&format!("{library}::")) || read(path).contains(&format!("{library} ="))
        })
        .map(|path| shown(&path))
        .collect();
    none("go through the kafka crate", &named);
}

#[test]
fn roles_know_the_contracts_and_not_each_other() {
    let mut breaches = Vec::new();
    for role in ROLES {
        for dependency in dependencies(&manifest(role), "dependencies") {
            if (ROLES.contains(&dependency.as_str()) && dependency != role) || dependency == "kafka" {
                breaches.push(format!("{role} depends on {dependency}"));
            }
        }
    }
    for dependency in dependencies(&manifest("schemas"), "dependencies") {
        if CRATES.contains(&dependency.as_str()) {
            breaches.push(format!("schemas depends on {dependency}"));
        }
    }
    none("only topics connect roles", &breaches);
}

#[test]
fn the_rules_have_no_clock_no_network_and_no_chance() {
    let forbidden =
        ["tokio", "hyper", "axum", "ureq", "rand", "metrics", "tracing", "kafka", "tokio-postgres"];
    let found: Vec<_> = dependencies(&manifest("processor"), "dependencies")
        .into_iter()
        .filter(|dependency| forbidden.contains(&dependency.as_str()))
        .collect();
    none("processor is pure", &found);

    let table = manifest("");
    let chrono = &table["workspace"]["dependencies"]["chrono"];
    assert_eq!(chrono["default-features"].as_bool(), Some(false));
    let features: Vec<_> =
        chrono["features"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
    assert!(
        !features.contains(&"clock") && !features.contains(&"now"),
        "chrono must not be able to ask the time"
    );
}

/// What cargo would compile into the rules, one crate or feature a line.
fn tree(arguments: &[&str]) -> String {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-p", "processor", "--prefix", "none"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap()
}

#[test]
fn nothing_that_the_rules_are_compiled_with_can_tell_the_time_or_draw_lots() {
    let named = |tree: &str, names: &[&str]| -> Vec<String> {
        let crates = tree.lines().filter_map(|line| line.split(' ').next());
        let mut found: Vec<_> = crates.filter(|name| names.contains(name)).map(str::to_owned).collect();
        found.sort();
        found.dedup();
        found
    };
    let library = ["rd", "kafka"].concat();
    let all = tree(&["--edges", "normal"]);
    assert!(all.contains("chrono"), "the tree is read");
    none("no runtime and no Kafka", &named(&all, &["tokio", "mio", "hyper", library.as_str()]));
    none("no chance", &named(&all, &["rand", "getrandom", "fastrand"]));
    let features = tree(&["--edges", "normal,features", "--invert", "chrono"]);
    let clocks = features.lines().filter(|line| {
        ["clock", "now", "default", "iana-time-zone"]
            .iter()
            .any(|f| line.starts_with(&format!("chrono feature \"{f}\"")))
    });
    none("no clock", &clocks.map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn the_rules_may_neither_ask_the_time_nor_depend_on_the_order_of_a_hash_table() {
    let lints: toml::Table = read(&root().join("processor/clippy.toml")).parse().unwrap();
    let paths = |key: &str| -> Vec<String> {
        let entries = lints.get(key).and_then(toml::Value::as_array);
        entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.get("path")?.as_str().map(str::to_owned))
            .collect()
    };
    let (methods, types) = (paths("disallowed-methods"), paths("disallowed-types"));
    let mut missing = Vec::new();
    for (wanted, listed) in [
        ("std::time::SystemTime::now", &methods),
        ("std::time::Instant::now", &methods),
        ("std::collections::HashMap", &types),
        ("std::collections::HashSet", &types),
    ] {
        if !listed.iter().any(|path| path == wanted) {
            missing.push(wanted.to_owned());
        }
    }
    none("processor/clippy.toml disallows", &missing);
}

#[test]
fn every_version_stands_in_one_table() {
    let mut own = Vec::new();
    for name in CRATES.into_iter().chain([""]) {
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let manifest = manifest(name);
            let Some(entries) = manifest.get(table).and_then(toml::Value::as_table) else { continue };
            for (dependency, entry) in entries {
                if entry.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    own.push(format!("{name}/Cargo.toml: {dependency}"));
                }
            }
        }
    }
    none("move the version to [workspace.dependencies]", &own);
}

#[test]
fn every_crate_obeys_the_workspace_lints() {
    let lawless: Vec<_> = CRATES
        .into_iter()
        .filter(|name| manifest(name)["lints"].get("workspace").and_then(toml::Value::as_bool) != Some(true))
        .map(str::to_owned)
        .collect();
    none("[lints] workspace = true", &lawless);
}

#[test]
fn nothing_is_left_for_later_in_the_code() {
    let marks = ["TODO", "FIXME", "XXX"].map(|mark| format!("// {mark}"));
    let macros = ["todo", "unimplemented"].map(|name| format!("{name}!("));
    let ignored = ["#[", "ignore"].concat();
    let left: Vec<_> = files(&[".rs"])
        .into_iter()
        .filter(|path| shown(path) != "tests/tidy.rs")
        .filter(|path| {
            let text = read(path);
            marks.iter().chain(&macros).any(|mark| text.contains(mark.as_str())) || text.contains(&ignored)
        })
        .map(|path| shown(&path))
        .collect();
    none("finish it, or open an issue", &left);
}

#[test]
fn no_module_is_a_drawer() {
    let drawers: Vec<_> = files(&[".rs"])
        .into_iter()
        .filter(|path| {
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let parent = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
            [stem, parent]
                .iter()
                .any(|name| ["util", "utils", "helper", "helpers", "misc"].contains(&name.as_str()))
        })
        .map(|path| shown(&path))
        .collect();
    none("name the module after what it does", &drawers);
}

#[test]
fn unsafe_code_stays_beside_the_client_library_in_the_check_of_texts_and_in_the_development_engines() {
    let word = ["unsafe", " {"].concat();
    let allowed = ["devstack/", "kafka/src/native/", "schemas/src/text.rs"];
    let files_with: Vec<_> = files(&[".rs"])
        .into_iter()
        .filter(|path| !allowed.iter().any(|folder| shown(path).starts_with(folder)))
        .filter(|path| read(path).contains(&word))
        .map(|path| shown(&path))
        .collect();
    none("everything else is safe", &files_with);
}

#[test]
fn packages_are_asked_for_by_name_and_never_by_host() {
    let hosts =
        [["repo1.maven", "org"], ["registry.npmjs", "org"], ["pypi", "org"], ["files.pythonhosted", "org"]]
            .map(|parts| parts.join("."));
    let named: Vec<_> = files(&[".rs", ".toml", ".md", ".yml", ".yaml", ".lock", ".sh", "Dockerfile", "run"])
        .into_iter()
        .filter(|path| path.file_name().unwrap() != "Cargo.lock")
        .filter(|path| {
            fs::read_to_string(path).is_ok_and(|text| hosts.iter().any(|host| text.contains(host.as_str())))
        })
        .map(|path| shown(&path))
        .collect();
    none("go through the package managers", &named);
}

#[test]
fn every_setting_has_a_default_and_a_place_in_the_defaults() {
    let defaults: toml::Table = read(&root().join("default.toml")).parse().unwrap();
    for section in [
        "kafka",
        "registry",
        "processing",
        "clock",
        "ingest",
        "csv",
        "api",
        "metrics",
        "http",
        "clickhouse",
        "postgres",
        "policy",
        "crm",
    ] {
        assert!(defaults.get(section).is_some_and(toml::Value::is_table), "[{section}] is missing");
    }
}

#[test]
fn cargo_run_means_adpulse_whatever_other_programs_the_workspace_has() {
    // Several packages have programs. Without this the main command of the README ends with a question.
    let manifest: toml::Table = read(&root().join("Cargo.toml")).parse().unwrap();
    let package = manifest["package"].as_table().unwrap();
    assert_eq!(package.get("default-run"), Some(&package["name"]), "name the program that `cargo run` means");
}
