//! When something is due: as a sentence, and as fields of a form.

use fluent_bundle::FluentValue;
use maud::{Markup, html};

use crate::base::error::Invalid;
use crate::freight::clocks::{Day, Moment};
use crate::freight::reminders::When;
use crate::screens::shell::{Form, Viewer};

/// Moments and days that something may hang on.
const ANCHORS: [&str; 9] =
    ["eta", "arrived", "received", "delivered", "hold_start", "lfd_end", "detention_end", "lfd", "detention"];
/// The forms of it.
const FORMS: [&str; 4] = ["hours", "on_day", "working_days", "each"];

fn clock(hours: &[i8]) -> String {
    hours.iter().map(|h| format!("{h:02}:00")).collect::<Vec<_>>().join(", ")
}

/// `when` in words.
pub(super) fn said(v: &Viewer, when: &When) -> String {
    let n = |n: i64| FluentValue::from(n.abs());
    let moment = |m: &Moment| FluentValue::from(v.named("moment", m));
    match when {
        When::Hours { after, hours: 0 } => v.with("when-at", &[("moment", moment(after))]),
        When::Hours { after, hours } => {
            let key = if *hours < 0 { "when-hours-before" } else { "when-hours-after" };
            v.with(key, &[("n", n((*hours).into())), ("moment", moment(after))])
        }
        When::OnDay { day, days, hour } => {
            let key = match days {
                ..0 => "when-days-before",
                0 => "when-on-day",
                _ => "when-days-after",
            };
            let day = FluentValue::from(v.named("moment", day));
            v.with(key, &[("n", n((*days).into())), ("day", day), ("at", clock(&[*hour]).into())])
        }
        When::WorkingDays { after, days, hour } => {
            let at = FluentValue::from(clock(&[*hour]));
            v.with("when-working-days", &[("n", n((*days).into())), ("moment", moment(after)), ("at", at)])
        }
        When::Each { from, hours, working } => {
            let key = if *working { "when-each-working" } else { "when-each" };
            v.with(key, &[("moment", moment(from)), ("at", clock(hours).into())])
        }
    }
}

/// What stands in the fields: form, anchor, number, hours.
fn values(when: Option<&When>) -> (&'static str, String, String, String) {
    let name = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|n| n.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let moment = |m: &Moment| name(serde_json::to_value(m));
    let hours = |h: &[i8]| h.iter().map(i8::to_string).collect::<Vec<_>>().join(", ");
    match when {
        None => ("", String::new(), String::new(), String::new()),
        Some(When::Hours { after, hours }) => ("hours", moment(after), hours.to_string(), String::new()),
        Some(When::OnDay { day, days, hour }) => {
            ("on_day", name(serde_json::to_value(day)), days.to_string(), hours(&[*hour]))
        }
        Some(When::WorkingDays { after, days, hour }) => {
            ("working_days", moment(after), days.to_string(), hours(&[*hour]))
        }
        Some(When::Each { from, hours: h, .. }) => ("each", moment(from), String::new(), hours(h)),
    }
}

/// The fields of a form for it; their names begin with `at`.
pub(super) fn fields(v: &Viewer, at: &str, when: Option<&When>) -> Markup {
    let (form, anchor, n, hours) = values(when);
    let working = matches!(when, Some(When::Each { working: true, .. }));
    html! {
        span.when-fields {
            select name={ (at) "-form" } aria-label=(v.t("due")) {
                option value="" { "–" }
                @for f in FORMS { option value=(f) selected[f == form] { (v.word("when-form", f)) } }
            }
            select name={ (at) "-of" } aria-label=(v.t("when-of")) {
                @for a in ANCHORS { option value=(a) selected[a == anchor] { (v.word("moment", a)) } }
            }
            input type="number" name={ (at) "-n" } value=(n) aria-label=(v.t("when-n"));
            input type="text" name={ (at) "-at" } value=(hours) placeholder="8, 14" autocomplete="off" aria-label=(v.t("when-clock"));
            label.tick { input type="checkbox" name={ (at) "-working" } value="1" checked[working]; span { (v.t("when-working")) } }
        }
    }
}

/// What the fields say; none when no form is chosen.
///
/// # Errors
/// Names the field that makes no sense.
pub(super) fn read(f: &Form, at: &str) -> Result<Option<When>, Invalid> {
    let field = |what: &str| format!("{at}-{what}");
    let hours = || -> Result<Vec<i8>, Invalid> {
        let text = f.text(&field("at")).to_owned();
        let each = text.split(',').map(str::trim).filter(|t| !t.is_empty());
        let read = |t: &str| {
            let said = format!("\"{t}\" is no hour of a day; 0 to 23 are");
            t.trim_end_matches(":00")
                .parse::<i8>()
                .map_err(|_| Invalid::at(format!("/{}", field("at")), said))
        };
        each.map(read).collect()
    };
    let hour = || -> Result<i8, Invalid> {
        let none = || Invalid::at(format!("/{}", field("at")), "is needed: an hour, 0 to 23");
        hours()?.first().copied().ok_or_else(none)
    };
    let n = || -> Result<i32, Invalid> { Ok(f.parsed(&field("n"))?.unwrap_or(0)) };
    let moment = || f.one_of::<Moment>(&field("of"));
    let days =
        || u16::try_from(n()?).map_err(|_| Invalid::at(format!("/{}", field("n")), "is less than nothing"));
    Ok(Some(match f.text(&field("form")) {
        "" => return Ok(None),
        "hours" => When::Hours { after: moment()?, hours: n()? },
        "on_day" => When::OnDay { day: f.one_of::<Day>(&field("of"))?, days: n()?, hour: hour()? },
        "working_days" => When::WorkingDays { after: moment()?, days: days()?, hour: hour()? },
        "each" => When::Each { from: moment()?, hours: hours()?, working: f.ticked(&field("working")) },
        other => {
            let said = format!("\"{other}\" is none of the choices");
            return Err(Invalid::at(format!("/{}", field("form")), said));
        }
    }))
}
