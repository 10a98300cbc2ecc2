//! Signed messages, as Standard Webhooks has them: HMAC-SHA256 over id, time and body, under one of the receiver's keys.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::secret::Secret;
use crate::base::clock::Timestamp;

/// How far a message's time may lie from ours: a clock that is off, or a message that was caught and is sent again.
pub const TOLERANCE: Duration = Duration::from_secs(300);
/// Bytes of a key.
pub const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Signatures looked at in one message.
const MAX_SIGNATURES: usize = 8;
/// Bytes of a message's id.
pub const MAX_ID: usize = 255;
const PREFIX: &str = "whsec_";

/// What a message shows beside its body.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// `webhook-id`: the same when the message is sent again.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`: `v1,` and Base64, several with blanks between them.
    pub signature: &'a str,
}

/// A key as it is written: `whsec_` and Base64.
#[must_use]
pub fn written(key: &[u8]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(key))
}

/// The key that `text` is.
///
/// # Errors
/// What would be right.
pub fn read(text: &str) -> Result<Vec<u8>, String> {
    let key = text.trim().strip_prefix(PREFIX).and_then(|t| STANDARD.decode(t).ok());
    let wrong = || {
        let (from, to) = (KEY_BYTES.start(), KEY_BYTES.end());
        format!("must be {PREFIX} and {from} to {to} bytes in Base64")
    };
    key.filter(|k| KEY_BYTES.contains(&k.len())).ok_or_else(wrong)
}

fn mac(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac)
}

/// The signature of a message under `key`.
#[must_use]
pub fn sign(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> String {
    let signed = mac(key, id, timestamp, body).map(|m| STANDARD.encode(m.finalize().into_bytes()));
    format!("v1,{}", signed.unwrap_or_default())
}

/// The signatures of a message under each of `keys`, so that a key can be changed while both are known.
#[must_use]
pub fn sign_all(keys: &[Secret<Vec<u8>>], id: &str, timestamp: &str, body: &[u8]) -> String {
    let each = keys.iter().map(|key| sign(key.reveal(), id, timestamp, body));
    each.collect::<Vec<_>>().join(" ")
}

/// Whether one of `keys` signed the message and it was sent about `now`.
#[must_use]
pub fn verify(keys: &[Secret<Vec<u8>>], shown: &Shown<'_>, body: &[u8], now: Timestamp) -> bool {
    let Ok(seconds) = shown.timestamp.parse::<i64>() else { return false };
    let sent = Timestamp::from_millis(seconds.saturating_mul(1_000));
    let near = now.since(sent) <= TOLERANCE && sent.since(now) <= TOLERANCE;
    let named = !shown.id.is_empty() && shown.id.len() <= MAX_ID;
    let signed = shown.signature.split_ascii_whitespace().take(MAX_SIGNATURES).any(|one| {
        let Some(given) = one.strip_prefix("v1,").and_then(|b| STANDARD.decode(b).ok()) else { return false };
        keys.iter().any(|key| {
            mac(key.reveal(), shown.id, shown.timestamp, body).is_some_and(|m| m.verify_slice(&given).is_ok())
        })
    });
    near && named && signed
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_Y3Jvc3Nkb2NrLXRlc3Qtc2VjcmV0LTI0Ynl0ZXMhIQ==";
    const AT: &str = "1700000000";

    fn now(offset_s: i64) -> Timestamp {
        Timestamp::from_millis((1_700_000_000 + offset_s) * 1_000)
    }

    fn good(keys: &[&str], id: &str, at: &str, signature: &str, body: &[u8], now: Timestamp) -> bool {
        let keys: Vec<_> = keys.iter().map(|k| Secret::new(read(k).unwrap())).collect();
        verify(&keys, &Shown { id, timestamp: at, signature }, body, now)
    }

    #[test]
    fn signatures_are_those_of_the_standard() {
        let key = read(KEY).unwrap();
        for (body, signature) in [
            (&br#"{"a":1}"#[..], "v1,9p6IzQexn/usPm1bS+rrx5hadkaSTFVsNQcyNVQMiD0="),
            (br#"{"a":2}"#, "v1,RRY+qDDihKabwVIkX4HjbMMWfOUX8mi8wBIlV5uXj1E="),
        ] {
            assert_eq!(sign(&key, "msg_1", AT, body), signature);
            assert!(good(&[KEY], "msg_1", AT, signature, body, now(0)));
        }
        assert_eq!(written(&key), KEY);
    }

    #[test]
    fn whatever_is_bent_old_or_of_another_key_is_refused() {
        let key = read(KEY).unwrap();
        let other = written(&[7; 32]);
        let body = br#"{"a":1}"#;
        let s = sign(&key, "msg_1", AT, body);
        assert!(good(&[&other, KEY], "msg_1", AT, &s, body, now(0)), "either key of two");
        assert!(good(&[KEY], "msg_1", AT, &format!("v1a,xx v1,AAAA {s}"), body, now(0)));
        assert!(!good(&[&other], "msg_1", AT, &s, body, now(0)));
        assert!(!good(&[], "msg_1", AT, &s, body, now(0)));
        assert!(!good(&[KEY], "msg_2", AT, &s, body, now(0)));
        assert!(!good(&[KEY], "msg_1", "1700000001", &s, body, now(0)));
        assert!(!good(&[KEY], "msg_1", AT, &s, br#"{"a":2}"#, now(0)));
        for bent in ["", "v1,", "v2,9p6I", &s[..s.len() - 4], "v1,!"] {
            assert!(!good(&[KEY], "msg_1", AT, bent, body, now(0)), "{bent}");
        }
        assert!(
            good(&[KEY], "msg_1", AT, &s, body, now(300)) && good(&[KEY], "msg_1", AT, &s, body, now(-300))
        );
        assert!(
            !good(&[KEY], "msg_1", AT, &s, body, now(301)) && !good(&[KEY], "msg_1", AT, &s, body, now(-301))
        );
        let nameless = sign(&key, "", AT, body);
        assert!(!good(&[KEY], "", AT, &nameless, body, now(0)));
    }

    #[test]
    fn keys_have_their_length() {
        assert!(read(&written(&[1; 24])).is_ok() && read(&written(&[1; 64])).is_ok());
        for bad in [written(&[1; 23]), written(&[1; 65]), "whsec_!!".into(), "AAAA".into()] {
            assert!(read(&bad).unwrap_err().contains("24 to 64"), "{bad}");
        }
    }
}
