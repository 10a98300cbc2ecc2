//! Somebody at a browser without scripts: keeps a cookie, fills in forms, reads pages strictly.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use tokio::runtime::Runtime;

use super::Depot;

/// What came back.
#[derive(Debug)]
pub struct Came {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Came {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// Where it leads.
    pub fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{self:?}");
        self.header("location")
    }

    pub fn page(&self) -> Page {
        Page::read(&self.text)
    }
}

/// Somebody.
pub struct Person {
    base: String,
    http: Client,
    runtime: Runtime,
    cookie: RefCell<String>,
    csrf: RefCell<String>,
}

impl Person {
    pub fn nobody(depot: &Depot) -> Self {
        let http = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let base = format!("http://{}", depot.running().address);
        Self { base, http, runtime, cookie: RefCell::default(), csrf: RefCell::default() }
    }

    /// Somebody who has logged in by the form.
    pub fn logged_in(depot: &Depot, login: &str, password: &str) -> Self {
        let person = Self::nobody(depot);
        let came = person.post("/login", &[("login", login), ("password", password), ("next", "/")]);
        assert_eq!(came.status, 303, "{login}: {came:?}");
        let home = person.get("/");
        let page = person.get(home.location());
        let csrf = page.page().attribute("meta", "name", "csrf", "content");
        *person.csrf.borrow_mut() = csrf.unwrap_or_else(|| panic!("{login} has no page: {page:?}"));
        person
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let cookie = self.cookie.borrow();
        if cookie.is_empty() { request } else { request.header("cookie", cookie.as_str()) }
    }

    pub fn send(&self, request: RequestBuilder) -> Came {
        let came = self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            let text = String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned();
            Came { status, headers, text }
        });
        if let Some(set) = came.headers.get("set-cookie").and_then(|v| v.to_str().ok()) {
            *self.cookie.borrow_mut() = set.split(';').next().unwrap_or_default().to_owned();
        }
        came
    }

    pub fn get(&self, path: &str) -> Came {
        self.send(self.request(Method::GET, path))
    }

    /// Bytes that `path` is over the line, packed as for a browser.
    pub fn weight(&self, path: &str) -> usize {
        let request = self.request(Method::GET, path).header("accept-encoding", "gzip, br, zstd");
        self.runtime.block_on(async { request.send().await.unwrap().bytes().await.unwrap().len() })
    }

    /// Sends a form, with the mark that it is ours.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Came {
        let csrf = self.csrf.borrow().clone();
        let all: Vec<(&str, &str)> =
            [("csrf", csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.post_without(path, &all)
    }

    /// Sends just these fields.
    pub fn post_without(&self, path: &str, fields: &[(&str, &str)]) -> Came {
        let body = serde_urlencoded::to_string(fields).unwrap();
        let form =
            self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        self.send(form.body(body))
    }

    /// Sends a form that is taken, and goes where it leads.
    pub fn does(&self, path: &str, fields: &[(&str, &str)]) -> Came {
        let came = self.post(path, fields);
        let at = came.location().to_owned();
        let next = self.get(&at);
        assert_eq!(next.status, 200, "{path} leads to {at}: {next:?}");
        next
    }

    /// Hands in a file by the form for it.
    pub fn upload(&self, path: &str, fields: &[(&str, &str)], file: &str) -> Came {
        const MARK: &str = "----a-line-between";
        let csrf = self.csrf.borrow().clone();
        let mut body = String::new();
        for (name, value) in [("csrf", csrf.as_str())].iter().chain(fields) {
            body +=
                &format!("--{MARK}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body += &format!(
            "--{MARK}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"list.csv\"\r\ncontent-type: text/csv\r\n\r\n{file}\r\n--{MARK}--\r\n"
        );
        let form = self.request(Method::POST, path);
        self.send(form.header("content-type", format!("multipart/form-data; boundary={MARK}")).body(body))
    }

    pub fn cookie(&self) -> String {
        self.cookie.borrow().clone()
    }

    pub fn base(&self) -> &str {
        &self.base
    }
}

/// A page, as a strict reader sees it.
pub struct Page {
    pub errors: Vec<String>,
    root: Handle,
}

impl Page {
    pub fn read(text: &str) -> Self {
        let dom = parse_document(RcDom::default(), ParseOpts::default()).one(text);
        let errors = dom.errors.borrow().iter().map(|e| e.to_string()).collect();
        Self { errors, root: dom.document }
    }

    fn walk(node: &Handle, f: &mut dyn FnMut(&Handle)) {
        f(node);
        for child in node.children.borrow().iter() {
            Self::walk(child, f);
        }
    }

    /// Every element: its name and attributes.
    pub fn elements(&self) -> Vec<(String, Vec<(String, String)>)> {
        let mut all = Vec::new();
        Self::walk(&self.root, &mut |node| {
            if let NodeData::Element { name, attrs, .. } = &node.data {
                let attrs = attrs.borrow();
                let attrs = attrs.iter().map(|a| (a.name.local.to_string(), a.value.to_string()));
                all.push((name.local.to_string(), attrs.collect()));
            }
        });
        all
    }

    /// Everything that is written on it.
    pub fn text(&self) -> String {
        let mut all = String::new();
        Self::walk(&self.root, &mut |node| {
            if let NodeData::Text { contents } = &node.data {
                all += &contents.borrow();
            }
        });
        all
    }

    /// An attribute of the element that has another one so.
    pub fn attribute(&self, element: &str, has: &str, so: &str, wanted: &str) -> Option<String> {
        let is = |attrs: &[(String, String)]| attrs.iter().any(|(n, v)| n == has && v == so);
        let found = self.elements().into_iter().find(|(name, attrs)| name == element && is(attrs))?;
        found.1.into_iter().find(|(n, _)| n == wanted).map(|(_, v)| v)
    }

    /// Every value of an attribute.
    pub fn all(&self, element: &str, wanted: &str) -> Vec<String> {
        let of = |(name, attrs): (String, Vec<(String, String)>)| {
            if name == element { attrs.into_iter().find(|(n, _)| n == wanted).map(|(_, v)| v) } else { None }
        };
        self.elements().into_iter().filter_map(of).collect()
    }

    /// What is wrong with it as a page of ours.
    pub fn faults(&self, text: &str) -> Vec<String> {
        let mut faults: Vec<String> = self.errors.iter().map(|e| format!("parse: {e}")).collect();
        if text.len() > 100_000 {
            faults.push(format!("{} bytes", text.len()));
        }
        let mut ids = BTreeSet::new();
        let elements = self.elements();
        let named: BTreeSet<String> = self.all("label", "for").into_iter().collect();
        for (name, attrs) in &elements {
            for (attribute, value) in attrs {
                match attribute.as_str() {
                    "id" if !ids.insert(value.clone()) => faults.push(format!("id {value} stands twice")),
                    "style" => faults.push(format!("{name} has a style")),
                    "src" | "href" | "action" | "formaction"
                        if !["/", "#", "tel:", "geo:"].iter().any(|ours| value.starts_with(ours))
                            || value.starts_with("//") =>
                    {
                        faults.push(format!("{name} leads elsewhere: {value}"));
                    }
                    other if other.starts_with("on") => faults.push(format!("{name} has {other}")),
                    _ => {}
                }
            }
            let has = |wanted: &str| attrs.iter().any(|(n, _)| n == wanted);
            let get = |wanted: &str| attrs.iter().find(|(n, _)| n == wanted).map(|(_, v)| v.as_str());
            if name == "img" && !has("alt") {
                faults.push("a picture without words".into());
            }
            if name == "script" && get("src").is_none() {
                faults.push("a script in the page".into());
            }
            let asks = matches!(name.as_str(), "select" | "textarea" | "input")
                && !matches!(get("type"), Some("hidden" | "checkbox"));
            if asks && !has("aria-label") && !get("id").is_some_and(|id| named.contains(id)) {
                faults.push(format!("{name} {attrs:?} has no label"));
            }
        }
        for id in &named {
            if !ids.contains(id) {
                faults.push(format!("a label for {id}, which is not there"));
            }
        }
        for (_, attrs) in &elements {
            for (_, value) in attrs.iter().filter(|(n, _)| n == "aria-labelledby" || n == "aria-describedby")
            {
                if !ids.contains(value) {
                    faults.push(format!("{value} is to say what something is, and is not there"));
                }
            }
        }
        if elements.iter().filter(|(n, _)| n == "h1").count() != 1 {
            faults.push("not one first heading".into());
        }
        if self.all("html", "lang").is_empty() {
            faults.push("no language".into());
        }
        faults
    }
}
