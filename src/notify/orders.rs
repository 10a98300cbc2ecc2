//! Tells those who ordered how their order goes, by text message or mail, where the house wants that. Read from the log after the fact: of
//! the steps that were taken here, never of what files and other systems tell.

use super::refusals;
use super::sms::{Reached, Ways};
use super::steps::{self, Step};
use super::templates::{self, Shown, Topic, spoken};
use crate::base::clock::Timestamp;
use crate::jobs::runner::{Ctx, JobError, Step as Done, Worker};
use crate::journal::clock::Origin;
use crate::journal::event::SiteRef;
use crate::journal::log::Applied;
use crate::journal::{Event, change, load, readers};
use crate::orders::event::{FIRST_KIND, OrderEvent};
use crate::orders::model::Order;
use crate::store::{Result, WriteTx};

const READER: &str = "notify.orders";
/// Entries of the log dealt with in one transaction.
const ENTRIES: usize = 200;

/// The reader. It reads whether or not anybody is told, so that a house which begins to tell does not begin with its past.
#[derive(Clone, Debug)]
pub struct TellCustomers {
    /// Whether the house wants customers to be told.
    pub on: bool,
    /// Which ways there are.
    pub ways: Ways,
    /// The language customers are written to in.
    pub language: String,
}

impl Worker for TellCustomers {
    fn name(&self) -> &'static str {
        READER
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Done, JobError> {
        let this = self.clone();
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, move |tx, entries| {
            entries.iter().filter(|_| this.on).try_for_each(|(_, entry)| this.entry(tx, now, entry))
        })?;
        Ok(if read == 0 { Done::IDLE } else { Done::Worked })
    }
}

impl TellCustomers {
    fn entry(&self, tx: &mut dyn WriteTx, now: Timestamp, entry: &Applied) -> Result<()> {
        let (header, body) = change::decode(&entry.blob)?;
        let ours = Origin::load(tx)?.is(SiteRef::new(header.o, header.e));
        if entry.quiet || !ours || !(FIRST_KIND..=0x44f).contains(&header.k) {
            return Ok(());
        }
        let OrderEvent::Moved(moved) = OrderEvent::decode(header.k, header.v, &body)? else { return Ok(()) };
        let Some(row) = load::<Order>(tx, header.id)? else { return Ok(()) };
        let o = row.state;
        let language = spoken(&self.language);
        let Some(did) = steps::did(Topic::Customer, language, moved.to.as_str()) else { return Ok(()) };
        let step = Step {
            step: moved.to.as_str(),
            did,
            number: o.number,
            customer: o.customer.name.unwrap_or_default(),
            address: o.customer.address.unwrap_or_default(),
            reason: moved.reason.unwrap_or_default(),
            link: String::new(),
        };
        let Some(made) = templates::message(tx, Topic::Customer, language, &Shown::Step(step))? else {
            return Ok(());
        };
        let (phone, email) =
            refusals::admitted(tx, o.customer.phone.as_deref(), o.customer.email.as_deref())?;
        let who = Reached { phone, email, desk: None, link: "" };
        self.ways.write_to(tx, (now, now), who, &made).map(drop)
    }
}
