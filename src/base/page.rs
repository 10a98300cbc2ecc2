//! Pages of a list: how many, and where the next one begins.

use serde::{Deserialize, Serialize};

/// Rows of a page when nobody says.
pub const DEFAULT_LIMIT: usize = 50;
/// Rows of a page at the most.
pub const MAX_LIMIT: usize = 500;

/// One page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub items: Vec<T>,
    /// Hand this back as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page with each row turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}
