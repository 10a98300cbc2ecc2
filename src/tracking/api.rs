//! The routes of tracking for people and programs.

use actix_web::http::Method;
use actix_web::web::{Path, block};
use actix_web::{HttpResponse, ResponseError};
use serde::Deserialize;

use super::error::TrackingError;
use super::flush::flush;
use super::geo::Spot;
use super::model::{Device, Fence};
use super::records::{self, Named};
use super::repo::{self, TRACKS};
use super::rules;
use super::service::{self, MAX_BATCH, MAX_TRAIL};
use super::stops::{self, Expected};
use super::tracker::Report;
use super::views::{
    BatchInput, DeliveryView, DeviceInput, DeviceView, FenceInput, FenceView, LinkInput, LinkView, PointView,
    PositionInput, Refused, StopInput, Taken, TokenView, TrackView, VehicleView, is_stale,
};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::eta::service::Estimate;
use crate::identity::features::{
    EditRoutes, EditVehicles, ReportPositions, ShareTracking, ViewTracking, ViewVehicles,
};
use crate::identity::grant::Scope;
use crate::identity::opaque::{Opaque, Purpose};
use crate::store::{Lane, ReadTx};
use crate::web::{Answer, ApiError, App, Body, Call, Query, Routes};

type Response = Result<HttpResponse, ApiError>;

const POSITION: &str = r#"{"latitude":40.7128,"longitude":-74.0060,"speed":8.3,"heading":90,"timestamp":"2026-11-20T10:00:00Z"}"#;
const STOP: &str = r#"{"delivery_id":"D-1","vehicle":"van-1","latitude":40.73,"longitude":-74.01,"sequence":1,"service_s":180}"#;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    let routes = Routes::new("tracking")
        .add::<ReportPositions, _, _>(Method::POST, "/tracking/batch", batch, "Tell up to 1,000 positions, in the order they were taken")
        .body::<BatchInput>(r#"{"points":[{"vehicle":"van-1","latitude":40.7128,"longitude":-74.0060,"timestamp":"2026-11-20T10:00:00Z"}]}"#)
        .answers::<Taken>(200)
        .add::<ViewTracking, _, _>(Method::GET, "/tracking/vehicles", vehicles, "Where every vehicle was last")
        .query(&[("stale", "true: only those of which nothing was heard for ten minutes")])
        .answers::<Page<VehicleView>>(200)
        .add::<ViewTracking, _, _>(Method::GET, "/tracking/vehicles/{id}", vehicle, "One vehicle with what was counted of it, by id or name")
        .answers::<TrackView>(200)
        .add::<EditRoutes, _, _>(Method::POST, "/tracking/stops", expect, "Say where a vehicle is expected for a delivery")
        .body::<StopInput>(STOP)
        .answers::<DeliveryView>(200)
        .add::<EditRoutes, _, _>(Method::DELETE, "/tracking/stops/{delivery_id}", call_off, "Say that a delivery is no longer under way")
        .status(204)
        .add::<ViewTracking, _, _>(Method::GET, "/tracking/eta/{delivery_id}", eta, "When a delivery will be there")
        .answers::<Estimate>(200)
        .add::<ShareTracking, _, _>(Method::GET, "/tracking/links", links, "Public links, the first to end first")
        .answers::<Page<LinkView>>(200)
        .add::<ShareTracking, _, _>(Method::POST, "/tracking/links", add_link, "Make a public link to a delivery")
        .body::<LinkInput>(r#"{"delivery_id":"D-1","hours":48}"#)
        .answers::<LinkView>(201)
        .add::<ShareTracking, _, _>(Method::DELETE, "/tracking/links/{id}", remove_link, "Withdraw a public link")
        .status(204);
    records_of(routes)
        .add::<ReportPositions, _, _>(
            Method::POST,
            "/tracking/{delivery_id}",
            report,
            "Tell a delivery's position",
        )
        .body::<PositionInput>(POSITION)
        .answers::<Taken>(200)
        .add::<ViewTracking, _, _>(
            Method::GET,
            "/tracking/{delivery_id}",
            delivery,
            "Where a delivery is, and its way so far",
        )
        .query(&[("points", "points of the way, at most 2,000; 100 when absent")])
        .answers::<DeliveryView>(200)
}

fn records_of(routes: Routes) -> Routes {
    routes
        .add::<ViewVehicles, _, _>(
            Method::GET,
            "/tracking/devices",
            devices,
            "Phones and boxes that tell positions",
        )
        .answers::<Page<DeviceView>>(200)
        .add::<EditVehicles, _, _>(Method::POST, "/tracking/devices", add_device, "Add a device")
        .body::<DeviceInput>(r#"{"name":"phone-1","vehicle":"van-1","speed_unit":"knots"}"#)
        .answers::<DeviceView>(201)
        .add::<EditVehicles, _, _>(
            Method::PUT,
            "/tracking/devices/{id}",
            change_device,
            "Change a device, by id or name",
        )
        .body::<DeviceInput>(r#"{"name":"phone-1","vehicle":"van-2"}"#)
        .answers::<DeviceView>(200)
        .add::<ViewVehicles, _, _>(Method::GET, "/tracking/devices/{id}", device, "One device, by id or name")
        .answers::<DeviceView>(200)
        .add::<EditVehicles, _, _>(
            Method::DELETE,
            "/tracking/devices/{id}",
            remove::<Device>,
            "Remove a device; its token with it",
        )
        .status(204)
        .add::<EditVehicles, _, _>(
            Method::POST,
            "/tracking/devices/{id}/token",
            token,
            "Make a device's token, in place of any before",
        )
        .answers::<TokenView>(201)
        .add::<ViewTracking, _, _>(
            Method::GET,
            "/tracking/fences",
            fences,
            "Places whose comings and goings are counted",
        )
        .answers::<Page<FenceView>>(200)
        .add::<EditVehicles, _, _>(
            Method::POST,
            "/tracking/fences",
            add_fence,
            "Add a fence: a circle, or corners",
        )
        .body::<FenceInput>(
            r#"{"name":"yard","latitude":40.7128,"longitude":-74.0060,"radius_m":150,"dwell_s":60}"#,
        )
        .answers::<FenceView>(201)
        .add::<ViewTracking, _, _>(Method::GET, "/tracking/fences/{id}", fence, "One fence, by id or name")
        .answers::<FenceView>(200)
        .add::<EditVehicles, _, _>(Method::DELETE, "/tracking/fences/{id}", remove::<Fence>, "Remove a fence")
        .status(204)
}

/// Writes down what waits, so that what is read next has it.
async fn settle(app: &App, tenant: u32) -> Result<(), ApiError> {
    let (app, now) = (app.clone(), app.clock.now());
    let written = block(move || flush(&app.store, &app.tracker, &app.predictors, (tenant, now))).await;
    written.map_err(|_| TrackingError::Store(crate::store::StoreError::Closed))??;
    Ok(())
}

/// The vehicle that a position belongs to; a delivery that nobody announced begins with its first position.
async fn whose(
    call: &Call<ReportPositions>,
    delivery: Option<&str>,
    named: Option<&str>,
    since: Timestamp,
) -> Result<service::Whose, ApiError> {
    let (who, tenant, now) = (call.grant.principal(), call.grant.tenant(), call.app.clock.now());
    let own = call.app.store.read(tenant, |tx| service::driven(tx, who, named));
    let Some(delivery) = delivery else { return Ok(own?) };
    let known = call.app.store.read(tenant, |tx| service::vehicle_of(tx, who, delivery))?;
    if let Some(known) = known {
        return Ok(known);
    }
    let (own, who, delivery) = (own?, who.clone(), delivery.to_owned());
    let whose = own.clone();
    let begin = call.app.store.write(tenant, Lane::People, move |tx| -> Result<(), TrackingError> {
        service::begin(tx, &who, &delivery, whose.clone(), (since, now))
    });
    begin.await?;
    Ok(own)
}

fn report_of(input: &PositionInput, now: Timestamp) -> Result<Report, Invalid> {
    let fix = input.fix(now)?;
    match rules::refuse(&fix, now) {
        Some(why) => Err(Invalid::at("/timestamp", why)),
        None => Ok(Report { fix, trip: input.trip(), heard_at: now }),
    }
}

async fn report(call: Call<ReportPositions>, name: Path<String>, body: Body<PositionInput>) -> Response {
    let now = call.app.clock.now();
    let told = report_of(&body.0, now)?;
    let (vehicle, known) = whose(&call, Some(&name), body.0.vehicle.as_deref(), told.fix.at).await?;
    call.app.tracker.take(call.grant.tenant(), vehicle, &known, vec![told])?;
    Ok(Answer::ok(&Taken { taken: 1, refused: Vec::new() })?.respond("", ""))
}

async fn batch(call: Call<ReportPositions>, body: Body<BatchInput>) -> Response {
    let (now, points) = (call.app.clock.now(), body.0.points);
    if points.len() > MAX_BATCH {
        let said = format!(
            "takes {MAX_BATCH} positions at a time, got {}; send the rest in another call",
            points.len()
        );
        return Err(Invalid::at("/points", said).into());
    }
    let mut answer = Taken::default();
    let mut groups: Vec<(service::Whose, Vec<Report>)> = Vec::new();
    let mut last: Option<((Option<String>, Option<String>), usize)> = None;
    for (row, input) in points.into_iter().enumerate() {
        let report = match report_of(&input, now) {
            Ok(report) => report,
            Err(e) => {
                answer.refused.push(Refused { row, detail: e.to_string() });
                continue;
            }
        };
        let names = (input.delivery_id, input.vehicle);
        let group = match &last {
            Some((same, at)) if *same == names => *at,
            _ => match whose(&call, names.0.as_deref(), names.1.as_deref(), report.fix.at).await {
                Ok(vehicle) => match groups.iter().position(|(v, _)| v.0 == vehicle.0) {
                    Some(at) => at,
                    None => {
                        groups.push((vehicle, Vec::new()));
                        groups.len() - 1
                    }
                },
                Err(e) if e.status_code().is_server_error() => return Err(e),
                Err(e) => {
                    answer.refused.push(Refused { row, detail: e.to_string() });
                    continue;
                }
            },
        };
        last = Some((names, group));
        groups[group].1.push(report);
        answer.taken += 1;
    }
    for ((vehicle, name), reports) in groups {
        call.app.tracker.take(call.grant.tenant(), vehicle, &name, reports)?;
    }
    Ok(Answer::ok(&answer)?.respond("", ""))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    stale: Option<bool>,
}

async fn vehicles(call: Call<ViewTracking>, which: Query<Which>) -> Response {
    let (now, who) = (call.app.clock.now(), call.principal());
    let (own, who_) = (service::own_track(who.actor.user), who.clone());
    let drives = call.app.store.read(call.grant.tenant(), |tx| service::driven(tx, &who_, None)).ok();
    let seen = |id: Id| match who.scope {
        Scope::Tenant => true,
        Scope::Own => id == own || drives.as_ref().is_some_and(|(vehicle, _)| id == *vehicle),
        Scope::Distributors(_) => false,
    };
    let latest = call.app.tracker.latest(&call.app.store, call.grant.tenant());
    let views = latest.map_err(TrackingError::from)?.into_iter().filter(|(id, _)| seen(*id));
    let views = views.map(|(id, l)| VehicleView {
        id,
        name: l.name,
        latest: PointView::from(&l.fix),
        heard_at: l.heard_at,
        stale: is_stale(l.heard_at, now),
    });
    let items: Vec<_> = views.filter(|v| which.0.stale.is_none_or(|stale| v.stale == stale)).collect();
    Ok(Answer::ok(&Page { items, next: None })?.respond("", ""))
}

async fn vehicle(call: Call<ViewTracking>, name: Path<String>) -> Response {
    settle(&call.app, call.grant.tenant()).await?;
    let (now, id) = (call.app.clock.now(), stops::vehicle(&name));
    call.read(|tx, grant| -> Result<Answer, TrackingError> {
        let may = match grant.scope() {
            Scope::Tenant => true,
            Scope::Own => {
                let user = grant.actor().user;
                id == service::own_track(user) || repo::driven_by(tx, user)?.is_some_and(|f| f.vehicle == id)
            }
            Scope::Distributors(_) => false,
        };
        let track = TRACKS.get(tx, &id)?.filter(|_| may);
        let name = crate::base::text::clipped(name.clone(), stops::MAX_NAME);
        let track = track.ok_or(TrackingError::Unknown { what: "vehicle", name })?;
        Ok(Answer::ok(&TrackView::of(id, &track, now))?)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Points {
    points: Option<usize>,
}

async fn delivery(call: Call<ViewTracking>, name: Path<String>, look: Query<Points>) -> Response {
    let points = look.0.points.unwrap_or(100);
    if points > MAX_TRAIL {
        return Err(Invalid::at("?points", format!("must be at most {MAX_TRAIL}, got {points}")).into());
    }
    settle(&call.app, call.grant.tenant()).await?;
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer, TrackingError> {
        let (stop, track) = service::under_way(tx, grant.principal(), &name)?;
        let trail = if points == 0 { Vec::new() } else { trail_of(tx, &stop, points)? };
        Ok(Answer::ok(&DeliveryView::of(&stop, track.as_ref(), &trail, now))?)
    })
}

/// The way of a delivery: from when it was announced until it was over, and of its vehicle nothing else.
fn trail_of(
    tx: &dyn ReadTx,
    stop: &super::model::Stop,
    points: usize,
) -> Result<Vec<super::model::Fix>, TrackingError> {
    let mut trail = repo::trail(tx, stop.vehicle, stop.announced_at, points)?;
    if let Some(until) = stop.left_at {
        trail.retain(|f| f.at <= until);
    }
    Ok(trail)
}

async fn eta(call: Call<ViewTracking>, name: Path<String>) -> Response {
    settle(&call.app, call.grant.tenant()).await?;
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer, TrackingError> {
        let (stop, track) = service::under_way(tx, grant.principal(), &name)?;
        Ok(Answer::ok(&service::estimate(tx, &call.app.predictors, &stop, track.as_ref(), now)?)?)
    })
}

async fn expect(call: Call<EditRoutes>, body: Body<StopInput>) -> Response {
    let now = call.app.clock.now();
    let StopInput {
        delivery_id,
        vehicle,
        driver,
        distributor,
        sequence,
        latitude,
        longitude,
        radius_m,
        service_s,
        window,
        planned_s,
        weight_g,
        priority,
    } = body.0;
    let spot = Spot::new(latitude, longitude).map_err(|e| Invalid::at("/latitude", e))?;
    if vehicle.is_empty() || vehicle.len() > stops::MAX_NAME {
        return Err(Invalid::at("/vehicle", format!("must be 1 to {} bytes", stops::MAX_NAME)).into());
    }
    let new = Expected {
        delivery: delivery_id,
        vehicle: stops::vehicle(&vehicle),
        vehicle_name: vehicle,
        driver,
        distributor,
        sequence,
        spot: Some(spot),
        radius_m,
        service_s,
        window,
        planned_s,
        weight_g,
        priority,
    };
    call.write(move |tx, _, _| -> Result<Answer, TrackingError> {
        let stop = stops::expect(tx, now, new.clone())?;
        let track = TRACKS.get(tx, &stop.vehicle)?;
        Ok(Answer::ok(&DeliveryView::of(&stop, track.as_ref(), &[], now))?)
    })
    .await
}

async fn call_off(call: Call<EditRoutes>, name: Path<String>) -> Response {
    let now = call.app.clock.now();
    call.write(move |tx, _, _| -> Result<Answer, TrackingError> {
        stops::call_off(tx, now, &name)?;
        Ok(Answer::none())
    })
    .await
}

async fn links(call: Call<ShareTracking>) -> Response {
    call.read(|tx, grant| -> Result<Answer, TrackingError> {
        let mut items = Vec::new();
        for link in records::links(tx, 500)? {
            let seen = repo::stop(tx, &link.delivery)?.is_some_and(|s| service::sees(grant.principal(), &s));
            if seen {
                let (id, delivery_id) = (link.id, link.delivery);
                items.push(LinkView { id, delivery_id, path: None, expires_at: link.expires });
            }
        }
        Ok(Answer::ok(&Page { items, next: None })?)
    })
}

async fn add_link(call: Call<ShareTracking>, body: Body<LinkInput>) -> Response {
    let made = Opaque::fresh(call.grant.tenant(), Purpose::Link).map_err(TrackingError::from)?;
    let LinkInput { delivery_id, hours } = body.0;
    call.write(move |tx, grant, cx| -> Result<Answer, TrackingError> {
        let stop = service::find(tx, grant.principal(), &delivery_id)?;
        let link = records::add_link(tx, cx, &stop.delivery, hours.unwrap_or(48), &made)?;
        let path = format!("/t/{}", made.reveal());
        let view =
            LinkView { id: link.id, delivery_id: link.delivery, path: Some(path), expires_at: link.expires };
        Ok(Answer::json(201, &view)?)
    })
    .await
}

async fn remove_link(call: Call<ShareTracking>, id: Path<String>) -> Response {
    let unknown = || TrackingError::Unknown { what: "public link", name: id.clone() };
    let id: Id = id.parse().map_err(|_| unknown())?;
    call.write(move |tx, _, cx| -> Result<Answer, TrackingError> {
        records::remove_link(tx, cx, id)?;
        Ok(Answer::none())
    })
    .await
}

fn device_view(tx: &dyn ReadTx, id: Id, device: Device, version: u64) -> Result<DeviceView, TrackingError> {
    let has_token = repo::key_of(tx, id)?.is_some();
    Ok(DeviceView { id, version, device, has_token })
}

async fn devices(call: Call<ViewVehicles>) -> Response {
    call.read(|tx, _| -> Result<Answer, TrackingError> {
        let all = repo::all::<Device>(tx)?.into_iter();
        let items =
            all.map(|(id, device, rev)| device_view(tx, id, device, rev)).collect::<Result<Vec<_>, _>>()?;
        Ok(Answer::ok(&Page { items, next: None })?)
    })
}

async fn device(call: Call<ViewVehicles>, name: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, TrackingError> {
        let (id, device, rev) = records::find::<Device>(tx, &name)?;
        Ok(Answer::ok(&device_view(tx, id, device, rev)?)?.rev(rev))
    })
}

fn device_of(input: &DeviceInput) -> Device {
    let DeviceInput { name, vehicle, speed_unit, version: _ } = input.clone();
    Device { name, vehicle, speed_unit }
}

async fn add_device(call: Call<EditVehicles>, body: Body<DeviceInput>) -> Response {
    call.write(move |tx, _, cx| -> Result<Answer, TrackingError> {
        let device = device_of(&body.0);
        let (id, rev) = records::keep(tx, cx, None, device.clone())?;
        let view = device_view(tx, id, device, rev)?;
        Ok(Answer::created(format!("/api/v1/tracking/devices/{id}"), &view)?.rev(rev))
    })
    .await
}

async fn change_device(call: Call<EditVehicles>, name: Path<String>, body: Body<DeviceInput>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, _, cx| -> Result<Answer, TrackingError> {
        let device = device_of(&body.0);
        let (id, rev) = records::keep(tx, cx, Some((&name, seen)), device.clone())?;
        Ok(Answer::ok(&device_view(tx, id, device, rev)?)?.rev(rev))
    })
    .await
}

async fn remove<T: Named>(call: Call<EditVehicles>, name: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, _, cx| -> Result<Answer, TrackingError> {
        records::remove::<T>(tx, cx, &name, seen)?;
        Ok(Answer::none())
    })
    .await
}

async fn token(call: Call<EditVehicles>, name: Path<String>) -> Response {
    let made = Opaque::fresh(call.grant.tenant(), Purpose::Enrolment).map_err(TrackingError::from)?;
    call.write(move |tx, _, cx| -> Result<Answer, TrackingError> {
        let id = records::give_token(tx, cx, &name, &made)?;
        Ok(Answer::json(201, &TokenView { id, token: made.reveal().to_owned() })?)
    })
    .await
}

async fn fences(call: Call<ViewTracking>) -> Response {
    call.read(|tx, _| -> Result<Answer, TrackingError> {
        let all = repo::all::<Fence>(tx)?.into_iter();
        let items: Vec<_> = all.map(|(id, fence, rev)| FenceView::of(id, rev, fence)).collect();
        Ok(Answer::ok(&Page { items, next: None })?)
    })
}

async fn fence(call: Call<ViewTracking>, name: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, TrackingError> {
        let (id, fence, rev) = records::find::<Fence>(tx, &name)?;
        Ok(Answer::ok(&FenceView::of(id, rev, fence))?.rev(rev))
    })
}

async fn add_fence(call: Call<EditVehicles>, body: Body<FenceInput>) -> Response {
    let FenceInput { name, latitude, longitude, radius_m, corners, dwell_s } = body.0;
    let circle = match (latitude, longitude, radius_m) {
        (Some(lat), Some(lon), Some(radius)) => Some((lat, lon, radius)),
        _ => None,
    };
    let fence = records::fence(name, circle, &corners, dwell_s)?;
    call.write(move |tx, _, cx| -> Result<Answer, TrackingError> {
        let (id, rev) = records::keep(tx, cx, None, fence.clone())?;
        let view = FenceView::of(id, rev, fence.clone());
        Ok(Answer::created(format!("/api/v1/tracking/fences/{id}"), &view)?.rev(rev))
    })
    .await
}
