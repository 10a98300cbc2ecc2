//! Following the log over a connection that stays open: one who waits until there is more to tell, the listener goes, or
//! the time that one connection lasts is over. A place is kept and nothing else, so one who reads slowly costs no memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::app::App;
use super::error::{ApiError, Refusal};
use super::server::Site;
use crate::base::clock::Timestamp;
use crate::base::error::Kind;
use crate::jobs::wake::Listener;
use crate::journal::log::APPLIED;
use crate::store::{DEPOT, StoreError, Tenant};

/// A stream of events is ended after so long and begun again by whoever listens: one that died unheard is found out then,
/// and a session that is over hears nothing for long.
pub const LASTS: Duration = Duration::from_secs(15 * 60);

/// The seats for those who listen.
#[derive(Debug)]
pub struct Hall {
    taken: AtomicUsize,
    seats: usize,
}

impl Hall {
    /// With so many seats.
    #[must_use]
    pub const fn new(seats: usize) -> Self {
        Self { taken: AtomicUsize::new(0), seats }
    }

    /// A seat, for as long as it is held.
    ///
    /// # Errors
    /// 503 when all are taken.
    pub fn seat(&'static self) -> Result<Seat, Refusal> {
        let seat = Seat(self);
        if self.taken.fetch_add(1, Ordering::AcqRel) < self.seats {
            return Ok(seat);
        }
        let detail = format!("{} listen already, and there is no room for another", self.seats);
        Err(Refusal::new(Kind::Busy, "live.full", detail))
    }
}

/// A seat that is taken.
#[derive(Debug)]
pub struct Seat(&'static Hall);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The log goes on behind the place that was read up to.
    More,
    /// Nothing happened for a while.
    Quiet,
    /// The connection ends.
    Over,
}

/// One who follows.
pub struct Follower {
    app: Data<App>,
    site: Data<Site>,
    tenant: Tenant,
    listener: Listener,
    /// The place that was read up to.
    pub at: u64,
    until: Timestamp,
    _seat: Seat,
}

impl Follower {
    /// One who goes on behind `after`, or begins with what happens from now on, until `until`.
    ///
    /// # Errors
    /// When the hall is full, or the store fails.
    pub fn new(
        req: &HttpRequest,
        app: Data<App>,
        tenant: Tenant,
        after: Option<u64>,
        until: Timestamp,
        hall: &'static Hall,
    ) -> Result<Self, ApiError> {
        let seat = hall.seat()?;
        let wiring = || Refusal::new(Kind::Internal, "server.wiring", "the server has no site");
        let site = req.app_data::<Data<Site>>().cloned().ok_or_else(wiring)?;
        // Listening begins before the end is looked up: what comes in between wakes.
        let listener = app.wake.listen();
        let end = head(&app, tenant)?;
        let at = after.filter(|at| *at <= end).unwrap_or(end);
        Ok(Self { app, site, tenant, listener, at, until, _seat: seat })
    }

    /// The depot.
    #[must_use]
    pub fn app(&self) -> &Data<App> {
        &self.app
    }

    /// Whose log it is.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        self.tenant
    }

    /// Waits for something to do.
    pub async fn turn(&mut self) -> Turn {
        match self.look() {
            Turn::Quiet => {}
            turn => return turn,
        }
        tokio::select! {
            () = self.site.leaving.stopped() => return Turn::Over,
            () = self.listener.idle(&self.app.clock, Timestamp::MAX) => {}
        }
        self.look()
    }

    fn look(&self) -> Turn {
        if self.site.leaving.is_stopped() || self.app.clock.now() >= self.until {
            return Turn::Over;
        }
        match head(&self.app, self.tenant) {
            Ok(end) if end > self.at => Turn::More,
            Ok(_) => Turn::Quiet,
            Err(_) => Turn::Over,
        }
    }
}

fn head(app: &App, tenant: Tenant) -> Result<u64, StoreError> {
    app.store.read(tenant, |tx| Ok(tx.head(DEPOT, APPLIED)?.last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Fault;

    #[test]
    fn there_are_as_many_seats_as_were_put_up_and_one_that_is_left_is_free_again() {
        static HALL: Hall = Hall::new(2);
        let (first, _second) = (HALL.seat().unwrap(), HALL.seat().unwrap());
        assert_eq!(Fault::code(&HALL.seat().unwrap_err()), "live.full");
        drop(first);
        assert!(HALL.seat().is_ok());
    }
}
