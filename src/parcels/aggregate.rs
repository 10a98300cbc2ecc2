//! The parcel as the journal knows it: how its events are written and read, and what follows from its row.

use serde_json::Value;

use super::event::ParcelEvent;
use super::fold;
use super::model::{Flag, Issue, Parcel, ParcelId};
use super::pickup;
use super::repo;
use super::rules;
use crate::audit::Changed;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::derived::{Fact, Subject, derive};
use crate::deadlines::due::{self, DueKind};
use crate::first_record;
use crate::journal::{Aggregate, Cx, Eid, Event, Folded, Followed, Stamped};
use crate::store::{Result, StoreError, Table, WriteTx, counters};

first_record!(Parcel);

impl Event for ParcelEvent {
    fn kind(&self) -> u16 {
        self.kind()
    }
    fn name(&self) -> &'static str {
        match self {
            Self::Registered(_) => "parcel.registered",
            Self::Reported(_) => "parcel.reported",
            Self::Moved(_) => "parcel.moved",
            Self::Described(_) => "parcel.described",
            Self::Noted(_) => "parcel.noted",
            Self::Corrected(_) => "parcel.corrected",
            Self::Stale(_) => "parcel.went_stale",
            Self::Flagged(_) => "parcel.flagged",
            Self::HandedOver(_) => "parcel.handed_over",
            Self::PickupNoticed(_) => "parcel.pickup_noticed",
        }
    }
    fn encode(&self) -> Result<Vec<u8>> {
        self.encode_body().map_err(|e| StoreError::Codec { what: "parcel event", why: e.to_string() })
    }
    fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
        Self::decode(kind, schema, body)
            .map_err(|e| StoreError::Codec { what: "parcel event", why: e.to_string() })
    }
    fn occurred(&self) -> Option<Timestamp> {
        self.occurred()
    }
    fn corrects(&self) -> Option<Eid> {
        self.corrects()
    }
}

impl Aggregate for Parcel {
    type Event = ParcelEvent;
    const NAME: &'static str = "parcel";
    const TABLE: &'static Table<Id, Folded<Self>> = &repo::PARCELS;

    fn blank(id: Id) -> Self {
        Self::new(ParcelId(id))
    }
    fn fold(self, event: &Stamped<ParcelEvent>) -> Self {
        fold::fold(self, event)
    }
    fn fold_all(base: Self, events: &[Stamped<ParcelEvent>]) -> Self {
        fold::fold_all(base.id, events)
    }
    fn reaches_back(&self, event: &ParcelEvent) -> bool {
        fold::reaches_back(self, event)
    }

    fn follow(tx: &mut dyn WriteTx, cx: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        let was = old.map(|o| &o.state);
        repo::look_ups(tx, was, new)?;
        let counted = |p: &Self| (!p.is_void()).then_some(p.status);
        let (before, after) = (was.and_then(counted), counted(new));
        if before != after {
            for (status, by) in [(before, -1), (after, 1)] {
                if let Some(status) = status {
                    counters::add(tx, &format!("parcels/{status}"), by)?;
                }
            }
        }
        let id = new.id.0;
        let promise = |p: &Self| p.facts.promised_at.filter(|_| rules::is_open(p.status));
        due::replace(tx, DueKind::Promise, id, was.and_then(promise), promise(new))?;
        let stale = keep_stale(tx, id, old.and_then(|o| o.due), stale_at(cx, new))?;
        pickup::keep(tx, cx, was, new)?;
        let before = was.map_or(&[][..], |w| &w.issues);
        let opened = if before == new.issues {
            Vec::new()
        } else {
            let subject = Subject {
                kind: Self::NAME,
                id,
                label: &new.number,
                distributor: new.facts.distributor.as_deref(),
            };
            derive(tx, cx, &subject, &facts(before), &facts(&new.issues))?
        };
        Ok(Followed { opened, due: stale })
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let Some(old) = old else { return Vec::new() };
        let mut out = Vec::new();
        if old.status != new.status {
            out.push(Changed::new("status", old.status.as_str(), new.status.as_str()));
        }
        if old.raw != new.raw {
            out.push(Changed::new("raw_status", old.raw.clone(), new.raw.clone()));
        }
        if old.flags != new.flags {
            let names = |p: &Self| Value::from(p.flags.iter().map(Flag::as_str).collect::<Vec<_>>());
            out.push(Changed::new("flags", names(old), names(new)));
        }
        if old.next != new.next {
            out.push(Changed::new("next_site", old.next, new.next));
        }
        if old.facts != new.facts {
            out.extend(crate::audit::compare(Some(&old.facts), Some(&new.facts), &[]));
        }
        out
    }
}

/// Keeps the deadline by which somebody looks whether the parcel is stale. One that is early enough stays where it is: a
/// parcel that moves on becomes due later, and moving its deadline each time would cost two pages a step. The watch puts
/// an early one right when it comes up.
fn keep_stale(
    tx: &mut dyn WriteTx,
    id: Id,
    kept: Option<Timestamp>,
    wanted: Option<Timestamp>,
) -> Result<Option<Timestamp>> {
    match (kept, wanted) {
        (Some(kept), Some(wanted)) if kept <= wanted => Ok(Some(kept)),
        (Some(kept), None) => Ok(Some(kept)),
        (kept, wanted) => {
            due::replace(tx, DueKind::Stale, id, kept, wanted)?;
            Ok(wanted)
        }
    }
}

/// When the parcel becomes stale where it is; none when it can't or already has.
pub(super) fn stale_at(cx: &Cx, p: &Parcel) -> Option<Timestamp> {
    if p.flags.has(Flag::Stale) {
        return None;
    }
    rules::stale_at(p, &cx.policy)
}

fn facts(issues: &[Issue]) -> Vec<Fact<'_>> {
    issues.iter().map(|i| Fact { reason: &i.reason, eid: i.eid, at: i.at, detail: &i.detail }).collect()
}
