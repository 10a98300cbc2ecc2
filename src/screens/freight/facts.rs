//! What is known of a master: its facts, flights and houses, its clocks; and telling more of it.

use fluent_bundle::FluentValue;
use jiff::civil::Date;
use maud::{Markup, html};

use super::waybill::{self, Page};
use super::waybills::moment;
use crate::base::error::Invalid;
use crate::freight::board::Running;
use crate::freight::codes::Code;
use crate::freight::error::FreightError;
use crate::freight::model::{Facts, Party, Pickup, Unit};
use crate::freight::service::{self, Reported};
use crate::identity::features::EditAirFreight;
use crate::identity::grant::Grant;
use crate::screens::shell::parts::{self, Field, choice, fact, swap};
use crate::screens::shell::{Fail, Form, Reply, Viewer, Visit};

fn party(p: Option<&Party>) -> Option<Markup> {
    let p = p?;
    let lines = [Some(&p.name), p.address.as_ref(), p.email.as_ref(), p.phone.as_ref()];
    let lines: Vec<&String> = lines.into_iter().flatten().filter(|l| !l.is_empty()).collect();
    (!lines.is_empty())
        .then(|| html! { @for (n, line) in lines.iter().enumerate() { @if n > 0 { br; } (line) } })
}

pub(super) fn card(v: &Viewer, p: &Page) -> Markup {
    let f = &p.m.facts;
    let text = |t: &Option<String>| t.as_ref().map(|t| html! { (t) });
    html! {
        section.card aria-labelledby="known" {
            h2 id="known" { (v.t("facts")) }
            dl.facts {
                (fact(&v.t("from"), text(&f.origin).as_ref()))
                (fact(&v.t("to"), text(&f.destination).as_ref()))
                (fact(&v.t("carrier"), text(&f.carrier).as_ref()))
                (fact(&v.t("air-handler"), text(&f.handler).as_ref()))
                (fact(&v.t("air-flight"), text(&f.flight).as_ref()))
                (fact(&v.t("air-eta"), f.eta.map(|at| v.time(at)).as_ref()))
                (fact(&v.t("pieces"), f.pieces.map(|n| html! { (v.number(n.into())) }).as_ref()))
                (fact(&v.t("weight"), f.weight.map(|w| html! { (v.weight(w)) }).as_ref()))
                (fact(&v.t("air-goods"), text(&f.goods).as_ref()))
                (fact(&v.t("air-shipper"), party(f.shipper.as_ref()).as_ref()))
                (fact(&v.t("air-consignee"), party(f.consignee.as_ref()).as_ref()))
                (fact(&v.t("air-entry"), text(&f.entry_number).as_ref()))
                (fact(&v.t("air-isc"), f.isc.as_ref().map(|m| html! { (v.money(m)) }).as_ref()))
                (fact(&v.t("air-pickup"), f.pickup.as_ref().map(|x| html! { (x.driver) ", " (x.vehicle) ", " (v.time(x.slot)) }).as_ref()))
                @for (name, value) in &f.more { (fact(name, Some(&html! { (value) }))) }
            }
            (progress(v, p))
            (flights(v, p))
            (houses(v, p))
        }
    }
}

/// How many pieces have come how far, a line each.
fn progress(v: &Viewer, p: &Page) -> Markup {
    let x = &p.m.pieces;
    let Some(of) = x.expected.filter(|n| *n > 0) else { return html! {} };
    let lines = [("DEP", x.departed), ("ARR", x.arrived), ("RCF", x.received), ("DLV", x.delivered)];
    html! {
        table.shares aria-label=(v.t("pieces")) {
            tbody {
                @for (code, n) in lines {
                    tr {
                        th scope="row" { code { (code) } " " (v.word("fsu", code)) }
                        td.n { (v.with("air-n-of", &[("n", n.into()), ("of", of.into())])) }
                        td.line aria-hidden="true" { svg viewBox="0 0 100 8" preserveAspectRatio="none" { rect.bar x="0" y="0" width=(n.saturating_mul(100).div_ceil(of).min(100)) height="8" {} } }
                    }
                }
            }
        }
    }
}

fn flights(v: &Viewer, p: &Page) -> Markup {
    html! {
        @if !p.m.flights.is_empty() {
            h3 { (v.t("air-flights")) }
            ul.rows {
                @for f in &p.m.flights {
                    li {
                        strong { (f.flight) } " " (f.from.as_deref().unwrap_or("–")) " → " (f.to.as_deref().unwrap_or("–"))
                        @if let Some(n) = f.pieces { " · " (v.count("air-pieces", n.into())) }
                        " · " code { (f.last.as_str()) } " " span.faint { (v.time(f.at)) }
                    }
                }
            }
        }
    }
}

fn houses(v: &Viewer, p: &Page) -> Markup {
    let sums = &p.m.houses;
    html! {
        @if sums.houses > 0 {
            h3 { (v.t("air-houses")) " " small.faint { (v.number(sums.houses)) } }
            @if sums.differs { p.level { (v.t("air-houses-differ")) } }
            ul.rows {
                @for h in &p.houses {
                    li {
                        strong.id { (h.number) }
                        @if let Some(n) = h.facts.pieces { " · " (v.count("air-pieces", n.into())) }
                        @if let Some(w) = h.facts.weight { " · " (v.weight(w)) }
                        @if let Some(c) = h.facts.consignee.as_ref().filter(|c| !c.name.is_empty()) { " · " (c.name) }
                        @if let Some(late) = h.days_late().filter(|d| *d > 0) { " " span.level { (v.count("air-days-late", u64::from(late.unsigned_abs()))) } }
                    }
                }
            }
        }
    }
}

fn clock(v: &Viewer, c: &Running) -> Markup {
    html! {
        li {
            strong { (v.word("clock", c.kind.as_str())) } " "
            span.late[c.is_over] { (v.time(c.due)) }
            @if let Some(m) = &c.today { " · " span.level[c.is_over] { (v.money(m)) } }
            @if let Some(m) = &c.a_day_more { " " small.faint { (v.with("air-a-day-more", &[("amount", FluentValue::from(v.money(m)))])) } }
            @if let Some(note) = &c.note { " " span.faint { (note) } }
        }
    }
}

pub(super) fn clocks_card(v: &Viewer, p: &Page) -> Markup {
    let l = &p.m.lfd;
    html! {
        section.card aria-labelledby="clocks" {
            h2 id="clocks" { (v.t("air-clocks")) }
            dl.facts {
                div { dt { (v.t("air-lfd")) } dd { (super::lfd(v, l.day, l.days_left)) @if let Some(why) = &l.by_hand { br; small.faint { (v.t("air-by-hand")) ": " q { (why) } } } } }
                (fact(&v.t("air-free-from"), l.free_from.map(|at| v.time(at)).as_ref()))
                (fact(&v.t("air-terminal"), Some(&html! { (l.terminal) " " small.faint { (l.zone) } })))
                (fact(&v.t("air-detention"), l.detention.map(|d| html! { (v.date(d)) }).as_ref()))
            }
            @if !p.clocks.is_empty() { ul.rows { @for c in &p.clocks { (clock(v, c)) } } }
            @if l.day.is_some() && p.m.state.is_open() { (costs(v, p)) }
            @if v.may::<EditAirFreight>() { (lfd_form(v, p)) }
        }
    }
}

fn costs(v: &Viewer, p: &Page) -> Markup {
    html! {
        h3 id="costs" { (v.t("air-cost-on")) }
        table.costs aria-labelledby="costs" {
            tbody {
                @for on in &p.costs {
                    tr {
                        th scope="row" { (v.date(on.day)) }
                        td.n.late[on.charged > 0] {
                            @match &on.cost { Some(m) if on.charged > 0 => (v.money(m)), None if on.charged == 0 => (v.t("air-no-tariff")), _ => (v.t("air-free")) }
                        }
                    }
                }
            }
        }
        form.inline action={ "/mawbs/" (p.m.id) } {
            input type="date" name="on" aria-label=(v.t("air-on-day"));
            button.small { (v.t("show")) }
        }
    }
}

fn lfd_form(v: &Viewer, p: &Page) -> Markup {
    let day = p.row.lfd.as_ref().map(|l| l.day.to_string()).unwrap_or_default();
    html! {
        details {
            summary { (v.t("air-set-lfd")) }
            (swap(v, &format!("/mawbs/{}/lfd", p.m.id), "stacked", &html! {
                (Field::text("day", v.t("air-lfd"), &day).kind("date", "off").hint(v.t("air-set-lfd-hint")))
                (Field::text("reason", v.t("reason"), "").needed())
                button { (v.t("save")) }
            }))
        }
    }
}

/// Telling what happened, who fetches it, and which units went out.
pub(super) fn news_card(v: &Viewer, p: &Page) -> Markup {
    if !v.may::<EditAirFreight>() {
        return html! {};
    }
    let codes: Vec<_> = Code::ALL
        .iter()
        .filter(|c| **c != Code::Dis)
        .map(|c| (c.as_str().to_owned(), format!("{} · {}", c.as_str(), v.word("fsu", c.as_str()))))
        .collect();
    let at = |what: &str| format!("/mawbs/{}/{what}", p.m.id);
    let pickup = p.m.facts.pickup.as_ref();
    let slot = pickup.map(|x| x.slot.civil(&v.zone).strftime("%Y-%m-%dT%H:%M").to_string());
    html! {
        section.card aria-labelledby="news" {
            h2 id="news" { (v.t("air-news")) }
            details {
                summary { (v.t("air-report")) }
                (swap(v, &at("report"), "stacked", &html! {
                    (choice("code", &v.t("code"), &codes, "RCF"))
                    div.two {
                        (Field::text("pieces", v.t("pieces"), "").kind("number", "off").hint(v.t("air-pieces-hint")))
                        (Field::text("station", v.t("air-station"), p.m.facts.destination.as_deref().unwrap_or_default()))
                        (Field::text("flight", v.t("air-flight"), ""))
                        (Field::text("at", v.t("when"), "").kind("datetime-local", "off"))
                    }
                    button { (v.t("report-send")) }
                }))
            }
            details {
                summary { (v.t("air-book-pickup")) }
                (swap(v, &at("pickup"), "stacked", &html! {
                    (parts::version(p.m.version))
                    div.two {
                        (Field::text("driver", v.t("air-driver"), pickup.map_or("", |x| x.driver.as_str())).needed())
                        (Field::text("vehicle", v.t("air-vehicle"), pickup.map_or("", |x| x.vehicle.as_str())).needed())
                    }
                    (Field::text("slot", v.t("air-slot"), slot.as_deref().unwrap_or_default()).kind("datetime-local", "off").needed())
                    button { (v.t("save")) }
                }))
            }
            details {
                summary { (v.t("air-units")) }
                @for u in &p.m.units {
                    div.unit {
                        span.id { (u.number) } " "
                        @if let Some(out) = u.out_at { small.faint { (v.t("air-unit-out")) " " (v.time(out)) } " " }
                        @match u.returned_at {
                            Some(back) => small { (v.t("air-unit-back")) " " (v.time(back)) },
                            None => (swap(v, &at("units"), "inline", &html! { input type="hidden" name="number" value=(u.number); button.small name="way" value="back" { (v.t("air-unit-came-back")) } })),
                        }
                    }
                }
                (swap(v, &at("units"), "inline", &html! {
                    input type="text" name="number" maxlength="32" required autocomplete="off" aria-label=(v.t("air-unit"));
                    button.small name="way" value="out" { (v.t("air-unit-went-out")) }
                }))
            }
        }
    }
}

pub(super) async fn report(visit: Visit<Grant<EditAirFreight>>, f: Form) -> Reply {
    let name = visit.path("id");
    let read = || -> Result<Reported, Invalid> {
        Ok(Reported {
            code: f.text("code").to_owned(),
            station: f.some("station").map(|s| s.to_uppercase()),
            to: None,
            flight: f.some("flight"),
            pieces: f.parsed("pieces")?,
            total_pieces: None,
            weight_kg: None,
            occurred_at: moment(&visit.viewer, &f, "at")?,
            reason: None,
            note: None,
        })
    };
    let done = match read() {
        Err(e) => Err(e.into()),
        Ok(news) => {
            let write =
                visit.write::<EditAirFreight, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
                    service::report(tx, grant, cx, &name, &news).map(drop)
                });
            write.await
        }
    };
    waybill::after(&visit, done)
}

pub(super) async fn pickup(visit: Visit<Grant<EditAirFreight>>, f: Form) -> Reply {
    let name = visit.path("id");
    let read = || -> Result<(u64, Facts), Invalid> {
        let slot = moment(&visit.viewer, &f, "slot")?;
        let slot = slot.ok_or_else(|| Invalid::at("/slot", "is needed: when it is fetched"))?;
        let (driver, vehicle) = (f.text("driver").to_owned(), f.text("vehicle").to_owned());
        let facts = Facts { pickup: Some(Pickup { driver, vehicle, slot }), ..Facts::default() };
        Ok((f.version()?, facts))
    };
    let done = match read() {
        Err(e) => Err(e.into()),
        Ok((seen, facts)) => {
            let write =
                visit.write::<EditAirFreight, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
                    service::change(tx, grant, cx, &name, (seen, facts.clone())).map(drop)
                });
            write.await
        }
    };
    waybill::after(&visit, done)
}

pub(super) async fn set_lfd(visit: Visit<Grant<EditAirFreight>>, f: Form) -> Reply {
    let (name, reason) = (visit.path("id"), f.text("reason").to_owned());
    let done = match f.parsed::<Date>("day") {
        Err(e) => Err(Fail::from(e)),
        Ok(day) => {
            let write =
                visit.write::<EditAirFreight, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
                    service::set_lfd(tx, grant, cx, &name, (day, &reason)).map(drop)
                });
            write.await
        }
    };
    waybill::after(&visit, done)
}

pub(super) async fn unit(visit: Visit<Grant<EditAirFreight>>, f: Form) -> Reply {
    let (name, number, back) = (visit.path("id"), f.text("number").to_owned(), f.text("way") == "back");
    let done = visit.write::<EditAirFreight, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
        let at = Some(cx.now);
        let unit = Unit { number: number.clone(), ..Unit::default() };
        let unit = if back { Unit { returned_at: at, ..unit } } else { Unit { out_at: at, ..unit } };
        service::unit(tx, grant, cx, &name, &unit).map(drop)
    });
    let done = done.await;
    waybill::after(&visit, done)
}
