//! Subscriptions, and the record of what was sent to whom. Both are this node's own: every site tells of what it wrote.

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::jobs::retention::{Retained, older};
use crate::store::table::Checked;
use crate::store::{Home, Index, Ix, KeyRange, Table};

/// Subscriptions of one tenant at the most.
pub const MAX_WEBHOOKS: usize = 100;
/// Keys one subscription has at a time: the present one and the ones before it.
pub const MAX_SECRETS: usize = 3;
/// Types one subscription names at the most.
pub const MAX_TYPES: usize = 50;

/// Who is told of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: Id,
    /// Where messages go.
    pub url: String,
    /// What they are told of: event names or the beginnings of them; everything when empty.
    pub types: Vec<String>,
    /// The keys messages are signed with, the present one first.
    pub secrets: Vec<String>,
    /// Whether it is told anything.
    pub active: bool,
    /// Why it was switched off, when it was not by a person.
    #[serde(default)]
    pub trouble: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}
first_record!(Webhook);

impl Webhook {
    /// Whether it is told of events called `name`.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.active
            && (self.types.is_empty() || self.types.iter().any(|t| name.starts_with(t.trim_end_matches('*'))))
    }
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookMessageState)]
pub enum State {
    /// It waits for its first or next attempt.
    Pending,
    /// It was taken.
    Done,
    /// Nobody took it within the last attempt.
    Dead,
}

/// One message to one subscriber.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id, the same over all attempts: by it the receiver knows a repetition.
    pub id: Id,
    /// To whom.
    pub webhook: Id,
    /// Which entry of the log.
    pub seq: u64,
    /// The event's name.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Attempts so far.
    pub attempts: u32,
    /// The last answer's status.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was to be told.
    pub created_at: Timestamp,
    /// When the last attempt was.
    pub tried_at: Option<Timestamp>,
}
first_record!(Message);

/// Subscriptions by id.
pub const WEBHOOKS: Table<Id, Webhook> = Table::new(170, "webhooks", Home::Local).indexed(NONE);
const NONE: &[Index<Webhook>] = &[];

/// Messages by subscriber and id, oldest first.
pub const MESSAGES: Table<[u8], Message> =
    Table::new(171, "webhook_messages", Home::Local).indexed(&[by_time]);

fn by_time(m: &Message) -> Option<Vec<u8>> {
    (m.state != State::Pending).then(|| m.created_at.unsigned().to_be_bytes().to_vec())
}

/// Where a message lies.
#[must_use]
pub fn message_key(webhook: Id, id: Id) -> Vec<u8> {
    [webhook.0, id.0].concat()
}

/// How long messages that have ended are kept, for the retention table.
#[must_use]
pub fn retained() -> Retained {
    Retained {
        name: "webhook_messages",
        days: |r| r.webhooks,
        find: |tx, before, after, limit| {
            let range =
                KeyRange { from: Vec::new(), to: Some(before.unsigned().to_be_bytes().to_vec()), after };
            older(&MESSAGES, tx, (Ix::Nth(0), range), limit, |_| true)
        },
        remove: |tx, pk| MESSAGES.del(tx, pk).map(drop),
    }
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&WEBHOOKS, &MESSAGES]
}
