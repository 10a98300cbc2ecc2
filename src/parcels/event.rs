//! What happens to a parcel, and the bytes it is kept in: per kind one MessagePack map with field names. The numbers
//! and names are for ever; a new field needs a default, and fields of a later release are passed over.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::model::{Facts, Flag, Milestones, Place, Status};
use crate::base::clock::Timestamp;
use crate::journal::event::Eid;

/// The schema number written with every event of this area.
pub const SCHEMA: u16 = 1;

/// The kind of [`ParcelEvent::PickupNoticed`].
pub const PICKUP_NOTICED: u16 = 20;

/// One thing that happened to a parcel. The big ones are boxed, so that a timeline of small ones stays small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParcelEvent {
    /// 1: we entered it ourselves.
    Registered(Box<Registered>),
    /// 2: a carrier or a file said something of it.
    Reported(Box<Reported>),
    /// 3: one of our own moved it.
    Moved(Moved),
    /// 4: what is known of it changed.
    Described(Box<Described>),
    /// 5: somebody wrote a note.
    Noted(Noted),
    /// 6: an earlier event was wrong.
    Corrected(Corrected),
    /// 7: a deadline passed without news.
    Stale(Stale),
    /// 8: a flag was set or taken away by a person.
    Flagged(Flagged),
    /// 9: it was given on its way to another of our depots.
    HandedOver(HandedOver),
    /// 20: people were told that it waits at the counter.
    PickupNoticed(PickupNoticed),
    /// 0x340: a changed status map reads an earlier report differently.
    Remapped(Remapped),
}

/// Entered by us.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Its tracking number.
    pub number: String,
    /// What was entered.
    #[serde(default, skip_serializing_if = "is_default")]
    pub facts: Facts,
}

/// One foreign fact: an import row or a carrier's event. Always kept, whether or not the fold can follow it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// Who says so; also names the status map that was used.
    pub source: String,
    /// The source's own status code, byte for byte; nothing when the row had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The second-level code beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// What the map made of it; nothing when the map doesn't hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Status>,
    /// Whether the map says that this changes no status.
    #[serde(default, skip_serializing_if = "is_default")]
    pub info: bool,
    /// A reason code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it happened, as the source claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Whether the source named no time for the status itself, so that `at` follows from its moments and its meaning.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by_moment: bool,
    /// The tracking number the source knows it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// What the source knows of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub facts: Facts,
    /// The moments of its life, as the source tells them.
    #[serde(default, skip_serializing_if = "Milestones::is_empty")]
    pub milestones: Milestones,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Place::is_empty")]
    pub location: Place,
    /// The source's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// A digest of the row or message, by which a repetition is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "serde_bytes")]
    pub digest: Option<[u8; 16]>,
}

/// A step taken at one of our depots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Where it is now.
    pub to: Status,
    /// When it happened; only in a late post, whose own stamp is later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Where that was.
    #[serde(default, skip_serializing_if = "Place::is_empty")]
    pub location: Place,
    /// What the person wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// A reason code, or why the step was forced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether a supervisor forced a step that the table doesn't allow.
    #[serde(default, skip_serializing_if = "is_default")]
    pub forced: bool,
}

/// What is known of it changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// The fields that changed.
    #[serde(default)]
    pub facts: Facts,
}

/// A note.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// What was written, byte for byte.
    pub text: String,
}

/// An authorised correction. It applies to the event it names, whatever its own stamp, and can't be corrected
/// itself: a second one for the same event takes its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// The event that was wrong.
    #[serde(with = "serde_bytes")]
    pub eid: Eid,
    /// What it should have said; nothing voids it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Status>,
    /// Why.
    pub reason: String,
}

/// A deadline passed without news.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// The status it was seen in.
    pub status: Status,
    /// Since when it had been there.
    pub since: Timestamp,
    /// When the time allowed for that ran out.
    pub due: Timestamp,
}

/// A flag was set or taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flagged {
    /// Which.
    pub flag: Flag,
    /// Whether it is true from now on.
    pub on: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Given on its way to another depot: expected there until it is scanned there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    /// The depot's number.
    pub to: u32,
    /// What the person wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A share of the holding time has passed, and people were told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickupNoticed {
    /// Since when it waits.
    pub since: Timestamp,
    /// Percent of the holding time.
    pub percent: u8,
    /// When that share had passed.
    pub due: Timestamp,
    /// When it goes back; none when it does not by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What a status map that was changed makes of an earlier report. Like a correction it applies to the event it names,
/// whatever its own stamp; of two for one event the later in order counts, and a person's correction goes before both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remapped {
    /// The report.
    #[serde(with = "serde_bytes")]
    pub eid: Eid,
    /// What its code means; nothing when the map doesn't hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Status>,
    /// Whether it changes no status.
    #[serde(default, skip_serializing_if = "is_default")]
    pub info: bool,
    /// The reason code that comes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it counts, where that depends on what it means; nothing leaves the report's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

/// A time that takes the place of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// The time; nothing for the moment the report was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// The number of [`Remapped`]; those of 1 to 99 are the parcel's own.
pub const REMAPPED: u16 = 0x340;

/// Why stored bytes are no event that this release can fold.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// A kind of a later release.
    #[error("parcel event kind {0} is not known to this release; it is folded after an upgrade")]
    UnknownKind(u16),
    /// A schema of a later release.
    #[error(
        "parcel event kind {kind} has schema {schema}, this release reads up to {SCHEMA}; it is folded after an upgrade"
    )]
    LaterSchema {
        /// The kind.
        kind: u16,
        /// Its schema number.
        schema: u16,
    },
    /// The body isn't the map it should be.
    #[error("the body of parcel event kind {kind} can't be read: {source}")]
    Body {
        /// The kind.
        kind: u16,
        /// What the decoder found.
        source: rmp_serde::decode::Error,
    },
}

impl ParcelEvent {
    /// Its number in the log.
    #[must_use]
    pub const fn kind(&self) -> u16 {
        match self {
            Self::Registered(_) => 1,
            Self::Reported(_) => 2,
            Self::Moved(_) => 3,
            Self::Described(_) => 4,
            Self::Noted(_) => 5,
            Self::Corrected(_) => 6,
            Self::Stale(_) => 7,
            Self::Flagged(_) => 8,
            Self::HandedOver(_) => 9,
            Self::PickupNoticed(_) => PICKUP_NOTICED,
            Self::Remapped(_) => REMAPPED,
        }
    }

    /// Its body, a MessagePack map with field names; the same event gives the same bytes everywhere.
    ///
    /// # Errors
    /// When memory for it can't be had; nothing in an event can't be written.
    pub fn encode_body(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        match self {
            Self::Registered(e) => rmp_serde::to_vec_named(e),
            Self::Reported(e) => rmp_serde::to_vec_named(e),
            Self::Moved(e) => rmp_serde::to_vec_named(e),
            Self::Described(e) => rmp_serde::to_vec_named(e),
            Self::Noted(e) => rmp_serde::to_vec_named(e),
            Self::Corrected(e) => rmp_serde::to_vec_named(e),
            Self::Stale(e) => rmp_serde::to_vec_named(e),
            Self::Flagged(e) => rmp_serde::to_vec_named(e),
            Self::HandedOver(e) => rmp_serde::to_vec_named(e),
            Self::PickupNoticed(e) => rmp_serde::to_vec_named(e),
            Self::Remapped(e) => rmp_serde::to_vec_named(e),
        }
    }

    /// Reads a body. Fields that this release doesn't know are passed over.
    ///
    /// # Errors
    /// When the kind or schema is of a later release, or the body is broken.
    pub fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self, EventError> {
        if schema > SCHEMA && ((1..=9).contains(&kind) || [PICKUP_NOTICED, REMAPPED].contains(&kind)) {
            return Err(EventError::LaterSchema { kind, schema });
        }
        Ok(match kind {
            1 => Self::Registered(read(kind, body)?),
            2 => Self::Reported(read(kind, body)?),
            3 => Self::Moved(read(kind, body)?),
            4 => Self::Described(read(kind, body)?),
            5 => Self::Noted(read(kind, body)?),
            6 => Self::Corrected(read(kind, body)?),
            7 => Self::Stale(read(kind, body)?),
            8 => Self::Flagged(read(kind, body)?),
            9 => Self::HandedOver(read(kind, body)?),
            PICKUP_NOTICED => Self::PickupNoticed(read(kind, body)?),
            REMAPPED => Self::Remapped(read(kind, body)?),
            _ => return Err(EventError::UnknownKind(kind)),
        })
    }

    /// When it happened, where somebody claims that: in foreign facts and late posts. It sets the effective time.
    #[must_use]
    pub fn occurred(&self) -> Option<Timestamp> {
        match self {
            Self::Reported(e) => e.at,
            Self::Moved(e) => e.at,
            Self::Registered(_)
            | Self::Described(_)
            | Self::Noted(_)
            | Self::Corrected(_)
            | Self::Stale(_)
            | Self::Flagged(_)
            | Self::HandedOver(_)
            | Self::PickupNoticed(_)
            | Self::Remapped(_) => None,
        }
    }

    /// The event it corrects, or reads anew. Such an event reaches back, so its parcel has to be folded anew from all its events.
    #[must_use]
    pub fn corrects(&self) -> Option<Eid> {
        match self {
            Self::Corrected(e) => Some(e.eid),
            Self::Remapped(e) => Some(e.eid),
            _ => None,
        }
    }
}

fn read<T: DeserializeOwned>(kind: u16, body: &[u8]) -> Result<T, EventError> {
    rmp_serde::from_slice(body).map_err(|source| EventError::Body { kind, source })
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<(ParcelEvent, &'static str)> {
        let at = Timestamp::from_millis(1_520_000_000_000);
        let facts = Facts { items: Some(2), cleared: vec!["to".into()], ..Facts::default() };
        let lisbon = Place { city: Some("Lisboa".into()), ..Place::default() };
        vec![
            (
                ParcelEvent::Registered(Box::new(Registered { number: "RR1".into(), facts: facts.clone() })),
                "82a66e756d626572a3525231a5666163747382a56974656d7302a7636c656172656491a2746f",
            ),
            (
                ParcelEvent::Reported(Box::new(Reported {
                    source: "dpd".into(),
                    raw: Some("07".into()),
                    to: Some(Status::Attempted),
                    info: true,
                    reason: Some("refused".into()),
                    at: Some(at),
                    number: Some("RR1".into()),
                    facts: facts.clone(),
                    milestones: Milestones { carrier_at: Some(at), ..Milestones::default() },
                    location: lisbon.clone(),
                    note: Some("n".into()),
                    digest: Some([3; 16]),
                    ..Reported::default()
                })),
                "8ca6736f75726365a3647064a3726177a23037a2746fa9617474656d70746564a4696e666fc3a6726561736f6ea772656675736564a26174cf00000161e70f6000a66e756d626572a3525231a5666163747382a56974656d7302a7636c656172656491a2746faa6d696c6573746f6e657381aa636172726965725f6174cf00000161e70f6000a86c6f636174696f6e81a463697479a64c6973626f61a46e6f7465a16ea6646967657374c41003030303030303030303030303030303",
            ),
            (
                ParcelEvent::Moved(Moved {
                    to: Status::AtDepot,
                    at: Some(at),
                    location: lisbon,
                    note: Some("n".into()),
                    reason: Some("damaged".into()),
                    forced: true,
                }),
                "86a2746fa861745f6465706f74a26174cf00000161e70f6000a86c6f636174696f6e81a463697479a64c6973626f61a46e6f7465a16ea6726561736f6ea764616d61676564a6666f72636564c3",
            ),
            (
                ParcelEvent::Moved(Moved { to: Status::InTransit, ..Moved::default() }),
                "81a2746faa696e5f7472616e736974",
            ),
            (
                ParcelEvent::Described(Box::new(Described { facts })),
                "81a5666163747382a56974656d7302a7636c656172656491a2746f",
            ),
            (ParcelEvent::Noted(Noted { text: "ol\u{e1}".into() }), "81a474657874a46f6cc3a1"),
            (
                ParcelEvent::Corrected(Corrected {
                    eid: [9; 16],
                    to: Some(Status::Lost),
                    reason: "typo".into(),
                }),
                "83a3656964c41009090909090909090909090909090909a2746fa46c6f7374a6726561736f6ea47479706f",
            ),
            (
                ParcelEvent::Stale(Stale { status: Status::AtDepot, since: at, due: at }),
                "83a6737461747573a861745f6465706f74a573696e6365cf00000161e70f6000a3647565cf00000161e70f6000",
            ),
            (
                ParcelEvent::Flagged(Flagged { flag: Flag::CodDue, on: true, reason: None }),
                "82a4666c6167a7636f645f647565a26f6ec3",
            ),
            (
                ParcelEvent::HandedOver(HandedOver { to: 7, note: Some("n".into()) }),
                "82a2746f07a46e6f7465a16e",
            ),
            (
                ParcelEvent::PickupNoticed(PickupNoticed { since: at, percent: 50, due: at, until: None }),
                "83a573696e6365cf00000161e70f6000a770657263656e7432a3647565cf00000161e70f6000",
            ),
            (
                ParcelEvent::Remapped(Remapped {
                    eid: [9; 16],
                    to: Some(Status::Lost),
                    when: Some(When { at: None }),
                    ..Remapped::default()
                }),
                "83a3656964c41009090909090909090909090909090909a2746fa46c6f7374a47768656e80",
            ),
        ]
    }

    #[test]
    fn each_kind_keeps_the_bytes_it_had_when_it_was_released() {
        for (event, golden) in samples() {
            let body = event.encode_body().unwrap();
            let hex: String = body.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, golden, "{event:?}");
            assert_eq!(ParcelEvent::decode(event.kind(), SCHEMA, &body).unwrap(), event);
        }
    }

    #[test]
    fn fields_of_a_later_release_are_passed_over() {
        for (event, _) in samples() {
            let mut body = event.encode_body().unwrap();
            assert!((0x81..0x8f).contains(&body[0]), "a small map");
            body[0] += 1;
            body.extend_from_slice(b"\xa3new\x92\x01\xc0");
            assert_eq!(ParcelEvent::decode(event.kind(), SCHEMA, &body).unwrap(), event);
        }
    }

    #[test]
    fn what_this_release_can_not_read_is_named() {
        let told =
            |kind, schema, body: &[u8]| ParcelEvent::decode(kind, schema, body).unwrap_err().to_string();
        assert!(told(10, 1, &[0x80]).contains("kind 10 is not known"));
        assert!(told(5, 2, &[0x80]).contains("schema 2"));
        assert!(told(5, 1, &[0x80]).contains("missing field `text`"));
        assert!(told(5, 1, &[]).contains("kind 5 can't be read"));
    }

    #[test]
    fn only_foreign_facts_and_late_posts_claim_a_time() {
        let claimed: Vec<u16> =
            samples().iter().filter(|(e, _)| e.occurred().is_some()).map(|(e, _)| e.kind()).collect();
        assert_eq!(claimed, [2, 3]);
        let correcting: Vec<u16> =
            samples().iter().filter(|(e, _)| e.corrects() == Some([9; 16])).map(|(e, _)| e.kind()).collect();
        assert_eq!(correcting, [6, REMAPPED]);
    }
}
