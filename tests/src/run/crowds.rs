//! Many calls that wait for the same thing, on pools of their own: each ends, and few of them have begun at a time.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Shared;
use asynctools::TaskError;

use crate::program::plan::Crowd;
use crate::program::plan::WaitsFor;
use crate::run::execute::SCARCE_STACK;
use crate::run::state::Run;
use crate::run::state::yield_often;
use crate::tally::Tally;

/// One pool of a crowd, and how many calls have begun and not ended.
struct Stage {
    pool: Pool,
    begun: AtomicUsize,
    /// The calls that may have begun at a time, as long as no permit is lent beyond the limit.
    most: usize,
    /// The number of stages whose calls need calls of this one, and this one.
    depth: usize,
    start: Instant,
}

impl Stage {
    /// Counts a call that begins; an error if that is one too many. The k-th permit beyond the limit comes only after 5 ms x k without
    /// progress; a stage behind others may get one more for each of these.
    fn enter(&self) -> Result<(), usize> {
        let now = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let beyond = now.saturating_sub(self.most).div_ceil(self.depth);
        let beyond = u32::try_from(beyond).unwrap_or(u32::MAX);
        let least = Duration::from_micros(2_500).saturating_mul(beyond.saturating_mul(beyond.saturating_add(1)));
        if self.start.elapsed() >= least { Ok(()) } else { Err(now) }
    }

    fn leave(&self) {
        self.begun.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Run {
    pub(crate) fn crowd(self: &Arc<Self>, index: usize, crowd: &Crowd) {
        Tally::add(&self.tally.crowds);
        let name = |stage: usize| format!("c{index}{stage}-{}", self.turn);
        let stages = self.stages(crowd, name);
        let ends = match crowd.waits_for {
            WaitsFor::Promise(yields) => self.with_promise(&stages, crowd, yields, None),
            WaitsFor::PromiseTimed(yields, micros) => self.with_promise(&stages, crowd, yields, Some(micros)),
            WaitsFor::Token(yields) => {
                let elsewhere = Pool::new(1);
                let token = elsewhere.spawn(move || yield_often(yields)).shared();
                self.with_token(&stages, crowd, &token, None).outcomes()
            }
            WaitsFor::Chain { waits, .. } => {
                (0..crowd.calls).map(|_| self.pass(&stages, 0, waits)).collect::<AsyncList<_>>().outcomes()
            }
        };
        for end in ends {
            match end {
                Ok(()) => {}
                Err(TaskError::Spawn(_) | TaskError::WouldDeadlock(_)) if self.scarce => {}
                Err(error) => self.fault(format!("a call of crowd {index} ended as {error}")),
            }
        }
        for stage in stages.iter() {
            stage.pool.close();
        }
        (0..stages.len()).for_each(|stage| self.check_gone(&format!("{}-", name(stage))));
    }

    fn stages(&self, crowd: &Crowd, name: impl Fn(usize) -> String) -> Arc<Vec<Stage>> {
        let (count, queue) = match crowd.waits_for {
            WaitsFor::Chain { stages, queue, .. } => (stages, Some(queue)),
            _ => (1, None),
        };
        // Each call that waits for a call of the next stage needs that call, besides those that are within the limit there.
        let waits = matches!(crowd.waits_for, WaitsFor::Chain { waits: true, .. });
        let stage = |at: usize| {
            let mut builder = Pool::builder().workers(crowd.workers).name(name(at));
            if let Some(queue) = queue {
                builder = builder.queue(queue);
            }
            if self.scarce {
                builder = builder.stack_size(SCARCE_STACK);
            }
            let pool = builder.build().expect("nothing to refuse");
            let depth = if waits { at + 1 } else { 1 };
            Stage { pool, begun: AtomicUsize::new(0), most: 2 * crowd.workers * depth, depth, start: Instant::now() }
        };
        Arc::new((0..count).map(stage).collect())
    }

    fn with_promise(
        self: &Arc<Self>,
        stages: &Arc<Vec<Stage>>,
        crowd: &Crowd,
        yields: u8,
        micros: Option<u16>,
    ) -> Vec<Result<(), TaskError>> {
        let (promise, value) = AsyncValue::promise();
        let calls = self.with_token(stages, crowd, &value.shared(), micros);
        yield_often(yields);
        promise.set(());
        calls.outcomes()
    }

    fn with_token(
        self: &Arc<Self>,
        stages: &Arc<Vec<Stage>>,
        crowd: &Crowd,
        token: &Shared<()>,
        micros: Option<u16>,
    ) -> AsyncList<()> {
        let call = |_| {
            let (run, all, token) = (self.clone(), stages.clone(), token.clone());
            stages[0].pool.spawn(move || {
                run.begin(&all[0]);
                match micros.map(|micros| Duration::from_micros(u64::from(micros))) {
                    Some(limit) => drop(token.wait_timeout(limit)),
                    None => drop(token.outcome()),
                }
                all[0].leave();
            })
        };
        (0..crowd.calls).map(call).collect()
    }

    /// Makes a call on the stage, which makes one on the next stage.
    fn pass(self: &Arc<Self>, stages: &Arc<Vec<Stage>>, at: usize, waits: bool) -> AsyncValue<()> {
        let (run, all) = (self.clone(), stages.clone());
        stages[at].pool.spawn(move || {
            run.begin(&all[at]);
            if at + 1 < all.len() {
                let next = run.pass(&all, at + 1, waits);
                if waits { drop(next.outcome()) } else { next.detach() }
            } else {
                yield_often(3);
            }
            all[at].leave();
        })
    }

    fn begin(&self, stage: &Stage) {
        if let Err(begun) = stage.enter() {
            let Stage { pool, most, .. } = stage;
            self.fault(format!(
                "{begun} calls of {pool:?} have begun and not ended, {most} at most unless nothing moves"
            ));
        }
    }
}
