//! Status messages as carriers send them (Cargo-IMP FSU, and FSA as an answer), one or many in a text: a pure reader that keeps what it does
//! not understand, with its line, and never gives up a message for it.
//!
//! ```text
//! FSU/14                                  begins a message
//! 157-53806270HKGNLU/P2K505.0T10          waybill, from and to, 2 pieces of 10 with 505.0 kg
//! FIW/QR8403/20JUN1039/DOH/P2K505.0/S0720/A1008
//! ```
//!
//! T is the whole shipment, P a part, S a split, D and M divided or in several. Days carry no year: the one that lies
//! nearest to the arrival of the message is meant. Times are local to the airport they are said of.

use jiff::civil::{Date, DateTime, Time};
use serde::Serialize;

use super::awb::Awb;
use super::codes::{Code, Discrepancy};

/// Bytes of a text that is read at once.
pub const MAX_TEXT: usize = 1 << 20;
/// Characters of a line that are kept.
pub const MAX_LINE: usize = 512;
/// Lines that are kept because they were not understood.
pub const MAX_UNKNOWN: usize = 10_000;

/// What is said of a message that names no waybill.
const NO_WAYBILL: &str = "a message without a waybill";

/// What a text holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// Its messages.
    pub messages: Vec<Message>,
    /// Lines nobody understood, as they stand there.
    pub unknown: Vec<Unknown>,
}

/// A line that was not understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Unknown {
    /// Which line of the text, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// One message about one waybill.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its first line, from 1.
    pub line: usize,
    /// The version it says it is written in.
    pub version: Option<u16>,
    /// Lines of the network before it: who sent it to whom.
    pub routing: Vec<String>,
    /// The waybill.
    pub awb: Awb,
    /// Where the journey begins and ends.
    pub route: Option<(String, String)>,
    /// Pieces and weight as the waybill's line says.
    pub quantity: Option<Quantity>,
    /// What happened.
    pub events: Vec<Event>,
    /// Unit load devices named in it.
    pub ulds: Vec<String>,
    /// Customs and other information, line by line.
    pub notes: Vec<String>,
    /// Its lines as they stand, from the waybill's on: by them it is known when it comes again.
    pub text: String,
}

/// What part of a shipment a count is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// All of it.
    Total,
    /// A part.
    Part,
    /// A part that flies apart from the rest.
    Split,
    /// Divided, or in several parts.
    Divided,
}

/// Pieces and weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// Of what.
    pub share: Share,
    /// Pieces.
    pub pieces: u32,
    /// Weight in grams; pounds are turned into grams.
    pub weight_g: Option<u64>,
    /// Pieces of the whole shipment, when it says so too.
    pub total: Option<u32>,
}

/// A day without a year, with or without a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayTime {
    /// Day of the month.
    pub day: i8,
    /// Month.
    pub month: i8,
    /// Time of day.
    pub time: Option<Time>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its line, from 1.
    pub line: usize,
    /// What.
    pub code: Code,
    /// The flight.
    pub flight: Option<String>,
    /// When.
    pub at: Option<DayTime>,
    /// Where; of a flight, from where.
    pub station: Option<String>,
    /// To where, of a flight.
    pub to: Option<String>,
    /// How much.
    pub quantity: Option<Quantity>,
    /// Scheduled (`S`), estimated (`E`) and actual (`A`) times of day, each with the days it is off by.
    pub times: Vec<(char, Time, i8)>,
    /// Why, of a discrepancy.
    pub reason: Option<Discrepancy>,
    /// Who, or what else it says.
    pub name: Option<String>,
}

/// The months as messages write them.
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

impl DayTime {
    /// Reads `19NOV1430` or `16DEC`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let day: i8 = text.get(..2).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
        let month = MONTHS.iter().position(|m| text.get(2..5).is_some_and(|t| t.eq_ignore_ascii_case(m)))?;
        let month = i8::try_from(month + 1).ok()?;
        let time = match text.get(5..)? {
            "" => None,
            rest => Some(time(rest)?),
        };
        // In a leap year, so that 29 February is a day.
        Date::new(2024, month, day).ok()?;
        Some(Self { day, month, time })
    }

    /// The day nearest to `near`, at its time or at midnight. None only at the ends of the calendar.
    #[must_use]
    pub fn near(&self, near: DateTime) -> Option<DateTime> {
        let at = |year: i16| {
            let date = Date::new(year, self.month, self.day).ok()?;
            Some(date.to_datetime(self.time.unwrap_or(Time::midnight())))
        };
        let years = [near.year().saturating_sub(1), near.year(), near.year().saturating_add(1)];
        // A 29 February may be four years off, or eight around a century.
        let more = (2..=8).flat_map(|n| [near.year().saturating_sub(n), near.year().saturating_add(n)]);
        let found: Vec<DateTime> = years.into_iter().filter_map(at).collect();
        let found = if found.is_empty() { more.filter_map(at).collect() } else { found };
        found.into_iter().min_by_key(|d| d.duration_since(near).unsigned_abs())
    }
}

/// Reads `1430`.
fn time(text: &str) -> Option<Time> {
    if text.len() != 4 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Time::new(text[..2].parse().ok()?, text[2..].parse().ok()?, 0, 0).ok()
}

/// Takes digits off the front.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

impl Quantity {
    /// Reads `T10K250.0`, `P2K505.0T10` or `T25`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let share = match text.as_bytes().first()? {
            b'T' => Share::Total,
            b'P' => Share::Part,
            b'S' => Share::Split,
            b'D' | b'M' => Share::Divided,
            _ => return None,
        };
        let (pieces, mut rest) = digits(&text[1..]);
        let mut out = Self { share, pieces: pieces.parse().ok()?, weight_g: None, total: None };
        if let Some(unit) = rest.bytes().next().filter(|b| matches!(b, b'K' | b'L')) {
            let end = rest[1..].bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count() + 1;
            let milli = crate::base::money::scaled(&rest[1..end], 3).ok()?;
            let milli = u64::try_from(milli).ok()?;
            // a pound is 453.59237 g
            out.weight_g = Some(if unit == b'K' {
                milli
            } else {
                milli.checked_mul(45_359_237)?.checked_add(50_000_000)? / 100_000_000
            });
            rest = &rest[end..];
        }
        if let Some(total) = rest.strip_prefix('T') {
            let (total, after) = digits(total);
            out.total = Some(total.parse().ok()?);
            rest = after;
        }
        // Volume and density may follow; they are of no use to a depot.
        let known = rest.is_empty() || rest.starts_with("MC") || rest.starts_with("DG");
        known.then_some(out)
    }

    /// Pieces of the whole shipment, as far as this count says.
    #[must_use]
    pub fn whole(&self) -> Option<u32> {
        self.total.or((self.share == Share::Total).then_some(self.pieces))
    }
}

/// Reads every message in `text`; what is no message stands among the unknown lines.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let mut reader = Reader::default();
    for (n, line) in text.lines().enumerate() {
        reader.line(n + 1, line.trim_end_matches(['\r', '\u{3}', '\u{1}']).trim());
    }
    reader.finish()
}

/// Whether a line of `text` begins a message, as far as it can be told without reading it.
#[must_use]
pub fn has_message(text: &str) -> bool {
    text.lines().any(|l| begins_message(l.trim()))
}

/// Whether a line begins a message, its envelope, or the part about a waybill.
#[must_use]
pub fn begins_message(line: &str) -> bool {
    begins(line).is_some() || waybill(line).is_some() || is_routing(line)
}

/// What stands behind the name of a message. An answer to a request for the status has the same form.
fn begins(line: &str) -> Option<&str> {
    line.strip_prefix("FSU").or_else(|| line.strip_prefix("FSA"))
}

#[derive(Default)]
struct Reader {
    out: Parsed,
    routing: Vec<(usize, String)>,
    /// The version and line of a message that has begun.
    begun: Option<(usize, Option<u16>)>,
    open: Option<Message>,
    /// Whether a line that begins with a slash goes on with a note.
    in_note: bool,
}

impl Reader {
    fn unknown(&mut self, line: usize, text: &str, why: impl Into<String>) {
        if self.out.unknown.len() < MAX_UNKNOWN {
            let text = text.chars().take(MAX_LINE).collect();
            self.out.unknown.push(Unknown { line, text, why: why.into() });
        }
    }

    fn close(&mut self) {
        self.out.messages.extend(self.open.take());
        if let Some((line, _)) = self.begun.take() {
            self.unknown(line, "FSU", NO_WAYBILL);
        }
        self.in_note = false;
    }

    fn finish(mut self) -> Parsed {
        self.close();
        for (line, text) in std::mem::take(&mut self.routing) {
            self.unknown(line, &text, "no message follows");
        }
        self.out.unknown.sort_by_key(|u| u.line);
        self.out
    }

    fn line(&mut self, n: usize, line: &str) {
        if line.is_empty() {
            return;
        }
        if let Some(version) = begins(line) {
            self.close();
            self.begun = Some((n, version.strip_prefix('/').and_then(|v| v.parse().ok())));
            return;
        }
        if let Some((awb, rest)) = waybill(line) {
            self.waybill(n, line, awb, rest);
            return;
        }
        let Some(open) = &mut self.open else {
            self.outside(n, line);
            return;
        };
        open.text.push('\n');
        open.text.push_str(line);
        if line.starts_with('/') && self.in_note {
            self.note(line);
            return;
        }
        self.in_note = false;
        match line.split('/').next().unwrap_or_default() {
            "OCI" | "OSI" | "SSR" | "SRI" => {
                self.in_note = true;
                self.note(line);
            }
            "ULD" => {
                if let Some(open) = &mut self.open {
                    open.ulds.extend(line.split('/').skip(1).filter(|u| !u.is_empty()).map(str::to_owned));
                }
            }
            head => match head.parse::<Code>().ok().filter(|c| c.rank() > 0 || *c == Code::Dis) {
                Some(code) => match event(n, code, line) {
                    Ok(event) => {
                        if let Some(open) = &mut self.open {
                            open.events.push(event);
                        }
                    }
                    Err(why) => self.unknown(n, line, why),
                },
                // The network's envelope around the next message.
                None if is_routing(line) => {
                    self.close();
                    self.routing.push((n, line.to_owned()));
                }
                None => self.unknown(n, line, "no line of a status message begins so"),
            },
        }
    }

    fn note(&mut self, line: &str) {
        if let Some(open) = &mut self.open {
            open.notes.push(line.chars().take(MAX_LINE).collect());
        }
    }

    fn outside(&mut self, n: usize, line: &str) {
        if let Some((begun, _)) = self.begun.take() {
            self.unknown(begun, "FSU", NO_WAYBILL);
            self.unknown(n, line, "a waybill such as 020-12345675FRALHR/T10K250.0 is expected after FSU");
        } else if is_routing(line) {
            self.routing.push((n, line.to_owned()));
        } else {
            self.unknown(n, line, "it stands outside of every message; a message begins with FSU");
        }
    }

    fn waybill(&mut self, n: usize, line: &str, awb: &str, rest: &str) {
        let (begun, version) = match (self.begun.take(), &self.open) {
            (Some((at, version)), _) => (at, version),
            // A message may tell of several waybills.
            (None, Some(open)) => (n, open.version),
            (None, None) => (n, None),
        };
        self.out.messages.extend(self.open.take());
        self.in_note = false;
        let awb = match Awb::parse(awb) {
            Ok(awb) => awb,
            Err(e) => {
                if begun != n {
                    self.unknown(begun, "FSU", NO_WAYBILL);
                }
                return self.unknown(n, line, e.to_string());
            }
        };
        let (places, quantity) = rest.split_once('/').map_or((rest, None), |(p, q)| (p, Some(q)));
        let airports = places.len() == 6 && places.bytes().all(|b| b.is_ascii_uppercase());
        if !places.is_empty() && !airports {
            self.unknown(n, line, format!("\"{places}\" is not two airports such as FRALHR"));
        }
        let read = quantity.and_then(Quantity::parse);
        if let (Some(said), None) = (quantity, read) {
            self.unknown(n, line, format!("\"{said}\" is no count such as T10K250.0"));
        }
        self.open = Some(Message {
            line: begun,
            version,
            routing: std::mem::take(&mut self.routing).into_iter().map(|(_, l)| l).collect(),
            awb,
            route: airports.then(|| (places[..3].to_owned(), places[3..].to_owned())),
            quantity: read,
            events: Vec::new(),
            ulds: Vec::new(),
            notes: Vec::new(),
            text: line.to_owned(),
        });
    }
}

/// A waybill's line: its number, and what follows.
fn waybill(line: &str) -> Option<(&str, &str)> {
    let (number, rest) = (line.get(..12)?, line.get(12..)?);
    let b = number.as_bytes();
    let shape = b[3] == b'-' && b.iter().enumerate().all(|(i, c)| i == 3 || c.is_ascii_digit());
    shape.then_some((number, rest))
}

/// Whether a line is the network's: an address line such as `QD SIN05XH`, or the sender's, which begins with a dot.
fn is_routing(line: &str) -> bool {
    let address = line.len() > 3
        && line.starts_with('Q')
        && line.as_bytes()[1].is_ascii_uppercase()
        && line.as_bytes()[2] == b' ';
    address || (line.starts_with('.') && line.len() > 7)
}

fn is_flight(text: &str) -> bool {
    let (carrier, rest) = match text.len() {
        0..3 => return false,
        // A flight of three letters, or two characters of which one may be a digit.
        _ if text.bytes().take(3).all(|b| b.is_ascii_uppercase()) => text.split_at(3),
        _ if text.is_char_boundary(2) => text.split_at(2),
        _ => return false,
    };
    let (number, suffix) = digits(rest);
    let carrier = carrier.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && carrier.bytes().any(|b| b.is_ascii_uppercase());
    carrier
        && (1..=5).contains(&number.len())
        && (suffix.is_empty() || (suffix.len() == 1 && suffix.as_bytes()[0].is_ascii_uppercase()))
}

/// `S2050`, `A1117-P`: which time it is, the time, and the days it is off by.
fn clock(text: &str) -> Option<(char, Time, i8)> {
    let which = text.chars().next().filter(|c| matches!(c, 'S' | 'E' | 'A'))?;
    let (hhmm, shift) = text[1..].split_once('-').map_or((&text[1..], ""), |(t, s)| (t, s));
    let days = match shift {
        "" => 0,
        "P" => -1,
        "N" => 1,
        "S" => 2,
        "T" => 3,
        _ => return None,
    };
    Some((which, time(hhmm)?, days))
}

/// Reads a status line. Its fields tell by their form what they are, so that carriers who leave some out, or put two
/// slashes for one, are understood all the same.
fn event(line: usize, code: Code, text: &str) -> Result<Event, String> {
    let mut e = Event {
        line,
        code,
        flight: None,
        at: None,
        station: None,
        to: None,
        quantity: None,
        times: Vec::new(),
        reason: None,
        name: None,
    };
    for (n, field) in text.split('/').skip(1).enumerate().filter(|(_, f)| !f.is_empty()) {
        let airports = field.bytes().all(|b| b.is_ascii_uppercase());
        if n == 0 && is_flight(field) {
            e.flight = Some(field.to_owned());
        } else if let (None, Some(at)) = (e.at, DayTime::parse(field)) {
            e.at = Some(at);
        } else if airports && field.len() == 3 && e.station.is_none() && e.at.is_some() {
            e.station = Some(field.to_owned());
        } else if airports && field.len() == 6 && e.station.is_none() {
            (e.station, e.to) = (Some(field[..3].to_owned()), Some(field[3..].to_owned()));
        } else if let (true, Ok(reason)) = (code == Code::Dis && e.reason.is_none(), field.parse()) {
            e.reason = Some(reason);
        } else if let Some(time) = clock(field).filter(|_| e.quantity.is_some() || !field.starts_with('S')) {
            e.times.push(time);
        } else if let (None, Some(q)) = (e.quantity, Quantity::parse(field)) {
            e.quantity = Some(q);
        } else if n == 0 && code.flies() {
            return Err(format!("\"{field}\" is no flight such as LH8442"));
        } else if e.at.is_none() && field.len() >= 5 && field.as_bytes()[0].is_ascii_digit() {
            return Err(format!("\"{field}\" is no day such as 19NOV1430"));
        } else {
            let more = |name: String| format!("{name}/{field}");
            e.name = Some(e.name.map_or_else(|| field.chars().take(MAX_LINE).collect(), more));
        }
    }
    if code == Code::Dis && e.reason.is_none() {
        return Err("a discrepancy without its reason, such as MSCA".into());
    }
    Ok(e)
}

#[cfg(test)]
#[path = "fsu_tests.rs"]
mod tests;
