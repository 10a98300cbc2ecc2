//! What consignees are written of a waybill, in the languages we speak. Pure: what it says was looked up before.

use jiff::civil::{Date, DateTime};

use crate::base::money::{Money, decimals};

/// What a letter tells of a waybill. Times are those of the terminal's clocks.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Its number.
    pub number: String,
    /// Pieces that were announced, as far as anybody has said.
    pub expected: Option<u32>,
    /// Pieces that were received from the flight.
    pub received: u32,
    /// The flight it is announced on.
    pub flight: Option<String>,
    /// When it is expected.
    pub eta: Option<DateTime>,
    /// When it was received.
    pub received_at: Option<DateTime>,
    /// The last day it lies there for nothing.
    pub lfd: Option<Date>,
    /// The import service charge.
    pub isc: Option<Money>,
}

#[derive(Clone, Copy)]
enum Language {
    English,
    Portuguese,
    Spanish,
}

impl Language {
    fn of(tag: &str) -> Self {
        match tag.split('-').next() {
            Some("pt") => Self::Portuguese,
            Some("es") => Self::Spanish,
            _ => Self::English,
        }
    }

    /// The one of three texts that is in this language.
    fn say<'a>(self, english: &'a str, portuguese: &'a str, spanish: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Portuguese => portuguese,
            Self::Spanish => spanish,
        }
    }

    fn pieces(self, n: u32) -> String {
        let one = self.say("piece", "volume", "bulto");
        if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
    }

    /// A moment, to the minute.
    fn at(self, t: Option<DateTime>) -> String {
        let unknown = || self.say("not known yet", "ainda não se sabe", "aún no se sabe").to_owned();
        t.map_or_else(unknown, |t| {
            format!("{} {:02}:{:02}", t.date(), t.hour(), t.minute()) // the same in every country
        })
    }

    fn money(self, m: &Money) -> String {
        let places = decimals(&m.currency);
        let unit = 10_u64.pow(places);
        let (whole, rest) = (m.minor.unsigned_abs() / unit, m.minor.unsigned_abs() % unit);
        let sign = if m.minor < 0 { "-" } else { "" };
        let point = self.say(".", ",", ",");
        match usize::try_from(places).unwrap_or(0) {
            0 => format!("{sign}{whole} {}", m.currency),
            width => format!("{sign}{whole}{point}{rest:0width$} {}", m.currency),
        }
    }

    fn waybill(self) -> &'static str {
        self.say("air waybill", "conhecimento aéreo", "guía aérea")
    }
}

/// Subject and text of the letter `template` about `told`, in the language `tag`. A template that is none of ours is the
/// text itself.
#[must_use]
pub fn letter(tag: &str, template: &str, told: &Told) -> (String, String) {
    let language = Language::of(tag);
    let (waybill, number) = (language.waybill(), &told.number);
    match template {
        "pre_alert" => {
            let head = language.say("Pre-alert for", "Pré-alerta do", "Prealerta de la");
            (format!("{head} {waybill} {number}"), pre_alert(language, told))
        }
        "arrival_notice" => {
            let head = language.say("Arrival notice for", "Aviso de chegada do", "Aviso de llegada de la");
            (format!("{head} {waybill} {number}"), arrival(language, told))
        }
        text => {
            let head = language.say("Air waybill", "Conhecimento aéreo", "Guía aérea");
            (format!("{head} {number}"), text.to_owned())
        }
    }
}

fn pre_alert(language: Language, told: &Told) -> String {
    let count = told.expected.map(|n| format!(" ({})", language.pieces(n))).unwrap_or_default();
    let unknown = language.say("not known yet", "ainda não se sabe", "aún no se sabe");
    let begin = language.say(
        "We have the papers of air waybill",
        "Temos os documentos do conhecimento aéreo",
        "Tenemos los documentos de la guía aérea",
    );
    let (flight, expected) = (
        language.say("Flight", "Voo", "Vuelo"),
        language.say("Expected arrival", "Chegada prevista", "Llegada prevista"),
    );
    format!(
        "{begin} {}{count}.\n{flight}: {}\n{expected}: {}\n",
        told.number,
        told.flight.as_deref().unwrap_or(unknown),
        language.at(told.eta),
    )
}

fn arrival(language: Language, told: &Told) -> String {
    let number = &told.number;
    let received = told.received;
    let begin = match (language, told.expected) {
        (Language::English, Some(n)) => {
            format!("Received of air waybill {number}: {received} of {}.", language.pieces(n))
        }
        (Language::Portuguese, Some(n)) => {
            format!("Recebido do conhecimento aéreo {number}: {received} de {}.", language.pieces(n))
        }
        (Language::Spanish, Some(n)) => {
            format!("Recibido de la guía aérea {number}: {received} de {}.", language.pieces(n))
        }
        (Language::English, None) => format!("Your shipment of air waybill {number} has arrived."),
        (Language::Portuguese, None) => format!("Sua remessa do conhecimento aéreo {number} chegou."),
        (Language::Spanish, None) => format!("Su envío de la guía aérea {number} ha llegado."),
    };
    let (at, last, charge) = (
        language.say("Received", "Recebido", "Recibido"),
        language.say("Last free day", "Último dia livre", "Último día libre"),
        language.say(
            "Import service charge",
            "Taxa de serviço de importação",
            "Cargo por servicio de importación",
        ),
    );
    let later = language.say("will be told", "será informado", "se informará");
    let lfd = told.lfd.map_or_else(|| later.to_owned(), |d| d.to_string());
    let isc = told.isc.as_ref().map(|m| format!("{charge}: {}\n", language.money(m))).unwrap_or_default();
    format!("{begin}\n{at}: {}\n{last}: {lfd}\n{isc}", language.at(told.received_at))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn told() -> Told {
        Told {
            number: "020-12345675".into(),
            expected: Some(2),
            received: 1,
            flight: Some("LH900".into()),
            eta: Some(date(2026, 11, 21).at(9, 5, 0, 0)),
            received_at: Some(date(2026, 11, 21).at(14, 30, 59, 0)),
            lfd: Some(date(2026, 11, 23)),
            isc: Some(Money { minor: 4_505, currency: "GBP".into() }),
        }
    }

    #[test]
    fn both_letters_say_the_same_in_three_languages() {
        for (tag, subject, line) in [
            ("en", "Pre-alert for air waybill 020-12345675", "Expected arrival: 2026-11-21 09:05"),
            ("pt-BR", "Pré-alerta do conhecimento aéreo 020-12345675", "Chegada prevista: 2026-11-21 09:05"),
            ("es", "Prealerta de la guía aérea 020-12345675", "Llegada prevista: 2026-11-21 09:05"),
        ] {
            let (title, text) = letter(tag, "pre_alert", &told());
            assert_eq!(title, subject);
            assert!(text.contains(line) && text.contains("LH900") && text.contains("(2 "), "{text}");
        }
        for (tag, subject, lines) in [
            (
                "en",
                "Arrival notice for air waybill 020-12345675",
                "Received of air waybill 020-12345675: 1 of 2 pieces.\nReceived: 2026-11-21 14:30\nLast free day: 2026-11-23\nImport service charge: 45.05 GBP\n",
            ),
            (
                "pt-BR",
                "Aviso de chegada do conhecimento aéreo 020-12345675",
                "Recebido do conhecimento aéreo 020-12345675: 1 de 2 volumes.\nRecebido: 2026-11-21 14:30\nÚltimo dia livre: 2026-11-23\nTaxa de serviço de importação: 45,05 GBP\n",
            ),
            (
                "es",
                "Aviso de llegada de la guía aérea 020-12345675",
                "Recibido de la guía aérea 020-12345675: 1 de 2 bultos.\nRecibido: 2026-11-21 14:30\nÚltimo día libre: 2026-11-23\nCargo por servicio de importación: 45,05 GBP\n",
            ),
        ] {
            assert_eq!(letter(tag, "arrival_notice", &told()), (subject.to_owned(), lines.to_owned()));
        }
    }

    #[test]
    fn what_nobody_knows_is_said_so_and_a_house_may_write_its_own_words() {
        let bare = Told { number: "1".into(), ..Told::default() };
        let (_, text) = letter("en", "pre_alert", &bare);
        assert_eq!(
            text,
            "We have the papers of air waybill 1.\nFlight: not known yet\nExpected arrival: not known yet\n"
        );
        let (_, text) = letter("es", "arrival_notice", &bare);
        assert_eq!(
            text,
            "Su envío de la guía aérea 1 ha llegado.\nRecibido: aún no se sabe\nÚltimo día libre: se informará\n"
        );
        assert_eq!(letter("pt-BR", "Venham.", &bare), ("Conhecimento aéreo 1".into(), "Venham.".into()));
        let yen = Money { minor: -1_200, currency: "JPY".into() };
        assert_eq!(Language::Spanish.money(&yen), "-1200 JPY");
    }
}
