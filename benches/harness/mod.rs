//! What the benches share: rivals that take turns within one run, medians of their laps, and a table of ratios.
//!
//! A machine drifts from minute to minute, so a figure means something only beside another one of the same run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]
#![allow(dead_code, reason = "each bench is a program of its own and uses a part")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossdock::base::clock::Timestamp;
use crossdock::identity::features::{CreateParcels, Feature, Features, ScanParcels};
use crossdock::identity::grant::Principal;
use crossdock::store::redb::{Options, Redb};
use crossdock::store::{Area, Store};
use tokio::sync::oneshot;

pub mod rows;

/// The one that the program uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The tenant everything happens in.
pub const TENANT: u32 = 1;
/// The moment it happens at.
pub const NOW: i64 = 1_790_000_000_000;

pub fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

/// `--quick` for a look, without it for figures; a word limits the run to tables that contain it, `word/word` to rivals
/// of such tables that contain the second.
pub struct Args {
    pub quick: bool,
    only: Option<String>,
}

impl Args {
    pub fn read() -> Self {
        let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
        Self {
            quick: args.iter().any(|a| a == "--quick"),
            only: args.into_iter().find(|a| !a.starts_with('-')),
        }
    }

    pub fn wants(&self, title: &str) -> bool {
        self.only.as_deref().is_none_or(|only| title.contains(only.split('/').next().unwrap_or_default()))
    }

    fn wants_rival(&self, name: &str) -> bool {
        self.only.as_deref().and_then(|o| o.split_once('/')).is_none_or(|(_, only)| name.contains(only))
    }

    pub fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// One rival's turn.
#[derive(Clone, Default)]
pub struct Lap {
    pub ops: u64,
    pub took: Duration,
    /// How long each operation took, in nanoseconds.
    pub latencies: Vec<u64>,
}

/// Somebody who does the same work as the others, a lap at a time.
pub struct Rival<'a> {
    pub name: String,
    pub lap: Box<dyn FnMut() -> Lap + 'a>,
}

impl<'a> Rival<'a> {
    pub fn new(name: impl Into<String>, lap: impl FnMut() -> Lap + 'a) -> Self {
        Self { name: name.into(), lap: Box::new(lap) }
    }
}

/// Lets the rivals take turns for `rounds` rounds and prints their medians; ratios are to the first.
pub fn compare(args: &Args, title: &str, rounds: usize, rivals: &mut [Rival<'_>]) {
    if !args.wants(title) {
        return;
    }
    let mut rivals: Vec<_> = rivals.iter_mut().filter(|r| args.wants_rival(&r.name)).collect();
    let mut laps: Vec<Vec<(Lap, Duration)>> = vec![Vec::new(); rivals.len()];
    for _ in 0..rounds {
        for (rival, laps) in rivals.iter_mut().zip(&mut laps) {
            let before = cpu();
            let lap = (rival.lap)();
            laps.push((lap, cpu().saturating_sub(before)));
        }
    }
    println!("\n{title}: medians of {rounds} rounds");
    println!("{:<28}{:>12}{:>8}{:>11}{:>11}{:>12}", "", "ops/s", "ratio", "p50 us", "p99 us", "cpu us/op");
    let mut first = None;
    for (rival, laps) in rivals.iter().zip(laps) {
        let rate = median(laps.iter().map(|(l, _)| l.ops as f64 / l.took.as_secs_f64()));
        let at = |share: f64| median(laps.iter().map(|(l, _)| quantile(&l.latencies, share)));
        let cpu = median(laps.iter().map(|(l, cpu)| cpu.as_secs_f64() * 1e6 / l.ops.max(1) as f64));
        let ratio = rate / *first.get_or_insert(rate);
        println!("{:<28}{rate:>12.0}{ratio:>8.2}{:>11.1}{:>11.1}{cpu:>12.1}", rival.name, at(0.5), at(0.99));
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// The `share` quantile in microseconds.
fn quantile(nanos: &[u64], share: f64) -> f64 {
    let mut all = nanos.to_vec();
    all.sort_unstable();
    let at = (all.len() as f64 * share) as usize;
    all.get(at.min(all.len().saturating_sub(1))).map_or(0.0, |n| *n as f64 / 1e3)
}

/// Runs `op` on `threads` threads for `time`; each call is one operation.
pub fn closed_loop<F: FnMut() + Send>(
    threads: usize,
    time: Duration,
    worker: impl Fn(usize) -> F + Sync,
) -> Lap {
    let begun = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let work = |n| {
            let mut op = worker(n);
            scope.spawn(move || {
                let mut times = Vec::with_capacity(1 << 14);
                while begun.elapsed() < time {
                    let since = Instant::now();
                    op();
                    times.push(u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX));
                }
                times
            })
        };
        let all: Vec<_> = (0..threads).map(work).collect();
        all.into_iter().flat_map(|t| t.join().expect("a worker")).collect::<Vec<_>>()
    });
    Lap { ops: latencies.len() as u64, took: begun.elapsed(), latencies }
}

/// Whose CPU time counts; 0 is this process.
pub static MEASURED: AtomicU32 = AtomicU32::new(0);

/// CPU time of the measured process so far, all threads.
pub fn cpu() -> Duration {
    const TICK_MS: u64 = 10;
    let who = match MEASURED.load(Ordering::Relaxed) {
        0 => "self".to_owned(),
        pid => pid.to_string(),
    };
    let stat = std::fs::read_to_string(format!("/proc/{who}/stat")).unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * TICK_MS)
}

/// Peak memory in MiB since [`forget_peak`].
pub fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Begins the measure of peak memory anew.
pub fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A depot's store in `folder`, with a page cache of `cache_mib`.
pub fn depot(folder: &Path, cache_mib: usize) -> Store {
    let options = Options { cache: cache_mib << 20, ..Options::default() };
    Store::new(Redb::file(&folder.join("depot.redb"), options).unwrap())
}

/// Somebody at a depot's desk: may announce and scan, and force nothing.
pub fn clerk() -> Arc<Principal> {
    let features = Features::from_names([CreateParcels::NAME, ScanParcels::NAME]);
    Arc::new(Principal { features, ..Principal::system(TENANT) })
}

/// Numbers that look random and are the same in each run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap_or_default()
    }
}

/// One thread that takes what is queued, at most 256 at a time, and answers when `commit` has returned: what the depot
/// does, for rivals.
pub struct Writer<J: Send + 'static> {
    queue: Option<Sender<(J, oneshot::Sender<()>)>>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Send + 'static> Writer<J> {
    pub fn start(mut commit: impl FnMut(&mut dyn Iterator<Item = J>) + Send + 'static) -> Self {
        const GROUP: usize = 256;
        let (queue, jobs): (_, Receiver<(J, oneshot::Sender<()>)>) = channel();
        let run = move || {
            while let Ok(first) = jobs.recv() {
                let mut group = vec![first];
                group.extend(jobs.try_iter().take(GROUP - 1));
                let (work, answers): (Vec<J>, Vec<_>) = group.into_iter().unzip();
                commit(&mut work.into_iter());
                answers.into_iter().for_each(|a| a.send(()).unwrap_or_default());
            }
        };
        Self { queue: Some(queue), thread: Some(std::thread::spawn(run)) }
    }

    pub fn sender(&self) -> impl Fn(J) + Send + use<J> {
        let queue = self.queue.clone().unwrap();
        move |job| {
            let (done, answer) = oneshot::channel();
            queue.send((job, done)).unwrap();
            answer.blocking_recv().unwrap();
        }
    }
}

impl<J: Send + 'static> Drop for Writer<J> {
    fn drop(&mut self) {
        self.queue = None;
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Bytes and rows of each area of a store.
pub fn weigh(store: &Store) -> Vec<(Area, u64, u64)> {
    let mut out = Vec::new();
    for area in [Area::Records, Area::Index, Area::Log] {
        let (mut rows, mut bytes) = (0, 0);
        let mut add = |k: &[u8], v: &[u8]| {
            (rows, bytes) = (rows + 1, bytes + (k.len() + v.len()) as u64);
            Ok(true)
        };
        store.sweep(|s| s.rows(area, None, &mut add)).unwrap();
        out.push((area, rows, bytes));
    }
    out
}
