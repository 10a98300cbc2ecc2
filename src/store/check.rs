//! `check`: reads everything and holds it against itself: every record decodes, every index entry has its record and
//! the other way round, every log is gapless up to its end.

use std::collections::BTreeMap;

use serde::Serialize;

use super::redb::{Value, ended, read_head};
use super::table::Checked;
use super::{Area, Result, Store, StoreError, Sweep};

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

/// Checks the whole store in one snapshot. `tables` are all that may be in it.
///
/// # Errors
/// Storage failures; what is merely wrong goes into the report.
pub fn run(store: &Store, tables: &[&dyn Checked]) -> Result<Report> {
    let by_id: BTreeMap<u16, &dyn Checked> = tables.iter().map(|t| (t.coll().id, *t)).collect();
    let mut report = Report::default();
    store.sweep(|sweep| {
        let expected = records(sweep, &by_id, &mut report)?;
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
        logs(sweep, &mut report)
    })?;
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

fn records(sweep: &dyn Sweep, tables: &BTreeMap<u16, &dyn Checked>, report: &mut Report) -> Result<Digest> {
    let mut digest = Digest::default();
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
        if id == super::counters::COUNTERS.id {
            *report.collections.entry(super::counters::COUNTERS.name.into()).or_default() += 1;
            return Ok(true);
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
    Ok(digest)
}

fn logs(sweep: &dyn Sweep, report: &mut Report) -> Result<()> {
    let mut heads: BTreeMap<Vec<u8>, super::Head> = BTreeMap::new();
    sweep.rows(Area::Heads, None, &mut |k, v| {
        heads.insert(k.to_vec(), read_head(v)?);
        Ok(true)
    })?;
    let mut found: BTreeMap<Vec<u8>, (u64, u64)> = BTreeMap::new();
    sweep.rows(Area::Log, None, &mut |k, _| {
        report.log_entries += 1;
        let Some((head, seq)) = k.split_at_checked(k.len().saturating_sub(8)) else {
            return Err(StoreError::Corrupt("a log key is damaged".into()));
        };
        let seq = seq.try_into().map(u64::from_be_bytes).unwrap_or_default();
        let (first, last) = found.entry(head.to_vec()).or_insert((seq, seq - 1));
        if seq != *last + 1 && seq != *first {
            report.fault(format!("log {} has a gap between {last} and {seq}", hex(head)));
        }
        *last = seq;
        Ok(true)
    })?;
    for (k, h) in heads {
        let (first, last) = found.remove(&k).unwrap_or((h.last + 1, h.last));
        if last != h.last || first != h.floor.max(1) {
            report.fault(format!(
                "log {} holds {first}..={last}, its head says {}..={}",
                hex(&k),
                h.floor,
                h.last
            ));
        }
    }
    for k in found.keys() {
        report.fault(format!("log {} has entries and no head", hex(k)));
    }
    Ok(())
}

fn hex(b: &[u8]) -> String {
    b.iter().map(|b| format!("{b:02x}")).collect()
}
