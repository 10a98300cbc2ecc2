//! The one thing parcels do to deliveries: when all parcels of one that has not left were called off, so is it.

use super::error::DeliveryError;
use super::model::Status;
use super::repo::{self, DELIVERIES};
use super::service::{call_off, ours};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::grant::{Actor, Scope};
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::log::Applied;
use crate::journal::{Cx, change, readers};
use crate::parcels::model::Status as ParcelStatus;
use crate::parcels::service as parcels;
use crate::store::{ReadTx, Result, WriteTx};

const READER: &str = "deliveries.desk";
/// Entries of the log dealt with in one transaction.
const ENTRIES: usize = 200;

/// Reads what happened to parcels.
pub struct Desk;

impl Worker for Desk {
    fn name(&self) -> &'static str {
        READER
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let deal = move |tx: &mut dyn WriteTx, entries: &[(u64, Applied)]| deal(tx, now, entries);
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, deal)?;
        Ok(if read == 0 { Step::IDLE } else { Step::Worked })
    }
}

fn deal(tx: &mut dyn WriteTx, now: Timestamp, entries: &[(u64, Applied)]) -> Result<()> {
    let mut moved = Vec::new();
    for (_, entry) in entries {
        let (header, _) = change::decode(&entry.blob)?;
        if (1..=99).contains(&header.k) {
            moved.push(header.id);
        }
    }
    moved.sort_unstable();
    moved.dedup();
    for parcel in moved {
        for id in repo::with_parcel(tx, parcel)? {
            follow(tx, now, id)?;
        }
    }
    Ok(())
}

fn is_cancelled(tx: &dyn ReadTx, parcel: Id) -> Result<bool> {
    match parcels::find(tx, &Scope::Tenant, &parcel.to_string()) {
        Ok((found, _)) => Ok(found.value.state.status == ParcelStatus::Cancelled),
        Err(crate::parcels::error::ParcelError::Store(e)) => Err(e),
        Err(_) => Ok(false),
    }
}

fn follow(tx: &mut dyn WriteTx, now: Timestamp, id: Id) -> Result<()> {
    let Some(row) = DELIVERIES.get(tx, &id)? else { return Ok(()) };
    let d = &row.state;
    if d.removed || d.legs.is_empty() || !matches!(d.status, Status::Created | Status::Assigned) {
        return Ok(());
    }
    for leg in &d.legs {
        if !is_cancelled(tx, leg.parcel)? {
            return Ok(());
        }
    }
    let cx = Cx::new(tx, &Actor::system(), now, "deliveries")?;
    let done = ours(tx, d).and_then(|()| call_off(tx, &cx, row, "all its parcels were called off".into()));
    match done {
        Ok(_) => Ok(()),
        Err(DeliveryError::Store(e)) => Err(e),
        Err(why) => {
            tracing::debug!(why = %why, "a delivery stays as it is");
            Ok(())
        }
    }
}
