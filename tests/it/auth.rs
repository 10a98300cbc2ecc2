//! Coming in, staying in, going out, and what nobody may do to get further than they should.

use std::time::Duration;

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::people::{ADMIN, PASSWORD, depot, depot_with, text};
use crate::support::{Answered, Depot};

fn refresh(depot: &Depot, token: &str) -> Answered {
    depot.post("/api/v1/auth/refresh", &json!({ "refresh_token": token }))
}

fn enters(depot: &Depot, login: &str) -> (String, String) {
    let entered = depot.login(login, PASSWORD);
    assert_eq!(entered.status, 200, "{entered:?}");
    (text(&entered.json, "access_token"), text(&entered.json, "refresh_token"))
}

fn works(depot: &Depot, bearer: &str) -> bool {
    match depot.ask(bearer, "GET", "/auth/profile").send().status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// The newest entries of the audit log, one with `action`.
fn noted(depot: &Depot, action: &str) -> Value {
    let log = depot.itself(FIRST_TENANT, "GET", &format!("/audit-log?action={action}")).gives(200).json;
    log["items"][0].clone()
}

#[test]
fn a_session_lives_by_its_refresh_tokens_and_an_old_one_ends_it() {
    let depot = depot();
    let entered = depot.login(ADMIN, PASSWORD);
    assert_eq!((entered.status, &entered.json["token_type"]), (200, &json!("Bearer")));
    assert_eq!(entered.header("cache-control"), "no-store");
    assert!(entered.header("set-cookie").is_empty(), "tokens were asked for");
    let (first, old) = (text(&entered.json, "access_token"), text(&entered.json, "refresh_token"));
    assert!(works(&depot, &first));
    depot.wait(Duration::from_secs(15 * 60));
    assert!(!works(&depot, &first), "an access token is good for a quarter of an hour");
    let next = refresh(&depot, &old);
    assert_eq!(next.status, 200, "{next:?}");
    let (access, newer) = (text(&next.json, "access_token"), text(&next.json, "refresh_token"));
    assert!(works(&depot, &access) && newer != old);
    assert_eq!(refresh(&depot, &old).problem(), (401, "auth.refresh_reused"));
    assert!(!works(&depot, &access), "the family has ended");
    assert_eq!(refresh(&depot, &newer).problem(), (401, "auth.refresh_over"));
    assert_eq!(noted(&depot, "refresh.reused")["table"], "user");
    // A token for one thing is none for another.
    let (access, newest) = enters(&depot, ADMIN);
    assert!(!works(&depot, &newest));
    assert_eq!(refresh(&depot, &access).status, 401);
}

#[test]
fn a_revoked_session_is_refused_within_the_same_second_although_its_token_is_known() {
    let depot = depot();
    depot.user(FIRST_TENANT, "ben", "clerk", json!({ "password": PASSWORD }));
    let (token, held) = enters(&depot, "ben");
    for _ in 0..3 {
        assert!(works(&depot, &token), "known by now without a look at the store");
    }
    let sessions = depot.ask(&token, "GET", "/auth/sessions").gives(200).json;
    let id = text(&sessions[0], "id");
    assert_eq!(sessions[0]["current"], true);
    let boss = depot.token(ADMIN);
    depot.ask(&boss, "DELETE", &format!("/auth/sessions/{id}")).gives(204);
    assert!(!works(&depot, &token), "the clock stands still, and yet it is over");
    assert_eq!(refresh(&depot, &held).problem(), (401, "auth.refresh_over"));

    let (token, held) = enters(&depot, "ben");
    assert!(works(&depot, &token));
    depot.ask(&token, "POST", "/auth/logout").gives(204);
    assert!(!works(&depot, &token));
    assert_eq!(refresh(&depot, &held).status, 401);

    let (one, two) = (enters(&depot, "ben"), enters(&depot, "ben"));
    assert!(works(&depot, &one.0) && works(&depot, &two.0));
    let users = depot.ask(&boss, "GET", "/users").gives(200).json;
    let ben = users["items"].as_array().unwrap().iter().find(|u| u["login"] == "ben").unwrap().clone();
    depot.ask(&boss, "DELETE", &format!("/users/{}/sessions", text(&ben, "id"))).gives(204);
    assert!(!works(&depot, &one.0) && !works(&depot, &two.0));

    let (token, held) = enters(&depot, "ben");
    assert!(works(&depot, &token));
    let gone = depot.ask(&boss, "DELETE", &format!("/users/{}", text(&ben, "id")));
    gone.seen(ben["version"].as_u64().unwrap()).gives(204);
    assert!(!works(&depot, &token), "who is switched off is out");
    assert_eq!(refresh(&depot, &held).status, 401);
    assert_eq!(depot.login("ben", PASSWORD).problem(), (401, "auth.refused"));
    assert!(works(&depot, &boss));
}

#[test]
fn another_persons_session_is_ended_only_by_whoever_may() {
    let depot = depot();
    depot.user(FIRST_TENANT, "ben", "clerk", json!({ "password": PASSWORD }));
    depot.user(FIRST_TENANT, "eve", "clerk", json!({}));
    let (ben, _) = enters(&depot, "ben");
    let id = text(&depot.ask(&ben, "GET", "/auth/sessions").gives(200).json[0], "id");
    let eve = depot.token("eve");
    depot.ask(&eve, "DELETE", &format!("/auth/sessions/{id}")).gives(403);
    depot.ask(&eve, "GET", "/auth/sessions?user=all").gives(403);
    assert!(works(&depot, &ben));
    depot.ask(&ben, "DELETE", &format!("/auth/sessions/{id}")).gives(204);
    assert!(!works(&depot, &ben));
}

/// A browser that logged in: its cookie and CSRF token.
fn browser(depot: &Depot) -> (String, String) {
    let asked = depot.ask("", "POST", "/auth/login").header("sec-fetch-site", "same-origin");
    let entered = asked.body(&json!({ "login": ADMIN, "password": PASSWORD, "session": true })).gives(200);
    let cookie = entered.header("set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"),
        "{cookie}"
    );
    assert!(entered.json["access_token"].is_null() && entered.json["refresh_token"].is_null());
    (cookie.split(';').next().unwrap().to_owned(), text(&entered.json, "csrf_token"))
}

#[test]
fn a_browsers_change_has_to_come_from_our_own_pages() {
    let depot = depot();
    let (cookie, csrf) = browser(&depot);
    let parcel = json!({ "tracking_number": "RR1" });
    let post = |headers: &[(&str, &str)]| {
        let asked = depot.ask("", "POST", "/parcels").header("cookie", &cookie).body(&parcel);
        headers.iter().fold(asked, |a, (n, v)| a.header(n, v)).send()
    };
    let (other_cookie, other) = browser(&depot);
    let forged = [
        post(&[]),
        post(&[("x-csrf-token", "")]),
        post(&[("x-csrf-token", &"0".repeat(csrf.len()))]),
        post(&[("x-csrf-token", &other)]),
        post(&[("x-csrf-token", &csrf), ("sec-fetch-site", "cross-site")]),
        post(&[("x-csrf-token", &csrf), ("sec-fetch-site", "same-site")]),
    ];
    for answer in &forged {
        assert_eq!(answer.problem(), (403, "auth.csrf"), "{answer:?}");
    }
    let get = |cookie: &str| depot.ask("", "GET", "/parcels").header("cookie", cookie).send();
    assert_eq!(get(&cookie).json["items"], json!([]), "nothing was made");
    assert_eq!(post(&[("x-csrf-token", &csrf), ("sec-fetch-site", "same-origin")]).status, 201);
    let profile = depot.ask("", "GET", "/auth/profile").header("cookie", &cookie).gives(200);
    assert_eq!(profile.json["csrf_token"], csrf);
    // The cookie is no bearer, and an access token no cookie.
    let bare = cookie.split_once('=').unwrap().1;
    assert!(!works(&depot, bare));
    let (access, _) = enters(&depot, ADMIN);
    assert_eq!(get(&format!("crossdock_session={access}")).status, 401);
    let cross = depot.ask("", "POST", "/auth/login").header("sec-fetch-site", "cross-site");
    let cross = cross.body(&json!({ "login": ADMIN, "password": PASSWORD, "session": true })).send();
    assert_eq!(cross.problem(), (403, "auth.csrf"));
    assert!(cross.header("set-cookie").is_empty());
    // Nobody else's page logs one out; one's own does, and takes the cookie away.
    depot.ask("", "POST", "/auth/logout").header("cookie", &cookie).gives(403);
    let out = depot
        .ask("", "POST", "/auth/logout")
        .header("cookie", &cookie)
        .header("x-csrf-token", &csrf)
        .gives(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
    assert_eq!((get(&cookie).status, get(&other_cookie).status), (401, 200));
    depot.wait(Duration::from_secs(12 * 3600));
    assert_eq!(get(&other_cookie).status, 401, "an idle browser is logged out");
}

#[test]
fn too_many_failures_wait_and_tell_nobody_who_exists() {
    let depot = depot();
    depot.user(FIRST_TENANT, "ben", "clerk", json!({ "password": PASSWORD }));
    let plain = |a: &Answered| {
        let mut body = a.json.clone();
        body.as_object_mut().unwrap().remove("request_id");
        (a.status, a.header("retry-after").to_owned(), body)
    };
    let tried = |login: &str| {
        let answers: Vec<_> = (0..8).map(|_| plain(&depot.login(login, "a wrong guess"))).collect();
        // The address has its own count, which forgets as time passes.
        depot.wait(Duration::from_secs(24 * 3600));
        answers
    };
    let (known, unknown) = (tried("ben"), tried("nobody"));
    assert_eq!(known, unknown);
    let statuses: Vec<u16> = known.iter().map(|(s, ..)| *s).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(known[0].2["code"], "auth.refused");
    assert_eq!(known[5].2["code"], "auth.throttled");
    assert!(known[5].1.parse::<u32>().unwrap() >= 1, "{known:?}");
    // As long as one waits the right password does not count either, and afterwards it does.
    for _ in 0..5 {
        depot.login("ben", "a wrong guess");
    }
    assert_eq!(depot.login("ben", PASSWORD).problem(), (429, "auth.throttled"));
    depot.wait(Duration::from_secs(2));
    assert_eq!(depot.login("ben", PASSWORD).status, 200);
}

#[test]
fn a_throttled_caller_is_told_when_to_come_back() {
    let depot = depot_with(|c| (c.limits.user_per_s, c.limits.user_burst) = (1, 3));
    let token = depot.token(ADMIN);
    let answers: Vec<Answered> = (0..5).map(|_| depot.ask(&token, "GET", "/auth/profile").send()).collect();
    assert_eq!(answers[0].status, 200);
    let waits = answers.iter().find(|a| a.status == 429).expect("one past the burst waits");
    assert_eq!(waits.problem().1, "request.throttled");
    assert!(waits.header("retry-after").parse::<u32>().unwrap() >= 1);
}

#[test]
fn an_api_key_does_what_it_says_for_as_long_as_it_says() {
    let depot = depot();
    depot.user(FIRST_TENANT, "shop", "supervisor", json!({}));
    let boss = depot.token(ADMIN);
    for (number, distributor) in [("BAR1", "bar"), ("FOO1", "foo")] {
        depot
            .ask(&boss, "POST", "/parcels")
            .body(&json!({ "tracking_number": number, "distributor": distributor }))
            .gives(201);
    }
    let users = depot.ask(&boss, "GET", "/users").gives(200).json;
    let shop = users["items"].as_array().unwrap().iter().find(|u| u["login"] == "shop").unwrap().clone();
    let new = json!({
        "name": "web shop", "features": ["parcels.view", "parcels.create"], "user": shop["id"],
        "scope": { "distributors": ["bar"] }, "expires": "2026-11-21T11:00:00Z",
    });
    let made = depot.ask(&boss, "POST", "/api-keys").body(&new).gives(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let key = text(&made.json, "key");
    let seen = depot.ask(&key, "GET", "/parcels").gives(200);
    assert!(seen.text.contains("BAR1") && !seen.text.contains("FOO1"), "{seen:?}");
    depot.ask(&key, "GET", "/parcels/FOO1").gives(404);
    depot.ask(&key, "GET", "/cases").gives(403);
    depot
        .ask(&key, "POST", "/api-keys")
        .body(&json!({ "name": "more", "features": ["parcels.view"] }))
        .gives(403);
    depot
        .ask(&key, "POST", "/parcels")
        .body(&json!({ "tracking_number": "BAR2", "distributor": "bar" }))
        .gives(201);
    let by = noted(&depot, "parcel.registered");
    assert_eq!((&by["user"], &by["device"]), (&json!("Name of shop"), &json!("key: web shop")), "{by}");
    let listed = depot.ask(&boss, "GET", "/api-keys").gives(200);
    assert!(!listed.text.contains(&key), "it is shown once");
    depot.wait(Duration::from_secs(3600));
    depot.ask(&key, "GET", "/parcels").gives(401);
    let over = json!({ "name": "old", "features": ["parcels.view"], "expires": "2026-11-21T10:30:00Z" });
    depot.ask(&depot.token(ADMIN), "POST", "/api-keys").body(&over).gives(422);

    // A key never does more than its user does now, and goes with a DELETE at once.
    let boss = depot.token(ADMIN);
    let new = json!({ "name": "audit", "features": ["parcels.view", "cases.view"], "user": shop["id"] });
    let made = depot.ask(&boss, "POST", "/api-keys").body(&new).gives(201).json;
    let key = text(&made, "key");
    depot.ask(&key, "GET", "/cases").gives(200);
    let role = depot.ask(&boss, "PATCH", &format!("/users/{}/role", text(&shop, "id")));
    role.body(&json!({ "role": "station", "version": shop["version"] })).gives(200);
    depot.ask(&key, "GET", "/cases").gives(403);
    depot.ask(&key, "GET", "/parcels").gives(200);
    depot.ask(&boss, "DELETE", &format!("/api-keys/{}", text(&made, "id"))).gives(204);
    depot.ask(&key, "GET", "/parcels").gives(401);
}

#[test]
fn a_station_is_switched_by_badge_or_pin_and_the_audit_names_device_and_person() {
    let depot = depot();
    depot.user(FIRST_TENANT, "gate3", "station", json!({ "is_station": true, "password": PASSWORD }));
    depot.user(FIRST_TENANT, "ben", "clerk", json!({ "pin": "271828" }));
    depot.user(FIRST_TENANT, "eve", "supervisor", json!({ "badge": "B-314159" }));
    let entered = depot.post(
        "/api/v1/auth/login",
        &json!({ "login": "gate3", "password": PASSWORD, "device": "scanner 7" }),
    );
    let station = text(&entered.json, "access_token");
    let switch = |body: Value| depot.ask(&station, "POST", "/auth/switch").body(&body).send();
    let number = std::cell::Cell::new(0);
    let scan = || {
        number.set(number.get() + 1);
        let parcel = json!({ "tracking_number": format!("RR{}", number.get()) });
        depot.itself(FIRST_TENANT, "POST", "/parcels").body(&parcel).gives(201);
        depot
            .ask(&station, "POST", &format!("/parcels/RR{}/events", number.get()))
            .body(&json!({ "status": "in_transit" }))
            .gives(200);
        let by = noted(&depot, "parcel.scanned");
        let by = if by.is_null() { noted(&depot, "parcel.moved") } else { by };
        (by["user"].clone(), by["device"].clone())
    };
    assert_eq!(scan(), (json!("Name of gate3"), json!("scanner 7")));
    assert_eq!(switch(json!({ "login": "ben", "pin": "000000" })).problem(), (401, "auth.refused"));
    assert_eq!(switch(json!({ "badge": "B-000000" })).problem(), (401, "auth.refused"));
    assert_eq!(scan().0, "Name of gate3", "a wrong PIN changes nobody");
    assert_eq!(switch(json!({ "login": "ben", "pin": "271828" })).json["user"]["login"], "ben");
    assert_eq!(scan(), (json!("Name of ben"), json!("scanner 7")));
    assert_eq!(switch(json!({ "badge": "B-314159" })).json["user"]["login"], "eve");
    assert_eq!(scan(), (json!("Name of eve"), json!("scanner 7")));
    // A badge is weaker than a password: on a station a supervisor has a station's rights.
    depot.ask(&station, "GET", "/cases").gives(403);
    assert_eq!(switch(json!({})).json, json!({}));
    assert_eq!(scan().0, "Name of gate3");
    let (desk, _) = (depot.token("ben"), ());
    let refused = depot.ask(&desk, "POST", "/auth/switch").body(&json!({ "badge": "B-314159" })).send();
    assert_eq!(refused.problem(), (409, "auth.not_station"));
    let mut tries: Vec<_> = (0..8).map(|_| switch(json!({ "login": "ben", "pin": "111111" }))).collect();
    let last = tries.pop().unwrap();
    assert_eq!(last.problem(), (429, "auth.throttled"), "PINs can't be guessed one after the other");
    assert!(!last.header("retry-after").is_empty());
}

#[test]
fn a_new_password_ends_ones_other_sessions_and_the_old_one() {
    let depot = depot();
    depot.user(FIRST_TENANT, "ben", "clerk", json!({ "password": PASSWORD }));
    let (here, there) = (enters(&depot, "ben"), enters(&depot, "ben"));
    assert!(works(&depot, &here.0) && works(&depot, &there.0));
    let change = |current: &str, next: &str| {
        depot
            .ask(&here.0, "PUT", "/auth/password")
            .body(&json!({ "current": current, "password": next }))
            .send()
    };
    assert_eq!(change("not my password", "purple monkey dishwasher").problem(), (401, "auth.refused"));
    assert!(works(&depot, &there.0), "a refused change ends nothing");
    assert_eq!(change(PASSWORD, "short").status, 422);
    assert_eq!(change(PASSWORD, "purple monkey dishwasher").status, 204);
    assert!(works(&depot, &here.0), "the one it was changed in stays");
    assert!(!works(&depot, &there.0));
    assert_eq!(refresh(&depot, &there.1).status, 401);
    assert_eq!(refresh(&depot, &here.1).status, 200);
    assert_eq!(depot.login("ben", PASSWORD).status, 401);
    assert_eq!(depot.login("ben", "purple monkey dishwasher").status, 200);
}

#[test]
fn an_exception_from_a_role_ends_on_time() {
    let depot = depot();
    let id = depot.user(FIRST_TENANT, "ben", "clerk", json!({}));
    let boss = depot.token(ADMIN);
    let until = json!({ "overrides": [
        { "feature": "audit.view", "grant": true, "reason": "covers the night", "until": "2026-11-21T10:05:00Z" },
        { "feature": "cases.view", "grant": false, "reason": "not today", "until": "2026-11-21T10:05:00Z" },
    ], "version": 1 });
    let ben = depot.token("ben");
    let may = |path: &str| depot.ask(&ben, "GET", path).send().status;
    assert_eq!((may("/audit-log"), may("/cases")), (403, 200));
    depot.ask(&boss, "PUT", &format!("/users/{id}/overrides")).body(&until).gives(200);
    assert_eq!((may("/audit-log"), may("/cases")), (200, 403));
    depot.wait(Duration::from_secs(5 * 60) - Duration::from_millis(1));
    assert_eq!((may("/audit-log"), may("/cases")), (200, 403));
    depot.wait(Duration::from_millis(1));
    assert_eq!((may("/audit-log"), may("/cases")), (403, 200));
}

#[test]
fn somebody_always_stays_who_manages_the_house() {
    let depot = depot();
    let boss = depot.token(ADMIN);
    let users = depot.ask(&boss, "GET", "/users").gives(200).json;
    let me = users["items"][0].clone();
    let (id, version) = (text(&me, "id"), me["version"].as_u64().unwrap());
    let refused = [
        depot.ask(&boss, "DELETE", &format!("/users/{id}")).seen(version).send(),
        depot.ask(&boss, "PATCH", &format!("/users/{id}/role")).seen(version).body(&json!({ "role": "clerk" })).send(),
        depot.ask(&boss, "PUT", &format!("/users/{id}/overrides")).seen(version).body(&json!({ "overrides": [
            { "feature": "users.edit", "grant": false, "reason": "oops" }] })).send(),
        depot.ask(&boss, "PUT", &format!("/users/{id}")).seen(version).body(&json!({
            "login": ADMIN, "name": "x", "language": "en", "active": false, "approved": true })).send(),
        depot.ask(&boss, "PUT", &format!("/users/{id}")).seen(version).body(&json!({
            "login": ADMIN, "name": "x", "language": "en", "active": true, "approved": true, "scope": "own" })).send(),
        depot.ask(&boss, "PUT", "/roles/super_admin").seen(1).body(&json!({ "features": ["parcels.view"], "reach": "tenant" })).send(),
    ];
    for answer in refused {
        assert_eq!(answer.problem(), (409, "identity.last_admin"), "{answer:?}");
    }
    assert_eq!(depot.ask(&boss, "GET", &format!("/users/{id}")).gives(200).json, me);
}

#[test]
fn nobody_climbs_by_roles_exceptions_keys_or_new_accounts() {
    let depot = depot();
    depot.role(
        FIRST_TENANT,
        "helper",
        &["profile.own", "users.view", "users.edit", "roles.edit", "api_keys.manage", "parcels.view"],
        "tenant",
    );
    depot.role(
        FIRST_TENANT,
        "narrow",
        &["profile.own", "users.view", "users.edit", "roles.edit", "api_keys.manage", "parcels.view"],
        "distributors",
    );
    let mine = depot.user(FIRST_TENANT, "eve", "helper", json!({}));
    depot.user(FIRST_TENANT, "nan", "narrow", json!({ "scope": { "distributors": ["bar"] } }));
    let ida = depot.user(FIRST_TENANT, "ida", "narrow", json!({}));
    let (eve, nan, idle) = (depot.token("eve"), depot.token("nan"), depot.token("ida"));
    let boss = depot.itself(FIRST_TENANT, "GET", "/users").gives(200).json;
    let boss = text(boss["items"].as_array().unwrap().iter().find(|u| u["login"] == ADMIN).unwrap(), "id");
    let ask = |bearer: &str, method: &str, path: String, body: Value| {
        depot.ask(bearer, method, &path).seen(1).body(&body).send()
    };
    let force = json!([{ "feature": "parcels.force", "grant": true, "reason": "please" }]);
    let above = [
        ask(&eve, "PATCH", format!("/users/{mine}/role"), json!({ "role": "super_admin" })),
        ask(&eve, "PATCH", format!("/users/{mine}/role"), json!({ "role": "supervisor" })),
        ask(&eve, "PUT", format!("/users/{mine}/overrides"), json!({ "overrides": force })),
        ask(
            &eve,
            "POST",
            "/users".into(),
            json!({ "login": "puppet", "name": "x", "role": "admin", "password": PASSWORD }),
        ),
        ask(&eve, "PUT", format!("/users/{boss}/credentials"), json!({ "password": "my own password" })),
        ask(
            &eve,
            "PUT",
            format!("/users/{boss}"),
            json!({ "login": ADMIN, "name": "x", "language": "en", "active": true, "approved": true }),
        ),
        ask(&eve, "DELETE", format!("/users/{boss}"), json!({})),
        ask(
            &eve,
            "POST",
            "/roles".into(),
            json!({ "name": "mighty", "features": ["parcels.force"], "reach": "tenant" }),
        ),
        ask(
            &eve,
            "PUT",
            "/roles/helper".into(),
            json!({ "features": ["users.edit", "tenants.manage"], "reach": "tenant" }),
        ),
        ask(&eve, "PUT", "/roles/clerk".into(), json!({ "features": ["parcels.view"], "reach": "tenant" })),
        ask(&eve, "POST", "/api-keys".into(), json!({ "name": "x", "features": ["parcels.force"] })),
        ask(
            &eve,
            "POST",
            "/api-keys".into(),
            json!({ "name": "x", "features": ["parcels.view"], "user": boss }),
        ),
    ];
    for (n, answer) in above.iter().enumerate() {
        assert_eq!(answer.problem(), (403, "identity.above"), "{n}: {answer:?}");
    }
    let wider = [
        ask(&nan, "POST", "/users".into(), json!({ "login": "puppet", "name": "x", "role": "helper" })),
        ask(
            &nan,
            "POST",
            "/users".into(),
            json!({ "login": "puppet", "name": "x", "role": "narrow", "scope": { "distributors": ["foo"] } }),
        ),
        ask(&nan, "PATCH", format!("/users/{ida}/role"), json!({ "role": "helper" })),
        ask(
            &nan,
            "POST",
            "/api-keys".into(),
            json!({ "name": "x", "features": ["parcels.view"], "scope": "tenant" }),
        ),
        ask(&nan, "PUT", "/roles/narrow".into(), json!({ "features": ["users.edit"], "reach": "tenant" })),
        ask(
            &nan,
            "POST",
            "/roles".into(),
            json!({ "name": "wide", "features": ["parcels.view"], "reach": "tenant" }),
        ),
        // One without a scope of their own has their role's, so changing that would be changing their own.
        ask(&idle, "PUT", "/roles/narrow".into(), json!({ "features": ["users.edit"], "reach": "tenant" })),
        ask(
            &idle,
            "PUT",
            "/roles/helper".into(),
            json!({ "features": ["parcels.view"], "reach": "distributors" }),
        ),
    ];
    for (n, answer) in wider.iter().enumerate() {
        assert_eq!(answer.problem(), (403, "identity.scope"), "{n}: {answer:?}");
    }
    assert_eq!(
        depot.ask(&eve, "POST", "/control/token").body(&json!({ "login": ADMIN })).gives(403).json["code"],
        "control.only"
    );
    assert_eq!(depot.login("puppet", PASSWORD).status, 401);
    assert_eq!(depot.login(ADMIN, PASSWORD).status, 200);
}

#[test]
fn who_is_logged_out_or_gets_a_new_badge_is_off_every_station_too() {
    let depot = depot();
    depot.user(FIRST_TENANT, "gate3", "station", json!({ "is_station": true, "password": PASSWORD }));
    let ben = depot.user(FIRST_TENANT, "ben", "clerk", json!({ "badge": "B-314159" }));
    depot.user(FIRST_TENANT, "eve", "clerk", json!({ "badge": "B-271828" }));
    let (one, two) = (enters(&depot, "gate3").0, enters(&depot, "gate3").0);
    let switch = |station: &str, badge: &str| {
        depot.ask(station, "POST", "/auth/switch").body(&json!({ "badge": badge })).send().status
    };
    let who = |station: &str| text(&depot.ask(station, "GET", "/auth/profile").gives(200).json, "name");
    let change = |method: &str, path: &str, body: Value| {
        depot.itself(FIRST_TENANT, method, &format!("/users/{ben}{path}")).seen(1).body(&body).gives(204);
    };
    let ends: [(&str, &str, Value); 4] = [
        ("DELETE", "/sessions", json!({})),
        ("PUT", "/credentials", json!({ "badge": "B-141421" })),
        ("PUT", "/credentials", json!({ "pin": "57721" })),
        ("DELETE", "", json!({})),
    ];
    let mut badge = "B-314159";
    assert_eq!(switch(&two, "B-271828"), 200);
    for (method, path, body) in ends {
        assert_eq!(switch(&one, badge), 200);
        assert_eq!(who(&one), "Name of ben");
        if body["badge"].is_string() {
            badge = "B-141421";
        }
        change(method, path, body);
        assert_eq!(who(&one), "Name of gate3", "after {method} {path}");
        assert_eq!(who(&two), "Name of eve", "others stay");
    }
    assert_eq!(switch(&one, badge), 401);
}
