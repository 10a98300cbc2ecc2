//! The routes by which people see and steer the exchange: a depot's own, and headquarters' depots.

use std::sync::PoisonError;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::{Path, Payload};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::carried::MAX_FILE;
use super::depot::carried::{Brought, CarriedError};
use super::depot::{Budget, LinkError, SyncError};
use super::hq::{apply, carried, proposals, quarantine, route, session};
use super::node::{self, Node};
use super::status::{self, SiteView};
use super::{join, keys, sites, wire};
use crate::audit::{self, Changed, Class, Entry};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::base::page::MAX_LIMIT;
use crate::identity::features::{ManageSync, ViewSync};
use crate::identity::grant::Actor;
use crate::jobs::runner::Stop;
use crate::journal::Cx;
use crate::parcels::model::Parcel;
use crate::store::{StoreError, Tenant};
use crate::web::call::{Query, collect};
use crate::web::error::Refusal;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, App, Body, Call};

type Response = Result<HttpResponse, ApiError>;

/// How long a file's answer waits for what it brought to be folded and passed on; what comes later, the next one brings.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at that.
const LOOK: Duration = Duration::from_millis(50);
/// The media type of a file of the exchange.
const FILE: &str = "application/octet-stream";

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    let own = Routes::new("sync")
        .add::<ViewSync, _, _>(
            Method::GET,
            "/sync",
            show,
            "How the exchange with headquarters, or with the depots, stands",
        )
        .answers::<Exchange>(200)
        .add::<ManageSync, _, _>(
            Method::POST,
            "/sync/now",
            now,
            "Exchange with headquarters at once, and wait for it",
        )
        .answers::<status::DepotView>(200)
        .add::<ManageSync, _, _>(
            Method::POST,
            "/sync/verify",
            verify,
            "Exchange, then compare what both hold",
        )
        .answers::<Comparison>(200)
        .add::<ManageSync, _, _>(
            Method::POST,
            "/sync/join",
            join_it,
            "Join a headquarters, for the owner of the data folder",
        )
        .body::<Join>(r#"{"url":"https://hq.example.com:8443","code":"0123456789abcdef0123456789abcdef"}"#)
        .answers::<join::Joining>(200)
        .add::<ManageSync, _, _>(
            Method::POST,
            "/sync/export",
            export,
            "A signed file of what headquarters does not know yet",
        )
        .add::<ManageSync, _, _>(
            Method::POST,
            "/sync/import",
            import,
            "Take in a file: a depot's at headquarters, headquarters' answer at a depot",
        )
        .raw_body(FILE, "a file of the exchange")
        .answers::<FileTaken>(200);
    own.add::<ViewSync, _, _>(
        Method::GET,
        "/sync/quarantine",
        set_aside,
        "Changes of depots that could not be taken in",
    )
    .query(&[("cursor", "the `next` of the page before")])
    .answers::<Asides>(200)
    .add::<ManageSync, _, _>(
        Method::POST,
        "/sync/quarantine/{eid}/requeue",
        requeue,
        "Try such a change again",
    )
    .answers::<Requeued>(200)
    .add::<ViewSync, _, _>(
        Method::GET,
        "/sync/proposals",
        proposed,
        "What depots would like to have of what headquarters owns",
    )
    .query(&[("cursor", "the `next` of the page before")])
    .answers::<Proposals>(200)
    .add::<ManageSync, _, _>(Method::POST, "/sync/proposals/{eid}", settle, "Accept or decline a proposal")
    .body::<Decision>(r#"{"accept":true}"#)
    .status(204)
    .add::<ViewSync, _, _>(Method::GET, "/sites", list, "The depots of this headquarters")
    .answers::<Vec<SiteView>>(200)
    .add::<ManageSync, _, _>(
        Method::POST,
        "/sites",
        add,
        "Add a depot and give out the code by which it joins",
    )
    .body::<NewSite>(r#"{"name":"North"}"#)
    .answers::<join::SiteCode>(201)
    .add::<ManageSync, _, _>(Method::POST, "/sites/{number}/code", code, "Give out another code for a depot")
    .answers::<join::SiteCode>(201)
    .add::<ManageSync, _, _>(Method::POST, "/sites/{number}/release", release, "Let a depot on hold go on")
    .status(204)
    .add::<ManageSync, _, _>(
        Method::DELETE,
        "/sites/{number}",
        revoke,
        "Take a depot's key away; it goes on working by itself",
    )
    .status(204)
}

/// The exchange as a depot or as headquarters sees it; `role` tells which.
#[derive(Serialize, ToSchema)]
struct Exchange {
    /// `depot` or `hq`.
    role: String,
    /// In plain words, a sentence each.
    words: Vec<String>,
}

/// Where to join.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Join {
    /// Headquarters' address.
    url: String,
    /// The code.
    code: String,
}

/// A depot to be added.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSite {
    /// Its name.
    name: String,
}

/// Headquarters' word on a proposal.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Decision {
    /// So be it everywhere; else it stays as it is.
    accept: bool,
}

/// What a comparison found.
#[derive(Serialize, ToSchema)]
struct Comparison {
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
struct DifferenceView {
    record: &'static str,
    id: Id,
    label: String,
    /// `both` sides hold it otherwise, or it is only `here` or only `there`.
    held: &'static str,
}

/// What a file brought.
#[derive(Default, Serialize, ToSchema)]
struct FileTaken {
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

/// A change that was set aside.
#[derive(Serialize, ToSchema)]
struct AsideView {
    eid: String,
    site: u32,
    id: Id,
    code: String,
    message: String,
    at: crate::base::clock::Timestamp,
}

/// A proposal of a depot.
#[derive(Serialize, ToSchema)]
struct ProposalView {
    eid: String,
    site: u32,
    record: &'static str,
    id: Id,
    at: crate::base::clock::Timestamp,
}

/// A page of what was set aside.
#[derive(Serialize, ToSchema)]
struct Asides {
    items: Vec<AsideView>,
    /// The `cursor` of the next page.
    next: Option<String>,
}

/// A page of proposals.
#[derive(Serialize, ToSchema)]
struct Proposals {
    items: Vec<ProposalView>,
    /// The `cursor` of the next page.
    next: Option<String>,
}

/// Whether it was taken in now.
#[derive(Serialize, ToSchema)]
struct Requeued {
    taken: bool,
}

fn no_hq() -> Refusal {
    Refusal::new(Kind::NotFound, "sync.no_headquarters", "this is a depot: ask that of headquarters")
}

fn headquarters(app: &App) -> Result<&super::hq::Hq, Refusal> {
    app.sync.hq.as_ref().ok_or_else(no_hq)
}

fn not_joined() -> Refusal {
    let detail = "this depot has joined no headquarters: crossdock sync join --hq URL --code CODE";
    Refusal::new(Kind::Conflict, "sync.not_joined", detail)
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

/// A change that was refused, or could not be written.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for Failed {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(r) => r.kind,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(r) => r.code,
            Self::Store(e) => e.code(),
        }
    }
}

/// Runs `f` where waiting does no harm.
async fn aside<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    actix_web::web::block(f).await.map_err(|_| StoreError::Closed)?
}

/// Runs `f` with the tenant's exchange.
fn with<T>(
    node: &Node,
    tenant: Tenant,
    f: impl FnOnce(&mut node::Party) -> Result<T, Refusal>,
) -> Result<T, ApiError> {
    if node.hq.is_some() {
        let detail = "this is headquarters: ask that of a depot";
        return Err(Refusal::new(Kind::Conflict, "sync.headquarters", detail).into());
    }
    let failed = |e: node::NodeError| Refusal::new(Kind::Conflict, "sync.unusable", e.to_string());
    let party = node.party(tenant).map_err(failed)?.ok_or_else(not_joined)?;
    let mut party = party.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(f(&mut party)?)
}

async fn show(call: Call<ViewSync>) -> Response {
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
        let once = |party: &mut _| node::turn(node, tenant, party, &stop, &Budget::default());
        while once(party).map_err(|e| stopped(&e))?.more {}
        Ok(())
    })
}

async fn now(call: Call<ManageSync>) -> Response {
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let answer = aside(move || {
        exchange(&node, tenant)?;
        Ok(Answer::ok(&status::of_depot(&node, tenant)?)?)
    });
    let answer = answer.await;
    call.app.wake.wake();
    Ok(answer?.respond("", ""))
}

async fn verify(call: Call<ManageSync>) -> Response {
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let answer = aside(move || {
        let found = with(&node, tenant, |party| {
            let (clock, stop) = (node.clock.clone(), Stop::default());
            let (found, _) =
                node::along(&node, tenant, party, &stop, |depot, link| depot.verify(link, &clock));
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

async fn join_it(call: Call<ManageSync>, wanted: Body<Join>) -> Response {
    // It reaches out to an address and changes whose depot this is: the owner of the data folder says so, nobody else.
    if !call.grant.actor().is_system() {
        let detail = "a depot joins on the machine itself: crossdock sync join --hq URL --code CODE";
        return Err(Refusal::new(Kind::Forbidden, "control.only", detail).into());
    }
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let Join { url, code } = wanted.0;
    let joined = aside(move || Ok(join::join(&node, tenant, &url, &code)?)).await?;
    Ok(Answer::ok(&joined)?.respond("", ""))
}

async fn export(call: Call<ManageSync>) -> Response {
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let file = aside(move || with(&node, tenant, |party| party.depot().export().map_err(|e| stopped(&e))));
    let (bytes, n) = file.await?;
    Ok(HttpResponse::Ok()
        .content_type(FILE)
        .insert_header(("content-encoding", "identity"))
        .insert_header(("x-changes", n.to_string()))
        .body(bytes))
}

async fn import(call: Call<ManageSync>, body: Payload) -> Response {
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
fn arrived(node: &Node, hq: &super::hq::Hq, tenant: Tenant, bytes: &[u8]) -> Result<FileTaken, Refusal> {
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let byte = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    text.len().is_multiple_of(2).then(|| (0..text.len()).step_by(2).map(byte).collect()).flatten()
}

/// The identity of a change in a path.
fn eid_of(text: &str) -> Result<[u8; 16], Refusal> {
    unhex(text).and_then(|b| b.try_into().ok()).ok_or_else(|| Refusal::not_found("change", text))
}

/// Where a page goes on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    cursor: Option<String>,
}

impl From {
    fn after(self) -> Result<Option<Vec<u8>>, Refusal> {
        let bad = || Refusal::new(Kind::Invalid, "request.cursor", "the cursor is none of ours; begin anew");
        self.cursor.map(|c| unhex(&c).ok_or_else(bad)).transpose()
    }
}

async fn set_aside(call: Call<ViewSync>, from: Query<From>) -> Response {
    headquarters(&call.app)?;
    let after = from.0.after()?;
    call.read(|tx, _| -> Result<Answer, StoreError> {
        let (rows, next) = quarantine::list(tx, after, MAX_LIMIT)?;
        let view = |e: crate::store::table::Entry<super::hq::tables::Aside>| {
            let (eid, a) = (hex(&e.pk), e.value);
            AsideView { eid, site: a.site, id: a.id, code: a.code, message: a.msg, at: a.at }
        };
        let (items, next) = (rows.into_iter().map(view).collect(), next.map(|n| hex(&n)));
        Ok(Answer { next: next.clone(), ..Answer::ok(&Asides { items, next })? })
    })
}

async fn requeue(call: Call<ManageSync>, path: Path<String>) -> Response {
    headquarters(&call.app)?;
    let (node, tenant, eid) = (call.app.sync.clone(), call.grant.tenant(), eid_of(&path)?);
    let taken = aside(move || {
        let hq = node.hq.as_ref().ok_or_else(no_hq)?;
        Ok(quarantine::requeue(hq, tenant, &eid, node.clock.now())?)
    });
    let taken = taken.await?;
    call.app.wake.wake();
    Ok(Answer::ok(&Requeued { taken })?.respond("", ""))
}

async fn proposed(call: Call<ViewSync>, from: Query<From>) -> Response {
    headquarters(&call.app)?;
    let (after, registry) = (from.0.after()?, call.app.sync.registry.clone());
    call.read(|tx, _| -> Result<Answer, StoreError> {
        let (rows, next) = proposals::list(tx, after, MAX_LIMIT)?;
        let mut items = Vec::with_capacity(rows.len());
        for e in rows {
            let kind = crate::journal::change::decode(&e.value.blob)?.0.k;
            let record = registry.of(kind).map_or("record", |f| f.name);
            items.push(ProposalView {
                eid: hex(&e.pk),
                site: e.value.site,
                record,
                id: e.value.id,
                at: e.value.at,
            });
        }
        let next = next.map(|n| hex(&n));
        Ok(Answer { next: next.clone(), ..Answer::ok(&Proposals { items, next })? })
    })
}

async fn settle(call: Call<ManageSync>, path: Path<String>, decision: Body<Decision>) -> Response {
    headquarters(&call.app)?;
    let (eid, registry, text) = (eid_of(&path)?, call.app.sync.registry.clone(), path.into_inner());
    let word = if decision.0.accept { proposals::Word::Accept } else { proposals::Word::Decline };
    call.write(move |tx, _, cx| -> Result<Answer, Failed> {
        if !proposals::settle(tx, cx, &registry, &eid, word)? {
            return Err(Refusal::not_found("proposal", &text).into());
        }
        Ok(Answer::none())
    })
    .await
}

async fn list(call: Call<ViewSync>) -> Response {
    headquarters(&call.app)?;
    let (node, now) = (call.app.sync.clone(), call.app.clock.now());
    call.read(|tx, _| -> Result<Answer, StoreError> {
        let all = sites::all(tx)?;
        let views: Result<Vec<_>, _> = all.iter().map(|s| status::of_site(&node, tx, s, now)).collect();
        Answer::ok(&views?)
    })
}

/// Notes in the audit what was done to a depot.
fn noted(
    tx: &mut dyn crate::store::WriteTx,
    cx: &Cx,
    action: &'static str,
    number: u32,
) -> Result<(), StoreError> {
    let id = Id::derived(&[b"site", &number.to_be_bytes()]);
    let changed = vec![Changed::new("site", serde_json::Value::Null, number)];
    let entry = Entry { class: Class::Always, action, record: "site", id, event: None, changed };
    audit::note(tx, cx, &entry).map(drop)
}

/// Adds a depot to this headquarters and gives out the code by which it joins. Blocks.
///
/// # Errors
/// When this is no headquarters, or the name is no name.
pub fn add_site(
    node: &Node,
    tenant: Tenant,
    actor: Actor,
    now: Timestamp,
    name: String,
) -> Result<join::SiteCode, ApiError> {
    node.hq.as_ref().ok_or_else(no_hq)?;
    let made = node.store.write(tenant, crate::store::Lane::People, move |tx| {
        let site = sites::add(tx, &name)?;
        let cx = Cx::new(tx, &actor, now, "http")?;
        noted(tx, &cx, "site.added", site.number)?;
        Ok::<_, wire::Refusal>(site)
    });
    Ok(join::code(node, tenant, &made.wait()?)?)
}

async fn add(call: Call<ManageSync>, new: Body<NewSite>) -> Response {
    headquarters(&call.app)?;
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let (actor, now) = (call.grant.actor().clone(), call.app.clock.now());
    let name = new.0.name;
    let made = aside(move || add_site(&node, tenant, actor, now, name));
    Ok(Answer::created("/api/v1/sites".into(), &made.await?)?.respond("", ""))
}

fn known(tx: &dyn crate::store::ReadTx, number: u32) -> Result<sites::Site, Failed> {
    sites::site(tx, number)?.ok_or_else(|| Refusal::not_found("depot", number).into())
}

async fn code(call: Call<ManageSync>, path: Path<u32>) -> Response {
    headquarters(&call.app)?;
    let (node, tenant, number) = (call.app.sync.clone(), call.grant.tenant(), path.into_inner());
    let (actor, now) = (call.grant.actor().clone(), call.app.clock.now());
    let made = aside(move || {
        let site = node.store.write(tenant, crate::store::Lane::People, move |tx| -> Result<_, Failed> {
            let site = known(tx, number)?;
            let cx = Cx::new(tx, &actor, now, "http")?;
            noted(tx, &cx, "site.code_given", number)?;
            Ok(site)
        });
        Ok(join::code(&node, tenant, &site.wait()?)?)
    });
    Ok(Answer::created("/api/v1/sites".into(), &made.await?)?.respond("", ""))
}

async fn release(call: Call<ManageSync>, path: Path<u32>) -> Response {
    headquarters(&call.app)?;
    let number = path.into_inner();
    call.write(move |tx, _, cx| -> Result<Answer, Failed> {
        known(tx, number)?;
        session::release(tx, number)?;
        noted(tx, cx, "site.released", number)?;
        Ok(Answer::none())
    })
    .await
}

async fn revoke(call: Call<ManageSync>, path: Path<u32>) -> Response {
    headquarters(&call.app)?;
    let (node, tenant, number) = (call.app.sync.clone(), call.grant.tenant(), path.into_inner());
    let (actor, now) = (call.grant.actor().clone(), call.app.clock.now());
    aside(move || {
        let done = node.store.write(tenant, crate::store::Lane::People, move |tx| -> Result<_, Failed> {
            known(tx, number)?;
            let cx = Cx::new(tx, &actor, now, "http")?;
            Ok(noted(tx, &cx, "site.revoked", number)?)
        });
        done.wait()?;
        Ok(sites::revoke(&node.store, tenant, number)?)
    })
    .await?;
    Ok(Answer::none().respond("", ""))
}
