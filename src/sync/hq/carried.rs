//! Headquarters' side of the exchange by files: what a depot would have pushed is pushed, and what it would have pulled
//! goes into the answer.

use super::super::carried::{FileError, Inbound, Leg, Outbound, Reader, Writer};
use super::super::keys::Sign;
use super::super::sites::{self, KEYS};
use super::super::wire::files::{FileHas, FilePart};
use super::super::wire::{self, BATCH_BYTES, Code, Log, Logs, Pull, Push, Pushed, Refusal, Shown};
use super::{Body, Caller, Hq, feed, files, ingest, tables};
use crate::base::clock::Timestamp;
use crate::store::{NODE, Tenant};

/// What became of a depot's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The depot.
    pub site: u32,
    /// Changes in it; those that were here before count too.
    pub changes: u64,
    /// Why the rest was not taken, when it was not.
    pub stopped: Option<Refusal>,
    head: Outbound,
    acks: Logs<Option<Shown>>,
    files: Vec<FileHas>,
}

impl From<FileError> for Refusal {
    fn from(e: FileError) -> Self {
        let code = if e == FileError::TooLarge { Code::TooBig } else { Code::Malformed };
        Self::new(code).saying(e.to_string())
    }
}

/// Takes a depot's file in; durable when it returns. Only depots of `tenant` may be in it.
///
/// # Errors
/// A refusal of the whole file: nothing of it is kept.
pub fn take(hq: &Hq, tenant: Tenant, bytes: &[u8], now: Timestamp) -> Result<Taken, Refusal> {
    let file = Reader::open(bytes)?;
    let head: Outbound = file.head()?;
    let strange = || {
        Refusal::new(Code::Scope)
            .saying("the file is by no depot of this headquarters, or was changed on its way")
    };
    let owner = hq.store.read(NODE, |tx| KEYS.get(tx, &head.key[..]))?.ok_or_else(strange)?;
    if owner.tenant != tenant || owner.site != head.site || !file.is_by(&owner.key, hq.verify) {
        return Err(strange());
    }
    let site = hq.store.read(tenant, |tx| sites::site(tx, head.site))?.ok_or_else(strange)?;
    if site.epoch != head.ep {
        let said = "the depot has begun a new log since, or has to: it must reach headquarters once";
        return Err(Refusal::new(Code::Stale).saying(said));
    }
    let who = Caller { tenant, site: head.site, epoch: head.ep };
    let mut taken = Taken {
        site: head.site,
        changes: 0,
        stopped: None,
        head: head.clone(),
        acks: Logs::default(),
        files: Vec::new(),
    };
    for raw in file.messages() {
        match one(hq, who, raw, now) {
            Ok(One::Changes(l, n, pushed)) => {
                taken.changes += n;
                *taken.acks.of_mut(l) = Some(Shown(pushed.ack, pushed.h));
            }
            Ok(One::File(has)) => {
                taken.files.retain(|f| f.f != has.f);
                taken.files.push(has);
            }
            Err(refusal) => {
                taken.stopped = Some(refusal);
                break;
            }
        }
    }
    Ok(taken)
}

/// What one message brought.
enum One {
    /// Changes of a log: how many, and what was said to them.
    Changes(Log, u64, Pushed),
    /// A part of a content.
    File(FileHas),
}

fn one(hq: &Hq, who: Caller, raw: &[u8], now: Timestamp) -> Result<One, Refusal> {
    let plain = wire::unpack(raw)?;
    if let Ok(part) = wire::decode::<FilePart>(&plain) {
        return Ok(One::File(files::take(hq, who, &part)?));
    }
    let push: Push = wire::decode(&plain)?;
    let pushed = ingest::push(hq, who, Body { raw, packed: true, plain: &plain }, now)?;
    Ok(One::Changes(push.l, push.ch.len() as u64, pushed))
}

/// The answer to a file: what was acknowledged, and what the depot has not seen of its feeds, as far as a file may hold
/// it. To be made once what was taken is folded and passed on, or the next file brings it.
///
/// # Errors
/// A refusal.
pub fn answer(hq: &Hq, tenant: Tenant, taken: &Taken, key: &dyn Sign) -> Result<Vec<u8>, Refusal> {
    let head = Inbound { site: taken.site, ep: taken.head.ep, acks: taken.acks, files: taken.files.clone() };
    let mut file = Writer::new(&head)?;
    let who = Caller { tenant, site: taken.site, epoch: taken.head.ep };
    let (generation, mut from) = (tables::life(&hq.store, tenant)?, taken.head.cur);
    // A depot that last spoke to another life of headquarters gets nothing here: only a session can say what it holds.
    let mut goes_on = generation == taken.head.generation;
    while goes_on {
        let ask = Pull { generation, c: from, max: BATCH_BYTES as u32, wait: 0 };
        let page = match feed::pull(hq, who, &ask) {
            Ok(page) => page,
            // It was away for too long: only a session can say where it goes on.
            Err(r) if r.e == Code::Gap => break,
            Err(r) => return Err(r),
        };
        let (more, next) = (page.more, page.c);
        if next == from || !file.add(&Leg { from, page })? {
            break;
        }
        from = next;
        goes_on = more;
    }
    Ok(file.signed(key))
}
