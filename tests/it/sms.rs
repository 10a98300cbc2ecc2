//! Text messages through a gateway that is down, slow, or lies; and a weekend without a line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossdock::config::Config;
use crossdock::config::choices::MailSecurity;
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::people::{ADMIN, depot_with, text};
use crate::support::sink::Sink;

/// What the gateway does with a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Takes,
    /// 503, and nothing is taken.
    Fails,
    /// Takes it and never says so.
    TakesInSilence,
    /// Says 200 with a page of its own.
    Lies,
    /// Says it took another one.
    Confuses,
    /// Will never take it.
    Refuses,
}

#[derive(Default)]
struct Inside {
    mood: Mutex<Option<Mood>>,
    /// Every request it had: the id, the number, the text.
    asked: Mutex<Vec<(String, String, String)>>,
    /// What it sent on, by id: one that honours ids sends each once.
    sent: Mutex<BTreeMap<String, (String, String)>>,
    closed: AtomicBool,
    hanging: Mutex<Vec<TcpStream>>,
}

struct Gateway {
    port: u16,
    inside: Arc<Inside>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    fn open(port: u16, mood: Mood) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let inside = Arc::new(Inside { mood: Mutex::new(Some(mood)), ..Inside::default() });
        let shared = Arc::clone(&inside);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.closed.load(Ordering::Acquire) {
                    return;
                }
                let (inside, stream) = (Arc::clone(&shared), stream.unwrap());
                std::thread::spawn(move || serve(stream, &inside));
            }
        });
        Self { port, inside, thread: Some(thread) }
    }

    fn is(&self, mood: Mood) {
        *self.inside.mood.lock().unwrap() = Some(mood);
    }

    fn asked(&self) -> usize {
        self.inside.asked.lock().unwrap().len()
    }

    fn sent(&self) -> BTreeMap<String, (String, String)> {
        self.inside.sent.lock().unwrap().clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.inside.closed.store(true, Ordering::Release);
        self.inside.hanging.lock().unwrap().clear();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn serve(mut stream: TcpStream, inside: &Inside) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut key, mut line) = (0, String::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        let low = line.to_ascii_lowercase();
        if let Some(n) = low.strip_prefix("content-length: ") {
            length = n.trim().parse().unwrap();
        } else if let Some(k) = low.strip_prefix("idempotency-key: ") {
            k.trim().clone_into(&mut key);
        } else if low.starts_with("authorization: ") {
            assert_eq!(line.trim(), "authorization: Bearer sesame");
        }
        line.clear();
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() || length == 0 {
        return;
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    let (id, to, said) = (text(&body, "id"), text(&body, "to"), text(&body, "text"));
    assert_eq!((&id, &body["from"]), (&key, &json!("Depot")));
    inside.asked.lock().unwrap().push((id.clone(), to.clone(), said.clone()));
    let mood = inside.mood.lock().unwrap().unwrap();
    if matches!(mood, Mood::Takes | Mood::TakesInSilence) {
        inside.sent.lock().unwrap().entry(id.clone()).or_insert((to, said));
    }
    let (status, answer) = match mood {
        Mood::Takes => ("200 OK", json!({ "id": id, "status": "queued" }).to_string()),
        Mood::Fails => ("503 No", String::new()),
        Mood::Lies => ("200 OK", "<html>Welcome to our network</html>".to_owned()),
        Mood::Confuses => ("200 OK", json!({ "id": "another", "status": "queued" }).to_string()),
        Mood::Refuses => {
            ("422 No", json!({ "id": id, "status": "rejected", "detail": "no such number" }).to_string())
        }
        Mood::TakesInSilence => {
            inside.hanging.lock().unwrap().push(stream);
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    let _ = stream.write_all([head.as_bytes(), answer.as_bytes()].concat().as_slice());
}

fn house(port: u16, more: impl FnOnce(&mut Config)) -> Depot {
    depot_with(|c| {
        c.sms.url = format!("http://127.0.0.1:{port}/messages");
        c.sms.token = serde_json::from_value(json!("sesame")).unwrap();
        c.sms.sender = "Depot".into();
        c.sms.timeout_s = 1;
        c.deliveries.tell_recipients = true;
        more(c);
    })
}

fn with_mail(c: &mut Config, port: u16) {
    c.mail.host = "127.0.0.1".into();
    c.mail.port = port;
    c.mail.security = MailSecurity::None;
    c.mail.from = "depot@example.com".into();
}

/// A delivery that is on its way: whoever gets it is told once.
fn sets_out(depot: &Depot, name: &str, phone: &str, email: Option<&str>) {
    let new = json!({ "pickupAddress": "here", "deliveryAddress": "there", "customerName": name, "customerPhone": phone,
        "customerEmail": email, "assignedDriver": "dan" });
    let token = depot.token(ADMIN);
    let id = text(&depot.ask(&token, "POST", "/deliveries").body(&new).gives(201).json, "id");
    let path = format!("/deliveries/{id}/status");
    depot.itself(FIRST_TENANT, "PATCH", &path).body(&json!({ "status": "in_transit" })).gives(200);
}

fn driver(depot: &Depot) {
    depot.user(FIRST_TENANT, "dan", "driver", json!({}));
}

fn jobs(depot: &Depot, state: &str) -> usize {
    let path = format!("/jobs?kind=sms.send&state={state}");
    depot.itself(FIRST_TENANT, "GET", &path).gives(200).json["items"].as_array().unwrap().len()
}

fn service(depot: &Depot) -> Value {
    let health = depot.itself(FIRST_TENANT, "GET", "/health/detailed").gives(200).json;
    health["outside"].as_array().unwrap().iter().find(|s| s["name"] == "sms").unwrap().clone()
}

fn later(depot: &Depot, seconds: u64) {
    depot.wait(Duration::from_secs(seconds));
    depot.running().app.wake.wake();
    // What is due by now gets a moment to be done.
    std::thread::sleep(Duration::from_millis(20));
}

#[test]
fn a_recipient_with_a_number_gets_a_text_and_one_without_a_mail() {
    let (gateway, sink) = (Gateway::open(0, Mood::Takes), Sink::open(0));
    let depot = house(gateway.port, |c| with_mail(c, sink.port));
    driver(&depot);
    sets_out(&depot, "Ann", "+55 (11) 9000-0000", Some("ann@example.com"));
    sets_out(&depot, "Bob", "call me", Some("bob@example.com"));
    depot.until("both were told", |_| gateway.sent().len() == 1 && sink.mails().len() == 1);
    let sent: Vec<(String, String)> = gateway.sent().into_values().collect();
    assert_eq!(sent, [("+551190000000".to_owned(), "Your delivery 1 is on its way".to_owned())]);
    assert!(sink.mails()[0].contains("bob@example.com"), "{:?}", sink.mails());
    assert_eq!(
        (&service(&depot)["breaker"], &service(&depot)["configured"]),
        (&json!("closed"), &json!(true))
    );
}

#[test]
fn a_gateway_that_is_down_is_left_alone_over_a_restart_and_mail_goes_instead() {
    let (gateway, sink) = (Gateway::open(0, Mood::Fails), Sink::open(0));
    let mut depot = house(gateway.port, |c| with_mail(c, sink.port));
    driver(&depot);
    sets_out(&depot, "Ann", "+1111111", Some("ann@example.com"));
    sets_out(&depot, "Bob", "+2222222", None);
    // Ten failures in a row, of whichever message, and it is left alone.
    depot.until("the breaker opens", |d| {
        later(d, 600);
        service(d)["breaker"] == "open"
    });
    assert!(service(&depot)["trouble"].as_str().unwrap().contains("503"), "{}", service(&depot));
    depot.until("ann has a mail", |d| {
        // As long as both wait for the gateway time goes on, and not a moment longer: it must not be tried again yet.
        if jobs(d, "scheduled") == 2 {
            later(d, 30);
        }
        sink.mails().len() == 1
    });
    depot.restart();
    assert_eq!(service(&depot)["breaker"], "open", "a restart forgets nothing");
    let asked = gateway.asked();
    sets_out(&depot, "Eve", "+3333333", Some("eve@example.com"));
    depot.until("eve has a mail at once", |_| sink.mails().len() == 2);
    assert_eq!(gateway.asked(), asked, "nobody asked it");
    // It is back: the probe finds out, and who has no mail gets the text after all.
    gateway.is(Mood::Takes);
    depot.until("bob has his text", |d| {
        later(d, 150);
        gateway.sent().len() == 1
    });
    depot.until("all is well", |d| service(d)["breaker"] == "closed" && jobs(d, "scheduled") == 0);
    let sent: Vec<String> = gateway.sent().into_values().map(|(to, _)| to).collect();
    assert_eq!((sent, sink.mails().len()), (vec!["+2222222".to_owned()], 2), "nobody was told twice");
}

#[test]
fn a_gateway_that_lies_is_not_believed_and_one_that_refuses_a_number_is_taken_at_its_word() {
    let (gateway, sink) = (Gateway::open(0, Mood::Lies), Sink::open(0));
    let depot = house(gateway.port, |c| with_mail(c, sink.port));
    driver(&depot);
    sets_out(&depot, "Ann", "+1111111", None);
    depot.until("the page is no answer", |d| gateway.asked() == 1 && jobs(d, "scheduled") == 1);
    gateway.is(Mood::Confuses);
    depot.until("nor is one of another message", |d| {
        later(d, 60);
        gateway.asked() >= 2 && jobs(d, "scheduled") == 1
    });
    gateway.is(Mood::Takes);
    depot.until("ann has her text", |d| {
        later(d, 600);
        gateway.sent().len() == 1
    });
    gateway.is(Mood::Refuses);
    sets_out(&depot, "Bob", "+2222222", Some("bob@example.com"));
    depot.until("bob has a mail", |_| sink.mails().len() == 1);
    sets_out(&depot, "Eve", "+3333333", None);
    let token = depot.token(ADMIN);
    let told = |d: &Depot| d.ask(&token, "GET", "/notifications").gives(200).json["items"].clone();
    depot.until("who asked is told on the screen", |d| {
        told(d).as_array().unwrap().iter().any(|n| n["title"].as_str().unwrap().contains("+3333333"))
    });
    assert_eq!(service(&depot)["breaker"], "closed", "it answered");
    assert_eq!(gateway.sent().len(), 1);
}

#[test]
fn one_that_takes_a_message_in_silence_is_asked_again_under_the_same_id() {
    let gateway = Gateway::open(0, Mood::TakesInSilence);
    let depot = house(gateway.port, |_| {});
    driver(&depot);
    sets_out(&depot, "Ann", "+1111111", None);
    depot.until("it hangs", |d| gateway.asked() == 1 && jobs(d, "scheduled") == 1);
    gateway.is(Mood::Takes);
    depot.until("it is asked again", |d| {
        later(d, 600);
        jobs(d, "done") == 1
    });
    let asked = gateway.inside.asked.lock().unwrap().clone();
    assert!(asked.len() >= 2 && asked.windows(2).all(|w| w[0] == w[1]), "{asked:?}");
    assert_eq!(gateway.sent().len(), 1, "so one that honours ids sends it once");
}

#[test]
fn a_weekend_without_a_line_loses_no_text_and_sends_none_twice() {
    let gateway = Gateway::open(0, Mood::Takes);
    let port = gateway.port;
    let mut depot = house(port, |_| {});
    driver(&depot);
    let cut = |depot: &Depot, is: bool| {
        let (node, now) = (depot.running().app.sync.clone(), depot.clock.now());
        node.see(FIRST_TENANT, |seen| seen.offline_since = is.then_some(now));
    };
    cut(&depot, true);
    for n in 0..10 {
        sets_out(&depot, &format!("c{n}"), &format!("+100000{n}"), None);
    }
    depot.until("they wait", |d| jobs(d, "scheduled") == 10);
    for hour in 0..62 {
        later(&depot, 3_600);
        if hour == 30 {
            depot.restart();
            cut(&depot, true);
        }
        depot.until("all wait on", |d| jobs(d, "running") == 0);
    }
    assert!(gateway.sent().len() <= 10);
    cut(&depot, false);
    depot.until("all were sent", |d| {
        later(d, 3_600);
        jobs(d, "done") == 10
    });
    let mut sent: Vec<String> = gateway.sent().into_values().map(|(to, _)| to).collect();
    sent.sort();
    let all: Vec<String> = (0..10).map(|n| format!("+100000{n}")).collect();
    assert_eq!(sent, all);
    let mut ids: Vec<String> =
        gateway.inside.asked.lock().unwrap().iter().map(|(id, ..)| id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10, "each under one id");
}

#[test]
fn a_driver_who_wants_texts_gets_them_on_the_number_of_their_record() {
    let gateway = Gateway::open(0, Mood::Takes);
    let depot = house(gateway.port, |c| c.deliveries.tell_recipients = false);
    let dan = depot.user(FIRST_TENANT, "dan", "driver", json!({}));
    let record = json!({ "name": "Dan", "user": dan, "phone": "0221 4711090" });
    depot.itself(FIRST_TENANT, "POST", "/drivers").body(&record).gives(201);
    sets_out(&depot, "Ann", "+1", None);
    let dans = depot.token("dan");
    let told =
        |d: &Depot| d.ask(&dans, "GET", "/notifications").gives(200).json["items"].as_array().unwrap().len();
    depot.until("dan was told on the screen", |d| told(d) == 2);
    let wishes = json!({ "mail": false, "sms": true });
    depot.ask(&dans, "PUT", "/notifications/wishes").body(&wishes).gives(200);
    sets_out(&depot, "Bob", "+1", None);
    depot.until("dan is told", |_| gateway.sent().len() == 2);
    let sent: Vec<(String, String)> = gateway.sent().into_values().collect();
    assert!(sent.iter().all(|(to, _)| to == "02214711090"), "{sent:?}");
    assert!(sent.iter().any(|(_, said)| said.contains("Delivery 2 was given to you")), "{sent:?}");
}

#[test]
fn a_recipient_who_wants_no_messages_gets_none_until_they_want_them_again() {
    let (gateway, sink) = (Gateway::open(0, Mood::Takes), Sink::open(0));
    let depot = house(gateway.port, |c| with_mail(c, sink.port));
    driver(&depot);
    let ann = (Some("+55 (11) 9000-0000"), Some("ann@example.com"));
    sets_out(&depot, "Ann", ann.0.unwrap(), ann.1);
    depot.until("she is told", |_| gateway.sent().len() == 1);
    let messages = "/deliveries/1/messages";
    let wanted =
        |depot: &Depot| depot.itself(FIRST_TENANT, "GET", messages).gives(200).json["wanted"].clone();
    assert_eq!(wanted(&depot), true);
    let say = |is: bool| {
        depot.itself(FIRST_TENANT, "POST", messages).body(&json!({ "wanted": is })).gives(200);
    };
    say(false);
    say(false);
    assert_eq!(wanted(&depot), false);
    // It holds for her number and her address, however they are written, and for nobody else.
    sets_out(&depot, "Ann", "551190000000", Some("Ann@Example.com"));
    sets_out(&depot, "Bob", "+551190000001", None);
    depot.until("he is told", |_| gateway.sent().len() == 2);
    assert!(gateway.sent().values().all(|(_, said)| !said.contains("delivery 2")), "{:?}", gateway.sent());
    assert!(sink.mails().is_empty(), "{:?}", sink.mails());
    say(true);
    sets_out(&depot, "Ann", "551190000000", None);
    depot.until("she is told again", |_| gateway.sent().len() == 3);
    let bare = json!({ "pickupAddress": "here", "deliveryAddress": "there", "customerName": "Cy" });
    let id = text(&depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&bare).gives(201).json, "id");
    let path = format!("/deliveries/{id}/messages");
    let refused = depot.itself(FIRST_TENANT, "POST", &path).body(&json!({ "wanted": false })).send();
    assert_eq!(refused.problem(), (409, "delivery.no_address"));
}

#[test]
fn the_page_of_a_delivery_notes_that_its_recipient_wants_no_messages() {
    use crate::support::page::Person;
    use crate::support::people::PASSWORD;
    let depot = depot_with(|_| {});
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let new = json!({ "pickupAddress": "here", "deliveryAddress": "there", "customerName": "Ann",
        "customerPhone": "+551190000000" });
    let id = text(&depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&new).gives(201).json, "id");
    let at = format!("/deliveries/{id}");
    assert!(admin.get(&at).page().text().contains("may be written to"));
    let page = admin.does("/deliveries/messages", &[("id", &id), ("wanted", "no")]);
    assert!(page.page().text().contains("wants no messages"), "{}", page.text);
    assert!(page.page().faults(&page.text).is_empty(), "{:?}", page.page().faults(&page.text));
    let page = admin.does("/deliveries/messages", &[("id", &id), ("wanted", "yes")]);
    assert!(page.page().text().contains("may be written to"), "{}", page.text);
    depot.user(FIRST_TENANT, "dan", "driver", json!({ "password": PASSWORD }));
    let dan = Person::logged_in(&depot, "dan", PASSWORD);
    assert_eq!(dan.post("/deliveries/messages", &[("id", &id), ("wanted", "no")]).status, 403);
}
