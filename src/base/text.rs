//! Limits on text that people and files hand in. Text is kept byte for byte; only its length is limited.

use super::error::Problem;

/// A short text: a name, a number, a code.
pub const SHORT: usize = 256;
/// A long text: a note, an address block.
pub const LONG: usize = 8 * 1024;

/// Checks that `text` has at most `max` bytes and isn't blank.
///
/// # Errors
/// Names the place, the limit and what was given.
pub fn required(pointer: &str, text: &str, max: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(pointer, "is needed and must not be blank"));
    }
    optional(pointer, text, max)
}

/// Checks that `text` has at most `max` bytes.
///
/// # Errors
/// Names the place and the limit.
pub fn optional(pointer: &str, text: &str, max: usize) -> Result<(), Problem> {
    if text.len() > max {
        return Err(Problem::new(pointer, format!("is {} bytes long; at most {max} are kept", text.len())));
    }
    Ok(())
}

/// `text` cut to at most `max` bytes, at a character's end: for words that are made here and must not be refused.
#[must_use]
pub fn clipped(mut text: String, max: usize) -> String {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clipped_text_ends_with_a_whole_character() {
        assert_eq!(clipped("Köln".into(), 5), "Köln");
        assert_eq!(clipped("Köln".into(), 4), "Köl");
        assert_eq!(clipped("Köln".into(), 2), "K");
        assert_eq!(clipped(String::new(), 0), "");
    }
}
