//! The acts of the threads outside of all calls.

use std::sync::Arc;
use std::sync::PoisonError;

use asynctools::AsyncList;
use asynctools::TaskError;

use crate::oracle::own_end;
use crate::program::plan::Act;
use crate::program::plan::At;
use crate::program::plan::PoolAct;
use crate::run::edges::Handle;
use crate::run::state::Run;
use crate::run::state::Slots;
use crate::run::state::lock;
use crate::run::state::yield_often;
use crate::seen::Seen;

impl Run {
    pub(crate) fn handle(&self, index: usize) -> Option<Handle> {
        let wanted = |slots: &mut Slots| slots.handles[index].is_none() && !slots.broken;
        let mut slots = self.filled.wait_while(lock(&self.slots), wanted).unwrap_or_else(PoisonError::into_inner);
        slots.handles[index].take()
    }

    pub(crate) fn act(self: &Arc<Self>, act: &Act) {
        match act {
            Act::Yield(times) => yield_often(*times),
            Act::Use(index) => {
                let wait = self.program.calls[*index].wait;
                let seen = match self.handle(*index) {
                    None => None,
                    Some(Handle::Mild(value)) => self.finish(value, wait, true),
                    Some(Handle::Bad(value)) => self.finish(value, wait, true),
                    Some(Handle::SharedMild(value)) => self.finish_reader(value, wait),
                    Some(Handle::SharedBad(value)) => self.finish_reader(value, wait),
                };
                self.note(*index, seen);
            }
            Act::UseList(calls, wait) => {
                let handles: Vec<_> = calls.iter().filter_map(|index| self.handle(*index)).collect();
                let list: AsyncList<_> = handles
                    .into_iter()
                    .map(|handle| match handle {
                        Handle::Bad(value) => value,
                        other => unreachable!("not for a list: {other:?}"),
                    })
                    .collect();
                if list.len() == calls.len() {
                    for (index, seen) in calls.iter().zip(self.finish_list(list, *wait, calls)) {
                        self.note(*index, seen);
                    }
                }
            }
            Act::Pool(act) => {
                self.act_on_pool(*act);
                if let PoolAct::Close(pool) | PoolAct::CloseTimeout(pool, _) | PoolAct::Drop(pool) = *act {
                    // From now on the pool refuses calls from outside.
                    let refused = self.target(At::Pool(pool)).spawn(|| ()).outcome();
                    if !matches!(refused, Err(TaskError::Closed)) {
                        self.fault(format!("pool {pool} was closed, and a call on it ended as {refused:?}"));
                    }
                }
            }
        }
    }

    pub(crate) fn note(&self, index: usize, seen: Option<Seen>) {
        if let Some(seen) = &seen {
            let call = &self.program.calls[index];
            let ran = !call.shape.has_no_body() && seen.is(&own_end(&call.body));
            self.check_over(index, seen, ran);
        }
        *lock(&self.seen[index]) = seen;
    }
}
