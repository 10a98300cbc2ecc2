//! The same bytes come out, few went through, and nothing hostile gets further than a refusal.

use proptest::prelude::*;
use rmpv::Value as V;

use super::*;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::demo;
use crate::journal::change::{self, Header};
use crate::parcels::event::{ParcelEvent, Registered};

fn bufs(all: &[Vec<u8>]) -> Vec<ByteBuf> {
    all.iter().map(|b| ByteBuf::from(b.clone())).collect()
}

/// Announced parcels of the demonstration.
pub(crate) fn announced(n: u32) -> Vec<ByteBuf> {
    let begun = Timestamp::from_millis(1_790_000_000_000);
    let one = |(s, p): (u64, demo::DemoParcel)| {
        let event = ParcelEvent::Registered(Box::new(Registered { number: p.number, facts: p.facts }));
        let t = (begun.unsigned() + 700 * s) << 16;
        let header = Header { o: 7, e: 1 << 60, s, t, k: event.kind(), v: 1, id: Id::fresh(), u: 3 };
        ByteBuf::from(change::encode(&header, &event.encode_body().unwrap()).unwrap())
    };
    (1..).zip(demo::parcels(1, n, begun)).map(one).collect()
}

#[test]
fn announced_parcels_take_few_bytes_and_come_out_as_they_were() {
    let all = announced(500);
    let packed = super::super::pack(&encode(&all).unwrap()).unwrap();
    assert_eq!(decode(&encode(&all).unwrap()).unwrap(), all);
    let each = packed.len() as f64 / 500.0;
    assert!(each <= 65.0, "{each} bytes each");
}

#[test]
fn what_is_not_written_the_shortest_way_comes_out_as_it_was_too() {
    let long_ways: Vec<Vec<u8>> = vec![
        vec![0xcc, 5],
        vec![0xcd, 0, 200],
        vec![0xce, 0, 0, 1, 0],
        vec![0xcf, 0, 0, 0, 0, 0, 0, 0, 1],
        vec![0xd0, 5],
        vec![0xd0, 0xf0],
        vec![0xd1, 0xff, 0x90],
        vec![0xd2, 0xff, 0xff, 0xff, 0x00],
        vec![0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0],
        vec![0xd9, 1, b'a'],
        vec![0xda, 0, 1, b'a'],
        vec![0xdb, 0, 0, 0, 1, b'a'],
        vec![0xc5, 0, 1, 7],
        vec![0xdc, 0, 1, 7],
        vec![0xde, 0, 1, 0xa1, b'k', 7],
        vec![0x81, 7, 7],
        vec![0xd4, 1, 2],
        vec![0xc1],
        vec![0xca, 1, 2, 3, 4],
        vec![0xc0, 0xc0],
        vec![],
        vec![0x81, 0xa1],
        vec![0x91; 40],
    ];
    let all = bufs(&long_ways);
    assert_eq!(decode(&encode(&all).unwrap()).unwrap(), all);
}

fn value() -> impl Strategy<Value = V> {
    let leaf = prop_oneof![
        Just(V::Nil),
        any::<bool>().prop_map(V::from),
        any::<i64>().prop_map(V::from),
        any::<u64>().prop_map(V::from),
        (-200_i64..200).prop_map(V::from),
        any::<f32>().prop_map(V::from),
        any::<f64>().prop_map(V::from),
        "[a-z0-9 \u{1}-\u{3}]{0,40}".prop_map(V::from),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(V::Binary),
        proptest::collection::vec(any::<u8>(), 16).prop_map(V::Binary),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(V::Array),
            proptest::collection::vec(("[a-e]{1,3}".prop_map(V::from), inner), 0..5).prop_map(V::Map),
        ]
    })
}

fn bytes_of(value: &V) -> Vec<u8> {
    let mut out = Vec::new();
    rmpv::encode::write_value(&mut out, value).unwrap();
    out
}

proptest! {
    #[test]
    fn whatever_goes_in_comes_out(values in proptest::collection::vec(value(), 1..30)) {
        let all = bufs(&values.iter().map(bytes_of).collect::<Vec<_>>());
        prop_assert_eq!(decode(&encode(&all).unwrap()).unwrap(), all);
    }

    #[test]
    fn a_bent_byte_is_refused_or_gives_other_changes_and_does_no_harm(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let all = announced(20);
        let mut bytes = encode(&all).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(other) = decode(&bytes) {
            prop_assert!(other.len() <= MAX_CHANGES);
        }
    }
}

#[test]
fn one_more_than_a_batch_holds_is_refused() {
    let same = |n: usize| bufs(&vec![vec![0x80]; n]);
    assert!(encode(&same(MAX_CHANGES)).is_some());
    assert_eq!(encode(&same(MAX_CHANGES + 1)), None);
    assert_eq!(encode(&[]), None);
    let mut bytes = Vec::new();
    numbers::varint(&mut bytes, MAX_CHANGES as u64 + 1);
    numbers::varint(&mut bytes, 1);
    bytes.extend([1, 0x80]);
    numbers::put(&mut bytes, &vec![0; MAX_CHANGES + 1]);
    assert_eq!(decode(&bytes), Err(malformed("more changes than one push may hold")));
}

#[test]
fn a_few_bytes_that_would_become_very_many_are_refused() {
    // A list of so many equal numbers in each of the changes.
    let wide = |n: u16| [vec![0xdc], n.to_be_bytes().to_vec(), vec![7; n.into()]].concat();
    let most = MAX_VALUES / MAX_CHANGES;
    assert!(encode(&bufs(&vec![wide(most as u16); MAX_CHANGES])).is_some());
    assert_eq!(encode(&bufs(&vec![wide(most as u16 + 1); MAX_CHANGES])), None);
    let mut bytes = Vec::new();
    numbers::varint(&mut bytes, MAX_CHANGES as u64);
    numbers::varint(&mut bytes, 1);
    let n = most as u16 + 2;
    numbers::varint(&mut bytes, u64::from(n) + 3);
    bytes.push(0xdc);
    bytes.extend(n.to_be_bytes());
    bytes.extend(vec![0xcf; n.into()]);
    numbers::put(&mut bytes, &vec![0; MAX_CHANGES]);
    assert_eq!(decode(&bytes), Err(malformed("more values than one push may hold")));
    // One long text, named by each of the changes.
    let text = |n: usize| bufs(&vec![bytes_of(&V::from("x".repeat(n))); MAX_CHANGES]);
    let small = encode(&text(MAX_PLAIN / MAX_CHANGES - 100)).unwrap();
    assert!(small.len() < 20_000 && decode(&small).is_ok());
    assert_eq!(encode(&text(MAX_PLAIN / MAX_CHANGES + 1)), None);
}
