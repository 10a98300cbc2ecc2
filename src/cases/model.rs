//! A case: what needs a person, in whose hands it is, and how far it has come.
//!
//! A case stands on two legs that never touch each other's fields. What facts say (subject, reason, cause, withdrawal)
//! is the base; what people did is the fold of their steps over it. [`Case::state`] follows from both, so it is the same
//! on every node whether a fact or a step came first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reasons::{Fault, Reason};
use super::rules::{CaseId, Resolution, State};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::deadlines::due::DueKind;
use crate::deadlines::policy::Tier;
use crate::journal::Eid;

/// Notes a row keeps, the newest; the history has them all.
pub const MAX_NOTES: usize = 20;

/// What a case is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct About {
    /// The kind of record, such as `parcel`; `depot` for the depot itself.
    pub kind: String,
    /// Which; the nil id when it is about no record.
    pub id: Id,
    /// The name people know it by: a tracking number, a job, a disk.
    pub label: String,
    /// Whose it is, for partners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
}

/// The kind of what the depot itself raises.
pub const DEPOT: &str = "depot";
/// The kind of a bulk case: about many parcels at once, which it names in [`Case::parcels`].
pub const PARCELS: &str = "parcels";

/// What the shipper or partner wants done, when they were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// Bring it to another address.
    NewAddress,
    /// Try once more.
    Redeliver,
    /// Send it back.
    Return,
    /// Destroy it.
    Dispose,
    /// Something else; the note says what.
    Other,
}

impl AnswerKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::NewAddress, Self::Redeliver, Self::Return, Self::Dispose, Self::Other];
}

/// An answer that has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Answer {
    /// What they want.
    pub kind: AnswerKind,
    /// When it came.
    pub at: Timestamp,
    /// By whom: the writer's number at the site it was written at.
    pub by: u32,
}

/// The fact a case follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The change it comes from.
    #[serde(with = "serde_bytes")]
    pub eid: Eid,
    /// When it took effect.
    pub at: Timestamp,
}

/// In whose hands a case is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Owner {
    /// The user.
    pub id: Id,
    /// The name to show.
    pub name: String,
}

/// The time to first action, worked out when the case came to the desk and kept: later rules don't move a promise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaClock {
    /// When it came to the desk.
    pub from: Timestamp,
    /// When the first action is due.
    pub due: Timestamp,
    /// When it escalates, level by level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<Timestamp>,
}

impl SlaClock {
    /// The highest level reached at `now`; 0 for none.
    #[must_use]
    pub fn level_at(&self, now: Timestamp) -> u8 {
        u8::try_from(self.levels.iter().filter(|at| **at <= now).count()).unwrap_or(u8::MAX)
    }

    /// When `level` is reached; none when there is no such level.
    #[must_use]
    pub fn level(&self, level: u8) -> Option<Timestamp> {
        self.levels.get(usize::from(level).checked_sub(1)?).copied()
    }
}

/// Something to be remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Note {
    /// When it was written.
    pub at: Timestamp,
    /// The writer's number at the site it was written at; 0 is the system.
    pub by: u32,
    /// In any language.
    pub text: String,
}

/// A case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// What it is about.
    pub subject: About,
    /// Why.
    pub reason: Reason,
    /// In words.
    pub detail: String,
    /// When the matter began; for a fact of an old file that may be years ago.
    pub opened_at: Timestamp,
    /// The fact it follows from; none when somebody opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// When this node learned that the fact is gone: the one field that nodes may differ in, and nothing but its being
    /// there counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
    /// The clock it was opened with.
    pub clock: SlaClock,

    /// Where it stands: what follows from steps and facts together.
    pub state: State,
    /// Where people's steps alone have brought it.
    pub stage: State,
    /// The clock since it was last reopened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<SlaClock>,
    /// Somebody reopened it although its fact was gone, so that the facts don't close it any more.
    #[serde(default)]
    pub insisted: bool,
    /// In whose hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// How often it has escalated since it came to the desk.
    #[serde(default)]
    pub level: u8,
    /// Until when it waits, while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_until: Option<Timestamp>,
    /// How it ended, when a person ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// The case it lives on in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<CaseId>,
    /// When somebody first did something about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_action_at: Option<Timestamp>,
    /// When a person ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// How often it came back.
    #[serde(default)]
    pub reopened: u32,
    /// The newest notes, oldest first, at most [`MAX_NOTES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// How many notes were written.
    #[serde(default)]
    pub notes_count: u32,
    /// The parcels of a bulk case, in the order of their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parcels: Vec<Id>,
    /// Whose doing it is, where somebody said other than the reason does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blamed: Option<Fault>,
    /// What it has cost so far, in minor units by currency.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, i64>,
    /// Whom its last escalation went to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The last answer of whom it was asked of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

impl Case {
    /// A case nothing is known of yet.
    #[must_use]
    pub fn new(id: CaseId) -> Self {
        Self {
            id,
            subject: About::default(),
            reason: Reason::Unspecified,
            detail: String::new(),
            opened_at: Timestamp::ZERO,
            cause: None,
            withdrawn_at: None,
            clock: SlaClock::default(),
            state: State::Open,
            stage: State::Open,
            again: None,
            insisted: false,
            owner: None,
            level: 0,
            waiting_until: None,
            resolution: None,
            merged_into: None,
            first_action_at: None,
            resolved_at: None,
            reopened: 0,
            notes: Vec::new(),
            notes_count: 0,
            parcels: Vec::new(),
            blamed: None,
            costs: BTreeMap::new(),
            tier: None,
            answer: None,
        }
    }

    /// Whose doing it is, as far as is known.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.blamed.unwrap_or(self.reason.rule().fault)
    }

    /// What it has cost, one amount a currency.
    #[must_use]
    pub fn costs(&self) -> Vec<Money> {
        let of = |(currency, minor): (&String, &i64)| Money { minor: *minor, currency: currency.clone() };
        self.costs.iter().map(of).collect()
    }

    /// Whether it is about many parcels at once.
    #[must_use]
    pub fn is_bulk(&self) -> bool {
        self.subject.kind == PARCELS
    }

    /// The parcels it is about: its one subject, or those of a bulk case.
    #[must_use]
    pub fn about_parcels(&self) -> &[Id] {
        match self.subject.kind.as_str() {
            "parcel" => std::slice::from_ref(&self.subject.id),
            PARCELS => &self.parcels,
            _ => &[],
        }
    }

    /// The clock that runs now.
    #[must_use]
    pub fn running(&self) -> &SlaClock {
        self.again.as_ref().unwrap_or(&self.clock)
    }

    /// When it ended, by a person's step or because its fact went; none while it is open.
    #[must_use]
    pub fn closed_at(&self) -> Option<Timestamp> {
        (!self.state.is_open()).then(|| self.resolved_at.or(self.withdrawn_at).unwrap_or(self.opened_at))
    }

    /// Whether the first action is overdue at `now`.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.state == State::Open && self.running().due < now
    }

    /// The one deadline it has: the next escalation while nobody has begun, the end of its wait while it waits.
    #[must_use]
    pub fn deadline(&self) -> Option<(DueKind, Timestamp)> {
        match self.state {
            State::Open => self.running().level(self.level + 1).map(|at| (DueKind::Escalation, at)),
            State::Waiting => self.waiting_until.map(|at| (DueKind::Waiting, at)),
            State::Acknowledged | State::InProgress | State::Resolved | State::Merged => None,
        }
    }

    /// Says anew where it stands: a fact that is gone closes what people left open, unless they insist.
    #[must_use]
    pub fn settled(mut self) -> Self {
        let gone = self.withdrawn_at.is_some() && !self.insisted;
        self.state = if gone && self.stage.is_open() { State::Resolved } else { self.stage };
        self
    }
}
