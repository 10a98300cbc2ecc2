//! Label printers: how each does, what waits in its queue, and what became of a label nobody knows of.

use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, empty, mark, refusal, swap};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::identity::features::{EditPrinters, PrintLabels, ViewPrinters};
use crate::identity::grant::Grant;
use crate::labels::error::LabelError;
use crate::labels::model::{LabelState, Language, Queued, What};
use crate::labels::printers::{self, NewPrinter, PrinterChange, PrinterView};
use crate::labels::queue::{self, Decision};
use crate::labels::{repo, service};
use crate::web::ApiError;

type Looking = Visit<Grant<ViewPrinters>>;
type Editing = Visit<Grant<EditPrinters>>;

/// Labels of a queue that are shown.
const SHOWN: usize = 50;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Printers, "nav-printers")
        .get("/printers", list)
        .get("/printers/new", blank)
        .post("/printers/new", add)
        .get("/printers/{id}", show)
        .post("/printers/{id}", change)
        .post("/printers/{id}/test", test)
        .post("/printers/{id}/decide", decide)
        .post("/printers/{id}/remove", remove)
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
}

fn health(v: &Viewer, p: &PrinterView) -> Markup {
    let h = &p.health;
    let failed = h.last_error_at.is_some_and(|at| h.printed_at.is_none_or(|printed| printed < at));
    match (&h.last_error, h.status.and_then(|s| s.trouble())) {
        (_, Some(why)) => {
            html! { (mark(Some(false), &v.t("printer-trouble"))) " " span.faint { (v.say(why)) } }
        }
        (Some(why), None) if failed => {
            html! { (mark(Some(false), &v.t("printer-trouble"))) " " span.faint { (v.say(why)) } }
        }
        _ if h.at.is_none() => mark(None, &v.t("printer-untried")),
        _ => mark(Some(true), &v.t("printer-ready")),
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    let all = visit.read(|tx| printers::list(tx))?;
    let v = &visit.viewer;
    let main = html! {
        div.head { h1 { (v.t("nav-printers")) } @if v.may::<EditPrinters>() { a.button.primary href="/printers/new" { (Icon::Plus) (v.t("printer-new")) } } }
        (parts::done(v, asked.done.as_deref()))
        @if all.is_empty() { (empty(&v.t("printers-none"), &html! { p { (v.t("printers-none-hint")) } })) }
        @else {
            div data-region="printers" data-kinds="printer" {
                table.list {
                    thead { tr { th { (v.t("name")) } th { (v.t("state")) } th { (v.t("address")) } th { (v.t("station")) } th { (v.t("media")) } th.n { (v.t("waiting")) } th.n { (v.t("unclear")) } } }
                    tbody {
                        @for p in &all {
                            tr data-row {
                                td { a href={ "/printers/" (p.id) } { (p.printer.name) } }
                                td { (health(v, p)) }
                                td { code { (p.printer.host) ":" (p.printer.port) } }
                                td { (p.printer.station) }
                                td { (media(p)) }
                                td.n data-as=(v.t("waiting")) { (p.waiting) }
                                td.n.late[p.unknown > 0] data-as=(v.t("unclear")) { (p.unknown) }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(Out::page(v.t("nav-printers"), main))
}

fn media(p: &PrinterView) -> String {
    let size = serde_json::to_value(p.printer.media).ok().and_then(|m| m.as_str().map(str::to_owned));
    format!("{} · {} dpi", size.unwrap_or_default(), u16::from(p.printer.dpi))
}

fn form(v: &Viewer, action: &str, f: &Form) -> Markup {
    let sizes = ["4x6", "4x4", "2x1"].map(|s| (s.to_owned(), s.replace('x', " × ") + " in"));
    let dots = ["203", "300"].map(|d| (d.to_owned(), format!("{d} dpi")));
    let port = f.some("port").unwrap_or_else(|| "9100".into());
    parts::post(
        v,
        action,
        &html! {
            @if f.ticked("version") { input type="hidden" name="version" value=(f.text("version")); }
            div.two {
                (Field::text("name", v.t("name"), f.text("name")).needed())
                (Field::text("station", v.t("station"), f.text("station")).hint(v.t("printer-station-hint")))
            }
            div.two {
                (Field::text("host", v.t("address"), f.text("host")).hint(v.t("printer-host-hint")).needed())
                (Field::text("port", v.t("port"), &port).kind("number", "off"))
            }
            div.two { (choice("media", &v.t("media"), &sizes, f.text("media"))) (choice("dpi", &v.t("dpi"), &dots, f.text("dpi"))) }
            (parts::tick("answers", &v.t("printer-answers"), f.ticked("answers")))
            button.primary { (v.t("save")) }
        },
    )
}

fn blank_form() -> Form {
    let field = |n: &str, t: &str| (n.to_owned(), t.to_owned());
    Form(vec![field("answers", "1"), field("media", "4x6"), field("dpi", "203")])
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Editing) -> Reply {
    let v = &visit.viewer;
    let main = html! { h1 { (v.t("printer-new")) } section.card.narrow { (form(v, "/printers/new", &blank_form())) } };
    Ok(Out::page(v.t("printer-new"), main))
}

fn new_printer(f: &Form) -> Result<NewPrinter, Invalid> {
    let dpi: u16 = f.parsed("dpi")?.unwrap_or(203);
    Ok(NewPrinter {
        name: f.text("name").to_owned(),
        host: f.text("host").to_owned(),
        port: f.parsed("port")?.unwrap_or(9100),
        dpi: dpi.try_into().map_err(|e: String| Invalid::at("/dpi", e))?,
        language: Language::Zpl,
        media: f.one_of("media")?,
        station: f.text("station").to_owned(),
        answers: f.ticked("answers"),
    })
}

async fn add(visit: Editing, f: Form) -> Reply {
    let loopback = visit.app.config.printers.loopback;
    let made = match new_printer(&f) {
        Err(e) => Err(e.into()),
        Ok(new) => {
            let made = visit.write::<EditPrinters, _, _>(move |tx, grant, cx| -> Result<_, LabelError> {
                Ok(printers::add(tx, grant, cx, new.clone(), loopback)?.id)
            });
            made.await
        }
    };
    match made {
        Ok(id) => Ok(Out::See(format!("/printers/{id}?done=added"))),
        Err(Fail::Refused(e)) => {
            let v = &visit.viewer;
            let main = html! { h1 { (v.t("printer-new")) } (refusal(v, Some(&e))) section.card.narrow { (form(v, "/printers/new", &f)) } };
            Ok(Out::page(v.t("printer-new"), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

fn load<P>(visit: &Visit<P>) -> Result<(PrinterView, Vec<Queued>), Fail>
where
    P: super::shell::visit::Pass,
{
    let (name, whole) = (visit.path("id"), visit.viewer.sees_all());
    visit.read(|tx| -> Result<_, LabelError> {
        let (id, printer, rev) = printers::find(tx, &name)?;
        // A label may be of a parcel that a caller with a narrower view must not know of.
        let queue = if whole { repo::open(tx, id, SHOWN)? } else { Vec::new() };
        Ok((printers::view(tx, id, printer, rev)?, queue))
    })
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    let (printer, queue) = load(&visit)?;
    let main = markup(&visit.viewer, &printer, &queue, asked.done.as_deref(), None);
    Ok(Out::page(printer.printer.name, main))
}

fn filled(p: &PrinterView) -> Form {
    let x = &p.printer;
    let media =
        serde_json::to_value(x.media).ok().and_then(|m| m.as_str().map(str::to_owned)).unwrap_or_default();
    let fields = [
        ("version", p.version.to_string()),
        ("name", x.name.clone()),
        ("station", x.station.clone()),
        ("host", x.host.clone()),
        ("port", x.port.to_string()),
        ("media", media),
        ("dpi", u16::from(x.dpi).to_string()),
        ("answers", if x.answers { "1".into() } else { String::new() }),
    ];
    Form(fields.into_iter().map(|(n, t)| (n.to_owned(), t)).collect())
}

fn markup(
    v: &Viewer,
    p: &PrinterView,
    queue: &[Queued],
    done: Option<&str>,
    fail: Option<&ApiError>,
) -> Markup {
    let at = format!("/printers/{}", p.id);
    html! {
        div.head { h1 { (p.printer.name) } (health(v, p)) (swap(v, &format!("{at}/test"), "inline", &html! { button { (v.t("printer-test")) } })) }
        (parts::done(v, done))
        (refusal(v, fail))
        section.card data-region="labels" data-again=[(p.waiting > 0).then_some("2000")] {
            h2 { (v.t("printer-queue")) }
            @if queue.is_empty() { (empty(&v.t("printer-queue-empty"), &html! { p { (v.t("printer-queue-hint")) } })) }
            @else {
                table.list {
                    thead { tr { th { (v.t("label")) } th { (v.t("state")) } th { (v.t("by")) } th { (v.t("when")) } th { (v.t("last-error")) } th { span.away { (v.t("actions")) } } } }
                    tbody { @for q in queue { (label_row(v, &at, q)) } }
                }
            }
        }
        @if v.may::<EditPrinters>() {
            section.card.narrow { h2 { (v.t("nav-settings")) } (form(v, &at, &filled(p))) }
            details.confirm { summary.button { (v.t("remove")) } (parts::post(v, &format!("{at}/remove"), &html! { (parts::version(p.version)) button.danger { (v.t("printer-remove")) } })) }
        }
    }
}

fn label_row(v: &Viewer, at: &str, q: &Queued) -> Markup {
    let state = match q.state {
        LabelState::Waiting => mark(None, &v.t("label-waiting")),
        LabelState::Sending => mark(None, &v.t("label-sending")),
        LabelState::Unknown => mark(Some(false), &v.t("label-unknown")),
        LabelState::Printed => mark(Some(true), &v.t("label-printed")),
        LabelState::Dropped => mark(None, &v.t("label-dropped")),
    };
    let button = |then: &str, label: String| html! { button.small name="then" value=(then) { (label) } " " };
    html! {
        tr {
            td { @match q.what { What::Parcel(id) => a href={ "/parcels/" (id) } { (v.t("parcel")) }, What::Test => (v.t("label-test")) } }
            td { (state) }
            td { (q.by) }
            td.when { (v.time(q.asked_at)) }
            td.faint { (v.say(q.last_error.as_deref().unwrap_or_default())) }
            td.act {
                @if v.may::<PrintLabels>() {
                    (swap(v, &format!("{at}/decide"), "inline", &html! {
                        input type="hidden" name="label" value=(q.id);
                        @if q.state == LabelState::Unknown { (button("printed", v.t("label-it-lies-there"))) (button("again", v.t("label-again"))) }
                        @if matches!(q.state, LabelState::Unknown | LabelState::Waiting) { (button("drop", v.t("label-drop"))) }
                    }))
                }
            }
        }
    }
}

async fn change(visit: Editing, f: Form) -> Reply {
    let loopback = visit.app.config.printers.loopback;
    let name = visit.path("id");
    let read = || -> Result<_, Invalid> { Ok((f.version()?, new_printer(&f)?)) };
    let done = match read() {
        Err(e) => Err(e.into()),
        Ok((seen, new)) => {
            let (of, NewPrinter { name, host, port, dpi, language, media, station, answers }) =
                (name.clone(), new);
            let to = PrinterChange {
                version: None,
                name: Some(name),
                host: Some(host),
                port: Some(port),
                dpi: Some(dpi),
                language: Some(language),
                media: Some(media),
                station: Some(station),
                answers: Some(answers),
            };
            let changed = visit.write::<EditPrinters, _, _>(move |tx, grant, cx| -> Result<(), LabelError> {
                printers::change(tx, grant, cx, &of, (seen, to.clone()), loopback).map(drop)
            });
            changed.await
        }
    };
    back(&visit, done, "saved")
}

fn back<P: super::shell::visit::Pass>(visit: &Visit<P>, done: Result<(), Fail>, said: &str) -> Reply {
    match done {
        Ok(()) => Ok(Out::See(format!("/printers/{}?done={said}", visit.path("id")))),
        Err(Fail::Refused(e)) if visit.viewer.may::<ViewPrinters>() => {
            let (printer, queue) = load(visit)?;
            let main = markup(&visit.viewer, &printer, &queue, None, Some(&e));
            Ok(Out::page(printer.printer.name, main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

async fn test(visit: Looking, _: Form) -> Reply {
    let name = visit.path("id");
    let asked = visit.write::<ViewPrinters, _, _>(move |tx, grant, cx| -> Result<(), LabelError> {
        service::test(tx, grant, cx, &name).map(drop)
    });
    let done = asked.await;
    back(&visit, done, "sent")
}

async fn decide(visit: Visit<Grant<PrintLabels>>, f: Form) -> Reply {
    let name = visit.path("id");
    let label = f.ids("label")?.pop().ok_or_else(|| Invalid::at("/label", "is missing"))?;
    let decision = Decision { label, then: f.one_of("then")? };
    let decided = visit.write::<PrintLabels, _, _>(move |tx, grant, cx| -> Result<(), LabelError> {
        queue::decide(tx, grant, cx, &name, &decision).map(drop)
    });
    let done = decided.await;
    back(&visit, done, "saved")
}

async fn remove(visit: Editing, f: Form) -> Reply {
    let (name, seen) = (visit.path("id"), f.version()?);
    let removed = visit.write::<EditPrinters, _, _>(move |tx, grant, cx| -> Result<(), LabelError> {
        printers::remove(tx, grant, cx, &name, seen)
    });
    match removed.await {
        Ok(()) => Ok(Out::See("/printers?done=removed".into())),
        failed => back(&visit, failed, ""),
    }
}
