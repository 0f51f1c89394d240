//! Values that the program sets, and values that are there from the start.

use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::panic::catch_unwind;
use std::thread;
use std::time::Duration;

use asynctools::AsCompleted;
use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::CallError;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::Shared;
use asynctools::TaskError;

use crate::helpers::DropCounter;
use crate::helpers::watched;

#[test]
fn set_from_elsewhere() {
    watched(|| {
        let (promise, value) = AsyncValue::promise();
        let setter = thread::spawn(move || promise.set("set"));
        assert_eq!(value.get(), "set");
        setter.join().expect("`set` does not panic");
    });
}

#[test]
fn has_nothing_to_cancel() {
    watched(|| {
        let drops = DropCounter::new();
        let (promise, value) = AsyncValue::promise();
        assert!(!value.cancel());
        drop(value);
        promise.set(drops.token());
        assert_eq!(drops.count(), 1, "nobody wants it: dropped at once");
    });
}

#[test]
fn abandoned_by_a_panic() {
    watched(|| {
        let (promise, value) = AsyncValue::<u8>::promise();
        let setter = thread::spawn(move || {
            let _promise = promise;
            panic!("before it is set");
        });
        assert!(matches!(value.outcome(), Err(TaskError::Abandoned)));
        assert!(setter.join().is_err());
    });
}

#[test]
fn abandoned_by_a_cancelled_call() {
    watched(|| {
        let pool = Pool::new(0);
        let (promise, value) = AsyncValue::promise();
        let setter = pool.spawn(move || promise.set(5));
        assert!(setter.cancel());
        assert!(matches!(value.outcome_timeout(Duration::ZERO), Ok(Err(TaskError::Abandoned))));
    });
}

/// A value may hold the promise of the next one: their ends are no recursion.
#[test]
fn promises_in_values() {
    struct Link(Option<AsyncValue<Link>>);
    watched(|| {
        let (first, mut last) = AsyncValue::<Link>::promise();
        for _ in 0..1_000 {
            let (promise, value) = AsyncValue::promise();
            promise.set(Link(Some(last)));
            last = value;
        }
        first.set(Link(None));
        let mut length = 0;
        let mut link = last.get();
        while let Some(value) = link.0 {
            (link, length) = (value.get(), length + 1);
        }
        assert_eq!(length, 1_000);
    });
}

#[test]
fn ready() {
    watched(|| {
        let drops = DropCounter::new();
        let value = AsyncValue::ready(drops.token());
        assert!(value.is_finished() && !value.is_error());
        assert!(value.wait_timeout(Duration::ZERO));
        drop(value);
        assert_eq!(drops.count(), 1);
        assert_eq!(AsyncValue::ready(5).try_get().ok(), Some(5));
        assert_eq!(AsyncValue::ready(5).get_timeout(Duration::MAX).ok(), Some(5));
        assert_eq!(futures::executor::block_on(AsyncValue::ready(5)), 5);
        assert!(!AsyncValue::ready(5).cancel());
    });
}

/// For every result that may be sent, whether it may be shared or not.
#[test]
fn handles_go_anywhere() {
    fn free<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin>() {}
    fn error<T: std::error::Error + Send + Sync + Clone>() {}
    type Odd = std::cell::RefCell<Box<dyn FnMut() + Send>>;
    free::<AsyncValue<Odd>>();
    free::<AsyncList<Odd>>();
    free::<AsCompleted<Odd>>();
    free::<Promise<Odd>>();
    free::<Shared<String>>();
    free::<Pool>();
    error::<TaskError>();
    error::<CallError<std::fmt::Error>>();

    watched(|| {
        let value = AsyncValue::ready(5);
        assert_eq!(catch_unwind(|| value.get()).ok(), Some(5));
    });
}
