//! Bounds on arguments and results, with words of their own for rustc where a type does not meet a bound.

use std::borrow::Borrow;
use std::marker::PhantomData;
use std::ops::Deref;

/// `F: From<E>`, with words of its own.
#[diagnostic::on_unimplemented(
    message = "an argument that may fail with `{E}` cannot feed a call that fails with `{Self}`",
    label = "there is no `From<{E}>` for `{Self}`: return a `Result` that can take the error, or `.map` the handle first",
    note = "a call passes on the errors of its arguments as `?` does: it has to return a `Result` whose error is `From<{E}>`; to the attribute an alias of another name is no `Result`, so write `Result<..>`",
    note = "or deal with the error first: `.map(|result| ..)` or `.map_err(|error| ..)` on the handle"
)]
pub trait FailsFrom<E> {
    #[doc(hidden)]
    fn fails_from(error: E) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E, F: From<E>> FailsFrom<E> for F {
    fn fails_from(error: E) -> Self {
        Self::from(error)
    }
}

/// `T: Clone`, with words of its own.
#[diagnostic::on_unimplemented(
    message = "a borrowed handle leaves its result where it is, and `{Self}` is not `Clone`",
    label = "cannot be cloned out of the handle: move the handle, or share it with `.shared()`",
    note = "a moved handle needs no `Clone`, and neither does a `Shared<{Self}>` for a parameter `&{Self}`"
)]
pub trait CloneOut {
    #[doc(hidden)]
    fn clone_out(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> CloneOut for T {
    fn clone_out(&self) -> Self {
        self.clone()
    }
}

/// `E: Clone`, for the error of a call that several read, with words of its own.
#[diagnostic::on_unimplemented(
    message = "the error of a call that several read goes to each reader, and `{Self}` is not `Clone`",
    label = "may fail with `{Self}`, which is not `Clone`",
    note = "let the call and its readers fail with `Arc<{Self}>`, which `?` makes of a `{Self}`, or with an error of your own that is `Clone`",
    note = "`.map_err(Arc::new)` on the handle makes such an error of a call that stays as it is; a handle with one reader can be moved"
)]
pub trait CloneError: Clone {}

#[diagnostic::do_not_recommend]
impl<E: Clone> CloneError for E {}

/// A call, which keeps a copy of a borrowed argument. Bounds on the copy are bounds on this type and not on the argument:
/// otherwise rustc would say the words of `ArgRef` where they are not met.
#[derive(Debug)]
pub enum Call {}

/// An expression that lends a pool, with words of its own for an expression that makes one.
#[diagnostic::on_unimplemented(
    message = "`pool` is evaluated at each call, and makes a `{P}` each time",
    label = "a new `{P}` for each call, which would wait for the end of its pool",
    note = "write the name of a `static`, such as `static POOL: Pool = Pool::new(3);`, or `workers = 3` for a pool of this function alone"
)]
pub trait Borrows<P> {}

#[diagnostic::do_not_recommend]
impl<P: Deref> Borrows<P> for Call {}

/// Returns `pool`, which lends the pool of an annotated function.
pub fn borrowed_pool<P>(pool: P) -> P
where
    Call: Borrows<P>,
{
    pool
}

/// `B: ToOwned`, for a copy that goes to another thread.
#[diagnostic::on_unimplemented(
    message = "`&{B}` is cloned into the call, and `{B}` is not `Clone`",
    label = "`{B}` is not `Clone`, or its clone is not `Send`",
    note = "derive `Clone`, or pass an `Arc<{B}>`, which is not cloned"
)]
pub trait Copies<B: ?Sized> {
    /// The copy.
    type Copy: Borrow<B> + Send + 'static;
    #[doc(hidden)]
    fn copy(argument: &B) -> Self::Copy;
}

#[diagnostic::do_not_recommend]
impl<B: ?Sized + ToOwned<Owned: Send + 'static>> Copies<B> for Call {
    type Copy = B::Owned;

    fn copy(argument: &B) -> B::Owned {
        argument.to_owned()
    }
}

/// `B: ToOwned`, with the same words.
#[diagnostic::on_unimplemented(
    message = "`&{B}` is cloned into the call, and `{B}` is not `Clone`",
    label = "`{B}` is not `Clone`",
    note = "derive `Clone`, or pass an `Arc<{B}>`, which is not cloned"
)]
pub trait Clones<B: ?Sized> {}

#[diagnostic::do_not_recommend]
impl<B: ?Sized + ToOwned> Clones<B> for Call {}

/// An argument or a result.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go to another thread",
    label = "`{Self}` is not `Send`",
    note = "the arguments of a call go to another thread, and so does its result: use `Arc` for `Rc`, `Mutex` for `RefCell`, and write `T: Send + 'static` at a generic"
)]
pub trait GoesToAnotherThread: Send + 'static {}

impl<T: ?Sized + Send + 'static> GoesToAnotherThread for T {}

/// The receiver of a method that takes `&self`.
#[diagnostic::on_unimplemented(
    message = "`&self` clones `{Self}` into the call, and `{Self}` is not `Clone`",
    label = "`{Self}` is not `Clone`",
    note = "derive `Clone`, and where the type is generic write `T: Clone`, or take `self: Arc<Self>`; for a method in a trait, declare the trait as `Clone + Send + 'static`"
)]
pub trait CloneSelf {
    /// Clones the receiver for the call.
    #[must_use]
    fn clone_self(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> CloneSelf for T {
    fn clone_self(&self) -> Self {
        self.clone()
    }
}

/// The return type of a function that can fail.
///
/// A `Result<T, E>`, or an alias such as [`io::Result<T>`](std::io::Result) whose last name is `Result` too. An attribute
/// knows a `Result` by that name: behind a `type Fetched<T>` it sees none, so write `Result<..>`.
///
/// A signature in the docs says `<io::Result<usize> as Fallible>::Error` for the error type behind an alias, here
/// [`io::Error`](std::io::Error): the attributes write that, because tokens do not show the error type. A program need not
/// name the trait, and must not implement the trait.
///
/// # Examples
///
/// ```
/// use asynctools::Fallible;
/// use std::io;
///
/// fn not_found() -> <io::Result<usize> as Fallible>::Error {
///     io::ErrorKind::NotFound.into()
/// }
///
/// assert_eq!(not_found().kind(), io::ErrorKind::NotFound);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named `Result` but is not a `Result<T, E>`",
    label = "this is not `core::result::Result`",
    note = "the name says that the call may fail; give the other type another name at the function, with a `type` alias"
)]
pub trait Fallible {
    /// The value of a call that did not fail.
    type Value;
    /// The error type, with which a failed argument ends the call.
    type Error;
    #[doc(hidden)]
    fn fail(error: Self::Error) -> Self;
    #[doc(hidden)]
    fn has_failed(&self) -> bool;
}

impl<T, E> Fallible for Result<T, E> {
    type Value = T;
    type Error = E;

    fn fail(error: E) -> Self {
        Err(error)
    }

    fn has_failed(&self) -> bool {
        self.is_err()
    }
}

/// Whether an annotated function can fail, for the watchers of its calls.
pub(crate) trait Kind<R>: Send + 'static {
    /// Whether the result is an error.
    #[cfg(feature = "tracing")]
    fn has_failed(result: &R) -> bool;
}

/// A fallible function.
#[derive(Debug)]
pub struct MayFail;

impl<R: Fallible> Kind<R> for MayFail {
    #[cfg(feature = "tracing")]
    fn has_failed(result: &R) -> bool {
        result.has_failed()
    }
}

/// A function that cannot fail, or a closure: nobody knows whether its result counts as an error.
#[derive(Debug)]
pub struct CannotFail;

impl<R> Kind<R> for CannotFail {
    #[cfg(feature = "tracing")]
    fn has_failed(_result: &R) -> bool {
        false
    }
}

/// Finds out whether `R`, which is named `Result`, is one. `kind` is a method of the probe itself for those that are, and
/// otherwise of the type that the probe dereferences to.
#[derive(Debug)]
pub struct Probe<R>(PhantomData<fn() -> R>);

impl<R> Probe<R> {
    /// Makes the probe.
    #[expect(clippy::new_without_default, reason = "only expansions make one")]
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T, E> Probe<Result<T, E>> {
    /// Returns the kind of a fallible function.
    #[must_use]
    pub fn kind(&self) -> MayFail {
        MayFail
    }
}

impl<R> Deref for Probe<R> {
    type Target = OtherProbe;

    fn deref(&self) -> &OtherProbe {
        &OtherProbe
    }
}

/// The probe of a type that is no `Result`.
#[derive(Debug)]
pub struct OtherProbe;

impl OtherProbe {
    /// Returns the kind of a function that cannot fail.
    #[must_use]
    #[expect(clippy::unused_self, reason = "the probe dereferences to it")]
    pub fn kind(&self) -> CannotFail {
        CannotFail
    }
}

/// A type as the compiler looks it up. Lints that read a signature do not.
pub trait Itself {
    /// The type.
    type Itself;
}

impl<T> Itself for T {
    type Itself = T;
}
