//! Houses.

use actix_web::http::Method;
use actix_web::web::Path;
use serde::Deserialize;

use super::waybill::HawbInput;
use super::{On, Response, Skip};
use crate::base::error::Invalid;
use crate::base::page::Page;
use crate::deadlines::policy::Policy;
use crate::freight::error::Result;
use crate::freight::houses;
use crate::freight::repo::{self, HAWBS};
use crate::freight::service::{self, Reported};
use crate::freight::stats::{self, Punctuality};
use crate::freight::views::{self, HawbView, TimelineView};
use crate::identity::features::{EditAirFreight, ViewAirFreight};
use crate::parcels::queries::limit;
use crate::store::table::{cursor, position};
use crate::store::{Dir, Ix, KeyRange};
use crate::web::{Answer, Body, Call, Query, Routes};

pub(super) fn routes(r: Routes) -> Routes {
    r.add::<ViewAirFreight, _, _>(
        Method::GET,
        "/hawbs",
        list_houses,
        "House waybills, newest first, or those of a master by number",
    )
    .query(&[
        ("mawb", "of this master"),
        ("number", "with this number"),
        ("limit", "rows, at most 500"),
        ("cursor", "from the page before"),
    ])
    .answers::<Page<HawbView>>(200)
    .add::<EditAirFreight, _, _>(Method::POST, "/hawbs", create_house, "Announce a house")
    .body::<HawbInput>(r#"{"number":"H-4711","pieces":1,"weight_kg":0.5}"#)
    .answers::<HawbView>(201)
    .add::<ViewAirFreight, _, _>(
        Method::GET,
        "/hawbs/punctuality",
        punctuality,
        "Houses against the days they were promised for",
    )
    .query(&[("on", "as of this day; today when absent")])
    .answers::<Punctuality>(200)
    .add::<ViewAirFreight, _, _>(Method::GET, "/hawbs/{id}", show_house, "One house, by id or number")
    .answers::<HawbView>(200)
    .add::<EditAirFreight, _, _>(Method::PUT, "/hawbs/{id}", change_house, "Change what is known of a house")
    .body::<HawbInput>(r#"{"goods":"tools"}"#)
    .answers::<HawbView>(200)
    .add::<EditAirFreight, _, _>(Method::POST, "/hawbs/{id}/events", report_house, "Report on a house")
    .body::<Reported>(r#"{"code":"DLV"}"#)
    .answers::<HawbView>(200)
    .add::<ViewAirFreight, _, _>(
        Method::GET,
        "/hawbs/{id}/timeline",
        house_timeline,
        "Everything that happened to a house",
    )
    .query(&[("skip", "entries to leave out"), ("limit", "entries, at most 500")])
    .answers::<Vec<TimelineView>>(200)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HouseListing {
    mawb: Option<String>,
    number: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list_houses(call: Call<ViewAirFreight>, q: Query<HouseListing>) -> Response {
    let q = q.0;
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let most = limit(q.limit)?;
        if let Some(number) = &q.number {
            let rows = repo::houses_named(tx, number)?;
            let items: Vec<HawbView> = rows.into_iter().take(most).map(HawbView::from).collect();
            return Ok(Answer::page(&Page { items, next: None })?);
        }
        let at = position(q.cursor.as_deref())?;
        let rows = match &q.mawb {
            Some(name) => {
                let prefix = service::find_id(tx, name)?.0;
                HAWBS.scan(tx, repo::BY_MASTER, &KeyRange::prefix(&prefix).resume(at), Dir::Up, most)?
            }
            None => HAWBS.scan(tx, Ix::Primary, &KeyRange::all().resume(at), Dir::Down, most)?,
        };
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let known = rows.items.into_iter().filter(|e| !e.value.state.number.is_empty());
        let items: Vec<HawbView> = known.map(HawbView::from).collect();
        Ok(Answer::page(&Page { items, next })?)
    })
}

async fn create_house(call: Call<EditAirFreight>, body: Body<HawbInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let number = body.0.number.as_deref().ok_or_else(|| Invalid::at("/number", "is needed"))?;
        let facts = body.0.facts()?;
        let view: HawbView = houses::create(tx, grant, cx, (number, body.0.mawb.as_deref(), facts))?.into();
        Ok(Answer::created(format!("/api/v1/hawbs/{}", view.id), &view)?.rev(view.version))
    })
    .await
}

async fn punctuality(call: Call<ViewAirFreight>, q: Query<On>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let policy = Policy::current(tx)?;
        let on = q.0.on.unwrap_or_else(|| policy.calendar.local_day(now));
        Ok(Answer::ok(&stats::punctuality(tx, on)?)?)
    })
}

async fn show_house(call: Call<ViewAirFreight>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let view = HawbView::from(houses::find(tx, &name)?);
        Ok(Answer::ok(&view)?.rev(view.version))
    })
}

async fn change_house(call: Call<EditAirFreight>, name: Path<String>, body: Body<HawbInput>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer> {
        if body.0.number.is_some() {
            return Err(Invalid::at("/number", "can't be changed: announce another house").into());
        }
        let news = (seen, body.0.mawb.as_deref(), body.0.facts()?);
        let view = HawbView::from(houses::change(tx, grant, cx, &name, news)?);
        Ok(Answer::ok(&view)?.rev(view.version))
    })
    .await
}

async fn report_house(call: Call<EditAirFreight>, name: Path<String>, body: Body<Reported>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let view = HawbView::from(houses::report(tx, grant, cx, &name, &body.0)?);
        Ok(Answer::ok(&view)?.rev(view.version))
    })
    .await
}

async fn house_timeline(call: Call<ViewAirFreight>, name: Path<String>, q: Query<Skip>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let row = houses::find(tx, &name)?.value;
        let page = (q.0.skip.unwrap_or(0), limit(q.0.limit)?);
        Ok(Answer::ok(&views::timeline(tx, &row, page)?)?)
    })
}
