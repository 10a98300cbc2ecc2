//! The engine on PostgreSQL: the whole suite on one engine, on one that has just lost its server, and on two over one
//! database; and what only several processes over one database can show.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crossdock::base::clock::Timestamp;
use crossdock::base::error::{Fault, Kind};
use crossdock::store::backup::{self, Target, Which};
use crossdock::store::migrate::{self, Layout, MIGRATIONS};
use crossdock::store::postgres::{Options, Postgres};
use crossdock::store::table::Checked;
use crossdock::store::{
    Area, DEPOT, Engine, Expect, Fence, Home, Lane, ReadTx, Result, Status, Store, StoreError, Sweep, Table,
    Tenant, WriteFn, WriteTx, check, counters, table,
};
use tokio::sync::oneshot;

use crate::kill::{verify, work};
use crate::store_suite::{A, LOG, T, put, write};
use crate::support::cli::{Folder, LOGIN};
use crate::support::load::Load;
use crate::support::pg::{Database, options};
use crate::support::served::{Asker, Served};

/// A store, and the database that has to live as long as it does; none where there is no cluster.
pub struct Made(pub Option<(Store, Database)>);

impl Made {
    pub fn with(self, case: impl FnOnce(&Store)) {
        if let Some((store, _database)) = &self.0 {
            case(store);
            store.close();
        }
    }
}

pub fn on_postgres() -> Made {
    Made(Database::new().map(|db| (db.store(), db)))
}

/// On an engine whose server was away for a moment: whatever the suite asks must hold afterwards too.
pub fn after_a_lost_server() -> Made {
    let Some(db) = Database::new() else { return Made(None) };
    let store = db.store();
    write(&store, 99, |tx| put(tx, b"before", b"x")).unwrap();
    store.read(99, |tx| tx.get(A, b"before")).unwrap();
    db.cut();
    write(&store, 99, |tx| put(tx, b"after", b"x")).unwrap();
    Made(Some((store, db)))
}

/// Two engines over one database behind one store: each tenant is written through one of them by one thread and through
/// the other by another, and read through the one it isn't written through.
pub fn on_two_of_postgres() -> Made {
    Made(Database::new().map(|db| (Store::new(Two(db.engine(), db.engine())), db)))
}

struct Two(Postgres, Postgres);

impl Two {
    fn for_writing(&self, tenant: Tenant) -> &Postgres {
        let mut hasher = DefaultHasher::new();
        std::thread::current().id().hash(&mut hasher);
        if (hasher.finish() + u64::from(tenant)).is_multiple_of(2) { &self.0 } else { &self.1 }
    }

    fn for_reading(&self, tenant: Tenant) -> &Postgres {
        self.for_writing(tenant ^ 1)
    }
}

impl Engine for Two {
    fn read(&self, tenant: Tenant, f: &mut dyn FnMut(&dyn ReadTx) -> Result<()>) -> Result<()> {
        self.for_reading(tenant).read(tenant, f)
    }
    fn sweep(&self, f: &mut dyn FnMut(&dyn Sweep) -> Result<()>) -> Result<()> {
        self.1.sweep(f)
    }
    fn write(&self, tenant: Tenant, lane: Lane, f: WriteFn) -> oneshot::Receiver<Result<()>> {
        self.for_writing(tenant).write(tenant, lane, f)
    }
    fn status(&self) -> Status {
        let (a, b) = (self.0.status(), self.1.status());
        Status { commits: a.commits + b.commits, writes: a.writes + b.writes, ..a }
    }
    fn has_company(&self) -> bool {
        self.0.has_company() || self.1.has_company()
    }
    fn lease(&self, name: &str) -> Result<Option<Fence>> {
        self.0.lease(name)
    }
    fn close(&self) {
        self.0.close();
        self.1.close();
    }
}

fn append(tx: &mut dyn WriteTx, blob: &[u8]) -> Result<u64> {
    tx.append(DEPOT, LOG, blob, [0; 16])
}

#[test]
fn what_a_statement_forgets_to_say_of_the_tenant_row_security_says() {
    let Some(db) = Database::new() else { return };
    let store = db.store();
    for tenant in [T, T + 1] {
        write(&store, tenant, |tx| {
            append(tx, b"x")?;
            put(tx, b"k", b"v")
        })
        .unwrap();
    }
    for table in ["\"a_900\"", "log", "head"] {
        let count = |session: &str| db.ask(&format!("{session} select count(*) from crossdock.{table}"));
        assert_eq!(count(""), ["0"], "{table}: nobody's session");
        assert_eq!(count(&format!("set crossdock.tenant = '{T}';")), ["1"], "{table}");
        let stray = format!("set crossdock.tenant = '{T}'; update crossdock.{table} set tenant = {}", T + 1);
        assert!(db.try_ask(&stray).is_err(), "{table}: a row was given to another tenant");
    }
}

#[test]
fn a_lease_has_one_holder_and_goes_to_the_next_when_that_one_ends() {
    let Some(db) = Database::new() else { return };
    let (a, b) = (db.store(), db.store());
    let first = a.leased("work").unwrap().unwrap();
    assert!(b.leased("work").unwrap().is_none() && b.leased("other").unwrap().is_some());
    write(&first, T, |tx| put(tx, b"k", b"a")).unwrap();
    a.close();
    // What was answered is believed for a third of the lease.
    let second = wait_for(|| b.leased("work").unwrap());
    assert!(second.fence().unwrap().number > first.fence().unwrap().number);
    write(&second, T, |tx| put(tx, b"k", b"b")).unwrap();
}

#[test]
fn who_sleeps_through_a_lease_can_write_nothing_under_it_any_more() {
    let Some(db) = Database::new() else { return };
    let brief = || Store::new(Postgres::open(&db.url, brief()).unwrap());
    let (a, b) = (brief(), brief());
    let sleeper = a.leased("work").unwrap().unwrap();
    let next = wait_for(|| b.leased("work").unwrap());
    let refused = write(&sleeper, T, |tx| put(tx, b"k", b"late")).unwrap_err();
    assert!(matches!(&refused, StoreError::Fenced { lease } if lease == "work"), "{refused}");
    assert!(refused.kind() == Kind::Busy);
    write(&next, T, |tx| put(tx, b"k", b"next")).unwrap();
    write(&a, T, |tx| put(tx, b"free", b"no lease")).unwrap();
    assert_eq!(a.read(T, |tx| tx.get(A, b"k")).unwrap().unwrap().body, b"next");
}

#[test]
fn nobody_takes_a_lease_over_while_a_write_under_it_is_on_its_way() {
    let Some(db) = Database::new() else { return };
    let brief = || Store::new(Postgres::open(&db.url, brief()).unwrap());
    let (a, b) = (brief(), brief());
    let holder = a.leased("work").unwrap().unwrap();
    let (began, begun) = std::sync::mpsc::channel();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let slow = holder.write(T, Lane::People, move |tx| {
        // It may be called again: only the first time somebody waits for it, and it waits for somebody.
        let _ = began.send(());
        let _ = gate.recv();
        put(tx, b"k", b"slow")
    });
    begun.recv().unwrap();
    let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&order);
    let taking = std::thread::spawn(move || {
        let next = wait_for(|| b.leased("work").unwrap());
        let there = next.read(T, |tx| tx.get(A, b"k")).unwrap();
        seen.lock().unwrap().push(there.is_some());
    });
    std::thread::sleep(brief_lease() * 3);
    assert!(order.lock().unwrap().is_empty(), "it was taken over under a write");
    drop(go);
    slow.wait().unwrap();
    taking.join().unwrap();
    assert_eq!(*order.lock().unwrap(), [true]);
}

fn brief_lease() -> Duration {
    Duration::from_millis(200)
}

fn brief() -> Options {
    Options { lease: brief_lease(), ..options() }
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_the_database_refuses_fails_alone() {
    let Some(db) = Database::new() else { return };
    let store = db.store();
    write(&store, T, |tx| put(tx, b"first", b"")).unwrap();
    db.ask("alter table crossdock.\"a_900\" add check (pk <> 'bad')");
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let first = store.write(T, Lane::People, move |tx| {
        let _ = gate.recv();
        append(tx, b"0")
    });
    let pending: Vec<_> = (0..20_u8)
        .map(|n| {
            store.write(T, Lane::People, move |tx| {
                if n == 7 {
                    put(tx, b"bad", b"")?;
                }
                append(tx, &[n])
            })
        })
        .collect();
    drop(go);
    assert_eq!(first.wait().unwrap(), 1);
    let said: Vec<_> = pending.into_iter().map(|p| p.wait().ok()).collect();
    assert_eq!(said.iter().position(Option::is_none), Some(7));
    assert_eq!(said.into_iter().flatten().collect::<Vec<_>>(), (2..=20).collect::<Vec<_>>());
    assert!(store.status().writable);
}

#[test]
fn what_the_database_asks_to_try_again_is_tried_again() {
    let Some(db) = Database::new() else { return };
    let store = db.store();
    write(&store, T, |tx| put(tx, b"first", b"")).unwrap();
    db.ask(
        "create sequence crossdock.tries;
         create function crossdock.stumble() returns trigger language plpgsql as $$
         begin
             if nextval('crossdock.tries') < 4 then raise exception 'again' using errcode = '40001'; end if;
             return new;
         end $$;
         create trigger stumble before insert on crossdock.log for each row execute function crossdock.stumble()",
    );
    assert_eq!(write(&store, T, |tx| append(tx, b"x")).unwrap(), 1);
    assert_eq!(db.ask("select last_value from crossdock.tries"), ["4"]);
}

#[test]
fn while_the_database_is_away_writes_are_refused_and_afterwards_it_goes_on_by_itself() {
    let Some(db) = Database::new() else { return };
    let store = db.store();
    write(&store, T, |tx| put(tx, b"before", b"")).unwrap();
    db.allow(false);
    db.cut();
    let refused = write(&store, T, |tx| put(tx, b"lost", b"")).unwrap_err();
    assert_eq!(refused.kind(), Kind::Busy, "{refused}");
    assert!(!store.status().writable && store.status().trouble.is_some());
    assert_eq!(store.read(T, |tx| tx.get(A, b"before")).unwrap_err().kind(), Kind::Busy);
    db.allow(true);
    // Nobody writes: it finds out by itself.
    wait_for(|| store.status().writable.then_some(()));
    write(&store, T, |tx| put(tx, b"after", b"")).unwrap();
    assert!(store.status().reopened > 0);
    assert!(store.read(T, |tx| tx.get(A, b"lost")).unwrap().is_none());
}

#[test]
fn connections_cut_under_two_engines_lose_nothing_acknowledged_and_leave_no_gap() {
    const EACH: usize = 150;
    let Some(db) = Database::new() else { return };
    let engines = [db.store(), db.store()];
    let done = std::sync::atomic::AtomicUsize::new(0);
    let kept: Vec<(u64, Vec<u8>)> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4_u8)
            .map(|w| {
                let (store, done) = (&engines[usize::from(w % 2)], &done);
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for n in 0..EACH {
                        let blob = vec![w, n as u8, (n >> 8) as u8];
                        let answer = wait_for(|| {
                            let theirs = blob.clone();
                            match write(store, T, move |tx| append(tx, &theirs)) {
                                // Refused before anything was done: made again.
                                Err(StoreError::ReadOnly { .. }) => None,
                                answer => Some(answer),
                            }
                        });
                        // One whose answer was lost is not, as the caller of one without a key must not.
                        kept.extend(answer.ok().map(|at| (at, blob)));
                        done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                    kept
                })
            })
            .collect();
        while done.load(std::sync::atomic::Ordering::Relaxed) < 4 * EACH {
            db.cut();
            std::thread::sleep(Duration::from_millis(100));
        }
        writers.into_iter().flat_map(|w| w.join().unwrap()).collect()
    });
    assert!(kept.len() > EACH, "there was no load: {}", kept.len());
    let log = wait_for(|| engines[0].read(T, |tx| tx.tail(DEPOT, LOG, 0, 10_000)).ok());
    assert!(log.iter().map(|(at, _)| *at).eq(1..=log.len() as u64), "a gap");
    for (at, blob) in kept {
        assert_eq!(log[usize::try_from(at).unwrap() - 1], (at, blob));
    }
    let mut blobs: Vec<_> = log.iter().map(|(_, blob)| blob).collect();
    blobs.sort();
    blobs.dedup();
    assert_eq!(blobs.len(), log.len(), "something was made twice");
}

/// A second data folder for the same headquarters: its keys and settings, and nothing else.
pub fn second_folder(of: &Path) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let ours = std::fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().permissions(ours).tempdir().unwrap();
    for name in ["keys", "crossdock.toml"] {
        let told = Command::new("cp").arg("-a").arg(of.join(name)).arg(folder.path()).status().unwrap();
        assert!(told.success());
    }
    folder
}

#[test]
fn of_two_processes_over_one_database_one_is_killed_and_the_other_goes_on() {
    let Some(db) = Database::new() else { return };
    let settings = [("CROSSDOCK__STORE__URL", &*db.url), ("CROSSDOCK__SERVER__ROLE", "hq")];
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let folder = Folder::depot_in("Europe/Berlin", &data, &settings);
    let other = second_folder(&data);
    let (a, b) = (Served::start(&data, &settings), Served::start(other.path(), &settings));
    let token = folder.token();
    let load = Arc::new(Load::default());
    let works = |url: &str, client: usize| {
        let (asker, load) = (Asker::new(url, &token), Arc::clone(&load));
        std::thread::spawn(move || work(&asker, 0, client, &load))
    };
    let through_b: Vec<_> = (0..2).map(|client| works(&b.url, client)).collect();
    let own = Asker::new(&a.url, &token);
    let mut answered = 0;
    let body =
        |n: usize| serde_json::json!({ "tracking_number": format!("A{n:06}"), "status": "in_transit" });
    let end_of_b = std::thread::spawn(move || {
        load.wait_for(20);
        load.end();
        b.kill();
    });
    // A's own work goes on through B's death, without one refusal.
    let mut after = 0;
    while after < 20 {
        after += usize::from(end_of_b.is_finished());
        own.post("/api/v1/parcels", &body(answered));
        answered += 1;
    }
    end_of_b.join().unwrap();
    for worker in through_b {
        verify(&own, &mut worker.join().unwrap());
    }
    for n in 0..answered {
        own.get(&format!("/api/v1/parcels/A{n:06}"));
    }
    own.assert_sound();
    // The killed one comes back and shows the same.
    let b = Served::start(other.path(), &settings);
    Asker::new(&b.url, &token).assert_sound();
    b.stop();
    a.stop();
}

#[test]
fn a_depots_folder_is_not_moved_into_postgres() {
    let folder = Folder::depot("Europe/Berlin");
    let to = "host=/nowhere user=nobody dbname=none";
    let args: [std::ffi::OsString; 6] =
        ["hq", "migrate", "--data-dir", folder.data().to_str().unwrap(), "--to", to].map(Into::into);
    let refused = folder.run(args);
    assert!(!refused.status.success());
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("holds a depot") && why.contains("keeps its file"), "{why}");
}

#[test]
fn an_embedded_headquarters_moves_over_whole_once_and_analysts_see_it() {
    let Some(db) = Database::new() else { return };
    let folder = Folder::hq();
    folder.map("file", &[("shipped", "in_transit"), ("gone", "lost")]);
    let mut csv = "tracking_number,status,recipient_name\n".to_owned();
    for n in 0..300 {
        csv.push_str(&format!("M{n:04},{},Recipient {n}\n", if n % 100 == 0 { "gone" } else { "shipped" }));
    }
    folder.import("parcels", "file", &folder.file("m.csv", csv.as_bytes()));
    let moved = folder.json("hq migrate", &["--to", &db.url]);
    assert!(moved["rows"]["records"].as_u64().unwrap() > 300, "{moved}");
    let again: Vec<std::ffi::OsString> =
        ["hq", "migrate", "--data-dir", folder.data().to_str().unwrap(), "--to", &db.url]
            .map(Into::into)
            .into();
    let refused = folder.run(again);
    assert!(!refused.status.success());
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("holds a store already"), "{why}");

    let settings = [("CROSSDOCK__STORE__URL", &*db.url), ("CROSSDOCK__SERVER__ROLE", "hq")];
    let other = second_folder(&folder.data());
    let served = Served::start(other.path(), &settings);
    let token =
        folder.run(["token", "--user", LOGIN, "--data-dir", other.path().to_str().unwrap()].map(Into::into));
    assert!(token.status.success(), "{}{}", String::from_utf8_lossy(&token.stderr), served.said());
    let asker = Asker::new(&served.url, String::from_utf8_lossy(&token.stdout).trim());
    assert_eq!(asker.get("/api/v1/parcels/M0007")["status"], "in_transit");
    asker.assert_sound();
    let body = serde_json::json!({ "tracking_number": "LATER", "status": "in_transit" });
    asker.post("/api/v1/parcels", &body);

    let ask = |sql: &str| db.ask(&format!("set crossdock.tenant = '1'; {sql}"));
    assert_eq!(
        ask("select status || ' ' || count(*) from crossdock.v_parcels group by status order by 1"),
        ["in_transit 298", "lost 3"]
    );
    let recipient = "select recipient ->> 'name' from crossdock.v_parcels where number = 'M0042'";
    assert_eq!(ask(recipient), ["Recipient 42"]);
    let near = "select (created_at > now() - interval '1 day')::text from crossdock.v_parcels where number = 'LATER'";
    assert_eq!(ask(near), ["true"]);
    let joined =
        "select (count(*) > 0)::text from crossdock.v_events e join crossdock.v_parcels p on p.id::text = e.aggregate
                  where p.number = 'LATER' and e.stamped_at > now() - interval '1 day'";
    assert_eq!(ask(joined), ["true"]);
    asker.post("/api/v1/cases", &serde_json::json!({ "reason": "damaged", "detail": "wet" }));
    let cases = "select state || ' ' || (opened_at <= now() + interval '1 minute')::text
                 from crossdock.v_cases where reason = 'damaged' and detail like 'wet%'";
    assert_eq!(ask(cases), ["open true"]);
    assert_eq!(db.ask("select count(*) from crossdock.v_parcels"), ["0"], "nobody's session");
    served.stop();
}

#[test]
fn a_backup_of_a_database_restores_into_a_file_that_is_the_same() {
    let Some(db) = Database::new() else { return };
    let store = db.store();
    migrate::run(&store, MIGRATIONS, |_| Ok(())).unwrap();
    for tenant in [T, T + 1] {
        let made = write(&store, tenant, |tx| {
            for n in 0..700_u32 {
                let key = n.to_be_bytes();
                counters::add(tx, "n", 1)?;
                tx.put(NAMES.coll(), &key, &body(n)?, &NAMES.keys(&body(n)?)?, Expect::Any)?;
                append(tx, &key)?;
            }
            tx.trim(DEPOT, LOG, 10, 99).map(drop)
        });
        made.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let target = Target { folder: folder.path().join("backups"), passphrase: None, beside: None };
    let made = backup::make(&store, &target, "try", Timestamp::from_millis(1_795_255_200_000)).unwrap();
    let tables: Vec<&dyn Checked> = backup::tables().into_iter().chain([&NAMES as &dyn Checked]).collect();
    let into = folder.path().join("depot.redb");
    let report = backup::restore(&target, Which::Latest, &into, &tables).unwrap();
    assert!(report.is_clean(), "{:?}", report.faults);
    assert_eq!(report.records + report.log_entries + 2, made.rows);
    let check = check::run(&store, &tables).unwrap();
    assert!(check.is_clean(), "{:?}", check.faults);
    assert_eq!(check.index_entries, report.index_entries);
    // Pages of a sweep join wherever it is taken up again.
    let all = |area| {
        let mut rows: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        store
            .sweep(|sweep| {
                loop {
                    let (before, after) = (rows.len(), rows.last().map(|(k, _)| k.clone()));
                    sweep.rows(area, after.as_deref(), &mut |k, v| {
                        rows.push((k.to_vec(), v.to_vec()));
                        Ok(rows.len() < before + 333)
                    })?;
                    if rows.len() == before {
                        return Ok(());
                    }
                }
            })
            .unwrap();
        rows
    };
    for area in [Area::Records, Area::Index, Area::Log, Area::Heads] {
        let rows = all(area);
        assert!(!rows.is_empty() && rows.is_sorted_by(|a, b| a.0 < b.0), "{area:?}");
        let mut whole = Vec::new();
        let mut add = |k: &[u8], v: &[u8]| {
            whole.push((k.to_vec(), v.to_vec()));
            Ok(true)
        };
        store.sweep(|sweep| sweep.rows(area, None, &mut add)).unwrap();
        assert!(whole == rows, "{area:?}");
    }
}

const NAMES: Table<[u8], Layout> = Table::new(950, "names", Home::Local).indexed(&[
    |l| Some(l.number.rotate_left(7).to_be_bytes().to_vec()),
    |l| (l.number % 3 == 0).then(Vec::new),
]);

fn body(number: u32) -> Result<Vec<u8>> {
    table::encode("names", &Layout { number, release: "x".repeat(number as usize % 50) })
}
