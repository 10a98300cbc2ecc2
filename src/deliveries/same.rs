//! The same request by the same user has one effect: without a key of the client's own, one is derived from what is
//! asked for. SHA-256 over a fixed prefix, the user and the payload with its keys sorted and its white space normalised.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::model::DeliveryId;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::jobs::retention::{Retained, older};
use crate::store::{Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx};

/// What a request led to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When it was asked for.
    pub at: Timestamp,
}
first_record!(Request);

/// Requests by their derived key.
pub const REQUESTS: Table<Id, Request> = Table::new(151, "delivery_requests", Home::ById);

/// The key of a request.
#[must_use]
pub fn key(user: Id, payload: &Value) -> Id {
    let mut canon = Vec::new();
    write(&mut canon, payload);
    let mut h = Sha256::new();
    h.update(b"delivery\0");
    h.update(user.0);
    h.update(&canon);
    let mut id = [0; 16];
    id.copy_from_slice(&h.finalize()[..16]);
    Id(id)
}

/// Writes `value` so that equal requests are equal bytes: keys in order, blanks as one, none around.
fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            out.push(b'{');
            for k in keys {
                write_text(out, k);
                out.push(b':');
                write(out, &map[k]);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write(out, item);
                out.push(b',');
            }
            out.push(b']');
        }
        Value::String(s) => write_text(out, s),
        other => out.extend(other.to_string().as_bytes()),
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    out.push(b'"');
    out.extend((plain.len() as u64).to_be_bytes());
    out.extend(plain.as_bytes());
}

/// The delivery that the same request made within `days` (0 for ever) before `now`.
///
/// # Errors
/// Storage failures.
pub fn known(tx: &dyn ReadTx, key: Id, now: Timestamp, days: u32) -> Result<Option<DeliveryId>> {
    let within =
        |r: &Request| days == 0 || now.since(r.at) < std::time::Duration::from_secs(u64::from(days) * 86_400);
    Ok(REQUESTS.get(tx, &key)?.filter(within).map(|r| r.delivery))
}

/// Remembers what a request led to.
///
/// # Errors
/// Storage failures.
pub fn keep(tx: &mut dyn WriteTx, key: Id, delivery: DeliveryId, at: Timestamp) -> Result<()> {
    REQUESTS.put(tx, &key, &Request { delivery, at }).map(drop)
}

/// How long requests are remembered, for the retention table.
#[must_use]
pub fn retained() -> Retained {
    Retained {
        name: "delivery_requests",
        days: |r| r.delivery_requests,
        find: |tx, before, after, limit| {
            let range = KeyRange { after, ..KeyRange::all() };
            older(&REQUESTS, tx, (Ix::Primary, range), limit, |r| r.at < before)
        },
        remove: |tx, pk| Id::from_slice(pk).map_or(Ok(()), |id| REQUESTS.del(tx, &id).map(drop)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn order_of_keys_and_white_space_make_no_difference_and_everything_else_does() {
        let (ana, bo) = (Id([1; 16]), Id([2; 16]));
        let a = json!({"customerName": "John  Doe", "packageWeight": 5.5, "tags": ["a", "b"]});
        let b: Value =
            serde_json::from_str(r#"{ "tags":["a","b"], "packageWeight":5.5,"customerName":" John Doe\n" }"#)
                .unwrap();
        assert_eq!(key(ana, &a), key(ana, &b));
        assert_ne!(key(ana, &a), key(bo, &a));
        for other in [
            json!({"customerName": "John Doe", "packageWeight": 5.6, "tags": ["a", "b"]}),
            json!({"customerName": "John Doe", "packageWeight": 5.5, "tags": ["b", "a"]}),
            json!({"customerName": "John Doe", "packageWeight": 5.5, "tags": ["ab"]}),
            json!({"customerName": "John Doe", "packageWeight": 5.5}),
        ] {
            assert_ne!(key(ana, &a), key(ana, &other), "{other}");
        }
    }
}
