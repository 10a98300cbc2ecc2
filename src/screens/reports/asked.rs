//! What a report is to count, as an address and a form say it.

use maud::{Markup, html};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::word;
use crate::base::error::Invalid;
use crate::reports::dimension::Dimension;
use crate::reports::model::{Basis, Definition, Kind, Only, Period};
use crate::screens::shell::{Form, Viewer};

/// The fields of an address; an absent one says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Asked {
    /// Which figures.
    pub kind: Option<String>,
    /// Grouped by what.
    pub by: Option<String>,
    /// And by what else.
    pub and: Option<String>,
    /// Which days: a number of days, `week`, `month` or `between`.
    pub period: Option<String>,
    /// The first day.
    pub from: Option<String>,
    /// The last day.
    pub to: Option<String>,
    /// Of which moment.
    pub basis: Option<String>,
    /// Of this distributor.
    pub distributor: Option<String>,
    /// With this carrier.
    pub carrier: Option<String>,
    /// In this service.
    pub service: Option<String>,
    /// In this status.
    pub status: Option<String>,
    /// Going to this state or province.
    pub to_state: Option<String>,
    /// For this reason.
    pub reason: Option<String>,
}

/// Days one may look back over by a choice.
pub const BACK: [u32; 4] = [7, 30, 90, 365];

fn one<T: DeserializeOwned>(at: &str, text: Option<&String>) -> Result<Option<T>, Invalid> {
    let Some(text) = text.map(|t| t.trim()).filter(|t| !t.is_empty()) else { return Ok(None) };
    let read = serde_json::from_value(serde_json::Value::from(text));
    read.map(Some).map_err(|_| Invalid::at(at, format!("\"{text}\" is none of the choices")))
}

fn said(text: Option<&String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

impl Asked {
    /// Every field with its name, in the order of the address.
    fn fields(&self) -> [(&'static str, &Option<String>); 13] {
        [
            ("kind", &self.kind),
            ("by", &self.by),
            ("and", &self.and),
            ("period", &self.period),
            ("from", &self.from),
            ("to", &self.to),
            ("basis", &self.basis),
            ("distributor", &self.distributor),
            ("carrier", &self.carrier),
            ("service", &self.service),
            ("status", &self.status),
            ("to_state", &self.to_state),
            ("reason", &self.reason),
        ]
    }

    /// As a form sent it.
    #[must_use]
    pub fn sent(f: &Form) -> Self {
        let of = |name: &str| f.some(name);
        Self {
            kind: of("kind"),
            by: of("by"),
            and: of("and"),
            period: of("period"),
            from: of("from"),
            to: of("to"),
            basis: of("basis"),
            distributor: of("distributor"),
            carrier: of("carrier"),
            service: of("service"),
            status: of("status"),
            to_state: of("to_state"),
            reason: of("reason"),
        }
    }

    /// As `definition` says it. A past moment has no place here: screens tell of now.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let Definition { kind, by, only, period, basis, at: _ } = definition;
        let by = |n: usize| by.get(n).map(|d| d.as_str().to_owned());
        let (period, from, to) = match period {
            Period::All => (None, None, None),
            Period::LastDays(n) => (Some(n.to_string()), None, None),
            Period::PreviousWeek => (Some("week".into()), None, None),
            Period::PreviousMonth => (Some("month".into()), None, None),
            Period::Between { from, to } => {
                (Some("between".into()), Some(from.to_string()), Some(to.to_string()))
            }
        };
        Self {
            kind: Some(kind.as_str().to_owned()),
            by: by(0),
            and: by(1),
            period,
            from,
            to,
            basis: (*basis != Basis::Created).then(|| word(basis)),
            distributor: only.distributor.clone(),
            carrier: only.carrier.clone(),
            service: only.service.clone(),
            status: only.status.map(|s| s.as_str().to_owned()),
            to_state: only.to_state.clone(),
            reason: only.reason.map(|r| r.code().to_owned()),
        }
    }

    /// What stands behind the question mark.
    #[must_use]
    pub fn query(&self) -> String {
        let given = self.fields().into_iter().filter_map(|(n, t)| Some((n, said(t.as_ref())?)));
        serde_urlencoded::to_string(given.collect::<Vec<_>>()).unwrap_or_default()
    }

    /// The same as fields nobody sees.
    #[must_use]
    pub fn hidden(&self) -> Markup {
        html! { @for (name, text) in self.fields() { @if let Some(text) = said(text.as_ref()) { input type="hidden" name=(name) value=(text); } } }
    }

    fn period(&self) -> Result<Period, Invalid> {
        let day = |at: &str, text: Option<&String>| {
            let text =
                said(text).ok_or_else(|| Invalid::at(at, "is needed: name the first and the last day"))?;
            text.parse().map_err(|_| Invalid::at(at, format!("\"{text}\" is no day; write 2026-05-31")))
        };
        Ok(match said(self.period.as_ref()).as_deref() {
            None | Some("all") => Period::All,
            Some("week") => Period::PreviousWeek,
            Some("month") => Period::PreviousMonth,
            Some("between") => {
                Period::Between { from: day("?from", self.from.as_ref())?, to: day("?to", self.to.as_ref())? }
            }
            Some(days) => Period::LastDays(days.parse().map_err(|_| {
                Invalid::at("?period", format!("\"{days}\" is no number of days, week, month or between"))
            })?),
        })
    }

    /// What is to be counted.
    ///
    /// # Errors
    /// Names what is none of the choices.
    pub fn definition(&self) -> Result<Definition, Invalid> {
        let kind: Kind = one("?kind", self.kind.as_ref())?.unwrap_or(Kind::Exceptions);
        let by = [one::<Dimension>("?by", self.by.as_ref())?, one("?and", self.and.as_ref())?];
        Ok(Definition {
            kind,
            by: by.into_iter().flatten().collect(),
            only: Only {
                distributor: said(self.distributor.as_ref()),
                carrier: said(self.carrier.as_ref()),
                service: said(self.service.as_ref()),
                status: one("?status", self.status.as_ref())?,
                to_state: said(self.to_state.as_ref()),
                reason: one("?reason", self.reason.as_ref())?,
            },
            period: self.period()?,
            basis: one("?basis", self.basis.as_ref())?.unwrap_or_default(),
            at: None,
        })
    }
}

/// A period in words.
#[must_use]
pub fn period(v: &Viewer, p: Period) -> String {
    match p {
        Period::All => v.t("period-all"),
        Period::LastDays(n) => v.count("period-days", u64::from(n)),
        Period::PreviousWeek => v.t("period-week"),
        Period::PreviousMonth => v.t("period-month"),
        Period::Between { from, to } => format!("{from} – {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_survives_its_address() {
        let asked = Asked {
            kind: Some("lateness".into()),
            by: Some("carrier".into()),
            and: Some("month".into()),
            period: Some("30".into()),
            basis: Some("delivered".into()),
            distributor: Some("a & b".into()),
            status: Some("delivered".into()),
            ..Asked::default()
        };
        let read: Asked = serde_urlencoded::from_str(&asked.query()).unwrap();
        assert_eq!(read, asked);
    }
}
