//! The file that goes back to the sender: every refused row with its reasons, ready to be mended and sent again.

use std::io::{self, Write};

use super::detect::Delimiter;
use super::row::Refusal;

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

/// `cell` with an apostrophe in front when a spreadsheet would compute it.
fn guarded(cell: &str) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Problem;

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
