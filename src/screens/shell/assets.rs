//! The style sheet, the modules and the icon: in the binary, each under a name with the hash of its content, so that a
//! browser may keep it for ever and never has an old one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Path};
use actix_web::{HttpResponse, ResponseError};

use crate::base::error::Kind;
use crate::web::ApiError;
use crate::web::error::Refusal;

#[derive(rust_embed::Embed)]
#[folder = "src/screens/shell/assets"]
struct Files;

/// Every asset; a module stands behind those it imports, since the hashed names of these stand in it.
const NAMES: &[(&str, &str)] = &[
    ("icon.svg", "image/svg+xml"),
    ("icon-192.png", "image/png"),
    ("icon-512.png", "image/png"),
    ("app.css", "text/css; charset=utf-8"),
    ("sound.js", "text/javascript; charset=utf-8"),
    ("wedge.js", "text/javascript; charset=utf-8"),
    ("live.js", "text/javascript; charset=utf-8"),
    ("keys.js", "text/javascript; charset=utf-8"),
    ("scan.js", "text/javascript; charset=utf-8"),
    ("blake3.js", "text/javascript; charset=utf-8"),
    ("sign.js", "text/javascript; charset=utf-8"),
    ("photo.js", "text/javascript; charset=utf-8"),
    ("queue.js", "text/javascript; charset=utf-8"),
    ("driver.js", "text/javascript; charset=utf-8"),
    ("drag.js", "text/javascript; charset=utf-8"),
    ("vehicles.js", "text/javascript; charset=utf-8"),
    ("app.js", "text/javascript; charset=utf-8"),
    ("worker.js", "text/javascript; charset=utf-8"),
];

struct Asset {
    path: String,
    media: &'static str,
    content: Bytes,
}

static ALL: LazyLock<BTreeMap<&'static str, Asset>> = LazyLock::new(|| {
    let mut all: BTreeMap<&'static str, Asset> = BTreeMap::new();
    for (name, media) in NAMES {
        let mut content = Files::get(name).map(|f| f.data.into_owned()).unwrap_or_default();
        if name.ends_with(".js") {
            let mut text = String::from_utf8_lossy(&content).into_owned();
            for (other, asset) in &all {
                text = text.replace(&format!("\"./{other}\""), &format!("\"{}\"", asset.path));
            }
            content = text.into_bytes();
        }
        let hash = blake3::hash(&content).to_hex();
        let (stem, end) = name.split_once('.').unwrap_or((name, ""));
        let path = format!("/assets/{stem}-{}.{end}", &hash[..12]);
        all.insert(name, Asset { path, media, content: content.into() });
    }
    all
});

/// Where the asset `name` is served.
#[must_use]
pub fn path(name: &str) -> &'static str {
    ALL.get(name).map_or("/assets/none", |a| a.path.as_str())
}

/// What the asset `name` holds, for what is served under a name of its own.
#[must_use]
pub fn content(name: &str) -> Option<Bytes> {
    ALL.get(name).map(|a| a.content.clone())
}

/// Serves an asset by its hashed name.
#[allow(clippy::unused_async)] // the form of a handler
pub async fn serve(name: Path<String>) -> HttpResponse {
    let wanted = format!("/assets/{name}");
    match ALL.values().find(|a| a.path == wanted) {
        Some(asset) => HttpResponse::Ok()
            .content_type(asset.media)
            .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .body(asset.content.clone()),
        None => {
            let none = Refusal::new(Kind::NotFound, "request.path", format!("there is nothing at {wanted}"));
            ApiError::from(none).error_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_served_and_modules_name_each_other_by_their_hashed_names() {
        for file in Files::iter() {
            assert!(NAMES.iter().any(|(name, _)| *name == file), "{file} is not served");
        }
        for (name, asset) in ALL.iter() {
            assert!(!asset.content.is_empty(), "{name} is empty");
            let text = String::from_utf8_lossy(&asset.content);
            assert!(!text.contains("from \"./"), "{name} names a module that stands behind it");
            assert!(asset.path.starts_with("/assets/") && path(name) == asset.path);
        }
    }

    #[test]
    fn the_driver_s_worker_keeps_every_file_that_a_page_loads() {
        let worker = String::from_utf8(content("worker.js").unwrap().to_vec()).unwrap();
        let skipped = ["icon-512.png", "worker.js"];
        for name in ALL.keys().filter(|n| !skipped.contains(n)) {
            assert!(worker.contains(path(name)), "{name} is missing without a line");
        }
    }
}
