//! `around`: the program's code around the body of each call.

use std::any::Any;
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::Arc;
#[cfg(feature = "trace")]
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::call_site::CallSite;
use crate::panics::Guarded;
#[cfg(feature = "trace")]
use crate::sync::AtomicUsize;
use crate::sync::Instant;
use crate::sync::OnceLock;
use crate::tag::client;

/// One call, as code around the call sees it.
///
/// Names the function, the place of the call, and the pool.
///
/// # Examples
///
/// ```
/// use asynctools::{CallInfo, Pool, Run};
///
/// let around = |call: &CallInfo| {
///     let name = format!("{} on {}", call.function(), call.pool());
///     move |run: Run<'_>| {
///         println!("{name} begins");
///         run.run();
///         println!("{name} has ended");
///     }
/// };
/// let pool = Pool::builder().workers(1).name("disk").around(around).build()?;
/// assert_eq!(pool.spawn(|| 5).get(), 5);
/// # Ok::<(), asynctools::BuildError>(())
/// ```
pub struct CallInfo {
    pub(crate) site: CallSite,
    pub(crate) home: Home,
}

impl CallInfo {
    /// Returns the path of the function, as [`CallSite::function`] does: `my_crate::net::fetch`, or for a closure the name
    /// of the method that took the closure (`spawn`).
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{CallInfo, Pool, Run};
    ///
    /// let around = |call: &CallInfo| {
    ///     assert_eq!(call.function(), "spawn");
    ///     |run: Run<'_>| run.run()
    /// };
    /// let pool = Pool::builder().workers(1).around(around).build()?;
    /// assert_eq!(pool.spawn(|| 5).get(), 5);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    #[must_use]
    pub fn function(&self) -> &'static str {
        self.site.function()
    }

    /// Returns the file of the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{CallInfo, Pool, Run};
    ///
    /// let around = |call: &CallInfo| {
    ///     assert_eq!(call.file(), file!());
    ///     |run: Run<'_>| run.run()
    /// };
    /// let pool = Pool::builder().workers(1).around(around).build()?;
    /// assert_eq!(pool.spawn(|| 5).get(), 5);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.site.file()
    }

    /// Returns the line of the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{CallInfo, Pool, Run};
    ///
    /// let line = line!() + 5;
    /// let pool = Pool::builder().workers(1).around(move |call: &CallInfo| {
    ///     assert_eq!(call.line(), line);
    ///     |run: Run<'_>| run.run()
    /// }).build()?;
    /// assert_eq!(pool.spawn(|| 5).get(), 5);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    #[must_use]
    pub fn line(&self) -> u32 {
        self.site.line()
    }

    /// Returns the name of the pool that the call belongs to; `parallel` for a call of
    /// [`#[parallel]`](macro@crate::parallel), and `asynctools` for the default pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{CallInfo, Pool, Run};
    ///
    /// let around = |call: &CallInfo| {
    ///     assert_eq!(call.pool(), "disk");
    ///     |run: Run<'_>| run.run()
    /// };
    /// let pool = Pool::builder().workers(1).name("disk").around(around).build()?;
    /// assert_eq!(pool.spawn(|| 5).get(), 5);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    #[must_use]
    pub fn pool(&self) -> &str {
        self.home.name()
    }
}

impl fmt::Debug for CallInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallInfo").field("site", &self.site).field("pool", &self.pool()).finish_non_exhaustive()
    }
}

/// The moments at which a call went on.
#[derive(Debug)]
pub(crate) struct Moments {
    /// The call was made.
    pub(crate) called: Instant,
    /// The last argument came, or was there at the call; `None` if some never came.
    pub(crate) ready: Option<Instant>,
    /// The call began to run. The code around a call may never ask, so the clock is left alone until somebody does.
    started: Cell<Option<Instant>>,
}

impl Moments {
    pub(crate) fn new(called: Instant, ready: Option<Instant>) -> Self {
        Self { called, ready, started: Cell::new(None) }
    }

    /// Returns when the call began: now, if nobody has asked before.
    pub(crate) fn started(&self) -> Instant {
        self.started.get().unwrap_or_else(|| {
            let now = Instant::now();
            self.started.set(Some(now));
            now
        })
    }

    pub(crate) fn waited_for_arguments(&self) -> Duration {
        match self.ready {
            Some(ready) if ready != self.called => ready.saturating_duration_since(self.called),
            // All arguments were there at the call: most calls, which need no subtraction.
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn waited_for_worker(&self) -> Duration {
        self.started().saturating_duration_since(self.ready.unwrap_or(self.called))
    }
}

/// The body of a call, in the hands of the code around the call.
///
/// If the body panics, the panic unwinds through the code around. A `Run` that is dropped unrun ends the call as
/// [`TaskError::Rejected`](crate::TaskError::Rejected).
///
/// # Examples
///
/// A circuit breaker:
///
/// ```
/// use asynctools::{CallInfo, Pool, Run, TaskError};
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// static IS_OPEN: AtomicBool = AtomicBool::new(false);
///
/// let around = |_call: &CallInfo| |run: Run<'_>| {
///     if !IS_OPEN.load(Ordering::Relaxed) {
///         run.run();
///     }
/// };
/// let pool = Pool::builder().workers(1).around(around).build()?;
/// assert_eq!(pool.spawn(|| 5).get(), 5);
/// IS_OPEN.store(true, Ordering::Relaxed);
/// assert!(matches!(pool.spawn(|| 5).outcome(), Err(TaskError::Rejected)));
/// # Ok::<(), asynctools::BuildError>(())
/// ```
#[must_use = "a call whose body does not run ends as `Rejected`"]
pub struct Run<'a> {
    body: &'a mut dyn FnMut(),
    moments: &'a Moments,
}

impl Run<'_> {
    /// Runs the body of the call.
    ///
    /// # Panics
    ///
    /// If the body panics: code around the body that lets the panic through needs to do nothing. A panic that the code
    /// around catches is the end of the call all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{CallInfo, Pool, Run};
    ///
    /// let around = |_call: &CallInfo| |run: Run<'_>| run.run();
    /// let pool = Pool::builder().workers(1).around(around).build()?;
    /// assert_eq!(pool.spawn(|| 5).get(), 5);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    #[inline]
    pub fn run(self) {
        let _body = client::leave();
        (self.body)();
    }

    /// Returns how long the call waited for its last argument; zero if all arguments were there at the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{CallInfo, Pool, Run};
    /// use std::time::Duration;
    ///
    /// let around = |_call: &CallInfo| |run: Run<'_>| {
    ///     assert_eq!(run.waited_for_arguments(), Duration::ZERO);
    ///     run.run();
    /// };
    /// let pool = Pool::builder().workers(1).around(around).build()?;
    /// assert_eq!(pool.spawn(|| 5).get(), 5);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    #[must_use]
    pub fn waited_for_arguments(&self) -> Duration {
        self.moments.waited_for_arguments()
    }

    /// Returns how long the call, with all its arguments, waited for a worker. If nothing else watches the call, the wait ends
    /// when the code around asks: so ask first, and then do what takes time.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{CallInfo, Pool, Run};
    ///
    /// let around = |call: &CallInfo| {
    ///     let name = call.function();
    ///     move |run: Run<'_>| {
    ///         println!("{name} waited for {:?}", run.waited_for_worker());
    ///         run.run();
    ///     }
    /// };
    /// let pool = Pool::builder().workers(1).around(around).build()?;
    /// assert_eq!(pool.spawn(|| 5).get(), 5);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    #[must_use]
    pub fn waited_for_worker(&self) -> Duration {
        self.moments.waited_for_worker()
    }
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("moments", &self.moments).finish_non_exhaustive()
    }
}

/// The code of the program around one call, until the call runs.
pub(crate) type Inner = Box<dyn FnOnce(Run<'_>) + Send>;

type Outer = dyn Fn(&CallInfo) -> Inner + Send + Sync;

/// The code of the program around the calls of a pool, or of all pools.
#[derive(Clone, Default)]
pub(crate) struct Around(Option<Arc<Outer>>);

/// A closure that panicked is called again, at the next call, whatever the panic left behind.
impl UnwindSafe for Around {}
impl RefUnwindSafe for Around {}

impl Around {
    pub(crate) fn new<F, G>(f: F) -> Self
    where
        F: Fn(&CallInfo) -> G + Send + Sync + 'static,
        G: FnOnce(Run<'_>) + Send + 'static,
    {
        let f = Guarded::new(f);
        Self(Some(Arc::new(move |call: &CallInfo| -> Inner { Box::new((f.get())(call)) })))
    }

    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Runs the outer code, at the call. A panic of that code is the inner code: the call ends by the panic.
    #[expect(clippy::inline_always, reason = "each watched call comes here, and most find no code")]
    #[inline(always)]
    pub(crate) fn begin(&self, site: CallSite, home: &Home) -> Option<Inner> {
        let outer = self.0.as_deref()?;
        let call = CallInfo { site, home: home.clone() };
        let _client = client::enter();
        Some(catch_unwind(AssertUnwindSafe(|| outer(&call))).unwrap_or_else(panics_later))
    }

    /// The same for the code around the calls of all pools: apart, since few programs have such code.
    #[cold]
    pub(crate) fn begin_everywhere(&self, site: CallSite, home: &Home) -> Option<Inner> {
        self.begin(site, home)
    }
}

/// Returns inner code that panics with this payload.
#[cold]
fn panics_later(payload: Box<dyn Any + Send>) -> Inner {
    Box::new(move |_run| resume_unwind(payload))
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_some() { "Some(..)" } else { "None" })
    }
}

/// Runs `body` inside of `inner`.
#[inline]
pub(crate) fn run_inside(inner: Inner, moments: &Moments, body: &mut dyn FnMut()) {
    let _client = client::enter();
    inner(Run { body, moments });
}

/// A pool, as the tags of its calls know it.
#[derive(Clone)]
pub(crate) struct Home(Arc<Inside>);

struct Inside {
    name: Arc<str>,
    /// No other pool has the number.
    #[cfg(feature = "trace")]
    number: usize,
    around: Around,
}

impl Home {
    pub(crate) fn new(name: &str, around: Around) -> Self {
        if around.is_some() {
            client::set(client::AROUND_SOME, true);
        }
        Self(Arc::new(Inside {
            name: name.into(),
            #[cfg(feature = "trace")]
            number: next_number(),
            around,
        }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    #[cfg(any(feature = "metrics", feature = "trace"))]
    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.0.name
    }

    #[cfg(feature = "trace")]
    pub(crate) fn number(&self) -> usize {
        self.0.number
    }

    pub(crate) fn around(&self) -> &Around {
        &self.0.around
    }
}

/// Returns a number for a pool.
#[cfg(feature = "trace")]
fn next_number() -> usize {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("name", &self.name()).finish_non_exhaustive()
    }
}

static EVERYWHERE: OnceLock<Around> = OnceLock::new();

/// Returns the code around the calls of all pools.
#[inline]
pub(crate) fn everywhere() -> Option<&'static Around> {
    if client::has(client::AROUND) { EVERYWHERE.get() } else { None }
}

/// Runs code of the program around each call that is made from now on.
///
/// The calls are those of every pool and of [`#[parallel]`](macro@crate::parallel). The code runs outside of the code that a
/// pool has of its own; [`PoolBuilder::around`](crate::PoolBuilder::around) says what runs where.
///
/// # Errors
///
/// If the program has set such code before: a process has at most one.
///
/// # Examples
///
/// ```
/// use asynctools::{AlreadySet, CallInfo, Run};
/// use std::cell::Cell;
///
/// thread_local!(static REQUEST: Cell<u32> = const { Cell::new(0) });
///
/// // The number of the request goes with each call to its thread.
/// asynctools::around(|_call: &CallInfo| {
///     let request = REQUEST.get();
///     move |run: Run<'_>| {
///         REQUEST.set(request);
///         run.run();
///     }
/// })?;
/// REQUEST.set(7);
/// assert_eq!(asynctools::parallel(|| REQUEST.get()).get(), 7);
/// assert!(asynctools::around(|_call: &CallInfo| |run: Run<'_>| run.run()).is_err());
/// # Ok::<(), AlreadySet>(())
/// ```
pub fn around<F, G>(f: F) -> Result<(), AlreadySet>
where
    F: Fn(&CallInfo) -> G + Send + Sync + 'static,
    G: FnOnce(Run<'_>) + Send + 'static,
{
    EVERYWHERE.set(Around::new(f)).map_err(|_| AlreadySet(()))?;
    client::set(client::AROUND, true);
    Ok(())
}

/// The refusal of a second [`around`](fn@crate::around).
///
/// # Examples
///
/// ```
/// use asynctools::Run;
///
/// assert!(asynctools::around(|_| |run| run.run()).is_ok());
/// let error = asynctools::around(|_| |run| run.run()).unwrap_err();
/// assert_eq!(error.to_string(), "`around` was set before; a process has at most one");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlreadySet(());

impl fmt::Display for AlreadySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`around` was set before; a process has at most one")
    }
}

impl Error for AlreadySet {}
