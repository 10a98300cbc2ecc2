//! What to do next about a reason: the desk's handbook as data, the first action first. A suggestion and nothing more;
//! which steps a case may take is said in [`super::rules`].

use serde::{Deserialize, Serialize};

use super::reasons::Reason;

macro_rules! actions {
    ($($name:ident = $code:literal, $says:literal;)+) => {
        /// Something the desk can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum Action {
            $(#[doc = $says] #[serde(rename = $code)] $name,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What it says, in a line.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => $says,)+ }
            }
        }
    };
}

actions! {
    AskShipperAddress = "ask_shipper_address", "Ask the shipper for the full address";
    CallRecipient = "call_recipient", "Call the recipient";
    PlanAgain = "plan_again", "Put it on the next tour";
    AgreeDay = "agree_day", "Agree a day and a time window with the recipient";
    Redirect = "redirect", "Enter the new address and put it on the next tour";
    KeepUntil = "keep_until", "Keep it and wait until the day that was asked for";
    OfferPickup = "offer_pickup", "Offer the recipient to fetch it at the counter";
    StartReturn = "start_return", "Send it back to the shipper";
    RemindPickup = "remind_pickup", "Remind the recipient that it waits";
    CollectMoney = "collect_money", "Send the bill or the link to pay and wait";
    BillShipper = "bill_shipper", "Bill the shipper for the difference";
    AskDuties = "ask_duties", "Have the broker check the assessment";
    AskDocuments = "ask_documents", "Ask the shipper for invoice and papers";
    AskBroker = "ask_broker", "Ask the broker how far it is";
    Photograph = "photograph", "Take a photo, inside and out";
    DamageForm = "damage_form", "Fill in the damage form and ask the shipper what to do";
    Repack = "repack", "Pack it anew and print the label again";
    Relabel = "relabel", "Print the label again";
    Search = "search", "Search the depot and the last vehicle";
    AskCarrier = "ask_carrier", "Ask the carrier to trace it";
    Claim = "claim", "Open the claim";
    CountAgain = "count_again", "Count again against the manifest";
    SendOn = "send_on", "Send it on to the right place";
    NextDeparture = "next_departure", "Book it on the next departure";
    CallCarrier = "call_carrier", "Call the carrier for a new time";
    OtherVehicle = "other_vehicle", "Find another vehicle and load over";
    CallTechnician = "call_technician", "Call the technician and sort by hand";
    BulkCase = "bulk_case", "Bring all parcels of the area into one bulk case";
    TellShippers = "tell_shippers", "Tell the shippers of the delay";
    CompleteData = "complete_data", "Complete the data from the label and the papers";
    AskShipper = "ask_shipper", "Ask the shipper";
    Measure = "measure", "Weigh and measure it";
    FindCarrier = "find_carrier", "Find a carrier that goes there, else send it back";
    SetAside = "set_aside", "Set it aside, touch nothing, and call the supervisor";
    CallAuthority = "call_authority", "Call the authority and note its reference";
    Look = "look", "Look at the parcel and its history, and give the case its true reason";
    MapCode = "map_code", "Give the carrier's code a meaning in the status map";
    Unload = "unload", "Take it out of the vehicle before it leaves";
    AskOperator = "ask_operator", "Look at the machine's own health page";
    RetryJob = "retry_job", "Read the job's error, mend the cause and retry the job";
    MakeBackup = "make_backup", "Make a backup now and see why the last one failed";
    CheckUplink = "check_uplink", "Check the line to headquarters";
    CheckClock = "check_clock", "Set the machine's clock";
    FreeDisk = "free_disk", "Free space on the disk";
    SecureEvidence = "secure_evidence", "Keep the machine as it is and compare with the last backup";
}

/// What to do about `reason`, the first thing first.
#[must_use]
#[allow(clippy::enum_glob_use)] // a table of seventy rows reads by its names
pub const fn suggested(reason: Reason) -> &'static [Action] {
    use Action::*;
    use Reason as R;
    match reason {
        R::AddressIncomplete | R::AddressNotFound => &[AskShipperAddress, CallRecipient, StartReturn],
        R::RecipientUnknown => &[CallRecipient, AskShipperAddress, StartReturn],
        R::RecipientMoved => &[CallRecipient, Redirect, StartReturn],
        R::RecipientAbsent | R::BusinessClosed | R::SafePlaceUnavailable => {
            &[PlanAgain, AgreeDay, OfferPickup]
        }
        R::AccessRestricted => &[CallRecipient, AgreeDay, OfferPickup],
        R::Appointment | R::Rescheduled => &[AgreeDay, PlanAgain],
        R::HoldRequested => &[KeepUntil],
        R::RedirectRequested => &[Redirect],
        R::Refused | R::ShipperCancelled => &[StartReturn, AskShipper],
        R::IdentityFailed => &[CallRecipient, OfferPickup],
        R::CodUnpaid | R::ChargesUnpaid | R::DutiesUnpaid => &[CollectMoney, CallRecipient, StartReturn],
        R::DutiesDisputed => &[AskDuties, CallRecipient],
        R::InsufficientPostage => &[BillShipper],
        R::PickupNotCollected => &[RemindPickup, StartReturn],
        R::CustomsHold | R::Inspection => &[AskBroker, AskDocuments],
        R::CustomsDocuments => &[AskDocuments, AskBroker],
        R::CustomsRefused | R::Prohibited => &[AskBroker, StartReturn],
        R::Damaged => &[Photograph, DamageForm],
        R::Repacked => &[Photograph, Relabel],
        R::Relabelled => &[Photograph],
        R::Lost => &[Search, AskCarrier, Claim],
        R::Investigation => &[AskCarrier, Search],
        R::ShortShipped => &[CountAgain, AskCarrier],
        R::Overcarried | R::Offloaded => &[AskCarrier, NextDeparture],
        R::LoadingException => &[CountAgain, NextDeparture],
        R::Missorted => &[SendOn],
        R::MissedCutoff => &[NextDeparture],
        R::LinehaulDelay => &[CallCarrier, TellShippers],
        R::Capacity => &[NextDeparture, OtherVehicle],
        R::VehicleBreakdown => &[OtherVehicle, TellShippers],
        R::EquipmentFailure => &[CallTechnician],
        R::Weather | R::Disaster | R::CivilUnrest | R::LabourDispute | R::PowerOutage => {
            &[BulkCase, TellShippers, PlanAgain]
        }
        R::NotReady => &[AskShipper, PlanAgain],
        R::LabelUnreadable => &[CompleteData, Relabel],
        R::DataMissing | R::ShipperDataError => &[CompleteData, AskShipper],
        R::OverweightOversize => &[Measure, AskShipper],
        R::OutOfArea => &[FindCarrier, StartReturn],
        R::ServiceSuspended => &[TellShippers, FindCarrier],
        R::CarrierRejected => &[AskCarrier, Repack],
        R::DangerousGoods | R::SecurityHold => &[SetAside, CallAuthority],
        R::Seized => &[CallAuthority, AskShipper],
        R::Undeliverable | R::Unspecified | R::StatusConflict => &[Look, AskCarrier],
        R::StatusStale => &[Search, AskCarrier, Claim],
        R::PieceWithoutData => &[CompleteData, AskShipper],
        R::DataWithoutPiece => &[Search, AskShipper],
        R::Duplicate | R::DuplicateScan => &[Look],
        R::WrongRouteLoaded => &[Unload, SendOn],
        R::UnmappedCode => &[MapCode],
        R::OverReceived => &[CountAgain, AskShipper],
        R::JobDead | R::JobLate | R::JobBlocked => &[RetryJob, AskOperator],
        R::ServerErrors => &[AskOperator],
        R::BackupOverdue => &[MakeBackup],
        R::SyncOffline | R::SyncHeld => &[CheckUplink, AskOperator],
        R::ClockWrong => &[CheckClock],
        R::DiskLow => &[FreeDisk],
        R::AuditBroken => &[SecureEvidence],
    }
}

/// An action as it is shown.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
pub struct Suggestion {
    /// Its code.
    pub action: Action,
    /// What it says.
    pub says: &'static str,
}

/// The suggestions for `reason`, as they are shown.
#[must_use]
pub fn suggestions(reason: Reason) -> Vec<Suggestion> {
    suggested(reason).iter().map(|a| Suggestion { action: *a, says: a.says() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::reasons::Group;

    #[test]
    fn every_reason_has_one_to_three_different_actions_and_every_action_a_reason() {
        let mut used = std::collections::BTreeSet::new();
        for reason in Reason::ALL {
            let actions = suggested(*reason);
            assert!((1..=3).contains(&actions.len()), "{reason}");
            let codes: std::collections::BTreeSet<_> = actions.iter().map(|a| a.code()).collect();
            assert_eq!(codes.len(), actions.len(), "{reason}");
            used.extend(codes);
        }
        for action in Action::ALL {
            assert!(used.contains(action.code()), "{} is never suggested", action.code());
            assert!(!action.says().is_empty() && !action.says().ends_with('.'));
        }
    }

    #[test]
    fn the_handbook_fits_the_trade() {
        assert_eq!(suggested(Reason::Weather)[0], Action::BulkCase);
        assert_eq!(suggested(Reason::Damaged)[0], Action::Photograph);
        assert_eq!(serde_json::to_value(suggestions(Reason::Missorted)).unwrap()[0]["action"], "send_on");
        for reason in Reason::ALL.iter().filter(|r| r.rule().group == Group::Security) {
            assert!(!suggested(*reason).contains(&Action::PlanAgain), "{reason}");
        }
    }
}
