//! The house rules a tenant sets: its calendar, how long a parcel may stay in a status, and how soon a case needs a
//! first action. Read by every change, so kept compiled and found again by revision.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::opening::{Hours, OpeningTimes, Week};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::first_record;
use crate::store::{Home, ReadTx, Result, StoreError, Table, WriteTx};

/// The kind of job that looks at every deadline anew after the rules changed.
pub const REPLAN: &str = "parcels.replan";

/// Stale limits a tenant can set.
pub const MAX_LIMITS: usize = 2_000;

/// How long a parcel may stay in a status before somebody should look, in working hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StaleLimit {
    /// The status.
    pub status: String,
    /// Only with this carrier; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// Only in this service; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Working hours; 0 means never stale.
    pub hours: u32,
}

/// The rules as their tenant writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HouseRules {
    /// When the depot works.
    pub opening: OpeningTimes,
    /// Stale limits; the most specific one counts: carrier and service, carrier, service, status alone.
    pub stale: Vec<StaleLimit>,
    /// Working hours to the first action on a case, by reason; the shipped figure where a reason is missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sla_hours: BTreeMap<String, u32>,
    /// Percentages of that time at which a case escalates.
    pub escalate_at: Vec<u32>,
    /// The currency of amounts that carry none.
    pub currency: String,
    /// Seconds an order may stay in `processing` or `shipped` before it counts as delayed; an hour where nothing is said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub order_limits_s: BTreeMap<String, u32>,
}

/// How long an order may stay in a status when nobody set a limit.
pub const DEFAULT_ORDER_LIMIT: Duration = Duration::from_secs(3600);
/// Order limits a tenant can set: one a status that is watched.
const MAX_ORDER_LIMITS: usize = 16;

/// Working hours in each status when nobody set a limit (`domain` default table: announced 48, accepted 12, …).
pub const DEFAULT_STALE_HOURS: [(&str, u32); 9] = [
    ("announced", 48),
    ("accepted", 12),
    ("in_transit", 24),
    ("customs", 48),
    ("at_depot", 12),
    ("out_for_delivery", 12),
    ("ready_for_pickup", 120),
    ("on_hold", 24),
    ("returning", 72),
];

impl HouseRules {
    /// What a new tenant in `zone` begins with.
    #[must_use]
    pub fn usual(zone: &str) -> Self {
        let stale = DEFAULT_STALE_HOURS.iter().map(|(status, hours)| StaleLimit {
            status: (*status).into(),
            carrier: None,
            service: None,
            hours: *hours,
        });
        Self {
            opening: OpeningTimes {
                zone: zone.into(),
                hours: Hours::Weekly(Week::usual()),
                holidays: BTreeMap::new(),
            },
            stale: stale.collect(),
            sla_hours: BTreeMap::new(),
            escalate_at: vec![50, 100, 200],
            currency: "EUR".into(),
            order_limits_s: BTreeMap::new(),
        }
    }
}

/// The rules, checked and ready to use.
#[derive(Debug)]
pub struct Policy {
    /// As written.
    pub rules: HouseRules,
    /// The calendar in them.
    pub calendar: Calendar,
    stale: BTreeMap<String, Limits>,
}

/// The stale limits of one status: for all parcels, and for those of a carrier, a service or both.
#[derive(Debug, Default)]
struct Limits {
    all: Option<Duration>,
    some: BTreeMap<(Option<String>, Option<String>), Duration>,
}

impl Policy {
    /// Checks `rules`.
    ///
    /// # Errors
    /// Names each place that is wrong.
    pub fn new(rules: HouseRules) -> std::result::Result<Self, Invalid> {
        let mut problems = Vec::new();
        let calendar = Calendar::new(rules.opening.clone()).map_err(|Invalid(p)| {
            problems
                .extend(p.into_iter().map(|p| Problem { pointer: format!("/opening{}", p.pointer), ..p }));
        });
        if rules.stale.len() > MAX_LIMITS {
            problems.push(Problem::new(
                "/stale",
                format!("has {} limits; at most {MAX_LIMITS} are kept", rules.stale.len()),
            ));
        }
        if rules.escalate_at.is_empty() || rules.escalate_at.len() > 5 || !rules.escalate_at.is_sorted() {
            problems.push(Problem::new(
                "/escalate_at",
                "needs one to five rising percentages, such as [50, 100, 200]",
            ));
        }
        if rules.currency.len() != 3 || !rules.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            problems.push(Problem::new("/currency", "must be a three-letter ISO 4217 code such as EUR"));
        }
        let wrong = |s: &&String| !["processing", "shipped"].contains(&s.as_str());
        if let Some(status) = rules.order_limits_s.keys().take(MAX_ORDER_LIMITS).find(wrong) {
            let said = "is no status in which an order can be late; set processing or shipped";
            problems.push(Problem::new(format!("/order_limits_s/{status}"), said));
        }
        let hours = |h: u32| Duration::from_secs(u64::from(h) * 3600);
        let mut stale: BTreeMap<String, Limits> = BTreeMap::new();
        for StaleLimit { status, carrier, service, hours: h } in rules.stale.iter().take(MAX_LIMITS) {
            let limits = stale.entry(status.clone()).or_default();
            if carrier.is_none() && service.is_none() {
                limits.all = Some(hours(*h));
            } else {
                limits.some.insert((carrier.clone(), service.clone()), hours(*h));
            }
        }
        match calendar {
            Ok(calendar) if problems.is_empty() => Ok(Self { rules, calendar, stale }),
            _ => Err(Invalid(problems)),
        }
    }

    /// When a parcel that entered `status` at `since` becomes stale; none when it never does.
    #[must_use]
    pub fn stale_at(
        &self,
        status: &str,
        carrier: Option<&str>,
        service: Option<&str>,
        since: Timestamp,
    ) -> Option<Timestamp> {
        let limits = self.stale.get(status)?;
        let find = |c: Option<&str>, s: Option<&str>| {
            let named = (c.is_some() || s.is_some()) && !limits.some.is_empty();
            named.then(|| limits.some.get(&(c.map(Into::into), s.map(Into::into)))).flatten()
        };
        let limit = carrier.and(service).and_then(|_| find(carrier, service));
        let limit = limit.or_else(|| find(carrier, None)).or_else(|| find(None, service));
        let limit = limit.or(limits.all.as_ref()).filter(|d| !d.is_zero())?;
        Some(self.calendar.add_working(since, *limit))
    }

    /// How long an order may stay in `status`.
    #[must_use]
    pub fn order_limit(&self, status: &str) -> Duration {
        let set = self.rules.order_limits_s.get(status);
        set.map_or(DEFAULT_ORDER_LIMIT, |s| Duration::from_secs(u64::from(*s)))
    }

    /// The tenant's present rules, compiled.
    ///
    /// # Errors
    /// Storage failures.
    pub fn current(tx: &dyn ReadTx) -> Result<Arc<Self>> {
        // Found again by a random mark, not by revision: two stores in one process may have equal revisions.
        let key = tx.get(MARK, b"rules")?.map_or_else(Vec::new, |r| r.body);
        if let Some(policy) = COMPILED.get(&key) {
            return Ok(policy);
        }
        let rules = RULES.get(tx, "rules")?.map_or_else(|| HouseRules::usual("UTC"), |r| r.0);
        let policy = Self::new(rules).map_err(|e| StoreError::Corrupt(format!("the house rules: {e}")))?;
        let policy = Arc::new(policy);
        COMPILED.insert(key, Arc::clone(&policy));
        Ok(policy)
    }

    /// Makes `rules` the present ones.
    ///
    /// # Errors
    /// Storage failures.
    pub fn keep(tx: &mut dyn WriteTx, rules: &HouseRules) -> Result<()> {
        RULES.put(tx, "rules", &Kept(rules.clone()))?;
        let mark = crate::base::ids::Id::fresh();
        tx.put(MARK, b"rules", &mark.0, &[], crate::store::Expect::Any).map(drop)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept(HouseRules);
first_record!(Kept);

const RULES: Table<str, Kept> = Table::new(7, "house_rules", Home::Local);
const MARK: crate::store::Coll = crate::store::Coll { id: 8, name: "house_rules_mark", home: Home::Shared };

type Compiled = quick_cache::sync::Cache<Vec<u8>, Arc<Policy>>;
static COMPILED: LazyLock<Compiled> = LazyLock::new(|| quick_cache::sync::Cache::new(64));

/// The collections of this module, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn crate::store::table::Checked> {
    struct Mark;
    impl crate::store::table::Checked for Mark {
        fn coll(&self) -> crate::store::Coll {
            MARK
        }
        fn keys(&self, _: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
            Ok(Vec::new())
        }
    }
    vec![&RULES, &Mark]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_limit_counts() {
        let mut rules = HouseRules::usual("UTC");
        rules.opening.hours = Hours::Always;
        let limit = |carrier: Option<&str>, service: Option<&str>, hours| StaleLimit {
            status: "in_transit".into(),
            carrier: carrier.map(Into::into),
            service: service.map(Into::into),
            hours,
        };
        rules.stale.extend([
            limit(Some("ups"), None, 10),
            limit(None, Some("express"), 5),
            limit(Some("ups"), Some("express"), 2),
            limit(Some("slow"), None, 0),
        ]);
        let p = Policy::new(rules).unwrap();
        let hours = |c, s| p.stale_at("in_transit", c, s, Timestamp::ZERO).map(|t| t.millis() / 3_600_000);
        assert_eq!(hours(None, None), Some(24));
        assert_eq!(hours(Some("ups"), None), Some(10));
        assert_eq!(hours(Some("ups"), Some("express")), Some(2));
        assert_eq!(hours(Some("dhl"), Some("express")), Some(5));
        assert_eq!(hours(Some("slow"), None), None);
        assert_eq!(p.stale_at("delivered", None, None, Timestamp::ZERO), None);
    }

    #[test]
    fn one_limit_too_many_is_refused() {
        let mut rules = HouseRules::usual("UTC");
        rules.stale = vec![rules.stale[0].clone(); MAX_LIMITS];
        assert!(Policy::new(rules.clone()).is_ok());
        rules.stale.push(rules.stale[0].clone());
        assert_eq!(Policy::new(rules).unwrap_err().0[0].pointer, "/stale");
    }
}
