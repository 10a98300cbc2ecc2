//! Backups: by schedule, proved and missed aloud; made and restored by the command line.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use crossdock::base::clock::{Clock, Timestamp};
use crossdock::config::Config;
use crossdock::store::backup::{Target, before_migration};
use crossdock::store::migrate::{self, Layout, RELEASE};
use crossdock::store::redb::{Options, Redb};
use crossdock::store::{Home, Lane, NODE, Store, Table};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::cli::{Folder, PASSWORD};
use crate::support::served::{Asker, Served};

const QUARTER: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn to(folder: &Path) -> impl FnOnce(&mut Config) {
    move |c| {
        c.backup.path = folder.join("backups");
        c.backup.every_minutes = 15;
        c.backup.too_old_minutes = 60;
        c.backup.keep = 3;
    }
}

/// A file of `rows` parcels, wide enough for a backup of several chunks.
fn csv(rows: usize) -> String {
    let mut csv = "tracking_number,status,recipient_name,address\n".to_owned();
    for n in 0..rows {
        let hash = crossdock::base::ids::Id::derived(&[b"street", &n.to_be_bytes()]);
        csv.push_str(&format!("BK{n:06},shipped,Recipient {n},Street {hash} {n}\n"));
    }
    csv
}

fn import(depot: &Depot, rows: usize) {
    depot.demand(
        Method::PUT,
        "/api/v1/status-maps/foo",
        &json!({ "rows": [{ "code": "shipped", "status": "in_transit" }] }),
    );
    let request = depot.control(Method::POST, "/api/v1/imports?kind=parcels&source=foo");
    let begun = depot.send(request.header("content-type", "text/csv").body(csv(rows)));
    assert_eq!(begun.status, 202, "{begun:?}");
    let path = format!("/api/v1/imports/{}", begun.json["id"].as_str().unwrap());
    depot.wait_until("the import", || depot.look(&path)["state"] == "done");
    assert_eq!(depot.look(&path)["created"], rows);
}

fn names(depot: &Depot) -> Vec<String> {
    let list = depot.look("/api/v1/backups");
    list["items"].as_array().unwrap().iter().map(|b| b["name"].as_str().unwrap().to_owned()).collect()
}

fn last(depot: &Depot, what: &str) -> Option<Timestamp> {
    serde_json::from_value(depot.look("/api/v1/backups")[what].clone()).unwrap()
}

/// Waits for the backup of this very moment, and for the trial that may follow it.
fn made_now(depot: &Depot) {
    let now = depot.clock.now();
    depot.wait_until("the backup", || last(depot, "last_ok") == Some(now));
    depot.wait_until("rest", || {
        ["scheduled", "running"]
            .iter()
            .all(|s| depot.look(&format!("/api/v1/jobs?state={s}"))["items"] == json!([]))
    });
}

#[test]
fn every_quarter_of_an_hour_there_is_a_backup_and_the_oldest_go() {
    let elsewhere = tempfile::tempdir().unwrap();
    let depot = Depot::with(to(elsewhere.path()), Vec::new()).set_up("UTC");
    made_now(&depot);
    let first = names(&depot);
    assert_eq!(first.len(), 1);
    depot.wait(QUARTER - Duration::from_secs(1));
    for _ in 0..3 {
        depot.running().app.wake.wake();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(names(&depot), first, "not before it is time");
    depot.wait(Duration::from_secs(1));
    made_now(&depot);
    assert_eq!(names(&depot).len(), 2);
    for _ in 0..3 {
        depot.wait(QUARTER);
        made_now(&depot);
    }
    let kept = names(&depot);
    assert!(kept.len() == 3 && !kept.contains(&first[0]), "{kept:?}");
    assert!(kept.iter().all(|name| name.ends_with("-scheduled.json")), "{kept:?}");
}

#[test]
fn a_backup_stores_what_changed_since_the_last_one_and_nothing_twice() {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut depot = Depot::with(to(elsewhere.path()), Vec::new()).set_up("UTC");
    import(&depot, 6_000);
    made_now(&depot);
    let make = |depot: &Depot| {
        depot.wait(Duration::from_secs(1));
        let made = depot.demand(Method::POST, "/api/v1/backups", &json!({}));
        (made["chunks"].as_u64().unwrap(), made["chunks_new"].as_u64().unwrap())
    };
    let (chunks, _) = make(&depot);
    // A parcel and its history touch about seven places of the store, each in a chunk of its own at worst.
    assert!(chunks >= 16, "{chunks} chunks are too few to tell");
    depot.demand(Method::POST, "/api/v1/parcels", &json!({ "tracking_number": "ONE-MORE" }));
    let (_, new) = make(&depot);
    assert!(new > 0 && new <= chunks * 3 / 5, "{new} of {chunks} chunks for one parcel");
    depot.stop();
}

#[test]
fn the_first_backup_is_proved_at_once_and_then_one_a_day() {
    let elsewhere = tempfile::tempdir().unwrap();
    let depot = Depot::with(to(elsewhere.path()), Vec::new()).set_up("UTC");
    let begin = depot.clock.now();
    depot.wait_until("the first trial", || last(&depot, "last_trial") == Some(begin));
    for _ in 0..2 {
        depot.wait(QUARTER);
        made_now(&depot);
    }
    assert_eq!(last(&depot, "last_trial"), Some(begin), "not with every backup");
    depot.wait(DAY);
    made_now(&depot);
    depot.wait_until("the next trial", || last(&depot, "last_trial") == Some(depot.clock.now()));
    let left: Vec<_> = std::fs::read_dir(depot.folder.path().join("data/tmp")).unwrap().collect();
    assert!(left.is_empty(), "a trial leaves nothing behind: {left:?}");
    assert_eq!(overdue(&depot), (0, 0), "a night without a backup is made good before it is complained of");
}

/// Cases about missing backups: open ones and closed ones.
fn overdue(depot: &Depot) -> (usize, usize) {
    let count = |state: &str| {
        let found = depot.look(&format!("/api/v1/cases?reason=backup_overdue&state={state}"));
        found["items"].as_array().unwrap().len()
    };
    (count("active"), count("closed"))
}

#[test]
fn backups_that_fail_open_one_case_and_the_next_good_one_closes_it() {
    let elsewhere = tempfile::tempdir().unwrap();
    let in_the_way = elsewhere.path().join("backups");
    std::fs::write(&in_the_way, "no folder").unwrap();
    let mut depot = Depot::with(to(elsewhere.path()), Vec::new()).set_up("UTC");
    let (minutes, begin) = (|n: u64| Duration::from_secs(n * 60), depot.clock.now());
    for _ in 0..14 {
        assert_eq!(overdue(&depot), (0, 0), "at {}", depot.clock.now());
        depot.wait(minutes(4));
        depot.running().app.wake.wake();
        std::thread::sleep(Duration::from_millis(30));
    }
    depot.wait_until("a case", || {
        depot.wait(minutes(1));
        overdue(&depot) == (1, 0)
    });
    assert!(depot.clock.now().since(begin) <= minutes(75), "told at {}", depot.clock.now());
    let dead = depot.look("/api/v1/jobs?state=dead&kind=backup.make")["items"].as_array().unwrap().len();
    assert!((1..=6).contains(&dead), "{dead} jobs were given up in an hour");
    for _ in 0..6 {
        depot.wait(minutes(8));
        depot.running().app.wake.wake();
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(overdue(&depot), (1, 0));
    }
    depot.stop();
    depot.start_again(|_| {});
    depot.wait(minutes(1));
    depot.running().app.wake.wake();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(overdue(&depot), (1, 0), "a start makes no backup");

    std::fs::remove_file(&in_the_way).unwrap();
    depot.wait_until("the case is closed", || {
        depot.wait(minutes(1));
        overdue(&depot) == (0, 1)
    });
    assert!(last(&depot, "last_ok").is_some());
}

fn crossdock(data: &Path, here: &Path, words: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_crossdock"));
    command.args(words).arg("--data-dir").arg(data).current_dir(here).env_remove("CROSSDOCK_CONFIG");
    command.env("CROSSDOCK__STORE__BALLAST_MIB", "0").output().unwrap()
}

fn json_of(out: &Output) -> Value {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn sentence(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// A depot with parcels in it, and its figures.
fn filled(rows: usize) -> (Folder, Value) {
    let folder = Folder::depot("Europe/Berlin");
    folder.map("foo", &[("shipped", "in_transit")]);
    folder.import("parcels", "foo", &folder.file("parcels.csv", csv(rows).as_bytes()));
    let figures = stats(&folder.data());
    assert_eq!(figures["parcels"], rows);
    (folder, figures)
}

fn stats(data: &Path) -> Value {
    json_of(&crossdock(data, Path::new("/"), &["stats", "--json", "--at", "2030-01-01T00:00:00Z"]))
}

#[test]
fn a_restored_depot_is_the_one_that_was_backed_up_with_a_server_running_or_not() {
    let (folder, figures) = filled(500);
    let (data, here) = (folder.data(), tempfile::tempdir().unwrap());
    let served = Served::start(&data, &[]);
    let token = folder.token();
    json_of(&crossdock(&data, here.path(), &["backup", "--to", "by-server"]));
    served.stop();
    json_of(&crossdock(&data, here.path(), &["backup", "--to", "by-command"]));
    for from in ["by-server", "by-command"] {
        let restored = here.path().join(format!("{from}-restored"));
        let report = json_of(&crossdock(&restored, here.path(), &["restore", "--from", from]));
        assert_eq!((&report["fault_count"], &report["faults"]), (&json!(0), &json!([])), "{report}");
        assert_eq!(stats(&restored), figures);
        assert!(json_of(&crossdock(&restored, here.path(), &["verify"]))["broken_at"].is_null());
        assert!(crossdock(&restored, here.path(), &["check"]).status.success());
        let again = crossdock(&restored, here.path(), &["restore", "--from", from]);
        assert!(
            !again.status.success() && sentence(&again).contains("into an empty folder"),
            "{}",
            sentence(&again)
        );

        // People log in as before; what the lost machine had handed out opens nothing.
        let served = Served::start(&restored, &[]);
        let asker = Asker::new(&served.url, "");
        asker.post("/api/v1/auth/login", &json!({ "login": "ana", "password": PASSWORD }));
        let old = Asker::new(&served.url, &token).send(Method::GET, "/api/v1/parcels", None, None).unwrap();
        assert_eq!(old.status, 401, "the keys are not in a backup");
        served.stop();
    }
}

#[test]
fn a_sealed_backup_opens_for_its_passphrase_alone() {
    let (folder, figures) = filled(50);
    let (data, here) = (folder.data(), tempfile::tempdir().unwrap());
    let (right, wrong) = (folder.file("right", b"open sesame\n"), folder.file("wrong", b"open says me\n"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_crossdock"));
    command.args(["backup", "--to", "sealed", "--data-dir"]).arg(&data).current_dir(here.path());
    let sealed = command.env("CROSSDOCK__BACKUP__PASSPHRASE_FILE", &right).output().unwrap();
    json_of(&sealed);
    let restored = here.path().join("restored");
    let from = |words: &[&str]| {
        let all: Vec<&str> = ["restore", "--from", "sealed"].iter().chain(words).copied().collect();
        crossdock(&restored, here.path(), &all)
    };
    let refused = from(&[]);
    assert!(sentence(&refused).contains("give its passphrase"), "{}", sentence(&refused));
    let refused = from(&["--passphrase-file", wrong.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(sentence(&refused).contains("passphrase"), "{}", sentence(&refused));
    assert!(!restored.join("depot.redb").exists());
    json_of(&from(&["--passphrase-file", right.to_str().unwrap()]));
    assert_eq!(stats(&restored), figures);
}

fn open(data: &Path) -> Store {
    let mut options = Options::default();
    options.reserve.ballast = 0;
    Store::new(Redb::file(&data.join("depot.redb"), options).unwrap())
}

/// What a newer release does to a folder: the backup that is the way down, then its own layout.
fn upgrade(data: &Path) -> Layout {
    const LAYOUT: Table<str, Layout> = Table::new(1, "layout", Home::Local);
    let store = open(data);
    let ours = migrate::layout(&store).unwrap().unwrap();
    let down = Target { folder: data.join("backups"), passphrase: None, beside: None };
    before_migration(&store, &down, &ours, Clock::Wall.now()).unwrap();
    let newer = Layout { number: ours.number + 1, release: "99.1.0".into() };
    let put = newer.clone();
    store.write(NODE, Lane::People, move |tx| LAYOUT.put(tx, "layout", &put)).wait().unwrap();
    store.close();
    newer
}

#[test]
fn an_older_release_refuses_a_newer_file_and_the_backup_before_the_upgrade_is_the_way_down() {
    let (folder, figures) = filled(50);
    let (data, here) = (folder.data(), tempfile::tempdir().unwrap());
    upgrade(&data);
    for words in [&["stats"][..], &["serve", "--listen", "127.0.0.1:0", "--no-tls"][..]] {
        let refused = crossdock(&data, here.path(), words);
        let said = sentence(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("99.1.0") && said.contains(RELEASE), "both releases are named: {said}");
    }
    assert_eq!(
        migrate::layout(&open(&data)).unwrap().unwrap().release,
        "99.1.0",
        "a refused file is as it was"
    );
    let down = crossdock(&data, here.path(), &["restore", "--before-migration"]);
    json_of(&down);
    assert!(sentence(&down).contains("the store so far is kept as"), "{}", sentence(&down));
    assert_eq!(stats(&data), figures);
    assert_eq!(set_aside(&data).len(), 1);
}

fn set_aside(data: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(data).unwrap().map(|e| e.unwrap().path());
    all.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("depot.upgraded-")))
        .collect()
}

#[test]
fn the_way_down_leaves_the_present_store_alone_while_it_is_used_or_when_there_is_no_backup() {
    let (folder, figures) = filled(20);
    let (data, here) = (folder.data(), tempfile::tempdir().unwrap());
    let refused = crossdock(&data, here.path(), &["restore", "--before-migration"]);
    assert!(!refused.status.success());
    assert_eq!(stats(&data), figures, "{}", sentence(&refused));

    let down = Target { folder: data.join("backups"), passphrase: None, beside: None };
    let store = open(&data);
    let layout = migrate::layout(&store).unwrap().unwrap();
    before_migration(&store, &down, &layout, Clock::Wall.now()).unwrap();
    store.close();
    let served = Served::start(&data, &[]);
    let refused = crossdock(&data, here.path(), &["restore", "--before-migration"]);
    assert!(sentence(&refused).contains("stop it first"), "{}", sentence(&refused));
    assert_eq!(stats(&data), figures);
    served.stop();
    assert!(set_aside(&data).is_empty());
}
