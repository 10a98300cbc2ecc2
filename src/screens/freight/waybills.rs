//! The list of masters, and a new one. The other pages of a master are served from here too.

use maud::{Markup, html};
use serde::Deserialize;

use super::{board, customs, facts, flow, messages, papers, waybill};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::money::scaled;
use crate::base::page::{DEFAULT_LIMIT, Page};
use crate::base::units::Grams;
use crate::deadlines::policy::Policy;
use crate::freight::error::FreightError;
use crate::freight::listing::{self, Filter};
use crate::freight::model::{Facts, Party, State};
use crate::freight::service::{self, NewMawb};
use crate::freight::views::MawbCard;
use crate::identity::features::{AddDocuments, EditAirFreight, ViewAirFreight};
use crate::identity::grant::Grant;
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{self, Field, choice, empty, refusal};
use crate::screens::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::web::ApiError;

/// Days a last free day may be away to be called soon.
const SOON: u16 = 3;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::AirFreight, "nav-airfreight")
        .when(Viewer::sees_all)
        .get("/mawbs", list)
        .get("/mawbs/new", blank)
        .post("/mawbs/new", announce)
        .get("/mawbs/clocks", board::show)
        .get("/mawbs/messages", messages::show)
        .post("/mawbs/messages", messages::send)
        .get("/mawbs/{id}", waybill::show)
        .post("/mawbs/{id}/advance", flow::advance)
        .post("/mawbs/{id}/report", facts::report)
        .post("/mawbs/{id}/pickup", facts::pickup)
        .post("/mawbs/{id}/lfd", facts::set_lfd)
        .post("/mawbs/{id}/units", facts::unit)
        .post("/mawbs/{id}/customs", customs::note)
        .raw::<Grant<AddDocuments>, _>(actix_web::http::Method::POST, "/mawbs/{id}/documents", papers::upload)
        .post("/mawbs/{id}/unfile", papers::remove)
        .post("/mawbs/{id}/bills", super::bills::enter)
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Asked {
    number: Option<String>,
    state: Option<String>,
    airline: Option<String>,
    station: Option<String>,
    late: Option<String>,
    soon: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

fn said(text: &Option<String>) -> Option<String> {
    text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)
}

impl Asked {
    fn filter(&self) -> Result<Filter, Invalid> {
        let state = said(&self.state).map(|s| s.parse::<State>()).transpose();
        Ok(Filter {
            state: state.map_err(|e| Invalid::at("?state", e))?,
            open: None,
            destination: said(&self.station).map(|s| s.to_uppercase()),
            airline: said(&self.airline),
            number: said(&self.number),
            late: said(&self.late).is_some(),
            lfd_within: said(&self.soon).map(|_| SOON),
        })
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Visit<Grant<ViewAirFreight>>) -> Reply {
    let asked: Asked = visit.query()?;
    let (filter, pass, now) = (asked.filter()?, &visit.pass, visit.viewer.now);
    let found = visit.read(|tx| -> Result<_, FreightError> {
        service::whole(pass)?;
        let zone = Policy::current(tx)?.rules.opening.zone.clone();
        listing::list(tx, (&zone, now), &filter, (DEFAULT_LIMIT, asked.cursor.as_deref()))
    })?;
    let main = markup(&visit.viewer, &asked, &found, visit.request.query_string());
    Ok(Out::page(visit.viewer.t("nav-airfreight"), main))
}

fn filters(v: &Viewer, a: &Asked) -> Markup {
    let states: Vec<_> = std::iter::once((String::new(), v.t("status-any")))
        .chain(State::ALL.iter().map(|s| (s.as_str().to_owned(), v.word("air-state", s.as_str()))))
        .collect();
    let text = |t: &'_ Option<String>| t.clone().unwrap_or_default();
    html! {
        form.filters role="search" action="/mawbs" {
            (Field::text("number", v.t("air-number"), &text(&a.number)).kind("search", "off"))
            (choice("state", &v.t("state"), &states, &text(&a.state)))
            (Field::text("airline", v.t("air-airline"), &text(&a.airline)).hint(v.t("air-airline-hint")))
            (Field::text("station", v.t("air-station"), &text(&a.station)).hint(v.t("air-station-hint")))
            (parts::tick("late", &v.t("parcels-late"), said(&a.late).is_some()))
            (parts::tick("soon", &v.t("air-lfd-soon"), said(&a.soon).is_some()))
            button { (v.t("show")) }
        }
    }
}

fn markup(v: &Viewer, a: &Asked, found: &Page<MawbCard>, query: &str) -> Markup {
    html! {
        div.head {
            h1 { (v.t("nav-airfreight")) }
            @if v.may::<EditAirFreight>() { a.button.primary href="/mawbs/new" { (Icon::Plus) (v.t("air-new")) } }
        }
        (super::tabs(v, "/mawbs"))
        (parts::done(v, a.done.as_deref()))
        (filters(v, a))
        div data-region="mawbs" data-kinds="mawb" {
            @if found.items.is_empty() { (empty(&v.t("air-none"), &html! { p { (v.t("air-none-hint")) } })) }
            @else { (table(v, &found.items)) }
            (parts::more(v, "/mawbs", query, found.next.as_deref()))
        }
    }
}

fn table(v: &Viewer, rows: &[MawbCard]) -> Markup {
    html! {
        table.list.mawbs data-rows {
            thead { tr { th { (v.t("air-number")) } th { (v.t("state")) } th { (v.t("air-route")) } th { (v.t("air-eta")) } th { (v.t("pieces")) } th { (v.t("air-lfd")) } th { (v.t("cases-open")) } } }
            tbody {
                @for m in rows {
                    @let flight_late = m.is_late && m.pieces.arrived == 0 && m.pieces.received == 0;
                    tr data-row {
                        td.id { a href={ "/mawbs/" (m.id) } { (m.number) } }
                        td { (super::state(v, m.state)) @if m.on_hold { " " span.flag title=(v.t("air-held")) { (Icon::Triangle) span.away { (v.t("air-held")) } } } }
                        td { (m.origin.as_deref().unwrap_or("–")) " → " (m.destination.as_deref().unwrap_or("–")) }
                        td.when.late[flight_late] data-as=(v.t("air-eta")) { @if let Some(at) = m.eta { (v.time(at)) } @else { "–" } }
                        td { (super::pieces(v, &m.pieces)) }
                        td.when data-as=(v.t("air-lfd")) { (super::lfd(v, m.lfd.filter(|_| m.state.is_open()), m.days_left)) }
                        td { @if m.issues > 0 { span.level { (v.number(m.issues)) } } }
                    }
                }
            }
        }
    }
}

fn new_form(v: &Viewer, f: &Form, fail: Option<&ApiError>) -> Markup {
    html! {
        h1 { (v.t("air-new")) }
        (refusal(v, fail))
        section.card.narrow {
            (parts::post(v, "/mawbs/new", &html! {
                (Field::text("mawb", v.t("air-number"), f.text("mawb")).hint(v.t("air-number-hint")).needed())
                (Field::text("as_written", v.t("air-as-written"), f.text("as_written")).hint(v.t("air-as-written-hint")))
                div.two {
                    (Field::text("origin", v.t("from"), f.text("origin")))
                    (Field::text("destination", v.t("to"), f.text("destination")))
                    (Field::text("pieces", v.t("pieces"), f.text("pieces")).kind("number", "off"))
                    (Field::text("weight_kg", v.t("air-weight-kg"), f.text("weight_kg")))
                    (Field::text("flight", v.t("air-flight"), f.text("flight")))
                    (Field::text("eta", v.t("air-eta"), f.text("eta")).kind("datetime-local", "off"))
                    (Field::text("consignee", v.t("air-consignee"), f.text("consignee")))
                    (Field::text("consignee_email", v.t("email"), f.text("consignee_email")).kind("email", "off"))
                }
                button.primary { (v.t("air-announce")) }
            }))
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Visit<Grant<EditAirFreight>>) -> Reply {
    service::whole(&visit.pass)?;
    Ok(Out::page(visit.viewer.t("air-new"), new_form(&visit.viewer, &Form::default(), None)))
}

/// A moment in a form, on the depot's wall clock.
pub(super) fn moment(v: &Viewer, f: &Form, name: &str) -> Result<Option<Timestamp>, Invalid> {
    let read =
        |text: String| Timestamp::parse(&text, &v.zone).map_err(|why| Invalid::at(format!("/{name}"), why));
    f.some(name).map(read).transpose()
}

fn announced(v: &Viewer, f: &Form) -> Result<NewMawb, Invalid> {
    let grams = |text: String| {
        let kg = scaled(&text, 3).ok().and_then(|n| u64::try_from(n).ok());
        kg.map(Grams).ok_or_else(|| Invalid::at("/weight_kg", format!("\"{text}\" is no weight in kg")))
    };
    let party = |name: Option<String>, email: Option<String>| {
        (name.is_some() || email.is_some()).then(|| Party {
            name: name.unwrap_or_default(),
            email,
            ..Party::default()
        })
    };
    let facts = Facts {
        origin: f.some("origin").map(|t| t.to_uppercase()),
        destination: f.some("destination").map(|t| t.to_uppercase()),
        pieces: f.parsed("pieces")?,
        weight: f.some("weight_kg").map(grams).transpose()?,
        flight: f.some("flight"),
        eta: moment(v, f, "eta")?,
        consignee: party(f.some("consignee"), f.some("consignee_email")),
        ..Facts::default()
    };
    Ok(NewMawb { number: f.text("mawb").to_owned(), as_written: f.some("as_written"), facts })
}

async fn announce(visit: Visit<Grant<EditAirFreight>>, form: Form) -> Reply {
    let made = match announced(&visit.viewer, &form) {
        Err(e) => Err(e.into()),
        Ok(new) => {
            let made = visit.write::<EditAirFreight, _, _>(move |tx, grant, cx| -> Result<_, FreightError> {
                Ok(service::create(tx, grant, cx, new.clone())?.value.state.id)
            });
            made.await
        }
    };
    match made {
        Ok(id) => Ok(Out::See(format!("/mawbs/{id}?done=added"))),
        Err(Fail::Refused(e)) => {
            let main = new_form(&visit.viewer, &form, Some(&e));
            Ok(Out::page(visit.viewer.t("air-new"), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}
