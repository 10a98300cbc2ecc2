//! What GS1 barcodes carry: the AIM identifier a scanner may send first, and element strings of application identifiers.
//!
//! Fixed elements follow one another, variable ones end with FNC1, which a scanner sends as GS (ASCII 29), as another
//! character of its setting, or not at all. A lost FNC1 is guessed back only where check digits and dates speak for it.
//! Source: GS1 General Specifications, section 3 and figure 3.2-1.

use super::check::Check;

/// The separator as it should arrive.
pub const GS: char = '\u{1d}';

/// The longest string in which a lost separator is searched for.
pub const MAX_GUESSED: usize = 128;

/// What a scanner says of the symbol it read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// As it is sent, `]` and two characters.
    pub aim: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whether it carries application identifiers.
    pub is_gs1: bool,
}

const fn symbol(aim: &'static str, name: &'static str, is_gs1: bool) -> Symbol {
    Symbol { aim, name, is_gs1 }
}

/// The identifiers that tell something; others of the same form are only taken off.
pub const SYMBOLS: &[Symbol] = &[
    symbol("]C0", "Code 128", false),
    symbol("]C1", "GS1-128", true),
    symbol("]C2", "Code 128", false),
    symbol("]e0", "GS1 DataBar", true),
    symbol("]e1", "GS1 Composite", true),
    symbol("]e2", "GS1 Composite", true),
    symbol("]d1", "Data Matrix", false),
    symbol("]d2", "GS1 DataMatrix", true),
    symbol("]Q0", "QR Code", false),
    symbol("]Q1", "QR Code", false),
    symbol("]Q3", "GS1 QR Code", true),
    symbol("]J1", "GS1 DotCode", true),
    symbol("]E0", "EAN-13", false),
    symbol("]E4", "EAN-8", false),
    symbol("]A0", "Code 39", false),
    symbol("]I0", "Interleaved 2 of 5", false),
    symbol("]I1", "ITF-14", false),
    symbol("]L0", "PDF417", false),
    symbol("]z0", "Aztec", false),
];

/// The identifier at the beginning of `text` and what follows it. Of an identifier that is not in the table nothing is
/// known but that it is one.
#[must_use]
pub fn aim(text: &str) -> (Option<Symbol>, &str) {
    let bytes = text.as_bytes();
    let is_one = bytes.len() > 3
        && bytes[0] == b']'
        && bytes[1].is_ascii_alphabetic()
        && bytes[2].is_ascii_alphanumeric();
    if !is_one {
        return (None, text);
    }
    (SYMBOLS.iter().find(|s| text.starts_with(s.aim)).copied(), &text[3..])
}

/// How an element's value can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    None,
    /// Its last digit is a check digit.
    Gs1,
    /// Of its first 14 digits the last is one.
    First14,
    /// A day: YYMMDD, day 00 for the month's last.
    Date,
}

/// One application identifier.
#[derive(Clone, Copy, Debug)]
pub struct Ai {
    /// Its digits; an `n` stands for any one, the number of decimals.
    pub code: &'static str,
    /// What it says.
    pub title: &'static str,
    digits: bool,
    least: usize,
    most: usize,
    proof: Proof,
}

const fn fixed(code: &'static str, digits: usize, proof: Proof, title: &'static str) -> Ai {
    Ai { code, title, digits: true, least: digits, most: digits, proof }
}
const fn text(code: &'static str, most: usize, title: &'static str) -> Ai {
    Ai { code, title, digits: false, least: 1, most, proof: Proof::None }
}
const fn count(code: &'static str, least: usize, most: usize, title: &'static str) -> Ai {
    Ai { code, title, digits: true, least, most, proof: Proof::None }
}

/// What a depot meets of the application identifiers.
#[rustfmt::skip]
pub const AIS: &[Ai] = &[
    fixed("00", 18, Proof::Gs1, "SSCC"),
    fixed("01", 14, Proof::Gs1, "GTIN"),
    fixed("02", 14, Proof::Gs1, "content GTIN"),
    text("10", 20, "lot"),
    fixed("11", 6, Proof::Date, "production date"),
    fixed("12", 6, Proof::Date, "due date"),
    fixed("13", 6, Proof::Date, "packaging date"),
    fixed("15", 6, Proof::Date, "best before"),
    fixed("16", 6, Proof::Date, "sell by"),
    fixed("17", 6, Proof::Date, "expiry"),
    fixed("20", 2, Proof::None, "variant"),
    text("21", 20, "serial"),
    text("22", 20, "consumer product variant"),
    text("235", 28, "third party serial"),
    text("240", 30, "additional item id"),
    text("241", 30, "customer part number"),
    text("250", 30, "secondary serial"),
    text("251", 30, "source reference"),
    text("254", 20, "place extension"),
    count("30", 1, 8, "variable count"),
    fixed("310n", 6, Proof::None, "net weight, kg"),
    fixed("311n", 6, Proof::None, "length, m"),
    fixed("312n", 6, Proof::None, "width, m"),
    fixed("313n", 6, Proof::None, "height, m"),
    fixed("315n", 6, Proof::None, "net volume, l"),
    fixed("316n", 6, Proof::None, "net volume, m3"),
    fixed("320n", 6, Proof::None, "net weight, lb"),
    fixed("330n", 6, Proof::None, "gross weight, kg"),
    fixed("331n", 6, Proof::None, "logistic length, m"),
    fixed("332n", 6, Proof::None, "logistic width, m"),
    fixed("333n", 6, Proof::None, "logistic height, m"),
    fixed("335n", 6, Proof::None, "logistic volume, l"),
    fixed("336n", 6, Proof::None, "logistic volume, m3"),
    fixed("340n", 6, Proof::None, "gross weight, lb"),
    count("37", 1, 8, "count"),
    text("400", 30, "order"),
    text("401", 30, "consignment"),
    fixed("402", 17, Proof::Gs1, "shipment"),
    text("403", 30, "routing code"),
    fixed("410", 13, Proof::Gs1, "ship to"),
    fixed("411", 13, Proof::Gs1, "bill to"),
    fixed("412", 13, Proof::Gs1, "purchased from"),
    fixed("413", 13, Proof::Gs1, "ship for"),
    fixed("414", 13, Proof::Gs1, "place"),
    fixed("415", 13, Proof::Gs1, "invoicing party"),
    fixed("416", 13, Proof::Gs1, "production place"),
    fixed("417", 13, Proof::Gs1, "party"),
    text("420", 20, "ship to postcode"),
    text("421", 12, "ship to country and postcode"),
    fixed("422", 3, Proof::None, "country of origin"),
    text("7002", 30, "cut"),
    fixed("7003", 10, Proof::None, "expiry with time"),
    text("8002", 20, "mobile device"),
    text("8004", 30, "asset"),
    fixed("8006", 18, Proof::First14, "piece of a trade item"),
    text("8008", 12, "production time"),
    fixed("8017", 18, Proof::Gs1, "service provider relation"),
    fixed("8018", 18, Proof::Gs1, "service recipient relation"),
    text("8020", 25, "payment slip"),
    text("8200", 70, "product address"),
    text("90", 30, "agreed between partners"),
    text("91", 90, "company internal"),
    text("92", 90, "company internal"),
    text("93", 90, "company internal"),
    text("94", 90, "company internal"),
    text("95", 90, "company internal"),
    text("96", 90, "company internal"),
    text("97", 90, "company internal"),
    text("98", 90, "company internal"),
    text("99", 90, "company internal"),
];

impl Ai {
    /// How many characters of `text` are this identifier; none when it does not begin with it.
    fn leads(&self, text: &str) -> Option<usize> {
        let code = self.code.as_bytes();
        let begins = text.len() >= code.len()
            && code.iter().zip(text.bytes()).all(|(c, t)| *c == t || *c == b'n' && t.is_ascii_digit());
        begins.then_some(code.len())
    }

    fn admits(&self, value: &str) -> bool {
        (self.least..=self.most).contains(&value.len()) && value.bytes().all(|b| self.holds_byte(b))
    }

    fn holds_byte(&self, b: u8) -> bool {
        if self.digits { b.is_ascii_digit() } else { is_of_82(b) }
    }

    /// Whether `value` proves right; none when nothing in it can.
    fn proves(&self, value: &str) -> Option<bool> {
        match self.proof {
            Proof::None => None,
            Proof::Gs1 => Some(Check::Gs1.holds(value)),
            Proof::First14 => Some(value.get(..14).is_some_and(|v| Check::Gs1.holds(v))),
            Proof::Date => Some(is_day(value)),
        }
    }
}

fn is_day(value: &str) -> bool {
    let two = |at: usize| value.get(at..at + 2).and_then(|v| v.parse::<u8>().ok());
    matches!((two(2), two(4)), (Some(1..=12), Some(0..=31)))
}

/// GS1's character set 82: what a value may hold.
fn is_of_82(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!\"%&'()*+,-./:;<=>?_".contains(&b)
}

fn ai_of(text: &str) -> Option<(&'static Ai, usize)> {
    AIS.iter().find_map(|ai| Some((ai, ai.leads(text)?)))
}

/// One element of a string.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[schema(as = ScanElement)]
pub struct Element {
    /// The application identifier.
    pub ai: String,
    /// What it says.
    pub title: String,
    /// Its value.
    pub value: String,
    /// Whether it proves right by its check digit or as a day; absent when nothing in it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<bool>,
}

impl Element {
    fn new(ai: &Ai, code: &str, value: &str) -> Self {
        Self {
            ai: code.to_owned(),
            title: ai.title.to_owned(),
            value: value.to_owned(),
            holds: ai.proves(value),
        }
    }
}

/// The elements of `text` as they stand, after an AIM identifier that says so or a leading separator; also written out
/// for people, `(00)340123450000000017`.
///
/// # Errors
/// Where and why it can't be read.
pub fn parse(text: &str) -> Result<Vec<Element>, String> {
    let text = text.trim_matches(GS);
    if text.starts_with('(') {
        return bracketed(text);
    }
    let (mut out, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let begun = text.len() - rest.len();
        let Some((ai, code)) = ai_of(rest) else {
            return Err(format!(
                "at character {} stands no application identifier that is known here",
                begun + 1
            ));
        };
        let (name, after) = rest.split_at(code);
        let end = match after.find(GS) {
            Some(at) => at.min(ai.most),
            None => after.len().min(ai.most),
        };
        let Some(value) = after.get(..end).filter(|v| ai.admits(v)) else {
            return Err(format!("({name}) {} is cut short or holds what it may not", ai.title));
        };
        out.push(Element::new(ai, name, value));
        rest = &after[end..];
        match rest.strip_prefix(GS) {
            Some(next) => rest = next,
            // A variable element that is full needs no separator only when it is the last.
            None if ai.least != ai.most && !rest.is_empty() => {
                return Err(format!("({name}) {} is longer than {} characters", ai.title, ai.most));
            }
            None => {}
        }
    }
    if out.is_empty() { Err("no elements".to_owned()) } else { Ok(out) }
}

fn bracketed(text: &str) -> Result<Vec<Element>, String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(inner) = rest.strip_prefix('(') {
        let (name, after) = inner.split_once(')').ok_or("a bracket is not closed")?;
        let known = ai_of(name).filter(|(_, len)| *len == name.len());
        let (ai, _) =
            known.ok_or_else(|| format!("({name}) is no application identifier that is known here"))?;
        let end = after.match_indices('(').map(|(at, _)| at).find(|at| looks_like_ai(&after[*at..]));
        let (value, next) = after.split_at(end.unwrap_or(after.len()));
        let value = value.trim_matches(|c: char| c == GS || c == ' ');
        if !ai.admits(value) {
            return Err(format!("({name}) {} is cut short or holds what it may not", ai.title));
        }
        out.push(Element::new(ai, name, value));
        rest = next;
    }
    if out.is_empty() { Err("no elements".to_owned()) } else { Ok(out) }
}

fn looks_like_ai(text: &str) -> bool {
    let name = text[1..].split(')').next().unwrap_or_default();
    (2..=4).contains(&name.len()) && ai_of(name).is_some_and(|(_, len)| len == name.len())
}

/// The elements of `text` if its separators were lost: of all ways to cut it the one in which most elements prove
/// right, and of these the one with the fewest. None when nothing in it would prove that it was cut in the right place.
#[must_use]
pub fn guess(text: &str) -> Option<Vec<Element>> {
    if text.is_empty() || text.len() > MAX_GUESSED || !text.is_ascii() {
        return None;
    }
    // From the end: the best way to cut what begins at each place, as (proofs, elements, where the first ends).
    let mut best: Vec<Option<(usize, usize, usize)>> = vec![None; text.len() + 1];
    best[text.len()] = Some((0, 0, 0));
    for at in (0..text.len()).rev() {
        let Some((ai, code)) = ai_of(&text[at..]) else { continue };
        let from = at + code;
        let may = text[from..].bytes().take(ai.most).take_while(|b| ai.holds_byte(*b)).count();
        for end in from + ai.least..=from + may {
            let value = &text[from..end];
            let Some((proofs, elements, _)) = best[end] else { continue };
            let proofs = match ai.proves(value) {
                Some(false) => continue,
                Some(true) if ai.proof != Proof::Date => proofs + 1,
                Some(true) | None => proofs,
            };
            let better = best[at].is_none_or(|(p, e, _)| (proofs, e) > (p, elements + 1));
            if better {
                best[at] = Some((proofs, elements + 1, end));
            }
        }
    }
    best[0].filter(|(proofs, _, _)| *proofs > 0)?;
    let (mut out, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let (_, _, end) = best[at]?;
        let (ai, code) = ai_of(&text[at..])?;
        out.push(Element::new(ai, &text[at..at + code], &text[at + code..end]));
        at = end;
    }
    Some(out)
}

/// `text` with every stand-in for the separator put right: written-out names of it, the picture of it, and characters that
/// no value may hold. None when there was none.
#[must_use]
pub fn with_separators(text: &str) -> Option<String> {
    const NAMES: [&str; 6] = ["<GS>", "{GS}", "[GS]", "\\x1d", "\\u001d", "\u{241d}"];
    const STAND_INS: &str = "|~^#@{}[]\\`$\u{1c}\u{1e}";
    let mut mended = text.to_owned();
    for name in NAMES {
        mended = mended.replace(name, "\u{1d}");
    }
    mended = mended.chars().map(|c| if STAND_INS.contains(c) { GS } else { c }).collect();
    (mended != text).then_some(mended)
}

/// The elements in the path of a GS1 Digital Link, `https://id.gs1.org/00/340123450000000017`.
#[must_use]
pub fn digital_link(url: &str) -> Option<Vec<Element>> {
    let path = url.split_once("://")?.1.split(['?', '#']).next()?;
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let pairs = segments.windows(2).position(|w| pair(w[0], w[1]).is_some_and(|e| e.holds == Some(true)))?;
    let elements: Option<Vec<Element>> =
        segments[pairs..].chunks_exact(2).map(|w| pair(w[0], w[1])).collect();
    elements.filter(|e| !e.is_empty())
}

fn pair(name: &str, value: &str) -> Option<Element> {
    let (ai, _) = ai_of(name).filter(|(_, len)| *len == name.len())?;
    ai.admits(value).then(|| Element::new(ai, name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    fn told(elements: &[Element]) -> String {
        elements.iter().map(|e| format!("({}){}", e.ai, e.value)).collect()
    }

    #[test]
    fn the_scanner_s_identifier_is_taken_off_and_understood() {
        let (symbol, rest) = aim("]C100340123450000000017");
        assert_eq!((symbol.map(|s| s.name), rest), (Some("GS1-128"), "00340123450000000017"));
        assert_eq!(aim("]X9abc"), (None, "abc"));
        assert_eq!(aim("]C1"), (None, "]C1"));
        assert_eq!(aim("RB123456785GB"), (None, "RB123456785GB"));
    }

    #[test]
    fn fixed_and_variable_elements_are_read() {
        let cases = [
            ("00340123450000000017", "(00)340123450000000017"),
            ("010950600013435217261231", "(01)09506000134352(17)261231"),
            ("10LOT7\u{1d}00340123450000000017", "(10)LOT7(00)340123450000000017"),
            ("\u{1d}0200614141123452\u{1d}3724", "(02)00614141123452(37)24"),
            ("3302001250", "(3302)001250"),
            ("(00)340123450000000017(10)A(1)", "(00)340123450000000017(10)A(1)"),
            ("4010614141X\u{1d}420SW1A1AA", "(401)0614141X(420)SW1A1AA"),
            ("4140614141000012254A1", "(414)0614141000012(254)A1"),
        ];
        for (text, says) in cases {
            let read = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(told(&read), says, "{text}");
            assert!(read.iter().all(|e| e.holds != Some(false) || e.ai == "01"), "{text}");
        }
        for text in [
            "",
            "0034012345",
            "5512345",
            "00(",
            "(00)34",
            "(55)1",
            "(00",
            "02006141411234523",
            "10€",
            "37123456789",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let broken = parse("00340123450000000010").unwrap();
        assert_eq!(broken[0].holds, Some(false));
        assert_eq!(parse("11261331").unwrap()[0].holds, Some(false));
    }

    #[test]
    fn a_lost_separator_is_found_where_check_digits_speak_for_it() {
        let cases = [
            ("10LOT700340123450000000017", "(10)LOT7(00)340123450000000017"),
            ("400ORDER1200340123450000000017", "(400)ORDER12(00)340123450000000017"),
            ("0200614141123452372400340123450000000017", "(02)00614141123452(37)24(00)340123450000000017"),
        ];
        for (text, says) in cases {
            assert_eq!(guess(text).map(|e| told(&e)).as_deref(), Some(says));
        }
        for text in ["", "10LOT700340123450000000010", "RB123456785GB", "10LOT7", "é"] {
            assert_eq!(guess(text), None, "{text}");
        }
        assert_eq!(guess(&format!("00340123450000000017{}", "9".repeat(MAX_GUESSED))), None);
    }

    #[test]
    fn a_replaced_separator_is_put_back() {
        for text in ["10L<GS>37024", "10L|37024", "10L\u{241d}37024", "10L^37024"] {
            let mended = with_separators(text).unwrap();
            assert_eq!(told(&parse(&mended).unwrap()), "(10)L(37)024", "{text}");
        }
        assert_eq!(with_separators("10L"), None);
    }

    #[test]
    fn a_digital_link_is_read() {
        let read = |url| digital_link(url).map(|e| told(&e));
        assert_eq!(
            read("https://id.gs1.org/00/340123450000000017").as_deref(),
            Some("(00)340123450000000017")
        );
        assert_eq!(read("https://x.example/a/01/09506000134353/21/7?x=1"), None, "a wrong check digit");
        assert_eq!(
            read("https://x.example/a/01/04006381333931/21/7?x=1").as_deref(),
            Some("(01)04006381333931(21)7")
        );
        assert_eq!(read("https://depot/p/1"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in any::<String>(), digits in "[0-9\u{1d}()]{0,60}", url in "https://[a-z0-9/?#é]{0,30}") {
            for text in [&text, &digits, &url] {
                let _ = (aim(text), parse(text), guess(text), with_separators(text), digital_link(text));
            }
        }

        #[test]
        fn what_is_written_is_read_back(serial in "[0-9A-Z]{1,20}", count in "[0-9]{1,8}", body in "[0-9]{17}") {
            let sscc = (0..10).map(|c| format!("{body}{c}")).find(|n| Check::Gs1.holds(n)).unwrap();
            let read = parse(&format!("10{serial}\u{1d}37{count}\u{1d}00{sscc}")).unwrap();
            prop_assert_eq!(told(&read), format!("(10){serial}(37){count}(00){sscc}"));
            let guessed = guess(&format!("10{serial}00{sscc}")).unwrap();
            prop_assert!(guessed.iter().all(|e| e.holds != Some(false)));
            prop_assert!(guessed.iter().any(|e| e.holds == Some(true)));
        }
    }
}
