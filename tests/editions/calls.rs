//! The attributes in crates of older editions. The file is compiled in each of them, so it says `dyn` and `r#async`.

extern crate asynctools;

use std::collections::HashMap;
use std::io;
use std::num::ParseIntError;
use std::path::Path;
use std::sync::Arc;

use asynctools::pooled;
use asynctools::AsyncList;
use asynctools::Pool;

static POOL: Pool = Pool::new(2);

/// Counts the lines of a file.
#[pooled(workers = 2, queue = 4, on_full = "block")]
fn line_count(path: &Path) -> io::Result<usize> {
    Ok(std::fs::read_to_string(path)?.lines().count())
}

#[::asynctools::parallel(sync = parse_now)]
fn parse(text: &str, radix: u32) -> Result<u64, ParseIntError> {
    u64::from_str_radix(text, radix)
}

#[pooled(pool = POOL)]
fn apply(f: Box<dyn Fn(u8) -> u8 + Send>, g: fn(u8) -> u8, h: impl FnOnce() -> u8 + Send + 'static) -> u8 {
    g(f(h()))
}

#[pooled]
fn opaque(r#async: &str, #[cfg(not(any()))] n: usize) -> impl Iterator<Item = char> {
    r#async.chars().skip(n).collect::<Vec<_>>().into_iter()
}

#[pooled]
fn counted<T, const N: usize>(values: [T; N]) -> HashMap<T, usize>
where
    T: std::hash::Hash + Eq + Send + 'static,
{
    let mut counted = HashMap::new();
    for value in Vec::from(values) {
        *counted.entry(value).or_insert(0) += 1;
    }
    counted
}

#[derive(Clone)]
struct Client {
    depth: usize,
    pool: Arc<Pool>,
}

impl Client {
    #[pooled]
    fn new(depth: usize) -> Self {
        Client { depth, pool: Arc::new(Pool::new(1)) }
    }

    #[pooled(pool = self.pool)]
    fn depth(&self) -> usize {
        self.depth
    }

    #[pooled(crate = ::asynctools)]
    fn deeper(self: Arc<Self>, by: usize) -> usize {
        self.depth + by
    }

    #[pooled(pool = self.pool)]
    fn never(self, stops: bool) -> ! {
        assert!(!stops);
        std::process::exit(1)
    }
}

#[test]
fn calls_of_every_kind() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let paths = [here.join("Cargo.toml"), here.join("no such file")];
    let (counts, errors) = paths.iter().map(line_count).collect::<AsyncList<_>>().join();
    assert_eq!((counts.len(), errors.len()), (1, 1));
    assert_eq!(parse("ff", 16).get(), parse_now("ff", 16));
    assert_eq!(apply(Box::new(|n: u8| n + 1) as Box<dyn Fn(u8) -> u8 + Send>, |n| n * 2, || 3).get(), 8);
    assert_eq!(opaque("abc", 1).get().collect::<String>(), "bc");
    assert_eq!(counted(["a", "b", "a"]).get()["a"], 2);
    let client = Client::new(3).get();
    assert_eq!(client.depth().get(), 3);
    assert_eq!(Arc::new(client.clone()).deeper(1).get(), 4);
    assert!(client.never(true).outcome().is_err());
}

#[test]
fn a_call_knows_its_caller() {
    let lost = Client { depth: 1, pool: Arc::new(Pool::new(1)) }.never(true).outcome();
    let message = lost.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("never"), "{}", message);
}
