//! The nouns of identity. What is told in exports and the audit log (users, roles, tenants) holds no secret; what
//! proves somebody (credentials, sessions, keys) is local to the node and holds only digests.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::features::Features;
use super::grant::Scope;
use super::opaque::Digest;
use super::roles::Reach;
use super::rules::{Override, Throttle};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::first_record;

/// Characters of a login.
pub const LOGIN_CHARS: (usize, usize) = (2, 64);

/// Somebody who can log in: a person, or a device on a wall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Its id.
    pub id: Id,
    /// Its number at this site, as events name it.
    pub number: u32,
    /// What is typed to log in, in lower case; unique in the tenant.
    pub login: String,
    /// The name to show.
    pub name: String,
    /// Where mail goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The role's name.
    pub role: String,
    /// Exceptions from the role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// Whose records; what the role reaches when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The language of screens and mails.
    pub language: String,
    /// Whether they may log in.
    pub active: bool,
    /// Whether an administrator let them in.
    pub approved: bool,
    /// Whether it is a device that people switch on to.
    #[serde(default)]
    pub is_station: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What the users of a role may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// Its stable name.
    pub name: String,
    /// What its users may do.
    #[schema(value_type = Vec<String>)]
    pub features: Features,
    /// Whose records they see unless their own scope says otherwise.
    pub reach: Reach,
}

/// One house on this node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// The number every key and credential begins with.
    pub number: u32,
    /// What stands behind the `@` of a login, in lower case.
    pub name: String,
    /// The depot's name.
    pub depot: String,
    /// The depot's zone when it was made.
    pub zone: String,
    /// Whether its set-up was finished.
    pub ready: bool,
}

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// A browser with a cookie.
    Browser,
    /// A program or phone with tokens.
    Token,
    /// A station account, which people switch on to.
    Station,
}

/// Somebody is logged in somewhere. Gone is ended: there is no other mark of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id, which access tokens carry.
    pub id: Id,
    /// Who logged in.
    pub user: Id,
    /// Who acts on the station now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting: Option<Id>,
    /// How they came in.
    pub kind: SessionKind,
    /// The device, as it named itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Where it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last seen, to a minute.
    pub seen_at: Timestamp,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// The digest of the cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<Digest>,
    /// How often its refresh token was exchanged.
    #[serde(default)]
    pub rotations: u32,
}

/// One refresh token of a session; all of a session's are a family.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refresh {
    /// Whose.
    pub session: Id,
    /// Whether it was exchanged for the next one.
    pub used: bool,
    /// When it is over.
    pub expires: Timestamp,
}

/// A credential for a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: Id,
    /// What it is for.
    pub name: String,
    /// The digest of its text.
    pub digest: Digest,
    /// What it may do at the most; never more than its user.
    pub features: Features,
    /// Whose records; its user's scope when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The first moment at which it is no longer good.
    pub expires: Timestamp,
    /// In whose name it acts.
    pub user: Id,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How a user proves who they are: hashes only. Never in the journal, the audit log or an export.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Credentials {
    /// The password's hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The PIN's hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// The badge code's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<serde_bytes::ByteArray<32>>,
}

/// How often something failed of late, kept until it is forgotten.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tries {
    /// The state.
    pub throttle: Throttle,
}

/// Whose login it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// The user.
    pub user: Id,
}

/// A link that works once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// Its digest.
    pub digest: Digest,
    /// When it is over.
    pub expires: Timestamp,
}

first_record!(Tenant, Session, Refresh, ApiKey, Credentials, Tries, Claim, Link);

/// A login as it is compared: without blanks around it, in lower case.
#[must_use]
pub fn normal_login(login: &str) -> String {
    login.trim().to_lowercase()
}

/// Checks a login that is about to be given: 2 to 64 letters, digits and `. _ - + @`.
///
/// # Errors
/// Says what would be right.
pub fn check_login(pointer: &str, login: &str) -> Result<(), Problem> {
    let (least, most) = LOGIN_CHARS;
    let fits = (least..=most).contains(&login.chars().count());
    if !fits || !login.chars().all(|c| c.is_alphanumeric() || "._-+@".contains(c)) {
        return Err(Problem::new(pointer, format!("needs {least} to {most} letters, digits and . _ - + @")));
    }
    Ok(())
}

/// Checks a name of a role or tenant: 2 to 64 small letters, digits, `_` and `-`.
///
/// # Errors
/// Says what would be right.
pub fn check_name(pointer: &str, name: &str) -> Result<(), Problem> {
    let (least, most) = LOGIN_CHARS;
    if !(least..=most).contains(&name.len())
        || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    {
        return Err(Problem::new(pointer, format!("needs {least} to {most} small letters, digits, _ and -")));
    }
    Ok(())
}

impl User {
    /// Checks what people may write of a user.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        wrong.extend(check_login("/login", &self.login).err());
        wrong.extend(text::required("/name", &self.name, text::SHORT).err());
        if let Some(email) = &self.email {
            wrong.extend(text::required("/email", email, text::SHORT).err());
            if !email.split_once('@').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()) {
                wrong.push(Problem::new("/email", "must be an address such as ana@example.com"));
            }
        }
        if !LANGUAGES.contains(&&*self.language) {
            wrong.push(Problem::new("/language", format!("must be one of {}", LANGUAGES.join(", "))));
        }
        if let Some(Err(Invalid(more))) = self.scope.as_ref().map(Scope::check) {
            wrong.extend(more);
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

/// The languages of screens and mails.
pub const LANGUAGES: [&str; 3] = ["en", "pt-BR", "es"];
