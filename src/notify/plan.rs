//! Who is told of what, and when: the house's plan, and what each user wants for themselves.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::templates::Topic;
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::cases::reasons::Group;
use crate::first_record;
use crate::jobs::schedule::{MAX_EVERY_MINUTES, Schedule};
use crate::journal::Folded;
use crate::journal::reference::{self, Ref, Reference};
use crate::store::{Home, ReadTx, Result, Table, WriteTx};

/// Roles one topic can name.
pub const MAX_ROLES: usize = 50;

/// When nobody is written to; what is for them then waits until it is over. On the wall clock of the depot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// From this minute of the day, 0 to 1439.
    pub from: u16,
    /// To this minute; earlier than `from` it lies in the next day.
    pub to: u16,
}

impl Quiet {
    /// When the quiet that holds at `now` ends; none when it does not hold.
    #[must_use]
    pub fn until(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = now.civil(zone);
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        let (today, over_midnight) = (local.date(), self.to <= self.from);
        let holds = match over_midnight {
            false => (self.from..self.to).contains(&minute),
            true => minute >= self.from || minute < self.to,
        };
        let day = if over_midnight && minute >= self.from { today.tomorrow().ok()? } else { today };
        let (hour, rest) = (i8::try_from(self.to / 60).ok()?, i8::try_from(self.to % 60).ok()?);
        let end = zone.to_ambiguous_timestamp(day.at(hour, rest, 0, 0)).compatible().ok()?;
        holds.then(|| Timestamp::from(end))
    }

    fn check(self, at: &str) -> Option<Problem> {
        let wrong = self.from > 1_439 || self.to > 1_439 || self.from == self.to;
        wrong.then(|| Problem::new(at, "needs two different minutes of a day, 0 to 1439"))
    }
}

/// Who is told of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audience {
    /// Only users of these roles; of any role when there is none. They need the feature `alerts.receive` all the same.
    pub roles: Vec<String>,
    /// Only of reasons of these groups; of all when there is none.
    pub groups: Vec<Group>,
}

/// The house's plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// By topic; everybody who may is told of a topic that is missing.
    #[schema(value_type = Object)]
    pub topics: BTreeMap<Topic, Audience>,
    /// When nobody is written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
}

impl Plan {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// Names each place that is wrong.
    pub fn check(&self) -> std::result::Result<(), Invalid> {
        let mut wrong: Vec<Problem> = self.quiet.and_then(|q| q.check("/quiet")).into_iter().collect();
        for (topic, told) in &self.topics {
            let at = format!("/topics/{}/roles", topic.as_str());
            if told.roles.len() > MAX_ROLES {
                wrong.push(Problem::new(
                    &*at,
                    format!("names {} roles; at most {MAX_ROLES}", told.roles.len()),
                ));
            }
            for (n, role) in told.roles.iter().enumerate() {
                wrong.extend(text::required(&format!("{at}/{n}"), role, text::SHORT).err());
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }

    /// Whether somebody of `role` is told of `topic` at all.
    #[must_use]
    pub fn tells_role(&self, topic: Topic, role: &str) -> bool {
        let told = self.topics.get(&topic).map(|told| &told.roles);
        told.is_none_or(|roles| roles.is_empty() || roles.iter().any(|r| r == role))
    }

    /// Whether somebody of `role` is told of `topic` when it is about a reason of `group`.
    #[must_use]
    pub fn tells(&self, topic: Topic, role: &str, group: Group) -> bool {
        let groups = self.topics.get(&topic).map(|told| &told.groups);
        self.tells_role(topic, role) && groups.is_none_or(|g| g.is_empty() || g.contains(&group))
    }
}

/// The tenant's plan by its one id.
pub const PLANS: Table<Id, Folded<Ref<Plan>>> = Table::new(135, "alert_plan", Home::ById);

impl Reference for Plan {
    const NAME: &'static str = "alert_plan";
    const KIND: u16 = 0x17d;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &PLANS;
}

/// The one id of a tenant's plan, the same at every site.
#[must_use]
pub fn plan_id() -> Id {
    Id::derived(&[b"alert plan"])
}

/// The plan and its revision; the usual one at revision 0.
///
/// # Errors
/// Storage failures.
pub fn plan(tx: &dyn ReadTx) -> Result<(Plan, u64)> {
    Ok(reference::get(tx, plan_id())?.unwrap_or_default())
}

/// What a user wants for themselves. It stays at this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Wishes {
    /// Whether they are written to at all; on the screen they are told in any case.
    pub mail: bool,
    /// Whether they are written to by text message where there is a number of theirs; with mail in its place when that
    /// can't be.
    #[serde(skip_serializing_if = "is_not")]
    pub sms: bool,
    /// Topics they are not written to about.
    pub off: Vec<Topic>,
    /// When they are not written to, in place of the house's hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// One mail for so many minutes at the most; at once when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_minutes: Option<u32>,
}
first_record!(Wishes);

fn is_not(b: &bool) -> bool {
    !b
}

impl Default for Wishes {
    fn default() -> Self {
        Self { mail: true, sms: false, off: Vec::new(), quiet: None, digest_minutes: None }
    }
}

/// When somebody is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Not at all.
    Never,
    /// At once.
    Now,
    /// Then, with all that comes until then.
    At(Timestamp),
}

impl Wishes {
    /// Whether they can be kept.
    ///
    /// # Errors
    /// Names each place that is wrong.
    pub fn check(&self) -> std::result::Result<(), Invalid> {
        let mut wrong: Vec<Problem> = self.quiet.and_then(|q| q.check("/quiet")).into_iter().collect();
        if self.digest_minutes.is_some_and(|n| !(1..=MAX_EVERY_MINUTES).contains(&n)) {
            wrong.push(Problem::new("/digest_minutes", format!("must lie in 1..{MAX_EVERY_MINUTES}")));
        }
        if self.off.len() > Topic::ALL.len() {
            wrong.push(Problem::new("/off", "names a topic twice"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }

    /// When they are written to of something that comes `now`, under the house's `quiet`.
    #[must_use]
    pub fn when(&self, topic: Topic, quiet: Option<Quiet>, now: Timestamp, zone: &TimeZone) -> When {
        if !(self.mail || self.sms) || self.off.contains(&topic) {
            return When::Never;
        }
        let gathered = self.digest_minutes.map(|n| Schedule::EveryMinutes(n).next_after(zone, now));
        let at = gathered.unwrap_or(now);
        match (self.quiet.or(quiet).and_then(|q| q.until(at, zone)), gathered) {
            (Some(end), _) => When::At(end),
            (None, Some(at)) => When::At(at),
            (None, None) => When::Now,
        }
    }
}

/// Wishes by user.
pub const WISHES: Table<Id, Wishes> = Table::new(137, "alert_wishes", Home::Local);

/// What `user` wants.
///
/// # Errors
/// Storage failures.
pub fn wishes(tx: &dyn ReadTx, user: Id) -> Result<Wishes> {
    Ok(WISHES.get(tx, &user)?.unwrap_or_default())
}

/// Keeps what `user` wants.
///
/// # Errors
/// Storage failures.
pub fn want(tx: &mut dyn WriteTx, user: Id, wishes: &Wishes) -> Result<()> {
    WISHES.put(tx, &user, wishes).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text, &berlin()).unwrap()
    }

    #[test]
    fn quiet_hours_end_on_the_wall_clock_whatever_the_clocks_do() {
        let night = Quiet { from: 22 * 60, to: 6 * 60 };
        let until = |text: &str| night.until(at(text), &berlin());
        assert_eq!(until("2026-11-21T21:59"), None);
        assert_eq!(until("2026-11-21T22:00"), Some(at("2026-11-22T06:00")));
        assert_eq!(until("2026-11-22T05:59"), Some(at("2026-11-22T06:00")));
        assert_eq!(until("2026-11-22T06:00"), None);
        let night_of_change = until("2026-03-28T23:00").unwrap();
        assert_eq!(night_of_change.since(at("2026-03-28T23:00")).as_secs(), 6 * 3_600);
        let gap = Quiet { from: 60, to: 150 }; // half past two is skipped
        assert_eq!(gap.until(at("2026-03-29T01:30"), &berlin()), Some(at("2026-03-29T03:30")));
        let noon = Quiet { from: 720, to: 780 };
        assert_eq!(noon.until(at("2026-11-21T12:30"), &berlin()), Some(at("2026-11-21T13:00")));
        assert_eq!(noon.until(at("2026-11-21T13:00"), &berlin()), None);
    }

    #[test]
    fn what_a_user_wants_holds_before_what_the_house_says() {
        let (now, topic) = (at("2026-11-21T23:00"), Topic::NewCases);
        let night = Some(Quiet { from: 22 * 60, to: 6 * 60 });
        let when = |w: Wishes| w.when(topic, night, now, &berlin());
        assert_eq!(when(Wishes::default()), When::At(at("2026-11-22T06:00")));
        assert_eq!(Wishes::default().when(topic, None, now, &berlin()), When::Now);
        let day = Some(Quiet { from: 8 * 60, to: 9 * 60 });
        assert_eq!(when(Wishes { quiet: day, ..Wishes::default() }), When::Now);
        assert_eq!(when(Wishes { mail: false, ..Wishes::default() }), When::Never);
        assert_eq!(when(Wishes { off: vec![topic], ..Wishes::default() }), When::Never);
        let hourly = Wishes { quiet: day, digest_minutes: Some(60), ..Wishes::default() };
        assert_eq!(
            hourly.when(topic, None, at("2026-11-21T23:10"), &berlin()),
            When::At(at("2026-11-22T00:00"))
        );
    }

    #[test]
    fn a_plan_names_roles_and_groups_but_not_too_many() {
        let told = |n: usize| Audience { roles: vec!["clerk".into(); n], groups: vec![Group::Security] };
        let plan = |n| Plan { topics: [(Topic::NewCases, told(n))].into(), quiet: None };
        assert!(plan(MAX_ROLES).check().is_ok());
        assert!(plan(MAX_ROLES + 1).check().is_err());
        assert!(Plan { quiet: Some(Quiet { from: 1_440, to: 0 }), ..Plan::default() }.check().is_err());
        let p = plan(1);
        assert!(p.tells(Topic::NewCases, "clerk", Group::Security));
        assert!(
            !p.tells(Topic::NewCases, "clerk", Group::Address)
                && !p.tells(Topic::NewCases, "admin", Group::Security)
        );
        assert!(p.tells(Topic::Escalated, "admin", Group::Address));
    }
}
