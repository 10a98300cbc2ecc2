//! A thousand devices that tell their position every second, with all that follows: points kept, fences counted, arrivals
//! held against what was foretold. Prints how much of each second writing them down takes; the promise is head-room on two
//! cores.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod harness;

use std::time::{Duration, Instant};

use crossdock::base::clock::Timestamp;
use crossdock::base::ids::Id;
use crossdock::eta::service::Predictors;
use crossdock::identity::grant::Actor;
use crossdock::journal::{Cx, reference};
use crossdock::store::redb::{Options, Redb};
use crossdock::store::{Lane, Store, WriteTx};
use crossdock::tracking::flush::flush;
use crossdock::tracking::geo::Spot;
use crossdock::tracking::model::{Fence, Fix};
use crossdock::tracking::stops::{self, Expected};
use crossdock::tracking::tracker::{Report, Tracker};
use crossdock::tracking::visit::Place;
use harness::Args;

const DEVICES: usize = 1_000;
const STOPS: u32 = 10;
const FENCES: u32 = 20;
const BEGIN: i64 = 1_795_255_200_000;

fn spot(device: usize, second: usize) -> Spot {
    // Ten metres a second to the north, each a street apart.
    Spot::new(10.0 + 0.000_09 * second as f64, 5.0 + 0.002 * device as f64).unwrap()
}

fn name(device: usize) -> String {
    format!("van-{device}")
}

fn furnish(tx: &mut dyn WriteTx) {
    let now = Timestamp::from_millis(BEGIN);
    let cx = Cx::new(tx, &Actor::system(), now, "bench").unwrap();
    for n in 0..FENCES {
        let place = Place::Circle(spot(n as usize * 50, 30), 150.0);
        let fence = Fence { name: format!("yard {n}"), place, dwell_s: 60 };
        reference::set(tx, &cx, Id::fresh(), Some(fence)).unwrap();
    }
    for device in 0..DEVICES {
        for n in 0..STOPS {
            let new = Expected {
                delivery: format!("D-{device}-{n}"),
                vehicle: stops::vehicle(&name(device)),
                vehicle_name: name(device),
                sequence: n,
                spot: Some(spot(device, 20 + 200 * n as usize)),
                service_s: 60,
                ..Expected::default()
            };
            stops::expect(tx, now, new).unwrap();
        }
    }
}

fn main() {
    let args = Args::read();
    let seconds = args.pick(20, 600);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(Redb::file(&folder.path().join("depot.redb"), Options::default()).unwrap());
    let write = |tx: &mut dyn WriteTx| -> Result<(), crossdock::store::StoreError> {
        furnish(tx);
        Ok(())
    };
    store.write(1, Lane::Bulk, write).wait().unwrap();
    let (tracker, predictors) = (Tracker::default(), Predictors::default());
    let mut taken: Vec<Duration> = Vec::with_capacity(seconds);
    for second in 0..seconds {
        let now = Timestamp::from_millis(BEGIN + second as i64 * 1_000);
        let began = Instant::now();
        for device in 0..DEVICES {
            let fix = Fix { at: now, spot: spot(device, second), speed: Some(1_000), ..Fix::default() };
            let report = Report { fix, trip: 0, heard_at: now };
            tracker.take(1, stops::vehicle(&name(device)), &name(device), vec![report]).unwrap();
        }
        flush(&store, &tracker, &predictors, (1, now)).unwrap();
        taken.push(began.elapsed());
    }
    taken.sort_unstable();
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    let mean = taken.iter().sum::<Duration>().as_secs_f64() * 1_000.0 / taken.len() as f64;
    println!("{DEVICES} devices at 1 Hz, {seconds} s: of each second {mean:.0} ms are worked on average,");
    println!(
        "{:.0} ms at the median, {:.0} ms at the 99th percentile, {:.0} ms at the most",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
