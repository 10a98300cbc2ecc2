//! The bytes that files of released versions hold. A test that fails here means: old files would not be read. Then
//! raise the record's tag or append a migration; never edit the bytes below.

use crossdock::store::migrate::{self, Layout, MIGRATIONS};
use crossdock::store::redb::Redb;
use crossdock::store::table::{decode, encode};
use crossdock::store::{Area, Coll, DEPOT, Expect, Home, Lane, LogId, Never, Record, Result, Store};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct First {
    name: String,
    weight: u32,
}
crossdock::first_record!(First);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Second {
    name: String,
    grams: u64,
    #[serde(default)]
    note: Option<String>,
}

impl Record for Second {
    const TAG: u8 = 2;
    type Previous = First;
    fn upgrade(old: First) -> Self {
        Self { name: old.name, grams: u64::from(old.weight) * 1000, note: None }
    }
}

const FIRST: &[u8] = b"\x01\x82\xa4name\xa1x\xa6weight\x05";
const SECOND: &[u8] = b"\x02\x83\xa4name\xa1x\xa5grams\xcd\x13\x88\xa4note\xc0";
const LAYOUT: &[u8] = b"\x01\x82\xa6number\x01\xa7release\xa50.1.0";

#[test]
fn a_record_is_a_version_byte_and_messagepack_with_names() {
    let first = First { name: "x".into(), weight: 5 };
    assert_eq!(encode("test", &first).unwrap(), FIRST);
    assert_eq!(decode::<First>("test", FIRST).unwrap(), first);
    let second = Second { name: "x".into(), grams: 5000, note: None };
    assert_eq!(encode("test", &second).unwrap(), SECOND);
    assert_eq!(decode::<Second>("test", SECOND).unwrap(), second);
}

#[test]
fn the_shape_before_is_read_and_brought_up() {
    assert_eq!(
        decode::<Second>("test", FIRST).unwrap(),
        Second { name: "x".into(), grams: 5000, note: None }
    );
}

#[test]
fn fields_in_another_order_or_of_a_newer_minor_are_read() {
    let bytes = b"\x01\x83\xa6weight\x05\xa3new\xc3\xa4name\xa1x";
    assert_eq!(decode::<First>("test", bytes).unwrap(), First { name: "x".into(), weight: 5 });
}

#[test]
fn a_newer_shape_and_damaged_bytes_are_refused() {
    for bytes in [&b""[..], b"\x00", SECOND, b"\x03\x80", &FIRST[..FIRST.len() - 1]] {
        assert!(decode::<First>("test", bytes).is_err());
    }
    assert!(decode::<Never>("test", b"\x00").is_err());
}

#[test]
fn a_fresh_file_has_the_present_layout_and_a_newer_one_is_refused() {
    let s = Store::new(Redb::memory().unwrap());
    migrate::run(&s, MIGRATIONS, |_| panic!("a fresh file needs no backup")).unwrap();
    assert_eq!(migrate::latest(MIGRATIONS), 1);
    assert_eq!(migrate::layout(&s).unwrap().unwrap().number, 1);
    assert_eq!(decode::<Layout>("layout", LAYOUT).unwrap(), Layout { number: 1, release: "0.1.0".into() });
    assert_eq!(encode("layout", &Layout { number: 1, release: "0.1.0".into() }).unwrap(), LAYOUT);
    const OLDER: &[migrate::Migration] = &[];
    assert!(matches!(migrate::run(&s, OLDER, |_| Ok(())), Err(crossdock::store::StoreError::Newer { .. })));
}

#[test]
fn rows_lie_in_the_file_as_they_always_did() {
    const C: Coll = Coll { id: 0x0102, name: "c", home: Home::Local };
    let s = Store::new(Redb::memory().unwrap());
    let done: Result<u64> = s
        .write(0x0a0b_0c0d, Lane::People, |tx| {
            tx.put(C, b"pk", b"body", &[Some(b"i\0k".to_vec()), None], Expect::Any)?;
            tx.append(DEPOT, LogId { log: b'b', epoch: 3 }, b"blob", [0xee; 16])
        })
        .wait();
    done.unwrap();
    let row = |area| {
        let mut rows = Vec::new();
        s.sweep(|sweep| {
            sweep.rows(area, None, &mut |k, v| {
                rows.push((k.to_vec(), v.to_vec()));
                Ok(true)
            })
        })
        .unwrap();
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    };
    let of = |k: &[u8], v: &[u8]| (k.to_vec(), v.to_vec());
    assert_eq!(
        row(Area::Records),
        of(b"\x0a\x0b\x0c\x0d\x01\x02pk", b"\0\0\0\0\0\0\0\x01\x02\0\x06i\0\xffk\0\0\xff\xffbody")
    );
    assert_eq!(row(Area::Index), of(b"\x0a\x0b\x0c\x0d\x01\x02\0i\0\xffk\0\0pk", b""));
    assert_eq!(
        row(Area::Log),
        of(b"\x0a\x0b\x0c\x0d\x01\0\0\0\0b\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x01", b"blob")
    );
    let head = [&b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01"[..], &[0xee; 16]].concat();
    assert_eq!(row(Area::Heads), of(b"\x0a\x0b\x0c\x0d\x01\0\0\0\0b\0\0\0\0\0\0\0\x03", &head));
}
