//! Spreadsheets (.xlsx) as the CSV that everything else reads: the first sheet with anything in it, one line a row, times
//! as year-month-day. A file is weighed before it is unpacked for good, so that a small one can't fill memory or disk.

use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use calamine::{DataRef, ExcelDateTime, Reader, SheetVisible, Xlsx};
use zip::ZipArchive;

use super::records::MAX_COLUMNS;
use super::{Concern, ImportError, Warning, shown};

/// What a spreadsheet may come to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Cells with anything in them.
    pub cells: u64,
    /// The last row.
    pub rows: u32,
    /// Bytes of all its parts, unpacked.
    pub unpacked: u64,
    /// Bytes of the texts its cells share, unpacked: they are in memory while it is read.
    pub strings: u64,
    /// Parts.
    pub parts: usize,
    /// Bytes of one text.
    pub text: u64,
}

/// What is read.
pub const LIMITS: Limits = Limits {
    cells: 20_000_000,
    rows: 1_048_576,
    unpacked: 1 << 30,
    strings: 128 << 20,
    parts: 2_000,
    text: 4 << 20,
};

/// From here on a spreadsheet has lost digits of a number.
const EXACT: f64 = 1e15;
/// The part with the texts that cells share.
const STRINGS: &str = "xl/sharedStrings.xml";

/// What a file's first bytes say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Text.
    Text,
    /// A packed spreadsheet.
    Packed,
    /// A spreadsheet of the older kind, .xls.
    Old,
}

/// What `head`, the first bytes of a file, says it is.
#[must_use]
pub fn sort(head: &[u8]) -> Sort {
    match head {
        [b'P', b'K', 3, 4, ..] => Sort::Packed,
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Sort::Old,
        _ => Sort::Text,
    }
}

/// What is to be read of an uploaded file: it itself, or the CSV that was made of a spreadsheet.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Where it lies.
    pub path: PathBuf,
    /// Whether it was a spreadsheet: then lines are its rows.
    pub is_sheet: bool,
    /// What a person should look at.
    pub warnings: Vec<Warning>,
}

/// Makes the CSV of the spreadsheet at `data`, if it is one: at `csv`, by way of `part`. One that is there is taken as it
/// is, so an import that goes on reads what it began with.
///
/// # Errors
/// When it is no spreadsheet we read, or comes to more than [`LIMITS`].
pub fn prepared(data: &Path, csv: &Path, part: &Path) -> Result<Prepared, ImportError> {
    let mut file = File::open(data)?;
    let mut head = Vec::with_capacity(4);
    (&mut file).take(4).read_to_end(&mut head)?;
    match sort(&head) {
        Sort::Text => return Ok(Prepared { path: data.to_owned(), is_sheet: false, warnings: Vec::new() }),
        Sort::Old => {
            return Err(ImportError::Sheet(
                "this is a spreadsheet of the older kind: save it as .xlsx or as CSV".into(),
            ));
        }
        Sort::Packed => {}
    }
    let mut warnings = Vec::new();
    if !csv.exists() {
        file.rewind()?;
        let mut out = std::io::BufWriter::new(File::create(part)?);
        let made = to_csv(file, &mut out, &LIMITS);
        let out = out.into_inner().map_err(|e| ImportError::Io(e.into_error()))?;
        match made {
            Ok(said) => warnings = said,
            Err(e) => {
                let _ = std::fs::remove_file(part);
                return Err(e);
            }
        }
        out.sync_all()?;
        std::fs::rename(part, csv)?;
    }
    Ok(Prepared { path: csv.to_owned(), is_sheet: true, warnings })
}

fn broken(e: impl std::fmt::Display) -> ImportError {
    ImportError::Sheet(format!("the spreadsheet can't be read ({e}): save it anew as .xlsx or as CSV"))
}

fn too_much(what: &str, most: u64) -> ImportError {
    ImportError::Sheet(format!("the spreadsheet has more than {most} {what}: split it, or save it as CSV"))
}

/// Writes the first sheet of `input` with anything in it to `out`; says what a person should look at.
///
/// # Errors
/// When it is no spreadsheet we read, or comes to more than `limits`.
pub fn to_csv<R: Read + Seek>(
    mut input: R,
    out: impl Write,
    limits: &Limits,
) -> Result<Vec<Warning>, ImportError> {
    weigh(&mut input, limits)?;
    input.rewind()?;
    let mut book = Xlsx::new(BufReader::new(input)).map_err(broken)?;
    let sheets: Vec<String> = book
        .sheets_metadata()
        .iter()
        .filter(|s| s.visible == SheetVisible::Visible)
        .map(|s| s.name.clone())
        .collect();
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(out);
    let (mut told, mut others, mut taken) = (Vec::new(), Vec::new(), None);
    for name in &sheets {
        if taken.is_some() {
            if has_cells(&mut book, name)? {
                others.push(name.as_str());
            }
            continue;
        }
        let written = sheet(&mut book, name, &mut writer, limits)?;
        if written.cells > 0 {
            told.extend(written.rounded());
            taken = Some(name);
        }
    }
    writer.flush()?;
    if let (Some(taken), false) = (taken, others.is_empty()) {
        let names = others.iter().map(|n| shown(n)).collect::<Vec<_>>().join(", ");
        told.push(Warning {
            concern: Concern::OtherSheets,
            column: None,
            count: others.len() as u64,
            detail: format!(
                "only the sheet \"{}\" is read; there is more on {names}: import each from a file of its own",
                shown(taken)
            ),
        });
    }
    Ok(told)
}

/// Unpacks every part once, into nothing, and counts: what a file says of its own sizes may be a lie.
fn weigh<R: Read + Seek>(input: &mut R, limits: &Limits) -> Result<(), ImportError> {
    let mut archive = ZipArchive::new(input).map_err(broken)?;
    if archive.len() > limits.parts {
        return Err(too_much("parts", limits.parts as u64));
    }
    if archive.by_name("xl/workbook.xml").is_err() {
        let detail = "this is a packed file but no .xlsx spreadsheet: save it as .xlsx or as CSV";
        return Err(ImportError::Sheet(detail.into()));
    }
    let mut total = 0_u64;
    let mut chunk = vec![0; 64 << 10];
    for n in 0..archive.len() {
        let mut part = archive.by_index(n).map_err(broken)?;
        let most = if part.name().is_ok_and(|n| n == STRINGS) { limits.strings } else { limits.unpacked };
        let (mut bytes, mut run) = (0_u64, 0_u64);
        loop {
            let read = part.read(&mut chunk).map_err(broken)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            for piece in chunk[..read].split_inclusive(|b| *b == b'<') {
                run += piece.len() as u64;
                if run > limits.text {
                    return Err(too_much("bytes in one cell", limits.text));
                }
                if piece.last() == Some(&b'<') {
                    run = 0;
                }
            }
            if total + bytes > limits.unpacked {
                return Err(too_much("bytes, unpacked", limits.unpacked));
            }
            if bytes > most {
                return Err(too_much("bytes of shared texts, unpacked", most));
            }
        }
        total += bytes;
    }
    Ok(())
}

fn has_cells<R: Read + Seek>(book: &mut Xlsx<R>, name: &str) -> Result<bool, ImportError> {
    let mut cells = book.worksheet_cells_reader(name).map_err(broken)?;
    while let Some(cell) = cells.next_cell().map_err(broken)? {
        if !matches!(cell.get_value(), DataRef::Empty) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What was written of a sheet.
#[derive(Default)]
struct Written {
    cells: u64,
    /// Numbers that have lost digits, and the row and column of the first.
    lost: u64,
    first: Option<(u32, u32)>,
}

impl Written {
    fn rounded(&self) -> Option<Warning> {
        let (row, column) = self.first?;
        let detail = format!(
            "{} numbers have more than 15 digits, of which a spreadsheet keeps no more, the first one in row {}, column {}: format such columns as text and fill them anew",
            self.lost,
            row + 1,
            column + 1
        );
        Some(Warning { concern: Concern::RoundedNumbers, column: None, count: self.lost, detail })
    }
}

fn sheet<R: Read + Seek>(
    book: &mut Xlsx<R>,
    name: &str,
    out: &mut csv::Writer<impl Write>,
    limits: &Limits,
) -> Result<Written, ImportError> {
    let mut cells = book.worksheet_cells_reader(name).map_err(broken)?;
    let mut done = Written::default();
    let mut line: Vec<String> = Vec::new();
    let (mut row, mut width) = (0_u32, 0_usize);
    while let Some(cell) = cells.next_cell().map_err(broken)? {
        let (at, column) = cell.get_position();
        let Some(text) = text(cell.get_value()) else { continue };
        if at < row || at >= limits.rows {
            return Err(if at < row {
                broken("its rows are not in order")
            } else {
                too_much("rows", limits.rows.into())
            });
        }
        if column as usize >= MAX_COLUMNS {
            return Err(ImportError::TooManyColumns(column as usize + 1));
        }
        done.cells += 1;
        if done.cells > limits.cells {
            return Err(too_much("cells", limits.cells));
        }
        if matches!(cell.get_value(), DataRef::Float(f) if f.abs() >= EXACT) {
            done.lost += 1;
            done.first.get_or_insert((at, column));
        }
        while row < at {
            width = width.max(line.len());
            write(out, &mut line, width)?;
            row += 1;
        }
        let column = column as usize;
        if line.len() <= column {
            line.resize(column + 1, String::new());
        }
        line[column] = text;
    }
    if done.cells > 0 {
        width = width.max(line.len());
        write(out, &mut line, width)?;
    }
    Ok(done)
}

/// Writes a row as wide as the widest so far: a sheet has no end of a row, so cells that are missing there are blank.
fn write(out: &mut csv::Writer<impl Write>, line: &mut Vec<String>, width: usize) -> Result<(), ImportError> {
    if line.is_empty() {
        // A blank row is a line too: line numbers are row numbers.
        out.write_record([""]).map_err(io)?;
        return Ok(());
    }
    line.resize(width.max(line.len()), String::new());
    out.write_record(&*line).map_err(io)?;
    line.clear();
    Ok(())
}

fn io(e: csv::Error) -> ImportError {
    ImportError::Io(std::io::Error::other(e))
}

/// What a cell says; none for an empty one.
fn text(value: &DataRef<'_>) -> Option<String> {
    match value {
        DataRef::Empty => None,
        DataRef::String(s) | DataRef::DateTimeIso(s) | DataRef::DurationIso(s) => filled(s),
        DataRef::SharedString(s) => filled(s),
        DataRef::Int(n) => Some(n.to_string()),
        DataRef::Float(f) => Some(number(*f)),
        DataRef::Bool(b) => Some(if *b { "TRUE" } else { "FALSE" }.to_owned()),
        DataRef::DateTime(at) => Some(moment(at)),
        DataRef::Error(e) => Some(e.to_string()),
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A number so that its point can't be taken for one that parts thousands: 1.234 would be.
fn number(f: f64) -> String {
    let text = f.to_string();
    match text.split_once('.') {
        Some((_, decimals)) if decimals.len() == 3 => format!("{text}0"),
        _ => text,
    }
}

fn moment(at: &ExcelDateTime) -> String {
    if at.is_duration() {
        let ms = (at.as_f64() * 86_400_000.0).round();
        #[allow(clippy::cast_possible_truncation)] // an f64 of days is far below that
        let s = (ms / 1_000.0) as i64;
        return format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60);
    }
    let (year, month, day, h, m, s, ms) = at.to_ymd_hms_milli();
    let fraction = if ms > 0 { format!(".{ms:03}") } else { String::new() };
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}{fraction}")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    /// A workbook of these sheets, each with its rows as XML; `strings` is the part with shared texts.
    fn book(sheets: &[(&str, &str)], strings: &str) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let mut part = |name: &str, text: &str| {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        };
        let (mut list, mut rels) = (String::new(), String::new());
        for (n, (name, rows)) in sheets.iter().enumerate() {
            let n = n + 1;
            list.push_str(&format!(r#"<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>"#));
            rels.push_str(&format!(r#"<Relationship Id="rId{n}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet{n}.xml"/>"#));
            part(
                &format!("xl/worksheets/sheet{n}.xml"),
                &format!(
                    r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
                ),
            );
        }
        part(
            "_rels/.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        );
        part(
            "xl/workbook.xml",
            &format!(
                r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{list}</sheets></workbook>"#
            ),
        );
        part(
            "xl/_rels/workbook.xml.rels",
            &format!(
                r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rels}</Relationships>"#
            ),
        );
        part(
            "xl/styles.xml",
            r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>"#,
        );
        part(
            STRINGS,
            &format!(
                r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{strings}</sst>"#
            ),
        );
        part(
            "[Content_Types].xml",
            r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"></Types>"#,
        );
        zip.finish().unwrap().into_inner()
    }

    const ROWS: &str = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>at</t></is></c><c r="C1" t="inlineStr"><is><t>n</t></is></c></row>
<row r="3"><c r="A3" t="inlineStr"><is><t>A,1
x</t></is></c><c r="B3" s="1"><v>45943.5</v></c><c r="C3"><v>1.234</v></c></row>
<row r="4"><c r="B4" s="1"><v>45943.541</v></c><c r="C4"><v>94001002083031095</v></c></row>
<row r="5"><c r="A5" t="b"><v>1</v></c><c r="C5" t="e"><v>#N/A</v></c></row>"#;

    fn csv_of(bytes: &[u8], limits: &Limits) -> Result<(String, Vec<Warning>), String> {
        let mut out = Vec::new();
        let told = to_csv(Cursor::new(bytes), &mut out, limits).map_err(|e| e.to_string())?;
        Ok((String::from_utf8(out).unwrap(), told))
    }

    #[test]
    fn a_sheet_is_lines_with_times_by_year_and_numbers_that_can_not_be_misread() {
        let bytes =
            book(&[("Leer", ""), ("Data", ROWS), ("More", ROWS), ("None", "")], "<si><t>number</t></si>");
        assert_eq!(sort(&bytes), Sort::Packed);
        let (text, told) = csv_of(&bytes, &LIMITS).unwrap();
        let lines = "number,at,n\n\"\"\n\"A,1\nx\",2025-10-13 12:00:00,1.2340\n,2025-10-13 12:59:02.400,94001002083031090\nTRUE,,#N/A\n";
        assert_eq!(text, lines);
        let concerns: Vec<_> = told.iter().map(|w| (w.concern, w.count)).collect();
        assert_eq!(concerns, [(Concern::RoundedNumbers, 1), (Concern::OtherSheets, 1)]);
        assert!(told[0].detail.contains("row 4, column 3") && told[1].detail.contains("More"), "{told:?}");
    }

    #[test]
    fn what_comes_to_too_much_is_refused_and_one_less_is_read() {
        let bytes = book(&[("Data", ROWS)], "<si><t>number</t></si>");
        let one_less = |limits: Limits, says: &str| {
            let why = csv_of(&bytes, &limits).unwrap_err();
            assert!(why.contains(says), "{why}");
        };
        assert!(csv_of(&bytes, &Limits { cells: 10, rows: 5, ..LIMITS }).is_ok());
        one_less(Limits { cells: 9, ..LIMITS }, "more than 9 cells");
        one_less(Limits { rows: 4, ..LIMITS }, "more than 4 rows");
        one_less(Limits { parts: 5, ..LIMITS }, "more than 5 parts");
        one_less(Limits { strings: 50, ..LIMITS }, "shared texts");
        one_less(Limits { unpacked: 1_000, ..LIMITS }, "more than 1000 bytes, unpacked");
        one_less(Limits { text: 20, ..LIMITS }, "in one cell");
        let wide = format!(r#"<row r="1"><c r="{}1"><v>1</v></c></row>"#, "SS");
        let why = csv_of(&book(&[("Data", &wide)], ""), &LIMITS).unwrap_err();
        assert!(why.contains("513 columns"), "{why}");
    }

    #[test]
    fn a_bomb_is_weighed_and_what_is_no_spreadsheet_is_named() {
        let bomb = book(&[("Data", &" ".repeat(3 << 20).replace("  ", " <a/>"))], "");
        assert!(bomb.len() < 100_000, "it is small: {}", bomb.len());
        let limits = Limits { unpacked: 1 << 20, ..LIMITS };
        assert!(csv_of(&bomb, &limits).unwrap_err().contains("unpacked"));
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("mimetype", SimpleFileOptions::default()).unwrap();
        let other = zip.finish().unwrap().into_inner();
        assert!(csv_of(&other, &LIMITS).unwrap_err().contains("no .xlsx"));
        let torn = &book(&[("Data", ROWS)], "")[..400];
        assert!(csv_of(torn, &LIMITS).unwrap_err().contains("can't be read"));
        let backwards = r#"<row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c r="A1"><v>1</v></c></row>"#;
        assert!(csv_of(&book(&[("Data", backwards)], ""), &LIMITS).unwrap_err().contains("not in order"));
        assert_eq!((sort(b"a,b"), sort(&[0xd0, 0xcf, 0x11, 0xe0])), (Sort::Text, Sort::Old));
    }
}
