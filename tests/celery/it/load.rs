//! Many calls, and many deaths. `LOAD_TASKS` and `LOAD_SECONDS` say how many and how long, `LOAD_IDLE` how long nothing
//! happens, in seconds; `LOAD_SEED` repeats a run.

use std::env;
use std::hash::BuildHasher;
use std::hash::Hasher;
use std::hash::RandomState;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools_celery::Call;
use asynctools_celery::Task;
use celery_tests::redis::Reply;
use celery_tests::send;
use celery_tests::tasks::Count;

use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Redis;
use crate::servers::patience;

pub(crate) const TESTS: &[Test] = tests! {
    Redis: load_two_clients_eight_workers, load_random_kills, load_of_nothing;
};

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).ok().map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

fn load_two_clients_eight_workers() {
    let tasks = setting("LOAD_TASKS", 10_000);
    let redis = Redis::start();
    let _workers: Vec<_> = (0..8).map(|_| redis.worker(1, &[])).collect();
    let mut values: Vec<i64> = thread::scope(|scope| {
        let client = |_| {
            let redis = &redis;
            scope.spawn(move || {
                let app = redis.app();
                let call = |_| send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, "runs", 0)));
                let calls: AsyncList<_> = (0..tasks / 2).map(call).collect();
                let values =
                    calls.get_timeout(Duration::from_secs(600)).unwrap_or_else(|_| panic!("a handle does not end"));
                values.into_iter().map(|value| value.expect("a value"))
            })
        };
        let clients: Vec<_> = (0..2).map(client).collect();
        clients.into_iter().flat_map(|client| client.join().expect("it does not panic")).collect()
    });
    values.sort_unstable();
    assert_eq!(values, (1..=i64::try_from(tasks).unwrap()).collect::<Vec<_>>(), "nothing is lost, nothing runs twice");
    redis.wait_for(&["HLEN", "unacked"], 0);
    redis.wait_for(&["DBSIZE"], 1);
}

fn load_random_kills() {
    let seed = setting("LOAD_SEED", RandomState::new().build_hasher().finish());
    println!("LOAD_SEED={seed}");
    let mut state = seed | 1;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let end = Instant::now() + Duration::from_secs(setting("LOAD_SECONDS", 10));
    let redis = Redis::start();
    let options = ["visibility=700", "deliveries=1000000"];
    let mut workers: Vec<_> = (0..3).map(|_| redis.worker(2, &options)).collect();
    let mut started = [Instant::now(); 3];
    let app = redis.app();
    let (mut calls, mut made) = (AsyncList::new(), 0);
    while Instant::now() < end {
        for _ in 0..random(40) {
            let call = Call::new(Count::NAME, Count::OPTIONS, (redis.port, "runs", random(20)));
            calls.push(send::<i64>(&app, call));
            made += 1;
        }
        let index = usize::try_from(random(3)).unwrap();
        match random(4) {
            0 => workers[index].kill(),
            1 => {
                workers[index].signal("TERM");
                // A process that has only begun does not handle signals yet.
                let young = started[index].elapsed() < Duration::from_secs(2);
                assert!(workers[index].wait() || young, "seed {seed}: it ends well");
            }
            2 => drop(redis.call(&["CLIENT", "KILL", "TYPE", "pubsub"])),
            _ => {
                thread::sleep(Duration::from_millis(random(200)));
                continue;
            }
        }
        if !workers[index].runs() {
            workers[index] = redis.worker(2, &options);
            started[index] = Instant::now();
        }
        thread::sleep(Duration::from_millis(random(100)));
    }
    let values = calls.get_timeout(patience()).unwrap_or_else(|calls| {
        let left = calls.into_iter().filter(|call| !call.is_finished()).count();
        panic!("seed {seed}: {left} handles of {made} do not end")
    });
    assert!(values.iter().all(Result::is_ok), "seed {seed}");
    let runs = redis.number(&["GET", "runs"]);
    println!("{made} calls, {runs} runs");
    assert!(runs >= made, "seed {seed}: {made} calls, {runs} runs");
    redis.wait_for(&["HLEN", "unacked"], 0);
    assert_eq!(redis.number(&["ZCARD", "unacked_index"]), 0);
}

/// Returns the time that a process has used a processor, in hundredths of a second.
fn ticks(process: u32) -> u64 {
    let line = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
    let fields: Vec<_> = line.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Eight idle threads ask the server at most twice a second, and use at most a thousandth of a processor.
fn load_of_nothing() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let redis = Redis::start();
    let worker = redis.worker(8, &[]);
    // The last of its threads has begun: one waits at each list of its two queues, and one hears of remote control.
    let end = Instant::now() + patience();
    let waits = |redis: &Redis| redis.call(&["CLIENT", "LIST"]).to_string().matches("cmd=blmove").count();
    while waits(&redis) < 8 {
        assert!(Instant::now() < end, "not all of its threads wait");
        thread::sleep(Duration::from_millis(5));
    }
    redis.wait_for_answers(1);
    let commands = || {
        let Reply::Text(info) = redis.call(&["INFO", "stats"]) else { unreachable!() };
        let line = info.lines().find_map(|line| line.strip_prefix("total_commands_processed:")).expect("the count");
        line.parse::<i64>().unwrap()
    };
    let seconds = setting("LOAD_IDLE", 20);
    let (before, used) = (commands(), ticks(worker.id()));
    thread::sleep(Duration::from_secs(seconds));
    let (asked, used) = (commands() - before, ticks(worker.id()) - used);
    println!("{asked} commands and {used}0 ms of a processor in {seconds} s");
    assert!(u64::try_from(asked).unwrap() <= 2 * seconds);
    assert!(used <= seconds / 10);
}
