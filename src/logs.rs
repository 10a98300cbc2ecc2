//! What the process says of itself: lines on standard error, and the same lines in files that never fill the disk.

pub mod rotating;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Subscriber;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{self, MakeWriter, format};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, filter};

use crate::base::clock::Clock;
use crate::config::choices::LogFormat;
use crate::config::sections::Logs;
use rotating::Rotating;

/// Why the log can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter can't be read.
    #[error("logs.level is \"{level}\", expected such as info or warn,crossdock::sync=debug: {source}")]
    Level {
        /// What was given.
        level: String,
        /// What is wrong with it.
        source: filter::ParseError,
    },
    /// Another part of the process was first.
    #[error("the log is set up already: {0}")]
    Twice(#[from] TryInitError),
}

/// How many lines the log files have lost, to a full disk or a folder that can't be written: a metric.
#[derive(Clone, Debug, Default)]
pub struct Lost(Arc<AtomicU64>);

impl Lost {
    /// Lines lost since the start.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends everything the process traces to standard error and, if `logs.dir` is set, to files in the data folder.
/// A folder that can't be written costs the lines in it, never the start.
///
/// # Errors
/// [`LogError`] for a filter that can't be read and for a second call.
pub fn init(logs: &Logs, data_dir: &Path, clock: &Clock) -> Result<Lost, LogError> {
    let (subscriber, lost) = subscriber(logs, data_dir, clock, io::stderr)?;
    subscriber.try_init()?;
    Ok(lost)
}

fn subscriber<W>(
    logs: &Logs,
    data_dir: &Path,
    clock: &Clock,
    console: W,
) -> Result<(impl Subscriber + Send + Sync + 'static, Lost), LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&logs.level)
        .map_err(|source| LogError::Level { level: logs.level.clone(), source })?;
    let lost = Lost::default();
    let mut layers = vec![layer(logs.format, clock, console)];
    if let Some(folder) = logs.folder(data_dir) {
        let (file, total) = (logs.max_file_mib << 20, logs.max_total_mib << 20);
        let files = Rotating::new(folder, file, total, clock.clone(), lost.clone());
        layers.push(layer(logs.format, clock, Shared(Mutex::new(files))));
    }
    Ok((tracing_subscriber::registry().with(filter).with(layers), lost))
}

/// No colours: fields of a span are formatted once for all layers, and escape codes would end up in the files.
fn layer<S, W>(format: LogFormat, clock: &Clock, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_timer(Stamp(clock.clone())).with_ansi(false).with_writer(writer);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Readable => lines.boxed(),
    }
}

/// The time of a line, from the clock everything else goes by.
struct Stamp(Clock);

impl FormatTime for Stamp {
    fn format_time(&self, w: &mut format::Writer<'_>) -> std::fmt::Result {
        write!(w, "{}", self.0.now())
    }
}

/// The log files behind a lock that survives a panic in another thread's line.
struct Shared(Mutex<Rotating>);

impl<'w> MakeWriter<'w> for Shared {
    type Writer = Line<'w>;

    fn make_writer(&'w self) -> Line<'w> {
        Line(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The log files, held for one line.
struct Line<'w>(MutexGuard<'w, Rotating>);

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Timestamp;

    fn lines(logs: &Logs) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::hand(Timestamp::from_millis(1_795_255_200_123));
        let (subscriber, lost) = subscriber(logs, dir.path(), &clock, io::sink).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("scan", parcel.tracking = "RR123456785NL").in_scope(|| {
                tracing::info!(duration_ms = 3, "moved");
                tracing::debug!("not worth a line");
            });
        });
        assert_eq!(lost.lines(), 0);
        let Ok(text) = std::fs::read_to_string(dir.path().join("logs/crossdock-2026-11-21.1.log")) else {
            return Vec::new();
        };
        text.lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_json_line_carries_the_clocks_time_the_fields_and_the_span() {
        let lines = lines(&Logs { format: LogFormat::Json, ..Logs::default() });
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["timestamp"], "2026-11-21T10:00:00.123Z");
        assert_eq!((&line["message"], &line["duration_ms"]), (&"moved".into(), &3.into()));
        assert_eq!(line["span"]["parcel.tracking"], "RR123456785NL");
    }

    #[test]
    fn a_readable_line_has_no_escape_codes() {
        let lines = lines(&Logs::default());
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("moved duration_ms=3") && !lines[0].contains('\u{1b}'), "{lines:?}");
    }

    #[test]
    fn the_level_decides_what_is_worth_a_line_and_no_folder_means_no_files() {
        assert_eq!(lines(&Logs { level: "debug".into(), ..Logs::default() }).len(), 2);
        assert_eq!(lines(&Logs { level: "warn".into(), ..Logs::default() }).len(), 0);
        assert_eq!(lines(&Logs { dir: "".into(), ..Logs::default() }).len(), 0);
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::default());
        let wrong = Logs { level: "crossdock=loud".into(), ..Logs::default() };
        let refusal = subscriber(&wrong, dir.path(), &clock, io::sink).err().unwrap().to_string();
        assert!(refusal.starts_with("logs.level is \"crossdock=loud\""), "{refusal}");
    }
}
