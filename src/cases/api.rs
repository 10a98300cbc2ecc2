//! Cases over HTTP. What a case is about is looked up here, because cases know nothing of parcels.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Deserializer, Serialize};

use super::model::{About, Case, Owner};
use super::reasons::Reason;
use super::repo::{self, Wanted, Which, Whose};
use super::rules::{CaseId, Command, Resolution, State, Step};
use super::service::{self, CaseError, Verdict};
use super::view::{CaseView, StepView};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use crate::identity::features::{BulkCases, Feature, ManageCases, ViewCases, WorkCases};
use crate::identity::grant::{Grant, Scope};
use crate::identity::repo::USERS;
use crate::parcels;
use crate::store::table::{cursor, position};
use crate::store::{ReadTx, StoreError};
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("cases")
        .add::<ViewCases, _, _>(Method::GET, "/cases", list, "Cases, open ones first and the most urgent of them before the others")
        .query(LIST_QUERY)
        .answers::<Page<CaseView>>(200)
        .add::<WorkCases, _, _>(Method::POST, "/cases", create, "Open a case by hand")
        .body::<NewCase>(r#"{"reason":"address_incomplete","detail":"the house number is missing"}"#)
        .answers::<CaseView>(201)
        .add::<ViewCases, _, _>(Method::GET, "/cases/{id}", show, "One case with its notes and the steps it can take")
        .answers::<CaseView>(200)
        .add::<WorkCases, _, _>(Method::PATCH, "/cases/{id}", change, "Give a case to somebody, note on it")
        .body::<Patch>(r#"{"owner":"me","note":"called the shipper, no answer yet","version":1}"#)
        .answers::<CaseView>(200)
        .add::<ViewCases, _, _>(Method::GET, "/cases/{id}/history", history, "Every step of a case, the newest first")
        .query(&[("limit", "rows of a page, 50 when absent, 500 at the most"), ("cursor", "where the page before ended")])
        .answers::<Page<StepView>>(200)
        .add::<WorkCases, _, _>(Method::POST, "/cases/{id}/acknowledge", acknowledge, "I have seen it")
        .answers::<CaseView>(200)
        .add::<WorkCases, _, _>(Method::POST, "/cases/{id}/start", start, "I work on it")
        .answers::<CaseView>(200)
        .add::<WorkCases, _, _>(Method::POST, "/cases/{id}/wait", wait, "Nothing to do until then")
        .body::<Wait>(r#"{"hours":16,"note":"the shipper is closed"}"#)
        .answers::<CaseView>(200)
        .add::<WorkCases, _, _>(Method::POST, "/cases/{id}/resolve", resolve, "It is done")
        .body::<Resolve>(r#"{"resolution":"solved","note":"the recipient gave the house number"}"#)
        .answers::<CaseView>(200)
        .add::<WorkCases, _, _>(Method::POST, "/cases/{id}/reopen", reopen, "It is not done after all")
        .body::<Reopen>(r#"{"reason":"the address is still wrong"}"#)
        .answers::<CaseView>(200)
        .add::<ManageCases, _, _>(Method::POST, "/cases/{id}/merge", merge, "It is the same matter as another case")
        .body::<Merge>(r#"{"into":"019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718"}"#)
        .answers::<CaseView>(200)
        .add::<BulkCases, _, _>(Method::POST, "/cases/bulk", bulk, "The same step for many cases, with a verdict for each")
        .body::<Bulk>(r#"{"ids":["019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718"],"step":"resolve","resolution":"solved","atomic":false}"#)
        .answers::<BulkAnswer>(200)
}

const LIST_QUERY: &[(&str, &str)] = &[
    (
        "state",
        "open, acknowledged, in_progress, waiting, resolved or merged; or active, closed; all when absent",
    ),
    ("reason", "a reason code such as address_incomplete"),
    ("owner", "me, none or a user's id"),
    ("subject", "a record's id or a parcel's number"),
    ("distributor", "a distributor's code"),
    ("overdue", "true: only those whose first action is overdue; false: only the others"),
    (
        "limit",
        "rows of a page, 50 when absent, 500 at the most; a page may hold fewer and still have a next one",
    ),
    ("cursor", "where the page before ended"),
];

/// What a list is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    state: Option<String>,
    reason: Option<Reason>,
    owner: Option<String>,
    subject: Option<String>,
    distributor: Option<String>,
    overdue: Option<bool>,
    limit: Option<usize>,
    cursor: Option<String>,
}

fn limit(asked: Option<usize>) -> Result<usize, Invalid> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        n if (1..=MAX_LIMIT).contains(&n) => Ok(n),
        n => Err(Invalid::at("?limit", format!("must be 1 to {MAX_LIMIT}, got {n}"))),
    }
}

/// The states that `state` names: one, `active`, `closed`, or all.
///
/// # Errors
/// When it names none.
pub(crate) fn which(state: Option<&str>) -> Result<Which, Invalid> {
    let named = |text: &str| State::ALL.into_iter().find(|s| s.to_string() == text);
    match state {
        None => Ok(Which::All),
        Some("active") => Ok(Which::Open),
        Some("closed") => Ok(Which::Closed),
        Some(text) => named(text).map(Which::In).ok_or_else(|| {
            Invalid::at(
                "?state",
                format!("\"{text}\" is no state; name one such as open or waiting, or active, or closed"),
            )
        }),
    }
}

fn whose(owner: &str, me: Id) -> Result<Whose, Invalid> {
    match owner {
        "me" => Ok(Whose::User(me)),
        "none" => Ok(Whose::Nobody),
        id => id
            .parse()
            .map(Whose::User)
            .map_err(|e| Invalid::at("?owner", format!("{e}; write me, none or a user's id"))),
    }
}

async fn list(call: Call<ViewCases>, query: Query<ListQuery>) -> Result<HttpResponse, ApiError> {
    let (q, now) = (query.0, call.app.clock.now());
    call.read(|tx, grant| {
        let mut wanted = Wanted {
            which: which(q.state.as_deref())?,
            reason: q.reason,
            owner: q.owner.as_deref().map(|o| whose(o, grant.actor().user)).transpose()?,
            distributor: q.distributor,
            overdue: q.overdue,
            subject: None,
        };
        let limit = limit(q.limit)?;
        if let Some(name) = &q.subject {
            let found = name.parse().ok().map_or_else(
                || Ok(parcel(tx, grant.scope(), name)?.map(|p| p.id)),
                |id| Ok::<_, StoreError>(Some(id)),
            );
            let Some(id) = found? else {
                return Ok(Answer::page(&Page::<CaseView> { items: Vec::new(), next: None })?);
            };
            wanted.subject = Some(id);
        }
        let (rows, next) = repo::list(tx, &service::reader(grant), &wanted, now, q.cursor.as_deref(), limit)?;
        let view = |case: &Case, rev| CaseView::of(case, rev, now, service::steps_of(grant, case));
        Ok::<_, CaseError>(Answer::page(&Page {
            items: rows.iter().map(|e| view(&e.value.state, e.rev)).collect(),
            next,
        })?)
    })
}

/// The parcel that `name`, an id or a number, means among those in `scope`.
fn parcel(tx: &dyn ReadTx, scope: &Scope, name: &str) -> Result<Option<About>, StoreError> {
    let found = parcels::repo::find(tx, scope, name)?;
    Ok(found.map(|(entry, _)| {
        let p = entry.value.state;
        About { kind: "parcel".into(), id: p.id.0, label: p.number, distributor: p.facts.distributor }
    }))
}

/// A case opened by hand.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCase {
    /// Why.
    reason: Reason,
    /// The parcel it is about, by id or number; about nothing on record when absent.
    subject: Option<String>,
    /// In words.
    #[serde(default)]
    detail: String,
}

async fn create(call: Call<WorkCases>, body: Body<NewCase>) -> Result<HttpResponse, ApiError> {
    let NewCase { reason, subject, detail } = body.0;
    call.write(move |tx, grant, cx| {
        let about = match &subject {
            Some(name) => {
                Some(parcel(tx, grant.scope(), name)?.ok_or_else(|| CaseError::NoSubject(name.clone()))?)
            }
            None => None,
        };
        let written = service::open(tx, grant, cx, reason, about, &detail)?;
        let view = alone(grant, &written.state, written.rev, cx.now);
        let at = format!("{}/cases/{}", crate::web::routes::BASE, written.state.id);
        Ok::<_, CaseError>(Answer::created(at, &view)?.rev(written.rev))
    })
    .await
}

fn alone<F: Feature>(grant: &Grant<F>, case: &Case, rev: u64, now: Timestamp) -> CaseView {
    CaseView::of(case, rev, now, service::steps_of(grant, case)).with_notes(case)
}

fn id(path: &str) -> Result<CaseId, CaseError> {
    path.parse().map_err(|_| CaseError::Unknown(path.to_owned()))
}

async fn show(call: Call<ViewCases>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let (id, now) = (id(&path)?, call.app.clock.now());
    call.read(|tx, grant| {
        let entry = service::find(tx, grant, id)?;
        Ok::<_, CaseError>(Answer::ok(&alone(grant, &entry.value.state, entry.rev, now))?.rev(entry.rev))
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn history(
    call: Call<ViewCases>,
    path: Path<String>,
    query: Query<HistoryQuery>,
) -> Result<HttpResponse, ApiError> {
    let (id, q) = (id(&path)?, query.0);
    call.read(|tx, grant| {
        let row = service::find(tx, grant, id)?.value;
        let at = match position(q.cursor.as_deref())? {
            Some(at) => u32::from_be_bytes(at.try_into().map_err(|_| StoreError::Cursor)?) as usize,
            None => 0,
        };
        let (limit, mut steps) = (limit(q.limit)?, service::taken(tx, &row)?);
        steps.reverse();
        let end = at.saturating_add(limit);
        let next = (end < steps.len()).then(|| u32::try_from(end).unwrap_or(u32::MAX).to_be_bytes().to_vec());
        let items: Vec<StepView> = steps.into_iter().skip(at).take(limit).map(StepView::from).collect();
        let next = next.as_ref().map(cursor).transpose()?;
        Ok::<_, CaseError>(Answer::page(&Page { items, next })?)
    })
}

/// Whose a case shall be.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(untagged, expecting = "must be \"me\", null, or a user as {\"id\": …}")]
enum NewOwner {
    /// The caller's.
    Me(Me),
    /// This user's.
    User {
        /// Who; a name that is sent along counts for nothing.
        id: Id,
    },
}

/// The caller.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Me {
    /// The caller.
    Me,
}

impl NewOwner {
    /// The user under the name they go by now.
    fn owner<F: Feature>(&self, tx: &dyn ReadTx, grant: &Grant<F>) -> Result<Owner, CaseError> {
        let id = match self {
            Self::User { id } if *id != grant.actor().user => *id,
            Self::Me(Me::Me) | Self::User { .. } => return Ok(service::oneself(grant)),
        };
        let user = USERS.get(tx, &id)?.and_then(|row| row.state.value).filter(|u| u.active && u.approved);
        let nobody = || Invalid::at("/owner", "is nobody who works here: GET /users lists who does");
        Ok(user.map(|u| Owner { id, name: u.name }).ok_or_else(nobody)?)
    }
}

/// What is to be changed about a case.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Patch {
    /// Whose it is from now on: "me", a user, or null for nobody's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<NewOwner>)]
    owner: Option<Option<NewOwner>>,
    /// To be remembered.
    note: Option<String>,
    /// The revision the caller has seen, in place of `If-Match`.
    version: Option<u64>,
}

/// Tells a null from a missing field.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

async fn change(
    call: Call<WorkCases>,
    path: Path<String>,
    body: Body<Patch>,
) -> Result<HttpResponse, ApiError> {
    let (id, Patch { owner, note, version }) = (id(&path)?, body.0);
    let expected = call.expected_rev(version)?;
    call.write(move |tx, grant, cx| {
        let mut commands = Vec::new();
        if let Some(owner) = &owner {
            let owner = owner.as_ref().map(|o| o.owner(tx, grant)).transpose()?;
            commands.push(Command::Assign { owner });
        }
        commands.extend(note.clone().map(|text| Command::Note { text }));
        let (case, rev) = service::change(tx, grant, cx, id, &commands, expected)?;
        Ok::<_, CaseError>(Answer::ok(&alone(grant, &case, rev, cx.now))?.rev(rev))
    })
    .await
}

/// One step of one case. A revision that was sent is obeyed, none is needed: the table of steps guards.
async fn take<F: Feature>(call: Call<F>, path: &str, command: Command) -> Result<HttpResponse, ApiError> {
    let (id, expected) = (id(path)?, call.if_match()?);
    call.write(move |tx, grant, cx| {
        let work = grant.principal().grant::<WorkCases>()?;
        let written = service::step(tx, &work, cx, id, &command, expected)?;
        Ok::<_, CaseError>(Answer::ok(&alone(grant, &written.state, written.rev, cx.now))?.rev(written.rev))
    })
    .await
}

async fn acknowledge(call: Call<WorkCases>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    take(call, &path, Command::Acknowledge).await
}

async fn start(call: Call<WorkCases>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    take(call, &path, Command::Start).await
}

/// Until when a case waits.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Wait {
    /// When it comes back to the desk.
    until: Option<Timestamp>,
    /// Or after how many hours.
    hours: Option<u32>,
    /// For what.
    #[serde(default)]
    note: String,
}

/// The end of a wait, from whichever way it was told.
fn end_of(until: Option<Timestamp>, hours: Option<u32>, now: Timestamp) -> Result<Timestamp, Invalid> {
    match (until, hours) {
        (Some(until), None) => Ok(until),
        (None, Some(hours)) => Ok(now.after(Duration::from_secs(u64::from(hours) * 3_600))),
        (Some(_), Some(_)) | (None, None) => Err(Invalid::at("/until", "is needed, or hours in its place")),
    }
}

async fn wait(call: Call<WorkCases>, path: Path<String>, body: Body<Wait>) -> Result<HttpResponse, ApiError> {
    let Wait { until, hours, note } = body.0;
    let until = end_of(until, hours, call.app.clock.now())?;
    take(call, &path, Command::Wait { until, note }).await
}

/// How a case ended.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Resolve {
    /// In a word.
    resolution: Resolution,
    /// What was done; needed with `other`.
    #[serde(default)]
    note: String,
}

async fn resolve(
    call: Call<WorkCases>,
    path: Path<String>,
    body: Body<Resolve>,
) -> Result<HttpResponse, ApiError> {
    let Resolve { resolution, note } = body.0;
    take(call, &path, Command::Resolve { resolution, note }).await
}

/// Why a case is not done.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Reopen {
    /// In words.
    reason: String,
}

async fn reopen(
    call: Call<WorkCases>,
    path: Path<String>,
    body: Body<Reopen>,
) -> Result<HttpResponse, ApiError> {
    take(call, &path, Command::Reopen { reason: body.0.reason }).await
}

/// Where a case lives on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Merge {
    /// The case that lives on; it must be open.
    into: CaseId,
}

async fn merge(
    call: Call<ManageCases>,
    path: Path<String>,
    body: Body<Merge>,
) -> Result<HttpResponse, ApiError> {
    take(call, &path, Command::Merge { into: body.0.into }).await
}

/// One step for many cases, with what that step needs.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Bulk {
    /// The cases, at most 500.
    ids: Vec<CaseId>,
    /// The step.
    step: Step,
    /// All of them or none.
    #[serde(default)]
    atomic: bool,
    /// For `wait`.
    until: Option<Timestamp>,
    /// For `wait`, in place of `until`.
    hours: Option<u32>,
    /// For `resolve`.
    resolution: Option<Resolution>,
    /// For `resolve` and `wait`; the text of `note`.
    note: Option<String>,
    /// For `reopen`.
    reason: Option<String>,
    /// For `merge`.
    into: Option<CaseId>,
    /// For `assign`; nobody's when absent.
    owner: Option<NewOwner>,
}

impl Bulk {
    fn command<F: Feature>(
        &self,
        tx: &dyn ReadTx,
        grant: &Grant<F>,
        now: Timestamp,
    ) -> Result<Command, CaseError> {
        let needed =
            |field: &str| Invalid::at(format!("/{field}"), format!("is needed with the step {}", self.step));
        let note = self.note.clone();
        Ok(match self.step {
            Step::Acknowledge => Command::Acknowledge,
            Step::Start => Command::Start,
            Step::Wait => {
                Command::Wait { until: end_of(self.until, self.hours, now)?, note: note.unwrap_or_default() }
            }
            Step::Resolve => Command::Resolve {
                resolution: self.resolution.ok_or_else(|| needed("resolution"))?,
                note: note.unwrap_or_default(),
            },
            Step::Reopen => Command::Reopen { reason: self.reason.clone().ok_or_else(|| needed("reason"))? },
            Step::Merge => Command::Merge { into: self.into.ok_or_else(|| needed("into"))? },
            Step::Assign => {
                let owner = self.owner.as_ref().map(|o| o.owner(tx, grant)).transpose()?;
                Command::Assign { owner }
            }
            Step::Note => Command::Note { text: note.ok_or_else(|| needed("note"))? },
        })
    }
}

/// What became of each case.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct BulkAnswer {
    /// How many took the step.
    done: usize,
    /// How many refused it.
    refused: usize,
    /// One verdict a case, in the order they were named.
    results: Vec<Verdict>,
}

async fn bulk(call: Call<BulkCases>, body: Body<Bulk>) -> Result<HttpResponse, ApiError> {
    let body = body.0;
    call.write(move |tx, grant, cx| {
        let command = body.command(tx, grant, cx.now)?;
        let results = service::bulk(tx, grant, cx, &body.ids, &command, body.atomic)?;
        let refused = results.iter().filter(|v| v.code.is_some()).count();
        Ok::<_, CaseError>(Answer::ok(&BulkAnswer { done: results.len() - refused, refused, results })?)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    #[test]
    fn every_example_is_a_valid_request() {
        fn reads<T: DeserializeOwned>(text: &str) -> bool {
            serde_json::from_str::<T>(text).is_ok()
        }
        for route in routes().routes {
            let Some(example) = route.body.and_then(|b| b.example) else { continue };
            let good = match route.path {
                "/cases" => reads::<NewCase>(example),
                "/cases/{id}" => reads::<Patch>(example),
                "/cases/{id}/wait" => reads::<Wait>(example),
                "/cases/{id}/resolve" => reads::<Resolve>(example),
                "/cases/{id}/reopen" => reads::<Reopen>(example),
                "/cases/{id}/merge" => reads::<Merge>(example),
                "/cases/bulk" => reads::<Bulk>(example),
                other => panic!("{other} has an example nobody reads"),
            };
            assert!(good, "{}", route.path);
        }
    }

    #[test]
    fn a_null_owner_is_not_a_missing_one() {
        let patch = |text| serde_json::from_str::<Patch>(text).unwrap().owner;
        assert!(patch("{}").is_none());
        assert!(matches!(patch(r#"{"owner":null}"#), Some(None)));
        assert!(matches!(patch(r#"{"owner":"me"}"#), Some(Some(NewOwner::Me(Me::Me)))));
        let id = Id::fresh();
        let other = patch(&format!(r#"{{"owner":{{"id":"{id}","name":"Ann"}}}}"#));
        assert!(matches!(other, Some(Some(NewOwner::User { id: of })) if of == id));
        let wrong = serde_json::from_str::<Patch>(r#"{"owner":"you"}"#).unwrap_err().to_string();
        assert!(wrong.contains("must be \"me\", null, or a user"), "{wrong}");
    }

    #[test]
    fn a_wait_is_told_as_a_time_or_as_hours_and_never_as_both() {
        let (now, hour) = (Timestamp::ZERO, Timestamp::from_millis(3_600_000));
        assert_eq!((end_of(Some(hour), None, now), end_of(None, Some(1), now)), (Ok(hour), Ok(hour)));
        assert!(end_of(None, None, now).is_err() && end_of(Some(hour), Some(1), now).is_err());
    }

    #[test]
    fn a_page_of_none_or_of_more_than_the_most_is_refused() {
        assert_eq!(limit(None), Ok(DEFAULT_LIMIT));
        assert_eq!(limit(Some(MAX_LIMIT)), Ok(MAX_LIMIT));
        assert!(limit(Some(0)).is_err() && limit(Some(MAX_LIMIT + 1)).is_err());
        assert!(which(Some("asleep")).unwrap_err().to_string().contains("no state"));
    }
}
