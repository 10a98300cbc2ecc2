//! What goes to and fro within a session: batches of a log, entries of the feeds, own changes that were lost.

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

use super::{Bin, Cursors, Log, WireError, columns, decode, encode, pack};

/// A shift in milliseconds for the changes at positions `from..=to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift(
    /// The first position.
    pub u64,
    /// The last.
    pub u64,
    /// The milliseconds.
    pub i64,
);

/// A batch of one log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Received")]
pub struct Push {
    /// The log's epoch.
    pub ep: u64,
    /// Which log.
    pub l: Log,
    /// The position of the first change.
    pub from: u64,
    /// The chain's hash before it.
    pub h0: Bin<16>,
    /// The greatest stamp among them, shifts included.
    pub tmax: u64,
    /// Shifts of their stamps.
    #[serde(default)]
    pub adj: Vec<Shift>,
    /// The changes.
    pub ch: Vec<ByteBuf>,
}

/// A batch as it comes: its changes one by one, or in columns.
#[derive(Deserialize)]
struct Received {
    ep: u64,
    l: Log,
    from: u64,
    h0: Bin<16>,
    tmax: u64,
    #[serde(default)]
    adj: Vec<Shift>,
    #[serde(default)]
    ch: Vec<ByteBuf>,
    #[serde(default)]
    co: Option<ByteBuf>,
}

impl TryFrom<Received> for Push {
    type Error = WireError;
    fn try_from(r: Received) -> Result<Self, WireError> {
        let ch = r.co.map_or(Ok(r.ch), |co| columns::decode(&co))?;
        Ok(Self { ep: r.ep, l: r.l, from: r.from, h0: r.h0, tmax: r.tmax, adj: r.adj, ch })
    }
}

/// A batch with its changes in columns, `co` instead of `ch`.
#[derive(Serialize)]
struct InColumns<'a> {
    ep: u64,
    l: Log,
    from: u64,
    h0: &'a Bin<16>,
    tmax: u64,
    adj: &'a [Shift],
    co: &'a Bytes,
}

impl Push {
    /// From so many changes on columns are always less than the changes one by one.
    const SURELY_LESS: usize = 64;

    /// Its bytes, with the changes in columns where that makes them fewer: for a headquarters that
    /// [reads them](super::Allowance::columns).
    ///
    /// # Errors
    /// When memory can't be had.
    pub fn in_columns(&self) -> Result<Vec<u8>, WireError> {
        let plain = || encode(self);
        let Some(co) = columns::encode(&self.ch) else { return plain() };
        let Self { ep, l, from, h0, tmax, adj, .. } = self;
        let co = Bytes::new(&co);
        let columns = encode(&InColumns { ep: *ep, l: *l, from: *from, h0, tmax: *tmax, adj, co })?;
        if self.ch.len() >= Self::SURELY_LESS {
            return Ok(columns);
        }
        let plain = plain()?;
        let fewer = pack(&columns)?.len() < pack(&plain)?.len();
        Ok(if fewer { columns } else { plain })
    }
}

/// They are durable at headquarters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Up to here, and never beyond what this sender has shown.
    pub ack: u64,
    /// The chain's hash there.
    pub h: Bin<16>,
}

/// What is new for me?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// The life of headquarters that the cursors belong to.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// What has been taken in.
    pub c: Cursors,
    /// Bytes of the answer at the most.
    pub max: u32,
    /// Seconds to wait when nothing is new, at most 30.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub wait: u16,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_nought(n: &u16) -> bool {
    *n == 0
}

/// One entry of a feed: its position, its bytes (a change, a [`Marker`] or a [`Reject`]), the shift that holds for
/// everybody, and for a change headquarters' word that it is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item(
    /// Its position.
    pub u64,
    /// Its bytes.
    pub ByteBuf,
    /// The shift in milliseconds.
    pub i64,
    /// Headquarters' word.
    pub Option<Bin<16>>,
);

/// Both feeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Feeds {
    /// For all depots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Item>,
    /// For this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<Item>,
}

/// What is new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulled {
    /// Headquarters' present life; when it is another than asked for, the cursors mean nothing and nothing comes.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// The entries.
    pub f: Feeds,
    /// Where to go on.
    pub c: Cursors,
    /// Whether there is more at once.
    pub more: bool,
}

/// The receiver's own changes: positions `from..=to` of its log `b` in an epoch. Whoever's chain shows `h` at `to` has
/// them; anybody else (a restored depot, a copy) fetches them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The epoch of the log.
    pub e: u64,
    /// The first position.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// The chain's hash at the last.
    pub h: Bin<16>,
    /// The shift that holds for them.
    pub adj: i64,
}

/// A change that headquarters could not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Which.
    pub r: Bin<16>,
    /// Why, as a code.
    pub code: String,
    /// Why, in words.
    pub msg: String,
}

/// What the bytes of a feed entry are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A change.
    Change,
    /// The receiver's own changes.
    Marker(Marker),
    /// A refusal.
    Reject(Reject),
    /// Something of a later release.
    Unknown,
}

/// What `bytes` of a feed entry are.
#[must_use]
pub fn told(bytes: &[u8]) -> Told {
    #[derive(Deserialize)]
    struct Peek {
        #[serde(default)]
        o: Option<u32>,
        #[serde(default)]
        r: Option<Bin<16>>,
        #[serde(default)]
        to: Option<u64>,
    }
    match decode::<Peek>(bytes) {
        Ok(Peek { o: Some(_), .. }) => Told::Change,
        Ok(Peek { r: Some(_), .. }) => decode(bytes).map_or(Told::Unknown, Told::Reject),
        Ok(Peek { to: Some(_), .. }) => decode(bytes).map_or(Told::Unknown, Told::Marker),
        _ => Told::Unknown,
    }
}

/// Own changes that the depot's chain does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// The epoch.
    pub e: u64,
    /// The first position.
    pub from: u64,
    /// The last.
    pub to: u64,
}

/// A change and the shift of its stamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shifted(
    /// The change.
    pub ByteBuf,
    /// Milliseconds.
    pub i64,
);

/// Those changes, from the first on; when there are fewer than asked for, the rest has to be fetched too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// The changes.
    pub ch: Vec<Shifted>,
}
