//! The routes of coming in, staying in and going out.

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::http::Method;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::{Ask, Entered, Register, Switch};
use crate::base::clock::Timestamp;
use crate::base::error::Kind;
use crate::base::ids::Id;
use crate::identity::IdentityError;
use crate::identity::features::{OwnProfile, RevokeSessions, ViewSessions};
use crate::identity::gate::Outside;
use crate::identity::grant::Scope;
use crate::identity::model::{LANGUAGES, Session, SessionKind, User};
use crate::identity::repo::{self, SESSIONS};
use crate::identity::secret::Secret;
use crate::journal::reference;
use crate::store::{Lane, ReadTx, StoreError};
use crate::web::call::{SESSION_COOKIE, app, caller, shown};
use crate::web::error::Refusal;
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

/// Passwords that are hashed at once: each takes 19 MiB and a core.
const HASHES_AT_ONCE: usize = 4;
static HASHES: Semaphore = Semaphore::const_new(HASHES_AT_ONCE);

/// Sessions that are listed at once.
const LISTED: usize = 500;

/// Runs what blocks off the request threads.
///
/// # Errors
/// What `f` refuses.
pub async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, IdentityError> + Send + 'static,
) -> Result<T, ApiError> {
    let broken = |_| Refusal::new(Kind::Internal, "server.blocking", "a worker thread failed");
    Ok(web::block(f).await.map_err(broken)??)
}

/// Runs what hashes passwords off the request threads, a few at once.
///
/// # Errors
/// What `f` refuses.
pub async fn hashing<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, IdentityError> + Send + 'static,
) -> Result<T, ApiError> {
    let closed = |_| Refusal::new(Kind::Busy, "server.stopping", "the depot is shutting down");
    let _turn = HASHES.acquire().await.map_err(closed)?;
    blocking(f).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    /// `login`, or `login@tenant` where there are several tenants.
    #[serde(alias = "username", alias = "email")]
    login: String,
    #[schema(value_type = String)]
    password: Secret<String>,
    /// How the device calls itself, for the list of sessions.
    #[serde(default)]
    device: Option<String>,
    /// Whether a cookie is wanted instead of tokens: for our own pages.
    #[serde(default)]
    session: bool,
}

#[derive(Serialize, ToSchema)]
struct LoginAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// What a page sends as `X-CSRF-Token` with every change.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    /// Seconds.
    expires_in: u64,
    user: User,
}

async fn login(req: HttpRequest, body: Body<LoginBody>) -> Result<HttpResponse, ApiError> {
    let app = app(&req)?;
    let seen = shown(&req);
    let LoginBody { login, password, device, session } = body.0;
    if session && !seen.same_origin {
        return Err(Outside::Forged.into());
    }
    let (address, now) = (seen.address, app.clock.now());
    let ask = Ask { login, password, device, address, browser: session };
    let (store, gate) = (app.store.clone(), app.gate.clone());
    let entered = hashing(move || super::login(&store, &gate, ask, now)).await?;
    Ok(welcome(&req, entered))
}

fn welcome(req: &HttpRequest, entered: Entered) -> HttpResponse {
    let expires_in = entered.expires_in();
    let Entered { user, tenant: _, session, access, secret } = entered;
    let text = secret.map(|s| s.reveal().to_owned());
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    let mut csrf_token = None;
    if session.cookie.is_some()
        && let Some(cookie) = &text
    {
        csrf_token = Some(super::csrf_of(cookie));
        // The store decides how long; the cookie only has to live as long as that may be.
        response.cookie(cookie_of(req, cookie, super::REFRESH_LIFETIME.as_secs()));
    }
    let token_type = access.is_some().then_some("Bearer");
    let refresh_token = text.filter(|_| access.is_some());
    response.json(LoginAnswer {
        access_token: access,
        refresh_token,
        token_type,
        csrf_token,
        expires_in,
        user,
    })
}

/// The session cookie: out of reach of scripts and other sites, and of plain HTTP where we speak TLS.
#[must_use]
pub fn cookie_of(req: &HttpRequest, value: &str, seconds: u64) -> Cookie<'static> {
    let cookie =
        Cookie::build(SESSION_COOKIE, value.to_owned()).path("/").http_only(true).same_site(SameSite::Lax);
    let age = time::Duration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
    cookie.secure(req.app_config().secure()).max_age(age).finish()
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RegisterBody {
    login: String,
    name: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    language: Option<String>,
    #[schema(value_type = String)]
    password: Secret<String>,
}

async fn register(req: HttpRequest, body: Body<RegisterBody>) -> Result<HttpResponse, ApiError> {
    let app = app(&req)?;
    if !app.config.depot.registration {
        return Err(IdentityError::RegistrationOff.into());
    }
    let RegisterBody { login, name, email, language, password } = body.0;
    let language = language.unwrap_or_else(|| LANGUAGES[0].to_owned());
    let wish = Register { login, name, email, language, password };
    let (address, now, store) = (shown(&req).address, app.clock.now(), app.store.clone());
    let user = hashing(move || super::register(&store, &wish, address, now)).await?;
    Ok(Answer::created(format!("/api/v1/users/{}", user.id), &user)?.respond(req.path(), ""))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshBody {
    #[schema(value_type = String)]
    refresh_token: Secret<String>,
}

async fn refresh(req: HttpRequest, body: Body<RefreshBody>) -> Result<HttpResponse, ApiError> {
    let app = app(&req)?;
    let (address, now) = (shown(&req).address, app.clock.now());
    let (store, gate) = (app.store.clone(), app.gate.clone());
    let entered =
        blocking(move || super::refresh(&store, &gate, body.0.refresh_token.reveal(), address, now)).await?;
    Ok(welcome(&req, entered))
}

async fn logout(req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let (app, principal) = caller(&req)?;
    if let Some(session) = principal.session {
        let (actor, now) = (principal.actor.clone(), app.clock.now());
        let ended = app
            .store
            .write(principal.tenant, Lane::People, move |tx| super::logout(tx, &actor, session, now))
            .await;
        app.gate.changed();
        ended?;
    }
    let mut response = HttpResponse::NoContent();
    if shown(&req).session.is_some() {
        response.cookie(cookie_of(&req, "", 0));
    }
    Ok(response.finish())
}

#[derive(Serialize, ToSchema)]
struct Profile {
    /// The user; absent for the operator of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
    /// The name to show.
    name: String,
    tenant: u32,
    features: Vec<&'static str>,
    scope: Scope,
    language: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Id>,
    /// What a page sends as `X-CSRF-Token` with every change.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

async fn profile(req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let (app, p) = caller(&req)?;
    let user = app.store.read::<_, StoreError>(p.tenant, |tx| reference::get::<User>(tx, p.actor.user))?;
    let seen = shown(&req);
    let csrf_token = seen.session.filter(|_| seen.bearer.is_none()).map(super::csrf_of);
    let profile = Profile {
        user: user.map(|(user, _)| user),
        name: p.actor.name.to_string(),
        tenant: p.tenant,
        features: p.features.names().collect(),
        scope: p.scope.clone(),
        language: p.language.clone(),
        device: p.actor.device.as_deref().map(Into::into),
        session: p.session,
        csrf_token,
    };
    Ok(Answer::ok(&profile)?.respond(req.path(), ""))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    #[schema(value_type = String)]
    current: Secret<String>,
    #[schema(value_type = String)]
    password: Secret<String>,
}

async fn change_password(call: Call<OwnProfile>, body: Body<PasswordBody>) -> Result<HttpResponse, ApiError> {
    let (app, principal) = (call.app.clone(), call.grant.principal().clone());
    let (store, gate, now) = (app.store.clone(), app.gate.clone(), app.clock.now());
    let PasswordBody { current, password } = body.0;
    hashing(move || super::change_password(&store, &gate, &principal, &current, &password, now)).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SwitchBody {
    /// The code on the badge.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    badge: Option<Secret<String>>,
    /// With the PIN: whose.
    #[serde(default)]
    login: Option<String>,
    /// 4 to 6 digits.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pin: Option<Secret<String>>,
}

#[derive(Serialize, ToSchema)]
struct Switched {
    /// Who acts on the station now; absent when it is itself again.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
}

async fn switch(req: HttpRequest, body: Body<SwitchBody>) -> Result<HttpResponse, ApiError> {
    let (app, principal) = caller(&req)?;
    let how = match body.0 {
        SwitchBody { badge: Some(code), .. } => Switch::Badge(code),
        SwitchBody { login: Some(login), pin: Some(pin), .. } => Switch::Pin(login, pin),
        SwitchBody { badge: None, login: None, pin: None } => Switch::Leave,
        SwitchBody { .. } => {
            return Err(crate::base::error::Invalid::at(
                "/pin",
                "send a badge, or login and pin together, or nothing to leave",
            )
            .into());
        }
    };
    let (store, gate, now) = (app.store.clone(), app.gate.clone(), app.clock.now());
    let user = hashing(move || super::switch(&store, &gate, &principal, how, now)).await?;
    Ok(Answer::ok(&Switched { user })?.respond(req.path(), ""))
}

#[derive(Serialize, ToSchema)]
struct SessionView {
    id: Id,
    user: Id,
    /// The user's name.
    name: String,
    /// Who acts on the station.
    #[serde(skip_serializing_if = "Option::is_none")]
    acting: Option<Id>,
    kind: SessionKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    created_at: Timestamp,
    seen_at: Timestamp,
    expires: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    user: Option<String>,
}

async fn sessions(call: Call<OwnProfile>, query: Query<Whose>) -> Result<HttpResponse, ApiError> {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<_, IdentityError> {
        let me = grant.actor().user;
        let whose = match query.0.user.as_deref() {
            None => Some(me),
            Some("all") => None,
            Some(id) => {
                Some(id.parse().map_err(|_| IdentityError::Unknown { what: "user", name: id.to_owned() })?)
            }
        };
        if whose != Some(me) {
            grant.principal().grant::<ViewSessions>()?;
        }
        let found = repo::sessions(tx, whose, LISTED)?.into_iter().filter(|s| now < s.expires);
        let current = grant.principal().session;
        let views = found.map(|s| view(tx, s, current)).collect::<Result<Vec<_>, _>>()?;
        Ok(Answer::ok(&views)?)
    })
}

fn view(tx: &dyn ReadTx, s: Session, current: Option<Id>) -> Result<SessionView, StoreError> {
    let Session {
        id,
        user,
        acting,
        kind,
        device,
        address,
        created_at,
        seen_at,
        expires,
        cookie: _,
        rotations: _,
    } = s;
    let name = reference::get::<User>(tx, user)?.map_or_else(String::new, |(u, _)| u.name);
    Ok(SessionView {
        id,
        user,
        name,
        acting,
        kind,
        device,
        address,
        created_at,
        seen_at,
        expires,
        current: current == Some(id),
    })
}

async fn end_session(call: Call<OwnProfile>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let unknown = |name: &str| IdentityError::Unknown { what: "session", name: name.to_owned() };
    let id: Id = path.parse().map_err(|_| unknown(&path))?;
    let app = call.app.clone();
    let ended = call.write(move |tx, grant, cx| -> Result<_, IdentityError> {
        let session = SESSIONS.get(tx, &id)?.ok_or_else(|| unknown(&id.to_string()))?;
        if session.user != grant.actor().user {
            grant.principal().grant::<RevokeSessions>()?;
        }
        super::logout(tx, &cx.actor, id, cx.now)?;
        Ok(Answer::none())
    });
    let ended = ended.await;
    app.gate.changed();
    ended
}

/// The routes of this subject.
pub fn routes() -> Routes {
    Routes::new("auth")
        .open(Method::POST, "/auth/login", login, "Log in with a password")
        .body::<LoginBody>(r#"{"login": "ana@depot", "password": "correct horse battery", "device": "desk 3"}"#)
        .answers::<LoginAnswer>(200)
        .open(Method::POST, "/auth/register", register, "Ask for an account; off unless switched on")
        .body::<RegisterBody>(r#"{"login": "bar", "name": "Bar Fashion", "email": "bar@example.com", "password": "correct horse battery"}"#)
        .answers::<User>(201)
        .open(Method::POST, "/auth/refresh", refresh, "Exchange a refresh token for the next pair")
        .body::<RefreshBody>(r#"{"refresh_token": "1.r.hGqZ5yk0t1bq3rQxS4m0mC1cVbq8x8Q0p2m3n4o5p6c"}"#)
        .answers::<LoginAnswer>(200)
        .open(Method::POST, "/auth/logout", logout, "End one's own session")
        .status(204)
        .open(Method::GET, "/auth/profile", profile, "Who one is and what one may do")
        .answers::<Profile>(200)
        .add::<OwnProfile, _, _>(Method::PUT, "/auth/password", change_password, "Change one's own password; ends one's other sessions")
        .body::<PasswordBody>(r#"{"current": "correct horse battery", "password": "purple monkey dishwasher"}"#)
        .status(204)
        .open(Method::POST, "/auth/switch", switch, "Switch a station to a person by badge or PIN, or back with an empty body")
        .body::<SwitchBody>(r#"{"login": "ana", "pin": "2580"}"#)
        .answers::<Switched>(200)
        .add::<OwnProfile, _, _>(Method::GET, "/auth/sessions", sessions, "Where one is logged in")
        .query(&[("user", "another user's id, or `all`; needs sessions.view")])
        .answers::<Vec<SessionView>>(200)
        .add::<OwnProfile, _, _>(Method::DELETE, "/auth/sessions/{id}", end_session, "End one session; another's needs sessions.revoke")
        .status(204)
}
