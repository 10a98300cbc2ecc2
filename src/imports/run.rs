//! Runs an import: one thread parses, the store's writer takes in what is parsed. Rows, verdicts and the place to go on
//! are saved together, so a power cut costs nothing and no row counts twice.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ImportError;
use super::errors::ErrorFile;
use super::mapping::{Kind, Mapping};
use super::model::{
    ASIDE, Aside, Form as FileForm, IMPORTS, Import, MAX_STATES, MAX_STAYS, STAYS, Said, Saved, State, Stays,
    made_log, mapping_id, stays_key,
};
use super::row::{Form, Origin, Reader, Refusal};
use super::survey::{Survey, survey, survey_sheet};
use super::verdict::{Desk, Outcome, Told, answers_for, store_error, told_by};
use super::{Concern, Warning, back, sheet};
use crate::base::clock::{Clock, Timestamp};
use crate::base::error::{Fault, Problem};
use crate::base::ids::Id;
use crate::base::verdict::Beside;
use crate::deadlines::policy::Policy;
use crate::identity::grant::Actor;
use crate::journal::{Cx, clock, reference};
use crate::parcels::map_service;
use crate::parcels::maps::Compiled;
use crate::parcels::model::Parcel;
use crate::parcels::report::{self, Made};
use crate::parcels::undo::{self, Kept, Undone};
use crate::store::{DEPOT, Dir, Ix, KeyRange, Lane, Pending, ReadTx, Store, StoreError, Tenant, WriteTx};

/// Why an import could not run to its end now; it goes on later.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed or is read-only.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the import's own can't be read or written.
    #[error("the import's files: {0}")]
    Io(#[from] std::io::Error),
}

/// How long one chunk may keep the writer while people write too.
const CHUNK_TIME: Duration = Duration::from_millis(5);
/// How long when nobody else does: fewer commits, and whoever comes waits this long once.
const CHUNK_TIME_ALONE: Duration = Duration::from_millis(50);
/// Rows of a chunk at the least and at the most.
const CHUNK_ROWS: (usize, usize) = (16, 5_000);
/// Rows for the error file that are read, or let go of, in one go.
const ASIDE_AT_ONCE: usize = 500;
/// Chunks parsed ahead of the writer.
const AHEAD: usize = 2;

/// Where an import's files lie.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Under the data folder `folder`.
    #[must_use]
    pub fn under(folder: &Path) -> Self {
        Self { folder: folder.join("imports") }
    }

    /// The folder, made when it is missing.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn folder(&self) -> std::io::Result<&Path> {
        std::fs::create_dir_all(&self.folder)?;
        Ok(&self.folder)
    }

    /// The file as it came.
    #[must_use]
    pub fn data(&self, id: Id) -> PathBuf {
        self.folder.join(format!("{id}.csv"))
    }

    /// Its refused rows.
    #[must_use]
    pub fn errors(&self, id: Id) -> PathBuf {
        self.folder.join(format!("{id}.errors.csv"))
    }

    /// What was made of it when it is a spreadsheet.
    #[must_use]
    pub fn sheet(&self, id: Id) -> PathBuf {
        self.folder.join(format!("{id}.sheet.csv"))
    }

    /// The same while it is made.
    #[must_use]
    pub fn part(&self, id: Id) -> PathBuf {
        self.folder.join(format!("{id}.part.csv"))
    }

    /// Removes the files of import `id`.
    ///
    /// # Errors
    /// When one is there and can't be removed.
    pub fn remove(&self, id: Id) -> std::io::Result<()> {
        for file in [self.data(id), self.errors(id), self.sheet(id), self.part(id)] {
            match std::fs::remove_file(file) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the files no import of `tenants` has: what an upload left that was cut off. Only while nobody uploads.
    /// Says how many went; a file whose name is not ours stays.
    ///
    /// # Errors
    /// When the folder or the store can't be read.
    pub fn tidy(&self, store: &Store, tenants: &[Tenant]) -> Result<usize, RunError> {
        let mut gone = 0;
        for entry in std::fs::read_dir(self.folder()?)? {
            let entry = entry?;
            let name = entry.file_name();
            let stem = name.to_str().and_then(|n| n.strip_suffix(".csv"));
            let made = [".errors", ".sheet", ".part"];
            let stem = stem.map(|n| made.iter().find_map(|m| n.strip_suffix(m)).unwrap_or(n));
            let Some(id) = stem.and_then(|n| n.parse::<Id>().ok()) else { continue };
            let mut wanted = false;
            for tenant in tenants {
                wanted |= store.read(*tenant, |tx| IMPORTS.get(tx, &id))?.is_some();
            }
            if !wanted {
                std::fs::remove_file(entry.path())?;
                gone += 1;
            }
        }
        Ok(gone)
    }
}

/// Takes in the rows of import `id` from where it stands.
///
/// # Errors
/// When it has to go on later; what is wrong with the file itself is written into the import.
pub fn run(store: &Store, clock: &Clock, files: &Files, tenant: Tenant, id: Id) -> Result<(), RunError> {
    let Some(import) = store.read(tenant, |tx| IMPORTS.get(tx, &id))? else { return Ok(()) };
    match import.state {
        State::Queued | State::Running => {}
        State::Done | State::Failed | State::Undoing | State::Undone => return Ok(()),
    }
    let (zone, currency, saved) = store.read(tenant, |tx| -> Result<_, StoreError> {
        let policy = Policy::current(tx)?;
        let saved = reference::get::<Saved>(tx, mapping_id(&import.source))?.map(|(s, _)| s.mapping);
        Ok((policy.calendar.zone().clone(), policy.rules.currency.clone(), saved))
    })?;
    let mut mapping: Mapping = saved.unwrap_or_default();
    mapping.currency.get_or_insert(currency);
    let read = || -> Result<_, ImportError> {
        let file = sheet::prepared(&files.data(id), &files.sheet(id), &files.part(id))?;
        let mut input = File::open(&file.path)?;
        let survey = if file.is_sheet { survey_sheet } else { survey };
        let mut survey = survey(&mut input, import.kind, Some(&mapping))?;
        // A spreadsheet that was turned into lines before the power went told then what to look at.
        let said = import.warnings.iter().filter(|w| is_of_sheet(w)).cloned();
        survey.warnings.extend(file.warnings.into_iter().chain(said));
        let form = Form::new(&survey, Some(&mapping), &zone)?;
        Ok((file.path, survey, Arc::new(form)))
    };
    match read() {
        Err(ImportError::Io(e)) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        Err(e) => Ok(fail(store, tenant, id, clock.now(), &e)?),
        Ok((path, survey, form)) => Run { store, clock, files, tenant, path }.all(&import, &survey, form),
    }
}

fn is_of_sheet(warning: &Warning) -> bool {
    matches!(warning.concern, Concern::OtherSheets | Concern::RoundedNumbers)
}

fn fail(store: &Store, tenant: Tenant, id: Id, now: Timestamp, why: &ImportError) -> Result<(), StoreError> {
    let problems = why.fields();
    let detail = if problems.is_empty() {
        why.to_string()
    } else {
        problems.iter().map(|p| format!("{}: {}", p.pointer, p.detail)).collect::<Vec<_>>().join("; ")
    };
    change(store, tenant, id, move |import| {
        import.state = State::Failed;
        import.error = Some(detail.clone());
        import.finished_at = Some(now);
    })
}

/// Changes an import's record.
fn change(
    store: &Store,
    tenant: Tenant,
    id: Id,
    f: impl Fn(&mut Import) + Send + 'static,
) -> Result<(), StoreError> {
    let write = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
        if let Some(mut import) = IMPORTS.get(tx, &id)? {
            f(&mut import);
            IMPORTS.put(tx, &id, &import)?;
        }
        Ok(())
    };
    store.write(tenant, Lane::Bulk, write).wait()
}

struct Run<'a> {
    store: &'a Store,
    clock: &'a Clock,
    files: &'a Files,
    tenant: Tenant,
    /// What is read: the file as it came, or what was made of it.
    path: PathBuf,
}

/// Rows between two places of the file, as the writer gets them.
struct Chunk {
    first: u64,
    rows: u64,
    refused: u64,
    error_bytes: u64,
    reports: Vec<Told>,
    /// Where each stands in the file, of kinds whose rows the writer may refuse.
    origins: Vec<Origin>,
}

/// What the writer says of a chunk.
struct Taken {
    rows: usize,
    took: Duration,
}

impl Run<'_> {
    fn all(&self, import: &Import, survey: &Survey, form: Arc<Form>) -> Result<(), RunError> {
        let begun = self.begin(import, survey)?;
        let map = self.store.read(self.tenant, |tx| map_service::compiled(tx, &import.source))?;
        let mut errors = self.error_file(import, survey)?;
        let mut reader = Reader::new(File::open(&self.path)?, survey, form)?;
        let mut skip = import.next_row;
        let mut row = import.next_row;
        let mut size = 128;
        let mut waiting: std::collections::VecDeque<Pending<Taken, StoreError>> =
            std::collections::VecDeque::new();
        let mut open = true;
        while open {
            let mut chunk = Chunk {
                first: row,
                rows: 0,
                refused: 0,
                error_bytes: 0,
                reports: Vec::with_capacity(size),
                origins: Vec::new(),
            };
            while chunk.reports.len() < size && chunk.rows < CHUNK_ROWS.1 as u64 {
                let Some(read) = reader.next().transpose()? else {
                    open = false;
                    break;
                };
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                chunk.rows += 1;
                match read {
                    Ok(r) => {
                        if import.may_set_aside() {
                            chunk.origins.push(reader.origin());
                        }
                        chunk.reports.push(told_by(r));
                    }
                    Err(refusal) => {
                        chunk.refused += 1;
                        errors.add(&refusal)?;
                    }
                }
            }
            row += chunk.rows;
            errors.flush()?;
            let file = errors.file();
            if chunk.refused > 0 {
                // The store is about to say that these rows are in the file: they must be, power cut or not.
                file.sync_data()?;
            }
            chunk.error_bytes = file.metadata()?.len();
            if chunk.rows > 0 {
                waiting.push_back(self.hand_over(import, begun, &map, chunk));
            }
            while waiting.len() > if open { AHEAD } else { 0 } {
                if let Some(taken) = waiting.pop_front().map(Pending::wait) {
                    size = next_size(
                        &taken?,
                        if self.store.has_company() { CHUNK_TIME } else { CHUNK_TIME_ALONE },
                    );
                }
            }
        }
        let bytes = self.bring_in(import.id, &mut errors)?;
        let now = self.clock.now();
        change(self.store, self.tenant, import.id, move |i| {
            i.state = State::Done;
            i.finished_at = Some(now);
            i.error_bytes = bytes;
        })?;
        Ok(let_go(self.store, self.tenant, import.id)?)
    }

    /// Writes the rows that the writer refused behind those that could not be read; says how long the error file is then.
    fn bring_in(&self, id: Id, errors: &mut ErrorFile<File>) -> Result<u64, RunError> {
        let mut from = 0;
        loop {
            let page = self.store.read(self.tenant, |tx| set_aside(tx, id, from, ASIDE_AT_ONCE))?;
            for row in &page {
                let Aside { origin: Origin { line, cells }, problems } = row.clone();
                errors.add(&Refusal {
                    line,
                    problems: problems.into_iter().map(Said::problem).collect(),
                    cells,
                })?;
            }
            from += page.len() as u64;
            if page.len() < ASIDE_AT_ONCE {
                break;
            }
        }
        errors.flush()?;
        errors.file().sync_data()?;
        Ok(errors.file().metadata()?.len())
    }

    /// The error file as it was when the last saved chunk was parsed: what a cut left behind that is written again.
    fn error_file(&self, import: &Import, survey: &Survey) -> Result<ErrorFile<File>, RunError> {
        self.files.folder()?;
        let path = self.files.errors(import.id);
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        file.set_len(import.error_bytes)?;
        file.seek(SeekFrom::End(0))?;
        let (header, delimiter) = (&survey.header, survey.delimiter);
        if import.error_bytes == 0 {
            Ok(ErrorFile::new(file, header, delimiter)?)
        } else {
            Ok(ErrorFile::resume(file, header, delimiter))
        }
    }

    /// Notes what the file is and the stamp its rows begin at.
    fn begin(&self, import: &Import, survey: &Survey) -> Result<u64, RunError> {
        let form = FileForm {
            encoding: survey.encoding.name().to_owned(),
            delimiter: char::from(survey.delimiter.byte()).to_string(),
            header: survey.header.clone(),
            records: survey.records,
            ghost_rows: survey.ghost_rows,
            physical_lines: survey.physical_lines,
        };
        let (id, warnings) = (import.id, survey.warnings.clone());
        let write = move |tx: &mut dyn WriteTx| -> Result<u64, StoreError> {
            let Some(mut import) = IMPORTS.get(tx, &id)? else { return Ok(0) };
            if import.state == State::Queued {
                import.begun = clock::Origin::load(tx)?.last + 1;
                import.state = State::Running;
            }
            import.survey = Some(form.clone());
            import.warnings.clone_from(&warnings);
            IMPORTS.put(tx, &id, &import)?;
            Ok(import.begun)
        };
        Ok(self.store.write(self.tenant, Lane::Bulk, write).wait()?)
    }

    /// Gives a chunk to the writer.
    fn hand_over(
        &self,
        import: &Import,
        begun: u64,
        map: &Arc<Compiled>,
        chunk: Chunk,
    ) -> Pending<Taken, StoreError> {
        let (id, source, dry_run, number) = (import.id, import.source.clone(), import.dry_run, import.number);
        let (by, compare, tenant) = (import.by, import.compare, self.tenant);
        let actor = Actor { user: import.by, name: import.by_name.as_str().into(), ..Actor::system() };
        let (map, now, via) = (Arc::clone(map), self.clock.now(), format!("import:{id}"));
        self.store.write(self.tenant, Lane::Bulk, move |tx| -> Result<Taken, StoreError> {
            let since = Instant::now();
            let taken = || Taken { rows: chunk.reports.len(), took: since.elapsed() };
            let Some(mut import) = IMPORTS.get(tx, &id)?.filter(|i| i.next_row == chunk.first) else {
                return Ok(taken());
            };
            let cx = Cx::new(tx, &actor, now, &via)?;
            // The map may have changed since the file was begun.
            let map = map_service::still(tx, &source, &map)?;
            let who = answers_for(tx, tenant, by, now)?;
            let desk = Desk { source: &source, map: &map, begun, dry: dry_run, who: who.as_ref() };
            for (n, told) in chunk.reports.iter().enumerate() {
                let origin = chunk.origins.get(n);
                if compare {
                    let (word, beside) = desk.compare(tx, told)?;
                    lay_beside(tx, &mut import, (word, beside), origin)?;
                    continue;
                }
                match desk.judge(tx, &cx, told)? {
                    Outcome::Taken(verdict, made) => {
                        import.counts.add(verdict);
                        for Made { parcel, eid } in made {
                            tx.append(DEPOT, made_log(number), &[parcel.0, eid].concat(), eid)?;
                        }
                    }
                    Outcome::Refused(problems) => {
                        import.counts.refused += 1;
                        put_aside(tx, &mut import, problems, origin)?;
                    }
                }
            }
            import.counts.rows += chunk.rows;
            import.counts.refused += chunk.refused;
            import.next_row += chunk.rows;
            import.error_bytes = chunk.error_bytes;
            IMPORTS.put(tx, &id, &import)?;
            Ok(taken())
        })
    }
}

/// Counts how a row lies beside what is known here; what is not the same goes into the error file.
fn lay_beside(
    tx: &mut dyn WriteTx,
    import: &mut Import,
    (word, beside): (String, Beside),
    origin: Option<&Origin>,
) -> Result<(), StoreError> {
    let word = if import.compared.len() >= MAX_STATES && !import.compared.contains_key(&word) {
        "…".to_owned()
    } else {
        word
    };
    let tally = import.compared.entry(word).or_default();
    tally.theirs += 1;
    let why = match beside.ours {
        Some(_) if beside.is_same => {
            tally.same += 1;
            import.counts.unchanged += 1;
            return Ok(());
        }
        Some(ours) => {
            tally.different += 1;
            import.counts.updated += 1;
            format!("is {ours} here")
        }
        None => {
            tally.missing += 1;
            import.counts.refused += 1;
            "is not here".to_owned()
        }
    };
    put_aside(tx, import, vec![Problem::new("", why)], origin)
}

/// Keeps a row for the error file, in the transaction of its verdict.
fn put_aside(
    tx: &mut dyn WriteTx,
    import: &mut Import,
    problems: Vec<Problem>,
    origin: Option<&Origin>,
) -> Result<(), StoreError> {
    let aside = Aside {
        origin: origin.cloned().unwrap_or_default(),
        problems: problems.into_iter().map(Said::of).collect(),
    };
    ASIDE.put(tx, &stays_key(import.id, import.set_aside), &aside)?;
    import.set_aside += 1;
    Ok(())
}

/// Rows that were put aside, from number `from` on.
fn set_aside(tx: &dyn ReadTx, id: Id, from: u64, most: usize) -> Result<Vec<Aside>, StoreError> {
    let mut rows = Vec::new();
    for n in from..from + most as u64 {
        match ASIDE.get(tx, &stays_key(id, n))? {
            Some(row) => rows.push(row),
            None => break,
        }
    }
    Ok(rows)
}

/// Lets go of the rows that were put aside: the error file has them.
fn let_go(store: &Store, tenant: Tenant, id: Id) -> Result<(), StoreError> {
    loop {
        let some = move |tx: &mut dyn WriteTx| -> Result<usize, StoreError> {
            let range = KeyRange::prefix(id.as_ref());
            let rows = ASIDE.scan(tx, Ix::Primary, &range, Dir::Up, ASIDE_AT_ONCE)?.items;
            for row in &rows {
                ASIDE.del(tx, row.pk.as_slice())?;
            }
            Ok(rows.len())
        };
        if store.write(tenant, Lane::Bulk, some).wait()? < ASIDE_AT_ONCE {
            return Ok(());
        }
    }
}

/// Rows for the next chunk, so that it takes about `time`; at most twice as many as the last one had.
fn next_size(t: &Taken, time: Duration) -> usize {
    let rows = t.rows.max(1) as u128;
    let fitting = rows * time.as_micros() / t.took.as_micros().max(1);
    usize::try_from(fitting.min(rows * 2)).unwrap_or(CHUNK_ROWS.1).clamp(CHUNK_ROWS.0, CHUNK_ROWS.1)
}

/// Changes taken back in one transaction.
const UNDO_AT_ONCE: usize = 200;
/// Entries of an import's log removed in one transaction.
pub(super) const FORGET_AT_ONCE: usize = 2_000;

/// Takes back everything an import changed, in steps; when `careful`, all on which no later facts stand. What others said
/// since stays.
///
/// # Errors
/// When it has to go on later.
pub fn undo(store: &Store, clock: &Clock, tenant: Tenant, id: Id, careful: bool) -> Result<(), RunError> {
    let import = store.read(tenant, |tx| IMPORTS.get(tx, &id))?;
    if import.is_some_and(|i| i.kind.waybills().is_some()) {
        return Ok(back::undo(store, clock, tenant, id)?);
    }
    loop {
        let now = clock.now();
        let step = move |tx: &mut dyn WriteTx| -> Result<bool, StoreError> {
            let Some(mut import) = IMPORTS.get(tx, &id)?.filter(|i| i.state == State::Undoing) else {
                return Ok(true);
            };
            let log = made_log(import.number);
            let actor = Actor { user: import.by, name: import.by_name.as_str().into(), ..Actor::system() };
            let cx = Cx::new(tx, &actor, now, &format!("import:{id}"))?;
            let rows = tx.tail(DEPOT, log, tx.head(DEPOT, log)?.floor.saturating_sub(1), UNDO_AT_ONCE)?;
            for (_, bytes) in &rows {
                if let (Some(parcel), Some(eid)) =
                    (bytes.get(..16).and_then(Id::from_slice), bytes.get(16..).and_then(Id::from_slice))
                {
                    take_back(tx, &cx, &mut import, Made { parcel, eid: eid.0 }, careful)?;
                }
            }
            let done = rows.len() < UNDO_AT_ONCE;
            if let Some((last, _)) = rows.last() {
                tx.trim(DEPOT, log, *last, UNDO_AT_ONCE)?;
            }
            if done {
                import.state = State::Undone;
                import.finished_at = Some(now);
            }
            IMPORTS.put(tx, &id, &import)?;
            Ok(done)
        };
        if store.write(tenant, Lane::Bulk, step).wait()? {
            return Ok(());
        }
    }
}

fn take_back(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    import: &mut Import,
    made: Made,
    careful: bool,
) -> Result<(), StoreError> {
    const WHY: &str = "import undone";
    if !careful {
        import.taken_back += u64::from(report::take_back(tx, cx, made, WHY).map_err(store_error)?);
        return Ok(());
    }
    let row = crate::journal::load::<Parcel>(tx, made.parcel)?;
    let number = row.as_ref().map_or_else(String::new, |r| r.state.number.clone());
    match undo::take_back(tx, cx, row, made.eid, WHY)? {
        Undone::TakenBack => import.taken_back += 1,
        Undone::Gone => {}
        Undone::Kept(detail) => {
            if import.kept < MAX_STAYS {
                let event = Id(made.eid);
                let kept = Kept { row: None, parcel: made.parcel, tracking_number: number, event, detail };
                STAYS.put(tx, &stays_key(import.id, import.kept), &Stays { kept })?;
            }
            import.kept += 1;
        }
    }
    Ok(())
}

/// Removes what is left of an import that was let go of: its files, and the log it could be undone by.
///
/// # Errors
/// When it has to go on later.
pub fn forget(store: &Store, files: &Files, tenant: Tenant, id: Id, number: u64) -> Result<(), RunError> {
    files.remove(id)?;
    let_go(store, tenant, id)?;
    let trim = move |tx: &mut dyn WriteTx| -> Result<u64, StoreError> {
        let log = made_log(number);
        let last = tx.head(DEPOT, log)?.last;
        tx.trim(DEPOT, log, last, FORGET_AT_ONCE)
    };
    while store.write(tenant, Lane::Bulk, trim).wait()? > 0 {}
    Ok(())
}

/// What kinds of files are read, for the API.
#[must_use]
pub fn kind_of(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|k| k.name() == name)
}
