//! The mail-in folder: whatever lies there is read as status messages, from a mail program that delivers into it, a
//! gateway that copies files, or by hand. A file is taken once it has stopped growing. It goes through `work`, so that one
//! that was begun before the power went is gone through again, to `taken` or, with the reason beside it, to `refused`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::fsu::Parsed;
use super::inbox::{self, MAX_MESSAGES, Outcome};
use super::letters::{self, MAX_FILE};
use super::work::People;
use crate::base::clock::Timestamp;
use crate::base::text;
use crate::identity::grant::Actor;
use crate::identity::repo as identity;
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::Cx;
use crate::notify::inbox as notices;
use crate::store::{Lane, NODE, StoreError, WriteTx};

/// Files that are taken in one step.
const AT_ONCE: usize = 20;
/// Files of the folder that one look goes through.
const MAX_LOOK: usize = 10_000;
/// How long files are kept that were gone through.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Who is told of what was not understood.
const ROLE: &str = "import_agent";
/// Where they find it.
const LINK: &str = "/mawbs/messages";

/// How large a file is and when it was written last.
type Shape = (u64, Option<SystemTime>);

/// Looks into the folder.
pub struct MailIn {
    /// The folder.
    pub folder: PathBuf,
    /// How often.
    pub every: Duration,
    /// Who is told.
    pub people: Arc<dyn People>,
    /// The files of each folder as they were when it was looked at last.
    pub seen: Mutex<BTreeMap<PathBuf, BTreeMap<PathBuf, Shape>>>,
}

impl MailIn {
    /// For `folder`, looked at `every` so often.
    #[must_use]
    pub fn new(folder: &Path, every: Duration, people: Arc<dyn People>) -> Self {
        Self { folder: folder.to_path_buf(), every, people, seen: Mutex::default() }
    }

    /// The folder of a tenant: that of its name, or the whole where it is the only one.
    fn folder_of(&self, ctx: &Ctx) -> Result<Option<PathBuf>, StoreError> {
        let all = ctx.store.read(NODE, |tx| identity::tenants(tx))?;
        let name = all.iter().find(|t| t.number == ctx.tenant).map(|t| t.name.clone());
        let own = name.map(|n| self.folder.join(n)).filter(|own| own.is_dir());
        Ok(own.or_else(|| (all.len() == 1).then(|| self.folder.clone())))
    }

    /// The files that have not changed since the look before.
    fn settled(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut now = BTreeMap::new();
        for entry in fs::read_dir(folder)?.take(MAX_LOOK) {
            let entry = entry?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let about = entry.metadata()?;
            if about.is_file() && !hidden {
                now.insert(entry.path(), (about.len(), about.modified().ok()));
            }
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.insert(folder.to_path_buf(), now.clone()).unwrap_or_default();
        Ok(now.into_iter().filter(|(path, shape)| before.get(path) == Some(shape)).map(|(p, _)| p).collect())
    }

    /// Goes through some of what lies in `folder`; true when there was something.
    fn look(&self, ctx: &Ctx, now: Timestamp, folder: &Path) -> Result<bool, JobError> {
        let failed = |e: io::Error| JobError::Failed(format!("the mail-in folder: {e}"));
        let work = folder.join("work");
        fs::create_dir_all(&work).map_err(failed)?;
        for file in self.settled(folder).map_err(failed)?.into_iter().take(AT_ONCE) {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{:015}-{}", now.millis(), text::clipped(name.into_owned(), 200));
            fs::rename(&file, work.join(name)).map_err(failed)?;
        }
        let begun: io::Result<Vec<_>> = fs::read_dir(&work).map_err(failed)?.take(AT_ONCE).collect();
        let mut begun: Vec<PathBuf> = begun.map_err(failed)?.into_iter().map(|e| e.path()).collect();
        begun.sort();
        for file in &begun {
            self.go_through(ctx, now, (folder, file))?;
        }
        Ok(!begun.is_empty())
    }

    fn go_through(&self, ctx: &Ctx, now: Timestamp, (folder, file): (&Path, &Path)) -> Result<(), JobError> {
        let failed = |e: io::Error| JobError::Failed(format!("the mail-in folder: {e}"));
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Behind the moment at which it was taken up.
        let said = name.split_once('-').map_or(name.as_str(), |(_, rest)| rest).to_owned();
        let (bytes, came) = contents(file).map_err(failed)?;
        let place = match letters::read(&bytes) {
            Ok(parsed) => {
                let came = came.map_or(now, |at| at.min(now));
                self.take(ctx, (now, came), &said, parsed)?;
                "taken"
            }
            Err(why) => {
                tracing::warn!(file = said, why, "a file of the mail-in folder is not taken");
                let refused = folder.join("refused");
                fs::create_dir_all(&refused).map_err(failed)?;
                fs::write(refused.join(format!("{name}.why.txt")), format!("{why}\n")).map_err(failed)?;
                self.tell(ctx, now, (format!("{said} was mailed in and is no status message"), why))?;
                "refused"
            }
        };
        fs::create_dir_all(folder.join(place)).map_err(failed)?;
        fs::rename(file, folder.join(place).join(&name)).map_err(failed)
    }

    fn take(
        &self,
        ctx: &Ctx,
        (now, came): (Timestamp, Timestamp),
        name: &str,
        parsed: Parsed,
    ) -> Result<(), JobError> {
        let Parsed { messages, unknown } = parsed;
        let mut parts: Vec<Parsed> = messages
            .chunks(MAX_MESSAGES)
            .map(|some| Parsed { messages: some.to_vec(), unknown: Vec::new() })
            .collect();
        match parts.first_mut() {
            Some(first) => first.unknown = unknown,
            None => parts.push(Parsed { messages, unknown }),
        }
        let mut odd = 0;
        for part in parts {
            let by = name.to_owned();
            let write = move |tx: &mut dyn WriteTx| -> Result<Outcome, StoreError> {
                let cx = Cx::new(tx, &Actor::system(), now, "mail-in")?;
                inbox::take_in(tx, &cx, (&by, came), &part).map_err(super::work::store_error)
            };
            odd += ctx.store.write(ctx.tenant, Lane::Bulk, write).wait()?.unknown.len();
        }
        if odd == 0 {
            return Ok(());
        }
        self.tell(
            ctx,
            now,
            (format!("{name}: {odd} lines of status messages were not understood"), name.into()),
        )
    }

    fn tell(&self, ctx: &Ctx, now: Timestamp, (title, text): (String, String)) -> Result<(), JobError> {
        let people = Arc::clone(&self.people);
        let write = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
            for person in people.of_role(tx, ROLE)? {
                notices::tell(tx, now, person.user, &title, &text, LINK)?;
            }
            Ok(())
        };
        Ok(ctx.store.write(ctx.tenant, Lane::Bulk, write).wait()?)
    }
}

/// A file's bytes, as far as one more than are taken, and when it was written.
fn contents(file: &Path) -> io::Result<(Vec<u8>, Option<Timestamp>)> {
    let opened = fs::File::open(file)?;
    let written = opened.metadata()?.modified().ok();
    let since = written.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    let came = since.and_then(|d| i64::try_from(d.as_millis()).ok()).map(Timestamp::from_millis);
    let mut bytes = Vec::new();
    opened.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes, came))
}

/// Removes what was gone through long ago, by the moments its names begin with.
fn tidy(folder: &Path, now: Timestamp) -> io::Result<()> {
    for place in ["taken", "refused"] {
        let Ok(all) = fs::read_dir(folder.join(place)) else { continue };
        for entry in all.take(MAX_LOOK) {
            let entry = entry?;
            let name = entry.file_name();
            let at = name.to_str().and_then(|n| n.split_once('-')).and_then(|(at, _)| at.parse().ok());
            if at.map(Timestamp::from_millis).is_some_and(|at| at.after(KEPT) < now) {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

impl Worker for MailIn {
    fn name(&self) -> &'static str {
        "freight.mail_in"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        let later = Step::IdleUntil(now.after(self.every));
        let Some(folder) = self.folder_of(ctx)? else { return Ok(later) };
        if !folder.is_dir() {
            tracing::warn!(folder = %folder.display(), "the mail-in folder is not there");
            return Ok(later);
        }
        if self.look(ctx, now, &folder)? {
            return Ok(Step::Worked);
        }
        if let Err(e) = tidy(&folder, now) {
            tracing::warn!(error = %e, "the mail-in folder can't be tidied");
        }
        Ok(later)
    }
}

#[cfg(test)]
#[path = "mail_in_tests.rs"]
mod tests;
