//! Recorded calls as a graph of DOT.

use std::io;
use std::io::Write;

use crate::pictures::calls::CallRecord;
use crate::pictures::calls::Trace;
use crate::pictures::words::DOT_STYLE;
use crate::pictures::words::Dot;
use crate::pictures::words::Took;
use crate::pictures::words::short;
use crate::tag::ending::Ending;

/// The colour of a node.
fn colour(ending: Ending) -> &'static str {
    match ending {
        Ending::Returned => "#d5e8d4",
        Ending::Panicked => "#f8cecc",
        Ending::PassedOn | Ending::Upstream => "#ffe6cc",
        _ => "#e0e0e0",
    }
}

impl Trace {
    /// Writes the calls as a graph of Graphviz: solid arrows for arguments, dotted arrows for "makes the call".
    ///
    /// # Errors
    ///
    /// If `w` refuses what is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Pool, trace::Recording};
    ///
    /// let recording = Recording::start()?;
    /// assert_eq!(Pool::new(1).spawn(|| 20).map(|n| n + 1).get(), 21);
    /// let mut dot = Vec::new();
    /// recording.stop().write_dot(&mut dot)?;
    /// assert!(String::from_utf8(dot)?.starts_with("digraph calls {"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_dot(&self, mut w: impl Write) -> io::Result<()> {
        let w = &mut w;
        let places = self.places();
        writeln!(w, "digraph calls {{\n{DOT_STYLE}")?;
        for call in self.calls() {
            let name = Dot(&[short(call.site.function()), &what(call)]).to_string();
            writeln!(w, "  c{} [label={name}, fillcolor=\"{}\"];", call.id, colour(call.ending))?;
        }
        for call in self.calls() {
            for need in call.needs.iter().filter(|need| places.contains_key(need)) {
                writeln!(w, "  c{need} -> c{};", call.id)?;
            }
            if let Some(caller) = call.caller.filter(|caller| places.contains_key(caller)) {
                writeln!(w, "  c{caller} -> c{} [style=dotted];", call.id)?;
            }
        }
        writeln!(w, "}}")?;
        w.flush()
    }
}

/// Says what the call did, in a line.
fn what(call: &CallRecord) -> String {
    match call.ending {
        Ending::Returned => Took(call.ran()).to_string(),
        Ending::Panicked => format!("{}, panicked", Took(call.ran())),
        other => other.as_str().replace('_', " "),
    }
}
