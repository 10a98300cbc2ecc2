//! Parcels announced by a partner as a list: small, read at once, each row by the same rule as a single announcement, so a
//! partner reaches nothing beyond its own distributors. Files of any size, of carriers
//! and with status words, are the business of imports.

use jiff::tz::TimeZone;

use super::inputs::{ContactInput, NewParcel, PlaceInput};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;

/// Rows one list may have.
pub const MAX_ROWS: usize = 1_000;

/// The columns that are read, by the names they may have.
const COLUMNS: [(&str, &[&str]); 16] = [
    ("tracking_number", &["tracking_number", "number", "parcel", "tracking"]),
    ("order_ref", &["order_ref", "order", "order_id", "reference"]),
    ("distributor", &["distributor"]),
    ("carrier", &["carrier"]),
    ("service", &["service"]),
    ("name", &["recipient", "name", "recipient_name"]),
    ("phone", &["phone", "recipient_phone"]),
    ("email", &["email", "recipient_email"]),
    ("line", &["line", "address", "street", "to_line"]),
    ("zip", &["zip", "postcode", "to_zip"]),
    ("city", &["city", "to_city"]),
    ("state", &["state", "province", "to_state"]),
    ("country", &["country", "to_country"]),
    ("weight_g", &["weight_g"]),
    ("promised_at", &["promised_at", "promised"]),
    ("remark", &["remark", "note"]),
];

/// A list, read.
#[derive(Debug)]
pub struct List {
    /// One parcel a row, or why the row makes none.
    pub rows: Vec<Result<NewParcel, Invalid>>,
    /// Columns that nobody knows.
    pub ignored: Vec<String>,
}

/// A heading as it is compared.
fn plain(heading: &str) -> String {
    heading.trim().trim_start_matches('\u{feff}').to_ascii_lowercase().replace([' ', '-'], "_")
}

/// A list, cell by cell.
pub(super) struct Cells {
    /// What stands in each column; none where nobody knows it.
    pub columns: Vec<Option<&'static str>>,
    /// Headings that nobody knows.
    pub ignored: Vec<String>,
    /// The rows with anything in them, or why one can't be read.
    pub records: Vec<Result<csv::StringRecord, String>>,
}

/// Reads a list: a line of headings, then a row a parcel; cells stand between commas or semicolons.
///
/// # Errors
/// No column called `needed`, or more than [`MAX_ROWS`] rows.
pub(super) fn cells(text: &str, known: &[(&'static str, &[&str])], needed: &str) -> Result<Cells, Invalid> {
    let head = text.lines().next().unwrap_or_default();
    let delimiter = if head.matches(';').count() > head.matches(',').count() { b';' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let headings: Vec<String> = match reader.headers() {
        Ok(headings) => headings.iter().map(plain).collect(),
        Err(e) => return Err(Invalid::at("/1", format!("the headings can't be read: {e}"))),
    };
    let name =
        |heading: &String| known.iter().find(|(_, names)| names.contains(&heading.as_str())).map(|c| c.0);
    let columns: Vec<Option<&'static str>> = headings.iter().map(name).collect();
    if !columns.contains(&Some(needed)) {
        return Err(Invalid::at("/1", format!("no column is called {needed}")));
    }
    let unknown = headings.iter().zip(&columns).filter(|(h, c)| c.is_none() && !h.is_empty());
    let ignored = unknown.map(|(h, _)| h.clone()).collect();
    let mut records = Vec::new();
    for record in reader.records() {
        // A spreadsheet has blank rows that nobody sees.
        if record.as_ref().is_ok_and(|r| r.iter().all(|cell| cell.trim().is_empty())) {
            continue;
        }
        if records.len() >= MAX_ROWS {
            return Err(Invalid::at("/", format!("has more than {MAX_ROWS} rows; send it in parts")));
        }
        records.push(record.map_err(|e| e.to_string()));
    }
    Ok(Cells { columns, ignored, records })
}

/// Reads a list. `own` is whose the parcels are where no row says so; moments without a zone are the depot's.
///
/// # Errors
/// No column with tracking numbers, or more than [`MAX_ROWS`] rows.
pub fn read(text: &str, own: Option<&str>, zone: &TimeZone) -> Result<List, Invalid> {
    let Cells { columns, ignored, records } = cells(text, &COLUMNS, "tracking_number")?;
    let read = |record: Result<csv::StringRecord, String>| match record {
        Ok(record) => row(&columns, &record, own, zone),
        Err(why) => Err(Invalid::at("/", why)),
    };
    Ok(List { rows: records.into_iter().map(read).collect(), ignored })
}

fn row(
    columns: &[Option<&str>],
    record: &csv::StringRecord,
    own: Option<&str>,
    zone: &TimeZone,
) -> Result<NewParcel, Invalid> {
    let cell = |name: &str| {
        let at = columns.iter().position(|c| *c == Some(name))?;
        record.get(at).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)
    };
    let told = |name: &str| cell(name).map(Some);
    let weight = cell("weight_g").map(|t| {
        t.parse::<u64>().map_err(|_| Invalid::at("/weight_g", format!("\"{t}\" is no number of whole grams")))
    });
    let promised =
        cell("promised_at").map(|t| Timestamp::parse(&t, zone).map_err(|e| Invalid::at("/promised_at", e)));
    let contact = ContactInput { name: cell("name"), phone: cell("phone"), email: cell("email") };
    let place = PlaceInput {
        line: cell("line"),
        zip: cell("zip"),
        city: cell("city"),
        state: cell("state"),
        country: cell("country"),
        ..PlaceInput::default()
    };
    Ok(NewParcel {
        tracking_number: cell("tracking_number").unwrap_or_default(),
        order_ref: told("order_ref"),
        distributor: told("distributor").or_else(|| own.map(|d| Some(d.to_owned()))),
        carrier: told("carrier"),
        service: told("service"),
        recipient: Some(contact),
        to: Some(place),
        weight_g: weight.transpose()?.map(Some),
        promised_at: promised.transpose()?.map(Some),
        remark: told("remark"),
        ..NewParcel::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_either_kind_is_read_and_what_nobody_knows_is_named() {
        let text = "\u{feff}Tracking Number;Recipient;City;Weight_g;Mood\nRR1;Ana;Porto;500;good\nRR2;;;x;\n";
        let list = read(text, Some("bar"), &TimeZone::UTC).unwrap();
        assert_eq!(list.ignored, ["mood"]);
        let first = list.rows[0].as_ref().unwrap();
        assert_eq!((first.tracking_number.as_str(), &first.distributor), ("RR1", &Some(Some("bar".into()))));
        assert_eq!(first.weight_g, Some(Some(500)));
        assert_eq!(list.rows[1].as_ref().unwrap_err().0[0].pointer, "/weight_g");
        let comma = read("number,distributor\nRR3,foo\n", Some("bar"), &TimeZone::UTC).unwrap();
        assert_eq!(comma.rows[0].as_ref().unwrap().distributor, Some(Some("foo".into())));
    }

    #[test]
    fn a_list_has_so_many_rows_and_not_one_more() {
        let of = |n: usize| format!("number\n{}", "RR1\n".repeat(n));
        assert_eq!(read(&of(MAX_ROWS), None, &TimeZone::UTC).unwrap().rows.len(), MAX_ROWS);
        assert!(read(&of(MAX_ROWS + 1), None, &TimeZone::UTC).is_err());
        assert!(
            read("name\nAna\n", None, &TimeZone::UTC).is_err() && read("", None, &TimeZone::UTC).is_err()
        );
    }
}
