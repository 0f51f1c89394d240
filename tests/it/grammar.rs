//! Every signature that the attributes accept, called, and its result looked at.

#![expect(
    clippy::allow_attributes,
    clippy::identity_op,
    clippy::many_single_char_names,
    clippy::multiple_bound_locations,
    clippy::needless_arbitrary_self_type,
    clippy::needless_borrows_for_generic_args,
    clippy::ptr_arg,
    clippy::redundant_closure_for_method_calls,
    clippy::too_many_arguments,
    clippy::toplevel_ref_arg,
    reason = "these are forms that the attributes accept, not forms to recommend"
)]

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt::{Debug, Display};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use asynctools::{AsyncList, AsyncValue, Pool, parallel, pooled};

#[derive(Clone, Debug, PartialEq)]
struct Config {
    depth: usize,
}

struct NotClone(usize);

#[derive(Clone, Debug, PartialEq)]
struct Low(u8);

#[derive(Debug, PartialEq)]
struct High(u8);

impl From<Low> for High {
    fn from(Low(n): Low) -> High {
        High(n + 100)
    }
}

mod results {
    use super::*;

    #[parallel]
    fn nothing() {}

    #[parallel]
    fn number() -> u8 {
        7
    }

    #[parallel]
    fn never(stop: bool) -> ! {
        assert!(!stop, "stopped");
        loop {
            std::thread::park();
        }
    }

    #[parallel]
    fn opaque(text: &str) -> impl Display {
        text.to_uppercase()
    }

    #[parallel]
    fn opaque_with_uses<T: ToString + Send + 'static>(text: &str, t: T) -> impl Display + use<T> {
        format!("{text}{}", t.to_string())
    }

    #[parallel]
    fn opaque_parts(n: u8) -> (impl Iterator<Item = impl Display>, Vec<impl Fn(&str) -> usize>) {
        (0..n, vec![str::len])
    }

    #[parallel]
    fn opaque_result(n: u8) -> Result<impl Display + Debug, Low> {
        if n > 9 { Err(Low(n)) } else { Ok(n) }
    }

    #[parallel]
    fn opaque_io_result(n: u8) -> io::Result<impl Display + Debug> {
        Ok(n)
    }

    #[parallel]
    fn opaque_error(n: u8) -> Result<u8, impl Debug> {
        if n > 9 { Err("too many") } else { Ok(n) }
    }

    #[parallel]
    fn boxed(n: u8) -> Box<dyn Fn(&str) -> String + Send> {
        Box::new(move |text| format!("{text}{n}"))
    }

    #[parallel]
    fn pointer() -> fn(&str) -> &str {
        str::trim
    }

    #[parallel]
    fn forever() -> &'static str {
        "static"
    }

    #[parallel]
    fn projected(n: u8) -> <Vec<u8> as IntoIterator>::Item {
        n
    }

    #[test]
    fn any_owned_result() {
        nothing().get();
        assert_eq!(number().get(), 7);
        assert!(never(true).outcome().is_err());
        assert_eq!(opaque("abc").get().to_string(), "ABC");
        assert_eq!(opaque_with_uses("a", 1).get().to_string(), "a1");
        let (numbers, lengths) = opaque_parts(3).get();
        assert_eq!(numbers.map(|n| n.to_string()).collect::<String>(), "012");
        assert_eq!(lengths[0]("four"), 4);
        assert_eq!(opaque_result(1).get().unwrap().to_string(), "1");
        assert_eq!(opaque_result(10).get().unwrap_err(), Low(10));
        assert_eq!(opaque_io_result(1).get().unwrap().to_string(), "1");
        assert_eq!(opaque_error(1).get().unwrap(), 1);
        assert_eq!(format!("{:?}", opaque_error(10).get().unwrap_err()), "\"too many\"");
        assert_eq!(boxed(1).get()("n"), "n1");
        assert_eq!(pointer().get()(" x "), "x");
        assert_eq!(forever().get(), "static");
        assert_eq!(projected(3).get(), 3);
    }

    #[test]
    fn a_handle_of_an_opaque_result_outlives_the_arguments() {
        let handle = {
            let text = String::from("abc");
            opaque(&text)
        };
        assert_eq!(handle.get().to_string(), "ABC");
    }
}

mod values {
    use super::*;

    #[parallel]
    fn add(a: i64, b: i64) -> i64 {
        a + b
    }

    #[parallel]
    fn patterns((a, mut b): (i64, i64), [c, ..]: [i64; 3], Config { depth }: Config, _: u8, _unused: u8) -> i64 {
        b += a + c;
        b + i64::try_from(depth).unwrap()
    }

    #[parallel]
    fn mutable(mut list: Vec<u8>, ref other: String, whole @ (n, _): (usize, usize)) -> (Vec<u8>, usize) {
        list.push(9);
        (list, other.len() + n + whole.1)
    }

    #[parallel]
    fn raw(r#type: u8, r#fn: u8) -> u8 {
        r#type - r#fn
    }

    #[parallel]
    fn r#try(n: u8) -> u8 {
        n
    }

    #[parallel]
    fn forever(text: &'static str, list: &'static [&'static str]) -> (&'static str, usize) {
        (text, list.len())
    }

    #[parallel]
    fn owned_cow(text: Cow<'static, str>) -> usize {
        text.len()
    }

    #[parallel]
    fn boxed(task: Box<dyn Fn(&str) -> usize + Send>) -> usize {
        task("four")
    }

    #[parallel]
    fn array<const N: usize>(numbers: [u8; N]) -> usize {
        numbers.len()
    }

    #[parallel]
    fn handle_itself(n: AsyncValue<i64>) -> i64 {
        n.get()
    }

    #[parallel]
    fn conditional(a: u8, #[cfg(test)] b: u8, #[cfg(not(test))] c: String, #[cfg(any())] d: u8) -> u8 {
        a + b
    }

    #[parallel]
    fn twelve(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> [u8; 12] {
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    #[test]
    fn plain_values() {
        assert_eq!(add(1, 2).get(), 3);
        let config = Config { depth: 1000 };
        assert_eq!(patterns((1, 2), [10, 20, 30], config, 0, 0).get(), 1013);
        assert_eq!(mutable(vec![1], "ab".to_owned(), (3, 4)).get(), (vec![1, 9], 9));
        assert_eq!(raw(3, 1).get(), 2);
        assert_eq!(r#try(3).get(), 3);
        assert_eq!(forever("x", &["a", "b"] as &[&str]).get(), ("x", 2));
        assert_eq!(owned_cow(Cow::from("four")).get(), 4);
        assert_eq!(boxed(Box::new(str::len) as Box<dyn Fn(&str) -> usize + Send>).get(), 4);
        assert_eq!(array([1, 2, 3]).get(), 3);
        assert_eq!(handle_itself(add(1, 2)).get(), 3);
        assert_eq!(conditional(1, 2).get(), 3);
        assert_eq!(twelve(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12).get().iter().sum::<u8>(), 78);
    }

    #[test]
    fn handles() {
        let three = add(1, 2);
        assert_eq!(add(&three, &three).get(), 6);
        assert_eq!(add(add(three, 1), add(2, 3)).get(), 9);
    }
}

mod references {
    use super::*;

    #[parallel]
    fn text(text: &str) -> usize {
        text.len()
    }

    #[parallel]
    fn named<'a>(text: &'a str, other: &'a str) -> usize {
        [text, other].iter().map(|text: &&'a str| text.len()).sum()
    }

    #[parallel]
    fn outlives<'a, 'b: 'a>(text: &'b str, other: &'a str) -> usize
    where
        'b: 'a,
    {
        text.len() + other.len()
    }

    #[parallel]
    fn path(path: &Path) -> PathBuf {
        path.join("x")
    }

    #[parallel]
    fn os(text: &OsStr) -> usize {
        text.len()
    }

    #[parallel]
    fn slice(numbers: &[u32]) -> u32 {
        numbers.iter().sum()
    }

    #[parallel]
    fn config(config: &Config) -> usize {
        config.depth
    }

    #[parallel]
    fn not_clone(value: &NotClone) -> usize {
        value.0
    }

    #[parallel]
    fn object(value: &(dyn Debug + Send + Sync)) -> String {
        format!("{value:?}")
    }

    #[parallel]
    fn generic<T: Debug + Clone + Send + 'static>(value: &T) -> String {
        format!("{value:?}")
    }

    #[parallel]
    fn vector(list: &Vec<String>, &depth: &usize) -> usize {
        list.len() + depth
    }

    #[parallel]
    fn placeholder(text: &'_ str) -> usize {
        text.len()
    }

    #[test]
    fn borrowed_values_are_copied() {
        assert_eq!(text("abc").get(), 3);
        assert_eq!(text(&String::from("abc")).get(), 3);
        assert_eq!(named("abc", "de").get(), 5);
        assert_eq!(outlives("abc", "de").get(), 5);
        assert_eq!(path(Path::new("a")).get(), Path::new("a/x"));
        assert_eq!(path(&PathBuf::from("a")).get(), Path::new("a/x"));
        assert_eq!(os(OsStr::new("abc")).get(), 3);
        assert_eq!(slice(&[1, 2, 3]).get(), 6);
        assert_eq!(slice(&vec![1, 2, 3]).get(), 6);
        assert_eq!(config(&Config { depth: 3 }).get(), 3);
        assert_eq!(generic(&Some(1)).get(), "Some(1)");
        assert_eq!(vector(&vec![String::new()], &2).get(), 3);
        assert_eq!(placeholder("abc").get(), 3);
    }

    #[test]
    fn owners_are_not_copied() {
        assert_eq!(text(String::from("abc")).get(), 3);
        assert_eq!(text(Box::<str>::from("abc")).get(), 3);
        assert_eq!(text(Arc::<str>::from("abc")).get(), 3);
        assert_eq!(path(PathBuf::from("a")).get(), Path::new("a/x"));
        assert_eq!(os(OsString::from("abc")).get(), 3);
        assert_eq!(slice(vec![1, 2, 3]).get(), 6);
        assert_eq!(config(Arc::new(Config { depth: 3 })).get(), 3);
        assert_eq!(not_clone(Box::new(NotClone(3))).get(), 3);
        assert_eq!(not_clone(Arc::new(NotClone(3))).get(), 3);
        assert_eq!(object(Arc::new(3) as Arc<dyn Debug + Send + Sync>).get(), "3");
    }

    #[test]
    fn borrowed_data_may_go_before_the_call_ends() {
        let words: Vec<String> = ["a", "bb", "ccc"].map(String::from).to_vec();
        let borrowed: Vec<&str> = words.iter().map(String::as_str).collect();
        let lengths: AsyncList<usize> = borrowed.iter().map(text).collect();
        drop(borrowed);
        drop(words);
        assert_eq!(lengths.get(), [1, 2, 3]);
    }

    #[test]
    fn functions_are_values() {
        let lengths: AsyncList<_> = "a bb ccc".split(' ').map(text).collect();
        assert_eq!(lengths.get(), [1, 2, 3]);
    }
}

mod as_they_are {
    use super::*;

    #[parallel]
    fn opaque(shown: impl Display + Send + 'static, many: Vec<impl Display + Send + 'static>) -> String {
        format!("{shown}{}", many.iter().map(ToString::to_string).collect::<String>())
    }

    #[parallel]
    fn opaque_beside_generic<T: Display + Send + 'static>(a: impl Display + Send + 'static, b: T) -> String {
        format!("{a}{b}")
    }

    #[parallel]
    fn opaque_closure(f: impl Fn(&str) -> usize + Send + 'static, text: &str) -> usize {
        f(text)
    }

    #[parallel]
    fn pointer(f: fn(i32) -> i32, n: i32) -> i32 {
        f(n)
    }

    #[parallel]
    fn pointer_to_borrower(f: fn(&str) -> &str, text: &str) -> String {
        f(text).to_owned()
    }

    #[parallel]
    fn bounded<F: Fn(&str) -> usize + Send + 'static>(f: F, text: &str) -> usize {
        f(text)
    }

    #[parallel]
    fn bounded_after<F, G>(mut f: F, g: G) -> Vec<usize>
    where
        F: FnMut(&str) -> usize + Send + 'static,
        G: std::ops::FnOnce() -> usize,
        G: Send + 'static,
    {
        vec![f("a"), f("b"), g()]
    }

    #[parallel]
    fn bounded_for<F>(f: F) -> String
    where
        for<'a> F: Fn(&'a str) -> &'a str + Send + 'static,
    {
        f(" x ").to_owned()
    }

    #[test]
    fn closures_and_coercions_as_in_a_plain_call() {
        assert_eq!(opaque(1, vec!["a", "b"]).get(), "1ab");
        assert_eq!(opaque_beside_generic::<u8>("a", 1).get(), "a1");
        assert_eq!(opaque_closure(|text| text.len(), "four").get(), 4);
        assert_eq!(pointer(|n| n + 1, 1).get(), 2);
        assert_eq!(pointer(i32::abs, -1).get(), 1);
        assert_eq!(pointer_to_borrower(str::trim, " x ").get(), "x");
        assert_eq!(bounded(|text| text.len(), "four").get(), 4);
        let mut calls = 0;
        let count = move |text: &str| {
            calls += text.len();
            calls
        };
        assert_eq!(bounded_after(count, || 7).get(), [1, 2, 7]);
        assert_eq!(bounded_for(|text| text.trim()).get(), "x");
    }
}

mod generics {
    use super::*;

    #[parallel]
    fn same<T: Send + 'static>(t: T) -> T {
        t
    }

    #[parallel]
    fn collected<T, U>(list: Vec<T>, default: U) -> HashMap<T, U>
    where
        T: std::hash::Hash + Eq + Send + 'static,
        U: Clone + Send + 'static,
    {
        list.into_iter().map(|key| (key, default.clone())).collect()
    }

    #[parallel]
    fn filled<T: Copy + Send + 'static, const N: usize>(t: T) -> [T; N] {
        [t; N]
    }

    #[parallel]
    fn of_bounds<T: for<'a> From<&'a str> + Send + 'static>(text: &str) -> T {
        T::from(text)
    }

    #[parallel]
    fn fallible<T: Send + 'static, E: Send + 'static>(t: T, e: E, fails: bool) -> Result<T, E> {
        if fails { Err(e) } else { Ok(t) }
    }

    #[test]
    fn generics_mean_what_they_say() {
        assert_eq!(same("x").get(), "x");
        assert_eq!(same::<u8>(1).get(), 1);
        assert_eq!(collected(vec![1, 2], "x").get()[&2], "x");
        assert_eq!(filled::<_, 3>(1).get(), [1, 1, 1]);
        assert_eq!(of_bounds::<String>("x").get(), "x");
        assert_eq!(fallible(1, "e", true).get(), Err("e"));
        assert_eq!(fallible(1, "e", false).get(), Ok(1));
        let handle: AsyncValue<u8> = same(same(1u8));
        assert_eq!(handle.get(), 1);
    }
}

mod receivers {
    use super::*;

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

    #[test]
    fn associated_functions() {
        assert_eq!(Client::make("v").get().value, "v");
        assert_eq!(Client::<u8>::says_self_in_the_body().get(), 5);
        assert_eq!(Client::says_self_in_the_bounds(1u8).get(), 1);
        assert_eq!(Client::<u8>::says_nothing(1).get(), 2);
        let chained = Client::<usize>::make(Client::<u8>::says_self_in_the_body());
        assert_eq!(chained.get().value, 5);
    }
}

mod errors {
    use super::*;

    mod own {
        pub(super) type Result<T> = std::result::Result<T, super::High>;
    }

    type LoadResult<T> = Result<T, Low>;

    #[parallel]
    fn low(n: u8) -> Result<u8, Low> {
        if n > 9 { Err(Low(n)) } else { Ok(n) }
    }

    #[parallel]
    fn high(n: u8) -> Result<u8, High> {
        Ok(n + 1)
    }

    #[parallel]
    fn of_alias(n: u8) -> own::Result<u8> {
        Ok(n + 1)
    }

    #[parallel]
    #[expect(unused_parens, reason = "they are the point")]
    fn in_parentheses(n: u8) -> (own::Result<u8>) {
        Ok(n + 1)
    }

    #[parallel]
    fn of_other_alias(n: u8) -> LoadResult<u8> {
        Ok(n)
    }

    #[parallel]
    fn of_io(n: u8) -> io::Result<u8> {
        if n > 9 { Err(io::Error::other("io")) } else { Ok(n) }
    }

    #[parallel]
    fn of_fmt(text: &str) -> std::fmt::Result {
        if text.is_empty() { Err(std::fmt::Error) } else { Ok(()) }
    }

    #[parallel]
    fn boxed(n: u8) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
        Ok(n + "1".parse::<u8>()?)
    }

    #[parallel]
    fn sum(numbers: Vec<u8>) -> Result<u8, High> {
        Ok(numbers.iter().sum())
    }

    #[parallel]
    fn size(text: &str) -> Result<usize, High> {
        Ok(text.len())
    }

    #[parallel]
    fn load(n: u8) -> Result<String, Low> {
        if n > 9 { Err(Low(n)) } else { Ok(n.to_string()) }
    }

    #[test]
    fn an_error_crosses_the_edge() {
        assert_eq!(high(low(1)).get(), Ok(2));
        assert_eq!(high(low(10)).get(), Err(High(110)));
        let failed = low(10);
        assert_eq!(high(&failed).get(), Err(High(110)));
        assert_eq!(failed.get(), Err(Low(10)));
        assert_eq!(of_alias(low(10)).get(), Err(High(110)));
        assert_eq!(in_parentheses(high(low(10))).get(), Err(High(110)));
        assert_eq!(size(load(5)).get(), Ok(1));
        assert_eq!(size(load(10)).get(), Err(High(110)));
        assert_eq!(of_io(of_io(10)).get().unwrap_err().to_string(), "io");
        assert_eq!(boxed(of_io(10)).get().unwrap_err().to_string(), "io");
        assert_eq!(boxed(of_io(1)).get().unwrap(), 2);
        let list: AsyncList<_> = (8..12).map(low).collect();
        assert_eq!(sum(list).get(), Err(High(110)));
        assert!(of_fmt("").get().is_err());
    }

    #[test]
    fn an_alias_of_another_name_is_a_value() {
        assert_eq!(of_other_alias(10).get(), Ok(10));
        assert_eq!(of_other_alias(low(1).get().unwrap()).get(), Ok(1));
    }
}

mod options {
    use super::*;

    static POOL: Pool = Pool::new(2);
    static LAZY: LazyLock<Pool> = LazyLock::new(|| Pool::new(3));
    static EVALUATED: AtomicUsize = AtomicUsize::new(0);
    const WORKERS: usize = 2;

    fn workers() -> usize {
        EVALUATED.fetch_add(1, Ordering::SeqCst);
        2
    }

    #[pooled]
    fn on_the_global_pool(n: u8) -> u8 {
        n
    }

    #[pooled(workers = 5)]
    fn on_its_own(n: u8) -> u8 {
        n
    }

    #[pooled(workers = if WORKERS < 2 { 1 } else { WORKERS }, queue = WORKERS * 2,)]
    fn by_expressions(n: u8) -> u8 {
        n
    }

    #[pooled(workers = workers())]
    fn by_a_function<T: Send + 'static>(t: T) -> T {
        t
    }

    #[pooled(workers = 1, queue = 2, on_full = "block")]
    fn blocks(n: u8) -> u8 {
        n
    }

    #[pooled(workers = 1, queue = 2, on_full = "run_here")]
    fn runs_here(n: u8) -> u8 {
        n
    }

    #[pooled(workers = 1, queue = 2, on_full = "reject")]
    fn rejects(n: u8) -> u8 {
        n
    }

    #[pooled(pool = POOL)]
    fn on_a_static(n: u8) -> u8 {
        n
    }

    #[pooled(pool = LAZY)]
    fn on_a_lazy(n: u8) -> u8 {
        n
    }

    #[pooled(pool = Pool::global())]
    fn on_a_reference(n: u8) -> u8 {
        n
    }

    #[pooled(pool = *POOLS.first().unwrap())]
    fn on_one_of_many(n: u8, pool: u8) -> u8 {
        n + pool
    }

    static POOLS: [&Pool; 1] = [&POOL];

    #[pooled(workers = 0usize + NONE)]
    fn on_no_worker(n: u8) -> u8 {
        n
    }

    const NONE: usize = 0;

    #[derive(Clone)]
    struct Client {
        pool: Arc<Pool>,
    }

    impl Client {
        #[pooled(pool = self.pool)]
        fn by_reference(&self, n: u8) -> u8 {
            n
        }

        #[pooled(pool = self.pool)]
        fn of_arc(self: Arc<Self>, n: u8) -> u8 {
            n
        }

        #[pooled(pool = self.shared())]
        fn of_a_temporary(&self, n: u8) -> u8 {
            n
        }

        fn shared(&self) -> Arc<Pool> {
            Arc::clone(&self.pool)
        }
    }

    mod inner {
        use asynctools::pooled;

        /// Doubles.
        #[pooled(workers = 1, sync = double_now)]
        pub(super) fn double<T: std::ops::Add<Output = T> + Copy + Send + 'static>(n: &T) -> T {
            *n + *n
        }
    }

    #[parallel(sync = count_now)]
    fn count() -> usize {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        COUNT.fetch_add(1, Ordering::SeqCst)
    }

    #[test]
    fn every_place() {
        assert_eq!(on_the_global_pool(1).get(), 1);
        assert_eq!(on_its_own(1).get(), 1);
        assert_eq!(by_expressions(1).get(), 1);
        assert_eq!(blocks(1).get(), 1);
        assert_eq!(runs_here(1).get(), 1);
        assert_eq!(rejects(1).get(), 1);
        assert_eq!(on_a_static(1).get(), 1);
        assert_eq!(on_a_lazy(1).get(), 1);
        assert_eq!(on_a_reference(1).get(), 1);
        assert_eq!(on_one_of_many(1, 1).get(), 2);
        let client = Client { pool: Arc::new(Pool::new(1)) };
        assert_eq!(client.by_reference(1).get(), 1);
        assert_eq!(client.of_a_temporary(1).get(), 1);
        assert_eq!(Arc::new(client).of_arc(1).get(), 1);
    }

    #[test]
    fn one_pool_for_all_instances() {
        assert_eq!(by_a_function(1u8).get(), 1);
        assert_eq!(by_a_function("x").get(), "x");
        assert_eq!(EVALUATED.load(Ordering::SeqCst), 1);
    }

    #[test]
    #[should_panic(expected = "on_no_worker")]
    fn no_workers_panic_at_the_call() {
        on_no_worker(1).detach();
    }

    #[test]
    fn the_original_is_kept() {
        assert_eq!(inner::double(&2).get(), inner::double_now(&2));
        assert_eq!(inner::double_now::<u8>(&2), 4);
        let mut counts = vec![count_now(), count().get(), count_now()];
        counts.sort_unstable();
        assert_eq!(counts, [0, 1, 2], "one body, one static");
    }
}

mod shapes {
    use super::*;

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
}
