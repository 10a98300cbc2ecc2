//! Vehicles and drivers of another system that come over here, a row of its file at a time. One that is here by that name is
//! brought up to what the row says; what the row does not say stays.

use super::error::{FleetError, Result};
use super::model::{Driver, Vehicle};
use super::service::{self, Member};
use crate::base::error::Invalid;
use crate::base::verdict::{Beside, Verdict};
use crate::identity::features::{EditDrivers, EditVehicles};
use crate::identity::grant::Grant;
use crate::identity::repo as users;
use crate::journal::Cx;
use crate::store::{ReadTx, WriteTx};

/// What one row says of a vehicle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VehicleRow {
    /// Its name.
    pub name: String,
    /// Its licence plate.
    pub plate: Option<String>,
    /// Kilograms it takes.
    pub kg: Option<f64>,
    /// Pieces it takes.
    pub pieces: Option<u32>,
    /// What it can do.
    pub skills: Option<Vec<String>>,
    /// Whether it can be planned with.
    pub active: Option<bool>,
}

/// What one row says of a driver.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DriverRow {
    /// Their name.
    pub name: String,
    /// The login they use.
    pub login: Option<String>,
    /// Their telephone.
    pub phone: Option<String>,
    /// Their driving licence.
    pub licence: Option<String>,
    /// The name of the vehicle they drive.
    pub vehicle: Option<String>,
    /// What they can do.
    pub skills: Option<Vec<String>>,
    /// Whether they drive.
    pub active: Option<bool>,
}

fn known<T: Member>(tx: &dyn ReadTx, name: &str) -> Result<Option<(T, u64)>> {
    match service::find::<T>(tx, name) {
        Ok((_, found, rev)) => Ok(Some((found, rev))),
        Err(FleetError::Unknown { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

fn keep<T: Member + PartialEq>(
    tx: &mut dyn WriteTx,
    grant: &Grant<T::Edit>,
    cx: &Cx,
    old: Option<(T, u64)>,
    (new, dry): (T, bool),
) -> Result<Verdict> {
    let verdict = match &old {
        Some((old, _)) if *old == new => return Ok(Verdict::Unchanged),
        Some(_) => Verdict::Updated,
        None => Verdict::Created,
    };
    new.check(tx)?;
    if dry {
        return Ok(verdict);
    }
    let name = new.name().to_owned();
    match old {
        Some((_, rev)) => service::replace(tx, grant, cx, &name, (rev, new)).map(drop)?,
        None => service::add(tx, grant, cx, new).map(drop)?,
    }
    Ok(verdict)
}

/// Takes a vehicle in, or with `dry` only says what would become of it.
///
/// # Errors
/// When it makes no sense, or there are too many.
pub fn vehicle(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditVehicles>,
    cx: &Cx,
    row: &VehicleRow,
    dry: bool,
) -> Result<Verdict> {
    let VehicleRow { name, plate, kg, pieces, skills, active } = row;
    let old = known::<Vehicle>(tx, name)?;
    let mut new = match &old {
        Some((old, _)) => old.clone(),
        None => blank(name)?,
    };
    new.plate = plate.clone().or(new.plate);
    new.capacity.kg = kg.or(new.capacity.kg);
    new.capacity.pieces = pieces.or(new.capacity.pieces);
    new.skills = skills.clone().unwrap_or(new.skills);
    new.available = active.unwrap_or(new.available);
    keep(tx, grant, cx, old, (new, dry))
}

/// One of which nothing but the name is known: the rest is as where a request does not say it.
fn blank<T: Member>(name: &str) -> Result<T> {
    serde_json::from_value(serde_json::json!({ "name": name }))
        .map_err(|e| Invalid::at("/name", e.to_string()).into())
}

/// Takes a driver in, or with `dry` only says what would become of it.
///
/// # Errors
/// When it names a user or vehicle nobody knows, makes no sense, or there are too many.
pub fn driver(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditDrivers>,
    cx: &Cx,
    row: &DriverRow,
    dry: bool,
) -> Result<Verdict> {
    let DriverRow { name, login, phone, licence, vehicle, skills, active } = row;
    let old = known::<Driver>(tx, name)?;
    let mut new = match &old {
        Some((old, _)) => old.clone(),
        None => blank(name)?,
    };
    if let Some(login) = login {
        let found = users::by_login(tx, &login.trim().to_lowercase())?;
        let unknown = || Invalid::at("/login", format!("there is no user \"{login}\"; import users first"));
        new.user = Some(found.ok_or_else(unknown)?.id);
    }
    if let Some(vehicle) = vehicle {
        let found = service::find::<Vehicle>(tx, vehicle);
        let unknown =
            |_| Invalid::at("/vehicle", format!("there is no vehicle \"{vehicle}\"; import vehicles first"));
        new.vehicle = Some(found.map_err(unknown)?.0);
    }
    new.phone = phone.clone().or(new.phone);
    new.licence = licence.clone().or(new.licence);
    new.skills = skills.clone().unwrap_or(new.skills);
    new.available = active.unwrap_or(new.available);
    keep(tx, grant, cx, old, (new, dry))
}

/// Whether the one called `name` is here.
///
/// # Errors
/// Storage failures.
pub fn beside<T: Member>(tx: &dyn ReadTx, name: &str) -> Result<Beside> {
    Ok(known::<T>(tx, name)?.map_or(Beside::MISSING, |_| Beside::here()))
}
