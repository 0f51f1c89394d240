//! The word `Self` in the body: of the function, of an item inside, or only tokens for a macro.

use asynctools::{parallel, pooled};

macro_rules! selves {
    ($($token:tt)*) => { stringify!($($token)*).matches("Self").count() };
}

macro_rules! same {
    ($value:expr) => {
        $value
    };
}

#[parallel]
fn only_tokens(n: usize) -> usize {
    n + selves!(fn new() -> Self) + selves!(Self) + selves!(impl X { fn new() -> Self { Self { n: Self::N } } })
}

#[parallel]
fn tokens_of_a_function(n: usize) -> usize {
    n + selves!(
        pub fn new() -> Self {
            Self { n }
        }
    ) + selves! { fn a(self) -> Self; }
}

#[pooled]
fn braces_in_the_head(n: usize) -> usize {
    const N: usize = 2;
    struct Tagged<const N: usize>(usize);
    impl Default for Tagged<{ N + 1 }> {
        fn default() -> Self {
            Self(N)
        }
    }
    impl<const M: usize> From<[u8; M]> for Tagged<{ M }>
    where
        Tagged<{ M }>: Sized,
        fn() -> Tagged<{ M }>: Copy,
    {
        fn from(_: [u8; M]) -> Self {
            Self(M)
        }
    }
    n + Tagged::<3>::default().0 + Tagged::from([1, 2]).0
}

#[pooled]
fn items_of_many_kinds(n: usize) -> usize {
    struct Tagged;
    trait Depth<const N: usize = { 1 + 1 }> {
        fn depth(&self) -> usize
        where
            Self: Sized;
    }
    union Bits {
        byte: u8,
        _boxed: std::mem::ManuallyDrop<Option<Box<u8>>>,
    }
    impl Bits {
        fn new() -> Self {
            Self { byte: 1 }
        }
    }
    impl Depth<{ if 1 < 2 { 7 } else { 8 } }> for Tagged {
        fn depth(&self) -> usize {
            size_of::<Self>()
        }
    }
    let negated = !{ n > 100 };
    n + Tagged.depth() + usize::from(negated) + size_of_val(&Bits::new())
}

#[derive(Clone, Debug, PartialEq)]
struct Client {
    depth: usize,
}

impl Client {
    const DEPTH: usize = 7;

    #[parallel]
    fn by_path(n: usize) -> usize {
        same!(Self::DEPTH + n)
    }

    #[parallel]
    fn by_braces(depth: usize) -> Option<Client> {
        vec![Self { depth }].pop()
    }

    #[parallel]
    fn by_turbofish() -> usize {
        fn of<const N: usize>() -> usize {
            N
        }
        of::<{ Self::DEPTH }>()
    }

    #[parallel]
    fn after_an_item(n: usize) -> usize {
        struct Local(usize);
        impl Default for Local {
            fn default() -> Self {
                Self(1)
            }
        }
        !(Self::DEPTH + n) + Local::default().0
    }
}

#[derive(Debug, PartialEq)]
struct Pair(usize, usize);

impl Pair {
    #[parallel]
    fn by_parentheses(n: usize) -> Option<Pair> {
        same!(Some(Self(n, n)))
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Holder<T, K = u8>(T, K);

impl<T: Send + 'static> Holder<T> {
    #[parallel]
    fn of(value: T) -> Holder<T> {
        Holder(value, 0)
    }

    #[parallel(sync = all_now)]
    fn all(values: Vec<T>) -> Vec<Holder<T>> {
        values.into_iter().map(|value| Holder(value, 1)).collect()
    }
}

impl Holder<u8> {
    #[parallel(sync = Self::zero_now)]
    fn zero() -> Holder<u8> {
        Holder(0, 0)
    }
}

impl<K: Default + Send + 'static> Holder<u8, K> {
    #[pooled]
    fn with_key<U: Into<u8> + Send + 'static>(value: U) -> Holder<u8, K> {
        Holder(value.into(), K::default())
    }
}

/// Macros of the names that generics have.
mod macros {
    use asynctools::pooled;

    macro_rules! V {
        ($item:ty) => { Vec<$item> };
    }

    macro_rules! T {
        () => {
            u8
        };
    }

    #[pooled]
    pub(super) fn of_macros(list: V![u8], n: T!()) -> V![u8] {
        list.into_iter().map(|item| item + n).collect()
    }
}

trait Named {
    type T: Default;
}

impl Named for u8 {
    type T = u16;
}

#[pooled]
fn of_an_associated_type<U: Named<T = u16> + Send + 'static, const K: usize>(_: U) -> U::T {
    U::T::default()
}

#[test]
fn a_function_of_an_impl_need_not_say_self_in_itself() {
    assert_eq!(Holder::of("a").get(), Holder("a", 0));
    assert_eq!(Holder::all(vec![1]).get(), Holder::all_now(vec![1]));
    assert_eq!(Holder::zero().get(), Holder::zero_now());
    assert_eq!(Holder::<u8, u64>::with_key(1).get(), Holder(1, 0));
    assert_eq!(macros::of_macros(vec![1], 2).get(), [3]);
    assert_eq!(of_an_associated_type::<u8, 1>(1).get(), 0);
}

#[test]
fn a_free_function_stays_free() {
    assert_eq!(only_tokens(1).get(), 1 + 5);
    assert_eq!(tokens_of_a_function(1).get(), 1 + 3);
    assert_eq!(braces_in_the_head(1).get(), 1 + 2 + 2);
    assert_eq!(items_of_many_kinds(1).get(), 1 + 1 + size_of::<usize>());
}

#[test]
fn a_method_without_self_sees_its_type() {
    assert_eq!(Client::by_path(1).get(), 8);
    assert_eq!(Client::by_braces(1).get(), Some(Client { depth: 1 }));
    assert_eq!(Client::by_turbofish().get(), 7);
    assert_eq!(Client::after_an_item(8).get(), !15 + 1);
    assert_eq!(Pair::by_parentheses(1).get(), Some(Pair(1, 1)));
}
