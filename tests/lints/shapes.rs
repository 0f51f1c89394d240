//! Exported functions of every shape. `main.rs` compiles this file and `more_shapes.rs` twice, with the attributes and
//! without, and compares all that rustc and clippy say. An attribute is a line of its own.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::io;
use std::num::ParseIntError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use asynctools::{Pool, parallel, pooled};

/// A pool.
pub static POOL: Pool = Pool::new(2);

/// Does nothing.
#[pooled]
pub fn nothing() {}

/// Returns a number.
#[pooled]
pub fn number() -> u32 {
    7
}

/// Returns what could be documented better.
#[parallel]
pub fn twice(n: u32) -> u32 {
    n.wrapping_mul(2)
}

#[parallel]
pub fn undocumented(n: u32) -> u32 {
    return n;
}

/// Returns early.
#[pooled(workers = 2)]
pub fn early(n: u32) -> u32 {
    if n > 1 {
        return 1;
    }
    n
}

/// Takes what would better be borrowed.
#[pooled(workers = 2, queue = 4, on_full = "run_here")]
pub fn by_value(text: String, numbers: Vec<u8>, path: PathBuf) -> usize {
    text.len() + numbers.len() + path.as_os_str().len()
}

/// Takes references.
#[pooled(pool = POOL)]
pub fn by_reference(text: &str, numbers: &[u8], path: &Path, small: &u8) -> usize {
    text.len() + numbers.len() + path.as_os_str().len() + usize::from(*small)
}

/// Takes references to owners.
#[pooled]
pub fn owners(text: &String, numbers: &Vec<u8>, path: &PathBuf) -> usize {
    text.len() + numbers.len() + path.as_os_str().len()
}

/// Takes much.
#[pooled]
pub fn large(large: [u8; 4096]) -> [u8; 4096] {
    large
}

/// Takes boxes.
#[parallel]
pub fn boxes(number: Box<u64>, list: Box<Vec<u8>>, text: Arc<String>, list_of_lists: Vec<Box<[u8]>>) -> usize {
    list.len() + text.len() + list_of_lists.len() + usize::from(*number > 1)
}

/// Takes many.
#[parallel]
pub fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8) -> u32 {
    [a, b, c, d, e, f, g, h, i].iter().copied().map(u32::from).sum()
}

/// Takes many switches.
#[parallel]
pub fn switches(a: bool, b: bool, c: bool, d: bool, e: bool) -> bool {
    a && b && c && d && e
}

/// Takes `impl Trait`.
#[pooled]
pub fn impl_argument(shown: impl Display + Send + 'static, n: u8) -> String {
    format!("{shown}{n}")
}

/// Returns `impl Trait`.
#[pooled]
pub fn impl_result(text: String) -> impl Iterator<Item = char> + 'static {
    text.chars().collect::<Vec<_>>().into_iter()
}

/// Takes a closure.
#[pooled]
pub fn closure<F>(f: F) -> usize
where
    F: Fn(&str) -> usize + Send + 'static,
{
    f("a")
}

/// Takes a function.
#[pooled]
pub fn pointer(f: fn(u8) -> u8) -> u8 {
    f(1)
}

/// Is generic.
#[pooled]
pub fn generic<T: Clone + Debug + Send + 'static, const N: usize>(values: [T; N], last: &T) -> String {
    format!("{values:?}{last:?}")
}

/// Is generic with a `where`.
#[pooled(workers = 1)]
pub fn generic_where<K, V>(map: HashMap<K, V>) -> usize
where
    K: Send + 'static,
    V: Send + 'static,
{
    map.len()
}

/// Has a lifetime.
#[parallel]
pub fn lifetime<'a>(text: &'a str, other: &'a str) -> usize {
    let longer: &'a str = if text.len() > other.len() { text } else { other };
    longer.len()
}

/// Takes text that lives for ever.
#[parallel]
pub fn forever(text: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(text)
}

/// Fails.
#[pooled]
pub fn fails(text: &str) -> Result<u32, ParseIntError> {
    text.parse()
}

/// Fails by an alias.
///
/// # Errors
///
/// If the file is not there.
#[pooled(workers = 5)]
pub fn fails_by_alias(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// Fails with a large error.
///
/// # Errors
///
/// Always.
#[pooled]
pub fn large_error(n: u8) -> Result<u8, [u8; 512]> {
    if n > 3 { Err([n; 512]) } else { Ok(n) }
}

/// Fails with a large error, and has a second name.
///
/// # Errors
///
/// Always.
#[pooled(sync = large_error_kept_now)]
pub fn large_error_kept(n: u8) -> Result<u8, [u8; 512]> {
    if n > 3 { Err([n; 512]) } else { Ok(n) }
}

/// Fails with nothing.
///
/// # Errors
///
/// Always.
#[pooled]
pub fn unit_error(n: u8) -> Result<u8, ()> {
    if n > 3 { Err(()) } else { Ok(n) }
}

/// Never fails.
///
/// # Errors
///
/// Never.
#[pooled]
pub fn wraps(n: u8) -> Result<u8, String> {
    Ok(n)
}

/// Is never `None`.
#[pooled]
pub fn wraps_some(n: u8) -> Option<u8> {
    Some(n)
}

/// Is an option of an option.
#[pooled]
pub fn option_option(n: u8) -> Option<Option<u8>> {
    if n > 3 { None } else { Some(None) }
}

/// Panics.
#[pooled]
pub fn panics(n: Option<u8>) -> u8 {
    let first = n.unwrap();
    assert!(first > 3, "too small");
    first
}

/// Never ends.
#[parallel]
pub fn never(code: i32) -> ! {
    std::process::exit(code)
}

/// Has a type that is complex.
#[pooled]
pub fn complex(map: HashMap<String, Vec<Box<dyn Fn(u8) -> Result<u8, String> + Send>>>) -> usize {
    map.len()
}

/// Must be used.
#[pooled]
#[must_use]
pub fn must_use(n: u8) -> u8 {
    n
}

/// Is inlined.
#[pooled]
#[inline]
pub fn inlined(n: u8) -> u8 {
    n
}

/// Is inlined always.
#[pooled]
#[inline(always)]
pub fn always(n: u8) -> u8 {
    n
}

/// Is deprecated.
#[pooled]
#[deprecated = "is old"]
pub fn old(n: u8) -> u8 {
    n
}

/// Is deprecated, and has a second name.
#[pooled(sync = old_kept_now)]
#[deprecated(since = "1.0.0", note = "is old")]
pub fn old_kept(n: u8) -> u8 {
    n
}

/// Has a second name.
#[pooled(sync = kept_now)]
pub fn kept(text: &str, list: Box<Vec<u8>>, shared: Arc<u8>) -> usize {
    text.len() + list.len() + usize::from(*shared)
}

/// Has patterns for parameters.
#[pooled]
pub fn patterns((a, b): (u8, u8), [c, d]: [u8; 2], mut e: u8, _: u8, _f: u8) -> u8 {
    e = e.wrapping_add(a).wrapping_add(b);
    e.wrapping_add(c).wrapping_add(d)
}

/// Has a variable that it does not use.
#[pooled]
pub fn unused(n: u8, text: String) -> u8 {
    n
}

/// Has a name that is not usual.
#[pooled]
#[allow(non_snake_case)]
pub fn NamedOtherwise(Text: String) -> usize {
    Text.len()
}

/// Has a single letter for each.
#[pooled]
pub fn shadows(n: u8) -> u8 {
    let n = n.wrapping_add(1);
    let n = u16::from(n);
    n as u8
}
