//! Values that calls borrow one after another: who holds them, and what becomes of them.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools::AsyncList;
use asynctools::PerWorker;
use asynctools::PerWorkerGuard;
use asynctools::Pool;
use asynctools::pooled;

use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::Gauge;
use crate::helpers::Token;
use crate::helpers::watched;

#[test]
fn there_are_at_most_as_many_values_as_holders() {
    watched(|| {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        static VALUES: PerWorker<Vec<u32>> = PerWorker::new();
        let (pool, gauge) = (Pool::new(4), Gauge::new());
        let calls: AsyncList<_> = pool.map(0..1000, {
            let gauge = gauge.clone();
            move |n| {
                let _inside = gauge.enter();
                let mut value = VALUES.get_or_init(|| {
                    MADE.fetch_add(1, Ordering::SeqCst);
                    Vec::new()
                });
                value.push(n);
                value.len()
            }
        });
        calls.get();
        let made = MADE.load(Ordering::SeqCst);
        assert!(made <= gauge.most(), "{made} values for {} holders", gauge.most());
        assert_eq!(VALUES.len(), made);
        let mut all: Vec<u32> = (0..made)
            .flat_map(|_| {
                let mut value = VALUES.get_or_init(Vec::new);
                let numbers = std::mem::take(&mut *value);
                value.discard();
                numbers
            })
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>(), "a value had two holders");
    });
}

#[test]
fn what_was_given_back_last_goes_out_first() {
    let values = PerWorker::new();
    let (one, two) = (values.get_or_init(|| 1), values.get_or_init(|| 2));
    drop(one);
    drop(two);
    let again = values.get_or_init(|| 3);
    assert_eq!((*again, *values.get_or_init(|| 3)), (2, 1));
    assert_eq!(*values.get_or_init(|| 3), 1);
}

#[test]
fn idle_values_can_be_taken_out() {
    watched(|| {
        let drops = DropCounter::new();
        let values: PerWorker<(u32, Token)> = PerWorker::new();
        let made: Vec<_> = (0..3).map(|n| values.get_or_init(|| (n, drops.token()))).collect();
        assert_eq!(values.drain().len(), 0, "a held value is not idle");
        let mut made = made.into_iter();
        let held = made.next();
        made.for_each(drop);
        let mut idle = values.drain();
        idle.sort_by_key(|(n, _)| *n);
        assert_eq!(idle.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((values.len(), drops.count()), (0, 0));
        // A holder gives its value back as before.
        drop(held);
        assert_eq!(values.get_or_init(|| unreachable!("one is idle")).0, 0);
        drop(idle);
        assert_eq!(drops.count(), 2);
        assert_eq!((values.drain().len(), values.drain().len()), (1, 0));
        assert_eq!(drops.count(), 3);
    });
}

#[test]
fn values_are_dropped_once() {
    watched(|| {
        let drops = DropCounter::new();
        let values: PerWorker<Token> = PerWorker::default();
        let guards: Vec<_> = (0..3).map(|_| values.get_or_init(|| drops.token())).collect();
        assert_eq!((values.len(), values.clear()), (0, 0));
        drop(guards);
        assert_eq!((values.len(), drops.count()), (3, 0));
        values.get_or_init(|| drops.token()).discard();
        assert_eq!((values.len(), drops.count()), (2, 1));
        assert_eq!((values.clear(), values.len(), drops.count()), (2, 0, 3));
        drop(values.get_or_init(|| drops.token()));
        drop(values);
        assert_eq!(drops.count(), 4);
    });
}

#[test]
fn a_value_whose_holder_panics_is_dropped() {
    watched(|| {
        let drops = DropCounter::new();
        let values = PerWorker::new();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _value = values.get_or_init(|| drops.token());
            panic!("no luck");
        }));
        assert!(panicked.is_err());
        assert_eq!((values.len(), drops.count()), (0, 1));
        // Also if it panics when it is dropped.
        let bombs = PerWorker::new();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _bomb = bombs.get_or_init(|| drops.bomb());
            panic!("no luck");
        }));
        assert!(panicked.is_err());
        assert_eq!((bombs.len(), drops.count()), (0, 2));
    });
}

#[test]
fn nothing_is_kept_of_a_value_that_could_not_be_made() {
    watched(|| {
        let values = PerWorker::<u8>::new();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(values.get_or_init(|| panic!("no luck"))))).is_err());
        assert_eq!(values.get_or_try_init(|| Err("down")).unwrap_err(), "down");
        assert_eq!(values.len(), 0);
        // Made under no lock: it may use the set itself.
        let nested = values.get_or_init(|| *values.get_or_init(|| 1) + 1);
        assert_eq!((*nested, values.len()), (2, 1));
    });
}

static ONE: Pool = Pool::new(1);
static NUMBERS: PerWorker<u8> = PerWorker::new();

#[pooled(pool = ONE)]
fn inner() -> u8 {
    let mut value = NUMBERS.get_or_init(|| 10);
    *value += 1;
    *value
}

thread_local! {
    static OWN: RefCell<u8> = const { RefCell::new(0) };
}

/// The one worker waits with a value in its hands, and runs the awaited call on its own stack.
#[test]
fn a_call_inside_a_wait_gets_a_value_of_its_own() {
    watched(|| {
        let outer = ONE.spawn(|| {
            let value = NUMBERS.get_or_init(|| 1);
            (*value, inner().get(), *value)
        });
        assert_eq!(outer.get(), (1, 11, 1));
        assert_eq!(NUMBERS.len(), 2);
        // What it is instead of.
        let outer = ONE.spawn(|| {
            OWN.with_borrow_mut(|_| ONE.spawn(|| OWN.with_borrow_mut(|own| *own += 1)).outcome().map_err(|_| ()))
        });
        assert_eq!(outer.get(), Err(()), "a `RefCell` in a thread-local is already borrowed there");
    });
}

#[test]
fn a_guard_goes_where_its_value_goes() {
    fn sends<T: Send>(_: &T) {}
    static VALUES: PerWorker<u8> = PerWorker::new();
    let guard: PerWorkerGuard<'static, u8> = VALUES.get_or_init(|| 1);
    sends(&guard);
    watched(move || drop(guard));
    assert_eq!(VALUES.len(), 1);
    assert_eq!(format!("{:?} {:?}", VALUES.get_or_init(|| 2), VALUES), "1 PerWorker { idle: 0, .. }");
}

/// Nobody waits for a value: a holder that stays does not hold up others.
#[test]
fn nothing_blocks() {
    watched(|| {
        static VALUES: PerWorker<u8> = PerWorker::new();
        let (pool, gate) = (Pool::new(2), Gate::new());
        let opened = gate.clone();
        let stays = pool.spawn(move || {
            let value = VALUES.get_or_init(|| 1);
            opened.pass();
            *value
        });
        gate.wait_for(1);
        assert_eq!(pool.spawn(|| *VALUES.get_or_init(|| 2)).get(), 2);
        gate.open();
        assert_eq!(stays.get(), 1);
        assert_eq!(VALUES.len(), 2);
    });
}
