//! The process's part in the exchange: as headquarters the desk that depots come to, as a depot the way to headquarters.
//! Everything here can be asked from any thread; what waits for the network must not be asked from one that serves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use tokio::sync::watch;

use super::courier::{self, Courier};
use super::depot::Depot;
use super::hq::{Hq, Limits};
use super::keys::{self, DepotKey};
use super::pace::{Pace, Terms, Window};
use super::registry::Registry;
use super::start;
use super::turn::Party;
use super::wire::State;
use crate::attachments::vault::Vault;
use crate::base::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::config::choices::Role;
use crate::first_record;
use crate::identity::private::{self, PrivateError};
use crate::identity::secret::SecretError;
use crate::jobs::runner::Wake;
use crate::journal::clock::{Origin, UNENROLLED};
use crate::store::migrate::RELEASE;
use crate::store::table::Checked;
use crate::store::{Home, ReadTx, Store, StoreError, Table, Tenant};

/// Pushes and the like that headquarters takes at one time; one more is told to come again.
pub const MAX_INGESTS: usize = 256;
/// Depots whose last call is kept in memory; further ones are known by their sessions alone.
const MAX_SEEN: usize = 100_000;

/// Where headquarters is, as it was when this depot joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Its address.
    pub url: String,
    /// Its authority's certificate in PEM, pinned; none where the system's authorities say whom to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The key that headquarters signs files with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ByteArray<32>>,
    /// The number it gave this depot.
    pub site: u32,
    /// When.
    pub at: Timestamp,
}

/// The headquarters of a tenant here.
pub const JOINED: Table<str, Joined> = Table::new(97, "sync_joined", Home::Local);

first_record!(Joined);

/// These tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&JOINED, &start::STARTS]
}

/// The process can't take its part.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A key can't be used.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// No randomness.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The store.
    #[error("the store can't be read: {0}")]
    Store(#[from] StoreError),
    /// The folder is another's.
    #[error("this folder holds {holds}; serve it as that, or give {wanted} a folder of its own")]
    Role {
        /// What it holds.
        holds: &'static str,
        /// What was wanted.
        wanted: &'static str,
    },
    /// No thread.
    #[error("no thread can be had for the exchange: {0}")]
    Thread(#[from] std::io::Error),
}

/// What is known of the exchange without asking the store: for health, figures and the status.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Since when headquarters does not answer.
    pub offline_since: Option<Timestamp>,
    /// Why, in words.
    pub trouble: Option<String>,
    /// The last verdict.
    pub verdict: Option<State>,
    /// When it is asked again.
    pub next_at: Option<Timestamp>,
    /// Bytes of bodies sent since the start.
    pub sent: u64,
    /// Bytes of bodies received since the start.
    pub received: u64,
}

/// See the module.
pub struct Node {
    /// Headquarters, when it is one.
    pub hq: Option<Hq>,
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// When exchanges are due.
    pub terms: Terms,
    /// Who carries.
    pub courier: Courier,
    /// What can be folded.
    pub registry: Registry,
    /// Wakes the workers.
    pub wake: Wake,
    config: Arc<Config>,
    folder: PathBuf,
    /// By which depots know headquarters' authority.
    authority: RwLock<Option<String>>,
    busy: AtomicUsize,
    news: watch::Sender<u64>,
    parties: Mutex<BTreeMap<Tenant, Arc<Mutex<Party>>>>,
    seen: Mutex<BTreeMap<Tenant, Seen>>,
    callers: Mutex<BTreeMap<(Tenant, u32), Timestamp>>,
}

/// One place among those who are served at headquarters; given back when dropped.
pub struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn guard<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    /// Takes the part that the settings name. Keys are made where they are missing; a headquarters that was restored
    /// begins another life.
    ///
    /// # Errors
    /// [`NodeError`], naming the file or the remedy.
    pub fn open(
        config: Arc<Config>,
        folder: &Path,
        store: &Store,
        clock: &Clock,
        wake: &Wake,
        tenants: &[Tenant],
    ) -> Result<Self, NodeError> {
        let role = config.server.role;
        start::settle_role(store, role, tenants, clock.now())?;
        let registry = Registry::standard();
        let hq = match role {
            Role::Hq => {
                let hq = Hq {
                    store: store.clone(),
                    registry: registry.clone(),
                    secret: start::secret(&folder.join("keys/hq.key"))?,
                    limits: Limits { file: config.limits.attachment_max_bytes, ..Limits::default() },
                    verify: keys::verify,
                    vault: Some(Vault::under(folder)),
                };
                // Several processes over one database start in any order: there the figures would differ without cause, and
                // whoever restores a database has to say so.
                if config.store.url.is_empty() {
                    start::begin(&hq, &folder.join("keys/hq.starts"), tenants)?;
                }
                Some(hq)
            }
            Role::Depot => None,
        };
        let zone = TimeZone::get(&config.depot.zone).unwrap_or(TimeZone::UTC);
        let terms = Terms {
            every: Duration::from_secs(config.sync.every_s),
            window: Window::read(&config.sync.window),
            zone,
            bytes: config.sync.bytes_per_hour,
        };
        Ok(Self {
            hq,
            store: store.clone(),
            clock: clock.clone(),
            terms,
            courier: Courier::new()?,
            registry,
            wake: wake.clone(),
            config,
            folder: folder.to_owned(),
            authority: RwLock::default(),
            busy: AtomicUsize::new(0),
            news: watch::Sender::new(0),
            parties: Mutex::default(),
            seen: Mutex::default(),
            callers: Mutex::default(),
        })
    }

    /// Says by which certificate depots are to know this headquarters.
    pub fn certified(&self, authority: Option<&[u8]>) {
        let mark = authority.and_then(|pem| courier::fingerprint(pem).ok());
        *self.authority.write().unwrap_or_else(PoisonError::into_inner) = mark;
    }

    /// The mark of headquarters' authority that stands in codes.
    #[must_use]
    pub fn authority(&self) -> Option<String> {
        self.authority.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key headquarters signs files with.
    #[must_use]
    pub fn desk_key(&self) -> Option<DepotKey> {
        let hq = self.hq.as_ref()?;
        Some(DepotKey::from_seed(&blake3::derive_key("crossdock sync 2026 carried files", &hq.secret)))
    }

    /// A place for one who brings something; none when too many are served already.
    #[must_use]
    pub fn place(&self) -> Option<Place<'_>> {
        let took = self
            .busy
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < MAX_INGESTS).then_some(n + 1));
        took.is_ok().then(|| Place(&self.busy))
    }

    /// One who hears when feeds have grown.
    #[must_use]
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Feeds have grown.
    pub fn tell(&self) {
        self.news.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// A depot asked for something.
    pub fn called(&self, tenant: Tenant, site: u32, now: Timestamp) {
        let mut callers = guard(&self.callers);
        if callers.len() < MAX_SEEN || callers.contains_key(&(tenant, site)) {
            callers.insert((tenant, site), now);
        }
    }

    /// When a depot asked for something last, since the start.
    #[must_use]
    pub fn last_call(&self, tenant: Tenant, site: u32) -> Option<Timestamp> {
        guard(&self.callers).get(&(tenant, site)).copied()
    }

    /// What is known of a tenant's exchange.
    #[must_use]
    pub fn seen(&self, tenant: Tenant) -> Seen {
        guard(&self.seen).get(&tenant).cloned().unwrap_or_default()
    }

    /// Changes what is known.
    pub fn see(&self, tenant: Tenant, f: impl FnOnce(&mut Seen)) {
        f(guard(&self.seen).entry(tenant).or_default());
    }

    /// The longest time for which a depot here has not reached headquarters.
    #[must_use]
    pub fn offline_since(&self) -> Option<Timestamp> {
        guard(&self.seen).values().filter_map(|s| s.offline_since).min()
    }

    /// The file of a tenant's key.
    #[must_use]
    pub fn key_file(&self, tenant: Tenant) -> PathBuf {
        self.folder.join(format!("keys/sync-{tenant}.key"))
    }

    /// The depot's own key; made when there is none.
    ///
    /// # Errors
    /// When its file can't be used.
    pub fn key(&self, tenant: Tenant) -> Result<DepotKey, NodeError> {
        Ok(DepotKey::from_seed(&start::secret(&self.key_file(tenant))?))
    }

    /// The tenant's exchange; none before it joined.
    ///
    /// # Errors
    /// When its key can't be read or the store can't.
    pub fn party(&self, tenant: Tenant) -> Result<Option<Arc<Mutex<Party>>>, NodeError> {
        if self.hq.is_some() {
            return Ok(None);
        }
        if let Some(party) = guard(&self.parties).get(&tenant) {
            return Ok(Some(Arc::clone(party)));
        }
        let read = |tx: &dyn ReadTx| {
            let site = Origin::load(tx)?.site;
            Ok::<_, StoreError>((site, JOINED.get(tx, "hq")?, super::depot::tables::standing(tx)?))
        };
        let (site, joined, standing) = self.store.read(tenant, read)?;
        let Some(joined) = joined.filter(|_| site != UNENROLLED) else { return Ok(None) };
        let key = Arc::new(self.key(tenant)?);
        let unusable = |what: String| PrivateError::malformed(&self.folder.join("keys"), what);
        let url = if self.config.sync.url.is_empty() { &joined.url } else { &self.config.sync.url };
        let base = courier::checked(url).map_err(unusable)?;
        let authority = self.trusted(joined.authority.clone())?;
        let client =
            courier::client(authority.as_deref(), &self.clock, standing.last_at).map_err(unusable)?;
        let mut depot = Depot::new(self.store.clone(), tenant, self.registry.clone(), key, RELEASE);
        depot.most = self.config.sync.batch_max;
        depot.vault = Some(Vault::under(&self.folder));
        let party = Party { depot, joined, client, base, pace: Pace::default() };
        let mut parties = guard(&self.parties);
        let party = parties.entry(tenant).or_insert_with(|| Arc::new(Mutex::new(party)));
        self.see(tenant, |seen| seen.offline_since = standing.offline_since);
        Ok(Some(Arc::clone(party)))
    }

    /// Whom to trust: the settings' authority before the pinned one.
    ///
    /// # Errors
    /// When the settings' file can't be read.
    pub fn trusted(&self, pinned: Option<String>) -> Result<Option<String>, PrivateError> {
        let file = &self.config.sync.ca_file;
        if file.as_os_str().is_empty() {
            return Ok(pinned);
        }
        let pem = private::read_public(file)?;
        let text = String::from_utf8(pem);
        text.map(Some).map_err(|_| PrivateError::malformed(file, "is no certificate in PEM"))
    }

    /// Forgets what was set up for a tenant: it has joined anew.
    pub fn joined(&self, tenant: Tenant) {
        guard(&self.parties).remove(&tenant);
        self.wake.wake();
    }
}
