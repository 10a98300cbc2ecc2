//! The hybrid clock: wall time that never goes back, saved in each transaction that stamps something.

use serde::{Deserialize, Serialize};

use super::event::{Hlc, SiteRef};
use crate::base::clock::Timestamp;
use crate::first_record;
use crate::store::{Home, ReadTx, Result, Table, WriteTx};

/// A depot that has not been enrolled by headquarters yet writes as this site.
pub const UNENROLLED: u32 = u32::MAX;

/// The number of headquarters as a site.
pub const HEADQUARTERS: u32 = 0;

/// Who writes here, and the clock's last stamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The site, given by headquarters; [`UNENROLLED`] before.
    pub site: u32,
    /// The present life of the site's logs.
    pub epoch: u64,
    /// The last stamp given.
    pub last: Hlc,
    /// The epoch of the first life, drawn here: what was written before headquarters gave a number names it.
    #[serde(default)]
    pub first: u64,
    /// Milliseconds by which this machine's clock has to be set forward (or back) to agree with headquarters'; 0 while it
    /// is near enough.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub skew: i64,
    /// Earlier lives of the logs, oldest first, as far as the audit still lies there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lives: Vec<Life>,
}

/// An earlier life of a site's logs. What lies behind `upto` was issued again in the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// Its epoch.
    pub epoch: u64,
    /// The last position of log `a` that counts there.
    pub upto: u64,
}
first_record!(Origin);

/// Where the origin is kept.
pub const ORIGIN: Table<str, Origin> = Table::new(3, "origin", Home::Shared);

impl Origin {
    /// The origin of this tenant here; drawn at the first change when there is none yet.
    ///
    /// # Errors
    /// Storage failures.
    pub fn load(tx: &dyn ReadTx) -> Result<Self> {
        let mut origin = ORIGIN.get(tx, "origin")?.unwrap_or_else(|| Self {
            site: UNENROLLED,
            epoch: draw_epoch(),
            last: 0,
            first: 0,
            skew: 0,
            lives: Vec::new(),
        });
        if origin.first == 0 {
            origin.first = origin.epoch;
        }
        Ok(origin)
    }

    /// Whether `site` is this one.
    #[must_use]
    pub fn is(&self, site: SiteRef) -> bool {
        if site.site == UNENROLLED { site.epoch == self.first } else { site.site == self.site }
    }

    /// Saves the clock with what it stamped.
    ///
    /// # Errors
    /// Storage failures.
    pub fn save(&self, tx: &mut dyn WriteTx) -> Result<()> {
        ORIGIN.put(tx, "origin", self).map(drop)
    }

    /// The next stamp: after everything stamped here, not before the wall, and after `seen`, the greatest stamp
    /// folded into the aggregate.
    pub fn stamp(&mut self, now: Timestamp, seen: Hlc) -> Hlc {
        let wall = now.unsigned().saturating_add_signed(self.skew);
        self.last = (self.last + 1).max(wall << 16).max(seen + 1);
        self.last
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_nought(n: &i64) -> bool {
    *n == 0
}

/// A random epoch for a site's life before enrolment.
fn draw_epoch() -> u64 {
    let id = crate::base::ids::Id::derived(&[crate::base::ids::Id::fresh().as_ref(), b"epoch"]);
    u64::from_be_bytes([id.0[0], id.0[1], id.0[2], id.0[3], id.0[4], id.0[5], id.0[6], id.0[7]]) >> 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn stamps_only_rise_whatever_the_wall_does(walls in proptest::collection::vec((0_i64..1 << 40, 0_u64..1 << 56), 1..50)) {
            let mut o = Origin { site: 1, epoch: 1, last: 0, first: 1, skew: 0, lives: Vec::new() };
            let mut before = 0;
            for (wall, seen) in walls {
                let t = o.stamp(Timestamp::from_millis(wall), seen);
                prop_assert!(t > before && t > seen && t >= (wall as u64) << 16);
                before = t;
            }
        }
    }
}
