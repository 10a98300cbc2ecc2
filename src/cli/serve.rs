//! `serve`: the depot itself.

use anyhow::Context;
use serde_json::json;

use super::client::{Depot, encoded};
use super::{Place, RoleArg, answer, say, settings};
use crate::app::{self, Ending, Running};
use crate::base::clock::Clock;
use crate::identity::secret::random;
use crate::{demo, logs};

/// Parcels of a demonstration.
const DEMO_PARCELS: u32 = 2_000;
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
    let config = settings(place, &flags)?;
    crate::identity::private::folder(&config.server.data_dir)?;
    logs::init(&config.logs, &config.server.data_dir, &Clock::Wall)?;
    let ending = Ending::listen().context("signals can't be heard")?;
    let folder = config.server.data_dir.clone();
    let start = move || app::start(app::open(config, Clock::Wall)?, Vec::new());
    let running = tokio::task::spawn_blocking(start).await.context("the depot could not be started")??;
    if demo {
        let depot =
            Depot::running(&folder).await?.context("the server that was just started does not answer")?;
        if let Err(e) = seed(&depot, &running).await {
            say(&format!("crossdock: the demonstration is not complete: {e:#}"));
        }
    }
    answer(&format!("Serving {} at {}", folder.display(), running.url()))?;
    let (running, link) = tokio::task::spawn_blocking(move || {
        let link = running.setup_link();
        (running, link)
    })
    .await
    .context("the set-up link could not be made")?;
    if let Some(link) = link? {
        answer(&format!("Set it up once, within a day: {link}"))?;
    }
    running.until_ended(ending).await;
    Ok(())
}

/// Sets an empty folder up and imports invented parcels, through the same doors as everybody.
async fn seed(depot: &Depot, running: &Running) -> anyhow::Result<()> {
    let password = random::<9>()?.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let zone = &running.app.config.depot.zone;
    let new = json!({ "tenant": "demo", "depot": "Demonstration", "zone": zone, "user": "admin", "password": password });
    depot.post("/setup", &new).await.context("setting it up")?;
    answer(&format!("Log in as admin with the password {password}"))?;
    let file = tempfile_of(running)?;
    let now = running.app.clock.now();
    let out = std::io::BufWriter::new(std::fs::File::create(&file)?);
    demo::to_csv(demo::parcels(DEMO_SEED, DEMO_PARCELS, now), out)?;
    let path = format!("/api/v1/imports?kind=parcels&source={}", encoded("demo"));
    let sent = depot.upload(&path, &file, "text/csv").await.context("importing parcels");
    let _ = std::fs::remove_file(&file);
    sent.map(drop)
}

fn tempfile_of(running: &Running) -> anyhow::Result<std::path::PathBuf> {
    let folder = running.app.folder.join("tmp");
    crate::identity::private::folder(&folder)?;
    Ok(folder.join("demo.csv"))
}
