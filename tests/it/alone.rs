//! What only a process of its own can tell: the time, the memory and the threads of the whole.

#![cfg(target_os = "linux")]

use std::fs;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::Pool;
use asynctools::parallel;
use asynctools::pooled;

use crate::helpers::until;
use crate::process::alone;
use crate::process::status;
use crate::process::threads_named;

#[parallel]
fn on_a_thread(n: usize) -> usize {
    n
}

#[pooled(workers = 3)]
fn on_a_pool(n: usize) -> usize {
    n
}

/// The processor time of this process, in ticks of a hundredth of a second.
fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("the system shows processes");
    // After the name, which may contain anything but ends the last parenthesis.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let (user, system) = (fields[11], fields[12]);
    user.parse::<u64>().expect("a number") + system.parse::<u64>().expect("a number")
}

#[test]
fn an_idle_pool_costs_nothing() {
    alone(|| {
        let pool = Pool::new(4);
        let calls: [AsyncList<usize>; 4] = [
            pool.map(0..1_000, |n| n),
            (0..100).map(on_a_thread).collect(),
            (0..1_000).map(on_a_pool).collect(),
            Pool::global().map(0..1_000, |n| n),
        ];
        for calls in calls {
            assert!(calls.get().len() >= 100);
        }
        until("the workers are idle", || pool.stats().running == 0 && Pool::global().stats().running == 0);
        let before = ticks();
        let (_kept, nothing) = mpsc::channel::<()>();
        assert_eq!(nothing.recv_timeout(Duration::from_secs(2)), Err(mpsc::RecvTimeoutError::Timeout));
        let used = ticks() - before;
        println!("{used} ticks in two idle seconds");
        assert!(used <= 3, "{used} ticks of 10 ms in two idle seconds");
    });
}

#[test]
fn a_thousand_pools_ten_times_over_leave_nothing() {
    alone(|| {
        let thousand = || {
            for n in 0..1_000 {
                let pool = Pool::new(1 + n % 4);
                assert_eq!(pool.map(0..4, |n| n).get(), [0, 1, 2, 3]);
                if n % 2 == 0 {
                    pool.close();
                }
            }
        };
        thousand();
        let (memory, threads) = (status("VmRSS"), status("Threads"));
        (1..10).for_each(|_| thousand());
        let growth = status("VmRSS").saturating_sub(memory);
        println!("{growth} kB after 9,000 more pools, {threads} threads");
        assert!(growth < 4_000, "{growth} kB");
        assert_eq!(status("Threads"), threads);
    });
}

/// A pool that calls still follow keeps nothing but what they need.
#[test]
fn results_are_not_kept() {
    alone(|| {
        let pool = Pool::new(2);
        let round =
            || pool.map(0..100, |_| vec![1_u8; 100_000]).into_iter().for_each(|call| assert!(!call.get().is_empty()));
        round();
        let memory = status("VmRSS");
        (0..50).for_each(|_| round());
        let growth = status("VmRSS").saturating_sub(memory);
        println!("{growth} kB after 500 MB of results");
        assert!(growth < 50_000, "{growth} kB");
    });
}

/// A waiter that runs what it awaits, on and on in one call: the queue that it passes by does not grow.
#[test]
fn inline_runs_are_swept_out_of_the_queue() {
    alone(|| {
        let pool = Arc::new(Pool::new(1));
        let inner = pool.clone();
        let growth = pool.spawn(move || {
            let round = || (0..10_000).for_each(|n| assert_eq!(inner.spawn(move || n).get(), n));
            round();
            let memory = status("VmRSS");
            (0..20).for_each(|_| round());
            status("VmRSS").saturating_sub(memory)
        });
        let growth = growth.get();
        println!("{growth} kB after 200,000 inline runs");
        assert!(growth < 4_000, "{growth} kB");
    });
}

#[test]
fn finished_threads_of_parallel_leave() {
    alone(|| {
        (0..50).map(on_a_thread).collect::<AsyncList<_>>().wait();
        assert!(threads_named("parallel-") > 0, "kept for a second");
        until("they have left", || threads_named("parallel-") == 0);
        assert_eq!(on_a_thread(5).get(), 5);
    });
}
