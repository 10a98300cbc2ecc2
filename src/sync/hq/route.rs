//! The third stage: what is new in the applied log goes into the feeds of the depots it concerns; whoever comes to be
//! concerned gets the whole past with it.

use std::time::Duration;

use super::super::registry::{Folder, Reach, Registry};
use super::super::sites::{self, FeedDay, Seeding, Site};
use super::tables::{MEMBERS, Member, SHARED_FEED, own_feed};
use super::{Hq, feed, quarantine};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::change;
use crate::journal::clock::HEADQUARTERS;
use crate::journal::event::SiteRef;
use crate::journal::{Eid, log, readers};
use crate::store::{DEPOT, Dir, Ix, KeyRange, Lane, ReadTx, Result, StoreError, Tenant, WriteTx};

/// The reader's name.
const READER: &str = "sync.route";
/// Entries routed in one transaction.
const AT_ONCE: usize = 500;
/// Aggregates seeded in one transaction.
const SEEDS_AT_ONCE: usize = 200;

/// Where a member is kept.
#[must_use]
pub fn member_key(id: Id, site: u32) -> Vec<u8> {
    [id.as_ref(), &site.to_be_bytes()].concat()
}

/// Entries of the applied log that are not routed yet.
///
/// # Errors
/// Storage failures.
pub fn lag(tx: &dyn ReadTx) -> Result<u64> {
    readers::lag(tx, READER)
}

/// Routes what is new and goes on with feeds that begin anew; false when there was nothing to do.
///
/// # Errors
/// Storage failures.
pub fn step(hq: &Hq, tenant: Tenant, now: Timestamp) -> Result<bool> {
    let (registry, freed) = (hq.registry.clone(), std::sync::Arc::<std::sync::Mutex<Vec<Eid>>>::default());
    let theirs = std::sync::Arc::clone(&freed);
    let routed = readers::step(&hq.store, tenant, READER, AT_ONCE, move |tx, entries| {
        let mut found = Vec::new();
        for (seq, entry) in entries {
            found.extend(one(tx, &registry, *seq, entry)?);
        }
        *theirs.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = found;
        Ok(())
    })?;
    let freed = std::mem::take(&mut *freed.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    for eid in freed {
        quarantine::requeue(hq, tenant, &eid, now)?;
    }
    let waiting = hq.store.read(tenant, sites::all)?;
    let mut seeded = false;
    for site in waiting.into_iter().filter(|s| s.seeding.is_some()) {
        let registry = hq.registry.clone();
        let seed = move |tx: &mut dyn WriteTx| seed(tx, &registry, site.number);
        hq.store.write::<(), StoreError, _>(tenant, Lane::Bulk, seed).wait()?;
        seeded = true;
    }
    Ok(routed > 0 || seeded)
}

fn one(tx: &mut dyn WriteTx, registry: &Registry, seq: u64, entry: &log::Applied) -> Result<Vec<Eid>> {
    let (header, _) = change::decode(&entry.blob)?;
    let Some(folder) = registry.of(header.k) else { return Ok(Vec::new()) };
    let writer = sites::number_of(tx, SiteRef::new(header.o, header.e))?;
    match folder.reach {
        Reach::Shared => {
            if writer == Some(HEADQUARTERS) {
                feed::append_change(tx, SHARED_FEED, seq)?;
            }
            Ok(Vec::new())
        }
        Reach::Everyone => {
            feed::append_change(tx, SHARED_FEED, seq)?;
            Ok(Vec::new())
        }
        Reach::Concerned => deliver(tx, registry, folder, header.id, writer.filter(|w| *w != HEADQUARTERS)),
    }
}

fn members(tx: &dyn ReadTx, id: Id) -> Result<Vec<(u32, Member)>> {
    let rows = MEMBERS.scan(tx, Ix::Primary, &KeyRange::prefix(id.as_ref()), Dir::Up, sites::MAX_SITES)?;
    let site = |pk: &[u8]| pk.last_chunk().map(|b| u32::from_be_bytes(*b)).unwrap_or_default();
    Ok(rows.items.into_iter().map(|e| (site(&e.pk), e.value)).collect())
}

/// The depots that the aggregate concerns now.
fn concerned(tx: &dyn ReadTx, folder: &Folder, id: Id) -> Result<Vec<u32>> {
    let mut now = Vec::new();
    for place in (folder.concerned)(tx, id)? {
        now.extend(sites::number_of(tx, place)?.filter(|n| *n != HEADQUARTERS && !now.contains(n)));
    }
    Ok(now)
}

/// Brings the feeds of all whom the aggregate concerns, or has concerned until now, up to its end; and that of the writer
/// of this change: it may have acted on an aggregate that was no longer its business, and must learn that. Returns what
/// waits in quarantine for a depot that it concerns from now on.
fn deliver(
    tx: &mut dyn WriteTx,
    registry: &Registry,
    folder: &Folder,
    id: Id,
    writer: Option<u32>,
) -> Result<Vec<Eid>> {
    let now = concerned(tx, folder, id)?;
    let known = members(tx, id)?;
    let mut freed = Vec::new();
    let before = known.iter().filter(|(_, m)| m.within).map(|(site, _)| *site);
    let mut leaving: Vec<u32> = before.chain(writer).filter(|site| !now.contains(site)).collect();
    leaving.dedup();
    for site in leaving {
        fill(tx, folder, id, site, Fill { within: false, whole: false })?;
    }
    for site in now {
        if !known.iter().any(|(s, _)| *s == site) {
            freed.extend(quarantine::waiting_for(tx, id, site)?);
        }
        fill(tx, folder, id, site, Fill { within: true, whole: false })?;
        // Whoever comes to have it gets what people did about it, too.
        if !known.iter().any(|(s, m)| *s == site && m.within) {
            for (kind, of_it) in (folder.along)(tx, id)? {
                if let Some(folder) = registry.of(kind) {
                    fill(tx, folder, of_it, site, Fill { within: true, whole: false })?;
                }
            }
        }
    }
    Ok(freed)
}

/// How a site's feed is brought up to an aggregate's end.
#[derive(Clone, Copy)]
struct Fill {
    /// Whether the aggregate concerns the site.
    within: bool,
    /// From its beginning, whatever the feed holds.
    whole: bool,
}

/// A depot holds an aggregate otherwise than it is here: it gets all of it once more, be it its business or not. So a depot
/// whose feed began anew learns of what left it meanwhile.
///
/// # Errors
/// Storage failures.
pub fn again(tx: &mut dyn WriteTx, folder: &Folder, id: Id, site: u32) -> Result<()> {
    let within = concerned(tx, folder, id)?.contains(&site);
    fill(tx, folder, id, site, Fill { within, whole: true })
}

/// A depot holds an aggregate just as it is here: a headquarters that was restored may not know any more that it was told
/// of it, and has to tell it when it leaves its hands.
///
/// # Errors
/// Storage failures.
pub fn holds(tx: &mut dyn WriteTx, folder: &Folder, id: Id, site: u32) -> Result<()> {
    let key = member_key(id, site);
    let member = MEMBERS.get(tx, &key)?.unwrap_or(Member { upto: 0, within: false, seed: 0 });
    let within = member.within || concerned(tx, folder, id)?.contains(&site);
    MEMBERS.put(tx, &key, &Member { within, ..member }).map(drop)
}

/// Appends to a site's feed what it doesn't hold of the aggregate. Its own changes came to it as markers, unless the feed
/// has begun anew since.
fn fill(tx: &mut dyn WriteTx, folder: &Folder, id: Id, number: u32, how: Fill) -> Result<()> {
    let Some(site) = sites::site(tx, number)? else { return Ok(()) };
    let Some(line) = (folder.line)(tx, id)? else { return Ok(()) };
    let key = member_key(id, number);
    let member = MEMBERS.get(tx, &key)?;
    let anew = how.whole || member.map_or(site.seeds > 0, |m| m.seed != site.seeds);
    let upto = member.filter(|_| !anew).map_or(0, |m| m.upto);
    let (mut fresh, mut at) = (Vec::new(), line.head);
    while at > upto {
        let entry = log::applied(tx, at)?;
        if anew || entry.carrier != number {
            fresh.push(at);
        }
        at = entry.prev;
    }
    for seq in fresh.into_iter().rev() {
        feed::append_change(tx, own_feed(number), seq)?;
    }
    let member = Member { upto: line.head, within: how.within, seed: site.seeds };
    MEMBERS.put(tx, &key, &member).map(drop)
}

/// Goes on with a feed that begins anew.
fn seed(tx: &mut dyn WriteTx, registry: &Registry, number: u32) -> Result<()> {
    let Some(site) = sites::site(tx, number)? else { return Ok(()) };
    let Some(Seeding { folder: n, after }) = site.seeding.clone() else { return Ok(()) };
    let seeding = match registry.nth(n as usize) {
        None => {
            quarantine::tell_again(tx, number, after)?.map(|after| Seeding { folder: n, after: Some(after) })
        }
        Some(folder) if folder.reach != Reach::Concerned => Some(Seeding { folder: n + 1, after: None }),
        Some(folder) => {
            let (ids, next) = (folder.page)(tx, after, SEEDS_AT_ONCE)?;
            for id in ids {
                if concerned(tx, folder, id)?.contains(&number) {
                    fill(tx, folder, id, number, Fill { within: true, whole: false })?;
                }
            }
            let folder = if next.is_some() { n } else { n + 1 };
            Some(Seeding { folder, after: next })
        }
    };
    sites::keep(tx, &Site { seeding, ..site })
}

/// A depot that is away for longer than this begins its feed anew.
pub const AWAY: Duration = Duration::from_secs(30 * 24 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Whether something is to be done for a site's feed: its end noted once a day, or entries let go of.
#[must_use]
pub fn is_due(site: &Site, now: Timestamp) -> bool {
    let old = |d: &FeedDay| now.since(d.at) >= AWAY;
    site.key.is_some()
        && (site.feed_days.last().is_none_or(|d| now.since(d.at) >= DAY) || site.feed_days.iter().any(old))
}

/// Notes once a day where a site's feed ends, and lets go of up to `limit` entries that were there [`AWAY`] ago; returns
/// how many went.
///
/// # Errors
/// Storage failures.
pub fn retain(tx: &mut dyn WriteTx, number: u32, now: Timestamp, limit: usize) -> Result<u64> {
    let Some(mut site) = sites::site(tx, number)? else { return Ok(0) };
    let head = tx.head(DEPOT, own_feed(number))?;
    if site.feed_days.last().is_none_or(|d| now.since(d.at) >= DAY) {
        site.feed_days.push(FeedDay { at: now, last: head.last });
    }
    let over = site.feed_days.iter().rposition(|d| now.since(d.at) >= AWAY);
    let gone = match over {
        Some(over) => {
            let upto = site.feed_days[over].last;
            let gone = trim(tx, number, upto, limit)?;
            let through = tx.head(DEPOT, own_feed(number))?.floor > upto;
            site.feed_days.drain(..over + usize::from(through));
            gone
        }
        None => 0,
    };
    sites::keep(tx, &site)?;
    Ok(gone)
}

/// Lets go of entries at the beginning of a site's feed up to `upto`; a depot that has not seen them is told to begin anew.
///
/// # Errors
/// Storage failures.
pub fn trim(tx: &mut dyn WriteTx, site: u32, upto: u64, limit: usize) -> Result<u64> {
    tx.trim(DEPOT, own_feed(site), upto, limit)
}
