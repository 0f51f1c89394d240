//! A handle is an argument: everything that fits a parameter, from calls that end in every way, sooner and later.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fmt::Debug;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::pooled;

use crate::fates::Fate;
use crate::helpers::watched;

static POOL: Pool = Pool::new(2);

/// The error of what comes first, and of what follows it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Low(u8);
#[derive(Clone, PartialEq, Eq, Debug)]
struct High(String);

impl From<Low> for High {
    fn from(Low(code): Low) -> Self {
        Self(format!("low {code}"))
    }
}

/// A plain argument beside the one under test: counts the bodies that run, and shows when the call lets its arguments go.
type Runs = Arc<AtomicUsize>;

fn show(runs: &Runs, value: &(impl Debug + ?Sized)) -> String {
    runs.fetch_add(1, Ordering::SeqCst);
    format!("{value:?}")
}

fn runs_of(runs: &Runs) -> usize {
    assert_eq!(Arc::strong_count(runs), 1, "a call that has ended holds no argument");
    runs.load(Ordering::SeqCst)
}

/// `call` with a handle that ends in every way, before the call and after it.
fn with_handles<T, R>(value: impl Fn() -> T, expected: &R, call: impl Fn(Runs, AsyncValue<T>) -> AsyncValue<R>)
where
    T: Send + 'static,
    R: PartialEq + Debug,
{
    for fate in Fate::ALL {
        for sooner in [true, false] {
            let case = format!("{fate:?}, {}", if sooner { "sooner" } else { "later" });
            let runs = Runs::default();
            let (upstream, end) = fate.call(value());
            let dependant = if sooner {
                end.now();
                assert!(upstream.is_finished(), "{case}");
                call(runs.clone(), upstream)
            } else {
                let dependant = call(runs.clone(), upstream);
                assert!(!dependant.is_finished(), "{case}: ended before its argument");
                end.now();
                dependant
            };
            match dependant.outcome() {
                Ok(result) => assert!(fate == Fate::Value && result == *expected, "{case}: {result:?}"),
                Err(error) => {
                    assert!(matches!(error, TaskError::Upstream(_)), "{case}: {error}");
                    assert_eq!(Fate::of(&error), Some(fate), "{case}");
                }
            }
            assert_eq!(runs_of(&runs), usize::from(fate == Fate::Value), "{case}");
        }
    }
}

/// The same with handles to a `Result`; those that end with `Err` too.
fn with_results<T>(
    value: impl Fn() -> T,
    expected: &str,
    call: impl Fn(Runs, AsyncValue<Result<T, Low>>) -> AsyncValue<Result<String, High>>,
) where
    T: Send + 'static,
{
    with_handles(|| Ok(value()), &Ok(expected.to_owned()), &call);
    for sooner in [true, false] {
        let runs = Runs::default();
        let (promise, upstream) = AsyncValue::promise();
        let fail = move || promise.set(Err(Low(7)));
        let dependant = if sooner {
            fail();
            call(runs.clone(), upstream)
        } else {
            let dependant = call(runs.clone(), upstream);
            assert!(!dependant.is_finished());
            fail();
            dependant
        };
        assert!(dependant.is_finished(), "an error needs no worker to cross an edge");
        assert_eq!(dependant.get(), Err(High("low 7".to_owned())));
        assert_eq!(runs_of(&runs), 0);
    }
}

macro_rules! by_value {
    ($($test:ident: #[$($attribute:tt)+] $type:ty = $value:expr;)+) => {$(
        #[test]
        fn $test() {
            #[$($attribute)+]
            fn plain(runs: Runs, value: $type) -> String {
                show(&runs, &value)
            }

            #[$($attribute)+]
            fn fallible(runs: Runs, value: $type) -> Result<String, High> {
                Ok(show(&runs, &value))
            }

            watched(|| {
                let value = || -> $type { $value };
                let shown = format!("{:?}", value());
                let runs = Runs::default();
                assert_eq!(plain(runs.clone(), value()).get(), shown);
                assert_eq!(fallible(runs.clone(), value()).get().as_ref(), Ok(&shown));
                assert_eq!(runs_of(&runs), 2);

                with_handles(value, &shown, |runs, handle| plain(runs, handle));
                with_handles(value, &shown, |runs, handle| plain(runs, &handle));
                with_handles(value, &shown, |runs, handle| plain(runs, handle.shared()));
                with_handles(value, &shown, |runs, handle| plain(runs, &handle.shared()));

                let ok = Ok(shown.clone());
                with_handles(value, &ok, |runs, handle| fallible(runs, handle));
                with_handles(value, &ok, |runs, handle| fallible(runs, &handle));
                with_handles(value, &ok, |runs, handle| fallible(runs, handle.shared()));
                with_handles(value, &ok, |runs, handle| fallible(runs, &handle.shared()));

                with_results(value, &shown, |runs, handle| fallible(runs, handle));
                with_results(value, &shown, |runs, handle| fallible(runs, &handle));
                with_results(value, &shown, |runs, handle| fallible(runs, handle.shared()));
                with_results(value, &shown, |runs, handle| fallible(runs, &handle.shared()));
            });
        }
    )+};
}

by_value! {
    a_number_by_value: #[pooled] u64 = 7;
    a_string_by_value: #[pooled(workers = 1)] String = "text".to_owned();
    a_vec_by_value: #[parallel] Vec<u32> = vec![1, 2];
    an_option_by_value: #[pooled(pool = POOL)] Option<Arc<str>> = Some("text".into());
}

macro_rules! by_reference {
    ($($test:ident: #[$($attribute:tt)+] $borrowed:ty, $owner:ty = $value:expr, [$($plain:expr),+];)+) => {$(
        #[test]
        fn $test() {
            #[$($attribute)+]
            fn plain(runs: &Runs, value: &$borrowed) -> String {
                show(runs, value)
            }

            #[$($attribute)+]
            fn fallible(runs: &Runs, value: &$borrowed) -> Result<String, High> {
                Ok(show(runs, value))
            }

            watched(|| {
                let value = || -> $owner { $value };
                let shown = { let owner = value(); let borrowed: &$borrowed = &owner; format!("{borrowed:?}") };
                let runs = Runs::default();
                $(
                    assert_eq!(plain(&runs, $plain).get(), shown);
                    assert_eq!(fallible(&runs, $plain).get().as_ref(), Ok(&shown));
                )+
                assert_eq!(runs_of(&runs) % 2, 0);

                with_handles(value, &shown, |runs, handle| plain(&runs, handle));
                with_handles(value, &shown, |runs, handle| plain(&runs, &handle));
                with_handles(value, &shown, |runs, handle| plain(&runs, handle.shared()));

                let ok = Ok(shown.clone());
                with_handles(value, &ok, |runs, handle| fallible(&runs, handle));
                with_handles(value, &ok, |runs, handle| fallible(&runs, &handle));
                with_handles(value, &ok, |runs, handle| fallible(&runs, handle.shared()));

                with_results(value, &shown, |runs, handle| fallible(&runs, handle));
                with_results(value, &shown, |runs, handle| fallible(&runs, &handle));
                with_results(value, &shown, |runs, handle| fallible(&runs, handle.shared()));
            });
        }
    )+};
}

by_reference! {
    a_str_by_reference: #[pooled] str, String = "text".to_owned(),
        ["text", &"text".to_owned(), "text".to_owned(), Arc::<str>::from("text"), Box::<str>::from("text")];
    a_path_by_reference: #[pooled(workers = 1)] Path, PathBuf = "some/where".into(),
        [Path::new("some/where"), &PathBuf::from("some/where"), PathBuf::from("some/where")];
    an_os_str_by_reference: #[pooled(pool = POOL)] OsStr, OsString = "text".into(),
        [OsStr::new("text"), &OsString::from("text"), OsString::from("text")];
    a_slice_by_reference: #[parallel] [u32], Vec<u32> = vec![1, 2],
        [&[1, 2], &vec![1, 2], vec![1, 2], Arc::<[u32]>::from([1, 2]), Box::<[u32]>::from([1, 2])];
    a_type_by_reference: #[pooled] Low, Low = Low(7), [&Low(7), Arc::new(Low(7)), Box::new(Low(7))];
}

#[pooled]
fn all(runs: Runs, values: Vec<u32>) -> String {
    show(&runs, &values)
}

#[pooled]
fn try_all(runs: Runs, values: Vec<u32>) -> Result<String, High> {
    Ok(show(&runs, &values))
}

#[parallel]
fn all_of(runs: &Runs, values: &[u32]) -> String {
    show(runs, values)
}

#[parallel]
fn try_all_of(runs: &Runs, values: &[u32]) -> Result<String, High> {
    Ok(show(runs, values))
}

/// The handle under test between two that are there.
fn list<T: Send + 'static>(first: T, handle: AsyncValue<T>, last: T) -> AsyncList<T> {
    [AsyncValue::ready(first), handle, AsyncValue::ready(last)].into_iter().collect()
}

#[test]
fn a_list_as_argument() {
    watched(|| {
        let shown = "[1, 2, 3]".to_owned();
        with_handles(|| 2, &shown, |runs, handle| all(runs, list(1, handle, 3)));
        with_handles(|| 2, &shown, |runs, handle| all_of(&runs, list(1, handle, 3)));
        with_handles(|| 2, &Ok(shown.clone()), |runs, handle| try_all(runs, list(1, handle, 3)));
        with_handles(|| 2, &Ok(shown.clone()), |runs, handle| try_all_of(&runs, list(1, handle, 3)));
        with_results(|| 2, &shown, |runs, handle| try_all(runs, list(Ok(1), handle, Ok(3))));
        with_results(|| 2, &shown, |runs, handle| try_all_of(&runs, list(Ok(1), handle, Ok(3))));

        let none = Runs::default();
        assert_eq!(all(none.clone(), AsyncList::<u32>::new()).get(), "[]");
        assert_eq!(try_all_of(&none, AsyncList::<Result<u32, Low>>::new()).get().unwrap(), "[]");
        assert_eq!(runs_of(&none), 2);
    });
}

#[derive(Clone, Debug)]
struct Shop(Low);

impl Shop {
    #[pooled]
    fn by_ref(&self, runs: Runs, value: String) -> String {
        assert_eq!(self.0, Low(1));
        show(&runs, &value)
    }

    #[parallel]
    fn by_value(self, runs: Runs, value: &str) -> Result<String, High> {
        assert_eq!(self.0, Low(1));
        Ok(show(&runs, value))
    }

    #[pooled(workers = 1)]
    fn by_arc(self: Arc<Self>, runs: Runs, value: &str) -> Result<String, High> {
        assert_eq!(self.0, Low(1));
        Ok(show(&runs, value))
    }

    #[pooled(pool = POOL)]
    #[expect(clippy::boxed_local, reason = "a receiver")]
    fn by_box(self: Box<Self>, runs: Runs, value: String) -> Result<String, High> {
        assert_eq!(self.0, Low(1));
        Ok(show(&runs, &value))
    }

    #[pooled]
    fn without(runs: Runs, value: String) -> Result<String, High>
    where
        Self: Sized,
    {
        Ok(show(&runs, &value))
    }
}

#[test]
fn methods_take_handles() {
    watched(|| {
        let value = || "text".to_owned();
        let shown = "\"text\"".to_owned();
        let ok = Ok(shown.clone());
        let shop = Shop(Low(1));
        with_handles(value, &shown, |runs, handle| shop.by_ref(runs, handle));
        with_handles(value, &shown, |runs, handle| shop.by_ref(runs, &handle));
        with_handles(value, &ok, |runs, handle| shop.clone().by_value(runs, handle.shared()));
        with_results(value, &shown, |runs, handle| shop.clone().by_value(runs, handle));
        with_results(value, &shown, |runs, handle| Arc::new(shop.clone()).by_arc(runs, handle));
        with_results(value, &shown, |runs, handle| Arc::new(shop.clone()).by_arc(runs, handle.shared()));
        with_results(value, &shown, |runs, handle| Box::new(shop.clone()).by_box(runs, handle));
        with_results(value, &shown, |runs, handle| Box::new(shop.clone()).by_box(runs, handle.shared()));
        with_results(value, &shown, |runs, handle| Shop::without(runs, &handle));
    });
}
