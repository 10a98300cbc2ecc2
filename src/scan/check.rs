//! Check digits: telling a mistyped number from a real one without asking anybody. Pure, and of any input.
//!
//! Every function takes the number with its check character last, in capitals and without blanks, and says whether it
//! holds; text that is no such number at all does not hold. Sources: UPU S10, GS1 General Specifications (modulo 10),
//! ISO 6346, IATA resolution 600a (modulo 7), ISO/IEC 7064 (MOD 37,36), ISO/IEC 7812 (Luhn), and the carriers' own rules.

use crate::parcels::numbers::is_s10;

/// How a number proves that it was not mistyped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It does not.
    None,
    /// Modulo 10 with the weights 3 and 1 from the right: GS1, USPS, FedEx Ground, Canada Post.
    Gs1,
    /// The same, computed as if `91` stood before the number: older USPS service codes.
    Gs1After91,
    /// Modulo 10 with doubled digits, each product reduced to one digit.
    Luhn,
    /// The weights 1, 3, 7 from the right, modulo 11 and then 10: FedEx Express.
    FedEx,
    /// Modulo 10, every second place doubled, letters as digits: UPS, OnTrac.
    Ups,
    /// The number before the check digit modulo 7: air waybills, DHL Express.
    Mod7,
    /// Modulo 11 of a postal item, country included.
    S10,
    /// Modulo 11 of a freight container.
    Iso6346,
    /// MOD 37,36 over digits and letters: DPD.
    Mod37,
}

impl Check {
    /// Whether `number` holds.
    #[must_use]
    pub fn holds(self, number: &str) -> bool {
        let bytes = number.as_bytes();
        match self {
            Self::None => true,
            Self::Gs1 => gs1(bytes),
            Self::Gs1After91 => gs1(&[b"91", bytes].concat()),
            Self::Luhn => luhn(bytes),
            Self::FedEx => fedex(bytes),
            Self::Ups => ups(bytes),
            Self::Mod7 => mod7(bytes),
            Self::S10 => is_s10(number),
            Self::Iso6346 => iso6346(bytes),
            Self::Mod37 => mod37(bytes),
        }
    }

    /// How unlikely it is that a wrong number holds, in bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Mod7 => 3,
            Self::Gs1 | Self::Gs1After91 | Self::Luhn | Self::FedEx | Self::Ups | Self::Iso6346 => 4,
            // the digit, and a country of 676 pairs of letters
            Self::S10 => 5,
            Self::Mod37 => 6,
        }
    }

    /// What it is called, for a reader.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "no check digit",
            Self::Gs1 | Self::Gs1After91 => "modulo 10, weights 3 and 1",
            Self::Luhn => "modulo 10, Luhn",
            Self::FedEx => "weights 3, 1, 7, modulo 11",
            Self::Ups => "modulo 10, every second place doubled",
            Self::Mod7 => "modulo 7",
            Self::S10 => "modulo 11, S10",
            Self::Iso6346 => "modulo 11, ISO 6346",
            Self::Mod37 => "modulo 37,36",
        }
    }
}

/// The number before its check digit, from the right, and the check digit.
fn split(digits: &[u8]) -> Option<(impl Iterator<Item = u32>, u32)> {
    let (check, body) = digits.split_last()?;
    let all = !body.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all.then(|| (body.iter().rev().map(|d| u32::from(d - b'0')), u32::from(check - b'0')))
}

fn gs1(digits: &[u8]) -> bool {
    let sum = |body: &mut dyn Iterator<Item = u32>| -> u32 {
        body.zip([3, 1].into_iter().cycle()).map(|(d, w)| d * w).sum()
    };
    split(digits).is_some_and(|(mut body, check)| (sum(&mut body) + check) % 10 == 0)
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |(d, twice): (u32, bool)| if twice { d * 2 / 10 + d * 2 % 10 } else { d };
    split(digits).is_some_and(|(body, check)| {
        let sum: u32 = body.zip([true, false].into_iter().cycle()).map(doubled).sum();
        (sum + check).is_multiple_of(10)
    })
}

fn fedex(digits: &[u8]) -> bool {
    split(digits).is_some_and(|(body, check)| {
        let sum: u32 = body.zip([1, 3, 7].into_iter().cycle()).map(|(d, w)| d * w).sum();
        sum % 11 % 10 == check
    })
}

fn mod7(digits: &[u8]) -> bool {
    split(digits).is_some_and(|_| {
        let (body, check) = digits.split_at(digits.len() - 1);
        let rest = body.iter().fold(0, |rest, d| (rest * 10 + u32::from(d - b'0')) % 7);
        u32::from(check[0] - b'0') == rest
    })
}

/// Letters count (ASCII - 63) modulo 10; places are counted from the left, from 1, and the even ones doubled.
fn ups(number: &[u8]) -> bool {
    let value = |c: &u8| match c {
        b'0'..=b'9' => Some(u32::from(c - b'0')),
        b'A'..=b'Z' => Some(u32::from(c - 63) % 10),
        _ => None,
    };
    let Some((check, body)) = number.split_last() else { return false };
    let values: Option<Vec<u32>> = body.iter().map(value).collect();
    let Some(values) = values.filter(|v| !v.is_empty() && check.is_ascii_digit()) else { return false };
    let sum: u32 = values.iter().zip([1, 2].into_iter().cycle()).map(|(v, w)| v * w).sum();
    (sum + u32::from(check - b'0')).is_multiple_of(10)
}

/// What a letter of a container number counts: from A = 10 upwards without the multiples of 11.
fn container_value(c: u8) -> Option<u32> {
    match c {
        b'0'..=b'9' => Some(u32::from(c - b'0')),
        b'A'..=b'Z' => {
            let n = u32::from(c - b'A') + 10;
            Some(n + (n - 1) / 10)
        }
        _ => None,
    }
}

/// Four letters, the last of them U, J or Z, six digits and the check digit.
fn iso6346(number: &[u8]) -> bool {
    let shape = number.len() == 11
        && number[..3].iter().all(u8::is_ascii_uppercase)
        && matches!(number[3], b'U' | b'J' | b'Z')
        && number[4..].iter().all(u8::is_ascii_digit);
    let sum = |body: &[u8]| -> u32 {
        body.iter().enumerate().filter_map(|(i, c)| Some(container_value(*c)? << i)).sum()
    };
    shape && sum(&number[..10]) % 11 % 10 == u32::from(number[10] - b'0')
}

/// The hybrid system of ISO/IEC 7064 over digits and letters, check character included.
fn mod37(number: &[u8]) -> bool {
    let value = |c: &u8| match c {
        b'0'..=b'9' => Some(u32::from(c - b'0')),
        b'A'..=b'Z' => Some(u32::from(c - b'A') + 10),
        _ => None,
    };
    let values: Option<Vec<u32>> = number.iter().map(value).collect();
    let Some((check, body)) = values.as_deref().and_then(<[u32]>::split_last) else { return false };
    let product = body.iter().fold(36, |p, v| match (p + v) % 36 {
        0 => 36 * 2 % 37,
        sum => sum * 2 % 37,
    });
    !body.is_empty() && (product + check) % 36 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, proptest};

    fn judge(check: Check, good: &[&str], bad: &[&str]) {
        for number in good {
            assert!(check.holds(number), "{check:?} {number}");
        }
        for number in bad {
            assert!(!check.holds(number), "{check:?} {number}");
        }
    }

    #[test]
    fn postal_items_are_told_from_mistyped_ones() {
        judge(
            Check::S10,
            &["RA473124829US", "RB123456785GB", "EE987654326DE", "CP000000005SE", "RR000000080FR"],
            &["RB123456786US", "RA473124820US", "RB123456785XX"],
        );
    }

    #[test]
    fn gs1_numbers_are_told_from_mistyped_ones() {
        let good = [
            "340123450000000017",
            "006141411234567890",
            "106141410000000019",
            "4006381333931",
            "5901234123457",
            "00614141123452",
            "9506000111117",
            "0614141000012",
            "7350053850019",
        ];
        let bad = [
            "340123450000000010",
            "006141411234567891",
            "4006381333930",
            "5901234123475",
            "9506000111118",
            "0614141000021",
            "",
            "0",
            "x",
        ];
        judge(Check::Gs1, &good, &bad);
        judge(
            Check::Gs1,
            &["0073938000549297", "7035114477138472"],
            &["0073938000549292", "7035114477138471"],
        );
    }

    #[test]
    fn containers_are_told_from_mistyped_ones() {
        judge(
            Check::Iso6346,
            &["CSQU3054383", "MSKU9070323", "TGHU3075504", "XDKU0000040"],
            &["CSQU3054384", "MSKU9070332", "CSQX3054383", "CSQU305438", "CSQU30543833"],
        );
        let letters =
            [(b'A', 10), (b'B', 12), (b'C', 13), (b'K', 21), (b'L', 23), (b'U', 32), (b'V', 34), (b'Z', 38)];
        for (letter, value) in letters {
            assert_eq!(container_value(letter), Some(value), "{}", letter as char);
        }
    }

    #[test]
    fn air_waybills_are_told_from_mistyped_ones() {
        // The airline's prefix is no part of the sum.
        judge(Check::Mod7, &["12345675", "98765435", "00000011"], &["98765432", "12345678", "5", ""]);
        judge(Check::Mod7, &["3318810025", "73891051146", "8487135506"], &["3318810010", "3318810034"]);
    }

    #[test]
    fn ups_numbers_are_told_from_mistyped_ones() {
        let bare = |n: &'static str| &n[2..];
        judge(
            Check::Ups,
            &["1Z5R89390357567127", "1Z999AA10123456784", "1ZXX3150YW44070023"].map(bare),
            &["1Z999AA10123456785", "1Z12345E0205271688", "1Z", "1Z5", "1Z5R-9390357567127"].map(bare),
        );
    }

    #[test]
    fn the_other_carriers_numbers_are_told_from_mistyped_ones() {
        judge(Check::FedEx, &["986578788855", "477179081230", "799531274483"], &["996578788855", ""]);
        judge(Check::Luhn, &["287809468872", "77806528897", "79927398713"], &["287809468875", "07209562773"]);
        judge(
            Check::Mod37,
            &["09980000020033F", "008182709980000020033350276C"],
            &["09980000020033D", "008182709980000020033350276A", "F", ""],
        );
        judge(Check::Gs1After91, &["71969010756003077385"], &["71969010756003077386"]);
        assert!(Check::None.holds("anything"));
    }

    const ALL: [Check; 10] = [
        Check::None,
        Check::Gs1,
        Check::Gs1After91,
        Check::Luhn,
        Check::FedEx,
        Check::Ups,
        Check::Mod7,
        Check::S10,
        Check::Iso6346,
        Check::Mod37,
    ];

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in any::<String>(), plain in "[0-9A-Z]{0,40}") {
            for check in ALL {
                let _ = (check.holds(&text), check.holds(&plain));
            }
        }

        #[test]
        fn one_check_character_fits_a_body_and_one_wrong_digit_shows(body in "[0-9]{5,30}", at in 0usize..30, by in 1u8..10) {
            for check in [Check::Gs1, Check::Luhn, Check::Mod37] {
                let alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
                let fits: Vec<String> =
                    alphabet.chars().map(|c| format!("{body}{c}")).filter(|n| check.holds(n)).collect();
                prop_assert!(fits.len() == 1, "{check:?} {fits:?}");
                let mut wrong = fits[0].clone().into_bytes();
                let at = at % body.len();
                wrong[at] = b'0' + (wrong[at] - b'0' + by) % 10;
                prop_assert!(!check.holds(&String::from_utf8(wrong).unwrap()), "{check:?} {}", fits[0]);
            }
        }
    }
}
