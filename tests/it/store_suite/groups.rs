//! Requests of one group, snapshots beside it, and the end.

use std::time::Duration;

use crossdock::store::{DEPOT, Dir, Expect, Ix, KeyRange, Lane, Store, StoreError};

use super::{A, BY, LOG, T, append, fall, fill, get, give_up, head, put, scan, write};

pub fn a_panic_drops_only_its_own(s: &Store) {
    let pending: Vec<_> = (0..9_u8)
        .map(|n| {
            s.write(T, Lane::People, move |tx| {
                put(tx, &[n], b"v")?;
                append(tx, &[n])?;
                if n == 4 { fall() } else { Ok::<_, StoreError>(()) }
            })
        })
        .collect();
    let answers: Vec<bool> = pending.into_iter().map(|p| p.wait().is_ok()).collect();
    assert_eq!(answers.iter().filter(|ok| !**ok).count(), 1);
    assert!(!answers[4] && get(s, &[4]).is_none() && head(s).last == 8);
    fill(s, &[b"later"]);
}

pub fn one_failure_in_a_group_drops_only_its_own(s: &Store) {
    let pending: Vec<_> = (0..50_u8)
        .map(|n| {
            s.write(T, Lane::People, move |tx| tx.put(A, &[n % 25], &[n], &[Some(vec![n])], Expect::Absent))
        })
        .collect();
    let made: Vec<bool> = pending.into_iter().map(|p| p.wait().is_ok()).collect();
    assert!(made[..25].iter().all(|m| *m) && made[25..].iter().all(|m| !m));
    assert_eq!(scan(s, BY, &KeyRange::all(), Dir::Up, 100).len(), 25);
}

pub fn a_group_runs_in_order(s: &Store) {
    // Some take longer than a group may: what is left over keeps its place.
    let pending: Vec<_> = (0..60_u64)
        .map(|n| {
            s.write(T, Lane::People, move |tx| {
                if n % 7 == 0 {
                    std::thread::sleep(Duration::from_millis(5));
                }
                append(tx, &n.to_be_bytes())
            })
        })
        .collect();
    let at: Vec<u64> = pending.into_iter().map(|p| p.wait().unwrap()).collect();
    assert_eq!(at, (1..=60).collect::<Vec<_>>());
}

pub fn both_lanes_get_through(s: &Store) {
    let pending: Vec<_> = (0..60_u8)
        .map(|n| s.write(T, if n % 3 == 0 { Lane::Bulk } else { Lane::People }, move |tx| put(tx, &[n], b"")))
        .collect();
    pending.into_iter().for_each(|p| assert_eq!(p.wait().unwrap(), 1));
    assert_eq!(scan(s, Ix::Primary, &KeyRange::all(), Dir::Up, 100).len(), 60);
}

pub fn a_snapshot_stays_as_it_was(s: &Store) {
    fill(s, &[b"a"]);
    let seen = s.read(T, |tx| {
        write(s, T, |tx| {
            append(tx, b"x")?;
            tx.del(A, b"a", Expect::Any)
        })?;
        Ok::<_, StoreError>((tx.get(A, b"a")?.is_some(), tx.head(DEPOT, LOG)?.last))
    });
    assert_eq!(seen.unwrap(), (true, 0));
    assert_eq!((get(s, b"a"), head(s).last), (None, 1));
}

pub fn closing_makes_what_is_queued(s: &Store) {
    let pending: Vec<_> =
        (0..300_u64).map(|n| s.write(T, Lane::People, move |tx| append(tx, &n.to_be_bytes()))).collect();
    s.close();
    let at: Vec<u64> = pending.into_iter().map(|p| p.wait().unwrap()).collect();
    assert_eq!(at, (1..=300).collect::<Vec<_>>());
    assert!(matches!(write(s, T, |tx| put(tx, b"k", b"")), Err(StoreError::Closed)));
    s.close();
}

pub fn status_counts_what_was_written(s: &Store) {
    let before = s.status();
    fill(s, &[b"a"]);
    let _ = write(s, T, |_| give_up::<()>());
    let after = s.status();
    assert_eq!((after.writes - before.writes, after.commits - before.commits), (1, 1));
    assert!(after.writable && after.trouble.is_none() && after.queued == 0 && after.oldest_read_ms == 0);
}
