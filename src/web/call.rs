//! One request on its way to its use case: who calls, what they sent, and the transaction it runs in.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::QueryPayloadError;
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::app::App;
use super::error::{ApiError, Refusal};
use super::idempotency::{self, Repeat};
use super::server::Site;
use super::shell;
use crate::base::error::{Fault, Invalid, Kind};
use crate::base::ids::Id;
use crate::identity::features::Feature;
use crate::identity::gate::Shown;
use crate::identity::grant::{Grant, Principal};
use crate::journal::Cx;
use crate::store::{Lane, ReadTx, StoreError, WriteTx};

/// A call that may do `F`: the extractor refuses everybody else with 401 or 403.
pub struct Call<F: Feature> {
    /// The depot.
    pub app: Data<App>,
    /// The proof.
    pub grant: Grant<F>,
    request: HttpRequest,
}

impl<F: Feature> FromRequest for Call<F> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::admit(req))
    }
}

fn principal(req: &HttpRequest) -> Result<(Data<App>, Arc<Principal>), ApiError> {
    let app = app(req)?;
    let principal = match shell::control_tenant(req) {
        Some(tenant) => behind_control(req, &app, tenant)?,
        None => app.gate.admit(&app.store, &shown(req), app.clock.now())?,
    };
    Ok((app, principal))
}

/// In this header whoever comes through the control door shows the access token of a user they act for.
pub const AS_USER: &str = "x-crossdock-as";

/// Who comes through the control door: the depot's owner, or the user whose token they show.
fn behind_control(req: &HttpRequest, app: &App, tenant: u32) -> Result<Arc<Principal>, ApiError> {
    let Some(token) = req.headers().get(AS_USER).and_then(|v| v.to_str().ok()) else {
        return Ok(Arc::new(Principal::system(tenant)));
    };
    let shown = Shown { bearer: Some(token), address: shell::address(req), ..Shown::default() };
    let who = app.gate.admit(&app.store, &shown, app.clock.now())?;
    if who.tenant != tenant {
        return Err(Refusal::new(Kind::Forbidden, "control.tenant", "that user is of another tenant").into());
    }
    Ok(who)
}

/// Before anybody has set the depot up there is nobody to write for, and what is asked through the control door would
/// wait for ever.
fn is_set_up(req: &HttpRequest, app: &App) -> Result<(), ApiError> {
    let site = req.app_data::<Data<Site>>().filter(|_| shell::control_tenant(req).is_some());
    if site.map_or(Ok(true), |site| site.setup.is_done(app))? {
        return Ok(());
    }
    let detail = "this depot is not set up yet: run crossdock init, or open the link that the server printed when it started";
    Err(Refusal::new(Kind::Conflict, "setup.needed", detail).into())
}

/// The session cookie's name.
pub const SESSION_COOKIE: &str = "crossdock_session";

/// What a request shows of its sender.
#[must_use]
pub fn shown(req: &HttpRequest) -> Shown<'_> {
    let header = |name: &str| req.headers().get(name).and_then(|v| v.to_str().ok());
    let cookies = header("cookie").into_iter().flat_map(|c| c.split(';'));
    let session =
        cookies.filter_map(|c| c.trim().split_once('=')).find(|(n, _)| *n == SESSION_COOKIE).map(|(_, v)| v);
    // Browsers say where a request comes from; one that says "same-origin" can't have been made by another site.
    let same_origin = header("sec-fetch-site").is_none_or(|s| s == "same-origin" || s == "none");
    Shown {
        bearer: header("authorization").and_then(|a| a.strip_prefix("Bearer ")),
        session,
        csrf: header("x-csrf-token"),
        changes: !req.method().is_safe(),
        same_origin,
        address: shell::address(req),
    }
}

/// Whoever is logged in, whatever they may do: for what everybody may do to their own session.
///
/// # Errors
/// 401 when nobody is.
pub fn caller(req: &HttpRequest) -> Result<(Data<App>, Arc<Principal>), ApiError> {
    let app = app(req)?;
    let principal = app.gate.admit(&app.store, &shown(req), app.clock.now())?;
    Ok((app, principal))
}

/// The running depot behind a request.
///
/// # Errors
/// Only when the server was wired wrongly.
pub fn app(req: &HttpRequest) -> Result<Data<App>, ApiError> {
    let app = req.app_data::<Data<App>>().cloned();
    app.ok_or_else(|| Refusal::new(Kind::Internal, "server.wiring", "the server has no depot").into())
}

impl<F: Feature> Call<F> {
    /// The proof that whoever sent `req` may do `F`, for a route that asks for it under conditions only.
    ///
    /// # Errors
    /// 401 when nobody is known by it, 403 when they may not.
    pub fn admit(req: &HttpRequest) -> Result<Self, ApiError> {
        let (app, principal) = principal(req)?;
        Ok(Self { app, grant: principal.grant::<F>()?, request: req.clone() })
    }

    /// Who calls.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        self.grant.principal()
    }

    /// The request itself.
    #[must_use]
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// The revision the caller has seen, from `If-Match`; none when it wasn't sent.
    ///
    /// # Errors
    /// When it isn't one strong tag of ours.
    pub fn if_match(&self) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.request.headers().get("if-match") else { return Ok(None) };
        let rev =
            value.to_str().ok().and_then(|v| v.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
        let bad = || {
            Refusal::new(
                Kind::Malformed,
                "request.if_match",
                "If-Match must be one ETag as we sent it, such as \"3\"",
            )
        };
        rev.map(Some).ok_or_else(|| bad().into())
    }

    /// The revision the caller must name, from `If-Match` or a `version` in the body.
    ///
    /// # Errors
    /// 428 when neither was sent.
    pub fn expected_rev(&self, version: Option<u64>) -> Result<u64, ApiError> {
        let needed = "name the revision you have seen: send its ETag as If-Match, or as \"version\"";
        self.if_match()?
            .or(version)
            .ok_or_else(|| Refusal::new(Kind::Unconditional, "request.unconditional", needed).into())
    }

    /// Notes that the caller has seen these records of people.
    pub fn saw(&self, record: &'static str, ids: impl IntoIterator<Item = Id>) {
        let (actor, now) = (self.grant.actor(), self.app.clock.now());
        if !actor.is_system() {
            self.app.sightings.saw(self.grant.tenant(), actor, record, ids, now);
        }
    }

    /// Answers from one snapshot of the caller's tenant.
    ///
    /// # Errors
    /// What `f` refuses, and storage failures.
    pub fn read<E: Fault + From<StoreError>>(
        &self,
        f: impl FnOnce(&dyn ReadTx, &Grant<F>) -> Result<Answer, E>,
    ) -> Result<HttpResponse, ApiError> {
        let answer = self.app.store.read(self.grant.tenant(), |tx| f(tx, &self.grant))?;
        Ok(answer.respond(self.request.path(), self.request.query_string()))
    }

    /// The answer of this request's first run, if this is not it: for a route that has much to do before it writes.
    ///
    /// # Errors
    /// When the key was used for a different request; storage failures.
    pub fn replayed(&self) -> Result<Option<HttpResponse>, ApiError> {
        let Some(repeat) = Repeat::of(&self.request, self.grant.actor().user)? else { return Ok(None) };
        let tenant = self.grant.tenant();
        let seen = self
            .app
            .store
            .read(tenant, |tx| -> Result<_, Outcome<StoreError>> { Ok(idempotency::seen(tx, &repeat)?) })?;
        Ok(seen.map(|answer| {
            let mut response = answer.respond(self.request.path(), self.request.query_string());
            idempotency::mark_replay(&mut response);
            response
        }))
    }

    /// Runs `f` in one transaction of the caller's tenant and answers once it is durable. A repeated request (same
    /// `Idempotency-Key`) gets the answer of the first and changes nothing.
    ///
    /// # Errors
    /// What `f` refuses, and storage failures; then nothing was written.
    pub async fn write<E>(
        self,
        f: impl FnMut(&mut dyn WriteTx, &Grant<F>, &Cx) -> Result<Answer, E> + Send + 'static,
    ) -> Result<HttpResponse, ApiError>
    where
        E: Fault + From<StoreError> + Send + 'static,
    {
        is_set_up(&self.request, &self.app)?;
        let repeat = Repeat::of(&self.request, self.grant.actor().user)?;
        let (grant, now) = (self.grant, self.app.clock.now());
        let tenant = grant.tenant();
        let mut f = f;
        let pending = self.app.store.write(tenant, Lane::People, move |tx| -> Result<_, Outcome<E>> {
            let key = match &repeat {
                Some(r) => match idempotency::seen(tx, r)? {
                    Some(answer) => return Ok((answer, true)),
                    None => Some(r),
                },
                None => None,
            };
            let cx = Cx::new(tx, grant.actor(), now, "http")?;
            let answer = f(tx, &grant, &cx).map_err(Outcome::Area)?;
            if let Some(key) = key {
                idempotency::keep(tx, key, &answer, now)?;
            }
            Ok((answer, false))
        });
        let (answer, replayed) = pending.await?;
        self.app.wake.wake();
        let mut response = answer.respond(self.request.path(), self.request.query_string());
        if replayed {
            idempotency::mark_replay(&mut response);
        }
        Ok(response)
    }
}

/// How a write can fail: in the area, in the store, or by a key used for something else.
enum Outcome<E> {
    Area(E),
    Store(StoreError),
    Reused(Refusal),
}

impl<E> From<StoreError> for Outcome<E> {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl<E> From<idempotency::SeenError> for Outcome<E> {
    fn from(e: idempotency::SeenError) -> Self {
        match e {
            idempotency::SeenError::Store(e) => Self::Store(e),
            idempotency::SeenError::Reused(r) => Self::Reused(r),
        }
    }
}

impl<E: Fault> From<Outcome<E>> for ApiError {
    fn from(o: Outcome<E>) -> Self {
        match o {
            Outcome::Area(e) => e.into(),
            Outcome::Store(e) => e.into(),
            Outcome::Reused(r) => r.into(),
        }
    }
}

/// The hash of the body, kept with the request so that a repeated key can be held against it.
#[derive(Clone, Copy, Debug)]
pub struct BodyHash(pub [u8; 32]);

/// A JSON body. Limits and nesting are checked before it is read; a wrong shape is a 422 with a pointer to the place.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let limits = app(&req)?.config.limits.clone();
            let json = req.content_type().split(';').next().is_some_and(|t| t.trim().ends_with("json"));
            if !json && !req.content_type().is_empty() {
                let detail = format!("send application/json, not {}", req.content_type());
                return Err(Refusal::new(Kind::Unsupported, "request.media_type", detail).into());
            }
            let bytes = collect(
                payload,
                usize::try_from(limits.body_max_bytes).unwrap_or(usize::MAX),
                Duration::from_secs(limits.body_timeout_s),
            )
            .await?;
            if req.headers().contains_key("idempotency-key") {
                req.extensions_mut().insert(BodyHash(*blake3::hash(&bytes).as_bytes()));
            }
            parse(&bytes, limits.nesting).map(Body)
        })
    }
}

/// Collects a body of at most `max` bytes, and gives up when none comes for `patience`.
///
/// # Errors
/// 413 beyond the limit, 400 when the connection breaks or stands still.
pub async fn collect(mut payload: Payload, max: usize, patience: Duration) -> Result<Bytes, ApiError> {
    let mut bytes = BytesMut::new();
    loop {
        let next = tokio::time::timeout(patience, payload.next()).await;
        let still = |_| {
            Refusal::new(
                Kind::Malformed,
                "request.slow",
                format!("no byte of the body came for {} s", patience.as_secs()),
            )
        };
        let Some(chunk) = next.map_err(still)? else { break };
        let chunk = chunk.map_err(|e| {
            Refusal::new(Kind::Malformed, "request.broken", format!("the body ended early: {e}"))
        })?;
        if bytes.len() + chunk.len() > max {
            return Err(Refusal::new(
                Kind::TooLarge,
                "request.too_large",
                format!("the body is larger than the {max} bytes that are taken"),
            )
            .into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Reads JSON of at most `nesting` levels.
///
/// # Errors
/// 400 when it is no JSON, 422 with a pointer when its shape is wrong.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], nesting: usize) -> Result<T, ApiError> {
    if depth(bytes) > nesting {
        return Err(Refusal::new(
            Kind::Malformed,
            "request.nesting",
            format!("the body nests deeper than {nesting} levels"),
        )
        .into());
    }
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let mut de = serde_json::Deserializer::from_slice(bytes);
    let read =
        serde_path_to_error::deserialize::<_, T>(&mut de).map_err(|e| (e.path().to_string(), e.into_inner()));
    match read.and_then(|v| de.end().map(|()| v).map_err(|e| (String::new(), e))) {
        Ok(v) => Ok(v),
        // A wrong shape may be met before the place where the text stops to be JSON: that comes first.
        Err((path, e)) if e.is_data() && serde_json::from_slice::<serde_json::Value>(bytes).is_ok() => {
            // The pointer says where; a line and column of what a program sent help nobody.
            let place = format!(" at line {} column {}", e.line(), e.column());
            let why = e.to_string();
            Err(Invalid::at(pointer(&path), why.strip_suffix(&place).unwrap_or(&why)).into())
        }
        Err((_, e)) => {
            Err(Refusal::new(Kind::Malformed, "request.json", format!("the body is not JSON: {e}")).into())
        }
    }
}

fn pointer(path: &str) -> String {
    if path == "." { "/".into() } else { format!("/{}", path.replace(['.', '['], "/").replace(']', "")) }
}

/// The deepest nesting of brackets outside strings.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut most, mut text, mut escaped) = (0_usize, 0, false, false);
    for b in bytes {
        match (text, b) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => text = !text,
            (false, b'{' | b'[') => {
                depth += 1;
                most = most.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Query parameters; one that isn't known or has the wrong shape is a 422.
pub struct Query<T>(pub T, PhantomData<()>);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = actix_web::web::Query::<T>::from_query(req.query_string());
        ready(read.map(|q| Self(q.into_inner(), PhantomData)).map_err(|e| {
            let why = match e {
                QueryPayloadError::Deserialize(why) => why.to_string(),
                other => other.to_string(),
            };
            Invalid::at("?", why).into()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_are_not_nesting() {
        assert_eq!(depth(br#"{"a":"[[[{{\"[","b":[1,[2]]}"#), 3);
        assert_eq!(depth(b""), 0);
    }

    #[test]
    fn a_wrong_shape_is_pointed_at_and_no_json_is_malformed() {
        #[derive(serde::Deserialize, Debug)]
        struct T {
            #[allow(dead_code)]
            items: Vec<u32>,
        }
        let e = parse::<T>(br#"{"items":[1,"x"]}"#, 32).unwrap_err();
        assert!(format!("{e:?}").contains("/items/1") && format!("{e:?}").contains("Invalid"));
        assert!(format!("{:?}", parse::<T>(b"{", 32).unwrap_err()).contains("Malformed"));
        assert!(format!("{:?}", parse::<T>(br#"{"items":[]} x"#, 32).unwrap_err()).contains("Malformed"));
        assert!(format!("{:?}", parse::<T>(br#"{"items":["x",]}"#, 32).unwrap_err()).contains("Malformed"));
        assert!(
            format!("{:?}", parse::<serde_json::Value>("[".repeat(33).as_bytes(), 32).unwrap_err())
                .contains("nests deeper")
        );
    }
}
