//! Many programs, one after another or side by side, and a watch over those that hang.

use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::Once;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use proptest::strategy::BoxedStrategy;
use proptest::strategy::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::Config;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestRng;
use proptest::test_runner::TestRunner;

use crate::program::draw::programs;
use crate::program::plan::Features;
use crate::program::plan::Program;
use crate::run::execute::execute;
use crate::run::execute::prepare;
use crate::run::state::Run;
use crate::seen::seen_of_text;
use crate::tally::Tally;
use crate::watch::every_thread;
use crate::watch::threads;

/// Which programs run.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// Decides everything that is drawn.
    pub seed: u64,
    /// Only this one, again and again.
    pub program: Option<u64>,
    /// The number of programs that run side by side.
    pub lanes: usize,
    /// Looks for a smaller program that also goes wrong.
    pub shrink: bool,
    /// The parts of programs that are not left out.
    pub features: Features,
    /// The system may refuse threads: see [`leave_room`](crate::watch::leave_room).
    pub scarce: bool,
}

const TICK: Duration = Duration::from_millis(50);
/// A program takes milliseconds. Counted in ticks, not in time: a process that stands still has none.
const PATIENCE: u32 = 1200;

struct Lanes {
    soak: Soak,
    tally: Arc<Tally>,
    next: AtomicU64,
    stop: AtomicBool,
    current: Vec<Mutex<Option<Current>>>,
}

#[derive(Clone)]
struct Current {
    /// The number of the program, and of its run.
    number: u64,
    turn: u64,
    program: Arc<Program>,
    run: Arc<Run>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Panics that no program intends.
static UNEXPECTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Collects panics, except those of a `get` on a lost call.
fn hear_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let payload = info.payload();
            let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
            if text.and_then(seen_of_text).is_none() {
                lock(&UNEXPECTED).push(info.to_string());
                hook(info);
            }
        }));
    });
}

/// Draws the program with that number.
fn draw(strategy: &BoxedStrategy<Program>, seed: u64, number: u64) -> Box<dyn ValueTree<Value = Program>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { failure_persistence: None, ..Config::default() };
    let drawn = strategy.new_tree(&mut TestRunner::new_with_rng(config, rng));
    drawn.unwrap_or_else(|reason| panic!("nothing is filtered: {reason}"))
}

/// Runs programs for as long as `go_on` says; it is asked at each tick.
///
/// # Errors
///
/// Everything known of the first program that did what it may not do.
///
/// # Panics
///
/// When the system has no threads left to begin with.
pub fn soak(soak: Soak, tally: &Arc<Tally>, mut go_on: impl FnMut() -> bool) -> Result<(), String> {
    hear_panics();
    let lanes = Arc::new(Lanes {
        soak,
        tally: tally.clone(),
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        current: (0..soak.lanes).map(|_| Mutex::default()).collect(),
    });
    let (sender, failures) = mpsc::channel();
    for lane in 0..soak.lanes {
        let (lanes, sender) = (lanes.clone(), sender.clone());
        // To draw a program takes a deep stack.
        let builder = thread::Builder::new().name(format!("lane-{lane}")).stack_size(32 << 20);
        let started = builder.spawn(move || {
            if let Err(failure) = lanes.run(lane) {
                drop(sender.send(failure));
            }
        });
        drop(started.expect("the system has a thread for each lane"));
    }
    drop(sender);
    let mut since = vec![(0, 0_u32); soak.lanes];
    loop {
        match failures.recv_timeout(TICK) {
            Ok(failure) => return Err(failure),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        Tally::at_least(&tally.peak_threads, threads());
        if !go_on() {
            lanes.stop.store(true, Ordering::SeqCst);
        }
        for (slot, (turn, ticks)) in lanes.current.iter().zip(&mut since) {
            let current = lock(slot).clone();
            match current {
                Some(current) if current.turn == *turn => {
                    *ticks += 1;
                    if *ticks >= PATIENCE {
                        return Err(lanes.hung(&current));
                    }
                }
                other => (*turn, *ticks) = (other.map_or(0, |current| current.turn), 0),
            }
        }
    }
}

impl Lanes {
    fn run(&self, lane: usize) -> Result<(), String> {
        let strategy = programs(self.soak.features);
        while !self.stop.load(Ordering::SeqCst) {
            let turn = self.next.fetch_add(1, Ordering::SeqCst);
            let number = self.soak.program.unwrap_or(turn);
            let mut drawn = draw(&strategy, self.soak.seed, number);
            let program = Arc::new(drawn.current());
            let faults = self.run_one(lane, number, &program);
            if !faults.is_empty() {
                let mut report = self.report(number, "went wrong", &program, &faults);
                if self.soak.shrink {
                    let (smaller, faults) = self.shrink(lane, number, &mut *drawn, program, faults);
                    report += &self.report(number, "shrunk, still goes wrong", &smaller, &faults);
                }
                return Err(report);
            }
        }
        Ok(())
    }

    fn run_one(&self, lane: usize, number: u64, program: &Arc<Program>) -> Vec<String> {
        static TURN: AtomicU64 = AtomicU64::new(1);
        let turn = TURN.fetch_add(1, Ordering::SeqCst);
        let prepared = prepare(program, &self.tally, turn, self.soak.scarce);
        let current = Current { number, turn, program: program.clone(), run: prepared.run.clone() };
        *lock(&self.current[lane]) = Some(current);
        let mut faults = execute(prepared);
        let current = lock(&self.current[lane]).take();
        drop(current);
        faults.append(&mut lock(&UNEXPECTED));
        faults
    }

    /// Looks for a smaller program that goes wrong too. Each candidate runs many times, since a fault may not show in each run.
    fn shrink(
        &self,
        lane: usize,
        number: u64,
        drawn: &mut dyn ValueTree<Value = Program>,
        mut smallest: Arc<Program>,
        mut why: Vec<String>,
    ) -> (Arc<Program>, Vec<String>) {
        const STEPS: usize = 300;
        const RUNS: usize = 30;
        let mut simpler = drawn.simplify();
        for _ in 0..STEPS {
            if !simpler {
                break;
            }
            let program = Arc::new(drawn.current());
            let faults = (0..RUNS).map(|_| self.run_one(lane, number, &program)).find(|faults| !faults.is_empty());
            simpler = match faults {
                Some(faults) => {
                    (smallest, why) = (program, faults);
                    drawn.simplify()
                }
                None => drawn.complicate(),
            };
        }
        (smallest, why)
    }

    fn report(&self, number: u64, what: &str, program: &Program, faults: &[String]) -> String {
        let faults: String = faults.iter().flat_map(|fault| ["    ", fault, "\n"]).collect();
        format!(
            "program {number} of seed {seed} {what}:\n{faults}{program}again: --seed {seed} --program {number}\n",
            seed = self.soak.seed,
        )
    }

    fn hung(&self, current: &Current) -> String {
        let threads = every_thread();
        // The description of a pool that hangs may hang too.
        let (sender, pools) = mpsc::channel();
        let run = current.run.clone();
        thread::spawn(move || drop(sender.send(run.pools())));
        let pools = pools.recv_timeout(Duration::from_secs(5)).unwrap_or_else(|_| "    they do not say\n".to_owned());
        let what = format!("hangs\n  threads:\n{threads}  pools:\n{pools}  calls:\n{}  program", current.run.state());
        self.report(current.number, &what, &current.program, &[])
    }
}
