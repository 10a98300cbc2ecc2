//! The one table of screens: each says where it is, what it needs and where it stands in the navigation. From it they
//! are served, shown to those who may, and tried by the tests.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, Route as ActixRoute};

use super::form::Form;
use super::icons::Icon;
use super::viewer::Viewer;
use super::visit::{Pass, Reply, Visit, show, take};

/// A stretch of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What is done all day.
    Work,
    /// What keeps the house in order.
    House,
}

/// One route of a screen.
#[derive(Clone)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with `{name}` for what varies.
    pub path: &'static str,
    /// The feature it needs; empty for none but having logged in.
    pub feature: &'static str,
    make: Arc<dyn Fn() -> ActixRoute + Send + Sync>,
}

/// Its place in the navigation.
#[derive(Clone, Copy)]
pub struct Nav {
    /// In which stretch.
    pub group: Group,
    /// Under which picture.
    pub icon: Icon,
    /// The key of its name.
    pub label: &'static str,
    /// Who finds it there, beside having its right.
    pub when: fn(&Viewer) -> bool,
}

/// A screen.
#[derive(Clone, Default)]
pub struct Screen {
    /// Its place in the navigation; none for one that is reached otherwise.
    pub nav: Option<Nav>,
    /// Its routes; the first is the one the navigation leads to.
    pub routes: Vec<Route>,
}

impl Screen {
    /// A screen without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// It stands in the navigation.
    #[must_use]
    pub fn nav(self, group: Group, icon: Icon, label: &'static str) -> Self {
        Self { nav: Some(Nav { group, icon, label, when: |_| true }), ..self }
    }

    /// It stands there for some only.
    #[must_use]
    pub fn when(mut self, when: fn(&Viewer) -> bool) -> Self {
        if let Some(nav) = &mut self.nav {
            nav.when = when;
        }
        self
    }

    /// A page.
    #[must_use]
    pub fn get<P: Pass, Fut: Future<Output = Reply> + 'static>(
        mut self,
        path: &'static str,
        handler: impl Fn(Visit<P>) -> Fut + Clone + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(move || {
            let handler = handler.clone();
            web::get().to(move |req: HttpRequest| {
                let handler = handler.clone();
                async move { show::<P, Fut>(req, handler).await }
            })
        });
        self.routes.push(Route { method: Method::GET, path, feature: P::FEATURE, make });
        self
    }

    /// What a form is sent to.
    #[must_use]
    pub fn post<P: Pass, Fut: Future<Output = Reply> + 'static>(
        mut self,
        path: &'static str,
        handler: impl Fn(Visit<P>, Form) -> Fut + Clone + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(move || {
            let handler = handler.clone();
            web::post().to(move |req: HttpRequest, body: Payload| {
                let handler = handler.clone();
                async move { take::<P, Fut>(req, body, handler).await }
            })
        });
        self.routes.push(Route { method: Method::POST, path, feature: P::FEATURE, make });
        self
    }

    /// What is sent in another form than a plain one; it lets in by itself.
    #[must_use]
    pub fn raw<P: Pass, Fut: Future<Output = actix_web::HttpResponse> + 'static>(
        mut self,
        method: Method,
        path: &'static str,
        handler: impl Fn(HttpRequest, Payload) -> Fut + Clone + Send + Sync + 'static,
    ) -> Self {
        let m = method.clone();
        let make = Arc::new(move || {
            let handler = handler.clone();
            web::method(m.clone()).to(handler)
        });
        self.routes.push(Route { method, path, feature: P::FEATURE, make });
        self
    }

    /// Serves them: paths without something that varies are tried first.
    pub fn serve(screens: &[Self], cfg: &mut web::ServiceConfig) {
        let mut paths: Vec<(&str, Vec<&Route>)> = Vec::new();
        for route in screens.iter().flat_map(|s| &s.routes) {
            match paths.iter_mut().find(|(p, _)| *p == route.path) {
                Some((_, routes)) => routes.push(route),
                None => paths.push((route.path, vec![route])),
            }
        }
        paths.sort_by_key(|(p, _)| p.contains('{'));
        for (path, routes) in paths {
            let pattern = crate::web::routes::Pattern(path.into());
            let mut resource = web::resource(path).app_data(pattern);
            for route in routes {
                resource = resource.route((route.make)());
            }
            cfg.service(resource);
        }
    }
}
