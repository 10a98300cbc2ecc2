//! What people, and the clock, do to a case. What facts do to it are not events: every node derives that by itself.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::model::{About, AnswerKind, Owner, SlaClock};
use super::reasons::{Fault, Reason};
use super::rules::{CaseId, Resolution};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::deadlines::policy::Tier;
use crate::journal::Event;
use crate::store::{Result, StoreError};

/// The first of the kind numbers that belong to cases; the last is 0x2ff.
pub const FIRST_KIND: u16 = 0x200;

/// One step of a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum CaseEvent {
    /// Somebody, or the depot itself, opened it.
    Opened {
        /// What it is about.
        subject: About,
        /// Why.
        reason: Reason,
        /// In words.
        detail: String,
        /// When.
        at: Timestamp,
        /// The time to first action.
        clock: SlaClock,
    },
    /// Somebody has seen it.
    Acknowledged {},
    /// Somebody works on it.
    Started {},
    /// Nothing to do until then.
    Waited {
        /// When it comes back to the desk.
        until: Timestamp,
        /// For what.
        #[serde(default)]
        note: String,
    },
    /// The wait is over.
    Woken {
        /// When it was to be.
        due: Timestamp,
    },
    /// It is done.
    Resolved {
        /// How it ended.
        resolution: Resolution,
        /// What was done.
        #[serde(default)]
        note: String,
    },
    /// It is not done after all.
    Reopened {
        /// Why.
        why: String,
        /// Although the facts say it is.
        insists: bool,
        /// The time to first action, from now.
        clock: SlaClock,
    },
    /// It is the same matter as another.
    Merged {
        /// The one that lives on.
        into: CaseId,
    },
    /// It is somebody else's now.
    Assigned {
        /// Whose; nobody's when absent.
        #[serde(default)]
        owner: Option<Owner>,
    },
    /// To be remembered.
    Noted {
        /// In any language.
        text: String,
    },
    /// Nobody has begun, and a share of the time has passed.
    Escalated {
        /// Which share: 1 is the first.
        level: u8,
        /// When that was: the key by which two firings are one.
        due: Timestamp,
        /// Whom it goes to; not told by releases before the chain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Tier>,
    },
    /// It is about these parcels too.
    Joined {
        /// Their ids.
        parcels: Vec<Id>,
    },
    /// It is about these parcels no longer.
    Parted {
        /// Their ids.
        parcels: Vec<Id>,
    },
    /// Whose doing it is after all.
    Blamed {
        /// Whose.
        fault: Fault,
    },
    /// It has cost this, on top of what it cost before; less than nothing takes back.
    Costed {
        /// How much.
        amount: Money,
        /// For what.
        #[serde(default)]
        what: String,
    },
    /// Whom it was asked of has answered.
    Answered {
        /// What they want.
        answer: AnswerKind,
        /// In words.
        #[serde(default)]
        note: String,
    },
}

impl Event for CaseEvent {
    fn kind(&self) -> u16 {
        FIRST_KIND
            + match self {
                Self::Opened { .. } => 0,
                Self::Acknowledged {} => 1,
                Self::Started {} => 2,
                Self::Waited { .. } => 3,
                Self::Woken { .. } => 4,
                Self::Resolved { .. } => 5,
                Self::Reopened { .. } => 6,
                Self::Merged { .. } => 7,
                Self::Assigned { .. } => 8,
                Self::Noted { .. } => 9,
                Self::Escalated { .. } => 10,
                Self::Joined { .. } => 11,
                Self::Parted { .. } => 12,
                Self::Blamed { .. } => 13,
                Self::Costed { .. } => 14,
                Self::Answered { .. } => 15,
            }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "case.opened",
            Self::Acknowledged {} => "case.acknowledged",
            Self::Started {} => "case.started",
            Self::Waited { .. } => "case.waited",
            Self::Woken { .. } => "case.woken",
            Self::Resolved { .. } => "case.resolved",
            Self::Reopened { .. } => "case.reopened",
            Self::Merged { .. } => "case.merged",
            Self::Assigned { .. } => "case.assigned",
            Self::Noted { .. } => "case.noted",
            Self::Escalated { .. } => "case.escalated",
            Self::Joined { .. } => "case.joined",
            Self::Parted { .. } => "case.parted",
            Self::Blamed { .. } => "case.blamed",
            Self::Costed { .. } => "case.costed",
            Self::Answered { .. } => "case.answered",
        }
    }

    fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec_named(self).map_err(bad)
    }

    fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
        if schema != 1 {
            return Err(bad(format!("schema {schema} is not known to this release")));
        }
        match kind.wrapping_sub(FIRST_KIND) {
            0 => read(body).map(|b: Opened| Self::Opened {
                subject: b.subject,
                reason: b.reason,
                detail: b.detail,
                at: b.at,
                clock: b.clock,
            }),
            1 => Ok(Self::Acknowledged {}),
            2 => Ok(Self::Started {}),
            3 => read(body).map(|b: Waited| Self::Waited { until: b.until, note: b.note }),
            4 => read(body).map(|b: Woken| Self::Woken { due: b.due }),
            5 => read(body).map(|b: Resolved| Self::Resolved { resolution: b.resolution, note: b.note }),
            6 => read(body).map(|b: Reopened| Self::Reopened {
                why: b.why,
                insists: b.insists,
                clock: b.clock,
            }),
            7 => read(body).map(|b: Merged| Self::Merged { into: b.into }),
            8 => read(body).map(|b: Assigned| Self::Assigned { owner: b.owner }),
            9 => read(body).map(|b: Noted| Self::Noted { text: b.text }),
            10 => read(body).map(|b: Escalated| Self::Escalated { level: b.level, due: b.due, to: b.to }),
            11 => read(body).map(|b: Joined| Self::Joined { parcels: b.parcels }),
            12 => read(body).map(|b: Parted| Self::Parted { parcels: b.parcels }),
            13 => read(body).map(|b: Blamed| Self::Blamed { fault: b.fault }),
            14 => read(body).map(|b: Costed| Self::Costed { amount: b.amount, what: b.what }),
            15 => read(body).map(|b: Answered| Self::Answered { answer: b.answer, note: b.note }),
            _ => Err(bad(format!("kind {kind:#x} is no event of a case"))),
        }
    }
}

/// The bodies by kind, so that no kind is mistaken for another.
macro_rules! bodies {
    ($($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty),+ })+) => {$(
        #[derive(Deserialize)]
        struct $name { $($(#[$meta])* $field: $type),+ }
    )+};
}

bodies! {
    Opened { subject: About, reason: Reason, detail: String, at: Timestamp, clock: SlaClock }
    Waited { until: Timestamp, #[serde(default)] note: String }
    Woken { due: Timestamp }
    Resolved { resolution: Resolution, #[serde(default)] note: String }
    Reopened { why: String, insists: bool, clock: SlaClock }
    Merged { into: CaseId }
    Assigned { #[serde(default)] owner: Option<Owner> }
    Noted { text: String }
    Escalated { level: u8, due: Timestamp, #[serde(default)] to: Option<Tier> }
    Joined { parcels: Vec<Id> }
    Parted { parcels: Vec<Id> }
    Blamed { fault: Fault }
    Costed { amount: Money, #[serde(default)] what: String }
    Answered { answer: AnswerKind, #[serde(default)] note: String }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    rmp_serde::from_slice(body).map_err(bad)
}

fn bad(e: impl std::fmt::Display) -> StoreError {
    StoreError::Codec { what: "case event", why: e.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Id;

    #[test]
    fn every_event_survives_its_encoding_and_has_a_kind_and_name_of_its_own() {
        let (t, clock) = (
            Timestamp::from_millis(7),
            SlaClock { from: Timestamp::ZERO, due: Timestamp::from_millis(9), levels: vec![Timestamp::ZERO] },
        );
        let about = About {
            kind: "parcel".into(),
            id: Id::fresh(),
            label: "RR1".into(),
            distributor: Some("bar".into()),
        };
        let all = [
            CaseEvent::Opened {
                subject: about,
                reason: Reason::Lost,
                detail: "d".into(),
                at: t,
                clock: clock.clone(),
            },
            CaseEvent::Acknowledged {},
            CaseEvent::Started {},
            CaseEvent::Waited { until: t, note: "n".into() },
            CaseEvent::Woken { due: t },
            CaseEvent::Resolved { resolution: Resolution::Claimed, note: "n".into() },
            CaseEvent::Reopened { why: "w".into(), insists: true, clock },
            CaseEvent::Merged { into: CaseId::fresh() },
            CaseEvent::Assigned { owner: Some(Owner { id: Id::fresh(), name: "Ann".into() }) },
            CaseEvent::Noted { text: "t".into() },
            CaseEvent::Escalated { level: 2, due: t, to: Some(Tier::Supervisor) },
            CaseEvent::Joined { parcels: vec![Id::fresh(), Id::fresh()] },
            CaseEvent::Parted { parcels: vec![Id::fresh()] },
            CaseEvent::Blamed { fault: Fault::Shipper },
            CaseEvent::Costed { amount: Money { minor: -7, currency: "EUR".into() }, what: "w".into() },
            CaseEvent::Answered { answer: AnswerKind::Return, note: "n".into() },
        ];
        for (i, event) in all.iter().enumerate() {
            assert_eq!(usize::from(event.kind() - FIRST_KIND), i);
            assert_eq!(&CaseEvent::decode(event.kind(), 1, &event.encode().unwrap()).unwrap(), event);
        }
        // as a release before the chain wrote it
        let old = [&[0x82, 0xa5][..], b"level", &[1, 0xa3], b"due", &[7]].concat();
        assert_eq!(
            CaseEvent::decode(FIRST_KIND + 10, 1, &old).unwrap(),
            CaseEvent::Escalated { level: 1, due: t, to: None }
        );
        let names: std::collections::BTreeSet<_> = all.iter().map(Event::name).collect();
        assert_eq!(names.len(), all.len());
        assert!(
            CaseEvent::decode(FIRST_KIND + 16, 1, &[0x80]).is_err()
                && CaseEvent::decode(FIRST_KIND, 2, &[0x80]).is_err()
        );
    }
}
