//! Counts of events, over all programs.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

macro_rules! tally {
    ($($name:ident: $label:literal, $doc:literal;)+) => {
        /// Counts of events, over all programs.
        #[derive(Debug, Default)]
        pub struct Tally {
            $(#[doc = $doc] pub $name: AtomicU64,)+
        }

        impl fmt::Display for Tally {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let counts = [$(($label, self.$name.load(Ordering::Relaxed)),)+];
                let mut between = "";
                for (label, count) in counts {
                    write!(f, "{between}{count} {label}")?;
                    between = ", ";
                }
                Ok(())
            }
        }
    };
}

tally! {
    programs: "programs", "Programs that ran.";
    calls: "calls", "Bodies that ran.";
    values: "values", "Ends with a value, as seen.";
    errors: "errors", "Ends with an error of the function.";
    panics: "panics", "Ends with a panic.";
    cancellations: "cancellations", "Ends by cancellation, of the call or of one that it needed.";
    rejections: "rejections", "Ends because a queue was full.";
    closed: "closed", "Ends because a pool was closed.";
    abandoned: "abandoned", "Ends because a promise was dropped.";
    upstream: "upstream", "Ends that crossed an edge.";
    resizes: "resizes", "Changes of a number of workers.";
    pauses: "pauses", "Those to 0.";
    probes: "pauses that held", "Those to 0 that a call was made after.";
    closes: "closes", "Pools that were closed while calls were made on them.";
    nested_waits: "nested waits", "Waits in a body.";
    timed_out: "timed-out waits", "Waits that ended before their call.";
    inline: "inline runs", "Bodies that ran inside of the wait of another.";
    hooks: "hooks", "User code that the runtime ran: drops, clones, conversions, and wakers.";
    wakers: "wakers", "Wakes of wakers that do more than wake.";
    windows: "windows", "Lists that were read through a window.";
    stops: "requests to stop", "Requests of calls, lists and pools to stop.";
    stopped: "stops seen", "Bodies that saw that somebody asked them to stop.";
    awaits: "awaits", "Waits for an earlier call of the program.";
    owners: "owned pools", "Pools that calls owned.";
    crowds: "crowds", "Crowds of calls that waited for one thing.";
    storms: "storms", "Storms of acts on one pool.";
    refused: "refusals", "Ends because the system refused a thread.";
    guests: "run here", "Bodies that ran on the thread that made the call.";
    exact: "exact ceilings", "Pools whose ceiling was held to the letter.";
    full: "reached", "Bodies that found the others of their pool at the ceiling.";
    deepest: "deepest nesting", "The longest way of calls that made each other.";
    peak_threads: "peak threads", "The most threads of the process at a time.";
}

impl Tally {
    /// One more.
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// At least so many.
    pub(crate) fn at_least(counter: &AtomicU64, count: usize) {
        counter.fetch_max(count as u64, Ordering::Relaxed);
    }
}
