//! Subscriptions, where each stands, and the record of what was sent. All are this node's own: every site tells of what
//! it wrote, and seals keys with a key of its own.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::events::feed;
use crate::first_record;
use crate::jobs::retention::{Retained, older};
use crate::store::table::Checked;
use crate::store::{Home, Ix, KeyRange, Result, Table, WriteTx};

/// Subscriptions of one tenant at the most.
pub const MAX_WEBHOOKS: usize = 100;
/// Keys one subscription has at a time: the present one and the ones before it.
pub const MAX_KEYS: usize = 3;
/// Messages of one subscription that wait at a time; further ones are made when there is room, from its place in the log.
pub const MAX_WAITING: u64 = 10_000;

/// A key that messages are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKey {
    /// When it was made.
    pub made_at: Timestamp,
    /// The key, sealed.
    pub sealed: ByteBuf,
}

/// Who is told of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: Id,
    /// Where messages go.
    pub url: String,
    /// What they are told of: event names or the beginnings of them; everything when empty.
    pub types: Vec<String>,
    /// The keys messages are signed with, the newest first.
    pub keys: Vec<SealedKey>,
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
        feed::wants(&self.types, name)
    }
}

/// Where a subscription stands. Beside its record, so that the record's revision is that of what people set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The entry of the log up to which messages were made.
    pub seq: u64,
    /// Messages that wait for their first or next attempt.
    pub waiting: u64,
}
first_record!(Place);

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
    /// Attempts so far, the ones before it was sent anew left out.
    pub attempts: u32,
    /// How often it was sent anew by a person: an attempt of an earlier round settles nothing.
    #[serde(default)]
    pub round: u32,
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
pub const WEBHOOKS: Table<Id, Webhook> = Table::new(170, "webhooks", Home::Local);

/// Messages by subscriber and id, oldest first.
pub const MESSAGES: Table<[u8], Message> =
    Table::new(171, "webhook_messages", Home::Local).indexed(&[by_time]);

/// Where each subscription stands, by its id.
pub const PLACES: Table<Id, Place> = Table::new(172, "webhook_places", Home::Local);

fn by_time(m: &Message) -> Option<Vec<u8>> {
    (m.state != State::Pending).then(|| m.created_at.unsigned().to_be_bytes().to_vec())
}

/// Where a message lies.
#[must_use]
pub fn message_key(webhook: Id, id: Id) -> Vec<u8> {
    [webhook.0, id.0].concat()
}

/// Changes where a subscription stands.
///
/// # Errors
/// Storage failures.
pub fn place(tx: &mut dyn WriteTx, webhook: Id, change: impl FnOnce(&mut Place)) -> Result<()> {
    let mut place = PLACES.get(tx, &webhook)?.unwrap_or_default();
    change(&mut place);
    PLACES.put(tx, &webhook, &place).map(drop)
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
    vec![&WEBHOOKS, &MESSAGES, &PLACES]
}
