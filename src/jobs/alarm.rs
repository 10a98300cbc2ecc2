//! Watching what runs by itself: a job that is given up, a kind of job that is late, and a server that answers with
//! errors of its own each become one case, however often they happen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::queue;
use super::worker::{Ctx, JobError, Step, Worker};
use crate::base::clock::Timestamp;
use crate::store::{Lane, Result, Tenant, WriteTx};

/// A job is late when it should have run so long ago.
pub const LATE: Duration = Duration::from_secs(600);
/// How often somebody looks.
const LOOK: Duration = Duration::from_secs(60);
/// Errors of the server's own within [`ERRORS_WITHIN`] that call for somebody.
pub const MANY_ERRORS: u64 = 5;
/// The span they are counted over.
pub const ERRORS_WITHIN: Duration = Duration::from_secs(300);

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmKind {
    /// A job was given up; the key is its kind.
    JobDead,
    /// A job should have run long ago and did not get its turn; the key is its kind. The [`Watch`] raises and clears it.
    JobLate,
    /// A job is tried again and again, and what it needs outside does not answer; the key is its kind. The runner raises
    /// and clears it: it lasts until a job of that kind is done.
    JobBlocked,
    /// The server answered with errors of its own; the key is `http`.
    ServerErrors,
    /// The last good backup is too old; the key is `backup`.
    BackupOverdue,
}

/// Tells people: one case for each kind and key until it is cleared or resolved, and one message when it opens.
pub trait Alarm: Send + Sync + 'static {
    /// It is so. Saying it again changes nothing.
    ///
    /// # Errors
    /// Storage failures.
    fn raise(
        &self,
        tx: &mut dyn WriteTx,
        now: Timestamp,
        kind: AlarmKind,
        key: &str,
        detail: &str,
    ) -> Result<()>;
    /// It is over.
    ///
    /// # Errors
    /// Storage failures.
    fn clear(&self, tx: &mut dyn WriteTx, now: Timestamp, kind: AlarmKind, key: &str) -> Result<()>;
}

/// Counts the server's own errors: the web shell adds, the watch reads.
#[derive(Clone, Debug, Default)]
pub struct ServerErrors(Arc<AtomicU64>);

impl ServerErrors {
    /// One more answer with a 5xx status that was our own failure.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Looks once a minute whether jobs are late and errors are many.
pub struct Watch {
    alarm: Arc<dyn Alarm>,
    errors: ServerErrors,
    kinds: Vec<String>,
    seen: Mutex<BTreeMap<Tenant, Seen>>,
}

/// What was seen of one tenant at the last look. Lost at a restart; then the first look says of everything how it is.
#[derive(Default)]
struct Seen {
    look_at: Timestamp,
    late: BTreeSet<String>,
    /// When somebody looked, and how many errors there had been; the first is the base of the count.
    errors: VecDeque<(Timestamp, u64)>,
    troubled: bool,
}

impl Watch {
    /// A watch over jobs of `kinds` that raises `alarm` and reads `errors`.
    #[must_use]
    pub fn new(alarm: Arc<dyn Alarm>, errors: ServerErrors, kinds: Vec<String>) -> Self {
        Self { alarm, errors, kinds, seen: Mutex::default() }
    }
}

/// What is to be told: raised with words, cleared without.
type News = (AlarmKind, String, Option<String>);

impl Worker for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn is_everywhere(&self) -> bool {
        true
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(ctx.tenant).or_default();
        if now < seen.look_at {
            return Ok(Step::IdleUntil(seen.look_at));
        }
        let heads = ctx.store.read(ctx.tenant, queue::heads)?;
        let oldest = heads.iter().map(|j| now.since(j.next_run)).max().unwrap_or_default();
        metrics::gauge!("job_oldest_due_seconds", "tenant" => ctx.tenant.to_string())
            .set(oldest.as_secs_f64());
        let late: BTreeMap<&str, Duration> =
            heads.iter().map(|j| (&*j.kind, now.since(j.next_run))).filter(|(_, by)| *by > LATE).collect();
        let mut news: Vec<News> = Vec::new();
        let first = seen.errors.is_empty();
        if first {
            seen.late = self.kinds.iter().cloned().collect();
        }
        for (kind, by) in &late {
            if first || !seen.late.contains(*kind) {
                let detail =
                    format!("a job of kind {kind} should have run {} minutes ago", by.as_secs() / 60);
                news.push((AlarmKind::JobLate, (*kind).into(), Some(detail)));
            }
        }
        news.extend(
            seen.late
                .iter()
                .filter(|k| !late.contains_key(k.as_str()))
                .map(|k| (AlarmKind::JobLate, k.clone(), None)),
        );
        let (errors, mut troubled) = (self.errors.read(), seen.troubled || first);
        if first {
            seen.errors.push_back((now, 0));
        }
        seen.errors.push_back((now, errors));
        while seen.errors.get(1).is_some_and(|(at, _)| now.since(*at) >= ERRORS_WITHIN) {
            seen.errors.pop_front();
        }
        let fresh = errors - seen.errors.front().map_or(0, |(_, n)| *n);
        if fresh >= MANY_ERRORS && !troubled {
            troubled = true;
            let detail = format!(
                "the server answered {fresh} requests with errors of its own within five minutes; its log names them"
            );
            news.push((AlarmKind::ServerErrors, "http".into(), Some(detail)));
        } else if fresh == 0 && troubled {
            troubled = false;
            news.push((AlarmKind::ServerErrors, "http".into(), None));
        }
        self.tell(ctx, now, news)?;
        seen.late = late.into_keys().map(Into::into).collect();
        seen.troubled = troubled;
        seen.look_at = now.after(LOOK);
        Ok(Step::IdleUntil(seen.look_at))
    }
}

impl Watch {
    fn tell(&self, ctx: &Ctx, now: Timestamp, news: Vec<News>) -> Result<()> {
        if news.is_empty() {
            return Ok(());
        }
        let alarm = Arc::clone(&self.alarm);
        let told = ctx.store.write(ctx.tenant, Lane::Bulk, move |tx| {
            for (kind, key, detail) in &news {
                match detail {
                    Some(detail) => alarm.raise(tx, now, *kind, key, detail)?,
                    None => alarm.clear(tx, now, *kind, key)?,
                }
            }
            Ok(())
        });
        told.wait()
    }
}

/// An alarm nobody hears, for tools without a desk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Alarm for Silent {
    fn raise(
        &self,
        _: &mut dyn WriteTx,
        _: Timestamp,
        kind: AlarmKind,
        key: &str,
        detail: &str,
    ) -> Result<()> {
        tracing::warn!(?kind, key, detail, "nobody is told");
        Ok(())
    }
    fn clear(&self, _: &mut dyn WriteTx, _: Timestamp, _: AlarmKind, _: &str) -> Result<()> {
        Ok(())
    }
}
