//! `asynctools::around`: once, for every pool. A process of its own.

use std::sync::Mutex;
use std::sync::mpsc;

use asynctools::CallInfo;
use asynctools::Pool;
use asynctools::Run;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::pooled;
use seam_tests::Place;
use seam_tests::SeesEnd;
use seam_tests::watched;

static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note(what: &str) {
    LOG.lock().unwrap().push(what.to_owned());
}

fn take() -> Vec<String> {
    std::mem::take(&mut LOG.lock().unwrap())
}

#[parallel]
fn alone() -> u32 {
    5
}

#[pooled]
fn shared() -> u32 {
    6
}

#[pooled(workers = 1)]
fn own() -> u32 {
    7
}

/// One test, since the code around holds for the process.
#[test]
fn the_code_around_holds_for_every_pool() {
    watched(|| {
        // A call made before goes without.
        let early = Pool::new(0);
        let before = early.spawn(|| 1);
        let around = |call: &CallInfo| {
            let what = format!("{} on {}", call.function().rsplit("::").next().unwrap(), call.pool());
            assert!(!what.contains("fails at the call"));
            assert_ne!(call.pool(), "outer panics", "no luck outside");
            move |run: Run<'_>| {
                note(&what);
                if !what.contains("rejecting") {
                    run.run();
                }
                note("out");
            }
        };
        assert!(asynctools::around(around).is_ok());
        let error = asynctools::around(|_| |run: Run<'_>| run.run()).unwrap_err();
        assert_eq!(error.to_string(), "`around` was set before; a process has at most one");
        early.set_workers(1);
        assert_eq!(before.get(), 1);
        assert_eq!(take(), [""; 0]);
        assert_eq!((alone().get(), shared().get(), own().get()), (5, 6, 7));
        let mut seen = take();
        seen.retain(|what| what != "out");
        seen.sort();
        assert_eq!(seen, ["alone on parallel", "own on own", "shared on asynctools"]);
        // Outside of the pool's own.
        let inside = |_call: &CallInfo| {
            |run: Run<'_>| {
                note("in");
                run.run();
                note("own out");
            }
        };
        let pool = Pool::builder().workers(1).name("both").around(inside).build().unwrap();
        assert_eq!(pool.spawn(|| 5).get(), 5);
        assert_eq!(take(), ["spawn on both", "in", "own out", "out"]);
        // The inner code of the pool is dropped unrun if the outer code does not run it.
        let pool = Pool::builder().workers(1).name("rejecting").around(inside).build().unwrap();
        assert!(matches!(pool.spawn(|| 5).outcome(), Err(TaskError::Rejected)));
        assert_eq!(take(), ["spawn on rejecting", "out"]);
        // It is dropped after the end.
        let (place, (says, said)) = (Place::default(), mpsc::channel());
        let witness = Mutex::new(Some(SeesEnd(place.clone(), says)));
        let carries = move |_call: &CallInfo| {
            let kept = witness.lock().unwrap().take();
            move |run: Run<'_>| {
                run.run();
                drop(kept);
            }
        };
        let pool = Pool::builder().workers(0).name("rejecting").around(carries).build().unwrap();
        *place.lock().unwrap() = Some(pool.spawn(|| unreachable!("it is rejected")));
        pool.set_workers(1);
        assert_eq!(said.recv(), Ok(true));
        pool.close();
        take();
        // A panic at the call, of either.
        let panics = |_call: &CallInfo| -> fn(Run<'_>) { panic!("no luck inside") };
        let pool = Pool::builder().workers(1).name("inner panics").around(panics).build().unwrap();
        let error = pool.spawn(|| 5).outcome().unwrap_err();
        assert!(error.to_string().ends_with("panicked: no luck inside"), "{error}");
        assert_eq!(take(), ["spawn on inner panics"]);
        let pool = Pool::builder().workers(1).name("outer panics").around(inside).build().unwrap();
        let error = pool.spawn(|| 5).outcome().unwrap_err();
        assert!(error.to_string().contains("no luck outside"), "{error}");
        assert_eq!(take(), [""; 0]);
    });
}
