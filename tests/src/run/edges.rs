//! Handles, and handles as arguments of calls.

use std::vec;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Shared;

use crate::value::Bad;
use crate::value::Mild;
use crate::value::Out;

/// A handle that is kept for later calls, or for the threads outside.
#[derive(Debug)]
pub(crate) enum Handle {
    Mild(AsyncValue<Out<Mild>>),
    Bad(AsyncValue<Out<Bad>>),
    SharedMild(Shared<Out<Mild>>),
    SharedBad(Shared<Out<Bad>>),
}

/// A handle as an argument.
pub(crate) enum Edge<'a> {
    MovedMild(AsyncValue<Out<Mild>>),
    BorrowedMild(&'a AsyncValue<Out<Mild>>),
    SharedMild(Shared<Out<Mild>>),
    MovedBad(AsyncValue<Out<Bad>>),
    BorrowedBad(&'a AsyncValue<Out<Bad>>),
    SharedBad(Shared<Out<Bad>>),
}

/// Handles that become one argument.
pub(crate) enum List {
    Mild(AsyncList<Out<Mild>>),
    Bad(AsyncList<Out<Bad>>),
}

pub(crate) fn owned_list(edges: vec::IntoIter<Edge<'_>>) -> List {
    let (mut mild, mut bad) = (AsyncList::new(), AsyncList::new());
    for edge in edges {
        match edge {
            Edge::MovedMild(value) => mild.push(value),
            Edge::MovedBad(value) => bad.push(value),
            _ => unreachable!("a list moves its handles"),
        }
    }
    if bad.is_empty() { List::Mild(mild) } else { List::Bad(bad) }
}

/// Evaluates `$call` with the handle in `$edge`, whatever the type of the handle.
macro_rules! any_edge {
    ($edge:expr, $arg:ident => $call:expr) => {
        match $edge {
            Edge::MovedMild($arg) => $call,
            Edge::BorrowedMild($arg) => $call,
            Edge::SharedMild($arg) => $call,
            Edge::MovedBad($arg) => $call,
            Edge::BorrowedBad($arg) => $call,
            Edge::SharedBad($arg) => $call,
        }
    };
}

macro_rules! mild_edge {
    ($edge:expr, $arg:ident => $call:expr) => {
        match $edge {
            Edge::MovedMild($arg) => $call,
            Edge::BorrowedMild($arg) => $call,
            Edge::SharedMild($arg) => $call,
            _ => unreachable!("a mild call has mild arguments"),
        }
    };
}

macro_rules! any_list {
    ($edges:expr, $all:ident => $call:expr) => {
        match owned_list($edges) {
            List::Mild($all) => $call,
            List::Bad($all) => $call,
        }
    };
}

macro_rules! mild_list {
    ($edges:expr, $all:ident => $call:expr) => {
        match owned_list($edges) {
            List::Mild($all) => $call,
            List::Bad(_) => unreachable!("a mild call has mild arguments"),
        }
    };
}

pub(crate) use any_edge;
pub(crate) use any_list;
pub(crate) use mild_edge;
pub(crate) use mild_list;
