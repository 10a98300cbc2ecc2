//! The words of what we send, in the languages we speak.

/// "37 new cases".
pub(super) fn new_cases(language: &str, n: u64) -> String {
    match (family(language), n) {
        ("pt", 1) => "1 caso novo".into(),
        ("pt", n) => format!("{n} casos novos"),
        ("es", 1) => "1 caso nuevo".into(),
        ("es", n) => format!("{n} casos nuevos"),
        (_, 1) => "1 new case".into(),
        (_, n) => format!("{n} new cases"),
    }
}

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
