//! Durable status changes and creates per second: the depot's service path with everything it keeps (journal, fold,
//! deadlines, audit, chains) beside raw redb writing the same bytes, and with `--features sqlite` beside SQLite.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod desk;
mod harness;
mod rivals;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossdock::base::ids::Id;
use desk::{Desk, share};
use harness::{Args, Dice, Lap, NOW, Rival, closed_loop, compare, depot};
use rivals::{Change, Sizes};

/// The same closed loop over a rival that takes [`Change`]s.
fn rival<S: Fn(Change) + Send>(
    ids: &[Id],
    threads: usize,
    time: Duration,
    create: bool,
    sender: impl Fn() -> S + Sync,
) -> Lap {
    let made = AtomicU64::new(0);
    closed_loop(threads, time, |n| {
        let (ids, mut dice, send, made) = (share(ids, threads, n), Dice::new(n as u64), sender(), &made);
        move || {
            let id = if create { Id::fresh() } else { ids[dice.below(ids.len())].0 };
            send(Change { id, create, at: NOW as u64 + made.fetch_add(1, Ordering::Relaxed) });
        }
    })
}

fn main() {
    let args = Args::read();
    let (n, time, rounds) =
        (args.pick(20_000, 200_000), Duration::from_millis(args.pick(700, 3_000)), args.pick(3, 5));
    let folder = tempfile::tempdir().unwrap();
    let ours = Desk::seeded(depot(folder.path(), 256), n);
    ours.status(4, Duration::from_millis(200));
    let sizes = Sizes::of(&ours.store);
    println!("{n} parcels; {sizes:?}");
    let raw = rivals::raw(&folder.path().join("raw.redb"), &ours.ids, sizes);
    #[cfg(feature = "sqlite")]
    let lite = rivals::sqlite(&folder.path().join("lite.db"), &ours.ids);
    for (what, create) in [("status changes", false), ("creates", true)] {
        for threads in [1, 16, 64] {
            let mut all = vec![
                #[cfg(feature = "sqlite")]
                Rival::new("sqlite WAL FULL, grouped", || {
                    rival(&ours.ids, threads, time, create, || lite.sender())
                }),
                Rival::new("raw redb, same bytes", || {
                    rival(&ours.ids, threads, time, create, || raw.sender())
                }),
                Rival::new("depot", || {
                    if create { ours.create(threads, time) } else { ours.status(threads, time) }
                }),
            ];
            let before = ours.store.status();
            let title = format!("{what} at {threads}");
            if !args.wants(&title) {
                continue;
            }
            compare(&args, &title, rounds, &mut all);
            drop(all);
            let after = ours.store.status();
            let per = (after.writes - before.writes) as f64 / (after.commits - before.commits).max(1) as f64;
            println!("the depot made {per:.1} changes a commit");
        }
    }
}
