//! An unloading: what comes off a vehicle is scanned against what was announced, and what differs is seen while it goes
//! on. Closing it makes a case of each difference.

use fluent_bundle::FluentValue;
use maud::{Markup, html};
use serde::Deserialize;

use super::scan::{self, Came};
use super::shell::icons::Icon;
use super::shell::parts::{self, Field, mark, refusal};
use super::shell::visit::Pass;
use super::shell::{Fail, Form, Out, Reply, Screen, Viewer, Visit};
use crate::cases::rules::CaseId;
use crate::cases::service as cases;
use crate::identity::features::{CloseManifests, ScanParcels, ViewCases, ViewManifests, ViewParcels};
use crate::identity::grant::Grant;
use crate::manifests::aggregate::cases_of;
use crate::manifests::error::ManifestError;
use crate::manifests::model::{Difference, Item, Totals, Unloading};
use crate::manifests::unloading::{self, station_key};
use crate::store::ReadTx;
use crate::web::ApiError;

type Looking = Visit<Grant<ViewManifests>>;
type Closing = Visit<Grant<CloseManifests>>;

/// Differences of one page.
const ITEMS: usize = 150;

/// Adds the routes of unloadings to the screen of manifests.
#[must_use]
pub fn routes(screen: Screen) -> Screen {
    screen
        .get("/unloadings/{id}", show)
        .post("/unloadings/{id}/scan", take)
        .post("/unloadings/{id}/close", close)
        .post("/unloadings/{id}/reopen", reopen)
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Asked {
    kind: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

/// A difference with the case it is told in.
struct Told {
    item: Item,
    case: Option<CaseId>,
}

struct Model {
    unloading: Unloading,
    totals: Totals,
    counts: Vec<(Difference, usize, usize)>,
    kind: Option<Difference>,
    items: Vec<Told>,
    next: Option<String>,
    /// The station a scan on this page is made at; none where no scan counts.
    station: Option<String>,
    done: Option<String>,
}

fn load<P: Pass>(visit: &Visit<P>) -> Result<Model, Fail> {
    let (name, scope, actor) = (visit.path("id"), &visit.principal.scope, &visit.principal.actor);
    let asked: Asked = visit.query().unwrap_or_default();
    let kind = Difference::ALL.into_iter().find(|d| Some(d.as_str()) == asked.kind.as_deref());
    let skip: usize = asked.cursor.as_deref().and_then(|c| c.parse().ok()).unwrap_or(0);
    let own = station_key(None, actor.user);
    visit.read(|tx| -> Result<_, ManifestError> {
        let unloading = unloading::find(tx, scope, &name)?.value.state;
        let (totals, all) = unloading::standing(tx, &unloading)?;
        let counts = Difference::ALL.into_iter().filter_map(|d| {
            let of_kind = || all.iter().filter(|i| i.kind == d);
            let n = of_kind().count();
            (n > 0).then(|| (d, n, of_kind().filter(|i| i.found).count()))
        });
        let counts: Vec<_> = counts.collect();
        let mut wanted = all.into_iter().filter(|i| kind.is_none_or(|k| i.kind == k)).skip(skip);
        let items: Vec<Item> = wanted.by_ref().take(ITEMS).collect();
        let next = wanted.next().map(|_| (skip + ITEMS).to_string());
        let items = told(tx, &unloading, items)?;
        let named = unloading.stations.iter().find_map(|s| s.strip_prefix("s:").map(str::to_owned));
        let station = named.or_else(|| unloading.stations.contains(&own).then(String::new));
        let station = station.filter(|_| unloading.is_open());
        Ok(Model { unloading, totals, counts, kind, items, next, station, done: asked.done })
    })
}

/// The items with their cases: those that follow from the closing, and of a piece nobody knows the one the station made.
fn told(tx: &dyn ReadTx, u: &Unloading, items: Vec<Item>) -> Result<Vec<Told>, ManifestError> {
    let follow = cases_of(u);
    let with_case = |item: Item| {
        let of_closing = follow.iter().find(|c| c.tells(&item)).map(|c| c.case);
        let case = match of_closing.filter(|_| !item.found) {
            Some(case) => Some(case),
            None if item.kind == Difference::Unknown => {
                cases::operational(tx, item.kind.reason(), &item.number)?.map(|c| c.id)
            }
            None => None,
        };
        Ok(Told { item, case })
    };
    items.into_iter().map(with_case).collect()
}

fn page<P: Pass>(visit: &Visit<P>, came: &Came, fail: Option<&ApiError>) -> Reply {
    let model = load(visit)?;
    let title = visit.viewer.with("unloading-of", &[("what", model.unloading.label.as_str().into())]);
    let main = markup(&visit.viewer, &model, &title, came, fail);
    Ok(Out::page(title, main).after(fail))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    page(&visit, &Came::Nothing, None)
}

/// A scan made on the page itself, where no script sends it to the station.
async fn take(visit: Visit<Grant<ScanParcels>>, form: Form) -> Reply {
    visit.principal.grant::<ViewManifests>()?;
    match scan::scanned(&visit, &form).await {
        Ok(came) => page(&visit, &came, None),
        Err(Fail::Refused(e)) => page(&visit, &Came::Nothing, Some(&e)),
        Err(fail) => Err(fail),
    }
}

async fn close(visit: Closing, _: Form) -> Reply {
    let id = visit.path("id");
    let of = id.clone();
    let closed = visit.write::<CloseManifests, _, _>(move |tx, grant, cx| -> Result<(), ManifestError> {
        unloading::close(tx, grant, cx, &of).map(drop)
    });
    after(&visit, &id, closed.await)
}

async fn reopen(visit: Closing, form: Form) -> Reply {
    let id = visit.path("id");
    let (of, reason) = (id.clone(), form.text("reason").to_owned());
    let opened = visit.write::<CloseManifests, _, _>(move |tx, grant, cx| -> Result<(), ManifestError> {
        unloading::reopen(tx, grant, cx, &of, &reason).map(drop)
    });
    after(&visit, &id, opened.await)
}

fn after(visit: &Closing, id: &str, done: Result<(), Fail>) -> Reply {
    match done {
        Ok(()) => Ok(Out::See(format!("/unloadings/{id}?done=saved"))),
        Err(Fail::Refused(e)) => page(visit, &Came::Nothing, Some(&e)),
        Err(fail) => Err(fail),
    }
}

fn figure(n: u32, of: Option<u32>, label: &str, class: &str, v: &Viewer) -> Markup {
    html! {
        div.figure.(class) {
            b { (v.number(u64::from(n))) @if let Some(of) = of { small { " / " (v.number(u64::from(of))) } } }
            span { (label) }
        }
    }
}

fn figures(v: &Viewer, m: &Model) -> Markup {
    let t = &m.totals;
    let differs = m.counts.iter().map(|(_, n, found)| n - found).sum::<usize>();
    let differs = u32::try_from(differs).unwrap_or(u32::MAX);
    html! {
        div.figures {
            (figure(t.scanned, Some(t.announced), &v.t("parcels"), if t.scanned == t.announced { "good" } else { "" }, v))
            (figure(t.scanned_pieces, Some(t.announced_pieces), &v.t("pieces"), "", v))
            (figure(t.unannounced, None, &v.t("unloading-unannounced"), if t.unannounced > 0 { "warn" } else { "" }, v))
            (figure(differs, None, &v.t("unloading-differs"), if differs > 0 { "warn" } else { "good" }, v))
        }
        @if t.announced_pieces > 0 {
            p.progress { progress max=(t.announced_pieces) value=(t.scanned_pieces.min(t.announced_pieces)) aria-label=(v.t("progress")) {} " "
                (v.number(u64::from(t.scanned_pieces.min(t.announced_pieces)) * 100 / u64::from(t.announced_pieces))) " %" }
        }
    }
}

fn markup(v: &Viewer, m: &Model, title: &str, came: &Came, fail: Option<&ApiError>) -> Markup {
    let u = &m.unloading;
    html! {
        div.head {
            h1 { (title) }
            @if u.is_open() { (mark(None, &v.t("unloading-open"))) } @else { (mark(Some(true), &v.t("unloading-closed"))) }
            button.noprint data-print { (Icon::Printers) (v.t("print")) }
        }
        (parts::done(v, m.done.as_deref()))
        (refusal(v, fail))
        @if let Some(station) = m.station.as_ref().filter(|_| v.may::<ScanParcels>()) {
            (scan::dock(v, &format!("/unloadings/{}/scan", u.id), station, came))
        }
        div data-region="unloading" data-kinds="unloading parcel manifest" data-again=[u.is_open().then_some("3000")] {
            (figures(v, m))
            (about(v, u))
            (differences(v, m))
        }
        (end(v, m))
    }
}

fn about(v: &Viewer, u: &Unloading) -> Markup {
    let stations = u.stations.iter().map(|s| match s.strip_prefix("s:") {
        Some(name) => name.to_owned(),
        None => v.t("unloading-own-station"),
    });
    let stations = stations.collect::<Vec<_>>().join(", ");
    html! {
        dl.facts {
            (parts::fact(&v.t("opened"), Some(&v.time(u.opened_at))))
            (parts::fact(&v.t("closed"), u.closing.map(|c| v.time(c.at)).as_ref()))
            (parts::fact(&v.t("door"), u.door.as_ref().map(|d| html! { (d) }).as_ref()))
            (parts::fact(&v.t("unloading-stations"), Some(&html! { (stations) })))
            (parts::fact(&v.t("manifests"), Some(&html! { @for id in &u.manifests { a href={ "/manifests/" (id) } { (v.t("show")) } " " } })))
            (parts::fact(&v.t("unloading-reopened"), u.why.as_ref().map(|why| html! { q { (why) } }).as_ref()))
        }
    }
}

fn differences(v: &Viewer, m: &Model) -> Markup {
    let at = format!("/unloadings/{}", m.unloading.id);
    let open = m.unloading.is_open();
    // What is missing while it goes on is still to come.
    let word = |d: Difference| match d {
        Difference::Missing if open => v.t("difference-to-come"),
        d => v.word("difference", d.as_str()),
    };
    if m.counts.is_empty() {
        return parts::empty(&v.t("unloading-all-fits"), &html! { p { (v.t("unloading-all-fits-hint")) } });
    }
    let kept = m.kind.map(|k| format!("kind={}", k.as_str())).unwrap_or_default();
    html! {
        nav.chips aria-label=(v.t("filter")) {
            a href=(at) aria-current=[m.kind.is_none().then_some("true")] { (v.t("all")) }
            @for (d, n, _) in &m.counts {
                a href={ (at) "?kind=" (d.as_str()) } aria-current=[(m.kind == Some(*d)).then_some("true")] { (word(*d)) " " (v.number(*n as u64)) }
            }
        }
        table.list {
            thead { tr { th { (v.t("unloading-difference")) } th { (v.t("parcel-number")) } th.n { (v.t("announced")) } th.n { (v.t("scanned")) } th { (v.t("case")) } } }
            tbody {
                @for t in &m.items {
                    @let i = &t.item;
                    tr data-row {
                        td { (difference(i, &word(i.kind), open)) @if let Some(site) = i.to_site { " " small.faint { (v.with("line-to-site", &[("site", FluentValue::from(site))])) } } }
                        td.id { @match i.parcel { Some(p) if v.may::<ViewParcels>() => a href={ "/parcels/" (p) } { (i.number) }, _ => (i.number) } }
                        td.n data-as=(v.t("announced")) { (v.number(u64::from(i.announced))) }
                        td.n data-as=(v.t("scanned")) { (v.number(u64::from(i.scanned))) }
                        td { @if i.found { (mark(Some(true), &v.t("difference-found"))) " " } @if let Some(c) = t.case { @if v.may::<ViewCases>() { a href={ "/cases/" (c) } { (v.word("reason", i.kind.reason().code())) } } } @else if open { span.faint { (v.word("reason", i.kind.reason().code())) } } }
                    }
                }
            }
        }
        (parts::more(v, &at, &kept, m.next.as_deref()))
    }
}

fn difference(i: &Item, word: &str, open: bool) -> Markup {
    let (class, icon) = match i.kind {
        Difference::Missing if open => ("soon", Icon::Ring),
        Difference::Missing | Difference::Unknown => ("stuck", Icon::Triangle),
        Difference::Short | Difference::OverReceived => ("here", Icon::Square),
        Difference::Surplus => ("moves", Icon::Dot),
        Difference::Misrouted | Difference::WrongVehicle => ("back", Icon::Back),
    };
    html! { span class={ "state " (class) } { (icon) (word) } }
}

/// How it ends, or goes on after all.
fn end(v: &Viewer, m: &Model) -> Markup {
    if !v.may::<CloseManifests>() {
        return html! {};
    }
    let u = &m.unloading;
    let differs: usize = m.counts.iter().map(|(_, n, found)| n - found).sum();
    html! {
        div.buttons.noprint {
            @if u.is_open() {
                details.confirm {
                    summary.button.primary { (v.t("unloading-close")) }
                    p { (v.count("unloading-close-hint", differs as u64)) }
                    (parts::post(v, &format!("/unloadings/{}/close", u.id), &html! { button.primary { (v.t("unloading-close")) } }))
                }
            } @else {
                details.confirm {
                    summary.button { (v.t("unloading-reopen")) }
                    (parts::post(v, &format!("/unloadings/{}/reopen", u.id), &html! {
                        (Field::text("reason", v.t("reason"), "").needed())
                        button { (v.t("unloading-reopen")) }
                    }))
                }
            }
        }
    }
}
