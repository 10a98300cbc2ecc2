//! The commands beside `serve`: each is a request or two.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Depot, Refused, encoded};
use super::serve::{self, How};
use super::{
    BackupCommand, Command, Faults, ManifestCommand, MapCommand, Place, RoadMapCommand, RoleArg, UserCommand,
    answer, quiet, say, secret, settings,
};
use crate::base::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::identity::private;
use crate::operation::backups;
use crate::parcels::maps::Map;
use crate::store::backup::{self, Target, Which};
use crate::store::migrate::RELEASE;
use crate::store::redb::Redb;
use crate::{app, logs};

/// The settings file a data folder may bring along.
pub(super) const SETTINGS: &str = "crossdock.toml";
/// Between two looks at an import that runs.
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve { place, role, listen, no_tls, demo } => {
            serve::run(&place, How { role, listen, no_tls, demo }).await
        }
        Command::Init { place, role, tenant, depot, zone, admin_user, admin_password_file } => {
            let password = secret(&admin_password_file)?;
            let new = json!({ "tenant": tenant, "depot": depot, "zone": zone, "user": admin_user, "password": password });
            init(&place, role, &zone, &new).await
        }
        Command::Token { place, user } => {
            let made = post(&place, "/api/v1/control/token", &json!({ "login": user })).await?;
            let token = made["access_token"].as_str().or_else(|| made["token"].as_str());
            answer(token.context("the depot answered no token")?)
        }
        Command::Import { place, kind, dry_run: false, compare: false, json, file, .. } if kind == "fsu" => {
            messages(&place, &file, json).await
        }
        Command::Import { place, kind, source, dry_run, compare, json, file } => {
            let (kind, source) = (encoded(&kind), encoded(&source));
            let query = format!("kind={kind}&source={source}&dry_run={dry_run}&compare={compare}");
            import(&place, &query, &file, json).await
        }
        Command::Stats { place, at, json } => {
            let query = at.map(|at| format!("?at={}", encoded(&at))).unwrap_or_default();
            let stats = get(&place, &format!("/api/v1/dashboard/stats{query}")).await?;
            answer(&if json { stats.to_string() } else { readable(&stats) })
        }
        Command::Check { place } => {
            let report = get(&place, "/api/v1/check").await?;
            answer(&pretty(&report)?)?;
            let faults = report["fault_count"].as_u64().unwrap_or(0);
            if faults > 0 {
                Err(Faults(format!("the store has {faults} faults; restore the last backup")).into())
            } else {
                Ok(())
            }
        }
        Command::Backup { command: Some(BackupCommand::List { place, from, passphrase_file }), .. } => {
            backups_there_are(&place, from, passphrase_file.as_deref())
        }
        Command::Backup { command: None, place, to } => {
            // The server that makes it stands in another folder than we do.
            let to = to.map(std::path::absolute).transpose()?;
            let body = to.map_or_else(|| json!({}), |to| json!({ "to": to }));
            answer(&pretty(&post(&place, "/api/v1/backups", &body).await?)?)
        }
        Command::Restore { place, from, at, before_migration, passphrase_file } => {
            // The file of a server that runs could be set aside under its hands.
            if Depot::running(&settings(&place, &[])?.server.data_dir).await?.is_some() {
                bail!("a server runs on this folder; stop it first");
            }
            restore(&place, from, at.as_deref(), before_migration, passphrase_file.as_deref())
        }
        Command::Verify { place } => {
            let report = get(&place, "/api/v1/audit-log/verify").await?;
            answer(&pretty(&report)?)?;
            if !report["broken_at"].is_null() {
                Err(Faults("the audit trail was changed".into()).into())
            } else {
                Ok(())
            }
        }
        Command::User { command } => user(command).await,
        Command::StatusMap { command } => {
            let (place, path) = match command {
                MapCommand::Set { place, source, json, file } => {
                    return set_map(&place, &source, &file, json).await;
                }
                MapCommand::List { place } => (place, "/api/v1/status-maps".to_owned()),
                MapCommand::Show { place, source } => {
                    (place, format!("/api/v1/status-maps/{}", encoded(&source)))
                }
                MapCommand::Unmapped { place } => (place, "/api/v1/status-maps/unmapped".to_owned()),
            };
            answer(&pretty(&get(&place, &path).await?)?)
        }
        Command::Map { command: RoadMapCommand::Import { place, file } } => {
            // The server that reads it stands in another folder than we do.
            let file = std::path::absolute(file)?;
            answer(&pretty(&post(&place, "/api/v1/conditions/map", &json!({ "file": file })).await?)?)
        }
        Command::Map { command: RoadMapCommand::Status { place } } => {
            answer(&pretty(&get(&place, "/api/v1/conditions/map").await?)?)
        }
        Command::Manifest { command } => manifest(command).await,
        Command::Privacy { command } => super::privacy::privacy(command).await,
        Command::Sync { command } => super::sync::sync(command).await,
        Command::Hq { command } => super::sync::hq(command).await,
        Command::Config { place } => answer(&settings(&place, &[])?.to_toml_redacted()?),
        Command::Openapi => answer(&pretty(&app::document())?),
        Command::Health { place } => {
            let health = running(&place).await?.get("/api/v1/health/detailed").await?;
            answer(&pretty(&health)?)?;
            if health["status"] == "ok" { Ok(()) } else { Err(Faults("the depot is not well".into()).into()) }
        }
        Command::Status { place } => {
            let depot = running(&place).await?;
            let health = depot.get("/api/v1/health").await?;
            let status = json!({ "running": true, "control": depot.base(), "version": health["version"], "status": health["status"] });
            answer(&pretty(&status)?)
        }
        Command::Version => answer(&format!("crossdock {RELEASE}")),
    }
}

async fn user(command: UserCommand) -> anyhow::Result<()> {
    let answered =
        match command {
            UserCommand::List { place } => get(&place, "/api/v1/users?limit=500").await?,
            UserCommand::Add { place, user, name, role, password_file } => {
                let password = secret(&password_file)?;
                let name = name.unwrap_or_else(|| user.clone());
                post(
                    &place,
                    "/api/v1/users",
                    &json!({ "login": user, "name": name, "role": role, "password": password }),
                )
                .await?
            }
            UserCommand::Disable { place, user } => {
                change_user(&place, &user, async |depot, of| {
                    depot.change(Method::DELETE, &of.path, of.seen, &Value::Null).await
                })
                .await?
            }
            UserCommand::Enable { place, user } => change_user(&place, &user, async |depot, of| {
                let body = json!({ "login": of.now["login"], "name": of.now["name"], "email": of.now["email"],
                    "language": of.now["language"], "active": true, "approved": true });
                depot.change(Method::PUT, &of.path, of.seen, &body).await
            })
            .await?,
            UserCommand::Password { place, user, password_file } => {
                let body = json!({ "password": secret(&password_file)? });
                change_user(&place, &user, async |depot, of| {
                    depot.change(Method::PUT, &format!("{}/credentials", of.path), of.seen, &body).await
                })
                .await?
            }
            UserCommand::Role { place, user, role } => {
                let body = json!({ "role": role });
                change_user(&place, &user, async |depot, of| {
                    depot.change(Method::PATCH, &format!("{}/role", of.path), of.seen, &body).await
                })
                .await?
            }
        };
    answer(&pretty(&answered)?)
}

async fn manifest(command: ManifestCommand) -> anyhow::Result<()> {
    let (place, query, file) = match command {
        ManifestCommand::List { place, state } => {
            let state = state.map(|s| format!("&state={}", encoded(&s))).unwrap_or_default();
            return answer(&pretty(&get(&place, &format!("/api/v1/manifests?limit=500{state}")).await?)?);
        }
        ManifestCommand::Import { place, number, kind, carrier, vehicle, distributor, expected_at, file } => {
            let all = [
                ("number", Some(number)),
                ("kind", Some(kind)),
                ("carrier", carrier),
                ("vehicle", vehicle),
                ("distributor", distributor),
                ("expected_at", expected_at),
            ];
            let said =
                all.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(&value?))));
            (place, said.collect::<Vec<_>>().join("&"), file)
        }
    };
    let depot = connect(&place).await?;
    let made = depot.upload(&format!("/api/v1/manifests/csv?{query}"), &file, "text/csv").await;
    answer(&pretty(&closed(depot, made).await?)?)
}

/// A user to be changed.
struct Found {
    path: String,
    seen: u64,
    now: Value,
}

/// Finds the user with `login`, does `f`, and says how the user is then.
async fn change_user(
    place: &Place,
    login: &str,
    f: impl AsyncFnOnce(&Depot, &Found) -> anyhow::Result<Value>,
) -> anyhow::Result<Value> {
    let depot = connect(place).await?;
    let changed = async {
        let found = find_user(&depot, login).await?;
        f(&depot, &found).await?;
        depot.get(&found.path).await
    };
    let changed = changed.await;
    closed(depot, changed).await
}

async fn find_user(depot: &Depot, login: &str) -> anyhow::Result<Found> {
    let mut cursor = String::new();
    loop {
        let page = depot.get(&format!("/api/v1/users?limit=500{cursor}")).await?;
        let users = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        if let Some(user) = users.iter().find(|u| u["login"].as_str() == Some(login)) {
            let path = format!("/api/v1/users/{}", user["id"].as_str().unwrap_or_default());
            return Ok(Found { path, seen: user["version"].as_u64().unwrap_or(0), now: user.clone() });
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={}", encoded(next)),
            None => {
                let detail = format!("no user {login}; crossdock user list shows those there are");
                return Err(Refused { status: 404, detail }.into());
            }
        }
    }
}

/// What backups there are; no depot is needed for it, as it isn't for restoring one.
fn backups_there_are(place: &Place, from: Option<PathBuf>, passphrase: Option<&Path>) -> anyhow::Result<()> {
    let target = source(&settings(place, &[])?, from, passphrase)?;
    if !target.folder.join("repository.json").is_file() {
        bail!("there are no backups in {}; name their folder with --from", target.folder.display());
    }
    let items: Vec<Value> = backup::list(&target)?
        .into_iter()
        .map(|(name, m)| json!({ "name": name, "label": m.label, "made_at": m.made_at }))
        .collect();
    answer(&pretty(&json!({ "folder": target.folder, "items": items }))?)
}

/// Where backups are read from.
fn source(config: &Config, from: Option<PathBuf>, passphrase: Option<&Path>) -> anyhow::Result<Target> {
    let mut target = backups::own_target(config);
    if let Some(from) = from {
        target.folder = std::path::absolute(from)?;
    }
    if let Some(file) = passphrase {
        target.passphrase = Some(secret(file)?);
    }
    Ok(target)
}

/// Sets up an empty folder. The role and zone are kept in the folder's own settings, so that `serve` needs no flags.
async fn init(place: &Place, role: RoleArg, zone: &str, new: &Value) -> anyhow::Result<()> {
    let flags = [("server.role", role.word().to_owned()), ("depot.zone", zone.to_owned())];
    let config = settings(place, &flags)?;
    let folder = config.server.data_dir.clone();
    private::folder(&folder)?;
    logs::init(&quiet(), &folder, &Clock::Wall)?;
    let depot = Depot::connect(config).await?;
    let made = depot.post("/setup", new).await;
    depot.close().await;
    let made = made?;
    let file = folder.join(SETTINGS);
    if place.config.is_none() && !file.exists() {
        let text = format!(
            "# Written by `crossdock init`.\n[server]\nrole = \"{}\"\n\n[depot]\nzone = \"{zone}\"\n",
            role.word()
        );
        private::write(&file, text.as_bytes())?;
    }
    answer(&made.to_string())
}

/// Uploads, waits for the end, prints the outcome.
async fn import(place: &Place, query: &str, file: &Path, json: bool) -> anyhow::Result<()> {
    let depot = connect(place).await?;
    let outcome = imported(&depot, query, file).await;
    depot.close().await;
    let outcome = outcome?;
    answer(&if json { outcome.to_string() } else { readable(&outcome) })?;
    match outcome["error"].as_str() {
        Some(why) => Err(Refused { status: 422, detail: format!("the file was not imported: {why}") }.into()),
        None => Ok(()),
    }
}

/// Hands airlines' status messages in, which are no table.
async fn messages(place: &Place, file: &Path, json: bool) -> anyhow::Result<()> {
    let depot = connect(place).await?;
    let outcome = depot.upload("/api/v1/fsu", file, "text/plain").await;
    depot.close().await;
    let outcome = outcome?;
    answer(&if json { outcome.to_string() } else { readable(&outcome) })
}

/// Reads a map's file here, so that a mistake in it is named by its line, and sets it.
async fn set_map(place: &Place, source: &str, file: &Path, json: bool) -> anyhow::Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
    let map = Map::read_csv(source, &bytes).with_context(|| format!("{}", file.display()))?;
    let depot = connect(place).await?;
    let path = format!("/api/v1/status-maps/{}", encoded(source));
    let set = async {
        // The file is the whole truth about the source, whatever stood there before.
        let seen = depot.get(&path).await?["version"].clone();
        depot.put(&path, &json!({ "rows": map.rows, "over_shipped": false, "version": seen })).await
    };
    let set = set.await;
    depot.close().await;
    let set = set?;
    let said = json!({ "source": source, "rows": map.rows.len(), "version": set["version"] });
    answer(&if json { said.to_string() } else { readable(&said) })
}

/// Moves the embedded store into the database that `to`, or the first line of `to_file`, names.
pub(super) async fn migrate(
    place: &Place,
    to: Option<String>,
    to_file: Option<PathBuf>,
) -> anyhow::Result<()> {
    let url = match (to, to_file) {
        (Some(url), _) => url,
        (None, Some(file)) => secret(&file)?,
        (None, None) => bail!("name the database with --to or --to-file"),
    };
    move_to_database(place, &url).await
}

/// Fills an empty folder, or with `before_migration` goes back to the backup made before the last upgrade. No server may
/// run: the store's own lock sees to that.
fn restore(
    place: &Place,
    from: Option<PathBuf>,
    at: Option<&str>,
    before_migration: bool,
    passphrase: Option<&Path>,
) -> anyhow::Result<()> {
    let config = settings(place, &[])?;
    let folder = config.server.data_dir.clone();
    private::folder(&folder)?;
    let target = source(&config, from, passphrase)?;
    let which = match at {
        Some(at) => {
            let zone = jiff::tz::TimeZone::get(&config.depot.zone)?;
            Which::At(Timestamp::parse(at, &zone).map_err(anyhow::Error::msg)?)
        }
        None if before_migration => Which::BeforeMigration,
        None => Which::Latest,
    };
    let store = folder.join(app::STORE);
    if store.exists() {
        if !before_migration {
            bail!("{} holds a store already: restore into an empty folder", folder.display());
        }
        if Redb::is_open(&store) {
            bail!("a crossdock uses {}: stop it first", folder.display());
        }
    }
    // The present store stays where it is until the other one is whole.
    let restored = folder.join("depot.restored.redb");
    if restored.exists() {
        std::fs::remove_file(&restored)?;
    }
    let report = backup::restore(&target, which, &restored, &app::house::tables())?;
    if store.exists() {
        let aside = folder.join(format!("depot.upgraded-{}.redb", Clock::Wall.now().millis()));
        std::fs::rename(&store, &aside)?;
        say(&format!("crossdock: the store so far is kept as {}", aside.display()));
    }
    std::fs::rename(&restored, &store)?;
    // A headquarters is to notice that it was restored, though it was not started since the backup was made.
    let starts = folder.join("keys/hq.starts");
    if starts.exists() {
        std::fs::remove_file(starts)?;
    }
    // What was erased after the backup was made is erased again when this store is started.
    crate::privacy::tombs::carry(&target.folder, &folder)?;
    answer(&pretty(&serde_json::to_value(&report)?)?)
}

/// Moves the embedded store into a database. The file stays as it is.
async fn move_to_database(place: &Place, url: &str) -> anyhow::Result<()> {
    let config = settings(place, &[])?;
    let folder = config.server.data_dir.clone();
    let file = folder.join(app::STORE);
    if !file.exists() {
        bail!("{} holds no store to move", folder.display());
    }
    logs::init(&quiet(), &folder, &Clock::Wall)?;
    let (from, url) = (file.clone(), url.to_owned());
    let moving = tokio::task::spawn_blocking(move || {
        Ok(serde_json::to_value(app::database::migrate(&config, &from, &url)?)?)
    });
    let moved: anyhow::Result<Value> = moving.await.context("the store could not be moved")?;
    answer(&pretty(&moved?)?)?;
    say("crossdock: everything is in the database; name it as store.url before the next start");
    say(&format!("crossdock: {} is not used any more then; keep it until you are content", file.display()));
    Ok(())
}

async fn imported(depot: &Depot, query: &str, file: &Path) -> anyhow::Result<Value> {
    let media = match file.extension().and_then(|e| e.to_str()) {
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "text/csv",
    };
    let begun = depot.upload(&format!("/api/v1/imports?{query}"), file, media).await?;
    let id = begun["id"].as_str().context("the depot answered no import")?.to_owned();
    let bar = indicatif::ProgressBar::new_spinner();
    loop {
        let now = depot.get(&format!("/api/v1/imports/{}", encoded(&id))).await?;
        match now["state"].as_str() {
            Some("done" | "failed") => {
                bar.finish_and_clear();
                return Ok(now);
            }
            state => bar.set_message(format!("{}: {} rows", state.unwrap_or("waiting"), now["rows"])),
        }
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) async fn connect(place: &Place) -> anyhow::Result<Depot> {
    let config = settings(place, &[])?;
    if !config.server.data_dir.is_dir() {
        bail!(
            "there is no data folder {}: name it with --data-dir, or make it with crossdock init",
            config.server.data_dir.display()
        );
    }
    logs::init(&quiet(), &config.server.data_dir, &Clock::Wall)?;
    Depot::connect(config).await
}

/// The server that runs, for commands that make no sense without one.
pub(super) async fn running(place: &Place) -> anyhow::Result<Depot> {
    let folder = settings(place, &[])?.server.data_dir;
    let depot = Depot::running(&folder).await?;
    depot.with_context(|| format!("no crossdock serves {}", folder.display()))
}

pub(super) async fn get(place: &Place, path: &str) -> anyhow::Result<Value> {
    let depot = connect(place).await?;
    let answered = depot.get(path).await;
    closed(depot, answered).await
}

pub(super) async fn post(place: &Place, path: &str, body: &Value) -> anyhow::Result<Value> {
    let depot = connect(place).await?;
    let answered = depot.post(path, body).await;
    closed(depot, answered).await
}

/// Lets go of the depot, and adds what to do about one that was never set up.
pub(super) async fn closed(depot: Depot, answered: anyhow::Result<Value>) -> anyhow::Result<Value> {
    let unknown = |e: &anyhow::Error| e.downcast_ref::<Refused>().is_some_and(|r| r.status == 404);
    if answered.as_ref().is_err_and(unknown) && depot.is_fresh().await {
        say("crossdock: this depot was never set up: see crossdock init");
    }
    if answered.as_ref().is_err_and(|e| unknown(e) && e.to_string().starts_with("no role"))
        && let Ok(roles) = depot.get("/api/v1/roles").await
    {
        let names = roles["items"].as_array().or(roles.as_array()).into_iter().flatten();
        let names: Vec<&str> = names.filter_map(|r| r["name"].as_str()).collect();
        say(&format!("crossdock: the roles are {}", names.join(", ")));
    }
    depot.close().await;
    answered
}

pub(super) fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}

/// A figure a line, nested names joined by dots.
fn readable(value: &Value) -> String {
    fn lines(at: &str, value: &Value, out: &mut String) {
        let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        match value {
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by_key(|(name, _)| name.as_str());
                members.into_iter().for_each(|(name, v)| lines(&below(name), v, out));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, v)| lines(&below(&n.to_string()), v, out))
            }
            Value::String(text) => out.push_str(&format!("{at}: {text}\n")),
            other => out.push_str(&format!("{at}: {other}\n")),
        }
    }
    let mut out = String::new();
    lines("", value, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_a_line_each_for_people() {
        let stats = json!({ "open": 3, "by_status": { "held": 1 }, "late": ["a"] });
        assert_eq!(readable(&stats), "by_status.held: 1\nlate.0: a\nopen: 3\n");
    }
}
