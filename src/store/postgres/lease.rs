//! Leases: what only one of several processes may do at a time. The database's clock says when one has run out, and its
//! fence counts up each time it changes hands; a write under a lease locks the row, so whoever takes the lease over
//! waits until that write is committed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::link::{failed, wait};
use super::{Shared, lock};
use crate::store::{Fence, Result};

/// What is held, and what was asked for in vain.
pub(super) struct Leases {
    ttl: Duration,
    /// By name: the holding, if it is ours, and until when nobody has to ask again.
    known: Mutex<BTreeMap<String, (Option<u64>, Instant)>>,
}

impl Leases {
    pub(super) fn new(ttl: Duration) -> Self {
        Self { ttl, known: Mutex::default() }
    }
}

const TAKE: &str = "insert into crossdock._leases as l (name, owner, fence, until)
     values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
     on conflict (name) do update
     set owner = excluded.owner, until = excluded.until,
         fence = l.fence + case when l.owner = excluded.owner then 0 else 1 end
     where l.owner = excluded.owner or l.until < clock_timestamp()
     returning fence";
const LET_GO: &str = "update crossdock._leases set until = '-infinity' where owner = $1";

impl Shared {
    pub(super) fn lease(&self, name: &str) -> Result<Option<Fence>> {
        let fence = |number| Fence { name: name.to_owned(), number };
        if let Some((number, until)) = lock(&self.leases.known).get(name)
            && Instant::now() < *until
        {
            return Ok(number.map(fence));
        }
        let asked = Instant::now();
        let lent = self.link.lend(self.options.read_deadline)?;
        let (conn, owner) = (lent.conn()?, self.owner.to_vec());
        let ttl = f64::from(u32::try_from(self.leases.ttl.as_millis()).unwrap_or(u32::MAX));
        let ask = || {
            let take = conn.statement(TAKE)?;
            wait(conn.client.query_opt(&take, &[&name, &owner, &ttl]))
        };
        let row = ask().map_err(|e| failed(&e))?;
        let number = row.map(|r| r.get::<_, i64>(0)).and_then(|n| u64::try_from(n).ok());
        // Renewed after a third of its time; one that is somebody else's is asked for as often.
        lock(&self.leases.known).insert(name.to_owned(), (number, asked + self.leases.ttl / 3));
        Ok(number.map(fence))
    }

    /// Leaves all leases to the others at once.
    pub(super) fn let_leases_go(&self) {
        let mut known = lock(&self.leases.known);
        if known.values().any(|(number, _)| number.is_some())
            && let Ok(lent) = self.link.lend(Duration::ZERO)
            && let Ok(conn) = lent.conn()
            && let Err(e) = wait(conn.client.execute(LET_GO, &[&self.owner.to_vec()]))
        {
            tracing::warn!(error = %e, "the leases run out by themselves");
        }
        known.clear();
    }
}
