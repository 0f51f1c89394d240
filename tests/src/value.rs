//! The arguments and results of the calls: each is counted from its making to its drop.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::Ordering;

/// The tag of a panic in the `Clone` of a call's value, less the number of that call.
pub(crate) const CLONE: usize = 1_000_000;

/// The same for a panic in the conversion of an error.
pub(crate) const CONVERT: usize = 2_000_000;

/// The same for a panic in the `Drop` of an argument or a result, or in a waker: no call ends with it.
pub(crate) const DROP: usize = 3_000_000;

/// The number of arguments and results that exist.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The results, errors and payloads of each call.
    results: Vec<AtomicIsize>,
    /// The arguments of each call.
    arguments: Vec<AtomicIsize>,
}

impl Ledger {
    pub(crate) fn new(calls: usize) -> Arc<Self> {
        let counts = || (0..calls).map(|_| AtomicIsize::new(0)).collect();
        Arc::new(Self { results: counts(), arguments: counts() })
    }

    pub(crate) fn argument(self: &Arc<Self>, call: usize) -> Token {
        Token::new(self, call, true)
    }

    pub(crate) fn result(self: &Arc<Self>, call: usize) -> Token {
        Token::new(self, call, false)
    }

    fn counter(&self, call: usize, is_argument: bool) -> &AtomicIsize {
        if is_argument { &self.arguments[call] } else { &self.results[call] }
    }

    /// Returns how many arguments of that call have not been dropped.
    pub(crate) fn arguments_of(&self, call: usize) -> isize {
        self.arguments[call].load(Ordering::SeqCst)
    }

    pub(crate) fn arguments(&self) -> isize {
        self.arguments.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// Returns the calls with results that have not been dropped.
    pub(crate) fn left(&self) -> Vec<usize> {
        let is_left = |call: &usize| self.results[*call].load(Ordering::SeqCst) != 0;
        (0..self.results.len()).filter(is_left).collect()
    }
}

/// Counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Token {
    ledger: Arc<Ledger>,
    call: usize,
    is_argument: bool,
}

impl Token {
    fn new(ledger: &Arc<Ledger>, call: usize, is_argument: bool) -> Self {
        ledger.counter(call, is_argument).fetch_add(1, Ordering::SeqCst);
        Self { ledger: ledger.clone(), call, is_argument }
    }
}

impl Clone for Token {
    fn clone(&self) -> Self {
        Self::new(&self.ledger, self.call, self.is_argument)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.ledger.counter(self.call, self.is_argument).fetch_sub(1, Ordering::SeqCst);
    }
}

/// User code that a value runs.
#[derive(Clone)]
pub(crate) struct Code(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl Code {
    fn run(code: Option<&Self>) {
        if let Some(code) = code {
            code.0();
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

/// Runs code when it is dropped, unless it was disarmed.
#[derive(Debug, Default)]
pub(crate) struct AtDrop(pub(crate) Option<Code>);

impl AtDrop {
    pub(crate) fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for AtDrop {
    fn drop(&mut self) {
        Code::run(self.0.take().as_ref());
    }
}

/// The result of a call.
#[derive(Debug)]
pub(crate) struct Val {
    pub(crate) origin: usize,
    pub(crate) brittle: bool,
    pub(crate) at_clone: Option<Code>,
    /// Before the token, so that the value counts while its code runs.
    pub(crate) at_drop: AtDrop,
    pub(crate) token: Token,
}

impl Val {
    /// A thread of the program has the value: nothing happens when the value is dropped.
    pub(crate) fn disarm(mut self) -> usize {
        self.at_drop.disarm();
        self.origin
    }
}

impl Clone for Val {
    fn clone(&self) -> Self {
        if self.brittle {
            // A panic that the hook does not print.
            resume_unwind(Box::new(boom(CLONE + self.origin)));
        }
        Code::run(self.at_clone.as_ref());
        let at_drop = AtDrop(self.at_drop.0.clone());
        Self { origin: self.origin, brittle: false, at_clone: None, at_drop, token: self.token.clone() }
    }
}

/// The text of a panic.
pub(crate) fn boom(tag: usize) -> String {
    format!("boom {tag}")
}

/// The payload of a panic that has no text.
#[derive(Debug)]
pub(crate) struct Boom {
    pub(crate) tag: usize,
    pub(crate) at_drop: AtDrop,
    pub(crate) _token: Token,
}

/// The error of a call.
pub(crate) trait Fail: Clone + Send + Sync + 'static {
    /// `convert` runs when the error becomes one of another type.
    fn new(origin: usize, token: Token, convert: Option<Code>) -> Self;
    fn origin(&self) -> usize;
}

/// An error that becomes [`Bad`] on its way.
#[derive(Clone, Debug)]
pub(crate) struct Mild {
    origin: usize,
    token: Token,
    convert: Option<Code>,
}

#[derive(Clone, Debug)]
pub(crate) struct Bad {
    origin: usize,
    _token: Token,
}

impl Fail for Mild {
    fn new(origin: usize, token: Token, convert: Option<Code>) -> Self {
        Self { origin, token, convert }
    }

    fn origin(&self) -> usize {
        self.origin
    }
}

impl Fail for Bad {
    fn new(origin: usize, token: Token, _convert: Option<Code>) -> Self {
        Self { origin, _token: token }
    }

    fn origin(&self) -> usize {
        self.origin
    }
}

impl From<Mild> for Bad {
    fn from(mild: Mild) -> Self {
        Code::run(mild.convert.as_ref());
        Self { origin: mild.origin, _token: mild.token }
    }
}

/// What a body returns.
pub(crate) type Out<E> = Result<Val, E>;
