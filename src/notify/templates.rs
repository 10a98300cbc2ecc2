//! What we write to people: a subject and a text for each topic and language, shipped and editable by the tenant.
//!
//! A template may show values, choose and repeat (`{{ … }}`, `if`, `for`), and nothing else: it can't name another file,
//! keep variables or build texts out of texts, so what it costs is bounded by its size, its steps and what it writes.

use std::io;

use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::steps::{self, Step};
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::model::LANGUAGES;
use crate::journal::Folded;
use crate::journal::reference::{self, Ref, Reference};
use crate::store::{Home, ReadTx, Result, Table};

/// Bytes of a template's text; its subject has [`text::SHORT`].
pub const MAX_SOURCE: usize = 8 * 1024;
/// Steps one rendering may take.
const FUEL: u64 = 50_000;
/// Bytes one rendering may write.
pub const MAX_OUTPUT: usize = 32 * 1024;
/// Statements a template may use.
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// What people are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum Topic {
    /// New cases, gathered.
    #[serde(rename = "cases.new")]
    NewCases,
    /// Cases nobody began in time.
    #[serde(rename = "cases.escalated")]
    Escalated,
    /// A delivery was given to somebody, taken from them, or moved on.
    #[serde(rename = "deliveries.changed")]
    Delivery,
    /// The same, to whom it is brought.
    #[serde(rename = "deliveries.recipient")]
    Recipient,
    /// An order moved on, to who ordered.
    #[serde(rename = "orders.customer")]
    Customer,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 5] =
        [Self::NewCases, Self::Escalated, Self::Delivery, Self::Recipient, Self::Customer];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewCases => "cases.new",
            Self::Escalated => "cases.escalated",
            Self::Delivery => "deliveries.changed",
            Self::Recipient => "deliveries.recipient",
            Self::Customer => "orders.customer",
        }
    }

    /// The topic of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == name)
    }
}

/// A template as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// A template of the tenant's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Of what.
    pub topic: Topic,
    /// In which language.
    pub language: String,
    /// What it says.
    pub words: Words,
}

/// The tenant's templates.
pub const TEMPLATES: Table<Id, Folded<Ref<Template>>> = Table::new(134, "templates", Home::ById);

impl Reference for Template {
    const NAME: &'static str = "template";
    const KIND: u16 = 0x17c;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &TEMPLATES;
}

/// The one id of a template, the same at every site.
#[must_use]
pub fn id(topic: Topic, language: &str) -> Id {
    Id::derived(&[b"template", topic.as_str().as_bytes(), language.as_bytes()])
}

/// The language we speak that is nearest to `tag`.
#[must_use]
pub fn spoken(tag: &str) -> &'static str {
    let family = |t: &str| t.split('-').next().unwrap_or_default().to_ascii_lowercase();
    LANGUAGES.into_iter().find(|l| family(l) == family(tag)).unwrap_or(LANGUAGES[0])
}

/// The tenant's own words, if it has any, and their revision.
///
/// # Errors
/// Storage failures.
pub fn own(tx: &dyn ReadTx, topic: Topic, language: &str) -> Result<Option<(Words, u64)>> {
    let found = reference::get::<Template>(tx, id(topic, language))?;
    Ok(found.map(|(t, rev)| (t.words, rev)))
}

const LINES: &str = "{% for c in cases %}{{ c.label }}  {{ c.reason }}{% if c.detail %}  {{ c.detail }}{% endif %}\n{% endfor %}";

/// The words that are shipped.
#[must_use]
pub fn shipped(topic: Topic, language: &str) -> Words {
    if let Some(words) = steps::shipped(topic, spoken(language)) {
        return words;
    }
    let (subject, more) = match (topic, spoken(language)) {
        (Topic::NewCases, "pt-BR") => {
            ("{{ count }} {% if count == 1 %}caso novo{% else %}casos novos{% endif %}", "e mais {{ more }}")
        }
        (Topic::NewCases, "es") => {
            ("{{ count }} {% if count == 1 %}caso nuevo{% else %}casos nuevos{% endif %}", "y {{ more }} más")
        }
        (Topic::NewCases, _) => {
            ("{{ count }} new {% if count == 1 %}case{% else %}cases{% endif %}", "and {{ more }} more")
        }
        (Topic::Escalated, "pt-BR") => (
            "{{ count }} {% if count == 1 %}caso sem atendimento{% else %}casos sem atendimento{% endif %}",
            "e mais {{ more }}",
        ),
        (Topic::Escalated, "es") => (
            "{{ count }} {% if count == 1 %}caso sin atender{% else %}casos sin atender{% endif %}",
            "y {{ more }} más",
        ),
        (_, _) => (
            "{{ count }} {% if count == 1 %}case{% else %}cases{% endif %} nobody has begun",
            "and {{ more }} more",
        ),
    };
    let text = format!("{{{{ subject }}}}\n\n{LINES}{{% if more %}}{more}\n{{% endif %}}\n{{{{ link }}}}\n");
    Words { subject: subject.to_owned(), text }
}

/// The words that hold: the tenant's own, else those that are shipped.
///
/// # Errors
/// Storage failures.
pub fn current(tx: &dyn ReadTx, topic: Topic, language: &str) -> Result<Words> {
    let language = spoken(language);
    Ok(own(tx, topic, language)?.map_or_else(|| shipped(topic, language), |(words, _)| words))
}

/// One case as a template sees it.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is about.
    pub label: String,
    /// Why.
    pub reason: String,
    /// In words, one line.
    pub detail: String,
    /// Whose it is.
    pub distributor: String,
}

/// What a template can show.
#[derive(Clone, Debug)]
pub enum Shown {
    /// Cases.
    Cases(Cases),
    /// A step of a delivery or an order.
    Step(Step),
}

/// Cases as a template sees them.
#[derive(Clone, Debug)]
pub struct Cases {
    /// How many cases.
    pub count: u64,
    /// The first of them.
    pub cases: Vec<Line>,
    /// Where to look.
    pub link: String,
}

impl Shown {
    /// Something invented of `topic`, for a preview.
    #[must_use]
    pub fn sample(topic: Topic) -> Self {
        if !matches!(topic, Topic::NewCases | Topic::Escalated) {
            return Self::Step(Step::sample(topic));
        }
        let line = |label: &str, reason: &str, detail: &str| Line {
            label: label.into(),
            reason: reason.into(),
            detail: detail.into(),
            distributor: "bar".into(),
        };
        let cases = vec![
            line("RR123456785NL", "damaged", "wet and torn"),
            line("RR473124829NL", "address_incomplete", ""),
        ];
        Self::Cases(Cases { count: 5, cases, link: "/cases".into() })
    }

    fn value(&self, subject: &str) -> Value {
        match self {
            Self::Cases(cases) => cases.value(subject),
            Self::Step(step) => step.value(subject),
        }
    }
}

impl Cases {
    fn value(&self, subject: &str) -> Value {
        let more = self.count.saturating_sub(self.cases.len() as u64);
        let line = |c: &Line| {
            context! {
                label => c.label.clone(),
                reason => c.reason.clone(),
                detail => c.detail.clone(),
                distributor => c.distributor.clone(),
            }
        };
        let cases: Value = self.cases.iter().map(line).collect();
        context! {
            count => self.count,
            more => more,
            link => self.link.clone(),
            cases => cases,
            subject => subject.to_owned(),
        }
    }
}

/// What was made of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rendered {
    /// The subject, one line.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Takes what is written as long as there is room.
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other(format!("it writes more than {MAX_OUTPUT} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn render_one(source: &str, value: Value) -> std::result::Result<String, String> {
    let mut env = Environment::empty();
    env.set_fuel(Some(FUEL));
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    let said = |e: minijinja::Error| {
        let cause = std::error::Error::source(&e).map_or_else(String::new, |c| format!(": {c}"));
        format!("{e}{cause}")
    };
    let mut out = Capped(Vec::new());
    env.template_from_str(source)
        .and_then(|t| t.render_captured_to(value, &mut out).map(drop))
        .map_err(said)?;
    String::from_utf8(out.0).map_err(|e| e.to_string())
}

/// What `words` make of `shown`.
///
/// # Errors
/// Names the part that can't be rendered and why: a value that isn't there, too many steps, too much text.
pub fn render(words: &Words, shown: &Shown) -> std::result::Result<Rendered, Invalid> {
    let part = |pointer: &str, source: &str, subject: &str| {
        refuse(source)
            .and_then(|()| render_one(source, shown.value(subject)))
            .map_err(|why| Invalid::at(pointer, why))
    };
    // A line break in a subject would be a header of the writer's choice.
    let subject = part("/subject", &words.subject, "")?;
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = part("/text", &words.text, &subject)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(Rendered { subject: text::clipped(subject, text::SHORT), text })
}

/// Refuses what a template may not use: other statements, and what builds texts out of texts.
fn refuse(source: &str) -> std::result::Result<(), String> {
    let mut rest = source;
    while let Some(at) = rest.find("{%").into_iter().chain(rest.find("{{")).min() {
        let (statement, end) = if rest[at..].starts_with("{%") { (true, "%}") } else { (false, "}}") };
        let inside = &rest[at + 2..];
        let Some(len) = inside.find(end) else { return Ok(()) };
        let tag = inside[..len].trim().trim_matches('-').trim();
        let word = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        if statement && !STATEMENTS.contains(&word) {
            return Err(format!("\"{word}\" is no statement of a template; use if and for"));
        }
        if let Some(sign) = tag.chars().find(|c| "~*+|(".contains(*c)) {
            return Err(format!("\"{sign}\" can't be used; a template shows, chooses and repeats"));
        }
        rest = &inside[len + 2..];
    }
    Ok(())
}

/// What is sent of `shown`: by the tenant's own words, or by those that are shipped where its own can't be rendered any
/// more; none where neither can.
///
/// # Errors
/// Storage failures.
pub fn message(tx: &dyn ReadTx, topic: Topic, language: &str, shown: &Shown) -> Result<Option<Rendered>> {
    let made = render(&current(tx, topic, language)?, shown).or_else(|e| {
        tracing::warn!(topic = topic.as_str(), language, error = %e, "a template can't be rendered");
        render(&shipped(topic, language), shown)
    });
    Ok(made.ok())
}

/// Whether `words` of `topic` can be saved: short enough, and rendered with something invented without a fault.
///
/// # Errors
/// Names each place that is wrong.
pub fn check(topic: Topic, words: &Words) -> std::result::Result<(), Invalid> {
    let mut wrong: Vec<Problem> = Vec::new();
    wrong.extend(text::required("/subject", &words.subject, text::SHORT).err());
    wrong.extend(text::required("/text", &words.text, MAX_SOURCE).err());
    if !wrong.is_empty() {
        return Err(Invalid(wrong));
    }
    render(words, &Shown::sample(topic)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        Words { subject: "x".into(), text: text.into() }
    }

    fn refused(text: &str) -> String {
        let Invalid(problems) = check(Topic::NewCases, &words(text)).unwrap_err();
        assert_eq!(problems[0].pointer, "/text", "{problems:?}");
        problems[0].detail.clone()
    }

    #[test]
    fn what_is_shipped_can_be_rendered_in_every_language() {
        for topic in Topic::ALL {
            assert_eq!(Topic::named(topic.as_str()), Some(topic));
            assert_eq!(serde_json::to_value(topic).unwrap(), topic.as_str());
            let mut seen = std::collections::BTreeSet::new();
            for language in LANGUAGES {
                check(topic, &shipped(topic, language)).unwrap();
                let made = render(&shipped(topic, language), &Shown::sample(topic)).unwrap();
                assert!(seen.insert(made.subject), "each language has words of its own");
                if topic == Topic::NewCases {
                    assert!(made.text.contains("RR123456785NL  damaged  wet and torn\n"), "{}", made.text);
                    assert!(made.text.ends_with("/cases\n"));
                }
            }
        }
        let one = Shown::Cases(Cases { count: 1, cases: Vec::new(), link: String::new() });
        assert_eq!(render(&shipped(Topic::NewCases, "es-MX"), &one).unwrap().subject, "1 caso nuevo");
        assert_eq!((spoken("pt"), spoken("de")), ("pt-BR", "en"));
    }

    #[test]
    fn a_template_has_so_many_bytes_and_not_one_more() {
        assert!(check(Topic::NewCases, &words(&"x".repeat(MAX_SOURCE))).is_ok());
        assert!(refused(&"x".repeat(MAX_SOURCE + 1)).contains("at most"));
        assert!(check(Topic::NewCases, &Words { subject: " ".into(), text: "x".into() }).is_err());
    }

    #[test]
    fn a_template_that_runs_or_writes_without_end_is_stopped() {
        let nested = |n: usize| format!("{}x{}", "{% for c in cases %}".repeat(n), "{% endfor %}".repeat(n));
        assert!(check(Topic::NewCases, &words(&nested(3))).is_ok());
        assert!(refused(&nested(20)).contains("fuel"), "{}", refused(&nested(20)));
        let much = format!(
            "{{% for a in cases %}}{{% for b in cases %}}{{% for c in cases %}}{}{{% endfor %}}{{% endfor %}}{{% endfor %}}",
            "y".repeat(5_000)
        );
        assert!(refused(&much).contains("more than"), "{}", refused(&much));
    }

    #[test]
    fn a_template_can_not_name_files_keep_variables_or_build_texts() {
        for bad in [
            "{% include 'x' %}",
            "{% set x = 1 %}",
            "{%- macro a() %}{% endmacro %}",
            "{{ link ~ link }}",
            "{{ 'x' * 100000000 }}",
            "{{ link|upper }}",
            "{{ range(9) }}",
            "{{ nothing }}",
            "{% for c in cases %}",
            "{{ cases.x.y }}",
        ] {
            refused(bad);
        }
        assert!(
            check(Topic::NewCases, &words("50 % off {{ '{' }} {% if count > 3 %}many{% endif %}")).is_ok()
        );
    }

    #[test]
    fn a_subject_is_one_line() {
        let two = Words { subject: "a\nBcc: eve@example.com {{ count }}".into(), text: "x".into() };
        let made = render(&two, &Shown::sample(Topic::NewCases)).unwrap();
        assert_eq!(made.subject, "a Bcc: eve@example.com 5");
    }
}
