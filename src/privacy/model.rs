//! The nouns: an erasure, what it is of, and a legal hold.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use utoipa::ToSchema;

use crate::audit::{self, Changed};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::journal::event::{Hlc, SiteRef};
use crate::journal::redaction::{self, Mark, Sealed};
use crate::journal::reference::{Ref, Reference};
use crate::journal::{Aggregate, Cx, Event, Folded, Followed, Stamped};
use crate::store::{Home, Result, StoreError, Table, WriteTx};

/// The kinds of an erasure's events.
pub const KINDS: RangeInclusive<u16> = 0x630..=0x63f;
/// Records of one erasure: its list has to fit into one change.
pub const MAX_SUBJECTS: usize = 1_000;
/// Seals of one erasure that travel; of more than these, those beyond are known where they were made alone.
pub const MAX_SEALS: usize = 20_000;
/// Seals in one change.
pub const SEALS_AT_ONCE: usize = 1_000;
/// Nodes that say of one erasure that they have carried it out.
const MAX_DONE: usize = 2_000;
/// Legal holds there can be.
pub const MAX_HOLDS: usize = 1_000;

/// A record that holds a person's data, and in what capacity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = PersonalRecord)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The kind of record, such as `parcel`.
    pub kind: String,
    /// Which.
    pub id: Id,
    /// As what the person stands in it, such as `recipient`.
    pub role: String,
}

/// What is taken out of records of one kind: said with the erasure, so that nodes of different releases do the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// The kind of record.
    pub kind: String,
    /// The capacity.
    pub role: String,
    /// The places.
    pub paths: Vec<String>,
}

/// Somebody asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Of what.
    pub subjects: Vec<Subject>,
    /// What is taken out of them.
    pub masks: Vec<Mask>,
    /// Why: never who.
    pub reason: String,
    /// The user who asked; nil is the machine's own owner.
    pub by: Id,
    /// By name.
    pub name: String,
}

/// What happens to an erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ErasureEvent {
    /// Somebody asked for it.
    Asked(Box<Asked>),
    /// Somebody else agreed: it is carried out.
    Confirmed {
        /// The user.
        by: Id,
        /// By name.
        name: String,
    },
    /// Somebody did not.
    Refused {
        /// The user.
        by: Id,
        /// By name.
        name: String,
        /// Why.
        reason: String,
    },
    /// What redacted changes look like: their identities and the hashes of what is left.
    Sealed {
        /// One after the other.
        seals: ByteBuf,
    },
    /// A node has carried it out.
    Done {
        /// Changes that it redacted.
        changes: u64,
        /// Other rows and files that it went through.
        traces: u64,
    },
}

fn bad(e: impl std::fmt::Display) -> StoreError {
    StoreError::Codec { what: "erasure event", why: e.to_string() }
}

impl Event for ErasureEvent {
    fn kind(&self) -> u16 {
        KINDS.start()
            + match self {
                Self::Asked(_) => 0,
                Self::Confirmed { .. } => 1,
                Self::Refused { .. } => 2,
                Self::Sealed { .. } => 3,
                Self::Done { .. } => 4,
            }
    }
    fn name(&self) -> &'static str {
        match self {
            Self::Asked(_) => "privacy.erasure_asked",
            Self::Confirmed { .. } => "privacy.erasure_confirmed",
            Self::Refused { .. } => "privacy.erasure_refused",
            Self::Sealed { .. } => "privacy.changes_sealed",
            Self::Done { .. } => "privacy.erasure_done",
        }
    }
    fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec_named(self).map_err(bad)
    }
    fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct By {
            by: Id,
            name: String,
            #[serde(default)]
            reason: String,
        }
        #[derive(Deserialize)]
        struct Seals {
            seals: ByteBuf,
        }
        #[derive(Deserialize)]
        struct Carried {
            changes: u64,
            traces: u64,
        }
        fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
            rmp_serde::from_slice(body).map_err(bad)
        }
        if schema != 1 {
            return Err(bad(format!("schema {schema} is not known to this release")));
        }
        match kind.wrapping_sub(*KINDS.start()) {
            0 => read(body).map(|b| Self::Asked(Box::new(b))),
            1 => read(body).map(|By { by, name, .. }| Self::Confirmed { by, name }),
            2 => read(body).map(|By { by, name, reason }| Self::Refused { by, name, reason }),
            3 => read(body).map(|Seals { seals }| Self::Sealed { seals }),
            4 => read(body).map(|Carried { changes, traces }| Self::Done { changes, traces }),
            _ => Err(bad(format!("kind {kind:#x} is no event of an erasure"))),
        }
    }
}

/// Where an erasure stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ErasureState)]
pub enum State {
    /// A second person is to look at it.
    #[default]
    Asked,
    /// It is carried out, node by node.
    Confirmed,
    /// It is not carried out.
    Refused,
}

/// Who decided something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ErasureDecision)]
pub struct Decision {
    /// The user.
    pub by: Id,
    /// By name.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// A node that has carried an erasure out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ErasureDone)]
pub struct Done {
    /// The node.
    #[schema(value_type = Object)]
    pub site: SiteRef,
    /// When.
    pub at: Timestamp,
    /// Changes that it redacted.
    pub changes: u64,
    /// Other rows and files that it went through.
    pub traces: u64,
}

/// An erasure: the fold of its events. It holds no data of the person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its id.
    pub id: Id,
    /// Where it stands.
    pub state: State,
    /// Of what.
    pub subjects: Vec<Subject>,
    /// What is taken out of them.
    pub masks: Vec<Mask>,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub asked: Option<Decision>,
    /// Who confirmed or refused it.
    pub decided: Option<Decision>,
    /// Where it was confirmed: that node says the seals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<SiteRef>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// It is of changes stamped until then.
    #[serde(default)]
    pub until: Hlc,
    /// What redacted changes look like.
    #[serde(default)]
    pub seals: ByteBuf,
    /// Who has carried it out.
    #[serde(default)]
    pub done: Vec<Done>,
}
first_record!(Erasure);

impl Erasure {
    /// Its seals.
    pub fn sealed(&self) -> impl Iterator<Item = Sealed> + '_ {
        self.seals.chunks_exact(32).filter_map(|c| c.try_into().ok())
    }

    /// What it leaves out of a record.
    #[must_use]
    pub fn mark(&self, subject: &Subject) -> Mark {
        Mark { until: self.until, paths: super::masks::places(&self.masks, subject) }
    }
}

/// Erasures by id.
pub static ERASURES: Table<Id, Folded<Erasure>> = Table::new(222, "erasures", Home::ById);

impl Aggregate for Erasure {
    type Event = ErasureEvent;
    const NAME: &'static str = "erasure";
    const TABLE: &'static Table<Id, Folded<Self>> = &ERASURES;
    const AUDIT: audit::Class = audit::Class::Always;

    fn blank(id: Id) -> Self {
        Self { id, ..Self::default() }
    }

    fn fold(mut self, e: &Stamped<ErasureEvent>) -> Self {
        let at = e.key.at();
        match &e.event {
            ErasureEvent::Asked(asked) if self.asked.is_none() => {
                let Asked { subjects, masks, reason, by, name } = (**asked).clone();
                self.asked = Some(Decision { by, name, at });
                (self.subjects, self.masks, self.reason) = (subjects, masks, reason);
            }
            // Four eyes hold wherever it is folded: nobody confirms what they asked for themselves.
            ErasureEvent::Confirmed { by, name } if self.may_decide(*by) => {
                self.decided = Some(Decision { by: *by, name: name.clone(), at });
                (self.state, self.until, self.home) = (State::Confirmed, e.key.t, Some(e.writer()));
            }
            ErasureEvent::Refused { by, name, reason } if self.state == State::Asked => {
                self.decided = Some(Decision { by: *by, name: name.clone(), at });
                (self.state, self.refusal) = (State::Refused, Some(reason.clone()));
            }
            ErasureEvent::Sealed { seals } if self.seals.len() + seals.len() <= MAX_SEALS * 32 => {
                self.seals.extend_from_slice(seals);
            }
            ErasureEvent::Done { changes, traces } if self.done.len() < MAX_DONE => {
                self.done.retain(|d| d.site != e.writer());
                self.done.push(Done { site: e.writer(), at, changes: *changes, traces: *traces });
            }
            _ => {}
        }
        self
    }

    fn follow(tx: &mut dyn WriteTx, _: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        let confirmed = |e: &Self| e.state == State::Confirmed;
        if confirmed(new) && !old.is_some_and(|o| confirmed(&o.state)) {
            for subject in &new.subjects {
                redaction::mark(tx, subject.id, new.id, &new.mark(subject), &subject.role)?;
            }
            super::work::begin(tx, new.id)?;
        }
        let known = old.map_or(0, |o| o.state.seals.len() / 32);
        for sealed in new.sealed().skip(known) {
            redaction::seal(tx, &sealed, new.id)?;
        }
        Ok(Followed::default())
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let shown = |e: &Self| {
            let name = |d: &Option<Decision>| d.as_ref().map(|d| d.name.clone());
            let state = serde_json::to_value(e.state).unwrap_or_default();
            [
                ("state", state),
                ("records", e.subjects.len().into()),
                ("reason", e.reason.clone().into()),
                ("asked_by", name(&e.asked).into()),
                ("decided_by", name(&e.decided).into()),
                ("refusal", e.refusal.clone().into()),
                ("sealed", (e.seals.len() / 32).into()),
                ("digest", seals_digest(e).into()),
                ("nodes_done", e.done.len().into()),
            ]
        };
        let blank = Self::blank(new.id);
        let pairs = shown(old.unwrap_or(&blank)).into_iter().zip(shown(new));
        pairs.filter(|(b, a)| b.1 != a.1).map(|((n, b), (_, a))| Changed::new(n, b, a)).collect()
    }
}

/// The hash of all seals: what the audit keeps of them.
fn seals_digest(e: &Erasure) -> Option<String> {
    (!e.seals.is_empty()).then(|| blake3::hash(&e.seals).to_hex().to_string())
}

impl Erasure {
    /// Whether `user` may confirm it: a person, and not the one who asked.
    #[must_use]
    pub fn may_decide(&self, user: Id) -> bool {
        self.state == State::Asked && user != Id::NIL && self.asked.as_ref().is_some_and(|a| a.by != user)
    }
}

/// A record that must be kept as it is, whatever a person asks for: by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The kind of record.
    pub kind: String,
    /// What people call it.
    pub label: String,
    /// Why: the case, the claim.
    pub reason: String,
    /// By whom, by name.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// Holds by the id of what they hold.
pub static HOLDS: Table<Id, Folded<Ref<Hold>>> = Table::new(223, "legal_holds", Home::ById);

impl Reference for Hold {
    const NAME: &'static str = "legal_hold";
    const KIND: u16 = 0x1b0;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &HOLDS;
}

/// A subject as text, `kind:id:role`.
#[must_use]
pub fn text_of(s: &Subject) -> String {
    format!("{}:{}:{}", s.kind, s.id, s.role)
}

/// A subject that was written as text.
#[must_use]
pub fn of_text(text: &str) -> Option<Subject> {
    let mut parts = text.splitn(3, ':');
    let (kind, id, role) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Subject { kind: kind.into(), id: id.parse().ok()?, role: role.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::FoldKey;

    fn stamped(t: u64, event: ErasureEvent) -> Stamped<ErasureEvent> {
        let key = FoldKey { eff: t, t, eid: [u8::try_from(t).unwrap(); 16] };
        Stamped { key, site: 1, epoch: 1, actor: 0, event }
    }

    fn asked(by: Id) -> ErasureEvent {
        let subjects = vec![Subject { kind: "parcel".into(), id: Id::fresh(), role: "recipient".into() }];
        ErasureEvent::Asked(Box::new(Asked {
            subjects,
            masks: Vec::new(),
            reason: "a letter".into(),
            by,
            name: "ana".into(),
        }))
    }

    fn confirmed(by: Id) -> ErasureEvent {
        ErasureEvent::Confirmed { by, name: "bea".into() }
    }

    fn folded(events: &[ErasureEvent]) -> Erasure {
        (1..)
            .zip(events)
            .fold(Erasure::blank(Id::fresh()), |e, (t, event)| e.fold(&stamped(t, event.clone())))
    }

    #[test]
    fn nobody_confirms_what_they_asked_for_and_the_machine_confirms_nothing() {
        let (ana, bea) = (Id::fresh(), Id::fresh());
        assert_eq!(folded(&[asked(ana), confirmed(ana)]).state, State::Asked);
        assert_eq!(folded(&[asked(ana), confirmed(Id::NIL)]).state, State::Asked);
        assert_eq!(folded(&[confirmed(bea)]).state, State::Asked);
        let done = folded(&[asked(ana), confirmed(ana), confirmed(bea)]);
        assert_eq!((done.state, done.until), (State::Confirmed, 3));
    }

    #[test]
    fn what_was_decided_stays_decided() {
        let (ana, bea) = (Id::fresh(), Id::fresh());
        let refused = ErasureEvent::Refused { by: bea, name: "bea".into(), reason: "kept by law".into() };
        assert_eq!(folded(&[asked(ana), refused.clone(), confirmed(bea)]).state, State::Refused);
        assert_eq!(folded(&[asked(ana), confirmed(bea), refused]).state, State::Confirmed);
        let again = folded(&[asked(ana), asked(bea), confirmed(bea)]);
        assert_eq!((again.state, again.asked.unwrap().by), (State::Confirmed, ana));
    }

    #[test]
    fn every_event_is_read_as_it_was_written() {
        let all = [
            asked(Id::fresh()),
            confirmed(Id::fresh()),
            ErasureEvent::Refused { by: Id::fresh(), name: "b".into(), reason: "no".into() },
            ErasureEvent::Sealed { seals: ByteBuf::from(vec![7; 64]) },
            ErasureEvent::Done { changes: 3, traces: 4 },
        ];
        for event in all {
            let same = ErasureEvent::decode(event.kind(), 1, &event.encode().unwrap()).unwrap();
            assert_eq!(same, event);
        }
        assert!(ErasureEvent::decode(0x635, 1, &[0x80]).is_err());
    }

    #[test]
    fn one_seal_too_many_is_not_kept() {
        let seals = |n: usize| ErasureEvent::Sealed { seals: ByteBuf::from(vec![1; n * 32]) };
        assert_eq!(folded(&[seals(MAX_SEALS)]).sealed().count(), MAX_SEALS);
        assert_eq!(folded(&[seals(MAX_SEALS), seals(1)]).sealed().count(), MAX_SEALS);
    }

    #[test]
    fn a_subject_is_read_back_from_its_text() {
        let s = Subject { kind: "parcel".into(), id: Id::fresh(), role: "recipient".into() };
        assert_eq!(of_text(&text_of(&s)), Some(s));
        assert!(of_text("parcel:x:recipient").is_none() && of_text("parcel").is_none());
    }
}
