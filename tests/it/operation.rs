//! Stopping in order, and what the commands do with a server and without one.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::cli::{Folder, LOGIN};
use crate::support::load::Load;
use crate::support::served::{Asker, Served};

/// What a client under load saw until the door closed.
#[derive(Default)]
struct Seen {
    taken: Vec<String>,
    unanswered: Vec<String>,
}

#[test]
fn a_stop_under_load_answers_what_it_has_taken_and_the_next_start_finds_it_at_once() {
    let folder = Folder::depot("UTC");
    let data = folder.data();
    let mut served = Served::start(&data, &[]);
    let (token, load) = (folder.token(), Arc::new(Load::default()));
    let clients: Vec<_> = (0..6)
        .map(|client| {
            let (asker, load) = (Asker::new(&served.url, &token), Arc::clone(&load));
            std::thread::spawn(move || {
                let mut seen = Seen::default();
                for n in 0.. {
                    let number = format!("STOP{client}-{n:05}");
                    let body = json!({ "tracking_number": number });
                    match asker.send(Method::POST, "/api/v1/parcels", Some(&number), Some(&body)) {
                        Ok(a) if a.status == 201 => {
                            load.count();
                            seen.taken.push(number);
                        }
                        // Told in order that it is over.
                        Ok(a) if a.status == 503 && load.is_over() => break,
                        Ok(a) => panic!("{a:?}"),
                        Err(e) => {
                            assert!(load.is_over(), "before the stop: {e}");
                            // The door was closed, or the line while the request was on its way: nobody was told
                            // anything, so the client asks again under the same key.
                            if !e.contains("ConnectionRefused") {
                                seen.unanswered.push(number);
                            }
                            break;
                        }
                    }
                }
                seen
            })
        })
        .collect();
    load.wait_for(100);
    load.end();
    served.terminate();
    let (code, took) = served.ended_within(Duration::from_secs(20));
    assert_eq!(code, Some(0), "{}", served.said());
    assert!(!data.join("control.json").exists());
    let seen: Vec<Seen> = clients.into_iter().map(|c| c.join().unwrap()).collect();
    let taken: usize = seen.iter().map(|s| s.taken.len()).sum();

    let served = Served::start(&data, &[]);
    eprintln!("{taken} requests; stopped in {took:?}, serving again after {:?}", served.ready_in);
    assert!(served.ready_in < Duration::from_secs(5), "{:?}", served.ready_in);
    let asker = Asker::new(&served.url, &token);
    for number in seen.iter().flat_map(|s| &s.taken) {
        asker.get(&format!("/api/v1/parcels/{number}"));
    }
    for number in seen.iter().flat_map(|s| &s.unanswered) {
        let body = json!({ "tracking_number": number });
        let again = asker.send(Method::POST, "/api/v1/parcels", Some(number), Some(&body)).unwrap();
        assert_eq!(again.status, 201, "{again:?}");
    }
    asker.assert_sound();
    served.stop();
}

#[test]
fn a_second_server_on_a_folder_is_refused_in_words_and_the_first_goes_on() {
    let folder = Folder::depot("UTC");
    let served = Served::start(&folder.data(), &[]);
    let words = ["serve", "--listen", "127.0.0.1:0", "--no-tls", "--data-dir"].map(Into::into);
    let second = folder.run(words.into_iter().chain([folder.data().into_os_string()]));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains(folder.data().to_str().unwrap()) && said.contains("stop that one first"), "{said}");
    assert!(second.stdout.is_empty(), "it never says that it serves");
    let asker = Asker::new(&served.url, &folder.token());
    asker.post("/api/v1/parcels", &json!({ "tracking_number": "GOES-ON" }));
    assert!(folder.data().join("control.json").exists());
    served.stop();
}

#[test]
fn the_commands_answer_the_same_with_a_server_and_without_one() {
    let folder = Folder::depot("UTC");
    let data = folder.data();
    let elsewhere = tempfile::tempdir().unwrap();
    let answers = |to: &str| {
        let stats = folder.json("stats", &["--json", "--at", "2030-01-01T00:00:00Z"]);
        let check = folder.json("check", &[]);
        assert_eq!(check["clean"], true, "{check}");
        assert!(folder.json("verify", &[])["broken_at"].is_null());
        let to = elsewhere.path().join(to);
        let made = folder.json("backup", &["--to", to.to_str().unwrap()]);
        assert_eq!(made["folder"], to.to_str().unwrap());
        let users = folder.json("user list", &[]);
        assert_eq!(users["items"][0]["login"], LOGIN);
        (stats, folder.token())
    };
    let (without, token) = answers("without");
    let served = Served::start(&data, &[]);
    // A token made by a command is one of the folder's, not of the process that made it.
    Asker::new(&served.url, &token).get("/api/v1/parcels");
    let (with, token) = answers("with");
    assert_eq!(with, without);
    Asker::new(&served.url, &token).get("/api/v1/parcels");
    assert_eq!(folder.json("status", &[])["running"], true);
    served.stop();
    assert!(!data.join("control.json").exists());
}
