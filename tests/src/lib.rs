//! Random programs against an oracle: `cargo run --release -p tests --bin soak -- --minutes N`.
//!
//! | module | |
//! | --- | --- |
//! | `program` | what a program is, and how one is drawn |
//! | `value` | counted arguments and results |
//! | `seen` | how a call ends, and how that is seen |
//! | `oracle` | how each of a program's calls may end |
//! | `tally` | what has happened so far |
//! | `run` | one program from its beginning to its end |
//! | `watch` | what the system says of the threads |
//! | `soak` | many of them, and a watch over those that hang |

pub mod program;
mod value;
mod seen;
mod oracle;
pub mod tally;
mod run;
pub mod watch;
pub mod soak;
