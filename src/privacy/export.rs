//! All that is held of a person, as one document they can be given.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::find::label;
use super::model::Subject;
use crate::attachments::vault::Vault;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::event::FoldKey;
use crate::journal::{change, log};
use crate::store::{ReadTx, Store, StoreError, Tenant};
use crate::sync::registry::Registry;

/// Bytes of documents that go into one export; further ones are named only.
pub const MAX_FILES: u64 = 20 << 20;

/// One record of it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PersonalData)]
pub struct Held {
    /// Which.
    #[serde(flatten)]
    pub subject: Subject,
    /// What people call it.
    pub label: String,
    /// As it is now.
    #[schema(value_type = Object)]
    pub state: Value,
    /// Every change of it, oldest first: when, and what it says.
    #[schema(value_type = Vec<Object>)]
    pub changes: Vec<Value>,
    /// A document's content in base64, where it lies here and there is room for it.
    pub content: Option<String>,
}

/// The whole.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PersonalDataExport)]
pub struct Export {
    /// When it was made.
    pub made_at: Timestamp,
    /// The records.
    pub items: Vec<Held>,
}

/// MessagePack as JSON; ids as they are written everywhere, other bytes in base64.
fn json_of(value: &rmpv::Value) -> Value {
    match value {
        rmpv::Value::Nil | rmpv::Value::Ext(..) => Value::Null,
        rmpv::Value::Boolean(b) => (*b).into(),
        rmpv::Value::Integer(n) => n.as_u64().map_or_else(|| json!(n.as_i64()), Value::from),
        rmpv::Value::F32(f) => json!(f),
        rmpv::Value::F64(f) => json!(f),
        rmpv::Value::String(s) => s.as_str().unwrap_or_default().into(),
        rmpv::Value::Binary(b) => {
            Id::from_slice(b).map_or_else(|| STANDARD.encode(b), |id| id.to_string()).into()
        }
        rmpv::Value::Array(all) => all.iter().map(json_of).collect(),
        rmpv::Value::Map(all) => {
            let pairs = all.iter().map(|(k, v)| (k.as_str().unwrap_or_default().to_owned(), json_of(v)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
    }
}

fn one(tx: &dyn ReadTx, registry: &Registry, s: &Subject) -> Result<Option<Held>, StoreError> {
    let Some(folder) = registry.iter().find(|f| f.name == s.kind) else { return Ok(None) };
    let Some(state) = (folder.shown)(tx, s.id)? else { return Ok(None) };
    let (mut changes, mut at) = (Vec::new(), (folder.line)(tx, s.id)?.map_or(0, |line| line.head));
    while at != 0 {
        let entry = log::applied(tx, at)?;
        let (header, body) = change::decode(&entry.blob)?;
        let body: rmpv::Value = rmpv::decode::read_value(&mut &body[..])
            .map_err(|e| StoreError::Codec { what: "change", why: e.to_string() })?;
        let when = FoldKey { eff: header.t, t: header.t, eid: change::eid(&entry.blob) }.at();
        changes.push(json!({ "at": when, "kind": header.k, "says": json_of(&body) }));
        at = entry.prev;
    }
    changes.reverse();
    let label = label(&state, s.id);
    Ok(Some(Held { subject: s.clone(), label, state, changes, content: None }))
}

/// Everything that is held in these records.
///
/// # Errors
/// Storage failures.
pub fn of(
    store: &Store,
    tenant: Tenant,
    registry: &Registry,
    vault: &Vault,
    subjects: &[Subject],
    now: Timestamp,
) -> Result<Export, StoreError> {
    let (mut items, mut left) = (Vec::new(), MAX_FILES);
    for s in subjects {
        let Some(mut held) = store.read(tenant, |tx| one(tx, registry, s))? else { continue };
        let hash = held.state["hash"].as_array().filter(|_| s.kind == "attachment");
        let hash: Option<Vec<u8>> =
            hash.map(|all| all.iter().filter_map(|n| n.as_u64()?.try_into().ok()).collect());
        if let Some(hash) = hash.and_then(|h| <[u8; 32]>::try_from(h).ok())
            && let Some(size) = held.state["size"].as_u64().filter(|size| *size <= left)
            && let Ok(bytes) = std::fs::read(vault.content(tenant, &hash))
        {
            left -= size;
            held.content = Some(STANDARD.encode(bytes));
        }
        items.push(held);
    }
    Ok(Export { made_at: now, items })
}
