//! The use cases of houses: the sum of them is never more than their master.

use super::counts;
use super::error::{FreightError, Result};
use super::event::{HawbEvent, HouseAnnounced, HouseDescribed};
use super::model::{Hawb, HouseFacts, MAX_HOUSES, Mawb};
use super::repo::{self, HAWBS, MAWBS};
use super::service::{self, Reported, check_more, whole};
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::EditAirFreight;
use crate::identity::grant::Grant;
use crate::journal::{Cx, Folded, record};
use crate::store::table::Entry;
use crate::store::{ReadTx, WriteTx};

/// Characters of a house's number: what the messages of the trade carry.
pub const MAX_NUMBER: usize = 35;

/// The house called `name`, an id or a number; of several with one number the newest.
///
/// # Errors
/// [`FreightError::Unknown`] when there is none.
pub fn find(tx: &dyn ReadTx, name: &str) -> Result<Entry<Folded<Hawb>>> {
    let unknown = || FreightError::unknown("house", name);
    if let Ok(id) = name.parse::<Id>() {
        return HAWBS.entry(tx, &id)?.filter(|e| !e.value.state.number.is_empty()).ok_or_else(unknown);
    }
    if name.len() > text::SHORT {
        return Err(unknown());
    }
    repo::houses_named(tx, name)?.pop().ok_or_else(unknown)
}

/// The house `number` under the master `mawb`; without a master, the one that has none.
///
/// # Errors
/// Storage failures.
pub fn under(tx: &dyn ReadTx, mawb: Option<Id>, number: &str) -> Result<Option<Entry<Folded<Hawb>>>> {
    Ok(repo::houses_named(tx, number)?.into_iter().rev().find(|e| e.value.state.mawb == mawb))
}

/// What the houses of a master add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Sums {
    /// Houses.
    pub houses: u64,
    /// Their pieces, as far as they are known.
    pub pieces: u64,
    /// Their weight in grams, as far as it is known.
    pub grams: u64,
    /// Whether that is not what the master has.
    pub differs: bool,
}

/// The houses of `m`, the house `but` left out.
///
/// # Errors
/// Storage failures.
pub fn sums(tx: &dyn ReadTx, m: &Mawb, but: Option<Id>) -> Result<Sums> {
    let mut out = Sums::default();
    for house in repo::houses_of(tx, m.id, MAX_HOUSES)?.iter().filter(|h| Some(h.id) != but) {
        out.houses += 1;
        out.pieces = out.pieces.saturating_add(house.facts.pieces.unwrap_or(0).into());
        out.grams = out.grams.saturating_add(house.facts.weight.map_or(0, |w| w.0));
    }
    let pieces = counts::expected(m).map(u64::from);
    let grams = m.facts.weight.map(|w| w.0);
    let differs = |sum: u64, whole: Option<u64>| sum > 0 && whole.is_some_and(|w| w != sum);
    out.differs = out.houses > 0 && (differs(out.pieces, pieces) || differs(out.grams, grams));
    Ok(out)
}

/// Refuses a house that would make the sum more than its master has.
fn fits(tx: &dyn ReadTx, mawb: Id, house: Option<Id>, facts: &HouseFacts) -> Result<()> {
    let Some(row) = MAWBS.get(tx, &mawb)? else { return Ok(()) };
    let m = row.state;
    let others = sums(tx, &m, house)?;
    if house.is_none() && others.houses >= MAX_HOUSES as u64 {
        return Err(FreightError::State(format!("{} has {MAX_HOUSES} houses; that is the most", m.number)));
    }
    let checks = [
        ("pieces", others.pieces + u64::from(facts.pieces.unwrap_or(0)), counts::expected(&m).map(u64::from)),
        ("grams", others.grams.saturating_add(facts.weight.map_or(0, |w| w.0)), m.facts.weight.map(|w| w.0)),
    ];
    for (what, sum, whole) in checks {
        if let Some(whole) = whole.filter(|whole| sum > *whole) {
            return Err(FreightError::Exceeds { number: m.number.to_string(), what, sum, whole });
        }
    }
    Ok(())
}

fn check(f: &HouseFacts) -> std::result::Result<(), Invalid> {
    let mut wrong = Vec::new();
    for (at, value) in [("/goods", &f.goods), ("/mode", &f.mode), ("/country", &f.country)] {
        wrong.extend(value.as_ref().and_then(|v| text::optional(at, v, text::SHORT).err()));
    }
    if f.pieces == Some(0) {
        wrong.push(Problem::new("/pieces", "is none; a shipment has one at least"));
    }
    for (at, party) in [("/shipper", &f.shipper), ("/consignee", &f.consignee)] {
        let Some(p) = party else { continue };
        wrong.extend(text::optional(at, &p.name, text::SHORT).err());
        let rest = [&p.email, &p.phone, &p.address];
        wrong.extend(rest.into_iter().flatten().filter_map(|t| text::optional(at, t, text::LONG).err()));
    }
    wrong.extend(check_more(&f.more));
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
}

/// Announces a house.
///
/// # Errors
/// When its number is none, its master has one of that number or is not there, or its pieces or weight are too many.
pub fn create(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditAirFreight>,
    cx: &Cx,
    (number, mawb, facts): (&str, Option<&str>, HouseFacts),
) -> Result<Entry<Folded<Hawb>>> {
    whole(grant)?;
    text::required("/number", number, MAX_NUMBER).map_err(|p| Invalid(vec![p]))?;
    check(&facts)?;
    let mawb = mawb.map(|name| service::find_id(tx, name)).transpose()?;
    if let Some(there) = under(tx, mawb, number)? {
        let id = there.value.state.id;
        return Err(FreightError::Exists { what: "house", number: number.to_owned(), id });
    }
    if let Some(mawb) = mawb {
        fits(tx, mawb, None, &facts)?;
    }
    let id = Id::fresh();
    let event = HawbEvent::Announced(HouseAnnounced { number: number.trim().to_owned(), mawb, facts });
    record::<Hawb>(tx, cx, id, None, vec![event])?;
    reread(tx, id)
}

fn reread(tx: &dyn ReadTx, id: Id) -> Result<Entry<Folded<Hawb>>> {
    HAWBS.entry(tx, &id)?.ok_or_else(|| FreightError::unknown("house", &id.to_string()))
}

/// Changes what is known of a house, or puts it under another master.
///
/// # Errors
/// As [`create`], and when it was changed since `seen`.
pub fn change(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditAirFreight>,
    cx: &Cx,
    name: &str,
    (seen, mawb, facts): (u64, Option<&str>, HouseFacts),
) -> Result<Entry<Folded<Hawb>>> {
    whole(grant)?;
    let entry = find(tx, name)?;
    if entry.rev != seen {
        return Err(FreightError::Stale { found: entry.rev, seen });
    }
    check(&facts)?;
    let mut after = entry.value.state.clone();
    let mawb = mawb.map(|name| service::find_id(tx, name)).transpose()?;
    after.facts.apply(&facts);
    if let Some(master) = mawb.or(after.mawb) {
        fits(tx, master, Some(after.id), &after.facts)?;
    }
    let news = entry.value.state.facts.news(&facts);
    let mawb = mawb.filter(|m| Some(*m) != entry.value.state.mawb);
    if news.is_none() && mawb.is_none() {
        return Ok(entry);
    }
    let facts = news.unwrap_or_default();
    let event = HawbEvent::Described(HouseDescribed { mawb, facts });
    record::<Hawb>(tx, cx, after.id, Some(entry.value), vec![event])?;
    reread(tx, after.id)
}

/// Reports on a house.
///
/// # Errors
/// When there is none, or the report makes no sense.
pub fn report(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditAirFreight>,
    cx: &Cx,
    name: &str,
    news: &Reported,
) -> Result<Entry<Folded<Hawb>>> {
    whole(grant)?;
    let entry = find(tx, name)?;
    let h = &entry.value.state;
    let mark = service::read_report(news, h.facts.pieces, cx.now)?;
    if h.marks.contains(&mark) {
        return Ok(entry);
    }
    let id = h.id;
    record::<Hawb>(tx, cx, id, Some(entry.value), vec![HawbEvent::Reported(mark)])?;
    reread(tx, id)
}
