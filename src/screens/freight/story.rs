//! What happened to a master, the newest first.

use fluent_bundle::FluentValue;
use maud::{Markup, html};

use crate::freight::event::MawbEvent;
use crate::freight::model::Mark;
use crate::journal::Stamped;
use crate::screens::shell::Viewer;

pub(super) fn card(v: &Viewer, story: &[Stamped<MawbEvent>]) -> Markup {
    html! {
        section.card aria-labelledby="story" {
            h2 id="story" { (v.t("timeline")) }
            ol.timeline { @for e in story { li { span.when { (v.time(e.key.at())) } (said(v, &e.event)) } } }
        }
    }
}

fn mark(v: &Viewer, m: &Mark) -> Markup {
    let code = m.code.as_str();
    html! {
        strong { code { (code) } " " (v.word("fsu", code)) }
        @if let Some(reason) = &m.reason { " " span.level { (reason) } }
        @match (m.pieces, m.total) {
            (Some(n), Some(of)) => { " " (v.with("air-n-of", &[("n", n.into()), ("of", of.into())])) }
            (Some(n), None) => { " " (v.count("air-pieces", n.into())) }
            _ => {}
        }
        @if let Some(flight) = &m.flight { " " (flight) }
        @if let Some(station) = &m.station { " " span.place { (station) } @if let Some(to) = &m.to { " → " span.place { (to) } } }
        @if let Some(name) = &m.name { " " span.faint { (name) } }
    }
}

/// An event in the reader's words.
fn said(v: &Viewer, e: &MawbEvent) -> Markup {
    let kind = |kind: &str| v.word("file", kind);
    match e {
        MawbEvent::Announced(_) => html! { (v.t("event-registered")) },
        MawbEvent::Described(_) => html! { (v.t("event-described")) },
        MawbEvent::Reported(m) => mark(v, m),
        MawbEvent::Begun(b) => html! { (v.with("air-begun", &[("n", b.version.into())])) },
        MawbEvent::Stepped(s) => html! {
            (v.t("air-stepped")) " " strong { (s.step) }
            @if let Some(why) = &s.forced { " " small.level { (v.t("event-forced")) } " " q { (why) } }
        },
        MawbEvent::Reminded(r) => html! {
            (v.t("air-reminded"))
            @for (role, text) in &r.said { " " span.faint { (v.word("role", role)) ": " span lang="en" { (text) } } }
        },
        MawbEvent::LfdGiven(l) => match &l.lfd {
            Some(set) => html! { (v.t("air-lfd")) ": " (v.date(set.day)) " " q { (set.reason) } },
            None => html! { (v.t("air-lfd-computed")) },
        },
        MawbEvent::Held(h) => match &h.hold {
            Some(hold) => html! { span.level { (v.t("air-held")) } " " q { (hold.reason) } },
            None => html! { (v.t("air-held-no-more")) },
        },
        MawbEvent::UnitTold(u) => html! {
            span.id { (u.number) } " " (v.t(if u.returned_at.is_some() { "air-unit-back" } else { "air-unit-out" }))
        },
        MawbEvent::Filed(d) => html! { (v.t("air-filed")) ": " (kind(&d.kind)) },
        MawbEvent::Unfiled(d) => html! { (v.t("air-unfiled")) ": " (kind(&d.kind)) },
        MawbEvent::Billed(b) => {
            let what = v.named("bill", b.kind);
            let key = if b.void {
                "air-bill-withdrawn"
            } else if b.matched {
                "air-bill-was-matched"
            } else if b.paid_at.is_some() {
                "air-bill-was-paid"
            } else {
                "air-bill-came"
            };
            html! { (what) ": " (v.t(key)) }
        }
        MawbEvent::Labelled(s) => html! { span.place { (s.text) } },
        MawbEvent::Signalled(s) => {
            html! { (v.with("air-signalled", &[("name", FluentValue::from(s.text.as_str()))])) }
        }
        MawbEvent::Noted(s) => html! { q { (s.text) } },
        MawbEvent::TakenBack(t) => html! { strong { (v.t("air-taken-back")) } " " q { (t.reason) } },
        MawbEvent::Closed(_) => html! { strong { (v.word("air-state", "closed")) } },
    }
}
