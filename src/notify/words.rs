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

/// That a parcel waits at the counter, and until when: subject and text.
pub(super) fn waits(
    language: &str,
    number: &str,
    until: Option<crate::base::clock::Timestamp>,
) -> (String, String) {
    let day = until.map(|t| t.to_string().chars().take(10).collect::<String>());
    match (family(language), day) {
        ("pt", Some(day)) => (
            format!("Sua encomenda {number} espera por você"),
            format!("A encomenda {number} está pronta para retirada até {day}; depois volta ao remetente.\n"),
        ),
        ("pt", None) => (
            format!("Sua encomenda {number} espera por você"),
            format!("A encomenda {number} está pronta para retirada.\n"),
        ),
        ("es", Some(day)) => (
            format!("Su paquete {number} le espera"),
            format!(
                "El paquete {number} está listo para su recogida hasta el {day}; después vuelve al remitente.\n"
            ),
        ),
        ("es", None) => (
            format!("Su paquete {number} le espera"),
            format!("El paquete {number} está listo para su recogida.\n"),
        ),
        (_, Some(day)) => (
            format!("Your parcel {number} is waiting for you"),
            format!(
                "Parcel {number} is ready for collection until {day}; after that it goes back to its sender.\n"
            ),
        ),
        (_, None) => (
            format!("Your parcel {number} is waiting for you"),
            format!("Parcel {number} is ready for collection.\n"),
        ),
    }
}
