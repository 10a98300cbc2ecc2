//! A sentence with slots in it: laid over a text to find what stands in the slots, and filled again.

/// What may stand in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Anything: it is put into the translation as it stands.
    Any,
    /// Anything; it is said in turn when it is one of our texts.
    Ours,
    /// One of our texts without slots and nothing else.
    OursAlone,
}

/// A piece of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Words that stand there.
    Words(&'static str),
    /// A slot by its name.
    Slot(&'static str, Form),
}

/// What stands in a slot: its name, its form and the text.
pub(super) type Found<'t> = (&'static str, Form, &'t str);

/// Tries that a text is worth: patterns have few slots, and a text that needs more is not ours.
const MAX_TRIES: usize = 400;

/// A sentence with slots.
#[derive(Debug)]
pub(super) struct Pattern(pub(super) Vec<Part>);

impl Pattern {
    /// Reads `{name}`, `{name~}` and `{name!}` as slots.
    pub(super) fn of(text: &'static str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else { break };
            if !before.is_empty() {
                parts.push(Part::Words(before));
            }
            parts.push(match (name.strip_suffix('~'), name.strip_suffix('!')) {
                (Some(name), _) => Part::Slot(name, Form::Ours),
                (None, Some(name)) => Part::Slot(name, Form::OursAlone),
                (None, None) => Part::Slot(name, Form::Any),
            });
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Words(rest));
        }
        Self(parts)
    }

    /// Whether nothing is put into it.
    pub(super) fn is_plain(&self) -> bool {
        self.0.iter().all(|p| matches!(p, Part::Words(_)))
    }

    /// Bytes of its own words.
    pub(super) fn letters(&self) -> usize {
        self.0.iter().map(|p| if let Part::Words(w) = p { w.len() } else { 0 }).sum()
    }

    /// What stands in its slots when `text` is this sentence; `ours` says whether something is one of our texts.
    pub(super) fn fit<'t>(&self, text: &'t str, ours: &dyn Fn(&str) -> bool) -> Option<Vec<Found<'t>>> {
        let (mut found, mut tries) = (Vec::new(), MAX_TRIES);
        fits(&self.0, text, ours, &mut found, &mut tries).then_some(found)
    }

    /// The sentence with what `put` gives for each slot; none when it gives none for one.
    pub(super) fn fill(&self, put: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Words(words) => out.push_str(words),
                Part::Slot(name, _) => out.push_str(&put(name)?),
            }
        }
        Some(out)
    }
}

fn fits<'t>(
    parts: &[Part],
    text: &'t str,
    ours: &dyn Fn(&str) -> bool,
    found: &mut Vec<Found<'t>>,
    tries: &mut usize,
) -> bool {
    match parts {
        [] => text.is_empty(),
        [Part::Words(words), rest @ ..] => {
            text.strip_prefix(words).is_some_and(|behind| fits(rest, behind, ours, found, tries))
        }
        [Part::Slot(name, form)] => {
            let good = *form != Form::OursAlone || ours(text);
            found.push((name, *form, text));
            good
        }
        [Part::Slot(name, form), rest @ ..] => {
            let Some(Part::Words(words)) = rest.first() else { return false };
            for (at, _) in text.match_indices(words) {
                let Some(left) = tries.checked_sub(1) else { return false };
                *tries = left;
                let given = &text[..at];
                if *form == Form::OursAlone && !ours(given) {
                    continue;
                }
                let before = found.len();
                found.push((name, *form, given));
                if fits(rest, &text[at..], ours, found, tries) {
                    return true;
                }
                found.truncate(before);
            }
            false
        }
    }
}
