//! The change: an immutable blob whose identity is the hash of its bytes, and the chain that holds a log of them.
//!
//! `{o site, e epoch, s position when first written, t stamp, k kind, v schema, id aggregate, u actor, b body}`, MessagePack with these
//! keys in this order. Blobs are stored and sent on byte for byte, never encoded again.

use serde::{Deserialize, Serialize};

use super::event::{Eid, Hlc};
use crate::base::ids::Id;
use crate::store::{Hash, Result, StoreError};

/// The largest change: what one push to headquarters takes of a single one.
pub const MAX_CHANGE: usize = 64 * 1024;

/// What every change says before its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The site that wrote it.
    pub o: u32,
    /// The site's epoch then.
    pub e: u64,
    /// Its position in the site's log when it was first written.
    pub s: u64,
    /// Its stamp.
    pub t: Hlc,
    /// Which kind of event the body is.
    pub k: u16,
    /// The body's schema.
    pub v: u16,
    /// The aggregate it belongs to.
    pub id: Id,
    /// Who caused it, by the site's own number.
    pub u: u32,
}

const FIXMAP_8: u8 = 0x88;
const FIXMAP_10: u8 = 0x8a;
const KEY_B: [u8; 2] = [0xa1, b'b'];
/// The key `z` and the head of sixteen bytes.
const KEY_Z: [u8; 4] = [0xa1, b'z', 0xc4, 16];

/// The change with `header` and an encoded `body` (a MessagePack map).
///
/// # Errors
/// When it would be larger than [`MAX_CHANGE`].
pub fn encode(header: &Header, body: &[u8]) -> Result<Vec<u8>> {
    let mut out = head_bytes(header)?;
    out.extend(KEY_B);
    out.extend_from_slice(body);
    if out.len() > MAX_CHANGE {
        return Err(StoreError::TooLarge { coll: "change", bytes: out.len() });
    }
    Ok(out)
}

/// The redacted form of the change `eid`: `body` in the place of its own, and behind it the identity it keeps. See
/// [`redaction`](super::redaction).
///
/// # Errors
/// When the header can't be written.
pub fn encode_redacted(header: &Header, body: &[u8], eid: &Eid) -> Result<Vec<u8>> {
    let mut out = head_bytes(header)?;
    if let Some(map) = out.first_mut() {
        *map = FIXMAP_10;
    }
    out.extend(KEY_B);
    out.extend_from_slice(body);
    out.extend(KEY_Z);
    out.extend_from_slice(eid);
    Ok(out)
}

/// Whether a change is in its redacted form.
#[must_use]
pub fn is_redacted(blob: &[u8]) -> bool {
    stands_for(blob).is_some()
}

/// The identity of the change that a redacted one stands for.
fn stands_for(blob: &[u8]) -> Option<Eid> {
    let (rest, eid) = blob.split_last_chunk::<16>()?;
    (blob.first() == Some(&FIXMAP_10) && rest.ends_with(&KEY_Z)).then_some(*eid)
}

/// The header as the beginning of a map of nine: eight fields and the body that follows.
fn head_bytes(header: &Header) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(256);
    rmp_serde::encode::write_named(&mut out, header).map_err(bad)?;
    if let Some(map @ &mut FIXMAP_8) = out.first_mut() {
        *map += 1;
    }
    Ok(out)
}

/// The header and the encoded body of a change.
///
/// # Errors
/// When the bytes are not a change.
pub fn decode(blob: &[u8]) -> Result<(Header, Vec<u8>)> {
    let header: Header = rmp_serde::from_slice(blob).map_err(bad)?;
    let head = head_bytes(&header)?;
    if let Some(body) = blob.strip_prefix(&head[..]).and_then(|rest| rest.strip_prefix(&KEY_B)) {
        return Ok((header, body.to_vec()));
    }
    // Written by somebody with another order of keys or more of them: the same facts, read the long way.
    #[derive(Deserialize)]
    struct Body {
        b: rmpv::Value,
    }
    let Body { b } = rmp_serde::from_slice(blob).map_err(bad)?;
    let mut body = Vec::new();
    rmpv::encode::write_value(&mut body, &b).map_err(bad)?;
    Ok((header, body))
}

/// The identity of a change: the hash of its bytes, and of a redacted one that of the bytes it was written with.
#[must_use]
pub fn eid(blob: &[u8]) -> Eid {
    stands_for(blob).unwrap_or_else(|| truncated(blake3::hash(blob)))
}

/// The next link of a log's chain: `BLAKE3(h || eid)[..16]`.
#[must_use]
pub fn link(h: &Hash, eid: &Eid) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(h).update(eid);
    truncated(hasher.finalize())
}

fn truncated(h: blake3::Hash) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&h.as_bytes()[..16]);
    out
}

fn bad(e: impl std::fmt::Display) -> StoreError {
    StoreError::Codec { what: "change", why: e.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(b: &[u8]) -> String {
        b.iter().map(|b| format!("{b:02x}")).collect()
    }

    fn golden() -> (Header, Vec<u8>) {
        let id = Id([
            0x01, 0x9a, 0x0c, 0x2f, 0x7b, 0x2c, 0x7d, 0x10, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18,
        ]);
        let (e, t) = (117_637_120_000_000_000, 117_637_120_000_065_537);
        let header = Header { o: 417, e, s: 5, t, k: 1, v: 1, id, u: 12 };
        #[derive(Serialize)]
        struct B {
            st: &'static str,
        }
        (header, rmp_serde::to_vec_named(&B { st: "IN_TRANSIT" }).unwrap())
    }

    #[test]
    fn the_golden_change_has_these_bytes_this_identity_and_this_link() {
        let (header, body) = golden();
        let blob = encode(&header, &body).unwrap();
        let expected = "89a16fcd01a1a165cf01a1ee565e000000a17305a174cf01a1ee565e010001a16b01a17601a26964c410019a0c2f7b2c7d10a1b2c3d4e5f60718a1750ca16281a27374aa494e5f5452414e534954";
        assert_eq!(hex(&blob), expected);
        assert_eq!(blob.len(), 78);
        assert_eq!(hex(&eid(&blob)), "7fa0de298d65341d9a5b31d9e849a6d8");
        assert_eq!(hex(&link(&[0; 16], &eid(&blob))), "d2fe251044baf604039d1b6389b1979a");
        assert_eq!(decode(&blob).unwrap(), (header, body));
    }

    #[test]
    fn a_change_with_more_keys_or_another_order_reads_the_same() {
        let (header, body) = golden();
        let b: rmpv::Value = rmp_serde::from_slice(&body).unwrap();
        let s = |s: &str| rmpv::Value::from(s);
        let id = rmpv::Value::Binary(header.id.0.to_vec());
        let fields = vec![
            (s("b"), b),
            (s("future"), s("x")),
            (s("id"), id),
            (s("o"), 417.into()),
            (s("e"), header.e.into()),
            (s("s"), 5.into()),
            (s("t"), header.t.into()),
            (s("k"), 1.into()),
            (s("v"), 1.into()),
            (s("u"), 12.into()),
        ];
        let mut blob = Vec::new();
        rmpv::encode::write_value(&mut blob, &rmpv::Value::Map(fields)).unwrap();
        assert_eq!(decode(&blob).unwrap(), (header, body));
    }

    #[test]
    fn a_redacted_change_is_read_as_one_and_keeps_the_identity_of_the_whole() {
        let (header, body) = golden();
        let blob = encode(&header, &body).unwrap();
        let less = rmp_serde::to_vec_named(&std::collections::BTreeMap::from([("st", "?")])).unwrap();
        let redacted = encode_redacted(&header, &less, &eid(&blob)).unwrap();
        assert_eq!(decode(&redacted).unwrap(), (header.clone(), less));
        assert_eq!(eid(&redacted), eid(&blob));
        assert!(is_redacted(&redacted) && !is_redacted(&blob));
        // Again: of what was left out twice the first bytes are named.
        let twice = encode_redacted(&header, &body, &eid(&redacted)).unwrap();
        assert_eq!(eid(&twice), eid(&blob));
    }

    #[test]
    fn one_byte_more_than_a_push_takes_is_refused() {
        let (header, _) = golden();
        let head = head_bytes(&header).unwrap().len() + 2;
        assert!(encode(&header, &vec![0; MAX_CHANGE - head]).is_ok());
        assert!(matches!(encode(&header, &vec![0; MAX_CHANGE - head + 1]), Err(StoreError::TooLarge { .. })));
    }
}
