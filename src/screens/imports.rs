//! Files from others: handing one in, looking first at what it would do, its verdicts, and taking it back.

use std::time::Duration;

use actix_multipart::Field as Part;
use actix_web::http::Method;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use fluent_bundle::FluentValue;
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, empty, mark, refusal};
use super::shell::upload::{self, Upload};
use super::shell::visit::answer;
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::{Invalid, Kind as Class};
use crate::base::ids::Id;
use crate::base::page::DEFAULT_LIMIT;
use crate::base::text;
use crate::identity::features::{RunImports, UndoImports, ViewImports};
use crate::identity::grant::Grant;
use crate::imports::api::{Into, no_disk};
use crate::imports::files::Files;
use crate::imports::model::{Import, State};
use crate::imports::run;
use crate::imports::service::{self, Arrived, MAX_SOURCE, ServiceError};
use crate::store::table::{cursor, position};
use crate::web::ApiError;
use crate::web::error::Refusal;

type Looking = Visit<Grant<ViewImports>>;
type Running = Visit<Grant<RunImports>>;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::Imports, "nav-imports")
        .when(Viewer::sees_all)
        .get("/imports", list)
        .get("/imports/new", blank)
        .raw::<Grant<RunImports>, _>(Method::POST, "/imports/new", hand_in)
        .get("/imports/{id}", show)
        .post("/imports/{id}/take", take_in)
        .post("/imports/{id}/undo", undo)
}

#[derive(Default, Deserialize)]
struct Asked {
    cursor: Option<String>,
    done: Option<String>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let (asked, pass) = (visit.query::<Asked>()?, &visit.pass);
    let (items, next) = visit.read(|tx| -> Result<_, ServiceError> {
        service::whole(pass)?;
        let rows = service::list(tx, position(asked.cursor.as_deref())?, DEFAULT_LIMIT)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        Ok((rows.items.into_iter().map(|e| e.value).collect::<Vec<_>>(), next))
    })?;
    let v = &visit.viewer;
    let main = html! {
        div.head {
            h1 { (v.t("nav-imports")) }
            @if v.may::<RunImports>() { a.button.primary href="/imports/new" { (Icon::Plus) (v.t("imports-new")) } }
        }
        @if items.is_empty() { (empty(&v.t("imports-none"), &html! { p { (v.t("imports-none-hint")) } })) }
        @else {
            table.list {
                thead { tr { th { (v.t("file")) } th { (v.t("source")) } th { (v.t("state")) } th.n { (v.t("rows")) } th.n { (v.t("refused-rows")) } th { (v.t("by")) } th { (v.t("when")) } } }
                tbody {
                    @for i in &items {
                        tr data-row {
                            td { a href={ "/imports/" (i.id) } { (i.file.as_deref().unwrap_or(&v.t("file"))) } }
                            td { (i.source) }
                            td { (state(v, i)) }
                            td.n data-as=(v.t("rows")) { (v.number(i.counts.rows)) }
                            td.n.late[i.counts.refused > 0] data-as=(v.t("refused-rows")) { (v.number(i.counts.refused)) }
                            td { (i.by_name) }
                            td.when { (v.time(i.created_at)) }
                        }
                    }
                }
            }
            (parts::more(v, "/imports", visit.request.query_string(), next.as_deref()))
        }
    };
    Ok(Out::page(v.t("nav-imports"), main))
}

fn state(v: &Viewer, i: &Import) -> Markup {
    let (good, word) = match i.state {
        State::Queued => (None, v.t("import-queued")),
        State::Running => (None, v.t("import-running")),
        State::Done if i.dry_run => (Some(true), v.t("import-previewed")),
        State::Done if i.counts.refused > 0 => (Some(false), v.t("import-done-some")),
        State::Done => (Some(true), v.t("import-done")),
        State::Failed => (Some(false), v.t("import-failed")),
        State::Undoing => (None, v.t("import-undoing")),
        State::Undone => (None, v.t("import-undone")),
    };
    mark(good, &word)
}

fn form(v: &Viewer, given: &Form, fail: Option<&ApiError>) -> Markup {
    let kinds = [("parcels".to_owned(), v.t("import-parcels")), ("status".to_owned(), v.t("import-status"))];
    html! {
        h1 { (v.t("imports-new")) }
        (refusal(v, fail))
        section.card.narrow {
            form method="post" action="/imports/new" enctype="multipart/form-data" data-upload {
                input type="hidden" name="csrf" value=(v.csrf);
                (choice("kind", &v.t("import-kind"), &kinds, given.text("kind")))
                (Field::text("source", v.t("source"), given.text("source")).hint(v.t("source-hint")).needed())
                div.field.drop data-drop {
                    label for="file" { (v.t("file")) }
                    input #file type="file" name="file" accept=".csv,.txt,.tsv,.xlsx,text/csv" required aria-describedby="file-hint";
                    small #file-hint { (v.t("file-hint")) }
                }
                p #progress hidden { progress max="100" value="0" aria-label=(v.t("progress")) {} " " output {} }
                button.primary name="then" value="look" formaction="/imports/new?look=1" { (v.t("import-look")) }
                " " button name="then" value="take" { (v.t("import-take")) }
            }
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Running) -> Reply {
    service::whole(&visit.pass)?;
    Ok(Out::page(visit.viewer.t("imports-new"), form(&visit.viewer, &Form::default(), None)))
}

/// A form with a file in it: its plain fields come first, the file last.
async fn hand_in(req: HttpRequest, body: Payload) -> HttpResponse {
    let reply = uploaded(&req, body).await;
    let reply = match reply {
        Err((Fail::Refused(e), given)) => match Running::enter(&req, Some(given.raw("csrf"))) {
            Ok(visit) => {
                let main = form(&visit.viewer, &given, Some(&e));
                Ok(Out::page(visit.viewer.t("imports-new"), main).after(Some(&e)))
            }
            Err(fail) => Err(fail),
        },
        Err((fail, _)) => Err(fail),
        Ok(out) => Ok(out),
    };
    answer(&req, reply)
}

async fn uploaded(req: &HttpRequest, body: Payload) -> Result<Out, (Fail, Form)> {
    let Upload { given, file, rest: _rest } = upload::read(req, body).await?;
    received(req, &given, file).await.map_err(|fail| (fail, given))
}

async fn received(req: &HttpRequest, given: &Form, part: Part) -> Result<Out, Fail> {
    // Nothing is taken from anybody before it is known who sends it.
    let visit = Running::enter(req, Some(given.raw("csrf")))?;
    service::whole(&visit.pass)?;
    let kind =
        run::kind_of(given.text("kind")).ok_or_else(|| Invalid::at("/kind", "is none of the choices"))?;
    let source = given.text("source").to_owned();
    text::required("/source", &source, MAX_SOURCE).map_err(|p| Invalid(vec![p]))?;
    if !visit.app.store.status().imports {
        let detail = "imports wait until there is room on the disk";
        return Err(Refusal::new(Class::Busy, "import.no_room", detail).into());
    }
    let name = part.content_disposition().and_then(|d| d.get_filename()).filter(|n| !n.is_empty());
    let name = name.map(|n| text::clipped(n.to_owned(), text::SHORT));
    let files = Files::under(&visit.app.folder);
    let id = Id::fresh();
    let limits = &visit.app.config.limits;
    let (max, patience) = (limits.import_max_bytes, Duration::from_secs(limits.body_timeout_s));
    files.folder().map_err(no_disk)?;
    let file = tokio::fs::File::create(files.data(id)).await.map_err(no_disk)?;
    let done = match (Into { file, max, patience }).write(part).await {
        Ok(taken) => {
            let dry_run = req.query_string().split('&').any(|p| p == "look=1");
            begun(
                &visit,
                Arrived { id, kind, source, file: name, bytes: taken.bytes, dry_run, compare: false },
            )
            .await
        }
        Err(e) => Err(e.into()),
    };
    if done.is_err() {
        let _ = tokio::fs::remove_file(files.data(id)).await;
    }
    done
}

async fn begun(visit: &Running, arrived: Arrived) -> Result<Out, Fail> {
    let id = arrived.id;
    let begun = visit.write::<RunImports, _, _>(move |tx, grant, cx| -> Result<(), ServiceError> {
        service::begin(tx, grant, cx, arrived.clone()).map(drop)
    });
    begun.await?;
    Ok(Out::See(format!("/imports/{id}?done=begun")))
}

/// The previewed file is taken in now: as a new import, with a copy of the file.
async fn take_in(visit: Running, _: Form) -> Reply {
    service::whole(&visit.pass)?;
    let name = visit.path("id");
    let seen = visit.read(|tx| service::find(tx, &name))?;
    if !seen.dry_run || seen.state != State::Done {
        let detail = "only a file that was looked at can be taken in from here";
        return Err(Refusal::new(Class::Conflict, "import.state", detail).into());
    }
    let (files, id) = (Files::under(&visit.app.folder), Id::fresh());
    let bytes = tokio::fs::copy(files.data(seen.id), files.data(id)).await.map_err(no_disk)?;
    let (kind, source, file) = (seen.kind, seen.source, seen.file);
    let done = begun(&visit, Arrived { id, kind, source, file, bytes, dry_run: false, compare: false }).await;
    if done.is_err() {
        let _ = tokio::fs::remove_file(files.data(id)).await;
    }
    done
}

async fn undo(visit: Visit<Grant<UndoImports>>, _: Form) -> Reply {
    let name = visit.path("id");
    let of = name.clone();
    let undone = visit.write::<UndoImports, _, _>(move |tx, grant, cx| -> Result<(), ServiceError> {
        service::undo(tx, grant, cx, &of, false).map(drop)
    });
    undone.await?;
    Ok(Out::See(format!("/imports/{name}?done=begun")))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let (name, pass) = (visit.path("id"), &visit.pass);
    let asked: Asked = visit.query().unwrap_or_default();
    let import = visit.read(|tx| -> Result<_, ServiceError> {
        service::whole(pass)?;
        service::find(tx, &name)
    })?;
    let v = &visit.viewer;
    let title = import.file.clone().unwrap_or_else(|| v.t("file"));
    Ok(Out::page(title.clone(), markup(v, &import, &title, asked.done.as_deref())))
}

fn progress(i: &Import) -> u64 {
    let of = i.survey.as_ref().map_or(0, |s| s.records);
    if matches!(i.state, State::Done | State::Undone) {
        100
    } else {
        (i.next_row * 100).checked_div(of).unwrap_or(0).min(100)
    }
}

fn markup(v: &Viewer, i: &Import, title: &str, done: Option<&str>) -> Markup {
    let works = matches!(i.state, State::Queued | State::Running | State::Undoing);
    let c = &i.counts;
    let verdicts = [
        ("created", v.t("verdict-created"), c.created),
        ("updated", v.t("verdict-updated"), c.updated),
        ("unchanged", v.t("verdict-unchanged"), c.unchanged),
        ("duplicate", v.t("verdict-duplicate"), c.duplicate),
        ("refused", v.t("verdict-refused"), c.refused),
    ];
    html! {
        div data-region="import" data-again=[works.then_some("700")] {
            div.head { h1 { (title) } (state(v, i)) }
            (parts::done(v, done))
            @if works { p.progress { progress max="100" value=(progress(i)) aria-label=(v.t("progress")) {} " " strong { (progress(i)) " %" } " " (v.count("import-rows-of", c.rows)) } }
            @if let Some(e) = &i.error { p.notice.bad role="alert" { (Icon::Triangle) (v.say(e)) } }
            div.figures {
                @for (name, label, n) in &verdicts { div.figure.bad[*name == "refused" && *n > 0] { b { (v.number(*n)) } span { (label) } } }
            }
            div.buttons {
                @if i.state == State::Done && i.dry_run && v.may::<RunImports>() { (parts::post(v, &format!("/imports/{}/take", i.id), &html! { button.primary { (v.t("import-take")) } })) }
                @if c.refused > 0 { a.button href={ "/api/v1/imports/" (i.id) "/errors.csv" } download { (v.count("import-errors", c.refused)) } }
                @if i.state == State::Done && !i.dry_run && v.may::<UndoImports>() {
                    details.confirm { summary.button { (v.t("import-undo")) } p { (v.t("import-undo-hint")) } (parts::post(v, &format!("/imports/{}/undo", i.id), &html! { button.danger { (v.t("import-undo")) } })) }
                }
            }
            @if !i.warnings.is_empty() {
                section.card { h2 { (v.t("import-warnings")) } ul.warnings { @for w in &i.warnings { li { (Icon::Triangle) (v.say(&w.detail)) } } } }
            }
            @if let Some(s) = &i.survey {
                section.card {
                    h2 { (v.t("import-found")) }
                    dl.facts {
                        (parts::fact(&v.t("encoding"), Some(&html! { (s.encoding) })))
                        (parts::fact(&v.t("delimiter"), Some(&html! { code { (s.delimiter) } })))
                        (parts::fact(&v.t("rows"), Some(&html! { (v.number(s.records)) })))
                        (parts::fact(&v.t("lines"), Some(&html! { (v.number(s.physical_lines)) })))
                        (parts::fact(&v.t("source"), Some(&html! { (i.source) })))
                        (parts::fact(&v.t("by"), Some(&html! { (v.with("by-at", &[("name", FluentValue::from(i.by_name.as_str())), ("at", FluentValue::from(v.moment(i.created_at)))])) })))
                    }
                    p.columns-found { (v.t("columns")) ": " @for name in &s.header { code { (name) } " " } }
                }
            }
        }
    }
}
