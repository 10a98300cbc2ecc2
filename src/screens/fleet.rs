//! Vehicles and drivers: what a depot drives with, who drives it, and when.

use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, empty, mark, refusal, tick};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::fleet::error::FleetError;
use crate::fleet::model::{Capacity, Driver, Vehicle};
use crate::fleet::service;
use crate::identity::features::{EditDrivers, EditVehicles, ViewDrivers, ViewVehicles};
use crate::identity::grant::Grant;
use crate::identity::repo as users;
use crate::web::ApiError;

type Looking = Visit<Grant<ViewVehicles>>;

/// Users that may be a driver's login, at the most.
const LOGINS: usize = 500;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Fleet, "nav-fleet")
        .when(Viewer::sees_all)
        .get("/fleet", list)
        .get("/fleet/vehicles/new", new_vehicle)
        .post("/fleet/vehicles/new", add_vehicle)
        .get("/fleet/vehicles/{id}", show_vehicle)
        .post("/fleet/vehicles/{id}", change_vehicle)
        .post("/fleet/vehicles/{id}/remove", remove_vehicle)
        .get("/fleet/drivers/new", new_driver)
        .post("/fleet/drivers/new", add_driver)
        .get("/fleet/drivers/{id}", show_driver)
        .post("/fleet/drivers/{id}", change_driver)
        .post("/fleet/drivers/{id}/remove", remove_driver)
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
}

fn usable(v: &Viewer, available: bool) -> Markup {
    mark(
        if available { Some(true) } else { None },
        &v.t(if available { "fleet-available" } else { "fleet-away" }),
    )
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    service::whole(&visit.pass)?;
    let asked: Asked = visit.query().unwrap_or_default();
    let v = &visit.viewer;
    let sees_drivers = v.may::<ViewDrivers>();
    let (vehicles, drivers) = visit.read(|tx| -> Result<_, FleetError> {
        let drivers = if sees_drivers { service::list::<Driver>(tx)? } else { Vec::new() };
        Ok((service::list::<Vehicle>(tx)?, drivers))
    })?;
    visit.saw("driver", drivers.iter().map(|(id, ..)| *id));
    let (edits, hires) = (v.may::<EditVehicles>(), v.may::<EditDrivers>());
    let of = |id: Option<Id>| {
        let found = vehicles.iter().find(|(known, ..)| Some(*known) == id);
        found.map_or_else(|| "–".to_owned(), |(_, vehicle, _)| vehicle.name.clone())
    };
    let main = html! {
        div.head { h1 { (v.t("nav-fleet")) } @if edits { a.button.primary href="/fleet/vehicles/new" { (Icon::Plus) (v.t("fleet-new-vehicle")) } } }
        (parts::done(v, asked.done.as_deref()))
        div data-region="fleet" data-kinds="vehicle driver" {
            @if vehicles.is_empty() { (empty(&v.t("fleet-none"), &html! { p { (v.t("fleet-none-hint")) } })) }
            @else {
                table.list {
                    thead { tr { th { (v.t("fleet-vehicle")) } th { (v.t("state")) } th { (v.t("fleet-plate")) } th.n { "kg" } th { (v.t("fleet-shift")) } th { (v.t("fleet-skills")) } } }
                    tbody {
                        @for (id, vehicle, _) in &vehicles {
                            tr data-row {
                                td { @if edits { a href={ "/fleet/vehicles/" (id) } { (vehicle.name) } } @else { (vehicle.name) } }
                                td { (usable(v, vehicle.available)) }
                                td { (vehicle.plate.as_deref().unwrap_or_default()) }
                                td.n data-as="kg" { @if let Some(kg) = vehicle.capacity.kg { (kg) } }
                                td.when { (vehicle.shift.from) "–" (vehicle.shift.to) }
                                td { (vehicle.skills.join(", ")) }
                            }
                        }
                    }
                }
            }
            @if sees_drivers {
                div.head { h2 { (v.t("fleet-drivers")) } @if hires { a.button href="/fleet/drivers/new" { (Icon::Plus) (v.t("fleet-new-driver")) } } }
                table.list {
                    thead { tr { th { (v.t("fleet-driver")) } th { (v.t("state")) } th { (v.t("fleet-vehicle")) } th { (v.t("phone")) } th { (v.t("fleet-skills")) } } }
                    tbody {
                        @for (id, driver, _) in &drivers {
                            tr data-row {
                                td { @if hires { a href={ "/fleet/drivers/" (id) } { (driver.name) } } @else { (driver.name) } }
                                td { (usable(v, driver.available)) }
                                td { (of(driver.vehicle)) }
                                td { (driver.phone.as_deref().unwrap_or_default()) }
                                td { (driver.skills.join(", ")) }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(Out::page(v.t("nav-fleet"), main))
}

fn words(said: &str) -> Vec<String> {
    said.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

/// A vehicle as a form says it; what the form does not ask for stays as it was.
fn vehicle_of(form: &Form, old: Option<Vehicle>) -> Result<Vehicle, Invalid> {
    let blank = || serde_json::from_value(json!({ "name": "" }));
    let old = match old {
        Some(old) => old,
        None => blank().map_err(|e| Invalid::at("/", e.to_string()))?,
    };
    let mut shift = old.shift;
    shift.from = form.parsed("from")?.unwrap_or(shift.from);
    shift.to = form.parsed("to")?.unwrap_or(shift.to);
    let capacity =
        Capacity { kg: form.parsed("kg")?, pieces: form.parsed("pieces")?, litres: form.parsed("litres")? };
    Ok(Vehicle {
        name: form.text("name").to_owned(),
        plate: form.some("plate"),
        capacity,
        shift,
        skills: words(form.text("skills")),
        max_stops: form.parsed("max_stops")?,
        max_km: form.parsed("max_km")?,
        available: form.ticked("available"),
        ..old
    })
}

fn shown<T: ToString>(n: Option<T>) -> String {
    n.map(|n| n.to_string()).unwrap_or_default()
}

fn vehicle_form(v: &Viewer, action: &str, vehicle: &Vehicle, version: Option<u64>) -> Markup {
    let c = &vehicle.capacity;
    let (kg, pieces, litres) = (shown(c.kg), shown(c.pieces), shown(c.litres));
    let (stops, km) = (shown(vehicle.max_stops), shown(vehicle.max_km));
    let (from, to) = (vehicle.shift.from.to_string(), vehicle.shift.to.to_string());
    let skills = vehicle.skills.join(", ");
    parts::post(
        v,
        action,
        &html! {
            @if let Some(n) = version { (parts::version(n)) }
            div.two {
                (Field::text("name", v.t("name"), &vehicle.name).needed())
                (Field::text("plate", v.t("fleet-plate"), vehicle.plate.as_deref().unwrap_or_default()))
            }
            div.three {
                (Field::text("kg", v.t("fleet-kg"), &kg).kind("text", "off"))
                (Field::text("pieces", v.t("fleet-pieces"), &pieces).kind("number", "off"))
                (Field::text("litres", v.t("fleet-litres"), &litres).kind("number", "off"))
            }
            div.two {
                (Field::text("from", v.t("fleet-from"), &from).kind("time", "off"))
                (Field::text("to", v.t("fleet-to"), &to).kind("time", "off"))
            }
            div.two {
                (Field::text("max_stops", v.t("fleet-max-stops"), &stops).kind("number", "off"))
                (Field::text("max_km", v.t("fleet-max-km"), &km).kind("number", "off"))
            }
            (Field::text("skills", v.t("fleet-skills"), &skills).hint(v.t("fleet-skills-hint")))
            (tick("available", &v.t("fleet-available"), vehicle.available))
            button.primary { (v.t("save")) }
        },
    )
}

fn frame(
    v: &Viewer,
    title: &str,
    fail: Option<&ApiError>,
    form: &Markup,
    remove: Option<(String, u64)>,
) -> Out {
    let main = html! {
        div.head { h1 { (title) } a.all href="/fleet" { (v.t("nav-fleet")) } }
        (refusal(v, fail))
        section.card.narrow { (form) }
        @if let Some((action, version)) = remove {
            details.confirm { summary.button.danger { (v.t("remove")) } (parts::post(v, &action, &html! { (parts::version(version)) button.danger { (v.t("remove")) } })) }
        }
    };
    Out::page(title, main).after(fail)
}

type Mending = Visit<Grant<EditVehicles>>;

fn blank_vehicle() -> Result<Vehicle, Invalid> {
    vehicle_of(&Form(vec![("available".into(), "1".into())]), None)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn new_vehicle(visit: Mending) -> Reply {
    let v = &visit.viewer;
    let form = vehicle_form(v, "/fleet/vehicles/new", &blank_vehicle()?, None);
    Ok(frame(v, &v.t("fleet-new-vehicle"), None, &form, None))
}

async fn add_vehicle(visit: Mending, form: Form) -> Reply {
    let new = match vehicle_of(&form, None) {
        Ok(new) => new,
        Err(e) => return vehicle_refused(&visit, "/fleet/vehicles/new", &blank_vehicle()?, None, &e.into()),
    };
    let kept = new.clone();
    let done = visit.write::<EditVehicles, _, _>(move |tx, grant, cx| -> Result<(), FleetError> {
        service::add(tx, grant, cx, new.clone()).map(drop)
    });
    match done.await {
        Ok(()) => Ok(Out::See("/fleet?done=added".into())),
        Err(Fail::Refused(e)) => vehicle_refused(&visit, "/fleet/vehicles/new", &kept, None, &e),
        Err(fail) => Err(fail),
    }
}

fn vehicle_refused(
    visit: &Mending,
    action: &str,
    vehicle: &Vehicle,
    version: Option<u64>,
    e: &ApiError,
) -> Reply {
    let v = &visit.viewer;
    Ok(frame(v, &v.t("fleet-vehicle"), Some(e), &vehicle_form(v, action, vehicle, version), None))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show_vehicle(visit: Mending) -> Reply {
    service::whole(&visit.pass)?;
    let (v, name) = (&visit.viewer, visit.path("id"));
    let (id, vehicle, rev) = visit.read(|tx| service::find::<Vehicle>(tx, &name))?;
    let form = vehicle_form(v, &format!("/fleet/vehicles/{id}"), &vehicle, Some(rev));
    Ok(frame(v, &vehicle.name, None, &form, Some((format!("/fleet/vehicles/{id}/remove"), rev))))
}

async fn change_vehicle(visit: Mending, form: Form) -> Reply {
    let (name, seen) = (visit.path("id"), form.version()?);
    let old = visit.read(|tx| service::find::<Vehicle>(tx, &name))?.1;
    let action = format!("/fleet/vehicles/{name}");
    let new = match vehicle_of(&form, Some(old.clone())) {
        Ok(new) => new,
        Err(e) => return vehicle_refused(&visit, &action, &old, Some(seen), &e.into()),
    };
    let kept = new.clone();
    let done = visit.write::<EditVehicles, _, _>(move |tx, grant, cx| -> Result<(), FleetError> {
        service::replace(tx, grant, cx, &name, (seen, new.clone())).map(drop)
    });
    match done.await {
        Ok(()) => Ok(Out::See("/fleet?done=saved".into())),
        Err(Fail::Refused(e)) => vehicle_refused(&visit, &action, &kept, Some(seen), &e),
        Err(fail) => Err(fail),
    }
}

async fn remove_vehicle(visit: Mending, form: Form) -> Reply {
    let (name, seen) = (visit.path("id"), form.version()?);
    let done = visit.write::<EditVehicles, _, _>(move |tx, grant, cx| -> Result<(), FleetError> {
        service::remove::<Vehicle>(tx, grant, cx, &name, seen)
    });
    done.await?;
    Ok(Out::See("/fleet?done=removed".into()))
}

type Hiring = Visit<Grant<EditDrivers>>;

/// What a driver can be given: logins and vehicles, by id and name.
struct Choices {
    users: Vec<(String, String)>,
    vehicles: Vec<(String, String)>,
}

fn choices(visit: &Hiring) -> Result<Choices, Fail> {
    let none = || vec![(String::new(), "–".to_owned())];
    visit.read(|tx| -> Result<_, FleetError> {
        let (mut logins, mut vehicles) = (none(), none());
        let all = users::all(tx, LOGINS)?.into_iter().filter(|u| u.active);
        logins.extend(all.map(|u| (u.id.to_string(), format!("{} ({})", u.name, u.login))));
        let all = service::list::<Vehicle>(tx)?.into_iter();
        vehicles.extend(all.map(|(id, vehicle, _)| (id.to_string(), vehicle.name)));
        Ok(Choices { users: logins, vehicles })
    })
}

fn driver_of(form: &Form, old: Option<Driver>) -> Result<Driver, Invalid> {
    let blank = || serde_json::from_value(json!({ "name": "" }));
    let old = match old {
        Some(old) => old,
        None => blank().map_err(|e| Invalid::at("/", e.to_string()))?,
    };
    Ok(Driver {
        name: form.text("name").to_owned(),
        user: form.parsed("user")?,
        phone: form.some("phone"),
        licence: form.some("licence"),
        skills: words(form.text("skills")),
        vehicle: form.parsed("vehicle")?,
        available: form.ticked("available"),
        ..old
    })
}

fn driver_form(v: &Viewer, action: &str, d: &Driver, version: Option<u64>, c: &Choices) -> Markup {
    let skills = d.skills.join(", ");
    parts::post(
        v,
        action,
        &html! {
            @if let Some(n) = version { (parts::version(n)) }
            div.two {
                (Field::text("name", v.t("name"), &d.name).needed())
                (choice("vehicle", &v.t("fleet-vehicle"), &c.vehicles, &shown(d.vehicle)))
            }
            div.two {
                (choice("user", &v.t("fleet-user"), &c.users, &shown(d.user)))
                (Field::text("phone", v.t("phone"), d.phone.as_deref().unwrap_or_default()).kind("tel", "off"))
            }
            div.two {
                (Field::text("licence", v.t("fleet-licence"), d.licence.as_deref().unwrap_or_default()))
                (Field::text("skills", v.t("fleet-skills"), &skills).hint(v.t("fleet-skills-hint")))
            }
            (tick("available", &v.t("fleet-available"), d.available))
            button.primary { (v.t("save")) }
        },
    )
}

fn driver_page(
    visit: &Hiring,
    (title, action): (&str, &str),
    driver: &Driver,
    version: Option<u64>,
    fail: Option<&ApiError>,
) -> Reply {
    let v = &visit.viewer;
    let form = driver_form(v, action, driver, version, &choices(visit)?);
    let remove = version.filter(|_| fail.is_none()).map(|n| (format!("{action}/remove"), n));
    Ok(frame(v, title, fail, &form, remove))
}

fn blank_driver() -> Result<Driver, Invalid> {
    driver_of(&Form(vec![("available".into(), "1".into())]), None)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn new_driver(visit: Hiring) -> Reply {
    service::whole(&visit.pass)?;
    let title = visit.viewer.t("fleet-new-driver");
    driver_page(&visit, (&title, "/fleet/drivers/new"), &blank_driver()?, None, None)
}

async fn add_driver(visit: Hiring, form: Form) -> Reply {
    let at = ("/fleet/drivers/new", visit.viewer.t("fleet-new-driver"));
    let new = match driver_of(&form, None) {
        Ok(new) => new,
        Err(e) => return driver_page(&visit, (&at.1, at.0), &blank_driver()?, None, Some(&e.into())),
    };
    let kept = new.clone();
    let done = visit.write::<EditDrivers, _, _>(move |tx, grant, cx| -> Result<(), FleetError> {
        service::add(tx, grant, cx, new.clone()).map(drop)
    });
    match done.await {
        Ok(()) => Ok(Out::See("/fleet?done=added".into())),
        Err(Fail::Refused(e)) => driver_page(&visit, (&at.1, at.0), &kept, None, Some(&e)),
        Err(fail) => Err(fail),
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show_driver(visit: Hiring) -> Reply {
    service::whole(&visit.pass)?;
    let name = visit.path("id");
    let (id, driver, rev) = visit.read(|tx| service::find::<Driver>(tx, &name))?;
    visit.saw("driver", [id]);
    driver_page(&visit, (&driver.name, &format!("/fleet/drivers/{id}")), &driver, Some(rev), None)
}

async fn change_driver(visit: Hiring, form: Form) -> Reply {
    let (name, seen) = (visit.path("id"), form.version()?);
    let old = visit.read(|tx| service::find::<Driver>(tx, &name))?.1;
    let action = format!("/fleet/drivers/{name}");
    let new = match driver_of(&form, Some(old.clone())) {
        Ok(new) => new,
        Err(e) => return driver_page(&visit, (&old.name, &action), &old, Some(seen), Some(&e.into())),
    };
    let kept = new.clone();
    let done = visit.write::<EditDrivers, _, _>(move |tx, grant, cx| -> Result<(), FleetError> {
        service::replace(tx, grant, cx, &name, (seen, new.clone())).map(drop)
    });
    match done.await {
        Ok(()) => Ok(Out::See("/fleet?done=saved".into())),
        Err(Fail::Refused(e)) => driver_page(&visit, (&kept.name, &action), &kept, Some(seen), Some(&e)),
        Err(fail) => Err(fail),
    }
}

async fn remove_driver(visit: Hiring, form: Form) -> Reply {
    let (name, seen) = (visit.path("id"), form.version()?);
    let done = visit.write::<EditDrivers, _, _>(move |tx, grant, cx| -> Result<(), FleetError> {
        service::remove::<Driver>(tx, grant, cx, &name, seen)
    });
    done.await?;
    Ok(Out::See("/fleet?done=removed".into()))
}
