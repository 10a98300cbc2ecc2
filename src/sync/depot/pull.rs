//! What headquarters has for this depot is taken in: changes of others, the settled shifts of its own, refusals. Entries
//! and the cursor behind them are saved together.

use std::collections::BTreeSet;

use serde_bytes::ByteArray;

use super::super::mutants::{Mutant, lacks};
use super::super::registry::Registry;
use super::super::wire::{
    BATCH_BYTES, Call, Code, Cursors, Fetch, Fetched, Item, Marker, Pull, Pulled, Reject, Told, told,
};
use super::tables::{OPAQUE, Opaque, REJECTS, Rejected, save, standing};
use super::{Depot, Link, LinkError, SyncError, relog, shift};
use crate::base::clock::Timestamp;
use crate::identity::grant::Actor;
use crate::journal::change;
use crate::journal::clock::Origin;
use crate::journal::fold::shifted;
use crate::journal::log::{self, BUSINESS, own};
use crate::journal::redaction;
use crate::journal::shifts::{self, Shift};
use crate::journal::{Arrival, Cx, Eid};
use crate::store::{DEPOT, Dir, Ix, KeyRange, Result, StoreError, WriteTx};

/// Opaque changes looked at again in one transaction.
const AT_ONCE: usize = 500;

/// What an entry of the feeds comes to, own changes fetched.
#[derive(Clone, Debug)]
enum News {
    /// A change, its shift and headquarters' word on both.
    Change(Vec<u8>, i64, Option<[u8; 16]>),
    /// The shift of own changes that are known here.
    Settled(Marker),
    /// A refusal. What was refused may be taken in later, and the entry that says so lies behind it.
    Refused(Reject),
}

/// A page of the feeds, in order.
#[derive(Clone, Debug)]
struct Page {
    news: Vec<News>,
    cur: Cursors,
    generation: u64,
}

impl Depot {
    /// Pulls until nothing is left, or `most` times. Returns how many entries came, and whether there is more.
    pub(super) fn pull_all(
        &mut self,
        link: &mut dyn Link,
        now: Timestamp,
        most: usize,
    ) -> std::result::Result<(u64, bool), SyncError> {
        let mut pulled = 0;
        for _ in 0..most {
            let s = self.standing()?;
            let ask = Pull { generation: s.generation, c: s.cur, max: BATCH_BYTES as u32, wait: 0 };
            let page: Pulled = match self.ask(link, Call::Pull, &ask) {
                Err(SyncError::Link(LinkError::Refused(r))) if r.e == Code::Gap => {
                    // Entries we have not seen are gone: the next session says where to begin.
                    return Ok((pulled, true));
                }
                other => other?,
            };
            if page.generation != s.generation {
                // Headquarters lives another life: a session tells what it needs.
                self.session = None;
                return Ok((pulled, true));
            }
            let more = page.more;
            pulled += (page.f.own.len() + page.f.shared.len()) as u64;
            self.take(link, page, now)?;
            if !more {
                return Ok((pulled, false));
            }
        }
        Ok((pulled, true))
    }

    pub(super) fn take(
        &mut self,
        link: &mut dyn Link,
        pulled: Pulled,
        now: Timestamp,
    ) -> std::result::Result<(), SyncError> {
        let before = self.standing()?;
        if pulled.c == before.cur && pulled.f.own.is_empty() && pulled.f.shared.is_empty() {
            return Ok(());
        }
        let mut page = Page { news: Vec::new(), cur: pulled.c, generation: pulled.generation };
        for Item(_, bytes, adj, word) in pulled.f.shared.into_iter().chain(pulled.f.own) {
            match told(&bytes) {
                Told::Change => {
                    page.news.push(News::Change(bytes.into_vec(), adj, word.map(ByteArray::into_array)));
                }
                Told::Reject(reject) => page.news.push(News::Refused(reject)),
                Told::Marker(_) if lacks(Mutant::FeedWithoutOwn) => {}
                Told::Marker(m) if self.shows(&m)? => page.news.push(News::Settled(m)),
                Told::Marker(m) => page.news.extend(self.fetch(link, &m)?),
                // A later release's: nothing that this one could fold.
                Told::Unknown => {}
            }
        }
        let registry = self.registry.clone();
        Ok(self.write(move |tx| all(tx, &registry, &page, now))?)
    }

    /// Whether our chain shows what the marker says.
    fn shows(&self, m: &Marker) -> Result<bool> {
        self.store.read(self.tenant, |tx| {
            let origin = Origin::load(tx)?;
            if origin.epoch != m.e {
                return Ok(false);
            }
            Ok(lacks(Mutant::Presume) || log::hash_at(tx, own(BUSINESS, &origin), m.to)? == Some(*m.h))
        })
    }

    fn fetch(&mut self, link: &mut dyn Link, m: &Marker) -> std::result::Result<Vec<News>, SyncError> {
        let (mut out, mut from) = (Vec::new(), m.from);
        while from <= m.to {
            let got: Fetched = self.ask(link, Call::Fetch, &Fetch { e: m.e, from, to: m.to })?;
            if got.ch.is_empty() {
                return Err(
                    super::super::wire::WireError::Malformed("an empty answer to fetch".into()).into()
                );
            }
            from += got.ch.len() as u64;
            out.extend(got.ch.into_iter().map(|c| News::Change(c.0.into_vec(), c.1, None)));
        }
        Ok(out)
    }

    /// Looks again, once per release, at what could not be folded.
    pub(super) fn look_again(&mut self, now: Timestamp) -> Result<()> {
        if self.standing()?.looked == self.software {
            return Ok(());
        }
        let mut after = None;
        loop {
            let (registry, from) = (self.registry.clone(), after.take());
            after = self.write(move |tx| again(tx, &registry, from.clone(), now))?;
            if after.is_none() {
                break;
            }
        }
        let software = self.software.clone();
        self.write(move |tx| {
            let mut s = standing(tx)?;
            s.looked.clone_from(&software);
            save(tx, &s)
        })
    }
}

fn all(tx: &mut dyn WriteTx, registry: &Registry, page: &Page, now: Timestamp) -> Result<()> {
    // Only the site that wrote a change has it told to people.
    let cx = Cx { quiet: true, ..Cx::new(tx, &Actor::system(), now, "sync")? };
    let mut seen = 0;
    for news in &page.news {
        match news {
            News::Change(blob, adj, word) => {
                if let Ok((header, _)) = change::decode(blob) {
                    seen = seen.max(shifted(header.t, *adj));
                }
                one(tx, &cx, registry, blob, *adj, *word)?;
            }
            News::Settled(m) => settle(tx, registry, m, now)?,
            News::Refused(r) => {
                let row = Rejected { code: r.code.clone(), msg: r.msg.clone(), at: now };
                REJECTS.put(tx, &r.r[..], &row)?;
            }
        }
    }
    let mut origin = Origin::load(tx)?;
    if seen > origin.last {
        origin.last = seen;
        origin.save(tx)?;
    }
    let mut s = standing(tx)?;
    (s.cur, s.generation) = (page.cur, page.generation);
    save(tx, &s)
}

/// Takes in one change of headquarters; what can't be folded here is kept as it is.
fn one(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    registry: &Registry,
    blob: &[u8],
    adj: i64,
    word: Option<[u8; 16]>,
) -> Result<()> {
    // Feeds hold what headquarters has left of a change; one of a file, or of an earlier headquarters, may hold more.
    let blob = &*redaction::kept(tx, blob)?;
    let eid = change::eid(blob);
    let way = Arrival { adj, word, carrier: 0, settles: true };
    let kind = change::decode(blob).map(|(h, _)| h.k);
    let done = match kind.map(|k| registry.of(k)) {
        Ok(Some(folder)) => (folder.receive)(tx, cx, blob, &way).map(drop),
        Ok(None) => {
            Err(StoreError::Codec { what: "change", why: "its kind is not known to this release".into() })
        }
        Err(e) => Err(e),
    };
    match done {
        Ok(()) => {
            // Headquarters took it after all.
            REJECTS.del(tx, &eid)?;
            OPAQUE.del(tx, &eid).map(drop)
        }
        Err(StoreError::Codec { why, .. }) => {
            let row = Opaque { adj, word: word.map(ByteArray::new), why, blob: blob.to_vec() };
            OPAQUE.put(tx, &eid, &row).map(drop)
        }
        Err(e) => Err(e),
    }
}

/// Gives our own changes of a marker the shift that holds for everybody.
fn settle(tx: &mut dyn WriteTx, registry: &Registry, m: &Marker, now: Timestamp) -> Result<()> {
    let origin = Origin::load(tx)?;
    let most = usize::try_from(m.to + 1 - m.from).unwrap_or(usize::MAX);
    let mut touched = BTreeSet::new();
    for (at, entry) in tx.tail(DEPOT, own(BUSINESS, &origin), m.from - 1, most)? {
        let (blob, adj, eid) = relog::change_of(tx, BUSINESS, &entry)?;
        if at <= m.to && adj != m.adj {
            shifts::put(tx, &eid, &Shift { adj: m.adj, word: None })?;
            let (header, _) = change::decode(&blob)?;
            touched.insert((header.k, header.id));
        }
        if at <= m.to {
            REJECTS.del(tx, &eid)?;
        }
    }
    shift::refold(tx, registry, &touched, now.unsigned())
}

fn again(
    tx: &mut dyn WriteTx,
    registry: &Registry,
    after: Option<Vec<u8>>,
    now: Timestamp,
) -> Result<Option<Vec<u8>>> {
    let cx = Cx { quiet: true, ..Cx::new(tx, &Actor::system(), now, "sync")? };
    let rows = OPAQUE.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Up, AT_ONCE)?;
    for entry in rows.items {
        let Opaque { adj, word, blob, .. } = entry.value;
        one(tx, &cx, registry, &blob, adj, word.map(ByteArray::into_array))?;
    }
    Ok(rows.next)
}

/// A change of ours that headquarters could not take in, and why.
///
/// # Errors
/// Storage failures.
pub fn rejected(tx: &dyn crate::store::ReadTx, eid: &Eid) -> Result<Option<Rejected>> {
    REJECTS.get(tx, eid)
}
