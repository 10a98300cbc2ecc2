//! Numbers as people write them: with a decimal comma or a decimal point, with or without thousands.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// How one number can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Digits alone.
    Whole,
    /// Only with a decimal point: `1.5`, `1,234.50`, `0.123`.
    Point,
    /// Only with a decimal comma: `1,5`, `1.234,50`.
    Comma,
    /// Both ways: `1,234` and `1.234`.
    Either,
    /// Not at all.
    Bad,
}

/// How `text` can be read as a number.
#[must_use]
pub fn shape(text: &str) -> Shape {
    let (point, comma) = (plain(text, false), plain(text, true));
    match (point, comma) {
        (None, None) => Shape::Bad,
        (Some(_), None) => Shape::Point,
        (None, Some(_)) => Shape::Comma,
        (Some(a), Some(b)) if a == b => Shape::Whole,
        (Some(_), Some(_)) => Shape::Either,
    }
}

/// `text` as a plain decimal ("-1234.50"), read with a decimal comma or else a decimal point. The other sign may
/// part thousands, in threes. None when it is no number that way.
#[must_use]
pub fn plain(text: &str, comma: bool) -> Option<Cow<'_, str>> {
    let (decimal, group) = if comma { (',', '.') } else { ('.', ',') };
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, frac) = digits.split_once(decimal).unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && frac.is_empty() || !all_digits(frac) {
        return None;
    }
    let grouped = whole.contains(group);
    if grouped {
        let mut groups = whole.split(group);
        let first = groups.next().unwrap_or_default();
        // no one writes a leading zero before thousands: "0.123" is a fraction
        let leads = (1..=3).contains(&first.len()) && all_digits(first) && !first.starts_with('0');
        if !leads || !groups.all(|g| g.len() == 3 && all_digits(g)) {
            return None;
        }
    } else if !all_digits(whole) {
        return None;
    }
    if !(grouped || comma && digits.contains(decimal)) {
        return Some(Cow::Borrowed(text));
    }
    let plain = text.chars().filter(|c| *c != group);
    Some(plain.map(|c| if c == decimal { '.' } else { c }).collect::<String>().into())
}

/// How the numbers of one column are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberTally {
    /// Digits alone.
    pub whole: u64,
    /// Readable with a decimal point only.
    pub point: u64,
    /// Readable with a decimal comma only.
    pub comma: u64,
    /// Readable both ways.
    pub either: u64,
    /// Not readable.
    pub unreadable: u64,
}

impl NumberTally {
    /// Counts one value that is not blank.
    pub fn note(&mut self, text: &str) {
        let slot = match shape(text) {
            Shape::Whole => &mut self.whole,
            Shape::Point => &mut self.point,
            Shape::Comma => &mut self.comma,
            Shape::Either => &mut self.either,
            Shape::Bad => &mut self.unreadable,
        };
        *slot += 1;
    }

    /// What the values themselves say: true for a decimal comma. None when they say nothing or both.
    #[must_use]
    pub fn evidence(&self) -> Option<bool> {
        match (self.point, self.comma) {
            (0, 0) => None,
            (_, 0) => Some(false),
            (0, _) => Some(true),
            _ => None,
        }
    }

    /// Whether the column has a decimal comma: what all its values say, else what the saved mapping says, else
    /// what most values say, else `hint`.
    #[must_use]
    pub fn settle(&self, saved: Option<bool>, hint: bool) -> bool {
        self.evidence().or(saved).unwrap_or(match self.comma.cmp(&self.point) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => hint,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_the_way_their_column_writes_them() {
        for (text, comma, want) in [
            ("36,90", true, Some("36.90")),
            ("1.099,00", true, Some("1099.00")),
            ("-1,234,567.5", false, Some("-1234567.5")),
            ("650", true, Some("650")),
            ("650.0", false, Some("650.0")),
            (" .5 ", false, Some(".5")),
            ("36,90", false, None),
            ("1.09,00", true, None),
            ("1,2,3", false, None),
            ("12 kg", false, None),
            ("NaN", false, None),
            ("", false, None),
            ("-", false, None),
            (",", true, None),
            ("1e3", false, None),
        ] {
            assert_eq!(plain(text, comma).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn a_shape_says_which_readings_there_are() {
        for (text, want) in [
            ("650", Shape::Whole),
            ("9.5", Shape::Point),
            ("9,50", Shape::Comma),
            ("1.234", Shape::Either),
            ("1,234", Shape::Either),
            ("0.123", Shape::Point),
            ("1.234.567", Shape::Comma),
            ("1234.567", Shape::Point),
            ("x", Shape::Bad),
        ] {
            assert_eq!(shape(text), want, "{text}");
        }
    }

    #[test]
    fn what_all_values_say_beats_the_mapping_and_the_mapping_beats_the_majority() {
        let all_point = NumberTally { point: 3, either: 9, ..NumberTally::default() };
        assert!(!all_point.settle(Some(true), true));
        let mixed = NumberTally { point: 1, comma: 3, ..NumberTally::default() };
        assert!(mixed.settle(None, false));
        assert!(!mixed.settle(Some(false), true));
        assert!(NumberTally::default().settle(None, true));
    }
}
