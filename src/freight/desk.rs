//! The import desk's own rules as they are stored: the procedure in its versions, terminals, and what follows from them
//! for a waybill.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clocks::{self, Clocks};
use super::error::FreightError;
use super::model::Mawb;
use super::repo::{SOPS, TERMINALS};
use super::sop::{Sop, Step};
use super::terminals::Terminal;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::journal::reference::{self, Ref, Reference};
use crate::journal::{Cx, Folded};
use crate::store::{Dir, Ix, KeyRange, ReadTx, Result, Table, WriteTx};

/// Terminals of a tenant.
pub const MAX_TERMINALS: usize = 500;

/// A procedure as it is stored: once as the present one, and once for good under its version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredSop {
    /// Which version.
    pub version: u32,
    /// Its steps.
    pub steps: Vec<Step>,
}

impl Reference for StoredSop {
    const NAME: &'static str = "workflow_steps";
    const KIND: u16 = 0x190;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &SOPS;
}

impl Reference for Terminal {
    const NAME: &'static str = "terminal";
    const KIND: u16 = 0x192;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &TERMINALS;
}

fn sop_id(version: Option<u32>) -> Id {
    let which = version.map_or_else(|| "present".to_owned(), |v| v.to_string());
    Id::derived(&[b"freight sop", which.as_bytes()])
}

/// The id of the terminal `code`.
#[must_use]
pub fn terminal_id(code: &str) -> Id {
    Id::derived(&[b"freight terminal", code.to_uppercase().as_bytes()])
}

/// The procedure new waybills begin with, and its revision; the shipped one at revision 0 when nobody changed it.
///
/// # Errors
/// Storage failures.
pub fn present(tx: &dyn ReadTx) -> Result<(Sop, u64)> {
    let stored = reference::get::<StoredSop>(tx, sop_id(None))?;
    Ok(stored.map_or_else(|| (Sop::usual(), 0), |(s, rev)| (Sop { version: s.version, steps: s.steps }, rev)))
}

/// The procedure in `version`, whatever came after it.
///
/// # Errors
/// Storage failures.
pub fn version(tx: &dyn ReadTx, version: u32) -> Result<Sop> {
    let stored = reference::get::<StoredSop>(tx, sop_id(Some(version)))?;
    Ok(stored.map_or_else(Sop::usual, |(s, _)| Sop { version: s.version, steps: s.steps }))
}

/// Sets the steps new waybills begin with, as the next version.
///
/// # Errors
/// Storage failures.
pub fn keep(tx: &mut dyn WriteTx, cx: &Cx, steps: Vec<Step>) -> Result<(Sop, u64)> {
    let (old, _) = present(tx)?;
    if old.steps == steps {
        return present(tx);
    }
    let new = StoredSop { version: old.version + 1, steps };
    reference::set(tx, cx, sop_id(Some(new.version)), Some(new.clone()))?;
    let written = reference::set(tx, cx, sop_id(None), Some(new.clone()))?;
    Ok((Sop { version: new.version, steps: new.steps }, written.rev))
}

/// Sets the steps new waybills begin with, that were seen at the revision `seen`.
///
/// # Errors
/// When they make no sense, or were changed since.
pub fn put(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    steps: Vec<Step>,
    seen: Option<u64>,
) -> std::result::Result<(Sop, u64), FreightError> {
    let (old, found) = present(tx)?;
    match seen {
        // Nobody has set any yet: there is no revision to have seen.
        _ if found == 0 => {}
        None => return Err(Invalid::at("/version", "name the revision you have seen").into()),
        Some(seen) if seen != found => return Err(FreightError::Stale { found, seen }),
        Some(_) => {}
    }
    Sop { version: old.version + 1, steps: steps.clone() }.check()?;
    Ok(keep(tx, cx, steps)?)
}

/// The terminal `code` and its revision.
///
/// # Errors
/// Storage failures.
pub fn terminal(tx: &dyn ReadTx, code: &str) -> Result<Option<(Terminal, u64)>> {
    reference::get(tx, terminal_id(code))
}

/// All terminals, with their revisions.
///
/// # Errors
/// Storage failures.
pub fn terminals(tx: &dyn ReadTx) -> Result<Vec<(Terminal, u64)>> {
    let rows = TERMINALS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_TERMINALS)?;
    let mut all: Vec<(Terminal, u64)> =
        rows.items.into_iter().filter_map(|e| Some((e.value.state.value?, e.rev))).collect();
    all.sort_by(|a, b| a.0.code.cmp(&b.0.code));
    Ok(all)
}

/// The rules that hold for `m`: of its handler at its destination, of the destination, of everywhere else, or the usual
/// ones in the depot's zone.
///
/// # Errors
/// Storage failures.
pub fn terminal_of(tx: &dyn ReadTx, zone: &str, m: &Mawb) -> Result<Terminal> {
    for code in codes_of(m) {
        if let Some((found, _)) = terminal(tx, &code)? {
            return Ok(found);
        }
    }
    Ok(Terminal::usual(zone))
}

/// The terminals whose rules may hold for `m`, the nearest first.
fn codes_of(m: &Mawb) -> impl Iterator<Item = String> {
    let there = m.facts.destination.as_deref().unwrap_or_default();
    let handler = m.facts.handler.as_deref().unwrap_or_default();
    let codes = [format!("{there}/{handler}"), there.to_owned(), "*".to_owned()];
    codes.into_iter().filter(|code| !code.is_empty() && !code.ends_with('/'))
}

/// All terminals at hand, for those who look at many waybills.
pub struct Terminals {
    by_code: BTreeMap<String, Terminal>,
    usual: Terminal,
}

impl Terminals {
    /// As they are now; `zone` is that of places nobody has set rules for.
    ///
    /// # Errors
    /// Storage failures.
    pub fn load(tx: &dyn ReadTx, zone: &str) -> Result<Self> {
        let by_code = terminals(tx)?.into_iter().map(|(t, _)| (t.code.to_uppercase(), t)).collect();
        Ok(Self { by_code, usual: Terminal::usual(zone) })
    }

    /// The rules that hold for `m`, as [`terminal_of`] finds them.
    #[must_use]
    pub fn of(&self, m: &Mawb) -> &Terminal {
        codes_of(m).find_map(|code| self.by_code.get(&code.to_uppercase())).unwrap_or(&self.usual)
    }
}

/// The clocks of `m`.
///
/// # Errors
/// Storage failures.
pub fn clocks_of(tx: &dyn ReadTx, zone: &str, m: &Mawb) -> Result<(Clocks, Terminal)> {
    let terminal = terminal_of(tx, zone, m)?;
    Ok((clocks::of(m, &terminal), terminal))
}

/// When a reminder of `m` is due next.
///
/// # Errors
/// Storage failures.
pub fn next_call(tx: &dyn ReadTx, cx: &Cx, m: &Mawb) -> Result<Option<Timestamp>> {
    let Some(run) = m.run.as_ref().filter(|_| m.closed_at.is_none()) else { return Ok(None) };
    let (clocks, _) = clocks_of(tx, &cx.policy.rules.opening.zone, m)?;
    Ok(version(tx, run.version)?.next_call(m, run, &clocks))
}
