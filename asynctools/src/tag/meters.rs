//! Calls as metrics of the facade `metrics`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::Once;
use std::sync::PoisonError;

use metrics::Key;
use metrics::Label;
use metrics::Level;
use metrics::Metadata;
use metrics::Recorder;
use metrics::Unit;
use metrics::with_recorder;

use crate::call_site::CallSite;
use crate::meter_site::Meters;
use crate::meter_site::Next;
use crate::tag::around::Home;
use crate::tag::around::Moments;
use crate::tag::client;
use crate::tag::ending::Ending;

const CALLS: &str = "asynctools_calls_total";
const ARGUMENTS: &str = "asynctools_call_arguments_seconds";
const QUEUE: &str = "asynctools_call_queue_seconds";
const RUN: &str = "asynctools_call_run_seconds";

pub(crate) static METADATA: Metadata<'static> = Metadata::new("asynctools", Level::INFO, Some("asynctools"));

/// Whether there is a recorder. The facade does not tell, and answers with a recorder of no size if there is none. A global
/// recorder of no size has no place in memory either: its box is empty.
fn has_recorder(recorder: &dyn Recorder) -> bool {
    let place = std::ptr::from_ref(recorder).cast::<()>().addr();
    size_of_val(recorder) > 0 || place <= align_of_val(recorder)
}

/// Registers units and descriptions, once.
fn describe(recorder: &dyn Recorder) {
    static DESCRIBED: Once = Once::new();
    let mut is_first = false;
    DESCRIBED.call_once(|| is_first = true);
    if !is_first {
        return;
    }
    recorder.describe_counter(CALLS.into(), Some(Unit::Count), "Calls that have ended, by how they ended.".into());
    let seconds = [
        (ARGUMENTS, "How long a call waited for its last argument."),
        (QUEUE, "How long a call with all its arguments waited for a worker."),
        (RUN, "How long a call ran, waits inside the call included."),
    ];
    for (name, description) in seconds {
        recorder.describe_histogram(name.into(), Some(Unit::Seconds), description.into());
    }
}

fn labels(function: &'static str, pool: &str) -> Vec<Label> {
    vec![Label::from_static_parts("function", function), Label::new("pool", pool.to_owned())]
}

/// Returns the meters of a call, at the call; `None` if there was no recorder when the function was first called.
pub(crate) fn of_call(site: CallSite, home: &Home) -> Option<&'static Meters> {
    let name = home.shared_name();
    let make = || {
        let (function, pool) = (site.function(), &**name);
        client::tell(|| {
            with_recorder(|recorder| {
                describe(recorder);
                let histogram = |name: &'static str| {
                    recorder.register_histogram(&Key::from_parts(name, labels(function, pool)), &METADATA)
                };
                // All of them at once, so that the first panic is an increase of a series that is there.
                let counter = |ending: Ending| {
                    let mut labels = labels(function, pool);
                    labels.push(Label::from_static_parts("ending", ending.as_str()));
                    recorder.register_counter(&Key::from_parts(CALLS, labels), &METADATA)
                };
                Meters {
                    pool: name.clone(),
                    arguments: histogram(ARGUMENTS),
                    queue: histogram(QUEUE),
                    run: histogram(RUN),
                    endings: Ending::ALL.into_iter().map(counter).collect(),
                    next: Next::new(),
                }
            })
        })
    };
    site.callee().meters().get(name, || client::tell(|| with_recorder(has_recorder)).unwrap_or(false), make)
}

/// Counts a call that has ended: with its `moments` if its body ran.
pub(crate) fn count(meters: &Meters, ending: Ending, moments: Option<&Moments>) {
    let ran = moments.map(|moments| (moments, moments.started().elapsed()));
    client::tell(|| {
        if let Some((moments, run)) = ran {
            meters.arguments.record(moments.waited_for_arguments().as_secs_f64());
            meters.queue.record(moments.waited_for_worker().as_secs_f64());
            meters.run.record(run.as_secs_f64());
        }
        meters.endings[ending as usize].increment(1);
    });
}

/// The gauges of a pool, in the order of the numbers in [`Gauges`].
const GAUGES: [(&str, &str); 6] = [
    ("asynctools_pool_workers", "How many calls may run at once."),
    ("asynctools_pool_running", "Running calls, without the blocked calls."),
    ("asynctools_pool_blocked", "Calls blocked in a wait for another call."),
    ("asynctools_pool_queued", "Calls in the queue."),
    ("asynctools_pool_idle", "Threads within the target, without a call."),
    ("asynctools_pool_spares", "Threads over the target."),
];

/// Counts of what pools are doing, by the names of the pools: pools of one name count together.
#[derive(Default)]
pub(crate) struct Gauges(BTreeMap<String, [usize; GAUGES.len()]>);

impl Gauges {
    pub(crate) fn add(&mut self, pool: &str, numbers: [usize; GAUGES.len()]) {
        let sums = self.0.entry(pool.to_owned()).or_default();
        // The pool of `#[parallel]` has no limit.
        sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum = sum.saturating_add(number));
    }

    /// Sets the gauges of the recorder. Those of a pool that is gone are 0.
    pub(crate) fn record(mut self) {
        static RECORDED: Mutex<Vec<String>> = Mutex::new(Vec::new());
        {
            let mut recorded = RECORDED.lock().unwrap_or_else(PoisonError::into_inner);
            for gone in recorded.iter() {
                self.0.entry(gone.clone()).or_default();
            }
            *recorded = self.0.keys().cloned().collect();
        }
        client::tell(|| {
            with_recorder(|recorder| {
                for (name, description) in GAUGES {
                    recorder.describe_gauge(name.into(), Some(Unit::Count), description.into());
                }
                for (pool, numbers) in self.0 {
                    for ((name, _), number) in GAUGES.into_iter().zip(numbers) {
                        let key = Key::from_parts(name, vec![Label::new("pool", pool.clone())]);
                        recorder.register_gauge(&key, &METADATA).set(as_gauge(number));
                    }
                }
            });
        });
    }
}

/// No limit is infinite.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and no count is near its precision")]
fn as_gauge(number: usize) -> f64 {
    if number == usize::MAX { f64::INFINITY } else { number as f64 }
}
