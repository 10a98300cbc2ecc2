//! What is sent of a master or a house.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::freight::error::Result;
use crate::freight::model::{Facts, HouseFacts};
use crate::freight::service;

/// What is sent of a master: its number when it is announced, and what is known of it.
#[derive(Clone, Debug, ToSchema)]
pub(super) struct MawbInput {
    /// With or without hyphen.
    pub(super) number: Option<String>,
    /// Take the number although its check digit is wrong, for this reason.
    pub(super) as_written: Option<String>,
    /// Weight in kilograms.
    #[schema(value_type = Option<f64>)]
    pub(super) weight_kg: Option<serde_json::Number>,
    /// The revision that was seen.
    pub(super) version: Option<u64>,
    #[serde(flatten)]
    pub(super) facts: Facts,
}

/// What is sent of a house.
#[derive(Clone, Debug, ToSchema)]
pub(super) struct HawbInput {
    /// The forwarder's own number.
    pub(super) number: Option<String>,
    /// Its master, by id or number.
    pub(super) mawb: Option<String>,
    /// Weight in kilograms.
    #[schema(value_type = Option<f64>)]
    pub(super) weight_kg: Option<serde_json::Number>,
    /// The revision that was seen.
    pub(super) version: Option<u64>,
    #[serde(flatten)]
    pub(super) facts: HouseFacts,
}

type Map = serde_json::Map<String, serde_json::Value>;

/// Takes a field of its own out of what is sent; the rest are facts, of which none unknown is passed over.
fn own<T: DeserializeOwned, E: serde::de::Error>(
    map: &mut Map,
    name: &str,
) -> std::result::Result<Option<T>, E> {
    let Some(value) = map.remove(name) else { return Ok(None) };
    serde_json::from_value(value).map_err(|e| E::custom(format!("{name}: {e}")))
}

impl<'de> Deserialize<'de> for MawbInput {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let mut map = Map::deserialize(d)?;
        Ok(Self {
            number: own(&mut map, "number")?,
            as_written: own(&mut map, "as_written")?,
            weight_kg: own(&mut map, "weight_kg")?,
            version: own(&mut map, "version")?,
            facts: serde_json::from_value(map.into()).map_err(serde::de::Error::custom)?,
        })
    }
}

impl<'de> Deserialize<'de> for HawbInput {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let mut map = Map::deserialize(d)?;
        Ok(Self {
            number: own(&mut map, "number")?,
            mawb: own(&mut map, "mawb")?,
            weight_kg: own(&mut map, "weight_kg")?,
            version: own(&mut map, "version")?,
            facts: serde_json::from_value(map.into()).map_err(serde::de::Error::custom)?,
        })
    }
}

impl MawbInput {
    pub(super) fn facts(&self) -> Result<Facts> {
        let mut facts = self.facts.clone();
        if let Some(kg) = &self.weight_kg {
            facts.weight = Some(service::grams(kg)?);
        }
        Ok(facts)
    }
}

impl HawbInput {
    pub(super) fn facts(&self) -> Result<HouseFacts> {
        let mut facts = self.facts.clone();
        if let Some(kg) = &self.weight_kg {
            facts.weight = Some(service::grams(kg)?);
        }
        Ok(facts)
    }
}
