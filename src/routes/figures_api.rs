//! The routes of figures on routes.

use actix_web::HttpResponse;
use actix_web::http::Method;
use jiff::civil::Date;
use serde::Deserialize;

use super::error::{Result, RouteError};
use super::figures::{self, Figures};
use super::service;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::deadlines::policy::Policy;
use crate::identity::features::{Feature, ViewOwnAnalytics, ViewRouteAnalytics};
use crate::web::{Answer, ApiError, Call, Query, Routes};

type Response = std::result::Result<HttpResponse, ApiError>;

const DAYS: &[(&str, &str)] = &[
    ("from", "the first day, such as 2026-11-01; four weeks before to when absent"),
    ("to", "the last day; today when absent; 92 days at the most"),
];

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("routes")
        .add::<ViewRouteAnalytics, _, _>(
            Method::GET,
            "/analytics/routes",
            all,
            "Figures on routes by day and driver: counts, distance, duration, efficiency",
        )
        .query(DAYS)
        .answers::<Figures>(200)
        .add::<ViewOwnAnalytics, _, _>(Method::GET, "/analytics/me", own, "The same of one's own routes")
        .query(DAYS)
        .answers::<Figures>(200)
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: Option<String>,
    to: Option<String>,
}

fn day(name: &str, said: Option<&String>) -> std::result::Result<Option<Date>, Invalid> {
    let wrong = |_| Invalid::at(name, "is a day such as 2026-11-24");
    said.map(|s| s.parse().map_err(wrong)).transpose()
}

fn answer<F: Feature>(call: &Call<F>, asked: &Asked, user: Option<Id>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, _| -> Result<Answer> {
        let today = now.civil(Policy::current(tx)?.calendar.zone()).date();
        let to = day("?to", asked.to.as_ref())?.unwrap_or(today);
        let from = day("?from", asked.from.as_ref())?;
        let from = from.unwrap_or_else(|| to.saturating_sub(jiff::Span::new().days(27)));
        let days = figures::span(from, to)?;
        Ok(Answer::ok(&figures::count(tx, days, user).map_err(RouteError::from)?)?)
    })
}

#[allow(clippy::unused_async)] // the form of a handler
async fn all(call: Call<ViewRouteAnalytics>, asked: Query<Asked>) -> Response {
    service::whole(&call.grant)?;
    answer(&call, &asked.0, None)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn own(call: Call<ViewOwnAnalytics>, asked: Query<Asked>) -> Response {
    answer(&call, &asked.0, Some(call.principal().actor.user))
}
