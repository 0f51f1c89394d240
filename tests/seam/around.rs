//! `PoolBuilder::around`: what runs where, in which order, and how a call ends.

use std::cell::Cell;
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::CallInfo;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::PoolBuilder;
use asynctools::Run;
use asynctools::TaskError;
use asynctools::pooled;
use asynctools::serial;
use seam_tests::Place;
use seam_tests::SeesEnd;
use seam_tests::watched;

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("no note panics").push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no note panics"))
    }
}

/// Notes its drop.
struct Noted(Log, &'static str);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

thread_local!(static REQUEST: Cell<u32> = const { Cell::new(0) });

/// Carries the number of the request along.
fn carried(workers: usize) -> Pool {
    let around = |_call: &CallInfo| {
        let request = REQUEST.get();
        move |run: Run<'_>| {
            let before = REQUEST.replace(request);
            run.run();
            REQUEST.set(before);
        }
    };
    Pool::builder().workers(workers).around(around).build().expect("it can work")
}

static CARRIED: OnceLock<Pool> = OnceLock::new();

fn carried_here() -> &'static Pool {
    CARRIED.get_or_init(|| carried(1))
}

#[pooled(pool = carried_here())]
fn request() -> u32 {
    REQUEST.get()
}

#[pooled(pool = carried_here())]
fn request_with(_before: u32) -> u32 {
    REQUEST.get()
}

#[pooled(pool = carried_here())]
fn request_if(ok: bool) -> Result<u32, u32> {
    if ok { Ok(REQUEST.get()) } else { Err(REQUEST.get()) }
}

#[test]
fn each_call_has_what_its_caller_had() {
    watched(|| {
        REQUEST.set(7);
        assert_eq!(carried_here().spawn(|| REQUEST.get()).get(), 7);
        assert_eq!(carried_here().map(0..3, |_| REQUEST.get()).get(), [7, 7, 7]);
        assert_eq!(request().get(), 7);
        // Late arguments, which come from a thread of another request.
        let (promise, value) = AsyncValue::promise();
        let late = request_with(value);
        thread::spawn(|| {
            REQUEST.set(8);
            promise.set(1);
        });
        assert_eq!(late.get(), 7);
        // Under another request than the call before.
        let first = request();
        REQUEST.set(9);
        let followers = [
            first.map(|first| (first, REQUEST.get())),
            request_if(true).then(|end| (end.unwrap().unwrap(), REQUEST.get())),
            request_if(true).and_then(|n| Ok((n, REQUEST.get()))).map(|n| n.unwrap()),
            request_if(false).or_else(|_| Ok::<_, ()>(REQUEST.get())).map(|n| (9, n.unwrap())),
            request_if(true).map_ok(|n| (n, REQUEST.get())).map(Result::unwrap),
            request_if(false).map_err(|n| (n, REQUEST.get())).map(Result::unwrap_err),
            request().chain(|| (9, REQUEST.get())),
            request().shared().map(|n| (*n, REQUEST.get())),
        ];
        let seen: Vec<_> = followers.into_iter().map(AsyncValue::get).collect();
        assert_eq!(seen[0], (7, 9));
        assert_eq!(seen[1..], [(9, 9); 7]);
        let list: AsyncList<u32> = (0..3).map(|_| request()).collect();
        REQUEST.set(10);
        assert_eq!(list.map(|all| (all, REQUEST.get())).get(), (vec![9; 3], 10));
    });
}

#[test]
fn a_call_knows_itself() {
    watched(|| {
        let (sender, receiver) = mpsc::channel();
        let around = move |call: &CallInfo| {
            let info = (call.function(), call.file(), call.line(), call.pool().to_owned());
            sender.send((info, format!("{call:?}"))).unwrap();
            |run: Run<'_>| run.run()
        };
        let pool = Pool::builder().workers(1).name("disk").around(around).build().unwrap();
        let (line, call) = (line!(), pool.spawn(|| 5));
        assert_eq!(call.get(), 5);
        let (info, printed) = receiver.recv().unwrap();
        assert_eq!(info, ("spawn", file!(), line, "disk".to_owned()));
        assert!(printed.contains("disk"), "{printed}");
    });
}

#[test]
fn the_outer_code_runs_at_the_call_and_the_inner_code_around_the_body() {
    watched(|| {
        let log = Log::default();
        let caller = thread::current().id();
        let noting = log.clone();
        let around = move |_call: &CallInfo| {
            noting.note(if thread::current().id() == caller { "outer, on the caller" } else { "outer" });
            let noting = noting.clone();
            move |run: Run<'_>| {
                noting.note(if thread::current().id() == caller { "inner, on the caller" } else { "inner" });
                run.run();
                noting.note("after");
            }
        };
        let pool = Pool::builder().workers(0).around(around).build().unwrap();
        let noting = log.clone();
        let call = pool.spawn(move || noting.note("body"));
        assert_eq!(log.take(), ["outer, on the caller"]);
        pool.set_workers(1);
        call.get();
        assert_eq!(log.take(), ["inner", "body", "after"], "the end is seen after all of it");
    });
}

fn text(payload: &(dyn std::any::Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().expect("a panic of this test")
}

#[test]
fn a_panic_of_the_body_unwinds_through() {
    watched(|| {
        let log = Log::default();
        let noting = log.clone();
        let around = move |_call: &CallInfo| {
            let noting = noting.clone();
            move |run: Run<'_>| {
                let _unwound = Noted(noting.clone(), "unwound");
                let payload = catch_unwind(AssertUnwindSafe(|| run.run())).unwrap_err();
                noting.note(text(&*payload));
                resume_unwind(payload);
            }
        };
        let pool = Pool::builder().workers(1).around(around).build().unwrap();
        let error = pool.spawn(|| panic!("no luck")).outcome().unwrap_err();
        assert_eq!(log.take(), ["no luck", "unwound"]);
        assert_eq!(text(&*error.into_panic()), "no luck");
        assert_eq!((pool.stats().finished, pool.stats().panicked), (1, 1));
    });
}

#[test]
fn a_panic_of_the_body_that_is_caught_ends_the_call() {
    watched(|| {
        let around = |_call: &CallInfo| |run: Run<'_>| drop(catch_unwind(AssertUnwindSafe(|| run.run())).unwrap_err());
        let pool = Pool::builder().workers(1).around(around).build().unwrap();
        let error = pool.spawn(|| panic!("no luck")).outcome().unwrap_err();
        assert!(matches!(error, TaskError::Panicked(_)));
        assert!(error.to_string().ends_with("panicked: no luck"), "{error}");
        assert_eq!(pool.stats().panicked, 1);
    });
}

#[test]
fn a_panic_of_the_code_around_is_that_of_the_call() {
    watched(|| {
        let log = Log::default();
        let outer = Pool::builder().workers(1).around(|_| -> fn(Run<'_>) { panic!("outer") }).build().unwrap();
        let before = Pool::builder().workers(1).around(|_| |_run: Run<'_>| panic!("before")).build().unwrap();
        let after = |_call: &CallInfo| {
            |run: Run<'_>| {
                run.run();
                panic!("after")
            }
        };
        let after = Pool::builder().workers(1).around(after).build().unwrap();
        for (pool, words, runs) in [(outer, "outer", false), (before, "before", false), (after, "after", true)] {
            let (noting, argument) = (log.clone(), Noted(log.clone(), "dropped"));
            let line = line!() + 1;
            let call = pool.spawn(move || {
                let _argument = argument;
                noting.note("body");
            });
            let error = call.outcome().unwrap_err();
            assert!(matches!(error, TaskError::Panicked(_)), "{error}");
            assert_eq!(error.path().next().unwrap().line(), line);
            assert_eq!(text(&*error.into_panic()), words);
            pool.close();
            assert_eq!(log.take(), if runs { vec!["body", "dropped"] } else { vec!["dropped"] });
            assert_eq!(pool.stats().panicked, 1, "{words}");
        }
    });
}

#[test]
fn a_body_that_does_not_run_is_a_rejected_call() {
    watched(|| {
        let log = Log::default();
        let pool = Pool::builder().workers(1).around(|_| |run: Run<'_>| drop(run)).build();
        let pool = pool.unwrap();
        let (noting, argument) = (log.clone(), Noted(log.clone(), "dropped"));
        let call = pool.spawn(move || {
            let _argument = argument;
            noting.note("body");
        });
        let error = call.outcome().unwrap_err();
        assert!(matches!(error, TaskError::Rejected), "{error}");
        assert!(error.to_string().contains("`around`"), "{error}");
        let follower = pool.spawn(|| 5).map(|n| n + 1);
        assert!(matches!(follower.outcome().unwrap_err().root(), TaskError::Rejected));
        pool.close();
        assert_eq!(log.take(), ["dropped"]);
        assert_eq!((pool.stats().finished, pool.stats().panicked, pool.stats().queued), (0, 0, 0));
    });
}

/// A pool whose code around a call notes what happens to itself.
fn noting(log: &Log, workers: usize) -> Pool {
    let log = log.clone();
    let around = move |_call: &CallInfo| {
        let (log, dropped) = (log.clone(), Noted(log.clone(), "unrun"));
        move |run: Run<'_>| {
            std::mem::forget(dropped);
            log.note("begins");
            run.run();
            log.note("ends");
        }
    };
    Pool::builder().workers(workers).around(around).build().expect("it can work")
}

#[test]
fn a_lost_call_drops_the_code_unrun() {
    watched(|| {
        let log = Log::default();
        let pool = noting(&log, 0);
        assert!(pool.spawn(|| 5).cancel());
        assert_eq!(log.take(), ["unrun"], "cancelled");
        let queued = pool.spawn(|| 5);
        assert_eq!(pool.cancel_queued(), 1);
        assert_eq!(log.take(), ["unrun"], "cancelled with the queue");
        drop(queued);
        let (promise, value) = AsyncValue::<u32>::promise();
        let (first, second) = (value.map(|n| n), pool.spawn(|| 1));
        let late = second.map(|n| n + 1);
        assert_eq!(log.take(), [""; 0]);
        drop(promise);
        assert!(first.is_error());
        assert_eq!(log.take(), [""; 0], "a promise belongs to the default pool");
        pool.close();
        assert_eq!(log.take(), ["unrun", "unrun"], "closed, and lost with an argument");
        assert!(matches!(late.outcome().unwrap_err().root(), TaskError::Closed));
        assert!(matches!(pool.spawn(|| 5).outcome(), Err(TaskError::Closed)));
        assert_eq!(log.take(), ["unrun"], "refused");
        let around = |_call: &CallInfo| |run: Run<'_>| run.run();
        let full = Pool::builder().workers(0).queue(1).on_full(OnFull::Reject).around(around).build().unwrap();
        let waits = full.spawn(|| 1);
        assert!(matches!(full.spawn(|| 2).outcome(), Err(TaskError::Rejected)));
        drop(waits);
    });
}

#[pooled(pool = NOTED.get().unwrap())]
fn fails(n: u32) -> Result<u32, String> {
    Err(n.to_string())
}

static NOTED: OnceLock<Pool> = OnceLock::new();

#[pooled(pool = NOTED.get().unwrap())]
fn passes(n: u32) -> Result<u32, String> {
    Ok(n)
}

#[test]
fn a_call_with_an_argument_that_failed_drops_the_code_unrun() {
    watched(|| {
        let log = Log::default();
        assert!(NOTED.set(noting(&log, 1)).is_ok());
        let call = passes(fails(7));
        assert_eq!(call.get(), Err("7".to_owned()));
        NOTED.get().unwrap().close();
        let mut seen = log.take();
        seen.sort();
        assert_eq!(seen, ["begins", "ends", "unrun"]);
    });
}

#[test]
fn an_inline_run_is_nested_in_its_waiter() {
    watched(|| {
        let log = Log::default();
        let pool = Arc::new(noting(&log, 1));
        let (inner, noted) = (pool.clone(), log.clone());
        pool.spawn(move || {
            let call = inner.spawn(|| 5);
            noted.note("waits");
            assert_eq!(call.get(), 5);
            noted.note("goes on");
        })
        .get();
        assert_eq!(log.take(), ["begins", "waits", "begins", "ends", "goes on", "ends"]);
    });
}

#[test]
fn a_call_of_the_caller_goes_through_the_code() {
    watched(|| {
        let log = Log::default();
        let pool = noting(&log, 2);
        let here = thread::current().id();
        serial(|| assert_eq!(pool.spawn(|| thread::current().id()).get(), here));
        assert_eq!(log.take(), ["begins", "ends"], "in serial mode");
        let log = Log::default();
        let noted = log.clone();
        let around = move |_call: &CallInfo| {
            let noted = noted.clone();
            move |run: Run<'_>| {
                noted.note("begins");
                run.run();
            }
        };
        let full = Pool::builder().workers(0).queue(1).on_full(OnFull::RunHere).around(around).build().unwrap();
        let parked = full.spawn(|| ());
        assert_eq!(full.spawn(|| thread::current().id()).get(), here);
        assert_eq!(log.take(), ["begins"], "of a full queue");
        drop(parked);
    });
}

#[test]
fn the_code_says_how_long_a_call_waited() {
    watched(|| {
        let (sender, receiver) = mpsc::channel();
        let around = move |_call: &CallInfo| {
            let sender = sender.clone();
            move |run: Run<'_>| {
                sender.send((run.waited_for_arguments(), run.waited_for_worker())).unwrap();
                run.run();
            }
        };
        let pool = Pool::builder().workers(0).around(around).build().unwrap();
        let (promise, value) = AsyncValue::<u32>::promise();
        let before = Instant::now();
        // After a promise a closure runs on the default pool, so the pool has a call of its own in between.
        let ready = pool.spawn(|| 1);
        let queued = Instant::now();
        let late = ready.zip(value).map(|(one, n)| one + n);
        let called = Instant::now();
        while called.elapsed() < Duration::from_millis(5) {}
        let passed = called.elapsed();
        pool.set_workers(1);
        let (for_arguments, for_worker) = receiver.recv().unwrap();
        assert_eq!(for_arguments, Duration::ZERO);
        assert!(for_worker >= passed && for_worker <= before.elapsed(), "{for_worker:?}");
        promise.set(1);
        assert_eq!(late.get(), 2);
        let (for_arguments, for_worker) = receiver.recv().unwrap();
        assert!(for_arguments >= passed && for_arguments + for_worker <= queued.elapsed(), "{for_arguments:?}");
    });
}

/// Asks the pool what takes its lock.
struct Asks(Arc<OnceLock<Pool>>, Arc<AtomicUsize>);

impl Asks {
    fn ask(&self) {
        let pool = self.0.get().expect("the pool is there");
        pool.set_workers(pool.stats().workers);
        // A call that the code makes itself goes without.
        pool.spawn(|| ()).detach();
        assert!(pool.spawn(|| ()).map(|()| ()).cancel() || pool.workers() > 0);
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Asks {
    fn drop(&mut self) {
        self.ask();
    }
}

#[test]
fn no_lock_is_held_while_the_code_runs() {
    watched(|| {
        let pool: Arc<OnceLock<Pool>> = Arc::default();
        let (own, looks) = (pool.clone(), Arc::new(AtomicUsize::new(0)));
        let looked = looks.clone();
        let around = move |_call: &CallInfo| {
            let asks = Asks(own.clone(), looks.clone());
            asks.ask();
            move |run: Run<'_>| {
                asks.ask();
                run.run();
                asks.ask();
            }
        };
        let built = Pool::builder().workers(0).around(around).build().unwrap();
        assert!(pool.set(built).is_ok());
        let shared = pool.clone();
        let pool = pool.get().unwrap();
        // At the call, and at the drop.
        assert!(pool.spawn(|| 5).cancel());
        assert_eq!(looked.load(Ordering::SeqCst), 2);
        pool.spawn(|| 5).detach();
        let lost = pool.spawn(|| 5);
        assert_eq!(looked.load(Ordering::SeqCst), 4);
        pool.cancel_queued();
        drop(lost);
        assert_eq!(looked.load(Ordering::SeqCst), 6);
        pool.set_workers(1);
        assert_eq!(pool.spawn(move || shared.get().unwrap().spawn(|| 5).get()).get(), 5);
        // Two calls, which ask 4 times each: at the call, before and after the body, at the drop.
        assert_eq!(looked.load(Ordering::SeqCst), 14);
    });
}

#[test]
fn the_lock_of_a_call_is_free_while_it_runs() {
    watched(|| {
        let pool = Pool::builder().workers(1).around(|_| |run: Run<'_>| run.run()).build().unwrap();
        let (started, has_started) = mpsc::channel();
        let (open, gate) = mpsc::channel();
        let call = pool.spawn(move || {
            started.send(()).unwrap();
            gate.recv().is_ok()
        });
        has_started.recv().unwrap();
        // Looks at the state of the call, and lists a dependant.
        assert!(!call.cancel());
        let next = call.map(|has_come| has_come);
        open.send(()).unwrap();
        assert!(next.get());
    });
}

#[test]
fn two_arounds_are_no_mix() {
    let twice = Pool::builder().workers(1).around(|_| |run: Run<'_>| run.run()).around(|_| |run: Run<'_>| run.run());
    let error = twice.build().unwrap_err();
    assert_eq!(error.field(), "around");
}

#[test]
fn the_code_may_borrow_nothing_and_keep_a_cell() {
    watched(|| {
        thread_local!(static SEEN: RefCell<Vec<String>> = RefCell::default());
        // Unannotated closures: inference finds what they take.
        let around = |call: &CallInfo| {
            let name = call.function();
            SEEN.with_borrow_mut(|seen| seen.push(name.to_owned()));
            let cell = Cell::new(0);
            move |run: Run<'_>| {
                cell.set(1);
                run.run();
            }
        };
        let pool = Pool::builder().workers(2).around(around).build().unwrap();
        let total = pool.map(0..3, |n| n).map(|all| all.iter().sum::<i32>());
        assert_eq!(total.get(), 3);
        SEEN.with_borrow(|seen| assert_eq!(*seen, ["map", "map", "map", "map"]));
    });
}

/// Runs a function when it is dropped, and says so before.
struct AtDrop(fn(), mpsc::Sender<()>);

impl Drop for AtDrop {
    fn drop(&mut self) {
        self.1.send(()).unwrap();
        (self.0)();
    }
}

/// Has the last thread of a pool drop what the program gave to `pool`.
fn dropped_by_its_last_thread(build: impl Fn(PoolBuilder, AtDrop) -> PoolBuilder) {
    let at_drop: [fn(); 2] = [|| panic!("no luck"), || assert_eq!(asynctools::parallel(|| 1).get(), 1)];
    for at_drop in at_drop {
        let (says, is_dropped) = mpsc::channel();
        let pool = build(Pool::builder().workers(1), AtDrop(at_drop, says)).build().unwrap();
        let pool = Arc::new(pool);
        let own = pool.clone();
        let (open, gate) = mpsc::channel::<()>();
        pool.spawn(move || {
            gate.recv().unwrap();
            // The pool is closed in its own call, and nobody waits for its end.
            drop(own);
        })
        .detach();
        drop(pool);
        open.send(()).unwrap();
        is_dropped.recv().unwrap();
        // The thread has ended, and the process lives.
        assert!(is_dropped.recv().is_err());
        assert_eq!(asynctools::parallel(|| 1).get(), 1);
    }
}

#[test]
fn a_drop_of_the_code_around_that_panics_or_waits_changes_nothing() {
    watched(|| {
        dropped_by_its_last_thread(|pool, at_drop| {
            pool.around(move |_call: &CallInfo| {
                let _own = &at_drop;
                |run: Run<'_>| run.run()
            })
        });
    });
}

#[test]
fn a_drop_of_the_code_of_threads_that_panics_or_waits_changes_nothing() {
    watched(|| {
        dropped_by_its_last_thread(|pool, at_drop| pool.on_thread_start(move || _ = &at_drop));
        dropped_by_its_last_thread(|pool, at_drop| pool.on_thread_stop(move || _ = &at_drop));
    });
}

#[test]
fn what_a_call_leaves_is_dropped_after_its_end() {
    watched(|| {
        for body_runs in [false, true] {
            let (place, (says, said)) = (Place::default(), mpsc::channel());
            let pool = Pool::builder().workers(0).around(move |_call: &CallInfo| {
                move |run: Run<'_>| {
                    if body_runs {
                        run.run();
                        panic!("after the body");
                    }
                }
            });
            let pool = pool.build().unwrap();
            let sees = SeesEnd(place.clone(), says);
            // The argument of a body that does not run, or the value of a call that panics around the body.
            let call = pool.spawn(move || sees);
            *place.lock().unwrap() = Some(call);
            pool.set_workers(1);
            assert_eq!(said.recv(), Ok(true), "{body_runs}");
            assert!(place.lock().unwrap().take().unwrap().outcome().is_err());
        }
    });
}
