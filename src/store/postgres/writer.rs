//! The writer thread: groups in turn, each tried again where that is safe, and the way back after a failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::group::{Group, commit};
use super::link::{Conn, Fate, failed, fate};
use super::{Shared, lock};
use crate::store::queue::{Gather, Request};
use crate::store::{Result, StoreError, Verdict};

/// Times a group runs again before its failure is the answer.
const TRIES: u32 = 5;

/// How a group ended that was not committed.
struct Ended {
    fate: Fate,
    why: StoreError,
    /// Whether it may have been committed all the same.
    unknown: bool,
}

impl Ended {
    fn before_commit(e: &tokio_postgres::Error) -> Self {
        Self { fate: fate(e), why: failed(e), unknown: false }
    }
}

impl Shared {
    pub(super) fn run(&self) {
        let (mut gather, mut conn) = (Gather::default(), None);
        let pause = || {
            self.latched
                .load(Ordering::Acquire)
                .then(|| self.options.retry_every.max(Duration::from_millis(50)))
        };
        let mut tried: Option<Instant> = None;
        while let Some(group) = self.line.next(&mut gather, self.options.group, pause) {
            let (begun, size) = (Instant::now(), group.len());
            if group.is_empty() {
                let _ = self.connected(&mut conn, &mut tried);
                continue;
            }
            for mut group in of_one_tenant(group) {
                let turn = AssertUnwindSafe(|| self.turn(&mut group, &mut conn, &mut tried));
                if catch_unwind(turn).is_err() {
                    let why = "the writer failed unexpectedly";
                    conn = None;
                    self.latch(why);
                    answer(&mut group, &[], &Err(StoreError::Io(why.into())));
                }
            }
            gather.learn(begun.elapsed(), size);
        }
        self.let_leases_go();
        drop(conn);
        self.link.close();
    }

    /// The writer's connection, made anew when it is gone; not more often than the options say.
    fn connected<'c>(&self, conn: &'c mut Option<Conn>, tried: &mut Option<Instant>) -> Result<&'c Conn> {
        if conn.as_ref().is_some_and(|c| c.client.is_closed()) {
            *conn = None;
        }
        if conn.is_none() {
            let latched = self.latched.load(Ordering::Acquire);
            if latched && tried.is_some_and(|at| at.elapsed() < self.options.retry_every) {
                let why = lock(&self.trouble).clone().unwrap_or_default();
                return Err(StoreError::ReadOnly { why: format!("{why}; trying again") });
            }
            *tried = Some(Instant::now());
            match self.link.connect() {
                Ok(fresh) => *conn = Some(fresh),
                Err(e) => {
                    self.latch(&e.to_string());
                    return Err(StoreError::ReadOnly { why: format!("{e}; trying again") });
                }
            }
            if latched {
                self.reopened.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.latched.store(false, Ordering::Release);
        *lock(&self.trouble) = None;
        conn.as_ref().ok_or(StoreError::Closed)
    }

    fn latch(&self, why: &str) {
        if !self.latched.swap(true, Ordering::AcqRel) {
            tracing::error!(error = why, "the database takes no writes; trying again");
        }
        *lock(&self.trouble) = Some(format!("the last write failed: {why}"));
    }

    /// One group's turn: run, commit, answer. Requests that ran out of the group's time go back to the line's front.
    fn turn(&self, group: &mut Vec<Request>, conn: &mut Option<Conn>, tried: &mut Option<Instant>) {
        let mut verdicts = Vec::new();
        let done = self.settle(group, &mut verdicts, conn, tried);
        match done {
            Ok(()) => {
                self.line.put_back(group.split_off(verdicts.len()));
                answer(group, &verdicts, &Ok(()));
            }
            // One of them can't be kept as it is: each alone, then, so that it fails alone.
            Err(Ended { fate: Fate::Refused, unknown: false, .. }) if group.len() > 1 => {
                for request in std::mem::take(group) {
                    self.turn(&mut vec![request], conn, tried);
                }
            }
            Err(e) => answer(group, &[], &Err(e.why)),
        }
    }

    /// Runs the group until it is committed or its failure is final.
    fn settle(
        &self,
        group: &mut [Request],
        verdicts: &mut Vec<Result<()>>,
        conn: &mut Option<Conn>,
        tried: &mut Option<Instant>,
    ) -> std::result::Result<(), Ended> {
        let mut tries = 0;
        loop {
            tries += 1;
            let on =
                self.connected(conn, tried).map_err(|why| Ended { fate: Fate::Lost, why, unknown: false })?;
            let Err(e) = self.attempt(on, group, verdicts) else { return Ok(()) };
            let rolled_back = !e.unknown && on.run("rollback").is_ok();
            if !rolled_back {
                *conn = None;
            }
            let again = match e.fate {
                Fate::Again => tries < TRIES,
                // Once: a server that was started anew, or another one in its place.
                Fate::Lost => tries < 2 && !rolled_back,
                Fate::Refused => false,
            };
            if e.unknown || !again {
                if e.fate != Fate::Refused {
                    self.latch(&e.why.to_string());
                }
                return Err(e);
            }
        }
    }

    /// Runs requests until the group's time is used up, and commits them.
    fn attempt(
        &self,
        conn: &Conn,
        group: &mut [Request],
        verdicts: &mut Vec<Result<()>>,
    ) -> std::result::Result<(), Ended> {
        verdicts.clear();
        let Some(tenant) = group.first().map(|r| r.tenant) else { return Ok(()) };
        let mut g = Group::open(self, conn, tenant).map_err(|e| Ended::before_commit(&e))?;
        let ahead = g.read_ahead(group, Instant::now() + self.options.group_time);
        if let Some((fate, why)) = g.broken() {
            return Err(Ended { fate, why, unknown: false });
        }
        ahead.map_err(|why| Ended { fate: Fate::Lost, why, unknown: false })?;
        let (begun, mut kept) = (Instant::now(), 0);
        for request in group {
            g.begin();
            let ran = catch_unwind(AssertUnwindSafe(|| (request.f)(&mut g)));
            if let Some((fate, why)) = g.broken() {
                return Err(Ended { fate, why, unknown: false });
            }
            match ran {
                Ok(Verdict::Commit) => kept += 1,
                Ok(Verdict::Abort) | Err(_) => g.roll_back(),
            }
            verdicts
                .push(ran.map(drop).map_err(|_| {
                    StoreError::Corrupt("a change failed unexpectedly; it was not made".into())
                }));
            if begun.elapsed() > self.options.group_time {
                break;
            }
        }
        if kept == 0 {
            return conn.run("rollback").map_err(|e| Ended::before_commit(&e));
        }
        g.finish().map_err(|e| Ended::before_commit(&e))?;
        commit(conn).map_err(|why| Ended { fate: Fate::Lost, why, unknown: true })?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(kept, Ordering::Relaxed);
        Ok(())
    }
}

fn answer(group: &mut Vec<Request>, verdicts: &[Result<()>], done: &Result<()>) {
    for (i, request) in group.drain(..).enumerate() {
        let said = match done {
            Ok(()) => verdicts.get(i).cloned().unwrap_or(Err(StoreError::Closed)),
            Err(e) => Err(e.clone()),
        };
        let _ = request.done.send(said);
    }
}

/// The group's requests by tenant, in the order in which they came.
fn of_one_tenant(group: Vec<Request>) -> Vec<Vec<Request>> {
    let mut out: Vec<Vec<Request>> = Vec::new();
    for request in group {
        match out.iter_mut().find(|g| g.first().is_some_and(|r| r.tenant == request.tenant)) {
            Some(g) => g.push(request),
            None => out.push(vec![request]),
        }
    }
    out
}
