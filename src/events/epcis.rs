//! What happened to parcels as an EPCIS 2.0 document (GS1), with the vocabulary of CBV 2.0. Made when it is asked for; a
//! correction is told as EPCIS wants it: what was said before is declared wrong, and the new word stands beside it.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::feed;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::grant::Principal;
use crate::journal::event::Eid;
use crate::journal::log::Applied;
use crate::journal::{change, history, load};
use crate::parcels::event::ParcelEvent;
use crate::parcels::model::{Parcel, Status};
use crate::scan::check::Check;
use crate::store::{ReadTx, Result};

/// The context of the standard, and where names of ours come from.
const CONTEXT: &str = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld";
/// The beginning of names that are ours alone.
const OURS: &str = "urn:crossdock:";

/// The business step and disposition of a status.
#[must_use]
pub const fn vocabulary(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Unknown | Status::Lost => ("other", "unknown"),
        Status::Announced => ("commissioning", "active"),
        Status::Accepted => ("accepting", "in_progress"),
        Status::InTransit => ("transporting", "in_transit"),
        Status::Customs => ("inspecting", "in_progress"),
        Status::AtDepot => ("arriving", "in_progress"),
        Status::OutForDelivery => ("shipping", "in_transit"),
        Status::ReadyForPickup => ("storing", "available"),
        Status::Attempted => ("transporting", "in_progress"),
        Status::OnHold => ("holding", "unavailable"),
        Status::Returning => ("shipping", "returned"),
        Status::Delivered => ("accepting", "inactive"),
        Status::Returned => ("receiving", "returned"),
        Status::Disposed => ("destroying", "destroyed"),
        Status::Cancelled => ("void_shipping", "inactive"),
    }
}

/// One thing that was said of a parcel.
struct Said<'a> {
    parcel: &'a Parcel,
    status: Status,
    reason: Option<&'a str>,
    first: bool,
    at: Timestamp,
    recorded: Timestamp,
    site: u32,
    eid: Eid,
}

/// An event's own name: the change's identity, the same at every site.
fn event_id(eid: &Eid) -> String {
    format!("urn:uuid:{}", Id(*eid))
}

/// What a parcel is called: by its SSCC where its number is one.
fn epc(parcel: &Parcel) -> String {
    let number: String = parcel.number.chars().filter(|c| !c.is_whitespace()).collect();
    let digits = number.strip_prefix("00").filter(|d| d.len() == 18).unwrap_or(&number);
    let is_sscc =
        digits.len() == 18 && digits.bytes().all(|b| b.is_ascii_digit()) && Check::Gs1.holds(digits);
    if is_sscc { format!("https://id.gs1.org/00/{digits}") } else { format!("urn:uuid:{}", parcel.id) }
}

/// `+01:00`.
fn offset(zone: &TimeZone, at: Timestamp) -> String {
    let seconds = jiff::Timestamp::from_millisecond(at.millis()).map_or(0, |t| zone.to_offset(t).seconds());
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs() / 60);
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

impl Said<'_> {
    fn event(&self, zone: &TimeZone) -> Value {
        let (step, disposition) = match (self.status, self.reason) {
            (Status::OnHold, Some("damaged")) => ("holding", "damaged"),
            (status, _) => vocabulary(status),
        };
        let action = match self.status {
            _ if self.first => "ADD",
            Status::Disposed => "DELETE",
            _ => "OBSERVE",
        };
        let site = format!("{OURS}site:{}", self.site);
        let mut event = json!({
            "type": "ObjectEvent",
            "eventID": event_id(&self.eid),
            "action": action,
            "bizStep": step,
            "disposition": disposition,
            "eventTime": self.at.to_string(),
            "eventTimeZoneOffset": offset(zone, self.at),
            "recordTime": self.recorded.to_string(),
            "epcList": [epc(self.parcel)],
            "readPoint": { "id": site },
            "bizLocation": { "id": site },
            "crossdock:trackingNumber": self.parcel.number,
            "crossdock:status": self.status.as_str(),
        });
        if let Some(order) = &self.parcel.facts.order_ref {
            let order: String =
                order.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            event["bizTransactionList"] =
                json!([{ "type": "po", "bizTransaction": format!("{OURS}order:{order}") }]);
        }
        if let Some(reason) = self.reason {
            event["crossdock:reason"] = reason.into();
        }
        event
    }
}

/// What an event says of where a parcel is; none when it says nothing of that.
fn status(event: &ParcelEvent) -> Option<(Status, Option<&str>)> {
    match event {
        ParcelEvent::Registered(_) => Some((Status::Announced, None)),
        ParcelEvent::Reported(r) if !r.info => r.to.map(|to| (to, r.reason.as_deref())),
        ParcelEvent::Moved(m) => Some((m.to, m.reason.as_deref())),
        ParcelEvent::Corrected(c) => c.to.map(|to| (to, None)),
        _ => None,
    }
}

fn told(tx: &dyn ReadTx, entry: &Applied, zone: &TimeZone) -> Result<Vec<Value>> {
    let (header, body) = change::decode(&entry.blob)?;
    let Ok(event) = ParcelEvent::decode(header.k, header.v, &body) else { return Ok(Vec::new()) };
    let Some(row) = load::<Parcel>(tx, header.id)? else { return Ok(Vec::new()) };
    let (parcel, eid) = (&row.state, change::eid(&entry.blob));
    let recorded = Timestamp::from_millis(i64::try_from(header.t >> 16).unwrap_or(i64::MAX));
    let mut events = Vec::new();
    let mut at = event.occurred().unwrap_or(recorded);
    if let ParcelEvent::Corrected(c) = &event {
        let known = history::<Parcel>(tx, &row.line)?.into_iter().find(|(_, e)| e.key.eid == c.eid);
        if let Some((_, wrong)) = known
            && let Some((was, reason)) = status(&wrong.event)
        {
            at = wrong.key.at();
            let first = matches!(wrong.event, ParcelEvent::Registered(_));
            let said =
                Said { parcel, status: was, reason, first, at, recorded, site: wrong.site, eid: c.eid };
            let mut declared = said.event(zone);
            let instead: Vec<String> = c.to.iter().map(|_| event_id(&eid)).collect();
            declared["errorDeclaration"] = json!({
                "declarationTime": recorded.to_string(),
                "reason": if c.to.is_some() { "incorrect_data" } else { "did_not_occur" },
                "correctiveEventIDs": instead,
                "crossdock:why": c.reason,
            });
            events.push(declared);
        }
    }
    if let Some((status, reason)) = status(&event) {
        let first = matches!(event, ParcelEvent::Registered(_));
        events.push(Said { parcel, status, reason, first, at, recorded, site: header.o, eid }.event(zone));
    }
    Ok(events)
}

/// Up to about `n` events behind `after` that `who` may see, as a document, and the place that was looked up to.
///
/// # Errors
/// Storage failures.
pub fn document(
    tx: &dyn ReadTx,
    who: &Principal,
    after: u64,
    n: usize,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<(Value, u64)> {
    let (events, last) = feed::scan(tx, who, after, n, |_, entry| {
        let (header, _) = change::decode(&entry.blob)?;
        let of_parcel = super::event::Subject::of(header.k) == Some(super::event::Subject::Parcel);
        if of_parcel { told(tx, entry, zone) } else { Ok(Vec::new()) }
    })?;
    let document = json!({
        "@context": [CONTEXT, { "crossdock": OURS }],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": now.to_string(),
        "epcisBody": { "eventList": events },
    });
    Ok((document, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Aggregate;

    /// The vocabulary, as CBV 2.0 has it.
    const STEPS: &str = "accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting installing killing loading other packing picking receiving removing repackaging repairing replacing reserving retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing transporting unloading unpacking void_shipping";
    const DISPOSITIONS: &str = "active available completeness_verified completeness_inferred conformant container_closed container_open damaged destroyed dispensed disposed encoded expired in_progress in_transit inactive mismatch_instance mismatch_class mismatch_quantity needs_replacement no_pedigree_match non_conformant non_sellable_other partially_dispensed recalled reserved retail_sold returned sellable_accessible sellable_not_accessible stolen unavailable unknown";

    #[test]
    fn every_status_has_words_of_the_standard() {
        for status in Status::ALL {
            let (step, disposition) = vocabulary(status);
            assert!(STEPS.split(' ').any(|s| s == step), "{status}: {step}");
            assert!(DISPOSITIONS.split(' ').any(|d| d == disposition), "{status}: {disposition}");
        }
    }

    #[test]
    fn a_parcel_is_called_by_its_sscc_where_it_has_one() {
        let named = |number: &str| epc(&Parcel { number: number.into(), ..Parcel::blank(Id([1; 16])) });
        assert_eq!(named("106141412345678908"), "https://id.gs1.org/00/106141412345678908");
        assert_eq!(named("00 106141412345678908"), "https://id.gs1.org/00/106141412345678908");
        let own = format!("urn:uuid:{}", Id([1; 16]));
        assert_eq!((named("106141412345678907"), named("RR123456785NL")), (own.clone(), own));
    }

    #[test]
    fn offsets_are_those_of_the_depots_zone() {
        let at = Timestamp::from_millis(1_780_000_000_000);
        let of = |zone: &str| offset(&TimeZone::get(zone).unwrap(), at);
        assert_eq!(
            (of("UTC"), of("America/Sao_Paulo"), of("Asia/Kolkata")),
            ("+00:00".into(), "-03:00".into(), "+05:30".into())
        );
    }
}
