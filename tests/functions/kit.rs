//! What the functions of this crate and their checks share.

#![allow(dead_code, reason = "a small crate does not need all of it")]

use std::fmt::Debug;
use std::io;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::LazyLock;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;

pub mod tools {
    pub use asynctools::*;
}

pub mod own {
    pub type Result<T> = std::result::Result<T, crate::kit::High>;
}

pub mod defaulted {
    pub type Result<T, E = crate::kit::Low> = std::result::Result<T, E>;
}

/// Not by the name of a `Result`, so the attributes do not know it for one.
pub type LoadResult<T> = Result<T, Low>;
pub type Boxed = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub depth: usize,
    pub name: String,
}

pub fn config(depth: usize) -> Config {
    Config { depth, name: depth.to_string() }
}

pub fn numbers(n: usize) -> &'static [u16] {
    &[1, 2, 3, 4, 5][n % 5..]
}

#[derive(Debug)]
pub struct Single(pub u64);

#[derive(Clone, Debug, PartialEq)]
pub struct Low(pub u64);

#[derive(Clone, Debug, PartialEq)]
pub struct High(pub String);

impl From<Low> for High {
    fn from(Low(n): Low) -> Self {
        Self(format!("from low {n}"))
    }
}

pub static POOL: Pool = Pool::new(2);
pub static LAZY: LazyLock<Pool> = LazyLock::new(|| Pool::new(3));
pub static POOLS: [&Pool; 2] = [&POOL, &POOL];
pub const WORKERS: usize = 2;

pub fn workers() -> usize {
    3
}

pub fn pool() -> &'static Pool {
    &LAZY
}

/// What a body has seen of its arguments, as a number.
pub struct Trace(u64);

impl Trace {
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub fn see(&mut self, seen: &dyn Debug) {
        for byte in format!("{seen:?},").bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub fn sum(&self) -> u64 {
        self.0 >> 3
    }

    /// Yes, once in so many times.
    pub fn unlucky(&self, times: u64) -> bool {
        (self.0 >> 7) % times == 0
    }
}

pub fn io_error(n: u64) -> io::Error {
    io::Error::other(n.to_string())
}

pub fn ready<T: Send + 'static>(value: T) -> AsyncValue<T> {
    AsyncValue::ready(value)
}

pub fn spawned<T: Send + 'static>(value: T) -> AsyncValue<T> {
    Pool::global().spawn(move || value)
}

pub fn threaded<T: Send + 'static>(value: T) -> AsyncValue<T> {
    asynctools::parallel(move || value)
}

pub fn promised<T: Send + 'static>(value: T) -> AsyncValue<T> {
    let (promise, handle) = AsyncValue::promise();
    let set: Box<dyn FnOnce() + Send> = Box::new(move || promise.set(value));
    Pool::global().spawn(set).detach();
    handle
}

#[pooled(workers = 2)]
pub fn called<T: Send + 'static>(value: T) -> T {
    value
}

pub fn lost<T: Send + 'static>() -> AsyncValue<T> {
    let lost: Box<dyn FnOnce() -> T + Send> = Box::new(|| panic!("an argument"));
    POOL.spawn(lost)
}

pub fn list<T: Send + 'static>(values: Vec<T>) -> AsyncList<T> {
    values.into_iter().map(promised).collect()
}

pub fn list_of_results<T: Send + 'static, E: Send + 'static>(values: Vec<T>) -> AsyncList<Result<T, E>> {
    values.into_iter().map(|value| promised(Ok(value))).collect()
}

pub fn failing_list<T: Send + 'static, E: Send + 'static>(values: Vec<T>, error: E) -> AsyncList<Result<T, E>> {
    let mut list = list_of_results(values);
    list.push(promised(Err(error)));
    list
}

/// The result of a call; whatever else becomes of it is a panic with words.
pub fn ended<T>(call: AsyncValue<T>) -> T {
    let Ok(outcome) = call.outcome_timeout(Duration::from_secs(1000)) else { panic!("it never ended") };
    outcome.unwrap_or_else(|error| match (&error, error.root()) {
        (TaskError::Panicked(panic), _) => panic!("{}", panic.message()),
        (TaskError::Upstream(_), TaskError::Panicked(panic)) => panic!("lost: {}", panic.message()),
        _ => panic!("{error}"),
    })
}

/// The differences between the functions and their calls.
pub struct Log {
    pub cases: usize,
    pub differences: usize,
}

impl Log {
    pub fn case(&mut self, name: &str, plain: &mut dyn FnMut() -> String, call: &mut dyn FnMut() -> String) {
        let (wanted, got) = (caught(plain), caught(call));
        self.cases += 1;
        if wanted != got {
            self.differences += 1;
            println!("{name}: the function gives {wanted:?}, and its call gives {got:?}");
        }
    }
}

fn caught(run: &mut dyn FnMut() -> String) -> Result<String, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
    })
}
