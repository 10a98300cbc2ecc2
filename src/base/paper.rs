//! What PDF documents share: letters of the font that every reader brings along.

/// `text` in Windows-1252, the letters of Helvetica as every reader has it; what it lacks stands as `?`.
#[must_use]
pub fn letters(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut one = [0; 4];
    for c in text.chars().filter(|c| !c.is_control()) {
        let (bytes, _, missing) = encoding_rs::WINDOWS_1252.encode(c.encode_utf8(&mut one));
        if missing { out.push(b'?') } else { out.extend_from_slice(&bytes) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_the_font_lacks_are_marked() {
        assert_eq!(letters("K\u{f6}ln \u{20ac} \u{6771}\u{1b}"), b"K\xf6ln \x80 ?");
    }
}
