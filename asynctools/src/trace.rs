//! Recordings and pictures of calls: which waited for what, and where the time went.
//!
//! [`Recording`] records the calls of the process until the program stops it. The [`Trace`] has the calls, and writes them
//! as JSON for [Perfetto](https://ui.perfetto.dev), as an SVG for people, or as a graph of Graphviz. [`AsyncValue::graph`]
//! shows what a pending call still needs.
//!
//! The environment variable `ASYNCTOOLS_TRACE=run.json` (or `.svg`, `.dot`: any other end is taken for JSON) records a
//! program that says nothing of recordings. The file has what the program has waited for, and is brought up to date
//! whenever a worker stands down and whenever a thread of no pool ends a wait.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::graph::traits::Awaited;
use crate::graph::traits::Survey;
use crate::graph::waiters::address;
use crate::handles::list::AsyncList;
use crate::handles::value::AsyncValue;
pub use crate::pictures::calls::CallRecord;
pub use crate::pictures::calls::Trace;
pub use crate::pictures::calls::Wait;
use crate::pictures::words::DOT_STYLE;
use crate::pictures::words::Dot;
use crate::pictures::words::short;
use crate::sync::Instant;
pub use crate::tag::ending::Ending;
use crate::tag::record;

/// How many calls a recording keeps.
const LIMIT: usize = 1_000_000;

/// Records the calls that are made from its start to its stop, of all pools. A process has at most one recording at a time.
/// Dropped, it ends, and throws the calls away.
///
/// # Examples
///
/// ```
/// use asynctools::{pooled, trace::Recording};
///
/// #[pooled]
/// fn load(n: u32) -> u32 {
///     n
/// }
///
/// #[pooled]
/// fn add(a: u32, b: u32) -> u32 {
///     a + b
/// }
///
/// let recording = Recording::start()?;
/// assert_eq!(add(load(1), load(2)).get(), 3);
/// let trace = recording.stop();
/// assert_eq!(trace.calls().len(), 3);
/// let mut picture = Vec::new(); // or a file
/// trace.write_svg(&mut picture)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a recording ends when it is dropped"]
pub struct Recording {
    number: u64,
    start: Instant,
}

impl Recording {
    /// Starts a recording of at most 1,000,000 calls.
    ///
    /// # Errors
    ///
    /// If a recording goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::trace::Recording;
    ///
    /// let recording = Recording::start()?;
    /// assert!(Recording::start().is_err());
    /// drop(recording);
    /// assert!(Recording::start().is_ok());
    /// # Ok::<(), asynctools::trace::AlreadyRecording>(())
    /// ```
    pub fn start() -> Result<Self, AlreadyRecording> {
        Self::with_limit(LIMIT)
    }

    /// Starts a recording of at most `n` calls: those that end first. [`Trace::truncated`] says how many more there were.
    ///
    /// # Errors
    ///
    /// If a recording goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{parallel, trace::Recording};
    ///
    /// let recording = Recording::with_limit(0)?;
    /// assert_eq!(parallel(|| 5).get(), 5);
    /// assert_eq!(recording.stop().truncated(), 1);
    /// # Ok::<(), asynctools::trace::AlreadyRecording>(())
    /// ```
    pub fn with_limit(n: usize) -> Result<Self, AlreadyRecording> {
        let start = Instant::now();
        let number = record::begin(n).ok_or(AlreadyRecording(()))?;
        Ok(Self { number, start })
    }

    /// Stops the recording, and returns the calls that have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{parallel, trace::Recording};
    ///
    /// let recording = Recording::start()?;
    /// assert_eq!(parallel(|| 5).get(), 5);
    /// assert_eq!(recording.stop().calls()[0].site.function(), "parallel");
    /// # Ok::<(), asynctools::trace::AlreadyRecording>(())
    /// ```
    #[must_use]
    pub fn stop(self) -> Trace {
        let (mut records, truncated) = record::end(self.number);
        let start = self.start;
        std::mem::forget(self);
        let calls = records.iter_mut().map(|(list, record)| CallRecord::of(record, list, start)).collect();
        Trace::new(calls, truncated)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        drop(record::end(self.number));
    }
}

/// The refusal of a second recording at the same time.
///
/// # Examples
///
/// ```
/// use asynctools::trace::Recording;
///
/// let recording = Recording::start().unwrap();
/// let error = Recording::start().unwrap_err();
/// assert_eq!(error.to_string(), "a recording goes on; a process has at most one at a time");
/// # drop(recording);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlreadyRecording(());

impl fmt::Display for AlreadyRecording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a recording goes on; a process has at most one at a time")
    }
}

impl Error for AlreadyRecording {}

/// Shows the calls that a pending call still needs, at one moment. Prints as a graph of Graphviz, with the nodes coloured by
/// state.
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncValue, Pool};
///
/// let (promise, value) = AsyncValue::<u32>::promise();
/// let sum = value.map(|n| n + 1).map(|n| n * 2);
/// let graph = sum.graph().to_string();
/// assert!(graph.contains("waits for arguments") && graph.contains("promise"));
/// # drop(promise);
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    /// From a call to the call that needs it.
    edges: Vec<(usize, usize)>,
    left_out: bool,
}

#[derive(Clone, Debug)]
struct Node {
    function: &'static str,
    place: String,
    state: &'static str,
    colour: &'static str,
}

/// How many calls a graph shows.
const MOST: usize = 10_000;

impl Graph {
    fn of(roots: impl Iterator<Item = Arc<dyn Awaited>>) -> Self {
        let mut graph = Self { nodes: Vec::new(), edges: Vec::new(), left_out: false };
        let mut places = HashMap::new();
        let mut open: Vec<(Arc<dyn Awaited>, Option<usize>)> = roots.map(|root| (root, None)).collect();
        // Kept, so that no address is used twice.
        let mut kept = Vec::new();
        while let Some((call, dependant)) = open.pop() {
            let address = address(&call);
            if let Some(&place) = places.get(&address) {
                graph.edges.extend(dependant.map(|dependant| (place, dependant)));
                continue;
            }
            let mut needs = Vec::new();
            let survey = call.clone().survey(&mut |_| None, &mut needs);
            if matches!(survey, Survey::Ended) && dependant.is_some() {
                // Not needed any more.
                continue;
            }
            if graph.nodes.len() == MOST {
                graph.left_out = true;
                break;
            }
            let place = graph.nodes.len();
            places.insert(address, place);
            graph.nodes.push(Node::new(&*call, &survey));
            graph.edges.extend(dependant.map(|dependant| (place, dependant)));
            open.extend(needs.into_iter().map(|need| (need, Some(place))));
            kept.push(call);
        }
        graph
    }
}

impl Node {
    fn new(call: &dyn Awaited, survey: &Survey) -> Self {
        let site = call.site();
        let (state, colour) = match survey {
            Survey::Ended => ("has ended", "#d5e8d4"),
            Survey::Running(_) => ("runs", "#dae8fc"),
            Survey::Promised => ("waits for the program", "#e1d5e7"),
            Survey::Queued(_) => ("waits for a worker", "#fff2cc"),
            Survey::Waiting => ("waits for arguments", "#f5f5f5"),
            Survey::Unseen => ("ends elsewhere", "#e0e0e0"),
        };
        Self { function: site.function(), place: format!("{}:{}", site.file(), site.line()), state, colour }
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "digraph pending {{\n{DOT_STYLE}")?;
        for (place, node) in self.nodes.iter().enumerate() {
            let label = Dot(&[short(node.function), &node.place, node.state]);
            writeln!(f, "  n{place} [label={label}, fillcolor=\"{}\"];", node.colour)?;
        }
        for (from, to) in &self.edges {
            writeln!(f, "  n{from} -> n{to};")?;
        }
        if self.left_out {
            writeln!(f, "  more [label=\"more calls are left out\", shape=plaintext];")?;
        }
        writeln!(f, "}}")
    }
}

impl<T> AsyncValue<T> {
    /// Returns the calls that this one still needs, as they are now: a [`Graph`], which prints as DOT.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(0);
    /// let next = pool.spawn(|| 20).map(|n| n + 1);
    /// let graph = next.graph().to_string();
    /// assert!(graph.contains("waits for a worker") && graph.contains("n1 -> n0"));
    /// ```
    #[must_use]
    pub fn graph(&self) -> Graph
    where
        T: 'static,
    {
        Graph::of(std::iter::once(self.node().clone() as Arc<dyn Awaited>))
    }
}

impl<T> AsyncList<T> {
    /// Returns the calls that the calls of the list still need, as they are now: a [`Graph`], which prints as DOT.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(0);
    /// let list = pool.map(0..3, |n| n);
    /// assert_eq!(list.graph().to_string().matches("waits for a worker").count(), 3);
    /// ```
    #[must_use]
    pub fn graph(&self) -> Graph
    where
        T: 'static,
    {
        Graph::of(self.values.iter().map(|value| value.node().clone() as Arc<dyn Awaited>))
    }
}
