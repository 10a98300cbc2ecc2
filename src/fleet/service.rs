//! Finding, adding, changing and removing vehicles and drivers.

use super::error::{FleetError, Result};
use super::model::{Driver, Vehicle};
use super::repo;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::{EditDrivers, EditVehicles, Feature};
use crate::identity::grant::{Grant, Scope};
use crate::identity::repo as users;
use crate::journal::Cx;
use crate::journal::reference::{self, Reference};
use crate::store::{ReadTx, WriteTx};

/// Vehicles, and drivers, of a tenant at the most.
pub const MAX_FLEET: usize = 2_000;

/// A vehicle or a driver.
pub trait Member: Reference {
    /// Who may change it.
    type Edit: Feature;
    /// Its name.
    fn name(&self) -> &str;
    /// Forgets what only the caller needed to say.
    #[must_use]
    fn kept(self) -> Self;
    /// Whether it makes sense.
    ///
    /// # Errors
    /// Names every place that is wrong.
    fn check(&self, tx: &dyn ReadTx) -> Result<()>;
}

impl Member for Vehicle {
    type Edit = EditVehicles;
    fn name(&self) -> &str {
        &self.name
    }
    fn kept(self) -> Self {
        Self { version: None, ..self }
    }
    fn check(&self, _: &dyn ReadTx) -> Result<()> {
        Ok(Self::check(self)?)
    }
}

impl Member for Driver {
    type Edit = EditDrivers;
    fn name(&self) -> &str {
        &self.name
    }
    fn kept(self) -> Self {
        Self { version: None, ..self }
    }
    fn check(&self, tx: &dyn ReadTx) -> Result<()> {
        Self::check(self)?;
        if let Some(id) = self.vehicle
            && reference::get::<Vehicle>(tx, id)?.is_none()
        {
            return Err(Invalid::at("/vehicle", format!("there is no vehicle {id}")).into());
        }
        if let Some(id) = self.user
            && users::standing(tx, id, Timestamp::MAX)?.is_none()
        {
            return Err(Invalid::at("/user", format!("there is no user {id}")).into());
        }
        Ok(())
    }
}

/// Refuses a caller who does not see the whole depot.
///
/// # Errors
/// [`FleetError::Scope`].
pub fn whole<F: Feature>(grant: &Grant<F>) -> Result<()> {
    if *grant.scope() == Scope::Tenant { Ok(()) } else { Err(FleetError::Scope) }
}

/// Every one, by name.
///
/// # Errors
/// Storage failures.
pub fn list<T: Member>(tx: &dyn ReadTx) -> Result<Vec<(Id, T, u64)>> {
    let mut all = repo::all::<T>(tx)?;
    all.sort_by(|a, b| a.1.name().cmp(b.1.name()));
    Ok(all)
}

/// The one called `name`, by id or name, with its id and revision.
///
/// # Errors
/// When there is none.
pub fn find<T: Member>(tx: &dyn ReadTx, name: &str) -> Result<(Id, T, u64)> {
    let none = || FleetError::Unknown { what: T::NAME, name: text::clipped(name.to_owned(), text::SHORT) };
    match name.parse::<Id>() {
        Ok(id) => reference::get::<T>(tx, id)?.map(|(t, rev)| (id, t, rev)).ok_or_else(none),
        Err(_) => repo::all::<T>(tx)?.into_iter().find(|(_, t, _)| t.name() == name).ok_or_else(none),
    }
}

/// Adds one.
///
/// # Errors
/// When it makes no sense, its name is taken, or there are [`MAX_FLEET`].
pub fn add<T: Member>(tx: &mut dyn WriteTx, grant: &Grant<T::Edit>, cx: &Cx, new: T) -> Result<(Id, T, u64)> {
    whole(grant)?;
    if repo::all::<T>(tx)?.len() >= MAX_FLEET {
        return Err(FleetError::TooMany(MAX_FLEET));
    }
    keep(tx, cx, Id::fresh(), new)
}

fn keep<T: Member>(tx: &mut dyn WriteTx, cx: &Cx, id: Id, new: T) -> Result<(Id, T, u64)> {
    let new = new.kept();
    new.check(tx)?;
    if let Some((id, ..)) =
        repo::all::<T>(tx)?.iter().find(|(other, t, _)| *other != id && t.name() == new.name())
    {
        return Err(FleetError::Taken { what: T::NAME, name: new.name().to_owned(), id: *id });
    }
    let rev = reference::set(tx, cx, id, Some(new.clone()))?.rev;
    Ok((id, new, rev))
}

fn current(seen: u64, found: u64) -> Result<()> {
    if seen == found { Ok(()) } else { Err(FleetError::Stale { found, seen }) }
}

/// Replaces one by what is said of it now.
///
/// # Errors
/// As [`add`], and when it has changed since revision `seen`.
pub fn replace<T: Member>(
    tx: &mut dyn WriteTx,
    grant: &Grant<T::Edit>,
    cx: &Cx,
    name: &str,
    (seen, new): (u64, T),
) -> Result<(Id, T, u64)> {
    whole(grant)?;
    let (id, _, rev) = find::<T>(tx, name)?;
    current(seen, rev)?;
    keep(tx, cx, id, new)
}

/// Removes one. Routes it drove keep its name.
///
/// # Errors
/// When there is none, or it has changed since revision `seen`.
pub fn remove<T: Member>(
    tx: &mut dyn WriteTx,
    grant: &Grant<T::Edit>,
    cx: &Cx,
    name: &str,
    seen: u64,
) -> Result<()> {
    whole(grant)?;
    let (id, _, rev) = find::<T>(tx, name)?;
    current(seen, rev)?;
    reference::set::<T>(tx, cx, id, None)?;
    Ok(())
}

/// The drivers who are available, by name.
///
/// # Errors
/// Storage failures.
pub fn drivers(tx: &dyn ReadTx) -> Result<Vec<(Id, Driver)>> {
    let all = list::<Driver>(tx)?;
    Ok(all.into_iter().filter(|(_, d, _)| d.available).map(|(id, d, _)| (id, d)).collect())
}
