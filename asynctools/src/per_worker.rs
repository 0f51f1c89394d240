//! `PerWorker`: values that calls borrow one after another, such as connections.

use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::ops::DerefMut;
use std::thread;

use crate::panics::discard;
use crate::panics::lock;
use crate::sync::Mutex;
use crate::sync::OnceLock;

/// Values that calls borrow one after another, such as a connection per worker.
///
/// A connection, a buffer or a parser is made for a worker, and not for each call.
///
/// A call takes a value out, or makes one if none is idle, and gives the value back when the guard is dropped. A value has
/// at most one holder, no lock is held in the meantime, and nothing blocks. So there are at most as many values as calls
/// held one at the same time; the value that was given back last goes out first. A value whose holder panics is dropped.
///
/// # Waits
///
/// A call that waits for another call may run that call on its own stack. The inner call then takes a second value, where a
/// `RefCell` in a `thread_local` would panic with "already borrowed", and where a pool of connections with a maximum could
/// wait for ever.
///
/// # The end of a program
///
/// Nothing drops a `static`, and so nothing drops the idle values of a `PerWorker` in a `static`: what a `BufWriter` has
/// not written by then is lost. [`drain`](Self::drain) the values before the end of `main`, after the calls have ended, or
/// keep the `PerWorker` in a field or in an `Arc`, whose drop drops the idle values.
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncList, PerWorker, pooled};
///
/// static BUFFER: PerWorker<Vec<u8>> = PerWorker::new();
///
/// #[pooled(workers = 4)]
/// fn checksum(text: &str) -> u32 {
///     let mut buffer = BUFFER.get_or_init(Vec::new);
///     buffer.clear();
///     buffer.extend(text.bytes().rev());
///     buffer.iter().fold(0, |sum, byte| sum * 31 + u32::from(*byte))
/// }
///
/// let sums: AsyncList<_> = ["a", "bc"].into_iter().map(checksum).collect();
/// assert_eq!(sums.get(), [97, 99 * 31 + 98]);
/// assert!(BUFFER.len() <= 2);
/// ```
pub struct PerWorker<T> {
    /// The values that no call holds. Made at the first use, so that `new` can be a `const fn`.
    idle: OnceLock<Mutex<Vec<T>>>,
}

impl<T> PerWorker<T> {
    /// Makes an empty set, for a `static` or a field.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::PerWorker;
    ///
    /// static PARSER: PerWorker<String> = PerWorker::new();
    /// assert_eq!(PARSER.len(), 0);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { idle: OnceLock::new() }
    }

    /// Takes an idle value, or makes one with `f`. The guard gives the value back when it is dropped.
    ///
    /// If `f` panics, the panic goes on, and nothing is kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::PerWorker;
    ///
    /// let numbers = PerWorker::new();
    /// *numbers.get_or_init(|| 1) += 1;
    /// assert_eq!(*numbers.get_or_init(|| 1), 2);
    /// ```
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> PerWorkerGuard<'_, T> {
        let made = self.get_or_try_init(|| Ok::<T, Infallible>(f()));
        made.unwrap_or_else(|never| match never {})
    }

    /// Takes an idle value, or makes one with `f`, which can fail.
    ///
    /// # Errors
    ///
    /// If no value is idle and `f` fails: its error, and nothing is kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::PerWorker;
    ///
    /// let numbers = PerWorker::new();
    /// assert!(numbers.get_or_try_init(|| "one".parse::<u8>()).is_err());
    /// assert_eq!(*numbers.get_or_try_init(|| "1".parse::<u8>()).unwrap(), 1);
    /// ```
    pub fn get_or_try_init<E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<PerWorkerGuard<'_, T>, E> {
        let idle = lock(self.idle()).pop();
        let value = match idle {
            Some(value) => value,
            None => f()?,
        };
        Ok(PerWorkerGuard { value: Some(value), home: self })
    }

    /// Returns the number of idle values.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::PerWorker;
    ///
    /// let numbers = PerWorker::new();
    /// let one = numbers.get_or_init(|| 1);
    /// assert_eq!(numbers.len(), 0);
    /// drop(one);
    /// assert_eq!(numbers.len(), 1);
    /// ```
    #[expect(clippy::len_without_is_empty, reason = "a set whose values are all held is not empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        lock(self.idle()).len()
    }

    /// Drops the idle values, and returns how many those were.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::PerWorker;
    ///
    /// let numbers = PerWorker::new();
    /// drop(numbers.get_or_init(|| 1));
    /// assert_eq!((numbers.clear(), numbers.clear()), (1, 0));
    /// ```
    pub fn clear(&self) -> usize {
        self.drain().len()
    }

    /// Takes the idle values out: for a sum over all of them, or for a last step that can fail, such as a flush.
    ///
    /// Values that calls hold stay away, and go back as before: wait for the calls first.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, PerWorker, pooled};
    /// use std::io::{self, BufWriter, Write as _};
    ///
    /// static ROWS: PerWorker<BufWriter<Vec<u8>>> = PerWorker::new();
    ///
    /// #[pooled(workers = 2)]
    /// fn write_row(n: u32) -> io::Result<()> {
    ///     let mut rows = ROWS.get_or_init(|| BufWriter::new(Vec::new()));
    ///     writeln!(rows, "row {n}")
    /// }
    ///
    /// let rows: AsyncList<_> = (0..9).map(write_row).collect();
    /// rows.all_ok().unwrap();
    /// let mut written = 0;
    /// for mut rows in ROWS.drain() {
    ///     rows.flush()?; // the drop of a `BufWriter` hides the error
    ///     written += rows.get_ref().len();
    /// }
    /// assert_eq!(written, 9 * "row n\n".len());
    /// # Ok::<(), io::Error>(())
    /// ```
    #[must_use = "the values are dropped; `clear` says how many those were"]
    pub fn drain(&self) -> Vec<T> {
        std::mem::take(&mut *lock(self.idle()))
    }

    fn idle(&self) -> &Mutex<Vec<T>> {
        self.idle.get_or_init(|| Mutex::new(Vec::new()))
    }
}

impl<T> Default for PerWorker<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for PerWorker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerWorker").field("idle", &self.len()).finish_non_exhaustive()
    }
}

/// A value of a [`PerWorker`] that a call holds.
///
/// Dropping the guard gives the value back; while a panic unwinds, it drops the value.
#[must_use = "the value goes back when the guard is dropped"]
pub struct PerWorkerGuard<'a, T> {
    /// `None` after the value was dropped or given back.
    value: Option<T>,
    home: &'a PerWorker<T>,
}

impl<T> PerWorkerGuard<'_, T> {
    /// Drops the value instead of giving it back: a broken connection, for example.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::PerWorker;
    ///
    /// let numbers = PerWorker::new();
    /// numbers.get_or_init(|| 1).discard();
    /// assert_eq!(numbers.len(), 0);
    /// ```
    pub fn discard(mut self) {
        drop(self.value.take());
    }
}

impl<T> Deref for PerWorkerGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        let Some(value) = &self.value else { unreachable!("a guard has its value until it is dropped") };
        value
    }
}

impl<T> DerefMut for PerWorkerGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        let Some(value) = &mut self.value else { unreachable!("a guard has its value until it is dropped") };
        value
    }
}

impl<T> Drop for PerWorkerGuard<'_, T> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else { return };
        if thread::panicking() {
            discard(value);
        } else {
            lock(self.home.idle()).push(value);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for PerWorkerGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
