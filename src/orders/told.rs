//! What files of others say of orders, products, categories and stock, taken in a row at a time. A row that says what is
//! known changes nothing, so a file may come twice.

use super::catalog::{self, Category, Product};
use super::catalog_service::{category_or_new, make};
use super::error::OrderError;
use super::event::{OrderEvent, Told};
use super::model::{Customer, Line, Moments};
use super::repo::{self, ORDERS};
use super::stock::{self, Booking, Move, Place, Why};
use super::{rules, service};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::base::verdict::{Beside, Verdict};
use crate::journal::clock::Origin;
use crate::journal::event::SiteRef;
use crate::journal::{Cx, record, reference};
use crate::store::{ReadTx, WriteTx};

type Result<T> = std::result::Result<T, OrderError>;

/// One row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Of an order, or of one of its lines.
    Order(Box<OrderRow>),
    /// Of a product.
    Product(Box<ProductRow>),
    /// Of a category.
    Category(CategoryRow),
    /// How many pieces of a product there are.
    Stock(StockRow),
}

/// What one row says of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderRow {
    /// The source's number for it.
    pub reference: String,
    /// Its own word for where it is.
    pub raw: Option<String>,
    /// Since when.
    pub at: Option<Timestamp>,
    /// Who.
    pub customer: Customer,
    /// Moments.
    pub moments: Moments,
    /// A line.
    pub line: Option<LineRow>,
}

/// One line of an order as a row has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineRow {
    /// The source's name for it.
    pub reference: Option<String>,
    /// The product's code.
    pub sku: Option<String>,
    /// The product's name.
    pub name: Option<String>,
    /// Pieces; 1 when the source has a line a piece.
    pub quantity: Option<u32>,
    /// Of one.
    pub price: Option<Money>,
    /// Of all.
    pub total: Option<Money>,
}

/// What one row says of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductRow {
    /// Its code.
    pub sku: String,
    /// Its name; its code when the source has none.
    pub name: Option<String>,
    /// Its category's name.
    pub category: Option<String>,
    /// Of one.
    pub price: Option<Money>,
    /// Grams.
    pub weight_g: Option<u64>,
    /// In words.
    pub description: Option<String>,
}

/// What one row says of a category.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoryRow {
    /// Its name.
    pub name: String,
    /// In English.
    pub english: Option<String>,
}

/// What one row says of stock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StockRow {
    /// The product's code or short number.
    pub product: String,
    /// Pieces there are.
    pub quantity: u32,
}

/// Takes a row of `source` in, or with `dry` only says what would become of it.
///
/// # Errors
/// When it can't be kept: it names a product that nobody has, or there is no room.
pub fn take(tx: &mut dyn WriteTx, cx: &Cx, source: &str, row: &Row, dry: bool) -> Result<Verdict> {
    match row {
        Row::Order(r) => order(tx, cx, source, r, dry),
        Row::Product(r) => product(tx, cx, r, dry),
        Row::Category(r) => category(tx, cx, r, dry),
        Row::Stock(r) => level(tx, cx, r, dry),
    }
}

/// How a row lies beside what is known of what it is about.
///
/// # Errors
/// Storage failures.
pub fn beside(tx: &dyn ReadTx, source: &str, row: &Row) -> Result<Beside> {
    let here = |is_there: bool| if is_there { Beside::here() } else { Beside::MISSING };
    match row {
        Row::Order(r) => {
            let known = repo::with_reference(tx, Some(source), &r.reference)?;
            let Some(found) = known.map_or(Ok(None), |id| ORDERS.get(tx, &id))? else {
                return Ok(Beside::MISSING);
            };
            let (ours, theirs) = (found.state.status, r.raw.as_deref().map(rules::meaning));
            Ok(Beside { ours: Some(ours.to_string()), is_same: theirs.is_none_or(|t| t == Some(ours)) })
        }
        Row::Product(r) => Ok(here(catalog::with_sku(tx, &r.sku)?.is_some())),
        Row::Category(r) => Ok(here(catalog::category(tx, &r.name)?.is_some())),
        Row::Stock(r) => {
            let Some(found) = catalog::product(tx, &r.product)? else { return Ok(Beside::MISSING) };
            let there = stock::of(tx, found.id, Place::Here(&Origin::load(tx)?))?.on_hand;
            Ok(Beside { ours: Some(there.to_string()), is_same: there == i64::from(r.quantity) })
        }
    }
}

fn line(tx: &dyn ReadTx, row: &LineRow) -> Result<Line> {
    let LineRow { reference, sku, name, quantity, price, total } = row;
    let found = sku.as_deref().map_or(Ok(None), |s| catalog::with_sku(tx, s))?;
    let known = found.as_ref().map(|p| p.value.name.clone());
    Ok(Line {
        reference: reference.clone(),
        product: found.map(|p| p.id),
        name: name.clone().or(known).or_else(|| sku.clone()).unwrap_or_default(),
        quantity: quantity.unwrap_or(1),
        price: price.clone(),
        total: total.clone(),
    })
}

fn order(tx: &mut dyn WriteTx, cx: &Cx, source: &str, row: &OrderRow, dry: bool) -> Result<Verdict> {
    let OrderRow { reference, raw, at, customer, moments, line: item } = row;
    let known = repo::with_reference(tx, Some(source), reference)?;
    let old = known.map_or(Ok(None), |id| ORDERS.get(tx, &id))?;
    let lines: Vec<Line> = item.iter().map(|l| line(tx, l)).collect::<Result<_>>()?;
    if let Some(old) = &old {
        let o = &old.state;
        let (mut c, mut m) = (o.customer.clone(), o.moments.clone());
        c.merge(customer);
        m.merge(moments);
        let told = lines.iter().all(|l| o.lines.contains(l)) && (raw.is_none() || *raw == o.raw);
        if told && c == o.customer && m == o.moments {
            return Ok(Verdict::Unchanged);
        }
    }
    let verdict = if old.is_some() { Verdict::Updated } else { Verdict::Created };
    if dry {
        return Ok(verdict);
    }
    let origin = Origin::load(tx)?;
    let number = if old.is_some() { 0 } else { service::next_number(tx)? };
    // Without a time of its own a word counts from the last moment the row names.
    let last = [moments.ordered_at, moments.approved_at, moments.shipped_at, moments.delivered_at];
    let last = last.into_iter().flatten().max();
    let told = Told {
        source: source.to_owned(),
        reference: reference.clone(),
        number,
        depot: Some(SiteRef::new(origin.site, origin.epoch)),
        to: raw.as_deref().and_then(rules::meaning),
        raw: raw.clone(),
        at: at.or(if raw.is_some() { last } else { None }),
        customer: customer.clone(),
        lines,
        moments: moments.clone(),
    };
    let id = known.unwrap_or_else(|| crate::jobs::queue::id_at(cx.now));
    record(tx, cx, id, old, vec![OrderEvent::Told(Box::new(told))])?;
    Ok(verdict)
}

fn product(tx: &mut dyn WriteTx, cx: &Cx, row: &ProductRow, dry: bool) -> Result<Verdict> {
    let ProductRow { sku, name, category, price, weight_g, description } = row;
    let found = catalog::with_sku(tx, sku)?;
    let known = category.as_deref().map_or(Ok(None), |c| catalog::category(tx, c))?.map(|c| c.id);
    if dry {
        return Ok(if found.is_some() { Verdict::Updated } else { Verdict::Created });
    }
    let category = match (category, known) {
        (Some(name), None) => Some(category_or_new(tx, cx, name, None)?),
        (_, known) => known,
    };
    let number = match &found {
        Some(p) => p.value.number,
        None => catalog::next_number(tx)?,
    };
    let old = found.as_ref().map(|p| p.value.clone());
    let value = Product {
        number,
        sku: Some(sku.clone()),
        name: name.clone().or_else(|| old.as_ref().map(|p| p.name.clone())).unwrap_or_else(|| sku.clone()),
        description: description
            .clone()
            .or_else(|| old.as_ref().map(|p| p.description.clone()))
            .unwrap_or_default(),
        price: price.clone().or_else(|| old.as_ref().and_then(|p| p.price.clone())),
        category: category.or_else(|| old.as_ref().and_then(|p| p.category)),
        weight_g: weight_g.or_else(|| old.as_ref().and_then(|p| p.weight_g)),
        retired: old.as_ref().is_some_and(|p| p.retired),
    };
    match found {
        Some(p) if p.value == value => Ok(Verdict::Unchanged),
        Some(p) => {
            reference::set(tx, cx, p.id, Some(value))?;
            Ok(Verdict::Updated)
        }
        None => {
            make(tx, cx, value)?;
            Ok(Verdict::Created)
        }
    }
}

fn category(tx: &mut dyn WriteTx, cx: &Cx, row: &CategoryRow, dry: bool) -> Result<Verdict> {
    let CategoryRow { name, english } = row;
    let found = catalog::category(tx, name)?;
    match found {
        Some(c) if english.is_none() || c.value.english == *english => Ok(Verdict::Unchanged),
        Some(c) => {
            if !dry {
                let value = Category { english: english.clone(), ..c.value };
                reference::set(tx, cx, c.id, Some(value))?;
            }
            Ok(Verdict::Updated)
        }
        None => {
            if !dry {
                category_or_new(tx, cx, name, english.as_deref())?;
            }
            Ok(Verdict::Created)
        }
    }
}

/// The row says how many there are: the first time that is a receipt, later a count.
fn level(tx: &mut dyn WriteTx, cx: &Cx, row: &StockRow, dry: bool) -> Result<Verdict> {
    let StockRow { product, quantity } = row;
    let unknown =
        || Invalid::at("/product_id", format!("there is no product \"{product}\"; import products first"));
    let found = catalog::product(tx, product)?.ok_or_else(unknown)?;
    let origin = Origin::load(tx)?;
    let id: Id = found.id;
    let first = stock::levels(tx, id)?.iter().all(|l| !origin.is(l.site));
    let on_hand = stock::of(tx, id, Place::Here(&origin))?.on_hand;
    let there = i64::from(*quantity);
    if there == on_hand {
        return Ok(Verdict::Unchanged);
    }
    if !dry {
        let (why, counted) = if first { (Why::Receipt, None) } else { (Why::Count, Some(there)) };
        let note = Some(cx.via.to_string());
        let m = Move { why, on_hand: there - on_hand, reserved: 0, order: None, counted, note };
        let mut booking = Booking::default();
        // What is there can't be less than nothing, so a count is never short.
        if booking.add(tx, &origin, id, m)?.is_err() {
            return Err(Invalid::at("/items", "is less than what is reserved for orders").into());
        }
        booking.write(tx, cx)?;
    }
    Ok(if first { Verdict::Created } else { Verdict::Updated })
}
