//! Wires the depot together: folder, keys, store, clock, gate, workers and server; its start and its orderly stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::app::house::Working;
use crate::audit::sightings::Sightings;
use crate::base::clock::Clock;
use crate::config::Config;
use crate::config::choices::TlsMode;
use crate::eta::service::Predictors;
use crate::identity::gate::Gate;
use crate::identity::private::{self, PrivateError};
use crate::identity::secret::{Keys, SecretError};
use crate::identity::setup::SetUp;
use crate::identity::token::TokenError;
use crate::jobs::alarm::ServerErrors;
use crate::jobs::runner::{Handler, Stop, Wake};
use crate::operation::backups;
use crate::parcels::cards::Cards;
use crate::parcels::pulse::Pulses;
use crate::routes::desk::Desk;
use crate::store::backup;
use crate::store::migrate::{self, MIGRATIONS};
use crate::store::redb::{Options, Redb};
use crate::store::space::Reserve;
use crate::store::{NODE, Store, StoreError};
use crate::sync::node::{Node, NodeError};
use crate::tracking::tracker::Tracker;
use crate::travel::sources::Sources;
use crate::web::control::Control;
use crate::web::error::ApiError;
use crate::web::pages::{NewDepot, Setup};
use crate::web::server::{self, Check, Parts, ServeError};
use crate::web::tls::{Source, Tls, TlsError};
use crate::web::{App, Routes, health, machines, openapi};
use crate::{
    attachments, audit, carriers, cases, deliveries, events, exports, fleet, freight, identity, imports,
    jobs, labels, manifests, notify, operation, orders, parcels, places, privacy, routes, scan, screens,
    settings, sync, travel, webhooks,
};

pub mod analysts;
pub mod database;
pub mod house;

/// The store's file in the data folder.
pub const STORE: &str = "depot.redb";
/// Between two rounds of what recurs while the server runs.
const ROUND: Duration = Duration::from_secs(5);
/// Rounds between two looks at the certificate: about a day.
const ROUNDS_PER_RENEWAL: u32 = 24 * 60 * 60 / 5;

/// Every area's routes; those that are asked for most stand first.
#[must_use]
pub fn areas() -> Vec<Routes> {
    vec![
        parcels::api::routes(),
        scan::api::routes(),
        carriers::api::routes(),
        carriers::inbound_api::routes(),
        cases::api::routes(),
        imports::api::routes(),
        imports::undo_api::routes(),
        parcels::map_api::routes(),
        parcels::limits_api::routes(),
        parcels::list_api::routes(),
        manifests::api::routes(),
        labels::api::routes(),
        routes::api::routes(),
        routes::figures_api::routes(),
        fleet::api::routes(),
        places::api::routes(),
        travel::api::routes(),
        travel::map_api::routes(),
        crate::reports::api::routes(),
        freight::api::routes(),
        crate::tracking::live_api::routes(),
        crate::tracking::api::routes(),
        crate::tracking::device_api::routes(),
        crate::eta::api::routes(),
        attachments::api::routes(),
        orders::api::routes(),
        orders::catalog_api::routes(),
        orders::stock_api::routes(),
        deliveries::api::routes(),
        deliveries::proof_api::routes(),
        crate::customers::api::routes(),
        events::api::routes(),
        events::stream_api::routes(),
        events::socket_api::routes(),
        webhooks::api::routes(),
        identity::auth::api::routes(),
        identity::api::routes(),
        identity::keys::api::routes(),
        identity::setup::api::routes(),
        settings::api::routes(),
        audit::api::routes(),
        jobs::api::routes(),
        notify::api::routes(),
        exports::api::routes(),
        operation::api::routes(),
        privacy::api::routes(),
        sync::manage_api::routes(),
        machines::routes(),
        health::routes(),
    ]
}

/// The OpenAPI document of this release, the same for both roles.
#[must_use]
pub fn document() -> Value {
    openapi::document(&areas())
}

/// What runs beside the server, and how it is ended.
#[derive(Default)]
pub struct Workers {
    /// Says of each whether it is alive.
    pub checks: Vec<(&'static str, Check)>,
    /// Ends one each and waits until it has; the last first.
    pub stops: Vec<Box<dyn FnOnce() + Send>>,
}

/// Starts everything that works by itself.
fn workers(app: &App, handlers: Vec<Arc<dyn Handler>>) -> Result<Workers, StoreError> {
    // Where several processes share a store they may share the folder too, and one may be receiving a file right now.
    if app.config.store.url.is_empty() {
        house::tidy(app)?;
    }
    // Of a store that was restored: what was erased since comes before everything else.
    let erased =
        privacy::tombs::take_in(&app.store, &house::tenants(&app.store)?, &app.folder, app.clock.now());
    match erased {
        Ok(0) => {}
        Ok(n) => tracing::info!(changes = n, "took in erasures that this store did not know"),
        Err(e) => return Err(StoreError::Io(format!("the list of erasures can't be taken in: {e}"))),
    }
    let mut runner = house::runner(app, Stop::default());
    runner.handlers.extend(handlers);
    let working = Working::start(runner)?;
    let last = app.clone();
    // What was told since the last second is written before the store is closed.
    let write = move || house::write_positions(&last);
    Ok(Workers { checks: Vec::new(), stops: vec![Box::new(write), Box::new(move || working.stop())] })
}

/// The first user is made by identity, which knows no pages.
struct FirstRun;

impl Setup for FirstRun {
    fn is_done(&self, app: &App) -> Result<bool, ApiError> {
        Ok(app
            .store
            .read(NODE, |tx| Ok::<_, StoreError>(identity::repo::tenants(tx)?.iter().any(|t| t.ready)))?)
    }

    fn token(&self, app: &App) -> Result<Option<String>, ApiError> {
        if self.is_done(app)? {
            return Ok(None);
        }
        Ok(Some(identity::setup::setup_link(&app.store, app.clock.now())?.reveal().to_owned()))
    }

    fn set_up(&self, app: &App, new: NewDepot, trusted: bool) -> Result<Value, ApiError> {
        let NewDepot { token, tenant, depot, zone, user, password, language } = new;
        let language = language.unwrap_or_else(|| app.config.depot.language.clone());
        let new = SetUp {
            tenant,
            depot,
            zone,
            language,
            login: user,
            name: String::new(),
            password,
            role: "super_admin".to_owned(),
        };
        let now = app.clock.now();
        let (tenant, user) = if trusted {
            identity::setup::set_up(&app.store, new, now)
        } else {
            identity::setup::set_up_by_link(&app.store, token.reveal(), new, now)
        }?;
        app.gate.changed();
        app.wake.wake();
        Ok(serde_json::json!({ "tenant": tenant.name, "depot": tenant.depot, "user": user.login }))
    }
}

/// The depot can't be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder or file can't be used.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// The keys can't be used.
    #[error(transparent)]
    Keys(#[from] SecretError),
    /// The token key can't be used.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// The store can't be opened.
    #[error("the store in {folder} can't be opened: {why}", folder = .folder.display())]
    Store {
        /// The data folder.
        folder: PathBuf,
        /// Why not.
        why: StoreError,
    },
    /// Its part in the exchange with headquarters can't be taken.
    #[error(transparent)]
    Sync(#[from] NodeError),
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server can't listen.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The set-up link can't be made.
    #[error("the set-up link can't be made: {0}")]
    Link(ApiError),
}

/// A depot whose store is open and whose server is not yet started.
pub struct Opened {
    /// The depot.
    pub app: App,
    /// Jobs it carries out beside those of its areas.
    pub handlers: Vec<Arc<dyn Handler>>,
    tls: Option<Tls>,
}

/// Opens the data folder: makes what is missing, brings the store up to this release.
///
/// # Errors
/// [`StartError`], naming the file and the remedy.
pub fn open(config: Config, clock: Clock) -> Result<Opened, StartError> {
    let folder = config.server.data_dir.clone();
    private::folder(&folder)?;
    let store = if config.store.url.is_empty() {
        if let Err(e) = house::compact(&folder, clock.now()) {
            // It is as good as it was, and written anew at another start.
            tracing::warn!(error = %e, "the store could not be written anew after an erasure");
        }
        Redb::file(&folder.join(STORE), options(&config)).map(Store::new)
    } else {
        database::open(&config)
    };
    furnish(config, clock, store.map_err(|why| StartError::Store { folder, why })?)
}

/// The rest of [`open`], around a store that is open: for one in memory.
///
/// # Errors
/// As [`open`].
pub fn furnish(config: Config, clock: Clock, store: Store) -> Result<Opened, StartError> {
    let folder = config.server.data_dir.clone();
    // The backup that is the way down: `crossdock restore --before-migration`.
    let down = backups::own_target(&config);
    let migrated = migrate::run(&store, MIGRATIONS, |layout| {
        backup::before_migration(&store, &down, layout, clock.now())
    });
    if let Err(why) = migrated {
        store.close();
        return Err(StartError::Store { folder, why });
    }
    let keys = Keys::open(&folder)?;
    let gate = Arc::new(Gate::new(Arc::new(keys))?);
    let given = &config.server.tls;
    let source = match given.mode {
        TlsMode::Own => Some(Source::Own { data: folder.clone(), names: given.names.clone() }),
        TlsMode::Files => Some(Source::Files { cert: given.cert_file.clone(), key: given.key_file.clone() }),
        TlsMode::Off => None,
    };
    let tls = source.map(|source| Tls::open(source, clock.now())).transpose()?;
    let cards = Cards::new(config.store.rows_mib << 20);
    let (travel, desk) =
        (Arc::new(Sources::new(&config.maps, &folder)), Arc::new(Desk::new(&config.routing)));
    let (config, wake) = (Arc::new(config), Wake::default());
    let opened = house::tenants(&store)
        .map_err(NodeError::from)
        .and_then(|all| Node::open(Arc::clone(&config), &folder, &store, &clock, &wake, &all));
    let sync = match opened {
        Ok(node) => Arc::new(node),
        Err(why) => {
            store.close();
            return Err(why.into());
        }
    };
    sync.certified(tls.as_ref().map(Tls::authority).transpose()?.flatten().as_deref());
    let app = App {
        store,
        clock,
        config,
        gate,
        folder: Arc::new(folder),
        wake,
        sightings: Sightings::default(),
        cards,
        pulses: Pulses::default(),
        travel,
        desk,
        errors: ServerErrors::default(),
        sync,
        tracker: Tracker::default(),
        predictors: Predictors::default(),
        tables: house::tables,
        retained: house::retained,
    };
    Ok(Opened { app, handlers: Vec::new(), tls })
}

fn options(config: &Config) -> Options {
    let store = &config.store;
    let size = |mib: u64| usize::try_from(mib << 20).unwrap_or(usize::MAX);
    Options {
        cache: size(store.cache_mib),
        read_deadline: Duration::from_millis(store.read_deadline_ms),
        queue: store.queue_max,
        group: store.group_max,
        group_time: Duration::from_millis(store.group_ms),
        reserve: Reserve {
            imports: store.import_stop_mib << 20,
            imports_percent: store.import_stop_percent,
            read_only: store.read_only_mib << 20,
            ballast: store.ballast_mib << 20,
        },
        ..Options::default()
    }
}

/// A depot that serves. Dropping it ends it at once; [`Running::stop`] lets it finish.
pub struct Running {
    /// Where its own door is.
    pub address: SocketAddr,
    /// Its control door.
    pub control: Control,
    /// The depot itself.
    pub app: App,
    setup: Arc<dyn Setup>,
    tls: Option<Tls>,
    server: Option<server::Running>,
    stops: Vec<Box<dyn FnOnce() + Send>>,
}

/// Starts workers and server, with routes of the caller's beside the areas'.
///
/// # Errors
/// As [`server::start`]; the store is closed then.
pub fn start(opened: Opened, more: Vec<Routes>) -> Result<Running, StartError> {
    let Opened { app, handlers, tls } = opened;
    let setup: Arc<dyn Setup> = Arc::new(FirstRun);
    let Workers { checks, stops } = workers(&app, handlers).map_err(|why| {
        app.store.close();
        StartError::Store { folder: app.folder.to_path_buf(), why }
    })?;
    let areas = areas().into_iter().chain(more).collect();
    let parts =
        Parts { app: app.clone(), areas, setup: Arc::clone(&setup), checks, screens: screens::outside };
    match server::start(parts, tls.as_ref()) {
        Ok(server) => {
            let (address, control) = (server.address, server.control.clone());
            Ok(Running { address, control, app, setup, tls, server: Some(server), stops })
        }
        Err(e) => {
            end(stops, &app.store);
            Err(e.into())
        }
    }
}

fn end(stops: Vec<Box<dyn FnOnce() + Send>>, store: &Store) {
    for stop in stops.into_iter().rev() {
        stop();
    }
    store.close();
}

impl Running {
    /// Where people find it.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let host = if self.address.ip().is_unspecified() {
            "localhost".to_owned()
        } else {
            self.address.ip().to_string()
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        format!("{scheme}://{host}:{}", self.address.port())
    }

    /// A one-time link to set the depot up; none when it is.
    ///
    /// # Errors
    /// Storage failures.
    pub fn setup_link(&self) -> Result<Option<String>, StartError> {
        let token = self.setup.token(&self.app).map_err(StartError::Link)?;
        Ok(token.map(|token| format!("{}/setup?token={token}", self.url())))
    }

    /// Serves until the supervisor or the operator ends it, then stops in order.
    ///
    /// # Errors
    /// When it ended by itself, because the store can't even be read any more: the supervisor begins again.
    pub async fn until_ended(self, ending: Ending) -> Result<(), StoreError> {
        notify(&[State::Ready]);
        let mut rounds: u32 = 0;
        let ended = ending.heard();
        tokio::pin!(ended);
        let why = loop {
            tokio::select! {
                () = &mut ended => break Ok(()),
                () = tokio::time::sleep(ROUND) => {}
            }
            rounds = rounds.wrapping_add(1);
            // Only a store that still answers keeps the supervisor's watchdog quiet.
            let store = self.app.store.status();
            if store.lost {
                break Err(StoreError::Io(store.trouble.unwrap_or_default()));
            }
            self.round(rounds);
        };
        notify(&[State::Stopping]);
        tracing::info!("stopping");
        let stopped = tokio::task::spawn_blocking(move || self.stop());
        if stopped.await.is_err() {
            tracing::error!("the stop was not orderly");
        }
        why
    }

    fn round(&self, number: u32) {
        notify(&[State::Watchdog]);
        if let Some(server) = &self.server {
            server.tidy();
        }
        if let Some(tls) = self.tls.as_ref().filter(|_| number.is_multiple_of(ROUNDS_PER_RENEWAL)) {
            match tls.renew(self.app.clock.now()) {
                Ok(true) => tracing::info!("the certificate was renewed"),
                Ok(false) => {}
                Err(e) => {
                    tracing::error!(error = %e, "the certificate was not renewed; the one so far stays in use")
                }
            }
        }
    }

    /// Takes no more requests, lets those under way finish, ends the workers and closes the store.
    pub fn stop(mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        end(std::mem::take(&mut self.stops), &self.app.store);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server = None;
        end(std::mem::take(&mut self.stops), &self.app.store);
    }
}

/// Hears that somebody wants the process to end, from the moment it is made: before anybody is told that it serves.
pub struct Ending {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Ending {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { signals: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?] })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Resolves when it is time to end.
    async fn heard(self) {
        #[cfg(unix)]
        {
            let [mut terminate, mut interrupt] = self.signals;
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What the supervisor is told.
enum State {
    Ready,
    Stopping,
    Watchdog,
}

/// Tells the supervisor, when there is one.
fn notify(states: &[State]) {
    #[cfg(unix)]
    {
        let said = states.iter().map(|s| match s {
            State::Ready => sd_notify::NotifyState::Ready,
            State::Stopping => sd_notify::NotifyState::Stopping,
            State::Watchdog => sd_notify::NotifyState::Watchdog,
        });
        if let Err(e) = sd_notify::notify(&said.collect::<Vec<_>>()) {
            tracing::debug!(error = %e, "the supervisor was not told");
        }
    }
    #[cfg(not(unix))]
    let _ = states;
}
