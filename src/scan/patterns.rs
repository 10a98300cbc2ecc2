//! What numbers look like: one table of forms, each a pattern, the check digit that must hold and whose number it is.
//!
//! A pattern is read from left to right: `#` is a digit, `@` a letter, `*` either, `[ABC]` or `[0-8]` one of these, and
//! anything else itself. `{n}` repeats what stands before it n times, `{n,m}` n to m times, as often as it can. A check
//! digit closes the part in round brackets; the part in angle brackets is the number proper, that parcels are known by.
//! Without brackets both are the whole.

use std::sync::LazyLock;

use super::check::Check;

/// One form of a number.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Its stable code, `carrier.form`.
    pub code: &'static str,
    /// Whose numbers these are; empty when many use them.
    pub carrier: &'static str,
    /// Its name, for a reader.
    pub name: &'static str,
    /// The pattern.
    pub pattern: &'static str,
    /// How it proves itself.
    pub check: Check,
    /// Whether the shape alone gives it away, so that one with a wrong check digit is a mistyped one and not another's.
    pub telling: bool,
}

const fn form(
    code: &'static str,
    carrier: &'static str,
    name: &'static str,
    pattern: &'static str,
    check: Check,
) -> Form {
    Form { code, carrier, name, pattern, check, telling: false }
}

const fn telling(form: Form) -> Form {
    Form { telling: true, ..form }
}

/// Every form that is known, those of many carriers first. The carriers' patterns are facts as the carriers print them,
/// gathered by the MIT-licensed tracking_number_data project and written anew.
#[rustfmt::skip]
pub static FORMS: &[Form] = &[
    telling(form("upu.s10", "", "S10", "(@@#{9}@@)", Check::S10)),
    form("gs1.sscc", "", "SSCC", "(#{18})", Check::Gs1),
    form("gs1.sscc", "", "SSCC", "00<(#{18})>", Check::Gs1),
    form("gs1.gtin_14", "", "GTIN-14", "(#{14})", Check::Gs1),
    form("gs1.gtin_13", "", "GTIN-13", "(#{13})", Check::Gs1),
    form("gs1.gln", "", "GLN", "(#{13})", Check::Gs1),
    form("gs1.gtin_12", "", "GTIN-12", "(#{12})", Check::Gs1),
    form("gs1.gtin_8", "", "GTIN-8", "(#{8})", Check::Gs1),
    telling(form("iata.awb", "", "Air waybill", "###-(#{8})", Check::Mod7)),
    form("iata.awb", "", "Air waybill", "###(#{8})", Check::Mod7),
    telling(form("iso.6346", "", "Freight container", "(@{3}[UJZ]#{7})", Check::Iso6346)),
    form("iata.uld", "", "Air cargo unit", "[ADFGHJKLMNPQRSUVWXYZ]@{2}#{4}**", Check::None),
    form("iata.uld", "", "Air cargo unit", "[ADFGHJKLMNPQRSUVWXYZ]@{2}#{5}**", Check::None),

    telling(form("ups.1z", "ups", "UPS", "1Z(*{15}#)", Check::Ups)),
    form("ups.waybill", "ups", "UPS Waybill", "[AHJKTV](#{10})", Check::Ups),
    form("fedex.express_12", "fedex", "FedEx Express (12)", "(#{12})", Check::FedEx),
    form("fedex.express_34", "fedex", "FedEx Express (34)", "[0-8]#{19}<(#{14})>", Check::FedEx),
    form("fedex.astra_32", "fedex", "FedEx ASTRA (32)", "3#{15}<(#{12})>#{4}", Check::FedEx),
    form("fedex.ground", "fedex", "FedEx Ground", "(#{15})", Check::Gs1),
    form("fedex.ground_sscc", "fedex", "FedEx Ground (SSCC-18)", "0[0124](#{16})", Check::Gs1),
    form("fedex.ground_96", "fedex", "FedEx Ground 96 (22)", "96#{5}<(#{15})>", Check::Gs1),
    form("fedex.ground_gsn", "fedex", "FedEx Ground GSN", "96#{18}<(#{14})>", Check::FedEx),
    form("usps.20", "usps", "USPS 20", "(#{20})", Check::Gs1),
    form("usps.legacy", "usps", "USPS Legacy", "(#{20})", Check::Gs1After91),
    form("usps.legacy", "usps", "USPS Legacy", "(91#{20})", Check::Gs1),
    form("usps.legacy", "usps", "USPS Legacy", "420#{5}<(#{20})>", Check::Gs1After91),
    form("usps.legacy", "usps", "USPS Legacy", "420#{5}<(91#{20})>", Check::Gs1),
    form("usps.legacy", "usps", "USPS Legacy", "420#{9}<(#{20})>", Check::Gs1After91),
    form("usps.legacy", "usps", "USPS Legacy", "420#{9}<(91#{20})>", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "(92###9#{16})", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "(92###9#{20})", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "(93###[0-8]#{16})", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "(93###[0-8]#{20})", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "(95#{20})", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "(95#{24})", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "420#{5}<(92###9#{16})>", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "420#{5}<(92###9#{20})>", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "420#{5}<(93###[0-8]#{16})>", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "420#{5}<(93###[0-8]#{20})>", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "420#{5}<(95#{20})>", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "420#{5}<(95#{24})>", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "420#{9}<(92###9#{16})>", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "420#{9}<(93###[0-8]#{16})>", Check::Gs1),
    form("usps.impb_c", "usps", "USPS IMpb C", "420#{9}<(95#{20})>", Check::Gs1),
    form("usps.impb_n", "usps", "USPS IMpb N", "(94#{20})", Check::Gs1),
    form("usps.impb_n", "usps", "USPS IMpb N", "(94#{24})", Check::Gs1),
    form("usps.impb_n", "usps", "USPS IMpb N", "(94###9#{24})", Check::Gs1),
    form("usps.impb_n", "usps", "USPS IMpb N", "420#{5}<(94#{20})>", Check::Gs1),
    form("usps.impb_n", "usps", "USPS IMpb N", "420#{5}<(94#{24})>", Check::Gs1),
    form("usps.impb_n", "usps", "USPS IMpb N", "420#{9}<(94#{20})>", Check::Gs1),
    form("dhl.express", "dhl", "DHL Express", "(#{10})", Check::Mod7),
    form("dhl.express", "dhl", "DHL Express", "(#{11})", Check::Mod7),
    form("dhl.piece", "dhl", "DHL Express (Piece ID)", "JD#{9,18}", Check::None),
    form("dhl.piece", "dhl", "DHL Express (Piece ID)", "JJD#{9,18}", Check::None),
    form("dhl.piece", "dhl", "DHL Express (Piece ID)", "JVGL#{9,11}", Check::None),
    form("dhl.ecommerce", "dhl", "DHL E-Commerce", "GM*{10,39}", Check::None),
    form("canada_post.16", "canada_post", "Canada Post (16)", "(#{16})", Check::Gs1),
    form("canpar.22", "canpar", "Canpar (22)", "[CDKLSUXZ]#{21}", Check::None),
    form("dpd.28", "dpd", "DPD (28)", "(#{27}*)", Check::Mod37),
    form("dpd.28", "dpd", "DPD (28)", "%<(#{27}*)>", Check::Mod37),
    form("dpd.14", "dpd", "DPD (14)", "(#{14}*)", Check::Mod37),
    form("purolator.12", "purolator", "Purolator (12)", "([0-5]#{11})", Check::Luhn),
    form("purolator.alpha", "purolator", "Purolator (alpha + 9)", "@{3}#{9}", Check::None),
    form("old_dominion.pro", "old_dominion", "Old Dominion", "(77[78]#{8})", Check::Luhn),
    form("old_dominion.pro", "old_dominion", "Old Dominion", "(072#{8})", Check::Luhn),
    form("old_dominion.pro", "old_dominion", "Old Dominion", "(780#{8})", Check::Luhn),
    form("old_dominion.guaranteed", "old_dominion", "Old Dominion Guaranteed Shipment", "(80#{9})", Check::Luhn),
    form("ontrac.c", "ontrac", "OnTrac", "(C#{14})", Check::Ups),
    form("ontrac.d", "ontrac", "OnTrac D", "(D#{14})", Check::Ups),
    form("amazon.logistics", "amazon", "Amazon Logistics", "TB[ACM]#{12}", Check::None),
    form("amazon.international", "amazon", "Amazon International", "[AFC]#{10}", Check::None),
    form("gofo.us", "gofo", "GOFO Express (US)", "GFUS#{14}", Check::None),
    form("landmark.ltn", "landmark", "Landmark Global LTN", "LTN#{8}N1", Check::None),
    form("lasership.lx", "lasership", "LaserShip LX", "L[AIEHNX][1-3]#{7}", Check::None),
    form("lasership.1ls7_15", "lasership", "LaserShip 1LS7 (15)", "1LS7[12]#{10}", Check::None),
    form("lasership.1ls7_18", "lasership", "LaserShip 1LS7 (18)", "1LS7[12]##01[1-4]#{6}-1", Check::None),
    form("lasership.1lscx_15", "lasership", "LaserShip 1LSCX (15)", "1LSCX*{10}", Check::None),
    form("speedee.20", "speedee", "Spee-Dee (20)", "SP#{18}", Check::None),
    form("yodel.16", "yodel", "Yodel", "JD#{16}", Check::None),
    form("yodel.16", "yodel", "Yodel", "JJD#{16}", Check::None),
    form("yunexpress.16", "yunexpress", "YunExpress", "YT#{16}", Check::None),
];

/// Numbers that carriers print in their documentation and sandboxes although the check digit is wrong.
pub const TEST_NUMBERS: [&str; 1] = ["1Z12345E0205271688"];

/// What one form says of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The number proper.
    pub number: &'a str,
    /// Whether its check digit holds.
    pub holds: bool,
    /// How much the number says for this form, in tenths of a bit: what a random code of letters and digits that fits
    /// would have to guess.
    pub weight: u32,
}

impl Form {
    /// What this form says of `code`, which is in capitals and without blanks; none when it is of another shape.
    #[must_use]
    pub fn judge<'a>(&self, code: &'a str) -> Option<Match<'a>> {
        COMPILED.iter().find(|c| std::ptr::eq(c.form, self)).and_then(|c| c.judge(code))
    }
}

/// Every form that `code` has the shape of; `code` is in capitals and without blanks.
pub fn matches(code: &str) -> impl Iterator<Item = (&'static Form, Match<'_>)> {
    COMPILED.iter().filter_map(move |c| Some((c.form, c.judge(code)?)))
}

/// A set of ASCII characters.
type Set = u128;

const DIGITS: Set = 0x3ff << b'0';
const LETTERS: Set = 0x3ff_ffff << b'A';

struct Part {
    set: Set,
    least: usize,
    most: usize,
}

struct Compiled {
    form: &'static Form,
    parts: Vec<Part>,
    /// Where the part with the check digit begins and ends, counted in parts.
    checked: (usize, usize),
    /// The same of the number proper.
    proper: (usize, usize),
    least: usize,
    most: usize,
    weight: u32,
}

static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| FORMS.iter().map(compile).collect());

fn set(members: &str) -> Set {
    let mut chars = members.bytes().peekable();
    let mut set = 0;
    while let Some(first) = chars.next() {
        let mut last = first;
        if chars.next_if_eq(&b'-').is_some() {
            last = chars.next().unwrap_or(first);
        }
        (first..=last).for_each(|c| set |= 1 << (c & 127));
    }
    set
}

fn compile(form: &'static Form) -> Compiled {
    let mut parts: Vec<Part> = Vec::new();
    let (mut checked, mut proper, mut rest) = ((0, usize::MAX), (0, usize::MAX), form.pattern);
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        let inside = |close: char| rest.find(close).map_or("", |at| &rest[1..at]);
        match c {
            '(' => checked.0 = parts.len(),
            ')' => checked.1 = parts.len(),
            '<' => proper.0 = parts.len(),
            '>' => proper.1 = parts.len(),
            '{' => {
                let (least, most) = inside('}').split_once(',').unwrap_or((inside('}'), inside('}')));
                if let (Some(part), Ok(least), Ok(most)) = (parts.last_mut(), least.parse(), most.parse()) {
                    (part.least, part.most) = (least, most);
                }
                taken = inside('}').len() + 2;
            }
            _ => {
                let set = match c {
                    '#' => DIGITS,
                    '@' => LETTERS,
                    '*' => DIGITS | LETTERS,
                    '[' => {
                        taken = inside(']').len() + 2;
                        set(inside(']'))
                    }
                    plain => 1 << (plain as u32 & 127),
                };
                parts.push(Part { set, least: 1, most: 1 });
            }
        }
        rest = &rest[taken..];
    }
    let (least, most) = (parts.iter().map(|p| p.least).sum(), parts.iter().map(|p| p.most).sum());
    let guessed: f64 =
        parts.iter().map(|p| (36.0 / f64::from(p.set.count_ones())).log2().max(0.0) * p.least as f64).sum();
    let weight = (guessed * 10.0) as u32 + form.check.bits() * 10;
    Compiled { form, parts, checked, proper, least, most, weight }
}

impl Compiled {
    fn judge<'a>(&self, code: &'a str) -> Option<Match<'a>> {
        let bytes = code.as_bytes();
        if !(self.least..=self.most).contains(&bytes.len()) || !code.is_ascii() {
            return None;
        }
        // Where each part begins.
        let (mut begins, mut at) = (Vec::with_capacity(self.parts.len()), 0);
        for part in &self.parts {
            begins.push(at);
            let fits = |c: &&u8| part.set >> **c & 1 == 1;
            let here = bytes[at..].iter().take(part.most).take_while(fits).count();
            if here < part.least {
                return None;
            }
            at += here;
        }
        if at != bytes.len() {
            return None;
        }
        let place = |part: usize| begins.get(part).copied().unwrap_or(bytes.len());
        let between = |(from, to)| code.get(place(from)..place(to));
        let holds = self.form.check.holds(between(self.checked)?);
        Some(Match { number: between(self.proper)?, holds, weight: self.weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, proptest};
    use std::collections::BTreeSet;

    #[test]
    fn every_pattern_fits_what_it_says() {
        for form in FORMS {
            let compiled = compile(form);
            assert!(compiled.least > 4 && compiled.most <= 41, "{}", form.pattern);
            assert!(compiled.checked.0 < compiled.checked.1, "{}", form.pattern);
            assert!(compiled.proper.0 < compiled.proper.1, "{}", form.pattern);
            let loose = compiled.parts.iter().rposition(|p| p.least != p.most);
            assert!(
                loose.is_none_or(|at| at + 1 == compiled.parts.len()),
                "{} goes on after a loose part",
                form.pattern
            );
        }
        let mut names = BTreeSet::new();
        names.extend(FORMS.iter().map(|f| (f.code, f.name)));
        let codes: BTreeSet<&str> = FORMS.iter().map(|f| f.code).collect();
        assert_eq!(names.len(), codes.len(), "a code stands for two forms");
    }

    #[test]
    fn the_number_proper_is_what_the_carrier_is_asked_for() {
        let cases = [
            ("fedex.express_34", "1001901781990001000300617767839437", "00617767839437"),
            ("fedex.astra_32", "32971514560102447849175802862014", "784917580286"),
            ("fedex.ground_96", "9611020987654312345672", "987654312345672"),
            ("usps.impb_c", "420902459261290336128704042634", "9261290336128704042634"),
            ("iata.awb", "020-12345675", "020-12345675"),
            ("ups.1z", "1Z999AA10123456784", "1Z999AA10123456784"),
            ("upu.s10", "RB123456785GB", "RB123456785GB"),
        ];
        for (code, number, proper) in cases {
            let found: Vec<_> = matches(number).filter(|(f, m)| f.code == code && m.holds).collect();
            assert_eq!(found.first().map(|(_, m)| m.number), Some(proper), "{code}");
        }
    }

    #[test]
    fn more_said_weighs_more() {
        let weight = |code: &str, number: &str| {
            matches(number).find(|(f, _)| f.code == code).map(|(_, m)| m.weight).unwrap()
        };
        assert!(weight("upu.s10", "RB123456785GB") > weight("purolator.alpha", "ABC123456789"));
        assert!(weight("purolator.12", "287809468872") > weight("gs1.gtin_12", "287809468872"));
        assert!(weight("usps.impb_c", "9261290336128704042634") > weight("usps.20", "03071790000523483741"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in any::<String>(), plain in "[0-9A-Z%-]{0,45}") {
            for (_, m) in matches(&text).chain(matches(&plain)) {
                prop_assert!(text.contains(m.number) || plain.contains(m.number));
            }
        }
    }
}
