//! One tenant's exchange: the way to headquarters for the length of a turn, and what is noted of it.

use std::time::Duration;

use super::courier::HttpLink;
use super::depot::{Budget, Depot, Link, LinkError, SyncError, Turn};
use super::node::{Joined, Node};
use super::pace::Pace;
use super::wire::State;
use crate::identity::secret::random;
use crate::jobs::runner::Stop;
use crate::store::Tenant;

/// One tenant's exchange.
pub struct Party {
    /// The depot.
    pub(super) depot: Depot,
    /// Its headquarters.
    pub(super) joined: Joined,
    pub(super) client: reqwest::Client,
    pub(super) base: reqwest::Url,
    /// When it is due.
    pub pace: Pace,
}

/// Runs `f` with the way to headquarters, and keeps what it cost.
pub fn along<T>(
    node: &Node,
    tenant: Tenant,
    party: &mut Party,
    stop: &Stop,
    f: impl FnOnce(&mut Depot, &mut dyn Link) -> Result<T, SyncError>,
) -> (Result<T, SyncError>, Option<Duration>) {
    let mut link = HttpLink {
        courier: &node.courier,
        client: &party.client,
        base: &party.base,
        stop,
        sent: 0,
        received: 0,
        retry: None,
    };
    let done = f(&mut party.depot, &mut link);
    let (sent, received, retry) = (link.sent, link.received, link.retry);
    let now = node.clock.now();
    party.pace.spent(now, sent + received);
    metrics::counter!("sync_bytes_total", "direction" => "sent").increment(sent);
    metrics::counter!("sync_bytes_total", "direction" => "received").increment(received);
    node.see(tenant, |seen| {
        seen.sent += sent;
        seen.received += received;
    });
    (done, retry)
}

/// One turn of a tenant's exchange, noted for all who ask.
///
/// # Errors
/// As the turn's.
pub fn turn(
    node: &Node,
    tenant: Tenant,
    party: &mut Party,
    stop: &Stop,
    budget: &Budget,
) -> Result<Turn, SyncError> {
    let now = node.clock.now();
    let (done, retry) = along(node, tenant, party, stop, |depot, link| depot.exchange(link, now, budget));
    let after = node.clock.now();
    match &done {
        Ok(turn) => {
            if let Some(verdict) = turn.verdict {
                metrics::counter!("sync_verdicts_total", "verdict" => word(verdict)).increment(1);
            }
            party.pace.went_well(after);
            node.see(tenant, |seen| {
                (seen.offline_since, seen.trouble) = (None, None);
                seen.verdict = turn.verdict.or(seen.verdict);
            });
        }
        Err(e) => {
            let dice = random::<2>().map_or(0.5, |b| f64::from(u16::from_be_bytes(b)) / 65_535.0);
            party.pace.failed(after, retry, dice);
            let down = matches!(e, SyncError::Link(LinkError::Down(_)));
            node.see(tenant, |seen| {
                seen.trouble = Some(e.to_string());
                seen.offline_since = if down { seen.offline_since.or(Some(now)) } else { None };
            });
        }
    }
    done
}

impl Party {
    /// Where headquarters is.
    #[must_use]
    pub fn joined(&self) -> &Joined {
        &self.joined
    }

    /// The depot.
    pub fn depot(&mut self) -> &mut Depot {
        &mut self.depot
    }
}

/// A verdict as figures and statuses name it.
#[must_use]
pub const fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Rejoin => "rejoin",
        State::Resupply => "resupply",
        State::Snapshot => "snapshot",
        State::Upgrade => "upgrade",
        State::Clock => "clock",
        State::Hold => "hold",
    }
}
