//! What has to be forgotten although nothing here is ever changed.
//!
//! A change is known by the hash of its bytes, logs are chained over these, and every node knows it by that name. So a
//! change that holds a person's data is not taken away: it is replaced by a *redacted* one, the same change without that
//! data, which carries the identity of the one it stands for (`z`, behind the body). Chains, sums of identities and
//! references hold as before; folds give the same state everywhere, because what is left out follows from the erasure
//! alone: a list of places by name, which travels as an event of its own and holds no data of anybody.
//!
//! Why not a key for each person that is thrown away? Rows, look-ups and feeds would hold the open text all the same, a
//! key would have to be wherever the data is, backups and depots that are cut off among them, and what was written before
//! would stay readable.
//!
//! The price is that the bytes of a redacted change no longer prove themselves. Their hash is kept as a *seal*, and whoever
//! redacts says the seals in his own chained log; a redacted change of others is taken back from a depot only when it
//! bears a seal that is known.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rmpv::Value;
use serde::{Deserialize, Serialize};

use super::change::{self, Header};
use super::event::{Eid, Hlc};
use super::fold::{self, Aggregate, Cx};
use super::log;
use crate::audit;
use crate::base::ids::Id;
use crate::first_record;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx, counters};

/// What stands in the place of a text that something has to stand in.
pub const ERASED: &str = "[erased]";

/// Erasures that one record can be part of.
pub const MAX_MARKS: usize = 1_000;

/// What is to be left out of an aggregate's changes, by one erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Of changes stamped until then.
    pub until: Hlc,
    /// The places: see `Place`.
    pub paths: Vec<String>,
}

/// Marks by aggregate, erasure and role.
pub const MARKS: Table<[u8], Mark> = Table::new(220, "redactions", Home::Local);

/// Says that a redacted change is what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The erasure it was redacted by; nil for a change that came after it was carried out.
    pub by: Id,
}
first_record!(Mark, Seal);

/// By the identity of the change and the hash of its redacted form.
pub const SEALS: Table<[u8], Seal> = Table::new(221, "redacted_changes", Home::Local);

/// How many marks there are: nearly always none, and then nobody has to look.
const COUNT: &str = "journal/redactions";

/// One place in a body: keys from its top with dots between them; `*` is every element of a list, `[k=v]` every element
/// whose field `k` is the text `v`. In front `#403:` limits it to changes of that kind (hexadecimal). What is there is
/// taken away; with `!` at the end a text takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place<'a> {
    kind: Option<u16>,
    steps: Vec<Step<'a>>,
    text: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step<'a> {
    Key(&'a str),
    Every,
    Where(&'a str, &'a str),
}

impl<'a> Place<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        let (kind, rest) = match path.strip_prefix('#') {
            Some(rest) => {
                let (kind, rest) = rest.split_once(':')?;
                (Some(u16::from_str_radix(kind, 16).ok()?), rest)
            }
            None => (None, path),
        };
        let (rest, text) = rest.strip_suffix('!').map_or((rest, false), |rest| (rest, true));
        let step = |s: &'a str| match s.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
            Some(pair) => pair.split_once('=').map(|(k, v)| Step::Where(k, v)),
            None if s.is_empty() => None,
            None => Some(if s == "*" { Step::Every } else { Step::Key(s) }),
        };
        Some(Self { kind, steps: rest.split('.').map(step).collect::<Option<_>>()?, text })
    }
}

/// Whether `path` is one.
#[must_use]
pub fn is_path(path: &str) -> bool {
    Place::parse(path).is_some()
}

/// Texts that were found in a place, with the name of the field each stood in.
pub type Found = BTreeSet<(String, String)>;

/// Everything written in `value`, a field called `name`.
fn gather(name: &str, value: &Value, found: &mut Found) {
    match value {
        Value::String(text) => {
            let text = text.as_str().unwrap_or_default();
            if !text.is_empty() && text != ERASED {
                found.insert((name.to_owned(), text.to_owned()));
            }
        }
        Value::Array(all) => all.iter().for_each(|v| gather(name, v, found)),
        Value::Map(all) => {
            all.iter().for_each(|(k, v)| gather(k.as_str().unwrap_or(name), v, found));
        }
        _ => {}
    }
}

/// Blanks one place; true when something was there.
fn blank(value: &mut Value, steps: &[Step<'_>], text: bool, found: &mut Found) -> bool {
    let Some((step, rest)) = steps.split_first() else { return false };
    match (step, value) {
        (Step::Key(key), Value::Map(all)) => {
            let Some(at) = all.iter().position(|(k, _)| k.as_str() == Some(key)) else { return false };
            if !rest.is_empty() {
                return blank(&mut all[at].1, rest, text, found);
            }
            if all[at].1.is_nil() || all[at].1.as_str() == Some(ERASED) {
                return false;
            }
            gather(key, &all[at].1, found);
            if text {
                all[at].1 = ERASED.into();
            } else {
                all.remove(at);
            }
            true
        }
        (Step::Every, Value::Array(all)) => {
            all.iter_mut().fold(false, |any, v| blank(v, rest, text, found) | any)
        }
        (Step::Where(key, wanted), Value::Array(all)) => {
            let is = |v: &Value| {
                let fields = v.as_map().into_iter().flatten();
                fields.into_iter().any(|(k, v)| k.as_str() == Some(key) && v.as_str() == Some(wanted))
            };
            all.iter_mut().filter(|v| is(v)).fold(false, |any, v| blank(v, rest, text, found) | any)
        }
        _ => false,
    }
}

/// The texts at `paths` of a body of the kind `kind`; the body as it is without them, when any was there.
///
/// # Errors
/// When the body can't be read.
pub fn without(kind: u16, body: &[u8], paths: &[String], found: &mut Found) -> Result<Option<Vec<u8>>> {
    let bad = |e: &dyn std::fmt::Display| StoreError::Codec { what: "change", why: e.to_string() };
    let mut value = rmpv::decode::read_value(&mut &*body).map_err(|e| bad(&e))?;
    let mut any = false;
    for place in paths.iter().filter_map(|p| Place::parse(p)) {
        if place.kind.is_none_or(|k| k == kind) {
            any |= blank(&mut value, &place.steps, place.text, found);
        }
    }
    if !any {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(body.len());
    rmpv::encode::write_value(&mut out, &value).map_err(|e| bad(&e))?;
    Ok(Some(out))
}

fn key(id: Id, erasure: Id, role: &str) -> Vec<u8> {
    [&id.0[..], &erasure.0, role.as_bytes()].concat()
}

/// Notes that an erasure takes what is at `mark` out of the changes of `id`: of those that are here, once they are
/// [redacted](redact), and of those that come.
///
/// # Errors
/// Storage failures.
pub fn mark(tx: &mut dyn WriteTx, id: Id, erasure: Id, mark: &Mark, role: &str) -> Result<()> {
    if MARKS.put(tx, &key(id, erasure, role), mark)? == 1 {
        counters::add(tx, COUNT, 1)?;
    }
    Ok(())
}

/// What is left out of changes of `id` that were stamped at `t`; nothing when no erasure touches them.
fn left_out(tx: &dyn ReadTx, id: Id, t: Hlc) -> Result<Option<Vec<String>>> {
    let marks = MARKS.scan(tx, Ix::Primary, &KeyRange::prefix(&id.0), Dir::Up, MAX_MARKS)?.items;
    let mut of = marks.into_iter().map(|e| e.value).filter(|m| m.until >= t).peekable();
    if of.peek().is_none() {
        return Ok(None);
    }
    let mut paths: Vec<String> = of.flat_map(|m| m.paths).collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(Some(paths))
}

/// The redacted form of a change, when an erasure touches it and something of what it takes out is there.
///
/// # Errors
/// Storage failures, and when the change can't be read.
pub fn redacted(tx: &dyn ReadTx, blob: &[u8], found: &mut Found) -> Result<Option<Vec<u8>>> {
    if counters::get(tx, COUNT)? == 0 {
        return Ok(None);
    }
    let (header, body) = change::decode(blob)?;
    let Some(paths) = left_out(tx, header.id, header.t)? else { return Ok(None) };
    let body = match header.k {
        audit::KIND => audit::redact::erased(&body)?,
        kind => without(kind, &body, &paths, found)?,
    };
    body.map(|body| change::encode_redacted(&header, &body, &change::eid(blob))).transpose()
}

/// A change as it may be kept here: redacted, and then sealed, where an erasure that is known touches it. One that can't be
/// read is left for who takes it in to refuse.
///
/// # Errors
/// Storage failures.
pub fn kept<'a>(tx: &mut dyn WriteTx, blob: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    match redacted(tx, blob, &mut Found::new()) {
        Ok(Some(redacted)) => {
            seal(tx, &seal_of(&redacted), Id::NIL)?;
            Ok(Cow::Owned(redacted))
        }
        Ok(None) | Err(StoreError::Codec { .. }) => Ok(Cow::Borrowed(blob)),
        Err(e) => Err(e),
    }
}

/// A change's identity with the hash of its redacted form.
pub type Sealed = [u8; 32];

/// The seal of a redacted change.
#[must_use]
pub fn seal_of(blob: &[u8]) -> Sealed {
    let mut out = [0; 32];
    out[..16].copy_from_slice(&change::eid(blob));
    out[16..].copy_from_slice(&blake3::hash(blob).as_bytes()[..16]);
    out
}

/// Notes a seal.
///
/// # Errors
/// Storage failures.
pub fn seal(tx: &mut dyn WriteTx, sealed: &Sealed, by: Id) -> Result<()> {
    SEALS.put(tx, sealed, &Seal { by }).map(drop)
}

/// Whether a change is as it was written, or bears a seal that is known.
///
/// # Errors
/// Storage failures.
pub fn is_sound(tx: &dyn ReadTx, blob: &[u8]) -> Result<bool> {
    Ok(!change::is_redacted(blob) || SEALS.get(tx, &seal_of(blob))?.is_some())
}

/// What redacting a record came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// What was left out.
    pub found: Found,
    /// The seals of the changes that were redacted.
    pub sealed: Vec<Sealed>,
}

impl Redacted {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.found.extend(other.found);
        self.sealed.extend(other.sealed);
    }
}

/// Redacts all changes of the aggregate `id` that marks touch, and folds it anew.
///
/// # Errors
/// Storage failures.
pub fn redact<A: Aggregate>(tx: &mut dyn WriteTx, cx: &Cx, id: Id, by: Id) -> Result<Redacted> {
    let Some(row) = fold::load::<A>(tx, id)? else { return Ok(Redacted::default()) };
    let (mut out, mut at) = (Redacted::default(), row.line.head);
    while at != 0 {
        let mut entry = log::applied(tx, at)?;
        let before = entry.prev;
        if let Some(blob) = redacted(tx, &entry.blob, &mut out.found)? {
            out.sealed.push(seal_of(&blob));
            entry.blob = blob;
            log::rewrite_applied(tx, at, &entry)?;
        }
        at = before;
    }
    for sealed in &out.sealed {
        seal(tx, sealed, by)?;
    }
    if !out.sealed.is_empty() {
        fold::anew::<A>(tx, cx, id, row)?;
    }
    Ok(out)
}

/// Whether every redacted change of a timeline that ends with `head` bears a seal that is known.
///
/// # Errors
/// Storage failures.
pub fn holds(tx: &dyn ReadTx, head: u64) -> Result<bool> {
    let mut at = head;
    while at != 0 {
        let entry = log::applied(tx, at)?;
        if !is_sound(tx, &entry.blob)? {
            return Ok(false);
        }
        at = entry.prev;
    }
    Ok(true)
}

/// The header of a change and its identity, for those who go through logs.
///
/// # Errors
/// When it is none.
pub fn header_of(blob: &[u8]) -> Result<(Header, Eid)> {
    Ok((change::decode(blob)?.0, change::eid(blob)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Stop {
        r: &'static str,
        n: &'static str,
    }
    #[derive(Serialize)]
    struct Body {
        name: &'static str,
        note: Option<&'static str>,
        to: Stop,
        stops: Vec<Stop>,
    }

    fn body() -> Vec<u8> {
        let stop = |r, n| Stop { r, n };
        let stops = vec![stop("1", "Rua A"), stop("2", "Rua B"), stop("1", "Rua C")];
        rmp_serde::to_vec_named(&Body { name: "Ana", note: None, to: stop("", "Rua D"), stops }).unwrap()
    }

    fn left(paths: &[&str]) -> (Option<serde_json::Value>, Vec<String>) {
        let (paths, mut found) = (paths.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>(), Found::new());
        let out = without(0x403, &body(), &paths, &mut found).unwrap();
        (
            out.map(|b| rmp_serde::from_slice(&b).unwrap()),
            found.into_iter().map(|(k, v)| format!("{k}={v}")).collect(),
        )
    }

    #[test]
    fn what_is_named_is_gone_and_nothing_else() {
        let (out, found) = left(&["name!", "note", "to.n", "stops.[r=1].n!"]);
        let expected = serde_json::json!({
            "name": "[erased]", "note": null, "to": { "r": "" },
            "stops": [{ "r": "1", "n": "[erased]" }, { "r": "2", "n": "Rua B" }, { "r": "1", "n": "[erased]" }],
        });
        assert_eq!(out.unwrap(), expected);
        assert_eq!(found, ["n=Rua A", "n=Rua C", "n=Rua D", "name=Ana"]);
        assert_eq!(left(&["stops.*.n"]).1, ["n=Rua A", "n=Rua B", "n=Rua C"]);
        assert_eq!(left(&["#403:name!"]).1, ["name=Ana"]);
        assert_eq!(left(&["to"]).1, ["n=Rua D"]);
    }

    #[test]
    fn a_change_without_it_stays_as_it_is() {
        for path in ["nobody", "note", "name.first", "#404:name!", "stops.[r=9].n", "to.*"] {
            assert!(left(&[path]).0.is_none(), "{path}");
        }
        assert!(!is_path("") && !is_path("a..b") && !is_path("#zz:a") && is_path("a.[r=x].b!"));
    }

    #[test]
    fn twice_is_once_in_whatever_order() {
        let (a, b) = (vec!["name!".to_owned()], vec!["to.n".to_owned(), "name!".to_owned()]);
        let through = |first: &[String], second: &[String]| {
            let one = without(1, &body(), first, &mut Found::new()).unwrap().unwrap();
            without(1, &one, second, &mut Found::new()).unwrap().unwrap_or(one)
        };
        assert_eq!(through(&a, &b), through(&b, &a));
        assert!(without(1, &through(&a, &b), &b, &mut Found::new()).unwrap().is_none());
    }
}
