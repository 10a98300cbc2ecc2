//! What a column can mean, and the names we give it.

use crate::freight::intake::Of;
use std::fmt;
use std::mem::discriminant;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::shown;

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One row a parcel.
    Parcels,
    /// One row a status of a parcel.
    Status,
    /// One row a house of a master air waybill, or a master by itself.
    Mawbs,
    /// One row a house waybill, or a line of its goods.
    Hawbs,
    /// One row an order, or a line of one.
    Orders,
    /// One row a product.
    Products,
    /// One row a category.
    Categories,
    /// One row says how many pieces of a product there are.
    Stock,
    /// One row a delivery.
    Deliveries,
    /// One row a user.
    Users,
    /// One row a vehicle.
    Vehicles,
    /// One row a driver.
    Drivers,
    /// One row a customer.
    Customers,
    /// One row an open case.
    Cases,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Parcels,
        Self::Status,
        Self::Mawbs,
        Self::Hawbs,
        Self::Orders,
        Self::Products,
        Self::Categories,
        Self::Stock,
        Self::Deliveries,
        Self::Users,
        Self::Vehicles,
        Self::Drivers,
        Self::Customers,
        Self::Cases,
    ];

    /// The name it is asked for by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parcels => "parcels",
            Self::Status => "status",
            Self::Mawbs => "mawbs",
            Self::Hawbs => "hawbs",
            Self::Orders => "orders",
            Self::Products => "products",
            Self::Categories => "categories",
            Self::Stock => "stock",
            Self::Deliveries => "deliveries",
            Self::Users => "users",
            Self::Vehicles => "vehicles",
            Self::Drivers => "drivers",
            Self::Customers => "customers",
            Self::Cases => "cases",
        }
    }

    /// Which waybills its rows are of; none when they are of something else.
    #[must_use]
    pub const fn waybills(self) -> Option<Of> {
        match self {
            Self::Mawbs => Some(Of::Masters),
            Self::Hawbs => Some(Of::Houses),
            _ => None,
        }
    }

    /// Whether its rows are what moves over from another system, beside parcels and trade.
    #[must_use]
    pub const fn moves_over(self) -> bool {
        matches!(
            self,
            Self::Deliveries | Self::Users | Self::Vehicles | Self::Drivers | Self::Customers | Self::Cases
        )
    }
}

/// An ISO 4217 currency code, three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iso([u8; 3]);

impl Iso {
    /// Reads a code in letters of any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.trim().as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_alphabetic).then(|| Self(code.map(|b| b.to_ascii_uppercase())))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

/// What a column means. The order is the canonical one, in which a row's digest is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[allow(missing_docs)] // each is named as its column is: `tracking_number`, `order_id`, …
pub enum Column {
    TrackingNumber,
    OrderId,
    Distributor,
    Carrier,
    Service,
    /// The place of a status among those of its parcel.
    Seq,
    /// The source's own word.
    Status,
    StatusAt,
    /// Where a status was taken.
    Location,
    PurchasedAt,
    ApprovedAt,
    CarrierAt,
    DeliveredAt,
    PromisedAt,
    ShipBy,
    RecipientName,
    RecipientPhone,
    RecipientEmail,
    ToLine,
    ToZip,
    ToCity,
    ToState,
    ToCountry,
    ToLat,
    ToLon,
    FromLine,
    FromZip,
    FromCity,
    FromState,
    FromCountry,
    FromLat,
    FromLon,
    Items,
    Category,
    WeightG,
    WeightKg,
    VolumeCm3,
    /// The currency of the row's amounts.
    Currency,
    /// `value`, or `value_brl` when the header names the currency.
    Value(Option<Iso>),
    /// `freight`, or `freight_brl`.
    Freight(Option<Iso>),
    Note,
    /// The source's name for who ordered.
    CustomerId,
    RecipientSurname,
    ProductId,
    ProductName,
    /// The source's name for a line of an order.
    LineId,
    /// What all pieces of a line cost.
    Total(Option<Iso>),
    /// Days from order to shipping that were planned.
    ScheduledDays,
    Description,
    /// A category's name in English.
    CategoryEnglish,
    /// What the other system calls the record.
    ExternalId,
    /// When it was asked for, or opened.
    CreatedAt,
    Priority,
    WindowFrom,
    WindowTo,
    /// The login of whoever has it.
    AssignedTo,
    Reason,
    Login,
    Role,
    Language,
    /// Whether somebody still works here, or something can be planned with.
    Active,
    Vehicle,
    Plate,
    CapacityKg,
    CapacityPieces,
    Skills,
    Licence,
    Attempt,
    /// When the first action was due.
    DueAt,
    /// Not read, and nobody needs to hear of it.
    Ignore,
}

/// What the cells of a column hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Text.
    Text,
    /// A date, mostly with a time.
    Date,
    /// A number.
    Number,
}

const NAMES: [(Column, &str); 70] = [
    (Column::TrackingNumber, "tracking_number"),
    (Column::OrderId, "order_id"),
    (Column::Distributor, "distributor"),
    (Column::Carrier, "carrier"),
    (Column::Service, "service"),
    (Column::Seq, "seq"),
    (Column::Status, "status"),
    (Column::StatusAt, "status_at"),
    (Column::Location, "location"),
    (Column::PurchasedAt, "purchased_at"),
    (Column::ApprovedAt, "approved_at"),
    (Column::CarrierAt, "carrier_at"),
    (Column::DeliveredAt, "delivered_at"),
    (Column::PromisedAt, "promised_at"),
    (Column::ShipBy, "ship_by"),
    (Column::RecipientName, "recipient_name"),
    (Column::RecipientPhone, "recipient_phone"),
    (Column::RecipientEmail, "recipient_email"),
    (Column::ToLine, "to_line"),
    (Column::ToZip, "to_zip"),
    (Column::ToCity, "to_city"),
    (Column::ToState, "to_state"),
    (Column::ToCountry, "to_country"),
    (Column::ToLat, "to_lat"),
    (Column::ToLon, "to_lon"),
    (Column::FromLine, "from_line"),
    (Column::FromZip, "from_zip"),
    (Column::FromCity, "from_city"),
    (Column::FromState, "from_state"),
    (Column::FromCountry, "from_country"),
    (Column::FromLat, "from_lat"),
    (Column::FromLon, "from_lon"),
    (Column::Items, "items"),
    (Column::Category, "category"),
    (Column::WeightG, "weight_g"),
    (Column::WeightKg, "weight_kg"),
    (Column::VolumeCm3, "volume_cm3"),
    (Column::Currency, "currency"),
    (Column::Value(None), "value"),
    (Column::Freight(None), "freight"),
    (Column::Note, "note"),
    (Column::CustomerId, "customer_id"),
    (Column::RecipientSurname, "recipient_surname"),
    (Column::ProductId, "product_id"),
    (Column::ProductName, "product_name"),
    (Column::LineId, "line_id"),
    (Column::Total(None), "total"),
    (Column::ScheduledDays, "scheduled_days"),
    (Column::Description, "description"),
    (Column::CategoryEnglish, "category_english"),
    (Column::ExternalId, "external_id"),
    (Column::CreatedAt, "created_at"),
    (Column::Priority, "priority"),
    (Column::WindowFrom, "window_from"),
    (Column::WindowTo, "window_to"),
    (Column::AssignedTo, "assigned_to"),
    (Column::Reason, "reason"),
    (Column::Login, "login"),
    (Column::Role, "role"),
    (Column::Language, "language"),
    (Column::Active, "active"),
    (Column::Vehicle, "vehicle"),
    (Column::Plate, "plate"),
    (Column::CapacityKg, "capacity_kg"),
    (Column::CapacityPieces, "capacity_pieces"),
    (Column::Skills, "skills"),
    (Column::Licence, "licence"),
    (Column::Attempt, "attempt"),
    (Column::DueAt, "due_at"),
    (Column::Ignore, "ignore"),
];

/// The columns that rows of one of the kinds below have, beside [`Column::Ignore`].
const OF_ORDERS: &[Column] = &[
    Column::OrderId,
    Column::Status,
    Column::StatusAt,
    Column::PurchasedAt,
    Column::ApprovedAt,
    Column::CarrierAt,
    Column::DeliveredAt,
    Column::PromisedAt,
    Column::RecipientName,
    Column::RecipientSurname,
    Column::RecipientPhone,
    Column::RecipientEmail,
    Column::ToLine,
    Column::ToZip,
    Column::ToCity,
    Column::ToState,
    Column::ToCountry,
    Column::CustomerId,
    Column::ProductId,
    Column::ProductName,
    Column::LineId,
    Column::Items,
    Column::Currency,
    Column::Value(None),
    Column::Total(None),
    Column::ScheduledDays,
];
const OF_PRODUCTS: &[Column] = &[
    Column::ProductId,
    Column::ProductName,
    Column::Category,
    Column::WeightG,
    Column::WeightKg,
    Column::Currency,
    Column::Value(None),
    Column::Description,
];
const OF_CATEGORIES: &[Column] = &[Column::Category, Column::CategoryEnglish];
const OF_STOCK: &[Column] = &[Column::ProductId, Column::Items];
const OF_DELIVERIES: &[Column] = &[
    Column::ExternalId,
    Column::OrderId,
    Column::TrackingNumber,
    Column::Distributor,
    Column::Status,
    Column::StatusAt,
    Column::CreatedAt,
    Column::RecipientName,
    Column::RecipientSurname,
    Column::RecipientPhone,
    Column::RecipientEmail,
    Column::ToLine,
    Column::ToZip,
    Column::ToCity,
    Column::ToState,
    Column::ToCountry,
    Column::ToLat,
    Column::ToLon,
    Column::FromLine,
    Column::FromZip,
    Column::FromCity,
    Column::WeightG,
    Column::WeightKg,
    Column::Priority,
    Column::WindowFrom,
    Column::WindowTo,
    Column::AssignedTo,
    Column::Vehicle,
    Column::Attempt,
    Column::Reason,
    Column::Note,
];
const OF_USERS: &[Column] = &[
    Column::Login,
    Column::RecipientName,
    Column::RecipientSurname,
    Column::RecipientEmail,
    Column::Role,
    Column::Language,
    Column::Active,
];
const OF_VEHICLES: &[Column] = &[
    Column::Vehicle,
    Column::Plate,
    Column::CapacityKg,
    Column::CapacityPieces,
    Column::Skills,
    Column::Active,
];
const OF_DRIVERS: &[Column] = &[
    Column::RecipientName,
    Column::RecipientSurname,
    Column::RecipientPhone,
    Column::Login,
    Column::Licence,
    Column::Vehicle,
    Column::Skills,
    Column::Active,
];
const OF_CUSTOMERS: &[Column] = &[
    Column::CustomerId,
    Column::RecipientName,
    Column::RecipientSurname,
    Column::RecipientPhone,
    Column::RecipientEmail,
    Column::ToLine,
    Column::ToZip,
    Column::ToCity,
    Column::ToState,
    Column::ToCountry,
    Column::Note,
];
const OF_CASES: &[Column] = &[
    Column::ExternalId,
    Column::TrackingNumber,
    Column::Reason,
    Column::Status,
    Column::AssignedTo,
    Column::CreatedAt,
    Column::DueAt,
    Column::Note,
];

impl Column {
    /// What its cells hold.
    #[must_use]
    pub fn sort(self) -> Sort {
        match self {
            Self::StatusAt
            | Self::PurchasedAt
            | Self::ApprovedAt
            | Self::CarrierAt
            | Self::DeliveredAt
            | Self::PromisedAt
            | Self::CreatedAt
            | Self::DueAt
            | Self::WindowFrom
            | Self::WindowTo
            | Self::ShipBy => Sort::Date,
            Self::Seq
            | Self::ToLat
            | Self::ToLon
            | Self::FromLat
            | Self::FromLon
            | Self::Items
            | Self::WeightG
            | Self::WeightKg
            | Self::VolumeCm3
            | Self::ScheduledDays
            | Self::CapacityKg
            | Self::CapacityPieces
            | Self::Attempt
            | Self::Total(_)
            | Self::Value(_)
            | Self::Freight(_) => Sort::Number,
            _ => Sort::Text,
        }
    }

    /// Whether rows of `kind` have a place for it.
    #[must_use]
    pub fn applies(self, kind: Kind) -> bool {
        let of = |columns: &[Self]| columns.iter().any(|c| discriminant(c) == discriminant(&self));
        let only_trade = matches!(
            self,
            Self::CustomerId
                | Self::RecipientSurname
                | Self::ProductId
                | Self::ProductName
                | Self::LineId
                | Self::Total(_)
                | Self::ScheduledDays
                | Self::Description
                | Self::CategoryEnglish
        ) || self.only_moves_over();
        let both =
            matches!(self, Self::TrackingNumber | Self::Status | Self::StatusAt | Self::Note | Self::Ignore);
        let of_status = matches!(self, Self::Seq | Self::Location);
        match kind {
            // Their columns have names of their own.
            Kind::Mawbs | Kind::Hawbs => false,
            _ if self == Self::Ignore => true,
            Kind::Parcels => !only_trade && (both || !of_status),
            Kind::Status => both || of_status,
            Kind::Orders => of(OF_ORDERS),
            Kind::Products => of(OF_PRODUCTS),
            Kind::Categories => of(OF_CATEGORIES),
            Kind::Stock => of(OF_STOCK),
            Kind::Deliveries => of(OF_DELIVERIES),
            Kind::Users => of(OF_USERS),
            Kind::Vehicles => of(OF_VEHICLES),
            Kind::Drivers => of(OF_DRIVERS),
            Kind::Customers => of(OF_CUSTOMERS),
            Kind::Cases => of(OF_CASES),
        }
    }

    /// Whether only what moves over from another system has it.
    const fn only_moves_over(self) -> bool {
        matches!(
            self,
            Self::ExternalId
                | Self::CreatedAt
                | Self::Priority
                | Self::WindowFrom
                | Self::WindowTo
                | Self::AssignedTo
                | Self::Reason
                | Self::Login
                | Self::Role
                | Self::Language
                | Self::Active
                | Self::Vehicle
                | Self::Plate
                | Self::CapacityKg
                | Self::CapacityPieces
                | Self::Skills
                | Self::Licence
                | Self::Attempt
                | Self::DueAt
        )
    }

    /// Its name without a currency.
    #[must_use]
    pub fn stem(self) -> &'static str {
        let same = |c: &&(Self, _)| discriminant(&c.0) == discriminant(&self);
        NAMES.iter().find(same).map_or("ignore", |c| c.1)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stem())?;
        match self {
            Self::Value(Some(iso)) | Self::Freight(Some(iso)) | Self::Total(Some(iso)) => {
                write!(f, "_{}", iso.as_str().to_ascii_lowercase())
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for Column {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        if let Some((column, _)) = NAMES.iter().find(|c| c.1 == name) {
            return Ok(*column);
        }
        let amount = name.split_once('_').and_then(|(stem, iso)| Some((stem, Iso::parse(iso)?)));
        match amount {
            Some(("value", iso)) => Ok(Self::Value(Some(iso))),
            Some(("freight", iso)) => Ok(Self::Freight(Some(iso))),
            Some(("total", iso)) => Ok(Self::Total(Some(iso))),
            _ => {
                Err(format!("\"{}\" is none of our columns: {}", shown(name), NAMES.map(|c| c.1).join(", ")))
            }
        }
    }
}

impl TryFrom<String> for Column {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Column> for String {
    fn from(column: Column) -> Self {
        column.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_written_and_read_by_its_name() {
        for (column, name) in NAMES {
            assert_eq!((column.to_string().as_str(), name.parse()), (name, Ok(column)));
        }
        let brl = Column::Value(Iso::parse("brl"));
        assert_eq!((brl.to_string().as_str(), "value_brl".parse()), ("value_brl", Ok(brl)));
        assert!("value_reais".parse::<Column>().is_err());
    }
}
