//! Reports on many parcels as a list of comma separated values: a row a parcel, with its status and when that was.

use jiff::tz::TimeZone;

use super::announce::{Cells, cells};
use super::inputs::EventInput;
use super::model::Status;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;

/// Which columns are read, by the names they may have.
const COLUMNS: [(&str, &[&str]); 5] = [
    ("parcel", &["parcel", "tracking_number", "number", "tracking"]),
    ("status", &["status", "state", "new_status"]),
    ("occurred_at", &["occurred_at", "at", "when", "status_at", "time"]),
    ("note", &["note", "notes", "remark", "comment"]),
    ("reason", &["reason", "reason_code"]),
];

/// A row: which parcel, and what is reported of it; or why it can't be read.
pub type Row = Result<(String, EventInput), Invalid>;

/// A list, read.
#[derive(Debug)]
pub struct StatusList {
    /// Its rows.
    pub rows: Vec<Row>,
    /// Columns that nobody knows.
    pub ignored: Vec<String>,
}

/// Reads a list. `usual` is the status of rows that name none; moments without a zone are the depot's.
///
/// # Errors
/// No column with numbers, or too many rows.
pub fn read(text: &str, usual: Option<Status>, zone: &TimeZone) -> Result<StatusList, Invalid> {
    let Cells { columns, ignored, records } = cells(text, &COLUMNS, "parcel")?;
    let row = |record: Result<csv::StringRecord, String>| -> Row {
        let record = record.map_err(|why| Invalid::at("/", why))?;
        let cell = |name: &str| {
            let at = columns.iter().position(|c| *c == Some(name))?;
            record.get(at).map(str::trim).filter(|t| !t.is_empty())
        };
        let parcel = cell("parcel").ok_or_else(|| Invalid::at("/parcel", "is needed"))?;
        let status = match cell("status") {
            Some(word) => Some(word.parse().map_err(|why| Invalid::at("/status", why))?),
            None => usual,
        };
        let occurred_at = cell("occurred_at").map(|t| Timestamp::parse(t, zone)).transpose();
        let input = EventInput {
            status: Some(status.ok_or_else(|| Invalid::at("/status", "is needed"))?),
            occurred_at: occurred_at.map_err(|why| Invalid::at("/occurred_at", why))?,
            note: cell("note").map(str::to_owned),
            reason: cell("reason").map(str::to_owned),
            ..EventInput::default()
        };
        Ok((parcel.to_owned(), input))
    };
    Ok(StatusList { rows: records.into_iter().map(row).collect(), ignored })
}

#[cfg(test)]
mod tests {
    use super::super::announce::MAX_ROWS;
    use super::*;

    #[test]
    fn a_row_names_a_parcel_and_a_status_or_says_what_is_missing() {
        let text = "Number;Status;At;Note;Mood\nA1;DELIVERED;2026-11-20 10:00;at the door;good\nA2;;;;\n;lost;;;\nA3;flying;;;\nA4;lost;yesterday;;\n;;;;\n";
        let list = read(text, Some(Status::InTransit), &TimeZone::UTC).unwrap();
        assert_eq!((list.ignored.as_slice(), list.rows.len()), (&["mood".to_owned()][..], 5));
        let (parcel, input) = list.rows[0].as_ref().unwrap();
        assert_eq!(
            (parcel.as_str(), input.status, input.note.as_deref()),
            ("A1", Some(Status::Delivered), Some("at the door"))
        );
        assert_eq!(input.occurred_at.unwrap().to_string(), "2026-11-20T10:00:00Z");
        assert_eq!(list.rows[1].as_ref().unwrap().1.status, Some(Status::InTransit));
        let wrong: Vec<_> =
            list.rows[2..].iter().map(|r| r.as_ref().unwrap_err().0[0].pointer.as_str()).collect();
        assert_eq!(wrong, ["/parcel", "/status", "/occurred_at"]);
        assert_eq!(
            read("number\nA1\n", None, &TimeZone::UTC).unwrap().rows[0].as_ref().unwrap_err().0[0].pointer,
            "/status"
        );
    }

    #[test]
    fn a_list_has_so_many_rows_and_not_one_more() {
        let of = |n: usize| read(&format!("number,status\n{}", "RR1,lost\n".repeat(n)), None, &TimeZone::UTC);
        assert_eq!(of(MAX_ROWS).unwrap().rows.len(), MAX_ROWS);
        assert!(of(MAX_ROWS + 1).is_err());
        assert!(read("status\nlost\n", None, &TimeZone::UTC).is_err());
    }
}
