//! The threads of a pool: their names, and what they do before the first call and after the last.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use asynctools::Pool;

use crate::helpers::until;
use crate::helpers::watched;

static DISK: Pool = Pool::named("disk", 2);

fn name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn a_static_pool_has_a_name() {
    watched(|| {
        assert!(["disk-1", "disk-2"].contains(&DISK.spawn(name).get().as_str()));
        assert_eq!(Pool::new(1).spawn(name).get(), "pool-1");
        assert_eq!((Pool::named("disk", 0).workers(), Pool::named("", 3).workers()), (0, 3));
        assert!(format!("{DISK:?}").contains("disk"));
    });
}

#[test]
#[should_panic(expected = "the name of a thread cannot contain a zero byte")]
fn a_name_without_an_end() {
    let _ = Pool::named("a\0b", 1);
}

#[derive(Clone, Default)]
struct Counted {
    started: Arc<AtomicUsize>,
    stopped: Arc<AtomicUsize>,
}

impl Counted {
    /// So many threads have started, and stopped.
    fn now(&self) -> (usize, usize) {
        (self.started.load(Ordering::SeqCst), self.stopped.load(Ordering::SeqCst))
    }
}

thread_local! {
    static READY: Cell<bool> = const { Cell::new(false) };
}

/// Every thread, the spare of a wait too, starts once and stops once.
#[test]
fn hooks_run_on_every_thread() {
    watched(|| {
        let counted = Counted::default();
        let (starts, stops) = (counted.clone(), counted.clone());
        let pool = Pool::builder().workers(1).max_blocked(4);
        let pool = pool.on_thread_start(move || {
            READY.set(true);
            starts.started.fetch_add(1, Ordering::SeqCst);
        });
        let pool = pool.on_thread_stop(move || {
            assert!(READY.get(), "it is the same thread");
            stops.stopped.fetch_add(1, Ordering::SeqCst);
        });
        let pool = Arc::new(pool.build().expect("a pool"));
        assert_eq!(counted.now(), (0, 0), "no thread has started");
        let inner = pool.clone();
        let on_spare = pool.spawn(move || {
            let call = inner.spawn(|| READY.get());
            // A wait with a time limit runs nothing on its own stack.
            assert!(READY.get() && call.wait_timeout(Duration::from_secs(600)));
            call.get()
        });
        assert!(on_spare.get());
        assert_eq!(counted.now().0, 2, "a worker and a spare");
        pool.close();
        assert_eq!(counted.now(), (2, 2));
    });
}

#[test]
fn a_worker_that_leaves_for_idleness_stops() {
    watched(|| {
        let counted = Counted::default();
        let stops = counted.clone();
        let pool = Pool::builder().workers(1).idle_timeout(Duration::from_millis(1));
        let pool = pool
            .on_thread_stop(move || {
                stops.stopped.fetch_add(1, Ordering::SeqCst);
            })
            .build();
        let pool = pool.expect("a pool");
        assert_eq!(pool.spawn(|| 5).get(), 5);
        until("it has left", || counted.now().1 == 1);
    });
}

#[test]
fn a_panic_of_a_hook_changes_nothing() {
    watched(|| {
        let pool = Pool::builder().workers(2).on_thread_start(|| panic!("at the start"));
        let pool = pool.on_thread_stop(|| panic!("at the end")).build().expect("a pool");
        assert_eq!(pool.map(0..100, |n| n).get().len(), 100);
        assert_eq!(pool.stats().panicked, 0);
        pool.close();
    });
}

/// A hook may use other pools, and wait for them.
#[test]
fn a_hook_that_waits() {
    watched(|| {
        let other = Arc::new(Pool::new(1));
        let (first, last) = (other.clone(), other.clone());
        let pool = Pool::builder().workers(1).on_thread_start(move || assert_eq!(first.spawn(|| 1).get(), 1));
        let pool = pool.on_thread_stop(move || assert_eq!(last.spawn(|| 2).get(), 2)).build().expect("a pool");
        assert_eq!(pool.spawn(|| 5).get(), 5);
        pool.close();
        assert_eq!(other.stats().finished, 2);
    });
}
