//! The wall sheet: barcodes that say what to do, printed once and hung where people scan.

use super::layout::{Line, Page, Room};
use super::words::clean;
use crate::base::error::Invalid;

/// What a sheet shows when nobody says.
pub const USUAL: &[&str] =
    &["CMD:DAMAGED", "CMD:HOLD", "CMD:RETURN", "CMD:READY", "CMD:KEEP", "CMD:DONE", "CMD:UNDO", "CMD:PIECE"];
/// Codes of one sheet at the most.
pub const MAX_CODES: usize = 120;
/// The longest code that fits across half a page.
pub const MAX_CODE: usize = 24;
/// A4 in mm.
const PAPER: (f64, f64) = (210.0, 297.0);
const COLUMNS: usize = 2;
const ROWS: usize = 6;
const MARGIN: f64 = 12.0;

/// Pages with a barcode for each of `codes`.
///
/// # Errors
/// When one is no `CMD:` or `LOC:`, or can't be read off paper, or there are more than [`MAX_CODES`].
pub fn sheet(codes: &[String]) -> Result<Vec<Page>, Invalid> {
    if codes.len() > MAX_CODES {
        let said = format!("has {} codes; a sheet takes at most {MAX_CODES}", codes.len());
        return Err(Invalid::at("?codes", said));
    }
    for code in codes {
        let known = code.strip_prefix("CMD:").or_else(|| code.strip_prefix("LOC:"));
        let fits = known.is_some_and(|name| !name.trim().is_empty())
            && code.len() <= MAX_CODE
            && clean(code) == *code
            && code.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'>');
        if !fits {
            let said = format!(
                "\"{code}\" is no code for the wall: write CMD:DAMAGED or LOC:A-03, plain letters and digits, at most {MAX_CODE} characters"
            );
            return Err(Invalid::at("?codes", said));
        }
    }
    Ok(codes.chunks(COLUMNS * ROWS).map(page).collect())
}

fn page(codes: &[String]) -> Page {
    let (w, h) = PAPER;
    let mut page = Page { w, h, items: Vec::new() };
    let (cell_w, cell_h) = ((w - 2.0 * MARGIN) / 2.0, (h - 2.0 * MARGIN) / 6.0);
    let places = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |col| (row, col)));
    for (code, (row, col)) in codes.iter().zip(places) {
        let at = |n: usize, size: f64| MARGIN + super::svg::of(n) * size;
        let (x, y) = (at(col, cell_w), at(row, cell_h));
        let name = code.split_once(':').map_or(&**code, |(_, name)| name);
        page.line(Line(x + 4.0, y + 3.0, cell_w - 8.0, 7.0), name);
        page.barcode(Room(x + 2.0, y + 13.0, cell_w - 4.0, 20.0), code);
        page.line(Line(x + 4.0, y + 35.0, cell_w - 8.0, 3.5), code);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::super::layout::Item;
    use super::*;

    fn bars(pages: &[Page]) -> usize {
        pages.iter().flat_map(|p| &p.items).filter(|i| matches!(i, Item::Barcode { .. })).count()
    }

    #[test]
    fn every_code_of_the_wall_has_its_bars_and_one_too_many_is_refused() {
        let usual: Vec<String> = USUAL.iter().map(|c| (*c).to_owned()).collect();
        assert_eq!(bars(&sheet(&usual).unwrap()), USUAL.len());
        let of = |n: usize| -> Vec<String> { (0..n).map(|n| format!("LOC:A-{n}")).collect() };
        let full = sheet(&of(MAX_CODES)).unwrap();
        assert_eq!((full.len(), bars(&full)), (MAX_CODES / 12, MAX_CODES));
        assert!(sheet(&of(MAX_CODES + 1)).is_err());
    }

    #[test]
    fn every_usual_code_is_a_command_a_station_understands() {
        for code in USUAL {
            assert!(matches!(crate::scan::commands::parse(code), Some(Ok(_))), "{code}");
        }
    }

    #[test]
    fn the_longest_code_still_has_bars_and_what_is_no_code_is_named() {
        let longest = format!("LOC:{}", "aW".repeat((MAX_CODE - 4) / 2));
        assert_eq!(bars(&sheet(std::slice::from_ref(&longest)).unwrap()), 1);
        for wrong in
            [format!("{longest}x"), "LOC:".into(), "RR123456785NL".into(), "LOC:ä".into(), "CMD:>8".into()]
        {
            assert!(sheet(std::slice::from_ref(&wrong)).unwrap_err().to_string().contains(&wrong));
        }
    }
}
