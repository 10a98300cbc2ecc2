//! Numbers with a check digit: telling a mistyped number from a real one without asking anybody.

/// The weights of the eight digits of a postal item number (UPU S10).
const S10_WEIGHTS: [u32; 8] = [8, 6, 4, 2, 3, 5, 9, 7];

/// ISO 3166-1 alpha-2, as of 2026, two letters each; the last part of an S10 number is one of them.
const COUNTRIES: &str = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCN\
    COCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQ\
    IRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINL\
    NONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTR\
    TTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

/// The check digit of an S10 serial number: 11 minus the weighted sum modulo 11, where 10 is written 0 and 11 is
/// written 5. Only the last eight digits of `serial` count.
#[must_use]
pub fn s10_check_digit(serial: u32) -> u8 {
    let mut rest = serial % 100_000_000;
    let mut sum = 0;
    for weight in S10_WEIGHTS.iter().rev() {
        sum += rest % 10 * weight;
        rest /= 10;
    }
    match sum % 11 {
        0 => 5,
        1 => 0,
        // 2 to 10 leave 9 to 1
        r => u8::try_from(11 - r).unwrap_or(0),
    }
}

/// Whether `number` is a postal item number: two letters, eight digits, their check digit and a country of ISO
/// 3166-1, in capitals and without spaces.
#[must_use]
pub fn is_s10(number: &str) -> bool {
    let bytes = number.as_bytes();
    bytes.len() == 13
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..11].iter().all(u8::is_ascii_digit)
        && is_country(&bytes[11..])
        && number[2..10].parse().is_ok_and(|serial| s10_check_digit(serial) == bytes[10] - b'0')
}

/// The S10 number of `serial` (its last eight digits) in a service such as `RR`, posted in `country`.
#[must_use]
pub fn s10(service: &str, serial: u32, country: &str) -> String {
    format!("{service}{:08}{}{country}", serial % 100_000_000, s10_check_digit(serial))
}

/// Whether `code` is an ISO 3166-1 alpha-2 code, in capitals.
fn is_country(code: &[u8]) -> bool {
    COUNTRIES.as_bytes().chunks(2).any(|c| c == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn known_postal_numbers_are_told_from_mistyped_ones() {
        for good in ["RA473124829US", "RB123456785GB", "EE987654326DE", "CP000000005SE", "RR000000080FR"] {
            assert!(is_s10(good), "{good}");
        }
        for bad in [
            "RB123456786US",
            "RA473124820US",
            "RB123456785XX",
            "rb123456785GB",
            "RB12345678GB",
            "RB123456785G€",
            "",
        ] {
            assert!(!is_s10(bad), "{bad}");
        }
    }

    #[test]
    fn every_country_stands_once_and_in_order() {
        let codes: Vec<&[u8]> = COUNTRIES.as_bytes().chunks(2).collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.is_sorted_by(|a, b| a < b));
    }

    proptest! {
        #[test]
        fn a_made_number_is_valid_and_one_wrong_digit_never_is(serial in 0u32..100_000_000, at in 2usize..10, by in 1u8..10) {
            let number = s10("CX", serial, "NL");
            prop_assert!(is_s10(&number));
            let mut wrong = number.clone().into_bytes();
            wrong[at] = b'0' + (wrong[at] - b'0' + by) % 10;
            // The remainders 0 and 6 share the digit 5, so a slip between them goes unseen: the standard's own gap.
            let wrong = String::from_utf8(wrong).unwrap();
            let remainder = |n: &str| n[2..10].bytes().zip(S10_WEIGHTS).map(|(d, w)| u32::from(d - b'0') * w).sum::<u32>() % 11;
            let unseen = [remainder(&number), remainder(&wrong)];
            prop_assert_eq!(is_s10(&wrong), unseen == [0, 6] || unseen == [6, 0]);
        }
    }
}
