//! From a delivery's name to what planning takes of it: the one place where planning asks what a delivery is.

use super::repo;
use crate::base::ids::Id;
use crate::identity::grant::{Principal, Scope};
use crate::store::{ReadTx, Result};

/// What a delivery's name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// A live route has it: that route is planned anew, with everything else that is on it.
    OnRoute(Id),
    /// Nothing that is still to be made.
    Nothing,
}

/// What `reference` leads to for `who`.
///
/// # Errors
/// Storage failures.
pub fn meant(tx: &dyn ReadTx, who: &Principal, reference: &str) -> Result<Meant> {
    if who.scope != Scope::Tenant {
        return Ok(Meant::Nothing);
    }
    Ok(repo::routes_of(tx, reference)?.first().map_or(Meant::Nothing, |route| Meant::OnRoute(*route)))
}
