//! How a call ended, in one word.

use crate::error::TaskError;

/// How a call ended: in the label of a metric, and in a picture.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "trace")] {
/// use asynctools::{Pool, trace::{Ending, Recording}};
///
/// let recording = Recording::start().unwrap();
/// let pool = Pool::new(0);
/// assert!(pool.spawn(|| 5).cancel());
/// assert_eq!(recording.stop().calls()[0].ending, Ending::Cancelled);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(not(feature = "trace"), expect(unreachable_pub, reason = "pictures show it"))]
pub enum Ending {
    /// The function returned.
    Returned,
    /// The function panicked, or the code around the function.
    Panicked,
    /// An argument failed: the call never ran, and passed the error on.
    PassedOn,
    /// A call that this one needed was lost, so this one never ran.
    Upstream,
    /// Cancelled before the start.
    Cancelled,
    /// Refused: the queue was full, or the code around the call did not run the call.
    Rejected,
    /// The pool was closed before the start.
    Closed,
    /// Lost in another way: the system refused a thread, say.
    Lost,
}

impl Ending {
    /// All endings, each at the place of its number.
    #[cfg(feature = "metrics")]
    pub(crate) const ALL: [Self; 8] = [
        Self::Returned,
        Self::Panicked,
        Self::PassedOn,
        Self::Upstream,
        Self::Cancelled,
        Self::Rejected,
        Self::Closed,
        Self::Lost,
    ];

    /// Returns the ending of a call that `ran`, or did not, and was lost by `error`, or was not.
    pub(crate) fn of(error: Option<&TaskError>, ran: bool) -> Self {
        match error {
            None if ran => Self::Returned,
            None => Self::PassedOn,
            Some(error) => Self::of_loss(error),
        }
    }

    fn of_loss(error: &TaskError) -> Self {
        match error {
            TaskError::Panicked(_) => Self::Panicked,
            TaskError::Upstream(_) => Self::Upstream,
            TaskError::Cancelled => Self::Cancelled,
            TaskError::Rejected => Self::Rejected,
            TaskError::Closed => Self::Closed,
            _ => Self::Lost,
        }
    }

    /// Returns the word for the ending: `returned`, `panicked`, `passed_on`, `upstream`, `cancelled`, `rejected`, `closed` or
    /// `lost`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "trace")]
    /// assert_eq!(asynctools::trace::Ending::PassedOn.as_str(), "passed_on");
    /// ```
    #[must_use]
    #[cfg_attr(not(feature = "trace"), expect(unreachable_pub, reason = "pictures show it"))]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Panicked => "panicked",
            Self::PassedOn => "passed_on",
            Self::Upstream => "upstream",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Closed => "closed",
            Self::Lost => "lost",
        }
    }
}
