//! What a code that nobody has mapped may mean: by the words in it and beside it, by what other carriers mean by it, and by
//! texts that are like its own. A suggestion is a help for a person and never counts by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Serialize;
use utoipa::ToSchema;

use super::maps::{MapRow, Mapped, normal, shipped, sources};
use super::model::Status;
use super::unmapped::Unmapped;

/// Suggestions for one code.
pub const MAX_SUGGESTIONS: usize = 3;
/// Texts less like one another than this are no help.
const LIKE: f64 = 0.5;
/// Words of a text that are compared.
const MAX_WORDS: usize = 24;

/// What a code may mean.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Suggestion {
    /// A status, or info.
    #[schema(value_type = String)]
    pub status: Mapped,
    /// A reason code that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How sure it is, in percent.
    pub score: u8,
    /// Why.
    pub because: String,
}

/// Words that carriers use, in the languages files come in; what says more stands before what says less.
#[rustfmt::skip]
const WORDS: [(&str, Status, Option<&str>, &[&str]); 24] = [
    ("not delivered", Status::Attempted, None, &["not delivered", "undelivered", "delivery failed", "failed delivery", "attempted", "attempt", "nicht angetroffen", "zustellversuch", "intento de entrega", "tentativa de entrega", "tentative de livraison", "nieudana", "ausente", "absent", "not home", "no one home", "nobody home"]),
    ("returned", Status::Returned, None, &["returned to sender", "returned to shipper", "zur\u{fc}ckgesendet", "devuelto", "devolvido", "retourn\u{e9}"]),
    ("on its way back", Status::Returning, None, &["return to sender", "return to shipper", "returning", "return", "retoure", "r\u{fc}cksendung", "devoluci\u{f3}n", "devolu\u{e7}\u{e3}o", "retour", "zwrot"]),
    ("out for delivery", Status::OutForDelivery, None, &["out for delivery", "with delivery courier", "on vehicle for delivery", "in zustellung", "zustellfahrzeug", "en reparto", "saiu para entrega", "en cours de livraison", "w dor\u{119}czeniu", "wydana do dor\u{119}czenia"]),
    ("ready to be collected", Status::ReadyForPickup, None, &["available for pickup", "ready for pickup", "ready for collection", "awaiting collection", "pickup point", "pick-up point", "parcel locker", "abholbereit", "abholung", "disponible para recoger", "aguardando retirada", "point relais", "do odbioru", "available_for_pickup"]),
    ("delivered", Status::Delivered, None, &["delivered", "zugestellt", "entregado", "entregada", "entregue", "livr\u{e9}", "distribu\u{e9}", "consegnato", "dor\u{119}czona", "dor\u{119}czono", "bezorgd", "afgeleverd", "proof of delivery", "pod"]),
    ("cancelled", Status::Cancelled, None, &["cancelled", "canceled", "storniert", "cancelado", "cancelada", "annul\u{e9}", "voided"]),
    ("lost", Status::Lost, Some("lost"), &["lost", "missing", "verloren", "extraviado", "perdido", "perdu", "zaginion"]),
    ("disposed of", Status::Disposed, None, &["destroyed", "disposed", "vernichtet", "destruido", "destru\u{ed}do", "d\u{e9}truit"]),
    ("damaged", Status::OnHold, Some("damaged"), &["damaged", "damage", "besch\u{e4}digt", "da\u{f1}ado", "danificado", "avariado", "endommag\u{e9}", "uszkodzon"]),
    ("refused", Status::OnHold, Some("refused"), &["refused", "rejected by recipient", "annahme verweigert", "rechazado", "recusado", "refus\u{e9}"]),
    ("address", Status::OnHold, Some("address_incomplete"), &["incorrect address", "wrong address", "insufficient address", "address incomplete", "bad address", "adresse unvollst\u{e4}ndig", "endere\u{e7}o insuficiente", "direcci\u{f3}n incorrecta"]),
    ("weather", Status::OnHold, Some("weather"), &["weather", "storm", "snow", "unwetter", "tempestade", "clima"]),
    ("held", Status::OnHold, None, &["on hold", "held", "exception", "delayed", "delay", "missort", "zur\u{fc}ckgestellt", "retenido", "retido", "en attente"]),
    ("customs", Status::Customs, None, &["customs", "clearance", "zoll", "aduana", "alf\u{e2}ndega", "douane", "dogana", "import scan"]),
    ("announced", Status::Announced, None, &["label created", "pre-shipment", "pre_transit", "info sent", "information received", "electronic notification", "order processed", "shipment created", "manifest", "data received", "angek\u{fc}ndigt", "auftrag", "etiqueta", "pr\u{e9}-avis", "preadvice", "shipper created"]),
    ("accepted", Status::Accepted, None, &["picked up", "pickup", "collected", "accepted", "acceptance", "received by carrier", "abgeholt", "eingeliefert", "recogido", "recolhido", "coletado", "postado", "pris en charge", "collection made", "origin post"]),
    ("at a depot", Status::AtDepot, None, &["arrived at", "arrival", "arrived", "at depot", "at facility", "sorted", "sorting", "hub", "terminal", "warehouse", "processed", "eingetroffen", "sortiert", "llegada", "chegou", "arriv\u{e9}", "ontvangen", "unloaded"]),
    ("on its way", Status::InTransit, None, &["in transit", "in_transit", "transit", "departed", "departure", "left", "en route", "forwarded", "dispatched", "shipped", "linehaul", "unterwegs", "en tr\u{e1}nsito", "em tr\u{e2}nsito", "encaminhado", "en transit", "onderweg", "w drodze", "loaded"]),
    ("going out", Status::OutForDelivery, None, &["courier", "driver", "vehicle"]),
    ("known as nothing", Status::Unknown, None, &["unknown", "no information", "not found"]),
    ("information", Status::Announced, None, &["information", "registered", "booked"]),
    ("refused by customs", Status::Customs, Some("customs_hold"), &["duty", "duties", "tax"]),
    ("at a shop", Status::ReadyForPickup, None, &["locker", "shop", "post office", "parcelshop"]),
];

/// A shipped row with the words of its meaning.
struct Known {
    source: &'static str,
    row: &'static MapRow,
    words: BTreeSet<String>,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let rows = sources().filter_map(|s| Some((s, shipped(s)?)));
    rows.flat_map(|(source, map)| {
        map.rows.iter().map(move |row| Known { source, row, words: words(&row.meaning) })
    })
    .collect()
});

fn words(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| w.chars().count() > 2);
    words.take(MAX_WORDS).map(str::to_owned).collect()
}

/// What `seen` may mean, the likeliest first.
#[must_use]
pub fn suggestions(seen: &Unmapped) -> Vec<Suggestion> {
    let mut all: Vec<Suggestion> =
        by_words(seen).into_iter().chain(by_code(seen)).chain(by_text(seen)).collect();
    all.sort_by_key(|s| std::cmp::Reverse(s.score));
    let mut kept: Vec<Suggestion> = Vec::new();
    for s in all {
        if kept.len() < MAX_SUGGESTIONS && !kept.iter().any(|k| k.status == s.status) {
            kept.push(s);
        }
    }
    kept
}

/// Whether `text` has `words` as words of their own.
fn says(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let alone = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        alone(text[..at].chars().next_back()) && alone(text[at + words.len()..].chars().next())
    })
}

fn by_words(seen: &Unmapped) -> Option<Suggestion> {
    let text = seen.text.as_deref().unwrap_or_default().to_lowercase();
    let code = seen.code.to_lowercase().replace(['_', '-'], " ");
    for (place, certainty) in [(&text, 80), (&code, 75)] {
        for (_, status, reason, list) in &WORDS {
            if let Some(word) = list.iter().find(|w| says(place, w)) {
                return Some(Suggestion {
                    status: Mapped::Status(*status),
                    reason: reason.map(str::to_owned),
                    score: certainty,
                    because: format!("\"{word}\" mostly means this"),
                });
            }
        }
    }
    None
}

/// What most other carriers mean by the same code.
fn by_code(seen: &Unmapped) -> Option<Suggestion> {
    let code = normal(&seen.code);
    // Two carriers' numbers are the same by chance.
    if code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut votes: BTreeMap<&str, (u64, &Known)> = BTreeMap::new();
    let mut all = 0;
    for known in KNOWN.iter().filter(|k| normal(&k.row.code) == code) {
        all += 1;
        votes.entry(known.row.status.as_str()).or_insert((0, known)).0 += 1;
    }
    let (votes, known) = votes.into_values().max_by_key(|(n, _)| *n)?;
    let score = u8::try_from(40 + 30 * votes / all).unwrap_or(70);
    let others = if all == 1 {
        format!("{} means this by it", known.source)
    } else {
        format!("{votes} of {all} rows of other carriers mean this by it, such as {}", known.source)
    };
    Some(Suggestion { status: known.row.status, reason: known.row.reason.clone(), score, because: others })
}

/// What the shipped row means whose words are most like those beside the code.
fn by_text(seen: &Unmapped) -> Option<Suggestion> {
    let ours = words(seen.text.as_deref()?);
    if ours.is_empty() {
        return None;
    }
    #[allow(clippy::cast_precision_loss)] // at most MAX_WORDS
    let like = |k: &Known| {
        let both = k.words.intersection(&ours).count();
        2.0 * both as f64 / (k.words.len() + ours.len()) as f64
    };
    let (score, known) =
        KNOWN.iter().map(|k| (like(k), k)).max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(s, _)| *s >= LIKE)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0.5 to 1 of 85
    Some(Suggestion {
        status: known.row.status,
        reason: known.row.reason.clone(),
        score: (score * 85.0) as u8,
        because: format!("{} {}: \"{}\"", known.source, known.row.code, known.row.meaning),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Timestamp;
    use crate::base::ids::Id;

    fn first(code: &str, text: &str) -> Option<Suggestion> {
        let text = Some(text).filter(|t| !t.is_empty());
        let seen = Unmapped::new("nobody", code, None, text, Id::NIL, Timestamp::ZERO);
        let all = suggestions(&seen);
        assert!(all.len() <= MAX_SUGGESTIONS && all.is_sorted_by(|a, b| a.score >= b.score), "{all:?}");
        all.into_iter().next()
    }

    #[test]
    fn words_in_many_languages_are_known() {
        for (code, text, status) in [
            ("X1", "Shipment Delivered to neighbour", Status::Delivered),
            ("X1", "The parcel could not be handed over: not delivered", Status::Attempted),
            ("X1", "Saiu para entrega ao destinat\u{e1}rio", Status::OutForDelivery),
            ("OUT_FOR_DELIVERY", "", Status::OutForDelivery),
            ("X1", "Sendung im Zoll", Status::Customs),
            ("X1", "Departed from facility", Status::AtDepot),
        ] {
            let found = first(code, text).unwrap_or_else(|| panic!("{code} {text}"));
            if text.starts_with("Departed") {
                // Either reading is a fair one: the person decides.
                assert!(
                    matches!(found.status, Mapped::Status(Status::AtDepot | Status::InTransit)),
                    "{found:?}"
                );
            } else {
                assert_eq!(found.status, Mapped::Status(status), "{code} {text}: {found:?}");
            }
            assert!(!found.because.is_empty());
        }
        assert_eq!(first("X1", "Paket besch\u{e4}digt").unwrap().reason.as_deref(), Some("damaged"));
    }

    #[test]
    fn a_code_others_use_and_a_text_like_theirs_say_something_and_gibberish_nothing() {
        let found = first("EMI", "").unwrap();
        assert_eq!(found.status, Mapped::Status(Status::Delivered));
        let row = &shipped("canada_post").or_else(|| sources().next().and_then(shipped)).unwrap().rows[0];
        let same = first("QQQQ", &row.meaning).unwrap();
        assert!(same.score >= 80, "{same:?}");
        assert_eq!(first("ZQX-17", "qwrt zxcv"), None);
        assert_eq!(first("1234567", ""), None);
        assert!(says("in zoll, ja", "zoll") && !says("zollern", "zoll"));
    }
}
