//! Demo data: invented parcels with plausible histories, for a first look, a rehearsal or a load test. The same
//! seed and moment give the same parcels, and parcel `i` is the same however many are asked for.

pub mod fleet;
mod freight;
mod history;
mod random;
pub mod seed;
pub mod trade;
mod words;

use std::io;
use std::time::Duration;

use jiff::tz::TimeZone;

use self::history::{Fate, HOUR_S};
use self::random::Random;
use self::words::{CARRIERS, CATEGORIES, CITIES, CODES, City, DISTRIBUTORS, REMARKS, SERVICES};
use crate::base::clock::Timestamp;
use crate::base::money::Money;
use crate::base::units::{Grams, Position};
use crate::cases::reasons::Reason;
use crate::parcels::model::{Contact, Facts, Place, Status};
use crate::parcels::numbers;

/// Parcels of one seed at the most: as many as there are eight-digit serial numbers.
pub const MAX_PARCELS: u32 = 100_000_000;

/// The columns of a parcels file, as the import expects them.
#[rustfmt::skip] // in rows, to be compared with a file's first line
pub const CSV_HEADER: [&str; 26] = [
    "tracking_number", "order_id", "distributor", "status", "status_at", "purchased_at", "approved_at", "carrier_at",
    "delivered_at", "promised_at", "ship_by", "to_zip", "to_city", "to_state", "to_lat", "to_lon", "from_zip",
    "from_city", "from_state", "items", "category", "weight_g", "volume_cm3", "value_brl", "freight_brl", "note",
];

/// Money of the demo is in this currency, the one that [`CSV_HEADER`] names.
pub const CURRENCY: &str = "BRL";

/// The letters of the demo's numbers: none of the services that posts use at present begins with X.
const SERVICE: &str = "XD";

/// An invented parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoParcel {
    /// UPU S10 form with a right check digit, unique within its seed.
    pub number: String,
    /// What is known of it.
    pub facts: Facts,
    /// Its history, oldest first; never empty, never later than the moment it was made for.
    pub events: Vec<DemoEvent>,
}

/// One report of an invented carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoEvent {
    /// What it means, [`Status::Unknown`] when nobody knows.
    pub status: Status,
    /// The carrier's own word; [`codes`] says what it means.
    pub raw: String,
    /// When, to the second.
    pub at: Timestamp,
    /// Where.
    pub location: String,
    /// What the driver wrote.
    pub note: Option<String>,
}

/// The vocabularies of the invented carriers: carrier, word, meaning, reason. Some words that parcels carry are
/// not in it, on purpose.
pub fn codes() -> impl Iterator<Item = (&'static str, &'static str, Status, Option<Reason>)> {
    CODES.iter().flat_map(|(status, reason, raw)| {
        CARRIERS.iter().zip(raw).map(|(carrier, raw)| (*carrier, *raw, *status, *reason))
    })
}

/// The first `n` parcels of `seed` (at most [`MAX_PARCELS`]), as they stand at `now`: most of them flow, 3 % have
/// not been heard of for nine days or more, the rest is late, held, damaged, refused, contradictory or unexplained.
pub fn parcels(seed: u64, n: u32, now: Timestamp) -> impl Iterator<Item = DemoParcel> {
    (0..n.min(MAX_PARCELS)).map(move |i| parcel(seed, i, now))
}

/// Writes `parcels` as a parcels file with [`CSV_HEADER`]: status in our words, times in UTC.
///
/// # Errors
/// What `out` reports.
pub fn to_csv(parcels: impl IntoIterator<Item = DemoParcel>, out: impl io::Write) -> Result<(), csv::Error> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(CSV_HEADER)?;
    for parcel in parcels {
        csv.write_record(row(parcel))?;
    }
    csv.flush()?;
    Ok(())
}

fn parcel(seed: u64, i: u32, now: Timestamp) -> DemoParcel {
    let mut random = Random::new(seed, i);
    let fate = Fate::draw(&mut random);
    let sender = random.digit(6);
    let (distributor, home) = DISTRIBUTORS[usize::from(sender)];
    let from = &CITIES[home];
    let neighbours: Vec<&City> = CITIES.iter().filter(|c| c.country == from.country).collect();
    let to: &City = if random.chance(70) { random.pick(&neighbours) } else { random.pick_ref(&CITIES) };
    let carrier = usize::try_from(random.below(4)).unwrap_or(0);

    let (first, events) = history::tell(fate, carrier, from, to, now, &mut random);
    let last = events.last().map_or(first, |e| e.at);
    let promised_at = match fate {
        Fate::LateOnTheWay | Fate::LateDelivered => {
            last.before(Duration::from_secs(random.between(20, 50) * HOUR_S))
        }
        _ => first.after(Duration::from_secs(random.between(120, 190) * HOUR_S)),
    };
    let mut facts = facts(&mut random, to);
    // a sender has one door
    facts.from = place(&mut Random::new(seed, u32::MAX - 1 - u32::from(sender)), from);
    facts.order_ref = Some(format!("DEMO-{seed:x}-{i}"));
    facts.distributor = Some(distributor.to_owned());
    facts.carrier = Some(CARRIERS[carrier].to_owned());
    facts.promised_at = Some(promised_at);
    facts.ship_by = Some(first.after(Duration::from_secs(48 * HOUR_S)));
    // A step that shares no factor with 10^8 visits every serial once.
    let serial = (u64::from(i) * 61_803_399 + Random::new(seed, u32::MAX).below(100_000_000)) % 100_000_000;
    let number = numbers::s10(SERVICE, u32::try_from(serial).unwrap_or(0), from.country);
    DemoParcel { number, facts, events }
}

fn facts(random: &mut Random, to: &City) -> Facts {
    let (streets, given, family) = words::manner(to.country);
    let (given, family) = (random.pick(&given), random.pick(&family));
    let line = random.pick(&streets).replace('%', &random.between(1, 240).to_string());
    // the square of an even draw: many small ones, few large
    let weight = 60 + random.below(160) * random.below(160);
    let value = 900 + i64::try_from(random.below(300) * random.below(300)).unwrap_or(0);
    let money = |minor| Some(Money { minor, currency: CURRENCY.to_owned() });
    let mailbox = format!("demo{}@example.com", random.below(1_000_000)); // a domain nobody can own
    Facts {
        service: Some(random.pick(&SERVICES).to_owned()),
        recipient: Contact { name: Some(format!("{given} {family}")), phone: None, email: Some(mailbox) },
        to: Place { line: Some(line), ..place(random, to) },
        items: u32::try_from(random.between(1, 4)).ok(),
        category: Some(random.pick(&CATEGORIES).to_owned()),
        weight: Some(Grams(weight)),
        volume_cm3: Some(weight * random.between(2, 9)),
        value: money(value),
        freight: money(700 + i64::try_from(weight / 20).unwrap_or(0)),
        remark: random.chance(8).then(|| random.pick(&REMARKS).to_owned()),
        ..Facts::default()
    }
}

/// A spot within some eight kilometres of the middle of town.
fn place(random: &mut Random, city: &City) -> Place {
    let zip = city.zip.chars().map(|c| match c {
        '#' => char::from(b'0' + random.digit(10)),
        '@' => char::from(b'A' + random.digit(26)),
        other => other,
    });
    let zip = Some(zip.collect());
    let (north, east) = (random.spread(0.05), random.spread(0.05));
    Place {
        line: None,
        zip,
        city: Some(city.name.to_owned()),
        state: Some(city.state.to_owned()),
        country: Some(city.country.to_owned()),
        position: Position::from_degrees(city.at.0 + north, city.at.1 + east).ok(),
    }
}

/// The cells of a parcel, in the order of [`CSV_HEADER`].
fn row(parcel: DemoParcel) -> [String; 26] {
    let DemoParcel { number, facts, events } = parcel;
    let at = |status: Status| events.iter().find(|e| e.status == status).map(|e| e.at);
    let time = |at: Option<Timestamp>| {
        at.map(|at| at.civil(&TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
    };
    let degrees =
        |micro: Option<i32>| micro.map(|m| format!("{:.6}", f64::from(m) / 1e6)).unwrap_or_default();
    let amount =
        |m: Option<Money>| m.map(|m| format!("{}.{:02}", m.minor / 100, m.minor % 100)).unwrap_or_default();
    let number_of = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    let last = events.last();
    [
        number,
        facts.order_ref.unwrap_or_default(),
        facts.distributor.unwrap_or_default(),
        last.map(|e| e.status.to_string()).unwrap_or_default(),
        time(last.map(|e| e.at)),
        time(at(Status::Announced)),
        time(at(Status::Announced)),
        time(at(Status::Accepted)),
        time(at(Status::Delivered)),
        time(facts.promised_at),
        time(facts.ship_by),
        facts.to.zip.unwrap_or_default(),
        facts.to.city.unwrap_or_default(),
        facts.to.state.unwrap_or_default(),
        degrees(facts.to.position.map(|p| p.lat)),
        degrees(facts.to.position.map(|p| p.lon)),
        facts.from.zip.unwrap_or_default(),
        facts.from.city.unwrap_or_default(),
        facts.from.state.unwrap_or_default(),
        number_of(facts.items.map(u64::from)),
        facts.category.unwrap_or_default(),
        number_of(facts.weight.map(|w| w.0)),
        number_of(facts.volume_cm3),
        amount(facts.value),
        amount(facts.freight),
        facts.remark.unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const N: u32 = 5_000;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000)
    }

    #[test]
    fn the_same_seed_and_moment_give_the_same_parcels() {
        let some: Vec<_> = parcels(7, 300, now()).collect();
        assert_eq!(some, parcels(7, 300, now()).collect::<Vec<_>>());
        assert_eq!(some[..20], parcels(7, 20, now()).collect::<Vec<_>>());
        assert_ne!(some, parcels(8, 300, now()).collect::<Vec<_>>());
        assert_eq!(parcels(7, MAX_PARCELS + 1, now()).size_hint().0, MAX_PARCELS as usize);
    }

    #[test]
    fn every_parcel_has_its_own_valid_number_and_a_history_in_order() {
        let mut seen = BTreeSet::new();
        for parcel in parcels(1, N, now()) {
            assert!(numbers::is_s10(&parcel.number), "{}", parcel.number);
            assert!(!parcel.events.is_empty() && parcel.events.is_sorted_by_key(|e| e.at));
            assert!(
                parcel
                    .events
                    .iter()
                    .all(|e| e.at <= now() && e.at.millis() % 1_000 == 0 && !e.raw.is_empty())
            );
            assert!(parcel.facts.to.position.is_some() && parcel.facts.from.zip.is_some());
            assert!(
                parcel.facts.promised_at.unwrap() > parcel.events[0].at,
                "promised before it was announced"
            );
            assert!(seen.insert(parcel.number));
        }
    }

    #[test]
    fn most_parcels_flow_and_each_kind_of_trouble_occurs() {
        let mut last: BTreeMap<Status, u32> = BTreeMap::new();
        let (mut stale, mut late, mut conflicts) = (0, 0, 0);
        for parcel in parcels(1, N, now()) {
            let end = parcel.events.last().unwrap();
            *last.entry(end.status).or_default() += 1;
            let is_final =
                matches!(end.status, Status::Delivered | Status::Returned | Status::Lost | Status::Cancelled);
            let days = now().since(end.at).as_secs() / 86_400;
            assert!(days < 21);
            stale += u32::from(!is_final && days >= 9);
            let promised = parcel.facts.promised_at.unwrap();
            late += u32::from(days < 9 && if is_final { end.at > promised } else { now() > promised });
            let found = |s| parcel.events.iter().position(|e| e.status == s);
            conflicts += u32::from(
                found(Status::Delivered).is_some_and(|d| found(Status::Accepted).is_some_and(|a| d < a)),
            );
        }
        let share = |n: u32| f64::from(n) / f64::from(N);
        assert!((0.02..0.04).contains(&share(stale)), "{stale} stale");
        assert!((0.02..0.08).contains(&share(late)), "{late} late");
        assert!((0.005..0.015).contains(&share(conflicts)), "{conflicts} contradict themselves");
        assert!((0.35..0.65).contains(&share(last[&Status::Delivered])), "{last:?}");
        for (status, least) in [
            (Status::Announced, 0.05),
            (Status::Accepted, 0.02),
            (Status::InTransit, 0.05),
            (Status::AtDepot, 0.03),
            (Status::OutForDelivery, 0.02),
            (Status::Customs, 0.01),
            (Status::OnHold, 0.02),
            (Status::Attempted, 0.02),
            (Status::ReadyForPickup, 0.005),
            (Status::Unknown, 0.005),
            (Status::Lost, 0.001),
        ] {
            assert!(share(last[&status]) >= least, "{status}: {last:?}");
        }
    }

    #[test]
    fn a_word_is_in_the_vocabulary_exactly_when_its_meaning_is_known() {
        let known: BTreeMap<_, _> =
            codes().map(|(carrier, raw, status, _)| ((carrier, raw), status)).collect();
        assert_eq!(known.len(), CODES.len() * CARRIERS.len(), "no carrier uses a word twice");
        for parcel in parcels(3, 2_000, now()) {
            let carrier = parcel.facts.carrier.unwrap();
            for event in &parcel.events {
                let status = known.get(&(carrier.as_str(), event.raw.as_str())).copied();
                assert_eq!(status.unwrap_or(Status::Unknown), event.status, "{carrier} {}", event.raw);
            }
        }
    }

    #[test]
    fn a_file_of_demo_parcels_reads_back_as_it_was() {
        let mut file = Vec::new();
        to_csv(parcels(5, 500, now()), &mut file).unwrap();
        let mut reader = csv::Reader::from_reader(file.as_slice());
        assert_eq!(reader.headers().unwrap(), CSV_HEADER.as_slice());
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 500);
        for (row, parcel) in rows.iter().zip(parcels(5, 500, now())) {
            let end = parcel.events.last().unwrap();
            assert_eq!(row[0], parcel.number);
            assert_eq!(row[3], end.status.to_string());
            assert_eq!(Timestamp::parse(&row[4], &TimeZone::UTC).unwrap(), end.at);
            assert_eq!(row[25], parcel.facts.remark.unwrap_or_default());
            let minor = crate::base::money::parse_minor(&row[23], CURRENCY).unwrap();
            assert_eq!(Some(minor), parcel.facts.value.map(|m| m.minor));
        }
    }
}
