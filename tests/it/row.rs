//! A call that becomes ready by the end of another one of its pool runs next, on the same thread: for 16 calls in a row, or a
//! millisecond, if calls stand in the queue, and only where no user code runs between.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::task::Context;
use std::task::Wake;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::Gate;
use crate::helpers::lock;
use crate::helpers::until;
use crate::helpers::watched;

/// What calls have done, in their order.
type Order = Arc<Mutex<Vec<&'static str>>>;

/// Makes a call that stands at `gate`, and then ends with `value`.
fn behind<T: Send + 'static>(gate: &Gate, pool: &Pool, value: T) -> AsyncValue<T> {
    let gate = gate.clone();
    pool.spawn(move || {
        gate.pass();
        value
    })
}

/// Makes a call that stands at a gate, a chain of `length` calls that follow it, and an unrelated call behind it; opens the gate,
/// and returns how many of the chain ran before the unrelated call.
fn before_the_plain_call(length: usize, body: fn()) -> usize {
    let (pool, gate, order) = (Pool::new(1), Gate::new(), Order::default());
    let _opener = gate.opener();
    let first = behind(&gate, &pool, ());
    let last = (0..length).fold(first, |call, _| {
        let order = order.clone();
        call.map(move |()| {
            body();
            lock(&order).push("chain");
        })
    });
    let plain = pool.spawn({
        let order = order.clone();
        move || lock(&order).push("plain")
    });
    gate.open();
    last.get();
    plain.get();
    let order = lock(&order);
    assert_eq!(order.len(), length + 1);
    order.iter().position(|what| *what == "plain").expect("the plain call ran")
}

#[test]
fn sixteen_calls_run_before_the_queue_at_most() {
    watched(|| {
        let before = before_the_plain_call(100, || ());
        assert!((1..=16).contains(&before), "{before} calls of the chain came first");
    });
}

#[test]
fn the_queue_waits_for_a_millisecond_at_most() {
    watched(|| {
        let long = || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(2) {
                thread::yield_now();
            }
        };
        let before = before_the_plain_call(8, long);
        assert!(before <= 2, "{before} calls of 2 ms came first");
    });
}

#[test]
fn a_chain_stays_on_its_thread() {
    watched(|| {
        let pool = Pool::new(4);
        for _ in 0..100 {
            let gate = Gate::new();
            let _opener = gate.opener();
            let first = pool.spawn({
                let gate = gate.clone();
                move || {
                    gate.pass();
                    vec![thread::current().id()]
                }
            });
            let last = (0..10).fold(first, |call, _| {
                call.map(|mut threads| {
                    threads.push(thread::current().id());
                    threads
                })
            });
            gate.open();
            let threads = last.get();
            assert!(threads.iter().all(|thread| *thread == threads[0]), "{threads:?}");
        }
    });
}

#[test]
fn what_becomes_ready_in_a_paused_pool_stays_in_the_queue() {
    watched(|| {
        let (pool, gate) = (Pool::new(1), Gate::new());
        let _opener = gate.opener();
        let first = behind(&gate, &pool, ());
        let next = first.map(|()| 5);
        gate.wait_for(1);
        pool.set_workers(0);
        gate.open();
        until("the call waits in the queue", || pool.stats().queued == 1);
        assert_eq!(pool.cancel_queued(), 1);
        assert!(matches!(next.outcome(), Err(error) if matches!(error.root(), TaskError::Cancelled)));
    });
}

/// Goes on when the next call has run.
struct Asks(mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>);

/// What the next call does.
struct Answers(mpsc::Receiver<()>, mpsc::Sender<()>);

fn question() -> (Asks, Answers) {
    let (ask, asked) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    (Asks(ask, Mutex::new(answered)), Answers(asked, answer))
}

impl Asks {
    fn wait(&self) {
        self.0.send(()).expect("the next call listens");
        lock(&self.1).recv().expect("the next call answers");
    }
}

impl Answers {
    fn answer(self) {
        self.0.recv().expect("the user's code runs");
        self.1.send(()).expect("the user's code waits");
    }
}

/// A result whose drop waits, but not that of its clones.
struct Value(Option<Asks>);

impl Clone for Value {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.0.iter().for_each(Asks::wait);
    }
}

static POOL: Pool = Pool::new(2);

#[pooled(pool = POOL)]
fn answer(_value: Value, answers: Answers) {
    answers.answer();
}

#[test]
fn the_drop_of_a_result_that_nobody_takes_may_wait_for_the_next_call() {
    watched(|| {
        let (gate, (asks, answers)) = (Gate::new(), question());
        let _opener = gate.opener();
        let first = behind(&gate, &POOL, Value(Some(asks)));
        let next = answer(&first, answers);
        first.detach();
        gate.open();
        next.get();
    });
}

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        self.wait();
    }
}

#[test]
fn a_waker_may_wait_for_the_next_call() {
    watched(|| {
        let (gate, (asks, answers)) = (Gate::new(), question());
        let _opener = gate.opener();
        let mut first = behind(&gate, &POOL, Value(None));
        let next = answer(&first, answers);
        let polled = Pin::new(&mut first).poll(&mut Context::from_waker(&Arc::new(asks).into()));
        assert!(polled.is_pending());
        gate.open();
        next.get();
    });
}
