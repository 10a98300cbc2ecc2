//! The real data files that lie beside the project where they are at hand; tests that need them say so when they are not.

use std::path::PathBuf;

/// What the words of the Olist files mean.
pub const OLIST: [(&str, &str); 8] = [
    ("created", "announced"),
    ("approved", "announced"),
    ("invoiced", "announced"),
    ("processing", "announced"),
    ("shipped", "in_transit"),
    ("delivered", "delivered"),
    ("canceled", "cancelled"),
    ("unavailable", "disposed"),
];

/// The path of `name` among the shared data; none, said aloud, where it is absent.
pub fn shared(name: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("CROSSDOCK_SHARED").map_or(beside, PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIP: {} is absent", path.display());
    None
}

/// The true figures beside a data set.
pub fn facts(folder: &str) -> Option<serde_json::Value> {
    let text = std::fs::read(shared(&format!("data/{folder}/facts.json"))?).ok()?;
    serde_json::from_slice(&text).ok()
}
