//! What callers send of parcels, checked before anything is done with it.

use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Contact, Facts, Place, Status};
use super::repo::MAX_NUMBER;
use super::rules::Step;
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::base::text;
use crate::base::units::{Grams, Position};

/// A body that says what is known of a parcel, with fields of its own before it. The facts stand here once and in the
/// shape itself, because a flattened one would let unknown fields pass and lose the place of a wrong one.
macro_rules! with_facts {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[allow(missing_docs)] // the fields are those of [`Facts`], in the API's units
        pub struct $name {
            $($(#[$of])* pub $field: $kind,)*
            #[serde(alias = "orderRef", default, deserialize_with = "told")]
            pub order_ref: Told<String>,
            #[serde(default, deserialize_with = "told")]
            pub distributor: Told<String>,
            #[serde(default, deserialize_with = "told")]
            pub carrier: Told<String>,
            #[serde(default, deserialize_with = "told")]
            pub service: Told<String>,
            pub recipient: Option<ContactInput>,
            pub to: Option<PlaceInput>,
            pub from: Option<PlaceInput>,
            #[serde(default, deserialize_with = "told")]
            pub items: Told<u32>,
            #[serde(default, deserialize_with = "told")]
            pub category: Told<String>,
            /// Grams.
            #[serde(alias = "weightG", default, deserialize_with = "told")]
            pub weight_g: Told<u64>,
            #[serde(alias = "volumeCm3", default, deserialize_with = "told")]
            pub volume_cm3: Told<u64>,
            #[serde(default, deserialize_with = "told")]
            pub value: Told<Money>,
            #[serde(default, deserialize_with = "told")]
            pub freight: Told<Money>,
            #[serde(alias = "promisedAt", default, deserialize_with = "told")]
            pub promised_at: Told<Timestamp>,
            #[serde(alias = "shipBy", default, deserialize_with = "told")]
            pub ship_by: Told<Timestamp>,
            #[serde(default, deserialize_with = "told")]
            pub remark: Told<String>,
        }

        impl $name {
            /// What stands before the facts, and the facts.
            fn split(self) -> (($($kind,)*), FactsInput) {
                let Self {
                    $($field,)*
                    order_ref, distributor, carrier, service, recipient, to, from, items, category, weight_g,
                    volume_cm3, value, freight, promised_at, ship_by, remark,
                } = self;
                let facts = FactsInput {
                    order_ref, distributor, carrier, service, recipient, to, from, items, category, weight_g,
                    volume_cm3, value, freight, promised_at, ship_by, remark,
                };
                (($($field,)*), facts)
            }
        }
    };
}

/// What is known of a parcel, as a caller writes it; null takes a fact away.
#[derive(Default)]
struct FactsInput {
    order_ref: Told<String>,
    distributor: Told<String>,
    carrier: Told<String>,
    service: Told<String>,
    recipient: Option<ContactInput>,
    to: Option<PlaceInput>,
    from: Option<PlaceInput>,
    items: Told<u32>,
    category: Told<String>,
    weight_g: Told<u64>,
    volume_cm3: Told<u64>,
    value: Told<Money>,
    freight: Told<Money>,
    promised_at: Told<Timestamp>,
    ship_by: Told<Timestamp>,
    remark: Told<String>,
}

with_facts! {
    /// A parcel to be announced.
    NewParcel {
        /// The number on its label.
        #[serde(alias = "trackingNumber")]
        tracking_number: String,
        /// Where it is; announced when absent.
        #[serde(default)]
        status: Option<StatusInput>,
    }
}

with_facts! {
    /// A change of what is known of a parcel; a field that is null takes the fact away.
    FactsChange {
        /// The revision the caller has seen, when it isn't sent as `If-Match`.
        #[serde(default)]
        version: Option<u64>,
    }
}

/// Not mentioned, taken away, or said.
pub type Told<T> = Option<Option<T>>;

fn told<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Told<T>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}

/// A person or firm as a caller writes it.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ContactInput {
    pub name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

impl From<ContactInput> for Contact {
    fn from(input: ContactInput) -> Self {
        let ContactInput { name, phone, email } = input;
        Self { name, phone, email }
    }
}

/// An address as a caller writes it.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PlaceInput {
    #[serde(alias = "address")]
    pub line: Option<String>,
    pub zip: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    pub country: Option<String>,
    /// Degrees north.
    #[serde(alias = "lat")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(alias = "lon", alias = "lng")]
    pub longitude: Option<f64>,
}

impl PlaceInput {
    /// The address alone, checked; `at` is where it stands in the body.
    ///
    /// # Errors
    /// Names each part that is wrong.
    pub fn place(self, at: &str) -> Result<Place, Invalid> {
        let mut wrong = Vec::new();
        let place = self.checked(at, &mut wrong);
        if place.is_empty() {
            wrong.push(Problem::new(at, "is an address without anything in it"));
        }
        if wrong.is_empty() { Ok(place) } else { Err(Invalid(wrong)) }
    }

    fn checked(self, at: &str, wrong: &mut Vec<Problem>) -> Place {
        let Self { line, zip, city, state, country, latitude, longitude } = self;
        for (name, text) in
            [("line", &line), ("zip", &zip), ("city", &city), ("state", &state), ("country", &country)]
        {
            wrong.extend(
                text.as_deref().and_then(|t| text::optional(&format!("{at}/{name}"), t, text::LONG).err()),
            );
        }
        let position = match (latitude, longitude) {
            (None, None) => None,
            (Some(lat), Some(lon)) => Position::from_degrees(lat, lon)
                .map_err(|e| wrong.push(Problem::new(format!("{at}/latitude"), e)))
                .ok(),
            _ => {
                wrong.push(Problem::new(format!("{at}/latitude"), "latitude and longitude go together"));
                None
            }
        };
        Place { line, zip, city, state, country, position }
    }
}

impl FactsInput {
    /// The facts, checked. What was null is listed as cleared.
    ///
    /// # Errors
    /// Names every field that is wrong.
    fn checked(self) -> Result<Facts, Invalid> {
        let Self {
            order_ref,
            distributor,
            carrier,
            service,
            recipient,
            to,
            from,
            items,
            category,
            weight_g,
            volume_cm3,
            value,
            freight,
            promised_at,
            ship_by,
            remark,
        } = self;
        let (mut wrong, mut cleared) = (Vec::new(), Vec::new());
        fn said<T>(name: &str, told: Told<T>, cleared: &mut Vec<String>) -> Option<T> {
            if matches!(told, Some(None)) {
                cleared.push(name.to_owned());
            }
            told.flatten()
        }
        let mut short = |name: &str, told: Told<String>, max: usize, cleared: &mut Vec<String>| {
            let value = said(name, told, cleared);
            wrong.extend(value.as_deref().and_then(|t| text::optional(&format!("/{name}"), t, max).err()));
            value
        };
        let order_ref = short("order_ref", order_ref, MAX_NUMBER, &mut cleared);
        let distributor = short("distributor", distributor, text::SHORT, &mut cleared);
        let carrier = short("carrier", carrier, text::SHORT, &mut cleared);
        let service = short("service", service, text::SHORT, &mut cleared);
        let category = short("category", category, text::SHORT, &mut cleared);
        let remark = short("remark", remark, text::LONG, &mut cleared);
        let recipient = recipient.map(Contact::from).unwrap_or_default();
        for (name, text) in
            [("name", &recipient.name), ("phone", &recipient.phone), ("email", &recipient.email)]
        {
            wrong.extend(
                text.as_deref()
                    .and_then(|t| text::optional(&format!("/recipient/{name}"), t, text::LONG).err()),
            );
        }
        let to = to.map(|p| p.checked("/to", &mut wrong)).unwrap_or_default();
        let from = from.map(|p| p.checked("/from", &mut wrong)).unwrap_or_default();
        let mut money = |name: &str, told: Told<Money>, cleared: &mut Vec<String>| {
            let value = said(name, told, cleared);
            let bad = value.as_ref().is_some_and(|m| {
                m.currency.len() != 3 || !m.currency.bytes().all(|b| b.is_ascii_uppercase())
            });
            if bad {
                wrong.push(Problem::new(
                    format!("/{name}/currency"),
                    "must be a three-letter ISO 4217 code such as EUR",
                ));
            }
            value
        };
        let value = money("value", value, &mut cleared);
        let freight = money("freight", freight, &mut cleared);
        let facts = Facts {
            order_ref,
            distributor,
            carrier,
            service,
            recipient,
            to,
            from,
            items: said("items", items, &mut cleared),
            category,
            weight: said("weight", weight_g, &mut cleared).map(Grams),
            volume_cm3: said("volume_cm3", volume_cm3, &mut cleared),
            value,
            freight,
            promised_at: said("promised_at", promised_at, &mut cleared),
            ship_by: said("ship_by", ship_by, &mut cleared),
            remark,
            cleared,
        };
        if wrong.is_empty() { Ok(facts) } else { Err(Invalid(wrong)) }
    }
}

impl NewParcel {
    /// Number, facts and first status, checked.
    ///
    /// # Errors
    /// Names every field that is wrong.
    pub fn checked(self) -> Result<(String, Facts, Status), Invalid> {
        let ((number, status), facts) = self.split();
        let wrong = text::required("/tracking_number", &number, MAX_NUMBER).err();
        let status = status.map_or(Status::Announced, |s| s.0);
        match (wrong, facts.checked()) {
            (None, Ok(facts)) => Ok((number, facts, status)),
            (wrong, facts) => {
                Err(Invalid(wrong.into_iter().chain(facts.err().into_iter().flat_map(|i| i.0)).collect()))
            }
        }
    }
}

impl FactsChange {
    /// The facts, checked. What was null is listed as cleared.
    ///
    /// # Errors
    /// Names every field that is wrong.
    pub fn checked(self) -> Result<Facts, Invalid> {
        self.split().1.checked()
    }
}

/// A status in either case.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(value_type = String, example = "in_transit")]
pub struct StatusInput(pub Status);

impl<'de> Deserialize<'de> for StatusInput {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// A step, or a correction of one.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventInput {
    /// Where it is now; in a correction what the event should have said, absent to void it.
    #[serde(default, deserialize_with = "status")]
    #[schema(value_type = Option<String>)]
    pub status: Option<Status>,
    /// When, for what is reported late.
    #[serde(alias = "occurredAt")]
    pub occurred_at: Option<Timestamp>,
    /// Where.
    pub location: Option<PlaceInput>,
    /// A remark on it.
    #[serde(alias = "notes")]
    pub note: Option<String>,
    /// A reason code, or why a step is forced or corrected.
    pub reason: Option<String>,
    /// The event this corrects.
    pub corrects: Option<Id>,
    /// The number of the depot it is handed over to; it is expected there until it is scanned there. Alone, or together
    /// with the step that sends it off.
    pub next_site: Option<u32>,
}

fn status<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Status>, D::Error> {
    Ok(Option::<StatusInput>::deserialize(d)?.map(|s| s.0))
}

impl EventInput {
    /// The step it asks for.
    ///
    /// # Errors
    /// When no status is named.
    pub fn into_step(self) -> Result<Step, Invalid> {
        let Some(to) = self.status else {
            return Err(Invalid::at("/status", "is needed: name where the parcel is now"));
        };
        let mut wrong = Vec::new();
        let location = self.location.map(|l| l.checked("/location", &mut wrong)).unwrap_or_default();
        if wrong.is_empty() {
            Ok(Step { to, occurred_at: self.occurred_at, location, note: self.note, reason: self.reason })
        } else {
            Err(Invalid(wrong))
        }
    }
}

/// One row of a bulk report: a parcel and what happened to it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRow {
    /// The parcel, by id or number.
    #[serde(alias = "trackingNumber", alias = "tracking_number", alias = "id")]
    pub parcel: String,
    /// As in [`EventInput`].
    #[serde(default, deserialize_with = "status")]
    #[schema(value_type = Option<String>)]
    pub status: Option<Status>,
    /// When, for what is reported late.
    #[serde(alias = "occurredAt")]
    pub occurred_at: Option<Timestamp>,
    /// Where.
    pub location: Option<PlaceInput>,
    /// A remark on it.
    #[serde(alias = "notes")]
    pub note: Option<String>,
    /// A reason code, or why a step is forced or corrected.
    pub reason: Option<String>,
    /// The event this corrects.
    pub corrects: Option<Id>,
}

impl BulkRow {
    /// The parcel and its event.
    #[must_use]
    pub fn split(self) -> (String, EventInput) {
        let Self { parcel, status, occurred_at, location, note, reason, corrects } = self;
        let next_site = None;
        (parcel, EventInput { status, occurred_at, location, note, reason, corrects, next_site })
    }
}

/// A bulk report.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkInput {
    /// The rows, at most 1,000.
    pub rows: Vec<BulkRow>,
    /// Whether one refused row refuses all.
    #[serde(default)]
    pub atomic: bool,
}

/// A note.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteInput {
    /// Its text.
    pub text: String,
}
