//! What callers send of products, stock and orders, checked before anything is done with it.

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::model::{MAX_LINES, MAX_PARCELS, MAX_QUANTITY};
use super::stock::Why;
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::money::{Money, parse_minor};
use crate::base::text;

/// A record named by a number or by text: `1`, `"1"`, `"SKU-7"` or an id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Named {
    /// By its short number.
    Number(u64),
    /// By its id or code.
    Text(String),
}

impl Named {
    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Text(t) => t.trim().to_owned(),
        }
    }
}

/// An amount: a decimal in the house's currency, or minor units with theirs.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Amount {
    /// A decimal, as a number or as text: `299.99`.
    Decimal(Decimal),
    /// Minor units with their currency.
    Money(Money),
}

/// A decimal kept as it is written, so that no cent is lost on the way through a float.
#[derive(Clone, Debug, ToSchema)]
#[schema(value_type = f64)]
pub struct Decimal(pub String);

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(serde_json::Number),
            Text(String),
        }
        Ok(Self(match Either::deserialize(d)? {
            Either::Number(n) => n.to_string(),
            Either::Text(t) => t,
        }))
    }
}

impl Amount {
    /// As money, in `currency` where it names none.
    ///
    /// # Errors
    /// Names `pointer` and what is wrong.
    pub fn money(&self, pointer: &str, currency: &str) -> Result<Money, Problem> {
        let money = match self {
            Self::Decimal(Decimal(text)) => {
                let minor = parse_minor(text, currency).map_err(|why| Problem::new(pointer, why))?;
                Money { minor, currency: currency.to_owned() }
            }
            Self::Money(m) => m.clone(),
        };
        if money.minor < 0 {
            return Err(Problem::new(pointer, "must not be negative"));
        }
        if money.currency.len() != 3 || !money.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(Problem::new(pointer, "needs a three-letter ISO 4217 code such as EUR"));
        }
        Ok(money)
    }
}

/// A category as it is written.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoryInput {
    /// Its name.
    pub name: String,
    /// Its name in English, where that is another.
    pub english: Option<String>,
    /// The revision that was seen, in place of `If-Match`.
    pub version: Option<u64>,
}

/// A product as it is written.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductInput {
    /// Its name.
    pub name: String,
    /// In more words.
    #[serde(default)]
    pub description: String,
    /// Of one piece.
    pub price: Option<Amount>,
    /// Pieces that are there from the start; only when it is made.
    pub stock: Option<u32>,
    /// The category's name or id; a name that is not known becomes one.
    pub category: Option<Named>,
    /// Its owner's own code.
    pub sku: Option<String>,
    /// Grams of one piece.
    pub weight_g: Option<u64>,
    /// Whether it is no longer sold.
    #[serde(default)]
    pub retired: bool,
    /// The revision that was seen, in place of `If-Match`.
    pub version: Option<u64>,
}

/// A movement as a person books it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveInput {
    /// Of what: short number, code or id.
    #[serde(alias = "product")]
    pub product_id: Named,
    /// receipt, adjust or count; reserving and shipping is done by orders.
    pub kind: Why,
    /// Pieces: of a receipt how many came, of an adjustment how many more (negative: fewer), of a count how many there are.
    pub quantity: i64,
    /// Of a count: how many the ledger said when the shelf was looked at; what it says now when absent.
    pub seen: Option<i64>,
    /// In words.
    pub note: Option<String>,
}

/// One line of an order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemInput {
    /// The product: short number, code or id.
    #[serde(alias = "productId", alias = "product")]
    pub product_id: Named,
    /// Pieces.
    pub quantity: u32,
}

/// An order as it is written.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Who ordered.
    #[serde(alias = "customerName")]
    pub customer_name: String,
    /// Where mail goes.
    #[serde(alias = "customerEmail")]
    pub customer_email: Option<String>,
    /// A telephone number.
    #[serde(alias = "customerPhone")]
    pub customer_phone: Option<String>,
    /// Where it is delivered.
    #[serde(alias = "deliveryAddress")]
    pub delivery_address: String,
    /// What.
    pub items: Vec<ItemInput>,
    /// The customer's own reference: an order with one that is known is a duplicate.
    pub reference: Option<String>,
    /// By when.
    #[serde(alias = "promisedAt")]
    pub promised_at: Option<Timestamp>,
    /// A remark.
    pub note: Option<String>,
    /// Whether it may wait for stock instead of being refused.
    #[serde(default)]
    pub backorder: bool,
    /// At headquarters: the number of the depot that is to fulfil it.
    pub depot: Option<u32>,
}

impl NewOrder {
    /// Checks everything that can be checked without looking anything up.
    ///
    /// # Errors
    /// Names each place.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong: Vec<Problem> = Vec::new();
        wrong.extend(text::required("/customer_name", &self.customer_name, text::SHORT).err());
        wrong.extend(text::required("/delivery_address", &self.delivery_address, text::LONG).err());
        let short = [
            ("/customer_email", &self.customer_email),
            ("/customer_phone", &self.customer_phone),
            ("/reference", &self.reference),
        ];
        for (at, field) in short {
            wrong.extend(field.as_deref().and_then(|t| text::optional(at, t, text::SHORT).err()));
        }
        wrong.extend(self.note.as_deref().and_then(|t| text::optional("/note", t, text::LONG).err()));
        if self.items.is_empty() || self.items.len() > MAX_LINES {
            let n = self.items.len();
            wrong.push(Problem::new("/items", format!("needs 1 to {MAX_LINES} items, got {n}")));
        }
        for (n, item) in self.items.iter().enumerate().take(MAX_LINES) {
            if item.quantity == 0 || item.quantity > MAX_QUANTITY {
                let said = format!("must be 1 to {MAX_QUANTITY}, got {}", item.quantity);
                wrong.push(Problem::new(format!("/items/{n}/quantity"), said));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

/// A step of an order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    /// Where to, in either case.
    pub status: String,
    /// Why; needed to cancel and to take back.
    pub reason: Option<String>,
    /// When it is packed: its parcels, by id or number.
    #[serde(default)]
    pub parcels: Vec<String>,
    /// When it came back: whether the goods can be sold again.
    #[serde(default)]
    pub restock: bool,
    /// The revision that was seen; a stale one is refused.
    pub version: Option<u64>,
}

impl StatusChange {
    /// Checks the texts.
    ///
    /// # Errors
    /// Names each place.
    pub fn check(&self) -> Result<(), Invalid> {
        if let Some(reason) = &self.reason {
            text::optional("/reason", reason, text::SHORT).map_err(|p| Invalid(vec![p]))?;
        }
        if self.parcels.len() > MAX_PARCELS {
            let said = format!("names {} parcels; an order has at most {MAX_PARCELS}", self.parcels.len());
            return Err(Invalid::at("/parcels", said));
        }
        Ok(())
    }
}

/// Why an order is called off.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelInput {
    /// In words.
    pub reason: Option<String>,
}
