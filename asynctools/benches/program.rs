//! Programs that take their turns when they are told to. A line of the input is a word, and the answer is a number.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

/// A program that takes a turn for each word.
pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program can be run");
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        Self { child, input, output: BufReader::new(output) }
    }

    /// Has the program take one turn: the nanoseconds that it tells.
    pub(crate) fn turn(&mut self, word: &str) -> f64 {
        let input = self.input.as_mut().expect("it is kept until the end");
        writeln!(input, "{word}").expect("the program listens");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("the program answers");
        answer.trim().parse().expect("the answer is a number")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The end of its input is the end of the program.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
