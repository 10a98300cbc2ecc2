//! Trying a code against a map: what it means, by which row, and what became of the others.

use serde::Serialize;
use utoipa::ToSchema;

use super::maps::{Compiled, Considered, Fit, Layer, Meaning};

/// Rows shown of those that were looked at.
pub const MAX_CONSIDERED: usize = 50;

/// A row that was looked at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Looked {
    /// Its place in its map, from 0.
    pub row: usize,
    /// Whether it is a shipped one.
    pub shipped: bool,
    /// Whether it is this depot's alone.
    pub site: bool,
    /// Its code.
    pub code: String,
    /// Its second-level code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The words it looks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_contains: Option<String>,
    /// What it does: a status, or info.
    pub status: &'static str,
    /// What became of it.
    pub fit: Fit,
}

/// What a code means, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Tried {
    /// The status it stands for, or info; nothing when nobody has said what it means.
    pub status: Option<&'static str>,
    /// The reason that comes with it.
    pub reason: Option<String>,
    /// Why.
    pub why: String,
    /// The rows for it in the order in which they are looked at: the first that fits counts.
    pub looked_at: Vec<Looked>,
}

/// What `code` means in `map` with this second-level code and event text.
#[must_use]
pub fn tried(map: &Compiled, code: &str, sub: Option<&str>, text: Option<&str>) -> Tried {
    let meaning = map.find(code, sub, text);
    let looked = map.explain(code, sub, text, MAX_CONSIDERED);
    let why = match meaning {
        Meaning::Row(_) => looked.iter().find(|c| c.fit == Fit::Counts).map_or_else(String::new, because),
        Meaning::OwnWord(_) => "no row fits, but it is one of our own words".to_owned(),
        Meaning::Unmapped if looked.is_empty() => "no row has this code".to_owned(),
        Meaning::Unmapped => "no row with this code fits: their words are not in the text, or they are for other second-level codes".to_owned(),
    };
    Tried {
        status: if meaning.is_info() { Some("info") } else { meaning.to().map(|s| s.as_str()) },
        reason: meaning.reason().map(Into::into),
        why,
        looked_at: looked.iter().map(shown).collect(),
    }
}

fn because(c: &Considered<'_>) -> String {
    let whose = match c.layer {
        Layer::Site => "this depot's row",
        Layer::Own => "row",
        Layer::Shipped => "the shipped row",
    };
    let mut why = format!("{whose} {} is the first that fits: code {}", c.place, c.row.code);
    if let Some(sub) = &c.row.sub {
        why.push_str(&format!(", second-level code {sub}"));
    }
    if let Some(words) = &c.row.text_contains {
        why.push_str(&format!(", the text has \"{words}\""));
    }
    why
}

fn shown(c: &Considered<'_>) -> Looked {
    Looked {
        row: c.place,
        shipped: c.layer == Layer::Shipped,
        site: c.layer == Layer::Site,
        code: c.row.code.clone(),
        sub: c.row.sub.clone(),
        text_contains: c.row.text_contains.clone(),
        status: c.row.status.as_str(),
        fit: c.fit,
    }
}
