//! Taking positions in, and showing where deliveries are, within what the caller may see.

use super::error::TrackingError;
use super::model::{Stop, Track};
use super::repo::{self, TRACKS};
use super::stops::{self, Expected, Seer};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::policy::Policy;
use crate::eta::service::{self as eta, Estimate, Predictors};
use crate::identity::grant::{Principal, Scope};
use crate::store::{ReadTx, WriteTx};

type Result<T> = std::result::Result<T, TrackingError>;

/// Positions of one call at the most.
pub const MAX_BATCH: usize = 1_000;
/// Points of a trail at the most.
pub const MAX_TRAIL: usize = 2_000;

/// The track of whoever reports without naming a vehicle: a driver's phone.
#[must_use]
pub fn own_track(user: Id) -> Id {
    Id::derived(&[b"user", &user.0])
}

/// Whether `who` may see and report on a delivery under way.
#[must_use]
pub fn sees(who: &Principal, stop: &Stop) -> bool {
    match &who.scope {
        Scope::Tenant => true,
        Scope::Distributors(_) => who.scope.admits_distributor(stop.distributor.as_deref()),
        Scope::Own => stop.driver == Some(who.actor.user) || stop.vehicle == own_track(who.actor.user),
    }
}

fn unknown(delivery: &str) -> TrackingError {
    let name = crate::base::text::clipped(delivery.to_owned(), stops::MAX_NAME);
    TrackingError::Unknown { what: "delivery", name }
}

/// The delivery `name` when it is under way or was, and `who` may see it.
///
/// # Errors
/// When there is none for them.
pub fn find(tx: &dyn ReadTx, who: &Principal, name: &str) -> Result<Stop> {
    repo::stop(tx, name)?.filter(|s| sees(who, s)).ok_or_else(|| unknown(name))
}

/// Where positions belong: a vehicle's track and what it is called.
pub type Whose = (Id, String);

/// The vehicle that `who` reports for when no delivery is named. Whoever sees only their own reports for themselves.
///
/// # Errors
/// When they may report for no vehicle.
pub fn vehicle(who: &Principal, named: Option<&str>) -> Result<Whose> {
    let own = (own_track(who.actor.user), who.actor.name.to_string());
    match (&who.scope, named.filter(|n| !n.is_empty())) {
        (Scope::Tenant, Some(name)) if name.len() <= stops::MAX_NAME => {
            Ok((stops::vehicle(name), name.to_owned()))
        }
        (Scope::Tenant | Scope::Own, _) => Ok(own),
        (Scope::Distributors(_), _) => Err(unknown(named.unwrap_or_default())),
    }
}

/// The same for whoever is on a route: a phone of somebody who only sees their own speaks for the vehicle they drive.
///
/// # Errors
/// As [`vehicle`]; storage failures.
pub fn driven(tx: &dyn ReadTx, who: &Principal, named: Option<&str>) -> Result<Whose> {
    if who.scope == Scope::Own
        && let Some(fed) = repo::driven_by(tx, who.actor.user)?
    {
        return Ok((fed.vehicle, fed.name));
    }
    vehicle(who, named)
}

/// The vehicle that has the delivery; none when nobody has said yet.
///
/// # Errors
/// When `who` may not report on it.
pub fn vehicle_of(tx: &dyn ReadTx, who: &Principal, delivery: &str) -> Result<Option<Whose>> {
    let Some(stop) = repo::stop(tx, delivery)? else { return Ok(None) };
    if !sees(who, &stop) {
        return Err(unknown(delivery));
    }
    let named = Some(stop.vehicle_name).filter(|n| !n.is_empty());
    let name = named.unwrap_or_else(|| who.actor.name.to_string());
    Ok(Some((stop.vehicle, name)))
}

/// Notes that whoever reports first on a delivery that nobody announced has it, since the first position's time. Nobody
/// says of such a delivery when it is over: where a vehicle has too many, the oldest one of them is.
///
/// # Errors
/// When the name is wrong, or the vehicle has too many that were announced.
pub fn begin(
    tx: &mut dyn WriteTx,
    who: &Principal,
    delivery: &str,
    (vehicle, vehicle_name): Whose,
    (since, now): (Timestamp, Timestamp),
) -> Result<()> {
    if matches!(who.scope, Scope::Distributors(_)) {
        return Err(unknown(delivery));
    }
    let open = repo::open_stops(tx, vehicle)?;
    if open.len() >= repo::MAX_STOPS
        && let Some(oldest) = open.iter().filter(|s| s.spot.is_none()).min_by_key(|s| s.announced_at)
    {
        stops::call_off(tx, now, &oldest.delivery)?;
    }
    let driver = (!who.actor.is_system()).then_some(who.actor.user);
    let delivery = delivery.to_owned();
    let new = Expected { delivery, vehicle, vehicle_name, driver, ..Expected::default() };
    let stop = stops::expect(tx, now, new)?;
    repo::put_stop(tx, &super::model::Stop { announced_at: since.min(now), ..stop })?;
    Ok(())
}

/// The delivery with its vehicle's track.
///
/// # Errors
/// When there is none for them.
pub fn under_way(tx: &dyn ReadTx, who: &Principal, name: &str) -> Result<(Stop, Option<Track>)> {
    let stop = find(tx, who, name)?;
    let track = TRACKS.get(tx, &stop.vehicle)?;
    Ok((stop, track))
}

/// When a delivery will be there.
///
/// # Errors
/// When it is over, or nobody knows where it or its vehicle is.
pub fn estimate(
    tx: &dyn ReadTx,
    predictors: &Predictors,
    stop: &Stop,
    track: Option<&Track>,
    now: Timestamp,
) -> Result<Estimate> {
    let (predictor, standing) = (predictors.current(tx)?, eta::standing(tx)?);
    let policy = Policy::current(tx)?;
    let seer = Seer { predictor: &predictor, zone: policy.calendar.zone() };
    let blank = Track::default();
    stops::estimate(tx, &seer, &standing, stop, (track.unwrap_or(&blank), now))
}
