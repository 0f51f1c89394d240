//! Expansions under the strictest lints: what an attribute writes is quiet, and what the user writes beside it has its effect.

#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unsafe_code,
    unreachable_pub,
    single_use_lifetimes,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    impl_trait_redundant_captures,
    redundant_lifetimes,
    let_underscore_drop,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::absolute_paths,
    clippy::expect_used,
    clippy::impl_trait_in_params,
    clippy::items_after_statements,
    clippy::let_underscore_untyped,
    clippy::missing_docs_in_private_items,
    clippy::module_name_repetitions,
    clippy::panic,
    clippy::pattern_type_mismatch,
    clippy::ref_patterns,
    clippy::shadow_reuse,
    clippy::shadow_same,
    clippy::shadow_unrelated,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm
)]

use std::fmt::Display;
use std::io;
use std::num::ParseIntError;
use std::process::exit;
use std::sync::Arc;

use asynctools::{Pool, parallel, pooled};

/// A pool of the program.
static POOL: Pool = Pool::new(2);

/// Parses a text.
///
/// # Errors
///
/// If it is no number.
#[pooled(workers = 2, queue = 4, on_full = "run_here", sync = parse_now)]
fn parse(text: &str, radix: u32) -> Result<u64, ParseIntError> {
    u64::from_str_radix(text, radix)
}

/// Shows many values.
#[parallel]
#[must_use]
fn show<T: Display + Send + 'static, const N: usize>(values: [T; N], suffix: &str) -> String {
    let mut shown: String = values.iter().map(ToString::to_string).collect();
    shown.push_str(suffix);
    shown
}

/// Takes what by itself would better be borrowed, and returns what cannot fail.
#[pooled(pool = POOL)]
fn take(text: String, numbers: Vec<u8>, small: &u8, big: [u8; 4096]) -> Option<usize> {
    Some(text.len() + numbers.len() + usize::from(*small) + big.len())
}

/// Makes an iterator of its own.
#[parallel]
fn opaque(text: &str) -> impl Iterator<Item = char> {
    text.chars().collect::<Vec<_>>().into_iter()
}

/// What is opaque has parentheses, and where its error is looked up nothing is opaque.
#[parallel]
fn forever(code: i32) -> io::Result<&'static (impl Display + Sync)> {
    if code > 9 { Err(io::Error::other("too much")) } else { Ok(&7) }
}

/// Never ends well.
#[parallel]
fn stop(code: i32) -> ! {
    exit(code)
}

/// A deprecated function; its attribute is not a use of it.
#[parallel(sync = old_now)]
#[deprecated = "parse is better"]
fn old(n: u8) -> u8 {
    n
}

/// An expected lint is fulfilled where the body is inside of the function, and where it is beside it.
#[parallel]
#[expect(unused_variables, dead_code, clippy::needless_pass_by_value, reason = "to be expected")]
fn expects(text: String, n: u8) {}

/// The levels of the user's lints count.
#[parallel(sync = levels_now)]
#[expect(unused_variables, clippy::needless_pass_by_value, reason = "to be expected")]
fn levels(text: String, n: u8) {}

#[parallel]
fn inner_attributes(text: String, n: u8) {
    //! Has the attributes in the braces.

    #![expect(unused_variables, dead_code, clippy::needless_pass_by_value, reason = "to be expected")]
}

#[pooled(sync = inner_sync_now)]
fn inner_sync(text: &str) -> usize {
    //! Has the attributes in the braces, and two functions with them.
    #![deprecated = "parse is better"]
    #![must_use]

    text.len()
}

/// A client.
#[derive(Clone, Debug)]
struct Client {
    /// How deep it goes.
    depth: usize,
    /// Where it runs.
    pool: Arc<Pool>,
}

impl Client {
    /// Makes a client.
    #[parallel(sync = new_now)]
    #[must_use]
    fn new(depth: usize) -> Self {
        Self { depth, pool: Arc::new(Pool::new(1)) }
    }

    /// Looks how deep.
    #[pooled(pool = self.pool)]
    fn depth(&self) -> usize {
        self.depth
    }

    /// Looks deeper.
    #[pooled(workers = 2)]
    fn deeper(self: Arc<Self>, by: usize) -> usize {
        self.depth + by
    }

    /// Looks deepest.
    #[parallel]
    #[expect(clippy::boxed_local, reason = "a receiver")]
    fn deepest(self: Box<Self>) -> usize {
        self.depth
    }

    /// Does not look at itself.
    #[parallel]
    fn same(&self, text: String) -> Option<String> {
        Some(text)
    }

    #[parallel]
    fn inner_attributes(self: Box<Self>) -> usize {
        #![doc = "Has the attributes in the braces."]
        #![expect(clippy::boxed_local, reason = "to be expected")]
        {
            #![expect(clippy::identity_op, reason = "of the block")]
            self.depth + 0
        }
    }

    /// Is expected to be dead, and to have a variable too many.
    #[parallel]
    #[expect(dead_code, unused_variables, reason = "to be expected")]
    fn dead(&self, n: u8) {}
}

/// Calls a macro with a function in it.
macro_rules! define {
    ($name:ident, $ty:ty) => {
        /// Made by a macro.
        #[pooled(workers = 1)]
        fn $name(n: $ty) -> $ty {
            n
        }
    };
}

define!(made, (&'static str, u8));

#[test]
fn all_of_it_runs() {
    assert_eq!(parse("ff", 16).get(), parse_now("ff", 16));
    assert_eq!(show([1, 2], "x").get(), "12x");
    assert_eq!(take(String::new(), vec![1], &2, [0; 4096]).get(), Some(4099));
    assert_eq!(opaque("abc").get().count(), 3);
    assert_eq!(forever(1).get().ok().map(ToString::to_string).as_deref(), Some("7"));
    levels("x".to_owned(), 1).get();
    levels_now("x".to_owned(), 1);
    let client = Client::new(3).get();
    assert_eq!(client.depth().get(), Client::new_now(3).depth);
    assert_eq!(client.same("x".to_owned()).get().as_deref(), Some("x"));
    assert_eq!(Arc::new(client.clone()).deeper(1).get(), 4);
    assert_eq!(Box::new(client.clone()).deepest().get(), Box::new(client).inner_attributes().get());
    assert_eq!(made(("a", 1)).get().1, 1);
    #[expect(deprecated, reason = "both halves are")]
    let old = (old(1).get(), old_now(1), inner_sync("a").get(), inner_sync_now("a"));
    assert_eq!(old, (1, 1, 1, 1));
    let no_call: fn(i32) -> _ = stop;
    assert_eq!(size_of_val(&no_call), size_of::<usize>());
}
