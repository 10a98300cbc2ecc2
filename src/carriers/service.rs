//! The use cases of carriers.

use serde_bytes::ByteBuf;
use std::time::Duration;

use super::adapter::{ALL, Batch, CarrierEvent, MAX_EVENTS, adapter};
use super::error::CarrierError;
use super::model::{Carrier, Poll, SealedKey, Secrets};
use super::repo::{self, MAX_CARRIERS, POLLS, SECRETS, What, carrier_id, first_time};
use super::{airline, client, mask};
use crate::audit::{self, Changed};
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::freight::fsu::Parsed;
use crate::freight::inbox;
use crate::identity::features::ManageCarriers;
use crate::identity::grant::Grant;
use crate::identity::secret::{Keys, Secret, random};
use crate::identity::signature;
use crate::journal::{Cx, reference};
use crate::parcels::map_service;
use crate::parcels::report::{self, Report};
use crate::parcels::service::{MAX_NUMBER, normal};
use crate::store::{ReadTx, StoreError, Tenant, WriteTx};

type Result<T> = std::result::Result<T, CarrierError>;

/// Bytes of a carrier's code.
pub const MAX_CODE: usize = 32;
/// Forms of numbers of one carrier.
pub const MAX_PATTERNS: usize = 64;
/// The shortest time between two times a carrier is asked, in seconds.
pub const LEAST_POLL_S: u32 = 30;
/// Keys of one carrier that are good at the same time.
pub const MAX_KEYS: usize = 2;
/// How long the key before stays good when nobody says.
pub const KEEP: Duration = Duration::from_secs(24 * 3600);
/// Bytes of a credential.
pub const MAX_LOGIN: usize = 4_096;

/// The carrier `code` with its revision.
///
/// # Errors
/// [`CarrierError::Unknown`] when there is none.
pub fn find(tx: &dyn ReadTx, code: &str) -> Result<(Carrier, u64)> {
    let found = reference::get::<Carrier>(tx, carrier_id(code))?;
    found.ok_or_else(|| CarrierError::Unknown(code.to_owned()))
}

fn check(c: &Carrier, private: bool) -> std::result::Result<(), Invalid> {
    let mut wrong: Vec<Problem> = Vec::new();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    if c.code.is_empty() || c.code.len() > MAX_CODE || !c.code.bytes().all(plain) {
        wrong.push(Problem::new("/code", format!("must be 1 to {MAX_CODE} of a-z, 0-9, _ and -")));
    }
    wrong.extend(text::required("/name", &c.name, text::SHORT).err());
    if adapter(&c.adapter).is_none() {
        let known: Vec<_> = ALL.iter().map(|a| a.name()).collect();
        let detail = format!("\"{}\" is no language we speak; use one of {}", c.adapter, known.join(", "));
        wrong.push(Problem::new("/adapter", detail));
    }
    wrong.extend(c.words.as_deref().and_then(|w| text::required("/words", w, 64).err()));
    if c.patterns.len() > MAX_PATTERNS {
        wrong.push(Problem::new(
            "/patterns",
            format!("has {}; at most {MAX_PATTERNS} are kept", c.patterns.len()),
        ));
    }
    let masks = c.patterns.iter().enumerate().take(MAX_PATTERNS);
    wrong.extend(masks.filter_map(|(n, m)| Some(Problem::new(format!("/patterns/{n}"), mask::problem(m)?))));
    if c.adapter == airline::NAME && c.patterns.is_empty() {
        let said = "are needed of an airline: the numbers of its waybills, such as 020-*";
        wrong.push(Problem::new("/patterns", said));
    }
    let endpoint = c.endpoint.as_deref().map(|e| client::checked(e, private));
    if let Some(Err(why)) = endpoint {
        wrong.push(Problem::new("/endpoint", why));
    }
    if c.poll_s != 0 && c.poll_s < LEAST_POLL_S {
        wrong.push(Problem::new("/poll_s", format!("must be 0, or {LEAST_POLL_S} at the least")));
    }
    if c.poll_s != 0 && c.endpoint.is_none() {
        wrong.push(Problem::new("/endpoint", "is needed to ask the carrier every poll_s seconds"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
}

/// Adds a carrier.
///
/// # Errors
/// When there is one with its code, too many, or it makes no sense.
pub fn add(
    tx: &mut dyn WriteTx,
    _: &Grant<ManageCarriers>,
    cx: &Cx,
    c: Carrier,
    private: bool,
) -> Result<u64> {
    check(&c, private)?;
    let id = carrier_id(&c.code);
    if reference::get::<Carrier>(tx, id)?.is_some() {
        return Err(CarrierError::Exists(c.code));
    }
    if repo::all(tx)?.len() >= MAX_CARRIERS {
        return Err(CarrierError::Full(MAX_CARRIERS));
    }
    Ok(reference::set(tx, cx, id, Some(c))?.rev)
}

/// Changes a carrier, or with none removes it, its secrets and where asking it stands.
///
/// # Errors
/// When there is none, it has changed since revision `seen`, or makes no sense.
pub fn set(
    tx: &mut dyn WriteTx,
    _: &Grant<ManageCarriers>,
    cx: &Cx,
    code: &str,
    c: Option<Carrier>,
    (seen, private): (u64, bool),
) -> Result<u64> {
    let (_, found) = find(tx, code)?;
    if found != seen {
        return Err(CarrierError::Stale { found, seen });
    }
    match &c {
        Some(c) => check(c, private)?,
        None => {
            SECRETS.del(tx, code)?;
            POLLS.del(tx, code)?;
        }
    }
    Ok(reference::set(tx, cx, carrier_id(code), c)?.rev)
}

fn context(tenant: Tenant, code: &str, what: &str) -> String {
    format!("carrier/{tenant}/{code}/{what}")
}

fn noted(tx: &mut dyn WriteTx, cx: &Cx, code: &str, action: &str) -> Result<()> {
    let entry = audit::Entry {
        class: audit::Class::Always,
        action,
        record: "carrier",
        id: carrier_id(code),
        event: None,
        changed: vec![Changed::new("code", code, code)],
    };
    audit::note(tx, cx, &entry)?;
    Ok(())
}

/// Gives a carrier a fresh key to sign with, or the one it gave us; the one before stays good for `keep`. Returns the key
/// as it is written, to be shown once.
///
/// # Errors
/// When there is no such carrier or the key is none.
pub fn renew_key(
    tx: &mut dyn WriteTx,
    grant: &Grant<ManageCarriers>,
    cx: &Cx,
    keys: &Keys,
    code: &str,
    (given, keep): (Option<&str>, Duration),
) -> Result<String> {
    find(tx, code)?;
    let key = match given {
        Some(text) => signature::read(text).map_err(|why| Invalid::at("/secret", why))?,
        None => random::<32>()?.to_vec(),
    };
    let sealed = ByteBuf::from(keys.seal(&context(grant.tenant(), code, "key"), &key)?);
    let mut secrets = SECRETS.get(tx, code)?.unwrap_or_default();
    secrets.keys.retain(|k| k.until.is_none_or(|until| until > cx.now));
    for old in &mut secrets.keys {
        let until = cx.now.after(keep);
        old.until = Some(old.until.map_or(until, |u| u.min(until)));
    }
    secrets.keys.insert(0, SealedKey { made_at: cx.now, until: None, sealed });
    secrets.keys.truncate(MAX_KEYS);
    SECRETS.put(tx, code, &secrets)?;
    noted(tx, cx, code, "carrier.key_renewed")?;
    Ok(signature::written(&key))
}

/// Keeps what we show a carrier when we ask it; none forgets it.
///
/// # Errors
/// When there is no such carrier.
pub fn set_login(
    tx: &mut dyn WriteTx,
    grant: &Grant<ManageCarriers>,
    cx: &Cx,
    keys: &Keys,
    code: &str,
    login: Option<&str>,
) -> Result<()> {
    find(tx, code)?;
    let mut secrets = SECRETS.get(tx, code)?.unwrap_or_default();
    secrets.login = match login {
        Some(login) => {
            text::required("/secret", login, MAX_LOGIN).map_err(|p| Invalid(vec![p]))?;
            let sealed = keys.seal(&context(grant.tenant(), code, "login"), login.as_bytes())?;
            Some(ByteBuf::from(sealed))
        }
        None => None,
    };
    SECRETS.put(tx, code, &secrets)?;
    noted(tx, cx, code, "carrier.credentials_set")
}

/// A carrier that may send us messages, and the keys it may sign them with now; none when there is no such carrier.
///
/// # Errors
/// Storage failures, and when a key can't be opened.
pub fn sender(
    tx: &dyn ReadTx,
    keys: &Keys,
    tenant: Tenant,
    code: &str,
    now: crate::base::clock::Timestamp,
) -> Result<Option<(Carrier, Vec<Secret<Vec<u8>>>)>> {
    if code.is_empty() || code.len() > MAX_CODE {
        return Ok(None);
    }
    let found = reference::get::<Carrier>(tx, carrier_id(code))?.filter(|(c, _)| c.active);
    let Some((carrier, _)) = found else { return Ok(None) };
    let secrets = SECRETS.get(tx, code)?.unwrap_or_default();
    let good = secrets.keys.iter().filter(|k| k.until.is_none_or(|until| until > now));
    let opened = good.map(|k| keys.open_sealed(&context(tenant, code, "key"), &k.sealed));
    Ok(Some((carrier, opened.collect::<std::result::Result<_, _>>()?)))
}

/// A carrier that is asked, where that stands, and what we show it.
pub struct Asked {
    /// The carrier.
    pub carrier: Carrier,
    /// Where it stands.
    pub poll: Poll,
    /// What we show it.
    pub login: Option<Secret<String>>,
}

/// The carrier `code` if it is one that is asked.
///
/// # Errors
/// Storage failures, and when its credentials can't be opened.
pub fn asked(tx: &dyn ReadTx, keys: &Keys, tenant: Tenant, code: &str) -> Result<Option<Asked>> {
    let found = reference::get::<Carrier>(tx, carrier_id(code))?;
    let Some((carrier, _)) = found.filter(|(c, _)| c.active && c.endpoint.is_some()) else { return Ok(None) };
    let sealed = SECRETS.get(tx, code)?.and_then(|s| s.login);
    let open = |s: ByteBuf| keys.open_sealed(&context(tenant, code, "login"), &s);
    let login = sealed.map(open).transpose()?;
    let login = login.map(|l| Secret::new(String::from_utf8_lossy(l.reveal()).into_owned()));
    Ok(Some(Asked { carrier, poll: POLLS.get(tx, code)?.unwrap_or_default(), login }))
}

/// An event, or a message of an airline, that was not taken, and why.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct NotTaken {
    /// Its place in the message, from 0.
    pub event: usize,
    /// The carrier's id of it; of an airline's message the waybill.
    pub id: String,
    /// Why.
    pub detail: String,
}

/// What became of a message.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Outcome {
    /// Whether the whole message had come before; then nothing was done.
    pub repeated: bool,
    /// Events that were taken, or messages of an airline.
    pub taken: usize,
    /// Those that had come before.
    pub known: usize,
    /// Those that were not taken.
    pub refused: Vec<NotTaken>,
    /// Lines of an airline's messages that were not understood; they are kept.
    pub unknown: usize,
}

/// Takes in what a carrier says. `message` is the id of the message, when it has one.
///
/// # Errors
/// Storage failures.
pub fn take(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    carrier: &Carrier,
    message: Option<&str>,
    batch: &Batch,
) -> Result<Outcome> {
    let mut out = Outcome::default();
    if let Some(id) = message
        && !first_time(tx, &carrier.code, What::Message, id, cx.now)?
    {
        return Ok(Outcome { repeated: true, ..out });
    }
    take_events(tx, cx, carrier, &batch.events, &mut out)?;
    take_messages(tx, cx, carrier, &batch.messages, &mut out)?;
    Ok(out)
}

fn take_events(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    carrier: &Carrier,
    events: &[CarrierEvent],
    out: &mut Outcome,
) -> Result<()> {
    let map = map_service::compiled(tx, carrier.source())?;
    for (n, event) in events.iter().enumerate() {
        if let Some(detail) = refused(carrier, event) {
            let id = text::clipped(event.id.clone(), text::SHORT);
            out.refused.push(NotTaken { event: n, id, detail });
        } else if !first_time(tx, &carrier.code, What::Event, &event.id, cx.now)? {
            out.known += 1;
        } else {
            // A report that is known by its digest is one this node has from elsewhere.
            match report::take(tx, cx, carrier.source(), &map, u64::MAX, &report_of(carrier, event)) {
                Ok(_) => out.taken += 1,
                Err(crate::parcels::error::ParcelError::Store(StoreError::TooLarge { .. })) => {
                    let detail = "the parcel has no room for another event".to_owned();
                    out.refused.push(NotTaken { event: n, id: event.id.clone(), detail });
                }
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(())
}

/// Hands an airline's messages to the import desk: those about its own waybills, each once.
fn take_messages(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    carrier: &Carrier,
    said: &Parsed,
    out: &mut Outcome,
) -> Result<()> {
    let mut news = Parsed::default();
    for (n, message) in said.messages.iter().enumerate() {
        let number = message.awb.to_string();
        if let Some(detail) = strange(carrier, &number) {
            out.refused.push(NotTaken { event: n, id: number, detail });
        } else if first_time(tx, &carrier.code, What::Event, &format!("fsu {}", message.text), cx.now)? {
            news.messages.push(message.clone());
        } else {
            out.known += 1;
        }
    }
    for line in &said.unknown {
        if first_time(tx, &carrier.code, What::Event, &format!("line {}", line.text), cx.now)? {
            news.unknown.push(line.clone());
        }
    }
    if news != Parsed::default() {
        out.unknown = inbox::take_in(tx, cx, (&carrier.name, cx.now), &news)?.unknown.len();
        out.taken += news.messages.len();
    }
    Ok(())
}

/// Why an event can't be taken as it stands.
fn refused(carrier: &Carrier, e: &CarrierEvent) -> Option<String> {
    let texts = [
        ("id", Some(&e.id), text::SHORT),
        ("tracking_number", Some(&e.number), MAX_NUMBER),
        ("code", Some(&e.code), text::SHORT),
    ];
    for (name, value, most) in texts {
        if let Err(p) = text::required(name, value.map_or("", String::as_str), most) {
            return Some(format!("{name}: {}", p.detail));
        }
    }
    let place = [&e.place.line, &e.place.zip, &e.place.city, &e.place.state, &e.place.country];
    let rest = place.into_iter().map(|t| ("location", t, text::SHORT));
    for (name, value, most) in rest.chain([("sub", &e.sub, text::SHORT), ("text", &e.text, text::LONG)]) {
        if let Some(Err(p)) = value.as_deref().map(|t| text::optional(name, t, most)) {
            return Some(format!("{name}: {}", p.detail));
        }
    }
    if normal(&e.number).is_empty() {
        return Some("tracking_number: is needed and must not be blank".into());
    }
    strange(carrier, &e.number)
}

/// Why a number is none of the carrier's.
fn strange(carrier: &Carrier, number: &str) -> Option<String> {
    let ours = carrier.patterns.is_empty() || carrier.patterns.iter().any(|m| mask::fits(m, number));
    (!ours).then(|| format!("{number} has none of the forms of {}'s numbers", carrier.code))
}

fn report_of(carrier: &Carrier, e: &CarrierEvent) -> Report {
    let facts = crate::parcels::model::Facts { carrier: Some(carrier.code.clone()), ..Default::default() };
    Report {
        number: Some(e.number.clone()),
        raw: Some(e.code.clone()),
        sub: e.sub.clone(),
        at: e.at,
        facts,
        location: e.place.clone(),
        note: e.text.clone(),
        digest: Id::derived(&[b"carrier event", carrier.code.as_bytes(), e.id.as_bytes()]).0,
        ..Report::default()
    }
}

/// That a message has no more events than are taken at once.
///
/// # Errors
/// Says how many it has.
pub fn fits(batch: &Batch) -> std::result::Result<(), Invalid> {
    inbox::fits(&batch.messages)?;
    let n = batch.events.len();
    if n <= MAX_EVENTS {
        return Ok(());
    }
    Err(Invalid::at("/", format!("holds {n} events; at most {MAX_EVENTS} are taken at once")))
}

/// What is kept secret of a carrier, for who shows whether it is there.
///
/// # Errors
/// Storage failures.
pub fn secrets(tx: &dyn ReadTx, code: &str) -> Result<Secrets> {
    Ok(SECRETS.get(tx, code)?.unwrap_or_default())
}

/// Where asking a carrier stands.
///
/// # Errors
/// Storage failures.
pub fn poll(tx: &dyn ReadTx, code: &str) -> Result<Poll> {
    Ok(POLLS.get(tx, code)?.unwrap_or_default())
}
