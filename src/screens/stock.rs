//! Products and what there is of them: the list, one with its movements, and booking what came, what was put right and
//! what was counted.

use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, empty, refusal, swap};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::base::page::DEFAULT_LIMIT;
use crate::base::units::Grams;
use crate::identity::features::{EditProducts, MoveStock, ViewOrders, ViewProducts, ViewStock};
use crate::identity::grant::Grant;
use crate::journal::clock::{HEADQUARTERS, Origin};
use crate::orders::catalog::{self, Category, Kept, Product};
use crate::orders::catalog_service as service;
use crate::orders::error::OrderError;
use crate::orders::inputs::{Amount, Decimal, MoveInput, Named, ProductInput};
use crate::orders::ledger;
use crate::orders::stock::{self, Level, Place, Stock, Why};
use crate::orders::views::{MoveView, decimal};
use crate::store::table::{cursor, position};
use crate::store::{ReadTx, StoreError};
use crate::web::ApiError;

type Looking = Visit<Grant<ViewProducts>>;
type Editing = Visit<Grant<EditProducts>>;

/// Categories a form offers.
const CATEGORIES: usize = 200;
/// Products that are looked through for a name.
const LOOKED_AT: usize = 5_000;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::Stock, "nav-stock")
        .get("/products", list)
        .get("/products/new", blank)
        .post("/products/new", add)
        .get("/products/{id}", show)
        .post("/products/{id}", change)
        .post("/products/{id}/book", book)
        .post("/products/{id}/remove", remove)
}

#[derive(Default, Deserialize)]
struct Asked {
    q: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

struct Row {
    product: Kept<Product>,
    stock: Stock,
    category: Option<String>,
}

/// A product with what there is of it: at a depot there, at headquarters everywhere.
fn row(tx: &dyn ReadTx, product: Kept<Product>) -> Result<Row, StoreError> {
    let origin = Origin::load(tx)?;
    let place = if origin.site == HEADQUARTERS { Place::Everywhere } else { Place::Here(&origin) };
    let stock = stock::of(tx, product.id, place)?;
    let category = match product.value.category {
        Some(id) => catalog::category(tx, &id.to_string())?.map(|c| c.value.name),
        None => None,
    };
    Ok(Row { product, stock, category })
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let (asked, v) = (visit.query::<Asked>()?, &visit.viewer);
    let wanted = asked.q.as_deref().map(|q| q.trim().to_lowercase()).filter(|q| !q.is_empty());
    let (rows, next) = visit.read(|tx| -> Result<_, OrderError> {
        let from = position(asked.cursor.as_deref())?;
        let n = if wanted.is_some() { LOOKED_AT } else { DEFAULT_LIMIT };
        let (all, next) = catalog::page::<Product>(tx, from, n)?;
        let fits = |p: &Product| {
            let within = |q: &str| {
                let sku = p.sku.as_deref().unwrap_or_default().to_lowercase();
                p.number.to_string() == q || sku.contains(q) || p.name.to_lowercase().contains(q)
            };
            wanted.as_deref().is_none_or(within)
        };
        let fitting = all.into_iter().filter(|k| fits(&k.value)).take(DEFAULT_LIMIT);
        let rows = fitting.map(|k| row(tx, k)).collect::<Result<Vec<_>, _>>()?;
        Ok((rows, next.as_ref().map(cursor).transpose()?))
    })?;
    let main = html! {
        div.head {
            h1 { (v.t("nav-stock")) }
            @if v.may::<EditProducts>() { a.button href="/products/new" { (Icon::Plus) (v.t("product-new")) } }
        }
        (parts::done(v, asked.done.as_deref()))
        form.filters role="search" action="/products" {
            (Field::text("q", v.t("products-find"), asked.q.as_deref().unwrap_or_default()).kind("search", "off"))
            button { (v.t("show")) }
        }
        div data-region="products" data-kinds="product stock category" {
            @if rows.is_empty() { (empty(&v.t("products-none"), &html! { p { (v.t("products-none-hint")) } })) }
            @else { (table(v, &rows)) }
        }
        (parts::more(v, "/products", visit.request.query_string(), next.as_deref()))
    };
    Ok(Out::page(v.t("nav-stock"), main))
}

fn table(v: &Viewer, rows: &[Row]) -> Markup {
    html! {
        table.list {
            thead { tr { th { (v.t("order-number")) } th { (v.t("product")) } th { (v.t("product-category")) } th.n { (v.t("product-price")) } th.n { (v.t("stock-available")) } th.n { (v.t("stock-on-hand")) } th.n { (v.t("stock-reserved")) } } }
            tbody {
                @for r in rows {
                    @let p = &r.product.value;
                    tr data-row {
                        td.id { (p.number) }
                        td { a href={ "/products/" (r.product.id) } { (p.name) } @if let Some(sku) = &p.sku { " " span.id.faint { (sku) } } @if p.retired { " " span.state.over { (Icon::Cross) (v.t("product-retired")) } } }
                        td { (r.category.as_deref().unwrap_or("–")) }
                        td.n { @if let Some(price) = &p.price { (v.money(price)) } @else { "–" } }
                        td.n.late[r.stock.available() == 0 && !p.retired] data-as=(v.t("stock-available")) { (signed(v, r.stock.available(), false)) }
                        td.n data-as=(v.t("stock-on-hand")) { (signed(v, r.stock.on_hand, false)) }
                        td.n data-as=(v.t("stock-reserved")) { (signed(v, r.stock.reserved, false)) }
                    }
                }
            }
        }
    }
}

/// A number that may be below zero; with its sign where it is a change.
fn signed(v: &Viewer, n: i64, change: bool) -> String {
    let sign = match n {
        i64::MIN..=-1 => "−",
        1.. if change => "+",
        _ => "",
    };
    format!("{sign}{}", v.number(n.unsigned_abs()))
}

struct Page {
    row: Row,
    levels: Vec<Level>,
    moves: Vec<MoveView>,
    next: Option<String>,
    categories: Vec<String>,
    has_shelves: bool,
    done: Option<String>,
}

fn load<P: super::shell::visit::Pass>(visit: &Visit<P>) -> Result<Page, Fail> {
    let (name, asked) = (visit.path("id"), visit.query::<Asked>().unwrap_or_default());
    let (sees, edits) = (visit.viewer.may::<ViewStock>(), visit.viewer.may::<EditProducts>());
    visit.read(|tx| -> Result<_, OrderError> {
        let found = service::product(tx, &name)?;
        let id = found.id;
        let (moves, next) = if sees {
            ledger::movements(tx, id, DEFAULT_LIMIT, asked.cursor.as_deref())?
        } else {
            (Vec::new(), None)
        };
        Ok(Page {
            row: row(tx, found)?,
            levels: stock::levels(tx, id)?,
            moves,
            next,
            categories: if edits { categories(tx)? } else { Vec::new() },
            has_shelves: Origin::load(tx)?.site != HEADQUARTERS,
            done: asked.done,
        })
    })
}

fn categories(tx: &dyn ReadTx) -> Result<Vec<String>, StoreError> {
    let (all, _) = catalog::page::<Category>(tx, None, CATEGORIES)?;
    Ok(all.into_iter().map(|c| c.value.name).collect())
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let page = load(&visit)?;
    Ok(shown(&visit.viewer, &page, visit.request.query_string(), None))
}

fn shown(v: &Viewer, page: &Page, query: &str, fail: Option<&ApiError>) -> Out {
    let p = &page.row.product.value;
    let at = format!("/products/{}", page.row.product.id);
    let main = html! {
        div.head { h1 { (p.name) } @if p.retired { span.state.over { (Icon::Cross) (v.t("product-retired")) } } }
        (parts::done(v, page.done.as_deref()))
        (refusal(v, fail))
        div data-region="figures" data-kinds="stock" {
            div.figures {
                div.figure.bad[page.row.stock.available() == 0] { b { (signed(v, page.row.stock.available(), false)) } span { (v.t("stock-available")) } }
                div.figure { b { (signed(v, page.row.stock.on_hand, false)) } span { (v.t("stock-on-hand")) } }
                div.figure { b { (signed(v, page.row.stock.reserved, false)) } span { (v.t("stock-reserved")) } }
            }
        }
        div.columns {
            div {
                @if v.may::<MoveStock>() && page.has_shelves { (booking(v, page, &at)) }
                section.card { h2 { (v.t("product")) } (facts(v, page)) }
                @if v.may::<EditProducts>() { (editing(v, page, &at)) }
            }
            @if v.may::<ViewStock>() {
                section.card data-region="ledger" data-kinds="stock" {
                    h2 { (v.t("stock-ledger")) }
                    @if page.moves.is_empty() { p.faint { (v.t("stock-ledger-none")) } }
                    @else { (moves(v, &page.moves)) }
                    (parts::more(v, &at, query, page.next.as_deref()))
                }
            }
        }
    };
    Out::page(p.name.clone(), main).after(fail)
}

fn facts(v: &Viewer, page: &Page) -> Markup {
    let p = &page.row.product.value;
    let text = |t: &Option<String>| t.as_ref().map(|t| html! { (t) });
    html! {
        @if !p.description.is_empty() { p { (p.description) } }
        dl.facts {
            (parts::fact(&v.t("order-number"), Some(&html! { (p.number) })))
            (parts::fact(&v.t("product-sku"), text(&p.sku).as_ref()))
            (parts::fact(&v.t("product-category"), text(&page.row.category).as_ref()))
            (parts::fact(&v.t("product-price"), p.price.as_ref().map(|m| html! { (v.money(m)) }).as_ref()))
            (parts::fact(&v.t("weight"), p.weight_g.map(|g| html! { (v.weight(Grams(g))) }).as_ref()))
        }
        @if page.levels.len() > 1 {
            table.list {
                thead { tr { th { (v.t("depots")) } th.n { (v.t("stock-on-hand")) } th.n { (v.t("stock-reserved")) } } }
                tbody { @for l in &page.levels { tr { td { (l.site.site) } td.n data-as=(v.t("stock-on-hand")) { (signed(v, l.on_hand, false)) } td.n data-as=(v.t("stock-reserved")) { (signed(v, l.reserved, false)) } } } }
            }
        }
    }
}

fn moves(v: &Viewer, moves: &[MoveView]) -> Markup {
    html! {
        table.list {
            thead { tr { th { (v.t("when")) } th { (v.t("stock-why")) } th.n { (v.t("stock-on-hand")) } th.n { (v.t("stock-reserved")) } th { (v.t("note")) } } }
            tbody {
                @for m in moves {
                    tr {
                        td.when { (v.time(m.at)) }
                        td { (v.named("stock", m.kind)) @if let Some(n) = m.counted { " " span.faint { "= " (v.number(n.unsigned_abs())) } } }
                        td.n data-as=(v.t("stock-on-hand")) { @if m.on_hand != 0 { (signed(v, m.on_hand, true)) } }
                        td.n data-as=(v.t("stock-reserved")) { @if m.reserved != 0 { (signed(v, m.reserved, true)) } }
                        td { @if let Some(o) = m.order.filter(|_| v.may::<ViewOrders>()) { a href={ "/orders/" (o) } { (v.t("order")) } } (m.note.as_deref().unwrap_or_default()) }
                    }
                }
            }
        }
    }
}

/// What a person books. A count says against which figure it was made: what moves meanwhile stays moved.
fn booking(v: &Viewer, page: &Page, at: &str) -> Markup {
    let on_hand = page.row.stock.on_hand;
    html! {
        section.card.booking {
            h2 { (v.t("stock-book")) }
            (swap(v, &format!("{at}/book"), "", &html! {
                div.two {
                    div.field { label for="quantity" { (v.t("pieces")) } input #quantity name="quantity" type="number" required inputmode="numeric"; }
                    (Field::text("note", v.t("note"), ""))
                }
                input type="hidden" name="seen" value=(on_hand);
                div.buttons {
                    button.primary name="kind" value="receipt" { (Icon::Plus) (v.t("stock-do-receipt")) }
                    button name="kind" value="adjust" { (v.t("stock-do-adjust")) }
                    button name="kind" value="count" { (v.t("stock-do-count")) }
                }
                small.faint { (v.t("stock-book-hint")) }
            }))
        }
    }
}

fn editing(v: &Viewer, page: &Page, at: &str) -> Markup {
    let Kept { rev, value: p, .. } = &page.row.product;
    let price = p.price.as_ref().and_then(decimal).map(|d| d.to_string()).unwrap_or_default();
    let fields = [
        ("version", rev.to_string()),
        ("name", p.name.clone()),
        ("description", p.description.clone()),
        ("price", price),
        ("sku", p.sku.clone().unwrap_or_default()),
        ("category", page.row.category.clone().unwrap_or_default()),
        ("weight_g", p.weight_g.map(|g| g.to_string()).unwrap_or_default()),
        ("retired", if p.retired { "1".into() } else { String::new() }),
    ];
    let filled = Form(fields.into_iter().map(|(n, t)| (n.to_owned(), t)).collect());
    html! {
        details.card {
            summary { (v.t("product-change")) }
            (form(v, at, &filled, &page.categories))
        }
        details.confirm {
            summary.button { (v.t("remove")) }
            (parts::post(v, &format!("{at}/remove"), &html! { p { (v.t("product-remove-hint")) } (parts::version(*rev)) button.danger { (v.t("product-remove")) } }))
        }
    }
}

fn form(v: &Viewer, action: &str, f: &Form, categories: &[String]) -> Markup {
    let is_new = !f.ticked("version");
    let mut all = vec![(String::new(), "–".to_owned())];
    all.extend(categories.iter().map(|c| (c.clone(), c.clone())));
    parts::post(
        v,
        action,
        &html! {
            @if !is_new { input type="hidden" name="version" value=(f.text("version")); }
            (Field::text("name", v.t("name"), f.text("name")).needed())
            (Field::text("description", v.t("product-description"), f.text("description")))
            div.two {
                (Field::text("price", v.t("product-price"), f.text("price")))
                (Field::text("sku", v.t("product-sku"), f.text("sku")))
            }
            div.two {
                (choice("category", &v.t("product-category"), &all, f.text("category")))
                (Field::text("category_new", v.t("product-category-new"), f.text("category_new")))
            }
            div.two {
                (Field::text("weight_g", v.t("weight-g"), f.text("weight_g")).kind("number", "off"))
                @if is_new { (Field::text("stock", v.t("product-first-stock"), f.text("stock")).kind("number", "off")) }
            }
            @if !is_new { (parts::tick("retired", &v.t("product-retired"), f.ticked("retired"))) }
            button.primary { (v.t("save")) }
        },
    )
}

fn input(f: &Form, is_new: bool) -> Result<ProductInput, Invalid> {
    let category = f.some("category_new").or_else(|| f.some("category"));
    Ok(ProductInput {
        name: f.text("name").to_owned(),
        description: f.text("description").to_owned(),
        price: f.some("price").map(|p| Amount::Decimal(Decimal(p.replace(',', ".")))),
        stock: if is_new { f.parsed("stock")? } else { None },
        category: category.map(Named::Text),
        sku: f.some("sku"),
        weight_g: f.parsed("weight_g")?,
        retired: f.ticked("retired"),
        version: None,
    })
}

fn new_page(visit: &Editing, f: &Form, fail: Option<&ApiError>) -> Reply {
    let (v, categories) = (&visit.viewer, visit.read(categories)?);
    let main = html! { h1 { (v.t("product-new")) } (refusal(v, fail)) section.card.narrow { (form(v, "/products/new", f, &categories)) } };
    Ok(Out::page(v.t("product-new"), main).after(fail))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Editing) -> Reply {
    new_page(&visit, &Form::default(), None)
}

async fn add(visit: Editing, f: Form) -> Reply {
    let made = match input(&f, true) {
        Err(e) => Err(e.into()),
        Ok(new) => {
            let made = visit.write::<EditProducts, _, _>(move |tx, grant, cx| -> Result<_, OrderError> {
                Ok(service::create_product(tx, grant, cx, &new)?.id)
            });
            made.await
        }
    };
    match made {
        Ok(id) => Ok(Out::See(format!("/products/{id}?done=added"))),
        Err(Fail::Refused(e)) => new_page(&visit, &f, Some(&e)),
        Err(fail) => Err(fail),
    }
}

/// Where one goes after a change: to the product, with what was refused.
fn back<P: super::shell::visit::Pass>(visit: &Visit<P>, done: Result<(), Fail>) -> Reply {
    match done {
        Ok(()) => Ok(Out::See(format!("/products/{}?done=saved", visit.path("id")))),
        Err(Fail::Refused(e)) if visit.viewer.may::<ViewProducts>() => {
            Ok(shown(&visit.viewer, &load(visit)?, "", Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

async fn change(visit: Editing, f: Form) -> Reply {
    let name = visit.path("id");
    let read = || -> Result<_, Invalid> { Ok((f.version()?, input(&f, false)?)) };
    let done = match read() {
        Err(e) => Err(e.into()),
        Ok((seen, to)) => {
            let changed = visit.write::<EditProducts, _, _>(move |tx, grant, cx| -> Result<(), OrderError> {
                service::change_product(tx, grant, cx, &name, seen, &to).map(drop)
            });
            changed.await
        }
    };
    back(&visit, done)
}

async fn remove(visit: Editing, f: Form) -> Reply {
    let (name, seen) = (visit.path("id"), f.version()?);
    let removed = visit.write::<EditProducts, _, _>(move |tx, grant, cx| -> Result<bool, OrderError> {
        Ok(service::remove_product(tx, grant, cx, &name, seen)?.is_some())
    });
    match removed.await {
        Ok(false) => Ok(Out::See("/products?done=removed".into())),
        other => back(&visit, other.map(drop)),
    }
}

fn movement(name: String, f: &Form) -> Result<MoveInput, Invalid> {
    let kind: Why = f.one_of("kind")?;
    let quantity =
        f.parsed("quantity")?.ok_or_else(|| Invalid::at("/quantity", "is needed: a whole number"))?;
    let seen = if kind == Why::Count { f.parsed("seen")? } else { None };
    Ok(MoveInput { product_id: Named::Text(name), kind, quantity, seen, note: f.some("note") })
}

async fn book(visit: Visit<Grant<MoveStock>>, f: Form) -> Reply {
    let done = match movement(visit.path("id"), &f) {
        Err(e) => Err(e.into()),
        Ok(input) => {
            let booked = visit.write::<MoveStock, _, _>(move |tx, grant, cx| -> Result<(), OrderError> {
                service::book(tx, grant, cx, &input).map(drop)
            });
            booked.await
        }
    };
    back(&visit, done)
}
