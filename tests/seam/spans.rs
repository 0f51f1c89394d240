//! Calls as spans: parents, edges, fields, closes, and what is said of lost calls. One subscriber for the process records it all.

mod subscriber;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::pooled;
use asynctools::serial;
use seam_tests::watched;
use tracing::Level;
use tracing::info_span;

use crate::subscriber::Span;
use crate::subscriber::calls;
use crate::subscriber::current;
use crate::subscriber::events;
use crate::subscriber::records;
use crate::subscriber::registered;

static DATA: Pool = Pool::named("dataflow", 2);

#[pooled(pool = DATA)]
fn load(n: u32) -> u32 {
    assert_current("load");
    n
}

#[pooled(pool = DATA)]
fn double(n: u32) -> u32 {
    assert_current("double");
    n * 2
}

#[pooled(pool = DATA)]
fn half(n: u32) -> Result<u32, u32> {
    if n.is_multiple_of(2) { Ok(n / 2) } else { Err(n) }
}

/// The span of the call of that name is the current one.
fn assert_current(name: &str) {
    let id = current().expect("a call has a span");
    let span = records().span(id);
    assert_eq!((span.name, span.entered - span.left, span.closed), (name, 1, 0));
}

fn pool(name: &str, workers: usize) -> Arc<Pool> {
    Arc::new(Pool::builder().workers(workers).name(name).build().expect("it can work"))
}

/// A way to make calls, by its name, which is the name of the pool too; how many calls it makes with the current span as parent.
type Row = (&'static str, usize, fn(&'static str));

const TABLE: &[Row] = &[
    ("plain", 2, |name| {
        let pool = pool(name, 2);
        pool.spawn(|| assert_current("spawn")).get();
        pool.map([1], |_| assert_current("map")).get();
    }),
    ("dataflow", 8, |_| {
        assert_eq!(double(load(1)).get(), 2);
        let (promise, value) = AsyncValue::promise();
        let late = double(value);
        // Brought by a thread of another span.
        std::thread::spawn(move || info_span!("other").in_scope(|| promise.set(2))).join().unwrap();
        assert_eq!(late.get(), 4);
        let both = double(load(1)).zip(load(2));
        assert_eq!(both.map(|(a, b)| a + b).get(), 4);
        assert_eq!(half(3).get(), Err(3));
    }),
    ("continuations", 30, |name| {
        let pool = pool(name, 2);
        let one = || pool.spawn(|| 1);
        let fine = || pool.spawn(|| Ok::<u32, u32>(1));
        let failed = || pool.spawn(|| Err::<u32, u32>(1));
        let ended = [
            one().map(|n| {
                assert_current("map");
                n
            }),
            one().then(|end| {
                assert_current("then");
                end.unwrap()
            }),
            one().chain(|| {
                assert_current("chain");
                1
            }),
            one().shared().map(|n| {
                assert_current("map");
                *n
            }),
            fine()
                .then(|end| {
                    assert_current("then");
                    end.unwrap()
                })
                .map(|end| end.unwrap()),
            failed()
                .or_else(|n| {
                    assert_current("or_else");
                    Ok::<u32, u32>(n)
                })
                .map(Result::unwrap),
            failed()
                .map_err(|n| {
                    assert_current("map_err");
                    n
                })
                .map(Result::unwrap_err),
            fine()
                .and_then(|n| {
                    assert_current("and_then");
                    Ok(n)
                })
                .catch()
                .map(|end| end.unwrap().unwrap()),
            fine()
                .map_ok(|n| {
                    assert_current("map_ok");
                    n
                })
                .catch()
                .map(|end| end.unwrap().unwrap()),
        ];
        assert!(ended.into_iter().all(|end| end.get() == 1));
        let list: AsyncList<u32> = (0..2).map(|_| one()).collect();
        let length = list.map(|all| {
            assert_current("map");
            all.len()
        });
        assert_eq!(length.get(), 2);
        let list: AsyncList<u32> = (0..2).map(|_| one()).collect();
        list.chain(|| assert_current("chain")).get();
        // A call without user code of its own.
        assert_eq!(pool.spawn(|| AsyncValue::ready(1)).flatten().get(), 1);
    }),
    ("inline", 2, |name| {
        let pool = pool(name, 1);
        let (sender, receiver) = mpsc::channel::<AsyncValue<()>>();
        let outer = pool.spawn(move || {
            let inner = receiver.recv().unwrap();
            assert_current("spawn");
            let outer = current();
            inner.get();
            assert_eq!(current(), outer, "back in the span of the waiter");
        });
        sender.send(pool.spawn(|| assert_current("spawn"))).unwrap();
        outer.get();
    }),
    ("spare", 2, |name| {
        let pool = pool(name, 1);
        let (sender, receiver) = mpsc::channel::<AsyncValue<()>>();
        let outer = pool.spawn(move || {
            let inner = receiver.recv().unwrap();
            // A wait with a time limit runs nothing itself.
            assert!(inner.get_timeout(Duration::from_secs(600)).is_ok());
            assert_current("spawn");
        });
        sender.send(pool.spawn(|| assert_current("spawn"))).unwrap();
        outer.get();
    }),
    ("run here", 2, |name| {
        let builder = Pool::builder().workers(0).queue(1).on_full(OnFull::RunHere).name(name);
        let pool = builder.build().unwrap();
        let parked = pool.spawn(|| ());
        pool.spawn(|| assert_current("spawn")).get();
        assert!(parked.cancel());
    }),
    ("serial", 3, |name| {
        let pool = pool(name, 1);
        serial(|| {
            let first = pool.spawn(|| assert_current("spawn"));
            first.map(|()| assert_current("map")).get();
            pool.spawn(|| ()).get();
        });
    }),
    ("resized", 2, |name| {
        let pool = pool(name, 0);
        let waits = [pool.spawn(|| assert_current("spawn")), pool.spawn(|| ())];
        pool.set_workers(2);
        AsyncList::from(waits).get();
    }),
    ("lost", 4, |name| {
        let pool = pool(name, 0);
        assert!(pool.spawn(|| ()).cancel());
        let kept = pool.spawn(|| 1);
        let follower = kept.map(|n| n);
        pool.close();
        assert!(follower.is_error());
        assert!(pool.spawn(|| ()).is_error());
    }),
];

#[test]
fn a_call_has_the_span_of_its_caller_as_parent() {
    watched(|| {
        records();
        for (name, count, run) in TABLE {
            let root = info_span!("root");
            let id = root.id().unwrap().into_u64();
            root.in_scope(|| run(name));
            drop(root);
            if *name == "dataflow" {
                DATA.wait_idle();
            }
            let calls = calls(name);
            let is_late = |(_, call): &(u64, Span)| call.fields.get("wait.arguments").is_some_and(|wait| wait != "0ns");
            // Whether the call before has ended at the call of a continuation is a matter of time.
            assert!(*name == "continuations" || calls.iter().any(is_late) == (*name == "dataflow"), "{name}");
            assert_eq!(calls.len(), *count, "{name}: {calls:#?}");
            for (_, call) in &calls {
                assert_eq!(call.parent, Some(id), "{name}: {call:?}");
                assert_eq!(call.closed, 1, "{name}: {call:?}");
                assert_eq!(call.entered, call.left, "{name}: {call:?}");
                assert_eq!(call.level, Level::INFO);
                assert_eq!(call.fields["code.file"], file!());
                let ran = call.entered > 0;
                assert_eq!(call.fields.contains_key("wait.arguments") && call.fields.contains_key("wait.worker"), ran);
                assert!(ran || ["lost", "run here"].contains(name), "{name}: {call:?}");
                if ran {
                    // A time, as people read it; the arguments of a plain call are there at the call.
                    assert!(call.fields["wait.arguments"].ends_with('s') && call.fields["wait.worker"].ends_with('s'));
                    assert!(*name != "plain" || call.fields["wait.arguments"] == "0ns", "{call:?}");
                    assert!(*name != "resized" || call.fields["wait.worker"] != "0ns", "{call:?}");
                }
                let own = call.target == module_path!();
                assert!(own || call.target == "asynctools", "{call:?}");
                assert_eq!(own, ["load", "double", "half"].contains(&call.name), "{call:?}");
            }
        }
    });
}

static EDGES: Pool = Pool::named("edges", 1);

#[pooled(pool = EDGES)]
fn early(n: u32) -> u32 {
    n
}

#[pooled(pool = EDGES)]
fn late(a: u32, b: u32) -> u32 {
    a + b
}

#[pooled(pool = EDGES)]
fn late_pair(pair: (u32, u32)) -> u32 {
    pair.0 + pair.1
}

#[test]
fn a_call_follows_from_its_arguments() {
    watched(|| {
        records();
        let (held, gate) = mpsc::channel::<()>();
        let gate = EDGES.spawn(move || gate.recv().is_ok());
        // In the queue, and running.
        let line = line!() + 1;
        let sum = late(early(1), early(2));
        let pair = late_pair(early(3).zip(early(4)));
        let after = gate.map(|n| n);
        held.send(()).unwrap();
        assert_eq!((sum.get(), pair.get(), after.get()), (3, 7, true));
        EDGES.wait_idle();
        let calls = calls("edges");
        let id_of = |name: &str, nth: usize| calls.iter().filter(|(_, call)| call.name == name).nth(nth).unwrap().0;
        let follows = |name: &str| calls.iter().find(|(_, call)| call.name == name).unwrap().1.follows.clone();
        assert_eq!(follows("late"), [id_of("early", 0), id_of("early", 1)]);
        assert_eq!(follows("late_pair"), [id_of("early", 2), id_of("early", 3)], "through a `zip`");
        assert_eq!(follows("map"), [id_of("spawn", 0)], "of a call that runs");
        assert_eq!(calls[0].1.name, "spawn");
        assert_eq!(calls.iter().find(|(_, call)| call.name == "late").unwrap().1.fields["code.line"], line.to_string());
    });
}

#[pooled(workers = 1)]
fn once(n: u32) -> u32 {
    n
}

#[test]
fn a_function_is_registered_once() {
    watched(|| {
        records();
        let calls: AsyncList<u32> = (0..3).map(once).collect();
        assert_eq!(calls.get(), [0, 1, 2]);
        assert_eq!(registered(module_path!(), "once"), 1);
    });
}

#[test]
fn a_span_is_closed_while_the_handle_lives() {
    watched(|| {
        records();
        let pool = pool("kept", 1);
        let call = pool.spawn(|| 5);
        call.wait();
        assert_eq!(calls("kept")[0].1.closed, 1);
        assert_eq!(call.get(), 5);
    });
}

static LOSSES: Pool = Pool::named("losses", 1);

#[pooled(pool = LOSSES)]
fn unlucky(n: u32) -> u32 {
    assert!(n > 1_000_000, "no luck");
    n
}

#[pooled(pool = LOSSES)]
fn needs(n: u32) -> u32 {
    n
}

#[test]
fn a_loss_is_told_with_its_whole_path() {
    watched(|| {
        records();
        let error = needs(unlucky(1).map(|n| n)).outcome().unwrap_err();
        LOSSES.wait_idle();
        let path = error.to_string();
        assert!(path.contains("needs") && path.contains("map") && path.contains("unlucky"), "{path}");
        let told = events(Level::WARN, &path);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].target, "asynctools");
        let call = calls("losses").into_iter().find(|(_, call)| call.name == "needs").unwrap();
        assert_eq!(told[0].parent, Some(call.0));
        // The panic itself, and the call between.
        assert_eq!(events(Level::WARN, "no luck").iter().filter(|event| event.text.contains("unlucky")).count(), 3);
        let pool = pool("cancelled", 0);
        let (line, call) = (line!(), pool.spawn(|| 1));
        assert!(call.cancel());
        let told = events(Level::WARN, &format!("spawn ({}:{line}): cancelled", file!()));
        assert_eq!(told.len(), 1);
    });
}

#[pooled(workers = 1)]
fn fails(gate: mpsc::Receiver<()>) -> Result<u32, String> {
    let _ = gate.recv();
    Err("nobody hears".to_owned())
}

#[parallel]
fn fails_at_once() -> std::io::Result<u32> {
    Err(std::io::ErrorKind::NotFound.into())
}

#[pooled]
fn passes_on(n: u32) -> Result<u32, String> {
    Ok(n)
}

#[test]
fn an_error_that_nobody_takes_is_told() {
    watched(|| {
        records();
        let untaken = |name: &str, line: u32| {
            let what = format!("{name} ({}:{line}): ended with an error that nobody took", file!());
            events(Level::WARN, &what).len()
        };
        // Detached before the end.
        let (open, gate) = mpsc::channel();
        let line = line!() + 1;
        fails(gate).detach();
        drop(open);
        while untaken("fails", line) == 0 {
            std::thread::yield_now();
        }
        // Dropped after the end.
        let (line, call) = (line!(), fails_at_once());
        call.wait();
        assert_eq!(untaken("fails_at_once", line), 0);
        drop(call);
        assert_eq!(untaken("fails_at_once", line), 1);
        // Taken, or passed on.
        let (line, call) = (line!(), fails_at_once());
        assert!(call.get().is_err());
        assert_eq!(untaken("fails_at_once", line), 0);
        let (open, gate) = mpsc::channel::<()>();
        drop(open);
        let (line, inner) = (line!(), fails(gate));
        let next = line!() + 1;
        let call = passes_on(inner);
        call.wait();
        drop(call);
        assert_eq!((untaken("fails", line), untaken("passes_on", next)), (0, 1));
        // A closure of a pool may return an error to nobody.
        let pool = pool("closures", 1);
        pool.spawn(|| Err::<(), _>("fine")).detach();
        pool.close();
        assert!(events(Level::WARN, "spawn").iter().all(|event| !event.text.contains("nobody took")));
    });
}

#[test]
fn a_spare_thread_is_told() {
    watched(|| {
        records();
        let pool = pool("has spares", 1);
        let inner = pool.clone();
        pool.spawn(move || drop(inner.spawn(|| ()).get_timeout(Duration::from_secs(600)))).get();
        pool.close();
        let told: Vec<_> = events(Level::DEBUG, "has spares").into_iter().map(|event| event.text).collect();
        assert!(told.contains(&"a spare thread has started has spares".to_owned()), "{told:?}");
        assert!(told.contains(&"a spare thread stops has spares".to_owned()), "{told:?}");
    });
}

#[test]
fn a_panic_leaves_the_span() {
    watched(|| {
        records();
        let pool = pool("panics", 1);
        let call = pool.spawn(|| panic!("no luck here"));
        assert!(matches!(call.outcome(), Err(TaskError::Panicked(_))));
        let (_, span) = calls("panics").remove(0);
        assert_eq!((span.entered, span.left, span.closed), (1, 1, 1));
    });
}

#[test]
fn a_call_follows_from_a_call_that_returned_its_argument() {
    watched(|| {
        records();
        let pool = pool("flattens", 1);
        let own = pool.clone();
        let outer = pool.spawn(move || own.spawn(|| 1));
        assert_eq!(outer.flatten().map(|n| n).get(), 1);
        let calls = calls("flattens");
        let map = calls.iter().find(|(_, call)| call.name == "map").unwrap();
        assert_eq!(map.1.follows, [calls[0].0]);
    });
}

#[test]
fn a_call_follows_from_a_shared_result() {
    watched(|| {
        records();
        let pool = pool("shares", 1);
        let (held, gate) = mpsc::channel::<()>();
        let shared = pool.spawn(move || gate.recv().is_ok()).shared();
        let pending = shared.map(|held| *held);
        held.send(()).unwrap();
        assert!(pending.get());
        assert!(shared.map(|held| *held).get());
        let calls = calls("shares");
        let follows: Vec<_> = calls.iter().map(|(_, call)| (call.name, call.follows.clone())).collect();
        let first = calls[0].0;
        assert_eq!(follows, [("spawn", vec![]), ("map", vec![first]), ("map", vec![first])]);
    });
}
