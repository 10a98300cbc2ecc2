//! Taking customers in and finding them.

use super::model::{CUSTOMERS, Customer, id};
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::ids::Id;
use crate::base::verdict::{Beside, Verdict};
use crate::identity::features::Feature;
use crate::identity::grant::{Grant, Scope};
use crate::journal::{Cx, reference};
use crate::store::{Dir, Ix, KeyRange, ReadTx, StoreError, WriteTx};

/// Why customers could not be taken in or shown.
#[derive(Debug, thiserror::Error)]
pub enum CustomerError {
    /// There is none.
    #[error("no customer {0}")]
    Unknown(String),
    /// The address book is everybody's.
    #[error("customers take access to the whole depot")]
    Scope,
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for CustomerError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::Scope => Kind::Forbidden,
            Self::Invalid(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "customer.unknown",
            Self::Scope => "customer.scope",
            Self::Invalid(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }

    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            Self::Unknown(_) | Self::Scope | Self::Store(_) => Vec::new(),
        }
    }

    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Store(e) => e.retry_after_s(),
            _ => None,
        }
    }
}

type Result<T> = std::result::Result<T, CustomerError>;

/// Takes a row in, or with `dry` only says what would become of it.
///
/// # Errors
/// When it makes no sense.
pub fn take(tx: &mut dyn WriteTx, cx: &Cx, row: &Customer, dry: bool) -> Result<Verdict> {
    let id = id(&row.source, &row.reference);
    let old = reference::get::<Customer>(tx, id)?.map(|(c, _)| c);
    let new = old.clone().unwrap_or_default().merged(row.clone());
    new.check()?;
    let verdict = match &old {
        Some(old) if *old == new => return Ok(Verdict::Unchanged),
        Some(_) => Verdict::Updated,
        None => Verdict::Created,
    };
    if !dry {
        reference::set(tx, cx, id, Some(new))?;
    }
    Ok(verdict)
}

/// Whether the customer of a row is here.
///
/// # Errors
/// Storage failures.
pub fn beside(tx: &dyn ReadTx, row: &Customer) -> std::result::Result<Beside, StoreError> {
    let found = reference::get::<Customer>(tx, id(&row.source, &row.reference))?;
    Ok(found.map_or(Beside::MISSING, |_| Beside::here()))
}

/// Refuses a caller who does not see the whole depot.
///
/// # Errors
/// [`CustomerError::Scope`].
pub fn whole<F: Feature>(grant: &Grant<F>) -> Result<()> {
    if *grant.scope() == Scope::Tenant { Ok(()) } else { Err(CustomerError::Scope) }
}

/// A customer with its id and revision.
pub type Found = (Id, Customer, u64);

/// The customer `name`.
///
/// # Errors
/// When there is none by that id.
pub fn find(tx: &dyn ReadTx, name: &str) -> Result<Found> {
    let unknown = || CustomerError::Unknown(name.chars().take(80).collect());
    let id: Id = name.parse().map_err(|_| unknown())?;
    let (found, rev) = reference::get::<Customer>(tx, id)?.ok_or_else(unknown)?;
    Ok((id, found, rev))
}

/// A page of customers, and where the next one begins.
///
/// # Errors
/// Storage failures.
pub fn list(tx: &dyn ReadTx, after: Option<Vec<u8>>, limit: usize) -> Result<(Vec<Found>, Option<Vec<u8>>)> {
    let rows = CUSTOMERS.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Up, limit)?;
    let next = rows.next;
    let found = rows.items.into_iter().filter_map(|e| {
        let state = e.value.state;
        Some((state.id, state.value?, e.rev))
    });
    Ok((found.collect(), next))
}
