//! The durable queue: a job is a row, written in the transaction that demands it, and carried out at least once.
//!
//! Nothing here looks at a table from end to end: the first job of each kind is one seek away, however many wait.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::rules::{LONGEST_DELAY, State, next_attempt};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::config::sections::Jobs;
use crate::first_record;
use crate::store::table::{Entry, Rows};
use crate::store::{Dir, Expect, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx, key};

/// Bytes of a job's payload; what is larger lies elsewhere and the payload says where.
pub const MAX_PAYLOAD: usize = 256 * 1024;
/// Bytes of an error that are kept.
pub const MAX_ERROR: usize = 2_000;
/// The longest wait while something outside can't be reached: when it is back, it is noticed within five minutes.
pub const LONGEST_OUTAGE_WAIT: Duration = Duration::from_secs(300);
/// Rows looked at for one page when no index serves the filter as a whole.
const EXAMINED: usize = 2_000;

/// One job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id; sorts by when it was demanded.
    pub id: Id,
    /// What it does, `area.verb`; a handler of that name carries it out.
    pub kind: String,
    /// What the handler needs to know, in MessagePack.
    pub payload: ByteBuf,
    /// Where it stands.
    pub state: State,
    /// Attempts that count.
    pub attempts: u32,
    /// Attempts after which it is dead; 0 until its kind has said so at the first.
    pub max_attempts: u32,
    /// Milliseconds before the second attempt; 0 until its kind has said so at the first.
    pub first_delay_ms: u64,
    /// Times it was begun, whether they count or not: tells a late answer from the present one.
    pub runs: u32,
    /// Attempts in a row that ended because something outside could not be reached. They don't count.
    pub waits: u32,
    /// When it was to run at first.
    pub due_at: Timestamp,
    /// When it runs next.
    pub next_run: Timestamp,
    /// When it was demanded.
    pub created_at: Timestamp,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it was done, or given up.
    pub finished_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// While it is unfinished no other job is taken under this key.
    pub unique: Option<String>,
}
first_record!(Job);

/// Jobs by id.
pub const JOBS: Table<Id, Job> = Table::new(50, "jobs", Home::Local).indexed(&[by_state, by_kind, by_next]);
/// Which unfinished job holds a key.
pub const KEYS: Table<str, Held> = Table::new(51, "job_keys", Home::Local);

/// Within a state, as they were demanded.
pub const BY_STATE: Ix = Ix::Nth(0);
const BY_KIND: Ix = Ix::Nth(1);
/// Scheduled ones, within a kind, as they come due.
const BY_NEXT: Ix = Ix::Nth(2);

fn by_state(j: &Job) -> Option<Vec<u8>> {
    Some(state_key(j.state, j.created_at))
}
fn by_kind(j: &Job) -> Option<Vec<u8>> {
    Some(key::text_then(&j.kind, &j.created_at.unsigned().to_be_bytes()))
}
fn by_next(j: &Job) -> Option<Vec<u8>> {
    (j.state == State::Scheduled).then(|| key::text_then(&j.kind, &j.next_run.unsigned().to_be_bytes()))
}

/// Where jobs in `state` that were demanded at `at` begin in [`BY_STATE`].
#[must_use]
pub fn state_key(state: State, at: Timestamp) -> Vec<u8> {
    let code = match state {
        State::Scheduled => 1,
        State::Running => 2,
        State::Done => 3,
        State::Dead => 4,
    };
    let mut k = vec![code];
    k.extend(at.unsigned().to_be_bytes());
    k
}

/// The job that holds a key.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Its id.
    pub job: Id,
}
first_record!(Held);

/// A job that is demanded.
#[derive(Clone, Debug)]
pub struct NewJob {
    kind: String,
    payload: Vec<u8>,
    at: Option<Timestamp>,
    unique: Option<String>,
}

impl NewJob {
    /// A job of `kind` that runs as soon as it can.
    ///
    /// # Errors
    /// When `payload` can't be written, or is larger than [`MAX_PAYLOAD`].
    pub fn new(kind: impl Into<String>, payload: &impl Serialize) -> Result<Self> {
        let payload = rmp_serde::to_vec_named(payload)
            .map_err(|e| StoreError::Codec { what: "job", why: e.to_string() })?;
        Self::raw(kind, payload)
    }

    /// The same with a payload that is MessagePack already.
    ///
    /// # Errors
    /// When it is larger than [`MAX_PAYLOAD`].
    pub fn raw(kind: impl Into<String>, payload: Vec<u8>) -> Result<Self> {
        if payload.len() > MAX_PAYLOAD {
            return Err(StoreError::TooLarge { coll: "jobs", bytes: payload.len() });
        }
        Ok(Self { kind: kind.into(), payload, at: None, unique: None })
    }

    /// Not before `at`.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Only once at a time: while a job under this key is unfinished, demanding another gives that one.
    #[must_use]
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.unique = Some(key.into());
        self
    }
}

/// Demands a job in the transaction of what needs it and returns its id.
///
/// # Errors
/// Storage failures.
pub fn enqueue(tx: &mut dyn WriteTx, now: Timestamp, new: NewJob) -> Result<Id> {
    let NewJob { kind, payload, at, unique } = new;
    let id = id_at(now);
    if let Some(key) = &unique {
        if let Some(held) = KEYS.get(tx, key)? {
            return Ok(held.job);
        }
        KEYS.put(tx, key, &Held { job: id })?;
    }
    let next_run = at.unwrap_or(now);
    let job = Job {
        id,
        kind,
        payload: ByteBuf::from(payload),
        state: State::Scheduled,
        attempts: 0,
        max_attempts: 0,
        first_delay_ms: 0,
        runs: 0,
        waits: 0,
        due_at: next_run,
        next_run,
        created_at: now,
        started_at: None,
        finished_at: None,
        last_error: None,
        unique,
    };
    JOBS.put_if(tx, &id, &job, Expect::Absent)?;
    Ok(id)
}

/// A fresh id that sorts by `now`, which a replay or test sets, and not by the wall.
pub(crate) fn id_at(now: Timestamp) -> Id {
    let mut id = Id::fresh();
    id.0[..6].copy_from_slice(&time_prefix(now));
    id
}

/// What ids of `at` begin with.
pub(crate) fn time_prefix(at: Timestamp) -> [u8; 6] {
    let [_, _, a, b, c, d, e, f] = at.unsigned().to_be_bytes();
    [a, b, c, d, e, f]
}

/// The first scheduled job of each kind, due or not.
///
/// # Errors
/// Storage failures.
pub fn heads(tx: &dyn ReadTx) -> Result<Vec<Job>> {
    let (mut out, mut range) = (Vec::new(), KeyRange::all());
    while let Some(Entry { value, .. }) = JOBS.scan(tx, BY_NEXT, &range, Dir::Up, 1)?.items.pop() {
        let next = key::successor(&key::text_then(&value.kind, &[]));
        out.push(value);
        match next {
            Some(from) => range.from = from,
            None => break,
        }
    }
    Ok(out)
}

/// What a kind of job may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attempts before it is dead.
    pub attempts: u32,
    /// Before the second attempt; each later one waits twice as long.
    pub first_delay: Duration,
    /// One attempt.
    pub timeout: Duration,
}

impl Limits {
    /// As the settings say for jobs in general, with a time limit of the kind's own.
    #[must_use]
    pub fn usual(settings: &Jobs, timeout: Duration) -> Self {
        Self {
            attempts: settings.attempts,
            first_delay: Duration::from_secs(settings.first_delay_s),
            timeout,
        }
    }
}

/// Jobs somebody is ready to carry out.
#[derive(Clone, Debug)]
pub struct Want {
    /// Of this kind.
    pub kind: String,
    /// So many at most.
    pub most: usize,
    /// What the kind may cost.
    pub limits: Limits,
}

/// Takes due jobs, at most what is wanted of each kind; from then on they are running.
///
/// # Errors
/// Storage failures.
pub fn claim(tx: &mut dyn WriteTx, now: Timestamp, wants: &[Want]) -> Result<Vec<Job>> {
    let mut out = Vec::new();
    for Want { kind, most, limits } in wants {
        for mut job in due(tx, now, kind, *most)? {
            job.state = State::Running;
            job.attempts += 1;
            job.runs += 1;
            job.started_at = Some(now);
            if job.max_attempts == 0 {
                job.max_attempts = limits.attempts.max(1);
                job.first_delay_ms = u64::try_from(limits.first_delay.as_millis()).unwrap_or(u64::MAX);
            }
            JOBS.put(tx, &job.id, &job)?;
            out.push(job);
        }
    }
    Ok(out)
}

fn due(tx: &dyn ReadTx, now: Timestamp, kind: &str, most: usize) -> Result<Vec<Job>> {
    let end = key::text_then(kind, &now.unsigned().saturating_add(1).to_be_bytes());
    let range = KeyRange { from: key::text_then(kind, &[]), to: Some(end), after: None };
    Ok(JOBS.scan(tx, BY_NEXT, &range, Dir::Up, most)?.items.into_iter().map(|e| e.value).collect())
}

/// Gives up due jobs of a kind that nobody here can carry out; returns them.
///
/// # Errors
/// Storage failures.
pub fn bury(tx: &mut dyn WriteTx, now: Timestamp, kind: &str, limit: usize) -> Result<Vec<Job>> {
    let mut jobs = due(tx, now, kind, limit)?;
    for job in &mut jobs {
        give_up(
            job,
            now,
            format!(
                "this release has no code for jobs of kind \"{kind}\"; retry it after the upgrade that has"
            ),
        );
        release_key(tx, job)?;
        JOBS.put(tx, &job.id, job)?;
    }
    Ok(jobs)
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Well.
    Done,
    /// Not well; another attempt may help.
    Failed(String),
    /// Not well, and no attempt will ever help.
    Hopeless(String),
    /// Something outside could not be reached: tried again for as long as it takes, and not counted.
    Unreachable(String),
    /// The depot stops; the attempt doesn't count.
    Released,
}

/// Writes down how run `run` of the job `id` ended and returns the job as it is then; none when that run is not the
/// present one any more.
///
/// # Errors
/// Storage failures.
pub fn finish(
    tx: &mut dyn WriteTx,
    now: Timestamp,
    id: Id,
    run: u32,
    ending: &Ending,
) -> Result<Option<Job>> {
    let Some(mut job) = JOBS.get(tx, &id)?.filter(|j| j.state == State::Running && j.runs == run) else {
        return Ok(None);
    };
    let again = |wait: Duration, job: &mut Job| {
        job.state = State::Scheduled;
        job.next_run = now.after(wait);
    };
    match ending {
        Ending::Done => {
            job.state = State::Done;
            job.finished_at = Some(now);
            job.last_error = None;
        }
        Ending::Released => {
            job.attempts = job.attempts.saturating_sub(1);
            again(Duration::ZERO, &mut job);
        }
        Ending::Unreachable(why) => {
            job.attempts = job.attempts.saturating_sub(1);
            job.waits = job.waits.saturating_add(1);
            job.last_error = Some(kept(why));
            again(backoff(&job, job.waits, LONGEST_OUTAGE_WAIT), &mut job);
        }
        Ending::Failed(why) if job.attempts < job.max_attempts => {
            job.waits = 0;
            job.last_error = Some(kept(why));
            again(backoff(&job, job.attempts, LONGEST_DELAY), &mut job);
        }
        Ending::Failed(why) | Ending::Hopeless(why) => give_up(&mut job, now, kept(why)),
    }
    if job.state.is_final() {
        release_key(tx, &job)?;
    }
    JOBS.put(tx, &id, &job)?;
    Ok(Some(job))
}

fn give_up(job: &mut Job, now: Timestamp, why: String) {
    job.state = State::Dead;
    job.finished_at = Some(now);
    job.last_error = Some(why);
}

/// The wait after failure `n`. The jitter follows from job and attempt, so a replay waits as long.
fn backoff(job: &Job, n: u32, cap: Duration) -> Duration {
    let hash = Id::derived(&[b"jitter", job.id.as_ref(), &job.runs.to_be_bytes()]).0;
    let jitter = f64::from(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])) / f64::from(u32::MAX);
    next_attempt(Duration::from_millis(job.first_delay_ms), n, jitter, cap)
}

fn kept(why: &str) -> String {
    let mut end = why.len().min(MAX_ERROR);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why[..end].into()
}

fn release_key(tx: &mut dyn WriteTx, job: &Job) -> Result<()> {
    if let Some(key) = &job.unique
        && KEYS.get(tx, key)?.is_some_and(|h| h.job == job.id)
    {
        KEYS.del(tx, key)?;
    }
    Ok(())
}

/// Whether the job `id` is the one its key belongs to. One that has let go and was interrupted before it ended comes back
/// without its key.
///
/// # Errors
/// Storage failures.
pub fn holds(tx: &dyn ReadTx, id: Id) -> Result<bool> {
    let Some(key) = JOBS.get(tx, &id)?.and_then(|job| job.unique) else { return Ok(false) };
    Ok(KEYS.get(tx, &key)?.is_some_and(|held| held.job == id))
}

/// The job `id` gives its key back before it ends: what is demanded under that key from now on is another job's. For a
/// job that has seen, in this transaction, that there is nothing left for it to do.
///
/// # Errors
/// Storage failures.
pub fn let_go(tx: &mut dyn WriteTx, id: Id) -> Result<()> {
    JOBS.get(tx, &id)?.map_or(Ok(()), |job| release_key(tx, &job))
}

/// Jobs that were running when the depot went down: their attempt counts, in case it was the job that took it down.
/// Returns how many there were, at most `limit`.
///
/// # Errors
/// Storage failures.
pub fn recover(tx: &mut dyn WriteTx, now: Timestamp, limit: usize) -> Result<Vec<Job>> {
    let running = KeyRange::prefix(&state_key(State::Running, Timestamp::ZERO)[..1]);
    let mut out = Vec::new();
    for Entry { value, .. } in JOBS.scan(tx, BY_STATE, &running, Dir::Up, limit)?.items {
        let ending = Ending::Failed("the depot stopped while it ran".into());
        out.extend(finish(tx, now, value.id, value.runs, &ending)?);
    }
    Ok(out)
}

/// Why a person can't have a job the way they want it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JobsError {
    /// There is no such job.
    #[error("no job {0}")]
    Unknown(Id),
    /// It is in no state for that.
    #[error("the job is {state}; only {wanted} can be {what}")]
    State {
        /// Its state.
        state: State,
        /// What was asked for.
        what: &'static str,
        /// The states that allow it.
        wanted: &'static str,
    },
    /// Another one does the same already.
    #[error("job {0} does the same already; wait for it, or cancel it first")]
    Twice(Id),
    /// The store failed.
    #[error("jobs: {0}")]
    Store(#[from] StoreError),
}

impl Fault for JobsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::State { .. } | Self::Twice(_) => Kind::Conflict,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "job.unknown",
            Self::State { .. } => "job.invalid_transition",
            Self::Twice(_) => "job.twice",
            Self::Store(e) => e.code(),
        }
    }
    fn extra(&self) -> serde_json::Map<String, serde_json::Value> {
        let Self::State { state, what, wanted: _ } = self else { return serde_json::Map::new() };
        let allowed: &[&str] = match state {
            State::Scheduled => &["retried", "cancelled"],
            State::Dead => &["retried"],
            State::Running | State::Done => &[],
        };
        let members =
            [("from", state.name().into()), ("requested", (*what).into()), ("allowed", allowed.into())];
        members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
    }
    fn retry_after_s(&self) -> Option<u32> {
        if let Self::Store(e) = self { e.retry_after_s() } else { None }
    }
}

/// The job `id` with its revision.
///
/// # Errors
/// When there is none; storage failures.
pub fn find(tx: &dyn ReadTx, id: Id) -> std::result::Result<(Job, u64), JobsError> {
    JOBS.entry(tx, &id)?.map(|e| (e.value, e.rev)).ok_or(JobsError::Unknown(id))
}

/// Runs a dead job again with all its attempts, or a waiting one now.
///
/// # Errors
/// When it is running or done, or another one has its key by now.
pub fn retry(tx: &mut dyn WriteTx, now: Timestamp, id: Id) -> std::result::Result<(Job, u64), JobsError> {
    let (mut job, _) = find(tx, id)?;
    match job.state {
        State::Scheduled => {}
        State::Dead => {
            if let Some(key) = &job.unique {
                match KEYS.get(tx, key)? {
                    Some(held) => return Err(JobsError::Twice(held.job)),
                    None => KEYS.put(tx, key, &Held { job: id })?,
                };
            }
            (job.attempts, job.waits, job.finished_at, job.due_at) = (0, 0, None, now);
        }
        state => return Err(JobsError::State { state, what: "retried", wanted: "dead or scheduled jobs" }),
    }
    (job.state, job.next_run) = (State::Scheduled, now);
    let rev = JOBS.put(tx, &id, &job)?;
    Ok((job, rev))
}

/// Gives up a job that waits.
///
/// # Errors
/// When it doesn't wait.
pub fn cancel(
    tx: &mut dyn WriteTx,
    now: Timestamp,
    id: Id,
    by: &str,
) -> std::result::Result<(Job, u64), JobsError> {
    let (mut job, _) = find(tx, id)?;
    if job.state != State::Scheduled {
        return Err(JobsError::State { state: job.state, what: "cancelled", wanted: "scheduled jobs" });
    }
    give_up(&mut job, now, format!("cancelled by {by}"));
    release_key(tx, &job)?;
    let rev = JOBS.put(tx, &id, &job)?;
    Ok((job, rev))
}

/// Which jobs a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Demanded at this moment or later.
    pub from: Option<Timestamp>,
    /// Demanded before this moment.
    pub to: Option<Timestamp>,
}

/// A page of jobs, the newest first. With both state and kind a page may be short and still have a next one.
///
/// # Errors
/// Storage failures.
pub fn list(tx: &dyn ReadTx, f: &Filter, after: Option<Vec<u8>>, limit: usize) -> Result<Rows<Job>> {
    let from = f.from.unwrap_or(Timestamp::ZERO);
    let end = |at: Option<Timestamp>| at.unwrap_or(Timestamp::MAX);
    let (ix, low, high) = match (&f.kind, f.state) {
        (Some(kind), _) => {
            let at = |t: Timestamp| key::text_then(kind, &t.unsigned().to_be_bytes());
            (BY_KIND, at(from), at(end(f.to)))
        }
        (None, Some(state)) => (BY_STATE, state_key(state, from), state_key(state, end(f.to))),
        (None, None) => (Ix::Primary, time_prefix(from).to_vec(), time_prefix(end(f.to)).to_vec()),
    };
    let mut range = KeyRange { from: low, to: Some(high), after };
    let mut out = Rows { items: Vec::new(), next: None };
    let mut examined = 0;
    loop {
        let rows = JOBS.scan(tx, ix, &range, Dir::Down, limit - out.items.len())?;
        examined += rows.items.len();
        out.items.extend(rows.items.into_iter().filter(|e| f.state.is_none_or(|s| s == e.value.state)));
        out.next = rows.next;
        if out.items.len() == limit || out.next.is_none() || examined >= EXAMINED {
            return Ok(out);
        }
        range.after.clone_from(&out.next);
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
