//! `Arg` and `ArgRef`: the types that may be passed to a parameter.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::arguments::bounds::Call;
use crate::arguments::bounds::CloneError;
use crate::arguments::bounds::CloneOut;
use crate::arguments::bounds::Clones;
use crate::arguments::bounds::Copies;
use crate::arguments::bounds::FailsFrom;
use crate::arguments::cloned::Relay;
use crate::arguments::cloned::clone_of;
use crate::arguments::input::Input;
use crate::arguments::shared::SharedRef;
use crate::arguments::source::All;
use crate::arguments::source::Try;
use crate::arguments::source::Whole;
use crate::handles::list::AsyncList;
use crate::handles::shared::Shared;
use crate::handles::value::AsyncValue;

/// An argument for a parameter of type `T`: a `T`, or a handle whose result is a `T`.
///
/// | passed | the call gets |
/// | --- | --- |
/// | `T` | the value |
/// | [`AsyncValue<T>`](AsyncValue) | its result, moved; the call starts when the result is there |
/// | `&AsyncValue<T>` where `T: Clone` | a clone of its result; the handle stays yours |
/// | [`Shared<T>`](Shared), `&Shared<T>` where `T: Clone` | a clone of its result |
/// | [`AsyncList<U>`](crate::AsyncList) where `T` is `Vec<U>` | all its results |
/// | any of these with `Result<T, E>` for `T`, where `F: From<E>` | its `Ok`; an `Err` ends the call with that error, unrun |
///
/// `F` is the error type of the called function; [`Infallible`] if the function returns no `Result`. The attributes
/// write the bound, and programs pass the arguments; the trait cannot be implemented outside this crate.
///
/// Several types fit a parameter, so an argument whose type only the parameter would decide (`f(x.into())`,
/// `f("7".parse().unwrap())`, `f(it.collect())`) needs a type at the call, and an argument is not coerced
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
    note = "pass a `{T}`, an `AsyncValue<{T}>` (moved), a `&AsyncValue<{T}>` or `Shared<{T}>` (cloned), or for a `Vec` an `AsyncList`"
)]
pub trait Arg<T, F = Infallible> {
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F>;
}

/// An argument for a parameter of type `&B`: a reference, an owner, or a handle to one.
///
/// A reference borrows as `B`; a handle is to an owner of a `B`.
///
/// | passed | the call borrows from |
/// | --- | --- |
/// | `&B`, or a `&O` that borrows as `B` (`&String` for `&str`) | a copy ([`ToOwned`]), because the call outlives the caller's borrow |
/// | `String`, `PathBuf`, `OsString`, `Vec<T>` for `&str`, `&Path`, `&OsStr`, `&[T]` | the value itself |
/// | `Box<B>`, `Arc<B>` for any `&B` | the value itself |
/// | [`AsyncValue`] or `&AsyncValue` of an owner, or of a `B` | its result |
/// | [`Shared`] of an owner, or of a `B` | its result, shared and not copied |
/// | [`AsyncList<T>`](crate::AsyncList) for `&[T]` | all its results |
/// | any of these with a `Result` inside | its `Ok`, as for [`Arg`] |
///
/// Below, `Call: Copies<B>` says that `B` is [`ToOwned`] and its copy `Send + 'static`. The compiler has words of this
/// crate's where that bound is not met.
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
    label = "does not borrow as a `{B}`, and is not a handle that can give one",
    note = "pass a `&{B}`, which is cloned; an `Arc<{B}>`, `Box<{B}>` or `AsyncValue::ready(value)`, which is not; a handle to an owned one (a `&handle` clones its result and its error); or for a slice an `AsyncList`",
    note = "to pass a text as a `&Path`, write `Path::new(text)`, which is cloned, or `PathBuf::from(text)`, which is not"
)]
pub trait ArgRef<B: ?Sized, F = Infallible> {
    /// The value kept by the call; the body borrows from this value.
    type Owner: Borrow<B> + Send + 'static;

    #[doc(hidden)]
    fn into_owner(self) -> Input<Self::Owner, F>;
}

impl<T, F> Arg<T, F> for T {
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F> {
        Input::ready(self)
    }
}

impl<T, F> Arg<T, F> for AsyncValue<T> {
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F> {
        Input::value(self)
    }
}

impl<T: CloneOut + Send + 'static, F> Arg<T, F> for &AsyncValue<T> {
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F> {
        match clone_of(self) {
            Ok(clone) => Input::ready(clone),
            Err(relay) => Input::held(relay),
        }
    }
}

impl<T: 'static, E: 'static, F: FailsFrom<E>> Arg<T, F> for AsyncValue<Result<T, E>> {
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F> {
        Input::incoming(Try(self))
    }
}

impl<T, E, F: FailsFrom<E>> Arg<T, F> for &AsyncValue<Result<T, E>>
where
    T: Clone + Send + 'static,
    E: CloneError + Send + 'static,
{
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F> {
        match clone_of(self) {
            Ok(Ok(clone)) => Input::ready(clone),
            Ok(error) => Input::held(Relay::there(self, error)),
            Err(relay) => Input::held(relay),
        }
    }
}

impl<T: Clone + Send + Sync + 'static, F> Arg<T, F> for Shared<T> {
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F> {
        Input::held(self.into_kept())
    }
}

impl<T: Clone + Send + Sync + 'static, F> Arg<T, F> for &Shared<T> {
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F> {
        self.clone().into_input()
    }
}

impl<T, E, F: FailsFrom<E>> Arg<T, F> for Shared<Result<T, E>>
where
    T: Clone + Send + Sync + 'static,
    E: CloneError + Send + Sync + 'static,
{
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F> {
        Input::held(self.into_kept())
    }
}

impl<T, E, F: FailsFrom<E>> Arg<T, F> for &Shared<Result<T, E>>
where
    T: Clone + Send + Sync + 'static,
    E: CloneError + Send + Sync + 'static,
{
    #[doc(hidden)]
    fn into_input(self) -> Input<T, F> {
        self.clone().into_input()
    }
}

// The copy is of a `B` and not of an `O`: a `&&str` out of a `Vec<&str>` would stay a borrow. `Clones<O>` keeps
// `&AsyncValue<T>` out of this impl.
impl<B, O, F> ArgRef<B, F> for &O
where
    B: ?Sized,
    Call: Copies<B> + Clones<O>,
    O: ?Sized + Borrow<B>,
{
    type Owner = <Call as Copies<B>>::Copy;

    #[doc(hidden)]
    fn into_owner(self) -> Input<Self::Owner, F> {
        Input::ready(<Call as Copies<B>>::copy(self.borrow()))
    }
}

// Owners that are passed by value, which the call keeps as they are. No macro writes the impls, because rustc shows the
// macro where an argument does not fit.

impl<F> ArgRef<str, F> for String {
    type Owner = String;

    #[doc(hidden)]
    fn into_owner(self) -> Input<String, F> {
        Input::ready(self)
    }
}

impl<F> ArgRef<Path, F> for PathBuf {
    type Owner = PathBuf;

    #[doc(hidden)]
    fn into_owner(self) -> Input<PathBuf, F> {
        Input::ready(self)
    }
}

impl<F> ArgRef<OsStr, F> for OsString {
    type Owner = OsString;

    #[doc(hidden)]
    fn into_owner(self) -> Input<OsString, F> {
        Input::ready(self)
    }
}

impl<T: Send + 'static, F> ArgRef<[T], F> for Vec<T> {
    type Owner = Vec<T>;

    #[doc(hidden)]
    fn into_owner(self) -> Input<Vec<T>, F> {
        Input::ready(self)
    }
}

impl<B: ?Sized + Send + 'static, F> ArgRef<B, F> for Box<B> {
    type Owner = Box<B>;

    #[doc(hidden)]
    fn into_owner(self) -> Input<Box<B>, F> {
        Input::ready(self)
    }
}

impl<B: ?Sized + Send + Sync + 'static, F> ArgRef<B, F> for Arc<B> {
    type Owner = Arc<B>;

    #[doc(hidden)]
    fn into_owner(self) -> Input<Arc<B>, F> {
        Input::ready(self)
    }
}

impl<T: Send + 'static, F> Arg<Vec<T>, F> for AsyncList<T> {
    #[doc(hidden)]
    fn into_input(self) -> Input<Vec<T>, F> {
        Input::incoming(All::of(self, Whole))
    }
}

impl<T: Send + 'static, E: 'static, F: FailsFrom<E>> Arg<Vec<T>, F> for AsyncList<Result<T, E>> {
    #[doc(hidden)]
    fn into_input(self) -> Input<Vec<T>, F> {
        Input::incoming(All::of(self, Try))
    }
}

impl<T: Send + 'static, F> ArgRef<[T], F> for AsyncList<T> {
    type Owner = Vec<T>;

    #[doc(hidden)]
    fn into_owner(self) -> Input<Vec<T>, F> {
        self.into_input()
    }
}

impl<T: Send + 'static, E: 'static, F: FailsFrom<E>> ArgRef<[T], F> for AsyncList<Result<T, E>> {
    type Owner = Vec<T>;

    #[doc(hidden)]
    fn into_owner(self) -> Input<Vec<T>, F> {
        self.into_input()
    }
}

/// Implements `ArgRef` for the handles to an owner.
macro_rules! handles {
    ($([$($g:ident)?] $owner:ty => $borrowed:ty;)+) => {$(
        impl<$($g: Send + 'static,)? F> ArgRef<$borrowed, F> for AsyncValue<$owner> {
            type Owner = $owner;

            #[doc(hidden)]
            fn into_owner(self) -> Input<$owner, F> {
                self.into_input()
            }
        }

        impl<$($g: Send + 'static,)? E: 'static, F: FailsFrom<E>> ArgRef<$borrowed, F> for AsyncValue<Result<$owner, E>> {
            type Owner = $owner;

            #[doc(hidden)]
            fn into_owner(self) -> Input<$owner, F> {
                self.into_input()
            }
        }

        impl<$($g: CloneOut + Clone + Send + 'static,)? F> ArgRef<$borrowed, F> for &AsyncValue<$owner> {
            type Owner = $owner;

            #[doc(hidden)]
            fn into_owner(self) -> Input<$owner, F> {
                self.into_input()
            }
        }

        impl<$($g: Clone + Send + 'static,)? E: CloneError + Send + 'static, F: FailsFrom<E>> ArgRef<$borrowed, F>
            for &AsyncValue<Result<$owner, E>>
        {
            type Owner = $owner;

            #[doc(hidden)]
            fn into_owner(self) -> Input<$owner, F> {
                self.into_input()
            }
        }

        impl<$($g: Send + Sync + 'static,)? F> ArgRef<$borrowed, F> for Shared<$owner> {
            type Owner = SharedRef<$owner>;

            #[doc(hidden)]
            fn into_owner(self) -> Input<SharedRef<$owner>, F> {
                Input::held(self.into_kept())
            }
        }

        impl<$($g: Send + Sync + 'static,)? E: CloneError + Send + Sync + 'static, F: FailsFrom<E>> ArgRef<$borrowed, F>
            for Shared<Result<$owner, E>>
        {
            type Owner = SharedRef<$owner>;

            #[doc(hidden)]
            fn into_owner(self) -> Input<SharedRef<$owner>, F> {
                Input::held(self.into_kept())
            }
        }

        impl<$($g: 'static)?> Borrow<$borrowed> for SharedRef<$owner> {
            fn borrow(&self) -> &$borrowed {
                self.get()
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
