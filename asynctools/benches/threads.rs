//! Works for `#[parallel]`: bursts, and the first call of a program.

use std::env;
use std::hint::black_box;
use std::process::Command;
use std::thread;

use asynctools::AsyncList;
use asynctools::parallel;

use crate::KEPT;
use crate::measure::Against;
use crate::measure::Scale;
use crate::measure::Work;
use crate::measure::per;
use crate::quartiles::Quartiles;
use crate::systems::NoOp;
use crate::systems::Peer;
use crate::systems::THREAD;
use crate::systems::TOKIO_BLOCKING;
use crate::systems::TokioBlocking;
use crate::systems::runtime;

const PARALLEL: &str = "#[parallel]";

#[parallel]
fn no_op(n: u64) -> u64 {
    black_box(n)
}

fn sum(calls: u64) -> u64 {
    calls * (calls - 1) / 2
}

pub(crate) fn burst(scale: Scale) -> Work {
    let calls = scale.calls(1_000);
    // As many threads as `spawn_blocking` has when nobody says otherwise.
    let tokio = TokioBlocking(runtime(512));
    Work::new("burst of threads", "call")
        .ours(PARALLEL, move || {
            per(calls, || {
                let total: u64 = (0..calls).map(no_op).collect::<AsyncList<_>>().get().into_iter().sum();
                assert_eq!(total, sum(calls));
            })
        })
        .peer(THREAD, move || {
            per(calls, || {
                let threads: Vec<_> = (0..calls).map(|n| thread::spawn(move || black_box(n))).collect();
                let total: u64 = threads.into_iter().map(|thread| thread.join().expect("no job panics")).sum();
                assert_eq!(total, sum(calls));
            })
        })
        .peer(TOKIO_BLOCKING, move || {
            per(calls, || {
                let handles = (0..calls).map(|n| tokio.submit::<NoOp>(n)).collect();
                assert_eq!(tokio.get_all(handles), sum(calls));
            })
        })
        .bar(PARALLEL, Against::System(THREAD), 0.40)
        .compare(PARALLEL, Against::System(TOKIO_BLOCKING))
}

/// The option by which this program, as a child, makes its first call, and prints the nanoseconds that it took.
pub(crate) const COLD: &str = "--cold";

pub(crate) fn cold(_scale: Scale) -> Work {
    Work::new("first call of a program", "call")
        .ours(PARALLEL, || child(PARALLEL))
        .peer(THREAD, || child(THREAD))
        .answered(PARALLEL, Against::System(THREAD), 1.05, 1.35)
}

/// The median of several children: one alone is at the mercy of the scheduler.
fn child(system: &str) -> f64 {
    let program = env::current_exe().expect("the system knows its programs");
    let mut command = Command::new(program);
    command.args([COLD, system]);
    for name in KEPT {
        command.env_remove(name);
    }
    let time = |_| {
        let output = command.output().expect("the program runs");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("the child prints a number")
    };
    Quartiles::of((0..7).map(time).collect()).median
}

/// The child.
pub(crate) fn first_call(system: &str) {
    let time = match system {
        PARALLEL => per(1, || no_op(5).get()),
        THREAD => per(1, || thread::spawn(|| black_box(5_u64)).join().expect("the job does not panic")),
        other => unreachable!("the parent asks for no {other}"),
    };
    println!("{time}");
}
