//! The roles a tenant starts with. They are data from then on: a tenant edits its own copy.

use serde::{Deserialize, Serialize};

use super::features::{ALL, Features};

/// Whose records a user of a role sees unless their own scope says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Everything in the tenant.
    Tenant,
    /// What belongs to the distributors named for the user.
    Distributors,
    /// What is assigned to the user.
    Own,
}

/// A role before anybody edited it.
#[derive(Clone, Copy, Debug)]
pub struct DefaultRole {
    /// Its stable name.
    pub name: &'static str,
    /// Whose records its users see.
    pub reach: Reach,
    /// What its users may do.
    pub features: Features,
}

/// The names of the default roles, the most powerful first.
pub const NAMES: [&str; 12] = [
    "super_admin",
    "admin",
    "supervisor",
    "clerk",
    "planner",
    "driver",
    "partner",
    "import_agent",
    "broker",
    "accounts",
    "auditor",
    "station",
];

/// What concerns the whole node or other administrators; beyond an administrator of one tenant.
const ABOVE_TENANT: &[&str] = &["tenants.manage", "backups.run", "deliveries.assign_admins"];

/// What every person may do.
const PERSON: &[&str] = &["profile.own"];

const CLERK: &[&str] = &[
    "parcels.view",
    "parcels.create",
    "parcels.edit",
    "parcels.scan",
    "parcels.labels",
    "distributors.view",
    "manifests.view",
    "manifests.edit",
    "manifests.unload",
    "manifests.close",
    "cases.view",
    "cases.work",
    "imports.view",
    "status_maps.view",
    "rules.view",
    "calendars.view",
    "dashboard.view",
    "alerts.receive",
    "printers.view",
    "orders.view",
    "products.view",
    "stock.view",
    "deliveries.view",
    "exports.run",
    "events.read",
];

/// On top of a clerk's.
const SUPERVISOR: &[&str] = &[
    "parcels.correct",
    "parcels.force",
    "parcels.bulk",
    "distributors.edit",
    "cases.bulk",
    "cases.manage",
    "cases.answer",
    "imports.run",
    "imports.undo",
    "carriers.view",
    "status_maps.edit",
    "rules.edit",
    "calendars.edit",
    "deliveries.create",
    "deliveries.edit",
    "deliveries.assign",
    "deliveries.cancel",
    "deliveries.status",
    "deliveries.proof",
    "deliveries.force",
    "deliveries.bulk",
    "routes.view",
    "vehicles.view",
    "drivers.view",
    "conditions.view",
    "conditions.edit",
    "tracking.view",
    "tracking.links",
    "products.edit",
    "orders.create",
    "orders.bulk",
    "orders.status",
    "orders.cancel",
    "stock.move",
    "airfreight.view",
    "documents.view",
    "workflows.view",
    "workflows.advance",
    "workflows.force",
    "analytics.view",
    "analytics.routes",
    "reports.view",
    "reports.edit",
    "reports.run",
    "notifications.view",
    "printers.edit",
    "users.view",
    "sessions.view",
    "jobs.view",
    "sync.view",
];

const PLANNER: &[&str] = &[
    "deliveries.view",
    "deliveries.create",
    "deliveries.edit",
    "deliveries.assign",
    "routes.view",
    "routes.optimize",
    "routes.edit",
    "vehicles.view",
    "drivers.view",
    "conditions.view",
    "conditions.edit",
    "tracking.view",
    "tracking.links",
    "analytics.routes",
    "dashboard.view",
    "calendars.view",
    "alerts.receive",
    "exports.run",
    "events.read",
];

const DRIVER: &[&str] = &[
    "deliveries.view",
    "deliveries.status",
    "deliveries.proof",
    "routes.view",
    "tracking.view",
    "tracking.report",
    "analytics.own",
    "alerts.receive",
    "events.read",
];

const PARTNER: &[&str] = &[
    "parcels.view",
    "parcels.create",
    "parcels.bulk",
    "parcels.labels",
    "manifests.view",
    "manifests.edit",
    "cases.view",
    "cases.answer",
    "deliveries.view",
    "deliveries.create",
    "deliveries.bulk",
    "tracking.view",
    "imports.view",
    "imports.run",
    "imports.undo",
    "reports.view",
    "reports.edit",
    "reports.run",
    "exports.run",
    "alerts.receive",
    "events.read",
];

/// What everybody in air freight sees of each other's work.
const AIR: &[&str] = &[
    "airfreight.view",
    "documents.view",
    "workflows.view",
    "calendars.view",
    "dashboard.view",
    "alerts.receive",
    "exports.run",
];
const IMPORT_AGENT: &[&str] = &[
    "airfreight.edit",
    "airfreight.messages",
    "documents.add",
    "workflows.advance",
    "imports.view",
    "imports.run",
];
const BROKER: &[&str] = &["customs.clear", "documents.add", "workflows.advance"];
const ACCOUNTS: &[&str] = &[
    "bills.view",
    "bills.edit",
    "bills.isc",
    "documents.add",
    "workflows.advance",
    "reports.view",
    "reports.run",
];

/// What reads without being called so.
const READS: &[&str] = &["audit.export", "exports.run", "health.detailed", "events.read", "analytics.routes"];

const STATION: &[&str] = &["parcels.view", "parcels.scan", "parcels.labels", "printers.view"];

/// The default role called `name`.
#[must_use]
pub fn default_role(name: &str) -> Option<DefaultRole> {
    let own = |lists: &[&[&str]]| Features::from_names(lists.concat());
    let views = || Features::from_names(ALL.iter().map(|f| f.name).filter(|name| name.ends_with(".view")));
    let (reach, features) = match name {
        "super_admin" => (Reach::Tenant, Features::all()),
        "admin" => (Reach::Tenant, Features::all().minus(&own(&[ABOVE_TENANT]))),
        "supervisor" => (Reach::Tenant, own(&[PERSON, CLERK, SUPERVISOR])),
        "clerk" => (Reach::Tenant, own(&[PERSON, CLERK])),
        "planner" => (Reach::Tenant, own(&[PERSON, PLANNER])),
        "driver" => (Reach::Own, own(&[PERSON, DRIVER])),
        "partner" => (Reach::Distributors, own(&[PERSON, PARTNER])),
        "import_agent" => (Reach::Tenant, own(&[PERSON, AIR, IMPORT_AGENT])),
        "broker" => (Reach::Tenant, own(&[PERSON, AIR, BROKER])),
        "accounts" => (Reach::Tenant, own(&[PERSON, AIR, ACCOUNTS])),
        "auditor" => (Reach::Tenant, views().union(&own(&[PERSON, READS]))),
        "station" => (Reach::Tenant, own(&[STATION])),
        _ => return None,
    };
    let name = NAMES.into_iter().find(|known| *known == name)?;
    Some(DefaultRole { name, reach, features })
}

/// All default roles, in the order of [`NAMES`].
pub fn default_roles() -> impl Iterator<Item = DefaultRole> {
    NAMES.into_iter().filter_map(default_role)
}

#[cfg(test)]
mod tests {
    use super::super::features::{
        AssignDeliveriesToAdmins, EditBills, ForceParcels, ManageTenants, ScanParcels, ViewAudit,
        ViewParcels, index_of,
    };
    use super::*;

    fn role(name: &str) -> Features {
        default_role(name).unwrap().features
    }

    #[test]
    fn every_name_in_the_lists_is_a_feature() {
        let lists = [
            ABOVE_TENANT,
            PERSON,
            CLERK,
            SUPERVISOR,
            PLANNER,
            DRIVER,
            PARTNER,
            AIR,
            IMPORT_AGENT,
            BROKER,
            ACCOUNTS,
            READS,
            STATION,
        ];
        for name in lists.concat() {
            assert!(index_of(name).is_some(), "{name}");
        }
        assert_eq!(default_roles().map(|role| role.name).collect::<Vec<_>>(), NAMES);
        assert!(default_role("king").is_none());
    }

    #[test]
    fn only_a_super_admin_reaches_beyond_the_tenant() {
        assert!(role("super_admin").contains::<ManageTenants>());
        assert!(role("super_admin").contains::<AssignDeliveriesToAdmins>());
        for other in NAMES.into_iter().skip(1) {
            assert!(!role(other).contains::<ManageTenants>(), "{other}");
            assert!(!role(other).contains::<AssignDeliveriesToAdmins>(), "{other}");
        }
        assert_eq!(role("admin").len() + ABOVE_TENANT.len(), ALL.len());
    }

    #[test]
    fn an_auditor_reads_everything_and_changes_nothing() {
        let harmless = |name: &str| name.ends_with(".view") || READS.contains(&name) || name == "profile.own";
        assert!(role("auditor").names().all(harmless));
        assert!(role("auditor").contains::<ViewAudit>());
        assert!(
            ALL.iter().filter(|f| f.name.ends_with(".view")).all(|f| role("auditor").contains_name(f.name))
        );
    }

    #[test]
    fn the_floor_may_scan_and_only_its_supervisor_may_force() {
        assert!(role("supervisor").covers(&role("clerk")));
        assert!(role("clerk").contains::<ScanParcels>() && !role("clerk").contains::<ForceParcels>());
        assert!(role("supervisor").contains::<ForceParcels>());
        assert_eq!(role("station").len(), STATION.len());
        assert!(role("station").contains::<ScanParcels>());
    }

    #[test]
    fn partners_drivers_and_the_trades_of_air_freight_keep_to_their_own() {
        assert_eq!(default_role("partner").unwrap().reach, Reach::Distributors);
        assert_eq!(default_role("driver").unwrap().reach, Reach::Own);
        assert!(!role("driver").contains::<ViewParcels>());
        assert!(role("accounts").contains::<EditBills>());
        assert!(!role("broker").contains::<EditBills>() && !role("import_agent").contains::<EditBills>());
        assert!(!role("accounts").contains_name("customs.clear"));
    }
}
