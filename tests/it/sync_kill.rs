//! Two real processes and a line between them: either is killed at any moment, again and again, and afterwards both hold
//! the same. `CROSSDOCK_SYNC_KILLS` says how often.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kill::number;
use crate::relay::{Fate, Relay};
use crate::support::cli::Folder;
use crate::support::served::{Asker, Served};

/// How long the two may take to agree.
const PATIENCE: Duration = Duration::from_secs(120);

fn serve(folder: &Folder) -> Served {
    Served::start(&folder.data(), &[("CROSSDOCK__SYNC__EVERY_S", "1"), ("CROSSDOCK__STORE__GROUP_MS", "1")])
}

fn address(served: &Served) -> SocketAddr {
    served.url.strip_prefix("http://").unwrap().parse().unwrap()
}

fn said(folder: &Folder, args: &[&str]) -> String {
    let data = folder.data();
    let args: Vec<std::ffi::OsString> = args.iter().map(Into::into).collect();
    let out = folder.run(args.into_iter().chain(["--data-dir".into(), data.into_os_string()]));
    let text = |b: &[u8]| String::from_utf8_lossy(b).trim().to_owned();
    assert!(out.status.success(), "{}\n{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout)
}

/// Announces parcels until told to end; returns the numbers that were taken.
fn work(asker: &Asker, round: u64, over: &AtomicBool) -> Vec<String> {
    let mut taken = Vec::new();
    for at in 0.. {
        let number = format!("S{round:03}N{at:06}");
        let new =
            json!({ "tracking_number": number, "status": "in_transit", "recipient": { "name": "Ana" } });
        let answer = asker.send(reqwest::Method::POST, "/api/v1/parcels", Some(&number), Some(&new));
        match answer {
            Ok(a) => {
                assert_eq!(a.status, 201, "{a:?}");
                taken.push(number);
            }
            Err(e) => {
                assert!(over.load(Ordering::Acquire), "no answer before the kill: {e}");
                return taken;
            }
        }
        if over.load(Ordering::Acquire) {
            return taken;
        }
    }
    taken
}

#[test]
fn either_side_may_be_killed_at_any_moment() {
    let rounds = number("CROSSDOCK_SYNC_KILLS", 6);
    let (hq_folder, folder) = (Folder::hq(), Folder::depot("UTC"));
    let mut hq = serve(&hq_folder);
    let relay = Relay::to(address(&hq));
    let code = said(&hq_folder, &["hq", "enrol", "--depot", "North"]);
    let mut depot = serve(&folder);
    let joined = said(&folder, &["sync", "join", "--hq", &relay.url(), "--code", &code]);
    assert!(joined.contains("as depot 1"), "{joined}");
    let token = folder.token();
    let mut taken = Vec::new();
    let mut at = 0_u64;
    relay.plan(move |_| {
        at += 1;
        if at.is_multiple_of(11) {
            Fate::Unanswered
        } else if at.is_multiple_of(7) {
            Fate::Torn
        } else {
            Fate::Pass
        }
    });
    for round in 0..rounds {
        let over = Arc::new(AtomicBool::new(false));
        let worker = {
            let (asker, over) = (Asker::new(&depot.url, &token), Arc::clone(&over));
            std::thread::spawn(move || work(&asker, round, &over))
        };
        // Somewhere in the middle of an exchange, at another moment each time.
        std::thread::sleep(Duration::from_millis(600 + 173 * (round * 5 % 7)));
        over.store(true, Ordering::Release);
        if round % 2 == 0 {
            hq.kill();
            taken.extend(worker.join().unwrap());
            hq = serve(&hq_folder);
            relay.lead_to(address(&hq));
        } else {
            depot.kill();
            taken.extend(worker.join().unwrap());
            depot = serve(&folder);
        }
    }
    relay.mend();
    let begun = Instant::now();
    let here = Asker::new(&depot.url, &token);
    loop {
        let status = here.get("/api/v1/sync");
        let unsent: u64 = ["business", "audit"].iter().map(|l| status["unsent"][l].as_u64().unwrap()).sum();
        if unsent == 0 && status["online"] == true {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{status}\n{}", depot.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    let verified = said(&folder, &["sync", "verify"]);
    assert!(verified.contains("hold the same"), "{verified}");
    let words = said(&folder, &["sync", "status"]);
    assert!(words.contains("Headquarters has everything"), "{words}");
    let there = Asker::new(&hq.url, &hq_folder.token());
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = there.get(&format!("/api/v1/parcels?limit=500{cursor}"));
        let items = page["items"].as_array().unwrap();
        all.extend(items.iter().map(|p| p["tracking_number"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(count, all.len(), "a parcel is there twice");
    assert!(taken.len() > 10, "{}", taken.len());
    for number in &taken {
        assert!(all.binary_search(number).is_ok(), "{number} was taken and is not at headquarters");
    }
    let sites: Value = serde_json::from_str(&said(&hq_folder, &["hq", "sites"])).unwrap();
    assert_eq!((&sites[0]["name"], &sites[0]["state"]), (&json!("North"), &json!("ok")), "{sites}");
    for asker in [&here, &there] {
        asker.assert_sound();
    }
}
