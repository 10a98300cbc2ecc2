//! Runs an import: one thread parses, the store's writer takes in what is parsed. Rows, verdicts and the place to go on
//! are saved together, so a power cut costs nothing and no row counts twice.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ImportError;
use super::aside::{ASIDE_AT_ONCE, lay_beside, let_go, put_aside, set_aside};
use super::errors::ErrorFile;
use super::files::Files;
use super::mapping::{Kind, Mapping};
use super::model::{Aside, Form as FileForm, IMPORTS, Import, Said, Saved, State, made_log, mapping_id};
use super::row::{Form, Origin, Reader, Refusal};
use super::survey::{Survey, survey, survey_sheet};
use super::verdict::{Desk, Outcome, Told, answers_for, told_by};
use super::{Concern, Warning, sheet};
use crate::base::clock::{Clock, Timestamp};
use crate::base::error::Fault;
use crate::base::ids::Id;
use crate::deadlines::policy::Policy;
use crate::identity::grant::Actor;
use crate::journal::{Cx, clock, reference};
use crate::parcels::map_service;
use crate::parcels::maps::Compiled;
use crate::parcels::report::Made;
use crate::store::{DEPOT, Lane, Pending, Store, StoreError, Tenant, WriteTx};

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
/// Chunks parsed ahead of the writer.
const AHEAD: usize = 2;

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

/// Rows for the next chunk, so that it takes about `time`; at most twice as many as the last one had.
fn next_size(t: &Taken, time: Duration) -> usize {
    let rows = t.rows.max(1) as u128;
    let fitting = rows * time.as_micros() / t.took.as_micros().max(1);
    usize::try_from(fitting.min(rows * 2)).unwrap_or(CHUNK_ROWS.1).clamp(CHUNK_ROWS.0, CHUNK_ROWS.1)
}

/// What kinds of files are read, for the API.
#[must_use]
pub fn kind_of(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|k| k.name() == name)
}
