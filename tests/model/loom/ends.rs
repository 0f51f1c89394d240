//! The ways in which a call ends, and what has to be true then.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

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

pub(crate) static HANDED_OVER: Function = Name("handed_over").within(module_path!());

/// How a call comes to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
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

/// A value that is counted, and that shows whether what was done before it was made can be seen.
pub(crate) struct Token {
    pub(crate) world: Arc<World>,
}

pub(crate) struct World {
    pub(crate) made: AtomicUsize,
    pub(crate) dropped: AtomicUsize,
    pub(crate) ended: Mark,
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
pub(crate) struct Upstream(Token, bool);

#[derive(Clone)]
pub(crate) struct Failed(Token);

impl From<Upstream> for Failed {
    fn from(Upstream(token, panics): Upstream) -> Self {
        if panics {
            resume_unwind(Box::new(token));
        }
        Self(token)
    }
}

pub(crate) type Outcome = Result<Token, Failed>;

/// A paused pool: nothing runs on it, but what ends by being run, with a panic or without.
#[derive(Clone)]
pub(crate) struct On(pub(crate) Arc<Pool>, End);

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
    pub(crate) fn next(&self, result: Outcome) {
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
pub(crate) fn call(end: End, on: &On, world: &Arc<World>) -> (AsyncValue<Outcome>, Box<dyn FnOnce() + Send>) {
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

pub(crate) fn check_outcome(end: End, outcome: &Result<Outcome, TaskError>) {
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
pub(crate) fn has_value(end: End) -> bool {
    let passed_on = matches!(end, End::Set | End::PassOn | End::HandOverFails);
    passed_on || matches!(end, End::HandOver | End::HandOverBefore | End::HandOverAfter | End::HandOverHook | End::Run)
}

pub(crate) fn world(end: End) -> (On, Arc<World>) {
    let world = World { made: AtomicUsize::new(0), dropped: AtomicUsize::new(0), ended: Mark::new(false) };
    (On(Arc::new(Pool::new(0)), end), Arc::new(world))
}
