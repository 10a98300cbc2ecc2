//! Air freight: the waybills and everything about one of them, the clocks that run, the bills, the procedure.

use jiff::civil::Date;
use maud::{Markup, html};

use super::shell::Viewer;
use super::shell::icons::Icon;
use crate::base::money::Money;
use crate::freight::counts::Pieces;
use crate::freight::model::State;
use crate::identity::features::{ViewAirFreight, ViewBills, ViewWorkflows};

pub mod bills;
mod board;
mod customs;
mod facts;
mod flow;
mod messages;
mod money;
mod papers;
pub mod procedure;
mod step;
mod story;
mod waybill;
pub mod waybills;
mod when;

/// The way between the pages of air freight.
fn tabs(v: &Viewer, here: &str) -> Markup {
    let all = [
        ("/mawbs", v.t("air-waybills"), v.may::<ViewAirFreight>()),
        ("/mawbs/clocks", v.t("air-clocks"), v.may::<ViewAirFreight>()),
        ("/mawbs/messages", v.t("air-messages"), v.may::<ViewAirFreight>()),
        ("/bills", v.t("air-bills"), v.may::<ViewBills>()),
        ("/procedure", v.t("air-procedure"), v.may::<ViewWorkflows>()),
    ];
    html! {
        nav.chips aria-label=(v.t("nav-airfreight")) {
            @for (path, label, may) in &all {
                @if *may { a href=(path) aria-current=[(*path == here).then_some("page")] { (label) } }
            }
        }
    }
}

/// Where a master stands as word, colour and shape.
fn state(v: &Viewer, s: State) -> Markup {
    let (class, icon) = match s {
        State::Booked => ("soon", Icon::Ring),
        State::Departed => ("moves", Icon::Dot),
        State::Arrived | State::Received => ("here", Icon::Square),
        State::Released | State::Collected => ("back", Icon::Back),
        State::Delivered => ("done", Icon::Tick),
        State::Closed => ("over", Icon::Cross),
    };
    html! { span class={ "state " (class) } { (icon) (v.word("air-state", s.as_str())) } }
}

/// How far the pieces have come, such as "RCF 6 of 10".
fn pieces(v: &Viewer, p: &Pieces) -> String {
    let far = [("DLV", p.delivered), ("RCF", p.received), ("ARR", p.arrived), ("DEP", p.departed)];
    let far = far.into_iter().find(|(_, n)| *n > 0);
    match (far, p.expected) {
        (Some((code, n)), Some(of)) => {
            v.with("air-pieces-of", &[("code", code.into()), ("n", n.into()), ("of", of.into())])
        }
        (Some((code, n)), None) => format!("{code} {n}"),
        (None, Some(of)) => v.count("air-pieces", of.into()),
        (None, None) => "–".into(),
    }
}

/// A last free day and how far away it is.
fn lfd(v: &Viewer, day: Option<Date>, left: Option<i32>) -> Markup {
    let (Some(day), Some(left)) = (day, left) else { return html! { "–" } };
    let n = u64::from(left.unsigned_abs());
    let said = match left {
        ..0 => v.count("air-days-over", n),
        0 => v.t("air-last-day"),
        _ => v.count("air-days-left", n),
    };
    html! { span.late[left <= 0] { time datetime=(day) { (v.date(day)) } } " " small class=(if left <= 0 { "level" } else { "faint" }) { (said) } }
}

/// An amount, or a dash.
fn amount(v: &Viewer, m: Option<&Money>) -> Markup {
    html! { @match m { Some(m) => (v.money(m)), None => "–" } }
}
