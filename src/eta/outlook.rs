//! When open parcels will be delivered, and which of them are likely to break their promise before they do.
//!
//! The same learner as for legs, on parcels that were delivered. A parcel that is still open has not been delivered yet:
//! of what was possible at the hand-over only what lies ahead remains.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conformal::{Calibration, Said};
use super::learner::{LEVELS, MIDDLE, Model, Quantiles, Sample, Scale, group};
use super::repo::{self, Days, LIKELY_LATE, OUTLOOKS, names};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::units::Grams;
use crate::first_record;
use crate::parcels::model::{Parcel, ParcelId, Place, Status};
use crate::parcels::{rules, service as parcels};
use crate::store::{Dir, Ix, KeyRange, Lane, ReadTx, Result, Store, StoreError, Tenant, WriteTx};

/// Parcels that were delivered, to learn from: the newest, and at least so many.
pub const MAX_LEARNED: usize = 20_000;
/// Fewer teach nothing.
pub const LEAST_LEARNED: usize = 200;
/// Open parcels that are looked at in one round.
pub const MAX_OPEN: usize = 50_000;
/// Parcels read in one snapshot or written in one transaction.
const AT_ONCE: usize = 250;
/// From this probability on a parcel is likely to be late.
pub const LIKELY: f64 = 0.5;
const DAY_S: f32 = 86_400.0;

/// What is foretold of an open parcel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// What it promises.
    pub promised_at: Timestamp,
    /// As likely earlier as later.
    pub expected_at: Timestamp,
    /// 90 % of such parcels come within.
    pub earliest: Timestamp,
    /// The end of that span.
    pub latest: Timestamp,
    /// How likely it is to come later than promised.
    pub late: f64,
    /// Since when it is likely to be late; none while it is not.
    pub likely_late_since: Option<Timestamp>,
    /// When it was handed over, from where the seconds count.
    pub from: Timestamp,
    /// What was said at first, to be held against the outcome.
    pub said: Said,
    /// The scale of that.
    pub scale: Scale,
    /// When it was foretold.
    pub at: Timestamp,
}
first_record!(Outlook);

/// What is foretold of a parcel, for people.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Expected {
    /// As likely earlier as later.
    pub expected_at: Timestamp,
    /// 90 % of such parcels come within.
    pub range: super::service::Span,
    /// The probability that it comes later than promised.
    pub late: f64,
    /// When it was foretold.
    pub at: Timestamp,
}

impl From<&Outlook> for Expected {
    fn from(o: &Outlook) -> Self {
        let range = super::service::Span { min: o.earliest, max: o.latest };
        Self { expected_at: o.expected_at, range, late: (o.late * 100.0).round() / 100.0, at: o.at }
    }
}

/// How such lists did last week.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct LastWeek {
    /// Parcels that had been listed and came to an end.
    pub listed: u32,
    /// Those that were late indeed.
    pub late: u32,
    /// The share of these; absent when none had been listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hit_rate: Option<f64>,
    /// Parcels that were late, listed or not.
    pub all_late: u32,
}

/// How the outlooks do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Standing {
    calibration: Calibration,
    /// Of those listed, which were late.
    listed: Days,
    /// Of those late, which had been listed.
    late: Days,
}

/// When a parcel was handed over, as far as that is known.
fn handed_over(p: &Parcel) -> Timestamp {
    p.milestones.carrier_at.unwrap_or(p.created_at)
}

/// What is known of a parcel at its hand-over.
fn known(p: &Parcel) -> (Vec<f32>, Vec<u64>) {
    let from = handed_over(p);
    let facts = &p.facts;
    let days =
        |t: Option<Timestamp>| t.map_or(f32::NAN, |t| (t.millis() - from.millis()) as f32 / 1_000.0 / DAY_S);
    let hours = from.millis().div_euclid(3_600_000);
    let place =
        |p: &Place| p.position.map_or((f32::NAN, f32::NAN), |p| (p.lat as f32 / 1e6, p.lon as f32 / 1e6));
    let (lat, lon) = place(&facts.to);
    let numbers = vec![
        days(facts.promised_at),
        days(p.milestones.purchased_at),
        days(facts.ship_by),
        facts.weight.map_or(f32::NAN, |Grams(g)| g as f32),
        facts.items.map_or(f32::NAN, |n| n as f32),
        facts.value.as_ref().map_or(f32::NAN, |m| m.minor as f32),
        (hours.div_euclid(24) + 3).rem_euclid(7) as f32,
        hours.rem_euclid(24) as f32,
        lat,
        lon,
    ];
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let begin = |t: &Option<String>, n: usize| text(t).chars().take(n).collect::<String>();
    let (to, of) = (&facts.to, &facts.from);
    let groups = [
        format!("{}>{}", text(&of.state), text(&to.state)),
        format!("{}/{}", text(&to.country), begin(&to.zip, 3)),
        format!("{}/{}", text(&of.country), begin(&of.zip, 3)),
        text(&facts.distributor),
        format!("{}/{}", text(&facts.carrier), text(&facts.service)),
        text(&to.city),
    ];
    (numbers, groups.iter().map(|g| group(g)).collect())
}

/// A delivered parcel as a sample; none when it has no times, or such that contradict each other.
#[must_use]
pub fn sample(p: &Parcel) -> Option<Sample> {
    let (from, to) = (handed_over(p), p.delivered_at?);
    if p.status != Status::Delivered || to <= from {
        return None;
    }
    let (numbers, groups) = known(p);
    Some(Sample { numbers, groups, target: (to.millis() - from.millis()) as f32 / 1_000.0 })
}

/// Learns from the house's newest delivered parcels; returns from how many, 0 when there are too few.
///
/// # Errors
/// Storage failures.
pub fn learn(store: &Store, tenant: Tenant, now: Timestamp) -> Result<usize> {
    let (mut samples, mut after, mut looked) = (Vec::new(), None, 0);
    while looked < MAX_LEARNED {
        let (some, next) = store
            .read(tenant, |tx| parcels::in_status(tx, Status::Delivered, Dir::Down, after.take(), AT_ONCE))?;
        looked += some.len();
        samples.extend(some.iter().filter_map(|p| Some((p.delivered_at?, sample(p)?))));
        after = next;
        if after.is_none() {
            break;
        }
    }
    if samples.len() < LEAST_LEARNED {
        return Ok(0);
    }
    samples.sort_by_key(|(at, _)| *at);
    let samples: Vec<Sample> = samples.into_iter().map(|(_, s)| s).collect();
    // The newest are kept aside at first: by their errors the interval is set.
    let (older, newest) = samples.split_at(samples.len() * 85 / 100);
    let mut calibration = Calibration::default();
    if let Some(first) = Model::train(older) {
        for s in newest {
            let quantiles = first.predict(&s.numbers, &s.groups);
            calibration.prepare(&quantiles, first.scale.place(s.target));
        }
    }
    let Some(model) = Model::train(&samples) else { return Ok(0) };
    let n = samples.len();
    let keep = move |tx: &mut dyn WriteTx| -> Result<()> {
        let mut standing = standing(tx);
        if standing.calibration.len() < 50 {
            standing.calibration = calibration.clone();
        }
        repo::keep(tx, names::PARCELS, &model)?;
        repo::keep(tx, names::PARCELS_STANDING, &standing)
    };
    store.write(tenant, Lane::Bulk, keep).wait()?;
    tracing::debug!(parcels = n, %now, "parcels were learned from");
    Ok(n)
}

fn standing(tx: &dyn ReadTx) -> Standing {
    // What another release wrote in another form begins anew.
    repo::kept(tx, names::PARCELS_STANDING).ok().flatten().unwrap_or_default()
}

/// The share of outcomes below `place`, between quantiles in proportion, and beyond them as steep as at their end.
fn share_below(quantiles: &Quantiles, place: f32) -> f64 {
    let n = LEVELS.len();
    let at = quantiles.partition_point(|q| *q < place).clamp(1, n - 1);
    let (low, high) = (quantiles[at - 1], quantiles[at]);
    let step = f64::from(high - low).max(1e-6);
    let share = LEVELS[at - 1] + (LEVELS[at] - LEVELS[at - 1]) * f64::from(place - low) / step;
    share.clamp(0.001, 0.999)
}

/// The place with a share `q` of outcomes below it.
fn place_of(quantiles: &Quantiles, q: f64) -> f32 {
    let at = LEVELS.partition_point(|l| *l < q).clamp(1, LEVELS.len() - 1);
    let (low, high) = (quantiles[at - 1], quantiles[at]);
    low + (high - low) * ((q - LEVELS[at - 1]) / (LEVELS[at] - LEVELS[at - 1])) as f32
}

/// What is foretold of `p` at `now`; none without a promise that lies ahead.
fn outlook(model: &Model, calibration: &Calibration, p: &Parcel, now: Timestamp) -> Option<Outlook> {
    let (from, promised_at) = (handed_over(p), p.facts.promised_at.filter(|at| *at > now)?);
    let (numbers, groups) = known(p);
    let said = calibration.say(&model.predict(&numbers, &groups));
    let scale = model.scale;
    // The quantiles as they are after the errors of others like it.
    let (narrow, wide) = (said.narrow, said.wide);
    let moved = [wide.0.min(narrow.0), narrow.0, said.quantiles[MIDDLE], narrow.1, wide.1.max(narrow.1)];
    let place = |t: Timestamp| scale.place((t.millis() - from.millis()) as f32 / 1_000.0);
    let gone = if now > from { share_below(&moved, place(now)) } else { 0.0 };
    let rest = 1.0 - gone;
    let at = |q: f64| {
        let seconds = scale.seconds(place_of(&moved, gone + rest * q)).max(0.0);
        from.after(Duration::from_secs_f32(seconds.min(1e8))).max(now)
    };
    let late = ((1.0 - share_below(&moved, place(promised_at))) / rest.max(1e-6)).clamp(0.0, 1.0);
    Some(Outlook {
        promised_at,
        expected_at: at(0.5),
        earliest: at(0.05),
        latest: at(0.95),
        late,
        likely_late_since: (late >= LIKELY).then_some(now),
        from,
        said,
        scale,
        at: now,
    })
}

/// Holds what came to its end against what was foretold, and looks ahead for what is open.
///
/// # Errors
/// Storage failures.
pub fn look_ahead(store: &Store, tenant: Tenant, now: Timestamp) -> Result<()> {
    settle(store, tenant, now)?;
    let Some(model) = store.read(tenant, |tx| repo::kept::<Model>(tx, names::PARCELS)).ok().flatten() else {
        return Ok(());
    };
    let blank = Parcel::default();
    let (numbers, groups) = known(&blank);
    if !model.is_sound(numbers.len(), groups.len()) {
        return Ok(());
    }
    let calibration = store.read(tenant, |tx| Ok::<_, StoreError>(standing(tx)))?.calibration;
    let open = Status::ALL.into_iter().filter(|s| rules::is_open(*s));
    let mut looked = 0;
    for status in open {
        let mut after = None;
        loop {
            let (some, next) =
                store.read(tenant, |tx| parcels::in_status(tx, status, Dir::Up, after.take(), AT_ONCE))?;
            looked += some.len();
            let found: Vec<(Id, Outlook)> =
                some.iter().filter_map(|p| Some((p.id.0, outlook(&model, &calibration, p, now)?))).collect();
            if !found.is_empty() {
                let put = move |tx: &mut dyn WriteTx| found.iter().try_for_each(|(id, o)| keep(tx, *id, o));
                store.write(tenant, Lane::Bulk, put).wait()?;
            }
            after = next;
            if after.is_none() || looked >= MAX_OPEN {
                break;
            }
        }
    }
    Ok(())
}

/// Keeps an outlook in place of the one before; what was said at first and since when it is likely late stay.
fn keep(tx: &mut dyn WriteTx, id: Id, new: &Outlook) -> Result<()> {
    let old = OUTLOOKS.get(tx, &id)?;
    let mut new = new.clone();
    if let Some(old) = old.filter(|o| o.promised_at == new.promised_at && o.from == new.from) {
        (new.said, new.scale) = (old.said, old.scale);
        new.likely_late_since = new.likely_late_since.and(old.likely_late_since).or(new.likely_late_since);
    }
    OUTLOOKS.put(tx, &id, &new).map(drop)
}

/// Goes through every outlook: those whose parcel has come, or whose promise has passed, are counted and go.
fn settle(store: &Store, tenant: Tenant, now: Timestamp) -> Result<()> {
    let mut range = KeyRange::all();
    loop {
        let page = store.read(tenant, |tx| -> Result<_> {
            let rows = OUTLOOKS.scan(tx, Ix::Primary, &range, Dir::Up, AT_ONCE)?;
            let mut ended = Vec::new();
            for row in rows.items {
                let Some(id) = Id::from_slice(&row.pk) else { continue };
                let parcel = parcels::load(tx, ParcelId(id))?;
                let open = parcel.as_ref().is_some_and(|p| rules::is_open(p.status));
                if open && row.value.promised_at > now {
                    continue;
                }
                ended.push((id, row.value, parcel.and_then(|p| p.delivered_at)));
            }
            Ok((ended, rows.next))
        })?;
        let (ended, next) = page;
        if !ended.is_empty() {
            let end = move |tx: &mut dyn WriteTx| -> Result<()> {
                let mut standing = standing(tx);
                for (id, outlook, delivered_at) in &ended {
                    // Whoever takes it away counts it: another round may have been here meanwhile.
                    if OUTLOOKS.del(tx, id)? {
                        count(&mut standing, outlook, *delivered_at, now);
                    }
                }
                repo::keep(tx, names::PARCELS_STANDING, &standing)
            };
            store.write(tenant, Lane::Bulk, end).wait()?;
        }
        range.after = next;
        if range.after.is_none() {
            return Ok(());
        }
    }
}

fn count(standing: &mut Standing, o: &Outlook, delivered_at: Option<Timestamp>, now: Timestamp) {
    let late = match delivered_at {
        Some(at) => at > o.promised_at,
        None => o.promised_at <= now,
    };
    if delivered_at.is_none() && !late {
        // Returned, lost or cancelled before its promise: neither late nor in time.
        return;
    }
    if o.likely_late_since.is_some() {
        standing.listed.add(now, late);
    }
    if late {
        standing.late.add(now, o.likely_late_since.is_some());
    }
    if let Some(at) = delivered_at.filter(|at| *at > o.from) {
        let seconds = (at.millis() - o.from.millis()) as f32 / 1_000.0;
        standing.calibration.hear(&o.said, o.scale.place(seconds));
    }
}

/// What is foretold of a parcel.
///
/// # Errors
/// Storage failures.
pub fn of(tx: &dyn ReadTx, id: ParcelId) -> Result<Option<Outlook>> {
    OUTLOOKS.get(tx, &id.0)
}

/// Parcels likely to be late, the nearest promise first, behind `after`; and where the next page goes on.
///
/// # Errors
/// Storage failures.
pub fn likely_late(
    tx: &dyn ReadTx,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<(Vec<(Id, Outlook)>, Option<Vec<u8>>)> {
    let rows = OUTLOOKS.scan(tx, LIKELY_LATE, &KeyRange::all().resume(after), Dir::Up, limit)?;
    let items = rows.items.into_iter().filter_map(|e| Some((Id::from_slice(&e.pk)?, e.value)));
    Ok((items.collect(), rows.next))
}

/// How such lists did last week.
///
/// # Errors
/// Storage failures.
pub fn last_week(tx: &dyn ReadTx, now: Timestamp) -> Result<LastWeek> {
    let standing = standing(tx);
    let ((listed, late), (all_late, _)) = (standing.listed.week(now), standing.late.week(now));
    let hit_rate = (listed > 0).then(|| (f64::from(late) / f64::from(listed) * 1_000.0).round() / 1_000.0);
    Ok(LastWeek { listed, late, hit_rate, all_late })
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUANTILES: Quantiles = [1.0, 2.0, 5.0, 8.0, 9.0];

    #[test]
    fn shares_and_places_are_each_others_mirror() {
        for q in [0.05, 0.2, 0.5, 0.7, 0.95] {
            assert!((share_below(&QUANTILES, place_of(&QUANTILES, q)) - q).abs() < 1e-6, "{q}");
        }
        assert!(share_below(&QUANTILES, -9.0) < 0.01 && share_below(&QUANTILES, 99.0) > 0.99);
    }

    fn parcel(days: i64) -> Parcel {
        let hour = |h: i64| Timestamp::from_millis(1_700_000_000_000 + h * 3_600_000);
        let mut p = Parcel { status: Status::Delivered, created_at: hour(0), ..Parcel::default() };
        p.delivered_at = Some(hour(days * 24));
        p.facts.promised_at = Some(hour(100 * 24));
        p
    }

    #[test]
    fn what_has_not_come_yet_comes_later() {
        let samples: Vec<Sample> = (0..400).map(|n| sample(&parcel(4 + n % 9)).unwrap()).collect();
        let model = Model::train(&samples).unwrap();
        let mut open = parcel(1);
        (open.status, open.delivered_at) = (Status::InTransit, None);
        let day = |n: i64| open.created_at.after(Duration::from_secs(n as u64 * 86_400));
        let at = |promised: i64, now: i64| {
            let mut p = open.clone();
            p.facts.promised_at = Some(day(promised));
            outlook(&model, &Calibration::default(), &p, day(now)).unwrap()
        };
        // The promise is part of what is known, so only what lies between is compared.
        let (early, late) = (at(10, 1), at(10, 9));
        assert!(early.expected_at < late.expected_at && late.expected_at > day(9));
        assert!(early.late < 0.5 && late.late > early.late, "{} {}", early.late, late.late);
        assert!(early.earliest <= early.expected_at && early.expected_at <= early.latest);
        assert!(at(4, 1).late > LIKELY && at(4, 1).likely_late_since == Some(day(1)));
        let mut past = open.clone();
        past.facts.promised_at = Some(day(1));
        assert!(outlook(&model, &Calibration::default(), &past, day(1)).is_none());
    }

    #[test]
    fn only_what_was_delivered_after_it_was_handed_over_teaches() {
        assert!((sample(&parcel(2)).unwrap().target - 2.0 * DAY_S).abs() < 1.0);
        assert!(sample(&parcel(0)).is_none() && sample(&parcel(-1)).is_none());
        assert!(sample(&Parcel { delivered_at: None, ..parcel(2) }).is_none());
        assert!(sample(&Parcel { status: Status::Lost, ..parcel(2) }).is_none());
    }
}
