//! Passwords, PINs and badges: which are good enough, and how they are kept.
//!
//! Hashing takes tens of milliseconds of one core and 19 MiB on purpose: call it off the request threads.

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use crate::base::error::{Fault, Kind, Problem};

/// Characters of a password at the least.
pub const MIN_CHARS: usize = 10;
/// Characters of a password at the most.
pub const MAX_CHARS: usize = 128;
/// Digits of a PIN, least and most.
pub const PIN_DIGITS: (usize, usize) = (4, 6);
/// Characters of a badge code, least and most.
pub const BADGE_CHARS: (usize, usize) = (6, 64);

/// Memory in KiB, passes and lanes: argon2id with m=19 MiB, t=2, p=1 (OWASP Password Storage Cheat Sheet).
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// The most a stored hash may ask for: memory in KiB, passes, lanes. Hashes may come from another site, and none
/// may take the depot's memory away.
const MAX_COST: (u32, u32, u32) = (64 * 1024, 8, 4);

/// Passwords of at least [`MIN_CHARS`] that head the published lists of the most common ones, and our own name.
const COMMON: &[&str] = &[
    "0123456789",
    "0987654321",
    "1234567890",
    "12345678910",
    "123456789a",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "abcd123456",
    "abcdefghij",
    "administrator",
    "changeme123",
    "crossdock1",
    "crossdock123",
    "football123",
    "iloveyou123",
    "letmein123",
    "password12",
    "password123",
    "password1234",
    "password12345",
    "passw0rd123",
    "q1w2e3r4t5",
    "qwerty12345",
    "qwerty123456",
    "qwertyuiop",
    "qwertyuiop123",
    "welcome123",
    "welcome1234",
];

/// A hash of nothing anybody knows, at today's cost: verified when there is no such user, so that the answer takes
/// as long as for one there is.
const DUMMY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5a25vd3N0aGlz$q7XQkJm4nRz0V1bYw3uHcF9sTgLxE2oPaDiC6vKjN5M";

static ARGON: LazyLock<Argon2<'static>> = LazyLock::new(|| {
    let params = Params::new(COST.0, COST.1, COST.2, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
});

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("the password can't be hashed: {0}; free memory or check the system's source of randomness")]
pub struct HashError(String);

impl Fault for HashError {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
    fn code(&self) -> &'static str {
        "password.not_hashed"
    }
}

/// The hash of a password, PIN or badge code as a PHC string, with a salt of its own.
///
/// # Errors
/// When memory or randomness is lacking.
pub fn hash(secret: &str) -> Result<String, HashError> {
    ARGON.hash_password(secret.as_bytes()).map(|phc| phc.to_string()).map_err(|e| HashError(e.to_string()))
}

/// Whether `secret` is the one kept as `stored`. Without a stored hash, or with one that can't be used, the answer
/// is no after the same time.
#[must_use]
pub fn verify(secret: &str, stored: Option<&str>) -> bool {
    let usable = stored.and_then(|text| PasswordHash::new(text).ok()).filter(|phc| cost(phc).is_some());
    // An overlong one can't be right, and must not cost more than any other.
    let (secret, possible) =
        if secret.len() > MAX_CHARS * 4 { ("", false) } else { (secret, usable.is_some()) };
    let right = match usable {
        Some(phc) => ARGON.verify_password(secret.as_bytes(), &phc).is_ok(),
        None => ARGON.verify_password(secret.as_bytes(), DUMMY).is_ok(),
    };
    right && possible
}

/// Whether `stored` was made at another cost than today's and should be made anew at the next login.
#[must_use]
pub fn needs_rehash(stored: &str) -> bool {
    PasswordHash::new(stored).ok().and_then(|phc| cost(&phc)) != Some(COST)
}

/// What verifying `phc` costs; `None` when it is no argon2id hash or asks for more than [`MAX_COST`].
fn cost(phc: &PasswordHash) -> Option<(u32, u32, u32)> {
    let params = Params::try_from(phc).ok().filter(|_| phc.algorithm.as_str() == "argon2id")?;
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    (m <= MAX_COST.0 && t <= MAX_COST.1 && p <= MAX_COST.2).then_some((m, t, p))
}

/// Checks a password that `login` is about to get.
///
/// # Errors
/// Says what would be right; never repeats the password.
pub fn check(login: &str, password: &str) -> Result<(), Problem> {
    let bad = |detail: String| Err(Problem::new("/password", detail));
    let chars = password.chars().count();
    if !(MIN_CHARS..=MAX_CHARS).contains(&chars) {
        return bad(format!(
            "needs {MIN_CHARS} to {MAX_CHARS} characters, got {chars}; three or four random words are good"
        ));
    }
    let (lower, login) = (password.to_lowercase(), login.to_lowercase());
    let name = login.split('@').next().unwrap_or(&login);
    if lower == login || lower == name {
        return bad("must not be the login".to_owned());
    }
    if COMMON.contains(&&*lower) || all_same(password) {
        return bad(
            "is among the first that anybody would try; three or four random words are good".to_owned()
        );
    }
    Ok(())
}

/// Checks a PIN for the scan station: 4 to 6 digits that are neither all the same nor a run.
///
/// # Errors
/// Says what would be right; never repeats the PIN.
pub fn check_pin(pin: &str) -> Result<(), Problem> {
    let (least, most) = PIN_DIGITS;
    if !(least..=most).contains(&pin.len()) || !pin.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem::new("/pin", format!("needs {least} to {most} digits and nothing else")));
    }
    let is_run = |step: i16| pin.as_bytes().windows(2).all(|w| i16::from(w[1]) - i16::from(w[0]) == step);
    if [0, 1, -1].into_iter().any(is_run) {
        return Err(Problem::new("/pin", "must not be one digit repeated or a run such as 1234"));
    }
    Ok(())
}

/// Checks the code printed on a badge: 6 to 64 visible ASCII characters, as a scanner sends them.
///
/// # Errors
/// Says what would be right; never repeats the code.
pub fn check_badge(code: &str) -> Result<(), Problem> {
    let (least, most) = BADGE_CHARS;
    if !(least..=most).contains(&code.len()) || !code.bytes().all(|b| b.is_ascii_graphic()) || all_same(code)
    {
        return Err(Problem::new(
            "/badge",
            format!("needs {least} to {most} visible ASCII characters, not all the same"),
        ));
    }
    Ok(())
}

fn all_same(text: &str) -> bool {
    text.chars().all(|c| text.starts_with(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_by_its_hash_alone() {
        let (one, two) = (hash("correct horse").unwrap(), hash("correct horse").unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && one != two && !one.contains("horse"));
        assert!(verify("correct horse", Some(&one)) && !verify("correct horsf", Some(&one)));
        assert!(!needs_rehash(&one));
    }

    #[test]
    fn an_unknown_user_costs_what_a_known_one_costs() {
        assert!(
            PasswordHash::new(DUMMY).is_ok_and(|phc| phc.salt.is_some() && phc.hash.is_some())
                && !needs_rehash(DUMMY)
        );
        assert!(!verify("", None) && !verify("anything", Some("garbage")) && !verify("", Some("")));
    }

    #[test]
    fn a_hash_that_asks_for_too_much_is_never_computed() {
        let with = |cost: &str| DUMMY.replace("m=19456,t=2,p=1", cost);
        assert!(cost(&PasswordHash::new(&with("m=65536,t=8,p=4")).unwrap()).is_some());
        for over in ["m=65537,t=2,p=1", "m=19456,t=9,p=1", "m=19456,t=2,p=5"] {
            assert!(cost(&PasswordHash::new(&with(over)).unwrap()).is_none(), "{over}");
        }
        assert!(needs_rehash(&with("m=65536,t=2,p=1")) && needs_rehash("garbage"));
    }

    #[test]
    fn an_overlong_password_is_refused_even_where_its_hash_would_fit() {
        let empty = hash("").unwrap();
        assert!(!verify(&"x".repeat(MAX_CHARS * 4 + 1), Some(&empty)));
    }

    #[test]
    fn passwords_are_long_and_not_the_first_anybody_would_try() {
        let ok = |password: &str| check("Ana.Mueller@depot", password).is_ok();
        assert!(ok("correct horse") && ok(&"äb".repeat(5)) && ok(&"ab".repeat(64)));
        assert!(!ok("ab-cd-efg") && !ok(&"ab".repeat(64).replacen('a', "aa", 1)));
        assert!(!ok("PASSWORD123") && !ok("aaaaaaaaaaaa") && !ok("ana.mueller@DEPOT") && !ok("ana.Mueller"));
        let told = check("ana", "hunter2").unwrap_err();
        assert!(told.pointer == "/password" && !told.detail.contains("hunter2"));
        assert!(COMMON.iter().all(|c| c.chars().count() >= MIN_CHARS && c.to_lowercase() == *c));
    }

    #[test]
    fn pins_are_four_to_six_digits_and_no_run() {
        assert!(["2580", "14703", "918273"].into_iter().all(|pin| check_pin(pin).is_ok()));
        for bad in ["258", "2580147", "25a0", "٢٥٨٠", "0000", "1234", "987654", ""] {
            assert!(check_pin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn badges_are_what_a_scanner_sends() {
        assert!(check_badge("B-0042").is_ok() && check_badge(&"x1".repeat(32)).is_ok());
        for bad in ["B-042", "B 0042", "000000", "B-0042\n", &"x1".repeat(33)[..65]] {
            assert!(check_badge(bad).is_err(), "{bad}");
        }
    }
}
