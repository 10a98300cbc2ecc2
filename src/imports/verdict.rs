//! What becomes of one row: taken in, only looked at, or laid beside what is known here.

use std::sync::Arc;

use super::over::{CaseOver, Over};
use super::row::{Row, StatusRow};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Problem};
use crate::base::ids::Id;
use crate::base::verdict::{Beside, Verdict};
use crate::cases::model::About;
use crate::cases::service::CaseError;
use crate::customers::model::Customer;
use crate::customers::service::CustomerError;
use crate::deliveries::error::DeliveryError;
use crate::fleet::error::FleetError;
use crate::fleet::model::{Driver, Vehicle};
use crate::freight::error::FreightError;
use crate::freight::{intake, take};
use crate::identity::IdentityError;
use crate::identity::features::Feature;
use crate::identity::grant::{Denied, Grant, Principal, Scope};
use crate::identity::repo as users;
use crate::journal::Cx;
use crate::orders::error::OrderError;
use crate::orders::told;
use crate::parcels::error::ParcelError;
use crate::parcels::maps::Compiled;
use crate::parcels::model::Place;
use crate::parcels::report::{self, Made, Report};
use crate::store::{ReadTx, StoreError, Tenant, WriteTx};
use crate::{cases, customers, deliveries, fleet, identity, parcels};

/// What a row tells, as the area it is about takes it in.
pub(super) enum Told {
    /// Of a parcel.
    Parcel(Box<Report>),
    /// Of a waybill.
    Waybill(Box<intake::Row>),
    /// Of an order, a product, a category or stock.
    Trade(told::Row),
    /// Of what else moves over.
    Over(Over),
}

/// What a row came to.
pub(super) enum Outcome {
    /// It has a verdict; these changes can be taken back.
    Taken(Verdict, Vec<Made>),
    /// It can't be taken, for these reasons.
    Refused(Vec<Problem>),
}

/// What rows are judged by.
pub(super) struct Desk<'a> {
    /// Who told them.
    pub(super) source: &'a str,
    /// What its words mean.
    pub(super) map: &'a Compiled,
    /// The stamp its rows begin at.
    pub(super) begun: u64,
    /// Whether it is only said what would happen.
    pub(super) dry: bool,
    /// In whose name.
    pub(super) who: Option<&'a Arc<Principal>>,
}

/// Whoever has to answer for the import, with the rights of this moment; none when they have gone.
///
/// # Errors
/// Storage failures.
pub(super) fn answers_for(
    tx: &dyn ReadTx,
    tenant: Tenant,
    by: Id,
    now: Timestamp,
) -> Result<Option<Arc<Principal>>, StoreError> {
    if by == Id::NIL {
        return Ok(Some(Arc::new(Principal::system(tenant))));
    }
    let Some(standing) = users::standing(tx, by, now)?.filter(users::Standing::is_admitted) else {
        return Ok(None);
    };
    let actor = standing.actor(None);
    let language = standing.user.language.clone();
    let (features, scope) = (standing.features, standing.scope);
    Ok(Some(Arc::new(Principal { tenant, actor, features, scope, language, session: None })))
}

/// Why a row of any kind can't be taken: in words, or because the store can't.
enum No {
    Row(Vec<Problem>),
    Store(StoreError),
}

/// The refusal that an area's error is.
macro_rules! refusals {
    ($($error:ident),+) => {$(
        impl From<$error> for No {
            fn from(e: $error) -> Self {
                match e {
                    $error::Store(e) => Self::Store(e),
                    other => Self::of(&other),
                }
            }
        }
    )+};
}

refusals!(OrderError, DeliveryError, FleetError, CaseError, CustomerError, IdentityError, ParcelError);

impl From<StoreError> for No {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<Denied> for No {
    fn from(e: Denied) -> Self {
        Self::Row(vec![Problem::new("", e.to_string())])
    }
}

impl No {
    fn of<E: Fault + ToString>(e: &E) -> Self {
        let fields = e.fields();
        Self::Row(if fields.is_empty() { vec![Problem::new("", e.to_string())] } else { fields })
    }
}

impl Desk<'_> {
    /// Takes a row in, or only looks at it.
    ///
    /// # Errors
    /// Storage failures.
    pub(super) fn judge(&self, tx: &mut dyn WriteTx, cx: &Cx, told: &Told) -> Result<Outcome, StoreError> {
        let verdict = match told {
            Told::Parcel(r) if self.dry => {
                let verdict = report::preview(tx, self.source, self.map, cx.now, r).map_err(store_error)?;
                return Ok(Outcome::Taken(verdict, Vec::new()));
            }
            Told::Parcel(r) => {
                let taken =
                    report::take(tx, cx, self.source, self.map, self.begun, r).map_err(store_error)?;
                return Ok(Outcome::Taken(taken.0, taken.1));
            }
            Told::Waybill(row) => {
                let (verdict, made) = waybill(tx, cx, row, self.dry)?;
                return Ok(Outcome::Taken(verdict, made));
            }
            Told::Trade(row) => told::take(tx, cx, self.source, row, self.dry).map_err(No::from),
            Told::Over(row) => self.over(tx, cx, row),
        };
        match verdict {
            Ok(verdict) => Ok(Outcome::Taken(verdict, Vec::new())),
            Err(No::Row(problems)) => Ok(Outcome::Refused(problems)),
            Err(No::Store(e)) => Err(e),
        }
    }

    fn grant<F: Feature>(&self) -> Result<Grant<F>, No> {
        let gone =
            || No::Row(vec![Problem::new("", "whoever imports the file may do nothing here any more")]);
        Ok(self.who.ok_or_else(gone)?.grant::<F>()?)
    }

    /// What moves over says how things stand: nobody is told of it.
    fn over(&self, tx: &mut dyn WriteTx, cx: &Cx, row: &Over) -> Result<Verdict, No> {
        let cx = &Cx { quiet: true, ..cx.clone() };
        Ok(match row {
            Over::Delivery(r) => deliveries::told::take(tx, &self.grant()?, cx, self.source, r, self.dry)?,
            Over::User(r) => identity::told::take(tx, &self.grant()?, cx, r, self.dry)?,
            Over::Vehicle(r) => fleet::told::vehicle(tx, &self.grant()?, cx, r, self.dry)?,
            Over::Driver(r) => fleet::told::driver(tx, &self.grant()?, cx, r, self.dry)?,
            Over::Customer(r) => customers::service::take(tx, cx, &self.customer(r), self.dry)?,
            Over::Case(r) => {
                let CaseOver { row, parcel } = &**r;
                let subject = parcel.as_deref().map(|p| about(tx, p)).transpose()?;
                let told = (self.source, row);
                match cases::told::take(tx, &self.grant()?, cx, told, subject, self.dry)? {
                    true => Verdict::Created,
                    false => Verdict::Unchanged,
                }
            }
        })
    }

    fn customer(&self, row: &Customer) -> Customer {
        Customer { source: self.source.to_owned(), ..row.clone() }
    }

    /// Lays a row beside what is known here of what it is about: its word for where that is, and where it is here.
    ///
    /// # Errors
    /// Storage failures.
    pub(super) fn compare(&self, tx: &dyn ReadTx, told: &Told) -> Result<(String, Beside), StoreError> {
        let word = |raw: &Option<String>| raw.clone().unwrap_or_default();
        let source = self.source;
        Ok(match told {
            Told::Parcel(r) => (word(&r.raw), report::beside(tx, self.map, r).map_err(store_error)?),
            Told::Waybill(row) => {
                let known = matches!(take::preview(tx, row), Ok(v) if !matches!(v, take::Verdict::Created));
                (String::new(), if known { Beside::here() } else { Beside::MISSING })
            }
            Told::Trade(row) => {
                let raw = match row {
                    told::Row::Order(r) => word(&r.raw),
                    _ => String::new(),
                };
                let beside = told::beside(tx, source, row).map_err(|e| match e {
                    OrderError::Store(e) => e,
                    other => StoreError::Corrupt(other.to_string()),
                })?;
                (raw, beside)
            }
            Told::Over(Over::Delivery(r)) => (word(&r.raw), deliveries::told::beside(tx, source, r)?),
            Told::Over(Over::User(r)) => (String::new(), identity::told::beside(tx, r)?),
            Told::Over(Over::Vehicle(r)) => (String::new(), fleet_beside::<Vehicle>(tx, &r.name)?),
            Told::Over(Over::Driver(r)) => (String::new(), fleet_beside::<Driver>(tx, &r.name)?),
            Told::Over(Over::Customer(r)) => {
                (String::new(), customers::service::beside(tx, &self.customer(r))?)
            }
            Told::Over(Over::Case(r)) => (word(&r.row.raw), cases::told::beside(tx, source, &r.row)?),
        })
    }
}

fn fleet_beside<T: fleet::service::Member>(tx: &dyn ReadTx, name: &str) -> Result<Beside, StoreError> {
    fleet::told::beside::<T>(tx, name).map_err(|e| match e {
        FleetError::Store(e) => e,
        other => StoreError::Corrupt(other.to_string()),
    })
}

/// The parcel a case is about.
fn about(tx: &dyn ReadTx, number: &str) -> Result<About, No> {
    let (found, _) = parcels::service::find(tx, &Scope::Tenant, number)?;
    let p = found.value.state;
    Ok(About { kind: "parcel".into(), id: p.id.0, label: p.number, distributor: p.facts.distributor })
}

/// Takes in, or only looks at, what a row says of a waybill.
fn waybill(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    row: &intake::Row,
    dry: bool,
) -> Result<(Verdict, Vec<Made>), StoreError> {
    let done = if dry { take::preview(tx, row).map(|v| (v, Vec::new())) } else { take::take(tx, cx, row) };
    let (verdict, made) = done.map_err(|e| match e {
        FreightError::Store(e) => e,
        other => StoreError::Corrupt(other.to_string()),
    })?;
    let verdict = match verdict {
        take::Verdict::Created => Verdict::Created,
        take::Verdict::Updated => Verdict::Updated,
        take::Verdict::Unchanged => Verdict::Unchanged,
    };
    Ok((verdict, made.into_iter().map(|(id, eid)| Made { parcel: id, eid }).collect()))
}

/// A foreign report is never refused for what it says; what remains are failures of the store.
pub(super) fn store_error(e: ParcelError) -> StoreError {
    match e {
        ParcelError::Store(e) => e,
        other => StoreError::Corrupt(other.to_string()),
    }
}

/// What a row tells.
pub(super) fn told_by(row: Row) -> Told {
    let report = match row {
        Row::Waybill(row) => return Told::Waybill(row),
        Row::Trade(row) => return Told::Trade(row),
        Row::Over(row) => return Told::Over(row),
        Row::Parcel(p) => Report {
            number: p.number,
            raw: p.raw_status,
            at: p.status_at,
            facts: p.facts,
            milestones: p.milestones,
            digest: p.digest,
            ..Report::default()
        },
        Row::Status(s) => of_status(s),
    };
    Told::Parcel(Box::new(report))
}

fn of_status(s: StatusRow) -> Report {
    Report {
        number: Some(s.number),
        raw: Some(s.raw_status),
        at: s.at,
        note: s.note,
        digest: s.digest,
        location: Place { line: s.location, ..Place::default() },
        ..Report::default()
    }
}
