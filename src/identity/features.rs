//! Everything a person can be allowed to do, each as a type to prove and a string to store.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing a person can be allowed to do; the types that implement it are markers and have no values of use.
pub trait Feature: Send + Sync + 'static {
    /// Its place in [`ALL`] and in a [`Features`] set. Changes between releases: only the name is ever stored.
    const INDEX: usize;
    /// Its stable name, `area.verb`: what roles, overrides and API keys hold.
    const NAME: &'static str;
}

/// A feature as the permission matrix shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Described {
    /// The stable name.
    pub name: &'static str,
    /// What it allows, in a few words.
    pub about: &'static str,
}

macro_rules! features {
    ($($marker:ident = $name:literal, $about:literal;)+) => {
        /// Gives each marker its number.
        enum Number { $($marker),+ }
        $(
            #[doc = $about]
            #[derive(Clone, Copy, Debug)]
            pub struct $marker;
            impl Feature for $marker {
                const INDEX: usize = Number::$marker as usize;
                const NAME: &'static str = $name;
            }
        )+
        /// Every feature of this release, in the order the permission matrix shows them.
        pub const ALL: &[Described] = &[$(Described { name: $name, about: $about }),+];
    };
}

features! {
    ViewParcels = "parcels.view", "See parcels, their history and what is overdue";
    CreateParcels = "parcels.create", "Announce a parcel by hand";
    EditParcels = "parcels.edit", "Change what is known of a parcel and note on it";
    ScanParcels = "parcels.scan", "Scan parcels and report what happened to them";
    CorrectParcels = "parcels.correct", "Correct an event that was reported wrongly";
    ForceParcels = "parcels.force", "Force a step the rules refuse, with a reason";
    BulkParcels = "parcels.bulk", "Report on many parcels at once";
    PrintLabels = "parcels.labels", "Print parcel labels";
    ViewDistributors = "distributors.view", "See distributors";
    EditDistributors = "distributors.edit", "Add and change distributors";
    ViewManifests = "manifests.view", "See manifests";
    EditManifests = "manifests.edit", "Announce manifests and change them";
    UnloadManifests = "manifests.unload", "Open an unloading and count into it";
    CloseManifests = "manifests.close", "Close an unloading, and reopen one";
    ViewCases = "cases.view", "See cases";
    WorkCases = "cases.work", "Open, take, wait on, resolve and reopen cases";
    BulkCases = "cases.bulk", "Work on many cases at once";
    ManageCases = "cases.manage", "Merge cases and give them to others";
    ViewCarriers = "carriers.view", "See carriers and how asking them goes";
    ManageCarriers = "carriers.manage", "Add and change carriers, their keys and credentials";
    AnswerCases = "cases.answer", "Say what is to be done about one's own parcels";
    ViewImports = "imports.view", "See imports and their rejected rows";
    RunImports = "imports.run", "Import a file";
    UndoImports = "imports.undo", "Take an import or a bulk report back";
    ViewStatusMaps = "status_maps.view", "See what each source's words mean";
    EditStatusMaps = "status_maps.edit", "Change, try and apply status maps";
    ViewRules = "rules.view", "See limits and escalation rules";
    EditRules = "rules.edit", "Change limits and escalation rules";
    ViewCalendars = "calendars.view", "See working days and holidays";
    EditCalendars = "calendars.edit", "Change working days and holidays";

    ViewDeliveries = "deliveries.view", "See deliveries and their history";
    CreateDeliveries = "deliveries.create", "Request a delivery";
    EditDeliveries = "deliveries.edit", "Change a delivery";
    DeleteDeliveries = "deliveries.delete", "Delete a delivery";
    AssignDeliveries = "deliveries.assign", "Give deliveries to drivers and take them back";
    AssignDeliveriesToAdmins = "deliveries.assign_admins", "Give a delivery to an administrator";
    CancelDeliveries = "deliveries.cancel", "Cancel a delivery";
    MoveDeliveries = "deliveries.status", "Report a delivery's next status";
    ProveDeliveries = "deliveries.proof", "Add proof of a delivery";
    ForceDeliveries = "deliveries.force", "Force a step the rules refuse, with a reason";
    BulkDeliveries = "deliveries.bulk", "Report on many deliveries at once";
    ViewRoutes = "routes.view", "See routes";
    OptimizeRoutes = "routes.optimize", "Plan and replan routes";
    EditRoutes = "routes.edit", "Change and delete routes";
    ViewVehicles = "vehicles.view", "See vehicles";
    EditVehicles = "vehicles.edit", "Add, change and retire vehicles";
    ViewDrivers = "drivers.view", "See drivers, their shifts and skills";
    EditDrivers = "drivers.edit", "Add, change and retire drivers";
    ViewConditions = "conditions.view", "See traffic, weather and closures";
    EditConditions = "conditions.edit", "Change traffic, weather and closures";
    ViewTracking = "tracking.view", "See positions and expected arrivals";
    ReportPositions = "tracking.report", "Report positions";
    ShareTracking = "tracking.links", "Make public tracking links";

    ViewProducts = "products.view", "See products and categories";
    EditProducts = "products.edit", "Add, change and retire products and categories";
    ViewOrders = "orders.view", "See orders and which are delayed";
    CreateOrders = "orders.create", "Take an order";
    BulkOrders = "orders.bulk", "Take many orders at once";
    MoveOrders = "orders.status", "Report an order's next status";
    CancelOrders = "orders.cancel", "Cancel an order";
    ViewStock = "stock.view", "See stock and its movements";
    MoveStock = "stock.move", "Book stock in, out and over";

    ViewAirFreight = "airfreight.view", "See air waybills, their carriers and free days";
    EditAirFreight = "airfreight.edit", "Add and change air waybills and report what happened to them";
    SendAirMessages = "airfreight.messages", "Hand in status messages as text";
    EditCarriers = "airfreight.carriers", "Change carriers and their tariffs";
    ViewDocuments = "documents.view", "See and fetch attached documents";
    AddDocuments = "documents.add", "Attach documents";
    ClearCustoms = "customs.clear", "Work on the customs steps";
    ViewBills = "bills.view", "See bills and import service charges";
    EditBills = "bills.edit", "Add, change and settle bills";
    PayCharges = "bills.isc", "Record import service charges as paid";
    ViewWorkflows = "workflows.view", "See where each waybill stands in its procedure";
    AdvanceWorkflows = "workflows.advance", "Complete a step of a procedure";
    ForceWorkflows = "workflows.force", "Force a step whose guards do not hold, with a reason";
    EditWorkflows = "workflows.edit", "Change the steps of a procedure";

    ViewDashboard = "dashboard.view", "See the dashboard";
    ViewAnalytics = "analytics.view", "See all figures";
    ViewRouteAnalytics = "analytics.routes", "See figures on routes and drivers";
    ViewOwnAnalytics = "analytics.own", "See one's own figures";
    ViewReports = "reports.view", "See reports and their results";
    EditReports = "reports.edit", "Add and change reports";
    RunReports = "reports.run", "Run a report";
    RunExports = "exports.run", "Export the lists one may see";
    ReceiveAlerts = "alerts.receive", "Be told of what needs attention";
    ViewNotifications = "notifications.view", "See what was sent to whom";
    ViewPrinters = "printers.view", "See and use printers";
    EditPrinters = "printers.edit", "Add and change printers";

    OwnProfile = "profile.own", "See and change one's own profile, password and sessions";
    ViewUsers = "users.view", "See users, roles and features";
    EditUsers = "users.edit", "Add, change and deactivate users, their role and overrides";
    EditRoles = "roles.edit", "Add and change roles";
    ViewSessions = "sessions.view", "See who is logged in where";
    RevokeSessions = "sessions.revoke", "Log others out";
    ManageApiKeys = "api_keys.manage", "Make and withdraw API keys";
    ViewAudit = "audit.view", "Read and verify the audit log";
    ExportAudit = "audit.export", "Export the audit log";
    ViewJobs = "jobs.view", "See background jobs";
    ManageJobs = "jobs.manage", "Retry and cancel background jobs";
    ViewSettings = "settings.view", "See settings and templates";
    EditSettings = "settings.edit", "Change settings and templates";
    ManagePrivacy = "privacy.manage", "Find, hand out and erase a person's data";
    ReadEvents = "events.read", "Follow the stream of events";
    ManageWebhooks = "webhooks.manage", "Add, change and resend webhooks";
    ViewSync = "sync.view", "See how far the exchange with headquarters is";
    ManageSync = "sync.manage", "Start the exchange and requeue what was rejected";
    ViewDepots = "depots.view", "See the depots of a headquarters";
    ManageDepots = "depots.manage", "Add depots and make enrolment codes";
    DetailedHealth = "health.detailed", "See the health of every part";
    RunBackups = "backups.run", "Make and list backups of the whole node";
    ManageTenants = "tenants.manage", "Add and change tenants";
}

/// How many features this release knows.
pub const COUNT: usize = ALL.len();
const WORDS: usize = 4;
const _: () = assert!(COUNT <= WORDS * 64, "Features has no room for that many: raise WORDS");

/// A set of features. Written as a list of names everywhere, so that it outlives renumbering; a name this
/// release does not know (written by a newer one) is passed over when read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Features([u64; WORDS]);

impl Features {
    /// No feature at all.
    pub const NONE: Self = Self([0; WORDS]);

    /// Every feature of this release.
    #[must_use]
    pub fn all() -> Self {
        (0..COUNT).collect()
    }

    /// The set of those `names` that this release knows.
    pub fn from_names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        names.into_iter().filter_map(|name| index_of(name.as_ref())).collect()
    }

    /// Whether `F` is in it.
    #[must_use]
    pub fn contains<F: Feature>(&self) -> bool {
        self.has(F::INDEX)
    }

    /// Whether the feature called `name` is in it; never, for a name that does not exist.
    #[must_use]
    pub fn contains_name(&self, name: &str) -> bool {
        index_of(name).is_some_and(|index| self.has(index))
    }

    /// Whether everything in `other` is in it too: nobody may hand out what they do not have.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.minus(self).is_empty()
    }

    /// The names in it, in the order of [`ALL`].
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        ALL.iter().enumerate().filter(|(index, _)| self.has(*index)).map(|(_, feature)| feature.name)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// What is in this one and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & !other.0[word]))
    }

    /// How many are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    fn has(&self, index: usize) -> bool {
        self.0[index / 64] & (1 << (index % 64)) != 0
    }
}

/// The number of the feature called `name`.
#[must_use]
pub fn index_of(name: &str) -> Option<usize> {
    ALL.iter().position(|feature| feature.name == name)
}

/// What the feature called `name` allows, in a few words; nothing for a name that does not exist.
#[must_use]
pub fn about(name: &str) -> &'static str {
    index_of(name).map_or("", |index| ALL[index].about)
}

impl FromIterator<usize> for Features {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut words = [0; WORDS];
        for index in indices.into_iter().filter(|index| *index < COUNT) {
            words[index / 64] |= 1 << (index % 64);
        }
        Self(words)
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut seq = s.serialize_seq(Some(self.len()))?;
        for name in self.names() {
            seq.serialize_element(name)?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Features;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of feature names such as \"parcels.scan\"")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Features, A::Error> {
                let mut known = Vec::new();
                while let Some(name) = seq.next_element::<std::borrow::Cow<'de, str>>()? {
                    known.extend(index_of(&name));
                }
                Ok(known.into_iter().collect())
            }
        }
        d.deserialize_seq(Names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    #[test]
    fn names_are_unique_and_of_one_form() {
        let mut seen = std::collections::HashSet::new();
        for feature in ALL {
            assert!(seen.insert(feature.name), "{} is there twice", feature.name);
            let (area, verb) = feature.name.split_once('.').expect(feature.name);
            assert!(
                [area, verb]
                    .iter()
                    .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
            );
            assert!(!feature.about.is_empty());
        }
        assert_eq!(ALL[ScanParcels::INDEX].name, ScanParcels::NAME);
        assert_eq!(ALL[ManageTenants::INDEX].name, "tenants.manage");
        assert_eq!(Features::all().len(), COUNT);
    }

    #[test]
    fn a_name_from_a_newer_release_is_passed_over() {
        let read: Features = serde_json::from_str(r#"["parcels.scan","drones.fly","parcels.scan"]"#).unwrap();
        assert_eq!(read, Features::from_names(["parcels.scan"]));
        assert!(read.contains::<ScanParcels>() && read.contains_name("parcels.scan"));
        assert!(!read.contains::<ViewParcels>() && !read.contains_name("drones.fly"));
        assert!(serde_json::from_str::<Features>("7").unwrap_err().to_string().contains("parcels.scan"));
    }

    #[test]
    fn a_place_one_past_the_last_feature_is_nothing() {
        assert!(Features::from_iter([COUNT]).is_empty());
        assert!(!Features::from_iter([COUNT - 1]).is_empty());
    }

    proptest! {
        #[test]
        fn a_set_survives_both_encodings(a in any::<[u64; 4]>(), b in any::<[u64; 4]>()) {
            let set = |bits: [u64; 4]| (0..COUNT).filter(|i| bits[i / 64] & (1 << (i % 64)) != 0).collect::<Features>();
            let (a, b) = (set(a), set(b));
            prop_assert_eq!(serde_json::from_value::<Features>(serde_json::to_value(a).unwrap()).unwrap(), a);
            prop_assert_eq!(rmp_serde::from_slice::<Features>(&rmp_serde::to_vec_named(&a).unwrap()).unwrap(), a);
            prop_assert_eq!(a.union(&b).minus(&b), a.minus(&b));
            prop_assert_eq!(a.covers(&b), b.names().all(|name| a.contains_name(name)));
            prop_assert_eq!(a.minus(&b).union(&b).len(), a.union(&b).len());
        }
    }
}
