//! One call under `loom`: each way to its end, beside each thing and each two things that others do with it, in every order
//! and with every value that weak memory may show. A thread is interrupted `PREEMPTIONS` times at most, or as often as
//! `MODEL_PREEMPTIONS` says; with 100 that is no limit, and takes minutes.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::time::Duration;

use asynctools_model::__private::Function;
use asynctools_model::__private::HandOver;
use asynctools_model::__private::Name;
use asynctools_model::__private::arg;
use asynctools_model::AsyncValue;
use asynctools_model::Pool;
use asynctools_model::Promise;
use asynctools_model::TaskError;
use asynctools_model::pooled;
use loom::sync::Mutex;
use loom::sync::atomic::AtomicBool as Mark;
use loom::thread;

const PREEMPTIONS: usize = 2;

static HANDED_OVER: Function = Name("handed_over").within(module_path!());

/// So many looks at the clock are in a wait with a time-out: it is over before it parks, or after it parked once.
const LOOKS: [Duration; 2] = [Duration::from_nanos(1), Duration::from_nanos(2)];

/// How a call comes to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// Its promise is set.
    Set,
    /// Its promise is dropped.
    Abandon,
    /// The call that it needs ends with an error, which it passes on.
    PassOn,
    /// As before, and the conversion of the error panics.
    Panic,
    /// The call that it needs is lost.
    LoseUpstream,
    /// It is cancelled in the queue of its pool.
    CancelQueued,
    /// Its pool is closed before it ran.
    Close,
    /// It is handed over when its argument is there, and its promise is set.
    HandOver,
    /// It was handed over at the call, since its argument was there, and its promise is set.
    HandOverBefore,
    /// It is handed over when its argument is there, and its promise is set after that.
    HandOverAfter,
    /// As before, but its hook ends the promise, if a cancel comes before the other engine begins.
    HandOverHook,
    /// It is handed over, and the other engine drops its promise.
    HandOverAbandoned,
    /// Its argument fails, so that it is not handed over.
    HandOverFails,
    /// Its argument is lost.
    HandOverLost,
    /// A worker runs it.
    Run,
    /// A worker runs it, and it panics.
    RunPanic,
}

/// What the owner of its handle does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Look,
    TimedGet(Duration),
    /// With that waker.
    Poll(usize),
    /// Makes a call that needs a clone of the result.
    Register,
    Get,
    /// Makes the result an argument of a call.
    Pass,
    Drop,
    Cancel,
}

/// After these the owner has the handle still, unless the call has ended.
const LOOKING: &[Op] =
    &[Op::Look, Op::TimedGet(LOOKS[0]), Op::TimedGet(LOOKS[1]), Op::Poll(0), Op::Poll(1), Op::Register];
const LAST: &[Op] = &[Op::Get, Op::Pass, Op::Drop, Op::Cancel];

/// A value that is counted, and that shows whether what was done before it was made can be seen.
struct Token {
    world: Arc<World>,
}

struct World {
    made: AtomicUsize,
    dropped: AtomicUsize,
    ended: Mark,
}

impl Token {
    fn new(world: &Arc<World>) -> Self {
        world.made.fetch_add(1, Ordering::Relaxed);
        Self { world: world.clone() }
    }
}

impl Clone for Token {
    fn clone(&self) -> Self {
        Self::new(&self.world)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.world.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The error of the call that is needed, and whether its conversion panics.
struct Upstream(Token, bool);

#[derive(Clone)]
struct Failed(Token);

impl From<Upstream> for Failed {
    fn from(Upstream(token, panics): Upstream) -> Self {
        if panics {
            resume_unwind(Box::new(token));
        }
        Self(token)
    }
}

type Outcome = Result<Token, Failed>;

/// A paused pool: nothing runs on it, but what ends by being run, with a panic or without.
#[derive(Clone)]
struct On(Arc<Pool>, End);

impl On {
    #[pooled(pool = self.0, crate = asynctools_model)]
    fn step(&self, token: Token) -> Result<Token, Failed> {
        token.world.ended.store(true, Ordering::Relaxed);
        match self.1 {
            End::Run => Ok(token),
            End::RunPanic => resume_unwind(Box::new(token)),
            end => unreachable!("with {end:?} nobody runs it"),
        }
    }

    #[pooled(pool = self.0, crate = asynctools_model)]
    fn next(&self, result: Outcome) {
        assert!(self.1 == End::Run && result.is_ok(), "with {:?} nobody runs it", self.1);
    }
}

/// Another engine: what it was given, until it begins.
#[derive(Default)]
struct Engine(Mutex<Option<(Token, Promise<Outcome>)>>);

impl Engine {
    fn give(&self, token: Token, promise: Promise<Outcome>) {
        *self.0.lock().expect("nothing panics") = Some((token, promise));
    }

    fn take(&self) -> Option<(Token, Promise<Outcome>)> {
        self.0.lock().expect("nothing panics").take()
    }
}

fn end_cancelled(promise: Promise<Outcome>) -> bool {
    promise.end_with(TaskError::Cancelled);
    true
}

/// A call that ends in that way when the other thing is called.
fn call(end: End, on: &On, world: &Arc<World>) -> (AsyncValue<Outcome>, Box<dyn FnOnce() + Send>) {
    let (seen, on) = (world.clone(), on.clone());
    let mark = move || seen.ended.store(true, Ordering::Relaxed);
    let token = Token::new(world);
    let (promise, value) = AsyncValue::promise();
    match end {
        End::Set => {
            let act = move || {
                mark();
                promise.set(Ok(token));
            };
            (value, Box::new(act))
        }
        End::Abandon => {
            let act = move || {
                mark();
                drop((promise, token));
            };
            (value, Box::new(act))
        }
        End::PassOn | End::Panic | End::LoseUpstream => {
            let (promise, value) = AsyncValue::<Result<Token, Upstream>>::promise();
            let value = on.step(value);
            let act = move || {
                mark();
                if end == End::LoseUpstream {
                    drop((promise, token));
                } else {
                    promise.set(Err(Upstream(token, end == End::Panic)));
                }
            };
            (value, Box::new(act))
        }
        End::HandOverBefore | End::HandOverAfter | End::HandOverHook | End::HandOverAbandoned => {
            let (promise, argument) = AsyncValue::<Result<Token, Upstream>>::promise();
            let engine = Arc::new(Engine::default());
            let (there, hook) = (engine.clone(), end == End::HandOverHook);
            let begin = move |token, promise: Promise<Outcome>| {
                if hook {
                    let engine = there.clone();
                    promise.on_cancel(move || engine.take().is_some_and(|(_, promise)| end_cancelled(promise)));
                }
                there.give(token, promise);
            };
            let call = HandOver::<Failed, ()>::new(&HANDED_OVER);
            let (value, argument) = if end == End::HandOverBefore {
                (call.try_start1(arg::<Token, Failed, _>(token), begin), None)
            } else {
                (call.try_start1(arg::<Token, Failed, _>(argument), begin), Some((promise, token)))
            };
            let act = move || {
                if let Some((promise, token)) = argument {
                    promise.set(Ok(token));
                }
                // Nothing is there after a cancel that came sooner.
                if let Some((token, promise)) = engine.take() {
                    mark();
                    match end {
                        End::HandOverAbandoned => drop((token, promise)),
                        _ => promise.set(Ok(token)),
                    }
                }
            };
            (value, Box::new(act))
        }
        End::HandOver | End::HandOverFails | End::HandOverLost => {
            let (promise, argument) = AsyncValue::<Result<Token, Upstream>>::promise();
            let argument = arg::<Token, Failed, _>(argument);
            let value = HandOver::<Failed, ()>::new(&HANDED_OVER)
                .try_start1(argument, |token, promise: Promise<Outcome>| promise.set(Ok(token)));
            let act = move || {
                mark();
                match end {
                    End::HandOver => promise.set(Ok(token)),
                    End::HandOverFails => promise.set(Err(Upstream(token, false))),
                    _ => drop((promise, token)),
                }
            };
            (value, Box::new(act))
        }
        End::CancelQueued | End::Close => {
            let value = on.step(token);
            let act = move || {
                mark();
                if end == End::Close {
                    on.0.close();
                } else {
                    on.0.cancel_queued();
                }
            };
            (value, Box::new(act))
        }
        End::Run | End::RunPanic => {
            let value = on.step(token);
            let act = move || on.0.set_workers(1);
            (value, Box::new(act))
        }
    }
}

fn check_outcome(end: End, outcome: &Result<Outcome, TaskError>) {
    let right = match (end, outcome) {
        (
            End::Set | End::HandOver | End::HandOverBefore | End::HandOverAfter | End::HandOverHook | End::Run,
            Ok(Ok(token)),
        )
        | (End::PassOn | End::HandOverFails, Ok(Err(Failed(token)))) => token.world.ended.load(Ordering::Relaxed),
        (End::Abandon | End::LoseUpstream | End::HandOverAbandoned | End::HandOverLost, Err(error)) => {
            matches!(error.root(), TaskError::Abandoned)
        }
        (End::Panic | End::RunPanic, Err(error)) => matches!(error, TaskError::Panicked(_)),
        (End::CancelQueued, Err(error)) => matches!(error, TaskError::Cancelled),
        (End::Close, Err(error)) => matches!(error, TaskError::Closed),
        _ => false,
    };
    assert!(right, "{end:?} is seen as {:?}", outcome.as_ref().map(|_| "a value"));
}

/// Whether the call ends with a value, unless it is cancelled.
fn has_value(end: End) -> bool {
    let passed_on = matches!(end, End::Set | End::PassOn | End::HandOverFails);
    passed_on || matches!(end, End::HandOver | End::HandOverBefore | End::HandOverAfter | End::HandOverHook | End::Run)
}

/// What a poll is ready with; the loss of a call is a panic there.
fn check_polled(end: End, polled: &std::thread::Result<Outcome>) {
    let has_value = has_value(end);
    assert_eq!(polled.is_ok(), has_value, "{end:?} is polled otherwise");
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the owner did, and what has to be true in the end.
struct Owner {
    end: End,
    on: On,
    world: Arc<World>,
    value: Option<AsyncValue<Outcome>>,
    wakes: [Arc<Wakes>; 2],
    /// The waker of the last poll that was not ready.
    pending: Option<usize>,
    /// A later poll was, or the handle was dropped: the waker need not be woken any more.
    forgotten: bool,
    next: Vec<AsyncValue<()>>,
    cancelled: bool,
}

impl Owner {
    fn act(&mut self, op: Op) {
        let Some(mut value) = self.value.take() else { return };
        match op {
            Op::Look => {
                if value.is_finished() {
                    assert!(self.world.ended.load(Ordering::Relaxed), "what came before the end is not there");
                }
                self.value = Some(value);
            }
            Op::TimedGet(time) => match value.outcome_timeout(time) {
                Ok(outcome) => check_outcome(self.end, &outcome),
                Err(value) => self.value = Some(value),
            },
            Op::Poll(number) => {
                let waker = Waker::from(self.wakes[number].clone());
                self.forgotten = true;
                let mut poll = || Pin::new(&mut value).poll(&mut Context::from_waker(&waker));
                match catch_unwind(AssertUnwindSafe(&mut poll)) {
                    Ok(Poll::Pending) => {
                        self.forgotten = false;
                        self.pending = Some(number);
                        self.value = Some(value);
                    }
                    Ok(Poll::Ready(outcome)) => check_polled(self.end, &Ok(outcome)),
                    Err(payload) => check_polled(self.end, &Err(payload)),
                }
            }
            Op::Register => {
                self.next.push(self.on.next(&value));
                self.value = Some(value);
            }
            Op::Get => check_outcome(self.end, &value.outcome()),
            Op::Pass => {
                let outcome = value.zip(AsyncValue::ready(())).outcome();
                check_outcome(self.end, &outcome.map(|(outcome, ())| outcome).map_err(|error| error.root().clone()));
            }
            Op::Drop => {
                self.forgotten = true;
                drop(value);
            }
            Op::Cancel => {
                self.cancelled = value.cancel();
                self.forgotten = !self.cancelled;
            }
        }
    }

    /// Nobody else is there any more, but a worker.
    fn check(mut self) {
        // What stands in the queue and is not for the worker ends.
        self.on.0.close();
        let woken = self.wakes.each_ref().map(|wakes| wakes.0.load(Ordering::Relaxed));
        if let Some(last) = self.pending {
            let allowed = if self.forgotten { 0..=1 } else { 1..=1 };
            assert!(allowed.contains(&woken[last]), "the last waker was woken {} times", woken[last]);
            assert_eq!(woken[1 - last], 0, "a waker that was replaced");
        } else {
            assert_eq!(woken, [0, 0], "woken, and never pending");
        }
        if let Some(value) = self.value.take() {
            assert!(value.is_finished());
            check_outcome(self.end, &value.outcome());
        }
        for next in self.next.drain(..) {
            assert!(next.is_finished());
            let Err(error) = next.outcome() else {
                assert_eq!((self.end, self.cancelled), (End::Run, false), "the next call never ran");
                continue;
            };
            let lost = match self.end {
                _ if self.cancelled => matches!(error.root(), TaskError::Cancelled),
                end if has_value(end) => matches!(error, TaskError::Closed),
                End::CancelQueued => matches!(error.root(), TaskError::Cancelled),
                End::Close => matches!(error.root(), TaskError::Closed),
                End::Panic | End::RunPanic => matches!(error.root(), TaskError::Panicked(_)),
                _ => matches!(error.root(), TaskError::Abandoned),
            };
            assert!(lost, "{:?} is seen as {error} by the next call", self.end);
        }
        let world = self.world.clone();
        drop(self);
        assert_eq!(world.made.load(Ordering::Relaxed), world.dropped.load(Ordering::Relaxed), "dropped once each");
    }
}

/// A poll of a lost call panics. That is no news.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<String>();
            let expected = text.is_some_and(|text| text.contains("tests/model/loom.rs"));
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

fn world(end: End) -> (On, Arc<World>) {
    let world = World { made: AtomicUsize::new(0), dropped: AtomicUsize::new(0), ended: Mark::new(false) };
    (On(Arc::new(Pool::new(0)), end), Arc::new(world))
}

impl Owner {
    fn new(end: End, on: On, world: Arc<World>, value: AsyncValue<Outcome>) -> Self {
        let (value, wakes) = (Some(value), Default::default());
        Self { end, on, world, value, wakes, pending: None, forgotten: false, next: Vec::new(), cancelled: false }
    }
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
        Owner { next: next.collect(), ..Owner::new(end, on, world, value) }.check();
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
