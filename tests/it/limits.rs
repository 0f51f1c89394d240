//! Queues with a limit, and what a full one does with one more call.

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::Gate;
use crate::helpers::until;
use crate::helpers::watched;

fn bounded(workers: usize, queue: usize, on_full: OnFull) -> Pool {
    Pool::builder().workers(workers).queue(queue).on_full(on_full).build().expect("nothing to refuse")
}

/// A pool whose one worker stands at the gate, with so many calls in its queue: full.
fn full(queue: usize, on_full: OnFull) -> (Arc<Pool>, Gate, AsyncList<()>) {
    let (pool, gate) = (Arc::new(bounded(1, queue, on_full)), Gate::new());
    let at_gate = gate.clone();
    let calls = pool.map(0..=queue, move |_| at_gate.pass());
    gate.wait_for(1);
    assert_eq!(pool.stats().queued, queue);
    (pool, gate, calls)
}

/// A submission that is certain to be blocked: in a call of another pool, which is seen to wait.
fn blocked_submission(pool: &Arc<Pool>) -> (Pool, AsyncValue<AsyncValue<u32>>) {
    let (submitters, pool) = (Pool::new(1), pool.clone());
    let submission = submitters.spawn(move || pool.spawn(|| 5));
    until("the submission is blocked", || submitters.stats().blocked == 1);
    (submitters, submission)
}

/// The n-th submission returns only when all but so many as may wait or run have ended.
#[test]
fn block_holds_the_caller_up() {
    enum Event {
        Submitted,
        Ended,
    }
    watched(|| {
        for (workers, queue) in [(1, 1), (1, 3), (3, 2)] {
            let (pool, events) = (bounded(workers, queue, OnFull::Block), Arc::new(Mutex::new(Vec::new())));
            let note = |event| events.lock().expect("nobody panics with it").push(event);
            let mut calls = AsyncList::new();
            for _ in 0..200 {
                let events = events.clone();
                calls.push(pool.spawn(move || {
                    thread::yield_now();
                    events.lock().expect("nobody panics with it").push(Event::Ended);
                }));
                note(Event::Submitted);
            }
            calls.wait();
            let mut waiting = 0_isize;
            for event in &*events.lock().expect("nobody panics with it") {
                waiting += if matches!(event, Event::Submitted) { 1 } else { -1 };
                assert!(waiting <= isize::try_from(workers + queue).expect("small"), "{waiting} wait or run");
            }
        }
    });
}

#[test]
fn block_wakes_when_there_is_room() {
    watched(|| {
        let (pool, gate, calls) = full(2, OnFull::Block);
        let (_submitters, submission) = blocked_submission(&pool);
        gate.open();
        assert_eq!(submission.get().get(), 5);
        calls.wait();
        assert_eq!(pool.stats().finished, 4);
    });
}

#[test]
fn block_wakes_when_a_queued_call_is_cancelled() {
    watched(|| {
        let (pool, gate, calls) = full(2, OnFull::Block);
        let (_submitters, submission) = blocked_submission(&pool);
        assert!(calls.into_iter().next_back().expect("there are three").cancel());
        let call = submission.get();
        gate.open();
        assert_eq!(call.get(), 5);
    });
}

#[test]
fn block_wakes_when_the_queue_is_cancelled() {
    watched(|| {
        let (pool, gate, calls) = full(3, OnFull::Block);
        let (_submitters, submission) = blocked_submission(&pool);
        assert_eq!(pool.cancel_queued(), 3);
        let call = submission.get();
        gate.open();
        assert_eq!(call.get(), 5);
        assert_eq!(calls.outcomes().iter().filter(|outcome| outcome.is_err()).count(), 3);
    });
}

#[test]
fn block_wakes_when_the_pool_grows() {
    watched(|| {
        let (pool, gate, calls) = full(1, OnFull::Block);
        let (_submitters, submission) = blocked_submission(&pool);
        pool.set_workers(2);
        let call = submission.get();
        gate.open();
        assert_eq!(call.get(), 5);
        calls.wait();
    });
}

/// A call that blocks makes room for one more, also where more calls run than the pool has workers by now.
#[test]
fn block_wakes_when_a_call_blocks_in_a_pool_that_has_shrunk() {
    watched(|| {
        let (pool, gate) = (Arc::new(bounded(2, 1, OnFull::Block)), Gate::new());
        let (promise, value) = AsyncValue::<u32>::promise();
        let value = value.shared();
        let calls = pool.map(0..2, {
            let gate = gate.clone();
            move |_| {
                gate.pass();
                value.outcome().copied().unwrap()
            }
        });
        gate.wait_for(2);
        pool.set_workers(1);
        let (_submitters, submission) = blocked_submission(&pool);
        gate.open();
        // Both calls wait for what the program sets when the submission has come through.
        let call = submission.get();
        assert_eq!(call.get(), 5);
        promise.set(7);
        assert_eq!(calls.get(), [7, 7]);
    });
}

#[test]
fn block_wakes_when_the_pool_closes() {
    watched(|| {
        let (pool, gate, calls) = full(1, OnFull::Block);
        let (_submitters, submission) = blocked_submission(&pool);
        assert!(!pool.close_timeout(Duration::ZERO));
        assert!(matches!(submission.get().outcome(), Err(TaskError::Closed)));
        gate.open();
        assert!(pool.close_timeout(Duration::MAX));
        assert!(calls.outcomes().iter().all(Result::is_ok));
    });
}

/// Blocked submissions of many threads all come through.
#[test]
fn block_forgets_nobody() {
    watched(|| {
        let pool = bounded(2, 1, OnFull::Block);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let calls: AsyncList<_> = (0..200).map(|n| pool.spawn(move || n)).collect();
                    assert_eq!(calls.get(), (0..200).collect::<Vec<_>>());
                });
            }
        });
        assert_eq!(pool.stats().finished, 1_200);
    });
}

#[test]
fn run_here_runs_on_the_callers_thread() {
    watched(|| {
        let (pool, gate, calls) = full(1, OnFull::RunHere);
        let here = pool.spawn(|| thread::current().id());
        assert!(here.is_finished());
        assert_eq!(here.get(), thread::current().id());
        let lost = pool.spawn(|| panic!("no luck"));
        assert!(lost.is_error());
        gate.open();
        calls.wait();
        let stats = pool.stats();
        assert_eq!((stats.finished, stats.panicked), (4, 1));
    });
}

/// A call that is run here may submit again, and wait, to any depth.
#[test]
fn run_here_in_run_here() {
    fn nest(pool: &Arc<Pool>, depth: u32) -> AsyncValue<u32> {
        let inner = pool.clone();
        pool.spawn(move || if depth == 0 { 0 } else { nest(&inner, depth - 1).get() + 1 })
    }
    watched(|| {
        let (pool, gate, calls) = full(1, OnFull::RunHere);
        let inner = pool.clone();
        let deep = pool.spawn(move || {
            let deep = nest(&inner, 1_000);
            gate.open();
            (thread::current().id(), deep.get())
        });
        assert_eq!(deep.get(), (thread::current().id(), 1_000));
        calls.wait();
    });
}

#[test]
fn reject_ends_the_call_at_once() {
    watched(|| {
        let (pool, gate, calls) = full(2, OnFull::Reject);
        let refused = pool.spawn(|| 5);
        assert!(refused.is_finished() && refused.is_error());
        assert!(matches!(refused.outcome(), Err(TaskError::Rejected)));
        let mut calls = Vec::from_iter(calls);
        // A call that is cancelled makes room at once.
        assert!(calls.pop().expect("there are three").cancel());
        let taken = pool.spawn(|| 6);
        assert!(!taken.is_finished());
        assert!(matches!(pool.spawn(|| 7).outcome(), Err(TaskError::Rejected)));
        gate.open();
        assert_eq!(taken.get(), 6);
        until("there is room again", || pool.stats().running == 0);
        assert_eq!(pool.spawn(|| 8).get(), 8);
    });
}

#[test]
fn limits_of_attributes() {
    #[pooled(workers = 1, queue = 2, on_full = "reject")]
    fn rejects(gate: Gate) {
        gate.pass();
    }
    #[pooled(workers = 1, queue = 2, on_full = "run_here")]
    fn runs_here(gate: Option<Gate>) -> thread::ThreadId {
        gate.inspect(Gate::pass);
        thread::current().id()
    }
    #[pooled(workers = 1, queue = 2)]
    fn blocks(gate: Gate) {
        gate.pass();
    }
    watched(|| {
        let gate = Gate::new();
        let calls: AsyncList<()> = (0..5).map(|_| rejects(gate.clone())).collect();
        gate.wait_for(1);
        gate.open();
        let ends: Vec<_> = calls.outcomes().iter().map(Result::is_ok).collect();
        assert_eq!(ends, [true, true, true, false, false]);

        let gate = Gate::new();
        let calls: AsyncList<_> = (0..3).map(|_| runs_here(Some(gate.clone()))).collect();
        gate.wait_for(1);
        assert_eq!(runs_here(None).get(), thread::current().id());
        gate.open();
        assert!(!calls.get().contains(&thread::current().id()));

        let gate = Gate::new();
        let calls: AsyncList<()> = (0..3).map(|_| blocks(gate.clone())).collect();
        let (submitters, at_gate) = (Pool::new(1), gate.clone());
        let submission = submitters.spawn(move || blocks(at_gate));
        until("the submission is blocked", || submitters.stats().blocked == 1);
        gate.open();
        submission.get().wait();
        calls.wait();
    });
}

/// On a worker of the same pool the limit does not hold: nobody could make room but the caller.
#[test]
fn a_call_may_submit_to_its_own_full_queue() {
    watched(|| {
        for on_full in [OnFull::Block, OnFull::RunHere, OnFull::Reject] {
            let pool = Arc::new(bounded(1, 1, on_full));
            let inner = pool.clone();
            let call = pool.spawn(move || {
                let calls: AsyncList<_> = (0..100).map(|n| inner.spawn(move || n)).collect();
                calls.get().len()
            });
            assert_eq!(call.get(), 100, "{on_full:?}");
        }
    });
}

#[test]
fn two_pools_submit_to_each_others_full_queue() {
    watched(|| {
        let pools = [0, 1].map(|_| Arc::new(bounded(1, 1, OnFull::Block)));
        let both = Arc::new(Barrier::new(2));
        let calls: Vec<_> = (0..2)
            .map(|n| {
                let (other, both) = (pools[1 - n].clone(), both.clone());
                pools[n].spawn(move || {
                    both.wait();
                    let calls: AsyncList<_> = (0..20).map(|n| other.spawn(move || n)).collect();
                    calls.get().len()
                })
            })
            .collect();
        assert_eq!(AsyncList::from(calls).get(), [20, 20]);
    });
}

/// Calls that become ready enter the queue beyond its limit: whoever readied them is not held up, and none is refused.
#[test]
fn dataflow_enters_a_full_queue() {
    #[derive(Clone)]
    struct Owner(Arc<Pool>);
    impl Owner {
        #[pooled(pool = self.0)]
        fn next(&self, n: u32) -> u32 {
            n + 1
        }
    }
    watched(|| {
        for on_full in [OnFull::Block, OnFull::RunHere, OnFull::Reject] {
            let (pool, gate, calls) = full(1, on_full);
            let owner = Owner(pool);
            let (promises, values): (Vec<_>, Vec<_>) = (0..20).map(|_| AsyncValue::promise()).unzip();
            let flow: AsyncList<_> = values.into_iter().map(|value| owner.next(value)).collect();
            for promise in promises {
                promise.set(1);
            }
            assert!(!flow.iter().any(AsyncValue::is_finished), "run where it was readied, or refused");
            gate.open();
            assert_eq!(flow.get(), [2; 20]);
            calls.wait();
        }
    });
}
