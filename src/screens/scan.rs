//! The station: one field that takes anything, and an answer that is read, seen and heard from two metres.

use actix_web::HttpResponse;
use fluent_bundle::FluentValue;
use maud::{Markup, html};

use super::shell::icons::Icon;
use super::shell::parts::{self, refusal, status};
use super::shell::visit::FRAGMENT;
use super::shell::{Anyone, Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::identity::IdentityError;
use crate::identity::auth::api::{blocking, hashing};
use crate::identity::auth::{Switch, switch};
use crate::identity::features::{PrintLabels, ScanParcels, ViewParcels};
use crate::identity::grant::Grant;
use crate::identity::model::SessionKind;
use crate::identity::repo::{SESSIONS, by_badge_print};
use crate::identity::secret::Secret;
use crate::manifests::unloading::Count;
use crate::parcels::model::Parcel;
use crate::scan::error::ScanError;
use crate::scan::inputs::ScanInput;
use crate::scan::model::Outcome;
use crate::scan::service::{self, Answered};
use crate::scan::views::{Done, Told};
use crate::store::StoreError;
use crate::web::ApiError;

type Floor = Visit<Grant<ScanParcels>>;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::Scan, "nav-scan")
        .get("/scan", show)
        .post("/scan", take)
        .post("/scan/person", person)
}

/// Letters of the longest code a badge has.
const MAX_BADGE: usize = 128;

/// What a scan came to.
pub enum Came {
    /// There was none.
    Nothing,
    /// It is answered.
    Answered(Box<Answered>),
    /// It was somebody's badge: their name.
    Person(String),
    /// It was refused.
    Refused(ApiError),
}

struct Model {
    is_station: bool,
    person: String,
    station: String,
    result: Came,
}

fn model<P>(visit: &Visit<P>, station: &str, result: Came) -> Result<Model, Fail>
where
    P: super::shell::visit::Pass,
{
    let person = visit.principal.actor.name.to_string();
    Ok(Model { is_station: is_station(visit)?, person, station: station.to_owned(), result })
}

fn is_station<P: super::shell::visit::Pass>(visit: &Visit<P>) -> Result<bool, Fail> {
    let Some(id) = visit.principal.session else { return Ok(false) };
    let session = visit.read(|tx| -> Result<_, StoreError> { SESSIONS.get(tx, &id) })?;
    Ok(session.is_some_and(|s| s.kind == SessionKind::Station))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Floor) -> Reply {
    let model = model(&visit, "", Came::Nothing)?;
    Ok(Out::page(visit.viewer.t("nav-scan"), markup(&visit.viewer, &model)))
}

async fn take(visit: Floor, form: Form) -> Reply {
    let station = form.text("station").to_owned();
    let result = match scanned(&visit, &form).await {
        Ok(result) => result,
        Err(Fail::Refused(e)) => Came::Refused(e),
        Err(Fail::LogIn) => return Err(Fail::LogIn),
    };
    reply(visit, &station, result)
}

fn reply<P: super::shell::visit::Pass>(visit: Visit<P>, station: &str, result: Came) -> Reply {
    let status = match &result {
        Came::Refused(e) => Some(e.clone()),
        _ => None,
    };
    if visit.request.headers().contains_key(FRAGMENT) {
        let code =
            status.as_ref().map_or(actix_web::http::StatusCode::OK, actix_web::ResponseError::status_code);
        let body = outcome(&visit.viewer, &result).into_string();
        let mut response = HttpResponse::build(code);
        response.content_type("text/html; charset=utf-8").insert_header(("vary", FRAGMENT));
        return Ok(Out::Raw(response.body(body)));
    }
    let model = model(&visit, station, result)?;
    Ok(Out::page(visit.viewer.t("nav-scan"), markup(&visit.viewer, &model)).after(status.as_ref()))
}

/// Takes what a form scanned.
///
/// # Errors
/// What the station refuses.
pub async fn scanned(visit: &Visit<Grant<ScanParcels>>, form: &Form) -> Result<Came, Fail> {
    let code = form.raw("code").to_owned();
    if let Some(name) = badge(visit, &code).await? {
        return Ok(Came::Person(name));
    }
    let input = ScanInput {
        code,
        scan_id: form.some("scan_id"),
        station: form.some("station"),
        at: form
            .some("at")
            .map(|at| Timestamp::parse(&at, &visit.viewer.zone))
            .transpose()
            .map_err(|e| Invalid::at("/at", e))?,
        reading: form.some("reading"),
        open_case: form.ticked("open_case"),
        accept: form.some("accept"),
    };
    let done = visit.write::<ScanParcels, _, _>(move |tx, grant, cx| -> Result<_, ScanError> {
        service::scan(tx, grant, cx, &input)
    });
    let answered = done.await?;
    visit.saw("parcel", answered.parcel.iter().map(|(p, _)| p.id.0));
    Ok(Came::Answered(Box::new(answered)))
}

/// On a station the code of somebody's badge is that person: it is looked for first, and never kept as a code.
async fn badge(visit: &Floor, code: &str) -> Result<Option<String>, Fail> {
    let code = code.trim();
    if code.is_empty() || code.len() > MAX_BADGE || !is_station(visit)? {
        return Ok(None);
    }
    let print = visit.app.gate.badge(visit.principal.tenant, code);
    if visit.read(|tx| -> Result<_, StoreError> { by_badge_print(tx, &print) })?.is_none() {
        return Ok(None);
    }
    switched(visit, Switch::Badge(Secret::new(code.to_owned()))).await.map(Some)
}

async fn switched<P: super::shell::visit::Pass>(visit: &Visit<P>, how: Switch) -> Result<String, Fail> {
    let (store, gate, now) = (visit.app.store.clone(), visit.app.gate.clone(), visit.viewer.now);
    let principal = visit.principal.clone();
    let is_pin = matches!(how, Switch::Pin(..));
    let change = move || -> Result<_, IdentityError> { switch(&store, &gate, &principal, how, now) };
    let user = if is_pin { hashing(change).await? } else { blocking(change).await? };
    Ok(user.map(|u| u.name).unwrap_or_default())
}

/// Somebody else stands at the station now.
async fn person(visit: Visit<Anyone>, form: Form) -> Reply {
    let how = if form.ticked("leave") {
        Switch::Leave
    } else {
        Switch::Pin(form.text("login").to_owned(), Secret::new(form.raw("pin").to_owned()))
    };
    let station = form.text("station").to_owned();
    match switched(&visit, how).await {
        Ok(_) => Ok(Out::See("/scan".into())),
        Err(Fail::Refused(e)) => reply(visit, &station, Came::Refused(e)),
        Err(fail) => Err(fail),
    }
}

/// The word, the class and the picture of an outcome: three ways to tell, so that no one of them has to be seen.
fn look(v: &Viewer, outcome: Outcome) -> (&'static str, String, Icon) {
    match outcome {
        Outcome::Ok => ("ok", v.t("scan-ok"), Icon::Tick),
        Outcome::Exception => ("exception", v.t("scan-exception"), Icon::Triangle),
        Outcome::Unknown => ("unknown", v.t("scan-unknown"), Icon::Cross),
        Outcome::Duplicate => ("duplicate", v.t("scan-duplicate"), Icon::Ring),
    }
}

/// What was done, in the reader's words.
fn message(v: &Viewer, told: &Told) -> Markup {
    let place = told.place.clone().unwrap_or_default();
    let action = told.pending.as_ref().map(|p| p.action.clone()).unwrap_or_default();
    match (&told.refused, &told.done) {
        (Some(refused), _) => v.say(&refused.detail),
        (None, Done::Moved) => match told.status {
            Some(s) => html! { (status(v, s)) @if !place.is_empty() { " " span.place { (place) } } },
            None => html! { (v.t("scan-moved")) },
        },
        (None, Done::Confirmed) => {
            html! { (v.t("scan-confirmed")) @if !place.is_empty() { " " span.place { (place) } } }
        }
        (None, Done::Pending) => html! { (v.with("scan-pending", &[("action", FluentValue::from(action))])) },
        (None, Done::Placed) => html! { (v.with("scan-placed", &[("place", FluentValue::from(place))])) },
        (None, Done::Cleared) => html! { (v.t("scan-cleared")) },
        (None, Done::Undone) => html! { (v.t("scan-undone")) },
        (None, Done::CaseOpened) => html! { (v.t("scan-case-opened")) },
        (None, Done::Nothing) => match told.outcome {
            Outcome::Duplicate => html! { (v.t("scan-again")) },
            Outcome::Unknown => html! { (v.t("scan-nobody-knows")) },
            Outcome::Ok | Outcome::Exception => v.say(&told.message),
        },
    }
}

fn outcome(v: &Viewer, result: &Came) -> Markup {
    match result {
        Came::Nothing => html! {
            article.outcome.ready data-outcome="ready" { (Icon::Scan) p.word { (v.t("scan-ready")) } p { (v.t("scan-ready-hint")) } }
        },
        Came::Person(name) => html! {
            article.outcome.person data-outcome="person" data-person=(name) {
                (Icon::Person) p.word { (v.with("scan-hello", &[("name", FluentValue::from(name.as_str()))])) }
            }
        },
        Came::Refused(e) => html! {
            article.outcome.exception data-outcome="exception" { (Icon::Triangle) p.word { (v.t("refused")) } (refusal(v, Some(e))) }
        },
        Came::Answered(a) => answered(v, a),
    }
}

fn answered(v: &Viewer, a: &Answered) -> Markup {
    let told = &a.told;
    let (class, word, icon) = look(v, told.outcome);
    let parcel = a.parcel.as_ref().map(|(p, _)| p);
    let again = |field: &str, value: &str, label: &str| {
        parts::post(
            v,
            "/scan",
            &html! {
                input type="hidden" name="code" value=(told.code);
                input type="hidden" name=(field) value=(value);
                button { (label) }
            },
        )
    };
    html! {
        article.outcome.(class) data-outcome=(class) data-code=(told.code) {
            (icon)
            p.word { (word) }
            p.what { (message(v, told)) }
            @if let Some(p) = parcel { (whose(v, p)) } @else { p.code { (told.code) } }
            @if let Some(c) = &told.unloading { (counted(v, c)) }
            @if told.offer.is_some() { (again("open_case", "1", &v.t("scan-open-case"))) }
            @if told.choices.len() > 1 {
                p { (v.t("scan-several")) }
                ul { @for id in &told.choices { li { a href={ "/parcels/" (id) } { (id) } } } }
            }
            @if parcel.is_none() && told.offer.is_some() {
                @let plausible: Vec<_> = told.readings.iter().filter(|r| r.is_plausible()).take(4).collect();
                @if plausible.len() > 1 {
                    div.readings { span { (v.t("scan-could-be")) } @for r in plausible { (again("reading", &r.form, &r.name)) } }
                }
            }
        }
    }
}

/// Which piece it was of how many, in the unloading at this station.
fn counted(v: &Viewer, c: &Count) -> Markup {
    let args =
        [("n", FluentValue::from(c.scanned)), ("of", c.announced.into()), ("what", c.label.as_str().into())];
    html! {
        p.counted {
            (v.with(if c.announced > 0 { "scan-counted" } else { "scan-counted-more" }, &args))
            @if let Some(d) = c.difference { " · " b { (v.word("difference", d.as_str())) } }
        }
    }
}

fn whose(v: &Viewer, p: &Parcel) -> Markup {
    let to = [&p.facts.to.zip, &p.facts.to.city, &p.facts.to.country];
    let to: Vec<&str> = to.into_iter().filter_map(|t| t.as_deref()).collect();
    html! {
        @if v.may::<ViewParcels>() { a.code href={ "/parcels/" (p.id) } { (p.number) } } @else { p.code { (p.number) } }
        p.to { (to.join(" ")) @if let Some(name) = &p.facts.recipient.name { " · " (name) } }
        @if !p.issues.is_empty() {
            ul.issues { @for issue in &p.issues { li { (Icon::Triangle) (v.word("reason", &issue.reason)) } } }
        }
    }
}

/// A station within another page: its scans are made at `station`, which is the person's own when it is empty.
#[must_use]
pub fn dock(v: &Viewer, action: &str, station: &str, came: &Came) -> Markup {
    let inside = html! {
        (field(v, action, &html! { input #station type="hidden" name="station" value=(station) data-fixed; }))
        (result(v, came))
    };
    frame(v, "station dock", &inside)
}

fn frame(v: &Viewer, class: &str, inside: &Markup) -> Markup {
    html! {
        div class=(class) data-scan data-now=(v.now.millis()) data-away=(v.t("scan-away")) data-ok=(v.t("scan-ok")) data-exception=(v.t("scan-exception"))
            data-unknown=(v.t("scan-unknown")) data-duplicate=(v.t("scan-duplicate")) data-waits=(v.t("scan-waits")) data-kept=(v.t("scan-kept")) { (inside) }
    }
}

/// The one field that takes anything.
fn field(v: &Viewer, action: &str, station: &Markup) -> Markup {
    parts::post(
        v,
        action,
        &html! {
            label.away for="code" { (v.t("scan-field")) }
            input #code.code name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" enterkeyhint="go"
                maxlength="1024" autofocus placeholder=(v.t("scan-field"));
            button.primary { (v.t("scan-go")) }
            (station)
        },
    )
}

/// What came of the last scan, what waits, and the last ten.
fn result(v: &Viewer, came: &Came) -> Markup {
    html! {
        div #result aria-live="assertive" { (outcome(v, came)) }
        p #waiting .waiting role="status" hidden {}
        section.recent aria-labelledby="recent" {
            h2 id="recent" { (v.t("scan-last")) }
            ol #last {}
        }
    }
}

fn markup(v: &Viewer, m: &Model) -> Markup {
    let station = html! {
        details.where { summary { (v.t("scan-where")) }
            label for="station" { (v.t("station")) }
            input #station name="station" value=(m.station) maxlength="64" autocomplete="off";
            p.faint { (v.t("scan-where-hint")) }
        }
    };
    let inside = html! {
            h1.away { (v.t("nav-scan")) }
            (field(v, "/scan", &station))
            (result(v, &m.result))
            @if m.is_station { (who(v, m)) }
            details.help {
                summary { (v.t("scan-help")) }
                p { (v.t("scan-help-text")) }
                @if v.may::<PrintLabels>() { p { a.button href="/api/v1/labels/wall-sheet.pdf" { (v.t("scan-wall")) } } }
            }
    };
    frame(v, "station", &inside)
}

fn who(v: &Viewer, m: &Model) -> Markup {
    html! {
        section.person aria-labelledby="who" {
            h2 id="who" { (Icon::Person) (m.person) }
            p.faint { (v.t("scan-badge-hint")) }
            details {
                summary { (v.t("scan-pin")) }
                (parts::post(v, "/scan/person", &html! {
                    (parts::Field::text("login", v.t("login-name"), "").needed())
                    (parts::Field::text("pin", v.t("pin"), "").kind("password", "off").needed())
                    button { (v.t("scan-switch")) }
                }))
            }
            (parts::post(v, "/scan/person", &html! { input type="hidden" name="leave" value="1"; button.small { (v.t("scan-leave")) } }))
        }
    }
}
