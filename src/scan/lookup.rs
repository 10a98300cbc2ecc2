//! Which parcel a code means: the readings' numbers, the likeliest first, looked up in the caller's scope.

use super::model::{Reading, Resolved};
use super::resolve::PARCEL;
use crate::identity::grant::Scope;
use crate::journal::Folded;
use crate::parcels::error::ParcelError;
use crate::parcels::model::{Parcel, ParcelId};
use crate::parcels::{rules, service as parcels};
use crate::store::ReadTx;
use crate::store::table::Entry;

/// A parcel's row with its revision.
pub type Row = Entry<Folded<Parcel>>;

/// What a code means.
pub enum Meant {
    /// Nobody's.
    Nothing,
    /// This parcel.
    One(Box<Row>),
    /// One of these, and it can't be told which.
    Several(Vec<ParcelId>),
}

/// The parcel `resolved` means. Of several it is the only one whose way has not ended, or the one of the reading that
/// was `chosen`.
///
/// # Errors
/// Storage failures.
pub fn meant(
    tx: &dyn ReadTx,
    scope: &Scope,
    resolved: &Resolved,
    chosen: Option<&str>,
) -> Result<Meant, ParcelError> {
    let mut found: Vec<Row> = Vec::new();
    for reading in resolved.readings.iter().filter(|r| r.is_plausible()) {
        let known = of_reading(tx, scope, reading)?;
        if chosen == Some(reading.form.as_str()) && !known.is_empty() {
            found = known;
            break;
        }
        found.extend(known);
        // An id names one parcel and nothing else.
        if reading.form == PARCEL && !found.is_empty() {
            break;
        }
    }
    found.sort_by_key(|e| e.value.state.id);
    found.dedup_by_key(|e| e.value.state.id);
    let open = |e: &Row| rules::is_open(e.value.state.status);
    if found.len() > 1 && found.iter().any(open) {
        found.retain(open);
    }
    Ok(match found.len() {
        // Several that have ended: the newest is asked about.
        0 => Meant::Nothing,
        1 => found.pop().map_or(Meant::Nothing, |e| Meant::One(Box::new(e))),
        _ if !found.iter().any(open) => found.pop().map_or(Meant::Nothing, |e| Meant::One(Box::new(e))),
        _ => Meant::Several(found.iter().map(|e| e.value.state.id).collect()),
    })
}

/// Every parcel that carries a number of `reading`.
fn of_reading(tx: &dyn ReadTx, scope: &Scope, reading: &Reading) -> Result<Vec<Row>, ParcelError> {
    let mut rows: Vec<Row> = Vec::new();
    let numbers = std::iter::once(&reading.number).chain(&reading.also);
    for number in numbers.filter(|n| n.len() <= parcels::MAX_NUMBER) {
        let (row, others) = match parcels::find(tx, scope, number) {
            Ok(found) => found,
            Err(ParcelError::Unknown(_)) => continue,
            Err(e) => return Err(e),
        };
        rows.push(row);
        for id in others {
            rows.push(parcels::find(tx, scope, &id.to_string())?.0);
        }
        // Another spelling of the same number finds nothing new.
        break;
    }
    Ok(rows)
}
