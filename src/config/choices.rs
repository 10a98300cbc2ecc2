//! The words some settings choose from.

use serde::{Deserialize, Serialize};

/// What this process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// One depot with its own store.
    #[default]
    Depot,
    /// Headquarters: takes what depots push and tells each what concerns it.
    Hq,
}

/// Where the certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// A certificate authority of the depot's own, made at the first start.
    #[default]
    Own,
    /// The operator's certificate and key.
    Files,
    /// Plain HTTP: only behind a proxy that speaks TLS, since browsers refuse camera and offline work without it.
    Off,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// Begins in the clear and must switch to TLS (port 587).
    #[default]
    Starttls,
    /// TLS from the first byte (port 465).
    Tls,
    /// None: a relay on the same machine or a trusted wire (port 25).
    None,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// A line for people.
    #[default]
    Readable,
}

/// Which language a map server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MapServer {
    /// OSRM's table service.
    #[default]
    Osrm,
    /// Valhalla's matrix service.
    Valhalla,
}
