//! The program as people and scripts use it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::cli::{Folder, LOGIN};

fn crossdock(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossdock"));
    command.args(args).env_remove("RUST_BACKTRACE");
    command
}

fn run(args: &[&str]) -> Output {
    crossdock(args).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A server that ends with its test, whatever happens in it.
struct Served(Child);

impl Served {
    fn start(folder: &str) -> Self {
        let args = ["serve", "--data-dir", folder, "--listen", "127.0.0.1:0", "--no-tls"];
        let mut command = crossdock(&args);
        command.env("CROSSDOCK__STORE__BALLAST_MIB", "0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("Serving ") && line.contains(" at http://127.0.0.1:"), "{line}");
        Self(child)
    }

    fn signal(&mut self, signal: &str) -> Option<i32> {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn folder(dir: &Path) -> String {
    dir.join("data").to_str().unwrap().to_owned()
}

#[test]
fn what_needs_no_depot_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    assert_eq!(out(&run(&["version"])), format!("crossdock {}\n", env!("CARGO_PKG_VERSION")));
    let document: Value = serde_json::from_str(&out(&run(&["openapi"]))).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let shown = crossdock(&["config", "--data-dir", &data])
        .env("CROSSDOCK__BACKUP__PASSPHRASE", "hush")
        .output()
        .unwrap();
    assert!(shown.status.success() && out(&shown).contains(&data) && !out(&shown).contains("hush"));
    for command in ["status", "health", "stats"] {
        let refused = run(&[command, "--data-dir", &data]);
        assert_eq!((refused.status.code(), out(&refused).as_str()), (Some(1), ""), "{command}");
        assert!(
            err(&refused).starts_with("crossdock: ") && !err(&refused).contains('\u{1b}'),
            "{}",
            err(&refused)
        );
    }
    assert_eq!(run(&["unload"]).status.code(), Some(2));
    assert!(!dir.path().join("data").exists());
}

#[cfg(unix)]
#[test]
fn a_server_is_found_by_the_commands_and_ends_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let mut served = Served::start(&data);
    let health: Value = serde_json::from_str(&out(&run(&["health", "--data-dir", &data]))).unwrap();
    assert_eq!(health["status"], "ok");
    let status: Value = serde_json::from_str(&out(&run(&["status", "--data-dir", &data]))).unwrap();
    assert_eq!(status["running"], true);
    let second = run(&["serve", "--data-dir", &data, "--listen", "127.0.0.1:0", "--no-tls"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(err(&second).contains("stop that one first"), "{}", err(&second));
    assert_eq!(served.signal("-TERM"), Some(0));
    assert!(!dir.path().join("data/control.json").exists());
}

#[cfg(unix)]
#[test]
fn what_a_killed_server_left_behind_stops_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let mut served = Served::start(&data);
    assert_eq!(served.signal("-KILL"), None);
    assert!(dir.path().join("data/control.json").exists());
    assert_eq!(run(&["status", "--data-dir", &data]).status.code(), Some(1));
    let asked = run(&["token", "--user", "nobody", "--data-dir", &data]);
    assert_eq!(asked.status.code(), Some(3), "a depot was started and refused: {}", err(&asked));
    assert!(!dir.path().join("data/control.json").exists());
    let mut served = Served::start(&data);
    assert_eq!(served.signal("-INT"), Some(0));
}

#[test]
fn users_are_added_changed_and_switched_off_by_login() {
    let folder = Folder::depot("UTC");
    let file = folder.file("p", b"purple monkey dishwasher\n");
    let file = file.to_str().unwrap();
    let added = folder.json("user add", &["--user", "bob", "--role", "clerk", "--password-file", file]);
    assert_eq!((&added["login"], &added["active"]), (&"bob".into(), &true.into()));
    assert_eq!(folder.json("user role", &["--user", "bob", "--role", "driver"])["role"], "driver");
    assert_eq!(folder.json("user password", &["--user", "bob", "--password-file", file])["login"], "bob");
    assert_eq!(folder.json("user disable", &["--user", "bob"])["active"], false);
    assert_eq!(folder.json("user enable", &["--user", "bob"])["active"], true);
    let data = folder.data();
    let data = data.to_str().unwrap();
    let unknown = run(&["user", "role", "--data-dir", data, "--user", "bob", "--role", "pilot"]);
    assert_eq!((unknown.status.code(), out(&unknown).as_str()), (Some(3), ""));
    assert!(
        err(&unknown).contains("the roles are") && err(&unknown).contains("auditor"),
        "{}",
        err(&unknown)
    );
    let nobody = run(&["user", "disable", "--data-dir", data, "--user", "eve"]);
    assert!(nobody.status.code() == Some(3) && err(&nobody).contains("no user eve"), "{}", err(&nobody));
    let last = run(&["user", "disable", "--data-dir", data, "--user", LOGIN]);
    assert_eq!(last.status.code(), Some(3), "nobody could manage users any more");
}

#[test]
fn backups_are_listed_and_a_way_down_that_is_not_there_takes_nothing_away() {
    let folder = Folder::depot("UTC");
    let data = folder.data();
    let data = data.to_str().unwrap();
    let none = run(&["backup", "list", "--data-dir", data]);
    assert!(
        none.status.code() == Some(1) && err(&none).contains("there are no backups in"),
        "{}",
        err(&none)
    );
    let made = folder.json("backup", &[]);
    let listed = folder.json("backup list", &[]);
    assert_eq!(listed["items"][0]["name"], made["name"]);
    let down = run(&["restore", "--before-migration", "--data-dir", data]);
    assert!(down.status.code() == Some(1) && err(&down).contains("no such backup"), "{}", err(&down));
    assert!(folder.data().join("depot.redb").is_file());
    assert_eq!(folder.json("stats", &["--json"])["parcels"], 0);
}

#[test]
fn the_settings_file_is_named_by_a_variable_or_lies_in_the_folder_one_names() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("crossdock.toml");
    std::fs::write(&file, "[depot]\nzone = \"Asia/Dhaka\"\n").unwrap();
    for (name, value) in [("CROSSDOCK_CONFIG", &*file), ("CROSSDOCK__SERVER__DATA_DIR", dir.path())] {
        let shown = crossdock(&["config"]).env(name, value).output().unwrap();
        assert!(out(&shown).contains("Asia/Dhaka"), "{name}: {}", err(&shown));
    }
    let gone = run(&["config", "--config", "/nowhere/depot.toml"]);
    assert_eq!(err(&gone).matches("os error").count(), 1, "said once: {}", err(&gone));
}

#[test]
fn what_is_asked_of_a_depot_that_nobody_set_up_is_refused_and_does_not_wait_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let (data, password) = (folder(dir.path()), dir.path().join("password"));
    std::fs::write(&password, "correct horse battery\n").unwrap();
    let file = dir.path().join("parcels.csv");
    std::fs::write(&file, "tracking_number,status\nA1,delivered\n").unwrap();
    let (password, file) = (password.to_str().unwrap(), file.to_str().unwrap());
    let init = |tenant: &str| {
        let place = ["init", "--data-dir", &data, "--role", "depot", "--depot", "D", "--zone", "UTC"];
        let who = ["--tenant", tenant, "--admin-user", "boss", "--admin-password-file", password];
        run(&[&place[..], &who[..]].concat())
    };
    let import = ["import", "--data-dir", &data, "--kind", "parcels", "--source", "s", "--json", file];
    let refused = init("T");
    assert!(!refused.status.success() && err(&refused).contains("/tenant"), "{}", err(&refused));
    let refused = run(&import);
    assert!(!refused.status.success() && err(&refused).contains("crossdock init"), "{}", err(&refused));
    assert!(init("acme").status.success());
    let done = run(&import);
    assert!(done.status.success() && out(&done).contains("\"created\":1"), "{}", err(&done));
}

#[test]
fn the_demonstration_prints_its_address_and_a_login_that_holds_and_fills_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = Served(
        Command::new(env!("CARGO_BIN_EXE_crossdock"))
            .args(["serve", "--demo", "--listen", "127.0.0.1:0", "--no-tls", "--data-dir"])
            .arg(dir.path().join("data"))
            .env_remove("CROSSDOCK_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let said = BufReader::new(served.0.stdout.take().unwrap()).lines().map_while(Result::ok).take(2);
    let said: Vec<String> = said.collect();
    // What is wrong is on the other channel, and then nothing more comes on this one.
    let mut errors = BufReader::new(served.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let filled = errors.find(|line| line.contains("parcels are in") || line.contains("is not complete"));
    let login = || {
        let address = said.first()?.rsplit_once(" at ")?.1.to_owned();
        let password = said.get(1)?.strip_prefix("Log in as admin with the password ")?.to_owned();
        Some((address, password))
    };
    let answer = login().map(|(address, password)| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let asked = http.post(format!("{address}/api/v1/auth/login"));
            let body = json!({ "login": "admin", "password": password });
            asked.json(&body).send().await.unwrap().status().as_u16()
        })
    });
    assert_eq!(answer, Some(200), "{said:?}");
    assert!(filled.as_deref().is_some_and(|line| line.ends_with("invented parcels are in")), "{filled:?}");
}

#[test]
fn a_manifest_is_announced_from_a_file_and_listed() {
    let folder = Folder::depot("UTC");
    let file = folder.file("m.csv", b"tracking_number,items\nRR1,2\nRR2,\n");
    let file = file.to_str().unwrap();
    let truck = ["--number", "T-1", "--carrier", "dhl", "--expected-at", "2090-05-06T07:00:00Z", file];
    let made = folder.json("manifest import", &truck);
    assert_eq!((&made["number"], &made["announced_now"]), (&"T-1".into(), &2.into()), "{made}");
    let listed = folder.json("manifest list", &["--state", "announced"]);
    assert_eq!(listed["items"][0]["number"], "T-1", "{listed}");
    assert_eq!(folder.json("manifest list", &["--state", "unloaded"])["items"], serde_json::json!([]));
    let data = folder.data();
    let refused = |args: &[&str], said: &str| {
        let place = ["--data-dir", data.to_str().unwrap()];
        let all: Vec<&str> = ["manifest"].iter().chain(args).chain(&place).copied().collect();
        let output = run(&all);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(3), ""), "{args:?}");
        assert!(err(&output).contains(said), "{said}: {}", err(&output));
    };
    refused(&["import", "--number", "T-1", file], "T-1");
    refused(&["list", "--state", "lost"], "lost");
    let rows: String = (0..=1_000).map(|n| format!("LONG{n}\n")).collect();
    let long = folder.file("long.csv", format!("tracking_number\n{rows}").as_bytes());
    refused(&["import", "--number", "T-2", long.to_str().unwrap()], "more than 1000 lines");
    assert_eq!(
        folder.json("manifest list", &[])["items"].as_array().unwrap().len(),
        1,
        "nothing is half stored"
    );
}
