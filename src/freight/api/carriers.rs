//! Airlines and terminals: the rules waybills are handled by.

use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Response;
use crate::freight::carriers::{self, Carrier};
use crate::freight::error::{FreightError, Result};
use crate::freight::terminals::Terminal;
use crate::freight::{desk, service, work};
use crate::identity::features::{EditCarriers, ViewAirFreight};
use crate::journal::{Cx, reference};
use crate::store::WriteTx;
use crate::web::{Answer, Body, Call, Routes};

const TERMINAL: &str = r#"{"code":"LHR","zone":"Europe/London","free":{"days":2,"counts_from":"available"},"storage":{"currency":"GBP","minimum":2000,"steps":[{"from_day":1,"per_kg_thousandths":25000}]}}"#;

const CARRIER: &str = r#"{"code":"X9","name":"Example Cargo","prefixes":["998"]}"#;

pub(super) fn routes(r: Routes) -> Routes {
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
