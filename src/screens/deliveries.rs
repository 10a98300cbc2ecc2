//! Deliveries: a board with a column a state, where they are given to people and taken back; asking for a new one.
//! Everything about one of them is in `delivery`.

use maud::{Markup, html};
use serde::Deserialize;

use super::delivery;
use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, delivery_state, empty, refusal, swap};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Invalid, Kind as Class};
use crate::base::ids::Id;
use crate::deliveries::assign;
use crate::deliveries::error::DeliveryError;
use crate::deliveries::inputs::{AssignInput, NewDelivery, ReasonInput};
use crate::deliveries::model::{Delivery, Priority, Status};
use crate::deliveries::repo::{self, BY_STATUS, DELIVERIES};
use crate::deliveries::rules::is_final;
use crate::deliveries::service::{self, Asked as Made, Filter};
use crate::identity::features::{
    AssignDeliveries, CancelDeliveries, CreateDeliveries, MoveDeliveries, ViewDeliveries,
};
use crate::identity::grant::{Grant, Scope};
use crate::identity::repo as users;
use crate::store::table::{cursor, position};
use crate::store::{Dir, KeyRange, ReadTx, StoreError};
use crate::web::ApiError;

pub(super) type Looking = Visit<Grant<ViewDeliveries>>;

/// Cards of a column.
const CARDS: usize = 40;
/// Deliveries that are looked at for a column when a filter is set.
const LOOKED_AT: usize = 1_000;
/// Deliveries on a page of one state.
const PAGE: usize = 100;
/// People that are looked through for those who can carry out deliveries.
const PEOPLE: usize = 2_000;
/// Deliveries one form may name.
const MAX_AT_ONCE: usize = 500;

/// This screen. A driver finds their own stops instead.
#[must_use]
pub fn screen() -> Screen {
    let board = Screen::new()
        .nav(Group::Work, Icon::Deliveries, "nav-deliveries")
        .when(|v| v.principal.as_ref().is_some_and(|p| p.scope != Scope::Own))
        .get("/deliveries", board)
        .get("/deliveries/new", blank)
        .post("/deliveries/new", request)
        .post("/deliveries/assign", give)
        .post("/deliveries/cancel", call_off);
    delivery::routes(board)
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Asked {
    q: Option<String>,
    who: Option<String>,
    priority: Option<String>,
    state: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
    refused: Option<u64>,
}

fn said(text: Option<&String>) -> Option<&str> {
    text.map(|t| t.trim()).filter(|t| !t.is_empty())
}

/// What a card has to be to be shown.
struct Wanted {
    text: Option<String>,
    who: Option<Option<Id>>,
    priority: Option<Priority>,
}

impl Wanted {
    fn of(a: &Asked) -> Result<Self, Invalid> {
        let who = match said(a.who.as_ref()) {
            None => None,
            Some("nobody") => Some(None),
            Some(id) => Some(Some(id.parse().map_err(|_| Invalid::at("?who", "is nobody's id"))?)),
        };
        let priority = said(a.priority.as_ref()).map(str::parse).transpose();
        let priority = priority.map_err(|e: String| Invalid::at("?priority", e))?;
        Ok(Self { text: said(a.q.as_ref()).map(str::to_lowercase), who, priority })
    }

    const fn is_anything(&self) -> bool {
        self.text.is_none() && self.who.is_none() && self.priority.is_none()
    }

    fn admits(&self, d: &Delivery) -> bool {
        let within = |text: &str| {
            let f = &d.facts;
            d.number.to_string() == text
                || [&f.customer, &f.address, &f.pickup].iter().any(|t| t.to_lowercase().contains(text))
        };
        self.text.as_deref().is_none_or(within)
            && self.who.is_none_or(|who| d.assignee.as_ref().map(|a| a.id) == who)
            && self.priority.is_none_or(|p| d.facts.priority == p)
    }
}

/// Deliveries of one state, and where the next page begins.
struct Column {
    status: Status,
    cards: Vec<Delivery>,
    next: Option<String>,
}

/// What is open longest first, what is over newest first.
fn column(
    visit: &Looking,
    wanted: &Wanted,
    status: Status,
    (n, from): (usize, Option<&str>),
) -> Result<Column, Fail> {
    let who = &visit.principal;
    visit.read(|tx| -> Result<Column, DeliveryError> {
        if who.scope != Scope::Tenant {
            let filter = Filter { status: Some(status), assignee: None };
            let (rows, next) = service::list(tx, who, &filter, n, from)?;
            let cards = rows.into_iter().map(|e| e.value.state).filter(|d| wanted.admits(d)).collect();
            return Ok(Column { status, cards, next });
        }
        let dir = if is_final(status) { Dir::Down } else { Dir::Up };
        let range = KeyRange::prefix(&[status as u8]).resume(position(from)?);
        let look = if wanted.is_anything() { n } else { LOOKED_AT };
        let rows = DELIVERIES.scan(tx, BY_STATUS, &range, dir, look)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let all = rows.items.into_iter().map(|e| e.value.state);
        let cards = all.filter(|d| repo::visible(who, d) && wanted.admits(d)).take(n).collect();
        Ok(Column { status, cards, next })
    })
}

/// Those who can carry a delivery out, as choices: their id and name.
pub(super) fn people(tx: &dyn ReadTx, now: Timestamp) -> Result<Vec<(String, String)>, StoreError> {
    let mut able = Vec::new();
    for user in users::all(tx, PEOPLE)? {
        let standing = users::standing_of(tx, user, now)?;
        // Whoever sees the whole house works at a desk; a delivery goes to somebody on the road.
        let drives = standing.features.contains::<MoveDeliveries>() && standing.scope == Scope::Own;
        if standing.is_admitted() && drives {
            able.push((standing.user.id.to_string(), standing.user.name));
        }
    }
    able.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(able)
}

struct Model {
    asked: Asked,
    people: Vec<(String, String)>,
    columns: Vec<Column>,
    one: Option<Status>,
    back: String,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn board(visit: Looking) -> Reply {
    let asked: Asked = visit.query()?;
    let wanted = Wanted::of(&asked)?;
    let one = said(asked.state.as_ref()).map(str::parse::<Status>).transpose();
    let one = one.map_err(|e| Invalid::at("?state", e))?;
    let v = &visit.viewer;
    let people = if v.sees_all() { visit.read(|tx| people(tx, v.now))? } else { Vec::new() };
    let columns = match one {
        Some(status) => vec![column(&visit, &wanted, status, (PAGE, asked.cursor.as_deref()))?],
        None => Status::ALL[..5]
            .iter()
            .map(|s| column(&visit, &wanted, *s, (CARDS, None)))
            .collect::<Result<Vec<_>, _>>()?,
    };
    visit.saw("delivery", columns.iter().flat_map(|c| &c.cards).map(|d| d.id.0));
    let back = back_of(visit.request.query_string());
    let main = markup(v, &Model { asked, people, columns, one, back });
    Ok(Out::page(v.t("nav-deliveries"), main))
}

/// The board with its filter, without what counts once.
fn back_of(query: &str) -> String {
    let once = |p: &&str| !p.is_empty() && !p.starts_with("done=") && !p.starts_with("refused=");
    let kept: Vec<&str> = query.split('&').filter(once).collect();
    if kept.is_empty() { "/deliveries".into() } else { format!("/deliveries?{}", kept.join("&")) }
}

fn with_state(back: &str, state: &str) -> String {
    let query = back.split_once('?').map_or("", |(_, q)| q);
    let gone = |p: &&str| !p.is_empty() && !p.starts_with("state=") && !p.starts_with("cursor=");
    let kept: Vec<&str> = query.split('&').filter(gone).collect();
    let state = if state.is_empty() { String::new() } else { format!("state={state}") };
    let all: Vec<&str> = kept.into_iter().chain(Some(state.as_str()).filter(|s| !s.is_empty())).collect();
    if all.is_empty() { "/deliveries".into() } else { format!("/deliveries?{}", all.join("&")) }
}

fn filters(v: &Viewer, m: &Model) -> Markup {
    let a = &m.asked;
    let now = |t: &Option<String>| t.as_deref().unwrap_or_default().to_owned();
    let first = |label: String| vec![(String::new(), label)];
    let mut who = first(v.t("deliveries-anybody"));
    who.push(("nobody".into(), v.t("deliveries-nobody")));
    who.extend(m.people.clone());
    let mut priorities = first(v.t("priority-any"));
    let all = [Priority::Urgent, Priority::High, Priority::Normal, Priority::Low];
    let name = |p: Priority| serde_json::to_value(p).ok().and_then(|n| n.as_str().map(str::to_owned));
    priorities.extend(all.into_iter().filter_map(|p| Some((name(p)?, v.named("priority", p)))));
    html! {
        form.filters role="search" action="/deliveries" {
            @if let Some(s) = m.one { input type="hidden" name="state" value=(s); }
            (Field::text("q", v.t("deliveries-find"), &now(&a.q)).kind("search", "off"))
            @if !m.people.is_empty() { (choice("who", &v.t("deliveries-with"), &who, &now(&a.who))) }
            (choice("priority", &v.t("delivery-priority"), &priorities, &now(&a.priority)))
            button { (v.t("show")) }
        }
    }
}

fn markup(v: &Viewer, m: &Model) -> Markup {
    let now = m.one.map(|s| s.to_string()).unwrap_or_default();
    let acts = v.may::<AssignDeliveries>() || v.may::<CancelDeliveries>();
    let to = if v.may::<AssignDeliveries>() { "/deliveries/assign" } else { "/deliveries/cancel" };
    let columns = html! {
        @if acts { (tools(v, m)) }
        div data-region="board" data-kinds="delivery" {
            @match m.one {
                Some(_) => { @for c in &m.columns { (table(v, c, acts)) (parts::more(v, "/deliveries", m.back.split_once('?').map_or("", |q| q.1), c.next.as_deref())) } },
                None => div.lanes { @for c in &m.columns { (lane(v, c, acts, &m.back)) } },
            }
        }
    };
    html! {
        div.head {
            h1 { (v.t("nav-deliveries")) }
            @if v.may::<CreateDeliveries>() && v.principal.as_ref().is_some_and(|p| p.scope != Scope::Own) { a.button href="/deliveries/new" { (Icon::Plus) (v.t("delivery-new")) } }
        }
        (parts::done(v, m.asked.done.as_deref()))
        @if let Some(n) = m.asked.refused.filter(|n| *n > 0) { p.notice.bad role="alert" { (Icon::Triangle) (v.count("deliveries-refused", n)) } }
        nav.chips aria-label=(v.t("filter")) {
            a href=(with_state(&m.back, "")) aria-current=[now.is_empty().then_some("true")] { (v.t("deliveries-board")) }
            @for s in Status::ALL { a href=(with_state(&m.back, s.as_str())) aria-current=[(now == s.as_str()).then_some("true")] { (v.word("delivery-state", s.as_str())) } }
        }
        (filters(v, m))
        div data-remember {
            @if acts { (swap(v, to, "desk", &columns)) } @else { (columns) }
        }
    }
}

fn tools(v: &Viewer, m: &Model) -> Markup {
    html! {
        input type="hidden" name="back" value=(m.back);
        div.tools {
            @if v.may::<AssignDeliveries>() {
                @if m.people.is_empty() { (Field::text("to", v.t("deliveries-to"), "")) }
                @else {
                    @let people: Vec<_> = std::iter::once((String::new(), "–".to_owned())).chain(m.people.clone()).collect();
                    (choice("to", &v.t("deliveries-to"), &people, ""))
                }
                button.primary name="step" value="assign" data-key="a" { (v.t("deliveries-assign")) " " kbd { "a" } }
                button name="step" value="unassign" data-key="u" { (v.t("deliveries-unassign")) " " kbd { "u" } }
            }
            @if v.may::<CancelDeliveries>() {
                span.pair { (Field::text("reason", v.t("delivery-why"), "")) button formaction="/deliveries/cancel" { (v.t("deliveries-cancel")) } }
            }
        }
    }
}

fn lane(v: &Viewer, c: &Column, acts: bool, back: &str) -> Markup {
    html! {
        section.lane aria-label=(v.word("delivery-state", c.status.as_str())) {
            h2 { (delivery_state(v, c.status)) span.n { (c.cards.len()) @if c.next.is_some() { "+" } } }
            @if c.cards.is_empty() { p.faint { (v.t("deliveries-none-here")) } }
            ul {
                @for d in &c.cards {
                    li.tile data-row {
                        @if acts && !is_final(d.status) && d.status != Status::InTransit { (pick(v, d)) }
                        a href={ "/deliveries/" (d.id) } { strong { (d.facts.customer) } }
                        span.faint { (d.facts.address) }
                        (small_print(v, d))
                    }
                }
            }
            @if c.next.is_some() { p { a href=(with_state(back, c.status.as_str())) { (v.t("all")) } } }
        }
    }
}

fn pick(v: &Viewer, d: &Delivery) -> Markup {
    html! { input type="checkbox" name="id" value=(d.id) aria-label={ (v.t("pick")) " " (d.number) }; }
}

/// Number, driver, window and what is unusual.
fn small_print(v: &Viewer, d: &Delivery) -> Markup {
    let late = |at: Timestamp| !is_final(d.status) && at < v.now;
    html! {
        span.small-print {
            span.id { (d.number) }
            @if let Some(a) = &d.assignee { span { (Icon::Person) " " (a.name) } }
            @if let Some(w) = d.facts.window { span.late[late(w.to)] { (v.moment(w.from)) "–" (v.clock(w.to)) } }
            @if matches!(d.facts.priority, Priority::High | Priority::Urgent) { span.urgent { (v.named("priority", d.facts.priority)) } }
            @if d.attempt > 1 { span { (v.count("delivery-attempt", u64::from(d.attempt))) } }
            @if d.partial { span.urgent { (v.t("delivery-partial")) } }
            @if let Some(r) = &d.reason { span { (v.word("reason", r)) } }
        }
    }
}

fn table(v: &Viewer, c: &Column, acts: bool) -> Markup {
    if c.cards.is_empty() {
        return empty(&v.t("deliveries-none"), &html! { p { (v.t("deliveries-none-hint")) } });
    }
    html! {
        table.list {
            thead { tr { @if acts { th { span.away { (v.t("pick")) } } } th { (v.t("delivery-number")) } th { (v.t("delivery-customer")) } th { (v.t("address")) } th { (v.t("since")) } th { (v.t("deliveries-with")) } th { (v.t("reason")) } } }
            tbody {
                @for d in &c.cards {
                    tr data-row {
                        @if acts { td { @if !is_final(d.status) && d.status != Status::InTransit { (pick(v, d)) } } }
                        td.id { a href={ "/deliveries/" (d.id) } { (d.number) } }
                        td { (d.facts.customer) }
                        td { (d.facts.address) }
                        td.when { (v.time(d.since)) }
                        td { @if let Some(a) = &d.assignee { (a.name) } @else { "–" } }
                        td { @if let Some(r) = &d.reason { (v.word("reason", r)) } }
                    }
                }
            }
        }
    }
}

fn back<'a>(form: &'a Form, fallback: &'a str) -> &'a str {
    Some(form.text("back")).filter(|b| b.starts_with("/deliveries")).unwrap_or(fallback)
}

fn ids(form: &Form) -> Result<Vec<Id>, Invalid> {
    match form.ids("id")? {
        ids if ids.is_empty() => Err(Invalid::at("/id", "pick a delivery first")),
        ids if ids.len() > MAX_AT_ONCE => {
            Err(Invalid::at("/id", format!("names {}; at most {MAX_AT_ONCE} are done at once", ids.len())))
        }
        ids => Ok(ids),
    }
}

fn see(to: &str, refused: usize) -> Reply {
    let sep = if to.contains('?') { '&' } else { '?' };
    let said = if refused > 0 { format!("refused={refused}") } else { "done=saved".into() };
    Ok(Out::See(format!("{to}{sep}{said}")))
}

/// Whether a refusal ends the whole call: one delivery that can't have it is told of in a number, a failure is a failure.
fn counts(all: usize, e: DeliveryError) -> Result<usize, DeliveryError> {
    let ours = matches!(e.kind(), Class::Conflict | Class::NotFound | Class::Stale);
    if all > 1 && ours { Ok(1) } else { Err(e) }
}

async fn give(visit: Visit<Grant<AssignDeliveries>>, form: Form) -> Reply {
    let (ids, to) = (ids(&form)?, form.text("to").to_owned());
    let takes_back = form.text("step") == "unassign";
    if !takes_back && to.is_empty() {
        return Err(Invalid::at("/to", "say who gets it").into());
    }
    let all = ids.len();
    let fallback = format!("/deliveries/{}", ids[0]);
    let given = visit.write::<AssignDeliveries, _, _>(move |tx, grant, cx| -> Result<usize, DeliveryError> {
        let mut refused = 0;
        for id in &ids {
            let id = id.to_string();
            let done = if takes_back {
                assign::unassign(tx, grant, cx, &id, &ReasonInput::default())
            } else {
                let input = AssignInput { assigned_to: to.clone(), vehicle: None, version: None };
                assign::assign(tx, grant, cx, &id, &input)
            };
            refused += done.map_or_else(|e| counts(all, e), |_| Ok(0))?;
        }
        Ok(refused)
    });
    see(back(&form, &fallback), given.await?)
}

async fn call_off(visit: Visit<Grant<CancelDeliveries>>, form: Form) -> Reply {
    let (ids, reason) = (ids(&form)?, form.some("reason"));
    let all = ids.len();
    let fallback = format!("/deliveries/{}", ids[0]);
    let off = visit.write::<CancelDeliveries, _, _>(move |tx, grant, cx| -> Result<usize, DeliveryError> {
        let mut refused = 0;
        for id in &ids {
            let input = ReasonInput { reason: reason.clone(), version: None };
            let done = service::cancel(tx, grant, cx, &id.to_string(), &input);
            refused += done.map_or_else(|e| counts(all, e), |_| Ok(0))?;
        }
        Ok(refused)
    });
    see(back(&form, &fallback), off.await?)
}

type Asking = Visit<Grant<CreateDeliveries>>;

fn form(visit: &Asking, given: &Form, fail: Option<&ApiError>) -> Result<Out, Fail> {
    let v = &visit.viewer;
    let assigns = v.may::<AssignDeliveries>();
    let mut people = if assigns { visit.read(|tx| people(tx, v.now))? } else { Vec::new() };
    people.insert(0, (String::new(), v.t("deliveries-nobody")));
    let priorities: Vec<_> = ["normal", "low", "high", "urgent"]
        .iter()
        .map(|p| ((*p).to_owned(), v.word("priority", p)))
        .collect();
    let text = |name| given.text(name);
    let main = html! {
        h1 { (v.t("delivery-new")) }
        (refusal(v, fail))
        section.card.narrow {
            (parts::post(v, "/deliveries/new", &html! {
                (Field::text("delivery_address", v.t("to"), text("delivery_address")).needed())
                (Field::text("pickup_address", v.t("from"), Some(text("pickup_address")).filter(|t| !t.is_empty()).unwrap_or(&v.depot)).needed())
                div.two {
                    (Field::text("customer_name", v.t("delivery-customer"), text("customer_name")).needed())
                    (Field::text("customer_phone", v.t("phone"), text("customer_phone")).kind("tel", "off"))
                }
                div.two {
                    (Field::text("customer_email", v.t("email"), text("customer_email")).kind("email", "off"))
                    (Field::text("package_weight", v.t("delivery-weight"), text("package_weight")))
                }
                div.two {
                    (Field::text("window_from", v.t("delivery-window-from"), text("window_from")).kind("datetime-local", "off"))
                    (Field::text("window_to", v.t("delivery-window-to"), text("window_to")).kind("datetime-local", "off"))
                }
                div.two {
                    (choice("priority", &v.t("delivery-priority"), &priorities, text("priority")))
                    @if assigns { (choice("assigned_to", &v.t("deliveries-to"), &people, text("assigned_to"))) }
                }
                (Field::text("parcels", v.t("nav-parcels"), text("parcels")).hint(v.t("delivery-parcels-hint")))
                (Field::text("note", v.t("delivery-note"), text("note")))
                fieldset { legend { (v.t("delivery-needs")) }
                    @for kind in ["name", "signature", "photo", "code", "scan"] {
                        label.tick { input type="checkbox" name="needs" value=(kind) checked[given.all("needs").any(|k| k == kind)]; span { (v.word("proof", kind)) } }
                    }
                }
                button.primary { (v.t("delivery-ask")) }
            }))
        }
    };
    Ok(Out::page(v.t("delivery-new"), main).after(fail))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Asking) -> Reply {
    form(&visit, &Form::default(), None)
}

/// What the form asks for, in the shape programs send it.
fn asked(v: &Viewer, f: &Form) -> Result<NewDelivery, Invalid> {
    let at = |name: &str| {
        let told = f.some(name).map(|t| Timestamp::parse(&t, &v.zone)).transpose();
        told.map_err(|e| Invalid::at(format!("/{name}"), e))
    };
    let window = match (at("window_from")?, at("window_to")?) {
        (Some(from), Some(to)) => Some(crate::deliveries::model::Window { from, to }),
        (None, None) => None,
        _ => return Err(Invalid::at("/time_window", "needs both its beginning and its end")),
    };
    let kinds = f.all("needs").map(|k| {
        serde_json::from_value(serde_json::Value::from(k))
            .map_err(|_| Invalid::at("/proof_required", format!("\"{k}\" is no kind of proof")))
    });
    let weight = f.some("package_weight").map(|w| w.replace(',', "."));
    let weight =
        weight.map(|w| w.parse().map_err(|_| Invalid::at("/package_weight", "is no number of kilograms")));
    let parcels = f.text("parcels").split([',', ' ', ';']).map(str::trim).filter(|p| !p.is_empty());
    Ok(NewDelivery {
        pickup_address: f.text("pickup_address").to_owned(),
        delivery_address: f.text("delivery_address").to_owned(),
        customer_name: f.text("customer_name").to_owned(),
        customer_phone: f.some("customer_phone"),
        customer_email: f.some("customer_email"),
        package_weight: weight.transpose()?,
        priority: f.some("priority"),
        time_window: window,
        note: f.some("note"),
        proof_required: kinds.collect::<Result<_, _>>()?,
        parcels: parcels.map(str::to_owned).collect(),
        assigned_to: f.some("assigned_to"),
        ..NewDelivery::default()
    })
}

async fn request(visit: Asking, f: Form) -> Reply {
    let made = match asked(&visit.viewer, &f) {
        Err(e) => Err(e.into()),
        Ok(new) => {
            let made =
                visit.write::<CreateDeliveries, _, _>(move |tx, grant, cx| -> Result<_, DeliveryError> {
                    Ok(match service::request(tx, grant, cx, &new, None, 0)? {
                        Made::Made(done) => done.state.id,
                        Made::Known(e) => e.value.state.id,
                    })
                });
            made.await
        }
    };
    match made {
        Ok(id) => Ok(Out::See(format!("/deliveries/{id}?done=added"))),
        Err(Fail::Refused(e)) => form(&visit, &f, Some(&e)),
        Err(fail) => Err(fail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_stays_in_the_address_and_what_counts_once_does_not() {
        assert_eq!(back_of("q=ana&done=saved&refused=2"), "/deliveries?q=ana");
        assert_eq!(with_state("/deliveries?q=ana&state=failed&cursor=x", ""), "/deliveries?q=ana");
        assert_eq!(with_state("/deliveries", "failed"), "/deliveries?state=failed");
    }
}
