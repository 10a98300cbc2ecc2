//! A partner reports on many parcels at once: numbers pasted from a list, one status, a verdict for each.

use maud::{Markup, html};

use super::lists::{self, Verdict};
use super::shell::icons::Icon;
use super::shell::parts::{choice, mark, refusal, swap};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::identity::features::BulkParcels;
use crate::identity::grant::Grant;
use crate::parcels::error::ParcelError;
use crate::parcels::inputs::EventInput;
use crate::parcels::model::Status;
use crate::parcels::service::{self, MAX_BULK};
use crate::parcels::undo;
use crate::web::ApiError;

type Reporting = Visit<Grant<BulkParcels>>;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new().nav(Group::Work, Icon::Partner, "nav-report").get("/report", blank).post("/report", report)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Reporting) -> Reply {
    let latest = lists::latest(&visit)?;
    let main = markup(&visit.viewer, &Form::default(), &[], None, &latest);
    Ok(Out::page(visit.viewer.t("nav-report"), main))
}

/// Each line is a number, or a number and its own status behind a comma, semicolon or tab.
fn rows(text: &str, usual: Option<Status>) -> Vec<(String, Result<Status, String>)> {
    let line = |line: &str| {
        let (name, word) = line.split_once([',', ';', '\t']).unwrap_or((line, ""));
        let to = match word.trim() {
            "" => usual.ok_or_else(|| "no status is given".to_owned()),
            word => word.parse::<Status>(),
        };
        (name.trim().to_owned(), to)
    };
    text.lines().map(str::trim).filter(|l| !l.is_empty()).map(line).collect()
}

async fn report(visit: Reporting, form: Form) -> Reply {
    let usual = form.text("status").parse::<Status>().ok();
    let rows = rows(form.text("numbers"), usual);
    let note = form.some("note");
    let done = visit.write::<BulkParcels, _, _>(move |tx, grant, cx| -> Result<Vec<Verdict>, ParcelError> {
        let read = |(name, to): &(String, Result<Status, String>)| {
            let status = to.clone().map_err(|why| Invalid::at("/status", why))?;
            let input = EventInput { status: Some(status), note: note.clone(), ..EventInput::default() };
            Ok((name.clone(), input))
        };
        let done = service::post_list(tx, grant, cx, rows.iter().map(read).collect())?;
        undo::keep(tx, cx, &done)?;
        Ok(rows.iter().zip(&done).map(|((name, _), d)| Verdict::of(name.clone(), d)).collect())
    });
    let v = &visit.viewer;
    let done = done.await;
    let latest = lists::latest(&visit)?;
    match done {
        Ok(verdicts) => Ok(Out::page(v.t("nav-report"), markup(v, &form, &verdicts, None, &latest))),
        Err(Fail::Refused(e)) => {
            Ok(Out::page(v.t("nav-report"), markup(v, &form, &[], Some(&e), &latest)).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

fn markup(v: &Viewer, f: &Form, verdicts: &[Verdict], fail: Option<&ApiError>, latest: &Markup) -> Markup {
    let statuses: Vec<_> =
        Status::ALL.iter().skip(1).map(|s| (s.to_string(), v.word("status", s.as_str()))).collect();
    let taken = verdicts.iter().filter(|x| x.said.is_ok()).count() as u64;
    let refused = verdicts.len() as u64 - taken;
    // What was taken leaves the field; what was refused stays there to be mended.
    let left: Vec<&str> = verdicts.iter().filter(|x| x.said.is_err()).map(|x| x.name.as_str()).collect();
    let text = if verdicts.is_empty() { f.text("numbers").to_owned() } else { left.join("\n") };
    html! {
        h1 { (v.t("nav-report")) }
        (refusal(v, fail))
        @if !verdicts.is_empty() {
            p.big { (mark(Some(true), &v.count("report-taken", taken))) " " @if refused > 0 { (mark(Some(false), &v.count("report-refused", refused))) } }
        }
        div.columns {
            section.card {
                (swap(v, "/report", "", &html! {
                    div.field {
                        label for="numbers" { (v.t("report-numbers")) }
                        textarea #numbers name="numbers" rows="12" required spellcheck="false" aria-describedby="numbers-hint" { (text) }
                        small #numbers-hint { (v.count("report-hint", MAX_BULK as u64)) }
                    }
                    (choice("status", &v.t("status"), &statuses, if f.text("status").is_empty() { "in_transit" } else { f.text("status") }))
                    (super::shell::parts::Field::text("note", v.t("note"), f.text("note")))
                    button.primary { (v.t("report-send")) }
                }))
            }
            @if verdicts.is_empty() { section.card { h2 { (v.t("list-file")) } (lists::report_form(v)) } }
            @else { (lists::verdicts(v, verdicts)) }
        }
        (latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_number_or_a_number_with_its_own_status() {
        let read = rows("A1\n\n B2 , lost\nC3;nonsense\nD4\tdelivered", Some(Status::InTransit));
        let names: Vec<_> = read.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["A1", "B2", "C3", "D4"]);
        assert_eq!(read[0].1, Ok(Status::InTransit));
        assert_eq!((&read[1].1, &read[3].1), (&Ok(Status::Lost), &Ok(Status::Delivered)));
        assert!(read[2].1.as_ref().is_err_and(|e| e.contains("nonsense")));
        assert!(rows("A1", None)[0].1.is_err());
    }
}
