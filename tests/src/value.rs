//! The arguments and results of the calls: each is counted from its making to its drop.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::Ordering;

/// The tag of a panic in the `Clone` of a call's value, less the number of that call.
pub(crate) const CLONE: usize = 1_000_000;

/// The number of arguments and results that exist.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Results, errors and payloads.
    results: AtomicIsize,
    /// The arguments of each call.
    arguments: Vec<AtomicIsize>,
}

impl Ledger {
    pub(crate) fn new(calls: usize) -> Arc<Self> {
        Arc::new(Self { results: AtomicIsize::new(0), arguments: (0..calls).map(|_| AtomicIsize::new(0)).collect() })
    }

    pub(crate) fn argument(self: &Arc<Self>, call: usize) -> Token {
        self.arguments[call].fetch_add(1, Ordering::SeqCst);
        Token { ledger: self.clone(), call: Some(call) }
    }

    pub(crate) fn result(self: &Arc<Self>) -> Token {
        self.results.fetch_add(1, Ordering::SeqCst);
        Token { ledger: self.clone(), call: None }
    }

    /// Returns how many arguments of that call have not been dropped.
    pub(crate) fn arguments_of(&self, call: usize) -> isize {
        self.arguments[call].load(Ordering::SeqCst)
    }

    pub(crate) fn arguments(&self) -> isize {
        self.arguments.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    pub(crate) fn results(&self) -> isize {
        self.results.load(Ordering::SeqCst)
    }
}

/// Counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Token {
    ledger: Arc<Ledger>,
    call: Option<usize>,
}

impl Clone for Token {
    fn clone(&self) -> Self {
        match self.call {
            Some(call) => self.ledger.argument(call),
            None => self.ledger.result(),
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let count = match self.call {
            Some(call) => &self.ledger.arguments[call],
            None => &self.ledger.results,
        };
        count.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The result of a call.
#[derive(Debug)]
pub(crate) struct Val {
    pub(crate) origin: usize,
    pub(crate) brittle: bool,
    pub(crate) token: Token,
}

impl Clone for Val {
    fn clone(&self) -> Self {
        if self.brittle {
            // A panic that the hook does not print.
            resume_unwind(Box::new(boom(CLONE + self.origin)));
        }
        Self { origin: self.origin, brittle: false, token: self.token.clone() }
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
    pub(crate) _token: Token,
}

/// The error of a call.
pub(crate) trait Fail: Clone + Send + Sync + 'static {
    fn new(origin: usize, token: Token) -> Self;
    fn origin(&self) -> usize;
}

/// An error that becomes [`Bad`] on its way.
#[derive(Clone, Debug)]
pub(crate) struct Mild {
    origin: usize,
    token: Token,
}

#[derive(Clone, Debug)]
pub(crate) struct Bad {
    origin: usize,
    _token: Token,
}

impl Fail for Mild {
    fn new(origin: usize, token: Token) -> Self {
        Self { origin, token }
    }

    fn origin(&self) -> usize {
        self.origin
    }
}

impl Fail for Bad {
    fn new(origin: usize, token: Token) -> Self {
        Self { origin, _token: token }
    }

    fn origin(&self) -> usize {
        self.origin
    }
}

impl From<Mild> for Bad {
    fn from(mild: Mild) -> Self {
        Self { origin: mild.origin, _token: mild.token }
    }
}

/// What a body returns.
pub(crate) type Out<E> = Result<Val, E>;
