//! Who looks at a page, and how they read it: language, zone, numbers and times.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use fluent_bundle::FluentValue;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::words::{self, Words};
use serde::Serialize;

use crate::base::clock::Timestamp;
use crate::base::money::{Money, decimals};
use crate::base::said::said;
use crate::base::units::Grams;
use crate::deadlines::policy::Policy;
use crate::identity::auth::csrf_of;
use crate::identity::features::Feature;
use crate::identity::grant::{Principal, Scope};
use crate::journal::log::APPLIED;
use crate::notify::inbox;
use crate::settings::service as settings;
use crate::store::{DEPOT, StoreError};
use crate::web::App;
use crate::web::call::shown;

/// Who looks.
pub struct Viewer {
    /// Who it is; nobody before the log-in.
    pub principal: Option<Arc<Principal>>,
    /// The language.
    pub words: &'static Words,
    /// The depot's zone.
    pub zone: TimeZone,
    /// The depot's name; empty before the log-in.
    pub depot: String,
    /// Whether this is headquarters.
    pub is_hq: bool,
    /// What forms send to show that they are ours.
    pub csrf: String,
    /// The present moment.
    pub now: Timestamp,
    /// Where the page is, for the mark in the navigation.
    pub path: String,
    /// Notifications they have not read.
    pub unread: u64,
    /// The last entry of the log that the page can know of: where the stream of changes goes on behind it.
    pub upto: u64,
}

#[cfg(test)]
impl Viewer {
    /// Nobody in particular, who reads English.
    pub fn plain() -> Self {
        Self {
            principal: None,
            words: words::of("en"),
            zone: TimeZone::UTC,
            depot: String::new(),
            is_hq: false,
            csrf: String::new(),
            now: Timestamp::from_millis(1_795_255_200_000),
            path: "/".into(),
            unread: 0,
            upto: 0,
        }
    }
}

impl Viewer {
    /// Somebody who has not logged in.
    #[must_use]
    pub fn nobody(app: &App, req: &HttpRequest) -> Self {
        let accept = req.headers().get("accept-language").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let zone = TimeZone::get(&app.config.depot.zone).unwrap_or(TimeZone::UTC);
        Self {
            principal: None,
            words: words::asked_for(accept),
            zone,
            depot: String::new(),
            is_hq: app.sync.hq.is_some(),
            csrf: String::new(),
            now: app.clock.now(),
            path: req.path().to_owned(),
            unread: 0,
            upto: 0,
        }
    }

    /// `principal`.
    ///
    /// # Errors
    /// Storage failures.
    pub fn of(app: &App, req: &HttpRequest, principal: Arc<Principal>) -> Result<Self, StoreError> {
        let (zone, depot, unread, upto) = app.store.read::<_, StoreError>(principal.tenant, |tx| {
            let unread = inbox::unread_count(tx, principal.actor.user)?;
            let zone = Policy::current(tx)?.calendar.zone().clone();
            // Read before the page is: what comes in between is told of once more, and never not at all.
            let upto = tx.head(DEPOT, APPLIED)?.last;
            Ok((zone, settings::settings(tx)?.0.depot, unread, upto))
        })?;
        let csrf = shown(req).session.map(csrf_of).unwrap_or_default();
        let words = words::of(&principal.language);
        let nobody = Self::nobody(app, req);
        Ok(Self { words, zone, depot, csrf, unread, upto, principal: Some(principal), ..nobody })
    }

    /// Whether they may do `F`.
    #[must_use]
    pub fn may<F: Feature>(&self) -> bool {
        self.principal.as_ref().is_some_and(|p| p.features.contains::<F>())
    }

    /// Whether they may do what is called `feature`; the empty name is what everybody may.
    #[must_use]
    pub fn may_name(&self, feature: &str) -> bool {
        feature.is_empty() || self.principal.as_ref().is_some_and(|p| p.features.contains_name(feature))
    }

    /// Whether they see the records of the whole house.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.principal.as_ref().is_some_and(|p| p.scope == Scope::Tenant)
    }

    /// The text `key`.
    #[must_use]
    pub fn t(&self, key: &str) -> String {
        self.words.t(key)
    }

    /// The text `key` with what belongs into it.
    #[must_use]
    pub fn with(&self, key: &str, args: &[(&'static str, FluentValue<'_>)]) -> String {
        self.words.with(key, args)
    }

    /// The text `key` for so many; what is shown of the number has its groups set apart.
    #[must_use]
    pub fn count(&self, key: &str, n: u64) -> String {
        self.with(key, &[("n", FluentValue::from(n)), ("shown", self.number(n).into())])
    }

    /// `text`, a sentence that was made in English, as the reader reads it; marked as English where it has to stay so.
    #[must_use]
    pub fn say(&self, text: &str) -> Markup {
        match said(self.words.tag, text) {
            Some(said) => html! { (said) },
            None if self.words.tag == "en" || text.is_empty() => html! { (text) },
            None => html! { span lang="en" { (text) } },
        }
    }

    /// `text`, which may be a sentence of ours or what somebody wrote in any language, as the reader reads it.
    #[must_use]
    pub fn retold(&self, text: &str) -> String {
        said(self.words.tag, text).unwrap_or_else(|| text.to_owned())
    }

    /// The place a refusal points to, such as `/lines/3/pieces`: in words when each step of it has one, else as it is
    /// written. Rows are counted from one, as people do.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Markup {
        let step = |step: &str| match step.parse::<usize>() {
            Ok(n) => Some((n + 1).to_string()),
            Err(_) => said(self.words.tag, &format!("/{step}")),
        };
        let plain = pointer.trim_start_matches(['/', '?']);
        match plain.split('/').map(step).collect::<Option<Vec<_>>>() {
            Some(words) => html! { strong { (words.join(" ")) } },
            None => html! { code { (plain) } },
        }
    }

    /// The word for a value of ours, such as `status-` and `lost`; the value itself where there is none.
    #[must_use]
    pub fn word(&self, kind: &str, value: &str) -> String {
        let key = format!("{kind}-{value}");
        if self.words.has(&key) { self.t(&key) } else { value.replace(['_', '-'], " ") }
    }

    /// The word for a value whose name is how it is written in JSON.
    pub fn named<T: Serialize>(&self, kind: &str, value: T) -> String {
        let name = serde_json::to_value(value).ok().and_then(|n| n.as_str().map(str::to_owned));
        self.word(kind, name.as_deref().unwrap_or_default())
    }

    /// A whole number with its groups set apart.
    #[must_use]
    pub fn number(&self, n: u64) -> String {
        let digits = n.to_string();
        let mark = if self.words.tag == "en" { ',' } else { '.' };
        let mut out = String::with_capacity(digits.len() + digits.len() / 3);
        for (i, c) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                out.push(mark);
            }
            out.push(c);
        }
        out
    }

    /// A number that was written with a point.
    #[must_use]
    pub fn decimal(&self, text: &str) -> String {
        if self.words.tag == "en" { text.to_owned() } else { text.replace('.', ",") }
    }

    /// An amount with its currency.
    #[must_use]
    pub fn money(&self, m: &Money) -> String {
        let places = decimals(&m.currency);
        let unit = 10_u64.pow(places);
        let (whole, rest) = (m.minor.unsigned_abs() / unit, m.minor.unsigned_abs() % unit);
        let sign = if m.minor < 0 { "−" } else { "" };
        let point = if self.words.tag == "en" { "." } else { "," };
        let rest = match usize::try_from(places).unwrap_or(0) {
            0 => String::new(),
            width => format!("{point}{rest:0width$}"),
        };
        format!("{sign}{}{rest} {}", self.number(whole), m.currency)
    }

    /// A weight in kilograms.
    #[must_use]
    pub fn weight(&self, Grams(g): Grams) -> String {
        let kg = format!("{}.{:03}", g / 1000, g % 1000);
        format!("{} kg", self.decimal(kg.trim_end_matches('0').trim_end_matches('.')))
    }

    /// A day in the depot's zone.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> String {
        let local = at.civil(&self.zone);
        match self.words.tag {
            "en" => local.strftime("%-d %b %Y").to_string(),
            _ => local.strftime("%d/%m/%Y").to_string(),
        }
    }

    /// A calendar day, without the year when it is this.
    #[must_use]
    pub fn date(&self, day: Date) -> String {
        let same = day.year() == self.now.civil(&self.zone).year();
        let form = match (self.words.tag, same) {
            ("en", true) => "%-d %b",
            ("en", false) => "%-d %b %Y",
            (_, true) => "%d/%m",
            (_, false) => "%d/%m/%Y",
        };
        day.strftime(form).to_string()
    }

    /// A time of day in the depot's zone.
    #[must_use]
    pub fn clock(&self, at: Timestamp) -> String {
        at.civil(&self.zone).strftime("%H:%M").to_string()
    }

    /// A moment as a reader takes it in at a glance: the time alone when it is today, without the year when it is this.
    #[must_use]
    pub fn moment(&self, at: Timestamp) -> String {
        let (then, now) = (at.civil(&self.zone), self.now.civil(&self.zone));
        if then.date() == now.date() {
            return self.clock(at);
        }
        let day = match (then.year() == now.year(), self.words.tag) {
            (false, _) => self.day(at),
            (true, "en") => then.strftime("%-d %b").to_string(),
            (true, _) => then.strftime("%d/%m").to_string(),
        };
        format!("{day} {}", self.clock(at))
    }

    /// The same as an element that says the exact moment.
    #[must_use]
    pub fn time(&self, at: Timestamp) -> Markup {
        let full = format!("{} {}", self.day(at), self.clock(at));
        html! { time datetime=(at) title=(full) { (self.moment(at)) } }
    }

    /// A span in its largest unit: 45 min, 7 h, 12 d.
    #[must_use]
    pub fn span(&self, d: Duration) -> String {
        let minutes = d.as_secs() / 60;
        match minutes {
            0..=99 => format!("{minutes} min"),
            100..=2879 => format!("{} h", minutes / 60),
            _ => format!("{} d", self.number(minutes / 1440)),
        }
    }

    /// How long ago something was, as an element that says the exact moment.
    #[must_use]
    pub fn ago(&self, at: Timestamp) -> Markup {
        let full = format!("{} {}", self.day(at), self.clock(at));
        html! { time datetime=(at) title=(full) { (self.span(self.now.since(at))) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(tag: &str) -> Viewer {
        Viewer {
            principal: None,
            words: words::of(tag),
            zone: TimeZone::get("America/Sao_Paulo").unwrap(),
            depot: String::new(),
            is_hq: false,
            csrf: String::new(),
            now: Timestamp::from_millis(1_795_255_200_000),
            path: "/".into(),
            unread: 0,
            upto: 0,
        }
    }

    #[test]
    fn numbers_amounts_and_times_are_written_as_the_reader_writes_them() {
        let (en, pt) = (viewer("en"), viewer("pt-BR"));
        assert_eq!((en.number(1_234_567), pt.number(999)), ("1,234,567".into(), "999".into()));
        let money = Money { minor: -123_450, currency: "BRL".into() };
        assert_eq!((en.money(&money), pt.money(&money)), ("−1,234.50 BRL".into(), "−1.234,50 BRL".into()));
        assert_eq!((en.weight(Grams(1_250)), pt.weight(Grams(1_250))), ("1.25 kg".into(), "1,25 kg".into()));
        let yesterday = en.now.before(Duration::from_secs(86_400));
        assert_eq!((en.moment(en.now), pt.moment(yesterday)), ("07:00".into(), "20/11 07:00".into()));
        assert_eq!(en.moment(yesterday), "20 Nov 07:00");
        assert_eq!(en.moment(en.now.before(Duration::from_secs(86_400 * 400))), "17 Oct 2025 07:00");
        let spans = [59, 7_200, 86_400 * 3].map(|s| en.span(Duration::from_secs(s)));
        assert_eq!(spans, ["0 min", "2 h", "3 d"]);
    }
}
