//! The route that says how foretelling does.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde::Serialize;
use utoipa::ToSchema;

use super::predictor::Basis;
use super::{outlook, service};
use crate::base::clock::Timestamp;
use crate::identity::features::ViewTracking;
use crate::store::StoreError;
use crate::web::{Answer, ApiError, Call, Routes};

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("eta")
        .add::<ViewTracking, _, _>(Method::GET, "/eta/standing", standing, "How well arrivals are foretold")
        .answers::<StandingView>(200)
}

/// How well arrivals are foretold.
#[derive(Serialize, ToSchema)]
struct StandingView {
    /// What answers for legs.
    basis: Basis,
    /// Legs it was learned from.
    legs: usize,
    /// When.
    learned_at: Timestamp,
    /// Its mean absolute error in seconds over legs it had not seen; absent before there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_s: Option<f32>,
    /// Arrivals of the last week.
    arrivals: u32,
    /// Those within their range of 90 %.
    within: u32,
    /// How last week's lists of parcels likely to be late did.
    parcels: outlook::LastWeek,
}

async fn standing(call: Call<ViewTracking>) -> Result<HttpResponse, ApiError> {
    let now = call.app.clock.now();
    call.read(|tx, _| -> Result<Answer, StoreError> {
        let (predictor, standing) = (call.app.predictors.current(tx)?, service::standing(tx)?);
        let (arrivals, within) = standing.days.week(now);
        Answer::ok(&StandingView {
            basis: predictor.basis(),
            legs: predictor.legs,
            learned_at: predictor.learned_at,
            error_s: predictor.error_s,
            arrivals,
            within,
            parcels: outlook::last_week(tx, now)?,
        })
    })
}
