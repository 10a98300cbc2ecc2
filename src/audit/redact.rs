//! What is left of an audit entry about a person who was erased: who did what to which record, when, and which fields;
//! of the values only those that say nothing about anybody.

use serde_json::Value;

use super::{Body, Changed};
use crate::journal::redaction::ERASED;
use crate::store::{Result, StoreError};

/// Fields whose values are words of ours, numbers and ids.
const PLAIN: &[&str] = &[
    "and_more",
    "attempt",
    "blamed",
    "changes",
    "confirmed_by",
    "custody",
    "digest",
    "erasure",
    "flags",
    "last_free_day",
    "level",
    "next_site",
    "parcels",
    "priority",
    "raw_status",
    "reason",
    "records",
    "resolution",
    "seen",
    "stage",
    "state",
    "status",
    "tier",
];

fn is_plain(field: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) if text == ERASED => true,
        _ => PLAIN.contains(&field),
    }
}

/// The entry without them, when it had any.
///
/// # Errors
/// When it can't be read.
pub fn erased(body: &[u8]) -> Result<Option<Vec<u8>>> {
    let bad = |e: &dyn std::fmt::Display| StoreError::Codec { what: "audit", why: e.to_string() };
    let mut entry: Body = rmp_serde::from_slice(body).map_err(|e| bad(&e))?;
    let mut any = false;
    for Changed(field, before, after) in &mut entry.d {
        for value in [before, after] {
            if !is_plain(field, value) {
                *value = ERASED.into();
                any = true;
            }
        }
    }
    if any { rmp_serde::to_vec_named(&entry).map(Some).map_err(|e| bad(&e)) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_and_what_was_done_stays() {
        let d = vec![
            Changed::new("name", "Ana", "Bea"),
            Changed::new("status", "created", "delivered"),
            Changed::new("version", 1, 2),
            Changed::new("facts", Value::Null, serde_json::json!({ "phone": "555" })),
        ];
        let body = Body {
            act: "parcel.described".into(),
            rec: "parcel".into(),
            ev: None,
            d,
            by: "clerk".into(),
            dev: None,
            via: "http".into(),
        };
        let bytes = rmp_serde::to_vec_named(&body).unwrap();
        let left = erased(&bytes).unwrap().unwrap();
        let entry: Body = rmp_serde::from_slice(&left).unwrap();
        assert_eq!(entry.d[0], Changed::new("name", ERASED, ERASED));
        assert_eq!(entry.d[1..3], body.d[1..3]);
        assert_eq!(entry.d[3], Changed::new("facts", Value::Null, ERASED));
        assert_eq!((entry.by, entry.act), (body.by, body.act));
        assert!(erased(&left).unwrap().is_none(), "there is nothing left to erase");
    }
}
