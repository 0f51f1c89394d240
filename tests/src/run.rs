//! Runs a program, and compares what happens with what may.

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt::Write;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::thread;
use std::thread::Thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Shared;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::pooled;

use crate::oracle::Oracle;
use crate::oracle::own_end;
use crate::program::Act;
use crate::program::At;
use crate::program::Body;
use crate::program::Call;
use crate::program::Finish;
use crate::program::Keep;
use crate::program::ListWait;
use crate::program::PoolAct;
use crate::program::PoolPlan;
use crate::program::Program;
use crate::program::Shape;
use crate::program::Step;
use crate::program::Via;
use crate::program::Wait;
use crate::seen::End;
use crate::seen::Ends;
use crate::seen::Kind;
use crate::seen::Seen;
use crate::seen::seen_of_call_error;
use crate::seen::seen_of_error;
use crate::seen::seen_of_outcome;
use crate::seen::seen_of_payload;
use crate::seen::seen_of_result;
use crate::tally::Tally;
use crate::value::Bad;
use crate::value::Boom;
use crate::value::Fail;
use crate::value::Ledger;
use crate::value::Mild;
use crate::value::Out;
use crate::value::Token;
use crate::value::Val;
use crate::value::boom;

type Order = Box<dyn FnOnce() + Send>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks so often, a millisecond apart, for what must come to pass: time in which the process stands still does not count.
const LOOKS: usize = 15_000;

fn comes_true(holds: impl Fn() -> bool) -> bool {
    (0..LOOKS).any(|look| {
        if look > 200 {
            thread::park_timeout(Duration::from_millis(1));
        } else {
            thread::yield_now();
        }
        holds()
    })
}

/// A pool that takes no calls: what is left of one that was dropped.
static SHUT: LazyLock<Pool> = LazyLock::new(|| {
    let pool = Pool::new(1);
    pool.close();
    pool
});

/// A program that runs.
pub(crate) struct Run {
    program: Arc<Program>,
    oracle: Oracle,
    tally: Arc<Tally>,
    /// `None` once it was dropped.
    pools: Vec<Mutex<Option<Arc<Pool>>>>,
    meters: Vec<Meter>,
    gates: Vec<Shared<()>>,
    /// What the thread that never blocks is to do; `None` when nobody is left who could ask it.
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    ledger: Arc<Ledger>,
    ran: Vec<AtomicUsize>,
    seen: Vec<Mutex<Option<Seen>>>,
    slots: Mutex<Slots>,
    filled: Condvar,
    faults: Mutex<Vec<String>>,
}

/// The calls of a pool.
#[derive(Debug, Default)]
struct Meter {
    /// Those that run and are in no wait.
    running: AtomicIsize,
    /// Those of them that were in no wait so far, and do not run inside of one.
    fresh: AtomicIsize,
    /// Those that are in a wait.
    away: AtomicIsize,
    /// So many have come back from a wait, or run inside of one, since calls from outside have ended.
    credit: AtomicIsize,
    entered: AtomicUsize,
}

/// The handles, from the one thread that makes the calls to those that use them.
#[derive(Debug, Default)]
struct Slots {
    handles: Vec<Option<Handle>>,
    /// There will be no more.
    broken: bool,
}

#[derive(Debug)]
enum Handle {
    Mild(AsyncValue<Out<Mild>>),
    Bad(AsyncValue<Out<Bad>>),
    SharedMild(Shared<Out<Mild>>),
    SharedBad(Shared<Out<Bad>>),
}

/// A handle as an argument.
enum Edge<'a> {
    MovedMild(AsyncValue<Out<Mild>>),
    BorrowedMild(&'a AsyncValue<Out<Mild>>),
    SharedMild(Shared<Out<Mild>>),
    MovedBad(AsyncValue<Out<Bad>>),
    BorrowedBad(&'a AsyncValue<Out<Bad>>),
    SharedBad(Shared<Out<Bad>>),
}

/// Where calls go.
enum Place {
    Own(Arc<Pool>),
    Global,
    Shut,
}

impl Deref for Place {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        match self {
            Self::Own(pool) => pool,
            Self::Global => Pool::global(),
            Self::Shut => &SHUT,
        }
    }
}

/// What a call runs, and its counted argument.
struct Work {
    run: Arc<Run>,
    body: Arc<Body>,
    home: At,
    token: Token,
}

impl Work {
    /// An argument is the result of the call that the program says.
    fn got(&self, position: usize, origin: usize) {
        let wanted = self.run.program.calls[self.body.id].args.get(position);
        if wanted != Some(&origin) {
            self.run.fault(format!("call {} got the result of {origin} as argument {position}", self.body.id));
        }
    }

    fn got_result<E: Fail>(&self, position: usize, result: &Out<E>) {
        match result {
            Ok(value) => self.got(position, value.origin),
            // An error keeps its origin on its way.
            Err(error) => {
                if error.origin() >= self.run.ran.len() {
                    self.run.fault(format!("call {} got an error out of nowhere", self.body.id));
                }
            }
        }
    }

    fn got_all(&self, all: &[Val]) {
        if all.len() != self.run.program.calls[self.body.id].args.len() {
            self.run.fault(format!("call {} got {} arguments", self.body.id, all.len()));
        }
        for (position, value) in all.iter().enumerate() {
            self.got(position, value.origin);
        }
    }

    fn run<E: Fail>(self) -> Out<E> {
        let Self { run, body, home, token } = self;
        if run.ran[body.id].fetch_add(1, Ordering::SeqCst) > 0 {
            run.fault(format!("call {} runs twice", body.id));
        }
        {
            let frame = Frame::enter(&run, home, Some(&body));
            for step in &body.steps {
                run.step(&frame, &body, step);
            }
        }
        let result = match body.end {
            Finish::Value => Ok(run.value(&body)),
            Finish::Fail => Err(E::new(body.id, run.ledger.result())),
            Finish::Panic => resume_unwind(Box::new(boom(body.id))),
            Finish::PanicAny => resume_unwind(Box::new(Boom { tag: body.id, _token: run.ledger.result() })),
        };
        drop(token);
        result
    }
}

thread_local! {
    /// The pools of the bodies on this thread, by the address of their run.
    static FRAMES: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
}

/// A body that runs.
struct Frame<'a> {
    run: &'a Arc<Run>,
    home: At,
    /// The pool that counts it: its own, unless it runs on the thread that made the call.
    counted: Option<usize>,
    fresh: Cell<bool>,
    /// Made from outside of all calls, and not run inside of one.
    outermost: bool,
}

impl<'a> Frame<'a> {
    /// `None` for a closure that only passes a result on.
    fn enter(run: &'a Arc<Run>, home: At, body: Option<&Body>) -> Self {
        let tally = &run.tally;
        if let Some(body) = body {
            Tally::add(&tally.calls);
            Tally::at_least(&tally.deepest, body.depth + 1);
        }
        let frame = Self { run, home, counted: None, fresh: Cell::new(false), outermost: false };
        let At::Pool(pool) = home else { return frame };
        let meter = &run.meters[pool];
        meter.entered.fetch_add(1, Ordering::SeqCst);
        if !thread::current().name().is_some_and(|name| name.starts_with(&format!("p{pool}-"))) {
            Tally::add(&tally.guests);
            return frame;
        }
        let key = (Arc::as_ptr(run).addr(), pool);
        let inline = FRAMES.with_borrow_mut(|frames| {
            let inline = frames.contains(&key);
            frames.push(key);
            inline
        });
        let facts = &run.oracle.facts()[pool];
        let most = isize::try_from(facts.most).expect("small");
        let running = meter.running.fetch_add(1, Ordering::SeqCst) + 1;
        if running >= most {
            Tally::add(&tally.full);
        }
        if facts.is_exact() && running > most {
            run.fault(format!("{running} calls of pool {pool} run at once, which never had more than {most} workers"));
        }
        if inline {
            Tally::add(&tally.inline);
            meter.credit.fetch_add(1, Ordering::SeqCst);
        } else {
            // One more for each that came back from a wait, or is in one: it may be over the ceiling, and so may be a spare
            // that has its place now. Whoever has run a call from outside stands down if the pool is over its ceiling.
            let fresh = meter.fresh.fetch_add(1, Ordering::SeqCst) + 1;
            let more = meter.away.load(Ordering::SeqCst) + meter.credit.load(Ordering::SeqCst);
            if fresh > most + more && facts.least > 0 {
                run.fault(format!("{fresh} new calls of pool {pool} run at once, beside {more} that have waited"));
            }
        }
        let outermost = !inline && body.is_some_and(|body| body.depth == 0);
        Self { counted: Some(pool), fresh: Cell::new(!inline), outermost, ..frame }
    }

    /// Waits.
    fn away<R>(&self, wait: impl FnOnce() -> R) -> R {
        Tally::add(&self.run.tally.nested_waits);
        self.aside(wait)
    }

    fn aside<R>(&self, wait: impl FnOnce() -> R) -> R {
        let Some(pool) = self.counted else { return wait() };
        let meter = &self.run.meters[pool];
        if self.fresh.replace(false) {
            meter.fresh.fetch_sub(1, Ordering::SeqCst);
        }
        meter.away.fetch_add(1, Ordering::SeqCst);
        meter.running.fetch_sub(1, Ordering::SeqCst);
        let result = wait();
        meter.running.fetch_add(1, Ordering::SeqCst);
        meter.credit.fetch_add(1, Ordering::SeqCst);
        meter.away.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let Some(pool) = self.counted else { return };
        let meter = &self.run.meters[pool];
        if self.fresh.get() {
            meter.fresh.fetch_sub(1, Ordering::SeqCst);
        }
        if self.outermost {
            let _ = meter
                .credit
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |credit| (credit > 0).then(|| credit - 1));
        }
        meter.running.fetch_sub(1, Ordering::SeqCst);
        FRAMES.with_borrow_mut(Vec::pop);
    }
}

/// A call of an annotated function on a pool.
struct Job {
    place: Place,
    work: Work,
}

impl Job {
    fn into_work(self) -> Work {
        let Self { place, work } = self;
        // Whoever ends the pool waits for this.
        drop(place);
        work
    }

    #[pooled(pool = self.place)]
    fn none<E: Fail>(self) -> Result<Val, E> {
        self.into_work().run()
    }

    #[pooled(pool = self.place)]
    fn one<E: Fail>(self, a: Val) -> Result<Val, E> {
        self.work.got(0, a.origin);
        drop(a);
        self.into_work().run()
    }

    #[pooled(pool = self.place)]
    fn two<E: Fail>(self, a: Val, b: &Val) -> Result<Val, E> {
        self.work.got(0, a.origin);
        self.work.got(1, b.origin);
        self.into_work().run()
    }

    #[pooled(pool = self.place)]
    fn whole_mild<E: Fail>(self, a: Result<Val, Mild>) -> Result<Val, E> {
        self.work.got_result(0, &a);
        self.into_work().run()
    }

    #[pooled(pool = self.place)]
    fn whole_bad<E: Fail>(self, a: Result<Val, Bad>) -> Result<Val, E> {
        self.work.got_result(0, &a);
        self.into_work().run()
    }

    #[pooled(pool = self.place)]
    fn many<E: Fail>(self, all: Vec<Val>) -> Result<Val, E> {
        self.work.got_all(&all);
        self.into_work().run()
    }

    #[pooled(pool = self.place)]
    fn slice<E: Fail>(self, all: &[Val]) -> Result<Val, E> {
        self.work.got_all(all);
        self.into_work().run()
    }
}

/// A call of an annotated function on a thread of its own.
struct Alone(Work);

impl Alone {
    #[parallel]
    fn none<E: Fail>(self) -> Result<Val, E> {
        self.0.run()
    }

    #[parallel]
    fn one<E: Fail>(self, a: Val) -> Result<Val, E> {
        self.0.got(0, a.origin);
        self.0.run()
    }

    #[parallel]
    fn two<E: Fail>(self, a: Val, b: &Val) -> Result<Val, E> {
        self.0.got(0, a.origin);
        self.0.got(1, b.origin);
        self.0.run()
    }

    #[parallel]
    fn whole_mild<E: Fail>(self, a: Result<Val, Mild>) -> Result<Val, E> {
        self.0.got_result(0, &a);
        self.0.run()
    }

    #[parallel]
    fn whole_bad<E: Fail>(self, a: Result<Val, Bad>) -> Result<Val, E> {
        self.0.got_result(0, &a);
        self.0.run()
    }

    #[parallel]
    fn many<E: Fail>(self, all: Vec<Val>) -> Result<Val, E> {
        self.0.got_all(&all);
        self.0.run()
    }

    #[parallel]
    fn slice<E: Fail>(self, all: &[Val]) -> Result<Val, E> {
        self.0.got_all(all);
        self.0.run()
    }
}

/// Calls with a handle of whichever type the edge is.
macro_rules! any_edge {
    ($edge:expr, $arg:ident => $call:expr) => {
        match $edge {
            Edge::MovedMild($arg) => $call,
            Edge::BorrowedMild($arg) => $call,
            Edge::SharedMild($arg) => $call,
            Edge::MovedBad($arg) => $call,
            Edge::BorrowedBad($arg) => $call,
            Edge::SharedBad($arg) => $call,
        }
    };
}

macro_rules! mild_edge {
    ($edge:expr, $arg:ident => $call:expr) => {
        match $edge {
            Edge::MovedMild($arg) => $call,
            Edge::BorrowedMild($arg) => $call,
            Edge::SharedMild($arg) => $call,
            _ => unreachable!("a mild call has mild arguments"),
        }
    };
}

macro_rules! any_list {
    ($edges:expr, $all:ident => $call:expr) => {
        match owned_list($edges) {
            List::Mild($all) => $call,
            List::Bad($all) => $call,
        }
    };
}

macro_rules! mild_list {
    ($edges:expr, $all:ident => $call:expr) => {
        match owned_list($edges) {
            List::Mild($all) => $call,
            List::Bad(_) => unreachable!("a mild call has mild arguments"),
        }
    };
}

enum List {
    Mild(AsyncList<Out<Mild>>),
    Bad(AsyncList<Out<Bad>>),
}

fn owned_list(edges: Vec<Edge<'_>>) -> List {
    let (mut mild, mut bad) = (AsyncList::new(), AsyncList::new());
    for edge in edges {
        match edge {
            Edge::MovedMild(value) => mild.push(value),
            Edge::MovedBad(value) => bad.push(value),
            _ => unreachable!("a list moves its handles"),
        }
    }
    if bad.is_empty() { List::Mild(mild) } else { List::Bad(bad) }
}

/// Makes a call that fails with `$E`, of which `$Own` is the moved handle.
macro_rules! maker {
    ($make:ident, $E:ty, $own:ident, $edge:ident, $list:ident) => {
        fn $make(self: &Arc<Self>, index: usize, edges: Vec<Edge<'_>>) -> AsyncValue<Out<$E>> {
            let call = &self.program.calls[index];
            let work = self.work(&call.body, call.at);
            let count = edges.len();
            if let (At::Parallel, false) = (call.at, call.shape.follows()) {
                let alone = Alone(work);
                let mut edges = edges.into_iter();
                let mut next = || edges.next().expect("counted");
                return match call.shape {
                    Shape::Call if count == 0 => alone.none(),
                    Shape::Call if count == 1 => $edge!(next(), a => alone.one(a)),
                    Shape::Call => $edge!(next(), a => $edge!(next(), b => alone.two(a, b))),
                    Shape::Whole => match next() {
                        Edge::MovedMild(a) => alone.whole_mild(a),
                        Edge::BorrowedMild(a) => alone.whole_mild(a),
                        Edge::SharedMild(a) => alone.whole_mild(a),
                        Edge::MovedBad(a) => alone.whole_bad(a),
                        Edge::BorrowedBad(a) => alone.whole_bad(a),
                        Edge::SharedBad(a) => alone.whole_bad(a),
                    },
                    Shape::Many => $list!(edges.collect(), all => alone.many(all)),
                    Shape::Slice => $list!(edges.collect(), all => alone.slice(all)),
                    _ => parallel(move || alone.0.run()),
                };
            }
            if call.shape == Shape::ListMap {
                return match owned_list(edges) {
                    List::Mild(all) => all.map(move |all| work.run_with(&all)),
                    List::Bad(all) => all.map(move |all| work.run_with(&all)),
                };
            }
            if call.shape == Shape::ListChain {
                return match owned_list(edges) {
                    List::Mild(all) => all.chain(move || work.run()),
                    List::Bad(all) => all.chain(move || work.run()),
                };
            }
            let mut edges = edges.into_iter();
            let mut next = || edges.next().expect("counted");
            let job = move |work| Job { place: self.place(call.at), work };
            match call.shape {
                Shape::Call if count == 0 => job(work).none(),
                Shape::Call if count == 1 => $edge!(next(), a => job(work).one(a)),
                Shape::Call => $edge!(next(), a => $edge!(next(), b => job(work).two(a, b))),
                Shape::Whole => match next() {
                    Edge::MovedMild(a) => job(work).whole_mild(a),
                    Edge::BorrowedMild(a) => job(work).whole_mild(a),
                    Edge::SharedMild(a) => job(work).whole_mild(a),
                    Edge::MovedBad(a) => job(work).whole_bad(a),
                    Edge::BorrowedBad(a) => job(work).whole_bad(a),
                    Edge::SharedBad(a) => job(work).whole_bad(a),
                },
                Shape::Many => $list!(edges.collect(), all => job(work).many(all)),
                Shape::Slice => $list!(edges.collect(), all => job(work).slice(all)),
                Shape::Map => match next() {
                    Edge::$own(value) => value.map(move |result| work.run_with(&[result])),
                    _ => unreachable!("the error type stays"),
                },
                Shape::AndThen => match next() {
                    Edge::$own(value) => value.and_then(move |value| work.run_with_value(&value)),
                    _ => unreachable!("the error type stays"),
                },
                Shape::MapOk => match next() {
                    // Of a body that fails there is no `map_ok`.
                    Edge::$own(value) if call.body.end == Finish::Fail => {
                        value.and_then(move |value| work.run_with_value(&value))
                    }
                    Edge::$own(value) => value.map_ok(move |value| match work.run_with_value::<$E>(&value) {
                        Ok(value) => value,
                        Err(_) => unreachable!("its end is another one"),
                    }),
                    _ => unreachable!("the error type stays"),
                },
                Shape::Chain => match next() {
                    Edge::MovedMild(value) => value.chain(move || work.run()),
                    Edge::MovedBad(value) => value.chain(move || work.run()),
                    _ => unreachable!("a method moves its handle"),
                },
                Shape::Zip => match (next(), next()) {
                    (Edge::MovedMild(a), Edge::MovedMild(b)) => a.zip(b).map(move |(a, b)| work.run_with_two(&a, &b)),
                    (Edge::MovedMild(a), Edge::MovedBad(b)) => a.zip(b).map(move |(a, b)| work.run_with_two(&a, &b)),
                    (Edge::MovedBad(a), Edge::MovedMild(b)) => a.zip(b).map(move |(a, b)| work.run_with_two(&a, &b)),
                    (Edge::MovedBad(a), Edge::MovedBad(b)) => a.zip(b).map(move |(a, b)| work.run_with_two(&a, &b)),
                    _ => unreachable!("a method moves its handles"),
                },
                _ => self.place(call.at).spawn(move || work.run()),
            }
        }
    };
}

impl Work {
    fn run_with<X: Fail, E: Fail>(self, all: &[Out<X>]) -> Out<E> {
        for (position, result) in all.iter().enumerate() {
            self.got_result(position, result);
        }
        self.run()
    }

    fn run_with_value<E: Fail>(self, value: &Val) -> Out<E> {
        self.got(0, value.origin);
        self.run()
    }

    fn run_with_two<X: Fail, Y: Fail, E: Fail>(self, a: &Out<X>, b: &Out<Y>) -> Out<E> {
        self.got_result(0, a);
        self.got_result(1, b);
        self.run()
    }
}

impl Run {
    fn fault(&self, what: String) {
        lock(&self.faults).push(what);
    }

    fn value(&self, body: &Body) -> Val {
        Val { origin: body.id, brittle: body.brittle, token: self.ledger.result() }
    }

    fn work(self: &Arc<Self>, body: &Arc<Body>, home: At) -> Work {
        Work { run: self.clone(), body: body.clone(), home, token: self.ledger.argument(body.id) }
    }

    /// Not for longer than a call is made: whoever drops a pool waits until nobody has one.
    fn place(&self, at: At) -> Place {
        match at {
            At::Pool(pool) => lock(&self.pools[pool]).clone().map_or(Place::Shut, Place::Own),
            _ => Place::Global,
        }
    }

    fn order(&self, order: impl FnOnce() + Send + 'static) {
        let sender = lock(&self.orders).clone();
        let sent = sender.is_some_and(|sender| sender.send(Box::new(order)).is_ok());
        if !sent {
            self.fault("a body runs after the end".to_owned());
        }
    }

    maker!(make_mild, Mild, MovedMild, mild_edge, mild_list);
    maker!(make_bad, Bad, MovedBad, any_edge, any_list);

    // What bodies do.

    fn launch(self: &Arc<Self>, at: At, body: &Arc<Body>) -> AsyncValue<Out<Bad>> {
        let work = self.work(body, at);
        match at {
            At::Parallel => parallel(move || work.run()),
            at => self.place(at).spawn(move || work.run()),
        }
    }

    /// As [`launch`](Self::launch), in a body: the limit of another pool may block it, or run the call here.
    fn launch_from(self: &Arc<Self>, frame: &Frame<'_>, at: At, body: &Arc<Body>) -> AsyncValue<Out<Bad>> {
        match at {
            At::Pool(pool) if at != frame.home && self.program.pools[pool].bound.is_some() => {
                frame.aside(|| self.launch(at, body))
            }
            _ => self.launch(at, body),
        }
    }

    fn step(self: &Arc<Self>, frame: &Frame<'_>, body: &Body, step: &Step) {
        match step {
            Step::Yield(times) => yield_often(*times),
            Step::Nest { at, body, via, wait } => self.nest(frame, *at, body, *via, *wait),
            Step::List { calls, wait } => {
                let ends: Vec<_> = calls
                    .iter()
                    .map(|(at, body)| self.oracle.nested(body, *at, frame.home, Via::Itself, false))
                    .collect();
                let ids: Vec<_> = calls.iter().map(|(_, body)| body.id).collect();
                let list: AsyncList<_> = calls.iter().map(|(at, body)| self.launch_from(frame, *at, body)).collect();
                let seen = frame.away(|| self.finish_list(list, *wait, &ids));
                for ((seen, ends), (_, body)) in seen.into_iter().zip(ends).zip(calls) {
                    self.check_nested(seen.as_ref(), &ends, body, Via::Itself);
                }
            }
            Step::Gate { gate, micros } => {
                let gate = &self.gates[*gate];
                frame.away(|| match micros {
                    Some(micros) if !gate.wait_timeout(Duration::from_micros(u64::from(*micros))) => {
                        Tally::add(&self.tally.timed_out);
                    }
                    Some(_) => {}
                    None => gate.wait(),
                });
            }
            Step::Promise { set, wait } => {
                let (promise, value) = AsyncValue::promise();
                let (set, made) = (*set, Ok::<_, Bad>(self.value(body)));
                self.order(move || if set { promise.set(made) } else { drop(promise) });
                let seen = frame.away(|| self.finish(value, *wait, false));
                let end = if set { End::Value(body.id) } else { End::Lost(Kind::Abandoned, 0) };
                if seen.as_ref().is_some_and(|seen| !seen.is(&end)) {
                    self.fault(format!("a promise in call {} ended as {seen:?}, not as {end:?}", body.id));
                }
            }
            Step::Pool(act) => frame.aside(|| self.act_on_pool(*act)),
        }
    }

    fn nest(self: &Arc<Self>, frame: &Frame<'_>, at: At, body: &Arc<Body>, via: Via, wait: Wait) {
        let ends = self.oracle.nested(body, at, frame.home, via, wait == Wait::Cancel);
        let value = self.launch_from(frame, at, body);
        let run = self.clone();
        let id = body.id;
        let value = match via {
            Via::Itself => value,
            Via::Shared => {
                let shared = value.shared();
                let seen = frame.away(|| self.finish_shared(&shared, wait));
                drop(shared);
                return self.check_nested(seen.as_ref(), &ends, body, via);
            }
            Via::Map => value.map(move |result| {
                let _frame = Frame::enter(&run, at, None);
                result
            }),
            Via::AndThen => value.and_then(move |value| {
                let _frame = Frame::enter(&run, at, None);
                Ok(value)
            }),
            Via::Chain => {
                let token = self.ledger.argument(id);
                let made = body.clone();
                value.chain(move || {
                    let _frame = Frame::enter(&run, at, None);
                    let value = run.value(&made);
                    drop(token);
                    Ok(value)
                })
            }
        };
        let seen = frame.away(|| self.finish(value, wait, false));
        self.check_nested(seen.as_ref(), &ends, body, via);
    }

    fn check_nested(&self, seen: Option<&Seen>, ends: &Ends, body: &Body, via: Via) {
        let Some(seen) = seen else { return };
        let id = body.id;
        if !seen.is_in(ends) {
            self.fault(format!("nested call {id} must end as one of {ends:?}, and ended as {seen:?}"));
        }
        if via == Via::Itself {
            self.check_over(id, seen, seen.is(&own_end(body)));
        }
    }

    /// A call has ended: its arguments are gone, and it ran if it says so.
    fn check_over(&self, id: usize, seen: &Seen, ran: bool) {
        let left = self.ledger.arguments_of(id);
        if left != 0 {
            self.fault(format!("call {id} ended as {seen:?} and keeps its arguments"));
        }
        // The second reader of a panic may not see whose it is.
        if *seen != Seen::Panicked(None) && self.ran[id].load(Ordering::SeqCst) != usize::from(ran) {
            let times = self.ran[id].load(Ordering::SeqCst);
            self.fault(format!("call {id} ended as {seen:?} and ran {times} times"));
        }
    }

    // What is done with handles.

    /// `outside`: of all calls, so that one may wait as a plain thread does.
    fn finish<E: Fail>(&self, mut value: AsyncValue<Out<E>>, wait: Wait, outside: bool) -> Option<Seen> {
        let timed_out = || Tally::add(&self.tally.timed_out);
        let micros = |micros: u16| Duration::from_micros(u64::from(micros));
        let seen = match wait {
            Wait::Get => seen_of_result(catch_unwind(AssertUnwindSafe(|| value.get()))),
            Wait::Outcome => seen_of_outcome(value.outcome()),
            Wait::Ended => {
                value.wait();
                let failed = value.is_error();
                let seen = seen_of_outcome(value.outcome());
                if failed == matches!(seen, Seen::Value(_) | Seen::Failed(_)) {
                    self.fault(format!("`is_error` says {failed} of {seen:?}"));
                }
                seen
            }
            Wait::GetTimeout(limit) => match catch_unwind(AssertUnwindSafe(|| value.get_timeout(micros(limit)))) {
                Ok(Err(value)) => {
                    timed_out();
                    seen_of_outcome(value.outcome())
                }
                Ok(Ok(result)) => seen_of_result(Ok(result)),
                Err(payload) => seen_of_payload(payload),
            },
            Wait::OutcomeTimeout(limit) => match value.outcome_timeout(micros(limit)) {
                Err(value) => {
                    timed_out();
                    seen_of_result(catch_unwind(AssertUnwindSafe(|| value.get())))
                }
                Ok(outcome) => seen_of_outcome(outcome),
            },
            Wait::Within(limit) => {
                // Not for ever: without a time to wait it would keep its place, and the call might need that.
                for _ in 0..3 {
                    if !value.wait_timeout(micros(limit)) {
                        timed_out();
                    }
                }
                seen_of_outcome(value.outcome())
            }
            Wait::TryGet(times) => {
                for _ in 0..times {
                    match catch_unwind(AssertUnwindSafe(|| value.try_get())) {
                        Ok(Ok(result)) => return Some(self.counted(seen_of_result(Ok(result)))),
                        Ok(Err(again)) => value = again,
                        Err(payload) => return Some(self.counted(seen_of_payload(payload))),
                    }
                    thread::yield_now();
                }
                seen_of_outcome(value.outcome())
            }
            Wait::Poll(times) | Wait::PollDrop(times) => {
                let waker = Waker::from(Arc::new(Unpark(thread::current())));
                let mut context = Context::from_waker(&waker);
                let mut left = usize::from(times);
                loop {
                    match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut value).poll(&mut context))) {
                        Ok(Poll::Ready(result)) => break seen_of_result(Ok(result)),
                        Err(payload) => break seen_of_payload(payload),
                        Ok(Poll::Pending) if outside && matches!(wait, Wait::Poll(_)) => thread::park(),
                        Ok(Poll::Pending) if left > 0 => {
                            left -= 1;
                            thread::yield_now();
                        }
                        Ok(Poll::Pending) if matches!(wait, Wait::PollDrop(_)) => return None,
                        Ok(Poll::Pending) => break seen_of_outcome(value.outcome()),
                    }
                }
            }
            Wait::Cancel => {
                if !value.cancel() {
                    return None;
                }
                Seen::Lost(Some(Kind::Cancelled), Some(0))
            }
            Wait::Drop => return drop_it(value),
            Wait::Detach => {
                value.detach();
                return None;
            }
        };
        Some(self.counted(seen))
    }

    fn finish_shared<E: Fail>(&self, shared: &Shared<Out<E>>, wait: Wait) -> Option<Seen> {
        let outcome = || match shared.outcome() {
            Ok(Ok(value)) => Seen::Value(value.origin),
            Ok(Err(error)) => Seen::Failed(error.origin()),
            Err(error) => seen_of_error(&error),
        };
        let seen = match wait {
            Wait::Cancel | Wait::Drop | Wait::Detach | Wait::PollDrop(_) => return None,
            Wait::Get => match catch_unwind(AssertUnwindSafe(|| shared.get())) {
                Ok(Ok(value)) => Seen::Value(value.origin),
                Ok(Err(error)) => Seen::Failed(error.origin()),
                Err(payload) => seen_of_payload(payload),
            },
            Wait::GetTimeout(limit) | Wait::OutcomeTimeout(limit) | Wait::Within(limit) => {
                if !shared.wait_timeout(Duration::from_micros(u64::from(limit))) {
                    Tally::add(&self.tally.timed_out);
                }
                outcome()
            }
            Wait::Ended => {
                shared.wait();
                outcome()
            }
            Wait::Outcome | Wait::TryGet(_) | Wait::Poll(_) => outcome(),
        };
        Some(self.counted(seen))
    }

    /// What was seen of each call in the list.
    fn finish_list(&self, list: AsyncList<Out<Bad>>, wait: ListWait, ids: &[usize]) -> Vec<Option<Seen>> {
        let micros = |micros: u16| Duration::from_micros(u64::from(micros));
        let mut seen = vec![None; ids.len()];
        let first = |first: Option<Out<Bad>>, seen: &mut Vec<Option<Seen>>| {
            let Some(first) = first else { return };
            let found = seen_of_result(Ok(first));
            let (Seen::Value(origin) | Seen::Failed(origin)) = found else { return };
            match ids.iter().position(|id| *id == origin) {
                Some(index) => seen[index] = Some(found),
                // An error came along an edge.
                None if matches!(found, Seen::Failed(_)) => {}
                None => self.fault(format!("a list of {ids:?} gave the result of {origin}")),
            }
        };
        match wait {
            ListWait::Get => self.all(catch_unwind(AssertUnwindSafe(|| list.get())), &mut seen),
            ListWait::GetTimeout(limit) => match catch_unwind(AssertUnwindSafe(|| list.get_timeout(micros(limit)))) {
                Ok(Ok(results)) => self.all(Ok(results), &mut seen),
                Ok(Err(list)) => {
                    Tally::add(&self.tally.timed_out);
                    self.all(catch_unwind(AssertUnwindSafe(|| list.get())), &mut seen);
                }
                Err(payload) => self.all(Err(payload), &mut seen),
            },
            ListWait::Outcomes => {
                seen = list.outcomes().into_iter().map(|outcome| Some(seen_of_outcome(outcome))).collect();
            }
            ListWait::Join => {
                let (results, errors) = list.join();
                if results.len() + errors.len() != ids.len() {
                    self.fault(format!("`join` of {ids:?} gave {} and {}", results.len(), errors.len()));
                }
                if errors.is_empty() {
                    seen = results.into_iter().map(|value| Some(Seen::Value(value.origin))).collect();
                } else if errors.len() == ids.len() {
                    seen = errors.into_iter().map(|error| Some(seen_of_call_error(error))).collect();
                }
            }
            ListWait::AsCompleted | ListWait::AsCompletedPartly(_) => {
                let most = if let ListWait::AsCompletedPartly(most) = wait { usize::from(most) } else { ids.len() };
                for (index, outcome) in list.as_completed().take(most) {
                    if seen[index].replace(seen_of_outcome(outcome)).is_some() {
                        self.fault(format!("`as_completed` gave the end of call {} twice", ids[index]));
                    }
                }
            }
            ListWait::First => first(list.first(), &mut seen),
            ListWait::FirstTimeout(limit) => match list.first_timeout(micros(limit)) {
                Ok(found) => first(found, &mut seen),
                Err(list) => {
                    Tally::add(&self.tally.timed_out);
                    first(list.first(), &mut seen);
                }
            },
            ListWait::FirstOk => match list.first_ok() {
                Ok(value) => first(Some(Ok(value)), &mut seen),
                Err(errors) => seen = errors.into_iter().map(|error| Some(seen_of_call_error(error))).collect(),
            },
            ListWait::Cancel => {
                list.cancel();
            }
            ListWait::Drop => drop(list),
        }
        if seen.len() != ids.len() {
            self.fault(format!("a list of {ids:?} ended with {seen:?}"));
        }
        for seen in seen.iter().flatten() {
            self.count(seen);
        }
        seen
    }

    fn all(&self, results: thread::Result<Vec<Out<Bad>>>, seen: &mut Vec<Option<Seen>>) {
        match results {
            Ok(results) => *seen = results.into_iter().map(|result| Some(seen_of_result(Ok(result)))).collect(),
            // The first loss of several: whose it is does not show.
            Err(payload) => match seen_of_payload(payload) {
                Seen::Odd(text) => self.fault(format!("a list panics: {text}")),
                found => self.count(&found),
            },
        }
    }

    fn counted(&self, seen: Seen) -> Seen {
        self.count(&seen);
        seen
    }

    fn count(&self, seen: &Seen) {
        let tally = &self.tally;
        let counter = match seen {
            Seen::Value(_) => &tally.values,
            Seen::Failed(_) => &tally.errors,
            Seen::Panicked(_) | Seen::Lost(None | Some(Kind::Panicked(_)), _) => &tally.panics,
            Seen::Lost(Some(Kind::Cancelled), _) => &tally.cancellations,
            Seen::Lost(Some(Kind::Closed), _) => &tally.closed,
            Seen::Lost(Some(Kind::Rejected), _) => &tally.rejections,
            Seen::Lost(Some(Kind::Abandoned), _) => &tally.abandoned,
            Seen::Odd(text) => return self.fault(text.clone()),
        };
        Tally::add(counter);
        if let Seen::Lost(_, Some(1..)) | Seen::Panicked(Some(1..)) = seen {
            Tally::add(&tally.upstream);
        }
    }

    fn act_on_pool(self: &Arc<Self>, act: PoolAct) {
        match act {
            PoolAct::Resize(pool, workers) => {
                Tally::add(if workers == 0 { &self.tally.pauses } else { &self.tally.resizes });
                // Under the lock, so that nobody pauses a pool that is about to be dropped.
                if let Some(pool) = &*lock(&self.pools[pool]) {
                    pool.set_workers(workers);
                }
                if workers == 0 && self.oracle.facts()[pool].stays_paused() {
                    self.probe(pool);
                }
            }
            PoolAct::CancelQueued(pool) => drop(self.place(At::Pool(pool)).cancel_queued()),
            PoolAct::Close(pool) => {
                Tally::add(&self.tally.closes);
                self.place(At::Pool(pool)).close();
            }
            PoolAct::CloseTimeout(pool, micros) => {
                Tally::add(&self.tally.closes);
                let limit = Duration::from_micros(u64::from(micros));
                let _gone = self.place(At::Pool(pool)).close_timeout(limit);
            }
            PoolAct::Drop(pool) => {
                let Some(pool) = lock(&self.pools[pool]).take() else { return };
                Tally::add(&self.tally.closes);
                self.drop_pool(pool);
            }
        }
    }

    /// No call that is made on a paused pool starts. On the one thread that could end the pause.
    fn probe(self: &Arc<Self>, pool: usize) {
        let started = Arc::new(AtomicBool::new(false));
        let (run, token, mark) = (self.clone(), self.ledger.result(), started.clone());
        let probe = self.place(At::Pool(pool)).spawn(move || {
            let (run, _token) = (run, token);
            let _frame = Frame::enter(&run, At::Pool(pool), None);
            mark.store(true, Ordering::SeqCst);
        });
        probe.detach();
        yield_often(20);
        if started.load(Ordering::SeqCst) {
            self.fault(format!("a call of the paused pool {pool} started"));
        }
        Tally::add(&self.tally.probes);
    }

    /// Drops it here and nowhere else: another call that did it might wait for the end of itself.
    fn drop_pool(&self, pool: Arc<Pool>) {
        if Arc::strong_count(&pool) > 1 {
            // Those who have it may be calls in its queue.
            if pool.workers() == 0 {
                pool.set_workers(1);
            }
            if !comes_true(|| Arc::strong_count(&pool) == 1) {
                self.fault(format!("somebody keeps {pool:?}"));
            }
        }
        drop(pool);
    }

    // What threads outside do.

    fn make_calls(self: &Arc<Self>, mut promised: Vec<Option<Handle>>) {
        let calls = &self.program.calls;
        let mut handles: Vec<Option<Handle>> = Vec::with_capacity(calls.len());
        for (index, call) in calls.iter().enumerate() {
            let handle = promised[index].take().unwrap_or_else(|| {
                let edges = self.edges(index, &mut handles);
                if call.mild {
                    Handle::Mild(self.make_mild(index, edges))
                } else {
                    Handle::Bad(self.make_bad(index, edges))
                }
            });
            handles.push(Some(match (handle, call.keep) {
                (Handle::Mild(value), Keep::Shared) => Handle::SharedMild(value.shared()),
                (Handle::Bad(value), Keep::Shared) => Handle::SharedBad(value.shared()),
                (handle, _) => handle,
            }));
            for (other, plan) in calls.iter().enumerate().take(index + 1) {
                if plan.last_reader == index && plan.keep != Keep::Moved {
                    lock(&self.slots).handles[other] = handles[other].take();
                    self.filled.notify_all();
                }
            }
        }
    }

    /// The handles of earlier calls as arguments of this one.
    fn edges<'a>(&self, index: usize, handles: &'a mut [Option<Handle>]) -> Vec<Edge<'a>> {
        let calls = &self.program.calls;
        let args = &calls[index].args;
        let moved: Vec<_> =
            args.iter().map(|arg| (calls[*arg].keep == Keep::Moved).then(|| handles[*arg].take())).collect();
        let edge = |(arg, moved): (&usize, Option<Option<Handle>>)| match (moved, &handles[*arg]) {
            (Some(Some(Handle::Mild(value))), _) => Edge::MovedMild(value),
            (Some(Some(Handle::Bad(value))), _) => Edge::MovedBad(value),
            (None, Some(Handle::Mild(value))) => Edge::BorrowedMild(value),
            (None, Some(Handle::Bad(value))) => Edge::BorrowedBad(value),
            (None, Some(Handle::SharedMild(value))) => Edge::SharedMild(value.clone()),
            (None, Some(Handle::SharedBad(value))) => Edge::SharedBad(value.clone()),
            _ => unreachable!("planned otherwise"),
        };
        args.iter().zip(moved).map(edge).collect()
    }

    fn handle(&self, index: usize) -> Option<Handle> {
        let wanted = |slots: &mut Slots| slots.handles[index].is_none() && !slots.broken;
        let mut slots = self.filled.wait_while(lock(&self.slots), wanted).unwrap_or_else(PoisonError::into_inner);
        slots.handles[index].take()
    }

    fn act(self: &Arc<Self>, act: &Act) {
        match act {
            Act::Yield(times) => yield_often(*times),
            Act::Use(index) => {
                let wait = self.program.calls[*index].wait;
                let seen = match self.handle(*index) {
                    None => None,
                    Some(Handle::Mild(value)) => self.finish(value, wait, true),
                    Some(Handle::Bad(value)) => self.finish(value, wait, true),
                    Some(Handle::SharedMild(value)) => self.finish_shared(&value, wait),
                    Some(Handle::SharedBad(value)) => self.finish_shared(&value, wait),
                };
                self.note(*index, seen);
            }
            Act::UseList(calls, wait) => {
                let handles: Vec<_> = calls.iter().filter_map(|index| self.handle(*index)).collect();
                let list: AsyncList<_> = handles
                    .into_iter()
                    .map(|handle| match handle {
                        Handle::Bad(value) => value,
                        other => unreachable!("not for a list: {other:?}"),
                    })
                    .collect();
                if list.len() == calls.len() {
                    for (index, seen) in calls.iter().zip(self.finish_list(list, *wait, calls)) {
                        self.note(*index, seen);
                    }
                }
            }
            Act::Pool(act) => {
                self.act_on_pool(*act);
                if let PoolAct::Close(pool) | PoolAct::CloseTimeout(pool, _) | PoolAct::Drop(pool) = *act {
                    // From now on nobody outside makes a call on it.
                    let refused = self.place(At::Pool(pool)).spawn(|| ()).outcome();
                    if !matches!(refused, Err(TaskError::Closed)) {
                        self.fault(format!("pool {pool} was closed, and a call on it ended as {refused:?}"));
                    }
                }
            }
        }
    }

    fn note(&self, index: usize, seen: Option<Seen>) {
        if let Some(seen) = &seen {
            let call = &self.program.calls[index];
            let ran = !call.shape.has_no_body() && seen.is(&own_end(&call.body));
            self.check_over(index, seen, ran);
        }
        *lock(&self.seen[index]) = seen;
    }

    /// Everything has ended: whether it did as it must.
    fn check(&self) {
        let seen: Vec<_> = self.seen.iter().map(|seen| lock(seen).clone()).collect();
        let before = self.oracle.ends(&vec![None; seen.len()]);
        let after = self.oracle.ends(&seen);
        for (index, call) in self.program.calls.iter().enumerate() {
            if after[index].is_empty() {
                let (seen, ends) = (&seen[index], &before[index]);
                self.fault(format!(
                    "call {index} must end as one of {ends:?}, and ended as {seen:?} (others: see below)"
                ));
                continue;
            }
            let ran = self.ran[index].load(Ordering::SeqCst);
            let own = own_end(&call.body);
            let must_run = !call.shape.has_no_body() && after[index].iter().all(|end| *end == own);
            let may_run = !call.shape.has_no_body() && after[index].contains(&own);
            if ran < usize::from(must_run) || ran > usize::from(may_run) {
                self.fault(format!("call {index} ended as one of {:?}, and ran {ran} times", after[index]));
            }
        }
        if !lock(&self.faults).is_empty() {
            let mut text = "seen:".to_owned();
            for (index, (seen, ends)) in seen.iter().zip(&before).enumerate() {
                let _ = write!(text, "\n    {index}: {seen:?} of {ends:?}");
            }
            self.fault(text);
        }
    }

    fn end_pools(&self) {
        for (index, slot) in self.pools.iter().enumerate() {
            let Some(pool) = lock(slot).take() else { continue };
            pool.close();
            let stats = pool.stats();
            let entered = self.meters[index].entered.load(Ordering::SeqCst);
            // Of a call whose argument panicked in `Clone` no body ran.
            let clones = self.program.calls.iter().enumerate().filter(|(call, plan)| {
                let brittle = |(position, arg): (usize, &usize)| {
                    self.program.calls[*arg].body.brittle && self.oracle.clones(*call, position)
                };
                plan.at == At::Pool(index) && plan.args.iter().enumerate().any(brittle)
            });
            if (stats.running, stats.blocked, stats.queued) != (0, 0, 0)
                || stats.finished < entered
                || stats.finished > entered + clones.count()
            {
                self.fault(format!("pool {index} has run {entered} calls, and ends as {stats:?}"));
            }
            self.drop_pool(pool);
        }
    }
}

fn drop_it<T>(value: T) -> Option<Seen> {
    drop(value);
    None
}

fn yield_often(times: u8) {
    (0..times).for_each(|_| thread::yield_now());
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn build(index: usize, plan: &PoolPlan) -> Pool {
    let mut builder = Pool::builder().workers(plan.workers).name(format!("p{index}"));
    if let Some((bound, on_full)) = plan.bound {
        builder = builder.queue(bound).on_full(on_full);
    }
    if let Some(micros) = plan.idle_micros {
        builder = builder.idle_timeout(Duration::from_micros(u64::from(micros)));
    }
    if plan.small_stack {
        builder = builder.stack_size(256 << 10);
    }
    builder.build().expect("nothing to refuse")
}

/// Sets the promises of a program, and never blocks but for the next order.
fn set_promises(orders: &mpsc::Receiver<Order>) {
    for order in orders {
        order();
    }
}

/// A run that is about to begin.
pub(crate) struct Prepared {
    pub(crate) run: Arc<Run>,
    receiver: mpsc::Receiver<Order>,
    promised: Vec<Option<Handle>>,
}

pub(crate) fn prepare(program: &Arc<Program>, tally: &Arc<Tally>) -> Prepared {
    let (sender, receiver) = mpsc::channel::<Order>();
    let ledger = Ledger::new(program.bodies);
    let mut gates = Vec::with_capacity(program.gates.len());
    for yields in program.gates.iter().copied() {
        let (promise, gate) = AsyncValue::promise();
        gates.push(gate.shared());
        let open = move || {
            yield_often(yields);
            promise.set(());
        };
        drop(sender.send(Box::new(open)));
    }
    let promised = program.calls.iter().map(|call| promise(call, &ledger, &sender)).collect();
    let run = Arc::new(Run {
        program: program.clone(),
        oracle: Oracle::new(program),
        tally: tally.clone(),
        pools: program
            .pools
            .iter()
            .enumerate()
            .map(|(index, plan)| Mutex::new(Some(Arc::new(build(index, plan)))))
            .collect(),
        meters: program.pools.iter().map(|_| Meter::default()).collect(),
        gates,
        orders: Mutex::new(Some(sender)),
        ledger,
        ran: (0..program.bodies).map(|_| AtomicUsize::new(0)).collect(),
        seen: program.calls.iter().map(|_| Mutex::default()).collect(),
        slots: Mutex::new(Slots { handles: program.calls.iter().map(|_| None).collect(), broken: false }),
        filled: Condvar::new(),
        faults: Mutex::default(),
    });
    Prepared { run, receiver, promised }
}

/// The handle of a call that is none.
fn promise(call: &Call, ledger: &Arc<Ledger>, sender: &mpsc::Sender<Order>) -> Option<Handle> {
    fn handle<E: Fail>(call: &Call, ledger: &Arc<Ledger>, sender: &mpsc::Sender<Order>) -> Option<AsyncValue<Out<E>>> {
        let made = || Ok(Val { origin: call.body.id, brittle: call.body.brittle, token: ledger.result() });
        let set = match call.shape {
            Shape::Ready => return Some(AsyncValue::ready(made())),
            Shape::Promise(set) => set,
            _ => return None,
        };
        let (promise, value) = AsyncValue::promise();
        let made = made();
        drop(sender.send(Box::new(move || if set { promise.set(made) } else { drop(promise) })));
        Some(value)
    }
    if call.mild {
        handle(call, ledger, sender).map(Handle::Mild)
    } else {
        handle(call, ledger, sender).map(Handle::Bad)
    }
}

/// Runs the program to its end: what was wrong.
pub(crate) fn execute(prepared: Prepared) -> Vec<String> {
    let Prepared { run, receiver, promised } = prepared;
    let program = run.program.clone();
    thread::scope(|scope| {
        let spawn = |name: String| thread::Builder::new().name(name);
        let setter = spawn("setter".to_owned()).spawn_scoped(scope, move || set_promises(&receiver)).expect("a thread");
        let operator = spawn("operator".to_owned()).spawn_scoped(scope, || {
            program.operator.iter().for_each(|act| run.act(act));
            for (index, plan) in program.pools.iter().enumerate() {
                run.act_on_pool(PoolAct::Resize(index, plan.last));
            }
        });
        let users: Vec<_> = program
            .users
            .iter()
            .enumerate()
            .map(|(index, acts)| {
                let run = &run;
                let user = spawn(format!("user-{index}"))
                    .spawn_scoped(scope, move || acts.iter().for_each(|act| run.act(act)));
                user.expect("a thread")
            })
            .collect();
        let made = catch_unwind(AssertUnwindSafe(|| run.make_calls(promised)));
        if made.is_err() {
            run.fault("making a call panicked".to_owned());
            lock(&run.slots).broken = true;
            run.filled.notify_all();
        }
        let threads = users.into_iter().chain([operator.expect("a thread")]);
        for thread in threads {
            if thread.join().is_err() {
                run.fault("a thread outside of all calls panicked".to_owned());
            }
        }
        if !comes_true(|| run.ledger.arguments() == 0) {
            run.fault("some calls never end, or keep their arguments".to_owned());
        }
        drop(lock(&run.orders).take());
        if setter.join().is_err() {
            run.fault("setting a promise panicked".to_owned());
        }
    });
    run.end_pools();
    if !comes_true(|| run.ledger.results() == 0) {
        run.fault(format!("{} results are never dropped", run.ledger.results()));
    }
    run.check();
    Tally::add(&run.tally.programs);
    run.oracle.facts().iter().filter(|facts| facts.is_exact()).for_each(|_| Tally::add(&run.tally.exact));
    std::mem::take(&mut lock(&run.faults))
}

impl Run {
    /// How far it has come.
    pub(crate) fn state(&self) -> String {
        let seen: Vec<_> = self.seen.iter().map(lock).collect();
        format!("    ran {:?}\n    seen {seen:?}\n    {:?}\n    {:?}\n", self.ran, self.meters, lock(&self.faults))
    }

    /// What the pools say of themselves.
    pub(crate) fn pools(&self) -> String {
        let mut text = String::new();
        for pool in &self.pools {
            let _ = writeln!(text, "    {:?}", lock(pool));
        }
        text
    }
}
