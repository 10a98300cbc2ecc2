//! The listeners: the depot's own door with TLS, and the control door on the loopback address. One set of routes behind
//! both; `start` returns when they listen, `Running::stop` when what was under way is finished.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::dev::ServerHandle;
use actix_web::middleware::{Compress, Condition, from_fn};
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpServer, rt};

use super::app::App;
use super::control::{Control, Posted};
use super::limit::{Proxies, Throttle};
use super::pages::Setup;
use super::routes::Routes;
use super::tls::{Tls, TlsError};
use super::{error, health, meter, openapi, pages, routes, shell};
use crate::identity::private::PrivateError;
use crate::identity::secret::SecretError;
use crate::jobs::runner::Stop;

/// Says whether a part of the process works, or in words why not.
pub type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What is served.
#[derive(Clone)]
pub struct Parts {
    /// The depot.
    pub app: App,
    /// Its areas' routes.
    pub areas: Vec<Routes>,
    /// How the first user is made.
    pub setup: Arc<dyn Setup>,
    /// Parts that must work for the depot to be ready, beside the store.
    pub checks: Vec<(&'static str, Check)>,
    /// Where the pages for people are.
    pub screens: fn(&mut web::ServiceConfig),
}

/// What the shell and the pages outside the areas know.
pub struct Site {
    /// The control door.
    pub control: Control,
    /// Who is believed about the sender's address.
    pub proxies: Proxies,
    /// How often one caller may ask.
    pub throttle: Throttle,
    /// Whether the depot's own door speaks TLS.
    pub tls: bool,
    /// The OpenAPI document.
    pub document: Bytes,
    /// The certificate of the depot's own authority, in PEM; none with another certificate or without TLS.
    pub authority: Option<Bytes>,
    /// What requests that no route matches are counted under.
    pub elsewhere: Arc<str>,
    /// Says to those who listen to a stream that the server stops.
    pub leaving: Stop,
    /// See [`Parts::setup`].
    pub setup: Arc<dyn Setup>,
    /// See [`Parts::checks`].
    pub checks: Vec<(&'static str, Check)>,
}

/// The server can't start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {why}; choose another with --listen or server.listen")]
    Listen {
        /// Which.
        address: String,
        /// What the system said.
        why: io::Error,
    },
    /// The server itself could not be started.
    #[error("the server can't be started: {0}")]
    Start(io::Error),
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The control file can't be written.
    #[error(transparent)]
    Control(#[from] PrivateError),
    /// There is no randomness for the control secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// A server that listens.
pub struct Running {
    /// Where the depot's own door is.
    pub address: SocketAddr,
    /// The control door.
    pub control: Control,
    handle: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
    posted: Option<Posted>,
    site: Data<Site>,
}

/// Starts to listen.
///
/// # Errors
/// [`ServeError`], with nothing left behind.
pub fn start(parts: Parts, tls: Option<&Tls>) -> Result<Running, ServeError> {
    let config = Arc::clone(&parts.app.config);
    let (public, address) = listen(&config.server.listen)?;
    let (door, door_address) = listen("127.0.0.1:0")?;
    let control = Control::fresh(door_address)?;
    meter::install();
    let Parts { app, areas, setup, checks, screens } = parts;
    let site = Data::new(Site {
        control: control.clone(),
        proxies: Proxies::new(&config.server.trusted_proxies),
        throttle: Throttle::new(&config.limits),
        tls: tls.is_some(),
        authority: tls.map(Tls::authority).transpose()?.flatten().map(Bytes::from),
        document: Bytes::from(openapi::document(&areas).to_string()),
        elsewhere: Arc::from("elsewhere"),
        leaving: Stop::default(),
        setup,
        checks,
    });
    let folder = Arc::clone(&app.folder);
    let (data, shared, origins) = (Data::new(app), site.clone(), config.server.cors_origins.clone());
    let factory = move || {
        let (data, shared, areas) = (data.clone(), shared.clone(), areas.clone());
        actix_web::App::new()
            .app_data(data)
            .app_data(shared)
            .configure(move |cfg| serve(&areas, screens, cfg))
            .default_service(web::to(error::no_such_path))
            .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
            .wrap(from_fn(shell::spare_small))
            .wrap(Compress::default())
            .wrap(from_fn(shell::pass))
    };
    let secured = tls.map(Tls::config).transpose()?;
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    // Reading from a database is waiting for it, and a thread that waits serves nobody else.
    let usual = if config.store.url.is_empty() { cores } else { cores * 4 };
    let workers = if config.server.workers == 0 { usual } else { config.server.workers };
    let (send, receive) = mpsc::channel();
    // A server belongs to the thread it is made in.
    let run = move || {
        rt::System::new().block_on(async move {
            let patience = Duration::from_secs(config.limits.head_timeout_s);
            let server = HttpServer::new(factory)
                .workers(workers)
                .max_connections(config.limits.connections_max.div_ceil(workers))
                .client_request_timeout(patience)
                .tls_handshake_timeout(patience)
                .shutdown_timeout(config.server.shutdown_s)
                .disable_signals()
                .listen(door);
            let server = server.and_then(|server| match secured {
                Some(secured) => server.listen_rustls_0_23(public, secured),
                None => server.listen(public),
            });
            match server {
                Ok(server) => {
                    let server = server.run();
                    let _ = send.send(Ok(server.handle()));
                    server.await
                }
                Err(e) => {
                    let _ = send.send(Err(e));
                    Ok(())
                }
            }
        })
    };
    let thread = std::thread::Builder::new().name("http".into()).spawn(run).map_err(ServeError::Start)?;
    let handle = receive.recv().unwrap_or_else(|e| Err(io::Error::other(e))).map_err(ServeError::Start)?;
    let posted = Posted::post(&control, &folder);
    let mut running = Running { address, control, handle, thread: Some(thread), posted: None, site };
    running.posted = Some(posted?);
    Ok(running)
}

fn listen(address: &str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let refused = |why| ServeError::Listen { address: address.to_owned(), why };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

/// What lies outside the areas first: it is fixed paths, and the base's scope takes all below it.
fn serve(areas: &[Routes], screens: fn(&mut web::ServiceConfig), cfg: &mut web::ServiceConfig) {
    health::outside(cfg);
    pages::outside(cfg);
    screens(cfg);
    crate::sync::api::outside(cfg);
    crate::tracking::public_api::outside(cfg);
    routes::serve(areas, cfg);
}

fn cors(origins: &[String]) -> Cors {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let headers =
        ["authorization", "content-type", "idempotency-key", "if-match", "x-csrf-token", "x-request-id"];
    let exposed = [
        "etag",
        "link",
        "location",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "idempotent-replay",
        "x-request-id",
    ];
    let cors = Cors::default()
        .allowed_methods(methods)
        .allowed_headers(headers)
        .expose_headers(exposed)
        .max_age(3600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

impl Running {
    /// What recurs every few seconds.
    pub fn tidy(&self) {
        self.site.throttle.tidy();
        if let Some(handle) = meter::install() {
            handle.run_upkeep();
        }
    }

    /// Takes no more connections, lets what is under way finish (at most `server.shutdown_s`), and ends.
    pub fn stop(mut self) {
        self.end(true);
    }

    fn end(&mut self, finish: bool) {
        self.posted = None;
        self.site.leaving.stop();
        let Some(thread) = self.thread.take() else { return };
        // The command goes out when `stop` is called; its answer is the end of the thread.
        drop(self.handle.stop(finish));
        match thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(e)) => tracing::error!(error = %e, "the server ended with an error"),
            Err(_) => tracing::error!("the server's thread panicked"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(false);
    }
}
