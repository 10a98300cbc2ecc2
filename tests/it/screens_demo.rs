//! Every page of the demonstration as it comes over the line: whole, light, and from nowhere else.

use crossdock::demo::{fleet, seed, trade};
use crossdock::screens::SCREENS;
use crossdock::web::control::FIRST_TENANT;
use reqwest::Method;

use crate::support::page::Person;
use crate::support::people::{ADMIN, PASSWORD, depot};

/// Bytes that come over the line for a page, with everything that it loads and nothing kept from before.
const MOST: usize = 100_000;

/// Parcels: enough that every list has more than one page.
const PARCELS: u32 = 1_000;

fn packed(person: &Person, path: &str) -> (usize, String) {
    let came = person.send(person.request(Method::GET, path));
    let packed = person.weight(path);
    (packed, came.text)
}

/// What a page or a module loads by itself.
fn loads(text: &str) -> Vec<String> {
    let parts = text.split(['"', '\'', '`']).filter(|p| p.starts_with("/assets/"));
    parts.filter(|p| !p.ends_with(".png")).map(str::to_owned).collect()
}

#[test]
fn every_page_of_the_demonstration_is_whole_and_light() {
    let depot = depot();
    let app = &depot.running().app;
    let now = app.clock.now();
    seed::fill(&app.store, FIRST_TENANT, 1, PARCELS, now).unwrap();
    let hash = crossdock::identity::password::hash(PASSWORD).unwrap();
    let drivers = trade::staff(&app.store, FIRST_TENANT, &hash, now).unwrap();
    trade::fill(&app.store, FIRST_TENANT, &drivers, now).unwrap();
    fleet::fill(&app.store, &app.tracker, FIRST_TENANT, 1, now).unwrap();
    app.gate.changed();
    app.wake.wake();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let gets = SCREENS.iter().flat_map(|s| &s.routes).filter(|r| r.method == "GET");
    let mut paths: Vec<String> = gets.filter(|r| r.path != "/find").map(|r| r.path.to_owned()).collect();
    paths.retain(|p| !p.contains('{'));
    // From each list to the first of what it lists.
    let lists = paths.clone();
    for list in &lists {
        let page = admin.get(list).page();
        let own = |href: &String| href.starts_with(&format!("{list}/")) && !paths.contains(href);
        let found = page.all("a", "href").into_iter().find(own);
        paths.extend(found);
    }
    assert!(paths.len() > lists.len() + 8, "{paths:?}");
    let mut wrong: Vec<String> = Vec::new();
    let (mut heaviest, mut which) = (0, String::new());
    for path in &paths {
        let (html, text) = packed(&admin, path);
        let page = crate::support::page::Page::read(&text);
        // The limit is on what is transferred, which is packed.
        let faults = page.faults(&text).into_iter().filter(|f| !f.ends_with(" bytes"));
        wrong.extend(faults.map(|f| format!("{path}: {f}")));
        let (mut open, mut seen, mut bytes) = (loads(&text), Vec::new(), html);
        while let Some(asset) = open.pop() {
            if seen.contains(&asset) {
                continue;
            }
            let (weight, text) = packed(&admin, &asset);
            bytes += weight;
            open.extend(loads(&text).into_iter().filter(|_| asset.ends_with(".js")));
            seen.push(asset);
        }
        assert!(seen.len() > 5, "{path} loads {seen:?}");
        if bytes > heaviest {
            (heaviest, which) = (bytes, path.clone());
        }
        if bytes > MOST {
            wrong.push(format!("{path}: {bytes} bytes over the line, {html} of them the page"));
        }
    }
    println!(
        "{} pages; the heaviest is {which} with {heaviest} bytes, everything it loads included",
        paths.len()
    );
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}
