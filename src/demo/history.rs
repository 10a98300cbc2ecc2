//! The lives of demo parcels: what becomes of each, told step by step as its carrier would report it.

use std::time::Duration;

use super::DemoEvent;
use super::random::Random;
use super::words::{CODES, City, UNEXPLAINED};
use crate::base::clock::Timestamp;
use crate::cases::reasons::Reason;
use crate::parcels::model::Status;

/// Seconds of an hour.
pub const HOUR_S: u64 = 3_600;

/// What becomes of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Flows,
    Stale,
    LateOnTheWay,
    LateDelivered,
    Held,
    Damaged,
    Refused,
    Attempted,
    WaitsAtCounter,
    Lost,
    Returned,
    Cancelled,
    Contradictory,
    Unexplained,
}

/// Shares in a thousand; the rest flows.
const FATES: [(u64, Fate); 13] = [
    (30, Fate::Stale),
    (25, Fate::LateOnTheWay),
    (15, Fate::LateDelivered),
    (20, Fate::Held),
    (10, Fate::Damaged),
    (12, Fate::Refused),
    (30, Fate::Attempted),
    (15, Fate::WaitsAtCounter),
    (4, Fate::Lost),
    (7, Fate::Returned),
    (5, Fate::Cancelled),
    (10, Fate::Contradictory),
    (12, Fate::Unexplained),
];

impl Fate {
    /// One of them, as often as [`FATES`] says.
    pub fn draw(random: &mut Random) -> Self {
        let mut left = random.below(1_000);
        for (share, fate) in FATES {
            if left < share {
                return fate;
            }
            left -= share;
        }
        Self::Flows
    }
}

/// A history that ends as `fate` wants, nothing of it after `now`, and the moment it began.
pub fn tell(
    fate: Fate,
    carrier: usize,
    from: &City,
    to: &City,
    now: Timestamp,
    random: &mut Random,
) -> (Timestamp, Vec<DemoEvent>) {
    let mut history = History { random, carrier, from, to, at_s: 0, events: Vec::new() };
    history.live(fate);
    let mut events = history.events;
    let first = begin(fate, &events, now, random);
    for event in &mut events {
        event.at = first.after(event.at.since(Timestamp::ZERO));
    }
    events.sort_by_key(|e| e.at); // a contradiction goes where its time says
    events.retain(|e| e.at <= now);
    (first, events)
}

/// When a history that was told from moment zero on began, so that it ends as its fate wants.
fn begin(fate: Fate, events: &[DemoEvent], now: Timestamp, random: &mut Random) -> Timestamp {
    let length = events.iter().map(|e| e.at).max().unwrap_or(Timestamp::ZERO).since(Timestamp::ZERO);
    let ago = match fate {
        // Somewhere on its way; what lies ahead is cut off.
        Fate::Flows => Duration::from_secs(random.below(96 * HOUR_S)),
        // More than any status may last, weekends left out.
        Fate::Stale => length + Duration::from_secs(random.between(9 * 24, 20 * 24) * HOUR_S),
        Fate::Lost | Fate::Returned | Fate::Cancelled | Fate::LateDelivered | Fate::Contradictory => {
            length + Duration::from_secs(random.below(72 * HOUR_S))
        }
        Fate::WaitsAtCounter => length + Duration::from_secs(random.below(40 * HOUR_S)),
        Fate::LateOnTheWay
        | Fate::Held
        | Fate::Damaged
        | Fate::Refused
        | Fate::Attempted
        | Fate::Unexplained => length + Duration::from_secs(random.below(9 * HOUR_S)),
    };
    let first = now.before(ago);
    Timestamp::from_millis(first.millis().div_euclid(1_000) * 1_000)
}

/// A history being told, from moment zero on.
struct History<'a> {
    random: &'a mut Random,
    carrier: usize,
    from: &'a City,
    to: &'a City,
    at_s: u64,
    events: Vec<DemoEvent>,
}

impl History<'_> {
    fn live(&mut self, fate: Fate) {
        let road = self.road();
        match fate {
            Fate::Flows => {
                self.walk(&road);
                self.last_mile();
            }
            Fate::Stale => {
                let far = 1 + usize::try_from(self.random.below(road.len() as u64)).unwrap_or(0);
                self.walk(&road[..far]);
            }
            Fate::Unexplained => {
                self.walk(&road);
                let raw = UNEXPLAINED[self.carrier];
                self.report(Status::Unknown, raw, (1, 9), None);
            }
            Fate::LateOnTheWay => self.dawdle(&road),
            Fate::LateDelivered => {
                self.dawdle(&road);
                self.last_mile();
            }
            Fate::Held => {
                self.walk(&road);
                let reason =
                    self.random.pick(&[Reason::AddressIncomplete, Reason::CustomsDocuments, Reason::Weather]);
                self.trouble(Status::OnHold, reason, None);
            }
            Fate::Damaged => {
                self.walk(&road);
                self.trouble(Status::OnHold, Reason::Damaged, Some("one corner wet, contents rattle"));
            }
            Fate::Refused => {
                self.refused(&road);
                if self.random.chance(50) {
                    self.walk(&[Status::Returning]);
                }
            }
            Fate::Returned => {
                self.refused(&road);
                self.walk(&[Status::Returning, Status::Returned]);
            }
            Fate::Attempted => {
                self.walk(&road);
                for _ in 0..=self.random.below(2) {
                    self.walk(&[Status::OutForDelivery]);
                    self.trouble(
                        Status::Attempted,
                        Reason::RecipientAbsent,
                        Some("nobody opened, card left"),
                    );
                }
            }
            Fate::WaitsAtCounter => {
                self.walk(&road);
                self.walk(&[Status::ReadyForPickup]);
            }
            Fate::Lost => {
                self.walk(&road);
                self.trouble(Status::Lost, Reason::Lost, None);
            }
            Fate::Cancelled => {
                self.walk(&[Status::Announced]);
                self.trouble(Status::Cancelled, Reason::ShipperCancelled, None);
            }
            Fate::Contradictory => {
                self.walk(&road);
                self.last_mile();
                // delivered an hour before anybody had it
                let accepted = self.events.get(1).map_or(Timestamp::ZERO, |e| e.at);
                if let Some(delivered) = self.events.last_mut() {
                    delivered.at = accepted.before(Duration::from_secs(HOUR_S));
                }
            }
        }
    }

    /// From the announcement to the last depot.
    fn road(&self) -> Vec<Status> {
        let mut road = vec![Status::Announced, Status::Accepted, Status::InTransit];
        if self.from.country != self.to.country {
            road.push(Status::Customs);
        }
        road.push(Status::AtDepot);
        road
    }

    /// The road with days lost before the last depot: more than the promise is broken by.
    fn dawdle(&mut self, road: &[Status]) {
        let (depot, before) =
            road.split_last().map_or((Status::AtDepot, road), |(last, before)| (*last, before));
        self.walk(before);
        self.at_s += self.random.between(60, 120) * HOUR_S;
        self.walk(&[depot]);
    }

    fn last_mile(&mut self) {
        self.walk(&[Status::OutForDelivery, Status::Delivered]);
    }

    fn refused(&mut self, road: &[Status]) {
        self.walk(road);
        self.walk(&[Status::OutForDelivery]);
        self.trouble(Status::Attempted, Reason::Refused, Some("did not order it"));
    }

    fn walk(&mut self, steps: &[Status]) {
        for &status in steps {
            self.report(status, self.word(status, None), hours_before(status), None);
        }
    }

    fn trouble(&mut self, status: Status, reason: Reason, note: Option<&str>) {
        self.report(status, self.word(status, Some(reason)), (2, 8), note);
    }

    /// The carrier's word for it.
    fn word(&self, status: Status, reason: Option<Reason>) -> &'static str {
        CODES.iter().find(|c| c.0 == status && c.1 == reason).map_or("", |c| c.2[self.carrier])
    }

    fn report(&mut self, status: Status, raw: &str, (least, most): (u64, u64), note: Option<&str>) {
        if !self.events.is_empty() {
            self.at_s += self.random.between(least * HOUR_S, most * HOUR_S);
        }
        let (from, to) = (self.from, self.to);
        let location = match status {
            Status::Announced | Status::Cancelled => String::new(),
            Status::Accepted | Status::Returned => format!("{} hub, {}", from.name, from.country),
            Status::InTransit => format!("{} - {}", from.name, to.name),
            Status::Customs => format!("Customs {}", to.country),
            Status::ReadyForPickup => format!("{} counter", to.name),
            Status::OutForDelivery | Status::Attempted | Status::Delivered => {
                format!("{}, {}", to.name, to.country)
            }
            Status::AtDepot
            | Status::OnHold
            | Status::Returning
            | Status::Lost
            | Status::Disposed
            | Status::Unknown => {
                format!("{} depot, {}", to.name, to.country)
            }
        };
        let at = Timestamp::ZERO.after(Duration::from_secs(self.at_s));
        self.events.push(DemoEvent {
            status,
            raw: raw.to_owned(),
            at,
            location,
            note: note.map(str::to_owned),
        });
    }
}

/// Hours from the report before to this one: less than the status before may last, so that what flows is not stale.
fn hours_before(status: Status) -> (u64, u64) {
    match status {
        Status::Accepted => (2, 20),
        Status::InTransit => (1, 9),
        Status::Customs => (6, 20),
        Status::AtDepot => (6, 22),
        Status::OutForDelivery | Status::ReadyForPickup => (1, 10),
        Status::Returned => (24, 60),
        Status::Unknown
        | Status::Announced
        | Status::Attempted
        | Status::OnHold
        | Status::Returning
        | Status::Lost
        | Status::Delivered
        | Status::Disposed
        | Status::Cancelled => (1, 8),
    }
}
