//! The routes of air freight.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{Path, Payload};
use actix_web::{HttpMessage, HttpResponse};
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::accounts::{self, Decision};
use super::bills::{Bill, BillLine};
use super::carriers::{self, Carrier};
use super::error::{FreightError, Result};
use super::inbox::{self, Heard, Outcome};
use super::model::{BillKind, Facts, HouseFacts, State, Unit};
use super::repo::{self, BILL_BY_DUE, BILL_BY_MASTER, BILLS, HAWBS, HEARD, MAWBS};
use super::service::{self, Advance, Customs, NewMawb, Reported};
use super::sop::{Sop, Step};
use super::stats::{self, Glance, Punctuality};
use super::terminals::Terminal;
use super::views::{self, BillView, HawbView, MawbCard, MawbView, TimelineView, WorkflowView};
use super::{desk, fsu, houses, work};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::deadlines::policy::Policy;
use crate::identity::features::{
    AdvanceWorkflows, ClearCustoms, EditAirFreight, EditBills, EditCarriers, EditWorkflows, PayCharges,
    SendAirMessages, ViewAirFreight, ViewBills, ViewDashboard, ViewWorkflows,
};
use crate::journal::{Cx, Folded, reference};
use crate::parcels::queries::limit;
use crate::store::table::{Entry, cursor, position};
use crate::store::{Dir, Ix, KeyRange, ReadTx, WriteTx, key};
use crate::web::call::{BodyHash, collect};
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

type Response = std::result::Result<HttpResponse, ApiError>;

/// Rows a page looks at when its filters have no index of their own; it then ends early, with a cursor.
const SCAN_BUDGET: usize = 2_000;

const PAGE: &[(&str, &str)] = &[("limit", "rows, at most 500"), ("cursor", "from the page before")];
const LIST: &[(&str, &str)] = &[
    ("state", "booked, departed, arrived, received, released, collected, delivered or closed"),
    ("open", "true: only those whose goods are not delivered"),
    ("destination", "three letters"),
    ("airline", "the three digits of its waybills"),
    ("q", "the beginning of a number"),
    ("limit", "rows, at most 500"),
    ("cursor", "from the page before"),
];
const EVENT: &str = r#"{"code":"RCF","station":"LHR","flight":"LH8442","pieces":6,"total_pieces":10,"occurred_at":"2026-11-20T14:30:00Z"}"#;
const BILL: &str = r#"{"number":"4711","from":"Handler","kind":"other","currency":"EUR","lines":[{"text":"handling","minor":5000}],"due":"2026-12-01"}"#;
const TERMINAL: &str = r#"{"code":"LHR","zone":"Europe/London","free":{"days":2,"counts_from":"available"},"storage":{"currency":"GBP","minimum":2000,"steps":[{"from_day":1,"per_kg_thousandths":25000}]}}"#;
const STEPS: &str = r#"{"steps":[{"key":"created","name":"Create the waybill","role":"import_agent","guards":["number_ok"],"auto":true}]}"#;
const CARRIER: &str = r#"{"code":"X9","name":"Example Cargo","prefixes":["998"]}"#;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    rules(desk_routes(bill_routes(house_routes(master_routes(Routes::new("air freight"))))))
}

fn master_routes(r: Routes) -> Routes {
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

fn house_routes(r: Routes) -> Routes {
    r.add::<ViewAirFreight, _, _>(
        Method::GET,
        "/hawbs",
        list_houses,
        "House waybills, newest first, or those of a master by number",
    )
    .query(&[
        ("mawb", "of this master"),
        ("number", "with this number"),
        ("limit", "rows, at most 500"),
        ("cursor", "from the page before"),
    ])
    .answers::<Page<HawbView>>(200)
    .add::<EditAirFreight, _, _>(Method::POST, "/hawbs", create_house, "Announce a house")
    .body::<HawbInput>(r#"{"number":"H-4711","pieces":1,"weight_kg":0.5}"#)
    .answers::<HawbView>(201)
    .add::<ViewAirFreight, _, _>(
        Method::GET,
        "/hawbs/punctuality",
        punctuality,
        "Houses against the days they were promised for",
    )
    .query(&[("on", "as of this day; today when absent")])
    .answers::<Punctuality>(200)
    .add::<ViewAirFreight, _, _>(Method::GET, "/hawbs/{id}", show_house, "One house, by id or number")
    .answers::<HawbView>(200)
    .add::<EditAirFreight, _, _>(Method::PUT, "/hawbs/{id}", change_house, "Change what is known of a house")
    .body::<HawbInput>(r#"{"goods":"tools"}"#)
    .answers::<HawbView>(200)
    .add::<EditAirFreight, _, _>(Method::POST, "/hawbs/{id}/events", report_house, "Report on a house")
    .body::<Reported>(r#"{"code":"DLV"}"#)
    .answers::<HawbView>(200)
    .add::<ViewAirFreight, _, _>(
        Method::GET,
        "/hawbs/{id}/timeline",
        house_timeline,
        "Everything that happened to a house",
    )
    .query(&[("skip", "entries to leave out"), ("limit", "entries, at most 500")])
    .answers::<Vec<TimelineView>>(200)
}

fn bill_routes(r: Routes) -> Routes {
    r.add::<ViewBills, _, _>(
        Method::GET,
        "/bills",
        list_bills,
        "Bills, newest first; unpaid ones by the day they are due; or those of a waybill",
    )
    .query(&[
        ("mawb", "of this waybill"),
        ("open", "true: unpaid ones"),
        ("limit", "rows, at most 500"),
        ("cursor", "from the page before"),
    ])
    .answers::<Page<BillView>>(200)
    .add::<EditBills, _, _>(Method::POST, "/bills", enter_bill, "Enter a bill")
    .body::<BillInput>(BILL)
    .answers::<BillView>(201)
    .add::<ViewBills, _, _>(Method::GET, "/bills/{id}", show_bill, "One bill")
    .answers::<BillView>(200)
    .add::<EditBills, _, _>(Method::PUT, "/bills/{id}", change_bill, "Change a bill")
    .body::<BillInput>(BILL)
    .answers::<BillView>(200)
    .add::<PayCharges, _, _>(
        Method::POST,
        "/bills/{id}/pay",
        pay_bill,
        "Note that a bill was paid; one that is no import service charge takes the right to all bills",
    )
    .body::<PayInput>("{}")
    .answers::<BillView>(200)
    .add::<EditBills, _, _>(Method::POST, "/bills/{id}/match", match_bill, "Its sum is what was agreed")
    .answers::<BillView>(200)
    .add::<EditBills, _, _>(Method::POST, "/bills/{id}/void", void_bill, "Withdraw a bill that is not paid")
    .answers::<BillView>(200)
}

fn desk_routes(r: Routes) -> Routes {
    r.add::<ViewWorkflows, _, _>(
        Method::GET,
        "/workflows/mawb/{id}",
        workflow,
        "Where a master stands in its procedure",
    )
    .answers::<WorkflowView>(200)
    .add::<AdvanceWorkflows, _, _>(
        Method::POST,
        "/workflows/mawb/{id}/advance",
        advance,
        "Take a step; 409 with what is missing, forced only by right and with a reason",
    )
    .body::<Advance>("{}")
    .answers::<WorkflowView>(200)
    .add::<ViewWorkflows, _, _>(Method::GET, "/workflow-steps", steps, "The steps new waybills begin with")
    .answers::<SopView>(200)
    .add::<EditWorkflows, _, _>(
        Method::PUT,
        "/workflow-steps",
        put_steps,
        "Set them as the next version; running procedures keep theirs",
    )
    .body::<StepsInput>(STEPS)
    .answers::<SopView>(200)
    .add::<SendAirMessages, _, _>(Method::POST, "/fsu", send, "Hand in status messages as text")
    .raw_body("text/plain", "FSU messages, one after the other")
    .answers::<Outcome>(200)
    .add::<ViewAirFreight, _, _>(
        Method::GET,
        "/fsu/unknown",
        unknown,
        "Texts with lines that were not understood, newest first",
    )
    .query(PAGE)
    .answers::<Page<Heard>>(200)
    .add::<ViewDashboard, _, _>(Method::GET, "/airfreight/stats", dashboard, "The import desk at a glance")
    .answers::<Glance>(200)
}

fn rules(r: Routes) -> Routes {
    r.add::<ViewAirFreight, _, _>(
        Method::GET,
        "/air-carriers",
        list_carriers,
        "Airlines: the tenant's own word before what everybody knows",
    )
    .answers::<Vec<CarrierView>>(200)
    .add::<EditCarriers, _, _>(Method::POST, "/air-carriers", add_carrier, "Add an airline")
    .body::<Carrier>(CARRIER)
    .answers::<CarrierView>(201)
    .add::<EditCarriers, _, _>(Method::PUT, "/air-carriers/{code}", put_carrier, "Change an airline")
    .body::<CarrierInput>(r#"{"name":"Example Cargo","prefixes":["998"]}"#)
    .answers::<CarrierView>(200)
    .add::<SendAirMessages, _, _>(
        Method::POST,
        "/air-carriers/{code}/events",
        carrier_events,
        "Status messages of an airline, by its API key; only of its own waybills",
    )
    .raw_body("text/plain", "FSU messages, one after the other")
    .answers::<Outcome>(200)
    .add::<ViewAirFreight, _, _>(
        Method::GET,
        "/terminals",
        list_terminals,
        "Terminals and their rules for free time and charges",
    )
    .answers::<Vec<TerminalView>>(200)
    .add::<EditCarriers, _, _>(
        Method::PUT,
        "/terminals",
        put_terminal,
        "Set a terminal's rules; open waybills are planned anew",
    )
    .body::<Terminal>(TERMINAL)
    .answers::<TerminalView>(200)
}

/// What is sent of a master: its number when it is announced, and what is known of it.
#[derive(Clone, Debug, ToSchema)]
struct MawbInput {
    /// With or without hyphen.
    number: Option<String>,
    /// Take the number although its check digit is wrong, for this reason.
    as_written: Option<String>,
    /// Weight in kilograms.
    #[schema(value_type = Option<f64>)]
    weight_kg: Option<serde_json::Number>,
    /// The revision that was seen.
    version: Option<u64>,
    #[serde(flatten)]
    facts: Facts,
}

/// What is sent of a house.
#[derive(Clone, Debug, ToSchema)]
struct HawbInput {
    /// The forwarder's own number.
    number: Option<String>,
    /// Its master, by id or number.
    mawb: Option<String>,
    /// Weight in kilograms.
    #[schema(value_type = Option<f64>)]
    weight_kg: Option<serde_json::Number>,
    /// The revision that was seen.
    version: Option<u64>,
    #[serde(flatten)]
    facts: HouseFacts,
}

type Map = serde_json::Map<String, serde_json::Value>;

/// Takes a field of its own out of what is sent; the rest are facts, of which none unknown is passed over.
fn own<T: DeserializeOwned, E: serde::de::Error>(
    map: &mut Map,
    name: &str,
) -> std::result::Result<Option<T>, E> {
    let Some(value) = map.remove(name) else { return Ok(None) };
    serde_json::from_value(value).map_err(|e| E::custom(format!("{name}: {e}")))
}

impl<'de> Deserialize<'de> for MawbInput {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let mut map = Map::deserialize(d)?;
        Ok(Self {
            number: own(&mut map, "number")?,
            as_written: own(&mut map, "as_written")?,
            weight_kg: own(&mut map, "weight_kg")?,
            version: own(&mut map, "version")?,
            facts: serde_json::from_value(map.into()).map_err(serde::de::Error::custom)?,
        })
    }
}

impl<'de> Deserialize<'de> for HawbInput {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let mut map = Map::deserialize(d)?;
        Ok(Self {
            number: own(&mut map, "number")?,
            mawb: own(&mut map, "mawb")?,
            weight_kg: own(&mut map, "weight_kg")?,
            version: own(&mut map, "version")?,
            facts: serde_json::from_value(map.into()).map_err(serde::de::Error::custom)?,
        })
    }
}

impl MawbInput {
    fn facts(&self) -> Result<Facts> {
        let mut facts = self.facts.clone();
        if let Some(kg) = &self.weight_kg {
            facts.weight = Some(service::grams(kg)?);
        }
        Ok(facts)
    }
}

impl HawbInput {
    fn facts(&self) -> Result<HouseFacts> {
        let mut facts = self.facts.clone();
        if let Some(kg) = &self.weight_kg {
            facts.weight = Some(service::grams(kg)?);
        }
        Ok(facts)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    state: Option<String>,
    open: Option<bool>,
    destination: Option<String>,
    airline: Option<String>,
    q: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

impl Listing {
    fn admits(&self, row: &Folded<super::model::Mawb>, state: Option<State>) -> bool {
        let m = &row.state;
        state.is_none_or(|s| s == m.state)
            && self.open.is_none_or(|open| open == m.state.is_open())
            && self.destination.as_ref().is_none_or(|d| m.facts.destination.as_ref() == Some(d))
            && self.airline.as_deref().is_none_or(|a| a == m.number.prefix())
            && !m.number.digits().is_empty()
    }
}

fn zone(tx: &dyn ReadTx) -> Result<String> {
    Ok(Policy::current(tx)?.rules.opening.zone.clone())
}

async fn list(call: Call<ViewAirFreight>, q: Query<Listing>) -> Response {
    let q = q.0;
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let (most, zone) = (limit(q.limit)?, zone(tx)?);
        let state = q.state.as_deref().map(str::parse::<State>).transpose();
        let state = state.map_err(|e| Invalid::at("?state", e))?;
        if let Some(text) = &q.q {
            let mut items = Vec::new();
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            for id in repo::beginning_with(tx, &digits)?.into_iter().take(most) {
                if let Some(e) = MAWBS.entry(tx, &id)?.filter(|e| q.admits(&e.value, state)) {
                    items.push(views::card(tx, &zone, &e)?);
                }
            }
            return Ok(Answer::page(&Page { items, next: None })?);
        }
        let (ix, prefix) = match (&q.destination, &q.airline, state) {
            (Some(there), _, _) => (repo::BY_DESTINATION, key::text_then(there, &[])),
            (_, _, Some(state)) => (repo::BY_STATE, repo::state_key(state)),
            (_, Some(airline), _) => (repo::BY_PREFIX, key::text_then(airline, &[])),
            _ => (Ix::Primary, Vec::new()),
        };
        let (mut items, mut looked, mut at) = (Vec::new(), 0, position(q.cursor.as_deref())?);
        loop {
            let room = (most - items.len()).min(SCAN_BUDGET - looked);
            let rows = MAWBS.scan(tx, ix, &KeyRange::prefix(&prefix).resume(at), Dir::Down, room)?;
            looked += rows.items.len();
            for e in rows.items.iter().filter(|e| q.admits(&e.value, state)) {
                items.push(views::card(tx, &zone, e)?);
            }
            at = rows.next;
            if at.is_none() || items.len() >= most || looked >= SCAN_BUDGET {
                let next = at.as_ref().map(cursor).transpose()?;
                return Ok(Answer::page(&Page { items, next })?);
            }
        }
    })
}

fn shown(tx: &dyn ReadTx, cx: &Cx, entry: Entry<Folded<super::model::Mawb>>) -> Result<Answer> {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    skip: Option<usize>,
    limit: Option<usize>,
}

async fn timeline(call: Call<ViewAirFreight>, name: Path<String>, q: Query<Skip>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let row = service::find(tx, &name)?.value;
        let page = (q.0.skip.unwrap_or(0), limit(q.0.limit)?);
        Ok(Answer::ok(&views::timeline(tx, &row, page)?)?)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct On {
    on: Option<Date>,
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
        let found = super::clocks::storage(&m, &terminal, on);
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HouseListing {
    mawb: Option<String>,
    number: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list_houses(call: Call<ViewAirFreight>, q: Query<HouseListing>) -> Response {
    let q = q.0;
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let most = limit(q.limit)?;
        if let Some(number) = &q.number {
            let rows = repo::houses_named(tx, number)?;
            let items: Vec<HawbView> = rows.into_iter().take(most).map(HawbView::from).collect();
            return Ok(Answer::page(&Page { items, next: None })?);
        }
        let at = position(q.cursor.as_deref())?;
        let rows = match &q.mawb {
            Some(name) => {
                let prefix = service::find_id(tx, name)?.0;
                HAWBS.scan(tx, repo::BY_MASTER, &KeyRange::prefix(&prefix).resume(at), Dir::Up, most)?
            }
            None => HAWBS.scan(tx, Ix::Primary, &KeyRange::all().resume(at), Dir::Down, most)?,
        };
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let items: Vec<HawbView> = rows.items.into_iter().map(HawbView::from).collect();
        Ok(Answer::page(&Page { items, next })?)
    })
}

async fn create_house(call: Call<EditAirFreight>, body: Body<HawbInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let number = body.0.number.as_deref().ok_or_else(|| Invalid::at("/number", "is needed"))?;
        let facts = body.0.facts()?;
        let view: HawbView = houses::create(tx, grant, cx, (number, body.0.mawb.as_deref(), facts))?.into();
        Ok(Answer::created(format!("/api/v1/hawbs/{}", view.id), &view)?.rev(view.version))
    })
    .await
}

async fn punctuality(call: Call<ViewAirFreight>, q: Query<On>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let policy = Policy::current(tx)?;
        let on = q.0.on.unwrap_or_else(|| policy.calendar.local_day(now));
        Ok(Answer::ok(&stats::punctuality(tx, on)?)?)
    })
}

async fn show_house(call: Call<ViewAirFreight>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let view = HawbView::from(houses::find(tx, &name)?);
        Ok(Answer::ok(&view)?.rev(view.version))
    })
}

async fn change_house(call: Call<EditAirFreight>, name: Path<String>, body: Body<HawbInput>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer> {
        if body.0.number.is_some() {
            return Err(Invalid::at("/number", "can't be changed: announce another house").into());
        }
        let news = (seen, body.0.mawb.as_deref(), body.0.facts()?);
        let view = HawbView::from(houses::change(tx, grant, cx, &name, news)?);
        Ok(Answer::ok(&view)?.rev(view.version))
    })
    .await
}

async fn report_house(call: Call<EditAirFreight>, name: Path<String>, body: Body<Reported>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let view = HawbView::from(houses::report(tx, grant, cx, &name, &body.0)?);
        Ok(Answer::ok(&view)?.rev(view.version))
    })
    .await
}

async fn house_timeline(call: Call<ViewAirFreight>, name: Path<String>, q: Query<Skip>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let row = houses::find(tx, &name)?.value;
        let page = (q.0.skip.unwrap_or(0), limit(q.0.limit)?);
        Ok(Answer::ok(&views::timeline(tx, &row, page)?)?)
    })
}

/// A bill that is entered or changed.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BillInput {
    /// Its number at whoever wrote it.
    number: String,
    /// Who wrote it.
    #[serde(default)]
    from: String,
    /// What it is for.
    #[serde(default)]
    kind: BillKind,
    /// The waybill it is for, by id or number.
    #[serde(default)]
    mawb: Option<String>,
    /// ISO 4217.
    currency: String,
    /// Its lines, in minor units.
    lines: Vec<BillLine>,
    /// The day it is due.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    due: Option<Date>,
    /// The revision that was seen.
    #[serde(default)]
    version: Option<u64>,
}

impl BillInput {
    fn bill(&self, tx: &dyn ReadTx) -> Result<Bill> {
        let Self { number, from, kind, mawb, currency, lines, due, version: _ } = self.clone();
        let mawb = mawb.map(|name| service::find_id(tx, &name)).transpose()?;
        Ok(Bill { number, from, kind, mawb, currency, lines, due, ..Bill::default() })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BillListing {
    mawb: Option<String>,
    #[serde(default)]
    open: bool,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list_bills(call: Call<ViewBills>, q: Query<BillListing>) -> Response {
    let q = q.0;
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let (most, at) = (limit(q.limit)?, position(q.cursor.as_deref())?);
        let rows = match (&q.mawb, q.open) {
            (Some(name), _) => {
                let prefix = service::find_id(tx, name)?.0;
                BILLS.scan(tx, BILL_BY_MASTER, &KeyRange::prefix(&prefix).resume(at), Dir::Up, most)?
            }
            (None, true) => BILLS.scan(tx, BILL_BY_DUE, &KeyRange::all().resume(at), Dir::Up, most)?,
            (None, false) => BILLS.scan(tx, Ix::Primary, &KeyRange::all().resume(at), Dir::Down, most)?,
        };
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let open =
            |e: &Entry<Folded<Bill>>| !q.open || (e.value.state.paid_at.is_none() && !e.value.state.void);
        let items: Vec<BillView> = rows.items.into_iter().filter(open).map(BillView::from).collect();
        Ok(Answer::page(&Page { items, next })?)
    })
}

fn billed(entry: Entry<Folded<Bill>>) -> Result<Answer> {
    let view = BillView::from(entry);
    Ok(Answer::ok(&view)?.rev(view.version))
}

async fn enter_bill(call: Call<EditBills>, body: Body<BillInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let bill = body.0.bill(tx)?;
        let view = BillView::from(accounts::enter(tx, grant, cx, bill)?);
        Ok(Answer::created(format!("/api/v1/bills/{}", view.id), &view)?.rev(view.version))
    })
    .await
}

async fn show_bill(call: Call<ViewBills>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        billed(accounts::find(tx, &name)?)
    })
}

async fn change_bill(call: Call<EditBills>, name: Path<String>, body: Body<BillInput>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let bill = body.0.bill(tx)?;
        billed(accounts::change(tx, grant, cx, &name, (seen, bill))?)
    })
    .await
}

/// A payment.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PayInput {
    /// When; now when absent.
    #[serde(default)]
    at: Option<Timestamp>,
    /// The receipt, an attachment.
    #[serde(default)]
    receipt: Option<Id>,
}

async fn pay_bill(call: Call<PayCharges>, name: Path<String>, body: Body<PayInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        if let Some(receipt) = body.0.receipt
            && crate::attachments::service::find(tx, &receipt.to_string()).is_err()
        {
            return Err(Invalid::at("/receipt", format!("there is no attachment {receipt}")).into());
        }
        billed(accounts::pay(tx, grant, cx, &name, (body.0.at, body.0.receipt))?)
    })
    .await
}

async fn match_bill(call: Call<EditBills>, name: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        billed(accounts::decide(tx, grant, cx, &name, Decision::Match)?)
    })
    .await
}

async fn void_bill(call: Call<EditBills>, name: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        billed(accounts::decide(tx, grant, cx, &name, Decision::Void)?)
    })
    .await
}

async fn workflow(call: Call<ViewWorkflows>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        Ok(Answer::ok(&views::workflow(tx, &service::find(tx, &name)?.value)?)?)
    })
}

async fn advance(call: Call<AdvanceWorkflows>, name: Path<String>, body: Body<Advance>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let entry = service::advance(tx, grant, cx, &name, &body.0)?;
        Ok(Answer::ok(&views::workflow(tx, &entry.value)?)?)
    })
    .await
}

/// The steps new waybills begin with.
#[derive(Serialize, ToSchema)]
struct SopView {
    /// Which version.
    version: u32,
    /// The record's revision.
    revision: u64,
    /// The steps.
    steps: Vec<Step>,
}

/// Steps that are set.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StepsInput {
    /// In their order.
    steps: Vec<Step>,
    /// The revision that was seen.
    #[serde(default)]
    version: Option<u64>,
}

async fn steps(call: Call<ViewWorkflows>) -> Response {
    call.read(|tx, _| -> Result<Answer> {
        let (Sop { version, steps }, revision) = desk::present(tx)?;
        Ok(Answer::ok(&SopView { version, revision, steps })?.rev(revision))
    })
}

async fn put_steps(call: Call<EditWorkflows>, body: Body<StepsInput>) -> Response {
    let seen = call.if_match()?.or(body.0.version);
    call.write(move |tx, grant, cx| -> Result<Answer> {
        service::whole(grant)?;
        let (old, found) = desk::present(tx)?;
        match seen {
            // Nobody has set any yet: there is no revision to have seen.
            _ if found == 0 => {}
            None => return Err(Invalid::at("/version", "name the revision you have seen").into()),
            Some(seen) if seen != found => return Err(FreightError::Stale { found, seen }),
            Some(_) => {}
        }
        Sop { version: old.version + 1, steps: body.0.steps.clone() }.check()?;
        let (Sop { version, steps }, revision) = desk::keep(tx, cx, body.0.steps.clone())?;
        Ok(Answer::ok(&SopView { version, revision, steps })?.rev(revision))
    })
    .await
}

/// The text of a request, and its hash so that a repeated key can be held against it.
async fn text_of<F: crate::identity::features::Feature>(
    call: &Call<F>,
    payload: Payload,
) -> std::result::Result<String, ApiError> {
    let patience = Duration::from_secs(call.app.config.limits.body_timeout_s);
    let bytes = collect(payload.into_inner(), fsu::MAX_TEXT, patience).await?;
    call.request().extensions_mut().insert(BodyHash(*blake3::hash(&bytes).as_bytes()));
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|_| Invalid::at("/", "is no text in UTF-8").into())
}

async fn send(call: Call<SendAirMessages>, payload: Payload) -> Response {
    let text = text_of(&call, payload).await?;
    call.write(move |tx, grant, cx| -> Result<Answer> {
        Ok(Answer::ok(&inbox::take(tx, grant, cx, &text)?)?)
    })
    .await
}

async fn carrier_events(call: Call<SendAirMessages>, code: Path<String>, payload: Payload) -> Response {
    let text = text_of(&call, payload).await?;
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let (carrier, _) =
            carriers::find(tx, &code)?.ok_or_else(|| FreightError::unknown("carrier", &code))?;
        let strange = fsu::parse(&text).messages.into_iter();
        let mut strange = strange.filter(|m| !carrier.prefixes.iter().any(|p| p == m.awb.prefix()));
        if let Some(m) = strange.next() {
            let said = format!("{} is no waybill of {}", m.awb, carrier.code);
            return Err(Invalid(vec![Problem::new(format!("/{}", m.line), said)]).into());
        }
        Ok(Answer::ok(&inbox::take(tx, grant, cx, &text)?)?)
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paged {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn unknown(call: Call<ViewAirFreight>, q: Query<Paged>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let range = KeyRange::all().resume(position(q.0.cursor.as_deref())?);
        let rows = HEARD.scan(tx, repo::UNKNOWN, &range, Dir::Down, limit(q.0.limit)?.min(50))?;
        Ok(Answer::page(&rows.into_page()?)?)
    })
}

async fn dashboard(call: Call<ViewDashboard>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let policy = Policy::current(tx)?;
        let today = policy.calendar.local_day(now);
        Ok(Answer::ok(&stats::glance(tx, &policy.rules.opening.zone, today)?)?)
    })
}

/// A carrier as it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = AirCarrierView)]
struct CarrierView {
    #[serde(flatten)]
    carrier: Carrier,
    /// Its revision; 0 for one that everybody knows.
    version: u64,
}

/// What is sent of a carrier that is changed.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AirCarrierInput)]
struct CarrierInput {
    /// Its name.
    name: String,
    /// The three digits its waybills begin with.
    prefixes: Vec<String>,
    /// Where its desk is reached.
    #[serde(default)]
    email: Option<String>,
    /// Whether it is still worked with.
    #[serde(default)]
    active: Option<bool>,
    /// The revision that was seen.
    #[serde(default)]
    version: Option<u64>,
}

async fn list_carriers(call: Call<ViewAirFreight>) -> Response {
    call.read(|tx, _| -> Result<Answer> {
        let all = carriers::all(tx)?.into_iter();
        Ok(Answer::ok(&all.map(|(carrier, version)| CarrierView { carrier, version }).collect::<Vec<_>>())?)
    })
}

fn keep_carrier(tx: &mut dyn WriteTx, cx: &Cx, carrier: Carrier) -> Result<CarrierView> {
    carrier.check()?;
    let id = carriers::carrier_id(&carrier.code);
    let version = reference::set(tx, cx, id, Some(carrier.clone()))?.rev;
    Ok(CarrierView { carrier, version })
}

async fn add_carrier(call: Call<EditCarriers>, body: Body<Carrier>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        service::whole(grant)?;
        let carrier = body.0.clone();
        if carriers::find(tx, &carrier.code)?.is_some_and(|(_, rev)| rev > 0) {
            let id = carriers::carrier_id(&carrier.code);
            return Err(FreightError::Exists { what: "carrier", number: carrier.code, id });
        }
        let view = keep_carrier(tx, cx, carrier)?;
        Ok(Answer::created(format!("/api/v1/carriers/{}", view.carrier.code), &view)?.rev(view.version))
    })
    .await
}

async fn put_carrier(call: Call<EditCarriers>, code: Path<String>, body: Body<CarrierInput>) -> Response {
    let seen = call.if_match()?.or(body.0.version);
    call.write(move |tx, grant, cx| -> Result<Answer> {
        service::whole(grant)?;
        let (_, found) = carriers::find(tx, &code)?.ok_or_else(|| FreightError::unknown("carrier", &code))?;
        if let Some(seen) = seen.filter(|seen| *seen != found && found > 0) {
            return Err(FreightError::Stale { found, seen });
        }
        let CarrierInput { name, prefixes, email, active, version: _ } = body.0.clone();
        let code = code.to_uppercase();
        let view =
            keep_carrier(tx, cx, Carrier { code, name, prefixes, email, active: active.unwrap_or(true) })?;
        Ok(Answer::ok(&view)?.rev(view.version))
    })
    .await
}

/// A terminal as it is shown.
#[derive(Serialize, ToSchema)]
struct TerminalView {
    #[serde(flatten)]
    terminal: Terminal,
    /// Its revision.
    version: u64,
}

async fn list_terminals(call: Call<ViewAirFreight>) -> Response {
    call.read(|tx, _| -> Result<Answer> {
        let all = desk::terminals(tx)?.into_iter();
        Ok(Answer::ok(
            &all.map(|(terminal, version)| TerminalView { terminal, version }).collect::<Vec<_>>(),
        )?)
    })
}

async fn put_terminal(call: Call<EditCarriers>, body: Body<Terminal>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        service::whole(grant)?;
        let terminal = body.0.clone();
        terminal.check()?;
        let there = desk::terminal(tx, &terminal.code)?.is_some();
        if !there && desk::terminals(tx)?.len() >= desk::MAX_TERMINALS {
            return Err(FreightError::State(format!(
                "there are {} terminals; that is the most",
                desk::MAX_TERMINALS
            )));
        }
        let version = reference::set(tx, cx, desk::terminal_id(&terminal.code), Some(terminal.clone()))?.rev;
        work::demand_replan(tx, cx.now)?;
        Ok(Answer::ok(&TerminalView { terminal, version })?.rev(version))
    })
    .await
}
