//! Products, stock and orders as they are shown.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::bulk::Verdict;
use super::catalog::{Category, Kept, Product};
use super::model::{Issue, Line, Order, OrderId, Status, Step};
use super::rules;
use super::stock::{Move, Stock, Why};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::money::{Money, decimals};

/// A category.
#[derive(Debug, Serialize, ToSchema)]
pub struct CategoryView {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its name in English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub english: Option<String>,
    /// Its revision.
    pub version: u64,
}

impl From<Kept<Category>> for CategoryView {
    fn from(k: Kept<Category>) -> Self {
        let Kept { id, rev, value: Category { name, english } } = k;
        Self { id, name, english, version: rev }
    }
}

/// A product with what there is of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductView {
    /// Its short number, which orders may name.
    pub id: u32,
    /// Its id, the same at every site.
    pub product: Id,
    /// Its owner's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// Its name.
    pub name: String,
    /// In more words.
    pub description: String,
    /// Of one piece, as a decimal.
    #[schema(value_type = Option<f64>)]
    pub price: Option<serde_json::Number>,
    /// The currency of the price.
    pub currency: Option<String>,
    /// Pieces that can still be promised.
    pub stock: i64,
    /// Pieces on hand.
    pub on_hand: i64,
    /// Pieces promised to orders.
    pub reserved: i64,
    /// Its category's name.
    pub category: Option<String>,
    /// Grams of one piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u64>,
    /// Whether it is no longer sold.
    pub retired: bool,
    /// Its revision.
    pub version: u64,
}

/// An amount as a decimal, as people and the systems before us write it.
#[must_use]
pub fn decimal(m: &Money) -> Option<serde_json::Number> {
    let places = decimals(&m.currency) as usize;
    let unit = 10_i64.pow(decimals(&m.currency));
    let (whole, rest) = (m.minor / unit, (m.minor % unit).abs());
    let sign = if m.minor < 0 && whole == 0 { "-" } else { "" };
    let text = if places == 0 { whole.to_string() } else { format!("{sign}{whole}.{rest:0places$}") };
    serde_json::from_str(&text).ok()
}

impl ProductView {
    /// With what there is of it and its category's name.
    #[must_use]
    pub fn of(k: Kept<Product>, stock: Stock, category_name: Option<String>) -> Self {
        let Kept { id, rev, value } = k;
        let Product { number, sku, name, description, price, category: _, weight_g, retired } = value;
        Self {
            id: number,
            product: id,
            sku,
            name,
            description,
            currency: price.as_ref().map(|m| m.currency.clone()),
            price: price.as_ref().and_then(decimal),
            stock: stock.available(),
            on_hand: stock.on_hand,
            reserved: stock.reserved,
            category: category_name,
            weight_g,
            retired,
            version: rev,
        }
    }
}

/// A movement of stock.
#[derive(Debug, Serialize, ToSchema)]
pub struct MoveView {
    /// Of what.
    pub product: Id,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub kind: Why,
    /// Pieces more on hand; negative for fewer.
    pub on_hand: i64,
    /// Pieces more promised; negative for fewer.
    pub reserved: i64,
    /// For which order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Id>,
    /// Of a count: what was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<i64>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl MoveView {
    /// Of `product` at `at`.
    #[must_use]
    pub fn of(product: Id, at: Timestamp, m: Move) -> Self {
        let Move { why, on_hand, reserved, order, counted, note } = m;
        Self { product, at, kind: why, on_hand, reserved, order, counted, note }
    }
}

/// A movement that was booked, and what there is now.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookedView {
    /// The movement.
    #[serde(flatten)]
    pub movement: MoveView,
    /// The product's short number.
    pub product_id: u32,
    /// Pieces that can still be promised.
    pub stock: i64,
    /// Pieces on hand now.
    pub now_on_hand: i64,
    /// Pieces promised now.
    pub now_reserved: i64,
}

/// One line of an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineView {
    /// The product's id.
    pub product: Option<Id>,
    /// Its name when it was ordered.
    pub name: String,
    /// Pieces.
    pub quantity: u32,
    /// Of one piece.
    pub price: Option<Money>,
    /// Of all.
    pub amount: Option<Money>,
}

impl From<&Line> for LineView {
    fn from(l: &Line) -> Self {
        let Line { reference: _, product, name, quantity, price, total: _ } = l;
        let (product, price) = (*product, price.clone());
        Self { product, name: name.clone(), quantity: *quantity, price, amount: l.amount() }
    }
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderView {
    /// Its id.
    pub id: OrderId,
    /// The number people say.
    pub number: u64,
    /// The customer's or source's own reference.
    pub reference: Option<String>,
    /// Whose system told of it; absent for orders taken here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The depot that fulfils it, by its number; absent for this one before it joined a headquarters.
    pub depot: Option<u32>,
    /// Where it is.
    pub status: Status,
    /// The source's own word for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_status: Option<String>,
    /// When it came into that status.
    pub last_transition_time: Timestamp,
    /// When it was taken.
    pub created_at: Timestamp,
    /// Who ordered.
    pub customer_name: Option<String>,
    /// Where mail goes.
    pub customer_email: Option<String>,
    /// A telephone number.
    pub customer_phone: Option<String>,
    /// Where it is delivered.
    pub delivery_address: Option<String>,
    /// The postal code of that.
    pub delivery_zip: Option<String>,
    /// What.
    pub items: Vec<LineView>,
    /// What it costs.
    pub total: Option<Money>,
    /// By when.
    pub promised_at: Option<Timestamp>,
    /// When it left.
    pub shipped_at: Option<Timestamp>,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// Its parcels.
    pub parcels: Vec<Id>,
    /// Whether it waits for stock.
    pub backordered: bool,
    /// Whether it has been in its status too long.
    pub delayed: bool,
    /// The same under the name other systems use.
    pub is_stale: bool,
    /// Whether only some of it was delivered.
    pub partial: bool,
    /// A remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Contradictions that a person has to look at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<String>,
    /// The steps that can be taken next.
    pub allowed: Vec<Status>,
    /// Its revision.
    pub version: u64,
}

impl OrderView {
    /// At revision `rev`.
    #[must_use]
    pub fn of(o: &Order, rev: u64) -> Self {
        let total = o.total();
        let address = o.customer.address.clone().or_else(|| {
            let c = &o.customer;
            let parts: Vec<&str> =
                [&c.zip, &c.city, &c.state, &c.country].into_iter().filter_map(|p| p.as_deref()).collect();
            (!parts.is_empty()).then(|| parts.join(" "))
        });
        let Order {
            id,
            number,
            reference,
            source,
            depot,
            origin: _,
            status,
            raw,
            since,
            created_at,
            customer,
            lines,
            moments,
            steps: _,
            parcels,
            held: _,
            may_wait: _,
            backordered,
            delayed,
            partial,
            note,
            issues,
        } = o.clone();
        Self {
            id,
            number,
            reference,
            source,
            depot: depot.filter(|d| d.epoch == 0).map(|d| d.site),
            status,
            raw_status: raw,
            last_transition_time: since,
            created_at,
            customer_name: customer.name,
            customer_email: customer.email,
            customer_phone: customer.phone,
            delivery_address: address,
            delivery_zip: customer.zip,
            items: lines.iter().map(LineView::from).collect(),
            total,
            promised_at: moments.promised_at,
            shipped_at: moments.shipped_at,
            delivered_at: moments.delivered_at,
            parcels,
            backordered,
            delayed,
            is_stale: delayed,
            partial,
            note,
            issues: issues.into_iter().map(|Issue { detail, .. }| detail).collect(),
            allowed: rules::next(status),
            version: rev,
        }
    }
}

/// A transition.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepView {
    /// Where it was; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Status>,
    /// Where it went.
    pub status: Status,
    /// When.
    pub at: Timestamp,
    /// By whom, as the site it was taken at numbers its people; 0 is the depot itself.
    pub by: u32,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The transitions of an order, oldest first.
#[must_use]
pub fn history(o: &Order) -> Vec<StepView> {
    let mut from = None;
    let view = |Step { to, at, by, reason }: &Step| {
        let step = StepView { from, status: *to, at: *at, by: *by, reason: reason.clone() };
        from = Some(*to);
        step
    };
    o.steps.iter().map(view).collect()
}

/// An order that was too long in a status.
#[derive(Debug, Serialize, ToSchema)]
pub struct LateView {
    /// The order as it is now.
    #[serde(flatten)]
    pub order: OrderView,
    /// The status it was in at the moment that was asked for.
    pub delayed_in: Status,
    /// Since when.
    pub delayed_since: Timestamp,
}

/// What became of one order of a call.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerdictView {
    /// Which, from 0.
    pub index: usize,
    /// created, duplicate or rejected.
    pub verdict: &'static str,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<OrderId>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why it was refused, as a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The places that are wrong: pointer and detail.
    #[schema(value_type = Vec<Object>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Value>,
}

impl VerdictView {
    /// Of order `index` of a call.
    #[must_use]
    pub fn of(index: usize, verdict: Verdict) -> Self {
        let bare = Self {
            index,
            verdict: "created",
            id: None,
            number: None,
            status: None,
            code: None,
            detail: None,
            errors: Vec::new(),
        };
        match verdict {
            Verdict::Created { id, number, status } => {
                Self { id: Some(id), number: Some(number), status: Some(status), ..bare }
            }
            Verdict::Duplicate { id, number, status } => Self {
                verdict: "duplicate",
                id: Some(id),
                number: Some(number),
                status: Some(status),
                ..bare
            },
            Verdict::Rejected { code, detail, fields } => Self {
                verdict: "rejected",
                code: Some(code),
                detail: Some(detail),
                errors: fields.into_iter().filter_map(|p| serde_json::to_value(p).ok()).collect(),
                ..bare
            },
        }
    }
}

/// What became of a call with many orders.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkView {
    /// Orders taken.
    pub created: usize,
    /// Orders that were known.
    pub duplicates: usize,
    /// Orders refused.
    pub rejected: usize,
    /// A verdict for each, in the order of the call.
    pub results: Vec<VerdictView>,
}

impl BulkView {
    /// Of all verdicts.
    #[must_use]
    pub fn of(verdicts: Vec<Verdict>) -> Self {
        let count = |f: fn(&Verdict) -> bool| verdicts.iter().filter(|v| f(v)).count();
        Self {
            created: count(|v| matches!(v, Verdict::Created { .. })),
            duplicates: count(|v| matches!(v, Verdict::Duplicate { .. })),
            rejected: count(|v| matches!(v, Verdict::Rejected { .. })),
            results: verdicts.into_iter().enumerate().map(|(n, v)| VerdictView::of(n, v)).collect(),
        }
    }

    /// The same in a few bytes an order, for an answer that has to be given again: verdict and id by index.
    #[must_use]
    pub fn brief(&self) -> Value {
        let each = self
            .results
            .iter()
            .map(|r| serde_json::json!([r.verdict, r.id.map(|id| id.to_string()), r.code]));
        serde_json::json!({
            "replayed": true, "created": self.created, "duplicates": self.duplicates,
            "rejected": self.rejected, "results": each.collect::<Vec<_>>(),
        })
    }
}
