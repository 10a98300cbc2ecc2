//! A status map as a CSV file, for the desk's spreadsheet: read with every wrong line named, written so that it
//! reads back as it was.

use super::issues::REASONS;
use super::maps::{Map, MapRow, filled};
use crate::base::error::{Invalid, Problem};
use crate::base::text;

/// The most rows a map may have; the largest shipped one has 215.
pub const MAX_ROWS: usize = 10_000;
/// The largest map file that is read, in bytes.
pub const MAX_FILE: usize = 4 << 20;
/// After so many problems a file isn't read on.
pub const MAX_PROBLEMS: usize = 100;

impl Map {
    /// Reads a map from a CSV file in UTF-8, with comma or semicolon. It needs the columns code (or `source_status`)
    /// and status (or `unified`, `mapped`); sub, meaning, reason and `text_contains` may be there, others are passed over.
    ///
    /// # Errors
    /// Every line that is wrong, at most [`MAX_PROBLEMS`]; a file larger than [`MAX_FILE`] or [`MAX_ROWS`].
    pub fn read_csv(source: &str, file: &[u8]) -> Result<Self, Invalid> {
        if file.len() > MAX_FILE {
            let detail = format!("the file has {} bytes; a status map has at most {MAX_FILE}", file.len());
            return Err(Invalid::at("file", detail));
        }
        let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        let head = file.split(|b| *b == b'\n').next().unwrap_or_default();
        let delimiter = if head.contains(&b';') && !head.contains(&b',') { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(file);
        let columns = Columns::of(reader.headers().map_err(|e| Invalid::at("header", e.to_string()))?)?;
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        for record in reader.records() {
            let read = match record {
                Ok(record) if record.iter().all(|cell| cell.trim().is_empty()) => continue,
                Ok(record) => columns.row(&record),
                Err(e) => Err(Problem::new("file", e.to_string())),
            };
            match read {
                Ok(row) => rows.push(row),
                Err(problem) => problems.push(problem),
            }
            if rows.len() > MAX_ROWS {
                problems.push(Problem::new(
                    "file",
                    format!("has more than {MAX_ROWS} rows, the most a status map may have"),
                ));
            }
            if rows.len() > MAX_ROWS || problems.len() >= MAX_PROBLEMS {
                break;
            }
        }
        if problems.is_empty() {
            Ok(Self { source: source.to_owned(), rows })
        } else {
            Err(Invalid(problems))
        }
    }

    /// The map as a CSV file that [`Map::read_csv`] reads back as it was.
    ///
    /// # Errors
    /// When memory for it can't be had.
    pub fn write_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["code", "sub", "meaning", "status", "reason", "text_contains"])?;
        for MapRow { code, sub, text_contains, meaning, status, reason } in &self.rows {
            let cell = |cell: &'_ Option<String>| cell.clone().unwrap_or_default();
            writer.write_record([
                code,
                &cell(sub),
                meaning,
                status.as_str(),
                &cell(reason),
                &cell(text_contains),
            ])?;
        }
        writer.into_inner().map_err(|e| csv::Error::from(e.into_error()))
    }
}

/// Where a file's columns are.
struct Columns {
    code: usize,
    status: usize,
    sub: Option<usize>,
    meaning: Option<usize>,
    reason: Option<usize>,
    text_contains: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, Invalid> {
        let names: Vec<String> =
            header.iter().map(|h| h.trim().to_lowercase().replace([' ', '-'], "_")).collect();
        let find = |wanted: &[&str]| wanted.iter().find_map(|w| names.iter().position(|name| name == w));
        let needed = |wanted: &[&str]| {
            let missing =
                || Invalid::at(wanted[0], format!("no column has this name (or {})", wanted[1..].join(", ")));
            find(wanted).ok_or_else(missing)
        };
        Ok(Self {
            code: needed(&["code", "source_status", "source_code", "status_code", "raw"])?,
            status: needed(&["status", "unified", "mapped"])?,
            sub: find(&["sub", "sub_code", "sub_status"]),
            meaning: find(&["meaning", "description"]),
            reason: find(&["reason"]),
            text_contains: find(&["text_contains", "contains"]),
        })
    }

    fn row(&self, record: &csv::StringRecord) -> Result<MapRow, Problem> {
        let line = record.position().map_or(0, csv::Position::line);
        let at = |column: &str, detail: String| Problem::new(column, format!("line {line}: {detail}"));
        let cell = |column: Option<usize>| column.and_then(|n| record.get(n)).unwrap_or_default().trim();
        let code = cell(Some(self.code));
        text::required("code", code, text::SHORT).map_err(|p| at("code", p.detail))?;
        let optional = |name: &str, column: Option<usize>| {
            text::optional(name, cell(column), text::SHORT).map_err(|p| at(name, p.detail))?;
            Ok(filled(cell(column)))
        };
        let status = cell(Some(self.status)).parse().map_err(|why| at("status", why))?;
        let reason = filled(&cell(self.reason).to_lowercase());
        if let Some(unknown) = reason.as_deref().filter(|r| !REASONS.contains(r)) {
            return Err(at(
                "reason",
                format!(
                    "\"{unknown}\" is no reason code; leave it empty or use one of those of the case list, such as damaged"
                ),
            ));
        }
        Ok(MapRow {
            code: code.to_owned(),
            sub: optional("sub", self.sub)?,
            text_contains: optional("text_contains", self.text_contains)?,
            meaning: optional("meaning", self.meaning)?.unwrap_or_default(),
            status,
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, proptest};

    use super::*;
    use crate::parcels::maps::Mapped;
    use crate::parcels::model::Status;

    #[test]
    fn a_file_may_use_other_headers_and_a_semicolon() {
        let file = b"\xef\xbb\xbfSource Status;Confidence;Mapped;Description\r\nenviado;high;IN_TRANSIT;on its way\r\n;;;\r\n";
        let map = Map::read_csv("olist", file).unwrap();
        assert_eq!(map.rows.len(), 1);
        assert_eq!(map.rows[0].meaning, "on its way");
        assert_eq!(map.rows[0].status, Mapped::Status(Status::InTransit));
    }

    #[test]
    fn every_wrong_line_is_named_with_its_remedy() {
        let wrong = |file: &str| Map::read_csv("x", file.as_bytes()).unwrap_err().0;
        let problems = wrong("code,status,reason\na,shipped,\n,lost,\nb,lost,bad luck\nc,lost,damaged\n");
        let told: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.pointer, p.detail)).collect();
        assert_eq!(problems.len(), 3);
        assert!(
            told[0].starts_with("status: line 2: \"shipped\" is not a status")
                && told[0].ends_with("or info")
        );
        assert!(told[1].starts_with("code: line 3: is needed"));
        assert!(told[2].starts_with("reason: line 4: \"bad luck\" is no reason code"));
        assert_eq!(wrong("code,meaning\n")[0].pointer, "status");
        assert_eq!(wrong("")[0].pointer, "code");
        assert_eq!(Map::read_csv("x", b"code,status\n\xff,lost\n").unwrap_err().0[0].pointer, "file");
    }

    #[test]
    fn a_map_has_its_limits() {
        let file = |rows: usize| format!("code,status\n{}", "a,lost\n".repeat(rows));
        assert_eq!(Map::read_csv("x", file(MAX_ROWS).as_bytes()).unwrap().rows.len(), MAX_ROWS);
        assert_eq!(Map::read_csv("x", file(MAX_ROWS + 1).as_bytes()).unwrap_err().0.len(), 1);
        let wrong = format!("code,status\n{}", "a,b\n".repeat(MAX_PROBLEMS + 1));
        assert_eq!(Map::read_csv("x", wrong.as_bytes()).unwrap_err().0.len(), MAX_PROBLEMS);
        assert!(Map::read_csv("x", &vec![b' '; MAX_FILE + 1]).unwrap_err().to_string().contains("bytes"));
        let long = format!("code,status\n{},lost\n", "a".repeat(text::SHORT + 1));
        assert_eq!(Map::read_csv("x", long.as_bytes()).unwrap_err().0[0].pointer, "code");
    }

    proptest! {
        #[test]
        fn a_map_that_was_written_reads_back_as_it_was(rows in proptest::collection::vec(row(), 0..20)) {
            let map = Map { source: "x".into(), rows };
            let read = Map::read_csv("x", &map.write_csv().unwrap()).unwrap();
            assert_eq!(read, map);
            let json = serde_json::to_string(&map).unwrap();
            assert_eq!(serde_json::from_str::<Map>(&json).unwrap(), map);
        }
    }

    fn row() -> impl Strategy<Value = MapRow> {
        let word = || "[!-~\u{e0}-\u{ff}]([ -~\u{e0}-\u{ff}\n]{0,6}[!-~\u{e0}-\u{ff}])?";
        let maybe = || proptest::option::of(word());
        let reason = proptest::option::of(proptest::sample::select(REASONS.to_vec()));
        (word(), maybe(), maybe(), maybe(), 0..17_usize, reason).prop_map(
            |(code, sub, text_contains, meaning, status, reason)| MapRow {
                code,
                sub,
                text_contains,
                meaning: meaning.unwrap_or_default(),
                status: Status::ALL.get(status).map_or(Mapped::Info, |s| Mapped::Status(*s)),
                reason: reason.map(str::to_owned),
            },
        )
    }
}
