//! The queue of a pool.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::graph::traits::Job;
use crate::panics::lock;
use crate::sync::AtomicBool;
use crate::sync::AtomicIsize;
use crate::sync::AtomicUsize;
use crate::sync::Mutex;
use crate::sync::Receiver;
use crate::sync::Sender;
use crate::sync::turns;
use crate::sync::unbounded;

/// Alone in its cache lines, since the others of the pool are written all the time.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// Calls ready to run, in the order of their turns.
///
/// A call run before its turn, or cancelled, leaves a tombstone: the entry stays without a call to run. Tombstones are
/// counted, skipped, and swept out when there are many.
pub(crate) struct Queue {
    sender: Sender<Arc<dyn Job>>,
    receiver: Receiver<Arc<dyn Job>>,
    /// Calls taken out of the channel and given back. These come before the calls in the channel.
    front: Mutex<VecDeque<Arc<dyn Job>>>,
    has_front: Padded<AtomicBool>,
    /// Below zero for a moment when an entry is taken out before its count.
    tombstones: Padded<AtomicIsize>,
    /// Threads that take entries out together, before they have given back what stays, and said how many of the others were
    /// tombstones.
    holders: AtomicUsize,
}

/// How often a thread counts the calls in a queue while others take tombstones out.
const LOOKS: u32 = turns(16);
/// Of fewer tombstones than these a queue is not swept.
const SWEEP: usize = 1024;

impl Queue {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = unbounded();
        Self {
            sender,
            receiver,
            front: Mutex::default(),
            has_front: Padded::default(),
            tombstones: Padded::default(),
            holders: AtomicUsize::new(0),
        }
    }

    pub(crate) fn push(&self, job: Arc<dyn Job>) {
        let Ok(()) = self.sender.send(job) else { unreachable!("the queue holds the other end") };
    }

    /// Gives back a taken call which may not start yet.
    pub(crate) fn push_front(&self, job: Arc<dyn Job>) {
        let mut front = lock(&self.front);
        front.push_front(job);
        self.has_front.0.store(true, Ordering::SeqCst);
    }

    /// Whether calls stand before the channel.
    pub(crate) fn has_front(&self) -> bool {
        self.has_front.0.load(Ordering::SeqCst)
    }

    /// Takes the next entry of the channel, which is the next call unless there is a front.
    pub(crate) fn pop_back(&self) -> Option<Arc<dyn Job>> {
        self.receiver.try_recv().ok()
    }

    /// Whether calls stand before the channel, or another thread has entries out and may put some of them there.
    fn may_have_front(&self) -> bool {
        self.holders.load(Ordering::SeqCst) > 0 || self.has_front()
    }

    /// Takes the next entry.
    pub(crate) fn pop(&self) -> Option<Arc<dyn Job>> {
        if self.may_have_front() {
            let mut front = lock(&self.front);
            let job = front.pop_front();
            if front.is_empty() {
                self.has_front.0.store(false, Ordering::SeqCst);
            }
            if job.is_some() {
                return job;
            }
        }
        self.pop_back()
    }

    /// The entries before the channel. Waits for a thread that has entries out: nobody else wakes a worker for what it gives back.
    fn front_len(&self) -> usize {
        if self.may_have_front() { lock(&self.front).len() } else { 0 }
    }

    /// The entries, tombstones included. Approximate, because others add and take entries in the meantime.
    pub(crate) fn len(&self) -> usize {
        // The channel first: what was taken out of it before this look is seen in front.
        self.receiver.len() + self.front_len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.receiver.is_empty() && self.front_len() == 0
    }

    /// Returns the number of entries with a call to run.
    pub(crate) fn live(&self) -> usize {
        let mut before = self.tombstones();
        for _ in 0..LOOKS {
            let (len, tombstones) = (self.len(), self.tombstones());
            // Else a worker was taking tombstones out: entries of before would be counted without them.
            if tombstones == before {
                return len.saturating_sub(tombstones);
            }
            before = tombstones;
        }
        self.len().saturating_sub(before)
    }

    /// Whether there is no call to run, exact while no worker takes one.
    pub(crate) fn is_idle(&self) -> bool {
        self.holders.load(Ordering::SeqCst) == 0 && self.live() == 0
    }

    /// An entry has become a tombstone.
    ///
    /// Returns whether a sweep may be due.
    pub(crate) fn bury(&self) -> bool {
        self.tombstones.0.fetch_add(1, Ordering::Relaxed) >= SWEEP.cast_signed()
    }

    /// A tombstone was taken out.
    pub(crate) fn unearth(&self) {
        self.tombstones.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn tombstones(&self) -> usize {
        usize::try_from(self.tombstones.0.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Takes out the present entries for which `which` is true, tombstones included. The caller unearths those, and then
    /// says [`put_down`](Self::put_down).
    pub(crate) fn take_out(&self, mut which: impl FnMut(&dyn Job) -> bool) -> Vec<Arc<dyn Job>> {
        self.holders.fetch_add(1, Ordering::SeqCst);
        let mut front = lock(&self.front);
        let mut all: Vec<_> = front.drain(..).collect();
        all.extend(self.receiver.try_iter().take(self.receiver.len()));
        let (out, stay): (Vec<_>, Vec<_>) = all.into_iter().partition(|job| which(&**job));
        front.extend(stay);
        self.has_front.0.store(!front.is_empty(), Ordering::SeqCst);
        out
    }

    /// The tombstones among the entries that this thread took out are counted.
    pub(crate) fn put_down(&self) {
        self.holders.fetch_sub(1, Ordering::SeqCst);
    }

    /// Takes out the tombstones if they are many, and the greater part of the queue.
    pub(crate) fn sweep(&self) -> Vec<Arc<dyn Job>> {
        let tombstones = self.tombstones();
        if tombstones < SWEEP || tombstones * 2 < self.len() {
            return Vec::new();
        }
        let swept = self.take_out(|job| !job.is_queued());
        self.tombstones.0.fetch_sub(isize::try_from(swept.len()).unwrap_or(isize::MAX), Ordering::Relaxed);
        self.put_down();
        swept
    }
}
