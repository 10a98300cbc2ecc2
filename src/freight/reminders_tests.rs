use super::*;
use crate::freight::free::WorkDays;
use jiff::ToSpan;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

/// Clocks in `zone` of which nothing is known.
pub(crate) fn clocks(zone: &str) -> Clocks {
    Clocks {
        zone: TimeZone::get(zone).unwrap(),
        work: WorkDays::usual(),
        eta: None,
        arrived: None,
        received: None,
        delivered: None,
        hold: None,
        free_from: None,
        lfd: None,
        detention: None,
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text, &TimeZone::UTC).unwrap()
}

fn twice_a_day() -> When {
    When::Each { from: Moment::Received, hours: vec![14, 8], working: true }
}

#[test]
fn charges_are_called_in_morning_and_afternoon_of_each_working_day() {
    let c = Clocks { received: Some(at("2026-10-23T10:00:00Z")), ..clocks("Europe/Berlin") };
    let (mut seen, mut slots) = (Timestamp::ZERO, Vec::new());
    while slots.len() < 4 {
        seen = next(&twice_a_day(), &c, seen).unwrap();
        slots.push(seen.to_string());
    }
    // A Friday at noon; the clocks go back on Sunday, and on Monday eight o'clock is an hour later in UTC.
    let expected =
        ["2026-10-23T12:00:00Z", "2026-10-26T07:00:00Z", "2026-10-26T13:00:00Z", "2026-10-27T07:00:00Z"];
    assert_eq!(slots, expected);
    let monday = at("2026-10-26T20:00:00Z");
    assert_eq!(latest(&twice_a_day(), &c, Timestamp::ZERO, monday), Some(at("2026-10-26T13:00:00Z")));
    assert_eq!(latest(&twice_a_day(), &c, at("2026-10-26T13:00:00Z"), monday), None);
}

#[test]
fn a_slot_that_daylight_saving_skips_comes_after_the_gap_and_a_repeated_one_comes_once() {
    let c = Clocks { lfd: Some(date(2026, 3, 29)), ..clocks("Europe/Berlin") };
    let two = |day| When::OnDay { day, days: 0, hour: 2 };
    assert_eq!(next(&two(Day::Lfd), &c, Timestamp::ZERO), Some(at("2026-03-29T01:00:00Z")));
    let c = Clocks { lfd: Some(date(2026, 10, 25)), ..c };
    let first = next(&two(Day::Lfd), &c, Timestamp::ZERO).unwrap();
    assert_eq!(first, at("2026-10-25T00:00:00Z"));
    assert_eq!(next(&two(Day::Lfd), &c, first), None);
}

#[test]
fn what_is_not_known_yet_is_not_due_and_odd_rules_are_refused() {
    assert_eq!(next(&twice_a_day(), &clocks("UTC"), Timestamp::ZERO), None);
    let five = When::WorkingDays { after: Moment::Delivered, days: 5, hour: 17 };
    let c = Clocks { delivered: Some(at("2026-11-20T10:00:00Z")), ..clocks("UTC") };
    assert_eq!(next(&five, &c, Timestamp::ZERO), Some(at("2026-11-27T17:00:00Z")));
    assert!(five.check().is_ok() && twice_a_day().check().is_ok());
    let each = |hours| When::Each { from: Moment::Eta, hours, working: false };
    assert!(each(vec![]).check().is_err() && each(vec![24]).check().is_err());
    assert!(each((0..24).chain([0]).collect()).check().unwrap_err().contains("25 hours"));
    assert!(When::Hours { after: Moment::Eta, hours: MAX_OFFSET }.check().is_ok());
    assert!(When::Hours { after: Moment::Eta, hours: MAX_OFFSET + 1 }.check().is_err());
}

const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"];

proptest! {
    /// The slow way: the wall clock of every hour of half a year, asked whether it is a slot.
    #[test]
    fn a_series_is_what_a_look_at_every_hour_finds(
        zone in prop::sample::select(ZONES.to_vec()), begun in 0i64..3_000, seen in 0i64..4_000,
        hours in prop::collection::vec(0i8..24, 1..4), working: bool,
        off in prop::collection::btree_set(0i64..180, 0..20), closed in prop::collection::btree_set(1i8..=7, 0..4),
    ) {
        let start = at("2018-09-01T00:30:00Z");
        let hour = |n: i64| Timestamp::from_millis(start.millis() + n * 3_600_000);
        let work = WorkDays { closed, holidays: off.into_iter().map(|n| date(2018, 9, 1) + n.days()).collect() };
        let c = Clocks { received: Some(hour(begun)), work, ..clocks(zone) };
        let when = When::Each { from: Moment::Received, hours: hours.clone(), working };
        let mut expected = std::collections::BTreeSet::new();
        let mut day = date(2018, 8, 30);
        while day < date(2019, 6, 1) {
            for h in &hours {
                let slot = Timestamp::from_civil(day.at(*h, 0, 0, 0), &c.zone).unwrap();
                let open = !c.work.closed.contains(&day.weekday().to_monday_one_offset()) && !c.work.holidays.contains(&day);
                if slot >= hour(begun) && slot > hour(seen) && (open || !working) {
                    expected.insert(slot);
                }
            }
            day += 1.days();
        }
        let mut found = Vec::new();
        let mut after = hour(seen);
        while let Some(slot) = next(&when, &c, after).filter(|_| found.len() < 30) {
            found.push(slot);
            after = slot;
        }
        prop_assert_eq!(found, expected.iter().copied().take(30).collect::<Vec<_>>());
        let now = hour(seen + 200);
        prop_assert_eq!(latest(&when, &c, hour(seen), now), expected.range(..=now).next_back().copied());
    }
}
