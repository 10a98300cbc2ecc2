//! Orders: which there are, which are late, one with its history and the steps it can take, and many taken at once.

use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, empty, order_state, refusal, swap};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::{Fault, Invalid, Kind as Class};
use crate::base::page::DEFAULT_LIMIT;
use crate::deadlines::policy::Policy;
use crate::identity::features::{
    BulkOrders, CancelOrders, CreateOrders, MoveOrders, ViewOrders, ViewParcels, ViewProducts,
};
use crate::identity::grant::{Grant, Scope};
use crate::orders::bulk::{self, MAX_ORDERS, Verdict};
use crate::orders::error::OrderError;
use crate::orders::inputs::{ItemInput, Named, NewOrder, StatusChange};
use crate::orders::model::{Order, Status, Step};
use crate::orders::queries;
use crate::orders::rules;
use crate::orders::service::{self, Placing};
use crate::parcels::service as parcels;
use crate::web::ApiError;

type Looking = Visit<Grant<ViewOrders>>;
type Moving = Visit<Grant<MoveOrders>>;

/// Items a new order's form has room for.
const ITEMS: usize = 5;
/// Orders one form may name.
const MAX_AT_ONCE: usize = 500;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::Orders, "nav-orders")
        .get("/orders", list)
        .get("/orders/new", blank)
        .post("/orders/new", place)
        .get("/orders/bulk", blank_bulk)
        .post("/orders/bulk", place_many)
        .post("/orders/steps", steps)
        .post("/orders/cancel", cancel)
        .get("/orders/{id}", show)
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Asked {
    state: Option<String>,
    q: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
    refused: Option<u64>,
}

struct Listing {
    asked: Asked,
    rows: Vec<Order>,
    next: Option<String>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let asked: Asked = visit.query()?;
    let (scope, now, v) = (&visit.principal.scope, visit.viewer.now, &visit.viewer);
    if let Some(name) = asked.q.as_deref().map(str::trim).filter(|q| !q.is_empty())
        && let Ok(found) = visit.read(|tx| service::find(tx, scope, name))
    {
        return Ok(Out::See(format!("/orders/{}", found.value.state.id)));
    }
    let state = asked.state.as_deref().unwrap_or_default();
    let from = asked.cursor.as_deref();
    let (rows, next) = visit.read(|tx| -> Result<_, OrderError> {
        if state == "delayed" {
            let policy = Policy::current(tx)?;
            let (late, next) = queries::delayed(tx, scope, &policy, (now, now), DEFAULT_LIMIT, from)?;
            return Ok((late.into_iter().map(|l| l.row.value.state).collect::<Vec<_>>(), next));
        }
        let status = Some(state).filter(|s| !s.is_empty()).map(str::parse::<Status>).transpose();
        let status = status.map_err(|e| Invalid::at("?state", e))?;
        let (rows, next) = queries::list(tx, scope, status, DEFAULT_LIMIT, from)?;
        Ok((rows.into_iter().map(|e| e.value.state).collect(), next))
    })?;
    visit.saw("order", rows.iter().map(|o| o.id.0));
    let main = listed(v, &Listing { asked, rows, next }, visit.request.query_string());
    Ok(Out::page(v.t("nav-orders"), main))
}

fn listed(v: &Viewer, m: &Listing, query: &str) -> Markup {
    let now = m.asked.state.as_deref().unwrap_or_default();
    let moves = v.may::<MoveOrders>();
    let kept: Vec<&str> = query
        .split('&')
        .filter(|p| !p.is_empty() && !p.starts_with("done=") && !p.starts_with("refused="))
        .collect();
    let rows = html! {
        @if moves { (tools(v, &format!("/orders?{}", kept.join("&")))) }
        div data-region="orders" data-kinds="order" {
            @if m.rows.is_empty() { (empty(&v.t("orders-none"), &html! { p { (v.t("orders-none-hint")) } })) }
            @else { (table(v, &m.rows, moves)) }
        }
    };
    html! {
        div.head {
            h1 { (v.t("nav-orders")) }
            @if v.may::<BulkOrders>() && v.sees_all() { a.button href="/orders/bulk" { (v.t("orders-many")) } }
            @if v.may::<CreateOrders>() && v.sees_all() { a.button href="/orders/new" { (Icon::Plus) (v.t("order-new")) } }
        }
        (parts::done(v, m.asked.done.as_deref()))
        @if let Some(n) = m.asked.refused.filter(|n| *n > 0) { p.notice.bad role="alert" { (Icon::Triangle) (v.count("orders-refused", n)) } }
        nav.chips aria-label=(v.t("filter")) {
            a href="/orders" aria-current=[now.is_empty().then_some("true")] { (v.t("all")) }
            a href="/orders?state=delayed" aria-current=[(now == "delayed").then_some("true")] { (v.t("orders-delayed")) }
            @for s in Status::ALL { a href={ "/orders?state=" (s) } aria-current=[(now == s.as_str()).then_some("true")] { (v.word("order-state", s.as_str())) } }
            form role="search" action="/orders" { label.away for="q" { (v.t("orders-find")) } input #q type="search" name="q" placeholder=(v.t("orders-find")) value=(m.asked.q.as_deref().unwrap_or_default()); }
        }
        div data-remember { @if moves { (swap(v, "/orders/steps", "desk", &rows)) } @else { (rows) } }
        (parts::more(v, "/orders", query, m.next.as_deref()))
    }
}

/// The step many orders take at once: of each the next on its way.
fn tools(v: &Viewer, back: &str) -> Markup {
    html! {
        input type="hidden" name="back" value=(back);
        div.tools {
            @for s in [Status::Processing, Status::Packed, Status::Shipped, Status::Delivered] {
                button name="status" value=(s) { (v.word("order-step", s.as_str())) }
            }
        }
    }
}

fn table(v: &Viewer, rows: &[Order], picks: bool) -> Markup {
    html! {
        table.list {
            thead { tr {
                @if picks { th { span.away { (v.t("pick")) } } }
                th { (v.t("order-number")) } th { (v.t("state")) } th { (v.t("since")) } th { (v.t("delivery-customer")) } th { (v.t("order-items")) } th.n { (v.t("order-total")) }
            } }
            tbody {
                @for o in rows {
                    tr data-row {
                        @if picks { td { @if !rules::is_final(o.status) { input type="checkbox" name="id" value=(o.id) aria-label={ (v.t("pick")) " " (o.number) }; } } }
                        td.id { a href={ "/orders/" (o.id) } { (o.number) } @if let Some(r) = &o.reference { " " span.faint { (r) } } }
                        td { (order_state(v, o.status)) (marks(v, o)) }
                        td.when { (v.time(o.since)) }
                        td { (o.customer.name.as_deref().or(o.customer.reference.as_deref()).unwrap_or("–")) }
                        td { (things(v, o)) }
                        td.n { @if let Some(total) = o.total() { (v.money(&total)) } @else { "–" } }
                    }
                }
            }
        }
    }
}

fn marks(v: &Viewer, o: &Order) -> Markup {
    html! {
        @if o.delayed { " " span.state.stuck { (Icon::Clock) (v.t("orders-delayed")) } }
        @if o.backordered { " " span.urgent { (v.t("order-backordered")) } }
        @if o.partial { " " span.urgent { (v.t("delivery-partial")) } }
    }
}

fn things(v: &Viewer, o: &Order) -> Markup {
    html! {
        @if let Some(first) = o.lines.first() { (first.quantity) " × " (first.name) }
        @if o.lines.len() > 1 { " " span.faint { (v.count("order-more-lines", o.lines.len() as u64 - 1)) } }
    }
}

struct Page {
    order: Order,
    /// The numbers of its parcels.
    parcels: Vec<(String, String)>,
    done: Option<String>,
}

fn load<P: super::shell::visit::Pass>(visit: &Visit<P>, name: &str) -> Result<Page, Fail> {
    let asked: Asked = visit.query().unwrap_or_default();
    let page = visit.read(|tx| -> Result<_, OrderError> {
        let order = service::find(tx, &visit.principal.scope, name)?.value.state;
        let number = |id: &crate::base::ids::Id| {
            let found = parcels::find(tx, &Scope::Tenant, &id.to_string());
            (id.to_string(), found.map_or_else(|_| id.to_string(), |(p, _)| p.value.state.number))
        };
        Ok(Page { parcels: order.parcels.iter().map(number).collect(), order, done: asked.done })
    })?;
    visit.saw("order", [page.order.id.0]);
    Ok(page)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let page = load(&visit, &visit.path("id"))?;
    Ok(shown(&visit.viewer, &page, None))
}

fn shown(v: &Viewer, page: &Page, fail: Option<&ApiError>) -> Out {
    let o = &page.order;
    let title = format!("{} {}", v.t("order"), o.number);
    let main = html! {
        div.head { h1 { (title) } span data-region="state" data-kinds="order" { (order_state(v, o.status)) (marks(v, o)) } }
        (parts::done(v, page.done.as_deref()))
        (refusal(v, fail))
        @for issue in &o.issues { p.notice.bad role="alert" { (Icon::Triangle) (v.say(&issue.detail)) } }
        div.columns {
            div { (lines(v, o)) (facts(v, page)) }
            div {
                (doings(v, o))
                section.card data-region="history" data-kinds="order" { h2 { (v.t("timeline")) } ol.timeline { @for s in o.steps.iter().rev() { (step(v, s)) } } }
            }
        }
    };
    Out::page(title, main).after(fail)
}

fn step(v: &Viewer, s: &Step) -> Markup {
    html! { li { span.when { (v.time(s.at)) } (order_state(v, s.to)) @if let Some(r) = &s.reason { " " q { (r) } } } }
}

fn lines(v: &Viewer, o: &Order) -> Markup {
    html! {
        section.card {
            h2 { (v.t("order-items")) }
            table.list {
                thead { tr { th { (v.t("product")) } th.n { (v.t("pieces")) } th.n { (v.t("product-price")) } th.n { (v.t("order-total")) } } }
                tbody {
                    @for l in &o.lines {
                        tr {
                            td { @if let Some(id) = l.product.filter(|_| v.may::<ViewProducts>()) { a href={ "/products/" (id) } { (l.name) } } @else { (l.name) } }
                            td.n data-as=(v.t("pieces")) { (v.number(u64::from(l.quantity))) }
                            td.n { @if let Some(p) = &l.price { (v.money(p)) } }
                            td.n { @if let Some(a) = l.amount() { (v.money(&a)) } }
                        }
                    }
                }
            }
            @if let Some(total) = o.total() { p.total { (v.t("order-total")) " " strong { (v.money(&total)) } } }
        }
    }
}

fn facts(v: &Viewer, page: &Page) -> Markup {
    let (o, c) = (&page.order, &page.order.customer);
    let text = |t: &Option<String>| t.as_ref().map(|t| html! { (t) });
    let town: Vec<&str> =
        [&c.zip, &c.city, &c.state, &c.country].into_iter().filter_map(|t| t.as_deref()).collect();
    html! {
        section.card {
            h2 { (c.name.as_deref().unwrap_or_default()) }
            dl.facts {
                (parts::fact(&v.t("to"), text(&c.address).as_ref()))
                (parts::fact(&v.t("order-town"), (!town.is_empty()).then(|| html! { (town.join(" ")) }).as_ref()))
                (parts::fact(&v.t("phone"), text(&c.phone).as_ref()))
                (parts::fact(&v.t("email"), text(&c.email).as_ref()))
                (parts::fact(&v.t("order-reference"), text(&o.reference).as_ref()))
                (parts::fact(&v.t("source"), text(&o.source).as_ref()))
                (parts::fact(&v.t("order-taken"), Some(&v.time(o.created_at))))
                (parts::fact(&v.t("promised"), o.moments.promised_at.map(|t| v.time(t)).as_ref()))
                (parts::fact(&v.t("delivered-at"), o.moments.delivered_at.map(|t| v.time(t)).as_ref()))
                (parts::fact(&v.t("remark"), text(&o.note).as_ref()))
            }
            @if !page.parcels.is_empty() {
                h3 { (v.t("nav-parcels")) }
                ul { @for (id, number) in &page.parcels { li.id { @if v.may::<ViewParcels>() { a href={ "/parcels/" (id) } { (number) } } @else { (number) } } } }
            }
        }
    }
}

/// The steps it can take, by who may.
fn doings(v: &Viewer, o: &Order) -> Markup {
    let ahead: Vec<Status> = rules::next(o.status).into_iter().filter(|s| *s != Status::Cancelled).collect();
    let moves = v.may::<MoveOrders>() && !ahead.is_empty();
    let cancels = v.may::<CancelOrders>() && rules::admits(o.status, Status::Cancelled);
    if !moves && !cancels {
        return html! {};
    }
    html! {
        section.card {
            h2 { (v.t("next-steps")) }
            @if moves {
                (swap(v, "/orders/steps", "steps", &html! {
                    input type="hidden" name="id" value=(o.id);
                    @if ahead.contains(&Status::Packed) { (Field::text("parcels", v.t("nav-parcels"), "").hint(v.t("delivery-parcels-hint"))) }
                    @if ahead.contains(&Status::Returned) {
                        (Field::text("reason", v.t("delivery-why"), "").hint(v.t("order-return-hint")))
                        (parts::tick("restock", &v.t("order-restock"), true))
                    }
                    div.buttons { @for s in &ahead { button.primary[*s != Status::Returned] name="status" value=(s) { (v.word("order-step", s.as_str())) } } }
                }))
            }
            @if cancels {
                details.confirm {
                    summary.button { (v.t("order-step-cancelled")) }
                    (swap(v, "/orders/cancel", "", &html! {
                        input type="hidden" name="id" value=(o.id);
                        (Field::text("reason", v.t("delivery-why"), "").needed())
                        button.danger { (v.t("order-step-cancelled")) }
                    }))
                }
            }
        }
    }
}

fn names(text: &str) -> Vec<String> {
    text.split([',', ' ', ';']).map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

/// A step for one order or for several; of several each is judged by itself.
async fn steps(visit: Moving, form: Form) -> Reply {
    let ids = form.ids("id")?;
    if ids.is_empty() || ids.len() > MAX_AT_ONCE {
        return Err(Invalid::at("/id", format!("pick 1 to {MAX_AT_ONCE} orders first")).into());
    }
    let change = StatusChange {
        status: form.text("status").to_owned(),
        reason: form.some("reason"),
        parcels: names(form.text("parcels")),
        restock: form.ticked("restock"),
        version: None,
    };
    let (all, one) = (ids.len(), ids[0].to_string());
    let moved = visit.write::<MoveOrders, _, _>(move |tx, grant, cx| -> Result<u64, OrderError> {
        let mut refused = 0;
        for id in &ids {
            match service::change_status(tx, grant, cx, &id.to_string(), None, &change) {
                Ok(_) => {}
                Err(e) if all > 1 && matches!(e.kind(), Class::Conflict | Class::NotFound) => refused += 1,
                Err(e) => return Err(e),
            }
        }
        Ok(refused)
    });
    let back = Some(form.text("back")).filter(|b| b.starts_with("/orders"));
    answered(&visit, moved.await, back, &one)
}

fn answered<P: super::shell::visit::Pass>(
    visit: &Visit<P>,
    done: Result<u64, Fail>,
    back: Option<&str>,
    one: &str,
) -> Reply {
    let to = back.map_or_else(|| format!("/orders/{one}"), str::to_owned);
    let sep = if to.contains('?') { '&' } else { '?' };
    match done {
        Ok(0) => Ok(Out::See(format!("{to}{sep}done=saved"))),
        Ok(n) => Ok(Out::See(format!("{to}{sep}refused={n}"))),
        Err(Fail::Refused(e)) if back.is_none() && visit.viewer.may::<ViewOrders>() => {
            Ok(shown(&visit.viewer, &load(visit, one)?, Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

async fn cancel(visit: Visit<Grant<CancelOrders>>, form: Form) -> Reply {
    let id = form.ids("id")?.pop().ok_or_else(|| Invalid::at("/id", "pick an order first"))?.to_string();
    let (name, reason) = (id.clone(), form.some("reason"));
    let off = visit.write::<CancelOrders, _, _>(move |tx, grant, cx| -> Result<u64, OrderError> {
        service::cancel(tx, grant, cx, &name, reason.clone()).map(|_| 0)
    });
    answered(&visit, off.await, None, &id)
}

type Taking = Visit<Grant<CreateOrders>>;

fn new_form(v: &Viewer, f: &Form, fail: Option<&ApiError>) -> Out {
    let item = |n: usize, name: &str| f.all(name).nth(n).unwrap_or_default().to_owned();
    let main = html! {
        h1 { (v.t("order-new")) }
        (refusal(v, fail))
        section.card.narrow {
            (parts::post(v, "/orders/new", &html! {
                (Field::text("customer_name", v.t("delivery-customer"), f.text("customer_name")).needed())
                (Field::text("delivery_address", v.t("to"), f.text("delivery_address")).needed())
                div.two {
                    (Field::text("customer_phone", v.t("phone"), f.text("customer_phone")).kind("tel", "off"))
                    (Field::text("customer_email", v.t("email"), f.text("customer_email")).kind("email", "off"))
                }
                fieldset {
                    legend { (v.t("order-items")) }
                    @for n in 0..ITEMS {
                        div.two {
                            div.field { label for={ "product-" (n) } { (v.t("order-product")) } input id={ "product-" (n) } name="product" value=(item(n, "product")) autocomplete="off"; }
                            div.field { label for={ "quantity-" (n) } { (v.t("pieces")) } input id={ "quantity-" (n) } name="quantity" type="number" min="1" value=(item(n, "quantity")); }
                        }
                    }
                }
                (Field::text("reference", v.t("order-reference"), f.text("reference")))
                (Field::text("note", v.t("remark"), f.text("note")))
                (parts::tick("backorder", &v.t("order-may-wait"), f.ticked("backorder")))
                @if v.is_hq { (Field::text("depot", v.t("order-depot"), f.text("depot")).kind("number", "off").needed()) }
                button.primary { (v.t("order-take")) }
            }))
        }
    };
    Out::page(v.t("order-new"), main).after(fail)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Taking) -> Reply {
    Ok(new_form(&visit.viewer, &Form::default(), None))
}

fn order(f: &Form) -> Result<NewOrder, Invalid> {
    let mut items = Vec::new();
    for (n, (product, quantity)) in f.all("product").zip(f.all("quantity")).enumerate() {
        if product.is_empty() && quantity.is_empty() {
            continue;
        }
        let wrong =
            || Invalid::at(format!("/items/{n}/quantity"), format!("\"{quantity}\" is no number of pieces"));
        let quantity = if quantity.is_empty() { 1 } else { quantity.parse().map_err(|_| wrong())? };
        items.push(ItemInput { product_id: Named::Text(product.to_owned()), quantity });
    }
    Ok(NewOrder {
        customer_name: f.text("customer_name").to_owned(),
        customer_email: f.some("customer_email"),
        customer_phone: f.some("customer_phone"),
        delivery_address: f.text("delivery_address").to_owned(),
        items,
        reference: f.some("reference"),
        promised_at: None,
        note: f.some("note"),
        backorder: f.ticked("backorder"),
        depot: f.parsed("depot")?,
    })
}

async fn place(visit: Taking, f: Form) -> Reply {
    let placed = match order(&f) {
        Err(e) => Err(e.into()),
        Ok(new) => {
            let placed = visit.write::<CreateOrders, _, _>(move |tx, grant, cx| -> Result<_, OrderError> {
                Ok(match service::place(tx, grant, cx, &new)? {
                    Placing::Taken(done) => done.state.id,
                    Placing::Known(e) => e.value.state.id,
                })
            });
            placed.await
        }
    };
    match placed {
        Ok(id) => Ok(Out::See(format!("/orders/{id}?done=added"))),
        Err(Fail::Refused(e)) => Ok(new_form(&visit.viewer, &f, Some(&e))),
        Err(fail) => Err(fail),
    }
}

type Bulk = Visit<Grant<BulkOrders>>;

/// Orders in lines: customer; address; product × pieces, product × pieces.
fn many(text: &str) -> Vec<Value> {
    let item = |part: &str| {
        let (product, quantity) = part.rsplit_once(['×', '*']).unwrap_or((part, "1"));
        let quantity = quantity.trim();
        let quantity = quantity.parse::<u32>().map_or_else(|_| Value::from(quantity), Value::from);
        json!({ "product_id": product.trim(), "quantity": quantity })
    };
    let order = |line: &str| {
        let mut parts = line.split(';').map(str::trim);
        let (name, address) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let items: Vec<Value> =
            parts.next().unwrap_or_default().split(',').filter(|p| !p.trim().is_empty()).map(item).collect();
        json!({ "customer_name": name, "delivery_address": address, "items": items })
    };
    text.lines().map(str::trim).filter(|l| !l.is_empty()).map(order).collect()
}

fn bulk_form(v: &Viewer, text: &str, came: Option<&[Verdict]>, fail: Option<&ApiError>) -> Out {
    let main = html! {
        h1 { (v.t("orders-many")) }
        (refusal(v, fail))
        @if let Some(came) = came { (verdicts(v, came)) }
        section.card.narrow {
            (parts::post(v, "/orders/bulk", &html! {
                div.field {
                    label for="orders" { (v.t("orders-many-lines")) }
                    textarea #orders name="orders" rows="10" required aria-describedby="orders-hint" { (text) }
                    small #orders-hint { (v.t("orders-many-hint")) }
                }
                (parts::tick("atomic", &v.t("orders-atomic"), false))
                button.primary { (v.t("orders-many-take")) }
            }))
        }
    };
    Out::page(v.t("orders-many"), main).after(fail)
}

fn verdicts(v: &Viewer, came: &[Verdict]) -> Markup {
    html! {
        section.card {
            h2 { (v.t("orders-verdicts")) }
            table.list {
                thead { tr { th.n { (v.t("orders-line")) } th { (v.t("state")) } th { (v.t("order")) } } }
                tbody {
                    @for (n, verdict) in came.iter().enumerate() {
                        tr {
                            td.n { (n + 1) }
                            @match verdict {
                                Verdict::Created { id, number, .. } => { td { (parts::mark(Some(true), &v.t("orders-created"))) } td { a href={ "/orders/" (id) } { (number) } } }
                                Verdict::Duplicate { id, number, .. } => { td { (parts::mark(None, &v.t("orders-known"))) } td { a href={ "/orders/" (id) } { (number) } } }
                                Verdict::Rejected { detail, .. } => { td { (parts::mark(Some(false), &v.t("orders-rejected"))) } td { (v.say(detail)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank_bulk(visit: Bulk) -> Reply {
    Ok(bulk_form(&visit.viewer, "", None, None))
}

async fn place_many(visit: Bulk, f: Form) -> Reply {
    let text = f.text("orders").to_owned();
    let (orders, atomic) = (many(&text), f.ticked("atomic"));
    if orders.len() > MAX_ORDERS {
        let e = OrderError::from(Invalid::at("/orders", format!("at most {MAX_ORDERS} are taken at once")));
        return Ok(bulk_form(&visit.viewer, &text, None, Some(&e.into())));
    }
    let placed = visit.write::<BulkOrders, _, _>(move |tx, grant, cx| -> Result<Vec<Verdict>, OrderError> {
        bulk::place_all(tx, grant, cx, &orders, atomic)
    });
    match placed.await {
        Ok(came) => Ok(bulk_form(&visit.viewer, "", Some(&came), None)),
        Err(Fail::Refused(e)) => Ok(bulk_form(&visit.viewer, &text, None, Some(&e))),
        Err(fail) => Err(fail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_order() {
        let two = many("Alice; 1 Main St; 1 × 2, SKU-7\n\n Bob;2 Elm St;2* many");
        assert_eq!(
            two[0]["items"],
            json!([{ "product_id": "1", "quantity": 2 }, { "product_id": "SKU-7", "quantity": 1 }])
        );
        assert_eq!(
            (&two[1]["customer_name"], &two[1]["items"][0]["quantity"]),
            (&json!("Bob"), &json!("many"))
        );
        assert_eq!(two.len(), 2);
    }
}
