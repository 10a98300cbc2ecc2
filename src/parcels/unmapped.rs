//! The inbox of what no map knows: each code of each source once, how often it came, with examples.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::maps::{ANY, Compiled, Meaning};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::text;
use crate::first_record;
use crate::store::table::{Checked, Rows};
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx, counters, key};

/// Different codes the inbox keeps; beyond them a source's further ones are counted under the code `*`.
pub const MAX_CODES: i64 = 20_000;
/// Examples kept of one code: the first that came, and the last.
pub const MAX_EXAMPLES: usize = 5;
/// Codes looked at when those a map has learnt are taken out.
const TIDY_AT_ONCE: usize = 1_000;
const COUNTER: &str = "parcels/unmapped_codes";

/// One time that a code came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Example {
    /// The parcel it came with.
    pub parcel: Id,
    /// What stood beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A code no map knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unmapped {
    /// Whose.
    pub source: String,
    /// The code.
    pub code: String,
    /// Its second-level code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// What stood beside it the last time.
    pub text: Option<String>,
    /// How often it came.
    pub count: u64,
    /// A parcel it came with.
    pub parcel: Id,
    /// First time.
    pub first_at: Timestamp,
    /// Last time.
    pub last_at: Timestamp,
    /// Some of those times, with different texts where there are any.
    #[serde(default)]
    pub examples: Vec<Example>,
}
first_record!(Unmapped);

impl Unmapped {
    /// It came once, now.
    #[must_use]
    pub fn new(
        source: &str,
        code: &str,
        sub: Option<&str>,
        text: Option<&str>,
        parcel: Id,
        now: Timestamp,
    ) -> Self {
        let text = text.map(|t| text::clipped(t.to_owned(), text::SHORT));
        Self {
            source: source.into(),
            code: text::clipped(code.to_owned(), text::SHORT),
            sub: sub.map(Into::into),
            text: text.clone(),
            count: 1,
            parcel,
            first_at: now,
            last_at: now,
            examples: vec![Example { parcel, text, at: now }],
        }
    }

    fn key(&self) -> Vec<u8> {
        let mut code = self.code.clone().into_bytes();
        if let Some(sub) = &self.sub {
            code.push(0);
            code.extend(sub.bytes());
        }
        key::text_then(&self.source, &code)
    }

    /// The same code, which came before as `self`, came again.
    fn again(self, seen: &Self) -> Self {
        let mut examples = self.examples;
        for example in &seen.examples {
            // Another text says more than the same one again; of the same the first and the last are enough.
            let same = examples.iter().skip(1).position(|e| e.text == example.text);
            match same {
                Some(at) => examples[at + 1] = example.clone(),
                None => examples.push(example.clone()),
            }
        }
        if examples.len() > MAX_EXAMPLES {
            examples.remove(1);
        }
        Self { count: self.count + 1, first_at: self.first_at, examples, ..seen.clone() }
    }

    fn is_known(&self, map: &Compiled) -> bool {
        map.find(&self.code, self.sub.as_deref(), self.text.as_deref()) != Meaning::Unmapped
    }
}

const UNMAPPED: Table<[u8], Unmapped> = Table::new(23, "unmapped_codes", Home::Local);

/// Counts a code no map knows.
///
/// # Errors
/// Storage failures.
pub fn note(tx: &mut dyn WriteTx, seen: &Unmapped) -> Result<()> {
    let mut seen = seen.clone();
    let mut known = UNMAPPED.get(tx, &seen.key())?;
    if known.is_none() {
        if counters::get(tx, COUNTER)? < MAX_CODES {
            counters::add(tx, COUNTER, 1)?;
        } else {
            (seen.code, seen.sub) = (ANY.to_owned(), None);
            known = UNMAPPED.get(tx, &seen.key())?;
        }
    }
    let now = match known {
        Some(known) => known.again(&seen),
        None => seen,
    };
    UNMAPPED.put(tx, &now.key(), &now).map(drop)
}

/// Codes no map knew when they came.
///
/// # Errors
/// Storage failures.
pub fn list(
    tx: &dyn ReadTx,
    source: Option<&str>,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Rows<Unmapped>> {
    let range = source.map_or_else(KeyRange::all, |s| KeyRange::prefix(&key::text_then(s, &[])));
    UNMAPPED.scan(tx, Ix::Primary, &range.resume(after), Dir::Up, limit)
}

/// Takes the codes of `source` out that `map` knows meanwhile; says how many.
///
/// # Errors
/// Storage failures.
pub fn tidy(tx: &mut dyn WriteTx, source: &str, map: &Compiled) -> Result<usize> {
    let (mut gone, mut after) = (0, None);
    loop {
        let rows = list(tx, Some(source), after, TIDY_AT_ONCE)?;
        for e in rows.items {
            if e.value.code != ANY && e.value.is_known(map) {
                UNMAPPED.del(tx, &e.pk)?;
                counters::add(tx, COUNTER, -1)?;
                gone += 1;
            }
        }
        after = rows.next;
        if after.is_none() {
            return Ok(gone);
        }
    }
}

/// How many codes of `source` in the inbox `map` would know, and how many it would not.
///
/// # Errors
/// Storage failures.
pub fn would_know(tx: &dyn ReadTx, source: &str, map: &Compiled) -> Result<(u64, u64)> {
    let (mut known, mut unknown, mut after) = (0, 0, None);
    loop {
        let rows = list(tx, Some(source), after, TIDY_AT_ONCE)?;
        for e in rows.items {
            *(if e.value.is_known(map) { &mut known } else { &mut unknown }) += 1;
        }
        after = rows.next;
        if after.is_none() {
            return Ok((known, unknown));
        }
    }
}

/// This module's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&UNMAPPED]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_the_first_the_last_and_what_differs() {
        let at = |n: i64| Timestamp::from_millis(n);
        let seen =
            |n: i64, text: &str| Unmapped::new("plover", "X", None, Some(text), Id([n as u8; 16]), at(n));
        let mut kept = seen(0, "a");
        for n in 1..4 {
            kept = kept.again(&seen(n, "a"));
        }
        assert_eq!((kept.count, kept.examples.len()), (4, 2));
        assert_eq!((kept.examples[0].at, kept.examples[1].at), (at(0), at(3)));
        for n in 4..20 {
            kept = kept.again(&seen(n, &format!("text {n}")));
        }
        assert_eq!((kept.examples.len(), kept.first_at, kept.last_at), (MAX_EXAMPLES, at(0), at(19)));
        assert_eq!(kept.examples[0].text.as_deref(), Some("a"));
        assert_eq!(kept.examples[MAX_EXAMPLES - 1].at, at(19));
    }
}
