//! What may be passed to a call: plain values, handles, and what a fallible call makes of their errors.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::context::Call;
use crate::context::Next;
use crate::context::Waiter;
use crate::context::lock;
use crate::error::TaskError;
use crate::error::discard;
use crate::input::Input;
use crate::input::Source;
use crate::input::Stop;
use crate::input::value_of;
use crate::node::Lend;
use crate::shared::Shared;
use crate::sync::Mutex;
use crate::value::AsyncValue;

/// What fits a parameter of type `T`: a `T`, or a handle whose result is one.
///
/// | passed | the call gets |
/// | --- | --- |
/// | `T` | the value |
/// | [`AsyncValue<T>`](AsyncValue) | its result, moved; the call starts when it is there |
/// | `&AsyncValue<T>` where `T: Clone` | a clone of its result; the handle stays yours |
/// | [`Shared<T>`](Shared), `&Shared<T>` where `T: Clone` | a clone of its result |
/// | [`AsyncList<U>`](crate::AsyncList) where `T` is `Vec<U>` | all its results |
/// | any of these with `Result<T, E>` for `T`, where `F: From<E>` | its `Ok`; an `Err` ends the call with that error, unrun |
///
/// `F` is the error that the called function can return; [`Infallible`] where it returns no `Result`. The attributes write
/// the bound, programs pass the arguments; it cannot be implemented outside this crate.
///
/// Since an argument may be of several types, one whose type only the parameter would decide (`f(x.into())`,
/// `f("7".parse().unwrap())`, `f(it.collect())`) needs a type at the call, and nothing is coerced on the way
/// (`Box::new(x) as Box<dyn Trait>`).
///
/// # Examples
///
/// ```
/// use asynctools::parallel;
///
/// #[parallel]
/// fn add(a: u64, b: u64) -> u64 {
///     a + b
/// }
///
/// let three = add(1, 2);
/// let five = add(&three, 2);
/// assert_eq!(add(three, five).get(), 8);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed where a call takes `{T}`",
    label = "neither a `{T}` nor a handle whose result is one",
    note = "pass a `{T}`, an `AsyncValue<{T}>` (moved), or a `&AsyncValue<{T}>` or `Shared<{T}>` (cloned)"
)]
pub trait Arg<T, F = Infallible> {
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F>;
}

/// What fits a parameter of type `&B`: anything that borrows as `B`, an owner of `B`, or a handle to one.
///
/// | passed | the call borrows from |
/// | --- | --- |
/// | `&B`, or a `&O` that borrows as `B` (`&String` for `&str`) | a copy ([`ToOwned`]), since the call outlives the caller's borrow |
/// | `String`, `PathBuf`, `OsString`, `Vec<T>` for `&str`, `&Path`, `&OsStr`, `&[T]` | the value itself |
/// | `Box<B>`, `Arc<B>` for any `&B` | the value itself |
/// | [`AsyncValue`] or `&AsyncValue` of one of the owners, or of a `B` | its result |
/// | [`Shared`] of one of the owners, or of a `B` | its result, shared and not copied |
/// | [`AsyncList<T>`](crate::AsyncList) for `&[T]` | all its results |
/// | any of these with a `Result` inside | its `Ok`, as for [`Arg`] |
///
/// # Examples
///
/// ```
/// use asynctools::parallel;
/// use std::sync::Arc;
///
/// #[parallel]
/// fn shout(text: &str) -> String {
///     text.to_uppercase()
/// }
///
/// assert_eq!(shout("copied").get(), "COPIED");
/// assert_eq!(shout(String::from("moved")).get(), "MOVED");
/// assert_eq!(shout(Arc::<str>::from("shared")).get(), "SHARED");
/// assert_eq!(shout(shout("result of another call")).get(), "RESULT OF ANOTHER CALL");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed where a call takes `&{B}`",
    label = "does not borrow as `{B}`, or cannot be cloned for the call: pass an `Arc<{B}>`",
    note = "pass a `&{B}` that can be copied (`ToOwned`), an `Arc<{B}>` or `Box<{B}>`, or a handle to an owned one"
)]
pub trait ArgRef<B: ?Sized, F = Infallible> {
    /// What the call keeps until its body borrows from it.
    type Owner: Borrow<B> + Send + 'static;

    #[doc(hidden)]
    fn into_owner(self) -> Input<Self::Owner, F>;
}

/// `F: From<E>`, in words of its own where it is missing.
#[diagnostic::on_unimplemented(
    message = "an argument that may fail with `{E}` cannot feed a call that fails with `{Self}`",
    label = "there is no `From<{E}>` for `{Self}`: return a `Result` that can take the error, or `.map` the handle first",
    note = "a call passes on the errors of its arguments as `?` does: it has to return a `Result` whose error is `From<{E}>`",
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

/// `T: Clone`, in words of its own where it is missing.
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

/// The loss or failure of a call that has ended.
pub(crate) fn stop_of_result<T, E, F: FailsFrom<E>>(value: AsyncValue<Result<T, E>>) -> Option<Stop<F>> {
    let site = value.node().site();
    match value.into_outcome() {
        Ok(Ok(value)) => {
            discard(value);
            None
        }
        Ok(Err(error)) => Some(Stop::Failed(F::fails_from(error))),
        Err(error) => Some(Stop::Lost(error, site)),
    }
}

/// Whether a call that has ended did so with `Ok`.
pub(crate) fn is_ok<T, E>(value: &AsyncValue<Result<T, E>>) -> bool {
    let mut ok = false;
    value.node().peek(&mut |outcome| ok = matches!(outcome, Ok(Ok(_))));
    ok
}

/// A handle to a `Result`, whose `Err` the dependant passes on.
struct Try<T, E>(AsyncValue<Result<T, E>>);

impl<T, E, F: FailsFrom<E>> Source<T, F> for Try<T, E> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        add(self.0.node().clone());
    }

    fn stopped(&self) -> usize {
        usize::from(!is_ok(&self.0))
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        stop_of_result(self.0)
    }

    fn take(self: Box<Self>) -> T {
        let Ok(value) = value_of(self.0) else { unreachable!("a stopped call never runs") };
        value
    }
}

/// A clone of the result of a call, as soon as there is one. The panic of a `Clone` is a payload here and the dependant's when
/// it runs: the call itself has nothing to do with it.
struct Relay<T>(Mutex<Relayed<T>>);

enum Relayed<T> {
    Awaited(Option<Arc<dyn Next>>),
    There(Result<std::thread::Result<T>, TaskError>),
    Taken,
}

impl<T> Relay<T> {
    fn look(&self, look: impl FnOnce(&Result<std::thread::Result<T>, TaskError>) -> bool) -> bool {
        matches!(&*lock(&self.0), Relayed::There(outcome) if look(outcome))
    }
}

impl<T: CloneOut + Send + 'static> Lend<T> for Relay<T> {
    fn lend(self: Arc<Self>, outcome: Result<&T, &TaskError>) {
        let there = Relayed::There(outcome.map(clone_caught).map_err(TaskError::clone));
        let awaited = std::mem::replace(&mut *lock(&self.0), there);
        if let Relayed::Awaited(Some(next)) = awaited {
            Waiter::Next(next, 0).fire();
        }
        // Nobody else may want the clone any more, and its `Drop` is a user's.
        discard(self);
    }
}

fn clone_caught<T: CloneOut>(value: &T) -> std::thread::Result<T> {
    catch_unwind(AssertUnwindSafe(|| value.clone_out()))
}

/// A borrowed handle.
struct Cloned<T> {
    call: Arc<dyn Call>,
    relay: Arc<Relay<T>>,
}

impl<T: CloneOut + Send + 'static> Cloned<T> {
    /// The clone if there is one already, which costs nothing more; else the way to it.
    fn of(value: &AsyncValue<T>) -> Result<T, Self> {
        let mut ended = None;
        value.node().lend_now(&mut |outcome| ended = Some(outcome.map(clone_caught).map_err(TaskError::clone)));
        match ended {
            Some(Ok(Ok(clone))) => Ok(clone),
            Some(without) => Err(Self::new(value, Relayed::There(without))),
            None => {
                let cloned = Self::new(value, Relayed::Awaited(None));
                value.node().lend(cloned.relay.clone());
                Err(cloned)
            }
        }
    }
}

impl<T> Cloned<T> {
    fn new(value: &AsyncValue<T>, relayed: Relayed<T>) -> Self {
        Self { call: value.node().clone(), relay: Arc::new(Relay(Mutex::new(relayed))) }
    }

    fn listen(&self, next: &Arc<dyn Next>) -> usize {
        let Relayed::Awaited(awaits) = &mut *lock(&self.relay.0) else { return 0 };
        *awaits = Some(next.clone());
        1
    }

    /// What has arrived.
    fn outcome(&self) -> Result<std::thread::Result<T>, TaskError> {
        let relayed = std::mem::replace(&mut *lock(&self.relay.0), Relayed::Taken);
        let Relayed::There(outcome) = relayed else { unreachable!("asked once, after the end of the call") };
        outcome
    }

    fn value(&self) -> T {
        let Ok(clone) = self.outcome() else { unreachable!("a stopped call never runs") };
        clone.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

impl<T: Send, F> Source<T, F> for Cloned<T> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        add(self.call.clone());
    }

    fn listen(&self, next: &Arc<dyn Next>) -> usize {
        self.listen(next)
    }

    fn stopped(&self) -> usize {
        usize::from(self.relay.look(Result::is_err))
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        match self.outcome() {
            Ok(unused) => {
                discard(unused);
                None
            }
            Err(error) => Some(Stop::Lost(error, self.call.site())),
        }
    }

    fn take(self: Box<Self>) -> T {
        self.value()
    }
}

/// As [`Cloned`], of a `Result` whose `Err` the dependant passes on.
struct TryCloned<T, E>(Cloned<Result<T, E>>);

impl<T: Send, E: Send, F: FailsFrom<E>> Source<T, F> for TryCloned<T, E> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        add(self.0.call.clone());
    }

    fn listen(&self, next: &Arc<dyn Next>) -> usize {
        self.0.listen(next)
    }

    fn stopped(&self) -> usize {
        usize::from(self.0.relay.look(|outcome| matches!(outcome, Err(_) | Ok(Ok(Err(_))))))
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        match self.0.outcome() {
            Ok(Ok(Err(error))) => Some(Stop::Failed(F::fails_from(error))),
            Ok(unused) => {
                discard(unused);
                None
            }
            Err(error) => Some(Stop::Lost(error, self.0.call.site())),
        }
    }

    fn take(self: Box<Self>) -> T {
        let Ok(value) = self.0.value() else { unreachable!("a stopped call never runs") };
        value
    }
}

/// A shared result and what the call gets of it: a clone, or a reference that keeps it.
struct FromShared<T, U>(Shared<T>, fn(Shared<T>) -> U);

impl<T: Send + Sync + 'static, U, F> Source<U, F> for FromShared<T, U> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        add(self.0.call());
    }

    fn stopped(&self) -> usize {
        usize::from(self.0.is_error())
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        let error = self.0.ended().as_ref().err()?.clone();
        Some(Stop::Lost(error, self.0.call().site()))
    }

    fn take(self: Box<Self>) -> U {
        (self.1)(self.0)
    }
}

/// As [`FromShared`], of a `Result` whose `Err` is cloned and passed on.
struct TryFromShared<T, E, U>(Shared<Result<T, E>>, fn(Shared<Result<T, E>>) -> U);

impl<T, E, U, F> Source<U, F> for TryFromShared<T, E, U>
where
    T: Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    F: FailsFrom<E>,
{
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        add(self.0.call());
    }

    fn stopped(&self) -> usize {
        usize::from(!matches!(self.0.ended(), Ok(Ok(_))))
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        match self.0.ended() {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(Stop::Failed(F::fails_from(error.clone()))),
            Err(error) => Some(Stop::Lost(error.clone(), self.0.call().site())),
        }
    }

    fn take(self: Box<Self>) -> U {
        (self.1)(self.0)
    }
}

impl<T, F> Arg<T, F> for T {
    fn into_input(self) -> Input<T, F> {
        Input::ready(self)
    }
}

impl<T, F> Arg<T, F> for AsyncValue<T> {
    fn into_input(self) -> Input<T, F> {
        Input::value(self)
    }
}

impl<T: CloneOut + Send + 'static, F> Arg<T, F> for &AsyncValue<T> {
    fn into_input(self) -> Input<T, F> {
        match Cloned::of(self) {
            Ok(clone) => Input::ready(clone),
            Err(cloned) => Input::source(cloned),
        }
    }
}

impl<T: 'static, E: 'static, F: FailsFrom<E>> Arg<T, F> for AsyncValue<Result<T, E>> {
    fn into_input(self) -> Input<T, F> {
        Input::source(Try(self))
    }
}

impl<T, E, F: FailsFrom<E>> Arg<T, F> for &AsyncValue<Result<T, E>>
where
    T: Clone + Send + 'static,
    E: Clone + Send + 'static,
{
    fn into_input(self) -> Input<T, F> {
        Input::source(TryCloned(match Cloned::of(self) {
            Ok(Ok(clone)) => return Input::ready(clone),
            Ok(Err(error)) => Cloned::new(self, Relayed::There(Ok(Ok(Err(error))))),
            Err(cloned) => cloned,
        }))
    }
}

impl<T: Clone + Send + Sync + 'static, F> Arg<T, F> for Shared<T> {
    fn into_input(self) -> Input<T, F> {
        Input::source(FromShared(self, |shared| shared.get().clone()))
    }
}

impl<T: Clone + Send + Sync + 'static, F> Arg<T, F> for &Shared<T> {
    fn into_input(self) -> Input<T, F> {
        self.clone().into_input()
    }
}

impl<T, E, F: FailsFrom<E>> Arg<T, F> for Shared<Result<T, E>>
where
    T: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    fn into_input(self) -> Input<T, F> {
        Input::source(TryFromShared(self, |shared| match shared.get() {
            Ok(value) => value.clone(),
            Err(_) => unreachable!("a stopped call never runs"),
        }))
    }
}

impl<T, E, F: FailsFrom<E>> Arg<T, F> for &Shared<Result<T, E>>
where
    T: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    fn into_input(self) -> Input<T, F> {
        self.clone().into_input()
    }
}

// Copied as `B::Owned` and not as `O::Owned`: a `&&str` out of a `Vec<&str>` would be kept borrowed. `O: ToOwned` keeps
// `&AsyncValue<T>` out of this impl.
impl<B, O, F> ArgRef<B, F> for &O
where
    B: ?Sized + ToOwned,
    B::Owned: Send + 'static,
    O: ?Sized + Borrow<B> + ToOwned,
{
    type Owner = B::Owned;

    fn into_owner(self) -> Input<B::Owned, F> {
        Input::ready(self.borrow().to_owned())
    }
}

/// An owner that is passed by value, and kept as it is.
macro_rules! owners {
    ($([$($generics:tt)*] $owner:ty => $borrowed:ty;)+) => {$(
        impl<$($generics)* F> ArgRef<$borrowed, F> for $owner {
            type Owner = $owner;

            fn into_owner(self) -> Input<$owner, F> {
                Input::ready(self)
            }
        }
    )+};
}

owners! {
    [] String => str;
    [] PathBuf => Path;
    [] OsString => OsStr;
    [T: Send + 'static,] Vec<T> => [T];
    [B: ?Sized + Send + 'static,] Box<B> => B;
    [B: ?Sized + Send + Sync + 'static,] Arc<B> => B;
}

/// A shared result that a call borrows from: keeps it, and copies nothing.
pub struct SharedRef<O>(Arc<dyn Lent<O>>);

impl<O> fmt::Debug for SharedRef<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRef").finish_non_exhaustive()
    }
}

trait Lent<O>: Send + Sync {
    fn lent(&self) -> &O;
}

impl<O: Send + Sync + 'static> Lent<O> for Shared<O> {
    fn lent(&self) -> &O {
        self.get()
    }
}

/// The `Ok` of a shared `Result`.
struct OkOf<O, E>(Shared<Result<O, E>>);

impl<O: Send + Sync + 'static, E: Send + Sync + 'static> Lent<O> for OkOf<O, E> {
    fn lent(&self) -> &O {
        let Ok(value) = self.0.get() else { unreachable!("a stopped call never runs") };
        value
    }
}

/// The handles to an owner of a borrowed form.
macro_rules! handles {
    ($([$($g:ident)?] $owner:ty => $borrowed:ty;)+) => {$(
        impl<$($g: Send + 'static,)? F> ArgRef<$borrowed, F> for AsyncValue<$owner> {
            type Owner = $owner;

            fn into_owner(self) -> Input<$owner, F> {
                self.into_input()
            }
        }

        impl<$($g: Send + 'static,)? E: 'static, F: FailsFrom<E>> ArgRef<$borrowed, F> for AsyncValue<Result<$owner, E>> {
            type Owner = $owner;

            fn into_owner(self) -> Input<$owner, F> {
                self.into_input()
            }
        }

        impl<$($g: CloneOut + Clone + Send + 'static,)? F> ArgRef<$borrowed, F> for &AsyncValue<$owner> {
            type Owner = $owner;

            fn into_owner(self) -> Input<$owner, F> {
                self.into_input()
            }
        }

        impl<$($g: Clone + Send + 'static,)? E: Clone + Send + 'static, F: FailsFrom<E>> ArgRef<$borrowed, F>
            for &AsyncValue<Result<$owner, E>>
        {
            type Owner = $owner;

            fn into_owner(self) -> Input<$owner, F> {
                self.into_input()
            }
        }

        impl<$($g: Send + Sync + 'static,)? F> ArgRef<$borrowed, F> for Shared<$owner> {
            type Owner = SharedRef<$owner>;

            fn into_owner(self) -> Input<SharedRef<$owner>, F> {
                Input::source(FromShared(self, |shared| SharedRef(Arc::new(shared))))
            }
        }

        impl<$($g: Send + Sync + 'static,)? E: Clone + Send + Sync + 'static, F: FailsFrom<E>> ArgRef<$borrowed, F>
            for Shared<Result<$owner, E>>
        {
            type Owner = SharedRef<$owner>;

            fn into_owner(self) -> Input<SharedRef<$owner>, F> {
                Input::source(TryFromShared(self, |shared| SharedRef(Arc::new(OkOf(shared)))))
            }
        }

        impl<$($g: 'static)?> Borrow<$borrowed> for SharedRef<$owner> {
            fn borrow(&self) -> &$borrowed {
                self.0.lent()
            }
        }
    )+};
}

handles! {
    [T] T => T;
    [] String => str;
    [] PathBuf => Path;
    [] OsString => OsStr;
    [T] Vec<T> => [T];
}
