//! A depot joins: the code that an administrator of headquarters gave out, the depot's key, and what is pinned of
//! headquarters from then on.

use serde::Serialize;
use serde_bytes::ByteArray;

use super::courier::{self, HttpLink};
use super::depot::{Link, relog};
use super::keys::Sign;
use super::node::{JOINED, Joined, Node};
use super::sites::{self, Site};
use super::wire::{self, Call, Enrol, Enrolled};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::identity::repo;
use crate::identity::secret::random;
use crate::jobs::runner::Stop;
use crate::journal::clock::{Origin, UNENROLLED};
use crate::store::migrate::RELEASE;
use crate::store::{Lane, NODE, StoreError, Tenant, WriteTx};

/// Bytes of a code.
const CODE_BYTES: usize = 16;
/// Characters of a code at the most: the code, a dot, the mark of headquarters' authority.
const MAX_CODE: usize = 2 * CODE_BYTES + 1 + 32;

/// Joining did not work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JoinError {
    /// This is a headquarters.
    #[error("this is a headquarters: depots join it, it joins nobody")]
    Headquarters,
    /// Something given is wrong.
    #[error("{0}")]
    Wrong(String),
    /// Headquarters can't be reached or refuses.
    #[error("{0}")]
    Refused(String),
    /// It belongs to another one.
    #[error(
        "this depot has joined as number {0} already, and headquarters calls it {1}: it belongs to one alone"
    )]
    Another(u32, u32),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for JoinError {
    fn kind(&self) -> Kind {
        match self {
            Self::Headquarters | Self::Refused(_) | Self::Another(..) => Kind::Conflict,
            Self::Wrong(_) => Kind::Malformed,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Headquarters => "sync.headquarters",
            Self::Wrong(_) => "sync.join",
            Self::Refused(_) => "sync.join_refused",
            Self::Another(..) => "sync.joined_another",
            Self::Store(e) => e.code(),
        }
    }
}

/// A code by which a depot joins. Its text is shown once.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct SiteCode {
    /// The depot's number.
    pub site: u32,
    /// Its name.
    pub name: String,
    /// What is given to `crossdock sync join --code`.
    pub code: String,
    /// Until when it is good.
    pub ends: Timestamp,
}

/// Gives out a code for the depot `number` of `tenant`: 128 random bits, and the mark of headquarters' authority.
///
/// # Errors
/// When there is no such depot; storage failures.
pub fn code(node: &Node, tenant: Tenant, site: &Site) -> Result<SiteCode, JoinError> {
    let bytes = random::<CODE_BYTES>().map_err(|e| JoinError::Wrong(e.to_string()))?;
    let secret: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let now = node.clock.now();
    sites::give_code(&node.store, tenant, site.number, &secret, now)?;
    let code = match node.authority() {
        Some(mark) => format!("{secret}.{mark}"),
        None => secret,
    };
    let ends = now.after(std::time::Duration::from_millis(sites::CODE_MS));
    Ok(SiteCode { site: site.number, name: site.name.clone(), code, ends })
}

/// What joining came to.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Joining {
    /// The number headquarters gave this depot.
    pub site: u32,
    /// Headquarters' address.
    pub url: String,
    /// Whether headquarters' own certificate authority is pinned.
    pub pinned: bool,
}

/// Joins the headquarters at `url` with `code`. Asking again with the same code does no harm. Waits for the network.
///
/// # Errors
/// [`JoinError`].
pub fn join(node: &Node, tenant: Tenant, url: &str, code: &str) -> Result<Joining, JoinError> {
    if node.hq.is_some() {
        return Err(JoinError::Headquarters);
    }
    let base = courier::checked(url).map_err(|e| JoinError::Wrong(format!("\"{url}\": {e}")))?;
    let code = code.trim();
    if code.is_empty() || code.len() > MAX_CODE {
        let said = "this is no code: copy it as `crossdock hq enrol` printed it";
        return Err(JoinError::Wrong(said.into()));
    }
    let (secret, mark) = code.split_once('.').map_or((code, None), |(c, m)| (c, Some(m)));
    let now = node.clock.now();
    let authority = match mark.filter(|_| base.scheme() == "https") {
        Some(mark) => Some(node.courier.authority(&base, mark).map_err(JoinError::Refused)?),
        None => None,
    };
    let trusted = node.trusted(authority.clone()).map_err(|e| JoinError::Wrong(e.to_string()))?;
    let client = courier::client(trusted.as_deref(), &node.clock, now).map_err(JoinError::Wrong)?;
    let key = node.key(tenant).map_err(|e| JoinError::Wrong(e.to_string()))?;
    let name = node.store.read(NODE, |tx| repo::tenants(tx))?;
    let name = name.into_iter().find(|t| t.number == tenant).map(|t| t.depot).unwrap_or_default();
    // The epoch drawn at the beginning has to be kept before headquarters hears of it.
    let origin = node
        .store
        .write::<_, StoreError, _>(tenant, Lane::People, |tx: &mut dyn WriteTx| {
            let origin = Origin::load(tx)?;
            origin.save(tx)?;
            Ok(origin)
        })
        .wait()?;
    let ask = Enrol {
        code: secret.to_owned(),
        key: ByteArray::new(key.public()),
        sw: RELEASE.into(),
        name,
        e0: origin.first,
    };
    let body = wire::encode(&ask).map_err(|e| JoinError::Wrong(e.to_string()))?;
    let stop = Stop::default();
    let mut link = HttpLink {
        courier: &node.courier,
        client: &client,
        base: &base,
        stop: &stop,
        sent: 0,
        received: 0,
        retry: None,
    };
    let said = link.ask(Call::Enrol, None, &body).map_err(|e| JoinError::Refused(e.to_string()))?;
    let said: Enrolled = wire::decode(&said).map_err(|e| JoinError::Refused(e.to_string()))?;
    if origin.site != UNENROLLED && origin.site != said.site {
        return Err(JoinError::Another(origin.site, said.site));
    }
    let key = said.pins.first().and_then(|k| <[u8; 32]>::try_from(&k[..]).ok()).map(ByteArray::new);
    let pinned = authority.is_some();
    let row = Joined { url: base.to_string(), authority, key, site: said.site, at: now };
    let site = said.site;
    node.store
        .write::<_, StoreError, _>(tenant, Lane::People, move |tx: &mut dyn WriteTx| {
            relog::joined(tx, &said)?;
            JOINED.put(tx, "hq", &row).map(drop)
        })
        .wait()?;
    node.joined(tenant);
    Ok(Joining { site, url: base.to_string(), pinned })
}
