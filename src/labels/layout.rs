//! One description of a label in millimetres, from which every output is drawn: the same lines, cut at the same place.

use qrcode::{Color, EcLevel, QrCode};

use super::code128::{Bars, QUIET};
use super::model::{Fields, Size};
use super::words::{cut, wrap};

/// The widest module of a barcode in mm: three dots at 203 dpi.
const WIDEST: f64 = 0.3754;
/// The narrowest that desk scanners and thermal heads manage: two dots at 203 dpi. Below it there is only the QR code.
pub const NARROWEST: f64 = 0.25;
/// Blank modules around a QR code.
const QR_QUIET: usize = 4;
/// Between the baselines of two lines, in heights of the letters.
const LEADING: f64 = 1.2;

/// Something on paper; `x` and `y` are its upper left corner in mm.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A line of text that fits where it stands.
    Text {
        /// From the left.
        x: f64,
        /// From above.
        y: f64,
        /// Height of the letters.
        size: f64,
        /// The text.
        text: String,
        /// White on a black ground.
        inverted: bool,
    },
    /// A black box.
    Block {
        /// From the left.
        x: f64,
        /// From above.
        y: f64,
        /// Width.
        w: f64,
        /// Height.
        h: f64,
    },
    /// A Code 128 without its quiet zones.
    Barcode {
        /// From the left.
        x: f64,
        /// From above.
        y: f64,
        /// Height.
        h: f64,
        /// Width of a module.
        module: f64,
        /// What it says.
        data: BarData,
        /// Its bars.
        bars: Bars,
    },
    /// A QR code without its quiet zone.
    Qr {
        /// From the left.
        x: f64,
        /// From above.
        y: f64,
        /// Width of a module.
        module: f64,
        /// What it says.
        data: String,
        /// Its modules, row by row, true is black.
        dark: Vec<bool>,
    },
}

/// What a barcode says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BarData {
    /// A text.
    Plain(String),
    /// A serial shipping container code of 18 digits, as GS1-128 with its identifier 00.
    Sscc(String),
}

impl BarData {
    /// How `code` is printed: an SSCC with a right check digit as one, any other text as it is. None when a printer can't
    /// say it: more than ASCII, control characters, or `>`, which starts a printer's own sequences.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        if code.is_empty() || !code.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'>') {
            return None;
        }
        let sscc = code.len() == 18 && code.bytes().all(|b| b.is_ascii_digit()) && mod10(code);
        Some(if sscc { Self::Sscc(code.to_owned()) } else { Self::Plain(code.to_owned()) })
    }

    fn bars(&self) -> Option<Bars> {
        match self {
            Self::Plain(text) => Bars::new(text).ok(),
            Self::Sscc(digits) => Bars::gs1(&format!("00{digits}")).ok(),
        }
    }
}

/// Whether the last digit is the GS1 check digit of the others.
fn mod10(digits: &str) -> bool {
    let weighed = digits.bytes().rev().enumerate();
    let sum: u32 = weighed.map(|(n, b)| u32::from(b - b'0') * if n % 2 == 0 { 1 } else { 3 }).sum();
    sum.is_multiple_of(10)
}

/// A page with everything on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Width in mm.
    pub w: f64,
    /// Height in mm.
    pub h: f64,
    /// What is on it, in the order it is drawn.
    pub items: Vec<Item>,
}

/// Where a text may stand: `x`, `y`, width and size of its letters in mm.
#[derive(Clone, Copy)]
pub(super) struct Line(pub f64, pub f64, pub f64, pub f64);

/// A box: `x`, `y`, width, height.
#[derive(Clone, Copy)]
pub(super) struct Room(pub f64, pub f64, pub f64, pub f64);

/// Where everything stands on one size of label.
struct Form {
    station: Line,
    to: (Line, usize),
    route: Line,
    check: Room,
    bars: Room,
    number: Line,
    qr: (f64, f64, f64),
    /// Weight and pieces, service, printed at.
    rows: [Line; 3],
}

const FOUR_BY_SIX: Form = Form {
    station: Line(4.0, 4.0, 93.6, 3.5),
    to: (Line(4.0, 11.0, 93.6, 6.2), 6),
    route: Line(4.0, 58.0, 58.0, 21.0),
    check: Room(64.0, 58.0, 33.6, 20.0),
    bars: Room(4.0, 84.0, 93.6, 25.0),
    number: Line(4.0, 111.0, 93.6, 4.5),
    qr: (69.0, 118.0, 30.0),
    rows: [Line(4.0, 121.0, 63.0, 5.0), Line(4.0, 129.0, 63.0, 5.0), Line(4.0, 140.0, 63.0, 4.0)],
};

const FOUR_BY_FOUR: Form = Form {
    station: Line(4.0, 3.0, 93.6, 3.0),
    to: (Line(4.0, 8.0, 93.6, 4.4), 5),
    route: Line(4.0, 36.0, 58.0, 12.0),
    check: Room(64.0, 36.0, 33.6, 12.0),
    bars: Room(4.0, 51.0, 93.6, 17.0),
    number: Line(4.0, 69.5, 93.6, 3.5),
    qr: (74.0, 74.5, 25.0),
    rows: [Line(4.0, 77.0, 68.0, 4.2), Line(4.0, 84.0, 68.0, 4.2), Line(4.0, 92.0, 68.0, 3.4)],
};

const TWO_BY_ONE: Form = Form {
    station: Line(26.0, 22.4, 23.0, 1.9),
    to: (Line(1.5, 1.0, 34.0, 2.2), 2),
    route: Line(1.5, 6.4, 20.0, 4.0),
    check: Room(22.5, 6.4, 12.0, 4.0),
    bars: Room(0.9, 14.8, 49.0, 6.8),
    number: Line(1.5, 22.2, 24.0, 2.3),
    qr: (36.3, 0.6, 13.6),
    rows: [Line(1.5, 11.2, 17.0, 1.8), Line(19.0, 11.2, 16.5, 1.8), Line(1.5, 13.1, 34.0, 1.5)],
};

/// The label of `fields`.
#[must_use]
pub fn label(size: Size, fields: &Fields) -> Page {
    let form = match size {
        Size::FourBySix => &FOUR_BY_SIX,
        Size::FourByFour => &FOUR_BY_FOUR,
        Size::TwoByOne => &TWO_BY_ONE,
    };
    let (w, h) = size.mm();
    let mut page = Page { w, h, items: Vec::new() };
    page.line(form.station, &fields.station);
    page.block(form.to, &fields.to);
    page.line(form.route, &fields.route);
    if fields.check {
        page.check(form.check);
    }
    page.barcode(form.bars, &fields.number);
    page.line(form.number, &fields.number);
    let weight_and_pieces: Vec<&str> =
        [&*fields.weight, &*fields.pieces].into_iter().filter(|t| !t.is_empty()).collect();
    for (line, text) in form.rows.iter().zip([
        weight_and_pieces.join("  "),
        fields.service.clone(),
        fields.printed_at.clone(),
    ]) {
        page.line(*line, &text);
    }
    page.qr(form.qr, &fields.id);
    page
}

impl Page {
    /// A line of text, cut to where it fits; nothing when there is nothing to say.
    pub(super) fn line(&mut self, Line(x, y, w, size): Line, text: &str) {
        let text = cut(text, w / size);
        if !text.is_empty() {
            self.items.push(Item::Text { x, y, size, text, inverted: false });
        }
    }

    /// Lines of text, wrapped and cut to so many.
    fn block(&mut self, (Line(x, y, w, size), most): (Line, usize), lines: &[String]) {
        let wrapped = lines.iter().flat_map(|line| wrap(line, w / size));
        for (line, y) in wrapped.take(most).zip((0_u32..).map(|n| y + f64::from(n) * size * LEADING)) {
            self.items.push(Item::Text { x, y, size, text: line, inverted: false });
        }
    }

    fn check(&mut self, Room(x, y, w, h): Room) {
        self.items.push(Item::Block { x, y, w, h });
        // CHECK is about three and a half letters' heights wide.
        let size = (h * 0.6).min(w / 4.0);
        let (x, y) = (x + (w - 3.5 * size) / 2.0, y + (h - size) / 2.0);
        self.items.push(Item::Text { x, y, size, text: "CHECK".into(), inverted: true });
    }

    /// A barcode as wide as it may be, in the middle; none when `code` can't be one, or only one too fine to be read.
    pub(super) fn barcode(&mut self, Room(x, y, w, h): Room, code: &str) {
        let Some((data, bars)) = BarData::of(code).and_then(|d| Some((d.bars()?, d))).map(|(b, d)| (d, b))
        else {
            return;
        };
        let modules = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
        let module = (w / modules(bars.modules() + 2 * QUIET)).min(WIDEST);
        if module >= NARROWEST {
            let x = x + (w - module * modules(bars.modules())) / 2.0;
            self.items.push(Item::Barcode { x, y, h, module, data, bars });
        }
    }

    /// A QR code in a square of `side` mm, its quiet zone included.
    fn qr(&mut self, (x, y, side): (f64, f64, f64), data: &str) {
        let Ok(code) = QrCode::with_error_correction_level(data, EcLevel::M) else { return };
        let quiet = u32::try_from(QR_QUIET).map_or(0.0, f64::from);
        let n = u32::try_from(code.width()).map_or(f64::MAX, f64::from);
        let module = side / (n + 2.0 * quiet);
        let dark = code.into_colors().into_iter().map(|c| c == Color::Dark).collect();
        let (x, y) = (x + quiet * module, y + quiet * module);
        self.items.push(Item::Qr { x, y, module, data: data.to_owned(), dark });
    }
}
