//! The command line. Every command that needs the depot asks it over the control door: the running server's, or that
//! of one started for the length of the command. So there is one way to do a thing, and it is the API's.
//!
//! Standard output carries the answer alone; progress, prompts and logs go to standard error. Exit codes: 0 done, 1
//! failed, 2 wrong usage, 3 refused by the depot, 4 looked and found faults.

pub mod client;
mod commands;
mod privacy;
mod serve;
mod sync;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Config;
use crate::config::choices::LogFormat;
use crate::config::sections::Logs;
use client::Refused;

/// Runs a logistics depot, online or cut off.
#[derive(Debug, Parser)]
#[command(name = "crossdock", version, color = clap::ColorChoice::Auto, after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the depot, 4 looked and found faults.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// The variable that names the data folder.
const DATA_DIR: &str = "CROSSDOCK__SERVER__DATA_DIR";

/// Where the depot is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Place {
    /// The folder that holds everything; ./data when neither this nor the settings name one
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The settings file; crossdock.toml in the data folder when there is one
    #[arg(long, value_name = "FILE", env = "CROSSDOCK_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// One depot with its own store.
    Depot,
    /// Headquarters.
    Hq,
}

impl RoleArg {
    /// As the settings write it.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Depot => "depot",
            Self::Hq => "hq",
        }
    }
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the depot until it is told to stop
    Serve {
        #[command(flatten)]
        place: Place,
        /// What this process is
        #[arg(long, value_enum)]
        role: Option<RoleArg>,
        /// Address and port to listen on
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<String>,
        /// Plain HTTP: only behind a proxy that speaks TLS, or on this machine
        #[arg(long)]
        no_tls: bool,
        /// Set up an empty folder with invented parcels, to look around
        #[arg(long)]
        demo: bool,
    },
    /// Set up an empty data folder: tenant, depot and first administrator
    Init {
        #[command(flatten)]
        place: Place,
        /// What it is to be
        #[arg(long, value_enum, default_value = "depot")]
        role: RoleArg,
        /// Whose depot it is: what stands behind the @ of a login
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// The depot's name
        #[arg(long, value_name = "NAME")]
        depot: String,
        /// Its time zone, such as Europe/Lisbon
        #[arg(long, value_name = "ZONE")]
        zone: String,
        /// The administrator's login
        #[arg(long, value_name = "U")]
        admin_user: String,
        /// A file with their password; a newline at its end is not part of it
        #[arg(long, value_name = "F")]
        admin_password_file: PathBuf,
    },
    /// Print an access token for a user
    Token {
        #[command(flatten)]
        place: Place,
        /// Their login
        #[arg(long, value_name = "U")]
        user: String,
    },
    /// Import a file and wait for the outcome
    Import {
        #[command(flatten)]
        place: Place,
        /// What the rows are: parcels, status (events of parcels), orders, deliveries, users, cases…; or fsu for status
        /// messages of airlines
        #[arg(long, value_name = "KIND")]
        kind: String,
        /// Whose words the file uses: the name of a status map
        #[arg(long, value_name = "NAME")]
        source: String,
        /// Say what would happen, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Only count, state by state, what is here as well, here in another state, and not here
        #[arg(long)]
        compare: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// The file
        file: PathBuf,
    },
    /// Print the dashboard's figures
    Stats {
        #[command(flatten)]
        place: Place,
        /// As they are at this moment (RFC 3339); now without it
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read everything in the store and hold it against itself
    Check {
        #[command(flatten)]
        place: Place,
    },
    /// Make a backup now, or list those there are
    #[command(args_conflicts_with_subcommands = true)]
    Backup {
        #[command(subcommand)]
        command: Option<BackupCommand>,
        #[command(flatten)]
        place: Place,
        /// The folder to write it to; backup.path of the settings without it
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Fill an empty data folder from a backup
    Restore {
        #[command(flatten)]
        place: Place,
        /// The folder the backups are in; backup.path of the settings, or backups in the data folder, without it
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// The newest backup of this moment or before
        #[arg(long, value_name = "TIME", conflicts_with = "before_migration")]
        at: Option<String>,
        /// The backup made before the last upgrade: the way down. The present store is set aside, not lost
        #[arg(long)]
        before_migration: bool,
        /// A file with the passphrase the backups are sealed with
        #[arg(long, value_name = "F")]
        passphrase_file: Option<PathBuf>,
    },
    /// Hold the audit trail against its chain of hashes
    Verify {
        #[command(flatten)]
        place: Place,
    },
    /// List, add and change users
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// See and change what a source's status words mean
    StatusMap {
        #[command(subcommand)]
        command: MapCommand,
    },
    /// Announce what a truck, a flight or a distributor brings, and see what is announced
    Manifest {
        #[command(subcommand)]
        command: ManifestCommand,
    },
    /// A person's data: find it, hand it out, have it erased
    Privacy {
        #[command(subcommand)]
        command: privacy::PrivacyCommand,
    },
    /// The road map that travel times come from: import one, or see which is in use
    Map {
        #[command(subcommand)]
        command: RoadMapCommand,
    },
    /// The exchange with headquarters: how it stands, and what it can be told
    Sync {
        #[command(subcommand)]
        command: SyncCommand,
    },
    /// What only headquarters needs: its depots and how they join, its store
    Hq {
        #[command(subcommand)]
        command: HqCommand,
    },
    /// Print the settings in force, secrets hidden
    Config {
        #[command(flatten)]
        place: Place,
    },
    /// Print the API's description (OpenAPI)
    Openapi,
    /// Print how the running depot is
    Health {
        #[command(flatten)]
        place: Place,
    },
    /// Print whether a server is running here, and where
    Status {
        #[command(flatten)]
        place: Place,
    },
    /// Print the release
    Version,
}

/// What can be done with backups beside making one.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// List them, the oldest first
    List {
        #[command(flatten)]
        place: Place,
        /// The folder they are in; backup.path of the settings, or backups in the data folder, without it
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// A file with the passphrase they are sealed with
        #[arg(long, value_name = "F")]
        passphrase_file: Option<PathBuf>,
    },
}

/// What can be done with manifests.
#[derive(Debug, Subcommand)]
pub(crate) enum ManifestCommand {
    /// Announce one from a CSV file of its lines
    Import {
        #[command(flatten)]
        place: Place,
        /// Its number
        #[arg(long, value_name = "NO")]
        number: String,
        /// What brings it: truck, flight or distributor
        #[arg(long, value_name = "KIND", default_value = "truck")]
        kind: String,
        /// Who drives or flies
        #[arg(long, value_name = "NAME")]
        carrier: Option<String>,
        /// Plate or flight number
        #[arg(long, value_name = "NAME")]
        vehicle: Option<String>,
        /// Whose it is
        #[arg(long, value_name = "NAME")]
        distributor: Option<String>,
        /// When it is to be here (RFC 3339); now without it
        #[arg(long, value_name = "TIME")]
        expected_at: Option<String>,
        /// The file
        file: PathBuf,
    },
    /// List them, in the order they are expected
    List {
        #[command(flatten)]
        place: Place,
        /// Only those in this state: announced, late, unloading, unloaded or cancelled
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
    },
}

/// What can be done with the road map.
#[derive(Debug, Subcommand)]
pub(crate) enum RoadMapCommand {
    /// Import an OpenStreetMap extract; the one before is replaced when it is done
    Import {
        #[command(flatten)]
        place: Place,
        /// The extract (.osm.pbf)
        file: PathBuf,
    },
    /// Print which map is in use
    Status {
        #[command(flatten)]
        place: Place,
    },
}

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List them
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Add one
    Add {
        #[command(flatten)]
        place: Place,
        /// Their login
        #[arg(long, value_name = "U")]
        user: String,
        /// Their name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Their role: super_admin, admin, supervisor, clerk, planner, driver, partner, import_agent, broker, accounts,
        /// auditor, station, or one of your own
        #[arg(long, value_name = "ROLE")]
        role: String,
        /// A file with their password; a newline at its end is not part of it
        #[arg(long, value_name = "F")]
        password_file: PathBuf,
    },
    /// Switch one off and log them out everywhere; what they did stays
    Disable {
        #[command(flatten)]
        place: Place,
        /// Their login
        #[arg(long, value_name = "U")]
        user: String,
    },
    /// Switch one on again
    Enable {
        #[command(flatten)]
        place: Place,
        /// Their login
        #[arg(long, value_name = "U")]
        user: String,
    },
    /// Give one a new password
    Password {
        #[command(flatten)]
        place: Place,
        /// Their login
        #[arg(long, value_name = "U")]
        user: String,
        /// A file with their password; a newline at its end is not part of it
        #[arg(long, value_name = "F")]
        password_file: PathBuf,
    },
    /// Give one another role
    Role {
        #[command(flatten)]
        place: Place,
        /// Their login
        #[arg(long, value_name = "U")]
        user: String,
        /// The role, as for `user add`
        #[arg(long, value_name = "ROLE")]
        role: String,
    },
}

/// What can be done with the exchange.
#[derive(Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// Join a headquarters by the code it gave out
    Join {
        #[command(flatten)]
        place: Place,
        /// Headquarters' address, such as https://hq.example.com:8443
        #[arg(long, value_name = "URL")]
        hq: String,
        /// The code that `crossdock hq enrol` printed
        #[arg(long, value_name = "CODE")]
        code: String,
    },
    /// Print in plain words what headquarters does not know yet
    Status {
        #[command(flatten)]
        place: Place,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Exchange with headquarters at once, and wait for it
    Now {
        #[command(flatten)]
        place: Place,
    },
    /// Exchange, then compare what both hold, and name what differs
    Verify {
        #[command(flatten)]
        place: Place,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a signed file of what headquarters does not know yet
    Export {
        #[command(flatten)]
        place: Place,
        /// The file
        file: PathBuf,
    },
    /// Take in a file: a depot's at headquarters, headquarters' answer at a depot
    Import {
        #[command(flatten)]
        place: Place,
        /// At headquarters: where to write the answer to be carried back
        #[arg(long, value_name = "FILE")]
        answer: Option<PathBuf>,
        /// The file
        file: PathBuf,
    },
}

/// What only headquarters needs.
#[derive(Debug, Subcommand)]
pub(crate) enum HqCommand {
    /// Move the embedded store into an empty PostgreSQL database
    Migrate {
        #[command(flatten)]
        place: Place,
        /// The database, postgres://user:password@host/name
        #[arg(long, value_name = "URL", required_unless_present = "to_file", conflicts_with = "to_file")]
        to: Option<String>,
        /// A file with the database's address: nobody else on this machine sees the password then
        #[arg(long, value_name = "F")]
        to_file: Option<PathBuf>,
    },
    /// Print a code by which a depot joins, good once and for a day; the depot is added when there is none of that name
    Enrol {
        #[command(flatten)]
        place: Place,
        /// Its name
        #[arg(long, value_name = "NAME")]
        depot: String,
    },
    /// List the depots, how far each is and when it was last heard of
    Sites {
        #[command(flatten)]
        place: Place,
    },
    /// Take a depot's key away; it goes on working by itself
    Revoke {
        #[command(flatten)]
        place: Place,
        /// Its name
        #[arg(long, value_name = "NAME")]
        depot: String,
    },
    /// Let a depot go on that waits because two copies of it seemed to be alive
    Release {
        #[command(flatten)]
        place: Place,
        /// Its name
        #[arg(long, value_name = "NAME")]
        depot: String,
    },
}

/// What can be done with status maps.
#[derive(Debug, Subcommand)]
pub(crate) enum MapCommand {
    /// List them
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Print one
    Show {
        #[command(flatten)]
        place: Place,
        /// Its source
        source: String,
    },
    /// Set one from a CSV file with the columns code, status, and optionally sub, text_contains, meaning, reason
    Set {
        #[command(flatten)]
        place: Place,
        /// Its source
        #[arg(long, value_name = "NAME")]
        source: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// The file
        file: PathBuf,
    },
    /// Print the words no map knows
    Unmapped {
        #[command(flatten)]
        place: Place,
    },
}

/// Something was looked at and is not as it should be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Faults(pub(crate) String);

/// Parses the arguments, does what they say, and returns the exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // Several libraries share one choice of cryptography; a second installation is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().context("no threads can be started");
    match runtime.and_then(|runtime| runtime.block_on(commands::run(cli.command))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(io::stderr(), "crossdock: {e:#}");
            ExitCode::from(code(&e))
        }
    }
}

/// See the module's documentation.
fn code(e: &anyhow::Error) -> u8 {
    if e.is::<Refused>() {
        3
    } else if e.is::<Faults>() {
        4
    } else {
        1
    }
}

/// Writes the answer, and nothing but the answer, to standard output.
pub(crate) fn answer(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{newline}").and_then(|()| out.flush()) {
        // A reader such as `head` that has seen enough is no failure.
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e).context("standard output can't be written"),
        _ => Ok(()),
    }
}

/// Says something to the person who waits.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The settings for a command at `place`, with `flags` (dotted key, value) over them.
pub(crate) fn settings(place: &Place, flags: &[(&str, String)]) -> anyhow::Result<Config> {
    let mut table = toml::Table::new();
    if let Some(folder) = &place.data_dir {
        let folder = folder.to_str().context("--data-dir is not Unicode; choose another folder")?;
        table.insert("server.data_dir".into(), folder.into());
    }
    for (key, value) in flags {
        table.insert((*key).into(), value.clone().into());
    }
    let own = match &place.config {
        Some(file) => Some(file.clone()),
        None => own_file(place.data_dir.clone().or_else(|| std::env::var_os(DATA_DIR).map(PathBuf::from))),
    };
    Ok(Config::load(own.as_deref(), std::env::vars(), table)?)
}

/// The settings file a data folder brings along.
fn own_file(folder: Option<PathBuf>) -> Option<PathBuf> {
    let folder = folder.unwrap_or_else(|| Config::default().server.data_dir);
    let file = folder.join(commands::SETTINGS);
    file.is_file().then_some(file)
}

/// The first line of a secret's file: the newline that editors put at the end is not part of it.
pub(crate) fn secret(file: &Path) -> anyhow::Result<String> {
    let named = || format!("password file {}", file.display());
    let text = std::fs::read_to_string(file).with_context(named)?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    anyhow::ensure!(!text.is_empty(), "{} is empty: write the password into it", named());
    Ok(text.to_owned())
}

/// What a command that is not a server says of itself: warnings, on standard error alone.
pub(crate) fn quiet() -> Logs {
    Logs { format: LogFormat::Readable, level: "warn".into(), dir: PathBuf::new(), ..Logs::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_forms_that_scripts_rely_on_are_understood() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
        for line in [
            "crossdock serve",
            "crossdock serve --demo --role hq --data-dir d --listen 127.0.0.1:0 --no-tls --config f",
            "crossdock init --data-dir d --role hq --tenant t --depot D --zone UTC --admin-user a --admin-password-file f",
            "crossdock token --data-dir d --user u",
            "crossdock import --data-dir d --kind parcels --source s --dry-run --json file.csv",
            "crossdock stats --data-dir d --at 2026-01-01T00:00:00Z --json",
            "crossdock check --data-dir d",
            "crossdock user list",
            "crossdock user disable --user u --data-dir d",
            "crossdock user password --user u --password-file f",
            "crossdock user role --user u --role clerk",
            "crossdock backup --to d",
            "crossdock backup list --data-dir d --from b",
            "crossdock openapi",
            "crossdock hq enrol --depot North --data-dir d",
            "crossdock hq sites",
            "crossdock sync join --hq https://hq:8443 --code 0123",
            "crossdock sync status --json",
            "crossdock sync now",
            "crossdock sync verify",
            "crossdock sync export f",
            "crossdock sync import --answer g f",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
        assert!(parse("crossdock serve --role harbour").is_err() && parse("crossdock import x.csv").is_err());
    }

    #[test]
    fn a_password_files_last_newline_is_not_part_of_the_password() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p");
        for (written, meant) in [("a b\n", "a b"), ("a b\r\n", "a b"), ("a b", "a b"), ("a b\n\n", "a b\n")] {
            std::fs::write(&file, written).unwrap();
            assert_eq!(secret(&file).unwrap(), meant);
        }
        std::fs::write(&file, "\n").unwrap();
        assert!(secret(&file).unwrap_err().to_string().contains("is empty"));
    }

    #[test]
    fn flags_win_over_the_file_the_folder_brings_along() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { data_dir: Some(dir.path().into()), config: None };
        std::fs::write(
            dir.path().join(commands::SETTINGS),
            "[server]\nrole = \"hq\"\nlisten = \"127.0.0.1:1\"\n",
        )
        .unwrap();
        let config = settings(&place, &[("server.listen", "127.0.0.1:2".into())]).unwrap();
        assert_eq!(
            (config.server.role, config.server.listen.as_str()),
            (crate::config::choices::Role::Hq, "127.0.0.1:2")
        );
    }

    #[test]
    fn who_refused_decides_the_exit_code() {
        let refused = Refused { status: 409, detail: "x".into() };
        assert_eq!(code(&refused.into()), 3);
        assert_eq!(code(&Faults("x".into()).into()), 4);
        assert_eq!(code(&anyhow::anyhow!("x")), 1);
    }
}
