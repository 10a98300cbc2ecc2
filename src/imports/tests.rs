//! The reading half against real and hostile files. Those that are not ours lie beside the repository; without
//! them the tests say so and pass.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
use serde_json::Value;

use super::dates::DateForm;
use super::detect::{Delimiter, Encoding};
use super::mapping::{Column, Kind, Mapping};
use super::row::{Form, ParcelRow, Reader, Refusal, Row, StatusRow, Verdict};
use super::survey::{Survey, survey};
use super::{Concern, ImportError};

/// A file of the shared data, or None with a word about it when the data is not there.
fn shared(path: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let root = std::env::var_os("CROSSDOCK_SHARED").map_or(beside, PathBuf::from);
    let path = root.join("data").join(path);
    if !path.exists() {
        eprintln!(
            "SKIPPED: {} is not there; set CROSSDOCK_SHARED to the folder that holds data/",
            path.display()
        );
        return None;
    }
    Some(path)
}

fn sao_paulo() -> TimeZone {
    TimeZone::get("America/Sao_Paulo").unwrap()
}

fn read_as(
    bytes: &[u8],
    kind: Kind,
    mapping: Option<&Mapping>,
) -> Result<(Survey, Vec<Verdict>), ImportError> {
    let mut input = Cursor::new(bytes);
    let survey = survey(&mut input, kind, mapping)?;
    let form = Arc::new(Form::new(&survey, mapping, &sao_paulo())?);
    let verdicts = Reader::new(input, &survey, form)?.collect::<Result<Vec<_>, _>>()?;
    assert_eq!(verdicts.len() as u64, survey.records, "both passes see the same rows");
    Ok((survey, verdicts))
}

fn parcels(verdicts: Vec<Verdict>) -> (Vec<ParcelRow>, Vec<Refusal>) {
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for verdict in verdicts {
        match verdict {
            Ok(Row::Parcel(row)) => rows.push(*row),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => refused.push(refusal),
        }
    }
    (rows, refused)
}

fn statuses(verdicts: Vec<Verdict>) -> Vec<StatusRow> {
    let take = |v: Verdict| match v {
        Ok(Row::Status(row)) => row,
        other => panic!("{other:?}"),
    };
    verdicts.into_iter().map(take).collect()
}

#[test]
fn parcels_are_counted_and_summed_as_pandas_and_duckdb_did() {
    let (Some(file), Some(facts)) = (shared("olist/parcels.csv"), shared("olist/facts.json")) else { return };
    let facts: Value = serde_json::from_slice(&fs::read(facts).unwrap()).unwrap();
    let (survey, verdicts) = read_as(&fs::read(file).unwrap(), Kind::Parcels, None).unwrap();
    assert_eq!((survey.encoding, survey.delimiter), (Encoding::Utf8, Delimiter::Comma));
    assert_eq!((survey.records, survey.ghost_rows, survey.physical_lines), (4122, 0, 4926));
    for (name, column) in survey.header.iter().zip(&survey.columns) {
        assert_eq!(Some(column.empty), facts["empty_cells"][name].as_u64(), "{name}");
        assert!(column.column.is_some(), "{name}");
    }
    assert!(survey.warnings.is_empty(), "{:?}", survey.warnings);
    let (rows, refused) = parcels(verdicts);
    assert_eq!((rows.len(), refused.len()), (4122, 0));
    let sum = |of: fn(&ParcelRow) -> Option<i64>| rows.iter().filter_map(of).sum::<i64>();
    assert_eq!(Some(sum(|r| Some(r.facts.value.as_ref()?.minor))), facts["sums"]["value_brl_cents"].as_i64());
    assert_eq!(
        Some(sum(|r| Some(r.facts.freight.as_ref()?.minor))),
        facts["sums"]["freight_brl_cents"].as_i64()
    );
    assert_eq!(Some(sum(|r| r.facts.weight?.0.try_into().ok())), facts["sums"]["weight_g"].as_i64());
    let notes: Vec<&String> = rows.iter().filter_map(|r| r.facts.remark.as_ref()).collect();
    assert_eq!(Some(notes.len() as u64), facts["notes"]["non_empty"].as_u64());
    assert_eq!(
        Some(notes.iter().filter(|n| n.contains('\n')).count() as u64),
        facts["notes"]["with_newline"].as_u64()
    );
    let first = &rows[0];
    assert_eq!(
        (first.line, first.number.as_deref(), first.facts.to.zip.as_deref()),
        (2, Some("OL178271159BR"), Some("03323"))
    );
    assert_eq!(first.status_at.unwrap().to_string(), "2018-02-08T18:13:46Z");
    assert_eq!(first.facts.to.position.unwrap().lat, -23_544_874);
    let mut digests: Vec<_> = rows.iter().map(|r| r.digest).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 4122);
}

#[test]
fn a_brazilian_spreadsheet_says_the_same_without_a_mapping() {
    let (Some(br), Some(iso)) = (shared("olist/parcels-excel-br.csv"), shared("olist/parcels.csv")) else {
        return;
    };
    let (survey, verdicts) = read_as(&fs::read(br).unwrap(), Kind::Parcels, None).unwrap();
    assert_eq!((survey.encoding, survey.delimiter), (Encoding::Windows1252, Delimiter::Semicolon));
    assert_eq!((survey.records, survey.physical_lines), (1000, 1204));
    assert!(survey.warnings.is_empty() && survey.resolved.ignored.is_empty(), "{:?}", survey.warnings);
    assert_eq!(survey.columns[3].date_form, Some(DateForm::DayFirst));
    let (theirs, refused) = parcels(verdicts);
    assert_eq!(refused, []);
    let (ours, _) = parcels(read_as(&fs::read(iso).unwrap(), Kind::Parcels, None).unwrap().1);
    let mut notes = 0;
    for (br, iso) in theirs.iter().zip(&ours) {
        assert_eq!((&br.number, &br.facts.distributor), (&iso.number, &iso.facts.distributor));
        assert_eq!(
            (&br.facts.to.zip, &br.facts.to.city, &br.facts.to.state),
            (&iso.facts.to.zip, &iso.facts.to.city, &iso.facts.to.state)
        );
        assert_eq!((&br.facts.weight, &br.facts.value), (&iso.facts.weight, &iso.facts.value));
        assert_eq!(br.facts.promised_at, iso.facts.promised_at);
        let minute = |r: &ParcelRow| r.status_at.unwrap().millis() / 60_000;
        assert_eq!(minute(br), minute(iso), "{:?}", br.number);
        // Windows-1252 can't write every note, and this spreadsheet broke lines in its own way
        let plain = |r: &ParcelRow| r.facts.remark.clone().unwrap_or_default().replace('\r', "");
        notes += usize::from(plain(br) == plain(iso));
    }
    assert!(notes >= 990, "{notes}");
}

#[test]
fn a_spreadsheet_with_ghosts_is_read_month_first() {
    let Some(file) = shared("naughty/orders-excel-mdy-ghost-rows.csv") else { return };
    let (survey, verdicts) = read_as(&fs::read(file).unwrap(), Kind::Parcels, None).unwrap();
    assert_eq!((survey.records, survey.ghost_rows, survey.physical_lines), (5032, 89_442, 5033 + 89_442));
    assert_eq!(survey.columns[3].dates.both_ways, 1841);
    assert_eq!(survey.columns[3].date_form, Some(DateForm::MonthFirst));
    assert_eq!(survey.resolved.ignored, ["customer_id"]);
    let (rows, refused) = parcels(verdicts);
    assert_eq!((rows.len(), refused.len(), rows.last().unwrap().line), (5032, 0, 5033));
    let delivered = rows.iter().filter(|r| r.raw_status.as_deref() == Some("delivered")).count();
    assert_eq!(delivered, 4874);
    let delivered = rows.iter().filter(|r| r.raw_status.as_deref() == Some("delivered"));
    let late = delivered
        .filter(|r| r.milestones.delivered_at.is_some_and(|d| r.facts.promised_at.is_some_and(|p| d > p)));
    assert_eq!(late.count(), 421);
}

#[test]
fn a_status_log_is_read_with_its_missing_times() {
    let Some(file) = shared("olist/status-log.csv") else { return };
    let (survey, verdicts) = read_as(&fs::read(file).unwrap(), Kind::Status, None).unwrap();
    assert!(survey.warnings.is_empty(), "{:?}", survey.warnings);
    let rows = statuses(verdicts);
    assert_eq!((rows.len(), rows.iter().filter(|r| r.at.is_none()).count()), (14_601, 612));
    assert_eq!((rows[3].line, rows[3].seq, rows[3].raw_status.as_str()), (5, Some(4), "delivered"));
}

/// Every column of a header mapped to something, so that a file about nothing of ours can be read.
fn any_mapping(header: &[String]) -> Mapping {
    let names = [
        Column::TrackingNumber,
        Column::Note,
        Column::Category,
        Column::Service,
        Column::ToCity,
        Column::ToLine,
    ];
    let lower = header.iter().map(|h| h.trim().to_lowercase());
    Mapping { columns: lower.zip(names).collect(), ..Mapping::default() }
}

#[test]
fn every_naughty_file_ends_in_rows_or_a_clear_error() {
    for (dir, count) in [("agate", 8), ("csv-spectrum/csvs", 12), ("csv-test-data/csv", 25)] {
        let Some(dir) = shared(&format!("naughty/{dir}")) else { return };
        let files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()).collect();
        assert_eq!(files.len(), count);
        for file in files {
            let bytes = fs::read(&file).unwrap();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let survey = match survey(&mut Cursor::new(&bytes), Kind::Parcels, None) {
                Ok(survey) => survey,
                Err(ImportError::Empty) => {
                    assert!(bytes.iter().all(u8::is_ascii_whitespace), "{name}");
                    continue;
                }
                Err(other) => panic!("{name}: {other}"),
            };
            // none says which parcel it is about, and is told so; mapped by hand, each gives rows or refusals
            assert!(
                Form::new(&survey, None, &TimeZone::UTC).is_err_and(|e| e.to_string().contains("map one of")),
                "{name}"
            );
            let (mapped, verdicts) =
                read_as(&bytes, Kind::Parcels, Some(&any_mapping(&survey.header))).unwrap();
            let (rows, refused) = parcels(verdicts);
            let wants = match name.as_str() {
                "bad-header-less-fields.csv" | "bad-header-more-fields.csv" | "bad-missing-quote.csv" => {
                    (0, 1)
                }
                "empty-one-column.csv" | "bad-header-wrong-header.csv" | "header-no-rows.csv" => (0, 0),
                // the cell that would be the tracking number is blank in one row
                "test_cr.csv" | "test_crlf.csv" | "test_quote_nonnumeric.csv" => (2, 1),
                "test_no_header.csv" => (1, 0),
                "newlines.csv" | "newlines_crlf.csv" => (3, 0),
                _ => (rows.len(), 0),
            };
            assert_eq!((rows.len(), refused.len()), wants, "{name}: {refused:?}");
            assert!(
                refused.iter().all(|r| r.line > 1 && r.problems.iter().all(|p| !p.detail.is_empty())),
                "{name}"
            );
            assert_eq!(mapped.encoding, expected_encoding(&name), "{name}");
        }
    }
}

fn expected_encoding(name: &str) -> Encoding {
    match name {
        "test_latin1.csv" => Encoding::Windows1252,
        "test_utf16_big.csv" => Encoding::Utf16Be,
        "test_utf16_little.csv" => Encoding::Utf16Le,
        _ => Encoding::Utf8,
    }
}

#[test]
fn the_cells_of_csv_spectrum_and_csv_test_data_are_what_their_json_says() {
    for (dir, csvs) in [("csv-spectrum", "csvs"), ("csv-test-data", "csv")] {
        let Some(dir) = shared(&format!("naughty/{dir}")) else { return };
        for file in fs::read_dir(dir.join("json")).unwrap().map(|f| f.unwrap().path()) {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            // one contradicts its own table, one has nothing but empty lines
            if ["location_coordinates", "all-empty"].contains(&name.as_str()) {
                continue;
            }
            let wants: Vec<Value> =
                serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap_or_else(|_| {
                    vec![serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap()] // a lone object
                });
            let bytes = fs::read(dir.join(csvs).join(format!("{name}.csv"))).unwrap();
            let survey = survey(&mut Cursor::new(&bytes), Kind::Parcels, None).unwrap();
            let (mut records, mut record) =
                (survey.records(Cursor::new(&bytes)).unwrap(), csv::ByteRecord::new());
            let mut found = vec![survey.header.clone()];
            while let super::records::Step::Row { .. } = records.next(&mut record).unwrap() {
                found.push(record.iter().map(|c| String::from_utf8(c.to_vec()).unwrap()).collect());
            }
            let text = |v: &Value| v.as_str().unwrap().to_owned();
            if wants.iter().all(Value::is_array) {
                let wants: Vec<Vec<String>> =
                    wants.iter().map(|r| r.as_array().unwrap().iter().map(text).collect()).collect();
                if survey.header.len() == wants.first().map_or(0, Vec::len) {
                    assert_eq!(found[found.len() - wants.len().min(found.len())..], wants, "{name}");
                }
            } else {
                assert_eq!(found.len(), wants.len() + 1, "{name}");
                for (row, want) in found[1..].iter().zip(&wants) {
                    let want: Vec<String> = survey.header.iter().map(|h| text(&want[h])).collect();
                    assert_eq!(*row, want, "{name}");
                }
            }
        }
    }
}

#[test]
fn naughty_strings_come_back_byte_for_byte_through_a_note() {
    let Some(file) = shared("naughty/blns.json") else { return };
    let strings: Vec<String> = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(strings.len(), 515);
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["tracking_number", "note"]).unwrap();
    for (n, text) in strings.iter().enumerate() {
        out.write_record([&format!("N{n}"), text]).unwrap();
    }
    let (_, verdicts) = read_as(&out.into_inner().unwrap(), Kind::Parcels, None).unwrap();
    let (rows, refused) = parcels(verdicts);
    assert_eq!(refused, []);
    for (row, text) in rows.iter().zip(&strings) {
        assert_eq!(row.facts.remark.as_deref().unwrap_or_default(), text);
    }
}

#[test]
fn utf_16_is_read_both_ways_with_and_without_a_mark() {
    let text = "tracking;note\r\nA;Péssima 字 🙂\r\nB;\"x\r\ny\"\r\n";
    for (mark, little) in [("\u{FEFF}", true), ("\u{FEFF}", false), ("", true), ("", false)] {
        let units = mark.encode_utf16().chain(text.encode_utf16());
        let bytes: Vec<u8> =
            units.flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect();
        let (survey, verdicts) = read_as(&bytes, Kind::Parcels, None).unwrap();
        assert_eq!(survey.encoding, if little { Encoding::Utf16Le } else { Encoding::Utf16Be });
        let (rows, _) = parcels(verdicts);
        assert_eq!(rows[0].facts.remark.as_deref(), Some("Péssima 字 🙂"));
        assert_eq!((rows[1].line, rows[1].facts.remark.as_deref()), (3, Some("x\r\ny")));
    }
}

#[test]
fn a_row_is_refused_with_every_reason_and_the_next_is_read() {
    let text = "tracking,status_at,weight_kg,value,currency,lat,lon,qty\n\
        A,2018-02-30,heavy,1.234,EURO,1,,-1\nB,2018-02-03,1.2345,1.20,eur,-23.5,181,2\n,,,,,,,1\nC,,0.65,9.5,,,,\nD,,0.65,9.5,usd,1,2,2.0\n";
    let (_, verdicts) = read_as(text.as_bytes(), Kind::Parcels, None).unwrap();
    let (rows, refused) = parcels(verdicts);
    let columns: Vec<Vec<&str>> =
        refused.iter().map(|r| r.problems.iter().map(|p| p.pointer.as_str()).collect()).collect();
    let wants: [&[&str]; 4] =
        [&["status_at", "qty", "weight_kg", "currency", "value"], &["lat"], &["tracking"], &["value"]];
    assert_eq!(columns, wants);
    assert_eq!(refused.iter().map(|r| r.line).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(refused[0].cells[2], "heavy");
    let facts = &rows[0].facts;
    assert_eq!((facts.weight.unwrap().0, facts.items), (650, Some(2)));
    assert_eq!(
        (facts.value.as_ref().unwrap().minor, facts.value.as_ref().unwrap().currency.as_str()),
        (950, "USD")
    );
}

#[test]
fn the_zone_the_currency_and_the_signs_of_a_mapping_are_kept() {
    let json = r#"{"columns":{"nr":"tracking_number","when":"status_at","worth":"value"},"date_forms":{"when":"day_first"},
        "decimal_comma":true,"currency":"EUR","zone":"Europe/Lisbon"}"#;
    let mapping: Mapping = serde_json::from_str(json).unwrap();
    let (survey, verdicts) =
        read_as(b"Nr,When,Worth\nA,3/7/2018 12:00,\"1.234\"\nB,4/13/2018,1\n", Kind::Parcels, Some(&mapping))
            .unwrap();
    assert_eq!(survey.warnings.iter().map(|w| w.concern).collect::<Vec<_>>(), [Concern::ContradictoryDates]);
    let (rows, refused) = parcels(verdicts);
    assert_eq!(rows[0].status_at.unwrap().to_string(), "2018-07-03T11:00:00Z");
    assert_eq!(rows[0].facts.value.as_ref().unwrap().minor, 123_400);
    assert!(refused[0].problems[0].detail.contains("DD/MM/YYYY"));
}

#[test]
fn a_cell_and_a_text_one_byte_over_their_limits_refuse_their_row_only() {
    use super::records::MAX_CELL;
    use crate::base::text::{LONG, SHORT};
    let row = |city: usize, note: usize, other: usize| {
        format!("A,{},{},{}\n", "c".repeat(city), "n".repeat(note), "o".repeat(other))
    };
    let text = format!(
        "tracking,city,note,other\n{}{}{}{}",
        row(SHORT, LONG, MAX_CELL),
        row(SHORT + 1, 1, 1),
        row(1, LONG + 1, 1),
        row(1, 1, MAX_CELL + 1)
    );
    let (rows, refused) = parcels(read_as(text.as_bytes(), Kind::Parcels, None).unwrap().1);
    assert_eq!(rows.len(), 1);
    let columns: Vec<&str> = refused.iter().map(|r| r.problems[0].pointer.as_str()).collect();
    assert_eq!(columns, ["city", "note", "other"]);
}

#[test]
fn equal_values_have_equal_digests_however_they_are_written() {
    let digest = |text: &str| parcels(read_as(text.as_bytes(), Kind::Parcels, None).unwrap().1).0[0].digest;
    let one = digest("tracking,weight_g,delivered_at,value_brl\nA,650,2018-02-21 16:13,9.5\n");
    assert_eq!(
        one,
        digest("valor (R$);peso (kg);tracking;data de entrega\n9,50;0,65;A;21/02/2018 16:13:00\n")
    );
    assert_ne!(one, digest("tracking,weight_g,delivered_at,value_brl\nA,650,2018-02-21 16:13,9.51\n"));
    assert_ne!(one, digest("tracking,weight_g,delivered_at,value_usd\nA,650,2018-02-21 16:13,9.5\n"));
}

/// `text` in `encoding`, which must be able to write it.
fn encoded(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf8Bom => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        Encoding::Utf16Le => format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Encoding::Utf16Be => format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Encoding::Windows1252 => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
    }
}

fn encodings() -> impl Strategy<Value = Encoding> {
    prop::sample::select(vec![
        Encoding::Utf8,
        Encoding::Utf8Bom,
        Encoding::Utf16Le,
        Encoding::Utf16Be,
        Encoding::Windows1252,
    ])
}

proptest! {
    #[test]
    fn cells_written_in_any_form_are_read_back(
        notes in prop::collection::vec("[ a-zA-Zéçã€;,|\t\"\r\n0-9]{0,20}", 1..20),
        delimiter in prop::sample::select(Delimiter::ALL.to_vec()),
        encoding in encodings(),
        quote_all in any::<bool>(),
        crlf in any::<bool>(),
    ) {
        let style = if quote_all { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let end = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut out = csv::WriterBuilder::new().delimiter(delimiter.byte()).quote_style(style).terminator(end).from_writer(Vec::new());
        out.write_record(["tracking_number", "to_zip", "note", "status"]).unwrap();
        for (n, note) in notes.iter().enumerate() {
            out.write_record([&format!("N{n}"), "01234", note, "shipped"]).unwrap();
        }
        let text = String::from_utf8(out.into_inner().unwrap()).unwrap();
        let (survey, verdicts) = read_as(&encoded(&text, encoding), Kind::Parcels, None).unwrap();
        prop_assert_eq!(survey.delimiter, delimiter);
        let (rows, refused) = parcels(verdicts);
        prop_assert!(refused.is_empty(), "{:?}", refused);
        for (row, note) in rows.iter().zip(&notes) {
            prop_assert_eq!(row.facts.remark.as_deref().unwrap_or_default(), note.as_str());
            prop_assert_eq!(row.facts.to.zip.as_deref(), Some("01234"));
        }
        prop_assert_eq!(rows.len(), notes.len());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), status in any::<bool>()) {
        let kind = if status { Kind::Status } else { Kind::Parcels };
        let _ = read_as(&bytes, kind, None);
        let head = b"tracking,status,at,weight_g,value_eur,lat,lon,note\n";
        let _ = read_as(&[&head[..], &bytes].concat(), kind, None);
    }

    #[test]
    fn no_cell_makes_it_panic(cell in "[0-9/:.,TZ +\u{e9}-]{0,30}") {
        for column in ["at", "weight_g", "weight_kg", "value_jpy", "items", "currency"] {
            let text = format!("tracking;{column};status\nA;{cell};x\n");
            prop_assert!(read_as(text.as_bytes(), Kind::Parcels, None).is_ok());
        }
    }
}
