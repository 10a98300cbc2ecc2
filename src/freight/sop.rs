//! The procedure of an import as data: steps with who does them, what must be so before one is done, what follows, and
//! when somebody is reminded. Pure: which step may be taken, what is missing, which reminders are due.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::clocks::Clocks;
use super::codes::Code;
use super::counts;
use super::model::{BillKind, Mawb, Run};
use super::reminders::{self, When};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::text;

/// Steps of a procedure.
pub const MAX_STEPS: usize = 50;
/// Guards, actions and reminders of one step, each.
pub const MAX_PARTS: usize = 20;

/// What must be so before a step is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WorkflowGuard)]
pub enum Guard {
    /// The number holds, or somebody has said why it is taken as it is written.
    NumberOk,
    /// Documents of all these file types are attached.
    Files(Vec<String>),
    /// The number of the customs entry is known.
    EntryNumber,
    /// This was reported where the shipment goes to.
    Event(Code),
    /// All pieces were received, and none too many.
    Counted,
    /// The import service charge is paid, with a receipt; nothing is due where none is charged.
    IscPaid,
    /// Customs cleared it and holds it no more.
    CustomsReleased,
    /// Driver, vehicle and slot are known.
    PickupBooked,
    /// All pieces were delivered.
    Delivered,
    /// Every unit is back.
    UnitsReturned,
    /// Every bill is paid and matched.
    BillsSettled,
}

impl Guard {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NumberOk => "number_ok",
            Self::Files(_) => "files",
            Self::EntryNumber => "entry_number",
            Self::Event(_) => "event",
            Self::Counted => "counted",
            Self::IscPaid => "isc_paid",
            Self::CustomsReleased => "customs_released",
            Self::PickupBooked => "pickup_booked",
            Self::Delivered => "delivered",
            Self::UnitsReturned => "units_returned",
            Self::BillsSettled => "bills_settled",
        }
    }

    /// What is missing; none when it holds.
    #[must_use]
    pub fn missing(&self, m: &Mawb) -> Option<String> {
        let unless = |holds: bool, said: &str| (!holds).then(|| said.to_owned());
        match self {
            Self::NumberOk => unless(
                m.number.holds() || m.as_written.is_some(),
                "the waybill's check digit is wrong, and nobody has said why it is taken",
            ),
            Self::Files(kinds) => {
                let has = |kind: &String| m.documents.iter().any(|d| d.kind == *kind);
                let missing: Vec<&str> = kinds.iter().filter(|k| !has(k)).map(String::as_str).collect();
                (!missing.is_empty()).then(|| format!("documents are missing: {}", missing.join(", ")))
            }
            Self::EntryNumber => {
                let known = m.facts.entry_number.as_deref().is_some_and(|n| !n.trim().is_empty());
                unless(known, "the number of the customs entry is not known")
            }
            Self::Event(code) => {
                // Cargo that was received from a flight came with one that arrived, told or not.
                let implied = *code == Code::Arr && counts::first(m, Code::Rcf).is_some();
                (!implied && counts::first(m, *code).is_none()).then(|| format!("{code} was not reported"))
            }
            Self::Counted => {
                let p = counts::pieces(m);
                let of = p.expected.map_or_else(|| "all".into(), |n| n.to_string());
                let over = p.expected.is_some_and(|e| p.received > e);
                (over || !counts::is_counted(m))
                    .then(|| format!("{} of {of} pieces were received", p.received))
            }
            Self::IscPaid => {
                let mut bills = m.bills.iter().filter(|b| b.kind == BillKind::Isc && !b.void).peekable();
                let charged = m.facts.isc.as_ref().is_some_and(|c| c.minor > 0);
                let none = bills.peek().is_none() && charged;
                let unpaid = bills.any(|b| b.paid_at.is_none() || b.receipt.is_none());
                unless(!none && !unpaid, "the import service charge is not paid with a receipt")
            }
            Self::CustomsReleased => match &m.hold {
                Some(hold) => Some(format!("customs holds it: {}", hold.reason)),
                None => unless(counts::first(m, Code::Ccd).is_some(), "customs has not cleared it"),
            },
            Self::PickupBooked => {
                let p = m.facts.pickup.as_ref();
                let whole = p.is_some_and(|p| !p.driver.trim().is_empty() && !p.vehicle.trim().is_empty());
                unless(whole, "driver, vehicle and slot of the pickup are not known")
            }
            Self::Delivered => {
                let p = counts::pieces(m);
                let of = p.expected.map_or_else(|| "all".into(), |n| n.to_string());
                (!counts::is_delivered(m)).then(|| format!("{} of {of} pieces were delivered", p.delivered))
            }
            Self::UnitsReturned => {
                let out: Vec<&str> =
                    m.units.iter().filter(|u| u.returned_at.is_none()).map(|u| u.number.as_str()).collect();
                (!out.is_empty()).then(|| format!("units are not back: {}", out.join(", ")))
            }
            Self::BillsSettled => {
                let open = m.bills.iter().filter(|b| !b.void && (b.paid_at.is_none() || !b.matched)).count();
                (open > 0).then(|| format!("{open} bills are not paid and matched"))
            }
        }
    }
}

/// Who is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// The consignee of the waybill.
    Consignee,
    /// The people of the step's role.
    Role,
}

/// What is done when a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = WorkflowAction)]
pub enum Action {
    /// A mail. A consignee without an address becomes a task for the step's role: to telephone.
    Mail {
        /// Which: `pre_alert`, `arrival_notice`, or the text itself.
        template: String,
        /// To whom.
        to: To,
    },
    /// A task on the screen of the step's role.
    Task {
        /// What to do.
        text: String,
    },
    /// A label on the waybill.
    Label {
        /// Its text.
        label: String,
    },
    /// A status is reported.
    Status {
        /// Which.
        code: Code,
    },
    /// A name in the stream of events, for those who listen.
    Webhook {
        /// Its name.
        event: String,
    },
}

/// A reminder of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WorkflowReminder)]
pub struct Reminder {
    /// When.
    pub when: When,
    /// Only while this is missing; while the step is open when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub while_missing: Option<Guard>,
    /// What is said.
    pub text: String,
    /// Opens a case as well: `late_flight`, `not_counted`, `storage_running`, `unit_out`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
    /// Also when the step is not open yet, for what comes before it.
    #[serde(default)]
    pub early: bool,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WorkflowStep)]
pub struct Step {
    /// Its stable name.
    pub key: String,
    /// What it is called.
    pub name: String,
    /// The role that does it.
    pub role: String,
    /// Steps that come before it.
    #[serde(default)]
    pub after: Vec<String>,
    /// What must be so.
    #[serde(default)]
    pub guards: Vec<Guard>,
    /// What follows.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// When it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<When>,
    /// When somebody is reminded.
    #[serde(default)]
    pub reminders: Vec<Reminder>,
    /// Whether it is done by itself once its guards hold.
    #[serde(default)]
    pub auto: bool,
}

/// A procedure: the steps in their order, in a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sop {
    /// Which version.
    pub version: u32,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// Something that keeps a step from being done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Missing {
    /// The guard's name; `step` for a step that comes before.
    pub guard: &'static str,
    /// What is missing.
    pub detail: String,
}

impl Step {
    /// What keeps it from being done.
    #[must_use]
    pub fn missing(&self, m: &Mawb, run: &Run) -> Vec<Missing> {
        let before = self.after.iter().filter(|key| !run.done.contains_key(*key));
        let before = before.map(|key| Missing { guard: "step", detail: format!("{key} is not done") });
        let guards = self.guards.iter();
        let guards = guards.filter_map(|g| g.missing(m).map(|detail| Missing { guard: g.name(), detail }));
        before.chain(guards).collect()
    }
}

/// A reminder that is called in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// The step.
    pub step: &'a Step,
    /// The reminder.
    pub reminder: &'a Reminder,
    /// What its slot was.
    pub at: Timestamp,
}

/// What is due: the slots to be written down as called in, and the reminders that go out for them. Of several of one step
/// only the latest goes out; those that open a case always do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls<'a> {
    /// Slots that have come, by reminder.
    pub seen: Vec<(String, Timestamp)>,
    /// What goes out.
    pub out: Vec<Call<'a>>,
}

impl Sop {
    /// The step `key`.
    #[must_use]
    pub fn step(&self, key: &str) -> Option<&Step> {
        self.steps.iter().find(|s| s.key == key)
    }

    /// The first step that is not done.
    #[must_use]
    pub fn current(&self, run: &Run) -> Option<&Step> {
        self.steps.iter().find(|s| !run.done.contains_key(&s.key))
    }

    /// The steps that are done by themselves now.
    pub fn ready<'a>(&'a self, m: &'a Mawb, run: &'a Run) -> impl Iterator<Item = &'a Step> {
        self.steps.iter().filter(|s| s.auto && !run.done.contains_key(&s.key) && s.missing(m, run).is_empty())
    }

    /// Reminders that count now, with their keys.
    fn wanted<'a>(
        &'a self,
        m: &'a Mawb,
        run: &'a Run,
    ) -> impl Iterator<Item = (String, &'a Step, &'a Reminder)> {
        let over = m.closed_at.is_some();
        let open = self.steps.iter().filter(move |s| !over && !run.done.contains_key(&s.key));
        open.flat_map(move |s| {
            let begun = s.after.iter().all(|a| run.done.contains_key(a));
            let counts = move |r: &Reminder| {
                (begun || r.early) && r.while_missing.as_ref().is_none_or(|g| g.missing(m).is_some())
            };
            let each = s.reminders.iter().enumerate().filter(move |(_, r)| counts(r));
            each.map(move |(n, r)| (format!("{}/{n}", s.key), s, r))
        })
    }

    /// When the next reminder is due; a moment that has passed is one nobody looked at.
    #[must_use]
    pub fn next_call(&self, m: &Mawb, run: &Run, c: &Clocks) -> Option<Timestamp> {
        self.wanted(m, run).filter_map(|(key, _, r)| reminders::next(&r.when, c, seen(run, &key))).min()
    }

    /// What is due at `now`.
    #[must_use]
    pub fn calls<'a>(&'a self, m: &'a Mawb, run: &'a Run, c: &Clocks, now: Timestamp) -> Calls<'a> {
        let mut out: Calls<'a> = Calls::default();
        for (key, step, reminder) in self.wanted(m, run) {
            let Some(at) = reminders::latest(&reminder.when, c, seen(run, &key), now) else { continue };
            out.seen.push((key, at));
            let call = Call { step, reminder, at };
            let same = |o: &Call<'_>| {
                o.step.key == step.key && o.reminder.alarm.is_none() && reminder.alarm.is_none()
            };
            match out.out.iter_mut().find(|o| same(o)) {
                Some(earlier) if earlier.at <= at => *earlier = call,
                Some(_) => {}
                None => out.out.push(call),
            }
        }
        out
    }

    /// Whether its steps make sense.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        if self.steps.is_empty() || self.steps.len() > MAX_STEPS {
            let said = format!("has {} steps; 1 to {MAX_STEPS} make a procedure", self.steps.len());
            return Err(Invalid::at("/steps", said));
        }
        for (n, step) in self.steps.iter().enumerate() {
            let at = format!("/steps/{n}");
            self.check_step(n, step, &at, &mut wrong);
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }

    fn check_step(&self, n: usize, step: &Step, at: &str, wrong: &mut Vec<Problem>) {
        for (field, value) in [("key", &step.key), ("name", &step.name), ("role", &step.role)] {
            wrong.extend(text::required(&format!("{at}/{field}"), value, 64).err());
        }
        if self.steps.iter().take(n).any(|s| s.key == step.key) {
            wrong.push(Problem::new(format!("{at}/key"), format!("\"{}\" is there twice", step.key)));
        }
        let earlier = |key: &String| self.steps.iter().take(n).any(|s| s.key == *key);
        for key in step.after.iter().filter(|key| !earlier(key)) {
            wrong.push(Problem::new(format!("{at}/after"), format!("\"{key}\" is no earlier step")));
        }
        let parts = [step.guards.len(), step.actions.len(), step.reminders.len(), step.after.len()];
        if parts.iter().any(|n| *n > MAX_PARTS) {
            wrong.push(Problem::new(at, format!("has more than {MAX_PARTS} guards, actions or reminders")));
        }
        let whens = step.due.iter().chain(step.reminders.iter().map(|r| &r.when));
        wrong.extend(whens.filter_map(|w| w.check().err()).map(|why| Problem::new(at, why)));
        let texts = step.actions.iter().map(|a| match a {
            Action::Mail { template, .. } => template.as_str(),
            Action::Task { text } => text,
            Action::Label { label } => label,
            Action::Status { .. } => "",
            Action::Webhook { event } => event,
        });
        let texts = texts.chain(step.reminders.iter().map(|r| r.text.as_str()));
        wrong.extend(texts.filter_map(|t| text::optional(at, t, text::SHORT).err()));
    }
}

/// The last slot of a reminder that was called in; nothing of before the procedure began ever is.
fn seen(run: &Run, key: &str) -> Timestamp {
    run.fired.get(key).copied().unwrap_or(run.since).max(run.since)
}

#[cfg(test)]
#[path = "sop_tests.rs"]
mod tests;
