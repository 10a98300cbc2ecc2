//! Reading CSV imports: from the bytes a partner sent to parcels and status rows, or to refusals that name the
//! line and the remedy. The reading is pure: no store, no clock; memory stays flat whatever the size of the file.
//!
//! A file is read twice. [`survey::survey`] passes over all of it and decides what a single row can't tell:
//! the encoding, the delimiter, whether `3/4/2018` is in March or in April, whether `1.234` is a thousand. Then
//! [`row::Form`] turns each record into a row by these decisions; it can be shared between threads, so that one
//! thread parses while another stores. Rows that can't be read go to an [`errors::ErrorFile`], and the rest goes on.
//!
//! ```text
//! bytes ─► detect::Transcoder ─► records::Records ─► survey::survey ─► Survey
//!                                        └──────────► row::Form ◄── Survey, Mapping
//!                                                        └─► Row | Refusal ─► errors::ErrorFile
//! ```
//!
//! When two files, or a file and a scan, disagree on a parcel, the newer effective time wins, and on a tie the later
//! import: of the status and of every other field by itself. A row's effective time is its `status_at`; a row without
//! one counts as of the last of the moments it names, and as of its import when it names none, or when it alone says
//! that the parcel's way has ended. So an old copy of a file may come late and makes nothing older.
//!
//! `run` takes the rows in, chunk by chunk, as one job; `files` says where they lie, `aside` keeps those the writer refused;
//! `undo` takes an import back, `back` one of waybills. `model` is the import's own record, `service` its use cases, `api` its
//! routes.

mod aliases;
pub mod api;
mod aside;
mod back;
mod cells;
mod column;
pub mod dates;
pub mod detect;
pub mod errors;
pub mod files;
pub mod lists;
pub mod mapping;
pub mod model;
pub mod numbers;
pub mod over;
pub mod records;
pub mod row;
pub mod run;
pub mod service;
pub mod sheet;
pub mod survey;
#[cfg(test)]
mod tests;
mod trade;
mod undo;
pub mod undo_api;
mod verdict;
pub mod work;

use std::io;

use serde::{Deserialize, Serialize};

use crate::base::error::{Fault, Invalid, Kind as Class, Problem};

/// Why a whole file can't be imported. A single bad row never is the reason.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no line with anything on it.
    #[error(
        "the file holds nothing: its first line must name the columns, such as tracking_number,status,status_at"
    )]
    Empty,
    /// The line that should name the columns can't be read as a record.
    #[error("line {line}, which should name the columns, can't be read: {why}")]
    Header {
        /// The physical line.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// More columns than [`records::MAX_COLUMNS`].
    #[error("the first line names {0} columns; at most {max} are read: remove the ones that are not needed", max = records::MAX_COLUMNS)]
    TooManyColumns(usize),
    /// The columns, or what the saved mapping says of them, don't tell what is needed.
    #[error("{}", Invalid(.0.clone()))]
    Unmapped(Vec<Problem>),
    /// It is a spreadsheet that can't be read.
    #[error("{0}")]
    Sheet(String),
    /// The file could not be read from disk.
    #[error("the file can't be read: {0}")]
    Io(#[from] io::Error),
}

impl Fault for ImportError {
    fn kind(&self) -> Class {
        match self {
            Self::Empty
            | Self::Header { .. }
            | Self::TooManyColumns(_)
            | Self::Unmapped(_)
            | Self::Sheet(_) => Class::Invalid,
            Self::Io(_) => Class::Internal,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "import.empty",
            Self::Header { .. } => "import.header",
            Self::TooManyColumns(_) => "import.too_many_columns",
            Self::Unmapped(_) => "import.unmapped",
            Self::Sheet(_) => "import.sheet",
            Self::Io(_) => "import.unreadable",
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Unmapped(problems) => problems.clone(),
            Self::Empty | Self::Header { .. } | Self::TooManyColumns(_) | Self::Sheet(_) | Self::Io(_) => {
                Vec::new()
            }
        }
    }
}

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// Bytes that the encoding does not know were replaced by U+FFFD.
    UndecodableBytes,
    /// A column is not read.
    IgnoredColumn,
    /// Every date of a column can be read day first and month first.
    AmbiguousDates,
    /// Some dates of a column can only be read day first and some only month first.
    ContradictoryDates,
    /// Values of a date column are no dates at all.
    UnreadableDates,
    /// Numbers of a column can be read with a decimal comma and with a decimal point.
    AmbiguousNumbers,
    /// Some numbers of a column have a decimal comma and some a decimal point.
    ContradictoryNumbers,
    /// Records have more or fewer cells than the header.
    UnevenRecords,
    /// Records whose quote never closes, or that are over a limit.
    TornRecords,
    /// Text follows a closing quote.
    StrayQuotes,
    /// A spreadsheet has more than one sheet with anything in it.
    OtherSheets,
    /// Numbers of a spreadsheet have more digits than it keeps.
    RoundedNumbers,
}

/// Something a person should look at before the rows are taken over. It stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What it is about.
    pub concern: Concern,
    /// The column as the file names it, when it is about one.
    pub column: Option<String>,
    /// How many values, rows or bytes it concerns.
    pub count: u64,
    /// The sentence for people, with the remedy.
    pub detail: String,
}

/// `text` cut to what a message can carry.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
