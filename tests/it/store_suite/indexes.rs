//! Indexes.

use crossdock::store::{Dir, Expect, KeyRange, Store};

use super::records::ODD;
use super::{A, BY, T, keys, range, scan, write};

pub fn an_index_sorts_by_its_key_and_then_the_records(s: &Store) {
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

pub fn index_keys_may_hold_any_bytes(s: &Store) {
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

pub fn an_index_follows_its_records(s: &Store) {
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

pub fn an_index_shows_own_writes(s: &Store) {
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

pub fn pages_of_an_index_join_to_the_whole_both_ways(s: &Store) {
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
