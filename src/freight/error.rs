//! What can go wrong at the import desk.

use serde_json::{Map, Value};

use super::awb::AwbError;
use super::sop::Missing;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::ids::Id;
use crate::identity::grant::Denied;
use crate::store::StoreError;

/// Why something of air freight could not be found, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum FreightError {
    /// There is none by that id or number.
    #[error("no {what} {name}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// By which name.
        name: String,
    },
    /// Its number belongs to one that is still under way.
    #[error("{what} {number} is here already; change that one, or close it first")]
    Exists {
        /// What.
        what: &'static str,
        /// Its number.
        number: String,
        /// The one that has it.
        id: Id,
    },
    /// It is no waybill number.
    #[error(transparent)]
    Awb(#[from] AwbError),
    /// Its houses would be more than it is.
    #[error("the houses of {number} would have {sum} {what}, and it has {whole}; put the counts right first")]
    Exceeds {
        /// The master.
        number: String,
        /// Pieces or grams.
        what: &'static str,
        /// Of all houses.
        sum: u64,
        /// Of the master.
        whole: u64,
    },
    /// A step can't be taken yet.
    #[error("step {step} can't be taken: {}", .missing.iter().map(|m| m.detail.as_str()).collect::<Vec<_>>().join("; "))]
    Held {
        /// The step.
        step: String,
        /// What is missing.
        missing: Vec<Missing>,
    },
    /// It is not in a state for that.
    #[error("{0}")]
    State(String),
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Waybills belong to everybody at the desk: a caller who only sees some records can't work here.
    #[error("air freight takes access to the whole depot")]
    Scope,
    /// It has changed since it was read.
    #[error("it is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the area's functions answer.
pub type Result<T> = std::result::Result<T, FreightError>;

impl FreightError {
    /// There is no `what` called `name`.
    #[must_use]
    pub fn unknown(what: &'static str, name: &str) -> Self {
        Self::Unknown { what, name: crate::base::text::clipped(name.to_owned(), 80) }
    }
}

impl Fault for FreightError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown { .. } => Kind::NotFound,
            Self::Exists { .. } | Self::Exceeds { .. } | Self::Held { .. } | Self::State(_) => Kind::Conflict,
            Self::Awb(_) => Kind::Invalid,
            Self::Invalid(e) => e.kind(),
            Self::Denied(e) => e.kind(),
            Self::Scope => Kind::Forbidden,
            Self::Stale { .. } => Kind::Stale,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "freight.unknown",
            Self::Exists { .. } => "freight.exists",
            Self::Awb(AwbError::Check { .. }) => "mawb.check_digit",
            Self::Awb(AwbError::Shape(_)) => "mawb.number",
            Self::Exceeds { .. } => "hawb.exceeds",
            Self::Held { .. } => "workflow.guards_missing",
            Self::State(_) => "freight.state",
            Self::Invalid(_) => "freight.invalid",
            Self::Denied(e) => e.code(),
            Self::Scope => "freight.scope",
            Self::Stale { .. } => "freight.stale",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Awb(e) => vec![Problem::new("/number", e.to_string())],
            Self::Invalid(e) => e.fields(),
            _ => Vec::new(),
        }
    }
    fn extra(&self) -> Map<String, Value> {
        let mut out = Map::new();
        match self {
            Self::Awb(AwbError::Check { expected, given, .. }) => {
                out.insert("expected".into(), (*expected).into());
                out.insert("given".into(), (*given).into());
            }
            Self::Held { step, missing } => {
                out.insert("step".into(), step.as_str().into());
                out.insert("missing".into(), serde_json::to_value(missing).unwrap_or_default());
            }
            Self::Exists { id, .. } => {
                out.insert("id".into(), id.to_string().into());
            }
            Self::Denied(e) => out = e.extra(),
            _ => {}
        }
        out
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Store(e) => e.retry_after_s(),
            _ => None,
        }
    }
}
