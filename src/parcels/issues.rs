//! What needs a person, as far as the events alone can tell: refused steps, unknown codes, contradictions, reasons.

use super::model::{Flag, Issue, Parcel, Status};
use super::rules;
use crate::base::clock::Timestamp;
use crate::journal::event::FoldKey;

/// The most issues one parcel keeps; further ones are not added until some of these are mended.
pub const MAX_ISSUES: usize = 64;

/// A step that the table doesn't allow was reported.
pub const STATUS_CONFLICT: &str = "status_conflict";
/// A source used a code that its map doesn't hold.
pub const UNMAPPED_CODE: &str = "unmapped_code";
/// What a source tells contradicts itself.
pub const SHIPPER_DATA_ERROR: &str = "shipper_data_error";
/// No news for longer than the status allows.
pub const STATUS_STALE: &str = "status_stale";
/// It waits at the counter, and nobody comes.
pub const PICKUP_NOT_COLLECTED: &str = "pickup_not_collected";
/// The goods or their packing are damaged.
pub const DAMAGED: &str = "damaged";

/// Every reason code, by who must act: address and recipient, recipient's choice, return, money, customs, handling,
/// transport, outside force, data, security, and last the ones only we raise.
#[rustfmt::skip]
pub const REASONS: [&str; 67] = [
    "address_incomplete", "address_not_found", "recipient_unknown", "recipient_moved",
    "recipient_absent", "business_closed", "access_restricted", "safe_place_unavailable", "appointment",
    "hold_requested", "redirect_requested", "rescheduled",
    "refused", "shipper_cancelled", "identity_failed",
    "cod_unpaid", "charges_unpaid", "duties_unpaid", "duties_disputed", "insufficient_postage",
    PICKUP_NOT_COLLECTED,
    "customs_hold", "customs_documents", "customs_refused", "inspection", "prohibited",
    DAMAGED, "repacked", "relabelled", "lost", "investigation",
    "short_shipped", "overcarried", "offloaded", "loading_exception", "missorted",
    "missed_cutoff", "linehaul_delay", "capacity", "vehicle_breakdown", "equipment_failure",
    "weather", "disaster", "civil_unrest", "labour_dispute", "power_outage", "not_ready",
    "label_unreadable", "data_missing", SHIPPER_DATA_ERROR, "overweight_oversize", "out_of_area",
    "service_suspended", "carrier_rejected",
    "dangerous_goods", "security_hold", "seized", "undeliverable", "unspecified",
    STATUS_STALE, "piece_without_data", "data_without_piece", STATUS_CONFLICT, "duplicate_scan",
    "wrong_route_loaded", UNMAPPED_CODE, "over_received",
];

/// The contradictions among a parcel's moments. The words open the issue's detail and tell one kind from another.
const CONTRADICTIONS: [(&str, Contradiction); 5] = [
    ("handed over before purchase", |p| earlier(p.milestones.carrier_at, p.milestones.purchased_at)),
    ("handed over before approval", |p| earlier(p.milestones.carrier_at, p.milestones.approved_at)),
    ("delivered before hand-over", |p| earlier(p.milestones.delivered_at, p.milestones.carrier_at)),
    ("delivered before approval", |p| earlier(p.milestones.delivered_at, p.milestones.approved_at)),
    ("cancelled with a delivery time", |p| {
        let at = p.delivered_at.or(p.milestones.delivered_at)?;
        (p.status == Status::Cancelled).then(|| format!("cancelled {}, delivered {at}", p.since))
    }),
];

/// The two times that contradict each other, in words, or nothing.
type Contradiction = fn(&Parcel) -> Option<String>;

fn earlier(first: Option<Timestamp>, second: Option<Timestamp>) -> Option<String> {
    let (first, second) = (first?, second?);
    (first < second).then(|| format!("{first} is earlier than {second}"))
}

/// Opens an issue unless the same is open or the parcel has [`MAX_ISSUES`].
pub(super) fn open(parcel: &mut Parcel, reason: &str, key: &FoldKey, detail: String) {
    let known = parcel.issues.iter().any(|i| i.reason == reason && i.detail == detail);
    if !known && parcel.issues.len() < MAX_ISSUES {
        parcel.issues.push(Issue { reason: reason.to_owned(), eid: key.eid, at: key.at(), detail });
    }
}

/// Opens the issue of a reported reason. One per reason is enough: a second attempt at a closed door is the same work.
fn open_reason(parcel: &mut Parcel, reason: &str, key: &FoldKey, detail: String) {
    if !parcel.issues.iter().any(|i| i.reason == reason && is_reported(i)) {
        open(parcel, reason, key, detail);
    }
}

/// Nobody has come for it: one issue, whose words are kept current.
pub(super) fn not_collected(parcel: &mut Parcel, key: &FoldKey, detail: String) {
    match parcel.issues.iter_mut().find(|i| i.reason == PICKUP_NOT_COLLECTED) {
        Some(issue) => issue.detail = detail,
        None => open(parcel, PICKUP_NOT_COLLECTED, key, detail),
    }
}

/// The parcel got somewhere else: what stopped it is over. Damage goes with it.
pub(super) fn moved_on(parcel: &mut Parcel) {
    parcel.issues.retain(|i| !is_reported(i) || i.reason == DAMAGED);
}

/// The parcel's way has ended, and with it every reason to hurry.
pub(super) fn settled(parcel: &mut Parcel) {
    parcel.issues.retain(|i| !is_reported(i));
}

/// There is news: the parcel isn't stale any more.
pub(super) fn freshened(parcel: &mut Parcel) {
    parcel.flags.put(Flag::Stale, false);
    parcel.issues.retain(|i| i.reason != STATUS_STALE);
}

/// Compares the moments anew: one issue per kind of contradiction, with its words kept current, none when mended.
pub(super) fn compare_moments(parcel: &mut Parcel, key: &FoldKey) {
    for (kind, contradicts) in CONTRADICTIONS {
        let open_as =
            parcel.issues.iter().position(|i| i.reason == SHIPPER_DATA_ERROR && i.detail.starts_with(kind));
        match (contradicts(parcel).map(|times| format!("{kind}: {times}")), open_as) {
            (Some(detail), Some(at)) => parcel.issues[at].detail = detail,
            (Some(detail), None) => open(parcel, SHIPPER_DATA_ERROR, key, detail),
            (None, Some(at)) => drop(parcel.issues.remove(at)),
            (None, None) => {}
        }
    }
}

/// Whether a person or carrier named the reason, as against one the fold found by itself.
fn is_reported(issue: &Issue) -> bool {
    match issue.reason.as_str() {
        STATUS_CONFLICT | UNMAPPED_CODE => false,
        SHIPPER_DATA_ERROR => !CONTRADICTIONS.iter().any(|(kind, _)| issue.detail.starts_with(kind)),
        _ => true,
    }
}

/// Takes note of a reported reason: damage is marked wherever the parcel is, an issue opens while there is something
/// left to do.
pub(super) fn take_reason(parcel: &mut Parcel, reason: &str, key: &FoldKey, detail: String, counts: bool) {
    if reason == DAMAGED {
        parcel.flags.put(Flag::Damaged, true);
    }
    if counts && rules::is_open(parcel.status) {
        open_reason(parcel, reason, key, detail);
    }
}
