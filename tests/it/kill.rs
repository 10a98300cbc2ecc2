//! The power is cut: the real binary is killed in the middle of its work, again and again, and afterwards everything
//! that was acknowledged is there, once.
//!
//! `CROSSDOCK_KILL_ROUNDS` says how often; `CROSSDOCK_KILL_GROW_MIB` lets the file grow first, and then the start after
//! a kill must take less than a second.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::cli::Folder;
use crate::support::load::Load;
use crate::support::served::{Asker, Served};

const CLIENTS: usize = 4;
/// Steps that bring a parcel back to where it was, so that there is always a next one.
const WAY: [&str; 2] = ["at_depot", "in_transit"];
const STEPS_OF_A_PARCEL: usize = 8;
/// Repeated requests a client and round that must be answered as before.
const REPEATED: usize = 40;

pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// One request, and what was answered if anything was.
pub struct Sent {
    path: String,
    key: String,
    body: Value,
    pub answered: Option<(u16, Value)>,
}

impl Sent {
    fn parcel(&self) -> &str {
        self.body["tracking_number"].as_str().or_else(|| self.path.split('/').nth(4)).unwrap()
    }
}

/// Works until nobody answers any more. Only the last request may have no answer.
pub fn work(asker: &Asker, round: u64, client: usize, load: &Load) -> Vec<Sent> {
    let mut sent = Vec::new();
    for parcel in 0.. {
        let number = format!("K{round}C{client}N{parcel:06}");
        for step in 0..=STEPS_OF_A_PARCEL {
            let (path, body) = match step.checked_sub(1) {
                None => (
                    "/api/v1/parcels".to_owned(),
                    json!({ "tracking_number": number, "status": "in_transit", "recipient": { "name": "Ana" } }),
                ),
                Some(n) => (
                    format!("/api/v1/parcels/{number}/events"),
                    json!({ "status": WAY[n % 2], "note": format!("step {step}") }),
                ),
            };
            let key = format!("{number}-{step}");
            let answer = asker.send(Method::POST, &path, Some(&key), Some(&body));
            let answered = match answer {
                Ok(a) => {
                    assert!((200..300).contains(&a.status), "{path} {body}: {a:?}");
                    load.count();
                    Some((a.status, a.json))
                }
                Err(e) => {
                    assert!(load.is_over(), "no answer before the kill: {e}");
                    None
                }
            };
            let went_through = answered.is_some();
            sent.push(Sent { path, key, body, answered });
            if !went_through {
                return sent;
            }
        }
    }
    sent
}

/// Everything in `sent` is there as it was answered, and what had no answer can be asked again.
pub fn verify(asker: &Asker, sent: &mut [Sent]) {
    if let Some(last) = sent.last_mut().filter(|s| s.answered.is_none()) {
        let again = asker.send(Method::POST, &last.path, Some(&last.key), Some(&last.body)).unwrap();
        assert!((200..300).contains(&again.status), "asked again: {again:?}");
        last.answered = Some((again.status, again.json));
    }
    let from = sent.len().saturating_sub(REPEATED);
    for Sent { path, key, body, answered } in &sent[from..] {
        let again = asker.send(Method::POST, path, Some(key), Some(body)).unwrap();
        let before = answered.as_ref().unwrap();
        assert_eq!((again.status, &again.json), (before.0, &before.1), "{key} is answered otherwise");
        assert_eq!(again.header("idempotent-replay"), "true", "{key}");
    }
    let mut steps: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for s in &*sent {
        steps.entry(s.parcel()).or_default().extend(s.body.get("note"));
    }
    for (parcel, notes) in steps {
        let history = asker.get(&format!("/api/v1/parcels/{parcel}/history"));
        let found: Vec<&Value> = history["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|e| e["event"].get("note"))
            .filter(|n| !n.is_null())
            .collect();
        assert_eq!(found, notes, "{parcel}: {history}");
    }
}

/// Fills the depot by imports until its file is as large as asked for.
fn grow(folder: &Folder, mib: u64) {
    const ROWS: u64 = 50_000;
    let file = folder.data().join("depot.redb");
    let mut made = 0;
    folder.map("grow", &[("shipped", "in_transit")]);
    while std::fs::metadata(&file).unwrap().len() < mib << 20 {
        let mut csv = "tracking_number,status,recipient_name,address\n".to_owned();
        for n in made..made + ROWS {
            csv.push_str(&format!("GROW{n:09},shipped,Recipient {n},Street of the depot {n}\n"));
        }
        made += ROWS;
        let outcome = folder.import("parcels", "grow", &folder.file("grow.csv", csv.as_bytes()));
        assert_eq!(outcome["created"], ROWS, "{outcome}");
    }
    eprintln!("the file was grown to {mib} MiB with {made} parcels");
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let rounds = number("CROSSDOCK_KILL_ROUNDS", 3);
    let grown = number("CROSSDOCK_KILL_GROW_MIB", 0);
    let folder = Folder::depot("Europe/Berlin");
    if grown > 0 {
        grow(&folder, grown);
    }
    let data = folder.data();
    let mut served = Served::start(&data, &[]);
    let mut all: Vec<Sent> = Vec::new();
    for round in 0..rounds {
        let (token, url) = (folder.token(), served.url.clone());
        let (load, begin) = (Arc::new(Load::default()), Arc::new(Barrier::new(CLIENTS + 1)));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (load, begin, asker) = (Arc::clone(&load), Arc::clone(&begin), Asker::new(&url, &token));
                std::thread::spawn(move || {
                    begin.wait();
                    work(&asker, round, client, &load)
                })
            })
            .collect();
        begin.wait();
        load.wait_for(2 * CLIENTS);
        // Another moment each round, spread over a second and some.
        std::thread::sleep(Duration::from_millis(some_number() % 1500));
        load.end();
        served.kill();
        let mut sent: Vec<Vec<Sent>> = clients.into_iter().map(|c| c.join().unwrap()).collect();
        served = Served::start(&data, &[]);
        let acknowledged: usize = sent.iter().flatten().filter(|s| s.answered.is_some()).count();
        eprintln!(
            "round {round}: {acknowledged} changes acknowledged, serving again after {:?}",
            served.ready_in
        );
        if grown > 0 {
            assert!(served.ready_in < Duration::from_secs(1), "it took {:?}", served.ready_in);
        }
        let asker = Asker::new(&served.url, &token);
        sent.iter_mut().for_each(|sent| verify(&asker, sent));
        asker.assert_sound();
        all.extend(sent.into_iter().flatten());
    }
    // What earlier rounds wrote has outlived the later kills.
    let asker = Asker::new(&served.url, &folder.token());
    for s in all.iter().step_by(all.len().div_ceil(200)) {
        asker.get(&format!("/api/v1/parcels/{}", s.parcel()));
    }
    served.stop();
}

/// Some number that is another one at each call.
fn some_number() -> u64 {
    u64::from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_micros())
}
