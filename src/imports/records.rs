//! Records out of a stream of UTF-8, with the physical line each one starts on.
//!
//! The same grammar as the `csv` crate's (a property test holds them together), but a quote that never closes
//! costs one line instead of the rest of the file and of the memory, empty lines are seen, and a carriage
//! return alone ends a physical line. Rows are handed out as [`ByteRecord`]s, which the caller reuses.

use std::io::{self, Read};

use csv::ByteRecord;

/// Columns a file may have.
pub const MAX_COLUMNS: usize = 512;
/// Bytes of UTF-8 a cell may have.
pub const MAX_CELL: usize = 64 << 10;
/// Bytes of UTF-8 a record may have, its quotes and line break included.
pub const MAX_RECORD: usize = 1 << 20;
/// Unclosed quotes after which reading begins anew on the very next line. Beyond, the [`MAX_RECORD`] bytes that
/// were looked through for the closing quote are left out together, so that a hostile file can't make us read
/// every byte a million times.
pub const MAX_RESYNCS: u32 = 64;

/// Room for one read.
const CHUNK: usize = 128 << 10;
/// Bytes of a torn record that are kept to show it.
const EXCERPT: usize = 256;

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A record, put into the caller's buffer.
    Row {
        /// The physical line it starts on, from 1.
        line: u64,
    },
    /// A piece that is no record.
    Torn(Torn),
    /// There is no more.
    End,
}

/// A piece of a file that could not be read as a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The physical line it starts on, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: Tear,
    /// Its first bytes.
    pub excerpt: String,
}

/// Why a piece of a file is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Tear {
    /// A quote is opened and not closed within [`MAX_RECORD`], or before the end of the file.
    #[error("a quote that opens here is never closed: close it, or double the quotes inside the cell")]
    Unclosed,
    /// The record is longer than [`MAX_RECORD`].
    #[error("the row is longer than {MAX_RECORD} bytes: shorten it")]
    TooLong,
}

/// The records of `input`, which is UTF-8. Holds at most a little over [`MAX_RECORD`] bytes.
pub struct Records<R> {
    input: R,
    delimiter: u8,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    line: u64,
    resyncs: u32,
    stray: u64,
    cell: Vec<u8>,
    by_record: bool,
}

enum Split {
    Whole { used: usize, lines: u64, stray: bool },
    More { quoted: bool },
}

impl<R: Read> Records<R> {
    /// The records of `input` with cells parted by `delimiter`.
    pub fn new(input: R, delimiter: u8) -> Self {
        Self {
            input,
            delimiter,
            buf: Vec::new(),
            start: 0,
            end: 0,
            at_end: false,
            line: 1,
            resyncs: 0,
            stray: 0,
            cell: Vec::new(),
            by_record: false,
        }
    }

    /// The same with one line for each record, whatever breaks are in its cells: for rows of a spreadsheet.
    #[must_use]
    pub fn counting_records(self, by_record: bool) -> Self {
        Self { by_record, ..self }
    }

    /// Physical lines read so far; after [`Step::End`] those of the file.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.line - 1
    }

    /// Records so far in which text follows a closing quote. It is kept, the quotes around it are not.
    #[must_use]
    pub fn stray_quotes(&self) -> u64 {
        self.stray
    }

    /// The stream beneath.
    pub fn input(&self) -> &R {
        &self.input
    }

    /// Reads on, into `record` if it is a row. An empty line is a row of one empty cell.
    ///
    /// # Errors
    /// When the stream can't be read.
    pub fn next(&mut self, record: &mut ByteRecord) -> io::Result<Step> {
        loop {
            if self.start == self.end {
                if self.at_end {
                    return Ok(Step::End);
                }
                self.fill()?;
                continue;
            }
            match self.split(record) {
                Split::Whole { used, lines, stray } => {
                    let line = self.line;
                    let torn = (used > MAX_RECORD).then(|| self.torn(Tear::TooLong));
                    self.start += used;
                    self.line += if self.by_record { 1 } else { lines };
                    self.stray += u64::from(stray);
                    return Ok(torn.map_or(Step::Row { line }, Step::Torn));
                }
                Split::More { .. } if !self.at_end && self.end - self.start <= MAX_RECORD => self.fill()?,
                Split::More { quoted } => {
                    let torn = self.torn(if quoted { Tear::Unclosed } else { Tear::TooLong });
                    if quoted && self.resyncs >= MAX_RESYNCS {
                        self.skip_searched()?;
                    } else {
                        self.resyncs += u32::from(quoted);
                        self.skip_line()?;
                    }
                    return Ok(Step::Torn(torn));
                }
            }
        }
    }

    /// Splits what lies at the start of the buffer into cells.
    fn split(&mut self, record: &mut ByteRecord) -> Split {
        let data = &self.buf[self.start..self.end];
        let (mut at, mut lines, mut stray) = (0, 1, false);
        record.clear();
        loop {
            if data.get(at) == Some(&b'"') {
                at += 1;
                self.cell.clear();
                loop {
                    let Some(n) = data[at..].iter().position(|b| *b == b'"') else {
                        return Split::More { quoted: true };
                    };
                    self.cell.extend_from_slice(&data[at..at + n]);
                    at += n + 1;
                    match data.get(at) {
                        Some(b'"') => {
                            self.cell.push(b'"');
                            at += 1;
                        }
                        None if !self.at_end => return Split::More { quoted: true },
                        _ => break,
                    }
                }
                lines += breaks(&self.cell);
                let tail = stop(&data[at..], self.delimiter);
                stray |= tail > 0;
                self.cell.extend_from_slice(&data[at..at + tail]);
                at += tail;
                record.push_field(&self.cell);
            } else {
                let n = stop(&data[at..], self.delimiter);
                record.push_field(&data[at..at + n]);
                at += n;
            }
            let used = match (data.get(at), data.get(at + 1)) {
                (Some(b'\n'), _) => at + 1,
                (Some(b'\r'), Some(b'\n')) => at + 2,
                (Some(b'\r'), None) if !self.at_end => return Split::More { quoted: false },
                (Some(b'\r'), _) => at + 1,
                (Some(_), _) => {
                    at += 1;
                    continue;
                }
                (None, _) if self.at_end => at,
                (None, _) => return Split::More { quoted: false },
            };
            return Split::Whole { used, lines, stray };
        }
    }

    fn torn(&self, why: Tear) -> Torn {
        let data = &self.buf[self.start..self.end.min(self.start + EXCERPT)];
        let line = data.split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
        Torn { line: self.line, why, excerpt: String::from_utf8_lossy(line).into_owned() }
    }

    /// Goes on after the next line break.
    fn skip_line(&mut self) -> io::Result<()> {
        self.line += 1;
        loop {
            if let Some(n) = self.buf[self.start..self.end].iter().position(|b| matches!(b, b'\n' | b'\r')) {
                return self.pass_break(n);
            }
            self.start = self.end;
            if self.at_end {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Goes on after the last line break of what was searched for a closing quote.
    fn skip_searched(&mut self) -> io::Result<()> {
        let data = &self.buf[self.start..self.end];
        match data.iter().rposition(|b| matches!(b, b'\n' | b'\r')) {
            Some(n) => {
                // a CR LF that ends here is one break, and pass_break would count it a second time from its LF
                let n = if n > 0 && data[n - 1..=n] == *b"\r\n" { n - 1 } else { n };
                self.line += breaks(&data[..n]) + 1;
                self.pass_break(n)
            }
            None => self.skip_line(),
        }
    }

    /// Steps over the line break that lies `n` bytes ahead, be it one byte or two.
    fn pass_break(&mut self, n: usize) -> io::Result<()> {
        let cr = self.buf[self.start + n] == b'\r';
        self.start += n + 1;
        while cr && self.start == self.end && !self.at_end {
            self.fill()?;
        }
        self.start += usize::from(cr && self.start < self.end && self.buf[self.start] == b'\n');
        Ok(())
    }

    /// Moves the rest to the front and reads more behind it.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buf.len() < self.end + CHUNK {
            self.buf.resize((self.end + CHUNK).max(self.buf.len() * 2).min(MAX_RECORD + 2 * CHUNK), 0);
        }
        let n = loop {
            match self.input.read(&mut self.buf[self.end..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += n;
        self.at_end = n == 0;
        Ok(())
    }
}

/// Whether every cell is blank: a row the spreadsheet once touched.
#[must_use]
pub fn is_ghost(record: &ByteRecord) -> bool {
    is_blank(record.as_slice())
}

/// Whether there is nothing but white space.
#[must_use]
pub fn is_blank(cell: &[u8]) -> bool {
    match cell.iter().find(|b| !b.is_ascii_whitespace()) {
        None => true,
        Some(b) if b.is_ascii() => false,
        Some(_) => std::str::from_utf8(cell).is_ok_and(|t| t.trim().is_empty()),
    }
}

/// Bytes before the next delimiter or line break.
fn stop(data: &[u8], delimiter: u8) -> usize {
    data.iter().position(|b| *b == delimiter || *b == b'\n' || *b == b'\r').unwrap_or(data.len())
}

/// Line breaks in a text: LF, CR LF and CR alone count one each.
fn breaks(text: &[u8]) -> u64 {
    let lf = text.iter().filter(|b| **b == b'\n').count();
    let cr = text.iter().filter(|b| **b == b'\r').count();
    let both = if cr == 0 { 0 } else { text.windows(2).filter(|w| *w == b"\r\n").count() };
    (lf + cr - both) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    /// Hands out one byte at a time, the worst a stream may do.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.0.len().min(out.len()).min(1);
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    type Row = (u64, Vec<String>);

    fn all(input: impl Read) -> (Vec<Row>, Vec<(u64, Tear)>, u64) {
        let mut records = Records::new(input, b',');
        let (mut rows, mut torn, mut record) = (Vec::new(), Vec::new(), ByteRecord::new());
        loop {
            match records.next(&mut record).unwrap() {
                Step::Row { line } => {
                    rows.push((
                        line,
                        record.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect(),
                    ));
                }
                Step::Torn(t) => torn.push((t.line, t.why)),
                Step::End => return (rows, torn, records.lines()),
            }
        }
    }

    fn cells(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|c| (*c).to_owned()).collect()
    }

    #[test]
    fn a_record_knows_the_physical_line_it_starts_on() {
        let (rows, torn, lines) = all(&b"a,b\r\n\"x\r\ny\",2\r\n\r\n3,\"\"\"4\"\r5,6"[..]);
        assert_eq!(
            rows,
            [
                (1, cells(&["a", "b"])),
                (2, cells(&["x\r\ny", "2"])),
                (4, cells(&[""])),
                (5, cells(&["3", "\"4"])),
                (6, cells(&["5", "6"])),
            ]
        );
        assert_eq!((torn, lines), (vec![], 6));
    }

    #[test]
    fn an_unclosed_quote_costs_one_line() {
        let (rows, torn, lines) = all(&b"a,b\n1,\"open\n2,x\n3,y\n"[..]);
        assert_eq!(torn, [(2, Tear::Unclosed)]);
        assert_eq!(rows.iter().map(|r| r.0).collect::<Vec<_>>(), [1, 3, 4]);
        assert_eq!(lines, 4);
        // and no more when the rest of the file is longer than a record may be
        let long = format!("a,b\n1,\"open\n{}", "2,x\n".repeat(MAX_RECORD / 2));
        let (rows, torn, _) = all(long.as_bytes());
        assert_eq!((rows.len(), torn.len()), (1 + MAX_RECORD / 2, 1));
    }

    #[test]
    fn a_record_one_byte_over_the_limit_is_torn_and_the_next_is_read() {
        for (extra, quote) in [(0, ""), (1, ""), (0, "\""), (1, "\"")] {
            let fill = "x".repeat(MAX_RECORD - 1 - 2 * quote.len() + extra);
            let (rows, torn, lines) = all(format!("{quote}{fill}{quote}\nnext\n").as_bytes());
            assert_eq!(rows.last(), Some(&(2, cells(&["next"]))), "{extra}{quote}");
            assert_eq!(torn, vec![(1, Tear::TooLong); extra]);
            assert_eq!(lines, 2);
        }
    }

    #[test]
    fn a_hostile_file_of_open_quotes_is_read_in_one_go() {
        // from a fresh line each opens a quote, and from inside one each closes and opens it again
        let hostile = "x\"y,\"z\r\n".repeat(MAX_RECORD * 3 / 8);
        let (rows, torn, lines) = all(hostile.as_bytes());
        assert!(torn.len() <= MAX_RESYNCS as usize + 4, "{}", torn.len());
        assert_eq!((rows.len(), lines), (0, MAX_RECORD as u64 * 3 / 8));
    }

    proptest! {
        #[test]
        fn rows_are_the_same_as_the_csv_crate_reads(text in "[ab,\"\n\r ]{0,40}") {
            let (rows, torn, _) = all(text.as_bytes());
            let (dripped, dripped_torn, _) = all(Drip(text.as_bytes()));
            prop_assert_eq!((&rows, &torn), (&dripped, &dripped_torn));
            if torn.is_empty() {
                let mut theirs = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
                let theirs: Vec<Vec<String>> =
                    theirs.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
                // the csv crate does not see empty lines; a line of one quoted nothing is rare enough to drop as well
                let keep = |r: &Vec<String>| r.len() > 1 || !r[0].is_empty();
                let ours: Vec<_> = rows.into_iter().map(|r| r.1).filter(keep).collect();
                prop_assert_eq!(ours, theirs.into_iter().filter(keep).collect::<Vec<_>>());
            }
        }
    }
}
