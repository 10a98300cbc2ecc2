//! What the tokens promise: ours pass until their second, and nothing else passes.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};

use super::{Claims, LIFETIME, MAX_BYTES, TokenError, Tokens};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::identity::secret::Keys;

struct Desk {
    _data: tempfile::TempDir,
    pair: Ed25519KeyPair,
    tokens: Tokens,
    claims: Claims,
    now: Timestamp,
}

fn desk() -> Desk {
    let data = tempfile::tempdir().unwrap();
    let keys = Keys::open(data.path()).unwrap();
    let now = Timestamp::from_millis(1_800_000_000_500);
    Desk {
        pair: Ed25519KeyPair::from_pkcs8_maybe_unchecked(keys.token_pkcs8()).unwrap(),
        tokens: Tokens::new(&keys).unwrap(),
        claims: Claims::fresh(Id([1; 16]), 417, Id([2; 16]), now),
        _data: data,
        now,
    }
}

impl Desk {
    fn header(&self) -> Value {
        json!({"typ": "at+jwt", "alg": "EdDSA"})
    }

    fn payload(&self) -> Value {
        let (iat, exp) = (self.claims.issued.millis() / 1000, self.claims.expires.millis() / 1000);
        json!({"iss": "crossdock", "aud": "crossdock", "sub": self.claims.user, "tid": 417, "sid": self.claims.session, "iat": iat, "exp": exp})
    }

    /// A token with any header and payload, properly signed with the depot's own key.
    fn signed(&self, header: &Value, payload: &Value) -> String {
        let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
        let message = format!("{}.{}", part(header), part(payload));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn refuses(&self, header: &Value, payload: &Value) {
        let token = self.signed(header, payload);
        assert_eq!(self.tokens.verify(&token, self.now), Err(TokenError::Refused), "{header} {payload}");
    }
}

fn with(mut object: Value, key: &str, value: impl Into<Value>) -> Value {
    object[key] = value.into();
    object
}

fn without(mut object: Value, key: &str) -> Value {
    object.as_object_mut().unwrap().remove(key).unwrap();
    object
}

/// A file of the shared test data; `None`, said aloud, when it is not there.
fn shared(file: &str) -> Option<Value> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path =
        std::env::var_os("CROSSDOCK_SHARED").map_or_else(beside, PathBuf::from).join("data").join(file);
    if !path.exists() {
        eprintln!(
            "SKIPPED: {} is not there; set CROSSDOCK_SHARED to the folder with the shared data",
            path.display()
        );
        return None;
    }
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

#[test]
fn a_token_says_what_was_put_in_until_its_last_second() {
    let desk = desk();
    let token = desk.tokens.issue(&desk.claims).unwrap();
    assert_eq!(desk.tokens.verify(&token, desk.now).as_ref(), Ok(&desk.claims));
    assert_eq!(desk.claims.expires.since(desk.claims.issued), LIFETIME);
    let end = desk.claims.expires;
    assert!(desk.tokens.verify(&token, end.before(Duration::from_millis(1))).is_ok());
    let expired = desk.tokens.verify(&token, end).unwrap_err();
    assert_eq!(
        (expired, expired.kind(), expired.code()),
        (TokenError::Expired, Kind::Unauthenticated, "token.expired")
    );
    assert!(token.len() < 400, "{}", token.len());
}

#[test]
fn the_forger_of_these_tests_makes_tokens_that_would_pass() {
    let desk = desk();
    let token = desk.signed(&desk.header(), &desk.payload());
    assert_eq!(desk.tokens.verify(&token, desk.now).as_ref(), Ok(&desk.claims));
}

#[test]
fn other_algorithms_and_types_are_refused_even_when_signed_with_our_key() {
    let desk = desk();
    for alg in ["none", "None", "HS256", "RS256", "ES256", "EdDSA ", "Ed25519", ""] {
        desk.refuses(&with(desk.header(), "alg", alg), &desk.payload());
    }
    for typ in ["JWT", "at+JWT", "jwt", ""] {
        desk.refuses(&with(desk.header(), "typ", typ), &desk.payload());
    }
    desk.refuses(&without(desk.header(), "typ"), &desk.payload());
    desk.refuses(&without(desk.header(), "alg"), &desk.payload());
    desk.refuses(&with(desk.header(), "crit", json!(["b64"])), &desk.payload());
}

#[test]
fn a_public_key_used_as_a_shared_secret_is_refused() {
    use hmac::{Hmac, KeyInit, Mac};
    use ring::signature::KeyPair;
    let desk = desk();
    let signed = desk.signed(&with(desk.header(), "alg", "HS256"), &desk.payload());
    let message = signed.rsplit_once('.').unwrap().0;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(desk.pair.public_key().as_ref()).unwrap();
    mac.update(message.as_bytes());
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    assert_eq!(desk.tokens.verify(&token, desk.now), Err(TokenError::Refused));
}

#[test]
fn a_token_for_somebody_else_or_with_a_claim_missing_is_refused() {
    let desk = desk();
    for (key, value) in [
        ("aud", json!("other")),
        ("aud", json!(["crossdock"])),
        ("iss", json!("other")),
        ("sub", json!("ana")),
        ("tid", json!(-1)),
        ("tid", json!(4_294_967_296_u64)),
        ("tid", json!("417")),
        ("exp", json!(9e20)),
        ("exp", json!("soon")),
    ] {
        desk.refuses(&desk.header(), &with(desk.payload(), key, value));
    }
    for key in ["iss", "aud", "sub", "tid", "sid", "iat", "exp"] {
        desk.refuses(&desk.header(), &without(desk.payload(), key));
    }
}

#[test]
fn an_expiry_beyond_the_end_of_time_does_no_harm() {
    let desk = desk();
    let token = desk.signed(&desk.header(), &with(desk.payload(), "exp", i64::MAX));
    assert_eq!(desk.tokens.verify(&token, desk.now).unwrap().expires, Timestamp::MAX);
    desk.refuses(&desk.header(), &with(desk.payload(), "exp", i64::MIN));
    let token = desk.signed(&desk.header(), &with(desk.payload(), "exp", 0));
    assert_eq!(desk.tokens.verify(&token, desk.now), Err(TokenError::Expired));
}

#[test]
fn a_changed_cut_or_foreign_token_is_refused() {
    let (desk, other) = (desk(), desk());
    let token = desk.tokens.issue(&desk.claims).unwrap();
    assert_eq!(other.tokens.verify(&token, desk.now), Err(TokenError::Refused));
    for n in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[n] = if changed[n] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(desk.tokens.verify(&changed, desk.now), Err(TokenError::Refused), "character {n}");
        assert_eq!(desk.tokens.verify(&token[..n], desk.now), Err(TokenError::Refused), "cut at {n}");
    }
    for added in ["=", " ", ".", "A"] {
        assert_eq!(desk.tokens.verify(&format!("{token}{added}"), desk.now), Err(TokenError::Refused));
    }
}

#[test]
fn a_token_one_byte_past_the_limit_is_not_even_read() {
    let desk = desk();
    assert_eq!(desk.tokens.verify(&"a".repeat(MAX_BYTES), desk.now), Err(TokenError::Refused));
    assert_eq!(desk.tokens.verify(&"a".repeat(MAX_BYTES + 1), desk.now), Err(TokenError::TooLong));
}

#[test]
fn published_tokens_of_other_algorithms_are_all_refused() {
    let desk = desk();
    if let Some(vectors) = shared("api/vectors.json") {
        for case in vectors["jwt"]["cases"].as_array().unwrap() {
            let now = Timestamp::from_millis(case["now"].as_i64().unwrap() * 1000);
            let verdict = desk.tokens.verify(case["token"].as_str().unwrap(), now);
            assert_eq!(verdict, Err(TokenError::Refused), "{}", case["name"]);
        }
    }
    if let Some(wycheproof) = shared("api/jws-wycheproof.json") {
        let groups = wycheproof["testGroups"].as_array().unwrap();
        let tests: Vec<&Value> = groups.iter().flat_map(|g| g["tests"].as_array().unwrap()).collect();
        assert_eq!(tests.len(), 401);
        for test in tests {
            if let Some(jws) = test["jws"].as_str() {
                let verdict = desk.tokens.verify(jws, desk.now);
                assert!(
                    matches!(verdict, Err(TokenError::Refused | TokenError::TooLong)),
                    "{}",
                    test["tcId"]
                );
            }
        }
    }
}

#[test]
fn the_key_does_not_show_in_debug_output() {
    assert_eq!(format!("{:?}", desk().tokens), "Tokens [redacted]");
}
