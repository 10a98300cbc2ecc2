//! An import: one file on its way into the depot, and what became of its rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Warning;
use super::mapping::{Kind, Mapping};
use super::row::Origin;
use crate::base::clock::Timestamp;
use crate::base::error::Problem;
use crate::base::ids::Id;
use crate::base::verdict::Verdict;
use crate::first_record;
use crate::journal::Folded;
use crate::journal::event::Hlc;
use crate::journal::reference::{Ref, Reference};
use crate::parcels::undo::Kept;
use crate::store::table::Checked;
use crate::store::{Home, Index, LogId, Table};

/// Where an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its file is here, its rows wait.
    Queued,
    /// Rows are taken in.
    Running,
    /// All rows have their verdict.
    Done,
    /// The file as a whole can't be read.
    Failed,
    /// Its changes are being taken back.
    Undoing,
    /// Its changes were taken back.
    Undone,
}

/// How many rows got which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Rows of the file, blank ones left out.
    pub rows: u64,
    /// Made a parcel.
    pub created: u64,
    /// Changed one.
    pub updated: u64,
    /// Said what was known.
    pub unchanged: u64,
    /// Said what the same file had said before.
    pub duplicate: u64,
    /// Were refused, with the reason in the error file.
    pub refused: u64,
}

/// One import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Import {
    /// Its id.
    pub id: Id,
    /// What its rows are.
    pub kind: Kind,
    /// Who the file is from: names the status map and the saved mapping.
    pub source: String,
    /// The file's name at the sender.
    pub file: Option<String>,
    /// Bytes.
    pub bytes: u64,
    /// Whether it only says what would happen.
    pub dry_run: bool,
    /// Where it is.
    pub state: State,
    /// Verdicts so far.
    pub counts: Counts,
    /// Rows dealt with, refused ones included: where to go on after a power cut.
    pub next_row: u64,
    /// Bytes of the error file that belong to these rows.
    pub error_bytes: u64,
    /// What the file turned out to be.
    pub survey: Option<Form>,
    /// What a person should look at.
    pub warnings: Vec<Warning>,
    /// Why it failed.
    pub error: Option<String>,
    /// The stamp it began with.
    pub begun: Hlc,
    /// Names the log of its changes.
    pub number: u64,
    /// Who imported it.
    pub by: Id,
    /// By name.
    pub by_name: String,
    /// When it came.
    pub created_at: Timestamp,
    /// When its last row was done.
    pub finished_at: Option<Timestamp>,
    /// Changes that were taken back.
    #[serde(default)]
    pub taken_back: u64,
    /// The entry of its log that is taken back next, the last one first; 0 before that begins. Of imports of waybills.
    #[serde(default)]
    pub undone_from: u64,
    /// Changes that were to be taken back and stay, because later facts stand on them.
    #[serde(default)]
    pub kept: u64,
    /// Whether its rows are only laid beside what is known here.
    #[serde(default)]
    pub compare: bool,
    /// How they lie there, by the other system's word for where they are.
    #[serde(default)]
    pub compared: BTreeMap<String, Compared>,
    /// Rows that were put aside for the error file by the writer.
    #[serde(default)]
    pub set_aside: u64,
}
first_record!(Import, Stays, Aside);

impl Import {
    /// Whether the writer may put rows of it aside for the error file: those of parcels and waybills are never refused for
    /// what they say.
    #[must_use]
    pub fn may_set_aside(&self) -> bool {
        let is_taken = matches!(self.kind, Kind::Parcels | Kind::Status) || self.kind.waybills().is_some();
        self.compare || !is_taken
    }
}

impl Counts {
    /// Counts a verdict.
    pub(super) fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Created => self.created += 1,
            Verdict::Updated => self.updated += 1,
            Verdict::Unchanged => self.unchanged += 1,
            Verdict::Duplicate => self.duplicate += 1,
        }
    }
}

/// Words for states that one comparison tells apart; what comes beyond is counted together.
pub const MAX_STATES: usize = 200;

/// How the rows of one state lie beside what is known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Compared {
    /// Rows of theirs.
    pub theirs: u64,
    /// As many of them are here, in the same state.
    pub same: u64,
    /// Here, in another state.
    pub different: u64,
    /// Not here.
    pub missing: u64,
}

/// A row that the writer put aside for the error file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong with it.
    pub problems: Vec<Said>,
}

/// What is wrong with a row: where, and what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said(pub String, pub String);

impl Said {
    /// What `p` says.
    #[must_use]
    pub fn of(p: Problem) -> Self {
        // A record's place is no column's name.
        Self(p.pointer.trim_start_matches('/').replace('/', " "), p.detail)
    }

    /// The same as a problem.
    #[must_use]
    pub fn problem(self) -> Problem {
        Problem::new(self.0, self.1)
    }
}

/// Rows that were put aside, by import and number from 0, until they are in the error file.
pub const ASIDE: Table<[u8], Aside> = Table::new(228, "imports_aside", Home::Local);

/// A change of an import that stays though the rest was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stays {
    /// Which, and why.
    pub kept: Kept,
}

/// Changes that stay, by import and number from 0.
pub const STAYS: Table<[u8], Stays> = Table::new(122, "imports_kept", Home::Local);

/// Changes that stay of one import, named with their reasons at the most; further ones are only counted.
pub const MAX_STAYS: u64 = 1_000;

/// Where the `n`-th change that stays is kept.
#[must_use]
pub fn stays_key(import: Id, n: u64) -> Vec<u8> {
    [&import.0[..], &n.to_be_bytes()].concat()
}

/// What a file turned out to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Form {
    /// Its encoding.
    pub encoding: String,
    /// What stands between its cells.
    pub delimiter: String,
    /// Its columns.
    pub header: Vec<String>,
    /// Rows.
    pub records: u64,
    /// Blank rows that were passed over.
    pub ghost_rows: u64,
    /// Physical lines.
    pub physical_lines: u64,
}

/// Imports by id, newest last.
pub const IMPORTS: Table<Id, Import> = Table::new(60, "imports", Home::Local).indexed(NO_INDEX);
const NO_INDEX: &[Index<Import>] = &[];

/// The mapping saved for a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The source.
    pub source: String,
    /// Its columns.
    pub mapping: Mapping,
}

static MAPPINGS: Table<Id, Folded<Ref<Saved>>> = Table::new(61, "import_mappings", Home::ById);

impl Reference for Saved {
    const NAME: &'static str = "import_mapping";
    const KIND: u16 = 0x141;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &MAPPINGS;
}

/// The id of a source's saved mapping.
#[must_use]
pub fn mapping_id(source: &str) -> Id {
    Id::derived(&[b"import_mapping", source.as_bytes()])
}

/// The log of an import's changes: the id of a parcel or waybill and that of the change, 32 bytes each, to undo it by.
#[must_use]
pub fn made_log(number: u64) -> LogId {
    LogId { log: b'i', epoch: number }
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&IMPORTS, &MAPPINGS, &STAYS, &ASIDE]
}
