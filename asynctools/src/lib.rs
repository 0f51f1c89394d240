#![doc = include_str!("../README.md")]

// Ground floor first: each module imports only from the modules above it in this list. A model checker puts its own
// `sync` in place of ours.
#[cfg_attr(asynctools_model, path = "../../tests/model/sync.rs")]
mod sync;
mod call_site;
mod panics;
mod error;
mod call_error;
mod graph;
mod handles;
mod workers;
mod arguments;
mod pool;
mod builder;
mod function_pool;
mod follow;
mod call;
mod per_worker;

/// Runs each call of the function at once, on a thread of its own, however many calls run already.
///
/// The function keeps its name, visibility, generics and docs. Its parameters take the types that [`Arg`] and [`ArgRef`]
/// list (plain values, or handles to them), and it returns an [`AsyncValue`] of its result. A finished thread is kept for a
/// second and used again. A call whose thread the system refuses ends as [`TaskError::Spawn`].
///
/// # Options
///
/// | option | meaning |
/// | --- | --- |
/// | `sync = name` | keeps the original function beside it, under that name |
/// | `crate = path` | this crate under another name |
///
/// # Receivers and references
///
/// `self`, `self: Arc<Self>` and `self: Box<Self>` move into the call; the call clones a `&self`. A parameter `&T` is
/// copied for the call, unless an owner is passed by value. `&mut` is refused: take the value and give it back. An
/// associated function without `self` that uses the impl's generics, or `sync`, says `Self` somewhere (`where Self:
/// Sized` will do).
///
/// # What it costs
///
/// An argument may be a value or a handle, so an argument whose type only the parameter would decide needs a type at the
/// call (`f(x.into())`, `f("7".parse().unwrap())`, `f(it.collect())`), and an argument is not coerced
/// (`Box::new(x) as Box<dyn Trait>`).
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
/// The signature changes as with [`macro@parallel`], and its options work here too.
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
/// | `pool = expr` | clashes with the three above |
/// | `sync = name` | keeps the original function beside it, under that name |
/// | `crate = path` | this crate under another name |
///
/// `workers` and `queue` take any `usize` expression. The first call evaluates both, and panics if one is 0; the expressions
/// see no parameters, no `self` and no generics, and cannot call the function. Several first calls at the same time may each
/// evaluate them, and one result counts.
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

pub use crate::arguments::arg::Arg;
pub use crate::arguments::arg::ArgRef;
pub use crate::builder::BuildError;
pub use crate::builder::ParseOnFullError;
pub use crate::builder::PoolBuilder;
pub use crate::call_error::CallError;
pub use crate::call_error::TimedOut;
pub use crate::call_site::CallSite;
pub use crate::error::Panic;
pub use crate::error::SpawnError;
pub use crate::error::TaskError;
pub use crate::error::Upstream;
pub use crate::handles::as_completed::AsCompleted;
pub use crate::handles::list::AsyncList;
pub use crate::handles::promise::Promise;
pub use crate::handles::shared::Shared;
pub use crate::handles::value::AsyncValue;
pub use crate::handles::window::BufferUnordered;
pub use crate::handles::window::Buffered;
pub use crate::handles::window::Calls;
pub use crate::handles::window::Outcomes;
pub use crate::handles::window::Pending;
pub use crate::per_worker::PerWorker;
pub use crate::per_worker::PerWorkerGuard;
pub use crate::pool::Pool;
pub use crate::pool::parallel;
pub use crate::workers::config::OnFull;
pub use crate::workers::config::PoolStats;

/// The items that expansions call. Programs must not: they change without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::arguments::bounds::CloneSelf;
    pub use crate::arguments::bounds::Fallible;
    pub use crate::arguments::input::Input;
    pub use crate::arguments::input::Inputs;
    pub use crate::call::CallBuilder;
    pub use crate::call::arg;
    pub use crate::call::arg_ref;
    pub use crate::call::plain;
    pub use crate::call_site::Function;
    pub use crate::call_site::Name;
    pub use crate::function_pool::FunctionPool;
    pub use crate::pool::PoolInside;
    pub use crate::pool::PoolRef;
    pub use crate::pool::pool_of;
    pub use crate::pool::threads;
}
