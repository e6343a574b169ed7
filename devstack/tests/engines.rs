//! All four engines for real: each answers its own clients, keeps its data, survives a crash, and leaves
//! nothing behind.

// Clippy knows test functions, but not the functions that they share.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clickhouse::{Client, Row};
use devstack::{DevstackError, Engine, Process, Progress, Stack, StackConfig};
use serde::{Deserialize, Serialize};

const ALL: [Engine; 4] = [Engine::Kafka, Engine::ClickHouse, Engine::Postgres, Engine::Registry];

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Score {
    campaign: String,
    day: u32,
    spend: Option<f64>,
    tags: Vec<String>,
}

fn config() -> StackConfig {
    StackConfig { progress: Progress::Lines, ..StackConfig::default() }
}

fn kept_in(folder: &Path) -> StackConfig {
    StackConfig { data_dir: Some(folder.to_owned()), ..config() }
}

fn open_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    // PostgreSQL runs as another user when the tests run as root.
    let everyone = std::fs::Permissions::from_mode(0o755);
    tempfile::Builder::new().permissions(everyone).tempdir().unwrap()
}

fn processes(stack: &Stack) -> Vec<&Process> {
    let processes = [
        stack.kafka().map(devstack::Kafka::process),
        stack.clickhouse().map(devstack::ClickHouse::process),
        stack.postgres().map(devstack::Postgres::process),
        stack.registry().map(devstack::Registry::process),
    ];
    processes.into_iter().flatten().collect()
}

/// Processes whose command line or working folder names the data folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let inside = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        if pid != std::process::id() && (inside || command.contains(folder.to_str().unwrap())) {
            found.push(format!("{pid} {command}"));
        }
    }
    found
}

/// Waits for the processes to go: one that was killed is in the table until it is reaped.
fn assert_none_left(folder: &Path) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if processes_of(folder).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("left behind: {:#?}", processes_of(folder));
}

async fn postgres(stack: &Stack) -> tokio_postgres::Client {
    let url = stack.postgres().unwrap().url();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn clickhouse(stack: &Stack) -> Client {
    Client::default().with_url(stack.clickhouse().unwrap().url())
}

async fn insert(client: &Client, token: &str, rows: &[Score]) {
    let mut insert = client
        .insert::<Score>("scores")
        .await
        .unwrap()
        .with_setting("insert_deduplication_token", token)
        .with_setting("async_insert", "0");
    for row in rows {
        insert.write(row).await.unwrap();
    }
    insert.end().await.unwrap();
}

async fn count(client: &Client) -> u64 {
    client.query("SELECT count() FROM scores").fetch_one::<u64>().await.unwrap()
}

async fn create_scores(client: &Client) {
    let statement = "CREATE TABLE scores (campaign String, day UInt32, spend Nullable(Float64), \
                     tags Array(String)) ENGINE = MergeTree ORDER BY (campaign, day) \
                     SETTINGS non_replicated_deduplication_window = 1000";
    client.query(statement).execute().await.unwrap();
}

fn scores(rows: u32) -> Vec<Score> {
    let score = |day| Score {
        campaign: format!("campaign {}", day % 7),
        day,
        spend: (day % 2 == 0).then_some(f64::from(day)),
        tags: vec!["a".to_owned(); 3],
    };
    (0..rows).map(score).collect()
}

/// Sends a request of Kafka's protocol by hand and returns the error code: ApiVersions, version 0.
fn kafka_error_code(bootstrap: &str) -> i16 {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(bootstrap).unwrap();
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 9, 0xff, 0xff]).unwrap();
    let mut response = [0; 10];
    stream.read_exact(&mut response).unwrap();
    assert_eq!(response[4..8], [0, 0, 0, 9], "the correlation id comes back");
    i16::from_be_bytes([response[8], response[9]])
}

fn register(registry: &str, schema: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent
        .post(format!("{registry}/subjects/orders-value/versions"))
        .header("content-type", "application/vnd.schemaregistry.v1+json")
        .send(serde_json::json!({ "schema": schema }).to_string())
        .unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_engines_answer_and_none_is_left_behind() {
    let stack = Stack::start(config(), &ALL).await.unwrap();
    let folder = stack.data_dir().to_owned();
    for process in processes(&stack) {
        eprintln!("{} resident: {}", process.log().display(), resident(process.pid().unwrap()));
    }

    assert_eq!(kafka_error_code(&stack.kafka().unwrap().bootstrap()), 0);
    let one: i32 = postgres(&stack).await.query_one("SELECT 1", &[]).await.unwrap().get(0);
    assert_eq!(one, 1);
    let registry = stack.registry().unwrap().url();
    let two_fields = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"sum","type":"long"}]}"#;
    let (status, body) = register(&registry, two_fields);
    assert_eq!((status, body.contains("\"id\"")), (200, true), "{body}");
    let set_level = ureq::put(format!("{registry}/config/orders-value"))
        .header("content-type", "application/vnd.schemaregistry.v1+json")
        .send(r#"{"compatibility":"BACKWARD"}"#);
    assert!(set_level.is_ok());
    let new_required_field = two_fields.replace("]}", r#",{"name":"currency","type":"string"}]}"#);
    assert_eq!(register(&registry, &new_required_field).0, 409);

    stack.stop().await.unwrap();
    assert_none_left(&folder);
    assert!(!folder.exists(), "the temporary data folder is removed");
}

fn resident(pid: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_inserts_once_and_another_inserts_again() {
    let stack = Stack::start(config(), &[Engine::ClickHouse]).await.unwrap();
    for client in [clickhouse(&stack), clickhouse(&stack).with_validation(false)] {
        client.query("DROP TABLE IF EXISTS scores").execute().await.unwrap();
        create_scores(&client).await;
        let rows = scores(20_000);

        insert(&client, "orders/0/0-19999", &rows).await;
        insert(&client, "orders/0/0-19999", &rows).await;
        assert_eq!(count(&client).await, 20_000);
        insert(&client, "orders/0/20000-39999", &rows).await;
        assert_eq!(count(&client).await, 40_000);

        let query = "SELECT ?fields FROM scores WHERE day = ? LIMIT 1";
        let read = client.query(query).bind(42).fetch_all::<Score>().await.unwrap();
        assert_eq!(read, [rows[42].clone()]);
    }
    stack.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_that_is_cut_short_inserts_nothing() {
    let stack = Stack::start(config(), &[Engine::ClickHouse]).await.unwrap();
    let client = clickhouse(&stack);
    create_scores(&client).await;
    let mut cut = client.insert::<Score>("scores").await.unwrap();
    for row in scores(20_000) {
        cut.write(&row).await.unwrap();
    }
    drop(cut);
    insert(&client, "whole", &scores(1)).await;
    assert_eq!(count(&client).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_speaks_http_as_its_server_does() {
    let stack = Stack::start(config(), &[Engine::ClickHouse]).await.unwrap();
    let url = stack.clickhouse().unwrap().url();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = |query: &str, body: &[u8]| {
        let mut response = agent.post(format!("{url}/?{query}")).send(body).unwrap();
        let code = response.headers().get("x-clickhouse-exception-code");
        let code = code.map(|code| code.to_str().unwrap().to_owned()).unwrap_or_default();
        (response.status().as_u16(), code, response.body_mut().read_to_string().unwrap())
    };
    let text = |text: &str| text.to_owned();
    let answered = agent.post(format!("{url}/")).send("SELECT 1 FORMAT JSON").unwrap();
    assert_eq!(answered.headers()["x-clickhouse-format"], "JSON");
    assert_eq!(answered.headers()["x-clickhouse-timezone"], post("", b"SELECT timezone()").2.trim());

    assert_eq!(
        agent.get(format!("{url}/ping")).call().unwrap().body_mut().read_to_string().unwrap(),
        "Ok.\n"
    );
    assert_eq!(post("", b"SELECT 1"), (200, text(""), text("1\n")));
    assert_eq!(post("query=SELECT%20%7Bx:UInt8%7D%2B1&param_x=2", b"").2, "3\n");
    assert_eq!(post("default_format=JSONEachRow", b"SELECT 1 AS a").2, "{\"a\":1}\n");
    assert_eq!(post("database=system", b"SELECT currentDatabase()").2, "system\n");
    assert_eq!(post("max_threads=3", b"SELECT getSetting('max_threads')").2, "3\n");
    assert_eq!(post("", b"SELECT currentDatabase()").2, "default\n", "nothing is left of other requests");

    let (status, code, body) = post("", b"SELEC 1");
    assert_eq!((status, code.as_str()), (400, "62"));
    assert!(body.starts_with("Code: 62. DB::Exception: Syntax error"), "{body}");
    assert_eq!(post("", b"SELECT * FROM nothing").1, "60");
    assert_eq!(post("no_such_setting=1", b"SELECT 1").1, "115");
    assert_eq!(post("session_id=a", b"SELECT 1").1, "48");
    let written =
        agent.get(format!("{url}/?query=CREATE%20TABLE%20t(a%20Int8)%20ENGINE=Memory")).call().unwrap();
    assert_eq!(written.headers()["x-clickhouse-exception-code"], "164", "a GET may only read");

    post("", b"CREATE TABLE rows (a UInt64) ENGINE = MergeTree ORDER BY a");
    // More than what the engine takes of rows that stand in a query.
    let many: Vec<u8> = (0..200_000_u64).flat_map(u64::to_le_bytes).collect();
    assert_eq!(post("query=INSERT%20INTO%20rows%20FORMAT%20RowBinary", &many).0, 200);
    assert_eq!(post("", b"INSERT INTO rows VALUES (1), (2)").0, 200);
    assert_eq!(post("", b"INSERT INTO rows FORMAT JSONEachRow {\"a\": 7}").0, 200);
    assert_eq!(post("", b"SELECT count() FROM rows").2, "200003\n");
    assert_eq!(post("query=INSERT%20INTO%20rows%20FORMAT%20RowBinary", &many[..9]).0, 400);
    assert_eq!(post("", b"SELECT count() FROM rows").2, "200003\n");
    stack.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_there_after_a_crash_and_after_a_restart_of_the_stack() {
    let folder = open_folder();
    let engines = [Engine::Kafka, Engine::ClickHouse, Engine::Postgres];
    let stack = Stack::start(kept_in(folder.path()), &engines).await.unwrap();
    let addresses = |stack: &Stack| {
        (
            stack.kafka().unwrap().bootstrap(),
            stack.clickhouse().unwrap().url(),
            stack.postgres().unwrap().url(),
        )
    };
    let before = addresses(&stack);
    create_scores(&clickhouse(&stack)).await;
    insert(&clickhouse(&stack), "one", &scores(1000)).await;
    let statements = "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)";
    postgres(&stack).await.batch_execute(statements).await.unwrap();

    for process in processes(&stack) {
        let pid = process.pid();
        process.kill().unwrap();
        assert_eq!(process.pid(), None);
        let begun = Instant::now();
        process.restart().await.unwrap();
        eprintln!("{} again after a crash: {:?}", process.log().display(), begun.elapsed());
        assert_ne!(process.pid(), pid);
    }
    assert_eq!(kafka_error_code(&stack.kafka().unwrap().bootstrap()), 0);
    // The crashed engine knows the token: a retry after a crash inserts once.
    insert(&clickhouse(&stack), "one", &scores(1000)).await;
    assert_eq!(count(&clickhouse(&stack)).await, 1000);
    let rows: i64 = postgres(&stack).await.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0);
    assert_eq!(rows, 2);
    let cluster = std::fs::read_to_string(folder.path().join("kafka/data/meta.properties")).unwrap();

    stack.stop().await.unwrap();
    let stack = Stack::start(kept_in(folder.path()), &engines).await.unwrap();
    assert_eq!(addresses(&stack), before, "a kept folder keeps its addresses");
    assert_eq!(count(&clickhouse(&stack)).await, 1000);
    let rows: i64 = postgres(&stack).await.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0);
    assert_eq!(rows, 2);
    let again = std::fs::read_to_string(folder.path().join("kafka/data/meta.properties")).unwrap();
    assert_eq!(again, cluster, "Kafka is not formatted again");
    stack.stop().await.unwrap();
    assert_none_left(folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stack_on_the_same_folder_is_refused_and_one_beside_it_works() {
    let folder = open_folder();
    let first = Stack::start(kept_in(folder.path()), &[Engine::Postgres]).await.unwrap();
    let refused = Stack::start(kept_in(folder.path()), &[Engine::Postgres]).await.unwrap_err();
    assert!(matches!(refused, DevstackError::DataInUse(_)));
    let second = Stack::start(config(), &[Engine::Postgres]).await.unwrap();
    assert_ne!(first.postgres().unwrap().url(), second.postgres().unwrap().url());
    postgres(&first).await.batch_execute("CREATE TABLE only_in_first ()").await.unwrap();
    assert!(postgres(&second).await.batch_execute("TABLE only_in_first").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_engine_answers_when_it_is_resumed() {
    let stack = Stack::start(config(), &[Engine::Postgres]).await.unwrap();
    let client = postgres(&stack).await;
    let process = stack.postgres().unwrap().process();
    process.pause().unwrap();
    let states = states_of_family(process.pid().unwrap());
    // A child that has just ended stays until its parent, which is stopped, looks at it.
    assert!(states.len() > 1 && states.values().all(|state| ['T', 'Z'].contains(state)), "{states:?}");
    process.resume();
    let one: i32 = client.query_one("SELECT 1", &[]).await.unwrap().get(0);
    assert_eq!(one, 1);
    process.pause().unwrap();
    let folder = stack.data_dir().to_owned();
    drop(stack);
    assert_none_left(&folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_packaged_postgres_serves_a_machine_that_has_none() {
    let config = StackConfig { packaged_postgres: true, ..config() };
    let stack = Stack::start(config, &[Engine::Postgres]).await.unwrap();
    let version: String = postgres(&stack).await.query_one("SHOW server_version", &[]).await.unwrap().get(0);
    assert!(version.starts_with("18."), "{version}");
    stack.stop().await.unwrap();
}

/// Process id to state, for a process and its children.
fn states_of_family(root: u32) -> HashMap<u32, char> {
    let mut states = HashMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((head, tail)) = stat.rsplit_once(") ") else { continue };
        let pid: u32 = head.split(' ').next().unwrap().parse().unwrap();
        let parent: u32 = tail.split(' ').nth(1).unwrap().parse().unwrap();
        if pid == root || parent == root {
            states.insert(pid, tail.chars().next().unwrap());
        }
    }
    states
}

/// Runs the test `holds_a_stack_until_it_is_killed` in a process of its own and waits for its stack.
fn stack_in_another_process(folder: &Path) -> std::process::Child {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["holds_a_stack_until_it_is_killed", "--exact"])
        .env("DEVSTACK_TEST_FOLDER", folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !folder.join("started").exists() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the other process starts its stack");
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_leaves_no_process_behind() {
    let (noted, folder) = std::sync::mpsc::channel();
    let panicking = tokio::spawn(async move {
        let stack = Stack::start(config(), &[Engine::Postgres, Engine::ClickHouse]).await.unwrap();
        noted.send(stack.data_dir().to_owned()).unwrap();
        assert!(stack.kafka().is_some(), "this test wants this panic");
    });
    assert!(panicking.await.unwrap_err().is_panic());
    let folder = folder.recv().unwrap();
    assert_none_left(&folder);
    assert!(!folder.exists());
}

#[test]
fn engines_end_when_their_program_is_killed() {
    for paused in ["", "paused"] {
        let folder = open_folder();
        std::fs::write(folder.path().join("paused"), paused).unwrap();
        let mut child = stack_in_another_process(folder.path());
        assert!(processes_of(folder.path()).len() >= 4, "{:#?}", processes_of(folder.path()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_none_left(folder.path());
    }
}

/// Not a test by itself: the process that `engines_end_when_their_program_is_killed` starts and kills. Without that
/// test's variable there is nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn holds_a_stack_until_it_is_killed() {
    let Some(folder) = std::env::var_os("DEVSTACK_TEST_FOLDER") else { return };
    let folder = Path::new(&folder);
    let stack = Stack::start(kept_in(folder), &ALL).await.unwrap();
    if std::fs::read_to_string(folder.join("paused")).unwrap() == "paused" {
        for process in processes(&stack) {
            process.pause().unwrap();
        }
    }
    std::fs::write(folder.join("started"), "").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_quotes_the_log() {
    let broken = StackConfig { kafka_jvm_options: vec!["-XX:NoSuchOption".to_owned()], ..config() };
    let error = Stack::start(broken, &[Engine::Kafka]).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains("engine.log") && message.contains("NoSuchOption"), "{message}");
}
