//! Many orders in one call: each gets a verdict of its own, or with `atomic` all are taken or none.

use serde_json::Value;

use super::error::OrderError;
use super::inputs::NewOrder;
use super::model::{OrderId, Status};
use super::service::{Placing, place_in};
use super::stock::Booking;
use crate::base::error::{Fault, Invalid, Problem};
use crate::identity::features::BulkOrders;
use crate::identity::grant::{Grant, Scope};
use crate::journal::Cx;
use crate::journal::clock::{HEADQUARTERS, Origin};
use crate::store::WriteTx;

/// Orders of one call at the most.
pub const MAX_ORDERS: usize = 1_000;

/// What became of one order of a call.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It was taken.
    Created {
        /// Its id.
        id: OrderId,
        /// Its number.
        number: u64,
        /// Where it is.
        status: Status,
    },
    /// The same reference was taken before.
    Duplicate {
        /// The order that has it.
        id: OrderId,
        /// Its number.
        number: u64,
        /// Where it is.
        status: Status,
    },
    /// It was refused.
    Rejected {
        /// The stable code.
        code: &'static str,
        /// Why.
        detail: String,
        /// The places that are wrong.
        fields: Vec<Problem>,
    },
}

/// Takes many orders. Those that are not JSON orders at all are refused like those that can't be fulfilled.
///
/// # Errors
/// When there are too many; with `atomic` the first refusal, or when several depots are named.
pub fn place_all(
    tx: &mut dyn WriteTx,
    grant: &Grant<BulkOrders>,
    cx: &Cx,
    orders: &[Value],
    atomic: bool,
) -> Result<Vec<Verdict>, OrderError> {
    if *grant.scope() != Scope::Tenant {
        return Err(OrderError::Unknown("order", "of yours".into()));
    }
    if orders.is_empty() || orders.len() > MAX_ORDERS {
        let said = format!("needs 1 to {MAX_ORDERS} orders, got {}", orders.len());
        return Err(Invalid::at("/", said).into());
    }
    if atomic && Origin::load(tx)?.site == HEADQUARTERS {
        let mut depots = orders.iter().map(|o| o.get("depot"));
        let first = depots.next().flatten();
        if depots.any(|d| d != first) {
            return Err(OrderError::Depots);
        }
    }
    let (mut booking, mut verdicts) = (Booking::default(), Vec::with_capacity(orders.len()));
    for (index, order) in orders.iter().enumerate() {
        let placed = parse(order).and_then(|new| place_in(tx, cx, &mut booking, &new));
        verdicts.push(match placed {
            Ok(Placing::Taken(w)) => {
                Verdict::Created { id: w.state.id, number: w.state.number, status: w.state.status }
            }
            Ok(Placing::Known(e)) => {
                let o = &e.value.state;
                Verdict::Duplicate { id: o.id, number: o.number, status: o.status }
            }
            Err(OrderError::Store(e)) => return Err(e.into()),
            Err(why) if atomic => return Err(OrderError::Row { index, why: Box::new(why) }),
            Err(why) => Verdict::Rejected { code: why.code(), detail: why.to_string(), fields: why.fields() },
        });
    }
    booking.write(tx, cx)?;
    Ok(verdicts)
}

fn parse(order: &Value) -> Result<NewOrder, OrderError> {
    serde_path_to_error::deserialize(order).map_err(|e| {
        let path = e.path().to_string();
        let pointer = if path == "." {
            "/".into()
        } else {
            format!("/{}", path.replace(['.', '['], "/").replace(']', ""))
        };
        Invalid::at(pointer, e.into_inner().to_string()).into()
    })
}
