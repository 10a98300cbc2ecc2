//! Who did what: one entry per change, with the changed fields before and after, secrets left out, in a hash chain of
//! its own that can be verified offline.

pub mod api;
pub mod queries;
pub mod redact;
pub mod sightings;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::ids::Id;
use crate::first_record;
use crate::journal::change::{self, Header};
use crate::journal::clock::Origin;
use crate::journal::event::Eid;
use crate::journal::fold::Cx;
use crate::journal::log::{self, Stretch};
use crate::journal::redaction;
use crate::store::{DEPOT, Hash, Home, ReadTx, Result, Store, StoreError, Table, Tenant, WriteTx};

/// The kind number of audit entries among changes.
pub const KIND: u16 = 0x7000;

/// Whether a kind of record may go unaudited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Identity, settings and money: always.
    Always,
    /// Everything else: unless the tenant switched the kind off.
    Business,
}

/// One changed field. A value that must not be seen is the text `[redacted]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed(
    /// Which.
    pub String,
    /// Before; null when it was not there.
    pub Value,
    /// After; null when it is gone.
    pub Value,
);

impl Changed {
    /// `field` went from `before` to `after`.
    pub fn new(field: &str, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        Self(field.into(), before.into(), after.into())
    }
}

/// What is to be noted.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Whether it can be switched off.
    pub class: Class,
    /// What was done, `area.past_participle`.
    pub action: &'a str,
    /// To which kind of record.
    pub record: &'a str,
    /// To which record.
    pub id: Id,
    /// The change that did it, for records with a timeline.
    pub event: Option<Eid>,
    /// The changed fields.
    pub changed: Vec<Changed>,
}

/// The body of an audit change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// What was done.
    pub act: String,
    /// To which kind of record.
    pub rec: String,
    /// The change that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ev: Option<serde_bytes::ByteArray<16>>,
    /// The changed fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub d: Vec<Changed>,
    /// By name, as it was then.
    pub by: String,
    /// On which device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<String>,
    /// By which way it came.
    pub via: String,
}

/// Kinds of records the tenant doesn't want audited.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Off {
    /// Their names.
    pub kinds: Vec<String>,
}
first_record!(Off);

/// Where the switched-off kinds are kept.
pub const OFF: Table<str, Off> = Table::new(5, "audit_off", Home::Shared);

/// Notes what was done and returns the position in log `a`; 0 when that kind is switched off.
///
/// # Errors
/// Storage failures.
pub fn append(tx: &mut dyn WriteTx, cx: &Cx, origin: &Origin, what: &Entry<'_>) -> Result<u64> {
    if what.class == Class::Business
        && OFF.get(tx, "off")?.is_some_and(|off| off.kinds.iter().any(|k| k == what.record))
    {
        return Ok(0);
    }
    let body = Body {
        act: what.action.into(),
        rec: what.record.into(),
        ev: what.event.map(serde_bytes::ByteArray::new),
        d: what.changed.clone(),
        by: cx.actor.name.to_string(),
        dev: cx.actor.device.as_deref().map(Into::into),
        via: cx.via.to_string(),
    };
    let s = log::head(tx, log::AUDIT, origin)?.last + 1;
    let header = Header {
        o: origin.site,
        e: origin.epoch,
        s,
        t: origin.last,
        k: KIND,
        v: 1,
        id: what.id,
        u: cx.actor.number,
    };
    let encode = |body: &Body| {
        let bytes = rmp_serde::to_vec_named(body)
            .map_err(|e| StoreError::Codec { what: "audit", why: e.to_string() })?;
        change::encode(&header, &bytes)
    };
    let blob = match encode(&body) {
        // The entry must not be what keeps a change from being made: values too long to keep are named, not shown.
        Err(StoreError::TooLarge { .. }) => {
            let d = body.d.iter().map(|c| Changed::new(&c.0, "[too long]", "[too long]")).collect();
            encode(&Body { d, ..body })?
        }
        other => other?,
    };
    log::append_audit(tx, origin, &blob)
}

/// Notes something that is not a change of a record with a timeline: a login, an export, a look at personal data.
///
/// # Errors
/// Storage failures.
pub fn note(tx: &mut dyn WriteTx, cx: &Cx, what: &Entry<'_>) -> Result<u64> {
    let mut origin = Origin::load(tx)?;
    origin.stamp(cx.now, 0);
    origin.save(tx)?;
    append(tx, cx, &origin, what)
}

/// The top-level fields in which two records differ, those named in `secret` without their content.
pub fn compare<T: Serialize>(old: Option<&T>, new: Option<&T>, secret: &[&str]) -> Vec<Changed> {
    let fields = |v: Option<&T>| match v.and_then(|v| serde_json::to_value(v).ok()) {
        Some(Value::Object(map)) => map,
        _ => serde_json::Map::new(),
    };
    let (old, new) = (fields(old), fields(new));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let mut out = Vec::new();
    for name in names {
        let (a, b) = (old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null));
        if a != b {
            let hidden = secret.contains(&name.as_str());
            let show = |v: &Value| if hidden && !v.is_null() { Value::from("[redacted]") } else { v.clone() };
            out.push(Changed(name.clone(), show(a), show(b)));
        }
    }
    out
}

/// One audit entry as it is read back.
#[derive(Clone, Debug)]
pub struct Noted {
    /// Its position.
    pub seq: u64,
    /// Its header.
    pub header: Header,
    /// What it says.
    pub body: Body,
    /// Its identity.
    pub eid: Eid,
    /// The chain's hash at it.
    pub hash: [u8; 16],
}

/// Reads an entry of log `a`.
///
/// # Errors
/// When it is damaged.
pub fn open(seq: u64, entry: &[u8]) -> Result<Noted> {
    let (hash, blob) = log::split_audit(entry)?;
    let (header, body) = change::decode(blob)?;
    let body =
        rmp_serde::from_slice(&body).map_err(|e| StoreError::Codec { what: "audit", why: e.to_string() })?;
    Ok(Noted { seq, header, body, eid: change::eid(blob), hash })
}

/// What a verification of the chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Verified {
    /// Entries whose place in the chain was recomputed.
    pub entries: u64,
    /// The first position at which the chain does not hold.
    pub broken_at: Option<u64>,
}

/// Recomputes the audit chain of one snapshot, from its first held entry to its end: for chains short enough for one
/// read; [`verify_all`] does any.
///
/// # Errors
/// Storage failures.
pub fn verify(tx: &dyn ReadTx) -> Result<Verified> {
    let mut verifier = Verifier::begin(tx)?;
    while !verifier.step(tx)? {}
    Ok(verifier.out)
}

/// Recomputes the audit chain page by page, each page in a read of its own, up to where it ended when this began.
///
/// # Errors
/// Storage failures.
pub fn verify_all(store: &Store, tenant: Tenant) -> Result<Verified> {
    let mut verifier = store.read(tenant, Verifier::begin)?;
    while !store.read(tenant, |tx| verifier.step(tx))? {}
    Ok(verifier.out)
}

/// A verification on its way: what it is held against and how far it has come.
#[derive(Debug)]
pub struct Verifier {
    /// The life it is at, with the end it is held against.
    now: Stretch,
    /// Those after it, the next one last.
    rest: Vec<Stretch>,
    at: u64,
    /// The hash at `at`; none when the entry there is gone.
    hash: Option<Hash>,
    out: Verified,
}

impl Verifier {
    /// Entries of one step.
    pub const PAGE: usize = 1000;

    /// Begins at the first held entry.
    ///
    /// # Errors
    /// Storage failures.
    pub fn begin(tx: &dyn ReadTx) -> Result<Self> {
        let mut rest = log::audit_stretches(tx, &Origin::load(tx)?)?;
        rest.reverse();
        let now = rest.pop().ok_or_else(|| StoreError::Corrupt("there is no audit log".into()))?;
        let out = Verified { entries: 0, broken_at: None };
        Ok(Self { now, rest, at: 0, hash: None, out }.at_the_beginning())
    }

    fn at_the_beginning(mut self) -> Self {
        self.at = self.now.floor.saturating_sub(1);
        // The entry before the first held one is gone; its hash is taken on trust. Before position 1 stands the zero.
        self.hash = (self.at == 0).then_some([0; 16]);
        self
    }

    /// Verifies one more page; true when it is done.
    ///
    /// # Errors
    /// Storage failures.
    pub fn step(&mut self, tx: &dyn ReadTx) -> Result<bool> {
        let floor = tx.head(DEPOT, self.now.id)?.floor;
        if floor > self.at + 1 {
            // Retention has come past us.
            (self.at, self.hash) = (floor - 1, None);
        }
        let rows = tx.tail(DEPOT, self.now.id, self.at, Self::PAGE)?;
        for (seq, entry) in rows.iter().take_while(|(seq, _)| *seq <= self.now.last) {
            let (mut holds, mut sound) = (false, true);
            if let Ok((stored, blob)) = log::split_audit(entry) {
                let before = self.hash.replace(stored);
                holds = before.is_none_or(|before| change::link(&before, &change::eid(blob)) == stored);
                sound = redaction::is_sound(tx, blob)?;
            }
            if !holds || !sound || *seq != self.at + 1 {
                self.out.broken_at = Some(self.now.before + *seq);
                return Ok(true);
            }
            self.at = *seq;
            self.out.entries += 1;
        }
        if rows.len() == Self::PAGE && self.at < self.now.last {
            return Ok(false);
        }
        let torn = |end: Hash| self.at == self.now.last && self.hash.is_some_and(|h| h != end);
        if self.at < self.now.last || self.now.hash.is_some_and(torn) {
            self.out.broken_at = Some(self.now.before + self.at);
            return Ok(true);
        }
        if let Some(next) = self.rest.pop() {
            let (rest, out) = (std::mem::take(&mut self.rest), self.out.clone());
            *self = Self { now: next, rest, at: 0, hash: None, out }.at_the_beginning();
            return Ok(false);
        }
        Ok(true)
    }

    /// What was found so far.
    #[must_use]
    pub fn found(&self) -> &Verified {
        &self.out
    }
}

/// This room's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn crate::store::table::Checked> {
    vec![&OFF]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Timestamp;
    use crate::store::redb::Redb;
    use crate::store::{Lane, LogId, check};

    const ENTRIES: u64 = 2 * Verifier::PAGE as u64 + 1;

    fn noted() -> (Store, LogId) {
        let store = Store::new(Redb::memory().unwrap());
        let write = store.write(1, Lane::People, |tx| -> Result<LogId> {
            let mut origin = Origin::load(tx)?;
            origin.stamp(Timestamp::from_millis(1), 0);
            origin.save(tx)?;
            for n in 0..ENTRIES {
                log::append_audit(tx, &origin, &n.to_be_bytes())?;
            }
            Ok(log::own(log::AUDIT, &origin))
        });
        let id = write.wait().unwrap();
        (store, id)
    }

    fn trim(store: &Store, id: LogId, upto: u64) {
        let done: Result<u64> =
            store.write(1, Lane::People, move |tx| tx.trim(DEPOT, id, upto, usize::MAX)).wait();
        done.unwrap();
    }

    fn chain(store: &Store) -> u64 {
        let hooks = check::Hooks { chain: Some(&log::chained), ..check::Hooks::default() };
        let report = check::run_with(store, &[&crate::journal::clock::ORIGIN], hooks).unwrap();
        report.fault_count
    }

    #[test]
    fn an_untouched_chain_holds_however_it_is_read() {
        let (store, id) = noted();
        let whole = Verified { entries: ENTRIES, broken_at: None };
        assert_eq!(verify_all(&store, 1).unwrap(), whole);
        assert_eq!(store.read(1, verify).unwrap(), whole);
        assert_eq!(chain(&store), 0);
        trim(&store, id, 1500);
        assert_eq!(verify_all(&store, 1).unwrap(), Verified { entries: ENTRIES - 1500, broken_at: None });
        assert_eq!(chain(&store), 0);
        trim(&store, id, ENTRIES);
        assert_eq!(verify_all(&store, 1).unwrap(), Verified { entries: 0, broken_at: None });
        assert_eq!(verify_all(&store, 2).unwrap(), Verified { entries: 0, broken_at: None });
        assert_eq!(chain(&store), 0);
    }

    #[test]
    fn entries_trimmed_under_a_verification_do_not_break_it() {
        let (store, id) = noted();
        let mut verifier = store.read(1, Verifier::begin).unwrap();
        assert!(!store.read(1, |tx| verifier.step(tx)).unwrap());
        trim(&store, id, 1_200);
        while !store.read(1, |tx| verifier.step(tx)).unwrap() {}
        assert_eq!(verifier.found().broken_at, None);
    }

    #[test]
    fn a_forged_entry_is_found_by_its_position() {
        let (store, id) = noted();
        let done: Result<()> = store
            .write(1, Lane::People, move |tx| {
                // The entry is honest, its place in the chain is not.
                tx.append(DEPOT, id, &[&[7; 16][..], b"forged"].concat(), [7; 16]).map(drop)
            })
            .wait();
        done.unwrap();
        assert_eq!(verify_all(&store, 1).unwrap().broken_at, Some(ENTRIES + 1));
        assert_eq!(chain(&store), 1);
    }
}
