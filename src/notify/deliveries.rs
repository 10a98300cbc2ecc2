//! Tells people of the deliveries that concern them: who was given one or lost it, and who asked for one that moved on.
//! Read from the log after the fact, so no request waits for it and a crash loses nothing.

use super::inbox;
use super::plan::{self, When};
use super::refusals;
use super::sms::{Reached, Ways};
use super::steps::{self, Step};
use super::templates::{self, Shown, Topic, spoken};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::policy::Policy;
use crate::deliveries::event::{DeliveryEvent, FIRST_KIND};
use crate::deliveries::model::{Delivery, Status};
use crate::fleet::model::Driver;
use crate::fleet::repo as fleet;
use crate::identity::repo as users;
use crate::jobs::runner::{Ctx, JobError, Step as Done, Worker};
use crate::journal::clock::Origin;
use crate::journal::event::SiteRef;
use crate::journal::log::Applied;
use crate::journal::{Event, change, history, load, readers};
use crate::store::{ReadTx, Result, WriteTx};

const READER: &str = "notify.deliveries";
/// Entries of the log dealt with in one transaction.
const ENTRIES: usize = 200;

/// The reader.
#[derive(Clone, Debug)]
pub struct Tell {
    /// Which ways there are; without one it stays on the screen.
    pub ways: Ways,
    /// Whether those to whom something is brought are written to as well, and in which language.
    pub recipients: Option<String>,
}

/// Somebody it concerns, and what they are told.
type Concern = (Id, &'static str);

impl Worker for Tell {
    fn name(&self) -> &'static str {
        READER
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Done, JobError> {
        let this = self.clone();
        let tell = move |tx: &mut dyn WriteTx, entries: &[(u64, Applied)]| {
            entries.iter().try_for_each(|(_, entry)| this.entry(tx, now, entry))
        };
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, tell)?;
        Ok(if read == 0 { Done::IDLE } else { Done::Worked })
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
        let eid = change::eid(&entry.blob);
        let (concerns, reason): (Vec<Concern>, _) = match &event {
            DeliveryEvent::Assigned { to, .. } => {
                let before = former(tx, &row.line, eid)?.filter(|f| *f != to.id);
                let lost = before.map(|f| (f, UNASSIGNED));
                ([(to.id, "assigned")].into_iter().chain(lost).collect(), None)
            }
            DeliveryEvent::Unassigned { reason } => {
                let before = former(tx, &row.line, eid)?;
                (before.map(|f| (f, UNASSIGNED)).into_iter().collect(), reason.clone())
            }
            DeliveryEvent::Moved(m) => {
                let assignee = d.assignee.as_ref().map(|a| a.id);
                let mut all: Vec<Id> = d.asked_by.into_iter().chain(assignee).collect();
                all.sort_unstable();
                all.dedup();
                self.tell_recipient(tx, now, d, m.to, m.reason.as_deref())?;
                (all.into_iter().map(|id| (id, m.to.as_str())).collect(), m.reason.clone())
            }
            _ => return Ok(()),
        };
        for concern in concerns {
            self.tell(tx, now, d, concern, reason.as_deref(), header.u)?;
        }
        Ok(())
    }

    fn tell(
        &self,
        tx: &mut dyn WriteTx,
        now: Timestamp,
        d: &Delivery,
        (user, step): Concern,
        reason: Option<&str>,
        actor: u32,
    ) -> Result<()> {
        let Some(standing) = users::standing(tx, user, now)?.filter(users::Standing::is_admitted) else {
            return Ok(());
        };
        let (plan, _) = plan::plan(tx)?;
        // Whoever did it knows.
        if standing.user.number == actor || !plan.tells_role(Topic::Delivery, &standing.user.role) {
            return Ok(());
        }
        let link = format!("/deliveries/{}", d.id);
        let language = spoken(&standing.user.language);
        let Some(made) = message(tx, Topic::Delivery, language, d, (step, reason, &link))? else {
            return Ok(());
        };
        let text = format!("{} · {}", d.facts.customer, d.facts.address);
        inbox::tell(tx, now, user, &made.subject, &text, &link)?;
        let policy = Policy::current(tx)?;
        let wishes = plan::wishes(tx, user)?;
        let when = wishes.when(Topic::Delivery, plan.quiet, now, policy.calendar.zone());
        let due = match when {
            When::Never => return Ok(()),
            When::Now => now,
            When::At(due) => due,
        };
        let phone = if wishes.sms { phone_of(tx, user)? } else { None };
        let email = standing.user.email.filter(|_| wishes.mail);
        // On the screen they were told already.
        let who = Reached { phone: phone.as_deref(), email: email.as_deref(), desk: None, link: "" };
        self.ways.write_to(tx, (now, due), who, &made).map(drop)
    }

    /// Writes to whom it is brought, where the house wants that and somebody gave an address.
    fn tell_recipient(
        &self,
        tx: &mut dyn WriteTx,
        now: Timestamp,
        d: &Delivery,
        to: Status,
        reason: Option<&str>,
    ) -> Result<()> {
        let Some(language) = &self.recipients else { return Ok(()) };
        let Some(made) = message(tx, Topic::Recipient, spoken(language), d, (to.as_str(), reason, ""))?
        else {
            return Ok(());
        };
        let link = format!("/deliveries/{}", d.id);
        let (phone, email) = refusals::admitted(tx, d.facts.phone.as_deref(), d.facts.email.as_deref())?;
        let desk = d.asked_by.or(d.assignee.as_ref().map(|a| a.id));
        self.ways.write_to(tx, (now, now), Reached { phone, email, desk, link: &link }, &made).map(drop)
    }
}

/// The telephone of a user who drives.
fn phone_of(tx: &dyn ReadTx, user: Id) -> Result<Option<String>> {
    let all = fleet::all::<Driver>(tx)?;
    Ok(all.into_iter().find(|(_, d, _)| d.user == Some(user)).and_then(|(_, d, _)| d.phone))
}

const UNASSIGNED: &str = "unassigned";

/// What is written of a step; none when nobody is told of it.
fn message(
    tx: &dyn ReadTx,
    topic: Topic,
    language: &str,
    d: &Delivery,
    (step, reason, link): (&'static str, Option<&str>, &str),
) -> Result<Option<templates::Rendered>> {
    let Some(did) = steps::did(topic, language, step) else { return Ok(None) };
    let shown = Step {
        step,
        did,
        number: d.number,
        customer: d.facts.customer.clone(),
        address: d.facts.address.clone(),
        reason: reason.unwrap_or_default().to_owned(),
        link: link.to_owned(),
    };
    templates::message(tx, topic, language, &Shown::Step(shown))
}

/// Who had the delivery before the change `eid`.
fn former(
    tx: &dyn ReadTx,
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
