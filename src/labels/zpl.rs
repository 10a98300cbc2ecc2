//! A page in ZPL II, for the printer's own resolution. What people wrote can never be a command: `^`, `~`, the escape
//! itself and whatever else a printer might read stand as hex.

use std::fmt::Write;

use super::layout::{BarData, Item, Page};
use super::model::Dpi;

/// Magnifications of a QR code that printers know.
const MAGNIFICATIONS: std::ops::RangeInclusive<u32> = 2..=10;

/// One label, printed `copies` times.
#[must_use]
pub fn render(page: &Page, dpi: Dpi, copies: u32) -> String {
    let scale = Scale(dpi.dots_per_mm());
    let (w, h) = (scale.dots(page.w), scale.dots(page.h));
    let mut out = format!("^XA^CI28^PW{w}^LL{h}^LH0,0\n");
    for item in &page.items {
        // Writing into a string can't fail.
        let _ = scale.item(&mut out, item);
    }
    let _ = writeln!(out, "^PQ{copies}^XZ");
    out
}

struct Scale(f64);

impl Scale {
    fn dots(&self, mm: f64) -> u32 {
        whole((mm * self.0).round())
    }

    /// A module is cut to whole dots: rounded up, the last bars would leave the label.
    fn module(&self, mm: f64) -> u32 {
        whole((mm * self.0 + 1e-3).floor()).max(1)
    }

    fn item(&self, out: &mut String, item: &Item) -> std::fmt::Result {
        match item {
            Item::Text { x, y, size, text, inverted } => {
                let (x, y, h) = (self.dots(*x), self.dots(*y), self.dots(*size));
                let reverse = if *inverted { "^FR" } else { "" };
                writeln!(out, "^FO{x},{y}{reverse}^A0N,{h},{h}^FH_^FD{}^FS", escaped(text))
            }
            Item::Block { x, y, w, h } => {
                let (w, h) = (self.dots(*w), self.dots(*h));
                writeln!(out, "^FO{},{}^GB{w},{h},{}^FS", self.dots(*x), self.dots(*y), w.min(h))
            }
            Item::Barcode { x, y, h, module, data, bars: _ } => {
                let (x, y, h) = (self.dots(*x), self.dots(*y), self.dots(*h));
                let begin = format!("^FO{x},{y}^BY{},2,{h}", self.module(*module));
                match data {
                    BarData::Plain(text) => {
                        writeln!(out, "{begin}^BCN,{h},N,N,N,A^FH_^FD{}^FS", escaped(text))
                    }
                    // Start in set C, then FNC1: the printer chooses nothing.
                    BarData::Sscc(digits) => writeln!(out, "{begin}^BCN,{h},N,N,N,N^FD>;>800{digits}^FS"),
                }
            }
            Item::Qr { x, y, module, data, dark: _ } => {
                let magnification =
                    self.module(*module).clamp(*MAGNIFICATIONS.start(), *MAGNIFICATIONS.end());
                let (x, y) = (self.dots(*x), self.dots(*y));
                writeln!(out, "^FO{x},{y}^BQN,2,{magnification}^FH_^FDMA,{}^FS", escaped(data))
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a label has some thousand dots
fn whole(dots: f64) -> u32 {
    dots.clamp(0.0, 100_000.0) as u32
}

/// Field data in which no byte means anything to a printer. Beyond ASCII it is UTF-8, as `^CI28` says.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // A backslash starts a printer's own sequences in some fields.
            '^' | '~' | '_' | '\\' => {
                let _ = write!(out, "_{:02X}", u32::from(c));
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_person_writes_is_a_command() {
        assert_eq!(escaped("^XZ~JA_5E\\&\u{1}é"), "_5EXZ_7EJA_5F5E_5C&é");
    }

    #[test]
    fn a_page_is_drawn_for_the_printers_own_dots() {
        let text = |inverted| Item::Text { x: 10.0, y: 20.0, size: 5.0, text: "a^b".into(), inverted };
        let page = Page { w: 101.6, h: 152.4, items: vec![text(false), text(true)] };
        assert_eq!(
            render(&page, Dpi::D203, 1),
            "^XA^CI28^PW812^LL1218^LH0,0\n^FO80,160^A0N,40,40^FH_^FDa_5Eb^FS\n^FO80,160^FR^A0N,40,40^FH_^FDa_5Eb^FS\n^PQ1^XZ\n"
        );
        assert!(
            render(&page, Dpi::D300, 2).starts_with("^XA^CI28^PW1200^LL1800^LH0,0\n^FO118,236^A0N,59,59")
        );
    }
}
