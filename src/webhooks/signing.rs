//! Signatures by Standard Webhooks: `v1,` and the HMAC-SHA256 of id, moment and body, one for each key in use.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a secret is shown with.
pub const PREFIX: &str = "whsec_";
/// Bytes of a secret that is made here; others may have 24 to 64.
const FRESH: usize = 32;
/// Seconds that the sender's clock and ours may differ.
pub const TOLERANCE_S: i64 = 300;

/// The bytes of a secret as it is shown; none when it is no secret of this form.
#[must_use]
pub fn secret_bytes(secret: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    (24..=64).contains(&bytes.len()).then_some(bytes)
}

/// A fresh secret.
///
/// # Errors
/// When the machine has no randomness.
pub fn fresh_secret() -> Result<String, String> {
    let mut bytes = [0; FRESH];
    getrandom::fill(&mut bytes).map_err(|e| format!("there is no randomness: {e}"))?;
    Ok(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

fn mac(secret: &[u8], id: &str, at: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).ok()?;
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body);
    Some(mac)
}

/// The signature header of a message: one for each of `secrets`, so that a key can be changed while both are known.
#[must_use]
pub fn sign(secrets: &[Vec<u8>], id: &str, at: i64, body: &[u8]) -> String {
    let one =
        |s: &Vec<u8>| Some(format!("v1,{}", STANDARD.encode(mac(s, id, at, body)?.finalize().into_bytes())));
    secrets.iter().filter_map(one).collect::<Vec<_>>().join(" ")
}

/// Whether one of the signatures in `header` is by `secret`, and the moment is near enough to `now`.
#[must_use]
pub fn verify(secret: &[u8], id: &str, at: i64, body: &[u8], header: &str, now: i64) -> bool {
    let near = (now - at).abs() <= TOLERANCE_S;
    let by = |signature: &str| {
        let given = signature.strip_prefix("v1,").and_then(|s| STANDARD.decode(s).ok());
        given.zip(mac(secret, id, at, body)).is_some_and(|(given, mac)| mac.verify_slice(&given).is_ok())
    };
    near && header.split(' ').any(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = secret_bytes("whsec_Y3Jvc3Nkb2NrLXRlc3Qtc2VjcmV0LTI0Ynl0ZXMhIQ==").unwrap();
        let signed = |body: &[u8]| sign(std::slice::from_ref(&secret), "msg_1", 1_700_000_000, body);
        assert_eq!(signed(br#"{"a":1}"#), "v1,9p6IzQexn/usPm1bS+rrx5hadkaSTFVsNQcyNVQMiD0=");
        assert_eq!(signed(br#"{"a":2}"#), "v1,RRY+qDDihKabwVIkX4HjbMMWfOUX8mi8wBIlV5uXj1E=");
        let two = sign(&[vec![1; 24], secret.clone()], "msg_1", 1_700_000_000, b"x");
        assert!(two.contains(' ') && verify(&secret, "msg_1", 1_700_000_000, b"x", &two, 1_700_000_000));
        let fresh = fresh_secret().unwrap();
        assert_eq!(secret_bytes(&fresh).unwrap().len(), FRESH);
        assert!(secret_bytes("whsec_AAAA").is_none() && secret_bytes("AAAA").is_none());
    }
}
