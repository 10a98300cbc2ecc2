//! What a customer is, and where customers are kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::journal::Folded;
use crate::journal::reference::{Ref, Reference};
use crate::store::table::Checked;
use crate::store::{Home, Table};

/// A customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Customer {
    /// Which system knows them.
    pub source: String,
    /// What it calls them.
    pub reference: String,
    /// Their name.
    pub name: String,
    /// Their telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Their mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Street and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    /// Town.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// What to know of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Customer {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong: Vec<Problem> = Vec::new();
        wrong.extend(text::required("/reference", &self.reference, text::SHORT).err());
        wrong.extend(text::required("/name", &self.name, text::SHORT).err());
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }

    /// The same with what `newer` says; what it does not say stays.
    #[must_use]
    pub fn merged(self, newer: Self) -> Self {
        let Self { source, reference, name, phone, email, address, zip, city, state, country, note } = newer;
        Self {
            source,
            reference,
            name: if name.is_empty() { self.name } else { name },
            phone: phone.or(self.phone),
            email: email.or(self.email),
            address: address.or(self.address),
            zip: zip.or(self.zip),
            city: city.or(self.city),
            state: state.or(self.state),
            country: country.or(self.country),
            note: note.or(self.note),
        }
    }
}

/// Customers by id.
pub static CUSTOMERS: Table<Id, Folded<Ref<Customer>>> = Table::new(227, "customers", Home::ById);

impl Reference for Customer {
    const NAME: &'static str = "customer";
    const KIND: u16 = 0x1c0;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &CUSTOMERS;
}

/// The id of the customer that `source` calls `reference`, the same at every site.
#[must_use]
pub fn id(source: &str, reference: &str) -> Id {
    Id::derived(&[b"customer", source.as_bytes(), b"/", reference.as_bytes()])
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&CUSTOMERS]
}
