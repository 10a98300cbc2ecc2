//! A carrier's language: how its messages read, and how it is asked.

use reqwest::Url;

use super::airline::Airline;
use super::easypost::EasyPost;
use super::plain::Plain;
use crate::base::clock::Timestamp;
use crate::freight::fsu::Parsed;
use crate::parcels::model::Place;

/// Events of one message.
pub const MAX_EVENTS: usize = 1_000;

/// One thing a carrier says of one parcel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CarrierEvent {
    /// Its id at the carrier: by it a repetition is known.
    pub id: String,
    /// The tracking number.
    pub number: String,
    /// The carrier's code.
    pub code: String,
    /// Its second-level code.
    pub sub: Option<String>,
    /// Its words.
    pub text: Option<String>,
    /// When, as it claims.
    pub at: Option<Timestamp>,
    /// Where.
    pub place: Place,
}

/// What a message holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Its events of parcels.
    pub events: Vec<CarrierEvent>,
    /// Its messages about waybills, of an airline.
    pub messages: Parsed,
    /// Where to go on when the carrier is asked again; nothing to begin anew.
    pub next: Option<String>,
    /// Whether there is more to be had at once.
    pub more: bool,
}

/// How a carrier is told who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// `Authorization: Basic`, the secret as the user.
    BasicUser,
    /// `Authorization: Bearer`.
    Bearer,
}

/// A carrier's language. Pure: no network, no store, no clock.
pub trait Adapter: Send + Sync {
    /// Its name, as in a carrier's record.
    fn name(&self) -> &'static str;
    /// What a message says, be it sent to us or the answer to a question.
    ///
    /// # Errors
    /// Why it can't be read, in words.
    fn read(&self, body: &[u8]) -> Result<Batch, String>;
    /// Where to ask for what is new behind `cursor`: at the carrier's address, with `after`, unless it has a form of its own.
    ///
    /// # Errors
    /// When the address can't be asked.
    fn ask(&self, base: &Url, cursor: Option<&str>) -> Result<Url, String> {
        let after: Vec<_> = cursor.map(|c| ("after", c)).into_iter().collect();
        below(base, &[], &after)
    }
    /// How we say who we are.
    fn login(&self) -> Login {
        Login::Bearer
    }
}

/// Every language there is.
pub const ALL: [&dyn Adapter; 3] = [&Plain, &EasyPost, &Airline];

/// The language called `name`.
#[must_use]
pub fn adapter(name: &str) -> Option<&'static dyn Adapter> {
    ALL.into_iter().find(|a| a.name() == name)
}

/// `base` with `path` behind its own and these parameters. Scheme, host and port stay the configured ones.
///
/// # Errors
/// When `base` can't have a path.
pub fn below(base: &Url, path: &[&str], query: &[(&str, &str)]) -> Result<Url, String> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| "the address can't be asked".to_owned())?
        .pop_if_empty()
        .extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}
