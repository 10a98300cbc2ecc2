//! The steps a case may take, and when its clock rings. Pure: who may take a step is asked elsewhere.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::text;
use crate::deadlines::calendar::Calendar;
use crate::deadlines::policy::Policy;
use crate::id_type;

use super::model::{Owner, SlaClock};
use super::reasons::Reason;

/// How long a case may wait before somebody looks again, at the most.
pub const LONGEST_WAIT: Duration = Duration::from_secs(90 * 24 * 3_600);

id_type! {
    /// A case's own id.
    CaseId
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has looked yet.
    #[default]
    Open,
    /// Somebody has seen it.
    Acknowledged,
    /// Somebody works on it.
    InProgress,
    /// Nothing to do until a time, or until somebody answers.
    Waiting,
    /// Done, one way or another.
    Resolved,
    /// It was the same matter as another case, and lives on there.
    Merged,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Acknowledged, Self::InProgress, Self::Waiting, Self::Resolved, Self::Merged];

    /// Whether it still needs somebody.
    #[must_use]
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Resolved | Self::Merged)
    }
}

/// What kind of step a [`Command`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // as in Command
pub enum Step {
    Acknowledge,
    Start,
    Wait,
    Resolve,
    Reopen,
    Merge,
    Assign,
    Note,
}

impl Step {
    /// Every kind of step.
    pub const ALL: [Self; 8] = [
        Self::Acknowledge,
        Self::Start,
        Self::Wait,
        Self::Resolve,
        Self::Reopen,
        Self::Merge,
        Self::Assign,
        Self::Note,
    ];
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The hindrance is gone and the parcel goes on.
    Solved,
    /// It reached its recipient.
    Delivered,
    /// It goes elsewhere.
    Redirected,
    /// It goes back.
    Returned,
    /// It is destroyed or given away.
    Disposed,
    /// It is paid for.
    Claimed,
    /// There was nothing wrong.
    FalseAlarm,
    /// Something else; the note says what.
    Other,
}

impl Resolution {
    /// Every way a case can end, the commonest first.
    pub const ALL: [Self; 8] = [
        Self::Solved,
        Self::Delivered,
        Self::Redirected,
        Self::Returned,
        Self::Disposed,
        Self::Claimed,
        Self::FalseAlarm,
        Self::Other,
    ];
}

/// What somebody wants to do with a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// I have seen it.
    Acknowledge,
    /// I work on it.
    Start,
    /// Nothing to do until then.
    Wait {
        /// When it comes back to the desk.
        until: Timestamp,
        /// For what.
        #[serde(default)]
        note: String,
    },
    /// It is done.
    Resolve {
        /// How it ended.
        resolution: Resolution,
        /// What was done; needed with [`Resolution::Other`].
        #[serde(default)]
        note: String,
    },
    /// It is not done after all.
    Reopen {
        /// Why.
        reason: String,
    },
    /// It is the same matter as another.
    Merge {
        /// The one that lives on.
        into: CaseId,
    },
    /// Somebody else's now.
    Assign {
        /// Whose; nobody puts it back on the desk.
        owner: Option<Owner>,
    },
    /// To be remembered.
    Note {
        /// In any language.
        text: String,
    },
}

impl Command {
    /// Its kind.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Acknowledge => Step::Acknowledge,
            Self::Start => Step::Start,
            Self::Wait { .. } => Step::Wait,
            Self::Resolve { .. } => Step::Resolve,
            Self::Reopen { .. } => Step::Reopen,
            Self::Merge { .. } => Step::Merge,
            Self::Assign { .. } => Step::Assign,
            Self::Note { .. } => Step::Note,
        }
    }
}

/// The steps a case in `from` may take, the likeliest first.
#[must_use]
pub const fn allowed(from: State) -> &'static [Step] {
    use Step::{Acknowledge, Assign, Merge, Note, Reopen, Resolve, Start, Wait};
    match from {
        State::Open => &[Acknowledge, Start, Wait, Resolve, Merge, Assign, Note],
        State::Acknowledged => &[Start, Wait, Resolve, Merge, Assign, Note],
        State::InProgress => &[Resolve, Wait, Merge, Assign, Note],
        State::Waiting => &[Start, Wait, Resolve, Merge, Assign, Note],
        State::Resolved => &[Reopen, Note],
        State::Merged => &[],
    }
}

/// Where `step` takes a case in `from`; none when it may not.
#[must_use]
pub fn next(from: State, step: Step) -> Option<State> {
    allowed(from).contains(&step).then_some(match step {
        Step::Acknowledge => State::Acknowledged,
        Step::Start => State::InProgress,
        Step::Wait => State::Waiting,
        Step::Resolve => State::Resolved,
        Step::Reopen => State::Open,
        Step::Merge => State::Merged,
        Step::Assign | Step::Note => from,
    })
}

/// Where `command` takes case `id`, which is in `from`.
///
/// # Errors
/// [`Refusal::Step`] when the table does not allow it; [`Refusal::Invalid`] when a wait ends in the past or after
/// [`LONGEST_WAIT`], a text is missing or too long, or a case is merged into itself.
pub fn decide(id: CaseId, from: State, command: &Command, now: Timestamp) -> Result<State, Refusal> {
    let step = command.step();
    let to = next(from, step).ok_or(Refusal::Step { from, step })?;
    match command {
        Command::Wait { until, .. } if *until <= now => {
            Err(Problem::new("/until", format!("{until} is past; it is {now}")))
        }
        Command::Wait { until, .. } if until.since(now) > LONGEST_WAIT => {
            Err(Problem::new("/until", format!("{until} is too far off; a case waits 90 days at most")))
        }
        Command::Merge { into } if *into == id => {
            Err(Problem::new("/into", "is this very case; name the one that lives on"))
        }
        Command::Resolve { resolution: Resolution::Other, note } => text::required("/note", note, text::LONG),
        Command::Resolve { note, .. } | Command::Wait { note, .. } => {
            text::optional("/note", note, text::LONG)
        }
        Command::Reopen { reason } => text::required("/reason", reason, text::LONG),
        Command::Assign { owner: Some(owner) } => text::required("/owner/name", &owner.name, text::SHORT),
        Command::Note { text } => text::required("/text", text, text::LONG),
        Command::Acknowledge | Command::Start | Command::Merge { .. } | Command::Assign { owner: None } => {
            Ok(())
        }
    }
    .map_err(|problem| Refusal::Invalid(Invalid(vec![problem])))?;
    Ok(to)
}

/// The clock of a case that came to the desk at `from`: `hours` of working time to the first action, with an escalation
/// at each percentage of it.
#[must_use]
pub fn clock(from: Timestamp, hours: u32, escalate_at: &[u32], calendar: &Calendar) -> SlaClock {
    // an hour is 36 times a hundred seconds
    let share = |percent: &u32| {
        calendar.add_working(from, Duration::from_secs(36 * u64::from(hours) * u64::from(*percent)))
    };
    SlaClock { from, due: share(&100), levels: escalate_at.iter().map(share).collect() }
}

/// The clock of a case of `reason` under the house rules.
#[must_use]
pub fn clock_by(policy: &Policy, reason: Reason, from: Timestamp) -> SlaClock {
    let set = policy.rules.sla_hours.get(reason.code()).copied();
    let hours = set.unwrap_or_else(|| u32::from(reason.rule().sla_hours));
    clock(from, hours, &policy.rules.escalate_at, &policy.calendar)
}

/// Why a case does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The table does not allow the step.
    #[error("{}", refuse(*from, *step))]
    Step {
        /// Where the case stands.
        from: State,
        /// What was asked.
        step: Step,
    },
    /// The step is allowed, what it says is not.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

fn refuse(from: State, step: Step) -> String {
    let steps: Vec<String> = allowed(from).iter().map(Step::to_string).collect();
    match steps.as_slice() {
        [] => format!("a {from} case can't take the step {step}; turn to the case it was merged into"),
        steps => format!("a case that is {from} can't take the step {step}; it can: {}", steps.join(", ")),
    }
}

impl Fault for Refusal {
    fn kind(&self) -> Kind {
        match self {
            Self::Step { .. } => Kind::Conflict,
            Self::Invalid(invalid) => invalid.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Step { .. } => "case.invalid_transition",
            Self::Invalid(invalid) => invalid.code(),
        }
    }

    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Step { .. } => Vec::new(),
            Self::Invalid(invalid) => invalid.fields(),
        }
    }

    fn extra(&self) -> serde_json::Map<String, serde_json::Value> {
        let Self::Step { from, step } = self else { return serde_json::Map::new() };
        let allowed: Vec<String> = allowed(*from).iter().map(Step::to_string).collect();
        let said = [
            ("from", from.to_string().into()),
            ("requested", step.to_string().into()),
            ("allowed", allowed.into()),
        ];
        said.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Id;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    const HOUR: Duration = Duration::from_secs(3_600);
    const NOW: Timestamp = Timestamp::ZERO;

    fn asked(from: State, command: &Command) -> Result<State, Refusal> {
        decide(CaseId::default(), from, command, NOW)
    }

    #[test]
    fn the_usual_way_leads_from_open_to_resolved() {
        let mut state = State::default();
        let until = NOW.after(HOUR);
        let done = Command::Resolve { resolution: Resolution::Solved, note: String::new() };
        for (command, to) in [
            (Command::Acknowledge, State::Acknowledged),
            (Command::Start, State::InProgress),
            (Command::Wait { until, note: String::new() }, State::Waiting),
            (Command::Assign { owner: None }, State::Waiting),
            (Command::Start, State::InProgress),
            (done, State::Resolved),
            (Command::Reopen { reason: "it came back".to_owned() }, State::Open),
        ] {
            state = asked(state, &command).unwrap();
            assert_eq!(state, to);
        }
    }

    #[test]
    fn a_step_is_taken_exactly_when_the_table_lists_it() {
        for from in State::ALL {
            for step in Step::ALL {
                assert_eq!(next(from, step).is_some(), allowed(from).contains(&step), "{from} {step}");
            }
            assert!(from.is_open() == allowed(from).contains(&Step::Resolve));
        }
        assert!(allowed(State::Merged).is_empty(), "a merged case lives on elsewhere");
    }

    #[test]
    fn a_refused_step_names_what_is_allowed() {
        let refusal = asked(State::Resolved, &Command::Start).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "a case that is resolved can't take the step start; it can: reopen, note"
        );
        assert_eq!((refusal.kind(), refusal.code()), (Kind::Conflict, "case.invalid_transition"));
        let said =
            serde_json::json!({"from": "resolved", "requested": "start", "allowed": ["reopen", "note"]});
        assert_eq!(serde_json::Value::Object(refusal.extra()), said);
        assert!(asked(State::Merged, &Command::Start).unwrap_err().to_string().contains("merged into"));
    }

    #[test]
    fn what_a_step_says_has_to_make_sense() {
        let wait = |d| Command::Wait { until: NOW.after(d), note: String::new() };
        let note = |n| Command::Note { text: "x".repeat(n) };
        let other = |note: &str| Command::Resolve { resolution: Resolution::Other, note: note.to_owned() };
        for good in [
            wait(HOUR),
            wait(LONGEST_WAIT),
            note(text::LONG),
            other("eaten"),
            Command::Assign { owner: None },
        ] {
            assert!(asked(State::Open, &good).is_ok(), "{good:?}");
        }
        let late = LONGEST_WAIT + Duration::from_millis(1);
        let nobody = Command::Assign { owner: Some(Owner { id: Id::fresh(), name: " ".to_owned() }) };
        let itself = Command::Merge { into: CaseId::default() };
        for bad in
            [wait(Duration::ZERO), wait(late), note(0), note(text::LONG + 1), other(""), nobody, itself]
        {
            assert_eq!(asked(State::Open, &bad).unwrap_err().kind(), Kind::Invalid, "{bad:?}");
        }
        assert!(asked(State::Resolved, &Command::Reopen { reason: String::new() }).is_err());
    }

    #[test]
    fn commands_survive_json_and_records() {
        for command in [
            Command::Start,
            Command::Merge { into: CaseId::fresh() },
            Command::Wait { until: NOW, note: "x".into() },
        ] {
            let json = serde_json::to_string(&command).unwrap();
            assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command);
            let bytes = rmp_serde::to_vec_named(&command).unwrap();
            assert_eq!(rmp_serde::from_slice::<Command>(&bytes).unwrap(), command);
        }
    }

    #[test]
    fn the_clock_of_a_case_runs_in_working_hours() {
        let berlin = Calendar::usual("Europe/Berlin").unwrap();
        let at = |text: &str| Timestamp::parse(text, berlin.zone()).unwrap();
        let friday = at("2026-03-27T16:00");
        assert_eq!(clock(friday, 4, &[], &berlin).due, at("2026-03-28T10:00"));
        // the clocks change on Sunday night; the desk does not notice
        let seen = clock(friday, 8, &[50, 100, 200], &berlin).levels;
        assert_eq!(seen, [at("2026-03-28T10:00"), at("2026-03-30T10:00"), at("2026-03-30T18:00")]);
    }

    proptest! {
        #[test]
        fn escalations_come_in_order_and_the_second_is_the_due_time(ms in 0i64..4_000_000_000_000, hours in any::<u16>()) {
            let (calendar, opened) = (Calendar::usual("America/Sao_Paulo").unwrap(), Timestamp::from_millis(ms));
            let clock = clock(opened, u32::from(hours), &[50, 100, 200], &calendar);
            prop_assert!(opened <= clock.levels[0] && clock.levels.is_sorted());
            prop_assert_eq!(clock.levels[1], clock.due);
        }
    }
}
