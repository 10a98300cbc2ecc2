//! The day of each vehicle as a strip: drives, stops and pauses against the clock. A stop can be dragged onto another
//! vehicle's strip where scripts run; the form on a route's page does the same.

use maud::{Markup, html};

use super::draw::COLOURS;
use crate::base::clock::Timestamp;
use crate::routes::model::{Act, Route, State, Stop};
use crate::screens::shell::Viewer;

const WIDTH: i64 = 1_000;
const HEAD: i64 = 24;
const ROW: i64 = 46;
const HOUR: i64 = 3_600_000;

/// Whether a stop begins behind its last window.
#[must_use]
pub fn is_late(s: &Stop) -> bool {
    !s.windows.is_empty() && s.windows.iter().all(|w| s.start > w.to)
}

/// The strips of `routes`; `moves` when stops may be dragged.
#[must_use]
pub fn strips(v: &Viewer, id: &str, title: &str, routes: &[&Route], moves: bool) -> Markup {
    let first = routes.iter().map(|r| r.content.depart.millis()).min();
    let last = routes.iter().map(|r| r.content.back.millis()).max();
    let (Some(first), Some(last)) = (first, last) else { return html! {} };
    let first = first.div_euclid(HOUR) * HOUR;
    let last = (last + HOUR - 1).div_euclid(HOUR).max(first / HOUR + 1) * HOUR;
    let x = |at: Timestamp| (at.millis() - first) * WIDTH / (last - first);
    let hours = (last - first) / HOUR;
    let every = (hours + 11) / 12;
    let height = HEAD + ROW * i64::try_from(routes.len()).unwrap_or(1);
    html! {
        figure.gantt {
            figcaption.away id=(id) { (title) }
            div.scroll tabindex="0" role="group" aria-labelledby=(id) {
                svg viewBox={ "0 0 " (WIDTH) " " (height) } data-gantt=[moves.then_some("")] role="group" aria-labelledby=(id) {
                    @for n in (0..=hours).step_by(usize::try_from(every.max(1)).unwrap_or(1)) {
                        @let at = Timestamp::from_millis(first + n * HOUR);
                        line.axis x1=(x(at)) x2=(x(at)) y1="18" y2=(height) {}
                        text.hour x=(x(at) + 3) y="14" { (v.clock(at)) }
                    }
                    @for (n, route) in routes.iter().enumerate() {
                        @let top = HEAD + ROW * i64::try_from(n).unwrap_or(0);
                        (strip(v, route, n, top, &x, moves && route.state == State::Planned))
                    }
                }
            }
        }
    }
}

fn strip(v: &Viewer, route: &Route, n: usize, top: i64, x: &dyn Fn(Timestamp) -> i64, moves: bool) -> Markup {
    let c = &route.content;
    let wide = |from: Timestamp, to: Timestamp| (x(to) - x(from)).max(7);
    let driver = c.ride.driver.as_ref().map_or("", |d| d.name.as_str());
    html! {
        g.strip data-route=[moves.then(|| route.id.to_string())] {
            rect.row x="0" y=(top) width=(WIDTH) height=(ROW - 4) rx="4" {}
            rect class={ "drive r" (n % COLOURS) } x=(x(c.depart)) y=(top + 27) width=(wide(c.depart, c.back)) height="4" rx="2" {}
            a href={ "/routes/" (route.id) } { text.name x=(x(c.depart) + 2) y=(top + 13) { (c.ride.name) @if !driver.is_empty() { " · " (driver) } } }
            @for (at, s) in c.stops.iter().enumerate() {
                @let class = if s.act == Act::Pause { "pause" } else if s.act == Act::Reload { "reload" } else { "job" };
                @let late = if is_late(s) { " late" } else { "" };
                @let done = if s.done_at.is_some() { " done" } else { "" };
                rect class={ "block " (class) (late) (done) " r" (n % COLOURS) } x=(x(s.start)) y=(top + 19) width=(wide(s.start, s.end)) height="20" rx="3"
                    data-stop=[(moves && s.act.is_job()).then_some(at)] {
                    title { (v.clock(s.start)) "–" (v.clock(s.end)) " " (s.address) @if s.address.is_empty() { (s.reference) } }
                }
            }
        }
    }
}
