//! What depot and headquarters say to each other, version 1: MessagePack maps with short keys, packed with zstd. Keys
//! that are not known are passed over; changes travel as the bytes they were first written in. No message names a
//! tenant: headquarters takes it from the session.

use std::io::Read;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use crate::base::error::{Fault, Kind};
use crate::journal::change::MAX_CHANGE;
use crate::store::StoreError;

/// The protocol's version.
pub const VERSION: u8 = 1;
/// The oldest and the newest schema of changes that this release reads.
pub const SCHEMAS: (u16, u16) = (1, 1);
/// The media type of every body, requests and answers.
pub const CONTENT_TYPE: &str = "application/vnd.crossdock.sync+msgpack; v=1";
/// Changes of one push at the most.
pub const MAX_CHANGES: usize = 500;
/// Bytes of a packed body at the most.
pub const MAX_PACKED: usize = 1 << 20;
/// Bytes of a body once unpacked at the most.
pub const MAX_PLAIN: usize = 8 << 20;
/// Bytes of one change at the most.
pub const MAX_BLOB: usize = MAX_CHANGE;
/// Bytes of changes that go into one message: whatever they are, packed or not, the body stays below [`MAX_PACKED`].
pub const BATCH_BYTES: usize = 768 << 10;
/// Maps and lists within one another at the most.
pub const MAX_DEPTH: usize = 16;
/// Chain hashes of a log that a session shows at the most.
pub const MAX_HASHES: usize = 64;
/// How hard bodies are packed.
const LEVEL: i32 = 3;
/// The largest window an unpacker keeps, as a power of two.
const WINDOW_LOG: u32 = 23;

/// 8, 16, 32 or 64 bytes.
pub type Bin<const N: usize> = ByteArray<N>;

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Larger than a message may be.
    #[error("the message is larger than the {limit} bytes that are taken; send fewer changes at once")]
    TooBig {
        /// The limit that was passed.
        limit: usize,
    },
    /// Not what it should be.
    #[error("the message can't be read: {0}")]
    Malformed(String),
}

/// One thing for each of a site's three logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logs<T> {
    /// Business.
    pub b: T,
    /// Audit.
    pub a: T,
    /// Telemetry.
    pub g: T,
}

/// Which of a site's three logs; pushed in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Log {
    /// Business.
    B,
    /// Audit.
    A,
    /// Telemetry.
    G,
}

impl Log {
    /// All three, in the order in which they are pushed.
    pub const ALL: [Self; 3] = [Self::B, Self::A, Self::G];

    /// Its letter, as in the store.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::B => b'b',
            Self::A => b'a',
            Self::G => b'g',
        }
    }
}

impl<T> Logs<T> {
    /// That of `log`.
    #[must_use]
    pub const fn of(&self, log: Log) -> &T {
        match log {
            Log::B => &self.b,
            Log::A => &self.a,
            Log::G => &self.g,
        }
    }

    /// That of `log`, to be changed.
    pub const fn of_mut(&mut self, log: Log) -> &mut T {
        match log {
            Log::B => &mut self.b,
            Log::A => &mut self.a,
            Log::G => &mut self.g,
        }
    }
}

/// A position of a log and the chain's hash at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown(
    /// The position.
    pub u64,
    /// The hash.
    pub Bin<16>,
);

/// What a depot shows of one of its logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogState {
    /// Its end.
    pub last: u64,
    /// The first position that is still held.
    pub floor: u64,
    /// Hashes of its chain, at most [`MAX_HASHES`]: the newest, then in doubling gaps.
    pub hs: Vec<Shown>,
}

/// A depot joins, by the code an administrator gave out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// The one-time code.
    pub code: String,
    /// The depot's public key.
    pub key: Bin<32>,
    /// Its release.
    pub sw: String,
    /// The name it gives itself.
    pub name: String,
    /// The epoch it drew at its beginning, under which it has written so far.
    pub e0: u64,
}

/// It is one of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Its number.
    pub site: u32,
    /// The epoch it writes in from now on.
    pub ep: u64,
    /// Headquarters' present life.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Headquarters' time in milliseconds.
    pub now: u64,
    /// Headquarters' own keys, to be pinned.
    #[serde(default)]
    pub pins: Vec<ByteBuf>,
}

/// A depot asks for a session: the first leg without `sig`, the second with it, over the challenge and this very map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAsk {
    /// The protocol's version.
    pub p: u8,
    /// The site.
    pub site: u32,
    /// Its epoch.
    pub ep: u64,
    /// Which key it signs with.
    pub key: Bin<8>,
    /// The life of headquarters that it knows.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Its logs.
    pub logs: Logs<LogState>,
    /// Its release.
    pub sw: String,
    /// The oldest and newest schema it reads.
    pub sch: (u16, u16),
    /// Its clock in milliseconds.
    pub wall: u64,
    /// The mark the last session left.
    pub inc: Bin<16>,
    /// Where it is in the feeds.
    #[serde(default)]
    pub cur: Cursors,
    /// The challenge this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ch: Option<Bin<32>>,
    /// The signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sig: Option<Bin<64>>,
}

/// The answer to the first leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// What has to be signed.
    pub ch: Bin<32>,
}

/// What headquarters makes of a depot that shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Go on behind `have`.
    Ok,
    /// The log parted from the one headquarters has: begin a new one, in epoch `ep`, behind `common`.
    Rejoin,
    /// Headquarters has lost something: offer all that is held.
    Resupply,
    /// The depot was away for too long: its scope comes anew from the positions in `cur`.
    Snapshot,
    /// This release is too old.
    Upgrade,
    /// The depot's clock is too far off.
    Clock,
    /// Not now.
    Hold,
}

/// What one session may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Changes of one push.
    pub n: u32,
    /// Bytes of one packed body.
    pub bytes: u32,
    /// Pushes at one time.
    pub inflight: u8,
}

/// Positions in the two feeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursors {
    /// The feed that all depots share.
    pub shared: u64,
    /// The depot's own.
    pub own: u64,
}

/// The answer to the second leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAnswer {
    /// What proves the session from now on.
    pub tok: Bin<32>,
    /// For how many seconds.
    pub ttl: u32,
    /// Headquarters' time in milliseconds.
    pub now: u64,
    /// Headquarters' present life.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// The verdict.
    pub st: State,
    /// Per log the end of what headquarters has and this depot has shown: an acknowledgement too.
    pub have: Logs<u64>,
    /// At a rejoin, per log the last position both have in common; none where nothing is known.
    #[serde(default)]
    pub common: Logs<Option<u64>>,
    /// At a rejoin, the new epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ep: Option<u64>,
    /// The mark to show next time.
    pub inc: Bin<16>,
    /// What the session may use.
    pub lim: Allowance,
    /// Where to go on in the feeds when they begin anew (a resupply, a snapshot); else their ends.
    pub cur: Cursors,
    /// At an upgrade, the oldest release that is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_sw: Option<String>,
    /// How far the depot's clock is off, in milliseconds; what has to be added to it.
    #[serde(default)]
    pub off: i64,
    /// At a hold, when to come again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
}

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
    #[serde(default)]
    pub wait: u16,
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
    pub shared: Vec<Item>,
    /// For this one.
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

/// Why a request was refused, as a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No session, or one of another epoch: begin a new one.
    Stale,
    /// The chain parted from ours: begin a new session.
    Fork,
    /// Positions are missing between what we have (`have`) and what came.
    Gap,
    /// A stamp from the future; `now` is our time.
    Clock,
    /// Not yours.
    Scope,
    /// More than a message may be.
    TooBig,
    /// Later.
    Busy,
    /// The bytes are no message.
    Malformed,
    /// The code is spent, too old or none of ours.
    Code,
}

/// A refusal, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("headquarters refuses: {e:?}{}", .msg.as_deref().map(|m| format!(" ({m})")).unwrap_or_default())]
pub struct Refusal {
    /// Why.
    pub e: Code,
    /// What headquarters has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<u64>,
    /// Its time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<u64>,
    /// When to come again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
}

impl Refusal {
    /// A refusal that only says why.
    #[must_use]
    pub const fn new(e: Code) -> Self {
        Self { e, have: None, now: None, retry_ms: None, msg: None }
    }

    /// The same, in words.
    #[must_use]
    pub fn saying(mut self, msg: impl Into<String>) -> Self {
        self.msg = Some(msg.into());
        self
    }
}

impl From<StoreError> for Refusal {
    fn from(e: StoreError) -> Self {
        if e.kind() == Kind::TooLarge {
            return Self::new(Code::TooBig).saying(e.to_string());
        }
        let retry_ms = e.retry_after_s().map(|s| u64::from(s) * 1000).or(Some(1000));
        Self { retry_ms, ..Self::new(Code::Busy).saying(e.to_string()) }
    }
}

impl From<WireError> for Refusal {
    fn from(e: WireError) -> Self {
        let code = match e {
            WireError::TooBig { .. } => Code::TooBig,
            WireError::Malformed(_) => Code::Malformed,
        };
        Self::new(code).saying(e.to_string())
    }
}

impl Fault for Refusal {
    fn kind(&self) -> Kind {
        match self.e {
            Code::Stale | Code::Fork | Code::Gap | Code::Clock => Kind::Conflict,
            Code::Scope | Code::Code => Kind::Forbidden,
            Code::TooBig => Kind::TooLarge,
            Code::Busy => Kind::Busy,
            Code::Malformed => Kind::Malformed,
        }
    }
    fn code(&self) -> &'static str {
        match self.e {
            Code::Stale => "sync.stale",
            Code::Fork => "sync.fork",
            Code::Gap => "sync.gap",
            Code::Clock => "sync.clock",
            Code::Scope => "sync.scope",
            Code::TooBig => "sync.too_big",
            Code::Busy => "sync.busy",
            Code::Malformed => "sync.malformed",
            Code::Code => "sync.code",
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        self.retry_ms.map(|ms| u32::try_from(ms.div_ceil(1000)).unwrap_or(u32::MAX))
    }
}

/// What is asked of headquarters: `POST /sync/v1/<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // named as their messages are
pub enum Call {
    Enrol,
    Session,
    Push,
    Pull,
    Fetch,
    Digest,
    Resupply,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Enrol, Self::Session, Self::Push, Self::Pull, Self::Fetch, Self::Digest, Self::Resupply];

    /// The last part of its path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Session => "session",
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Fetch => "fetch",
            Self::Digest => "digest",
            Self::Resupply => "resupply",
        }
    }
}

/// The bytes of a message, not packed.
///
/// # Errors
/// When memory can't be had.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, WireError> {
    rmp_serde::to_vec_named(message).map_err(|e| WireError::Malformed(e.to_string()))
}

/// The message in `bytes`, which are not packed.
///
/// # Errors
/// When they are no such message, nested too deep, or more than [`MAX_PLAIN`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    if bytes.len() > MAX_PLAIN {
        return Err(WireError::TooBig { limit: MAX_PLAIN });
    }
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(MAX_DEPTH);
    T::deserialize(&mut reader).map_err(|e| WireError::Malformed(e.to_string()))
}

/// Packs a body.
///
/// # Errors
/// When it is larger than a body may be.
pub fn pack(plain: &[u8]) -> Result<Vec<u8>, WireError> {
    if plain.len() > MAX_PLAIN {
        return Err(WireError::TooBig { limit: MAX_PLAIN });
    }
    let packed = zstd::encode_all(plain, LEVEL).map_err(|e| WireError::Malformed(e.to_string()))?;
    if packed.len() > MAX_PACKED { Err(WireError::TooBig { limit: MAX_PACKED }) } else { Ok(packed) }
}

/// A body packed, when that saves more than it takes to say so.
#[must_use]
pub fn packed_if_smaller(plain: &[u8]) -> Option<Vec<u8>> {
    const SAID: usize = "content-encoding: zstd\r\n".len();
    pack(plain).ok().filter(|packed| packed.len() + SAID < plain.len())
}

/// Unpacks a body, never more than [`MAX_PLAIN`] bytes of it.
///
/// # Errors
/// When it is too large, packed or unpacked, or damaged.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, WireError> {
    if packed.len() > MAX_PACKED {
        return Err(WireError::TooBig { limit: MAX_PACKED });
    }
    let bad = |e: std::io::Error| WireError::Malformed(e.to_string());
    let mut reader = zstd::Decoder::new(packed).map_err(bad)?;
    reader.window_log_max(WINDOW_LOG).map_err(bad)?;
    let mut plain = Vec::new();
    reader.take(MAX_PLAIN as u64 + 1).read_to_end(&mut plain).map_err(bad)?;
    if plain.len() > MAX_PLAIN { Err(WireError::TooBig { limit: MAX_PLAIN }) } else { Ok(plain) }
}

/// What a session's signature is over: the challenge, and the map as it came without `sig`.
///
/// # Errors
/// When the bytes are no map.
pub fn signed_part(challenge: &[u8; 32], body: &[u8]) -> Result<Vec<u8>, WireError> {
    let value: rmpv::Value = decode(body)?;
    let rmpv::Value::Map(fields) = value else { return Err(WireError::Malformed("not a map".into())) };
    let fields = fields.into_iter().filter(|(k, _)| k.as_str() != Some("sig")).collect();
    let mut out = challenge.to_vec();
    rmpv::encode::write_value(&mut out, &rmpv::Value::Map(fields))
        .map_err(|e| WireError::Malformed(e.to_string()))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push() -> Push {
        Push {
            ep: 7,
            l: Log::A,
            from: 3,
            h0: Bin::new([1; 16]),
            tmax: 9,
            adj: vec![Shift(3, 4, -5)],
            ch: vec![ByteBuf::from(vec![1, 2]), ByteBuf::from(vec![3])],
        }
    }

    #[test]
    fn a_push_has_the_agreed_keys_and_survives_packing() {
        let plain = encode(&push()).unwrap();
        let value: rmpv::Value = decode(&plain).unwrap();
        let keys: Vec<_> = value.as_map().unwrap().iter().filter_map(|(k, _)| k.as_str()).collect();
        assert_eq!(keys, ["ep", "l", "from", "h0", "tmax", "adj", "ch"]);
        assert_eq!(value["l"].as_str(), Some("a"));
        assert_eq!(decode::<Push>(&unpack(&pack(&plain).unwrap()).unwrap()).unwrap(), push());
    }

    #[test]
    fn keys_of_a_later_release_are_passed_over() {
        let mut value: rmpv::Value = decode(&encode(&push()).unwrap()).unwrap();
        if let rmpv::Value::Map(fields) = &mut value {
            fields.insert(0, ("future".into(), rmpv::Value::Array(vec![1.into()])));
        }
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &value).unwrap();
        assert_eq!(decode::<Push>(&bytes).unwrap(), push());
    }

    #[test]
    fn one_byte_more_than_is_taken_is_refused_packed_and_unpacked() {
        assert!(unpack(&pack(&vec![0; MAX_PLAIN]).unwrap()).is_ok());
        let bomb = zstd::encode_all(&vec![0; MAX_PLAIN + 1][..], 3).unwrap();
        assert!(bomb.len() < 10_000, "a small body that would become a large one");
        assert_eq!(unpack(&bomb), Err(WireError::TooBig { limit: MAX_PLAIN }));
        assert_eq!(unpack(&vec![0; MAX_PACKED + 1]), Err(WireError::TooBig { limit: MAX_PACKED }));
        assert_eq!(pack(&vec![0; MAX_PLAIN + 1]), Err(WireError::TooBig { limit: MAX_PLAIN }));
    }

    #[test]
    fn deep_nesting_is_refused_and_so_is_rubbish() {
        let deep = |n: usize| [vec![0x91; n], vec![0xc0]].concat();
        assert!(decode::<serde::de::IgnoredAny>(&deep(MAX_DEPTH - 1)).is_ok());
        assert!(decode::<serde::de::IgnoredAny>(&deep(MAX_DEPTH + 1)).is_err());
        assert!(unpack(b"no zstd").is_err() && decode::<Push>(b"\xc1").is_err());
    }

    #[test]
    fn a_feed_entry_says_what_it_is() {
        let marker = Marker { e: 1, from: 2, to: 3, h: Bin::new([4; 16]), adj: -5 };
        assert_eq!(told(&encode(&marker).unwrap()), Told::Marker(marker));
        let reject = Reject { r: Bin::new([4; 16]), code: "scope".into(), msg: "m".into() };
        assert_eq!(told(&encode(&reject).unwrap()), Told::Reject(reject));
        let header = crate::journal::change::Header {
            o: 1,
            e: 2,
            s: 3,
            t: 4,
            k: 5,
            v: 1,
            id: Default::default(),
            u: 0,
        };
        assert_eq!(told(&crate::journal::change::encode(&header, &[0x80]).unwrap()), Told::Change);
        assert_eq!(told(&[0x80]), Told::Unknown);
    }
}
