//! Carriers: the airlines a tenant works with, beside those that are known to everybody.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::airlines::{self, AIRLINES};
use super::repo::CARRIERS;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::journal::Folded;
use crate::journal::reference::{self, Ref, Reference};
use crate::store::{Dir, Ix, KeyRange, ReadTx, Result, Table};

/// Carriers of a tenant.
pub const MAX_CARRIERS: usize = 1_000;

/// A carrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AirCarrier)]
pub struct Carrier {
    /// Its two characters.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The three digits its waybills begin with.
    pub prefixes: Vec<String>,
    /// Where its desk is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether it is still worked with.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

impl Reference for Carrier {
    const NAME: &'static str = "air_carrier";
    const KIND: u16 = 0x191;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &CARRIERS;
}

impl Carrier {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self) -> std::result::Result<(), Invalid> {
        let mut wrong = Vec::new();
        if self.code.len() != 2 || !self.code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            let said = format!("\"{}\" is no carrier; write its two characters such as LH", self.code);
            wrong.push(Problem::new("/code", said));
        }
        wrong.extend(text::required("/name", &self.name, text::SHORT).err());
        let fits = |p: &String| p.len() == 3 && p.bytes().all(|b| b.is_ascii_digit());
        if self.prefixes.is_empty() || self.prefixes.len() > 10 || !self.prefixes.iter().all(fits) {
            wrong.push(Problem::new("/prefixes", "are one to ten times three digits, such as 020"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

/// The id of the carrier `code`.
#[must_use]
pub fn carrier_id(code: &str) -> Id {
    Id::derived(&[b"air carrier", code.to_uppercase().as_bytes()])
}

/// The carrier `code`: the tenant's own word on it and its revision, or what everybody knows at revision 0.
///
/// # Errors
/// Storage failures.
pub fn find(tx: &dyn ReadTx, code: &str) -> Result<Option<(Carrier, u64)>> {
    if let Some(own) = reference::get(tx, carrier_id(code))? {
        return Ok(Some(own));
    }
    Ok(shipped().find(|c| c.code == code.to_uppercase()).map(|c| (c, 0)))
}

/// What everybody knows, one for each code.
fn shipped() -> impl Iterator<Item = Carrier> {
    AIRLINES.iter().map(|a| Carrier {
        code: a.code.into(),
        name: a.name.into(),
        prefixes: vec![a.prefix.into()],
        email: None,
        active: true,
    })
}

/// All carriers by code, the tenant's own word before what everybody knows.
///
/// # Errors
/// Storage failures.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<(Carrier, u64)>> {
    let rows = CARRIERS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_CARRIERS)?;
    let mut all: Vec<(Carrier, u64)> =
        rows.items.into_iter().filter_map(|e| Some((e.value.state.value?, e.rev))).collect();
    for known in shipped() {
        if !all.iter().any(|(c, _)| c.code == known.code) {
            all.push((known, 0));
        }
    }
    all.sort_by(|a, b| a.0.code.cmp(&b.0.code));
    Ok(all)
}

/// The code of the carrier whose waybills begin with `prefix`.
///
/// # Errors
/// Storage failures.
pub fn by_prefix(tx: &dyn ReadTx, prefix: &str) -> Result<Option<String>> {
    let rows = CARRIERS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_CARRIERS)?;
    let own = rows.items.into_iter().filter_map(|e| e.value.state.value);
    let mut own = own.filter(|c| c.prefixes.iter().any(|p| p == prefix));
    Ok(own.next().map(|c| c.code).or_else(|| airlines::by_prefix(prefix).map(|a| a.code.to_owned())))
}
