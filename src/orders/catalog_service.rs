//! The use cases of categories, products and stock.

use super::catalog::{self, Category, Kept, Product};
use super::error::OrderError;
use super::inputs::{Amount, CategoryInput, MoveInput, Named, ProductInput};
use super::stock::{self, Booking, MAX_ON_HAND, Move, Place, Short, Stock, Why};
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::{EditProducts, MoveStock};
use crate::identity::grant::Grant;
use crate::jobs::queue::id_at;
use crate::journal::clock::{HEADQUARTERS, Origin};
use crate::journal::{Cx, reference};
use crate::store::{ReadTx, WriteTx, counters};

type Result<T> = std::result::Result<T, OrderError>;

/// Products of one tenant at the most.
pub const MAX_PRODUCTS: i64 = 1_000_000;
/// The counter of products that were made.
const MADE: &str = "products/made";

/// The category `name` means, an id or a name.
///
/// # Errors
/// When there is none.
pub fn category(tx: &dyn ReadTx, name: &str) -> Result<Kept<Category>> {
    catalog::category(tx, name)?.ok_or_else(|| OrderError::Unknown("category", name.to_owned()))
}

/// The product `name` means: a short number, a code or an id.
///
/// # Errors
/// When there is none.
pub fn product(tx: &dyn ReadTx, name: &str) -> Result<Kept<Product>> {
    catalog::product(tx, name)?.ok_or_else(|| OrderError::Unknown("product", name.to_owned()))
}

/// Makes a category.
///
/// # Errors
/// When its name is blank or taken.
pub fn create_category(
    tx: &mut dyn WriteTx,
    _: &Grant<EditProducts>,
    cx: &Cx,
    input: &CategoryInput,
) -> Result<Kept<Category>> {
    check_category(input)?;
    if catalog::category(tx, &input.name)?.is_some() {
        return Err(OrderError::Exists("category", input.name.trim().to_owned()));
    }
    set_category(tx, cx, id_at(cx.now), input)
}

fn check_category(input: &CategoryInput) -> Result<()> {
    let mut wrong: Vec<Problem> =
        text::required("/name", &input.name, text::SHORT).err().into_iter().collect();
    wrong.extend(input.english.as_deref().and_then(|t| text::optional("/english", t, text::SHORT).err()));
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong).into()) }
}

fn set_category(tx: &mut dyn WriteTx, cx: &Cx, id: Id, input: &CategoryInput) -> Result<Kept<Category>> {
    let value = Category { name: input.name.trim().to_owned(), english: input.english.clone() };
    let done = reference::set(tx, cx, id, Some(value.clone()))?;
    Ok(Kept { id, rev: done.rev, value })
}

/// Changes a category.
///
/// # Errors
/// When it is unknown, has changed since revision `seen`, or its new name is taken.
pub fn change_category(
    tx: &mut dyn WriteTx,
    _: &Grant<EditProducts>,
    cx: &Cx,
    name: &str,
    seen: u64,
    input: &CategoryInput,
) -> Result<Kept<Category>> {
    let found = category(tx, name)?;
    current(found.rev, seen)?;
    check_category(input)?;
    if catalog::category(tx, &input.name)?.is_some_and(|other| other.id != found.id) {
        return Err(OrderError::Exists("category", input.name.trim().to_owned()));
    }
    set_category(tx, cx, found.id, input)
}

/// Products looked at before a category is removed.
const LOOK_AT: usize = 20_000;

/// Removes a category that no product is in.
///
/// # Errors
/// When it is unknown, has changed, or a product is in it.
pub fn remove_category(
    tx: &mut dyn WriteTx,
    _: &Grant<EditProducts>,
    cx: &Cx,
    name: &str,
    seen: u64,
) -> Result<()> {
    let found = category(tx, name)?;
    current(found.rev, seen)?;
    let (products, more) = catalog::page::<Product>(tx, None, LOOK_AT)?;
    if let Some(p) = products.iter().find(|p| p.value.category == Some(found.id)) {
        let name = &found.value.name;
        let said = format!("category {name} holds product {}; move its products first", p.value.number);
        return Err(OrderError::InUse(said));
    }
    if more.is_some() {
        return Err(OrderError::InUse("there are too many products to tell whether it is used".into()));
    }
    reference::set::<Category>(tx, cx, found.id, None)?;
    Ok(())
}

fn current(found: u64, seen: u64) -> Result<()> {
    if found == seen { Ok(()) } else { Err(OrderError::Stale { found, seen }) }
}

fn checked(tx: &mut dyn WriteTx, cx: &Cx, number: u32, input: &ProductInput) -> Result<Product> {
    let ProductInput { name, description, price, stock: _, category, sku, weight_g, retired, version: _ } =
        input;
    let mut wrong: Vec<Problem> = text::required("/name", name, text::SHORT).err().into_iter().collect();
    wrong.extend(text::optional("/description", description, text::LONG).err());
    wrong.extend(sku.as_deref().and_then(|s| text::required("/sku", s, 128).err()));
    let currency = &cx.policy.rules.currency;
    let price = price.as_ref().map(|p: &Amount| p.money("/price", currency)).transpose();
    let price = price.map_err(|p| wrong.push(p)).unwrap_or_default();
    if let Some(Named::Text(t)) = category {
        wrong.extend(text::required("/category", t, text::SHORT).err());
    }
    if !wrong.is_empty() {
        return Err(Invalid(wrong).into());
    }
    let category = category.as_ref().map(|c| category_or_new(tx, cx, &c.text(), None)).transpose()?;
    Ok(Product {
        number,
        sku: sku.as_deref().map(|s| s.trim().to_owned()),
        name: name.trim().to_owned(),
        description: description.clone(),
        price,
        category,
        weight_g: *weight_g,
        retired: *retired,
    })
}

/// The category called `name`, made when there is none.
///
/// # Errors
/// Storage failures.
pub fn category_or_new(tx: &mut dyn WriteTx, cx: &Cx, name: &str, english: Option<&str>) -> Result<Id> {
    if let Some(found) = catalog::category(tx, name)? {
        return Ok(found.id);
    }
    let id = id_at(cx.now);
    let value = Category { name: name.trim().to_owned(), english: english.map(str::to_owned) };
    reference::set(tx, cx, id, Some(value))?;
    Ok(id)
}

/// Makes a product with the next short number; `stock` becomes a receipt at this depot.
///
/// # Errors
/// When something about it is wrong, its code is taken, or there are too many.
pub fn create_product(
    tx: &mut dyn WriteTx,
    _: &Grant<EditProducts>,
    cx: &Cx,
    input: &ProductInput,
) -> Result<Kept<Product>> {
    if let Some(sku) = input.sku.as_deref()
        && catalog::with_sku(tx, sku)?.is_some()
    {
        return Err(OrderError::Exists("product", sku.trim().to_owned()));
    }
    let opening = i64::from(input.stock.unwrap_or(0));
    if opening > 0 && Origin::load(tx)?.site == HEADQUARTERS {
        return Err(no_stock_at_headquarters("/stock"));
    }
    if opening > MAX_ON_HAND {
        return Err(Invalid::at("/stock", format!("must be at most {MAX_ON_HAND}")).into());
    }
    let number = catalog::next_number(tx)?;
    let value = checked(tx, cx, number, input)?;
    let made = make(tx, cx, value)?;
    if opening > 0 {
        let mut booking = Booking::default();
        let note = Some("opening stock".to_owned());
        let m = Move { why: Why::Receipt, on_hand: opening, reserved: 0, order: None, counted: None, note };
        let origin = Origin::load(tx)?;
        short(tx, booking.add(tx, &origin, made.id, m)?)?;
        booking.write(tx, cx)?;
    }
    Ok(made)
}

/// Writes a new product down.
///
/// # Errors
/// When there are too many; storage failures.
pub fn make(tx: &mut dyn WriteTx, cx: &Cx, value: Product) -> Result<Kept<Product>> {
    if counters::get(tx, MADE)? >= MAX_PRODUCTS {
        return Err(
            Invalid::at("/", format!("there are {MAX_PRODUCTS} products, and no more are kept")).into()
        );
    }
    counters::add(tx, MADE, 1)?;
    let id = id_at(cx.now);
    let done = reference::set(tx, cx, id, Some(value.clone()))?;
    Ok(Kept { id, rev: done.rev, value })
}

fn no_stock_at_headquarters(pointer: &str) -> OrderError {
    Invalid::at(pointer, "headquarters has no shelves: book stock at the depot that has the goods").into()
}

/// Changes a product; its short number stays.
///
/// # Errors
/// When it is unknown, has changed since revision `seen`, or something about it is wrong.
pub fn change_product(
    tx: &mut dyn WriteTx,
    _: &Grant<EditProducts>,
    cx: &Cx,
    name: &str,
    seen: u64,
    input: &ProductInput,
) -> Result<Kept<Product>> {
    let found = product(tx, name)?;
    current(found.rev, seen)?;
    if input.stock.is_some() {
        return Err(Invalid::at("/stock", "is changed by a movement: POST /stock/movements").into());
    }
    if let Some(sku) = input.sku.as_deref()
        && catalog::with_sku(tx, sku)?.is_some_and(|other| other.id != found.id)
    {
        return Err(OrderError::Exists("product", sku.trim().to_owned()));
    }
    let value = checked(tx, cx, found.value.number, input)?;
    let done = reference::set(tx, cx, found.id, Some(value.clone()))?;
    Ok(Kept { id: found.id, rev: done.rev, value })
}

/// Takes a product out of the catalogue: one that was ever in stock is retired, so that orders go on naming it; one
/// that never was is removed. Returns it when it is retired.
///
/// # Errors
/// When it is unknown or has changed.
pub fn remove_product(
    tx: &mut dyn WriteTx,
    _: &Grant<EditProducts>,
    cx: &Cx,
    name: &str,
    seen: u64,
) -> Result<Option<Kept<Product>>> {
    let found = product(tx, name)?;
    current(found.rev, seen)?;
    if stock::levels(tx, found.id)?.is_empty() {
        reference::set::<Product>(tx, cx, found.id, None)?;
        return Ok(None);
    }
    let value = Product { retired: true, ..found.value };
    let done = reference::set(tx, cx, found.id, Some(value.clone()))?;
    Ok(Some(Kept { id: found.id, rev: done.rev, value }))
}

/// Turns a shortage into the error that names the product.
///
/// # Errors
/// The shortage; storage failures.
pub fn short(tx: &dyn ReadTx, booked: std::result::Result<(), Short>) -> Result<()> {
    let Err(why) = booked else { return Ok(()) };
    let found = catalog::product(tx, &why.product.to_string())?;
    let (number, name) = found.map_or_else(Default::default, |p| (p.value.number, p.value.name));
    Err(OrderError::Short { number, name, why })
}

/// Books a movement by hand. Returns what there is then.
///
/// # Errors
/// When the kind is none of a person's, the figures make no sense, or less than nothing would be left.
pub fn book(
    tx: &mut dyn WriteTx,
    _: &Grant<MoveStock>,
    cx: &Cx,
    input: &MoveInput,
) -> Result<(Kept<Product>, Move, Stock)> {
    let MoveInput { product_id, kind, quantity, seen, note } = input;
    let origin = Origin::load(tx)?;
    if origin.site == HEADQUARTERS {
        return Err(no_stock_at_headquarters("/product_id"));
    }
    let found = product(tx, &product_id.text())?;
    let now = stock::of(tx, found.id, Place::Here(&origin))?;
    if let Some(note) = note {
        text::optional("/note", note, text::SHORT).map_err(|p| Invalid(vec![p]))?;
    }
    let wrong = |said: &str| -> Result<i64> { Err(Invalid::at("/quantity", said).into()) };
    let on_hand = match kind {
        Why::Receipt if *quantity <= 0 => wrong("must be positive: a receipt brings goods")?,
        Why::Receipt | Why::Adjust => *quantity,
        Why::Count if *quantity < 0 => wrong("must not be negative: it is what lies on the shelf")?,
        Why::Count => quantity - seen.unwrap_or(now.on_hand),
        Why::Reserve | Why::Release | Why::Ship | Why::Return => {
            let said = "must be receipt, adjust or count: the others are booked by orders";
            return Err(Invalid::at("/kind", said).into());
        }
    };
    if seen.is_some() && *kind != Why::Count {
        return Err(Invalid::at("/seen", "belongs to a count only").into());
    }
    if on_hand.abs() > MAX_ON_HAND || now.on_hand.saturating_add(on_hand) > MAX_ON_HAND {
        wrong("is more than a depot can have")?;
    }
    let counted = (*kind == Why::Count).then_some(*quantity);
    let m = Move { why: *kind, on_hand, reserved: 0, order: None, counted, note: note.clone() };
    let mut booking = Booking::default();
    short(tx, booking.add(tx, &origin, found.id, m.clone())?)?;
    booking.write(tx, cx)?;
    let after = stock::of(tx, found.id, Place::Here(&origin))?;
    Ok((found, m, after))
}
