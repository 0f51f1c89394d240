//! Everything at once, in random order from fixed seeds: nested waits, timed waits, dataflow, lists, cancellation, limits,
//! resizing and shutdown, over several pools. Whatever happens, everything ends.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::pooled;

/// A round takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// These have hung once, and so come first.
const HUNG: [u64; 4] = [1_169, 1_565, 1_169, 1_565];
const ROUNDS: u64 = 300;
/// A slow machine does fewer rounds.
const BUDGET: Duration = Duration::from_secs(4);

#[derive(Clone)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn small(&mut self, least: usize, most: usize) -> usize {
        least + usize::try_from(self.below((most - least + 1) as u64)).expect("small")
    }

    /// One of `of`.
    fn once_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn micros(&mut self, end: u64) -> Duration {
        Duration::from_micros(self.below(end))
    }

    fn split(&mut self) -> Self {
        Self::new(self.below(u64::MAX))
    }
}

#[derive(Clone)]
struct On(Arc<Pool>);

impl On {
    #[pooled(pool = self.0)]
    fn add(&self, a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }

    #[pooled(pool = self.0)]
    fn sum(&self, numbers: &[u64]) -> u64 {
        numbers.iter().fold(0, |sum, n| sum.wrapping_add(*n))
    }

    #[pooled(pool = self.0)]
    fn read(&self, n: &u64) -> u64 {
        *n
    }
}

/// What a call, or a thread outside, does next, and where.
#[derive(Clone)]
struct Actor {
    pools: Arc<[Arc<Pool>]>,
    random: Random,
}

impl Actor {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let pools = (0..random.small(1, 4)).map(|_| random_pool(&mut random)).collect();
        Self { pools, random }
    }

    fn split(&mut self) -> Self {
        Self { pools: self.pools.clone(), random: self.random.split() }
    }

    fn pick(&mut self) -> On {
        On(self.pools[self.random.small(0, self.pools.len() - 1)].clone())
    }

    fn call(&mut self, depth: usize) -> AsyncValue<usize> {
        let mut actor = self.split();
        self.pick().0.spawn(move || {
            actor.act(depth);
            if actor.random.once_in(40) {
                resume_unwind(Box::new("no luck"));
            }
            depth
        })
    }

    fn number(&mut self, depth: usize) -> AsyncValue<u64> {
        self.call(depth).map(|depth| depth as u64)
    }

    fn list(&mut self, most: usize, depth: usize) -> AsyncList<u64> {
        let calls = self.random.small(1, most);
        (0..calls).map(|_| self.number(depth)).collect()
    }

    /// The body of a call. It waits only for calls that it makes, so that nobody waits in a circle.
    fn act(&mut self, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        for _ in 0..self.random.small(1, 3) {
            match self.random.below(9) {
                0..=3 => {
                    let call = self.number(depth);
                    self.consume(call);
                }
                4 => {
                    let list = self.list(5, depth);
                    self.consume_list(list);
                }
                5 => {
                    let calls = self.random.small(0, 5);
                    let chain = (0..calls).fold(AsyncValue::ready(0), |sum, _| {
                        let call = self.number(depth);
                        self.pick().add(sum, call)
                    });
                    self.consume(chain);
                }
                6 => {
                    let workers = self.random.small(1, 3);
                    self.pick().0.set_workers(workers);
                }
                7 => {
                    if self.random.once_in(3) {
                        self.pick().0.cancel_queued();
                    }
                }
                _ => {
                    let mut ends = self.list(3, depth).as_completed();
                    ends.next();
                    let call = self.number(depth);
                    self.consume(call);
                    ends.next();
                }
            }
        }
    }

    /// Does one of the things that one does with a handle.
    fn consume(&mut self, call: AsyncValue<u64>) {
        match self.random.below(13) {
            0..=2 => drop(call.outcome()),
            3 => {
                let ended = call.outcome_timeout(self.random.micros(200));
                ended.map_or_else(|call| drop(call.outcome()), drop);
            }
            4 => drop(call.cancel()),
            5 => call.detach(),
            6 => {
                let next = self.pick().add(&call, 1);
                let _ends = (call.outcome(), next.outcome());
            }
            7 => {
                let shared = call.shared();
                let readers = [self.pick().read(shared.clone()), self.pick().read(shared.clone())];
                drop(shared);
                let _ends = readers.map(AsyncValue::outcome);
            }
            8 => drop(call.chain(|| ()).outcome()),
            9 => {
                let next = self.pick().add(call, 3);
                self.consume(next);
            }
            10 => drop(call.zip(AsyncValue::ready(1)).map(|(a, b)| a + b).outcome()),
            11 => {
                let _ended = (0..3).any(|_| call.wait_timeout(Duration::from_micros(20)));
                drop(call.map(|n| n).outcome());
            }
            _ => {
                let (promise, value) = AsyncValue::promise();
                let next = self.pick().add(call, value);
                if self.random.once_in(3) {
                    drop(promise);
                } else {
                    promise.set(5);
                }
                drop(next.outcome());
            }
        }
    }

    fn consume_list(&mut self, list: AsyncList<u64>) {
        match self.random.below(8) {
            0 => drop(list.outcomes()),
            1 => list.wait(),
            2 => drop(list.first()),
            3 => list.as_completed().for_each(drop),
            4 => {
                if let Err(list) = list.first_timeout(self.random.micros(500)) {
                    list.wait();
                    list.cancel();
                }
            }
            5 => drop(self.pick().sum(list).outcome()),
            6 => {
                if !list.wait_timeout(Duration::from_micros(100)) {
                    drop(list.outcomes());
                }
            }
            _ => drop(list.cancel()),
        }
    }

    /// Pauses and resizes all pools until it is told to stop, and leaves them at work.
    fn resize(&mut self, stop: &AtomicBool) {
        let pools = self.pools.clone();
        while !stop.load(Ordering::SeqCst) {
            for workers in [0, 1] {
                pools.iter().for_each(|pool| pool.set_workers(self.random.small(workers, 3)));
                (0..self.random.below(20)).for_each(|_| thread::yield_now());
            }
        }
    }

    /// A round: two threads that make calls, one that resizes, and perhaps one that closes a pool.
    fn play(&mut self) {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let (mut resizer, stop) = (self.split(), &stop);
            scope.spawn(move || resizer.resize(stop));
            let makers = [0, 1].map(|_| {
                let mut maker = self.split();
                scope.spawn(move || {
                    for _ in 0..8 {
                        let depth = maker.random.small(1, 4);
                        let call = maker.number(depth);
                        maker.consume(call);
                    }
                })
            });
            if self.random.once_in(4) {
                let _closed = self.pick().0.close_timeout(Duration::from_micros(300));
            }
            let ends = makers.map(thread::ScopedJoinHandle::join);
            stop.store(true, Ordering::SeqCst);
            for end in ends {
                end.unwrap_or_else(|payload| resume_unwind(payload));
            }
        });
        for pool in &*self.pools {
            pool.close();
        }
    }
}

fn random_pool(random: &mut Random) -> Arc<Pool> {
    let mut builder = Pool::builder().workers(random.small(1, 3)).stack_size(256 << 10);
    let limit = [OnFull::Block, OnFull::RunHere, OnFull::Reject].get(random.small(0, 5)).copied();
    if let Some(on_full) = limit {
        builder = builder.queue(random.small(1, 3)).on_full(on_full);
    }
    if random.once_in(3) {
        builder = builder.idle_timeout(random.micros(300));
    }
    Arc::new(builder.build().expect("nothing to refuse"))
}

#[test]
fn everything_ends() {
    let start = Instant::now();
    for seed in HUNG.into_iter().chain(1..=ROUNDS).take_while(|_| start.elapsed() < BUDGET) {
        let mut actor = Actor::new(seed);
        let pools = actor.pools.clone();
        let (sender, end) = mpsc::channel::<()>();
        let round = thread::spawn(move || {
            let _ended = sender;
            actor.play();
        });
        let hung = end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
        assert!(!hung, "round {seed} hangs: {pools:#?}");
        round.join().unwrap_or_else(|payload| resume_unwind(payload));
        for pool in &*pools {
            let stats = pool.stats();
            assert_eq!((stats.running, stats.blocked, stats.queued), (0, 0, 0), "round {seed}: {pools:#?}");
        }
    }
}
