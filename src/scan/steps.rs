//! What a scan does to a parcel: the step the station was told to take, through the parcels' own gates.

use super::commands::Action;
use super::error::ScanError;
use super::model::Outcome;
use super::service::{is_storage, refusal};
use super::views::{Done, Told};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::features::ScanParcels;
use crate::identity::grant::Grant;
use crate::journal::{Cx, Written};
use crate::parcels::error::ParcelError;
use crate::parcels::inputs::{EventInput, PlaceInput};
use crate::parcels::model::{Flag, Parcel, ParcelId, Place, Status};
use crate::parcels::rules::{self, Gate};
use crate::parcels::service::{self as parcels, Seen};
use crate::store::WriteTx;

/// One step.
pub(super) struct Step {
    /// What to do; none to arrive it.
    pub action: Option<Action>,
    /// When it was scanned, if that is a fact of the past by now.
    pub late: Option<Timestamp>,
    /// Where it was put.
    pub place: Option<String>,
    /// What there is to remark on it.
    pub note: Option<String>,
    /// The parcel.
    pub id: ParcelId,
    /// The parcel as it was when it was scanned.
    pub then: Parcel,
}

/// What a scan comes to.
enum Way {
    /// To this status, with this reason.
    Move(Status, Option<String>),
    /// It is there already, and there is something to say of it.
    Confirm(Option<String>),
    /// It is there already.
    Nothing,
}

/// Statuses of parcels that have not been seen at the depot: whoever holds one in the hand has arrived it.
fn is_away(status: Status) -> bool {
    use Status as S;
    matches!(status, S::Unknown | S::Announced | S::Accepted | S::InTransit | S::Lost)
}

impl Step {
    fn way(&self) -> Way {
        let status = self.then.status;
        match self.action {
            Some(Action::Report(reason)) => {
                let reason = Some(reason.code().to_owned());
                if is_away(status) { Way::Move(Status::AtDepot, reason) } else { Way::Confirm(reason) }
            }
            Some(Action::Move(to)) if to != status => Way::Move(to, None),
            None if status != Status::AtDepot => Way::Move(Status::AtDepot, None),
            Some(Action::Move(_)) | None if self.is_elsewhere() => Way::Confirm(None),
            Some(Action::Move(_)) | None => Way::Nothing,
        }
    }

    /// Whether it was put somewhere else than where it was seen last.
    fn is_elsewhere(&self) -> bool {
        let known = self.then.location.as_ref().and_then(|l| l.line.as_deref());
        self.place.as_deref().is_some_and(|p| Some(p) != known)
    }

    /// Takes the step; the event behind it when there is one.
    pub(super) fn take(
        self,
        tx: &mut dyn WriteTx,
        grant: &Grant<ScanParcels>,
        cx: &Cx,
        told: Told,
    ) -> Result<(Told, Option<Id>), ScanError> {
        let name = self.id.to_string();
        let (written, done) = match self.way() {
            Way::Nothing => {
                let said = format!("{} since {}", words(self.then.status), self.then.since);
                return Ok((told.says(Outcome::Duplicate, said), None));
            }
            Way::Confirm(reason) => {
                let location = Place { line: self.place.clone(), ..Place::default() };
                let seen = Seen { late: self.late, location, reason, note: self.note.clone() };
                (parcels::confirm(tx, grant, cx, self.id, seen), Done::Confirmed)
            }
            Way::Move(to, reason) => {
                let location =
                    self.place.clone().map(|line| PlaceInput { line: Some(line), ..PlaceInput::default() });
                let (status, note) = (Some(to), self.note.clone());
                let step = EventInput {
                    status,
                    occurred_at: self.late,
                    location,
                    reason,
                    note,
                    ..EventInput::default()
                };
                (parcels::post_event(tx, grant, cx, &name, None, step), Done::Moved)
            }
        };
        match written {
            Ok(written) => Ok(self.done(told, done, &written)),
            Err(e) => Ok((refused(told, e)?, None)),
        }
    }

    fn done(&self, told: Told, done: Done, written: &Written<Parcel>) -> (Told, Option<Id>) {
        let parcel = &written.state;
        let event = written.eids.first().map(|e| Id(*e));
        let told = Told { done, event, ..of_parcel(told, parcel) };
        let raised = |i: &&crate::parcels::model::Issue| Some(Id(i.eid)) == event;
        let reported = matches!(self.action, Some(Action::Report(_)));
        if let Some(issue) = parcel.issues.iter().find(raised).filter(|_| !reported) {
            let said = format!("kept, but it contradicts what is known: {}", issue.detail);
            return (told.says(Outcome::Exception, said), event);
        }
        let says = match self.action {
            Some(Action::Report(reason)) => {
                format!("{}, {}", words(parcel.status), reason.code().replace('_', " "))
            }
            Some(Action::Move(_)) | None => words(parcel.status),
        };
        let says = match &self.place {
            Some(place) => format!("{says}, {place}"),
            None => says,
        };
        let troubled = !parcel.issues.is_empty() || parcel.flags.has(Flag::Exceptional);
        if troubled && !reported {
            let mut reasons: Vec<String> = parcel.issues.iter().map(|i| i.reason.replace('_', " ")).collect();
            reasons.dedup();
            let why =
                if reasons.is_empty() { "it is marked exceptional".to_owned() } else { reasons.join(", ") };
            return (told.says(Outcome::Exception, format!("{says}; look at it: {why}")), event);
        }
        (told.says(Outcome::Ok, says), event)
    }
}

/// A status in words.
fn words(status: Status) -> String {
    status.as_str().replace('_', " ")
}

/// The parcel's id, status and next steps in the answer.
pub(super) fn of_parcel(told: Told, parcel: &Parcel) -> Told {
    let allowed_next = rules::next_steps(parcel.status, parcel.before_hold, Gate::Own);
    Told { parcel_id: Some(parcel.id), status: Some(parcel.status), allowed_next, ..told }
}

/// A step that was not allowed is an outcome: the person at the station has to look.
pub(super) fn refused(told: Told, e: ParcelError) -> Result<Told, ScanError> {
    if is_storage(&e) {
        return Err(e.into());
    }
    let detail = e.to_string();
    Ok(Told { refused: Some(refusal(&e)), ..told }.says(Outcome::Exception, detail))
}
