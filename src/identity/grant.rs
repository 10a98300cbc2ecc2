//! Proof that somebody may do a thing. A use case asks for a [`Grant`] of its feature, and only a [`Principal`]
//! that has the feature can make one: whoever forgets to ask does not compile.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::features::{self, Feature, Features};
use crate::base::error::{Fault, Invalid, Kind};
use crate::base::ids::Id;
use crate::base::text;

/// Distributors one user can be limited to.
pub const MAX_DISTRIBUTORS: usize = 100;

/// Who did it, as the journal and the audit log name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user; [`Id::NIL`] is the system.
    pub user: Id,
    /// The user's number at the site where the event began; 0 is the system.
    pub number: u32,
    /// The name to show.
    pub name: Arc<str>,
    /// The device it was done with, when it is a known one.
    pub device: Option<Arc<str>>,
}

impl Actor {
    /// The depot itself: jobs, timers and migrations.
    #[must_use]
    pub fn system() -> Self {
        Self { user: Id::NIL, number: 0, name: Arc::from("system"), device: None }
    }

    /// Whether it was the depot itself and not a person.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.user == Id::NIL
    }
}

/// Whose records a user may see and change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything in the tenant.
    Tenant,
    /// What belongs to these distributors.
    Distributors(Vec<String>),
    /// What is assigned to the user; the narrowest, so it is what a missing scope means.
    #[default]
    Own,
}

impl Scope {
    /// Whether what belongs to `distributor` lies in it. What belongs to nobody is the tenant's alone, and
    /// [`Scope::Own`] admits by assignment, never by distributor.
    #[must_use]
    pub fn admits_distributor(&self, distributor: Option<&str>) -> bool {
        match self {
            Self::Tenant => true,
            Self::Distributors(ours) => distributor.is_some_and(|d| ours.iter().any(|our| our == d)),
            Self::Own => false,
        }
    }

    /// Whether everything in `other` lies in it too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tenant, _) | (Self::Own, Self::Own) => true,
            (Self::Distributors(ours), Self::Distributors(theirs)) => theirs.iter().all(|d| ours.contains(d)),
            (Self::Distributors(_) | Self::Own, _) => false,
        }
    }

    /// What lies in both.
    #[must_use]
    pub fn meet(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Tenant, other) => other.clone(),
            (own, Self::Tenant) => own,
            (Self::Distributors(a), Self::Distributors(b)) => {
                Self::Distributors(a.into_iter().filter(|d| b.contains(d)).collect())
            }
            (Self::Own, _) | (_, Self::Own) => Self::Own,
        }
    }

    /// Checks a scope that is about to be given to a user.
    ///
    /// # Errors
    /// When it names no distributor, more than [`MAX_DISTRIBUTORS`], or a blank or overlong one.
    pub fn check(&self) -> Result<(), Invalid> {
        let Self::Distributors(ours) = self else { return Ok(()) };
        if ours.is_empty() || ours.len() > MAX_DISTRIBUTORS {
            let given = ours.len();
            return Err(Invalid::at(
                "/scope/distributors",
                format!("needs 1 to {MAX_DISTRIBUTORS} distributors, got {given}"),
            ));
        }
        let wrong = ours.iter().enumerate().filter_map(|(n, name)| {
            text::required(&format!("/scope/distributors/{n}"), name, text::SHORT).err()
        });
        let wrong: Vec<_> = wrong.collect();
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

/// Somebody who has shown who they are, with everything that decides what they may do.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The tenant the credential belongs to; nothing else ever names one.
    pub tenant: u32,
    /// Who it is.
    pub actor: Actor,
    /// What they may do now, overrides included.
    pub features: Features,
    /// Whose records they may touch.
    pub scope: Scope,
    /// The language they read, as a BCP 47 tag such as `pt-BR`.
    pub language: String,
    /// The session they came with; an API key and the system have none.
    pub session: Option<Id>,
}

impl Principal {
    /// The depot itself in `tenant`: may do everything, in the name of nobody.
    #[must_use]
    pub fn system(tenant: u32) -> Self {
        Self {
            tenant,
            actor: Actor::system(),
            features: Features::all(),
            scope: Scope::Tenant,
            language: "en".to_owned(),
            session: None,
        }
    }

    /// The proof that this one may do `F`.
    ///
    /// # Errors
    /// [`Denied`] when they may not.
    pub fn grant<F: Feature>(self: &Arc<Self>) -> Result<Grant<F>, Denied> {
        if self.features.contains::<F>() {
            Ok(Grant { principal: Arc::clone(self), feature: PhantomData })
        } else {
            Err(Denied { feature: F::NAME, actor: Arc::clone(&self.actor.name) })
        }
    }
}

/// The proof that somebody may do `F`. It can be copied and handed on, never made from nothing:
///
/// ```compile_fail
/// use crossdock::identity::{features::ScanParcels, grant::{Grant, Principal}};
/// let forged: Grant<ScanParcels> = Grant { principal: Principal::system(1).into(), feature: std::marker::PhantomData };
/// ```
pub struct Grant<F: Feature> {
    principal: Arc<Principal>,
    feature: PhantomData<fn() -> F>,
}

impl<F: Feature> Grant<F> {
    /// Who does it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.principal.actor
    }

    /// The tenant it is done in.
    #[must_use]
    pub fn tenant(&self) -> u32 {
        self.principal.tenant
    }

    /// Whose records it may be done to.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.principal.scope
    }

    /// Everything known of who does it; also the way to ask for a second feature.
    #[must_use]
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }
}

// By hand, because a derive would ask the marker itself to be Clone and Debug.
impl<F: Feature> Clone for Grant<F> {
    fn clone(&self) -> Self {
        Self { principal: Arc::clone(&self.principal), feature: PhantomData }
    }
}

impl<F: Feature> fmt::Debug for Grant<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("feature", &F::NAME).field("actor", &self.principal.actor.name).finish()
    }
}

/// Somebody may not do what they asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{actor} may not do this: it needs the feature \"{feature}\" ({}), which an administrator can give",
    features::about(feature)
)]
pub struct Denied {
    /// The feature that is missing.
    pub feature: &'static str,
    /// Who asked.
    pub actor: Arc<str>,
}

impl Fault for Denied {
    fn kind(&self) -> Kind {
        Kind::Forbidden
    }
    fn code(&self) -> &'static str {
        "access.denied"
    }
    fn extra(&self) -> serde_json::Map<String, serde_json::Value> {
        [("feature".to_owned(), self.feature.into())].into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::features::{EditRoles, ScanParcels};
    use super::*;

    #[test]
    fn a_grant_needs_the_feature_and_a_refusal_names_it() {
        let clerk = Principal { features: Features::from_names(["parcels.scan"]), ..Principal::system(7) };
        let clerk =
            Arc::new(Principal { actor: Actor { name: Arc::from("Ana"), ..Actor::system() }, ..clerk });
        let grant = clerk.grant::<ScanParcels>().unwrap();
        assert_eq!((grant.tenant(), &*grant.clone().actor().name, grant.scope()), (7, "Ana", &Scope::Tenant));
        assert!(grant.principal().grant::<EditRoles>().is_err());
        let denied = clerk.grant::<EditRoles>().unwrap_err();
        assert_eq!((denied.kind(), denied.code()), (Kind::Forbidden, "access.denied"));
        assert!(denied.to_string().contains("Ana") && denied.to_string().contains("\"roles.edit\""));
        assert_eq!(denied.extra()["feature"], "roles.edit");
    }

    #[test]
    fn a_partner_sees_its_distributors_and_nobody_elses() {
        let partner = Scope::Distributors(vec!["bar".into(), "foo".into()]);
        assert!(partner.admits_distributor(Some("foo")));
        assert!(!partner.admits_distributor(Some("Foo")) && !partner.admits_distributor(None));
        assert!(Scope::Tenant.admits_distributor(None) && Scope::Tenant.admits_distributor(Some("x")));
        assert!(!Scope::Own.admits_distributor(Some("foo")) && !Scope::default().admits_distributor(None));
    }

    #[test]
    fn a_scope_names_some_distributors_but_not_too_many() {
        let of = |n: usize| Scope::Distributors((0..n).map(|n| n.to_string()).collect());
        assert!(of(MAX_DISTRIBUTORS).check().is_ok() && Scope::Tenant.check().is_ok());
        assert!(of(MAX_DISTRIBUTORS + 1).check().is_err() && of(0).check().is_err());
        let blank = Scope::Distributors(vec!["bar".into(), " ".into()]).check().unwrap_err();
        assert_eq!(blank.fields()[0].pointer, "/scope/distributors/1");
    }
}
