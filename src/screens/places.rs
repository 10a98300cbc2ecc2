//! Places: where an address is put, who says so, and putting it right by hand.

use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, button, empty, mark, refusal};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::DEFAULT_LIMIT;
use crate::base::units::Position;
use crate::identity::features::{EditRoutes, ViewRoutes};
use crate::identity::grant::Grant;
use crate::places::error::PlaceError;
use crate::places::model::{Found, Place, degrees};
use crate::places::service;
use crate::routes::service::whole;
use crate::store::table::{cursor, position};
use crate::web::ApiError;

type Looking = Visit<Grant<ViewRoutes>>;
type Editing = Visit<Grant<EditRoutes>>;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Places, "nav-places")
        .when(Viewer::sees_all)
        .get("/places", list)
        .post("/places", put)
        .post("/places/{id}/remove", remove)
}

#[derive(Default, Deserialize)]
struct Asked {
    q: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let asked: Asked = visit.query()?;
    page(&visit, &asked, None)
}

fn page<P: super::shell::visit::Pass>(visit: &Visit<P>, asked: &Asked, fail: Option<&ApiError>) -> Reply {
    let grant = visit.principal.grant::<ViewRoutes>()?;
    whole(&grant)?;
    let v = &visit.viewer;
    let wanted = asked.q.as_deref().map(str::trim).filter(|a| !a.is_empty());
    let (rows, next, found) = visit.read(|tx| -> Result<_, PlaceError> {
        let found = wanted.map(|a| service::find(tx, a)).transpose()?;
        let (rows, next) = service::list(tx, position(asked.cursor.as_deref())?, DEFAULT_LIMIT)?;
        Ok((rows, next.as_ref().map(cursor).transpose()?, found))
    })?;
    let edits = v.may::<EditRoutes>();
    let main = html! {
        div.head { h1 { (v.t("nav-places")) } }
        (parts::done(v, asked.done.as_deref()))
        (refusal(v, fail))
        form.filters role="search" action="/places" {
            (Field::text("q", v.t("address"), wanted.unwrap_or_default()).kind("search", "off"))
            button { (Icon::Search) (v.t("places-find")) }
        }
        @if let (Some(address), Some(found)) = (wanted, found) { (answer(v, address, found)) }
        @if edits { (form(v, wanted.unwrap_or_default(), found.flatten())) }
        h2 { (v.t("places-by-hand")) }
        @if rows.is_empty() { (empty(&v.t("places-none"), &html! { p { (v.t("places-none-hint")) } })) }
        @else {
            table.list {
                thead { tr { th { (v.t("address")) } th { (v.t("places-position")) } th { (v.t("note")) } th { span.away { (v.t("actions")) } } } }
                tbody { @for (id, place, rev) in &rows { (row(v, *id, place, *rev, edits)) } }
            }
            (parts::more(v, "/places", visit.request.query_string(), next.as_deref()))
        }
    };
    Ok(Out::page(v.t("nav-places"), main).after(fail))
}

fn row(v: &Viewer, id: Id, place: &Place, rev: u64, edits: bool) -> Markup {
    html! {
        tr {
            td { (place.address) }
            td { code { (said(place.position)) } }
            td { (place.note.as_deref().unwrap_or_default()) }
            td.act { @if edits { (button(v, &format!("/places/{id}/remove?seen={rev}"), &v.t("remove"), "small")) } }
        }
    }
}

fn said(at: Position) -> String {
    let (lat, lon) = degrees(at);
    format!("{lat:.6}, {lon:.6}")
}

fn answer(v: &Viewer, address: &str, found: Option<Found>) -> Markup {
    html! {
        div.card role="status" {
            h2 { (address) }
            @match found {
                Some(f) => dl.facts {
                    (parts::fact(&v.t("places-position"), Some(&html! { code { (said(f.position)) } })))
                    (parts::fact(&v.t("places-accuracy"), Some(&html! { (v.named("accuracy", f.accuracy)) })))
                    (parts::fact(&v.t("source"), Some(&html! { (v.named("place", f.source)) })))
                },
                None => p { (mark(Some(false), &v.t("route-no-place"))) },
            }
        }
    }
}

fn form(v: &Viewer, address: &str, found: Option<Found>) -> Markup {
    let known = found.map(|f| degrees(f.position));
    let (lat, lon) = known.map_or_else(Default::default, |(a, b)| (format!("{a:.6}"), format!("{b:.6}")));
    html! {
        section.card {
            h2 { (v.t("places-put-right")) }
            (parts::post(v, "/places", &html! {
                (Field::text("address", v.t("address"), address).needed())
                div.three {
                    (Field::text("latitude", v.t("places-latitude"), &lat).needed())
                    (Field::text("longitude", v.t("places-longitude"), &lon).needed())
                    (Field::text("note", v.t("note"), ""))
                }
                button.primary { (v.t("save")) }
            }))
        }
    }
}

fn placed(form: &Form) -> Result<Place, Invalid> {
    let degrees = |name: &str| -> Result<f64, Invalid> {
        form.parsed::<f64>(name)?.ok_or_else(|| Invalid::at(format!("/{name}"), "is missing"))
    };
    let position = Position::from_degrees(degrees("latitude")?, degrees("longitude")?);
    let position = position.map_err(|why| Invalid::at("/latitude", why))?;
    Ok(Place { address: form.text("address").to_owned(), position, note: form.some("note") })
}

async fn put(visit: Editing, form: Form) -> Reply {
    whole(&visit.pass)?;
    let asked = Asked { q: form.some("address"), ..Asked::default() };
    let place = match placed(&form) {
        Ok(place) => place,
        Err(e) => return page(&visit, &asked, Some(&e.into())),
    };
    let done = visit.write::<EditRoutes, _, _>(move |tx, grant, cx| -> Result<(), PlaceError> {
        service::put_right(tx, grant, cx, place.clone()).map(drop)
    });
    match done.await {
        Ok(()) => Ok(Out::See("/places?done=saved".into())),
        Err(Fail::Refused(e)) => page(&visit, &asked, Some(&e)),
        Err(fail) => Err(fail),
    }
}

#[derive(Default, Deserialize)]
struct Seen {
    seen: Option<u64>,
}

async fn remove(visit: Editing, _: Form) -> Reply {
    whole(&visit.pass)?;
    let id: Id = visit.path("id").parse().map_err(|_| Invalid::at("/id", "is no place's id"))?;
    let seen = visit.query::<Seen>()?.seen;
    let done = visit.write::<EditRoutes, _, _>(move |tx, grant, cx| -> Result<(), PlaceError> {
        service::take_back(tx, grant, cx, id, seen.unwrap_or_default())
    });
    done.await?;
    Ok(Out::See("/places?done=removed".into()))
}
