//! What a code may be: every plausible reading, the likeliest first, with the reasons. Pure, local, well below a millisecond.
//!
//! The order is the trade's: the scanner's identifier comes off, then our own commands, GS1 elements, our parcel ids,
//! carriers' numbers by pattern and check digit, air waybills and containers, and last the text as it stands.

use super::commands;
use super::gs1::{self, Element, GS};
use super::layouts::Layout;
use super::model::{Reading, Resolved};
use super::patterns::{self, Form, Match};
use crate::base::ids::Id;
use crate::parcels::service::MAX_NUMBER;

/// The longest code that is looked at, in bytes; a full PDF417 symbol holds three times as much, and no number does.
pub const MAX_CODE: usize = 1_024;
/// Readings of one code at the most.
pub const MAX_READINGS: usize = 24;

/// A command of ours.
pub const COMMAND: &str = "crossdock.command";
/// The id of a parcel.
pub const PARCEL: &str = "crossdock.parcel";
/// The text as it stands.
pub const AS_WRITTEN: &str = "text";

/// What is said outright: our own codes, and elements that the symbol announces.
const OUTRIGHT: u32 = 1_000;
/// What a digit among letters and digits says.
const DIGIT: u32 = 18;
/// What one check digit says.
const PROOF: u32 = 33;
/// What had to be mended counts less.
const MENDED: u32 = 60;
/// A number whose check digit is wrong is shown when it is the only thing a code could be, at most so many of them.
const MAX_BROKEN: usize = 3;

/// Everything `text` may be.
#[must_use]
pub fn resolve(text: &str) -> Resolved {
    let code = text.trim_matches(|c: char| c != GS && (c.is_whitespace() || c.is_control()));
    if code.is_empty() || code.len() > MAX_CODE {
        return Resolved { code: shown(code), ..Resolved::default() };
    }
    let mut found = read(code);
    if !found.readings.iter().any(Reading::is_plausible) || !code.is_ascii() {
        for layout in Layout::ALL {
            relaid(&mut found, code, layout);
        }
    }
    rank(&mut found.readings);
    found.readings.extend(as_written(code));
    found
}

/// Puts `form` before the other plausible readings: it was chosen last where a code could be several things.
pub fn prefer(resolved: &mut Resolved, form: &str) {
    let chosen = resolved.readings.iter().position(|r| r.form == form && r.is_plausible());
    if let Some(at) = chosen.filter(|at| *at > 0) {
        let mut reading = resolved.readings.remove(at);
        reading.reasons.push("chosen last at this station".into());
        resolved.readings.insert(0, reading);
    }
}

/// A code as it can be shown: without the control characters in it.
fn shown(code: &str) -> String {
    code.chars()
        .take(MAX_CODE)
        .map(|c| if c == GS { '\u{241d}' } else { c })
        .filter(|c| !c.is_control())
        .collect()
}

fn rank(readings: &mut Vec<Reading>) {
    readings.sort_by(|a, b| {
        let order = |r: &Reading| (!r.is_plausible(), u32::MAX - r.weight);
        order(a).cmp(&order(b)).then_with(|| a.form.cmp(&b.form))
    });
    let plausible = readings.iter().filter(|r| r.is_plausible()).count();
    let broken = if plausible == 0 { MAX_BROKEN } else { 1 };
    readings.truncate(MAX_READINGS.min(plausible + broken));
}

/// The readings of a code that arrived as it was sent.
fn read(code: &str) -> Resolved {
    let (symbol, text) = gs1::aim(code);
    let mut found = Resolved { code: shown(text), symbol: symbol.map(|s| s.name), ..Resolved::default() };
    if let Some(command) = commands::parse(text) {
        found.readings.push(of_command(text, command));
        return found;
    }
    found.readings.extend(own_id(text));
    let announced = symbol.is_some_and(|s| s.is_gs1) || text.starts_with(GS) || text.starts_with('(');
    if let Some((elements, how)) = elements(text, announced) {
        found.readings.extend(of_elements(&elements, announced, how));
        found.elements = elements;
    }
    of_patterns(text, &mut found.readings);
    found
}

fn of_command(text: &str, command: Result<commands::Command, String>) -> Reading {
    let (number, holds, why) = match command {
        Ok(command) => (command.to_string(), None, "a command of ours".to_owned()),
        Err(why) => (shown(text), Some(false), why),
    };
    plain(COMMAND, "command", number, holds, OUTRIGHT * 2, why)
}

fn plain(form: &str, name: &str, number: String, holds: Option<bool>, weight: u32, why: String) -> Reading {
    let (form, name) = (form.to_owned(), name.to_owned());
    Reading { form, name, carrier: None, number, also: Vec::new(), holds, weight, reasons: vec![why] }
}

/// Our own id as it is printed: with hyphens, alone or as the end of a link to the parcel.
fn own_id(text: &str) -> Option<Reading> {
    const HYPHENATED: usize = 36;
    let is_link = text.get(..4).is_some_and(|t| t.eq_ignore_ascii_case("http"));
    let last =
        if is_link { text.split(['?', '#']).next()?.trim_end_matches('/').rsplit('/').next()? } else { text };
    let id: Id = last.parse().ok().filter(|_| last.len() == HYPHENATED)?;
    let why = if is_link { "a link to a parcel of ours" } else { "an id of ours" };
    Some(plain(PARCEL, "parcel", id.to_string(), None, OUTRIGHT, why.to_owned()))
}

/// The elements in `text`, and what had to be mended for them.
fn elements(text: &str, announced: bool) -> Option<(Vec<Element>, Option<&'static str>)> {
    let sure = |e: &Vec<Element>| {
        announced || e.iter().any(|e| e.holds == Some(true)) && e.iter().all(|e| e.holds != Some(false))
    };
    if let Some(link) = gs1::digital_link(text) {
        return Some((link, None));
    }
    let compact: String = text.chars().filter(|c| *c != ' ').collect();
    let as_it_stands = gs1::parse(&compact).ok().filter(sure);
    let lost = || {
        let guessed = gs1::guess(&compact).filter(|_| !compact.contains(GS))?;
        Some((guessed, Some("the separators were lost and are guessed from check digits")))
    };
    let swallowed = |read: &Vec<Element>| read.iter().all(|e| e.holds.is_none());
    match as_it_stands {
        // A variable element may have swallowed what follows it.
        Some(read) if swallowed(&read) => Some(lost().unwrap_or((read, None))),
        Some(read) => Some((read, None)),
        None => {
            let replaced = || {
                let mended = gs1::with_separators(&compact)?;
                let read = gs1::parse(&mended).ok().filter(sure)?;
                Some((read, Some("the separators had been replaced by another character")))
            };
            replaced().or_else(lost)
        }
    }
}

/// The elements that name something one can look for.
const KEYS: [(&str, &str); 9] = [
    ("00", "gs1.sscc"),
    ("402", "gs1.shipment"),
    ("401", "gs1.consignment"),
    ("400", "gs1.order"),
    ("8006", "gs1.piece"),
    ("8004", "gs1.asset"),
    ("01", "gs1.gtin"),
    ("21", "gs1.serial"),
    ("414", "gs1.gln"),
];

fn of_elements(elements: &[Element], announced: bool, mended: Option<&'static str>) -> Vec<Reading> {
    let said: usize = elements.iter().map(|e| e.ai.len() + e.value.len()).sum();
    let proofs = elements.iter().filter(|e| e.holds == Some(true)).count();
    let small = |n: usize| u32::try_from(n).unwrap_or(0);
    let sure = if announced { OUTRIGHT } else { 0 };
    let weight = sure + DIGIT * small(said) + 2 * PROOF * small(proofs);
    let key = |(nth, (ai, form)): (usize, &(&str, &str))| {
        let element = elements.iter().find(|e| e.ai == *ai)?;
        let mut why = vec![format!("({ai}) {} of {} elements", element.title, elements.len())];
        why.extend(mended.map(str::to_owned));
        let less = small(nth) * 2 * PROOF + if mended.is_some() { MENDED } else { 0 };
        Some(Reading {
            form: (*form).to_owned(),
            name: element.title.clone(),
            carrier: None,
            number: element.value.clone(),
            also: vec![format!("{ai}{}", element.value)],
            holds: element.holds,
            weight: weight.saturating_sub(less).max(1),
            reasons: why,
        })
    };
    KEYS.iter().enumerate().filter_map(key).collect()
}

/// A code as patterns see it.
fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != GS).collect::<String>().to_uppercase()
}

fn of_patterns(text: &str, out: &mut Vec<Reading>) {
    let whole = compact(text);
    let shorn: String = whole.chars().filter(|c| !matches!(c, '-' | '.' | '/')).collect();
    for (form, found) in patterns::matches(&whole) {
        put(out, of_form(form, &found, &whole, 0));
    }
    if shorn != whole {
        for (form, found) in patterns::matches(&shorn) {
            put(out, of_form(form, &found, &shorn, MENDED / 2));
        }
    }
}

/// Adds a reading, or makes the one of the same form and number better.
fn put(out: &mut Vec<Reading>, reading: Reading) {
    let better = |a: &Reading, b: &Reading| (a.is_plausible(), a.weight) > (b.is_plausible(), b.weight);
    match out.iter_mut().find(|r| r.form == reading.form) {
        Some(known) if better(&reading, known) => *known = reading,
        Some(_) => {}
        None => out.push(reading),
    }
}

fn of_form(form: &'static Form, found: &Match<'_>, whole: &str, less: u32) -> Reading {
    use super::check::Check;
    let number =
        if form.code == "iata.awb" { found.number.replace('-', "") } else { found.number.to_owned() };
    let also = other_spellings(form, &number, whole);
    let mut reasons = vec![format!("looks like {}", form.name)];
    if form.check != Check::None {
        let holds = if found.holds { "holds" } else { "does not hold" };
        reasons.push(format!("the check digit {holds} ({})", form.check.name()));
    }
    if patterns::TEST_NUMBERS.contains(&whole) {
        reasons.push("a number from the carrier's examples, not a parcel's".to_owned());
    }
    if less > 0 {
        reasons.push("without its hyphens".to_owned());
    }
    // The shape of a telling form says as much as a proof, so that its mistyped numbers come before chance ones.
    let telling = if form.telling { PROOF } else { 0 };
    Reading {
        form: form.code.to_owned(),
        name: form.name.to_owned(),
        carrier: Some(form.carrier.to_owned()).filter(|c| !c.is_empty()),
        number,
        also,
        holds: (form.check != Check::None).then_some(found.holds),
        weight: (found.weight + telling).saturating_sub(less).max(1),
        reasons,
    }
}

/// How else the same number is written where parcels are announced.
fn other_spellings(form: &Form, number: &str, whole: &str) -> Vec<String> {
    let mut also = Vec::new();
    if number != whole {
        also.push(whole.to_owned());
    }
    let short = number.trim_start_matches('0');
    match form.code {
        "iata.awb" if number.len() == 11 => also.push(format!("{}-{}", &number[..3], &number[3..])),
        "gs1.sscc" => also.push(format!("00{number}")),
        // FedEx fills its numbers up with zeros; parcels carry 12 or 15 digits.
        "fedex.express_34" | "fedex.ground_gsn" if number.len() > 12 && short.len() <= 12 => {
            also.push(number[number.len() - 12..].to_owned());
        }
        _ => {}
    }
    also.dedup();
    also.retain(|n| n != number);
    also
}

/// The readings of what a scanner typed before the computer's layout made `code` of it, as far as something in them
/// proves right.
fn relaid(found: &mut Resolved, code: &str, layout: Layout) {
    let Some(typed) = layout.undone(code) else { return };
    let mut typed = read(&typed);
    let proves = |r: &Reading| r.is_plausible() && (r.holds == Some(true) || r.weight >= OUTRIGHT);
    let known = |r: &Reading| found.readings.iter().any(|f| f.form == r.form && f.is_plausible());
    typed.readings.retain(|r| (proves(r) || says_enough(r)) && !known(r));
    if typed.readings.is_empty() {
        return;
    }
    for mut reading in typed.readings {
        reading.weight = reading.weight.saturating_sub(MENDED).max(1);
        reading.reasons.push(format!(
            "the computer's keyboard is set to {}; set it, or the scanner, to the same layout",
            layout.name()
        ));
        found.readings.push(reading);
    }
    if found.elements.is_empty() {
        found.elements = typed.elements;
    }
}

/// Whether a form without a check digit has so many letters of its own that chance does not make them.
fn says_enough(r: &Reading) -> bool {
    let fixed = patterns::FORMS.iter().filter(|f| f.code == r.form);
    let letters = |f: &Form| f.pattern.bytes().take_while(u8::is_ascii_alphanumeric).count();
    r.holds.is_none() && fixed.map(letters).max().unwrap_or(0) >= 2
}

/// The text as it stands: parcels carry numbers of every kind.
fn as_written(code: &str) -> Option<Reading> {
    let (_, text) = gs1::aim(code);
    let number = compact(text);
    if number.is_empty() || number.len() > MAX_NUMBER || commands::parse(text).is_some() {
        return None;
    }
    Some(plain(AS_WRITTEN, "number as it stands", number, None, 0, "parcels may carry any number".to_owned()))
}

#[cfg(test)]
mod tests;
