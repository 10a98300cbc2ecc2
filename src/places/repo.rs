//! Where places are kept.

use super::model::{Known, Place};
use crate::base::ids::Id;
use crate::journal::Folded;
use crate::journal::reference::{Ref, Reference};
use crate::store::table::Checked;
use crate::store::{Home, Table};

/// Places put right by hand, by the id of their address.
pub static PLACES: Table<Id, Folded<Ref<Place>>> = Table::new(205, "places", Home::ById);
/// What is known beside: earlier stops by `r:<id of their address>`, of imported files `z:<postcode>`,
/// `s:<street>|<postcode>` and `c:<town>|<state>`.
pub const KNOWN: Table<str, Known> = Table::new(207, "places_known", Home::Local);

impl Reference for Place {
    const NAME: &'static str = "place";
    const KIND: u16 = 0x1a2;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &PLACES;
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&PLACES, &KNOWN]
}
