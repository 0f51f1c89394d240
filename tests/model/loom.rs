//! One call under `loom`: each way to its end, beside each thing and each two things that others do with it, in every order
//! (with up to `PREEMPTIONS` of them against a thread's will) and with every value that weak memory may show.

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

use asynctools_model::AsyncValue;
use asynctools_model::Pool;
use asynctools_model::TaskError;
use asynctools_model::pooled;
use loom::sync::atomic::AtomicBool as Mark;
use loom::thread;

const PREEMPTIONS: usize = 2;

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

/// A paused pool: nothing runs on it.
#[derive(Clone)]
struct On(Arc<Pool>);

impl On {
    #[pooled(pool = self.0, crate = asynctools_model)]
    fn step(&self, token: Token) -> Result<Token, Failed> {
        unreachable!("nobody runs it, nor sees {:p}", &token)
    }

    #[pooled(pool = self.0, crate = asynctools_model)]
    fn next(&self, _result: Outcome) -> () {
        unreachable!("nobody runs it")
    }
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
    }
}

fn check_outcome(end: End, outcome: &Result<Outcome, TaskError>) {
    let right = match (end, outcome) {
        (End::Set, Ok(Ok(_))) | (End::PassOn, Ok(Err(_))) => true,
        (End::Abandon | End::LoseUpstream, Err(error)) => matches!(error.root(), TaskError::Abandoned),
        (End::Panic, Err(error)) => matches!(error, TaskError::Panicked(_)),
        (End::CancelQueued, Err(error)) => matches!(error, TaskError::Cancelled),
        (End::Close, Err(error)) => matches!(error, TaskError::Closed),
        _ => false,
    };
    assert!(right, "{end:?} is seen as {:?}", outcome.as_ref().map(|_| "a value"));
}

/// What a poll is ready with; the loss of a call is a panic there.
fn check_polled(end: End, polled: &std::thread::Result<Outcome>) {
    let has_value = matches!(end, End::Set | End::PassOn);
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

    /// The call has ended, and nobody else is there any more.
    fn check(mut self) {
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
        // Those that have their arguments stand in the queue, unless that was emptied; the others have ended.
        self.on.0.close();
        for next in self.next.drain(..) {
            let Err(error) = next.try_get_outcome() else { panic!("it never ran") };
            let lost = match self.end {
                _ if self.cancelled => matches!(error.root(), TaskError::Cancelled),
                End::Set | End::PassOn => matches!(error, TaskError::Closed),
                End::Abandon | End::LoseUpstream => matches!(error.root(), TaskError::Abandoned),
                End::Panic => matches!(error.root(), TaskError::Panicked(_)),
                End::CancelQueued => matches!(error.root(), TaskError::Cancelled),
                End::Close => matches!(error.root(), TaskError::Closed),
            };
            assert!(lost, "{:?} is seen as {error} by the next call", self.end);
        }
        let world = self.world.clone();
        drop(self);
        assert_eq!(world.made.load(Ordering::Relaxed), world.dropped.load(Ordering::Relaxed), "dropped once each");
    }
}

/// The outcome of a call that has ended.
trait TryGetOutcome<T> {
    fn try_get_outcome(self) -> Result<T, TaskError>;
}

impl<T> TryGetOutcome<T> for AsyncValue<T> {
    fn try_get_outcome(self) -> Result<T, TaskError> {
        assert!(self.is_finished(), "it has not ended");
        self.outcome()
    }
}

/// A poll of a lost call panics. That is no news.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let expected = info.payload_as_str().is_some_and(|text| text.contains("tests/model/loom.rs"));
            if !expected {
                shown(info);
            }
        }));
    });
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    quiet();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.max_branches = 10_000;
    builder.check(model);
}

fn world() -> (On, Arc<World>) {
    let world = World { made: AtomicUsize::new(0), dropped: AtomicUsize::new(0), ended: Mark::new(false) };
    (On(Arc::new(Pool::new(0))), Arc::new(world))
}

/// One thread ends the call, while its owner does these things, one after the other.
fn one_owner(end: End, ops: &'static [Op]) {
    check(move || {
        let (on, world) = world();
        let (value, act) = call(end, &on, &world);
        let mut owner = Owner {
            end,
            on,
            world,
            value: Some(value),
            wakes: Default::default(),
            pending: None,
            forgotten: false,
            next: Vec::new(),
            cancelled: false,
        };
        let other = thread::spawn(act);
        for op in ops {
            owner.act(*op);
        }
        other.join().expect("it ended well");
        owner.check();
    });
}

fn pairs_and_triples(end: End) {
    let leak = |ops: Vec<Op>| -> &'static [Op] { ops.leak() };
    for last in LOOKING.iter().chain(LAST) {
        println!("{end:?} {last:?}");
        one_owner(end, leak(vec![*last]));
        for first in LOOKING {
            let start = std::time::Instant::now();
            one_owner(end, leak(vec![*first, *last]));
            println!("{end:?} {first:?} {last:?} {:?}", start.elapsed());
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
fn a_queued_call_is_cancelled() {
    pairs_and_triples(End::CancelQueued);
}

#[test]
fn a_queued_call_is_closed_out() {
    pairs_and_triples(End::Close);
}
