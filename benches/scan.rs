//! What it costs to say what a code may be: the promise is a 99th percentile below a millisecond, whatever comes.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod harness;

use std::hint::black_box;
use std::time::Duration;

use crossdock::scan::layouts::Layout;
use crossdock::scan::resolve::{MAX_CODE, resolve};
use harness::{Args, Dice, Rival, closed_loop, compare};

/// What a floor scans in a day.
const USUAL: [&str; 12] = [
    "RB123456785GB",
    "]C100340123450000000017",
    "1Z999AA10123456784",
    "420902459261290336128704042634",
    "1001901781990001000300617767839437",
    "%008182709980000020033350276C",
    "020-12345675",
    "CSQU3054383",
    "CMD:DAMAGED",
    "LOC:A-03",
    "https://depot:8443/p/019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718",
    "KISTE 4711",
];

/// What costs most: separators to be guessed, layouts to be tried, codes as long as they may be.
fn hard() -> Vec<String> {
    let mut codes = vec![
        "0200614141123452372410LOT7400ORDER1200340123450000000017".to_owned(),
        format!("10{}", "0".repeat(126)),
        format!("91{}", "1021".repeat(31)),
        "10".repeat(64),
        "é".repeat(MAX_CODE / 2),
        "(00)".repeat(MAX_CODE / 4),
        "\u{1d}".repeat(MAX_CODE - 1) + "x",
        "9".repeat(MAX_CODE),
    ];
    codes.extend(Layout::ALL.iter().flat_map(|l| USUAL.map(|code| l.done_to(code))));
    codes
}

fn main() {
    let args = Args::read();
    let (time, rounds) = (Duration::from_millis(args.pick(300, 1_000)), args.pick(3, 5));
    let hard = hard();
    let lap = |codes: &[String]| {
        closed_loop(1, time, |_| {
            let mut dice = Dice::new(7);
            move || drop(black_box(resolve(&codes[dice.below(codes.len())])))
        })
    };
    let usual: Vec<String> = USUAL.iter().map(|c| (*c).to_owned()).collect();
    let mut rivals =
        [Rival::new("what a floor scans", || lap(&usual)), Rival::new("the hardest codes", || lap(&hard))];
    compare(&args, "say what a code may be", rounds, &mut rivals);
}
