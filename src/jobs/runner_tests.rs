use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::alarm::{Alarm, ServerErrors, Watch};
use super::*;
use crate::base::clock::Clock;
use crate::jobs::queue::{JOBS, NewJob, enqueue};
use crate::store::redb::Redb;
use crate::store::{Dir, Ix, KeyRange};

/// An alarm that writes down what it was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(AlarmKind, String, bool)>>>);

impl Alarm for Told {
    fn raise(&self, _: &mut dyn WriteTx, _: Timestamp, kind: AlarmKind, key: &str, _: &str) -> Result<()> {
        self.0.lock().unwrap().push((kind, key.into(), true));
        Ok(())
    }
    fn clear(&self, _: &mut dyn WriteTx, _: Timestamp, kind: AlarmKind, key: &str) -> Result<()> {
        self.0.lock().unwrap().push((kind, key.into(), false));
        Ok(())
    }
}

impl Told {
    fn all(&self) -> Vec<(AlarmKind, String, bool)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(s))
}

fn house() -> (House, Told) {
    let told = Told::default();
    let house = House {
        store: Store::new(Redb::memory().unwrap()),
        clock: Clock::hand(at(0)),
        wake: Wake::default(),
        tenants: Arc::new(|_| Ok(vec![1])),
        alarm: Arc::new(told.clone()),
        stop: Stop::default(),
    };
    (house, told)
}

async fn demand(house: &House, kind: &'static str) -> Id {
    let now = house.clock.now();
    let id = house
        .store
        .write(1, Lane::People, move |tx| enqueue(tx, now, NewJob::new(kind, &())?))
        .await
        .unwrap();
    house.wake.wake();
    id
}

fn jobs(house: &House) -> Vec<Job> {
    let rows =
        house.store.read(1, |tx| JOBS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 1_000)).unwrap();
    rows.items.into_iter().map(|e| e.value).collect()
}

type Deed = Arc<dyn Fn(JobRun) -> BoxFuture<'static, std::result::Result<(), JobError>> + Send + Sync>;

struct Does(&'static str, Duration, Deed);

impl Handler for Does {
    fn kind(&self) -> &'static str {
        self.0
    }
    fn limits(&self) -> Limits {
        Limits { attempts: 3, first_delay: Duration::from_secs(2), timeout: self.1 }
    }
    fn run(&self, job: JobRun) -> BoxFuture<'static, std::result::Result<(), JobError>> {
        (self.2)(job)
    }
}

const LONG: Duration = Duration::from_secs(600);

fn does<F>(
    kind: &'static str,
    timeout: Duration,
    f: impl Fn(JobRun) -> F + Send + Sync + 'static,
) -> Arc<dyn Handler>
where
    F: Future<Output = std::result::Result<(), JobError>> + Send + 'static,
{
    Arc::new(Does(kind, timeout, Arc::new(move |run| Box::pin(f(run)))))
}

fn counts(kind: &'static str, n: &Arc<AtomicU32>) -> Arc<dyn Handler> {
    let n = Arc::clone(n);
    does(kind, LONG, move |_| {
        n.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(()))
    })
}

/// Waits for something that is about to happen.
async fn until(what: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never happened");
}

#[tokio::test]
async fn a_panic_is_caught_and_counted_and_the_job_dies_of_the_third() {
    let (house, told) = house();
    let (done, panics) =
        (Arc::new(AtomicU32::new(0)), does("bad.job", LONG, |_| async { panic!("on purpose") }));
    let mut floor = Floor::new(house.clone(), 4, vec![panics, counts("good.job", &done)]);
    demand(&house, "bad.job").await;
    for n in 1..=3 {
        demand(&house, "good.job").await;
        floor.drain().await;
        let bad = jobs(&house).into_iter().find(|j| j.kind == "bad.job").unwrap();
        assert_eq!((bad.attempts, bad.last_error.as_deref()), (n, Some("panicked: on purpose")));
        assert_eq!(bad.state, if n < 3 { State::Scheduled } else { State::Dead });
        house.clock.set(bad.next_run);
    }
    assert_eq!(done.load(Ordering::SeqCst), 3);
    assert_eq!(told.all(), [(AlarmKind::JobDead, "bad.job".into(), true)]);
}

#[tokio::test]
async fn slow_jobs_stop_nobody_else_even_in_every_slot() {
    let (house, _) = house();
    let fast = Arc::new(AtomicU32::new(0));
    let slow = does("slow.job", LONG, |_| async {
        std::future::pending::<()>().await;
        Ok(())
    });
    let runner = Runner {
        house: house.clone(),
        slots: 2,
        patience: Duration::from_millis(20),
        handlers: vec![slow, counts("fast.job", &fast)],
        workers: Vec::new(),
    };
    let running = runner.start().await.unwrap();
    for _ in 0..3 {
        demand(&house, "slow.job").await;
    }
    let state = |s: State| jobs(&house).iter().filter(|j| j.state == s).count();
    until(|| state(State::Running) == 2).await;
    for _ in 0..5 {
        demand(&house, "fast.job").await;
    }
    until(|| state(State::Done) == 5).await;
    assert_eq!((state(State::Running), state(State::Scheduled)), (2, 1));
    running.stop().await;
    let slow = jobs(&house);
    assert_eq!((state(State::Running), state(State::Scheduled)), (0, 3));
    assert!(slow.iter().filter(|j| j.kind == "slow.job").all(|j| j.attempts == 0), "a stop is no failure");
}

#[tokio::test]
async fn a_job_past_its_time_limit_has_failed() {
    let (house, _) = house();
    let hangs = does("hung.job", Duration::from_millis(10), |_| async {
        std::future::pending::<()>().await;
        Ok(())
    });
    let mut floor = Floor::new(house.clone(), 1, vec![hangs]);
    demand(&house, "hung.job").await;
    floor.drain().await;
    let job = jobs(&house).remove(0);
    assert_eq!((job.state, job.attempts), (State::Scheduled, 1));
    assert!(job.last_error.unwrap().contains("0.01 s"));
}

#[tokio::test]
async fn what_stays_out_of_reach_is_told_when_it_is_late_and_cleared_when_it_is_done() {
    let (house, told) = house();
    let down = Arc::new(AtomicU32::new(1));
    let seen = Arc::clone(&down);
    let call = does("call.out", LONG, move |_| {
        let down = seen.load(Ordering::SeqCst) == 1;
        std::future::ready(if down { Err(JobError::Unreachable("no answer".into())) } else { Ok(()) })
    });
    let mut floor = Floor::new(house.clone(), 1, vec![call]);
    demand(&house, "call.out").await;
    while house.clock.now() <= at(LATE.as_secs()) {
        assert_eq!(told.all(), []);
        floor.drain().await;
        house.clock.set(jobs(&house)[0].next_run);
    }
    floor.drain().await;
    assert_eq!(told.all(), [(AlarmKind::JobBlocked, "call.out".into(), true)]);
    down.store(0, Ordering::SeqCst);
    house.clock.set(jobs(&house)[0].next_run);
    floor.drain().await;
    assert_eq!(told.all(), [(AlarmKind::JobBlocked, "call.out".into(), false)]);
    assert_eq!((jobs(&house)[0].state, jobs(&house)[0].attempts), (State::Done, 1));
}

#[tokio::test]
async fn a_kind_nobody_knows_is_given_up_and_told() {
    let (house, told) = house();
    let mut floor = Floor::new(house.clone(), 1, Vec::new());
    demand(&house, "new.job").await;
    floor.drain().await;
    assert_eq!(jobs(&house)[0].state, State::Dead);
    assert_eq!(told.all(), [(AlarmKind::JobDead, "new.job".into(), true)]);
}

#[tokio::test]
async fn a_start_puts_back_what_a_crash_interrupted() {
    let (house, _) = house();
    demand(&house, "good.job").await;
    let wants = vec![Want {
        kind: "good.job".into(),
        most: 1,
        limits: Limits { attempts: 3, first_delay: Duration::from_secs(2), timeout: LONG },
    }];
    house.store.write(1, Lane::People, move |tx| queue::claim(tx, at(0), &wants)).await.unwrap();
    let done = Arc::new(AtomicU32::new(0));
    let mut floor = Floor::new(house.clone(), 1, vec![counts("good.job", &done)]);
    floor.drain().await;
    assert_eq!(done.load(Ordering::SeqCst), 0, "it is running for all anybody knows");
    floor.recover().await.unwrap();
    house.clock.set(jobs(&house)[0].next_run);
    floor.drain().await;
    let job = jobs(&house).remove(0);
    assert_eq!((done.load(Ordering::SeqCst), job.state, job.attempts), (1, State::Done, 2));
}

struct Clumsy(Arc<AtomicU32>);

impl Worker for Clumsy {
    fn name(&self) -> &'static str {
        "clumsy"
    }
    fn step(&self, _: &Ctx, _: Timestamp) -> std::result::Result<Step, JobError> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "the first step panics");
        Ok(Step::IDLE)
    }
}

#[test]
fn a_worker_that_panics_is_asked_again() {
    let (house, _) = house();
    let clumsy = Clumsy(Arc::default());
    assert_eq!(crate::jobs::worker::turn(&house, &clumsy), None);
    assert_eq!(crate::jobs::worker::turn(&house, &clumsy), Some(Step::IDLE));
}

#[tokio::test]
async fn workers_run_when_something_changes_and_stop_when_told() {
    let (house, _) = house();
    let steps = Arc::new(AtomicU32::new(1));
    let runner = Runner {
        house: house.clone(),
        slots: 1,
        patience: Duration::from_millis(20),
        handlers: Vec::new(),
        workers: vec![Arc::new(Clumsy(Arc::clone(&steps)))],
    };
    let running = runner.start().await.unwrap();
    until(|| steps.load(Ordering::SeqCst) == 2).await;
    house.wake.wake();
    until(|| steps.load(Ordering::SeqCst) == 3).await;
    running.stop().await;
    house.wake.wake();
    assert_eq!(steps.load(Ordering::SeqCst), 3);
}

#[test]
fn a_late_kind_and_many_errors_are_told_once_and_cleared() {
    let (house, told) = house();
    let errors = ServerErrors::default();
    let watch = Watch::new(Arc::new(told.clone()), errors.clone(), vec!["c.d".into()]);
    let ctx = Ctx { store: house.store.clone(), tenant: 1 };
    let look = |s| watch.step(&ctx, at(s)).map(drop).unwrap();
    let enqueued = house.store.write(1, Lane::People, |tx| enqueue(tx, at(0), NewJob::new("a.b", &())?));
    let id = enqueued.wait().unwrap();
    look(LATE.as_secs());
    // What a process before this one may have raised, and is not so any more.
    let cleared =
        [(AlarmKind::JobLate, "c.d".into(), false), (AlarmKind::ServerErrors, "http".into(), false)];
    assert_eq!(told.all(), cleared);
    for s in [60, 120, 180] {
        look(LATE.as_secs() + s);
    }
    assert_eq!(told.all(), [(AlarmKind::JobLate, "a.b".into(), true)]);
    house.store.write(1, Lane::People, move |tx| queue::cancel(tx, at(1), id, "Ana")).wait().unwrap();
    (0..4).for_each(|_| errors.count());
    look(1_000);
    assert_eq!(told.all(), [(AlarmKind::JobLate, "a.b".into(), false)]);
    errors.count();
    look(1_060);
    look(1_120);
    assert_eq!(told.all(), [(AlarmKind::ServerErrors, "http".into(), true)]);
    for n in 0..20 {
        look(1_200 + n * 60);
    }
    assert_eq!(told.all(), [(AlarmKind::ServerErrors, "http".into(), false)]);
}
