//! A manifest as a file, CSV or a spreadsheet: read as imports read files, so whatever encoding, delimiter and words a
//! partner uses.

use std::io::Cursor;
use std::sync::Arc;

use super::error::ManifestError;
use super::inputs::{Announcement, MAX_AT_ONCE, distinct};
use crate::base::error::{Invalid, Problem};
use crate::deadlines::policy::Policy;
use crate::imports::ImportError;
use crate::imports::lists;
use crate::imports::mapping::{Kind, Mapping};
use crate::imports::row::{Form, Reader, Row};
use crate::imports::sheet::{self, Sort};
use crate::imports::survey::survey;

/// The lines of `file`. A status column is passed over: an announced parcel is announced.
///
/// # Errors
/// When the columns don't say which one is the number, or any row can't be read: a list with holes is worse than none.
pub fn read(file: &[u8], policy: &Policy) -> Result<Vec<Announcement>, ManifestError> {
    let mapping = Mapping { currency: Some(policy.rules.currency.clone()), ..Mapping::default() };
    let sheet = if sheet::sort(file) == Sort::Text { None } else { Some(lists::text(file)?) };
    let mut input = Cursor::new(sheet.as_ref().map_or(file, String::as_bytes));
    let survey = survey(&mut input, Kind::Parcels, Some(&mapping))?;
    let form = Arc::new(Form::new(&survey, Some(&mapping), policy.calendar.zone())?);
    input.set_position(0);
    let rows = Reader::new(input, &survey, form).map_err(ImportError::from)?;
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for row in rows {
        let row = row.map_err(ImportError::from)?;
        match row {
            Ok(Row::Parcel(row)) => {
                let number = row.number.unwrap_or_default();
                let pieces = row.facts.items.unwrap_or(1);
                let line = Announcement { number, pieces, to_site: None, facts: row.facts };
                line.check(&format!("/line {}", row.line), &mut wrong);
                lines.push(line);
            }
            Ok(Row::Status(_) | Row::Waybill(_) | Row::Trade(_) | Row::Over(_)) => {}
            Err(refusal) => {
                let at =
                    |p: &Problem| Problem::new(format!("/line {}/{}", refusal.line, p.pointer), &p.detail);
                wrong.extend(refusal.problems.iter().map(at));
            }
        }
        if lines.len() > MAX_AT_ONCE {
            let said = format!("has more than {MAX_AT_ONCE} lines; send the rest to the manifest's lines");
            return Err(Invalid::at("/lines", said).into());
        }
    }
    Ok(distinct(lines, wrong)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadlines::policy::HouseRules;

    fn of(file: &str) -> Result<Vec<Announcement>, ManifestError> {
        read(file.as_bytes(), &Policy::new(HouseRules::usual("America/Sao_Paulo")).unwrap())
    }

    #[test]
    fn a_partners_list_is_read_by_its_own_words() {
        let lines =
            of("Código de rastreio;Qtd;Peso (kg);Serviço;Pedido\nAA1;2;1,5;sedex;P7\nAA2;;;;\n").unwrap();
        assert_eq!((lines[0].number.as_str(), lines[0].pieces), ("AA1", 2));
        assert_eq!(lines[0].facts.weight.map(|g| g.0), Some(1_500));
        assert_eq!(
            (lines[0].facts.service.as_deref(), lines[0].facts.order_ref.as_deref()),
            (Some("sedex"), Some("P7"))
        );
        assert_eq!((lines[1].number.as_str(), lines[1].pieces), ("AA2", 1));
    }

    #[test]
    fn a_spreadsheet_is_a_list_like_any_other() {
        let mut book = rust_xlsxwriter::Workbook::new();
        let page = book.add_worksheet();
        page.write_string(0, 0, "Tracking number").unwrap().write_string(0, 1, "items").unwrap();
        page.write_string(1, 0, "AA1").unwrap().write_number(1, 1, 2).unwrap();
        let policy = Policy::new(HouseRules::usual("UTC")).unwrap();
        let lines = read(&book.save_to_buffer().unwrap(), &policy).unwrap();
        assert_eq!((lines[0].number.as_str(), lines[0].pieces, lines.len()), ("AA1", 2, 1));
        assert!(read(b"PK\x03\x04nonsense", &policy).unwrap_err().to_string().contains("spreadsheet"));
    }

    #[test]
    fn a_row_that_can_not_be_read_refuses_the_list_and_is_named() {
        let why = of("tracking_number,items\nAA1,two\nAA2,1\n").unwrap_err().to_string();
        assert!(why.contains("line 2"), "{why}");
        let why = of("tracking_number\nAA1\naa 1\n").unwrap_err().to_string();
        assert!(why.contains("already"), "{why}");
        assert!(of("colour\nred\n").is_err());
        let many =
            |n: usize| (0..n).fold("tracking_number\n".to_owned(), |text, n| text + &format!("A{n}\n"));
        assert_eq!(of(&many(MAX_AT_ONCE)).unwrap().len(), MAX_AT_ONCE);
        assert!(of(&many(MAX_AT_ONCE + 1)).is_err());
    }
}
