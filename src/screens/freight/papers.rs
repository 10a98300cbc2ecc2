//! The documents of a master: attached, looked at, fetched, removed.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use maud::{Markup, html};

use super::waybill::{self, Page};
use fluent_bundle::FluentValue;

use crate::attachments::api::{Attached, attach, take_away};
use crate::attachments::intake::{self, Limits};
use crate::attachments::model::{Attachment, FILE_TYPES, Subject};
use crate::attachments::service::{self, Arrived, MAX_NAME};
use crate::attachments::vault::Vault;
use crate::base::error::{Invalid, Kind};
use crate::base::ids::Id;
use crate::base::text;
use crate::freight::service as freight;
use crate::freight::sop::Guard;
use crate::identity::features::AddDocuments;
use crate::identity::grant::Grant;
use crate::journal::Folded;
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{self, choice};
use crate::screens::shell::upload::{self, Upload};
use crate::screens::shell::visit::answer;
use crate::screens::shell::{Fail, Form, Out, Reply, Viewer, Visit};
use crate::store::Entry;
use crate::web::error::Refusal;

type Adding = Visit<Grant<AddDocuments>>;

/// File types that the procedure still asks for.
fn wanted(p: &Page) -> Vec<String> {
    let steps = p.flow.iter().flat_map(|f| &f.steps).filter(|s| s.state != "done");
    let files = steps.flat_map(|s| &s.step.guards).filter_map(|g| match g {
        Guard::Files(kinds) => Some(kinds),
        _ => None,
    });
    let has = |kind: &String| p.row.documents.iter().any(|d| d.kind == *kind);
    let mut out: Vec<String> = files.flatten().filter(|k| !has(k)).cloned().collect();
    out.dedup();
    out
}

/// A document, and the depot that still has its content to itself.
pub(super) type Paper = (Entry<Folded<Attachment>>, Option<String>);

pub(super) fn card(v: &Viewer, p: &Page, papers: &[Paper]) -> Markup {
    let wanted = wanted(p);
    html! {
        section.card aria-labelledby="papers" {
            h2 id="papers" { (v.t("air-documents")) }
            @if !wanted.is_empty() {
                p.notice.warn { (Icon::Triangle) span { (v.t("air-documents-missing")) ": " @for (n, k) in wanted.iter().enumerate() { @if n > 0 { ", " } (v.word("file", k)) } } }
            }
            ul.rows { @for e in papers { (paper(v, p, e)) } }
            @if papers.is_empty() && wanted.is_empty() { p.faint { (v.t("air-documents-none")) } }
            @if v.may::<AddDocuments>() { (form(v, p, wanted.first().map_or("other", String::as_str))) }
        }
    }
}

fn paper(v: &Viewer, p: &Page, (e, still_at): &Paper) -> Markup {
    let a = &e.value.state;
    let file = format!("/api/v1/attachments/{}/file", a.id);
    html! {
        li {
            span.place { (v.word("file", &a.kind)) } " "
            @if still_at.is_some() { (a.name) } @else if a.media.previews() { a href={ (file) "?inline=true" } { (a.name) } } @else { a href=(file) download { (a.name) } }
            " " small.faint { (size(v, a.size)) " · " (a.added_by) " · " (v.time(a.added_at)) }
            @if let Some(depot) = still_at { " " small.level { (v.with("air-still-at", &[("depot", FluentValue::from(depot.as_str()))])) } } @else { " " a href=(file) download { small { (v.t("air-download")) } } }
            @if v.may::<AddDocuments>() {
                " " details.confirm.inline {
                    summary { small { (v.t("remove")) } }
                    (parts::post(v, &format!("/mawbs/{}/unfile", p.m.id), &html! {
                        input type="hidden" name="document" value=(a.id);
                        (parts::version(e.rev))
                        button.danger.small { (v.t("remove")) }
                    }))
                }
            }
        }
    }
}

/// Bytes in a unit people read.
fn size(v: &Viewer, bytes: u64) -> String {
    match bytes {
        0..=1_023 => format!("{bytes} B"),
        1_024..=1_048_575 => format!("{} kB", v.number(bytes.div_ceil(1_024))),
        _ => format!("{} MB", v.number(bytes.div_ceil(1 << 20))),
    }
}

fn form(v: &Viewer, p: &Page, first: &str) -> Markup {
    let kinds: Vec<_> = FILE_TYPES.iter().map(|t| (t.code.to_owned(), v.word("file", t.code))).collect();
    html! {
        form.stacked method="post" action={ "/mawbs/" (p.m.id) "/documents" } enctype="multipart/form-data" data-upload {
            input type="hidden" name="csrf" value=(v.csrf);
            (choice("type", &v.t("air-file-type"), &kinds, first))
            div.field.drop data-drop {
                label for="file" { (v.t("file")) }
                input #file type="file" name="file" required aria-describedby="file-hint";
                small #file-hint { (v.t("air-file-hint")) }
            }
            p #progress hidden { progress max="100" value="0" aria-label=(v.t("progress")) {} " " output {} }
            button { (Icon::Plus) (v.t("air-attach")) }
        }
    }
}

/// A form with a document in it.
pub(super) async fn upload(req: HttpRequest, body: Payload) -> HttpResponse {
    let reply = match upload::read(&req, body).await {
        Err((fail, given)) => refused(&req, &given, fail),
        Ok(Upload { given, file, rest: _rest }) => match Adding::enter(&req, Some(given.raw("csrf"))) {
            // Nothing is taken from anybody before it is known who sends it.
            Err(fail) => Err(fail),
            Ok(visit) => {
                let done = received(&visit, &given, file).await;
                waybill::after(&visit, done)
            }
        },
    };
    answer(&req, reply)
}

fn refused(req: &HttpRequest, given: &Form, fail: Fail) -> Reply {
    let visit = Adding::enter(req, Some(given.raw("csrf")))?;
    waybill::after(&visit, Err(fail))
}

fn disk(e: &std::io::Error) -> Refusal {
    Refusal::new(Kind::Busy, "attachment.disk", format!("the file can't be stored: {e}"))
}

async fn received(visit: &Adding, given: &Form, file: actix_multipart::Field) -> Result<(), Fail> {
    freight::whole(&visit.pass)?;
    let kind = service::type_named(given.text("type"))?;
    let name =
        file.content_disposition().and_then(|d| d.get_filename()).unwrap_or_default().trim().to_owned();
    text::required("/file", &name, MAX_NAME).map_err(|p| Invalid(vec![p]))?;
    let mawb = visit.path("id");
    let master = visit.read(|tx| freight::find_id(tx, &mawb))?;
    if !visit.app.store.status().imports {
        let detail = "attachments wait until there is room on the disk";
        return Err(Refusal::new(Kind::Busy, "attachment.no_room", detail).into());
    }
    let (vault, id) = (Vault::under(&visit.app.folder), Id::fresh());
    let incoming = vault.incoming(id).map_err(|e| disk(&e))?;
    let done = async {
        let landed = intake::land(&incoming, file, Limits::of(&visit.app.config.limits)).await?;
        service::fits(kind, landed.media)?;
        let arrived = Arrived {
            id,
            subject: Subject { kind: "mawb".into(), id: master },
            kind: kind.code.to_owned(),
            name,
            media: landed.media,
            size: landed.size,
            hash: landed.hash,
        };
        let _naming = vault.naming().await;
        vault.settle(&incoming, visit.principal.tenant, &arrived.hash).map_err(|e| disk(&e))?;
        let write = visit.write::<AddDocuments, _, _>(move |tx, _, cx| -> Result<(), Attached> {
            attach(tx, cx, &arrived).map(drop)
        });
        write.await
    };
    let done: Result<(), Fail> = done.await;
    // Refused or failed: whatever is left of it is nobody's.
    let _ = tokio::fs::remove_file(&incoming).await;
    done
}

pub(super) async fn remove(visit: Adding, f: Form) -> Reply {
    let done = match f.version() {
        Err(e) => Err(e.into()),
        Ok(seen) => {
            let id = f.text("document").to_owned();
            let write = visit.write::<AddDocuments, _, _>(move |tx, grant, cx| -> Result<(), Attached> {
                freight::whole(grant)?;
                take_away(tx, cx, (&id, seen))
            });
            write.await
        }
    };
    match done {
        Ok(()) => Ok(Out::See(format!("/mawbs/{}?done=removed", visit.path("id")))),
        other => waybill::after(&visit, other),
    }
}
