//! The record of calls: who is recording, and what has been recorded.

use std::cell::Cell;
use std::cell::RefCell;
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
static PENDING: Mutex<Vec<(Arc<List>, Record)>> = Mutex::new(Vec::new());
/// Calls that are recorded and have not ended.
static UNFINISHED: AtomicUsize = AtomicUsize::new(0);

/// A call that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) site: CallSite,
    pub(crate) home: Home,
    /// 0: none.
    pub(crate) caller: u64,
    pub(crate) needs: Vec<u64>,
    pub(crate) called: Instant,
    pub(crate) ready: Option<Instant>,
    pub(crate) started: Option<Instant>,
    pub(crate) ended: Instant,
    pub(crate) ending: Ending,
    pub(crate) waits: Vec<Waited>,
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
    records: Mutex<Vec<(u64, Record)>>,
}

/// The call that a thread runs.
struct Frame {
    call: Cell<u64>,
    waits: RefCell<Vec<Waited>>,
}

thread_local! {
    static FRAME: Frame = const { Frame { call: Cell::new(0), waits: RefCell::new(Vec::new()) } };
    static LIST: Arc<List> = List::new();
}

/// Returns the number of the recorded call that the current thread runs, or 0.
fn current() -> u64 {
    FRAME.try_with(|frame| frame.call.get()).unwrap_or(0)
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

    /// The list of the current thread; a list that nobody adds to at the end of the thread.
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
pub(crate) fn end(number: u64) -> (Vec<(Arc<List>, Record)>, usize) {
    client::set(client::RECORDING, false);
    RECORDING.store(0, Ordering::Release);
    let left_out = KEPT.load(Ordering::Relaxed).saturating_sub(LIMIT.load(Ordering::Relaxed));
    let mut lists = lock(&LISTS);
    let mut found = Vec::new();
    for list in &*lists {
        let own = lock(&list.records).extract_if(.., |(of, _)| *of <= number).collect::<Vec<_>>();
        found.extend(own.into_iter().filter(|(of, _)| *of == number).map(|(_, record)| (list.clone(), record)));
    }
    // The threads of the others have ended.
    lists.retain(|list| Arc::strong_count(list) > 1);
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

/// Records nothing more for the file.
pub(crate) fn give_up_file() {
    client::set(client::FILE, false);
    lock(&PENDING).clear();
}

/// Takes the records for the file.
pub(crate) fn take_pending() -> Vec<(Arc<List>, Record)> {
    std::mem::take(&mut *lock(&PENDING))
}

/// Whether a recorded call has not ended.
pub(crate) fn has_unfinished() -> bool {
    UNFINISHED.load(Ordering::Relaxed) > 0
}

/// A call that is being recorded, from the call to the end.
pub(crate) struct Making {
    /// 0: for the file only.
    recording: u64,
    pub(crate) id: u64,
    caller: u64,
    needs: Vec<u64>,
}

impl Making {
    /// Begins the record of a call that needs the calls with the numbers `needs`, at the call.
    pub(crate) fn begin(needs: Vec<u64>) -> Self {
        UNFINISHED.fetch_add(1, Ordering::Relaxed);
        Self {
            recording: RECORDING.load(Ordering::Relaxed),
            id: LAST_CALL.fetch_add(1, Ordering::Relaxed) + 1,
            caller: current(),
            needs,
        }
    }

    /// Puts the call onto the current thread, which runs the call.
    pub(crate) fn enter(&self) -> Entered {
        let entered =
            FRAME.try_with(|frame| Entered { outer: frame.call.replace(self.id), outer_waits: frame.waits.take() });
        entered.unwrap_or(Entered { outer: 0, outer_waits: Vec::new() })
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        UNFINISHED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The call around a call on the current thread.
pub(crate) struct Entered {
    outer: u64,
    outer_waits: Vec<Waited>,
}

impl Entered {
    /// Takes the call from the current thread, and returns its waits.
    pub(crate) fn leave(self) -> Vec<Waited> {
        let waits = FRAME.try_with(|frame| {
            frame.call.set(self.outer);
            frame.waits.replace(self.outer_waits)
        });
        waits.unwrap_or_default()
    }
}

/// The moments of a call that has ended.
pub(crate) struct Life {
    pub(crate) called: Instant,
    pub(crate) ready: Option<Instant>,
    pub(crate) started: Option<Instant>,
}

/// Records a call that has ended, on the current thread.
pub(crate) fn add(mut making: Making, site: CallSite, home: &Home, life: &Life, ending: Ending, waits: Vec<Waited>) {
    let recording = making.recording;
    let wanted = recording != 0 && RECORDING.load(Ordering::Relaxed) == recording;
    let for_file = is_for_file();
    if !wanted && !for_file {
        return;
    }
    let record = Record {
        id: making.id,
        site,
        home: home.clone(),
        caller: making.caller,
        needs: std::mem::take(&mut making.needs),
        called: life.called,
        ready: life.ready,
        started: life.started,
        ended: Instant::now(),
        ending,
        waits,
    };
    let list = List::own();
    if for_file {
        lock(&PENDING).push((list.clone(), record.clone()));
    }
    if wanted && KEPT.fetch_add(1, Ordering::Relaxed) < LIMIT.load(Ordering::Relaxed) {
        lock(&list.records).push((recording, record));
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
            let _ = FRAME.try_with(|frame| frame.waits.borrow_mut().push(waited));
        }
    }
}
