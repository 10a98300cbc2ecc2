//! The real binary under an even load that doesn't wait for answers, with a backup and a restart in the middle.
//!
//! `CROSSDOCK_SOAK_SECONDS` makes it long; then the rate is higher and the time to an answer is held to its promise.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::kill::number;
use crate::support::cli::Folder;
use crate::support::served::{Asker, Served};

const SHORT_S: u64 = 5;
const PARCELS: usize = 400;
/// Of a hundred requests: reads of one parcel, changes of status, lists; the rest are new parcels.
const MIX: [usize; 3] = [70, 15, 10];
/// Ninety-five of a hundred answers are there after this, when it is held to it.
const PROMISE: Duration = Duration::from_millis(200);

/// Where requests go now, and with which token.
struct Door {
    url: String,
    token: String,
}

/// One request that is over.
struct Asked {
    /// When it was to be sent: an answer that comes late because of a queue is late all the same.
    due: Instant,
    over: Instant,
    /// Why it counts as failed.
    failed: Option<String>,
    refused: bool,
}

struct Load {
    http: Client,
    door: Mutex<Arc<Door>>,
    /// Where each parcel goes next.
    steps: Vec<AtomicUsize>,
    asked: Mutex<Vec<Asked>>,
}

impl Load {
    fn door(&self) -> Arc<Door> {
        Arc::clone(&self.door.lock().unwrap())
    }

    fn open(&self, url: &str, token: &str) {
        *self.door.lock().unwrap() = Arc::new(Door { url: url.into(), token: token.into() });
    }

    async fn ask(&self, n: usize, due: Instant) {
        // Spread so that every kind of request is in every part of a second; 37 and 100 share no factor.
        let kind = n * 37 % 100;
        let parcel = n * 101 % PARCELS;
        let door = self.door();
        let (get, post) = (Method::GET, Method::POST);
        let (method, path, body) = if kind < MIX[0] {
            (get, format!("/api/v1/parcels/SOAK{parcel}"), None)
        } else if kind < MIX[0] + MIX[1] {
            // Each has its own parcels, so that no two steps of one overtake each other.
            let step = self.steps[parcel].fetch_add(1, Ordering::AcqRel);
            let to = ["at_depot", "in_transit", "on_hold"][step % 3];
            (post, format!("/api/v1/parcels/SOAK{parcel}/events"), Some(json!({ "status": to })))
        } else if kind < MIX[0] + MIX[1] + MIX[2] {
            (get, "/api/v1/parcels?limit=20".to_owned(), None)
        } else {
            (post, "/api/v1/parcels".to_owned(), Some(json!({ "tracking_number": format!("NEW{n}") })))
        };
        let mut request =
            self.http.request(method.clone(), format!("{}{path}", door.url)).bearer_auth(&door.token);
        if let Some(body) = &body {
            request = request.header("idempotency-key", format!("soak-{n}")).json(body);
        }
        let answered = async {
            let response = request.send().await?;
            let (status, wait) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
            response.bytes().await.map(|body| (status, wait, body))
        };
        let (failed, refused) = match answered.await {
            Ok((200..300, _, _)) => (None, false),
            Ok((503, true, _)) => (None, true),
            // The step before this one was lost with the restart, or came later: no failure of the depot's.
            Ok((409, _, body)) if body.windows(18).any(|w| w == b"invalid_transition") => (None, false),
            Ok((status, _, body)) => {
                (Some(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&body))), false)
            }
            Err(e) => (Some(format!("{method} {path}: {e:?}")), false),
        };
        self.asked.lock().unwrap().push(Asked { due, over: Instant::now(), failed, refused });
    }
}

#[test]
fn an_even_load_is_answered_through_a_backup_and_but_for_its_seconds_through_a_restart() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seconds = number("CROSSDOCK_SOAK_SECONDS", SHORT_S);
    let long = seconds > SHORT_S;
    let rate = number("CROSSDOCK_SOAK_RATE", if long { 1_000 } else { 200 });
    let (folder, elsewhere) = (Folder::depot("UTC"), tempfile::tempdir().unwrap());
    let backups = elsewhere.path().join("backups");
    let settings = [("CROSSDOCK__BACKUP__PATH", backups.to_str().unwrap())];
    let data = folder.data();
    let mut served = Served::start(&data, &settings);
    let token = folder.token();
    let asker = Asker::new(&served.url, &token);
    for n in 0..PARCELS {
        asker.post(
            "/api/v1/parcels",
            &json!({ "tracking_number": format!("SOAK{n}"), "status": "in_transit" }),
        );
    }

    let load = Arc::new(Load {
        http: Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap(),
        door: Mutex::new(Arc::new(Door { url: served.url.clone(), token: token.clone() })),
        steps: (0..PARCELS).map(|_| AtomicUsize::new(0)).collect(),
        asked: Mutex::default(),
    });
    let over = Arc::new(AtomicBool::new(false));
    let sender = {
        let (load, over) = (Arc::clone(&load), Arc::clone(&over));
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let (begun, mut tasks) = (Instant::now(), tokio::task::JoinSet::new());
                for n in 0.. {
                    if over.load(Ordering::Acquire) {
                        break;
                    }
                    let due = begun
                        + Duration::from_secs(1) * u32::try_from(n).unwrap() / u32::try_from(rate).unwrap();
                    tokio::time::sleep_until(due.into()).await;
                    let load = Arc::clone(&load);
                    tasks.spawn(async move { load.ask(n, due).await });
                }
                tasks.join_all().await;
            });
        })
    };

    let part = Duration::from_secs(seconds) / 10;
    std::thread::sleep(part * 3);
    let made: Value = asker.post("/api/v1/backups", &json!({}));
    assert!(made["rows"].as_u64().unwrap() > 0, "{made}");
    std::thread::sleep(part * 3);
    let down = Instant::now();
    served.terminate();
    let (code, stopped_in) = served.ended_within(Duration::from_secs(20));
    assert_eq!(code, Some(0), "{}", served.said());
    served = Served::start(&data, &settings);
    load.open(&served.url, &token);
    let up = Instant::now();
    std::thread::sleep(part * 4);
    over.store(true, Ordering::Release);
    sender.join().unwrap();

    let asked = std::mem::take(&mut *load.asked.lock().unwrap());
    // What was under way or due between the signal and the new door.
    let (aside, counted): (Vec<_>, Vec<_>) = asked.into_iter().partition(|a| a.over >= down && a.due <= up);
    let mut times: Vec<Duration> = counted.iter().map(|a| a.over.duration_since(a.due)).collect();
    times.sort();
    let share = |percent: usize| times[(times.len() - 1) * percent / 100];
    let failed: Vec<&str> = counted.iter().filter_map(|a| a.failed.as_deref()).collect();
    let refused = counted.iter().filter(|a| a.refused).count();
    let cut = aside.iter().filter(|a| a.failed.is_some()).count();
    eprintln!(
        "{} requests at {rate} a second: p50 {:?}, p95 {:?}, p99 {:?}; {} failed, {refused} told to wait; down for {:?} (stopped in {stopped_in:?}), {cut} of {} requests of that time without an answer",
        counted.len(),
        share(50),
        share(95),
        share(99),
        failed.len(),
        up.duration_since(down),
        aside.len(),
    );
    assert!(counted.len() as u64 > rate * seconds / 3, "there was no load");
    assert!(failed.len() * 1000 < counted.len(), "{:?}", &failed[..failed.len().min(5)]);
    assert!(
        aside.iter().filter_map(|a| a.failed.as_deref()).all(|why| !why.contains(": 5")),
        "an error of its own"
    );
    if long {
        assert!(share(95) < PROMISE, "p95 is {:?}", share(95));
    }
    Asker::new(&served.url, &token).assert_sound();
    served.stop();
}
