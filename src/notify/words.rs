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

/// What is told of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Assigned,
    Unassigned,
    Left,
    Completed,
    Failed,
    Cancelled,
}

/// "Delivery 12 was given to you".
pub(super) fn delivery(language: &str, told: Told, number: u64) -> String {
    let [en, pt, es] = match told {
        Told::Assigned => ["was given to you", "foi atribuída a você", "le fue asignada"],
        Told::Unassigned => ["is no longer yours", "não é mais sua", "ya no es suya"],
        Told::Left => ["is on its way", "está a caminho", "está en camino"],
        Told::Completed => ["was handed over", "foi entregue", "fue entregada"],
        Told::Failed => ["could not be handed over", "não pôde ser entregue", "no pudo ser entregada"],
        Told::Cancelled => ["was called off", "foi cancelada", "fue cancelada"],
    };
    match family(language) {
        "pt" => format!("A entrega {number} {pt}"),
        "es" => format!("La entrega {number} {es}"),
        _ => format!("Delivery {number} {en}"),
    }
}

/// The language without its country.
fn family(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}
