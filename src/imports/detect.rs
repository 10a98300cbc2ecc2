//! What a file's bytes are before any of them is parsed: its encoding and its delimiter; and the stream that
//! turns them into UTF-8. The parser must not guess: it reads UTF-16 as rubbish without an error.

use std::io::{self, Read, Seek, SeekFrom};

use csv::ByteRecord;
use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde::{Deserialize, Serialize};

use super::records::{Records, Step};

/// Bytes looked at to tell the encoding's family and the delimiter.
pub const SAMPLE: usize = 64 << 10;
/// Records of the sample that vote on the delimiter.
const VOTERS: usize = 200;
/// Bytes the transcoder reads at a time.
const CHUNK: usize = 64 << 10;
/// Room the transcoder needs at least: the longest character and a replacement character.
const ROOM: usize = 16;

/// How a file writes its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-8 that says so in its first three bytes, as spreadsheets write it.
    Utf8Bom,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Windows-1252, which includes Latin-1: whatever is none of the others.
    Windows1252,
}

impl Encoding {
    /// Its usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8Bom => "UTF-8 with BOM",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "windows-1252",
        }
    }

    fn decoder(self) -> Decoder {
        match self {
            Self::Utf8 | Self::Utf8Bom => UTF_8,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Windows1252 => WINDOWS_1252,
        }
        .new_decoder_with_bom_removal()
    }
}

/// What stands between two cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`, where the comma is the decimal sign
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Pipe,
}

impl Delimiter {
    /// All of them, the likeliest first.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe];

    /// The byte itself.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }
}

/// The encoding of all of `input`, which is read to its end unless its first bytes say enough; afterwards it
/// stands at its start.
///
/// A file is UTF-8 when it holds at least as many good multi-byte characters as bad ones: one broken character
/// must not turn a long text into mojibake, and a single `é` of Latin-1 must not pass for a broken UTF-8 one.
///
/// # Errors
/// When `input` can't be read.
pub fn encoding<R: Read + Seek>(input: &mut R) -> io::Result<Encoding> {
    input.seek(SeekFrom::Start(0))?;
    let sample = sample(input)?;
    let found = match marked(&sample) {
        Some(encoding) => encoding,
        None => {
            let mut text = Transcoder::new(io::Cursor::new(sample).chain(&mut *input), Encoding::Utf8);
            let mut good = 0u64;
            let mut chunk = vec![0; CHUNK];
            loop {
                let n = text.read(&mut chunk)?;
                if n == 0 {
                    break;
                }
                if !chunk[..n].is_ascii() {
                    good += chunk[..n].iter().filter(|b| **b >= 0xC0).count() as u64;
                }
            }
            // replacement characters were counted as good ones on the way
            let bad = text.malformed();
            if bad > good.saturating_sub(bad) { Encoding::Windows1252 } else { Encoding::Utf8 }
        }
    };
    input.seek(SeekFrom::Start(0))?;
    Ok(found)
}

/// The first [`SAMPLE`] bytes.
fn sample(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(SAMPLE);
    input.take(SAMPLE as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a byte order mark says, or the NULs between the letters of a UTF-16 text without one.
fn marked(sample: &[u8]) -> Option<Encoding> {
    match sample {
        [0xEF, 0xBB, 0xBF, ..] => return Some(Encoding::Utf8Bom),
        [0xFF, 0xFE, ..] => return Some(Encoding::Utf16Le),
        [0xFE, 0xFF, ..] => return Some(Encoding::Utf16Be),
        _ => {}
    }
    let pairs = sample.len() / 2;
    let nul = |odd: usize| sample.iter().skip(odd).step_by(2).take(pairs).filter(|b| **b == 0).count();
    let (first, second) = (nul(0), nul(1));
    // delimiters, digits and line breaks alone make a third of a table; a real NUL in a text is rare
    let (many, few) = (pairs / 3, pairs / 50);
    match pairs {
        0 => None,
        _ if second > many && first <= few => Some(Encoding::Utf16Le),
        _ if first > many && second <= few => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// The delimiter of `input` in `encoding`, by its first [`SAMPLE`] bytes; afterwards it stands at its start.
///
/// Quotes are honoured. The delimiter that gives most records as many cells as the header wins; among about
/// equally steady ones it is the one that gives more cells. A file of one column counts as comma separated.
///
/// # Errors
/// When `input` can't be read.
pub fn delimiter<R: Read + Seek>(input: &mut R, encoding: Encoding) -> io::Result<Delimiter> {
    input.seek(SeekFrom::Start(0))?;
    let bytes = sample(input)?;
    input.seek(SeekFrom::Start(0))?;
    let whole = bytes.len() < SAMPLE;
    let mut best = (0.0, Delimiter::Comma);
    for candidate in Delimiter::ALL {
        let (cells, steady) = shape(&bytes, encoding, candidate, whole)?;
        if cells < 2 {
            continue;
        }
        // steadiness counts in tenths: a few uneven rows must not hand the file to a rarer delimiter
        #[allow(clippy::cast_precision_loss)] // at most VOTERS and some thousand cells
        let score = (steady * 10.0).round() + 1.0 - 1.0 / cells as f64;
        if score > best.0 {
            best = (score, candidate);
        }
    }
    Ok(best.1)
}

/// Cells of the header and the share of the records that have as many.
fn shape(bytes: &[u8], encoding: Encoding, delimiter: Delimiter, whole: bool) -> io::Result<(usize, f64)> {
    let mut records = Records::new(Transcoder::new(bytes, encoding), delimiter.byte());
    let mut record = ByteRecord::new();
    let mut counts = Vec::with_capacity(VOTERS);
    loop {
        match records.next(&mut record)? {
            Step::Row { .. } if super::records::is_ghost(&record) => {}
            Step::Row { .. } => counts.push(record.len()),
            Step::Torn(_) if !whole => break, // the sample may end inside a quote
            Step::Torn(_) => counts.push(0),
            Step::End if !whole && counts.len() > 1 => {
                counts.pop(); // the sample ends in the middle of it
                break;
            }
            Step::End => break,
        }
        if counts.len() == VOTERS {
            break;
        }
    }
    let header = counts.first().copied().unwrap_or(0);
    let alike = counts.iter().filter(|n| **n == header).count();
    #[allow(clippy::cast_precision_loss)] // at most VOTERS
    Ok((header, alike as f64 / counts.len().max(1) as f64))
}

/// A stream of UTF-8 out of a stream in another encoding, without its byte order mark. What can't be decoded
/// becomes U+FFFD and is counted. Holds 64 KiB, however long the stream.
pub struct Transcoder<R> {
    input: R,
    decoder: Decoder,
    raw: Box<[u8]>,
    from: usize,
    to: usize,
    at_end: bool,
    done: bool,
    malformed: u64,
    spill: [u8; ROOM],
    spilt: (usize, usize),
}

impl<R: Read> Transcoder<R> {
    /// `input`, which stands at its start, read as `encoding`.
    pub fn new(input: R, encoding: Encoding) -> Self {
        Self {
            input,
            decoder: encoding.decoder(),
            raw: vec![0; CHUNK].into_boxed_slice(),
            from: 0,
            to: 0,
            at_end: false,
            done: false,
            malformed: 0,
            spill: [0; ROOM],
            spilt: (0, 0),
        }
    }

    /// How many places could not be decoded so far.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Decodes into `out`, which has at least [`ROOM`] bytes. Zero only at the end of the stream.
    fn decode(&mut self, out: &mut [u8]) -> io::Result<usize> {
        const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();
        let mut written = 0;
        while written == 0 && !self.done {
            if self.from == self.to && !self.at_end {
                self.from = 0;
                self.to = loop {
                    match self.input.read(&mut self.raw) {
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        other => break other?,
                    }
                };
                self.at_end = self.to == 0;
            }
            let room = out.len() - REPLACEMENT.len();
            let (result, read, wrote) = self.decoder.decode_to_utf8_without_replacement(
                &self.raw[self.from..self.to],
                &mut out[..room],
                self.at_end,
            );
            self.from += read;
            written = wrote;
            match result {
                DecoderResult::InputEmpty => self.done = self.at_end,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    self.malformed += 1;
                    out[wrote..wrote + REPLACEMENT.len()].copy_from_slice(REPLACEMENT);
                    written += REPLACEMENT.len();
                }
            }
        }
        Ok(written)
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.len() >= ROOM && self.spilt.0 == self.spilt.1 {
            return self.decode(out);
        }
        if self.spilt.0 == self.spilt.1 && !out.is_empty() {
            let mut spill = [0; ROOM];
            self.spilt = (0, self.decode(&mut spill)?);
            self.spill = spill;
        }
        let (from, to) = self.spilt;
        let n = out.len().min(to - from);
        out[..n].copy_from_slice(&self.spill[from..from + n]);
        self.spilt.0 += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn told(bytes: &[u8]) -> Encoding {
        encoding(&mut Cursor::new(bytes)).unwrap()
    }

    fn utf16(text: &str, little: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
    }

    #[test]
    fn each_encoding_is_told_from_the_others() {
        assert_eq!(told(b"a,b\n1,2\n"), Encoding::Utf8);
        assert_eq!(told(b""), Encoding::Utf8);
        assert_eq!(told("\u{FEFF}a,b".as_bytes()), Encoding::Utf8Bom);
        assert_eq!(told("a,é\n".as_bytes()), Encoding::Utf8);
        assert_eq!(told(b"a,\xE9\n"), Encoding::Windows1252);
        assert_eq!(told(&utf16("a,b\n1,2\n", true)), Encoding::Utf16Le);
        assert_eq!(told(&utf16("a,b\n1,2\n", false)), Encoding::Utf16Be);
        assert_eq!(told(&utf16("\u{FEFF}字,字\n", true)), Encoding::Utf16Le);
        assert_eq!(told(&utf16("\u{FEFF}字,字\n", false)), Encoding::Utf16Be);
        assert_eq!(told("é".repeat(40).as_bytes()), Encoding::Utf8);
    }

    #[test]
    fn a_late_byte_decides_and_a_single_broken_character_does_not() {
        let mut late = vec![b'a'; SAMPLE * 2];
        late.push(0xE9);
        assert_eq!(told(&late), Encoding::Windows1252);
        let mut broken = "ção,".repeat(40_000).into_bytes();
        broken.push(0xE9);
        assert_eq!(told(&broken), Encoding::Utf8);
        let mut text = String::new();
        let mut stream = Transcoder::new(&broken[..], Encoding::Utf8);
        stream.read_to_string(&mut text).unwrap();
        assert_eq!((stream.malformed(), text.ends_with(",\u{FFFD}")), (1, true));
    }

    #[test]
    fn a_stream_is_the_same_text_in_reads_of_any_size() {
        let text = "Péssima 字 🙂\n".repeat(9000);
        for size in [1, 3, 15, 16, 17, 4096] {
            let mut stream = Transcoder::new(Cursor::new(utf16(&text, true)), Encoding::Utf16Le);
            let (mut all, mut part) = (Vec::new(), vec![0; size]);
            loop {
                let n = stream.read(&mut part).unwrap();
                if n == 0 {
                    break;
                }
                all.extend_from_slice(&part[..n]);
            }
            assert_eq!(all, text.as_bytes(), "{size}");
        }
    }

    #[test]
    fn the_delimiter_is_the_steady_one_and_quotes_are_honoured() {
        let told = |text: &str| delimiter(&mut Cursor::new(text), Encoding::Utf8).unwrap();
        assert_eq!(told("a,b\n1,2\n"), Delimiter::Comma);
        assert_eq!(told("a;b;c\n1,5;2,5;x\n1,5;2,5;y\n"), Delimiter::Semicolon);
        assert_eq!(told("a\tb\n\"1,2,3\"\t2\n"), Delimiter::Tab);
        assert_eq!(told("a|b\n1|2,5\n"), Delimiter::Pipe);
        assert_eq!(told("a,b\n\"x;y;z\",2\n\"x;y;z\",3\n"), Delimiter::Comma);
        assert_eq!(told("number\n1\n"), Delimiter::Comma);
        assert_eq!(told(""), Delimiter::Comma);
    }
}
