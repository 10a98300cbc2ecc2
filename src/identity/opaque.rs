//! Credentials that mean nothing by themselves: session cookies, refresh tokens, API keys, links, enrolment codes.
//! The store keeps their hash, never their text, and finds the tenant by the number they begin with.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::secret::{SecretError, random};
use crate::base::error::{Fault, Kind};

/// Random bytes in a credential.
const SECRET_BYTES: usize = 32;
/// Characters of a credential at the most: a tenant number, a letter, 43 characters and two dots.
pub const MAX_CHARS: usize = 10 + 1 + 43 + 2;

/// What a credential is for. One kind is never taken for another: the letter is part of what is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A browser's session.
    Session,
    /// Gets the next access token.
    Refresh,
    /// An API key.
    ApiKey,
    /// A one-time or public link: setup, password reset, tracking.
    Link,
    /// Enrols a depot or a device.
    Enrolment,
}

impl Purpose {
    const ALL: [Self; 5] = [Self::Session, Self::Refresh, Self::ApiKey, Self::Link, Self::Enrolment];

    fn letter(self) -> &'static str {
        match self {
            Self::Session => "s",
            Self::Refresh => "r",
            Self::ApiKey => "k",
            Self::Link => "l",
            Self::Enrolment => "e",
        }
    }
}

/// The BLAKE3 hash of a credential's text: what is stored and looked up. A random secret of 256 bits needs no
/// slow hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(#[serde(with = "serde_bytes")] [u8; 32]);

impl Digest {
    /// The bytes, for an index key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in a time that does not tell where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest [redacted]")
    }
}

/// A credential in full. Its text is shown once, to whom it is given.
#[derive(Clone)]
pub struct Opaque {
    tenant: u32,
    purpose: Purpose,
    text: String,
}

/// Text that is no credential of ours. Says nothing about which part is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the credential can't be read: send it exactly as it was given out, or log in again")]
pub struct Unreadable;

impl Fault for Unreadable {
    fn kind(&self) -> Kind {
        Kind::Unauthenticated
    }
    fn code(&self) -> &'static str {
        "credential.unreadable"
    }
}

impl Opaque {
    /// A new one for `tenant`.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn fresh(tenant: u32, purpose: Purpose) -> Result<Self, SecretError> {
        let secret = URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>()?);
        Ok(Self { tenant, purpose, text: format!("{tenant}.{}.{secret}", purpose.letter()) })
    }

    /// Reads what somebody sent. There is exactly one way to write each credential.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that [`Opaque::fresh`] could not have made.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        if text.len() > MAX_CHARS {
            return Err(Unreadable);
        }
        let mut parts = text.split('.');
        let (Some(number), Some(letter), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Unreadable);
        };
        let tenant: u32 = number.parse().map_err(|_| Unreadable)?;
        let purpose = Purpose::ALL.into_iter().find(|p| p.letter() == letter).ok_or(Unreadable)?;
        let bytes = URL_SAFE_NO_PAD.decode(secret).map_err(|_| Unreadable)?;
        if bytes.len() != SECRET_BYTES || tenant.to_string() != number {
            return Err(Unreadable);
        }
        Ok(Self { tenant, purpose, text: text.to_owned() })
    }

    /// The tenant it belongs to. Not proven until the digest is found there.
    #[must_use]
    pub fn tenant(&self) -> u32 {
        self.tenant
    }

    /// What it is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// What to store, and to look for.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(*blake3::hash(self.text.as_bytes()).as_bytes())
    }

    /// The text, for the one who gets it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opaque")
            .field("tenant", &self.tenant)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn a_credential_is_read_back_with_its_tenant_and_purpose() {
        for (tenant, purpose) in [0, 1, 417, u32::MAX, 9].into_iter().zip(Purpose::ALL) {
            let made = Opaque::fresh(tenant, purpose).unwrap();
            let read = Opaque::parse(made.reveal()).unwrap();
            assert_eq!((read.tenant(), read.purpose()), (tenant, purpose));
            assert!(read.digest().matches(&made.digest()));
            assert!(made.reveal().len() <= MAX_CHARS && made.reveal().starts_with(&format!("{tenant}.")));
            assert!(!Opaque::fresh(tenant, purpose).unwrap().digest().matches(&made.digest()));
        }
    }

    #[test]
    fn one_purpose_is_never_taken_for_another() {
        let session = Opaque::fresh(7, Purpose::Session).unwrap();
        let as_key = Opaque::parse(&session.reveal().replacen(".s.", ".k.", 1)).unwrap();
        let elsewhere = Opaque::parse(&session.reveal().replacen("7.", "8.", 1)).unwrap();
        assert!(
            !as_key.digest().matches(&session.digest()) && !elsewhere.digest().matches(&session.digest())
        );
    }

    #[test]
    fn there_is_one_way_to_write_a_credential() {
        let text = Opaque::fresh(7, Purpose::Link).unwrap().reveal().to_owned();
        let secret = &text[4..];
        for bad in [
            "",
            "7.l.",
            "7",
            "..",
            &format!("+{text}"),
            &format!("0{text}"),
            &format!("{text}="),
            &format!("{text}."),
            &format!(" {text}"),
            &format!("7.x.{secret}"),
            &format!("4294967296.l.{secret}"),
            &text[..text.len() - 1],
            &format!("{text}A"),
            &format!("4294967295.l.{secret}AAAA"),
            &format!("7.l.{}", "A".repeat(42) + "B"),
        ] {
            assert!(Opaque::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn neither_the_text_nor_its_hash_shows_in_debug_output() {
        let made = Opaque::fresh(7, Purpose::ApiKey).unwrap();
        let shown = format!("{made:?} {made:#?}");
        assert!(!shown.contains(&made.reveal()[4..20]) && shown.contains("ApiKey"), "{shown}");
        assert_eq!(format!("{:?}", made.digest()), "Digest [redacted]");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_stumble(text in any::<String>(), tenant in any::<u32>()) {
            prop_assert!(Opaque::parse(&text).is_err());
            let made = Opaque::fresh(tenant, Purpose::Enrolment).unwrap();
            prop_assert_eq!(Opaque::parse(made.reveal()).unwrap().tenant(), tenant);
        }
    }
}
