//! The bills of a master, and what can be done with a bill.

use maud::{Markup, html};

use super::waybill::Page;
use crate::base::money::Money;
use crate::freight::model::BillKind;
use crate::freight::views::BillView;
use crate::identity::features::{EditBills, PayCharges, ViewDocuments};
use crate::screens::shell::Viewer;
use crate::screens::shell::parts::{self, Field, choice, mark};

/// What a bill may be for.
const KINDS: [BillKind; 6] = [
    BillKind::Isc,
    BillKind::Storage,
    BillKind::Detention,
    BillKind::Freight,
    BillKind::Customs,
    BillKind::Other,
];

pub(super) fn total(b: &BillView) -> Money {
    Money { minor: b.total, currency: b.currency.clone() }
}

/// Where a bill stands as word, colour and shape.
pub(super) fn state(v: &Viewer, b: &BillView) -> Markup {
    if b.void {
        html! { span.state.over { (v.t("air-bill-withdrawn")) } }
    } else if b.matched && b.paid_at.is_some() {
        mark(Some(true), &v.t("air-bill-settled"))
    } else if b.paid_at.is_some() {
        html! { span.state.here { (v.t("air-bill-paid")) } }
    } else {
        mark(None, &v.t("air-bill-open"))
    }
}

pub(super) fn card(v: &Viewer, p: &Page, bills: &[BillView]) -> Markup {
    html! {
        section.card aria-labelledby="bills" {
            h2 id="bills" { (v.t("air-bills")) }
            @if bills.is_empty() { p.faint { (v.t("air-bills-none")) } }
            ul.rows {
                @for b in bills {
                    li {
                        strong { (v.named("bill", b.kind)) } " " span.id { (b.number) } " " strong { (v.money(&total(b))) } " " (state(v, b))
                        @if let Some(day) = b.due.filter(|_| b.paid_at.is_none() && !b.void) { " " small.faint { (v.t("due")) " " (v.date(day)) } }
                        @if let Some(at) = b.paid_at { " " small.faint { (v.time(at)) } }
                        @if let Some(receipt) = b.receipt.filter(|_| v.may::<ViewDocuments>()) { " " a href={ "/api/v1/attachments/" (receipt) "/file?inline=true" } { small { (v.t("air-receipt")) } } }
                        (pay(v, p, b))
                        (decide(v, b))
                    }
                }
            }
            @if v.may::<EditBills>() { (enter(v, p)) }
        }
    }
}

/// Paying, with one of the master's receipts.
fn pay(v: &Viewer, p: &Page, b: &BillView) -> Markup {
    let may = v.may::<PayCharges>() && (b.kind == BillKind::Isc || v.may::<EditBills>());
    if !may || b.void || b.paid_at.is_some() {
        return html! {};
    }
    let is_receipt = |kind: &str| kind.ends_with("receipt");
    let receipts = p.papers.iter().flatten().map(|(e, _)| e);
    let receipts: Vec<_> = receipts.filter(|e| is_receipt(&e.value.state.kind)).collect();
    let name = format!("receipt-{}", b.id);
    html! {
        (parts::post(v, &format!("/bills/{}/pay", b.id), &html! {
            input type="hidden" name="mawb" value=(p.m.id);
            div.pay {
                label.away for=(name) { (v.t("air-receipt")) }
                select id=(name) name="receipt" {
                    @for e in &receipts { option value=(e.value.state.id) { (e.value.state.name) } }
                    option value="" { (v.t("air-no-receipt")) }
                }
                button.small.primary { (v.t("air-pay")) }
            }
        }))
    }
}

/// Matching and withdrawing.
pub(super) fn decide(v: &Viewer, b: &BillView) -> Markup {
    if !v.may::<EditBills>() || b.void {
        return html! {};
    }
    let back = b.mawb.map(|m| m.to_string()).unwrap_or_default();
    let form = |what: &str, label: String| {
        parts::swap(
            v,
            &format!("/bills/{}/{what}", b.id),
            "inline",
            &html! { input type="hidden" name="mawb" value=(back); button.small { (label) } },
        )
    };
    html! {
        @if !b.matched { " " (form("match", v.t("air-match"))) }
        @if b.paid_at.is_none() { " " (form("void", v.t("air-withdraw"))) }
    }
}

fn enter(v: &Viewer, p: &Page) -> Markup {
    let kinds: Vec<_> = KINDS
        .iter()
        .map(|k| {
            let name = serde_json::to_value(k).ok().and_then(|n| n.as_str().map(str::to_owned));
            let name = name.unwrap_or_default();
            let said = v.word("bill", &name);
            (name, said)
        })
        .collect();
    html! {
        details {
            summary { (v.t("air-bill-new")) }
            (parts::post(v, &format!("/mawbs/{}/bills", p.m.id), &html! {
                (choice("kind", &v.t("air-bill-for"), &kinds, "isc"))
                div.two {
                    (Field::text("bill", v.t("air-bill-number"), "").needed())
                    (Field::text("from", v.t("air-bill-from"), ""))
                    (Field::text("amount", v.t("air-amount"), "").needed())
                    (Field::text("currency", v.t("currency"), "EUR").needed())
                }
                (Field::text("due", v.t("due"), "").kind("date", "off"))
                button { (v.t("air-bill-enter")) }
            }))
        }
    }
}
