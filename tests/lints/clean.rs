//! A library about which no lint has words. `main.rs` compiles it below each `forbid`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use asynctools::{Pool, parallel, pooled};

/// A pool.
pub static POOL: Pool = Pool::new(2);

/// Counts lines.
///
/// # Errors
///
/// If the file is not there.
#[pooled(workers = 2, queue = 4, on_full = "reject")]
pub fn line_count(path: &Path) -> io::Result<usize> {
    Ok(std::fs::read_to_string(path)?.lines().count())
}

/// Never fails.
///
/// # Errors
///
/// Never.
#[pooled(pool = POOL)]
pub fn wraps(text: String, list: Vec<Vec<u8>>, n: &u8) -> Result<usize, String> {
    Ok(text.len() + list.len() + usize::from(*n))
}

/// Is deprecated, and has a second name.
#[parallel(sync = old_now)]
#[deprecated = "is old"]
pub fn old((a, b): (u8, u8), mut c: u8) -> u8 {
    c = c.wrapping_add(a);
    c.wrapping_add(b)
}

/// Makes characters.
#[pooled(sync = characters_now)]
pub fn characters(text: &str) -> impl Iterator<Item = char> {
    text.chars().collect::<Vec<_>>().into_iter()
}

/// Is generic.
#[pooled]
pub fn largest<T: Ord + Send + 'static>(list: Vec<T>, or: T) -> T {
    list.into_iter().max().unwrap_or(or)
}

/// Never ends.
#[parallel]
pub fn never(code: i32) -> ! {
    std::process::exit(code)
}

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its depth.
    pub depth: usize,
}

impl Client {
    /// Makes one.
    #[pooled]
    pub fn new(depth: usize) -> Self {
        Self { depth }
    }

    /// Makes one with a second name, which is deprecated.
    #[pooled(sync = old_now)]
    #[deprecated]
    pub fn old(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// Looks how deep.
    #[pooled(sync = depth_now)]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Looks deeper.
    #[pooled]
    pub fn deeper(self: Arc<Self>, by: usize) -> usize {
        self.depth + by
    }

    /// Looks at something else.
    #[pooled]
    pub fn other(self: Arc<Self>, text: String, _path: &Path) -> Option<usize> {
        Some(text.len())
    }
}
