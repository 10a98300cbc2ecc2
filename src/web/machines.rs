//! The state machines in the open: every table of steps, so that screens and partners ask before they try.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::Serialize;

use super::answer::Answer;
use super::error::{ApiError, Refusal};
use super::routes::Routes;
use crate::base::error::Kind;
use crate::cases::rules as cases;
use crate::deliveries::{model as deliveries, rules as delivery_rules};
use crate::orders::{model as orders, rules as order_rules};
use crate::parcels::model::Status;
use crate::parcels::rules::{self as parcels, Gate};

/// The routes of this module.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("state machines")
        .open(
            Method::GET,
            "/state-machines/{name}",
            show,
            "The states of a record and the steps between them: parcel, case, order, delivery",
        )
        .answers::<Machine>(200)
}

/// One table of steps.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Machine {
    /// Its name.
    pub name: &'static str,
    /// The state a record begins in.
    pub first: String,
    /// Every state.
    pub states: Vec<StateView>,
}

/// One state.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StateView {
    /// Its name.
    pub name: String,
    /// Whether there is still something to do.
    pub open: bool,
    /// The steps out of it.
    pub steps: Vec<StepTo>,
}

/// One step.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct StepTo {
    /// What to ask for: for a parcel the status it goes to, for a case the step's name.
    pub step: String,
    /// Where it leads.
    pub to: String,
    /// Who may take it: `own` scans and everybody else, `foreign` news only, or a `supervisor` with a reason.
    pub gate: &'static str,
}

/// The machine called `name`.
#[must_use]
pub fn machine(name: &str) -> Option<Machine> {
    match name {
        "parcel" => Some(parcel()),
        "case" => Some(case()),
        "order" => Some(order()),
        "delivery" => Some(delivery()),
        _ => None,
    }
}

/// Leaves out the way back from a hold, which leads to wherever the parcel was before it.
fn parcel() -> Machine {
    let gate = |from, to| {
        [(Gate::Own, "own"), (Gate::Foreign, "foreign"), (Gate::Supervisor, "supervisor")]
            .into_iter()
            .find_map(|(gate, name)| parcels::admits(from, to, None, gate).then_some(name))
    };
    let steps = |from: Status| {
        Status::ALL.into_iter().filter_map(move |to| {
            Some(StepTo { step: to.as_str().into(), to: to.as_str().into(), gate: gate(from, to)? })
        })
    };
    let state = |s: Status| StateView {
        name: s.as_str().into(),
        open: parcels::is_open(s),
        steps: steps(s).collect(),
    };
    Machine {
        name: "parcel",
        first: Status::default().as_str().into(),
        states: Status::ALL.map(state).into(),
    }
}

fn case() -> Machine {
    let steps = |from: cases::State| {
        let steps = cases::allowed(from).iter();
        steps.filter_map(move |s| {
            Some(StepTo { step: s.to_string(), to: cases::next(from, *s)?.to_string(), gate: "own" })
        })
    };
    let state =
        |s: cases::State| StateView { name: s.to_string(), open: s.is_open(), steps: steps(s).collect() };
    Machine {
        name: "case",
        first: cases::State::default().to_string(),
        states: cases::State::ALL.map(state).into(),
    }
}

fn order() -> Machine {
    let steps = |from: orders::Status| {
        let step = |(step, to): (&str, orders::Status)| StepTo {
            step: step.into(),
            to: to.as_str().into(),
            gate: "own",
        };
        order_rules::steps(from).map(step).collect()
    };
    let state = |s: orders::Status| StateView {
        name: s.as_str().into(),
        open: !order_rules::is_final(s),
        steps: steps(s),
    };
    Machine {
        name: "order",
        first: orders::Status::default().as_str().into(),
        states: orders::Status::ALL.map(state).into(),
    }
}

fn delivery() -> Machine {
    let steps = |from: deliveries::Status| {
        let step = |(step, to): (delivery_rules::Step, deliveries::Status)| StepTo {
            step: step.as_str().into(),
            to: to.as_str().into(),
            gate: "own",
        };
        delivery_rules::steps(from).map(step).collect()
    };
    let state = |s: deliveries::Status| StateView {
        name: s.as_str().into(),
        open: !delivery_rules::is_final(s),
        steps: steps(s),
    };
    Machine {
        name: "delivery",
        first: deliveries::Status::default().as_str().into(),
        states: deliveries::Status::ALL.map(state).into(),
    }
}

async fn show(path: Path<String>) -> Result<HttpResponse, ApiError> {
    let unknown = || {
        Refusal::new(
            Kind::NotFound,
            "machine.unknown",
            format!("there is no state machine \"{path}\"; ask for parcel, case, order or delivery"),
        )
    };
    let machine = machine(&path).ok_or_else(unknown)?;
    Ok(Answer::ok(&machine)?.respond("", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_says_what_the_rules_say() {
        let parcel = machine("parcel").unwrap();
        assert_eq!((parcel.states.len(), parcel.first.as_str()), (16, "unknown"));
        for state in &parcel.states {
            let from = Status::ALL.into_iter().find(|s| s.as_str() == state.name).unwrap();
            let own = state.steps.iter().filter(|s| s.gate == "own").map(|s| s.step.clone());
            assert!(
                own.eq(parcels::next_steps(from, None, Gate::Own).iter().map(|s| s.as_str())),
                "{from:?}"
            );
        }
        let case = machine("case").unwrap();
        let open = case.states.iter().find(|s| s.name == "open").unwrap();
        assert!(open.steps.contains(&StepTo { step: "start".into(), to: "in_progress".into(), gate: "own" }));
        assert!(case.states.iter().all(|s| s.open == s.steps.iter().any(|t| t.step == "resolve")));
        assert!(machine("teapot").is_none());
    }
}
