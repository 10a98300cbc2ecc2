//! What runs by itself at the import desk: reminders are called in when they are due, and whoever has to know is told.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::event::{MASTER_KINDS, MawbEvent, Reminded};
use super::model::{Alarm, Mawb, State};
use super::notices::{self, Told};
use super::repo::{BY_STATE, MAWBS, state_key};
use super::service::{replan, tell};
use super::sop::{Action, To};
use super::{clocks, desk};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::due::{self, DueKind};
use crate::deadlines::policy::Policy;
use crate::identity::grant::Actor;
use crate::jobs::queue::{Limits, NewJob, enqueue};
use crate::jobs::runner::{Ctx, Handler, JobError, JobRun, Step, Worker};
use crate::journal::clock::{Origin, UNENROLLED};
use crate::journal::log::Applied;
use crate::journal::{Cx, Event, change, readers};
use crate::notify::inbox;
use crate::notify::mail::{self, Letter};
use crate::store::{Dir, KeyRange, Lane, ReadTx, Result, Store, StoreError, Tenant, WriteTx};

/// Waybills whose reminders are called in by one transaction.
pub const AT_ONCE: usize = 50;
/// The kind of job that looks at every open waybill's deadline anew.
pub const REPLAN: &str = "freight.replan";
/// The reader's name.
pub const READER: &str = "freight.notices";
/// Log entries read in one step.
const ENTRIES: usize = 200;

/// Calls reminders in.
pub struct Reminders;

impl Worker for Reminders {
    fn name(&self) -> &'static str {
        "freight.reminders"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        if fire(&ctx.store, ctx.tenant, now)? > 0 {
            return Ok(Step::Worked);
        }
        let next = ctx.store.read(ctx.tenant, |tx| due::next(tx, DueKind::Freight))?;
        Ok(Step::IdleUntil(next.map_or(Timestamp::MAX, |d| d.at)))
    }
}

/// Calls in what is due at `now`, of at most [`AT_ONCE`] waybills; returns of how many.
///
/// # Errors
/// Storage failures; then nothing was called in.
pub fn fire(store: &Store, tenant: Tenant, now: Timestamp) -> Result<usize> {
    if store.read(tenant, |tx| due::passed(tx, DueKind::Freight, now, None, 1))?.0.is_empty() {
        return Ok(0);
    }
    store.write(tenant, Lane::Bulk, move |tx| fire_all(tx, now)).wait()
}

pub(super) fn fire_all(tx: &mut dyn WriteTx, now: Timestamp) -> Result<usize> {
    let (passed, _) = due::passed(tx, DueKind::Freight, now, None, AT_ONCE)?;
    let cx = Cx::new(tx, &Actor::system(), now, "deadline")?;
    let origin = Origin::load(tx)?;
    for d in &passed {
        let row = MAWBS.get(tx, &d.subject)?.filter(|r| r.due == Some(d.at));
        let Some(mut row) = row else {
            // Gone, or with another deadline by now: nothing is due.
            due::replace(tx, DueKind::Freight, d.subject, Some(d.at), None)?;
            continue;
        };
        let ours = row.state.origin.is_none_or(|site| origin.is(site));
        match calls(tx, &cx, &row.state)?.filter(|_| ours) {
            Some(event) => {
                tell(tx, &cx, d.subject, vec![event]).map_err(store_error)?;
            }
            // Only the site that has it reminds; what it finds comes to everybody else as a change.
            None => {
                due::replace(tx, DueKind::Freight, d.subject, Some(d.at), None)?;
                row.due = None;
                MAWBS.put(tx, &d.subject, &row)?;
            }
        }
    }
    Ok(passed.len())
}

/// The reminders of `m` that are due, as an event; none when none is.
fn calls(tx: &dyn ReadTx, cx: &Cx, m: &Mawb) -> Result<Option<MawbEvent>> {
    let Some(run) = &m.run else { return Ok(None) };
    let sop = desk::version(tx, run.version)?;
    let (clocks, terminal) = desk::clocks_of(tx, &cx.policy.rules.opening.zone, m)?;
    let calls = sop.calls(m, run, &clocks, cx.now);
    if calls.seen.is_empty() {
        return Ok(None);
    }
    let (mut said, mut alarms) = (Vec::new(), Vec::new());
    for call in &calls.out {
        let mut text = call.reminder.text.clone();
        if let Some(kind) = &call.reminder.alarm {
            let today = cx.now.day(&clocks.zone);
            if let Some((cost, currency)) = clocks::storage(m, &terminal, today).filter(|(c, _)| c.days > 0) {
                text = format!("{text}; {} {currency} in cents so far, {} days", cost.minor, cost.days);
            }
            alarms.push(Alarm { kind: kind.clone(), at: call.at, detail: text.clone() });
        }
        said.push((call.step.role.clone(), text));
    }
    Ok(Some(MawbEvent::Reminded(Reminded { seen: calls.seen, said, alarms })))
}

pub(super) fn store_error(e: super::error::FreightError) -> StoreError {
    match e {
        super::error::FreightError::Store(e) => e,
        other => StoreError::Corrupt(other.to_string()),
    }
}

/// Demands that every open waybill's deadline is looked at anew.
///
/// # Errors
/// Storage failures.
pub fn demand_replan(tx: &mut dyn WriteTx, now: Timestamp) -> Result<()> {
    enqueue(tx, now, NewJob::new(REPLAN, &())?.unique(REPLAN)).map(drop)
}

/// Looks at every open waybill's deadline anew, after a terminal's rules changed.
pub struct Replan;

impl Handler for Replan {
    fn kind(&self) -> &'static str {
        REPLAN
    }

    fn limits(&self) -> Limits {
        Limits { attempts: 10, first_delay: Duration::from_secs(2), timeout: Duration::from_secs(3_600) }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, std::result::Result<(), JobError>> {
        Box::pin(async move {
            let now = job.now;
            // A file that is not closed may have units out or bills open after its goods are gone.
            for state in State::ALL.into_iter().filter(|s| *s != State::Closed) {
                let mut after = None;
                loop {
                    let from = after.take();
                    let page = move |tx: &mut dyn WriteTx| -> Result<Option<Vec<u8>>> {
                        let cx = Cx::new(tx, &Actor::system(), now, "job")?;
                        let range = KeyRange::prefix(&state_key(state)).resume(from.clone());
                        let rows = MAWBS.scan(tx, BY_STATE, &range, Dir::Up, AT_ONCE)?;
                        for e in &rows.items {
                            replan(tx, &cx, e.value.state.id).map_err(store_error)?;
                        }
                        Ok(rows.next)
                    };
                    match job.store.write(job.tenant, Lane::Bulk, page).await? {
                        None => break,
                        next => after = next,
                    }
                }
            }
            Ok(())
        })
    }
}

/// Somebody who is told.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub user: Id,
    /// Where mail reaches them.
    pub email: Option<String>,
}

/// Who has which role.
pub trait People: Send + Sync + 'static {
    /// Those who do the steps of `role`.
    ///
    /// # Errors
    /// Storage failures.
    fn of_role(&self, tx: &dyn ReadTx, role: &str) -> Result<Vec<Person>>;

    /// The language in which the house writes to those it does not know.
    ///
    /// # Errors
    /// Storage failures.
    fn language(&self, tx: &dyn ReadTx) -> Result<String>;
}

/// Tells whoever has to know, by what the journal says: a step that was done, a reminder that was called in. What is sent
/// and how far the journal was read are saved together, so a crash repeats nothing and loses nothing.
#[derive(Clone)]
pub struct Notices {
    /// Who does what.
    pub people: Arc<dyn People>,
    /// Whether there is a mail server; without one everything stays on the screen.
    pub mail: bool,
}

impl Worker for Notices {
    fn name(&self) -> &'static str {
        READER
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let this = self.clone();
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, move |tx, entries| {
            entries.iter().try_for_each(|(_, entry)| this.read(tx, now, entry))
        })?;
        Ok(if read > 0 { Step::Worked } else { Step::IDLE })
    }
}

impl Notices {
    fn read(&self, tx: &mut dyn WriteTx, now: Timestamp, entry: &Applied) -> Result<()> {
        if entry.quiet {
            return Ok(());
        }
        let (header, body) = change::decode(&entry.blob)?;
        let site = Origin::load(tx)?.site;
        if !MASTER_KINDS.contains(&header.k) || (header.o != site && header.o != UNENROLLED) {
            return Ok(());
        }
        let Some(m) = MAWBS.get(tx, &header.id)?.map(|row| row.state) else { return Ok(()) };
        match MawbEvent::decode(header.k, header.v, &body) {
            Ok(MawbEvent::Reminded(news)) => {
                for (role, text) in &news.said {
                    self.tell_role(tx, now, &m, (role, text))?;
                }
            }
            Ok(MawbEvent::Stepped(step)) => self.stepped(tx, now, &m, &step.step)?,
            // What a newer release writes is told by a newer release.
            Ok(_) | Err(_) => {}
        }
        Ok(())
    }

    fn stepped(&self, tx: &mut dyn WriteTx, now: Timestamp, m: &Mawb, key: &str) -> Result<()> {
        let sop = desk::version(tx, m.procedure().version)?;
        let Some(step) = sop.step(key) else { return Ok(()) };
        for action in &step.actions {
            match action {
                Action::Task { text } => self.tell_role(tx, now, m, (&step.role, text))?,
                Action::Mail { template, to: To::Role } => {
                    let (_, text) = self.letter(tx, m, template)?;
                    self.tell_role(tx, now, m, (&step.role, &text))?;
                }
                Action::Mail { template, to: To::Consignee } if m.state.is_open() => {
                    self.write_to_consignee(tx, now, m, (&step.role, template))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn write_to_consignee(
        &self,
        tx: &mut dyn WriteTx,
        now: Timestamp,
        m: &Mawb,
        (role, template): (&str, &str),
    ) -> Result<()> {
        let (subject, text) = self.letter(tx, m, template)?;
        let consignee = m.facts.consignee.clone().unwrap_or_default();
        match consignee.email.filter(|_| self.mail) {
            Some(to) => mail::post(tx, now, Letter::new(to, subject, text)).map(drop),
            None => {
                let phone = consignee.phone.unwrap_or_else(|| "no number is known".into());
                let task = format!("telephone {} ({phone}): {subject}", consignee.name);
                self.tell_role(tx, now, m, (role, &task))
            }
        }
    }

    /// Subject and text of a letter about `m`.
    fn letter(&self, tx: &dyn ReadTx, m: &Mawb, template: &str) -> Result<(String, String)> {
        Ok(notices::letter(&self.people.language(tx)?, template, &told(tx, m)?))
    }

    fn tell_role(
        &self,
        tx: &mut dyn WriteTx,
        now: Timestamp,
        m: &Mawb,
        (role, text): (&str, &str),
    ) -> Result<()> {
        let (title, link) = (format!("{}: {text}", m.number), format!("/mawbs/{}", m.id));
        for person in self.people.of_role(tx, role)? {
            inbox::tell(tx, now, person.user, &title, text, &link)?;
            if let Some(to) = person.email.filter(|_| self.mail) {
                let text = format!("{title}\n\n{link}\n");
                mail::post(tx, now, Letter::new(to, title.clone(), text))?;
            }
        }
        Ok(())
    }
}

/// What a letter about `m` tells.
fn told(tx: &dyn ReadTx, m: &Mawb) -> Result<Told> {
    let policy = Policy::current(tx)?;
    let (clocks, terminal) = desk::clocks_of(tx, &policy.rules.opening.zone, m)?;
    let pieces = super::counts::pieces(m);
    let isc = m.facts.isc.clone();
    let usual = || terminal.isc.as_ref().map(|c| c.of(m.facts.weight.map_or(0, |w| w.0)));
    Ok(Told {
        number: m.number.to_string(),
        expected: pieces.expected,
        received: pieces.received,
        flight: m.facts.flight.clone(),
        eta: m.facts.eta.map(|t| t.civil(&clocks.zone)),
        received_at: clocks.received.map(|t| t.civil(&clocks.zone)),
        lfd: clocks.lfd,
        isc: isc.or_else(usual),
    })
}
