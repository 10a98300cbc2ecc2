//! Foretelling arrivals, hearing how they came, and learning from it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::conformal::Said;
use super::learner::MIDDLE;
use super::legs::{GROUPS, Leg, LegFacts, NUMBERS};
use super::predictor::{ARRIVALS, Ahead, Basis, LEAST_S, Predictor, chain, contest, length, say};
pub use super::repo::Standing;
use super::repo::{self, DRIFT_OVER, LEGS, names};
use super::work::LEARN;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::jobs::queue::{NewJob, enqueue};
use crate::store::{Lane, ReadTx, Result, Store, Tenant, WriteTx};

/// Legs that are learned from at the most, the newest.
pub const MAX_LEGS: usize = 50_000;
/// Legs read in one snapshot.
const AT_ONCE: usize = 5_000;
/// Legs that tell how the day is going, and since when.
const DAY_SO_FAR: (usize, Duration) = (20, Duration::from_secs(4 * 3_600));
/// New legs without which nothing is learned again.
const LEAST_NEW: u32 = 20;
/// Coverage of 90 % that is no drift.
const STEADY: std::ops::RangeInclusive<f32> = 0.85..=0.95;
/// From one learning because of drift to the next.
const DRIFT_EVERY: Duration = Duration::from_secs(3_600);
/// Factors that an estimate names at the most.
const FACTORS: usize = 6;

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Span {
    /// From.
    pub min: Timestamp,
    /// To.
    pub max: Timestamp,
}

/// What made an estimate longer or shorter.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Factor {
    /// What.
    pub name: &'static str,
    /// Seconds it adds, held against what is usual at this depot; negative takes away.
    pub seconds: i64,
}

/// An arrival as it is foretold.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Estimate {
    /// As likely earlier as later.
    pub estimated_time: Timestamp,
    /// 90 % of arrivals fall within such a span.
    pub range: Span,
    /// 80 % of arrivals fall within such a span.
    pub likely: Span,
    /// The share that `range` promises.
    pub confidence: f64,
    /// The share of last week's arrivals that fell within theirs; absent below 20 arrivals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_last_week: Option<f64>,
    /// What made it longer or shorter; nothing before trees answer.
    pub factors: Vec<Factor>,
    /// What it rests on: plan, speed or trees.
    pub basis: Basis,
    /// Legs of this depot that it was learned from.
    pub learned_from: usize,
    /// Stops until the arrival, this one included.
    pub stops: usize,
    /// Of which moment the position is that it was made from.
    pub last_updated: Timestamp,
}

/// Who foretells legs in each house, read once and kept. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Predictors(Arc<Mutex<HashMap<Tenant, (Id, Arc<Predictor>)>>>);

impl Predictors {
    /// The predictor of the tenant as `tx` sees it.
    ///
    /// # Errors
    /// Storage failures.
    pub fn current(&self, tx: &dyn ReadTx) -> Result<Arc<Predictor>> {
        let Some(mark) = repo::mark(tx, names::LEGS_MARK)? else { return Ok(Arc::default()) };
        let held = |all: &HashMap<Tenant, (Id, Arc<Predictor>)>| {
            all.get(&tx.tenant()).filter(|(known, _)| *known == mark).map(|(_, p)| Arc::clone(p))
        };
        if let Some(known) = held(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(known);
        }
        // What another release wrote in another form is learned anew tonight; until then the rule of thumb answers.
        let read = repo::kept::<Predictor>(tx, names::LEGS).ok().flatten().filter(Predictor::is_sound);
        let predictor = Arc::new(read.unwrap_or_default());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(tx.tenant(), (mark, Arc::clone(&predictor)));
        Ok(predictor)
    }
}

/// How the estimates do.
///
/// # Errors
/// Storage failures.
pub fn standing(tx: &dyn ReadTx) -> Result<Standing> {
    Ok(repo::kept(tx, names::LEGS_STANDING).ok().flatten().unwrap_or_default())
}

/// What is said of the arrival at the last of the stops ahead.
#[must_use]
pub fn foretell(predictor: &Predictor, standing: &Standing, ahead: &[Ahead]) -> Said {
    say(&standing.calibrations, ahead.len(), &chain(predictor, ahead))
}

/// The same for people. `now` is when it is asked, `of` the moment of the position.
#[must_use]
pub fn estimate(
    predictor: &Predictor,
    standing: &Standing,
    ahead: &[Ahead],
    (now, of): (Timestamp, Timestamp),
) -> Estimate {
    let said = foretell(predictor, standing, ahead);
    let at = |place: f32| {
        let seconds = ARRIVALS.seconds(place).max(LEAST_S);
        // A position of some minutes ago says where the vehicle was then; nothing arrives in the past.
        of.after(Duration::from_secs_f32(seconds.min(1e8))).max(now.after(Duration::from_secs(60)))
    };
    let span = |(low, high): (f32, f32)| Span { min: at(low), max: at(high) };
    let (n, hits) = standing.days.week(now);
    Estimate {
        estimated_time: at(said.quantiles[MIDDLE]),
        range: span(said.wide),
        likely: span(said.narrow),
        confidence: 0.9,
        coverage_last_week: (n >= 20).then(|| (f64::from(hits) / f64::from(n) * 1_000.0).round() / 1_000.0),
        factors: ahead.first().map(|next| factors(predictor, &next.facts)).unwrap_or_default(),
        basis: predictor.basis(),
        learned_from: predictor.legs,
        stops: ahead.len(),
        last_updated: of,
    }
}

fn factors(predictor: &Predictor, facts: &LegFacts) -> Vec<Factor> {
    let named = NUMBERS.into_iter().chain(GROUPS).zip(predictor.effects(facts));
    let mut factors: Vec<Factor> = named
        .map(|(name, s)| Factor { name, seconds: s.round() as i64 })
        .filter(|f| f.seconds.abs() >= 5)
        .collect();
    factors.sort_by_key(|f| std::cmp::Reverse(f.seconds.abs()));
    factors.truncate(FACTORS);
    factors
}

/// How much slower than planned the last hours' legs were; none when there were none.
///
/// # Errors
/// Storage failures.
pub fn slowness(tx: &dyn ReadTx, now: Timestamp) -> Result<Option<f32>> {
    let (most, since) = DAY_SO_FAR;
    let legs = repo::newest(tx, now.before(since), most)?;
    // Three legs as planned are thought beside them, so that one alone does not shout.
    let sum: f32 = legs.iter().map(Leg::slowness).sum();
    Ok((!legs.is_empty()).then(|| sum / (legs.len() as f32 + 3.0)))
}

/// Takes in an arrival: what was said of it, after how many stops, and the seconds it took from then.
///
/// # Errors
/// Storage failures.
pub fn hear(tx: &mut dyn WriteTx, said: &Said, stops: usize, seconds: f32, now: Timestamp) -> Result<()> {
    let mut standing = standing(tx)?;
    let outcome = ARRIVALS.place(seconds);
    if let Some(calibration) = standing.calibrations.get_mut(length(stops)) {
        calibration.hear(said, outcome);
    }
    let held = said.held(outcome);
    standing.days.add(now, held);
    if standing.held.len() >= DRIFT_OVER {
        standing.held.pop_front();
    }
    standing.held.push_back(held);
    let share = standing.held.iter().filter(|h| **h).count() as f32 / standing.held.len() as f32;
    let drifts = standing.held.len() >= DRIFT_OVER && !STEADY.contains(&share);
    if drifts && now.since(standing.drifted_at) >= DRIFT_EVERY {
        standing.drifted_at = now;
        enqueue(tx, now, NewJob::new(LEARN, &())?.unique(LEARN))?;
    }
    repo::keep(tx, names::LEGS_STANDING, &standing)
}

/// Keeps a leg that was driven, to be learned from.
///
/// # Errors
/// Storage failures.
pub fn remember(tx: &mut dyn WriteTx, leg: &Leg) -> Result<()> {
    LEGS.put(tx, &repo::leg_key(leg.arrived_at, leg.track, &leg.delivery), leg)?;
    let mut standing = standing(tx)?;
    standing.unlearned = standing.unlearned.saturating_add(1);
    repo::keep(tx, names::LEGS_STANDING, &standing)
}

/// What came of learning.
#[derive(Clone, Debug, PartialEq)]
pub struct Learning {
    /// Legs there were.
    pub legs: usize,
    /// What answers from now on.
    pub basis: Basis,
    /// Whether it is new; the one before stays when it errs less.
    pub is_new: bool,
}

/// Learns from the house's newest legs; none when there is too little that is new.
///
/// # Errors
/// Storage failures.
pub fn learn(store: &Store, tenant: Tenant, now: Timestamp) -> Result<Option<Learning>> {
    let before = store.read(tenant, standing)?;
    let champion = store.read(tenant, |tx| repo::kept::<Predictor>(tx, names::LEGS)).ok().flatten();
    if before.unlearned < LEAST_NEW && champion.is_some() {
        return Ok(None);
    }
    let legs = gather(store, tenant)?;
    if legs.is_empty() {
        return Ok(None);
    }
    let champion = champion.filter(Predictor::is_sound).unwrap_or_default();
    let contest = contest(&champion, &legs, now.before(Duration::from_secs(7 * 24 * 3_600)), now);
    let learning = Learning { legs: legs.len(), basis: contest.winner.basis(), is_new: contest.is_new };
    let seen = before.unlearned;
    let keep = move |tx: &mut dyn WriteTx| -> Result<()> {
        let mut standing = standing(tx)?;
        standing.unlearned = standing.unlearned.saturating_sub(seen);
        // Who has no errors of their own yet begins with those of the trial.
        if let Some(first) = standing.calibrations.first_mut().filter(|c| c.len() < 50) {
            for (quantiles, seconds) in &contest.tried {
                first.prepare(quantiles, ARRIVALS.place(*seconds));
            }
        }
        if contest.is_new {
            repo::keep(tx, names::LEGS, &contest.winner)?;
            repo::keep(tx, names::LEGS_MARK, &())?;
        }
        repo::keep(tx, names::LEGS_STANDING, &standing)
    };
    store.write(tenant, Lane::Bulk, keep).wait()?;
    Ok(Some(learning))
}

fn gather(store: &Store, tenant: Tenant) -> Result<Vec<Leg>> {
    use crate::store::{Dir, Ix, KeyRange};
    let (mut legs, mut range) = (Vec::new(), KeyRange::all());
    while legs.len() < MAX_LEGS {
        let rows = store.read(tenant, |tx| LEGS.scan(tx, Ix::Primary, &range, Dir::Down, AT_ONCE))?;
        legs.extend(rows.items.into_iter().map(|e| e.value));
        match rows.next {
            Some(next) => range.after = Some(next),
            None => break,
        }
    }
    legs.reverse();
    Ok(legs)
}
