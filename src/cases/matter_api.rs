//! What is said of cases beside their steps, over HTTP: their parcels, fault, cost and answers; a user's saved filters;
//! and the cases of one parcel.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};

use super::api::{alone, id, limit, parcels_named};
use super::filters::{self, Filter, Saved};
use super::model::{AnswerKind, Case};
use super::reasons::{Fault, Group, Reason};
use super::repo::{self, CASES, Wanted};
use super::rules::{CaseId, State};
use super::service::{self, CaseError};
use super::view::CaseView;
use super::{bulk, members};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::base::page::Page;
use crate::identity::features::{AnswerCases, BulkCases, Feature, ViewCases, ViewParcels, WorkCases};
use crate::identity::grant::Grant;
use crate::journal::{Cx, Written};
use crate::parcels;
use crate::parcels::error::ParcelError;
use crate::parcels::inputs::PlaceInput;
use crate::parcels::model::Status;
use crate::parcels::repo::PARCELS;
use crate::store::table::{cursor, position};
use crate::store::{StoreError, WriteTx};
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

/// Adds these routes.
#[must_use]
pub(super) fn add(routes: Routes) -> Routes {
    routes
        .add::<ViewCases, _, _>(Method::GET, "/cases/{id}/parcels", parcels_of, "The parcels a case is about")
        .query(&[
            ("limit", "rows of a page, 50 when absent, 500 at the most"),
            ("cursor", "where the page before ended"),
        ])
        .answers::<Page<ParcelLine>>(200)
        .add::<BulkCases, _, _>(
            Method::POST,
            "/cases/{id}/parcels",
            change_parcels,
            "Change which parcels a case for many is about",
        )
        .body::<ParcelsChange>(r#"{"add":["RR123456785NL"],"remove":[]}"#)
        .answers::<CaseView>(200)
        .add::<WorkCases, _, _>(Method::POST, "/cases/{id}/fault", blame, "Say whose doing it is")
        .body::<Blame>(r#"{"fault":"shipper"}"#)
        .answers::<CaseView>(200)
        .add::<WorkCases, _, _>(
            Method::POST,
            "/cases/{id}/costs",
            cost,
            "Book what it costs, on top of what it cost before",
        )
        .body::<Cost>(r#"{"amount":{"minor":1250,"currency":"EUR"},"what":"second delivery"}"#)
        .answers::<CaseView>(200)
        .add::<AnswerCases, _, _>(
            Method::POST,
            "/cases/{id}/answer",
            answer,
            "Say what is to be done about one's own parcel; a new address is taken over at once",
        )
        .body::<Answered>(r#"{"answer":"return","note":"the customer has cancelled"}"#)
        .answers::<CaseView>(200)
        .add::<ViewParcels, _, _>(
            Method::GET,
            "/parcels/{id}/cases",
            of_parcel,
            "The cases of a parcel, its own and those it shares with others",
        )
        .answers::<Page<CaseLine>>(200)
        .add::<ViewCases, _, _>(Method::GET, "/case-filters", saved, "One's own saved filters of the queue")
        .answers::<Vec<Saved>>(200)
        .add::<ViewCases, _, _>(Method::PUT, "/case-filters/{name}", save, "Save a filter under a name")
        .body::<Filter>(r#"{"state":"active","owner":"none","group":"address"}"#)
        .answers::<Saved>(200)
        .add::<ViewCases, _, _>(Method::DELETE, "/case-filters/{name}", forget, "Remove a saved filter")
        .status(204)
}

/// A parcel of a case, in a line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ParcelLine {
    /// Its id.
    id: Id,
    /// Its tracking number; absent while the parcel itself has not come to this node.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    distributor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paged {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn parcels_of(
    call: Call<ViewCases>,
    path: Path<String>,
    query: Query<Paged>,
) -> Result<HttpResponse, ApiError> {
    let (id, q) = (id(&path)?, query.0);
    call.read(|tx, grant| {
        let case = service::find(tx, grant, id)?.value.state;
        let (limit, all) = (limit(q.limit)?, case.about_parcels());
        let begin = match position(q.cursor.as_deref())? {
            Some(at) => {
                let last = Id::from_slice(&at).ok_or(StoreError::Cursor)?;
                all.partition_point(|id| *id <= last)
            }
            None => 0,
        };
        let page = &all[begin..all.len().min(begin + limit)];
        let mut items = Vec::with_capacity(page.len());
        for id in page {
            let row = PARCELS.get(tx, id)?.map(|row| row.state);
            let row = row.filter(|p| parcels::repo::visible(grant.scope(), p));
            let (tracking_number, status, distributor) =
                row.map_or((None, None, None), |p| (Some(p.number), Some(p.status), p.facts.distributor));
            items.push(ParcelLine { id: *id, tracking_number, status, distributor });
        }
        let more = begin + page.len() < all.len();
        let next = page.last().filter(|_| more).map(|id| cursor(&id.0.to_vec())).transpose()?;
        Ok::<_, CaseError>(Answer::page(&Page { items, next })?)
    })
}

/// Which parcels come to a case and which leave it, by id or number.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ParcelsChange {
    /// Those that come.
    #[serde(default)]
    add: Vec<String>,
    /// Those that leave.
    #[serde(default)]
    remove: Vec<String>,
}

async fn change_parcels(
    call: Call<BulkCases>,
    path: Path<String>,
    body: Body<ParcelsChange>,
) -> Result<HttpResponse, ApiError> {
    let (id, ParcelsChange { add, remove }) = (id(&path)?, body.0);
    told(call, move |tx, grant, cx| {
        service::find(tx, grant, id)?;
        let add = parcels_named(tx, grant.scope(), "/add", &add)?;
        let remove = parcels_named(tx, grant.scope(), "/remove", &remove)?;
        bulk::change(tx, grant, cx, id, &add, &remove)
    })
    .await
}

/// Runs `f` and answers the case as it is then.
async fn told<F: Feature>(
    call: Call<F>,
    f: impl Fn(&mut dyn WriteTx, &Grant<F>, &Cx) -> Result<Written<Case>, CaseError> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    call.write(move |tx, grant, cx| {
        let Written { state, rev, .. } = f(tx, grant, cx)?;
        Ok::<_, CaseError>(Answer::ok(&alone(grant, &state, rev, cx.now))?.rev(rev))
    })
    .await
}

/// Whose doing a case is.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Blame {
    /// Whose.
    fault: Fault,
}

async fn blame(
    call: Call<WorkCases>,
    path: Path<String>,
    body: Body<Blame>,
) -> Result<HttpResponse, ApiError> {
    let (id, fault) = (id(&path)?, body.0.fault);
    told(call, move |tx, grant, cx| bulk::blame(tx, grant, cx, id, fault)).await
}

/// What a case costs.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Cost {
    /// How much, in minor units; less than nothing takes back.
    amount: Money,
    /// For what.
    #[serde(default)]
    what: String,
}

async fn cost(call: Call<WorkCases>, path: Path<String>, body: Body<Cost>) -> Result<HttpResponse, ApiError> {
    let (id, Cost { amount, what }) = (id(&path)?, body.0);
    told(call, move |tx, grant, cx| bulk::cost(tx, grant, cx, id, &amount, &what)).await
}

/// An answer.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Answered {
    /// What is to be done.
    answer: AnswerKind,
    /// The new address; needed with `new_address`.
    to: Option<PlaceInput>,
    /// In words; needed with `other`.
    #[serde(default)]
    note: String,
}

async fn answer(
    call: Call<AnswerCases>,
    path: Path<String>,
    body: Body<Answered>,
) -> Result<HttpResponse, ApiError> {
    let (id, Answered { answer, to, note }) = (id(&path)?, body.0);
    told(call, move |tx, grant, cx| answered(tx, grant, cx, id, answer, to.clone(), &note)).await
}

/// Notes the answer and, with a new address, describes the parcel anew: both or neither.
///
/// # Errors
/// When there is no such case for the caller, or the answer makes no sense for it.
pub fn answered(
    tx: &mut dyn WriteTx,
    grant: &Grant<AnswerCases>,
    cx: &Cx,
    id: CaseId,
    answer: AnswerKind,
    to: Option<PlaceInput>,
    note: &str,
) -> Result<Written<Case>, CaseError> {
    let case = service::find(tx, grant, id)?.value.state;
    match (answer, to) {
        (AnswerKind::NewAddress, Some(to)) => {
            let [parcel] = case.about_parcels() else {
                return Err(Invalid::at(
                    "/to",
                    "the case is not about one parcel that could have an address",
                )
                .into());
            };
            let redirected = parcels::service::redirect(tx, grant, cx, *parcel, to.place("/to")?);
            redirected.map_err(|e| match e {
                ParcelError::Store(e) => CaseError::Store(e),
                ParcelError::Invalid(e) => CaseError::Invalid(e),
                _ => CaseError::NoSubject(case.subject.label.clone()),
            })?;
        }
        (AnswerKind::NewAddress, None) => return Err(Invalid::at("/to", "is needed with new_address").into()),
        (_, Some(_)) => return Err(Invalid::at("/to", "goes with new_address alone").into()),
        (_, None) => {}
    }
    bulk::answer(tx, grant, cx, id, answer, note)
}

/// A case of a parcel, in a line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CaseLine {
    /// The case.
    id: CaseId,
    /// Why.
    reason: Reason,
    /// What the reason is about.
    group: Group,
    /// Where it stands.
    state: State,
    /// Whether it is about many parcels.
    bulk: bool,
    /// What people call it; for those who may see the case itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// In words; for those who may see the case itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// When the matter began.
    opened_at: Timestamp,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Timestamp>,
}

/// Cases of one parcel's own that are shown.
const MAX_OWN: usize = 100;

async fn of_parcel(call: Call<ViewParcels>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let now = call.app.clock.now();
    call.read(|tx, grant| {
        let (parcel, _) = parcels::service::find(tx, grant.scope(), &path)?;
        let parcel = parcel.value.state.id.0;
        // Whoever may see the parcel may see that it has cases; what stands in them only who may see those.
        let reader = service::reader(grant);
        let sees = |c: &Case| grant.principal().grant::<ViewCases>().is_ok() && reader.sees(c);
        let house = repo::Reader { scope: &crate::identity::grant::Scope::Tenant, actor: grant.actor() };
        let wanted = Wanted { subject: Some(parcel), ..Wanted::default() };
        let (own, _) = repo::list(tx, &house, &wanted, now, None, MAX_OWN)?;
        let mut cases: Vec<Case> = Vec::new();
        for id in members::of(tx, parcel)? {
            cases.extend(CASES.get(tx, &id.0)?.map(|row| row.state));
        }
        cases.sort_by_key(|c| !c.state.is_open());
        cases.extend(own.into_iter().map(|e| e.value.state));
        let items = cases.iter().map(|c| CaseLine::of(c, sees(c))).collect();
        Ok::<_, ParcelError>(Answer::ok(&Page { items, next: None })?)
    })
}

impl CaseLine {
    fn of(case: &Case, whole: bool) -> Self {
        Self {
            id: case.id,
            reason: case.reason,
            group: case.reason.rule().group,
            state: case.state,
            bulk: case.is_bulk(),
            name: (whole && case.is_bulk()).then(|| case.subject.label.clone()),
            detail: whole.then(|| case.detail.clone()),
            opened_at: case.opened_at,
            closed_at: case.closed_at(),
        }
    }
}

async fn saved(call: Call<ViewCases>) -> Result<HttpResponse, ApiError> {
    call.read(|tx, grant| Ok::<_, CaseError>(Answer::ok(&filters::all(tx, grant.actor().user)?)?))
}

async fn save(
    call: Call<ViewCases>,
    name: Path<String>,
    body: Body<Filter>,
) -> Result<HttpResponse, ApiError> {
    let new = Saved { name: name.into_inner(), filter: body.0 };
    call.write(move |tx, grant, _| {
        super::api::wanted(&new.filter, grant.actor().user)?;
        filters::save(tx, grant.actor().user, &new)?;
        Ok::<_, CaseError>(Answer::ok(&new)?)
    })
    .await
}

async fn forget(call: Call<ViewCases>, name: Path<String>) -> Result<HttpResponse, ApiError> {
    call.write(move |tx, grant, _| {
        filters::remove(tx, grant.actor().user, &name)?;
        Ok::<_, CaseError>(Answer::none())
    })
    .await
}
