//! What needs a person now, and how the day goes.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use fluent_bundle::FluentValue;
use maud::{Markup, html};

use super::shell::charts::{bars, shares};
use super::shell::icons::Icon;
use super::shell::parts::{self, case_state, empty, status};
use super::shell::{Anyone, Group, Out, Reply, Screen, Viewer, Visit};
use crate::cases::model::Case;
use crate::cases::repo::{self as cases, Reader, Wanted, Which, Whose};
use crate::cases::service::open_by_reason;
use crate::eta::outlook::{self, LastWeek, Outlook};
use crate::eta::service as estimates;
use crate::identity::features::{
    EditPrinters, EditUsers, ManageSync, RunImports, ScanParcels, ViewCases, ViewParcels, ViewSync,
    ViewTracking,
};
use crate::parcels::cards::Card;
use crate::parcels::model::Status;
use crate::parcels::pulse::{DAYS, Pulse};
use crate::parcels::rules;
use crate::store::StoreError;
use crate::sync::sites;
use crate::sync::status::{self as exchange, DepotView, SiteView};
use crate::web::server::Site;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new().nav(Group::Work, Icon::Today, "nav-today").get("/today", show)
}

/// Cases that are shown.
const FIRST: usize = 8;
/// How long a page waits for a count.
const PATIENCE: Duration = Duration::from_millis(60);

/// How the line to the others stands.
pub enum Line {
    /// A depot's.
    Depot(Box<DepotView>),
    /// Headquarters', depot by depot.
    Sites(Vec<SiteView>),
}

struct Model {
    cases: Vec<(Case, bool)>,
    overdue: usize,
    mine: usize,
    reasons: Vec<(String, u64)>,
    pulse: Option<Arc<Pulse>>,
    line: Option<Line>,
    ahead: Option<Ahead>,
    /// Whether the depot's certificate is its own, which other machines have to be told to trust.
    has_authority: bool,
}

/// What is foretold, and how that did.
struct Ahead {
    /// Parcels likely to break their promise, the nearest promise first, with how likely that is.
    likely: Vec<(Arc<Card>, Outlook)>,
    parcels: LastWeek,
    /// Arrivals of the last week and those within the span of 90 %; for those who see vehicles.
    arrivals: Option<(u32, u32)>,
}

/// What is foretold to `visit`; nothing where nothing is.
fn ahead(visit: &Visit<Anyone>) -> Result<Option<Ahead>, super::shell::Fail> {
    let v = &visit.viewer;
    let found = visit.read(|tx| -> Result<_, StoreError> {
        let mut likely = Vec::new();
        for (id, outlook) in outlook::likely_late(tx, None, 4 * FIRST)?.0 {
            let seen = visit.app.cards.find(tx, id)?;
            let scope = &visit.principal.scope;
            let seen = seen.filter(|c| scope.admits_distributor(c.parcel.facts.distributor.as_deref()));
            // One that came, or whose promise passed, since the last look ahead is no longer foretold.
            let is_ahead = |c: &Arc<Card>| outlook.promised_at > v.now && rules::is_open(c.parcel.status);
            if let Some(card) = seen.filter(is_ahead) {
                likely.push((card, outlook));
            }
        }
        likely.truncate(FIRST);
        let standing = v.may::<ViewTracking>().then(|| estimates::standing(tx)).transpose()?;
        let arrivals = standing.map(|s| s.days.week(v.now)).filter(|(n, _)| *n > 0);
        Ok(Ahead { likely, parcels: outlook::last_week(tx, v.now)?, arrivals })
    })?;
    visit.saw("parcel", found.likely.iter().map(|(c, _)| c.parcel.id.0));
    let told = !found.likely.is_empty() || found.parcels.listed > 0 || found.arrivals.is_some();
    Ok(told.then_some(found))
}

/// Rows that are counted one by one; beyond there are more than so many.
const COUNTED: usize = 100;

async fn show(visit: Visit<Anyone>) -> Reply {
    let v = &visit.viewer;
    let mut model = Model {
        cases: Vec::new(),
        overdue: 0,
        mine: 0,
        reasons: Vec::new(),
        pulse: None,
        line: None,
        ahead: None,
        has_authority: visit.request.app_data::<Data<Site>>().is_some_and(|s| s.authority.is_some()),
    };
    if v.may::<ViewCases>() {
        let reader = Reader { scope: &visit.principal.scope, actor: &visit.principal.actor };
        visit.read(|tx| -> Result<_, StoreError> {
            let open = Wanted { which: Which::Open, ..Wanted::default() };
            let (rows, _) = cases::list(tx, &reader, &open, v.now, None, FIRST)?;
            model.cases = rows
                .into_iter()
                .map(|e| {
                    let case = e.value.state;
                    let overdue = case.is_overdue(v.now);
                    (case, overdue)
                })
                .collect();
            let overdue = Wanted { overdue: Some(true), ..open.clone() };
            model.overdue = cases::list(tx, &reader, &overdue, v.now, None, COUNTED)?.0.len();
            let mine = Wanted { owner: Some(Whose::User(reader.actor.user)), ..open };
            model.mine = cases::list(tx, &reader, &mine, v.now, None, COUNTED)?.0.len();
            if v.sees_all() {
                let mut reasons: Vec<(String, u64)> = open_by_reason(tx)?
                    .into_iter()
                    .filter_map(|(reason, n)| Some((reason, u64::try_from(n).ok().filter(|n| *n > 0)?)))
                    .collect();
                reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
                model.reasons = reasons;
            }
            Ok(())
        })?;
    }
    if v.may::<ViewParcels>() {
        let (app, tenant, scope) = (visit.app.clone(), visit.principal.tenant, visit.principal.scope.clone());
        let counted = visit.aside(move || Ok(app.pulses.fresh(&app.store, tenant, &scope, &app.clock)?));
        model.pulse = match tokio::time::timeout(PATIENCE, counted).await {
            Ok(pulse) => Some(pulse?),
            Err(_) => visit.app.pulses.last(tenant, &visit.principal.scope),
        };
    }
    if v.may::<ViewParcels>() && v.sees_all() {
        model.ahead = ahead(&visit)?;
    }
    if v.may::<ViewSync>() {
        model.line = Some(line(&visit)?);
    }
    Ok(Out::page(v.t("nav-today"), markup(v, &model)))
}

fn line<P: super::shell::visit::Pass>(visit: &Visit<P>) -> Result<Line, super::shell::Fail> {
    let (node, tenant, now) = (&visit.app.sync, visit.principal.tenant, visit.viewer.now);
    if node.hq.is_none() {
        return Ok(Line::Depot(Box::new(exchange::of_depot(node, tenant)?)));
    }
    Ok(Line::Sites(visit.read(|tx| -> Result<Vec<_>, StoreError> {
        sites::all(tx)?.iter().map(|s| exchange::of_site(node, tx, s, now)).collect()
    })?))
}

/// The line in plain words.
#[must_use]
pub fn said(v: &Viewer, line: &Line) -> (Option<bool>, String) {
    match line {
        Line::Depot(d) if !d.joined => (None, v.t("line-alone")),
        Line::Depot(d) => {
            let unsent = d.unsent.business + d.unsent.audit + d.unsent.telemetry;
            match (d.offline_since, unsent) {
                (Some(since), n) => {
                    let args = [("since", FluentValue::from(v.moment(since))), ("n", FluentValue::from(n))];
                    (Some(false), v.with("line-offline", &args))
                }
                (None, 0) => (Some(true), v.t("line-all-known")),
                (None, n) => (Some(true), v.count("line-sending", n)),
            }
        }
        Line::Sites(all) => {
            let silent = all.iter().filter(|s| matches!(s.state, "silent" | "hold")).count();
            let args = [("n", FluentValue::from(all.len())), ("silent", FluentValue::from(silent))];
            (Some(silent == 0), v.with("line-depots", &args))
        }
    }
}

fn figure(label: &str, value: &str, to: &str, class: &str) -> Markup {
    html! { a.figure.(class) href=(to) { b { (value) } span { (label) } } }
}

fn figures(v: &Viewer, m: &Model) -> Markup {
    let many = |n: usize| if n >= COUNTED { format!("{COUNTED}+") } else { n.to_string() };
    html! {
        div.figures {
            @if v.may::<ViewCases>() {
                (figure(&v.t("today-overdue"), &many(m.overdue), "/cases?view=overdue", if m.overdue > 0 { "bad" } else { "good" }))
                (figure(&v.t("today-mine"), &many(m.mine), "/cases?view=mine", ""))
            }
            @if let Some(p) = &m.pulse {
                (figure(&v.t("today-here"), &v.number(p.of(Status::AtDepot)), "/parcels?status=at_depot", ""))
                (figure(&v.t("today-open"), &v.number(p.open), "/parcels", ""))
                (figure(&v.t("today-late"), &v.number(p.late), "/parcels?late=1", if p.late > 0 { "warn" } else { "good" }))
                (figure(&v.t("today-wrong"), &v.number(p.exceptional), "/parcels?exceptional=1", ""))
            }
        }
    }
}

fn queue(v: &Viewer, m: &Model) -> Markup {
    html! {
        section.card aria-labelledby="now" {
            h2 id="now" { (v.t("today-now")) a.all href="/cases" { (v.t("all")) } }
            @if m.cases.is_empty() { (empty(&v.t("cases-none"), &html! { p { (v.t("cases-none-hint")) } })) }
            @else {
                ul.queue {
                    @for (case, overdue) in &m.cases {
                        li { a href={ "/cases/" (case.id) } {
                            (case_state(v, case.state, *overdue))
                            strong { (v.word("reason", case.reason.code())) }
                            span.id { (case.subject.label) }
                            span.when { @if *overdue { (v.t("overdue-by")) " " (v.ago(case.running().due)) } @else { (v.t("due")) " " (v.time(case.running().due)) } }
                        } }
                    }
                }
            }
        }
    }
}

fn flow(v: &Viewer, p: &Pulse) -> Markup {
    let hours: Vec<_> = p.steps_today.iter().enumerate().map(|(h, n)| (format!("{h:02}"), *n)).collect();
    let day = |ago: usize| v.now.before(Duration::from_secs(86_400 * ago as u64)).day(&v.zone);
    let delivered: Vec<_> = p
        .delivered
        .iter()
        .enumerate()
        .map(|(n, count)| (day(DAYS - 1 - n).strftime("%d/%m").to_string(), *count))
        .collect();
    let open = Status::ALL.into_iter().filter(|s| !crate::parcels::rules::is_final(*s) && p.of(*s) > 0);
    let mut open: Vec<_> = open.map(|s| (status(v, s), format!("/parcels?status={s}"), p.of(s))).collect();
    open.sort_by_key(|(_, _, n)| std::cmp::Reverse(*n));
    html! {
        section.card { (shares(v, "by-status", &v.t("today-by-status"), &open)) }
        section.card { (bars(v, "by-hour", &v.t("today-by-hour"), &hours)) }
        section.card {
            (bars(v, "by-day", &v.t("today-delivered"), &delivered))
            p.faint { (v.with("today-delivered-late", &[
                ("late", FluentValue::from(p.delivered_late.iter().sum::<u64>())),
                ("n", FluentValue::from(p.delivered.iter().sum::<u64>()))])) }
        }
    }
}

/// What is likely to be late, and how well that was foretold last week: a promise is worth what it kept.
fn foretold(v: &Viewer, a: &Ahead) -> Markup {
    let share = |part: u32, of: u32| format!("{} %", u64::from(part) * 100 / u64::from(of.max(1)));
    html! {
        section.card aria-labelledby="ahead" {
            h2 id="ahead" { (v.t("today-ahead")) }
            @if !a.likely.is_empty() {
                ul.queue {
                    @for (card, outlook) in &a.likely {
                        li { a href={ "/parcels/" (card.parcel.id) } {
                            (status(v, card.parcel.status))
                            strong.id { (card.parcel.number) }
                            span.id { (v.t("promised")) " " (v.time(outlook.promised_at)) }
                            span.when { (percent(outlook.late)) " %" }
                        } }
                    }
                }
            }
            dl.facts {
                @if a.parcels.listed > 0 {
                    @let args = [("n", FluentValue::from(a.parcels.listed)), ("late", a.parcels.late.into()), ("share", share(a.parcels.late, a.parcels.listed).into())];
                    (parts::fact(&v.t("today-foretold"), Some(&html! { (v.with("today-foretold-parcels", &args)) })))
                }
                @if let Some((n, within)) = a.arrivals {
                    @let args = [("n", FluentValue::from(n)), ("share", share(within, n).into())];
                    (parts::fact(&v.t("today-arrivals"), Some(&html! { (v.with("today-arrivals-within", &args)) })))
                }
            }
        }
    }
}

/// What a depot without parcels is put in order with, each for whom may do it.
fn first_steps(v: &Viewer, has_authority: bool) -> Markup {
    let steps = [
        (v.may::<EditPrinters>(), "/printers/new", "first-printer"),
        (v.may::<ScanParcels>(), "/scan", "first-scanner"),
        (v.may::<EditUsers>(), "/users/new", "first-people"),
        (has_authority, "/ca.pem", "first-trust"),
        (v.may::<ManageSync>() && !v.is_hq, "/sync", "first-hq"),
    ];
    html! {
        section.card aria-labelledby="first" {
            h2 id="first" { (v.t("first-steps")) }
            ol.first { @for (_, to, text) in steps.iter().filter(|(may, ..)| *may) { li { a href=(to) { (v.t(text)) } } } }
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and 100
fn percent(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0).round() as u8
}

fn markup(v: &Viewer, m: &Model) -> Markup {
    let reasons: Vec<_> = m
        .reasons
        .iter()
        .take(FIRST)
        .map(|(r, n)| (html! { (v.word("reason", r)) }, format!("/cases?reason={r}"), *n))
        .collect();
    html! {
        div.head {
            h1 { (v.t("nav-today")) }
            @if let Some(line) = &m.line {
                @let (good, words) = said(v, line);
                a.line href="/sync" { (super::shell::parts::mark(good, &words)) }
            }
        }
        div data-region="today" data-kinds="case parcel" {
            (figures(v, m))
            div.board {
                @if v.may::<ViewCases>() { (queue(v, m)) }
                @if let Some(p) = &m.pulse { (flow(v, p)) }
                @else if v.may::<ViewParcels>() { section.card data-again="1000" { p.faint { (v.t("today-counting")) } } }
                @if let Some(a) = &m.ahead { (foretold(v, a)) }
                @if !reasons.is_empty() { section.card { (shares(v, "by-reason", &v.t("today-by-reason"), &reasons)) } }
                @if v.may::<ScanParcels>() && m.pulse.as_ref().is_some_and(|p| p.parcels == 0) {
                    section.card { (empty(&v.t("parcels-none"), &html! { p { (v.t("parcels-none-hint")) } p { @if v.may::<RunImports>() { a.button.primary href="/imports/new" { (v.t("imports-new")) } } " " a.button href="/scan" { (v.t("nav-scan")) } } })) }
                    (first_steps(v, m.has_authority))
                }
            }
        }
    }
}
