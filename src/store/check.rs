//! `check`: reads everything and holds it against itself: every record decodes, every index entry has its record and
//! the other way round, every log is gapless up to its end. What only the areas know (how a log is chained, what a
//! record counts for) they bring as [`Hooks`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::counters::COUNTERS;
use super::raw::{Value, ended, read_head};
use super::redb::{Options, Redb};
use super::table::Checked;
use super::{Area, Hash, Result, Store, Sweep, Tenant};

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Records read.
    pub records: u64,
    /// Index entries read.
    pub index_entries: u64,
    /// Log entries read.
    pub log_entries: u64,
    /// Records by collection.
    pub collections: BTreeMap<String, u64>,
    /// What is wrong, the first [`Report::MOST`] of it.
    pub faults: Vec<String>,
    /// How many faults there are in all.
    pub fault_count: u64,
}

impl Report {
    /// Faults that are kept in words.
    pub const MOST: usize = 100;

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.fault_count == 0
    }

    /// Notes one more fault.
    pub fn fault(&mut self, what: String) {
        self.fault_count += 1;
        if self.faults.len() < Self::MOST {
            self.faults.push(what);
        }
    }
}

/// What a place in a chained log is held against.
#[derive(Clone, Copy, Debug)]
pub enum Before<'a> {
    /// The entry stands first in its log.
    Nothing,
    /// The entry before it was trimmed away: its hash is taken on trust.
    Trimmed,
    /// The hash at the entry before it.
    Hash(&'a Hash),
}

/// Recomputes the hash at an entry of the log `log`: none when that log isn't chained.
pub type Chain<'a> = &'a dyn Fn(u8, Before<'_>, &[u8]) -> Result<Option<Hash>>;

/// Tells, for the record in `body` of a collection, the counters it is counted in.
pub type Counts<'a> = &'a dyn Fn(u16, &[u8], &mut dyn FnMut(&str, i64)) -> Result<()>;

/// What the areas know of their rows and the store does not.
#[derive(Clone, Copy, Default)]
pub struct Hooks<'a> {
    /// How logs are chained.
    pub chain: Option<Chain<'a>>,
    /// What records count for.
    pub counts: Option<Counts<'a>>,
    /// The counters, by the beginning of their names, that `counts` tells all about; others are not compared.
    pub counted: &'a [&'a str],
}

/// Checks the whole store in one snapshot. `tables` are all that may be in it.
///
/// # Errors
/// Storage failures; what is merely wrong goes into the report.
pub fn run(store: &Store, tables: &[&dyn Checked]) -> Result<Report> {
    run_with(store, tables, Hooks::default())
}

/// As [`run`], with what the areas know.
///
/// # Errors
/// Storage failures; what is merely wrong goes into the report.
pub fn run_with(store: &Store, tables: &[&dyn Checked], hooks: Hooks<'_>) -> Result<Report> {
    let by_id: BTreeMap<u16, &dyn Checked> = tables.iter().map(|t| (t.coll().id, *t)).collect();
    let mut report = Report::default();
    store.sweep(|sweep| {
        let expected = records(sweep, &by_id, hooks, &mut report)?;
        let mut entries = 0;
        let mut digest = Digest::default();
        sweep.rows(Area::Index, None, &mut |k, _| {
            entries += 1;
            digest.add(k);
            Ok(true)
        })?;
        report.index_entries = entries;
        if digest != expected {
            report.fault(format!(
                "the index does not match the records: {entries} entries, {} expected",
                expected.n
            ));
        }
        logs(sweep, hooks, &mut report)
    })?;
    Ok(report)
}

/// Checks the file at `path`, which nobody may have open: redb's own look at every page first, then [`run_with`].
///
/// # Errors
/// When the file is open elsewhere or can't be read; what is merely wrong goes into the report.
pub fn offline(path: &Path, tables: &[&dyn Checked], hooks: Hooks<'_>) -> Result<Report> {
    let intact = Redb::integrity(path)?;
    let mut options = Options::default();
    options.reserve.ballast = 0;
    let store = Store::new(Redb::file(path, options)?);
    let mut report = run_with(&store, tables, hooks)?;
    store.close();
    if !intact {
        report.fault("redb found damaged pages and went back to the last commit that was whole".into());
    }
    Ok(report)
}

/// A set's fingerprint that doesn't depend on order: so millions of index keys are compared without holding them.
#[derive(Default, PartialEq, Eq)]
struct Digest {
    n: u64,
    sum: u128,
}

impl Digest {
    fn add(&mut self, k: &[u8]) {
        let mut h = [0; 16];
        h.copy_from_slice(&blake3::hash(k).as_bytes()[..16]);
        self.n += 1;
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(h));
    }
}

type Counted = BTreeMap<(Tenant, String), i64>;

fn records(
    sweep: &dyn Sweep,
    tables: &BTreeMap<u16, &dyn Checked>,
    hooks: Hooks<'_>,
    report: &mut Report,
) -> Result<Digest> {
    let mut digest = Digest::default();
    let (mut kept, mut found) = (Counted::new(), Counted::new());
    let compared = |name: &str| hooks.counted.iter().any(|c| name.starts_with(c));
    sweep.rows(Area::Records, None, &mut |k, v| {
        report.records += 1;
        let (Some(coll), Ok(value)) = (k.get(4..6), Value::parse(v)) else {
            report.fault(format!("a record with a damaged head at {}", hex(k)));
            return Ok(true);
        };
        let id = u16::from_be_bytes([coll[0], coll[1]]);
        for (n, key) in value.keys.iter().enumerate() {
            if let Some(key) = key {
                digest.add(&[&k[..6], &[u8::try_from(n).unwrap_or(u8::MAX)], key, &k[6..]].concat());
            }
        }
        let tenant = k.first_chunk().map(|t| Tenant::from_be_bytes(*t)).unwrap_or_default();
        if id == COUNTERS.id {
            *report.collections.entry(COUNTERS.name.into()).or_default() += 1;
            let name = String::from_utf8_lossy(&k[6..]).into_owned();
            match value.body.try_into().map(i64::from_be_bytes) {
                Ok(0) => {}
                Ok(n) if compared(&name) => drop(kept.insert((tenant, name), n)),
                Ok(_) => {}
                Err(_) => report.fault(format!("the counter {name} of tenant {tenant} is damaged")),
            }
            return Ok(true);
        }
        if let Some(counts) = hooks.counts {
            let told = counts(id, value.body, &mut |name, n| {
                *found.entry((tenant, name.to_owned())).or_default() += n
            });
            if let Err(e) = told {
                report.fault(format!("what {} counts for cannot be told: {e}", hex(&k[6..])));
            }
        }
        let Some(table) = tables.get(&id) else {
            report.fault(format!("a record of unknown collection {id} at {}", hex(k)));
            return Ok(true);
        };
        *report.collections.entry(table.coll().name.into()).or_default() += 1;
        match table.keys(value.body) {
            Err(e) => report.fault(format!("{} at {}", e, hex(&k[6..]))),
            Ok(keys) => {
                let same = keys.len() == value.keys.len()
                    && keys
                        .iter()
                        .zip(&value.keys)
                        .all(|(a, b)| a.as_ref().map(|a| ended(a)).as_deref() == *b);
                if !same {
                    report.fault(format!(
                        "{}: {} is indexed under keys it no longer has",
                        table.coll().name,
                        hex(&k[6..])
                    ));
                }
            }
        }
        Ok(true)
    })?;
    if hooks.counts.is_some() {
        found.retain(|(_, name), n| *n != 0 && compared(name));
        for ((tenant, name), n) in &found {
            let says = kept.remove(&(*tenant, name.clone())).unwrap_or(0);
            if says != *n {
                report
                    .fault(format!("the counter {name} of tenant {tenant} says {says}, the records say {n}"));
            }
        }
        for ((tenant, name), says) in kept {
            report.fault(format!("the counter {name} of tenant {tenant} says {says}, the records say 0"));
        }
    }
    Ok(digest)
}

/// A log as it is found while its entries pass by.
struct Found {
    first: u64,
    last: u64,
    /// The recomputed hash at `last`, where the log is chained.
    hash: Option<Hash>,
}

fn logs(sweep: &dyn Sweep, hooks: Hooks<'_>, report: &mut Report) -> Result<()> {
    let mut heads: BTreeMap<Vec<u8>, super::Head> = BTreeMap::new();
    sweep.rows(Area::Heads, None, &mut |k, v| {
        match read_head(v) {
            Ok(head) => drop(heads.insert(k.to_vec(), head)),
            Err(e) => report.fault(format!("log {}: {e}", hex(k))),
        }
        Ok(true)
    })?;
    let mut found: BTreeMap<Vec<u8>, Found> = BTreeMap::new();
    sweep.rows(Area::Log, None, &mut |k, v| {
        report.log_entries += 1;
        let Some((id, seq)) = k.split_last_chunk::<8>().filter(|(id, _)| id.len() == HEAD_KEY) else {
            report.fault(format!("a log key is damaged: {}", hex(k)));
            return Ok(true);
        };
        let seq = u64::from_be_bytes(*seq);
        let log =
            found.entry(id.to_vec()).or_insert(Found { first: seq, last: seq.wrapping_sub(1), hash: None });
        let gap = seq != log.last.wrapping_add(1);
        if gap {
            report.fault(format!("log {} has a gap between {} and {seq}", hex(id), log.last));
        }
        if let Some(chain) = hooks.chain {
            let before = match &log.hash {
                _ if seq == 1 => Before::Nothing,
                Some(hash) if !gap => Before::Hash(hash),
                _ => Before::Trimmed,
            };
            match chain(id[LETTER], before, v) {
                Ok(hash) => log.hash = hash,
                Err(e) => {
                    report.fault(format!("log {} does not hold together at {seq}: {e}", hex(id)));
                    log.hash = None;
                }
            }
        }
        log.last = seq;
        Ok(true)
    })?;
    for (k, h) in heads {
        let log =
            found.remove(&k).unwrap_or(Found { first: h.last.wrapping_add(1), last: h.last, hash: None });
        if log.last != h.last || log.first != h.floor.max(1) {
            report.fault(format!(
                "log {} holds {}..={}, its head says {}..={}",
                hex(&k),
                log.first,
                log.last,
                h.floor,
                h.last
            ));
        }
        if log.hash.is_some_and(|hash| hash != h.hash) {
            report.fault(format!("log {} ends in another hash than its head says", hex(&k)));
        }
    }
    for k in found.keys() {
        report.fault(format!("log {} has entries and no head", hex(k)));
    }
    Ok(())
}

/// The length of a head's key, and where in it the log's letter stands.
const HEAD_KEY: usize = 18;
const LETTER: usize = 9;

fn hex(b: &[u8]) -> String {
    b.iter().map(|b| format!("{b:02x}")).collect()
}
