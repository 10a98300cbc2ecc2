//! The routes of what a tenant sets.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::SettingsView;
use super::service::{self, SettingsError};
use crate::deadlines::dock::DockRules;
use crate::deadlines::opening::OpeningTimes;
use crate::deadlines::policy::HouseRules;
use crate::identity::features::{
    EditCalendars, EditRules, EditSettings, ViewCalendars, ViewRules, ViewSettings,
};
use crate::store::StoreError;
use crate::web::{Answer, ApiError, Body, Call, Routes};

async fn get_rules(call: Call<ViewRules>) -> Result<HttpResponse, ApiError> {
    call.read(|tx, _| -> Result<_, StoreError> {
        let (rules, rev) = service::rules(tx)?;
        Ok(Answer::ok(&rules)?.rev(rev))
    })
}

async fn put_rules(call: Call<EditRules>, body: Body<HouseRules>) -> Result<HttpResponse, ApiError> {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<_, SettingsError> {
        let (rules, rev) = service::put_rules(tx, grant, cx, body.0.clone(), seen)?;
        Ok(Answer::ok(&rules)?.rev(rev))
    })
    .await
}

async fn get_calendar(call: Call<ViewCalendars>) -> Result<HttpResponse, ApiError> {
    call.read(|tx, _| -> Result<_, StoreError> {
        let (rules, rev) = service::rules(tx)?;
        Ok(Answer::ok(&rules.opening)?.rev(rev))
    })
}

async fn put_calendar(call: Call<EditCalendars>, body: Body<OpeningTimes>) -> Result<HttpResponse, ApiError> {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<_, SettingsError> {
        let (opening, rev) = service::put_calendar(tx, grant, cx, body.0.clone(), seen)?;
        Ok(Answer::ok(&opening)?.rev(rev))
    })
    .await
}

async fn get_settings(call: Call<ViewSettings>) -> Result<HttpResponse, ApiError> {
    call.read(|tx, _| -> Result<_, StoreError> {
        let (settings, rev) = service::settings(tx)?;
        Ok(Answer::ok(&settings)?.rev(rev))
    })
}

async fn put_settings(call: Call<EditSettings>, body: Body<SettingsView>) -> Result<HttpResponse, ApiError> {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<_, SettingsError> {
        let (settings, rev) = service::put_settings(tx, grant, cx, body.0.clone(), seen)?;
        Ok(Answer::ok(&settings)?.rev(rev))
    })
    .await
}

async fn get_dock(call: Call<ViewRules>) -> Result<HttpResponse, ApiError> {
    call.read(|tx, _| -> Result<_, StoreError> {
        let (dock, rev) = service::dock(tx)?;
        Ok(Answer::ok(&dock)?.rev(rev))
    })
}

async fn put_dock(call: Call<EditRules>, body: Body<DockRules>) -> Result<HttpResponse, ApiError> {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<_, SettingsError> {
        let (dock, rev) = service::put_dock(tx, grant, cx, body.0.clone(), seen)?;
        Ok(Answer::ok(&dock)?.rev(rev))
    })
    .await
}

const WEEK: &str = r#"{"zone": "Europe/Berlin", "hours": {"weekly": {"monday": [{"from": 480, "to": 1080}], "friday": [{"from": 480, "to": 960}]}}, "holidays": {"2026-12-25": "Christmas Day"}}"#;
const RULES: &str = r#"{"opening": {"zone": "Europe/Berlin", "hours": "always"}, "stale": [{"status": "in_transit", "hours": 24}, {"status": "in_transit", "carrier": "ups", "hours": 12}], "sla_hours": {"stale": 8}, "escalate_at": [50, 100, 200], "currency": "EUR"}"#;

const DOCK: &str = r#"{"truck_grace_minutes": 90, "holding_hours": 168, "holding": [{"service": "express", "hours": 72}], "notices": [50, 90], "returns": true}"#;

/// The routes of this area.
pub fn routes() -> Routes {
    Routes::new("settings")
        .add::<ViewRules, _, _>(Method::GET, "/rules", get_rules, "The house rules: limits, escalation, working hours")
        .answers::<HouseRules>(200)
        .add::<EditRules, _, _>(Method::PUT, "/rules", put_rules, "Set the house rules")
        .body::<HouseRules>(RULES)
        .answers::<HouseRules>(200)
        .add::<ViewRules, _, _>(
            Method::GET,
            "/dock-rules",
            get_dock,
            "How long after its time a truck is missed, and how long a parcel waits at the counter",
        )
        .answers::<DockRules>(200)
        .add::<EditRules, _, _>(Method::PUT, "/dock-rules", put_dock, "Set them")
        .body::<DockRules>(DOCK)
        .answers::<DockRules>(200)
        .add::<ViewCalendars, _, _>(Method::GET, "/calendars", get_calendar, "When the depot works")
        .answers::<OpeningTimes>(200)
        .add::<EditCalendars, _, _>(Method::PUT, "/calendars", put_calendar, "Set when the depot works")
        .body::<OpeningTimes>(WEEK)
        .answers::<OpeningTimes>(200)
        .add::<ViewSettings, _, _>(Method::GET, "/settings", get_settings, "Name, zone, language, currency, what is not audited")
        .answers::<SettingsView>(200)
        .add::<EditSettings, _, _>(Method::PUT, "/settings", put_settings, "Set them")
        .body::<SettingsView>(r#"{"depot": "Depot North", "zone": "Europe/Berlin", "language": "en", "currency": "EUR", "audit_off": ["tracking"]}"#)
        .answers::<SettingsView>(200)
}
