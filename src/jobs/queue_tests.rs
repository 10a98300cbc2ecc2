use super::*;
use crate::store::redb::Redb;
use crate::store::{Lane, Store};

const LIMITS: Limits =
    Limits { attempts: 3, first_delay: Duration::from_secs(10), timeout: Duration::from_secs(60) };

fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(s))
}

fn store() -> Store {
    Store::new(Redb::memory().unwrap())
}

fn write<T: Send + 'static>(
    store: &Store,
    f: impl FnMut(&mut dyn WriteTx) -> Result<T> + Send + 'static,
) -> T {
    store.write(1, Lane::People, f).wait().unwrap()
}

fn demand(store: &Store, now: Timestamp, new: NewJob) -> Id {
    write(store, move |tx| enqueue(tx, now, new.clone()))
}

fn job(kind: &str) -> NewJob {
    NewJob::new(kind, &()).unwrap()
}

fn take(store: &Store, now: Timestamp, kind: &'static str) -> Vec<Job> {
    write(store, move |tx| claim(tx, now, &[Want { kind: kind.into(), most: 10, limits: LIMITS }]))
}

fn end(store: &Store, now: Timestamp, job: &Job, ending: Ending) -> Option<Job> {
    let (id, run) = (job.id, job.runs);
    write(store, move |tx| finish(tx, now, id, run, &ending))
}

#[test]
fn a_job_whose_transaction_failed_was_never_demanded() {
    let store = store();
    let refused: Result<()> = store
        .write(1, Lane::People, |tx| {
            enqueue(tx, at(0), job("a.b"))?;
            Err(StoreError::Cursor)
        })
        .wait();
    assert!(refused.is_err() && take(&store, at(1), "a.b").is_empty());
}

#[test]
fn failures_wait_longer_and_longer_until_the_job_is_dead() {
    let store = store();
    demand(&store, at(0), job("a.b"));
    let (mut now, mut waits) = (at(0), Vec::new());
    let dead = loop {
        let [running] = &take(&store, now, "a.b")[..] else { panic!("one job is due") };
        let after = end(&store, now, running, Ending::Failed("no luck".into())).unwrap();
        if after.state == State::Dead {
            break after;
        }
        assert!(take(&store, after.next_run.before(Duration::from_millis(1)), "a.b").is_empty());
        waits.push(after.next_run.since(now).as_millis());
        now = after.next_run;
    };
    assert_eq!((dead.attempts, dead.last_error.as_deref(), waits.len()), (3, Some("no luck"), 2));
    assert!((7_500..=12_500).contains(&waits[0]) && (15_000..=25_000).contains(&waits[1]), "{waits:?}");
}

#[test]
fn what_cannot_be_reached_costs_time_and_no_attempt() {
    let store = store();
    demand(&store, at(0), job("a.b"));
    let mut now = at(0);
    for n in 1..=20 {
        let running = take(&store, now, "a.b").remove(0);
        let after = end(&store, now, &running, Ending::Unreachable("down".into())).unwrap();
        assert_eq!((after.state, after.attempts, after.waits), (State::Scheduled, 0, n));
        assert!(after.next_run.since(now) <= LONGEST_OUTAGE_WAIT);
        now = after.next_run;
    }
    let running = take(&store, now, "a.b").remove(0);
    assert_eq!(end(&store, now, &running, Ending::Done).unwrap().state, State::Done);
}

#[test]
fn only_the_present_run_says_how_a_job_ended() {
    let store = store();
    demand(&store, at(0), job("a.b"));
    let first = take(&store, at(0), "a.b").remove(0);
    end(&store, at(1), &first, Ending::Released).unwrap();
    let second = take(&store, at(2), "a.b").remove(0);
    assert_eq!((second.attempts, second.runs), (1, 2));
    assert_eq!(end(&store, at(3), &first, Ending::Done), None);
    assert_eq!(end(&store, at(3), &second, Ending::Done).unwrap().state, State::Done);
}

#[test]
fn a_key_is_held_until_its_job_is_finished() {
    let store = store();
    let first = demand(&store, at(0), job("a.b").unique("k"));
    assert_eq!(demand(&store, at(1), job("a.b").unique("k")), first);
    let running = take(&store, at(2), "a.b").remove(0);
    assert_eq!(demand(&store, at(2), job("a.b").unique("k")), first);
    end(&store, at(3), &running, Ending::Hopeless("gone".into()));
    let second = demand(&store, at(4), job("a.b").unique("k"));
    assert_ne!(second, first);
    let refused = store.write(1, Lane::People, move |tx| retry(tx, at(5), first)).wait();
    assert!(matches!(refused, Err(JobsError::Twice(id)) if id == second));
}

#[test]
fn a_crash_counts_as_an_attempt_and_the_last_one_is_the_end() {
    let store = store();
    demand(&store, at(0), job("a.b"));
    let mut now = at(0);
    for n in 1..=3 {
        assert_eq!(take(&store, now, "a.b").len(), 1);
        let back = write(&store, move |tx| recover(tx, now, 10));
        let state = if n < 3 { State::Scheduled } else { State::Dead };
        assert_eq!(back.iter().map(|j| (j.state, j.attempts)).collect::<Vec<_>>(), [(state, n)]);
        now = back[0].next_run.after(Duration::from_secs(60));
    }
    assert!(write(&store, move |tx| recover(tx, now, 10)).is_empty());
}

#[test]
fn the_first_of_each_kind_is_found_however_many_wait() {
    let store = store();
    for s in [5, 3, 9] {
        demand(&store, at(0), job("a").at(at(s)));
        demand(&store, at(0), job("a.b").at(at(s + 1)));
    }
    demand(&store, at(0), job("z"));
    let heads = store.read(1, super::heads).unwrap();
    let seen: Vec<_> = heads.iter().map(|j| (&*j.kind, j.next_run)).collect();
    assert_eq!(seen, [("a", at(3)), ("a.b", at(4)), ("z", at(0))]);
    assert_eq!(take(&store, at(5), "a").len(), 2);
    assert_eq!(write(&store, |tx| bury(tx, at(5), "z", 10)).len(), 1);
    assert_eq!(store.read(1, super::heads).unwrap().len(), 2);
}

#[test]
fn people_retry_what_is_dead_and_cancel_what_waits() {
    let store = store();
    let id = demand(&store, at(0), job("a.b").at(at(100)));
    let (cancelled, _) = store.write(1, Lane::People, move |tx| cancel(tx, at(1), id, "Ana")).wait().unwrap();
    assert_eq!((cancelled.state, cancelled.last_error.as_deref()), (State::Dead, Some("cancelled by Ana")));
    assert!(store.write(1, Lane::People, move |tx| cancel(tx, at(1), id, "Ana")).wait().is_err());
    let (again, _) = store.write(1, Lane::People, move |tx| retry(tx, at(2), id)).wait().unwrap();
    assert_eq!((again.state, again.attempts, again.next_run), (State::Scheduled, 0, at(2)));
    assert_eq!(take(&store, at(2), "a.b").len(), 1);
    let refused = store.write(1, Lane::People, move |tx| retry(tx, at(2), id)).wait().unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (Kind::Conflict, "job.invalid_transition"));
    assert_eq!(
        (refused.extra()["from"].as_str(), &refused.extra()["allowed"]),
        (Some("running"), &serde_json::json!([]))
    );
    let unknown = store.read(1, |tx| find(tx, Id::NIL)).unwrap_err();
    assert_eq!(unknown.kind(), Kind::NotFound);
}

#[test]
fn a_list_shows_what_was_asked_for_page_by_page() {
    let store = store();
    for s in 0..30 {
        demand(&store, at(s), job(if s % 3 == 0 { "a.b" } else { "c.d" }));
    }
    take(&store, at(30), "a.b");
    let seen = |filter: Filter, limit| {
        let (mut out, mut after) = (Vec::new(), None);
        loop {
            let rows = store.read(1, |tx| list(tx, &filter, after.clone(), limit)).unwrap();
            out.extend(rows.items.into_iter().map(|e| e.value.created_at));
            after = rows.next;
            if after.is_none() {
                return out;
            }
        }
    };
    let all = Filter::default();
    assert_eq!(seen(all.clone(), 7), (0..30).rev().map(at).collect::<Vec<_>>());
    let kind = Filter { kind: Some("c.d".into()), ..all.clone() };
    assert_eq!(seen(kind.clone(), 7).len(), 20);
    assert_eq!(seen(Filter { state: Some(State::Running), ..kind.clone() }, 7).len(), 0);
    assert_eq!(seen(Filter { state: Some(State::Running), ..all.clone() }, 3).len(), 10);
    let span = |f: Filter| Filter { from: Some(at(10)), to: Some(at(13)), ..f };
    assert_eq!(seen(span(all.clone()), 2), [at(12), at(11), at(10)]);
    assert_eq!(seen(span(kind), 2), [at(11), at(10)]);
    assert_eq!(seen(span(Filter { state: Some(State::Running), ..all }), 2), [at(12)]);
}

#[test]
fn a_payload_one_byte_too_large_is_refused() {
    assert!(NewJob::raw("a.b", vec![0; MAX_PAYLOAD]).is_ok());
    assert!(NewJob::raw("a.b", vec![0; MAX_PAYLOAD + 1]).is_err());
    assert_eq!(kept(&"ä".repeat(MAX_ERROR)).len(), MAX_ERROR);
}

#[test]
fn a_job_that_lets_go_of_its_key_makes_room_for_another_and_does_not_get_it_back() {
    let store = store();
    let keyed = || job("a.b").unique("k");
    let first = demand(&store, at(0), keyed());
    assert_eq!(demand(&store, at(0), keyed()), first);
    let running = take(&store, at(0), "a.b").remove(0);
    let held = |id: Id| store.read(1, |tx| holds(tx, id)).unwrap();
    assert!(held(first));
    write(&store, move |tx| let_go(tx, first));
    let second = demand(&store, at(1), keyed());
    assert!(second != first && held(second) && !held(first));
    // The first one's end is not the second one's.
    end(&store, at(2), &running, Ending::Done).unwrap();
    assert!(held(second));
    assert_eq!(demand(&store, at(3), keyed()), second);
    assert!(!held(demand(&store, at(3), job("a.b"))), "one without a key has none to hold");
}
