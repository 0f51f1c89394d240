//! A call that waits lends its permit: always to calls that it needs, to other calls up to a limit, and beyond the limit one at a
//! time. Threads are counted, and each wait ends.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::Shared;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::Census;
use crate::helpers::Gate;
use crate::helpers::Gauge;
use crate::helpers::Opener;
use crate::helpers::stays;
use crate::helpers::until;
use crate::helpers::watched;

fn shared(workers: usize) -> Arc<Pool> {
    Arc::new(Pool::new(workers))
}

fn bounded(workers: usize, queue: usize) -> Arc<Pool> {
    Arc::new(Pool::builder().workers(workers).queue(queue).build().expect("nothing to refuse"))
}

/// A call on a pool of its own, with a handle for many readers: a worker is busy with the call until the gate opens.
struct Elsewhere {
    token: Shared<()>,
    gate: Gate,
    _opener: Opener,
    _pool: Pool,
}

impl Elsewhere {
    fn new() -> Self {
        let (pool, gate) = (Pool::new(1), Gate::new());
        let at_gate = gate.clone();
        let token = pool.spawn(move || at_gate.pass()).shared();
        gate.wait_for(1);
        Self { token, _opener: gate.opener(), gate, _pool: pool }
    }
}

/// Work of a moment, during which other threads run.
fn work() {
    (0..100).for_each(|_| thread::yield_now());
}

/// The most ordinary program: a pool whose calls wait for those of another one.
#[test]
fn two_pools_that_nest() {
    watched(|| {
        let (outer, inner) = (shared(5), shared(5));
        let census = Census::new();
        let calls = outer.map(0..300, {
            let census = census.clone();
            move |n| {
                census.note();
                let census = census.clone();
                let fetch = inner.spawn(move || {
                    census.note();
                    work();
                    n
                });
                fetch.get()
            }
        });
        assert_eq!(calls.get().len(), 300);
        assert!(census.most() <= 24, "{} threads", census.most());
    });
}

/// The same, driven by a call: the driver needs all calls of the outer pool, and that pool lends to one at a time for it.
#[test]
fn two_pools_that_nest_below_a_driver() {
    watched(|| {
        let (driver, outer, inner) = (shared(1), shared(5), shared(5));
        let census = Census::new();
        let count = census.clone();
        let sum = driver.spawn(move || {
            let calls = outer.map(0..300_u32, move |n| {
                count.note();
                let count = count.clone();
                inner.spawn(move || (count.note(), work(), n).2).get()
            });
            calls.get().into_iter().sum::<u32>()
        });
        assert_eq!(sum.get(), 44_850);
        assert!(census.most() <= 30, "{} threads", census.most());
    });
}

/// While the call that all of them need runs elsewhere, at most twice as many calls have begun as there are workers; and one more
/// if this test takes a second.
#[test]
fn waiters_of_one_token() {
    watched(|| {
        let (pool, gauge, back) = (shared(2), Gauge::new(), Gate::new());
        let (elsewhere, _opener) = (Elsewhere::new(), back.opener());
        let calls = pool.map(0..50, {
            let (token, gauge, back) = (elsewhere.token.clone(), gauge.clone(), back.clone());
            move |_| {
                token.wait();
                let _inside = gauge.enter();
                back.pass();
            }
        });
        until("two wait, and lend to two more", || pool.stats().blocked >= 4);
        stays("four have begun", || pool.stats().blocked <= 5);
        elsewhere.gate.open();
        back.wait_for(4);
        stays("four run at once", || gauge.now() <= 5);
        back.open();
        assert_eq!(calls.get().len(), 50);
        assert!(gauge.most() <= 5, "{} at once", gauge.most());
    });
}

/// Each timed wait of a body lends at most one permit at a time.
#[test]
fn timed_waits_in_a_row() {
    watched(|| {
        let (pool, gate, gauge) = (shared(1), Gate::new(), Gauge::new());
        let _opener = gate.opener();
        let (inner, at_gate, inside) = (pool.clone(), gate.clone(), gauge.clone());
        let body = pool.spawn(move || {
            let calls: AsyncList<_> = (0..50)
                .map(|_| {
                    let (at_gate, inside) = (at_gate.clone(), inside.clone());
                    let call = inner.spawn(move || {
                        let _inside = inside.enter();
                        at_gate.pass();
                    });
                    assert!(!call.wait_timeout(Duration::from_millis(1)));
                    call
                })
                .collect();
            (calls, at_gate.arrived())
        });
        let (calls, arrived) = body.get();
        gate.open();
        assert_eq!(calls.get().len(), 50);
        assert!(arrived <= 2, "{arrived} calls had begun beside the one that waits");
        assert!(gauge.most() <= 2, "{} at once", gauge.most());
    });
}

/// Many calls that wait for one call with a time limit: at most one more permit than the ceiling is lent at a time.
#[test]
fn timed_waits_of_many() {
    watched(|| {
        let (pool, gauge) = (shared(1), Gauge::new());
        let elsewhere = Elsewhere::new();
        let calls = pool.map(0..100, {
            let (token, gauge) = (elsewhere.token.clone(), gauge.clone());
            move |_| {
                let _inside = gauge.enter();
                token.wait_timeout(Duration::from_millis(1))
            }
        });
        assert!(calls.get().into_iter().all(|ended| !ended));
        assert!(gauge.most() <= 2, "{} at once", gauge.most());
    });
}

/// A stage whose worker is busy: the stage before it lends so many permits, and then its queue fills, and the producer waits.
#[test]
fn a_full_queue_holds_the_producer_up() {
    watched(|| {
        let (first, second, gate) = (bounded(2, 10), bounded(1, 5), Gate::new());
        let _opener = gate.opener();
        let sent = Arc::new(AtomicUsize::new(0));
        let census = Census::new();
        let producer = thread::spawn({
            let (first, second, sent) = (first.clone(), second.clone(), sent.clone());
            let (gate, census) = (gate.clone(), census.clone());
            move || {
                let make = |_| {
                    let (second, gate, census) = (second.clone(), gate.clone(), census.clone());
                    let call = first.spawn(move || {
                        census.note();
                        second.spawn(move || (census.note(), gate.pass()).1).get();
                    });
                    sent.fetch_add(1, Ordering::SeqCst);
                    call
                };
                (0..200).map(make).collect::<AsyncList<_>>().get().len()
            }
        });
        gate.wait_for(1);
        until("the first stage is full", || first.stats().queued == 10 && first.stats().blocked >= 2);
        stays("the producer is held up", || sent.load(Ordering::SeqCst) <= 16);
        gate.open();
        assert_eq!(producer.join().expect("nothing panics"), 200);
        assert!(census.most() <= 12, "{} threads", census.most());
    });
}

/// A producer in a call of its own pool, and stages that only pass on: each blocked submission lends.
#[test]
fn stages_that_only_pass_on() {
    fn pass(stages: [Arc<Pool>; 3], at: usize, census: Census, done: Arc<AtomicUsize>) {
        let pool = stages[at].clone();
        let call = pool.spawn(move || {
            census.note();
            if at + 1 < stages.len() {
                pass(stages, at + 1, census, done);
            } else {
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        call.detach();
    }
    watched(|| {
        let stages = [bounded(1, 2), bounded(2, 2), bounded(1, 2)];
        let census = Census::new();
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..300 {
            pass(stages.clone(), 0, census.clone(), done.clone());
        }
        until("all have passed", || done.load(Ordering::SeqCst) == 300);
        assert!(census.most() <= 12, "{} threads", census.most());
    });
}

/// Every wait ends, although the call behind all of them in the queue sets the promise.
#[test]
fn waits_for_a_promise_that_a_call_behind_sets() {
    watched(|| {
        let pool = shared(1);
        let (promise, value) = AsyncValue::promise();
        let value = value.shared();
        let calls = pool.map(0..20, move |_| *value.get());
        let sets = pool.spawn(move || promise.set(5));
        assert_eq!(calls.get(), [5; 20]);
        sets.get();
    });
}

/// The same, and the promise is waited for in another pool.
#[test]
fn waits_for_a_call_behind_through_another_pool() {
    watched(|| {
        let (pool, other) = (shared(1), shared(1));
        let (promise, value) = AsyncValue::promise();
        let value = value.shared();
        let relay = other.spawn(move || *value.get()).shared();
        let calls = pool.map(0..5, move |_| *relay.get());
        let sets = pool.spawn(move || promise.set(5));
        assert_eq!(calls.get(), [5; 5]);
        sets.get();
    });
}

/// The same through a channel of the program, which no pool can see: the permit for the call behind comes, if late.
#[test]
fn waits_for_a_call_behind_through_a_channel() {
    watched(|| {
        let (pool, other, (sender, receiver)) = (shared(1), shared(1), mpsc::channel());
        let relay = other.spawn(move || receiver.recv().expect("it is sent")).shared();
        let calls = pool.map(0..2, move |_| *relay.get());
        let sends = pool.spawn(move || sender.send(5).is_ok());
        assert_eq!(calls.get(), [5; 2]);
        assert!(sends.get());
    });
}

/// Two bounded pools that submit into each other: nothing runs, so each lends at once.
#[test]
fn two_full_pools_that_submit_into_each_other() {
    fn bounce(pools: [Arc<Pool>; 2], left: usize) -> usize {
        if left == 0 {
            return 0;
        }
        let there = pools[left % 2].clone();
        1 + there.spawn(move || bounce(pools, left - 1)).get()
    }
    watched(|| {
        let pools = [bounded(1, 2), bounded(1, 2)];
        let calls: AsyncList<_> = (0..4)
            .map(|n| {
                let inner = pools.clone();
                pools[n % 2].spawn(move || bounce(inner, 40 + n))
            })
            .collect();
        assert_eq!(calls.get(), [40, 41, 42, 43]);
    });
}

#[test]
fn two_full_pools_that_fill_each_other() {
    watched(|| {
        let pools = [bounded(1, 1), bounded(1, 1)];
        let fill = |n: usize| {
            let (here, there) = (pools[n].clone(), pools[1 - n].clone());
            here.spawn(move || (0..50).map(|n| there.spawn(move || n)).collect::<AsyncList<_>>().get().len())
        };
        assert_eq!([fill(0), fill(1)].map(AsyncValue::get), [50, 50]);
    });
}

/// A call that a blocked call of another pool needs is needed in its own pool too, whatever the limit: one thread per level.
#[test]
fn two_pools_that_wait_for_each_other() {
    fn turn(pools: Arc<[Arc<Pool>; 2]>, census: Census, left: usize) -> AsyncValue<usize> {
        let pool = pools[left % 2].clone();
        pool.spawn(move || {
            census.note();
            if left == 0 { 0 } else { 1 + turn(pools, census, left - 1).get() }
        })
    }
    watched(|| {
        let census = Census::new();
        let pools = Arc::new([shared(1), shared(1)]);
        assert_eq!(turn(pools.clone(), census.clone(), 300).get(), 300);
        assert!(census.most() <= 304, "{} threads", census.most());
    });
}

/// A pool of one at its limit, and behind that eight more calls that wait for the token.
fn at_the_limit(pool: &Pool, elsewhere: &Elsewhere) -> AsyncList<()> {
    let token = elsewhere.token.clone();
    let calls = pool.map(0..10, move |_| token.wait());
    until("the pool is at its limit", || pool.stats().blocked >= 2);
    calls
}

/// A call that a blocked call of another pool needs overtakes all that stands in the queue.
#[test]
fn a_needed_call_overtakes() {
    watched(|| {
        let (pool, other) = (shared(1), shared(1));
        let elsewhere = Elsewhere::new();
        let others = at_the_limit(&pool, &elsewhere);
        let inner = pool.clone();
        let call = other.spawn(move || inner.spawn(|| 5).get());
        assert_eq!(call.get(), 5, "although the token never came");
        elsewhere.gate.open();
        assert_eq!(others.get().len(), 10);
    });
}

#[derive(Clone)]
struct On(Arc<Pool>);

impl On {
    #[pooled(pool = self.0)]
    fn add(&self, a: u32, b: u32) -> u32 {
        a + b
    }
}

/// A needed call that becomes ready late, in a pool at its limit, overtakes too.
#[test]
fn a_needed_call_becomes_ready_in_a_pool_at_its_limit() {
    watched(|| {
        let (here, there) = (shared(1), On(shared(1)));
        let elsewhere = Elsewhere::new();
        let others = at_the_limit(&there.0, &elsewhere);
        let (promise, value) = AsyncValue::promise();
        let on = there.clone();
        let call = here.spawn(move || on.add(value, 1).get());
        until("the call waits", || here.stats().blocked == 1);
        promise.set(4);
        assert_eq!(call.get(), 5, "although the token never came");
        elsewhere.gate.open();
        assert_eq!(others.get().len(), 10);
    });
}

/// Each of a driver's calls is needed, one at a time: a pool at its limit takes no more than one thread for them.
#[test]
fn many_needed_calls_take_one_thread() {
    watched(|| {
        let (pool, other, census) = (shared(1), shared(1), Census::new());
        let elsewhere = Elsewhere::new();
        let others = at_the_limit(&pool, &elsewhere);
        let (inner, count) = (pool.clone(), census.clone());
        let call = other.spawn(move || {
            let note = move |n: u32| {
                count.note();
                work();
                n
            };
            inner.map(0..50, note).get().into_iter().sum::<u32>()
        });
        assert_eq!(call.get(), 1_225, "although the token never came");
        assert!(census.most() <= 2, "{} threads", census.most());
        elsewhere.gate.open();
        assert_eq!(others.get().len(), 10);
    });
}

/// Lending never starts a call of a paused pool.
#[test]
fn a_pause_lends_nothing() {
    watched(|| {
        let (pool, elsewhere) = (shared(2), Elsewhere::new());
        let token = elsewhere.token.clone();
        let waits = pool.spawn(move || token.wait());
        until("it waits", || pool.stats().blocked == 1);
        pool.set_workers(0);
        let queued = pool.map(0..5, |n| n);
        stays("nothing starts", || pool.stats().queued == 5);
        elsewhere.gate.open();
        waits.get();
        stays("nothing starts", || pool.stats().queued == 5);
        pool.set_workers(1);
        assert_eq!(queued.get(), [0, 1, 2, 3, 4]);
    });
}

/// A pool that shrinks below its blocked calls goes on, if slowly.
#[test]
fn a_pool_shrinks_below_its_blocked_calls() {
    watched(|| {
        let (pool, elsewhere) = (shared(8), Elsewhere::new());
        let token = elsewhere.token.clone();
        let waits = pool.map(0..8, move |_| token.wait());
        until("all wait", || pool.stats().blocked == 8);
        pool.set_workers(1);
        let short = pool.map(0..20, |n| n);
        elsewhere.gate.open();
        assert_eq!(short.get().len(), 20);
        waits.wait();
    });
}

/// A call that is blocked in a submission lends its permit, and no room: the queue holds as many calls that have not begun.
#[test]
fn a_blocked_submission_keeps_its_room() {
    watched(|| {
        let pool = Arc::new(Pool::builder().workers(1).queue(1).on_full(OnFull::Reject).build().expect("a pool"));
        let (full, gate, beside) = (bounded(1, 1), Gate::new(), Gate::new());
        let _openers = [gate.opener(), beside.opener()];
        let at_gate = gate.clone();
        let ahead = full.map(0..2, move |_| at_gate.pass());
        gate.wait_for(1);
        let there = full.clone();
        let blocked = pool.spawn(move || there.spawn(|| 5).get());
        until("it is blocked", || pool.stats().blocked == 1);
        let at_gate = beside.clone();
        let begun = pool.spawn(move || at_gate.pass());
        beside.wait_for(1);
        let queued = pool.spawn(|| 6);
        assert!(matches!(pool.spawn(|| 7).outcome(), Err(TaskError::Rejected)));
        beside.open();
        assert_eq!(queued.get(), 6);
        gate.open();
        assert_eq!(blocked.get(), 5);
        begun.get();
        ahead.wait();
    });
}
