//! From a cell to the value it means, and each value once more for the row's digest.

use jiff::tz::TimeZone;

use super::column::{Column, Iso};
use super::dates::{self, DateForm};
use super::row::ParcelRow;
use super::{numbers, shown};
use crate::base::clock::Timestamp;
use crate::base::money::{Money, decimals, scaled};
use crate::base::text::{LONG, SHORT};
use crate::base::units::Grams;

/// One column that is read.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) index: usize,
    pub(super) column: Column,
    pub(super) header: String,
    pub(super) dates: DateForm,
    pub(super) comma: bool,
}

/// Reads cells into values and writes down each value for the digest.
pub(super) struct Scribe<'a> {
    zone: &'a TimeZone,
    canon: Vec<u8>,
    currency: Option<Iso>,
    pub(super) to: [Option<f64>; 2],
    pub(super) from: [Option<f64>; 2],
}

impl<'a> Scribe<'a> {
    /// Times without a zone are meant in `zone`, amounts without a currency in `currency`.
    pub(super) fn new(zone: &'a TimeZone, currency: Option<Iso>) -> Self {
        Self { zone, canon: Vec::with_capacity(1024), currency, to: [None; 2], from: [None; 2] }
    }

    /// Writes down a value under its name; lengths keep neighbours apart.
    fn write(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            self.canon.extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.canon.extend_from_slice(part);
        }
    }

    pub(super) fn digest(&self) -> [u8; 16] {
        let mut digest = [0; 16];
        digest.copy_from_slice(&blake3::hash(&self.canon).as_bytes()[..16]);
        digest
    }

    pub(super) fn text(&mut self, slot: &Slot, text: &str, most: usize) -> Result<String, String> {
        if text.len() > most {
            return Err(format!("is {} bytes long; at most {most} are kept", text.len()));
        }
        self.write(slot.column.stem(), text.as_bytes());
        Ok(text.to_owned())
    }

    pub(super) fn short(&mut self, slot: &Slot, text: &str) -> Result<String, String> {
        self.text(slot, text, SHORT)
    }

    pub(super) fn time(&mut self, slot: &Slot, text: &str) -> Result<Timestamp, String> {
        let at = dates::read(text, slot.dates, self.zone)?;
        self.write(slot.column.stem(), &at.millis().to_le_bytes());
        Ok(at)
    }

    /// A number in units of `10^-places`; `rounded` says that smaller parts are rounded, half away from zero.
    fn scaled(slot: &Slot, text: &str, places: u32, rounded: bool) -> Result<i64, String> {
        const FINER: u32 = 6;
        let sign = if slot.comma { "comma" } else { "point" };
        let wrong =
            |why: &str| format!("\"{}\" is not read as a number with a decimal {sign}: {why}", shown(text));
        let plain = numbers::plain(text, slot.comma).ok_or_else(|| wrong("it is not a decimal number"))?;
        match scaled(&plain, places) {
            Err(_) if rounded => {
                // Digits beyond those can't change which way it is rounded.
                let point = plain.find('.').map_or(plain.len(), |at| at + 1 + (places + FINER) as usize);
                let fine = scaled(plain.get(..point).unwrap_or(&plain), places + FINER).map_err(wrong)?;
                let unit = 10_i64.pow(FINER);
                Ok(fine.saturating_add(fine.signum() * unit / 2) / unit)
            }
            other => other.map_err(wrong),
        }
    }

    pub(super) fn count<T: TryFrom<i64>>(&mut self, slot: &Slot, text: &str) -> Result<T, String> {
        let n = Self::scaled(slot, text, 0, false)?;
        let count = T::try_from(n)
            .map_err(|_| format!("{n} is out of range: it must not be negative nor beyond counting"))?;
        self.write(slot.column.stem(), &n.to_le_bytes());
        Ok(count)
    }

    /// A weight in `10^places` grams, to the nearest gram.
    fn grams(&mut self, slot: &Slot, text: &str, places: u32) -> Result<Grams, String> {
        let n = Self::scaled(slot, text, places, true)?;
        let grams =
            u64::try_from(n).map_err(|_| format!("\"{}\" is not a weight: it is negative", shown(text)))?;
        self.write("weight", &n.to_le_bytes());
        Ok(Grams(grams))
    }

    fn degrees(&mut self, slot: &Slot, text: &str) -> Result<Option<f64>, String> {
        let plain = numbers::plain(text, slot.comma).and_then(|p| p.parse::<f64>().ok());
        let degrees = plain.ok_or_else(|| format!("\"{}\" is not a number of degrees", shown(text)))?;
        self.write(slot.column.stem(), &degrees.to_bits().to_le_bytes());
        Ok(Some(degrees))
    }

    fn money(&mut self, slot: &Slot, text: &str, iso: Option<Iso>) -> Result<Money, String> {
        let iso = iso
            .or(self.currency)
            .ok_or("has no currency: fill the row's currency, or set currency in the saved mapping")?;
        let minor = Self::scaled(slot, text, decimals(iso.as_str()), false)?;
        self.write(slot.column.stem(), &minor.to_le_bytes());
        self.write("currency", iso.as_str().as_bytes());
        Ok(Money { minor, currency: iso.as_str().to_owned() })
    }

    /// An amount to the nearest minor unit: what a program that counts in floats left behind is no part of it.
    pub(super) fn price(&mut self, slot: &Slot, text: &str, iso: Option<Iso>) -> Result<Money, String> {
        let iso = iso
            .or(self.currency)
            .ok_or("has no currency: fill the row's currency, or set currency in the saved mapping")?;
        let minor = Self::scaled(slot, text, decimals(iso.as_str()), true)?;
        Ok(Money { minor, currency: iso.as_str().to_owned() })
    }

    /// The row's currency.
    pub(super) fn currency(&mut self, text: &str) -> Result<(), String> {
        let wrong = || format!("\"{}\" is not a currency; write three letters such as BRL", shown(text));
        self.currency = Some(Iso::parse(text).ok_or_else(wrong)?);
        Ok(())
    }

    /// Grams, or with `places` 3 kilograms.
    pub(super) fn weight(&mut self, slot: &Slot, text: &str, places: u32) -> Result<u64, String> {
        self.grams(slot, text, places).map(|Grams(g)| g)
    }

    /// A number of degrees.
    pub(super) fn angle(&mut self, slot: &Slot, text: &str) -> Result<f64, String> {
        self.degrees(slot, text)?.ok_or_else(|| "is no number of degrees".to_owned())
    }

    /// Kilograms, to the gram.
    #[allow(clippy::cast_precision_loss)] // a weight has fewer digits than a float
    pub(super) fn kilograms(&mut self, slot: &Slot, text: &str) -> Result<f64, String> {
        self.grams(slot, text, 3).map(|Grams(g)| g as f64 / 1_000.0)
    }

    /// Puts one cell where it belongs.
    pub(super) fn take(&mut self, slot: &Slot, text: &str, row: &mut ParcelRow) -> Result<(), String> {
        let facts = &mut row.facts;
        match slot.column {
            Column::TrackingNumber => row.number = Some(self.short(slot, text)?),
            Column::OrderId => {
                row.order_ref = Some(self.short(slot, text)?);
                facts.order_ref.clone_from(&row.order_ref);
            }
            Column::Distributor => facts.distributor = Some(self.short(slot, text)?),
            Column::Carrier => facts.carrier = Some(self.short(slot, text)?),
            Column::Service => facts.service = Some(self.short(slot, text)?),
            Column::Status => row.raw_status = Some(self.short(slot, text)?),
            Column::StatusAt => row.status_at = Some(self.time(slot, text)?),
            Column::PurchasedAt => row.milestones.purchased_at = Some(self.time(slot, text)?),
            Column::ApprovedAt => row.milestones.approved_at = Some(self.time(slot, text)?),
            Column::CarrierAt => row.milestones.carrier_at = Some(self.time(slot, text)?),
            Column::DeliveredAt => row.milestones.delivered_at = Some(self.time(slot, text)?),
            Column::PromisedAt => facts.promised_at = Some(self.time(slot, text)?),
            Column::ShipBy => facts.ship_by = Some(self.time(slot, text)?),
            Column::RecipientName => facts.recipient.name = Some(self.short(slot, text)?),
            Column::RecipientPhone => facts.recipient.phone = Some(self.short(slot, text)?),
            Column::RecipientEmail => facts.recipient.email = Some(self.short(slot, text)?),
            Column::ToLine => facts.to.line = Some(self.text(slot, text, LONG)?),
            Column::ToZip => facts.to.zip = Some(self.short(slot, text)?),
            Column::ToCity => facts.to.city = Some(self.short(slot, text)?),
            Column::ToState => facts.to.state = Some(self.short(slot, text)?),
            Column::ToCountry => facts.to.country = Some(self.short(slot, text)?),
            Column::ToLat => self.to[0] = self.degrees(slot, text)?,
            Column::ToLon => self.to[1] = self.degrees(slot, text)?,
            Column::FromLine => facts.from.line = Some(self.text(slot, text, LONG)?),
            Column::FromZip => facts.from.zip = Some(self.short(slot, text)?),
            Column::FromCity => facts.from.city = Some(self.short(slot, text)?),
            Column::FromState => facts.from.state = Some(self.short(slot, text)?),
            Column::FromCountry => facts.from.country = Some(self.short(slot, text)?),
            Column::FromLat => self.from[0] = self.degrees(slot, text)?,
            Column::FromLon => self.from[1] = self.degrees(slot, text)?,
            Column::Items => facts.items = Some(self.count(slot, text)?),
            Column::Category => facts.category = Some(self.short(slot, text)?),
            // grams come first in canonical order, and a second opinion in kilograms does not overrule them
            Column::WeightKg if facts.weight.is_some() => {}
            Column::WeightG => facts.weight = Some(self.grams(slot, text, 0)?),
            Column::WeightKg => facts.weight = Some(self.grams(slot, text, 3)?),
            Column::VolumeCm3 => facts.volume_cm3 = Some(self.count(slot, text)?),
            Column::Currency => self.currency(text)?,
            Column::Value(iso) => facts.value = Some(self.money(slot, text, iso)?),
            Column::Freight(iso) => facts.freight = Some(self.money(slot, text, iso)?),
            Column::Note => facts.remark = Some(self.text(slot, text, LONG)?),
            Column::Seq
            | Column::Location
            | Column::Ignore
            | Column::CustomerId
            | Column::RecipientSurname
            | Column::ProductId
            | Column::ProductName
            | Column::LineId
            | Column::Total(_)
            | Column::ScheduledDays
            | Column::Description
            | Column::CategoryEnglish
            | Column::ExternalId
            | Column::CreatedAt
            | Column::Priority
            | Column::WindowFrom
            | Column::WindowTo
            | Column::AssignedTo
            | Column::Reason
            | Column::Login
            | Column::Role
            | Column::Language
            | Column::Active
            | Column::Vehicle
            | Column::Plate
            | Column::CapacityKg
            | Column::CapacityPieces
            | Column::Skills
            | Column::Licence
            | Column::Attempt
            | Column::DueAt => {}
        }
        Ok(())
    }
}
