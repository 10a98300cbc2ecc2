//! What every request meets, whichever area answers it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::Method as Verb;
use crossdock::app;
use crossdock::config::choices::TlsMode;
use crossdock::web::control::{self, Control};
use crossdock::web::{Body, Routes};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::page::Page;

#[derive(Deserialize, utoipa::ToSchema)]
struct Parcel {
    weight: u32,
}

async fn weigh(Body(parcel): Body<Parcel>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "weight": parcel.weight }))
}

async fn much() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "text": "parcel ".repeat(1000) }))
}

async fn numbered(number: actix_web::web::Path<u32>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "number": *number }))
}

fn tried() -> Vec<Routes> {
    let routes = Routes::new("tried")
        .open(Verb::POST, "/tried/weigh", weigh, "weighs")
        .body::<Parcel>(r#"{"weight":1}"#)
        .open(Verb::GET, "/tried/much", much, "says much")
        .open(Verb::GET, "/tried/{number}", numbered, "says a number");
    vec![routes]
}

fn depot() -> Depot {
    Depot::with(|c| c.limits.body_max_bytes = 1024, tried())
}

#[test]
fn every_refusal_is_a_problem_document_with_the_requests_id() {
    let depot = depot();
    let post = |body: &str, media: &str| {
        depot.send(
            depot
                .request(Method::POST, "/api/v1/tried/weigh")
                .header("content-type", media)
                .body(body.to_owned()),
        )
    };
    let refused = [
        (depot.get("/nothing/here"), 404, "request.path"),
        (depot.get("/api/v1/nothing"), 404, "request.path"),
        (depot.get("/api/v1/tried/1/2"), 404, "request.path"),
        (depot.get("/api/v1/tried/one"), 404, "request.path"),
        // A slash at the end makes no difference.
        (depot.get("/api/v1/tried/weigh/"), 405, "request.method"),
        (depot.send(depot.request(Method::DELETE, "/api/v1/tried/weigh")), 405, "request.method"),
        (depot.get("/api/v1/health/detailed"), 401, "auth.needed"),
        (post("{", "application/json"), 400, "request.json"),
        (post(&"[".repeat(40), "application/json"), 400, "request.nesting"),
        (post(&" ".repeat(1025), "application/json"), 413, "request.too_large"),
        (post("weight=1", "application/x-www-form-urlencoded"), 415, "request.media_type"),
        (post("{\"weight\":\"heavy\"}", "application/json"), 422, "request.invalid"),
    ];
    for (answer, status, code) in &refused {
        assert_eq!(answer.problem(), (*status, *code), "{answer:?}");
        assert_eq!(answer.json["status"], *status);
        assert!(answer.json["title"].is_string() && answer.json["detail"].is_string(), "{answer:?}");
        assert_eq!(answer.json["request_id"], answer.header("x-request-id"));
        assert!(!answer.header("x-request-id").is_empty());
    }
    assert_eq!(refused[5].0.header("allow"), "POST");
    assert_eq!(refused[11].0.json["errors"][0]["pointer"], "/weight");
    assert_eq!(depot.post("/api/v1/tried/weigh", &json!({ "weight": 7 })).json["weight"], 7);
}

#[test]
fn a_sane_request_id_is_echoed_and_any_other_replaced() {
    let depot = depot();
    let sent = |id: &str| depot.send(depot.request(Method::GET, "/nothing").header("x-request-id", id));
    let answer = sent("scan-17");
    assert_eq!(
        (answer.header("x-request-id"), &answer.json["request_id"]),
        ("scan-17", &Value::from("scan-17"))
    );
    assert_ne!(sent("no spaces, please").header("x-request-id"), "no spaces, please");
    assert_ne!(depot.get("/healthz").header("x-request-id"), depot.get("/healthz").header("x-request-id"));
}

#[test]
fn every_answer_has_the_headers_that_keep_browsers_safe() {
    let depot = depot();
    for path in ["/", "/healthz", "/api/v1/health", "/nothing", "/api/v1/openapi.json"] {
        let answer = depot.get(path);
        assert!(answer.header("content-security-policy").contains("default-src 'self'"), "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!answer.header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(!answer.header("referrer-policy").is_empty(), "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "plain HTTP promises no TLS");
    }
}

#[test]
fn other_sites_pages_may_call_only_when_they_are_named() {
    let ask = |depot: &Depot, origin: &str| {
        let ask = depot.request(Method::OPTIONS, "/api/v1/health").header("origin", origin);
        depot.send(ask.header("access-control-request-method", "GET"))
    };
    let closed = Depot::new();
    assert_eq!(ask(&closed, "https://desk.example").header("access-control-allow-origin"), "");
    let open = Depot::with(|c| c.server.cors_origins = vec!["https://desk.example".into()], Vec::new());
    let asked = ask(&open, "https://desk.example");
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (200, "https://desk.example"));
    let refused = ask(&open, "https://evil.example");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (400, ""));
}

#[test]
fn large_answers_are_compressed_and_small_ones_are_not() {
    let depot = depot();
    let ask = |path: &str, coding: &str| depot.request(Method::GET, path).header("accept-encoding", coding);
    let small = depot.send(ask("/healthz", "gzip"));
    assert_eq!((small.header("content-encoding"), small.text.as_str()), ("", "ok\n"));
    assert!(depot.get("/api/v1/tried/much").text.len() > 7000);
    for coding in ["gzip", "zstd"] {
        let mut stream = TcpStream::connect(depot.running().address).unwrap();
        write!(stream, "GET /api/v1/tried/much HTTP/1.1\r\nhost: d\r\naccept-encoding: {coding}\r\nconnection: close\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let head = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(head.contains(&format!("content-encoding: {coding}")) && bytes.len() < 2000, "{head}");
    }
}

#[test]
fn one_request_past_the_burst_waits_and_is_told_how_long() {
    let limits = |c: &mut crossdock::config::Config| (c.limits.user_per_s, c.limits.user_burst) = (1, 3);
    let depot = Depot::with(limits, Vec::new());
    let ask = |bearer: &str| depot.send(depot.request(Method::GET, "/healthz").bearer_auth(bearer));
    assert!((0..3).all(|_| ask("one").status == 200));
    let refused = ask("one");
    assert_eq!(refused.problem(), (429, "request.throttled"));
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert!(
        refused.header("ratelimit").starts_with("\"user\";r=0")
            && !refused.header("ratelimit-policy").is_empty()
    );
    assert_eq!(ask("another").status, 200);
}

#[test]
fn a_body_that_stands_still_is_given_up() {
    let depot = Depot::with(|c| c.limits.body_timeout_s = 1, tried());
    let mut stream = TcpStream::connect(depot.running().address).unwrap();
    let head = "POST /api/v1/tried/weigh HTTP/1.1\r\nhost: d\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 99";
    write!(stream, "{head}\r\n\r\n{{").unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    assert!(text.starts_with("HTTP/1.1 400") && text.contains("request.slow"), "{text}");
}

#[test]
fn under_tls_browsers_are_told_to_stay_with_it() {
    let depot = Depot::with(|c| c.server.tls.mode = TlsMode::Own, Vec::new());
    assert!(depot.running().url().starts_with("https://127.0.0.1:"));
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    let ca = depot.send(http.get(format!("{}/ca.pem", depot.running().url())));
    assert!(
        ca.status == 200 && ca.text.contains("BEGIN CERTIFICATE") && !ca.text.contains(" KEY--"),
        "{ca:?}"
    );
    let trusted = reqwest::Certificate::from_pem(ca.text.as_bytes()).unwrap();
    let trusting = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .no_proxy()
        .tls_certs_only([trusted])
        .build()
        .unwrap();
    assert_eq!(depot.send(trusting.get(format!("{}/healthz", depot.running().url()))).status, 200);
    let answer = depot.send(http.get(format!("{}/healthz", depot.running().url())));
    assert_eq!((answer.status, answer.header("strict-transport-security")), (200, "max-age=31536000"));
    assert_eq!(
        depot.send(depot.control(Method::GET, "/healthz")).status,
        200,
        "the control door stays plain"
    );
}

#[test]
fn an_address_that_is_taken_is_refused_and_leaves_the_folder_free() {
    let depot = Depot::new();
    let mut config = (*depot.running().app.config).clone();
    config.server.data_dir = depot.folder.path().join("second");
    config.server.listen = depot.running().address.to_string();
    for _ in 0..2 {
        let refused =
            app::start(app::open(config.clone(), depot.clock.clone()).unwrap(), Vec::new()).err().unwrap();
        assert!(refused.to_string().contains("choose another with --listen"), "{refused}");
    }
    let twice = app::open((*depot.running().app.config).clone(), depot.clock.clone()).err().unwrap();
    assert!(twice.to_string().contains("stop that one first"), "{twice}");
}

#[test]
fn the_control_door_opens_for_its_secret_alone_and_goes_with_the_server() {
    let mut depot = depot();
    let door = depot.running().control.clone();
    let data = depot.folder.path().join("data");
    let at = |path: &str| format!("http://{}{path}", door.address);
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().unwrap();
    for path in ["/healthz", "/api/v1/health", "/"] {
        assert_eq!(depot.send(http.get(at(path))).problem(), (401, "control.closed"));
        assert_eq!(depot.send(http.get(at(path)).bearer_auth("control:guess")).status, 401);
    }
    let detailed = depot.send(depot.control(Method::GET, "/api/v1/health/detailed"));
    assert_eq!((detailed.status, &detailed.json["store"]["writable"]), (200, &json!(true)));
    let elsewhere = depot.request(Method::GET, "/api/v1/health/detailed").bearer_auth(door.bearer(1));
    assert_eq!(depot.send(elsewhere).status, 401, "the secret opens no other door");
    assert_eq!(Control::read(&data).unwrap().unwrap().address, door.address);
    depot.stop();
    assert!(!data.join(control::FILE).exists());
}

#[test]
fn the_supervisor_and_the_monitor_learn_how_it_is() {
    let depot = depot();
    assert_eq!(
        (depot.get("/healthz").text.as_str(), depot.get("/readyz").text.as_str()),
        ("ok\n", "ready\n")
    );
    for path in ["/health", "/api/v1/health"] {
        let health = depot.get(path);
        assert_eq!(
            (&health.json["status"], &health.json["time"]),
            (&json!("ok"), &json!("2026-11-21T10:00:00Z"))
        );
    }
    depot.wait(Duration::from_secs(90));
    assert_eq!(depot.get("/health").json["time"], "2026-11-21T10:01:30Z");
    depot.get("/api/v1/tried/5");
    let figures = depot.get("/metrics").text;
    let line = "requests_total{route=\"/api/v1/tried/{number}\",method=\"GET\",status=\"2xx\"}";
    assert!(figures.contains(line) && figures.contains("request_seconds_bucket"), "{figures}");
    assert!(figures.contains("store_writable 1"), "{figures}");
    let relayed = depot.request(Method::GET, "/metrics").header("x-forwarded-for", "203.0.113.7");
    assert_eq!(depot.send(relayed).status, 401);
    depot.running().app.store.close();
    let unready = depot.get("/readyz");
    assert_eq!((unready.status, &unready.json["status"]), (503, &json!("not ready")));
    assert_eq!(
        (depot.get("/healthz").status, depot.get("/health").json["status"].as_str()),
        (200, Some("degraded"))
    );
}

#[test]
fn the_description_is_whole_and_every_body_has_an_example() {
    let depot = depot();
    let document = depot.get("/api/v1/openapi.json").json;
    assert_eq!(document["openapi"], "3.1.0");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
                "{method} {path}: its id is taken"
            );
            assert!(
                !operation["summary"].as_str().unwrap().is_empty()
                    && operation["responses"].as_object().unwrap().len() > 1,
                "{method} {path} says neither what it does nor what it answers"
            );
            let named: Vec<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|p| p["in"] == "path")
                .map(|p| p["name"].as_str().unwrap())
                .collect();
            let varies: Vec<&str> =
                path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
            assert_eq!(named, varies, "{method} {path}");
            let json = &operation["requestBody"]["content"]["application/json"];
            let raw = json["schema"]["format"] == "binary";
            assert!(
                json.is_null() || raw || !json["example"].is_null(),
                "{method} {path} has no example body"
            );
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is referred to and not described");
    }
}

#[test]
fn the_documentation_works_without_any_other_machine() {
    let depot = depot();
    let page = depot.get("/api/v1/docs/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html"));
    assert!(page.header("content-security-policy").starts_with("default-src 'self'"));
    let assets = page.text.split(['"', '\'']).filter(|s| s.ends_with(".js") || s.ends_with(".css"));
    let assets: Vec<&str> = assets.collect();
    assert!(!assets.is_empty());
    for asset in assets {
        assert!(!asset.contains("//"), "{asset} lies elsewhere");
        let path = format!("/api/v1/docs/{}", asset.trim_start_matches("./"));
        assert_eq!(depot.get(&path).status, 200, "{path}");
    }
    let start = depot.get("/api/v1/docs/swagger-initializer.js").text;
    assert!(start.contains("/api/v1/openapi.json") && !start.contains("http"), "{start}");
}

#[test]
fn a_fresh_depot_is_set_up_by_a_form_that_needs_no_script_and_takes_no_guess() {
    let depot = Depot::new();
    assert!(depot.get("/").text.contains("has not been set up"));
    let form = depot.get("/setup?token=%22%3E%3Cscript%3E").text;
    assert!(
        form.contains("<form method=\"post\" action=\"/setup\">")
            && form.contains("&quot;&gt;&lt;script&gt;"),
        "{form}"
    );
    let page = Page::read(&form);
    assert_eq!((page.all("script", "src").len(), page.faults(&form)), (1, Vec::<String>::new()));
    let fields = "token=guess&tenant=t&depot=D&zone=UTC&user=eve&password=correct-horse-battery";
    let guess =
        depot.request(Method::POST, "/setup").header("content-type", "application/x-www-form-urlencoded");
    let refused = depot.send(guess.body(fields));
    assert!((400..500).contains(&refused.status), "{refused:?}");
    assert!(
        refused.header("content-type").starts_with("text/html") && refused.text.contains("role=\"alert\""),
        "a browser gets the form again: {refused:?}"
    );
    assert!(!refused.text.contains("correct-horse"), "the password is not shown again");
    assert!(depot.get("/").text.contains("has not been set up"));
    let style = page.all("link", "href").into_iter().find(|h| h.ends_with(".css")).unwrap();
    let style = depot.get(&style);
    assert_eq!((style.status, style.header("content-type")), (200, "text/css; charset=utf-8"));
    assert!(style.header("cache-control").contains("immutable"));
    assert_eq!(depot.get("/assets/app.css").status, 404, "nothing is served under a name that can grow old");
    assert!(!depot.get("/").header("content-security-policy").contains("unsafe-inline"));
}

#[test]
fn a_stop_lets_what_is_under_way_finish() {
    let begun = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&begun);
    let slow = move || {
        flag.store(true, Ordering::Release);
        async {
            actix_web::rt::time::sleep(Duration::from_millis(300)).await;
            HttpResponse::Ok().body("finished")
        }
    };
    let routes = vec![Routes::new("tried").open(Verb::GET, "/tried/slow", slow, "takes its time")];
    let mut depot = Depot::with(|_| {}, routes);
    let address = depot.running().address;
    let asking = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /api/v1/tried/slow HTTP/1.1\r\nhost: d\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    while !begun.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    depot.stop();
    assert!(asking.join().unwrap().ends_with("finished"));
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}
