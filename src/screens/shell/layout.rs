//! The frame around every page: who one is, where one can go, and a search that is always at hand.

use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::icons::Icon;
use super::parts;
use super::screen::{Group, Screen};
use super::viewer::Viewer;
use crate::identity::features::{OwnProfile, ViewParcels};
use crate::screens::SCREENS;
use crate::store::migrate::RELEASE;

/// A whole page.
#[must_use]
pub fn page(v: &Viewer, title: &str, main: &Markup) -> Markup {
    let known = v.principal.is_some();
    html! {
        (DOCTYPE)
        html lang=(v.words.tag) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="csrf" content=(v.csrf);
                title { (title) @if !v.depot.is_empty() { " · " (v.depot) } " · Crossdock" }
                link rel="icon" href=(assets::path("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::path("app.css"));
                @if v.path.starts_with("/driver/") {
                    link rel="manifest" href="/driver/manifest.webmanifest";
                    link rel="apple-touch-icon" href=(assets::path("icon-192.png"));
                    meta name="theme-color" content="#0c6a4e";
                }
                script type="module" src=(assets::path("app.js")) {}
            }
            body.bare[!known] data-live=[known.then_some(v.upto)] {
                a.skip href="#main" { (v.t("skip")) }
                @if known { (bar(v)) (rail(v)) }
                main #main tabindex="-1" { (main) }
                p #offline .offline role="status" hidden { (v.t("offline")) }
                footer { "Crossdock " (RELEASE) }
            }
        }
    }
}

fn bar(v: &Viewer) -> Markup {
    let name = v.principal.as_ref().map(|p| p.actor.name.to_string()).unwrap_or_default();
    let device = v.principal.as_ref().and_then(|p| p.actor.device.clone());
    html! {
        header.bar {
            a.brand href="/" { img src=(assets::path("icon.svg")) alt="" width="26" height="26"; span { (v.depot) } }
            @if v.may::<ViewParcels>() {
                form.find role="search" action="/find" aria-label=(v.t("find")) {
                    (Icon::Search)
                    input #find type="search" name="q" autocomplete="off" aria-label=(v.t("find")) placeholder=(v.t("find"));
                    kbd { "/" }
                }
            }
            @if v.may::<OwnProfile>() { (bell(v)) }
            details.me {
                summary { (Icon::Person) span { (name) } }
                div {
                    @if let Some(device) = device { p.faint { (device) } }
                    @if v.may::<OwnProfile>() { a href="/profile" { (v.t("nav-profile")) } }
                    (parts::post(v, "/logout", &html! { button.link { (v.t("log-out")) } }))
                }
            }
        }
    }
}

/// How many notifications are unread; the stream keeps it up to date.
fn bell(v: &Viewer) -> Markup {
    let shown = if v.unread > 99 { "99+".to_owned() } else { v.unread.to_string() };
    html! {
        a.bell.rings[v.unread > 0] href="/notifications" data-bell {
            (Icon::Bell) span.away { (v.t("notifications")) } b hidden[v.unread == 0] { (shown) }
        }
    }
}

/// Screens in the navigation of `v`.
pub fn places(v: &Viewer) -> impl Iterator<Item = (&'static Screen, &'static str)> {
    SCREENS.iter().filter_map(|s| {
        let (nav, first) = (s.nav.as_ref()?, s.routes.first()?);
        (v.may_name(first.feature) && (nav.when)(v)).then_some((s, first.path))
    })
}

fn rail(v: &Viewer) -> Markup {
    let part = |group: Group| places(v).filter(move |(s, _)| s.nav.is_some_and(|n| n.group == group));
    let here = |path: &str| v.path == path || v.path.starts_with(&format!("{path}/"));
    let list = |group: Group, label: &str| {
        html! {
            @if part(group).next().is_some() {
                ul aria-label=(label) {
                    @for (screen, path) in part(group) {
                        @if let Some(nav) = screen.nav {
                            li { a href=(path) aria-current=[here(path).then_some("page")] { (nav.icon) span { (v.t(nav.label)) } } }
                        }
                    }
                }
            }
        }
    };
    html! {
        nav.rail aria-label=(v.t("nav")) {
            (list(Group::Work, &v.t("nav-work")))
            (list(Group::House, &v.t("nav-house")))
        }
    }
}
