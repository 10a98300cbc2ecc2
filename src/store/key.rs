//! Keys that sort as their parts do: big-endian integers, and strings ended so that a prefix sorts first.

/// The first key behind every key that begins with `prefix`; none when there is no such key.
#[must_use]
pub fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// Appends `bytes` so that it may be followed by more without disturbing the order: 00 becomes 00 FF.
pub fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    for &b in bytes {
        out.push(b);
        if b == 0 {
            out.push(0xff);
        }
    }
}

/// Appends `bytes`, escaped and ended with 00 00.
pub fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    escape(out, bytes);
    out.extend([0, 0]);
}

/// Takes an escaped, ended string off the front; returns it and what follows. None when it isn't one.
#[must_use]
pub fn split_text(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    loop {
        match (*bytes.get(at)?, bytes.get(at + 1)) {
            (0, Some(0)) => return Some((out, &bytes[at + 2..])),
            (0, Some(0xff)) => (out.push(0), at += 2).1,
            (0, _) => return None,
            (b, _) => (out.push(b), at += 1).1,
        }
    }
}

/// A key made of an ended string and what follows it.
#[must_use]
pub fn text_then(s: &str, rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len() + 2 + rest.len());
    text(&mut out, s.as_bytes());
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ended_strings_sort_as_the_strings_do(a: Vec<u8>, b: Vec<u8>, x: u8, y: u8) {
            let (mut ka, mut kb) = (Vec::new(), Vec::new());
            text(&mut ka, &a);
            text(&mut kb, &b);
            ka.push(x);
            kb.push(y);
            prop_assert_eq!(ka.cmp(&kb), (&a, x).cmp(&(&b, y)));
            prop_assert_eq!(split_text(&ka), Some((a, &[x][..])));
        }

        #[test]
        fn nothing_lies_between_a_prefix_and_its_successor(p: Vec<u8>, rest: Vec<u8>) {
            let mut k = p.clone();
            k.extend(rest);
            if let Some(end) = successor(&p) {
                prop_assert!(k < end && end > p);
            } else {
                prop_assert!(p.iter().all(|b| *b == 0xff));
            }
        }
    }
}
