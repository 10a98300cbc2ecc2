//! The order as the journal knows it: what follows from its row.

use serde_json::Value;

use super::event::OrderEvent;
use super::fold;
use super::model::{Issue, Order, OrderId};
use super::{repo, rules};
use crate::audit::Changed;
use crate::base::ids::Id;
use crate::cases::derived::{Fact, Subject, derive};
use crate::deadlines::due::{self, DueKind};
use crate::first_record;
use crate::journal::{Aggregate, Cx, Folded, Followed, Stamped};
use crate::store::{Result, Table, WriteTx, counters};

first_record!(Order);

/// The counter of orders in a status, and its prefix.
pub(super) const BY_STATUS: &str = "orders/status/";

impl Aggregate for Order {
    type Event = OrderEvent;
    const NAME: &'static str = "order";
    const TABLE: &'static Table<Id, Folded<Self>> = &repo::ORDERS;

    fn blank(id: Id) -> Self {
        Self::new(OrderId(id))
    }

    fn fold(self, event: &Stamped<OrderEvent>) -> Self {
        fold::fold(self, event)
    }

    fn follow(tx: &mut dyn WriteTx, cx: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        let was = old.map(|o| &o.state);
        repo::look_ups(tx, was, new)?;
        if was.map(|w| w.status) != Some(new.status) {
            if let Some(was) = was {
                counters::add(tx, &format!("{BY_STATUS}{}", was.status), -1)?;
            }
            counters::add(tx, &format!("{BY_STATUS}{}", new.status), 1)?;
        }
        let id = new.id.0;
        // An order told of by somebody else is watched by them.
        let due = rules::late_at(&cx.policy, new).filter(|_| new.source.is_none());
        due::replace(tx, DueKind::OrderDelayed, id, old.and_then(|o| o.due), due)?;
        let before = was.map_or(&[][..], |w| &w.issues);
        let opened = if before == new.issues {
            Vec::new()
        } else {
            let label = new.number.to_string();
            let subject = Subject { kind: Self::NAME, id, label: &label, distributor: None };
            derive(tx, cx, &subject, &facts(before), &facts(&new.issues))?
        };
        Ok(Followed { opened, due })
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

/// What the audit shows of an order.
fn shown(o: &Order) -> [(&'static str, Value); 7] {
    let reason = o.steps.last().and_then(|s| s.reason.clone());
    [
        ("number", o.number.into()),
        ("status", o.status.as_str().into()),
        ("reason", reason.into()),
        ("customer", serde_json::to_value(&o.customer).unwrap_or_default()),
        ("lines", o.lines.len().into()),
        ("parcels", o.parcels.len().into()),
        ("delayed", o.delayed.into()),
    ]
}
