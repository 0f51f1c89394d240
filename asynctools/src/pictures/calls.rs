//! `Trace`: the recorded calls.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::call_site::CallSite;
use crate::sync::Instant;
use crate::tag::ending::Ending;
use crate::tag::record::List;
use crate::tag::record::Record;

/// One call of a [`Trace`]. Times count from the start of the recording.
///
/// # Examples
///
/// ```
/// use asynctools::{parallel, trace::{Ending, Recording}};
///
/// let recording = Recording::start()?;
/// let (line, call) = (line!(), parallel(|| 5));
/// assert_eq!(call.get(), 5);
/// let trace = recording.stop();
/// let call = &trace.calls()[0];
/// assert_eq!((&*call.pool, call.site.line(), call.ending), ("parallel", line, Ending::Returned));
/// assert!(call.called <= call.started.unwrap() && call.started.unwrap() <= call.ended);
/// # Ok::<(), asynctools::trace::AlreadyRecording>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallRecord {
    /// The number of the call, which no other call of the process has.
    pub id: u64,
    /// The function that was called, and where.
    pub site: CallSite,
    /// The name of the pool. Other pools may have the same name.
    pub pool: Arc<str>,
    /// The name of the thread that ran the call; `None` if the call never ran.
    pub thread: Option<Arc<str>>,
    /// The recorded call in which this one was made; `None` if no call made this one, or an unrecorded call did.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, Pool, pooled, trace::Recording};
    ///
    /// static ONE: Pool = Pool::named("one", 1);
    ///
    /// #[pooled(pool = ONE)]
    /// fn early(number: u32) -> u32 {
    ///     ONE.spawn(move || number).get()
    /// }
    ///
    /// let (promise, value) = AsyncValue::<u32>::promise();
    /// let early = early(value);
    /// let recording = Recording::start()?;
    /// // The one worker runs `early`, which is not recorded, on the stack of the outer call.
    /// let outer = ONE.spawn(move || {
    ///     promise.set(3);
    ///     early.get() + ONE.spawn(|| 4).get()
    /// });
    /// assert_eq!(outer.get(), 7);
    /// let trace = recording.stop();
    /// let [outer, three, four] = trace.calls() else { panic!("three calls") };
    /// assert_eq!((three.caller, four.caller), (None, Some(outer.id)));
    /// # Ok::<(), asynctools::trace::AlreadyRecording>(())
    /// ```
    pub caller: Option<u64>,
    /// The calls whose results were arguments of this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{pooled, trace::Recording};
    ///
    /// #[pooled]
    /// fn load() -> String {
    ///     String::from("two words")
    /// }
    ///
    /// #[pooled]
    /// fn words(text: &str) -> usize {
    ///     text.split(' ').count()
    /// }
    ///
    /// #[pooled]
    /// fn length(text: String) -> usize {
    ///     text.len()
    /// }
    ///
    /// let recording = Recording::start()?;
    /// let text = load().shared();
    /// let numbers = [words(text.clone()), length(text.clone()), text.map(String::len)];
    /// assert_eq!(numbers.map(|number| number.get()), [2, 9, 9]);
    /// let trace = recording.stop();
    /// let [load, readers @ ..] = trace.calls() else { panic!("four calls") };
    /// assert!(readers.iter().all(|reader| reader.needs == [load.id]));
    /// # Ok::<(), asynctools::trace::AlreadyRecording>(())
    /// ```
    pub needs: Vec<u64>,
    /// The call was made.
    pub called: Duration,
    /// All arguments were there; `None` if some never came.
    pub ready: Option<Duration>,
    /// The call began to run; `None` if the call never ran.
    pub started: Option<Duration>,
    /// The call ended.
    pub ended: Duration,
    /// How the call ended.
    pub ending: Ending,
    /// The waits inside the call in which its thread was blocked, in their order.
    pub waits: Vec<Wait>,
    /// The pool, by number.
    pub(crate) pool_number: usize,
    /// The thread, by number.
    pub(crate) thread_number: u64,
}

/// A wait inside a call, in which the thread of the call was blocked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Wait {
    /// The number of the awaited call, if that call is recorded.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Pool, trace::Recording};
    /// use std::{sync::Arc, time::Duration};
    ///
    /// let recording = Recording::start()?;
    /// let pool = Arc::new(Pool::new(1));
    /// let own = pool.clone();
    /// // A wait with a time limit blocks the thread, and another thread runs the inner call.
    /// let outer = pool.spawn(move || {
    ///     let inner = own.spawn(|| 5).shared();
    ///     inner.get_timeout(Duration::from_secs(60)).copied()
    /// });
    /// assert_eq!(outer.get(), Some(5));
    /// let trace = recording.stop();
    /// let [outer, inner] = trace.calls() else { panic!("two calls") };
    /// assert_eq!(outer.waits[0].call, Some(inner.id));
    /// # Ok::<(), asynctools::trace::AlreadyRecording>(())
    /// ```
    pub call: Option<u64>,
    /// The awaited call; `None` for a wait for room in a queue, or for the end of a pool.
    pub site: Option<CallSite>,
    /// The thread was blocked.
    pub from: Duration,
    /// The thread went on.
    pub to: Duration,
}

impl CallRecord {
    /// Returns the record with times since `start`.
    /// The record stays with its pool: the last owner of that drops the program's code around calls.
    pub(crate) fn of(record: &mut Record, list: &List, start: Instant) -> Self {
        let since = |moment: Instant| moment.saturating_duration_since(start);
        let has_run = record.started.is_some();
        let wait = |waited: &crate::tag::record::Waited| Wait {
            call: waited.call.map(|(id, _)| id).filter(|id| *id != 0),
            site: waited.call.map(|(_, site)| site),
            from: since(waited.from),
            to: since(waited.to),
        };
        Self {
            id: record.id,
            site: record.site,
            pool: record.home.shared_name().clone(),
            thread: has_run.then(|| list.name.clone()),
            caller: (record.caller != 0).then_some(record.caller),
            needs: std::mem::take(&mut record.needs).into_vec(),
            called: since(record.called),
            ready: record.ready.map(since),
            started: record.started.map(since),
            ended: since(record.ended),
            ending: record.ending,
            waits: record.waits.iter().map(wait).collect(),
            pool_number: record.home.number(),
            thread_number: list.number,
        }
    }

    /// Returns how long the call ran.
    pub(crate) fn ran(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |started| self.ended.saturating_sub(started))
    }
}

/// The calls of a [`Recording`](crate::trace::Recording) that have ended, for programs and for pictures.
///
/// # Examples
///
/// ```
/// use asynctools::{Pool, trace::Recording};
///
/// let recording = Recording::start()?;
/// assert_eq!(Pool::new(2).spawn(|| 20).map(|n| n + 1).get(), 21);
/// let trace = recording.stop();
/// let [first, second] = trace.calls() else { panic!("two calls") };
/// assert_eq!(second.needs, [first.id]);
/// # Ok::<(), asynctools::trace::AlreadyRecording>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Trace {
    calls: Vec<CallRecord>,
    truncated: usize,
}

impl Trace {
    pub(crate) fn new(mut calls: Vec<CallRecord>, truncated: usize) -> Self {
        calls.sort_by_key(|call| (call.called, call.id));
        Self { calls, truncated }
    }

    /// Returns the calls, in the order in which they were made. A call that has not ended is not there.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{parallel, trace::Recording};
    ///
    /// let recording = Recording::start()?;
    /// assert_eq!(parallel(|| 5).get(), 5);
    /// assert_eq!(recording.stop().calls().len(), 1);
    /// # Ok::<(), asynctools::trace::AlreadyRecording>(())
    /// ```
    #[must_use]
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// Returns how many calls the recording has left out, because it had as many as it may keep.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Pool, trace::Recording};
    ///
    /// let recording = Recording::with_limit(10)?;
    /// Pool::new(2).map(0..12, |n| n).wait();
    /// let trace = recording.stop();
    /// assert_eq!((trace.calls().len(), trace.truncated()), (10, 2));
    /// # Ok::<(), asynctools::trace::AlreadyRecording>(())
    /// ```
    #[must_use]
    pub fn truncated(&self) -> usize {
        self.truncated
    }

    pub(crate) fn into_calls(self) -> Vec<CallRecord> {
        self.calls
    }

    /// Returns the places of the calls by their numbers.
    pub(crate) fn places(&self) -> HashMap<u64, usize> {
        self.calls.iter().enumerate().map(|(place, call)| (call.id, place)).collect()
    }
}
