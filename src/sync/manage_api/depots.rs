//! Headquarters' depots: added, let in, let go on, shut out.

use actix_web::web::Path;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::hq::session;
use super::super::node::Node;
use super::super::{join, sites, status, wire};
use super::{Failed, Response, aside, headquarters, no_hq};
use crate::audit::{self, Changed, Class, Entry};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::features::{ManageSync, ViewSync};
use crate::identity::grant::Actor;
use crate::journal::Cx;
use crate::store::{Lane, ReadTx, StoreError, Tenant, WriteTx};
use crate::web::error::Refusal;
use crate::web::{Answer, ApiError, Body, Call};

/// A depot to be added.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSite {
    /// Its name.
    name: String,
}

pub async fn list(call: Call<ViewSync>) -> Response {
    headquarters(&call.app)?;
    let (node, now) = (call.app.sync.clone(), call.app.clock.now());
    call.read(|tx, _| -> Result<Answer, StoreError> {
        let all = sites::all(tx)?;
        let views: Result<Vec<_>, _> = all.iter().map(|s| status::of_site(&node, tx, s, now)).collect();
        Answer::ok(&views?)
    })
}

/// Notes in the audit what was done to a depot.
pub(super) fn noted(
    tx: &mut dyn WriteTx,
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
    let made = node.store.write(tenant, Lane::People, move |tx| {
        let site = sites::add(tx, &name)?;
        let cx = Cx::new(tx, &actor, now, "http")?;
        noted(tx, &cx, "site.added", site.number)?;
        Ok::<_, wire::Refusal>(site)
    });
    Ok(join::code(node, tenant, &made.wait()?)?)
}

pub async fn add(call: Call<ManageSync>, new: Body<NewSite>) -> Response {
    headquarters(&call.app)?;
    let (node, tenant) = (call.app.sync.clone(), call.grant.tenant());
    let (actor, now) = (call.grant.actor().clone(), call.app.clock.now());
    let name = new.0.name;
    let made = aside(move || add_site(&node, tenant, actor, now, name));
    Ok(Answer::created("/api/v1/sites".into(), &made.await?)?.respond("", ""))
}

fn known(tx: &dyn ReadTx, number: u32) -> Result<sites::Site, Failed> {
    sites::site(tx, number)?.ok_or_else(|| Refusal::not_found("depot", number).into())
}

pub async fn code(call: Call<ManageSync>, path: Path<u32>) -> Response {
    headquarters(&call.app)?;
    let (node, tenant, number) = (call.app.sync.clone(), call.grant.tenant(), path.into_inner());
    let (actor, now) = (call.grant.actor().clone(), call.app.clock.now());
    let made = aside(move || {
        let site = node.store.write(tenant, Lane::People, move |tx| -> Result<_, Failed> {
            let site = known(tx, number)?;
            let cx = Cx::new(tx, &actor, now, "http")?;
            noted(tx, &cx, "site.code_given", number)?;
            Ok(site)
        });
        Ok(join::code(&node, tenant, &site.wait()?)?)
    });
    Ok(Answer::created("/api/v1/sites".into(), &made.await?)?.respond("", ""))
}

pub async fn release(call: Call<ManageSync>, path: Path<u32>) -> Response {
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

pub async fn revoke(call: Call<ManageSync>, path: Path<u32>) -> Response {
    headquarters(&call.app)?;
    let (node, tenant, number) = (call.app.sync.clone(), call.grant.tenant(), path.into_inner());
    let (actor, now) = (call.grant.actor().clone(), call.app.clock.now());
    aside(move || {
        let done = node.store.write(tenant, Lane::People, move |tx| -> Result<_, Failed> {
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
