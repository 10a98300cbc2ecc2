//! Reports: the usual ones a click away, any other by a few choices, each number with the parcels behind it; those that
//! are saved, when they run, and what their runs gave.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, empty, mark, refusal};
use super::shell::visit::Pass;
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::identity::features::{EditReports, RunReports, ViewReports};
use crate::identity::grant::Grant;
use crate::jobs::schedule::{Schedule, Weekday};
use crate::reports::dimension::Dimension;
use crate::reports::error::ReportError;
use crate::reports::model::{Definition, Format, Kind, Saved, Wish};
use crate::reports::repo::{self, Outcome, Run};
use crate::reports::{export, service};
use crate::store::StoreError;
use crate::web::ApiError;

pub mod asked;
pub mod counted;
pub mod drawn;
pub mod shift;

use asked::Asked;

type Looking = Visit<Grant<ViewReports>>;
type Editing = Visit<Grant<EditReports>>;

/// Runs that are shown.
const RUNS: usize = 20;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    let screen = Screen::new()
        .nav(Group::Work, Icon::Reports, "nav-reports")
        .get("/reports", list)
        .get("/reports/{id}", show)
        .post("/reports/new", create)
        .post("/reports/{id}", change)
        .post("/reports/{id}/run", run_now)
        .post("/reports/{id}/remove", remove)
        .get("/reports/runs/{id}", run);
    shift::routes(counted::routes(screen))
}

/// The reports everybody asks for: a kind and what it is grouped by.
const USUAL: [(Kind, Dimension); 15] = [
    (Kind::Exceptions, Dimension::Reason),
    (Kind::Exceptions, Dimension::Distributor),
    (Kind::Exceptions, Dimension::Carrier),
    (Kind::Exceptions, Dimension::Age),
    (Kind::Exceptions, Dimension::Fault),
    (Kind::Lateness, Dimension::Distributor),
    (Kind::Lateness, Dimension::Carrier),
    (Kind::Dwell, Dimension::Stay),
    (Kind::FirstAttempt, Dimension::Distributor),
    (Kind::FirstAttempt, Dimension::Carrier),
    (Kind::Volumes, Dimension::Day),
    (Kind::Volumes, Dimension::Month),
    (Kind::Transit, Dimension::Carrier),
    (Kind::Scorecard, Dimension::Carrier),
    (Kind::Scorecard, Dimension::Distributor),
];

/// A report's name, as the gallery says it.
fn title(v: &Viewer, kind: Kind, by: &[Dimension]) -> String {
    let by: Vec<String> = by.iter().map(|d| v.word("by", d.as_str())).collect();
    format!("{} {}", v.word("report", kind.as_str()), by.join(", "))
}

#[derive(Default, Deserialize)]
struct Once {
    done: Option<String>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let (v, pass) = (&visit.viewer, &visit.pass);
    let once: Once = visit.query().unwrap_or_default();
    let (saved, runs) = visit.read(|tx| -> Result<_, StoreError> {
        let runs = repo::runs(tx, None, None, RUNS)?.items.into_iter().map(|e| e.value);
        let runs: Vec<Run> = runs.filter(|r| pass.scope().covers(&r.scope)).collect();
        Ok((service::visible(tx, pass)?, runs))
    })?;
    let main = html! {
        div.head { h1 { (v.t("nav-reports")) } }
        (parts::done(v, once.done.as_deref()))
        @if v.may::<RunReports>() {
            p.noprint { a.button href="/reports/shift" { (Icon::Printers) (v.t("shift-report")) } }
            (gallery(v))
        }
        section.card aria-labelledby="saved" {
            h2 id="saved" { (v.t("reports-saved")) }
            @if saved.is_empty() { (empty(&v.t("reports-none-saved"), &html! { p { (v.t("reports-none-saved-hint")) } })) }
            @else {
                table.list {
                    thead { tr { th { (v.t("name")) } th { (v.t("report")) } th { (v.t("report-schedule")) } } }
                    tbody { @for s in &saved { tr data-row {
                        td { a href={ "/reports/" (s.id) } { (s.wish.name) } }
                        td { (title(v, s.wish.definition.kind, &s.wish.definition.groups())) }
                        td { (when(v, s.wish.schedule)) }
                    } } }
                }
            }
        }
        @if !runs.is_empty() {
            section.card aria-labelledby="runs" { h2 id="runs" { (v.t("report-runs")) } (runs_table(v, &runs)) }
        }
    };
    Ok(Out::page(v.t("nav-reports"), main))
}

fn gallery(v: &Viewer) -> Markup {
    html! {
        div.gallery {
            @for kind in Kind::ALL {
                section.card aria-labelledby=(format!("kind-{}", kind.as_str())) {
                    h2 id=(format!("kind-{}", kind.as_str())) { (v.word("report", kind.as_str())) }
                    p.faint { (v.word("report-about", kind.as_str())) }
                    ul { @for (_, by) in USUAL.iter().filter(|(k, _)| *k == kind) {
                        li { a href={ "/reports/show?kind=" (kind.as_str()) "&by=" (by.as_str()) } { (v.word("by", by.as_str())) } }
                    } }
                }
            }
        }
    }
}

fn runs_table(v: &Viewer, runs: &[Run]) -> Markup {
    html! {
        table.list data-region="runs" data-again=[runs.iter().any(|r| r.outcome == Outcome::Waiting).then_some("1500")] {
            thead { tr { th { (v.t("when")) } th { (v.t("name")) } th { (v.t("state")) } th { (v.t("file")) } } }
            tbody { @for r in runs { tr data-row {
                td.when { a href={ "/reports/runs/" (r.id) } { (v.time(r.at)) } }
                td { (r.name) }
                td { (outcome(v, &r.outcome)) }
                td { @if matches!(r.outcome, Outcome::Done(_)) { (files(v, &format!("/reports/runs/{}?form=", r.id))) } }
            } } }
        }
    }
}

/// Ways to take a table along.
fn files(v: &Viewer, to: &str) -> Markup {
    html! {
        @for format in [Format::Csv, Format::Xlsx] {
            a.button.small href={ (to) (format.ending()) } download aria-label={ (v.t("file")) " " (format.ending()) } { (format.ending().to_uppercase()) } " "
        }
    }
}

fn outcome(v: &Viewer, o: &Outcome) -> Markup {
    match o {
        Outcome::Waiting => mark(None, &v.t("run-waiting")),
        Outcome::Done(_) => mark(Some(true), &v.t("run-done")),
        Outcome::Failed(_) => mark(Some(false), &v.t("run-failed")),
    }
}

/// When it runs by itself, in words.
fn when(v: &Viewer, schedule: Option<Schedule>) -> String {
    let clock = |hour: u8, minute: u8| format!("{hour:02}:{minute:02}");
    match schedule {
        None => v.t("schedule-never"),
        Some(Schedule::EveryMinutes(n)) => v.count("schedule-minutes", u64::from(n)),
        Some(Schedule::DailyAt { hour, minute }) => {
            v.with("schedule-daily-at", &[("at", clock(hour, minute).into())])
        }
        Some(Schedule::WeeklyAt { weekday, hour, minute }) => {
            let args = [("day", v.named("weekday", weekday).into()), ("at", clock(hour, minute).into())];
            v.with("schedule-weekly-at", &args)
        }
        Some(Schedule::MonthlyAt { day, hour, minute }) => {
            v.with("schedule-monthly-at", &[("day", day.into()), ("at", clock(hour, minute).into())])
        }
    }
}

const DAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

fn word<T: serde::Serialize>(value: T) -> String {
    serde_json::to_value(value).ok().and_then(|n| n.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What a form for saving a report asks beside what the report counts.
fn wish_fields(v: &Viewer, f: &Form) -> Markup {
    let whens = ["never", "daily", "weekly", "monthly"].map(|w| (w.to_owned(), v.word("schedule", w)));
    let days: Vec<_> = DAYS.iter().map(|d| (word(d), v.named("weekday", d))).collect();
    html! {
        (Field::text("name", v.t("name"), f.text("name")).needed())
        div.two {
            (choice("when", &v.t("report-schedule"), &whens, f.text("when")))
            (Field::text("clock", v.t("report-clock"), f.text("clock")).kind("time", "off"))
            (choice("weekday", &v.t("report-weekday"), &days, f.text("weekday")))
            (Field::text("day", v.t("report-day"), f.text("day")).kind("number", "off").hint(v.t("report-day-hint")))
        }
        (Field::text("mail_to", v.t("report-mail-to"), f.text("mail_to")).hint(v.t("report-mail-to-hint")))
        (parts::tick("csv", "CSV", f.ticked("csv")))
        (parts::tick("xlsx", "XLSX", f.ticked("xlsx")))
    }
}

/// A saved report as the fields of its form.
fn filled(wish: &Wish) -> Form {
    let mut all = vec![("name", wish.name.clone()), ("mail_to", wish.mail_to.join(", "))];
    let clock = |hour: u8, minute: u8| ("clock", format!("{hour:02}:{minute:02}"));
    match wish.schedule {
        None | Some(Schedule::EveryMinutes(_)) => all.push(("when", "never".into())),
        Some(Schedule::DailyAt { hour, minute }) => {
            all.extend([("when", "daily".to_owned()), clock(hour, minute)]);
        }
        Some(Schedule::WeeklyAt { weekday, hour, minute }) => {
            all.extend([("when", "weekly".to_owned()), clock(hour, minute), ("weekday", word(weekday))]);
        }
        Some(Schedule::MonthlyAt { day, hour, minute }) => {
            all.extend([("when", "monthly".to_owned()), clock(hour, minute), ("day", day.to_string())]);
        }
    }
    all.extend(wish.formats.iter().map(|f| (f.ending(), "1".to_owned())));
    Form(all.into_iter().map(|(n, t)| (n.to_owned(), t)).collect())
}

fn schedule(f: &Form) -> Result<Option<Schedule>, Invalid> {
    let clock = || -> Result<(u8, u8), Invalid> {
        let text = if f.text("clock").is_empty() { "06:30" } else { f.text("clock") };
        let read = text.split_once(':').and_then(|(h, m)| Some((h.parse().ok()?, m.get(..2)?.parse().ok()?)));
        read.ok_or_else(|| Invalid::at("/clock", format!("\"{text}\" is no time of day; write 06:30")))
    };
    let schedule = match f.text("when") {
        "daily" => {
            let (hour, minute) = clock()?;
            Schedule::DailyAt { hour, minute }
        }
        "weekly" => {
            let (hour, minute) = clock()?;
            Schedule::WeeklyAt { weekday: f.one_of("weekday")?, hour, minute }
        }
        "monthly" => {
            let (hour, minute) = clock()?;
            Schedule::MonthlyAt { day: f.parsed("day")?.unwrap_or(1), hour, minute }
        }
        _ => return Ok(None),
    };
    Ok(Some(schedule))
}

fn wish(f: &Form, definition: Definition) -> Result<Wish, Invalid> {
    let mail_to = f.text("mail_to").split([',', ';', ' ']).map(str::trim).filter(|t| !t.is_empty());
    let formats = [(Format::Csv, "csv"), (Format::Xlsx, "xlsx")];
    let formats: Vec<Format> = formats.into_iter().filter(|(_, n)| f.ticked(n)).map(|(f, _)| f).collect();
    Ok(Wish {
        name: f.text("name").to_owned(),
        definition,
        schedule: schedule(f)?,
        mail_to: mail_to.map(str::to_owned).collect(),
        formats: if formats.is_empty() { vec![Format::Csv] } else { formats },
    })
}

/// Saves what is being looked at.
async fn create(visit: Editing, form: Form) -> Reply {
    let asked = Asked::sent(&form);
    let read = asked.definition().and_then(|d| wish(&form, d));
    let saved = match read {
        Err(e) => Err(e.into()),
        Ok(wish) => {
            let saved = visit.write::<EditReports, _, _>(move |tx, grant, cx| -> Result<Id, ReportError> {
                Ok(service::save(tx, grant, cx, None, wish.clone())?.0.id)
            });
            saved.await
        }
    };
    match saved {
        Ok(id) => Ok(Out::See(format!("/reports/{id}?done=saved"))),
        Err(Fail::Refused(e)) => {
            let v = &visit.viewer;
            let main = html! {
                h1 { (v.t("report-save")) }
                (refusal(v, Some(&e)))
                section.card.narrow { (parts::post(v, "/reports/new", &html! { (asked.hidden()) (wish_fields(v, &form)) button.primary { (v.t("report-save")) } })) }
            };
            Ok(Out::page(v.t("report-save"), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

struct One {
    saved: Saved,
    version: u64,
    runs: Vec<Run>,
}

fn id_of<P: Pass>(visit: &Visit<P>) -> Result<Id, ReportError> {
    let name = visit.path("id");
    name.parse().map_err(|_| ReportError::Unknown(name))
}

fn load<P: Pass>(visit: &Visit<P>) -> Result<One, Fail> {
    let (id, scope) = (id_of(visit)?, &visit.principal.scope);
    let grant = visit.principal.grant::<ViewReports>()?;
    visit.read(|tx| -> Result<_, ReportError> {
        let entry = service::find(tx, &grant, id)?;
        let runs = repo::runs(tx, Some(id), None, RUNS)?.items.into_iter().map(|e| e.value);
        let runs = runs.filter(|r| scope.covers(&r.scope)).collect();
        Ok(One { saved: entry.value, version: entry.rev, runs })
    })
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let once: Once = visit.query().unwrap_or_default();
    let one = load(&visit)?;
    let form = filled(&one.saved.wish);
    let main = markup(&visit.viewer, &one, &form, once.done.as_deref(), None);
    Ok(Out::page(one.saved.wish.name, main))
}

fn markup(v: &Viewer, one: &One, f: &Form, done: Option<&str>, fail: Option<&ApiError>) -> Markup {
    let wish = &one.saved.wish;
    let at = format!("/reports/{}", one.saved.id);
    html! {
        div.head { h1 { (wish.name) } a.all href="/reports" { (v.t("nav-reports")) } }
        (parts::done(v, done))
        (refusal(v, fail))
        section.card {
            dl.facts {
                (parts::fact(&v.t("report"), Some(&html! { (title(v, wish.definition.kind, &wish.definition.groups())) })))
                (parts::fact(&v.t("report-period"), Some(&html! { (asked::period(v, wish.definition.period)) })))
                (parts::fact(&v.t("report-schedule"), Some(&html! { (when(v, wish.schedule)) })))
                (parts::fact(&v.t("report-mail-to"), Some(&html! { (wish.mail_to.join(", ")) }).filter(|_| !wish.mail_to.is_empty())))
            }
            @if v.may::<RunReports>() {
                div.buttons {
                    a.button.primary href={ "/reports/show?" (Asked::of(&wish.definition).query()) } { (v.t("report-count-now")) }
                    (parts::post(v, &format!("{at}/run"), &html! { button { (v.t("report-run")) } }))
                }
            }
        }
        section.card aria-labelledby="runs" {
            h2 id="runs" { (v.t("report-runs")) }
            @if one.runs.is_empty() { p.faint { (v.t("report-no-runs")) } } @else { (runs_table(v, &one.runs)) }
        }
        @if v.may::<EditReports>() {
            section.card.narrow aria-labelledby="edit" {
                h2 id="edit" { (v.t("report-edit")) }
                (parts::post(v, &at, &html! { (parts::version(one.version)) (wish_fields(v, f)) button.primary { (v.t("save")) } }))
            }
            details.confirm {
                summary.button { (v.t("remove")) }
                p { (v.t("report-remove-hint")) }
                (parts::post(v, &format!("{at}/remove"), &html! { button.danger { (v.t("remove")) } }))
            }
        }
    }
}

fn again<P: Pass>(visit: &Visit<P>, form: &Form, done: Result<String, Fail>) -> Reply {
    match done {
        Ok(to) => Ok(Out::See(to)),
        Err(Fail::Refused(e)) if visit.viewer.may::<ViewReports>() => {
            let one = load(visit)?;
            let main = markup(&visit.viewer, &one, form, None, Some(&e));
            Ok(Out::page(one.saved.wish.name, main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

async fn change(visit: Editing, form: Form) -> Reply {
    let (id, one) = (id_of(&visit)?, load(&visit)?);
    let read = || Ok::<_, Invalid>((wish(&form, one.saved.wish.definition.clone())?, form.version()?));
    let done = match read() {
        Err(e) => Err(e.into()),
        Ok((wish, seen)) => {
            let saved = visit.write::<EditReports, _, _>(move |tx, grant, cx| -> Result<(), ReportError> {
                service::save(tx, grant, cx, Some((id, seen)), wish.clone()).map(drop)
            });
            saved.await.map(|()| format!("/reports/{id}?done=saved"))
        }
    };
    again(&visit, &form, done)
}

async fn run_now(visit: Visit<Grant<RunReports>>, _: Form) -> Reply {
    let id = id_of(&visit)?;
    let run = visit.write::<RunReports, _, _>(move |tx, grant, cx| -> Result<Id, ReportError> {
        Ok(service::run_now(tx, grant, cx, id)?.id)
    });
    Ok(Out::See(format!("/reports/runs/{}", run.await?)))
}

async fn remove(visit: Editing, _: Form) -> Reply {
    let id = id_of(&visit)?;
    let gone = visit.write::<EditReports, _, _>(move |tx, grant, cx| -> Result<(), ReportError> {
        service::remove(tx, grant, cx, id)
    });
    gone.await?;
    Ok(Out::See("/reports?done=removed".into()))
}

#[derive(Default, Deserialize)]
struct Wanted {
    form: Option<String>,
    cursor: Option<String>,
}

/// What a run gave.
#[allow(clippy::unused_async)] // the form of a handler
async fn run(visit: Looking) -> Reply {
    let (name, pass, wanted) = (visit.path("id"), &visit.pass, visit.query::<Wanted>()?);
    let id: Id = name.parse().map_err(|_| ReportError::NoRun(name))?;
    let run = visit.read(|tx| service::run(tx, pass, id))?;
    let v = &visit.viewer;
    let main = match (&run.outcome, wanted.form) {
        (Outcome::Done(table), Some(form)) => return file(table, &run.name, &form),
        (Outcome::Done(table), None) => html! {
            div.head { h1 { (run.name) } (outcome(v, &run.outcome)) div.buttons.noprint { (files(v, &format!("/reports/runs/{id}?form="))) button data-print { (Icon::Printers) (v.t("print")) } } }
            p.faint { (title(v, run.definition.kind, &run.definition.groups())) " · " (v.time(table.at)) }
            (drawn::charts(v, table))
            (drawn::table(v, table, drawn::from(wanted.cursor.as_deref()), None))
            (parts::more(v, &format!("/reports/runs/{id}"), "", drawn::next(table, wanted.cursor.as_deref()).as_deref()))
        },
        (Outcome::Waiting, _) => html! {
            div data-region="run" data-again="700" { div.head { h1 { (run.name) } (outcome(v, &run.outcome)) } p { (v.t("run-waiting-hint")) } }
        },
        (Outcome::Failed(why), _) => html! {
            div.head { h1 { (run.name) } (outcome(v, &run.outcome)) }
            p.notice.bad role="alert" { (Icon::Triangle) (v.say(why)) }
        },
    };
    Ok(Out::page(run.name.clone(), main))
}

/// A table as a file.
fn file(table: &crate::reports::model::Table, name: &str, form: &str) -> Reply {
    let format = [Format::Csv, Format::Xlsx].into_iter().find(|f| f.ending() == form);
    let format = format.ok_or_else(|| {
        ReportError::from(Invalid::at("?form", format!("\"{form}\" is none; ask for csv or xlsx")))
    })?;
    let bytes = export::file(table, name, format)?;
    let named = format!("attachment; filename=\"{}\"", export::file_name(name, format));
    let response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format.media()))
        .insert_header((CONTENT_DISPOSITION, named))
        .body(bytes);
    Ok(Out::Raw(response))
}
