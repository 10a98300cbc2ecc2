//! The house rules a tenant sets: its calendar, how long a parcel may stay in a status, and how soon a case needs a
//! first action. Read by every change, so kept compiled and found again by revision.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::dock::DockRules;
use super::learned::{self, Learned, Learning};
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

/// Who is told when a case escalates: the chain of a house.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Its owner, else the role that sits at its desk.
    Desk,
    /// The supervisors of the house.
    Supervisor,
    /// The supervisors at headquarters, once they hear of it; where there is none, those of the house.
    Hq,
}

impl Tier {
    /// Its name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Supervisor => "supervisor",
            Self::Hq => "hq",
        }
    }
}

/// The chain when nobody set one: the desk first, then its supervisor, then headquarters.
fn usual_chain() -> Vec<Tier> {
    vec![Tier::Desk, Tier::Supervisor, Tier::Hq]
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
    /// Whom each escalation goes to, level by level; the last one holds for every further level.
    #[serde(default = "usual_chain")]
    pub escalate_to: Vec<Tier>,
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
            escalate_to: usual_chain(),
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
    /// What the tenant sets for dock and counter.
    pub dock: DockRules,
    /// What the tenant says of learning.
    pub learning: Learning,
    /// What was learned last.
    pub learned: Learned,
    /// The first that says something counts.
    tiers: [(Word, BTreeMap<String, Limits>); 4],
}

/// What a policy is made of beside the house rules.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// What the tenant sets for dock and counter.
    pub dock: DockRules,
    /// What the tenant says of learning.
    pub learning: Learning,
    /// What was learned last.
    pub learned: Learned,
}

/// Whose word a stale limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StaleLimitSource)]
pub enum Word {
    /// The tenant pinned it.
    Pinned,
    /// A house rule that differs from the default table.
    Rule,
    /// Learned from the depot's own history.
    Learned,
    /// The default table.
    Default,
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
        Self::with(rules, Beside::default())
    }

    /// Checks `rules` and puts them together with what stands beside them.
    ///
    /// # Errors
    /// Names each place in the rules that is wrong.
    pub fn with(rules: HouseRules, beside: Beside) -> std::result::Result<Self, Invalid> {
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
        if rules.escalate_to.is_empty() || rules.escalate_to.len() > 5 || !rules.escalate_to.is_sorted() {
            problems.push(Problem::new(
                "/escalate_to",
                "needs one to five of desk, supervisor and hq, never back down the chain",
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
        let Beside { dock, learning, learned } = beside;
        let tiers = tiers(&rules, &learning, &learned);
        match calendar {
            Ok(calendar) if problems.is_empty() => {
                Ok(Self { rules, calendar, dock, learning, learned, tiers })
            }
            _ => Err(Invalid(problems)),
        }
    }

    /// How long a parcel may stay in `status`, and who says so; none when it never becomes stale there.
    #[must_use]
    pub fn stale_limit(
        &self,
        status: &str,
        carrier: Option<&str>,
        service: Option<&str>,
    ) -> Option<(Duration, Word)> {
        let found = self.tiers.iter().find_map(|(word, by_status)| {
            by_status.get(status)?.of(carrier, service).map(|limit| (limit, *word))
        });
        found.filter(|(limit, _)| !limit.is_zero())
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
        let (limit, _) = self.stale_limit(status, carrier, service)?;
        Some(self.calendar.add_working(since, limit))
    }

    /// Whom the escalation to `level`, counted from 1, goes to.
    #[must_use]
    pub fn tier(&self, level: u8) -> Tier {
        let chain = &self.rules.escalate_to;
        let at = usize::from(level).saturating_sub(1).min(chain.len().saturating_sub(1));
        chain.get(at).copied().unwrap_or(Tier::Desk)
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
        let beside = Beside {
            dock: BESIDE.get(tx, "dock")?.unwrap_or_default().dock.unwrap_or_default(),
            learning: BESIDE.get(tx, "learning")?.unwrap_or_default().learning.unwrap_or_default(),
            learned: LEARNED.get(tx, "learned")?.unwrap_or_default(),
        };
        let policy =
            Self::with(rules, beside).map_err(|e| StoreError::Corrupt(format!("the house rules: {e}")))?;
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
        renew(tx)
    }

    /// Makes `dock` the present rules of dock and counter.
    ///
    /// # Errors
    /// Storage failures.
    pub fn keep_dock(tx: &mut dyn WriteTx, dock: DockRules) -> Result<()> {
        BESIDE.put(tx, "dock", &KeptBeside { dock: Some(dock), learning: None })?;
        renew(tx)
    }

    /// Makes `learning` the tenant's present word on learned limits.
    ///
    /// # Errors
    /// Storage failures.
    pub fn keep_learning(tx: &mut dyn WriteTx, learning: Learning) -> Result<()> {
        BESIDE.put(tx, "learning", &KeptBeside { dock: None, learning: Some(learning) })?;
        renew(tx)
    }

    /// Keeps what was learned. It is this node's own: each learns from what it sees.
    ///
    /// # Errors
    /// Storage failures.
    pub fn keep_learned(tx: &mut dyn WriteTx, learned: &Learned) -> Result<()> {
        LEARNED.put(tx, "learned", learned)?;
        renew(tx)
    }
}

/// Whoever compiled the policy before has to do it anew.
fn renew(tx: &mut dyn WriteTx) -> Result<()> {
    let mark = crate::base::ids::Id::fresh();
    tx.put(MARK, b"rules", &mark.0, &[], crate::store::Expect::Any).map(drop)
}

impl Limits {
    fn add(&mut self, carrier: Option<&String>, service: Option<&String>, hours: u32) {
        let limit = Duration::from_secs(u64::from(hours) * 3_600);
        if carrier.is_none() && service.is_none() {
            self.all = Some(limit);
        } else {
            self.some.insert((carrier.cloned(), service.cloned()), limit);
        }
    }

    /// The most specific one: carrier and service, carrier, service, all.
    fn of(&self, carrier: Option<&str>, service: Option<&str>) -> Option<Duration> {
        let find = |c: Option<&str>, s: Option<&str>| {
            let named = (c.is_some() || s.is_some()) && !self.some.is_empty();
            named.then(|| self.some.get(&(c.map(Into::into), s.map(Into::into)))).flatten()
        };
        let limit = carrier.and(service).and_then(|_| find(carrier, service));
        let limit = limit.or_else(|| find(carrier, None)).or_else(|| find(None, service));
        limit.or(self.all.as_ref()).copied()
    }
}

type Source = (Word, BTreeMap<String, Limits>);

/// What the tenant said outright comes before what was learned, and that before the default table. A status the house
/// rules leave out never becomes stale, whatever was learned of it.
fn tiers(rules: &HouseRules, learning: &Learning, learned: &Learned) -> [Source; 4] {
    let [mut pinned, mut set, mut taught, mut usual] = [const { BTreeMap::<String, Limits>::new() }; 4];
    for l in learning.pinned.iter().take(MAX_LIMITS) {
        pinned.entry(l.status.clone()).or_default().add(l.carrier.as_ref(), l.service.as_ref(), l.hours);
    }
    for l in rules.stale.iter().take(MAX_LIMITS) {
        let of_all = l.carrier.is_none() && l.service.is_none();
        let is_default = of_all && learned::usual(&l.status) == Some(l.hours);
        let tier = if is_default { &mut usual } else { &mut set };
        tier.entry(l.status.clone()).or_default().add(l.carrier.as_ref(), l.service.as_ref(), l.hours);
    }
    for l in learned.limits.iter().filter(|l| learning.on && usual.contains_key(&l.status)) {
        taught.entry(l.status.clone()).or_default().add(l.carrier.as_ref(), l.service.as_ref(), l.hours);
    }
    [(Word::Pinned, pinned), (Word::Rule, set), (Word::Learned, taught), (Word::Default, usual)]
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct KeptBeside {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dock: Option<DockRules>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learning: Option<Learning>,
}
first_record!(KeptBeside);

const LEARNED: Table<str, Learned> = Table::new(116, "stale_learned", Home::Local);
const BESIDE: Table<str, KeptBeside> = Table::new(119, "house_rules_beside", Home::Local);

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
    vec![&RULES, &Mark, &LEARNED, &BESIDE]
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
    fn the_tenant_s_word_comes_before_what_was_learned_and_that_before_the_default() {
        let learned = |status: &str, carrier: Option<&str>, hours| learned::LearnedLimit {
            status: status.into(),
            carrier: carrier.map(Into::into),
            service: None,
            hours,
            unbounded_hours: hours,
            median_hours: 1,
            samples: 100,
            learned_at: Timestamp::ZERO,
        };
        let limits = vec![
            learned("in_transit", None, 60),
            learned("in_transit", Some("ups"), 30),
            learned("at_depot", None, 7),
            learned("customs", None, 7),
        ];
        let mut rules = HouseRules::usual("UTC");
        rules.stale.retain(|l| l.status != "customs");
        rules.stale.iter_mut().find(|l| l.status == "at_depot").unwrap().hours = 5;
        let pinned = vec![StaleLimit {
            status: "in_transit".into(),
            carrier: Some("dpd".into()),
            service: None,
            hours: 9,
        }];
        let learning = Learning { pinned, ..Learning::default() };
        let of = |learning: &Learning| {
            let learned = Learned { limits: limits.clone(), at: None };
            let beside = Beside { learning: learning.clone(), learned, ..Beside::default() };
            Policy::with(rules.clone(), beside).unwrap()
        };
        let p = of(&learning);
        let hours = |p: &Policy, status, carrier| {
            p.stale_limit(status, carrier, None).map(|(d, word)| (d.as_secs() / 3_600, word))
        };
        assert_eq!(hours(&p, "in_transit", None), Some((60, Word::Learned)));
        assert_eq!(hours(&p, "in_transit", Some("ups")), Some((30, Word::Learned)));
        assert_eq!(hours(&p, "in_transit", Some("dpd")), Some((9, Word::Pinned)));
        assert_eq!(hours(&p, "at_depot", None), Some((5, Word::Rule)));
        assert_eq!(hours(&p, "accepted", None), Some((12, Word::Default)));
        assert_eq!(hours(&p, "customs", None), None);
        let off = of(&Learning { on: false, ..learning });
        assert_eq!(hours(&off, "in_transit", None), Some((24, Word::Default)));
        assert_eq!(hours(&off, "in_transit", Some("dpd")), Some((9, Word::Pinned)));
    }

    #[test]
    fn an_escalation_climbs_the_chain_and_stays_at_its_top() {
        let mut rules = HouseRules::usual("UTC");
        let at = |p: &Policy| [1, 2, 3, 4].map(|level| p.tier(level));
        let usual = Policy::new(rules.clone()).unwrap();
        assert_eq!(at(&usual), [Tier::Desk, Tier::Supervisor, Tier::Hq, Tier::Hq]);
        rules.escalate_to = vec![Tier::Supervisor];
        assert_eq!(at(&Policy::new(rules.clone()).unwrap()), [Tier::Supervisor; 4]);
        for wrong in [vec![], vec![Tier::Hq, Tier::Desk], vec![Tier::Desk; 6]] {
            rules.escalate_to = wrong;
            assert_eq!(Policy::new(rules.clone()).unwrap_err().0[0].pointer, "/escalate_to");
        }
        let old: HouseRules = serde_json::from_str(
            r#"{"opening":{"zone":"UTC","hours":"always"},"stale":[],"escalate_at":[100],"currency":"EUR"}"#,
        )
        .unwrap();
        assert_eq!(
            old.escalate_to,
            usual_chain(),
            "rules written before there was a chain have the usual one"
        );
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
