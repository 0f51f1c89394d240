//! The work of a call: a function with its arguments, there or still to come.

use std::panic::resume_unwind;
use std::sync::Arc;

use crate::arguments::input::Inputs;
use crate::arguments::pending::Stop;
use crate::call_site::CallSite;
use crate::error::Panic;
use crate::error::TaskError;
use crate::graph::node::Node;
use crate::graph::node::Route;
use crate::graph::node::Work;
use crate::graph::traits::Awaited;
use crate::graph::traits::PoolId;
use crate::handles::value::AsyncValue;
use crate::panics::discard;

/// A function and its values.
pub(crate) struct ReadyWork<V, G> {
    pub(crate) values: V,
    pub(crate) body: G,
}

impl<V, G, R> Work for ReadyWork<V, G>
where
    V: Send + 'static,
    G: FnOnce(V) -> R + Send + 'static,
    R: Send + 'static,
{
    type Output = R;

    fn run(self) -> R {
        (self.body)(self.values)
    }

    fn stop(self, _own: CallSite) -> Result<R, TaskError> {
        unreachable!("a call with all its values is not stopped")
    }
}

/// A function and its arguments, some of which are handles. A result that has arrived stays in the call that it comes
/// from until this call runs.
struct PendingWork<A, G, F, R> {
    inputs: A,
    body: G,
    /// The arguments that have not arrived, and 1 until the call is registered with all of them.
    missing: usize,
    route: Option<Route>,
    fail: fn(F) -> R,
}

impl<A, G, F, R> Work for PendingWork<A, G, F, R>
where
    A: Inputs<F>,
    G: FnOnce(A::Values) -> R + Send + 'static,
    F: 'static,
    R: Send + 'static,
{
    type Output = R;

    fn run(self) -> R {
        match self.inputs.end() {
            Ok(values) => (self.body)(values),
            Err(Stop::Panicked(payload)) => {
                discard(self.body);
                resume_unwind(payload)
            }
            Err(Stop::Failed(_) | Stop::Lost(..)) => unreachable!("a stopped call never runs"),
        }
    }

    fn arrived(&mut self) -> bool {
        self.missing -= 1;
        self.missing == 0
    }

    fn is_stopped(&self) -> bool {
        self.inputs.stopped() > 0
    }

    fn stop(self, own: CallSite) -> Result<R, TaskError> {
        let others = self.inputs.stopped().saturating_sub(1);
        discard(self.body);
        match self.inputs.stop() {
            Some(Stop::Failed(error)) => Ok((self.fail)(error)),
            Some(Stop::Lost(error, site)) => Err(error.through(site, own, others)),
            Some(Stop::Panicked(payload)) => Err(TaskError::Panicked(Panic::new(own, payload))),
            None => unreachable!("asked only when an argument has stopped the call"),
        }
    }

    fn needs(&self, needs: &mut Vec<Arc<dyn Awaited>>) {
        self.inputs.needs(needs);
    }

    fn route(&self) -> Option<Route> {
        self.route.clone()
    }
}

/// Makes a call whose arguments are handles. When they are there it takes its `route`; without one it runs on the
/// thread that brings the last of them. Calls that follow it run on the pool `followers_run_on`.
pub(crate) fn flow<A, G, F, R>(
    followers_run_on: PoolId,
    route: Option<Route>,
    site: CallSite,
    inputs: A,
    fail: fn(F) -> R,
    body: G,
) -> AsyncValue<R>
where
    A: Inputs<F>,
    G: FnOnce(A::Values) -> R + Send + 'static,
    F: 'static,
    R: Send + 'static,
{
    let work = PendingWork { inputs, body, missing: 1, route, fail };
    AsyncValue::of(Node::waiting(work, followers_run_on, site, |work, node| {
        work.missing += work.inputs.listen(&node);
    }))
}
