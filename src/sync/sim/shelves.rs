//! Orders and stock in the company: products of headquarters', goods on the shelves of depots, orders that depots take and
//! orders that headquarters commands to one of them. Through the use cases that people use.

use super::node::{Node, TENANT, act, all, may};
use super::random::Rng;
use crate::base::clock::Timestamp;
use crate::identity::features::{CreateOrders, EditProducts, MoveOrders, MoveStock};
use crate::journal::Event;
use crate::orders::catalog::{self, Category, Product};
use crate::orders::error::OrderError;
use crate::orders::event::OrderEvent;
use crate::orders::inputs::{ItemInput, MoveInput, Named, NewOrder, ProductInput, StatusChange};
use crate::orders::model::{Order, Status};
use crate::orders::rules::is_final;
use crate::orders::stock::{Booked, Why};
use crate::orders::{catalog_service, service};
use crate::parcels::model::Parcel;
use crate::store::{ReadTx, Store, StoreError};

/// Products that headquarters sells.
const PRODUCTS: u64 = 3;
/// Orders of one depot that are still to be fulfilled.
const MOST: usize = 8;
/// What the reference of an order, the reason of a step and the note of a movement begin with.
const ORDER: &str = "order ";
const STEP: &str = "step ";
const SHELF: &str = "shelf ";

/// The number of the operation that a change of an order stands for; none for one that follows by itself.
pub fn uid_of_order(kind: u16, schema: u16, body: &[u8]) -> Option<String> {
    match OrderEvent::decode(kind, schema, body).ok()? {
        OrderEvent::Placed(e) => e.reference,
        OrderEvent::Moved(e) => e.reason.filter(|r| r.starts_with(STEP)),
        _ => None,
    }
}

/// The same of a movement of stock that somebody booked by hand.
pub fn uid_of_stock(kind: u16, schema: u16, body: &[u8]) -> Option<String> {
    Booked::decode(kind, schema, body).ok()?.moves.into_iter().find_map(|m| m.note)
}

fn product(rng: &mut Rng) -> Named {
    Named::Number(1 + rng.next() % PRODUCTS)
}

fn described(n: u64, description: &str) -> ProductInput {
    ProductInput {
        name: format!("Product {n}"),
        description: description.into(),
        price: None,
        stock: None,
        category: Some(Named::Text("Things".into())),
        sku: None,
        weight_g: None,
        retired: false,
        version: None,
    }
}

fn sound<T>(done: Result<T, OrderError>) -> bool {
    if let Err(OrderError::Store(e)) = &done {
        panic!("{e}");
    }
    done.is_ok()
}

/// Headquarters makes its products.
pub fn found(store: &Store, now: Timestamp) {
    for n in 1..=PRODUCTS {
        let input = described(n, "");
        let make = act(store, now, move |tx, cx| {
            catalog_service::create_product(tx, &may::<EditProducts>(), cx, &input).map(drop)
        });
        assert!(sound(make));
    }
}

/// Somebody describes a product otherwise: at headquarters it is so, at a depot it is a wish.
pub fn describe(rng: &mut Rng, store: &Store, now: Timestamp, value: &str) {
    let n = 1 + rng.next() % PRODUCTS;
    let input = described(n, value);
    sound(act(store, now, move |tx, cx| {
        let found = catalog_service::product(tx, &n.to_string())?;
        let name = found.id.to_string();
        catalog_service::change_product(tx, &may::<EditProducts>(), cx, &name, found.rev, &input).map(drop)
    }));
}

fn order(rng: &mut Rng, uid: u64, depot: Option<u32>) -> NewOrder {
    let mut items = Vec::new();
    for _ in 0..=rng.below(2) {
        items.push(ItemInput { product_id: product(rng), quantity: 1 + rng.below(4) as u32 });
    }
    NewOrder {
        customer_name: "somebody".into(),
        customer_email: None,
        customer_phone: None,
        delivery_address: "street".into(),
        items,
        reference: Some(format!("{ORDER}{uid}")),
        promised_at: None,
        note: None,
        backorder: rng.chance(400),
        depot,
    }
}

fn place(store: &Store, now: Timestamp, new: NewOrder) -> bool {
    sound(act(store, now, move |tx, cx| service::place(tx, &may::<CreateOrders>(), cx, &new).map(drop)))
}

/// Headquarters commands an order to the depot of the site `depot`.
pub fn command(rng: &mut Rng, store: &Store, now: Timestamp, (uid, depot): (u64, u32)) {
    let new = order(rng, uid, Some(depot));
    assert!(place(store, now, new), "headquarters refuses an order of its own products");
}

/// Somebody at the shelves or at the desk of a depot does something.
pub fn write(rng: &mut Rng, node: &Node, now: Timestamp, uid: u64) {
    let mut open = all::<Order>(&node.depot.store);
    open.retain(|row| !is_final(row.state.status) && row.state.status != Status::Pending);
    match rng.below(10) {
        0..3 => book(rng, &node.depot.store, now, uid),
        3..6 if open.len() < MOST => {
            let new = order(rng, uid, None);
            place(&node.depot.store, now, new);
        }
        _ if open.is_empty() => book(rng, &node.depot.store, now, uid),
        _ => {
            let o = rng.of(&open).state.clone();
            step(rng, node, now, (&o, uid));
        }
    }
}

fn book(rng: &mut Rng, store: &Store, now: Timestamp, uid: u64) {
    let (kind, quantity) = match rng.below(10) {
        0..7 => (Why::Receipt, 1 + rng.below(9) as i64),
        7 => (Why::Count, rng.below(9) as i64),
        _ => (Why::Adjust, rng.below(7) as i64 - 4),
    };
    let note = Some(format!("{SHELF}{uid}"));
    let input = MoveInput { product_id: product(rng), kind, quantity, seen: None, note };
    sound(act(store, now, move |tx, cx| {
        catalog_service::book(tx, &may::<MoveStock>(), cx, &input).map(drop)
    }));
}

fn step(rng: &mut Rng, node: &Node, now: Timestamp, (o, uid): (&Order, u64)) {
    let to = match (o.status, rng.chance(150)) {
        (Status::Processing | Status::Packed, true) => Status::Cancelled,
        (Status::Processing, _) => Status::Packed,
        (Status::Packed, _) => Status::Shipped,
        (_, true) => Status::Returned,
        _ => Status::Delivered,
    };
    let there = all::<Parcel>(&node.depot.store);
    let packed = to == Status::Packed && !there.is_empty() && rng.chance(300);
    let parcels = if packed { vec![rng.of(&there).state.id.to_string()] } else { Vec::new() };
    let change = StatusChange {
        status: to.to_string(),
        reason: Some(format!("{STEP}{uid}")),
        parcels,
        restock: rng.chance(500),
        version: None,
    };
    let name = o.id.to_string();
    sound(act(&node.depot.store, now, move |tx, cx| {
        service::change_status(tx, &may::<MoveOrders>(), cx, &name, None, &change).map(drop)
    }));
}

/// What a node knows of the products.
pub fn known(store: &Store) -> Vec<String> {
    let read = |tx: &dyn ReadTx| -> Result<Vec<String>, StoreError> {
        let (products, _) = catalog::page::<Product>(tx, None, 1_000)?;
        let (categories, _) = catalog::page::<Category>(tx, None, 1_000)?;
        let products = products.into_iter().map(|p| format!("{} {:?}", p.id, p.value));
        Ok(products.chain(categories.into_iter().map(|c| format!("{} {:?}", c.id, c.value))).collect())
    };
    store.read(TENANT, read).unwrap()
}
