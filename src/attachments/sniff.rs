//! What a file is, by its bytes; and what is refused: other types than those a desk needs, files that are two things at
//! once, archives that unpack to far more than they are. Reads a little at a time, never the whole file.

use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Bytes of a file's begin that are looked at.
const HEAD: usize = 4 * 1024;
/// Bytes of its end: an archive's directory ends within them.
const TAIL: u64 = 64 * 1024 + 22;
/// Entries of an archive.
pub const MAX_ENTRIES: u64 = 10_000;
/// Bytes of an archive's directory.
const MAX_DIRECTORY: u64 = 8 << 20;
/// Bytes an archive may unpack to.
pub const MAX_UNPACKED: u64 = 1 << 30;
/// How many times its size an archive may unpack to, once that is more than `SMALL`.
pub const MAX_RATIO: u64 = 100;
/// Archives that unpack to no more than this are not held to [`MAX_RATIO`].
const SMALL: u64 = 10 << 20;

/// A type of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
pub enum Media {
    Pdf,
    Png,
    Jpeg,
    Tiff,
    Text,
    Zip,
    Xlsx,
    Docx,
}

impl Media {
    /// Every type.
    pub const ALL: [Self; 8] =
        [Self::Pdf, Self::Png, Self::Jpeg, Self::Tiff, Self::Text, Self::Zip, Self::Xlsx, Self::Docx];

    /// Its media type.
    #[must_use]
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Tiff => "image/tiff",
            Self::Text => "text/plain; charset=utf-8",
            Self::Zip => "application/zip",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        }
    }

    /// Whether a browser may show it in place.
    #[must_use]
    pub const fn previews(self) -> bool {
        matches!(self, Self::Pdf | Self::Png | Self::Jpeg | Self::Text)
    }
}

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is none of the types a desk needs.
    #[error("the file is {0}; PDF, PNG, JPEG, TIFF, text, ZIP, XLSX and DOCX are taken")]
    Type(&'static str),
    /// It is one thing at its begin and another one at its end.
    #[error("the file is {0} and something else at once: save it anew")]
    Polyglot(&'static str),
    /// It ends before its end.
    #[error("the file is {0} that is cut off or damaged: send it again")]
    Damaged(&'static str),
    /// It unpacks to more than anybody wants.
    #[error("the archive {0}: take it apart and send what is needed")]
    Bomb(String),
    /// It can't be read.
    #[error("the file can't be read: {0}")]
    Io(#[from] io::Error),
}

type Result<T> = std::result::Result<T, Refused>;

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle))
}

/// What a browser would take for a page.
fn is_markup(bytes: &[u8]) -> bool {
    [&b"<script"[..], b"<html", b"<!doctype html", b"<svg", b"<?php", b"javascript:"]
        .iter()
        .any(|m| contains(bytes, m))
}

/// What `file` of `size` bytes is.
///
/// # Errors
/// Why it is refused.
pub fn judge<R: Read + Seek>(file: &mut R, size: u64) -> Result<Media> {
    if size == 0 {
        return Err(Refused::Empty);
    }
    let head = read_at(file, 0, HEAD as u64)?;
    let from = size.saturating_sub(TAIL);
    let tail = read_at(file, from, TAIL)?;
    let archive = find_end(&tail).map(|at| from + at as u64);
    let single = |what: &'static str, media: Media, whole: bool, markup: bool| {
        if archive.is_some()
            || (markup && is_markup(&head))
            || (media != Media::Pdf && contains(&tail, b"%PDF-"))
        {
            Err(Refused::Polyglot(what))
        } else if whole {
            Ok(media)
        } else {
            Err(Refused::Damaged(what))
        }
    };
    match &head[..] {
        [b'%', b'P', b'D', b'F', b'-', ..] => {
            let near = &tail[tail.len().saturating_sub(2_048)..];
            single("a PDF", Media::Pdf, contains(near, b"%%EOF"), false)
        }
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => {
            let ends = tail.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82");
            if !ends && contains(&tail, b"IEND") {
                return Err(Refused::Polyglot("a PNG"));
            }
            single("a PNG", Media::Png, ends, true)
        }
        [0xff, 0xd8, 0xff, ..] => {
            // Some cameras fill up with zeros.
            let end = tail.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
            single("a JPEG", Media::Jpeg, tail[..end].ends_with(&[0xff, 0xd9]), true)
        }
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => single("a TIFF", Media::Tiff, true, true),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => zip(file, &tail, archive, size),
        [b'M', b'Z', ..] | [0x7f, b'E', b'L', b'F', ..] | [b'#', b'!', ..] => Err(Refused::Type("a program")),
        [0x1f, 0x8b, ..] | [b'R', b'a', b'r', b'!', ..] | [b'7', b'z', 0xbc, 0xaf, ..] => {
            Err(Refused::Type("an archive of another kind"))
        }
        _ if archive.is_some() || contains(&head, b"%PDF-") => Err(Refused::Polyglot("no document")),
        _ => text(file),
    }
}

fn read_at<R: Read + Seek>(file: &mut R, at: u64, most: u64) -> Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the end of an archive's directory begins in `tail`: one whose comment reaches to the very end.
fn find_end(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(22)?;
    (0..=last).rev().find(|at| {
        let comment = usize::from(tail[at + 20]) | usize::from(tail[at + 21]) << 8;
        tail[*at..].starts_with(b"PK\x05\x06") && at + 22 + comment == tail.len()
    })
}

fn le(bytes: &[u8], at: usize, n: usize) -> u64 {
    bytes.iter().skip(at).take(n).rev().fold(0, |v, b| v << 8 | u64::from(*b))
}

/// Reads an archive's directory: the sizes it unpacks to, and what it is.
fn zip<R: Read + Seek>(file: &mut R, tail: &[u8], end: Option<u64>, size: u64) -> Result<Media> {
    let Some(end) = end else { return Err(Refused::Damaged("an archive")) };
    let e = &tail[usize::try_from(end - size.saturating_sub(TAIL)).unwrap_or(0)..];
    let (entries, length, begin) = (le(e, 10, 2), le(e, 12, 4), le(e, 16, 4));
    if entries == 0xffff || length == 0xffff_ffff || begin == 0xffff_ffff {
        return Err(Refused::Bomb("is larger than archives of documents are".into()));
    }
    if begin + length != end {
        return Err(Refused::Polyglot("an archive"));
    }
    if entries > MAX_ENTRIES || length > MAX_DIRECTORY {
        return Err(Refused::Bomb(format!("has {entries} entries; {MAX_ENTRIES} are taken")));
    }
    let directory = read_at(file, begin, length)?;
    let (mut at, mut packed, mut unpacked) = (0, 0_u64, 0_u64);
    let (mut sheet, mut letter, mut types) = (false, false, false);
    for _ in 0..entries {
        let entry = directory.get(at..at + 46).filter(|e| e.starts_with(b"PK\x01\x02"));
        let Some(entry) = entry else { return Err(Refused::Damaged("an archive")) };
        let (name, extra, comment) =
            (le(entry, 28, 2) as usize, le(entry, 30, 2) as usize, le(entry, 32, 2) as usize);
        packed = packed.saturating_add(le(entry, 20, 4));
        unpacked = unpacked.saturating_add(le(entry, 24, 4));
        let Some(name_bytes) = directory.get(at + 46..at + 46 + name) else {
            return Err(Refused::Damaged("an archive"));
        };
        if name_bytes.starts_with(b"/") || contains(name_bytes, b"..") || contains(name_bytes, b"\\") {
            return Err(Refused::Bomb("would unpack outside of its folder".into()));
        }
        sheet |= name_bytes.starts_with(b"xl/");
        letter |= name_bytes.starts_with(b"word/");
        types |= name_bytes == b"[Content_Types].xml";
        at += 46 + name + extra + comment;
    }
    // Entries that share their bytes add up to more than there is.
    if packed > size {
        return Err(Refused::Bomb("holds the same bytes under several names".into()));
    }
    if unpacked > MAX_UNPACKED || (unpacked > SMALL && unpacked > size.saturating_mul(MAX_RATIO)) {
        return Err(Refused::Bomb(format!("unpacks to {unpacked} bytes")));
    }
    Ok(match (types, sheet, letter) {
        (true, true, _) => Media::Xlsx,
        (true, _, true) => Media::Docx,
        _ => Media::Zip,
    })
}

/// Text has no control characters but those of lines, and nothing a browser would run.
fn text<R: Read + Seek>(file: &mut R) -> Result<Media> {
    const CHUNK: usize = 64 * 1024;
    const OVERLAP: usize = 16;
    file.seek(SeekFrom::Start(0))?;
    let mut kept: Vec<u8> = Vec::new();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        file.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            return Ok(Media::Text);
        }
        let odd =
            |b: &u8| (*b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | 0x03)) || *b == 0x7f;
        if chunk.iter().any(odd) {
            return Err(Refused::Type("of a type nobody here knows"));
        }
        kept.extend_from_slice(&chunk);
        if is_markup(&kept) {
            return Err(Refused::Type("a page for a browser"));
        }
        kept.drain(..kept.len().saturating_sub(OVERLAP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn judged(bytes: &[u8]) -> Result<Media> {
        judge(&mut Cursor::new(bytes), bytes.len() as u64)
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....\0\0\0\0IEND\xae\x42\x60\x82";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0....\xff\xd9";
    const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n";

    /// An archive of entries: name, packed size, unpacked size as its directory says.
    fn archive(entries: &[(&str, u32, u32)]) -> Vec<u8> {
        let (mut out, mut directory) = (b"PK\x03\x04".to_vec(), Vec::new());
        out.extend(vec![b'x'; 300]);
        for (name, packed, unpacked) in entries {
            let mut e = vec![0; 46];
            e[..4].copy_from_slice(b"PK\x01\x02");
            e[20..24].copy_from_slice(&packed.to_le_bytes());
            e[24..28].copy_from_slice(&unpacked.to_le_bytes());
            e[28..30].copy_from_slice(&(name.len() as u16).to_le_bytes());
            directory.extend(e);
            directory.extend(name.as_bytes());
        }
        let mut end = vec![0; 22];
        end[..4].copy_from_slice(b"PK\x05\x06");
        end[10..12].copy_from_slice(&(entries.len() as u16).to_le_bytes());
        end[12..16].copy_from_slice(&(directory.len() as u32).to_le_bytes());
        end[16..20].copy_from_slice(&(out.len() as u32).to_le_bytes());
        [out, directory, end].concat()
    }

    #[test]
    fn documents_are_known_by_their_bytes() {
        for (bytes, media) in [
            (PNG, Media::Png),
            (JPEG, Media::Jpeg),
            (PDF, Media::Pdf),
            (b"a;b\n1;2\n", Media::Text),
            (b"II*\0....", Media::Tiff),
        ] {
            assert_eq!(judged(bytes).unwrap(), media);
        }
        assert_eq!(judged(&archive(&[("a.txt", 10, 20)])).unwrap(), Media::Zip);
        let sheet = [("[Content_Types].xml", 10, 20), ("xl/workbook.xml", 10, 20)];
        assert_eq!(judged(&archive(&sheet)).unwrap(), Media::Xlsx);
        assert_eq!(judged("Grüße aus Köln".as_bytes()).unwrap(), Media::Text);
        assert_eq!(judged(b"Gr\xfc\xdfe").unwrap(), Media::Text, "an older encoding is text too");
    }

    #[test]
    fn other_types_are_refused_by_name() {
        for (bytes, part) in [
            (&b""[..], "empty"),
            (b"MZ\x90\0", "a program"),
            (b"#!/bin/sh\n", "a program"),
            (b"\x1f\x8b\x08", "another kind"),
            (b"<html><body>hi", "a page for a browser"),
            (b"a,b\n<ScRiPt>alert(1)</script>", "a page for a browser"),
            (b"\0\x01\x02", "nobody here knows"),
            (&PDF[..20], "cut off"),
            (&PNG[..12], "cut off"),
            (b"PK\x03\x04....", "cut off"),
        ] {
            let why = judged(bytes).unwrap_err().to_string();
            assert!(why.contains(part), "{why}");
        }
        let mut late = vec![b'a'; 64 * 1024 - 3];
        late.extend(b"<script>");
        assert!(judged(&late).is_err(), "it lies across two reads");
    }

    #[test]
    fn what_is_two_things_at_once_is_refused() {
        let zip = archive(&[("a.txt", 10, 20)]);
        let joined = |a: &[u8], b: &[u8]| [a, b].concat();
        for bytes in [
            joined(PNG, &zip),
            joined(JPEG, &zip),
            joined(PDF, &zip),
            joined(b"prefix ", &zip),
            joined(PNG, PDF),
            joined(b"GIF89a\n", PDF),
            joined(&PNG[..8], b"<script>alert(1)</script>\0\0\0\0IEND\xae\x42\x60\x82"),
        ] {
            let why = judged(&bytes).unwrap_err();
            assert!(matches!(why, Refused::Polyglot(_)), "{why}");
        }
        let mut shifted = b"PK\x03\x04 something before".to_vec();
        shifted.extend(&zip);
        assert!(matches!(judged(&shifted), Err(Refused::Polyglot(_))));
    }

    #[test]
    fn archives_that_unpack_to_far_more_than_they_are_are_refused() {
        let many: Vec<(String, u32, u32)> = (0..=MAX_ENTRIES).map(|n| (n.to_string(), 0, 1)).collect();
        let many: Vec<(&str, u32, u32)> = many.iter().map(|(n, a, b)| (n.as_str(), *a, *b)).collect();
        assert_eq!(judged(&archive(&many[..MAX_ENTRIES as usize])).unwrap(), Media::Zip);
        for (entries, part) in [
            (&many[..], "entries"),
            (&[("a", 10, 11 << 20)][..], "unpacks to"),
            (&[("a", 10, u32::MAX), ("b", 10, 1)], "unpacks to"),
            (&[("a", 300, 300), ("b", 300, 300)], "several names"),
            (&[("../../etc/passwd", 10, 10)], "outside"),
            (&[("/etc/passwd", 10, 10)], "outside"),
        ] {
            let why = judged(&archive(entries)).unwrap_err().to_string();
            assert!(why.contains(part), "{why}");
        }
        assert!(judged(&archive(&[("a", 10, 10 << 20)])).is_ok(), "what is small may be packed well");
    }

    proptest::proptest! {
        #[test]
        fn no_file_is_too_odd(bytes: Vec<u8>, start in 0usize..6) {
            let begin: &[u8] = [&b"%PDF-"[..], b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"PK\x03\x04", b"PK\x05\x06", b""][start];
            let _ = judged(&[begin, &bytes].concat());
            let _ = judged(&[begin, &bytes, b"PK\x05\x06", &bytes].concat());
        }
    }
}
