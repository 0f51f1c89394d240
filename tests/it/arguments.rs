//! How a call ends of which an argument has no value: the first such argument in the order of the parameters counts.

use std::panic::panic_any;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::Bomb;
use crate::helpers::DropCounter;
use crate::helpers::watched;

static POOL: Pool = Pool::new(1);

/// Has no clones.
struct Brittle;

impl Clone for Brittle {
    fn clone(&self) -> Self {
        panic!("no copies")
    }
}

#[pooled(pool = POOL)]
fn brittle_first(_first: Brittle, _second: u8) {
    unreachable!("runs without its arguments")
}

#[pooled(pool = POOL)]
fn brittle_second(_first: u8, _second: Brittle) {
    unreachable!("runs without its arguments")
}

/// A handle that is lost, before or after the call is made.
fn lost(sooner: bool) -> (Option<Promise<u8>>, AsyncValue<u8>) {
    let (promise, value) = AsyncValue::promise();
    ((!sooner).then_some(promise), value)
}

fn there(sooner: bool) -> (Option<Promise<Brittle>>, AsyncValue<Brittle>) {
    let (promise, value) = AsyncValue::promise();
    if sooner {
        promise.set(Brittle);
        return (None, value);
    }
    (Some(promise), value)
}

#[test]
fn the_first_argument_without_a_value_counts_also_if_its_clone_panicked() {
    watched(|| {
        for (clones_sooner, ends_sooner) in [(true, true), (true, false), (false, true), (false, false)] {
            let (to_set, brittle) = there(clones_sooner);
            let (to_drop, gone) = lost(ends_sooner);
            let (other_to_drop, also_gone) = lost(ends_sooner);
            let first = brittle_first(&brittle, gone);
            let second = brittle_second(also_gone, &brittle);
            if let Some(promise) = to_set {
                promise.set(Brittle);
            }
            drop((to_drop, other_to_drop));
            let error = first.outcome().unwrap_err();
            assert!(matches!(&error, TaskError::Panicked(panic) if panic.message() == "no copies"), "{error}");
            assert!(error.to_string().starts_with("brittle_first ("), "{error}");
            let error = second.outcome().unwrap_err();
            assert!(matches!(error.root(), TaskError::Abandoned), "{error}");
            assert!(error.to_string().ends_with("dropped unset (+1 other)"), "{error}");
        }
    });
}

#[test]
fn a_call_whose_argument_cannot_be_cloned_needs_no_worker() {
    watched(|| {
        static PAUSED: Pool = Pool::new(0);
        #[pooled(pool = PAUSED)]
        fn takes(_brittle: Brittle) {}
        let value = AsyncValue::ready(Brittle);
        let call = takes(&value);
        assert!(call.is_error());
        assert!(matches!(call.outcome(), Err(TaskError::Panicked(_))));
        assert_eq!(PAUSED.stats().queued, 0);
    });
}

/// An error whose `From` panics.
struct Unfit;
#[derive(Debug)]
struct Failed;

impl From<Unfit> for Failed {
    fn from(_: Unfit) -> Self {
        panic_any(7_u8)
    }
}

#[pooled(pool = POOL)]
fn with_bomb(_first: u8, _bomb: Bomb, _last: Vec<u8>) -> Result<u8, Failed> {
    unreachable!("runs without its arguments")
}

/// Unwound through the other arguments, the panic would meet the one of their `Drop`, and the process would abort.
#[test]
fn a_panic_of_from_does_not_meet_the_drop_of_other_arguments() {
    watched(|| {
        let drops = DropCounter::new();
        for sooner in [true, false] {
            let (promise, failing) = AsyncValue::<Result<u8, Unfit>>::promise();
            let (to_set, more) = AsyncValue::<Result<u8, Unfit>>::promise();
            let list = AsyncList::from(vec![more]);
            let call = if sooner {
                promise.set(Err(Unfit));
                with_bomb(failing, drops.bomb(), list)
            } else {
                let call = with_bomb(failing, drops.bomb(), list);
                promise.set(Err(Unfit));
                call
            };
            assert!(!call.is_finished());
            to_set.set(Ok(1));
            let Err(TaskError::Panicked(panic)) = call.outcome() else { unreachable!("its `From` panicked") };
            assert_eq!(panic.take_payload().unwrap().downcast_ref(), Some(&7_u8));
        }
        assert_eq!(drops.count(), 2);
        assert_eq!(POOL.spawn(|| 5).get(), 5);
    });
}

/// A shared result is cloned by the call that wants it, and so not if that call never runs.
#[test]
fn a_shared_argument_of_a_stopped_call_is_not_cloned() {
    watched(|| {
        let (to_drop, gone) = lost(false);
        let shared = AsyncValue::ready(Brittle).shared();
        let call = brittle_first(&shared, gone);
        drop(to_drop);
        let error = call.outcome().unwrap_err();
        assert!(matches!(error.root(), TaskError::Abandoned), "{error}");
        assert!(matches!(brittle_first(&shared, 1).outcome(), Err(TaskError::Panicked(_))));
    });
}
