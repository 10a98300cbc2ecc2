//! Reading and changing what a tenant sets. A revision of the settings is that of both records together, since they
//! show fields of both.

use super::model::{MAX_AUDIT_OFF, Settings, SettingsView, dock_id, learning_id, rules_id, settings_id};
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::text;
use crate::deadlines::dock::DockRules;
use crate::deadlines::learned::Learning;
use crate::deadlines::opening::OpeningTimes;
use crate::deadlines::policy::{HouseRules, Policy, REPLAN};
use crate::identity::features::{EditCalendars, EditRules, EditSettings};
use crate::identity::grant::Grant;
use crate::identity::model::LANGUAGES;
use crate::jobs::queue::{NewJob, enqueue};
use crate::journal::Cx;
use crate::journal::reference;
use crate::store::{Expect, ReadTx, Result, StoreError, WriteTx};

/// Why settings can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Something in them is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for SettingsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            Self::Store(_) => Vec::new(),
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Invalid(_) => None,
            Self::Store(e) => e.retry_after_s(),
        }
    }
}

/// The house rules and their revision; the usual ones at revision 0 when nobody set any.
///
/// # Errors
/// Storage failures.
pub fn rules(tx: &dyn ReadTx) -> Result<(HouseRules, u64)> {
    Ok(reference::get(tx, rules_id())?.unwrap_or_else(|| (HouseRules::usual("UTC"), 0)))
}

/// Sets the house rules as a whole.
///
/// # Errors
/// When they were changed since `seen` or don't make sense.
pub fn put_rules(
    tx: &mut dyn WriteTx,
    _: &Grant<EditRules>,
    cx: &Cx,
    new: HouseRules,
    seen: u64,
) -> std::result::Result<(HouseRules, u64), SettingsError> {
    let (_, rev) = rules(tx)?;
    current(seen, rev)?;
    let rev = keep_rules(tx, cx, &new)?;
    replan(tx, cx)?;
    Ok((new, rev))
}

/// Deadlines that were kept by the old rules are looked at anew.
fn replan(tx: &mut dyn WriteTx, cx: &Cx) -> Result<()> {
    enqueue(tx, cx.now, NewJob::new(REPLAN, &())?).map(drop)
}

/// What the tenant says of learned limits, and its revision; the usual at revision 0 when nobody said anything.
///
/// # Errors
/// Storage failures.
pub fn learning(tx: &dyn ReadTx) -> Result<(Learning, u64)> {
    Ok(reference::get(tx, learning_id())?.unwrap_or_default())
}

/// Says anew what is pinned and whether learned limits are used.
///
/// # Errors
/// When it was changed since `seen` or doesn't make sense.
pub fn put_learning(
    tx: &mut dyn WriteTx,
    _: &Grant<EditRules>,
    cx: &Cx,
    new: Learning,
    seen: u64,
) -> std::result::Result<u64, SettingsError> {
    current(seen, learning(tx)?.1)?;
    new.check()?;
    let rev = reference::set(tx, cx, learning_id(), Some(new))?.rev;
    replan(tx, cx)?;
    Ok(rev)
}

/// The rules of dock and counter and their revision; the usual ones at revision 0 when nobody set any.
///
/// # Errors
/// Storage failures.
pub fn dock(tx: &dyn ReadTx) -> Result<(DockRules, u64)> {
    Ok(reference::get(tx, dock_id())?.unwrap_or_default())
}

/// Sets the rules of dock and counter as a whole.
///
/// # Errors
/// When they were changed since `seen` or don't make sense.
pub fn put_dock(
    tx: &mut dyn WriteTx,
    _: &Grant<EditRules>,
    cx: &Cx,
    new: DockRules,
    seen: u64,
) -> std::result::Result<(DockRules, u64), SettingsError> {
    current(seen, dock(tx)?.1)?;
    new.check()?;
    let rev = reference::set(tx, cx, dock_id(), Some(new.clone()))?.rev;
    replan(tx, cx)?;
    Ok((new, rev))
}

/// Sets when the depot works.
///
/// # Errors
/// As [`put_rules`].
pub fn put_calendar(
    tx: &mut dyn WriteTx,
    _: &Grant<EditCalendars>,
    cx: &Cx,
    opening: OpeningTimes,
    seen: u64,
) -> std::result::Result<(OpeningTimes, u64), SettingsError> {
    let (old, rev) = rules(tx)?;
    current(seen, rev)?;
    opening.check()?;
    let rev = keep_rules(tx, cx, &HouseRules { opening: opening.clone(), ..old })?;
    replan(tx, cx)?;
    Ok((opening, rev))
}

/// The settings and their revision.
///
/// # Errors
/// Storage failures.
pub fn settings(tx: &dyn ReadTx) -> Result<(SettingsView, u64)> {
    let (rules, a) = rules(tx)?;
    let (settings, b) = stored(tx)?;
    let Settings { depot, language, audit_off } = settings;
    Ok((
        SettingsView { depot, zone: rules.opening.zone, language, currency: rules.currency, audit_off },
        a + b,
    ))
}

/// Sets the settings as a whole.
///
/// # Errors
/// When they were changed since `seen` or are wrong.
pub fn put_settings(
    tx: &mut dyn WriteTx,
    _: &Grant<EditSettings>,
    cx: &Cx,
    new: SettingsView,
    seen: u64,
) -> std::result::Result<(SettingsView, u64), SettingsError> {
    current(seen, settings(tx)?.1)?;
    check(&new)?;
    let SettingsView { depot, zone, language, currency, audit_off } = new;
    let (old, _) = rules(tx)?;
    let opening = OpeningTimes { zone, ..old.opening };
    let rules = HouseRules { opening, currency, ..old };
    // Here the zone stands at the top, not in the calendar.
    let at_top = |p: Problem| Problem { pointer: p.pointer.replace("/opening", ""), ..p };
    Policy::new(rules.clone()).map_err(|Invalid(p)| Invalid(p.into_iter().map(at_top).collect()))?;
    keep_rules(tx, cx, &rules)?;
    reference::set(tx, cx, settings_id(), Some(Settings { depot, language, audit_off }))?;
    Ok(settings(tx)?)
}

/// What a new tenant begins with.
///
/// # Errors
/// Storage failures.
pub fn furnish(tx: &mut dyn WriteTx, cx: &Cx, rules: HouseRules, settings: Settings) -> Result<()> {
    reference::set(tx, cx, rules_id(), Some(rules))?;
    reference::set(tx, cx, settings_id(), Some(settings)).map(drop)
}

fn stored(tx: &dyn ReadTx) -> Result<(Settings, u64)> {
    let none =
        || (Settings { depot: "Depot".into(), language: LANGUAGES[0].into(), audit_off: Vec::new() }, 0);
    Ok(reference::get(tx, settings_id())?.unwrap_or_else(none))
}

fn keep_rules(tx: &mut dyn WriteTx, cx: &Cx, new: &HouseRules) -> std::result::Result<u64, SettingsError> {
    Policy::new(new.clone())?;
    Ok(reference::set(tx, cx, rules_id(), Some(new.clone()))?.rev)
}

fn check(new: &SettingsView) -> std::result::Result<(), Invalid> {
    let mut wrong = Vec::new();
    wrong.extend(text::required("/depot", &new.depot, text::SHORT).err());
    if !LANGUAGES.contains(&&*new.language) {
        wrong.push(Problem::new("/language", format!("must be one of {}", LANGUAGES.join(", "))));
    }
    if new.audit_off.len() > MAX_AUDIT_OFF {
        wrong.push(Problem::new(
            "/audit_off",
            format!("has {} kinds; at most {MAX_AUDIT_OFF} are kept", new.audit_off.len()),
        ));
    }
    for (n, kind) in new.audit_off.iter().enumerate() {
        wrong.extend(text::required(&format!("/audit_off/{n}"), kind, text::SHORT).err());
    }
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
}

fn current(seen: u64, found: u64) -> Result<()> {
    if seen == found {
        Ok(())
    } else {
        Err(StoreError::Unexpected { coll: "settings", expected: Expect::Rev(seen), found: Some(found) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_kinds_go_unaudited_and_one_more_is_refused() {
        let of = |n: usize| SettingsView {
            depot: "North".into(),
            zone: "UTC".into(),
            language: "en".into(),
            currency: "EUR".into(),
            audit_off: (0..n).map(|n| format!("kind{n}")).collect(),
        };
        assert!(check(&of(MAX_AUDIT_OFF)).is_ok());
        assert_eq!(check(&of(MAX_AUDIT_OFF + 1)).unwrap_err().0[0].pointer, "/audit_off");
        let blank = SettingsView { depot: " ".into(), language: "xx".into(), ..of(0) };
        assert_eq!(check(&blank).unwrap_err().0.len(), 2);
    }
}
