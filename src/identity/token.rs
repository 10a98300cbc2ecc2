//! Access tokens: JWTs signed with the depot's own Ed25519 key, good for a quarter of an hour.
//!
//! One algorithm, one type, one audience; anything else is refused before its claims are looked at (RFC 8725). The
//! header's type follows RFC 9068, so that no other JWT of ours can ever pass for an access token.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error as JwtError, ErrorKind};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::secret::Keys;
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;

/// How long an access token is good for; a refresh token gets the next one.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// Bytes of a token at the most; ours have about 350.
pub const MAX_BYTES: usize = 4 * 1024;
/// The header's `typ` (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";
/// `iss`: which depot it was does not matter, since each has a key of its own.
const ISSUER: &str = "crossdock";
/// `aud`.
const AUDIENCE: &str = "crossdock";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The user, `sub`.
    pub user: Id,
    /// The tenant's number, `tid`.
    pub tenant: u32,
    /// The session it was made in, `sid`; revoking that ends the token too.
    pub session: Id,
    /// When it was made, to the second, `iat`.
    pub issued: Timestamp,
    /// The first moment at which it is no longer good, to the second, `exp`.
    pub expires: Timestamp,
}

impl Claims {
    /// Claims good for [`LIFETIME`] from the second of `now`.
    #[must_use]
    pub fn fresh(user: Id, tenant: u32, session: Id, now: Timestamp) -> Self {
        let issued = from_seconds(seconds(now));
        Self { user, tenant, session, issued, expires: issued.after(LIFETIME) }
    }
}

/// The claims as they are written; every one is needed.
#[derive(Serialize, Deserialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: Id,
    tid: u32,
    sid: Id,
    iat: i64,
    exp: i64,
}

/// Why a token is not taken, or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`MAX_BYTES`].
    #[error("the access token is longer than {MAX_BYTES} bytes and can't be one of ours: log in again")]
    TooLong,
    /// Not ours, changed, or meant for something else. Which one is nobody's business.
    #[error("the access token is not valid here: log in again")]
    Refused,
    /// Its time is over.
    #[error("the access token has expired: get the next one with the refresh token")]
    Expired,
    /// The key can't sign.
    #[error(
        "access tokens can't be signed: restore keys/token.key, or delete it and restart to get a new one"
    )]
    Unsigned,
}

impl Fault for TokenError {
    fn kind(&self) -> Kind {
        match self {
            Self::TooLong | Self::Refused | Self::Expired => Kind::Unauthenticated,
            Self::Unsigned => Kind::Internal,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "token.too_long",
            Self::Refused => "token.refused",
            Self::Expired => "token.expired",
            Self::Unsigned => "token.unsigned",
        }
    }
}

/// Makes and reads access tokens.
pub struct Tokens {
    header: Header,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// With the depot's token key.
    ///
    /// # Errors
    /// [`TokenError::Unsigned`] when the key is none.
    pub fn new(keys: &Keys) -> Result<Self, TokenError> {
        // The library calls its cryptography through one global; a second installation is the same one.
        let _ = RING.install_default();
        let pkcs8 = keys.token_pkcs8();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| TokenError::Unsigned)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // The library would read the wall clock; `verify` compares with the moment it is given.
        validation.validate_exp = false;
        Ok(Self {
            header: Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::EdDSA) },
            signing: EncodingKey::from_ed_der(pkcs8),
            verifying: DecodingKey::from_ed_der(pair.public_key().as_ref()),
            validation,
        })
    }

    /// The signed token that says `claims`.
    ///
    /// # Errors
    /// [`TokenError::Unsigned`].
    pub fn issue(&self, claims: &Claims) -> Result<String, TokenError> {
        let Claims { user, tenant, session, issued, expires } = claims;
        let wire = Wire {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: *user,
            tid: *tenant,
            sid: *session,
            iat: seconds(*issued),
            exp: seconds(*expires),
        };
        jsonwebtoken::encode(&self.header, &wire, &self.signing).map_err(|_| TokenError::Unsigned)
    }

    /// What `token` says, if it is ours and still good at `now`. No leeway: the clock that made it is the one
    /// that reads it.
    ///
    /// # Errors
    /// Every [`TokenError`] except [`TokenError::Unsigned`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::TooLong);
        }
        let read = jsonwebtoken::decode::<Wire>(token, &self.verifying, &self.validation);
        let read = read.map_err(|_| TokenError::Refused)?;
        // `crit` names extensions that must be understood (RFC 7515, 4.1.11), and we understand none.
        if read.header.typ.as_deref() != Some(TYPE) || read.header.crit.is_some() {
            return Err(TokenError::Refused);
        }
        let Wire { iss: _, aud: _, sub, tid, sid, iat, exp } = read.claims;
        let (issued, expires) = (from_seconds(iat), from_seconds(exp));
        if now >= expires {
            return Err(TokenError::Expired);
        }
        Ok(Claims { user: sub, tenant: tid, session: sid, issued, expires })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens [redacted]")
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.millis().div_euclid(1000)
}

fn from_seconds(s: i64) -> Timestamp {
    Timestamp::from_millis(s.saturating_mul(1000))
}

/// The library's cryptography by ring, for the one algorithm we take. Its own back ends bring `rsa` or a large C
/// library along.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match (algorithm, key.family()) {
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_bytes());
            Ok(Box::new(RingSigner(pair.map_err(|_| JwtError::from(ErrorKind::InvalidEddsaKey))?)))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    verifier_factory: |algorithm, key| match (algorithm, key.family()) {
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => {
            Ok(Box::new(RingVerifier(UnparsedPublicKey::new(&ED25519, key.try_get_as_bytes()?.to_vec()))))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct RingSigner(Ed25519KeyPair);

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct RingVerifier(UnparsedPublicKey<Vec<u8>>);

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        self.0.verify(message, signature).map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
