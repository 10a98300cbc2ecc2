//! Masters: what is known of them, what is reported, their storage, last free day, customs and units.

use actix_web::http::Method;
use actix_web::web::Path;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::waybill::MawbInput;
use super::{On, Response, Skip, zone};
use crate::base::error::Invalid;
use crate::base::page::Page;
use crate::freight::desk;
use crate::freight::error::{FreightError, Result};
use crate::freight::listing::{self, Filter};
use crate::freight::model::{State, Unit};
use crate::freight::service::{self, Customs, NewMawb, Reported};
use crate::freight::views::{self, MawbCard, MawbView, TimelineView};
use crate::identity::features::{ClearCustoms, EditAirFreight, ViewAirFreight};
use crate::journal::{Cx, Folded};
use crate::parcels::queries::limit;
use crate::store::ReadTx;
use crate::store::table::Entry;
use crate::web::{Answer, Body, Call, Query, Routes};

const LIST: &[(&str, &str)] = &[
    ("state", "booked, departed, arrived, received, released, collected, delivered or closed"),
    ("open", "true: only those whose goods are not delivered"),
    ("destination", "three letters"),
    ("airline", "the three digits of its waybills"),
    ("q", "the beginning of a number"),
    ("late", "true: whose flight should have been here, or whose storage is charged"),
    ("lfd_within_days", "whose last free day is at most so many days away, or over"),
    ("limit", "rows, at most 500"),
    ("cursor", "from the page before"),
];

const EVENT: &str = r#"{"code":"RCF","station":"LHR","flight":"LH8442","pieces":6,"total_pieces":10,"occurred_at":"2026-11-20T14:30:00Z"}"#;

pub(super) fn routes(r: Routes) -> Routes {
    r.add::<ViewAirFreight, _, _>(Method::GET, "/mawbs", list, "Master air waybills, newest first")
        .query(LIST)
        .answers::<Page<MawbCard>>(200)
        .add::<EditAirFreight, _, _>(
            Method::POST,
            "/mawbs",
            create,
            "Announce a master; its procedure begins",
        )
        .body::<MawbInput>(r#"{"number":"176-72160723","pieces":1,"weight_kg":1}"#)
        .answers::<MawbView>(201)
        .add::<ViewAirFreight, _, _>(Method::GET, "/mawbs/{id}", show, "One master, by id or number")
        .answers::<MawbView>(200)
        .add::<EditAirFreight, _, _>(Method::PUT, "/mawbs/{id}", change, "Change what is known of a master")
        .body::<MawbInput>(r#"{"destination":"LHR","eta":"2026-11-24T06:00:00Z"}"#)
        .answers::<MawbView>(200)
        .add::<EditAirFreight, _, _>(Method::POST, "/mawbs/{id}/events", report, "Report on a master")
        .body::<Reported>(EVENT)
        .answers::<MawbView>(200)
        .add::<ViewAirFreight, _, _>(
            Method::GET,
            "/mawbs/{id}/timeline",
            timeline,
            "Everything that happened to a master",
        )
        .query(&[("skip", "entries to leave out"), ("limit", "entries, at most 500")])
        .answers::<Vec<TimelineView>>(200)
        .add::<ViewAirFreight, _, _>(
            Method::GET,
            "/mawbs/{id}/storage",
            storage,
            "What collecting on a day costs",
        )
        .query(&[("on", "the day, such as 2026-11-24; today when absent")])
        .answers::<StorageView>(200)
        .add::<EditAirFreight, _, _>(
            Method::PUT,
            "/mawbs/{id}/lfd",
            set_lfd,
            "Set the last free day by hand, or let it be computed again",
        )
        .body::<LfdInput>(r#"{"day":"2026-11-27","reason":"agreed with the handler"}"#)
        .answers::<MawbView>(200)
        .add::<ClearCustoms, _, _>(Method::POST, "/mawbs/{id}/customs", customs, "Note what customs says")
        .body::<Customs>(r#"{"entry_number":"26GB0001"}"#)
        .answers::<MawbView>(200)
        .add::<EditAirFreight, _, _>(
            Method::POST,
            "/mawbs/{id}/units",
            unit,
            "Note a unit that went out or came back",
        )
        .body::<Unit>(r#"{"number":"PMC72534QR","out_at":"2026-11-20T14:30:00Z"}"#)
        .answers::<MawbView>(200)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    state: Option<String>,
    open: Option<bool>,
    destination: Option<String>,
    airline: Option<String>,
    q: Option<String>,
    late: Option<bool>,
    lfd_within_days: Option<u16>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(call: Call<ViewAirFreight>, q: Query<Listing>) -> Response {
    let (q, now) = (q.0, call.app.clock.now());
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let state = q.state.as_deref().map(str::parse::<State>).transpose();
        let filter = Filter {
            state: state.map_err(|e| Invalid::at("?state", e))?,
            open: q.open,
            destination: q.destination,
            airline: q.airline,
            number: q.q,
            late: q.late.unwrap_or_default(),
            lfd_within: q.lfd_within_days,
        };
        let page = (limit(q.limit)?, q.cursor.as_deref());
        Ok(Answer::page(&listing::list(tx, (&zone(tx)?, now), &filter, page)?)?)
    })
}

fn shown(tx: &dyn ReadTx, cx: &Cx, entry: Entry<Folded<crate::freight::model::Mawb>>) -> Result<Answer> {
    let view = views::mawb(tx, &cx.policy.rules.opening.zone, cx.now, entry)?;
    Ok(Answer::ok(&view)?.rev(view.version))
}

async fn create(call: Call<EditAirFreight>, body: Body<MawbInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let number = body.0.number.clone().ok_or_else(|| Invalid::at("/number", "is needed"))?;
        let new = NewMawb { number, as_written: body.0.as_written.clone(), facts: body.0.facts()? };
        let made = service::create(tx, grant, cx, new)?;
        let view = views::mawb(tx, &cx.policy.rules.opening.zone, cx.now, made)?;
        Ok(Answer::created(format!("/api/v1/mawbs/{}", view.id), &view)?.rev(view.version))
    })
    .await
}

async fn show(call: Call<ViewAirFreight>, name: Path<String>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let view = views::mawb(tx, &zone(tx)?, now, service::find(tx, &name)?)?;
        Ok(Answer::ok(&view)?.rev(view.version))
    })
}

async fn change(call: Call<EditAirFreight>, name: Path<String>, body: Body<MawbInput>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer> {
        if body.0.number.is_some() || body.0.as_written.is_some() {
            let said = "can't be changed: a waybill with another number is another waybill";
            return Err(Invalid::at("/number", said).into());
        }
        let entry = service::change(tx, grant, cx, &name, (seen, body.0.facts()?))?;
        shown(tx, cx, entry)
    })
    .await
}

async fn report(call: Call<EditAirFreight>, name: Path<String>, body: Body<Reported>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let entry = service::report(tx, grant, cx, &name, &body.0)?;
        shown(tx, cx, entry)
    })
    .await
}

async fn timeline(call: Call<ViewAirFreight>, name: Path<String>, q: Query<Skip>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let row = service::find(tx, &name)?.value;
        let page = (q.0.skip.unwrap_or(0), limit(q.0.limit)?);
        Ok(Answer::ok(&views::timeline(tx, &row, page)?)?)
    })
}

/// What collecting on a day costs.
#[derive(Serialize, ToSchema)]
struct StorageView {
    /// The day.
    #[schema(value_type = String)]
    on: Date,
    /// The last free day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    lfd: Option<Date>,
    /// Days that are charged.
    days: u32,
    /// In all, minor units; absent where the terminal has no tariff.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<crate::base::money::Money>,
}

async fn storage(call: Call<ViewAirFreight>, name: Path<String>, q: Query<On>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let m = service::find(tx, &name)?.value.state;
        let (clocks, terminal) = desk::clocks_of(tx, &zone(tx)?, &m)?;
        let on = q.0.on.unwrap_or_else(|| now.day(&clocks.zone));
        let found = crate::freight::clocks::storage(&m, &terminal, on);
        let days = found.as_ref().map_or(0, |(c, _)| c.days);
        let cost = found.map(|(c, currency)| crate::base::money::Money { minor: c.minor, currency });
        Ok(Answer::ok(&StorageView { on, lfd: clocks.lfd, days, cost })?)
    })
}

/// A last free day set by hand.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LfdInput {
    /// The day; absent to let it be computed again.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    day: Option<Date>,
    /// Why.
    reason: String,
    /// The revision that was seen.
    #[serde(default)]
    version: Option<u64>,
}

async fn set_lfd(call: Call<EditAirFreight>, name: Path<String>, body: Body<LfdInput>) -> Response {
    let seen = call.if_match()?.or(body.0.version);
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let found = service::find(tx, &name)?.rev;
        if let Some(seen) = seen.filter(|seen| *seen != found) {
            return Err(FreightError::Stale { found, seen });
        }
        let entry = service::set_lfd(tx, grant, cx, &name, (body.0.day, &body.0.reason))?;
        shown(tx, cx, entry)
    })
    .await
}

async fn customs(call: Call<ClearCustoms>, name: Path<String>, body: Body<Customs>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let entry = service::customs(tx, grant, cx, &name, &body.0)?;
        shown(tx, cx, entry)
    })
    .await
}

async fn unit(call: Call<EditAirFreight>, name: Path<String>, body: Body<Unit>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let entry = service::unit(tx, grant, cx, &name, &body.0)?;
        shown(tx, cx, entry)
    })
    .await
}
