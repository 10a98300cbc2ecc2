//! Deliveries of another system that come over here, a row of its file at a time. A row that says what is known changes
//! nothing, and none changes what somebody here has begun with: a file may come twice.

use super::error::DeliveryError;
use super::event::{DeliveryEvent, Told};
use super::inputs::NewDelivery;
use super::model::{Delivery, Elsewhere, Status};
use super::repo::{self, DELIVERIES};
use super::{assign, service};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::text;
use crate::base::verdict::{Beside, Verdict};
use crate::identity::features::CreateDeliveries;
use crate::identity::grant::Grant;
use crate::jobs::queue::id_at;
use crate::journal::clock::Origin;
use crate::journal::event::SiteRef;
use crate::journal::{Cx, record};
use crate::store::{ReadTx, StoreError, WriteTx};

type Result<T> = std::result::Result<T, DeliveryError>;

/// What one row says of a delivery.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What the other system calls it.
    pub reference: String,
    /// Its own word for where it is; asked for when absent.
    pub raw: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Option<Timestamp>,
    /// What has to be done, with its parcels and who has it, as somebody would ask for it here.
    pub new: NewDelivery,
    /// Which attempt it is.
    pub attempt: Option<u32>,
    /// Why it failed or was called off.
    pub reason: Option<String>,
}

/// What a word that other systems use for where a delivery is means; none when nobody knows.
#[must_use]
pub fn meaning(raw: &str) -> Option<Status> {
    let word = raw.trim().to_lowercase().replace([' ', '-'], "_");
    Some(match word.as_str() {
        "created" | "pending" | "new" | "open" | "unassigned" | "requested" => Status::Created,
        "assigned" | "planned" | "scheduled" | "dispatched" => Status::Assigned,
        "in_transit" | "out_for_delivery" | "picked_up" | "started" | "on_the_way" => Status::InTransit,
        "completed" | "complete" | "delivered" | "done" => Status::Completed,
        "failed" | "undelivered" | "attempted" => Status::Failed,
        "cancelled" | "canceled" | "called_off" => Status::Cancelled,
        _ => return None,
    })
}

/// Takes a row of `source` in, or with `dry` only says what would become of it. Nobody is told and no parcel moves: it says
/// how things stand, not what happens.
///
/// # Errors
/// Every reason why the row can't be taken.
pub fn take(
    tx: &mut dyn WriteTx,
    grant: &Grant<CreateDeliveries>,
    cx: &Cx,
    source: &str,
    row: &Row,
    dry: bool,
) -> Result<Verdict> {
    let known = repo::from_elsewhere(tx, source, &row.reference)?;
    let old = known.map_or(Ok(None), |id| DELIVERIES.get(tx, &id))?;
    if old.as_ref().is_some_and(|o| o.state.taken_over || o.state.removed) {
        return Ok(Verdict::Unchanged);
    }
    let told = told(tx, grant, cx, source, row)?;
    if let Some(old) = &old
        && says_nothing_new(&old.state, &told)
    {
        return Ok(Verdict::Unchanged);
    }
    let verdict = if old.is_some() { Verdict::Updated } else { Verdict::Created };
    if dry {
        return Ok(verdict);
    }
    let number = if old.is_some() { 0 } else { service::next_number(tx)? };
    let id = known.unwrap_or_else(|| id_at(row.created_at.unwrap_or(cx.now).min(cx.now)));
    record(tx, cx, id, old, vec![DeliveryEvent::Told(Box::new(Told { number, ..told }))])?;
    Ok(verdict)
}

/// How a row lies beside what is known of its delivery.
///
/// # Errors
/// Storage failures.
pub fn beside(tx: &dyn ReadTx, source: &str, row: &Row) -> std::result::Result<Beside, StoreError> {
    let known = repo::from_elsewhere(tx, source, &row.reference)?;
    let found = known.map_or(Ok(None), |id| DELIVERIES.get(tx, &id))?;
    let Some(d) = found.map(|f| f.state).filter(|d| !d.removed) else { return Ok(Beside::MISSING) };
    let theirs = row.raw.as_deref().map(meaning);
    Ok(Beside { ours: Some(d.status.to_string()), is_same: theirs.is_none_or(|t| t == Some(d.status)) })
}

fn told(
    tx: &mut dyn WriteTx,
    grant: &Grant<CreateDeliveries>,
    cx: &Cx,
    source: &str,
    row: &Row,
) -> Result<Told> {
    let who = grant.principal();
    let mut wrong: Vec<Problem> = Vec::new();
    wrong.extend(text::required("/reference", &row.reference, text::SHORT).err());
    let mut keep = |e: DeliveryError| match e {
        DeliveryError::Store(e) => Err(DeliveryError::Store(e)),
        other => {
            wrong.extend(match &other {
                DeliveryError::Invalid(Invalid(all)) => all.clone(),
                e => vec![Problem::new("", e.to_string())],
            });
            Ok(())
        }
    };
    let status = match row.raw.as_deref().map(|raw| (raw, meaning(raw))) {
        None => Status::Created,
        Some((_, Some(status))) => status,
        Some((raw, None)) => {
            let names = Status::ALL.map(Status::as_str).join(", ");
            let said =
                format!("\"{}\" is no status we know; use one of {names}", text::clipped(raw.into(), 80));
            keep(Invalid::at("/status", said).into())?;
            Status::Created
        }
    };
    let facts = match row.new.facts() {
        Ok(facts) => facts,
        Err(e) => {
            keep(e.into())?;
            super::model::Facts::default()
        }
    };
    let parcels = match service::known_parcels(tx, who, &row.new.parcels) {
        Ok(parcels) => parcels,
        Err(e) => {
            keep(e)?;
            Vec::new()
        }
    };
    let assignee = match row.new.assigned_to.as_deref() {
        None => None,
        Some(to) => match assign::assignee(tx, who, cx.now, to, "/assigned_to") {
            Ok(to) => Some(to),
            Err(e) => {
                keep(e)?;
                None
            }
        },
    };
    if !wrong.is_empty() {
        return Err(Invalid(wrong).into());
    }
    // Given to somebody is what it says, whatever the word.
    let status = if status == Status::Created && assignee.is_some() { Status::Assigned } else { status };
    if assignee.is_none() && matches!(status, Status::Assigned | Status::InTransit) {
        return Err(
            Invalid::at("/assigned_to", format!("is needed: it is {status}, so somebody has it")).into()
        );
    }
    let origin = Origin::load(tx)?;
    Ok(Told {
        source: source.to_owned(),
        reference: row.reference.clone(),
        number: 0,
        depot: SiteRef::new(origin.site, origin.epoch),
        facts,
        parcels,
        attempt: row.attempt.unwrap_or(1).max(1),
        assignee,
        vehicle: row.new.vehicle.clone(),
        status,
        since: row.since,
        created_at: row.created_at,
        reason: row.reason.clone(),
    })
}

fn says_nothing_new(d: &Delivery, t: &Told) -> bool {
    let same_parcels = d.legs.iter().map(|l| l.parcel).eq(t.parcels.iter().copied());
    let same_times =
        t.created_at.is_none_or(|at| at == d.created_at) && t.since.is_none_or(|at| at == d.since);
    let named = Elsewhere { source: t.source.clone(), reference: t.reference.clone() };
    d.status == t.status
        && d.facts == t.facts
        && d.assignee == t.assignee
        && d.vehicle == t.vehicle
        && d.attempt == t.attempt
        && d.elsewhere.as_ref() == Some(&named)
        && same_parcels
        && same_times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_systems_are_understood_or_nobody_guesses() {
        for (word, status) in [
            ("Out for Delivery", Status::InTransit),
            ("DELIVERED", Status::Completed),
            ("canceled", Status::Cancelled),
            ("planned", Status::Assigned),
        ] {
            assert_eq!(meaning(word), Some(status), "{word}");
        }
        assert_eq!(meaning("lost in space"), None);
        assert!(Status::ALL.into_iter().all(|s| meaning(s.as_str()) == Some(s)));
    }
}
