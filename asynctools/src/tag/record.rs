//! The record of calls: who is recording, and what has been recorded.

use std::cell::Cell;
use std::cell::RefCell;
use std::cmp;
use std::env;
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use crate::call_site::CallSite;
use crate::sync::Instant;
use crate::sync::thread_local;
use crate::tag::around::Home;
use crate::tag::around::Moments;
use crate::tag::client;
use crate::tag::ending::Ending;

// Implementation
//
// A thread that ends a call adds the record to a list of its own, so threads do not wait for each other. The program that stops
// a recording collects the lists. The records for `ASYNCTOOLS_TRACE` go to one more list, which is emptied into the file. All of
// this is the standard library's under a model checker too: the models are built without pictures.

/// The recording of the program goes on: the number of the recording, or 0.
static RECORDING: AtomicU64 = AtomicU64::new(0);
static LAST_RECORDING: AtomicU64 = AtomicU64::new(0);
static LAST_CALL: AtomicU64 = AtomicU64::new(0);
static LAST_THREAD: AtomicU64 = AtomicU64::new(0);
/// Records of the recording that goes on, and how many may be kept.
static KEPT: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(0);
static LISTS: Mutex<Vec<Arc<List>>> = Mutex::new(Vec::new());
/// Records for the file.
static PENDING: Mutex<Pending> = Mutex::new(Pending::new());
/// Calls that are recorded and have not ended.
static UNFINISHED: AtomicUsize = AtomicUsize::new(0);

/// Records with the lists of their threads. Their drop may run code of the program, so it is under no lock.
pub(crate) type Pending = Vec<(Arc<List>, Record)>;

/// A call that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) site: CallSite,
    pub(crate) home: Home,
    /// 0: none.
    pub(crate) caller: u64,
    pub(crate) needs: Box<[u64]>,
    pub(crate) called: Instant,
    /// `None` if some arguments never came.
    pub(crate) ready: Option<Instant>,
    pub(crate) started: Option<Instant>,
    pub(crate) ended: Instant,
    pub(crate) ending: Ending,
    pub(crate) waits: Box<[Waited]>,
}

/// A wait inside a call.
#[derive(Clone, Debug)]
pub(crate) struct Waited {
    /// The awaited call, by number and site; `None` for room in a queue, or the end of a pool.
    pub(crate) call: Option<(u64, CallSite)>,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

/// The records of one thread.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) number: u64,
    pub(crate) name: Arc<str>,
    records: Mutex<Blocks>,
}

/// Records with the numbers of their recordings, in blocks: one `Vec` that grows would have room for twice as many as there are,
/// and would move them all.
#[derive(Debug, Default)]
struct Blocks {
    full: Vec<Vec<(u64, Record)>>,
    last: Vec<(u64, Record)>,
}

impl Blocks {
    const FIRST: usize = 16;
    const LARGEST: usize = 1_024;

    fn is_empty(&self) -> bool {
        self.last.is_empty() && self.full.is_empty()
    }

    #[inline]
    fn push(&mut self, recording: u64, record: Record) {
        if self.last.len() == self.last.capacity() {
            self.grow();
        }
        self.last.push((recording, record));
    }

    #[cold]
    fn grow(&mut self) {
        let room = (2 * self.last.capacity()).clamp(Self::FIRST, Self::LARGEST);
        let full = std::mem::replace(&mut self.last, Vec::with_capacity(room));
        if !full.is_empty() {
            self.full.push(full);
        }
    }

    /// Takes the records of that recording, and leaves those of earlier ones in `stale`.
    fn take(&mut self, recording: u64, stale: &mut Vec<Record>) -> Vec<Record> {
        let Self { full, last } = std::mem::take(self);
        let mut taken = Vec::new();
        for (of, record) in full.into_iter().chain([last]).flatten() {
            match of.cmp(&recording) {
                cmp::Ordering::Equal => taken.push(record),
                cmp::Ordering::Greater => self.push(of, record),
                cmp::Ordering::Less => stale.push(record),
            }
        }
        taken
    }
}

/// The call that a thread runs, or 0 if the call is not recorded, and how many waits are on the stack of waits. Has no
/// destructor, which each call would pay for.
struct Frame {
    call: Cell<u64>,
    waits: Cell<usize>,
}

thread_local! {
    static FRAME: Frame = const { Frame { call: Cell::new(0), waits: Cell::new(0) } };
    /// The waits of the calls on the stack of the thread, those of the innermost call last.
    static WAITS: RefCell<Vec<Waited>> = const { RefCell::new(Vec::new()) };
    static LIST: Arc<List> = List::new();
}

/// Returns the number of the recorded call that the current thread runs, or 0.
fn current() -> u64 {
    FRAME.with(|frame| frame.call.get())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl List {
    fn new() -> Arc<Self> {
        let number = LAST_THREAD.fetch_add(1, Ordering::Relaxed) + 1;
        let name = thread::current().name().map_or_else(|| format!("thread {number}").into(), Arc::from);
        let list = Arc::new(Self { number, name, records: Mutex::default() });
        let mut lists = lock(&LISTS);
        // Threads that have ended, and have left nothing.
        lists.retain(|list| Arc::strong_count(list) > 1 || !lock(&list.records).is_empty());
        lists.push(list.clone());
        list
    }

    /// Returns the list of the current thread; a list that nobody adds to at the end of the thread.
    #[inline]
    fn own() -> Arc<Self> {
        LIST.try_with(Arc::clone).unwrap_or_else(|_| Self::new())
    }
}

/// Whether somebody records calls.
#[inline]
pub(crate) fn is_on() -> bool {
    client::has(client::RECORDING | client::FILE)
}

/// Begins a recording of at most `limit` calls, and returns its number; `None` if one goes on.
pub(crate) fn begin(limit: usize) -> Option<u64> {
    let number = LAST_RECORDING.fetch_add(1, Ordering::Relaxed) + 1;
    RECORDING.compare_exchange(0, number, Ordering::AcqRel, Ordering::Relaxed).ok()?;
    KEPT.store(0, Ordering::Relaxed);
    LIMIT.store(limit, Ordering::Relaxed);
    client::set(client::RECORDING, true);
    Some(number)
}

/// Ends the recording of that number. Returns the records by thread, and how many were left out.
pub(crate) fn end(number: u64) -> (Pending, usize) {
    client::set(client::RECORDING, false);
    let left_out = KEPT.load(Ordering::Relaxed).saturating_sub(LIMIT.load(Ordering::Relaxed));
    // Dropped when the locks are free.
    let mut stale = Vec::new();
    let mut lists = lock(&LISTS);
    let mut found = Vec::new();
    for list in &*lists {
        let own = lock(&list.records).take(number, &mut stale);
        found.extend(own.into_iter().map(|record| (list.clone(), record)));
    }
    // The threads of the others have ended.
    lists.retain(|list| Arc::strong_count(list) > 1);
    // Last of all: another recording may begin now, whose records and numbers these would be.
    RECORDING.store(0, Ordering::Release);
    (found, left_out)
}

/// Returns the path in `ASYNCTOOLS_TRACE`, and records for that file from the first look on.
pub(crate) fn file() -> Option<&'static OsString> {
    static FILE: OnceLock<Option<OsString>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let path = env::var_os("ASYNCTOOLS_TRACE").filter(|path| !path.is_empty());
        client::set(client::FILE, path.is_some());
        path
    });
    file.as_ref()
}

/// Whether there may be records for the file.
#[inline]
pub(crate) fn is_for_file() -> bool {
    client::has(client::FILE)
}

/// Records nothing more for the file. Returns what was not written.
pub(crate) fn give_up_file() -> Pending {
    client::set(client::FILE, false);
    take_pending()
}

/// Takes the records for the file.
pub(crate) fn take_pending() -> Pending {
    std::mem::take(&mut *lock(&PENDING))
}

/// Whether a recorded call has not ended.
#[inline]
pub(crate) fn has_unfinished() -> bool {
    UNFINISHED.load(Ordering::Relaxed) > 0
}

/// A call that is being recorded, from the call to the end.
pub(crate) struct Making {
    /// 0: for the file only.
    recording: u64,
    pub(crate) id: u64,
    caller: u64,
    home: Home,
    needs: Box<[u64]>,
    _unfinished: Unfinished,
}

/// Is one of the calls that have not ended, until the drop.
struct Unfinished;

impl Drop for Unfinished {
    #[inline]
    fn drop(&mut self) {
        UNFINISHED.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Making {
    /// Begins the record of a call on the pool `home` that needs the calls with the numbers `needs`, at the call.
    pub(crate) fn begin(home: &Home, needs: Box<[u64]>) -> Self {
        UNFINISHED.fetch_add(1, Ordering::Relaxed);
        Self {
            recording: RECORDING.load(Ordering::Relaxed),
            id: LAST_CALL.fetch_add(1, Ordering::Relaxed) + 1,
            caller: current(),
            home: home.clone(),
            needs,
            _unfinished: Unfinished,
        }
    }
}

/// Whether the current thread runs a recorded call. Where no call is recorded, this is a look at one number.
#[inline]
pub(crate) fn is_inside() -> bool {
    has_unfinished() && has_current()
}

/// As [`current`]: apart, since nearly always nobody records.
#[cold]
#[inline(never)]
fn has_current() -> bool {
    current() != 0
}

/// Puts a call onto the current thread, which runs the call. The calls and waits of an unrecorded call are not those of
/// a recorded call around it. Returns `None` if neither is recorded.
///
/// # Examples
///
/// A call that only code around calls watches:
///
/// ```
/// use asynctools::{AsyncValue, CallInfo, Pool, Run, trace::Recording};
/// use std::sync::Arc;
///
/// let around = |_call: &CallInfo| |run: Run<'_>| run.run();
/// let pool = Arc::new(Pool::builder().workers(1).around(around).build()?);
/// let (promise, value) = AsyncValue::<u32>::promise();
/// let own = pool.clone();
/// let early = pool.spawn(|| ()).zip(value).map(move |((), n)| own.spawn(move || n).get());
/// pool.wait_idle();
/// let recording = Recording::start()?;
/// let outer = pool.spawn(move || {
///     promise.set(3);
///     early.get()
/// });
/// assert_eq!(outer.get(), 3);
/// let trace = recording.stop();
/// let [_outer, inner] = trace.calls() else { panic!("two calls") };
/// assert_eq!(inner.caller, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An unrecorded call in which another recording starts:
///
/// ```
/// use asynctools::{AsyncValue, Pool, pooled, trace::Recording};
///
/// static ONE: Pool = Pool::named("one", 1);
///
/// #[pooled(pool = ONE)]
/// fn early(_number: u32) -> Recording {
///     let recording = Recording::start().unwrap();
///     ONE.spawn(|| ()).get();
///     recording
/// }
///
/// let (promise, value) = AsyncValue::<u32>::promise();
/// let early = early(value);
/// let recording = Recording::start()?;
/// let outer = ONE.spawn(move || {
///     drop(recording);
///     promise.set(3);
///     early.get()
/// });
/// let trace = outer.get().stop();
/// let [inner] = trace.calls() else { panic!("one call") };
/// assert_eq!(inner.caller, None);
/// # Ok::<(), asynctools::trace::AlreadyRecording>(())
/// ```
///
/// A call that the code of a watcher makes, and that waits on the stack of a recorded call:
///
/// ```
/// use asynctools::{AsyncValue, CallInfo, Pool, Run, pooled, trace::Recording};
/// use std::sync::{Arc, Mutex};
/// use std::time::Duration;
///
/// static ONE: Pool = Pool::named("one", 1);
///
/// #[pooled(pool = ONE)]
/// fn waits(number: u32) -> Option<u32> {
///     // A wait with a time limit blocks the thread, and another thread runs the inner call.
///     ONE.spawn(move || number).get_timeout(Duration::from_secs(60)).ok()
/// }
///
/// let (promise, value) = AsyncValue::<u32>::promise();
/// let argument = Mutex::new(Some(value));
/// let place = Arc::new(Mutex::new(None));
/// let puts = place.clone();
/// let around = move |_call: &CallInfo| {
///     *puts.lock().unwrap() = argument.lock().unwrap().take().map(|value| waits(value));
///     |run: Run<'_>| run.run()
/// };
/// Pool::builder().workers(1).around(around).build()?.spawn(|| ()).get();
/// let silent = place.lock().unwrap().take().unwrap();
/// let recording = Recording::start()?;
/// let outer = ONE.spawn(move || {
///     promise.set(3);
///     silent.get()
/// });
/// assert_eq!(outer.get(), Some(3));
/// let trace = recording.stop();
/// let [outer] = trace.calls() else { panic!("one call") };
/// assert!(outer.waits.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub(crate) fn enter(making: Option<&Making>) -> Option<Entered> {
    let call = making.map_or(0, |making| making.id);
    (call != 0 || is_inside())
        .then(|| FRAME.with(|frame| Entered { outer: frame.call.replace(call), outer_waits: frame.waits.get() }))
}

/// The call around a call on the current thread, and how many waits there were.
pub(crate) struct Entered {
    outer: u64,
    outer_waits: usize,
}

impl Entered {
    /// Takes the call from the current thread, and returns its waits.
    #[inline]
    pub(crate) fn leave(self) -> Box<[Waited]> {
        FRAME.with(|frame| {
            frame.call.set(self.outer);
            let waits = frame.waits.replace(self.outer_waits);
            if waits == self.outer_waits { Box::default() } else { waits_from(self.outer_waits) }
        })
    }
}

/// Takes the waits of the innermost call, which begin at `start`.
#[cold]
fn waits_from(start: usize) -> Box<[Waited]> {
    WAITS.try_with(|waits| waits.borrow_mut().split_off(start).into()).unwrap_or_default()
}

/// Records the call at `site`, which has ended, on the current thread: with its `waits` if its body `ran`.
pub(crate) fn add(making: Making, site: CallSite, moments: &Moments, ran: bool, ending: Ending, waits: Box<[Waited]>) {
    let Making { recording, id, caller, home, needs, _unfinished } = making;
    let wanted = recording != 0 && RECORDING.load(Ordering::Relaxed) == recording;
    let for_file = is_for_file();
    if !wanted && !for_file {
        return;
    }
    let is_kept = wanted && KEPT.fetch_add(1, Ordering::Relaxed) < LIMIT.load(Ordering::Relaxed);
    let (called, ready, started) = (moments.called, moments.ready, ran.then(|| moments.started()));
    let ended = Instant::now();
    // Makes the record in its place: to make it elsewhere, and move it, costs as much again.
    let record =
        |home, needs, waits| Record { id, site, home, caller, needs, called, ready, started, ended, ending, waits };
    let list = List::own();
    if for_file {
        lock(&PENDING).push((list.clone(), record(home.clone(), needs.clone(), waits.clone())));
    }
    if is_kept {
        lock(&list.records).push(recording, record(home, needs, waits));
    }
}

/// The current thread is blocked in a call, until the drop.
pub(crate) struct InWait(Option<(Option<(u64, CallSite)>, Instant)>);

/// Begins a wait of the current thread; `on` says for which call.
#[inline]
pub(crate) fn begin_wait(on: impl FnOnce() -> Option<(u64, CallSite)>) -> InWait {
    let is_recorded = is_on() && current() != 0;
    InWait(is_recorded.then(|| (on(), Instant::now())))
}

impl Drop for InWait {
    fn drop(&mut self) {
        if let Some((call, from)) = self.0.take() {
            let waited = Waited { call, from, to: Instant::now() };
            if WAITS.try_with(|waits| waits.borrow_mut().push(waited)).is_ok() {
                FRAME.with(|frame| frame.waits.set(frame.waits.get() + 1));
            }
        }
    }
}
