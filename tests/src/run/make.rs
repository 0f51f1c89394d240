//! Makes the calls of a program, in program order.

use std::sync::Arc;
use std::vec;

use asynctools::AsyncValue;
use asynctools::parallel;

use crate::program::plan::At;
use crate::program::plan::Finish;
use crate::program::plan::Keep;
use crate::program::plan::Shape;
use crate::run::edges::Edge;
use crate::run::edges::Handle;
use crate::run::edges::List;
use crate::run::edges::any_edge;
use crate::run::edges::any_list;
use crate::run::edges::mild_edge;
use crate::run::edges::mild_list;
use crate::run::edges::owned_list;
use crate::run::functions::OnPool;
use crate::run::functions::OnThread;
use crate::run::state::Reader;
use crate::run::state::Run;
use crate::run::state::lock;
use crate::value::Bad;
use crate::value::Mild;
use crate::value::Out;

/// Calls the annotated function that `$call` names, on `$callee`; all other shapes are for `$otherwise`.
macro_rules! annotated {
    ($call:ident, $edges:ident, $edge:ident, $list:ident, $callee:expr, $otherwise:expr) => {
        match ($call.shape, $edges.len()) {
            (Shape::Call, 0) => $callee.none(),
            (Shape::Call, 1) => $edge!(next(&mut $edges), a => $callee.one(a)),
            (Shape::Call, _) => {
                let (first, second) = (next(&mut $edges), next(&mut $edges));
                $edge!(first, a => $edge!(second, b => $callee.two(a, b)))
            }
            (Shape::Whole, _) => match next(&mut $edges) {
                Edge::MovedMild(a) => $callee.whole_mild(a),
                Edge::BorrowedMild(a) => $callee.whole_mild(a),
                Edge::SharedMild(a) => $callee.whole_mild(a),
                Edge::MovedBad(a) => $callee.whole_bad(a),
                Edge::BorrowedBad(a) => $callee.whole_bad(a),
                Edge::SharedBad(a) => $callee.whole_bad(a),
            },
            (Shape::Many, _) => $list!($edges, all => $callee.many(all)),
            (Shape::Slice, _) => $list!($edges, all => $callee.slice(all)),
            _ => $otherwise,
        }
    };
}

fn next<'a>(edges: &mut vec::IntoIter<Edge<'a>>) -> Edge<'a> {
    edges.next().expect("the shape and its arguments fit")
}

/// Follows the call whose handle is the first of `$edges`.
macro_rules! follower {
    ($call:ident, $edges:ident, $work:ident, $E:ty, $own:ident) => {
        match $call.shape {
            Shape::Map => match next(&mut $edges) {
                Edge::$own(value) => value.map(move |result| $work.run_with(&[result])),
                _ => unreachable!("the error type stays"),
            },
            Shape::AndThen => match next(&mut $edges) {
                Edge::$own(value) => value.and_then(move |value| $work.run_with_value(&value)),
                _ => unreachable!("the error type stays"),
            },
            Shape::MapOk => match next(&mut $edges) {
                // `map_ok` cannot express a body that fails.
                Edge::$own(value) if $call.body.end == Finish::Fail => {
                    value.and_then(move |value| $work.run_with_value(&value))
                }
                Edge::$own(value) => value.map_ok(move |value| match $work.run_with_value::<$E>(&value) {
                    Ok(value) => value,
                    Err(_) => unreachable!("its end is another one"),
                }),
                _ => unreachable!("the error type stays"),
            },
            Shape::Chain => match next(&mut $edges) {
                Edge::MovedMild(value) => value.chain(move || $work.run()),
                Edge::MovedBad(value) => value.chain(move || $work.run()),
                _ => unreachable!("a method moves its handle"),
            },
            Shape::Zip => match (next(&mut $edges), next(&mut $edges)) {
                (Edge::MovedMild(a), Edge::MovedMild(b)) => a.zip(b).map(move |(a, b)| $work.run_with_two(&a, &b)),
                (Edge::MovedMild(a), Edge::MovedBad(b)) => a.zip(b).map(move |(a, b)| $work.run_with_two(&a, &b)),
                (Edge::MovedBad(a), Edge::MovedMild(b)) => a.zip(b).map(move |(a, b)| $work.run_with_two(&a, &b)),
                (Edge::MovedBad(a), Edge::MovedBad(b)) => a.zip(b).map(move |(a, b)| $work.run_with_two(&a, &b)),
                _ => unreachable!("a method moves its handles"),
            },
            Shape::ListMap => match owned_list($edges) {
                List::Mild(all) => all.map(move |all| $work.run_with(&all)),
                List::Bad(all) => all.map(move |all| $work.run_with(&all)),
            },
            Shape::ListChain => match owned_list($edges) {
                List::Mild(all) => all.chain(move || $work.run()),
                List::Bad(all) => all.chain(move || $work.run()),
            },
            shape => unreachable!("{shape:?} follows no call"),
        }
    };
}

/// Makes a call that fails with `$E`; `$Own` is the moved handle of such a call.
macro_rules! maker {
    ($make:ident, $E:ty, $own:ident, $edge:ident, $list:ident) => {
        fn $make(self: &Arc<Self>, index: usize, edges: Vec<Edge<'_>>) -> AsyncValue<Out<$E>> {
            let call = &self.program.calls[index];
            let work = self.work(&call.body, call.at);
            let mut edges = edges.into_iter();
            if call.shape.follows() {
                return follower!(call, edges, work, $E, $own);
            }
            match call.at {
                At::Parallel => {
                    annotated!(call, edges, $edge, $list, OnThread(work), parallel(move || work.run()))
                }
                at => {
                    let target = self.target(at);
                    annotated!(call, edges, $edge, $list, OnPool { target, work }, target.spawn(move || work.run()))
                }
            }
        }
    };
}

impl Run {
    maker!(make_mild, Mild, MovedMild, mild_edge, mild_list);
    maker!(make_bad, Bad, MovedBad, any_edge, any_list);

    pub(crate) fn make_calls(self: &Arc<Self>, mut promised: Vec<Option<Handle>>) {
        let calls = &self.program.calls;
        let mut handles: Vec<Option<Handle>> = Vec::with_capacity(calls.len());
        for (index, call) in calls.iter().enumerate() {
            let handle = promised[index].take().unwrap_or_else(|| {
                let edges = self.edges(index, &mut handles);
                if call.mild {
                    Handle::Mild(self.make_mild(index, edges))
                } else {
                    Handle::Bad(self.make_bad(index, edges))
                }
            });
            handles.push(Some(match (handle, call.keep) {
                (Handle::Mild(value), Keep::Shared) => {
                    let value = value.shared();
                    *lock(&self.readers[index]) = Some(Reader::Mild(value.clone()));
                    Handle::SharedMild(value)
                }
                (Handle::Bad(value), Keep::Shared) => {
                    let value = value.shared();
                    *lock(&self.readers[index]) = Some(Reader::Bad(value.clone()));
                    Handle::SharedBad(value)
                }
                (handle, _) => handle,
            }));
            for (other, plan) in calls.iter().enumerate().take(index + 1) {
                if plan.last_reader == index && plan.keep != Keep::Moved {
                    lock(&self.slots).handles[other] = handles[other].take();
                    self.filled.notify_all();
                }
            }
        }
    }

    /// The handles of earlier calls as arguments of this one.
    pub(crate) fn edges<'a>(&self, index: usize, handles: &'a mut [Option<Handle>]) -> Vec<Edge<'a>> {
        let calls = &self.program.calls;
        let args = &calls[index].args;
        let moved: Vec<_> =
            args.iter().map(|arg| (calls[*arg].keep == Keep::Moved).then(|| handles[*arg].take())).collect();
        let edge = |(arg, moved): (&usize, Option<Option<Handle>>)| match (moved, &handles[*arg]) {
            (Some(Some(Handle::Mild(value))), _) => Edge::MovedMild(value),
            (Some(Some(Handle::Bad(value))), _) => Edge::MovedBad(value),
            (None, Some(Handle::Mild(value))) => Edge::BorrowedMild(value),
            (None, Some(Handle::Bad(value))) => Edge::BorrowedBad(value),
            (None, Some(Handle::SharedMild(value))) => Edge::SharedMild(value.clone()),
            (None, Some(Handle::SharedBad(value))) => Edge::SharedBad(value.clone()),
            _ => unreachable!("planned otherwise"),
        };
        args.iter().zip(moved).map(edge).collect()
    }
}
