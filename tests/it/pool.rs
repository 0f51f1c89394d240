//! Pools at work: who runs, how many at once, in which order, on which threads.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::parallel;
use asynctools::pooled;

use crate::helpers::Census;
use crate::helpers::Gate;
use crate::helpers::Gauge;
use crate::helpers::until;
use crate::helpers::watched;

/// Three times as many calls as workers: so many run, no more, and then the others.
#[test]
fn the_ceiling_is_kept_and_reached() {
    watched(|| {
        for workers in [1, 2, 5, 16] {
            let (pool, gate, gauge) = (Pool::new(workers), Gate::new(), Gauge::new());
            let (at_gate, inside) = (gate.clone(), gauge.clone());
            let calls = pool.map(0..3 * workers, move |_| {
                let _inside = inside.enter();
                at_gate.pass();
            });
            gate.wait_for(workers);
            let stats = pool.stats();
            assert_eq!((stats.workers, stats.running, stats.queued), (workers, workers, 2 * workers));
            gate.open();
            calls.wait();
            assert_eq!((gauge.most(), gauge.now()), (workers, 0));
        }
    });
}

/// No wake-up is lost between rounds: each round ends only when all its calls run at once.
#[test]
fn the_ceiling_is_reached_again_and_again() {
    watched(|| {
        for workers in [2, 4] {
            let pool = Pool::new(workers);
            for _ in 0..500 {
                let all = Arc::new(Barrier::new(workers));
                let calls = pool.map(0..workers, move |_| {
                    all.wait();
                });
                calls.wait();
            }
            assert_eq!(pool.stats().finished, 500 * workers);
        }
    });
}

/// From many threads at once, and while workers come and go.
#[test]
fn the_ceiling_holds_under_load() {
    watched(|| {
        let (pool, gauge) = (Pool::new(3), Gauge::new());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let inside = gauge.clone();
                        let calls = pool.map(0..20, move |n| {
                            let _inside = inside.enter();
                            thread::yield_now();
                            n
                        });
                        assert_eq!(calls.get().len(), 20);
                    }
                });
            }
        });
        assert_eq!(gauge.most(), 3);
        assert_eq!(pool.stats().finished, 4_000);
    });
}

#[test]
fn calls_start_in_the_order_they_came() {
    watched(|| {
        let (pool, gate, order) = (Pool::new(1), Gate::new(), Arc::new(Mutex::new(Vec::new())));
        let at_gate = gate.clone();
        let first = pool.spawn(move || at_gate.pass());
        let seen = order.clone();
        let calls = pool.map(0..100, move |n| seen.lock().expect("nobody panics with it").push(n));
        gate.open();
        calls.wait();
        first.wait();
        assert_eq!(*order.lock().expect("nobody panics with it"), (0..100).collect::<Vec<_>>());
    });
}

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn threads_have_names() {
    #[pooled(workers = 2)]
    fn fetch(_n: u8) -> String {
        thread_name()
    }
    #[parallel]
    fn at_once() -> String {
        thread_name()
    }
    #[pooled]
    fn on_the_default_pool() -> String {
        thread_name()
    }
    watched(|| {
        let named = |name: &str, prefix: &str| {
            let number = name.strip_prefix(prefix).and_then(|number| number.parse::<u32>().ok());
            assert!(number.is_some_and(|number| number > 0), "`{name}` is not {prefix}N");
        };
        assert_eq!(fetch(1).get(), "fetch-1");
        let pool = Pool::builder().workers(2).name("db").build().expect("nothing to refuse");
        let both = Arc::new(Barrier::new(2));
        let mut both_names = pool.map(0..2, move |_| (both.wait(), thread_name()).1).get();
        both_names.sort();
        assert_eq!(both_names, ["db-1", "db-2"]);
        named(&at_once().get(), "parallel-");
        named(&on_the_default_pool().get(), "asynctools-");
        named(&Pool::new(1).spawn(thread_name).get(), "pool-");
    });
}

#[test]
fn a_pool_may_be_static() {
    static SHARED: Pool = Pool::new(2);
    #[pooled(pool = SHARED)]
    fn one() -> u32 {
        1
    }
    #[pooled(pool = SHARED)]
    fn two() -> u32 {
        2
    }
    watched(|| {
        assert_eq!(one().get() + two().get() + SHARED.spawn(|| 3).get(), 6);
        assert_eq!((SHARED.workers(), SHARED.stats().finished), (2, 3));
    });
}

#[test]
fn the_default_pool() {
    watched(|| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        assert_eq!(Pool::global().workers(), 32.min(cores + 4));
        assert!(std::ptr::eq(Pool::global(), Pool::global()));
        assert_eq!(Pool::builder().build().expect("nothing to refuse").workers(), Pool::global().workers());
        assert_eq!(Pool::global().spawn(|| 5).get(), 5);
    });
}

#[test]
fn the_builder_says_which_field_and_why() {
    let refused = |builder: asynctools::PoolBuilder| {
        let error = builder.build().expect_err("refused");
        assert!(error.to_string().starts_with(&format!("`{}`: ", error.field())), "{error}");
        error.field()
    };
    assert_eq!(refused(Pool::builder().queue(0)), "queue");
    assert_eq!(refused(Pool::builder().on_full(OnFull::Reject)), "on_full");
    assert_eq!(refused(Pool::builder().stack_size(0)), "stack_size");
    assert_eq!(refused(Pool::builder().name("a\0b")), "name");
}

#[test]
fn spawn_and_map() {
    watched(|| {
        let pool = Pool::new(2);
        assert_eq!(pool.map(["a", "bc", ""], str::len).get(), [1, 2, 0]);
        assert!(pool.map(Vec::<u8>::new(), |n| n).is_empty());
        let text = String::from("moved in");
        assert_eq!(pool.spawn(move || text).get(), "moved in");
    });
}

#[test]
fn stats_at_rest_are_exact() {
    watched(|| {
        let (pool, gate) = (Pool::new(3), Gate::new());
        assert_eq!(pool.stats().workers, 3);
        let at_gate = gate.clone();
        let calls = pool.map(0..7, move |n| {
            at_gate.pass();
            assert!(n != 6, "no luck");
        });
        let cancelled = pool.spawn(|| ());
        assert!(cancelled.cancel());
        gate.wait_for(3);
        let stats = pool.stats();
        assert_eq!((stats.running, stats.blocked, stats.queued, stats.idle, stats.spares), (3, 0, 4, 0, 0));
        assert_eq!((stats.finished, stats.panicked, stats.cancelled), (0, 0, 1));
        gate.open();
        calls.wait();
        // A call has ended for its waiter a moment before its worker is idle.
        until("the workers are idle", || pool.stats().idle == 3);
        let stats = pool.stats();
        assert_eq!((stats.running, stats.blocked, stats.queued, stats.spares), (0, 0, 0, 0));
        assert_eq!((stats.finished, stats.panicked, stats.cancelled), (7, 1, 1));
    });
}

/// The end of a call is counted before anybody hears of it.
#[test]
fn stats_never_lag_behind_a_get() {
    watched(|| {
        let pool = Pool::new(2);
        for n in 1..=1_000 {
            pool.spawn(|| ()).get();
            assert_eq!(pool.stats().finished, n);
        }
    });
}

#[test]
fn stats_under_load_are_sensible() {
    watched(|| {
        let (pool, gate) = (Pool::new(3), Gate::new());
        let at_gate = gate.clone();
        let calls: AsyncList<_> = pool.map(0..5_000, move |n| {
            if n == 4_999 {
                at_gate.pass();
            }
        });
        while gate.arrived() == 0 {
            let stats = pool.stats();
            assert!(stats.running <= 3 && stats.blocked == 0 && stats.queued <= 5_000, "{stats:?}");
            assert!(stats.finished < 5_000 && stats.cancelled == 0, "{stats:?}");
        }
        gate.open();
        calls.wait();
        assert_eq!((pool.stats().finished, pool.stats().queued), (5_000, 0));
    });
}

#[test]
fn a_thread_starts_only_when_it_is_needed() {
    watched(|| {
        let (pool, census) = (Pool::new(1000), Census::new());
        assert_eq!(pool.stats().idle, 0);
        for _ in 0..100 {
            let seen = census.clone();
            pool.spawn(move || seen.note()).get();
            until("the worker is idle again", || pool.stats().running == 0);
        }
        // Now and then a worker is held up between the end of its call and its next look at the queue.
        assert!(census.most() < 50, "{} threads for 100 calls, one at a time", census.most());
    });
}

#[test]
fn a_worker_over_its_idle_time_leaves() {
    watched(|| {
        let built = Pool::builder().workers(4).idle_timeout(Duration::from_millis(20)).build();
        let (pool, census) = (built.expect("nothing to refuse"), Census::new());
        for _ in 0..3 {
            let (seen, all) = (census.clone(), Arc::new(Barrier::new(4)));
            let calls = pool.map(0..4, move |_| {
                seen.note();
                all.wait();
            });
            calls.wait();
            until("the idle threads are gone", || census.now() == 0 && pool.stats().idle == 0);
        }
        assert_eq!((census.most(), pool.stats().finished), (4, 12));
    });
}

#[test]
fn a_stack_of_any_size() {
    #[inline(never)]
    #[expect(clippy::large_stack_arrays, reason = "a stack is what this fills")]
    fn deep(bytes: usize) -> usize {
        let frame = std::hint::black_box([0_u8; 64 * 1024]);
        if bytes < frame.len() { frame.len() } else { frame.len() + deep(bytes - frame.len()) }
    }
    watched(|| {
        let pool = Pool::builder().workers(1).stack_size(64 << 20).build().expect("nothing to refuse");
        assert!(pool.spawn(|| deep(6 << 20)).get() > 6 << 20);
    });
}

#[test]
fn parallel_calls_run_all_at_once() {
    #[parallel]
    fn meet(all: Arc<Barrier>) {
        all.wait();
    }
    watched(|| {
        for _ in 0..3 {
            let all = Arc::new(Barrier::new(100));
            let calls: AsyncList<()> = (0..100).map(|_| meet(all.clone())).collect();
            calls.wait();
        }
    });
}

#[test]
fn parallel_calls_use_a_thread_again() {
    watched(|| {
        let ids: HashSet<_> = (0..200).map(|_| asynctools::parallel(|| thread::current().id()).get()).collect();
        assert!(ids.len() < 100, "{} threads for 200 calls, one after the other", ids.len());
    });
}

/// A call of `#[parallel]` that waits for another does not run it: each has its thread for itself.
#[test]
fn a_parallel_call_has_its_thread_alone() {
    watched(|| {
        let (outer, inner) = asynctools::parallel(|| {
            let inner = asynctools::parallel(|| thread::current().id());
            (thread::current().id(), inner.get())
        })
        .get();
        assert_ne!(outer, inner);
        let after: AsyncValue<bool> = asynctools::parallel(thread_name).map(|name| name == thread_name());
        after.wait();
    });
}

/// `map` and its like run on the pool of the call that they follow.
#[test]
fn what_follows_runs_where_it_ran() {
    watched(|| {
        let pool = Pool::builder().workers(1).name("here").build().expect("nothing to refuse");
        assert!(pool.spawn(|| ()).map(|()| thread_name()).get().starts_with("here-"));
        assert!(pool.spawn(|| ()).chain(thread_name).get().starts_with("here-"));
        assert!(pool.map(0..3, |n| n).map(|_| thread_name()).get().starts_with("here-"));
        let zipped = pool.spawn(|| ()).zip(asynctools::parallel(|| ()));
        assert!(zipped.map(|_| thread_name()).get().starts_with("here-"));
        assert!(asynctools::parallel(|| ()).map(|()| thread_name()).get().starts_with("parallel-"));
        assert!(AsyncValue::ready(()).map(|()| thread_name()).get().starts_with("asynctools-"));
    });
}

struct Guarded {
    pool: Mutex<Pool>,
}

impl Guarded {
    #[pooled(pool = self.pool.lock().unwrap())]
    fn finds_no_guard(self) -> bool {
        self.pool.try_lock().is_ok()
    }
}

/// A guard that lends the pool borrows from the receiver, which moves into the call.
#[test]
fn a_guard_of_the_receiver_lends_the_pool() {
    let guarded = Guarded { pool: Mutex::new(Pool::new(1)) };
    assert!(guarded.finds_no_guard().get(), "the guard was dropped before the call");
}
