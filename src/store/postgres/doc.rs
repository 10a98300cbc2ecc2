//! Documents for analysts: a record's MessagePack as JSON text, as `jsonb` takes it.

use rmpv::Value;
use serde_json::{Map, Value as Json};

/// Levels of nesting that are shown; what lies deeper is null.
const DEEPEST: usize = 32;
/// Stands for U+0000, which `jsonb` does not take.
const NUL: &str = "\u{2400}";

/// The document of a record's or log entry's bytes, version byte first; none when they are no MessagePack.
pub(super) fn document(body: &[u8]) -> Option<String> {
    let (_, mut packed) = body.split_first()?;
    let value = rmpv::decode::read_value(&mut packed).ok().filter(|_| packed.is_empty())?;
    Some(json(value, 0).to_string())
}

fn text(s: &str) -> String {
    if s.contains('\0') { s.replace('\0', NUL) } else { s.to_owned() }
}

fn json(value: Value, depth: usize) -> Json {
    if depth > DEEPEST {
        return Json::Null;
    }
    match value {
        Value::Nil | Value::Ext(..) => Json::Null,
        Value::Boolean(b) => b.into(),
        Value::Integer(n) => {
            n.as_i64().map(Json::from).or_else(|| n.as_u64().map(Json::from)).unwrap_or_default()
        }
        Value::F32(f) => f64::from(f).into(),
        Value::F64(f) => f.into(),
        Value::String(s) => text(&String::from_utf8_lossy(s.as_bytes())).into(),
        Value::Binary(b) => binary(&b, depth),
        Value::Array(items) => Json::Array(items.into_iter().map(|v| json(v, depth + 1)).collect()),
        Value::Map(members) => {
            let member = |(k, v): (Value, Value)| {
                let name = match json(k, depth + 1) {
                    Json::String(name) => name,
                    other => other.to_string(),
                };
                (name, json(v, depth + 1))
            };
            Json::Object(members.into_iter().map(member).collect::<Map<_, _>>())
        }
    }
}

/// Ids as the API writes them, a map that was packed once more as the map it is, other bytes in hex.
fn binary(b: &[u8], depth: usize) -> Json {
    if let Ok(id) = <[u8; 16]>::try_from(b) {
        return uuid::Uuid::from_bytes(id).hyphenated().to_string().into();
    }
    let mut rest = b;
    match rmpv::decode::read_value(&mut rest) {
        Ok(map @ Value::Map(_)) if rest.is_empty() => json(map, depth + 1),
        _ => b.iter().map(|b| format!("{b:02x}")).collect::<String>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(value: &Value) -> Vec<u8> {
        let mut out = vec![1];
        rmpv::encode::write_value(&mut out, value).unwrap();
        out
    }

    #[test]
    fn a_record_becomes_what_the_api_would_show() {
        let inner = packed(&Value::Map(vec![("k".into(), 1.into())]));
        let value = Value::Map(vec![
            ("id".into(), Value::Binary(vec![1; 16])),
            ("b".into(), Value::Binary(inner[1..].to_vec())),
            ("raw".into(), Value::Binary(vec![0xca, 0xfe])),
            ("n\0".into(), "a\0b".into()),
            ("most".into(), u64::MAX.into()),
            ("nan".into(), Value::F64(f64::NAN)),
            (7.into(), Value::Array(vec![Value::Nil, true.into(), (-3).into()])),
        ]);
        let expected = serde_json::json!({
            "id": "01010101-0101-0101-0101-010101010101",
            "b": { "k": 1 },
            "raw": "cafe",
            "n\u{2400}": "a\u{2400}b",
            "most": u64::MAX,
            "nan": null,
            "7": [null, true, -3],
        });
        let found: Json = serde_json::from_str(&document(&packed(&value)).unwrap()).unwrap();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_messagepack_has_no_document() {
        assert_eq!((document(b""), document(b"\x01"), document(b"\x01\x01\x02")), (None, None, None));
    }

    #[test]
    fn what_is_too_deep_ends_in_nothing() {
        let mut value = Value::Nil;
        for _ in 0..200 {
            value = Value::Array(vec![value]);
        }
        let text = document(&packed(&value)).unwrap();
        assert_eq!(text.matches('[').count(), DEEPEST + 1);
    }
}
