//! The file that goes back to the sender: every refused row with its reasons, ready to be mended and sent again.

use std::io::{self, Read, Write};

use csv::ByteRecord;

use super::detect::Delimiter;
use super::row::Refusal;
use crate::base::said::said;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Writes refused rows as CSV: their cells under the file's own header, then `error` and `line`. Cells beyond
/// the header stand behind these two, so that nothing is lost and nothing slips out of its column.
///
/// It is UTF-8 with a byte order mark, so that spreadsheets read its accents, and no cell begins like a formula:
/// such cells get an apostrophe in front. Holds one row.
pub struct ErrorFile<W: Write> {
    out: csv::Writer<W>,
    width: usize,
}

impl<W: Write> ErrorFile<W> {
    /// Begins the file with `header`, which must be the refused file's.
    ///
    /// # Errors
    /// When `out` can't be written.
    pub fn new(mut out: W, header: &[String], delimiter: Delimiter) -> io::Result<Self> {
        out.write_all("\u{FEFF}".as_bytes())?;
        let mut out = csv::WriterBuilder::new().delimiter(delimiter.byte()).flexible(true).from_writer(out);
        for name in header {
            out.write_field(guarded(name))?;
        }
        out.write_record(["error", "line"])?;
        Ok(Self { out, width: header.len() })
    }

    /// Goes on with a file that [`ErrorFile::new`] began, at its end.
    pub fn resume(out: W, header: &[String], delimiter: Delimiter) -> Self {
        let out = csv::WriterBuilder::new().delimiter(delimiter.byte()).flexible(true).from_writer(out);
        Self { out, width: header.len() }
    }

    /// Hands what was added on to the file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The file itself.
    pub fn file(&self) -> &W {
        self.out.get_ref()
    }

    /// Adds a refused row.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn add(&mut self, refusal: &Refusal) -> io::Result<()> {
        let Refusal { line, problems, cells } = refusal;
        for at in 0..self.width {
            self.out.write_field(guarded(cells.get(at).map_or("", String::as_str)))?;
        }
        let sentence = |p: &crate::base::error::Problem| match p.pointer.as_str() {
            "" => p.detail.clone(),
            column => format!("{column}: {}", p.detail),
        };
        let reasons = problems.iter().map(sentence).collect::<Vec<_>>().join("; ");
        self.out.write_field(guarded(&reasons))?;
        self.out.write_field(line.to_string())?;
        for cell in cells.iter().skip(self.width) {
            self.out.write_field(guarded(cell))?;
        }
        self.out.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When its last rows can't be written.
    pub fn finish(self) -> io::Result<W> {
        self.out.into_inner().map_err(|e| io::Error::new(e.error().kind(), e.error().to_string()))
    }
}

/// An error file on its way to somebody who reads another language than English: the same rows, their reasons said in it.
/// Holds a few rows.
pub struct Retold<R: Read> {
    rows: csv::Reader<R>,
    delimiter: u8,
    width: usize,
    language: String,
    begun: bool,
}

impl<R: Read> Retold<R> {
    /// Bytes of rows that go out together.
    const CHUNK: usize = 64 * 1024;

    /// Reads `file`, an [`ErrorFile`] of rows with `width` columns, for a reader of `language`.
    pub fn new(file: R, width: usize, delimiter: u8, language: &str) -> Self {
        let mut rows = csv::ReaderBuilder::new();
        let rows = rows.delimiter(delimiter).flexible(true).has_headers(false).from_reader(file);
        Self { rows, delimiter, width, language: language.to_owned(), begun: false }
    }

    /// The next rows; none behind the last one.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (mut row, mut taken) = (ByteRecord::new(), 0);
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            out.extend_from_slice("\u{FEFF}".as_bytes());
        }
        let mut out = csv::WriterBuilder::new().delimiter(self.delimiter).flexible(true).from_writer(out);
        while taken < Self::CHUNK && self.rows.read_byte_record(&mut row)? {
            taken += row.as_slice().len() + 1;
            for (at, cell) in row.iter().enumerate() {
                match self.reasons(at, cell) {
                    Some(said) => out.write_field(guarded(&said))?,
                    None => out.write_field(cell)?,
                }
            }
            out.write_record(None::<&[u8]>)?;
        }
        let out = out.into_inner().map_err(|e| io::Error::new(e.error().kind(), e.error().to_string()))?;
        Ok(Some(out).filter(|_| taken > 0))
    }

    /// The reasons of a row in the reader's language, when `cell` is those.
    fn reasons(&self, at: usize, cell: &[u8]) -> Option<String> {
        if at == self.width { said(&self.language, std::str::from_utf8(cell).ok()?) } else { None }
    }
}

/// `cell` with an apostrophe in front when a spreadsheet would compute it.
fn guarded(cell: &str) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Problem;

    #[test]
    fn whoever_reads_another_language_gets_the_reasons_in_it_and_the_cells_as_they_were() {
        let header = ["number".to_owned(), "status_at".to_owned()];
        let mut file = ErrorFile::new(Vec::new(), &header, Delimiter::Semicolon).unwrap();
        for line in 2..5_000 {
            let time = Problem::new("status_at", "\"y;z\" is not a time of the form YYYY-MM-DD HH:MM:SS");
            let blank = Problem::new("number", "is needed and must not be blank");
            let cells = vec![String::new(), "y;z".to_owned()];
            file.add(&Refusal { line, problems: vec![time, blank], cells }).unwrap();
        }
        let english = file.finish().unwrap();
        let mut retold = Retold::new(english.as_slice(), 2, b';', "pt-BR");
        let (mut all, mut chunks) = (Vec::new(), 0);
        while let Some(chunk) = retold.chunk().unwrap() {
            (all, chunks) = ([all, chunk].concat(), chunks + 1);
        }
        let all = String::from_utf8(all).unwrap();
        assert!(chunks > 1 && all.starts_with("\u{FEFF}number;status_at;error;line\n"), "{chunks}");
        let last = all.lines().last().unwrap();
        let said = "status_at: \"\"y;z\"\" não é um horário na forma YYYY-MM-DD HH:MM:SS; number: é obrigatório e não pode ficar em branco";
        assert_eq!(last, format!(";\"y;z\";\"{said}\";4999"));
        assert_eq!(all.lines().count(), english.split(|b| *b == b'\n').count() - 1);
    }

    #[test]
    fn a_refused_row_goes_back_with_its_reasons_and_without_formulas() {
        let header = ["tracking".to_owned(), "=note".to_owned()];
        let mut file = ErrorFile::new(Vec::new(), &header, Delimiter::Semicolon).unwrap();
        let row = |line, problems: &[(&str, &str)], cells: &[&str]| Refusal {
            line,
            problems: problems.iter().map(|(p, d)| Problem::new(*p, *d)).collect(),
            cells: cells.iter().map(|c| (*c).to_owned()).collect(),
        };
        file.add(&row(7, &[("a", "is bad"), ("", "and so on")], &["=1+1", "x\r\ny"])).unwrap();
        file.add(&row(9, &[("-x", "short")], &["\tA"])).unwrap();
        file.add(&row(10, &[("", "long")], &["A", "b", "@c", "d"])).unwrap();
        let text = String::from_utf8(file.finish().unwrap()).unwrap();
        assert_eq!(
            text,
            "\u{FEFF}tracking;'=note;error;line\n'=1+1;\"x\r\ny\";a: is bad; and so on;7\n'\tA;;'-x: short;9\nA;b;long;10;'@c;d\n"
                .replace("a: is bad; and so on", "\"a: is bad; and so on\"")
        );
    }
}
