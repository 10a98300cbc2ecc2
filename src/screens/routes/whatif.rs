//! What if a stop went with another vehicle: both routes before and after, and a button that does it.

use maud::{Markup, html};
use serde::Deserialize;

use super::{Editing, draw, gantt, searching};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::identity::features::EditRoutes;
use crate::routes::error::RouteError;
use crate::routes::model::Route;
use crate::routes::whatif::{self, Both, Moved};
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{self, empty};
use crate::screens::shell::{Fail, Form, Out, Reply, Screen, Viewer};

pub(super) fn add(screen: Screen) -> Screen {
    screen.get("/routes/whatif", show).post("/routes/whatif", accept)
}

/// Which stop goes where.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    from: String,
    to: String,
    stop: Option<usize>,
}

async fn looked(
    visit: &Editing,
    asked: &Asked,
    seen: [Option<u64>; 2],
) -> Result<(Both, Moved, usize), Fail> {
    let stop =
        asked.stop.ok_or_else(|| Invalid::at("/stop", "is missing: choose the stop that is to be moved"))?;
    let both = visit.read(|tx| whatif::both(tx, &visit.pass, (&asked.from, &asked.to), seen))?;
    let moved = whatif::moved(&searching(visit), &both, (stop, None)).await?;
    Ok((both, moved, stop))
}

async fn show(visit: Editing) -> Reply {
    let asked: Asked = visit.query()?;
    if asked.from.is_empty() {
        let v = &visit.viewer;
        let hint = html! { p { (v.t("route-drag-hint")) } p { a href="/routes" { (v.t("nav-routes")) } } };
        return Ok(Out::page(
            v.t("route-whatif"),
            html! { h1 { (v.t("route-whatif")) } (empty(&v.t("route-whatif"), &hint)) },
        ));
    }
    let (both, moved, stop) = looked(&visit, &asked, [None, None]).await?;
    let v = &visit.viewer;
    Ok(Out::page(v.t("route-whatif"), page(&visit, v, &both, &moved, stop)))
}

/// A difference with its sign.
fn more(v: &Viewer, was: u64, is: u64, say: impl Fn(u64) -> String) -> Markup {
    let said = match is.cmp(&was) {
        std::cmp::Ordering::Less => format!("−{}", say(was - is)),
        std::cmp::Ordering::Equal => v.t("route-same"),
        std::cmp::Ordering::Greater => format!("+{}", say(is - was)),
    };
    html! { b { (said) } }
}

fn page(visit: &Editing, v: &Viewer, both: &Both, moved: &Moved, stop: usize) -> Markup {
    let (from, to) = (&both.from.0, &both.to.0);
    let moving = from.content.stops.get(stop);
    let what =
        moving.map_or("", |s| if s.address.is_empty() { s.reference.as_str() } else { s.address.as_str() });
    let after =
        [(from, &moved.from), (to, &moved.to)].map(|(r, c)| Route { content: c.clone(), ..r.clone() });
    let shown: Vec<&Route> = after.iter().filter(|r| !r.content.stops.is_empty()).collect();
    let minutes = |s: u64| format!("{} min", s.div_ceil(60));
    let roads = visit.app.travel.roads();
    let at: Option<Timestamp> = moved.to.stops.get(moved.at).map(|s| s.arrive);
    html! {
        div.head { h1 { (v.t("route-whatif")) } a.all href={ "/routes?day=" (from.content.day) } { (v.t("nav-routes")) } }
        p { strong { (what) } ": " (from.content.ride.name) " → " (to.content.ride.name) @if let Some(at) = at { ", " (v.clock(at)) } }
        div.figures {
            div.figure.bad[moved.after.metres > moved.before.metres].good[moved.after.metres < moved.before.metres] { (more(v, moved.before.metres, moved.after.metres, |m| draw::metres(v, m))) span { (v.t("route-distance")) } }
            div.figure { (more(v, moved.before.drive_s, moved.after.drive_s, minutes)) span { (v.t("route-at-wheel")) } }
            div.figure.bad[moved.after.late_s > moved.before.late_s] { (more(v, moved.before.late_s, moved.after.late_s, minutes)) span { (v.t("route-late")) } }
        }
        @if !moved.warnings.is_empty() { div.notice.warn role="status" { (Icon::Triangle) ul { @for w in &moved.warnings { li { (v.say(w)) } } } } }
        @if moved.from.stops.is_empty() { p.notice.warn { (Icon::Triangle) (v.t("route-would-end")) } }
        div.buttons {
            (parts::post(v, "/routes/whatif", &html! {
                input type="hidden" name="from" value=(from.id);
                input type="hidden" name="to" value=(to.id);
                input type="hidden" name="stop" value=(stop);
                input type="hidden" name="from_version" value=(both.from.1);
                input type="hidden" name="to_version" value=(both.to.1);
                button.primary { (v.t("route-accept")) }
            }))
            a.button href={ "/routes?day=" (from.content.day) } { (v.t("route-leave")) }
        }
        h2 { (v.t("route-after")) }
        (gantt::strips(v, "after-strips", &v.t("route-strips"), &shown, false))
        (draw::map(v, "after-map", &v.t("route-map"), roads.as_deref(), &shown))
    }
}

async fn accept(visit: Editing, form: Form) -> Reply {
    let asked = Asked {
        from: form.text("from").to_owned(),
        to: form.text("to").to_owned(),
        stop: form.parsed("stop")?,
    };
    let seen = [form.parsed("from_version")?, form.parsed("to_version")?];
    let (both, moved, _) = looked(&visit, &asked, seen).await?;
    let day = both.from.0.content.day;
    let keep = visit.write::<EditRoutes, _, _>(move |tx, grant, cx| -> Result<(), RouteError> {
        whatif::keep(tx, grant, cx, &both, &moved)
    });
    keep.await?;
    Ok(Out::See(format!("/routes?day={day}&done=saved")))
}
