//! The words of what we send, in the languages we speak.

/// "and 17 more".
pub(super) fn and_more(language: &str, n: u64) -> String {
    match family(language) {
        "pt" => format!("e mais {n}"),
        "es" => format!("y {n} más"),
        _ => format!("and {n} more"),
    }
}

/// The language without its country.
fn family(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}
