//! The life events of a value, each seen by each reader, before it and after.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Barrier;
use std::task::Context;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use asynctools::AsyncValue;
use asynctools::Pool;

use crate::helpers::CountedWaker;
use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::Token;
use crate::helpers::side_by_side;
use crate::helpers::until;
use crate::helpers::watched;
use crate::life::ENDS;
use crate::life::End;
use crate::life::Seen;
use crate::life::check;
use crate::life::check_drops;
use crate::life::live;

const LONG: Duration = Duration::from_secs(50);

/// Reads after the end; beside the end, on an ordinary thread, in either order; and before the end for certain, in a call that is
/// seen to wait.
fn matrix(read: fn(AsyncValue<Token>) -> Seen) {
    for end in ENDS {
        let life = live(end);
        (life.end)();
        check(end, read(life.value));
        check_drops(end, &life.drops);

        for _ in 0..10 {
            let life = live(end);
            check(end, side_by_side(move || read(life.value), life.end).0);
            check_drops(end, &life.drops);
        }

        let life = live(end);
        let readers = Pool::new(1);
        let reader = readers.spawn(move || read(life.value));
        until("the reader waits", || readers.stats().blocked == 1);
        (life.end)();
        check(end, reader.get());
        check_drops(end, &life.drops);
    }
}

fn guarded(read: impl FnOnce() -> Token) -> Seen {
    Seen::Got(catch_unwind(AssertUnwindSafe(read)))
}

fn in_time<T, E>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|_| panic!("not in time"))
}

#[test]
fn get() {
    watched(|| matrix(|value| guarded(|| value.get())));
}

#[test]
fn outcome() {
    watched(|| matrix(|value| Seen::Outcome(value.outcome())));
}

#[test]
fn wait_then_try_get() {
    watched(|| {
        matrix(|value| {
            value.wait();
            guarded(|| in_time(value.try_get()))
        });
    });
}

#[test]
fn get_timeout() {
    watched(|| matrix(|value| guarded(|| in_time(value.get_timeout(LONG)))));
}

#[test]
fn get_timeout_for_ever() {
    watched(|| matrix(|value| guarded(|| in_time(value.get_timeout(Duration::MAX)))));
}

#[test]
fn outcome_timeout() {
    watched(|| matrix(|value| Seen::Outcome(in_time(value.outcome_timeout(LONG)))));
}

#[test]
fn wait_timeout_then_drop() {
    watched(|| {
        matrix(|value| {
            assert!(value.wait_timeout(Duration::MAX));
            Seen::Nothing
        });
    });
}

#[test]
fn awaited() {
    watched(|| {
        for end in ENDS {
            let life = live(end);
            let read = move || guarded(|| futures::executor::block_on(life.value));
            check(end, side_by_side(read, life.end).0);
            check_drops(end, &life.drops);
        }
    });
}

fn poll(value: &mut AsyncValue<Token>, waker: &std::task::Waker) -> Poll<Token> {
    Future::poll(std::pin::Pin::new(value), &mut Context::from_waker(waker))
}

fn polled_to_the_end(mut value: AsyncValue<Token>, waker: &std::task::Waker) -> Seen {
    guarded(move || match poll(&mut value, waker) {
        Poll::Ready(token) => token,
        Poll::Pending => panic!("pending after the end"),
    })
}

#[test]
fn polled() {
    watched(|| {
        for end in ENDS {
            let (counted, waker) = CountedWaker::new();
            let mut life = live(end);
            assert!(poll(&mut life.value, &waker).is_pending());
            assert_eq!(counted.wakes(), 0);
            (life.end)();
            until("the task is woken", || counted.wakes() == 1);
            check(end, polled_to_the_end(life.value, &waker));
            check_drops(end, &life.drops);
            assert_eq!(counted.wakes(), 1);
            assert_eq!(Arc::strong_count(&counted), 2, "the waker is kept after the end");

            let life = live(end);
            (life.end)();
            check(end, polled_to_the_end(life.value, &waker));
            check_drops(end, &life.drops);
            assert_eq!(counted.wakes(), 1);
        }
    });
}

#[test]
fn polled_with_another_waker() {
    watched(|| {
        for end in ENDS {
            let (first, first_waker) = CountedWaker::new();
            let (second, second_waker) = CountedWaker::new();
            let mut life = live(end);
            for _ in 0..10 {
                assert!(poll(&mut life.value, &first_waker).is_pending());
            }
            assert!(poll(&mut life.value, &second_waker).is_pending());
            assert_eq!(Arc::strong_count(&first), 2, "a replaced waker is kept");
            (life.end)();
            until("the task is woken", || second.wakes() == 1);
            check(end, polled_to_the_end(life.value, &second_waker));
            check_drops(end, &life.drops);
            assert_eq!((first.wakes(), second.wakes()), (0, 1));
        }
    });
}

#[test]
fn polled_then_blocked_on() {
    watched(|| {
        for end in ENDS {
            let (_counted, waker) = CountedWaker::new();
            let mut life = live(end);
            assert!(poll(&mut life.value, &waker).is_pending());
            let reader = thread::spawn(move || guarded(|| life.value.get()));
            (life.end)();
            check(end, reader.join().expect("the reader reports panics"));
            check_drops(end, &life.drops);
        }
    });
}

#[test]
fn polled_then_dropped() {
    watched(|| {
        for end in ENDS {
            let (counted, waker) = CountedWaker::new();
            let mut life = live(end);
            assert!(poll(&mut life.value, &waker).is_pending());
            drop(life.value);
            (life.end)();
            check_drops(end, &life.drops);
            until("the waker is dropped", || Arc::strong_count(&counted) == 2);
        }
    });
}

#[test]
fn dropped_or_detached() {
    watched(|| {
        for end in ENDS {
            for forsake in [drop::<AsyncValue<Token>>, AsyncValue::detach] {
                let life = live(end);
                forsake(life.value);
                // The call goes on: nothing is dropped until it ends.
                assert_eq!(life.drops.count(), 0);
                (life.end)();
                check_drops(end, &life.drops);

                let life = live(end);
                (life.end)();
                let is_kept = matches!(end, End::Complete | End::Set | End::Panic);
                assert_eq!(life.drops.count(), usize::from(!is_kept), "{end:?}");
                forsake(life.value);
                assert_eq!(life.drops.count(), 1, "{end:?}: dropped with the handle, not later");
            }
        }
    });
}

/// Whatever the order of the two, the result is dropped once.
#[test]
fn dropped_while_it_ends() {
    watched(|| {
        for end in [End::Complete, End::Set, End::Panic, End::Cancel] {
            for _ in 0..200 {
                let life = live(end);
                side_by_side(move || drop(life.value), life.end);
                assert_eq!(life.drops.count(), 1, "{end:?}");
            }
        }
    });
}

#[test]
fn no_time_at_all() {
    watched(|| {
        for end in ENDS {
            let life = live(end);
            let value = life.value.try_get().err().expect("not ended");
            let value = value.get_timeout(Duration::ZERO).err().expect("not ended");
            let value = value.outcome_timeout(Duration::ZERO).err().expect("not ended");
            assert!(!value.wait_timeout(Duration::ZERO));
            (life.end)();
            assert!(value.wait_timeout(Duration::ZERO));
            check(end, Seen::Outcome(in_time(value.outcome_timeout(Duration::ZERO))));

            let life = live(end);
            (life.end)();
            check(end, guarded(|| in_time(life.value.get_timeout(Duration::ZERO))));
        }
    });
}

#[test]
fn a_little_time() {
    watched(|| {
        for end in ENDS {
            let life = live(end);
            let time = Duration::from_millis(5);
            let start = std::time::Instant::now();
            let value = life.value.get_timeout(time).err().expect("not ended");
            assert!(start.elapsed() >= time);
            // In a call too, where a wait with a deadline may not run the awaited call.
            let readers = Pool::new(1);
            let value = readers.spawn(move || value.outcome_timeout(time).err()).get().expect("not ended");
            (life.end)();
            check(end, Seen::Outcome(value.outcome()));
            check_drops(end, &life.drops);
        }
    });
}

#[test]
fn what_it_says_of_itself() {
    watched(|| {
        for end in ENDS {
            let life = live(end);
            assert!(!life.value.is_finished() && !life.value.is_error());
            (life.end)();
            assert!(life.value.is_finished());
            assert_eq!(life.value.is_error(), end.is_lost(), "{end:?}");
            assert!(format!("{:?}", life.value).contains("life.rs"));
        }
    });
}

/// `&AsyncValue` may be waited for by many threads at once.
#[test]
fn many_wait_for_one() {
    watched(|| {
        for end in ENDS {
            let life = live(end);
            let start = Barrier::new(5);
            thread::scope(|scope| {
                for n in 0..4 {
                    let (start, value) = (&start, &life.value);
                    scope.spawn(move || {
                        start.wait();
                        assert!(n % 2 == 0 || value.wait_timeout(LONG));
                        value.wait();
                        assert!(value.is_finished());
                    });
                }
                start.wait();
                (life.end)();
            });
            check(end, Seen::Outcome(life.value.outcome()));
        }
    });
}

#[test]
fn cancel_before_during_and_after() {
    watched(|| {
        let paused = Pool::new(0);
        let drops = DropCounter::new();
        let token = drops.token();
        assert!(paused.spawn(move || token).cancel());
        assert_eq!(drops.count(), 1, "its arguments are dropped by then");
        paused.set_workers(1);
        paused.close();
        assert_eq!((paused.stats().finished, paused.stats().cancelled), (0, 1));

        let (pool, gate) = (Pool::new(1), Gate::new());
        let (at_gate, token) = (gate.clone(), drops.token());
        let running = pool.spawn(move || {
            at_gate.pass();
            drop(token);
        });
        gate.wait_for(1);
        assert!(!running.cancel());
        gate.open();
        until("the call goes on", || drops.count() == 2);

        let ended = pool.spawn(|| ());
        ended.wait();
        assert!(!ended.cancel());
    });
}

/// Of a call that is cancelled while a worker takes it, one of both wins, never both and never none.
#[test]
fn cancel_against_start() {
    watched(|| {
        let pool = Pool::new(2);
        let (mut ran, mut cancelled) = (0, 0);
        for _ in 0..2_000 {
            let drops = DropCounter::new();
            let token = drops.token();
            let call = pool.spawn(move || drop(token));
            let count = if call.cancel() { &mut cancelled } else { &mut ran };
            *count += 1;
            until("the argument is dropped", || drops.count() == 1);
        }
        pool.close();
        assert_eq!((pool.stats().finished, pool.stats().cancelled), (ran, cancelled));
    });
}
