//! Runs a program from the first call to the last drop.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;
use std::thread;
use std::thread::Scope;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use asynctools::AsyncValue;
use asynctools::Pool;

use crate::oracle::Oracle;
use crate::program::plan::Call;
use crate::program::plan::PoolAct;
use crate::program::plan::PoolPlan;
use crate::program::plan::Program;
use crate::program::plan::Shape;
use crate::run::edges::Handle;
use crate::run::finish::discard;
use crate::run::frame::Meter;
use crate::run::state::Order;
use crate::run::state::Run;
use crate::run::state::Slots;
use crate::run::state::comes_true;
use crate::run::state::lock;
use crate::run::state::yield_often;
use crate::tally::Tally;
use crate::value::AtDrop;
use crate::value::Fail;
use crate::value::Ledger;
use crate::value::Out;
use crate::value::Val;

pub(crate) fn build(index: usize, plan: &PoolPlan, turn: u64, scarce: bool) -> Pool {
    let mut builder = Pool::builder().workers(plan.workers).name(format!("p{index}-{turn}"));
    if let Some((bound, on_full)) = plan.bound {
        builder = builder.queue(bound).on_full(on_full);
    }
    if let Some(micros) = plan.idle_micros {
        builder = builder.idle_timeout(Duration::from_micros(u64::from(micros)));
    }
    if plan.small_stack {
        builder = builder.stack_size(256 << 10);
    }
    if scarce {
        builder = builder.stack_size(SCARCE_STACK);
    }
    builder.build().expect("nothing to refuse")
}

/// Sets the promises of a program; blocks only for the next order.
pub(crate) fn set_promises(orders: &mpsc::Receiver<Order>) {
    for order in orders {
        order();
    }
}

/// So large that the system refuses most threads of a process with little address space.
pub(crate) const SCARCE_STACK: usize = 256 << 20;

/// A run that is about to begin.
pub(crate) struct Prepared {
    pub(crate) run: Arc<Run>,
    pub(crate) receiver: mpsc::Receiver<Order>,
    pub(crate) promised: Vec<Option<Handle>>,
}

/// `turn` is different for each run of the process; with `scarce` the system may refuse threads.
pub(crate) fn prepare(program: &Arc<Program>, tally: &Arc<Tally>, turn: u64, scarce: bool) -> Prepared {
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
    let oracle = Oracle::new(program, scarce);
    let run = Arc::new(Run {
        program: program.clone(),
        before: oracle.ends(&vec![None; program.calls.len()]),
        oracle,
        turn,
        scarce,
        readers: program.calls.iter().map(|_| Mutex::default()).collect(),
        tally: tally.clone(),
        pools: program
            .pools
            .iter()
            .enumerate()
            .map(|(index, plan)| Mutex::new(Some(Arc::new(build(index, plan, turn, scarce)))))
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

/// Makes the handle of a ready value or of a promise; `None` for a call.
pub(crate) fn promise(call: &Call, ledger: &Arc<Ledger>, sender: &mpsc::Sender<Order>) -> Option<Handle> {
    pub(crate) fn handle<E: Fail>(
        call: &Call,
        ledger: &Arc<Ledger>,
        sender: &mpsc::Sender<Order>,
    ) -> Option<AsyncValue<Out<E>>> {
        let (origin, brittle) = (call.body.id, call.body.brittle);
        let made =
            || Ok(Val { origin, brittle, at_clone: None, at_drop: AtDrop::default(), token: ledger.result(origin) });
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

/// Starts a thread for each of `all`, which runs `run` with the thing and its index.
fn spawn_all<'scope, T: Sync>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    all: &'scope [T],
    run: impl Fn(usize, &'scope T) + Copy + Send + 'scope,
) -> Vec<ScopedJoinHandle<'scope, ()>> {
    let spawn = |(index, one)| {
        let thread = thread::Builder::new().name(format!("{name}-{index}"));
        thread.spawn_scoped(scope, move || run(index, one)).expect("a thread")
    };
    all.iter().enumerate().map(spawn).collect()
}

/// Runs the program to its end, and returns what was wrong.
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
        let users = spawn_all(scope, "user", &program.users, |_, acts| acts.iter().for_each(|act| run.act(act)));
        let crowds = spawn_all(scope, "crowd", &program.crowds, |index, crowd| run.crowd(index, crowd));
        let storms = spawn_all(scope, "storm", &program.storms, |index, storm| run.storm(index, storm));
        let made = catch_unwind(AssertUnwindSafe(|| run.make_calls(promised)));
        if made.is_err() {
            run.fault("making a call panicked".to_owned());
            lock(&run.slots).broken = true;
            run.filled.notify_all();
        }
        let threads = users.into_iter().chain([operator.expect("a thread")]).chain(crowds).chain(storms);
        for thread in threads {
            if let Err(payload) = thread.join() {
                let text = payload.downcast_ref::<String>();
                run.fault(format!("a thread outside of all calls panicked: {text:?}"));
            }
        }
        if !comes_true(|| run.ledger.arguments() == 0) {
            run.fault("some calls never end, or keep their arguments".to_owned());
        }
        for reader in &run.readers {
            let reader = lock(reader).take();
            discard(|| drop(reader));
        }
        drop(lock(&run.orders).take());
        if setter.join().is_err() {
            run.fault("setting a promise panicked".to_owned());
        }
    });
    run.end_pools();
    if !comes_true(|| run.ledger.left().is_empty()) {
        run.fault(format!("results of the calls {:?} are never dropped", run.ledger.left()));
    }
    run.check();
    Tally::add(&run.tally.programs);
    run.oracle.facts().iter().filter(|facts| facts.is_exact()).for_each(|_| Tally::add(&run.tally.exact));
    std::mem::take(&mut lock(&run.faults))
}
