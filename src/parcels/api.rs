//! The routes of parcels. No decisions, no database.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::Deserialize;

use super::cards::Card;
use super::error::ParcelError;
use super::inputs::{BulkInput, BulkRow, EventInput, FactsChange, NewParcel, NoteInput};
use super::model::Status;
use super::queries::{self, By, Filter, Listed, Overdue};
use super::stats::{self, Stats};
use super::undo;
use super::views::{BulkAnswer, BulkVerdict, EventView, ParcelView};
use super::{rules, service};
use crate::base::error::{Fault, Invalid};
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::eta::outlook::{self, Expected, LastWeek, Outlook};
use crate::identity::features::{
    BulkParcels, CreateParcels, EditParcels, ScanParcels, ViewDashboard, ViewParcels,
};
use crate::store::StoreError;
use crate::store::table::{cursor, position};
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("parcels")
        .add::<ViewParcels, _, _>(Method::GET, "/parcels", list, "Parcels, by status, distributor or number")
        .query(&[
            ("status", "only in this status"),
            ("distributor", "only of this distributor"),
            ("exceptional", "true: only those that need a person"),
            ("likely_late", "true: only those likely to break their promise before they do, the nearest promise first; each with what is expected, and how last week's list did"),
            ("number", "only with a number that begins so"),
            ("limit", "rows, at most 500"),
            ("cursor", "from the page before"),
        ])
        .answers::<Page<ParcelView<'_>>>(200)
        .add::<CreateParcels, _, _>(Method::POST, "/parcels", create, "Announce a parcel")
        .body::<NewParcel>(
            r#"{"tracking_number":"RR123456785NL","distributor":"bar","recipient":{"name":"x"}}"#,
        )
        .answers::<ParcelView<'_>>(201)
        .add::<BulkParcels, _, _>(Method::POST, "/parcels/events", bulk, "Report on many parcels at once")
        .body::<BulkInput>(r#"{"rows":[{"parcel":"RR123456785NL","status":"in_transit"}],"atomic":false}"#)
        .answers::<BulkAnswer>(200)
        .add::<ViewParcels, _, _>(
            Method::GET,
            "/parcels/overdue",
            overdue,
            "Open parcels whose promised time has passed",
        )
        .query(&[
            ("at", "the moment to look at; now when absent"),
            ("by", "clock (default), or day: whether the promised day itself is still in time; or stale: by the time a parcel may stay in its status"),
            ("limit", "rows, at most 500"),
            ("cursor", "from the page before"),
        ])
        .answers::<Page<ParcelView<'_>>>(200)
        .add::<ViewParcels, _, _>(
            Method::GET,
            "/parcels/{id}",
            get,
            "One parcel, by id or any of its numbers",
        )
        .answers::<ParcelView<'_>>(200)
        .add::<EditParcels, _, _>(
            Method::PATCH,
            "/parcels/{id}",
            describe,
            "Change what is known of a parcel; null takes a fact away",
        )
        .body::<FactsChange>(r#"{"service":"express","weight_g":1200}"#)
        .answers::<ParcelView<'_>>(200)
        .add::<ScanParcels, _, _>(
            Method::POST,
            "/parcels/{id}/events",
            post_event,
            "Report where a parcel is, or correct an event",
        )
        .body::<EventInput>(r#"{"status":"in_transit","note":"on truck 7"}"#)
        .answers::<ParcelView<'_>>(200)
        .add::<ViewParcels, _, _>(
            Method::GET,
            "/parcels/{id}/history",
            history,
            "Every event of a parcel, in the order they took effect",
        )
        .answers::<Page<EventView>>(200)
        .add::<EditParcels, _, _>(Method::POST, "/parcels/{id}/notes", note, "Add a note")
        .body::<NoteInput>(r#"{"text":"customer called"}"#)
        .answers::<ParcelView<'_>>(201)
        .add::<ViewDashboard, _, _>(
            Method::GET,
            "/dashboard/stats",
            figures,
            "Counts of the depot, now or at a past moment",
        )
        .query(&[("at", "the moment to look at; now when absent")])
        .answers::<Stats>(200)
}

async fn list(call: Call<ViewParcels>, filter: Query<Filter>) -> Response {
    if filter.0.likely_late {
        return likely_late(&call, &filter.0);
    }
    call.read(|tx, grant| -> Result<Answer, ParcelError> {
        let rows = queries::list(tx, grant.scope(), &call.app.cards, &filter.0)?;
        shown(&call, rows)
    })
}

/// Such parcels, and how the last ones did.
#[derive(serde::Serialize)]
struct LikelyLatePage {
    /// Each with what is `expected` of it.
    items: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    last_week: LastWeek,
}

/// A parcel with what is foretold of it.
fn expected(card: &Card, outlook: &Outlook) -> Result<serde_json::Value, StoreError> {
    let broken = |e: serde_json::Error| StoreError::Codec { what: "parcels", why: e.to_string() };
    let mut parcel: serde_json::Value = serde_json::from_str(card.json.get()).map_err(broken)?;
    parcel["expected"] = serde_json::to_value(Expected::from(outlook)).map_err(broken)?;
    Ok(parcel)
}

/// Rows that a page of parcels likely to be late looks at: a partner sees few of them.
const LOOK_AT: usize = 2_000;

fn likely_late(call: &Call<ViewParcels>, filter: &Filter) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer, ParcelError> {
        let n = queries::limit(filter.limit)?;
        let mut after = position(filter.cursor.as_deref())?;
        let (mut found, mut looked) = (Vec::new(), 0);
        loop {
            let (rows, next) = outlook::likely_late(tx, after, n - found.len())?;
            looked += rows.len();
            for (id, outlook) in rows {
                let card = call.app.cards.find(tx, id)?;
                let seen =
                    card.filter(|c| grant.scope().admits_distributor(c.parcel.facts.distributor.as_deref()));
                // One that came, or whose promise passed, since the last look ahead is no longer foretold.
                let is_ahead = outlook.promised_at > now;
                found.extend(
                    seen.filter(|c| is_ahead && rules::is_open(c.parcel.status)).map(|c| (c, outlook)),
                );
            }
            after = next;
            if found.len() >= n || after.is_none() || looked >= LOOK_AT {
                break;
            }
        }
        call.saw("parcel", found.iter().map(|(c, _)| c.parcel.id.0));
        let items = found.iter().map(|(card, outlook)| expected(card, outlook)).collect::<Result<_, _>>()?;
        let next = after.as_ref().map(cursor).transpose()?;
        let last_week = outlook::last_week(tx, now)?;
        Ok(Answer { next: next.clone(), ..Answer::ok(&LikelyLatePage { items, next, last_week })? })
    })
}

async fn create(call: Call<CreateParcels>, body: Body<NewParcel>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ParcelError> {
        let made = service::create(tx, grant, cx, body.0.clone())?;
        let location = format!("/api/v1/parcels/{}", made.state.id);
        Ok(Answer::created(location, &ParcelView::of(&made.state, made.rev))?.rev(made.rev))
    })
    .await
}

async fn get(call: Call<ViewParcels>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, ParcelError> {
        let (found, duplicates) = queries::find(tx, grant.scope(), &call.app.cards, &name)?;
        call.saw("parcel", [found.parcel.id.0]);
        if duplicates.is_empty() {
            return Ok(Answer::ok(&found.json)?.rev(found.rev));
        }
        let view = ParcelView { duplicates, ..ParcelView::of(&found.parcel, found.rev) };
        Ok(Answer::ok(&view)?.rev(found.rev))
    })
}

async fn describe(call: Call<EditParcels>, name: Path<String>, body: Body<FactsChange>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer, ParcelError> {
        let facts = body.0.clone().checked()?;
        let done = service::describe(tx, grant, cx, &name, seen, facts)?;
        Ok(Answer::ok(&ParcelView::of(&done.state, done.rev))?.rev(done.rev))
    })
    .await
}

async fn post_event(call: Call<ScanParcels>, name: Path<String>, body: Body<EventInput>) -> Response {
    let seen = call.if_match()?;
    call.write(move |tx, grant, cx| -> Result<Answer, ParcelError> {
        let done = service::post_event(tx, grant, cx, &name, seen, body.0.clone())?;
        Ok(Answer::ok(&ParcelView::of(&done.state, done.rev))?.rev(done.rev))
    })
    .await
}

async fn bulk(call: Call<BulkParcels>, body: Body<BulkInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ParcelError> {
        let rows = body.0.rows.iter().cloned().map(BulkRow::split).collect();
        let verdicts = service::post_events(tx, grant, cx, rows, body.0.atomic)?;
        let batch = undo::keep(tx, cx, &verdicts)?;
        Ok(Answer::ok(&told(batch, verdicts))?)
    })
    .await
}

/// The verdicts as they are answered, row by row.
pub(super) fn told(batch: Option<Id>, verdicts: Vec<service::RowVerdict>) -> BulkAnswer {
    let verdict = |(row, v): (usize, service::RowVerdict)| match v {
        Ok(w) => BulkVerdict {
            row,
            ok: true,
            id: Some(w.state.id),
            status: Some(w.state.status),
            code: None,
            detail: None,
        },
        Err(e) => BulkVerdict {
            row,
            ok: false,
            id: None,
            status: None,
            code: Some(e.code()),
            detail: Some(e.to_string()),
        },
    };
    let results: Vec<BulkVerdict> = verdicts.into_iter().enumerate().map(verdict).collect();
    let accepted = results.iter().filter(|r| r.ok).count();
    BulkAnswer { batch, accepted, rejected: results.len() - accepted, results }
}

async fn history(call: Call<ViewParcels>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, ParcelError> {
        let (found, _) = service::find(tx, grant.scope(), &name)?;
        call.saw("parcel", [found.value.state.id.0]);
        let events = crate::journal::history::<super::model::Parcel>(tx, &found.value.line)?;
        let items = events.iter().map(|(_, e)| EventView::of(e)).collect();
        Ok(Answer::ok(&Page { items, next: None })?)
    })
}

async fn note(call: Call<EditParcels>, name: Path<String>, body: Body<NoteInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ParcelError> {
        let done = service::note(tx, grant, cx, &name, body.0.text.clone())?;
        Ok(Answer::json(201, &ParcelView::of(&done.state, done.rev))?.rev(done.rev))
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OverdueInput {
    at: Option<String>,
    #[serde(default)]
    by: By,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn overdue(call: Call<ViewParcels>, input: Query<OverdueInput>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer, ParcelError> {
        let policy = crate::deadlines::policy::Policy::current(tx)?;
        let OverdueInput { at, by, limit, cursor } = input.0;
        let at = moment(at.as_deref(), &policy)?;
        let wanted = Overdue { at: at.unwrap_or(now), by, now, limit, cursor };
        let rows = queries::overdue(tx, grant.scope(), &call.app.cards, &policy, &wanted)?;
        shown(&call, rows)
    })
}

/// A page of parcels, noted as seen.
fn shown(call: &Call<ViewParcels>, rows: Listed<Arc<Card>>) -> Result<Answer, ParcelError> {
    call.saw("parcel", rows.items.iter().map(|c| c.parcel.id.0));
    let items = rows.items.iter().map(|c| &c.json).collect();
    Ok(Answer::page(&Page { items, next: rows.next })?)
}

fn moment(
    at: Option<&str>,
    policy: &crate::deadlines::policy::Policy,
) -> Result<Option<crate::base::clock::Timestamp>, Invalid> {
    at.map(|t| crate::base::clock::Timestamp::parse(t, policy.calendar.zone()))
        .transpose()
        .map_err(|e| Invalid::at("?at", e))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    at: Option<String>,
}

async fn figures(call: Call<ViewDashboard>, input: Query<At>) -> Response {
    let (store, tenant, now) = (call.app.store.clone(), call.grant.tenant(), call.app.clock.now());
    let scope = call.grant.scope().clone();
    let at = call.app.store.read(tenant, |tx| -> Result<_, ParcelError> {
        let policy = crate::deadlines::policy::Policy::current(tx)?;
        Ok(moment(input.0.at.as_deref(), &policy)?)
    })?;
    // Every parcel is looked at, in pages with a snapshot each: not on a thread that answers others.
    let counted = actix_web::web::block(move || stats::count(&store, tenant, &scope, at, now)).await;
    let counted = counted.map_err(|_| crate::store::StoreError::Closed)??;
    Ok(Answer::ok(&counted)?.respond("", ""))
}

/// The published steps of the parcel's state machine.
#[must_use]
pub fn machine() -> Vec<(Status, Vec<Status>)> {
    service::state_machine()
}
