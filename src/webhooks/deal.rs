//! Reads the log and writes a message for each subscriber that wants to know. Every subscription goes on from its own
//! place: one whose messages pile up stands still there, and the others go on.

use super::model::{
    MAX_WAITING, MAX_WEBHOOKS, MESSAGES, Message, PLACES, Place, State, WEBHOOKS, Webhook, message_key,
};
use super::send::{Payload, SEND};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::events::event;
use crate::jobs::queue::{NewJob, enqueue, id_at};
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::clock::{HEADQUARTERS, Origin};
use crate::journal::event::SiteRef;
use crate::journal::log::{APPLIED, Applied};
use crate::journal::{change, log};
use crate::store::{DEPOT, Dir, Ix, KeyRange, Lane, ReadTx, Result, Tenant, WriteTx};

/// Entries of the log dealt with in one transaction.
const ENTRIES: usize = 200;

/// Writes messages.
pub struct Dispatch;

impl Worker for Dispatch {
    fn name(&self) -> &'static str {
        "webhooks"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let tenant = ctx.tenant;
        let behind = ctx.store.read(tenant, behind)?;
        for id in &behind {
            let id = *id;
            let deal = move |tx: &mut dyn WriteTx| deal(tx, tenant, now, id);
            ctx.store.write(tenant, Lane::Bulk, deal).wait()?;
        }
        Ok(if behind.is_empty() { Step::IDLE } else { Step::Worked })
    }
}

fn has_room(place: &Place) -> bool {
    place.waiting < MAX_WAITING
}

/// The subscriptions that have entries before them and room for messages.
fn behind(tx: &dyn ReadTx) -> Result<Vec<Id>> {
    let end = tx.head(DEPOT, APPLIED)?.last;
    let all = WEBHOOKS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_WEBHOOKS)?;
    let mut behind = Vec::new();
    for webhook in all.items.iter().map(|e| &e.value).filter(|w| w.active) {
        let place = PLACES.get(tx, &webhook.id)?.unwrap_or_default();
        if place.seq < end && has_room(&place) {
            behind.push(webhook.id);
        }
    }
    Ok(behind)
}

/// Goes on with the messages of one subscription.
fn deal(tx: &mut dyn WriteTx, tenant: Tenant, now: Timestamp, id: Id) -> Result<()> {
    let Some(webhook) = WEBHOOKS.get(tx, &id)?.filter(|w| w.active) else { return Ok(()) };
    let mut place = PLACES.get(tx, &id)?.unwrap_or_default();
    let origin = Origin::load(tx)?;
    for (seq, entry) in log::applied_after(tx, place.seq, ENTRIES)? {
        if !has_room(&place) {
            break;
        }
        place.seq = seq;
        if let Some(name) = name_for(&webhook, &origin, tenant, seq, &entry)? {
            write(tx, now, &webhook, seq, name)?;
            place.waiting += 1;
        }
    }
    PLACES.put(tx, &id, &place).map(drop)
}

/// The name of the event at `seq`, if this subscription is told of it here.
fn name_for(
    webhook: &Webhook,
    origin: &Origin,
    tenant: Tenant,
    seq: u64,
    entry: &Applied,
) -> Result<Option<&'static str>> {
    if entry.quiet {
        return Ok(None);
    }
    let (header, _) = change::decode(&entry.blob)?;
    // A depot tells of what it wrote; headquarters' own subscribers hear of everything.
    if origin.site != HEADQUARTERS && !origin.is(SiteRef::new(header.o, header.e)) {
        return Ok(None);
    }
    Ok(event::told(tenant, seq, entry)?.map(|told| told.name).filter(|name| webhook.wants(name)))
}

fn write(tx: &mut dyn WriteTx, now: Timestamp, webhook: &Webhook, seq: u64, name: &str) -> Result<()> {
    let message = Message {
        id: id_at(now),
        webhook: webhook.id,
        seq,
        name: name.to_owned(),
        state: State::Pending,
        attempts: 0,
        round: 0,
        status: None,
        error: None,
        created_at: now,
        tried_at: None,
    };
    MESSAGES.put(tx, &message_key(webhook.id, message.id), &message)?;
    enqueue(tx, now, NewJob::new(SEND, &Payload::of(&message))?)?;
    Ok(())
}
