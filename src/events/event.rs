//! An entry of the applied log as a CloudEvent.

use serde_json::{Map, Value, json};

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::event::CaseEvent;
use crate::deliveries::event::DeliveryEvent;
use crate::deliveries::model::Delivery;
use crate::freight::event::{self as freight, BillEvent, HawbEvent, MawbEvent};
use crate::identity::features::{
    Feature, ViewAirFreight, ViewBills, ViewCases, ViewDeliveries, ViewManifests, ViewOrders, ViewParcels,
    ViewRoutes, ViewStock,
};
use crate::identity::grant::{Principal, Scope};
use crate::journal::change::{self, Header};
use crate::journal::log::Applied;
use crate::journal::{Event, load};
use crate::manifests::event::{ManifestEvent, UnloadingEvent};
use crate::orders::event::OrderEvent;
use crate::orders::stock::{self, Booked};
use crate::parcels::event::ParcelEvent;
use crate::parcels::model::Parcel;
use crate::routes::event::{OPTIMIZATION_KINDS, OptimizationEvent, ROUTE_KINDS, RouteEvent};
use crate::store::{ReadTx, Result, Tenant};

/// What the kinds of change are about that leave the house: people, keys and settings never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is named as the trade names it
pub enum Subject {
    Parcel,
    Case,
    Manifest,
    Unloading,
    Delivery,
    Order,
    Stock,
    Mawb,
    Hawb,
    Bill,
    Optimization,
    Route,
}

impl Subject {
    /// What a kind of change is about; none for what stays in the house.
    #[must_use]
    pub fn of(kind: u16) -> Option<Self> {
        match kind {
            1..=99 => Some(Self::Parcel),
            0x200..=0x2ff => Some(Self::Case),
            0x300..=0x31f => Some(Self::Manifest),
            0x320..=0x33f => Some(Self::Unloading),
            0x400..=0x43f => Some(Self::Delivery),
            0x440..=0x44f => Some(Self::Order),
            stock::KIND => Some(Self::Stock),
            k if freight::MASTER_KINDS.contains(&k) => Some(Self::Mawb),
            k if freight::HOUSE_KINDS.contains(&k) => Some(Self::Hawb),
            k if freight::BILL_KINDS.contains(&k) => Some(Self::Bill),
            k if OPTIMIZATION_KINDS.contains(&k) => Some(Self::Optimization),
            k if ROUTE_KINDS.contains(&k) => Some(Self::Route),
            _ => None,
        }
    }

    /// Its name, as in an event's `subject`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parcel => "parcel",
            Self::Case => "case",
            Self::Manifest => "manifest",
            Self::Unloading => "unloading",
            Self::Delivery => "delivery",
            Self::Order => "order",
            Self::Stock => "stock",
            Self::Mawb => "mawb",
            Self::Hawb => "hawb",
            Self::Bill => "bill",
            Self::Optimization => "route_optimization",
            Self::Route => "route",
        }
    }

    /// The right without which nobody hears of it.
    const fn feature(self) -> &'static str {
        match self {
            Self::Parcel => ViewParcels::NAME,
            Self::Case => ViewCases::NAME,
            Self::Manifest | Self::Unloading => ViewManifests::NAME,
            Self::Delivery => ViewDeliveries::NAME,
            Self::Order => ViewOrders::NAME,
            Self::Stock => ViewStock::NAME,
            Self::Mawb | Self::Hawb => ViewAirFreight::NAME,
            Self::Bill => ViewBills::NAME,
            Self::Optimization | Self::Route => ViewRoutes::NAME,
        }
    }
}

/// The name of an event, and when it is said to have happened.
type Said = (&'static str, Option<Timestamp>);

fn said(subject: Subject, header: &Header, body: &[u8]) -> Result<Said> {
    fn of<E: Event>(header: &Header, body: &[u8]) -> Result<Said> {
        let event = E::decode(header.k, header.v, body)?;
        Ok((event.name(), event.occurred()))
    }
    match subject {
        Subject::Parcel => of::<ParcelEvent>(header, body),
        Subject::Case => of::<CaseEvent>(header, body),
        Subject::Manifest => of::<ManifestEvent>(header, body),
        Subject::Unloading => of::<UnloadingEvent>(header, body),
        Subject::Delivery => of::<DeliveryEvent>(header, body),
        Subject::Order => of::<OrderEvent>(header, body),
        Subject::Stock => of::<Booked>(header, body),
        Subject::Mawb => of::<MawbEvent>(header, body),
        Subject::Hawb => of::<HawbEvent>(header, body),
        Subject::Bill => of::<BillEvent>(header, body),
        Subject::Optimization => of::<OptimizationEvent>(header, body),
        Subject::Route => of::<RouteEvent>(header, body),
    }
}

/// A change on its way out.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its name, `delivery.assigned`.
    pub name: &'static str,
    /// What kind of thing it is about.
    pub subject: Subject,
    /// Which.
    pub id: Id,
    /// The whole event; its `id` is the change's own, the same at the depot, at headquarters and at whoever is told.
    pub event: Value,
}

/// The entry at `seq` as it is told; none when it stays in the house or was written by a newer release.
///
/// # Errors
/// When the entry is damaged.
pub fn told(tenant: Tenant, seq: u64, entry: &Applied) -> Result<Option<Told>> {
    let (header, body) = change::decode(&entry.blob)?;
    let Some(subject) = Subject::of(header.k) else { return Ok(None) };
    // A kind this release does not know is kept and told by the next one.
    let Ok((name, occurred)) = said(subject, &header, &body) else { return Ok(None) };
    let eid: String = change::eid(&entry.blob).iter().map(|b| format!("{b:02x}")).collect();
    let data = rmp_serde::from_slice::<rmpv::Value>(&body).map_or(Value::Null, |v| plain(&v));
    let written = Timestamp::from_millis(i64::try_from(header.t >> 16).unwrap_or(i64::MAX));
    let event = json!({
        "specversion": "1.0",
        "id": eid,
        "source": format!("/depots/{}", header.o),
        "type": format!("dev.crossdock.{name}.v1"),
        "subject": format!("{}/{}", subject.as_str(), header.id),
        "time": occurred.unwrap_or(written).to_string(),
        "datacontenttype": "application/json",
        "tenant": tenant.to_string(),
        "seq": seq,
        "data": data,
    });
    Ok(Some(Told { name, subject, id: header.id, event }))
}

/// MessagePack as JSON: 16 bytes are an id, other bytes hexadecimal.
fn plain(v: &rmpv::Value) -> Value {
    match v {
        rmpv::Value::Nil => Value::Null,
        rmpv::Value::Boolean(b) => (*b).into(),
        rmpv::Value::Integer(n) => {
            n.as_i64().map(Value::from).or(n.as_u64().map(Value::from)).unwrap_or_default()
        }
        rmpv::Value::F32(f) => f64::from(*f).into(),
        rmpv::Value::F64(f) => (*f).into(),
        rmpv::Value::String(s) => s.as_str().unwrap_or_default().into(),
        rmpv::Value::Binary(b) => Id::from_slice(b)
            .map_or_else(|| b.iter().map(|b| format!("{b:02x}")).collect::<String>(), |id| id.to_string())
            .into(),
        rmpv::Value::Array(items) => items.iter().map(plain).collect(),
        rmpv::Value::Map(fields) => {
            let named =
                |(k, v): &(rmpv::Value, rmpv::Value)| (k.as_str().unwrap_or_default().to_owned(), plain(v));
            Value::Object(fields.iter().map(named).collect::<Map<_, _>>())
        }
        rmpv::Value::Ext(..) => Value::Null,
    }
}

/// Whether `who` may hear of a change: what they may see of what it is about, as it is now.
///
/// # Errors
/// Storage failures.
pub fn visible(tx: &dyn ReadTx, who: &Principal, entry: &Applied) -> Result<bool> {
    let (header, _) = change::decode(&entry.blob)?;
    let Some(subject) = Subject::of(header.k) else { return Ok(false) };
    if !who.features.contains_name(subject.feature()) {
        return Ok(false);
    }
    Ok(match (&who.scope, subject) {
        (Scope::Tenant, _) => true,
        (scope, Subject::Parcel) => load::<Parcel>(tx, header.id)?
            .is_some_and(|r| scope.admits_distributor(r.state.facts.distributor.as_deref())),
        (Scope::Distributors(_), Subject::Delivery) => load::<Delivery>(tx, header.id)?
            .is_some_and(|r| who.scope.admits_distributor(r.state.facts.distributor.as_deref())),
        (Scope::Own, Subject::Delivery) => load::<Delivery>(tx, header.id)?
            .is_some_and(|r| r.state.assignee.is_some_and(|a| a.id == who.actor.user)),
        // Everything else is the tenant's alone.
        _ => false,
    })
}
