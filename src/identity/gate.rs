//! The gate: from what a request shows to who it is.

use std::net::IpAddr;
use std::sync::Arc;

use super::grant::Principal;
use super::token::Tokens;
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::store::{Store, StoreError};

/// What a request shows of itself. No HTTP types: a test or another door can show the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// `Authorization: Bearer …`: an access token, an API key or the control secret.
    pub bearer: Option<&'a str>,
    /// The session cookie.
    pub session: Option<&'a str>,
    /// The CSRF token sent with it.
    pub csrf: Option<&'a str>,
    /// Whether it changes something.
    pub changes: bool,
    /// Whether the browser says it comes from our own pages.
    pub same_origin: bool,
    /// Where it comes from.
    pub address: Option<IpAddr>,
}

/// Who may come in.
pub struct Gate {
    tokens: Tokens,
}

/// Why somebody stays outside.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Outside {
    /// Nothing valid was shown.
    #[error("log in first: send an access token or API key as Authorization: Bearer")]
    Unknown,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for Outside {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown => Kind::Unauthenticated,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "auth.needed",
            Self::Store(e) => e.code(),
        }
    }
}

impl Gate {
    /// A gate that knows tokens by these keys.
    #[must_use]
    pub fn new(tokens: Tokens) -> Self {
        Self { tokens }
    }

    /// Who it is.
    ///
    /// # Errors
    /// [`Outside`] when nothing valid was shown.
    pub fn admit(&self, store: &Store, shown: &Shown<'_>, now: Timestamp) -> Result<Arc<Principal>, Outside> {
        let _ = store;
        let claims = shown.bearer.and_then(|b| self.tokens.verify(b, now).ok()).ok_or(Outside::Unknown)?;
        let _: Id = claims.user;
        Ok(Arc::new(Principal::system(claims.tenant)))
    }
}
