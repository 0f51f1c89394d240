//! `PoolBuilder::max_blocked`: how many permits the calls of a pool may lend to calls that they do not need. (And `flatten`.)

use std::sync::Arc;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::Pool;
use asynctools::pooled;

use crate::helpers::Census;
use crate::helpers::Gate;
use crate::helpers::stays;
use crate::helpers::until;
use crate::helpers::watched;

fn pool(workers: usize, max_blocked: usize) -> Arc<Pool> {
    let built = Pool::builder().workers(workers).max_blocked(max_blocked).build();
    Arc::new(built.expect("nothing to refuse"))
}

/// That many calls begin while they wait for a call that runs elsewhere; one more comes after a second.
fn begun(workers: usize, max_blocked: usize, calls: usize, wanted: usize) {
    let (pool, elsewhere, gate) = (pool(workers, max_blocked), Pool::new(1), Gate::new());
    let _opener = gate.opener();
    let at_gate = gate.clone();
    let token = elsewhere.spawn(move || at_gate.pass()).shared();
    gate.wait_for(1);
    let calls = pool.map(0..calls, move |_| token.wait());
    until("the pool is at its limit", || pool.stats().blocked >= wanted);
    stays("no more begin", || pool.stats().blocked <= wanted + 1);
    gate.open();
    calls.wait();
}

#[test]
fn so_many_permits_are_lent() {
    watched(|| {
        begun(2, 1, 50, 3);
        begun(2, 2, 50, 4);
        begun(2, 6, 50, 8);
        begun(1, 40, 50, 41);
        begun(2, usize::MAX, 50, 50);
    });
}

/// With no permit to lend, a wait for a call that runs elsewhere keeps the pool at its workers.
#[test]
fn none_are_lent() {
    watched(|| begun(2, 0, 10, 2));
}

/// The limit is not for needed calls: they run at once, whatever it is.
#[test]
fn needed_calls_are_not_counted() {
    watched(|| {
        fn turn(pools: [Arc<Pool>; 2], left: usize) -> usize {
            let there = pools[left % 2].clone();
            if left == 0 { 0 } else { 1 + there.spawn(move || turn(pools, left - 1)).get() }
        }
        let (here, there) = (pool(1, 0), pool(1, 0));
        let pools = [here.clone(), there];
        assert_eq!(here.spawn(move || turn(pools, 100)).get(), 100);
    });
}

/// Two workers that wait for a fetch pool of sixteen: with enough permits to lend all sixteen are at work.
#[test]
fn a_crawler_keeps_its_fetch_pool_busy() {
    watched(|| {
        let (pages, fetch, gate) = (pool(2, 64), Arc::new(Pool::new(16)), Gate::new());
        let _opener = gate.opener();
        let census = Census::new();
        let (inner, at_gate, count) = (fetch.clone(), gate.clone(), census.clone());
        let calls = pages.map(0..200, move |n| {
            count.note();
            let at_gate = at_gate.clone();
            inner.spawn(move || (at_gate.pass(), n).1).get()
        });
        gate.wait_for(16);
        gate.open();
        assert_eq!(calls.get().len(), 200);
        assert!(census.most() <= 2 + 64, "{} threads", census.most());
        drop(fetch);
    });
}

/// The same as dataflow: nothing waits, so nothing is lent, and two workers do.
#[test]
fn a_crawler_as_dataflow_lends_nothing() {
    static PAGES: Pool = Pool::new(2);
    static FETCH: Pool = Pool::new(16);
    #[pooled(pool = FETCH)]
    fn fetch(n: usize, gate: Gate) -> usize {
        gate.pass();
        n
    }
    #[pooled(pool = PAGES)]
    fn page(text: usize, census: Census) -> usize {
        census.note();
        text
    }
    watched(|| {
        let (gate, census) = (Gate::new(), Census::new());
        let calls: AsyncList<_> = (0..200).map(|n| page(fetch(n, gate.clone()), census.clone())).collect();
        gate.wait_for(16);
        assert_eq!(PAGES.stats().blocked, 0);
        gate.open();
        assert_eq!(calls.get().len(), 200);
        assert!(census.most() <= 2, "{} threads", census.most());
    });
}

/// A handle that comes out of a call is needed from then on: its call overtakes, in a pool at its limit.
#[test]
fn a_handle_that_comes_out_is_needed() {
    watched(|| {
        let (pool, other, third, gate) = (pool(1, 1), Pool::new(1), Pool::new(1), Gate::new());
        let _opener = gate.opener();
        let (at_gate, elsewhere) = (gate.clone(), Pool::new(1));
        let token = elsewhere.spawn(move || at_gate.pass()).shared();
        let others = pool.map(0..10, move |_| token.wait());
        until("the pool is at its limit", || pool.stats().blocked >= 2);
        let inner = pool.clone();
        let call = other.spawn(move || {
            let outer = third.spawn(move || inner.spawn(|| 5));
            outer.flatten().get()
        });
        assert_eq!(call.get_timeout(Duration::from_secs(50)).ok(), Some(5), "although the token never came");
        gate.open();
        others.wait();
    });
}
