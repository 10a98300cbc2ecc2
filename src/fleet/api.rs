//! The routes of vehicles and drivers.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::FleetError;
use super::model::{Driver, Vehicle};
use super::service::{self, Member};
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::identity::features::{EditDrivers, EditVehicles, Feature, ViewDrivers, ViewVehicles};
use crate::parcels::queries::limit;
use crate::store::table::{cursor, position};
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

type Response = Result<HttpResponse, ApiError>;

const VEHICLE: &str = r#"{"name":"van 7","plate":"B-CD 123","capacity":{"kg":800},"shift":{"from":"07:30","to":"16:00"},"skills":["tail_lift"],"max_minutes":480,"pauses":[{"from":"11:30","to":"13:00","minutes":30}]}"#;
const DRIVER: &str =
    r#"{"name":"Ada","licence":"C1E","shift":{"from":"07:00","to":"15:30"},"skills":["adr"]}"#;
const PAGE: &[(&str, &str)] = &[("limit", "rows, at most 500"), ("cursor", "from the page before")];

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    drivers(vehicles(Routes::new("fleet")))
}

fn vehicles(r: Routes) -> Routes {
    r.add::<ViewVehicles, _, _>(Method::GET, "/vehicles", list::<Vehicle, ViewVehicles>, "Vehicles, by name")
        .query(PAGE)
        .answers::<Page<VehicleView>>(200)
        .add::<EditVehicles, _, _>(Method::POST, "/vehicles", add_vehicle, "Add a vehicle")
        .body::<Vehicle>(VEHICLE)
        .answers::<VehicleView>(201)
        .add::<ViewVehicles, _, _>(
            Method::GET,
            "/vehicles/{id}",
            show::<Vehicle, ViewVehicles>,
            "One vehicle, by id or name",
        )
        .answers::<VehicleView>(200)
        .add::<EditVehicles, _, _>(Method::PUT, "/vehicles/{id}", put_vehicle, "Say anew what a vehicle is")
        .body::<Vehicle>(VEHICLE)
        .answers::<VehicleView>(200)
        .add::<EditVehicles, _, _>(Method::DELETE, "/vehicles/{id}", remove::<Vehicle>, "Remove a vehicle")
        .status(204)
}

fn drivers(r: Routes) -> Routes {
    r.add::<ViewDrivers, _, _>(Method::GET, "/drivers", list::<Driver, ViewDrivers>, "Drivers, by name")
        .query(PAGE)
        .answers::<Page<DriverView>>(200)
        .add::<EditDrivers, _, _>(Method::POST, "/drivers", add_driver, "Add a driver")
        .body::<Driver>(DRIVER)
        .answers::<DriverView>(201)
        .add::<ViewDrivers, _, _>(
            Method::GET,
            "/drivers/{id}",
            show::<Driver, ViewDrivers>,
            "One driver, by id or name",
        )
        .answers::<DriverView>(200)
        .add::<EditDrivers, _, _>(Method::PUT, "/drivers/{id}", put_driver, "Say anew who a driver is")
        .body::<Driver>(DRIVER)
        .answers::<DriverView>(200)
        .add::<EditDrivers, _, _>(Method::DELETE, "/drivers/{id}", remove::<Driver>, "Remove a driver")
        .status(204)
}

/// A vehicle as it is shown.
#[derive(Serialize, ToSchema)]
struct VehicleView {
    id: Id,
    /// Its revision.
    version: u64,
    #[serde(flatten)]
    vehicle: Vehicle,
}

/// A driver as they are shown.
#[derive(Serialize, ToSchema)]
struct DriverView {
    id: Id,
    /// Their revision.
    version: u64,
    #[serde(flatten)]
    driver: Driver,
}

/// What of the fleet can be shown.
trait Shown: Member {
    type View: Serialize + ToSchema;
    const RECORD: &'static str;
    /// Whether it is a person's data.
    const PERSON: bool;
    fn view(id: Id, value: Self, version: u64) -> Self::View;
}

impl Shown for Vehicle {
    type View = VehicleView;
    const RECORD: &'static str = "vehicle";
    const PERSON: bool = false;
    fn view(id: Id, vehicle: Self, version: u64) -> VehicleView {
        VehicleView { id, version, vehicle }
    }
}

impl Shown for Driver {
    type View = DriverView;
    const RECORD: &'static str = "driver";
    const PERSON: bool = true;
    fn view(id: Id, driver: Self, version: u64) -> DriverView {
        DriverView { id, version, driver }
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list<T: Shown, F: Feature>(call: Call<F>, q: Query<Listing>) -> Response {
    let mut seen = Vec::new();
    let answer = call.read(|tx, grant| -> Result<Answer, FleetError> {
        service::whole(grant)?;
        let (most, at) = (limit(q.0.limit)?, position(q.0.cursor.as_deref())?);
        // By name, and the cursor is the last name of the page before.
        let mut all = service::list::<T>(tx)?;
        all.retain(|(_, t, _)| at.as_deref().is_none_or(|at| t.name().as_bytes() > at));
        let more = all.len() > most;
        all.truncate(most);
        let next = match all.last().filter(|_| more) {
            Some((_, last, _)) => Some(cursor(&last.name().as_bytes().to_vec())?),
            None => None,
        };
        seen.extend(all.iter().map(|(id, ..)| *id));
        let items: Vec<T::View> = all.into_iter().map(|(id, t, rev)| T::view(id, t, rev)).collect();
        Ok(Answer::page(&Page { items, next })?)
    })?;
    if T::PERSON {
        call.saw(T::RECORD, seen);
    }
    Ok(answer)
}

fn shown<T: Shown>((id, value, rev): (Id, T, u64)) -> Result<Answer, FleetError> {
    Ok(Answer::ok(&T::view(id, value, rev))?.rev(rev))
}

async fn show<T: Shown, F: Feature>(call: Call<F>, name: Path<String>) -> Response {
    let mut seen = None;
    let answer = call.read(|tx, grant| -> Result<Answer, FleetError> {
        service::whole(grant)?;
        let found = service::find::<T>(tx, &name)?;
        seen = Some(found.0);
        shown(found)
    })?;
    if T::PERSON {
        call.saw(T::RECORD, seen);
    }
    Ok(answer)
}

async fn add<T: Shown>(call: Call<T::Edit>, new: T, path: &'static str) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, FleetError> {
        let (id, value, rev) = service::add(tx, grant, cx, new.clone())?;
        Ok(Answer::created(format!("/api/v1/{path}/{id}"), &T::view(id, value, rev))?.rev(rev))
    })
    .await
}

async fn put<T: Shown>(call: Call<T::Edit>, name: Path<String>, new: T, version: Option<u64>) -> Response {
    let seen = call.expected_rev(version)?;
    call.write(move |tx, grant, cx| -> Result<Answer, FleetError> {
        shown(service::replace(tx, grant, cx, &name, (seen, new.clone()))?)
    })
    .await
}

async fn remove<T: Shown>(call: Call<T::Edit>, name: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<Answer, FleetError> {
        service::remove::<T>(tx, grant, cx, &name, seen)?;
        Ok(Answer::none())
    })
    .await
}

async fn add_vehicle(call: Call<EditVehicles>, body: Body<Vehicle>) -> Response {
    add(call, body.0, "vehicles").await
}

async fn add_driver(call: Call<EditDrivers>, body: Body<Driver>) -> Response {
    add(call, body.0, "drivers").await
}

async fn put_vehicle(call: Call<EditVehicles>, name: Path<String>, body: Body<Vehicle>) -> Response {
    let version = body.0.version;
    put(call, name, body.0, version).await
}

async fn put_driver(call: Call<EditDrivers>, name: Path<String>, body: Body<Driver>) -> Response {
    let version = body.0.version;
    put(call, name, body.0, version).await
}
