//! The tag of a call where nobody can watch: nothing, in no bytes.

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::tag::Dropped;

/// The program's code around the calls of a pool, which needs the feature `hooks`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around(());

/// A pool, as the tags of its calls know it.
pub(crate) struct Home;

impl Home {
    #[inline]
    pub(crate) fn new(_name: &str, _around: Around) -> Self {
        Self
    }

    #[inline]
    #[expect(clippy::unused_self, reason = "with a feature that watches, the pool has a name")]
    pub(crate) fn thread_started(&self, _is_spare: impl FnOnce() -> bool) {}

    #[inline]
    #[expect(clippy::unused_self, reason = "with a feature that watches, the pool has a name")]
    pub(crate) fn thread_stops(&self, _is_spare: impl FnOnce() -> bool) {}
}

/// The calls whose results a call takes: nobody asks.
pub(crate) struct Sources(());

/// The tag of one call.
pub(crate) struct Tag;

/// The living part of a tag, taken out with the work of its call.
pub(crate) struct Taken;

#[expect(clippy::unused_self, reason = "with a feature that watches, the tag is more than nothing")]
impl Tag {
    pub(crate) const NONE: Self = Self;

    #[inline]
    pub(crate) fn new(_site: CallSite, _home: &Home, _is_complete: bool, _sources: &dyn Fn(&mut Sources)) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn take(&mut self) -> Taken {
        Taken
    }

    #[inline]
    pub(crate) fn ready(&mut self, _is_late: bool) {}
}

#[expect(clippy::unused_self, reason = "with a feature that watches, the tag is more than nothing")]
impl Taken {
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn end_unrun<T>(self, _site: CallSite, _outcome: &Result<T, TaskError>, _dropped: &mut Dropped) {}

    #[inline]
    pub(crate) fn lose(self, _site: CallSite, _error: &TaskError, _now: bool, _dropped: &mut Dropped) {}
}

#[inline]
pub(crate) fn unwatched_end(_site: CallSite, _error: Option<&TaskError>) {}

/// Whether somebody wants to know whose results a call takes.
#[inline]
pub(crate) const fn wants_sources() -> bool {
    false
}
