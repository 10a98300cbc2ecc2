//! The first run: by a one-time link, who the depot belongs to and who runs it.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::parts::{Field, choice, refusal};
use super::shell::visit::{answer, finish, sent};
use super::shell::{Fail, Form, Out, Reply, Viewer};
use crate::base::error::Kind;
use crate::identity::model::LANGUAGES;
use crate::identity::secret::Secret;
use crate::web::call::{app, collect, parse};
use crate::web::error::Refusal;
use crate::web::pages::NewDepot;
use crate::web::server::Site;
use crate::web::{ApiError, App, shell};

/// Bytes a set-up may have.
const MAX_SETUP: usize = 16 * 1024;

/// Where it is.
pub fn serve(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/setup").route(web::get().to(page)).route(web::post().to(take)));
}

#[derive(Default, Deserialize)]
struct Link {
    token: Option<String>,
}

/// The languages by their own names.
#[must_use]
pub fn languages() -> Vec<(String, String)> {
    let name = |tag: &str| match tag {
        "pt-BR" => "Português (Brasil)",
        "es" => "Español",
        _ => "English",
    };
    LANGUAGES.iter().map(|tag| ((*tag).to_owned(), name(tag).to_owned())).collect()
}

fn form(v: &Viewer, given: &Form, zone: &str, fail: Option<&ApiError>) -> Markup {
    let zone = given.some("zone").unwrap_or_else(|| zone.to_owned());
    let language = given.some("language").unwrap_or_else(|| v.words.tag.to_owned());
    html! {
        section.card {
            h1 { (v.t("setup-title")) }
            p.faint { (v.t("setup-text")) }
            (refusal(v, fail))
            form method="post" action="/setup" {
                input type="hidden" name="token" value=(given.raw("token"));
                (Field::text("tenant", v.t("setup-tenant"), given.text("tenant")).hint(v.t("setup-tenant-hint")).kind("text", "organization").needed())
                (Field::text("depot", v.t("setup-depot"), given.text("depot")).hint(v.t("setup-depot-hint")).needed())
                div.two {
                    (Field::text("zone", v.t("zone"), &zone).hint(v.t("zone-hint")).needed())
                    (choice("language", &v.t("language"), &languages(), &language))
                }
                (Field::text("user", v.t("setup-user"), given.text("user")).kind("text", "username").needed())
                (Field::text("password", v.t("setup-password"), "").hint(v.t("password-hint")).kind("password", "new-password").needed())
                button.primary { (v.t("setup-go")) }
            }
        }
    }
}

fn over(v: &Viewer) -> Markup {
    html! {
        section.card {
            h1 { (v.t("setup-over")) }
            p { a.button.primary href="/login" { (v.t("log-in")) } }
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn page(req: HttpRequest, site: Data<Site>) -> HttpResponse {
    let reply = || -> Reply {
        let app = app(&req)?;
        let v = Viewer::nobody(&app, &req);
        if site.setup.is_done(&app)? {
            let main = over(&v);
            return Ok(Out::Page { status: StatusCode::CONFLICT, title: v.t("setup-over"), main });
        }
        let link: Link = serde_urlencoded::from_str(req.query_string()).unwrap_or_default();
        let token = link.token.unwrap_or_default();
        if token.is_empty() {
            let main = html! { section.card { h1 { (v.t("setup-title")) } p { (v.t("fresh-hint")) } } };
            return Ok(Out::page(v.t("setup-title"), main));
        }
        let given = Form(vec![("token".into(), token)]);
        Ok(Out::page(v.t("setup-title"), form(&v, &given, &app.config.depot.zone, None)))
    };
    answer(&req, reply())
}

/// A form from a browser, or JSON from the command line.
async fn take(req: HttpRequest, site: Data<Site>, body: Payload) -> HttpResponse {
    let json =
        req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|t| t.contains("json"));
    let app = match app(&req) {
        Ok(app) => app,
        Err(e) => return e.error_response(),
    };
    if json {
        return match by_json(&req, &site, &app, body).await {
            Ok(response) => response,
            Err(e) => e.respond(shell::request_id(&req).as_deref()),
        };
    }
    let given = match sent(&req, body).await {
        Ok(form) => form,
        Err(fail) => return answer(&req, Err(fail)),
    };
    let v = Viewer::nobody(&app, &req);
    match site.setup.is_done(&app) {
        Ok(false) => {}
        Ok(true) => return finish(&req, StatusCode::CONFLICT, &v.t("setup-over"), &over(&v)),
        Err(e) => return answer(&req, Err(Fail::Refused(e))),
    }
    let text = |name: &str| given.text(name).to_owned();
    let new = NewDepot {
        token: Secret::new(given.raw("token").to_owned()),
        tenant: text("tenant"),
        depot: text("depot"),
        zone: text("zone"),
        user: text("user"),
        password: Secret::new(given.raw("password").to_owned()),
        language: given.some("language"),
    };
    match make(&site, &app, new, false).await {
        Ok(_) => answer(&req, Ok(Out::See("/login".into()))),
        Err(e) => {
            let main = form(&v, &given, &app.config.depot.zone, Some(&e));
            finish(&req, e.status_code(), &v.t("setup-title"), &main)
        }
    }
}

async fn by_json(
    req: &HttpRequest,
    site: &Data<Site>,
    app: &Data<App>,
    body: Payload,
) -> Result<HttpResponse, ApiError> {
    let limits = &app.config.limits;
    let patience = std::time::Duration::from_secs(limits.body_timeout_s);
    let bytes = collect(body.into_inner(), MAX_SETUP, patience).await?;
    let new: NewDepot = parse(&bytes, limits.nesting)?;
    if site.setup.is_done(app)? {
        let detail = "this depot is set up already; log in, or ask its administrator for an account";
        return Err(Refusal::new(Kind::Conflict, "setup.done", detail).into());
    }
    let trusted = shell::control_tenant(req).is_some();
    Ok(HttpResponse::Ok().json(make(site, app, new, trusted).await?))
}

async fn make(
    site: &Data<Site>,
    app: &Data<App>,
    new: NewDepot,
    trusted: bool,
) -> Result<serde_json::Value, ApiError> {
    let stopped =
        |_| Refusal::new(Kind::Busy, "server.stopping", "the server is stopping; try again when it is back");
    let (site, app) = (site.clone(), app.clone());
    web::block(move || site.setup.set_up(&app, new, trusted)).await.map_err(stopped)?
}
