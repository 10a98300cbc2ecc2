//! A visit to a page: who comes, what they may, and what they get. Refusals are pages too.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, VARY};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use maud::{Markup, html};
use serde::de::DeserializeOwned;

use super::form::{Form, MAX_FORM};
use super::layout;
use super::viewer::Viewer;
use crate::base::error::{Fault, Invalid, Kind};
use crate::base::ids::Id;
use crate::identity::features::Feature;
use crate::identity::gate::Shown;
use crate::identity::grant::{Denied, Grant, Principal};
use crate::journal::Cx;
use crate::store::{Lane, ReadTx, StoreError, WriteTx};
use crate::web::call::{app, collect, shown};
use crate::web::error::Refusal;
use crate::web::{ApiError, App};

/// The header by which a module asks for the page without its frame.
pub const FRAGMENT: &str = "x-fragment";

/// What lets somebody in: a right, or having logged in.
pub trait Pass: Sized + 'static {
    /// The feature it needs; empty for none.
    const FEATURE: &'static str;
    /// The pass of `principal`.
    ///
    /// # Errors
    /// When they may not.
    fn of(principal: &Arc<Principal>) -> Result<Self, Denied>;
}

impl<F: Feature> Pass for Grant<F> {
    const FEATURE: &'static str = F::NAME;
    fn of(principal: &Arc<Principal>) -> Result<Self, Denied> {
        principal.grant::<F>()
    }
}

/// Whoever has logged in.
pub struct Anyone;

impl Pass for Anyone {
    const FEATURE: &'static str = "";
    fn of(_: &Arc<Principal>) -> Result<Self, Denied> {
        Ok(Self)
    }
}

/// Somebody on a page.
pub struct Visit<P> {
    /// The depot.
    pub app: Data<App>,
    /// Who looks.
    pub viewer: Viewer,
    /// Who it is.
    pub principal: Arc<Principal>,
    /// What let them in.
    pub pass: P,
    /// The request.
    pub request: HttpRequest,
}

/// What a visit leads to.
pub enum Out {
    /// A page.
    Page {
        /// Its status.
        status: StatusCode,
        /// Its title.
        title: String,
        /// What it says.
        main: Markup,
    },
    /// Another page.
    See(String),
    /// Something that is no page.
    Raw(HttpResponse),
}

/// Why there is no page.
#[derive(Debug)]
pub enum Fail {
    /// Nobody is logged in.
    LogIn,
    /// It was refused.
    Refused(ApiError),
}

impl<E: Fault> From<E> for Fail {
    fn from(e: E) -> Self {
        Self::Refused(e.into())
    }
}

impl From<ApiError> for Fail {
    fn from(e: ApiError) -> Self {
        Self::Refused(e)
    }
}

/// What a handler gives.
pub type Reply = Result<Out, Fail>;

impl Out {
    /// A page.
    #[must_use]
    pub fn page(title: impl Into<String>, main: Markup) -> Self {
        Self::Page { status: StatusCode::OK, title: title.into(), main }
    }

    /// The same page, after a refusal.
    #[must_use]
    pub fn after(self, fail: Option<&ApiError>) -> Self {
        match (self, fail) {
            (Self::Page { title, main, .. }, Some(e)) => Self::Page { status: e.status_code(), title, main },
            (out, _) => out,
        }
    }
}

impl<P: Pass> Visit<P> {
    /// Lets somebody in. `csrf` is what their form sent, for a change.
    ///
    /// # Errors
    /// When nobody is logged in, they may not, or the change comes from elsewhere.
    pub fn enter(request: &HttpRequest, csrf: Option<&str>) -> Result<Self, Fail> {
        let app = app(request)?;
        let seen = shown(request);
        // A page is for people: tokens and keys open the API.
        let with = Shown { bearer: None, csrf: csrf.or(seen.csrf), ..seen };
        let principal = match app.gate.admit(&app.store, &with, app.clock.now()) {
            Ok(principal) => principal,
            Err(e) if e.kind() == Kind::Unauthenticated => return Err(Fail::LogIn),
            Err(e) => return Err(e.into()),
        };
        let pass = P::of(&principal)?;
        let viewer = Viewer::of(&app, request, Arc::clone(&principal))?;
        Ok(Self { app, viewer, principal, pass, request: request.clone() })
    }

    /// What stands in the path for `name`.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.request.match_info().query(name).to_owned()
    }

    /// What stands behind the question mark.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Fail> {
        let read = serde_urlencoded::from_str(self.request.query_string());
        Ok(read.map_err(|e| Invalid::at("?", e.to_string()))?)
    }

    /// Reads from one snapshot of the caller's tenant.
    ///
    /// # Errors
    /// What `f` refuses.
    pub fn read<T, E: Fault + From<StoreError>>(
        &self,
        f: impl FnOnce(&dyn ReadTx) -> Result<T, E>,
    ) -> Result<T, Fail> {
        Ok(self.app.store.read(self.principal.tenant, f)?)
    }

    /// Runs `f` in one transaction of the caller's tenant, with the right to do `F`.
    ///
    /// # Errors
    /// When they have no such right, and what `f` refuses; nothing was written then.
    pub async fn write<F: Feature, T, E>(
        &self,
        mut f: impl FnMut(&mut dyn WriteTx, &Grant<F>, &Cx) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Fail>
    where
        T: Send + 'static,
        E: Fault + From<StoreError> + Send + 'static,
    {
        let (grant, now) = (self.principal.grant::<F>()?, self.app.clock.now());
        let tenant = grant.tenant();
        let pending = self.app.store.write(tenant, Lane::People, move |tx| -> Result<T, E> {
            let cx = Cx::new(tx, grant.actor(), now, "screen")?;
            f(tx, &grant, &cx)
        });
        let done = pending.await?;
        self.app.wake.wake();
        Ok(done)
    }

    /// Runs what takes long where waiting does no harm.
    ///
    /// # Errors
    /// What `f` refuses.
    pub async fn aside<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, Fail> {
        Ok(actix_web::web::block(f).await.map_err(|_| StoreError::Closed)??)
    }

    /// Notes that the caller has seen these records of people.
    pub fn saw(&self, record: &'static str, ids: impl IntoIterator<Item = Id>) {
        let (actor, now) = (&self.principal.actor, self.app.clock.now());
        self.app.sightings.saw(self.principal.tenant, actor, record, ids, now);
    }
}

/// Answers a visit to a page.
pub async fn show<P: Pass, Fut: Future<Output = Reply>>(
    request: HttpRequest,
    handler: impl Fn(Visit<P>) -> Fut,
) -> HttpResponse {
    let reply = match Visit::<P>::enter(&request, None) {
        Ok(visit) => handler(visit).await,
        Err(fail) => Err(fail),
    };
    answer(&request, reply)
}

/// Answers what a form sent.
pub async fn take<P: Pass, Fut: Future<Output = Reply>>(
    request: HttpRequest,
    body: Payload,
    handler: impl Fn(Visit<P>, Form) -> Fut,
) -> HttpResponse {
    let reply = match sent(&request, body).await {
        Ok(form) => match Visit::<P>::enter(&request, Some(form.raw("csrf")).filter(|c| !c.is_empty())) {
            Ok(visit) => handler(visit, form).await,
            Err(fail) => Err(fail),
        },
        Err(fail) => Err(fail),
    };
    answer(&request, reply)
}

/// The form in a request.
///
/// # Errors
/// When it is too large, too slow or no form.
pub async fn sent(request: &HttpRequest, body: Payload) -> Result<Form, Fail> {
    let patience = app(request)?.config.limits.body_timeout_s;
    let patience = std::time::Duration::from_secs(patience);
    let bytes = collect(body.into_inner(), MAX_FORM, patience).await?;
    Ok(Form::read(&bytes)?)
}

/// The response to `request`.
#[must_use]
pub fn answer(request: &HttpRequest, reply: Reply) -> HttpResponse {
    let (status, title, main) = match reply {
        Ok(Out::Raw(response)) => return response,
        Ok(Out::See(to)) => return see(&to),
        Ok(Out::Page { status, title, main }) => (status, title, main),
        Err(Fail::LogIn) if request.method().is_safe() && !is_fragment(request) => {
            let to = request.uri().path_and_query().map_or("/", |p| p.as_str());
            let next = serde_urlencoded::to_string([("next", to)]).unwrap_or_default();
            return see(&format!("/login?{next}"));
        }
        Err(Fail::LogIn) => {
            let e = Refusal::new(Kind::Unauthenticated, "auth.needed", "you are logged out: log in again");
            return refused(request, &e.into());
        }
        Err(Fail::Refused(e)) => return refused(request, &e),
    };
    finish(request, status, &title, &main)
}

/// Whether a module asks for the page without its frame.
fn is_fragment(request: &HttpRequest) -> bool {
    request.headers().contains_key(FRAGMENT)
}

fn see(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, to)).finish()
}

fn refused(request: &HttpRequest, e: &ApiError) -> HttpResponse {
    let Some((viewer, _)) = viewer(request) else { return e.respond(None) };
    let title = match e.status_code() {
        StatusCode::NOT_FOUND => viewer.t("fail-not-found"),
        StatusCode::FORBIDDEN => viewer.t("fail-forbidden"),
        _ => viewer.t("fail-title"),
    };
    let main = html! {
        h1 { (title) }
        (super::parts::refusal(&viewer, Some(e)))
        p { a.button href="/" { (viewer.t("fail-back")) } }
    };
    finish(request, e.status_code(), &title, &main)
}

/// Who looks, as far as that is known.
fn viewer(request: &HttpRequest) -> Option<(Viewer, Data<App>)> {
    let app = app(request).ok()?;
    let seen = Shown { bearer: None, changes: false, ..shown(request) };
    let known = app.gate.admit(&app.store, &seen, app.clock.now()).ok();
    let known = known.and_then(|p| Viewer::of(&app, request, p).ok());
    Some((known.unwrap_or_else(|| Viewer::nobody(&app, request)), app))
}

/// A page in its frame, or without it.
#[must_use]
pub fn finish(request: &HttpRequest, status: StatusCode, title: &str, main: &Markup) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response.content_type("text/html; charset=utf-8").insert_header((VARY, FRAGMENT));
    let Some((viewer, _)) = viewer(request) else { return response.finish() };
    let text = if is_fragment(request) {
        html! { title { (title) } (main) }
    } else {
        layout::page(&viewer, title, main)
    };
    response.body(text.into_string())
}
