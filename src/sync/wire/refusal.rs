//! Why a request was refused.

use serde::{Deserialize, Serialize};

use super::WireError;
use crate::base::error::{Fault, Kind};
use crate::store::StoreError;

/// Why a request was refused, as a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No session, or one of another epoch: begin a new one.
    Stale,
    /// The chain parted from ours: begin a new session.
    Fork,
    /// Positions are missing between what we have (`have`) and what came.
    Gap,
    /// A stamp from the future; `now` is our time.
    Clock,
    /// Not yours.
    Scope,
    /// More than a message may be.
    TooBig,
    /// Later.
    Busy,
    /// The bytes are no message.
    Malformed,
    /// The code is spent, too old or none of ours.
    Code,
}

/// A refusal, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("headquarters refuses: {e:?}{}", .msg.as_deref().map(|m| format!(" ({m})")).unwrap_or_default())]
pub struct Refusal {
    /// Why.
    pub e: Code,
    /// What headquarters has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<u64>,
    /// Its time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<u64>,
    /// When to come again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
}

impl Refusal {
    /// A refusal that only says why.
    #[must_use]
    pub const fn new(e: Code) -> Self {
        Self { e, have: None, now: None, retry_ms: None, msg: None }
    }

    /// The same, in words.
    #[must_use]
    pub fn saying(mut self, msg: impl Into<String>) -> Self {
        self.msg = Some(msg.into());
        self
    }
}

impl From<StoreError> for Refusal {
    fn from(e: StoreError) -> Self {
        if e.kind() == Kind::TooLarge {
            return Self::new(Code::TooBig).saying(e.to_string());
        }
        let retry_ms = e.retry_after_s().map(|s| u64::from(s) * 1000).or(Some(1000));
        Self { retry_ms, ..Self::new(Code::Busy).saying(e.to_string()) }
    }
}

impl From<WireError> for Refusal {
    fn from(e: WireError) -> Self {
        let code = match e {
            WireError::TooBig { .. } => Code::TooBig,
            WireError::Malformed(_) => Code::Malformed,
        };
        Self::new(code).saying(e.to_string())
    }
}

impl Fault for Refusal {
    fn kind(&self) -> Kind {
        match self.e {
            Code::Stale | Code::Fork | Code::Gap | Code::Clock => Kind::Conflict,
            Code::Scope | Code::Code => Kind::Forbidden,
            Code::TooBig => Kind::TooLarge,
            Code::Busy => Kind::Busy,
            Code::Malformed => Kind::Malformed,
        }
    }
    fn code(&self) -> &'static str {
        match self.e {
            Code::Stale => "sync.stale",
            Code::Fork => "sync.fork",
            Code::Gap => "sync.gap",
            Code::Clock => "sync.clock",
            Code::Scope => "sync.scope",
            Code::TooBig => "sync.too_big",
            Code::Busy => "sync.busy",
            Code::Malformed => "sync.malformed",
            Code::Code => "sync.code",
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        self.retry_ms.map(|ms| u32::try_from(ms.div_ceil(1000)).unwrap_or(u32::MAX))
    }
}
