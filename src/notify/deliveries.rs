//! Tells people of the deliveries that concern them: who was given one or lost it, and who asked for one that moved on.
//! Read from the log after the fact, so no request waits for it and a crash loses nothing.

use super::mail::{self, Letter};
use super::{inbox, words};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deliveries::event::{DeliveryEvent, FIRST_KIND};
use crate::deliveries::model::{Delivery, Status};
use crate::identity::repo as users;
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::clock::Origin;
use crate::journal::event::SiteRef;
use crate::journal::log::Applied;
use crate::journal::{Event, change, history, load, readers};
use crate::store::{Result, WriteTx};

const READER: &str = "notify.deliveries";
/// Entries of the log dealt with in one transaction.
const ENTRIES: usize = 200;

/// The reader.
#[derive(Clone, Debug)]
pub struct Tell {
    /// Whether there is a mail server; without one it stays on the screen.
    pub mail: bool,
}

impl Worker for Tell {
    fn name(&self) -> &'static str {
        READER
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let this = self.clone();
        let tell = move |tx: &mut dyn WriteTx, entries: &[(u64, Applied)]| {
            entries.iter().try_for_each(|(_, entry)| this.entry(tx, now, entry))
        };
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, tell)?;
        Ok(if read == 0 { Step::IDLE } else { Step::Worked })
    }
}

impl Tell {
    fn entry(&self, tx: &mut dyn WriteTx, now: Timestamp, entry: &Applied) -> Result<()> {
        let (header, body) = change::decode(&entry.blob)?;
        // Only the site that wrote a change causes its mail.
        let ours = Origin::load(tx)?.is(SiteRef::new(header.o, header.e));
        if entry.quiet || !ours || !(FIRST_KIND..=0x43f).contains(&header.k) {
            return Ok(());
        }
        let event = DeliveryEvent::decode(header.k, header.v, &body)?;
        let Some(row) = load::<Delivery>(tx, header.id)? else { return Ok(()) };
        let d = &row.state;
        let concerns: Vec<(Id, words::Told)> = match &event {
            DeliveryEvent::Assigned { to, .. } => {
                let before = former(tx, &row.line, change::eid(&entry.blob))?.filter(|f| *f != to.id);
                let lost = before.map(|f| (f, words::Told::Unassigned));
                [(to.id, words::Told::Assigned)].into_iter().chain(lost).collect()
            }
            DeliveryEvent::Unassigned { .. } => {
                let before = former(tx, &row.line, change::eid(&entry.blob))?;
                before.map(|f| (f, words::Told::Unassigned)).into_iter().collect()
            }
            DeliveryEvent::Moved(m) => {
                let said = match m.to {
                    Status::InTransit => words::Told::Left,
                    Status::Completed => words::Told::Completed,
                    Status::Failed => words::Told::Failed,
                    Status::Cancelled => words::Told::Cancelled,
                    Status::Created | Status::Assigned => return Ok(()),
                };
                let assignee = d.assignee.as_ref().map(|a| a.id);
                let mut all: Vec<Id> = d.asked_by.into_iter().chain(assignee).collect();
                all.sort_unstable();
                all.dedup();
                all.into_iter().map(|id| (id, said)).collect()
            }
            _ => return Ok(()),
        };
        for (user, said) in concerns {
            self.tell(tx, now, d, user, said, header.u)?;
        }
        Ok(())
    }

    fn tell(
        &self,
        tx: &mut dyn WriteTx,
        now: Timestamp,
        d: &Delivery,
        user: Id,
        said: words::Told,
        actor: u32,
    ) -> Result<()> {
        let Some(standing) = users::standing(tx, user, now)?.filter(users::Standing::is_admitted) else {
            return Ok(());
        };
        // Whoever did it knows.
        if standing.user.number == actor {
            return Ok(());
        }
        let title = words::delivery(&standing.user.language, said, d.number);
        let text = format!("{} · {}", d.facts.customer, d.facts.address);
        let link = format!("/deliveries/{}", d.id);
        inbox::tell(tx, now, user, &title, &text, &link)?;
        if let Some(to) = standing.user.email.filter(|_| self.mail) {
            mail::post(tx, now, Letter::new(to, title.clone(), format!("{title}\n\n{text}\n")))?;
        }
        Ok(())
    }
}

/// Who had the delivery before the change `eid`.
fn former(
    tx: &dyn crate::store::ReadTx,
    line: &crate::journal::fold::Timeline,
    eid: crate::journal::Eid,
) -> Result<Option<Id>> {
    let mut had = None;
    for (_, e) in history::<Delivery>(tx, line)? {
        if e.key.eid == eid {
            break;
        }
        match e.event {
            DeliveryEvent::Assigned { to, .. } => had = Some(to.id),
            DeliveryEvent::Unassigned { .. } => had = None,
            _ => {}
        }
    }
    Ok(had)
}
