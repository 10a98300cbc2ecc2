//! The catalogue holds every sentence of the sources in every language, and finds each again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::pattern::Part;
use super::*;

/// Sources whose sentences no clerk reads: what an operator reads on the command line or in the log, what depots and
/// headquarters say to each other, stored bytes that can't be read, texts that come with their own translations.
const ELSEWHERE: [&str; 26] = [
    "app",
    "audit/mod",
    "base/said",
    "cli",
    "config",
    "demo",
    "eta/",
    "freight/letters",
    "identity/private",
    "journal/",
    "logs",
    "main.rs",
    "notify/notices",
    "notify/templates",
    "notify/words",
    "operation/backups",
    "privacy/tombs",
    "routing/check",
    "store/",
    "sync/",
    "travel/roads",
    "web/control",
    "web/health",
    "web/openapi",
    "web/server",
    "web/tls",
];

/// What stands in front of a sentence that somebody will read.
const SPOKEN: [&str; 23] = [
    "#[error(",
    ".then(||",
    "::State(",
    "Err(",
    "Invalid::at(",
    "Problem::new(",
    "Refusal::new(",
    "Some(format!(",
    "let detail",
    "let mut detail",
    "let remedy",
    "let said",
    "let text",
    "let why",
    "let wrong",
    "map_err(",
    "notes.push(",
    "ok_or(",
    "ok_or_else(",
    "says(",
    "unless(",
    "warnings.push(",
    "wrong(",
];

/// Letters of the longest text that may be the same in two languages.
const SAME: usize = 12;

type Block = (&'static str, Vec<(&'static str, &'static str)>);

fn all() -> Vec<Block> {
    FILES.iter().flat_map(|f| blocks(f)).collect()
}

fn slots(text: &'static str) -> BTreeSet<&'static str> {
    let Pattern(parts) = Pattern::of(text);
    parts.iter().filter_map(|p| if let Part::Slot(name, _) = p { Some(*name) } else { None }).collect()
}

/// A sentence with something in each of its slots, as it is uttered and as it is to be read in a language.
fn uttered(text: &'static str, ours: &str) -> String {
    let Pattern(parts) = Pattern::of(text);
    let put = |part: &Part| match part {
        Part::Words(words) => (*words).to_owned(),
        Part::Slot(name, Form::Any) => format!("<{name}>"),
        Part::Slot(_, Form::Ours | Form::OursAlone) => ours.to_owned(),
    };
    parts.iter().map(put).collect()
}

#[test]
fn every_sentence_has_a_translation_into_every_language_that_says_as_much() {
    let mut seen = BTreeMap::new();
    for (english, others) in all() {
        let Pattern(parts) = Pattern::of(english);
        let adjacent = parts.windows(2).any(|two| matches!(two, [Part::Slot(..), Part::Slot(..)]));
        assert!(!adjacent, "nobody can tell where the first of two slots ends: {english}");
        let shape = uttered(english, "");
        assert_eq!(seen.insert(shape, english), None, "twice: {english}");
        let tags: Vec<_> = others.iter().map(|(tag, _)| *tag).collect();
        assert_eq!(tags, OTHERS, "{english}");
        for (tag, text) in others {
            assert!(!text.trim().is_empty() && text.trim() == text, "{tag} of {english}");
            // What only a program needs, such as a revision, may be left out.
            assert!(slots(text).is_subset(&slots(english)), "{tag} of {english}");
            let is_same = text == english && english.chars().filter(|c| c.is_alphabetic()).count() > SAME;
            assert!(!is_same, "{tag} of {english} is English");
        }
    }
    assert!(seen.len() > 1_000, "{}", seen.len());
}

#[test]
fn every_sentence_is_found_again_with_what_was_put_into_it() {
    let mut lost = Vec::new();
    for (english, others) in all() {
        for (tag, text) in others {
            let ours = said(tag, "role").unwrap();
            let Pattern(parts) = Pattern::of(english);
            let put = |name: &str| {
                let form = parts.iter().find_map(|p| match p {
                    Part::Slot(n, form) if *n == name => Some(*form),
                    _ => None,
                })?;
                Some(if form == Form::Any { format!("<{name}>") } else { ours.clone() })
            };
            let wanted = Pattern::of(text).fill(&put);
            let got = said(tag, &uttered(english, "role"));
            if got != wanted {
                lost.push(format!("{english}\n  {tag}: {got:?}"));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

/// The literals of a source without its comments and its tests: where each begins, and its text.
fn literals(code: &str) -> Vec<(usize, String)> {
    let bytes = code.as_bytes();
    let (mut at, mut out) = (0, Vec::new());
    while at < bytes.len() {
        match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += code[at..].find('\n').unwrap_or(code.len() - at);
            }
            b'r' if code[at + 1..].trim_start_matches('#').starts_with('"') => {
                let marks = code[at + 1..].find('"').unwrap();
                let end = format!("\"{}", "#".repeat(marks));
                let text = &code[at + marks + 2..];
                let length = text.find(&end).unwrap();
                out.push((at, text[..length].to_owned()));
                at += marks + 2 + length + end.len();
            }
            b'\'' => {
                let rest = &code[at + 1..];
                let quoted = if let Some(escaped) = rest.strip_prefix('\\') {
                    escaped.char_indices().skip(1).find(|(_, c)| *c == '\'').map(|(i, _)| i + 1)
                } else {
                    rest.char_indices().nth(1).filter(|(_, c)| *c == '\'').map(|(i, _)| i)
                };
                at += quoted.map_or(1, |n| n + 2);
            }
            b'"' => {
                let (begun, mut text) = (at, String::new());
                at += 1;
                while bytes[at] != b'"' {
                    if bytes[at] != b'\\' {
                        let c = code[at..].chars().next().unwrap();
                        text.push(c);
                        at += c.len_utf8();
                        continue;
                    }
                    match bytes[at + 1] {
                        b'n' => text.push('\n'),
                        b'u' => {
                            let end = at + code[at..].find('}').unwrap();
                            let digits = u32::from_str_radix(&code[at + 3..end], 16).unwrap();
                            text.push(char::from_u32(digits).unwrap());
                            at = end + 1;
                            continue;
                        }
                        b'\n' => {
                            let rest = code[at + 2..].trim_start();
                            at = code.len() - rest.len();
                            continue;
                        }
                        other => text.push(char::from(other)),
                    }
                    at += 2;
                }
                at += 1;
                out.push((begun, text));
            }
            _ => at += 1,
        }
    }
    out
}

/// Every literal of the sources that has words in it, with its file and what stands before it in its statement.
fn written() -> Vec<(String, String, String)> {
    fn walk(root: &Path, folder: &Path, out: &mut Vec<(String, String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, out);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            let is_source = name.ends_with(".rs") && !name.ends_with("tests.rs") && !name.contains("/tests/");
            if !is_source {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
            for (at, literal) in literals(code) {
                let mut from = at.saturating_sub(400);
                while !code.is_char_boundary(from) {
                    from += 1;
                }
                let before = &code[from..at];
                let ends = before.char_indices().zip(before.chars().skip(1));
                let begun = ends.filter(|((_, c), next)| ";{}".contains(*c) && next.is_whitespace()).last();
                let statement = begun.map_or(before, |((i, _), _)| &before[i + 1..]);
                out.push((name.clone(), statement.to_owned(), literal));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut out = Vec::new();
    walk(&root, &root, &mut out);
    out
}

/// A format string with `with` in each of its places.
fn filled(format: &str, with: &str) -> String {
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let doubled = rest[at..].starts_with("{{") || rest[at..].starts_with("}}");
        let next = if doubled {
            out.push_str(&rest[at..=at]);
            at + 2
        } else {
            out.push_str(with);
            rest[at..].find('}').map_or(rest.len(), |end| at + end + 1)
        };
        rest = &rest[next..];
    }
    out + rest
}

/// Whether a literal is something the house says to somebody.
fn is_spoken(file: &str, statement: &str, literal: &str) -> bool {
    let words = filled(literal, " ");
    let words = words.split(|c: char| !c.is_alphabetic()).filter(|w| w.len() > 1).count();
    let logged = ["debug!(", "info!(", "warn!(", "error!(", "trace!("].iter().any(|m| statement.contains(m));
    !ELSEWHERE.iter().any(|e| file.starts_with(e))
        && !file.ends_with("event.rs")
        && words > 1
        && literal.starts_with(|c: char| c.is_ascii_lowercase() || c == '"' || c == '{')
        && literal.contains(' ')
        && !literal.contains('\n')
        && !logged
        && !statement.contains("StoreError::")
        && SPOKEN.iter().any(|mark| statement.contains(mark))
}

/// Literals that stand where sentences do and are none: the name of a place in a file.
const NO_SENTENCES: [&str; 1] = ["line {line}, date"];

#[test]
fn whatever_the_house_says_is_said_in_every_language() {
    let spoken: Vec<_> = written().into_iter().filter(|(f, s, l)| is_spoken(f, s, l)).collect();
    assert!(spoken.len() > 800, "the sources are read wrongly: {} sentences", spoken.len());
    let mut unsaid = BTreeSet::new();
    for (file, _, sentence) in &spoken {
        let is_said = |tag: &str| ["parcel", ""].iter().any(|w| said(tag, &filled(sentence, w)).is_some());
        if !OTHERS.iter().all(|tag| is_said(tag)) && !NO_SENTENCES.contains(&sentence.as_str()) {
            unsaid.insert(format!("{file}: {sentence}"));
        }
    }
    assert!(
        unsaid.is_empty(),
        "not in src/base/said:\n{}",
        unsaid.into_iter().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn the_catalogue_has_nothing_that_nobody_says() {
    /// Sentences that are put together in the sources from more than one piece.
    const PIECED: [&str; 12] = [
        "headquarters refuses: {why}",
        "{address} took no connection within {s} s",
        "{name~}: {n} parcels of {label}: {numbers}",
        "{what}, entered by hand",
        "\"{text}\" is not {what!}; use one of {names}",
        "piece {n} of {all}: one too many",
        "{number} was scanned at {station} and nobody announced it",
        "{number} was scanned and nobody announced it",
        "{name~}: {n} parcels of {label}, {back} turned up since: {numbers}",
        "no stop {name}",
        "no vehicle is available: as many as needed are assumed",
        "no vehicle is available: as many of that capacity as needed are assumed",
    ];
    let shape = |text: &str| filled(text, "{}");
    let written: BTreeSet<String> = written()
        .into_iter()
        .filter(|(f, _, _)| !f.starts_with("base/said"))
        .map(|(_, _, l)| shape(&l))
        .collect();
    let fields = blocks(include_str!("fields.txt"));
    let words = blocks(include_str!("words.txt"));
    let apart: BTreeSet<_> = fields.iter().chain(&words).map(|(english, _)| *english).chain(PIECED).collect();
    let dead: Vec<_> = all()
        .into_iter()
        .map(|(english, _)| english)
        .filter(|english| !apart.contains(english) && !written.contains(&shape(english)))
        .collect();
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn sentences_in_sentences_lists_and_places_are_said_too() {
    let pt = |text: &str| said("pt-BR", text);
    assert_eq!(
        pt("a parcel can't go from lost to at_depot; allowed next: in_transit, delivered").as_deref(),
        Some("um pacote não passa de \"perdido\" para \"no depósito\"; pode passar a: em trânsito, entregue")
    );
    assert_eq!(
        pt("/name: is needed; weight_g: \"x\" is no number of whole grams").as_deref(),
        Some("nome: é obrigatório; weight_g: \"x\" não é um número inteiro de gramas")
    );
    // A name that looks like the sentence around it, and one that ends like it.
    assert_eq!(pt("no parcel no parcel x").as_deref(), Some("não há pacote no parcel x"));
    assert_eq!(
        pt("there is a printer \"a\" already; give\" already; give this one another name").as_deref(),
        Some("já existe uma impressora \"a\" already; give\"; dê outro nome a esta")
    );
    assert_eq!(pt("no unicorn 7"), None, "what has to be one of our words is not");
    assert_eq!(
        (pt(""), pt("Guten Tag"), said("en", "is needed"), said("xx", "is needed")),
        Default::default()
    );
    assert_eq!(said("es", "is needed").as_deref(), Some("es obligatorio"));
}

#[test]
fn a_text_that_is_too_long_or_meant_to_cost_time_is_left_as_it_is() {
    let long = |n: usize| format!("no parcel {}", "x".repeat(n - "no parcel ".len()));
    assert!(said("es", &long(MAX_TEXT)).is_some() && said("es", &long(MAX_TEXT + 1)).is_none());
    let joined = |n: usize| vec!["is needed"; n].join("; ");
    assert!(said("es", &joined(MAX_JOINED)).is_some() && said("es", &joined(MAX_JOINED + 1)).is_none());
    assert_eq!(said("es", &"there is a \" already".repeat(500)), None);
}

#[test]
fn the_first_language_asked_for_counts() {
    let asked = [("pt", "pt-BR"), ("pt-PT,en;q=0.5", "pt-BR"), ("ES-mx;q=0.9", "es")];
    for (accept, tag) in asked {
        assert_eq!(wanted(accept), Some(tag), "{accept}");
    }
    for english in ["", "en", "en-GB,pt;q=0.9", "*", "de"] {
        assert_eq!(wanted(english), None, "{english}");
    }
}
