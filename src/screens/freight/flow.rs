//! Where a master stands in its procedure: what is done, what is missing, and taking the next step.

use maud::{Markup, html};

use super::waybill::{self, Page};
use crate::freight::error::FreightError;
use crate::freight::service::{self, Advance};
use crate::freight::sop::Action;
use crate::freight::views::{StepView, WorkflowView};
use crate::identity::features::{AdvanceWorkflows, ForceWorkflows};
use crate::identity::grant::Grant;
use crate::screens::shell::parts::{self, mark, swap};
use crate::screens::shell::{Form, Reply, Viewer, Visit};

pub(super) fn card(v: &Viewer, p: &Page, flow: &WorkflowView) -> Markup {
    let done = flow.steps.iter().filter(|s| s.state == "done").count();
    html! {
        section.card aria-labelledby="flow" {
            h2 id="flow" {
                (v.t("air-procedure"))
                small.faint { (v.with("air-steps-done", &[("n", done.into()), ("of", flow.steps.len().into()), ("version", flow.version.into())])) }
            }
            @if flow.steps.is_empty() { p.faint { (v.t("air-no-procedure")) } }
            @if let Some(at) = flow.next_reminder_at.filter(|at| *at > v.now) { p.faint { (v.t("air-next-reminder")) ": " (v.time(at)) } }
            ol.flow { @for step in &flow.steps { (line(v, p, step, flow.current.as_deref() == Some(step.step.key.as_str()))) } }
        }
    }
}

fn state(v: &Viewer, s: &StepView) -> Markup {
    match s.state {
        "done" => mark(Some(true), &v.t("step-is-done")),
        "open" => mark(None, &v.t("step-is-open")),
        _ => html! { span.state.over { (v.t("step-is-waiting")) } },
    }
}

fn line(v: &Viewer, p: &Page, s: &StepView, is_current: bool) -> Markup {
    let is_done = s.state == "done";
    let may = v.may::<AdvanceWorkflows>()
        && !is_done
        && v.principal.as_ref().is_some_and(|who| service::may_take(who, &s.step.role));
    let ready = s.missing.is_empty();
    // A letter goes out when its step is taken: that is the button by which it is sent.
    let letter = s.step.actions.iter().find_map(|a| match a {
        Action::Mail { template, .. } if template == "pre_alert" => Some(v.t("air-send-pre-alert")),
        Action::Mail { template, .. } if template == "arrival_notice" => Some(v.t("air-send-notice")),
        _ => None,
    });
    html! {
        li.here[is_current] {
            div.what {
                (state(v, s)) " " strong { (s.step.name) } " "
                small.faint { (v.word("role", &s.step.role)) @if let Some(at) = s.done_at { " · " (v.time(at)) } }
            }
            @if let Some(why) = &s.forced { p.level { (v.t("event-forced")) ": " q { (why) } } }
            @if !is_done && !s.missing.is_empty() && s.state == "open" {
                ul.missing { @for x in &s.missing { li { strong { (v.word("guard", x.guard)) } " " span.faint { (v.say(&x.detail)) } } } }
            }
            @if may && ready {
                (swap(v, &format!("/mawbs/{}/advance", p.m.id), "inline", &html! {
                    input type="hidden" name="step" value=(s.step.key);
                    button.small.primary[is_current] { (letter.unwrap_or_else(|| v.t("air-take-step"))) }
                }))
            }
            @if v.may::<AdvanceWorkflows>() && v.may::<ForceWorkflows>() && !is_done && !ready {
                (force(v, p, &s.step.key))
            }
        }
    }
}

fn force(v: &Viewer, p: &Page, key: &str) -> Markup {
    let name = format!("why-{key}");
    html! {
        details.confirm {
            summary { (v.t("step-force")) }
            (parts::post(v, &format!("/mawbs/{}/advance", p.m.id), &html! {
                input type="hidden" name="step" value=(key);
                input type="hidden" name="force" value="1";
                div.field { label for=(name) { (v.t("reason")) } input id=(name) name="reason" type="text" required maxlength="200" autocomplete="off"; }
                button.danger { (v.t("step-force-go")) }
            }))
        }
    }
}

pub(super) async fn advance(visit: Visit<Grant<AdvanceWorkflows>>, f: Form) -> Reply {
    let name = visit.path("id");
    let asked = Advance { step: f.some("step"), force: f.ticked("force"), reason: f.some("reason") };
    let done = visit.write::<AdvanceWorkflows, _, _>(move |tx, grant, cx| -> Result<(), FreightError> {
        service::advance(tx, grant, cx, &name, &asked).map(drop)
    });
    let done = done.await;
    waybill::after(&visit, done)
}
