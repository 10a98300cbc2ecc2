//! The two records: the house rules as every change reads them, and the settings beside them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit;
use crate::base::ids::Id;
use crate::deadlines::dock::DockRules;
use crate::deadlines::learned::Learning;
use crate::deadlines::policy::{HouseRules, Policy};
use crate::journal::Folded;
use crate::journal::reference::{Ref, Reference};
use crate::store::{Home, Result, Table, WriteTx};

/// Kinds of records whose audit a tenant can switch off.
pub const MAX_AUDIT_OFF: usize = 50;

/// House rules by their one id.
pub const RULES: Table<Id, Folded<Ref<HouseRules>>> = Table::new(12, "rules", Home::ById);
/// Settings by their one id.
pub const SETTINGS: Table<Id, Folded<Ref<Settings>>> = Table::new(13, "settings", Home::ById);

/// What the tenant says of learned limits, by its one id.
pub const LEARNING: Table<Id, Folded<Ref<Learning>>> = Table::new(117, "stale_learning", Home::ById);
/// The rules of dock and counter by their one id.
pub const DOCK: Table<Id, Folded<Ref<DockRules>>> = Table::new(118, "dock_rules", Home::ById);

/// Settings that are no rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The depot's name.
    pub depot: String,
    /// The language of screens and mails until a user chooses another.
    pub language: String,
    /// Kinds of records that are not audited.
    #[serde(default)]
    pub audit_off: Vec<String>,
}

/// All settings as they are shown and written; zone and currency are the house rules'.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsView {
    /// The depot's name.
    pub depot: String,
    /// The time zone, an IANA name.
    pub zone: String,
    /// The language of screens and mails until a user chooses another: en, pt-BR or es.
    pub language: String,
    /// The currency of amounts that carry none, ISO 4217.
    pub currency: String,
    /// Kinds of records that are not audited; identity, settings and money always are.
    #[serde(default)]
    pub audit_off: Vec<String>,
}

/// The one id of a tenant's house rules, the same at every site.
#[must_use]
pub fn rules_id() -> Id {
    Id::derived(&[b"house rules"])
}

/// The one id of a tenant's settings.
#[must_use]
pub fn settings_id() -> Id {
    Id::derived(&[b"settings"])
}

impl Reference for HouseRules {
    const NAME: &'static str = "rules";
    const KIND: u16 = 0x150;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &RULES;

    fn follow(tx: &mut dyn WriteTx, _: Id, _: Option<&Self>, new: Option<&Self>) -> Result<()> {
        match new {
            Some(rules) => Policy::keep(tx, rules),
            None => Policy::keep(tx, &Self::usual("UTC")),
        }
    }
}

/// The one id of a tenant's word on learned limits.
#[must_use]
pub fn learning_id() -> Id {
    Id::derived(&[b"stale learning"])
}

/// The one id of a tenant's rules of dock and counter.
#[must_use]
pub fn dock_id() -> Id {
    Id::derived(&[b"dock rules"])
}

impl Reference for Learning {
    const NAME: &'static str = "stale_learning";
    const KIND: u16 = 0x174;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &LEARNING;

    fn follow(tx: &mut dyn WriteTx, _: Id, _: Option<&Self>, new: Option<&Self>) -> Result<()> {
        Policy::keep_learning(tx, new.cloned().unwrap_or_default())
    }
}

impl Reference for DockRules {
    const NAME: &'static str = "dock_rules";
    const KIND: u16 = 0x175;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &DOCK;

    fn follow(tx: &mut dyn WriteTx, _: Id, _: Option<&Self>, new: Option<&Self>) -> Result<()> {
        Policy::keep_dock(tx, new.cloned().unwrap_or_default())
    }
}

impl Reference for Settings {
    const NAME: &'static str = "settings";
    const KIND: u16 = 0x160;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &SETTINGS;

    fn follow(tx: &mut dyn WriteTx, _: Id, _: Option<&Self>, new: Option<&Self>) -> Result<()> {
        let kinds = new.map(|s| s.audit_off.clone()).unwrap_or_default();
        audit::OFF.put(tx, "off", &audit::Off { kinds }).map(drop)
    }
}
