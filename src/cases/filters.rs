//! Filters of the work queue that a user has saved. They are the user's own and stay at this node.

use serde::{Deserialize, Serialize};

use super::reasons::{Fault, Group, Reason};
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::deadlines::policy::Tier;
use crate::first_record;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Table, WriteTx};

use super::service::CaseError;

/// Filters one user may have.
pub const MAX_SAVED: usize = 50;

/// Which cases a list shows, as a query or a saved filter says it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// A state, or active, or closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// For this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// For a reason of this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    /// Whose fault it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Whom its last escalation went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalated_to: Option<Tier>,
    /// me, none or a user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// A distributor's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    /// Only those whose first action is overdue, or only the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<bool>,
    /// Only those about many parcels, or only the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk: Option<bool>,
    /// Only those that began at least so many hours ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than_hours: Option<u32>,
}

impl Filter {
    /// This filter, and `saved` where it says nothing.
    #[must_use]
    pub fn or(self, saved: Self) -> Self {
        Self {
            state: self.state.or(saved.state),
            reason: self.reason.or(saved.reason),
            group: self.group.or(saved.group),
            fault: self.fault.or(saved.fault),
            escalated_to: self.escalated_to.or(saved.escalated_to),
            owner: self.owner.or(saved.owner),
            distributor: self.distributor.or(saved.distributor),
            overdue: self.overdue.or(saved.overdue),
            bulk: self.bulk.or(saved.bulk),
            older_than_hours: self.older_than_hours.or(saved.older_than_hours),
        }
    }

    /// Checks the texts of a filter that is to be saved.
    ///
    /// # Errors
    /// Names the one that is too long.
    fn check(&self) -> Result<(), Invalid> {
        let texts = [("/state", &self.state), ("/owner", &self.owner), ("/distributor", &self.distributor)];
        let wrong: Vec<Problem> = texts
            .into_iter()
            .filter_map(|(at, t)| text::optional(at, t.as_deref()?, text::SHORT).err())
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

/// A filter with its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Saved {
    /// Its name, the user's own.
    pub name: String,
    /// The filter.
    pub filter: Filter,
}
first_record!(Saved);

/// Filters by user and name.
pub const FILTERS: Table<[u8], Saved> = Table::new(131, "case_filters", Home::Local);

fn key(user: Id, name: &str) -> Vec<u8> {
    [&user.0[..], name.as_bytes()].concat()
}

/// The filters of `user`, by name.
///
/// # Errors
/// Storage failures.
pub fn all(tx: &dyn ReadTx, user: Id) -> Result<Vec<Saved>, CaseError> {
    let rows = FILTERS.scan(tx, Ix::Primary, &KeyRange::prefix(&user.0), Dir::Up, MAX_SAVED)?;
    Ok(rows.items.into_iter().map(|e| e.value).collect())
}

/// The filter `name` of `user`.
///
/// # Errors
/// When there is none; storage failures.
pub fn named(tx: &dyn ReadTx, user: Id, name: &str) -> Result<Filter, CaseError> {
    let found = FILTERS.get(tx, &key(user, name))?;
    found.map(|s| s.filter).ok_or_else(|| {
        Invalid::at("?saved", format!("there is no filter \"{name}\"; GET /case-filters lists yours")).into()
    })
}

/// Saves a filter under a name, in the place of one that has it.
///
/// # Errors
/// A name that is blank or too long, one filter too many.
pub fn save(tx: &mut dyn WriteTx, user: Id, saved: &Saved) -> Result<(), CaseError> {
    text::required("/name", &saved.name, text::SHORT).map_err(|p| Invalid(vec![p]))?;
    saved.filter.check()?;
    let pk = key(user, &saved.name);
    if FILTERS.get(tx, &pk)?.is_none() && all(tx, user)?.len() >= MAX_SAVED {
        return Err(CaseError::TooManyFilters);
    }
    FILTERS.put(tx, &pk, saved)?;
    Ok(())
}

/// Removes a filter; true when there was one.
///
/// # Errors
/// Storage failures.
pub fn remove(tx: &mut dyn WriteTx, user: Id, name: &str) -> Result<bool, CaseError> {
    Ok(FILTERS.del(tx, &key(user, name))?)
}
