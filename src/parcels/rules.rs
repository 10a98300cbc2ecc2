//! Which step may follow which, and who may take it. The table is the trade's: what a parcel can do next.

use std::time::Duration;

use serde_json::{Map, Value};

use super::event::{Moved, ParcelEvent};
use super::model::{Parcel, Place, Status};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::text;
use crate::deadlines::policy::Policy;

/// An own post that tells of something longer ago than this is a fact, not a request: a phone or a batch scanner
/// was offline. As far into the future a device's clock may be wrong.
pub const LATE_AFTER: Duration = Duration::from_secs(120);

/// Who asks for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// A scan at our own station: strictly by the table.
    Own,
    /// A supervisor with a reason: anything, as long as the parcel's way hasn't ended.
    Supervisor,
    /// News from elsewhere: the table, and carriers may skip steps on the way to the recipient.
    Foreign,
}

const fn set(steps: &[Status]) -> u16 {
    let (mut bits, mut n) = (0, 0);
    while n < steps.len() {
        bits |= 1 << steps[n] as u16;
        n += 1;
    }
    bits
}

/// Steps anybody may take.
const fn steps(from: Status) -> u16 {
    use Status as S;
    match from {
        S::Unknown => !set(&[S::Unknown]),
        S::Announced => set(&[S::Accepted, S::InTransit, S::AtDepot, S::Customs, S::Cancelled, S::Lost]),
        S::Accepted => set(&[
            S::InTransit,
            S::AtDepot,
            S::Customs,
            S::OnHold,
            S::OutForDelivery,
            S::Returning,
            S::Cancelled,
            S::Lost,
        ]),
        S::InTransit => set(&[
            S::InTransit,
            S::AtDepot,
            S::Customs,
            S::OutForDelivery,
            S::ReadyForPickup,
            S::OnHold,
            S::Returning,
            S::Lost,
        ]),
        S::Customs => set(&[S::InTransit, S::AtDepot, S::OnHold, S::Returning, S::Disposed, S::Lost]),
        S::AtDepot => set(&[
            S::InTransit,
            S::OutForDelivery,
            S::ReadyForPickup,
            S::Customs,
            S::OnHold,
            S::Returning,
            S::Disposed,
            S::Lost,
        ]),
        S::OutForDelivery => set(&[
            S::Delivered,
            S::Attempted,
            S::AtDepot,
            S::ReadyForPickup,
            S::OnHold,
            S::Returning,
            S::Lost,
        ]),
        S::Attempted => {
            set(&[S::AtDepot, S::OutForDelivery, S::ReadyForPickup, S::OnHold, S::Returning, S::Lost])
        }
        S::ReadyForPickup => {
            set(&[S::Delivered, S::AtDepot, S::InTransit, S::Returning, S::OnHold, S::Disposed, S::Lost])
        }
        S::OnHold => set(&[
            S::InTransit,
            S::AtDepot,
            S::Customs,
            S::OutForDelivery,
            S::ReadyForPickup,
            S::Returning,
            S::Disposed,
            S::Cancelled,
            S::Lost,
        ]),
        S::Returning => set(&[S::InTransit, S::AtDepot, S::OnHold, S::Returned, S::Disposed, S::Lost]),
        S::Lost => set(&[S::AtDepot, S::InTransit, S::Returning]),
        S::Delivered | S::Returned | S::Disposed | S::Cancelled => 0,
    }
}

/// Steps only news from elsewhere may take: the carrier's scans in between never reached us. A parcel that was only
/// announced belongs here too, because real files tell of a delivery before the hand-over.
const fn skips(from: Status) -> u16 {
    use Status as S;
    match from {
        S::Announced | S::InTransit | S::AtDepot | S::Attempted | S::Lost => set(&[S::Delivered]),
        _ => 0,
    }
}

/// Whether a parcel's way has ended: nothing but an authorised correction moves it again.
#[must_use]
pub const fn is_final(status: Status) -> bool {
    matches!(status, Status::Delivered | Status::Returned | Status::Disposed | Status::Cancelled)
}

/// Whether the parcel is still on our minds; lost and unknown ones are.
#[must_use]
pub const fn is_open(status: Status) -> bool {
    !is_final(status)
}

/// Whether `gate` lets a parcel go from `from` to `to`. `before_hold` is where it was when a hold began; the hold
/// may end there.
#[must_use]
pub fn admits(from: Status, to: Status, before_hold: Option<Status>, gate: Gate) -> bool {
    let holds = |steps: u16| steps & (1 << to as u16) != 0;
    let resumes = from == Status::OnHold && before_hold == Some(to) && to != from && is_open(to);
    let own = resumes || holds(steps(from));
    match gate {
        Gate::Own => own,
        Gate::Foreign => own || holds(skips(from)),
        Gate::Supervisor => own || is_open(from) && to != from && to != Status::Unknown,
    }
}

/// The steps `gate` admits next, in the order of [`Status::ALL`].
#[must_use]
pub fn next_steps(from: Status, before_hold: Option<Status>, gate: Gate) -> Vec<Status> {
    Status::ALL.into_iter().filter(|to| admits(from, *to, before_hold, gate)).collect()
}

/// When `p` has been where it is for longer than its limit; none when it never is.
#[must_use]
pub fn stale_at(p: &Parcel, policy: &Policy) -> Option<Timestamp> {
    let (carrier, service) = (p.facts.carrier.as_deref(), p.facts.service.as_deref());
    if is_open(p.status) { policy.stale_at(p.status.as_str(), carrier, service, p.since) } else { None }
}

/// A step that somebody of ours asks for.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Where to.
    pub to: Status,
    /// When it happened, if the device says so; else it happens now.
    pub occurred_at: Option<Timestamp>,
    /// Where that was.
    pub location: Place,
    /// What the person wrote.
    pub note: Option<String>,
    /// A reason code, or why the step is forced.
    pub reason: Option<String>,
}

/// A step the table doesn't allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a parcel can't go from {from} to {requested}; {}", remedy(.allowed))]
pub struct IllegalMove {
    /// Where it is.
    pub from: Status,
    /// Where it was to go.
    pub requested: Status,
    /// Where the one who asked may send it instead.
    pub allowed: Vec<Status>,
}

fn remedy(allowed: &[Status]) -> String {
    if allowed.is_empty() {
        return "its way has ended, only a correction can reopen it".to_owned();
    }
    format!("allowed next: {}", allowed.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", "))
}

impl Fault for IllegalMove {
    fn kind(&self) -> Kind {
        Kind::Conflict
    }
    fn code(&self) -> &'static str {
        "parcel.invalid_transition"
    }
    fn extra(&self) -> Map<String, Value> {
        let allowed: Vec<&str> = self.allowed.iter().map(|s| s.as_str()).collect();
        let mut extra = Map::new();
        extra.insert("from".into(), self.from.as_str().into());
        extra.insert("requested".into(), self.requested.as_str().into());
        extra.insert("allowed".into(), allowed.into());
        extra
    }
}

/// Why a step is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// The table doesn't allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    /// The request itself makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Fault for MoveError {
    fn kind(&self) -> Kind {
        match self {
            Self::Illegal(e) => e.kind(),
            Self::Invalid(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Illegal(e) => e.code(),
            Self::Invalid(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Illegal(e) => e.fields(),
            Self::Invalid(e) => e.fields(),
        }
    }
    fn extra(&self) -> Map<String, Value> {
        match self {
            Self::Illegal(e) => e.extra(),
            Self::Invalid(e) => e.extra(),
        }
    }
}

/// Decides on a step of our own at `now`. A late post (by more than [`LATE_AFTER`]) and anything through
/// [`Gate::Foreign`] is taken as it is: whether it has an effect is the fold's affair.
///
/// # Errors
/// [`IllegalMove`] when the table doesn't allow it; [`Invalid`] when it lies in the future, leads to `unknown`,
/// has too long a text, or a supervisor forces it without a reason.
pub fn decide_move(
    parcel: &Parcel,
    step: Step,
    gate: Gate,
    now: Timestamp,
) -> Result<ParcelEvent, MoveError> {
    let Step { to, occurred_at, location, note, reason } = step;
    let mut problems = Vec::new();
    if to == Status::Unknown {
        problems.push(Problem::new("/status", "unknown is no place to send a parcel to; name where it is"));
    }
    if let Some(at) = occurred_at.filter(|at| at.since(now) > LATE_AFTER) {
        let minutes = LATE_AFTER.as_secs() / 60;
        let detail = format!(
            "{at} is more than {minutes} minutes in the future (it is {now}); set the device's clock"
        );
        problems.push(Problem::new("/occurred_at", detail));
    }
    problems.extend(note.as_deref().and_then(|n| text::optional("/note", n, text::LONG).err()));
    problems.extend(reason.as_deref().and_then(|r| text::optional("/reason", r, text::SHORT).err()));
    if !problems.is_empty() {
        return Err(Invalid(problems).into());
    }
    let at = occurred_at.filter(|at| now.since(*at) > LATE_AFTER);
    let reasoned = reason.as_deref().is_some_and(|r| !r.trim().is_empty());
    let by_table = admits(parcel.status, to, parcel.before_hold, Gate::Own);
    let may_force = gate == Gate::Supervisor && admits(parcel.status, to, parcel.before_hold, gate);
    if at.is_none() && gate != Gate::Foreign && !by_table {
        if !may_force {
            let allowed = next_steps(parcel.status, parcel.before_hold, gate);
            return Err(IllegalMove { from: parcel.status, requested: to, allowed }.into());
        }
        if !reasoned {
            let detail = format!("is needed to force a parcel from {} to {to}", parcel.status);
            return Err(Invalid::at("/reason", detail).into());
        }
    }
    let forced = may_force && reasoned && !by_table;
    Ok(ParcelEvent::Moved(Moved { to, at, location, note, reason, forced }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The trade's table as it is written down: a star marks a step only carrier news may take.
    const TABLE: &str = "\
unknown: announced accepted in_transit customs at_depot out_for_delivery ready_for_pickup attempted on_hold returning \
lost delivered returned disposed cancelled
announced: accepted in_transit at_depot customs cancelled lost delivered*
accepted: in_transit at_depot customs on_hold out_for_delivery returning cancelled lost
in_transit: in_transit at_depot customs out_for_delivery ready_for_pickup on_hold delivered* returning lost
customs: in_transit at_depot on_hold returning disposed lost
at_depot: in_transit out_for_delivery ready_for_pickup customs on_hold delivered* returning disposed lost
out_for_delivery: delivered attempted at_depot ready_for_pickup on_hold returning lost
attempted: at_depot out_for_delivery ready_for_pickup on_hold returning delivered* lost
ready_for_pickup: delivered at_depot in_transit returning on_hold disposed lost
on_hold: in_transit at_depot customs out_for_delivery ready_for_pickup returning disposed cancelled lost
returning: in_transit at_depot on_hold returned disposed lost
lost: at_depot in_transit returning delivered*
delivered:
returned:
disposed:
cancelled:";

    fn parcel(status: Status) -> Parcel {
        Parcel { status, ..Parcel::default() }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_600_000_000_000 + ms)
    }

    #[test]
    fn every_pair_at_every_gate_is_as_the_table_says() {
        let finals = ["delivered", "returned", "disposed", "cancelled"];
        let mut pairs = 0;
        for line in TABLE.lines() {
            let (from, steps) = line.split_once(':').unwrap();
            let steps: Vec<&str> = steps.split_whitespace().collect();
            for to in Status::ALL {
                let own = steps.contains(&to.as_str());
                let foreign = own || steps.contains(&format!("{to}*").as_str());
                let supervisor =
                    own || !finals.contains(&from) && to.as_str() != from && to != Status::Unknown;
                let from = from.parse().unwrap();
                let says =
                    [Gate::Own, Gate::Foreign, Gate::Supervisor].map(|gate| admits(from, to, None, gate));
                assert_eq!(says, [own, foreign, supervisor], "{from} -> {to}");
                pairs += 1;
                for before in Status::ALL {
                    let resumes = from == Status::OnHold
                        && before == to
                        && to != from
                        && !finals.contains(&to.as_str());
                    let says = [Gate::Own, Gate::Foreign, Gate::Supervisor]
                        .map(|g| admits(from, to, Some(before), g));
                    let expected = [own || resumes, foreign || resumes, supervisor || resumes];
                    assert_eq!(says, expected, "{from} (held from {before}) -> {to}");
                }
            }
        }
        assert_eq!(pairs, 256);
    }

    #[test]
    fn the_next_steps_are_the_admitted_ones_in_a_stable_order() {
        let steps = next_steps(Status::OnHold, Some(Status::Accepted), Gate::Own);
        assert!(steps.contains(&Status::Accepted) && steps.is_sorted());
        assert!(next_steps(Status::Delivered, None, Gate::Supervisor).is_empty());
        assert_eq!(Status::ALL.into_iter().filter(|s| is_final(*s)).count(), 4);
        assert!(is_open(Status::Lost) && is_open(Status::Unknown));
    }

    #[test]
    fn a_scan_the_table_refuses_names_what_is_allowed_instead() {
        let step = Step { to: Status::Delivered, ..Step::default() };
        let refused = decide_move(&parcel(Status::Announced), step, Gate::Own, at(0)).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Conflict, "parcel.invalid_transition"));
        let extra = Value::Object(refused.extra());
        assert_eq!(extra["from"], "announced");
        assert_eq!(extra["requested"], "delivered");
        assert_eq!(extra["allowed"][0], "accepted");
        let final_one = Step { to: Status::AtDepot, ..Step::default() };
        let refused = decide_move(&parcel(Status::Returned), final_one, Gate::Supervisor, at(0)).unwrap_err();
        assert!(refused.to_string().ends_with("only a correction can reopen it"));
    }

    #[test]
    fn the_same_status_again_is_refused_unless_the_table_has_it() {
        for status in Status::ALL {
            let step = Step { to: status, ..Step::default() };
            let taken = decide_move(&parcel(status), step, Gate::Own, at(0)).is_ok();
            assert_eq!(taken, status == Status::InTransit, "{status}");
        }
    }

    #[test]
    fn a_supervisor_forces_a_step_only_with_a_reason() {
        let step =
            |reason: &str| Step { to: Status::Delivered, reason: Some(reason.into()), ..Step::default() };
        let decide = |reason| decide_move(&parcel(Status::Announced), step(reason), Gate::Supervisor, at(0));
        let refused = decide(" ").unwrap_err();
        assert_eq!((refused.kind(), refused.fields()[0].pointer.as_str()), (Kind::Invalid, "/reason"));
        let ParcelEvent::Moved(moved) = decide("handed over at the door").unwrap() else { panic!("moved") };
        assert!(moved.forced && moved.at.is_none());
        let step = Step { to: Status::AtDepot, ..Step::default() };
        let by_table = decide_move(&parcel(Status::Announced), step, Gate::Supervisor, at(0)).unwrap();
        assert_eq!(by_table, ParcelEvent::Moved(Moved { to: Status::AtDepot, ..Moved::default() }));
    }

    #[test]
    fn a_late_post_is_a_fact_and_a_future_one_is_refused() {
        let limit = i64::try_from(LATE_AFTER.as_millis()).unwrap();
        let post = |to, ms| {
            let step = Step { to, occurred_at: Some(at(ms)), ..Step::default() };
            decide_move(&parcel(Status::Delivered), step, Gate::Own, at(0))
        };
        assert!(matches!(post(Status::AtDepot, -limit), Err(MoveError::Illegal(_))));
        let late = post(Status::AtDepot, -limit - 1).unwrap();
        assert_eq!(late.occurred(), Some(at(-limit - 1)));
        assert!(matches!(post(Status::AtDepot, limit), Err(MoveError::Illegal(_))));
        let future = post(Status::AtDepot, limit + 1).unwrap_err();
        assert_eq!(future.fields()[0].pointer, "/occurred_at");
        assert!(future.to_string().contains("more than 2 minutes in the future"));
        assert_eq!(post(Status::Unknown, -limit - 1).unwrap_err().fields()[0].pointer, "/status");
    }

    #[test]
    fn texts_longer_than_their_limit_are_refused() {
        let post = |note: usize, reason: usize| {
            let (note, reason) = (Some("n".repeat(note)), Some("r".repeat(reason)));
            let step = Step { to: Status::AtDepot, note, reason, ..Step::default() };
            decide_move(&parcel(Status::Announced), step, Gate::Own, at(0))
        };
        assert!(post(text::LONG, text::SHORT).is_ok());
        assert_eq!(post(text::LONG + 1, text::SHORT + 1).unwrap_err().fields().len(), 2);
    }
}
