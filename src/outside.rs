//! Services outside that this depot leans on, and how each one does: its breaker, when it last answered, why it last did
//! not. Kept in the store, so a restart forgets nothing. The map server and carriers keep theirs with what else is known
//! of them; the breaker is the same one.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::breaker::{Breaker, Standing, Terms};
use crate::base::clock::Timestamp;
use crate::base::text;
use crate::first_record;
use crate::store::table::Checked;
use crate::store::{Home, ReadTx, Result, Table, Tenant, WriteTx};

/// Says whether a tenant's line to the outside is known to be cut.
pub type IsCut = Arc<dyn Fn(Tenant) -> bool + Send + Sync>;

/// The gateway that sends text messages.
pub const SMS: &str = "sms";

/// How one service does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Whether it is asked.
    pub breaker: Breaker,
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// Why it last did not.
    pub trouble: Option<String>,
}
first_record!(Known);

/// Services by name.
pub const SERVICES: Table<str, Known> = Table::new(225, "outside", Home::Local);

/// How the service `name` does.
///
/// # Errors
/// Storage failures.
pub fn known(tx: &dyn ReadTx, name: &str) -> Result<Known> {
    Ok(SERVICES.get(tx, name)?.unwrap_or_default())
}

/// Whether `name` may be asked at `now`; the one probe that decides takes its turn here, for `patience`.
///
/// # Errors
/// Storage failures.
pub fn admit(tx: &mut dyn WriteTx, name: &str, now: Timestamp, patience: Duration) -> Result<Standing> {
    let was = known(tx, name)?;
    let standing = was.breaker.standing(now);
    if standing == Standing::HalfOpen {
        SERVICES.put(tx, name, &Known { breaker: was.breaker.probing(now, patience), ..was })?;
    }
    Ok(standing)
}

/// Notes that `name` answered.
///
/// # Errors
/// Storage failures.
pub fn answered(tx: &mut dyn WriteTx, name: &str, now: Timestamp) -> Result<()> {
    let is = Known { breaker: Breaker::default(), answered_at: Some(now), trouble: None };
    SERVICES.put(tx, name, &is).map(drop)
}

/// Notes that `name` did not answer as it should; says where it stands now.
///
/// # Errors
/// Storage failures.
pub fn failed(tx: &mut dyn WriteTx, name: &str, now: Timestamp, terms: Terms, why: &str) -> Result<Standing> {
    let was = known(tx, name)?;
    let breaker = was.breaker.failed(now, terms, None);
    let trouble = Some(text::clipped(why.to_owned(), text::SHORT));
    SERVICES.put(tx, name, &Known { breaker, trouble, ..was })?;
    Ok(breaker.standing(now))
}

/// A service outside, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = OutsideService)]
pub struct ServiceView {
    /// Its name: `sms`, `maps`, `carrier/dhl`.
    pub name: String,
    /// Whether it is set up.
    pub configured: bool,
    /// closed (it is asked), half_open (asked once, to see) or open (left alone).
    pub breaker: &'static str,
    /// Until when it is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Timestamp>,
    /// When it last answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// Why it last did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl ServiceView {
    /// The view of a service of which this is known.
    #[must_use]
    pub fn of(name: impl Into<String>, configured: bool, known: Known, now: Timestamp) -> Self {
        let Known { breaker, answered_at, trouble } = known;
        let (breaker, open_until) = breaker.standing(now).words();
        Self { name: name.into(), configured, breaker, open_until, answered_at, trouble }
    }
}

/// This room's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&SERVICES]
}
