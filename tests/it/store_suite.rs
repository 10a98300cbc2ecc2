//! What every engine must do, run on each of them: on redb in memory, in a file, and over a disk that has just failed.

use std::sync::mpsc;
use std::time::Duration;

use crossdock::base::error::{Fault, Kind};
use crossdock::store::memory::Memory;
use crossdock::store::redb::{Options, Redb};
use crossdock::store::{
    Coll, DEPOT, Dir, Expect, Head, Home, Ix, KeyRange, Lane, LogId, ReadTx, Result, Store, StoreError,
    WriteTx,
};

use crate::store_faults::Disk;
use crate::store_model;

mod groups;
mod indexes;
mod logs;
mod pages;
mod records;

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
            store_suite! { $make, records:
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
            }
            store_suite! { $make, pages:
                a_range_is_half_open_both_ways
                a_prefix_is_all_that_begins_with_it
                a_range_that_is_none_is_empty
                pages_join_to_the_whole_both_ways
                a_page_that_is_just_full_has_no_next
                pages_go_on_under_writes
                a_position_leads_out_of_no_range
            }
            store_suite! { $make, indexes:
                an_index_sorts_by_its_key_and_then_the_records
                index_keys_may_hold_any_bytes
                an_index_follows_its_records
                an_index_shows_own_writes
                pages_of_an_index_join_to_the_whole_both_ways
            }
            store_suite! { $make, logs:
                positions_count_from_one
                logs_of_parts_and_epochs_are_apart
                what_a_request_appended_is_known_to_it_alone
                a_tail_is_what_lies_behind
                the_head_holds_the_last_hash
                trimming_minds_limit_and_end
                positions_go_on_after_all_is_trimmed
                an_entry_is_rewritten_in_its_place_or_not_at_all
                a_tail_is_gapless_under_eight_writers
                a_claim_that_runs_again_changes_nothing
            }
            store_suite! { $make, groups:
                a_panic_drops_only_its_own
                one_failure_in_a_group_drops_only_its_own
                a_group_runs_in_order
                both_lanes_get_through
                a_snapshot_stays_as_it_was
                closing_makes_what_is_queued
                status_counts_what_was_written
            }
            store_suite! { $make, store_model:
                the_same_as_a_map
            }
        }
    };
    ($make:ident, $section:ident: $($case:ident)+) => {$(
        #[test]
        fn $case() {
            super::$make().with(super::$section::$case);
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
