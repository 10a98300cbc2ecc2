//! Whether both hold the same, and how headquarters is refilled.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{Bin, Log};

/// Do we have the same?
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestAsk {
    /// Which buckets; all of them when it is empty.
    pub b: Vec<u32>,
    /// Whether to name what each of them holds, one by one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub each: bool,
}

/// Buckets that are named one by one in one answer at the most.
pub const MAX_NAMED: usize = 64;

/// One aggregate of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Each(
    /// A kind of change of its type.
    pub u16,
    /// The aggregate.
    pub Bin<16>,
    /// A hash of its state.
    pub Bin<16>,
);

/// What one bucket holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketSum(
    /// Which.
    pub u32,
    /// How many aggregates.
    pub u64,
    /// Their sum.
    pub Bin<16>,
);

/// What headquarters holds within the depot's scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestAnswer {
    /// Buckets that hold something, in order.
    pub d: Vec<BucketSum>,
    /// What they hold, when that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<Each>,
    /// What headquarters has received and not yet folded or passed on: while there is any, a difference says little.
    #[serde(default)]
    pub behind: u64,
}

/// A change offered for resupply: its bytes, the shift, and headquarters' word for those of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered(
    /// The change.
    pub ByteBuf,
    /// Milliseconds.
    pub i64,
    /// Headquarters' word.
    #[serde(default)]
    pub Option<Bin<16>>,
);

/// What a depot holds of one aggregate: enough to see whether there is anything in it that headquarters lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSum(
    /// A kind of change of its type.
    pub u16,
    /// The aggregate.
    pub Bin<16>,
    /// How many changes.
    pub u32,
    /// Their identities, each bit added to the others'.
    pub Bin<16>,
);

/// A part of what a depot holds. First sums (`ag`, for log `b`) or identities (`ids`, for the others), answered by those
/// that are wanted; then the changes. With the last part (`n == of`) the log stands at `last`, whatever headquarters
/// remembers of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resupply {
    /// The epoch.
    pub ep: u64,
    /// Which log `last` and `h` speak of.
    pub l: Log,
    /// The end of that log.
    pub last: u64,
    /// The chain's hash there.
    pub h: Bin<16>,
    /// Which part this is, from 1.
    pub n: u32,
    /// Of how many; 0 while that is not known.
    pub of: u32,
    /// Aggregates offered.
    #[serde(default)]
    pub ag: Vec<HeldSum>,
    /// Identities offered.
    #[serde(default)]
    pub ids: Vec<Bin<16>>,
    /// Changes.
    #[serde(default)]
    pub ev: Vec<Offered>,
}

/// What is wanted of what was offered, by the places in the list; how many of the changes were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resupplied {
    /// Places in `ag` or `ids`.
    pub want: Vec<u32>,
    /// Changes taken in.
    pub took: u32,
}
