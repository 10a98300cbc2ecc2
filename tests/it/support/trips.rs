//! Real journeys for the learner: rows of the shared files as samples, in order of time where the file has one.

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use crossdock::eta::conformal::{Calibration, Said};
use crossdock::eta::learner::{MIDDLE, Model, Sample, group};

/// A journey: what was known, how long it took, when it began and when the outcome was known (seconds).
#[derive(Clone)]
pub struct Trip {
    pub sample: Sample,
    pub began: f64,
    pub known: f64,
}

struct Csv {
    columns: HashMap<String, usize>,
    rows: Vec<csv::StringRecord>,
}

impl Csv {
    fn read(path: &Path) -> Self {
        let mut reader = csv::Reader::from_path(path).unwrap();
        let columns = reader.headers().unwrap().iter().enumerate().map(|(n, c)| (c.to_owned(), n)).collect();
        Self { columns, rows: reader.records().map(Result::unwrap).collect() }
    }
}

struct Row<'a>(&'a Csv, &'a csv::StringRecord);

impl Row<'_> {
    fn text(&self, column: &str) -> &str {
        &self.1[self.0.columns[column]]
    }
    fn number(&self, column: &str) -> f32 {
        self.text(column).parse().unwrap_or(f32::NAN)
    }
}

fn km(a: (f32, f32), b: (f32, f32)) -> f32 {
    let (x, y) = ((b.1 - a.1).to_radians() * a.0.to_radians().cos(), (b.0 - a.0).to_radians());
    6_371.0 * x.hypot(y)
}

fn courier(n: usize, r: &Row<'_>) -> Trip {
    let (from, to) = ((r.number("from_lat"), r.number("from_lon")), (r.number("to_lat"), r.number("to_lon")));
    let mut numbers: Vec<f32> = [
        "weekday",
        "platform",
        "business",
        "distance_km",
        "temp_c",
        "rain_mm",
        "rider_orders",
        "rider_days",
        "rider_rating",
        "wait_at_pickup_s",
        "placed_to_confirm_s",
        "day_of_month",
    ]
    .map(|c| r.number(c))
    .to_vec();
    numbers.extend([r.number("pickup_s") / 3600.0, from.0, from.1, to.0, to.1]);
    numbers.extend([km(from, to), to.0 - from.0, to.1 - from.1]);
    let cell = |(lat, lon): (f32, f32)| group(&format!("{lat:.2},{lon:.2}"));
    let groups = vec![group(r.text("rider")), cell(to), cell(from)];
    let target = r.number("seconds");
    // The file has no dates: its own order, a minute apart.
    let began = n as f64 * 60.0;
    Trip { sample: Sample { numbers, groups, target }, began, known: began + 3_600.0 }
}

fn food(n: usize, r: &Row<'_>) -> Trip {
    let day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].iter().position(|d| *d == r.text("day"));
    let numbers = vec![r.number("hour"), day.unwrap() as f32, r.number("distance_miles"), r.number("items")];
    let sample = Sample { numbers, groups: Vec::new(), target: r.number("minutes") * 60.0 };
    let began = n as f64 * 60.0;
    Trip { sample, began, known: began + 3_600.0 }
}

fn taxi(_: usize, r: &Row<'_>) -> Trip {
    let at: jiff::civil::DateTime = r.text("pickup").replace(' ', "T").parse().unwrap();
    let began = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second() as f64;
    let hour = f32::from(at.hour()) + f32::from(at.minute()) / 60.0;
    let weekday = f32::from(at.weekday().to_monday_zero_offset());
    let green = if r.text("color") == "green" { 1.0 } else { 0.0 };
    let numbers = vec![hour, weekday, r.number("distance_km"), r.number("passengers"), green];
    let pair = |kind: &str| {
        group(&format!("{}>{}", r.text(&format!("pickup_{kind}")), r.text(&format!("dropoff_{kind}"))))
    };
    let groups =
        vec![group(r.text("pickup_zone")), group(r.text("dropoff_zone")), pair("zone"), pair("borough")];
    let target = r.number("seconds");
    let known = began + f64::from(target);
    Trip { sample: Sample { numbers, groups, target }, began, known }
}

fn flight(_: usize, r: &Row<'_>) -> Trip {
    const BEFORE: [f64; 12] = [0., 31., 59., 90., 120., 151., 181., 212., 243., 273., 304., 334.];
    let month = r.text("month").parse::<usize>().unwrap();
    let day = BEFORE[month - 1] + f64::from(r.number("day"));
    let (leaves, arrives) = (r.number("sched_dep_min"), r.number("sched_arr_time"));
    let planned = ((arrives / 100.0).floor() * 60.0 + arrives % 100.0 - leaves).rem_euclid(1_440.0);
    let columns = ["dep_delay", "distance", "temp", "wind_speed", "precip", "visib", "pressure"];
    let mut numbers: Vec<f32> = columns.map(|c| r.number(c)).to_vec();
    numbers.extend([leaves / 60.0, planned, (day % 7.0) as f32]);
    let pair = |a: &str, b: &str| group(&format!("{}>{}", r.text(a), r.text(b)));
    let groups = vec![
        group(r.text("carrier")),
        group(r.text("dest")),
        group(r.text("origin")),
        pair("carrier", "dest"),
        pair("origin", "dest"),
    ];
    let given = r.number("dep_delay") * 60.0;
    let late = r.number("arr_delay") * 60.0;
    let began = (day * 1_440.0 + f64::from(leaves)) * 60.0;
    let known = began + f64::from(planned.min(360.0) * 60.0 + late);
    Trip { sample: Sample { numbers, groups, target: late - given }, began, known }
}

/// How much later than thought the journeys were that ended in the four hours before: overall, how widely, and from the
/// same place.
fn with_the_day_so_far(trips: &mut [Trip]) {
    let mut ended: Vec<(f64, f32, u64)> =
        trips.iter().map(|t| (t.known, t.sample.target, t.sample.groups[2])).collect();
    ended.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut next, mut recent) = (0, VecDeque::new());
    for trip in trips {
        while let Some(end) = ended.get(next).filter(|e| e.0 <= trip.began) {
            recent.push_back(*end);
            next += 1;
        }
        while recent.front().is_some_and(|(at, ..)| *at < trip.began - 4.0 * 3_600.0) {
            recent.pop_front();
        }
        let mean = |late: &[f32]| late.iter().sum::<f32>() / (late.len() as f32 + 3.0);
        let all: Vec<f32> = recent.iter().map(|(_, late, _)| *late).collect();
        let here: Vec<f32> = recent.iter().filter(|r| r.2 == trip.sample.groups[2]).map(|r| r.1).collect();
        let middle = mean(&all);
        let spread = all.iter().map(|l| (l - middle).abs()).sum::<f32>() / all.len() as f32;
        let known = |n: usize, v: f32| if n == 0 { f32::NAN } else { v };
        trip.sample.numbers.extend([known(all.len(), middle), spread, known(here.len(), mean(&here))]);
    }
}

/// The journeys of one of the shared files.
pub fn read(kind: &str, path: &Path) -> Vec<Trip> {
    let csv = Csv::read(path);
    let read = match kind {
        "courier" => courier,
        "food" => food,
        "taxi" => taxi,
        _ => flight,
    };
    let mut trips: Vec<Trip> = csv.rows.iter().enumerate().map(|(n, row)| read(n, &Row(&csv, row))).collect();
    trips.retain(|t| t.sample.target.is_finite());
    trips.sort_by(|a, b| a.began.total_cmp(&b.began));
    if kind == "flight" {
        with_the_day_so_far(&mut trips);
    }
    trips
}

/// Whether a file has times, so that the later part is what is tried.
pub fn is_timed(kind: &str) -> bool {
    matches!(kind, "taxi" | "flight")
}

/// What is learned from and what is tried: the last fifth by time, or where there is no time each fifth row.
pub fn split(kind: &str, trips: Vec<Trip>) -> (Vec<Trip>, Vec<Trip>) {
    if is_timed(kind) {
        let mut learned = trips;
        let tried = learned.split_off(learned.len() * 4 / 5);
        return (learned, tried);
    }
    let (tried, learned): (Vec<_>, Vec<_>) = trips.into_iter().enumerate().partition(|(n, _)| n % 5 == 0);
    let plain = |some: Vec<(usize, Trip)>| some.into_iter().map(|(_, t)| t).collect();
    (plain(learned), plain(tried))
}

pub fn samples(trips: &[Trip]) -> Vec<Sample> {
    trips.iter().map(|t| t.sample.clone()).collect()
}

/// What a run told: seconds, shares.
#[derive(Debug, Default)]
pub struct Told {
    pub mae: f64,
    pub wide: f64,
    pub narrow: f64,
    /// The lowest share within 90 % of a block of 250 in order of time.
    pub worst: f64,
    pub blocks: usize,
    /// Mean width of the interval of 90 %.
    pub width: f64,
    /// Its Winkler score: width, and twenty times what is missed.
    pub winkler: f64,
}

/// The mean absolute error of a model over `tried`.
#[allow(dead_code, reason = "the bench asks for it")]
pub fn mae(model: &Model, tried: &[Trip]) -> f64 {
    let error = |t: &Trip| {
        let q = model.predict(&t.sample.numbers, &t.sample.groups);
        f64::from((model.scale.seconds(q[MIDDLE]) - t.sample.target).abs())
    };
    tried.iter().map(error).sum::<f64>() / tried.len() as f64
}

/// Goes through `tried` as the product does: says, hears each outcome once it is known, and learns anew after each `again`
/// outcomes from what is known by then.
pub fn live(learned: &[Trip], tried: &[Trip], again: usize) -> Told {
    let aside = learned.len() * 85 / 100;
    let mut calibration = Calibration::default();
    let first = Model::train(&samples(&learned[..aside])).unwrap();
    for t in &learned[aside..] {
        let q = first.predict(&t.sample.numbers, &t.sample.groups);
        calibration.prepare(&q, first.scale.place(t.sample.target));
    }
    let mut known = samples(learned);
    let mut model = Model::train(&known).unwrap();
    let (mut told, mut waiting, mut held) = (Told::default(), Vec::<(f64, Said, &Trip)>::new(), Vec::new());
    let (mut narrow, mut heard) = (0.0, 0);
    for trip in tried {
        waiting.sort_by(|a, b| a.0.total_cmp(&b.0));
        while waiting.first().is_some_and(|w| w.0 <= trip.began) {
            let (_, said, of) = waiting.remove(0);
            calibration.hear(&said, model.scale.place(of.sample.target));
            known.push(of.sample.clone());
            heard += 1;
            if heard % again == 0 {
                model = Model::train(&known).unwrap();
            }
        }
        let q = model.predict(&trip.sample.numbers, &trip.sample.groups);
        let (said, y) = (calibration.say(&q), trip.sample.target);
        let ends = |(low, high): (f32, f32)| (model.scale.seconds(low), model.scale.seconds(high));
        let within = |(low, high): (f32, f32)| if (low..=high).contains(&y) { 1.0 } else { 0.0 };
        let (low, high) = ends(said.wide);
        told.mae += f64::from((model.scale.seconds(q[MIDDLE]) - y).abs());
        told.width += f64::from(high - low);
        told.winkler += f64::from(high - low + 20.0 * ((low - y).max(0.0) + (y - high).max(0.0)));
        narrow += within(ends(said.narrow));
        held.push(within((low, high)));
        waiting.push((trip.known, said, trip));
    }
    let n = tried.len() as f64;
    (told.mae, told.width, told.winkler) = (told.mae / n, told.width / n, told.winkler / n);
    (told.wide, told.narrow) = (held.iter().sum::<f64>() / n, narrow / n);
    let blocks = held.chunks_exact(250).map(|b| b.iter().sum::<f64>() / 250.0);
    told.blocks = blocks.len();
    told.worst = blocks.fold(1.0, f64::min);
    told
}
