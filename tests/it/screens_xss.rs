//! What others once broke screens with, through every field that is shown, in a browser that would run it.

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::browser::{DESK, Driver, Looks, log_in};
use crate::support::page::Person;
use crate::support::people::{ADMIN, PASSWORD, depot, text};
use crate::support::shared::shared;

/// Tells of everything a string could make a page do.
const TRAP: &str = r#"
window.ran = [];
for (const name of ["alert", "confirm", "prompt", "eval", "open"]) window[name] = (...a) => { window.ran.push(name + " " + a.join(" ")); };
document.addEventListener("securitypolicyviolation", (e) => window.ran.push("refused " + e.violatedDirective + " " + e.blockedURI));
addEventListener("error", (e) => window.ran.push("error " + e.message));
"#;

/// What is wrong with the page that is open: what ran, and what was made of a string that we never make.
const LOOK: &str = r#"
const odd = [...document.querySelectorAll("script, iframe, object, embed, base, form, a, img, svg, link, style")].filter((e) => {
  const at = (n) => e.getAttribute(n);
  const ours = (u) => u === null || /^(\/(?!\/)|#)/.test(u) || u.startsWith(location.origin + "/");
  if (e.matches("iframe, object, embed, base, style")) return true;
  if (e.matches("script")) return !(at("src") || "").startsWith("/assets/");
  return !ours(at("href")) || !ours(at("src")) || !ours(at("action")) || [...e.attributes].some((a) => a.name.startsWith("on"));
});
return (window.ran || ["the trap is not set"]).concat(odd.map((e) => e.outerHTML.slice(0, 200)));
"#;

struct Filled {
    /// Every page that shows what was put in.
    paths: Vec<String>,
    seen: usize,
    /// The case whose notes hold the strings now.
    case: Option<String>,
}

/// Tests that share the strings.
const PARTS: usize = 4;
/// Strings one case shows among its notes.
const NOTES: usize = 40;

/// One string in every field of every record that takes it.
fn put(depot: &Depot, n: usize, odd: &str, filled: &mut Filled) {
    let ask = |method: &str, path: &str, body: &Value| {
        let answer = depot.itself(FIRST_TENANT, method, path).body(body).send();
        // What can't be a name or a code is refused; nothing breaks.
        assert!(answer.status < 500, "{path} with {odd:?}: {answer:?}");
        Some(answer).filter(|a| a.status < 300)
    };
    let number = format!("XN{n:07}");
    let place = json!({ "line": odd, "city": odd, "zip": odd, "state": odd, "country": odd });
    let all = json!({ "tracking_number": number, "distributor": odd, "carrier": odd, "service": odd, "order_ref": odd,
        "remark": odd, "category": odd, "recipient": { "name": odd, "phone": odd, "email": odd }, "to": place, "from": place });
    // Some fields take less than others: what a whole record refuses may do in the free ones.
    let some = json!({ "tracking_number": number, "distributor": odd, "remark": odd, "recipient": { "name": odd }, "to": { "line": odd, "city": odd } });
    let least = json!({ "tracking_number": number, "recipient": { "name": odd } });
    if let Some(made) = [all, some, least].iter().find_map(|body| ask("POST", "/parcels", body)) {
        filled.seen += 1;
        filled.paths.push(format!("/parcels/{}", text(&made.json, "id")));
        let step = json!({ "status": "in_transit", "note": odd, "location": { "line": odd, "city": odd } });
        ask("POST", &format!("/parcels/{number}/events"), &step);
    }
    if filled.seen % NOTES == 1 {
        let case = json!({ "reason": "damaged", "subject": number, "detail": odd });
        let made = ask("POST", "/cases", &case).map(|c| format!("/cases/{}", text(&c.json, "id")));
        filled.paths.extend(made.clone());
        filled.case = made.or(filled.case.take());
    }
    if let Some(case) = &filled.case {
        ask("POST", &format!("{case}/notes"), &json!({ "text": odd }));
    }
    if n.is_multiple_of(7) {
        let manifest =
            json!({ "number": format!("M{n} {odd}"), "carrier": odd, "vehicle": odd, "from": odd });
        let short = json!({ "number": format!("M{n}"), "from": odd });
        let made = [manifest, short].iter().find_map(|body| ask("POST", "/manifests", body));
        filled.paths.extend(made.map(|m| format!("/manifests/{}", text(&m.json, "id"))));
        let report =
            json!({ "name": odd, "definition": { "kind": "volumes", "only": { "distributor": odd } } });
        let made = ask("POST", "/reports", &report);
        filled.paths.extend(made.map(|r| format!("/reports/{}", text(&r.json, "id"))));
        let user = json!({ "login": format!("u{n}"), "name": odd, "role": "clerk", "email": odd });
        let user_least = json!({ "login": format!("u{n}"), "name": odd, "role": "clerk" });
        let made = [user, user_least].iter().find_map(|body| ask("POST", "/users", body));
        filled.paths.extend(made.map(|u| format!("/users/{}", text(&u.json, "id"))));
        let map = json!({ "rows": [{ "code": odd, "meaning": odd, "text_contains": odd, "status": "in_transit" }] });
        filled.paths.extend(ask("PUT", &format!("/status-maps/xs{n}"), &map).map(|_| format!("/maps/xs{n}")));
        let printer = json!({ "name": odd, "host": "dock.invalid", "station": odd });
        let made = ask("POST", "/printers", &printer);
        filled.paths.extend(made.map(|p| format!("/printers/{}", text(&p.json, "id"))));
    }
}

/// Everything in the columns of one file and the lines of one manifest: lists show it, and the inbox of words.
fn put_lists(depot: &Depot, admin: &Person, strings: &[String]) -> Vec<String> {
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record(["tracking_number", "status", "city", "distributor", "note"]).unwrap();
    for (n, odd) in strings.iter().enumerate() {
        file.write_record([&format!("XI{n:07}"), odd, odd, odd, odd]).unwrap();
    }
    let rows = String::from_utf8(file.into_inner().unwrap()).unwrap();
    let source = [("kind", "parcels"), ("source", "<b onmouseover=alert(1)>")];
    let taken = admin.upload("/imports/new", &source, &rows);
    let import = taken.location().split('?').next().unwrap().to_owned();
    depot.until("the import is done", |_| !admin.get(&import).text.contains("data-again"));
    let fitting = strings.iter().filter(|s| !s.is_empty() && s.len() <= 64);
    let lines: Vec<Value> = fitting
        .enumerate()
        .map(|(n, odd)| json!({ "tracking_number": format!("XM{n:07}"), "service": odd, "order_ref": odd }))
        .collect();
    let new = json!({ "number": "<svg onload=alert(1)>", "lines": lines });
    let made = depot.itself(FIRST_TENANT, "POST", "/manifests").body(&new).gives(201).json;
    vec![import, format!("/manifests/{}", text(&made, "id"))]
}

/// A list page by page.
fn pages(admin: &Person, list: &str) -> Vec<String> {
    let (mut paths, mut at) = (Vec::new(), list.to_owned());
    for _ in 0..40 {
        let next = admin.get(&at).page().attribute("a", "rel", "next", "href");
        paths.push(at);
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    paths
}

/// Strings that a reader of HTML could take for more than text: every one of them in every field. The `part`th quarter of them, and after the
/// last one all of them in lists.
fn nothing_runs(part: usize) {
    let Some(file) = shared("data/naughty/blns.json") else { return };
    let Some(driver) = Driver::start() else { return };
    let strings: Vec<String> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let odd: Vec<(usize, &String)> =
        strings.iter().filter(|s| s.contains('<')).enumerate().filter(|(n, _)| n % PARTS == part).collect();
    let mut filled = Filled { paths: Vec::new(), seen: 0, case: None };
    for (n, odd) in &odd {
        put(&depot, *n, odd, &mut filled);
    }
    assert!(part == PARTS || filled.seen > 50, "{}", filled.seen);
    let mut paths: Vec<String> =
        ["/imports", "/today", "/users", "/printers", "/reports"].map(str::to_owned).to_vec();
    if part == PARTS {
        paths.extend(put_lists(&depot, &admin, &strings).iter().flat_map(|p| pages(&admin, p)));
    }
    for list in ["/parcels", "/cases?view=open", "/manifests?all=1", "/maps", "/audit"] {
        paths.extend(pages(&admin, list));
    }
    for by in ["distributor", "carrier", "service", "to_state", "to_country", "category", "raw_status"] {
        paths.push(format!("/reports/show?kind=volumes&by={by}"));
    }
    for (_, odd) in odd.iter().step_by(4) {
        let q = |name: &str| serde_urlencoded::to_string([(name, odd.as_str())]).unwrap();
        paths.push(format!("/parcels?{}&{}", q("number"), q("distributor")));
        paths.push(format!("/reports/show?kind=volumes&{}&{}", q("carrier"), q("distributor")));
        paths.push(format!("/maps/kestrel?{}", q("q")));
    }
    paths.extend(filled.paths);
    let base = format!("http://{}", depot.running().address);
    let count = paths.len();
    assert!(count > 40, "{count}");
    let scanned: Vec<String> = odd.iter().map(|(_, s)| (*s).clone()).collect();
    driver.browse_as(DESK, Looks { first: Some(TRAP), ..Looks::default() }, async move |b| {
        log_in(&b, &base, ADMIN).await?;
        let mut wrong = Vec::new();
        for path in &paths {
            b.goto(&format!("{base}{path}")).await?;
            let found: Vec<String> = b.execute(LOOK, Vec::new()).await?.convert()?;
            wrong.extend(found.into_iter().map(|f| format!("{path}: {f}")));
        }
        // The station shows what was scanned by its own scripts.
        b.goto(&format!("{base}/scan")).await?;
        for odd in &scanned {
            let typed = "document.querySelector('#code').value = arguments[0]; document.querySelector('#code').form.requestSubmit();";
            b.execute(typed, vec![json!(odd)]).await?;
        }
        let waits = "return document.querySelector('#waiting').hidden";
        for _ in 0..300 {
            if b.execute(waits, Vec::new()).await?.json().as_bool() == Some(true) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let found: Vec<String> = b.execute(LOOK, Vec::new()).await?.convert()?;
        wrong.extend(found.into_iter().map(|f| format!("/scan: {f}")));
        assert!(wrong.is_empty(), "{} of {count} pages: {}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
        Ok(())
    });
}

#[test]
fn no_string_runs_through_any_field_that_is_shown() {
    nothing_runs(0);
}

#[test]
fn nor_does_any_of_the_second_quarter() {
    nothing_runs(1);
}

#[test]
fn nor_does_any_of_the_third_quarter() {
    nothing_runs(2);
}

#[test]
fn nor_does_any_of_the_last_quarter() {
    nothing_runs(3);
}

#[test]
fn nor_does_any_in_a_list() {
    nothing_runs(PARTS);
}
