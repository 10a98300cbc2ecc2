//! The day another system is switched off: its people, vehicles, deliveries, customers and open cases come over by file, and
//! what is there and not here is counted.

use std::time::Duration;

use crossdock::config::choices::MailSecurity;
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::people::{ADMIN, depot, depot_with, text};
use crate::support::sink::Sink;
use crate::support::{Answered, Depot};

/// Sends a file and waits for what becomes of it.
fn import(depot: &Depot, kind: &str, more: &str, file: &str) -> Value {
    let path = format!("/imports?kind={kind}&source=old{more}");
    let begun = depot.itself(FIRST_TENANT, "POST", &path).text("text/csv", file).gives(202).json;
    let path = format!("/imports/{}", text(&begun, "id"));
    let mut seen = Value::Null;
    depot.until("the import is done", |d| {
        seen = d.itself(FIRST_TENANT, "GET", &path).gives(200).json;
        ["done", "failed"].contains(&seen["state"].as_str().unwrap())
    });
    assert_eq!(seen["state"], "done", "{seen}");
    seen
}

/// Rows, created, updated, unchanged, refused.
fn counts(import: &Value) -> [u64; 5] {
    ["rows", "created", "updated", "unchanged", "refused"].map(|v| import[v].as_u64().unwrap())
}

/// The refused rows: line and reason.
fn refused(depot: &Depot, import: &Value) -> Vec<(String, String)> {
    let path = format!("/imports/{}/errors.csv", text(import, "id"));
    let errors = depot.itself(FIRST_TENANT, "GET", &path).gives(200).text;
    let mut reader = csv::Reader::from_reader(errors.strip_prefix('\u{feff}').unwrap_or(&errors).as_bytes());
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|h| h == name).unwrap_or(usize::MAX);
    let (why, line) = (at("error"), at("line"));
    reader.records().map(Result::unwrap).map(|r| (r[line].to_owned(), r[why].to_owned())).collect()
}

fn get(depot: &Depot, path: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", path).gives(200).json
}

fn items(depot: &Depot, path: &str) -> Vec<Value> {
    get(depot, path)["items"].as_array().unwrap().clone()
}

const USERS: &str = "username,name,email,role,active\n\
    dan,Dan Driver,dan@example.com,driver,yes\n\
    eve,Eve Clerk,eve@example.com,clerk,yes\n\
    zed,Zed,zed@example.com,wizard,yes\n";
const VEHICLES: &str = "vehicle,placa,capacity_kg,skills,active\n\
    Van 1,AB-123,800,tail_lift;cooled,yes\n\
    Van 2,AB-124,-5,,yes\n";
const DRIVERS: &str = "name,login,phone,licence,vehicle\n\
    Dan Driver,dan,+49 221 4711090,B,Van 1\n\
    Nobody,nobody,,B,Van 1\n";
const PARCELS: &str = "tracking_number,status,status_at\nP1,in_transit,2026-11-01T10:00:00Z\nP2,in_transit,2026-11-01T10:00:00Z\n";
const CUSTOMERS: &str = "customer_id,name,phone,email,address,city\n\
    c-1,Ann Lee,+1 555 0100,ann@example.com,456 Oak Ave,City\n\
    c-2,,,,,\n";
const DELIVERIES: &str = "id,status,status_at,created_at,customer,phone,address,city,assigned_to,tracking_number,weight_kg,priority\n\
    d-1,assigned,2026-11-20T09:00:00Z,2026-11-19T08:00:00Z,Ann,+1 555 0100,456 Oak Ave,City,dan,P1,5.5,high\n\
    d-2,Out for delivery,2026-11-21T09:00:00Z,2026-11-19T09:00:00Z,Bob,,1 Elm St,City,dan,P2,1,normal\n\
    d-3,delivered,2026-11-18T12:00:00Z,2026-11-17T09:00:00Z,Cid,,2 Elm St,City,dan,,1,normal\n\
    d-4,pending,,2026-11-19T10:00:00Z,Dee,,3 Elm St,City,,P9,1,normal\n\
    d-5,lost in space,,,Eli,,4 Elm St,City,,,1,normal\n";
const CASES: &str = "id,tracking_number,reason,status,owner,opened_at,note\n\
    k-1,P1,address_incomplete,in progress,eve,2026-11-01T08:00:00Z,no house number\n\
    k-2,,Dog bites,open,,2026-11-10T08:00:00Z,front yard\n\
    k-3,P2,damaged,closed,eve,2026-11-02T08:00:00Z,\n\
    k-4,P2,damaged,open,nobody,2026-11-02T08:00:00Z,\n";

fn all_over(depot: &Depot) {
    for (kind, file, verdicts) in [
        ("users", USERS, [3, 2, 0, 0, 1]),
        ("vehicles", VEHICLES, [2, 1, 0, 0, 1]),
        ("drivers", DRIVERS, [2, 1, 0, 0, 1]),
        ("customers", CUSTOMERS, [2, 1, 0, 0, 1]),
        ("deliveries", DELIVERIES, [5, 3, 0, 0, 2]),
        ("cases", CASES, [4, 2, 0, 0, 2]),
    ] {
        let dry = import(depot, kind, "&dry_run=true", file);
        let done = import(depot, kind, "", file);
        assert_eq!(counts(&done), verdicts, "{kind}: {:?}", refused(depot, &done));
        assert_eq!(counts(&dry), verdicts, "{kind}: it happens as it was said");
        let again = import(depot, kind, "", file);
        let unchanged = [verdicts[0], 0, 0, verdicts[1], verdicts[4]];
        assert_eq!(counts(&again), unchanged, "{kind}: a second time changes nothing");
        let undo = depot.itself(FIRST_TENANT, "POST", &format!("/imports/{}/undo", text(&done, "id"))).send();
        assert_eq!(undo.problem(), (409, "import.state"), "{kind}");
    }
}

#[test]
fn people_vehicles_deliveries_customers_and_open_cases_come_over_and_nobody_is_told() {
    let sink = Sink::open(0);
    let port = sink.port;
    let depot = depot_with(|c| {
        c.mail.host = "127.0.0.1".into();
        c.mail.port = port;
        c.mail.security = MailSecurity::None;
        c.mail.from = "depot@example.com".into();
        c.mail.digest_every_s = 0;
        c.deliveries.tell_recipients = true;
    });
    let boss = json!({ "email": "boss@example.com" });
    depot.user(FIRST_TENANT, "boss", "supervisor", boss);
    import(&depot, "parcels", "", PARCELS);
    let mails = sink.mails().len();
    all_over(&depot);

    let first = get(&depot, "/deliveries/1");
    assert_eq!((&first["status"], &first["assigned_to"]["name"]), (&json!("assigned"), &json!("Dan Driver")));
    assert_eq!(
        (&first["elsewhere"], &first["created_at"], &first["delivery_address"]),
        (
            &json!({ "source": "old", "reference": "d-1" }),
            &json!("2026-11-19T08:00:00Z"),
            &json!("456 Oak Ave, City")
        )
    );
    let steps = items(&depot, "/deliveries/2/history");
    let went: Vec<&str> = steps.iter().map(|s| s["status"].as_str().unwrap()).collect();
    assert_eq!(went, ["created", "assigned", "in_transit"]);
    assert_eq!(get(&depot, "/deliveries/3")["status"], "completed");
    assert_eq!(
        text(&get(&depot, "/parcels/P2"), "status"),
        "in_transit",
        "a file says how things stand; no parcel moves"
    );
    // Work goes on here, and from then on the old system's word counts no more.
    let dan = depot.token("dan");
    let done = json!({ "status": "completed", "proof": { "name": "Bob" } });
    depot.ask(&dan, "PATCH", "/deliveries/2/status").body(&done).gives(200);
    assert_eq!(counts(&import(&depot, "deliveries", "", DELIVERIES)), [5, 0, 0, 3, 2]);
    assert_eq!(get(&depot, "/deliveries/2")["status"], "completed");

    let drivers = get(&depot, "/drivers");
    assert!(drivers.to_string().contains("+49 221 4711090"), "{drivers}");
    let customers = items(&depot, "/customers");
    assert_eq!(
        (customers.len(), &customers[0]["name"], &customers[0]["reference"]),
        (1, &json!("Ann Lee"), &json!("c-1"))
    );
    let cases = items(&depot, "/cases?limit=50");
    let case = |detail: &str| cases.iter().find(|c| c["detail"].as_str().unwrap().contains(detail)).unwrap();
    let (ours, dog) = (case("no house number"), case("Dog bites: front yard"));
    assert_eq!((&ours["state"], &ours["owner"]["name"]), (&json!("in_progress"), &json!("Eve Clerk")));
    assert_eq!(
        (&ours["opened_at"], &ours["subject"]["label"]),
        (&json!("2026-11-01T08:00:00Z"), &json!("P1"))
    );
    assert_eq!((&dog["state"], &dog["overdue"]), (&json!("open"), &json!(true)), "its age counts: {dog}");

    // Nobody was written to, and nobody is later of what passed before.
    depot.wait(Duration::from_secs(600));
    depot.running().app.wake.wake();
    depot.until("all that runs by itself has run", |d| {
        let jobs = |state: &str| items(d, &format!("/jobs?state={state}")).len();
        jobs("running") == 0
    });
    let new: Vec<String> = sink.mails().split_off(mails);
    let about_import =
        |m: &&String| m.contains("Dog bites") || m.contains("no house number") || m.contains("given to you");
    assert_eq!(new.iter().filter(about_import).count(), 0, "{new:?}");
    let told = depot.ask(&depot.token("boss"), "GET", "/notifications").gives(200).json;
    assert!(!told.to_string().contains("Dog bites"), "{told}");
    let check = get(&depot, "/check");
    assert_eq!(check["clean"], true, "{check}");
}

#[test]
fn what_can_not_come_over_goes_back_with_line_and_reason() {
    let depot = depot();
    import(&depot, "parcels", "", PARCELS);
    let reasons = |kind: &str, file: &str| refused(&depot, &import(&depot, kind, "", file));
    let users = reasons("users", USERS);
    assert_eq!(users[0].0, "4");
    assert!(users[0].1.contains("wizard"), "{users:?}");
    let vehicles = reasons("vehicles", VEHICLES);
    assert!(vehicles[0].1.contains("capacity_kg") && vehicles[0].0 == "3", "{vehicles:?}");
    let drivers = reasons("drivers", DRIVERS);
    assert!(drivers[0].1.contains("no user \"nobody\""), "{drivers:?}");
    let deliveries = reasons("deliveries", DELIVERIES);
    assert!(deliveries[0].1.contains("P9") && deliveries[1].1.contains("lost in space"), "{deliveries:?}");
    let cases = reasons("cases", CASES);
    assert!(
        cases[0].1.contains("only open cases") && cases[1].1.contains("nobody who works here"),
        "{cases:?}"
    );
    // What only the writer finds out of orders, products and stock goes back as well.
    import(&depot, "products", "", "product_id,name\nS1,Phone\n");
    let stock = import(&depot, "stock", "", "product_id,items\nS1,5\nS9,7\nS8,x\n");
    assert_eq!(counts(&stock), [3, 1, 0, 0, 2]);
    let mut lines = refused(&depot, &stock);
    lines.sort();
    assert!(lines[0].0 == "3" && lines[0].1.contains("no product \"S9\""), "{lines:?}");
    assert_eq!((lines.len(), lines[1].0.as_str()), (2, "4"));
}

#[test]
fn what_is_there_and_not_here_is_counted_state_by_state() {
    let depot = depot();
    import(&depot, "parcels", "", PARCELS);
    import(&depot, "users", "", USERS);
    import(&depot, "deliveries", "", DELIVERIES);
    let before = get(&depot, "/deliveries?limit=50");
    let theirs = "id,status,customer,address\n\
        d-1,assigned,Ann,x\n\
        d-2,delivered,Bob,x\n\
        d-3,delivered,Cid,x\n\
        d-8,assigned,Gus,x\n\
        d-9,assigned,Hal,x\n";
    let seen = import(&depot, "deliveries", "&compare=true", theirs);
    assert_eq!(
        seen["comparison"],
        json!({
            "assigned": { "theirs": 3, "same": 1, "different": 0, "missing": 2 },
            "delivered": { "theirs": 2, "same": 1, "different": 1, "missing": 0 },
        }),
        "{seen}"
    );
    let rows = refused(&depot, &seen);
    let said: Vec<(&str, &str)> = rows.iter().map(|(l, w)| (l.as_str(), w.as_str())).collect();
    assert_eq!(said, [("3", "is in_transit here"), ("5", "is not here"), ("6", "is not here")]);
    assert_eq!(get(&depot, "/deliveries?limit=50"), before, "nothing was changed");
    let parcels =
        import(&depot, "parcels", "&compare=true", "tracking_number,status\nP1,in_transit\nP7,in_transit\n");
    assert_eq!(
        parcels["comparison"],
        json!({ "in_transit": { "theirs": 2, "same": 1, "different": 0, "missing": 1 } }),
        "{parcels}"
    );
    assert_eq!(refused(&depot, &parcels), [("3".to_owned(), "is not here".to_owned())]);
    let cases = import(&depot, "cases", "&compare=true", CASES);
    assert_eq!(cases["comparison"]["open"]["missing"], 2, "{cases}");
}

#[test]
fn by_file_nobody_may_do_what_they_may_not_by_hand() {
    let depot = depot();
    depot.role(FIRST_TENANT, "importer", &["imports.run", "imports.view", "profile.own"], "tenant");
    depot.user(FIRST_TENANT, "ivy", "importer", json!({}));
    let ivy = depot.token("ivy");
    let send = |kind: &str, more: &str, file: &str| -> Answered {
        let path = format!("/imports?kind={kind}&source=old{more}");
        depot.ask(&ivy, "POST", &path).text("text/csv", file).send()
    };
    for (kind, file) in [
        ("users", USERS),
        ("vehicles", VEHICLES),
        ("drivers", DRIVERS),
        ("deliveries", DELIVERIES),
        ("cases", CASES),
    ] {
        assert_eq!(send(kind, "", file).problem(), (403, "access.denied"), "{kind}");
        assert_eq!(send(kind, "&compare=true", file).status, 202, "{kind}: to compare changes nothing");
    }
    // One who may add users gives nobody more than they have.
    depot.role(
        FIRST_TENANT,
        "hirer",
        &["imports.run", "imports.view", "users.edit", "users.view", "profile.own"],
        "tenant",
    );
    depot.user(FIRST_TENANT, "hal", "hirer", json!({}));
    let hal = depot.token("hal");
    let file = "login,name,role\nmax,Max,super_admin\n";
    let begun =
        depot.ask(&hal, "POST", "/imports?kind=users&source=old").text("text/csv", file).gives(202).json;
    let path = format!("/imports/{}", text(&begun, "id"));
    depot.until("it is done", |d| get(d, &path)["state"] == "done");
    assert_eq!(counts(&get(&depot, &path)), [1, 0, 0, 0, 1]);
    let token = depot.token(ADMIN);
    let users = depot.ask(&token, "GET", "/users?limit=50").gives(200).text;
    assert!(!users.contains("\"max\""), "{users}");
}
