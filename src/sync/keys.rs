//! Keys and words that can't be forged: the depot's Ed25519 signature, and headquarters' mark on every change it hands
//! out, by a key that lies outside the database.

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};

use crate::journal::Eid;
use crate::store::Tenant;

/// A depot's key: signs that it is the depot.
pub trait Sign {
    /// Its public half.
    fn public(&self) -> [u8; 32];
    /// The signature over `message`.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// An Ed25519 key.
pub struct DepotKey(SigningKey);

impl DepotKey {
    /// A fresh key.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self::from_seed(&seed))
    }

    /// The key that was kept as `seed`.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// What has to be kept of it, in a file that only the depot reads.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

impl Sign for DepotKey {
    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Whether `signature` over `message` is that of the key `public`.
#[must_use]
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(public)
        .is_ok_and(|key| key.verify(message, &Signature::from_bytes(signature)).is_ok())
}

/// How a public key is named in a session.
#[must_use]
pub fn key_id(public: &[u8; 32]) -> [u8; 8] {
    first(&blake3::hash(public))
}

/// Headquarters' word on a change: that `tenant` has the change `eid` with the shift `adj`.
#[must_use]
pub fn word(secret: &[u8; 32], tenant: Tenant, eid: &Eid, adj: i64) -> [u8; 16] {
    let mut h = blake3::Hasher::new_keyed(secret);
    h.update(b"change").update(&tenant.to_be_bytes()).update(eid).update(&adj.to_be_bytes());
    first(&h.finalize())
}

/// A challenge for one site's session at one moment; nobody has to remember it.
#[must_use]
pub fn challenge(secret: &[u8; 32], key: &[u8; 8], at_ms: u64) -> [u8; 32] {
    let mut h = blake3::Hasher::new_keyed(secret);
    h.update(b"challenge").update(key).update(&at_ms.to_be_bytes());
    let mut out = [0; 32];
    out[..8].copy_from_slice(&at_ms.to_be_bytes());
    out[8..].copy_from_slice(&h.finalize().as_bytes()[..24]);
    out
}

/// When `challenge` was made for `key`; none when it is none of ours.
#[must_use]
pub fn challenged_at(secret: &[u8; 32], key: &[u8; 8], given: &[u8; 32]) -> Option<u64> {
    let at = u64::from_be_bytes(*given.first_chunk()?);
    same(&challenge(secret, key, at), given).then_some(at)
}

/// Whether two secrets are the same, in a time that says nothing of where they differ.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    a.ct_eq(b).into()
}

/// The first bytes of a hash.
pub(super) fn first<const N: usize>(h: &blake3::Hash) -> [u8; N] {
    h.as_bytes().first_chunk().copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_and_its_key_alone() {
        let (key, other) = (DepotKey::fresh().unwrap(), DepotKey::fresh().unwrap());
        let signature = key.sign(b"message");
        assert!(verify(&key.public(), b"message", &signature));
        assert!(!verify(&key.public(), b"massage", &signature));
        assert!(!verify(&other.public(), b"message", &signature));
        assert_eq!(DepotKey::from_seed(&key.seed()).public(), key.public());
    }

    #[test]
    fn a_word_holds_for_its_tenant_change_and_shift_alone() {
        let w = word(&[1; 32], 1, &[2; 16], -3);
        assert_eq!(w, word(&[1; 32], 1, &[2; 16], -3));
        let others = [
            word(&[9; 32], 1, &[2; 16], -3),
            word(&[1; 32], 2, &[2; 16], -3),
            word(&[1; 32], 1, &[3; 16], -3),
            word(&[1; 32], 1, &[2; 16], 3),
        ];
        assert!(others.iter().all(|o| *o != w));
    }

    #[test]
    fn a_challenge_is_known_again_and_only_for_its_key() {
        let ch = challenge(&[1; 32], &[2; 8], 77);
        assert_eq!(challenged_at(&[1; 32], &[2; 8], &ch), Some(77));
        assert_eq!(challenged_at(&[1; 32], &[3; 8], &ch), None);
        assert_eq!(challenged_at(&[2; 32], &[2; 8], &ch), None);
    }
}
