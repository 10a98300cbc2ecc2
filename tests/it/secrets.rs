//! What must stay secret is planted, carried through every route that takes it, and then looked for everywhere.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::people::{ADMIN, PASSWORD, depot_with, text};
use crate::support::{Answered, Depot};

/// Everything that was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The secrets, by what they are.
#[derive(Default)]
struct Planted(Vec<(&'static str, String)>);

impl Planted {
    fn plant(&mut self, what: &'static str, secret: impl Into<String>) -> String {
        let secret = secret.into();
        assert!(secret.len() >= 6, "too short to be told from chance");
        self.0.push((what, secret.clone()));
        secret
    }

    /// What of them stands in `bytes`, plain or as text in hexadecimal.
    fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
        self.0.iter().filter(|(_, s)| holds(s.as_bytes())).map(|(what, _)| *what).collect()
    }

    fn absent(&self, place: &str, bytes: &[u8]) {
        assert_eq!(self.found_in(bytes), Vec::<&str>::new(), "in {place}");
    }
}

/// Every file below `folder` but the keys, which are secret themselves.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "keys" {
            files(&path, found);
        } else if path.is_file() && name != "control.json" {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

/// What the compressed parts of `bytes` hold.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, _) in bytes.windows(4).enumerate().filter(|(_, w)| *w == [0x28, 0xb5, 0x2f, 0xfd]) {
        if let Ok(mut frame) = zstd::Decoder::new(&bytes[at..]) {
            let _ = std::io::copy(&mut frame.by_ref(), &mut out);
        }
    }
    out
}

/// Those problem documents that tell a secret.
fn careful(planted: &Planted, what: &str, answer: &Answered) {
    if answer.status >= 400 {
        planted.absent(what, answer.text.as_bytes());
    }
}

#[test]
fn no_secret_shows_in_log_audit_answers_store_or_backups() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("info,crossdock=trace,actix_web=debug,actix_http=debug")
        .with_writer(lines.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let mut planted = Planted::default();
    let mail = planted.plant("the mail password", "mail-Zebra-4711-pass");
    let depot = depot_with(|c| {
        c.depot.registration = true;
        c.mail.host = "127.0.0.1".into();
        c.mail.port = 9;
        c.mail.user = "depot".into();
        c.mail.from = "depot@example.com".into();
        c.mail.password = serde_json::from_value(json!(mail)).unwrap();
    });
    planted.plant("everybody's password", PASSWORD);
    planted.plant("the control secret", depot.running().control.bearer(FIRST_TENANT));
    let boss = planted.plant("an access token", depot.token(ADMIN));
    through_the_doors(&depot, &boss, &mut planted);

    let marker = "a name that is no secret";
    let parcel = json!({ "tracking_number": "RR1", "recipient": { "name": marker } });
    depot.ask(&boss, "POST", "/parcels").body(&parcel).gives(201);
    let made = depot.ask(&boss, "POST", "/backups").body(&json!({})).gives(201);
    planted.absent("the answer about a backup", made.text.as_bytes());
    for path in [
        "/settings",
        "/users?limit=500",
        "/auth/sessions?user=all",
        "/api-keys",
        "/audit-log?limit=500",
        "/audit-log/export.csv",
        "/jobs?limit=500",
        "/notifications",
        "/tenants",
        "/backups",
        "/rules",
        "/roles",
        "/health/detailed",
        "/check",
        "/cases",
    ] {
        let seen = depot.ask(&boss, "GET", path).gives(200);
        planted.absent(path, seen.text.as_bytes());
    }
    let metrics = depot.get("/metrics");
    planted.absent("/metrics", metrics.text.as_bytes());
    let shown = depot.running().app.config.to_toml_redacted().unwrap();
    assert!(shown.contains("127.0.0.1"), "{shown}");
    planted.absent("the settings as they are shown", shown.as_bytes());
    planted.absent("the settings in a log line", format!("{:?}", depot.running().app.config).as_bytes());

    let audit = depot.ask(&boss, "GET", "/audit-log?limit=500").gives(200).text;
    for action in [
        "login.failed",
        "login.succeeded",
        "credentials.set",
        "password.changed",
        "api_key.added",
        "switch.failed",
    ] {
        assert!(audit.contains(action), "{action} was not written down");
    }
    let mut depot = depot;
    depot.stop();
    let mut found = Vec::new();
    files(depot.folder.path(), &mut found);
    assert!(found.iter().any(|(name, _)| name.ends_with("depot.redb")));
    assert!(found.iter().any(|(name, _)| name.contains("backups")));
    let (mut inside, mut marked) = (0, Vec::new());
    for (name, bytes) in &found {
        planted.absent(name, bytes);
        let plain = unpacked(bytes);
        inside += plain.len();
        let holds = |bytes: &[u8]| bytes.windows(marker.len()).any(|w| w == marker.as_bytes());
        marked.extend((holds(bytes) || holds(&plain)).then_some(name));
        planted.absent(&format!("{name}, unpacked"), &plain);
    }
    // What is no secret is found in both, so what is one would be.
    for place in ["depot.redb", "backups"] {
        assert!(
            marked.iter().any(|name| name.contains(place)),
            "{place} can't be read: {marked:?}, {inside} bytes"
        );
    }
    let log = lines.0.lock().unwrap().clone();
    assert!(String::from_utf8_lossy(&log).contains("/api/v1/auth/login"), "something is logged at all");
    planted.absent("the log", &log);
}

/// Every route that takes a secret, with one that is right and with one that is wrong.
fn through_the_doors(depot: &Depot, boss: &str, planted: &mut Planted) {
    let post = |planted: &Planted, path: &str, body: &Value| {
        let answer = depot.post(path, body);
        careful(planted, path, &answer);
        answer
    };
    let guess = planted.plant("a wrong password", "wrong-Guess-8150-pass");
    let login = "/api/v1/auth/login";
    let entered = post(planted, login, &json!({ "login": ADMIN, "password": PASSWORD }));
    planted.plant("another access token", text(&entered.json, "access_token"));
    let old = planted.plant("a refresh token", text(&entered.json, "refresh_token"));
    let slip = planted.plant("a password typed as login", "slipped-Into-login-77");
    for body in [
        json!({ "login": ADMIN, "password": guess }),
        json!({ "login": "nobody", "password": guess }),
        json!({ "login": slip, "password": guess }),
        json!({ "login": ADMIN, "password": [guess] }),
        json!({ "login": ADMIN, "password": guess, "surplus": 1 }),
        json!({ "login": [ADMIN], "password": guess }),
    ] {
        assert!(post(planted, login, &body).status >= 400);
    }
    let next = post(planted, "/api/v1/auth/refresh", &json!({ "refresh_token": old }));
    let newer = planted.plant("a newer refresh token", text(&next.json, "refresh_token"));
    for token in [&old, &newer, &format!("{newer}x")] {
        assert!(post(planted, "/api/v1/auth/refresh", &json!({ "refresh_token": token })).status >= 400);
    }
    let cookie = depot
        .ask("", "POST", "/auth/login")
        .body(&json!({ "login": ADMIN, "password": PASSWORD, "session": true }));
    let cookie = cookie.gives(200);
    let csrf = planted.plant("a CSRF token", text(&cookie.json, "csrf_token"));
    let cookie = cookie.header("set-cookie").split(';').next().unwrap().split_once('=').unwrap().1.to_owned();
    let cookie = planted.plant("a session cookie", cookie);
    let own = planted.plant("one's own new password", "my-Own-new-pass-90");
    for (csrf, current, status) in [("forged", PASSWORD, 403), (&*csrf, &*guess, 401)] {
        let asked =
            depot.ask("", "PUT", "/auth/password").header("cookie", format!("crossdock_session={cookie}"));
        let answer = asked
            .header("x-csrf-token", csrf)
            .body(&json!({ "current": current, "password": own }))
            .gives(status);
        careful(planted, "a refused change of password", &answer);
    }

    let (pin, badge) = (planted.plant("a PIN", "594837"), planted.plant("a badge code", "BADGE-77-QXZ"));
    let given = planted.plant("a given password", "given-Away-once-321");
    let ask = |planted: &Planted, bearer: &str, method: &str, path: &str, body: Value| {
        let answer = depot
            .ask(bearer, method, path)
            .header("idempotency-key", format!("{method}{path}{body}").len().to_string())
            .body(&body)
            .send();
        careful(planted, path, &answer);
        answer
    };
    let new = json!({ "login": "ben", "name": "Ben", "role": "clerk", "password": given, "pin": pin, "badge": badge });
    let ben = text(&ask(planted, boss, "POST", "/users", new.clone()).json, "id");
    assert_eq!(ask(planted, boss, "POST", "/users", new).header("idempotent-replay"), "true");
    let path = format!("/users/{ben}/credentials");
    let second = planted.plant("a second PIN", "918273");
    assert_eq!(ask(planted, boss, "PUT", &path, json!({ "pin": second })).status, 204);
    let number: u32 = second.parse().unwrap();
    for wrong in [
        json!({ "pin": number }),
        json!({ "pin": format!("{pin}0") }),
        json!({ "password": "short" }),
        json!({ "badge": { "code": badge } }),
    ] {
        assert_eq!(ask(planted, boss, "PUT", &path, wrong).status, 422);
    }
    let taken = json!({ "login": "eve", "name": "Eve", "role": "clerk", "badge": badge });
    assert_eq!(ask(planted, boss, "POST", "/users", taken).status, 409);
    let entered = post(planted, login, &json!({ "login": "ben", "password": given }));
    let token = planted.plant("Ben's access token", text(&entered.json, "access_token"));
    planted.plant("Ben's refresh token", text(&entered.json, "refresh_token"));
    let change = json!({ "current": given, "password": own });
    assert_eq!(ask(planted, &token, "PUT", "/auth/password", change).status, 204);

    let station =
        json!({ "login": "gate", "name": "Gate", "role": "station", "is_station": true, "password": given });
    assert_eq!(ask(planted, boss, "POST", "/users", station).status, 201);
    let station = post(planted, login, &json!({ "login": "gate", "password": given, "device": "gate" }));
    let station = planted.plant("the station's token", text(&station.json, "access_token"));
    for (body, status) in [
        (json!({ "badge": badge }), 200),
        (json!({ "login": "ben", "pin": second }), 200),
        (json!({ "login": "ben", "pin": pin }), 401),
        (json!({ "badge": format!("{badge}-no") }), 401),
        (json!({ "login": "ben", "pin": number }), 422),
        (json!({ "pin": pin }), 422),
    ] {
        let answer = depot.ask(&station, "POST", "/auth/switch").body(&body).gives(status);
        careful(planted, "/auth/switch", &answer);
    }

    let hook = json!({ "url": "https://shop.invalid/hook", "types": ["nothing."] });
    let hook = ask(planted, boss, "POST", "/webhooks", hook).json;
    planted.plant("a webhook's key", text(&hook, "secret"));
    let rotate = format!("/webhooks/{}/rotate", text(&hook, "id"));
    planted.plant("its next key", text(&ask(planted, boss, "POST", &rotate, json!({})).json, "secret"));
    depot.get(&format!("/api/v1/ws?token={boss}"));
    let key = json!({ "name": "shop", "features": ["parcels.view"] });
    let key = planted.plant("an API key", text(&ask(planted, boss, "POST", "/api-keys", key).json, "key"));
    depot.ask(&key, "GET", "/parcels").gives(200);
    careful(planted, "a wrong feature", &depot.ask(&key, "GET", "/cases").gives(403));
    for forged in
        [format!("{key}x"), key.replacen("1.", "2.", 1), format!("{token}x"), newer.clone(), cookie.clone()]
    {
        careful(planted, "a forged credential", &depot.ask(&forged, "GET", "/parcels").gives(401));
    }

    let link = planted.plant("a set-up token", "0.l.hGqZ5yk0t1bq3rQxS4m0mC1cVbq8x8Q0p2m3n4o5p6c");
    let first =
        json!({ "token": link, "tenant": "north", "depot": "North", "login": "ana", "password": given });
    assert!(post(planted, "/api/v1/setup", &first).status >= 400);
    let first = json!({ "token": link, "tenant": "north", "depot": "North", "zone": "UTC", "user": "ana", "password": given });
    assert!(post(planted, "/setup", &first).status >= 400);
    careful(planted, "/setup", &depot.get(&format!("/setup?token={link}")));
    for (tenant, status) in [("beta", 201), ("beta", 409), ("東京", 422)] {
        let house = json!({ "tenant": tenant, "depot": "Beta", "login": "ana", "password": given });
        assert_eq!(ask(planted, boss, "POST", "/tenants", house).status, status);
    }
    for (name, status) in [("pat@acme", 201), ("pat@acme", 409), ("x@acme", 422)] {
        let wish = json!({ "login": name, "name": "Pat", "password": given });
        let answer = post(planted, "/api/v1/auth/register", &wish);
        assert!(answer.status == status || answer.status == 429, "{answer:?}");
    }
    careful(planted, "the control door", &depot.send(depot.control_forged("POST", "/control/token")));
}
