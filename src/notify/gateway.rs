//! The gateway that sends text messages, over HTTP. It is given `{"id", "to", "from", "text"}` with the id as
//! `Idempotency-Key`, and has to say `{"id", "status"}`: any other answer, be it with a 200, is not believed, for the page
//! that some network shows to strangers is a 200 too.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::json;

use super::sms::{Gateway, Sms, SmsError};
use crate::base::text;
use crate::config::sections;

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 10;
/// Words for a message that was taken.
const TAKEN: [&str; 5] = ["accepted", "queued", "sending", "sent", "delivered"];
/// Words for one that never will be.
const REFUSED: [&str; 4] = ["rejected", "refused", "failed", "undeliverable"];

/// A gateway that speaks HTTP.
pub struct Http {
    client: Client,
    url: Option<Url>,
    token: String,
    sender: String,
}

impl Http {
    /// As the settings say.
    ///
    /// # Errors
    /// In words.
    pub fn new(config: &sections::Sms) -> Result<Self, String> {
        let url = match config.is_on() {
            true => Some(config.url.parse::<Url>().map_err(|e| format!("sms.url: {e}"))?),
            false => None,
        };
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(config.timeout_s))
            .build()
            .map_err(|e| e.to_string())?;
        let (token, sender) = (config.token.expose().to_owned(), config.sender.clone());
        Ok(Self { client, url, token, sender })
    }
}

impl Gateway for Http {
    fn is_on(&self) -> bool {
        self.url.is_some()
    }

    fn send(&self, sms: Sms) -> BoxFuture<'static, Result<(), SmsError>> {
        let Some(url) = self.url.clone() else {
            return Box::pin(std::future::ready(Err(SmsError::Never("no gateway is set".into()))));
        };
        let id = sms.id.to_string();
        let mut body = json!({ "id": id, "to": sms.to, "text": sms.text });
        if !self.sender.is_empty() {
            body["from"] = self.sender.clone().into();
        }
        let mut request = self.client.post(url).header("idempotency-key", &id).json(&body);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        Box::pin(async move {
            let answer = request.send().await.map_err(|e| unreached(&e))?;
            judge(&id, answer).await
        })
    }
}

/// What the gateway says of a message.
#[derive(Deserialize)]
struct Said {
    id: String,
    status: String,
    #[serde(default)]
    detail: String,
}

async fn judge(id: &str, answer: Response) -> Result<(), SmsError> {
    let status = answer.status();
    let said = said(answer).await;
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Err(SmsError::Later(format!("it answers {status}")))
        }
        // That it does not know us is no fault of the message's.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            Err(SmsError::Later(format!("it answers {status}: see sms.url and sms.token")))
        }
        s if s.is_client_error() => {
            let why = said.map_or_else(|_| format!("it answers {status}"), |s| words(&s));
            Err(SmsError::Never(why))
        }
        s if s.is_success() => believed(id, said?),
        _ => Err(SmsError::Later(format!("it answers {status}"))),
    }
}

fn words(said: &Said) -> String {
    text::clipped(format!("{} {}", said.status, said.detail).trim_end().to_owned(), text::SHORT)
}

fn believed(id: &str, said: Said) -> Result<(), SmsError> {
    if said.id != id {
        return Err(SmsError::Later("it speaks of another message".into()));
    }
    let status = said.status.to_ascii_lowercase();
    if TAKEN.contains(&status.as_str()) {
        return Ok(());
    }
    if REFUSED.contains(&status.as_str()) {
        return Err(SmsError::Never(words(&said)));
    }
    Err(SmsError::Later(format!("it says \"{}\", which we don't know", words(&said))))
}

async fn said(mut answer: Response) -> Result<Said, SmsError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| unreached(&e))? {
        if bytes.len() + chunk.len() > MAX_ANSWER {
            return Err(SmsError::Later(format!("its answer is larger than {MAX_ANSWER} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_err(|e| SmsError::Later(format!("its answer can't be read: {e}")))
}

fn unreached(e: &reqwest::Error) -> SmsError {
    let causes = || std::iter::successors(e.source(), |e| (*e).source());
    let no_way = |e: &(dyn Error + 'static)| {
        let io = e.downcast_ref::<std::io::Error>();
        let down =
            io.is_some_and(|io| matches!(io.kind(), ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown));
        down || io.is_some_and(|io| io.to_string().to_lowercase().contains("temporary failure"))
    };
    let why = causes().last().map_or_else(|| e.to_string(), ToString::to_string);
    let why = text::clipped(if e.is_timeout() { "no answer in time".into() } else { why }, text::SHORT);
    if causes().any(no_way) { SmsError::NoLine(why) } else { SmsError::Unreachable(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_speaks_of_the_message_in_words_we_know_is_believed() {
        let said = |id: &str, status: &str| {
            believed("7", Said { id: id.into(), status: status.into(), detail: "x".into() })
        };
        assert_eq!(said("7", "accepted"), Ok(()));
        assert_eq!(said("7", "QUEUED"), Ok(()));
        assert!(matches!(said("8", "accepted"), Err(SmsError::Later(_))), "of another message");
        assert_eq!(said("7", "rejected"), Err(SmsError::Never("rejected x".into())));
        assert!(matches!(said("7", "welcome"), Err(SmsError::Later(_))));
    }
}
