//! Trees of calls over several pools, with every kind of wait and limit at random, while the pools are resized: the result is
//! what the tree says, whatever the order.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::OnFull;
use asynctools::Pool;

use crate::helpers::watched;

/// A small random number generator, so that a failure can be had again from its seed.
#[derive(Clone, Copy)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    /// Another one for a branch of the tree.
    fn fork(&mut self) -> Self {
        let mut fork = Self(self.roll(u64::MAX) | 1);
        fork.roll(2);
        fork
    }
}

fn pools(dice: &mut Dice) -> Arc<Vec<Pool>> {
    let kinds = [OnFull::Block, OnFull::RunHere];
    let pool = |n: usize| {
        let builder = Pool::builder().workers(1 + n).stack_size(512 * 1024);
        let kind = kinds[n % 2];
        if dice.roll(2) == 0 { builder.build() } else { builder.queue(2).on_full(kind).build() }
    };
    Arc::new((0..3).map(pool).collect::<Result<_, _>>().expect("nothing to refuse"))
}

/// How many calls the tree has: what the random one counts too.
fn size(mut dice: Dice, depth: u32) -> u64 {
    if depth == 0 {
        return 1;
    }
    let (_pool, _wait, branches) = (dice.roll(3), dice.roll(8), dice.roll(4));
    1 + (0..branches).map(|_| size(dice.fork(), depth - 1)).sum::<u64>()
}

fn grow(pools: &Arc<Vec<Pool>>, mut dice: Dice, depth: u32) -> AsyncValue<u64> {
    let (inner, start) = (pools.clone(), dice);
    let home = if depth == 0 { 0 } else { dice.roll(3) };
    pools[usize::try_from(home).expect("small")].spawn(move || {
        let (pools, mut dice) = (inner, start);
        if depth == 0 {
            return 1;
        }
        let (_pool, wait, branches) = (dice.roll(3), dice.roll(8), dice.roll(4));
        let calls: AsyncList<u64> = (0..branches).map(|_| grow(&pools, dice.fork(), depth - 1)).collect();
        1 + match wait {
            0 => calls.get().into_iter().sum::<u64>(),
            1 => calls.into_iter().rev().map(AsyncValue::get).sum(),
            2 => calls.as_completed().map(|(_, end)| end.expect("a value")).sum(),
            3 => calls.into_iter().map(|call| call.map(|n| n).get()).sum(),
            4 => calls.map(|all| all.into_iter().sum::<u64>()).get(),
            5 => calls.into_iter().map(|call| *call.shared().get()).sum(),
            6 => calls.into_iter().map(patiently).sum(),
            _ => calls.outcomes().into_iter().map(|end| end.expect("a value")).sum(),
        }
    })
}

/// Many short waits instead of a long one.
fn patiently(mut call: AsyncValue<u64>) -> u64 {
    loop {
        match call.get_timeout(Duration::from_micros(50)) {
            Ok(result) => return result,
            Err(again) => call = again,
        }
    }
}

fn chaos(seeds: std::ops::Range<u64>, resize: bool) {
    for seed in seeds {
        let mut dice = Dice(seed * 0x9E37_79B9 + 1);
        let (pools, done) = (pools(&mut dice), Arc::new(AtomicBool::new(false)));
        let resizer = resize.then(|| {
            let (pools, done, mut dice) = (pools.clone(), done.clone(), dice.fork());
            thread::spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    let target = usize::try_from(dice.roll(4)).expect("small");
                    pools[usize::try_from(dice.roll(3)).expect("small")].set_workers(target);
                    thread::yield_now();
                }
                pools.iter().for_each(|pool| pool.set_workers(1));
            })
        });
        let trees: Vec<_> = (0..4).map(|_| dice.fork()).collect();
        let calls: AsyncList<_> = trees.iter().map(|tree| grow(&pools, *tree, 6)).collect();
        let sizes: Vec<_> = trees.iter().map(|tree| size(*tree, 6)).collect();
        let early = calls.get_timeout(Duration::from_millis(100));
        done.store(true, Ordering::SeqCst);
        assert_eq!(early.unwrap_or_else(AsyncList::get), sizes, "seed {seed}");
        if let Some(resizer) = resizer {
            resizer.join().expect("`set_workers` does not panic");
        }
        let finished: usize = pools.iter().map(|pool| (pool.close(), pool.stats().finished).1).sum();
        assert!(finished >= usize::try_from(sizes.iter().sum::<u64>()).expect("small"), "seed {seed}");
        for pool in pools.iter() {
            let stats = pool.stats();
            assert_eq!((stats.queued, stats.running, stats.blocked), (0, 0, 0), "seed {seed}: {stats:?}");
        }
    }
}

#[test]
fn trees_of_calls() {
    watched(|| chaos(1..60, false));
}

#[test]
fn trees_of_calls_in_pools_that_are_resized() {
    watched(|| chaos(1..40, true));
}
