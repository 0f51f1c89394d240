//! The code that `#[pooled]` writes, written by hand: `sum` and `sum_expanded` are the same.
//!
//! `asynctools::__private` is for expansions only: it changes without notice.

use std::num::ParseIntError;

use asynctools::pooled;

/// Adds up the numbers of a text.
#[pooled(workers = 2)]
fn sum(text: &str, start: u64) -> Result<u64, ParseIntError> {
    text.split(' ').try_fold(start, |sum, word| Ok(sum + word.parse::<u64>()?))
}

/// Adds up the numbers of a text.
#[track_caller] // so that an error can tell where the call was made
fn sum_expanded(
    // By reference: a `&str`, an owner of one, or a handle to it. A handle may fail with this error.
    text: impl ::asynctools::ArgRef<str, ParseIntError>,
    // By value: a `u64` or a handle to one.
    start: impl ::asynctools::Arg<u64, ParseIntError>,
) -> ::asynctools::AsyncValue<Result<u64, ParseIntError>> {
    // The function as it was written.
    fn __asynctools_sum_expanded(text: &str, start: u64) -> Result<u64, ParseIntError> {
        text.split(' ').try_fold(start, |sum, word| Ok(sum + word.parse::<u64>()?))
    }
    ::asynctools::__private::CallBuilder::<ParseIntError, ()>::new(
        {
            static FUNCTION: ::asynctools::__private::Function =
                ::asynctools::__private::Name("sum_expanded").within(::core::module_path!());
            &FUNCTION
        },
        {
            static POOL: ::asynctools::__private::FunctionPool =
                ::asynctools::__private::FunctionPool::new("sum_expanded", || -> ::core::primitive::usize { 2 });
            POOL.get()
        },
    )
    // Runs when both arguments are there. A handle that failed ends the call with its error instead.
    .try_run2(
        ::asynctools::__private::arg_ref::<str, ParseIntError, _>(text),
        ::asynctools::__private::arg::<u64, ParseIntError, _>(start),
        |input0, input1| __asynctools_sum_expanded(::core::borrow::Borrow::<str>::borrow(&input0), input1),
    )
}

fn main() {
    println!("sum(\"1 2 3\", 4)                 = {:?}", sum("1 2 3", 4).get());
    println!("sum_expanded(\"1 2 3\", 4)        = {:?}", sum_expanded("1 2 3", 4).get());
    let later = asynctools::parallel(|| 4);
    println!("sum_expanded(\"1 2 3\", a handle) = {:?}", sum_expanded("1 2 3", later).get());
    println!("sum(\"1 two 3\", 4)               = {:?}", sum("1 two 3", 4).get());
    println!("sum_expanded(\"1 two 3\", 4)      = {:?}", sum_expanded("1 two 3", 4).get());
    println!("sum_expanded(\"1\", abandoned)     = {}", lost());
}

/// A call that can never run, as an error tells it.
fn lost() -> String {
    let (promise, never) = asynctools::AsyncValue::<u64>::promise();
    let call = sum_expanded("1", never);
    drop(promise);
    call.outcome().expect_err("its argument was abandoned").to_string()
}
