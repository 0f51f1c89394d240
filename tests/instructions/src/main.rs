//! One `spawn`, its run and its `get`, again and again on one thread: for callgrind, which counts the instructions. The script
//! `run` beside this crate starts this program, with the number of calls and the name of what watches the calls.

use std::env;
use std::hint::black_box;

use asynctools::OnFull;
use asynctools::Pool;
use asynctools::PoolBuilder;

/// Has the calls watched, in the way of that name.
fn watched(by: &str, builder: PoolBuilder) -> PoolBuilder {
    match by {
        "nobody" => builder,
        #[cfg(feature = "hooks")]
        "around" => builder.around(|_| |run| run.run()),
        _ => panic!("`{by}` watches nothing in this build"),
    }
}

fn main() {
    let mut arguments = env::args().skip(1);
    let calls: u64 = arguments.next().and_then(|calls| calls.parse().ok()).expect("the number of calls");
    let by = arguments.next().expect("what watches");
    let builder = watched(&by, Pool::builder().workers(0).queue(1).on_full(OnFull::RunHere));
    let pool = builder.build().expect("it has a queue");
    // Fills the queue: the caller runs every further call itself.
    let parked = pool.spawn(|| 0);
    let sum: u64 = (0..calls).map(|n| black_box(pool.spawn(move || n)).get()).sum();
    assert_eq!(sum, calls * (calls - 1) / 2);
    assert!(parked.cancel());
}
