//! Records: what is written is read back, and what fails leaves nothing.

use crossdock::base::error::{Fault, Kind};
use crossdock::store::{Coll, DEPOT, Dir, Expect, Ix, KeyRange, Lane, MAX_BODY, Store, StoreError};

use super::{A, B, BY, LAST, LOG, T, append, fill, get, give_up, head, keys, put, scan, tail, write};

pub fn a_record_is_read_back(s: &Store) {
    assert_eq!(get(s, b"k"), None);
    assert_eq!(write(s, T, |tx| put(tx, b"k", b"v")).unwrap(), 1);
    assert_eq!(get(s, b"k"), Some((1, b"v".to_vec())));
}

pub fn revisions_count_up_and_begin_anew_after_a_delete(s: &Store) {
    for n in 1..4 {
        assert_eq!(write(s, T, |tx| put(tx, b"k", b"v")).unwrap(), n);
    }
    assert!(write(s, T, |tx| tx.del(A, b"k", Expect::Any)).unwrap());
    assert_eq!(get(s, b"k"), None);
    assert_eq!(write(s, T, |tx| put(tx, b"k", b"v")).unwrap(), 1);
}

pub fn deleting_nothing_says_so(s: &Store) {
    assert!(!write(s, T, |tx| tx.del(A, b"k", Expect::Any)).unwrap());
    assert!(!write(s, T, |tx| tx.del(A, b"k", Expect::Absent)).unwrap());
}

pub fn absent_admits_the_first_alone(s: &Store) {
    let claim = |by: &'static [u8]| write(s, T, move |tx| tx.put(A, b"name", by, &[], Expect::Absent));
    claim(b"first").unwrap();
    assert_eq!(claim(b"second").unwrap_err().kind(), Kind::Conflict);
    assert_eq!(get(s, b"name"), Some((1, b"first".to_vec())));
}

pub fn only_the_present_revision_is_admitted(s: &Store) {
    let at = |rev| write(s, T, move |tx| tx.put(A, b"k", &[rev as u8], &[], Expect::Rev(rev)));
    assert_eq!(at(1).unwrap_err().kind(), Kind::Stale);
    fill(s, &[b"k"]);
    assert_eq!(at(1).unwrap(), 2);
    assert_eq!(at(1).unwrap_err().kind(), Kind::Stale);
    assert_eq!(at(3).unwrap_err().kind(), Kind::Stale);
    assert_eq!(get(s, b"k"), Some((2, vec![1])));
}

pub fn a_delete_minds_what_it_expects(s: &Store) {
    fill(s, &[b"k"]);
    assert!(write(s, T, |tx| tx.del(A, b"k", Expect::Rev(2))).is_err());
    assert!(write(s, T, |tx| tx.del(A, b"k", Expect::Absent)).is_err());
    assert!(write(s, T, |tx| tx.del(A, b"k", Expect::Rev(1))).unwrap());
}

pub fn a_transaction_reads_its_own_writes(s: &Store) {
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

pub fn an_error_leaves_nothing(s: &Store) {
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

pub fn an_error_gives_back_what_was_overwritten_deleted_and_trimmed(s: &Store) {
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

pub fn a_failed_append_leaves_no_hole(s: &Store) {
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

pub fn tenants_do_not_see_one_another(s: &Store) {
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

pub fn collections_do_not_run_into_one_another(s: &Store) {
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

pub fn the_last_of_all_collections_ends(s: &Store) {
    write(s, u32::MAX, |tx| tx.put(LAST, &[0xff; 9], b"v", &[Some(vec![0xff; 9])], Expect::Any)).unwrap();
    for (ix, dir) in [(Ix::Primary, Dir::Up), (Ix::Primary, Dir::Down), (BY, Dir::Up), (BY, Dir::Down)] {
        let found = s
            .read(u32::MAX, |tx| Ok::<_, StoreError>(keys(tx, LAST, ix, &KeyRange::prefix(&[0xff]), dir, 1)));
        assert_eq!(found.unwrap(), [vec![0xff; 9]]);
    }
}

pub const ODD: [&[u8]; 9] = [b"", b"\0", b"\0\0", b"\0\xff", b"\x01", b"a", b"a\0", b"a\0b", b"\xff\xff"];

pub fn keys_may_hold_any_bytes(s: &Store) {
    fill(s, &ODD);
    for k in ODD {
        assert_eq!(get(s, k), Some((1, k.to_vec())));
    }
}

pub fn keys_sort_by_their_bytes(s: &Store) {
    let mut shuffled = ODD;
    shuffled.reverse();
    fill(s, &shuffled);
    assert_eq!(scan(s, Ix::Primary, &KeyRange::all(), Dir::Up, 100), ODD);
}

pub fn a_body_of_64_kib_is_kept(s: &Store) {
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

pub fn a_body_one_past_the_limit_is_refused(s: &Store) {
    let of = |n: usize| write(s, T, move |tx| put(tx, b"k", &vec![1; n]));
    of(MAX_BODY).unwrap();
    assert_eq!(of(MAX_BODY + 1).unwrap_err().kind(), Kind::TooLarge);
    assert_eq!(write(s, T, |tx| append(tx, &vec![1; MAX_BODY + 1])).unwrap_err().kind(), Kind::TooLarge);
    assert_eq!(get(s, b"k").unwrap().1.len(), MAX_BODY);
}

pub fn a_key_one_past_the_limit_is_refused(s: &Store) {
    let of = |n: usize| write(s, T, move |tx| put(tx, &vec![1; n], b"v"));
    of(1024).unwrap();
    assert!(of(1025).is_err());
}

pub fn an_index_key_one_past_the_limit_is_refused(s: &Store) {
    let of = |n: usize| write(s, T, move |tx| tx.put(A, b"k", b"v", &[Some(vec![1; n])], Expect::Any));
    of(1021).unwrap();
    assert!(of(1022).is_err());
    assert_eq!(get(s, b"k").unwrap().0, 1);
}
