//! What answers, by how much has been learned: a rule of thumb at first, then the speed and the time each stop costs, then
//! the trees.

use serde::{Deserialize, Serialize};

use super::conformal::{Calibration, Said};
use super::forest::quantile;
use super::learner::{LEVELS, MIDDLE, Model, Quantiles, Scale};
use super::legs::{Leg, LegFacts};
use crate::base::clock::Timestamp;

/// Legs from which on speed and time per stop are learned.
pub const SPEED_FROM: usize = 50;
/// Legs from which on trees are grown.
pub const TREES_FROM: usize = 500;
/// Newest legs that a new predictor is tried on before it is used.
pub const TRIED_ON: usize = 2_000;
/// Arrivals are measured on one scale, whatever was learned: ln of the seconds and five minutes.
pub const ARRIVALS: Scale = Scale::Logarithm(300.0);
/// No estimate is shorter: a minute.
pub const LEAST_S: f32 = 60.0;
/// Before anything was learned: what a plan usually becomes, at the levels of the quantiles.
const PRIOR: Quantiles = [0.7, 0.8, 1.15, 1.9, 2.4];

/// What an estimate rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The plan times a usual factor: fewer than 50 legs are known.
    #[default]
    Plan,
    /// The depot's own speed and time per stop: 50 to 500 legs.
    Speed,
    /// Trees learned from the depot's own legs.
    Trees,
}

/// Seconds a stop costs in any case, and the part of the plan that is driven.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Speed {
    fixed_s: f32,
    factor: f32,
    /// Residuals on [`ARRIVALS`] at the levels of the quantiles.
    spread: Quantiles,
}

/// Foretells legs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Predictor {
    /// Legs it was learned from.
    pub legs: usize,
    /// When; 1970 before the first time.
    pub learned_at: Timestamp,
    /// Its mean absolute error in seconds over legs it had not learned from; none before there were any.
    pub error_s: Option<f32>,
    speed: Option<Speed>,
    model: Option<Model>,
}

impl Speed {
    /// Least absolute deviations, by reweighted least squares.
    fn fit(legs: &[Leg]) -> Self {
        let (mut fixed, mut factor) = (0.0_f64, 1.15_f64);
        for _ in 0..25 {
            let (mut w, mut wx, mut wy, mut wxx, mut wxy) = (1e-9, 0.0, 0.0, 0.0, 0.0);
            for leg in legs {
                let (x, y) = (f64::from(leg.facts.planned_s), f64::from(leg.seconds));
                let weight = 1.0 / (y - fixed - factor * x).abs().max(1.0);
                (w, wx, wy) = (w + weight, wx + weight * x, wy + weight * y);
                (wxx, wxy) = (wxx + weight * x * x, wxy + weight * x * y);
            }
            let spread = wxx - wx * wx / w;
            if spread > 1e-6 {
                factor = ((wxy - wx * wy / w) / spread).clamp(0.2, 5.0);
            }
            fixed = ((wy - factor * wx) / w).clamp(0.0, 3_600.0);
        }
        let mut this = Self { fixed_s: fixed as f32, factor: factor as f32, spread: [0.0; LEVELS.len()] };
        let residual = |l: &Leg| ARRIVALS.place(l.seconds) - ARRIVALS.place(this.seconds(&l.facts));
        let mut residuals: Vec<f32> = legs.iter().map(residual).collect();
        this.spread = LEVELS.map(|q| quantile(&mut residuals, q));
        this
    }

    fn seconds(&self, facts: &LegFacts) -> f32 {
        self.fixed_s + self.factor * facts.planned_s
    }
}

impl Predictor {
    /// A predictor learned from `legs`, oldest first.
    #[must_use]
    pub fn learn(legs: &[Leg], now: Timestamp) -> Self {
        let speed = (legs.len() >= SPEED_FROM).then(|| Speed::fit(legs));
        let samples = || legs.iter().map(|l| l.facts.sample(l.seconds)).collect::<Vec<_>>();
        let model = if legs.len() >= TREES_FROM { Model::train(&samples()) } else { None };
        Self { legs: legs.len(), learned_at: now, error_s: None, speed, model }
    }

    /// What it rests on.
    #[must_use]
    pub fn basis(&self) -> Basis {
        match (&self.model, &self.speed) {
            (Some(_), _) => Basis::Trees,
            (None, Some(_)) => Basis::Speed,
            (None, None) => Basis::Plan,
        }
    }

    /// Quantiles of the seconds until the arrival, on [`ARRIVALS`].
    #[must_use]
    pub fn predict(&self, facts: &LegFacts) -> Quantiles {
        if let Some(model) = &self.model {
            let quantiles = model.predict(&facts.numbers(), &facts.groups());
            return quantiles.map(|q| ARRIVALS.place(model.scale.seconds(q)));
        }
        match &self.speed {
            Some(speed) => speed.spread.map(|r| ARRIVALS.place(speed.seconds(facts)) + r),
            None => PRIOR.map(|times| ARRIVALS.place(facts.planned_s * times)),
        }
    }

    /// The seconds that each thing known adds, held against what is usual; numbers first, then groups. None before trees.
    #[must_use]
    pub fn effects(&self, facts: &LegFacts) -> Vec<f32> {
        self.model.as_ref().map(|m| m.effects(&facts.numbers(), &facts.groups())).unwrap_or_default()
    }

    /// The mean absolute error in seconds over `legs`; none of none.
    #[must_use]
    pub fn error(&self, legs: &[Leg]) -> Option<f32> {
        let error = |l: &Leg| (ARRIVALS.seconds(self.predict(&l.facts)[MIDDLE]) - l.seconds).abs();
        (!legs.is_empty()).then(|| legs.iter().map(error).sum::<f32>() / legs.len() as f32)
    }

    /// Whether it can be asked: one of another release may not be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        use super::legs::{GROUPS, NUMBERS};
        self.model.as_ref().is_none_or(|m| m.is_sound(NUMBERS.len(), GROUPS.len()))
    }
}

/// What came of learning anew.
pub struct Contest {
    /// Who answers from now on.
    pub winner: Predictor,
    /// Whether that is the new one.
    pub is_new: bool,
    /// What was said of the legs it was tried on, for whoever has no errors of their own yet.
    pub tried: Vec<(Quantiles, f32)>,
}

/// Learns from `legs` (oldest first) and holds the new predictor against `champion` over those legs that neither knew: the
/// newest, driven since the champion learned and at least from `week_ago` on. Whoever errs less answers; of the same kind
/// as before only the better one.
#[must_use]
pub fn contest(champion: &Predictor, legs: &[Leg], week_ago: Timestamp, now: Timestamp) -> Contest {
    let since = champion.learned_at.max(week_ago);
    let unknown = legs.iter().rev().take(TRIED_ON).take_while(|l| l.arrived_at > since).count();
    let aside = unknown.clamp(legs.len() / 10, legs.len() / 5);
    let (known, tried) = legs.split_at(legs.len() - aside);
    let challenger = Predictor::learn(known, now);
    let tried_on = |p: &Predictor| tried.iter().map(|l| (p.predict(&l.facts), l.seconds)).collect();
    let (ours, theirs) = (challenger.error(tried), champion.error(tried));
    // A champion that has seen what it is tried on would be flattered: then the new one is taken.
    let is_fair = unknown >= aside && champion.learned_at > Timestamp::ZERO;
    let wins = !is_fair || ours <= theirs || challenger.basis() != champion.basis();
    if !wins {
        return Contest { winner: champion.clone(), is_new: false, tried: tried_on(champion) };
    }
    let tried = tried_on(&challenger);
    // What was tried on is learned from too, once the trial is over.
    Contest { winner: Predictor { error_s: ours, ..Predictor::learn(legs, now) }, is_new: true, tried }
}

/// A stop ahead: what is known of the leg to it, the seconds at it, and the seconds until its window opens.
#[derive(Clone, Debug)]
pub struct Ahead {
    /// The leg.
    pub facts: LegFacts,
    /// Seconds at the stop.
    pub service_s: f32,
    /// Seconds from now until it opens.
    pub opens_in_s: Option<f32>,
}

/// Quantiles of the arrival at the last of the stops ahead, on [`ARRIVALS`]: driving and service of all before it added
/// up, waiting for windows to open included. Spreads are added as if legs had luck of their own; how far they do not is
/// what the errors of chains of that length tell.
#[must_use]
pub fn chain(predictor: &Predictor, ahead: &[Ahead]) -> Quantiles {
    let (mut middle, mut spread) = (0.0_f32, [0.0_f32; LEVELS.len()]);
    for (n, stop) in ahead.iter().enumerate() {
        let seconds = predictor.predict(&stop.facts).map(|q| ARRIVALS.seconds(q).max(0.0));
        for (sum, q) in spread.iter_mut().zip(seconds) {
            *sum += (q - seconds[MIDDLE]).powi(2);
        }
        middle += seconds[MIDDLE].max(LEAST_S);
        if n + 1 < ahead.len() {
            middle = stop.opens_in_s.map_or(middle, |opens| middle.max(opens)) + stop.service_s;
        }
    }
    let mut level = 0;
    spread.map(|sum| {
        let side = if level < MIDDLE { -1.0 } else { 1.0 };
        level += 1;
        ARRIVALS.place((middle + side * sum.sqrt()).max(0.0))
    })
}

/// Errors of chains are kept by their length: 1, 2, 3, 4-5, 6-8, and more.
pub const LENGTHS: usize = 6;

/// Which length a chain of so many stops has.
#[must_use]
pub fn length(stops: usize) -> usize {
    match stops {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 | 5 => 3,
        6..=8 => 4,
        _ => 5,
    }
}

/// What is said of an arrival after so many stops: with too few errors of such chains, by those of the next shorter.
#[must_use]
pub fn say(calibrations: &[Calibration], stops: usize, quantiles: &Quantiles) -> Said {
    let known = calibrations.iter().take(length(stops) + 1).rev().find(|c| c.len() >= 30);
    known.or(calibrations.first()).map_or_else(|| Calibration::default().say(quantiles), |c| c.say(quantiles))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eta::forest::Dice;

    fn legs(n: usize, slow: f32) -> Vec<Leg> {
        let mut dice = Dice::new(9);
        let leg = |n: usize| {
            let planned_s = 200.0 + dice.below(1_200) as f32;
            let luck = 0.85 + dice.below(300) as f32 / 1_000.0;
            let hour = dice.below(24) as f32;
            let rush = if (8.0..10.0).contains(&hour) { 1.6 } else { 1.0 };
            Leg {
                facts: LegFacts { planned_s, metres: planned_s * 6.0, hour, ..LegFacts::default() },
                arrived_at: Timestamp::from_millis((n as i64 + 1) * 600_000),
                seconds: (120.0 + planned_s * slow * rush) * luck,
                held: None,
                delivery: n.to_string(),
                track: crate::base::ids::Id::NIL,
            }
        };
        (0..n).map(leg).collect()
    }

    fn estimate(p: &Predictor, facts: &LegFacts) -> f32 {
        ARRIVALS.seconds(p.predict(facts)[MIDDLE])
    }

    #[test]
    fn a_cold_start_goes_from_plan_to_speed_to_trees() {
        let facts = LegFacts { planned_s: 600.0, metres: 3_600.0, hour: 15.0, ..LegFacts::default() };
        let all = legs(TREES_FROM, 1.2);
        let stage = |n: usize| Predictor::learn(&all[..n], Timestamp::ZERO);
        let stages = [0, SPEED_FROM - 1, SPEED_FROM, TREES_FROM - 1, TREES_FROM].map(stage);
        let bases = [Basis::Plan, Basis::Plan, Basis::Speed, Basis::Speed, Basis::Trees];
        assert_eq!(stages.each_ref().map(Predictor::basis), bases);
        assert!((estimate(&stages[0], &facts) - 690.0).abs() < 1.0);
        for p in &stages[2..] {
            let seconds = estimate(p, &facts);
            assert!((700.0..1_000.0).contains(&seconds), "{:?}: {seconds}", p.basis());
            assert!(p.predict(&facts).windows(2).all(|w| w[0] <= w[1]) && p.is_sound());
        }
        let rush = LegFacts { hour: 9.0, ..facts.clone() };
        assert!(estimate(&stages[4], &rush) > 1.2 * estimate(&stages[4], &facts));
        assert!(stages[4].effects(&rush)[2] > 100.0 && stages[3].effects(&rush).is_empty());
    }

    #[test]
    fn a_champion_stays_until_a_challenger_errs_less() {
        let old = legs(700, 1.2);
        let none = Predictor::default();
        let first = contest(&none, &old, Timestamp::ZERO, Timestamp::from_millis(700 * 600_000));
        assert!(first.is_new && first.winner.error_s.is_some() && first.winner.legs == 700);
        // The world became slower: who learned of it wins.
        let mut slower = old.clone();
        slower.extend(legs(1_400, 2.0).split_off(700));
        let now = Timestamp::from_millis(1_400 * 600_000);
        let second = contest(&first.winner, &slower, Timestamp::ZERO, now);
        assert!(
            second.is_new && second.winner.error_s.unwrap() < first.winner.error(&slower[1_120..]).unwrap()
        );
        // Legs without rhyme or reason teach nothing: who learned from them loses.
        let mut noise = legs(1_000, 1.2);
        for (n, leg) in noise.iter_mut().enumerate().skip(700).take(150) {
            leg.seconds = if n % 2 == 0 { 60.0 } else { 20_000.0 };
        }
        let kept = contest(
            &first.winner,
            &noise[..],
            noise[849].arrived_at,
            Timestamp::from_millis(1_000 * 600_000),
        );
        let (champion, challenger) =
            (first.winner.error(&noise[850..]), Predictor::learn(&noise[..850], now).error(&noise[850..]));
        assert!(champion < challenger, "{champion:?} {challenger:?}");
        assert!(!kept.is_new && kept.winner == first.winner);
    }

    #[test]
    fn a_chain_adds_driving_service_and_waiting() {
        let stop = |planned_s: f32, opens_in_s| Ahead {
            facts: LegFacts { planned_s, ..LegFacts::default() },
            service_s: 300.0,
            opens_in_s,
        };
        let arrival = |ahead: &[Ahead]| ARRIVALS.seconds(chain(&Predictor::default(), ahead)[MIDDLE]);
        assert!((arrival(&[stop(1_000.0, None)]) - 1_150.0).abs() < 1.0);
        assert!((arrival(&[stop(1_000.0, None), stop(1_000.0, None)]) - 2_600.0).abs() < 1.0);
        assert!((arrival(&[stop(1_000.0, Some(3_000.0)), stop(1_000.0, None)]) - 4_450.0).abs() < 1.0);
        assert!((arrival(&[stop(0.0, None)]) - LEAST_S).abs() < 0.1);
        let (one, four) = (
            chain(&Predictor::default(), &[stop(1_000.0, None)]),
            chain(&Predictor::default(), &vec![stop(1_000.0, None); 4]),
        );
        let width = |q: Quantiles| ARRIVALS.seconds(q[4]) - ARRIVALS.seconds(q[0]);
        assert!(width(four) > 1.5 * width(one) && width(four) < 4.0 * width(one));
        assert_eq!([1, 2, 3, 5, 8, 9, 40].map(length), [0, 1, 2, 3, 4, 5, 5]);
    }
}
