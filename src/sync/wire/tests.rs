//! The agreed form, and what is refused.

use serde_bytes::ByteBuf;

use super::*;

fn push() -> Push {
    Push {
        ep: 7,
        l: Log::A,
        from: 3,
        h0: Bin::new([1; 16]),
        tmax: 9,
        adj: vec![Shift(3, 4, -5)],
        ch: vec![ByteBuf::from(vec![1, 2]), ByteBuf::from(vec![3])],
    }
}

#[test]
fn a_push_has_the_agreed_keys_and_survives_packing() {
    let plain = encode(&push()).unwrap();
    let value: rmpv::Value = decode(&plain).unwrap();
    let keys: Vec<_> = value.as_map().unwrap().iter().filter_map(|(k, _)| k.as_str()).collect();
    assert_eq!(keys, ["ep", "l", "from", "h0", "tmax", "adj", "ch"]);
    assert_eq!(value["l"].as_str(), Some("a"));
    assert_eq!(decode::<Push>(&unpack(&pack(&plain).unwrap()).unwrap()).unwrap(), push());
}

#[test]
fn keys_of_a_later_release_are_passed_over() {
    let mut value: rmpv::Value = decode(&encode(&push()).unwrap()).unwrap();
    if let rmpv::Value::Map(fields) = &mut value {
        fields.insert(0, ("future".into(), rmpv::Value::Array(vec![1.into()])));
    }
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &value).unwrap();
    assert_eq!(decode::<Push>(&bytes).unwrap(), push());
}

#[test]
fn one_byte_more_than_is_taken_is_refused_packed_and_unpacked() {
    assert!(unpack(&pack(&vec![0; MAX_PLAIN]).unwrap()).is_ok());
    let bomb = zstd::encode_all(&vec![0; MAX_PLAIN + 1][..], 3).unwrap();
    assert!(bomb.len() < 10_000, "a small body that would become a large one");
    assert_eq!(unpack(&bomb), Err(WireError::TooBig { limit: MAX_PLAIN }));
    assert_eq!(unpack(&vec![0; MAX_PACKED + 1]), Err(WireError::TooBig { limit: MAX_PACKED }));
    assert_eq!(pack(&vec![0; MAX_PLAIN + 1]), Err(WireError::TooBig { limit: MAX_PLAIN }));
}

#[test]
fn deep_nesting_is_refused_and_so_is_rubbish() {
    let deep = |n: usize| [vec![0x91; n], vec![0xc0]].concat();
    assert!(decode::<serde::de::IgnoredAny>(&deep(MAX_DEPTH - 1)).is_ok());
    assert!(decode::<serde::de::IgnoredAny>(&deep(MAX_DEPTH + 1)).is_err());
    assert!(unpack(b"no zstd").is_err() && decode::<Push>(b"\xc1").is_err());
}

#[test]
fn a_feed_entry_says_what_it_is() {
    let marker = Marker { e: 1, from: 2, to: 3, h: Bin::new([4; 16]), adj: -5 };
    assert_eq!(told(&encode(&marker).unwrap()), Told::Marker(marker));
    let reject = Reject { r: Bin::new([4; 16]), code: "scope".into(), msg: "m".into() };
    assert_eq!(told(&encode(&reject).unwrap()), Told::Reject(reject));
    let header =
        crate::journal::change::Header { o: 1, e: 2, s: 3, t: 4, k: 5, v: 1, id: Default::default(), u: 0 };
    assert_eq!(told(&crate::journal::change::encode(&header, &[0x80]).unwrap()), Told::Change);
    assert_eq!(told(&[0x80]), Told::Unknown);
}

#[test]
fn a_body_that_asks_for_a_larger_window_than_is_kept_is_refused() {
    use std::io::Write;
    let framed = |log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(log).unwrap();
        // Its length is not announced, so the window is.
        encoder.write_all(b"a few").unwrap();
        encoder.flush().unwrap();
        encoder.write_all(b" bytes").unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(unpack(&framed(23)).unwrap(), b"a few bytes");
    assert!(matches!(unpack(&framed(24)), Err(WireError::Malformed(_))));
}
