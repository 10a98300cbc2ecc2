//! The routes of conditions, and how the map server and the weather service do.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::conditions::Conditions;
use super::error::TravelError;
use super::service;
use super::sources::{self, TravelView};
use crate::identity::features::{EditConditions, ViewConditions};
use crate::store::StoreError;
use crate::web::{Answer, ApiError, Body, Call, Routes};

type Response = Result<HttpResponse, ApiError>;

const EXAMPLE: &str = r#"{"traffic":[{"hours":{"from":"07:00","to":"09:30"},"factor":1.4,"note":"rush hour"}],"weather":{"factor":1.1,"note":"rain"},"closures":[{"area":{"latitude":52.51,"longitude":13.4,"radius_m":300},"note":"market"}],"construction":[]}"#;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("conditions")
        .add::<ViewConditions, _, _>(
            Method::GET,
            "/conditions",
            show,
            "Traffic, weather, closures, building sites",
        )
        .answers::<Conditions>(200)
        .add::<EditConditions, _, _>(Method::PUT, "/conditions", put, "Say anew what holds up traffic")
        .body::<Conditions>(EXAMPLE)
        .answers::<Conditions>(200)
        .add::<ViewConditions, _, _>(
            Method::GET,
            "/conditions/sources",
            travel,
            "Where travel times come from, and how the map server and the weather service do",
        )
        .answers::<TravelView>(200)
}

async fn show(call: Call<ViewConditions>) -> Response {
    call.read(|tx, _| -> Result<Answer, TravelError> {
        let (conditions, rev) = service::conditions(tx)?;
        Ok(Answer::ok(&conditions)?.rev(rev))
    })
}

async fn put(call: Call<EditConditions>, body: Body<Conditions>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer, TravelError> {
        let (conditions, rev) = service::set(tx, grant, cx, body.0.clone(), seen)?;
        Ok(Answer::ok(&conditions)?.rev(rev))
    })
    .await
}

async fn travel(call: Call<ViewConditions>) -> Response {
    let app = &call.app;
    call.read(|tx, _| -> Result<Answer, StoreError> {
        let asks = app.config.weather.is_on();
        Answer::ok(&sources::standing(tx, app.clock.now(), &app.travel, asks)?)
    })
}
