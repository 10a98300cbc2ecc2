//! Figures on routes: for planners by day and driver, for drivers their own.

use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;

use super::routes::draw;
use super::shell::charts;
use super::shell::icons::Icon;
use super::shell::parts::{Field, empty};
use super::shell::{Fail, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::ids::Id;
use crate::identity::features::{ViewOwnAnalytics, ViewRouteAnalytics};
use crate::identity::grant::Grant;
use crate::routes::figures::{self, Figures, Sums};
use crate::store::StoreError;

/// Figures of everybody.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Figures, "nav-figures")
        .when(Viewer::sees_all)
        .get("/route-figures", all)
}

/// One's own.
#[must_use]
pub fn own_screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::Figures, "nav-my-figures")
        .when(|v| !v.may::<ViewRouteAnalytics>())
        .get("/my-figures", own)
}

#[derive(Default, Deserialize)]
struct Asked {
    from: Option<String>,
    to: Option<String>,
}

fn read<P: super::shell::visit::Pass>(visit: &Visit<P>, user: Option<Id>) -> Result<Figures, Fail> {
    let asked: Asked = visit.query()?;
    let v = &visit.viewer;
    let day = |said: Option<&String>| said.and_then(|s| s.parse::<Date>().ok());
    let to = day(asked.to.as_ref()).unwrap_or_else(|| v.now.civil(&v.zone).date());
    let from = day(asked.from.as_ref()).unwrap_or_else(|| to.saturating_sub(jiff::Span::new().days(27)));
    let days = figures::span(from, to)?;
    visit.read(|tx| -> Result<Figures, StoreError> { figures::count(tx, days, user) })
}

#[allow(clippy::unused_async)] // the form of a handler
async fn all(visit: Visit<Grant<ViewRouteAnalytics>>) -> Reply {
    crate::routes::service::whole(&visit.pass)?;
    let found = read(&visit, None)?;
    let v = &visit.viewer;
    Ok(Out::page(v.t("nav-figures"), page(v, "/route-figures", &v.t("nav-figures"), &found, true)))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn own(visit: Visit<Grant<ViewOwnAnalytics>>) -> Reply {
    let found = read(&visit, Some(visit.principal.actor.user))?;
    let v = &visit.viewer;
    Ok(Out::page(v.t("nav-my-figures"), page(v, "/my-figures", &v.t("nav-my-figures"), &found, false)))
}

fn page(v: &Viewer, path: &str, title: &str, f: &Figures, with_drivers: bool) -> Markup {
    let (from, to) = (f.from.to_string(), f.to.to_string());
    let label = |d: Date| d.strftime("%d/%m").to_string();
    let bars: Vec<charts::Bar> = f.days.iter().map(|d| (label(d.day), d.sums.done)).collect();
    html! {
        div.head { h1 { (title) } }
        form.filters action=(path) {
            (Field::text("from", v.t("from"), &from).kind("date", "off"))
            (Field::text("to", v.t("to"), &to).kind("date", "off"))
            button { (v.t("show")) }
        }
        @if f.days.is_empty() { (empty(&v.t("figures-none"), &html! { p { (v.t("figures-none-hint")) } })) }
        @else {
            (total(v, &f.total))
            p.faint { (v.t("efficiency-means")) @if f.cut { " " (v.t("figures-cut")) } }
            section.card { (charts::bars(v, "per-day", &v.t("figures-per-day"), &bars)) }
            (table(v, &v.t("route-day"), f.days.iter().map(|d| (label(d.day), &d.sums))))
            @if with_drivers {
                h2 { (v.t("fleet-drivers")) }
                (table(v, &v.t("fleet-driver"), f.drivers.iter().map(|d| (if d.driver.is_empty() { "–".into() } else { d.driver.clone() }, &d.sums))))
            }
        }
    }
}

fn percent(v: &Viewer, share: Option<f64>) -> String {
    let said = share.map_or_else(|| "–".into(), |s| format!("{s:.0} %"));
    if v.words.tag == "en" { said } else { said.replace('.', ",") }
}

fn on_time(s: &Sums) -> Option<f64> {
    (s.done > 0).then(|| 100.0 * s.on_time as f64 / s.done as f64)
}

fn duration(v: &Viewer, s: &Sums) -> String {
    s.mean_duration_s.map_or_else(|| "–".into(), |d| v.span(std::time::Duration::from_secs(d)))
}

fn total(v: &Viewer, s: &Sums) -> Markup {
    html! {
        div.figures {
            div.figure { b { (v.number(s.routes)) } span { (v.t("routes-count")) } }
            div.figure { b { (v.number(s.done)) " / " (v.number(s.stops)) } span { (v.t("route-stops-done")) } }
            div.figure { b { (percent(v, on_time(s))) } span { (v.t("figures-on-time")) } }
            div.figure { b { (draw::metres(v, s.distance_m)) } span { (v.t("route-distance")) } }
            div.figure { b { (duration(v, s)) } span { (v.t("figures-duration")) } }
            div.figure { b { (percent(v, s.efficiency)) } span { (v.t("figures-efficiency")) } }
        }
    }
}

fn table<'a>(v: &Viewer, first: &str, rows: impl Iterator<Item = (String, &'a Sums)>) -> Markup {
    html! {
        table.list {
            thead { tr { th { (first) } th.n { (v.t("routes-count")) } th.n { (v.t("route-stops-done")) } th.n { (v.t("figures-on-time")) } th.n { (v.t("route-distance")) } th.n { (v.t("figures-duration")) } th.n { (v.t("figures-efficiency")) } } }
            tbody {
                @for (name, s) in rows {
                    tr {
                        td { (name) }
                        td.n data-as=(v.t("routes-count")) { (v.number(s.routes)) }
                        td.n data-as=(v.t("route-stops-done")) { (v.number(s.done)) " / " (v.number(s.stops)) }
                        td.n data-as=(v.t("figures-on-time")) { (percent(v, on_time(s))) }
                        td.n data-as=(v.t("route-distance")) { (draw::metres(v, s.distance_m)) }
                        td.n data-as=(v.t("figures-duration")) { (duration(v, s)) }
                        td.n data-as=(v.t("figures-efficiency")) { (percent(v, s.efficiency)) }
                    }
                }
            }
        }
    }
}
