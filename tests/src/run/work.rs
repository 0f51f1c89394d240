//! The body of a call, and its counted argument.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use asynctools::stop_requested;
use asynctools::stop_token;

use crate::program::plan::At;
use crate::program::plan::Body;
use crate::program::plan::Finish;
use crate::run::frame::Frame;
use crate::run::state::Run;
use crate::tally::Tally;
use crate::value::AtDrop;
use crate::value::Boom;
use crate::value::CONVERT;
use crate::value::DROP;
use crate::value::Fail;
use crate::value::Out;
use crate::value::Token;
use crate::value::Val;
use crate::value::boom;

/// A body to run, and its counted argument.
pub(crate) struct Work {
    pub(crate) run: Arc<Run>,
    pub(crate) body: Arc<Body>,
    pub(crate) home: At,
    /// Before the token, so that the argument counts while its code runs.
    pub(crate) at_drop: AtDrop,
    pub(crate) token: Token,
}

impl Work {
    /// Checks that an argument is the result of the call that the program names.
    pub(crate) fn got(&self, position: usize, origin: usize) {
        let wanted = self.run.program.calls[self.body.id].args.get(position);
        if wanted != Some(&origin) {
            self.run.fault(format!("call {} got the result of {origin} as argument {position}", self.body.id));
        }
    }

    pub(crate) fn got_result<E: Fail>(&self, position: usize, result: &Out<E>) {
        match result {
            Ok(value) => self.got(position, value.origin),
            // An error keeps its origin when it crosses an edge.
            Err(error) => {
                if error.origin() >= self.run.ran.len() {
                    self.run.fault(format!("call {} got an error out of nowhere", self.body.id));
                }
            }
        }
    }

    pub(crate) fn got_all(&self, all: &[Val]) {
        if all.len() != self.run.program.calls[self.body.id].args.len() {
            self.run.fault(format!("call {} got {} arguments", self.body.id, all.len()));
        }
        for (position, value) in all.iter().enumerate() {
            self.got(position, value.origin);
        }
    }

    pub(crate) fn run<E: Fail>(self) -> Out<E> {
        let Self { run, body, home, mut at_drop, token } = self;
        at_drop.disarm();
        if run.ran[body.id].fetch_add(1, Ordering::SeqCst) > 0 {
            run.fault(format!("call {} runs twice", body.id));
        }
        {
            let frame = Frame::enter(&run, home, Some(&body));
            for step in &body.steps {
                run.step(&frame, &body, step);
            }
            run.look_for_stop(body.id);
        }
        let result = match body.end {
            Finish::Value => Ok(run.value(&body)),
            Finish::Fail => {
                Err(E::new(body.id, run.ledger.result(body.id), run.code(body.hooks.convert, CONVERT + body.id)))
            }
            Finish::Panic => resume_unwind(Box::new(boom(body.id))),
            Finish::PanicAny => {
                let at_drop = AtDrop(run.code(body.hooks.result, DROP + body.id));
                resume_unwind(Box::new(Boom { tag: body.id, at_drop, _token: run.ledger.result(body.id) }))
            }
        };
        drop(token);
        result
    }

    pub(crate) fn run_with<X: Fail, E: Fail>(self, all: &[Out<X>]) -> Out<E> {
        for (position, result) in all.iter().enumerate() {
            self.got_result(position, result);
        }
        self.run()
    }

    pub(crate) fn run_with_value<E: Fail>(self, value: &Val) -> Out<E> {
        self.got(0, value.origin);
        self.run()
    }

    pub(crate) fn run_with_two<X: Fail, Y: Fail, E: Fail>(self, a: &Out<X>, b: &Out<Y>) -> Out<E> {
        self.got_result(0, a);
        self.got_result(1, b);
        self.run()
    }
}

impl Run {
    /// Looks at the end of call `id` whether somebody has asked it to stop: nobody has, in a program that asks no call.
    fn look_for_stop(&self, id: usize) {
        let token = stop_token();
        if !stop_requested() {
            return;
        }
        Tally::add(&self.tally.stopped);
        if !token.is_requested() {
            self.fault(format!("call {id} was asked to stop, and its token does not know"));
        }
        if !self.program.may_ask_to_stop() {
            self.fault(format!("call {id} was asked to stop, and nobody asked"));
        }
    }

    pub(crate) fn work(self: &Arc<Self>, body: &Arc<Body>, home: At) -> Work {
        let at_drop = AtDrop(self.code(body.hooks.argument, DROP + body.id));
        Work { run: self.clone(), body: body.clone(), home, at_drop, token: self.ledger.argument(body.id) }
    }
}
