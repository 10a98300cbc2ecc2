//! The routes of stale limits: what was learned beside the default table, and what the tenant pins.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde::Serialize;
use utoipa::ToSchema;

use super::learn::LEARN;
use super::model::Status;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::learned::{self, LearnedLimit, Learning, MIN_SAMPLES};
use crate::deadlines::policy::{Policy, Word};
use crate::identity::features::{EditRules, ViewRules};
use crate::jobs::queue::{NewJob, enqueue};
use crate::settings::service::{self as settings, SettingsError};
use crate::store::{ReadTx, StoreError};
use crate::web::{Answer, ApiError, Body, Call, Routes};

type Response = Result<HttpResponse, ApiError>;

/// A status and how long a parcel may stay in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct StaleStatus {
    /// The status.
    pub status: Status,
    /// Working hours by the default table.
    pub default_hours: u32,
    /// The least a learned limit may be.
    pub least_hours: u32,
    /// The most.
    pub most_hours: u32,
    /// Working hours that hold for parcels of no particular carrier and service; absent when they never become stale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<u64>,
    /// Whose word that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Word>,
}

/// Stale limits: default, learned, pinned.
#[derive(Debug, Serialize, ToSchema)]
pub struct StaleLimits {
    /// Every status that can become stale.
    pub statuses: Vec<StaleStatus>,
    /// What was learned, by carrier and service too.
    pub learned: Vec<LearnedLimit>,
    /// When; absent before the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned_at: Option<Timestamp>,
    /// The least number of stays anything is learned from.
    pub min_samples: usize,
    /// What the tenant says of it.
    pub learning: Learning,
}

/// The job that learns.
#[derive(Debug, Serialize, ToSchema)]
pub struct LearningBegun {
    /// Its id.
    pub job: Id,
}

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("stale limits")
        .add::<ViewRules, _, _>(
            Method::GET,
            "/stale-limits",
            show,
            "How long parcels may stay in a status: by default, as learned, as pinned",
        )
        .answers::<StaleLimits>(200)
        .add::<EditRules, _, _>(
            Method::PUT,
            "/stale-limits",
            put,
            "Pin limits, choose the share they let pass, switch learned ones on or off",
        )
        .body::<Learning>(
            r#"{"on": true, "share_percent": 95, "pinned": [{"status": "in_transit", "carrier": "ups", "hours": 30}]}"#,
        )
        .answers::<StaleLimits>(200)
        .add::<EditRules, _, _>(Method::POST, "/stale-limits/learn", learn, "Learn now and not at night")
        .answers::<LearningBegun>(202)
}

fn shown(tx: &dyn ReadTx, rev: u64) -> Result<Answer, StoreError> {
    let policy = Policy::current(tx)?;
    let statuses = Status::ALL.into_iter().filter_map(|status| {
        let (default_hours, (least_hours, most_hours)) =
            (learned::usual(status.as_str())?, learned::bounds(status.as_str())?);
        let limit = policy.stale_limit(status.as_str(), None, None);
        let (hours, source) = (limit.map(|(d, _)| d.as_secs() / 3_600), limit.map(|(_, word)| word));
        Some(StaleStatus { status, default_hours, least_hours, most_hours, hours, source })
    });
    let view = StaleLimits {
        statuses: statuses.collect(),
        learned: policy.learned.limits.clone(),
        learned_at: policy.learned.at,
        min_samples: MIN_SAMPLES,
        learning: policy.learning.clone(),
    };
    Ok(Answer::ok(&view)?.rev(rev))
}

async fn show(call: Call<ViewRules>) -> Response {
    call.read(|tx, _| -> Result<_, StoreError> { shown(tx, settings::learning(tx)?.1) })
}

async fn put(call: Call<EditRules>, body: Body<Learning>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<_, SettingsError> {
        let rev = settings::put_learning(tx, grant, cx, body.0.clone(), seen)?;
        Ok(shown(tx, rev)?)
    })
    .await
}

async fn learn(call: Call<EditRules>) -> Response {
    call.write(move |tx, _, cx| -> Result<_, StoreError> {
        let job = enqueue(tx, cx.now, NewJob::new(LEARN, &())?)?;
        Answer::json(202, &LearningBegun { job })
    })
    .await
}
