//! What stations send, checked before anything is done with it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::resolve::MAX_CODE;
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::text;
use crate::parcels::rules::LATE_AFTER;

/// The longest scan id, station or form a client may send, in bytes.
pub const MAX_NAME: usize = 64;
/// Scans of one batch at the most.
pub const MAX_BATCH: usize = 500;

/// One scan.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanInput {
    /// What the scanner read, as it came.
    pub code: String,
    /// The scan's own id: the same again gets the same answer and changes nothing.
    #[serde(alias = "scanId")]
    pub scan_id: Option<String>,
    /// Where it was scanned; the person's own station when absent.
    pub station: Option<String>,
    /// When, by the scanner's clock; now when absent.
    pub at: Option<Timestamp>,
    /// Which of its readings is meant, by form, where it could be several things; the station remembers it.
    pub reading: Option<String>,
    /// Why a number whose check digit is wrong is taken as it is written: paper air waybills carry such numbers. Needs
    /// `reading`; the reason stays with the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// Opens a case for a piece without data when nobody knows the code.
    #[serde(default, alias = "openCase")]
    pub open_case: bool,
}

/// Scans that were kept while the scanner was offline, in the order they were made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchInput {
    /// The station of every row that names none.
    pub station: Option<String>,
    /// The scans, at most 500.
    pub rows: Vec<ScanInput>,
}

impl ScanInput {
    /// Checks what can be checked without looking anything up.
    ///
    /// # Errors
    /// Names every field that is wrong.
    pub fn check(&self, now: Timestamp) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        if self.code.trim().is_empty() {
            wrong.push(Problem::new("/code", "is needed: send what the scanner read"));
        } else if self.code.len() > MAX_CODE {
            let detail = format!("is {} bytes long; at most {MAX_CODE} are read", self.code.len());
            wrong.push(Problem::new("/code", detail));
        }
        let names = [("/scan_id", &self.scan_id), ("/station", &self.station), ("/reading", &self.reading)];
        for (pointer, name) in names {
            let odd = |n: &str| n.trim().is_empty() || n.len() > MAX_NAME || n.chars().any(char::is_control);
            if name.as_deref().is_some_and(odd) {
                wrong.push(Problem::new(
                    pointer,
                    format!("must have 1 to {MAX_NAME} bytes; leave it out for none"),
                ));
            }
        }
        if let Some(why) = &self.accept {
            wrong.extend(text::required("/accept", why, text::SHORT).err());
            if self.reading.is_none() {
                let said = "is needed with accept: name the form the number is of, such as iata.awb";
                wrong.push(Problem::new("/reading", said));
            }
        }
        if let Some(at) = self.at.filter(|at| at.since(now) > LATE_AFTER) {
            let minutes = LATE_AFTER.as_secs() / 60;
            let detail = format!(
                "{at} is more than {minutes} minutes in the future (it is {now}); set the scanner's clock"
            );
            wrong.push(Problem::new("/at", detail));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}
