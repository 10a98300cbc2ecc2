//! How keys and values lie in the file: the part of the embedded engine that a released version may not change.

use std::ops::Bound;

use super::{Coll, Dir, Head, Ix, KeyRange, LogId, MAX_BODY, Part, Result, StoreError, Tenant, key};

pub(super) fn rec_key(tenant: Tenant, c: Coll, pk: &[u8]) -> Vec<u8> {
    let mut k = Vec::with_capacity(6 + pk.len());
    k.extend(tenant.to_be_bytes());
    k.extend(c.id.to_be_bytes());
    k.extend_from_slice(pk);
    k
}

pub(super) fn ix_prefix(tenant: Tenant, c: Coll, n: u8) -> Vec<u8> {
    let mut k = Vec::with_capacity(64);
    k.extend(tenant.to_be_bytes());
    k.extend(c.id.to_be_bytes());
    k.push(n);
    k
}

pub(super) fn ix_key(tenant: Tenant, c: Coll, n: u8, ended: &[u8], pk: &[u8]) -> Vec<u8> {
    let mut k = ix_prefix(tenant, c, n);
    k.extend_from_slice(ended);
    k.extend_from_slice(pk);
    k
}

pub(super) fn head_key(tenant: Tenant, p: Part, log: LogId) -> Vec<u8> {
    let mut k = Vec::with_capacity(26);
    k.extend(tenant.to_be_bytes());
    k.push(p.kind);
    k.extend(p.n.to_be_bytes());
    k.push(log.log);
    k.extend(log.epoch.to_be_bytes());
    k
}

pub(super) fn log_key(tenant: Tenant, p: Part, log: LogId, seq: u64) -> Vec<u8> {
    let mut k = head_key(tenant, p, log);
    k.extend(seq.to_be_bytes());
    k
}

pub(super) fn head_bytes(h: &Head) -> [u8; 32] {
    let mut b = [0; 32];
    b[..8].copy_from_slice(&h.last.to_be_bytes());
    b[8..16].copy_from_slice(&h.floor.to_be_bytes());
    b[16..].copy_from_slice(&h.hash);
    b
}

pub(super) fn read_head(b: &[u8]) -> Result<Head> {
    let parts = (b.get(..8), b.get(8..16), b.get(16..32));
    let (Some(last), Some(floor), Some(hash)) = parts else {
        return Err(StoreError::Corrupt("the end of a log is damaged".into()));
    };
    Ok(Head { last: be64(last), floor: be64(floor), hash: hash.try_into().unwrap_or_default() })
}

pub(super) fn be64(b: &[u8]) -> u64 {
    b.try_into().map(u64::from_be_bytes).unwrap_or_default()
}

/// A record's value: revision, the index keys it has (ended, as they stand in `ix`), body.
pub(super) struct Value<'a> {
    pub(super) rev: u64,
    pub(super) keys: Vec<Option<&'a [u8]>>,
    pub(super) body: &'a [u8],
}

const NO_KEY: u16 = u16::MAX;

impl<'a> Value<'a> {
    pub(super) fn parse(b: &'a [u8]) -> Result<Self> {
        Self::split(b).ok_or_else(|| StoreError::Corrupt("the head of a record is damaged".into()))
    }

    /// Revision and body alone.
    pub(super) fn body(b: &'a [u8]) -> Result<(u64, &'a [u8])> {
        let skip = || {
            let mut rest = b.get(9..)?;
            for _ in 0..*b.get(8)? {
                let len = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
                rest = rest.get(2 + if len == NO_KEY { 0 } else { usize::from(len) }..)?;
            }
            Some((be64(b.get(..8)?), rest))
        };
        skip().ok_or_else(|| StoreError::Corrupt("the head of a record is damaged".into()))
    }

    fn split(b: &'a [u8]) -> Option<Self> {
        let rev = be64(b.get(..8)?);
        let n = *b.get(8)?;
        let mut rest = b.get(9..)?;
        let mut keys = Vec::with_capacity(n.into());
        for _ in 0..n {
            let len = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
            rest = rest.get(2..)?;
            if len == NO_KEY {
                keys.push(None);
            } else {
                keys.push(Some(rest.get(..len.into())?));
                rest = rest.get(len.into()..)?;
            }
        }
        Some(Self { rev, keys, body: rest })
    }

    pub(super) fn write(rev: u64, keys: &[Option<Vec<u8>>], body: &[u8]) -> Result<Vec<u8>> {
        let mut out =
            Vec::with_capacity(9 + body.len() + keys.iter().flatten().map(|k| k.len() + 2).sum::<usize>());
        out.extend(rev.to_be_bytes());
        out.push(u8::try_from(keys.len()).map_err(|_| StoreError::Corrupt("too many indexes".into()))?);
        for k in keys {
            match k {
                None => out.extend(NO_KEY.to_be_bytes()),
                Some(k) => {
                    out.extend(fits_index(k)?.to_be_bytes());
                    out.extend_from_slice(k);
                }
            }
        }
        out.extend_from_slice(body);
        Ok(out)
    }
}

/// The longest key, of a record or in an index: two of them fit into an index entry of every engine (PostgreSQL's
/// hold 2,704 bytes).
const MAX_KEY: u16 = 1024;

/// The length of an ended index key.
pub(super) fn fits_index(ended: &[u8]) -> Result<u16> {
    let len = u16::try_from(ended.len()).ok().filter(|l| *l < MAX_KEY);
    len.ok_or_else(|| StoreError::Corrupt(format!("an index key of {} bytes is too long", ended.len())))
}

pub(super) fn fits(coll: &'static str, key: &[u8], body: &[u8]) -> Result<()> {
    if key.len() > usize::from(MAX_KEY) {
        return Err(StoreError::Corrupt(format!(
            "{coll}: a key of {} bytes is longer than the {MAX_KEY} that are kept",
            key.len()
        )));
    }
    if body.len() > MAX_BODY { Err(StoreError::TooLarge { coll, bytes: body.len() }) } else { Ok(()) }
}

/// The bounds of a scan in raw keys, and the length of the prefix that is not part of the position.
pub(super) fn bounds(
    tenant: Tenant,
    c: Coll,
    ix: Ix,
    r: &KeyRange,
    dir: Dir,
) -> (Bound<Vec<u8>>, Bound<Vec<u8>>, usize) {
    let (base, from, to) = match ix {
        Ix::Primary => (rec_key(tenant, c, &[]), r.from.clone(), r.to.clone()),
        Ix::Nth(n) => {
            let escaped = |k: &[u8]| {
                let mut e = Vec::with_capacity(k.len() + 4);
                key::escape(&mut e, k);
                e
            };
            (ix_prefix(tenant, c, n), escaped(&r.from), r.to.as_deref().map(escaped))
        }
    };
    let at = |k: &[u8]| [&base[..], k].concat();
    let mut low = Bound::Included(at(&from));
    let mut high = match to {
        Some(to) => Bound::Excluded(at(&to)),
        None => key::successor(&base).map_or(Bound::Unbounded, Bound::Excluded),
    };
    if let Some(after) = r.after.as_ref().map(|after| at(after)) {
        // A position only ever narrows the range: one from another list must not lead out of this one.
        match (dir, &low, &high) {
            (Dir::Up, Bound::Included(from), _) if after >= *from => low = Bound::Excluded(after),
            (Dir::Down, _, Bound::Excluded(to)) if after >= *to => {}
            (Dir::Down, ..) => high = Bound::Excluded(after),
            (Dir::Up, ..) => {}
        }
    }
    (low, high, base.len())
}

pub(super) fn is_empty(low: &Bound<Vec<u8>>, high: &Bound<Vec<u8>>) -> bool {
    match (low, high) {
        (Bound::Included(a), Bound::Excluded(b)) => a >= b,
        (Bound::Excluded(a), Bound::Excluded(b)) => a >= b,
        _ => false,
    }
}

pub(super) fn ended(k: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(k.len() + 4);
    key::text(&mut out, k);
    out
}
