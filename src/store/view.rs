//! What analysts see, where the engine speaks SQL: views over documents that the engine writes beside the records. Areas
//! say which of their fields are columns; an engine that speaks no SQL takes no notice.

use super::{Coll, LogId, Part};

/// A view for people who ask with SQL.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Its name.
    pub name: &'static str,
    /// What its rows are.
    pub of: Of,
    /// Its columns beside the key: `id` and `rev` of a record, `seq` of a log entry, and the whole `doc`.
    pub columns: &'static [Column],
}

/// Whose documents a view shows.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// The records of a collection.
    Records(Coll),
    /// The entries of a log.
    Log(Part, LogId),
}

/// A column of a view.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Where in the document it is, names joined by dots.
    pub path: &'static str,
    /// What it is.
    pub is: Is,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// A moment, kept in milliseconds.
    Moment,
    /// A moment in the upper 48 bits of a stamp.
    Stamp,
    /// Whatever is there.
    Json,
}
