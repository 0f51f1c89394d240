//! One call under `loom`: each way to its end, beside each thing and each two things that others do with it, in every order
//! and with every value that weak memory may show. A thread is interrupted `PREEMPTIONS` times at most, or as often as
//! `MODEL_PREEMPTIONS` says; with 100 that is no limit, and takes minutes.

mod ends;
mod owner;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use asynctools_model::__private::HandOver;
use asynctools_model::__private::arg;
use asynctools_model::AsyncValue;
use asynctools_model::Pool;
use asynctools_model::Promise;
use loom::sync::Mutex;
use loom::thread;

use crate::ends::End;
use crate::ends::HANDED_OVER;
use crate::ends::call;
use crate::ends::world;
use crate::owner::LAST;
use crate::owner::LOOKING;
use crate::owner::LOOKS;
use crate::owner::Op;
use crate::owner::Owner;

const PREEMPTIONS: usize = 2;

/// A poll of a lost call panics. That is no news.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<String>();
            let expected = text.is_some_and(|text| text.contains("tests/model/loom/"));
            if !expected {
                shown(info);
            }
        }));
    });
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    quiet();
    let mut builder = loom::model::Builder::new();
    let preemptions =
        std::env::var("MODEL_PREEMPTIONS").map_or(PREEMPTIONS, |number| number.parse().expect("a number"));
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// One thread ends the call, while its owner does these things, one after the other.
fn one_owner(end: End, ops: [Option<Op>; 2]) {
    check(move || {
        let (on, world) = world(end);
        let (value, act) = call(end, &on, &world);
        let mut owner = Owner::new(end, on, world, value);
        let other = thread::spawn(act);
        for op in ops.into_iter().flatten() {
            owner.act(op);
        }
        other.join().expect("it ended well");
        owner.check();
    });
}

/// What those do who only have a reference to the handle.
#[derive(Clone, Copy, Debug)]
enum Watch {
    Look,
    Wait,
    TimedWait(Duration),
    Register,
}

const WATCHES: &[Watch] =
    &[Watch::Look, Watch::Wait, Watch::TimedWait(LOOKS[0]), Watch::TimedWait(LOOKS[1]), Watch::Register];

/// One thread ends the call, while two others look on.
fn two_watchers(end: End, watches: [Watch; 2]) {
    check(move || {
        let (on, world) = world(end);
        let (value, act) = call(end, &on, &world);
        let value = Arc::new(value);
        let [here, there] = watches.map(|watch| {
            let (value, on, world) = (value.clone(), on.clone(), world.clone());
            move || {
                let seen = match watch {
                    Watch::Look => value.is_finished(),
                    Watch::Wait => {
                        value.wait();
                        true
                    }
                    Watch::TimedWait(time) => value.wait_timeout(time),
                    Watch::Register => return Some(on.next(&*value)),
                };
                assert!(!seen || world.ended.load(Ordering::Relaxed), "what came before the end is not there");
                None
            }
        });
        let threads = (thread::spawn(act), thread::spawn(there));
        let next = here();
        drop(here);
        threads.0.join().expect("it ended well");
        let next = next.into_iter().chain(threads.1.join().expect("it ended well"));
        let value = Arc::into_inner(value).expect("the others have gone");
        let mut owner = Owner::new(end, on, world, value);
        owner.next.extend(next);
        owner.check();
    });
}

fn pairs_and_triples(end: End) {
    for last in LOOKING.iter().chain(LAST).copied() {
        for first in LOOKING.iter().copied().map(Some).chain([None]) {
            // Shown when it fails.
            println!("{end:?}: {first:?}, {last:?}");
            one_owner(end, [first, Some(last)]);
        }
    }
    for (at, first) in WATCHES.iter().enumerate() {
        for second in &WATCHES[at..] {
            println!("{end:?}: {first:?} beside {second:?}");
            two_watchers(end, [*first, *second]);
        }
    }
}

#[test]
fn a_promise_is_set() {
    pairs_and_triples(End::Set);
}

#[test]
fn a_promise_is_dropped() {
    pairs_and_triples(End::Abandon);
}

#[test]
fn a_call_passes_an_error_on() {
    pairs_and_triples(End::PassOn);
}

#[test]
fn a_call_panics() {
    pairs_and_triples(End::Panic);
}

#[test]
fn a_call_loses_what_it_needs() {
    pairs_and_triples(End::LoseUpstream);
}

#[test]
fn a_call_is_handed_over() {
    pairs_and_triples(End::HandOver);
}

#[test]
fn a_call_was_handed_over_before() {
    pairs_and_triples(End::HandOverBefore);
}

#[test]
fn a_call_ends_after_it_is_handed_over() {
    pairs_and_triples(End::HandOverAfter);
}

#[test]
fn a_handed_over_call_is_cancelled_by_its_hook() {
    pairs_and_triples(End::HandOverHook);
}

/// While a call is handed over, its engine is not known yet.
#[test]
fn a_cancel_during_the_hand_over_reaches_the_engine() {
    check(|| {
        let (promise, argument) = AsyncValue::<u8>::promise();
        let (told, kept) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let (tell, keep) = (told.clone(), kept.clone());
        let begin = move |_: u8, promise: Promise<u8>| {
            promise.on_cancel(move || {
                tell.store(true, Ordering::Relaxed);
                false
            });
            *keep.lock().expect("nothing panics") = Some(promise);
        };
        let call = HandOver::<Infallible, ()>::new(&HANDED_OVER);
        let value = call.start1(arg::<u8, Infallible, _>(argument), begin);
        let other = thread::spawn(move || promise.set(5));
        let never_begins = value.cancel();
        other.join().expect("it ended well");
        assert!(
            never_begins || told.load(Ordering::Relaxed),
            "neither is the call taken back nor does its engine hear"
        );
        drop(kept);
    });
}

#[test]
fn a_handed_over_call_is_abandoned() {
    pairs_and_triples(End::HandOverAbandoned);
}

#[test]
fn a_call_fails_before_it_is_handed_over() {
    pairs_and_triples(End::HandOverFails);
}

#[test]
fn a_call_is_lost_before_it_is_handed_over() {
    pairs_and_triples(End::HandOverLost);
}

#[test]
fn a_queued_call_is_cancelled() {
    pairs_and_triples(End::CancelQueued);
}

#[test]
fn a_queued_call_is_closed_out() {
    pairs_and_triples(End::Close);
}

#[test]
fn a_worker_runs_it() {
    pairs_and_triples(End::Run);
}

#[test]
fn it_panics_on_a_worker() {
    pairs_and_triples(End::RunPanic);
}

/// A submission stores into the queue and then looks at the flags, a worker does both the other way round. Without the fences
/// neither sees the other, and the second call stays where it is.
#[test]
fn a_call_comes_while_the_worker_stands_down() {
    check(|| {
        let pool = Pool::new(1);
        assert_eq!(pool.spawn(|| 1).get(), 1);
        assert_eq!(pool.spawn(|| 2).get(), 2);
    });
}
