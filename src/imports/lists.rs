//! Small lists as partners send them, CSV or a spreadsheet: held in memory as a whole and answered row by row at once.

use std::io::Cursor;

use encoding_rs::{UTF_8, WINDOWS_1252};

use super::ImportError;
use super::sheet::{self, Limits, Sort};

/// Bytes of one list.
pub const MAX_BYTES: usize = 4 << 20;

/// What a spreadsheet may come to that is read in memory.
pub const LIMITS: Limits =
    Limits { cells: 100_000, rows: 5_000, unpacked: 32 << 20, strings: 8 << 20, parts: 500, text: 64 << 10 };

/// The list as comma separated values: of a spreadsheet its first sheet with anything on it, of a text the text, in UTF-8 or
/// what it says it is in, else as Western European machines write it.
///
/// # Errors
/// When it is a spreadsheet that can't be read, or comes to more than [`LIMITS`].
pub fn text(bytes: &[u8]) -> Result<String, ImportError> {
    match sheet::sort(bytes) {
        Sort::Old => Err(ImportError::Sheet(
            "this is a spreadsheet of the older kind: save it as .xlsx or as CSV".into(),
        )),
        Sort::Packed => {
            let mut out = Vec::new();
            sheet::to_csv(Cursor::new(bytes), &mut out, &LIMITS)?;
            Ok(String::from_utf8_lossy(&out).into_owned())
        }
        Sort::Text => {
            let (text, _, broken) = UTF_8.decode(bytes);
            if !broken {
                return Ok(text.into_owned());
            }
            Ok(WINDOWS_1252.decode(bytes).0.into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_whatever_it_was_saved() {
        let wide: Vec<u8> = "\u{feff}number\nSão".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in ["number\nSão".as_bytes(), "\u{feff}number\nSão".as_bytes(), b"number\nS\xe3o", &wide]
        {
            assert_eq!(text(bytes).unwrap(), "number\nSão");
        }
    }

    #[test]
    fn a_spreadsheet_is_its_rows_and_what_is_none_is_named() {
        let mut book = rust_xlsxwriter::Workbook::new();
        let page = book.add_worksheet();
        page.write_string(0, 0, "number").unwrap().write_string(0, 1, "city").unwrap();
        page.write_string(1, 0, "RR1, RR2").unwrap().write_string(1, 1, "São Paulo").unwrap();
        let bytes = book.save_to_buffer().unwrap();
        assert_eq!(text(&bytes).unwrap(), "number,city\n\"RR1, RR2\",São Paulo\n");
        assert!(text(&bytes[..bytes.len() / 2]).is_err() && text(b"PK\x03\x04").is_err());
        assert!(text(b"\xd0\xcf\x11\xe0rest").unwrap_err().to_string().contains("older kind"));
        let mut book = rust_xlsxwriter::Workbook::new();
        book.add_worksheet().write_string(LIMITS.rows, 0, "far below").unwrap();
        let why = text(&book.save_to_buffer().unwrap()).unwrap_err().to_string();
        assert!(why.contains("more than 5000 rows"), "{why}");
    }
}
