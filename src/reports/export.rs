//! A counted report as a file. Texts that a spreadsheet would take for a formula are kept from being one.

use rust_xlsxwriter::{Format as Style, Workbook, Worksheet, XlsxError};

use super::error::ReportError;
use super::model::{Format, Table};

/// The longest name a sheet may have.
const SHEET_NAME: usize = 31;

/// The bytes of `table` in `format`; `name` is what people call the report.
///
/// # Errors
/// [`ReportError::File`] when it can't be written.
pub fn file(table: &Table, name: &str, format: Format) -> Result<Vec<u8>, ReportError> {
    match format {
        Format::Csv => csv(table),
        Format::Xlsx => xlsx(table, name).map_err(|e| ReportError::File(e.to_string())),
    }
}

/// A file's name made of a report's: letters, digits and hyphens alone.
#[must_use]
pub fn file_name(name: &str, format: Format) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let mut stem: String = name.chars().take(60).map(plain).collect();
    while stem.contains("--") {
        stem = stem.replace("--", "-");
    }
    let stem = stem.trim_matches('-');
    format!("{}.{}", if stem.is_empty() { "report" } else { stem }, format.ending())
}

/// A text no spreadsheet takes for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// A number as text: whole ones without a point, others with three places.
fn number(n: f64) -> String {
    if n.fract() == 0.0 { format!("{n:.0}") } else { format!("{n:.3}") }
}

fn headings(table: &Table) -> Vec<String> {
    let columns = table.columns.iter().map(|c| format!("{} ({})", c.name, c.unit));
    table.by.iter().map(|d| d.as_str().to_owned()).chain(columns).collect()
}

/// The total's key: its word, then nothing.
fn total_key(table: &Table) -> Vec<String> {
    (0..table.by.len()).map(|n| if n == 0 { "total".to_owned() } else { String::new() }).collect()
}

fn csv(table: &Table) -> Result<Vec<u8>, ReportError> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let failed = |e: csv::Error| ReportError::File(e.to_string());
    out.write_record(headings(table)).map_err(failed)?;
    let total = (total_key(table), &table.total);
    for (key, cells) in table.rows.iter().map(|r| (r.key.clone(), &r.cells)).chain([total]) {
        let key = key.iter().map(|k| harmless(k));
        let cells = cells.iter().map(|c| c.map_or_else(String::new, number));
        out.write_record(key.chain(cells)).map_err(failed)?;
    }
    out.into_inner().map_err(|e| ReportError::File(e.to_string()))
}

fn xlsx(table: &Table, name: &str) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Style::new().set_bold();
    let sheet = book.add_worksheet();
    let plain = |c: char| if "[]:*?/\\'".contains(c) || c.is_control() { ' ' } else { c };
    let title: String = name.chars().map(plain).take(SHEET_NAME).collect();
    if !title.trim().is_empty() {
        sheet.set_name(title.trim())?;
    }
    for (n, heading) in (0_u16..).zip(headings(table)) {
        sheet.write_string_with_format(0, n, heading, &bold)?;
    }
    let total = (total_key(table), &table.total);
    for (n, (key, cells)) in
        (1_u32..).zip(table.rows.iter().map(|r| (r.key.clone(), &r.cells)).chain([total]))
    {
        line(sheet, n, &key, cells)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    book.save_to_buffer()
}

/// One line: texts stay texts whatever they begin with, since they are written as such.
fn line(sheet: &mut Worksheet, row: u32, key: &[String], cells: &[Option<f64>]) -> Result<(), XlsxError> {
    let mut column = 0_u16;
    for text in key {
        sheet.write_string(row, column, text)?;
        column += 1;
    }
    for cell in cells {
        if let Some(n) = cell {
            sheet.write_number(row, column, *n)?;
        }
        column += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::dimension::Dimension;
    use super::super::measure::Measure;
    use super::super::model::{Column, Definition, Kind, Row};
    use super::*;
    use crate::base::clock::Timestamp;

    fn table() -> Table {
        let column =
            |name: &str| Column { name: name.into(), unit: "parcels".into(), measure: Measure::Parcels };
        Table {
            definition: Definition::of(Kind::Volumes),
            at: Timestamp::ZERO,
            by: vec![Dimension::Distributor, Dimension::Month],
            columns: vec![column("parcels"), column("rate")],
            rows: vec![Row {
                key: vec!["=HYPERLINK(\"x\")".into(), "2026-11".into()],
                cells: vec![Some(3.0), Some(33.333_333)],
            }],
            total: vec![Some(3.0), None],
            seq: 0,
        }
    }

    #[test]
    fn a_csv_cell_that_would_be_a_formula_is_none() {
        let text = String::from_utf8(file(&table(), "x", Format::Csv).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "distributor,month,parcels (parcels),rate (parcels)",
                "\"'=HYPERLINK(\"\"x\"\")\",2026-11,3,33.333",
                "total,,3,",
            ]
        );
    }

    #[test]
    fn a_workbook_is_written_whatever_the_report_is_called() {
        for name in ["", "late [by] day: */?\\", &"x".repeat(100), "Übersicht"] {
            let bytes = file(&table(), name, Format::Xlsx).unwrap();
            assert!(bytes.starts_with(b"PK"), "{name}");
        }
        assert_eq!(file_name("Late: by day", Format::Xlsx), "late-by-day.xlsx");
        assert_eq!(file_name("/../", Format::Csv), "report.csv");
    }
}
