//! One pass over a whole file before a row of it is taken over: what it is written in, how many rows it has, what
//! its columns mean, and how dates and numbers are to be read where a single value can't tell.

use std::io::{self, Read, Seek};

use csv::ByteRecord;
use serde::{Deserialize, Serialize};

use super::dates::{DateForm, DateTally};
use super::detect::{Delimiter, Encoding, Transcoder, delimiter, encoding};
use super::mapping::{Column, Kind, Mapping, Resolved, Sort, resolve};
use super::numbers::NumberTally;
use super::records::{MAX_COLUMNS, Records, Step, is_blank, is_ghost};
use super::{Concern, ImportError, Warning, shown};

/// What a whole file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// What its rows are.
    pub kind: Kind,
    /// How it writes its characters.
    pub encoding: Encoding,
    /// What stands between its cells.
    pub delimiter: Delimiter,
    /// Its columns' names as they stand there.
    pub header: Vec<String>,
    /// What the names mean.
    pub resolved: Resolved,
    /// Rows below the header with anything in them, also those that can't be read.
    pub records: u64,
    /// Rows of blank cells below the header, which are skipped.
    pub ghost_rows: u64,
    /// Records with more or fewer cells than the header.
    pub uneven: u64,
    /// Pieces that are no record: a quote that never closes, a row over the limit.
    pub torn: u64,
    /// Lines as an editor counts them, the header's included.
    pub physical_lines: u64,
    /// One for each name of the header.
    pub columns: Vec<ColumnSurvey>,
    /// What somebody should look at.
    pub warnings: Vec<Warning>,
    /// Whether it was made of a spreadsheet: then a line is a row.
    #[serde(default)]
    pub is_sheet: bool,
}

/// What a column holds, counted over all rows that have as many cells as the header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSurvey {
    /// What it means; None when it is not read.
    pub column: Option<Column>,
    /// Blank cells.
    pub empty: u64,
    /// The first value that is not blank, cut short.
    pub example: Option<String>,
    /// How its dates are read; None for a column of something else.
    pub date_form: Option<DateForm>,
    /// Whether its numbers have a decimal comma; None for a column of something else.
    pub decimal_comma: Option<bool>,
    /// Counts behind `date_form`.
    pub dates: DateTally,
    /// Counts behind `decimal_comma`.
    pub numbers: NumberTally,
}

impl Survey {
    /// The records of the surveyed file below its header; `input` stands at its start.
    ///
    /// # Errors
    /// When `input` can't be read.
    pub fn records<R: Read>(&self, input: R) -> io::Result<Records<Transcoder<R>>> {
        let records = Records::new(Transcoder::new(input, self.encoding), self.delimiter.byte());
        let mut records = records.counting_records(self.is_sheet);
        let mut record = ByteRecord::new();
        while matches!(records.next(&mut record)?, Step::Row { .. }) && is_ghost(&record) {}
        Ok(records)
    }
}

/// Surveys `input`, which is read two or three times and stands at its start afterwards. Memory stays flat.
///
/// # Errors
/// When there is no header, when it has too many columns, or when `input` can't be read. A header that does not
/// say enough is no error here but a problem in [`Survey::resolved`], so that a person can map its columns.
pub fn survey<R: Read + Seek>(
    input: &mut R,
    kind: Kind,
    mapping: Option<&Mapping>,
) -> Result<Survey, ImportError> {
    let encoding = encoding(input)?;
    let delimiter = delimiter(input, encoding)?;
    surveyed(input, kind, mapping, (encoding, delimiter, false))
}

/// The same for what was made of a spreadsheet: there is nothing to find out of how it is written.
///
/// # Errors
/// As [`survey`].
pub fn survey_sheet<R: Read + Seek>(
    input: &mut R,
    kind: Kind,
    mapping: Option<&Mapping>,
) -> Result<Survey, ImportError> {
    surveyed(input, kind, mapping, (Encoding::Utf8, Delimiter::Comma, true))
}

fn surveyed<R: Read + Seek>(
    input: &mut R,
    kind: Kind,
    mapping: Option<&Mapping>,
    (encoding, delimiter, is_sheet): (Encoding, Delimiter, bool),
) -> Result<Survey, ImportError> {
    let records = Records::new(Transcoder::new(&mut *input, encoding), delimiter.byte());
    let mut records = records.counting_records(is_sheet);
    let mut record = ByteRecord::new();
    let header = header(&mut records, &mut record)?;
    let resolved = resolve(kind, &header, mapping);
    let columns = resolved
        .columns
        .iter()
        .map(|column| ColumnSurvey { column: *column, ..ColumnSurvey::default() })
        .collect();
    let mut out = Survey {
        kind,
        encoding,
        delimiter,
        warnings: resolved.warnings.clone(),
        header,
        resolved,
        records: 0,
        ghost_rows: 0,
        uneven: 0,
        torn: 0,
        physical_lines: 0,
        columns,
        is_sheet,
    };
    let (mut first_uneven, mut first_torn) = (0, 0);
    loop {
        match records.next(&mut record)? {
            Step::Row { .. } if is_ghost(&record) => out.ghost_rows += 1,
            Step::Row { line } if record.len() != out.header.len() => {
                out.records += 1;
                out.uneven += 1;
                first_uneven = if out.uneven == 1 { line } else { first_uneven };
            }
            Step::Row { .. } => {
                out.records += 1;
                out.columns.iter_mut().zip(&record).for_each(|(column, cell)| column.note(cell));
            }
            Step::Torn(torn) => {
                out.records += 1;
                out.torn += 1;
                first_torn = if out.torn == 1 { torn.line } else { first_torn };
            }
            Step::End => break,
        }
    }
    out.physical_lines = records.lines();
    let (stray, malformed) = (records.stray_quotes(), records.input().malformed());
    drop(records);
    input.rewind()?;
    out.settle(mapping);
    let (uneven, torn, width) = (out.uneven, out.torn, out.header.len());
    out.warn(Concern::UnevenRecords, uneven, || {
        format!("{uneven} rows have more or fewer cells than the {width} of the header and are refused, the first one on line {first_uneven}: quote cells that hold the delimiter")
    });
    out.warn(Concern::TornRecords, torn, || {
        format!("{torn} rows have a quote that never closes or are too long and are refused, the first one on line {first_torn}")
    });
    out.warn(Concern::StrayQuotes, stray, || {
        format!("{stray} rows have text behind a closing quote; the text is kept: double the quotes inside a quoted cell")
    });
    out.warn(Concern::UndecodableBytes, malformed, || {
        format!("{malformed} places are no text in the file's encoding and were replaced by \u{FFFD}: save the file as UTF-8")
    });
    Ok(out)
}

/// The first record with anything in it.
fn header(records: &mut Records<impl Read>, record: &mut ByteRecord) -> Result<Vec<String>, ImportError> {
    loop {
        match records.next(record)? {
            Step::Row { .. } if is_ghost(record) => {}
            Step::Row { .. } if record.len() > MAX_COLUMNS => {
                return Err(ImportError::TooManyColumns(record.len()));
            }
            Step::Row { .. } => {
                return Ok(record.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect());
            }
            Step::Torn(torn) => {
                return Err(ImportError::Header { line: torn.line, why: torn.why.to_string() });
            }
            Step::End => return Err(ImportError::Empty),
        }
    }
}

impl ColumnSurvey {
    fn note(&mut self, cell: &[u8]) {
        if is_blank(cell) {
            self.empty += 1;
            return;
        }
        let sort = self.column.map(Column::sort);
        if sort.is_none_or(|s| s == Sort::Text) && self.example.is_some() {
            return; // the many cells nobody has to look into
        }
        let text = String::from_utf8_lossy(cell);
        self.example.get_or_insert_with(|| shown(text.trim()));
        match sort {
            Some(Sort::Date) => self.dates.note(&text),
            Some(Sort::Number) => self.numbers.note(&text),
            Some(Sort::Text) | None => {}
        }
    }
}

/// What all of `values` that say anything agree on.
fn agreed<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|v| v == first).then_some(first)
}

impl Survey {
    fn warn(&mut self, concern: Concern, count: u64, detail: impl FnOnce() -> String) {
        if count > 0 {
            self.warnings.push(Warning { concern, column: None, count, detail: detail() });
        }
    }

    /// Decides how each column is read. A column that can't tell follows the others of its file.
    fn settle(&mut self, mapping: Option<&Mapping>) {
        let saved_comma = mapping.and_then(|m| m.decimal_comma);
        let comma = saved_comma
            .or_else(|| agreed(self.columns.iter().filter_map(|c| c.numbers.evidence())))
            .unwrap_or(self.delimiter == Delimiter::Semicolon);
        let day_first = agreed(self.columns.iter().filter_map(|c| c.dates.evidence()))
            .or(comma.then_some(DateForm::DayFirst));
        for (column, name) in self.columns.iter_mut().zip(&self.header) {
            match column.column.map(Column::sort) {
                Some(Sort::Date) => {
                    let saved = mapping.and_then(|m| m.date_form(name));
                    let form = column.dates.settle(saved, day_first);
                    column.date_form = Some(form);
                    self.warnings.extend(about_dates(name, &column.dates, form, saved));
                }
                Some(Sort::Number) => {
                    let comma = column.numbers.settle(saved_comma, comma);
                    column.decimal_comma = Some(comma);
                    self.warnings.extend(about_numbers(name, &column.numbers, comma, saved_comma));
                }
                Some(Sort::Text) | None => {}
            }
        }
    }
}

fn about_dates(name: &str, dates: &DateTally, form: DateForm, saved: Option<DateForm>) -> Vec<Warning> {
    let shown = shown(name);
    let (read, other) = match form {
        DateForm::MonthFirst => ("month first", DateForm::DayFirst),
        DateForm::DayFirst | DateForm::Iso => ("day first", DateForm::MonthFirst),
    };
    let mut out = Vec::new();
    let mut say = |concern, count, detail| {
        out.push(Warning { concern, column: Some(name.to_owned()), count, detail });
    };
    let fix = |form: DateForm| {
        format!("\"{}\": \"{}\" under date_forms in the saved mapping", name.trim(), form.name())
    };
    let DateTally { iso: _, day_only, month_only, both_ways, same: _, unreadable, slashed: _ } = *dates;
    let against = if form == DateForm::MonthFirst { day_only } else { month_only };
    if against > 0 && form != DateForm::Iso {
        say(
            Concern::ContradictoryDates,
            against,
            format!(
                "\"{shown}\" is read {read}: {against} of its dates can't be and their rows are refused, and {both_ways} can be read both ways. If it is the other way round, write {}",
                fix(other)
            ),
        );
    } else if both_ways > 0 && day_only + month_only == 0 && saved.is_none() {
        say(
            Concern::AmbiguousDates,
            both_ways,
            format!(
                "\"{shown}\" is read {read}, but each of its {both_ways} dates such as 3/4/2018 can be read both ways and none says which. Write {} or {}",
                fix(form),
                fix(other)
            ),
        );
    }
    if unreadable > 0 {
        say(
            Concern::UnreadableDates,
            unreadable,
            format!("\"{shown}\" has {unreadable} values that are no dates; their rows are refused"),
        );
    }
    out
}

fn about_numbers(name: &str, numbers: &NumberTally, comma: bool, saved: Option<bool>) -> Option<Warning> {
    let shown = shown(name);
    let sign = if comma { "comma" } else { "point" };
    let against = if comma { numbers.point } else { numbers.comma };
    let (concern, count, detail) = if against > 0 {
        (
            Concern::ContradictoryNumbers,
            against,
            format!(
                "\"{shown}\" is read with a decimal {sign}: {against} of its numbers can't be and their rows are refused"
            ),
        )
    } else if numbers.either > 0 && numbers.evidence().is_none() && saved.is_none() {
        (
            Concern::AmbiguousNumbers,
            numbers.either,
            format!(
                "\"{shown}\" is read with a decimal {sign}, but {} numbers such as 1.234 can be read both ways and none says which. Set decimal_comma in the saved mapping",
                numbers.either
            ),
        )
    } else {
        return None;
    };
    Some(Warning { concern, column: Some(name.to_owned()), count, detail })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn of(text: &str, mapping: Option<&Mapping>) -> Survey {
        survey(&mut Cursor::new(text), Kind::Parcels, mapping).unwrap()
    }

    fn concerns(survey: &Survey) -> Vec<(Concern, u64)> {
        survey.warnings.iter().map(|w| (w.concern, w.count)).collect()
    }

    #[test]
    fn an_ambiguous_column_is_named_with_its_count_and_the_remedy() {
        let text = "tracking,status_at\nA,3/4/2018\nB,5/5/2018\nC,1/2/2018\n";
        let found = of(text, None);
        assert_eq!(found.columns[1].date_form, Some(DateForm::MonthFirst));
        assert_eq!(concerns(&found), [(Concern::AmbiguousDates, 2)]);
        assert!(
            found.warnings[0].detail.contains(r#""status_at": "day_first" under date_forms"#),
            "{:?}",
            found.warnings
        );
        let mapping =
            Mapping { date_forms: [("STATUS_AT ".into(), DateForm::DayFirst)].into(), ..Mapping::default() };
        let found = of(text, Some(&mapping));
        assert_eq!((found.columns[1].date_form, concerns(&found)), (Some(DateForm::DayFirst), vec![]));
        let found = of(&text.replace(',', ";"), None);
        assert_eq!(found.columns[1].date_form, Some(DateForm::DayFirst));
        let other = of("tracking,status_at,ship_by\nA,3/4/2018,13/4/2018\n", None);
        assert_eq!(other.columns[1].date_form, Some(DateForm::DayFirst));
    }

    #[test]
    fn a_contradictory_column_warns_of_the_minority() {
        let found = of("tracking,status_at\nA,13/4/2018\nB,4/13/2018\nC,4/14/2018\nD,x\n", None);
        assert_eq!(found.columns[1].date_form, Some(DateForm::MonthFirst));
        assert_eq!(concerns(&found), [(Concern::ContradictoryDates, 1), (Concern::UnreadableDates, 1)]);
    }

    #[test]
    fn a_decimal_sign_is_decided_by_the_column_and_else_by_its_file() {
        let found = of("tracking;weight_g;value_brl\nA;1.234;9,50\n", None);
        assert_eq!(
            (found.columns[1].decimal_comma, found.columns[2].decimal_comma),
            (Some(true), Some(true))
        );
        assert_eq!(concerns(&found), [(Concern::AmbiguousNumbers, 1)]);
        let found = of("tracking,value_brl\nA,\"9,50\"\nB,9.50\nC,8.50\n", None);
        assert_eq!(
            (found.columns[1].decimal_comma, concerns(&found)),
            (Some(false), vec![(Concern::ContradictoryNumbers, 1)])
        );
    }

    #[test]
    fn rows_are_counted_by_what_they_are() {
        let found = of("\n , \ntracking,note\nA,x\n,\n\u{A0},\nB\nD,\"x\" y\nC,\"never\n", None);
        assert_eq!(
            (found.records, found.ghost_rows, found.uneven, found.torn, found.physical_lines),
            (4, 2, 1, 1, 9)
        );
        assert_eq!(
            concerns(&found),
            [(Concern::UnevenRecords, 1), (Concern::TornRecords, 1), (Concern::StrayQuotes, 1)]
        );
        assert!(found.warnings[0].detail.contains("line 7"), "{:?}", found.warnings);
    }

    #[test]
    fn a_file_without_a_header_is_an_error_that_says_what_to_do() {
        let refused =
            |text: &str| survey(&mut Cursor::new(text), Kind::Parcels, None).unwrap_err().to_string();
        assert!(refused("").contains("its first line must name the columns"));
        assert!(refused("\n , ,\n").contains("holds nothing"));
        assert!(refused("\"tracking\n").contains("line 1, which should name the columns"));
        let wide = |n: usize| format!("tracking{}\n", ",x".repeat(n - 1));
        assert_eq!(of(&wide(MAX_COLUMNS), None).columns.len(), MAX_COLUMNS);
        assert!(refused(&wide(MAX_COLUMNS + 1)).contains("513 columns; at most 512"));
        assert_eq!(of("1,2\n3,4\n", None).resolved.problems.len(), 1);
    }
}
