//! From a record to what it says of a parcel, or to the reasons why it can't be taken.

use std::io::{self, Read};
use std::sync::Arc;

use csv::ByteRecord;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::cells::{Scribe, Slot};
use super::dates::DateForm;
use super::detect::Transcoder;
use super::mapping::{Column, Iso, Kind, Mapping};
use super::over::Over;
use super::records::{MAX_CELL, MAX_COLUMNS, Records, Step, Torn, is_ghost};
use super::survey::Survey;
use super::{ImportError, shown};
use crate::base::clock::Timestamp;
use crate::base::error::Problem;
use crate::base::text::LONG;
use crate::base::units::Position;
use crate::freight::intake;
use crate::orders::told;
use crate::parcels::model::{Facts, Milestones};

/// What a row says. The same facts give the same digest, so a row that was taken already is known again.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// Of a parcel.
    Parcel(Box<ParcelRow>),
    /// Of a status.
    Status(StatusRow),
    /// Of a waybill.
    Waybill(Box<intake::Row>),
    /// Of an order, a product, a category or stock.
    Trade(told::Row),
    /// Of what else moves over from another system.
    Over(Over),
}

/// What one row says of a parcel. At least one of `number` and `order_ref` is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParcelRow {
    /// The physical line it starts on.
    pub line: u64,
    /// The tracking number as written, without white space around it.
    pub number: Option<String>,
    /// The order it belongs to; also in `facts`.
    pub order_ref: Option<String>,
    /// The status in the source's own word.
    pub raw_status: Option<String>,
    /// Since when, as far as the source knows.
    pub status_at: Option<Timestamp>,
    /// What else it says.
    pub facts: Facts,
    /// The moments it names.
    pub milestones: Milestones,
    /// BLAKE3 over the values in canonical order of columns.
    pub digest: [u8; 16],
}

/// What one row of a status log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusRow {
    /// The physical line it starts on.
    pub line: u64,
    /// The tracking number as written, without white space around it.
    pub number: String,
    /// Its place among the statuses of its parcel, when the source says so.
    pub seq: Option<u32>,
    /// The status in the source's own word.
    pub raw_status: String,
    /// When; some sources don't know.
    pub at: Option<Timestamp>,
    /// Where.
    pub location: Option<String>,
    /// Byte for byte.
    pub note: Option<String>,
    /// BLAKE3 over the values in canonical order of columns.
    pub digest: [u8; 16],
}

/// A row that can't be taken, with every reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The physical line it starts on.
    pub line: u64,
    /// What is wrong; the pointer is the column's name in the file, empty for the row as a whole.
    pub problems: Vec<Problem>,
    /// Its cells as they stand there, at most [`MAX_COLUMNS`]; of a torn row its first bytes.
    pub cells: Vec<String>,
}

/// What became of a row.
pub type Verdict = Result<Row, Refusal>;

impl From<Torn> for Refusal {
    fn from(torn: Torn) -> Self {
        Self {
            line: torn.line,
            problems: vec![Problem::new("", torn.why.to_string())],
            cells: vec![torn.excerpt],
        }
    }
}

/// How the rows of one file are read: everything the survey and the mapping decided. Cheap to share.
#[derive(Clone, Debug)]
pub struct Form {
    kind: Kind,
    header: Vec<String>,
    /// In canonical order.
    slots: Vec<Slot>,
    pub(super) zone: TimeZone,
    pub(super) currency: Option<Iso>,
    /// Of a file of waybills.
    waybills: Option<intake::Columns>,
}

impl Form {
    /// Puts together what `survey` and `mapping` say; times without a zone are meant in the mapping's, else in
    /// `depot`'s.
    ///
    /// # Errors
    /// [`ImportError::Unmapped`] when the survey found that the header does not say enough.
    pub fn new(survey: &Survey, mapping: Option<&Mapping>, depot: &TimeZone) -> Result<Self, ImportError> {
        if !survey.resolved.problems.is_empty() {
            return Err(ImportError::Unmapped(survey.resolved.problems.clone()));
        }
        let columns = survey.columns.iter().zip(&survey.header).enumerate();
        let mut slots: Vec<Slot> = columns
            .filter_map(|(index, (found, header))| {
                Some(Slot {
                    index,
                    column: found.column?,
                    header: header.clone(),
                    dates: found.date_form.unwrap_or(DateForm::Iso),
                    comma: found.decimal_comma.unwrap_or(false),
                })
            })
            .collect();
        slots.sort_by_key(|s| s.column);
        let zone = mapping.and_then(|m| m.zone.as_deref());
        let zone = match zone {
            Some(name) => TimeZone::get(name).map_err(|e| {
                ImportError::Unmapped(vec![Problem::new("zone", format!("{}: {e}", shown(name)))])
            })?,
            None => depot.clone(),
        };
        let currency = mapping.and_then(|m| m.currency.as_deref()).and_then(Iso::parse);
        let waybills = survey.kind.waybills().map(|of| intake::Columns::of(&survey.header, of).0);
        Ok(Self { kind: survey.kind, header: survey.header.clone(), slots, zone, currency, waybills })
    }

    /// The columns' names as the file has them.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Reads the record that starts on physical line `line`.
    ///
    /// # Errors
    /// Every reason why the row can't be taken, at once.
    pub fn read(&self, line: u64, record: &ByteRecord) -> Verdict {
        let refuse = |problems| {
            let cells =
                record.iter().take(MAX_COLUMNS).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
            Err(Refusal { line, problems, cells })
        };
        if record.len() != self.header.len() {
            let (has, wants) = (record.len(), self.header.len());
            return refuse(vec![Problem::new(
                "",
                format!(
                    "line {line} has {has} cells and the header {wants}: quote cells that hold the delimiter"
                ),
            )]);
        }
        if record.as_slice().len() > MAX_CELL {
            let long = record.iter().zip(&self.header).filter(|(cell, _)| cell.len() > MAX_CELL);
            let long = long.map(|(cell, name)| {
                Problem::new(name, format!("is {} bytes long; a cell may have {MAX_CELL}", cell.len()))
            });
            let long: Vec<Problem> = long.collect();
            if !long.is_empty() {
                return refuse(long);
            }
        }
        if let Some(columns) = &self.waybills {
            let cells: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
            let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
            return columns.read(&cells).map(|row| Row::Waybill(Box::new(row))).or_else(refuse);
        }
        match self.kind {
            Kind::Parcels | Kind::Mawbs | Kind::Hawbs => self.parcel(line, record).or_else(refuse),
            Kind::Status => self.status(line, record).or_else(refuse),
            Kind::Orders | Kind::Products | Kind::Categories | Kind::Stock => {
                self.trade(self.kind, record).map(Row::Trade).or_else(refuse)
            }
            kind => self.over(kind, record).map(Row::Over).or_else(refuse),
        }
    }

    /// Takes each cell that isn't blank, in canonical order, and gathers what is wrong.
    pub(super) fn each(
        &self,
        record: &ByteRecord,
        mut take: impl FnMut(&Slot, &str) -> Result<(), String>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for slot in &self.slots {
            let cell = String::from_utf8_lossy(record.get(slot.index).unwrap_or_default());
            // a note of spaces is a note: it is kept byte for byte
            let text = if slot.column == Column::Note { &*cell } else { cell.trim() };
            if !text.is_empty()
                && let Err(why) = take(slot, text)
            {
                problems.push(Problem::new(&slot.header, why));
            }
        }
        problems
    }

    /// The file's own name of `column`, or ours when it has none.
    pub(super) fn name(&self, column: Column) -> &str {
        self.slots.iter().find(|s| s.column == column).map_or(column.stem(), |s| &s.header)
    }

    fn status(&self, line: u64, record: &ByteRecord) -> Result<Row, Vec<Problem>> {
        let mut row = StatusRow { line, ..StatusRow::default() };
        let mut scribe = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| {
            match slot.column {
                Column::TrackingNumber => row.number = scribe.short(slot, text)?,
                Column::Seq => row.seq = Some(scribe.count(slot, text)?),
                Column::Status => row.raw_status = scribe.short(slot, text)?,
                Column::StatusAt => row.at = Some(scribe.time(slot, text)?),
                Column::Location => row.location = Some(scribe.short(slot, text)?),
                Column::Note => row.note = Some(scribe.text(slot, text, LONG)?),
                _ => {}
            }
            Ok(())
        });
        for (column, blank) in
            [(Column::TrackingNumber, row.number.is_empty()), (Column::Status, row.raw_status.is_empty())]
        {
            let name = self.name(column);
            if blank && !problems.iter().any(|p| p.pointer == name) {
                problems.push(Problem::new(name, "is needed and must not be blank"));
            }
        }
        row.digest = scribe.digest();
        if problems.is_empty() { Ok(Row::Status(row)) } else { Err(problems) }
    }

    fn parcel(&self, line: u64, record: &ByteRecord) -> Result<Row, Vec<Problem>> {
        let mut row = Box::new(ParcelRow { line, ..ParcelRow::default() });
        let mut scribe = Scribe::new(&self.zone, self.currency);
        let mut problems = self.each(record, |slot, text| scribe.take(slot, text, &mut row));
        let is_key = |s: &&Slot| matches!(s.column, Column::TrackingNumber | Column::OrderId);
        let keys: Vec<&str> = self.slots.iter().filter(is_key).map(|s| s.header.as_str()).collect();
        let nameless = row.number.is_none() && row.order_ref.is_none();
        if nameless && !problems.iter().any(|p| keys.contains(&p.pointer.as_str())) {
            let first = keys.first().copied().unwrap_or_default();
            problems
                .push(Problem::new(first, format!("the row names no parcel: fill {}", keys.join(" or "))));
        }
        let ends = [
            (&mut row.facts.to, scribe.to, Column::ToLat),
            (&mut row.facts.from, scribe.from, Column::FromLat),
        ];
        for (place, degrees, column) in ends {
            match position(degrees) {
                Ok(found) => place.position = found,
                // a half that could not be read is said already
                Err(why) if problems.is_empty() => problems.push(Problem::new(self.name(column), why)),
                Err(_) => {}
            }
        }
        row.digest = scribe.digest();
        if problems.is_empty() { Ok(Row::Parcel(row)) } else { Err(problems) }
    }
}

/// The position that latitude and longitude make.
fn position(degrees: [Option<f64>; 2]) -> Result<Option<Position>, String> {
    match degrees {
        [Some(lat), Some(lon)] => Position::from_degrees(lat, lon).map(Some),
        [None, None] => Ok(None),
        _ => Err("a position needs both latitude and longitude, or neither".to_owned()),
    }
}

/// Where a row stands in its file, and its cells as they stand there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The physical line it starts on.
    pub line: u64,
    /// Its cells.
    pub cells: Vec<String>,
}

/// The rows of a surveyed file, one after the other. Ghost rows are skipped.
pub struct Reader<R: Read> {
    records: Records<Transcoder<R>>,
    form: Arc<Form>,
    record: ByteRecord,
    line: u64,
}

impl<R: Read> Reader<R> {
    /// The rows of `input`, which stands at its start and is what `survey` saw.
    ///
    /// # Errors
    /// When `input` can't be read.
    pub fn new(input: R, survey: &Survey, form: Arc<Form>) -> io::Result<Self> {
        Ok(Self { records: survey.records(input)?, form, record: ByteRecord::new(), line: 0 })
    }

    /// Where the row that was read last stands.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let cells = self.record.iter().take(MAX_COLUMNS);
        Origin { line: self.line, cells: cells.map(|c| String::from_utf8_lossy(c).into_owned()).collect() }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = io::Result<Verdict>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            return match self.records.next(&mut self.record) {
                Err(e) => Some(Err(e)),
                Ok(Step::Row { .. }) if is_ghost(&self.record) => continue,
                Ok(Step::Row { line }) => {
                    self.line = line;
                    Some(Ok(self.form.read(line, &self.record)))
                }
                Ok(Step::Torn(torn)) => Some(Ok(Err(torn.into()))),
                Ok(Step::End) => None,
            };
        }
    }
}
