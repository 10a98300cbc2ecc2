//! The status codes of air cargo (IATA ONE Record, code list StatusCode), their order, and what each says of a
//! shipment at the place it is imported to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $rank:literal;)*) => {
        /// What happened to a shipment.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum Code { $($(#[$doc])* #[serde(rename = $code)] $name,)* }

        impl Code {
            /// Every code, in the order of a journey.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its three letters.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Its place in the order of a leg; 0 for what moves nothing.
            #[must_use]
            pub const fn rank(self) -> u8 {
                match self { $(Self::$name => $rank,)* }
            }
        }
    };
}

codes! {
    /// Booked on a flight.
    Bkd = "BKD" 1;
    /// Picked up at the shipper's door.
    Dpu = "DPU" 2;
    /// On hand, not yet ready for carriage.
    Foh = "FOH" 3;
    /// Documents are with the handler.
    Doc = "DOC" 4;
    /// Ready for carriage: from here the carrier is liable.
    Rcs = "RCS" 5;
    /// Prepared for loading.
    Pre = "PRE" 6;
    /// On the manifest of a flight.
    Man = "MAN" 7;
    /// Left on a flight.
    Dep = "DEP" 8;
    /// The flight has arrived: no receipt yet.
    Arr = "ARR" 9;
    /// The arrival documents are there.
    Awr = "AWR" 10;
    /// The cargo is received from the flight.
    Rcf = "RCF" 11;
    /// To be transferred to another carrier.
    Trm = "TRM" 12;
    /// Transferred to another carrier.
    Tfd = "TFD" 13;
    /// Received from another carrier.
    Rct = "RCT" 14;
    /// Into warehouse control.
    Fiw = "FIW" 15;
    /// Reported to customs.
    Crc = "CRC" 16;
    /// Under customs control.
    Tgc = "TGC" 17;
    /// The consignee was told.
    Nfd = "NFD" 18;
    /// Cleared by customs.
    Ccd = "CCD" 19;
    /// The arrival documents were handed over.
    Awd = "AWD" 20;
    /// Out of warehouse control.
    Fow = "FOW" 21;
    /// Delivered to the consignee or their agent.
    Dlv = "DLV" 22;
    /// Delivered to the consignee's door.
    Ddl = "DDL" 23;
    /// Something is wrong, with a reason.
    Dis = "DIS" 0;
    /// Customs or security information.
    Oci = "OCI" 0;
    /// A remark.
    Osi = "OSI" 0;
}

impl Code {
    /// Whether it says that pieces were handed to whoever they are for.
    #[must_use]
    pub const fn delivers(self) -> bool {
        matches!(self, Self::Dlv | Self::Ddl)
    }

    /// Whether it tells of a flight.
    #[must_use]
    pub const fn flies(self) -> bool {
        matches!(
            self,
            Self::Bkd | Self::Pre | Self::Man | Self::Dep | Self::Arr | Self::Awr | Self::Rcf | Self::Fiw
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let upper = s.trim().to_ascii_uppercase();
        let found = Self::ALL.iter().find(|c| c.as_str() == upper);
        found.copied().ok_or_else(|| format!("\"{s}\" is no status code of air cargo; one is RCF"))
    }
}

macro_rules! discrepancies {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $reason:literal, $heals:expr;)*) => {
        /// What is wrong with a shipment, or right again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum Discrepancy { $($(#[$doc])* #[serde(rename = $code)] $name,)* }

        impl Discrepancy {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its four letters.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The reason of the case it opens; empty when it opens none.
            #[must_use]
            pub const fn case(self) -> &'static str {
                match self { $(Self::$name => $reason,)* }
            }

            /// What it puts right.
            #[must_use]
            pub const fn heals(self) -> Option<Self> {
                match self { $(Self::$name => $heals,)* }
            }
        }
    };
}

discrepancies! {
    /// Cargo is missing.
    Msca = "MSCA", "data_without_piece", None;
    /// Cargo was found.
    Fdca = "FDCA", "piece_without_data", Some(Self::Msca);
    /// The waybill is missing.
    Msaw = "MSAW", "data_missing", None;
    /// The waybill was found.
    Fdaw = "FDAW", "", Some(Self::Msaw);
    /// It was taken off the flight.
    Ofld = "OFLD", "offloaded", None;
    /// Less was shipped than the papers say.
    Sspd = "SSPD", "short_shipped", None;
    /// It flew past its stop.
    Ovcd = "OVCD", "overcarried", None;
    /// It was loaded after all.
    Dfld = "DFLD", "", Some(Self::Ofld);
    /// A mail document is missing.
    Msav = "MSAV", "data_missing", None;
    /// A mail document was found.
    Fdav = "FDAV", "", Some(Self::Msav);
    /// A mail bag is missing.
    Msmb = "MSMB", "data_without_piece", None;
    /// A mail bag was found.
    Fdmb = "FDMB", "piece_without_data", Some(Self::Msmb);
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Discrepancy {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let upper = s.trim().to_ascii_uppercase();
        let found = Self::ALL.iter().find(|c| c.as_str() == upper);
        found.copied().ok_or_else(|| format!("\"{s}\" is no discrepancy code; one is MSCA, missing cargo"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_as_they_print_and_their_ranks_rise() {
        let mut last = 0;
        for code in Code::ALL {
            assert_eq!(code.to_string().to_lowercase().parse(), Ok(*code));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(code.rank() == 0 || code.rank() > last, "{code}");
            last = last.max(code.rank());
        }
        assert_eq!(Code::ALL.len(), 26);
        assert!("XYZ".parse::<Code>().unwrap_err().contains("\"XYZ\""));
    }

    #[test]
    fn what_is_found_heals_what_was_missing() {
        assert_eq!(Discrepancy::Fdca.heals(), Some(Discrepancy::Msca));
        for d in Discrepancy::ALL {
            assert_eq!(d.to_string().parse(), Ok(*d));
            assert!(d.heals().is_none_or(|h| h.heals().is_none() && !h.case().is_empty()), "{d}");
            assert!(!d.case().is_empty() || d.heals().is_some(), "{d} does nothing");
        }
    }
}
