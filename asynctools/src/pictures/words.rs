//! Words in pictures: cut, and escaped for each format.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

/// How many characters of a name a picture shows.
const LONGEST: usize = 80;

/// Returns a name without control characters, and no longer than a picture can show.
pub(crate) fn cut(name: &str) -> String {
    let mut cut: String =
        name.chars().take(LONGEST).map(|c| if c.is_control() || is_no_text(c) { ' ' } else { c }).collect();
    if name.chars().nth(LONGEST).is_some() {
        cut.push('\u{2026}');
    }
    cut
}

/// Whether XML cannot say the character.
fn is_no_text(c: char) -> bool {
    matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// The last part of a path: `fetch` of `my_crate::net::fetch`.
pub(crate) fn short(function: &str) -> &str {
    function.rsplit("::").next().unwrap_or(function)
}

/// A name as text or attribute of XML.
pub(crate) struct Xml<'a>(pub(crate) &'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in cut(self.0).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A name as a string of JSON, with its quotes.
pub(crate) struct Json<'a>(pub(crate) &'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in cut(self.0).chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// The first lines in each graph of DOT.
///
/// # Examples
///
/// A call behind a [`Shared`](crate::Shared) is one node, with the state of the call:
///
/// ```
/// use asynctools::{AsyncValue, Pool};
///
/// let pool = Pool::new(0);
/// let (promise, value) = AsyncValue::<u32>::promise();
/// let queued = pool.spawn(|| 1).shared();
/// let waiting = value.map(|n| n + 1).shared();
/// let both = queued.map(|n| *n).zip(waiting.map(|n| *n));
/// let text = both.graph().to_string();
/// let states = ["waits for a worker", "waits for arguments", "waits for the program"];
/// assert_eq!(states.map(|state| text.matches(state).count()), [1, 4, 1]);
/// assert_eq!(text.matches(" -> ").count(), 5);
/// promise.set(1);
/// pool.set_workers(1);
/// assert_eq!(both.get(), (1, 2));
/// ```
pub(crate) const DOT_STYLE: &str = "  rankdir=LR;
  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];";

/// Names as a label of DOT, one to a line, with their quotes.
pub(crate) struct Dot<'a>(pub(crate) &'a [&'a str]);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for (place, line) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("\\n")?;
            }
            for c in cut(line).chars() {
                match c {
                    '"' => f.write_str("\\\"")?,
                    '\\' => f.write_str("\\\\")?,
                    c => f.write_char(c)?,
                }
            }
        }
        f.write_char('"')
    }
}

/// Prints a time as people read it: `21.4 ms`.
pub(crate) struct Took(pub(crate) Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds >= 10.0 {
            write!(f, "{seconds:.1} s")
        } else if seconds >= 1.0 {
            write!(f, "{seconds:.2} s")
        } else if seconds >= 0.01 {
            write!(f, "{:.0} ms", seconds * 1e3)
        } else if seconds >= 0.000_1 {
            write!(f, "{:.1} ms", seconds * 1e3)
        } else {
            write!(f, "{:.0} \u{b5}s", seconds * 1e6)
        }
    }
}
