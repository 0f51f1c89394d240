//! Calls that wait for calls: on pools of one, two and three workers, at any depth, never a deadlock.

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::LazyLock;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::pooled;

use crate::helpers::Census;
use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::Gauge;
use crate::helpers::Inside;
use crate::helpers::until;
use crate::helpers::watched;

/// A pool whose calls say when they run and when they wait.
#[derive(Clone)]
struct Site {
    pool: Arc<Pool>,
    gauge: Gauge,
    census: Census,
}

impl Site {
    fn new(workers: usize) -> Self {
        Self { pool: Arc::new(Pool::new(workers)), gauge: Gauge::new(), census: Census::new() }
    }

    fn enter(&self) -> Inside {
        self.census.note();
        self.gauge.enter()
    }

    /// The ceiling was kept exactly, and it took no more threads than that.
    fn check(self, what: &str, threads: usize) {
        let workers = self.pool.workers();
        println!("{what} on {workers}: {} threads", self.census.most());
        assert!(self.gauge.most() <= workers, "{what}: {} calls ran at once on {workers}", self.gauge.most());
        assert!(self.census.most() <= threads, "{what}: {} threads on {workers}", self.census.most());
        let stats = self.pool.stats();
        assert_eq!((stats.queued, stats.blocked), (0, 0), "{what}: {stats:?}");
    }

    #[pooled(pool = self.pool)]
    fn fib(&self, n: u32) -> u64 {
        let inside = self.enter();
        if n < 2 {
            return n.into();
        }
        let ((left, right), _inside) = Gauge::away(inside, || {
            let (left, right) = (self.fib(n - 1), self.fib(n - 2));
            (left.get(), right.get())
        });
        left + right
    }

    /// Each call waits for the next.
    #[pooled(pool = self.pool)]
    fn count_down(&self, n: u32) -> u32 {
        let inside = self.enter();
        if n == 0 {
            return 0;
        }
        let (rest, _inside) = Gauge::away(inside, || self.count_down(n - 1).get());
        rest + 1
    }

    /// The same with frames that no counted limit would allow for.
    #[pooled(pool = self.pool)]
    #[expect(clippy::large_stack_arrays, reason = "a stack is what this fills")]
    fn fat(&self, n: u32) -> usize {
        let inside = self.enter();
        let frame = std::hint::black_box([1_u8; 100_000]);
        if n == 0 {
            return 0;
        }
        let (rest, _inside) = Gauge::away(inside, || self.fat(n - 1).get());
        rest + usize::from(frame[rest])
    }

    #[pooled(pool = self.pool)]
    fn sum(&self, terms: Vec<u32>) -> u32 {
        let _inside = self.enter();
        terms.into_iter().sum()
    }
}

#[test]
fn fib_waits_for_both_its_calls() {
    watched(|| {
        for workers in 1..=3 {
            let site = Site::new(workers);
            assert_eq!(site.fib(22).get(), 17_711);
            site.check("fib(22)", 40);
        }
    });
}

#[test]
fn a_chain_of_waits() {
    watched(|| {
        for workers in 1..=3 {
            let site = Site::new(workers);
            assert_eq!(site.count_down(10_000).get(), 10_000);
            site.check("10,000 waits deep", 200);
        }
    });
}

#[test]
fn a_chain_of_waits_in_fat_frames() {
    watched(|| {
        for workers in 1..=3 {
            let site = Site::new(workers);
            assert_eq!(site.fat(200).get(), 200);
            site.check("200 waits deep, 100 kB each", 200);
        }
    });
}

#[test]
fn two_pools_wait_for_each_other() {
    fn ring(sites: Arc<[Site; 2]>, n: usize) -> AsyncValue<usize> {
        let site = sites[n % 2].clone();
        let pool = site.pool.clone();
        pool.spawn(move || {
            let inside = site.enter();
            if n == 0 {
                return 0;
            }
            Gauge::away(inside, || ring(sites, n - 1).get()).0 + 1
        })
    }
    watched(|| {
        for workers in 1..=3 {
            let sites = Arc::new([Site::new(workers), Site::new(workers)]);
            assert_eq!(ring(sites.clone(), 1_000).get(), 1_000);
            for site in &*sites {
                site.clone().check("two pools, 1,000 waits deep", 502);
            }
        }
    });
}

/// What is awaited needs a call that stands behind others in the queue.
#[test]
fn dataflow_whose_argument_is_queued() {
    watched(|| {
        for workers in 1..=3 {
            let site = Site::new(workers);
            let inner = site.clone();
            let call = site.pool.spawn(move || {
                let inside = inner.enter();
                let before = inner.pool.map(0..50, |n| n);
                let parts: AsyncList<_> = (0..10).map(|_| inner.count_down(3)).collect();
                let behind = inner.pool.map(0..50, |n| n);
                let total = inner.sum(parts).map(|sum| sum + 1);
                let (total, _inside) = Gauge::away(inside, || total.get());
                (total, before, behind)
            });
            let (total, before, behind) = call.get();
            assert_eq!((total, before.get().len(), behind.get().len()), (31, 50, 50));
            site.check("dataflow behind others", 30);
        }
    });
}

/// Each way to wait for many, in a call, for calls that wait themselves.
#[test]
fn waits_for_many() {
    type Wait = fn(AsyncList<u32>) -> usize;
    const WAITS: [(&str, Wait); 8] = [
        ("get", |list| list.get().len()),
        ("outcomes", |list| list.outcomes().len()),
        ("wait", |list| {
            list.wait();
            list.len()
        }),
        ("as_completed", |list| list.as_completed().filter(|(_, outcome)| outcome.is_ok()).count()),
        ("first", |list| list.first().map_or(0, |_| 20)),
        ("get_timeout", |list| list.get_timeout(Duration::from_secs(50)).map_or(0, |all| all.len())),
        ("first_timeout", |list| list.first_timeout(Duration::from_secs(50)).ok().flatten().map_or(0, |_| 20)),
        ("one by one", |list| list.into_iter().rev().map(AsyncValue::get).count()),
    ];
    watched(|| {
        for workers in 1..=3 {
            for (name, wait) in WAITS {
                let site = Site::new(workers);
                let inner = site.clone();
                let calls = site.pool.map(0..5, move |_| {
                    let inside = inner.enter();
                    let list = (0..20).map(|n| inner.count_down(n)).collect();
                    Gauge::away(inside, || wait(list)).0
                });
                assert_eq!(calls.get(), [20; 5], "{name}");
                until("the rest of a race has ended", || site.gauge.now() == 0 && site.pool.stats().queued == 0);
                site.check(name, 100);
            }
        }
    });
}

/// Eight calls wait for what one thread outside sets: none of them counts, and all come back.
#[test]
fn waits_for_a_promise() {
    watched(|| {
        let pool = Pool::new(2);
        let (promise, value) = AsyncValue::promise();
        let shared = value.shared();
        let calls = pool.map(0..8, move |n| shared.get() + n);
        until("all wait", || pool.stats().blocked == 8);
        let stats = pool.stats();
        assert_eq!((stats.running, stats.queued), (0, 0), "{stats:?}");
        // The pool is free meanwhile.
        assert_eq!(pool.spawn(|| 5).get(), 5);
        promise.set(1);
        assert_eq!(calls.get(), (1..9).collect::<Vec<_>>());
        until("the spares have left", || pool.stats().spares == 0);
        assert_eq!(pool.stats().idle, 2);
    });
}

/// Ten calls of four levels, all at once. The ceiling is kept to the call, and reached as long as there are calls: a leaf ends
/// only together with as many others as there are workers.
#[test]
fn the_ceiling_under_nested_waits() {
    fn work(site: Site, leaves: Arc<Barrier>, levels: u32) -> AsyncValue<u32> {
        let pool = site.pool.clone();
        pool.spawn(move || {
            let inside = site.enter();
            if levels == 0 {
                leaves.wait();
                return 1;
            }
            let below: AsyncList<_> = (0..3).map(|_| work(site.clone(), leaves.clone(), levels - 1)).collect();
            Gauge::away(inside, || below.get()).0.into_iter().sum()
        })
    }
    watched(|| {
        for workers in 1..=3 {
            let (site, leaves) = (Site::new(workers), Arc::new(Barrier::new(workers)));
            let calls: AsyncList<_> = (0..10).map(|_| work(site.clone(), leaves.clone(), 4)).collect();
            assert_eq!(calls.get(), [81; 10]);
            site.check("10 x 81 calls", 100);
        }
    });
}

/// A waiter that runs what it awaits leaves nothing behind: not in the queue, and not of its results.
#[test]
fn inline_runs_leave_nothing_behind() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        let inner = pool.clone();
        let call = pool.spawn(move || {
            for _ in 0..10_000 {
                let drops = DropCounter::new();
                let token = drops.token();
                let awaited = inner.spawn(move || token);
                awaited.wait();
                drop(awaited);
                assert_eq!(drops.count(), 1, "kept by its entry in the queue");
            }
            inner.stats()
        });
        let stats = call.get();
        assert_eq!((stats.queued, stats.finished, stats.running), (0, 10_000, 1));
    });
}

/// A spare runs the awaited call before its turn, so that it is in the queue still when nobody wants its result any more.
#[test]
fn an_unwanted_result_is_dropped_at_once() {
    watched(|| {
        let (pool, gate, drops) = (Arc::new(Pool::new(1)), Gate::new(), DropCounter::new());
        let (inner, token) = (pool.clone(), drops.token());
        let call = pool.spawn(move || {
            let at_gate = gate.clone();
            let awaited = inner.spawn(move || {
                at_gate.pass();
                token
            });
            while gate.arrived() == 0 {
                assert!(!awaited.wait_timeout(Duration::from_millis(5)));
            }
            drop(awaited);
            gate.open();
            until("the result is dropped", || drops.count() == 1);
        });
        call.get();
    });
}

/// A wait inside a call is seen: blocked while it lasts, running before and after.
#[test]
fn stats_tell_who_waits() {
    watched(|| {
        let (pool, gate) = (Pool::new(2), Gate::new());
        let (promise, value) = AsyncValue::promise();
        let at_gate = gate.clone();
        let call = pool.spawn(move || {
            let value: u32 = value.get();
            at_gate.pass();
            value
        });
        until("it waits", || pool.stats().blocked == 1);
        assert_eq!(pool.stats().running, 0);
        promise.set(5);
        gate.wait_for(1);
        assert_eq!((pool.stats().running, pool.stats().blocked), (1, 0));
        gate.open();
        assert_eq!(call.get(), 5);
    });
}

static ONE: LazyLock<Pool> = LazyLock::new(|| Pool::new(1));

/// The readme's shape: a function that calls itself and waits, on one worker.
#[test]
fn a_function_that_calls_itself() {
    #[pooled(pool = ONE)]
    fn leaves(levels: u32) -> Result<u32, String> {
        if levels == 0 {
            return Ok(1);
        }
        let (leaves, errors) = (0..3).map(|_| leaves(levels - 1)).collect::<AsyncList<_>>().join();
        if errors.is_empty() { Ok(leaves.into_iter().sum()) } else { Err(errors[0].to_string()) }
    }
    watched(|| assert_eq!(leaves(6).get(), Ok(729)));
}
