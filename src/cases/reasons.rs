//! Why a parcel, or the depot itself, needs a person: every reason, and what follows from it.
//!
//! The carriers' reasons are the trade's vocabularies brought together (UN/EDIFACT 9013, UPU EMSEVT, GS1 CBV and
//! the event tables of some twenty carriers). Times to first action are the trade's where it names one; "next tour"
//! is 12 working hours, "at once" is 1. Where it names none the figure is ours: 4 for what holds up a parcel or a
//! line, 8 for line-haul losses and doubtful data, 24 for what only costs neatness.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// "At once", in working hours.
const AT_ONCE: u16 = 1;
/// "With the next tour", in working hours.
const NEXT_TOUR: u16 = 12;

/// What a reason is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
pub enum Group {
    Address,
    Recipient,
    Payment,
    Customs,
    Handling,
    Transport,
    External,
    Data,
    Security,
    /// The depot's own machinery, not a parcel.
    Operation,
}

/// Whose doing it is, as far as the reason alone can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
pub enum Fault {
    Shipper,
    Carrier,
    Depot,
    Recipient,
    Authority,
    Nature,
    /// Nobody's, or not to be told from the reason.
    #[serde(rename = "none")]
    Nobody,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Shipper,
        Self::Carrier,
        Self::Depot,
        Self::Recipient,
        Self::Authority,
        Self::Nature,
        Self::Nobody,
    ];
}

/// Who acts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
pub enum Desk {
    Clerk,
    ReturnDesk,
    Dispatcher,
    LinehaulDesk,
    Accounts,
    Broker,
    Supervisor,
    /// Who keeps the machine running.
    Operator,
}

impl Desk {
    /// The default role that sits at this desk.
    #[must_use]
    pub fn role(self) -> &'static str {
        match self {
            Self::Clerk | Self::ReturnDesk => "clerk",
            Self::Dispatcher | Self::LinehaulDesk => "planner",
            Self::Accounts => "accounts",
            Self::Broker => "broker",
            Self::Supervisor => "supervisor",
            Self::Operator => "admin",
        }
    }
}

/// What follows from a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// The reason this is about.
    pub reason: Reason,
    /// What it is about.
    pub group: Group,
    /// Whose doing it is.
    pub fault: Fault,
    /// Whether it stays as it is until a person does something; otherwise somebody only keeps an eye on it.
    pub action_required: bool,
    /// Whether the step that failed may be tried again.
    pub retryable: bool,
    /// Working hours until the first action.
    pub sla_hours: u16,
    /// Who acts first.
    pub desk: Desk,
    /// The message that tells those concerned.
    pub template: &'static str,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal: $group:ident, $fault:ident, $act:ident, $retry:ident, $sla:expr, $desk:ident, $template:literal;)*) => {
        /// Why somebody has to look.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its code, as written in JSON, files and mappings.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }

        /// One row a reason, in the order of [`Reason::ALL`].
        pub const RULES: &[Rule] = &[$(Rule {
            reason: Reason::$name,
            group: Group::$group,
            fault: Fault::$fault,
            action_required: reasons!(@ $act),
            retryable: reasons!(@ $retry),
            sla_hours: $sla,
            desk: Desk::$desk,
            template: $template,
        },)*];
    };
    (@ act) => { true };
    (@ watch) => { false };
    (@ again) => { true };
    (@ never) => { false };
}

// name = code: group, fault, act or watch, again or never, hours to first action, desk, template
reasons! {
    /// A part of the address that delivery needs is missing.
    AddressIncomplete = "address_incomplete": Address, Shipper, act, again, 4, Clerk, "address_needed";
    /// There is no such address.
    AddressNotFound = "address_not_found": Address, Shipper, act, again, 4, Clerk, "address_needed";
    /// Nobody of that name is known at the address.
    RecipientUnknown = "recipient_unknown": Address, Shipper, act, again, 4, Clerk, "address_needed";
    /// The recipient lives elsewhere now.
    RecipientMoved = "recipient_moved": Address, Recipient, act, again, 4, Clerk, "address_needed";
    /// Nobody opened.
    RecipientAbsent = "recipient_absent": Recipient, Recipient, watch, again, NEXT_TOUR, Dispatcher, "delivery_missed";
    /// The shop or office was closed.
    BusinessClosed = "business_closed": Recipient, Recipient, watch, again, NEXT_TOUR, Dispatcher, "delivery_missed";
    /// The driver could not get to the door.
    AccessRestricted = "access_restricted": Recipient, Recipient, act, again, NEXT_TOUR, Dispatcher, "delivery_missed";
    /// The agreed place to leave it at was not safe or not there.
    SafePlaceUnavailable = "safe_place_unavailable": Recipient, Recipient, watch, again, NEXT_TOUR, Dispatcher, "delivery_missed";
    /// A time has to be agreed, or was.
    Appointment = "appointment": Recipient, Nobody, act, again, NEXT_TOUR, Dispatcher, "appointment";
    /// The recipient asked to keep it back.
    HoldRequested = "hold_requested": Recipient, Recipient, watch, again, NEXT_TOUR, Dispatcher, "request_confirmed";
    /// The recipient asked to bring it elsewhere.
    RedirectRequested = "redirect_requested": Recipient, Recipient, act, again, NEXT_TOUR, Dispatcher, "request_confirmed";
    /// Delivery was moved to another day.
    Rescheduled = "rescheduled": Recipient, Nobody, watch, again, NEXT_TOUR, Dispatcher, "request_confirmed";
    /// The recipient does not want it.
    Refused = "refused": Recipient, Recipient, act, never, 8, ReturnDesk, "return_started";
    /// The shipper wants it back.
    ShipperCancelled = "shipper_cancelled": Recipient, Shipper, act, never, 8, ReturnDesk, "return_started";
    /// The recipient could not show who they are.
    IdentityFailed = "identity_failed": Recipient, Recipient, act, again, NEXT_TOUR, Dispatcher, "delivery_missed";
    /// Cash on delivery was not paid.
    CodUnpaid = "cod_unpaid": Payment, Recipient, act, again, 24, Accounts, "payment_due";
    /// Freight or storage is not paid.
    ChargesUnpaid = "charges_unpaid": Payment, Recipient, act, again, 24, Accounts, "payment_due";
    /// Duties and taxes are not paid.
    DutiesUnpaid = "duties_unpaid": Payment, Recipient, act, again, 24, Accounts, "payment_due";
    /// The recipient contests duties and taxes.
    DutiesDisputed = "duties_disputed": Payment, Recipient, act, again, 24, Accounts, "payment_due";
    /// The shipper paid too little.
    InsufficientPostage = "insufficient_postage": Payment, Shipper, act, again, 24, Accounts, "payment_due";
    /// It waits at the counter; its people are told at 50 % and 90 % of the holding time, then it goes back.
    PickupNotCollected = "pickup_not_collected": Recipient, Recipient, watch, never, NEXT_TOUR, ReturnDesk, "pickup_waiting";
    /// Customs keeps it and does not say more.
    CustomsHold = "customs_hold": Customs, Authority, act, again, 4, Broker, "customs_hold";
    /// Customs wants papers.
    CustomsDocuments = "customs_documents": Customs, Shipper, act, again, 4, Broker, "documents_needed";
    /// Customs does not let it in.
    CustomsRefused = "customs_refused": Customs, Authority, act, never, 4, Broker, "customs_refused";
    /// An authority opens it to look.
    Inspection = "inspection": Customs, Authority, watch, again, 4, Broker, "customs_hold";
    /// It may not be sent there at all.
    Prohibited = "prohibited": Customs, Shipper, act, never, 4, Broker, "customs_refused";
    /// It is damaged: a photo and the damage form, at once.
    Damaged = "damaged": Handling, Carrier, act, never, AT_ONCE, Clerk, "damage_found";
    /// It was packed anew: a photo of what was inside and how.
    Repacked = "repacked": Handling, Carrier, act, again, AT_ONCE, Clerk, "damage_found";
    /// It has a new label: a photo of both.
    Relabelled = "relabelled": Handling, Depot, act, again, AT_ONCE, Clerk, "damage_found";
    /// It is lost: a day of searching, then a claim.
    Lost = "lost": Handling, Carrier, act, never, 24, Supervisor, "search_started";
    /// Somebody looks for it.
    Investigation = "investigation": Handling, Carrier, act, again, 24, Supervisor, "search_started";
    /// Less arrived than was sent.
    ShortShipped = "short_shipped": Transport, Carrier, act, again, 8, LinehaulDesk, "line_loss";
    /// It stayed on board past its stop.
    Overcarried = "overcarried": Transport, Carrier, act, again, 8, LinehaulDesk, "line_loss";
    /// It was taken off to make room.
    Offloaded = "offloaded": Transport, Carrier, act, again, 8, LinehaulDesk, "line_loss";
    /// Something went wrong while loading.
    LoadingException = "loading_exception": Transport, Depot, act, again, 8, LinehaulDesk, "line_loss";
    /// It came to the wrong place: sent on at the scan.
    Missorted = "missorted": Handling, Depot, act, again, AT_ONCE, Clerk, "delay";
    /// It came too late for its departure.
    MissedCutoff = "missed_cutoff": Transport, Depot, watch, again, 4, Dispatcher, "delay";
    /// The truck, train or flight is late.
    LinehaulDelay = "linehaul_delay": Transport, Carrier, watch, again, 4, Dispatcher, "delay";
    /// More parcels than room.
    Capacity = "capacity": Transport, Depot, act, again, 4, Dispatcher, "delay";
    /// The vehicle stands.
    VehicleBreakdown = "vehicle_breakdown": Transport, Carrier, act, again, 4, Dispatcher, "delay";
    /// The sorter, lift or scanner stands.
    EquipmentFailure = "equipment_failure": Transport, Depot, act, again, 4, Dispatcher, "delay";
    /// Storm, snow, heat. One bulk case for a route or an area, like the next four.
    Weather = "weather": External, Nature, watch, again, 4, Dispatcher, "area_delay";
    /// Flood, fire, earthquake.
    Disaster = "disaster": External, Nature, watch, again, 4, Dispatcher, "area_delay";
    /// The streets are not safe.
    CivilUnrest = "civil_unrest": External, Nobody, watch, again, 4, Dispatcher, "area_delay";
    /// A strike.
    LabourDispute = "labour_dispute": External, Carrier, watch, again, 4, Dispatcher, "area_delay";
    /// No power, no network.
    PowerOutage = "power_outage": External, Nobody, watch, again, 4, Dispatcher, "area_delay";
    /// The shipper had nothing to hand over yet.
    NotReady = "not_ready": Transport, Shipper, act, again, NEXT_TOUR, Dispatcher, "pickup_failed";
    /// The label can't be read.
    LabelUnreadable = "label_unreadable": Data, Depot, act, again, 4, Clerk, "data_needed";
    /// Something that the next step needs was never told.
    DataMissing = "data_missing": Data, Shipper, act, again, 4, Clerk, "data_needed";
    /// What the shipper told is wrong.
    ShipperDataError = "shipper_data_error": Data, Shipper, act, again, 4, Clerk, "data_needed";
    /// Heavier or larger than its service takes.
    OverweightOversize = "overweight_oversize": Handling, Shipper, act, never, 4, Clerk, "data_needed";
    /// Nobody delivers there.
    OutOfArea = "out_of_area": Address, Shipper, act, never, 4, Clerk, "data_needed";
    /// The service is not offered at present.
    ServiceSuspended = "service_suspended": External, Carrier, watch, again, 4, Clerk, "delay";
    /// The carrier would not take it.
    CarrierRejected = "carrier_rejected": Data, Carrier, act, again, 4, Clerk, "data_needed";
    /// Dangerous goods, declared or found.
    DangerousGoods = "dangerous_goods": Security, Shipper, act, never, AT_ONCE, Supervisor, "security";
    /// Security keeps it back.
    SecurityHold = "security_hold": Security, Authority, act, again, AT_ONCE, Supervisor, "security";
    /// An authority took it.
    Seized = "seized": Security, Authority, act, never, AT_ONCE, Supervisor, "security";
    /// It can't be delivered, and nobody says why.
    Undeliverable = "undeliverable": Data, Nobody, act, never, 2, Clerk, "triage";
    /// Something is wrong, and nobody says what.
    Unspecified = "unspecified": Data, Nobody, act, again, 2, Clerk, "triage";

    // made by ourselves, never by a carrier

    /// Nothing was heard of it for longer than its status may last.
    StatusStale = "status_stale": Data, Carrier, act, again, 4, Clerk, "status_stale";
    /// It is here, and nobody announced it.
    PieceWithoutData = "piece_without_data": Data, Shipper, act, again, 4, Clerk, "data_needed";
    /// It was announced, and nobody has it.
    DataWithoutPiece = "data_without_piece": Data, Shipper, act, again, 8, Clerk, "piece_needed";
    /// Its reports contradict one another.
    StatusConflict = "status_conflict": Data, Nobody, act, again, 8, Clerk, "triage";
    /// The same piece was scanned in two places at one time, or one number sits on two pieces.
    DuplicateScan = "duplicate_scan": Data, Depot, act, again, 8, Clerk, "triage";
    /// Two depots told of the same number, each of a parcel of its own. Headquarters alone finds that.
    Duplicate = "duplicate": Data, Nobody, act, again, 8, Clerk, "triage";
    /// It lies in the wrong vehicle, or came with it.
    WrongRouteLoaded = "wrong_route_loaded": Handling, Depot, act, again, AT_ONCE, Dispatcher, "reload_now";
    /// A carrier's code that the status map does not know.
    UnmappedCode = "unmapped_code": Data, Nobody, act, again, 24, Supervisor, "map_code";
    /// More pieces came than were announced.
    OverReceived = "over_received": Data, Shipper, act, again, 8, Clerk, "count_differs";

    // the depot itself

    /// A job failed for good.
    JobDead = "job_dead": Operation, Depot, act, again, 4, Operator, "operation";
    /// A job is long past its time.
    JobLate = "job_late": Operation, Depot, act, again, 4, Operator, "operation";
    /// A job has long waited for something outside that does not answer.
    JobBlocked = "job_blocked": Operation, Nobody, act, again, 4, Operator, "operation";
    /// The server answers with errors of its own.
    ServerErrors = "server_errors": Operation, Depot, act, again, AT_ONCE, Operator, "operation";
    /// The last good backup is too old.
    BackupOverdue = "backup_overdue": Operation, Depot, act, again, 4, Operator, "operation";
    /// Headquarters has not answered for long.
    SyncOffline = "sync_offline": Operation, Nobody, act, again, 4, Operator, "operation";
    /// Headquarters lets this depot wait until a person has decided something, or its release is too old.
    SyncHeld = "sync_held": Operation, Nobody, act, again, AT_ONCE, Operator, "operation";
    /// The machine's clock is far off.
    ClockWrong = "clock_wrong": Operation, Depot, act, again, 4, Operator, "operation";
    /// The disk is nearly full.
    DiskLow = "disk_low": Operation, Depot, act, again, AT_ONCE, Operator, "operation";
    /// The chain of the audit log does not hold: something was changed or lost.
    AuditBroken = "audit_broken": Operation, Nobody, act, never, AT_ONCE, Supervisor, "operation";
}

impl Reason {
    /// What follows from it.
    #[must_use]
    pub const fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|r| r.code() == s);
        found.copied().ok_or_else(|| {
            format!("\"{s}\" is not an exception reason; write one such as address_incomplete")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_prints_and_parses_back() {
        for &reason in Reason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(json, format!("\"{reason}\""));
            assert_eq!(serde_json::from_str::<Reason>(&json).unwrap(), reason);
        }
        assert!("bad_mood".parse::<Reason>().unwrap_err().contains("\"bad_mood\" is not"));
    }

    #[test]
    fn every_reason_has_its_own_sane_row() {
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!((Reason::ALL.len(), RULES.len(), codes.len()), (78, 78, 78));
        for &reason in Reason::ALL {
            let rule = reason.rule();
            let name = reason.code();
            assert_eq!(rule.reason, reason);
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert_eq!(name.replace('_', ""), format!("{reason:?}").to_lowercase());
            assert!((1..=24).contains(&rule.sla_hours), "{name}");
            assert!(rule.action_required || rule.sla_hours > AT_ONCE, "{name}: nobody watches at once");
            assert!(
                !rule.template.is_empty()
                    && rule.template.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            );
            assert_eq!(rule.group == Group::Operation, rule.template == "operation", "{name}");
            assert!(rule.group != Group::Security || rule.desk == Desk::Supervisor, "{name}");
            assert!(rule.group != Group::Payment || rule.desk == Desk::Accounts, "{name}");
            assert!(rule.group != Group::Customs || rule.desk == Desk::Broker, "{name}");
            assert!(
                rule.fault != Fault::Nature || !rule.action_required,
                "{name}: nobody can act on the weather"
            );
        }
    }

    #[test]
    fn the_trade_s_own_times_stand() {
        use Reason::{Damaged, Lost, NotReady, Refused, Seized, Undeliverable};
        let hours = [Damaged, Lost, NotReady, Refused, Seized, Undeliverable].map(|r| r.rule().sla_hours);
        assert_eq!(hours, [1, 24, 12, 8, 1, 2]);
        assert_eq!(serde_json::to_value(Lost.rule()).unwrap()["fault"], "carrier");
        assert_eq!(Desk::LinehaulDesk.role(), "planner");
    }
}
