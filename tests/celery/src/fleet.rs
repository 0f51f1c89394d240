//! Functions with the attribute, which the test worker runs and the tests call.

use std::fmt;
use std::time::Duration;

use asynctools::celery;
use asynctools::celery::Bytes;
use asynctools::celery::RemoteError;
use serde::Deserialize;
use serde::Serialize;

use crate::redis::Client;

/// The error of the functions here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FleetError {
    /// A number is odd.
    Odd(u32),
    /// The call failed on the way.
    Remote(RemoteError),
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Odd(n) => write!(f, "{n} is odd"),
            Self::Remote(error) => error.fmt(f),
        }
    }
}

impl From<RemoteError> for FleetError {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

impl FleetError {
    /// Returns whether a call may be tried again.
    #[must_use]
    pub fn is_small(&self) -> bool {
        matches!(self, Self::Odd(n) if *n < 10)
    }
}

/// Halves an even number.
///
/// # Errors
///
/// The number is odd.
#[celery(queue = "fleet", name = "fleet.half", sync = half_here)]
pub fn half(n: u32) -> Result<u32, FleetError> {
    if n.is_multiple_of(2) { Ok(n / 2) } else { Err(FleetError::Odd(n)) }
}

/// Counts letters, and panics at a text without any.
#[celery(queue = "fleet")]
pub fn letters(text: &str) -> usize {
    assert!(!text.is_empty(), "no text");
    text.chars().count()
}

/// Reverses bytes.
#[celery(queue = "fleet")]
pub fn reverse(bytes: &[u8]) -> Bytes {
    Bytes(bytes.iter().rev().copied().collect())
}

/// Adds all.
#[celery(queue = "fleet", priority = 3, soft_time_limit = Duration::from_secs(20))]
pub fn sum(numbers: Vec<u32>) -> Result<u32, FleetError> {
    Ok(numbers.iter().sum())
}

/// Counts its runs under a key, and fails with the number of the run, or more.
#[celery(queue = "fleet", max_retries = 2, retry_backoff = Duration::from_millis(5), retry_on = FleetError::is_small)]
pub fn fails(port: u16, key: String, more: u32) -> Result<u32, FleetError> {
    let reply = Client::open(port).and_then(|mut client| client.call(&["INCR", &key])).expect("the server is there");
    let runs: u32 = reply.to_string().parse().expect("INCR answers with a number");
    Err(FleetError::Odd(runs + more))
}

/// Has the options that no other function here has.
#[celery(
    queue = "elsewhere",
    acks_late = false,
    max_retries = 7,
    retry_backoff = Duration::from_secs(8),
    expires = Duration::from_secs(9),
    result_timeout = Duration::from_secs(10),
    ignore_result = true,
    priority = 9,
    soft_time_limit = Duration::from_secs(11)
)]
pub fn with_options() {}

/// Adds, in Python.
#[celery(extern, queue = "py", name = "py.add")]
pub fn py_add(x: i64, y: i64) -> Result<i64, RemoteError>;

/// Returns the header `tenant` and the id of the call, in Python.
#[celery(extern, queue = "py", name = "py.headers")]
pub fn py_headers() -> Vec<String>;

/// Raises, in Python.
#[celery(extern, queue = "py", name = "py.raises")]
pub fn py_raises(why: &str) -> i64;
