use super::*;
use jiff::civil::{date, datetime};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

/// Messages of the forms carriers send, written for this test.
const SEEN: &str = "FSU/12
239-12345675FRAMRU/T1K14.1
RCF/MK059/20NOV1300/MRU/T1K14.1//A1117-P

QD ABC05XH
.HDQFMXX 200739
FSU/14
157-53806270HKGNLU/P2K505.0T10
FIW/QR8403/20JUN1039/DOH/P2K505.0/S0720/A1008
OCI/HK/ISS/RA/28490
/HK//SS/SPX
ULD/PMC72534QR/PMC77313QR
FSU/14
020-12345675FRAJFK/T1K100
RCS/16OCT1317/FRA/LCAG
BKD/DNT212/16DEC/LAXNEW/T25K47500/S1000
";

#[test]
fn messages_are_read_whole_whatever_stands_around_them() {
    let Parsed { messages, unknown } = parse(SEEN);
    assert_eq!(unknown, []);
    let [first, second, third] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((first.version, first.awb.to_string().as_str()), (Some(12), "239-12345675"));
    assert_eq!(first.route, Some(("FRA".into(), "MRU".into())));
    let rcf = &first.events[0];
    assert_eq!(
        (rcf.code, rcf.flight.as_deref(), rcf.station.as_deref()),
        (Code::Rcf, Some("MK059"), Some("MRU"))
    );
    assert_eq!(rcf.times, [('A', Time::constant(11, 17, 0, 0), -1)]);
    assert_eq!(rcf.quantity.unwrap().weight_g, Some(14_100));
    assert_eq!(second.routing, ["QD ABC05XH", ".HDQFMXX 200739"]);
    let part = second.quantity.unwrap();
    assert_eq!((part.share, part.pieces, part.total, part.whole()), (Share::Part, 2, Some(10), Some(10)));
    assert_eq!(second.events[0].times.len(), 2);
    assert_eq!((second.ulds.len(), second.notes.len()), (2, 2));
    assert_eq!(third.events[0].name.as_deref(), Some("LCAG"));
    let bkd = &third.events[1];
    assert_eq!((bkd.flight.as_deref(), bkd.to.as_deref()), (Some("DNT212"), Some("NEW")));
    assert_eq!((bkd.quantity.unwrap().weight_g, bkd.times.len()), (Some(47_500_000), 1));
    assert_eq!(bkd.at.unwrap().time, None);
}

#[test]
fn what_is_not_understood_is_kept_with_its_line_and_the_rest_is_read() {
    let text = "hello\nFSU/14\n020-12345676FRAJFK/T1\nFSU/14\n020-12345675FRAJFK/Q1\nRCF/16OCT1317/JFK/T1\nXYZ/1\nDIS/LH400/16OCT1317/JFK/MSCA/P1K10\nDIS/LH400/16OCT1317/JFK\nRCF/LH400/99OCT1317/JFK/T1\nFSU/9";
    let Parsed { messages, unknown } = parse(text);
    let lines: Vec<usize> = unknown.iter().map(|u| u.line).collect();
    assert_eq!(lines, [1, 2, 3, 5, 7, 9, 10, 11], "{unknown:#?}");
    assert!(unknown[2].why.contains("should be 5"), "{:?}", unknown[2]);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].events.len(), 2, "a flight may be left out");
    assert_eq!(messages[0].events[1].reason, Some(Discrepancy::Msca));
}

#[test]
fn a_day_without_a_year_is_the_nearest_one() {
    let day = |text: &str| DayTime::parse(text).unwrap();
    let near = |text: &str, now: DateTime| day(text).near(now).unwrap();
    assert_eq!(near("31DEC2350", datetime(2026, 1, 1, 0, 10, 0, 0)), datetime(2025, 12, 31, 23, 50, 0, 0));
    assert_eq!(near("01JAN0010", datetime(2025, 12, 31, 23, 50, 0, 0)), datetime(2026, 1, 1, 0, 10, 0, 0));
    assert_eq!(near("19NOV", datetime(2026, 11, 21, 0, 0, 0, 0)).date(), date(2026, 11, 19));
    assert_eq!(near("29FEB", datetime(2025, 3, 1, 0, 0, 0, 0)).date(), date(2024, 2, 29));
    for bad in ["", "30FEB", "32JAN", "1NOV", "19NOVE", "19NOV2460", "19NOV143", "é9NOV"] {
        assert_eq!(DayTime::parse(bad), None, "{bad}");
    }
}

#[test]
fn counts_are_read_exactly() {
    let q = |text: &str| Quantity::parse(text);
    assert_eq!(q("T10L100").unwrap().weight_g, Some(45_359));
    assert_eq!(q("T10K0.5MC1.2").unwrap().weight_g, Some(500));
    assert_eq!(q("S4K10").unwrap().share, Share::Split);
    for bad in ["", "T", "K10", "T10K", "T10K1.2345", "T10X", "T99999999999", "P2K5T", "TA"] {
        assert_eq!(q(bad), None, "{bad}");
    }
}

#[test]
fn every_message_seen_in_public_code_is_read() {
    let folder = std::env::var_os("CROSSDOCK_SHARED").map(std::path::PathBuf::from);
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let Ok(text) = std::fs::read_to_string(folder.unwrap_or(beside).join("data/air/fsu-samples.txt")) else {
        println!("the real messages are not at hand");
        return;
    };
    let Parsed { messages, unknown } = parse(&text);
    assert_eq!(unknown, []);
    assert_eq!(messages.len(), text.matches("FSU/").count() + text.matches("FSA/").count());
    assert!(messages.iter().all(|m| m.awb.holds() && !m.events.is_empty()));
}

proptest! {
    #[test]
    fn no_text_is_too_odd_and_no_line_is_lost(text in "([A-Z0-9/ .\n-]|FSU/14\n|020-12345675FRALHR/|T1K1|RCF/|DIS/|é){0,200}", other in any::<String>()) {
        let _ = parse(&other);
        let parsed = parse(&text);
        let inside = |n: usize| parsed.messages.iter().any(|m| m.line <= n);
        for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
            let kept = parsed.unknown.iter().any(|u| u.line == n + 1);
            prop_assert!(kept || inside(n + 1) || parsed.messages.iter().any(|m| m.routing.iter().any(|r| r == line.trim())), "line {} is lost", n + 1);
        }
    }

    #[test]
    fn a_written_count_is_the_count_that_is_read(pieces in 0u32..100_000, grams in 0u64..100_000_000, total in 0u32..100_000) {
        let text = format!("P{pieces}K{}.{:03}T{total}", grams / 1000, grams % 1000);
        let q = Quantity::parse(&text).unwrap();
        prop_assert_eq!((q.pieces, q.weight_g, q.total), (pieces, Some(grams), Some(total)));
    }
}
