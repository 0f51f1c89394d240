//! Random programs against an oracle: `cargo run --release -p tests --bin soak -- --minutes N`.
//!
//! | module | |
//! | --- | --- |
//! | `program` | what a program is, and how one is drawn |
//! | `oracle` | how each of its calls may end |
//! | `tally` | what has happened so far |
//! | `value` | counted arguments and results |
//! | `run` | one program from its beginning to its end |
//! | `watch` | what the system says of the threads |
//! | `soak` | many of them, and a watch over those that hang |

pub mod program;
mod oracle;
pub mod tally;
mod value;
mod run;
mod watch;
pub mod soak;
