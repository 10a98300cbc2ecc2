//! How well and how fast arrivals are foretold: on the shared journeys, held against LightGBM on the same rows.
//!
//! Where `<name>_test.csv` lies beside `<name>_train.csv` it is what is tried; else the last fifth of the train file by
//! time, or where the file has no time each fifth row. `--quick` learns anew less often.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used)]

mod harness;
#[path = "../tests/it/support/trips.rs"]
mod trips;

use std::time::Instant;

use crossdock::eta::learner::Model;
use harness::Args;
use trips::{live, mae, read, samples, split};

/// The file, and the mean absolute error of LightGBM 4.7.0 (L1, 400 trees of 31 leaves, rate 0.05, the better of plain and
/// with 0.7 of the rows and 0.8 of the columns a tree) with the same columns on the train file's own split; and as the
/// study of it gives it for the test file.
const FILES: [(&str, &str, f64, f64); 4] = [
    ("courier", "courier_nairobi", 498.0, 480.0),
    ("taxi", "taxi_nyc", 195.9, 191.0),
    ("food", "food_delivery", 88.0, 87.0),
    ("flight", "flights_nyc2013", 781.3, 781.0),
];

fn main() {
    let args = Args::read();
    let beside = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("CROSSDOCK_SHARED").map_or(beside, Into::into).join("data/eta");
    if !folder.exists() {
        println!("SKIP: {} is absent", folder.display());
        return;
    }
    println!(
        "{:<9}{:>7}{:>7}{:>9}{:>9}{:>9}{:>8}{:>8}{:>8}{:>8}{:>8}{:>9}",
        "",
        "train",
        "tried",
        "MAE s",
        "LightGBM",
        "live MAE",
        "in 90",
        "in 80",
        "worst",
        "width",
        "winkler",
        "train s"
    );
    for (kind, file, own, study) in FILES.into_iter().filter(|f| args.wants(f.0)) {
        let train = read(kind, &folder.join(format!("{file}_train.csv")));
        let test = folder.join(format!("{file}_test.csv"));
        let (learned, tried, rival) = if test.exists() {
            (train, read(kind, &test), study)
        } else {
            let (learned, tried) = split(kind, train);
            (learned, tried, own)
        };
        let begun = Instant::now();
        let model = Model::train(&samples(&learned)).unwrap();
        let took = begun.elapsed().as_secs_f64();
        let fixed = mae(&model, &tried);
        let told = live(&learned, &tried, args.pick(2_000, 500));
        println!(
            "{kind:<9}{:>7}{:>7}{fixed:>9.1}{rival:>9.1}{:>9.1}{:>8.3}{:>8.3}{:>8.3}{:>8.0}{:>8.0}{took:>9.1}",
            learned.len(),
            tried.len(),
            told.mae,
            told.wide,
            told.narrow,
            told.worst,
            told.width,
            told.winkler
        );
    }
    speed(&args, &folder);
}

/// 50,000 legs and one prediction.
fn speed(args: &Args, folder: &std::path::Path) {
    if !args.wants("speed") {
        return;
    }
    let mut all = samples(&read("courier", &folder.join("courier_nairobi_train.csv")));
    let once = all.len();
    for n in 0..50_000 - once {
        let mut more = all[n % once].clone();
        more.numbers.iter_mut().for_each(|v| *v *= 1.0 + (n / once) as f32 / 1_000.0);
        all.push(more);
    }
    let begun = Instant::now();
    let model = Model::train(&all).unwrap();
    println!(
        "\n{} legs of {} columns are learned in {:.1} s",
        all.len(),
        all[0].numbers.len() + all[0].groups.len(),
        begun.elapsed().as_secs_f64()
    );
    let mut times: Vec<u128> = all
        .iter()
        .take(10_000)
        .map(|s| {
            let begun = Instant::now();
            std::hint::black_box(model.predict(&s.numbers, &s.groups));
            begun.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    println!(
        "a prediction takes {:.1} us, {:.1} us at the 99th percentile",
        times[5_000] as f64 / 1e3,
        times[9_900] as f64 / 1e3
    );
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|l| l.starts_with("VmHWM")).for_each(|l| println!("{l}"));
    }
}
