//! Who does what by itself, and how the rooms that must not know each other are introduced.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::attachments::vault::Vault;
use crate::audit::sightings::Scribe;
use crate::base::breaker::Terms;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::reasons::Reason;
use crate::cases::repo::CASES;
use crate::cases::{service as cases, worker};
use crate::identity::features::ReceiveAlerts;
use crate::identity::grant::Actor;
use crate::identity::repo::{self as users, TENANTS};
use crate::imports::files::Files;
use crate::imports::run::RunError;
use crate::jobs::alarm::{Alarm, AlarmKind, Watch};
use crate::jobs::retention::{Cleaner, Retained, of_jobs};
use crate::jobs::runner::{Ctx, Handler, House, JobError, Runner, Running, Step, Stop, Worker};
use crate::jobs::schedules::Schedules;
use crate::journal::Cx;
use crate::manifests::work::Dock;
use crate::notify::alerts::{Alerts, CaseLine, CaseLines, Recipient, Recipients};
use crate::notify::channel::Email;
use crate::notify::counter::Counter;
use crate::notify::deliveries::Tell;
use crate::notify::gateway::Http;
use crate::notify::inbox;
use crate::notify::mail::{SendMail, Smtp};
use crate::notify::orders::TellCustomers;
use crate::notify::sms::{self, SendSms, Ways};
use crate::operation::backups::{self, Keeper};
use crate::orders::work::{AutoAdvance, DelayWatch};
use crate::outside::IsCut;
use crate::parcels::learn::{Learn, Nightly};
use crate::parcels::map_runs::MapRuns;
use crate::parcels::service::keeper_of_case;
use crate::parcels::work::{Replan, StaleWatch};
use crate::reports::work::{ReportFiles, RunReport};
use crate::settings::service::settings as house_settings;
use crate::store::backup::{self, BackupError, Target, Which};
use crate::store::redb::{Options, Redb};
use crate::store::{Dir, Ix, KeyRange, ReadTx, Store, StoreError, Tenant, WriteTx};
use crate::sync::registry::Registry;
use crate::sync::work::{Stages, Turns};
use crate::web::{App, idempotency};
use crate::webhooks::reach::Allowed;
use crate::{
    attachments, carriers, deliveries, eta, fleet, freight, imports, labels, orders, parcels, places,
    privacy, routes, scan, tracking, travel, webhooks,
};

/// The retention table: everything that is let go of by age.
#[must_use]
pub fn retained() -> Vec<Retained> {
    let areas = [
        idempotency::retained(),
        inbox::retained(),
        sms::retained(),
        imports::service::retained(),
        parcels::undo::retained(),
        labels::repo::retained(),
        crate::manifests::repo::retained(),
        carriers::repo::retained(),
        freight::inbox::retained(),
        deliveries::same::retained(),
        webhooks::model::retained(),
    ];
    let of_areas = areas.into_iter().chain(scan::repo::retained());
    of_jobs()
        .into_iter()
        .chain(of_areas)
        .chain(tracking::repo::retained())
        .chain([eta::repo::retained(), routes::repo::retained()])
        .collect()
}

/// Everything that runs by itself, ready to be started.
#[must_use]
pub fn runner(app: &App, stop: Stop) -> Runner {
    let config = &app.config;
    let alarm: Arc<dyn Alarm> = Arc::new(Desk);
    let house = House {
        store: app.store.clone(),
        clock: app.clock.clone(),
        wake: app.wake.clone(),
        tenants: Arc::new(tenants),
        alarm: Arc::clone(&alarm),
        stop: stop.clone(),
    };
    let silence = config.sync.offline_alarm_minutes;
    let silence = (silence > 0).then(|| Duration::from_secs(silence * 60));
    let mut handlers = imports::work::handlers(&Files::under(&app.folder), &app.clock);
    handlers.push(Arc::new(Replan));
    handlers.push(Arc::new(Learn));
    handlers.push(Arc::new(freight::work::Replan));
    handlers.push(Arc::new(attachments::work::Forget(Vault::under(&app.folder))));
    handlers
        .push(Arc::new(labels::work::Print { manners: (&config.printers).into(), clock: app.clock.clone() }));
    let is_cut = is_cut(app);
    handlers.extend(ask(app, &is_cut));
    handlers.extend(backups::handlers(config, &app.clock, app.tables));
    let send = SendMail::new(Arc::new(Smtp::new(config.mail.clone())), &config.mail);
    handlers.push(Arc::new(send.with(Arc::new(ReportFiles))));
    handlers.push(Arc::new(RunReport));
    handlers.extend(tell(app, &is_cut));
    handlers.extend(texts(app, &is_cut));
    if config.weather.is_on() {
        let asked = travel::work::Ask::new(config.weather.clone(), app.clock.clone(), Arc::clone(&is_cut));
        match asked {
            Ok(ask) => handlers.push(Arc::new(ask)),
            Err(why) => tracing::error!(%why, "the weather can't be asked for"),
        }
    }
    let ways = Ways { mail: config.mail.is_on(), sms: config.sms.is_on() };
    handlers.push(Arc::new(eta::work::Learn));
    handlers.push(Arc::new(eta::work::LookAhead));
    handlers.push(Arc::new(routes::work::Optimize {
        desk: Arc::clone(&app.desk),
        travel: Arc::clone(&app.travel),
        clock: app.clock.clone(),
    }));
    let kinds = handlers.iter().map(|h| h.kind().to_owned()).collect();
    let mut workers: Vec<Arc<dyn Worker>> = vec![
        Arc::new(StaleWatch),
        Arc::new(Dock),
        Arc::new(Nightly::default()),
        Arc::new(MapRuns),
        Arc::new(eta::work::Rounds::default()),
        Arc::new(routes::work::Watch),
        Arc::new(tracking::plans::Plans),
        Arc::new(tracking::work::Scribe { tracker: app.tracker.clone(), predictors: app.predictors.clone() }),
        Arc::new(carriers::work::Rounds { is_cut: Arc::clone(&is_cut) }),
        Arc::new(DelayWatch),
        Arc::new(orders::work::Desk),
        Arc::new(deliveries::work::Desk),
        Arc::new(webhooks::deal::Dispatch),
        Arc::new(Tell {
            ways,
            recipients: config.deliveries.tell_recipients.then(|| config.depot.language.clone()),
        }),
        Arc::new(TellCustomers {
            on: ways.any() && config.orders.tell_customers,
            ways,
            language: config.depot.language.clone(),
        }),
        Arc::new(CaseClock),
        Arc::new(freight::work::Reminders),
        Arc::new(freight::work::Notices { people: Arc::new(Users), mail: config.mail.is_on() }),
        Arc::new(Schedules),
        Arc::new(Scribe(app.sightings.clone())),
        Arc::new(Alerts {
            recipients: Arc::new(Users),
            cases: Arc::new(Lines),
            channels: if config.mail.is_on() { vec![Arc::new(Email)] } else { Vec::new() },
            base: String::new(),
            every: Duration::from_secs(config.mail.digest_every_s),
        }),
        Arc::new(Cleaner { kept: retained(), days: config.retention.clone() }),
        Arc::new(Watch::new(Arc::clone(&alarm), app.errors.clone(), kinds)),
        Arc::new(Keeper::new(Arc::clone(config), app.clock.now(), alarm)),
        Arc::new(SessionTidy),
        Arc::new(eraser(app)),
        Arc::new(Stages::new(Arc::clone(&app.sync), config.retention.sync_log)),
        Arc::new(Turns::new(Arc::clone(&app.sync), stop, silence, config.retention.sync_log)),
    ];
    if ways.any() {
        workers.push(Arc::new(Counter { language: config.depot.language.clone(), ways }));
    }
    if !config.freight.mail_in.as_os_str().is_empty() {
        let every = Duration::from_secs(config.freight.mail_in_every_s);
        workers.push(Arc::new(freight::mail_in::MailIn::new(
            &config.freight.mail_in,
            every,
            Arc::new(Users),
        )));
    }
    if config.weather.is_on() {
        let every = Duration::from_secs(config.weather.every_s);
        workers.push(Arc::new(travel::work::Rounds { every, is_cut: Arc::clone(&is_cut) }));
    }
    if config.orders.auto_advance {
        let every = Duration::from_secs(config.orders.advance_every_s);
        workers.push(Arc::new(AutoAdvance { every }));
    }
    let slots = config.jobs.workers;
    let patience = Duration::from_secs(config.server.shutdown_s);
    Runner { house, slots, patience, handlers, workers }
}

/// Who carries out erasures.
fn eraser(app: &App) -> privacy::work::Eraser {
    let folders = [Some(backups::own_target(&app.config)), backups::target(&app.config)];
    let mut backups: Vec<_> = folders.into_iter().flatten().map(|t| t.folder).collect();
    backups.dedup();
    let folder = app.folder.to_path_buf();
    privacy::work::Eraser { registry: Registry::standard(), tables, folder, backups, tenants }
}

/// Writes the store anew where an erasure has left pages behind that nobody has written over since: into another file,
/// which takes the place of the first once it is whole and sound.
///
/// # Errors
/// When there is no room, or the store can't be read; then it stays as it is.
pub fn compact(folder: &Path, now: Timestamp) -> Result<(), BackupError> {
    let (due, file) = (folder.join(privacy::COMPACT), folder.join(crate::app::STORE));
    if !due.exists() || !file.exists() {
        return Ok(());
    }
    let scratch = folder.join("tmp").join("compact");
    let (target, anew) = (
        Target { folder: scratch.clone(), passphrase: None, beside: None },
        folder.join("depot.compact.redb"),
    );
    let _ = std::fs::remove_dir_all(&scratch);
    let _ = std::fs::remove_file(&anew);
    let mut options = Options::default();
    options.reserve.ballast = 0;
    let store = Store::new(Redb::file(&file, options)?);
    let copied = backup::make(&store, &target, "compact", now);
    store.close();
    let written = copied.and_then(|_| backup::restore(&target, Which::Latest, &anew, &tables()));
    let _ = std::fs::remove_dir_all(&scratch);
    written?;
    let io = |e: std::io::Error| StoreError::Io(e.to_string());
    std::fs::rename(&anew, &file).map_err(io)?;
    std::fs::remove_file(due).map_err(io)?;
    Ok(())
}

/// Writes down the positions that were told and are not written yet: at a stop.
pub fn write_positions(app: &App) {
    for tenant in app.tracker.unsettled() {
        let now = app.clock.now();
        if let Err(e) = tracking::flush::flush(&app.store, &app.tracker, &app.predictors, (tenant, now)) {
            tracing::error!(tenant, error = %e, "the last positions were not written");
        }
    }
}

/// Whether a tenant's line to the outside is cut, as far as the exchange with headquarters has found.
fn is_cut(app: &App) -> IsCut {
    let node = Arc::clone(&app.sync);
    Arc::new(move |tenant| node.seen(tenant).offline_since.is_some())
}

/// Who asks carriers; none where no client can be made, and then carriers that push are still heard.
fn ask(app: &App, is_cut: &IsCut) -> Option<Arc<dyn Handler>> {
    let settings = &app.config.carriers;
    let asker = carriers::client::Asker::new(settings)
        .inspect_err(|why| tracing::error!(%why, "carriers can't be asked"))
        .ok()?;
    let open = Duration::from_secs(settings.open_s);
    Some(Arc::new(carriers::work::Ask {
        asker,
        terms: Terms { failures: settings.failures, open, probe: None },
        keys: Arc::clone(app.gate.keys()),
        clock: app.clock.clone(),
        is_cut: Arc::clone(is_cut),
        patience: Duration::from_secs(settings.answer_s),
    }))
}

/// Who brings messages to other systems; none where no client can be made, and then they wait.
fn tell(app: &App, is_cut: &IsCut) -> Option<Arc<dyn Handler>> {
    let allowed = Allowed::new(&app.config.webhooks.allow_hosts);
    let keys = Arc::clone(app.gate.keys());
    webhooks::send::Deliver::new(allowed, keys, app.clock.clone(), Arc::clone(is_cut))
        .inspect_err(|why| tracing::error!(%why, "webhooks can't be sent"))
        .ok()
        .map(|deliver| -> Arc<dyn Handler> { Arc::new(deliver) })
}

/// Who sends text messages; none where no client can be made, and then they wait.
fn texts(app: &App, is_cut: &IsCut) -> Option<Arc<dyn Handler>> {
    let settings = &app.config.sms;
    let gateway =
        Http::new(settings).inspect_err(|why| tracing::error!(%why, "text messages can't be sent")).ok()?;
    let terms = Terms {
        failures: settings.failures,
        open: Duration::from_secs(settings.open_s),
        probe: Some(Duration::from_secs(settings.probe_s)),
    };
    Some(Arc::new(SendSms {
        gateway: Arc::new(gateway),
        terms,
        patience: Duration::from_secs(settings.timeout_s),
        keep: Duration::from_secs(settings.keep_hours * 3_600),
        clock: app.clock.clone(),
        is_cut: Arc::clone(is_cut),
    }))
}

/// Removes what a crash left in the data folder. Only before the server takes requests.
///
/// # Errors
/// When the store can't be read.
pub fn tidy(app: &App) -> Result<(), StoreError> {
    match Vault::under(&app.folder).tidy() {
        Ok(0) => {}
        Ok(gone) => tracing::info!(files = gone, "removed files that were cut off while they came"),
        Err(e) => tracing::warn!(error = %e, "the attachments folder can't be tidied"),
    }
    match Files::under(&app.folder).tidy(&app.store, &tenants(&app.store)?) {
        Ok(0) => {}
        Ok(gone) => tracing::info!(files = gone, "removed files no import has"),
        Err(RunError::Store(e)) => return Err(e),
        // Files too many do no harm: they are no reason not to serve.
        Err(RunError::Io(e)) => tracing::warn!(error = %e, "the imports folder can't be tidied"),
    }
    Ok(())
}

/// The tenants that live here.
///
/// # Errors
/// When the store can't be read.
pub fn tenants(store: &Store) -> Result<Vec<Tenant>, StoreError> {
    store.read(crate::store::NODE, |tx| {
        let rows =
            TENANTS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, crate::identity::setup::MAX_TENANTS)?;
        Ok(rows.items.into_iter().map(|e| e.value.number).collect())
    })
}

/// Trouble of the machine itself becomes a case like any other.
struct Desk;

fn reason(kind: AlarmKind) -> Reason {
    match kind {
        AlarmKind::JobDead => Reason::JobDead,
        AlarmKind::JobLate => Reason::JobLate,
        AlarmKind::JobBlocked => Reason::JobBlocked,
        AlarmKind::ServerErrors => Reason::ServerErrors,
        AlarmKind::BackupOverdue => Reason::BackupOverdue,
    }
}

impl Alarm for Desk {
    fn raise(
        &self,
        tx: &mut dyn WriteTx,
        now: Timestamp,
        kind: AlarmKind,
        key: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        let cx = Cx::new(tx, &Actor::system(), now, "alarm")?;
        cases::open_operational(tx, &cx, reason(kind), key, detail).map(drop)
    }
    fn clear(
        &self,
        tx: &mut dyn WriteTx,
        now: Timestamp,
        kind: AlarmKind,
        key: &str,
    ) -> Result<(), StoreError> {
        let cx = Cx::new(tx, &Actor::system(), now, "alarm")?;
        cases::resolve_operational(tx, &cx, reason(kind), key).map(drop)
    }
}

/// Who is told of new cases.
struct Users;

/// Users looked at for one digest.
const MAX_TOLD: usize = 1_000;

impl Recipients for Users {
    fn for_alerts(&self, tx: &dyn ReadTx) -> Result<Vec<Recipient>, StoreError> {
        let mut told = Vec::new();
        for user in users::all(tx, MAX_TOLD)? {
            let standing = users::standing_of(tx, user.clone(), Timestamp::MAX)?;
            if standing.is_admitted() && standing.features.contains::<ReceiveAlerts>() {
                told.push(Recipient {
                    user: user.id,
                    role: user.role,
                    email: user.email,
                    language: user.language,
                    scope: standing.scope,
                });
            }
        }
        Ok(told)
    }
}

impl freight::work::People for Users {
    fn of_role(&self, tx: &dyn ReadTx, role: &str) -> Result<Vec<freight::work::Person>, StoreError> {
        // What the machine does by itself is the import desk's to know of.
        let role = if role == "system" { "import_agent" } else { role };
        let mut told = Vec::new();
        for user in users::all(tx, MAX_TOLD)?.into_iter().filter(|u| u.role == role) {
            let standing = users::standing_of(tx, user.clone(), Timestamp::MAX)?;
            if standing.is_admitted() {
                told.push(freight::work::Person { user: user.id, email: user.email });
            }
        }
        Ok(told)
    }

    fn language(&self, tx: &dyn ReadTx) -> Result<String, StoreError> {
        Ok(house_settings(tx)?.0.language)
    }
}

/// Cases in a line each.
struct Lines;

impl CaseLines for Lines {
    fn lines(&self, tx: &dyn ReadTx, ids: &[Id]) -> Result<Vec<(Id, CaseLine)>, StoreError> {
        let mut lines = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(row) = CASES.get(tx, id)? {
                let c = row.state;
                let (label, distributor) = (c.subject.label.clone(), c.subject.distributor.clone());
                let rule = c.reason.rule();
                let line = CaseLine {
                    reason: c.reason.code().to_owned(),
                    group: rule.group,
                    role: rule.desk.role().to_owned(),
                    owner: c.owner.map(|o| o.id),
                    label,
                    detail: c.detail,
                    distributor,
                };
                lines.push((*id, line));
            }
        }
        Ok(lines)
    }
}

/// Escalates cases and wakes those that waited.
struct CaseClock;

impl Worker for CaseClock {
    fn name(&self) -> &'static str {
        "cases.clock"
    }
    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        use crate::deadlines::due::{self, DueKind};
        if worker::fire(&ctx.store, ctx.tenant, now, worker::AT_ONCE, keeper_of_case)? == worker::AT_ONCE {
            return Ok(Step::Worked);
        }
        let next = ctx.store.read(ctx.tenant, |tx| {
            let kinds = [DueKind::Escalation, DueKind::Waiting];
            kinds.into_iter().map(|k| due::next(tx, k)).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(Step::IdleUntil(next.into_iter().flatten().map(|d| d.at).min().unwrap_or(Timestamp::MAX)))
    }
}

/// Lets go of sessions that have ended.
struct SessionTidy;

impl Worker for SessionTidy {
    fn name(&self) -> &'static str {
        "identity.sessions"
    }
    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        const AT_ONCE: usize = 500;
        let tidy = move |tx: &mut dyn WriteTx| users::tidy(tx, now, AT_ONCE);
        let gone = ctx.store.write(ctx.tenant, crate::store::Lane::Bulk, tidy).wait()?;
        Ok(if gone == AT_ONCE { Step::Worked } else { Step::IdleUntil(now.after(Duration::from_secs(3600))) })
    }
}

/// A runner that is running, on a runtime of its own so that it can be started and stopped from any thread.
pub struct Working {
    runtime: Option<tokio::runtime::Runtime>,
    running: Mutex<Option<Running>>,
}

impl Working {
    /// Starts `runner`.
    ///
    /// # Errors
    /// When the runtime can't be made or what a crash interrupted can't be recovered.
    pub fn start(runner: Runner) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("worker")
            .enable_all()
            .build();
        let runtime = runtime.map_err(|e| StoreError::Io(e.to_string()))?;
        let running = runtime.block_on(runner.start())?;
        Ok(Self { runtime: Some(runtime), running: Mutex::new(Some(running)) })
    }

    /// Stops in good order.
    pub fn stop(mut self) {
        let running = self.running.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let (Some(runtime), Some(running)) = (self.runtime.take(), running) else { return };
        // A runtime can neither be waited on nor ended on a thread of another one, and whoever drops a depot may be there.
        let stopping = std::thread::spawn(move || {
            runtime.block_on(running.stop());
            runtime.shutdown_timeout(Duration::from_secs(1));
        });
        if stopping.join().is_err() {
            tracing::error!("what runs by itself was not stopped in order");
        }
    }
}

/// Every area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn crate::store::table::Checked> {
    [
        crate::journal::tables(),
        crate::audit::tables(),
        crate::deadlines::tables(),
        parcels::repo::tables(),
        parcels::map_service::tables(),
        parcels::undo::tables(),
        scan::repo::tables(),
        crate::manifests::repo::tables(),
        crate::cases::repo::tables(),
        users::tables(),
        crate::settings::tables(),
        crate::sync::tables(),
        privacy::tables(),
        crate::jobs::tables(),
        imports::model::tables(),
        carriers::repo::tables(),
        labels::repo::tables(),
        crate::reports::repo::tables(),
        freight::repo::tables(),
        tracking::repo::tables(),
        eta::repo::tables(),
        fleet::repo::tables(),
        places::repo::tables(),
        travel::sources::tables(),
        routes::repo::tables(),
        attachments::model::tables(),
        orders::repo::tables(),
        deliveries::repo::tables(),
        crate::customers::model::tables(),
        webhooks::model::tables(),
        crate::notify::tables(),
        crate::outside::tables(),
        idempotency::tables(),
        crate::store::backup::tables(),
    ]
    .concat()
}
