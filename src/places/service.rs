//! Finding where an address is, putting it right, and remembering it.

use super::error::{PlaceError, Result};
use super::file::{self, city_key, street_key, zip_key};
use super::model::{Accuracy, Found, Known, Place, Source, normal};
use super::repo::{KNOWN, PLACES};
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::base::units::Position;
use crate::identity::features::EditRoutes;
use crate::identity::grant::Grant;
use crate::journal::{Cx, reference};
use crate::store::{Dir, Ix, KeyRange, ReadTx, Result as Stored, Store, Tenant, WriteTx, counters};

/// Places put right by hand.
pub const MAX_PLACES: usize = 20_000;
/// Addresses that are remembered; further ones are not until some are forgotten.
pub const MAX_REMEMBERED: i64 = 200_000;
/// Words of an address that are tried as a postcode, from its end.
const MAX_WORDS: usize = 12;
/// Why an address has no place, and what helps.
pub const NOBODY_KNOWS: &str = "nobody knows where it is: give latitude and longitude, put the place right by hand, or import a file that has its postcode";
/// Rows written in one go.
const AT_ONCE: usize = 2_000;

/// The id of an address: the same for every way of writing it that has the same words.
#[must_use]
pub fn address_id(address: &str) -> Id {
    Id::derived(&[b"place", normal(address).as_bytes()])
}

fn stop_key(address: Id) -> String {
    format!("r:{address}")
}

/// Where `address` is, by what is known here; none when nobody knows.
///
/// # Errors
/// Storage failures.
pub fn find(tx: &dyn ReadTx, address: &str) -> Stored<Option<Found>> {
    if normal(address).is_empty() {
        return Ok(None);
    }
    let id = address_id(address);
    if let Some((place, _)) = reference::get::<Place>(tx, id)? {
        return Ok(Some(Found { position: place.position, accuracy: Accuracy::Exact, source: Source::Hand }));
    }
    if let Some(known) = KNOWN.get(tx, &stop_key(id))? {
        let (position, accuracy) = (known.position, Accuracy::Exact);
        return Ok(Some(Found { position, accuracy, source: Source::Remembered }));
    }
    in_files(tx, address)
}

/// What imported files say: the street within the postcode, the postcode, the town.
fn in_files(tx: &dyn ReadTx, address: &str) -> Stored<Option<Found>> {
    let found = |i: Known, accuracy| Found { position: i.position, accuracy, source: Source::File };
    for zip in postcodes(address) {
        let Some(at) = KNOWN.get(tx, &zip_key(&zip))? else { continue };
        for street in streets(address) {
            if let Some(street) = KNOWN.get(tx, &street_key(&street, &zip))? {
                return Ok(Some(found(street, Accuracy::Street)));
            }
        }
        return Ok(Some(found(at, Accuracy::Postcode)));
    }
    for (city, state) in towns(address) {
        if let Some(at) = KNOWN.get(tx, &city_key(&city, &state))? {
            return Ok(Some(found(at, Accuracy::City)));
        }
    }
    Ok(None)
}

/// What of an address may be its postcode, the likeliest first: words with a digit, and two neighbours that have one
/// together (`1012 AB`), from the end; never the very first word, which is the house's number.
fn postcodes(address: &str) -> Vec<String> {
    let normal = normal(address);
    let words: Vec<&str> = normal.split(' ').collect();
    let digit = |w: &str| w.bytes().any(|b| b.is_ascii_digit());
    let long = |w: &str| (3..=10).contains(&w.len());
    let mut out = Vec::new();
    for at in (0..words.len()).rev().take(MAX_WORDS) {
        let one = words[at];
        if at > 0 {
            let two = format!("{}{one}", words[at - 1]);
            if digit(&two) && long(&two) && (at > 1 || words.len() == 2) {
                out.push(two);
            }
        }
        if digit(one) && long(one) && (at > 0 || words.len() == 1) {
            out.push(one.to_owned());
        }
    }
    out
}

/// What of an address may be its street: its first part, with and without the house's number.
fn streets(address: &str) -> Vec<String> {
    let first = normal(address.split(',').next().unwrap_or_default());
    let words: Vec<&str> = first.split(' ').collect();
    let digit = |w: &&str| w.bytes().any(|b| b.is_ascii_digit());
    let mut out = vec![first.clone()];
    if words.len() > 1 && words.first().is_some_and(digit) {
        out.push(words[1..].join(" "));
    }
    if words.len() > 1 && words.last().is_some_and(digit) {
        out.push(words[..words.len() - 1].join(" "));
    }
    out
}

/// What of an address may be its town and state: its parts between commas from the end, each with the one behind it.
fn towns(address: &str) -> Vec<(String, String)> {
    let letters = |part: &str| {
        let normal = normal(part);
        let words: Vec<&str> = normal.split(' ').filter(|w| !w.bytes().any(|b| b.is_ascii_digit())).collect();
        words.join(" ")
    };
    let parts: Vec<String> = address.split(',').map(letters).collect();
    let mut out = Vec::new();
    for at in (0..parts.len()).rev().filter(|at| !parts[*at].is_empty()) {
        if let Some(state) = parts.get(at + 1).filter(|s| !s.is_empty()) {
            out.push((parts[at].clone(), state.clone()));
        }
        // Of one part alone `Springfield IL` is a town and its state too.
        if let Some((city, state)) = parts[at].rsplit_once(' ') {
            out.push((city.to_owned(), state.to_owned()));
        }
        if at > 0 || parts.len() == 1 {
            out.push((parts[at].clone(), String::new()));
        }
    }
    out
}

/// Remembers where a stop was whose address and position came together.
///
/// # Errors
/// Storage failures.
pub fn remember(tx: &mut dyn WriteTx, address: &str, position: Position) -> Stored<()> {
    const COUNT: &str = "places/remembered";
    if normal(address).is_empty() {
        return Ok(());
    }
    let id = address_id(address);
    match KNOWN.get(tx, &stop_key(id))? {
        Some(known) if known.position == position => return Ok(()),
        Some(_) => {}
        None if counters::get(tx, COUNT)? >= MAX_REMEMBERED => return Ok(()),
        None => counters::add(tx, COUNT, 1)?,
    }
    KNOWN.put(tx, &stop_key(id), &Known { position }).map(drop)
}

/// Puts right where an address is; from then on that counts. Returns its id and revision.
///
/// # Errors
/// When the address is blank or too long, or there are [`MAX_PLACES`].
pub fn put_right(tx: &mut dyn WriteTx, _: &Grant<EditRoutes>, cx: &Cx, place: Place) -> Result<(Id, u64)> {
    let mut wrong: Vec<Problem> = Vec::new();
    wrong.extend(text::required("/address", &place.address, text::SHORT).err());
    wrong.extend(text::optional("/note", place.note.as_deref().unwrap_or_default(), text::SHORT).err());
    if wrong.is_empty() && normal(&place.address).is_empty() {
        wrong.push(Problem::new("/address", "needs a letter or a digit"));
    }
    if !wrong.is_empty() {
        return Err(Invalid(wrong).into());
    }
    let id = address_id(&place.address);
    let old = reference::get::<Place>(tx, id)?;
    if old.is_none() {
        if counters::get(tx, HAND)? >= i64::try_from(MAX_PLACES).unwrap_or(i64::MAX) {
            return Err(PlaceError::TooMany(MAX_PLACES));
        }
        counters::add(tx, HAND, 1)?;
    }
    Ok((id, reference::set(tx, cx, id, Some(place))?.rev))
}

/// How many were put right here.
const HAND: &str = "places/hand";

/// Takes back what was put right by hand.
///
/// # Errors
/// When there is none, or it has changed since revision `seen`.
pub fn take_back(tx: &mut dyn WriteTx, _: &Grant<EditRoutes>, cx: &Cx, id: Id, seen: u64) -> Result<()> {
    let (_, found) = reference::get::<Place>(tx, id)?.ok_or(PlaceError::Unknown(id))?;
    if found != seen {
        return Err(PlaceError::Stale { found, seen });
    }
    counters::add(tx, HAND, -1)?;
    reference::set::<Place>(tx, cx, id, None)?;
    Ok(())
}

/// Places put right by hand, a page of them.
///
/// # Errors
/// Storage failures.
pub fn list(
    tx: &dyn ReadTx,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Stored<(Vec<(Id, Place, u64)>, Option<Vec<u8>>)> {
    let rows = PLACES.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Up, limit)?;
    let items = rows.items.into_iter().filter_map(|e| Some((e.value.state.id, e.value.state.value?, e.rev)));
    Ok((items.collect(), rows.next))
}

/// Takes in a file of addresses, a few thousand at a time.
///
/// # Errors
/// When its heading can't be used, or it is too large; storage failures.
pub fn import(store: &Store, tenant: Tenant, bytes: &[u8]) -> Result<file::Read> {
    let mut read = file::read(bytes)?;
    let all: Vec<(String, Known)> = std::mem::take(&mut read.places).into_iter().collect();
    for some in all.chunks(AT_ONCE) {
        let some = some.to_vec();
        let write = move |tx: &mut dyn WriteTx| -> Stored<()> {
            for (key, at) in &some {
                KNOWN.put(tx, key, at)?;
            }
            Ok(())
        };
        store.write(tenant, crate::store::Lane::Bulk, write).wait()?;
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postcode_is_looked_for_from_the_end_and_never_in_the_houses_number() {
        assert_eq!(postcodes("12345 Main St, Springfield, IL 62701")[0], "il62701");
        assert!(postcodes("12345 Main St, Springfield, IL 62701").contains(&"62701".to_owned()));
        assert!(!postcodes("12345 Main St").contains(&"12345".to_owned()));
        assert!(postcodes("Damrak 1, 1012 AB Amsterdam").contains(&"1012ab".to_owned()));
        assert_eq!(postcodes("00601"), ["00601"]);
    }

    #[test]
    fn a_street_is_tried_with_and_without_its_number() {
        assert_eq!(
            streets("Avenida Paulista 1000, São Paulo"),
            ["avenida paulista 1000", "avenida paulista"]
        );
        assert_eq!(streets("12 Main St, City"), ["12 main st", "main st"]);
    }

    #[test]
    fn a_town_is_tried_with_the_state_behind_it_first() {
        let all = towns("123 Main St, Springfield, IL");
        assert!(all.contains(&("springfield".into(), "il".into())));
        let first = all.iter().position(|t| *t == ("springfield".into(), "il".into()));
        let bare = all.iter().position(|t| *t == ("springfield".into(), String::new()));
        assert!(first < bare, "{all:?}");
        assert!(towns("Springfield IL").contains(&("springfield".into(), "il".into())));
    }
}
