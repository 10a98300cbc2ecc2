//! The two mails a consignee gets of a shipment by air, followed to a mail server: the pre-alert when its papers are
//! complete, the arrival notice when it is received.

use std::time::Duration;

use crossdock::config::Config;
use crossdock::config::choices::MailSecurity;
use mail_parser::MessageParser;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::sink::Sink;

const CONSIGNEE: &str = "import@consignee.example";

/// A mail as whoever gets it reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    to: Vec<String>,
    subject: String,
    text: String,
}

fn read(mail: &str) -> Read {
    let letter = MessageParser::default().parse(mail.as_bytes()).unwrap();
    let to = letter.to().unwrap().clone().into_list();
    Read {
        to: to.iter().map(|a| a.address().unwrap().to_owned()).collect(),
        subject: letter.subject().unwrap().to_owned(),
        // A letter ends with as many line ends as its server likes.
        text: format!("{}\n", letter.body_text(0).unwrap().replace("\r\n", "\n").trim_end()),
    }
}

fn mails(sink: &Sink) -> Vec<Read> {
    sink.mails().iter().map(|m| read(m)).collect()
}

fn desk(port: u16, language: &str) -> Desk {
    let desk = Desk::with(|c: &mut Config| {
        c.mail.host = "127.0.0.1".into();
        c.mail.port = port;
        c.mail.security = MailSecurity::None;
        c.mail.from = "depot@example.com".into();
        c.mail.timeout_s = 2;
    });
    let now = desk.get("/settings");
    let mut settings = now.json.clone();
    settings["language"] = json!(language);
    let request = desk.control(Method::PUT, "/api/v1/settings").header("if-match", now.header("etag"));
    let set = desk.send(request.json(&settings));
    assert_eq!(set.status, 200, "{set:?}");
    let terminal = json!({ "code": "LHR", "zone": "Europe/London", "free": { "days": 3 } });
    assert_eq!(desk.put("/terminals", &terminal).status, 200);
    desk
}

fn made(answer: &crate::support::Answered) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json["id"].as_str().unwrap().to_owned()
}

fn announced(desk: &Desk, consignee: &Value) -> String {
    made(&desk.post(
        "/mawbs",
        &json!({ "number": "020-12345675", "pieces": 2, "weight_kg": 100, "destination": "LHR",
            "flight": "LH900", "eta": "2026-11-21T13:30:00Z", "isc": { "minor": 4505, "currency": "GBP" },
            "consignee": consignee }),
    ))
}

/// The papers come, one after the other; the last one completes the pre-alert.
fn papers(desk: &Desk, mawb: &str) {
    for kind in ["mawb", "manifest", "hawb", "invoice"] {
        let path = format!("/api/v1/attachments?subject=mawb&id={mawb}&type={kind}&name=a.pdf");
        let request = desk.control(Method::POST, &path).header("content-type", "application/octet-stream");
        made(&desk.send(request.body(b"%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n".to_vec())));
    }
}

/// It lands and is counted, on Saturday, at ten in London.
fn arrives(desk: &Desk, mawb: &str) {
    for code in ["ARR", "RCF"] {
        let told = desk.post(&format!("/mawbs/{mawb}/events"), &json!({ "code": code, "station": "LHR" }));
        assert_eq!(told.status, 200, "{told:?}");
    }
}

/// What both say, in each language: subjects, and the lines of their texts.
const WORDS: [(&str, [&str; 2], [&str; 2]); 3] = [
    (
        "en",
        ["Pre-alert for air waybill 020-12345675", "Arrival notice for air waybill 020-12345675"],
        [
            "We have the papers of air waybill 020-12345675 (2 pieces).\nFlight: LH900\nExpected arrival: 2026-11-21 13:30\n",
            "Received of air waybill 020-12345675: 2 of 2 pieces.\nReceived: 2026-11-21 10:00\nLast free day: 2026-11-23\nImport service charge: 45.05 GBP\n",
        ],
    ),
    (
        "pt-BR",
        [
            "Pré-alerta do conhecimento aéreo 020-12345675",
            "Aviso de chegada do conhecimento aéreo 020-12345675",
        ],
        [
            "Temos os documentos do conhecimento aéreo 020-12345675 (2 volumes).\nVoo: LH900\nChegada prevista: 2026-11-21 13:30\n",
            "Recebido do conhecimento aéreo 020-12345675: 2 de 2 volumes.\nRecebido: 2026-11-21 10:00\nÚltimo dia livre: 2026-11-23\nTaxa de serviço de importação: 45,05 GBP\n",
        ],
    ),
    (
        "es",
        ["Prealerta de la guía aérea 020-12345675", "Aviso de llegada de la guía aérea 020-12345675"],
        [
            "Tenemos los documentos de la guía aérea 020-12345675 (2 bultos).\nVuelo: LH900\nLlegada prevista: 2026-11-21 13:30\n",
            "Recibido de la guía aérea 020-12345675: 2 de 2 bultos.\nRecibido: 2026-11-21 10:00\nÚltimo día libre: 2026-11-23\nCargo por servicio de importación: 45,05 GBP\n",
        ],
    ),
];

fn expected(n: usize, subjects: &[&str; 2], texts: &[&str; 2]) -> Read {
    Read { to: vec![CONSIGNEE.into()], subject: subjects[n].into(), text: texts[n].into() }
}

#[test]
fn the_consignee_gets_the_pre_alert_and_the_arrival_notice_once_each_in_the_houses_language() {
    for (language, subjects, texts) in WORDS {
        let sink = Sink::open(0);
        let mut desk = desk(sink.port, language);
        let mawb = announced(&desk, &json!({ "name": "Consignee", "email": CONSIGNEE }));
        papers(&desk, &mawb);
        desk.wait_until("the pre-alert", || !sink.mails().is_empty());
        assert_eq!(mails(&sink), [expected(0, &subjects, &texts)], "{language}");
        arrives(&desk, &mawb);
        desk.wait_until("the arrival notice", || sink.mails().len() > 1);
        let both = [expected(0, &subjects, &texts), expected(1, &subjects, &texts)];
        assert_eq!(mails(&sink), both, "{language}");
        // Another paper, another report of the same, a restart and a day tell the consignee nothing more.
        papers(&desk, &mawb);
        arrives(&desk, &mawb);
        desk.stop();
        desk.wait(Duration::from_secs(24 * 3_600));
        desk.start_again(|_| {});
        desk.wait_until("nothing waits to be sent", || {
            let read = desk.running().app.store.read(crate::support::desk::TENANT, |tx| {
                crossdock::journal::readers::lag(tx, crossdock::freight::work::READER)
            });
            let jobs = desk.get("/jobs?kind=mail.send&state=scheduled").json;
            read.unwrap() == 0 && jobs["items"].as_array().unwrap().is_empty()
        });
        assert_eq!(mails(&sink), both, "{language}: once each");
    }
}

#[test]
fn with_the_mail_server_down_both_come_later_and_once() {
    let port = Sink::free_port();
    let desk = desk(port, "en");
    let mawb = announced(&desk, &json!({ "name": "Consignee", "email": CONSIGNEE }));
    papers(&desk, &mawb);
    arrives(&desk, &mawb);
    let jobs = || desk.get("/jobs?kind=mail.send").json["items"].as_array().unwrap().clone();
    desk.wait_until("a mail was tried in vain", || {
        jobs().len() == 2 && jobs().iter().any(|j| j["waits"].as_u64() > Some(0))
    });
    let sink = Sink::open(port);
    desk.wait(Duration::from_secs(1_200));
    desk.wait_until("both mails came", || sink.mails().len() >= 2);
    let mut got = mails(&sink);
    got.sort_by_key(|m| m.subject.starts_with("Arrival"));
    let (_, subjects, texts) = WORDS[0];
    assert_eq!(got, [expected(0, &subjects, &texts), expected(1, &subjects, &texts)]);
    desk.wait(Duration::from_secs(24 * 3_600));
    desk.wait_until("both jobs are done", || jobs().iter().all(|j| j["state"] == "done"));
    assert_eq!(sink.mails().len(), 2, "once each");
}

#[test]
fn a_consignee_without_an_address_is_telephoned_and_nobody_is_written_to() {
    let sink = Sink::open(0);
    let desk = desk(sink.port, "en");
    let agent =
        made(&desk.post("/users", &json!({ "login": "agent", "name": "Agent", "role": "import_agent" })));
    let mawb = announced(&desk, &json!({ "name": "Consignee", "phone": "+44 20 7946 0000" }));
    papers(&desk, &mawb);
    let user: crossdock::base::ids::Id = agent.parse().unwrap();
    let told = || {
        let store = &desk.running().app.store;
        let rows = store
            .read(crate::support::desk::TENANT, |tx| crossdock::notify::inbox::list(tx, user, None, 500));
        let rows = rows.unwrap().items.into_iter().map(|e| e.value.text);
        rows.filter(|t| t.contains("telephone Consignee (+44 20 7946 0000)")).collect::<Vec<_>>()
    };
    desk.wait_until("the task to telephone", || !told().is_empty());
    assert_eq!(told().len(), 1, "{:?}", told());
    assert!(sink.mails().is_empty());
}
