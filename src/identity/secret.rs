//! The depot's own secrets: the three keys in `keys/`, and a wrapper that keeps secrets out of logs.

use std::fmt;
use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::private::{self, PrivateError};
use crate::base::error::{Fault, Kind};

/// Bytes that can be sealed at once; what is sealed are passwords and tokens of other services.
pub const SEAL_MAX_BYTES: usize = 16 * 1024;
/// The first byte of everything sealed, so that the cipher can change one day.
const SEAL_VERSION: u8 = 1;
/// Bytes of an XChaCha20 nonce: long enough to be drawn at random for ever.
const NONCE_BYTES: usize = 24;

/// Something that must not be shown: no `Display`, no `Serialize`, `Debug` hides it, and an error while reading it
/// does not repeat it.
#[derive(Clone, Default)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one place that needs it.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        // The format's own error would quote a PIN that came as a number.
        T::deserialize(d).map(Self).map_err(|_| D::Error::custom("a secret is not of the expected type"))
    }
}

/// A secret that can't be made or used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A key file can't be used.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// The system has no randomness to give.
    #[error("the system gives no random bytes ({0}): keys and tokens can't be made until it does")]
    Random(String),
    /// More than can be sealed.
    #[error("{context} is {got} bytes long; at most {SEAL_MAX_BYTES} can be sealed")]
    TooLong {
        /// What was to be sealed.
        context: String,
        /// How many bytes it has.
        got: usize,
    },
    /// It was not sealed with this key, for this context, or was changed since.
    #[error("{context} can't be opened: restore the keys/seal.key it was sealed with, or enter it again")]
    Sealed {
        /// What was to be opened.
        context: String,
    },
}

impl Fault for SecretError {
    fn kind(&self) -> Kind {
        match self {
            Self::File(e) => e.kind(),
            Self::TooLong { .. } => Kind::TooLarge,
            Self::Random(_) | Self::Sealed { .. } => Kind::Internal,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::File(e) => e.code(),
            Self::Random(_) => "secret.no_randomness",
            Self::TooLong { .. } => "secret.too_long",
            Self::Sealed { .. } => "secret.not_opened",
        }
    }
}

/// `N` random bytes from the system.
///
/// # Errors
/// [`SecretError::Random`] when the system has none.
pub fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| SecretError::Random(e.to_string()))?;
    Ok(bytes)
}

/// The keys of one depot, in the folder `keys/` of its data folder. They are outside the store on purpose: a copy
/// of the store alone opens nothing. A backup has to hold both.
pub struct Keys {
    seal: XChaCha20Poly1305,
    token: Secret<Vec<u8>>,
    index: Secret<[u8; 32]>,
}

impl Keys {
    /// Reads the keys below `data`, and makes those that are missing.
    ///
    /// # Errors
    /// When a key can't be read or made, others may read it, or it is not a key; the message names file and remedy.
    pub fn open(data: &Path) -> Result<Self, SecretError> {
        let folder = data.join("keys");
        private::folder(&folder)?;
        let seal = symmetric(&folder.join("seal.key"))?;
        let index = symmetric(&folder.join("index.key"))?;
        let path = folder.join("token.key");
        let token = match private::read(&path)? {
            Some(pkcs8) => pkcs8,
            None => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
                let pkcs8 = made.map_err(|e| SecretError::Random(e.to_string()))?.as_ref().to_vec();
                private::write(&path, &pkcs8)?;
                pkcs8
            }
        };
        if let Err(why) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&token) {
            let what = format!(
                "is no Ed25519 key in PKCS #8 ({why}): restore it, or delete it and everybody logs in anew"
            );
            return Err(PrivateError::malformed(&path, what).into());
        }
        Ok(Self { seal: XChaCha20Poly1305::new(&seal.into()), token: Secret(token), index: Secret(index) })
    }

    /// Seals `plain` so that only [`Keys::open_sealed`] with the same `context` gives it back. The context says what
    /// and whose it is, such as `webhook/7/019a…`, so that a sealed value can't be moved to another record.
    ///
    /// # Errors
    /// When it has more than [`SEAL_MAX_BYTES`] or the system has no randomness.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SecretError> {
        let too_long = || SecretError::TooLong { context: context.to_owned(), got: plain.len() };
        if plain.len() > SEAL_MAX_BYTES {
            return Err(too_long());
        }
        let nonce = random::<NONCE_BYTES>()?;
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let boxed = self.seal.encrypt(&XNonce::from(nonce), payload).map_err(|_| too_long())?;
        Ok([&[SEAL_VERSION][..], &nonce, &boxed].concat())
    }

    /// What was sealed for `context`.
    ///
    /// # Errors
    /// [`SecretError::Sealed`] when it was changed, sealed for another context, or with another key.
    pub fn open_sealed(&self, context: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, SecretError> {
        let opened = match sealed.split_first() {
            Some((&SEAL_VERSION, rest)) => {
                rest.split_first_chunk::<NONCE_BYTES>().and_then(|(nonce, boxed)| {
                    let payload = Payload { msg: boxed, aad: context.as_bytes() };
                    self.seal.decrypt(&XNonce::from(*nonce), payload).ok()
                })
            }
            _ => None,
        };
        opened.map(Secret).ok_or_else(|| SecretError::Sealed { context: context.to_owned() })
    }

    /// A fingerprint of `text` that can stand in an index: the same text gives the same one here, and without the
    /// key it tells nothing, however short the text (a badge code, a PIN). `context` keeps uses and tenants apart.
    #[must_use]
    pub fn fingerprint(&self, context: &str, text: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(self.index.reveal());
        hasher
            .update(&(context.len() as u64).to_le_bytes())
            .update(context.as_bytes())
            .update(text.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// The Ed25519 key that signs access tokens, as PKCS #8.
    pub(super) fn token_pkcs8(&self) -> &[u8] {
        self.token.reveal()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys [redacted]")
    }
}

fn symmetric(path: &Path) -> Result<[u8; 32], SecretError> {
    let Some(bytes) = private::read(path)? else {
        let key = random::<32>()?;
        private::write(path, &key)?;
        return Ok(key);
    };
    <[u8; 32]>::try_from(&bytes[..]).map_err(|_| {
        let got = bytes.len();
        let what = format!(
            "has {got} bytes and not 32: restore it from the backup; what was made with it is lost without it"
        );
        PrivateError::malformed(path, what).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_kept() {
        let data = tempfile::tempdir().unwrap();
        let first = Keys::open(data.path()).unwrap();
        let sealed = first.seal("smtp/7", b"hunter2").unwrap();
        let again = Keys::open(data.path()).unwrap();
        assert_eq!(again.open_sealed("smtp/7", &sealed).unwrap().reveal(), b"hunter2");
        assert_eq!(again.token_pkcs8(), first.token_pkcs8());
        assert_eq!(again.fingerprint("badge/7", "0042"), first.fingerprint("badge/7", "0042"));
        assert_ne!(again.fingerprint("badge/8", "0042"), first.fingerprint("badge/7", "0042"));
        assert_ne!(again.fingerprint("badge", "/70042"), first.fingerprint("badge/7", "0042"));
    }

    #[test]
    fn what_is_sealed_opens_only_unchanged_in_its_own_place_and_with_its_own_key() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (ours, theirs) = (Keys::open(here.path()).unwrap(), Keys::open(there.path()).unwrap());
        let sealed = ours.seal("a", b"hunter2").unwrap();
        assert_ne!(ours.seal("a", b"hunter2").unwrap(), sealed);
        assert!(ours.open_sealed("b", &sealed).unwrap_err().to_string().contains("keys/seal.key"));
        assert!(theirs.open_sealed("a", &sealed).is_err());
        for n in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[n] ^= 1;
            assert!(ours.open_sealed("a", &changed).is_err(), "byte {n}");
            assert!(ours.open_sealed("a", &sealed[..n]).is_err(), "cut at {n}");
        }
    }

    #[test]
    fn one_byte_more_than_can_be_sealed_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let keys = Keys::open(data.path()).unwrap();
        assert!(keys.seal("a", &vec![0; SEAL_MAX_BYTES]).is_ok());
        assert_eq!(keys.seal("a", &vec![0; SEAL_MAX_BYTES + 1]).unwrap_err().code(), "secret.too_long");
    }

    #[test]
    fn a_damaged_key_is_named_with_its_remedy() {
        for name in ["seal.key", "index.key", "token.key"] {
            let data = tempfile::tempdir().unwrap();
            Keys::open(data.path()).unwrap();
            private::write(&data.path().join("keys").join(name), &[7; 31]).unwrap();
            let refused = Keys::open(data.path()).unwrap_err().to_string();
            assert!(refused.contains(name) && refused.contains("restore it"), "{refused}");
        }
    }

    #[test]
    fn no_secret_shows_in_debug_output() {
        #[derive(Debug, Deserialize)]
        #[allow(dead_code)] // only its Debug is looked at
        struct Login {
            user: String,
            password: Secret<String>,
        }
        let login: Login = serde_json::from_str(r#"{"user":"ana","password":"hunter2"}"#).unwrap();
        assert_eq!(login.password.reveal(), "hunter2");
        let unread =
            serde_json::from_str::<Login>(r#"{"user":"ana","password":918273}"#).unwrap_err().to_string();
        assert!(unread.contains("expected type") && !unread.contains("918273"), "{unread}");
        let data = tempfile::tempdir().unwrap();
        let shown = format!("{login:?} {login:#?} {:?}", Keys::open(data.path()).unwrap());
        assert!(
            shown.contains("ana") && shown.contains("[redacted]") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
