//! Everything identity can refuse.

use std::time::Duration;

use super::features::Features;
use super::grant::Denied;
use super::password::HashError;
use super::secret::SecretError;
use super::token::TokenError;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::store::StoreError;

/// Why identity says no.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Login or secret is wrong, or the account is switched off. Which of them is not said.
    #[error("login and password don't fit together; check both and try again")]
    Refused,
    /// The person is known but nobody has let them in yet.
    #[error("this account waits for an administrator's approval")]
    AwaitsApproval,
    /// Too many failures of late.
    #[error("too many failed attempts; wait {} s and try again", .0.as_secs() + 1)]
    Throttled(Duration),
    /// The refresh token is unknown, used up or over.
    #[error("the refresh token is not valid any more: log in again")]
    RefreshOver,
    /// An old refresh token was shown, so somebody has a copy: its session is ended.
    #[error(
        "this refresh token was used before, so its session was ended: log in again, and look for who has a copy"
    )]
    RefreshReused,
    /// Only a station account can be switched.
    #[error("only the session of a station account can be switched to a person")]
    NotStation,
    /// Nobody may register by themselves.
    #[error("registration is switched off; ask an administrator for an account")]
    RegistrationOff,
    /// There is no such record.
    #[error("no {what} {name}")]
    Unknown {
        /// What kind of record.
        what: &'static str,
        /// What it was called.
        name: String,
    },
    /// The name belongs to another record.
    #[error("there is a {what} {name} already; choose another name")]
    Taken {
        /// What kind of record.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// It would give, or touch somebody who has, more than the caller has.
    #[error("nobody can give or change what they don't have themselves; missing: {}", .0.names().collect::<Vec<_>>().join(", "))]
    Above(Features),
    /// It would reach further than the caller does.
    #[error("nobody can give a wider scope than their own")]
    TooWide,
    /// It would leave nobody who can manage users and roles.
    #[error(
        "this would leave nobody who can manage users and roles; give somebody else these features first"
    )]
    LastAdmin,
    /// A named limit is reached.
    #[error("there are {most} {what} already, as many as are kept; remove one first")]
    Full {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// The set-up link is unknown, spent or over.
    #[error("this set-up link is not valid any more; restart the depot to get a new one")]
    LinkOver,
    /// The node has a tenant.
    #[error("this depot is set up already; log in instead")]
    SetUpAlready,
    /// The request's content.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A feature is missing.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A password can't be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No randomness.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A token can't be made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Problem> for IdentityError {
    fn from(p: Problem) -> Self {
        Self::Invalid(Invalid(vec![p]))
    }
}

impl Fault for IdentityError {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused | Self::RefreshOver | Self::RefreshReused | Self::LinkOver => Kind::Unauthenticated,
            Self::AwaitsApproval | Self::RegistrationOff | Self::Above(_) | Self::TooWide => Kind::Forbidden,
            Self::Throttled(_) => Kind::Throttled,
            Self::Unknown { .. } => Kind::NotFound,
            Self::NotStation
            | Self::Taken { .. }
            | Self::LastAdmin
            | Self::Full { .. }
            | Self::SetUpAlready => Kind::Conflict,
            Self::Invalid(e) => e.kind(),
            Self::Denied(e) => e.kind(),
            Self::Hash(e) => e.kind(),
            Self::Secret(e) => e.kind(),
            Self::Token(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Refused => "auth.refused",
            Self::AwaitsApproval => "auth.unapproved",
            Self::Throttled(_) => "auth.throttled",
            Self::RefreshOver => "auth.refresh_over",
            Self::RefreshReused => "auth.refresh_reused",
            Self::NotStation => "auth.not_station",
            Self::RegistrationOff => "auth.registration_off",
            Self::Unknown { .. } => "record.unknown",
            Self::Taken { .. } => "identity.taken",
            Self::Above(_) => "identity.above",
            Self::TooWide => "identity.scope",
            Self::LastAdmin => "identity.last_admin",
            Self::Full { .. } => "identity.full",
            Self::LinkOver => "setup.link_over",
            Self::SetUpAlready => "setup.done",
            Self::Invalid(e) => e.code(),
            Self::Denied(e) => e.code(),
            Self::Hash(e) => e.code(),
            Self::Secret(e) => e.code(),
            Self::Token(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            _ => Vec::new(),
        }
    }
    fn extra(&self) -> serde_json::Map<String, serde_json::Value> {
        match self {
            Self::Denied(e) => e.extra(),
            _ => serde_json::Map::new(),
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Throttled(wait) => u32::try_from(wait.as_secs() + 1).ok(),
            Self::Store(e) => e.retry_after_s(),
            _ => None,
        }
    }
}
