//! The pool of a call, and two flags, in 8 bytes.

use std::sync::atomic::Ordering;

use crate::graph::traits::PoolId;
use crate::sync::AtomicBool;

// Implementation
//
// Every call has these, and a million waiting calls should be small. So a call keeps 48 bits of the number of its pool, which stand
// beside the flags. At a pool each microsecond they last for nine years.

/// The part of a call outside of the lock.
pub(crate) struct Head {
    done: AtomicBool,
    wanted: AtomicBool,
    pool_high: u16,
    pool_low: u32,
}

impl Head {
    #[expect(clippy::cast_possible_truncation, reason = "the parts of a number are cut out of it")]
    #[inline]
    pub(crate) fn new(is_done: bool, PoolId(pool): PoolId) -> Self {
        let (pool_high, pool_low) = ((pool >> 32) as u16, pool as u32);
        Self { done: AtomicBool::new(is_done), wanted: AtomicBool::new(true), pool_high, pool_low }
    }

    /// Returns the pool of the call, and of calls that follow the call.
    #[inline]
    pub(crate) fn pool(&self) -> PoolId {
        PoolId((u64::from(self.pool_high) << 32) | u64::from(self.pool_low))
    }

    /// Whether the call has ended. The end is stored before.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn set_done(&self) {
        self.done.store(true, Ordering::Release);
    }

    /// Whether somebody has a handle. Under the lock the flag would make a call 8 bytes larger; it is written and read by those who
    /// have the lock.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set_unwanted(&self) {
        self.wanted.store(false, Ordering::Relaxed);
    }
}
