//! The few pages that are no area's: the front page, the first set-up, the API's documentation.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{self, Data};
use actix_web::{Either, HttpRequest, HttpResponse, ResponseError};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use serde_json::Value;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::app::App;
use super::error::{ApiError, Refusal};
use super::server::Site;
use super::shell;
use crate::base::error::Kind;
use crate::identity::secret::Secret;
use crate::store::migrate::RELEASE;

/// Bytes of the set-up form.
pub const FORM_MAX: usize = 16 * 1024;

/// What a depot is told of itself and its first user, once.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDepot {
    /// The one-time token of the link; the control door needs none.
    #[serde(default)]
    pub token: Secret<String>,
    /// Whose depot it is.
    pub tenant: String,
    /// Its name.
    pub depot: String,
    /// Its time zone.
    pub zone: String,
    /// The first user's login.
    pub user: String,
    /// Their password.
    pub password: Secret<String>,
}

/// How the first user is made: by identity, so that this page knows nothing of users.
pub trait Setup: Send + Sync {
    /// Whether the depot is set up.
    ///
    /// # Errors
    /// Storage failures.
    fn is_done(&self, app: &App) -> Result<bool, ApiError>;

    /// A new one-time token for the set-up link, in place of any before; none when the depot is set up. Blocks.
    ///
    /// # Errors
    /// Storage failures.
    fn token(&self, app: &App) -> Result<Option<String>, ApiError>;

    /// Makes tenant, depot and first user and says what was made. `trusted` is a caller who came through the control
    /// door and needs no token. Blocks.
    ///
    /// # Errors
    /// When the token is not good, or something of the new depot is not.
    fn set_up(&self, app: &App, new: NewDepot, trusted: bool) -> Result<Value, ApiError>;
}

/// Where the front page, set-up and documentation are.
pub fn outside(cfg: &mut web::ServiceConfig) {
    let form = web::FormConfig::default().limit(FORM_MAX);
    let setup =
        web::resource("/setup").app_data(form).route(web::get().to(setup_form)).route(web::post().to(set_up));
    let ui = Config::from("/api/v1/openapi.json").validator_url("none").try_it_out_enabled(true);
    cfg.route("/", web::get().to(front))
        .route("/crossdock.css", web::get().to(style))
        .route("/crossdock.svg", web::get().to(icon))
        .route("/ca.pem", web::get().to(authority))
        .service(setup)
        .route("/api/v1/openapi.json", web::get().to(document))
        .route("/api/v1/docs", web::get().to(to_docs))
        .service(SwaggerUi::new("/api/v1/docs/{_:.*}").config(ui));
}

fn page(status: StatusCode, title: &str, body: &Markup) -> HttpResponse {
    let text = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Crossdock" }
                link rel="icon" href="/crossdock.svg" type="image/svg+xml";
                link rel="stylesheet" href="/crossdock.css";
            }
            body {
                header { a href="/" { img src="/crossdock.svg" alt="" width="28" height="28"; "Crossdock" } }
                main { h1 { (title) } (body) }
                footer { "Release " (RELEASE) }
            }
        }
    };
    HttpResponse::build(status).content_type("text/html; charset=utf-8").body(text.into_string())
}

fn kept(media: &'static str, content: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(media).insert_header((CACHE_CONTROL, "max-age=3600")).body(content)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn style() -> HttpResponse {
    kept("text/css; charset=utf-8", include_str!("pages.css"))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn icon() -> HttpResponse {
    kept("image/svg+xml", include_str!("pages.svg"))
}

/// The authority's certificate, for devices to install: browsers and systems offer that by its type.
#[allow(clippy::unused_async)] // the form of a handler
async fn authority(site: Data<Site>) -> Result<HttpResponse, ApiError> {
    let detail = "this depot has no certificate authority of its own: see server.tls.mode";
    let pem = site.authority.clone().ok_or_else(|| Refusal::new(Kind::NotFound, "tls.authority", detail))?;
    Ok(HttpResponse::Ok().content_type("application/x-x509-ca-cert").body(pem))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn front(site: Data<Site>, app: Data<App>) -> Result<HttpResponse, ApiError> {
    let fresh = !site.setup.is_done(&app)?;
    Ok(page(
        StatusCode::OK,
        "This depot",
        &html! {
            p { "This machine runs a logistics depot: parcels, what needs a person, files from others, and who did what; online or cut off." }
            @if fresh {
                p.note { "It has not been set up yet. Open the link that the server printed when it started." }
            }
            ul.doors {
                li { a href="/api/v1/docs/" { strong { "The API" } span { "every request, to read and to try" } } }
                li { a href="/api/v1/openapi.json" { strong { "Its description" } span { "OpenAPI 3.1, for programs" } } }
                @if site.authority.is_some() {
                    li { a href="/ca.pem" { strong { "Its certificate" } span { "the authority to install, so that devices trust it" } } }
                }
                li { a href="/api/v1/health" { strong { "How it is" } span { "the same a monitor reads" } } }
            }
        },
    ))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn document(site: Data<Site>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(site.document.clone())
}

#[allow(clippy::unused_async)] // the form of a handler
async fn to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/api/v1/docs/")).finish()
}

#[derive(Deserialize)]
struct Link {
    token: Option<String>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn setup_form(
    site: Data<Site>,
    app: Data<App>,
    link: web::Query<Link>,
) -> Result<HttpResponse, ApiError> {
    if site.setup.is_done(&app)? {
        return Ok(done_page(StatusCode::CONFLICT, "This depot is set up already"));
    }
    let token = link.into_inner().token.unwrap_or_default();
    if token.is_empty() {
        let body = html! { p.note { "Open the link that the server printed when it started: it ends with a one-time token." } };
        return Ok(page(StatusCode::OK, "Set up this depot", &body));
    }
    let zone = app.config.depot.zone.clone();
    let asked = Asked { token: &token, tenant: "", depot: "", zone: &zone, user: "" };
    Ok(form_page(StatusCode::OK, &asked, &[]))
}

/// What stands in the form when it is shown.
struct Asked<'a> {
    token: &'a str,
    tenant: &'a str,
    depot: &'a str,
    zone: &'a str,
    user: &'a str,
}

/// What was refused of the form, by the names that stand beside its fields.
fn wrong(e: &ApiError) -> Vec<String> {
    let label = |pointer: &str| match pointer {
        "/tenant" => "Company",
        "/depot" => "Depot",
        "/zone" => "Time zone",
        "/login" => "Your login",
        "/password" => "Your password",
        _ => "The form",
    };
    if e.fields().is_empty() {
        return vec![e.detail().to_owned()];
    }
    e.fields().iter().map(|p| format!("{}: {}", label(&p.pointer), p.detail)).collect()
}

/// The form; with `wrong`, what is to be mended in it.
fn form_page(status: StatusCode, asked: &Asked<'_>, wrong: &[String]) -> HttpResponse {
    let Asked { token, tenant, depot, zone, user } = asked;
    let field = |name: &str, label: &str, hint: &str, kind: &str, value: &str, auto: &str| {
        html! {
            label for=(name) { (label) @if !hint.is_empty() { small { (hint) } } }
            input id=(name) name=(name) type=(kind) value=(value) autocomplete=(auto) required;
        }
    };
    let body = html! {
        @if !wrong.is_empty() {
            ul.wrong role="alert" { @for why in wrong { li { (why) } } }
        }
        form method="post" action="/setup" {
            input type="hidden" name="token" value=(token);
            (field("tenant", "Company", "small letters, digits, _ and -; stands behind the @ of a login", "text", tenant, "organization"))
            (field("depot", "Depot", "its name, as people say it", "text", depot, "off"))
            (field("zone", "Time zone", "such as Europe/Lisbon; when a day begins", "text", zone, "off"))
            (field("user", "Your login", "", "text", user, "username"))
            (field("password", "Your password", "10 characters or more; three or four random words are good", "password", "", "new-password"))
            button { "Set up" }
        }
    };
    page(status, "Set up this depot", &body)
}

/// What a browser is shown when there is nothing to set up any more.
fn done_page(status: StatusCode, title: &str) -> HttpResponse {
    let body = html! {
        p { "You can log in now: " code { "POST /api/v1/auth/login" } ", with login and password." }
        p { a href="/" { "To the front page" } }
    };
    page(status, title, &body)
}

fn set_up_already() -> ApiError {
    let detail = "this depot is set up already; log in, or ask its administrator for an account";
    Refusal::new(Kind::Conflict, "setup.done", detail).into()
}

async fn set_up(
    req: HttpRequest,
    site: Data<Site>,
    app: Data<App>,
    form: Either<web::Form<NewDepot>, web::Json<NewDepot>>,
) -> Result<HttpResponse, ApiError> {
    let trusted = shell::control_tenant(&req).is_some();
    let by_form = matches!(form, Either::Left(_));
    if site.setup.is_done(&app)? {
        return if by_form {
            Ok(done_page(StatusCode::CONFLICT, "This depot is set up already"))
        } else {
            Err(set_up_already())
        };
    }
    let new = match form {
        Either::Left(form) => form.into_inner(),
        Either::Right(json) => json.into_inner(),
    };
    let asked = new.clone();
    let stopped =
        |_| Refusal::new(Kind::Busy, "server.stopping", "the server is stopping; try again when it is back");
    let made = web::block(move || site.setup.set_up(&app, new, trusted)).await.map_err(stopped)?;
    match made {
        Ok(made) if trusted => Ok(HttpResponse::Ok().json(made)),
        Ok(_) => Ok(done_page(StatusCode::OK, "The depot is set up")),
        Err(e) if by_form => {
            let NewDepot { token, tenant, depot, zone, user, password: _ } = &asked;
            let asked = Asked { token: token.reveal(), tenant, depot, zone, user };
            Ok(form_page(e.status_code(), &asked, &wrong(&e)))
        }
        Err(e) => Err(e),
    }
}
