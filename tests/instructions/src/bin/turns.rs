//! Two works, turn by turn, for `cargo bench --bench peers`: it starts this program without features, and with all of them, and asks
//! each in turn for a work. A line of the input is the name of a work, and the answer is nanoseconds.

use std::env;
use std::hint::black_box;
use std::io;
use std::thread;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::pooled;

use crate::random_graph::edges;
use crate::random_graph::expected;
use crate::random_graph::mix;

#[path = "../../../../asynctools/benches/random_graph.rs"]
mod random_graph;

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[pooled(workers = cores())]
fn leaf(n: u64) -> u64 {
    black_box(n)
}

#[pooled(workers = cores())]
fn node(a: u64, b: u64) -> u64 {
    mix(a, b)
}

/// Calls that need no other call.
fn batch(calls: u64) {
    let all: AsyncList<u64> = (0..calls).map(leaf).collect();
    assert_eq!(all.get().into_iter().sum::<u64>(), calls * (calls - 1) / 2);
}

/// Calls that need two other calls each.
fn graph(edges: &[(usize, usize)], sum: u64) {
    let mut values = vec![leaf(1)];
    for &(a, b) in edges {
        values.push(node(&values[a], &values[b]));
    }
    assert_eq!(AsyncList::from(values).get().into_iter().fold(0, u64::wrapping_add), sum);
}

/// Has a subscriber that wants other events only.
#[cfg(feature = "tracing")]
fn filter() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let registry = tracing_subscriber::registry().with(tracing_subscriber::filter::LevelFilter::WARN);
    tracing::subscriber::set_global_default(registry).expect("nobody else sets one");
}

#[cfg(not(feature = "tracing"))]
fn filter() {
    panic!("this build has no `tracing`");
}

fn main() {
    let mut arguments = env::args().skip(1);
    let count: u64 = arguments.next().and_then(|count| count.parse().ok()).expect("the number of calls");
    match arguments.next().as_deref() {
        None => {}
        Some("filtered") => filter(),
        Some(other) => panic!("nobody watches as `{other}`"),
    }
    let edges = edges(count);
    let sum = expected(&edges);
    for line in io::stdin().lines() {
        let line = line.expect("the input is text");
        let start = Instant::now();
        match line.as_str() {
            "batch" => batch(count),
            "graph" => graph(&edges, sum),
            other => panic!("`{other}` is no work"),
        }
        println!("{}", start.elapsed().as_nanos());
    }
}
