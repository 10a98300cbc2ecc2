//! The first five minutes of a depot, through the door.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::web::Data;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};

use crate::base::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::identity::gate::Gate;
use crate::identity::secret::Keys;
use crate::identity::setup::setup_link;
use crate::jobs::runner::Wake;
use crate::parcels::cards::Cards;
use crate::routes::desk::Desk;
use crate::store::{Store, redb::Redb};
use crate::sync::node::Node;
use crate::travel::sources::Sources;
use crate::web::{App, Routes, routes::serve};

/// What a request shows, beside its body.
#[derive(Clone, Default)]
struct With<'a> {
    bearer: Option<&'a str>,
    headers: Vec<(&'static str, String)>,
}

impl<'a> With<'a> {
    fn bearer(token: &'a str) -> Self {
        Self { bearer: Some(token), headers: Vec::new() }
    }
    fn and(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

fn areas() -> Vec<Routes> {
    vec![
        super::routes(),
        crate::identity::api::routes(),
        crate::identity::keys::api::routes(),
        crate::identity::auth::api::routes(),
        crate::settings::api::routes(),
    ]
}

fn depot(keys: &tempfile::TempDir) -> App {
    let folder = keys.path().to_owned();
    let keys = Arc::new(Keys::open(keys.path()).unwrap());
    let (config, store) = (Arc::new(Config::default()), Store::new(Redb::memory().unwrap()));
    let clock = Clock::hand(Timestamp::from_millis(1_800_000_000_000));
    let sync = Node::open(Arc::clone(&config), &folder, &store, &clock, &Wake::default(), &[]).unwrap();
    let travel = Arc::new(Sources::new(&config.maps, &folder));
    let desk = Arc::new(Desk::new(&config.routing));
    App {
        tracker: crate::tracking::tracker::Tracker::default(),
        predictors: crate::eta::service::Predictors::default(),
        store,
        clock,
        config,
        gate: Arc::new(Gate::new(keys).unwrap()),
        folder: Arc::new(PathBuf::new()),
        wake: Wake::default(),
        sightings: Default::default(),
        cards: Cards::new(0),
        pulses: Default::default(),
        travel,
        desk,
        errors: Default::default(),
        sync: Arc::new(sync),
        tables: Vec::new,
        retained: Vec::new,
    }
}

/// The routes of `app`, as a function.
type Door = Box<dyn Fn(TestRequest) -> LocalBoxFuture<'static, ServiceResponse>>;

async fn open(app: &App) -> Door {
    let served = actix_web::App::new().app_data(Data::new(app.clone())).configure(|cfg| serve(&areas(), cfg));
    let served = Rc::new(init_service(served).await);
    Box::new(move |req| {
        let served = Rc::clone(&served);
        Box::pin(async move { served.call(req.to_request()).await.unwrap() })
    })
}

async fn send(
    door: &Door,
    method: &str,
    path: &str,
    with: With<'_>,
    body: Option<Value>,
) -> (u16, ServiceResponse) {
    let mut req =
        TestRequest::default().method(method.parse::<Method>().unwrap()).uri(&format!("/api/v1{path}"));
    if let Some(bearer) = with.bearer {
        req = req.insert_header(("authorization", format!("Bearer {bearer}")));
    }
    for header in with.headers {
        req = req.insert_header(header);
    }
    if let Some(body) = body {
        req = req.set_json(body);
    }
    let response = door(req).await;
    (response.status().as_u16(), response)
}

async fn json_of(response: ServiceResponse) -> Value {
    serde_json::from_slice(&read_body(response).await).unwrap()
}

async fn logged_in(app: &App, door: &Door) -> String {
    let store = app.store.clone();
    let now = app.clock.now();
    let link = actix_web::web::block(move || setup_link(&store, now).unwrap()).await.unwrap();
    let new = json!({"token": link.reveal(), "tenant": "north", "depot": "North", "zone": "Europe/Berlin", "login": "admin", "password": "correct horse battery"});
    let (status, answer) = send(door, "POST", "/setup", With::default(), Some(new.clone())).await;
    assert_eq!((status, json_of(answer).await["tenant"]["number"].as_u64()), (201, Some(1)));
    assert_eq!(send(door, "POST", "/setup", With::default(), Some(new)).await.0, 401);
    let (status, answer) = send(
        door,
        "POST",
        "/auth/login",
        With::default(),
        Some(json!({"login": "admin@north", "password": "correct horse battery"})),
    )
    .await;
    assert_eq!(status, 200);
    let answer = json_of(answer).await;
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(900)));
    answer["access_token"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_user_is_added_changed_at_its_revision_and_thrown_out() {
    let keys = tempfile::tempdir().unwrap();
    let app = depot(&keys);
    let door = open(&app).await;
    let token = logged_in(&app, &door).await;
    let ana = json!({"login": "Ana", "name": "Ana", "role": "clerk", "password": "purple monkey dish", "pin": "2580", "badge": "B-0042"});
    assert_eq!(send(&door, "POST", "/users", With::default(), Some(ana.clone())).await.0, 401);
    let (status, answer) = send(&door, "POST", "/users", With::bearer(&token), Some(ana.clone())).await;
    assert_eq!((status, answer.headers().get("etag").unwrap().to_str().unwrap()), (201, "\"1\""));
    let made = json_of(answer).await;
    assert_eq!((&made["login"], &made["number"]), (&json!("ana"), &json!(2)));
    assert_eq!(send(&door, "POST", "/users", With::bearer(&token), Some(ana)).await.0, 409);
    let path = format!("/users/{}", made["id"].as_str().unwrap());

    let role = format!("{path}/role");
    let change = Some(json!({"role": "supervisor"}));
    assert_eq!(send(&door, "PATCH", &role, With::bearer(&token), change.clone()).await.0, 428);
    assert_eq!(
        send(&door, "PATCH", &role, With::bearer(&token).and("if-match", "\"9\""), change.clone()).await.0,
        412
    );
    assert_eq!(
        send(&door, "PATCH", &role, With::bearer(&token).and("if-match", "\"1\""), change).await.0,
        200
    );
    assert_eq!(
        send(&door, "PATCH", &role, With::bearer(&token), Some(json!({"role": "king", "version": 2})))
            .await
            .0,
        404
    );

    let login = Some(json!({"login": "ana", "password": "purple monkey dish"}));
    let (_, answer) = send(&door, "POST", "/auth/login", With::default(), login.clone()).await;
    let hers = json_of(answer).await["access_token"].as_str().unwrap().to_owned();
    assert_eq!(send(&door, "GET", "/auth/profile", With::bearer(&hers), None).await.0, 200);
    assert_eq!(send(&door, "GET", "/auth/sessions?user=all", With::bearer(&hers), None).await.0, 200);
    assert_eq!(send(&door, "GET", "/api-keys", With::bearer(&hers), None).await.0, 403);
    assert_eq!(send(&door, "DELETE", &format!("{path}/sessions"), With::bearer(&token), None).await.0, 204);
    assert_eq!(send(&door, "GET", "/auth/profile", With::bearer(&hers), None).await.0, 401);
    assert_eq!(
        send(&door, "DELETE", &path, With::bearer(&token).and("if-match", "\"2\""), None).await.0,
        204
    );
    assert_eq!(send(&door, "POST", "/auth/login", With::default(), login).await.0, 401);
    assert_eq!(send(&door, "POST", "/auth/logout", With::bearer(&token), None).await.0, 204);
    assert_eq!(send(&door, "GET", "/users", With::bearer(&token), None).await.0, 401);
}

#[actix_web::test]
async fn an_api_key_is_shown_once_even_to_who_asks_again() {
    let keys = tempfile::tempdir().unwrap();
    let app = depot(&keys);
    let door = open(&app).await;
    let token = logged_in(&app, &door).await;
    let with = With::bearer(&token).and("idempotency-key", "k1");
    let new = Some(json!({"name": "shop", "features": ["users.view"]}));
    let (status, answer) = send(&door, "POST", "/api-keys", with.clone(), new.clone()).await;
    assert_eq!(status, 201);
    let shown = json_of(answer).await;
    let key = shown["key"].as_str().unwrap();
    assert_eq!(send(&door, "GET", "/roles", With::bearer(key), None).await.0, 200);
    let (_, again) = send(&door, "POST", "/api-keys", with, new).await;
    let again = json_of(again).await;
    assert!(again["key"].is_null() && again["id"] == shown["id"]);
    let id = shown["id"].as_str().unwrap();
    assert_eq!(send(&door, "DELETE", &format!("/api-keys/{id}"), With::bearer(&token), None).await.0, 204);
    assert_eq!(send(&door, "GET", "/roles", With::bearer(key), None).await.0, 401);
}

#[actix_web::test]
async fn a_page_logs_in_with_a_cookie_and_every_change_shows_its_token() {
    let keys = tempfile::tempdir().unwrap();
    let app = depot(&keys);
    let door = open(&app).await;
    logged_in(&app, &door).await;
    let body = Some(json!({"login": "admin", "password": "correct horse battery", "session": true}));
    let other = With::default().and("sec-fetch-site", "cross-site");
    assert_eq!(send(&door, "POST", "/auth/login", other, body.clone()).await.0, 403);
    let (_, answer) = send(&door, "POST", "/auth/login", With::default(), body).await;
    let cookie = answer.headers().get("set-cookie").unwrap().to_str().unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let answer = json_of(answer).await;
    assert!(answer["access_token"].is_null() && answer["refresh_token"].is_null());
    let with = With::default().and("cookie", cookie.split(';').next().unwrap());
    let (_, profile) = send(&door, "GET", "/auth/profile", with.clone(), None).await;
    assert_eq!(json_of(profile).await["csrf_token"], answer["csrf_token"]);
    let role = Some(json!({"name": "night_shift", "features": ["parcels.view"], "reach": "tenant"}));
    assert_eq!(send(&door, "POST", "/roles", with.clone(), role.clone()).await.0, 403);
    let with = with.and("x-csrf-token", answer["csrf_token"].as_str().unwrap());
    assert_eq!(send(&door, "POST", "/roles", with.clone(), role).await.0, 201);
    let unknown = Some(json!({"name": "x1", "features": ["drones.fly"], "reach": "tenant"}));
    assert_eq!(send(&door, "POST", "/roles", with, unknown).await.0, 422);
}

#[actix_web::test]
async fn settings_are_set_at_their_revision_and_rules_show_them() {
    let keys = tempfile::tempdir().unwrap();
    let app = depot(&keys);
    let door = open(&app).await;
    let token = logged_in(&app, &door).await;
    let with = || With::bearer(&token);
    let example = |path: &str| {
        let routes = areas();
        let route = routes
            .iter()
            .flat_map(|a| &a.routes)
            .find(|r| r.path == path && r.method == Method::PUT)
            .unwrap();
        serde_json::from_str::<Value>(route.body.unwrap().example.unwrap()).unwrap()
    };
    for path in ["/rules", "/calendars", "/settings"] {
        let (_, answer) = send(&door, "GET", path, with(), None).await;
        let tag = answer.headers().get("etag").unwrap().to_str().unwrap().to_owned();
        let body = Some(example(path));
        assert_eq!(send(&door, "PUT", path, with(), body.clone()).await.0, 428, "{path}");
        assert_eq!(
            send(&door, "PUT", path, with().and("if-match", &tag), body.clone()).await.0,
            200,
            "{path}"
        );
        assert_eq!(send(&door, "PUT", path, with().and("if-match", &tag), body).await.0, 412, "{path}");
    }
    let (_, answer) = send(&door, "GET", "/settings", with(), None).await;
    let tag = answer.headers().get("etag").unwrap().to_str().unwrap().to_owned();
    let mut settings = json_of(answer).await;
    settings["zone"] = "Mars/Olympus".into();
    let (status, answer) =
        send(&door, "PUT", "/settings", with().and("if-match", &tag), Some(settings.clone())).await;
    assert_eq!((status, &json_of(answer).await["errors"][0]["pointer"]), (422, &json!("/zone")));
    (settings["zone"], settings["currency"]) = ("Asia/Dhaka".into(), "BDT".into());
    assert_eq!(send(&door, "PUT", "/settings", with().and("if-match", &tag), Some(settings)).await.0, 200);
    let (_, rules) = send(&door, "GET", "/rules", with(), None).await;
    let rules = json_of(rules).await;
    assert_eq!((&rules["currency"], &rules["opening"]["zone"]), (&json!("BDT"), &json!("Asia/Dhaka")));
}

#[test]
fn every_example_is_json_and_every_route_is_documented() {
    let document = crate::web::openapi::document(&areas());
    for route in areas().iter().flat_map(|a| &a.routes) {
        if let Some(example) = route.body.and_then(|b| b.example) {
            assert!(serde_json::from_str::<Value>(example).is_ok(), "{}", route.path);
        }
        let op = &document["paths"][format!("/api/v1{}", route.path)][route.method.as_str().to_lowercase()];
        assert!(op.is_object(), "{} {}", route.method, route.path);
    }
    assert!(document["components"]["schemas"]["User"].is_object());
}
