//! From metres, seconds and weights to whole-number costs per arc.

use super::problem::{Criteria, Problem, Vehicle};

/// Largest arc cost after scaling: three of them still fit an `i32`.
const TOP: f64 = (1 << 27) as f64;

/// The cost of one arc in the caller's money.
pub(crate) fn cost(vehicle: &Vehicle, criteria: &Criteria, metres: i32, seconds: i32) -> f64 {
    let drive = slowed(vehicle, seconds);
    criteria.distance * vehicle.costs.per_metre * f64::from(metres)
        + criteria.time * vehicle.costs.per_second * f64::from(drive)
        + criteria.fuel * vehicle.costs.fuel_per_metre * f64::from(metres)
}

/// Seconds this vehicle needs where the profile says `seconds`.
pub(crate) fn slowed(vehicle: &Vehicle, seconds: i32) -> i32 {
    if vehicle.slowness == 1.0 { seconds } else { (f64::from(seconds) * vehicle.slowness).ceil() as i32 }
}

/// Factor from money to search units: 1 when every arc is whole already, else such that the dearest arc is
/// near the top of the range, so that rounding loses nothing that matters.
pub(crate) fn scale(problem: &Problem) -> f64 {
    let (mut top, mut whole) = (0.0f64, true);
    for vehicle in distinct(problem) {
        let profile = &problem.profiles[vehicle.profile];
        for (&metres, &seconds) in profile.metres.iter().zip(&profile.seconds) {
            let cost = cost(vehicle, &problem.criteria, metres, seconds);
            top = top.max(cost);
            whole &= cost.fract() == 0.0;
        }
        whole &= vehicle.costs.fixed.fract() == 0.0;
    }
    if whole && top <= TOP || top <= 0.0 { 1.0 } else { TOP / top }
}

/// One vehicle for each different way of pricing arcs.
pub(crate) fn distinct(problem: &Problem) -> Vec<&Vehicle> {
    let mut kinds: Vec<&Vehicle> = Vec::new();
    for vehicle in &problem.vehicles {
        if !kinds.iter().any(|k| same_arcs(k, vehicle)) {
            kinds.push(vehicle);
        }
    }
    kinds
}

/// Whether two vehicles have equal costs and times on every arc.
pub(crate) fn same_arcs(a: &Vehicle, b: &Vehicle) -> bool {
    a.profile == b.profile
        && a.slowness == b.slowness
        && a.costs.per_metre == b.costs.per_metre
        && a.costs.per_second == b.costs.per_second
        && a.costs.fuel_per_metre == b.costs.fuel_per_metre
}
