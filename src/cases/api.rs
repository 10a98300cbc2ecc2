//! Cases over HTTP: the queue, one case and its history. What a case is about is looked up here, because cases know
//! nothing of parcels.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::Deserialize;

use super::bulk::{self, NewBulk};
use super::filters::{self, Filter};
use super::model::{About, Case};
use super::reasons::{Fault, Group, Reason};
use super::repo::{self, Wanted, Which, Whose};
use super::rules::{CaseId, State};
use super::service::{self, CaseError};
use super::view::{CaseView, StepView};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use crate::deadlines::policy::Tier;
use crate::identity::features::{BulkCases, Feature, ViewCases, WorkCases};
use crate::identity::grant::{Grant, Scope};
use crate::journal::{Cx, Written};
use crate::parcels;
use crate::store::table::{cursor, position};
use crate::store::{ReadTx, StoreError, WriteTx};
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    let queue = Routes::new("cases")
        .add::<ViewCases, _, _>(
            Method::GET,
            "/cases",
            list,
            "Cases, open ones first and the most urgent of them before the others",
        )
        .query(LIST_QUERY)
        .answers::<Page<CaseView>>(200)
        .add::<WorkCases, _, _>(
            Method::POST,
            "/cases",
            create,
            "Open a case by hand, about one parcel or about none; with subjects, one case for many",
        )
        .body::<NewCase>(r#"{"reason":"address_incomplete","detail":"the house number is missing"}"#)
        .answers::<CaseView>(201)
        .add::<ViewCases, _, _>(
            Method::GET,
            "/cases/{id}",
            show,
            "One case with its notes and the steps it can take",
        )
        .answers::<CaseView>(200)
        .add::<ViewCases, _, _>(
            Method::GET,
            "/cases/{id}/history",
            history,
            "Every step of a case, the newest first",
        )
        .query(&[
            ("limit", "rows of a page, 50 when absent, 500 at the most"),
            ("cursor", "where the page before ended"),
        ])
        .answers::<Page<StepView>>(200);
    super::matter_api::add(super::step_api::add(queue))
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
    ("group", "a group of reasons such as address"),
    ("fault", "whose fault: shipper, carrier, depot, recipient, authority, nature or none"),
    ("escalated_to", "whom its last escalation went to: desk, supervisor or hq"),
    ("bulk", "true: only those about many parcels; false: only the others"),
    ("older_than_hours", "only those that began at least so many hours ago"),
    ("saved", "the name of a saved filter, which holds where the query says nothing"),
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
    group: Option<Group>,
    fault: Option<Fault>,
    escalated_to: Option<Tier>,
    owner: Option<String>,
    subject: Option<String>,
    distributor: Option<String>,
    overdue: Option<bool>,
    bulk: Option<bool>,
    older_than_hours: Option<u32>,
    saved: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) fn limit(asked: Option<usize>) -> Result<usize, Invalid> {
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

impl ListQuery {
    /// What the query says of the cases, with the saved filter it names.
    fn filter(&self, tx: &dyn ReadTx, me: Id) -> Result<Filter, CaseError> {
        let said = Filter {
            state: self.state.clone(),
            reason: self.reason,
            group: self.group,
            fault: self.fault,
            escalated_to: self.escalated_to,
            owner: self.owner.clone(),
            distributor: self.distributor.clone(),
            overdue: self.overdue,
            bulk: self.bulk,
            older_than_hours: self.older_than_hours,
        };
        let saved = self.saved.as_deref().map(|name| filters::named(tx, me, name)).transpose()?;
        Ok(said.or(saved.unwrap_or_default()))
    }
}

/// The rows that `filter` means for `me`.
pub(super) fn wanted(filter: &Filter, me: Id) -> Result<Wanted, Invalid> {
    let hours = |h: u32| Duration::from_secs(u64::from(h) * 3_600);
    Ok(Wanted {
        which: which(filter.state.as_deref())?,
        reason: filter.reason,
        owner: filter.owner.as_deref().map(|o| whose(o, me)).transpose()?,
        distributor: filter.distributor.clone(),
        overdue: filter.overdue,
        subject: None,
        group: filter.group,
        fault: filter.fault,
        tier: filter.escalated_to,
        bulk: filter.bulk,
        older_than: filter.older_than_hours.map(hours),
    })
}

async fn list(call: Call<ViewCases>, query: Query<ListQuery>) -> Result<HttpResponse, ApiError> {
    let (q, now) = (query.0, call.app.clock.now());
    call.read(|tx, grant| {
        let me = grant.actor().user;
        let mut wanted = wanted(&q.filter(tx, me)?, me)?;
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
pub(super) fn parcel(tx: &dyn ReadTx, scope: &Scope, name: &str) -> Result<Option<About>, StoreError> {
    let found = parcels::repo::find(tx, scope, name)?;
    Ok(found.map(|(entry, _)| {
        let p = entry.value.state;
        About { kind: "parcel".into(), id: p.id.0, label: p.number, distributor: p.facts.distributor }
    }))
}

/// A case opened by hand.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCase {
    /// Why.
    reason: Reason,
    /// The parcel it is about, by id or number; about nothing on record when absent.
    subject: Option<String>,
    /// The parcels of one case for many, by id or number, at most 2,000; in place of `subject`.
    subjects: Option<Vec<String>>,
    /// What people call a case for many: "storm, route 7". Needed with `subjects`.
    #[serde(default)]
    name: String,
    /// With `subjects`: merges the open cases that those parcels have for the same reason into this one.
    #[serde(default)]
    take_in: bool,
    /// In words.
    #[serde(default)]
    detail: String,
}

async fn create(call: Call<WorkCases>, body: Body<NewCase>) -> Result<HttpResponse, ApiError> {
    let new = body.0;
    call.write(move |tx, grant, cx| {
        let written = match (&new.subject, &new.subjects) {
            (Some(_), Some(_)) => {
                return Err(
                    Invalid::at("/subjects", "stands in place of subject; send one of the two").into()
                );
            }
            (None, Some(names)) => open_bulk(tx, grant, cx, &new, names)?,
            (Some(name), None) => {
                let about = parcel(tx, grant.scope(), name)?;
                let about = about.ok_or_else(|| CaseError::NoSubject(name.clone()))?;
                service::open(tx, grant, cx, new.reason, Some(about), &new.detail)?
            }
            (None, None) => service::open(tx, grant, cx, new.reason, None, &new.detail)?,
        };
        let view = alone(grant, &written.state, written.rev, cx.now);
        let at = format!("{}/cases/{}", crate::web::routes::BASE, written.state.id);
        Ok::<_, CaseError>(Answer::created(at, &view)?.rev(written.rev))
    })
    .await
}

fn open_bulk(
    tx: &mut dyn WriteTx,
    grant: &Grant<WorkCases>,
    cx: &Cx,
    new: &NewCase,
    names: &[String],
) -> Result<Written<Case>, CaseError> {
    let grant = grant.principal().grant::<BulkCases>()?;
    let bulk = NewBulk {
        reason: new.reason,
        name: new.name.clone(),
        detail: new.detail.clone(),
        parcels: parcels_named(tx, grant.scope(), "/subjects", names)?,
        takes_in: new.take_in,
    };
    Ok(bulk::open(tx, &grant, cx, &bulk)?.0)
}

/// The parcels that `names` mean, by id or number; each has to be there.
///
/// # Errors
/// More names than a bulk case may have, and names nobody knows, which are told of under `pointer`.
pub fn parcels_named(
    tx: &dyn ReadTx,
    scope: &Scope,
    pointer: &str,
    names: &[String],
) -> Result<Vec<Id>, CaseError> {
    if names.len() > bulk::MAX_PARCELS {
        let said = format!("names {} parcels; a case has {} at most", names.len(), bulk::MAX_PARCELS);
        return Err(Invalid::at(pointer, said).into());
    }
    let (mut ids, mut unknown) = (Vec::with_capacity(names.len()), Vec::new());
    for (n, name) in names.iter().enumerate() {
        match parcel(tx, scope, name)? {
            Some(about) => ids.push(about.id),
            None if unknown.len() < MAX_UNKNOWN => {
                unknown.push(Problem::new(format!("{pointer}/{n}"), format!("there is no parcel {name}")));
            }
            None => {}
        }
    }
    if unknown.is_empty() { Ok(ids) } else { Err(Invalid(unknown).into()) }
}

/// Unknown parcels of a list that are named in the refusal.
const MAX_UNKNOWN: usize = 50;

pub(super) fn alone<F: Feature>(grant: &Grant<F>, case: &Case, rev: u64, now: Timestamp) -> CaseView {
    CaseView::of(case, rev, now, service::steps_of(grant, case)).with_notes(case)
}

pub(super) fn id(path: &str) -> Result<CaseId, CaseError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_none_or_of_more_than_the_most_is_refused() {
        assert_eq!(limit(None), Ok(DEFAULT_LIMIT));
        assert_eq!(limit(Some(MAX_LIMIT)), Ok(MAX_LIMIT));
        assert!(limit(Some(0)).is_err() && limit(Some(MAX_LIMIT + 1)).is_err());
        assert!(which(Some("asleep")).unwrap_err().to_string().contains("no state"));
    }
}
