//! Many calls are waited for at a time, and waits have a limit.

use asynctools_model::AsyncList;
use asynctools_model::AsyncValue;
use asynctools_model::Pool;
use shuttle::thread;

use crate::check;
use crate::helpers::On;
use crate::helpers::SECOND;
use crate::helpers::pause;

#[test]
fn the_first_of_several() {
    check(|| {
        let pool = Pool::new(2);
        let first = pool.map(0..3, |n| n).first();
        assert!(first.is_some_and(|n| n < 3));
        let none = pool.map(0..2, |_| -> u32 { std::panic::resume_unwind(Box::new(())) }).first();
        assert_eq!(none, None);
    });
}

#[test]
fn calls_as_they_complete() {
    check(|| {
        let pool = Pool::new(2);
        let mut ended: Vec<_> = pool.map(0..3, |n| n).as_completed().map(|(at, n)| (at, n.expect("it runs"))).collect();
        ended.sort_unstable();
        assert_eq!(ended, [(0, 0), (1, 1), (2, 2)]);
    });
}

#[test]
fn calls_as_they_complete_in_a_call() {
    check(|| {
        let on = On::new(1);
        let (promise, value) = AsyncValue::promise();
        let inside = on.clone();
        let outer = on.0.spawn(move || {
            let calls: AsyncList<_> = [inside.add(value, 1), inside.add(2, 2)].into_iter().collect();
            let mut ended: Vec<_> = calls.as_completed().map(|(_, sum)| sum.expect("it runs")).collect();
            ended.sort_unstable();
            ended
        });
        let setter = thread::spawn(move || promise.set(1));
        assert_eq!(outer.get(), [2, 4]);
        setter.join().expect("it ended well");
        on.0.close();
    });
}

#[test]
fn a_thread_waits_with_a_time_out() {
    check(|| {
        let pool = Pool::new(1);
        let call = pool.spawn(|| {
            pause();
            5
        });
        let n = match call.get_timeout(SECOND) {
            Ok(n) => n,
            Err(call) => call.get(),
        };
        assert_eq!(n, 5);
    });
}

#[test]
fn a_list_waits_with_a_time_out() {
    check(|| {
        let on = On::new(1);
        let (promise, value) = AsyncValue::promise();
        let inside = on.clone();
        let outer = on.0.spawn(move || {
            let calls: AsyncList<_> = [inside.add(value, 1), inside.add(2, 2)].into_iter().collect();
            calls.get_timeout(SECOND).unwrap_or_else(AsyncList::get)
        });
        let setter = thread::spawn(move || promise.set(1));
        assert_eq!(outer.get(), [2, 4]);
        setter.join().expect("it ended well");
        on.0.close();
    });
}
