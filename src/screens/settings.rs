//! What the house sets: its name, zone, language and currency, and how long a parcel may stay where it is.

use maud::{Markup, html};
use serde::Deserialize;

use super::setup::languages;
use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, refusal};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::deadlines::policy::{HouseRules, StaleLimit};
use crate::identity::features::{EditRules, EditSettings, ViewRules, ViewSettings};
use crate::identity::grant::Grant;
use crate::parcels::model::Status;
use crate::parcels::rules::is_final;
use crate::settings::model::SettingsView;
use crate::settings::service::{self, SettingsError};
use crate::store::StoreError;
use crate::web::ApiError;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Settings, "nav-settings")
        .get("/settings", show)
        .post("/settings", put)
        .post("/settings/limits", limits)
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
}

struct Model {
    settings: SettingsView,
    version: u64,
    rules: Option<(HouseRules, u64)>,
    done: Option<String>,
}

fn model<P: super::shell::visit::Pass>(visit: &Visit<P>) -> Result<Model, Fail> {
    let (asked, sees_rules) = (visit.query::<Asked>().unwrap_or_default(), visit.viewer.may::<ViewRules>());
    visit.read(|tx| -> Result<_, StoreError> {
        let (settings, version) = service::settings(tx)?;
        let rules = if sees_rules { Some(service::rules(tx)?) } else { None };
        Ok(Model { settings, version, rules, done: asked.done })
    })
}

fn page<P: super::shell::visit::Pass>(visit: &Visit<P>, fail: Option<&ApiError>) -> Reply {
    let model = model(visit)?;
    Ok(Out::page(visit.viewer.t("nav-settings"), markup(&visit.viewer, &model, fail)).after(fail))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Visit<Grant<ViewSettings>>) -> Reply {
    page(&visit, None)
}

/// The form for those who may send it; for others what stands in it.
fn only(may: bool, v: &Viewer, action: &str, inside: &Markup) -> Markup {
    if may {
        parts::post(v, action, inside)
    } else {
        html! { (inside) }
    }
}

fn markup(v: &Viewer, m: &Model, fail: Option<&ApiError>) -> Markup {
    let s = &m.settings;
    html! {
        h1 { (v.t("nav-settings")) }
        (parts::done(v, m.done.as_deref()))
        (refusal(v, fail))
        section.card.narrow {
            h2 { (v.t("settings-house")) }
            (only(v.may::<EditSettings>(), v, "/settings", &html! {
                fieldset.plain disabled[!v.may::<EditSettings>()] {
                    (parts::version(m.version))
                    (Field::text("depot", v.t("setup-depot"), &s.depot).needed())
                    (Field::text("zone", v.t("zone"), &s.zone).hint(v.t("zone-hint")).needed())
                    div.two {
                        (choice("language", &v.t("language"), &languages(), &s.language))
                        (Field::text("currency", v.t("currency"), &s.currency).hint(v.t("currency-hint")).needed())
                    }
                    @if v.may::<EditSettings>() { button.primary { (v.t("save")) } }
                }
            }))
        }
        @if let Some((rules, version)) = &m.rules { (limits_card(v, rules, *version)) }
    }
}

fn hours(rules: &HouseRules, status: Status) -> u32 {
    let general = |l: &&StaleLimit| l.status == status.as_str() && l.carrier.is_none() && l.service.is_none();
    rules.stale.iter().find(general).map_or(0, |l| l.hours)
}

fn limits_card(v: &Viewer, rules: &HouseRules, version: u64) -> Markup {
    let special = rules.stale.iter().filter(|l| l.carrier.is_some() || l.service.is_some()).count();
    html! {
        section.card.narrow {
            h2 { (v.t("limits")) }
            p.faint { (v.t("limits-hint")) }
            (only(v.may::<EditRules>(), v, "/settings/limits", &html! {
                fieldset.plain disabled[!v.may::<EditRules>()] {
                    (parts::version(version))
                    table.list {
                        thead { tr { th { (v.t("status")) } th { (v.t("limit-hours")) } } }
                        tbody {
                            @for s in Status::ALL.into_iter().filter(|s| !is_final(*s)) {
                                tr { td { label for={ "hours-" (s) } { (parts::status(v, s)) } } td { input.short id={ "hours-" (s) } type="number" min="0" max="8760" name=(s) value=(hours(rules, s)); } }
                            }
                        }
                    }
                    @if special > 0 { p.faint { (v.count("limits-special", special as u64)) } }
                    @if v.may::<EditRules>() { button.primary { (v.t("save")) } }
                }
            }))
        }
    }
}

async fn put(visit: Visit<Grant<EditSettings>>, f: Form) -> Reply {
    let done = match f.version() {
        Err(e) => Err(e.into()),
        Ok(seen) => {
            let put = visit.write::<EditSettings, _, _>(move |tx, grant, cx| -> Result<(), SettingsError> {
                let (old, _) = service::settings(tx)?;
                let text = |name: &str| f.text(name).to_owned();
                let new = SettingsView {
                    depot: text("depot"),
                    zone: text("zone"),
                    language: text("language"),
                    currency: text("currency"),
                    audit_off: old.audit_off,
                };
                service::put_settings(tx, grant, cx, new, seen).map(drop)
            });
            put.await
        }
    };
    back(&visit, done)
}

fn back<P: super::shell::visit::Pass>(visit: &Visit<P>, done: Result<(), Fail>) -> Reply {
    match done {
        Ok(()) => Ok(Out::See("/settings?done=saved".into())),
        Err(Fail::Refused(e)) if visit.viewer.may::<ViewSettings>() => page(visit, Some(&e)),
        Err(fail) => Err(fail),
    }
}

/// Sets the limits that hold for every carrier; those for one carrier or service stay.
fn with_limits(old: HouseRules, f: &Form) -> Result<HouseRules, Invalid> {
    let mut stale: Vec<StaleLimit> =
        old.stale.into_iter().filter(|l| l.carrier.is_some() || l.service.is_some()).collect();
    for s in Status::ALL.into_iter().filter(|s| !is_final(*s)) {
        let hours: u32 = f.parsed(s.as_str())?.unwrap_or(0);
        if hours > 0 {
            stale.push(StaleLimit { status: s.to_string(), carrier: None, service: None, hours });
        }
    }
    Ok(HouseRules { stale, ..old })
}

async fn limits(visit: Visit<Grant<EditRules>>, f: Form) -> Reply {
    let done = match f.version() {
        Err(e) => Err(e.into()),
        Ok(seen) => {
            let put = visit.write::<EditRules, _, _>(move |tx, grant, cx| -> Result<(), SettingsError> {
                let (old, _) = service::rules(tx)?;
                service::put_rules(tx, grant, cx, with_limits(old, &f)?, seen).map(drop)
            });
            put.await
        }
    };
    back(&visit, done)
}
