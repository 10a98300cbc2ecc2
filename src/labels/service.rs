//! What a label says, and asking for one to be printed.

use serde::Deserialize;
use utoipa::ToSchema;

use super::error::LabelError;
use super::model::{Asked, Fields, LabelState, Printer, Queued, Size, What};
use super::repo::{self, ASKED};
use super::words::clean;
use super::{layout, printers, queue};
use crate::audit::{self, Changed};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::text;
use crate::base::units::Grams;
use crate::deadlines::policy::Policy;
use crate::identity::features::{PrintLabels, ViewPrinters};
use crate::identity::grant::{Grant, Scope};
use crate::journal::Cx;
use crate::parcels::model::{Flag, Parcel, Place};
use crate::parcels::service as parcels;
use crate::settings::service as settings;
use crate::store::{ReadTx, WriteTx};

type Result<T> = std::result::Result<T, LabelError>;

/// Copies of one label at the most.
pub const MAX_COPIES: u32 = 20;
/// Labels to be printed on one printer at the most.
pub const MAX_WAITING: i64 = 1_000;
/// Letters of the postcode in a sort lane.
const LANE: usize = 3;

/// A label that is to be printed.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrintInput {
    /// The printer, by id or name.
    pub printer: String,
    /// The label's size; that of the labels in the printer when absent.
    #[serde(default)]
    pub size: Option<Size>,
    /// How many.
    #[serde(default = "one")]
    pub copies: u32,
    /// Why again: needed from the second time on.
    #[serde(default)]
    pub reason: Option<String>,
}

fn one() -> u32 {
    1
}

/// The label of the parcel `name` as it is now, for `station` or, when that is empty, for the depot.
///
/// # Errors
/// When there is no such parcel in `scope`.
pub fn page(
    tx: &dyn ReadTx,
    scope: &Scope,
    name: &str,
    size: Size,
    (station, now): (&str, Timestamp),
) -> Result<(layout::Page, Id)> {
    let (found, _) = parcels::find(tx, scope, name)?;
    let parcel = found.value.state;
    let (depot, printed_at) = here(tx, now)?;
    let station = if station.is_empty() { &depot } else { station };
    let mut fields = fields(&parcel, clean(station), printed_at);
    if let Some((n, of)) = parcels::piece_of(tx, &parcel)? {
        fields.pieces = format!("{n}/{of}");
    }
    Ok((layout::label(size, &fields), parcel.id.0))
}

/// A label that says it is none, for `printer`.
///
/// # Errors
/// Storage failures.
pub fn test_page(tx: &dyn ReadTx, printer: &Printer, size: Size, now: Timestamp) -> Result<layout::Page> {
    let (depot, printed_at) = here(tx, now)?;
    let fields = Fields {
        to: vec!["TEST LABEL".into(), clean(&printer.name), clean(&depot)],
        route: "TEST".into(),
        number: "TEST-0123456789".into(),
        id: "TEST".into(),
        service: format!("{} dpi", u16::from(printer.dpi)),
        printed_at,
        station: clean(&printer.station),
        check: true,
        ..Fields::default()
    };
    Ok(layout::label(size, &fields))
}

/// The depot's name, and the moment in its zone.
fn here(tx: &dyn ReadTx, now: Timestamp) -> Result<(String, String)> {
    let (settings, _) = settings::settings(tx)?;
    let zone = Policy::current(tx)?;
    let local = now.civil(zone.calendar.zone());
    Ok((settings.depot, local.strftime("%Y-%m-%d %H:%M").to_string()))
}

/// What the label of a parcel says.
#[must_use]
pub fn fields(p: &Parcel, station: String, printed_at: String) -> Fields {
    let facts = &p.facts;
    let said = |text: &Option<String>| clean(text.as_deref().unwrap_or_default());
    let joined = |texts: [&Option<String>; 2]| clean(&texts.map(said).join(" "));
    let to = [
        said(&facts.recipient.name),
        said(&facts.to.line),
        joined([&facts.to.zip, &facts.to.city]),
        joined([&facts.to.state, &facts.to.country]),
        said(&facts.recipient.phone),
    ];
    Fields {
        to: to.into_iter().filter(|line| !line.is_empty()).collect(),
        route: lane(&facts.to),
        number: clean(&p.number),
        id: p.id.to_string(),
        weight: facts.weight.map(kilograms).unwrap_or_default(),
        pieces: facts.items.map(|n| format!("{n} pcs")).unwrap_or_default(),
        service: said(&facts.service),
        printed_at,
        station,
        check: p.flags.has(Flag::Exceptional) || !p.issues.is_empty(),
    }
}

/// The sort lane of a destination: its country and the first letters of its postcode; of its town where it has none.
fn lane(to: &Place) -> String {
    let begin = |text: &Option<String>, n: usize| -> String {
        let text = clean(text.as_deref().unwrap_or_default());
        text.chars().filter(|c| c.is_alphanumeric()).take(n).collect::<String>().to_uppercase()
    };
    let country = begin(&to.country, 2);
    let place = [&to.zip, &to.city].map(|t| begin(t, LANE)).into_iter().find(|t| !t.is_empty());
    let parts = [Some(country), place].into_iter().flatten().filter(|t| !t.is_empty());
    parts.collect::<Vec<_>>().join("-")
}

fn kilograms(Grams(g): Grams) -> String {
    let kg = format!("{}.{:03}", g / 1000, g % 1000);
    format!("{} kg", kg.trim_end_matches('0').trim_end_matches('.'))
}

/// Asks for the label of the parcel `name`. Again for the same parcel takes a reason, and is always audited.
///
/// # Errors
/// When there is no such parcel or printer, the reason is missing, or the queue is full.
pub fn print(
    tx: &mut dyn WriteTx,
    grant: &Grant<PrintLabels>,
    cx: &Cx,
    name: &str,
    input: PrintInput,
) -> Result<Queued> {
    let (found, _) = parcels::find(tx, grant.scope(), name)?;
    let parcel = found.value.state.id.0;
    let (id, printer, _) = printers::find(tx, &input.printer)?;
    if !(1..=MAX_COPIES).contains(&input.copies) {
        let said = format!("must be 1 to {MAX_COPIES}, got {}", input.copies);
        return Err(Invalid::at("/copies", said).into());
    }
    let reason = input.reason.filter(|r| !r.trim().is_empty());
    text::optional("/reason", reason.as_deref().unwrap_or_default(), text::SHORT)
        .map_err(|p| Invalid(vec![p]))?;
    let asked = ASKED.get(tx, &parcel)?.unwrap_or_default();
    if asked.count > 0 && reason.is_none() {
        let said =
            format!("is needed: this label was asked for {} times, last at {}", asked.count, asked.last_at);
        return Err(Invalid::at("/reason", said).into());
    }
    ASKED.put(tx, &parcel, &Asked { count: asked.count + 1, last_at: cx.now })?;
    let mut changed = vec![Changed::new("printer", serde_json::Value::Null, printer.name.as_str())];
    changed.extend(reason.as_deref().map(|r| Changed::new("reason", serde_json::Value::Null, r)));
    let again = asked.count > 0;
    let entry = audit::Entry {
        class: if again { audit::Class::Always } else { audit::Class::Business },
        action: if again { "label.reprinted" } else { "label.printed" },
        record: "parcel",
        id: parcel,
        event: None,
        changed,
    };
    audit::note(tx, cx, &entry)?;
    let size = input.size.unwrap_or(printer.media);
    ask(tx, cx, id, (What::Parcel(parcel), size, input.copies, reason))
}

/// Asks for a test label.
///
/// # Errors
/// When there is no such printer, or its queue is full.
pub fn test(tx: &mut dyn WriteTx, _: &Grant<ViewPrinters>, cx: &Cx, name: &str) -> Result<Queued> {
    let (id, printer, _) = printers::find(tx, name)?;
    ask(tx, cx, id, (What::Test, printer.media, 1, None))
}

fn ask(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    printer: Id,
    (what, size, copies, reason): (What, Size, u32, Option<String>),
) -> Result<Queued> {
    let (waiting, unknown) = repo::counts(tx, printer)?;
    if waiting + unknown >= MAX_WAITING {
        return Err(LabelError::Full(waiting + unknown));
    }
    let label = Queued {
        id: Id::fresh(),
        printer,
        place: repo::next_place(tx)?,
        what,
        size,
        copies,
        reason,
        by: cx.actor.name.to_string(),
        asked_at: cx.now,
        state: LabelState::Waiting,
        last_error: None,
        finished_at: None,
    };
    repo::put(tx, None, &label)?;
    queue::rouse(tx, cx.now, printer)?;
    Ok(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_told_by_country_and_postcode() {
        let place = |country: &str, zip: &str, city: &str| {
            let said = |t: &str| (!t.is_empty()).then(|| t.to_owned());
            lane(&Place { country: said(country), zip: said(zip), city: said(city), ..Place::default() })
        };
        assert_eq!(place("nl", "1012 AB", "Amsterdam"), "NL-101");
        assert_eq!(place("BR", "", "São Paulo"), "BR-SÃO");
        assert_eq!(place("", "01310-100", ""), "013");
        assert_eq!(place("DE", "^XA~", ""), "DE-XA");
        assert_eq!(place("", "", ""), "");
    }

    #[test]
    fn a_weight_has_no_digits_it_does_not_need() {
        assert_eq!(
            [0, 5, 1_000, 1_250, 12_345].map(|g| kilograms(Grams(g))),
            ["0 kg", "0.005 kg", "1 kg", "1.25 kg", "12.345 kg"]
        );
    }
}
