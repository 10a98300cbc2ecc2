//! From a delivery to the job that serves it: the one place where planning asks what a delivery is.

use super::model::State;
use super::replan;
use super::repo::{self, ROUTES};
use super::task::JobSpec;
use crate::identity::grant::Scope;
use crate::store::{ReadTx, Result};

/// The job that serves `reference`, as far as it is still to be served and lies in `scope`: as a route that is planned or
/// under way has it.
///
/// # Errors
/// Storage failures.
pub fn job_of(tx: &dyn ReadTx, scope: &Scope, reference: &str) -> Result<Option<JobSpec>> {
    if *scope != Scope::Tenant {
        return Ok(None);
    }
    for id in repo::routes_of(tx, reference)? {
        let Some(route) = ROUTES.get(tx, &id)?.map(|row| row.state) else { continue };
        if route.state == State::Planned {
            let found =
                replan::jobs(&route.content.stops, false).into_iter().find(|j| j.reference == reference);
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}
