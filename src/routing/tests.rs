//! Random problems over the whole model: every plan must hold before the independent checker.

use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use super::anneal::Search;
use super::check::faults;
use super::plan::{Plan, Reason};
use super::problem::{
    Act, Break, Costs, Criteria, Job, Matrix, Problem, ProblemError, Reload, Stop, Task, Vehicle, Window,
};
use super::rng::Rng;
use super::{Settings, solve};

/// How much of the model a random problem uses.
#[derive(Clone, Copy)]
struct Mix {
    rich: bool,
    metric: bool,
}

fn between(rng: &mut Rng, low: i32, high: i32) -> i32 {
    low + rng.below((high - low + 1) as usize) as i32
}

fn one_in(rng: &mut Rng, n: usize) -> bool {
    rng.below(n) == 0
}

fn matrix(rng: &mut Rng, size: usize, metric: bool) -> Matrix {
    let points: Vec<(f64, f64)> = (0..size).map(|_| (rng.unit() * 1000.0, rng.unit() * 1000.0)).collect();
    let mut metres = vec![0; size * size];
    let mut seconds = vec![0; size * size];
    for a in 0..size {
        for b in 0..size {
            if a != b {
                let way = (points[a].0 - points[b].0).hypot(points[a].1 - points[b].1);
                let (one, two) = if metric { (1.0, 1.0) } else { (0.5 + rng.unit(), 0.5 + rng.unit()) };
                metres[a * size + b] = (way * one) as i32;
                seconds[a * size + b] = (way * two) as i32;
            }
        }
    }
    Matrix { size, metres, seconds }
}

fn windows(rng: &mut Rng, rich: bool) -> Vec<Window> {
    if one_in(rng, 2) {
        return Vec::new();
    }
    let open = between(rng, 0, 6000);
    let first = Window::new(open, open + between(rng, 200, 4000));
    if rich && one_in(rng, 3) {
        let open = first.close + between(rng, 100, 1500);
        return vec![first, Window::new(open, open + between(rng, 200, 2000))];
    }
    vec![first]
}

fn stop(rng: &mut Rng, places: usize, rich: bool) -> Stop {
    Stop { place: rng.below(places), seconds: between(rng, 0, 200), windows: windows(rng, rich) }
}

fn job(rng: &mut Rng, places: usize, dims: usize, rich: bool) -> Job {
    let task = match (rich, rng.below(4)) {
        (true, 0) => Task::Pickup(stop(rng, places, rich)),
        (true, 1) => Task::Shipment(stop(rng, places, rich), stop(rng, places, rich)),
        _ => Task::Delivery(stop(rng, places, rich)),
    };
    Job {
        task,
        amount: (0..dims).map(|_| between(rng, 0, 8)).collect(),
        skills: if rich && one_in(rng, 4) { 1 << rng.below(3) } else { 0 },
        priority: if one_in(rng, 3) { between(rng, 0, 100) as u8 } else { 0 },
        optional: one_in(rng, 8).then(|| rng.unit() * 800.0),
    }
}

fn vehicle(rng: &mut Rng, places: usize, dims: usize, profiles: usize) -> Vehicle {
    let open = between(rng, 0, 2000);
    let shift = Window::new(open, open + between(rng, 3000, 12000));
    let breaks = (0..rng.below(3))
        .map(|i| {
            let open = shift.open + 800 + 2200 * i as i32;
            Break {
                window: Window::new(open, open + between(rng, 300, 2000)),
                seconds: between(rng, 60, 400),
            }
        })
        .collect();
    let some = |rng: &mut Rng, low: i32, high: i32| one_in(rng, 3).then(|| between(rng, low, high));
    Vehicle {
        profile: rng.below(profiles),
        slowness: if one_in(rng, 3) { 1.3 } else { 1.0 },
        start: rng.below(places),
        end: rng.below(places),
        capacity: (0..dims).map(|_| between(rng, 10, 40)).collect(),
        shift,
        skills: rng.next() & 7,
        max_seconds: some(rng, 2500, 9000),
        max_metres: some(rng, 2500, 9000).map(i64::from),
        max_stops: some(rng, 2, 12).map(|x| x as usize),
        costs: Costs {
            fixed: f64::from(between(rng, 0, 300)),
            per_metre: 1.0,
            per_second: 0.7,
            fuel_per_metre: 0.2,
        },
        breaks,
        reload: one_in(rng, 3).then(|| Reload { places: vec![rng.below(places), 0], seconds: 60, max: 2 }),
        locked: Vec::new(),
    }
}

fn problem(seed: u64, mix: Mix) -> Problem {
    let mut rng = Rng::new(seed);
    let rng = &mut rng;
    let places = 4 + rng.below(20);
    let dims = if mix.rich { 1 + rng.below(2) } else { 1 };
    let profiles = if mix.rich { 1 + rng.below(2) } else { 1 };
    let vehicles = if mix.rich {
        (0..1 + rng.below(5)).map(|_| vehicle(rng, places, dims, profiles)).collect()
    } else {
        let plain = Vehicle {
            profile: 0,
            slowness: 1.0,
            skills: 0,
            max_seconds: None,
            max_metres: None,
            max_stops: None,
            breaks: Vec::new(),
            reload: None,
            ..vehicle(rng, places, dims, 1)
        };
        vec![plain; 1 + rng.below(6)]
    };
    let count = 1 + rng.below(40);
    Problem {
        profiles: (0..profiles).map(|_| matrix(rng, places, mix.metric)).collect(),
        vehicles,
        jobs: (0..count).map(|_| job(rng, places, dims, mix.rich)).collect(),
        criteria: Criteria {
            distance: 1.0,
            time: 0.5,
            fuel: 1.0,
            fewest_vehicles: mix.rich && one_in(rng, 4),
        },
    }
}

fn planned(problem: &Problem, settings: &Settings) -> Plan {
    solve(problem, settings, &AtomicBool::new(false), &mut |_| ()).expect("a sound problem")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plans_of_the_full_model_hold(seed in any::<u64>(), metric in any::<bool>()) {
        let problem = problem(seed, Mix { rich: true, metric });
        let plan = planned(&problem, &Settings::steps(300));
        let found = faults(&problem, &plan);
        prop_assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn plans_of_the_common_model_hold(seed in any::<u64>(), metric in any::<bool>()) {
        let problem = problem(seed, Mix { rich: false, metric });
        let plan = planned(&problem, &Settings::steps(300));
        let found = faults(&problem, &plan);
        prop_assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn crossed_plans_hold(seed in any::<u64>(), rich in any::<bool>(), metric in any::<bool>()) {
        let problem = problem(seed, Mix { rich, metric });
        let (plan, twice) = (crossed(&problem, seed), crossed(&problem, seed));
        let found = faults(&problem, &plan);
        prop_assert!(found.is_empty(), "{found:?}");
        prop_assert_eq!(plan, twice);
    }

    #[test]
    fn running_routes_keep_their_head(seed in any::<u64>()) {
        replanned(seed);
    }

    #[test]
    fn seed_and_steps_decide_the_plan(seed in any::<u64>(), rich in any::<bool>(), threads in 1usize..3) {
        let problem = problem(seed, Mix { rich, metric: true });
        // With few jobs long enough for several coolings.
        let steps = if problem.jobs.len() < 6 { 2_000 } else { 120 };
        let settings = Settings { seed, threads, ..Settings::steps(steps) };
        prop_assert_eq!(planned(&problem, &settings), planned(&problem, &settings));
    }
}

/// Two plans of one problem put together, by the engine that plans it.
fn crossed(problem: &Problem, seed: u64) -> Plan {
    let (mut one, mut two) = (Rng::new(seed), Rng::new(seed ^ 1));
    let mut full = super::full::model::Model::of(problem);
    full.prepare();
    match super::flat::model::Model::of(problem) {
        Some(model) if !problem.criteria.fewest_vehicles => {
            let search = cross(|| super::flat::state::State::new(&model), &mut one, &mut two);
            super::report::plan(&full, &super::report::flat_visits(&full, &search.best_routes()), 0)
        }
        _ => {
            let search = cross(|| super::full::state::State::new(&full), &mut one, &mut two);
            super::report::plan(&full, &search.best_visits(), 0)
        }
    }
}

/// A search whose best plan is the child of two plans from scratch.
fn cross<S: Search>(new: impl Fn() -> S, one: &mut Rng, two: &mut Rng) -> S {
    let planned = |rng: &mut Rng| {
        let mut search = new();
        search.restart(rng);
        for _ in 0..20 {
            search.step(rng);
            search.keep();
        }
        search.plan()
    };
    let (base, other) = (planned(one), planned(two));
    let mut search = new();
    search.cross(&base, &other, one);
    search.save();
    search
}

/// Plans, locks a part of each route, and plans again from there: nothing that was served is lost.
fn replanned(seed: u64) {
    let mut problem = problem(seed, Mix { rich: true, metric: true });
    let first = planned(&problem, &Settings::steps(100));
    let mut rng = Rng::new(seed);
    for (vehicle, acts) in first.acts(problem.vehicles.len()).into_iter().enumerate() {
        let head = rng.below(acts.len() + 1);
        problem.vehicles[vehicle].locked = acts[..head].to_vec();
    }
    let start = Some(first.acts(problem.vehicles.len()));
    let again = planned(&problem, &Settings { start, ..Settings::steps(200) });
    let found = faults(&problem, &again);
    assert!(found.is_empty(), "{found:?}");
    assert!(again.served_priority >= first.served_priority, "{first:?} {again:?}");
}

#[test]
fn a_head_with_goods_on_board_or_that_holds_only_with_its_rest_is_taken_over_whole() {
    [4_212_091_612_005_442_701, 273, 368, 369, 370].into_iter().for_each(replanned);
}

/// A line of places 100 m and 100 s apart, the depot at 0, one van for 10 pieces all day.
fn line(places: usize, amounts: &[i32]) -> Problem {
    let way = |a: usize, b: usize| 100 * a.abs_diff(b) as i32;
    let all: Vec<i32> = (0..places * places).map(|i| way(i / places, i % places)).collect();
    let van = Vehicle {
        profile: 0,
        slowness: 1.0,
        start: 0,
        end: 0,
        capacity: vec![10],
        shift: Window::new(0, 10_000),
        skills: 0,
        max_seconds: None,
        max_metres: None,
        max_stops: None,
        costs: Costs::default(),
        breaks: Vec::new(),
        reload: None,
        locked: Vec::new(),
    };
    let jobs = amounts
        .iter()
        .enumerate()
        .map(|(i, &amount)| Job {
            task: Task::Delivery(Stop { place: 1 + i % (places - 1), seconds: 0, windows: Vec::new() }),
            amount: vec![amount],
            skills: 0,
            priority: 0,
            optional: None,
        })
        .collect();
    let profiles = vec![Matrix { size: places, metres: all.clone(), seconds: all }];
    Problem { profiles, vehicles: vec![van], jobs, criteria: Criteria::default() }
}

fn only_reason(problem: &Problem, job: usize) -> Vec<Reason> {
    let plan = planned(problem, &Settings::steps(200));
    assert!(faults(problem, &plan).is_empty());
    plan.unassigned.iter().find(|u| u.job == job).map(|u| u.reasons.clone()).unwrap_or_default()
}

#[test]
fn each_constraint_is_named_as_the_reason() {
    let mut skills = line(4, &[1, 1]);
    skills.jobs[1].skills = 1;
    assert_eq!(only_reason(&skills, 1), [Reason::Skills]);
    assert_eq!(only_reason(&line(4, &[5, 11]), 1), [Reason::Capacity]);
    let mut late = line(4, &[1, 1]);
    late.jobs[1].task = Task::Delivery(Stop { place: 2, seconds: 0, windows: vec![Window::new(0, 100)] });
    assert_eq!(only_reason(&late, 1), [Reason::Windows]);
    let mut shift = line(4, &[1, 1, 1]);
    shift.vehicles[0].shift = Window::new(0, 450);
    assert_eq!(only_reason(&shift, 2), [Reason::Shift]);
    let mut stops = line(4, &[1, 1]);
    stops.vehicles[0].max_stops = Some(1);
    stops.jobs[0].priority = 9;
    assert_eq!(only_reason(&stops, 1), [Reason::Stops]);
    let mut metres = line(4, &[1, 1, 1]);
    metres.vehicles[0].max_metres = Some(450);
    assert_eq!(only_reason(&metres, 2), [Reason::RouteDistance]);
    let mut time = line(4, &[1, 1, 1]);
    time.vehicles[0].max_seconds = Some(450);
    assert_eq!(only_reason(&time, 2), [Reason::RouteTime]);
    let mut price = line(4, &[1, 1, 1]);
    price.jobs[2].optional = Some(10.0);
    assert_eq!(only_reason(&price, 2), [Reason::NotWorth]);
}

#[test]
fn a_job_is_served_however_dear_the_vehicle_and_short_the_way() {
    for windows in [Vec::new(), vec![Window::new(0, 100), Window::new(200, 300)]] {
        let mut problem = line(2, &[1]);
        problem.vehicles[0].costs.fixed = 1e6;
        problem.profiles[0].metres.fill(0);
        problem.profiles[0].seconds.fill(0);
        problem.jobs[0].task = Task::Delivery(Stop { place: 0, seconds: 0, windows });
        let plan = planned(&problem, &Settings::steps(50));
        assert!(faults(&problem, &plan).is_empty() && plan.unassigned.is_empty(), "{plan:?}");
    }
}

#[test]
fn a_second_trip_serves_what_one_load_cannot() {
    let mut problem = line(4, &[6, 6, 6]);
    assert_eq!(planned(&problem, &Settings::steps(100)).unassigned.len(), 2);
    problem.vehicles[0].reload = Some(Reload { places: vec![0], seconds: 50, max: 2 });
    let plan = planned(&problem, &Settings::steps(100));
    assert!(faults(&problem, &plan).is_empty());
    assert!(plan.unassigned.is_empty());
    assert_eq!(plan.routes[0].metres, 200 + 400 + 600);
}

#[test]
fn without_vehicles_all_is_left_out_and_without_jobs_nobody_drives() {
    let mut problem = line(4, &[1, 1]);
    let van = problem.vehicles.remove(0);
    let plan = planned(&problem, &Settings::steps(100));
    assert_eq!((plan.routes.len(), plan.unassigned.len()), (0, 2));
    assert!(faults(&problem, &plan).is_empty());
    problem.vehicles.push(van);
    problem.jobs.clear();
    let plan = planned(&problem, &Settings::steps(100));
    assert_eq!((plan.routes.len(), plan.unassigned.len(), plan.steps), (0, 0, 0));
    assert!(faults(&problem, &plan).is_empty());
}

#[test]
fn the_more_urgent_job_stays() {
    let mut problem = line(4, &[10, 10]);
    problem.jobs[1].priority = 1;
    let plan = planned(&problem, &Settings::steps(100));
    assert_eq!(plan.unassigned.iter().map(|u| u.job).collect::<Vec<_>>(), [0]);
}

#[test]
fn cancelling_gives_the_plan_so_far() {
    let problem = problem(7, Mix { rich: true, metric: true });
    let cancel = AtomicBool::new(true);
    let plan = solve(&problem, &Settings::steps(u64::MAX), &cancel, &mut |_| ()).expect("a sound problem");
    assert!(faults(&problem, &plan).is_empty());
    assert!(cancel.load(Ordering::Relaxed));
}

#[test]
fn better_plans_are_reported_on_the_way() {
    let problem = problem(11, Mix { rich: true, metric: true });
    let mut seen = Vec::new();
    let last =
        solve(&problem, &Settings::steps(2000), &AtomicBool::new(false), &mut |plan| seen.push(plan.clone()));
    let last = last.expect("a sound problem");
    assert!(!seen.is_empty());
    assert!(
        seen.iter()
            .all(|plan| faults(&problem, plan).is_empty() && plan.served_priority <= last.served_priority)
    );
}

#[test]
fn contradictions_are_refused_by_name() {
    let mut place = line(3, &[1]);
    place.vehicles[0].end = 3;
    let refused =
        |p: &Problem| solve(p, &Settings::steps(1), &AtomicBool::new(false), &mut |_| ()).expect_err("wrong");
    assert_eq!(refused(&place), ProblemError::Unknown("vehicle 0".to_string(), "place"));
    let mut dims = line(3, &[1]);
    dims.jobs[0].amount.push(1);
    assert_eq!(refused(&dims), ProblemError::Dimensions("job 0".to_string(), 2, 1));
    let mut lock = line(3, &[1]);
    lock.vehicles[0].locked = vec![Act::Pickup(0)];
    assert!(matches!(refused(&lock), ProblemError::Range(..)));
    let mut window = line(3, &[1]);
    window.jobs[0].task =
        Task::Delivery(Stop { place: 1, seconds: 0, windows: vec![Window::new(5, 9), Window::new(9, 12)] });
    assert!(matches!(refused(&window), ProblemError::Range(..)));
    let many = vec![window.jobs[0].clone(); super::problem::MAX_JOBS + 1];
    window.jobs = many;
    assert!(matches!(refused(&window), ProblemError::TooMany(..)));
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let problem = line(4, &[1, 2, 3]);
    let plan = planned(&problem, &Settings::steps(50));
    assert!(faults(&problem, &plan).is_empty());
    let mut early = plan.clone();
    early.routes[0].visits[0].start -= 1;
    let mut twice = plan.clone();
    let again = twice.routes[0].visits[0];
    twice.routes[0].visits.push(again);
    let mut short = plan.clone();
    short.routes[0].visits.pop();
    let mut cheap = plan.clone();
    cheap.cost -= 1.0;
    for wrong in [early, twice, short, cheap] {
        assert!(!faults(&problem, &wrong).is_empty());
    }
    let mut small = problem.clone();
    small.vehicles[0].capacity = vec![5];
    assert!(!faults(&small, &plan).is_empty());
}
