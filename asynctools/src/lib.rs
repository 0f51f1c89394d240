// The picture and the items of the README, for the docs. The first definition of a link counts.
#![doc = include_str!("../timeline.md")]
#![doc = include_str!("../links.md")]
#![doc = include_str!("../README.md")]

// Ground floor first: each module imports only from the modules above it in this list. A model checker puts its own
// `sync` in place of ours.
#[cfg_attr(asynctools_model, path = "../../tests/model/sync.rs")]
mod sync;
#[cfg(feature = "tracing")]
mod span_site;
#[cfg(feature = "metrics")]
mod meter_site;
mod call_site;
mod panics;
mod panic;
mod error;
mod call_error;
mod tag;
#[cfg(feature = "trace")]
mod pictures;
mod graph;
mod handles;
mod workers;
mod arguments;
mod pool;
mod idle;
mod in_place;
mod serial;
mod builder;
mod function_pool;
mod follow;
mod call;
mod per_worker;
mod hand_over;
#[cfg(any(feature = "celery", asynctools_model))]
mod handed_over;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "trace")]
pub mod trace;
#[cfg(feature = "celery")]
pub mod celery;

/// Runs each call of the function at once, on a thread of its own.
///
/// However many calls run already, a call does not wait for a thread.
///
/// A finished thread is kept for a second and used again. A call whose thread the system refuses ends as
/// [`TaskError::Spawn`].
///
/// # The signature
///
/// The function keeps its name, visibility, generics and docs.
///
/// | as written | as called |
/// | --- | --- |
/// | `-> R` | returns an [`AsyncValue<R>`](AsyncValue) |
/// | a parameter `T` | takes an `impl` [`Arg<T>`](Arg): a `T`, or a handle to one |
/// | a parameter `&T` | takes an `impl` [`ArgRef<T>`](ArgRef): a `&T`, which is copied; an owner, which moves; or a handle |
/// | `self`, `self: Arc<Self>`, `self: Box<Self>`, `&'static self` | moves into the call |
/// | `&self` | is cloned into the call |
/// | `impl Trait`, `fn(..)`, an `F: Fn(..)` | stays as it is |
/// | `&mut T`, a result that borrows, `async fn` | is refused, with a message that names the way out |
///
/// # Options
///
/// | option | meaning |
/// | --- | --- |
/// | `sync = name` | keeps the original function beside it, under that name |
/// | `sync = Self::name` | the same in an `impl`, for a function without `self` that does not say `Self` |
/// | `crate = path` | this crate under another name |
///
/// # Methods
///
/// The attribute does not see the `impl` around a function. A function without `self` counts as one of an `impl` if its
/// tokens show that: by the word `Self`, or by a `T` that the function does not declare. Where neither is written, add
/// `where Self: Sized`, which is true of every type with a constructor:
///
/// ```
/// # use asynctools::parallel;
/// struct Cache<Key>(Vec<Key>);
///
/// impl<Key: Send + 'static> Cache<Key> {
///     #[parallel]
///     fn filled(keys: Vec<Key>) -> Cache<Key>
///     where
///         Self: Sized,
///     {
///         Cache(keys)
///     }
/// }
///
/// assert_eq!(Cache::filled(vec![1, 2]).get().0, [1, 2]);
/// ```
///
/// In the tokens of a macro call, such as `quote!`, the attribute has to guess: `Self` counts if `::`, `(` or `{` follows.
/// Where that makes a method of a free function ("cannot find `Self` in this scope"), move the macro call to a function
/// without an attribute:
///
/// ```
/// # use asynctools::parallel;
/// fn source() -> &'static str {
///     stringify!(let client = Self::new();)
/// }
///
/// #[parallel]
/// fn length() -> usize {
///     source().len()
/// }
///
/// assert_eq!(length().get(), source().len());
/// ```
///
/// A method in an `impl` of a trait cannot change its signature. Annotate an inherent method, and let the method of the
/// trait call that one:
///
/// ```
/// # use asynctools::{AsyncValue, parallel};
/// trait Probe {
///     fn status(&self, url: &str) -> AsyncValue<u16>;
///     fn is_up(&self, url: &str) -> bool;
/// }
///
/// #[derive(Clone)]
/// struct Http;
///
/// impl Http {
///     #[parallel]
///     fn ask(&self, url: &str) -> u16 {
///         if url.ends_with('/') { 200 } else { 404 }
///     }
/// }
///
/// impl Probe for Http {
///     fn status(&self, url: &str) -> AsyncValue<u16> {
///         self.ask(url)
///     }
///
///     fn is_up(&self, url: &str) -> bool {
///         self.ask(url).get() == 200
///     }
/// }
///
/// let probe: Box<dyn Probe> = Box::new(Http);
/// assert_eq!((probe.status("a").get(), probe.is_up("a/")), (404, true));
/// ```
///
/// A method with a body in the trait itself can be annotated, if the trait is `Clone + Send + 'static`:
///
/// ```
/// # use asynctools::parallel;
/// trait Probe: Clone + Send + 'static {
///     fn status(&self, url: &str) -> u16;
///
///     #[parallel]
///     fn is_up(&self, url: &str) -> bool {
///         self.status(url) == 200
///     }
/// }
/// #
/// # #[derive(Clone)]
/// # struct Http;
/// #
/// # impl Probe for Http {
/// #     fn status(&self, url: &str) -> u16 {
/// #         if url.ends_with('/') { 200 } else { 404 }
/// #     }
/// # }
/// #
/// # assert!(Http.is_up("a/").get());
/// ```
///
/// # Other attributes
///
/// Docs, `cfg`, `deprecated` and lint levels stay on the function that callers see, and the other attributes go with the
/// body. In a body with `#[track_caller]`, `Location::caller()` is the line of the attribute: no caller is on the stack of
/// a call, and the path of a [`TaskError`] has the caller's line. The span of a `#[tracing::instrument]` below is named
/// after the function. If the function has docs, the docs gain a paragraph that says where the calls run and how the
/// signature was written.
///
/// # What it costs
///
/// An argument may be a value or a handle, so an argument whose type only the parameter would decide needs a type at the
/// call (`f(x.into())`, `f("7".parse().unwrap())`, `f(it.collect())`), and an argument is not coerced
/// (`Box::new(x) as Box<dyn Trait>`).
///
/// A function that is passed by name (`urls.map(fetch)`) does not see its caller's line: errors show the line of its
/// definition. `urls.map(|url| fetch(url))` shows the line of the closure.
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncList, parallel};
///
/// #[parallel]
/// fn line_count(path: &std::path::Path) -> std::io::Result<usize> {
///     Ok(std::fs::read_to_string(path)?.lines().count())
/// }
///
/// let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
/// let files = ["Cargo.toml", "no such file"].into_iter();
/// let counts: AsyncList<_> = files.map(|name| line_count(here.join(name))).collect();
/// let (counts, errors) = counts.join();
/// assert_eq!((counts.len(), errors.len()), (1, 1));
/// ```
pub use asynctools_macros::parallel;

/// Runs the calls of the function on a pool, which runs at most `workers` of them at once.
///
/// | written | the call runs |
/// | --- | --- |
/// | `#[pooled]` | on the default pool, [`Pool::global`] |
/// | `#[pooled(workers = 5)]` | on a pool of the function's own: one for all instances of a generic function or impl |
/// | `#[pooled(workers = 5, queue = 100)]` | the same, with room for 100 waiting calls |
/// | `#[pooled(pool = POOL)]` | on a [`Pool`] of the program: any expression of which `&expr` coerces to `&Pool` |
///
/// # The signature
///
/// The function keeps its name, visibility, generics and docs.
///
/// | as written | as called |
/// | --- | --- |
/// | `-> R` | returns an [`AsyncValue<R>`](AsyncValue) |
/// | a parameter `T` | takes an `impl` [`Arg<T>`](Arg): a `T`, or a handle to one |
/// | a parameter `&T` | takes an `impl` [`ArgRef<T>`](ArgRef): a `&T`, which is copied; an owner, which moves; or a handle |
/// | `self`, `self: Arc<Self>`, `self: Box<Self>`, `&'static self` | moves into the call |
/// | `&self` | is cloned into the call |
///
/// [`macro@parallel`] has the rest: what stays as it is, what is refused, methods of traits, other attributes, and what an
/// attribute costs.
///
/// # Options
///
/// | option | meaning |
/// | --- | --- |
/// | `workers = n` | sets how many calls run at once: see below |
/// | `queue = n` | sets how many calls may wait; `on_full` decides what happens to a call that finds the queue full |
/// | `on_full = "block"` | the caller waits for room; the default |
/// | `on_full = "run_here"` | the caller runs the call itself |
/// | `on_full = "reject"` | the handle ends at once as [`TaskError::Rejected`] |
/// | `pool = expr` | runs the calls on that pool; clashes with `workers`, `queue` and `on_full` |
/// | `sync = name`, `sync = Self::name`, `crate = path` | as with [`macro@parallel`] |
///
/// `workers` and `queue` take any `usize` expression. The first call evaluates both, and panics if one is 0; the expressions
/// see no parameters, no `self` and no generics, and cannot call the function. Several first calls at the same time may each
/// evaluate them, and one result counts.
///
/// A call that comes back from a wait, be it a `get` or [`block_in_place`], goes on at once. So up to
/// `workers + max_blocked` calls of a pool may run, where calls wait; [`block_in_place`] says how a limit on something
/// outside of the program is kept.
///
/// # Methods
///
/// `self.pool` is a pool of the value: an `Arc<Pool>` for `&self`, which is cloned into the call, and also a [`Pool`] for
/// `self: Arc<Self>`.
///
/// ```
/// use asynctools::{Pool, pooled};
/// use std::sync::Arc;
///
/// #[derive(Clone)]
/// struct Client {
///     base: String,
///     pool: Arc<Pool>,
/// }
///
/// impl Client {
///     #[pooled(pool = self.pool)]
///     fn url(&self, path: &str) -> String {
///         format!("{}/{path}", self.base)
///     }
/// }
///
/// struct Server {
///     name: String, // need not be `Clone`
///     pool: Pool,
/// }
///
/// impl Server {
///     #[pooled(pool = self.pool)]
///     fn greeting(self: Arc<Self>) -> String {
///         format!("{} speaks", self.name)
///     }
/// }
///
/// let client = Client { base: "http://example.org".to_owned(), pool: Arc::new(Pool::new(2)) };
/// assert_eq!(client.url("a").get(), "http://example.org/a");
/// assert_eq!(client.pool.stats().finished, 1);
///
/// let server = Arc::new(Server { name: "one".to_owned(), pool: Pool::new(1) });
/// assert_eq!(server.clone().greeting().get(), "one speaks");
/// assert_eq!(server.pool.stats().finished, 1);
/// ```
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncValue, pooled};
///
/// #[pooled(workers = 2, sync = parse_now)]
/// fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
///     text.parse()
/// }
///
/// #[pooled]
/// fn double(n: u32) -> Result<u32, std::num::ParseIntError> {
///     Ok(n * 2)
/// }
///
/// let doubled: AsyncValue<Result<u32, _>> = double(parse("21"));
/// assert_eq!(doubled.get(), Ok(42));
/// assert!(double(parse("half")).get().is_err());
/// assert_eq!(parse_now("7"), Ok(7));
/// ```
pub use asynctools_macros::pooled;

/// Sends each call of the function to a fleet of Celery workers, in Rust and in Python. The module [`mod@celery`] has the
/// workers and the client; `CELERY.md` in the repository says what is promised.
///
/// The function keeps its name, visibility and docs; its parameters take what [`Arg`] and [`ArgRef`] list, and it returns an
/// [`AsyncValue`] of its result. Beside it stands a type of the same name, with which a program says more about a call, runs
/// the function here and now, and gives the function to a worker:
///
/// | written | is |
/// | --- | --- |
/// | `thumb(path, 64)` | a call on the fleet |
/// | `thumb::with().countdown(d).priority(3).call(path, 64)` | the same, with options of this call |
/// | `thumb::sync(path, 64)` | the function itself, here and now |
/// | `celery::worker().task::<thumb>()` | a worker that runs it |
/// | `thumb::NAME`, `thumb::OPTIONS` | its name on the wire, and its options |
///
/// # Options
///
/// | option | meaning |
/// | --- | --- |
/// | `name = ".."` | the name on the wire; default: the module's path and the function's name, so that moving the function renames it |
/// | `queue = ".."` | the queue that calls go to; default `"celery"` |
/// | `acks_late = false` | a call whose worker dies is lost, where it would run again: at most once |
/// | `max_retries = n`, `retry_backoff = d`, `retry_on = path` | a call that failed or panicked runs again, at most `n` times, after a random part of `d`, `2 d`, `4 d` .. (at most 10 min); `retry_on` is a `fn(&E) -> bool` |
/// | `expires = d` | a call that has not begun so long after it was sent never does |
/// | `result_timeout = d` | so long after it was made, a call that has not ended is given up; by default it never is |
/// | `soft_time_limit = d` | a call that runs for longer ends as failed; its thread goes on |
/// | `ignore_result = true` | the handle ends when the call is sent |
/// | `priority = n` | from 0, the highest on Redis, to 9 |
/// | `extern` | the function is only declared, and its body is elsewhere, in Python or in another program |
/// | `sync = name` | keeps the original function beside it, under that name |
/// | `crate = path` | this crate under another name |
///
/// Arguments, results and errors travel as JSON, so their types implement `Serialize` and `DeserializeOwned`, and an error
/// `Display` too. An error `E` with `From<RemoteError>` gets what happens on the way as well; otherwise such a call is lost as
/// [`TaskError::Remote`].
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncValue, celery};
///
/// #[celery(queue = "numbers")]
/// fn half(n: u32) -> Result<u32, String> {
///     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
/// }
///
/// // For this example the fleet is a pool of this process.
/// celery::use_app(celery::local()).unwrap();
///
/// let quarter: AsyncValue<Result<u32, String>> = half(half(12));
/// assert_eq!(quarter.get(), Ok(3));
/// assert_eq!(half(half(6)).get(), Err("3 is odd".to_owned()));
/// assert_eq!(half::sync(8), Ok(4));
/// ```
#[cfg(feature = "celery")]
pub use asynctools_macros::celery;

pub use crate::arguments::arg::Arg;
pub use crate::arguments::arg::ArgRef;
pub use crate::arguments::bounds::Fallible;
pub use crate::builder::BuildError;
pub use crate::builder::ParseOnFullError;
pub use crate::builder::PoolBuilder;
pub use crate::call_error::CallError;
pub use crate::call_error::TimedOut;
pub use crate::call_site::CallSite;
pub use crate::error::SpawnError;
pub use crate::error::TaskError;
pub use crate::error::Upstream;
pub use crate::hand_over::hand_over;
pub use crate::handles::as_completed::AsCompleted;
pub use crate::handles::fallible_window::Results;
pub use crate::handles::list::AsyncList;
pub use crate::handles::promise::Promise;
pub use crate::handles::shared::Shared;
pub use crate::handles::stop::StopToken;
pub use crate::handles::stop::stop_requested;
pub use crate::handles::stop::stop_token;
#[cfg(feature = "stream")]
pub use crate::handles::stream::CallStream;
pub use crate::handles::value::AsyncValue;
pub use crate::handles::window::BufferUnordered;
pub use crate::handles::window::Buffered;
pub use crate::handles::window::Calls;
pub use crate::handles::window::Outcomes;
pub use crate::handles::window::Pending;
pub use crate::idle::wait_idle;
pub use crate::idle::wait_idle_timeout;
pub use crate::in_place::block_in_place;
pub use crate::panic::Panic;
pub use crate::per_worker::PerWorker;
pub use crate::per_worker::PerWorkerGuard;
pub use crate::pool::Pool;
pub use crate::pool::parallel;
pub use crate::serial::serial;
#[cfg(feature = "hooks")]
pub use crate::tag::around::AlreadySet;
#[cfg(feature = "hooks")]
pub use crate::tag::around::CallInfo;
#[cfg(feature = "hooks")]
pub use crate::tag::around::Run;
#[cfg(feature = "hooks")]
pub use crate::tag::around::around;
pub use crate::workers::config::OnFull;
pub use crate::workers::config::PoolStats;

/// The items that expansions call. Programs must not: they change without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::arguments::bounds::CloneSelf;
    pub use crate::arguments::bounds::Itself;
    pub use crate::arguments::bounds::Probe;
    pub use crate::arguments::bounds::borrowed_pool;
    pub use crate::arguments::input::Input;
    pub use crate::arguments::input::Inputs;
    pub use crate::call::CallBuilder;
    pub use crate::call::arg;
    pub use crate::call::arg_ref;
    pub use crate::call::on_a_thread;
    pub use crate::call::on_the_default_pool;
    pub use crate::call::plain;
    pub use crate::call_site::Function;
    pub use crate::call_site::Name;
    pub use crate::function_pool::FunctionPool;
    #[cfg(any(feature = "celery", asynctools_model))]
    pub use crate::handed_over::HandOver;
    pub use crate::pool::PoolInside;
    pub use crate::pool::PoolRef;
    pub use crate::pool::pool_of;
}
