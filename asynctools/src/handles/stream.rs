//! `into_stream`: the results of many calls as a stream, for async code.

use std::fmt;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use futures_core::Stream;
use futures_core::stream::FusedStream;

use crate::error::TaskError;
use crate::graph::wait::watch;
use crate::handles::as_completed::AsCompleted;
use crate::handles::value::AsyncValue;
use crate::handles::window::BufferUnordered;
use crate::handles::window::Buffered;
use crate::handles::window::KeyOf;
use crate::handles::window::Outcomes;
use crate::handles::window::Pending;
use crate::handles::window::ValueOf;
use crate::handles::window::Window;

/// Returns the results of many calls to async code, made by `into_stream` of [`AsCompleted`], [`Buffered`], [`BufferUnordered`]
/// and [`Outcomes`]. The items are those of the iterator.
///
/// To poll the stream never blocks, but for the source of a window, which makes the calls: an annotated function blocks only on a
/// full queue. Dropping the stream leaves no waker behind, and does to the calls what dropping the iterator does.
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncValue, Calls as _};
/// use futures_core::Stream;
/// use std::pin::Pin;
/// use std::task::{Context, Poll, Waker};
///
/// let mut context = Context::from_waker(Waker::noop());
///
/// // An executor polls, and `StreamExt` of the crate `futures` has `next().await` and more.
/// let (promise, value) = AsyncValue::promise();
/// let mut stream = [AsyncValue::ready(1), value].into_iter().buffered(2).into_stream();
/// assert_eq!(Pin::new(&mut stream).poll_next(&mut context), Poll::Ready(Some(1)));
/// assert_eq!(Pin::new(&mut stream).poll_next(&mut context), Poll::Pending);
/// promise.set(2);
/// assert_eq!(Pin::new(&mut stream).poll_next(&mut context), Poll::Ready(Some(2)));
/// assert_eq!(Pin::new(&mut stream).poll_next(&mut context), Poll::Ready(None));
/// ```
#[must_use = "no call is made before the stream is polled"]
pub struct CallStream<C: Calling> {
    calls: C,
    is_over: bool,
}

/// Many calls, as a stream polls them.
#[doc(hidden)]
pub trait Calling {
    type Result;

    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Self::Result>>;

    /// How many results are to come.
    fn left(&self) -> (usize, Option<usize>);

    /// Forgets the task that polled last.
    fn forget(&self);
}

impl<T> Calling for AsCompleted<T> {
    type Result = (usize, Result<T, TaskError>);

    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Self::Result>> {
        let entry = ready!(self.calls.poll_next(context));
        Poll::Ready(entry.map(|entry| (entry.index, entry.value.into_outcome())))
    }

    fn left(&self) -> (usize, Option<usize>) {
        self.size_hint()
    }

    fn forget(&self) {
        self.calls.forget_task();
    }
}

/// A window, as a stream polls it.
#[doc(hidden)]
pub trait PollWindow: Window {
    #[expect(clippy::type_complexity, reason = "a key and a handle")]
    fn poll_call(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Option<(<Self::Call as Pending>::Key, AsyncValue<<Self::Call as Pending>::Value>)>>;

    /// Forgets the task that polled last. A call forgets it by itself, with its handle.
    fn forget_task(&self) {}
}

impl<I: Iterator<Item: Pending>> PollWindow for Buffered<I> {
    fn poll_call(&mut self, context: &Context<'_>) -> Poll<Option<(KeyOf<I>, AsyncValue<ValueOf<I>>)>> {
        self.fill();
        if let Some((_key, call)) = self.window.front()
            && !call.is_finished()
            && !watch(&**call.node(), context.waker())
        {
            return Poll::Pending;
        }
        Poll::Ready(self.window.pop_front())
    }
}

impl<I: Iterator<Item: Pending>> PollWindow for BufferUnordered<I> {
    fn poll_call(&mut self, context: &Context<'_>) -> Poll<Option<(KeyOf<I>, AsyncValue<ValueOf<I>>)>> {
        self.fill();
        let entry = ready!(self.window.poll_next(context));
        Poll::Ready(entry.map(|entry| (entry.key, entry.value)))
    }

    fn forget_task(&self) {
        self.window.forget_task();
    }
}

macro_rules! calling {
    ($window:ident) => {
        impl<I: Iterator<Item: Pending>> Calling for $window<I> {
            type Result = <I::Item as Pending>::Keyed<ValueOf<I>>;

            fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Self::Result>> {
                let call = ready!(self.poll_call(context));
                Poll::Ready(call.map(|(key, call)| I::Item::keyed_value(key, call)))
            }

            fn left(&self) -> (usize, Option<usize>) {
                Window::size_hint(self)
            }

            fn forget(&self) {
                self.forget_task();
            }
        }

        impl<I: Iterator<Item: Pending>> $window<I> {
            /// Makes a stream of the results. The stream makes the calls when it is polled.
            ///
            /// # Panics
            ///
            /// The stream panics where `next` does: if a call was lost, or the source panics. It can be polled again.
            ///
            /// # Examples
            ///
            /// ```
            /// use asynctools::{AsyncValue, Calls as _};
            /// use futures_core::Stream;
            ///
            /// let calls = (1..=4).map(AsyncValue::ready);
            #[doc = concat!("let stream = calls.", calling!(@method $window), "(2).into_stream();")]
            /// assert_eq!(stream.size_hint(), (4, Some(4)));
            /// ```
            pub fn into_stream(self) -> CallStream<Self> {
                CallStream::new(self)
            }
        }
    };
    (@method Buffered) => {
        "buffered"
    };
    (@method BufferUnordered) => {
        "buffer_unordered"
    };
}

calling!(Buffered);
calling!(BufferUnordered);

impl<W: PollWindow> Calling for Outcomes<W> {
    type Result = <W::Call as Pending>::Keyed<Result<<W::Call as Pending>::Value, TaskError>>;

    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Self::Result>> {
        let call = ready!(self.0.poll_call(context));
        Poll::Ready(call.map(|(key, call)| W::Call::keyed(key, call.outcome())))
    }

    fn left(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }

    fn forget(&self) {
        self.0.forget_task();
    }
}

impl<W: PollWindow> Outcomes<W> {
    /// Makes a stream of the outcomes. The stream makes the calls when it is polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, Calls as _};
    /// use futures_core::Stream;
    /// use std::pin::Pin;
    /// use std::task::{Context, Poll, Waker};
    ///
    /// let mut context = Context::from_waker(Waker::noop());
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// drop(promise);
    /// let mut stream = [value].into_iter().buffered(2).outcomes().into_stream();
    /// let next = Pin::new(&mut stream).poll_next(&mut context);
    /// let Poll::Ready(Some(outcome)) = next else { panic!() };
    /// assert!(outcome.is_err());
    /// ```
    pub fn into_stream(self) -> CallStream<Self> {
        CallStream::new(self)
    }
}

impl<T> AsCompleted<T> {
    /// Makes a stream of the indices and outcomes, as the calls end.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    /// use futures_core::Stream;
    /// use std::pin::Pin;
    /// use std::task::{Context, Poll, Waker};
    ///
    /// let mut context = Context::from_waker(Waker::noop());
    ///
    /// let mut stream = AsyncList::from([AsyncValue::ready("a")]).as_completed().into_stream();
    /// let next = Pin::new(&mut stream).poll_next(&mut context);
    /// let Poll::Ready(Some((index, outcome))) = next else { panic!() };
    /// assert_eq!((index, outcome.unwrap()), (0, "a"));
    /// ```
    pub fn into_stream(self) -> CallStream<Self> {
        CallStream::new(self)
    }
}

impl<C: Calling> CallStream<C> {
    fn new(calls: C) -> Self {
        Self { calls, is_over: false }
    }
}

impl<C: Calling + Unpin> Stream for CallStream<C> {
    type Item = C::Result;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<C::Result>> {
        let next = ready!(self.calls.poll(context));
        self.is_over = next.is_none();
        Poll::Ready(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.calls.left()
    }
}

impl<C: Calling + Unpin> FusedStream for CallStream<C> {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl<C: Calling> Drop for CallStream<C> {
    fn drop(&mut self) {
        self.calls.forget();
    }
}

impl<C: Calling> fmt::Debug for CallStream<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallStream").field("left", &self.calls.left()).finish_non_exhaustive()
    }
}
