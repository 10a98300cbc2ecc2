//! Logs.

use std::collections::BTreeSet;

use crossdock::store::{DEPOT, Expect, Hash, Head, LogId, Part, Store, StoreError, WriteTx};

use super::{A, LOG, T, append, head, tail, write};

pub fn positions_count_from_one(s: &Store) {
    assert_eq!(head(s), Head { last: 0, floor: 1, hash: [0; 16] });
    let at = write(s, T, |tx| Ok((append(tx, b"a")?, append(tx, b"b")?))).unwrap();
    assert_eq!((at, write(s, T, |tx| append(tx, b"c")).unwrap()), ((1, 2), 3));
}

pub fn logs_of_parts_and_epochs_are_apart(s: &Store) {
    let bucket = Part { kind: 2, n: 5 };
    let made = write(s, T, move |tx| {
        append(tx, b"a")?;
        append(tx, b"b")?;
        let other = tx.append(DEPOT, LogId { epoch: 2, ..LOG }, b"c", [0; 16])?;
        Ok((
            other,
            tx.append(bucket, LOG, b"d", [0; 16])?,
            tx.append(DEPOT, LogId { log: b'r', ..LOG }, b"e", [0; 16])?,
        ))
    });
    assert_eq!(made.unwrap(), (1, 1, 1));
    assert_eq!(tail(s, 0, 9), [1, 2]);
    assert_eq!(s.read(T, |tx| tx.tail(bucket, LOG, 0, 9)).unwrap(), [(1, b"d".to_vec())]);
}

pub fn a_tail_is_what_lies_behind(s: &Store) {
    write(s, T, |tx| (0..10).try_for_each(|n| append(tx, &[n]).map(drop))).unwrap();
    assert_eq!(tail(s, 0, 3), [1, 2, 3]);
    assert_eq!(tail(s, 8, 3), [9, 10]);
    assert!(tail(s, 10, 3).is_empty() && tail(s, u64::MAX, 3).is_empty() && tail(s, 0, 0).is_empty());
    let entry = |seq| s.read(T, |tx| tx.entry(DEPOT, LOG, seq)).unwrap();
    assert_eq!((entry(0), entry(4), entry(11)), (None, Some(vec![3]), None));
}

pub fn the_head_holds_the_last_hash(s: &Store) {
    let hash: Hash = [9; 16];
    write(s, T, move |tx| {
        append(tx, b"a")?;
        tx.append(DEPOT, LOG, b"b", hash)
    })
    .unwrap();
    assert_eq!(head(s), Head { last: 2, floor: 1, hash });
}

pub fn what_a_request_appended_is_known_to_it_alone(s: &Store) {
    let other = LogId { epoch: 2, ..LOG };
    let grows = move |tx: &mut dyn WriteTx| {
        let before = [tx.appended(DEPOT, LOG), tx.appended(DEPOT, other)];
        append(tx, b"a")?;
        tx.put(A, b"k", b"v", &[None], Expect::Any)?;
        Ok((before, [tx.appended(DEPOT, LOG), tx.appended(DEPOT, other)]))
    };
    let all: Vec<_> = (0..5).map(|_| s.write(T, crossdock::store::Lane::People, grows)).collect();
    for one in all {
        let known: Result<_, StoreError> = one.wait();
        assert_eq!(known.unwrap(), ([false; 2], [true, false]));
    }
    let rewritten = move |tx: &mut dyn WriteTx| {
        tx.rewrite(DEPOT, LOG, 1, b"b")?;
        tx.trim(DEPOT, LOG, 2, 9)?;
        Ok(tx.appended(DEPOT, LOG))
    };
    assert!(!write(s, T, rewritten).unwrap());
}

pub fn trimming_minds_limit_and_end(s: &Store) {
    let trim = |upto, limit| write(s, T, move |tx| tx.trim(DEPOT, LOG, upto, limit)).unwrap();
    assert_eq!(trim(5, 5), 0);
    write(s, T, |tx| (0..10).try_for_each(|n| append(tx, &[n]).map(drop))).unwrap();
    assert_eq!((trim(0, 9), trim(9, 0), trim(4, 3), trim(4, 3), trim(4, 3)), (0, 0, 3, 1, 0));
    assert_eq!((head(s).floor, head(s).last, tail(s, 0, 2)), (5, 10, vec![5, 6]));
    assert_eq!(trim(u64::MAX, usize::MAX), 6);
    assert_eq!((head(s).floor, tail(s, 0, 2)), (11, vec![]));
}

pub fn an_entry_is_rewritten_in_its_place_or_not_at_all(s: &Store) {
    write(s, T, |tx| (0..3).try_for_each(|n| append(tx, &[n]).map(drop))).unwrap();
    write(s, T, |tx| tx.trim(DEPOT, LOG, 1, 1)).unwrap();
    let before = head(s);
    let put = |seq| write(s, T, move |tx| tx.rewrite(DEPOT, LOG, seq, b"a longer one")).unwrap();
    assert_eq!([put(0), put(1), put(2), put(4)], [false, false, true, false]);
    assert_eq!(head(s), before);
    let held = s.read(T, |tx| Ok::<_, StoreError>((tx.entry(DEPOT, LOG, 2)?, tx.tail(DEPOT, LOG, 1, 9)?)));
    let (one, all) = held.unwrap();
    assert_eq!(one.as_deref(), Some(&b"a longer one"[..]));
    assert_eq!(all, [(2, b"a longer one".to_vec()), (3, vec![2])]);
    assert_eq!(write(s, T, |tx| append(tx, b"next")).unwrap(), 4, "the log goes on behind it");
}

pub fn positions_go_on_after_all_is_trimmed(s: &Store) {
    write(s, T, |tx| append(tx, b"a")).unwrap();
    write(s, T, |tx| tx.trim(DEPOT, LOG, 1, 1)).unwrap();
    assert_eq!(write(s, T, |tx| append(tx, b"b")).unwrap(), 2);
    assert_eq!((tail(s, 0, 9), head(s).floor), (vec![2], 2));
}

pub fn a_tail_is_gapless_under_eight_writers(s: &Store) {
    const EACH: u64 = 25;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8_u8)
            .map(|w| {
                scope.spawn(move || {
                    (0..EACH).map(|_| write(s, T, move |tx| append(tx, &[w])).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut at = 0;
        while at < 8 * EACH {
            for seq in tail(s, at, 10) {
                assert_eq!(seq, at + 1);
                at = seq;
            }
        }
        let mut all = BTreeSet::new();
        for w in writers {
            let mine = w.join().unwrap();
            assert!(mine.is_sorted());
            all.extend(mine);
        }
        assert_eq!(all, (1..=8 * EACH).collect());
    });
}

pub fn a_claim_that_runs_again_changes_nothing(s: &Store) {
    let f = |tx: &mut dyn WriteTx| {
        if tx.get(A, b"key")?.is_none() {
            tx.put(A, b"key", b"", &[], Expect::Absent)?;
            append(tx, b"effect")?;
        }
        Ok(())
    };
    write(s, T, f).unwrap();
    write(s, T, f).unwrap();
    assert_eq!(tail(s, 0, 9), [1]);
}
