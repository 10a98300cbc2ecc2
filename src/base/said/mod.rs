//! What the house says in English, said in the reader's own language.
//!
//! Refusals, warnings and findings are made, stored, sent and logged as one English sentence, wherever they are made and
//! whoever will read them; programs go by the code beside it. Only when a person reads one is it said in their language:
//! the sentence is its own key in the catalogue, as with gettext, and what was put into it (a number, a name) is found by
//! its place and put into the translation. So a row that was refused last month, or at another depot, is read in the
//! language of whoever opens it today, and nothing is looked up for a request that succeeds.
//!
//! # The catalogue
//!
//! The files beside this one. A sentence stands at the beginning of a line and its translations, indented, below it:
//!
//! ```text
//! there is a printer "{name}" already; give this one another name
//!   pt-BR já existe uma impressora "{name}"; dê outro nome a esta
//!   es ya existe una impresora "{name}"; dé otro nombre a esta
//! ```
//!
//! `{name}` stands for anything. `{why~}` is said in turn when it is one of our texts, or a list of them. `{what!}` has to
//! be one of our words, else the sentence is another one. A test reads the sources and asks for every sentence in them.

mod pattern;

use std::collections::HashMap;
use std::sync::LazyLock;

use pattern::{Form, Pattern};

/// The languages the catalogue has besides English.
pub const OTHERS: [&str; 2] = ["pt-BR", "es"];

/// Bytes of a text that is looked up; what is longer is no sentence of ours.
const MAX_TEXT: usize = 16 * 1024;
/// How deep sentences may stand in sentences.
const MAX_DEPTH: usize = 4;
/// Sentences that may be joined by semicolons into one text.
const MAX_JOINED: usize = 24;

const FILES: [&str; 9] = [
    include_str!("words.txt"),
    include_str!("fields.txt"),
    include_str!("rights.txt"),
    include_str!("house.txt"),
    include_str!("floor.txt"),
    include_str!("imports.txt"),
    include_str!("orders.txt"),
    include_str!("roads.txt"),
    include_str!("freight.txt"),
];

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::read(&FILES));

/// What `text`, an English sentence of ours, is in the language `tag`; none when `tag` is English or another we do not
/// have, and when the sentence is not ours.
#[must_use]
pub fn said(tag: &str, text: &str) -> Option<String> {
    let language = OTHERS.iter().position(|other| *other == tag)?;
    if text.len() > MAX_TEXT {
        return None;
    }
    CATALOGUE.say(language, text, MAX_DEPTH)
}

/// The first language of `accept` (an `Accept-Language`) when the catalogue has it; none when English or a language
/// nobody here speaks comes first.
#[must_use]
pub fn wanted(accept: &str) -> Option<&'static str> {
    let first = accept.split([',', ';']).next()?.trim();
    let family = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    OTHERS.into_iter().find(|other| family(other) == family(first))
}

/// A sentence in all languages.
struct Entry {
    english: Pattern,
    others: Vec<Pattern>,
}

/// All sentences.
struct Catalogue {
    /// Those nothing is put into, by their text.
    plain: HashMap<&'static str, Vec<&'static str>>,
    /// The others, those with the most letters of their own first: the closest fit is found before a looser one.
    patterns: Vec<Entry>,
}

impl Catalogue {
    /// Reads the files. What is malformed is passed over here and found by the tests.
    fn read(files: &[&'static str]) -> Self {
        let (mut plain, mut patterns) = (HashMap::new(), Vec::new());
        for (english, others) in files.iter().flat_map(|file| blocks(file)) {
            let others: Option<Vec<&str>> = OTHERS
                .iter()
                .map(|tag| others.iter().find(|(t, _)| t == tag).map(|(_, text)| *text))
                .collect();
            let Some(others) = others else { continue };
            let pattern = Pattern::of(english);
            if pattern.is_plain() {
                plain.insert(english, others);
            } else {
                let others = others.into_iter().map(Pattern::of).collect();
                patterns.push(Entry { english: pattern, others });
            }
        }
        patterns.sort_by_key(|e| std::cmp::Reverse(e.english.letters()));
        Self { plain, patterns }
    }

    /// `text`, or every one of the sentences that it joins with semicolons.
    fn say(&self, language: usize, text: &str, depth: usize) -> Option<String> {
        if let Some(others) = self.plain.get(text) {
            return others.get(language).map(|t| (*t).to_owned());
        }
        let ends: Vec<usize> = text.match_indices("; ").map(|(at, _)| at).chain([text.len()]).collect();
        if depth == 0 || ends.len() > MAX_JOINED {
            return None;
        }
        // From the last sentence to the first: what the text is from each beginning on. A sentence with semicolons of its
        // own is one; but none in what is put into it, as long as there is another way: it may have swallowed the next.
        let mut tails: Vec<Option<String>> = vec![None; ends.len()];
        for from in (0..ends.len()).rev() {
            let start = if from == 0 { 0 } else { ends[from - 1] + 2 };
            let up_to = |to: usize, closed: bool| {
                let rest = if to + 1 == ends.len() { None } else { Some(tails[to + 1].as_deref()?) };
                let first = self.sentence(language, &text[start..ends[to]], closed, depth)?;
                Some(rest.map_or_else(|| first.clone(), |rest| format!("{first}; {rest}")))
            };
            let closed = (from..ends.len()).rev().find_map(|to| up_to(to, true));
            tails[from] = closed.or_else(|| (from + 1..ends.len()).find_map(|to| up_to(to, false)));
        }
        tails.swap_remove(0)
    }

    /// One sentence, or one behind the name of the place it is about; `closed` is one that no semicolon was put into.
    fn sentence(&self, language: usize, text: &str, closed: bool, depth: usize) -> Option<String> {
        if let Some(others) = self.plain.get(text) {
            return others.get(language).map(|t| (*t).to_owned());
        }
        let said = |slot: &str| self.slot(language, slot, depth - 1);
        let is_word = |slot: &str| self.plain.contains_key(slot);
        let whole = self.patterns.iter().find_map(|entry| {
            let found = entry.english.fit(text, &is_word)?;
            if closed && found.iter().any(|(_, _, given)| given.contains("; ")) {
                return None;
            }
            let put = |name: &str| {
                let (_, form, given) = found.iter().find(|(n, _, _)| *n == name)?;
                match form {
                    Form::Any => Some((*given).to_owned()),
                    Form::Ours | Form::OursAlone => Some(said(given).unwrap_or_else(|| (*given).to_owned())),
                }
            };
            entry.others.get(language)?.fill(&put)
        });
        whole.or_else(|| {
            let (place, rest) = text.split_once(": ").filter(|_| !closed || !text.contains("; "))?;
            Some(format!("{place}: {}", self.say(language, rest, depth - 1)?))
        })
    }

    /// What stands in a sentence: one of our texts, or a list of them.
    fn slot(&self, language: usize, text: &str, depth: usize) -> Option<String> {
        self.say(language, text, depth).or_else(|| {
            let each = text.split(", ").map(|one| Some((*self.plain.get(one)?.get(language)?).to_owned()));
            each.collect::<Option<Vec<String>>>().map(|all| all.join(", "))
        })
    }
}

/// The sentences of a file, each with its translations and their languages.
fn blocks(file: &'static str) -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    let mut all: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
    for line in file.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
        match (line.strip_prefix("  "), all.last_mut()) {
            (Some(translation), Some((_, others))) => others.extend(translation.split_once(' ')),
            (Some(_), None) => {}
            (None, _) => all.push((line, Vec::new())),
        }
    }
    all
}

#[cfg(test)]
mod tests;
