//! The form of a carrier's numbers: `#` is a digit, `@` a letter, `?` either, `*` at the end any rest; everything else is
//! itself. Blanks don't count and letters are capitals, as everywhere in numbers.

/// Bytes of a mask.
pub const MAX_MASK: usize = 64;

/// Whether `number` has the form `mask`.
#[must_use]
pub fn fits(mask: &str, number: &str) -> bool {
    let number = crate::parcels::service::normal(number);
    let (mask, open) = match mask.strip_suffix('*') {
        Some(front) => (front, true),
        None => (mask, false),
    };
    let mut rest = number.chars();
    for wanted in mask.chars() {
        let Some(c) = rest.next() else { return false };
        let fits = match wanted {
            '#' => c.is_ascii_digit(),
            '@' => c.is_ascii_uppercase(),
            '?' => c.is_ascii_alphanumeric(),
            exact => c == exact.to_ascii_uppercase(),
        };
        if !fits {
            return false;
        }
    }
    open || rest.next().is_none()
}

/// What is wrong with `mask`.
#[must_use]
pub fn problem(mask: &str) -> Option<String> {
    if mask.trim().is_empty() || mask.len() > MAX_MASK {
        return Some(format!("must have 1 to {MAX_MASK} characters"));
    }
    let star_inside = mask.find('*').is_some_and(|at| at + 1 < mask.len());
    if star_inside || mask.chars().any(char::is_whitespace) || !mask.is_ascii() {
        return Some("is no form of a number: # digit, @ letter, ? either, * at the end for any rest".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_says_the_form_of_a_number() {
        assert!(fits("@@#########NL", "rr 123456785 nl") && !fits("@@#########NL", "RR123456785NLX"));
        assert!(fits("1Z*", "1z") && fits("1Z*", "1Z999AA10123456784") && !fits("1Z*", "1"));
        assert!(fits("??-#", "A7-1") && !fits("##", "1") && !fits("@", "1") && fits("*", ""));
        assert!(problem("\u{e9}").is_some() && problem("*").is_none());
        assert!(problem("1Z*").is_none() && problem("").is_some() && problem("a*b").is_some());
        assert!(problem(&"#".repeat(MAX_MASK)).is_none() && problem(&"#".repeat(MAX_MASK + 1)).is_some());
    }
}
