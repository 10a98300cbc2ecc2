//! The desk: a queue by urgency, one key a step, and beside it the case that is open.

use std::sync::Arc;
use std::time::Duration;

use fluent_bundle::FluentValue;
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, case_state, choice, empty, refusal, swap};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::base::page::DEFAULT_LIMIT;
use crate::cases::model::Case;
use crate::cases::reasons::Reason;
use crate::cases::repo::{self, Wanted, Which, Whose};
use crate::cases::rules::{CaseId, Command, Step};
use crate::cases::service::{self, CaseError, Taken};
use crate::identity::features::{BulkCases, ViewCases, WorkCases};
use crate::identity::grant::Grant;
use crate::parcels::cards::Card;
use crate::web::ApiError;

mod beside;
mod opening;

use beside::{answered, beside, ways};
use opening::{blank, open, open_many};

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
