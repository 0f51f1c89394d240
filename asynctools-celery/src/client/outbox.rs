//! `Outbox`: the calls of a client that wait to be sent. If it is full, callers wait.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::client::call::Call;

/// How many calls are sent together at most.
const BATCH: usize = 100;

thread_local! {
    static OF_A_CLIENT: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread is one of a client's. It runs callers' closures, and never waits for a sender: it may be the sender, or
/// the sender may wait for it.
pub(crate) fn never_waits() {
    OF_A_CLIENT.set(true);
}

/// A call and its number. The pending calls have the closure for its end.
pub(crate) struct Queued {
    pub(crate) number: u64,
    pub(crate) call: Call,
}

#[derive(Default)]
struct Calls {
    queued: VecDeque<Queued>,
    /// How many the sender has taken and not sent.
    sending: usize,
    closed: bool,
}

pub(crate) struct Outbox {
    calls: Mutex<Calls>,
    bound: usize,
    filled: Condvar,
    emptied: Condvar,
}

impl Outbox {
    pub(crate) fn new(bound: usize) -> Self {
        Self { calls: Mutex::default(), bound, filled: Condvar::new(), emptied: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a call into the queue. Blocks while the queue is full, but no thread of a client.
    pub(crate) fn push(&self, queued: Queued) {
        let mut calls = self.lock();
        while calls.queued.len() >= self.bound && !OF_A_CLIENT.get() {
            calls = self.emptied.wait(calls).unwrap_or_else(PoisonError::into_inner);
        }
        calls.queued.push_back(queued);
        let is_first = calls.queued.len() == 1;
        // The sender finds the lock open when it wakes up.
        drop(calls);
        if is_first {
            self.filled.notify_one();
        }
    }

    /// Takes a call out again. `None` where the sender has it.
    pub(crate) fn take_back(&self, number: u64) -> Option<Queued> {
        let mut calls = self.lock();
        let at = calls.queued.iter().rposition(|queued| queued.number == number)?;
        let queued = calls.queued.remove(at);
        self.emptied.notify_all();
        queued
    }

    /// Blocks until there are calls, and takes them. `None` when the client is closed and all calls are sent.
    pub(crate) fn take(&self) -> Option<VecDeque<Queued>> {
        let mut calls = self.lock();
        calls.sending = 0;
        if calls.queued.is_empty() {
            self.emptied.notify_all();
        }
        while calls.queued.is_empty() {
            if calls.closed {
                return None;
            }
            calls = self.filled.wait(calls).unwrap_or_else(PoisonError::into_inner);
        }
        let batch = self.first(&mut calls, BATCH);
        calls.sending = batch.len();
        Some(batch)
    }

    /// Takes the first calls, which are as many at most.
    pub(crate) fn take_first(&self, count: usize) -> VecDeque<Queued> {
        self.first(&mut self.lock(), count)
    }

    fn first(&self, calls: &mut Calls, count: usize) -> VecDeque<Queued> {
        let rest = calls.queued.len().min(count);
        let rest = calls.queued.split_off(rest);
        self.emptied.notify_all();
        std::mem::replace(&mut calls.queued, rest)
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().queued.len()
    }

    /// Blocks until every call is sent or has failed, but no thread of a client.
    pub(crate) fn flush(&self) {
        let mut calls = self.lock();
        while !OF_A_CLIENT.get() && (!calls.queued.is_empty() || calls.sending > 0) {
            calls = self.emptied.wait(calls).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }
}
