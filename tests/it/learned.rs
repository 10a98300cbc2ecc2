//! Stale limits learned from history: on a real status log, and through the API of a depot that has seen enough.

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock::base::clock::Timestamp;
use crossdock::deadlines::calendar::Calendar;
use crossdock::deadlines::learned::{SHARE, Stays, usual};
use crossdock::deadlines::policy::{Beside, HouseRules, Policy};
use crossdock::parcels::learn::{Stay, add};
use crossdock::parcels::model::Status;
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::people::depot;
use crate::support::shared::shared;
use crate::support::{BEGIN, Depot};

fn status(word: &str) -> Option<Status> {
    Some(match word {
        "created" | "approved" | "invoiced" | "processing" => Status::Announced,
        "shipped" => Status::InTransit,
        "delivered" => Status::Delivered,
        "canceled" => Status::Cancelled,
        "unavailable" => Status::Disposed,
        _ => return None,
    })
}

/// Every stay in a status that has ended, as the log tells it.
fn stays(path: &std::path::Path, calendar: &Calendar) -> Vec<Stay> {
    let mut by: BTreeMap<String, Vec<(u32, Status, Timestamp)>> = BTreeMap::new();
    for row in csv::Reader::from_path(path).unwrap().records() {
        let row = row.unwrap();
        let at = Timestamp::parse(&row[3].replace(' ', "T"), calendar.zone());
        if let (Some(status), Ok(at)) = (status(&row[2]), at) {
            by.entry(row[0].to_owned()).or_default().push((row[1].parse().unwrap(), status, at));
        }
    }
    let mut all = Vec::new();
    for mut events in by.into_values() {
        events.sort_unstable_by_key(|e| e.0);
        events.dedup_by_key(|e| e.1); // the same status again is no news of where it is
        all.extend(events.windows(2).filter(|w| w[1].2 > w[0].2).map(|w| Stay {
            status: w[0].1,
            from: w[0].2,
            to: w[1].2,
        }));
    }
    all
}

#[test]
fn on_a_real_log_learned_limits_flag_a_few_where_the_default_table_flags_half() {
    let Some(path) = shared("data/olist/status-log.csv") else { return };
    let calendar = Calendar::usual("America/Sao_Paulo").unwrap();
    let mut all = stays(&path, &calendar);
    assert!(all.len() > 4_000, "{}", all.len());
    all.sort_unstable_by_key(|s| s.to);
    // Learned from the first half, judged by the second: nobody knows tomorrow's parcels.
    let (past, future) = all.split_at(all.len() / 2);
    let mut gathered = Stays::default();
    past.iter().for_each(|s| add(&mut gathered, s, None, None, &calendar));
    let limits = gathered.limits(SHARE, past[past.len() - 1].to);
    let rules = HouseRules::usual("America/Sao_Paulo");
    let default = Policy::new(rules.clone()).unwrap();
    let learned = crossdock::deadlines::learned::Learned { limits: limits.clone(), at: None };
    let learned = Policy::with(rules, Beside { learned, ..Beside::default() }).unwrap();
    for status in [Status::Announced, Status::InTransit] {
        let of: Vec<&Stay> = future.iter().filter(|s| s.status == status).collect();
        let flagged = |p: &Policy| {
            let stale =
                |s: &&&Stay| p.stale_at(status.as_str(), None, None, s.from).is_some_and(|at| s.to > at);
            of.iter().filter(stale).count() as f64 / of.len() as f64
        };
        let (before, after) = (flagged(&default), flagged(&learned));
        let limit = limits.iter().find(|l| l.status == status.as_str()).unwrap();
        println!(
            "{status}: {} stays; default {} h flags {:.1} %, learned {} h (from {} stays, median {} h) flags {:.1} %",
            of.len(),
            usual(status.as_str()).unwrap(),
            before * 100.0,
            limit.hours,
            limit.samples,
            limit.median_hours,
            after * 100.0
        );
        assert!(after < before, "{status}: {after} {before}");
        assert!((0.005..0.12).contains(&after), "{status}: {after}");
    }
}

struct Depots(Depot);

impl Depots {
    fn get(&self, path: &str) -> Value {
        self.0.itself(FIRST_TENANT, "GET", path).gives(200).json
    }

    fn put(&self, body: &Value) -> crate::support::Answered {
        let seen = self.0.itself(FIRST_TENANT, "GET", "/stale-limits").send();
        let rev = seen.header("etag").trim_matches('"').parse().unwrap();
        self.0.itself(FIRST_TENANT, "PUT", "/stale-limits").seen(rev).body(body).send()
    }

    /// Announces parcels of a carrier and brings them on the way, each after its own number of hours.
    fn history(&self, carrier: &str, n: usize, hours: impl Fn(usize) -> i64) {
        let at = |h: i64| Timestamp::from_millis(BEGIN - 30 * 24 * 3_600_000 + h * 3_600_000).to_string();
        for i in 0..n {
            let number = format!("{carrier}{i:04}");
            let new = json!({ "tracking_number": number, "carrier": carrier });
            self.0.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201);
            for (status, when) in [("in_transit", 0), ("at_depot", hours(i))] {
                let event = json!({ "status": status, "occurred_at": at(when) });
                self.0
                    .itself(FIRST_TENANT, "POST", &format!("/parcels/{number}/events"))
                    .body(&event)
                    .gives(200);
            }
        }
    }

    fn learn(&self) {
        self.0.itself(FIRST_TENANT, "POST", "/stale-limits/learn").gives(202);
        self.rest();
    }

    fn rest(&self) {
        self.0.wait_until("what was demanded is done", || {
            let jobs = self.get("/jobs?limit=500");
            jobs["items"].as_array().unwrap().iter().all(|j| j["state"] == "done")
        });
    }

    fn of(&self, status: &str) -> (Value, Value) {
        let limits = self.get("/stale-limits");
        let row = limits["statuses"].as_array().unwrap().iter().find(|s| s["status"] == status).unwrap();
        (row["hours"].clone(), row["source"].clone())
    }
}

#[test]
fn a_depot_learns_from_what_it_has_seen_and_its_tenant_has_the_last_word() {
    let d = Depots(depot());
    let always = json!({ "opening": { "zone": "UTC", "hours": "always" }, "stale": [{ "status": "in_transit", "hours": 24 }, { "status": "at_depot", "hours": 12 }], "escalate_at": [50], "currency": "EUR" });
    let rev =
        d.0.itself(FIRST_TENANT, "GET", "/rules").send().header("etag").trim_matches('"').parse().unwrap();
    d.0.itself(FIRST_TENANT, "PUT", "/rules").seen(rev).body(&always).gives(200);
    assert_eq!(d.get("/stale-limits")["min_samples"], 59);
    d.history("slow", 58, |i| 30 + i as i64 % 20);
    d.learn();
    assert_eq!(d.get("/stale-limits")["learned"], json!([]), "58 are too few");
    assert_eq!(d.of("in_transit"), (json!(24), json!("default")));
    d.history("slow2", 1, |_| 49);
    d.learn();
    assert_eq!(d.of("in_transit"), (json!(49), json!("learned")), "{}", d.get("/stale-limits"));
    assert!(!d.get("/stale-limits")["learned_at"].is_null());

    // A parcel on its way becomes stale by the learned limit, and by the default where the tenant says so.
    let new = json!({ "tracking_number": "NEW1", "carrier": "other" });
    d.0.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201);
    d.0.itself(FIRST_TENANT, "POST", "/parcels/NEW1/events")
        .body(&json!({ "status": "in_transit" }))
        .gives(200);
    let stale = || -> Vec<Value> {
        let rows = d.get("/parcels/overdue?by=stale&limit=500");
        let new = |p: &&Value| p["tracking_number"] == "NEW1";
        rows["items"].as_array().unwrap().iter().filter(new).cloned().collect()
    };
    let flagged = || d.get("/parcels/NEW1")["flags"].as_array().unwrap().contains(&json!("stale"));
    d.0.wait(Duration::from_secs(48 * 3_600));
    d.0.running().app.wake.wake();
    d.rest();
    assert!(!flagged() && stale().is_empty());
    let off = d.put(&json!({ "on": false }));
    assert_eq!(off.status, 200, "{off:?}");
    assert_eq!(d.of("in_transit"), (json!(24), json!("default")));
    assert_eq!(stale().len(), 1);
    d.0.wait_until("its deadline was looked at anew", flagged);
    let pinned = d.put(&json!({ "pinned": [{ "status": "in_transit", "hours": 100 }] }));
    assert_eq!(pinned.status, 200, "{pinned:?}");
    assert_eq!(d.of("in_transit"), (json!(100), json!("pinned")));
    assert!(stale().is_empty());
    let wrong = d.put(&json!({ "share_percent": 50 }));
    assert_eq!((wrong.status, &wrong.json["errors"][0]["pointer"]), (422, &json!("/share_percent")));
}

#[test]
fn it_learns_by_itself_at_night() {
    let d = Depots(depot());
    d.0.wait_until("it means to", || {
        let store = &d.0.running().app.store;
        let set =
            store.read(FIRST_TENANT, |tx| crossdock::jobs::schedules::SCHEDULES.get(tx, "parcels.learn"));
        set.unwrap().is_some()
    });
    d.0.wait(Duration::from_secs(24 * 3_600));
    d.0.wait_until("it has", || !d.get("/stale-limits")["learned_at"].is_null());
}
