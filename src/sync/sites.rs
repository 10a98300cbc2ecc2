//! The depots of a tenant as headquarters knows them: their numbers, keys and epochs, the codes they join by, and the
//! sessions they hold. What says which tenant somebody belongs to lies with the node itself, as no message says it.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use super::keys;
use super::wire::{Code, Enrol, Refusal};
use crate::base::clock::Timestamp;
use crate::base::text;
use crate::first_record;
use crate::journal::clock::{HEADQUARTERS, Origin, UNENROLLED};
use crate::journal::event::SiteRef;
use crate::store::table::Checked;
use crate::store::{
    Dir, Home, Ix, KeyRange, Lane, NODE, ReadTx, Result, Store, StoreError, Table, Tenant, WriteTx,
};

/// Depots of one tenant.
pub const MAX_SITES: usize = 10_000;
/// How long a code to join by is good, in milliseconds.
pub const CODE_MS: u64 = 24 * 3600 * 1000;
/// How long a session lasts, in seconds.
pub const SESSION_S: u32 = 3600;

/// A depot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Site {
    /// Its number.
    pub number: u32,
    /// What people call it.
    pub name: String,
    /// Its public key, once it has joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<ByteArray<32>>,
    /// The epoch it writes in.
    pub epoch: u64,
    /// The mark its last session left.
    pub inc: ByteArray<16>,
    /// Sessions that showed another mark: a copy is alive, or an answer was lost.
    pub strangers: u64,
    /// When it had to begin a new log, of the last day.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejoins: Vec<Timestamp>,
    /// Its release.
    pub software: String,
    /// When it last held a session.
    pub seen_at: Timestamp,
    /// How far its clock was off then, in milliseconds.
    pub offset_ms: i64,
    /// How often its feed was begun anew; what was sent before counts for nothing.
    pub seeds: u32,
    /// The life of headquarters in which that was.
    pub seeded_gen: u64,
    /// Its feed's end then.
    pub seeded_from: u64,
    /// How far the seeding has come; none when it is through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeding: Option<Seeding>,
    /// Where its feed ended on each of the last days, the oldest first: what may be let go of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub feed_days: Vec<FeedDay>,
}

/// Where a feed ended on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedDay {
    /// When that was looked at.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Its last position then.
    #[serde(rename = "p")]
    pub last: u64,
}

/// How far the seeding of a feed has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeding {
    /// Which type of aggregate.
    pub folder: u32,
    /// Behind which of them.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "serde_bytes")]
    pub after: Option<Vec<u8>>,
}

/// Depots by number, big-endian.
pub const SITES: Table<[u8], Site> = Table::new(81, "sites", Home::Local);

/// Whose an epoch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The site.
    pub site: u32,
}

/// Epochs that were given out, big-endian.
pub const EPOCHS: Table<[u8], Owner> = Table::new(82, "site_epochs", Home::Local);
/// Epochs that depots drew before they joined, and what number they have now.
pub const BINDINGS: Table<[u8], Owner> = Table::new(83, "site_bindings", Home::Local);

/// Whose a key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOwner {
    /// The tenant.
    pub tenant: Tenant,
    /// The site.
    pub site: u32,
    /// The key.
    pub key: ByteArray<32>,
}

/// Keys by their short names: on the node, as they say which tenant it is.
pub const KEYS: Table<[u8], KeyOwner> = Table::new(84, "site_keys", Home::Local);

/// A code to join by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinCode {
    /// The tenant.
    pub tenant: Tenant,
    /// The site.
    pub site: u32,
    /// Until when it is good.
    pub ends: Timestamp,
    /// The key that used it. The same one may use it again: the answer may have been lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<ByteArray<32>>,
}

/// Codes by the hash of their text: on the node.
pub const CODES: Table<[u8], JoinCode> = Table::new(85, "join_codes", Home::Local);

/// A session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The tenant.
    pub tenant: Tenant,
    /// The site.
    pub site: u32,
    /// The epoch it was opened for.
    pub epoch: u64,
    /// Until when.
    pub ends: Timestamp,
}

/// Sessions by the hash of their token: on the node.
pub const SESSIONS: Table<[u8], Session> = Table::new(86, "site_sessions", Home::Local).indexed(&[by_end]);

fn by_end(s: &Session) -> Option<Vec<u8>> {
    Some(s.ends.unsigned().to_be_bytes().to_vec())
}

first_record!(Site, Owner, KeyOwner, JoinCode, Session);

/// These tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&SITES, &EPOCHS, &BINDINGS, &KEYS, &CODES, &SESSIONS]
}

/// The site `number`.
///
/// # Errors
/// Storage failures.
pub fn site(tx: &dyn ReadTx, number: u32) -> Result<Option<Site>> {
    SITES.get(tx, &number.to_be_bytes())
}

/// Keeps `site`.
///
/// # Errors
/// Storage failures.
pub fn keep(tx: &mut dyn WriteTx, site: &Site) -> Result<()> {
    SITES.put(tx, &site.number.to_be_bytes(), site).map(drop)
}

/// All sites, by number.
///
/// # Errors
/// Storage failures.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<Site>> {
    let rows = SITES.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_SITES)?;
    Ok(rows.items.into_iter().map(|e| e.value).collect())
}

/// The number of the site that changes call `site`; none while nobody knows it.
///
/// # Errors
/// Storage failures.
pub fn number_of(tx: &dyn ReadTx, site: SiteRef) -> Result<Option<u32>> {
    if site.site != UNENROLLED {
        return Ok(Some(site.site));
    }
    Ok(BINDINGS.get(tx, &site.epoch.to_be_bytes())?.map(|o| o.site))
}

/// Whether the epoch is nobody else's.
///
/// # Errors
/// Storage failures.
pub fn may_use(tx: &dyn ReadTx, site: u32, epoch: u64) -> Result<bool> {
    Ok(EPOCHS.get(tx, &epoch.to_be_bytes())?.is_none_or(|o| o.site == site))
}

/// This node is headquarters from now on: it writes as site 0, and what it wrote before counts as written by site 0. To be
/// done once for each tenant, before the first depot is added; doing it again changes nothing.
///
/// # Errors
/// Storage failures.
pub fn found(tx: &mut dyn WriteTx, now: Timestamp) -> Result<()> {
    let mut origin = Origin::load(tx)?;
    if origin.site == HEADQUARTERS {
        return Ok(());
    }
    BINDINGS.put(tx, &origin.first.to_be_bytes(), &Owner { site: HEADQUARTERS })?;
    origin.site = HEADQUARTERS;
    origin.epoch = origin.stamp(now, 0);
    EPOCHS.put(tx, &origin.epoch.to_be_bytes(), &Owner { site: HEADQUARTERS })?;
    origin.save(tx)
}

/// A new epoch for `site`: a stamp of headquarters' own clock, so it is never given out twice.
///
/// # Errors
/// Storage failures.
pub fn new_epoch(tx: &mut dyn WriteTx, site: u32, now: Timestamp) -> Result<u64> {
    let mut origin = Origin::load(tx)?;
    let epoch = origin.stamp(now, 0);
    origin.save(tx)?;
    EPOCHS.put(tx, &epoch.to_be_bytes(), &Owner { site })?;
    Ok(epoch)
}

/// Adds a depot and gives it a number.
///
/// # Errors
/// When the name is blank or too long, or there are [`MAX_SITES`] already; storage failures.
pub fn add(tx: &mut dyn WriteTx, name: &str) -> std::result::Result<Site, Refusal> {
    let malformed = |said: String| Refusal::new(Code::Malformed).saying(said);
    text::required("/name", name, text::SHORT).map_err(|p| malformed(format!("name {p}", p = p.detail)))?;
    let all = all(tx)?;
    if all.len() >= MAX_SITES {
        return Err(malformed(format!("there are {MAX_SITES} depots already; revoke one that is gone")));
    }
    let number = all.last().map_or(HEADQUARTERS, |s| s.number) + 1;
    let site = Site { number, name: name.to_owned(), ..Site::default() };
    keep(tx, &site)?;
    Ok(site)
}

/// What a code is kept under.
#[must_use]
fn digest(code: &str) -> [u8; 32] {
    *blake3::hash(code.trim().as_bytes()).as_bytes()
}

/// Gives out a code by which the depot `site` of `tenant` may join within a day. `code` is 128 random bits in some
/// notation; only its hash is kept.
///
/// # Errors
/// Storage failures.
pub fn give_code(store: &Store, tenant: Tenant, site: u32, code: &str, now: Timestamp) -> Result<()> {
    let key = digest(code);
    let ends = now.after(std::time::Duration::from_millis(CODE_MS));
    let row = JoinCode { tenant, site, ends, used: None };
    store.write(NODE, Lane::People, move |tx| CODES.put(tx, &key, &row).map(drop)).wait()
}

/// A depot joins: its key is kept, its first epoch bound to its number. Asking again with the same code and key gives the
/// same; with another key the code is spent. Returns tenant, site and epoch.
///
/// # Errors
/// [`Code::Code`] when the code is spent, too old or none of ours; storage failures.
pub fn enrol(store: &Store, ask: &Enrol, now: Timestamp) -> std::result::Result<(Tenant, u32, u64), Refusal> {
    let refused =
        || Refusal::new(Code::Code).saying("the code is spent, too old or none of ours; ask for a new one");
    let digest = digest(&ask.code);
    let code = store.read(NODE, |tx| CODES.get(tx, &digest))?.ok_or_else(refused)?;
    let again = code.used.as_ref().is_some_and(|used| keys::same(&used[..], &ask.key[..]));
    if !again && (code.used.is_some() || code.ends <= now) {
        return Err(refused());
    }
    // The code first: of two keys that come with it only one may win.
    let used = JoinCode { used: Some(ask.key), ..code.clone() };
    let claimed = store.write(NODE, Lane::People, move |tx| -> std::result::Result<bool, StoreError> {
        let free = CODES.get(tx, &digest)?.is_some_and(|c| c.used.is_none_or(|u| Some(u) == used.used));
        if free {
            CODES.put(tx, &digest, &used)?;
            let key = used.used.unwrap_or_default();
            let owner = KeyOwner { tenant: used.tenant, site: used.site, key };
            KEYS.put(tx, &keys::key_id(&key), &owner)?;
        }
        Ok(free)
    });
    if !claimed.wait()? {
        return Err(refused());
    }
    let (site, key, e0, sw) = (code.site, ask.key, ask.e0, ask.sw.clone());
    let epoch = store
        .write(code.tenant, Lane::People, move |tx| {
            let mut row = self::site(tx, site)?.ok_or_else(refused)?;
            let theirs = BINDINGS.get(tx, &e0.to_be_bytes())?.is_some_and(|o| o.site != site);
            if theirs {
                return Err(Refusal::new(Code::Scope)
                    .saying("this depot's past belongs to another depot already: it is a copy"));
            }
            if row.key != Some(key) {
                row.epoch = new_epoch(tx, site, now)?;
                row.key = Some(key);
                row.software.clone_from(&sw);
                keep(tx, &row)?;
            }
            BINDINGS.put(tx, &e0.to_be_bytes(), &Owner { site })?;
            Ok(row.epoch)
        })
        .wait()?;
    Ok((code.tenant, site, epoch))
}

/// Takes a depot's key away: its sessions end and it can open no more. It goes on working by itself.
///
/// # Errors
/// Storage failures.
pub fn revoke(store: &Store, tenant: Tenant, number: u32) -> Result<()> {
    let key = store
        .write(tenant, Lane::People, move |tx| -> Result<_> {
            let Some(mut row) = site(tx, number)? else { return Ok(None) };
            let key = row.key.take();
            keep(tx, &row)?;
            Ok(key)
        })
        .wait()?;
    let Some(key) = key else { return Ok(()) };
    store.write(NODE, Lane::People, move |tx| KEYS.del(tx, &keys::key_id(&key)).map(drop)).wait()
}

/// Sessions that ended are let go of; returns how many.
///
/// # Errors
/// Storage failures.
pub fn tidy(tx: &mut dyn WriteTx, now: Timestamp, limit: usize) -> Result<usize> {
    let range = KeyRange { to: Some(now.unsigned().to_be_bytes().to_vec()), ..KeyRange::all() };
    let gone = SESSIONS.scan(tx, Ix::Nth(0), &range, Dir::Up, limit)?.items;
    for entry in &gone {
        SESSIONS.del(tx, &entry.pk)?;
    }
    Ok(gone.len())
}
