//! Labels as they come out: what people wrote is text and nothing else, bars and QR codes read back, and a printer that
//! behaves badly neither keeps the others waiting nor loses or doubles a label.

use std::time::Duration;

use crossdock::labels::layout::{BarData, Item, Page, label};
use crossdock::labels::model::{Dpi, Fields, Size};
use crossdock::labels::service::{MAX_COPIES, MAX_WAITING, fields};
use crossdock::labels::{pdf, svg, words, zpl};
use crossdock::parcels::model::{Contact, Facts, Parcel, ParcelId, Place};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::printer::{Mood, Printer};
use crate::support::shared::shared;
use crate::support::sink::Sink;
use crate::support::zpl::{self as reader, Kind};

/// A depot whose printers stand on this machine and get a second to answer.
fn desk() -> Desk {
    Desk::with(|c| {
        c.printers.loopback = true;
        c.printers.connect_s = 1;
        c.printers.answer_s = 1;
    })
}

fn add(desk: &Desk, name: &str, port: u16) {
    let made = desk
        .post("/printers", &json!({ "name": name, "host": "127.0.0.1", "port": port, "station": "Dock 1" }));
    assert_eq!(made.status, 201, "{made:?}");
}

fn parcel(desk: &Desk, number: &str) {
    let made = desk.post("/parcels", &json!({ "tracking_number": number, "recipient": { "name": "Ana" } }));
    assert_eq!(made.status, 201, "{made:?}");
}

fn print(desk: &Desk, number: &str, printer: &str) -> Value {
    let asked = desk.post(&format!("/parcels/{number}/print"), &json!({ "printer": printer }));
    assert_eq!(asked.status, 202, "{asked:?}");
    asked.json
}

fn queue(desk: &Desk, printer: &str) -> Vec<Value> {
    let queue = desk.get(&format!("/printers/{printer}/queue"));
    assert_eq!(queue.status, 200, "{queue:?}");
    queue.json["items"].as_array().unwrap().clone()
}

fn printer(desk: &Desk, name: &str) -> Value {
    desk.get(&format!("/printers/{name}")).json
}

/// Waits; time goes on meanwhile, so that what is tried again later is.
fn until(desk: &Desk, what: &str, mut done: impl FnMut() -> bool) {
    desk.wait_until(what, || {
        desk.wait(Duration::from_secs(5));
        done()
    });
}

/// The numbers on what was printed, in order.
fn numbers(printer: &Printer) -> Vec<String> {
    let bars = |zpl: &String| {
        let label = reader::read(zpl).unwrap();
        let bars = label.fields.iter().find(|f| matches!(f.kind, Kind::Code128(..))).unwrap();
        bars.data.clone()
    };
    printer.labels().iter().map(bars).collect()
}

#[test]
fn a_label_is_printed_once_and_a_second_time_only_with_a_reason_that_is_audited() {
    let (desk, dock) = (desk(), Printer::open(0, Mood::Well));
    add(&desk, "dock-1", dock.port);
    parcel(&desk, "RR123456785NL");
    print(&desk, "RR123456785NL", "dock-1");
    until(&desk, "it is printed", || queue(&desk, "dock-1").is_empty());
    let read = reader::read(&dock.labels()[0]).unwrap();
    assert_eq!((read.width, read.length, read.copies), (812, 1218, 1));
    assert!(read.texts().contains(&"Ana") && read.texts().contains(&"Dock 1"), "{read:?}");
    let again = |body: Value| desk.post("/parcels/RR123456785NL/print", &body);
    let refused = again(json!({ "printer": "dock-1", "reason": " " }));
    assert_eq!(refused.problem(), (422, "label.invalid"));
    assert_eq!(refused.json["errors"][0]["pointer"], "/reason");
    let many = json!({ "printer": "dock-1", "reason": "torn", "copies": MAX_COPIES + 1 });
    assert_eq!(again(many).problem(), (422, "label.invalid"));
    let most = json!({ "printer": "dock-1", "reason": "torn", "copies": MAX_COPIES, "size": "4x4" });
    assert_eq!(again(most).status, 202);
    until(&desk, "it is printed again", || dock.labels().len() == 2);
    assert_eq!(reader::read(&dock.labels()[1]).unwrap().copies, MAX_COPIES);
    let audit = desk.get("/audit-log?limit=500").text;
    assert!(audit.contains("label.printed") && audit.contains("label.reprinted") && audit.contains("torn"));
    let seen = printer(&desk, "dock-1");
    assert!(seen["health"]["printed_at"].is_string() && seen["health"]["last_error"].is_null(), "{seen}");
    assert_eq!(desk.post("/parcels/NONE/print", &json!({ "printer": "dock-1" })).problem().0, 404);
    assert_eq!(again(json!({ "printer": "dock-9" })).problem(), (404, "printer.unknown"));
    desk.assert_sound();
}

#[test]
fn printers_that_hang_keep_nobody_else_waiting_and_their_labels_come_in_order_once() {
    let desk = Desk::with(|c| {
        c.printers.loopback = true;
        // Long enough that no other label could come out behind one that hangs.
        c.printers.answer_s = 120;
        c.jobs.workers = 1;
    });
    let hung: Vec<Printer> = (0..6).map(|_| Printer::open(0, Mood::Hangs)).collect();
    for (n, p) in hung.iter().enumerate() {
        add(&desk, &format!("hung-{n}"), p.port);
        desk.post(&format!("/printers/hung-{n}/test"), &json!({}));
    }
    let well = Printer::open(0, Mood::Well);
    add(&desk, "well", well.port);
    for n in 0..30 {
        parcel(&desk, &format!("P-{n:04}"));
        print(&desk, &format!("P-{n:04}"), "well");
    }
    desk.wait_until("the one that is well has printed all", || well.labels().len() == 30);
    assert_eq!(numbers(&well), (0..30).map(|n| format!("P-{n:04}")).collect::<Vec<_>>());
    assert_eq!(well.most(), 1, "one connection at a time");
    for (n, hung) in hung.iter().enumerate() {
        assert_eq!(queue(&desk, &format!("hung-{n}"))[0]["state"], "waiting");
        assert!(hung.labels().is_empty());
    }
    // Ends the connections, so that the depot needn't wait for them.
    drop(hung);
}

#[test]
fn a_printer_that_refuses_runs_out_of_paper_hangs_or_answers_late_prints_each_label_once() {
    let desk = desk();
    let port = Sink::free_port();
    add(&desk, "dock-1", port);
    for n in 0..3 {
        parcel(&desk, &format!("P-{n}"));
        print(&desk, &format!("P-{n}"), "dock-1");
    }
    let trouble = |words: &str| {
        until(&desk, words, || {
            printer(&desk, "dock-1")["health"]["last_error"].as_str().is_some_and(|e| e.contains(words))
        });
        let states: Vec<Value> = queue(&desk, "dock-1").iter().map(|l| l["state"].clone()).collect();
        assert!(states.iter().all(|s| s == "waiting") && states.len() == 3, "{words}: {states:?}");
    };
    trouble("can't be reached");
    let dock = Printer::open(port, Mood::PaperOut);
    trouble("out of labels");
    assert_eq!(printer(&desk, "dock-1")["health"]["status"]["paper_out"], true);
    dock.mood(Mood::Hangs);
    trouble("did not answer");
    dock.mood(Mood::PaperOut);
    trouble("out of labels");
    dock.mood(Mood::Late(1_500));
    trouble("did not answer");
    assert!(dock.labels().is_empty(), "nothing was sent to a printer that had not answered");
    dock.mood(Mood::Well);
    until(&desk, "all are printed", || queue(&desk, "dock-1").is_empty());
    assert_eq!(numbers(&dock), ["P-0", "P-1", "P-2"]);
    desk.assert_sound();
}

#[test]
fn a_label_of_which_nobody_knows_is_neither_sent_again_nor_let_go_until_a_person_says() {
    let (desk, dock) = (desk(), Printer::open(0, Mood::SilentAfter));
    add(&desk, "dock-1", dock.port);
    for n in ["P-0", "P-1"] {
        parcel(&desk, n);
    }
    let first = print(&desk, "P-0", "dock-1");
    let unknown = |n: usize| {
        until(&desk, "unknown", || printer(&desk, "dock-1")["unknown"] == n);
    };
    unknown(1);
    let second = print(&desk, "P-1", "dock-1");
    unknown(2);
    for _ in 0..3 {
        desk.wait(Duration::from_secs(3600));
        desk.running().app.wake.wake();
    }
    dock.mood(Mood::Well);
    // Another label goes past them.
    desk.post("/printers/dock-1/test", &json!({}));
    until(&desk, "the test is printed", || printer(&desk, "dock-1")["waiting"] == 0);
    assert_eq!(numbers(&dock), ["P-0", "P-1", "TEST-0123456789"]);
    assert!(queue(&desk, "dock-1").iter().all(|l| l["state"] == "unknown"));
    let seen = printer(&desk, "dock-1");
    let remove = desk.control(Method::DELETE, "/api/v1/printers/dock-1");
    let version = format!("\"{}\"", seen["version"]);
    assert_eq!(desk.send(remove.header("if-match", version.clone())).problem(), (409, "printer.busy"));
    let decide = |label: &Value, then: &str| {
        desk.post("/printers/dock-1/queue", &json!({ "label": label["id"], "then": then }))
    };
    assert_eq!(decide(&first, "printed").json["state"], "printed");
    assert_eq!(decide(&first, "again").problem(), (409, "label.decided"));
    assert_eq!(decide(&second, "again").status, 200);
    until(&desk, "it is printed again", || dock.labels().len() == 4);
    assert_eq!(numbers(&dock)[3], "P-1");
    until(&desk, "the queue is empty", || queue(&desk, "dock-1").is_empty());
    let remove = desk.control(Method::DELETE, "/api/v1/printers/dock-1");
    assert_eq!(desk.send(remove.header("if-match", version)).status, 204);
    desk.assert_sound();
}

#[test]
fn a_label_under_way_when_the_depot_stops_is_unknown_and_those_behind_it_are_printed() {
    let mut depot = crate::support::Depot::with(
        |c| {
            c.printers.loopback = true;
            c.printers.answer_s = 120;
            c.server.shutdown_s = 0;
        },
        Vec::new(),
    )
    .set_up("UTC");
    let dock = Printer::open(0, Mood::SilentAfter);
    let new = json!({ "name": "dock-1", "host": "127.0.0.1", "port": dock.port });
    depot.demand(Method::POST, "/api/v1/printers", &new);
    depot.demand(Method::POST, "/api/v1/printers/dock-1/test", &json!({}));
    depot.demand(Method::POST, "/api/v1/printers/dock-1/test", &json!({}));
    depot.wait_until("it went out", || dock.labels().len() == 1);
    depot.stop();
    dock.mood(Mood::Well);
    depot.start_again(|_| {});
    depot.wait_until("the second is printed", || {
        depot.wait(Duration::from_secs(5));
        dock.labels().len() == 2
    });
    depot.wait_until("the first is unknown", || {
        let seen = depot.look("/api/v1/printers/dock-1");
        (seen["unknown"].as_i64(), seen["waiting"].as_i64()) == (Some(1), Some(0))
    });
    let left = depot.look("/api/v1/printers/dock-1/queue");
    assert!(left["items"][0]["last_error"].as_str().unwrap().contains("the depot stopped"), "{left}");
}

#[test]
fn a_printer_that_never_answers_is_told_so_and_prints_each_label_once() {
    let (desk, dock) = (desk(), Printer::open(0, Mood::Mute));
    let new = json!({ "name": "mute", "host": "127.0.0.1", "port": dock.port, "answers": false, "media": "2x1", "dpi": 300 });
    assert_eq!(desk.post("/printers", &new).status, 201);
    for n in 0..3 {
        parcel(&desk, &format!("P-{n}"));
        print(&desk, &format!("P-{n}"), "mute");
    }
    until(&desk, "all are printed", || queue(&desk, "mute").is_empty());
    assert_eq!(numbers(&dock), ["P-0", "P-1", "P-2"]);
    assert_eq!(reader::read(&dock.labels()[0]).unwrap().width, 600);
}

#[test]
fn printers_stand_in_private_networks_only() {
    let desk = Desk::new();
    let new =
        |host: &str, port: u16| desk.post("/printers", &json!({ "name": host, "host": host, "port": port }));
    for (host, port) in
        [("8.8.8.8", 9100), ("127.0.0.1", 9100), ("::1", 9100), ("10.0.0.1", 80), ("a/b", 9100)]
    {
        assert_eq!(new(host, port).problem(), (422, "label.invalid"), "{host}");
    }
    // A name is judged by where it leads when it is used.
    let dock = Printer::open(0, Mood::Well);
    assert_eq!(new("localhost", dock.port).status, 201);
    assert_eq!(new("localhost", dock.port).problem(), (409, "printer.exists"));
    desk.post("/printers/localhost/test", &json!({}));
    until(&desk, "it is refused", || {
        printer(&desk, "localhost")["health"]["last_error"]
            .as_str()
            .is_some_and(|e| e.contains("no private address"))
    });
    assert_eq!((dock.labels().len(), dock.most()), (0, 0), "nobody knocked");
}

#[test]
fn a_queue_takes_so_many_labels_and_one_more_is_refused() {
    let desk = desk();
    add(&desk, "dock-1", Sink::free_port());
    for _ in 0..MAX_WAITING {
        assert_eq!(desk.post("/printers/dock-1/test", &json!({})).status, 202);
    }
    assert_eq!(desk.post("/printers/dock-1/test", &json!({})).problem(), (409, "printer.queue_full"));
    assert_eq!(printer(&desk, "dock-1")["waiting"], MAX_WAITING);
}

/// A parcel with `text` in every field a label shows.
fn filled(text: &str) -> Parcel {
    let said = || Some(text.to_owned());
    let mut parcel = Parcel::new(ParcelId::fresh());
    parcel.number = text.into();
    parcel.facts = Facts {
        service: said(),
        recipient: Contact { name: said(), phone: said(), email: said() },
        to: Place { line: said(), zip: said(), city: said(), state: said(), country: said(), position: None },
        ..Facts::default()
    };
    parcel
}

/// The label's texts and codes as they were put in.
fn put_in(page: &Page) -> Vec<String> {
    let said = |item: &Item| match item {
        Item::Text { text, .. } => text.clone(),
        Item::Block { .. } => String::new(),
        Item::Barcode { data: BarData::Plain(text), .. } => text.clone(),
        Item::Barcode { data: BarData::Sscc(digits), .. } => format!("00{digits}"),
        Item::Qr { data, .. } => data.clone(),
    };
    page.items.iter().map(said).collect()
}

#[test]
fn naughty_strings_in_every_field_print_as_text_and_nothing_else() {
    let mut strings: Vec<String> =
        ["^XZ^XA~JR", "a^FS^FO0,0^GB800,800,800^FS", "_5E~_7E\\&", "\u{1}\r\n\t^FD", "><>;>8"]
            .map(str::to_owned)
            .to_vec();
    if let Some(path) = shared("data/naughty/blns.json") {
        strings.extend(serde_json::from_slice::<Vec<String>>(&std::fs::read(path).unwrap()).unwrap());
    }
    for text in &strings {
        let fields = fields(&filled(text), words::clean(text), words::clean(text));
        for size in Size::ALL {
            let page = label(size, &fields);
            for dpi in Dpi::ALL {
                let read =
                    reader::read(&zpl::render(&page, dpi, 1)).unwrap_or_else(|e| panic!("{text:?}: {e}"));
                let got: Vec<String> = read.fields.iter().map(|f| f.data.clone()).collect();
                assert_eq!(got, put_in(&page), "{text:?}");
            }
            let drawn = svg::render(std::slice::from_ref(&page));
            let outside = drawn.split('<').filter(|t| !t.is_empty()).all(|t| {
                ["svg ", "rect ", "text ", "/text>", "/svg>"].iter().any(|known| t.starts_with(known))
            });
            assert!(outside && !drawn.chars().any(|c| c.is_control() && c != '\n'), "{text:?}: {drawn}");
            assert!(pdf::render(&[page]).ends_with(b"%%EOF"), "{text:?}");
        }
    }
}

/// Black and white dots of our own SVG, `scale` to a mm: its rectangles and nothing else.
fn dots(svg: &str, scale: f64) -> (Vec<u8>, u32, u32) {
    let attribute = |tag: &str, name: &str| -> f64 {
        let from = tag.find(&format!(" {name}=\"")).map(|at| at + name.len() + 3);
        from.map_or(0.0, |at| tag[at..].split('"').next().unwrap().parse().unwrap())
    };
    let view = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split('"').next().unwrap();
    let (w, h) = view.split_once(' ').unwrap();
    let at = |mm: f64| (mm * scale).round() as usize;
    let (w, h) = (at(w.parse().unwrap()), at(h.parse().unwrap()));
    let mut luma = vec![255_u8; w * h];
    for tag in svg.split("<rect").skip(1).map(|t| t.split('>').next().unwrap()) {
        if tag.contains("fill=\"#fff\"") {
            continue;
        }
        let [x, y, rw, rh] = ["x", "y", "width", "height"].map(|name| attribute(tag, name));
        for row in at(y)..at(y + rh).min(h) {
            luma[row * w + at(x)..row * w + at(x + rw).min(w)].fill(0);
        }
    }
    (luma, w as u32, h as u32)
}

/// What a decoder that is not ours reads off a drawing.
fn decoded(svg: &str, format: rxing::BarcodeFormat) -> Option<String> {
    let (luma, w, h) = dots(svg, 24.0);
    rxing::helpers::detect_in_luma(luma, w, h, Some(format)).ok().map(|r| r.getText().to_owned())
}

#[test]
fn bars_and_qr_codes_are_read_back_by_another_decoder() {
    let numbers = [
        "RR123456785NL",
        "1Z999AA10123456784",
        "P-0001",
        "00012345600000000018",
        "abc_^~\\x",
        "TEST-0123456789",
    ];
    for number in numbers {
        for size in Size::ALL {
            let id = "019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718";
            let fields = Fields { number: number.into(), id: id.into(), ..Fields::default() };
            let page = label(size, &fields);
            let drawn = svg::render(std::slice::from_ref(&page));
            assert_eq!(
                decoded(&drawn, rxing::BarcodeFormat::QR_CODE).as_deref(),
                Some(id),
                "{number} {size:?}"
            );
            let has_bars = page.items.iter().any(|i| matches!(i, Item::Barcode { .. }));
            assert!(has_bars || size == Size::TwoByOne, "{number} {size:?}");
            if has_bars {
                let read = decoded(&drawn, rxing::BarcodeFormat::CODE_128);
                assert_eq!(read.as_deref(), Some(number), "{size:?}");
            }
        }
    }
    let sscc = Fields { number: "340123450000000017".into(), ..Fields::default() };
    let page = label(Size::FourBySix, &sscc);
    assert!(page.items.iter().any(|i| matches!(i, Item::Barcode { data: BarData::Sscc(_), .. })));
    let read = decoded(&svg::render(&[page]), rxing::BarcodeFormat::CODE_128).unwrap();
    assert_eq!(read.trim_start_matches("]C1").trim_start_matches('\u{1d}'), "00340123450000000017");
}

#[test]
fn labels_and_wall_sheets_are_given_in_every_form() {
    let desk = Desk::new();
    parcel(&desk, "RR123456785NL");
    let label = desk.get("/parcels/RR123456785NL/label.zpl?size=2x1&dpi=300");
    assert_eq!((label.status, label.header("cache-control")), (200, "no-store"));
    assert_eq!(reader::read(&label.text).unwrap().width, 600);
    let drawn = desk.get("/parcels/RR123456785NL/label.svg?size=4x4");
    assert_eq!(decoded(&drawn.text, rxing::BarcodeFormat::CODE_128).as_deref(), Some("RR123456785NL"));
    assert_eq!(drawn.header("content-type"), "image/svg+xml");
    for wrong in ["label.zpl?dpi=600", "label.svg?size=5x5", "label.pdf?colour=red"] {
        assert_eq!(desk.get(&format!("/parcels/RR123456785NL/{wrong}")).problem().0, 422, "{wrong}");
    }
    assert_eq!(desk.get("/parcels/RR1/label.svg").problem(), (404, "parcel.unknown"));
    let wall = desk.get("/labels/wall-sheet.svg?codes=LOC:A-03");
    assert_eq!(decoded(&wall.text, rxing::BarcodeFormat::CODE_128).as_deref(), Some("LOC:A-03"));
    assert_eq!(desk.get("/labels/wall-sheet.svg?codes=CMD:").problem(), (422, "request.invalid"));
    assert!(desk.get("/labels/wall-sheet.svg").text.contains("CMD:DAMAGED"));
}

#[test]
fn a_consignment_of_several_parcels_says_which_piece_each_is() {
    let desk = Desk::new();
    let announce = |number: &str, order: &str, distributor: &str| {
        let new =
            json!({ "tracking_number": number, "order_ref": order, "distributor": distributor, "items": 4 });
        assert_eq!(desk.post("/parcels", &new).status, 201);
        // Their order is that of their ids, which carry the time.
        desk.clock.set(desk.clock.now().after(Duration::from_secs(1)));
    };
    for (number, order, distributor) in [
        ("PC0000001", "A-1", "foo"),
        ("PC0000002", "A-1", "foo"),
        ("PC0000003", "A-1", "foo"),
        ("PC0000004", "A-1", "bar"),
        ("PC0000005", "A-2", "foo"),
    ] {
        announce(number, order, distributor);
    }
    let says = |number: &str| {
        let (_, label) =
            desk.whole(desk.control(Method::GET, &format!("/api/v1/parcels/{number}/label.svg")));
        let label = String::from_utf8(label).unwrap();
        ["1/3", "2/3", "3/3", "4 pcs"].into_iter().find(|text| label.contains(text)).unwrap_or_default()
    };
    let all = ["PC0000001", "PC0000002", "PC0000003", "PC0000004", "PC0000005"].map(says);
    let mut pieces = all[..3].to_vec();
    pieces.sort_unstable();
    assert_eq!(pieces, ["1/3", "2/3", "3/3"], "each piece is one of three");
    assert_eq!(all[3..], ["4 pcs", "4 pcs"], "another's order of that name, and one alone");
}
