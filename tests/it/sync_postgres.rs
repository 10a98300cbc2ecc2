//! Headquarters as two processes over one PostgreSQL database: depots come to either, either may be killed, and the
//! stages behind the door go on in the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crossdock::base::clock::Clock;
use serde_json::{Value, json};

use crate::postgres::second_folder;
use crate::relay::Relay;
use crate::support::cli::Folder;
use crate::support::desk::Desk;
use crate::support::pg::Database;
use crate::support::served::{Asker, Served};
use crate::sync::{announce, assert_equal, join, numbers, unsent};

/// How long a process that was killed may keep the other waiting, and then some.
const PATIENCE: Duration = Duration::from_secs(120);

fn address(served: &Served) -> SocketAddr {
    served.url.strip_prefix("http://").unwrap().parse().unwrap()
}

#[test]
fn of_two_headquarters_over_one_database_either_is_killed_and_nothing_is_lost_or_done_twice() {
    const EACH: usize = 40;
    let Some(db) = Database::new() else { return };
    let settings = [("CROSSDOCK__STORE__URL", &*db.url), ("CROSSDOCK__SERVER__ROLE", "hq")];
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let folder = Folder::depot_in("Europe/Berlin", &data, &settings);
    let other = second_folder(&data);
    let serve = |n: usize| Served::start(if n == 0 { &data } else { other.path() }, &settings);
    let mut both = [Some(serve(0)), Some(serve(1))];
    let at = |of: &Option<Served>| address(of.as_ref().unwrap());
    let token = folder.token();
    let asker = Asker::new(&both[0].as_ref().unwrap().url, &token);
    let code = asker.post("/api/v1/sites", &json!({ "name": "North" }))["code"].clone();
    let relay = Relay::to(at(&both[0]));
    let depot = Desk::embedded();
    depot.clock.set(Clock::Wall.now());
    let said = join(&depot, &relay, code.as_str().unwrap());
    assert_eq!(said.status, 200, "{said:?}");
    for round in 0..4 {
        let (dies, lives) = (round % 2, 1 - round % 2);
        announce(&depot, round * EACH, EACH);
        relay.lead_to(at(&both[dies]));
        let victim = both[dies].take().unwrap();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(40 * (1 + round as u64)));
            victim.kill();
        });
        depot.post("/sync/now", &Value::Null);
        killer.join().unwrap();
        relay.lead_to(at(&both[lives]));
        let begun = Instant::now();
        while unsent(&depot) > 0 {
            depot.post("/sync/now", &Value::Null);
            assert!(begun.elapsed() < PATIENCE, "{}", depot.get("/sync").text);
        }
        both[dies] = Some(serve(dies));
        depot.clock.set(Clock::Wall.now());
    }
    assert_equal(&depot);
    assert_eq!(numbers(&depot).len(), 4 * EACH);
    for served in both.iter().flatten() {
        let asker = Asker::new(&served.url, &token);
        let found = asker.get("/api/v1/parcels?limit=500");
        assert_eq!(found["items"].as_array().unwrap().len(), 4 * EACH);
        asker.assert_sound();
    }
    depot.assert_sound();
}
