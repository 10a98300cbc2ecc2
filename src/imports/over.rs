//! Rows of what moves over from another system beside parcels and trade: deliveries, users, vehicles, drivers, customers and
//! open cases.

use csv::ByteRecord;

use super::cells::Scribe;
use super::mapping::{Column, Kind};
use super::row::Form;
use crate::base::error::Problem;
use crate::base::text::LONG;
use crate::customers::model::Customer;
use crate::deliveries::inputs::PositionInput;
use crate::deliveries::model::Window;
use crate::fleet::told::{DriverRow, VehicleRow};
use crate::{cases, deliveries, identity};

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// Of a delivery.
    Delivery(Box<deliveries::told::Row>),
    /// Of a user.
    User(Box<identity::told::Row>),
    /// Of a vehicle.
    Vehicle(Box<VehicleRow>),
    /// Of a driver.
    Driver(Box<DriverRow>),
    /// Of a customer; whose system it is of is not said by the row.
    Customer(Box<Customer>),
    /// Of an open case.
    Case(Box<CaseOver>),
}

/// A case, and the parcel it is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaseOver {
    /// What is said of the case.
    pub row: cases::told::Row,
    /// The parcel's number.
    pub parcel: Option<String>,
}

/// Whether a word means yes.
fn is_yes(text: &str) -> Result<bool, String> {
    match text.trim().to_lowercase().as_str() {
        "1" | "true" | "yes" | "y" | "sim" | "s" | "si" | "s\u{ed}" | "active" | "ativo" | "activo" | "x" => {
            Ok(true)
        }
        "0" | "false" | "no" | "n" | "nao" | "n\u{e3}o" | "inactive" | "inativo" | "inactivo" | "-" => {
            Ok(false)
        }
        _ => Err("says neither yes nor no".into()),
    }
}

/// Several things in one cell.
fn listed(text: &str) -> Vec<String> {
    let parts = text.split([';', ',', '|']).map(str::trim).filter(|p| !p.is_empty());
    parts.map(str::to_owned).collect()
}

/// An address in one line of those parts of it that are there.
fn joined(parts: [Option<String>; 5]) -> String {
    parts.into_iter().flatten().filter(|p| !p.trim().is_empty()).collect::<Vec<_>>().join(", ")
}

/// First and last name as one.
fn whole_name(name: Option<String>, surname: Option<String>) -> Option<String> {
    match (name, surname) {
        (Some(name), Some(surname)) => Some(format!("{name} {surname}")),
        (name, surname) => name.or(surname),
    }
}

impl Form {
    /// Reads a record of one of the kinds that move over.
    pub(super) fn over(&self, kind: Kind, record: &ByteRecord) -> Result<Over, Vec<Problem>> {
        match kind {
            Kind::Users => self.user(record),
            Kind::Vehicles => self.vehicle(record),
            Kind::Drivers => self.driver(record),
            Kind::Customers => self.customer(record),
            Kind::Cases => self.case(record),
            _ => self.delivery(record),
        }
    }

    fn delivery(&self, record: &ByteRecord) -> Result<Over, Vec<Problem>> {
        let mut row = Box::new(deliveries::told::Row::default());
        let (mut to, mut from): ([Option<String>; 5], [Option<String>; 5]) = Default::default();
        let (mut at, mut window, mut surname, mut kg) = ([None; 2], [None; 2], None, None);
        let mut s = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            let new = &mut row.new;
            match slot.column {
                Column::ExternalId => row.reference = s.short(slot, text)?,
                Column::OrderId if row.reference.is_empty() => row.reference = s.short(slot, text)?,
                Column::TrackingNumber => new.parcels = listed(&s.text(slot, text, LONG)?),
                Column::Distributor => new.distributor = Some(s.short(slot, text)?),
                Column::Status => row.raw = Some(s.short(slot, text)?),
                Column::StatusAt => row.since = Some(s.time(slot, text)?),
                Column::CreatedAt => row.created_at = Some(s.time(slot, text)?),
                Column::RecipientName => new.customer_name = s.short(slot, text)?,
                Column::RecipientSurname => surname = Some(s.short(slot, text)?),
                Column::RecipientPhone => new.customer_phone = Some(s.short(slot, text)?),
                Column::RecipientEmail => new.customer_email = Some(s.short(slot, text)?),
                Column::ToLine => to[0] = Some(s.text(slot, text, LONG)?),
                Column::ToZip => to[1] = Some(s.short(slot, text)?),
                Column::ToCity => to[2] = Some(s.short(slot, text)?),
                Column::ToState => to[3] = Some(s.short(slot, text)?),
                Column::ToCountry => to[4] = Some(s.short(slot, text)?),
                Column::ToLat => at[0] = Some(s.angle(slot, text)?),
                Column::ToLon => at[1] = Some(s.angle(slot, text)?),
                Column::FromLine => from[0] = Some(s.text(slot, text, LONG)?),
                Column::FromZip => from[1] = Some(s.short(slot, text)?),
                Column::FromCity => from[2] = Some(s.short(slot, text)?),
                Column::WeightG => {
                    let grams = s.weight(slot, text, 0)?;
                    #[allow(clippy::cast_precision_loss)] // a weight has fewer digits than a float
                    let whole = grams as f64 / 1_000.0;
                    kg = Some(whole);
                }
                Column::WeightKg => kg = Some(s.kilograms(slot, text)?),
                Column::Priority => new.priority = Some(s.short(slot, text)?),
                Column::WindowFrom => window[0] = Some(s.time(slot, text)?),
                Column::WindowTo => window[1] = Some(s.time(slot, text)?),
                Column::AssignedTo => new.assigned_to = Some(s.short(slot, text)?),
                Column::Vehicle => new.vehicle = Some(s.short(slot, text)?),
                Column::Attempt => row.attempt = Some(s.count(slot, text)?),
                Column::Reason => row.reason = Some(s.short(slot, text)?),
                Column::Note => new.note = Some(s.text(slot, text, LONG)?),
                _ => {}
            }
            Ok(())
        });
        self.needed(&mut problems, Column::ExternalId, row.reference.is_empty());
        let new = &mut row.new;
        if let Some(surname) = surname {
            new.customer_name = format!("{} {surname}", new.customer_name).trim().to_owned();
        }
        (new.delivery_address, new.pickup_address) = (joined(to), joined(from));
        if new.pickup_address.is_empty() {
            // Mostly it is the depot itself, and a file does not say so.
            "depot".clone_into(&mut new.pickup_address);
        }
        new.package_weight = kg;
        match at {
            [Some(latitude), Some(longitude)] => {
                new.delivery_location = Some(PositionInput { latitude, longitude, accuracy: None });
            }
            [None, None] => {}
            _ => problems
                .push(Problem::new(self.name(Column::ToLat), "a position needs both latitude and longitude")),
        }
        match window {
            [Some(from), Some(to)] => new.time_window = Some(Window { from, to }),
            [None, None] => {}
            _ => problems.push(Problem::new(self.name(Column::WindowFrom), "a window needs both its ends")),
        }
        if problems.is_empty() { Ok(Over::Delivery(row)) } else { Err(problems) }
    }

    fn user(&self, record: &ByteRecord) -> Result<Over, Vec<Problem>> {
        let mut row = Box::new(identity::told::Row::default());
        let (mut name, mut surname) = (None, None);
        let mut s = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            match slot.column {
                Column::Login => row.login = s.short(slot, text)?,
                Column::RecipientName => name = Some(s.short(slot, text)?),
                Column::RecipientSurname => surname = Some(s.short(slot, text)?),
                Column::RecipientEmail => row.email = Some(s.short(slot, text)?),
                Column::Role => row.role = Some(s.short(slot, text)?),
                Column::Language => row.language = Some(s.short(slot, text)?),
                Column::Active => row.active = Some(is_yes(text)?),
                _ => {}
            }
            Ok(())
        });
        row.name = whole_name(name, surname);
        self.needed(&mut problems, Column::Login, row.login.is_empty());
        if problems.is_empty() { Ok(Over::User(row)) } else { Err(problems) }
    }

    fn vehicle(&self, record: &ByteRecord) -> Result<Over, Vec<Problem>> {
        let mut row = Box::new(VehicleRow::default());
        let mut s = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            match slot.column {
                Column::Vehicle => row.name = s.short(slot, text)?,
                Column::Plate => row.plate = Some(s.short(slot, text)?),
                Column::CapacityKg => row.kg = Some(s.kilograms(slot, text)?),
                Column::CapacityPieces => row.pieces = Some(s.count(slot, text)?),
                Column::Skills => row.skills = Some(listed(text)),
                Column::Active => row.active = Some(is_yes(text)?),
                _ => {}
            }
            Ok(())
        });
        self.needed(&mut problems, Column::Vehicle, row.name.is_empty());
        if problems.is_empty() { Ok(Over::Vehicle(row)) } else { Err(problems) }
    }

    fn driver(&self, record: &ByteRecord) -> Result<Over, Vec<Problem>> {
        let mut row = Box::new(DriverRow::default());
        let (mut name, mut surname) = (None, None);
        let mut s = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            match slot.column {
                Column::RecipientName => name = Some(s.short(slot, text)?),
                Column::RecipientSurname => surname = Some(s.short(slot, text)?),
                Column::RecipientPhone => row.phone = Some(s.short(slot, text)?),
                Column::Login => row.login = Some(s.short(slot, text)?),
                Column::Licence => row.licence = Some(s.short(slot, text)?),
                Column::Vehicle => row.vehicle = Some(s.short(slot, text)?),
                Column::Skills => row.skills = Some(listed(text)),
                Column::Active => row.active = Some(is_yes(text)?),
                _ => {}
            }
            Ok(())
        });
        row.name = whole_name(name, surname).unwrap_or_default();
        self.needed(&mut problems, Column::RecipientName, row.name.is_empty());
        if problems.is_empty() { Ok(Over::Driver(row)) } else { Err(problems) }
    }

    fn customer(&self, record: &ByteRecord) -> Result<Over, Vec<Problem>> {
        let mut row = Box::new(Customer::default());
        let (mut name, mut surname) = (None, None);
        let mut s = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            match slot.column {
                Column::CustomerId => row.reference = s.short(slot, text)?,
                Column::RecipientName => name = Some(s.short(slot, text)?),
                Column::RecipientSurname => surname = Some(s.short(slot, text)?),
                Column::RecipientPhone => row.phone = Some(s.short(slot, text)?),
                Column::RecipientEmail => row.email = Some(s.short(slot, text)?),
                Column::ToLine => row.address = Some(s.text(slot, text, LONG)?),
                Column::ToZip => row.zip = Some(s.short(slot, text)?),
                Column::ToCity => row.city = Some(s.short(slot, text)?),
                Column::ToState => row.state = Some(s.short(slot, text)?),
                Column::ToCountry => row.country = Some(s.short(slot, text)?),
                Column::Note => row.note = Some(s.text(slot, text, LONG)?),
                _ => {}
            }
            Ok(())
        });
        row.name = whole_name(name, surname).unwrap_or_default();
        self.needed(&mut problems, Column::CustomerId, row.reference.is_empty());
        if problems.is_empty() { Ok(Over::Customer(row)) } else { Err(problems) }
    }

    fn case(&self, record: &ByteRecord) -> Result<Over, Vec<Problem>> {
        let mut case = Box::new(CaseOver::default());
        let mut s = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            let row = &mut case.row;
            match slot.column {
                Column::ExternalId => row.reference = s.short(slot, text)?,
                Column::TrackingNumber => case.parcel = Some(s.short(slot, text)?),
                Column::Reason => row.reason = Some(s.short(slot, text)?),
                Column::Status => row.raw = Some(s.short(slot, text)?),
                Column::AssignedTo => row.owner = Some(s.short(slot, text)?),
                Column::CreatedAt => row.opened_at = Some(s.time(slot, text)?),
                Column::DueAt => row.due = Some(s.time(slot, text)?),
                Column::Note => row.detail = Some(s.text(slot, text, LONG)?),
                _ => {}
            }
            Ok(())
        });
        self.needed(&mut problems, Column::ExternalId, case.row.reference.is_empty());
        if problems.is_empty() { Ok(Over::Case(case)) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no_are_understood_in_three_languages_and_nothing_else_is_guessed() {
        assert!(["Yes", "1", "sim", "s\u{ed}", "TRUE", "activo"].iter().all(|w| is_yes(w) == Ok(true)));
        assert!(["No", "0", "n\u{e3}o", "false", "inativo"].iter().all(|w| is_yes(w) == Ok(false)));
        assert!(is_yes("perhaps").is_err());
        assert_eq!(listed(" a; b,,c |"), ["a", "b", "c"]);
    }
}
