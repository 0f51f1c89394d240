//! Recorded calls as the JSON that Perfetto and `chrome://tracing` open.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::HashSet;
use std::io;
use std::io::Write;
use std::time::Duration;

use crate::pictures::calls::CallRecord;
use crate::pictures::calls::Trace;
use crate::pictures::words::Json;
use crate::pictures::words::short;

// Implementation
//
// Slices of one row must nest. Calls of one thread do: an inner call runs inside of the wait, or the submission, of an outer one. A
// wait ends when its thread goes on, so a call inside of a wait began after the wait before it. An arrow has to begin inside of the
// slice that it leaves, so 1 ns before the end of that slice, and it ends at the begin of its target.

/// The state of a writer: rows that have names, and slices of calls that have ended.
#[derive(Default)]
pub(crate) struct Chrome {
    threads: HashSet<u64>,
    ended: HashMap<u64, Slice>,
    arrows: u64,
    is_open: bool,
    has_any: bool,
}

/// The slice of a call that has run.
#[derive(Clone, Copy)]
struct Slice {
    thread: u64,
    start: u64,
    end: u64,
}

impl Slice {
    /// Returns the slice of a call; `None` if the call never ran.
    fn of(call: &CallRecord) -> Option<Self> {
        let start = nanos(call.started?);
        Some(Self { thread: call.thread_number, start, end: nanos(call.ended).max(start) })
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Prints nanoseconds as microseconds, to the digit.
struct Micros(u64);

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// The process of all rows.
const PROCESS: u32 = 1;
/// The row of calls that never ran.
const NEVER_RAN: u64 = 0;

impl Chrome {
    /// Writes what comes before all events.
    pub(crate) fn open(&mut self, w: &mut dyn Write) -> io::Result<()> {
        self.is_open = true;
        w.write_all(b"[\n")
    }

    /// Writes what comes before an event.
    fn event(&mut self, w: &mut dyn Write) -> io::Result<()> {
        if self.has_any {
            w.write_all(b",\n")?;
        } else if !self.is_open {
            self.open(w)?;
        }
        self.has_any = true;
        Ok(())
    }

    fn row(&mut self, w: &mut dyn Write, thread: u64, name: &str) -> io::Result<()> {
        if !self.threads.insert(thread) {
            return Ok(());
        }
        self.event(w)?;
        write!(
            w,
            r#"{{"ph":"M","name":"thread_name","pid":{PROCESS},"tid":{thread},"args":{{"name":{}}}}}"#,
            Json(name)
        )
    }

    /// Writes events for `calls`: an outer slice before the slices inside.
    pub(crate) fn write(&mut self, w: &mut dyn Write, calls: &[CallRecord]) -> io::Result<()> {
        let mut order: Vec<_> = calls.iter().collect();
        order.sort_by_key(|call| (call.started.unwrap_or(call.ended), Reverse(call.ended), call.id));
        self.ended.extend(order.iter().filter_map(|call| Some((call.id, Slice::of(call)?))));
        for call in order {
            if let (Some(slice), Some(thread)) = (Slice::of(call), &call.thread) {
                self.row(w, slice.thread, thread)?;
                self.call(w, call, slice)?;
                continue;
            }
            self.row(w, NEVER_RAN, "never ran")?;
            self.event(w)?;
            write!(
                w,
                r#"{{"ph":"i","s":"t","name":{},"cat":{},"pid":{PROCESS},"tid":{NEVER_RAN},"ts":{},{}}}"#,
                Json(short(call.site.function())),
                Json(call.ending.as_str()),
                Micros(nanos(call.ended)),
                Arguments(call)
            )?;
        }
        Ok(())
    }

    fn call(&mut self, w: &mut dyn Write, call: &CallRecord, slice: Slice) -> io::Result<()> {
        let Slice { thread: row, start, end } = slice;
        let name = short(call.site.function());
        self.event(w)?;
        write!(
            w,
            r#"{{"ph":"X","name":{},"cat":{},"pid":{PROCESS},"tid":{},"ts":{},"dur":{},{}}}"#,
            Json(name),
            Json(call.ending.as_str()),
            row,
            Micros(start),
            Micros(end - start),
            Arguments(call)
        )?;
        for wait in &call.waits {
            let from = nanos(wait.from).clamp(start, end);
            let to = nanos(wait.to).clamp(from, end);
            let what =
                wait.site.map_or("waits for a pool".to_owned(), |site| format!("waits for {}", short(site.function())));
            self.event(w)?;
            write!(
                w,
                r#"{{"ph":"X","name":{},"cat":"wait","pid":{PROCESS},"tid":{},"ts":{},"dur":{}}}"#,
                Json(&what),
                row,
                Micros(from),
                Micros(to - from)
            )?;
        }
        if let Some(ready) = call.ready.map(nanos).filter(|ready| *ready < start) {
            for (phase, at) in [("b", ready), ("e", start)] {
                self.event(w)?;
                write!(
                    w,
                    r#"{{"ph":"{phase}","name":{},"cat":{},"id":{},"pid":{PROCESS},"tid":{},"ts":{}}}"#,
                    Json(name),
                    Json(&format!("waits for a worker of {}", call.pool)),
                    call.id,
                    row,
                    Micros(at)
                )?;
            }
        }
        for need in &call.needs {
            let Some(source) = self.ended.get(need).copied() else { continue };
            // Inside of both slices: Perfetto ties an end of an arrow to the slice around it.
            let leaves = source.end.saturating_sub(1).max(source.start);
            if leaves > start {
                continue;
            }
            self.arrows += 1;
            for (phase, thread, at) in [(r#""s""#, source.thread, leaves), (r#""f","bp":"e""#, row, start)] {
                self.event(w)?;
                write!(
                    w,
                    r#"{{"ph":{phase},"name":"argument","cat":"argument","id":{},"pid":{PROCESS},"tid":{thread},"ts":{}}}"#,
                    self.arrows,
                    Micros(at)
                )?;
            }
        }
        Ok(())
    }
}

/// The details of a call, which a viewer shows beside the slice.
struct Arguments<'a>(&'a CallRecord);

impl std::fmt::Display for Arguments<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(call) = self;
        write!(
            f,
            r#""args":{{"call":{},"function":{},"at":{},"pool":{},"ending":{}}}"#,
            call.id,
            Json(call.site.function()),
            Json(&format!("{}:{}", call.site.file(), call.site.line())),
            Json(&call.pool),
            Json(call.ending.as_str())
        )
    }
}

impl Trace {
    /// Writes the calls as JSON that [Perfetto](https://ui.perfetto.dev) and `chrome://tracing` open: a row for each thread,
    /// calls and the waits inside them as slices, waits for a worker as asynchronous slices by pool, an arrow for each
    /// argument, and calls that never ran as instants.
    ///
    /// # Errors
    ///
    /// If `w` refuses what is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Pool, trace::Recording};
    ///
    /// let recording = Recording::start()?;
    /// assert_eq!(Pool::new(1).spawn(|| 20).map(|n| n + 1).get(), 21);
    /// let mut json = Vec::new();
    /// recording.stop().write_chrome(&mut json)?;
    /// assert!(json.starts_with(b"[") && json.ends_with(b"]\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_chrome(&self, mut w: impl Write) -> io::Result<()> {
        let w: &mut dyn Write = &mut w;
        let mut chrome = Chrome::default();
        chrome.write(w, self.calls())?;
        w.write_all(if chrome.has_any { b"\n]\n" } else { b"[]\n" })?;
        w.flush()
    }
}
