//! One step of the procedure, to be changed: who does it, what must be so before, what follows, who is reminded when.

use maud::{Markup, html};

use super::procedure::{place, present, put, role_choices};
use super::when;
use crate::attachments::model::FILE_TYPES;
use crate::base::error::Invalid;
use crate::freight::codes::Code;
use crate::freight::error::FreightError;
use crate::freight::sop::{Action, Guard, Reminder, Sop, Step, To};
use crate::identity::features::EditWorkflows;
use crate::identity::grant::Grant;
use crate::screens::shell::parts::{self, Field, choice, refusal};
use crate::screens::shell::{Fail, Form, Out, Reply, Viewer, Visit};
use crate::web::ApiError;

type Editing = Visit<Grant<EditWorkflows>>;

/// Empty rows behind those that are there.
const BLANK: usize = 2;
/// What a reminder may raise as well.
const ALARMS: [&str; 4] = ["late_flight", "not_counted", "storage_running", "unit_out"];
/// What may follow from a step.
const ACTIONS: [&str; 6] = ["mail_consignee", "mail_role", "task", "label", "status", "webhook"];
/// Guards that say nothing but their name.
const PLAIN: [Guard; 9] = [
    Guard::NumberOk,
    Guard::EntryNumber,
    Guard::Counted,
    Guard::IscPaid,
    Guard::CustomsReleased,
    Guard::PickupBooked,
    Guard::Delivered,
    Guard::UnitsReturned,
    Guard::BillsSettled,
];

#[allow(clippy::unused_async)] // the form of a handler
pub(super) async fn show(visit: Editing) -> Reply {
    page(&visit, None)
}

fn page(visit: &Editing, fail: Option<&ApiError>) -> Reply {
    let (sop, revision) = present(visit)?;
    let at = place(&sop.steps, &visit.path("name"))?;
    let main = markup(&visit.viewer, &sop, (at, revision), fail);
    Ok(Out::page(sop.steps[at].name.clone(), main).after(fail))
}

fn files(s: &Step) -> Vec<String> {
    let of = |g: &Guard| match g {
        Guard::Files(kinds) => kinds.clone(),
        _ => Vec::new(),
    };
    s.guards.iter().flat_map(of).collect()
}

fn events(s: &Step) -> String {
    let of = |g: &Guard| match g {
        Guard::Event(code) => Some(code.as_str()),
        _ => None,
    };
    s.guards.iter().filter_map(of).collect::<Vec<_>>().join(", ")
}

fn markup(v: &Viewer, sop: &Sop, (at, revision): (usize, u64), fail: Option<&ApiError>) -> Markup {
    let s = &sop.steps[at];
    let files = files(s);
    html! {
        h1 { (s.name) }
        (super::tabs(v, "/procedure"))
        (refusal(v, fail))
        section.card {
            (parts::post(v, &format!("/procedure/{}", s.key), &html! {
                (parts::version(revision))
                div.two {
                    (Field::text("name", v.t("name"), &s.name).needed())
                    (choice("role", &v.t("role"), &role_choices(v), &s.role))
                }
                (parts::tick("auto", &v.t("air-step-auto"), s.auto))
                @if at > 0 {
                    fieldset.rights {
                        legend { (v.t("air-step-after")) }
                        @for e in &sop.steps[..at] { (pick("after", &e.key, &e.name, s.after.contains(&e.key))) }
                    }
                }
                fieldset.rights {
                    legend { (v.t("air-step-guards")) }
                    @for g in &PLAIN { (pick("guard", g.name(), &v.word("guard", g.name()), s.guards.contains(g))) }
                }
                (Field::text("events", v.t("air-step-events"), &events(s)).hint(v.t("air-step-events-hint")))
                fieldset.rights {
                    legend { (v.word("guard", "files")) }
                    @for t in FILE_TYPES { (pick("file", t.code, &v.word("file", t.code), files.iter().any(|f| f == t.code))) }
                }
                fieldset { legend { (v.t("due")) } (when::fields(v, "due", s.due.as_ref())) }
                fieldset {
                    legend { (v.t("air-step-actions")) }
                    @for n in 0..s.actions.len() + BLANK { (action(v, n, s.actions.get(n))) }
                }
                fieldset {
                    legend { (v.t("air-step-reminders")) }
                    @for n in 0..s.reminders.len() + BLANK { (reminder(v, n, s.reminders.get(n))) }
                }
                button.primary { (v.t("save")) }
            }))
        }
    }
}

fn pick(name: &str, value: &str, label: &str, on: bool) -> Markup {
    html! { label.tick { input type="checkbox" name=(name) value=(value) checked[on]; span { (label) } } }
}

fn action(v: &Viewer, n: usize, a: Option<&Action>) -> Markup {
    let (kind, text) = match a {
        None => ("", String::new()),
        Some(Action::Mail { template, to: To::Consignee }) => ("mail_consignee", template.clone()),
        Some(Action::Mail { template, to: To::Role }) => ("mail_role", template.clone()),
        Some(Action::Task { text }) => ("task", text.clone()),
        Some(Action::Label { label }) => ("label", label.clone()),
        Some(Action::Status { code }) => ("status", code.as_str().to_owned()),
        Some(Action::Webhook { event }) => ("webhook", event.clone()),
    };
    html! {
        div.row {
            select name={ "a" (n) "-kind" } aria-label=(v.t("air-step-actions")) {
                option value="" { "–" }
                @for k in ACTIONS { option value=(k) selected[k == kind] { (v.word("action", k)) } }
            }
            input type="text" name={ "a" (n) "-text" } value=(text) maxlength="200" autocomplete="off" aria-label=(v.t("air-step-text"));
        }
    }
}

fn reminder(v: &Viewer, n: usize, r: Option<&Reminder>) -> Markup {
    let at = format!("r{n}");
    let missing = r.and_then(|r| r.while_missing.as_ref());
    let event = match missing {
        Some(Guard::Event(code)) => Some(*code),
        _ => None,
    };
    let alarm = r.and_then(|r| r.alarm.as_deref()).unwrap_or_default();
    html! {
        div.row {
            (when::fields(v, &at, r.map(|r| &r.when)))
            input type="text" name={ (at) "-text" } value=(r.map_or("", |r| r.text.as_str())) maxlength="200" autocomplete="off" aria-label=(v.t("air-step-text"));
            select name={ (at) "-while" } aria-label=(v.t("air-step-while")) {
                option value="" { (v.t("air-step-while-open")) }
                @for g in &PLAIN { option value=(g.name()) selected[missing == Some(g)] { (v.word("guard", g.name())) } }
                option value="files" selected[matches!(missing, Some(Guard::Files(_)))] { (v.word("guard", "files")) }
                @for c in Code::ALL { option value=(c.as_str()) selected[event == Some(*c)] { (c.as_str()) " " (v.word("fsu", c.as_str())) } }
            }
            select name={ (at) "-alarm" } aria-label=(v.t("air-step-alarm")) {
                option value="" { (v.t("air-step-no-alarm")) }
                @for a in ALARMS { option value=(a) selected[a == alarm] { (v.word("alarm", a)) } }
            }
            (parts::tick(&format!("{at}-early"), &v.t("air-step-early"), r.is_some_and(|r| r.early)))
        }
    }
}

fn codes(text: &str) -> Result<Vec<Guard>, Invalid> {
    let each = text.split(',').map(str::trim).filter(|t| !t.is_empty());
    each.map(|t| t.parse::<Code>().map(Guard::Event).map_err(|e| Invalid::at("/events", e))).collect()
}

fn guards(f: &Form) -> Result<Vec<Guard>, Invalid> {
    let mut out: Vec<Guard> =
        PLAIN.iter().filter(|g| f.all("guard").any(|name| name == g.name())).cloned().collect();
    out.extend(codes(f.text("events"))?);
    let files: Vec<String> = f.all("file").map(str::to_owned).collect();
    if let Some(odd) = files.iter().find(|k| crate::attachments::model::file_type(k).is_none()) {
        return Err(Invalid::at("/file", format!("\"{odd}\" is no file type")));
    }
    if !files.is_empty() {
        out.push(Guard::Files(files));
    }
    Ok(out)
}

fn actions(f: &Form, most: usize) -> Result<Vec<Action>, Invalid> {
    let mut out = Vec::new();
    for n in 0..most {
        let text = f.text(&format!("a{n}-text")).to_owned();
        let needed = || {
            if text.is_empty() {
                Err(Invalid::at(format!("/a{n}-text"), "is needed"))
            } else {
                Ok(text.clone())
            }
        };
        out.push(match f.text(&format!("a{n}-kind")) {
            "" => continue,
            "mail_consignee" => Action::Mail { template: needed()?, to: To::Consignee },
            "mail_role" => Action::Mail { template: needed()?, to: To::Role },
            "task" => Action::Task { text: needed()? },
            "label" => Action::Label { label: needed()? },
            "webhook" => Action::Webhook { event: needed()? },
            "status" => {
                Action::Status { code: needed()?.parse().map_err(|e| Invalid::at(format!("/a{n}-text"), e))? }
            }
            other => {
                return Err(Invalid::at(
                    format!("/a{n}-kind"),
                    format!("\"{other}\" is none of the choices"),
                ));
            }
        });
    }
    Ok(out)
}

fn while_missing(
    f: &Form,
    at: &str,
    old: Option<&Reminder>,
    guards: &[Guard],
) -> Result<Option<Guard>, Invalid> {
    let name = f.text(&format!("{at}-while"));
    if name.is_empty() {
        return Ok(None);
    }
    if let Some(plain) = PLAIN.iter().find(|g| g.name() == name) {
        return Ok(Some(plain.clone()));
    }
    if name == "files" {
        // Those that this step asks for; without any, those it reminded of before.
        let own = guards.iter().find(|g| matches!(g, Guard::Files(_)));
        let before = old.and_then(|r| r.while_missing.as_ref()).filter(|g| matches!(g, Guard::Files(_)));
        let none = || Invalid::at(format!("/{at}-while"), "asks for documents, and the step names none");
        return own.or(before).cloned().map(Some).ok_or_else(none);
    }
    name.parse::<Code>().map(|c| Some(Guard::Event(c))).map_err(|e| Invalid::at(format!("/{at}-while"), e))
}

fn reminders(f: &Form, old: &[Reminder], guards: &[Guard]) -> Result<Vec<Reminder>, Invalid> {
    let mut out = Vec::new();
    for n in 0..old.len() + BLANK {
        let at = format!("r{n}");
        let Some(when) = when::read(f, &at)? else { continue };
        let text = f.text(&format!("{at}-text")).to_owned();
        if text.is_empty() {
            return Err(Invalid::at(format!("/{at}-text"), "is needed: what is said"));
        }
        let alarm = f.some(&format!("{at}-alarm"));
        if let Some(odd) = alarm.as_deref().filter(|a| !ALARMS.contains(a)) {
            return Err(Invalid::at(format!("/{at}-alarm"), format!("\"{odd}\" is none of the choices")));
        }
        let while_missing = while_missing(f, &at, old.get(n), guards)?;
        out.push(Reminder { when, while_missing, text, alarm, early: f.ticked(&format!("{at}-early")) });
    }
    Ok(out)
}

/// The step `old` as the form says it.
fn read(f: &Form, old: &Step) -> Result<Step, Invalid> {
    let guards = guards(f)?;
    Ok(Step {
        key: old.key.clone(),
        name: f.text("name").to_owned(),
        role: f.text("role").to_owned(),
        after: f.all("after").map(str::to_owned).collect(),
        actions: actions(f, old.actions.len() + BLANK)?,
        due: when::read(f, "due")?,
        reminders: reminders(f, &old.reminders, &guards)?,
        auto: f.ticked("auto"),
        guards,
    })
}

pub(super) async fn save(visit: Editing, f: Form) -> Reply {
    let key = visit.path("name");
    let saved = match f.version() {
        Err(e) => Err(e.into()),
        Ok(seen) => {
            put(&visit, seen, move |steps| -> Result<(), FreightError> {
                let at = place(steps, &key)?;
                steps[at] = read(&f, &steps[at])?;
                Ok(())
            })
            .await
        }
    };
    match saved {
        Ok(()) => Ok(Out::See("/procedure?done=saved".into())),
        Err(Fail::Refused(e)) => page(&visit, Some(&e)),
        Err(fail) => Err(fail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser sends of a step's page when nobody changes anything.
    fn unchanged(sop: &Sop, at: usize) -> Form {
        let v = Viewer::plain();
        let html = markup(&v, sop, (at, 0), None).into_string();
        let mut fields = Vec::new();
        let mut select: Option<(String, Option<String>)> = None;
        for tag in html.split('<').skip(1) {
            let of = |name: &str| {
                let after = tag.split_once(&format!(" {name}=\""))?.1;
                Some(after.split('"').next()?.replace("&amp;", "&").replace("&quot;", "\""))
            };
            let ticked = tag.split('>').next().is_some_and(|t| t.ends_with(" checked"));
            match tag.split([' ', '>']).next() {
                Some("input") if of("type").as_deref() == Some("checkbox") && !ticked => {}
                Some("input") => fields.extend(of("name").zip(Some(of("value").unwrap_or_default()))),
                Some("select") => select = of("name").map(|n| (n, None)),
                Some("option") => {
                    let chosen = tag.split('>').next().is_some_and(|t| t.ends_with(" selected"));
                    if let Some((_, value)) = &mut select
                        && (chosen || value.is_none())
                    {
                        *value = of("value");
                    }
                }
                Some("/select") => {
                    fields.extend(select.take().map(|(n, value)| (n, value.unwrap_or_default())));
                }
                _ => {}
            }
        }
        Form(fields)
    }

    #[test]
    fn a_step_that_is_saved_as_it_is_shown_stays_as_it_was() {
        let sop = Sop::usual();
        for (n, step) in sop.steps.iter().enumerate() {
            assert_eq!(&read(&unchanged(&sop, n), step).unwrap(), step);
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let sop = Sop::usual();
        let old = &sop.steps[1];
        for (name, value, at) in [
            ("events", "RCF, XXX", "/events"),
            ("file", "diary", "/file"),
            ("a0-kind", "dance", "/a0-kind"),
            ("r0-text", "", "/r0-text"),
            ("r0-form", "never", "/r0-form"),
            ("r0-of", "lfd", "/r0-of"),
            ("r0-alarm", "bell", "/r0-alarm"),
            ("r0-while", "nothing", "/r0-while"),
            ("due-n", "many", "/due-n"),
        ] {
            let mut form = unchanged(&sop, 1);
            form.0.retain(|(n, _)| n != name || name == "file");
            form.0.push((name.into(), value.into()));
            let why = read(&form, old).unwrap_err();
            assert!(why.0.iter().any(|p| p.pointer == at), "{name}={value}: {why:?}");
        }
    }
}
