//! The clocks of a waybill: its last free day, when its units are due back, and the moments its reminders hang on. Pure:
//! what follows from a waybill and its terminal's rules.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::codes::Code;
use super::counts;
use super::free::{self, CountsFrom, FreeRule, WorkDays, end_of, last_free_day};
use super::model::Mawb;
use super::terminals::Terminal;
use crate::base::clock::Timestamp;

/// A moment in the life of a waybill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Expected arrival of the flight.
    Eta,
    /// Arrival of the flight.
    Arrived,
    /// Receipt from the flight.
    Received,
    /// Delivery of the last piece.
    Delivered,
    /// Begin of a customs hold.
    HoldStart,
    /// End of the last free day.
    LfdEnd,
    /// End of the last free day of a unit that is out.
    DetentionEnd,
}

/// A local day in the life of a waybill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// The last free day.
    Lfd,
    /// The last free day of a unit that is out.
    Detention,
}

/// Where a waybill's clocks stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The terminal's zone.
    pub zone: TimeZone,
    /// Its working days.
    pub work: WorkDays,
    /// Expected arrival.
    pub eta: Option<Timestamp>,
    /// Arrival.
    pub arrived: Option<Timestamp>,
    /// Receipt.
    pub received: Option<Timestamp>,
    /// Delivery of the last piece.
    pub delivered: Option<Timestamp>,
    /// Begin of a hold.
    pub hold: Option<Timestamp>,
    /// What free time counts from.
    pub free_from: Option<Timestamp>,
    /// The last free day.
    pub lfd: Option<Date>,
    /// The last free day of the unit that is due back first.
    pub detention: Option<Date>,
}

impl Clocks {
    /// When `moment` is.
    #[must_use]
    pub fn at(&self, moment: Moment) -> Option<Timestamp> {
        match moment {
            Moment::Eta => self.eta,
            Moment::Arrived => self.arrived,
            Moment::Received => self.received,
            Moment::Delivered => self.delivered,
            Moment::HoldStart => self.hold,
            Moment::LfdEnd => self.lfd.map(|d| end_of(d, &self.zone)),
            Moment::DetentionEnd => self.detention.map(|d| end_of(d, &self.zone)),
        }
    }

    /// Which day `day` is.
    #[must_use]
    pub fn day(&self, day: Day) -> Option<Date> {
        match day {
            Day::Lfd => self.lfd,
            Day::Detention => self.detention,
        }
    }
}

fn free_day(at: Timestamp, rule: &FreeRule, t: &Terminal, zone: &TimeZone) -> Date {
    last_free_day(at.civil(zone), rule, &t.work)
}

/// The clocks of `m` at the terminal `t`. A shipment that comes in parts counts from the last one that came, so that the
/// last free day moves while parts are missing.
#[must_use]
pub fn of(m: &Mawb, t: &Terminal) -> Clocks {
    let zone = t.time_zone();
    let received = counts::last(m, Code::Rcf);
    let notified = counts::first(m, Code::Nfd);
    let arrived = counts::first(m, Code::Arr).or(received);
    let free_from = match t.free.counts_from {
        CountsFrom::Received => received,
        CountsFrom::Notified => notified,
        CountsFrom::Arrived => arrived,
        CountsFrom::Available => received.zip(notified).map(|(a, b)| a.max(b)),
    };
    let computed = free_from.map(|at| free_day(at, &t.free, t, &zone));
    let out = m.units.iter().filter(|u| u.returned_at.is_none()).filter_map(|u| u.out_at);
    let detention = out.map(|at| free_day(at, &t.detention, t, &zone)).min();
    let delivered = counts::is_delivered(m).then(|| {
        let (a, b) = (counts::last(m, Code::Dlv), counts::last(m, Code::Ddl));
        a.max(b)
    });
    Clocks {
        work: t.work.clone(),
        eta: m.facts.eta,
        arrived,
        received,
        delivered: delivered.flatten(),
        hold: m.hold.as_ref().map(|h| h.since),
        free_from,
        lfd: m.lfd.as_ref().map(|l| l.day).or(computed),
        detention,
        zone,
    }
}

/// Days from the terminal's today to the last free day; less than nothing once it is over.
#[must_use]
pub fn days_left(c: &Clocks, now: Timestamp) -> Option<i32> {
    let today = now.day(&c.zone);
    c.lfd.and_then(|d| d.since((jiff::Unit::Day, today)).ok()).map(|s| s.get_days())
}

/// Whether `m` is behind: its flight should have been here, or its last free day is over and the goods are still there.
#[must_use]
pub fn is_late(m: &Mawb, c: &Clocks, now: Timestamp) -> bool {
    let flight = c.arrived.is_none() && c.eta.is_some_and(|eta| eta < now);
    let storage = c.at(Moment::LfdEnd).is_some_and(|end| end < now);
    m.state.is_open() && (flight || storage)
}

/// What collecting `m` on the day `on` costs; none when no last free day or no tariff is known.
#[must_use]
pub fn storage(m: &Mawb, t: &Terminal, on: Date) -> Option<(free::Cost, String)> {
    let (lfd, tariff) = (of(m, t).lfd?, t.storage.as_ref()?);
    let grams = m.facts.weight.map_or(0, |w| w.0);
    Some((free::storage(tariff, &t.work, lfd, on, grams), tariff.currency.clone()))
}
