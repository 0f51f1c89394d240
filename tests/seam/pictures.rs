//! Recordings, and the three formats: what is recorded, and that readers of the formats accept all names and all programs.

mod readers;

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::CallInfo;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::Run;
use asynctools::parallel;
use asynctools::pooled;
use asynctools::serial;
use asynctools::trace::Ending;
use asynctools::trace::Recording;
use asynctools::trace::Trace;
use seam_tests::watched;

use crate::readers::check;
use crate::readers::graphviz;

/// A process has one recording at a time. What other tests left running may still make calls: so this waits for its end.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(asynctools::wait_idle_timeout(Duration::from_secs(30)), "a test has left calls behind");
    alone
}

static DISK: Pool = Pool::named("disk", 2);

#[pooled(pool = DISK)]
fn load(n: u32) -> Result<u32, String> {
    if n == 0 { Err("nothing".to_owned()) } else { Ok(n) }
}

#[pooled(pool = DISK)]
fn add(a: u32, b: u32) -> Result<u32, String> {
    Ok(a + b)
}

#[test]
fn a_record_says_what_happened() {
    let _alone = alone();
    watched(|| {
        let before = Pool::new(0);
        let early = before.spawn(|| 1);
        let recording = Recording::start().unwrap();
        assert!(Recording::start().is_err(), "one at a time");
        let line = line!() + 1;
        assert_eq!(add(load(1), load(2)).get(), Ok(3));
        assert_eq!(add(load(0), 1).get(), Err("nothing".to_owned()));
        assert!(parallel(|| panic!("no luck")).map(|()| ()).outcome().is_err());
        let pool = Pool::named("cancels", 0);
        assert!(pool.spawn(|| 1).cancel());
        let pending = pool.spawn(|| 2);
        DISK.wait_idle();
        let trace = recording.stop();
        drop((early, pending));
        let calls = trace.calls();
        assert_eq!(calls.len(), 8, "{calls:#?}");
        assert!(calls.windows(2).all(|pair| pair[0].called <= pair[1].called && pair[0].id != pair[1].id));
        let [one, two, sum, ..] = calls else { panic!("eight calls") };
        assert_eq!((one.site.line(), one.site.function(), &*one.pool), (line, "pictures::load", "disk"));
        assert_eq!(sum.needs, [one.id, two.id]);
        assert!(sum.thread.as_deref().unwrap().starts_with("disk-"));
        assert_eq!((sum.caller, sum.ending, sum.waits.len()), (None, Ending::Returned, 0));
        assert!(sum.called <= sum.ready.unwrap() && sum.ready <= sum.started && sum.started.unwrap() <= sum.ended);
        assert!(sum.ready.unwrap() >= one.started.unwrap());
        let endings: Vec<_> = calls.iter().map(|call| call.ending).collect();
        let rest = [Ending::Returned, Ending::PassedOn, Ending::Panicked, Ending::Upstream, Ending::Cancelled];
        assert_eq!(endings[3..], rest);
        assert!(calls.iter().all(|call| (call.thread.is_some(), call.started.is_some())
            == (matches!(call.ending, Ending::Returned | Ending::Panicked), call.thread.is_some())));
    });
}

#[test]
fn a_record_knows_its_maker_and_its_waits() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let outer = parallel(|| {
            let (promise, value) = AsyncValue::<u32>::promise();
            let inner = parallel(move || {
                while !promise.is_wanted() {}
                promise.set(3);
            });
            // A thread of `#[parallel]` runs no other call in a wait.
            let got = value.get();
            inner.get();
            got
        });
        assert_eq!(outer.get(), 3);
        asynctools::wait_idle();
        let trace = recording.stop();
        let [outer, inner] = trace.calls() else { panic!("two calls: {trace:?}") };
        assert_eq!((outer.caller, inner.caller), (None, Some(outer.id)));
        for wait in &outer.waits {
            assert!(outer.started.unwrap() <= wait.from && wait.from <= wait.to && wait.to <= outer.ended);
            assert!(wait.call.is_none_or(|call| call == inner.id));
        }
        // With one worker the inner call runs on the stack of the outer one.
        let recording = Recording::start().unwrap();
        let pool = Arc::new(Pool::new(1));
        let own = pool.clone();
        pool.spawn(move || own.spawn(|| 1).get()).get();
        let trace = recording.stop();
        let [outer, inner] = trace.calls() else { panic!("two calls: {trace:?}") };
        assert_eq!((inner.caller, &inner.thread), (Some(outer.id), &outer.thread));
        assert!(outer.started <= inner.started && inner.ended <= outer.ended && outer.waits.is_empty());
        // A wait with a time limit blocks the thread, and a spare runs the call.
        let recording = Recording::start().unwrap();
        let own = pool.clone();
        pool.spawn(move || own.spawn(|| 1).get_timeout(Duration::from_secs(600)).is_ok()).get();
        let trace = recording.stop();
        let [outer, inner] = trace.calls() else { panic!("two calls: {trace:?}") };
        assert_ne!(inner.thread, outer.thread);
        assert_eq!(outer.waits.iter().find_map(|wait| wait.call), Some(inner.id));
        assert_eq!(outer.waits[0].site.unwrap().function(), "spawn");
    });
}

#[test]
fn a_recording_has_a_limit_and_can_be_dropped() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::with_limit(5).unwrap();
        Pool::new(2).map(0..12, |n| n).wait();
        let trace = recording.stop();
        assert_eq!((trace.calls().len(), trace.truncated()), (5, 7));
        let dropped = Recording::start().unwrap();
        parallel(|| ()).get();
        drop(dropped);
        let recording = Recording::start().unwrap();
        let empty = recording.stop();
        assert_eq!((empty.calls().len(), empty.truncated()), (0, 0));
        check(&empty);
        // A call of one recording does not end in the next.
        let recording = Recording::start().unwrap();
        let pool = Pool::new(0);
        let call = pool.spawn(|| 1);
        drop(recording);
        let next = Recording::start().unwrap();
        pool.set_workers(1);
        assert_eq!(call.get(), 1);
        assert_eq!(next.stop().calls().len(), 0);
    });
}

/// A writer that has no room.
struct Full;

impl io::Write for Full {
    fn write(&mut self, _text: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_writer_is_returned() {
    let trace = Trace::default();
    for error in [trace.write_chrome(Full), trace.write_svg(Full), trace.write_dot(Full)] {
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}

/// Numbers of a simple generator.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[test]
fn any_name_is_escaped_or_cut() {
    let _alone = alone();
    watched(|| {
        let mut dice = Dice(7);
        let odd = [
            "\"",
            "'",
            "<",
            ">",
            "&",
            "\n",
            "\r",
            "\t",
            "\\",
            "]]>",
            "-->",
            "\\n",
            "\u{1}",
            "\u{202e}",
            "\u{fffe}",
            "\u{1f980}",
            "{",
            "}",
            ";",
            "a",
            " ",
        ];
        let random = |dice: &mut Dice| (0..dice.roll(12)).map(|_| odd[dice.roll(odd.len())]).collect::<String>();
        let long = "a\"<".repeat(4_000);
        let names = (0..200).map(|_| random(&mut dice)).chain([long, String::new()]);
        let mut all = Vec::new();
        let recording = Recording::start().unwrap();
        for name in names {
            let pool = Pool::builder().workers(1).name(name).build().unwrap();
            all.push(pool.spawn(|| 1).map(|n| n + 1).get());
            pool.spawn(|| panic!("no luck")).wait();
            pool.set_workers(0);
            pool.spawn(|| ()).cancel();
        }
        let trace = recording.stop();
        assert_eq!(trace.calls().len(), 4 * all.len());
        check(&trace);
        // Each name comes back as it was, or cut.
        let mut json = Vec::new();
        trace.write_chrome(&mut json).unwrap();
        let events: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
        let mut read: Vec<_> =
            events.iter().filter_map(|event| Some(event["args"]["name"].as_str()?.to_owned())).collect();
        let shown = |name: &str| -> String {
            let text = name.chars().map(|c| if c.is_control() || c == '\u{fffe}' { ' ' } else { c });
            let cut = if name.chars().count() > 80 { "\u{2026}" } else { "" };
            text.take(80).chain(cut.chars()).collect()
        };
        let rows: std::collections::HashSet<_> = trace.calls().iter().filter_map(|call| call.thread.clone()).collect();
        let mut shown: Vec<_> = rows.iter().map(|name| shown(name)).collect();
        let longest = shown.iter().map(|name| name.chars().count()).max();
        assert_eq!(longest, Some(81));
        read.sort();
        read.dedup();
        shown.sort();
        shown.dedup();
        read.retain(|name| name != "never ran");
        assert_eq!(read, shown);
    });
}

/// Runs a random program on a few pools: dataflow, waits inside of calls, races, cancels, errors and panics.
fn program(seed: u64) {
    let mut dice = Dice(seed);
    let pools: Arc<Vec<Pool>> = Arc::new(vec![
        Pool::new(1),
        Pool::named("parallel", 2),
        Pool::builder().workers(1).queue(1).on_full(OnFull::RunHere).build().unwrap(),
    ]);
    let mut values: Vec<AsyncValue<usize>> = Vec::new();
    for _ in 0..=dice.roll(12) {
        let pool = dice.roll(pools.len());
        let all = pools.clone();
        let mut own = Dice(dice.0 | 1);
        let other = values.pop();
        let call = match dice.roll(9) {
            0 => pools[pool].spawn(move || other.map_or(0, |other| other.outcome().unwrap_or(1))),
            1 => pools[pool].spawn(move || (0..2).map(|n| all[own.roll(3)].spawn(move || n).get()).sum()),
            2 => parallel(move || all[own.roll(3)].spawn(|| 3).get_timeout(Duration::from_secs(600)).map_or(0, |_| 2)),
            3 => pools[pool].spawn(|| panic!("no luck")),
            4 => other.unwrap_or_else(|| AsyncValue::ready(1)).map(|n| n + 1),
            5 => other.unwrap_or_else(|| AsyncValue::ready(1)).zip(pools[pool].spawn(|| 1)).map(|(a, b)| a + b),
            6 => serial(|| pools[pool].spawn(|| 4)),
            7 => {
                let calls: AsyncList<usize> = (0..3).map(|n| pools[pool].spawn(move || n)).collect();
                AsyncValue::ready(calls.first().unwrap_or(0))
            }
            _ => {
                let call = pools[pool].spawn(|| 5);
                call.cancel();
                call
            }
        };
        values.push(call);
        if dice.roll(3) == 0 {
            values.rotate_left(1);
        }
    }
    for value in values {
        let _ = value.outcome();
    }
}

#[test]
fn readers_accept_a_thousand_random_programs() {
    let _alone = alone();
    watched(|| {
        std::panic::set_hook(Box::new(|_| {}));
        for seed in 0..1_000 {
            let recording = Recording::start().unwrap();
            program(seed * 7 + 1);
            let trace = recording.stop();
            let checked = std::panic::catch_unwind(|| check(&trace));
            if let Err(payload) = checked {
                eprintln!("seed {seed}");
                std::panic::resume_unwind(payload);
            }
        }
        drop(std::panic::take_hook());
    });
}

#[test]
fn a_picture_leaves_out_what_is_too_much() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let pool = Pool::new(2);
        pool.map(0..2_500, |n| n).wait();
        let trace = recording.stop();
        check(&trace);
        let mut svg = Vec::new();
        trace.write_svg(&mut svg).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        assert!(svg.contains("2500 calls, ") && svg.contains("500 calls are left out"), "{}", &svg[..3000]);
    });
}

#[test]
fn the_picture_tells_the_story() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let pool = Pool::named("kitchen", 1);
        assert!(pool.spawn(|| -> u32 { panic!("no luck") }).map(|n| n).outcome().is_err());
        let pool = Arc::new(pool);
        let own = pool.clone();
        pool.spawn(move || {
            own.spawn(|| std::thread::sleep(Duration::from_millis(40))).get_timeout(Duration::from_secs(600)).is_ok()
        })
        .get();
        parallel(|| ()).get();
        asynctools::wait_idle();
        let mut svg = Vec::new();
        recording.stop().write_svg(&mut svg).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        let said = [
            "kitchen-1",
            "never ran",
            "map: argument lost",
            "class=\"call bad\"",
            "url(#hatch)",
            "waits for spawn",
            "class=\"made\"",
            "class=\"lost\"",
            "prefers-color-scheme:dark",
            "waits for a worker",
            "makes the call",
        ];
        for words in said {
            assert!(svg.contains(words), "{words}: {svg}");
        }
        assert!(svg.find("kitchen-1") < svg.find(">parallel-"), "`#[parallel]` comes last");
    });
}

#[test]
fn a_pending_graph_is_drawn_by_state() {
    let _alone = alone();
    watched(|| {
        let pool = Pool::new(1);
        let (started, has_started) = std::sync::mpsc::channel();
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let runs = pool.spawn(move || {
            started.send(()).unwrap();
            gate.recv().is_ok()
        });
        has_started.recv().unwrap();
        let queued = pool.spawn(|| true);
        let (promise, promised) = AsyncValue::<bool>::promise();
        let all = runs.zip(queued).zip(promised).map(|((a, b), c)| a && b && c);
        let text = all.graph().to_string();
        graphviz(&text);
        for state in ["runs", "waits for a worker", "waits for the program", "waits for arguments"] {
            assert!(text.contains(state), "{state}: {text}");
        }
        assert_eq!(text.matches(" -> ").count(), 5, "{text}");
        let list: AsyncList<bool> = [pool.spawn(|| true), pool.spawn(|| false)].into_iter().collect();
        assert_eq!(list.graph().to_string().matches("spawn").count(), 2);
        open.send(()).unwrap();
        promise.set(true);
        all.wait();
        let text = all.graph().to_string();
        assert!(text.contains("has ended") && !text.contains(" -> "), "{text}");
        assert!(all.get());
        drop(list);
    });
}

/// Panics when it is dropped.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("no luck in the drop");
    }
}

#[test]
fn a_drop_that_panics_leaves_the_trace() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let fragile = Fragile;
        let around = move |_call: &CallInfo| {
            let _own = &fragile;
            |run: Run<'_>| run.run()
        };
        let pool = Pool::builder().workers(0).around(around).build().unwrap();
        assert!(pool.spawn(|| 1).cancel());
        // The record is the last owner of the code.
        drop(pool);
        parallel(|| ()).get();
        assert_eq!(recording.stop().calls().len(), 2);
    });
}

#[test]
fn a_lost_call_says_whether_it_had_its_arguments() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let pool = Pool::new(0);
        assert!(pool.spawn(|| 1).cancel());
        let one = pool.spawn(|| 1);
        assert!(one.map(|n| n + 1).cancel());
        let ready = AsyncValue::ready(1).zip(AsyncValue::ready(2)).map(|(a, b)| a + b);
        assert_eq!(ready.get(), 3);
        assert_eq!(pool.cancel_queued(), 1);
        let trace = recording.stop();
        let ready: Vec<_> = trace.calls().iter().map(|call| (call.ending, call.ready.is_some())).collect();
        let (cancelled, returned) = (Ending::Cancelled, Ending::Returned);
        assert_eq!(ready, [(cancelled, true), (cancelled, true), (cancelled, false), (returned, true)]);
        assert_eq!(trace.calls()[0].ready, Some(trace.calls()[0].called));
    });
}

#[test]
fn a_call_that_the_code_around_refuses_never_ran() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let pool = Pool::builder().workers(1).around(|_call| |run: Run<'_>| drop(run)).build().unwrap();
        assert!(pool.spawn(|| 1).outcome().is_err());
        let trace = recording.stop();
        let [call] = trace.calls() else { panic!("one call: {trace:?}") };
        assert_eq!((call.ending, &call.thread, call.started), (Ending::Rejected, &None, None));
        assert!(call.ready.is_some());
        check(&trace);
    });
}

#[test]
fn a_call_on_the_stack_of_a_watcher_is_watched() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let (promise, value) = AsyncValue::<u32>::promise();
        let promise = Mutex::new(Some(promise));
        let around = move |_call: &CallInfo| {
            let promise = promise.lock().unwrap().take();
            move |run: Run<'_>| {
                if let Some(promise) = promise {
                    promise.set(1);
                }
                run.run();
            }
        };
        let pool = Pool::builder().workers(1).around(around).build().unwrap();
        serial(|| {
            let sum = value.map(|n| load(n).get());
            pool.spawn(|| 1).get();
            assert_eq!(sum.get(), Ok(1));
        });
        let trace = recording.stop();
        let names: Vec<_> = trace.calls().iter().map(|call| call.site.function()).collect();
        assert_eq!(names, ["map", "spawn", "pictures::load"]);
    });
}

#[test]
fn recordings_in_a_row_are_no_mix() {
    let _alone = alone();
    watched(|| {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = is_over.clone();
        let other = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                drop(Recording::start());
            }
        });
        let mut done = 0;
        while done < 50_000 {
            let Ok(recording) = Recording::with_limit(1) else { continue };
            serial(|| DISK.map(0..2, |n| n).get());
            let trace = recording.stop();
            assert_eq!((trace.calls().len(), trace.truncated()), (1, 1), "recording {done}");
            done += 1;
        }
        is_over.store(true, Ordering::Relaxed);
        other.join().unwrap();
    });
}

/// Makes calls when it is dropped, which is at the end of its thread.
struct AtEnd;

impl Drop for AtEnd {
    fn drop(&mut self) {
        assert_eq!(DISK.spawn(|| 1).map(|n| n + 1).get(), 2);
        assert_eq!(serial(|| DISK.spawn(|| DISK.spawn(|| 1).get()).get()), 1);
    }
}

#[test]
fn calls_at_the_end_of_a_thread_are_recorded() {
    let _alone = alone();
    watched(|| {
        thread_local!(static AT_END: AtEnd = const { AtEnd });
        let recording = Recording::start().unwrap();
        let pool = Pool::new(1);
        pool.spawn(|| AT_END.with(|_| ())).get();
        pool.close();
        let ends = || {
            AT_END.with(|_| ());
            assert_eq!(serial(|| DISK.spawn(|| DISK.spawn(|| 1).get()).get()), 1);
        };
        std::thread::spawn(ends).join().unwrap();
        let trace = recording.stop();
        assert_eq!(trace.calls().len(), 1 + 4 + 2 + 4);
        check(&trace);
    });
}

#[test]
fn a_deep_graph_is_drawn_while_it_ends() {
    let _alone = alone();
    watched(|| {
        let (promise, value) = AsyncValue::<u32>::promise();
        let last = (0..100_000).fold(value, |value, _| value.map(|n| n + 1));
        let text = last.graph().to_string();
        graphviz(&text);
        assert!(text.contains("more calls are left out"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !last.is_finished() {
                    drop(last.graph());
                }
            });
            promise.set(1);
        });
        assert_eq!(last.get(), 100_001);
    });
}

#[test]
fn a_call_after_a_call_has_the_same_maker() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        serial(|| {
            DISK.spawn(|| {
                assert_eq!(DISK.spawn(|| 1).get(), 1);
                assert_eq!(DISK.spawn(|| 2).get(), 2);
            })
            .get();
            DISK.spawn(|| ()).get();
        });
        let trace = recording.stop();
        let outer = trace.calls()[0].id;
        let callers: Vec<_> = trace.calls().iter().map(|call| call.caller).collect();
        assert_eq!(callers, [None, Some(outer), Some(outer), None]);
    });
}

#[test]
fn a_wait_for_a_worker_is_an_asynchronous_slice() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let pool = Pool::named("later", 0);
        let call = pool.spawn(|| 1);
        pool.set_workers(1);
        assert_eq!(call.get(), 1);
        let mut json = Vec::new();
        let trace = recording.stop();
        trace.write_chrome(&mut json).unwrap();
        let events: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
        let phases: Vec<_> = events
            .iter()
            .filter(|event| event["cat"] == "waits for a worker of later")
            .map(|event| (event["ph"].as_str().unwrap(), event["id"].as_u64().unwrap()))
            .collect();
        let id = trace.calls()[0].id;
        assert_eq!(phases, [("b", id), ("e", id)]);
    });
}

/// Returns the title of the picture.
fn title(trace: &Trace) -> String {
    let mut svg = Vec::new();
    trace.write_svg(&mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    svg.lines().find(|line| line.contains("class=\"title\"")).unwrap().to_owned()
}

#[test]
fn a_picture_counts_all_that_it_leaves_out() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::with_limit(5).unwrap();
        Pool::new(2).map(0..12, |n| n).wait();
        let title = title(&recording.stop());
        assert!(title.contains("5 calls, ") && title.contains("; 7 calls are left out"), "{title}");
    });
}

#[test]
fn a_picture_counts_the_lost_calls_that_find_no_place() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let pool = Pool::new(0);
        let calls = pool.map(0..200, |n| n);
        assert_eq!(calls.cancel(), 200);
        let trace = recording.stop();
        let mut svg = Vec::new();
        trace.write_svg(&mut svg).unwrap();
        // One stands in the legend.
        let shown = String::from_utf8(svg).unwrap().matches("class=\"never\"").count() - 1;
        let title = title(&trace);
        assert!(shown < 200 && title.contains(&format!("; {} calls are left out", 200 - shown)), "{title}");
    });
}

#[test]
fn work_is_what_threads_did_without_waits_and_once() {
    let _alone = alone();
    watched(|| {
        let spin = |time: Duration| {
            let start = Instant::now();
            while start.elapsed() < time {
                std::thread::yield_now();
            }
        };
        let long = Duration::from_millis(40);
        let recording = Recording::start().unwrap();
        let start = Instant::now();
        // Inside of one another, on one thread.
        serial(|| DISK.spawn(move || DISK.spawn(move || spin(long)).get()).get());
        // A wait in which another thread works.
        let pool = Arc::new(Pool::new(1));
        let own = pool.clone();
        pool.spawn(move || own.spawn(move || spin(long)).get_timeout(Duration::from_secs(600)).is_ok()).get();
        let took = start.elapsed();
        let title = title(&recording.stop());
        let work = title.split("4 calls, ").nth(1).unwrap().split(" of work").next().unwrap();
        let (number, unit) = work.split_once(' ').unwrap();
        let seconds = number.parse::<f64>().unwrap() * if unit == "ms" { 1e-3 } else { 1.0 };
        assert!((0.079..took.as_secs_f64() + 0.02).contains(&seconds), "{work} in {took:?}: {title}");
    });
}

#[test]
fn pictures_show_rows_in_their_order_and_calls_inside_of_calls() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let all = Arc::new(std::sync::Barrier::new(11));
        Pool::named("row", 11).map(0..11, move |_| all.wait().is_leader()).get();
        serial(|| DISK.spawn(|| DISK.spawn(|| ()).get()).get());
        assert!(DISK.spawn(|| panic!("no luck")).outcome().is_err());
        let trace = recording.stop();
        let (mut svg, mut dot) = (Vec::new(), Vec::new());
        trace.write_svg(&mut svg).unwrap();
        trace.write_dot(&mut dot).unwrap();
        let (svg, dot) = (String::from_utf8(svg).unwrap(), String::from_utf8(dot).unwrap());
        assert!(svg.find(">row-9<").unwrap() < svg.find(">row-10<").unwrap(), "{svg}");
        assert_eq!(svg.matches("height=\"16.0\" rx=\"3\" class=\"call\"").count(), 1, "{svg}");
        assert_eq!((dot.matches("[style=dotted]").count(), dot.matches("#f8cecc").count()), (1, 1), "{dot}");
    });
}

#[pooled(pool = DISK)]
fn text() -> String {
    "two words".to_owned()
}

#[pooled(pool = DISK)]
fn words(text: &str) -> usize {
    text.split(' ').count()
}

#[pooled(pool = DISK)]
fn length(text: String) -> usize {
    text.len()
}

#[pooled(pool = DISK)]
fn sum(number: u32) -> Result<u32, String> {
    Ok(number)
}

#[test]
fn a_shared_result_is_an_argument_by_its_call() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        // Ended, and to come.
        let ended = text().shared();
        ended.wait();
        let lines = [words(ended.clone()), length(ended.clone()), length(&ended), ended.map(String::len)];
        assert_eq!(lines.map(AsyncValue::get), [2, 9, 9, 9]);
        let (promise, value) = AsyncValue::<u32>::promise();
        let pending = load(value).shared();
        let calls = [sum(pending.clone()), sum(&pending), pending.map(|n| n.clone().map(|n| n + 1))];
        let pair = sum(pending.clone()).zip(pending.map(Result::is_ok)).map(|(n, is_ok)| (n, is_ok));
        let list: AsyncList<Result<u32, String>> = [sum(pending.clone()), sum(&pending)].into_iter().collect();
        promise.set(3);
        assert_eq!(calls.map(AsyncValue::get), [Ok(3), Ok(3), Ok(4)]);
        assert_eq!((pair.get(), list.get()), ((Ok(3), true), vec![Ok(3), Ok(3)]));
        let trace = recording.stop();
        let calls = trace.calls();
        let needs = |from: usize, to: usize| calls[from..to].iter().map(|call| call.needs.clone()).collect::<Vec<_>>();
        assert_eq!(needs(1, 5), vec![vec![calls[0].id]; 4], "{trace:#?}");
        assert_eq!(needs(6, 11), vec![vec![calls[5].id]; 5], "{trace:#?}");
        assert_eq!(calls[11].needs, [calls[9].id, calls[10].id]);
        assert_eq!(needs(12, 14), vec![vec![calls[5].id]; 2], "{trace:#?}");
        let mut dot = Vec::new();
        trace.write_dot(&mut dot).unwrap();
        let arrow = format!("  c{} -> c{};\n", calls[0].id, calls[1].id);
        assert!(String::from_utf8(dot).unwrap().contains(&arrow));
        check(&trace);
    });
}

#[test]
fn a_wait_for_a_shared_result_names_its_call() {
    let _alone = alone();
    watched(|| {
        let recording = Recording::start().unwrap();
        let pool = Arc::new(Pool::new(1));
        let own = pool.clone();
        // A wait with a time limit blocks the thread, and a spare runs the call.
        let waits = move || own.spawn(|| 1).shared().get_timeout(Duration::from_secs(600)).copied();
        assert_eq!(pool.spawn(waits).get(), Some(1));
        let trace = recording.stop();
        let [outer, inner] = trace.calls() else { panic!("two calls: {trace:?}") };
        let waits: Vec<_> = outer.waits.iter().map(|wait| (wait.call, wait.site.unwrap().function())).collect();
        assert_eq!(waits, [(Some(inner.id), "spawn")]);
    });
}

#[test]
fn a_shared_call_is_one_call_of_a_pending_graph() {
    let _alone = alone();
    watched(|| {
        let paused = Pool::new(0);
        let (promise, value) = AsyncValue::<u32>::promise();
        // Queued, and waiting for arguments.
        let queued = paused.spawn(|| 1).shared();
        let waiting = value.map(|n| n + 1).shared();
        let (left, right) = (queued.map(|n| *n), waiting.map(|n| *n));
        let both = left.zip(right).zip(queued.map(|n| *n));
        let text = both.graph().to_string();
        graphviz(&text);
        // Two `zip`, three `map`, and the three calls that they come from.
        let states = ["waits for arguments", "waits for a worker", "waits for the program"];
        assert_eq!(states.map(|state| text.matches(state).count()), [6, 1, 1], "{text}");
        assert_eq!(text.matches(" -> ").count(), 8, "{text}");
        paused.set_workers(1);
        promise.set(1);
        assert_eq!(both.get(), ((1, 2), 1));
    });
}

static ONE: Pool = Pool::named("one", 1);

/// Makes a call, and waits for that call.
#[pooled(pool = ONE)]
fn makes(number: u32) -> u32 {
    // A wait with a time limit blocks the thread, and a spare runs the call.
    ONE.spawn(move || number).get_timeout(Duration::from_secs(600)).unwrap_or(0)
}

/// The same, on a pool with code around its calls.
fn makes_inside(pool: &Arc<Pool>, number: AsyncValue<u32>) -> AsyncValue<u32> {
    let own = pool.clone();
    pool.spawn(|| ())
        .zip(number)
        .map(move |((), number)| own.spawn(move || number).get_timeout(Duration::from_secs(600)).unwrap_or(0))
}

#[test]
fn a_call_of_an_unrecorded_call_has_no_maker() {
    let _alone = alone();
    watched(|| {
        let around = |_call: &CallInfo| |run: Run<'_>| run.run();
        let inside = Arc::new(Pool::builder().workers(1).around(around).build().unwrap());
        let (promise, value) = AsyncValue::promise();
        let (other, number) = AsyncValue::promise();
        let (early, tagged) = (makes(value), makes_inside(&inside, number));
        inside.wait_idle();
        let recording = Recording::start().unwrap();
        // With one worker the early call runs on the stack of the outer one.
        let runs_both = |promise: asynctools::Promise<u32>, early: AsyncValue<u32>| {
            move || {
                let before = ONE.spawn(|| 0).get();
                promise.set(3);
                before + early.get() + ONE.spawn(|| 1).get()
            }
        };
        assert_eq!(ONE.spawn(runs_both(promise, early)).get(), 4);
        assert_eq!(inside.spawn(runs_both(other, tagged)).get(), 4);
        asynctools::wait_idle();
        inside.wait_idle();
        let trace = recording.stop();
        check(&trace);
        for calls in trace.calls().chunks(4) {
            let [outer, before, made, after] = calls else { panic!("four calls: {trace:?}") };
            let callers = [outer, before, made, after].map(|call| call.caller);
            assert_eq!(callers, [None, Some(outer.id), None, Some(outer.id)]);
            let named = outer.waits.iter().filter_map(|wait| wait.call);
            assert!(!named.clone().any(|call| call == made.id), "{outer:?}");
        }
    });
}

/// Starts a recording, and makes a call.
#[pooled(pool = ONE)]
fn starts(_number: u32) -> Recording {
    let recording = Recording::start().unwrap();
    ONE.spawn(|| ()).get();
    recording
}

#[test]
fn a_call_of_no_recording_has_no_maker_in_the_next() {
    let _alone = alone();
    watched(|| {
        let (promise, value) = AsyncValue::<u32>::promise();
        let early = starts(value);
        let recording = Recording::start().unwrap();
        let outer = ONE.spawn(move || {
            drop(recording);
            promise.set(3);
            early.get()
        });
        let trace = outer.get().stop();
        let [made] = trace.calls() else { panic!("one call: {trace:?}") };
        assert_eq!(made.caller, None);
    });
}

#[test]
fn a_wait_of_an_unwatched_call_is_none_of_the_call_around() {
    let _alone = alone();
    watched(|| {
        // The code around makes a call, which nobody hears of.
        let (promise, value) = AsyncValue::<u32>::promise();
        let place: Arc<Mutex<Option<AsyncValue<u32>>>> = Arc::default();
        let (puts, argument) = (place.clone(), Mutex::new(Some(value)));
        let around = move |_call: &CallInfo| {
            if let Some(value) = argument.lock().unwrap().take() {
                *puts.lock().unwrap() = Some(makes(value));
            }
            |run: Run<'_>| run.run()
        };
        let watcher = Pool::builder().workers(1).around(around).build().unwrap();
        watcher.spawn(|| ()).get();
        let silent = place.lock().unwrap().take().unwrap();
        let recording = Recording::start().unwrap();
        let outer = ONE.spawn(move || {
            promise.set(3);
            silent.get()
        });
        assert_eq!(outer.get(), 3);
        let trace = recording.stop();
        let [outer] = trace.calls() else { panic!("one call: {trace:?}") };
        assert!(outer.waits.is_empty(), "{outer:?}");
    });
}
