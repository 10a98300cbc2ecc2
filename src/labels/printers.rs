//! Printers as records: adding, changing, removing, and where they may stand.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::LabelError;
use super::model::{Dpi, Health, Language, Printer, Size};
use super::repo::{self, HEALTH, PRINTERS};
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::EditPrinters;
use crate::identity::grant::Grant;
use crate::journal::{Cx, reference};
use crate::store::{Dir, Ix, KeyRange, ReadTx, WriteTx};

type Result<T> = std::result::Result<T, LabelError>;

/// Printers of a tenant at the most.
pub const MAX_PRINTERS: usize = 200;
/// Characters of a printer's name and of its station.
pub const MAX_NAME: usize = 64;
/// Letters of a host's name.
const MAX_HOST: usize = 253;
/// Below lie the ports of a machine's own services, which are no printers.
const LOWEST_PORT: u16 = 1024;

/// A printer that is to be added.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrinter {
    /// Its name, one of a kind.
    pub name: String,
    /// A private address, or a name that leads to one.
    pub host: String,
    /// Its raw port.
    #[serde(default = "usual_port")]
    pub port: u16,
    /// 203 or 300.
    #[serde(default)]
    #[schema(value_type = u16)]
    pub dpi: Dpi,
    /// zpl.
    #[serde(default)]
    pub language: Language,
    /// The labels in it: 4x6, 4x4 or 2x1.
    #[serde(default)]
    pub media: Size,
    /// Where it stands, as labels say it.
    #[serde(default)]
    pub station: String,
    /// Whether it answers `~HS`.
    #[serde(default = "yes")]
    pub answers: bool,
}

fn usual_port() -> u16 {
    9100
}

fn yes() -> bool {
    true
}

/// What is to change; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // as in NewPrinter
pub struct PrinterChange {
    /// The revision the caller has seen.
    pub version: Option<u64>,
    pub name: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    #[schema(value_type = Option<u16>)]
    pub dpi: Option<Dpi>,
    pub language: Option<Language>,
    pub media: Option<Size>,
    pub station: Option<String>,
    pub answers: Option<bool>,
}

/// A printer as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PrinterView {
    /// Its id.
    pub id: Id,
    /// Its revision.
    pub version: u64,
    /// The record.
    #[serde(flatten)]
    pub printer: Printer,
    /// Labels to be printed.
    pub waiting: i64,
    /// Labels that went out and of which nobody knows whether they were printed.
    pub unknown: i64,
    /// How it does, as far as the last exchange tells.
    pub health: Health,
}

/// Whether a printer may stand at `ip`: in a private network (RFC 1918, unique local, link local), or on this machine
/// where `loopback` allows that.
#[must_use]
pub fn is_allowed(ip: IpAddr, loopback: bool) -> bool {
    match ip.to_canonical() {
        ip if ip.is_loopback() => loopback,
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn check(p: &Printer, loopback: bool) -> std::result::Result<(), Invalid> {
    let mut wrong: Vec<Problem> = Vec::new();
    wrong.extend(text::required("/name", &p.name, MAX_NAME).err());
    wrong.extend(text::optional("/station", &p.station, MAX_NAME).err());
    if p.name.parse::<Id>().is_ok() {
        wrong.push(Problem::new("/name", "must not look like an id"));
    }
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match p.host.parse::<IpAddr>() {
        Ok(ip) if is_allowed(ip, loopback) => {}
        Ok(ip) => wrong.push(Problem::new(
            "/host",
            format!("{ip} is no private address; printers stand in 10/8, 172.16/12, 192.168/16, 169.254/16, fc00::/7 or fe80::/10"),
        )),
        Err(_) if !p.host.is_empty() && p.host.len() <= MAX_HOST && p.host.chars().all(named) => {}
        Err(_) => wrong.push(Problem::new("/host", "must be an address or a host's name, without a port")),
    }
    if p.port < LOWEST_PORT {
        wrong.push(Problem::new(
            "/port",
            format!("must be {LOWEST_PORT} to 65535; printers take labels at 9100"),
        ));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
}

fn all(tx: &dyn ReadTx) -> Result<Vec<(Id, Printer, u64)>> {
    let mut range = KeyRange::all();
    let mut found = Vec::new();
    loop {
        // Removed ones leave a row behind, so the rows may be more than the printers.
        let rows = PRINTERS.scan(tx, Ix::Primary, &range, Dir::Up, MAX_PRINTERS)?;
        found.extend(rows.items.into_iter().filter_map(|e| {
            let state = e.value.state;
            Some((state.id, state.value?, e.rev))
        }));
        if rows.next.is_none() {
            return Ok(found);
        }
        range.after = rows.next;
    }
}

/// Every printer, by name.
///
/// # Errors
/// Storage failures.
pub fn list(tx: &dyn ReadTx) -> Result<Vec<PrinterView>> {
    let mut printers = all(tx)?;
    printers.sort_by(|a, b| a.1.name.cmp(&b.1.name));
    printers.into_iter().map(|(id, printer, rev)| view(tx, id, printer, rev)).collect()
}

/// The printer `name`, by id or name, with its id and revision.
///
/// # Errors
/// When there is none.
pub fn find(tx: &dyn ReadTx, name: &str) -> Result<(Id, Printer, u64)> {
    let none = || LabelError::NoPrinter(text::clipped(name.to_owned(), MAX_NAME));
    match name.parse::<Id>() {
        Ok(id) => {
            reference::get::<Printer>(tx, id)?.map(|(printer, rev)| (id, printer, rev)).ok_or_else(none)
        }
        Err(_) => all(tx)?.into_iter().find(|(_, p, _)| p.name == name).ok_or_else(none),
    }
}

/// A printer as it is shown.
///
/// # Errors
/// Storage failures.
pub fn view(tx: &dyn ReadTx, id: Id, printer: Printer, version: u64) -> Result<PrinterView> {
    let (waiting, unknown) = repo::counts(tx, id)?;
    let health = HEALTH.get(tx, &id)?.unwrap_or_default();
    Ok(PrinterView { id, version, printer, waiting, unknown, health })
}

/// Adds a printer.
///
/// # Errors
/// When its address is not private, its name taken, or there are [`MAX_PRINTERS`].
pub fn add(
    tx: &mut dyn WriteTx,
    _: &Grant<EditPrinters>,
    cx: &Cx,
    new: NewPrinter,
    loopback: bool,
) -> Result<PrinterView> {
    let NewPrinter { name, host, port, dpi, language, media, station, answers } = new;
    let printer = Printer { name, host, port, dpi, language, media, station, answers };
    if all(tx)?.len() >= MAX_PRINTERS {
        return Err(LabelError::TooMany(MAX_PRINTERS));
    }
    keep(tx, cx, Id::fresh(), printer, loopback)
}

fn keep(tx: &mut dyn WriteTx, cx: &Cx, id: Id, printer: Printer, loopback: bool) -> Result<PrinterView> {
    check(&printer, loopback)?;
    if all(tx)?.iter().any(|(other, p, _)| *other != id && p.name == printer.name) {
        return Err(LabelError::Taken(printer.name));
    }
    let rev = reference::set(tx, cx, id, Some(printer.clone()))?.rev;
    view(tx, id, printer, rev)
}

fn current(seen: u64, found: u64) -> Result<()> {
    if seen == found { Ok(()) } else { Err(LabelError::Stale { found, seen }) }
}

/// Changes a printer. Labels in its queue are drawn as the printer is when they are printed.
///
/// # Errors
/// As [`add`], and when it has changed since revision `seen`.
pub fn change(
    tx: &mut dyn WriteTx,
    _: &Grant<EditPrinters>,
    cx: &Cx,
    name: &str,
    (seen, to): (u64, PrinterChange),
    loopback: bool,
) -> Result<PrinterView> {
    let (id, old, rev) = find(tx, name)?;
    current(seen, rev)?;
    let new = Printer {
        name: to.name.unwrap_or(old.name),
        host: to.host.unwrap_or(old.host),
        port: to.port.unwrap_or(old.port),
        dpi: to.dpi.unwrap_or(old.dpi),
        language: to.language.unwrap_or(old.language),
        media: to.media.unwrap_or(old.media),
        station: to.station.unwrap_or(old.station),
        answers: to.answers.unwrap_or(old.answers),
    };
    keep(tx, cx, id, new, loopback)
}

/// Removes a printer whose queue is empty.
///
/// # Errors
/// When labels are in its queue, or it has changed since revision `seen`.
pub fn remove(tx: &mut dyn WriteTx, _: &Grant<EditPrinters>, cx: &Cx, name: &str, seen: u64) -> Result<()> {
    let (id, _, rev) = find(tx, name)?;
    current(seen, rev)?;
    match repo::counts(tx, id)? {
        (0, 0) => {}
        (waiting, unknown) => return Err(LabelError::Busy(waiting + unknown)),
    }
    HEALTH.del(tx, &id)?;
    reference::set::<Printer>(tx, cx, id, None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printers_stand_in_private_networks_and_nowhere_else() {
        let allowed = |ip: &str, loopback| is_allowed(ip.parse().unwrap(), loopback);
        for ip in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.1",
            "192.168.7.7",
            "169.254.3.4",
            "fd12::1",
            "fe80::1",
            "::ffff:10.1.1.1",
        ] {
            assert!(allowed(ip, false), "{ip}");
        }
        for ip in [
            "8.8.8.8",
            "172.32.0.1",
            "192.169.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "2001:db8::1",
            "::",
            "::ffff:8.8.8.8",
            "ff02::1",
        ] {
            assert!(!allowed(ip, true), "{ip}");
        }
        for ip in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(!allowed(ip, false) && allowed(ip, true), "{ip}");
        }
    }

    #[test]
    fn a_record_names_every_place_that_is_wrong() {
        let printer = Printer {
            name: "a".repeat(MAX_NAME),
            host: "printer-1.lan".into(),
            port: 1024,
            dpi: Dpi::D203,
            language: Language::Zpl,
            media: Size::FourBySix,
            station: String::new(),
            answers: true,
        };
        assert_eq!(check(&printer, false), Ok(()));
        let wrong = Printer {
            name: "a".repeat(MAX_NAME + 1),
            host: "http://x".into(),
            port: 1023,
            station: "b".repeat(MAX_NAME + 1),
            ..printer.clone()
        };
        assert_eq!(check(&wrong, false).unwrap_err().0.len(), 4);
        let long = Printer { host: "h".repeat(MAX_HOST + 1), ..printer };
        assert_eq!(check(&long, false).unwrap_err().0[0].pointer, "/host");
    }
}
