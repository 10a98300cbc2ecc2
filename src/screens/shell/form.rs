//! What a form sends.

use std::str::FromStr;

use crate::base::error::Invalid;
use crate::base::ids::Id;

/// Bytes a form may have: a thousand pasted rows, or five hundred ticked cases.
pub const MAX_FORM: usize = 256 * 1024;

/// The fields of a form in the order they were sent.
#[derive(Clone, Debug, Default)]
pub struct Form(pub Vec<(String, String)>);

impl Form {
    /// Reads a URL-encoded body.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(body: &[u8]) -> Result<Self, Invalid> {
        let read = serde_urlencoded::from_bytes(body);
        read.map(Self).map_err(|e| Invalid::at("/", format!("the form can't be read: {e}")))
    }

    /// The field `name` without blanks around it; empty when it was not sent.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.trim())
    }

    /// The field `name` as it was typed: for secrets and codes.
    #[must_use]
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// The field `name`; none when it is blank.
    #[must_use]
    pub fn some(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|t| !t.is_empty()).map(str::to_owned)
    }

    /// Whether the box `name` is ticked.
    #[must_use]
    pub fn ticked(&self, name: &str) -> bool {
        self.0.iter().any(|(n, v)| n == name && !v.is_empty())
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.trim())
    }

    /// The field `name` as a `T`; none when it is blank.
    ///
    /// # Errors
    /// When it says something else.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Invalid> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = |_| Invalid::at(format!("/{name}"), format!("\"{text}\" is not what belongs here"));
        text.parse().map(Some).map_err(wrong)
    }

    /// The field `name` as one of our own words.
    ///
    /// # Errors
    /// When it is missing or no such word.
    pub fn one_of<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, Invalid> {
        let text = self.text(name);
        serde_json::from_value(serde_json::Value::from(text))
            .map_err(|_| Invalid::at(format!("/{name}"), format!("\"{text}\" is none of the choices")))
    }

    /// The revision the page was made from.
    ///
    /// # Errors
    /// When it was not sent.
    pub fn version(&self) -> Result<u64, Invalid> {
        self.parsed("version")?.ok_or_else(|| Invalid::at("/version", "is missing: reload the page"))
    }

    /// Every id sent as `name`.
    ///
    /// # Errors
    /// When one is no id.
    pub fn ids(&self, name: &str) -> Result<Vec<Id>, Invalid> {
        let read = |text: &str| {
            text.parse::<Id>().map_err(|_| Invalid::at(format!("/{name}"), format!("\"{text}\" is no id")))
        };
        self.all(name).map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_were_sent() {
        let form = Form::read(b"a=+x+y+&b=&c=1&c=2&version=7&raw=+p%20").unwrap();
        assert_eq!((form.text("a"), form.some("b"), form.raw("raw")), ("x y", None, " p "));
        assert_eq!(form.all("c").collect::<Vec<_>>(), ["1", "2"]);
        assert!(form.ticked("c") && !form.ticked("b") && !form.ticked("z"));
        assert_eq!((form.version().unwrap(), form.parsed::<u32>("b").unwrap()), (7, None));
        assert!(form.parsed::<u32>("a").is_err() && form.ids("c").is_err());
    }
}
