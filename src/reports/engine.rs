//! Counting: one pass over the rows, page by page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dimension::Dimension;
use super::error::ReportError;
use super::item::{At, Item, Part, of_parcel};
use super::measure::{How, Measure};
use super::model::{Column, Definition, Kind, MAX_ROWS, Row, Table};
use super::tally::{MAX_VALUES, Room, SPREAD, Tally};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::model::Case;
use crate::cases::reasons::Group;
use crate::cases::repo::CASES;
use crate::deadlines::policy::Policy;
use crate::identity::grant::Scope;
use crate::journal::log::APPLIED;
use crate::journal::state_at;
use crate::parcels::model::Parcel;
use crate::parcels::repo::{self, PARCELS};
use crate::store::{DEPOT, Dir, Ix, KeyRange, ReadTx, Result as Stored, Store, StoreError, Tenant};

/// Rows read in one snapshot.
const AT_ONCE: usize = 1_000;

/// Who asks, when.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The store.
    pub store: Store,
    /// Whose house.
    pub tenant: Tenant,
    /// Whose records.
    pub scope: Scope,
    /// The present moment.
    pub now: Timestamp,
}

/// One pass over what a definition counts.
pub struct Pass<'a> {
    /// Who asks.
    pub asked: &'a Asked,
    /// What.
    pub definition: &'a Definition,
    policy: Arc<Policy>,
    bounds: Option<(Timestamp, Timestamp)>,
}

impl<'a> Pass<'a> {
    /// Ready to begin.
    ///
    /// # Errors
    /// A definition that can't be counted; storage failures.
    pub fn new(asked: &'a Asked, definition: &'a Definition) -> Result<Self, ReportError> {
        definition.check()?;
        let policy = asked.store.read(asked.tenant, |tx| Policy::current(tx))?;
        let bounds = definition.period.bounds(asked.now, &policy.calendar);
        Ok(Self { asked, definition, policy, bounds })
    }

    /// The moment it tells of.
    #[must_use]
    pub fn at(&self) -> At<'_> {
        At { now: self.definition.at.unwrap_or(self.asked.now), policy: &self.policy }
    }

    /// Shows `f` what at most `limit` rows behind `after` make that counts; returns where the next page goes on. `f`
    /// is told the row's id and the item.
    ///
    /// # Errors
    /// Storage failures.
    pub fn page(
        &self,
        tx: &dyn ReadTx,
        after: Option<Vec<u8>>,
        limit: usize,
        f: &mut dyn FnMut(Id, &Item<'_>),
    ) -> Stored<Option<Vec<u8>>> {
        let range = KeyRange::all().resume(after);
        if self.definition.kind == Kind::Exceptions {
            let rows = CASES.scan(tx, Ix::Primary, &range, Dir::Up, limit)?;
            for e in &rows.items {
                self.exceptions(tx, &e.value.state, f)?;
            }
            return Ok(rows.next);
        }
        let rows = PARCELS.scan(tx, Ix::Primary, &range, Dir::Up, limit)?;
        for e in rows.items {
            let then = match self.definition.at {
                Some(at) => state_at(tx, e.value.state.id.0, &e.value, at)?,
                None => Some(e.value.state),
            };
            if let Some(p) = then.filter(|p| repo::visible(&self.asked.scope, p)) {
                of_parcel(self.definition.kind, &p, &self.at(), &mut |item| self.offer(p.id.0, &item, f));
            }
        }
        Ok(rows.next)
    }

    fn offer(&self, id: Id, item: &Item<'_>, f: &mut dyn FnMut(Id, &Item<'_>)) {
        if item.counts(self.definition, self.bounds) {
            f(id, item);
        }
    }

    /// The exceptions of a case: one for its parcel, or one for each parcel of a bulk case.
    fn exceptions(&self, tx: &dyn ReadTx, case: &Case, f: &mut dyn FnMut(Id, &Item<'_>)) -> Stored<()> {
        // The depot's own machinery is no parcel's exception, and what was merged is counted where it lives on.
        if case.reason.rule().group == Group::Operation || case.merged_into.is_some() {
            return Ok(());
        }
        let (id, scope) = (case.id.0, &self.asked.scope);
        // What was taken back in all its parts is no parcel any more.
        let parcel = |id: &Id| -> Stored<Option<Parcel>> {
            Ok(PARCELS.get(tx, id)?.map(|row| row.state).filter(|p| !p.is_void()))
        };
        let admits = |p: &Parcel| scope.admits_distributor(p.facts.distributor.as_deref());
        if !case.is_bulk() {
            let own = case.about_parcels().first().map(parcel).transpose()?.flatten();
            let sees = match &own {
                Some(p) => admits(p),
                None => scope.admits_distributor(case.subject.distributor.as_deref()),
            };
            if sees {
                self.offer(id, &Item::exception(case, own.as_ref(), Part::Whole), f);
            }
            return Ok(());
        }
        for member in &case.parcels {
            if let Some(p) = parcel(member)?.filter(admits) {
                self.offer(id, &Item::exception(case, Some(&p), Part::OneOfMany), f);
            }
        }
        // A line of its own only where it says something.
        if *scope == Scope::Tenant && !case.costs.is_empty() {
            self.offer(id, &Item::exception(case, None, Part::CostAlone), f);
        }
        Ok(())
    }
}

struct Sums {
    measures: &'static [Measure],
    groups: BTreeMap<Vec<String>, Vec<Tally>>,
    total: Vec<Tally>,
    room: Room,
    overflow: bool,
}

impl Sums {
    fn new(kind: Kind, room: usize) -> Self {
        let measures = kind.measures();
        let total = measures.iter().map(|m| Tally::new(*m)).collect();
        Self { measures, groups: BTreeMap::new(), total, room: Room(room), overflow: false }
    }

    fn add(&mut self, by: &[Dimension], item: &Item<'_>, at: &At<'_>) {
        let key: Vec<String> = by.iter().map(|d| d.key(item, at)).collect();
        if self.groups.len() >= MAX_ROWS && !self.groups.contains_key(&key) {
            self.overflow = true;
            return;
        }
        let fresh = || self.measures.iter().map(|m| Tally::new(*m)).collect();
        let group = self.groups.entry(key).or_insert_with(fresh);
        for ((m, here), all) in self.measures.iter().zip(group).zip(&mut self.total) {
            here.add(*m, item, at, &mut self.room);
            all.add(*m, item, at, &mut self.room);
        }
    }

    /// The currencies of each measure, in the order of the alphabet.
    fn currencies(&self) -> Vec<Vec<String>> {
        let of = |tally: &Tally| tally.currencies().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        self.total.iter().map(of).collect()
    }
}

fn columns(measures: &[Measure], currencies: &[Vec<String>]) -> Vec<Column> {
    let mut out = Vec::new();
    for (m, currencies) in measures.iter().zip(currencies) {
        let column = |name: String, unit: &str| Column { name, unit: unit.to_owned(), measure: *m };
        match m.how() {
            How::Count | How::Sum | How::Share(_) => out.push(column(m.code().to_owned(), m.unit())),
            How::Spread => out.extend(SPREAD.iter().map(|part| {
                let unit = if *part == "count" { "parcels" } else { m.unit() };
                column(format!("{}_{part}", m.code()), unit)
            })),
            How::Money => {
                out.extend(currencies.iter().map(|c| column(format!("{}_{}", m.code(), c.to_lowercase()), c)))
            }
        }
    }
    out
}

/// Counts what `definition` asks. Takes time in proportion to the rows; the store is not held.
///
/// # Errors
/// A definition that can't be counted, more lines than [`MAX_ROWS`]; storage failures.
pub fn count(asked: &Asked, definition: &Definition) -> Result<Table, ReportError> {
    count_within(asked, definition, MAX_VALUES)
}

fn count_within(asked: &Asked, definition: &Definition, room: usize) -> Result<Table, ReportError> {
    let pass = Pass::new(asked, definition)?;
    let seq = asked.store.read::<_, StoreError>(asked.tenant, |tx| Ok(tx.head(DEPOT, APPLIED)?.last))?;
    let (by, mut sums) = (definition.groups(), Sums::new(definition.kind, room));
    let mut after = None;
    loop {
        let next = asked.store.read(asked.tenant, |tx| {
            pass.page(tx, after.take(), AT_ONCE, &mut |_, item| sums.add(&by, item, &pass.at()))
        })?;
        if sums.overflow {
            return Err(ReportError::TooManyRows);
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let currencies = sums.currencies();
    let cells = |tallies: &[Tally]| -> Vec<Option<f64>> {
        tallies.iter().zip(&currencies).flat_map(|(t, c)| t.cells(c)).collect()
    };
    Ok(Table {
        definition: definition.clone(),
        at: pass.at().now,
        columns: columns(sums.measures, &currencies),
        rows: sums.groups.iter().map(|(key, t)| Row { key: key.clone(), cells: cells(t) }).collect(),
        total: cells(&sums.total),
        by,
        seq,
    })
}
