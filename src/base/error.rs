//! The three pieces of every error: an area's enum says what happened, [`Fault`] says which class it is,
//! and `web/error.rs` turns the class into a status. No HTTP in here.

use std::fmt;

/// The class of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request can't be read at all.
    Malformed,
    /// The request can be read but its content is not acceptable; [`Fault::fields`] says where.
    Invalid,
    /// Nobody has shown who they are.
    Unauthenticated,
    /// Somebody has, and may not.
    Forbidden,
    /// There is no such thing, or it belongs to somebody else.
    NotFound,
    /// It contradicts what is.
    Conflict,
    /// The record has changed since it was read.
    Stale,
    /// A record's revision has to be named.
    Unconditional,
    /// Larger than the named limit.
    TooLarge,
    /// A media type we do not read.
    Unsupported,
    /// Too many of them, come back later.
    Throttled,
    /// Not now: overloaded, read-only or starting; come back later.
    Busy,
    /// Our own failure: told to the log, never to the caller.
    Internal,
}

/// What every error of an area can say of itself.
pub trait Fault: fmt::Display {
    /// Its class.
    fn kind(&self) -> Kind;
    /// Its stable name, `area.noun`: part of the API.
    fn code(&self) -> &'static str;
    /// The places in the input that are wrong.
    fn fields(&self) -> Vec<Problem> {
        Vec::new()
    }
    /// More members for the problem document, such as the allowed next steps.
    fn extra(&self) -> serde_json::Map<String, serde_json::Value> {
        serde_json::Map::new()
    }
    /// After how many seconds it is worth trying again, for [`Kind::Busy`] and [`Kind::Throttled`].
    fn retry_after_s(&self) -> Option<u32> {
        None
    }
}

/// One place in the input that is wrong, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// JSON pointer to the place, such as `/recipient/name`; for a file the column's name.
    pub pointer: String,
    /// What is wrong with it and what would be right.
    pub detail: String,
}

impl Problem {
    /// `detail` at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// Input that can't be accepted, with every place named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|p| format!("{}: {}", p.pointer, p.detail)).collect::<Vec<_>>().join("; "))]
pub struct Invalid(pub Vec<Problem>);

impl Invalid {
    /// One place that is wrong.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self(vec![Problem::new(pointer, detail)])
    }
}

impl Fault for Invalid {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "request.invalid"
    }
    fn fields(&self) -> Vec<Problem> {
        self.0.clone()
    }
}
