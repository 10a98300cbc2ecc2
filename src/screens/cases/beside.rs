//! The open case beside the queue: its steps as buttons, what was done, and the answer of whoever it is about.

use fluent_bundle::FluentValue;
use maud::{Markup, html};

use super::Shown;
use crate::cases::event::CaseEvent;
use crate::cases::matter_api;
use crate::cases::model::AnswerKind;
use crate::cases::reasons::{self, Reason};
use crate::cases::rules::{CaseId, Resolution, Step};
use crate::cases::service::CaseError;
use crate::identity::features::{AnswerCases, ViewParcels};
use crate::identity::grant::Grant;
use crate::parcels::inputs::PlaceInput;
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{self, Field, case_state, choice, status, swap};
use crate::screens::shell::{Form, Out, Reply, Viewer, Visit};

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
pub(super) fn ways(v: &Viewer) -> Vec<(String, String)> {
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

pub(super) async fn answered(visit: Visit<Grant<AnswerCases>>, form: Form) -> Reply {
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

pub(super) fn beside(v: &Viewer, s: &Shown) -> Markup {
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
            @if !c.detail.is_empty() { p.detail { (v.retold(&c.detail)) } }
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
