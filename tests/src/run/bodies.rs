//! The steps of a body.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::parallel;

use crate::oracle::own_end;
use crate::program::plan::At;
use crate::program::plan::Body;
use crate::program::plan::ListWait;
use crate::program::plan::Step;
use crate::program::plan::Via;
use crate::program::plan::Wait;
use crate::run::finish::discard;
use crate::run::frame::Frame;
use crate::run::state::Reader;
use crate::run::state::Run;
use crate::run::state::lock;
use crate::run::state::yield_often;
use crate::seen::End;
use crate::seen::Ends;
use crate::seen::Kind;
use crate::seen::Seen;
use crate::seen::seen_of_shared;
use crate::tally::Tally;
use crate::value::Bad;
use crate::value::Out;

impl Run {
    pub(crate) fn launch(self: &Arc<Self>, at: At, body: &Arc<Body>) -> AsyncValue<Out<Bad>> {
        let work = self.work(body, at);
        match at {
            At::Parallel => parallel(move || work.run()),
            at => self.target(at).spawn(move || work.run()),
        }
    }

    /// As [`launch`](Self::launch), in a body: a full queue of another pool may block the body, or run the call here.
    pub(crate) fn launch_from(self: &Arc<Self>, frame: &Frame<'_>, at: At, body: &Arc<Body>) -> AsyncValue<Out<Bad>> {
        match at {
            At::Pool(pool) if at != frame.home && self.program.pools[pool].bound.is_some() => {
                frame.aside(|| self.launch(at, body))
            }
            _ => self.launch(at, body),
        }
    }

    pub(crate) fn step(self: &Arc<Self>, frame: &Frame<'_>, body: &Body, step: &Step) {
        match step {
            Step::Yield(times) => yield_often(*times),
            Step::Nest { at, body, via, wait } => self.nest(frame, *at, body, *via, *wait),
            Step::List { calls, wait } => {
                let ends: Vec<_> = calls
                    .iter()
                    .map(|(at, body)| {
                        let mut ends = self.oracle.nested(body, *at, frame.home, Via::Itself, false);
                        ends.extend((*wait == ListWait::Stop).then_some(End::Lost(Kind::Cancelled, 0)));
                        ends
                    })
                    .collect();
                let ids: Vec<_> = calls.iter().map(|(_, body)| body.id).collect();
                let list: AsyncList<_> = calls.iter().map(|(at, body)| self.launch_from(frame, *at, body)).collect();
                let seen = frame.away(|| self.finish_list(list, *wait, &ids));
                for ((seen, ends), (_, body)) in seen.into_iter().zip(ends).zip(calls) {
                    self.check_nested(seen.as_ref(), &ends, body, Via::Itself);
                }
            }
            Step::Gate { gate, micros } => {
                let gate = &self.gates[*gate];
                frame.away(|| match micros {
                    Some(micros) if !gate.wait_timeout(Duration::from_micros(u64::from(*micros))) => {
                        Tally::add(&self.tally.timed_out);
                    }
                    Some(_) => {}
                    None => gate.wait(),
                });
            }
            Step::Promise { set, wait } => {
                let (promise, value) = AsyncValue::promise();
                let (set, made) = (*set, Ok::<_, Bad>(self.value(body)));
                self.order(move || discard(|| if set { promise.set(made) } else { drop(promise) }));
                let seen = frame.away(|| self.finish(value, *wait, false));
                let end = if set { End::Value(body.id) } else { End::Lost(Kind::Abandoned, 0) };
                if seen.as_ref().is_some_and(|seen| !seen.is(&end)) {
                    self.fault(format!("a promise in call {} ended as {seen:?}, not as {end:?}", body.id));
                }
            }
            Step::Pool(act) => frame.aside(|| self.act_on_pool(*act)),
            Step::Await { call, micros } => frame.away(|| self.await_call(*call, *micros)),
            Step::Own { own, at } => frame.away(|| self.own(*own, *at)),
        }
    }

    pub(crate) fn nest(self: &Arc<Self>, frame: &Frame<'_>, at: At, body: &Arc<Body>, via: Via, wait: Wait) {
        let mut ends = self.oracle.nested(body, at, frame.home, via, wait == Wait::Cancel);
        ends.extend((wait == Wait::Stop).then_some(End::Lost(Kind::Cancelled, 0)));
        let value = self.launch_from(frame, at, body);
        let run = self.clone();
        let id = body.id;
        let value = match via {
            Via::Itself => value,
            Via::Shared => {
                let shared = value.shared();
                let seen = frame.away(|| self.finish_shared(&shared, wait));
                discard(|| drop(shared));
                return self.check_nested(seen.as_ref(), &ends, body, via);
            }
            Via::Map => value.map(move |result| {
                let _frame = Frame::enter(&run, at, None);
                result
            }),
            Via::AndThen => value.and_then(move |value| {
                let _frame = Frame::enter(&run, at, None);
                Ok(value)
            }),
            Via::Chain => {
                let token = self.ledger.argument(id);
                let made = body.clone();
                value.chain(move || {
                    let _frame = Frame::enter(&run, at, None);
                    let value = run.value(&made);
                    drop(token);
                    Ok(value)
                })
            }
        };
        let seen = frame.away(|| self.finish(value, wait, false));
        self.check_nested(seen.as_ref(), &ends, body, via);
    }

    pub(crate) fn check_nested(&self, seen: Option<&Seen>, ends: &Ends, body: &Body, via: Via) {
        let Some(seen) = seen else { return };
        let id = body.id;
        // The wait has ended, and not the call.
        if self.scarce && seen.is_deadlock() {
            return;
        }
        if !seen.is_in(ends) {
            self.fault(format!("nested call {id} must end as one of {ends:?}, and ended as {seen:?}"));
        }
        if via == Via::Itself {
            self.check_over(id, seen, seen.is(&own_end(body)));
        }
    }

    /// Waits for a call from outside, and checks how it ended.
    pub(crate) fn await_call(&self, call: usize, micros: Option<u16>) {
        // `None` before the call is made, and once the program is over.
        let Some(reader) = lock(&self.readers[call]).clone() else { return };
        Tally::add(&self.tally.awaits);
        let limit = micros.map(|micros| Duration::from_micros(u64::from(micros)));
        let timed_out = match (&reader, limit) {
            (Reader::Mild(value), Some(limit)) => !value.wait_timeout(limit),
            (Reader::Bad(value), Some(limit)) => !value.wait_timeout(limit),
            _ => false,
        };
        if timed_out {
            Tally::add(&self.tally.timed_out);
            return discard(|| drop(reader));
        }
        let seen = match &reader {
            Reader::Mild(value) => seen_of_shared(value.outcome()),
            Reader::Bad(value) => seen_of_shared(value.outcome()),
        };
        discard(|| drop(reader));
        let may_end_so = seen.is_in(&self.before[call]) || (self.scarce && seen.is_deadlock());
        if !may_end_so {
            self.fault(format!("call {call} must end as one of {:?}, and a body saw {seen:?}", self.before[call]));
        }
    }

    /// Checks that an ended call ran exactly if its end says so, and has dropped its arguments if it ran. A call that never runs drops
    /// them soon: its end comes first.
    pub(crate) fn check_over(&self, id: usize, seen: &Seen, ran: bool) {
        let left = self.ledger.arguments_of(id);
        // The second reader of a panic may not see which call panicked.
        let is_known = *seen != Seen::Panicked(None) && !seen.is_deadlock();
        if left != 0 && ran && is_known {
            self.fault(format!("call {id} ended as {seen:?} and keeps its arguments"));
        }
        if is_known && self.ran[id].load(Ordering::SeqCst) != usize::from(ran) {
            let times = self.ran[id].load(Ordering::SeqCst);
            self.fault(format!("call {id} ended as {seen:?} and ran {times} times"));
        }
    }
}
