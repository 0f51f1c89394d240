//! Many calls that end together end in phases: user code that one of the ends runs finds all of the calls ended, and their room
//! in the queue free.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::Bomb;
use crate::helpers::DropCounter;
use crate::helpers::lock;
use crate::hooks::AtDrop;
use crate::hooks::Wakes;
use crate::hooks::poll;
use crate::process::alone;

/// The ways to end two calls in the queue of a paused pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    CancelQueued,
    Close,
    /// The pool gets workers, and the system refuses the threads.
    Refusal,
    CancelList,
    First,
}

static OTHER: Pool = Pool::new(1);

#[pooled(pool = OTHER)]
fn follow(_end: ()) {}

#[pooled(pool = OTHER)]
fn follow_with(_end: (), _argument: AtDrop) {}

#[pooled(pool = OTHER)]
fn follow_all(_arguments: Vec<AtDrop>, _end: ()) {}

#[pooled(pool = OTHER)]
fn follow_fragile(_argument: AtDrop, _fragile: Fragile) {}

/// Cannot be cloned.
struct Fragile;

impl Clone for Fragile {
    fn clone(&self) -> Self {
        panic!("a clone is refused")
    }
}

impl By {
    /// A paused pool with room for two calls.
    fn pool(self) -> Arc<Pool> {
        let builder = Pool::builder().workers(0).queue(2);
        let builder = if self == Self::Refusal { builder.stack_size(1 << 46) } else { builder };
        Arc::new(builder.build().expect("nothing to refuse"))
    }

    fn end(self, pool: &Pool, calls: [AsyncValue<()>; 2]) {
        let mut calls: AsyncList<()> = calls.into_iter().collect();
        match self {
            Self::CancelQueued => assert_eq!(pool.cancel_queued(), 2),
            Self::Close => pool.close(),
            Self::Refusal => pool.set_workers(2),
            Self::CancelList => return assert_eq!(calls.cancel(), 2),
            Self::First => {
                calls.push(AsyncValue::ready(()));
                return assert_eq!(calls.first(), Some(()));
            }
        }
        assert!(calls.outcomes().iter().all(|end| end.as_ref().is_err_and(|error| self.explains(error))));
    }

    fn explains(self, error: &TaskError) -> bool {
        match self {
            Self::CancelQueued | Self::CancelList | Self::First => {
                matches!(error.root(), TaskError::Cancelled)
            }
            Self::Close => matches!(error.root(), TaskError::Closed),
            Self::Refusal => matches!(error.root(), TaskError::Spawn(_)),
        }
    }
}

/// A handle that is put here after the code that waits for it was made.
type Later = Arc<Mutex<Option<AsyncValue<()>>>>;

/// Waits for a handle that is made later, and reports the end.
fn wait_later() -> (Later, mpsc::Receiver<TaskError>, impl FnOnce() + Send + 'static) {
    let (sender, seen) = mpsc::channel();
    let later = Later::default();
    let handle = later.clone();
    let wait = move || {
        let handle = lock(&handle).take().expect("made before the end");
        sender.send(handle.outcome().expect_err("the call never runs")).expect("the test waits");
    };
    (later, seen, wait)
}

/// The argument of the first call waits for the second one when it is dropped, and of the second for the first.
fn a_drop_waits(by: By) {
    let pool = by.pool();
    let ((second, first_seen, first_drop), (first, second_seen, second_drop)) = (wait_later(), wait_later());
    let (first_drop, second_drop) = (AtDrop::new(first_drop), AtDrop::new(second_drop));
    let calls = [pool.spawn(move || drop(first_drop)), pool.spawn(move || drop(second_drop))];
    *lock(&first) = Some(follow(&calls[0]));
    *lock(&second) = Some(follow(&calls[1]));
    by.end(&pool, calls);
    for seen in [first_seen, second_seen] {
        let error = seen.recv().expect("it was dropped");
        assert!(by.explains(&error), "{by:?}: {error}");
    }
}

/// The room of both calls is free when the argument of the first one is dropped.
fn a_drop_submits(by: By) {
    let (pool, (sender, receiver)) = (by.pool(), mpsc::channel());
    let inner = pool.clone();
    let submit = AtDrop::new(move || {
        let queued = inner.stats().queued;
        let calls = [inner.spawn(|| ()), inner.spawn(|| ())];
        sender.send((queued, calls)).expect("the test waits");
    });
    let calls = [pool.spawn(move || drop(submit)), pool.spawn(|| ())];
    by.end(&pool, calls);
    let (queued, calls) = receiver.recv().expect("it was dropped");
    assert_eq!(queued, 0, "{by:?}: one of the calls was not out of the queue");
    match by {
        By::Close | By::Refusal => {
            assert!(calls.into_iter().all(|call| call.outcome().is_err_and(|error| by.explains(&error))), "{by:?}");
        }
        _ => assert_eq!(pool.stats().queued, 2, "{by:?}"),
    }
}

/// The ender hears nothing of the panics, and each call ends.
fn drops_panic(by: By) {
    let (pool, drops) = (by.pool(), DropCounter::new());
    let bombs = [drops.bomb(), drops.bomb()];
    let calls = bombs.map(|bomb| pool.spawn(move || drop(bomb)));
    let ends = [follow(&calls[0]), follow(&calls[1])];
    by.end(&pool, calls);
    for end in ends {
        let error = end.outcome().expect_err("the call never runs");
        assert!(by.explains(&error), "{by:?}: {error}");
    }
    assert_eq!(drops.count(), 2, "{by:?}");
}

/// A call that follows the first one drops an argument, which waits for the second.
fn a_follower_waits(by: By) {
    let pool = by.pool();
    let (second, seen, wait) = wait_later();
    let calls = [pool.spawn(|| ()), pool.spawn(|| ())];
    let follower = follow_with(&calls[0], AtDrop::new(wait));
    *lock(&second) = Some(follow(&calls[1]));
    by.end(&pool, calls);
    let error = seen.recv().expect("it was dropped");
    assert!(by.explains(&error), "{by:?}: {error}");
    assert!(follower.outcome().is_err());
}

/// A task that waits for the first call waits for the second when it is woken.
fn a_waker_waits(by: By) {
    let pool = by.pool();
    let (second, seen, wait) = wait_later();
    let mut calls = [pool.spawn(|| ()), pool.spawn(|| ())];
    assert!(!poll(&mut calls[0], &Wakes::waker(wait)));
    *lock(&second) = Some(follow(&calls[1]));
    by.end(&pool, calls);
    let error = seen.recv().expect("it was woken");
    assert!(by.explains(&error), "{by:?}: {error}");
}

/// Both tasks are woken, although the first waker panics.
fn wakers_panic(by: By) {
    let (pool, woken) = (by.pool(), DropCounter::new());
    let mut calls = [pool.spawn(|| ()), pool.spawn(|| ())];
    for call in &mut calls {
        let bomb = woken.bomb();
        assert!(!poll(call, &Wakes::waker(move || drop(bomb))));
    }
    let ends = [follow(&calls[0]), follow(&calls[1])];
    by.end(&pool, calls);
    for end in ends {
        let error = end.outcome().expect_err("the call never runs");
        assert!(by.explains(&error), "{by:?}: {error}");
    }
    assert_eq!(woken.count(), 2, "{by:?}");
}

/// Returns the end of a call that `make` makes with an argument that waits, in its `Drop`, for the call; `end` brings the end about.
fn end_seen_by_argument(make: impl FnOnce(AtDrop) -> AsyncValue<()>, end: impl FnOnce()) -> TaskError {
    let (later, seen, wait) = wait_later();
    *lock(&later) = Some(follow(make(AtDrop::new(wait))));
    end();
    seen.recv().expect("it was dropped")
}

/// What a call does not run with is dropped after the end of the call is there: a `Drop` may wait for it.
#[test]
fn a_lost_follower_has_ended_when_its_argument_is_dropped() {
    alone(|| {
        let (promise, value) = AsyncValue::<()>::promise();
        let error = end_seen_by_argument(|argument| follow_with(value, argument), || drop(promise));
        assert!(matches!(error.root(), TaskError::Abandoned), "{error}");
    });
}

#[test]
fn a_lost_follower_has_ended_when_a_list_is_dropped() {
    alone(|| {
        let (promise, value) = AsyncValue::<()>::promise();
        let list = |argument| [AsyncValue::ready(argument)].into_iter().collect::<AsyncList<AtDrop>>();
        let error = end_seen_by_argument(|argument| follow_all(list(argument), value), || drop(promise));
        assert!(matches!(error.root(), TaskError::Abandoned), "{error}");
    });
}

#[test]
fn a_follower_whose_clone_panics_has_ended_when_its_argument_is_dropped() {
    alone(|| {
        let (promise, value) = AsyncValue::<Fragile>::promise();
        let shared = value.shared();
        let error = end_seen_by_argument(|argument| follow_fragile(argument, &shared), || promise.set(Fragile));
        assert!(matches!(error.root(), TaskError::Panicked(_)), "{error}");
    });
}

/// A result that panics when it is dropped, unless it is the wanted one.
enum Prize {
    Wanted,
    Bomb { _bomb: Bomb },
}

impl Prize {
    fn bomb(drops: &DropCounter) -> Self {
        Self::Bomb { _bomb: drops.bomb() }
    }
}

/// Two ended losers panic when they are dropped; the winner gets home, and the call that has not begun is cancelled.
#[test]
fn losers_panic_in_first() {
    alone(|| {
        let (pool, drops) = (Pool::new(0), DropCounter::new());
        let ended = [Prize::Wanted, Prize::bomb(&drops), Prize::bomb(&drops)].map(AsyncValue::ready);
        let list: AsyncList<_> = ended.into_iter().chain([pool.spawn(|| Prize::Wanted)]).collect();
        assert!(matches!(list.first(), Some(Prize::Wanted)));
        assert_eq!((drops.count(), pool.stats().cancelled), (2, 1));
    });
}

#[test]
fn losers_panic_in_first_timeout() {
    alone(|| {
        let (pool, drops) = (Pool::new(0), DropCounter::new());
        let ended = [Prize::Wanted, Prize::bomb(&drops), Prize::bomb(&drops)].map(AsyncValue::ready);
        let list: AsyncList<_> = ended.into_iter().chain([pool.spawn(|| Prize::Wanted)]).collect();
        assert!(matches!(list.first_timeout(Duration::from_secs(1)), Ok(Some(Prize::Wanted))));
        assert_eq!((drops.count(), pool.stats().cancelled), (2, 1));
    });
}

#[test]
fn losers_and_errors_panic_in_first_ok() {
    alone(|| {
        let (pool, drops) = (Pool::new(0), DropCounter::new());
        let ended = [Err(Prize::bomb(&drops)), Ok(Prize::Wanted), Ok(Prize::bomb(&drops)), Ok(Prize::bomb(&drops))];
        let ended = ended.map(AsyncValue::ready);
        let list: AsyncList<_> = ended.into_iter().chain([pool.spawn(|| Ok(Prize::Wanted))]).collect();
        assert!(matches!(list.first_ok(), Ok(Prize::Wanted)));
        assert_eq!((drops.count(), pool.stats().cancelled), (3, 1));
    });
}

/// A result that panics when it is dropped leaves no call uncancelled, wherever the panic goes.
#[test]
fn a_result_panics_in_cancel() {
    alone(|| {
        let (pool, drops) = (Pool::new(0), DropCounter::new());
        let list: AsyncList<_> =
            [pool.spawn(|| Prize::Wanted), AsyncValue::ready(Prize::bomb(&drops))].into_iter().collect();
        let _ = catch_unwind(AssertUnwindSafe(move || list.cancel()));
        assert_eq!((drops.count(), pool.stats().cancelled), (1, 1));
    });
}

/// Each in a process of its own: a hang keeps threads, and a second panic may end the process.
macro_rules! all {
    ($($name:ident: $by:ident,)*) => {$(
        mod $name {
            use crate::phases::By;
            use crate::process::alone;

            all!(@ By::$by, a_drop_waits, a_drop_submits, drops_panic, a_follower_waits, a_waker_waits, wakers_panic);
        }
    )*};
    (@ $by:expr, $($test:ident),*) => {$(
        #[test]
        fn $test() {
            alone(|| crate::phases::$test($by));
        }
    )*};
}

all! {
    cancel_queued: CancelQueued,
    close: Close,
    refusal: Refusal,
    list_cancel: CancelList,
    list_first: First,
}
