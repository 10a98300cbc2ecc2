//! The language of airlines: status messages (FSU, and FSA as an answer) as text, one after the other. An API that is
//! asked page by page wraps them: `{"messages":["FSU/14\n020-12345675FRALHR/T10K250.0\n…"],"next":"opaque","more":false}`.

use serde::Deserialize;

use super::adapter::{Adapter, Batch};
use crate::freight::fsu;

/// The language's name, as in a carrier's record.
pub const NAME: &str = "fsu";

/// See the module.
pub struct Airline;

#[derive(Deserialize)]
struct Wrapped {
    messages: Vec<String>,
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    more: bool,
}

impl Adapter for Airline {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&self, body: &[u8]) -> Result<Batch, String> {
        let text = std::str::from_utf8(body).map_err(|_| "it is no text in UTF-8".to_owned())?;
        if text.trim_start().starts_with('{') {
            let Wrapped { messages, next, more } = serde_json::from_str(text).map_err(|e| e.to_string())?;
            let messages = fsu::parse(&messages.join("\n"));
            return Ok(Batch { messages, next, more, ..Batch::default() });
        }
        // A page that asks for a password is no message, and not worth keeping line by line.
        if !fsu::has_message(text) && !text.trim().is_empty() {
            return Err("no line of it begins a status message, FSU or FSA".into());
        }
        Ok(Batch { messages: fsu::parse(text), ..Batch::default() })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::*;

    const RCF: &str = "FSU/14\n020-12345675FRALHR/T10K250.0\nRCF/LH900/18NOV0900/LHR/P6K150.0";

    #[test]
    fn messages_read_the_same_as_text_and_in_pages() {
        let text = Airline.read(RCF.as_bytes()).unwrap();
        let page = serde_json::json!({ "messages": [RCF, RCF], "next": "n", "more": true }).to_string();
        let page = Airline.read(page.as_bytes()).unwrap();
        assert_eq!((text.messages.messages.len(), text.next), (1, None));
        assert_eq!((page.messages.messages.len(), page.next.as_deref(), page.more), (2, Some("n"), true));
        let [first, second] = &page.messages.messages[..] else { panic!("{page:?}") };
        assert_eq!((&first.text, &second.text), (&text.messages.messages[0].text, &first.text));
        assert!(first.text.starts_with("020-12345675FRALHR") && first.text.ends_with("P6K150.0"));
        assert_eq!(Airline.read(b" \n").unwrap(), Batch::default(), "nothing new");
        for bad in [&b"<html>log in</html>"[..], b"{}", b"{\"messages\":[1]}", b"\xff"] {
            assert!(Airline.read(bad).is_err(), "{bad:?}");
        }
        let base: Url = "https://cargo.example.com/fsu".parse().unwrap();
        assert_eq!(Airline.ask(&base, Some("4")).unwrap().as_str(), "https://cargo.example.com/fsu?after=4");
    }
}
