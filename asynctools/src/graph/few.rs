//! `Few`: a queue of mostly one entry.

use std::collections::VecDeque;

/// A queue that owns no memory for its first entry. Most calls have one follower, and most ends make one call ready.
pub(crate) struct Few<T> {
    /// The front, but after an extraction.
    first: Option<T>,
    /// `None` where there never was a second entry.
    rest: Option<VecDeque<T>>,
}

impl<T> Few<T> {
    pub(crate) const fn new() -> Self {
        Self { first: None, rest: None }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.as_ref().is_none_or(VecDeque::is_empty)
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.as_ref().map_or(0, VecDeque::len)
    }

    #[inline]
    pub(crate) fn push_back(&mut self, entry: T) {
        if self.is_empty() {
            self.first = Some(entry);
        } else {
            self.rest.get_or_insert_default().push_back(entry);
        }
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        self.first.take().or_else(|| self.rest.as_mut()?.pop_front())
    }

    #[inline]
    pub(crate) fn for_each(mut self, mut f: impl FnMut(T)) {
        while let Some(entry) = self.pop_front() {
            f(entry);
        }
    }

    /// Takes out each entry for which `which` is true.
    pub(crate) fn extract(&mut self, which: impl Fn(&T) -> bool) -> Self {
        let mut out = Self::new();
        std::mem::take(self).for_each(|entry| {
            let queue = if which(&entry) { &mut out } else { &mut *self };
            queue.push_back(entry);
        });
        out
    }

    /// Gives back the memory of an empty queue.
    #[inline]
    pub(crate) fn release(&mut self) {
        self.rest = None;
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::new()
    }
}
