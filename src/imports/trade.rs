//! Rows of files about orders, products, categories and stock.

use csv::ByteRecord;

use super::cells::Scribe;
use super::mapping::{Column, Kind};
use super::row::Form;
use crate::base::error::Problem;
use crate::base::text::LONG;
use crate::orders::told::{CategoryRow, LineRow, OrderRow, ProductRow, Row, StockRow};

/// Whether somebody blacked the cell out before the file was handed on.
fn is_masked(text: &str) -> bool {
    text.len() >= 4 && text.bytes().all(|b| matches!(b, b'X' | b'x' | b'*'))
}

/// A postal code that a spreadsheet took for a number: `725.0` was 00725.
fn postal_code(text: &str) -> String {
    match text.strip_suffix(".0").filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit())) {
        Some(digits) => format!("{digits:0>5}"),
        None => text.to_owned(),
    }
}

impl Form {
    /// Reads a record of one of the kinds that orders and stock have.
    pub(super) fn trade(&self, kind: Kind, record: &ByteRecord) -> Result<Row, Vec<Problem>> {
        match kind {
            Kind::Products => self.product(record),
            Kind::Categories => self.category(record),
            Kind::Stock => self.stock(record),
            _ => self.order(record),
        }
    }

    /// Says what a row can't do without.
    pub(super) fn needed(&self, problems: &mut Vec<Problem>, column: Column, blank: bool) {
        let name = self.name(column);
        if blank && !problems.iter().any(|p| p.pointer == name) {
            problems.push(Problem::new(name, "is needed and must not be blank"));
        }
    }

    fn order(&self, record: &ByteRecord) -> Result<Row, Vec<Problem>> {
        let mut row = Box::new(OrderRow::default());
        let (mut line, mut surname) = (LineRow::default(), None);
        let mut s = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            let (c, m) = (&mut row.customer, &mut row.moments);
            match slot.column {
                // What is blacked out says nothing, and must not overwrite what somebody else knows.
                Column::RecipientName
                | Column::RecipientSurname
                | Column::RecipientPhone
                | Column::RecipientEmail
                | Column::ToLine
                    if is_masked(text) => {}
                Column::OrderId => row.reference = s.short(slot, text)?,
                Column::Status => row.raw = Some(s.short(slot, text)?),
                Column::StatusAt => row.at = Some(s.time(slot, text)?),
                Column::PurchasedAt => m.ordered_at = Some(s.time(slot, text)?),
                Column::ApprovedAt => m.approved_at = Some(s.time(slot, text)?),
                Column::CarrierAt => m.shipped_at = Some(s.time(slot, text)?),
                Column::DeliveredAt => m.delivered_at = Some(s.time(slot, text)?),
                Column::PromisedAt => m.promised_at = Some(s.time(slot, text)?),
                Column::ScheduledDays => m.scheduled_days = Some(s.count(slot, text)?),
                Column::CustomerId => c.reference = Some(s.short(slot, text)?),
                Column::RecipientName => c.name = Some(s.short(slot, text)?),
                Column::RecipientSurname => surname = Some(s.short(slot, text)?),
                Column::RecipientPhone => c.phone = Some(s.short(slot, text)?),
                Column::RecipientEmail => c.email = Some(s.short(slot, text)?),
                Column::ToLine => c.address = Some(s.text(slot, text, LONG)?),
                Column::ToZip => c.zip = Some(postal_code(&s.short(slot, text)?)),
                Column::ToCity => c.city = Some(s.short(slot, text)?),
                Column::ToState => c.state = Some(s.short(slot, text)?),
                Column::ToCountry => c.country = Some(s.short(slot, text)?),
                Column::LineId => line.reference = Some(s.short(slot, text)?),
                Column::ProductId => line.sku = Some(s.short(slot, text)?),
                Column::ProductName => line.name = Some(s.short(slot, text)?),
                Column::Items => line.quantity = Some(s.count(slot, text)?),
                Column::Currency => s.currency(text)?,
                Column::Value(iso) => line.price = Some(s.price(slot, text, iso)?),
                Column::Total(iso) => line.total = Some(s.price(slot, text, iso)?),
                _ => {}
            }
            Ok(())
        });
        self.needed(&mut problems, Column::OrderId, row.reference.is_empty());
        if let Some(surname) = surname {
            let name = row.customer.name.take();
            row.customer.name = Some(name.map_or(surname.clone(), |n| format!("{n} {surname}")));
        }
        if line.sku.is_some() || line.name.is_some() {
            // Without a name of its own a line is known by its product: the same row must not become two lines.
            line.reference = line.reference.or_else(|| line.sku.clone()).or_else(|| line.name.clone());
            row.line = Some(line);
        }
        if problems.is_empty() { Ok(Row::Order(row)) } else { Err(problems) }
    }

    fn product(&self, record: &ByteRecord) -> Result<Row, Vec<Problem>> {
        let mut row = Box::new(ProductRow::default());
        let mut s = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            match slot.column {
                Column::ProductId => row.sku = s.text(slot, text, 128)?,
                Column::ProductName => row.name = Some(s.short(slot, text)?),
                Column::Category => row.category = Some(s.short(slot, text)?),
                Column::WeightG => row.weight_g = Some(s.weight(slot, text, 0)?),
                Column::WeightKg => row.weight_g = Some(s.weight(slot, text, 3)?),
                Column::Currency => s.currency(text)?,
                Column::Value(iso) => row.price = Some(s.price(slot, text, iso)?),
                Column::Description => row.description = Some(s.text(slot, text, LONG)?),
                _ => {}
            }
            Ok(())
        });
        self.needed(&mut problems, Column::ProductId, row.sku.is_empty());
        if problems.is_empty() { Ok(Row::Product(row)) } else { Err(problems) }
    }

    fn category(&self, record: &ByteRecord) -> Result<Row, Vec<Problem>> {
        let mut row = CategoryRow::default();
        let mut s = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            match slot.column {
                Column::Category => row.name = s.short(slot, text)?,
                Column::CategoryEnglish => row.english = Some(s.short(slot, text)?),
                _ => {}
            }
            Ok(())
        });
        self.needed(&mut problems, Column::Category, row.name.is_empty());
        if problems.is_empty() { Ok(Row::Category(row)) } else { Err(problems) }
    }

    fn stock(&self, record: &ByteRecord) -> Result<Row, Vec<Problem>> {
        let (mut row, mut said) = (StockRow::default(), false);
        let mut s = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            match slot.column {
                Column::ProductId => row.product = s.short(slot, text)?,
                Column::Items => {
                    row.quantity = s.count(slot, text)?;
                    said = true;
                }
                _ => {}
            }
            Ok(())
        });
        self.needed(&mut problems, Column::ProductId, row.product.is_empty());
        self.needed(&mut problems, Column::Items, !said);
        if problems.is_empty() { Ok(Row::Stock(row)) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_became_a_number_gets_its_zeros_back() {
        let codes = [("725.0", "00725"), ("63033.0", "63033"), ("00725", "00725"), ("K1A 0B1", "K1A 0B1")];
        for (told, meant) in codes {
            assert_eq!(postal_code(told), meant);
        }
        assert!(is_masked("XXXXXXXXX") && is_masked("****") && !is_masked("XX") && !is_masked("Max"));
    }
}
