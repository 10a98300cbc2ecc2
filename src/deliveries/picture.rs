//! Pictures as a PDF takes them without decoding: JPEG as it is, PNG by its own compressed rows. What neither is goes along
//! in the archive alone.

/// A picture that can be laid into a PDF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// 1 is grey, 3 is red, green and blue, 4 is four inks.
    pub colours: u8,
    /// How its bytes are packed.
    pub packed: Packed,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// How a picture's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// JPEG.
    Jpeg,
    /// Deflated rows with PNG's predictors, 8 bits a colour.
    Png,
}

/// The picture that `bytes` are; none when it can't be taken as it is.
#[must_use]
pub fn of(bytes: Vec<u8>) -> Option<Picture> {
    if bytes.starts_with(&[0xff, 0xd8]) { jpeg(bytes) } else { png(&bytes) }
}

fn big(bytes: &[u8], at: usize, n: usize) -> Option<u32> {
    bytes.get(at..at + n).map(|b| b.iter().fold(0, |sum, b| (sum << 8) | u32::from(*b)))
}

/// Size and colours stand in the start-of-frame segment.
fn jpeg(bytes: Vec<u8>) -> Option<Picture> {
    let mut at = 2;
    loop {
        while *bytes.get(at)? == 0xff && *bytes.get(at + 1)? == 0xff {
            at += 1;
        }
        let (mark, kind) = (*bytes.get(at)?, *bytes.get(at + 1)?);
        if mark != 0xff {
            return None;
        }
        let is_frame = matches!(kind, 0xc0..=0xc2);
        if is_frame {
            let (height, width) = (big(&bytes, at + 5, 2)?, big(&bytes, at + 7, 2)?);
            let (depth, colours) = (*bytes.get(at + 4)?, *bytes.get(at + 9)?);
            let sound = depth == 8 && matches!(colours, 1 | 3 | 4) && width > 0 && height > 0;
            return sound.then_some(Picture { width, height, colours, packed: Packed::Jpeg, bytes });
        }
        // The pixels begin and no frame was announced, or it is one of the rare ways of packing.
        if kind == 0xda || matches!(kind, 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) {
            return None;
        }
        at += 2 + big(&bytes, at + 2, 2)? as usize;
    }
}

/// Rows of 8 bits a colour, neither interlaced nor with a palette or transparency.
fn png(bytes: &[u8]) -> Option<Picture> {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") || bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let (width, height) = (big(bytes, 16, 4)?, big(bytes, 20, 4)?);
    let colours = match bytes.get(24..29)? {
        [8, 0, 0, 0, 0] => 1,
        [8, 2, 0, 0, 0] => 3,
        _ => return None,
    };
    let (mut at, mut rows) = (8, Vec::new());
    loop {
        let length = big(bytes, at, 4)? as usize;
        let body = bytes.get(at + 8..(at + 8).checked_add(length)?)?;
        match bytes.get(at + 4..at + 8)? {
            b"IDAT" => rows.extend_from_slice(body),
            b"tRNS" => return None,
            b"IEND" => break,
            _ => {}
        }
        at += 12 + length;
    }
    let sound = width > 0 && height > 0 && !rows.is_empty();
    sound.then_some(Picture { width, height, colours, packed: Packed::Png, bytes: rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_tells_its_size_whatever_stands_before_it_and_a_cut_one_is_none() {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 17, 8, 0, 40, 0, 60, 3];
        let whole = of(bytes.clone()).unwrap();
        assert_eq!((whole.width, whole.height, whole.colours, whole.packed), (60, 40, 3, Packed::Jpeg));
        for cut in 2..bytes.len() {
            assert_eq!(of(bytes[..cut].to_vec()), None, "{cut}");
        }
        bytes[9] = 0xc3;
        assert_eq!(of(bytes), None, "a way of packing that readers don't know");
    }

    #[test]
    fn a_png_gives_its_rows_and_one_with_a_palette_or_cut_off_is_none() {
        let chunk = |name: &[u8], body: &[u8]| {
            [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], name, body, &[0; 4]].concat()
        };
        let file = |kind: u8| {
            let head = [&[0, 0, 0, 2, 0, 0, 0, 3, 8, kind, 0, 0, 0][..]].concat();
            let parts = [
                b"\x89PNG\r\n\x1a\n".to_vec(),
                chunk(b"IHDR", &head),
                chunk(b"IDAT", b"ab"),
                chunk(b"IDAT", b"cd"),
                chunk(b"IEND", b""),
            ];
            parts.concat()
        };
        let grey = of(file(0)).unwrap();
        assert_eq!((grey.width, grey.height, grey.colours, grey.bytes.as_slice()), (2, 3, 1, &b"abcd"[..]));
        assert_eq!(of(file(2)).unwrap().colours, 3);
        assert_eq!(of(file(3)), None);
        let whole = file(0);
        for cut in 0..whole.len() - 4 {
            assert_eq!(of(whole[..cut].to_vec()), None, "{cut}");
        }
    }
}
