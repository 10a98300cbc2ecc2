//! What can go wrong with routes.

use serde_json::{Map, Value};

use super::model::{State, Unassigned};
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::ids::Id;
use crate::fleet::error::FleetError;
use crate::routing::problem::ProblemError;
use crate::store::StoreError;

/// Why a route could not be found, planned or changed.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// There is none by that id.
    #[error("no {what} {name}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// By which name.
        name: String,
    },
    /// It is not in a state for that.
    #[error("the route is {from}; {what} takes one that is {wanted}", from = .from.as_str())]
    State {
        /// Its state.
        from: State,
        /// What was asked for.
        what: &'static str,
        /// Which states allow it.
        wanted: &'static str,
    },
    /// A job is in another route already.
    #[error(
        "{reference} is in route {route} already; name that route in \"routes\" to plan it anew, or take it out there"
    )]
    Planned {
        /// The job.
        reference: String,
        /// The route.
        route: Id,
    },
    /// What is on the route would fall off it.
    #[error("not every stop fits into the route: {}", .0.iter().map(|u| format!("{}: {}", u.reference, u.detail)).collect::<Vec<_>>().join("; "))]
    Infeasible(Vec<Unassigned>),
    /// The search can't be ended.
    #[error("the search has ended already")]
    Ended,
    /// The solver refuses the problem.
    #[error("this can't be planned: {0}")]
    Problem(#[from] ProblemError),
    /// It has changed since it was read.
    #[error("it is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// Routes are everybody's: a caller who only sees some records can't plan them.
    #[error("planning routes takes access to the whole depot")]
    Scope,
    /// The search broke off.
    #[error("the search broke off: {0}")]
    Broken(String),
    /// About vehicles or drivers.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the area's functions answer.
pub type Result<T> = std::result::Result<T, RouteError>;

impl RouteError {
    /// There is no `what` called `name`.
    #[must_use]
    pub fn unknown(what: &'static str, name: &str) -> Self {
        Self::Unknown { what, name: crate::base::text::clipped(name.to_owned(), 80) }
    }
}

impl Fault for RouteError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown { .. } => Kind::NotFound,
            Self::State { .. } | Self::Planned { .. } | Self::Infeasible(_) | Self::Ended => Kind::Conflict,
            Self::Problem(_) => Kind::Invalid,
            Self::Stale { .. } => Kind::Stale,
            Self::Scope => Kind::Forbidden,
            Self::Broken(_) => Kind::Internal,
            Self::Fleet(e) => e.kind(),
            Self::Invalid(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "route.unknown",
            Self::State { .. } => "route.invalid_transition",
            Self::Planned { .. } => "route.already_planned",
            Self::Infeasible(_) => "route.infeasible",
            Self::Ended => "route.search_ended",
            Self::Problem(_) => "route.problem",
            Self::Stale { .. } => "route.stale",
            Self::Scope => "route.scope",
            Self::Broken(_) => "route.search_broken",
            Self::Fleet(e) => e.code(),
            Self::Invalid(_) => "route.invalid",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Problem(e) => vec![Problem::new("/", e.to_string())],
            Self::Fleet(e) => e.fields(),
            Self::Invalid(e) => e.fields(),
            _ => Vec::new(),
        }
    }
    fn extra(&self) -> Map<String, Value> {
        let mut out = Map::new();
        match self {
            Self::State { from, what, wanted } => {
                out.insert("from".into(), from.as_str().into());
                out.insert("requested".into(), (*what).into());
                out.insert("allowed".into(), wanted.split(" or ").collect::<Vec<_>>().into());
            }
            Self::Planned { reference, route } => {
                out.insert("reference".into(), reference.as_str().into());
                out.insert("route".into(), route.to_string().into());
            }
            Self::Infeasible(all) => {
                out.insert("unassigned".into(), serde_json::to_value(all).unwrap_or_default());
            }
            Self::Fleet(e) => out = e.extra(),
            _ => {}
        }
        out
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Store(e) => e.retry_after_s(),
            Self::Fleet(e) => e.retry_after_s(),
            _ => None,
        }
    }
}
