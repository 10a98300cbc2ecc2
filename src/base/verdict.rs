//! What became of a row of a file.

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A record was made.
    Created,
    /// A record changed.
    Updated,
    /// It was known already, or changes nothing.
    Unchanged,
    /// The same file said it before.
    Duplicate,
}

/// How what another system says of a record lies beside what is known of it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Where it is here, in our word; none when there is no such record.
    pub ours: Option<String>,
    /// Whether that is where the other system says it is.
    pub is_same: bool,
}

impl Beside {
    /// There is no such record here.
    pub const MISSING: Self = Self { ours: None, is_same: false };

    /// It is here, where nothing more is to be compared.
    #[must_use]
    pub fn here() -> Self {
        Self { ours: Some("here".into()), is_same: true }
    }
}
