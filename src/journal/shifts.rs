//! Stamps that were put right: a clock that ran ahead gives stamps that headquarters refuses, and then all of them are
//! shifted together. The change itself stays as it is; the shift lies beside it, and the first one headquarters accepts
//! holds for everybody.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use super::event::Eid;
use crate::first_record;
use crate::store::{Home, ReadTx, Result, Table, WriteTx, counters};

/// The shift of one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// In milliseconds.
    #[serde(rename = "j")]
    pub adj: i64,
    /// Headquarters' word on it, once there is one.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub word: Option<ByteArray<16>>,
}
first_record!(Shift);

/// Shifts that came after their changes had been folded, by the changes' identities.
pub const SHIFTS: Table<[u8], Shift> = Table::new(80, "shifts", Home::Local);

/// How many there are: nearly always none, and then nobody has to look.
const COUNT: &str = "journal/shifts";

/// The shift of `eid`, when one came after its change.
///
/// # Errors
/// Storage failures.
pub fn of(tx: &dyn ReadTx, eid: &Eid) -> Result<Option<Shift>> {
    if counters::get(tx, COUNT)? == 0 { Ok(None) } else { SHIFTS.get(tx, eid) }
}

/// Notes the shift of `eid`.
///
/// # Errors
/// Storage failures.
pub fn put(tx: &mut dyn WriteTx, eid: &Eid, shift: &Shift) -> Result<()> {
    if SHIFTS.put(tx, eid, shift)? == 1 {
        counters::add(tx, COUNT, 1)?;
    }
    Ok(())
}
