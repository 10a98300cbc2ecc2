//! The delivery as the journal knows it: what follows from its row.

use serde_json::Value;

use super::event::DeliveryEvent;
use super::model::{Delivery, DeliveryId, Issue};
use super::{fold, repo};
use crate::audit::Changed;
use crate::base::ids::Id;
use crate::cases::derived::{Fact, Subject, derive};
use crate::first_record;
use crate::journal::{Aggregate, Cx, Folded, Followed, Stamped};
use crate::store::{Result, Table, WriteTx, counters};

first_record!(Delivery);

impl Aggregate for Delivery {
    type Event = DeliveryEvent;
    const NAME: &'static str = "delivery";
    const TABLE: &'static Table<Id, Folded<Self>> = &repo::DELIVERIES;

    fn blank(id: Id) -> Self {
        Self::new(DeliveryId(id))
    }

    fn fold(self, event: &Stamped<DeliveryEvent>) -> Self {
        fold::fold(self, event)
    }

    fn follow(tx: &mut dyn WriteTx, cx: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        let was = old.map(|o| &o.state);
        repo::look_ups(tx, was, new)?;
        let counted = |d: &Self| (!d.removed).then_some(d.status);
        let (before, after) = (was.and_then(counted), counted(new));
        if before != after {
            for (status, by) in [(before, -1), (after, 1)] {
                if let Some(status) = status {
                    counters::add(tx, &format!("deliveries/status/{status}"), by)?;
                }
            }
        }
        let before = was.map_or(&[][..], |w| &w.issues);
        let opened = if before == new.issues {
            Vec::new()
        } else {
            let (label, distributor) = (new.number.to_string(), new.facts.distributor.as_deref());
            let subject = Subject { kind: Self::NAME, id: new.id.0, label: &label, distributor };
            derive(tx, cx, &subject, &facts(before), &facts(&new.issues))?
        };
        Ok(Followed { opened, due: None })
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let blank = Self::new(new.id);
        let (before, after) = (shown(old.unwrap_or(&blank)), shown(new));
        let differ = before.into_iter().zip(after).filter(|(b, a)| b.1 != a.1);
        differ.map(|((name, before), (_, after))| Changed::new(name, before, after)).collect()
    }
}

fn facts(issues: &[Issue]) -> Vec<Fact<'_>> {
    let mut all = Vec::with_capacity(issues.len());
    for Issue { eid, at, detail } in issues {
        all.push(Fact { reason: "status_conflict", eid: *eid, at: *at, detail });
    }
    all
}

/// What the audit shows of a delivery.
fn shown(d: &Delivery) -> [(&'static str, Value); 9] {
    [
        ("number", d.number.into()),
        ("status", d.status.as_str().into()),
        ("assignee", d.assignee.as_ref().map(|a| a.name.clone()).into()),
        ("vehicle", d.vehicle.clone().into()),
        ("facts", serde_json::to_value(&d.facts).unwrap_or_default()),
        ("reason", d.reason.clone().into()),
        ("partial", d.partial.into()),
        ("proofs", d.proofs.len().into()),
        ("removed", d.removed.into()),
    ]
}
