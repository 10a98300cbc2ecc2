//! An entry of the applied log as a CloudEvent.

use serde_json::{Map, Value, json};

use crate::base::ids::Id;
use crate::cases::event::CaseEvent;
use crate::deliveries::event::DeliveryEvent;
use crate::deliveries::model::Delivery;
use crate::identity::grant::{Principal, Scope};
use crate::journal::change::{self, Header};
use crate::journal::log::Applied;
use crate::journal::{Event, load};
use crate::orders::event::OrderEvent;
use crate::orders::stock::{self, Booked};
use crate::parcels::event::ParcelEvent;
use crate::parcels::model::Parcel;
use crate::store::{ReadTx, Result};

/// What the kinds of change are about that leave the house: people, keys and settings never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A parcel.
    Parcel,
    /// A case.
    Case,
    /// A delivery.
    Delivery,
    /// An order.
    Order,
    /// Stock.
    Stock,
}

/// What a kind of change is about; none for what stays in the house.
#[must_use]
pub fn subject(kind: u16) -> Option<Subject> {
    match kind {
        1..=99 => Some(Subject::Parcel),
        0x200..=0x2ff => Some(Subject::Case),
        0x400..=0x43f => Some(Subject::Delivery),
        0x440..=0x44f => Some(Subject::Order),
        stock::KIND => Some(Subject::Stock),
        _ => None,
    }
}

fn name(header: &Header, body: &[u8]) -> Result<Option<(&'static str, &'static str)>> {
    let (k, v) = (header.k, header.v);
    Ok(match subject(k) {
        None => None,
        Some(Subject::Parcel) => Some(("parcel", Event::name(&<ParcelEvent as Event>::decode(k, v, body)?))),
        Some(Subject::Case) => Some(("case", CaseEvent::decode(k, v, body)?.name())),
        Some(Subject::Delivery) => Some(("delivery", DeliveryEvent::decode(k, v, body)?.name())),
        Some(Subject::Order) => Some(("order", OrderEvent::decode(k, v, body)?.name())),
        Some(Subject::Stock) => Some(("stock", Booked::decode(k, v, body)?.name())),
    })
}

/// A change on its way out.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its name, `delivery.assigned`.
    pub name: &'static str,
    /// The identity of the change, the same at the depot, at headquarters and at whoever is told.
    pub eid: String,
    /// The whole event.
    pub event: Value,
}

/// The entry at `seq` as it is told; none when it stays in the house or was written by a newer release.
///
/// # Errors
/// When the entry is damaged.
pub fn told(tenant: u32, seq: u64, entry: &Applied) -> Result<Option<Told>> {
    let (header, body) = change::decode(&entry.blob)?;
    let Some((kind, name)) = name(&header, &body).unwrap_or(None) else { return Ok(None) };
    let eid: String = change::eid(&entry.blob).iter().map(|b| format!("{b:02x}")).collect();
    let data = rmp_serde::from_slice::<rmpv::Value>(&body).map_or(Value::Null, |v| plain(&v));
    let at = crate::base::clock::Timestamp::from_millis(i64::try_from(header.t >> 16).unwrap_or(i64::MAX));
    let event = json!({
        "specversion": "1.0",
        "id": eid,
        "source": format!("/depots/{}", header.o),
        "type": format!("dev.crossdock.{name}.v1"),
        "subject": format!("{kind}/{}", header.id),
        "time": at.to_string(),
        "datacontenttype": "application/json",
        "tenant": tenant.to_string(),
        "seq": seq,
        "data": data,
    });
    Ok(Some(Told { name, eid, event }))
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
    let Some(subject) = subject(header.k) else { return Ok(false) };
    let feature = match subject {
        Subject::Parcel => "parcels.view",
        Subject::Case => "cases.view",
        Subject::Delivery => "deliveries.view",
        Subject::Order => "orders.view",
        Subject::Stock => "stock.view",
    };
    if !who.features.contains_name(feature) {
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
        (_, Subject::Case | Subject::Order | Subject::Stock) => false,
    })
}
