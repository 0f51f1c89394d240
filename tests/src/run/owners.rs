//! Pools that calls own, and that end inside of calls.

use std::sync::Arc;

use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::parallel;

use crate::program::plan::At;
use crate::program::plan::Own;
use crate::run::frame::Frame;
use crate::run::state::Run;
use crate::tally::Tally;

impl Run {
    /// Makes a pool in a body, and ends the pool as `own` says; some of that runs in a call `at` another pool.
    pub(crate) fn own(self: &Arc<Self>, own: Own, at: At) {
        Tally::add(&self.tally.owners);
        let pool = Arc::new(Pool::new(1));
        let owner = pool.clone();
        let token = self.ledger.result(0);
        let run = self.clone();
        let call = match own {
            Own::DropInside => pool.spawn(move || drop((owner, token))),
            Own::DropElsewhere | Own::CloseElsewhere => pool.spawn(move || {
                let close = own == Own::CloseElsewhere;
                let other = run.elsewhere(at, move || {
                    if close {
                        owner.close();
                    }
                    drop((owner, token));
                });
                // However the other call ends, and even if the other call never ran.
                drop(other.outcome());
            }),
            Own::CloseEachOther => {
                let second = Arc::new(Pool::new(1));
                // Neither pool closes before both calls are made.
                let (both, made) = AsyncValue::promise();
                let made = made.shared();
                let (there, made_too) = (second.clone(), made.clone());
                let closed = second.spawn(move || {
                    drop(made_too.outcome());
                    owner.close();
                });
                let call = pool.spawn(move || {
                    drop(made.outcome());
                    there.close();
                    drop((there, token));
                });
                both.set(());
                self.check_owned(own, closed.outcome());
                call
            }
            Own::DropHere | Own::CloseHere => pool.spawn(move || drop((owner, token))),
        };
        if own == Own::CloseHere {
            pool.close();
        }
        drop(pool);
        self.check_owned(own, call.outcome());
    }

    fn elsewhere(self: &Arc<Self>, at: At, f: impl FnOnce() + Send + 'static) -> AsyncValue<()> {
        let run = self.clone();
        let f = move || {
            let _frame = Frame::enter(&run, at, None);
            f();
        };
        match at {
            At::Parallel => parallel(f),
            at => self.target(at).spawn(f),
        }
    }

    /// Nobody cancels the calls of these pools, and what is queued when a pool closes still runs.
    fn check_owned(&self, own: Own, outcome: Result<(), TaskError>) {
        match outcome {
            Ok(()) => {}
            Err(TaskError::Spawn(_) | TaskError::WouldDeadlock(_)) if self.scarce => {}
            Err(error) => self.fault(format!("a call of a pool that calls own ({own:?}) ended as {error}")),
        }
    }
}
