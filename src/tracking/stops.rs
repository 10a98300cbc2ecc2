//! Deliveries under way: which vehicle has them, where it is expected, and when it will be there.
//!
//! [`expect`] is where everything else joins: whoever gives a delivery to a vehicle calls it, and [`call_off`] when it is
//! taken back.

use jiff::tz::TimeZone;

use super::error::TrackingError;
use super::geo::Spot;
use super::model::{Fix, SaidArrival, Stop, StopState, Track};
use super::repo::{self, MAX_STOPS};
use super::visit::{Phase, Place, Sign, step};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::eta::legs::{Leg, LegFacts, guess_s};
use crate::eta::predictor::{ARRIVALS, Ahead, Predictor};
use crate::eta::service::{self as eta, Standing};
use crate::store::{ReadTx, WriteTx};

/// Bytes of a delivery's name.
pub const MAX_NAME: usize = 128;
/// Stops ahead for which an arrival is foretold.
const FORETOLD: usize = 12;
/// Who stays so long at a stop has come.
const DWELL_S: u32 = 60;
/// The radius where none is given.
pub const USUAL_RADIUS_M: f64 = 60.0;

/// A stop as it is announced.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The delivery.
    pub delivery: String,
    /// The track of the vehicle that has it.
    pub vehicle: Id,
    /// What the vehicle is called.
    pub vehicle_name: String,
    /// Who drives.
    pub driver: Option<Id>,
    /// Whose delivery it is.
    pub distributor: Option<String>,
    /// Where in the order of the vehicle's stops.
    pub sequence: u32,
    /// Where; none while only the vehicle is known.
    pub spot: Option<Spot>,
    /// The radius in metres; the usual one when 0.
    pub radius_m: f64,
    /// Seconds at the stop.
    pub service_s: u32,
    /// The window.
    pub window: Option<(Timestamp, Timestamp)>,
    /// Seconds of driving from the stop before, as a router planned it.
    pub planned_s: Option<u32>,
    /// Grams.
    pub weight_g: Option<u64>,
    /// 0 low to 3 urgent.
    pub priority: Option<u8>,
}

/// The track of a vehicle by what it is called: an id as it is, a name as what follows from it.
#[must_use]
pub fn vehicle(name: &str) -> Id {
    name.parse().unwrap_or_else(|_| Id::derived(&[b"vehicle", name.as_bytes()]))
}

/// Notes that a vehicle has a delivery, and where it is expected. Said again it takes the place of what was said before;
/// a delivery that was over begins anew.
///
/// # Errors
/// When something of it is wrong, or the vehicle has [`MAX_STOPS`] already.
pub fn expect(tx: &mut dyn WriteTx, now: Timestamp, new: Expected) -> Result<Stop, TrackingError> {
    check(&new)?;
    let old = repo::stop(tx, &new.delivery)?.filter(|s| s.state != StopState::Over);
    let is_new_to_it = old.as_ref().is_none_or(|s| s.vehicle != new.vehicle);
    if is_new_to_it && repo::open_stops(tx, new.vehicle)?.len() >= MAX_STOPS {
        return Err(TrackingError::Full { what: "stops ahead of this vehicle", most: MAX_STOPS });
    }
    let Expected {
        delivery,
        vehicle,
        vehicle_name,
        driver,
        distributor,
        sequence,
        spot,
        radius_m,
        service_s,
        window,
        planned_s,
        weight_g,
        priority,
    } = new;
    let same_place = old.filter(|s| s.vehicle == vehicle && s.spot == spot);
    let kept = |s: &Stop| (s.announced_at, s.state, s.phase, s.arrived_at);
    let (announced_at, state, phase, arrived_at) =
        same_place.as_ref().map_or((now, StopState::Expected, Phase::Away, None), kept);
    let stop = Stop {
        delivery,
        vehicle,
        vehicle_name,
        driver,
        distributor,
        sequence,
        spot,
        radius_m: if radius_m > 0.0 { radius_m } else { USUAL_RADIUS_M },
        service_s,
        window,
        planned_s,
        weight_g,
        priority,
        announced_at,
        state,
        phase,
        arrived_at,
        left_at: None,
        touched_at: now,
        said: None,
    };
    repo::put_stop(tx, &stop)?;
    Ok(stop)
}

fn check(new: &Expected) -> Result<(), Invalid> {
    let mut wrong: Vec<Problem> = Vec::new();
    wrong.extend(text::required("/delivery_id", &new.delivery, MAX_NAME).err());
    if !(0.0..=50_000.0).contains(&new.radius_m) {
        wrong.push(Problem::new("/radius_m", "must be 0 to 50000 metres"));
    }
    if new.service_s > 24 * 3_600 {
        wrong.push(Problem::new("/service_s", "must be at most a day"));
    }
    if new.priority.is_some_and(|p| p > 3) {
        wrong.push(Problem::new("/priority", "must be 0 (low) to 3 (urgent)"));
    }
    if new.window.is_some_and(|(from, to)| to <= from) {
        wrong.push(Problem::new("/window", "must end after it begins"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
}

/// Notes that a delivery is no longer under way.
///
/// # Errors
/// When it is not.
pub fn call_off(tx: &mut dyn WriteTx, now: Timestamp, delivery: &str) -> Result<Stop, TrackingError> {
    let unknown = || TrackingError::Unknown { what: "delivery", name: delivery.to_owned() };
    let stop = repo::stop(tx, delivery)?.ok_or_else(unknown)?;
    let over = Stop { state: StopState::Over, touched_at: now, ..stop };
    repo::put_stop(tx, &over)?;
    Ok(over)
}

/// What arrivals are foretold with.
pub struct Seer<'a> {
    /// Who foretells.
    pub predictor: &'a Predictor,
    /// The depot's zone.
    pub zone: &'a TimeZone,
}

/// The legs ahead of a vehicle up to and with its stop number `upto`, from `from` at `at`.
#[must_use]
pub fn ahead(
    seer: &Seer<'_>,
    stops: &[Stop],
    (from, at): (Spot, Timestamp),
    slowness: Option<f32>,
    name: &str,
) -> Vec<Ahead> {
    let (mut spot, mut out) = (from, Vec::with_capacity(stops.len()));
    for (n, stop) in stops.iter().enumerate() {
        let Some(to) = stop.spot else { continue };
        let metres = spot.metres(to);
        let local = at.civil(seer.zone);
        let in_s = |t: Timestamp| (t.millis() - at.millis()) as f32 / 1_000.0;
        let facts = LegFacts {
            planned_s: planned(stop, n == 0, metres),
            metres: metres as f32,
            hour: f32::from(local.hour()) + f32::from(local.minute()) / 60.0,
            weekday: f32::from(local.weekday().to_monday_zero_offset()),
            stops_left: (stops.len() - n) as f32,
            service_s: stop.service_s as f32,
            weight_kg: stop.weight_g.map(|g| g as f32 / 1_000.0),
            priority: stop.priority.map(f32::from),
            opens_in_s: stop.window.map(|(opens, _)| in_s(opens)),
            closes_in_s: stop.window.map(|(_, closes)| in_s(closes)),
            slowness,
            driver: stop.driver.map(|d| d.to_string()).unwrap_or_default(),
            vehicle: name.to_owned(),
            area: to.area(),
        };
        let opens_in_s = facts.opens_in_s;
        out.push(Ahead { facts, service_s: stop.service_s as f32, opens_in_s });
        spot = to;
    }
    out
}

/// Seconds of driving to a stop: as planned, of which on the way the part that is left; guessed where nobody planned.
fn planned(stop: &Stop, is_next: bool, metres: f64) -> f32 {
    let whole = stop.said.as_ref().and_then(|s| s.facts.as_ref()).filter(|f| is_next && f.metres > 200.0);
    match (whole, stop.planned_s) {
        (Some(whole), Some(_)) => whole.planned_s * (metres as f32 / whole.metres).min(1.5),
        (None, Some(planned)) => planned as f32,
        (_, None) => guess_s(metres),
    }
}

/// What the points of one vehicle, newer than all before, do to its stops. Arrivals are held against what was foretold and
/// become legs to learn from; when a vehicle leaves a stop the next ones are foretold.
///
/// # Errors
/// Storage failures.
pub fn follow(
    tx: &mut dyn WriteTx,
    seer: &Seer<'_>,
    (id, track): (Id, &mut Track),
    fixes: &[Fix],
    now: Timestamp,
) -> Result<(), TrackingError> {
    let mut stops = repo::open_stops(tx, id)?;
    if stops.is_empty() {
        return Ok(());
    }
    let before = stops.clone();
    let mut foretell = false;
    for fix in fixes {
        // Of two stops in one place the next one in order is meant.
        let mut is_taken = false;
        for stop in &mut stops {
            let Some(spot) = stop.spot.filter(|_| stop.state != StopState::Over) else { continue };
            let place = Place::Circle(spot, stop.radius_m);
            if stop.state == StopState::Expected && is_taken {
                continue;
            }
            let (phase, sign) = step(stop.phase, &place, fix, DWELL_S);
            stop.phase = phase;
            is_taken |= stop.state == StopState::Expected && phase != Phase::Away;
            match sign {
                Some(Sign::Arrived(at)) if stop.state == StopState::Expected => {
                    arrived(tx, id, stop, at, now)?;
                }
                Some(Sign::Left(at)) if stop.state == StopState::Arrived => {
                    (stop.state, stop.left_at) = (StopState::Over, Some(at));
                    track.left = Some((at, fix.spot));
                    foretell = true;
                }
                _ => {}
            }
        }
    }
    if let Some(latest) = track.latest {
        let open = |s: &Stop| s.state == StopState::Expected && s.spot.is_some();
        if foretell || stops.iter().take(FORETOLD).any(|s| open(s) && s.said.is_none()) {
            let left: Vec<Stop> = stops.iter().filter(|s| open(s)).take(FORETOLD).cloned().collect();
            let standing = eta::standing(tx)?;
            let slowness = eta::slowness(tx, latest.at)?;
            let legs = ahead(seer, &left, (latest.spot, latest.at), slowness, &track.name);
            for (n, stop) in left.iter().enumerate() {
                let said = eta::foretell(seer.predictor, &standing, &legs[..=n]);
                let facts = legs.first().filter(|_| n == 0).map(|l| l.facts.clone());
                if let Some(stop) = stops.iter_mut().find(|s| s.delivery == stop.delivery) {
                    stop.said = Some(SaidArrival { at: latest.at, stops: n as u32 + 1, said, facts });
                }
            }
        }
    }
    for (stop, old) in stops.iter_mut().zip(&before) {
        if stop != old {
            stop.touched_at = now;
            repo::put_stop(tx, stop)?;
        }
    }
    Ok(())
}

fn arrived(
    tx: &mut dyn WriteTx,
    track: Id,
    stop: &mut Stop,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), TrackingError> {
    (stop.state, stop.arrived_at) = (StopState::Arrived, Some(at));
    let Some(said) = stop.said.as_ref().filter(|s| at > s.at) else { return Ok(()) };
    let seconds = at.since(said.at).as_secs_f32();
    eta::hear(tx, &said.said, said.stops as usize, seconds, now)?;
    if let Some(facts) = &said.facts {
        let held = Some(said.said.held(ARRIVALS.place(seconds)));
        let delivery = stop.delivery.clone();
        eta::remember(tx, &Leg { facts: facts.clone(), arrived_at: at, seconds, held, delivery, track })?;
    }
    Ok(())
}

/// When the vehicle of `stop` will be there.
///
/// # Errors
/// When it is over, or nobody knows where the vehicle or the stop is.
pub fn estimate(
    tx: &dyn ReadTx,
    seer: &Seer<'_>,
    standing: &Standing,
    stop: &Stop,
    (track, now): (&Track, Timestamp),
) -> Result<eta::Estimate, TrackingError> {
    if stop.state == StopState::Over {
        return Err(TrackingError::Over(stop.delivery.clone()));
    }
    let Some(latest) = track.latest.filter(|_| stop.spot.is_some()) else {
        return Err(TrackingError::Nowhere(stop.delivery.clone()));
    };
    let open = repo::open_stops(tx, stop.vehicle)?;
    let mut left: Vec<Stop> =
        open.into_iter().filter(|s| s.state == StopState::Expected && s.spot.is_some()).collect();
    match left.iter().position(|s| s.delivery == stop.delivery) {
        Some(at) => left.truncate(at + 1),
        None => left = vec![stop.clone()],
    }
    let slowness = eta::slowness(tx, latest.at)?;
    let legs = ahead(seer, &left, (latest.spot, latest.at), slowness, &track.name);
    Ok(eta::estimate(seer.predictor, standing, &legs, (now, latest.at)))
}
