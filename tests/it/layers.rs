//! Reads the sources and holds them against the arrows between layers. A file that strays is named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Areas and what each may use of the areas below it.
const AREAS: &[(&str, &[&str])] = &[
    ("parcels", &[]),
    ("cases", &[]),
    ("imports", &["parcels", "freight", "orders", "deliveries", "fleet", "customers"]),
    ("customers", &[]),
    ("manifests", &["parcels", "imports"]),
    ("scan", &["parcels", "manifests"]),
    ("carriers", &["parcels", "freight"]),
    ("labels", &["parcels"]),
    ("deliveries", &["parcels"]),
    ("fleet", &[]),
    ("places", &[]),
    ("routing", &[]),
    ("travel", &["fleet", "places", "routing"]),
    ("routes", &["fleet", "places", "routing", "travel", "deliveries"]),
    ("eta", &["parcels"]),
    ("tracking", &["routing", "routes", "deliveries", "eta"]),
    ("orders", &["deliveries", "parcels"]),
    ("workflow", &[]),
    ("attachments", &[]),
    ("freight", &["attachments", "deliveries", "parcels"]),
];

/// What lies below the areas, from the bottom up: none may use one further up.
const BELOW: &[&str] = &["base", "store", "deadlines", "journal"];

struct Source {
    path: String,
    /// Without comments and without the tests at its end.
    code: String,
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let code =
            code.lines().map(|l| l.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
        let path = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        Source { path, code }
    };
    let is_test = |s: &Source| s.path.ends_with("tests.rs") || s.path.contains("/tests/");
    paths.into_iter().map(read).filter(|s| !is_test(s)).collect()
}

/// The modules of ours that a source names, alone (`crate::parcels::…`) or in a list (`crate::{deadlines, parcels}`).
fn modules(code: &str) -> BTreeSet<String> {
    let word =
        |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut begins) = (1, true);
        for (at, c) in list.char_indices() {
            if begins && !c.is_whitespace() {
                found.insert(word(&list[at..]));
            }
            begins = (c == ',' && depth == 1) || (begins && c.is_whitespace());
            match c {
                '{' => depth += 1,
                '}' if depth == 1 => break,
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    found
}

#[test]
fn a_stray_is_seen_alone_and_in_a_list() {
    let found = modules(
        "use crate::parcels::repo; use crate::{ deadlines::{due, orders}, web }; crate::cases::open();",
    );
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["cases", "deadlines", "parcels", "web"]);
}

/// Every file that says one of `words` and is not among those that may.
fn strays(words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let says =
        |s: &Source| words.iter().find(|w| s.code.contains(**w)).map(|w| format!("src/{} says {w}", s.path));
    sources().iter().filter(|s| !may(&s.path)).filter_map(says).collect()
}

#[test]
fn only_the_store_knows_its_database() {
    let strays = strays(&["use redb", "redb::Database", "::redb::Read", "tokio_postgres"], |path| {
        path.starts_with("store/")
    });
    assert!(strays.is_empty(), "{strays:#?}");
}

/// What may know HTTP: an area's `api.rs` and its like, the web, the command line, the wiring.
fn is_edge(path: &str) -> bool {
    let tops = ["web/", "screens/", "cli"];
    let top = tops.iter().any(|top| path.starts_with(top)) || path == "app.rs" || path == "main.rs";
    top || ["/api.rs", "_api.rs"].iter().any(|end| path.ends_with(end))
        || ["/api/", "_api/"].iter().any(|folder| path.contains(folder))
}

#[test]
fn only_the_edge_knows_http() {
    let strays = strays(&["actix_web"], is_edge);
    assert!(strays.is_empty(), "{strays:#?}");
}

#[test]
fn only_one_file_reads_the_clock() {
    let strays =
        strays(&["SystemTime::now", "Timestamp::now()", "Zoned::now", "Utc::now", "Local::now"], |p| {
            p == "base/clock.rs"
        });
    assert!(strays.is_empty(), "{strays:#?}");
    // Measuring how long something took is another thing than asking what time it is.
    let rooms = ["store/", "jobs/", "imports/", "web/"];
    let measures = |p: &str| p == "base/clock.rs" || rooms.iter().any(|room| p.starts_with(room));
    let strays = self::strays(&["Instant::now"], measures);
    assert!(strays.is_empty(), "{strays:#?}");
}

#[test]
fn areas_call_downhill_and_never_into_anothers_tables() {
    let mut strays = Vec::new();
    for source in sources() {
        // An area's own edge belongs to the web layer, above all areas.
        if is_edge(&source.path) {
            continue;
        }
        let Some((area, may)) = AREAS.iter().find(|(a, _)| source.path.starts_with(&format!("{a}/"))) else {
            continue;
        };
        let modules = modules(&source.code);
        for (other, _) in AREAS.iter().filter(|(o, _)| o != area) {
            let uses = modules.contains(*other);
            // Opening a case is open to every area: it lies beside the journal.
            if uses && !may.contains(other) && *other != "cases" {
                strays.push(format!("src/{} uses {other}, which is not below {area}", source.path));
            }
            if [":", ";", ","].iter().any(|end| source.code.contains(&format!("crate::{other}::repo{end}"))) {
                strays.push(format!("src/{} uses the tables of {other}; ask its service", source.path));
            }
        }
    }
    assert!(strays.is_empty(), "{strays:#?}");
}

#[test]
fn what_lies_below_the_areas_knows_none_of_them() {
    let mut strays = Vec::new();
    for source in sources() {
        let Some(layer) = BELOW.iter().position(|l| source.path.starts_with(&format!("{l}/"))) else {
            continue;
        };
        let above =
            BELOW[layer + 1..].iter().copied().filter(|l| *l != "deadlines" || BELOW[layer] != "journal");
        let above = above
            .chain(AREAS.iter().map(|(a, _)| *a))
            .chain(["notify", "reports", "sync", "web", "events", "webhooks", "screens", "cli", "app"]);
        let modules = modules(&source.code);
        for upper in above {
            if modules.contains(upper) {
                strays.push(format!("src/{} uses {upper}, which lies above {}", source.path, BELOW[layer]));
            }
        }
    }
    assert!(strays.is_empty(), "{strays:#?}");
}
