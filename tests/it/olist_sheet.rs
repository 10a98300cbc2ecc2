//! A Brazilian spreadsheet of a thousand parcels held against the distributor's own file of the same parcels: field by
//! field, as the depot tells each parcel after the import.

use std::collections::BTreeMap;

use encoding_rs::WINDOWS_1252;
use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::shared::shared;

const ZONE: &str = "America/Sao_Paulo";
const TOTAL: usize = 1_000;

/// The distributor's word, the sheet's, and ours.
const WORDS: [(&str, &str, &str); 8] = [
    ("created", "criado", "announced"),
    ("approved", "aprovado", "announced"),
    ("invoiced", "faturado", "announced"),
    ("processing", "em separação", "announced"),
    ("shipped", "enviado", "in_transit"),
    ("delivered", "entregue", "delivered"),
    ("canceled", "cancelado", "cancelled"),
    ("unavailable", "indisponível", "disposed"),
];

/// Every parcel of a depot by its number, as the API tells it.
fn parcels(desk: &Desk) -> BTreeMap<String, Value> {
    let all = desk.all("/parcels?limit=500");
    let n = all.len();
    let all: BTreeMap<String, Value> =
        all.into_iter().map(|p| (p["tracking_number"].as_str().unwrap().to_owned(), p)).collect();
    assert_eq!((all.len(), n), (TOTAL, TOTAL), "each number once");
    all
}

/// A time of the API, to the minute.
fn minute(time: &Value) -> Option<String> {
    time.as_str().map(|t| t[..16].to_owned())
}

/// What a spreadsheet of that code page makes of a text.
fn as_sheet(text: &str) -> String {
    let one = |c: char| if WINDOWS_1252.encode(c.encode_utf8(&mut [0; 4])).2 { '?' } else { c };
    text.chars().map(one).collect()
}

/// A cell's local time as the API tells moments, to the minute.
fn moment(cell: &str) -> Option<String> {
    (!cell.is_empty()).then(|| {
        let zone = jiff::tz::TimeZone::get(ZONE).unwrap();
        let at = crossdock::base::clock::Timestamp::parse(cell, &zone).unwrap();
        at.to_string()[..16].to_owned()
    })
}

fn text(cell: &str) -> Value {
    if cell.is_empty() { Value::Null } else { json!(cell) }
}

/// A cell in reais as money in cents.
fn reais(cell: &str) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    let (whole, cents) = cell.split_once('.').unwrap_or((cell, ""));
    let minor: i64 = format!("{whole}{cents:0<2}").parse().unwrap();
    json!({ "minor": minor, "currency": "BRL" })
}

#[test]
fn the_sheet_and_the_file_tell_a_thousand_parcels_field_by_field_alike() {
    let (Some(file), Some(sheet)) =
        (shared("data/olist/parcels.csv"), shared("data/olist/parcels-excel-br.csv"))
    else {
        return;
    };
    let mut reader = csv::Reader::from_path(file).unwrap();
    let heads = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().take(TOTAL).map(Result::unwrap).collect();
    let mut cut = csv::Writer::from_writer(Vec::new());
    cut.write_record(&heads).unwrap();
    rows.iter().for_each(|r| cut.write_record(r).unwrap());

    let (own, br) = (Desk::new(), Desk::new());
    own.map("olist", &WORDS.map(|(word, _, ours)| (word, ours)));
    br.map("olist-br", &WORDS.map(|(_, word, ours)| (word, ours)));
    let done = own.import("kind=parcels&source=olist&file=parcels.csv", cut.into_inner().unwrap());
    assert_eq!((&done["created"], &done["refused"]), (&json!(TOTAL), &json!(0)), "{done}");
    let done = br.import("kind=parcels&source=olist-br&file=parcels.csv", std::fs::read(sheet).unwrap());
    assert_eq!((&done["created"], &done["refused"]), (&json!(TOTAL), &json!(0)), "{done}");

    let (ours, theirs) = (parcels(&own), parcels(&br));
    let (mut unwritable, mut delivered) = (0, 0);
    for row in &rows {
        let cell = |name: &str| &row[heads.iter().position(|h| h == name).unwrap()];
        let number = cell("tracking_number");
        let (a, b) = (&ours[number], &theirs[number]);
        for field in ["distributor", "status", "weight_g", "value", "promised_at"] {
            assert_eq!(a[field], b[field], "{number}: {field}");
        }
        for field in ["zip", "city", "state"] {
            assert_eq!(a["to"][field], b["to"][field], "{number}: to {field}");
            assert_eq!(b["to"][field], text(cell(&format!("to_{field}"))), "{number}: to {field}");
        }
        // And both as the file has it, so that they are not wrong in the same way.
        let (_, word, status) = WORDS.into_iter().find(|w| w.0 == cell("status")).unwrap();
        assert_eq!((&a["raw_status"], &b["raw_status"]), (&json!(cell("status")), &json!(word)), "{number}");
        assert_eq!(b["status"], status, "{number}");
        assert_eq!(b["distributor"], text(cell("distributor")), "{number}");
        assert_eq!(b["value"], reais(cell("value_brl")), "{number}");
        let grams = cell("weight_g");
        assert_eq!(b["weight_g"], grams.parse::<u64>().map_or(Value::Null, |g| json!(g)), "{number}");
        assert_eq!(minute(&b["promised_at"]), moment(cell("promised_at")), "{number}");
        // The sheet has no seconds.
        assert_eq!(minute(&a["since"]), minute(&b["since"]), "{number}: since");
        assert_eq!(minute(&b["since"]), moment(cell("status_at")), "{number}: since");
        assert_eq!(a["remark"], text(cell("note")), "{number}: remark");
        let plain = |p: &Value| p["remark"].as_str().unwrap_or_default().replace("\r\n", "\n");
        assert_eq!(plain(b), as_sheet(&plain(a)), "{number}: remark");
        unwritable += usize::from(plain(b) != plain(a));
        if cell("status") == "delivered" && !cell("delivered_at").is_empty() {
            assert_eq!(minute(&a["delivered_at"]), minute(&b["delivered_at"]), "{number}: delivered_at");
            delivered += 1;
        }
        // What no column of the sheet tells, nobody makes up.
        for field in ["order_ref", "carrier", "service", "from", "items", "category", "volume_cm3", "freight"]
        {
            assert_eq!(b[field], Value::Null, "{number}: {field}");
        }
    }
    assert_eq!(unwritable, 3, "notes with letters that this code page hasn't");
    assert!(delivered > 600, "{delivered}");
}
