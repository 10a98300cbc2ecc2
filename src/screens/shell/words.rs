//! What screens say, in the languages of the depot's people. English comes first and is what a missing text falls back
//! to; a test sees that none is missing.

use std::borrow::Cow;

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use crate::identity::model::LANGUAGES;

#[derive(rust_embed::Embed)]
#[folder = "src/screens/i18n"]
struct Texts;

/// The texts of one language.
pub struct Words {
    /// Its tag, such as `pt-BR`.
    pub tag: &'static str,
    bundle: FluentBundle<FluentResource>,
}

static ALL: LazyLock<Vec<Words>> = LazyLock::new(|| LANGUAGES.iter().map(|tag| Words::load(tag)).collect());

/// The texts for a reader of `tag`; English where there are none.
#[must_use]
pub fn of(tag: &str) -> &'static Words {
    let all = &*ALL;
    all.iter().find(|w| w.tag == tag).unwrap_or(&all[0])
}

/// The language a browser asks for that we have, the first of its list that fits.
#[must_use]
pub fn asked_for(accept: &str) -> &'static Words {
    let wanted = accept.split(',').filter_map(|part| part.split(';').next()).map(str::trim);
    let fits = |tag: &str| {
        let first = tag.split('-').next().unwrap_or_default();
        LANGUAGES.iter().find(|ours| {
            ours.eq_ignore_ascii_case(tag)
                || ours.split('-').next().is_some_and(|o| o.eq_ignore_ascii_case(first))
        })
    };
    wanted.filter(|t| !t.is_empty()).find_map(fits).map_or_else(|| of(LANGUAGES[0]), |tag| of(tag))
}

impl Words {
    fn load(tag: &'static str) -> Self {
        let mut bundle = FluentBundle::new_concurrent(tag.parse().into_iter().collect());
        // Marks around what is put in would end in titles and values; names of parcels are set apart by markup.
        bundle.set_use_isolating(false);
        let text = Texts::get(&format!("{tag}.ftl")).map(|f| f.data.into_owned()).unwrap_or_default();
        // What can't be read is passed over here and found by the test.
        let text = String::from_utf8_lossy(&text).into_owned();
        let resource = FluentResource::try_new(text).unwrap_or_else(|(good, _)| good);
        let _ = bundle.add_resource(resource);
        Self { tag, bundle }
    }

    /// Whether there is a text `key`.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }

    /// The text `key`.
    #[must_use]
    pub fn t(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// The text `key` with what belongs into it.
    #[must_use]
    pub fn with(&self, key: &str, args: &[(&'static str, FluentValue<'_>)]) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|m| m.value()) else {
            let english = &ALL[0];
            return if self.tag == english.tag { key.to_owned() } else { english.with(key, args) };
        };
        let mut given = FluentArgs::new();
        for (name, value) in args {
            given.set(Cow::Borrowed(*name), value.clone());
        }
        self.bundle.format_pattern(pattern, Some(&given), &mut Vec::new()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

    use crate::cases::model::AnswerKind;
    use crate::cases::reasons::{Fault, Reason};
    use crate::cases::rules::{Resolution, State, Step};
    use crate::identity::roles;
    use crate::manifests::model::Difference;
    use crate::parcels::model::Status;
    use crate::reports::dimension::Dimension;
    use crate::reports::measure::Measure;
    use crate::reports::model::Kind;

    /// Letters of the longest text that may be the same in two languages, such as "Supervisor".
    const SAME: usize = 12;

    fn variables(pattern: &Pattern<&str>, out: &mut BTreeSet<String>) {
        for element in &pattern.elements {
            let PatternElement::Placeable { expression } = element else { continue };
            let inline = |e: &InlineExpression<&str>, out: &mut BTreeSet<String>| {
                if let InlineExpression::VariableReference { id } = e {
                    out.insert(id.name.to_owned());
                }
            };
            match expression {
                Expression::Inline(e) => inline(e, out),
                Expression::Select { selector, variants } => {
                    inline(selector, out);
                    variants.iter().for_each(|v| variables(&v.value, out));
                }
            }
        }
    }

    /// What is written in a pattern, without what is put in.
    fn written(pattern: &Pattern<&str>, out: &mut String) {
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => out.push_str(value),
                PatternElement::Placeable { expression: Expression::Select { variants, .. } } => {
                    variants.iter().for_each(|v| written(&v.value, out));
                }
                PatternElement::Placeable { expression: Expression::Inline(_) } => {}
            }
        }
    }

    type Said = BTreeMap<String, (String, BTreeSet<String>)>;

    fn texts(tag: &str) -> Said {
        let bytes = Texts::get(&format!("{tag}.ftl")).unwrap().data.into_owned();
        let text = String::from_utf8(bytes).unwrap();
        let read = fluent_syntax::parser::parse(text.as_str());
        let read = read.unwrap_or_else(|(_, wrong)| panic!("{tag}.ftl: {wrong:?}"));
        let mut all = Said::new();
        for entry in &read.body {
            let Entry::Message(m) = entry else { continue };
            let value = m.value.as_ref().unwrap_or_else(|| panic!("{tag}: {} is empty", m.id.name));
            let mut needs = BTreeSet::new();
            variables(value, &mut needs);
            let mut said = String::new();
            written(value, &mut said);
            let twice = all.insert(m.id.name.to_owned(), (said, needs));
            assert!(twice.is_none(), "{tag}: {} stands twice", m.id.name);
        }
        all
    }

    /// Keys that are put together from a word of ours.
    fn made() -> BTreeSet<String> {
        let name = |v: serde_json::Value| v.as_str().unwrap_or_default().to_owned();
        let mut all: BTreeSet<String> = Status::ALL.iter().map(|s| format!("status-{s}")).collect();
        all.extend(Reason::ALL.iter().map(|r| format!("reason-{}", r.code())));
        all.extend(State::ALL.iter().map(|s| format!("case-state-{s}")));
        all.extend(Step::ALL.iter().map(|s| format!("case-step-{s}")));
        all.extend(
            Resolution::ALL.iter().map(|r| format!("resolution-{}", name(serde_json::to_value(r).unwrap()))),
        );
        all.extend(Fault::ALL.iter().map(|f| format!("fault-{}", name(serde_json::to_value(f).unwrap()))));
        all.extend(
            AnswerKind::ALL.iter().map(|a| format!("answer-{}", name(serde_json::to_value(a).unwrap()))),
        );
        all.extend(roles::NAMES.iter().chain(["system"].iter()).map(|r| format!("role-{r}")));
        all.extend(air());
        all.extend(crate::deliveries::model::Status::ALL.iter().map(|s| format!("delivery-state-{s}")));
        all.extend(crate::deliveries::rules::REASONS.iter().map(|r| format!("reason-{}", r.code)));
        let proofs = ["name", "signature", "photo", "code", "scan"].map(|k| format!("proof-{k}"));
        let priorities = ["low", "normal", "high", "urgent"].map(|p| format!("priority-{p}"));
        let moves = ["receipt", "reserve", "release", "ship", "return", "adjust", "count"];
        let orders = crate::orders::model::Status::ALL;
        all.extend(orders.iter().flat_map(|s| [format!("order-state-{s}"), format!("order-step-{s}")]));
        all.extend(proofs.into_iter().chain(priorities).chain(moves.map(|m| format!("stock-{m}"))));
        all.extend(Measure::ALL.iter().map(|m| format!("measure-{}", m.code())));
        all.extend(Dimension::ALL.iter().map(|d| format!("by-{}", d.as_str())));
        all.extend(Kind::ALL.iter().map(|k| format!("report-{}", k.as_str())));
        all.extend(Kind::ALL.iter().map(|k| format!("report-about-{}", k.as_str())));
        all.extend(Difference::ALL.iter().map(|d| format!("difference-{}", d.as_str())));
        let few = [
            ("manifest", "announced late unloading unloaded cancelled"),
            ("manifest-kind", "truck flight distributor"),
            ("part", "median p90"),
            ("basis", "created delivered promised closed"),
            ("schedule", "never daily weekly monthly"),
            ("weekday", "monday tuesday wednesday thursday friday saturday sunday"),
            (
                "group",
                "address recipient payment customs handling transport external data security operation",
            ),
            ("desk", "clerk return_desk dispatcher linehaul_desk accounts broker supervisor operator"),
            ("route", "planned dispatched completed cancelled deleted"),
            ("route-goal", "both distance time fuel"),
            ("act", "deliver collect fetch drop reload pause"),
            ("travel", "map_server cached own_map estimated"),
            ("lack", "skills capacity windows shift route_time route_distance stops not_worth"),
            ("accuracy", "exact street postcode city"),
            ("place", "given hand remembered file"),
            ("fleet-priority", "low normal high urgent"),
            ("privacy-kind", "parcel delivery order mawb hawb case attachment place route driver customer"),
            ("privacy-role", "recipient sender customer shipper consignee driver address texts content"),
        ];
        let few = few.iter().flat_map(|(kind, all)| all.split(' ').map(move |w| format!("{kind}-{w}")));
        all.extend(few);
        all
    }

    /// The words of air freight.
    fn air() -> BTreeSet<String> {
        use crate::attachments::model::FILE_TYPES;
        use crate::freight::board::Kind;
        use crate::freight::codes::Code;
        use crate::freight::model::State;
        let moments = ["eta", "arrived", "received", "delivered", "hold_start", "lfd_end", "detention_end"];
        let days = ["lfd", "detention"];
        let guards = ["step", "number_ok", "files", "entry_number", "event", "counted", "isc_paid"];
        let more = ["customs_released", "pickup_booked", "delivered", "units_returned", "bills_settled"];
        let bills = ["isc", "storage", "detention", "freight", "customs", "other"];
        let alarms = ["late_flight", "not_counted", "storage_running", "unit_out"];
        let forms = ["hours", "on_day", "working_days", "each"];
        let actions = ["mail_consignee", "mail_role", "task", "label", "status", "webhook"];
        let of = |kind: &'static str, names: Vec<&'static str>| {
            names.into_iter().map(move |name| format!("{kind}-{name}"))
        };
        of("air-state", State::ALL.iter().map(|s| s.as_str()).collect())
            .chain(of("clock", Kind::ALL.iter().map(|k| k.as_str()).collect()))
            .chain(of("fsu", Code::ALL.iter().map(|c| c.as_str()).collect()))
            .chain(of("file", FILE_TYPES.iter().map(|t| t.code).collect()))
            .chain(of("moment", moments.into_iter().chain(days).collect()))
            .chain(of("guard", guards.into_iter().chain(more).collect()))
            .chain(of("bill", bills.to_vec()))
            .chain(of("alarm", alarms.to_vec()))
            .chain(of("when-form", forms.to_vec()))
            .chain(of("action", actions.to_vec()))
            .collect()
    }

    fn sources() -> String {
        fn walk(folder: &std::path::Path, out: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, out);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    out.push_str(&std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut text = String::new();
        walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/screens"), &mut text);
        text
    }

    #[test]
    fn every_text_is_there_in_every_language_and_says_what_it_is_given() {
        let english = texts(LANGUAGES[0]);
        for tag in &LANGUAGES[1..] {
            let other = texts(tag);
            let keys = |said: &Said| said.keys().cloned().collect::<BTreeSet<_>>();
            let odd: Vec<_> = keys(&english).symmetric_difference(&keys(&other)).cloned().collect();
            assert!(odd.is_empty(), "not in both en and {tag}: {odd:?}");
            let mut same = Vec::new();
            for (key, (said, needs)) in &english {
                assert_eq!(needs, &other[key].1, "{tag}: {key} says something else of what it is given");
                if *said == other[key].0 && said.len() > SAME {
                    same.push(key);
                }
            }
            assert!(same.is_empty(), "{tag} is not translated: {same:?}");
        }
    }

    #[test]
    fn no_text_is_missing_and_none_is_unused() {
        let (english, sources, made) = (texts(LANGUAGES[0]), sources(), made());
        let missing: Vec<_> = made.iter().filter(|k| !english.contains_key(*k)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let quoted: BTreeSet<&str> = sources.split('"').collect();
        let unused: Vec<_> =
            english.keys().filter(|k| !made.contains(*k) && !quoted.contains(k.as_str())).collect();
        assert!(unused.is_empty(), "{unused:?}");
        let asked = sources.split(".t(\"").skip(1).chain(sources.split(".with(\"").skip(1));
        let asked = asked.filter_map(|rest| rest.split('"').next());
        let missing: BTreeSet<&str> = asked.filter(|k| !english.contains_key(*k)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn what_was_made_in_english_is_said_in_all_our_languages_and_so_is_every_right() {
        use crate::base::said::{OTHERS, said};
        assert_eq!(LANGUAGES[0], "en");
        assert_eq!(LANGUAGES[1..], OTHERS);
        for (tag, right) in
            OTHERS.iter().flat_map(|t| crate::identity::features::ALL.iter().map(move |f| (t, f)))
        {
            assert!(said(tag, right.about).is_some(), "{tag}: {}", right.about);
        }
    }

    #[test]
    fn a_browser_gets_the_first_language_it_asks_for_that_we_have() {
        for (asked, ours) in [
            ("pt,en;q=0.5", "pt-BR"),
            ("de-DE,es-MX;q=0.9,en;q=0.8", "es"),
            ("", "en"),
            ("xx", "en"),
            ("en-GB", "en"),
        ] {
            assert_eq!(asked_for(asked).tag, ours, "{asked}");
        }
    }
}
