//! What shows that something was handed over. Photos and documents are files that lie elsewhere, named by the hash of
//! their content; a signature is small enough to lie here.

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::error::Problem;
use crate::base::text;
use crate::base::units::Position;
use crate::store::{ReadTx, Result};

/// Bytes of a signature at the most: a long one drawn on glass has a tenth of it.
pub const MAX_SIGNATURE: usize = 16 * 1024;
/// Photos of one proof at the most.
pub const MAX_PHOTOS: usize = 10;

/// A kind of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProofKind)]
pub enum Kind {
    /// Who took it.
    Name,
    /// What they drew.
    Signature,
    /// What it looked like.
    Photo,
    /// What only they could know.
    Code,
    /// What was read from the parcel at the door.
    Scan,
}

/// The hash of a file's content: BLAKE3, 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct FileHash(pub String);

impl FileHash {
    /// Whether it has the form of one.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
    }
}

/// One proof.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Proof {
    /// Who took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What they drew: the strokes of an SVG path, `M10 10L20 20`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Photos by their hash.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<FileHash>,
    /// What only the recipient could know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was read from the parcel at the door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<String>,
    /// Where that was, in millionths of a degree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// How exact the position is, in metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<u32>,
    /// When; set when it is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

impl Proof {
    /// The kinds it holds.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        let all = [
            (Kind::Name, self.name.is_some()),
            (Kind::Signature, self.signature.is_some()),
            (Kind::Photo, !self.photos.is_empty()),
            (Kind::Code, self.code.is_some()),
            (Kind::Scan, self.scan.is_some()),
        ];
        all.into_iter().filter(|(_, there)| *there).map(|(kind, _)| kind)
    }

    /// Checks it; pointers begin with `at`.
    #[must_use]
    pub fn check(&self, at: &str) -> Vec<Problem> {
        let mut wrong = Vec::new();
        for (name, field) in [("name", &self.name), ("code", &self.code), ("scan", &self.scan)] {
            let pointer = format!("{at}/{name}");
            wrong.extend(field.as_deref().and_then(|t| text::required(&pointer, t, text::SHORT).err()));
        }
        if let Some(strokes) = &self.signature {
            let pointer = format!("{at}/signature");
            if strokes.len() > MAX_SIGNATURE {
                wrong.push(Problem::new(
                    pointer,
                    format!("is longer than {MAX_SIGNATURE} bytes: simplify it"),
                ));
            } else if !is_path(strokes) {
                let said = "must be the strokes of an SVG path, such as M10 10L20 20: letters of path commands and numbers";
                wrong.push(Problem::new(pointer, said));
            }
        }
        if self.photos.len() > MAX_PHOTOS {
            wrong.push(Problem::new(format!("{at}/photos"), format!("at most {MAX_PHOTOS} are kept")));
        }
        for (n, photo) in self.photos.iter().enumerate().filter(|(_, p)| !p.is_whole()) {
            let said = format!("\"{}\" is no hash of a file: 64 hexadecimal digits in lower case", photo.0);
            wrong.push(Problem::new(format!("{at}/photos/{n}"), text::clipped(said, text::SHORT)));
        }
        if self.kinds().next().is_none() {
            wrong.push(Problem::new(at, "shows nothing: give a name, signature, photo, code or scan"));
        }
        wrong
    }
}

/// Whether `strokes` is nothing but path commands and numbers: it is shown inside a page.
fn is_path(strokes: &str) -> bool {
    let begins = strokes.trim_start().starts_with(['M', 'm']);
    begins && strokes.bytes().all(|b| b.is_ascii_digit() || b"MLHVCSQTAZmlhvcsqtaz.,- \n".contains(&b))
}

/// Where attached files are known.
pub trait Files: Send + Sync {
    /// Whether there is a file with this hash.
    ///
    /// # Errors
    /// Storage failures.
    fn has(&self, tx: &dyn ReadTx, hash: &FileHash) -> Result<bool>;
}

/// Takes every hash for a file that may still come: a phone sends its proof first and its photos when the line is good.
pub struct Later;

impl Files for Later {
    fn has(&self, _: &dyn ReadTx, _: &FileHash) -> Result<bool> {
        Ok(true)
    }
}
