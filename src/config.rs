//! Settings: typed, complete, and refused when they say something nobody understands.
//!
//! Four layers, the later one wins: the defaults in [`sections`], the file, environment variables
//! (`CROSSDOCK__STORE__CACHE_MIB=256` is `store.cache_mib`; lists are written with commas) and flags. A key that does
//! not exist is an error that names the nearest one, and all errors of a start are told at once. Secrets may be given
//! as a file: `mail.password_file` instead of `mail.password`.

mod checks;
pub mod choices;
mod overlay;
pub mod sections;

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Table;

use overlay::Overlay;
use sections::{
    Audit, Backup, Carriers, Deliveries, Depot, Freight, Jobs, Limits, Logs, Mail, Maps, Orders, Printers,
    Retention, Routing, Server, Sms, Store, Sync, Weather, Webhooks,
};

/// Bytes of a settings file at most; those we ship have less than a hundredth of it.
pub const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// Bytes of a secret's file at most, so that a wrong path to a disk image is an error and not a password.
pub const SECRET_MAX_BYTES: u64 = 4096;
/// What every environment variable that is a setting begins with.
pub const ENV_PREFIX: &str = "CROSSDOCK__";

/// Everything that can be set. Read once at the start: a change needs a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // each section's type says what it is
pub struct Config {
    pub server: Server,
    pub limits: Limits,
    pub store: Store,
    pub backup: Backup,
    pub mail: Mail,
    pub sms: Sms,
    pub logs: Logs,
    pub jobs: Jobs,
    pub printers: Printers,
    pub carriers: Carriers,
    pub freight: Freight,
    pub maps: Maps,
    /// The weather service.
    pub weather: Weather,
    pub routing: Routing,
    pub retention: Retention,
    pub depot: Depot,
    pub audit: Audit,
    /// Orders and stock.
    pub orders: Orders,
    /// Deliveries.
    pub deliveries: Deliveries,
    /// Messages to other programs.
    pub webhooks: Webhooks,
    pub sync: Sync,
}

impl Config {
    /// Lays `file`, the `CROSSDOCK__…` variables of `env` and `flags` over the defaults, in this order, reads secrets
    /// from their files and checks the whole. In `flags` a dotted key (`"server.listen"`) is as good as nested tables.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] and [`ConfigError::Syntax`] for the file as such; [`ConfigError::Refused`] with every
    /// key that is unknown, of the wrong type, out of range or at odds with another.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        flags: Table,
    ) -> Result<Self, ConfigError> {
        let mut overlay = Overlay::over(Self::default_table()?);
        if let Some(path) = file {
            let place = path.display().to_string();
            let text = read_bounded(path, FILE_MAX_BYTES)
                .map_err(|why| ConfigError::Unreadable { place: place.clone(), why })?;
            let given = text
                .parse::<Table>()
                .map_err(|e| ConfigError::Syntax { place: place.clone(), detail: e.to_string() })?;
            overlay.lay(&place, given);
        }
        for (name, value) in env {
            overlay.lay_variable(&name, &value);
        }
        overlay.lay("flags", flags);
        overlay.read_secrets();
        let (merged, origins) = overlay.finish()?;
        let config: Self =
            merged.try_into().map_err(|e: toml::de::Error| ConfigError::Shape(e.to_string()))?;
        let complaints = checks::complaints(&config, &origins);
        if complaints.is_empty() { Ok(config) } else { Err(ConfigError::Refused(complaints)) }
    }

    /// The settings in force as a TOML document, with `***` in place of every secret.
    ///
    /// # Errors
    /// [`ConfigError::Shape`] when a value can't be written as TOML, such as a path that is not Unicode.
    pub fn to_toml_redacted(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|e| ConfigError::Shape(e.to_string()))
    }

    /// Every known key with its default: what files, variables and flags are measured against.
    fn default_table() -> Result<Table, ConfigError> {
        Table::try_from(Self::default()).map_err(|e| ConfigError::Shape(e.to_string()))
    }
}

/// Reads a text file of at most `max` bytes.
fn read_bounded(path: &Path, max: u64) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {max} bytes")));
    }
    Ok(text)
}

/// A password or passphrase: never shown by `Debug` or written by serde, so it can't reach a log by accident.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether none was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "\"\"" } else { "\"***\"" })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(if self.is_empty() { "" } else { "***" })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(Self)
    }
}

/// One setting that can't be used, where it was given, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The file, the environment variable or "flags"; "defaults" when nobody set the key.
    pub place: String,
    /// The key's path, such as `server.tls.mode`.
    pub key: String,
    /// What is wrong with it and what would be right.
    pub why: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.place, self.key, self.why)
    }
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read or is too large.
    #[error("settings file {place} can't be read: {why}")]
    Unreadable {
        /// The file.
        place: String,
        /// Why not.
        why: io::Error,
    },
    /// The file is not TOML.
    #[error("settings file {place} is not TOML: {detail}")]
    Syntax {
        /// The file.
        place: String,
        /// Line, column and what was expected there.
        detail: String,
    },
    /// Keys or values that can't be used: all of them, a line each.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<Complaint>),
    /// The settings don't fit their own types: a mistake of ours, not of the operator.
    #[error("settings don't fit their types: {0}")]
    Shape(String),
}

#[cfg(test)]
mod tests;
