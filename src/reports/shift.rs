//! A shift: what came into the depot and went out of it between two moments, what was done about cases, and by whom.
//!
//! Steps are those that were written down here in that time, whenever they are said to have happened: the shift answers
//! for what it did. They are read from the journal, the newest first, and no further than the shift's beginning.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::engine::Asked;
use super::error::ReportError;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::cases::event::{CaseEvent, FIRST_KIND};
use crate::cases::model::Case;
use crate::cases::reasons::{Group, Reason};
use crate::cases::repo::CASES;
use crate::identity::grant::Scope;
use crate::journal::clock::Origin;
use crate::journal::log::{self, APPLIED, Applied};
use crate::journal::{Event, change};
use crate::parcels::event::ParcelEvent;
use crate::parcels::model::Status;
use crate::parcels::repo;
use crate::store::{DEPOT, Dir, Ix, KeyRange, ReadTx, Result as Stored, StoreError};

/// The longest shift.
pub const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// Changes looked at for one shift; of a shift with more the newest are counted, and it is said so.
pub const MAX_CHANGES: u64 = 200_000;
/// Changes, or cases, read in one snapshot.
const AT_ONCE: usize = 1_000;

/// What was done about the cases of one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfReason {
    /// Began in the shift.
    pub opened: u64,
    /// Ended in it.
    pub resolved: u64,
    /// Needed somebody when it ended.
    pub open: u64,
}

/// What one person did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Did {
    /// Parcels moved, scan by scan.
    pub scans: u64,
    /// Parcels announced.
    pub announced: u64,
    /// Cases begun with.
    pub taken: u64,
    /// Cases resolved.
    pub resolved: u64,
    /// Notes on parcels and cases.
    pub notes: u64,
}

/// A shift, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// Parcels that were moved to a status by hand, each once a status.
    pub moved: BTreeMap<Status, u64>,
    /// Parcels that were announced by hand.
    pub announced: u64,
    /// Parcels that a file or a carrier told of first.
    pub told: u64,
    /// Parcels handed over to another depot.
    pub handed_over: u64,
    /// Cases by reason.
    pub cases: BTreeMap<Reason, OfReason>,
    /// People by their number here; 0 is the depot itself. Empty for whoever sees only a part of the depot.
    pub people: BTreeMap<u32, Did>,
    /// Whether there were more changes than are looked at.
    pub cut: bool,
}

/// Between which moments: the first included, the second not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
}

impl Window {
    fn holds(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    fn check(self) -> Result<(), Invalid> {
        if self.to <= self.from || self.to.since(self.from) > LONGEST {
            let hours = LONGEST.as_secs() / 3_600;
            return Err(Invalid::at("?to", format!("a shift ends after it begins, within {hours} hours")));
        }
        Ok(())
    }
}

/// Counts the shift in `window` as far as `asked` sees it. Takes time in proportion to what happened since it began, and
/// to the cases there are; the store is not held.
///
/// # Errors
/// A window that is none; storage failures.
pub fn count(asked: &Asked, window: Window) -> Result<Shift, ReportError> {
    window.check()?;
    let mut counting = Counting {
        asked,
        window,
        shift: Shift::default(),
        moved: BTreeSet::new(),
        handed: BTreeSet::new(),
        seen: HashMap::new(),
    };
    let (origin, head) = asked
        .store
        .read::<_, StoreError>(asked.tenant, |tx| Ok((Origin::load(tx)?, tx.head(DEPOT, APPLIED)?.last)))?;
    let mut upto = head;
    while upto > 0 {
        if head - upto >= MAX_CHANGES {
            counting.shift.cut = true;
            break;
        }
        let after = upto.saturating_sub(AT_ONCE as u64);
        let limit = usize::try_from(upto - after).unwrap_or(AT_ONCE);
        let over = asked.store.read::<_, StoreError>(asked.tenant, |tx| {
            let entries = log::applied_after(tx, after, limit)?;
            entries.iter().rev().try_fold(false, |over, (_, e)| Ok(counting.change(tx, &origin, e)? || over))
        })?;
        if over {
            break;
        }
        upto = after;
    }
    counting.cases()?;
    Ok(counting.done())
}

struct Counting<'a> {
    asked: &'a Asked,
    window: Window,
    shift: Shift,
    moved: BTreeSet<(Status, Id)>,
    handed: BTreeSet<Id>,
    /// Parcels, and whether whoever asks sees them.
    seen: HashMap<Id, bool>,
}

impl Counting<'_> {
    fn done(mut self) -> Shift {
        for (status, _) in &self.moved {
            *self.shift.moved.entry(*status).or_default() += 1;
        }
        self.shift.handed_over = self.handed.len() as u64;
        self.shift.people.retain(|_, did| *did != Did::default());
        self.shift
    }

    fn sees(&mut self, tx: &dyn ReadTx, parcel: Id) -> Stored<bool> {
        if self.asked.scope == Scope::Tenant {
            return Ok(true);
        }
        if let Some(seen) = self.seen.get(&parcel) {
            return Ok(*seen);
        }
        let seen = repo::sees(tx, &self.asked.scope, parcel)?;
        self.seen.insert(parcel, seen);
        Ok(seen)
    }

    /// Counts one change of the journal; true when it was written here before the shift began, and so was all before it.
    fn change(&mut self, tx: &dyn ReadTx, origin: &Origin, entry: &Applied) -> Stored<bool> {
        let (header, body) = change::decode(&entry.blob)?;
        // Other sites answer for their own shifts.
        if !origin.is(crate::journal::SiteRef::new(header.o, header.e)) {
            return Ok(false);
        }
        let at = Timestamp::from_millis(i64::try_from(header.t >> 16).unwrap_or(i64::MAX));
        if !self.window.holds(at) {
            return Ok(at < self.window.from);
        }
        if header.k >= FIRST_KIND && header.k < FIRST_KIND + 0x100 {
            if self.asked.scope == Scope::Tenant
                && let Ok(step) = CaseEvent::decode(header.k, header.v, &body)
            {
                self.case_step(header.u, &step);
            }
        } else if let Ok(event) = ParcelEvent::decode(header.k, header.v, &body)
            && self.sees(tx, header.id)?
        {
            self.parcel(header.u, header.id, &event, entry.prev == 0);
        }
        Ok(false)
    }

    fn did(&mut self, who: u32) -> &mut Did {
        self.shift.people.entry(who).or_default()
    }

    fn parcel(&mut self, who: u32, id: Id, event: &ParcelEvent, first: bool) {
        let mut did = Did::default();
        match event {
            ParcelEvent::Moved(e) => {
                self.moved.insert((e.to, id));
                did.scans = 1;
                did.notes = u64::from(e.note.is_some());
            }
            ParcelEvent::Registered(_) => {
                self.shift.announced += 1;
                did.announced = 1;
            }
            ParcelEvent::Reported(_) if first => self.shift.told += 1,
            ParcelEvent::HandedOver(_) => {
                self.handed.insert(id);
            }
            ParcelEvent::Noted(_) => did.notes = 1,
            _ => {}
        }
        if self.asked.scope == Scope::Tenant {
            let sum = self.did(who);
            sum.scans += did.scans;
            sum.announced += did.announced;
            sum.notes += did.notes;
        }
    }

    fn case_step(&mut self, who: u32, step: &CaseEvent) {
        let did = self.did(who);
        match step {
            CaseEvent::Acknowledged {} | CaseEvent::Started {} => did.taken += 1,
            CaseEvent::Resolved { note, .. } => {
                did.resolved += 1;
                did.notes += u64::from(!note.is_empty());
            }
            CaseEvent::Noted { .. } => did.notes += 1,
            _ => {}
        }
    }

    /// Looks at every case: when it began, and when it ended.
    fn cases(&mut self) -> Stored<()> {
        let mut after = None;
        loop {
            let asked = self.asked;
            let range = KeyRange::all().resume(after.take());
            after = asked.store.read::<_, StoreError>(asked.tenant, |tx| {
                let rows = CASES.scan(tx, Ix::Primary, &range, Dir::Up, AT_ONCE)?;
                for e in &rows.items {
                    self.case(tx, &e.value.state)?;
                }
                Ok(rows.next)
            })?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn case(&mut self, tx: &dyn ReadTx, case: &Case) -> Stored<()> {
        let machine = case.reason.rule().group == Group::Operation;
        if machine || case.merged_into.is_some() || case.opened_at >= self.window.to {
            return Ok(());
        }
        let closed = case.closed_at();
        let of = OfReason {
            opened: u64::from(self.window.holds(case.opened_at)),
            resolved: u64::from(closed.is_some_and(|at| self.window.holds(at))),
            open: u64::from(closed.is_none_or(|at| at >= self.window.to)),
        };
        if of == OfReason::default() || !self.sees_case(tx, case)? {
            return Ok(());
        }
        let sum = self.shift.cases.entry(case.reason).or_default();
        sum.opened += of.opened;
        sum.resolved += of.resolved;
        sum.open += of.open;
        Ok(())
    }

    fn sees_case(&mut self, tx: &dyn ReadTx, case: &Case) -> Stored<bool> {
        if self.asked.scope == Scope::Tenant {
            return Ok(true);
        }
        for parcel in case.about_parcels() {
            if self.sees(tx, *parcel)? {
                return Ok(true);
            }
        }
        let own = case.about_parcels().is_empty();
        Ok(own && self.asked.scope.admits_distributor(case.subject.distributor.as_deref()))
    }
}
