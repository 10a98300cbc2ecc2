//! Layers of settings over the defaults: every key is looked up, typed and ranged before it counts.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::sections::{Rule, rule};
use super::{Complaint, ConfigError, ENV_PREFIX, SECRET_MAX_BYTES, read_bounded};

/// Entries of a list at most.
pub(super) const LIST_MAX: usize = 256;
/// Keys that are secrets; each may be given as `<key>_file` instead.
pub(super) const SECRETS: &[&str] = &["backup.passphrase", "mail.password", "sms.token", "store.url"];

/// Where each key was last given; keys at their default are absent.
pub(super) type Origins = BTreeMap<String, String>;

/// The defaults, what has been laid over them so far, and everything wrong with it.
pub(super) struct Overlay {
    known: Table,
    merged: Table,
    origins: Origins,
    complaints: Vec<Complaint>,
}

impl Overlay {
    pub(super) fn over(defaults: Table) -> Self {
        Self { merged: defaults.clone(), known: defaults, origins: Origins::new(), complaints: Vec::new() }
    }

    /// Lays a table from `place` (a file's name, "flags") over what is there.
    pub(super) fn lay(&mut self, place: &str, given: Table) {
        self.lay_under(place, "", given);
    }

    fn lay_under(&mut self, place: &str, section: &str, given: Table) {
        for (key, value) in given {
            let path = if section.is_empty() { key } else { format!("{section}.{key}") };
            match (find(&self.known, &path), value) {
                (Some(Value::Table(_)), Value::Table(inner)) => self.lay_under(place, &path, inner),
                (_, value) => self.set(place, &path, |_| value),
            }
        }
    }

    /// Lays an environment variable over what is there; one without our prefix is somebody else's.
    pub(super) fn lay_variable(&mut self, name: &str, text: &str) {
        let Some(rest) = name.strip_prefix(ENV_PREFIX) else { return };
        let path = rest.to_ascii_lowercase().replace("__", ".");
        self.set(&format!("environment variable {name}"), &path, |default| typed(default, text));
    }

    /// Sets one key to what `value` makes of its default, or complains.
    fn set(&mut self, place: &str, path: &str, value: impl FnOnce(&Value) -> Value) {
        let verdict = match find(&self.known, path) {
            None => Err(unknown(&self.known, path)),
            Some(Value::Table(_)) => Err("is a section: set one of the keys in it".into()),
            Some(default) => accept(path, default, value(default)),
        };
        match verdict {
            Ok(value) => self.put(place, path, value),
            Err(why) => self.complain(place, path, why),
        }
    }

    fn put(&mut self, place: &str, path: &str, value: Value) {
        if let Some(slot) = find_mut(&mut self.merged, path) {
            *slot = value;
            self.origins.insert(path.into(), place.into());
        }
    }

    fn complain(&mut self, place: &str, key: &str, why: String) {
        self.complaints.push(Complaint { place: place.into(), key: key.into(), why });
    }

    /// Reads each secret that was given as a file. One newline at its end is dropped, for editors add it.
    pub(super) fn read_secrets(&mut self) {
        for key in SECRETS {
            let file_key = format!("{key}_file");
            let text_at =
                |path: &str| find(&self.merged, path).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (file, given) = (text_at(&file_key), !text_at(key).is_empty());
            if file.is_empty() {
                continue;
            }
            let place = self.origins.get(&file_key).cloned().unwrap_or_else(|| "defaults".into());
            if given {
                let other = self.origins.get(*key).cloned().unwrap_or_default();
                let why = format!("is given, and {key} as well ({other}): give one of the two");
                self.complain(&place, &file_key, why);
                continue;
            }
            match read_bounded(Path::new(&file), SECRET_MAX_BYTES) {
                Err(e) => self.complain(&place, &file_key, format!("names {file}, which can't be read: {e}")),
                Ok(text) => {
                    let secret =
                        text.strip_suffix('\n').map_or(&*text, |t| t.strip_suffix('\r').unwrap_or(t));
                    if secret.is_empty() {
                        self.complain(&place, &file_key, format!("names {file}, which is empty"));
                    } else {
                        self.put(&place, key, Value::String(secret.into()));
                    }
                }
            }
        }
    }

    /// The merged settings, or everything that was wrong.
    pub(super) fn finish(self) -> Result<(Table, Origins), ConfigError> {
        if self.complaints.is_empty() {
            Ok((self.merged, self.origins))
        } else {
            Err(ConfigError::Refused(self.complaints))
        }
    }
}

fn find<'t>(table: &'t Table, path: &str) -> Option<&'t Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((section, rest)) => find(table.get(section)?.as_table()?, rest),
    }
}

fn find_mut<'t>(table: &'t mut Table, path: &str) -> Option<&'t mut Value> {
    match path.split_once('.') {
        None => table.get_mut(path),
        Some((section, rest)) => find_mut(table.get_mut(section)?.as_table_mut()?, rest),
    }
}

/// Every key and section below `table` as a path.
pub(super) fn paths(table: &Table) -> Vec<String> {
    let below = |(key, value): (&String, &Value)| {
        let inner = value.as_table().map(paths).unwrap_or_default();
        std::iter::once(key.clone())
            .chain(inner.into_iter().map(|p| format!("{key}.{p}")))
            .collect::<Vec<_>>()
    };
    table.iter().flat_map(below).collect()
}

/// Names the known key that looks most like `path`; a right key in the wrong section counts as near.
fn unknown(known: &Table, path: &str) -> String {
    let last = |p: &str| p.rsplit('.').next().unwrap_or_default().to_owned();
    let far = strsim::damerau_levenshtein;
    let distance = |p: &String| far(p, path).min(far(&last(p), &last(path)) + 1);
    match paths(known).into_iter().min_by_key(distance) {
        Some(nearest) => format!("is not a setting; the nearest is {nearest}"),
        None => "is not a setting".into(),
    }
}

/// The text of an environment variable as the type of the key's default; text that doesn't parse stays text and is
/// refused as that.
fn typed(default: &Value, text: &str) -> Value {
    let as_text = || Value::String(text.into());
    match default {
        Value::Integer(_) => text.trim().parse().map_or_else(|_| as_text(), Value::Integer),
        Value::Boolean(_) => text.trim().parse().map_or_else(|_| as_text(), Value::Boolean),
        Value::Array(_) => {
            let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            Value::Array(entries.map(|entry| Value::String(entry.into())).collect())
        }
        _ => as_text(),
    }
}

/// Checks `value` against the type of `default` and the key's rule.
fn accept(path: &str, default: &Value, value: Value) -> Result<Value, String> {
    let rule = rule(path);
    let fits = match (default, &value, rule) {
        (Value::Integer(_), Value::Integer(n), Some(Rule::Whole(least, most))) => (least..=most).contains(n),
        (Value::String(_), Value::String(word), Some(Rule::OneOf(words))) => words.contains(&word.as_str()),
        (Value::Array(_), Value::Array(entries), _) => {
            entries.len() <= LIST_MAX && entries.iter().all(Value::is_str)
        }
        (default, value, _) => default.same_type(value),
    };
    if fits {
        return Ok(value);
    }
    let expected = match (rule, default) {
        (Some(Rule::Whole(least, most)), _) => format!("a whole number from {least} to {most}"),
        (Some(Rule::OneOf(words)), _) => format!("one of {}", words.join(", ")),
        (None, Value::Boolean(_)) => "true or false".into(),
        (None, Value::Array(_)) => format!("a list of at most {LIST_MAX} texts, such as [\"a\", \"b\"]"),
        (None, _) => "a text in quotes".into(),
    };
    let given = match value {
        _ if SECRETS.contains(&path) => "***".into(),
        Value::Array(entries) if entries.len() > LIST_MAX => format!("a list of {}", entries.len()),
        value => value.to_string(),
    };
    Err(format!("is {given}, expected {expected}"))
}
