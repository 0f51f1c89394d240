//! `Calls`, `Buffered` and `BufferUnordered`: a window over a lazy iterator of calls.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;

use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::graph::wait::raise;
use crate::handles::completions::Completions;
use crate::handles::value::AsyncValue;
use crate::handles::value::cancel_all;
use crate::handles::value::stop_all;
use crate::panics::discard;

/// Adds windows to iterators of calls: at most `n` are made and not yet returned.
///
/// A function that `map` calls for each input makes its calls when the iterator is asked for them. A window asks for at most
/// `n` calls in advance, so a million inputs need no million handles, and the inputs may come from an iterator without end.
/// The items of the iterator are handles, or pairs of a key and a handle; the window returns the key with the result.
///
/// # Windows
///
/// - The source runs on the thread that calls `next`, so it may borrow and need not be `Send`; the keys stay there too.
/// - No call is made before the first `next`. Each `next` fills the window and then blocks until it can return a result.
/// - A lost call makes `next` panic as [`AsyncValue::get`] does. The window can be used again: the following `next`
///   continues with the following call. `outcomes` returns losses as values.
/// - On a closed pool each call ends as [`TaskError::Closed`], and an endless source goes on making such calls. A pool
///   with a full queue blocks or rejects as configured.
/// - Dropping a window, also by `break` or `?`, cancels the calls that have not started, and asks the running calls to stop
///   ([`stop_requested`](crate::stop_requested)); the running calls go on until they look.
///
/// # Examples
///
/// ```
/// use asynctools::{Calls as _, pooled};
///
/// #[pooled(workers = 4)]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// let first = (1..).map(square).buffered(8).find(|square| *square > 1000);
/// assert_eq!(first, Some(1024));
///
/// let mut sum = 0;
/// for (n, square) in (1..=4).map(|n| (n, square(n))).buffer_unordered(8) {
///     assert_eq!(square, n * n);
///     sum += square;
/// }
/// assert_eq!(sum, 30);
/// ```
pub trait Calls: Iterator + Sized {
    /// Returns the results in the order of the calls. A slow call holds up the results of later calls.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Calls as _, Pool};
    ///
    /// let pool = Pool::new(2);
    /// let texts = ["a", "bc", "def"].into_iter();
    /// let calls = texts.map(|text| pool.spawn(move || text.len()));
    /// let lengths: Vec<usize> = calls.buffered(2).collect();
    /// assert_eq!(lengths, [1, 2, 3]);
    /// ```
    #[track_caller]
    fn buffered(self, n: usize) -> Buffered<Self>
    where
        Self::Item: Pending,
    {
        Buffered { source: Source::new(self, n), window: VecDeque::new() }
    }

    /// Returns the results in the order in which the calls end.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, Calls as _};
    ///
    /// let (promise, slow) = AsyncValue::promise();
    /// let mut calls = [slow, AsyncValue::ready("fast")].into_iter().enumerate().buffer_unordered(2);
    /// assert_eq!(calls.next(), Some((1, "fast")));
    /// promise.set("slow");
    /// assert_eq!(calls.next(), Some((0, "slow")));
    /// ```
    #[track_caller]
    fn buffer_unordered(self, n: usize) -> BufferUnordered<Self>
    where
        Self::Item: Pending,
    {
        BufferUnordered { source: Source::new(self, n), window: Completions::new(CallSite::here(&BUFFER_UNORDERED)) }
    }
}

impl<I: Iterator> Calls for I {}

static BUFFER_UNORDERED: Function = Function::method("buffer_unordered");

/// An item of a window: an `AsyncValue<T>`, or a pair of a key and one.
///
/// This trait is sealed.
#[diagnostic::on_unimplemented(
    message = "a window needs an iterator of calls, and its items are `{Self}`",
    label = "`{Self}` is no handle",
    note = "the items of a window are handles, or `(key, handle)`; `map` the inputs with an annotated function first"
)]
pub trait Pending: Sealed {
    /// The key that the window returns with the result; `()` for a handle without one.
    type Key;
    /// The result of the call.
    type Value;
    /// The item of the window, of its `outcomes` and of its `results`: `R`, or `(Key, R)`.
    type Keyed<R>;

    #[doc(hidden)]
    fn into_parts(self) -> (Self::Key, AsyncValue<Self::Value>);
    #[doc(hidden)]
    fn keyed<R>(key: Self::Key, result: R) -> Self::Keyed<R>;

    /// Blocks until the call ends, and returns its value with the key. The key is dropped before the loss of the call panics.
    #[doc(hidden)]
    fn keyed_value(key: Self::Key, call: AsyncValue<Self::Value>) -> Self::Keyed<Self::Value> {
        let site = call.node().site();
        match call.outcome() {
            Ok(value) => Self::keyed(key, value),
            Err(error) => {
                discard(key);
                raise(&error, site);
            }
        }
    }
}

#[doc(hidden)]
pub trait Sealed {}

impl<T> Sealed for AsyncValue<T> {}
impl<K, T> Sealed for (K, AsyncValue<T>) {}

impl<T> Pending for AsyncValue<T> {
    type Key = ();
    type Value = T;
    type Keyed<R> = R;

    fn into_parts(self) -> ((), Self) {
        ((), self)
    }

    fn keyed<R>(_key: (), result: R) -> R {
        result
    }
}

impl<K, T> Pending for (K, AsyncValue<T>) {
    type Key = K;
    type Value = T;
    type Keyed<R> = (K, R);

    fn into_parts(self) -> Self {
        self
    }

    fn keyed<R>(key: K, result: R) -> (K, R) {
        (key, result)
    }
}

/// The calls that are still to be made.
struct Source<I> {
    /// `None` after the end: the iterator is not asked again.
    calls: Option<I>,
    /// How many calls the window holds at most.
    limit: usize,
}

impl<I: Iterator<Item: Pending>> Source<I> {
    #[track_caller]
    fn new(calls: I, limit: usize) -> Self {
        assert!(limit > 0, "a window of 0 calls never makes one");
        Self { calls: Some(calls), limit }
    }

    /// Makes the next call if a window of that length has room for it.
    fn next(&mut self, window: usize) -> Option<Parts<I>> {
        if window >= self.limit {
            return None;
        }
        let call = self.calls.as_mut()?.next();
        if call.is_none() {
            self.calls = None;
        }
        call.map(Pending::into_parts)
    }

    /// Returns how many results are to come, with a window of that length.
    fn size_hint(&self, window: usize) -> (usize, Option<usize>) {
        let (least, most) = self.calls.as_ref().map_or((0, Some(0)), Iterator::size_hint);
        (least.saturating_add(window), most.and_then(|most| most.checked_add(window)))
    }
}

pub(crate) type KeyOf<I> = <<I as Iterator>::Item as Pending>::Key;
pub(crate) type ValueOf<I> = <<I as Iterator>::Item as Pending>::Value;
type Parts<I> = (KeyOf<I>, AsyncValue<ValueOf<I>>);

/// Returns the results of calls in the order of the calls, made by [`Calls::buffered`].
///
/// [`Calls`] says how a window makes, returns and cancels calls.
#[must_use = "no call is made before the first `next`"]
pub struct Buffered<I: Iterator<Item: Pending>> {
    source: Source<I>,
    pub(crate) window: VecDeque<Parts<I>>,
}

/// Returns the results of calls as they end, made by [`Calls::buffer_unordered`].
///
/// [`Calls`] says how a window makes, returns and cancels calls.
#[must_use = "no call is made before the first `next`"]
pub struct BufferUnordered<I: Iterator<Item: Pending>> {
    source: Source<I>,
    pub(crate) window: Completions<KeyOf<I>, ValueOf<I>>,
}

/// Returns the outcomes of the calls of a window.
///
/// Made by [`Buffered::outcomes`] and [`BufferUnordered::outcomes`].
#[must_use = "no call is made before the first `next`"]
#[derive(Debug)]
pub struct Outcomes<W>(pub(crate) W);

#[doc(hidden)]
pub trait Window {
    type Call: Pending;

    /// Makes calls until the window is full.
    fn fill(&mut self);

    /// Fills the window, and takes the next call to return.
    #[expect(clippy::type_complexity, reason = "a key and a handle")]
    fn next_call(&mut self) -> Option<(<Self::Call as Pending>::Key, AsyncValue<<Self::Call as Pending>::Value>)>;

    /// Cancels the calls of the window that have not started.
    fn cancel_window(&self) -> usize;

    fn size_hint(&self) -> (usize, Option<usize>);
}

impl<I: Iterator<Item: Pending>> Window for Buffered<I> {
    type Call = I::Item;

    fn fill(&mut self) {
        while let Some(call) = self.source.next(self.window.len()) {
            self.window.push_back(call);
        }
    }

    fn next_call(&mut self) -> Option<Parts<I>> {
        self.fill();
        self.window.pop_front()
    }

    fn cancel_window(&self) -> usize {
        cancel_all(self.window.iter().map(|(_key, call)| call))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.size_hint(self.window.len())
    }
}

impl<I: Iterator<Item: Pending>> Window for BufferUnordered<I> {
    type Call = I::Item;

    fn fill(&mut self) {
        while let Some((key, call)) = self.source.next(self.window.len()) {
            self.window.push(key, call);
        }
    }

    fn next_call(&mut self) -> Option<Parts<I>> {
        self.fill();
        let entry = self.window.next(None)?;
        Some((entry.key, entry.value))
    }

    fn cancel_window(&self) -> usize {
        self.window.cancel()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.size_hint(self.window.len())
    }
}

impl<I: Iterator<Item: Pending>> Buffered<I> {
    /// Returns the outcomes of the calls instead of their results: a loss is a value, and not a panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Calls as _, Pool};
    ///
    /// let pool = Pool::new(2);
    /// let calls = (0..3).map(|n| pool.spawn(move || 6 / n));
    /// let lost: Vec<bool> = calls.buffered(2).outcomes().map(|outcome| outcome.is_err()).collect();
    /// assert_eq!(lost, [true, false, false]);
    /// ```
    pub fn outcomes(self) -> Outcomes<Self> {
        Outcomes(self)
    }

    /// Cancels the calls that have not started, and returns how many those were. Asks the running calls to stop.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, Calls as _, Pool};
    ///
    /// let pool = Pool::new(0);
    /// let paused = (0..).map(|n| pool.spawn(move || n));
    /// let mut calls = [AsyncValue::ready(7)].into_iter().chain(paused).buffered(5);
    /// assert_eq!(calls.next(), Some(7));
    /// assert_eq!(calls.cancel(), 4);
    /// ```
    pub fn cancel(self) -> usize {
        self.cancel_window()
    }
}

impl<I: Iterator<Item: Pending>> BufferUnordered<I> {
    /// Returns the outcomes of the calls instead of their results: a loss is a value, and not a panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Calls as _, Pool};
    ///
    /// let pool = Pool::new(2);
    /// let calls = (0..3).map(|n| (n, pool.spawn(move || 6 / n)));
    /// for (n, outcome) in calls.buffer_unordered(2).outcomes() {
    ///     assert_eq!(outcome.ok(), 6_i32.checked_div(n));
    /// }
    /// ```
    pub fn outcomes(self) -> Outcomes<Self> {
        Outcomes(self)
    }

    /// Cancels the calls that have not started, and returns how many those were. Asks the running calls to stop.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, Calls as _, Pool};
    ///
    /// let pool = Pool::new(0);
    /// let paused = (0..).map(|n| pool.spawn(move || n));
    /// let mut calls = [AsyncValue::ready(7)].into_iter().chain(paused).buffer_unordered(5);
    /// assert_eq!(calls.next(), Some(7));
    /// assert_eq!(calls.cancel(), 4);
    /// ```
    pub fn cancel(self) -> usize {
        self.cancel_window()
    }
}

impl<I: Iterator<Item: Pending>> Iterator for Buffered<I> {
    type Item = <I::Item as Pending>::Keyed<ValueOf<I>>;

    /// Makes calls until the window is full, blocks until the first call in the window has ended, and returns its result.
    ///
    /// # Panics
    ///
    /// If the call was lost, as [`AsyncValue::get`]. If the source panics.
    fn next(&mut self) -> Option<Self::Item> {
        let (key, call) = self.next_call()?;
        Some(I::Item::keyed_value(key, call))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        Window::size_hint(self)
    }
}

impl<I: Iterator<Item: Pending>> Iterator for BufferUnordered<I> {
    type Item = <I::Item as Pending>::Keyed<ValueOf<I>>;

    /// Makes calls until the window is full, blocks until any call in the window has ended, and returns its result.
    ///
    /// # Panics
    ///
    /// If the call was lost, as [`AsyncValue::get`]. If the source panics.
    fn next(&mut self) -> Option<Self::Item> {
        let (key, call) = self.next_call()?;
        Some(I::Item::keyed_value(key, call))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        Window::size_hint(self)
    }
}

impl<W: Window> Iterator for Outcomes<W> {
    type Item = <W::Call as Pending>::Keyed<Result<<W::Call as Pending>::Value, TaskError>>;

    /// Makes calls until the window is full, blocks until the next call to return has ended, and returns its outcome.
    ///
    /// # Panics
    ///
    /// If the source panics.
    fn next(&mut self) -> Option<Self::Item> {
        let (key, call) = self.0.next_call()?;
        Some(W::Call::keyed(key, call.outcome()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<I: Iterator<Item: Pending>> FusedIterator for Buffered<I> {}
impl<I: Iterator<Item: Pending>> FusedIterator for BufferUnordered<I> {}
impl<W: Window> FusedIterator for Outcomes<W> {}

impl<I: Iterator<Item: Pending>> Drop for Buffered<I> {
    fn drop(&mut self) {
        stop_all(self.window.iter().map(|(_key, call)| call));
    }
}

impl<I: Iterator<Item: Pending>> Drop for BufferUnordered<I> {
    fn drop(&mut self) {
        self.window.stop();
    }
}

impl<I: Iterator<Item: Pending>> fmt::Debug for Buffered<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffered").field("window", &self.window.len()).finish_non_exhaustive()
    }
}

impl<I: Iterator<Item: Pending>> fmt::Debug for BufferUnordered<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferUnordered").field("window", &self.window.len()).finish_non_exhaustive()
    }
}
