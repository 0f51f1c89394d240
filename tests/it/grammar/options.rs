//! Every option of the attributes.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools::{Pool, parallel, pooled};

static POOL: Pool = Pool::new(2);
static LAZY: LazyLock<Pool> = LazyLock::new(|| Pool::new(3));
static EVALUATED: AtomicUsize = AtomicUsize::new(0);
const WORKERS: usize = 2;

fn workers() -> usize {
    EVALUATED.fetch_add(1, Ordering::SeqCst);
    2
}

#[pooled]
fn on_the_global_pool(n: u8) -> u8 {
    n
}

#[pooled(workers = 5)]
fn on_its_own(n: u8) -> u8 {
    n
}

#[pooled(workers = if WORKERS < 2 { 1 } else { WORKERS }, queue = WORKERS * 2,)]
fn by_expressions(n: u8) -> u8 {
    n
}

#[pooled(workers = if WORKERS < 2 { 1 } else { 2 } + WORKERS, queue = { WORKERS } * 2)]
fn by_blocks(n: u8) -> u8 {
    n
}

#[pooled(workers = workers())]
fn by_a_function<T: Send + 'static>(t: T) -> T {
    t
}

#[pooled(workers = 1, queue = 2, on_full = "block")]
fn blocks(n: u8) -> u8 {
    n
}

#[pooled(workers = 1, queue = 2, on_full = "run_here")]
fn runs_here(n: u8) -> u8 {
    n
}

#[pooled(workers = 1, queue = 2, on_full = "reject")]
fn rejects(n: u8) -> u8 {
    n
}

#[pooled(pool = POOL)]
fn on_a_static(n: u8) -> u8 {
    n
}

#[pooled(pool = &POOL)]
fn on_a_borrowed_static(n: u8) -> u8 {
    n
}

#[pooled(pool = (&SHARED))]
fn on_a_borrowed_shared_one(n: u8) -> u8 {
    n
}

#[pooled(pool = LAZY)]
fn on_a_lazy(n: u8) -> u8 {
    n
}

#[pooled(pool = Pool::global())]
fn on_a_reference(n: u8) -> u8 {
    n
}

#[pooled(pool = *POOLS.first().unwrap())]
fn on_one_of_many(n: u8, pool: u8) -> u8 {
    n + pool
}

static POOLS: [&Pool; 1] = [&POOL];
const NAME: &Pool = &POOL;
static SHARED: LazyLock<Arc<Pool>> = LazyLock::new(|| Arc::new(Pool::new(1)));

#[pooled(pool = (NAME))]
fn on_a_constant_reference(n: u8) -> u8 {
    n
}

#[pooled(pool = self::SHARED)]
fn on_a_shared_one(n: u8) -> u8 {
    n
}

#[pooled(workers = 0usize + NONE)]
fn on_no_worker(n: u8) -> u8 {
    n
}

const NONE: usize = 0;

#[derive(Clone)]
struct Client {
    pool: Arc<Pool>,
}

impl Client {
    #[pooled(pool = self.pool)]
    fn by_reference(&self, n: u8) -> u8 {
        n
    }

    #[pooled(pool = self.pool)]
    fn of_arc(self: Arc<Self>, n: u8) -> u8 {
        n
    }

    #[pooled(pool = self.pool)]
    fn by_value(self, n: u8) -> u8 {
        n
    }

    #[pooled(pool = self.pool)]
    fn boxed(self: Box<Self>, n: u8) -> u8 {
        n
    }

    #[pooled(pool = self.shared())]
    fn of_a_temporary(&self, n: u8) -> u8 {
        n
    }

    const POOL: &'static Pool = &POOL;

    #[pooled(pool = Self::POOL)]
    fn of_a_constant(self, n: u8) -> u8 {
        n
    }

    fn shared(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
    }
}

mod inner {
    use asynctools::pooled;

    /// Doubles.
    #[pooled(workers = 1, sync = double_now)]
    pub(super) fn double<T: std::ops::Add<Output = T> + Copy + Send + 'static>(n: &T) -> T {
        *n + *n
    }
}

#[parallel(sync = count_now)]
fn count() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    COUNT.fetch_add(1, Ordering::SeqCst)
}

#[test]
fn every_place() {
    assert_eq!(on_the_global_pool(1).get(), 1);
    assert_eq!(on_its_own(1).get(), 1);
    assert_eq!(by_expressions(1).get(), 1);
    assert_eq!(by_blocks(1).get(), 1);
    assert_eq!(blocks(1).get(), 1);
    assert_eq!(runs_here(1).get(), 1);
    assert_eq!(rejects(1).get(), 1);
    assert_eq!(on_a_static(1).get(), 1);
    assert_eq!(on_a_borrowed_static(1).get(), 1);
    assert_eq!(on_a_borrowed_shared_one(1).get(), 1);
    assert_eq!(on_a_lazy(1).get(), 1);
    assert_eq!(on_a_reference(1).get(), 1);
    assert_eq!(on_one_of_many(1, 1).get(), 2);
    assert_eq!(on_a_constant_reference(1).get(), 1);
    assert_eq!(on_a_shared_one(1).get(), 1);
    let client = Client { pool: Arc::new(Pool::new(1)) };
    assert_eq!(client.by_reference(1).get(), 1);
    assert_eq!(client.of_a_temporary(1).get(), 1);
    assert_eq!(client.clone().by_value(1).get(), 1);
    assert_eq!(client.clone().of_a_constant(1).get(), 1);
    assert_eq!(Box::new(client.clone()).boxed(1).get(), 1);
    assert_eq!(Arc::new(client).of_arc(1).get(), 1);
}

#[test]
fn one_pool_for_all_instances() {
    assert_eq!(by_a_function(1u8).get(), 1);
    assert_eq!(by_a_function("x").get(), "x");
    assert_eq!(EVALUATED.load(Ordering::SeqCst), 1);
}

#[test]
#[should_panic(expected = "on_no_worker")]
fn no_workers_panic_at_the_call() {
    on_no_worker(1).detach();
}

#[test]
fn the_original_is_kept() {
    assert_eq!(inner::double(&2).get(), inner::double_now(&2));
    assert_eq!(inner::double_now::<u8>(&2), 4);
    let mut counts = vec![count_now(), count().get(), count_now()];
    counts.sort_unstable();
    assert_eq!(counts, [0, 1, 2], "one body, one static");
}
