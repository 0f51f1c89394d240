//! `stop_requested`, `StopToken`, and the ways to ask calls to stop.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::TaskError;
use crate::graph::lineage;
use crate::graph::lose::lose;
use crate::graph::stop;
use crate::graph::stop::Flag;
use crate::graph::stop::RunCells;
use crate::graph::traits::Job;
use crate::handles::list::AsyncList;
use crate::handles::promise::Promise;
use crate::handles::value::AsyncValue;
use crate::handles::value::stop_all;

/// Whether somebody has asked the call that runs on this thread to stop.
///
/// That is by [`AsyncValue::request_stop`], [`AsyncList::request_stop`] or [`Pool::request_stop`](crate::Pool::request_stop),
/// by dropping a window, or because another call of the same [`first`](AsyncList::first) was faster. Outside of a call
/// `false`.
///
/// A call that looks at this now and then can return early. Nothing else happens to a call that was asked, and its handle gets
/// what the call returns. The request is not passed on to calls that this call has made: hand them a [`stop_token`].
///
/// A look costs some nanoseconds as long as nobody asks anybody.
///
/// # Examples
///
/// ```
/// use asynctools::{parallel, stop_requested};
///
/// # let (begins, begun) = std::sync::mpsc::channel();
/// let count = parallel(move || {
/// #   begins.send(()).unwrap();
///     let mut count = 0_u64;
///     while !stop_requested() {
///         count += 1;
///     }
///     count
/// });
/// # begun.recv().unwrap();
/// count.request_stop();
/// let _counted: u64 = count.get();
/// ```
#[must_use]
pub fn stop_requested() -> bool {
    lineage::with_run(RunCells::is_asked).unwrap_or(false)
}

/// Returns the token of the call that runs on this thread, to hand to its helpers.
///
/// Helpers are threads, closures and other calls that work for this call. Outside of a call: a token that nobody can set.
///
/// # Examples
///
/// A child process ends with the call that has started it:
///
/// ```
/// use asynctools::{parallel, stop_token, StopToken};
/// use std::io;
/// use std::process::{Child, Command, ExitStatus};
/// use std::thread;
/// use std::time::Duration;
///
/// fn finish(mut child: Child, token: &StopToken) -> io::Result<ExitStatus> {
///     loop {
///         if token.is_requested() {
///             child.kill()?;
///         }
///         match child.try_wait()? {
///             Some(status) => return Ok(status),
///             None => thread::sleep(Duration::from_millis(10)),
///         }
///     }
/// }
///
/// # #[cfg(unix)] {
/// # let (begins, begun) = std::sync::mpsc::channel();
/// let call = parallel(move || {
/// #   begins.send(()).unwrap();
///     finish(Command::new("sleep").arg("60").spawn()?, &stop_token())
/// });
/// # begun.recv().unwrap();
/// call.request_stop();
/// assert!(!call.get()?.success());
/// # }
/// # Ok::<(), io::Error>(())
/// ```
#[must_use]
pub fn stop_token() -> StopToken {
    StopToken(lineage::with_run(RunCells::token))
}

/// Shows whether somebody has asked a call to stop, made by [`stop_token`].
///
/// # Examples
///
/// ```
/// use asynctools::{parallel, stop_requested, stop_token};
/// use std::thread;
///
/// # let (begins, begun) = std::sync::mpsc::channel();
/// let call = parallel(move || {
/// #   begins.send(()).unwrap();
///     let token = stop_token();
///     // The request is for this call, and the call hands it on.
///     let helper = thread::spawn(move || while !token.is_requested() { thread::yield_now() });
///     helper.join().unwrap();
///     stop_requested()
/// });
/// # begun.recv().unwrap();
/// call.request_stop();
/// assert!(call.get());
/// ```
#[derive(Clone, Debug)]
pub struct StopToken(Option<Flag>);

impl StopToken {
    /// Whether somebody has asked the call to stop. After the end of the call the answer stays as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// let elsewhere = asynctools::stop_token();
    /// assert!(!elsewhere.is_requested());
    /// ```
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Ordering::Acquire))
    }
}

impl<T> AsyncValue<T> {
    /// Cancels the call if it has not started; if the call runs, asks it to stop: [`stop_requested`] is `true` in there. The
    /// handle stays, and gets whatever the call returns. Never blocks.
    ///
    /// # Examples
    ///
    /// Ctrl-C, with the crate `ctrlc`: the handler has to own the handle, or a channel to the owner.
    ///
    /// ```
    /// use asynctools::{parallel, stop_requested};
    /// use std::sync::mpsc;
    ///
    /// let (pressed, ctrl_c) = mpsc::channel();
    /// // ctrlc::set_handler(move || pressed.send(()).unwrap())?;
    /// # pressed.send(()).unwrap();
    /// # let (begins, begun) = mpsc::channel();
    /// let work = parallel(move || {
    /// #   begins.send(()).unwrap();
    ///     (0..).take_while(|_| !stop_requested()).count()
    /// });
    /// # begun.recv()?;
    /// ctrl_c.recv()?;
    /// work.request_stop();
    /// println!("{} rounds done", work.get());
    /// # Ok::<(), mpsc::RecvError>(())
    /// ```
    pub fn request_stop(&self) {
        let job: Arc<dyn Job> = self.node().clone();
        if !lose(&job, TaskError::Cancelled) {
            job.request_stop();
        }
    }
}

impl<T> AsyncList<T> {
    /// Cancels the calls that have not started, and asks the running calls to stop, as
    /// [`AsyncValue::request_stop`] does. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, parallel, stop_requested};
    ///
    /// let wait_for_stop = || {
    ///     while !stop_requested() {}
    ///     true
    /// };
    /// let calls: AsyncList<bool> = (0..3).map(|_| parallel(wait_for_stop)).collect();
    /// calls.request_stop();
    /// let _ended = calls.outcomes();
    /// ```
    pub fn request_stop(&self) {
        stop_all(self.iter());
    }
}

impl<T: Send + 'static> Promise<T> {
    /// Whether the owner of the handle has asked for a stop. The promise can still be set.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// assert!(!promise.stop_requested());
    /// value.request_stop();
    /// assert!(promise.stop_requested());
    /// promise.set("half of it");
    /// assert_eq!(value.get(), "half of it");
    /// ```
    #[must_use]
    pub fn stop_requested(&self) -> bool {
        self.address().is_some_and(stop::is_promise_asked)
    }
}
