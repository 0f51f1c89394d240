//! Methods and associated functions.

use std::fmt::Debug;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use asynctools::{Pool, parallel, pooled};

use crate::grammar::Low;

#[derive(Clone)]
struct Client<T> {
    depth: usize,
    value: T,
}

impl<T: Clone + Debug + Send + Sync + 'static> Client<T> {
    #[parallel]
    fn consume(self) -> T {
        self.value
    }

    #[parallel]
    fn consume_mutable(mut self, n: usize) -> usize {
        self.depth += n;
        self.depth
    }

    #[parallel]
    fn by_reference(&self, text: &str) -> usize {
        let shown = format!("{self_depth}", self_depth = self.depth);
        text.len() + shown.len()
    }

    #[parallel]
    fn by_named_reference<'a>(&'a self, text: &'a str) -> usize {
        text.len() + self.depth
    }

    #[parallel]
    fn by_written_reference(self: &Self) -> usize {
        self.depth
    }

    #[parallel]
    fn of_arc(self: Arc<Self>, other: &T) -> String {
        format!("{:?}{other:?}", self.value)
    }

    #[parallel]
    fn of_box(self: Box<Self>) -> usize {
        self.depth
    }

    #[parallel]
    fn of_std_arc(self: std::sync::Arc<Self>) -> usize {
        self.depth
    }

    #[parallel]
    fn fails(&self, n: usize) -> Result<usize, Low> {
        n.checked_sub(self.depth).ok_or(Low(1))
    }

    #[parallel]
    fn generic<U: Display + Send + 'static>(&self, u: U, f: impl Fn(usize) -> usize + Send + 'static) -> String {
        format!("{u}{}", f(self.depth))
    }

    #[parallel]
    fn recursive(self, n: usize) -> usize {
        if n == 0 { self.depth } else { self.recursive(n - 1).get() }
    }

    #[parallel]
    fn make(value: T) -> Self {
        Self { depth: 1, value }
    }

    #[parallel]
    fn says_self_in_the_body() -> usize {
        Self::DEPTH
    }

    #[parallel]
    fn says_self_in_the_bounds(value: T) -> T
    where
        Self: Sized,
    {
        value
    }

    #[parallel]
    fn says_nothing(n: usize) -> usize {
        #[derive(Clone)]
        struct Inner(Option<Box<Self>>);
        impl Inner {
            fn depth(&self) -> usize {
                usize::from(self.0.is_some()) + Self::EXTRA
            }
            const EXTRA: usize = 1;
        }
        n + Inner(None).depth()
    }

    #[parallel(sync = of_sync_now)]
    fn of_sync(&self, n: usize) -> usize {
        self.depth + n
    }

    const DEPTH: usize = 5;
}

#[test]
fn methods() {
    let client = Client { depth: 1, value: "v" };
    assert_eq!(client.clone().consume().get(), "v");
    assert_eq!(client.clone().consume_mutable(2).get(), 3);
    assert_eq!(client.by_reference("abc").get(), 4);
    assert_eq!(client.by_named_reference("abc").get(), 4);
    assert_eq!(client.by_written_reference().get(), 1);
    assert_eq!(Arc::new(client.clone()).of_arc(&"o").get(), "\"v\"\"o\"");
    assert_eq!(Box::new(client.clone()).of_box().get(), 1);
    assert_eq!(Arc::new(client.clone()).of_std_arc().get(), 1);
    assert_eq!(client.fails(3).get(), Ok(2));
    assert_eq!(client.fails(0).get(), Err(Low(1)));
    assert_eq!(client.generic("u", |n| n + 1).get(), "u2");
    assert_eq!(client.of_sync(1).get(), client.of_sync_now(1));
    assert_eq!(client.recursive(3).get(), 1);
}

/// A plain recursive function may be deprecated.
#[deny(deprecated)]
mod deprecated {
    use std::sync::Arc;

    use asynctools::{parallel, pooled};

    #[derive(Clone)]
    pub(super) struct Old;

    impl Old {
        #[parallel]
        #[deprecated]
        pub(super) fn by_reference(&self, n: usize) -> usize {
            if n == 0 { n } else { self.by_reference(n - 1).get() + 1 }
        }

        #[pooled]
        #[deprecated = "is old"]
        pub(super) fn of_arc(self: Arc<Self>, n: usize) -> usize {
            if n == 0 { n } else { self.of_arc(n - 1).get() + 1 }
        }
    }

    #[pooled(sync = depth_now)]
    #[deprecated]
    pub(super) fn depth(n: usize) -> usize {
        if n == 0 { n } else { depth(n - 1).get() + 1 }
    }
}

#[test]
#[expect(deprecated, reason = "the calls are the point")]
fn a_deprecated_method_calls_itself() {
    assert_eq!(deprecated::Old.by_reference(2).get(), 2);
    assert_eq!(Arc::new(deprecated::Old).of_arc(2).get(), 2);
    assert_eq!(deprecated::depth(deprecated::depth_now(2)).get(), 2);
}

/// What a `static` holds, without `Clone`.
struct Registry {
    count: AtomicUsize,
    pool: Pool,
}

impl Registry {
    #[pooled]
    fn next(&'static self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    #[pooled(pool = self.pool)]
    fn add(self: &'static Self, n: usize) -> &'static AtomicUsize {
        self.count.fetch_add(n, Ordering::Relaxed);
        &self.count
    }

    #[parallel(sync = count_now)]
    fn count(&'static self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

#[test]
fn a_static_reference_is_passed_itself() {
    static REGISTRY: Registry = Registry { count: AtomicUsize::new(1), pool: Pool::new(1) };
    assert_eq!(REGISTRY.next().get(), 1);
    assert!(std::ptr::eq(REGISTRY.add(REGISTRY.next()).get(), &raw const REGISTRY.count));
    assert_eq!((REGISTRY.count().get(), REGISTRY.count_now()), (5, 5));
}

#[test]
fn associated_functions() {
    assert_eq!(Client::make("v").get().value, "v");
    assert_eq!(Client::<u8>::says_self_in_the_body().get(), 5);
    assert_eq!(Client::says_self_in_the_bounds(1u8).get(), 1);
    assert_eq!(Client::<u8>::says_nothing(1).get(), 2);
    let chained = Client::<usize>::make(Client::<u8>::says_self_in_the_body());
    assert_eq!(chained.get().value, 5);
}
