//! How the exchange stands, and what can be asked of it: now, compared, by file, with whom.

use std::sync::PoisonError;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Payload;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::carried::MAX_FILE;
use super::super::depot::carried::{Brought, CarriedError};
use super::super::depot::{Budget, LinkError, SyncError};
use super::super::hq::{Hq, apply, carried, route};
use super::super::node::{Node, NodeError};
use super::super::turn::{self, Party};
use super::super::{join, keys, status, wire};
use super::{FILE, Response, aside, no_hq, not_joined};
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::identity::features::{ManageSync, ViewSync};
use crate::identity::grant::Actor;
use crate::jobs::runner::Stop;
use crate::journal::Cx;
use crate::parcels::model::Parcel;
use crate::store::{Lane, StoreError, Tenant};
use crate::web::call::collect;
use crate::web::error::Refusal;
use crate::web::{Answer, ApiError, Body, Call};

/// How long a file's answer waits for what it brought to be folded and passed on; what comes later, the next one brings.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at that.
const LOOK: Duration = Duration::from_millis(50);

/// The exchange as a depot or as headquarters sees it; `role` tells which.
#[derive(Serialize, ToSchema)]
pub struct Exchange {
    /// `depot` or `hq`.
    role: String,
    /// In plain words, a sentence each.
    words: Vec<String>,
}

/// Where to join.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Headquarters' address.
    url: String,
    /// The code.
    code: String,
}

/// What a comparison found.
#[derive(Serialize, ToSchema)]
pub struct Comparison {
    /// Whether both hold the same.
    equal: bool,
    /// Records compared.
    records: u64,
    /// Groups of records that differ.
    groups: usize,
    /// The first that differ.
    differences: Vec<DifferenceView>,
    /// What headquarters had not yet taken in.
    behind: u64,
}

/// A record that differs.
#[derive(Serialize, ToSchema)]
pub struct DifferenceView {
    record: &'static str,
    id: Id,
    label: String,
    /// `both` sides hold it otherwise, or it is only `here` or only `there`.
    held: &'static str,
}

/// What a file brought.
#[derive(Default, Serialize, ToSchema)]
pub struct FileTaken {
    /// At headquarters: whose it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<u32>,
    /// Changes taken or acknowledged.
    changes: u64,
    /// At a depot: what came from headquarters.
    entries: u64,
    /// Why the rest was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    /// At headquarters: the answer to carry back, in Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

/// Why an exchange stopped, for whoever asked for it.
fn stopped(e: &SyncError) -> Refusal {
    match e {
        SyncError::Link(LinkError::Down(_)) => Refusal::new(Kind::Conflict, "sync.offline", e.to_string()),
        SyncError::Link(LinkError::Refused(r)) => Refusal::new(Kind::Conflict, r.code(), e.to_string()),
        SyncError::Unenrolled => not_joined(),
        SyncError::Store(_) | SyncError::Wire(_) => {
            Refusal::new(Kind::Conflict, "sync.stopped", e.to_string())
        }
    }
}

/// Runs `f` with the tenant's exchange.
fn with<T>(
    node: &Node,
    tenant: Tenant,
    f: impl FnOnce(&mut Party) -> Result<T, Refusal>,
) -> Result<T, ApiError> {
    if node.hq.is_some() {
        let detail = "this is headquarters: ask that of a depot";
        return Err(Refusal::new(Kind::Conflict, "sync.headquarters", detail).into());
    }
    let failed = |e: NodeError| Refusal::new(Kind::Conflict, "sync.unusable", e.to_string());
    let party = node.party(tenant).map_err(failed)?.ok_or_else(not_joined)?;
    let mut party = party.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(f(&mut party)?)
}

pub async fn show(call: Call<ViewSync>) -> Response {
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let answer = aside(move || {
        Ok(if node.hq.is_some() {
            Answer::ok(&status::of_hq(&node, tenant)?)?
        } else {
            Answer::ok(&status::of_depot(&node, tenant)?)?
        })
    });
    Ok(answer.await?.respond("", ""))
}

/// Exchanges with headquarters at once. Blocks.
///
/// # Errors
/// When this depot has joined none, or the exchange stopped.
pub fn exchange(node: &Node, tenant: Tenant) -> Result<(), ApiError> {
    with(node, tenant, |party| {
        let stop = Stop::default();
        let once = |party: &mut _| turn::turn(node, tenant, party, &stop, &Budget::default());
        while once(party).map_err(|e| stopped(&e))?.more {}
        Ok(())
    })
}

pub async fn now(call: Call<ManageSync>) -> Response {
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let answer = aside(move || {
        exchange(&node, tenant)?;
        Ok(Answer::ok(&status::of_depot(&node, tenant)?)?)
    });
    let answer = answer.await;
    call.app.wake.wake();
    Ok(answer?.respond("", ""))
}

pub async fn verify(call: Call<ManageSync>) -> Response {
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let answer = aside(move || {
        let found = with(&node, tenant, |party| {
            let (clock, stop) = (node.clock.clone(), Stop::default());
            let (found, _) =
                turn::along(&node, tenant, party, &stop, |depot, link| depot.verify(link, &clock));
            found.map_err(|e| stopped(&e))
        })?;
        let mut differences = Vec::new();
        for d in &found.differences {
            let held = match (d.here, d.there) {
                (true, true) => "both",
                (true, false) => "here",
                _ => "there",
            };
            let parcel = node.store.read(tenant, |tx| crate::journal::load::<Parcel>(tx, d.id))?;
            let label = parcel.map(|row| row.state.number).unwrap_or_default();
            differences.push(DifferenceView { record: d.record, id: d.id, label, held });
        }
        Ok(Answer::ok(&Comparison {
            equal: found.buckets == 0,
            records: found.held,
            groups: found.buckets,
            differences,
            behind: found.behind,
        })?)
    });
    Ok(answer.await?.respond("", ""))
}

pub async fn join_it(call: Call<ManageSync>, wanted: Body<Join>) -> Response {
    // It reaches out to an address and changes whose depot this is: the owner of the data folder says so, nobody else.
    if !call.grant.actor().is_system() {
        let detail = "a depot joins on the machine itself: crossdock sync join --hq URL --code CODE";
        return Err(Refusal::new(Kind::Forbidden, "control.only", detail).into());
    }
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let (actor, Join { url, code }) = (call.grant.actor().clone(), wanted.0);
    let joined = aside(move || join_as(&node, tenant, actor, &url, &code)).await?;
    Ok(Answer::ok(&joined)?.respond("", ""))
}

/// Joins a headquarters and notes in the audit who did so. Waits for the network.
///
/// # Errors
/// As [`join::join`].
pub fn join_as(
    node: &Node,
    tenant: Tenant,
    actor: Actor,
    url: &str,
    code: &str,
) -> Result<join::Joining, ApiError> {
    let joined = join::join(node, tenant, url, code)?;
    let (site, now) = (joined.site, node.clock.now());
    let noting = node.store.write(tenant, Lane::People, move |tx| {
        let cx = Cx::new(tx, &actor, now, "http")?;
        super::depots::noted(tx, &cx, "site.joined", site)
    });
    noting.wait()?;
    Ok(joined)
}

pub async fn export(call: Call<ManageSync>) -> Response {
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let file = aside(move || with(&node, tenant, |party| party.depot().export().map_err(|e| stopped(&e))));
    let (bytes, n) = file.await?;
    Ok(HttpResponse::Ok()
        .content_type(FILE)
        .insert_header(("content-encoding", "identity"))
        .insert_header(("x-changes", n.to_string()))
        .body(bytes))
}

pub async fn import(call: Call<ManageSync>, body: Payload) -> Response {
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let patience = Duration::from_secs(call.app.config.limits.body_timeout_s);
    let bytes = collect(body.into_inner(), MAX_FILE, patience).await?;
    let imported = aside(move || match &node.hq {
        Some(hq) => Ok(arrived(&node, hq, tenant, &bytes)?),
        None => {
            let brought = with(&node, tenant, |party| {
                let key = party.joined().key.ok_or_else(|| {
                    let detail = "headquarters' key was not pinned when this depot joined; join again";
                    Refusal::new(Kind::Conflict, "sync.no_key", detail)
                })?;
                let now = node.clock.now();
                let brought = party.depot().import(&bytes, &key, keys::verify, now);
                brought.map_err(|e: CarriedError| Refusal::new(Kind::Conflict, "sync.file", e.to_string()))
            })?;
            let Brought { acknowledged, entries } = brought;
            Ok(FileTaken { changes: acknowledged, entries, ..FileTaken::default() })
        }
    });
    Ok(Answer::ok(&imported.await?)?.respond("", ""))
}

/// Takes a depot's file in at headquarters and makes the answer.
fn arrived(node: &Node, hq: &Hq, tenant: Tenant, bytes: &[u8]) -> Result<FileTaken, Refusal> {
    use base64::Engine;
    let refused = |r: wire::Refusal| Refusal::new(Kind::Conflict, r.code(), r.to_string());
    let internal = |e: StoreError| Refusal::new(e.kind(), "sync.file", e.to_string());
    let taken = carried::take(hq, tenant, bytes, node.clock.now()).map_err(refused)?;
    node.wake.wake();
    let mut waited = Duration::ZERO;
    let behind = || {
        let read =
            node.store.read(tenant, |tx| Ok::<_, StoreError>(apply::lag(tx, taken.site)? + route::lag(tx)?));
        read.map_err(internal)
    };
    while waited < PATIENCE && behind()? > 0 {
        std::thread::sleep(LOOK);
        waited += LOOK;
    }
    let key = node.desk_key().ok_or_else(no_hq)?;
    let answer = carried::answer(hq, tenant, &taken, &key).map_err(refused)?;
    Ok(FileTaken {
        site: Some(taken.site),
        changes: taken.changes,
        entries: 0,
        stopped: taken.stopped.map(|r| r.to_string()),
        answer: Some(base64::engine::general_purpose::STANDARD.encode(answer)),
    })
}
