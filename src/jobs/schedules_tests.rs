use std::time::Duration;

use super::*;
use crate::deadlines::policy::HouseRules;
use crate::jobs::queue::{Ending, JOBS, Job, Limits, Want, claim, finish};
use crate::store::Store;
use crate::store::redb::Redb;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text, &TimeZone::UTC).unwrap()
}

/// A depot in `zone` with a report at 02:30 every day.
fn depot(zone: &'static str, now: Timestamp) -> Ctx {
    let store = Store::new(Redb::memory().unwrap());
    let set = store.write(1, Lane::People, move |tx| {
        Policy::keep(tx, &HouseRules::usual(zone))?;
        super::set(tx, now, "report", Schedule::DailyAt { hour: 2, minute: 30 }, "reports.run", &"daily")
    });
    set.wait().unwrap();
    Ctx { store, tenant: 1 }
}

fn jobs(ctx: &Ctx) -> Vec<Job> {
    let rows = ctx.store.read(1, |tx| JOBS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 100)).unwrap();
    rows.items.into_iter().map(|e| e.value).collect()
}

/// Carries out what waits.
fn work(ctx: &Ctx, now: Timestamp) {
    let limits = Limits { attempts: 1, first_delay: Duration::ZERO, timeout: Duration::from_secs(1) };
    let done = ctx.store.write(1, Lane::People, move |tx| -> Result<()> {
        for job in claim(tx, now, &[Want { kind: "reports.run".into(), most: 10, limits }])? {
            finish(tx, now, job.id, job.runs, &Ending::Done)?;
        }
        Ok(())
    });
    done.wait().unwrap();
}

/// The moments at which jobs were demanded while every quarter of an hour somebody looked.
fn demanded(zone: &'static str, from: &str, to: &str) -> Vec<String> {
    let (mut now, end) = (at(from), at(to));
    let ctx = depot(zone, now);
    while now < end {
        now = now.after(Duration::from_secs(900));
        while Schedules.step(&ctx, now).unwrap() == Step::Worked {}
        work(&ctx, now);
    }
    jobs(&ctx).iter().map(|j| j.created_at.to_string()).collect()
}

#[test]
fn an_hour_that_comes_twice_demands_one_job() {
    let seen = demanded("Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
    assert_eq!(seen, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
}

#[test]
fn a_time_that_is_skipped_demands_its_job_when_the_gap_ends() {
    let seen = demanded("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    assert_eq!(seen, ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
}

#[test]
fn after_nights_off_a_schedule_fires_once() {
    let ctx = depot("Europe/Berlin", at("2026-05-01T12:00:00Z"));
    let morning = at("2026-05-04T06:00:00Z");
    assert_eq!(Schedules.step(&ctx, morning).unwrap(), Step::Worked);
    assert_eq!(Schedules.step(&ctx, morning).unwrap(), Step::IdleUntil(at("2026-05-05T00:30:00Z")));
    let jobs = jobs(&ctx);
    assert_eq!((jobs.len(), jobs[0].kind.as_str()), (1, "reports.run"));
    assert_eq!(rmp_serde::from_slice::<String>(&jobs[0].payload).unwrap(), "daily");
}

#[test]
fn a_job_that_still_runs_is_not_demanded_again() {
    let ctx = depot("UTC", at("2026-05-01T12:00:00Z"));
    Schedules.step(&ctx, at("2026-05-02T02:30:00Z")).unwrap();
    Schedules.step(&ctx, at("2026-05-03T02:30:00Z")).unwrap();
    assert_eq!(jobs(&ctx).len(), 1);
    work(&ctx, at("2026-05-03T03:00:00Z"));
    Schedules.step(&ctx, at("2026-05-04T02:30:00Z")).unwrap();
    assert_eq!(jobs(&ctx).len(), 2);
}

#[test]
fn a_depot_that_moves_takes_its_wall_clock_along() {
    let ctx = depot("UTC", at("2026-05-01T12:00:00Z"));
    ctx.store
        .write(1, Lane::People, |tx| Policy::keep(tx, &HouseRules::usual("America/Sao_Paulo")))
        .wait()
        .unwrap();
    let now = at("2026-05-02T02:30:00Z");
    assert_eq!(Schedules.step(&ctx, now).unwrap(), Step::Worked);
    assert_eq!(Schedules.step(&ctx, now).unwrap(), Step::IdleUntil(at("2026-05-02T05:30:00Z")));
    assert!(jobs(&ctx).is_empty());
}

#[test]
fn setting_a_schedule_again_keeps_its_time_and_one_too_many_is_refused() {
    let ctx = depot("UTC", at("2026-05-01T12:00:00Z"));
    let daily = Schedule::DailyAt { hour: 2, minute: 30 };
    let late = at("2026-05-02T03:00:00Z");
    let set =
        move |tx: &mut dyn WriteTx, name: &str| super::set(tx, late, name, daily, "reports.run", &"daily");
    ctx.store.write(1, Lane::People, move |tx| set(tx, "report")).wait().unwrap();
    assert_eq!(ctx.store.read(1, all).unwrap()[0].next_run, at("2026-05-02T02:30:00Z"));
    let filled = ctx
        .store
        .write(1, Lane::People, move |tx| (1..MAX_SCHEDULES).try_for_each(|n| set(tx, &format!("s{n}"))));
    filled.wait().unwrap();
    let refused = ctx.store.write(1, Lane::People, move |tx| set(tx, "one too many")).wait();
    assert!(matches!(refused, Err(ScheduleError::TooMany)));
    assert!(ctx.store.write(1, Lane::People, |tx| remove(tx, "s1")).wait().unwrap());
}
