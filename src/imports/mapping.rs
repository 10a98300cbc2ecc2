//! Which column of a file means what: by the partner's saved mapping, else by our own names, else by the usual
//! words in English, Portuguese and Spanish.

use std::collections::BTreeMap;
use std::mem::discriminant;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::aliases::{Meaning, folded, meaning};
pub use super::column::{Column, Iso, Kind, Sort};
use super::dates::DateForm;
use super::{Concern, Warning, shown};
use crate::base::error::Problem;
use crate::freight::intake::{Columns, Of};

/// What a partner's files mean, as somebody at the import desk once said. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// Their column's name (white space around it and case don't matter) to ours.
    pub columns: BTreeMap<String, Column>,
    /// Their column's name to the order its dates name their parts in.
    pub date_forms: BTreeMap<String, DateForm>,
    /// Whether numbers have a decimal comma where the values themselves don't tell.
    pub decimal_comma: Option<bool>,
    /// ISO 4217 code of amounts whose currency neither the header nor the row names.
    pub currency: Option<String>,
    /// IANA name of the zone in which times without a zone are meant; without it, the depot's.
    pub zone: Option<String>,
    /// Whose status vocabulary the raw statuses are of.
    pub status_source: Option<String>,
}

impl Mapping {
    fn find<'a, T>(map: &'a BTreeMap<String, T>, header: &str) -> Option<&'a T> {
        let header = header.trim().to_lowercase();
        map.iter().find(|(name, _)| name.trim().to_lowercase() == header).map(|(_, value)| value)
    }

    /// What it says `header` means.
    #[must_use]
    pub fn column(&self, header: &str) -> Option<Column> {
        Self::find(&self.columns, header).copied()
    }

    /// What it says of the dates of `header`.
    #[must_use]
    pub fn date_form(&self, header: &str) -> Option<DateForm> {
        Self::find(&self.date_forms, header).copied()
    }
}

/// A header understood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// What each column means, by position. None is not read.
    pub columns: Vec<Option<Column>>,
    /// Names of the columns that are not read.
    pub ignored: Vec<String>,
    /// What must be mended before the file can be read.
    pub problems: Vec<Problem>,
    /// What somebody should know.
    pub warnings: Vec<Warning>,
}

/// Says what each column of `header` means in a file of `kind`. The saved mapping goes before our own names, and
/// these before the usual words; of two columns that mean the same the first is read.
#[must_use]
pub fn resolve(kind: Kind, header: &[String], mapping: Option<&Mapping>) -> Resolved {
    if let Some(of) = kind.waybills() {
        return waybills(of, header);
    }
    let mut out = Resolved { columns: vec![None; header.len()], ..Resolved::default() };
    let ours = |name: &String| folded(name).replace(' ', "_").parse::<Column>().ok();
    let usual = |name: &String| match meaning(name) {
        Meaning::Is(column) => Some(column),
        Meaning::NoUnit(_) | Meaning::Unknown => None,
    };
    for strength in 0..3 {
        for (at, name) in header.iter().enumerate() {
            let said = mapping.and_then(|m| m.column(name));
            let found = match strength {
                0 => said,
                _ if said.is_some() => None, // what the mapping says of a column is not overruled
                1 => ours(name),
                _ => usual(name),
            };
            let taken = |c: Column| {
                c != Column::Ignore
                    && out.columns.iter().flatten().any(|o| discriminant(o) == discriminant(&c))
            };
            if let Some(column) = found.filter(|c| out.columns[at].is_none() && c.applies(kind) && !taken(*c))
            {
                out.columns[at] = Some(column);
            }
        }
    }
    drop_amounts_without_currency(&mut out, header, mapping);
    for (at, name) in header.iter().enumerate() {
        match out.columns[at] {
            Some(Column::Ignore) => out.columns[at] = None,
            None if !name.trim().is_empty() => {
                out.ignored.push(name.clone());
                out.warnings.push(Warning {
                    concern: Concern::IgnoredColumn,
                    column: Some(name.clone()),
                    count: 1,
                    detail: why_ignored(kind, name, mapping),
                });
            }
            _ => {}
        }
    }
    out.problems = missing(kind, &out.columns, header, mapping);
    out
}

/// A header of waybills, which are read by their own area.
fn waybills(of: Of, header: &[String]) -> Resolved {
    let (_, unknown, problems) = Columns::of(header, of);
    let ignored: Vec<String> = unknown.iter().filter_map(|at| header.get(*at).cloned()).collect();
    let warnings = ignored.iter().filter(|n| !n.trim().is_empty()).map(|name| Warning {
        concern: Concern::IgnoredColumn,
        column: Some(name.clone()),
        count: 1,
        detail: format!("\"{}\" is not read: nothing of a waybill is called so", shown(name)),
    });
    Resolved { columns: vec![None; header.len()], warnings: warnings.collect(), ignored, problems }
}

/// An amount says nothing when nobody names its currency.
fn drop_amounts_without_currency(out: &mut Resolved, header: &[String], mapping: Option<&Mapping>) {
    let known =
        out.columns.contains(&Some(Column::Currency)) || mapping.is_some_and(|m| m.currency.is_some());
    if known {
        return;
    }
    for at in 0..header.len() {
        if matches!(out.columns[at], Some(Column::Value(None) | Column::Freight(None) | Column::Total(None)))
        {
            out.columns[at] = None;
        }
    }
}

fn why_ignored(kind: Kind, name: &str, mapping: Option<&Mapping>) -> String {
    let name_shown = shown(name);
    let found = mapping.and_then(|m| m.column(name)).map_or_else(|| meaning(name), Meaning::Is);
    match found {
        Meaning::Is(c @ (Column::Value(None) | Column::Freight(None))) if c.applies(kind) => format!(
            "\"{name_shown}\" is not read: nobody says in which currency it is. Name it {}_usd or the like, add a column currency, or set currency in the saved mapping",
            c.stem()
        ),
        Meaning::Is(c) if c.applies(kind) => {
            format!("\"{name_shown}\" is not read: another column means {c} already")
        }
        Meaning::Is(c) => format!("\"{name_shown}\" is not read: rows of this kind of file have no {c}"),
        Meaning::NoUnit(names) => format!(
            "\"{name_shown}\" is not read: it does not say its unit. Name it {names}, or map it in the saved mapping"
        ),
        Meaning::Unknown => format!(
            "\"{name_shown}\" is not read: map it in the saved mapping if it matters, or map it to ignore"
        ),
    }
}

/// What a file of `kind` can't be read without.
fn missing(
    kind: Kind,
    columns: &[Option<Column>],
    header: &[String],
    mapping: Option<&Mapping>,
) -> Vec<Problem> {
    let has = |c: Column| columns.contains(&Some(c));
    let found = || header.iter().take(30).map(|h| format!("\"{}\"", shown(h))).collect::<Vec<_>>().join(", ");
    let mut problems = Vec::new();
    match kind {
        Kind::Parcels if !has(Column::TrackingNumber) && !has(Column::OrderId) => problems.push(Problem::new(
            "tracking_number",
            format!("no column says which parcel a row is about: map one of {} to tracking_number or order_id", found()),
        )),
        Kind::Status => {
            for column in [Column::TrackingNumber, Column::Status] {
                if !has(column) {
                    problems.push(Problem::new(
                        column.stem(),
                        format!("a status log needs this column: map one of {} to {column}", found()),
                    ));
                }
            }
        }
        Kind::Parcels | Kind::Mawbs | Kind::Hawbs => {}
        Kind::Deliveries if has(Column::OrderId) => {}
        _ => {
            let needed: &[Column] = match kind {
                Kind::Products => &[Column::ProductId],
                Kind::Categories => &[Column::Category],
                Kind::Stock => &[Column::ProductId, Column::Items],
                Kind::Deliveries | Kind::Cases => &[Column::ExternalId],
                Kind::Users => &[Column::Login],
                Kind::Vehicles => &[Column::Vehicle],
                Kind::Drivers => &[Column::RecipientName],
                Kind::Customers => &[Column::CustomerId],
                _ => &[Column::OrderId],
            };
            for column in needed.iter().filter(|c| !has(**c)) {
                let said = format!("a file of {} needs this column: map one of {} to {column}", kind.name(), found());
                problems.push(Problem::new(column.stem(), said));
            }
        }
    }
    if let Some(m) = mapping {
        if let Some(zone) = m.zone.as_deref().filter(|z| TimeZone::get(z).is_err()) {
            problems.push(Problem::new(
                "zone",
                format!("\"{}\" is not a time zone; write one such as America/Sao_Paulo", shown(zone)),
            ));
        }
        if let Some(code) = m.currency.as_deref().filter(|c| Iso::parse(c).is_none()) {
            problems.push(Problem::new(
                "currency",
                format!("\"{}\" is not a currency; write three letters such as BRL", shown(code)),
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(line: &str) -> Vec<String> {
        line.split(';').map(str::to_owned).collect()
    }

    fn names(resolved: &Resolved) -> Vec<String> {
        resolved.columns.iter().map(|c| c.map_or("-".to_owned(), |c| c.to_string())).collect()
    }

    #[test]
    fn a_mapping_finds_a_column_whatever_its_case_and_blanks() {
        let json =
            r#"{"columns":{" Preço ":"value_eur"},"date_forms":{"Data":"day_first"},"zone":"Europe/Lisbon"}"#;
        let mapping: Mapping = serde_json::from_str(json).unwrap();
        assert_eq!(mapping.column("PREÇO"), Some(Column::Value(Iso::parse("EUR"))));
        assert_eq!(mapping.date_form("data "), Some(DateForm::DayFirst));
        assert!(serde_json::from_str::<Mapping>(r#"{"date_form":{}}"#).is_err());
    }

    #[test]
    fn usual_headers_need_no_mapping() {
        let br = header(
            "código de rastreio;distribuidor;situação;última atualização;previsão de entrega;CEP;município;UF;peso (g);valor (R$);observação",
        );
        let resolved = resolve(Kind::Parcels, &br, None);
        assert_eq!(
            names(&resolved).join(" "),
            "tracking_number distributor status status_at promised_at to_zip to_city to_state weight_g value_brl note"
        );
        assert!(resolved.ignored.is_empty() && resolved.problems.is_empty() && resolved.warnings.is_empty());
        let es = header(
            "Número de seguimiento;Estado del envío;Fecha de entrega;Código postal;Ciudad;Peso (kg);Importe (€);Observaciones",
        );
        assert_eq!(
            names(&resolve(Kind::Parcels, &es, None)).join(" "),
            "tracking_number status delivered_at to_zip to_city weight_kg value_eur note"
        );
    }

    #[test]
    fn the_saved_mapping_goes_first_and_what_is_not_read_is_said() {
        let mapping = Mapping {
            columns: [("ref".to_owned(), Column::TrackingNumber), ("secret".to_owned(), Column::Ignore)]
                .into(),
            ..Mapping::default()
        };
        let resolved = resolve(
            Kind::Parcels,
            &header("tracking_number;REF;secret;weight;value;colour;seq"),
            Some(&mapping),
        );
        assert_eq!(names(&resolved).join(" "), "- tracking_number - - - - -");
        assert_eq!(resolved.ignored, ["tracking_number", "weight", "value", "colour", "seq"]);
        for (warning, part) in resolved.warnings.iter().zip([
            "another column means tracking_number",
            "weight_g or weight_kg",
            "in which currency",
            "map it in the saved mapping",
            "have no seq",
        ]) {
            assert!(warning.detail.contains(part), "{}", warning.detail);
        }
    }

    #[test]
    fn a_file_that_names_no_parcel_is_told_what_to_map() {
        let problems = resolve(Kind::Parcels, &header("foo;bar"), None).problems;
        assert!(problems[0].detail.contains("map one of \"foo\", \"bar\" to tracking_number or order_id"));
        assert_eq!(resolve(Kind::Status, &header("order_id"), None).problems.len(), 2);
        let bad = Mapping { zone: Some("Mars".into()), currency: Some("R$".into()), ..Mapping::default() };
        assert_eq!(resolve(Kind::Parcels, &header("tracking"), Some(&bad)).problems.len(), 2);
    }
}
