//! What waits for a person at headquarters: changes that were set aside, and what depots would like to have.

use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::hq::tables::Aside;
use super::super::hq::{proposals, quarantine};
use super::{Failed, Response, aside, headquarters, no_hq};
use crate::base::clock::Timestamp;
use crate::base::error::Kind;
use crate::base::ids::Id;
use crate::base::page::MAX_LIMIT;
use crate::identity::features::{ManageSync, ViewSync};
use crate::store::StoreError;
use crate::store::table::Entry;
use crate::web::call::Query;
use crate::web::error::Refusal;
use crate::web::{Answer, Body, Call};

/// Headquarters' word on a proposal.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// So be it everywhere; else it stays as it is.
    accept: bool,
}

/// A change that was set aside.
#[derive(Serialize, ToSchema)]
pub struct AsideView {
    eid: String,
    site: u32,
    id: Id,
    code: String,
    message: String,
    at: Timestamp,
}

/// A proposal of a depot.
#[derive(Serialize, ToSchema)]
pub struct ProposalView {
    eid: String,
    site: u32,
    record: &'static str,
    id: Id,
    at: Timestamp,
}

/// A page of what was set aside.
#[derive(Serialize, ToSchema)]
pub struct Asides {
    items: Vec<AsideView>,
    /// The `cursor` of the next page.
    next: Option<String>,
}

/// A page of proposals.
#[derive(Serialize, ToSchema)]
pub struct Proposals {
    items: Vec<ProposalView>,
    /// The `cursor` of the next page.
    next: Option<String>,
}

/// Whether it was taken in now.
#[derive(Serialize, ToSchema)]
pub struct Requeued {
    taken: bool,
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
pub struct From {
    cursor: Option<String>,
}

impl From {
    fn after(self) -> Result<Option<Vec<u8>>, Refusal> {
        let bad = || Refusal::new(Kind::Invalid, "request.cursor", "the cursor is none of ours; begin anew");
        self.cursor.map(|c| unhex(&c).ok_or_else(bad)).transpose()
    }
}

pub async fn set_aside(call: Call<ViewSync>, from: Query<From>) -> Response {
    headquarters(&call.app)?;
    let after = from.0.after()?;
    call.read(|tx, _| -> Result<Answer, StoreError> {
        let (rows, next) = quarantine::list(tx, after, MAX_LIMIT)?;
        let view = |e: Entry<Aside>| {
            let (eid, a) = (hex(&e.pk), e.value);
            AsideView { eid, site: a.site, id: a.id, code: a.code, message: a.msg, at: a.at }
        };
        let (items, next) = (rows.into_iter().map(view).collect(), next.map(|n| hex(&n)));
        Ok(Answer { next: next.clone(), ..Answer::ok(&Asides { items, next })? })
    })
}

pub async fn requeue(call: Call<ManageSync>, path: Path<String>) -> Response {
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

pub async fn proposed(call: Call<ViewSync>, from: Query<From>) -> Response {
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

pub async fn settle(call: Call<ManageSync>, path: Path<String>, decision: Body<Decision>) -> Response {
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
