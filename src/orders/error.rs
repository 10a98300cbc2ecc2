//! What can go wrong with products, stock and orders.

use serde_json::{Map, Value};

use super::model::Status;
use super::stock::Short;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::identity::grant::Denied;
use crate::store::StoreError;

/// Why something could not be found, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// There is no such record.
    #[error("no {0} {1}")]
    Unknown(&'static str, String),
    /// Another record has the name.
    #[error("there is a {0} \"{1}\" already")]
    Exists(&'static str, String),
    /// It is needed where it is.
    #[error("{0}")]
    InUse(String),
    /// A step that the table does not allow.
    #[error("an order can't go from {from} to {requested}; {}", remedy(.allowed))]
    Illegal {
        /// Where it is.
        from: Status,
        /// Where it was to go.
        requested: Status,
        /// Where it can go.
        allowed: Vec<Status>,
    },
    /// There is too little stock.
    #[error("product {name} (number {number}): {why}")]
    Short {
        /// Its short number.
        number: u32,
        /// Its name.
        name: String,
        /// How much too little.
        why: Short,
    },
    /// The order is another depot's to fulfil.
    #[error("order {0} is fulfilled by another depot, which alone can do this")]
    Elsewhere(u64),
    /// A call that is to be carried out as a whole names several depots.
    #[error("an atomic call can't be carried out at several depots: send one call a depot, or atomic=false")]
    Depots,
    /// One order of many that were to be taken as a whole.
    #[error("nothing was stored: order {index} is refused: {why}")]
    Row {
        /// Which, from 0.
        index: usize,
        /// Why.
        why: Box<OrderError>,
    },
    /// It has changed since it was read.
    #[error("the record is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn remedy(allowed: &[Status]) -> String {
    if allowed.is_empty() {
        return "its way has ended".to_owned();
    }
    format!("allowed next: {}", allowed.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", "))
}

impl Fault for OrderError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(..) => Kind::NotFound,
            Self::Exists(..)
            | Self::InUse(_)
            | Self::Illegal { .. }
            | Self::Short { .. }
            | Self::Elsewhere(_) => Kind::Conflict,
            Self::Depots => Kind::Invalid,
            // As a whole the call can't be carried out as it stands.
            Self::Row { why, .. } => match why.kind() {
                Kind::Conflict | Kind::NotFound => Kind::Invalid,
                other => other,
            },
            Self::Stale { .. } => Kind::Stale,
            Self::Invalid(e) => e.kind(),
            Self::Denied(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown("product", _) => "product.unknown",
            Self::Unknown("category", _) => "category.unknown",
            Self::Unknown(..) => "order.unknown",
            Self::Exists("product", _) => "product.exists",
            Self::Exists("category", _) => "category.exists",
            Self::Exists(..) => "order.exists",
            Self::InUse(_) => "category.in_use",
            Self::Illegal { .. } => "order.invalid_transition",
            Self::Short { .. } => "stock.short",
            Self::Elsewhere(_) => "order.elsewhere",
            Self::Depots => "order.several_depots",
            Self::Row { why, .. } => why.code(),
            Self::Stale { .. } => "order.stale",
            Self::Invalid(_) => "order.invalid",
            Self::Denied(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            Self::Row { index, why } => {
                let at = |p: Problem| Problem { pointer: format!("/{index}{}", p.pointer), ..p };
                match why.fields() {
                    none if none.is_empty() => vec![Problem::new(format!("/{index}"), why.to_string())],
                    some => some.into_iter().map(at).collect(),
                }
            }
            _ => Vec::new(),
        }
    }
    fn extra(&self) -> Map<String, Value> {
        match self {
            Self::Illegal { from, requested, allowed } => {
                let allowed: Vec<&str> = allowed.iter().map(|s| s.as_str()).collect();
                let mut extra = Map::new();
                extra.insert("from".into(), from.as_str().into());
                extra.insert("requested".into(), requested.as_str().into());
                extra.insert("allowed".into(), allowed.into());
                extra
            }
            Self::Short { number, why, .. } => {
                let mut extra = Map::new();
                extra.insert("product_id".into(), (*number).into());
                extra.insert("requested".into(), why.wanted.into());
                extra.insert("available".into(), why.available.into());
                extra
            }
            Self::Denied(e) => e.extra(),
            Self::Row { why, .. } => why.extra(),
            _ => Map::new(),
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Store(e) => e.retry_after_s(),
            Self::Row { why, .. } => why.retry_after_s(),
            _ => None,
        }
    }
}
