//! Where threads meet: everything of the standard library, and the one queue, through which one of ours can affect another.
//!
//! `tests/model` puts a model checker's things of the same names here, to see that any order of what threads do is right. So
//! all modules import them from here.

pub(crate) use std::hint;
pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::MutexGuard;
pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::AtomicBool;
pub(crate) use std::sync::atomic::AtomicIsize;
pub(crate) use std::sync::atomic::AtomicU8;
pub(crate) use std::sync::atomic::AtomicUsize;
pub(crate) use std::sync::atomic::fence;
pub(crate) use std::thread;
pub(crate) use std::thread::JoinHandle;
pub(crate) use std::thread::Thread;
pub(crate) use std::thread_local;
pub(crate) use std::time::Instant;

pub(crate) use crossbeam_channel::Receiver;
pub(crate) use crossbeam_channel::Sender;
pub(crate) use crossbeam_channel::unbounded;

/// How often to look before parking. To a model one look more is another order of the same events.
pub(crate) const fn turns(looks: u32) -> u32 {
    looks
}
