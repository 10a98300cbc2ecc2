//! Ranges and pages over records.

use crossdock::store::{Dir, Expect, Ix, KeyRange, Store};

use super::records::ODD;
use super::{A, BY, T, fill, put, range, scan, write};

pub fn a_range_is_half_open_both_ways(s: &Store) {
    fill(s, &[b"a", b"b", b"bb", b"c", b"d"]);
    assert_eq!(scan(s, Ix::Primary, &range(b"b", b"d"), Dir::Up, 2), [&b"b"[..], b"bb", b"c"]);
    assert_eq!(scan(s, Ix::Primary, &range(b"b", b"d"), Dir::Down, 2), [&b"c"[..], b"bb", b"b"]);
}

pub fn a_prefix_is_all_that_begins_with_it(s: &Store) {
    fill(s, &[b"a", b"b", b"b\0", b"b\xff", b"b\xff\xff", b"c", b"\xff", b"\xff\xff"]);
    assert_eq!(scan(s, Ix::Primary, &KeyRange::prefix(b"b"), Dir::Up, 9).len(), 4);
    assert_eq!(
        scan(s, Ix::Primary, &KeyRange::prefix(b"b\xff"), Dir::Down, 1),
        [&b"b\xff\xff"[..], b"b\xff"]
    );
    assert_eq!(scan(s, Ix::Primary, &KeyRange::prefix(b"\xff"), Dir::Up, 9).len(), 2);
    assert_eq!(scan(s, Ix::Primary, &KeyRange::prefix(b""), Dir::Up, 9).len(), 8);
}

pub fn a_range_that_is_none_is_empty(s: &Store) {
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

pub fn pages_join_to_the_whole_both_ways(s: &Store) {
    fill(s, &ODD);
    for limit in 1..11 {
        assert_eq!(scan(s, Ix::Primary, &KeyRange::all(), Dir::Up, limit), ODD);
        let mut down = scan(s, Ix::Primary, &KeyRange::all(), Dir::Down, limit);
        down.reverse();
        assert_eq!(down, ODD);
    }
}

pub fn a_page_that_is_just_full_has_no_next(s: &Store) {
    fill(s, &[b"a", b"b"]);
    let next =
        |limit| s.read(T, |tx| tx.scan(A, Ix::Primary, &KeyRange::all(), Dir::Up, limit)).unwrap().next;
    assert_eq!((next(2), next(1)), (None, Some(b"a".to_vec())));
}

pub fn pages_go_on_under_writes(s: &Store) {
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

pub fn a_position_leads_out_of_no_range(s: &Store) {
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
