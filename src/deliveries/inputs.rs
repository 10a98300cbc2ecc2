//! What callers send of deliveries, checked before anything is done with it. The names of the system before us are taken
//! as well as ours.

use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Facts, MAX_PARCELS, Priority, Window};
use super::proof::{Kind, Proof};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::text;
use crate::base::units::Position;

/// A position in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PositionInput {
    /// Degrees north.
    #[serde(alias = "lat")]
    pub latitude: f64,
    /// Degrees east.
    #[serde(alias = "lon", alias = "lng")]
    pub longitude: f64,
    /// Metres.
    pub accuracy: Option<f64>,
}

impl PositionInput {
    fn checked(self, pointer: &str) -> Result<Position, Problem> {
        Position::from_degrees(self.latitude, self.longitude).map_err(|why| Problem::new(pointer, why))
    }
}

/// A delivery as it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDelivery {
    /// Where it is fetched.
    #[serde(default, alias = "pickupAddress")]
    pub pickup_address: String,
    /// Where it goes.
    #[serde(default, alias = "deliveryAddress")]
    pub delivery_address: String,
    /// Where that is on the map.
    #[serde(alias = "deliveryLocation")]
    pub delivery_location: Option<PositionInput>,
    /// For whom.
    #[serde(default, alias = "customerName")]
    pub customer_name: String,
    /// Their telephone.
    #[serde(alias = "customerPhone")]
    pub customer_phone: Option<String>,
    /// Their mail.
    #[serde(alias = "customerEmail")]
    pub customer_email: Option<String>,
    /// Kilograms.
    #[serde(alias = "packageWeight")]
    pub package_weight: Option<f64>,
    /// low, normal, high or urgent.
    pub priority: Option<String>,
    /// When somebody is there.
    #[serde(alias = "timeWindow")]
    pub time_window: Option<Window>,
    /// A remark for the driver.
    #[serde(alias = "notes")]
    pub note: Option<String>,
    /// Whose parcels they are.
    pub distributor: Option<String>,
    /// The kinds of proof without which it can't be completed.
    #[serde(default, alias = "proofRequired")]
    pub proof_required: Vec<Kind>,
    /// Its parcels, by id or number.
    #[serde(default)]
    pub parcels: Vec<String>,
    /// Who gets it at once, by id or login.
    #[serde(alias = "assignedDriver", alias = "assignedTo")]
    pub assigned_to: Option<String>,
    /// With which vehicle.
    pub vehicle: Option<String>,
    /// Of a change: the revision that was seen, in place of `If-Match`.
    pub version: Option<u64>,
}

impl NewDelivery {
    /// What has to be done.
    ///
    /// # Errors
    /// Names each place that is wrong.
    pub fn facts(&self) -> Result<Facts, Invalid> {
        let mut wrong: Vec<Problem> = Vec::new();
        let needed =
            [("/pickup_address", &self.pickup_address), ("/delivery_address", &self.delivery_address)];
        for (at, field) in needed {
            wrong.extend(text::required(at, field, text::LONG).err());
        }
        wrong.extend(text::required("/customer_name", &self.customer_name, text::SHORT).err());
        let short = [
            ("/customer_phone", &self.customer_phone),
            ("/customer_email", &self.customer_email),
            ("/distributor", &self.distributor),
            ("/vehicle", &self.vehicle),
            ("/assigned_to", &self.assigned_to),
        ];
        for (at, field) in short {
            wrong.extend(field.as_deref().and_then(|t| text::optional(at, t, text::SHORT).err()));
        }
        wrong.extend(self.note.as_deref().and_then(|t| text::optional("/note", t, text::LONG).err()));
        let weight_g = self.package_weight.map(|kg| grams(kg).ok_or(kg)).transpose();
        let weight_g = weight_g.unwrap_or_else(|kg| {
            let said = format!("{kg} is no weight in kilograms: it lies between 0 and 1000000");
            wrong.push(Problem::new("/package_weight", said));
            None
        });
        let priority = self.priority.as_deref().map(str::parse::<Priority>).transpose();
        let priority = priority.unwrap_or_else(|why| {
            wrong.push(Problem::new("/priority", why));
            None
        });
        if self.time_window.is_some_and(|w| w.to < w.from) {
            wrong.push(Problem::new("/time_window", "ends before it begins"));
        }
        if self.parcels.len() > MAX_PARCELS {
            let said = format!("names {} parcels; a delivery has at most {MAX_PARCELS}", self.parcels.len());
            wrong.push(Problem::new("/parcels", said));
        }
        let position = self.delivery_location.map(|p| p.checked("/delivery_location")).transpose();
        let position = position.unwrap_or_else(|p| {
            wrong.push(p);
            None
        });
        if !wrong.is_empty() {
            return Err(Invalid(wrong));
        }
        Ok(Facts {
            pickup: self.pickup_address.clone(),
            address: self.delivery_address.clone(),
            position,
            customer: self.customer_name.clone(),
            phone: self.customer_phone.clone(),
            email: self.customer_email.clone(),
            weight_g,
            priority: priority.unwrap_or_default(),
            window: self.time_window,
            note: self.note.clone(),
            distributor: self.distributor.clone(),
            needs: self.proof_required.clone(),
        })
    }
}

/// Kilograms in whole grams.
fn grams(kg: f64) -> Option<u64> {
    let grams = (kg * 1000.0).round();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it lies between 0 and 10^9
    (0.0..=1e9).contains(&grams).then_some(grams as u64)
}

/// To whom a delivery is given.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignInput {
    /// The user, by id or login.
    #[serde(alias = "assignedTo", alias = "assignedDriver", alias = "user", alias = "driver")]
    pub assigned_to: String,
    /// With which vehicle.
    pub vehicle: Option<String>,
    /// The revision that was seen; a stale one is refused.
    pub version: Option<u64>,
}

/// Why a step back is taken.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonInput {
    /// In words.
    pub reason: Option<String>,
    /// The revision that was seen; a stale one is refused.
    pub version: Option<u64>,
}

/// What became of one parcel at the door.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeInput {
    /// Which, by id or number.
    pub parcel: String,
    /// Whether it was handed over.
    pub delivered: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// A step on a delivery's way.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeliveryStatusInput)]
pub struct StatusInput {
    /// in_transit, completed or failed, in either case.
    pub status: String,
    /// Where that was.
    pub location: Option<PositionInput>,
    /// What was noted.
    #[serde(alias = "note")]
    pub notes: Option<String>,
    /// Why it failed: one of the published reasons.
    pub reason: Option<String>,
    /// When it happened, if longer ago than a request takes.
    #[serde(alias = "occurredAt")]
    pub occurred_at: Option<Timestamp>,
    /// What became of each parcel; those not named share the delivery's end.
    #[serde(default)]
    pub parcels: Vec<OutcomeInput>,
    /// What shows that it was handed over.
    pub proof: Option<Proof>,
    /// To start: leave without the parcels that were not scanned out.
    #[serde(default)]
    pub confirm_missing: bool,
    /// The revision that was seen; a stale one is refused.
    pub version: Option<u64>,
}

impl StatusInput {
    /// Checks the texts and the position.
    ///
    /// # Errors
    /// Names each place that is wrong.
    pub fn position(&self) -> Result<Option<Position>, Invalid> {
        let mut wrong: Vec<Problem> = Vec::new();
        wrong.extend(self.notes.as_deref().and_then(|t| text::optional("/notes", t, text::LONG).err()));
        wrong.extend(self.reason.as_deref().and_then(|t| text::optional("/reason", t, text::SHORT).err()));
        wrong.extend(self.proof.iter().flat_map(|p| p.check("/proof")));
        if self.parcels.len() > MAX_PARCELS {
            wrong.push(Problem::new("/parcels", format!("a delivery has at most {MAX_PARCELS} parcels")));
        }
        let position = self.location.map(|p| p.checked("/location")).transpose();
        match position {
            Ok(position) if wrong.is_empty() => Ok(position),
            Ok(_) => Err(Invalid(wrong)),
            Err(p) => {
                wrong.push(p);
                Err(Invalid(wrong))
            }
        }
    }
}
