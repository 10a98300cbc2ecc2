//! Spreadsheets in the import path.

use std::io::{Cursor, Write};

use serde_json::json;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::support::desk::Desk;

/// A workbook of one sheet with these rows.
fn book(rows: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    for (name, text) in [
        (
            "[Content_Types].xml",
            r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#.to_owned(),
        ),
        (
            "_rels/.rels",
            format!(
                r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                r#"<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#),
        ),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn cell(at: &str, text: &str) -> String {
    format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

#[test]
fn a_spreadsheet_is_taken_in_like_a_csv_and_its_bad_rows_go_back_by_row() {
    let desk = Desk::new();
    desk.map("bar", &[("shipped", "in_transit")]);
    let head = ["tracking_number", "status", "status_at", "weight_g"];
    let head: String = head.iter().zip(["A1", "B1", "C1", "D1"]).map(|(t, at)| cell(at, t)).collect();
    let rows = format!(
        r#"<row r="1">{head}</row><row r="3">{}{}<c r="C3" s="1"><v>46346.5</v></c><c r="D3"><v>1234</v></c></row>
        <row r="4"><c r="A4"><v>12345678</v></c>{}<c r="C4" s="1"><v>46346.25</v></c></row><row r="5">{}{}{}</row>"#,
        cell("A3", "W1"),
        cell("B3", "shipped"),
        cell("B4", "shipped"),
        cell("A5", "W3"),
        cell("B5", "shipped"),
        cell("C5", "yesterday"),
    );
    let import = desk.import("kind=parcels&source=bar&file=monday.xlsx", book(&rows));
    assert_eq!(
        (&import["state"], &import["created"], &import["refused"]),
        (&json!("done"), &json!(2), &json!(1)),
        "{import}"
    );
    let parcel = desk.get("/parcels/W1").json;
    // Noon on 20 November 2026 in São Paulo.
    assert_eq!(
        (&parcel["since"], &parcel["weight_g"]),
        (&json!("2026-11-20T15:00:00Z"), &json!(1234)),
        "{parcel}"
    );
    assert_eq!(desk.get("/parcels/12345678").json["status"], "in_transit");
    let errors = desk.get(&format!("/imports/{}/errors.csv", import["id"].as_str().unwrap())).text;
    let last = errors.lines().last().unwrap();
    assert!(last.starts_with("W3,shipped,yesterday") && last.ends_with(",5"), "{errors}");
    let again = desk.import("kind=parcels&source=bar", book(&rows));
    assert_eq!((&again["unchanged"], &again["created"]), (&json!(2), &json!(0)), "{again}");
    desk.assert_sound();
}

#[test]
fn what_is_no_spreadsheet_fails_with_the_remedy() {
    let desk = Desk::new();
    let mut old = vec![0xd0, 0xcf, 0x11, 0xe0];
    old.extend([0; 64]);
    let import = desk.import("kind=parcels&source=bar", old);
    assert_eq!(import["state"], "failed");
    assert!(import["error"].as_str().unwrap().contains("save it as .xlsx"), "{import}");
    let torn = desk.import("kind=parcels&source=bar", book("")[..300].to_vec());
    assert!(torn["error"].as_str().unwrap().contains("can't be read"), "{torn}");
    let empty = desk.import("kind=parcels&source=bar", book(""));
    assert_eq!(empty["state"], "failed", "{empty}");
}
