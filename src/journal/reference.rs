//! Reference records: users, roles, status maps, rules, calendars. One writer owns them, and each event sets the whole
//! record, so the last in fold order is the record.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::event::Stamped;
use super::fold::{Aggregate, Cx, Event, Folded, Followed, Written, load, record};
use crate::audit::{self, Changed};
use crate::base::ids::Id;
use crate::store::{Never, ReadTx, Record, Result, StoreError, Table, WriteTx};

/// What a reference record says of itself.
pub trait Reference: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    /// Its name in audit and API.
    const NAME: &'static str;
    /// The stable number of its one kind of event.
    const KIND: u16;
    /// Where it is kept.
    const TABLE: &'static Table<Id, Folded<Ref<Self>>>;
    /// Fields whose content never enters the audit.
    const SECRET: &'static [&'static str] = &[];
    /// Keeps what follows from the record: claims on names, caches' revisions.
    ///
    /// # Errors
    /// Storage failures.
    fn follow(tx: &mut dyn WriteTx, id: Id, old: Option<&Self>, new: Option<&Self>) -> Result<()> {
        let _ = (tx, id, old, new);
        Ok(())
    }
}

/// A reference record as an aggregate: set, or removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ref<T> {
    /// Its id.
    pub id: Id,
    /// The record; none once it is removed.
    pub value: Option<T>,
}

impl<T: Reference> Record for Ref<T> {
    type Previous = Never;
    fn upgrade(old: Never) -> Self {
        match old {}
    }
}

/// The one event of a reference record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Set<T> {
    /// The whole record; none removes it.
    #[serde(rename = "d")]
    pub value: Option<T>,
}

impl<T: Reference> Event for Set<T> {
    fn kind(&self) -> u16 {
        T::KIND
    }
    fn name(&self) -> &'static str {
        if self.value.is_some() { "record.set" } else { "record.removed" }
    }
    fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec_named(self).map_err(|e| StoreError::Codec { what: T::NAME, why: e.to_string() })
    }
    fn decode(_: u16, _: u16, body: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(body).map_err(|e| StoreError::Codec { what: T::NAME, why: e.to_string() })
    }
}

impl<T: Reference> Aggregate for Ref<T> {
    type Event = Set<T>;
    const NAME: &'static str = T::NAME;
    const TABLE: &'static Table<Id, Folded<Self>> = T::TABLE;
    const AUDIT: audit::Class = audit::Class::Always;

    fn blank(id: Id) -> Self {
        Self { id, value: None }
    }
    fn fold(mut self, e: &Stamped<Set<T>>) -> Self {
        self.value.clone_from(&e.event.value);
        self
    }
    fn follow(tx: &mut dyn WriteTx, _: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        T::follow(tx, new.id, old.and_then(|o| o.state.value.as_ref()), new.value.as_ref())?;
        Ok(Followed::default())
    }
    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        audit::compare(old.and_then(|o| o.value.as_ref()), new.value.as_ref(), T::SECRET)
    }
}

/// The record `id` with its revision.
///
/// # Errors
/// Storage failures.
pub fn get<T: Reference>(tx: &dyn ReadTx, id: Id) -> Result<Option<(T, u64)>> {
    let entry = T::TABLE.entry(tx, &id)?;
    Ok(entry.and_then(|e| e.value.state.value.map(|v| (v, e.rev))))
}

/// Sets (or with none removes) the record `id`; nothing is written when it is so already.
///
/// # Errors
/// Storage failures.
pub fn set<T: Reference>(tx: &mut dyn WriteTx, cx: &Cx, id: Id, value: Option<T>) -> Result<Written<Ref<T>>> {
    let old = T::TABLE.entry(tx, &id)?;
    if let Some(old) = &old
        && old.value.state.value == value
    {
        let state = old.value.state.clone();
        return Ok(Written { state, rev: old.rev, eids: Vec::new(), opened: Vec::new() });
    }
    let row = load::<Ref<T>>(tx, id)?;
    record(tx, cx, id, row, vec![Set { value }])
}
