//! Where carriers are kept.

use super::model::{Came, Carrier, Poll, Secrets};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::jobs::retention::{Retained, older};
use crate::journal::Folded;
use crate::journal::reference::{Ref, Reference};
use crate::store::table::Checked;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx, key};

/// Carriers by id, which follows from the code.
pub static CARRIERS: Table<Id, Folded<Ref<Carrier>>> = Table::new(123, "carriers", Home::ById);
/// Their secrets, by code. Not a part of the record: another node has another key to seal with.
pub const SECRETS: Table<str, Secrets> = Table::new(124, "carrier_secrets", Home::Local);
/// Where asking them stands, by code.
pub const POLLS: Table<str, Poll> = Table::new(125, "carrier_polls", Home::Local);
/// What came, by code and id.
const CAME: Table<[u8], Came> = Table::new(126, "carrier_events", Home::Local).indexed(&[by_time]);

/// Carriers of a tenant.
pub const MAX_CARRIERS: usize = 500;

impl Reference for Carrier {
    const NAME: &'static str = "carrier";
    const KIND: u16 = 0x178;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &CARRIERS;
}

fn by_time(came: &Came) -> Option<Vec<u8>> {
    Some(came.at.unsigned().to_be_bytes().to_vec())
}

/// The id of the carrier `code`.
#[must_use]
pub fn carrier_id(code: &str) -> Id {
    Id::derived(&[b"carrier", code.as_bytes()])
}

/// Every carrier with its revision, by code.
///
/// # Errors
/// Storage failures.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<(Carrier, u64)>> {
    let rows = CARRIERS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, usize::MAX >> 1)?;
    let present = rows.items.into_iter().filter_map(|e| Some((e.value.state.value?, e.rev)));
    let mut all: Vec<_> = present.collect();
    all.sort_by(|a, b| a.0.code.cmp(&b.0.code));
    Ok(all)
}

/// What kind of thing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum What {
    /// A message, by its `webhook-id`.
    Message = 0,
    /// An event, by the carrier's id of it.
    Event = 1,
}

/// Notes that something came; false when it had come before.
///
/// # Errors
/// Storage failures.
pub fn first_time(tx: &mut dyn WriteTx, code: &str, what: What, id: &str, now: Timestamp) -> Result<bool> {
    let mut rest = vec![what as u8];
    // As long as it may be, the key is short.
    rest.extend(Id::derived(&[id.as_bytes()]).0);
    let key = key::text_then(code, &rest);
    if CAME.get(tx, &key)?.is_some() {
        return Ok(false);
    }
    CAME.put(tx, &key, &Came { at: now })?;
    Ok(true)
}

/// How long it is known what came, for the retention table.
#[must_use]
pub fn retained() -> Retained {
    Retained {
        name: "carrier_events",
        days: |r| r.carrier_events,
        find: |tx, before, after, limit| {
            let range =
                KeyRange { to: Some(before.unsigned().to_be_bytes().to_vec()), after, ..KeyRange::all() };
            older(&CAME, tx, (Ix::Nth(0), range), limit, |c| c.at < before)
        },
        remove: |tx, pk| CAME.del(tx, pk).map(drop),
    }
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&CARRIERS, &SECRETS, &POLLS, &CAME]
}
