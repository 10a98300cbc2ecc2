//! What must be true of orders and stock once it is quiet.

use std::collections::BTreeMap;

use super::node::{TENANT, all};
use crate::base::ids::Id;
use crate::journal::event::SiteRef;
use crate::journal::history;
use crate::orders::model::{Order, Status};
use crate::orders::stock::{LEVELS, Move, PAGES, Page, Why};
use crate::store::{Dir, Ix, KeyRange, ReadTx, Store, StoreError};
use crate::sync::sites;

/// Pieces on hand and promised, by product and depot.
type Levels = BTreeMap<(Id, SiteRef), (i64, i64)>;
/// What the ledger says of one order and product: of each kind how often, and how many pieces.
type Story = BTreeMap<(Id, Id), BTreeMap<&'static str, (usize, i64)>>;

fn levels(tx: &dyn ReadTx) -> Result<Levels, StoreError> {
    let rows = LEVELS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 10_000)?;
    let kept = |l: crate::orders::stock::Level| ((l.product, l.site), (l.on_hand, l.reserved));
    Ok(rows.items.into_iter().map(|e| kept(e.value)).collect())
}

/// The sums that are kept are those of the pages.
pub fn sums(store: &Store) -> Result<(), String> {
    let read = |tx: &dyn ReadTx| -> Result<_, StoreError> {
        let mut summed = Levels::new();
        for row in PAGES.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 10_000)?.items {
            let page = row.value.state;
            let Some(site) = page.site else { continue };
            let sum = summed.entry((page.product, site)).or_default();
            (sum.0, sum.1) = (sum.0 + page.on_hand, sum.1 + page.reserved);
        }
        Ok((levels(tx)?, summed))
    };
    let (kept, summed) = store.read(TENANT, read).unwrap();
    if kept == summed {
        return Ok(());
    }
    Err(format!("stock is kept as {kept:?} and its pages come to {summed:?}"))
}

/// What a depot has is what headquarters believes it has, and the other way round.
pub fn agree(depot: &Store, hq: &Store, number: u32) -> Result<(), String> {
    let own = |tx: &dyn ReadTx, of: Levels| -> Result<Levels, StoreError> {
        let mut out = Levels::new();
        for ((product, site), level) in of {
            if sites::number_of(tx, site)? == Some(number) {
                out.insert((product, site), level);
            }
        }
        Ok(out)
    };
    let there = hq.read(TENANT, |tx| own(tx, levels(tx)?)).unwrap();
    let kept = depot.read(TENANT, levels).unwrap();
    let here = hq.read(TENANT, |tx| own(tx, kept.clone())).unwrap();
    if here != there {
        return Err(format!("stock is {here:?} here and {there:?} at headquarters"));
    }
    Ok(())
}

fn word(why: Why) -> &'static str {
    match why {
        Why::Receipt => "receipt",
        Why::Reserve => "reserve",
        Why::Release => "release",
        Why::Ship => "ship",
        Why::Return => "return",
        Why::Adjust => "adjust",
        Why::Count => "count",
    }
}

/// Every movement that a store has, with whose it is.
fn moves(tx: &dyn ReadTx) -> Result<Vec<(SiteRef, Id, Move)>, StoreError> {
    let mut out = Vec::new();
    for row in PAGES.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 10_000)?.items {
        for (_, e) in history::<Page>(tx, &row.value.line)? {
            let (site, product) = (e.event.site, e.event.product);
            out.extend(e.event.moves.into_iter().map(|m| (site, product, m)));
        }
    }
    Ok(out)
}

fn story(moves: &[(SiteRef, Id, Move)]) -> Story {
    let mut all = Story::new();
    for (_, product, m) in moves {
        let Some(order) = m.order else { continue };
        let entry = all.entry((order, *product)).or_default().entry(word(m.why)).or_default();
        let pieces = if m.reserved == 0 { m.on_hand } else { m.reserved };
        *entry = (entry.0 + 1, entry.1 + pieces.abs());
    }
    all
}

/// The pieces an order needs, by product.
fn wanted(o: &Order) -> BTreeMap<Id, i64> {
    let mut sums = BTreeMap::new();
    for line in &o.lines {
        if let Some(product) = line.product {
            *sums.entry(product).or_default() += i64::from(line.quantity);
        }
    }
    sums
}

/// Orders of the depot `number`: every command is answered. Returns how many there are.
pub fn answered(hq: &Store, number: u32) -> Result<u64, String> {
    let orders = orders_of(hq, number);
    match orders.iter().find(|o| o.status == Status::Pending && !(o.may_wait && o.backordered)) {
        Some(o) => Err(format!("order {:?} was never answered", o.reference)),
        None => Ok(orders.len() as u64),
    }
}

fn orders_of(hq: &Store, number: u32) -> Vec<Order> {
    let mut orders: Vec<Order> = all::<Order>(hq).into_iter().map(|row| row.state).collect();
    let place = |o: &Order| {
        let site = o.depot.map_or(Ok(None), |site| hq.read(TENANT, |tx| sites::number_of(tx, site)));
        site.unwrap()
    };
    orders.retain(|o| place(o) == Some(number));
    orders
}

/// The books of a depot that never went back to an earlier state and was never there twice: nothing below zero, every
/// order answered once, and what is promised and gone is what its orders say.
pub fn exact(hq: &Store, number: u32) -> Result<(), String> {
    let read = |tx: &dyn ReadTx| -> Result<_, StoreError> {
        let (mut own, mut left) = (Vec::new(), BTreeMap::<Id, (i64, i64)>::new());
        for entry in moves(tx)? {
            if sites::number_of(tx, entry.0)? == Some(number) {
                own.push(entry);
            }
        }
        for ((product, site), (on_hand, reserved)) in levels(tx)? {
            if sites::number_of(tx, site)? == Some(number) {
                let sum = left.entry(product).or_default();
                *sum = (sum.0 + on_hand, sum.1 + reserved);
            }
        }
        Ok((own, left))
    };
    let (moves, left) = hq.read(TENANT, read).unwrap();
    if let Some((product, sum)) = left.iter().find(|(_, sum)| sum.0 < 0 || sum.1 < 0) {
        return Err(format!("of product {product} there are {sum:?}: less than nothing"));
    }
    let story = story(&moves);
    let mut promised: BTreeMap<Id, i64> = left.keys().map(|product| (*product, 0)).collect();
    for o in orders_of(hq, number) {
        for (product, n) in wanted(&o) {
            let nothing = BTreeMap::new();
            follows(&o, n, story.get(&(o.id.0, product)).unwrap_or(&nothing))?;
            if o.held && matches!(o.status, Status::Processing | Status::Packed) {
                *promised.entry(product).or_default() += n;
            }
        }
    }
    let booked: BTreeMap<Id, i64> = left.iter().map(|(product, sum)| (*product, sum.1)).collect();
    if booked != promised {
        return Err(format!("promised is {booked:?}, and orders that wait come to {promised:?}"));
    }
    Ok(())
}

/// What the ledger says of `n` pieces of an order follows from where the order is.
fn follows(o: &Order, n: i64, said: &BTreeMap<&'static str, (usize, i64)>) -> Result<(), String> {
    let times = |is: bool| if is { (1, n) } else { (0, 0) };
    let has_left = matches!(o.status, Status::Shipped | Status::Delivered | Status::Returned);
    // An order may have several lines of a product: each leaves by itself, all together.
    let pieces = |kind: &str| said.get(kind).copied().unwrap_or_default();
    let is = [
        ("reserve", pieces("reserve") == times(o.held)),
        ("ship", pieces("ship").1 == times(o.held && has_left).1),
        ("release", pieces("release").1 == times(o.held && o.status == Status::Cancelled).1),
        ("return", pieces("return").1 == 0 || (o.status == Status::Returned && pieces("return").1 == n)),
    ];
    match is.iter().find(|(_, fits)| !fits) {
        None => Ok(()),
        Some((kind, _)) => {
            let (status, held) = (o.status, o.held);
            Err(format!(
                "order {:?} is {status} (held {held}) with {n} pieces; {kind}: {said:?}",
                o.reference
            ))
        }
    }
}
