//! What changes when a map changes: for each stored report of a source what the map says of it now, so that the parcel
//! is as if the map had been there from the start. Pure: no store, no clock.

use std::collections::HashMap;

use super::event::{ParcelEvent, Remapped, Reported, When};
use super::fold::{fold_all, reread};
use super::maps::{Compiled, Meaning};
use super::model::{Milestones, Parcel, ParcelId, Status};
use super::rules;
use crate::base::clock::Timestamp;
use crate::journal::event::{Eid, Stamped};

/// Which reports are read anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those whose code nobody had mapped.
    Unmapped,
    /// All.
    All,
}

/// When a report took effect, as far as it says. One that names no time for its status counts as of the last moment it
/// names, so that an old copy of a file stays old. Only the end of a way that is still open is news of today: scans of
/// ours may lie between that moment and the end.
#[must_use]
pub fn took_effect(
    at: Option<Timestamp>,
    milestones: &Milestones,
    to: Option<Status>,
    known: Option<&Parcel>,
) -> Option<Timestamp> {
    let Milestones { purchased_at, approved_at, carrier_at, delivered_at } = *milestones;
    let last = [purchased_at, approved_at, carrier_at, delivered_at].into_iter().flatten().max();
    let ends = to.is_some_and(rules::is_final) && known.is_some_and(|p| rules::is_open(p.status));
    at.or(last.filter(|_| !ends || delivered_at.is_some()))
}

/// The readings of `events`, the later in order before the earlier.
fn readings(events: &[Stamped<ParcelEvent>]) -> HashMap<Eid, &Remapped> {
    let mut all: Vec<_> = events
        .iter()
        .filter_map(|e| match &e.event {
            ParcelEvent::Remapped(r) => Some((e.key, r)),
            _ => None,
        })
        .collect();
    all.sort_unstable_by_key(|(key, _)| *key);
    all.into_iter().map(|(_, r)| (r.eid, r)).collect()
}

fn as_written(eid: Eid, report: &Reported) -> Remapped {
    Remapped { eid, to: report.to, info: report.info, reason: report.reason.clone(), when: None }
}

/// The readings that make the reports of `source` among a parcel's `events` say what `map` says of them. None are
/// needed where they say it already, so what this gives is recorded once and then there is nothing more to do.
#[must_use]
pub fn plan(
    id: ParcelId,
    events: &[Stamped<ParcelEvent>],
    source: &str,
    map: &Compiled,
    which: Which,
) -> Vec<Remapped> {
    let present = readings(events);
    let mut arrived: Vec<&Stamped<ParcelEvent>> = events.iter().collect();
    arrived.sort_unstable_by_key(|e| (e.key.t, e.key.eid));
    // Whether the parcel was open when a report came decides on the report's time, and may itself follow from the map.
    let mut before: Vec<Stamped<ParcelEvent>> = Vec::with_capacity(arrived.len());
    let mut planned = Vec::new();
    for e in arrived {
        let ParcelEvent::Reported(report) = &e.event else {
            if !matches!(e.event, ParcelEvent::Remapped(_)) {
                before.push(e.clone());
            }
            continue;
        };
        let eid = e.key.eid;
        let now = present.get(&eid).map_or_else(|| as_written(eid, report), |r| (*r).clone());
        let unmapped = now.to.is_none() && !now.info;
        let raw = report.raw.as_deref().filter(|_| report.source == source);
        let wanted = match raw.filter(|_| which == Which::All || unmapped) {
            None => now.clone(),
            Some(raw) => {
                let meaning = map.find(raw, report.sub.as_deref(), report.note.as_deref());
                read(eid, report, meaning, || (!before.is_empty()).then(|| fold_all(id, &before)))
            }
        };
        before.push(reread(e, &wanted));
        if wanted != now {
            planned.push(wanted);
        }
    }
    planned
}

fn read(eid: Eid, report: &Reported, meaning: Meaning<'_>, known: impl Fn() -> Option<Parcel>) -> Remapped {
    let to = meaning.to();
    let when = report.by_moment.then(|| took_effect(None, &report.milestones, to, known().as_ref()));
    Remapped {
        eid,
        to,
        info: meaning.is_info(),
        reason: meaning.reason().map(Into::into),
        when: when.filter(|at| *at != report.at).map(|at| When { at }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;
    use crate::journal::event::FoldKey;
    use crate::parcels::event::{Corrected, Moved};
    use crate::parcels::maps::{Map, MapRow, Mapped};
    use crate::parcels::report::{Report, event_of};

    /// One thing that happens to the parcel, before anybody asks a map.
    #[derive(Clone, Debug)]
    enum Told {
        Report(Box<Report>),
        Scan(Status),
        Void(usize),
    }

    const SOURCE: &str = "plover";
    const CODES: [&str; 5] = ["A", "B", "C", "D", "lost"];
    const TEXTS: [&str; 3] = ["on its return leg", "all is well", "box open"];

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + i64::try_from(hours * 3_600_000).unwrap())
    }

    fn moment() -> impl Strategy<Value = Option<Timestamp>> {
        prop::option::of((0_u64..40).prop_map(at))
    }

    fn told() -> impl Strategy<Value = Told> {
        let moments = (moment(), moment(), moment());
        let report = (prop::sample::select(&CODES[..]), moment(), moments, prop::option::of(0_usize..3));
        let report = report.prop_map(|(code, at, (purchased_at, carrier_at, delivered_at), text)| {
            let milestones = Milestones { purchased_at, approved_at: None, carrier_at, delivered_at };
            let note = text.map(|n| TEXTS[n].to_owned());
            let raw = Some(code.to_owned());
            Told::Report(Box::new(Report { raw, at, milestones, note, ..Report::default() }))
        });
        prop_oneof![
            6 => report,
            2 => prop::sample::select(&Status::ALL[1..]).prop_map(Told::Scan),
            1 => any::<prop::sample::Index>().prop_map(|i| Told::Void(i.index(8))),
        ]
    }

    fn map() -> impl Strategy<Value = Compiled> {
        let status =
            prop_oneof![Just(Mapped::Info), prop::sample::select(&Status::ALL[..]).prop_map(Mapped::Status)];
        let row = (
            prop::sample::select(&CODES[..4]),
            status,
            prop::option::of(prop::sample::select(&["return", "open"][..])),
            prop::option::of(prop::sample::select(&["damaged", "refused", "weather"][..])),
        );
        prop::collection::vec(row, 0..7).prop_map(|rows| {
            let rows = rows.into_iter().map(|(code, status, text, reason)| MapRow {
                code: code.to_owned(),
                sub: None,
                text_contains: text.map(str::to_owned),
                meaning: String::new(),
                status,
                reason: reason.map(str::to_owned),
            });
            Compiled::new(Arc::new(Map { source: SOURCE.into(), rows: rows.collect() }))
        })
    }

    /// `told` as it is taken in one after the other, with `map` at hand; one hour apart, beginning at hour 20.
    fn taken(told: &[Told], map: &Compiled) -> Vec<Stamped<ParcelEvent>> {
        let id = ParcelId::default();
        let mut events: Vec<Stamped<ParcelEvent>> = Vec::new();
        for (n, what) in told.iter().enumerate() {
            let event = match what {
                Told::Report(r) => {
                    let meaning = r.raw.as_deref().map(|raw| map.find(raw, None, r.note.as_deref()));
                    let known = (!events.is_empty()).then(|| fold_all(id, &events));
                    event_of(SOURCE, meaning, known.as_ref(), r)
                }
                Told::Scan(to) => ParcelEvent::Moved(Moved { to: *to, ..Moved::default() }),
                Told::Void(which) => {
                    let eid = [u8::try_from(*which).unwrap(); 16];
                    ParcelEvent::Corrected(Corrected { eid, to: None, reason: "typo".into() })
                }
            };
            events.push(stamped(n, event));
        }
        events
    }

    fn stamped(n: usize, event: ParcelEvent) -> Stamped<ParcelEvent> {
        let t = at(20 + n as u64).unsigned() << 16;
        let eff = event.occurred().map_or(t, |at| t.min(at.unsigned() << 16));
        let key = FoldKey { eff, t, eid: [u8::try_from(n).unwrap(); 16] };
        Stamped { key, site: 3, epoch: 0, actor: 0, event }
    }

    /// The parcel without what only counts its events.
    fn seen(parcel: Parcel) -> Parcel {
        Parcel { events: 0, corrections: 0, updated_at: Timestamp::ZERO, ..parcel }
    }

    fn remapped(
        mut events: Vec<Stamped<ParcelEvent>>,
        map: &Compiled,
        which: Which,
    ) -> Vec<Stamped<ParcelEvent>> {
        for r in plan(ParcelId::default(), &events, SOURCE, map, which) {
            events.push(stamped(events.len(), ParcelEvent::Remapped(r)));
        }
        events
    }

    proptest! {
        #[test]
        fn a_changed_map_run_over_stored_codes_is_as_if_it_had_been_there_from_the_start(
            told in prop::collection::vec(told(), 1..9), before in map(), between in map(), after in map(), keys in any::<u64>(),
        ) {
            let id = ParcelId::default();
            let from_the_start = seen(fold_all(id, &taken(&told, &after)));
            let mut events = remapped(taken(&told, &before), &between, Which::All);
            events = remapped(events, &after, Which::All);
            prop_assert_eq!(seen(fold_all(id, &events)), from_the_start.clone());
            prop_assert!(plan(id, &events, SOURCE, &after, Which::All).is_empty(), "a second run finds nothing to do");
            // Whatever order the events reach another node in.
            let mut shuffled = events.clone();
            shuffled.sort_by_key(|e| blake3::hash(&[&e.key.eid[..], &keys.to_le_bytes()].concat()).as_bytes()[0]);
            prop_assert_eq!(seen(fold_all(id, &shuffled)), from_the_start);
        }

        #[test]
        fn filling_in_what_nobody_had_mapped_leaves_the_rest_as_it_was(
            told in prop::collection::vec(told(), 1..9), before in map(), after in map(),
        ) {
            let events = taken(&told, &before);
            for r in plan(ParcelId::default(), &events, SOURCE, &after, Which::Unmapped) {
                let e = events.iter().find(|e| e.key.eid == r.eid).unwrap();
                let ParcelEvent::Reported(report) = &e.event else { panic!("{e:?}") };
                prop_assert!(report.to.is_none() && !report.info && (r.to.is_some() || r.info), "{:?}", report);
            }
            prop_assert!(plan(ParcelId::default(), &events, "crane", &after, Which::All).is_empty());
        }
    }

    #[test]
    fn an_end_that_a_map_tells_of_late_counts_when_the_row_came_and_not_before_our_scans() {
        let purchased_at = Some(at(0));
        let milestones = Milestones { purchased_at, ..Milestones::default() };
        let row = |code: &str| {
            Told::Report(Box::new(Report { raw: Some(code.into()), milestones, ..Report::default() }))
        };
        let told = [row("A"), Told::Scan(Status::AtDepot), row("B")];
        let none = Compiled::new(Arc::new(Map { source: SOURCE.into(), rows: Vec::new() }));
        let map = Map::read_csv(SOURCE, b"code,status\nA,in_transit\nB,delivered\n").unwrap();
        let map = Compiled::new(Arc::new(map));
        let events = remapped(taken(&told, &none), &map, Which::Unmapped);
        let parcel = fold_all(ParcelId::default(), &events);
        assert_eq!((parcel.status, parcel.since), (Status::Delivered, at(22)));
        assert!(parcel.issues.is_empty(), "{:?}", parcel.issues);
    }
}
