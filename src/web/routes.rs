//! The one table of routes. A route is declared once, with what it needs, takes and gives; from that it is served,
//! documented and tried by the permission test, so none of the three can be forgotten.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, HttpRequest, Responder, Route as ActixRoute, web};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::identity::features::Feature;

/// The base of every area's routes.
pub const BASE: &str = "/api/v1";

/// The path a request was matched by, as it stands in the table: what metrics and logs name a route by.
#[derive(Clone, Debug)]
pub struct Pattern(pub Arc<str>);

type Named = (String, RefOr<Schema>);

/// A body's or answer's shape: its schema and, for a body, an example that works.
#[derive(Clone, Copy)]
pub struct Shape {
    /// The schema, or a reference to it.
    pub schema: fn() -> RefOr<Schema>,
    /// The name to refer to it by, and it with everything it refers to.
    pub name: fn() -> String,
    /// The schemas it refers to.
    pub others: fn(&mut Vec<Named>),
    /// An example as JSON text.
    pub example: Option<&'static str>,
}

fn shape<T: ToSchema>(example: Option<&'static str>) -> Shape {
    Shape { schema: T::schema, name: || T::name().into_owned(), others: T::schemas, example }
}

/// One route.
#[derive(Clone)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path below the base, with `{name}` for what varies.
    pub path: &'static str,
    /// The feature it needs; empty for none.
    pub feature: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// Its query parameters with their meaning.
    pub query: &'static [(&'static str, &'static str)],
    /// Its body.
    pub body: Option<Shape>,
    /// A body that is not JSON: its media types, with a comma and a space between them, and what it is.
    pub raw_body: Option<(&'static str, &'static str)>,
    /// What it answers when all is well.
    pub answer: Option<Shape>,
    /// The status then.
    pub status: u16,
    make: Arc<dyn Fn() -> ActixRoute + Send + Sync>,
}

/// Routes of one area, in the order they are documented.
#[derive(Clone)]
pub struct Routes {
    /// The area's name, the tag in the document.
    pub area: &'static str,
    /// The routes.
    pub routes: Vec<Route>,
    /// Another base under which the same routes are served, for those who come from elsewhere.
    pub also: Option<&'static str>,
}

impl Routes {
    /// An area's routes.
    #[must_use]
    pub fn new(area: &'static str) -> Self {
        Self { area, routes: Vec::new(), also: None }
    }

    /// Serves these routes under `base` too.
    #[must_use]
    pub fn also(mut self, base: &'static str) -> Self {
        self.also = Some(base);
        self
    }

    /// Adds a route that needs `F`.
    #[must_use]
    pub fn add<F: Feature, H, Args>(
        self,
        method: Method,
        path: &'static str,
        handler: H,
        summary: &'static str,
    ) -> Self
    where
        H: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        self.push(method, path, F::NAME, handler, summary)
    }

    /// Adds a route that anybody may call.
    #[must_use]
    pub fn open<H, Args>(self, method: Method, path: &'static str, handler: H, summary: &'static str) -> Self
    where
        H: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        self.push(method, path, "", handler, summary)
    }

    fn push<H, Args>(
        mut self,
        method: Method,
        path: &'static str,
        feature: &'static str,
        handler: H,
        summary: &'static str,
    ) -> Self
    where
        H: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        let m = method.clone();
        let make = Arc::new(move || web::method(m.clone()).to(handler.clone()));
        let (query, body, raw_body, answer, status) = (&[][..], None, None, None, 200);
        self.routes.push(Route {
            method,
            path,
            feature,
            summary,
            query,
            body,
            raw_body,
            answer,
            status,
            make,
        });
        self
    }

    fn last(mut self, f: impl FnOnce(&mut Route)) -> Self {
        if let Some(route) = self.routes.last_mut() {
            f(route);
        }
        self
    }

    /// The last route takes these query parameters.
    #[must_use]
    pub fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.last(|r| r.query = query)
    }

    /// The last route takes a `T`; `example` is one that works.
    #[must_use]
    pub fn body<T: ToSchema>(self, example: &'static str) -> Self {
        self.last(|r| r.body = Some(shape::<T>(Some(example))))
    }

    /// The last route takes a body of another media type.
    #[must_use]
    pub fn raw_body(self, media: &'static str, what: &'static str) -> Self {
        self.last(|r| r.raw_body = Some((media, what)))
    }

    /// The last route answers a `T`.
    #[must_use]
    pub fn answers<T: ToSchema>(self, status: u16) -> Self {
        self.last(|r| (r.answer, r.status) = (Some(shape::<T>(None)), status))
    }

    /// The last route answers `status` and no JSON.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        self.last(|r| r.status = status)
    }

    /// The routes of two areas.
    #[must_use]
    pub fn and(areas: Vec<Self>) -> Vec<Self> {
        areas
    }
}

/// Serves `areas` under the base, and those that ask for it under another one too.
pub fn serve(areas: &[Routes], cfg: &mut web::ServiceConfig) {
    let mut others: Vec<&str> = areas.iter().filter_map(|a| a.also).collect();
    others.sort_unstable();
    others.dedup();
    for other in others {
        cfg.service(scope(other, areas.iter().filter(|a| a.also == Some(other))));
    }
    cfg.service(scope(BASE, areas.iter()));
}

/// The routes of `areas` under `base`: paths with a common first segment share a scope, so that a request is matched
/// against its own area only. A slash at the end makes no difference.
fn scope<'a>(base: &str, areas: impl Iterator<Item = &'a Routes>) -> actix_web::Scope {
    let mut scopes: Vec<(&str, Vec<(&str, Vec<&Route>)>)> = Vec::new();
    for route in areas.flat_map(|a| &a.routes) {
        let end = route.path[1..].find('/').map_or(route.path.len(), |at| at + 1);
        let (first, rest) = route.path.split_at(end);
        if !scopes.iter().any(|(s, _)| *s == first) {
            scopes.push((first, Vec::new()));
        }
        let Some((_, paths)) = scopes.iter_mut().find(|(s, _)| *s == first) else { continue };
        match paths.iter_mut().find(|(p, _)| *p == rest) {
            Some((_, routes)) => routes.push(route),
            None => paths.push((rest, vec![route])),
        }
    }
    let mut all = web::scope(base);
    for (first, mut paths) in scopes {
        // `/parcels/overdue` is tried before `/parcels/{id}`.
        paths.sort_by_key(|(p, _)| p.contains('{'));
        let mut scope = web::scope(first);
        for (path, routes) in paths {
            let allowed: Vec<&str> = routes.iter().map(|r| r.method.as_str()).collect();
            let allowed = allowed.join(", ");
            let pattern = Pattern(format!("{base}{first}{path}").into());
            let mut resource = web::resource([path.to_owned(), format!("{path}/")]).app_data(pattern);
            for route in routes {
                resource = resource.route((route.make)());
            }
            scope = scope.service(resource.default_service(web::to(move |req: HttpRequest| {
                std::future::ready(super::error::wrong_method(&req, &allowed))
            })));
        }
        all = all.service(scope);
    }
    all
}
