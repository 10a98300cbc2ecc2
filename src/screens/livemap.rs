//! The live map: where every vehicle is, what it drives to next and when it will be there, the late ones first.

use maud::{Markup, html};

use super::routes::draw::{self, Sheet};
use super::shell::icons::Icon;
use super::shell::parts::{empty, mark};
use super::shell::{Fail, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::units::Position;
use crate::eta::service::Estimate;
use crate::identity::features::ViewTracking;
use crate::identity::grant::{Grant, Scope};
use crate::tracking::error::TrackingError;
use crate::tracking::model::{Stop, StopState};
use crate::tracking::repo::{self, TRACKS};
use crate::tracking::service;
use crate::tracking::tracker::Latest;
use crate::tracking::views::is_stale;

type Looking = Visit<Grant<ViewTracking>>;

/// Vehicles that are shown at once.
const SHOWN: usize = 300;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::Live, "nav-live")
        .when(|v| v.principal.as_ref().is_some_and(|p| !matches!(p.scope, Scope::Distributors(_))))
        .get("/live", show)
}

/// A vehicle as it is shown.
struct Row {
    id: Id,
    latest: Latest,
    stale: bool,
    next: Option<(Stop, Option<Estimate>)>,
    left: usize,
}

impl Row {
    /// Seconds behind the next stop's window, as foretold.
    fn late_s(&self) -> u64 {
        let Some((stop, Some(eta))) = &self.next else { return 0 };
        stop.window.map_or(0, |(_, closes)| eta.estimated_time.since(closes).as_secs())
    }

    fn position(&self) -> Position {
        let (lat, lon) = self.latest.fix.spot.degrees();
        Position::from_degrees(lat, lon).unwrap_or_default()
    }
}

fn rows(visit: &Looking) -> Result<Vec<Row>, Fail> {
    let (app, who, now) = (&visit.app, &visit.principal, visit.viewer.now);
    let latest = app.tracker.latest(&app.store, who.tenant).map_err(TrackingError::from)?;
    let mut rows = visit.read(|tx| -> Result<_, TrackingError> {
        let own = match who.scope {
            Scope::Tenant => None,
            Scope::Own => Some(vec![service::driven(tx, who, None)?.0, service::own_track(who.actor.user)]),
            Scope::Distributors(_) => Some(Vec::new()),
        };
        let mut rows = Vec::new();
        for (id, latest) in latest {
            if rows.len() >= SHOWN || own.as_ref().is_some_and(|own| !own.contains(&id)) {
                continue;
            }
            let open = repo::open_stops(tx, id)?;
            let left = open.iter().filter(|s| s.state == StopState::Expected).count();
            let track = TRACKS.get(tx, &id)?;
            let next = open.into_iter().find(|s| s.state == StopState::Expected);
            let next = next.map(|stop| {
                let eta = service::estimate(tx, &app.predictors, &stop, track.as_ref(), now).ok();
                (stop, eta)
            });
            rows.push(Row { id, stale: is_stale(latest.heard_at, now), latest, next, left });
        }
        Ok(rows)
    })?;
    rows.sort_by(|a, b| {
        let order = |r: &Row| (std::cmp::Reverse(r.late_s()), std::cmp::Reverse(r.stale));
        order(a).cmp(&order(b)).then_with(|| a.latest.name.cmp(&b.latest.name))
    });
    Ok(rows)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let rows = rows(&visit)?;
    visit.saw("vehicle", rows.iter().map(|r| r.id));
    let v = &visit.viewer;
    let main = html! {
        div.head { h1 { (v.t("nav-live")) } }
        @if rows.is_empty() { div data-region="vehicles" data-again="5000" { (empty(&v.t("live-none"), &html! { p { (v.t("live-none-hint")) } })) } }
        @else {
            (map(&visit, &rows))
            div data-region="vehicles" data-kinds="route" data-again="5000" { (table(v, &rows)) }
        }
    };
    Ok(Out::page(v.t("nav-live"), main))
}

fn map(visit: &Looking, rows: &[Row]) -> Markup {
    let v = &visit.viewer;
    let spots = rows.iter().map(Row::position);
    let stops = rows.iter().filter_map(|r| r.next.as_ref().and_then(|(s, _)| s.spot));
    let stops: Vec<Position> =
        stops.filter_map(|s| Position::from_degrees(s.degrees().0, s.degrees().1).ok()).collect();
    let all: Vec<Position> = spots.chain(stops.iter().copied()).collect();
    let Some(sheet) = Sheet::around(&all) else { return html! {} };
    let roads = visit.app.travel.roads();
    html! {
        figure.map {
            figcaption.away id="live-map" { (v.t("nav-live")) }
            svg viewBox=(sheet.view_box()) role="img" aria-labelledby="live-map" data-vehicles=(sheet.frame()) {
                (draw::streets(&sheet, roads.as_deref()))
                @for stop in &stops { @let (x, y) = sheet.spot(*stop); circle.next cx=(x) cy=(y) r="7" {} }
                @for r in rows {
                    @let (x, y) = sheet.spot(r.position());
                    g.vehicle.stale[r.stale] data-vehicle=(r.id) transform={ "translate(" (x) " " (y) ")" } {
                        circle r="10" {}
                        text x="14" y="5" { (r.latest.name) }
                    }
                }
                (draw::scale(v, &sheet, roads.as_deref()))
            }
        }
    }
}

fn table(v: &Viewer, rows: &[Row]) -> Markup {
    html! {
        table.list {
            thead { tr { th { (v.t("fleet-vehicle")) } th { (v.t("state")) } th { (v.t("live-heard")) } th { (v.t("live-next")) } th { (v.t("live-eta")) } th.n { (v.t("live-left")) } } }
            tbody {
                @for r in rows {
                    tr {
                        td { strong { (r.latest.name) } }
                        td { (standing(v, r)) }
                        td.when data-as=(v.t("live-heard")) { (v.ago(r.latest.heard_at)) }
                        td { @if let Some((stop, _)) = &r.next { code { (short(&stop.delivery)) } } @else { "–" } }
                        td.when data-as=(v.t("live-eta")) { @if let Some((_, Some(eta))) = &r.next { (arrival(v, eta)) } @else { "–" } }
                        td.n data-as=(v.t("live-left")) { (r.left) }
                    }
                }
            }
        }
    }
}

/// A delivery's name without the length of an id.
fn short(name: &str) -> &str {
    if name.parse::<Id>().is_ok() { &name[name.len() - 8..] } else { name }
}

fn arrival(v: &Viewer, eta: &Estimate) -> Markup {
    let span = |from: Timestamp, to: Timestamp| format!("{}–{}", v.clock(from), v.clock(to));
    html! { (v.moment(eta.estimated_time)) " " span.faint { (span(eta.range.min, eta.range.max)) } }
}

fn standing(v: &Viewer, r: &Row) -> Markup {
    match (r.stale, r.late_s() / 60) {
        (true, _) => mark(Some(false), &v.t("live-stale")),
        (false, 0) => mark(Some(true), &v.t("live-moves")),
        (false, minutes) => mark(Some(false), &v.count("live-late", minutes)),
    }
}
