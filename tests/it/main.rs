//! The promises of the crate, a room for each, without sleeps: gates and barriers order the events, counters count them.

mod helpers;
mod process;
mod hooks;
mod life;
mod value;
mod promise;
mod future;
mod list;
mod panics;
mod pool;
mod limits;
mod resize;
mod shutdown;
mod nested;
mod locks;
mod seeds;
mod sizes;
mod tidy;
mod prose;
mod millions;
mod refused;
mod alone;
mod chaos;
mod faults;

mod phases;
mod worklist;
mod lending;
mod max_blocked;
mod endings;
mod stack;

mod fates;
mod dataflow;
mod arguments;
mod ends;
mod verbs;
mod window;
mod per_worker;
mod idle;
mod infer;
mod edges;
mod lend;
mod provenance;
mod combinators;
mod cancel;
mod million;
mod graph;
mod grammar;
mod hygiene;
mod strict;

mod regressions;
mod leftovers;
mod stress;
mod seam;
