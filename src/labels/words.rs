//! Text as it fits on a label: cleaned of what is no text, wrapped at blanks, cut to its place.

/// `text` without what would be a command to a printer or turn the reading direction: control characters (a line break or
/// a tab is a blank), marks that override direction, and what no character is. Blanks at the ends and in rows go.
#[must_use]
pub fn clean(text: &str) -> String {
    let kept = text.chars().filter_map(|c| match c {
        '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        c if c.is_control() => None,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        '\u{feff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fff9}'..='\u{fffb}' => None,
        c if u32::from(c) & 0xfffe == 0xfffe => None,
        c => Some(c),
    });
    let kept: String = kept.collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// About how wide a letter is, in heights of the letters; rather too much, since what is too long would run over.
fn width(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'I' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.34,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'A'..='Z' | '&' => 0.72,
        ' '..='~' => 0.6,
        c if u32::from(c) < 0x1100 => 0.75,
        _ => 1.05,
    }
}

/// The beginning of `text` that is at most `most` letter heights wide.
#[must_use]
pub fn cut(text: &str, most: f64) -> String {
    let mut used = 0.0;
    let fits = |c: &char| {
        used += width(*c);
        used <= most
    };
    let kept: String = text.chars().take_while(fits).collect();
    kept.trim_end().to_owned()
}

/// `text` in lines that are at most `most` letter heights wide, broken at blanks where there are any.
#[must_use]
pub fn wrap(text: &str, most: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let fits = cut(rest, most);
        // A letter wider than the line stands there alone rather than never.
        let hard = fits.len().max(rest.chars().next().map_or(1, char::len_utf8));
        let at = match rest[hard..].chars().next() {
            None | Some(' ') => hard,
            Some(_) => rest[..hard].rfind(' ').unwrap_or(hard),
        };
        lines.push(rest[..at].trim_end().to_owned());
        rest = rest[at..].trim_start();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn what_is_no_text_goes_and_what_is_stays() {
        assert_eq!(clean(" a\tb\r\nc\u{0}\u{1b}[2J \u{202e}d\u{feff}\u{85}e "), "a b c[2J d e");
        assert_eq!(clean("Köln 東京 ^XA~JR_5E 😀"), "Köln 東京 ^XA~JR_5E 😀");
        assert_eq!(clean("\u{ffff}\u{fffe}\u{7f}\u{9b}"), "");
    }

    #[test]
    fn a_line_breaks_at_blanks_and_a_word_too_long_is_broken() {
        assert_eq!(wrap("Rua das Flores 12", 6.0), ["Rua das", "Flores 12"]);
        assert_eq!(wrap("aaaaaaaaaa", 3.0), ["aaaaa", "aaaaa"]);
        assert_eq!(wrap("東", 0.5), ["東"]);
        assert_eq!(wrap("  ", 5.0), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_but_blanks(text in "\\PC{0,60}", most in 0.5_f64..40.0) {
            let text = clean(&text);
            let lines = wrap(&text, most);
            prop_assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
            prop_assert!(text.starts_with(&cut(&text, most)));
        }
    }
}
