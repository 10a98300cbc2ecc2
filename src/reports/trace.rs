//! From a number to its parcels: the very question a figure was counted by, asked again and answered with names.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::engine::{Asked, Pass};
use super::error::ReportError;
use super::item::Item;
use super::measure::Measure;
use super::model::Definition;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use crate::parcels::model::Status;
use crate::store::table::{cursor, position};

/// Rows looked at for one page: a page may hold fewer than were asked for, and still have a next one.
const LOOK_AT: usize = 20_000;
/// Rows read in one snapshot.
const AT_ONCE: usize = 200;

/// Which number is to be traced.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The report, as in its table.
    pub definition: Definition,
    /// The line's key; the whole table when absent.
    pub key: Option<Vec<String>>,
    /// The figure.
    pub measure: Measure,
    /// Rows of a page, 50 when absent, 500 at the most.
    pub limit: Option<usize>,
    /// From the page before.
    pub cursor: Option<String>,
}

/// One of those that were counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Traced {
    /// The parcel; absent for an exception about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parcel: Option<Id>,
    /// Its tracking number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The case, of an exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<Id>,
    /// What it adds to the figure: 1 where it is counted, seconds, grams; of a share 1 when it is of the part.
    pub value: i64,
}

/// A page of what one number was counted from.
///
/// # Errors
/// A key or figure that is none of the report's, a wrong limit or cursor; storage failures.
pub fn trace(asked: &Asked, q: &Question) -> Result<Page<Traced>, ReportError> {
    let pass = Pass::new(asked, &q.definition)?;
    let (by, measure) = (q.definition.groups(), q.measure);
    if !q.definition.kind.measures().contains(&measure) {
        let said = format!("{} is no figure of {}", measure.code(), q.definition.kind.as_str());
        return Err(Invalid::at("/measure", said).into());
    }
    if q.key.as_ref().is_some_and(|key| key.len() != by.len()) {
        let said = format!("needs {} values, one for each dimension", by.len());
        return Err(Invalid::at("/key", said).into());
    }
    let limit = q.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Invalid::at("/limit", format!("must be 1 to {MAX_LIMIT}, got {limit}")).into());
    }
    let at = pass.at();
    let wanted = |item: &Item<'_>| -> Option<i64> {
        let here = q.key.as_ref().is_none_or(|key| by.iter().zip(key).all(|(d, k)| d.key(item, &at) == *k));
        if here { measure.value(item, &at) } else { None }
    };
    let (mut items, mut looked) = (Vec::new(), 0);
    let mut after = position(q.cursor.as_deref())?;
    loop {
        // One row may make many items: a page ends with the row, so that the next begins with the next.
        let room = limit.saturating_sub(items.len()).clamp(1, AT_ONCE);
        after = asked.store.read(asked.tenant, |tx| {
            pass.page(tx, after.take(), room, &mut |id, item| {
                if let Some(value) = wanted(item) {
                    items.push(traced(id, item, value));
                }
            })
        })?;
        looked += room;
        if after.is_none() || items.len() >= limit || looked >= LOOK_AT {
            return Ok(Page { items, next: after.as_ref().map(cursor).transpose()? });
        }
    }
}

fn traced(id: Id, item: &Item<'_>, value: i64) -> Traced {
    let parcel = item.parcel;
    Traced {
        parcel: parcel.map(|p| p.id.0),
        tracking_number: parcel.map(|p| p.number.clone()),
        status: parcel.map(|p| p.status),
        case: item.case.map(|_| id),
        value,
    }
}
