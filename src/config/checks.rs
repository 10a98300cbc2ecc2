//! What types and ranges can't say: texts that must be readable as something, and keys that must agree.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use tracing_subscriber::EnvFilter;

use super::choices::{MailSecurity, Role, TlsMode};
use super::overlay::Origins;
use super::sections::{Audit, Backup, Depot, Limits, Logs, Mail, Maps, Server, Sms, Store, Sync, Weather};
use super::{Complaint, Config};

/// Everything in `config` that can't be used as it stands; `origins` says where each key was given.
pub(super) fn complaints(config: &Config, origins: &Origins) -> Vec<Complaint> {
    let mut all = Vec::new();
    let mut say = |key: &str, why: String| {
        let place = origins.get(key).cloned().unwrap_or_else(|| "defaults".into());
        all.push(Complaint { place, key: key.into(), why });
    };
    server(&config.server, &mut say);
    limits(&config.limits, &mut say);
    store(&config.store, config.server.role, &mut say);
    backup(&config.backup, &mut say);
    mail(&config.mail, &mut say);
    logs(&config.logs, &mut say);
    depot(&config.depot, &mut say);
    audit(&config.audit, &mut say);
    sync(&config.sync, &mut say);
    maps(&config.maps, &mut say);
    weather(&config.weather, &mut say);
    sms(&config.sms, &mut say);
    all
}

type Say<'a> = &'a mut dyn FnMut(&str, String);

fn is_blank(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

fn server(server: &Server, say: Say<'_>) {
    if server.listen.parse::<SocketAddr>().is_err() {
        say(
            "server.listen",
            format!("is \"{}\", expected an address and a port, such as 0.0.0.0:8443", server.listen),
        );
    }
    if is_blank(&server.data_dir) {
        say("server.data_dir", "is empty: name the folder that is to hold the depot's data".into());
    }
    for origin in server.cors_origins.iter().filter(|origin| !is_origin(origin)) {
        say(
            "server.cors_origins",
            format!("holds \"{origin}\", expected origins such as https://desk.example.com"),
        );
    }
    for proxy in server.trusted_proxies.iter().filter(|proxy| !is_network(proxy)) {
        let why = format!("holds \"{proxy}\", expected addresses or networks such as 10.0.0.2 or 10.0.0.0/8");
        say("server.trusted_proxies", why);
    }
    let tls = &server.tls;
    for (key, file) in [("server.tls.cert_file", &tls.cert_file), ("server.tls.key_file", &tls.key_file)] {
        match (tls.mode, is_blank(file)) {
            (TlsMode::Files, true) => {
                say(key, "is empty: mode \"files\" needs the certificate and its key".into())
            }
            (TlsMode::Own | TlsMode::Off, false) => {
                say(key, "is set but not used: set server.tls.mode to \"files\", or leave it empty".into());
            }
            (TlsMode::Files, false) | (TlsMode::Own | TlsMode::Off, true) => {}
        }
    }
}

fn maps(maps: &Maps, say: Say<'_>) {
    // A name of what drives is one piece of the address that is asked.
    let sound = !maps.profile.is_empty()
        && maps.profile.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !sound {
        say("maps.profile", format!("is \"{}\", expected a name such as driving", maps.profile));
    }
    let url = maps.url.parse::<reqwest::Url>().ok();
    let good = url.is_some_and(|u| {
        matches!(u.scheme(), "http" | "https") && u.path().ends_with('/') && u.query().is_none()
    });
    if !maps.url.is_empty() && !good {
        let why = format!(
            "is \"{}\", expected an address that ends with a slash, such as http://192.168.7.30:5000/",
            maps.url
        );
        say("maps.url", why);
    }
}

fn weather(weather: &Weather, say: Say<'_>) {
    let url = weather.url.parse::<reqwest::Url>().ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    if !weather.url.is_empty() && url.is_none_or(|u| u.host_str().is_none()) {
        let why = format!(
            "is \"{}\", expected an address such as https://api.open-meteo.com/v1/forecast",
            weather.url
        );
        say("weather.url", why);
    }
}

fn sms(sms: &Sms, say: Say<'_>) {
    if !sms.is_on() {
        return;
    }
    let url = sms.url.parse::<reqwest::Url>().ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    let Some(url) = url else {
        let why = format!("is \"{}\", expected an address such as https://sms.example.com/messages", sms.url);
        say("sms.url", why);
        return;
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_near = host == "localhost" || host.parse::<IpAddr>().is_ok_and(crate::base::net::is_near);
    if url.scheme() == "http" && !sms.token.is_empty() && !is_near {
        let why = "begins with http: the token would cross the internet in the clear; write https";
        say("sms.url", why.into());
    }
}

/// Scheme, host and perhaps a port, nothing behind it. `*` is none: answers carry credentials.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', '?', '#', ' ', '@']))
}

fn is_network(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
}

fn limits(limits: &Limits, say: Say<'_>) {
    if limits.body_max_bytes > limits.import_max_bytes {
        let Limits { body_max_bytes, import_max_bytes, .. } = limits;
        let why = format!(
            "is {import_max_bytes}, less than limits.body_max_bytes ({body_max_bytes}): make it as large"
        );
        say("limits.import_max_bytes", why);
    }
    for (key, burst, rate) in [
        ("limits.user_burst", limits.user_burst, limits.user_per_s),
        ("limits.address_burst", limits.address_burst, limits.address_per_s),
    ] {
        if burst < rate {
            say(key, format!("is {burst}, less than one second's rate ({rate}): make it at least that"));
        }
    }
}

fn store(store: &Store, role: Role, say: Say<'_>) {
    if !store.url.is_empty() && role != Role::Hq {
        let why = "is set, but only headquarters can stand on a database: leave it empty, or set server.role to \"hq\"";
        say("store.url", why.into());
    }
    if store.read_only_mib > store.import_stop_mib {
        let Store { read_only_mib, import_stop_mib, .. } = store;
        let why = format!(
            "is {read_only_mib}, more than store.import_stop_mib ({import_stop_mib}): imports stop first"
        );
        say("store.read_only_mib", why);
    }
    if store.group_max > store.queue_max {
        let Store { group_max, queue_max, .. } = store;
        say(
            "store.group_max",
            format!("is {group_max}, more than store.queue_max ({queue_max}) can ever hold"),
        );
    }
}

fn backup(backup: &Backup, say: Say<'_>) {
    if backup.is_on() && backup.too_old_minutes < backup.every_minutes {
        let Backup { too_old_minutes, every_minutes, .. } = backup;
        let why = format!(
            "is {too_old_minutes}, less than backup.every_minutes ({every_minutes}): every backup would be"
        );
        say("backup.too_old_minutes", why);
    }
}

fn mail(mail: &Mail, say: Say<'_>) {
    if !mail.is_on() {
        return;
    }
    let address = mail.from.parse::<lettre::message::Mailbox>();
    if let Err(e) = address {
        let why = format!("is \"{}\", expected a sender such as depot@example.com: {e}", mail.from);
        say("mail.from", why);
    }
    match (mail.user.is_empty(), mail.password.is_empty()) {
        (false, true) => {
            say("mail.password", "is empty though mail.user is set: give it or mail.password_file".into())
        }
        (true, false) => say("mail.user", "is empty though a password is given".into()),
        (true, true) | (false, false) => {}
    }
    let is_near =
        mail.host == "localhost" || mail.host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    if mail.security == MailSecurity::None && !mail.password.is_empty() && !is_near {
        let why = "is \"none\": the password would cross the network in the clear; use starttls or tls";
        say("mail.security", why.into());
    }
}

fn logs(logs: &Logs, say: Say<'_>) {
    if let Err(e) = EnvFilter::try_new(&logs.level) {
        say(
            "logs.level",
            format!("is \"{}\", expected such as info or warn,crossdock::sync=debug: {e}", logs.level),
        );
    }
    if logs.max_total_mib < logs.max_file_mib {
        let Logs { max_total_mib, max_file_mib, .. } = logs;
        let why =
            format!("is {max_total_mib}, less than one file may have (logs.max_file_mib, {max_file_mib})");
        say("logs.max_total_mib", why);
    }
}

fn sync(sync: &Sync, say: Say<'_>) {
    if !sync.url.is_empty()
        && let Err(why) = crate::sync::courier::checked(&sync.url)
    {
        say("sync.url", format!("is \"{}\": {why}", sync.url));
    }
    if !sync.window.is_empty() && crate::sync::pace::Window::read(&sync.window).is_none() {
        let why = format!("is \"{}\", expected two times of day such as 22:00-05:00", sync.window);
        say("sync.window", why);
    }
}

fn depot(depot: &Depot, say: Say<'_>) {
    if jiff::tz::TimeZone::get(&depot.zone).is_err() {
        let why = format!("is \"{}\", expected an IANA time zone such as Europe/Lisbon or UTC", depot.zone);
        say("depot.zone", why);
    }
}

fn audit(audit: &Audit, say: Say<'_>) {
    let is_kind = |kind: &str| {
        let words: Vec<_> = kind.split('.').collect();
        let is_word = |w: &&str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        words.len() <= 2 && words.iter().all(is_word)
    };
    for kind in audit.off.iter().filter(|kind| !is_kind(kind)) {
        say("audit.off", format!("holds \"{kind}\", expected kinds such as tracking.positioned or tracking"));
    }
}
