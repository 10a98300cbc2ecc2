//! Writing down what was told: points, what was counted, who came and left.

use std::sync::Arc;

use super::error::TrackingError;
use super::model::{Fence, Fix, Track};
use super::repo::{self, TRACKS};
use super::rules;
use super::stops::{Seer, follow};
use super::tracker::{Load, Report, Tracker};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::policy::Policy;
use crate::eta::service::Predictors;
use crate::store::{Lane, Store, Tenant, WriteTx};

/// Points that are written in one transaction, about.
const AT_ONCE: usize = 2_000;

/// Writes down everything that waits in a house. Blocks.
///
/// # Errors
/// Storage failures; what was not written waits on.
pub fn flush(
    store: &Store,
    tracker: &Tracker,
    predictors: &Predictors,
    (tenant, now): (Tenant, Timestamp),
) -> Result<(), TrackingError> {
    // Points are written in the order they came, and who returns from here finds all of them.
    let _turn = tracker.turn();
    loop {
        let loads = Arc::new(tracker.drain(tenant, AT_ONCE));
        if loads.is_empty() {
            return Ok(());
        }
        let (written, predictors) = (Arc::clone(&loads), predictors.clone());
        let write = move |tx: &mut dyn WriteTx| -> Result<(), TrackingError> {
            let policy = Policy::current(tx)?;
            let predictor = predictors.current(tx)?;
            let seer = Seer { predictor: &predictor, zone: policy.calendar.zone() };
            let fences: Vec<(Id, Fence)> = repo::all(tx)?.into_iter().map(|(id, f, _)| (id, f)).collect();
            written.iter().try_for_each(|load| settle(tx, &seer, &fences, load, now))
        };
        if let Err(e) = store.write(tenant, Lane::People, write).wait() {
            tracker.give_back(tenant, loads.to_vec());
            return Err(e);
        }
    }
}

/// One vehicle's points.
fn settle(
    tx: &mut dyn WriteTx,
    seer: &Seer<'_>,
    fences: &[(Id, Fence)],
    (id, name, reports): &Load,
    now: Timestamp,
) -> Result<(), TrackingError> {
    let mut track: Track = TRACKS.get(tx, id)?.unwrap_or_default();
    track.name.clone_from(name);
    // In order of time, those of one time as they were told.
    let mut reports: Vec<&Report> = reports.iter().collect();
    reports.sort_by_key(|r| r.fix.at);
    let mut fixes: Vec<Fix> = reports.iter().map(|r| r.fix).collect();
    fixes.dedup_by_key(|f| f.at);
    let taken = repo::insert(tx, *id, &fixes)?;
    let (mut next, mut driven) = (taken.iter().peekable(), Vec::new());
    for report in reports {
        let same_trip = track.trip == report.trip;
        rules::count(&mut track, &report.fix, report.trip, fences);
        track.heard_at = track.heard_at.max(report.heard_at);
        if next.peek().is_none_or(|f| **f != report.fix) {
            track.tally.repeated += 1;
            continue;
        }
        next.next();
        track.tally.kept += 1;
        if track.latest.is_some_and(|l| report.fix.at < l.at) {
            track.tally.old += 1;
        } else if rules::advance(&mut track, &report.fix, same_trip, fences) {
            driven.push(report.fix);
        }
    }
    follow(tx, seer, (*id, &mut track), &driven, now)?;
    TRACKS.put(tx, id, &track)?;
    Ok(())
}
