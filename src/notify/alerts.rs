//! The digest of new cases: a reader of the applied log that gathers the cases opened here and tells those concerned,
//! with one mail each however many there are. What is gathered and how far the log is read are saved together, and so
//! are the mails and the empty basket: a crash repeats nothing and loses nothing.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mail::{self, Letter};
use super::{inbox, words};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::identity::grant::Scope;
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::clock::{Origin, UNENROLLED};
use crate::journal::log::Applied;
use crate::journal::{change, readers};
use crate::store::{Home, Lane, ReadTx, Result, Table, WriteTx};

/// The reader's name.
pub const READER: &str = "alerts";
/// Cases a digest names; the rest are counted.
pub const MAX_NAMED: usize = 20;
/// Cases gathered at the most before a digest goes out, whatever the interval.
pub const MAX_GATHERED: usize = 5_000;
/// Log entries read in one step.
const ENTRIES: usize = 500;

/// Somebody who is to be told.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Who.
    pub user: Id,
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
    fn lines(&self, tx: &dyn ReadTx, ids: &[Id]) -> Result<Vec<CaseLine>>;
}

/// Cases nobody was told of yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Which.
    pub cases: Vec<Id>,
    /// When the last digest went out.
    pub last: Option<Timestamp>,
}
first_record!(Pending);

/// The basket.
pub const PENDING: Table<str, Pending> = Table::new(71, "alerts", Home::Local);

/// Gathers new cases and tells those concerned.
#[derive(Clone)]
pub struct Alerts {
    /// Who is told.
    pub recipients: Arc<dyn Recipients>,
    /// What the cases are.
    pub cases: Arc<dyn CaseLines>,
    /// Whether there is a mail server; without one it stays on the screen.
    pub mail: bool,
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
        let basket = ctx.store.read(ctx.tenant, basket)?;
        let due = basket.last.map_or(now, |at| at.after(self.every));
        if !basket.cases.is_empty() && (due <= now || basket.cases.len() >= MAX_GATHERED) {
            // As long as the log goes on and the basket has room, one mail can say more.
            if read < ENTRIES || basket.cases.len() >= MAX_GATHERED {
                let this = self.clone();
                ctx.store.write(ctx.tenant, Lane::Bulk, move |tx| this.digest(tx, now)).wait()?;
            }
            return Ok(Step::Worked);
        }
        Ok(match read {
            0 if basket.cases.is_empty() => Step::IDLE,
            0 => Step::IdleUntil(due),
            _ => Step::Worked,
        })
    }
}

fn basket(tx: &dyn ReadTx) -> Result<Pending> {
    Ok(PENDING.get(tx, READER)?.unwrap_or_default())
}

/// Puts the cases that were opened by our own loud changes into the basket.
fn gather(tx: &mut dyn WriteTx, entries: &[(u64, Applied)]) -> Result<()> {
    let (mut fresh, site): (Vec<Id>, _) = (Vec::new(), Origin::load(tx)?.site);
    for (_, entry) in entries.iter().filter(|(_, e)| !e.quiet && !e.opened.is_empty()) {
        let (header, _) = change::decode(&entry.blob)?;
        // What was written before the depot was enrolled is its own too.
        if header.o == site || header.o == UNENROLLED {
            fresh.extend(&entry.opened);
        }
    }
    if fresh.is_empty() {
        return Ok(());
    }
    let mut basket = basket(tx)?;
    basket.cases.extend(fresh);
    PENDING.put(tx, READER, &basket).map(drop)
}

impl Alerts {
    /// Empties the basket into one message a recipient.
    fn digest(&self, tx: &mut dyn WriteTx, now: Timestamp) -> Result<()> {
        let cases = basket(tx)?.cases;
        let recipients = self.recipients.for_alerts(tx)?;
        // Whoever sees everything needs the first lines and the count; only for the others all have to be looked at.
        let all = recipients.iter().all(|r| r.scope == Scope::Tenant);
        let looked_at = if all { &cases[..cases.len().min(MAX_NAMED)] } else { &cases[..] };
        let lines = self.cases.lines(tx, looked_at)?;
        for Recipient { user, email, language, scope } in recipients {
            let visible =
                |l: &&CaseLine| scope == Scope::Tenant || scope.admits_distributor(l.distributor.as_deref());
            let seen: Vec<&CaseLine> = lines.iter().filter(visible).collect();
            let count = if scope == Scope::Tenant { cases.len() } else { seen.len() };
            if count == 0 {
                continue;
            }
            let subject = words::new_cases(&language, count as u64);
            let text = list(&seen, count, &language);
            inbox::tell(tx, now, user, &subject, &text, "/cases")?;
            if let Some(to) = email.filter(|_| self.mail) {
                let text = format!("{subject}\n\n{text}\n{}/cases\n", self.base.trim_end_matches('/'));
                mail::post(tx, now, Letter::new(to, subject, text))?;
            }
        }
        PENDING.put(tx, READER, &Pending { cases: Vec::new(), last: Some(now) }).map(drop)
    }
}

fn list(lines: &[&CaseLine], count: usize, language: &str) -> String {
    let mut text = String::new();
    for CaseLine { reason, label, detail, distributor: _ } in lines.iter().take(MAX_NAMED) {
        text.push_str(&format!("{label}  {reason}"));
        if !detail.is_empty() {
            text.push_str(&format!("  {}", detail.lines().next().unwrap_or_default()));
        }
        text.push('\n');
    }
    let named = lines.len().min(MAX_NAMED);
    if count > named {
        text.push_str(&words::and_more(language, (count - named) as u64));
        text.push('\n');
    }
    text
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
