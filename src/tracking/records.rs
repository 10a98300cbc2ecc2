//! Devices, fences and public links: records that people make.

use super::error::TrackingError;
use super::geo::Spot;
use super::model::{Device, DeviceKey, Fence, Link};
use super::repo::{self, BY_ID, KEYS, LINKS, LINKS_KEPT};
use super::visit::Place;
use crate::audit;
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::opaque::{Opaque, Purpose};
use crate::journal::reference::Reference;
use crate::journal::{Cx, reference};
use crate::store::counters;
use crate::store::{Dir, Ix, KeyRange, ReadTx, WriteTx};

type Result<T> = std::result::Result<T, TrackingError>;

/// Devices of a tenant at the most.
pub const MAX_DEVICES: usize = 2_000;
/// Fences of a tenant at the most.
pub const MAX_FENCES: usize = 100;
/// Corners of a polygon at the most.
pub const MAX_CORNERS: usize = 100;
/// Public links of a tenant at the most.
pub const MAX_LINKS: usize = 20_000;
/// Bytes of a name.
pub const MAX_NAME: usize = 64;
/// Hours a public link is good at the most.
pub const MAX_LINK_HOURS: u32 = 24 * 30;

/// A record of one's own with a name.
pub trait Named: Reference {
    /// What it is called to people.
    const WHAT: &'static str;
    /// How many are kept.
    const MOST: usize;
    /// Its name.
    fn name(&self) -> &str;
    /// What is wrong with it beside its name.
    fn wrong(&self) -> Vec<Problem>;
}

impl Named for Device {
    const WHAT: &'static str = "device";
    const MOST: usize = MAX_DEVICES;
    fn name(&self) -> &str {
        &self.name
    }
    fn wrong(&self) -> Vec<Problem> {
        text::optional("/vehicle", &self.vehicle, MAX_NAME).err().into_iter().collect()
    }
}

impl Named for Fence {
    const WHAT: &'static str = "fence";
    const MOST: usize = MAX_FENCES;
    fn name(&self) -> &str {
        &self.name
    }
    fn wrong(&self) -> Vec<Problem> {
        let place = match &self.place {
            Place::Circle(_, radius) => (!(10.0..=100_000.0).contains(radius))
                .then(|| Problem::new("/radius_m", "must be 10 to 100000 metres")),
            Place::Polygon(corners) => (!(3..=MAX_CORNERS).contains(&corners.len()))
                .then(|| Problem::new("/corners", format!("must be 3 to {MAX_CORNERS} corners"))),
        };
        let dwell =
            (self.dwell_s > 24 * 3_600).then(|| Problem::new("/dwell_s", "must be at most 86400 seconds"));
        place.into_iter().chain(dwell).collect()
    }
}

/// The record `name`, by id or name, with its id and revision.
///
/// # Errors
/// When there is none.
pub fn find<T: Named>(tx: &dyn ReadTx, name: &str) -> Result<(Id, T, u64)> {
    let found = match name.parse::<Id>() {
        Ok(id) => reference::get::<T>(tx, id)?.map(|(value, rev)| (id, value, rev)),
        Err(_) => repo::all::<T>(tx)?.into_iter().find(|(_, value, _)| value.name() == name),
    };
    let name = || text::clipped(name.to_owned(), MAX_NAME);
    found.ok_or_else(|| TrackingError::Unknown { what: T::WHAT, name: name() })
}

/// Adds a record, or changes the one `id` that was seen at a revision.
///
/// # Errors
/// When something of it is wrong, its name taken, it has changed meanwhile, or there are as many as are kept.
pub fn keep<T: Named>(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    known: Option<(&str, u64)>,
    value: T,
) -> Result<(Id, u64)> {
    let mut wrong = value.wrong();
    wrong.extend(text::required("/name", value.name(), MAX_NAME).err());
    if value.name().parse::<Id>().is_ok() {
        wrong.push(Problem::new("/name", "must not look like an id"));
    }
    if !wrong.is_empty() {
        return Err(Invalid(wrong).into());
    }
    let id = match known {
        Some((name, seen)) => {
            let (id, _, found) = find::<T>(tx, name)?;
            current(seen, found)?;
            id
        }
        None => Id::fresh(),
    };
    let all = repo::all::<T>(tx)?;
    if all.iter().any(|(other, v, _)| *other != id && v.name() == value.name()) {
        return Err(TrackingError::Taken { what: T::WHAT, name: value.name().to_owned() });
    }
    if known.is_none() && all.len() >= T::MOST {
        return Err(TrackingError::Full { what: T::WHAT, most: T::MOST });
    }
    let rev = reference::set(tx, cx, id, Some(value))?.rev;
    Ok((id, rev))
}

fn current(seen: u64, found: u64) -> Result<()> {
    if seen == found { Ok(()) } else { Err(TrackingError::Stale { found, seen }) }
}

/// Removes a record; a device's token with it.
///
/// # Errors
/// When there is none, or it has changed since revision `seen`.
pub fn remove<T: Named>(tx: &mut dyn WriteTx, cx: &Cx, name: &str, seen: u64) -> Result<()> {
    let (id, _, found) = find::<T>(tx, name)?;
    current(seen, found)?;
    if let Some(key) = repo::key_of(tx, id)? {
        KEYS.del(tx, &key)?;
    }
    reference::set::<T>(tx, cx, id, None)?;
    Ok(())
}

/// Gives a device the token `made`, in place of any before.
///
/// # Errors
/// When there is no such device.
pub fn give_token(tx: &mut dyn WriteTx, cx: &Cx, name: &str, made: &Opaque) -> Result<Id> {
    let (id, ..) = find::<Device>(tx, name)?;
    if let Some(old) = repo::key_of(tx, id)? {
        KEYS.del(tx, &old)?;
    }
    KEYS.put(tx, made.digest().as_bytes(), &DeviceKey { device: id })?;
    note(tx, cx, "tracking_device.token", "tracking_device", id)?;
    Ok(id)
}

fn note(tx: &mut dyn WriteTx, cx: &Cx, action: &'static str, record: &'static str, id: Id) -> Result<()> {
    let changed = Vec::new();
    let entry = audit::Entry { class: audit::Class::Always, action, record, id, event: None, changed };
    audit::note(tx, cx, &entry)?;
    Ok(())
}

/// The device that has the token `shown`.
///
/// # Errors
/// When none has.
pub fn device(tx: &dyn ReadTx, shown: &Opaque) -> Result<(Id, Device)> {
    if shown.purpose() != Purpose::Enrolment {
        return Err(TrackingError::Device);
    }
    let key = KEYS.get(tx, shown.digest().as_bytes())?.ok_or(TrackingError::Device)?;
    let found = reference::get::<Device>(tx, key.device)?;
    found.map(|(device, _)| (key.device, device)).ok_or(TrackingError::Device)
}

/// Makes a public link to a delivery under the token `made`.
///
/// # Errors
/// When its time is wrong, or there are as many as are kept.
pub fn add_link(tx: &mut dyn WriteTx, cx: &Cx, delivery: &str, hours: u32, made: &Opaque) -> Result<Link> {
    if !(1..=MAX_LINK_HOURS).contains(&hours) {
        return Err(Invalid::at("/hours", format!("must be 1 to {MAX_LINK_HOURS}, got {hours}")).into());
    }
    let kept = counters::get(tx, LINKS_KEPT)?;
    if kept >= MAX_LINKS as i64 {
        return Err(TrackingError::Full { what: "public links", most: MAX_LINKS });
    }
    let expires = cx.now.after(std::time::Duration::from_secs(u64::from(hours) * 3_600));
    let link = Link { id: Id::fresh(), digest: made.digest(), delivery: delivery.to_owned(), expires };
    LINKS.put(tx, made.digest().as_bytes(), &link)?;
    counters::add(tx, LINKS_KEPT, 1)?;
    note(tx, cx, "tracking_link.added", "tracking_link", link.id)?;
    Ok(link)
}

/// Withdraws a public link.
///
/// # Errors
/// When there is none.
pub fn remove_link(tx: &mut dyn WriteTx, cx: &Cx, id: Id) -> Result<()> {
    let found = LINKS.scan(tx, BY_ID, &KeyRange::prefix(&id.0), Dir::Up, 1)?.items.pop();
    let row = found.ok_or_else(|| TrackingError::Unknown { what: "public link", name: id.to_string() })?;
    LINKS.del(tx, &row.pk)?;
    counters::add(tx, LINKS_KEPT, -1)?;
    note(tx, cx, "tracking_link.removed", "tracking_link", id)
}

/// The delivery that the link with this token leads to; none when it is over or was never made.
///
/// # Errors
/// Storage failures.
pub fn follow_link(tx: &dyn ReadTx, shown: &Opaque, now: Timestamp) -> Result<Option<String>> {
    if shown.purpose() != Purpose::Link {
        return Ok(None);
    }
    let link = LINKS.get(tx, shown.digest().as_bytes())?.filter(|l| now < l.expires);
    Ok(link.map(|l| l.delivery))
}

/// The links of a tenant, the first to end first.
///
/// # Errors
/// Storage failures.
pub fn links(tx: &dyn ReadTx, limit: usize) -> Result<Vec<Link>> {
    let rows = LINKS.scan(tx, Ix::Nth(0), &KeyRange::all(), Dir::Up, limit)?;
    Ok(rows.items.into_iter().map(|e| e.value).collect())
}

/// A fence from what people say.
///
/// # Errors
/// When it has neither a circle nor corners, or both.
pub fn fence(
    name: String,
    circle: Option<(f64, f64, f64)>,
    corners: &[(f64, f64)],
    dwell_s: u32,
) -> Result<Fence> {
    let spot = |pointer: &str, lat: f64, lon: f64| Spot::new(lat, lon).map_err(|e| Invalid::at(pointer, e));
    let place = match (circle, corners.is_empty()) {
        (Some((lat, lon, radius)), true) => Place::Circle(spot("/lat", lat, lon)?, radius),
        (None, false) => {
            let corner = |(n, (lat, lon)): (usize, &(f64, f64))| spot(&format!("/corners/{n}"), *lat, *lon);
            Place::Polygon(corners.iter().enumerate().map(corner).collect::<std::result::Result<_, _>>()?)
        }
        _ => return Err(Invalid::at("/", "needs lat, lon and radius_m, or corners").into()),
    };
    Ok(Fence { name, place, dwell_s })
}
