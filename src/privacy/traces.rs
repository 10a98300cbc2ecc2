//! What lies about of a person beside their records: answers kept for repeated requests, mails and webhooks that wait,
//! notifications, files of imports. Each row and line that is theirs is gone through, and what was erased is overwritten with
//! stars, byte for byte, so that whatever the row is made of stays readable.
//!
//! A name may be anybody's. So a row is theirs when it holds what is theirs alone (a mail address, a telephone number, an
//! address, a signature) or names one of their records; only then their name is overwritten in it too.

use std::io::{self, Write};
use std::path::Path;

use super::model::Subject;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::jobs::queue::{self, JOBS};
use crate::jobs::rules::State as JobState;
use crate::journal::redaction::Found;
use crate::notify::{mail, sms};
use crate::places::model::normal;
use crate::store::table::Checked;
use crate::store::{Dir, Expect, Ix, KeyRange, Lane, ReadTx, Store, StoreError, Tenant, WriteTx};

/// Rows looked at in one read.
const AT_ONCE: usize = 500;
/// A mail address, number or address shorter than this is no sign of anybody.
const STRONG: usize = 6;
/// A shorter text is overwritten nowhere: it would be found in others' words.
const WEAK: usize = 3;
/// What is written over.
const STAR: u8 = b'*';

/// Tables that are gone through, by number. Rows of records with a timeline are folded anew instead, and all else holds
/// numbers, ids, and words of ours; a test knows the number of every table.
pub const SWEPT: &[u16] = &[
    9,   // answers kept for repeated requests
    23,  // codes nobody has mapped, with an example each
    24,  // scans that were answered
    30,  // cases: what a node derives of them by itself is in no change
    50,  // jobs, mails that wait among them
    51,  // names of jobs
    60,  // imports
    61,  // how files are read
    70,  // notifications
    71,  // alerts that wait
    113, // what an unloading missed
    120, // runs of status maps
    121, // bulk reports
    122, // what stays of an import that was taken back
    126, // carriers' messages
    131, // saved filters
    132, // saved reports
    133, // results of reports
    136, // alerts held for the night
    151, // requests of deliveries
    171, // messages to webhooks, with what was answered
    188, // status messages of air freight
    204, // what a route search was asked
    207, // addresses of earlier stops
    209, // travel times
    225, // services outside, with what they last said
    226, // texts that went another way, and why
    228, // rows of imports that wait to be handed back
];

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    strong: Vec<Vec<u8>>,
    weak: Vec<Vec<u8>>,
    keys: Vec<Vec<u8>>,
}

/// A text as it may be written: as it is, in JSON, in a page, in a cell, in small letters and capitals, as an address that is
/// looked up, and in files of Western Europe and of two bytes a character.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let json = serde_json::to_string(text).unwrap_or_default();
    let page = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let mut all = vec![
        text.as_bytes().to_vec(),
        json.trim_matches('"').as_bytes().to_vec(),
        page.into_bytes(),
        text.replace('"', "\"\"").into_bytes(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        text.to_lowercase().into_bytes(),
        text.to_uppercase().into_bytes(),
        normal(text).into_bytes(),
    ];
    all.extend(latin);
    all.retain(|form| form.len() >= WEAK);
    all.sort_unstable();
    all.dedup();
    all
}

fn is_strong(field: &str, text: &str) -> bool {
    text.len() >= STRONG
        && matches!(field, "email" | "phone" | "address" | "line" | "pickup" | "signature" | "n" | "licence")
}

impl Terms {
    /// What was found in records of a person, these, and their numbers.
    #[must_use]
    pub fn new(found: &Found, subjects: &[Subject], numbers: &[String]) -> Self {
        let mut terms = Self::default();
        for (field, text) in found.iter().filter(|(_, text)| text.len() >= WEAK) {
            let list = if is_strong(field, text) { &mut terms.strong } else { &mut terms.weak };
            list.extend(forms(text));
            // Gateways are given digits, however a number was written.
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            if field == "phone" && digits.len() >= STRONG {
                terms.strong.extend(forms(&digits));
            }
        }
        // Longer ones first: a name may be a part of an address.
        for list in [&mut terms.strong, &mut terms.weak] {
            list.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
            list.dedup();
        }
        for s in subjects {
            terms.keys.push(s.id.0.to_vec());
            terms.keys.push(s.id.to_string().into_bytes());
        }
        for number in numbers.iter().filter(|n| n.len() >= STRONG) {
            terms.keys.extend(forms(number));
        }
        terms
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.strong.is_empty() && self.weak.is_empty()
    }

    /// Whether something that is a person's alone is in it.
    #[must_use]
    pub fn names(&self, bytes: &[u8]) -> bool {
        self.strong.iter().any(|t| at(bytes, t, 0).is_some())
    }

    /// Whether it is of the person, and there is something to overwrite.
    #[must_use]
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        self.names(bytes)
            || (self.weak.iter().any(|t| at(bytes, t, 0).is_some())
                && self.keys.iter().any(|k| at(bytes, k, 0).is_some()))
    }

    /// The same bytes, overwritten.
    #[must_use]
    pub fn veiled(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for term in self.strong.iter().chain(&self.weak) {
            overwrite(&mut out, term, &mut |_| {});
        }
        out
    }

    /// A file, overwritten: what is theirs alone wherever it stands, their name in lines that are theirs. A cell may go over
    /// several lines, so each line that has a part of what is theirs alone is.
    #[must_use]
    pub fn veiled_lines(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
        for term in &self.strong {
            overwrite(&mut out, term, &mut |span| spans.push(span));
        }
        spans.sort_unstable_by_key(|span| span.start);
        let (mut from, mut next) = (0, 0);
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            let to = from + line.len();
            while spans.get(next).is_some_and(|span| span.end <= from) {
                next += 1;
            }
            if spans.get(next).is_some_and(|span| span.start < to) || self.are_in(line) {
                for term in &self.weak {
                    overwrite(&mut out[from..to], term, &mut |_| {});
                }
            }
            from = to;
        }
        out
    }
}

/// Overwrites every `term` in `out`; says where each was.
fn overwrite(out: &mut [u8], term: &[u8], seen: &mut dyn FnMut(std::ops::Range<usize>)) {
    let mut from = 0;
    while let Some(found) = at(out, term, from) {
        from = found + term.len();
        out[found..from].fill(STAR);
        seen(found..from);
    }
}

/// Where `term` is in `bytes`, from `from` on.
fn at(bytes: &[u8], term: &[u8], from: usize) -> Option<usize> {
    let first = *term.first()?;
    let mut from = from;
    while from + term.len() <= bytes.len() {
        let next = bytes[from..=bytes.len() - term.len()].iter().position(|b| *b == first)?;
        from += next;
        if bytes[from..].starts_with(term) {
            return Some(from);
        }
        from += 1;
    }
    None
}

type Hits = (Vec<Vec<u8>>, Option<Vec<u8>>);

fn hits(
    tx: &dyn ReadTx,
    table: &dyn Checked,
    terms: &Terms,
    after: Option<Vec<u8>>,
) -> Result<Hits, StoreError> {
    let mut found = Vec::new();
    let range = KeyRange::all().resume(after);
    let next = tx.visit(table.coll(), Ix::Primary, &range, Dir::Up, AT_ONCE, &mut |row| {
        let mut theirs = terms.names(row.pk);
        row.open(&mut |_, body| {
            theirs |= terms.are_in(body)
                || (terms.keys.iter().any(|k| at(row.pk, k, 0).is_some())
                    && terms.weak.iter().any(|t| at(body, t, 0).is_some()));
            Ok(())
        })?;
        if theirs {
            found.push(row.pk.to_vec());
        }
        Ok(())
    })?;
    Ok((found, next))
}

fn veil(
    tx: &mut dyn WriteTx,
    table: &dyn Checked,
    pk: &[u8],
    terms: &Terms,
    now: Timestamp,
) -> Result<(), StoreError> {
    // A mail or text to them that waits has nobody to go to any more.
    if table.coll().id == JOBS.coll.id
        && let Some(id) = Id::from_slice(pk)
        && let Some(job) = JOBS.get(tx, &id)?
        && [mail::SEND, sms::SEND].contains(&&*job.kind)
        && job.state == JobState::Scheduled
    {
        let cancelled = queue::cancel(tx, now, id, "an erasure");
        if let Err(e) = cancelled {
            tracing::warn!(error = %e, "a message to an erased person could not be cancelled");
        }
    }
    let Some(rec) = tx.get(table.coll(), pk)? else { return Ok(()) };
    // A key can't be overwritten; what is kept under one is there to be found by it.
    if terms.names(pk) {
        return tx.del(table.coll(), pk, Expect::Any).map(drop);
    }
    let body = terms.veiled(&rec.body);
    let keys = table.keys(&body)?;
    tx.put(table.coll(), pk, &body, &keys, Expect::Any).map(drop)
}

/// Goes through the tables; returns how many rows were theirs.
///
/// # Errors
/// Storage failures.
pub fn rows(
    store: &Store,
    tenant: Tenant,
    tables: fn() -> Vec<&'static dyn Checked>,
    terms: &Terms,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut n = 0;
    if terms.is_empty() {
        return Ok(n);
    }
    for table in tables().into_iter().filter(|t| SWEPT.contains(&t.coll().id)) {
        let mut after = None;
        loop {
            let (found, next) = store.read(tenant, |tx| hits(tx, table, terms, after.take()))?;
            n += found.len() as u64;
            for pk in found {
                let terms = terms.clone();
                let write = move |tx: &mut dyn WriteTx| veil(tx, table, &pk, &terms, now);
                store.write(tenant, Lane::Bulk, write).wait()?;
            }
            if next.is_none() {
                break;
            }
            after = next;
        }
    }
    Ok(n)
}

/// Goes through the files of imports, line by line; a spreadsheet that holds something of theirs is removed, since what was
/// made of it is kept beside. Returns how many files were changed.
///
/// # Errors
/// When a file can't be read or written.
pub fn files(folder: &Path, terms: &Terms) -> io::Result<u64> {
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    if terms.is_empty() {
        return Ok(0);
    }
    let mut n = 0;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "csv") && path.is_file() {
            n += u64::from(file(&path, terms)?);
        }
    }
    Ok(n)
}

fn file(path: &Path, terms: &Terms) -> io::Result<bool> {
    let bytes = std::fs::read(path)?;
    if bytes.starts_with(b"PK\x03\x04") {
        let sheet = path.with_extension("sheet.csv");
        // It was gone through before or is about to be; either way it says whether the sheet holds something of theirs.
        let theirs = std::fs::read(&sheet).is_ok_and(|b| terms.are_in(&b) || b.contains(&STAR));
        if theirs {
            std::fs::remove_file(path)?;
        }
        return Ok(theirs);
    }
    let veiled = terms.veiled_lines(&bytes);
    let changed = veiled != bytes;
    if changed {
        // Over the old bytes: a new file would leave them on the disk until something else is written there, and an import
        // that goes on has its place in this one.
        std::fs::OpenOptions::new().write(true).open(path)?.write_all(&veiled)?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> (Terms, Id) {
        let id = Id::fresh();
        let found = [
            ("name", "Zoë Quimby"),
            ("email", "zoe@quimby.example"),
            ("note", "ab"),
            ("phone", "12345"),
            ("phone", "+55 (11) 98-76"),
        ];
        let found: Found = found.iter().map(|(f, t)| ((*f).to_owned(), (*t).to_owned())).collect();
        let subject = Subject { kind: "parcel".into(), id, role: "recipient".into() };
        (Terms::new(&found, &[subject], &["AB1234567".to_owned(), "17".to_owned()]), id)
    }

    #[test]
    fn a_namesake_stays_and_the_person_goes() {
        let (t, id) = terms();
        assert!(!t.are_in("a parcel for Zoë Quimby".as_bytes()), "that may be another one");
        assert!(t.are_in(b"to ZOE@QUIMBY.EXAMPLE"));
        let theirs = format!("{id}: a parcel for Zoë Quimby, phone 12345");
        assert!(t.are_in(theirs.as_bytes()));
        let left = String::from_utf8(t.veiled(theirs.as_bytes())).unwrap();
        assert_eq!(left, format!("{id}: a parcel for ***********, phone *****"));
        assert_eq!(t.veiled(theirs.as_bytes()).len(), theirs.len());
        assert!(!t.are_in(b"ab ab ab"), "too short to be anybody's");
        assert!(t.are_in("AB1234567 goes to Zoë Quimby".as_bytes()), "the number of a parcel of theirs");
        assert!(!t.are_in("17 goes to Zoë Quimby".as_bytes()), "a number that many a thing has");
        let wide: Vec<u8> = "to zoe@quimby.example".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(t.are_in(b"sms to +55119876"), "digits alone");
        assert!(t.are_in(&wide) && !t.are_in(&t.veiled(&wide)));
        let latin: Vec<u8> = "zoe@quimby.example;Zoë Quimby".chars().map(|c| c as u32 as u8).collect();
        assert_eq!(t.veiled(&latin), b"******************;**********");
    }

    #[test]
    fn lines_of_others_in_a_file_stay_and_a_spreadsheet_of_theirs_goes() {
        let (t, _) = terms();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let csv = "number,name,mail\n1,Zoë Quimby,\n2,Zoë Quimby,zoe@quimby.example\n";
        std::fs::write(at("a.csv"), csv).unwrap();
        std::fs::write(at("b.csv"), b"PK\x03\x04rest").unwrap();
        std::fs::write(at("b.sheet.csv"), csv).unwrap();
        std::fs::write(at("c.csv"), b"PK\x03\x04rest").unwrap();
        assert_eq!(files(folder.path(), &t).unwrap(), 3);
        let left = std::fs::read_to_string(at("a.csv")).unwrap();
        assert_eq!(left, "number,name,mail\n1,Zoë Quimby,\n2,***********,******************\n");
        assert!(!at("b.csv").exists() && at("b.sheet.csv").exists() && at("c.csv").exists());
        assert_eq!(files(&at("nowhere"), &t).unwrap(), 0);
    }

    #[test]
    fn a_cell_over_two_lines_makes_both_theirs_and_no_line_of_others() {
        let found = [("name", "Zoë Quimby"), ("address", "Rua A 1\nback door")];
        let found: Found = found.iter().map(|(f, t)| ((*f).to_owned(), (*t).to_owned())).collect();
        let t = Terms::new(&found, &[], &[]);
        let file = "1,Zoë Quimby,x\n2,Zoë Quimby,\"Rua A 1\nback door\",Zoë Quimby\n3,Zoë Quimby,y\n";
        let left = String::from_utf8(t.veiled_lines(file.as_bytes())).unwrap();
        let stars = "*".repeat("Rua A 1\nback door".len());
        let expected = format!("1,Zoë Quimby,x\n2,***********,\"{stars}\",***********\n3,Zoë Quimby,y\n");
        assert_eq!(left, expected);
        assert_eq!(t.veiled_lines(left.as_bytes()), left.as_bytes());
    }

    #[test]
    fn every_place_of_a_term_is_found() {
        assert_eq!(at(b"aab", b"ab", 0), Some(1));
        assert_eq!(at(b"ab", b"ab", 1), None);
        assert_eq!(at(b"a", b"ab", 0), None);
        assert_eq!(at(b"xabab", b"ab", 2), Some(3));
    }
}
