//! Money: whole minor units with their currency, never a float.

use serde::{Deserialize, Serialize};

/// An amount in minor units (cents) of an ISO 4217 currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Money {
    /// Minor units: cents for EUR, whole yen for JPY.
    pub minor: i64,
    /// Three letters, upper case.
    pub currency: String,
}

/// Digits after the decimal point that `currency` uses (ISO 4217; the list holds the exceptions to 2).
#[must_use]
pub fn decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Reads a plain decimal ("9.5", "-0.07", "1200") into minor units of `currency`, exactly.
///
/// # Errors
/// When it is no decimal number, has more digits than the currency, or is too large.
pub fn parse_minor(text: &str, currency: &str) -> Result<i64, String> {
    scaled(text, decimals(currency))
        .map_err(|why| format!("\"{text}\" is not an amount in {currency}: {why}"))
}

/// Reads a plain decimal as an integer of `10^-places`, exactly: `scaled("1.5", 3)` is 1500.
///
/// # Errors
/// A clause that says what is wrong with it.
pub fn scaled(text: &str, places: u32) -> Result<i64, &'static str> {
    let t = text.trim();
    let (neg, t) = t.strip_prefix('-').map_or((false, t.strip_prefix('+').unwrap_or(t)), |r| (true, r));
    let (whole, frac) = t.split_once('.').unwrap_or((t, ""));
    if whole.is_empty() && frac.is_empty() || !whole.bytes().chain(frac.bytes()).all(|b| b.is_ascii_digit()) {
        return Err("it is not a decimal number");
    }
    let frac = frac.trim_end_matches('0');
    if frac.len() > places as usize {
        return Err("it has too many digits after the point");
    }
    let mut n: i64 = 0;
    for b in whole.bytes().chain(frac.bytes()).chain(std::iter::repeat_n(b'0', places as usize - frac.len()))
    {
        n = n.checked_mul(10).and_then(|n| n.checked_add(i64::from(b - b'0'))).ok_or("it is too large")?;
    }
    Ok(if neg { -n } else { n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        assert_eq!(parse_minor("9.5", "BRL"), Ok(950));
        assert_eq!(parse_minor("299.99", "USD"), Ok(29_999));
        assert_eq!(parse_minor("-0.07", "EUR"), Ok(-7));
        assert_eq!(parse_minor("1200", "JPY"), Ok(1200));
        assert_eq!(parse_minor("1.230", "EUR"), Ok(123));
        for bad in ["", ".", "1,5", "1e3", "0.001", "99999999999999999999", "NaN", "--1"] {
            assert!(parse_minor(bad, "EUR").is_err(), "{bad}");
        }
    }
}
