//! What people are told of the exchange: how far it is, in figures and in plain words.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::depot::tables::{OPAQUE, REJECTS, Standing, standing};
use super::hq::{apply, chain, quarantine, route};
use super::node::{JOINED, Joined, Node};
use super::sites::{self, Site};
use super::turn::word;
use super::wire::{Log, Logs};
use super::{depot::relog, hq};
use crate::base::clock::Timestamp;
use crate::journal::clock::{Origin, UNENROLLED};
use crate::journal::log::{self, own};
use crate::store::table::Checked;
use crate::store::{DEPOT, Dir, Ix, KeyRange, ReadTx, Result, StoreError, Table, Tenant};

/// A depot that was not heard of for so long is silent.
pub const SILENT: Duration = Duration::from_secs(26 * 3600);
/// Refusals that are counted one by one; beyond that there are "at least" so many.
const MAX_COUNTED: usize = 10_000;
/// A clock that is further off than this is spoken of, in milliseconds.
const OFF_MS: i64 = 2_000;

/// Where a depot's exchange stands.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// As it is kept.
    pub standing: Standing,
    /// Where headquarters is; none before it joined.
    pub joined: Option<Joined>,
    /// What headquarters does not have yet.
    pub unsent: Logs<u64>,
    /// When the oldest of that was written.
    pub oldest_unsent: Option<Timestamp>,
    /// Changes headquarters refused.
    pub refused: u64,
    /// Changes of headquarters that this release can't fold.
    pub opaque: u64,
}

/// Looks where a depot stands.
///
/// # Errors
/// Storage failures.
pub fn outlook(node: &Node, tenant: Tenant) -> Result<Outlook> {
    node.store.read(tenant, |tx| {
        let (origin, s) = (Origin::load(tx)?, standing(tx)?);
        let (mut unsent, mut oldest) = (Logs::default(), None::<u64>);
        for l in Log::ALL {
            let acked = *s.acked.of(l);
            *unsent.of_mut(l) = log::head(tx, l.letter(), &origin)?.last.saturating_sub(acked);
            if let Some((_, entry)) = tx.tail(DEPOT, own(l.letter(), &origin), acked, 1)?.first() {
                let ms = relog::written_at(tx, l.letter(), entry)?;
                oldest = Some(oldest.map_or(ms, |o| o.min(ms)));
            }
        }
        // What has still to be issued anew is not known there either.
        unsent.b += s.reissue.iter().map(|r| r.last + 1 - r.next).sum::<u64>();
        let joined = if origin.site == UNENROLLED { None } else { JOINED.get(tx, "hq")? };
        let oldest_unsent = oldest.map(|ms| Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)));
        let (refused, opaque) = (counted(tx, &REJECTS)?, counted(tx, &OPAQUE)?);
        Ok(Outlook { standing: s, joined, unsent, oldest_unsent, refused, opaque })
    })
}

fn counted<V: crate::store::Record>(tx: &dyn ReadTx, table: &Table<[u8], V>) -> Result<u64>
where
    Table<[u8], V>: Checked,
{
    Ok(table.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_COUNTED)?.items.len() as u64)
}

/// Changes by log.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Unsent {
    /// Of the business.
    pub business: u64,
    /// Of the audit trail.
    pub audit: u64,
    /// Of telemetry.
    pub telemetry: u64,
}

/// The exchange as a depot sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DepotView {
    /// `depot`.
    pub role: &'static str,
    /// In plain words, a sentence each.
    pub words: Vec<String>,
    /// Whether it has joined a headquarters.
    pub joined: bool,
    /// The number headquarters gave it.
    pub site: Option<u32>,
    /// Headquarters' address.
    pub url: Option<String>,
    /// Whether headquarters answers.
    pub online: bool,
    /// Since when it doesn't.
    pub offline_since: Option<Timestamp>,
    /// When it answered last.
    pub last_success: Option<Timestamp>,
    /// When it is asked next.
    pub next_at: Option<Timestamp>,
    /// What headquarters doesn't know yet.
    pub unsent: Unsent,
    /// When the oldest of that was written.
    pub oldest_unsent: Option<Timestamp>,
    /// Changes headquarters refused.
    pub refused: u64,
    /// Changes of headquarters that wait for a later release.
    pub opaque: u64,
    /// What has to be added to this machine's clock, in milliseconds.
    pub clock_offset_ms: i64,
    /// Headquarters' last verdict.
    pub verdict: Option<&'static str>,
    /// What is wrong, in words.
    pub trouble: Option<String>,
    /// New logs begun.
    pub rejoins: u64,
    /// Bytes of bodies sent since the start.
    pub sent_bytes: u64,
    /// Bytes of bodies received since the start.
    pub received_bytes: u64,
}

/// How a depot's exchange stands.
///
/// # Errors
/// Storage failures.
pub fn of_depot(node: &Node, tenant: Tenant) -> Result<DepotView> {
    let (o, seen) = (outlook(node, tenant)?, node.seen(tenant));
    let (s, joined) = (&o.standing, o.joined.as_ref());
    let trouble = s.trouble.clone().or_else(|| seen.trouble.clone());
    Ok(DepotView {
        role: "depot",
        words: words(&o, seen.trouble.as_deref()),
        joined: joined.is_some(),
        site: joined.map(|j| j.site),
        url: joined.map(|j| j.url.clone()),
        online: joined.is_some() && s.offline_since.is_none() && s.last_at != Timestamp::ZERO,
        offline_since: s.offline_since,
        last_success: (s.last_at != Timestamp::ZERO).then_some(s.last_at),
        next_at: seen.next_at.filter(|_| joined.is_some()),
        unsent: Unsent { business: o.unsent.b, audit: o.unsent.a, telemetry: o.unsent.g },
        oldest_unsent: o.oldest_unsent,
        refused: o.refused,
        opaque: o.opaque,
        clock_offset_ms: s.offset_ms,
        verdict: seen.verdict.map(word),
        trouble: trouble.filter(|_| joined.is_some()),
        rejoins: s.rejoins,
        sent_bytes: seen.sent,
        received_bytes: seen.received,
    })
}

fn words(o: &Outlook, last: Option<&str>) -> Vec<String> {
    let Some(joined) = &o.joined else {
        return vec!["This depot has joined no headquarters; it works by itself.".into()];
    };
    let (s, mut said) = (&o.standing, Vec::new());
    match (o.unsent.b + o.unsent.a + o.unsent.g, o.oldest_unsent) {
        (0, _) if s.last_at == Timestamp::ZERO => {}
        (0, _) => said.push("Headquarters has everything that was written here.".into()),
        (n, Some(at)) => said.push(format!(
            "Headquarters does not know {n} changes yet ({} of the business, {} of the audit trail), the oldest of {at}.",
            o.unsent.b, o.unsent.a
        )),
        (n, None) => said.push(format!("Headquarters does not know {n} changes yet.")),
    }
    match (s.offline_since, s.last_at) {
        (Some(since), _) => {
            let why = last.map(|w| format!(": {w}")).unwrap_or_default();
            said.push(format!(
                "Offline since {since}{why}. The depot works on by itself, and the exchange goes on by itself."
            ));
        }
        (None, Timestamp::ZERO) => {
            said.push(format!("It has joined {} and has not reached it yet.", joined.url))
        }
        (None, at) => said.push(format!("Headquarters ({}) last answered at {at}.", joined.url)),
    }
    if let Some(trouble) = &s.trouble {
        said.push(format!("Headquarters says: {trouble}."));
    } else if let Some(why) = last.filter(|_| s.offline_since.is_none()) {
        said.push(format!("The last exchange stopped early: {why}."));
    }
    if s.offset_ms.abs() > OFF_MS {
        let (by, how) = (s.offset_ms.abs() / 1000, if s.offset_ms > 0 { "behind" } else { "ahead of" });
        said.push(format!("This machine's clock is {by} s {how} headquarters'; set it right."));
    }
    if o.refused > 0 {
        said.push(format!("Headquarters could not take {} changes; they hold here alone.", o.refused));
    }
    if o.opaque > 0 {
        said.push(format!("{} changes of headquarters wait here for a later release.", o.opaque));
    }
    said
}

/// A depot as headquarters sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SiteView {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// `invited` before it joined, `ok`, `silent`, `hold`, or `revoked`.
    pub state: &'static str,
    /// The end of its business log as it is here.
    pub position: u64,
    /// Batches that wait to be folded.
    pub waiting: u64,
    /// When it was last heard of.
    pub seen_at: Option<Timestamp>,
    /// How far its clock was off then, in milliseconds.
    pub clock_offset_ms: i64,
    /// Its release.
    pub software: String,
    /// New logs it began within a day: each is a restored or copied depot.
    pub rejoins: usize,
    /// Sessions that showed another mark than the one left: an answer was lost, or a copy is alive.
    pub strangers: u64,
}

/// A depot as headquarters sees it.
///
/// # Errors
/// Storage failures.
pub fn of_site(node: &Node, tx: &dyn ReadTx, site: &Site, now: Timestamp) -> Result<SiteView> {
    let name = chain::Name { site: site.number, epoch: site.epoch, log: Log::B };
    let kept = (site.seen_at != Timestamp::ZERO).then_some(site.seen_at);
    let seen_at = kept.max(node.last_call(tx.tenant(), site.number));
    let rejoins = site.rejoins.iter().filter(|at| now.since(**at) < Duration::from_secs(24 * 3600)).count();
    let limit = node.hq.as_ref().map_or(hq::Limits::default().rejoins, |hq| hq.limits.rejoins);
    let state = match (&site.key, site.epoch) {
        (None, 0) => "invited",
        (None, _) => "revoked",
        (Some(_), _) if rejoins >= limit => "hold",
        (Some(_), _) if seen_at.is_none_or(|at| now.since(at) > SILENT) => "silent",
        (Some(_), _) => "ok",
    };
    Ok(SiteView {
        number: site.number,
        name: site.name.clone(),
        state,
        position: chain::head(tx, &name)?.0,
        waiting: apply::lag(tx, site.number)?,
        seen_at,
        clock_offset_ms: site.offset_ms,
        software: site.software.clone(),
        rejoins,
        strangers: site.strangers,
    })
}

/// The exchange as headquarters sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HqView {
    /// `hq`.
    pub role: &'static str,
    /// In plain words, a sentence each.
    pub words: Vec<String>,
    /// Depots.
    pub sites: usize,
    /// Batches that wait to be folded.
    pub waiting: u64,
    /// Changes that wait to be passed on.
    pub routing: u64,
    /// Changes that were set aside.
    pub quarantined: i64,
}

/// How headquarters stands.
///
/// # Errors
/// Storage failures.
pub fn of_hq(node: &Node, tenant: Tenant) -> Result<HqView> {
    let now = node.clock.now();
    node.store.read(tenant, |tx| {
        let all = sites::all(tx)?;
        let (mut waiting, mut words) = (0, Vec::new());
        for site in &all {
            let view = of_site(node, tx, site, now)?;
            waiting += view.waiting;
            match view.state {
                "silent" => words.push(format!(
                    "{} has not been heard of since {}.",
                    view.name,
                    view.seen_at.map_or_else(|| "it joined".into(), |at| at.to_string())
                )),
                "hold" => words.push(format!(
                    "{} waits: two copies of it seem to be alive. Stop one, then release it.",
                    view.name
                )),
                _ => {}
            }
        }
        let quarantined = quarantine::count(tx)?;
        if quarantined > 0 {
            words.push(format!("{quarantined} changes of depots could not be taken in and are set aside."));
        }
        if words.is_empty() {
            words.push(format!("{} depots, and all is well.", all.len()));
        }
        let routing = route::lag(tx)?;
        Ok::<_, StoreError>(HqView { role: "hq", words, sites: all.len(), waiting, routing, quarantined })
    })
}
