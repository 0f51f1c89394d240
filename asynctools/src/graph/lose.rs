//! Ends calls before their start, many at once too.

use std::sync::Arc;

use crate::error::TaskError;
use crate::graph::notify;
use crate::graph::registry;
use crate::graph::traits::Job;
use crate::graph::traits::Unrun;
use crate::graph::traits::Unstarted;
use crate::tag::Dropped;

// Implementation
//
// A user's code runs in the end of a call: a `Drop` of what it would have run, a waker, a `From` of a dependant. Such code may
// wait for another of the calls that are to end, or need the room that it takes. So all of them go through each phase together:
// all are taken out, and their pools count them out; then all ends are stored, and threads and workers woken; then dependants
// are told, tasks woken, and what is left is dropped, each by itself.

/// Ends each unstarted call of `jobs` with the result of `error`, and returns their number. The pools count these calls
/// out.
pub(crate) fn lose_all(jobs: Vec<Arc<dyn Job>>, error: impl Fn(&dyn Job) -> TaskError) -> usize {
    lose_counted(jobs, error, count_out, |_| {})
}

/// Has the pool of `job` count the call out.
fn count_out(job: &Arc<dyn Job>, unstarted: &Unstarted, error: &TaskError) {
    if let Some(pool) = registry::find(job.pool()) {
        pool.unscheduled(unstarted.unrun, error);
    }
}

/// As [`lose_all`], where `count` counts each call out, and `counted` hears how many had started or ended before.
pub(crate) fn lose_counted(
    jobs: Vec<Arc<dyn Job>>,
    error: impl Fn(&dyn Job) -> TaskError,
    mut count: impl FnMut(&Arc<dyn Job>, &Unstarted, &TaskError),
    counted: impl FnOnce(usize),
) -> usize {
    let mut others = Vec::new();
    let taken = jobs.into_iter().filter_map(|job| {
        let Some(unstarted) = job.clone().take_unstarted() else {
            others.push(job);
            return None;
        };
        let error = error(&*job);
        count(&job, &unstarted, &error);
        Some((job, error, unstarted))
    });
    let mut taken: Vec<_> = taken.collect();
    let lost = taken.len();
    counted(others.len());
    let mut dropped = Dropped::new();
    for (job, error, unstarted) in &mut taken {
        end_tag(&**job, error, unstarted, &mut dropped);
    }
    notify::in_phases(|aftermath| {
        for (job, error, unstarted) in taken {
            job.end_lost(error, aftermath);
            aftermath.dropped.push(unstarted.remains);
        }
        aftermath.dropped.append(&mut dropped);
    });
    lost + others.iter().filter(|job| job.tell_unwanted()).count()
}

/// Ends `job` with `error` if the call has not started, or else tells the holder of the promise. Returns whether the
/// call never runs.
pub(crate) fn lose(job: &Arc<dyn Job>, error: TaskError) -> bool {
    let Some(unstarted) = job.clone().take_unstarted() else { return job.tell_unwanted() };
    count_out(job, &unstarted, &error);
    end_unstarted(&**job, error, unstarted);
    true
}

/// Ends `job`, which is in no queue, with `error` if the call has not started.
pub(crate) fn end_unrun(job: &Arc<dyn Job>, error: TaskError) {
    if let Some(unstarted) = job.clone().take_unstarted() {
        end_unstarted(&**job, error, unstarted);
    }
}

/// Ends a call after the work was taken out, and the pool has counted the call out.
fn end_unstarted(job: &dyn Job, error: TaskError, mut unstarted: Unstarted) {
    let mut dropped = Dropped::new();
    end_tag(job, &error, &mut unstarted, &mut dropped);
    notify::in_phases(|aftermath| {
        job.end_lost(error, aftermath);
        aftermath.dropped.push(unstarted.remains);
        aftermath.dropped.append(&mut dropped);
    });
}

/// Tells those who watch `job` of the end, before others can see the end. A call that runs no user code is watched by nobody.
fn end_tag(job: &dyn Job, error: &TaskError, unstarted: &mut Unstarted, dropped: &mut Dropped) {
    if unstarted.unrun != Unrun::Uncounted {
        unstarted.tag.take().lose(job.site(), error, notify::runs_user_code(), dropped);
    }
}
