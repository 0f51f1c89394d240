#![doc = include_str!("../README.md")]

// In the order of the data: each module imports only from those above it.
// What a model checker puts in its place is no part of the crate.
#[cfg_attr(asynctools_model, path = "../../tests/model/sync.rs")]
mod sync;
mod call_site;
mod panics;
mod error;
mod graph;
mod handles;
mod workers;
mod arguments;
mod pool;
mod builder;
mod function_pool;
mod follow;
mod call;

/// Runs each call of the function at once, on a thread that does nothing else meanwhile, however many run already.
///
/// The function keeps its name, visibility, generics and docs; its parameters take what [`Arg`] and [`ArgRef`] list (plain
/// values, or handles whose results they are), and it returns an [`AsyncValue`] of its result. A finished thread is kept for
/// a second and used again. A thread that the system refuses ends the call as [`TaskError::Spawn`].
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
/// `self`, `self: Arc<Self>` and `self: Box<Self>` move into the call, `&self` is cloned into it. A parameter `&T` is copied for
/// the call, unless an owner is passed by value. `&mut` is refused: take the value and give it back. An associated function
/// without `self` that uses the impl's generics, or `sync`, says `Self` somewhere (`where Self: Sized` will do).
///
/// # What it costs
///
/// Since an argument may be a value or a handle, one whose type only the parameter would decide needs a type at the call
/// (`f(x.into())`, `f("7".parse().unwrap())`, `f(it.collect())`), and nothing is coerced on the way (`Box::new(x) as Box<dyn Trait>`).
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
/// let counts: AsyncList<_> = ["Cargo.toml", "no such file"].map(|name| line_count(here.join(name))).into_iter().collect();
/// let (counts, errors) = counts.join();
/// assert_eq!((counts.len(), errors.len()), (1, 1));
/// ```
pub use asynctools_macros::parallel;

/// Runs the calls of the function on a pool, no more than so many at once.
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
/// | `workers = n` | any `usize` expression, evaluated at the first call, where it sees no parameters, no `self` and no generics; at 0 that call panics. Of several first calls at once each may evaluate it, and one result counts; it cannot call the function itself |
/// | `queue = n` | likewise; one call more than may wait is dealt with as `on_full` says |
/// | `on_full = "block"` | the caller waits for room; the default |
/// | `on_full = "run_here"` | the caller runs the call itself |
/// | `on_full = "reject"` | the handle ends at once as [`TaskError::Rejected`] |
/// | `pool = expr` | clashes with the three above |
/// | `sync = name` | keeps the original function beside it, under that name |
/// | `crate = path` | this crate under another name |
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
pub use crate::builder::PoolBuilder;
pub use crate::call_site::CallSite;
pub use crate::error::BuildError;
pub use crate::error::CallError;
pub use crate::error::Panic;
pub use crate::error::SpawnError;
pub use crate::error::TaskError;
pub use crate::error::Upstream;
pub use crate::handles::as_completed::AsCompleted;
pub use crate::handles::list::AsyncList;
pub use crate::handles::promise::Promise;
pub use crate::handles::shared::Shared;
pub use crate::handles::value::AsyncValue;
pub use crate::pool::Pool;
pub use crate::pool::parallel;
pub use crate::workers::config::OnFull;
pub use crate::workers::config::PoolStats;

/// What expansions call. Not for programs: it changes without notice.
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
    pub use crate::pool::alias;
    pub use crate::pool::threads;
}
