use super::*;
use jiff::ToSpan;
use jiff::civil::{date, datetime};
use proptest::prelude::*;

fn rule(days: u16) -> FreeRule {
    FreeRule { days, ..FreeRule::default() }
}

#[test]
fn the_last_free_day_by_hand() {
    let news = datetime(2026, 11, 20, 17, 30, 0, 0); // a Friday
    let open = WorkDays::usual();
    assert_eq!(last_free_day(news, &rule(2), &open), date(2026, 11, 21));
    assert_eq!(last_free_day(news, &rule(1), &open), date(2026, 11, 20));
    assert_eq!(last_free_day(news, &rule(0), &open), date(2026, 11, 19), "the day itself costs already");
    let after = FreeRule { midnight_after: true, ..rule(2) };
    assert_eq!(last_free_day(news, &after, &open), date(2026, 11, 22));
    let cut = FreeRule { cutoff_hour: Some(17), ..rule(2) };
    assert_eq!(last_free_day(news, &cut, &open), date(2026, 11, 22));
    assert_eq!(last_free_day(news, &FreeRule { cutoff_hour: Some(18), ..cut }, &open), date(2026, 11, 21));
    let working = FreeRule { working_days: true, ..rule(3) };
    assert_eq!(last_free_day(news, &working, &open), date(2026, 11, 24));
    let mut closed = open;
    closed.holidays.insert(date(2026, 11, 23));
    assert_eq!(last_free_day(news, &working, &closed), date(2026, 11, 25));
}

#[test]
fn storage_by_hand() {
    let tariff = Tariff {
        currency: "EUR".into(),
        minimum: 2_000,
        working_days: false,
        steps: vec![
            TariffStep { from_day: 1, per_kg_thousandths: 10_000, per_day: 0 },
            TariffStep { from_day: 4, per_kg_thousandths: 25_000, per_day: 100 },
        ],
    };
    let (open, lfd) = (WorkDays::usual(), date(2026, 11, 20));
    let cost = |day: Date, g| storage(&tariff, &open, lfd, day, g);
    assert_eq!(cost(lfd, 250_000), Cost { days: 0, minor: 0 });
    assert_eq!(cost(date(2026, 11, 21), 99_001), Cost { days: 1, minor: 2_000 }, "the minimum");
    assert_eq!(cost(date(2026, 11, 23), 249_001), Cost { days: 3, minor: 7_500 });
    assert_eq!(cost(date(2026, 11, 25), 250_000), Cost { days: 5, minor: 7_500 + 2 * (6_250 + 100) });
    assert!(tariff.check("").is_ok());
    let wrong = Tariff {
        currency: "eur".into(),
        steps: vec![TariffStep { from_day: 0, ..tariff.steps[0] }; 51],
        ..tariff
    };
    assert_eq!(wrong.check("/storage").unwrap_err().0.len(), 3);
    assert!(rule(MAX_FREE_DAYS).check("").is_ok() && rule(MAX_FREE_DAYS + 1).check("").is_err());
    assert!(FreeRule { cutoff_hour: Some(24), ..rule(1) }.check("").is_err());
}

#[test]
fn a_day_ends_at_its_last_second_also_when_the_clocks_change_that_night() {
    for (zone, day, ends) in [
        ("Europe/Berlin", date(2026, 10, 24), "2026-10-24T21:59:59Z"),
        ("Europe/Berlin", date(2026, 10, 25), "2026-10-25T22:59:59Z"),
        // At midnight the clocks went on to one: the day ended an hour before its successor's first midnight.
        ("America/Sao_Paulo", date(2018, 11, 3), "2018-11-04T02:59:59Z"),
        ("Asia/Kathmandu", date(2026, 1, 1), "2026-01-01T18:14:59Z"),
    ] {
        assert_eq!(end_of(day, &TimeZone::get(zone).unwrap()).to_string(), ends, "{zone}");
    }
}

fn calendars() -> impl Strategy<Value = WorkDays> {
    let holidays = prop::collection::btree_set(0i64..120, 0..30);
    (prop::collection::btree_set(1i8..=7, 0..7), holidays).prop_map(|(closed, off)| WorkDays {
        closed,
        holidays: off.into_iter().map(|n| date(2026, 1, 1) + n.days()).collect(),
    })
}

fn tariffs() -> impl Strategy<Value = Tariff> {
    let steps = prop::collection::btree_map(1u32..40, (0u64..100_000, 0u64..10_000), 1..6);
    (0u64..50_000, any::<bool>(), steps).prop_map(|(minimum, working_days, steps)| Tariff {
        currency: "EUR".into(),
        minimum,
        working_days,
        steps: steps
            .into_iter()
            .map(|(from_day, (per_kg_thousandths, per_day))| TariffStep {
                from_day,
                per_kg_thousandths,
                per_day,
            })
            .collect(),
    })
}

proptest! {
    /// The slow way: write every day of half a year down, strike out what does not count, and point at the n-th.
    #[test]
    fn the_last_free_day_is_the_one_found_with_a_finger_on_the_calendar(
        open in calendars(), day in 0i64..100, hour in 0i8..24, free in 0u16..30,
        midnight_after: bool, working_days: bool, cutoff in prop::option::of(0u8..24),
    ) {
        let rule = FreeRule { midnight_after, working_days, cutoff_hour: cutoff, ..rule(free) };
        let news = (date(2026, 1, 1) + day.days()).at(hour, 30, 0, 0);
        let mut pages: Vec<Date> = (0..400).map(|n: i64| date(2026, 1, 1) + n.days()).collect();
        let from = news.date() + i64::from(midnight_after).days() + i64::from(cutoff.is_some_and(|c| hour >= c as i8)).days();
        pages.retain(|d| *d >= from);
        if working_days {
            pages.retain(|d| !open.closed.contains(&d.weekday().to_monday_one_offset()));
            pages.retain(|d| !open.holidays.contains(d));
        }
        let expected = if free == 0 { from - 1.days() } else { pages[usize::from(free) - 1] };
        prop_assert_eq!(last_free_day(news, &rule, &open), expected);
    }

    #[test]
    fn storage_is_what_adding_up_each_day_gives(
        open in calendars(), tariff in tariffs(), days in 0i64..60, grams in 0u64..5_000_000,
    ) {
        let lfd = date(2026, 1, 20);
        let charged: Vec<Date> = (1..=days).map(|n| lfd + n.days())
            .filter(|d| !tariff.working_days || open.works(*d)).collect();
        let kilos = if grams == 0 { 1 } else { grams / 1000 + u64::from(grams % 1000 > 0) };
        let mut sum = 0u64;
        for n in 1..=charged.len() as u32 {
            let mut rate = 0;
            for step in &tariff.steps {
                if step.from_day <= n {
                    rate = kilos * step.per_kg_thousandths + step.per_day * 1000;
                }
            }
            sum += rate;
        }
        let rounded = sum / 1000 + u64::from(sum % 1000 >= 500);
        let expected = if charged.is_empty() { 0 } else { rounded.max(tariff.minimum) };
        let cost = storage(&tariff, &open, lfd, lfd + days.days(), grams);
        prop_assert_eq!((cost.days as usize, cost.minor), (charged.len(), expected as i64));
    }

    #[test]
    fn a_day_ends_a_second_before_the_next_begins(day in 0i64..20_000, zone in prop::sample::select(vec!["UTC", "America/Sao_Paulo", "Europe/Berlin", "Pacific/Apia", "Africa/Cairo", "Australia/Lord_Howe"])) {
        let zone = TimeZone::get(zone).unwrap();
        let day = date(1980, 1, 1) + day.days();
        let end = end_of(day, &zone);
        let first = Timestamp::from_millis(end.millis() + 1_000);
        prop_assert!(end.day(&zone) <= day && first.day(&zone) > day, "{end} {first}");
    }
}
