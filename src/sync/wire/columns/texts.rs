//! A column of texts: as they are, or as patterns and the numbers within them, where few patterns make up many texts
//! (street and house number, tracking numbers, postal codes).

use super::super::WireError;
use super::malformed;
use super::numbers::{self, Reader};

const AS_THEY_ARE: u8 = 0;
const PATTERNS: u8 = 1;

/// A number without leading zeros.
const NUMBER: u8 = 1;
/// Digits, as many as the next byte says.
const DIGITS: u8 = 2;
/// The longest run of digits that is a number.
const MOST_DIGITS: usize = 18;
/// Bits that a byte of text takes once all is packed, more or less.
const BITS_OF_TEXT: usize = 5;

/// A text without its numbers, and these.
fn taken_apart(text: &[u8]) -> (Vec<u8>, Vec<u64>) {
    let (mut pattern, mut found, mut at) = (Vec::with_capacity(text.len()), Vec::new(), 0);
    while at < text.len() {
        let run = text[at..].iter().take(MOST_DIGITS).take_while(|b| b.is_ascii_digit()).count();
        if run == 0 {
            pattern.push(text[at]);
            at += 1;
            continue;
        }
        let digits = &text[at..at + run];
        found.push(digits.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')));
        if digits[0] == b'0' && run > 1 {
            pattern.extend([DIGITS, run as u8]);
        } else {
            pattern.push(NUMBER);
        }
        at += run;
    }
    (pattern, found)
}

/// How many numbers a pattern asks for.
fn asked(pattern: &[u8]) -> Result<usize, WireError> {
    let (mut n, mut bytes) = (0, pattern.iter());
    while let Some(b) = bytes.next() {
        match *b {
            NUMBER => n += 1,
            DIGITS if bytes.next().is_some_and(|l| usize::from(*l) <= MOST_DIGITS) => n += 1,
            DIGITS => return Err(malformed("a pattern that ends too early")),
            _ => {}
        }
    }
    Ok(n)
}

/// The text of a pattern; `next` gives its numbers in order.
fn filled(pattern: &[u8], mut next: impl FnMut(usize) -> u64) -> Vec<u8> {
    let (mut text, mut n, mut bytes) = (Vec::with_capacity(pattern.len() + 8), 0, pattern.iter());
    while let Some(b) = bytes.next() {
        let width = match *b {
            NUMBER => 1,
            DIGITS => bytes.next().map_or(1, |l| usize::from(*l)),
            other => {
                text.push(other);
                continue;
            }
        };
        text.extend(format!("{:0width$}", next(n)).into_bytes());
        n += 1;
    }
    text
}

/// Writes a column; how long it is the reader knows.
pub fn put(out: &mut Vec<u8>, texts: &[&[u8]]) {
    if texts.is_empty() {
        return;
    }
    let plain = plain(texts);
    let shortest = match patterns(texts) {
        Some(other) if other.cost() < plain.cost() => other,
        _ => plain,
    };
    out.extend(shortest.bytes);
}

/// One way to write a column, and how much of it is text.
struct Way {
    bytes: Vec<u8>,
    text: usize,
}

impl Way {
    fn cost(&self) -> usize {
        8 * (self.bytes.len() - self.text) + BITS_OF_TEXT * self.text
    }
}

fn plain(texts: &[&[u8]]) -> Way {
    let mut bytes = vec![AS_THEY_ARE];
    let text = put_all(&mut bytes, texts);
    Way { bytes, text }
}

/// Texts one behind the other, their lengths before them; returns how much of it is text.
fn put_all<T: AsRef<[u8]>>(out: &mut Vec<u8>, texts: &[T]) -> usize {
    numbers::put(out, &texts.iter().map(|t| t.as_ref().len() as u64).collect::<Vec<_>>());
    texts.iter().for_each(|t| out.extend_from_slice(t.as_ref()));
    texts.iter().map(|t| t.as_ref().len()).sum()
}

fn patterns(texts: &[&[u8]]) -> Option<Way> {
    if texts.iter().any(|t| t.iter().any(|b| matches!(*b, NUMBER | DIGITS))) {
        return None;
    }
    let apart: Vec<_> = texts.iter().map(|t| taken_apart(t)).collect();
    let mut list: Vec<&[u8]> = apart.iter().map(|(p, _)| p.as_slice()).collect();
    list.sort_unstable();
    list.dedup();
    let places: Vec<u64> =
        apart.iter().map(|(p, _)| list.binary_search(&p.as_slice()).unwrap_or(0) as u64).collect();
    let mut bytes = vec![PATTERNS];
    numbers::varint(&mut bytes, list.len() as u64);
    let text = put_all(&mut bytes, &list);
    numbers::put(&mut bytes, &places);
    for (at, pattern) in (0_u64..).zip(&list) {
        for n in 0..asked(pattern).ok()? {
            let of_it = apart.iter().zip(&places).filter(|(_, place)| **place == at);
            numbers::put(&mut bytes, &of_it.map(|((_, found), _)| found[n]).collect::<Vec<_>>());
        }
    }
    Some(Way { bytes, text })
}

fn get_all(from: &mut Reader<'_>, n: usize, left: &mut usize) -> Result<Vec<Vec<u8>>, WireError> {
    let lengths = numbers::get(from, n)?;
    let mut all = Vec::with_capacity(n);
    for length in lengths {
        let length = usize::try_from(length).map_err(|_| malformed("a text that is too long"))?;
        all.push(spent(from.take(length)?.to_vec(), left)?);
    }
    Ok(all)
}

/// A text, counted against what may come out of a body.
fn spent(text: Vec<u8>, left: &mut usize) -> Result<Vec<u8>, WireError> {
    *left = left.checked_sub(text.len()).ok_or_else(|| malformed("more text than one push may hold"))?;
    Ok(text)
}

/// Reads a column of `n` texts, which take no more than `left` bytes.
pub fn get(from: &mut Reader<'_>, n: usize, left: &mut usize) -> Result<Vec<Vec<u8>>, WireError> {
    if n == 0 {
        return Ok(Vec::new());
    }
    match from.take(1)?[0] {
        AS_THEY_ARE => get_all(from, n, left),
        PATTERNS => {
            let count = from.length()?;
            if count == 0 || count > n {
                return Err(malformed("a list of patterns of a wrong length"));
            }
            let list = get_all(from, count, left)?;
            let places = numbers::get(from, n)?;
            let mut used = vec![0_usize; count];
            for place in &places {
                let place = usize::try_from(*place).ok().and_then(|p| used.get_mut(p));
                *place.ok_or_else(|| malformed("a pattern that isn't there"))? += 1;
            }
            // Every number becomes at least one byte of text: so there may be as many of them as there is room for text.
            let (mut found, mut room) = (Vec::with_capacity(count), *left);
            for (pattern, used) in list.iter().zip(&used) {
                let asked = asked(pattern)?;
                let held = used.checked_mul(asked).and_then(|all| room.checked_sub(all));
                room = held.ok_or_else(|| malformed("more text than one push may hold"))?;
                let columns = (0..asked).map(|_| numbers::get(from, *used));
                found.push(columns.collect::<Result<Vec<_>, _>>()?);
            }
            let mut next = vec![0_usize; count];
            let mut all = Vec::with_capacity(n);
            for place in places {
                let place = place as usize;
                let row = next[place];
                next[place] += 1;
                let text = filled(&list[place], |n| {
                    found[place].get(n).and_then(|c| c.get(row)).copied().unwrap_or(0)
                });
                all.push(spent(text, left)?);
            }
            Ok(all)
        }
        _ => Err(malformed("a way of writing texts that is not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(texts: &[&[u8]]) -> usize {
        let mut out = Vec::new();
        put(&mut out, texts);
        let mut from = Reader::new(&out);
        assert_eq!(get(&mut from, texts.len(), &mut usize::MAX.clone()).unwrap(), texts);
        from.end().unwrap();
        out.len()
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(texts in proptest::collection::vec("[a-c\u{1}\u{2}0-9]{0,30}", 0..60), some in proptest::collection::vec("(Rua|Weg) 0?[0-9]{1,30}", 0..60)) {
            for texts in [texts, some] {
                there_and_back(&texts.iter().map(String::as_bytes).collect::<Vec<_>>());
            }
        }

        #[test]
        fn rubbish_is_refused_or_read_but_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..100), n in 0_usize..500) {
            let _ = get(&mut Reader::new(&bytes), n, &mut 10_000);
        }
    }

    #[test]
    fn numbers_in_texts_cost_what_they_differ() {
        let orders: Vec<String> = (0..500).map(|n| format!("ORDER-{n}-2026")).collect();
        assert!(there_and_back(&orders.iter().map(String::as_bytes).collect::<Vec<_>>()) < 60);
        let zips: Vec<String> =
            (0..500).map(|n| format!("0{:04}-{:03}", n * 7919 % 10_000, n * 31 % 1000)).collect();
        assert!(there_and_back(&zips.iter().map(String::as_bytes).collect::<Vec<_>>()) < 500 * 26 / 8);
    }

    #[test]
    fn more_text_than_there_is_room_for_is_refused() {
        let mut out = Vec::new();
        put(&mut out, &[b"a street that is long, 7".as_slice(); 100]);
        assert!(out.len() < 60);
        let whole = 25 + 100 * 24;
        assert!(get(&mut Reader::new(&out), 100, &mut { whole }).is_ok());
        assert!(get(&mut Reader::new(&out), 100, &mut 2_000).is_err());
    }
}
