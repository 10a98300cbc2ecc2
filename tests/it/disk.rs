//! The disk runs full under the real binary, and is given room again. Needs the right to mount a small file system.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossdock::store::space;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Answered;
use crate::support::cli::Folder;
use crate::support::served::{Asker, Served};

const DISK_MIB: u64 = 224;
const SETTINGS: [(&str, &str); 4] = [
    ("CROSSDOCK__STORE__BALLAST_MIB", "16"),
    ("CROSSDOCK__STORE__READ_ONLY_MIB", "32"),
    ("CROSSDOCK__STORE__IMPORT_STOP_MIB", "64"),
    ("CROSSDOCK__STORE__IMPORT_STOP_PERCENT", "0"),
];
const PATIENCE: Duration = Duration::from_secs(20);

/// A small disk of its own, given back at the end.
struct Disk {
    at: tempfile::TempDir,
}

impl Disk {
    /// None where mounting is not allowed.
    fn mount() -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_MIB}m,mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "crossdock-test"])
            .arg(at.path())
            .output();
        mounted.is_ok_and(|out| out.status.success()).then_some(Self { at })
    }

    fn path(&self) -> &Path {
        self.at.path()
    }

    fn free(&self) -> u64 {
        space::free(self.path()).unwrap().0
    }

    /// Writes to a file beside the depot until no more than `left` bytes are free.
    fn fill_to(&self, left: u64) {
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        let zeros = vec![0_u8; 256 << 10];
        while self.free() > left {
            let n = usize::try_from(self.free() - left).unwrap().min(zeros.len());
            if file.write_all(&zeros[..n]).is_err() {
                break;
            }
        }
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.at.path()).status();
        assert!(
            std::thread::panicking() || unmounted.is_ok_and(|s| s.success()),
            "the small disk stays mounted"
        );
    }
}

fn create(asker: &Asker, number: &str) -> Answered {
    let body =
        json!({ "tracking_number": number, "recipient": { "name": "Ana" }, "remark": "x".repeat(800) });
    asker.send(Method::POST, "/api/v1/parcels", Some(number), Some(&body)).unwrap()
}

fn import(asker: &Asker) -> Answered {
    asker
        .send(Method::POST, "/api/v1/imports?kind=parcels&source=foo", None, Some(&json!("tracking_number")))
        .unwrap()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "still not: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn refused_for_now(a: &Answered) -> bool {
    a.status == 503 && a.header("retry-after").parse::<u32>().is_ok_and(|s| s > 0)
}

#[test]
fn a_full_disk_stops_imports_first_then_changes_never_reading_and_room_brings_all_back() {
    let Some(disk) = Disk::mount() else {
        eprintln!("SKIP: no small disk can be mounted here (needs root); the full disk was NOT tried");
        return;
    };
    let data = disk.path().join("data");
    let folder = Folder::depot_in("UTC", &data, &SETTINGS);
    let mut served = Served::start(&data, &SETTINGS);
    let token = folder.token();
    let asker = Asker::new(&served.url, &token);
    assert!(data.join("ballast").exists());
    assert_eq!(create(&asker, "FIRST").status, 201);
    assert_eq!(import(&asker).status, 202);

    // Somebody writes all the time and hears nothing but yes and "not now".
    let (over, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::<String>::new())));
    let writer = {
        let (over, taken, asker) = (Arc::clone(&over), Arc::clone(&taken), Asker::new(&served.url, &token));
        std::thread::spawn(move || {
            let mut refused = 0_u32;
            for n in 0.. {
                if over.load(Ordering::Acquire) {
                    break;
                }
                let number = format!("W{n:06}");
                let answer = create(&asker, &number);
                if answer.status == 201 {
                    taken.lock().unwrap().push(number);
                } else {
                    assert!(refused_for_now(&answer), "{answer:?}");
                    refused += 1;
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            refused
        })
    };

    until("imports stop while changes go on", || {
        disk.fill_to(48 << 20);
        refused_for_now(&import(&asker))
    });
    assert_eq!(create(&asker, "WHILE-LOW").status, 201, "people still work");

    until("changes stop", || {
        disk.fill_to(24 << 20);
        refused_for_now(&create(&asker, "TOO-MUCH"))
    });
    let full = create(&asker, "TOO-MUCH");
    assert_eq!(full.problem().0, 503);
    disk.fill_to(0);
    assert!(disk.free() < 1 << 20);
    for _ in 0..20 {
        assert!(refused_for_now(&create(&asker, "TOO-MUCH")));
        assert_eq!(asker.get("/api/v1/parcels/FIRST")["tracking_number"], "FIRST");
        assert_eq!(asker.get("/api/v1/parcels/WHILE-LOW")["tracking_number"], "WHILE-LOW");
        asker.get("/api/v1/parcels?limit=50");
    }
    let health = asker.get("/api/v1/health/detailed");
    assert_eq!((&health["status"], &health["store"]["writable"]), (&json!("degraded"), &json!(false)));
    assert_eq!(asker.send(Method::GET, "/readyz", None, None).unwrap().status, 503);

    std::fs::remove_file(disk.filler()).unwrap();
    until("changes are taken again", || create(&asker, "TOO-MUCH").status == 201);
    until("imports are taken again", || import(&asker).status == 202);
    until("the supervisor hears it", || {
        asker.send(Method::GET, "/readyz", None, None).unwrap().status == 200
    });
    over.store(true, Ordering::Release);
    assert!(writer.join().unwrap() > 0, "the writer never met the full disk");

    let all_there = |asker: &Asker| {
        for number in taken.lock().unwrap().iter() {
            let found: Value = asker.get(&format!("/api/v1/parcels/{number}"));
            assert_eq!(&found["tracking_number"], number);
        }
    };
    all_there(&asker);
    asker.assert_sound();
    served.terminate();
    assert_eq!(served.ended_within(PATIENCE).0, Some(0));
    drop(served);
    let served = Served::start(&data, &SETTINGS);
    all_there(&Asker::new(&served.url, &token));
    served.stop();
}

#[test]
fn a_file_that_is_gone_ends_the_process_and_is_never_begun_anew() {
    let at = tempfile::tempdir().unwrap();
    let data = at.path().join("data");
    let folder = Folder::depot_in("UTC", &data, &[]);
    let token = folder.token();
    let (file, away) = (data.join("depot.redb"), data.join("depot.away"));
    let most = std::fs::metadata(&file).unwrap().len();
    let mut served = Served::start_capped(&data, &[], most);
    let asker = Asker::new(&served.url, &token);
    assert_eq!(create(&asker, "FIRST").status, 201);
    std::fs::rename(&file, &away).unwrap();
    let mut taken = vec!["FIRST".to_owned()];
    loop {
        let number = format!("W{:06}", taken.len());
        match create(&asker, &number).status {
            201 => taken.push(number),
            status => break assert_eq!(status, 503),
        }
    }
    let code = served.ended_within(PATIENCE * 2).0;
    let said = served.said();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("could not even be read"), "{said}");
    assert!(!file.exists(), "an empty depot would be taken for the depot");
    drop(served);

    std::fs::rename(&away, &file).unwrap();
    let served = Served::start(&data, &[]);
    let asker = Asker::new(&served.url, &token);
    for number in &taken {
        assert_eq!(&asker.get(&format!("/api/v1/parcels/{number}"))["tracking_number"], number);
    }
    asker.assert_sound();
    served.stop();
}
