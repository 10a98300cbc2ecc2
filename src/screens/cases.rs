//! The desk: a queue by urgency, one key a step, and beside it the case that is open.

use std::sync::Arc;
use std::time::Duration;

use fluent_bundle::FluentValue;
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, case_state, choice, empty, refusal, status, swap};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::base::page::DEFAULT_LIMIT;
use crate::cases::api::parcels_named;
use crate::cases::bulk::{self, MAX_PARCELS, NewBulk};
use crate::cases::event::CaseEvent;
use crate::cases::matter_api;
use crate::cases::model::{About, AnswerKind, Case};
use crate::cases::reasons::{self, Reason};
use crate::cases::repo::{self, Wanted, Which, Whose};
use crate::cases::rules::{CaseId, Command, Resolution, Step};
use crate::cases::service::{self, CaseError, Taken};
use crate::identity::features::{AnswerCases, BulkCases, ViewCases, ViewParcels, WorkCases};
use crate::identity::grant::Grant;
use crate::parcels::cards::Card;
use crate::parcels::inputs::PlaceInput;
use crate::parcels::service as parcels;
use crate::web::ApiError;

type Desk = Visit<Grant<ViewCases>>;
type Worker = Visit<Grant<WorkCases>>;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::Cases, "nav-cases")
        .get("/cases", list)
        .get("/cases/new", blank)
        .post("/cases/new", open)
        .post("/cases/many", open_many)
        .get("/cases/{id}", show)
        .post("/cases/steps", steps)
        .post("/cases/{id}/answer", answered)
}

/// Hours a case can be put aside for with one key.
const WAITS: [u32; 5] = [1, 4, 16, 24, 72];
/// Parcels of a bulk case that stand beside it by name.
const MEMBERS: usize = 50;

#[derive(Clone, Debug, Default, Deserialize)]
struct Asked {
    view: Option<String>,
    reason: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
    refused: Option<usize>,
}

struct Row {
    case: Case,
    overdue: bool,
}

struct Model {
    asked: Asked,
    rows: Vec<Row>,
    next: Option<String>,
    open: Option<Shown>,
}

struct Shown {
    case: Case,
    overdue: bool,
    allowed: Vec<Step>,
    steps: Vec<Taken>,
    /// The first of a bulk case's parcels.
    members: Vec<Arc<Card>>,
}

fn wanted<P>(asked: &Asked, visit: &Visit<P>) -> Wanted {
    let me = visit.principal.actor.user;
    let reason = asked.reason.as_deref().and_then(|r| r.parse::<Reason>().ok());
    let all = Wanted { which: Which::Open, reason, ..Wanted::default() };
    match asked.view.as_deref() {
        Some("mine") => Wanted { owner: Some(Whose::User(me)), ..all },
        Some("free") => Wanted { owner: Some(Whose::Nobody), ..all },
        Some("overdue") => Wanted { overdue: Some(true), ..all },
        Some("closed") => Wanted { which: Which::Closed, ..all },
        _ => all,
    }
}

fn model(visit: &Desk, open: Option<CaseId>) -> Result<Model, Fail> {
    let (asked, now) = (visit.query::<Asked>()?, visit.viewer.now);
    let grant = &visit.pass;
    let model = visit.read(|tx| -> Result<_, CaseError> {
        let reader = service::reader(grant);
        let wanted = wanted(&asked, visit);
        let (rows, next) = repo::list(tx, &reader, &wanted, now, asked.cursor.as_deref(), DEFAULT_LIMIT)?;
        let rows =
            rows.into_iter().map(|e| Row { overdue: e.value.state.is_overdue(now), case: e.value.state });
        let open = match open {
            None => None,
            Some(id) => {
                let row = service::find(tx, grant, id)?.value;
                let mut steps = service::taken(tx, &row)?;
                steps.reverse();
                let (case, cards) = (row.state, &visit.app.cards);
                let members = case.parcels.iter().take(MEMBERS).map(|id| cards.find(tx, *id));
                let members: Result<Vec<_>, _> = members.filter_map(Result::transpose).collect();
                Some(Shown {
                    overdue: case.is_overdue(now),
                    allowed: service::steps_of(grant, &case),
                    members: members?,
                    steps,
                    case,
                })
            }
        };
        Ok(Model { rows: rows.collect(), next, open, asked })
    })?;
    let people = model.rows.iter().map(|r| &r.case).filter(|c| c.subject.kind == "parcel");
    visit.saw("parcel", people.map(|c| c.subject.id));
    visit.saw("parcel", model.open.iter().flat_map(|o| &o.members).map(|c| c.parcel.id.0));
    Ok(model)
}

fn view_chips(v: &Viewer, asked: &Asked) -> Markup {
    let views = [
        ("", v.t("cases-open")),
        ("overdue", v.t("cases-overdue")),
        ("mine", v.t("cases-mine")),
        ("free", v.t("cases-free")),
        ("closed", v.t("cases-closed")),
    ];
    let now = asked.view.as_deref().unwrap_or_default();
    let reason = asked.reason.as_deref().unwrap_or_default();
    let to = |view: &str| {
        let kept = [("view", view), ("reason", reason)];
        let kept =
            serde_urlencoded::to_string(kept.iter().filter(|(_, t)| !t.is_empty()).collect::<Vec<_>>());
        format!("/cases?{}", kept.unwrap_or_default())
    };
    html! {
        nav.chips aria-label=(v.t("filter")) {
            @for (view, label) in &views { a href=(to(view)) aria-current=[(*view == now).then_some("true")] { (label) } }
            form action="/cases" {
                @if !now.is_empty() { input type="hidden" name="view" value=(now); }
                label.away for="reason" { (v.t("reason")) }
                select #reason name="reason" data-submit {
                    option value="" { (v.t("reason-any")) }
                    @for r in Reason::ALL { option value=(r.code()) selected[r.code() == reason] { (v.word("reason", r.code())) } }
                }
                noscript { button { (v.t("show")) } }
            }
        }
    }
}

fn toolbar(v: &Viewer) -> Markup {
    let waits: Vec<_> = WAITS.iter().map(|h| (h.to_string(), format!("{h} h"))).collect();
    let ways = ways(v);
    let key = |step: &str, key: &str, label: String, class: &str| {
        html! { button class=(class) name="step" value=(step) data-key=(key) { (label) " " kbd { (key) } } }
    };
    html! {
        div.tools {
            (key("acknowledge", "a", v.t("case-step-acknowledge"), ""))
            (key("start", "s", v.t("case-step-start"), ""))
            (key("take", "t", v.t("case-take"), ""))
            span.pair { (choice("hours", &v.t("case-wait-for"), &waits, "16")) (key("wait", "w", v.t("case-step-wait"), "")) }
            span.pair { (choice("resolution", &v.t("case-how"), &ways, "solved")) (key("resolve", "r", v.t("case-step-resolve"), "primary")) }
            (Field::text("note", v.t("note"), ""))
            span.hint { kbd { "j" } kbd { "k" } " " (v.t("keys-move")) " · " kbd { "x" } " " (v.t("keys-pick")) " · " kbd { "o" } " " (v.t("keys-open")) }
        }
    }
}

fn queue(v: &Viewer, m: &Model, query: &str) -> Markup {
    let works = v.may::<WorkCases>();
    let open = m.open.as_ref().map(|o| o.case.id);
    let query_kept = if query.is_empty() { String::new() } else { format!("?{query}") };
    let table = html! {
        @if works { (toolbar(v)) input type="hidden" name="back" value={ "/cases" @if let Some(id) = open { "/" (id) } (query_kept) }; }
        // Where nothing is picked, the step is meant for the case that is open beside the list.
        @if let Some(id) = open.filter(|_| works) { input type="hidden" name="open" value=(id); }
        div data-region="queue" data-kinds="case" {
            @if m.rows.is_empty() { (empty(&v.t("cases-none"), &html! { p { (v.t("cases-none-hint")) } })) }
            @else {
                table.list.cases data-queue {
                    thead { tr {
                        @if works { th { span.away { (v.t("pick")) } } }
                        th { (v.t("state")) } th { (v.t("reason")) } th { (v.t("about")) } th { (v.t("due")) } th { (v.t("owner")) }
                    } }
                    tbody {
                        @for r in &m.rows {
                            @let c = &r.case;
                            tr data-row aria-current=[(open == Some(c.id)).then_some("true")] {
                                @if works { td { input type="checkbox" name="id" value=(c.id) aria-label=(v.with("pick-case", &[("what", FluentValue::from(c.subject.label.as_str()))])); } }
                                td { (case_state(v, c.state, r.overdue)) @if c.level > 0 { " " small.level title=(v.t("escalated")) { "▲" (c.level) } } }
                                td { a href={ "/cases/" (c.id) (query_kept) } { (v.word("reason", c.reason.code())) } }
                                td.id { (c.subject.label) }
                                td.when.late[r.overdue] data-as=(v.t("due")) { (v.time(c.running().due)) }
                                td { @if let Some(o) = &c.owner { (o.name) } @else { span.faint { "–" } } }
                            }
                        }
                    }
                }
            }
        }
    };
    html! {
        section.queue-side aria-label=(v.t("nav-cases")) {
            @if works { (swap(v, "/cases/steps", "desk", &table)) } @else { (table) }
            (parts::more(v, "/cases", query, m.next.as_deref()))
        }
    }
}

/// What to do first about a reason, by what it is about.
fn advice(v: &Viewer, reason: Reason) -> String {
    use reasons::Group as G;
    match reason.rule().group {
        G::Address => v.t("advice-address"),
        G::Recipient => v.t("advice-recipient"),
        G::Payment => v.t("advice-payment"),
        G::Customs => v.t("advice-customs"),
        G::Handling => v.t("advice-handling"),
        G::Transport => v.t("advice-transport"),
        G::External => v.t("advice-external"),
        G::Data => v.t("advice-data"),
        G::Security => v.t("advice-security"),
        G::Operation => v.t("advice-operation"),
    }
}

/// How a case can end, by our word and in the reader's.
fn ways(v: &Viewer) -> Vec<(String, String)> {
    let word = |r: &Resolution| serde_json::to_value(r).ok().and_then(|n| n.as_str().map(str::to_owned));
    Resolution::ALL.iter().filter_map(word).map(|n| (n.clone(), v.word("resolution", &n))).collect()
}

/// The steps of the open case, a button each.
fn quick(v: &Viewer, s: &Shown) -> Markup {
    let can = |step: Step| s.allowed.contains(&step);
    if !can(Step::Resolve) {
        return html! {};
    }
    let button = |step: &str, label: String| html! { button name="step" value=(step) { (label) } };
    swap(
        v,
        "/cases/steps",
        "quick",
        &html! {
            input type="hidden" name="id" value=(s.case.id);
            input type="hidden" name="back" value={ "/cases/" (s.case.id) };
            div.buttons {
                @if can(Step::Acknowledge) { (button("acknowledge", v.t("case-step-acknowledge"))) }
                @if can(Step::Start) { (button("start", v.t("case-step-start"))) }
                @if can(Step::Assign) { (button("take", v.t("case-take"))) }
            }
            div.buttons {
                label.away for="way" { (v.t("case-how")) }
                select #way name="resolution" { @for (value, said) in ways(v) { option value=(value) { (said) } } }
                button.primary name="step" value="resolve" { (v.t("case-step-resolve")) }
            }
        },
    )
}

/// What whoever it is about can answer: the new address, or that it goes back.
fn answer_form(v: &Viewer, s: &Shown) -> Markup {
    let c = &s.case;
    if !v.may::<AnswerCases>() || !c.state.is_open() || c.about_parcels().len() != 1 {
        return html! {};
    }
    let kinds: Vec<_> = AnswerKind::ALL.iter().filter_map(|k| serde_json::to_value(k).ok()).collect();
    let kinds: Vec<(String, String)> =
        kinds.iter().filter_map(|k| k.as_str()).map(|k| (k.to_owned(), v.word("answer", k))).collect();
    html! {
        details.answer {
            summary.button { (v.t("case-answer")) }
            (swap(v, &format!("/cases/{}/answer", c.id), "", &html! {
                (choice("answer", &v.t("case-answer"), &kinds, "new_address"))
                fieldset {
                    legend { (v.t("case-answer-to")) }
                    (Field::text("to_line", v.t("street"), ""))
                    div.two { (Field::text("to_zip", v.t("zip"), "")) (Field::text("to_city", v.t("city"), "")) }
                    div.two { (Field::text("to_state", v.t("province"), "")) (Field::text("to_country", v.t("country"), "")) }
                }
                (Field::text("answer_note", v.t("note"), ""))
                button.primary { (v.t("case-answer-send")) }
            }))
        }
    }
}

async fn answered(visit: Visit<Grant<AnswerCases>>, form: Form) -> Reply {
    let name = visit.path("id");
    let id = name.parse::<CaseId>().map_err(|_| CaseError::Unknown(name.clone()))?;
    let kind: AnswerKind = form.one_of("answer")?;
    let place = PlaceInput {
        line: form.some("to_line"),
        zip: form.some("to_zip"),
        city: form.some("to_city"),
        state: form.some("to_state"),
        country: form.some("to_country"),
        ..PlaceInput::default()
    };
    // The fields of the address are on the form whatever was chosen.
    let to = (kind == AnswerKind::NewAddress).then_some(place);
    let note = form.text("answer_note").to_owned();
    let done = visit.write::<AnswerCases, _, _>(move |tx, grant, cx| -> Result<(), CaseError> {
        matter_api::answered(tx, grant, cx, id, kind, to.clone(), &note).map(drop)
    });
    done.await?;
    Ok(Out::See(format!("/cases/{name}?done=sent")))
}

fn beside(v: &Viewer, s: &Shown) -> Markup {
    let c = &s.case;
    html! {
        aside.beside aria-labelledby="case" data-region="case" data-kinds="case" {
            h2 id="case" { (v.word("reason", c.reason.code())) }
            p { (case_state(v, c.state, s.overdue)) @if let Some(r) = c.resolution { " " (v.named("resolution", r)) } }
            p.advice { (Icon::Dot) (advice(v, c.reason)) }
            dl.facts {
                @if !c.subject.label.is_empty() {
                    (parts::fact(&v.t("about"), Some(&html! { @if c.subject.kind == "parcel" { a.id href={ "/parcels/" (c.subject.id) } { (c.subject.label) } } @else { (c.subject.label) } })))
                }
                (parts::fact(&v.t("opened"), Some(&v.time(c.opened_at))))
                (parts::fact(&v.t("due"), Some(&v.time(c.running().due))))
                (parts::fact(&v.t("owner"), c.owner.as_ref().map(|o| html! { (o.name) }).as_ref()))
                (parts::fact(&v.t("waiting-until"), c.waiting_until.map(|t| v.time(t)).as_ref()))
            }
            @if !c.detail.is_empty() { p.detail { (c.detail) } }
            @if c.is_bulk() { (members(v, s)) }
            (quick(v, s))
            (answer_form(v, s))
            @if s.allowed.contains(&Step::Note) {
                (swap(v, "/cases/steps", "", &html! {
                    input type="hidden" name="id" value=(c.id);
                    input type="hidden" name="back" value={ "/cases/" (c.id) };
                    @if s.allowed.contains(&Step::Reopen) {
                        div.field { label for="text" { (v.t("case-why-again")) } input #text name="note" maxlength="2000"; }
                        button name="step" value="reopen" { (v.t("case-step-reopen")) } " "
                        button name="step" value="note" { (v.t("note-add")) }
                    } @else {
                        div.field { label for="text" { (v.t("note")) } textarea #text name="note" rows="2" {} }
                        button name="step" value="note" { (v.t("note-add")) }
                    }
                }))
            }
            h3 { (v.t("timeline")) }
            ol.timeline {
                @for (step, by) in &s.steps {
                    li { span.when { (v.time(step.key.at())) } (said(v, &step.event)) @if let Some(by) = by { " " span.faint { (by) } } }
                }
            }
        }
    }
}

/// The parcels of a bulk case.
fn members(v: &Viewer, s: &Shown) -> Markup {
    let more = s.case.parcels.len().saturating_sub(s.members.len()) as u64;
    html! {
        details.members {
            summary { (v.count("case-parcels", s.case.parcels.len() as u64)) }
            ul {
                @for card in &s.members {
                    @let p = &card.parcel;
                    li { @if v.may::<ViewParcels>() { a.id href={ "/parcels/" (p.id) } { (p.number) } } @else { span.id { (p.number) } } " " (status(v, p.status)) }
                }
            }
            @if more > 0 { p.faint { (v.count("case-parcels-more", more)) } }
        }
    }
}

/// A step in the reader's words.
fn said(v: &Viewer, e: &CaseEvent) -> Markup {
    let quoted = |text: &str| html! { @if !text.is_empty() { q { (text) } } };
    match e {
        CaseEvent::Opened { .. } => html! { (v.t("step-opened")) },
        CaseEvent::Acknowledged {} => html! { (v.t("step-acknowledged")) },
        CaseEvent::Started {} => html! { (v.t("step-started")) },
        CaseEvent::Waited { until, note } => {
            html! { (v.with("step-waited", &[("until", FluentValue::from(v.moment(*until)))])) " " (quoted(note)) }
        }
        CaseEvent::Woken { .. } => html! { (v.t("step-woken")) },
        CaseEvent::Resolved { note, .. } => html! { (v.t("step-resolved")) " " (quoted(note)) },
        CaseEvent::Reopened { why, .. } => html! { (v.t("step-reopened")) " " (quoted(why)) },
        CaseEvent::Merged { into } => html! { a href={ "/cases/" (into) } { (v.t("step-merged")) } },
        CaseEvent::Assigned { owner: Some(o) } => {
            html! { (v.with("step-assigned", &[("name", FluentValue::from(o.name.as_str()))])) }
        }
        CaseEvent::Assigned { owner: None } => html! { (v.t("step-freed")) },
        CaseEvent::Noted { text } => html! { (quoted(text)) },
        CaseEvent::Escalated { .. } => html! { (v.t("step-escalated")) },
        CaseEvent::Joined { parcels } => html! { (v.count("step-joined", parcels.len() as u64)) },
        CaseEvent::Parted { parcels } => html! { (v.count("step-parted", parcels.len() as u64)) },
        CaseEvent::Blamed { fault } => {
            html! { (v.with("step-blamed", &[("fault", FluentValue::from(v.named("fault", fault)))])) }
        }
        CaseEvent::Costed { amount, what } => {
            html! { (v.with("step-costed", &[("amount", FluentValue::from(v.money(amount)))])) " " (quoted(what)) }
        }
        CaseEvent::Answered { answer, note } => {
            html! { (v.with("step-answered", &[("answer", FluentValue::from(v.named("answer", answer)))])) " " (quoted(note)) }
        }
    }
}

fn markup(v: &Viewer, m: &Model, query: &str, fail: Option<&ApiError>) -> Markup {
    html! {
        div.head {
            h1 { (v.t("nav-cases")) }
            @if v.may::<WorkCases>() { a.button href="/cases/new" { (Icon::Plus) (v.t("case-new")) } }
        }
        (parts::done(v, m.asked.done.as_deref()))
        (refusal(v, fail))
        @if let Some(n) = m.asked.refused.filter(|n| *n > 0) { p.notice.bad role="alert" { (Icon::Triangle) (v.count("cases-refused", n as u64)) } }
        (view_chips(v, &m.asked))
        div.desk-grid.with[m.open.is_some()] data-remember {
            (queue(v, m, query))
            @if let Some(shown) = &m.open { (beside(v, shown)) }
        }
    }
}

/// The query without what only counts once.
fn kept(query: &str) -> String {
    let kept =
        query.split('&').filter(|p| !p.is_empty() && !p.starts_with("done=") && !p.starts_with("refused="));
    kept.collect::<Vec<_>>().join("&")
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Desk) -> Reply {
    let model = model(&visit, None)?;
    let main = markup(&visit.viewer, &model, &kept(visit.request.query_string()), None);
    Ok(Out::page(visit.viewer.t("nav-cases"), main))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Desk) -> Reply {
    let name = visit.path("id");
    let id = name.parse::<CaseId>().map_err(|_| CaseError::Unknown(name))?;
    let model = model(&visit, Some(id))?;
    let main = markup(&visit.viewer, &model, &kept(visit.request.query_string()), None);
    Ok(Out::page(visit.viewer.t("nav-cases"), main))
}

/// The command a form asks for.
fn command<P>(visit: &Visit<P>, form: &Form) -> Result<Command, Invalid> {
    let note = form.text("note").to_owned();
    Ok(match form.text("step") {
        "acknowledge" => Command::Acknowledge,
        "start" => Command::Start,
        "take" => {
            let (id, name) = (visit.principal.actor.user, visit.principal.actor.name.to_string());
            Command::Assign { owner: Some(crate::cases::model::Owner { id, name }) }
        }
        "wait" => {
            let hours: u32 = form.parsed("hours")?.unwrap_or(16);
            let until = visit.app.clock.now().after(Duration::from_secs(u64::from(hours) * 3_600));
            Command::Wait { until, note }
        }
        "resolve" => Command::Resolve { resolution: form.one_of("resolution")?, note },
        "reopen" => Command::Reopen { reason: note },
        "note" => Command::Note { text: note },
        other => return Err(Invalid::at("/step", format!("\"{other}\" is no step"))),
    })
}

/// One step for one case or for several.
async fn steps(visit: Worker, form: Form) -> Reply {
    let command = command(&visit, &form)?;
    let picked = if form.ticked("id") { form.ids("id")? } else { form.ids("open")? };
    let ids: Vec<CaseId> = picked.into_iter().map(CaseId).collect();
    let back = form.text("back");
    let back = if back.starts_with("/cases") { kept_path(back) } else { "/cases".into() };
    let mut refused = 0;
    match ids[..] {
        [] => return Err(Invalid::at("/id", "pick a case first").into()),
        [id] => {
            let one = visit.write::<WorkCases, _, _>(move |tx, grant, cx| -> Result<(), CaseError> {
                service::step(tx, grant, cx, id, &command, None).map(drop)
            });
            one.await?;
        }
        _ => {
            let all = visit.write::<BulkCases, _, _>(move |tx, grant, cx| -> Result<usize, CaseError> {
                let verdicts = service::bulk(tx, grant, cx, &ids, &command, false)?;
                Ok(verdicts.iter().filter(|v| v.code.is_some()).count())
            });
            refused = all.await?;
        }
    }
    let sep = if back.contains('?') { '&' } else { '?' };
    Ok(Out::See(if refused > 0 {
        format!("{back}{sep}refused={refused}")
    } else {
        format!("{back}{sep}done=saved")
    }))
}

fn kept_path(back: &str) -> String {
    match back.split_once('?') {
        Some((path, query)) => format!("{path}?{}", kept(query)).trim_end_matches('?').to_owned(),
        None => back.to_owned(),
    }
}

#[derive(Default, Deserialize)]
struct AboutWhat {
    subject: Option<String>,
}

fn new_form(v: &Viewer, given: &Form, fail: Option<&ApiError>) -> Markup {
    let mut reasons: Vec<_> = Reason::ALL
        .iter()
        .filter(|r| r.rule().group != reasons::Group::Operation)
        .map(|r| (r.code().to_owned(), v.word("reason", r.code())))
        .collect();
    reasons.sort_by(|a, b| a.1.cmp(&b.1));
    html! {
        h1 { (v.t("case-new")) }
        (refusal(v, fail))
        section.card.narrow {
            (parts::post(v, "/cases/new", &html! {
                (choice("reason", &v.t("reason"), &reasons, given.text("reason")))
                (Field::text("subject", v.t("case-subject"), given.text("subject")).hint(v.t("case-subject-hint")))
                div.field { label for="detail" { (v.t("case-detail")) } textarea #detail name="detail" rows="3" { (given.text("detail")) } }
                button.primary { (v.t("case-open")) }
            }))
        }
        @if v.may::<BulkCases>() && v.sees_all() { (many_form(v, given, &reasons)) }
    }
}

/// One case for many parcels: a storm, a truck that burnt. Its fields have names of their own beside the other form's.
fn many_form(v: &Viewer, given: &Form, reasons: &[(String, String)]) -> Markup {
    html! {
        section.card.narrow {
            h2 { (v.t("case-many")) }
            (parts::post(v, "/cases/many", &html! {
                (choice("why", &v.t("reason"), reasons, given.text("why")))
                (Field::text("name", v.t("case-name"), given.text("name")).hint(v.t("case-name-hint")).needed())
                div.field {
                    label for="numbers" { (v.t("case-numbers")) }
                    textarea #numbers name="numbers" rows="6" required spellcheck="false" aria-describedby="numbers-hint" { (given.text("numbers")) }
                    small #numbers-hint { (v.count("case-numbers-hint", MAX_PARCELS as u64)) }
                }
                div.field { label for="matter" { (v.t("case-detail")) } textarea #matter name="matter" rows="2" { (given.text("matter")) } }
                (parts::tick("take_in", &v.t("case-take-in"), given.ticked("take_in")))
                button.primary { (v.t("case-many-open")) }
            }))
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Worker) -> Reply {
    let asked: AboutWhat = visit.query().unwrap_or_default();
    let given = Form(vec![("subject".into(), asked.subject.unwrap_or_default())]);
    Ok(Out::page(visit.viewer.t("case-new"), new_form(&visit.viewer, &given, None)))
}

async fn open(visit: Worker, form: Form) -> Reply {
    let reason: Result<Reason, Invalid> = form.one_of("reason");
    let done = match reason {
        Ok(reason) => {
            let (subject, detail) = (form.some("subject"), form.text("detail").to_owned());
            let opened = visit.write::<WorkCases, _, _>(move |tx, grant, cx| -> Result<CaseId, CaseError> {
                let about = match &subject {
                    None => None,
                    Some(name) => {
                        let none = || CaseError::NoSubject(name.clone());
                        let p = parcels::find(tx, grant.scope(), name).map_err(|_| none())?.0.value.state;
                        let (label, distributor) = (p.number, p.facts.distributor);
                        Some(About { kind: "parcel".into(), id: p.id.0, label, distributor })
                    }
                };
                Ok(service::open(tx, grant, cx, reason, about, &detail)?.state.id)
            });
            opened.await
        }
        Err(e) => Err(e.into()),
    };
    opened(&visit, &form, done)
}

/// The case that was opened, or the form again with why it was not.
fn opened<P>(visit: &Visit<P>, form: &Form, done: Result<CaseId, Fail>) -> Reply {
    match done {
        Ok(id) => Ok(Out::See(format!("/cases/{id}?done=added"))),
        Err(Fail::Refused(e)) => {
            let main = new_form(&visit.viewer, form, Some(&e));
            Ok(Out::page(visit.viewer.t("case-new"), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

async fn open_many(visit: Visit<Grant<BulkCases>>, form: Form) -> Reply {
    let done = match form.one_of::<Reason>("why") {
        Ok(reason) => {
            let names = form.text("numbers").split(['\n', ',', ';', '\t']).map(str::trim);
            let names: Vec<String> = names.filter(|n| !n.is_empty()).map(str::to_owned).collect();
            let (name, detail) = (form.text("name").to_owned(), form.text("matter").to_owned());
            let takes_in = form.ticked("take_in");
            let made = visit.write::<BulkCases, _, _>(move |tx, grant, cx| -> Result<CaseId, CaseError> {
                let parcels = parcels_named(tx, grant.scope(), "/numbers", &names)?;
                let new = NewBulk { reason, name: name.clone(), detail: detail.clone(), parcels, takes_in };
                Ok(bulk::open(tx, grant, cx, &new)?.0.state.id)
            });
            made.await
        }
        Err(e) => Err(e.into()),
    };
    opened(&visit, &form, done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_once_is_not_kept_in_a_path() {
        assert_eq!(kept("view=mine&done=saved&refused=2"), "view=mine");
        assert_eq!(kept_path("/cases/1?done=saved"), "/cases/1");
        assert_eq!(kept_path("/cases?view=mine&done=x"), "/cases?view=mine");
    }
}
