//! The procedure that new waybills begin with: its steps in their order, each to be changed by those who may. A waybill
//! that is under way keeps the version it began with.

use maud::{Markup, html};
use serde::Deserialize;

use super::{step, when};
use crate::base::error::Invalid;
use crate::freight::desk;
use crate::freight::error::FreightError;
use crate::freight::service;
use crate::freight::sop::{Action, Guard, Sop, Step, To};
use crate::identity::features::{EditWorkflows, ViewWorkflows};
use crate::identity::grant::Grant;
use crate::identity::roles;
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{self, Field, choice, refusal};
use crate::screens::shell::visit::Pass;
use crate::screens::shell::{Fail, Form, Out, Reply, Screen, Viewer, Visit};
use crate::web::ApiError;

/// This screen; it is reached from the others of air freight.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .get("/procedure", show)
        .post("/procedure/add", add)
        .get("/procedure/{name}", step::show)
        .post("/procedure/{name}", step::save)
        .post("/procedure/{name}/move", shift)
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
}

/// The procedure and its revision.
pub(super) fn present<P: Pass>(visit: &Visit<P>) -> Result<(Sop, u64), Fail> {
    if !visit.viewer.sees_all() {
        return Err(FreightError::Scope.into());
    }
    visit.read(|tx| -> Result<_, FreightError> { Ok(desk::present(tx)?) })
}

/// Changes the steps that were seen at a revision.
pub(super) async fn put(
    visit: &Visit<Grant<EditWorkflows>>,
    seen: u64,
    change: impl Fn(&mut Vec<Step>) -> Result<(), FreightError> + Send + 'static,
) -> Result<(), Fail> {
    let write = visit.write::<EditWorkflows, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
        service::whole(grant)?;
        let (mut sop, _) = desk::present(tx)?;
        change(&mut sop.steps)?;
        desk::put(tx, cx, sop.steps, Some(seen)).map(drop)
    });
    write.await
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Visit<Grant<ViewWorkflows>>) -> Reply {
    page(&visit, None)
}

fn page<P: Pass>(visit: &Visit<P>, fail: Option<&ApiError>) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    let (sop, revision) = present(visit)?;
    let v = &visit.viewer;
    Ok(Out::page(v.t("air-procedure"), markup(v, &sop, revision, (asked.done.as_deref(), fail))).after(fail))
}

/// The roles that a step may be of.
pub(super) fn role_choices(v: &Viewer) -> Vec<(String, String)> {
    roles::NAMES.iter().chain(["system"].iter()).map(|r| ((*r).to_owned(), v.word("role", r))).collect()
}

/// A guard in words.
pub(super) fn guard(v: &Viewer, g: &Guard) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match g {
        Guard::Files(kinds) => {
            format!(
                "{}: {}",
                v.word("guard", "files"),
                list(kinds.iter().map(|k| v.word("file", k)).collect())
            )
        }
        Guard::Event(code) => format!("{} {}", code.as_str(), v.word("fsu", code.as_str())),
        other => v.word("guard", other.name()),
    }
}

fn action(v: &Viewer, a: &Action) -> Markup {
    let letter = |name: &str| match name {
        "pre_alert" => v.t("letter-pre_alert"),
        "arrival_notice" => v.t("letter-arrival_notice"),
        other => other.to_owned(),
    };
    match a {
        Action::Mail { template, to: To::Consignee } => {
            html! { (v.t("action-mail_consignee")) ": " (letter(template)) }
        }
        Action::Mail { template, to: To::Role } => {
            html! { (v.t("action-mail_role")) ": " (letter(template)) }
        }
        Action::Task { text } => html! { (v.t("action-task")) ": " q { (text) } },
        Action::Label { label } => html! { (v.t("action-label")) ": " span.place { (label) } },
        Action::Status { code } => html! { (v.t("action-status")) ": " code { (code.as_str()) } },
        Action::Webhook { event } => html! { (v.t("action-webhook")) ": " code { (event) } },
    }
}

fn markup(v: &Viewer, sop: &Sop, revision: u64, (done, fail): (Option<&str>, Option<&ApiError>)) -> Markup {
    let may = v.may::<EditWorkflows>();
    html! {
        div.head { h1 { (v.t("air-procedure")) } span.faint { (v.with("air-version", &[("n", sop.version.into())])) } }
        (super::tabs(v, "/procedure"))
        (parts::done(v, done))
        (refusal(v, fail))
        p.faint { (v.t("air-procedure-hint")) }
        ol.procedure { @for (n, s) in sop.steps.iter().enumerate() { (line(v, sop, (n, s), may.then_some(revision))) } }
        @if may {
            section.card.narrow {
                h2 { (v.t("air-step-add")) }
                (parts::post(v, "/procedure/add", &html! {
                    (parts::version(revision))
                    div.three {
                        (Field::text("key", v.t("air-step-key"), "").hint(v.t("air-step-key-hint")).needed())
                        (Field::text("name", v.t("name"), "").needed())
                        (choice("role", &v.t("role"), &role_choices(v), "import_agent"))
                    }
                    button { (Icon::Plus) (v.t("air-step-add")) }
                }))
            }
        }
    }
}

fn line(v: &Viewer, sop: &Sop, (n, s): (usize, &Step), revision: Option<u64>) -> Markup {
    let list = |label: &str, items: Vec<Markup>| {
        html! { @if !items.is_empty() { div { dt { (v.t(label)) } dd { ul { @for item in &items { li { (item) } } } } } } }
    };
    let text = |items: Vec<String>| items.into_iter().map(|t| html! { (t) }).collect::<Vec<_>>();
    let name = |key: &String| sop.step(key).map_or_else(|| key.clone(), |s| s.name.clone());
    html! {
        li.card id={ "step-" (n + 1) } {
            h2 { span.faint { (n + 1) } (s.name) small.faint { (v.word("role", &s.role)) @if s.auto { " · " (v.t("air-step-auto")) } } }
            dl.facts {
                (list("air-step-after", text(s.after.iter().map(name).collect())))
                (list("air-step-guards", text(s.guards.iter().map(|g| guard(v, g)).collect())))
                (list("air-step-actions", s.actions.iter().map(|a| action(v, a)).collect()))
                (list("due", text(s.due.iter().map(|d| when::said(v, d)).collect())))
                (list("air-step-reminders", s.reminders.iter().map(|r| html! { (when::said(v, &r.when)) ": " q { (r.text) } }).collect()))
            }
            @if let Some(revision) = revision {
                div.buttons {
                    a.button href={ "/procedure/" (s.key) } { (v.t("air-step-edit")) }
                    @for (to, label) in [("up", "air-step-up"), ("down", "air-step-down")] {
                        (parts::swap(v, &format!("/procedure/{}/move", s.key), "inline", &html! { (parts::version(revision)) button name="to" value=(to) { (v.t(label)) } }))
                    }
                    details.confirm {
                        summary.button { (v.t("remove")) }
                        (parts::post(v, &format!("/procedure/{}/move", s.key), &html! { (parts::version(revision)) button.danger name="to" value="out" { (v.t("remove")) } }))
                    }
                }
            }
        }
    }
}

/// The place of the step `key`.
pub(super) fn place(steps: &[Step], key: &str) -> Result<usize, FreightError> {
    steps.iter().position(|s| s.key == key).ok_or_else(|| FreightError::unknown("step", key))
}

fn done<P: Pass>(visit: &Visit<P>, done: Result<(), Fail>, word: &str) -> Reply {
    match done {
        Ok(()) => Ok(Out::See(format!("/procedure?done={word}"))),
        Err(Fail::Refused(e)) if visit.viewer.may::<ViewWorkflows>() => page(visit, Some(&e)),
        Err(fail) => Err(fail),
    }
}

async fn add(visit: Visit<Grant<EditWorkflows>>, f: Form) -> Reply {
    let added = match f.version() {
        Err(e) => Err(e.into()),
        Ok(seen) => {
            let text = |name: &str| f.text(name).to_owned();
            let (key, name, role) = (text("key"), text("name"), text("role"));
            put(&visit, seen, move |steps| {
                steps.push(Step {
                    key: key.clone(),
                    name: name.clone(),
                    role: role.clone(),
                    after: Vec::new(),
                    guards: Vec::new(),
                    actions: Vec::new(),
                    due: None,
                    reminders: Vec::new(),
                    auto: false,
                });
                Ok(())
            })
            .await
        }
    };
    done(&visit, added, "added")
}

async fn shift(visit: Visit<Grant<EditWorkflows>>, f: Form) -> Reply {
    let (key, to) = (visit.path("name"), f.text("to").to_owned());
    let moved = match f.version() {
        Err(e) => Err(e.into()),
        Ok(seen) => {
            put(&visit, seen, move |steps| {
                let (at, last) = (place(steps, &key)?, steps.len() - 1);
                match to.as_str() {
                    "up" => steps.swap(at, at.saturating_sub(1)),
                    "down" => steps.swap(at, (at + 1).min(last)),
                    "out" => drop(steps.remove(at)),
                    _ => return Err(Invalid::at("/to", "is none of the choices").into()),
                }
                Ok(())
            })
            .await
        }
    };
    done(&visit, moved, "saved")
}
