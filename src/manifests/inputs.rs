//! What callers send of manifests and unloadings, checked before anything is done with it.

use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Header, Kind};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::text;
use crate::base::units::Grams;
use crate::parcels::model::Facts;
use crate::parcels::service::{MAX_NUMBER, normal};

/// Lines one request may bring.
pub const MAX_AT_ONCE: usize = 1_000;
/// Pieces under one number.
pub const MAX_PIECES: u32 = 10_000;
/// The longest service, order or vehicle a line or manifest may name, in bytes.
pub const MAX_NAME: usize = 64;
/// Manifests of one unloading.
pub const MAX_MANIFESTS: usize = 16;
/// Stations of one unloading.
pub const MAX_STATIONS: usize = 16;
/// Wrong lines a refusal names; the rest is counted.
pub const MAX_NAMED: usize = 50;

/// One announced parcel.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ManifestLineInput)]
pub struct LineInput {
    /// The number on its label.
    #[serde(alias = "trackingNumber")]
    pub tracking_number: String,
    /// Pieces under that number; 1 when absent.
    #[serde(default)]
    pub pieces: Option<u32>,
    /// Grams.
    #[serde(default, alias = "weightG")]
    pub weight_g: Option<u64>,
    /// The service.
    #[serde(default)]
    pub service: Option<String>,
    /// The order it belongs to.
    #[serde(default, alias = "orderRef")]
    pub order_ref: Option<String>,
    /// The number of the depot it is for, when that is not the one it is unloaded at.
    #[serde(default, alias = "toSite")]
    pub to_site: Option<u32>,
}

/// A manifest as it is announced.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewManifest {
    /// Its number.
    pub number: String,
    /// What brings it; a truck when absent.
    #[serde(default)]
    pub kind: Kind,
    /// Who drives or flies.
    #[serde(default)]
    pub carrier: Option<String>,
    /// The truck's plate or the flight's number.
    #[serde(default)]
    pub vehicle: Option<String>,
    /// Whose it is; a partner's own when absent and they have but one.
    #[serde(default)]
    pub distributor: Option<String>,
    /// Where it comes from.
    #[serde(default)]
    pub from: Option<String>,
    /// When it is to be here; now when absent.
    #[serde(default, alias = "expectedAt")]
    pub expected_at: Option<Timestamp>,
    /// What it brings.
    #[serde(default)]
    pub lines: Vec<LineInput>,
}

/// Lines to be added, or said anew.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoreLines {
    /// Which.
    #[serde(default)]
    pub lines: Vec<LineInput>,
    /// Numbers to be taken off.
    #[serde(default)]
    pub strike: Vec<String>,
}

/// A change of a manifest that has not come yet.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestChange {
    /// The revision the caller has seen, when it isn't sent as `If-Match`.
    #[serde(default)]
    pub version: Option<u64>,
    /// When it is to be here.
    #[serde(default, alias = "expectedAt")]
    pub expected_at: Option<Timestamp>,
    /// Who drives or flies.
    #[serde(default)]
    pub carrier: Option<String>,
    /// The truck's plate or the flight's number.
    #[serde(default)]
    pub vehicle: Option<String>,
}

/// Why something is done.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ManifestReason)]
pub struct WhyInput {
    /// In words.
    pub reason: String,
}

/// An unloading to be opened.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnloading {
    /// Against what it is counted, by id or number.
    pub manifests: Vec<String>,
    /// The door.
    #[serde(default)]
    pub door: Option<String>,
    /// The stations whose scans count; the person's own when empty.
    #[serde(default)]
    pub stations: Vec<String>,
}

/// A line that was checked, with what becomes of its parcel when nobody knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Announcement {
    /// The number.
    pub number: String,
    /// Pieces.
    pub pieces: u32,
    /// The depot it is for.
    pub to_site: Option<u32>,
    /// What is known of the parcel.
    pub facts: Facts,
}

fn short(pointer: String, value: Option<&str>, wrong: &mut Vec<Problem>) {
    wrong.extend(value.and_then(|v| text::optional(&pointer, v, MAX_NAME).err()));
}

impl LineInput {
    fn checked(self, at: &str, wrong: &mut Vec<Problem>) -> Announcement {
        let Self { tracking_number, pieces, weight_g, service, order_ref, to_site } = self;
        let facts =
            Facts { order_ref, service, weight: weight_g.map(Grams), items: pieces, ..Facts::default() };
        let line = Announcement { number: tracking_number, pieces: pieces.unwrap_or(1), to_site, facts };
        line.check(at, wrong);
        line
    }
}

impl Announcement {
    /// Adds what is wrong with it to `wrong`; `at` is where it stands.
    pub fn check(&self, at: &str, wrong: &mut Vec<Problem>) {
        wrong.extend(text::required(&format!("{at}/tracking_number"), &self.number, MAX_NUMBER).err());
        if !(1..=MAX_PIECES).contains(&self.pieces) {
            let said = format!("is {}; write 1 to {MAX_PIECES}", self.pieces);
            wrong.push(Problem::new(format!("{at}/pieces"), said));
        }
        short(format!("{at}/service"), self.facts.service.as_deref(), wrong);
        short(format!("{at}/order_ref"), self.facts.order_ref.as_deref(), wrong);
    }
}

/// Lines, checked; no number may stand there twice.
///
/// # Errors
/// Names the first [`MAX_NAMED`] that are wrong.
pub fn lines(lines: Vec<LineInput>) -> Result<Vec<Announcement>, Invalid> {
    let mut wrong = Vec::new();
    let read = lines.into_iter().enumerate();
    let checked = read.map(|(n, line)| line.checked(&format!("/lines/{n}"), &mut wrong)).collect();
    distinct(checked, wrong)
}

/// The lines, if nothing is wrong with them and no number stands there twice.
///
/// # Errors
/// Names the first [`MAX_NAMED`] that are wrong.
pub fn distinct(lines: Vec<Announcement>, mut wrong: Vec<Problem>) -> Result<Vec<Announcement>, Invalid> {
    if lines.len() > MAX_AT_ONCE {
        let said =
            format!("has {} lines; at most {MAX_AT_ONCE} at once: send the rest afterwards", lines.len());
        return Err(Invalid::at("/lines", said));
    }
    let mut seen = std::collections::HashMap::new();
    for (n, line) in lines.iter().enumerate() {
        if let Some(first) = seen.insert(normal(&line.number), n) {
            let said = format!("{} stands in line {first} already; write its pieces there", line.number);
            wrong.push(Problem::new(format!("/lines/{n}/tracking_number"), said));
        }
    }
    if wrong.is_empty() {
        return Ok(lines);
    }
    let more = wrong.len().saturating_sub(MAX_NAMED);
    wrong.truncate(MAX_NAMED);
    if more > 0 {
        wrong.push(Problem::new("/lines", format!("and {more} more")));
    }
    Err(Invalid(wrong))
}

impl NewManifest {
    /// Header and lines, checked.
    ///
    /// # Errors
    /// Names every field that is wrong.
    pub fn checked(self, now: Timestamp) -> Result<(Header, Vec<Announcement>), Invalid> {
        let Self { number, kind, carrier, vehicle, distributor, from, expected_at, lines: brought } = self;
        let mut wrong = Vec::new();
        wrong.extend(text::required("/number", &number, MAX_NAME).err());
        for (name, value) in [("carrier", &carrier), ("vehicle", &vehicle), ("from", &from)] {
            short(format!("/{name}"), value.as_deref(), &mut wrong);
        }
        wrong.extend(
            distributor.as_deref().and_then(|d| text::required("/distributor", d, text::SHORT).err()),
        );
        let lines = lines(brought);
        if let (true, Ok(lines)) = (wrong.is_empty(), &lines) {
            let expected_at = expected_at.unwrap_or(now);
            let header = Header { number, kind, carrier, vehicle, distributor, from, expected_at };
            return Ok((header, lines.clone()));
        }
        wrong.extend(lines.err().into_iter().flat_map(|i| i.0));
        Err(Invalid(wrong))
    }
}

impl ManifestChange {
    /// Whether it says something that makes sense.
    ///
    /// # Errors
    /// Names every field that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        short("/carrier".into(), self.carrier.as_deref(), &mut wrong);
        short("/vehicle".into(), self.vehicle.as_deref(), &mut wrong);
        if self.expected_at.is_none() && self.carrier.is_none() && self.vehicle.is_none() {
            wrong.push(Problem::new("/", "changes nothing: name expected_at, carrier or vehicle"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

impl WhyInput {
    /// The reason.
    ///
    /// # Errors
    /// When there is none.
    pub fn checked(&self) -> Result<&str, Invalid> {
        text::required("/reason", &self.reason, text::LONG).map_err(|p| Invalid(vec![p]))?;
        Ok(&self.reason)
    }
}

impl NewUnloading {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// Names every field that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        if self.manifests.is_empty() || self.manifests.len() > MAX_MANIFESTS {
            let said = format!("needs 1 to {MAX_MANIFESTS} manifests, got {}", self.manifests.len());
            wrong.push(Problem::new("/manifests", said));
        }
        if self.stations.len() > MAX_STATIONS {
            let said = format!("has {} stations; at most {MAX_STATIONS}", self.stations.len());
            wrong.push(Problem::new("/stations", said));
        }
        for (n, station) in self.stations.iter().enumerate() {
            wrong.extend(text::required(&format!("/stations/{n}"), station, MAX_NAME).err());
        }
        wrong.extend(self.door.as_deref().and_then(|d| text::required("/door", d, MAX_NAME).err()));
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}
