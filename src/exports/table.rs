//! Rows of a list as CSV or as JSON lines.

use std::borrow::Cow;

use serde_json::Value;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV in UTF-8 with a header, CRLF, and no cell that a spreadsheet computes.
    Csv,
    /// One JSON object a line, as the list shows it.
    Ndjson,
}

impl Format {
    /// The format called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// What a file's name ends with.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    /// What a file begins with.
    #[must_use]
    pub fn head(self, columns: &[&str]) -> Vec<u8> {
        match self {
            Self::Csv => {
                let names: Vec<String> = columns.iter().map(|c| c.replace('.', "_")).collect();
                written(std::iter::once(names))
            }
            Self::Ndjson => Vec::new(),
        }
    }

    /// `rows` as they stand in the file.
    #[must_use]
    pub fn rows(self, columns: &[&str], rows: &[Value]) -> Vec<u8> {
        match self {
            Self::Csv => written(rows.iter().map(|row| columns.iter().map(|c| cell(row, c)).collect())),
            Self::Ndjson => {
                let mut out = Vec::new();
                for row in rows {
                    out.extend(row.to_string().into_bytes());
                    out.push(b'\n');
                }
                out
            }
        }
    }
}

fn written(rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut out = csv::WriterBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        // Writing into memory does not fail.
        let _ = out.write_record(row.iter().map(|c| guarded(c).into_owned()));
    }
    out.into_inner().unwrap_or_default()
}

/// What stands at `path` (names with dots between them) as one cell: lists of plain values with `; ` between them, all
/// else as JSON.
fn cell(row: &Value, path: &str) -> String {
    let found = path.split('.').fold(row, |v, name| &v[name]);
    plain(found).unwrap_or_else(|| match found {
        Value::Array(items) if items.iter().all(|i| plain(i).is_some()) => {
            items.iter().filter_map(plain).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    })
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(s) => Some(s.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// A cell that no spreadsheet takes for a formula. A number may be negative.
fn guarded(cell: &str) -> Cow<'_, str> {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    if formula { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_cells_that_no_spreadsheet_computes() {
        let columns = ["id", "to.city", "flags", "issues", "n"];
        let rows = [
            json!({ "id": "=1+1", "to": { "city": "L, \"x\"" }, "flags": ["stale", "delayed"], "issues": [{ "a": 1 }], "n": -5 }),
            json!({ "id": "@x", "flags": [], "issues": [], "n": null }),
            json!({ "id": "-x", "flags": ["+1a"] }),
        ];
        let text =
            |f: Format| String::from_utf8([f.head(&columns), f.rows(&columns, &rows)].concat()).unwrap();
        assert_eq!(
            text(Format::Csv),
            "id,to_city,flags,issues,n\r\n'=1+1,\"L, \"\"x\"\"\",stale; delayed,\"[{\"\"a\"\":1}]\",-5\r\n'@x,,,,\r\n'-x,,'+1a,,\r\n"
        );
        let lines = text(Format::Ndjson);
        let read: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(read, rows);
        assert_eq!((Format::named("csv"), Format::named("xls")), (Some(Format::Csv), None));
    }
}
