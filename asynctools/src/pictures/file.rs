//! `ASYNCTOOLS_TRACE`: the picture of a program that says nothing of pictures itself.

use std::ffi::OsStr;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use crate::pictures::calls::CallRecord;
use crate::pictures::calls::Trace;
use crate::pictures::chrome::Chrome;
use crate::sync::Instant;
use crate::tag::record;
use crate::tag::record::Pending;

/// How many calls the file keeps.
const MOST: usize = 1_000_000;
/// A drawing is written anew after this time, or if nothing is unfinished.
const PAUSE: Duration = Duration::from_millis(100);

/// The calls for the file.
struct Output {
    start: Instant,
    /// JSON is appended to.
    json: Option<(File, Chrome)>,
    /// The other formats are written anew.
    calls: Vec<CallRecord>,
    truncated: usize,
    count: usize,
    written: Option<Instant>,
}

static OUTPUT: Mutex<Option<Output>> = Mutex::new(None);

/// Notes the first moment, and begins to record if the variable asks for a file. Called by each new pool.
pub(crate) fn begin() {
    if record::file().is_some() {
        let mut output = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
        output.get_or_insert_with(|| Output {
            start: Instant::now(),
            json: None,
            calls: Vec::new(),
            truncated: 0,
            count: 0,
            written: None,
        });
    }
}

/// A worker stands down: the picture may be written.
#[inline]
pub(crate) fn worker_rests() {
    if record::is_for_file() {
        write(false);
    }
}

/// A thread has ended a wait. Outside of all calls the picture is written: it has at least what the thread has waited for.
#[inline]
pub(crate) fn wait_is_over(is_in_call: impl FnOnce() -> bool) {
    if record::is_for_file() && !is_in_call() {
        write(!record::has_unfinished());
    }
}

#[cold]
fn write(at_once: bool) {
    let Some(path) = record::file() else { return };
    // Dropped when the lock is free: a record may be the last owner of a pool's code around calls.
    let mut drawn = Pending::new();
    let mut output = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(output) = &mut *output else { return };
    if let Err(error) = output.write(Path::new(path), at_once, &mut drawn) {
        drawn.append(&mut record::give_up_file());
        // The program runs on, also if nobody reads its errors.
        let _ = writeln!(io::stderr(), "asynctools: ASYNCTOOLS_TRACE: {} cannot be written: {error}", path.display());
    }
}

impl Output {
    /// Leaves the records in `drawn`.
    fn write(&mut self, path: &Path, at_once: bool, drawn: &mut Pending) -> io::Result<()> {
        let is_drawing = [Some(OsStr::new("svg")), Some(OsStr::new("dot"))].contains(&path.extension());
        let is_early = self.written.is_some_and(|written| written.elapsed() < PAUSE);
        if is_drawing && is_early && !at_once {
            return Ok(());
        }
        *drawn = record::take_pending();
        let start = self.start;
        let mut new: Vec<_> = drawn.iter_mut().map(|(list, record)| CallRecord::of(record, list, start)).collect();
        if new.is_empty() && self.written.is_some() {
            return Ok(());
        }
        let room = MOST.saturating_sub(self.count);
        self.truncated += new.len().saturating_sub(room);
        new.truncate(room);
        self.count += new.len();
        self.written = Some(Instant::now());
        if !is_drawing {
            return self.append(path, &new);
        }
        self.calls.extend(new);
        let trace = Trace::new(std::mem::take(&mut self.calls), self.truncated);
        let drawn = draw(path, &trace);
        self.calls = trace.into_calls();
        drawn
    }

    /// Appends to the JSON, which needs no closing bracket.
    fn append(&mut self, path: &Path, new: &[CallRecord]) -> io::Result<()> {
        let mut text = Vec::new();
        if self.json.is_none() {
            let file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
            let mut chrome = Chrome::default();
            // Before there is any call: an empty file is no list.
            chrome.open(&mut text)?;
            self.json = Some((file, chrome));
        }
        let Some((file, chrome)) = &mut self.json else { return Ok(()) };
        chrome.write(&mut text, new)?;
        file.write_all(&text)
    }
}

/// Writes a drawing beside the old one, and puts the new one in its place: a reader never finds half of one.
fn draw(path: &Path, trace: &Trace) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = BufWriter::new(File::create(&beside)?);
    let is_svg = path.extension() == Some(OsStr::new("svg"));
    let drawn = if is_svg { trace.write_svg(&mut file) } else { trace.write_dot(&mut file) };
    drawn?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?;
    std::fs::rename(&beside, path)
}
