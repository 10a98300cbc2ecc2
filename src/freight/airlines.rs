//! Airlines by the three digits their waybills begin with: those a depot meets most. Ours, written down from what the
//! airlines print on their papers; a tenant adds others as carriers.

/// An airline as its waybills name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Airline {
    /// The three digits.
    pub prefix: &'static str,
    /// Its two characters.
    pub code: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// The airline whose waybills begin with `prefix`, if we know it.
#[must_use]
pub fn by_prefix(prefix: &str) -> Option<&'static Airline> {
    AIRLINES.binary_search_by(|a| a.prefix.cmp(prefix)).ok().and_then(|at| AIRLINES.get(at))
}

macro_rules! airlines {
    ($($prefix:literal $code:literal $name:literal;)*) => {
        /// In the order of their digits.
        pub const AIRLINES: &[Airline] = &[$(Airline { prefix: $prefix, code: $code, name: $name },)*];
    };
}

airlines! {
    "001" "AA" "American Airlines";
    "006" "DL" "Delta Air Lines";
    "014" "AC" "Air Canada";
    "016" "UA" "United Airlines";
    "020" "LH" "Lufthansa Cargo";
    "027" "AS" "Alaska Airlines";
    "045" "LA" "LATAM";
    "047" "TP" "TAP Air Portugal";
    "053" "EI" "Aer Lingus";
    "057" "AF" "Air France";
    "065" "SV" "Saudia";
    "071" "ET" "Ethiopian Airlines";
    "072" "GF" "Gulf Air";
    "074" "KL" "KLM";
    "075" "IB" "Iberia";
    "077" "MS" "EgyptAir";
    "079" "PR" "Philippine Airlines";
    "080" "LO" "LOT Polish Airlines";
    "081" "QF" "Qantas";
    "083" "SA" "South African Airways";
    "086" "NZ" "Air New Zealand";
    "098" "AI" "Air India";
    "105" "AY" "Finnair";
    "108" "FI" "Icelandair";
    "112" "CK" "China Cargo Airlines";
    "114" "LY" "El Al";
    "117" "SK" "SAS";
    "118" "DT" "TAAG Angola Airlines";
    "125" "BA" "British Airways";
    "126" "GA" "Garuda Indonesia";
    "131" "JL" "Japan Airlines";
    "139" "AM" "Aeromexico";
    "147" "AT" "Royal Air Maroc";
    "157" "QR" "Qatar Airways";
    "160" "CX" "Cathay Pacific";
    "172" "CV" "Cargolux";
    "176" "EK" "Emirates";
    "180" "KE" "Korean Air";
    "205" "NH" "All Nippon Airways";
    "214" "PK" "Pakistan International Airlines";
    "217" "TG" "Thai Airways";
    "229" "KU" "Kuwait Airways";
    "230" "CM" "Copa Airlines";
    "232" "MH" "Malaysia Airlines";
    "235" "TK" "Turkish Airlines";
    "239" "MK" "Air Mauritius";
    "257" "OS" "Austrian Airlines";
    "279" "B6" "JetBlue";
    "288" "LD" "Air Hong Kong";
    "297" "CI" "China Airlines";
    "369" "5Y" "Atlas Air";
    "390" "A3" "Aegean Airlines";
    "406" "5X" "UPS Airlines";
    "459" "WB" "RwandAir";
    "501" "7L" "Silk Way West";
    "526" "WN" "Southwest Airlines";
    "603" "UL" "SriLankan Airlines";
    "607" "EY" "Etihad Airways";
    "618" "SQ" "Singapore Airlines";
    "695" "BR" "EVA Air";
    "706" "KQ" "Kenya Airways";
    "724" "LX" "Swiss";
    "731" "MF" "Xiamen Airlines";
    "738" "VN" "Vietnam Airlines";
    "781" "MU" "China Eastern";
    "784" "CZ" "China Southern";
    "865" "MP" "Martinair";
    "876" "3U" "Sichuan Airlines";
    "880" "HU" "Hainan Airlines";
    "921" "O3" "SF Airlines";
    "932" "VS" "Virgin Atlantic";
    "933" "KZ" "Nippon Cargo Airlines";
    "957" "JJ" "LATAM Brasil";
    "988" "OZ" "Asiana Airlines";
    "996" "UX" "Air Europa";
    "999" "CA" "Air China";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn airlines_stand_in_order_and_each_is_found() {
        for pair in AIRLINES.windows(2) {
            assert!(pair[0].prefix < pair[1].prefix, "{:?}", pair[1]);
        }
        for airline in AIRLINES {
            assert_eq!(by_prefix(airline.prefix), Some(airline));
            assert!(airline.prefix.len() == 3 && airline.prefix.bytes().all(|b| b.is_ascii_digit()));
            assert_eq!(airline.code.len(), 2, "{airline:?}");
        }
        assert_eq!(by_prefix("020").map(|a| a.code), Some("LH"));
        assert_eq!(by_prefix("000"), None);
    }
}
