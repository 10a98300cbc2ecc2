//! The routes of persons' data.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::{self, Path};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::PrivacyError;
use super::export::{self, Export};
use super::find::{self, Answer as Found, Query};
use super::model::Subject;
use super::service::{self, ErasureView, HoldView};
use crate::attachments::vault::Vault;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use crate::identity::features::ManagePrivacy;
use crate::journal::Cx;
use crate::store::{Lane, StoreError, WriteTx};
use crate::sync::registry::Registry;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call};

type Response = Result<HttpResponse, ApiError>;

const PERSON: &str = r#"{"name":"Ana Prado","email":"ana@example.com"}"#;
const TAKEN: &str = r#"{"query":{"email":"nobody.at.all@example.com","name":"Nobody At All"}}"#;
const ASKED: &str = r#"{"query":{"email":"nobody.at.all@example.com"},"reason":"letter of 3 May"}"#;

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("privacy")
        .add::<ManagePrivacy, _, _>(
            Method::POST,
            "/privacy/find",
            persons,
            "Find a person by name, phone, e-mail, address or reference; a POST, so that no log holds who was looked for",
        )
        .body::<Query>(PERSON)
        .answers::<Found>(200)
        .add::<ManagePrivacy, _, _>(
            Method::POST,
            "/privacy/export",
            taken_out,
            "All that is held in these records, with their history, cases and documents",
        )
        .body::<Wanted>(TAKEN)
        .answers::<Export>(200)
        .add::<ManagePrivacy, _, _>(
            Method::POST,
            "/privacy/erase",
            ask,
            "Ask for the erasure of a person from these records and all that belongs to them; somebody else confirms it",
        )
        .body::<Erase>(ASKED)
        .answers::<ErasureView>(201)
        .add::<ManagePrivacy, _, _>(Method::GET, "/privacy/erasures", list, "Erasures, newest first")
        .query(&[("cursor", "where the page before ended"), ("limit", "rows; 50 when absent, at most 500")])
        .answers::<Page<ErasureView>>(200)
        .add::<ManagePrivacy, _, _>(Method::GET, "/privacy/erasures/{id}", show, "One erasure, and which nodes have carried it out")
        .answers::<ErasureView>(200)
        .add::<ManagePrivacy, _, _>(
            Method::POST,
            "/privacy/erasures/{id}/confirm",
            confirm,
            "Confirm what somebody else asked for: it is carried out at every node and can't be taken back",
        )
        .answers::<ErasureView>(200)
        .add::<ManagePrivacy, _, _>(Method::POST, "/privacy/erasures/{id}/refuse", refuse, "Refuse an erasure, or take one's own back")
        .body::<Reason>(r#"{"reason":"the parcel is under claim"}"#)
        .answers::<ErasureView>(200)
        .add::<ManagePrivacy, _, _>(Method::GET, "/privacy/holds", holds, "Records under legal hold")
        .answers::<Vec<HoldView>>(200)
        .add::<ManagePrivacy, _, _>(Method::POST, "/privacy/holds", hold, "Put a record under legal hold: it is not erased")
        .body::<NewHold>(r#"{"kind":"parcel","id":"019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718","reason":"claim 17"}"#)
        .answers::<HoldView>(201)
        .add::<ManagePrivacy, _, _>(Method::DELETE, "/privacy/holds/{id}", lift, "Lift a legal hold")
        .status(204)
}

/// Which records: those named, or all that a search shows.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PersonalRecords)]
pub struct Wanted {
    /// These, as a search shows them.
    pub subjects: Vec<Subject>,
    /// All that this finds.
    pub query: Option<Query>,
}

/// What is to be erased.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = NewErasure)]
struct Erase {
    /// These records, as a search shows them.
    subjects: Vec<Subject>,
    /// All records that this finds.
    query: Option<Query>,
    /// Why, such as the letter it was asked for with. Not who.
    reason: String,
}

/// Why.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RefusalReason)]
struct Reason {
    reason: String,
}

/// A record that must stay.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewHold)]
struct NewHold {
    /// The kind of record, such as `parcel`.
    kind: String,
    /// Which.
    id: Id,
    /// Why: the claim, the case.
    reason: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Listed {
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Does what takes long where it holds up nobody.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PrivacyError> + Send + 'static,
) -> Result<T, ApiError> {
    Ok(web::block(work).await.map_err(|_| StoreError::Closed)??)
}

async fn noted(
    call: &Call<ManagePrivacy>,
    action: &'static str,
    records: usize,
    ids: Vec<Id>,
) -> Result<(), ApiError> {
    let (actor, now) = (call.grant.actor().clone(), call.app.clock.now());
    let write = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
        let cx = Cx::new(tx, &actor, now, "http")?;
        service::note(tx, &cx, action, records, &ids)
    };
    Ok(call.app.store.write(call.grant.tenant(), Lane::People, write).await?)
}

async fn persons(call: Call<ManagePrivacy>, query: Body<Query>) -> Response {
    service::whole(&call.grant)?;
    let (store, tenant) = (call.app.store.clone(), call.grant.tenant());
    let found = aside(move || find::persons(&store, tenant, &Registry::standard(), &query.0)).await?;
    let ids = found.items.iter().map(|f| f.subject.id).collect();
    noted(&call, "privacy.searched", found.items.len(), ids).await?;
    Ok(Answer::ok(&found)?.respond("", ""))
}

/// The records that are meant, with what belongs to them.
async fn meant(
    call: &Call<ManagePrivacy>,
    subjects: Vec<Subject>,
    query: Option<Query>,
) -> Result<Vec<Subject>, ApiError> {
    service::whole(&call.grant)?;
    let (store, tenant) = (call.app.store.clone(), call.grant.tenant());
    aside(move || find::meant(&store, tenant, &Registry::standard(), subjects, query.as_ref())).await
}

async fn taken_out(call: Call<ManagePrivacy>, wanted: Body<Wanted>) -> Response {
    let Wanted { subjects, query } = wanted.0;
    let all = meant(&call, subjects, query).await?;
    let (store, tenant, now) = (call.app.store.clone(), call.grant.tenant(), call.app.clock.now());
    let vault = Vault::under(&call.app.folder);
    let ids: Vec<Id> = all.iter().map(|s| s.id).collect();
    let export = aside(move || {
        let registry = Registry::standard();
        store.read(tenant, |tx| service::checked(tx, &registry, &all))?;
        Ok(export::of(&store, tenant, &registry, &vault, &all, now)?)
    })
    .await?;
    noted(&call, "privacy.exported", export.items.len(), ids).await?;
    let mut response = Answer::ok(&export)?.respond("", "");
    let headers = response.headers_mut();
    headers.insert(
        actix_web::http::header::CONTENT_DISPOSITION,
        actix_web::http::header::HeaderValue::from_static("attachment; filename=\"person.json\""),
    );
    Ok(response)
}

async fn ask(call: Call<ManagePrivacy>, erase: Body<Erase>) -> Response {
    if let Some(answer) = call.replayed()? {
        return Ok(answer);
    }
    let Erase { subjects, query, reason } = erase.0;
    let all = meant(&call, subjects, query).await?;
    call.write(move |tx, grant, cx| -> Result<Answer, PrivacyError> {
        let made = service::ask(tx, grant, cx, &Registry::standard(), all.clone(), &reason)?;
        Ok(Answer::created(format!("/api/v1/privacy/erasures/{}", made.id), &made)?)
    })
    .await
}

async fn list(call: Call<ManagePrivacy>, listed: web::Query<Listed>) -> Response {
    let limit = listed.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Invalid::at("?limit", format!("is {limit}; 1 to {MAX_LIMIT} rows are given")).into());
    }
    call.read(|tx, _| -> Result<Answer, PrivacyError> {
        Ok(Answer::page(&service::list(tx, &Registry::standard(), listed.cursor.as_deref(), limit)?)?)
    })
}

async fn show(call: Call<ManagePrivacy>, id: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, PrivacyError> {
        Ok(Answer::ok(&service::show(tx, &Registry::standard(), &id)?)?)
    })
}

async fn confirm(call: Call<ManagePrivacy>, id: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, PrivacyError> {
        Ok(Answer::ok(&service::confirm(tx, grant, cx, &Registry::standard(), &id)?)?)
    })
    .await
}

async fn refuse(call: Call<ManagePrivacy>, id: Path<String>, why: Body<Reason>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, PrivacyError> {
        Ok(Answer::ok(&service::refuse(tx, grant, cx, &Registry::standard(), &id, &why.0.reason)?)?)
    })
    .await
}

async fn holds(call: Call<ManagePrivacy>) -> Response {
    call.read(|tx, _| -> Result<Answer, PrivacyError> { Ok(Answer::ok(&service::holds(tx)?)?) })
}

async fn hold(call: Call<ManagePrivacy>, new: Body<NewHold>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, PrivacyError> {
        let NewHold { kind, id, reason } = &new.0;
        let made = service::hold(tx, grant, cx, &Registry::standard(), (kind, *id), reason)?;
        Ok(Answer::created(format!("/api/v1/privacy/holds/{}", made.id), &made)?)
    })
    .await
}

async fn lift(call: Call<ManagePrivacy>, id: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, PrivacyError> {
        let key: Id = id.parse().map_err(|_| {
            PrivacyError::NoRecord(format!(
                "legal hold on {}",
                crate::base::text::clipped(id.to_string(), 80)
            ))
        })?;
        service::lift(tx, grant, cx, key)?;
        Ok(Answer::none())
    })
    .await
}
