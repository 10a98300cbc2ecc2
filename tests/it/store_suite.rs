//! What every engine must do, run on each of them: on redb in memory, in a file, and over a disk that has just failed.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;

use crossdock::base::error::{Fault, Kind};
use crossdock::store::memory::Memory;
use crossdock::store::redb::{Options, Redb};
use crossdock::store::{
    Coll, DEPOT, Dir, Expect, Hash, Head, Home, Ix, KeyRange, Lane, LogId, MAX_BODY, Part, ReadTx, Result,
    Store, StoreError, WriteTx,
};

use crate::store_faults::Disk;
use crate::store_model::the_same_as_a_map;

pub const A: Coll = Coll { id: 900, name: "a", home: Home::Local };
const B: Coll = Coll { id: 901, name: "b", home: Home::Local };
const LAST: Coll = Coll { id: u16::MAX, name: "last", home: Home::Local };
pub const LOG: LogId = LogId { log: b'q', epoch: 1 };
pub const T: u32 = 7;
pub const BY: Ix = Ix::Nth(0);

/// So little that the pages have to follow the redo log often.
pub const REDO: u64 = 64 << 10;

pub fn options() -> Options {
    let mut options =
        Options { cache: 8 << 20, redo: REDO, retry_every: Duration::ZERO, ..Options::default() };
    options.reserve.ballast = 0;
    options
}

/// A store and what has to live as long as it does.
struct Made(Store, #[allow(dead_code)] Option<tempfile::TempDir>);

impl Made {
    fn with(self, case: impl FnOnce(&Store)) {
        case(&self.0);
    }
}

fn in_memory() -> Made {
    Made(Store::new(Redb::memory().unwrap()), None)
}

fn in_maps() -> Made {
    Made(Store::new(Memory::default()), None)
}

fn in_a_file() -> Made {
    let folder = tempfile::tempdir().unwrap();
    Made(Store::new(Redb::file(&folder.path().join("depot.redb"), options()).unwrap()), Some(folder))
}

/// Over a disk that failed a moment ago: whatever the suite asks must hold on the reopened file too.
fn after_a_failure() -> Made {
    let disk = Disk::default();
    let opened = disk.clone();
    let store = Store::new(Redb::backend(move || opened.clone(), None, options()).unwrap());
    write(&store, 99, |tx| put(tx, b"before", b"x")).unwrap();
    disk.fail_after(1, std::io::ErrorKind::Other);
    assert_eq!(write(&store, 99, |tx| put(tx, b"lost", b"x")).unwrap_err().kind(), Kind::Busy);
    disk.heal();
    while write(&store, 99, |tx| put(tx, b"after", b"x")).is_err() {}
    assert!(store.status().reopened > 0);
    Made(store, None)
}

pub fn write<R: Send + 'static>(
    s: &Store,
    tenant: u32,
    f: impl FnMut(&mut dyn WriteTx) -> Result<R> + Send + 'static,
) -> Result<R> {
    s.write(tenant, Lane::People, f).wait()
}

pub fn put(tx: &mut dyn WriteTx, pk: &[u8], body: &[u8]) -> Result<u64> {
    tx.put(A, pk, body, &[], Expect::Any)
}

fn append(tx: &mut dyn WriteTx, blob: &[u8]) -> Result<u64> {
    tx.append(DEPOT, LOG, blob, [blob.len() as u8; 16])
}

fn get(s: &Store, pk: &[u8]) -> Option<(u64, Vec<u8>)> {
    let pk = pk.to_vec();
    s.read(T, |tx| tx.get(A, &pk)).unwrap().map(|r| (r.rev, r.body))
}

fn fill(s: &Store, keys: &[&[u8]]) {
    let keys: Vec<Vec<u8>> = keys.iter().map(|k| k.to_vec()).collect();
    write(s, T, move |tx| keys.iter().try_for_each(|k| put(tx, k, k).map(drop))).unwrap();
}

/// All keys of a range, read in pages of `limit`.
pub fn keys(tx: &dyn ReadTx, c: Coll, ix: Ix, range: &KeyRange, dir: Dir, limit: usize) -> Vec<Vec<u8>> {
    let (mut out, mut range) = (Vec::new(), range.clone());
    loop {
        let page = tx.scan(c, ix, &range, dir, limit).unwrap();
        assert!(page.recs.len() <= limit);
        out.extend(page.recs.into_iter().map(|r| r.pk));
        match page.next {
            Some(next) => range = range.resume(Some(next)),
            None => return out,
        }
    }
}

fn scan(s: &Store, ix: Ix, range: &KeyRange, dir: Dir, limit: usize) -> Vec<Vec<u8>> {
    s.read(T, |tx| Ok::<_, StoreError>(keys(tx, A, ix, range, dir, limit))).unwrap()
}

fn head(s: &Store) -> Head {
    s.read(T, |tx| tx.head(DEPOT, LOG)).unwrap()
}

fn tail(s: &Store, after: u64, limit: usize) -> Vec<u64> {
    s.read(T, |tx| tx.tail(DEPOT, LOG, after, limit)).unwrap().into_iter().map(|(seq, _)| seq).collect()
}

fn range(from: &[u8], to: &[u8]) -> KeyRange {
    KeyRange { from: from.to_vec(), to: Some(to.to_vec()), after: None }
}

pub fn give_up<R>() -> Result<R> {
    Err(StoreError::Corrupt("on purpose".into()))
}

/// Panics without a word on the terminal.
pub fn fall() -> ! {
    std::panic::resume_unwind(Box::new("on purpose"))
}

/// Every case as a test of the engine that `make` makes.
macro_rules! store_suite {
    ($make:ident) => {
        mod $make {
            store_suite! { $make:
                a_record_is_read_back
                revisions_count_up_and_begin_anew_after_a_delete
                deleting_nothing_says_so
                absent_admits_the_first_alone
                only_the_present_revision_is_admitted
                a_delete_minds_what_it_expects
                a_transaction_reads_its_own_writes
                an_error_leaves_nothing
                an_error_gives_back_what_was_overwritten_deleted_and_trimmed
                a_failed_append_leaves_no_hole
                tenants_do_not_see_one_another
                collections_do_not_run_into_one_another
                the_last_of_all_collections_ends
                keys_may_hold_any_bytes
                keys_sort_by_their_bytes
                a_body_of_64_kib_is_kept
                a_body_one_past_the_limit_is_refused
                a_key_one_past_the_limit_is_refused
                an_index_key_one_past_the_limit_is_refused
                a_range_is_half_open_both_ways
                a_prefix_is_all_that_begins_with_it
                a_range_that_is_none_is_empty
                pages_join_to_the_whole_both_ways
                a_page_that_is_just_full_has_no_next
                pages_go_on_under_writes
                a_position_leads_out_of_no_range
                an_index_sorts_by_its_key_and_then_the_records
                index_keys_may_hold_any_bytes
                an_index_follows_its_records
                an_index_shows_own_writes
                pages_of_an_index_join_to_the_whole_both_ways
                positions_count_from_one
                logs_of_parts_and_epochs_are_apart
                a_tail_is_what_lies_behind
                the_head_holds_the_last_hash
                trimming_minds_limit_and_end
                positions_go_on_after_all_is_trimmed
                an_entry_is_rewritten_in_its_place_or_not_at_all
                a_tail_is_gapless_under_eight_writers
                a_claim_that_runs_again_changes_nothing
                a_panic_drops_only_its_own
                one_failure_in_a_group_drops_only_its_own
                a_group_runs_in_order
                both_lanes_get_through
                a_snapshot_stays_as_it_was
                closing_makes_what_is_queued
                status_counts_what_was_written
                the_same_as_a_map
            }
        }
    };
    ($make:ident: $($case:ident)+) => {$(
        #[test]
        fn $case() {
            super::$make().with(super::$case);
        }
    )+};
}

#[cfg(feature = "pg")]
use crate::postgres::{after_a_lost_server, on_postgres, on_two_of_postgres};
#[cfg(feature = "pg")]
store_suite!(on_postgres);
#[cfg(feature = "pg")]
store_suite!(after_a_lost_server);
#[cfg(feature = "pg")]
store_suite!(on_two_of_postgres);

store_suite!(in_maps);
store_suite!(in_memory);
store_suite!(in_a_file);
store_suite!(after_a_failure);

fn a_record_is_read_back(s: &Store) {
    assert_eq!(get(s, b"k"), None);
    assert_eq!(write(s, T, |tx| put(tx, b"k", b"v")).unwrap(), 1);
    assert_eq!(get(s, b"k"), Some((1, b"v".to_vec())));
}

fn revisions_count_up_and_begin_anew_after_a_delete(s: &Store) {
    for n in 1..4 {
        assert_eq!(write(s, T, |tx| put(tx, b"k", b"v")).unwrap(), n);
    }
    assert!(write(s, T, |tx| tx.del(A, b"k", Expect::Any)).unwrap());
    assert_eq!(get(s, b"k"), None);
    assert_eq!(write(s, T, |tx| put(tx, b"k", b"v")).unwrap(), 1);
}

fn deleting_nothing_says_so(s: &Store) {
    assert!(!write(s, T, |tx| tx.del(A, b"k", Expect::Any)).unwrap());
    assert!(!write(s, T, |tx| tx.del(A, b"k", Expect::Absent)).unwrap());
}

fn absent_admits_the_first_alone(s: &Store) {
    let claim = |by: &'static [u8]| write(s, T, move |tx| tx.put(A, b"name", by, &[], Expect::Absent));
    claim(b"first").unwrap();
    assert_eq!(claim(b"second").unwrap_err().kind(), Kind::Conflict);
    assert_eq!(get(s, b"name"), Some((1, b"first".to_vec())));
}

fn only_the_present_revision_is_admitted(s: &Store) {
    let at = |rev| write(s, T, move |tx| tx.put(A, b"k", &[rev as u8], &[], Expect::Rev(rev)));
    assert_eq!(at(1).unwrap_err().kind(), Kind::Stale);
    fill(s, &[b"k"]);
    assert_eq!(at(1).unwrap(), 2);
    assert_eq!(at(1).unwrap_err().kind(), Kind::Stale);
    assert_eq!(at(3).unwrap_err().kind(), Kind::Stale);
    assert_eq!(get(s, b"k"), Some((2, vec![1])));
}

fn a_delete_minds_what_it_expects(s: &Store) {
    fill(s, &[b"k"]);
    assert!(write(s, T, |tx| tx.del(A, b"k", Expect::Rev(2))).is_err());
    assert!(write(s, T, |tx| tx.del(A, b"k", Expect::Absent)).is_err());
    assert!(write(s, T, |tx| tx.del(A, b"k", Expect::Rev(1))).unwrap());
}

fn a_transaction_reads_its_own_writes(s: &Store) {
    fill(s, &[b"a", b"b"]);
    let seen = write(s, T, |tx| {
        put(tx, b"c", b"c")?;
        tx.del(A, b"a", Expect::Any)?;
        put(tx, b"b", b"new")?;
        append(tx, b"1")?;
        let body = tx.get(A, b"b")?.map(|r| r.body);
        let entry = tx.entry(DEPOT, LOG, 1)?;
        Ok((keys(tx, A, Ix::Primary, &KeyRange::all(), Dir::Down, 1), body, entry, tx.head(DEPOT, LOG)?.last))
    });
    let (keys, body, entry, last) = seen.unwrap();
    assert_eq!(
        (keys, body, entry, last),
        (vec![b"c".to_vec(), b"b".to_vec()], Some(b"new".to_vec()), Some(b"1".to_vec()), 1)
    );
}

fn an_error_leaves_nothing(s: &Store) {
    let failed = write(s, T, |tx| {
        tx.put(A, b"k", b"v", &[Some(b"i".to_vec())], Expect::Any)?;
        append(tx, b"1")?;
        give_up::<()>()
    });
    assert!(matches!(failed, Err(StoreError::Corrupt(_))));
    let mut rows = 0;
    for area in [
        crossdock::store::Area::Records,
        crossdock::store::Area::Index,
        crossdock::store::Area::Log,
        crossdock::store::Area::Heads,
    ] {
        let count = |k: &[u8], _: &[u8]| {
            rows += u32::from(k.starts_with(&T.to_be_bytes()));
            Ok(true)
        };
        let mut count = count;
        s.sweep(|sweep| sweep.rows(area, None, &mut count)).unwrap();
    }
    assert_eq!(rows, 0);
}

fn an_error_gives_back_what_was_overwritten_deleted_and_trimmed(s: &Store) {
    let made = write(s, T, |tx| {
        tx.put(A, b"a", b"1", &[Some(b"x".to_vec()), None], Expect::Any)?;
        tx.put(A, b"b", b"2", &[None, Some(b"y".to_vec())], Expect::Any)?;
        (0..5).try_for_each(|n| append(tx, &[n]).map(drop))
    });
    made.unwrap();
    let all = |s: &Store| {
        let whole = KeyRange::all();
        (
            get(s, b"a"),
            get(s, b"b"),
            scan(s, BY, &whole, Dir::Up, 9),
            scan(s, Ix::Nth(1), &whole, Dir::Up, 9),
            head(s),
            tail(s, 0, 9),
        )
    };
    let before = all(s);
    let failed = write(s, T, |tx| {
        tx.put(A, b"a", b"9", &[None, Some(b"z".to_vec())], Expect::Any)?;
        tx.put(A, b"a", b"8", &[Some(b"w".to_vec()), Some(b"z".to_vec())], Expect::Any)?;
        tx.del(A, b"b", Expect::Any)?;
        tx.put(A, b"b", b"7", &[], Expect::Absent)?;
        tx.rewrite(DEPOT, LOG, 2, b"else")?;
        tx.rewrite(DEPOT, LOG, 5, b"else")?;
        tx.trim(DEPOT, LOG, 3, 9)?;
        append(tx, b"6")?;
        tx.trim(DEPOT, LOG, 9, 9)?;
        append(tx, b"7")?;
        give_up::<()>()
    });
    assert!(failed.is_err());
    assert_eq!(all(s), before);
}

fn a_failed_append_leaves_no_hole(s: &Store) {
    let pending: Vec<_> = (0..20_u8)
        .map(|n| {
            s.write(T, Lane::People, move |tx| {
                let at = append(tx, &[n])?;
                if n % 3 == 0 { give_up() } else { Ok(at) }
            })
        })
        .collect();
    let kept: Vec<u64> = pending.into_iter().filter_map(|p| p.wait().ok()).collect();
    assert_eq!(kept, (1..=13).collect::<Vec<_>>());
    assert_eq!(tail(s, 0, 100), kept);
}

fn tenants_do_not_see_one_another(s: &Store) {
    for tenant in [T - 1, T + 1, 0x0700_0000, u32::MAX] {
        let made = write(s, tenant, |tx| {
            tx.put(A, b"k", b"theirs", &[Some(b"i".to_vec())], Expect::Absent)?;
            append(tx, b"theirs")
        });
        assert_eq!(made.unwrap(), 1);
    }
    assert_eq!(get(s, b"k"), None);
    for dir in [Dir::Up, Dir::Down] {
        assert!(scan(s, Ix::Primary, &KeyRange::all(), dir, 9).is_empty());
        assert!(scan(s, BY, &KeyRange::all(), dir, 9).is_empty());
    }
    assert_eq!((head(s).last, tail(s, 0, 9)), (0, vec![]));
    assert!(!write(s, T, |tx| tx.del(A, b"k", Expect::Any)).unwrap());
    assert_eq!(s.read(T, |tx| Ok::<_, StoreError>(tx.tenant())).unwrap(), T);
}

fn collections_do_not_run_into_one_another(s: &Store) {
    let made = write(s, T, |tx| {
        for c in [Coll { id: A.id - 1, ..A }, B] {
            tx.put(c, b"", b"other", &[Some(vec![])], Expect::Any)?;
            tx.put(c, &[0xff; 4], b"other", &[Some(vec![0xff; 4])], Expect::Any)?;
        }
        tx.put(A, b"k", b"v", &[None, Some(b"second".to_vec())], Expect::Any)
    });
    made.unwrap();
    for dir in [Dir::Up, Dir::Down] {
        assert_eq!(scan(s, Ix::Primary, &KeyRange::all(), dir, 9), [b"k"]);
        assert!(scan(s, BY, &KeyRange::all(), dir, 9).is_empty());
        assert_eq!(scan(s, Ix::Nth(1), &KeyRange::all(), dir, 9), [b"k"]);
    }
}

fn the_last_of_all_collections_ends(s: &Store) {
    write(s, u32::MAX, |tx| tx.put(LAST, &[0xff; 9], b"v", &[Some(vec![0xff; 9])], Expect::Any)).unwrap();
    for (ix, dir) in [(Ix::Primary, Dir::Up), (Ix::Primary, Dir::Down), (BY, Dir::Up), (BY, Dir::Down)] {
        let found = s
            .read(u32::MAX, |tx| Ok::<_, StoreError>(keys(tx, LAST, ix, &KeyRange::prefix(&[0xff]), dir, 1)));
        assert_eq!(found.unwrap(), [vec![0xff; 9]]);
    }
}

const ODD: [&[u8]; 9] = [b"", b"\0", b"\0\0", b"\0\xff", b"\x01", b"a", b"a\0", b"a\0b", b"\xff\xff"];

fn keys_may_hold_any_bytes(s: &Store) {
    fill(s, &ODD);
    for k in ODD {
        assert_eq!(get(s, k), Some((1, k.to_vec())));
    }
}

fn keys_sort_by_their_bytes(s: &Store) {
    let mut shuffled = ODD;
    shuffled.reverse();
    fill(s, &shuffled);
    assert_eq!(scan(s, Ix::Primary, &KeyRange::all(), Dir::Up, 100), ODD);
}

fn a_body_of_64_kib_is_kept(s: &Store) {
    let body: Vec<u8> = (0..65_536_u32).map(|n| (n % 251) as u8).collect();
    let theirs = body.clone();
    write(s, T, move |tx| {
        append(tx, &theirs)?;
        put(tx, b"k", &theirs)
    })
    .unwrap();
    assert_eq!(get(s, b"k"), Some((1, body.clone())));
    assert_eq!(s.read(T, |tx| tx.entry(DEPOT, LOG, 1)).unwrap(), Some(body));
}

fn a_body_one_past_the_limit_is_refused(s: &Store) {
    let of = |n: usize| write(s, T, move |tx| put(tx, b"k", &vec![1; n]));
    of(MAX_BODY).unwrap();
    assert_eq!(of(MAX_BODY + 1).unwrap_err().kind(), Kind::TooLarge);
    assert_eq!(write(s, T, |tx| append(tx, &vec![1; MAX_BODY + 1])).unwrap_err().kind(), Kind::TooLarge);
    assert_eq!(get(s, b"k").unwrap().1.len(), MAX_BODY);
}

fn a_key_one_past_the_limit_is_refused(s: &Store) {
    let of = |n: usize| write(s, T, move |tx| put(tx, &vec![1; n], b"v"));
    of(1024).unwrap();
    assert!(of(1025).is_err());
}

fn an_index_key_one_past_the_limit_is_refused(s: &Store) {
    let of = |n: usize| write(s, T, move |tx| tx.put(A, b"k", b"v", &[Some(vec![1; n])], Expect::Any));
    of(1021).unwrap();
    assert!(of(1022).is_err());
    assert_eq!(get(s, b"k").unwrap().0, 1);
}

fn a_range_is_half_open_both_ways(s: &Store) {
    fill(s, &[b"a", b"b", b"bb", b"c", b"d"]);
    assert_eq!(scan(s, Ix::Primary, &range(b"b", b"d"), Dir::Up, 2), [&b"b"[..], b"bb", b"c"]);
    assert_eq!(scan(s, Ix::Primary, &range(b"b", b"d"), Dir::Down, 2), [&b"c"[..], b"bb", b"b"]);
}

fn a_prefix_is_all_that_begins_with_it(s: &Store) {
    fill(s, &[b"a", b"b", b"b\0", b"b\xff", b"b\xff\xff", b"c", b"\xff", b"\xff\xff"]);
    assert_eq!(scan(s, Ix::Primary, &KeyRange::prefix(b"b"), Dir::Up, 9).len(), 4);
    assert_eq!(
        scan(s, Ix::Primary, &KeyRange::prefix(b"b\xff"), Dir::Down, 1),
        [&b"b\xff\xff"[..], b"b\xff"]
    );
    assert_eq!(scan(s, Ix::Primary, &KeyRange::prefix(b"\xff"), Dir::Up, 9).len(), 2);
    assert_eq!(scan(s, Ix::Primary, &KeyRange::prefix(b""), Dir::Up, 9).len(), 8);
}

fn a_range_that_is_none_is_empty(s: &Store) {
    fill(s, &[b"a", b"b"]);
    for r in [range(b"b", b"a"), range(b"a", b"a"), range(b"b\0", b"c")] {
        assert!(
            scan(s, Ix::Primary, &r, Dir::Up, 9).is_empty()
                && scan(s, Ix::Primary, &r, Dir::Down, 9).is_empty()
        );
        assert!(scan(s, BY, &r, Dir::Up, 9).is_empty());
    }
    let none = s.read(T, |tx| tx.scan(A, Ix::Primary, &KeyRange::all(), Dir::Up, 0)).unwrap();
    assert!(none.recs.is_empty() && none.next.is_none());
}

fn pages_join_to_the_whole_both_ways(s: &Store) {
    fill(s, &ODD);
    for limit in 1..11 {
        assert_eq!(scan(s, Ix::Primary, &KeyRange::all(), Dir::Up, limit), ODD);
        let mut down = scan(s, Ix::Primary, &KeyRange::all(), Dir::Down, limit);
        down.reverse();
        assert_eq!(down, ODD);
    }
}

fn a_page_that_is_just_full_has_no_next(s: &Store) {
    fill(s, &[b"a", b"b"]);
    let next =
        |limit| s.read(T, |tx| tx.scan(A, Ix::Primary, &KeyRange::all(), Dir::Up, limit)).unwrap().next;
    assert_eq!((next(2), next(1)), (None, Some(b"a".to_vec())));
}

fn pages_go_on_under_writes(s: &Store) {
    for dir in [Dir::Up, Dir::Down] {
        fill(s, &[b"b", b"d", b"f", b"h"]);
        let first = s.read(T, |tx| tx.scan(A, Ix::Primary, &KeyRange::all(), dir, 2)).unwrap();
        let at = first.next.unwrap();
        let gone = at.clone();
        write(s, T, move |tx| {
            tx.del(A, &gone, Expect::Any)?;
            ["a", "e", "i"].iter().try_for_each(|k| put(tx, k.as_bytes(), b"").map(drop))
        })
        .unwrap();
        let rest = scan(s, Ix::Primary, &KeyRange::all().resume(Some(at)), dir, 2);
        let expected: [&[u8]; 4] =
            if dir == Dir::Up { [b"e", b"f", b"h", b"i"] } else { [b"e", b"d", b"b", b"a"] };
        assert_eq!(rest, expected);
        write(s, T, |tx| {
            ["a", "e", "i"].iter().try_for_each(|k| tx.del(A, k.as_bytes(), Expect::Any).map(drop))
        })
        .unwrap();
    }
}

fn a_position_leads_out_of_no_range(s: &Store) {
    let made = write(s, T, |tx| {
        (b'a'..=b'z').try_for_each(|b| tx.put(A, &[b], b"", &[Some(vec![b])], Expect::Any).map(drop))
    });
    made.unwrap();
    for ix in [Ix::Primary, BY] {
        let at = |k: u8| Some(if ix == Ix::Primary { vec![k] } else { vec![k, 0, 0, k] });
        let found = |dir, after: u8| scan(s, ix, &range(b"k", b"n").resume(at(after)), dir, 2);
        let all: [&[u8]; 3] = [b"k", b"l", b"m"];
        assert_eq!(found(Dir::Up, b'b'), all);
        assert_eq!(found(Dir::Up, b'k'), all[1..]);
        assert!(found(Dir::Up, b'x').is_empty());
        assert_eq!(found(Dir::Down, b'x'), [b"m", b"l", b"k"]);
        assert_eq!(found(Dir::Down, b'm'), [b"l", b"k"]);
        assert!(found(Dir::Down, b'b').is_empty());
    }
}

fn an_index_sorts_by_its_key_and_then_the_records(s: &Store) {
    let made = write(s, T, |tx| {
        for (pk, key) in [("1", "b"), ("2", "a"), ("3", "b"), ("4", "ab"), ("0", "b")] {
            tx.put(A, pk.as_bytes(), b"", &[Some(key.into())], Expect::Any)?;
        }
        Ok(())
    });
    made.unwrap();
    assert_eq!(scan(s, BY, &KeyRange::all(), Dir::Up, 2), [b"2", b"4", b"0", b"1", b"3"]);
    assert_eq!(scan(s, BY, &range(b"a", b"b"), Dir::Up, 2), [b"2", b"4"]);
    assert_eq!(scan(s, BY, &KeyRange::prefix(b"b"), Dir::Down, 1), [b"3", b"1", b"0"]);
}

fn index_keys_may_hold_any_bytes(s: &Store) {
    let made = write(s, T, |tx| {
        ODD.iter().enumerate().try_for_each(|(n, k)| {
            tx.put(A, &[ODD.len() as u8 - n as u8], b"", &[Some(k.to_vec())], Expect::Any).map(drop)
        })
    });
    made.unwrap();
    let down: Vec<Vec<u8>> = (1..=9).rev().map(|n| vec![n]).collect();
    assert_eq!(scan(s, BY, &KeyRange::all(), Dir::Up, 2), down);
    assert_eq!(scan(s, BY, &KeyRange::prefix(b"a"), Dir::Up, 9).len(), 3);
    assert_eq!(scan(s, BY, &KeyRange::prefix(b"a\0"), Dir::Up, 9).len(), 2);
    assert_eq!(scan(s, BY, &KeyRange::prefix(b"\0"), Dir::Up, 9).len(), 3);
    assert_eq!(scan(s, BY, &range(b"\0", b"\x01"), Dir::Down, 1).len(), 3);
}

fn an_index_follows_its_records(s: &Store) {
    let set = |key: Option<&'static str>| {
        let ix = [key.map(Into::into)];
        write(s, T, move |tx| tx.put(A, b"k", b"", &ix, Expect::Any)).unwrap()
    };
    let at = |key: &str| scan(s, BY, &KeyRange::prefix(key.as_bytes()), Dir::Up, 9).len();
    set(Some("x"));
    assert_eq!((at("x"), at("y")), (1, 0));
    set(Some("y"));
    assert_eq!((at("x"), at("y")), (0, 1));
    set(None);
    assert_eq!(at(""), 0);
    set(Some("z"));
    write(s, T, |tx| tx.put(A, b"k", b"", &[], Expect::Any)).unwrap();
    assert_eq!(at(""), 0);
    set(Some("z"));
    write(s, T, |tx| tx.del(A, b"k", Expect::Any)).unwrap();
    assert_eq!(at(""), 0);
}

fn an_index_shows_own_writes(s: &Store) {
    let seen = write(s, T, |tx| {
        tx.put(A, b"a", b"", &[Some(b"2".to_vec())], Expect::Any)?;
        tx.put(A, b"b", b"", &[Some(b"1".to_vec())], Expect::Any)?;
        let before = keys(tx, A, BY, &KeyRange::all(), Dir::Up, 1);
        tx.put(A, b"a", b"", &[Some(b"0".to_vec())], Expect::Any)?;
        Ok((before, keys(tx, A, BY, &KeyRange::all(), Dir::Up, 1)))
    });
    let (a, b) = (b"a".to_vec(), b"b".to_vec());
    assert_eq!(seen.unwrap(), (vec![b.clone(), a.clone()], vec![a, b]));
}

fn pages_of_an_index_join_to_the_whole_both_ways(s: &Store) {
    let made = write(s, T, |tx| {
        (0..30_u8).try_for_each(|n| {
            tx.put(A, &[n], b"", &[(n % 4 != 3).then(|| vec![0; usize::from(n % 3)])], Expect::Any).map(drop)
        })
    });
    made.unwrap();
    let mut whole: Vec<u8> = (0..30).filter(|n| n % 4 != 3).collect();
    whole.sort_by_key(|n| (n % 3, *n));
    let whole: Vec<Vec<u8>> = whole.into_iter().map(|n| vec![n]).collect();
    for limit in [1, 2, 7, 22, 23, 24] {
        assert_eq!(scan(s, BY, &KeyRange::all(), Dir::Up, limit), whole);
        let mut down = scan(s, BY, &KeyRange::all(), Dir::Down, limit);
        down.reverse();
        assert_eq!(down, whole);
    }
}

fn positions_count_from_one(s: &Store) {
    assert_eq!(head(s), Head { last: 0, floor: 1, hash: [0; 16] });
    let at = write(s, T, |tx| Ok((append(tx, b"a")?, append(tx, b"b")?))).unwrap();
    assert_eq!((at, write(s, T, |tx| append(tx, b"c")).unwrap()), ((1, 2), 3));
}

fn logs_of_parts_and_epochs_are_apart(s: &Store) {
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

fn a_tail_is_what_lies_behind(s: &Store) {
    write(s, T, |tx| (0..10).try_for_each(|n| append(tx, &[n]).map(drop))).unwrap();
    assert_eq!(tail(s, 0, 3), [1, 2, 3]);
    assert_eq!(tail(s, 8, 3), [9, 10]);
    assert!(tail(s, 10, 3).is_empty() && tail(s, u64::MAX, 3).is_empty() && tail(s, 0, 0).is_empty());
    let entry = |seq| s.read(T, |tx| tx.entry(DEPOT, LOG, seq)).unwrap();
    assert_eq!((entry(0), entry(4), entry(11)), (None, Some(vec![3]), None));
}

fn the_head_holds_the_last_hash(s: &Store) {
    let hash: Hash = [9; 16];
    write(s, T, move |tx| {
        append(tx, b"a")?;
        tx.append(DEPOT, LOG, b"b", hash)
    })
    .unwrap();
    assert_eq!(head(s), Head { last: 2, floor: 1, hash });
}

fn trimming_minds_limit_and_end(s: &Store) {
    let trim = |upto, limit| write(s, T, move |tx| tx.trim(DEPOT, LOG, upto, limit)).unwrap();
    assert_eq!(trim(5, 5), 0);
    write(s, T, |tx| (0..10).try_for_each(|n| append(tx, &[n]).map(drop))).unwrap();
    assert_eq!((trim(0, 9), trim(9, 0), trim(4, 3), trim(4, 3), trim(4, 3)), (0, 0, 3, 1, 0));
    assert_eq!((head(s).floor, head(s).last, tail(s, 0, 2)), (5, 10, vec![5, 6]));
    assert_eq!(trim(u64::MAX, usize::MAX), 6);
    assert_eq!((head(s).floor, tail(s, 0, 2)), (11, vec![]));
}

fn an_entry_is_rewritten_in_its_place_or_not_at_all(s: &Store) {
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

fn positions_go_on_after_all_is_trimmed(s: &Store) {
    write(s, T, |tx| append(tx, b"a")).unwrap();
    write(s, T, |tx| tx.trim(DEPOT, LOG, 1, 1)).unwrap();
    assert_eq!(write(s, T, |tx| append(tx, b"b")).unwrap(), 2);
    assert_eq!((tail(s, 0, 9), head(s).floor), (vec![2], 2));
}

fn a_tail_is_gapless_under_eight_writers(s: &Store) {
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

fn a_claim_that_runs_again_changes_nothing(s: &Store) {
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

fn a_panic_drops_only_its_own(s: &Store) {
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

fn one_failure_in_a_group_drops_only_its_own(s: &Store) {
    let pending: Vec<_> = (0..50_u8)
        .map(|n| {
            s.write(T, Lane::People, move |tx| tx.put(A, &[n % 25], &[n], &[Some(vec![n])], Expect::Absent))
        })
        .collect();
    let made: Vec<bool> = pending.into_iter().map(|p| p.wait().is_ok()).collect();
    assert!(made[..25].iter().all(|m| *m) && made[25..].iter().all(|m| !m));
    assert_eq!(scan(s, BY, &KeyRange::all(), Dir::Up, 100).len(), 25);
}

fn a_group_runs_in_order(s: &Store) {
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

fn both_lanes_get_through(s: &Store) {
    let pending: Vec<_> = (0..60_u8)
        .map(|n| s.write(T, if n % 3 == 0 { Lane::Bulk } else { Lane::People }, move |tx| put(tx, &[n], b"")))
        .collect();
    pending.into_iter().for_each(|p| assert_eq!(p.wait().unwrap(), 1));
    assert_eq!(scan(s, Ix::Primary, &KeyRange::all(), Dir::Up, 100).len(), 60);
}

fn a_snapshot_stays_as_it_was(s: &Store) {
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

fn closing_makes_what_is_queued(s: &Store) {
    let pending: Vec<_> =
        (0..300_u64).map(|n| s.write(T, Lane::People, move |tx| append(tx, &n.to_be_bytes()))).collect();
    s.close();
    let at: Vec<u64> = pending.into_iter().map(|p| p.wait().unwrap()).collect();
    assert_eq!(at, (1..=300).collect::<Vec<_>>());
    assert!(matches!(write(s, T, |tx| put(tx, b"k", b"")), Err(StoreError::Closed)));
    s.close();
}

fn status_counts_what_was_written(s: &Store) {
    let before = s.status();
    fill(s, &[b"a"]);
    let _ = write(s, T, |_| give_up::<()>());
    let after = s.status();
    assert_eq!((after.writes - before.writes, after.commits - before.commits), (1, 1));
    assert!(after.writable && after.trouble.is_none() && after.queued == 0 && after.oldest_read_ms == 0);
}

#[test]
fn one_write_more_than_may_wait_is_refused_as_busy() {
    let options = Options { queue: 4, ..options() };
    let s = Store::new(Redb::backend(Disk::default, None, options).unwrap());
    let (go, gate) = mpsc::channel::<()>();
    let (began, begun) = mpsc::channel::<()>();
    let first = s.write(T, Lane::People, move |tx| {
        began.send(()).unwrap();
        gate.recv().unwrap();
        put(tx, b"first", b"")
    });
    begun.recv().unwrap();
    let mut waiting: Vec<_> =
        (0..2_u8).map(|n| s.write(T, Lane::Bulk, move |tx| put(tx, &[n], b""))).collect();
    assert!(matches!(
        s.write(T, Lane::Bulk, |tx| put(tx, b"bulk", b"")).wait(),
        Err(StoreError::Busy { waiting: 2 })
    ));
    waiting.extend((2..4_u8).map(|n| s.write(T, Lane::People, move |tx| put(tx, &[n], b""))));
    let e = write(&s, T, |tx| put(tx, b"fifth", b"")).unwrap_err();
    assert!(matches!(e, StoreError::Busy { waiting: 4 }) && e.retry_after_s() == Some(1));
    go.send(()).unwrap();
    first.wait().unwrap();
    waiting.into_iter().for_each(|p| assert_eq!(p.wait().unwrap(), 1));
    assert_eq!(scan(&s, Ix::Primary, &KeyRange::all(), Dir::Up, 9).len(), 5);
}

#[test]
fn a_read_that_stays_open_too_long_is_ended() {
    let options = Options { read_deadline: Duration::ZERO, ..options() };
    let s = Store::new(Redb::backend(Disk::default, None, options).unwrap());
    let e = s.read(T, |tx| tx.get(A, b"k")).unwrap_err();
    assert!(matches!(e, StoreError::Deadline { .. }) && e.kind() == Kind::Busy);
}
