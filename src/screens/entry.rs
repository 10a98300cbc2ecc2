//! Coming in and going out.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::layout::places;
use super::shell::parts::{Field, refusal};
use super::shell::visit::{answer, finish, sent};
use super::shell::{Anyone, Fail, Form, Out, Reply, Viewer, Visit};
use crate::identity::auth::api::{cookie_of, hashing};
use crate::identity::auth::{self, Ask, Entered, REFRESH_LIFETIME};
use crate::identity::gate::Outside;
use crate::identity::secret::Secret;
use crate::store::Lane;
use crate::web::call::{app, shown};
use crate::web::server::Site;
use crate::web::{ApiError, App};

/// Letters of the path somebody wanted to go to.
const MAX_NEXT: usize = 1_000;

/// Where these are.
pub fn serve(cfg: &mut web::ServiceConfig) {
    cfg.route("/", web::get().to(front))
        .service(web::resource("/login").route(web::get().to(page)).route(web::post().to(enter)))
        .route("/logout", web::post().to(leave));
}

/// A path of ours and nowhere else.
fn own_path(next: &str) -> Option<&str> {
    let plain = |c: char| !c.is_control() && c != '\\';
    let ours = next.starts_with('/') && !next.starts_with("//") && next.len() <= MAX_NEXT;
    (ours && next.chars().all(plain)).then_some(next)
}

/// The first page there is for somebody.
fn home(v: &Viewer) -> &'static str {
    let station = v.principal.as_ref().is_some_and(|p| !p.features.contains_name("profile.own"));
    places(v).map(|(_, path)| path).find(|p| !station || *p == "/scan").unwrap_or("/profile")
}

#[allow(clippy::unused_async)] // the form of a handler
async fn front(req: HttpRequest, site: Data<Site>) -> HttpResponse {
    if let Ok(visit) = Visit::<Anyone>::enter(&req, None) {
        return answer(&req, Ok(Out::See(home(&visit.viewer).to_owned())));
    }
    let reply = || -> Reply {
        let app = app(&req)?;
        if site.setup.is_done(&app)? {
            return Ok(Out::See("/login".into()));
        }
        let v = Viewer::nobody(&app, &req);
        let main = html! {
            section.card {
                h1 { (v.t("fresh-title")) }
                p { (v.t("fresh-text")) }
                p.faint { (v.t("fresh-hint")) }
                ul.doors {
                    li { a href="/api/v1/docs/" { (v.t("door-api")) } }
                    @if site.authority.is_some() { li { a href="/ca.pem" { (v.t("door-trust")) } } }
                }
            }
        };
        Ok(Out::page(v.t("fresh-title"), main))
    };
    answer(&req, reply())
}

#[derive(Default, Deserialize)]
struct To {
    next: Option<String>,
}

fn form(v: &Viewer, site: &Site, login: &str, next: &str, fail: Option<&ApiError>) -> Markup {
    html! {
        section.card.entry {
            img src=(super::shell::assets::path("icon.svg")) alt="" width="44" height="44";
            h1 { (v.t("log-in")) }
            (refusal(v, fail))
            form method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                (Field::text("login", v.t("login-name"), login).kind("text", "username").needed())
                (Field::text("password", v.t("password"), "").kind("password", "current-password").needed())
                button.primary { (v.t("log-in")) }
            }
            p.faint {
                @if site.authority.is_some() { a href="/ca.pem" { (v.t("door-trust")) } " · " }
                a href="/api/v1/docs/" { (v.t("door-api")) }
            }
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn page(req: HttpRequest, site: Data<Site>) -> HttpResponse {
    let to: To = serde_urlencoded::from_str(req.query_string()).unwrap_or_default();
    let next = to.next.as_deref().and_then(own_path).unwrap_or("/");
    if Visit::<Anyone>::enter(&req, None).is_ok() {
        return answer(&req, Ok(Out::See(next.to_owned())));
    }
    let reply = || -> Reply {
        let app = app(&req)?;
        if !site.setup.is_done(&app)? {
            return Ok(Out::See("/".into()));
        }
        let v = Viewer::nobody(&app, &req);
        Ok(Out::page(v.t("log-in"), form(&v, &site, "", next, None)))
    };
    answer(&req, reply())
}

async fn enter(req: HttpRequest, site: Data<Site>, body: Payload) -> HttpResponse {
    let form_sent = match sent(&req, body).await {
        Ok(form) => form,
        Err(fail) => return answer(&req, Err(fail)),
    };
    let app = match app(&req) {
        Ok(app) => app,
        Err(e) => return e.error_response(),
    };
    match admit(&req, &app, &form_sent).await {
        Ok(entered) => welcome(&req, entered, &form_sent),
        Err(Fail::Refused(e)) => {
            let v = Viewer::nobody(&app, &req);
            let (login, next) = (form_sent.text("login"), own_path(form_sent.text("next")).unwrap_or("/"));
            finish(&req, e.status_code(), &v.t("log-in"), &form(&v, &site, login, next, Some(&e)))
        }
        Err(fail) => answer(&req, Err(fail)),
    }
}

async fn admit(req: &HttpRequest, app: &Data<App>, form: &Form) -> Result<Entered, Fail> {
    let seen = shown(req);
    // Nobody is logged in here by another site's form.
    if !seen.same_origin {
        return Err(Outside::Forged.into());
    }
    let device = req.headers().get("user-agent").and_then(|v| v.to_str().ok()).map(browser);
    let ask = Ask {
        login: form.text("login").to_owned(),
        password: Secret::new(form.raw("password").to_owned()),
        device,
        address: seen.address,
        browser: true,
    };
    let (store, gate, now) = (app.store.clone(), app.gate.clone(), app.clock.now());
    Ok(hashing(move || auth::login(&store, &gate, ask, now)).await?)
}

/// The kind of browser, for the list of sessions; none where it is a station, which has a name of its own.
fn browser(agent: &str) -> String {
    let known = ["Edg", "OPR", "Firefox", "Chrome", "Safari"];
    let name = known.iter().find(|n| agent.contains(**n)).copied().unwrap_or("Browser");
    let system = ["Android", "iPhone", "Windows", "Mac OS", "Linux"];
    let system = system.iter().find(|n| agent.contains(**n)).copied().unwrap_or_default();
    format!("{name} {system}").trim().to_owned()
}

fn welcome(req: &HttpRequest, entered: Entered, form: &Form) -> HttpResponse {
    let next = own_path(form.text("next")).unwrap_or("/");
    let mut response = HttpResponse::build(StatusCode::SEE_OTHER);
    response.insert_header((LOCATION, next));
    if let Some(secret) = &entered.secret {
        response.cookie(cookie_of(req, secret.reveal(), REFRESH_LIFETIME.as_secs()));
    }
    response.finish()
}

async fn leave(req: HttpRequest, body: Payload) -> HttpResponse {
    let form = match sent(&req, body).await {
        Ok(form) => form,
        Err(fail) => return answer(&req, Err(fail)),
    };
    match Visit::<Anyone>::enter(&req, Some(form.raw("csrf"))) {
        Ok(visit) => {
            if let Some(session) = visit.principal.session {
                let (actor, now) = (visit.principal.actor.clone(), visit.app.clock.now());
                let ended = visit.app.store.write(visit.principal.tenant, Lane::People, move |tx| {
                    auth::logout(tx, &actor, session, now)
                });
                let ended = ended.await;
                visit.app.gate.changed();
                if let Err(e) = ended {
                    return answer(&req, Err(e.into()));
                }
            }
            let mut response = HttpResponse::SeeOther();
            response.insert_header((LOCATION, "/login")).cookie(cookie_of(&req, "", 0));
            response.finish()
        }
        Err(Fail::LogIn) => answer(&req, Ok(Out::See("/login".into()))),
        Err(fail) => answer(&req, Err(fail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_leads_to_a_page_of_ours_and_nowhere_else() {
        assert_eq!(own_path("/cases?state=open"), Some("/cases?state=open"));
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "cases", "/a\nb", ""] {
            assert_eq!(own_path(elsewhere), None, "{elsewhere:?}");
        }
        assert_eq!(own_path(&format!("/{}", "a".repeat(MAX_NEXT))), None);
    }

    #[test]
    fn a_browser_is_named_by_its_kind() {
        let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36";
        assert_eq!(browser(agent), "Chrome Linux");
        assert_eq!(browser(""), "Browser");
    }
}
