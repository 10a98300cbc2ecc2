//! What happens to manifests and unloadings.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::model::{Header, Item, Line, ManifestId, Totals, UnloadingId};
use crate::base::clock::Timestamp;
use crate::journal::Event;
use crate::parcels::model::ParcelId;
use crate::store::{Result, StoreError};

/// The first kind number of manifests; the last is 0x31f.
pub const MANIFEST: u16 = 0x300;
/// The first kind number of unloadings; the last is 0x33f.
pub const UNLOADING: u16 = 0x320;

/// One step of a manifest.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ManifestEvent {
    /// It was announced.
    Announced {
        /// What it says of itself.
        header: Header,
    },
    /// It comes at another time, or by another vehicle.
    Changed {
        /// When it is to be here.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected_at: Option<Timestamp>,
        /// Who drives or flies.
        #[serde(skip_serializing_if = "Option::is_none")]
        carrier: Option<String>,
        /// Truck or flight.
        #[serde(skip_serializing_if = "Option::is_none")]
        vehicle: Option<String>,
    },
    /// Lines were added, or said anew.
    Listed {
        /// Which.
        lines: Vec<Line>,
    },
    /// Lines were taken off.
    Struck {
        /// Their numbers, as numbers are compared.
        numbers: Vec<String>,
    },
    /// It does not come.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// Its time and the grace are over.
    WentLate {
        /// When that was: the key by which two firings are one.
        due: Timestamp,
    },
    /// It is here and is being unloaded.
    Arrived {
        /// By this unloading.
        unloading: UnloadingId,
    },
    /// It was unloaded.
    Unloaded {
        /// By this unloading.
        unloading: UnloadingId,
    },
}

/// One step of an unloading.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum UnloadingEvent {
    /// It was begun.
    Opened {
        /// Against what it is counted.
        manifests: Vec<ManifestId>,
        /// Their numbers.
        label: String,
        /// Whose they are.
        #[serde(skip_serializing_if = "Option::is_none")]
        distributor: Option<String>,
        /// The door.
        #[serde(skip_serializing_if = "Option::is_none")]
        door: Option<String>,
        /// The stations.
        stations: Vec<String>,
    },
    /// What differed; several of them come before it is closed.
    Differed {
        /// In what.
        items: Vec<Item>,
    },
    /// It is done.
    Closed {
        /// What it came to.
        totals: Totals,
    },
    /// It is not done after all.
    Reopened {
        /// Why.
        reason: String,
    },
    /// Parcels that were missing turned up.
    Found {
        /// Which.
        parcels: Vec<ParcelId>,
    },
    /// They had not after all: the scan was taken back.
    MissedAgain {
        /// Which.
        parcels: Vec<ParcelId>,
    },
}

/// The bodies by kind, so that no kind is mistaken for another.
macro_rules! bodies {
    ($($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty),+ })+) => {$(
        #[derive(Deserialize)]
        struct $name { $($(#[$meta])* $field: $type),+ }
    )+};
}

bodies! {
    Announced { header: Header }
    Changed { #[serde(default)] expected_at: Option<Timestamp>, #[serde(default)] carrier: Option<String>, #[serde(default)] vehicle: Option<String> }
    Listed { lines: Vec<Line> }
    Struck { numbers: Vec<String> }
    Reasoned { reason: String }
    WentLate { due: Timestamp }
    Of { unloading: UnloadingId }
    Opened { manifests: Vec<ManifestId>, label: String, #[serde(default)] distributor: Option<String>, #[serde(default)] door: Option<String>, stations: Vec<String> }
    Differed { items: Vec<Item> }
    Closed { totals: Totals }
    Parcels { parcels: Vec<ParcelId> }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    rmp_serde::from_slice(body).map_err(bad)
}

fn bad(e: impl std::fmt::Display) -> StoreError {
    StoreError::Codec { what: "manifest event", why: e.to_string() }
}

fn known(schema: u16) -> Result<()> {
    if schema == 1 { Ok(()) } else { Err(bad(format!("schema {schema} is not known to this release"))) }
}

impl Event for ManifestEvent {
    fn kind(&self) -> u16 {
        MANIFEST
            + match self {
                Self::Announced { .. } => 0,
                Self::Changed { .. } => 1,
                Self::Listed { .. } => 2,
                Self::Struck { .. } => 3,
                Self::Cancelled { .. } => 4,
                Self::WentLate { .. } => 5,
                Self::Arrived { .. } => 6,
                Self::Unloaded { .. } => 7,
            }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Announced { .. } => "manifest.announced",
            Self::Changed { .. } => "manifest.changed",
            Self::Listed { .. } => "manifest.listed",
            Self::Struck { .. } => "manifest.struck",
            Self::Cancelled { .. } => "manifest.cancelled",
            Self::WentLate { .. } => "manifest.went_late",
            Self::Arrived { .. } => "manifest.arrived",
            Self::Unloaded { .. } => "manifest.unloaded",
        }
    }

    fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec_named(self).map_err(bad)
    }

    fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
        known(schema)?;
        match kind.wrapping_sub(MANIFEST) {
            0 => read(body).map(|b: Announced| Self::Announced { header: b.header }),
            1 => read(body).map(|b: Changed| Self::Changed {
                expected_at: b.expected_at,
                carrier: b.carrier,
                vehicle: b.vehicle,
            }),
            2 => read(body).map(|b: Listed| Self::Listed { lines: b.lines }),
            3 => read(body).map(|b: Struck| Self::Struck { numbers: b.numbers }),
            4 => read(body).map(|b: Reasoned| Self::Cancelled { reason: b.reason }),
            5 => read(body).map(|b: WentLate| Self::WentLate { due: b.due }),
            6 => read(body).map(|b: Of| Self::Arrived { unloading: b.unloading }),
            7 => read(body).map(|b: Of| Self::Unloaded { unloading: b.unloading }),
            _ => Err(bad(format!("kind {kind:#x} is no event of a manifest"))),
        }
    }
}

impl Event for UnloadingEvent {
    fn kind(&self) -> u16 {
        UNLOADING
            + match self {
                Self::Opened { .. } => 0,
                Self::Differed { .. } => 1,
                Self::Closed { .. } => 2,
                Self::Reopened { .. } => 3,
                Self::Found { .. } => 4,
                Self::MissedAgain { .. } => 5,
            }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "unloading.opened",
            Self::Differed { .. } => "unloading.differed",
            Self::Closed { .. } => "unloading.closed",
            Self::Reopened { .. } => "unloading.reopened",
            Self::Found { .. } => "unloading.found",
            Self::MissedAgain { .. } => "unloading.missed_again",
        }
    }

    fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec_named(self).map_err(bad)
    }

    fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
        known(schema)?;
        match kind.wrapping_sub(UNLOADING) {
            0 => read(body).map(|b: Opened| Self::Opened {
                manifests: b.manifests,
                label: b.label,
                distributor: b.distributor,
                door: b.door,
                stations: b.stations,
            }),
            1 => read(body).map(|b: Differed| Self::Differed { items: b.items }),
            2 => read(body).map(|b: Closed| Self::Closed { totals: b.totals }),
            3 => read(body).map(|b: Reasoned| Self::Reopened { reason: b.reason }),
            4 => read(body).map(|b: Parcels| Self::Found { parcels: b.parcels }),
            5 => read(body).map(|b: Parcels| Self::MissedAgain { parcels: b.parcels }),
            _ => Err(bad(format!("kind {kind:#x} is no event of an unloading"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Difference;
    use super::*;

    #[test]
    fn every_event_survives_its_encoding_and_has_a_kind_and_name_of_its_own() {
        let (at, unloading) = (Timestamp::from_millis(7), UnloadingId::fresh());
        let line = Line {
            number: "A".into(),
            parcel: ParcelId::fresh(),
            pieces: 2,
            weight_g: Some(5),
            service: Some("x".into()),
            order_ref: None,
            to_site: Some(7),
        };
        let manifest = [
            ManifestEvent::Announced {
                header: Header { number: "M".into(), expected_at: at, ..Header::default() },
            },
            ManifestEvent::Changed { expected_at: Some(at), carrier: None, vehicle: Some("v".into()) },
            ManifestEvent::Listed { lines: vec![line] },
            ManifestEvent::Struck { numbers: vec!["A".into()] },
            ManifestEvent::Cancelled { reason: "r".into() },
            ManifestEvent::WentLate { due: at },
            ManifestEvent::Arrived { unloading },
            ManifestEvent::Unloaded { unloading },
        ];
        for (n, event) in (MANIFEST..).zip(&manifest) {
            assert_eq!(event.kind(), n);
            assert_eq!(&ManifestEvent::decode(n, 1, &event.encode().unwrap()).unwrap(), event);
        }
        let item = Item {
            kind: Difference::Short,
            parcel: Some(ParcelId::fresh()),
            number: "A".into(),
            distributor: None,
            announced: 2,
            scanned: 1,
            to_site: None,
            found: false,
        };
        let parcels = vec![ParcelId::fresh()];
        let unloading = [
            UnloadingEvent::Opened {
                manifests: vec![ManifestId::fresh()],
                label: "M".into(),
                distributor: Some("bar".into()),
                door: None,
                stations: vec!["s:3".into()],
            },
            UnloadingEvent::Differed { items: vec![item] },
            UnloadingEvent::Closed { totals: Totals { announced: 3, ..Totals::default() } },
            UnloadingEvent::Reopened { reason: "r".into() },
            UnloadingEvent::Found { parcels: parcels.clone() },
            UnloadingEvent::MissedAgain { parcels },
        ];
        for (n, event) in (UNLOADING..).zip(&unloading) {
            assert_eq!(event.kind(), n);
            assert_eq!(&UnloadingEvent::decode(n, 1, &event.encode().unwrap()).unwrap(), event);
        }
        let names: std::collections::BTreeSet<_> =
            manifest.iter().map(Event::name).chain(unloading.iter().map(Event::name)).collect();
        assert_eq!(names.len(), manifest.len() + unloading.len());
        assert!(ManifestEvent::decode(MANIFEST + 8, 1, &[0x80]).is_err());
        assert!(UnloadingEvent::decode(UNLOADING, 2, &[0x80]).is_err());
    }
}
