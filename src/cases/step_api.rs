//! The steps of cases over HTTP, one at a time and for many at once.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Deserializer, Serialize};

use super::api::{alone, id};
use super::model::Owner;
use super::rules::{CaseId, Command, Resolution, Step};
use super::service::{self, CaseError, Verdict};
use super::view::CaseView;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::identity::features::{BulkCases, Feature, ManageCases, WorkCases};
use crate::identity::grant::Grant;
use crate::identity::repo::USERS;
use crate::store::ReadTx;
use crate::web::{Answer, ApiError, Body, Call, Routes};

/// Adds the routes of steps.
#[must_use]
pub(super) fn add(routes: Routes) -> Routes {
    routes
        .add::<WorkCases, _, _>(Method::PATCH, "/cases/{id}", change, "Give a case to somebody, note on it")
        .body::<Patch>(r#"{"owner":"me","note":"called the shipper, no answer yet","version":1}"#)
        .answers::<CaseView>(200)
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
        .add::<ManageCases, _, _>(
            Method::POST,
            "/cases/{id}/merge",
            merge,
            "It is the same matter as another case",
        )
        .body::<Merge>(r#"{"into":"019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718"}"#)
        .answers::<CaseView>(200)
        .add::<BulkCases, _, _>(
            Method::POST,
            "/cases/bulk",
            bulk,
            "The same step for many cases, with a verdict for each",
        )
        .body::<Bulk>(
            r#"{"ids":["019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718"],"step":"resolve","resolution":"solved","atomic":false}"#,
        )
        .answers::<BulkAnswer>(200)
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
        for route in add(Routes::new("cases")).routes {
            let Some(example) = route.body.and_then(|b| b.example) else { continue };
            let good = match route.path {
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
}
