//! The ledger of stock: movements in pages, and their sums per depot and product.
//!
//! A page is an aggregate of a few hundred movements; what it comes to is the sum of them, so it is the same in whatever
//! order they arrive. Only the depot that has the goods writes its pages, inside the transaction of what moves them, and
//! a [`Booking`] looks at the sums first: on hand never falls below zero, and nothing is promised twice. A count is a
//! movement too, relative to what the ledger said when the shelf was looked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit::Changed;
use crate::base::ids::Id;
use crate::first_record;
use crate::journal::clock::Origin;
use crate::journal::event::SiteRef;
use crate::journal::{Aggregate, Cx, Event, Folded, Followed, Stamped, load, record};
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx};

/// The kind number of a page's one event; 0x451 to 0x45f are left to the ledger.
pub const KIND: u16 = 0x450;
/// Changes of a page before the next one is begun: well below what an aggregate can have.
pub const MAX_CHANGES: u32 = 500;
/// Movements of one change.
pub const MAX_MOVES: usize = 500;
/// Pieces on hand at the most.
pub const MAX_ON_HAND: i64 = 1_000_000_000;

/// Why stock moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StockMovementKind)]
pub enum Why {
    /// Goods came in.
    Receipt,
    /// Promised to an order.
    Reserve,
    /// No longer promised.
    Release,
    /// Left with an order.
    Ship,
    /// Came back and can be sold again.
    Return,
    /// Put right by a person.
    Adjust,
    /// The shelf was counted.
    Count,
}

/// One movement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Why.
    #[serde(rename = "w")]
    pub why: Why,
    /// Pieces more on hand; negative for fewer.
    #[serde(rename = "h", default, skip_serializing_if = "is_zero")]
    pub on_hand: i64,
    /// Pieces more promised; negative for fewer.
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    pub reserved: i64,
    /// For which order.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Id>,
    /// Of a count: what was counted.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<i64>,
    /// In words.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// Movements of one product at one depot, made together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// Whose.
    pub site: SiteRef,
    /// Of what.
    pub product: Id,
    /// In which page.
    pub page: u32,
    /// Them.
    pub moves: Vec<Move>,
}

impl Event for Booked {
    fn kind(&self) -> u16 {
        KIND
    }
    fn name(&self) -> &'static str {
        "stock.moved"
    }
    fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec_named(self).map_err(bad)
    }
    fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
        if (kind, schema) != (KIND, 1) {
            return Err(bad(format!("kind {kind:#x} schema {schema} is not known to this release")));
        }
        rmp_serde::from_slice(body).map_err(bad)
    }
}

fn bad(e: impl std::fmt::Display) -> StoreError {
    StoreError::Codec { what: "stock movement", why: e.to_string() }
}

/// A page of the ledger, as it sums up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its id.
    pub id: Id,
    /// Whose.
    pub site: Option<SiteRef>,
    /// Of what.
    pub product: Id,
    /// The place among the product's pages.
    pub page: u32,
    /// Changes.
    pub changes: u32,
    /// Pieces more on hand.
    pub on_hand: i64,
    /// Pieces more promised.
    pub reserved: i64,
}
first_record!(Page);

/// Pages by id.
pub static PAGES: Table<Id, Folded<Page>> = Table::new(165, "stock_pages", Home::ById);

/// What a depot has of a product: the sum of its pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Whose.
    pub site: SiteRef,
    /// Of what.
    pub product: Id,
    /// Pieces on hand.
    pub on_hand: i64,
    /// Pieces promised.
    pub reserved: i64,
    /// The page that is being written.
    pub page: u32,
    /// Its changes.
    pub changes: u32,
}
first_record!(Level);

/// Sums by product and depot.
pub static LEVELS: Table<[u8], Level> = Table::new(166, "stock_levels", Home::Local);

fn level_key(product: Id, site: SiteRef) -> Vec<u8> {
    let mut k = product.0.to_vec();
    k.extend(site.site.to_be_bytes());
    k.extend(site.epoch.to_be_bytes());
    k
}

/// The id of a page: the same on every node.
#[must_use]
pub fn page_id(site: SiteRef, product: Id, page: u32) -> Id {
    let (s, e) = (site.site.to_be_bytes(), site.epoch.to_be_bytes());
    Id::derived(&[b"stock", &s, &e, product.as_ref(), &page.to_be_bytes()])
}

impl Aggregate for Page {
    type Event = Booked;
    const NAME: &'static str = "stock";
    const TABLE: &'static Table<Id, Folded<Self>> = &PAGES;

    fn blank(id: Id) -> Self {
        Self { id, ..Self::default() }
    }

    fn fold(self, e: &Stamped<Booked>) -> Self {
        let Booked { site, product, page, moves } = &e.event;
        let sum = |f: fn(&Move) -> i64| moves.iter().map(f).fold(0_i64, i64::saturating_add);
        Self {
            site: Some(*site),
            product: *product,
            page: *page,
            changes: self.changes + 1,
            on_hand: self.on_hand.saturating_add(sum(|m| m.on_hand)),
            reserved: self.reserved.saturating_add(sum(|m| m.reserved)),
            id: self.id,
        }
    }

    fn follow(tx: &mut dyn WriteTx, _: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        let Some(site) = new.site else { return Ok(Followed::default()) };
        let k = level_key(new.product, site);
        let (had, promised) = old.map_or((0, 0), |o| (o.state.on_hand, o.state.reserved));
        let before = LEVELS.get(tx, &k)?;
        let fresh = Level { site, product: new.product, on_hand: 0, reserved: 0, page: new.page, changes: 0 };
        let mut level = before.unwrap_or(fresh);
        level.on_hand += new.on_hand - had;
        level.reserved += new.reserved - promised;
        if new.page >= level.page {
            (level.page, level.changes) = (new.page, new.changes);
        }
        LEVELS.put(tx, &k, &level)?;
        Ok(Followed::default())
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let blank = Self::default();
        let old = old.unwrap_or(&blank);
        let figures = [("on_hand", old.on_hand, new.on_hand), ("reserved", old.reserved, new.reserved)];
        let product = Changed::new("product", new.product.to_string(), new.product.to_string());
        let moved = figures.into_iter().filter(|(_, b, a)| b != a).map(|(n, b, a)| Changed::new(n, b, a));
        moved.chain([product]).collect()
    }
}

/// What there is of a product at one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Pieces on hand.
    pub on_hand: i64,
    /// Pieces promised.
    pub reserved: i64,
}

impl Stock {
    /// Pieces that can still be promised.
    #[must_use]
    pub fn available(self) -> i64 {
        (self.on_hand - self.reserved).max(0)
    }
}

/// The levels of a product at every depot that has or had it.
///
/// # Errors
/// Storage failures.
pub fn levels(tx: &dyn ReadTx, product: Id) -> Result<Vec<Level>> {
    const MOST: usize = 10_000;
    let rows = LEVELS.scan(tx, Ix::Primary, &KeyRange::prefix(&product.0), Dir::Up, MOST)?;
    Ok(rows.items.into_iter().map(|e| e.value).collect())
}

/// What there is of a product: here, or where `site` says.
///
/// # Errors
/// Storage failures.
pub fn of(tx: &dyn ReadTx, product: Id, place: Place<'_>) -> Result<Stock> {
    let mut sum = Stock::default();
    for level in levels(tx, product)? {
        if place.holds(level.site) {
            sum.on_hand += level.on_hand;
            sum.reserved += level.reserved;
        }
    }
    Ok(sum)
}

/// Whose stock is meant.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// What this site has.
    Here(&'a Origin),
    /// Everybody's.
    Everywhere,
}

impl Place<'_> {
    fn holds(self, site: SiteRef) -> bool {
        match self {
            Self::Here(origin) => origin.is(site),
            Self::Everywhere => true,
        }
    }
}

/// There is not enough.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} pieces are needed and {available} are available; order fewer, or wait for a receipt")]
pub struct Short {
    /// Of what.
    pub product: Id,
    /// How many were wanted.
    pub wanted: i64,
    /// How many there are to promise.
    pub available: i64,
}

/// Movements of one transaction, gathered so that a call with a thousand orders writes one change a product and not a
/// thousand. Nothing is written before [`Booking::write`].
#[derive(Debug, Default)]
pub struct Booking {
    of: BTreeMap<Id, Account>,
}

#[derive(Debug)]
struct Account {
    stock: Stock,
    moves: Vec<Move>,
}

impl Booking {
    fn account(&mut self, tx: &dyn ReadTx, origin: &Origin, product: Id) -> Result<&mut Account> {
        use std::collections::btree_map::Entry;
        match self.of.entry(product) {
            Entry::Occupied(e) => Ok(e.into_mut()),
            Entry::Vacant(v) => {
                let stock = of(tx, product, Place::Here(origin))?;
                Ok(v.insert(Account { stock, moves: Vec::new() }))
            }
        }
    }

    /// What there will be of a product once this is written.
    ///
    /// # Errors
    /// Storage failures.
    pub fn stock(&mut self, tx: &dyn ReadTx, origin: &Origin, product: Id) -> Result<Stock> {
        Ok(self.account(tx, origin, product)?.stock)
    }

    /// Adds a movement. None of it is taken when there would be less than nothing.
    ///
    /// # Errors
    /// [`Short`] inside, storage failures outside.
    pub fn add(
        &mut self,
        tx: &dyn ReadTx,
        origin: &Origin,
        product: Id,
        m: Move,
    ) -> Result<std::result::Result<(), Short>> {
        let account = self.account(tx, origin, product)?;
        let Stock { on_hand, reserved } = account.stock;
        let after = Stock { on_hand: on_hand + m.on_hand, reserved: reserved + m.reserved };
        let promises = m.reserved > 0 && after.reserved > after.on_hand;
        if after.on_hand < 0 || after.reserved < 0 || promises {
            let available = if m.reserved > 0 { account.stock.available() } else { on_hand };
            let wanted = m.reserved.max(-m.on_hand);
            return Ok(Err(Short { product, wanted, available }));
        }
        account.stock = after;
        account.moves.push(m);
        Ok(Ok(()))
    }

    /// Promises all of `wanted` to `order`, or nothing of it.
    ///
    /// # Errors
    /// [`Short`] for the first product there is too little of, inside; storage failures outside.
    pub fn reserve(
        &mut self,
        tx: &dyn ReadTx,
        origin: &Origin,
        order: Id,
        wanted: &[(Id, u32)],
    ) -> Result<std::result::Result<(), Short>> {
        let mut sums: BTreeMap<Id, i64> = BTreeMap::new();
        for (product, n) in wanted {
            *sums.entry(*product).or_default() += i64::from(*n);
        }
        for (product, wanted) in &sums {
            let available = self.stock(tx, origin, *product)?.available();
            if available < *wanted {
                return Ok(Err(Short { product: *product, wanted: *wanted, available }));
            }
        }
        for (product, n) in sums {
            let m = Move {
                why: Why::Reserve,
                on_hand: 0,
                reserved: n,
                order: Some(order),
                counted: None,
                note: None,
            };
            let account = self.account(tx, origin, product)?;
            account.stock.reserved += n;
            account.moves.push(m);
        }
        Ok(Ok(()))
    }

    /// Writes the movements into the ledger of this site.
    ///
    /// # Errors
    /// Storage failures.
    pub fn write(self, tx: &mut dyn WriteTx, cx: &Cx) -> Result<()> {
        let origin = Origin::load(tx)?;
        let site = SiteRef::new(origin.site, origin.epoch);
        for (product, Account { moves, .. }) in self.of {
            for chunk in moves.chunks(MAX_MOVES) {
                let level = LEVELS.get(tx, &level_key(product, site))?;
                let page = match level {
                    Some(l) if l.changes >= MAX_CHANGES => l.page + 1,
                    Some(l) => l.page,
                    None => 1,
                };
                let id = page_id(site, product, page);
                let row = load::<Page>(tx, id)?;
                let booked = Booked { site, product, page, moves: chunk.to_vec() };
                record(tx, cx, id, row, vec![booked])?;
            }
        }
        Ok(())
    }
}
