//! The clocks that run, across all masters: what ends next, and what costs most.

use fluent_bundle::FluentValue;
use maud::{Markup, html};
use serde::Deserialize;

use crate::base::error::Invalid;
use crate::base::money::Money;
use crate::deadlines::policy::Policy;
use crate::freight::board::{self, Board, Kind, Order, Running};
use crate::freight::error::FreightError;
use crate::freight::service;
use crate::identity::features::ViewAirFreight;
use crate::identity::grant::Grant;
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{choice, empty};
use crate::screens::shell::{Out, Reply, Viewer, Visit};

/// Clocks on the page.
const SHOWN: usize = 100;

#[derive(Default, Deserialize)]
struct Asked {
    kind: Option<String>,
    order: Option<String>,
}

#[allow(clippy::unused_async)] // the form of a handler
pub(super) async fn show(visit: Visit<Grant<ViewAirFreight>>) -> Reply {
    let asked: Asked = visit.query()?;
    let kind = asked.kind.as_deref().filter(|k| !k.is_empty()).map(str::parse::<Kind>).transpose();
    let kind = kind.map_err(|e| Invalid::at("?kind", e))?;
    let order = if asked.order.as_deref() == Some("money") { Order::Money } else { Order::Due };
    let (pass, now) = (&visit.pass, visit.viewer.now);
    let board = visit.read(|tx| -> Result<Board, FreightError> {
        service::whole(pass)?;
        let zone = Policy::current(tx)?.rules.opening.zone.clone();
        board::board(tx, (&zone, now), (kind, order))
    })?;
    let v = &visit.viewer;
    Ok(Out::page(v.t("air-clocks"), markup(v, &board, (kind, order))))
}

fn sum(v: &Viewer, label: &str, all: &[Money]) -> Markup {
    html! {
        div.figure.bad[!all.is_empty()] {
            b { @if all.is_empty() { "0" } @for (n, m) in all.iter().enumerate() { @if n > 0 { " + " } (v.money(m)) } }
            span { (label) }
        }
    }
}

fn markup(v: &Viewer, b: &Board, (kind, order): (Option<Kind>, Order)) -> Markup {
    let chosen = kind.map_or("", Kind::as_str);
    let kinds: Vec<_> = std::iter::once((String::new(), v.t("all")))
        .chain(Kind::ALL.map(|k| {
            let n = b.count.get(k.as_str()).copied().unwrap_or(0);
            (k.as_str().to_owned(), format!("{} ({})", v.word("clock", k.as_str()), v.number(n)))
        }))
        .collect();
    let orders = [("due".to_owned(), v.t("air-by-due")), ("money".to_owned(), v.t("air-by-money"))];
    html! {
        div.head { h1 { (v.t("air-clocks")) } }
        (super::tabs(v, "/mawbs/clocks"))
        form.filters action="/mawbs/clocks" {
            (choice("kind", &v.t("air-clock"), &kinds, chosen))
            (choice("order", &v.t("air-first"), &orders, if order == Order::Money { "money" } else { "due" }))
            button { (v.t("show")) }
        }
        div data-region="clocks" data-kinds="mawb bill" {
            div.figures { (sum(v, &v.t("air-costs-today"), &b.today)) (sum(v, &v.t("air-costs-tomorrow"), &b.a_day_more)) }
            @if b.cut_off { p.notice.warn { (Icon::Triangle) (v.t("air-cut-off")) } }
            @if b.clocks.is_empty() { (empty(&v.t("air-no-clocks"), &html! { p { (v.t("air-no-clocks-hint")) } })) }
            @else { (table(v, &b.clocks)) }
            @if b.clocks.len() > SHOWN { p.more { (v.count("rows-more", (b.clocks.len() - SHOWN) as u64)) } }
        }
    }
}

fn table(v: &Viewer, clocks: &[Running]) -> Markup {
    html! {
        table.list.clocks data-rows {
            thead { tr { th { (v.t("due")) } th { (v.t("air-clock")) } th { (v.t("air-number")) } th { (v.t("air-station")) } th.n { (v.t("air-today")) } th.n { (v.t("air-tomorrow")) } th { (v.t("note")) } } }
            tbody {
                @for c in clocks.iter().take(SHOWN) {
                    tr data-row {
                        td.when.late[c.is_over] {
                            (v.time(c.due)) " "
                            @if c.is_over { small { (v.with("air-over-by", &[("span", FluentValue::from(v.span(v.now.since(c.due))))])) } }
                            @else { small.faint { (v.with("air-in", &[("span", FluentValue::from(v.span(c.due.since(v.now))))])) } }
                        }
                        td { (v.word("clock", c.kind.as_str())) }
                        td.id { a href={ "/mawbs/" (c.mawb) } { (c.number) } }
                        td { (c.station.as_deref().unwrap_or("–")) }
                        td.n.late[c.is_over && c.today.is_some()] data-as=(v.t("air-today")) { (super::amount(v, c.today.as_ref())) }
                        td.n data-as=(v.t("air-tomorrow")) { (super::amount(v, c.a_day_more.as_ref())) }
                        td.faint { (c.note.as_deref().unwrap_or_default()) }
                    }
                }
            }
        }
    }
}
