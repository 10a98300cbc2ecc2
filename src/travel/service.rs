//! Conditions as they stand, and setting them.

use super::conditions::Conditions;
use super::error::TravelError;
use super::sources::{self, Known};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::features::EditConditions;
use crate::identity::grant::Grant;
use crate::journal::{Cx, reference};
use crate::store::{ReadTx, Result as Stored, WriteTx};

/// The conditions and their revision; none at revision 0 when nobody set any.
///
/// # Errors
/// Storage failures.
pub fn conditions(tx: &dyn ReadTx) -> Stored<(Conditions, u64)> {
    let Some(id) = sources::known(tx)?.conditions else { return Ok((Conditions::default(), 0)) };
    Ok(reference::get(tx, id)?.unwrap_or_default())
}

/// The conditions that hold at `now`: those that were entered, and the weather as its service says it unless somebody said
/// what it is.
///
/// # Errors
/// Storage failures.
pub fn in_force(tx: &dyn ReadTx, now: Timestamp) -> Stored<Conditions> {
    let entered = conditions(tx)?.0.at(now);
    if entered.weather.is_some() {
        return Ok(entered);
    }
    let said = sources::known(tx)?.weather.said;
    Ok(Conditions { weather: said.and_then(|said| said.counts_at(now)), ..entered })
}

/// Sets the conditions as a whole.
///
/// # Errors
/// When they make no sense, or were changed since `seen`.
pub fn set(
    tx: &mut dyn WriteTx,
    _: &Grant<EditConditions>,
    cx: &Cx,
    new: Conditions,
    seen: u64,
) -> Result<(Conditions, u64), TravelError> {
    new.check()?;
    let (_, found) = conditions(tx)?;
    if found != seen {
        return Err(TravelError::Stale { found, seen });
    }
    let new = Conditions { version: None, ..new };
    let known = sources::known(tx)?;
    let id = known.conditions.unwrap_or_else(Id::fresh);
    if known.conditions.is_none() {
        sources::keep(tx, &Known { conditions: Some(id), ..known })?;
    }
    let rev = reference::set(tx, cx, id, Some(new.clone()))?.rev;
    Ok((new, rev))
}
