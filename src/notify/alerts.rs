//! Telling people of cases: a reader of the applied log that gathers the cases opened here and those that escalated,
//! and tells those concerned, with one message each however many there are. What is gathered and how far the log is read
//! are saved together, and so are the messages and the empty basket: a crash repeats nothing and loses nothing.
//!
//! On the screen everybody is told at once. What goes by other [ways](super::channel) is rendered from the tenant's
//! [`templates`]; where somebody's hours are quiet, or they want one mail for so many minutes, it is
//! [`held`] and goes out as one message when its time comes.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::held::{self, HELD};
use super::plan::{self, Plan, When};
use super::templates::{self, Cases, Line, Rendered, Shown, Topic};
use super::{inbox, words};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::event::{CaseEvent, FIRST_KIND};
use crate::cases::reasons::Group;
use crate::deadlines::policy::{Policy, Tier};
use crate::first_record;
use crate::identity::grant::Scope;
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::clock::{HEADQUARTERS, Origin, UNENROLLED};
use crate::journal::log::Applied;
use crate::journal::{Event, change, readers};
use crate::store::{Home, Lane, ReadTx, Result, Table, WriteTx};

/// The reader's name.
pub const READER: &str = "alerts";
/// Cases a message names; the rest are counted.
pub const MAX_NAMED: usize = 20;
/// Cases gathered at the most before a digest goes out, whatever the interval.
pub const MAX_GATHERED: usize = 5_000;
/// Log entries read in one step.
const ENTRIES: usize = 500;
/// Held messages that go out in one transaction.
const AT_ONCE: usize = 100;
/// The kind of change by which a case escalates.
const ESCALATED: u16 = FIRST_KIND + 10;

/// Somebody who is to be told.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Who.
    pub user: Id,
    /// Their role.
    pub role: String,
    /// Where mail reaches them; without it they are told on the screen alone.
    pub email: Option<String>,
    /// The language they read, as a BCP 47 tag.
    pub language: String,
    /// Whose cases they may see.
    pub scope: Scope,
}

/// Who is to be told: active users with the feature `alerts.receive`.
pub trait Recipients: Send + Sync + 'static {
    /// All of them.
    ///
    /// # Errors
    /// Storage failures.
    fn for_alerts(&self, tx: &dyn ReadTx) -> Result<Vec<Recipient>>;
}

/// A case in a line.
#[derive(Clone, Debug)]
pub struct CaseLine {
    /// Why it was opened.
    pub reason: String,
    /// What that reason is about.
    pub group: Group,
    /// The role that sits at its desk.
    pub role: String,
    /// In whose hands it is.
    pub owner: Option<Id>,
    /// What it is about, such as a tracking number.
    pub label: String,
    /// In words.
    pub detail: String,
    /// Whose it is.
    pub distributor: Option<String>,
}

/// Looks cases up.
pub trait CaseLines: Send + Sync + 'static {
    /// The cases `ids` in their order; one that is gone is left out.
    ///
    /// # Errors
    /// Storage failures.
    fn lines(&self, tx: &dyn ReadTx, ids: &[Id]) -> Result<Vec<(Id, CaseLine)>>;
}

/// Cases nobody was told of yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Which are new.
    pub cases: Vec<Id>,
    /// When the last digest went out.
    pub last: Option<Timestamp>,
    /// Which escalated, and to whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalated: Vec<(Id, Tier)>,
}
first_record!(Pending);

/// The basket.
pub const PENDING: Table<str, Pending> = Table::new(71, "alerts", Home::Local);

/// Gathers cases and tells those concerned.
#[derive(Clone)]
pub struct Alerts {
    /// Who is told.
    pub recipients: Arc<dyn Recipients>,
    /// What the cases are.
    pub cases: Arc<dyn CaseLines>,
    /// By which ways beside the screen; with none it stays there.
    pub channels: Vec<Arc<dyn Channel>>,
    /// Where the depot's pages are for those who read mail, such as `https://depot.example.com`; may be empty.
    pub base: String,
    /// From one digest to the next: `mail.digest_every_s`.
    pub every: Duration,
}

impl Worker for Alerts {
    fn name(&self) -> &'static str {
        READER
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, gather)?;
        let (basket, held) = ctx.store.read::<_, crate::store::StoreError>(ctx.tenant, |tx| {
            Ok((basket(tx)?, held::next(tx)?.unwrap_or(Timestamp::MAX)))
        })?;
        let due = basket.last.map_or(now, |at| at.after(self.every));
        let full = basket.cases.len() >= MAX_GATHERED;
        // As long as the log goes on and the basket has room, one message can say more.
        let drained = read < ENTRIES || full;
        let fresh = !basket.cases.is_empty() && (due <= now || full);
        let this = self.clone();
        let write = |f: fn(&Self, &mut dyn WriteTx, Timestamp) -> Result<()>| {
            ctx.store.write(ctx.tenant, Lane::Bulk, move |tx| f(&this, tx, now)).wait()
        };
        if drained && !basket.escalated.is_empty() {
            write(Self::escalations)?;
            return Ok(Step::Worked);
        }
        if fresh {
            if drained {
                write(Self::digest)?;
            }
            return Ok(Step::Worked);
        }
        if held <= now {
            write(Self::release)?;
            return Ok(Step::Worked);
        }
        Ok(match read {
            0 if basket.cases.is_empty() => Step::IdleUntil(held),
            0 => Step::IdleUntil(due.min(held)),
            _ => Step::Worked,
        })
    }
}

fn basket(tx: &dyn ReadTx) -> Result<Pending> {
    Ok(PENDING.get(tx, READER)?.unwrap_or_default())
}

/// Puts the cases that were opened, and those that escalated, by our own loud changes into the basket. Headquarters is
/// also told of what a depot escalates to it.
fn gather(tx: &mut dyn WriteTx, entries: &[(u64, Applied)]) -> Result<()> {
    let (mut fresh, mut escalated): (Vec<Id>, Vec<(Id, Tier)>) = (Vec::new(), Vec::new());
    let site = Origin::load(tx)?.site;
    for (_, entry) in entries.iter().filter(|(_, e)| !e.quiet) {
        let (header, body) = change::decode(&entry.blob)?;
        // What was written before the depot was enrolled is its own too.
        let own = header.o == site || header.o == UNENROLLED;
        if own {
            fresh.extend(&entry.opened);
        }
        if header.k != ESCALATED {
            continue;
        }
        let CaseEvent::Escalated { to, .. } = CaseEvent::decode(header.k, header.v, &body)? else { continue };
        let to = to.unwrap_or(Tier::Desk);
        // A depot that has a headquarters leaves to it what is for it.
        let ours = if to == Tier::Hq { site == HEADQUARTERS || site == UNENROLLED } else { own };
        if ours {
            escalated.push((header.id, to));
        }
    }
    if fresh.is_empty() && escalated.is_empty() {
        return Ok(());
    }
    let mut basket = basket(tx)?;
    basket.cases.extend(fresh);
    basket.escalated.extend(escalated);
    PENDING.put(tx, READER, &basket).map(drop)
}

impl Alerts {
    /// Empties the basket of new cases into one message a recipient.
    fn digest(&self, tx: &mut dyn WriteTx, now: Timestamp) -> Result<()> {
        let basket = basket(tx)?;
        let cases = &basket.cases;
        let (recipients, (plan, _)) = (self.recipients.for_alerts(tx)?, plan::plan(tx)?);
        // Whoever sees everything needs the first lines and the count; only for the others all have to be looked at.
        let all = recipients.iter().all(|r| r.scope == Scope::Tenant) && plan.topics.is_empty();
        let looked_at = if all { &cases[..cases.len().min(MAX_NAMED)] } else { &cases[..] };
        let lines = self.cases.lines(tx, looked_at)?;
        for r in recipients {
            let seen =
                |l: &&(Id, CaseLine)| sees(&r.scope, &l.1) && plan.tells(Topic::NewCases, &r.role, l.1.group);
            let seen: Vec<&(Id, CaseLine)> = lines.iter().filter(seen).collect();
            let count = if all { cases.len() } else { seen.len() };
            if count > 0 {
                let ids: Vec<Id> = if all { cases.clone() } else { seen.iter().map(|(id, _)| *id).collect() };
                let told = Told { topic: Topic::NewCases, lines: seen, ids, count: count as u64 };
                self.tell(tx, now, &plan, &r, told)?;
            }
        }
        PENDING.put(tx, READER, &Pending { cases: Vec::new(), last: Some(now), ..basket }).map(drop)
    }

    /// Tells of the cases that escalated: of each the tier it went to.
    fn escalations(&self, tx: &mut dyn WriteTx, now: Timestamp) -> Result<()> {
        let basket = basket(tx)?;
        let (recipients, (plan, _)) = (self.recipients.for_alerts(tx)?, plan::plan(tx)?);
        let ids: Vec<Id> = basket.escalated.iter().map(|(id, _)| *id).collect();
        let lines = self.cases.lines(tx, &ids)?;
        let tier = |id: Id| basket.escalated.iter().rev().find(|(of, _)| *of == id).map(|(_, to)| *to);
        for r in &recipients {
            let told = |l: &&(Id, CaseLine)| {
                tier(l.0).is_some_and(|to| concerns(to, &l.1, r, &recipients))
                    && sees(&r.scope, &l.1)
                    && plan.tells(Topic::Escalated, &r.role, l.1.group)
            };
            let seen: Vec<&(Id, CaseLine)> = lines.iter().filter(told).collect();
            if !seen.is_empty() {
                let (ids, count) = (seen.iter().map(|(id, _)| *id).collect(), seen.len() as u64);
                self.tell(tx, now, &plan, r, Told { topic: Topic::Escalated, lines: seen, ids, count })?;
            }
        }
        PENDING.put(tx, READER, &Pending { escalated: Vec::new(), ..basket }).map(drop)
    }

    /// Tells one recipient on the screen, and by the other ways now or when their time comes.
    fn tell(
        &self,
        tx: &mut dyn WriteTx,
        now: Timestamp,
        plan: &Plan,
        r: &Recipient,
        told: Told<'_>,
    ) -> Result<()> {
        let Told { topic, lines, ids, count } = told;
        let named: Vec<&CaseLine> = lines.iter().take(MAX_NAMED).map(|(_, l)| l).collect();
        let message = self.message(tx, topic, &r.language, &named, count)?;
        inbox::tell(tx, now, r.user, &message.subject, &list(&named, count, &r.language), "/cases")?;
        let policy = Policy::current(tx)?;
        match plan::wishes(tx, r.user)?.when(topic, plan.quiet, now, policy.calendar.zone()) {
            When::Never => Ok(()),
            When::Now => self.send(tx, now, r, &message),
            When::At(due) => {
                let reached = self.channels.iter().any(|c| c.address(r).is_some());
                if reached { held::hold(tx, r.user, topic, &ids, count, due) } else { Ok(()) }
            }
        }
    }

    fn send(&self, tx: &mut dyn WriteTx, now: Timestamp, r: &Recipient, message: &Rendered) -> Result<()> {
        for channel in &self.channels {
            if let Some(address) = channel.address(r) {
                channel.demand(tx, now, address, message)?;
            }
        }
        Ok(())
    }

    /// Sends what was held and whose time has come, one message each; to those who are still to be told.
    fn release(&self, tx: &mut dyn WriteTx, now: Timestamp) -> Result<()> {
        let recipients = self.recipients.for_alerts(tx)?;
        for held in held::due(tx, now, AT_ONCE)? {
            HELD.del(tx, &held::key(held.user, held.topic))?;
            let Some(r) = recipients.iter().find(|r| r.user == held.user) else { continue };
            let lines = self.cases.lines(tx, &held.cases)?;
            let named: Vec<&CaseLine> =
                lines.iter().map(|(_, l)| l).filter(|l| sees(&r.scope, l)).take(MAX_NAMED).collect();
            let message = self.message(tx, held.topic, &r.language, &named, held.count)?;
            self.send(tx, now, r, &message)?;
        }
        Ok(())
    }

    /// The message by the tenant's own words, or by those that are shipped where its own can't be rendered any more.
    fn message(
        &self,
        tx: &dyn ReadTx,
        topic: Topic,
        language: &str,
        lines: &[&CaseLine],
        count: u64,
    ) -> Result<Rendered> {
        let line = |l: &&CaseLine| Line {
            label: l.label.clone(),
            reason: l.reason.clone(),
            detail: l.detail.lines().next().unwrap_or_default().to_owned(),
            distributor: l.distributor.clone().unwrap_or_default(),
        };
        let link = format!("{}/cases", self.base.trim_end_matches('/'));
        let shown = Shown::Cases(Cases { count, cases: lines.iter().map(line).collect(), link });
        Ok(templates::message(tx, topic, language, &shown)?.unwrap_or_else(|| Rendered {
            subject: format!("{}: {count}", topic.as_str()),
            text: list(lines, count, language),
        }))
    }
}

/// What one recipient is told.
struct Told<'a> {
    topic: Topic,
    lines: Vec<&'a (Id, CaseLine)>,
    ids: Vec<Id>,
    count: u64,
}

fn sees(scope: &Scope, l: &CaseLine) -> bool {
    *scope == Scope::Tenant || scope.admits_distributor(l.distributor.as_deref())
}

/// Whether a case that went to `tier` is for `r`: its owner or desk, or the supervisors, in whose absence the
/// administrators.
fn concerns(tier: Tier, l: &CaseLine, r: &Recipient, all: &[Recipient]) -> bool {
    match tier {
        Tier::Desk => l.owner.map_or(r.role == l.role, |owner| owner == r.user),
        Tier::Supervisor | Tier::Hq => {
            let none = !all.iter().any(|r| r.role == "supervisor");
            r.role == "supervisor" || none && matches!(r.role.as_str(), "admin" | "super_admin")
        }
    }
}

fn list(lines: &[&CaseLine], count: u64, language: &str) -> String {
    let mut text = String::new();
    for CaseLine { reason, label, detail, .. } in lines {
        text.push_str(&format!("{label}  {reason}"));
        if !detail.is_empty() {
            text.push_str(&format!("  {}", detail.lines().next().unwrap_or_default()));
        }
        text.push('\n');
    }
    let more = count.saturating_sub(lines.len() as u64);
    if more > 0 {
        text.push_str(&words::and_more(language, more));
        text.push('\n');
    }
    text
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
