//! The procedure an import desk begins with: thirteen steps from the pre-alert to the closed file.

use super::clocks::{Day, Moment};
use super::codes::Code;
use super::reminders::When;
use super::sop::{Action, Guard, Reminder, Sop, Step, To};

fn hours(after: Moment, hours: i32) -> When {
    When::Hours { after, hours }
}

fn on_day(day: Day, days: i32) -> When {
    When::OnDay { day, days, hour: 8 }
}

fn remind(when: When, text: &str) -> Reminder {
    Reminder { when, while_missing: None, text: text.into(), alarm: None, early: false }
}

impl Reminder {
    fn early(self) -> Self {
        Self { early: true, ..self }
    }
    fn alarm(self, kind: &str) -> Self {
        Self { alarm: Some(kind.into()), ..self }
    }
    fn while_missing(self, guard: Guard) -> Self {
        Self { while_missing: Some(guard), ..self }
    }
}

fn step(key: &str, name: &str, role: &str, after: &[&str], guards: Vec<Guard>) -> Step {
    Step {
        key: key.into(),
        name: name.into(),
        role: role.into(),
        after: after.iter().map(|a| (*a).to_owned()).collect(),
        guards,
        actions: Vec::new(),
        due: None,
        reminders: Vec::new(),
        auto: true,
    }
}

fn task(text: &str) -> Action {
    Action::Task { text: text.into() }
}

fn webhook(event: &str) -> Action {
    Action::Webhook { event: event.into() }
}

impl Sop {
    /// The thirteen steps.
    #[must_use]
    pub fn usual() -> Self {
        let steps = before_arrival().into_iter().chain(at_the_terminal()).chain(afterwards()).collect();
        Self { version: 1, steps }
    }
}

fn before_arrival() -> Vec<Step> {
    let files = || Guard::Files(["mawb", "hawb", "manifest", "invoice"].map(str::to_owned).into());
    let lacking = "documents of the pre-alert are missing";
    vec![
        Step {
            actions: vec![Action::Status { code: Code::Bkd }],
            ..step("created", "Create the waybill", "import_agent", &[], vec![Guard::NumberOk])
        },
        Step {
            due: Some(hours(Moment::Eta, -24)),
            reminders: vec![
                remind(hours(Moment::Eta, -24), lacking).while_missing(files()),
                remind(hours(Moment::Eta, -6), lacking).while_missing(files()),
            ],
            actions: vec![Action::Mail { template: "pre_alert".into(), to: To::Consignee }],
            ..step("pre_alert", "Pre-alert complete", "import_agent", &["created"], vec![files()])
        },
        Step {
            due: Some(hours(Moment::Eta, -12)),
            reminders: vec![remind(hours(Moment::Eta, -12), "the customs entry is not filed")],
            actions: vec![Action::Status { code: Code::Crc }],
            ..step("entry", "Customs entry filed", "broker", &["pre_alert"], vec![Guard::EntryNumber])
        },
        Step {
            due: Some(hours(Moment::Eta, 0)),
            reminders: vec![
                remind(hours(Moment::Eta, 2), "the flight has not arrived")
                    .while_missing(Guard::Event(Code::Arr))
                    .alarm("late_flight"),
            ],
            ..step("arrived", "Flight arrived", "system", &["created"], vec![Guard::Event(Code::Arr)])
        },
    ]
}

fn at_the_terminal() -> Vec<Step> {
    vec![
        Step {
            due: Some(hours(Moment::Arrived, 6)),
            reminders: vec![
                remind(hours(Moment::Arrived, 6), "pieces are not received and counted").alarm("not_counted"),
            ],
            actions: vec![webhook("freight.received")],
            ..step("received", "Cargo received, pieces counted", "clerk", &["arrived"], vec![Guard::Counted])
        },
        Step {
            due: Some(hours(Moment::Received, 1)),
            reminders: vec![
                remind(hours(Moment::Received, 1), "the arrival notice was not sent")
                    .while_missing(Guard::Event(Code::Nfd)),
            ],
            actions: vec![
                Action::Mail { template: "arrival_notice".into(), to: To::Consignee },
                Action::Status { code: Code::Nfd },
            ],
            ..step("notice", "Arrival notice sent", "system", &["received"], vec![])
        },
        Step {
            due: Some(on_day(Day::Lfd, 0)),
            reminders: vec![
                remind(
                    When::Each { from: Moment::Received, hours: vec![8, 14], working: true },
                    "the import service charge is not paid",
                )
                .while_missing(Guard::IscPaid),
            ],
            ..step("isc", "Import service charge paid", "accounts", &["received"], vec![Guard::IscPaid])
        },
        Step {
            due: Some(on_day(Day::Lfd, -1)),
            reminders: vec![
                remind(hours(Moment::HoldStart, 0), "customs holds the shipment").early(),
                remind(
                    When::Each { from: Moment::HoldStart, hours: vec![9], working: false },
                    "customs still holds the shipment",
                )
                .early(),
                remind(on_day(Day::Lfd, -1), "customs has not released the shipment"),
            ],
            ..step("customs", "Customs released", "broker", &["entry"], vec![Guard::CustomsReleased])
        },
        Step {
            due: Some(on_day(Day::Lfd, 0)),
            reminders: vec![
                remind(on_day(Day::Lfd, -3), "three free days are left: book the pickup").early(),
                remind(on_day(Day::Lfd, -1), "one free day is left: book the pickup").early(),
                remind(on_day(Day::Lfd, 0), "this is the last free day").early(),
            ],
            ..step("pickup", "Pickup booked", "planner", &["isc", "customs"], vec![Guard::PickupBooked])
        },
        Step {
            due: Some(hours(Moment::LfdEnd, 0)),
            reminders: vec![
                remind(hours(Moment::LfdEnd, 0), "not picked up: storage is charged from now on")
                    .alarm("storage_running")
                    .early(),
            ],
            actions: vec![webhook("freight.delivered")],
            ..step("delivered", "Picked up or delivered", "clerk", &["pickup"], vec![Guard::Delivered])
        },
    ]
}

fn afterwards() -> Vec<Step> {
    vec![
        Step {
            auto: false,
            due: Some(hours(Moment::Delivered, 4)),
            reminders: vec![remind(hours(Moment::Delivered, 4), "the houses are not taken apart")],
            actions: vec![Action::Label { label: "deconsolidated".into() }],
            ..step("houses", "Houses deconsolidated", "clerk", &["delivered"], vec![])
        },
        Step {
            due: Some(on_day(Day::Detention, 0)),
            reminders: vec![
                remind(on_day(Day::Detention, -2), "a unit is due back in two days").early(),
                remind(on_day(Day::Detention, -1), "a unit is due back tomorrow").early(),
                remind(on_day(Day::Detention, 0), "a unit is due back today").early(),
                remind(
                    When::Each { from: Moment::DetentionEnd, hours: vec![8], working: false },
                    "a unit is late: it costs money every day",
                )
                .early(),
                remind(hours(Moment::DetentionEnd, 0), "a unit is late").alarm("unit_out").early(),
            ],
            ..step("units", "Units returned", "planner", &["delivered"], vec![Guard::UnitsReturned])
        },
        Step {
            auto: false,
            due: Some(When::WorkingDays { after: Moment::Delivered, days: 5, hour: 17 }),
            reminders: vec![remind(
                When::WorkingDays { after: Moment::Delivered, days: 5, hour: 17 },
                "the file is not closed",
            )],
            actions: vec![task("the file is closed: archive it"), webhook("freight.closed")],
            ..step(
                "closed",
                "Bills and file closed",
                "accounts",
                &["delivered", "houses", "units"],
                vec![Guard::BillsSettled],
            )
        },
    ]
}
