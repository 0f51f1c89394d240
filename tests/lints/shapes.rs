//! Exported functions of every shape. `main.rs` compiles the file twice, with the attributes and without, and compares
//! all that rustc and clippy say. An attribute is a line of its own.

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

/// Has items of its own.
#[pooled]
pub fn items(n: u8) -> u8 {
    let first = n;
    const ONE: u8 = 1;
    fn add(n: u8) -> u8 {
        n.wrapping_add(ONE)
    }
    add(first)
}

/// Has inner attributes.
#[pooled]
pub fn inner(n: u8) -> u8 {
    #![allow(clippy::needless_return)]

    return n;
}

/// Is long.
#[pooled]
pub fn long(n: u64) -> u64 {
    let mut sum = n;
    sum = sum.wrapping_add(0);
    sum = sum.wrapping_add(1);
    sum = sum.wrapping_add(2);
    sum = sum.wrapping_add(3);
    sum = sum.wrapping_add(4);
    sum = sum.wrapping_add(5);
    sum = sum.wrapping_add(6);
    sum = sum.wrapping_add(7);
    sum = sum.wrapping_add(8);
    sum = sum.wrapping_add(9);
    sum = sum.wrapping_add(10);
    sum = sum.wrapping_add(11);
    sum = sum.wrapping_add(12);
    sum = sum.wrapping_add(13);
    sum = sum.wrapping_add(14);
    sum = sum.wrapping_add(15);
    sum = sum.wrapping_add(16);
    sum = sum.wrapping_add(17);
    sum = sum.wrapping_add(18);
    sum = sum.wrapping_add(19);
    sum = sum.wrapping_add(20);
    sum = sum.wrapping_add(21);
    sum = sum.wrapping_add(22);
    sum = sum.wrapping_add(23);
    sum = sum.wrapping_add(24);
    sum = sum.wrapping_add(25);
    sum = sum.wrapping_add(26);
    sum = sum.wrapping_add(27);
    sum = sum.wrapping_add(28);
    sum = sum.wrapping_add(29);
    sum = sum.wrapping_add(30);
    sum = sum.wrapping_add(31);
    sum = sum.wrapping_add(32);
    sum = sum.wrapping_add(33);
    sum = sum.wrapping_add(34);
    sum = sum.wrapping_add(35);
    sum = sum.wrapping_add(36);
    sum = sum.wrapping_add(37);
    sum = sum.wrapping_add(38);
    sum = sum.wrapping_add(39);
    sum = sum.wrapping_add(40);
    sum = sum.wrapping_add(41);
    sum = sum.wrapping_add(42);
    sum = sum.wrapping_add(43);
    sum = sum.wrapping_add(44);
    sum = sum.wrapping_add(45);
    sum = sum.wrapping_add(46);
    sum = sum.wrapping_add(47);
    sum = sum.wrapping_add(48);
    sum = sum.wrapping_add(49);
    sum = sum.wrapping_add(50);
    sum = sum.wrapping_add(51);
    sum = sum.wrapping_add(52);
    sum = sum.wrapping_add(53);
    sum = sum.wrapping_add(54);
    sum = sum.wrapping_add(55);
    sum = sum.wrapping_add(56);
    sum = sum.wrapping_add(57);
    sum = sum.wrapping_add(58);
    sum = sum.wrapping_add(59);
    sum = sum.wrapping_add(60);
    sum = sum.wrapping_add(61);
    sum = sum.wrapping_add(62);
    sum = sum.wrapping_add(63);
    sum = sum.wrapping_add(64);
    sum = sum.wrapping_add(65);
    sum = sum.wrapping_add(66);
    sum = sum.wrapping_add(67);
    sum = sum.wrapping_add(68);
    sum = sum.wrapping_add(69);
    sum = sum.wrapping_add(70);
    sum = sum.wrapping_add(71);
    sum = sum.wrapping_add(72);
    sum = sum.wrapping_add(73);
    sum = sum.wrapping_add(74);
    sum = sum.wrapping_add(75);
    sum = sum.wrapping_add(76);
    sum = sum.wrapping_add(77);
    sum = sum.wrapping_add(78);
    sum = sum.wrapping_add(79);
    sum = sum.wrapping_add(80);
    sum = sum.wrapping_add(81);
    sum = sum.wrapping_add(82);
    sum = sum.wrapping_add(83);
    sum = sum.wrapping_add(84);
    sum = sum.wrapping_add(85);
    sum = sum.wrapping_add(86);
    sum = sum.wrapping_add(87);
    sum = sum.wrapping_add(88);
    sum = sum.wrapping_add(89);
    sum = sum.wrapping_add(90);
    sum = sum.wrapping_add(91);
    sum = sum.wrapping_add(92);
    sum = sum.wrapping_add(93);
    sum = sum.wrapping_add(94);
    sum = sum.wrapping_add(95);
    sum = sum.wrapping_add(96);
    sum = sum.wrapping_add(97);
    sum = sum.wrapping_add(98);
    sum = sum.wrapping_add(99);
    sum
}

/// Is complicated.
#[pooled]
pub fn complicated(list: Vec<u64>) -> u64 {
    let mut sum = 0;
    for n in list {
        for m in 0..n {
            if m > 1 {
                for o in 0..m {
                    if o > 2 || m > 3 && n > 4 {
                        while sum < 5 {
                            if sum > n {
                                sum += 1;
                            } else if sum > m {
                                sum += 2;
                            } else {
                                match o {
                                    0 => sum += 1,
                                    1 if n > 3 => sum += 2,
                                    _ => sum += 3,
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    sum
}

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its depth.
    pub depth: usize,
    /// Its pool.
    pub pool: Arc<Pool>,
}

impl Client {
    /// Makes one.
    #[pooled]
    pub fn new(depth: usize) -> Self {
        Self { depth, pool: Arc::new(Pool::new(1)) }
    }

    /// Makes one with a second name.
    #[pooled(sync = kept_now)]
    pub fn kept(depth: usize) -> Self {
        Self { depth, pool: Arc::new(Pool::new(1)) }
    }

    /// Returns a result.
    #[pooled]
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { depth: path.as_os_str().len(), pool: Arc::new(Pool::new(1)) })
    }

    /// Takes a reference to itself.
    #[pooled(pool = self.pool)]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Takes itself.
    #[pooled]
    pub fn consumed(self) -> usize {
        self.depth
    }

    /// Takes itself as `mut`.
    #[pooled]
    pub fn consumed_mut(mut self, by: usize) -> usize {
        self.depth += by;
        self.depth
    }

    /// Is in an `Arc`.
    #[pooled]
    pub fn in_an_arc(self: Arc<Self>, text: &str) -> usize {
        self.depth + text.len()
    }

    /// Is in a box.
    #[pooled]
    pub fn in_a_box(self: Box<Self>) -> usize {
        self.depth
    }

    /// Does not use itself.
    #[pooled]
    pub fn unused(&self, text: String) -> usize {
        text.len()
    }

    /// Is not used.
    #[pooled]
    fn dead(&self) -> usize {
        self.depth
    }

    /// Has a name like a conversion.
    #[pooled]
    pub fn to_number(self) -> usize {
        self.depth
    }

    /// Has a name like a getter.
    #[pooled]
    pub fn get_depth(&self) -> usize {
        self.depth
    }

    /// Returns itself.
    #[pooled]
    pub fn with_depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// Fails.
    #[pooled(sync = fails_now)]
    pub fn fails(&self, list: &[u8]) -> Result<usize, String> {
        if list.is_empty() { Err("nothing".to_owned()) } else { Ok(list.len() + self.depth) }
    }
}

/// A generic type.
#[derive(Clone, Debug)]
pub struct Holder<T>(pub T);

impl<T: Clone + Send + 'static> Holder<T> {
    /// Makes one.
    #[pooled]
    pub fn make(value: T) -> Self {
        Self(value)
    }

    /// Takes it out.
    #[pooled]
    pub fn out(self) -> T {
        self.0
    }

    /// Says `Self` only there.
    #[pooled]
    pub fn size(values: &[T]) -> usize
    where
        Self: Sized,
    {
        values.len()
    }
}

/// Small things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Small(u8);

impl Small {
    /// Takes a reference to something small.
    #[pooled]
    pub fn small(&self, other: &Self) -> u8 {
        self.0.wrapping_add(other.0)
    }
}

/// Is private and used.
#[pooled]
fn private(text: String) -> usize {
    text.len()
}

/// Is private and dead.
#[pooled]
fn dead(text: String) -> usize {
    text.len()
}

/// Uses what is private.
pub fn uses(text: String) -> impl Sized {
    private(text)
}
