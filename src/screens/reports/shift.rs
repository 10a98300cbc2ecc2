//! The shift report: one sheet of paper that one shift hands to the next.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use maud::{Markup, html};
use serde::Deserialize;

use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::identity::features::RunReports;
use crate::identity::grant::Grant;
use crate::identity::repo as users;
use crate::parcels::model::Status;
use crate::reports::engine::Asked;
use crate::reports::shift::{self, Shift, Window};
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{Field, empty, refusal};
use crate::screens::shell::{Fail, Out, Reply, Screen, Viewer, Visit};
use crate::store::StoreError;
use crate::web::ApiError;

type Asking = Visit<Grant<RunReports>>;

/// Hours at which shifts begin where nobody says otherwise; each lasts until the next begins.
const BEGIN: [i8; 3] = [6, 14, 22];
/// Users whose names are looked up.
const MAX_NAMES: usize = 10_000;

/// What a shift brings in, what it sends out; the other statuses are those of parcels that stay.
const IN: [Status; 2] = [Status::Accepted, Status::AtDepot];
const OUT: [Status; 6] = [
    Status::InTransit,
    Status::OutForDelivery,
    Status::Delivered,
    Status::Returning,
    Status::Returned,
    Status::Disposed,
];

/// Adds this page to the screen of reports.
#[must_use]
pub fn routes(screen: Screen) -> Screen {
    screen.get("/reports/shift", show)
}

/// Which shift: a day and two times of its clock. One that ends before it begins ends on the next day.
#[derive(Clone, Default, Deserialize)]
struct Wanted {
    day: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

struct Chosen {
    day: Date,
    from: Time,
    to: Time,
}

/// The shift that `now` lies in.
fn usual(v: &Viewer) -> Chosen {
    let local = v.now.civil(&v.zone);
    let n = BEGIN.iter().rposition(|h| *h <= local.hour());
    // Before the first begins, it is still the last one of the day before.
    let day = if n.is_some() { local.date() } else { local.date().yesterday().unwrap_or(local.date()) };
    let n = n.unwrap_or(BEGIN.len() - 1);
    let at = |hour: i8| Time::new(hour, 0, 0, 0).unwrap_or_default();
    Chosen { day, from: at(BEGIN[n]), to: at(BEGIN[(n + 1) % BEGIN.len()]) }
}

impl Chosen {
    fn read(v: &Viewer, asked: &Wanted) -> Result<Self, Invalid> {
        let usual = usual(v);
        let said = |t: &Option<String>| t.clone().filter(|t| !t.trim().is_empty());
        let clock = |at: &str, text: Option<String>, usual: Time| match text {
            None => Ok(usual),
            Some(t) => t
                .trim()
                .parse()
                .map_err(|_| Invalid::at(at, format!("\"{t}\" is no time of day; write 06:00"))),
        };
        let day = match said(&asked.day) {
            None => usual.day,
            Some(t) => t
                .trim()
                .parse()
                .map_err(|_| Invalid::at("?day", format!("\"{t}\" is no day; write 2026-05-31")))?,
        };
        Ok(Self {
            day,
            from: clock("?from", said(&asked.from), usual.from)?,
            to: clock("?to", said(&asked.to), usual.to)?,
        })
    }

    fn window(&self, v: &Viewer) -> Result<Window, Invalid> {
        let wrong = |why: String| Invalid::at("?day", why);
        let last = if self.to <= self.from {
            self.day.tomorrow().map_err(|e| wrong(e.to_string()))?
        } else {
            self.day
        };
        let moment = |day: Date, at: Time| Timestamp::from_civil(day.to_datetime(at), &v.zone).map_err(wrong);
        Ok(Window { from: moment(self.day, self.from)?, to: moment(last, self.to)? })
    }
}

async fn show(visit: Asking) -> Reply {
    let (asked, v) = (visit.query::<Wanted>()?, &visit.viewer);
    let read = Chosen::read(v, &asked).and_then(|c| Ok((c.window(v)?, c)));
    let (window, chosen) = match read {
        Ok(read) => read,
        Err(e) => return Ok(refused(v, &asked, &e.into())),
    };
    let asker = Asked {
        store: visit.app.store.clone(),
        tenant: visit.principal.tenant,
        scope: visit.principal.scope.clone(),
        now: v.now,
    };
    match visit.aside(move || Ok(shift::count(&asker, window)?)).await {
        Ok(shift) => {
            let names = visit.read(|tx| -> Result<_, StoreError> {
                if shift.people.is_empty() {
                    return Ok(BTreeMap::new());
                }
                Ok(users::all(tx, MAX_NAMES)?.into_iter().map(|u| (u.number, u.name)).collect())
            })?;
            Ok(Out::page(v.t("shift-report"), markup(v, &chosen, window, &shift, &names)))
        }
        Err(Fail::Refused(e)) => Ok(refused(v, &asked, &e)),
        Err(fail) => Err(fail),
    }
}

/// What is no shift, with the choices to mend it.
fn refused(v: &Viewer, asked: &Wanted, e: &ApiError) -> Out {
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let main = html! {
        div.head { h1 { (v.t("shift-report")) } a.all href="/reports" { (v.t("nav-reports")) } }
        (refusal(v, Some(e)))
        (choices(v, &text(&asked.day), &text(&asked.from), &text(&asked.to)))
    };
    Out::page(v.t("shift-report"), main).after(Some(e))
}

fn choices(v: &Viewer, day: &str, from: &str, to: &str) -> Markup {
    html! {
        form.filters.noprint action="/reports/shift" {
            (Field::text("day", v.t("shift-day"), day).kind("date", "off"))
            (Field::text("from", v.t("shift-begins"), from).kind("time", "off"))
            (Field::text("to", v.t("shift-ends"), to).kind("time", "off"))
            button.primary { (v.t("show")) }
        }
    }
}

fn markup(v: &Viewer, c: &Chosen, w: Window, s: &Shift, names: &BTreeMap<u32, String>) -> Markup {
    let clock = |t: Time| format!("{:02}:{:02}", t.hour(), t.minute());
    let said = |at: Timestamp| format!("{} {}", v.day(at), v.clock(at));
    let still = w.to > v.now;
    html! {
        div.a4 {
            div.head {
                h1 { (v.t("shift-report")) }
                div.buttons.noprint { button data-print { (Icon::Printers) (v.t("print")) } }
                a.all.noprint href="/reports" { (v.t("nav-reports")) }
            }
            (choices(v, &c.day.to_string(), &clock(c.from), &clock(c.to)))
            p { strong { (v.depot) } " · " (said(w.from)) " – " (said(w.to)) }
            @if still { p.faint { (v.t("shift-under-way")) " " (said(v.now)) } }
            @if s.cut { p.notice.bad role="status" { (v.count("shift-cut", shift::MAX_CHANGES)) } }
            (figures(v, s))
            @if *s == Shift::default() { (empty(&v.t("shift-nothing"), &html! { p { (v.t("shift-nothing-hint")) } })) }
            (parcels(v, s))
            @if !s.cases.is_empty() { (cases(v, s)) }
            @if !s.people.is_empty() { (people(v, s, names)) }
            p.signed { span { (v.t("shift-signed")) } span { (v.t("shift-taken-over")) } }
        }
    }
}

fn sum(s: &Shift, of: &[Status]) -> u64 {
    of.iter().filter_map(|status| s.moved.get(status)).sum()
}

fn figures(v: &Viewer, s: &Shift) -> Markup {
    let of = |f: fn(&shift::OfReason) -> u64| s.cases.values().map(f).sum::<u64>();
    let all = [
        ("shift-in", sum(s, &IN)),
        ("shift-out", sum(s, &OUT) + s.handed_over),
        ("shift-opened", of(|r| r.opened)),
        ("shift-resolved", of(|r| r.resolved)),
        ("shift-open", of(|r| r.open)),
    ];
    html! { div.figures { @for (label, n) in all { div.figure { b { (v.number(n)) } span { (v.t(label)) } } } } }
}

fn parcels(v: &Viewer, s: &Shift) -> Markup {
    let rows = |of: &dyn Fn(Status) -> bool| -> Vec<(String, u64)> {
        let those = s.moved.iter().filter(|(status, _)| of(**status));
        those.map(|(status, n)| (v.word("status", status.as_str()), *n)).collect()
    };
    let more = |key: &str, n: u64| (n > 0).then(|| (v.t(key), n));
    let came: Vec<_> = rows(&|x| IN.contains(&x))
        .into_iter()
        .chain(more("shift-announced", s.announced))
        .chain(more("shift-told", s.told))
        .collect();
    let went: Vec<_> =
        rows(&|x| OUT.contains(&x)).into_iter().chain(more("shift-handed", s.handed_over)).collect();
    let stayed = rows(&|x| !IN.contains(&x) && !OUT.contains(&x));
    let lists = [("shift-in", came), ("shift-out", went), ("shift-stayed", stayed)];
    html! {
        @for (head, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
            section.card aria-labelledby=(head) {
                h2 id=(head) { (v.t(head)) }
                table.list {
                    thead { tr { th { (v.t("status")) } th.n { (v.t("shift-parcels")) } } }
                    tbody { @for (name, n) in list { tr { td { (name) } td.n { (v.number(*n)) } } } }
                }
            }
        }
    }
}

fn cases(v: &Viewer, s: &Shift) -> Markup {
    html! {
        section.card aria-labelledby="shift-cases" {
            h2 id="shift-cases" { (v.t("shift-cases")) }
            table.list {
                thead { tr { th { (v.t("reason")) } th.n { (v.t("shift-opened")) } th.n { (v.t("shift-resolved")) } th.n { (v.t("shift-open")) } } }
                tbody { @for (reason, of) in &s.cases { tr {
                    td { (v.word("reason", reason.code())) }
                    td.n data-as=(v.t("shift-opened")) { (v.number(of.opened)) }
                    td.n data-as=(v.t("shift-resolved")) { (v.number(of.resolved)) }
                    td.n data-as=(v.t("shift-open")) { (v.number(of.open)) }
                } } }
            }
        }
    }
}

fn people(v: &Viewer, s: &Shift, names: &BTreeMap<u32, String>) -> Markup {
    let heads = ["shift-scans", "shift-announced", "shift-begun", "shift-resolved", "shift-notes"];
    html! {
        section.card aria-labelledby="shift-people" {
            h2 id="shift-people" { (v.t("shift-people")) }
            table.list {
                thead { tr { th { (v.t("name")) } @for head in heads { th.n { (v.t(head)) } } } }
                tbody { @for (number, did) in &s.people { tr {
                    td { @if let Some(name) = names.get(number) { (name) } @else { (v.t("shift-itself")) } }
                    @for (head, n) in heads.iter().zip([did.scans, did.announced, did.taken, did.resolved, did.notes]) {
                        td.n data-as=(v.t(head)) { (v.number(n)) }
                    }
                } } }
            }
        }
    }
}
