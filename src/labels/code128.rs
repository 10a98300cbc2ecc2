//! Code 128 (ISO/IEC 15417): the fewest symbols for a text, and their bars.

use thiserror::Error;

/// The widths of the three bars and three spaces of every symbol, in modules; the stop has a fourth bar.
const WIDTHS: [&[u8]; 107] = [
    b"212222", b"222122", b"222221", b"121223", b"121322", b"131222", b"122213", b"122312", b"132212",
    b"221213", b"221312", b"231212", b"112232", b"122132", b"122231", b"113222", b"123122", b"123221",
    b"223211", b"221132", b"221231", b"213212", b"223112", b"312131", b"311222", b"321122", b"321221",
    b"312212", b"322112", b"322211", b"212123", b"212321", b"232121", b"111323", b"131123", b"131321",
    b"112313", b"132113", b"132311", b"211313", b"231113", b"231311", b"112133", b"112331", b"132131",
    b"113123", b"113321", b"133121", b"313121", b"211331", b"231131", b"213113", b"213311", b"213131",
    b"311123", b"311321", b"331121", b"312113", b"312311", b"332111", b"314111", b"221411", b"431111",
    b"111224", b"111422", b"121124", b"121421", b"141122", b"141221", b"112214", b"112412", b"122114",
    b"122411", b"142112", b"142211", b"241211", b"221114", b"413111", b"241112", b"134111", b"111242",
    b"121142", b"121241", b"114212", b"124112", b"124211", b"411212", b"421112", b"421211", b"212141",
    b"214121", b"412121", b"111143", b"111341", b"131141", b"114113", b"114311", b"411113", b"411311",
    b"113141", b"114131", b"311141", b"411131", b"211412", b"211214", b"211232", b"2331112",
];

const SHIFT: u8 = 98;
const FNC1: u8 = 102;
const STOP: u8 = 106;
/// The separator of GS1 data, printed as FNC1.
const SEPARATOR: u8 = 0x1d;
/// Characters of one barcode at the most: beyond it no label is wide enough.
pub const MAX_CHARS: usize = 80;
/// Blank modules a reader needs on each side.
pub const QUIET: usize = 10;

/// Why a text can't be a barcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CodeError {
    /// There is nothing to encode.
    #[error("there is nothing to encode")]
    Empty,
    /// It is longer than [`MAX_CHARS`].
    #[error("has {0} characters; a barcode takes at most {MAX_CHARS}")]
    Long(usize),
    /// It holds something beside ASCII.
    #[error("holds \"{0}\"; a barcode takes ASCII only")]
    Character(char),
}

/// A barcode: its symbols from start to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bars {
    symbols: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    A,
    B,
    C,
}

impl Set {
    const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    fn start(self) -> u8 {
        103 + self as u8
    }

    /// The symbol that changes to this set from another one.
    fn change(self) -> u8 {
        101 - self as u8
    }

    /// The symbols for what `rest` begins with, and how many bytes they stand for; none when this set has none.
    fn take(self, rest: &[u8], gs1: bool) -> Option<(Vec<u8>, usize)> {
        let (&first, more) = rest.split_first()?;
        if gs1 && first == SEPARATOR {
            return Some((vec![FNC1], 1));
        }
        match self {
            Self::A | Self::B => match (self.value(first), self.other().value(first)) {
                (Some(v), _) => Some((vec![v], 1)),
                (None, Some(v)) => Some((vec![SHIFT, v], 1)),
                (None, None) => None,
            },
            Self::C => {
                let second = more.first().filter(|b| b.is_ascii_digit() && first.is_ascii_digit())?;
                Some((vec![(first - b'0') * 10 + (second - b'0')], 2))
            }
        }
    }

    fn other(self) -> Self {
        if self == Self::A { Self::B } else { Self::A }
    }

    /// A character's value in set A or B.
    fn value(self, b: u8) -> Option<u8> {
        match (self, b) {
            (Self::A, 0..=31) => Some(b + 64),
            (Self::A, 32..=95) | (Self::B, 32..=127) => Some(b - 32),
            _ => None,
        }
    }
}

/// One step of the shortest way: symbols, the set afterwards, bytes taken.
#[derive(Clone)]
struct Way {
    cost: usize,
    symbols: Vec<u8>,
    set: Set,
    taken: usize,
}

impl Bars {
    /// The shortest barcode of `text`.
    ///
    /// # Errors
    /// When it is empty, longer than [`MAX_CHARS`] or not ASCII.
    pub fn new(text: &str) -> Result<Self, CodeError> {
        Self::encode(text, false)
    }

    /// The same as GS1-128: FNC1 first, and wherever `data` has the separator (ASCII 29). `data` begins with its
    /// application identifier, without brackets.
    ///
    /// # Errors
    /// As [`Bars::new`].
    pub fn gs1(data: &str) -> Result<Self, CodeError> {
        Self::encode(data, true)
    }

    fn encode(text: &str, gs1: bool) -> Result<Self, CodeError> {
        if let Some(c) = text.chars().find(|c| !c.is_ascii()) {
            return Err(CodeError::Character(c));
        }
        match text.len() {
            0 => return Err(CodeError::Empty),
            n if n > MAX_CHARS => return Err(CodeError::Long(n)),
            _ => {}
        }
        let ways = ways(text.as_bytes(), gs1);
        let first = Set::ALL.into_iter().zip(ways.first().into_iter().flatten());
        let best = first.filter_map(|(set, way)| Some((way.as_ref()?.cost, set)));
        // ASCII can be said in A and B, so there is always a way.
        let mut set = best.min_by_key(|(cost, _)| *cost).map_or(Set::B, |(_, set)| set);
        let mut symbols = vec![set.start()];
        if gs1 {
            symbols.push(FNC1);
        }
        let mut at = 0;
        while let Some(way) = ways.get(at).and_then(|w| w[set as usize].as_ref()).filter(|w| w.taken > 0) {
            symbols.extend(&way.symbols);
            (set, at) = (way.set, at + way.taken);
        }
        symbols.push(check(&symbols));
        symbols.push(STOP);
        Ok(Self { symbols })
    }

    /// Bars and spaces in turn, beginning with a bar, in modules.
    pub fn widths(&self) -> impl Iterator<Item = usize> + '_ {
        let widths = self.symbols.iter().filter_map(|s| WIDTHS.get(usize::from(*s)));
        widths.flat_map(|w| w.iter().map(|b| usize::from(b - b'0')))
    }

    /// The whole width without the quiet zones, in modules.
    #[must_use]
    pub fn modules(&self) -> usize {
        self.widths().sum()
    }

    /// Where each bar begins and how wide it is, in modules.
    #[must_use]
    pub fn bars(&self) -> Vec<(usize, usize)> {
        let mut at = 0;
        let mut bars = Vec::new();
        for (n, width) in self.widths().enumerate() {
            if n % 2 == 0 {
                bars.push((at, width));
            }
            at += width;
        }
        bars
    }
}

/// The shortest way from every place of `text` in every set, found from its end.
fn ways(text: &[u8], gs1: bool) -> Vec<[Option<Way>; 3]> {
    let end = |set| Some(Way { cost: 0, symbols: Vec::new(), set, taken: 0 });
    let mut ways: Vec<[Option<Way>; 3]> = vec![const { [None, None, None] }; text.len()];
    ways.push(Set::ALL.map(end));
    for at in (0..text.len()).rev() {
        let step = |to: Set, change: bool| {
            let (mut symbols, taken) = to.take(&text[at..], gs1)?;
            let rest = ways.get(at + taken)?[to as usize].as_ref()?.cost;
            if change {
                symbols.insert(0, to.change());
            }
            Some(Way { cost: symbols.len() + rest, symbols, set: to, taken })
        };
        let best = Set::ALL.map(|from| {
            let steps = Set::ALL.into_iter().filter_map(|to| step(to, to != from));
            steps.min_by_key(|way| way.cost)
        });
        ways[at] = best;
    }
    ways
}

fn check(symbols: &[u8]) -> u8 {
    let weighed = symbols.iter().enumerate().map(|(n, s)| n.max(1) * usize::from(*s));
    u8::try_from(weighed.sum::<usize>() % 103).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    /// Reads bars strictly: widths to symbols, the check, then the sets. FNC1 reads as the separator.
    fn read(bars: &Bars) -> (bool, String) {
        let widths: Vec<u8> = bars.widths().map(|w| b'0' + u8::try_from(w).unwrap()).collect();
        let (body, stop) = widths.split_at(widths.len() - 7);
        assert_eq!(stop, WIDTHS[106]);
        let symbols: Vec<u8> = body
            .chunks(6)
            .map(|c| u8::try_from(WIDTHS.iter().position(|w| *w == c).unwrap()).unwrap())
            .collect();
        let (sum, data) = symbols.split_last().unwrap();
        assert_eq!(check(data), *sum);
        let mut set = data[0];
        let (mut text, mut shifted, mut gs1) = (Vec::new(), false, false);
        for (n, &s) in data[1..].iter().enumerate() {
            let now = if std::mem::take(&mut shifted) { 207 - set } else { set };
            match (now, s) {
                (_, 102) if n == 0 => gs1 = true,
                (_, 102) => text.push(SEPARATOR),
                (105, 0..=99) => text.extend(format!("{s:02}").bytes()),
                (103 | 104, 98) => shifted = true,
                (103 | 104, 99) => set = 105,
                (103 | 105, 100) => set = 104,
                (104 | 105, 101) => set = 103,
                (103, 64..=95) => text.push(s - 64),
                (103, 0..=63) | (104, 0..=95) => text.push(s + 32),
                other => panic!("{other:?}"),
            }
        }
        (gs1, String::from_utf8(text).unwrap())
    }

    #[test]
    fn digits_are_packed_and_the_symbols_are_those_of_the_standard() {
        assert_eq!(Bars::new("PJJ123C").unwrap().symbols, [103, 48, 42, 42, 17, 18, 19, 35, 54, 106]);
        assert_eq!(Bars::new("1234").unwrap().symbols, [105, 12, 34, 82, 106]);
        // labels.md: (20 digits: 10 symbols + start + FNC1 + check) x 11 + 13.
        assert_eq!(Bars::gs1("00340123450000000017").unwrap().modules(), 156);
        assert_eq!(Bars::new("RR123456785NL").unwrap().modules(), 156);
    }

    #[test]
    fn what_is_no_barcode_is_refused() {
        assert_eq!(Bars::new(""), Err(CodeError::Empty));
        assert_eq!(Bars::new("Köln"), Err(CodeError::Character('ö')));
        assert!(Bars::new(&"x".repeat(MAX_CHARS)).is_ok());
        assert_eq!(Bars::new(&"x".repeat(MAX_CHARS + 1)), Err(CodeError::Long(MAX_CHARS + 1)));
    }

    proptest! {
        #[test]
        fn every_ascii_text_reads_back(text in "[\\x00-\\x7f]{1,80}", gs1 in any::<bool>()) {
            // A separator first would be taken for the FNC1 of GS1 itself.
            let bars = if gs1 { Bars::gs1(&text) } else { Bars::new(&text) }.unwrap();
            prop_assert_eq!(read(&bars), (gs1, text.clone()));
            prop_assert!(bars.bars().iter().all(|(at, w)| at + w <= bars.modules()));
        }

        #[test]
        fn no_text_needs_more_than_its_length_and_what_changes_cost(text in "[ -~]{1,80}") {
            let symbols = Bars::new(&text).unwrap().symbols.len();
            prop_assert!(symbols <= text.len() + 3, "set B alone takes that many");
        }

        #[test]
        fn digits_take_half(digits in "[0-9]{1,80}") {
            let symbols = Bars::new(&digits).unwrap().symbols.len();
            prop_assert!(symbols <= digits.len() / 2 + 3 + 2 * (digits.len() % 2));
        }
    }
}
