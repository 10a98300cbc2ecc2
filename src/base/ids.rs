//! Identities: 16 bytes, made at the edge as UUID version 7, so that they sort by the time they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 16 bytes that name one thing everywhere: hyphenated hex in JSON, raw bytes in records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// The id that names nothing.
    pub const NIL: Self = Self([0; 16]);

    /// A fresh id: UUID version 7 by the machine's own clock and randomness.
    #[must_use]
    pub fn fresh() -> Self {
        #[cfg(test)]
        if let Some(id) = drawn::next() {
            return id;
        }
        Self(*uuid::Uuid::now_v7().as_bytes())
    }

    /// The id that follows from `parts`: the same parts give the same id on every node.
    #[must_use]
    pub fn derived(parts: &[&[u8]]) -> Self {
        let mut h = blake3::Hasher::new();
        for part in parts {
            h.update(&(part.len() as u64).to_le_bytes());
            h.update(part);
        }
        let mut id = [0; 16];
        h.finalize_xof().fill(&mut id);
        Self(id)
    }

    /// From exactly 16 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl AsRef<[u8]> for Id {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        uuid::Uuid::try_parse(s).map(|u| Self(*u.as_bytes())).map_err(|_| format!("\"{s}\" is not an id"))
    }
}

impl utoipa::__dev::ComposeSchema for Id {
    fn compose(
        _: Vec<utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>>,
    ) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let string =
            utoipa::openapi::schema::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
        string.format(Some(utoipa::openapi::schema::SchemaFormat::Custom("uuid".into()))).into()
    }
}

impl utoipa::ToSchema for Id {}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            let s = std::borrow::Cow::<str>::deserialize(d)?;
            s.parse().map_err(serde::de::Error::custom)
        } else {
            let b = serde_bytes::ByteArray::<16>::deserialize(d)?;
            Ok(Self(b.into_array()))
        }
    }
}

/// Declares an id of its own type, so that a parcel's can't be handed over as a user's.
#[macro_export]
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub $crate::base::ids::Id);
        impl $name {
            /// A fresh one.
            #[must_use]
            pub fn fresh() -> Self { Self($crate::base::ids::Id::fresh()) }
        }
        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] { &self.0.0 }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
        }
        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(s: &str) -> Result<Self, String> { s.parse().map(Self) }
        }
    };
}

/// Ids that can be had again, for simulations: on a thread that has a seed, fresh ones follow from it.
#[cfg(test)]
pub mod drawn {
    use super::Id;
    use std::cell::Cell;

    thread_local! {
        static FROM: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
    }

    /// From now on fresh ids on this thread follow from `seed`; with none they are random again.
    pub fn from(seed: Option<u64>) {
        FROM.set(seed.map(|seed| (seed, 0)));
    }

    pub(super) fn next() -> Option<Id> {
        let (seed, n) = FROM.get()?;
        FROM.set(Some((seed, n + 1)));
        Some(Id::derived(&[b"drawn", &seed.to_be_bytes(), &n.to_be_bytes()]))
    }
}
