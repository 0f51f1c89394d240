//! Attributes on the function, recursion, macros, local functions.

use asynctools::{parallel, pooled};

use crate::grammar::Low;

#[parallel]
fn fibonacci(n: u64) -> u64 {
    if n < 2 { n } else { fibonacci(n - 1).get() + fibonacci(n - 2).get() }
}

#[parallel]
#[must_use]
#[inline]
#[track_caller]
#[cfg(test)]
#[doc(alias = "x")]
fn with_attributes(#[allow(unused_variables, reason = "to be allowed")] a: u8, n: u8) -> u8 {
    n
}

#[cfg_attr(test, parallel)]
fn by_cfg_attr(n: u8) -> u8 {
    n
}

macro_rules! define {
    ($(#[$attr:meta])* $vis:vis fn $name:ident($($param:ident: $ty:ty),*) -> $result:ty $body:block, $workers:expr) => {
        #[pooled(workers = $workers)]
        $(#[$attr])*
        $vis fn $name($($param: $ty, same: $ty),*) -> $result {
            let _ = same;
            $body
        }
    };
}

define!(
    /// Made by a macro.
    pub(super) fn by_macro(same: &str) -> Result<usize, Low> {
        Ok(same.len())
    },
    1 + 1
);

macro_rules! methods {
    ($self:ident, $name:ident, $body:expr) => {
        #[parallel]
        fn $name(&$self) -> usize {
            $body
        }
    };
}

#[derive(Clone)]
struct Client(usize);

impl Client {
    methods!(self, depth, self.0 + 1);
}

#[test]
fn calls_of_every_shape() {
    assert_eq!(fibonacci(10).get(), 55);
    assert_eq!(with_attributes(1, 2).get(), 2);
    assert_eq!(by_cfg_attr(1).get(), 1);
    assert_eq!(by_macro("abc", "d").get(), Ok(3));
    assert_eq!(Client(1).depth().get(), 2);
}

#[test]
fn a_local_function() {
    #[parallel(sync = local_now)]
    fn local(n: usize) -> usize {
        n + 1
    }
    assert_eq!(local(1).get(), local_now(1));
}
