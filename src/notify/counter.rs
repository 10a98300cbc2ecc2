//! A text message or mail to those whose parcel waits at the counter: a reader of the applied log that writes one for each notice that was
//! given here. Staff learn of it as a case. It works only where there is a gateway or a mail server; when one is set up later, those
//! who still wait are told.

use crate::base::clock::Timestamp;
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::clock::{Origin, UNENROLLED};
use crate::journal::log::Applied;
use crate::journal::{change, readers};
use crate::parcels::event::{PICKUP_NOTICED, ParcelEvent, PickupNoticed};
use crate::parcels::model::{ParcelId, Status};
use crate::parcels::service as parcels;
use crate::store::{Result, WriteTx};

use super::sms::{Reached, Ways};
use super::templates::Rendered;
use super::words;

/// The reader's name.
pub const READER: &str = "counter";
/// Log entries read in one step.
const ENTRIES: usize = 500;

/// Writes to recipients whose parcel waits.
#[derive(Clone)]
pub struct Counter {
    /// The language recipients are written to in.
    pub language: String,
    /// Which ways there are.
    pub ways: Ways,
}

impl Worker for Counter {
    fn name(&self) -> &'static str {
        READER
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let this = self.clone();
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, move |tx, entries| {
            entries.iter().try_for_each(|(_, entry)| this.tell(tx, now, entry))
        })?;
        Ok(if read > 0 { Step::Worked } else { Step::IDLE })
    }
}

impl Counter {
    fn tell(&self, tx: &mut dyn WriteTx, now: Timestamp, entry: &Applied) -> Result<()> {
        if entry.quiet {
            return Ok(());
        }
        let (header, body) = change::decode(&entry.blob)?;
        if header.k != PICKUP_NOTICED {
            return Ok(());
        }
        let own = header.o == UNENROLLED || header.o == Origin::load(tx)?.site;
        let parcel =
            parcels::load(tx, ParcelId(header.id))?.filter(|p| own && p.status == Status::ReadyForPickup);
        let (Some(parcel), Ok(ParcelEvent::PickupNoticed(PickupNoticed { until, percent, .. }))) =
            (parcel, ParcelEvent::decode(header.k, header.v, &body))
        else {
            return Ok(());
        };
        if parcel.pickup_noticed != percent {
            return Ok(()); // a later notice says more
        }
        let (subject, text) = words::waits(&self.language, &parcel.number, until);
        let r = &parcel.facts.recipient;
        let who = Reached { phone: r.phone.as_deref(), email: r.email.as_deref(), desk: None, link: "" };
        self.ways.write_to(tx, (now, now), who, &Rendered { subject, text }).map(drop)
    }
}
