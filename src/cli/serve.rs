//! `serve`: the depot itself.

use anyhow::Context;

use super::{Place, RoleArg, answer, say, settings};
use crate::app::{self, Ending, Running};
use crate::base::clock::Clock;
use crate::demo;
use crate::demo::seed::{PARCELS, fill};
use crate::demo::trade;
use crate::identity::password::hash;
use crate::identity::repo::tenants;
use crate::identity::secret::{Secret, random};
use crate::identity::setup::{SetUp, set_up};
use crate::logs;
use crate::store::NODE;

/// What their invention begins from: everybody looks at the same ones.
const DEMO_SEED: u64 = 1;

/// What `serve` was told beside where.
pub(super) struct How {
    pub(super) role: Option<RoleArg>,
    pub(super) listen: Option<String>,
    pub(super) no_tls: bool,
    pub(super) demo: bool,
}

pub(super) async fn run(place: &Place, how: How) -> anyhow::Result<()> {
    let How { role, listen, no_tls, demo } = how;
    let mut flags = Vec::new();
    flags.extend(role.map(|role| ("server.role", role.word().to_owned())));
    flags.extend(listen.map(|listen| ("server.listen", listen)));
    flags.extend(no_tls.then(|| ("server.tls.mode", "off".to_owned())));
    let mut config = settings(place, &flags)?;
    config.orders.auto_advance |= demo;
    crate::identity::private::folder(&config.server.data_dir)?;
    logs::init(&config.logs, &config.server.data_dir, &Clock::Wall)?;
    let ending = Ending::listen().context("signals can't be heard")?;
    let folder = config.server.data_dir.clone();
    let start = move || app::start(app::open(config, Clock::Wall)?, Vec::new());
    let running = tokio::task::spawn_blocking(start).await.context("the depot could not be started")??;
    answer(&format!("Serving {} at {}", folder.display(), running.url()))?;
    let (running, link) = tokio::task::spawn_blocking(move || {
        let link = running.setup_link();
        (running, link)
    })
    .await
    .context("the set-up link could not be made")?;
    if let Some(link) = link?.filter(|_| !demo) {
        answer(&format!("Set it up once, within a day: {link}"))?;
    }
    if demo && let Err(e) = seed(&running).await {
        say(&format!("crossdock: the demonstration is not complete: {e:#}"));
    }
    running.until_ended(ending).await.context("the store could not even be read at several attempts")
}

/// Sets an empty folder up, prints its one-time login and fills it with invented parcels. A folder that was set up
/// before stays as it is.
async fn seed(running: &Running) -> anyhow::Result<()> {
    let password = random::<9>()?.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let (app, shown) = (running.app.clone(), password.clone());
    let done = tokio::task::spawn_blocking(move || -> anyhow::Result<bool> {
        let now = app.clock.now();
        if !app.store.read(NODE, |tx| tenants(tx))?.is_empty() {
            return Ok(false);
        }
        let new = SetUp {
            tenant: "demo".into(),
            depot: "Demonstration".into(),
            zone: app.config.depot.zone.clone(),
            language: app.config.depot.language.clone(),
            login: "admin".into(),
            name: "Demo Admin".into(),
            password: Secret::new(password.clone()),
            role: "super_admin".into(),
        };
        let (tenant, _) = set_up(&app.store, new, now)?;
        app.gate.changed();
        answer(&format!("Log in as admin with the password {shown}"))?;
        fill(&app.store, tenant.number, DEMO_SEED, PARCELS, now)?;
        let drivers = trade::staff(&app.store, tenant.number, &hash(&password)?, now)?;
        trade::fill(&app.store, tenant.number, &drivers, now)?;
        app.gate.changed();
        let names = trade::DRIVERS.map(|(login, _)| login).join(", ");
        say(&format!("crossdock: the drivers {names} have stops today and the same password"));
        demo::fleet::fill(&app.store, &app.tracker, tenant.number, DEMO_SEED, now)?;
        say(&format!("crossdock: {PARCELS} invented parcels are in"));
        app.wake.wake();
        Ok(true)
    });
    if !done.await.context("filling the demonstration")?? {
        say("crossdock: this folder was set up before and is served as it is; --demo fills an empty one");
    }
    Ok(())
}
