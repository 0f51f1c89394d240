//! Compares the ends of all calls with the oracle, and ends the pools.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use crate::oracle::own_end;
use crate::program::plan::At;
use crate::run::state::Run;
use crate::run::state::comes_true;
use crate::run::state::lock;
use crate::seen::End;
use crate::seen::Kind;
use crate::watch::threads_named;

impl Run {
    /// Compares every end with the oracle, once all calls have ended.
    pub(crate) fn check(&self) {
        let seen: Vec<_> = self.seen.iter().map(|seen| lock(seen).clone()).collect();
        let before = &self.before;
        let after = self.oracle.ends(&seen);
        for (index, call) in self.program.calls.iter().enumerate() {
            if after[index].is_empty() {
                let (seen, ends) = (&seen[index], &before[index]);
                self.fault(format!(
                    "call {index} must end as one of {ends:?}, and ended as {seen:?} (others: see below)"
                ));
                continue;
            }
            let ran = self.ran[index].load(Ordering::SeqCst);
            let own = own_end(&call.body);
            let must_run = !call.shape.has_no_body() && after[index].iter().all(|end| *end == own);
            let may_run = after[index].contains(&own) || after[index].contains(&End::Lost(Kind::Deadlock, 0));
            let may_run = !call.shape.has_no_body() && may_run;
            if ran < usize::from(must_run) || ran > usize::from(may_run) {
                self.fault(format!("call {index} ended as one of {:?}, and ran {ran} times", after[index]));
            }
        }
        if !lock(&self.faults).is_empty() {
            let mut text = "seen:".to_owned();
            for (index, (seen, ends)) in seen.iter().zip(before).enumerate() {
                let _ = write!(text, "\n    {index}: {seen:?} of {ends:?}");
            }
            self.fault(text);
        }
    }

    /// Checks that no thread of an ended pool is left.
    pub(crate) fn check_gone(&self, name: &str) {
        if !comes_true(|| threads_named(name) == 0) {
            self.fault(format!("{} threads `{name}` are left of a closed pool", threads_named(name)));
        }
    }

    pub(crate) fn end_pools(&self) {
        for (index, slot) in self.pools.iter().enumerate() {
            let Some(pool) = lock(slot).take() else { continue };
            pool.close();
            let stats = pool.stats();
            let entered = self.meters[index].entered.load(Ordering::SeqCst);
            // A call whose argument panicked in `Clone` ran no body.
            let clones = self.program.calls.iter().enumerate().filter(|(call, plan)| {
                let brittle = |(position, arg): (usize, &usize)| {
                    self.program.calls[*arg].body.brittle && self.oracle.clones(*call, position)
                };
                plan.at == At::Pool(index) && plan.args.iter().enumerate().any(brittle)
            });
            if (stats.running, stats.blocked, stats.queued) != (0, 0, 0)
                || stats.finished < entered
                || stats.finished > entered + clones.count()
            {
                self.fault(format!("pool {index} has run {entered} calls, and ends as {stats:?}"));
            }
            self.drop_pool(pool);
            self.check_gone(&format!("p{index}-{}-", self.turn));
        }
    }
}
