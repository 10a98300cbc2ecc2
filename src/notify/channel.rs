//! The ways by which people are reached. E-mail is the one there is; a channel for SMS or push is one more type that
//! implements [`Channel`] and stands in the list that [`Alerts`](super::alerts::Alerts) is given.

use super::alerts::Recipient;
use super::mail::{self, Letter};
use super::templates::Rendered;
use crate::base::clock::Timestamp;
use crate::store::{Result, WriteTx};

/// One way to reach people.
pub trait Channel: Send + Sync + 'static {
    /// Its name, such as `mail`.
    fn name(&self) -> &'static str;
    /// Where it reaches somebody; none when it does not.
    fn address(&self, who: &Recipient) -> Option<String>;
    /// Demands that `message` is brought to `address`, in the transaction of what it tells of: what it takes to bring it
    /// there is a job's, which waits as long as the way is cut.
    ///
    /// # Errors
    /// Storage failures.
    fn demand(&self, tx: &mut dyn WriteTx, now: Timestamp, address: String, message: &Rendered)
    -> Result<()>;
}

/// E-mail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Email;

impl Channel for Email {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn address(&self, who: &Recipient) -> Option<String> {
        who.email.clone()
    }

    fn demand(
        &self,
        tx: &mut dyn WriteTx,
        now: Timestamp,
        address: String,
        message: &Rendered,
    ) -> Result<()> {
        let Rendered { subject, text } = message.clone();
        mail::post(tx, now, Letter::new(address, subject, text)).map(drop)
    }
}
