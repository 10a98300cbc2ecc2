//! HTTPS on the LAN from the first start: a certificate authority of the depot's own with a certificate it signs for
//! itself, or the operator's own certificate.
//!
//! Cameras and offline queues of phones work over HTTPS only, and no public authority signs for a depot without an
//! uplink. Devices are told once to trust `tls/ca.pem`; the certificate below it is renewed without them noticing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::identity::private::{self, PrivateError};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a certificate is good for: below the 398 days that browsers take at the most.
pub const LEAF_LIFE: Duration = Duration::from_secs(397 * 24 * 60 * 60);
/// It is renewed when less than this remains.
pub const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Names one certificate can be for, the depot's own included.
pub const MAX_NAMES: usize = 32;
/// The authority is good from the first day of 2026 to the last of 2075, whatever the clock says when it is made:
/// a depot's first start may come with a dead clock, and replacing it means visiting every handheld.
const AUTHORITY_FROM: (i32, u8, u8) = (2026, 1, 1);
/// See [`AUTHORITY_FROM`].
const AUTHORITY_UNTIL: (i32, u8, u8) = (2075, 12, 31);

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The depot's own authority.
    Own {
        /// The data folder; the files lie in its `tls/`.
        data: PathBuf,
        /// Host names and addresses the depot is reached by, beside its own, `localhost` and the loopback addresses.
        names: Vec<String>,
    },
    /// The operator's own files in PEM; they are read again at each renewal.
    Files {
        /// The certificate, followed by those between it and the authority.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

/// TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be used.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// A name that can't stand in a certificate.
    #[error(
        "\"{0}\" can't stand in the certificate: write a host name such as depot.example or an IP address"
    )]
    Name(String),
    /// Too many names.
    #[error(
        "the certificate can be for {MAX_NAMES} names at the most, and {0} are asked for: leave some out"
    )]
    TooManyNames(usize),
    /// A certificate can't be made.
    #[error("the certificate can't be made: {0}")]
    Making(#[from] rcgen::Error),
    /// The certificate can't be served.
    #[error("the certificate can't be used: {0}")]
    Using(#[from] rustls::Error),
}

impl Fault for TlsError {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
    fn code(&self) -> &'static str {
        match self {
            Self::File(e) => e.code(),
            Self::Name(_) => "tls.name",
            Self::TooManyNames(_) => "tls.too_many_names",
            Self::Making(_) => "tls.not_made",
            Self::Using(_) => "tls.not_usable",
        }
    }
}

/// The depot's certificate, as the listener sees it and as a job renews it.
#[derive(Clone, Debug)]
pub struct Tls {
    source: Arc<Source>,
    current: Arc<Current>,
}

/// The certificate handed to the next client.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Reads the certificate of `source`, and makes what is missing or about to end of the depot's own.
    ///
    /// # Errors
    /// When a file can't be read, made or used, or a name is none.
    pub fn open(source: Source, now: Timestamp) -> Result<Self, TlsError> {
        let current = Arc::new(Current(RwLock::new(Arc::new(load(&source, now)?))));
        Ok(Self { source: Arc::new(source), current })
    }

    /// Renews the depot's own certificate when it is due, or reads the operator's files again; listeners use it from
    /// the next connection on. Says whether it is another one. Repeatable; once a day is enough.
    ///
    /// # Errors
    /// As [`Tls::open`]; the certificate so far stays in use.
    pub fn renew(&self, now: Timestamp) -> Result<bool, TlsError> {
        let loaded = load(&self.source, now)?;
        let mut current = self.current.0.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = current.cert != loaded.cert;
        if is_new {
            *current = Arc::new(loaded);
        }
        Ok(is_new)
    }

    /// What a listener needs: TLS 1.2 and 1.3 by ring, HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// When this build of the library has none of the protocol versions.
    pub fn config(&self) -> Result<ServerConfig, TlsError> {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Current>::clone(&self.current);
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// The authority that devices are asked to trust, in PEM; none with the operator's own certificate.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn authority(&self) -> Result<Option<Vec<u8>>, TlsError> {
        match &*self.source {
            Source::Own { data, names: _ } => Ok(Some(private::read_public(&data.join("tls/ca.pem"))?)),
            Source::Files { .. } => Ok(None),
        }
    }
}

/// The machine's own name, when it has one that can stand in a certificate.
#[must_use]
pub fn host_name() -> Option<String> {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let name = read.ok().or_else(|| std::env::var("COMPUTERNAME").ok())?.trim().to_lowercase();
    ServerName::try_from(name.as_str()).is_ok().then_some(name)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn load(source: &Source, now: Timestamp) -> Result<CertifiedKey, TlsError> {
    match source {
        Source::Files { cert, key } => {
            certified(cert, &private::read_public(cert)?, key, &private::read_public(key)?)
        }
        Source::Own { data, names } => {
            let folder = data.join("tls");
            private::folder(&folder)?;
            own(&folder, &all_names(names)?, now)
        }
    }
}

/// Every name the certificate is for, once each: the given ones, the machine's own, also as multicast DNS says it,
/// and the loopback's.
fn all_names(given: &[String]) -> Result<Vec<String>, TlsError> {
    let host = host_name();
    let local = host
        .iter()
        .filter(|name| !name.contains('.'))
        .map(|name| format!("{name}.local"))
        .collect::<Vec<_>>();
    let loopback = ["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string(), Ipv6Addr::LOCALHOST.to_string()];
    let mut names: Vec<String> = Vec::new();
    for name in given.iter().cloned().chain(host.iter().cloned()).chain(local).chain(loopback) {
        // Addresses have many spellings; the certificate is searched by value.
        let name = name.parse::<IpAddr>().map_or_else(|_| name.to_lowercase(), |address| address.to_string());
        if ServerName::try_from(name.as_str()).is_err() {
            return Err(TlsError::Name(name));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.len() > MAX_NAMES { Err(TlsError::TooManyNames(names.len())) } else { Ok(names) }
}

/// The depot's own certificate for `names`, made anew when a client would not take it for long.
fn own(folder: &Path, names: &[String], now: Timestamp) -> Result<CertifiedKey, TlsError> {
    let [ca_pem, ca_key, leaf_pem, leaf_key] =
        ["ca.pem", "ca.key", "leaf.pem", "leaf.key"].map(|name| folder.join(name));
    // Without ca.pem nobody can have trusted the authority yet, so a key that a power cut left alone is made anew.
    let ca = match private::read(&ca_pem)? {
        Some(pem) => pem,
        None => make_authority(&ca_pem, &ca_key, names)?,
    };
    if let (Some(cert), Some(key)) = (private::read(&leaf_pem)?, private::read(&leaf_key)?) {
        // One that can't be read, such as after a power cut between the two files, is replaced and not complained of.
        if let Ok(leaf) = certified(&leaf_pem, &cert, &leaf_key, &key)
            && [now, now.after(RENEW_BEFORE)].into_iter().all(|at| is_good(&leaf, &ca, names, at))
        {
            return Ok(leaf);
        }
    }
    let key = private::read(&ca_key)?.ok_or_else(|| {
        PrivateError::malformed(&ca_key, "is missing: restore it, or delete ca.pem too for a new authority that every device must trust anew")
    })?;
    let (cert, key) = make_leaf(&ca_pem, &ca, &ca_key, &key, names, now)?;
    private::write(&leaf_key, key.as_bytes())?;
    private::write(&leaf_pem, cert.as_bytes())?;
    certified(&leaf_pem, cert.as_bytes(), &leaf_key, key.as_bytes())
}

fn make_authority(ca_pem: &Path, ca_key: &Path, names: &[String]) -> Result<Vec<u8>, TlsError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    let of = names.first().map_or("depot", String::as_str);
    params.distinguished_name.push(DnType::CommonName, format!("Crossdock authority of {of}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ((y0, m0, d0), (y1, m1, d1)) = (AUTHORITY_FROM, AUTHORITY_UNTIL);
    (params.not_before, params.not_after) = (date_time_ymd(y0, m0, d0), date_time_ymd(y1, m1, d1));
    let pem = params.self_signed(&key)?.pem().into_bytes();
    private::write(ca_key, key.serialize_pem().as_bytes())?;
    private::write(ca_pem, &pem)?;
    Ok(pem)
}

/// A fresh certificate and key in PEM.
fn make_leaf(
    ca_pem: &Path,
    ca: &[u8],
    ca_key: &Path,
    key: &[u8],
    names: &[String],
    now: Timestamp,
) -> Result<(String, String), TlsError> {
    let damaged = |path: &Path| PrivateError::malformed(path, "is damaged: restore it from the backup");
    let ca = std::str::from_utf8(ca).map_err(|_| damaged(ca_pem))?;
    let signer = std::str::from_utf8(key)
        .ok()
        .and_then(|pem| KeyPair::from_pem(pem).ok())
        .ok_or_else(|| damaged(ca_key))?;
    let issuer = Issuer::from_ca_cert_pem(ca, signer).map_err(|_| damaged(ca_pem))?;
    let leaf_key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, names.first().map_or("depot", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    // A day early, for handhelds whose clock is slow.
    let ((y0, m0, d0), (y1, m1, d1)) = (AUTHORITY_FROM, AUTHORITY_UNTIL);
    let yesterday = date_time_ymd(1970, 1, 1) + now.before(DAY).since(Timestamp::ZERO);
    params.not_before = yesterday.clamp(date_time_ymd(y0, m0, d0), date_time_ymd(y1, m1, d1) - LEAF_LIFE);
    params.not_after = params.not_before + LEAF_LIFE;
    Ok((params.signed_by(&leaf_key, &issuer)?.pem(), leaf_key.serialize_pem()))
}

fn certified(cert_path: &Path, cert: &[u8], key_path: &Path, key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let bad = |path: &Path, what: &str, why: rustls::pki_types::pem::Error| {
        PrivateError::malformed(path, format!("holds no {what} in PEM ({why:?}): give the path of one"))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert).collect();
    let chain = chain.map_err(|why| bad(cert_path, "certificate", why))?;
    if chain.is_empty() {
        return Err(bad(cert_path, "certificate", rustls::pki_types::pem::Error::NoItemsFound).into());
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|why| bad(key_path, "private key", why))?;
    Ok(CertifiedKey::from_der(chain, key, &provider())?)
}

/// Whether a client that trusts `ca` takes `leaf` for every one of `names` at `at`: asked of the same code a client
/// runs, so that expiry, a new name and a replaced authority are all seen.
fn is_good(leaf: &CertifiedKey, ca: &[u8], names: &[String], at: Timestamp) -> bool {
    let mut roots = RootCertStore::empty();
    let trusted = CertificateDer::from_pem_slice(ca).is_ok_and(|ca| roots.add(ca).is_ok());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let (Ok(verifier), Some((end, between)), true) = (verifier, leaf.cert.split_first(), trusted) else {
        return false;
    };
    let at = UnixTime::since_unix_epoch(Duration::from_millis(at.unsigned()));
    names.iter().all(|name| {
        ServerName::try_from(name.as_str())
            .is_ok_and(|name| verifier.verify_server_cert(end, between, &name, &[], at).is_ok())
    })
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
