//! Finds a person: in every record of every kind that may hold one, whatever the case it is written in. Nothing is indexed by
//! a person, so that nothing has to be found by one again after an erasure; a search reads all records, a page at a time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::error::{PrivacyError, Result};
use super::masks::{self, CONTENT, Capacity, TEXTS};
use super::model::{Hold, Subject};
use crate::attachments::model::{self as attachments};
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::cases;
use crate::journal::reference;
use crate::store::{ReadTx, Store, StoreError, Tenant};
use crate::sync::registry::{Folder, Registry};

/// Records one search shows.
pub const MAX_FOUND: usize = 500;
/// Records looked at in one read.
const AT_ONCE: usize = 500;
/// Letters or digits that a question needs.
const LEAST: usize = 3;
/// Cases of one record that go along with it.
const MAX_CASES: usize = 500;

/// Who is looked for. What fits any of them is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PersonAsked)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// All words of it, in any order.
    pub name: Option<String>,
    /// Its digits, with or without the country in front.
    pub phone: Option<String>,
    /// The whole address.
    pub email: Option<String>,
    /// Words that follow each other in the address.
    pub address: Option<String>,
    /// A parcel's, delivery's, order's or waybill's number, or the customer's own name for it.
    pub reference: Option<String>,
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PersonFound)]
pub struct Found {
    /// Which, and in what capacity: this is what exports and erasures take.
    #[serde(flatten)]
    pub subject: Subject,
    /// What people call the record.
    pub label: String,
    /// What is in it of the person.
    pub fields: BTreeMap<String, String>,
    /// What of the question fitted.
    pub by: Vec<&'static str>,
    /// Why it must not be erased, when it is under legal hold.
    pub held: Option<String>,
}

/// What a search gives.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PersonsFound)]
pub struct Answer {
    /// The records.
    pub items: Vec<Found>,
    /// Whether there are more: ask more exactly.
    pub more: bool,
}

/// A text as texts are compared: its letters and digits in lower case.
fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    parts.map(str::to_lowercase).collect()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// What sort of thing a field holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Name,
    Phone,
    Email,
    Address,
    Text,
}

fn sort(field: &str) -> Sort {
    match field {
        "name" | "customer" | "driver" => Sort::Name,
        "phone" => Sort::Phone,
        "email" => Sort::Email,
        "address" | "line" | "pickup" => Sort::Address,
        _ => Sort::Text,
    }
}

/// A question, made ready.
struct Ready {
    name: Vec<String>,
    phone: String,
    email: String,
    address: Vec<String>,
    reference: Vec<String>,
}

impl Query {
    fn ready(&self) -> std::result::Result<Ready, Invalid> {
        let of = |t: &Option<String>| t.clone().unwrap_or_default();
        let ready = Ready {
            name: words(&of(&self.name)),
            phone: digits(&of(&self.phone)),
            email: of(&self.email).trim().to_lowercase(),
            address: words(&of(&self.address)),
            reference: words(&of(&self.reference)),
        };
        let given = [
            ("/name", &self.name, ready.name.concat().chars().count()),
            ("/phone", &self.phone, ready.phone.len()),
            ("/email", &self.email, ready.email.chars().count()),
            ("/address", &self.address, ready.address.concat().chars().count()),
            ("/reference", &self.reference, ready.reference.concat().chars().count()),
        ];
        let mut wrong = Vec::new();
        for (place, text, long) in given {
            let Some(text) = text.as_ref().filter(|t| !t.is_empty()) else { continue };
            wrong.extend(text::optional(place, text, text::SHORT).err());
            if long < LEAST {
                wrong.push(Problem::new(place, format!("needs at least {LEAST} letters or digits")));
            }
        }
        if wrong.is_empty() && given.iter().all(|(.., long)| *long == 0) {
            wrong.push(Problem::new("", "name a name, phone, email, address or reference to look for"));
        }
        if wrong.is_empty() { Ok(ready) } else { Err(Invalid(wrong)) }
    }
}

impl Ready {
    fn fits(&self, field: &str, value: &str) -> Option<&'static str> {
        match sort(field) {
            Sort::Name if !self.name.is_empty() => {
                let theirs = words(value);
                self.name.iter().all(|w| theirs.contains(w)).then_some("name")
            }
            Sort::Phone if !self.phone.is_empty() => {
                let theirs = digits(value);
                let (long, short) = if theirs.len() > self.phone.len() {
                    (&theirs, &self.phone)
                } else {
                    (&self.phone, &theirs)
                };
                (short.len() >= 6 && long.ends_with(&**short) || long == short).then_some("phone")
            }
            Sort::Email if !self.email.is_empty() => {
                (value.trim().to_lowercase() == self.email).then_some("email")
            }
            Sort::Address if !self.address.is_empty() => {
                follows(&words(value), &self.address).then_some("address")
            }
            // A remark may name anybody.
            Sort::Text => {
                let theirs = words(value);
                [("name", &self.name), ("address", &self.address)]
                    .into_iter()
                    .find(|(_, wanted)| !wanted.is_empty() && follows(&theirs, wanted))
                    .map(|(what, _)| what)
                    .or_else(|| {
                        (!self.email.is_empty() && value.to_lowercase().contains(&self.email))
                            .then_some("email")
                    })
            }
            _ => None,
        }
    }

    fn refers(&self, value: &str) -> bool {
        !self.reference.is_empty() && words(value).concat() == self.reference.concat()
    }
}

/// Whether the words `wanted` follow each other in `all`.
fn follows(all: &[String], wanted: &[String]) -> bool {
    all.windows(wanted.len()).any(|w| w == wanted)
}

/// The texts at `path` of a document, with the names of their fields.
fn texts(value: &Value, path: &str, out: &mut Vec<(String, String)>) {
    fn down(value: &Value, steps: &[&str], name: &str, out: &mut Vec<(String, String)>) {
        match (steps.split_first(), value) {
            (Some((&"*", rest)), Value::Array(all)) => all.iter().for_each(|v| down(v, rest, name, out)),
            (Some((key, rest)), Value::Object(all)) => {
                if let Some(v) = all.get(*key) {
                    down(v, rest, key, out);
                }
            }
            (None, Value::Object(all)) => all.iter().for_each(|(k, v)| down(v, &[], k, out)),
            (None, Value::Array(all)) => all.iter().for_each(|v| down(v, &[], name, out)),
            (None, Value::String(text)) if !text.is_empty() => out.push((name.to_owned(), text.clone())),
            (None, Value::Number(n)) => out.push((name.to_owned(), n.to_string())),
            _ => {}
        }
    }
    down(value, &path.split('.').collect::<Vec<_>>(), "", out);
}

fn look(shown: &Value, c: &Capacity, q: &Ready) -> Option<(BTreeMap<String, String>, Vec<&'static str>)> {
    let mut fields = Vec::new();
    c.seen.iter().for_each(|path| texts(shown, path, &mut fields));
    fields.retain(|(_, text)| text != crate::journal::redaction::ERASED);
    if fields.is_empty() {
        return None;
    }
    let mut by: Vec<&'static str> = fields.iter().filter_map(|(field, text)| q.fits(field, text)).collect();
    if references(shown, c).iter().any(|text| q.refers(text)) {
        by.push("reference");
    }
    by.sort_unstable();
    by.dedup();
    (!by.is_empty()).then(|| (fields.into_iter().collect(), by))
}

/// The numbers by which a record is asked for.
pub(super) fn references(shown: &Value, c: &Capacity) -> Vec<String> {
    let mut found = Vec::new();
    c.references.iter().for_each(|path| texts(shown, path, &mut found));
    found.into_iter().map(|(_, text)| text).collect()
}

/// What people call a record.
#[must_use]
pub fn label(shown: &Value, id: Id) -> String {
    let of = |v: &Value| match v {
        Value::String(s) if !s.is_empty() => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    };
    shown.get("number").and_then(of).unwrap_or_else(|| id.to_string())
}

/// Why a record must not be erased; none when it may.
///
/// # Errors
/// Storage failures.
pub fn hold_on(tx: &dyn ReadTx, id: Id) -> std::result::Result<Option<Hold>, StoreError> {
    Ok(reference::get::<Hold>(tx, id)?.map(|(hold, _)| hold))
}

/// Looks for a person in everything there is.
///
/// # Errors
/// When the question is too short or none; storage failures.
pub fn persons(store: &Store, tenant: Tenant, registry: &Registry, q: &Query) -> Result<Answer> {
    let ready = q.ready()?;
    let mut items: Vec<Found> = Vec::new();
    for folder in registry.iter() {
        let capacities: Vec<_> = masks::of_kind(folder.name).filter(|c| !c.seen.is_empty()).collect();
        if capacities.is_empty() {
            continue;
        }
        let mut after = None;
        loop {
            let page = |tx: &dyn ReadTx| page(tx, folder, &capacities, &ready, after.take());
            let (found, next) = store.read(tenant, page)?;
            items.extend(found);
            if items.len() > MAX_FOUND {
                items.truncate(MAX_FOUND);
                return Ok(Answer { items, more: true });
            }
            if next.is_none() {
                break;
            }
            after = next;
        }
    }
    Ok(Answer { items, more: false })
}

type Page = (Vec<Found>, Option<Vec<u8>>);

fn page(
    tx: &dyn ReadTx,
    folder: &Folder,
    capacities: &[&Capacity],
    q: &Ready,
    after: Option<Vec<u8>>,
) -> std::result::Result<Page, StoreError> {
    let (ids, next) = (folder.page)(tx, after, AT_ONCE)?;
    let mut out = Vec::new();
    for id in ids {
        let Some(shown) = (folder.shown)(tx, id)? else { continue };
        for c in capacities {
            let Some((fields, by)) = look(&shown, c, q) else { continue };
            let held = hold_on(tx, id)?.map(|h| h.reason);
            let subject = Subject { kind: c.kind.to_owned(), id, role: c.role.to_owned() };
            out.push(Found { subject, label: label(&shown, id), fields, by, held });
        }
    }
    Ok((out, next))
}

/// The records `named` and all that `query` finds, with what belongs to them.
///
/// # Errors
/// When that is nothing, or more than one search shows; storage failures.
pub fn meant(
    store: &Store,
    tenant: Tenant,
    registry: &Registry,
    named: Vec<Subject>,
    query: Option<&Query>,
) -> Result<Vec<Subject>> {
    let mut all = named;
    if let Some(query) = query {
        let found = persons(store, tenant, registry, query)?;
        if found.more {
            let said = format!("finds more than {MAX_FOUND} records; ask more exactly, or name them");
            return Err(Invalid::at("/query", said).into());
        }
        all.extend(found.items.into_iter().map(|f| f.subject));
    }
    if all.is_empty() {
        return Err(PrivacyError::NoRecord("record was named or found".into()));
    }
    with_company(store, tenant, registry, &all)
}

/// The records together with what belongs to them: cases and documents of them, and the stops of routes that go to them.
///
/// # Errors
/// Storage failures.
pub fn with_company(
    store: &Store,
    tenant: Tenant,
    registry: &Registry,
    subjects: &[Subject],
) -> Result<Vec<Subject>> {
    let mut all = subjects.to_vec();
    for s in subjects {
        let beside = store.read(tenant, |tx| beside(tx, s))?;
        all.extend(beside);
    }
    let deliveries: Vec<String> =
        subjects.iter().filter(|s| s.kind == "delivery").map(|s| s.id.to_string()).collect();
    if !deliveries.is_empty() {
        all.extend(stops(store, tenant, registry, &deliveries)?);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn beside(tx: &dyn ReadTx, s: &Subject) -> std::result::Result<Vec<Subject>, StoreError> {
    let of = |kind: &str, id: Id, role: &str| Subject { kind: kind.into(), id, role: role.into() };
    let cases = cases::repo::about(tx, s.id, MAX_CASES)?;
    let mut out: Vec<Subject> = cases.into_iter().map(|row| of("case", row.state.id.0, TEXTS)).collect();
    let documents = attachments::of_subject(tx, s.id)?;
    out.extend(documents.into_iter().map(|e| of("attachment", e.value.state.id, CONTENT)));
    Ok(out)
}

fn stops(
    store: &Store,
    tenant: Tenant,
    registry: &Registry,
    deliveries: &[String],
) -> std::result::Result<Vec<Subject>, StoreError> {
    let Some(folder) = registry.iter().find(|f| f.name == "route") else { return Ok(Vec::new()) };
    let (mut out, mut after) = (Vec::new(), None);
    loop {
        let read = |tx: &dyn ReadTx| -> std::result::Result<_, StoreError> {
            let (ids, next) = (folder.page)(tx, after.take(), AT_ONCE)?;
            let mut found = Vec::new();
            for id in ids {
                let Some(shown) = (folder.shown)(tx, id)? else { continue };
                let stops = shown["content"]["stops"].as_array().cloned().unwrap_or_default();
                for stop in stops {
                    if let Some(r) = stop["r"].as_str().filter(|r| deliveries.iter().any(|d| d == r)) {
                        found.push(Subject { kind: "route".into(), id, role: r.to_owned() });
                    }
                }
            }
            Ok((found, next))
        };
        let (found, next) = store.read(tenant, read)?;
        out.extend(found);
        if next.is_none() {
            return Ok(out);
        }
        after = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Fault;

    fn asked(name: &str, phone: &str, email: &str, address: &str) -> Ready {
        let some = |t: &str| (!t.is_empty()).then(|| t.to_owned());
        Query {
            name: some(name),
            phone: some(phone),
            email: some(email),
            address: some(address),
            reference: None,
        }
        .ready()
        .unwrap()
    }

    #[test]
    fn a_person_is_found_however_they_are_written() {
        let q = asked("silva MARIA", "", "", "");
        assert_eq!(q.fits("name", "Maria da Silva"), Some("name"));
        assert_eq!(q.fits("name", "Marina Silva"), None);
        let q = asked("", "+55 (11) 98765-4321", "", "");
        assert_eq!(q.fits("phone", "011 98765 4321"), None, "a trunk digit is another number");
        assert_eq!(q.fits("phone", "98765-4321"), Some("phone"));
        assert_eq!(q.fits("phone", "4321"), None);
        let q = asked("", "", "Ana@Example.com", "");
        assert_eq!(q.fits("email", "ana@example.COM"), Some("email"));
        assert_eq!(q.fits("email", "bana@example.com"), None);
        assert_eq!(q.fits("remark", "write to ANA@example.com"), Some("email"));
        let q = asked("", "", "", "rua das flores, 12");
        assert_eq!(q.fits("line", "Rua das Flores 12, ap. 3"), Some("address"));
        assert_eq!(q.fits("line", "Rua das Flores 120"), None);
        assert_eq!(q.fits("remark", "not Rua das Flores 12 any more"), Some("address"));
    }

    #[test]
    fn a_question_has_to_ask_something() {
        let ask = |name: &str| Query { name: Some(name.into()), ..Query::default() }.ready().map(drop);
        for bad in ["", "  ", "ab", "--a-b"] {
            let e = ask(bad).unwrap_err();
            assert_eq!(e.fields().len(), 1, "{bad}");
        }
        assert!(ask("abc").is_ok());
        assert!(ask(&"a".repeat(text::SHORT + 1)).is_err());
        assert!(Query::default().ready().is_err());
    }

    #[test]
    fn texts_are_taken_with_the_names_of_their_fields() {
        let doc = serde_json::json!({ "a": { "name": "x", "list": [{ "name": "y" }, { "phone": 7 }] } });
        let mut out = Vec::new();
        texts(&doc, "a.list.*.name", &mut out);
        texts(&doc, "a.list", &mut out);
        let pairs: Vec<_> = out.iter().map(|(a, b)| format!("{a}={b}")).collect();
        assert_eq!(pairs, ["name=y", "name=y", "phone=7"]);
    }
}
