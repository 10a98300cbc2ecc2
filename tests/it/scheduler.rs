//! What runs by itself, in the running depot with a clock of the test's: deadlines, schedules, jobs and mail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crossdock::base::clock::Timestamp;
use crossdock::config::Config;
use crossdock::config::choices::MailSecurity;
use crossdock::jobs::queue::{Limits, NewJob, enqueue};
use crossdock::jobs::runner::{Handler, JobError, JobRun};
use crossdock::jobs::schedule::Schedule;
use crossdock::jobs::schedules::{self, Scheduled};
use crossdock::store::{Lane, StoreError};
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::Depot;
use crate::support::cli::Folder;
use crate::support::served::{Asker, Served};
use crate::support::sink::Sink;

const TENANT: u32 = 1;
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text, &TimeZone::UTC).unwrap()
}

fn items(depot: &Depot, path: &str) -> Vec<Value> {
    depot.look(path)["items"].as_array().unwrap().clone()
}

/// Lets everything look a few times although nothing is due.
fn look(depot: &Depot) {
    for _ in 0..5 {
        depot.running().app.wake.wake();
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn an_escalation_that_came_due_in_a_night_without_power_happens_once() {
    let mut depot = Depot::new().set_up("UTC");
    let case = depot.demand(Method::POST, "/api/v1/cases", &json!({ "reason": "damaged", "detail": "wet" }));
    let path = format!("/api/v1/cases/{}", case["id"].as_str().unwrap());
    look(&depot);
    assert_eq!(depot.look(&path)["escalation_level"], 0, "on a Saturday nobody is late");
    let escalations = |depot: &Depot| {
        items(depot, &format!("{path}/history"))
            .iter()
            .filter(|e| e.to_string().contains("escalated"))
            .count()
    };
    depot.stop();
    depot.wait(72 * HOUR);
    depot.start_again(|_| {});
    depot.wait_until("the escalation", || depot.look(&path)["escalation_level"] == 3);
    look(&depot);
    assert_eq!(escalations(&depot), 1, "at one stroke to the highest level");
    depot.stop();
    depot.wait(24 * HOUR);
    depot.start_again(|_| {});
    look(&depot);
    assert_eq!((escalations(&depot), &depot.look(&path)["escalation_level"]), (1, &json!(3)));
}

#[test]
fn parcels_that_stay_too_long_are_marked_once_however_often_it_is_looked() {
    let mut depot = Depot::new().set_up("UTC");
    for n in 0..20 {
        let body = json!({ "tracking_number": format!("STAY{n}"), "status": "at_depot" });
        depot.demand(Method::POST, "/api/v1/parcels", &body);
    }
    let path = "/api/v1/parcels/STAY7/history";
    let flags = |depot: &Depot, n: u32| depot.look(&format!("/api/v1/parcels/STAY{n}"))["flags"].to_string();
    look(&depot);
    assert!(!flags(&depot, 7).contains("stale"));
    depot.stop();
    depot.wait(5 * 24 * HOUR);
    depot.start_again(|_| {});
    depot.wait_until("the marks", || (0..20).all(|n| flags(&depot, n).contains("stale")));
    depot.wait(5 * 24 * HOUR);
    look(&depot);
    depot.stop();
    depot.start_again(|_| {});
    look(&depot);
    let marks = items(&depot, path).iter().filter(|e| e["kind"].as_str().unwrap().contains("stale")).count();
    assert_eq!(marks, 1);
    depot.demand(Method::POST, "/api/v1/parcels/STAY7/events", &json!({ "status": "out_for_delivery" }));
    assert!(!flags(&depot, 7).contains("stale"), "it has moved on");
}

/// Does what `does` says to every job of one kind.
struct Does<F> {
    kind: &'static str,
    attempts: u32,
    does: F,
}

impl<F> Handler for Does<F>
where
    F: Fn(JobRun) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync + 'static,
{
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn limits(&self) -> Limits {
        Limits { attempts: self.attempts, first_delay: Duration::from_secs(1), timeout: MINUTE }
    }
    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        (self.does)(job)
    }
}

fn handler<F>(kind: &'static str, attempts: u32, does: F) -> Arc<dyn Handler>
where
    F: Fn(JobRun) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync + 'static,
{
    Arc::new(Does { kind, attempts, does })
}

fn counting(kind: &'static str) -> (Arc<dyn Handler>, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let handler = handler(kind, 1, move |_| {
        counted.fetch_add(1, Ordering::AcqRel);
        Box::pin(std::future::ready(Ok(())))
    });
    (handler, count)
}

fn demand_jobs(depot: &Depot, kind: &'static str, n: u32) {
    let (app, now) = (&depot.running().app, depot.clock.now());
    let write = app.store.write(TENANT, Lane::People, move |tx| -> Result<(), StoreError> {
        (0..n).try_for_each(|n| enqueue(tx, now, NewJob::new(kind, &n)?).map(drop))
    });
    write.wait().unwrap();
    app.wake.wake();
}

const DAILY: &str = "test.daily";

fn schedule(depot: &Depot) -> Scheduled {
    let all = depot.running().app.store.read(TENANT, schedules::all).unwrap();
    all.into_iter().find(|s| s.name == "daily").unwrap()
}

/// A depot in Berlin that does something every day at half past two, from `begin` on.
fn berlin(begin: &str) -> (Depot, Arc<AtomicU32>) {
    let (daily, count) = counting(DAILY);
    let depot = Depot::carrying_out(vec![daily], |_| {}, Vec::new()).set_up("Europe/Berlin");
    depot.clock.set(at(begin));
    let now = depot.clock.now();
    let every_day = Schedule::DailyAt { hour: 2, minute: 30 };
    let set = depot
        .running()
        .app
        .store
        .write(TENANT, Lane::People, move |tx| schedules::set(tx, now, "daily", every_day, DAILY, &()));
    set.wait().unwrap();
    (depot, count)
}

/// Moves the clock on in steps of ten minutes until `end`, and returns when the schedule ran.
fn runs_until(depot: &Depot, end: &str) -> Vec<String> {
    let mut runs = Vec::new();
    while depot.clock.now() < at(end) {
        let before = schedule(depot).last_run;
        depot.wait(10 * MINUTE);
        depot.wait_until("the schedule", || schedule(depot).next_run > depot.clock.now());
        runs.extend(schedule(depot).last_run.filter(|run| Some(*run) != before).map(|t| t.to_string()));
        // A job that is still under way when the next is due stands for both.
        depot.wait_until("the job", || {
            ["scheduled", "running"]
                .iter()
                .all(|s| items(depot, &format!("/api/v1/jobs?kind={DAILY}&state={s}")).is_empty())
        });
    }
    runs
}

#[test]
fn in_the_hour_that_comes_twice_a_daily_schedule_runs_once_and_in_the_one_that_is_skipped_at_its_end() {
    // Berlin goes forward on 28 March 2027 at 01:00Z and back on 31 October 2027 at 01:00Z.
    let (depot, count) = berlin("2027-03-27T22:00:00Z");
    assert_eq!(runs_until(&depot, "2027-03-28T06:00:00Z"), ["2027-03-28T01:00:00Z"]);
    assert_eq!(count.load(Ordering::Acquire), 1);
    depot.clock.set(at("2027-10-30T12:00:00Z"));
    depot.wait_until("what was missed", || count.load(Ordering::Acquire) == 2);
    assert_eq!(runs_until(&depot, "2027-10-31T06:00:00Z"), ["2027-10-31T00:30:00Z"]);
    assert_eq!(runs_until(&depot, "2027-11-01T06:00:00Z"), ["2027-11-01T01:30:00Z"]);
    assert_eq!(count.load(Ordering::Acquire), 4);
}

#[test]
fn a_schedule_missed_for_days_without_power_is_made_good_once() {
    let (daily, count) = counting(DAILY);
    let (mut depot, _) = berlin("2027-03-20T12:00:00Z");
    depot.stop();
    depot.wait(5 * 24 * HOUR);
    depot.start_again_carrying_out(vec![daily]);
    depot.wait_until("what was missed", || count.load(Ordering::Acquire) == 1);
    look(&depot);
    assert_eq!(count.load(Ordering::Acquire), 1);
    assert_eq!(schedule(&depot).next_run, at("2027-03-26T01:30:00Z"));
}

#[test]
fn jobs_that_panic_die_and_make_one_case_one_notification_and_one_mail() {
    let sink = Sink::open(0);
    let panics = handler("test.panic", 2, |_| Box::pin(async { panic!("the shelf broke") }));
    let depot = Depot::carrying_out(vec![panics], mail_to(sink.port), Vec::new()).set_up("UTC");
    let asker = bo_with_mail(&depot);
    demand_jobs(&depot, "test.panic", 3);
    depot.wait_until("the jobs are given up", || {
        depot.wait(Duration::from_secs(10));
        items(&depot, "/api/v1/jobs?state=dead&kind=test.panic").len() == 3
    });
    let cases = items(&depot, "/api/v1/cases?reason=job_dead");
    assert_eq!(cases.len(), 1, "{cases:?}");
    assert!(cases[0]["detail"].as_str().unwrap().contains("the shelf broke"), "{cases:?}");
    depot.wait_until("the mail", || {
        depot.wait(MINUTE);
        !sink.mails().is_empty()
    });
    look(&depot);
    let told = asker.get("/api/v1/notifications");
    assert_eq!(told["items"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(sink.mails().len(), 1, "{:?}", sink.mails());
    assert!(sink.mails()[0].contains("To: bo@example.com"), "{:?}", sink.mails());
}

#[test]
fn a_job_that_takes_long_keeps_no_other_kind_waiting() {
    let (go_on, begun) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let (waits, began) = (Arc::clone(&go_on), Arc::clone(&begun));
    let slow = handler("test.slow", 1, move |_| {
        let waits = Arc::clone(&waits);
        began.fetch_add(1, Ordering::AcqRel);
        Box::pin(async move {
            waits.notified().await;
            Ok(())
        })
    });
    let (fast, count) = counting("test.fast");
    let one_slot = |c: &mut Config| c.jobs.workers = 1;
    let depot = Depot::carrying_out(vec![slow, fast], one_slot, Vec::new()).set_up("UTC");
    demand_jobs(&depot, "test.slow", 1);
    depot.wait_until("the slow one has begun", || begun.load(Ordering::Acquire) == 1);
    demand_jobs(&depot, "test.fast", 10);
    depot.wait_until("the fast ones are done", || count.load(Ordering::Acquire) == 10);
    assert_eq!(
        items(&depot, "/api/v1/jobs?state=running&kind=test.slow").len(),
        1,
        "the slow one still runs"
    );
    go_on.notify_one();
    depot.wait_until("the slow one is done", || {
        items(&depot, "/api/v1/jobs?state=done&kind=test.slow").len() == 1
    });
}

#[test]
fn a_kind_of_job_nobody_knows_is_given_up_aloud() {
    let depot = Depot::new().set_up("UTC");
    demand_jobs(&depot, "test.of_another_release", 2);
    depot.wait_until("a case", || items(&depot, "/api/v1/cases?reason=job_dead").len() == 1);
    assert_eq!(items(&depot, "/api/v1/jobs?state=dead").len(), 2);
}

fn mail_to(port: u16) -> impl FnOnce(&mut Config) {
    move |c| {
        c.mail.host = "127.0.0.1".into();
        c.mail.port = port;
        c.mail.security = MailSecurity::None;
        c.mail.from = "depot@example.com".into();
        c.mail.timeout_s = 2;
    }
}

/// Somebody with an address, who is told of cases; the administrator has none and reads the screen.
fn bo() -> Value {
    json!({ "login": "bo", "name": "Bo", "email": "bo@example.com", "role": "admin", "password": "a long enough password" })
}

fn bo_with_mail(depot: &Depot) -> Asker {
    depot.demand(Method::POST, "/api/v1/users", &bo());
    bo_again(depot)
}

/// Bo with a token of now: the clock has been moved on past the last one's end.
fn bo_again(depot: &Depot) -> Asker {
    Asker::new(&depot.running().url(), &depot.token("bo"))
}

#[test]
fn a_mail_server_that_is_down_costs_a_delay_and_an_import_full_of_cases_is_one_digest() {
    let port = Sink::free_port();
    let depot = Depot::with(mail_to(port), Vec::new()).set_up("UTC");
    bo_with_mail(&depot);
    let rows = json!({ "rows": [{ "code": "gone", "status": "on_hold", "reason": "damaged" }] });
    depot.demand(Method::PUT, "/api/v1/status-maps/foo", &rows);
    let csv: String = (0..200).map(|n| format!("LOST{n:04},gone,Recipient {n}\n")).collect();
    let csv = format!("tracking_number,status,recipient_name\n{csv}");
    let import = depot.control(Method::POST, "/api/v1/imports?kind=parcels&source=foo");
    let begun = depot.send(import.header("content-type", "text/csv").body(csv));
    let path = format!("/api/v1/imports/{}", begun.json["id"].as_str().unwrap());
    depot.wait_until("the import", || depot.look(&path)["state"] == "done");
    let opened = items(&depot, "/api/v1/cases?reason=damaged&limit=500").len();
    assert_eq!(opened, 200);
    let digests = |depot: &Depot| items(depot, "/api/v1/jobs?kind=mail.send");
    depot.wait_until("the digest", || {
        depot.wait(MINUTE);
        !digests(&depot).is_empty()
    });
    // Hours without a server: nothing is lost and nothing is given up.
    for _ in 0..60 {
        // In steps shorter than the time after which a job counts as late: that would be a case, and a mail, of its own.
        depot.wait(5 * MINUTE);
        // The hand clock does not wait for the runner; a runner that lags would be late in truth.
        depot.wait_until("the tries", || digests(&depot).iter().all(|j| !is_due(&depot, j)));
    }
    let waiting = digests(&depot);
    let told = bo_again(&depot).get("/api/v1/notifications");
    // New ones, then both steps of the escalation for those nobody begins, and the alarm about the mail itself.
    assert!(waiting.len() <= 5, "200 cases make a few mails: {told}");
    assert!(waiting.iter().all(|j| j["state"] == "scheduled" || j["state"] == "running"), "{waiting:?}");
    let sink = Sink::open(port);
    depot.wait_until("the mails", || {
        depot.wait(MINUTE);
        digests(&depot).iter().all(|j| j["state"] == "done")
    });
    let told = bo_again(&depot).get("/api/v1/notifications")["items"].as_array().unwrap().clone();
    let about_cases = told.iter().filter(|n| n["link"] == "/cases").count();
    assert_eq!(sink.mails().len(), digests(&depot).len(), "each mail once");
    assert!((1..=5).contains(&about_cases), "{told:?}");
    eprintln!("told: {:?}", told.iter().map(|n| (&n["title"], &n["at"])).collect::<Vec<_>>());
    assert!(sink.mails().iter().any(|m| m.contains("LOST0")), "{:?}", sink.mails());
}

/// Whether a job should be running by now.
fn is_due(depot: &Depot, job: &Value) -> bool {
    job["state"] == "running"
        || job["next_run"].as_str().is_some_and(|at| {
            at.parse::<jiff::Timestamp>().unwrap().as_millisecond() <= depot.clock.now().millis()
        })
}

#[test]
fn the_mail_servers_password_is_in_no_log() {
    const PASSWORD: &str = "never-say-this-aloud";
    let folder = Folder::depot("UTC");
    let (sink, data) = (Sink::open(0), folder.data());
    let port = sink.port.to_string();
    let settings = [
        ("CROSSDOCK__MAIL__HOST", "127.0.0.1"),
        ("CROSSDOCK__MAIL__PORT", &*port),
        ("CROSSDOCK__MAIL__SECURITY", "none"),
        ("CROSSDOCK__MAIL__USER", "depot"),
        ("CROSSDOCK__MAIL__PASSWORD", PASSWORD),
        ("CROSSDOCK__MAIL__FROM", "depot@example.com"),
        ("CROSSDOCK__MAIL__DIGEST_EVERY_S", "0"),
        ("CROSSDOCK__LOGS__LEVEL", "trace"),
    ];
    let served = Served::start(&data, &settings);
    let asker = Asker::new(&served.url, &folder.token());
    asker.post("/api/v1/users", &bo());
    asker.post("/api/v1/cases", &json!({ "reason": "damaged", "detail": "wet" }));
    let begun = std::time::Instant::now();
    while sink.mails().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "no mail came: {}", served.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = served.log.clone();
    served.stop();
    let mut files = vec![log];
    files.extend(std::fs::read_dir(data.join("logs")).unwrap().map(|e| e.unwrap().path()));
    assert!(files.len() > 1);
    // As AUTH PLAIN sends it: user and password behind a zero byte each, in base 64.
    let plain = "AGRlcG90AG5ldmVyLXNheS10aGlzLWFsb3Vk";
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains(PASSWORD) && !text.contains(plain), "{} tells the password", file.display());
    }
}
