//! What analysts see of headquarters on a database: parcels, cases and what happened, as views for plain SQL.

use crate::cases::repo::CASES;
use crate::journal::log::APPLIED;
use crate::parcels::repo::PARCELS;
use crate::store::DEPOT;
use crate::store::view::{Column, Is, Of, View};

const fn column(name: &'static str, path: &'static str, is: Is) -> Column {
    Column { name, path, is }
}

/// The views. Each has `tenant` and the whole `doc` as well.
pub const VIEWS: &[View] = &[
    View {
        name: "v_parcels",
        of: Of::Records(PARCELS.coll),
        columns: &[
            column("number", "s.number", Is::Text),
            column("status", "s.status", Is::Text),
            column("since", "s.since", Is::Moment),
            column("distributor", "s.facts.distributor", Is::Text),
            column("order_ref", "s.facts.order_ref", Is::Text),
            column("carrier", "s.facts.carrier", Is::Text),
            column("recipient", "s.facts.recipient", Is::Json),
            column("destination", "s.facts.to", Is::Json),
            column("weight_g", "s.facts.weight", Is::Whole),
            column("promised_at", "s.facts.promised_at", Is::Moment),
            column("delivered_at", "s.delivered_at", Is::Moment),
            column("source", "s.source", Is::Text),
            column("events", "s.events", Is::Whole),
            column("created_at", "s.created_at", Is::Moment),
            column("updated_at", "s.updated_at", Is::Moment),
        ],
    },
    View {
        name: "v_events",
        of: Of::Log(DEPOT, APPLIED),
        columns: &[
            column("aggregate", "b.id", Is::Text),
            column("kind", "b.k", Is::Whole),
            column("site", "b.o", Is::Whole),
            column("stamped_at", "b.t", Is::Stamp),
            column("actor", "b.u", Is::Whole),
            column("body", "b.b", Is::Json),
        ],
    },
    View {
        name: "v_cases",
        of: Of::Records(CASES.coll),
        columns: &[
            column("reason", "s.reason", Is::Text),
            column("state", "s.state", Is::Text),
            column("about", "s.subject.kind", Is::Text),
            column("about_id", "s.subject.id", Is::Text),
            column("label", "s.subject.label", Is::Text),
            column("distributor", "s.subject.distributor", Is::Text),
            column("detail", "s.detail", Is::Text),
            column("owner", "s.owner", Is::Json),
            column("level", "s.level", Is::Whole),
            column("opened_at", "s.opened_at", Is::Moment),
            column("first_action_at", "s.first_action_at", Is::Moment),
            column("resolved_at", "s.resolved_at", Is::Moment),
        ],
    },
];
