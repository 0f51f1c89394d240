//! What a call runs: a function with its arguments, there or still to come.
//!
//! The panic policy, in one place: a panic of the user's function, of a closure, of a `Clone` or a `From` is caught by the
//! node that runs it (`value.rs`), becomes the outcome of that call, and reaches whoever waits for it. A panic in the `Drop`
//! of what nobody wants any more ends where it happens, in `discard`. No thread of ours dies of either.

use std::panic::Location;
use std::sync::Arc;

use crate::arguments::input::Inputs;
use crate::arguments::input::Stop;
use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::graph::node::Node;
use crate::graph::node::Route;
use crate::graph::node::Work;
use crate::graph::traits::Call;
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

/// A function and its arguments, some of which are handles. What has not arrived at the call stays in its call until this one runs.
struct PendingWork<A, G, F, R> {
    inputs: A,
    body: G,
    /// The arguments that have not arrived, and one more until all are registered.
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
        (self.body)(self.inputs.take())
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
            None => unreachable!("asked only when an argument has stopped it"),
        }
    }

    fn needs(&self, needs: &mut Vec<Arc<dyn Call>>) {
        self.inputs.needs(needs);
    }

    fn route(&self) -> Option<Route> {
        self.route.clone()
    }
}

/// A call whose arguments are handles. It takes its `route` when they are there, or without one runs where the last of them
/// arrives; `near` is the pool that what follows it runs on.
pub(crate) fn flow<A, G, F, R>(
    near: PoolId,
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
    let flow = PendingWork { inputs, body, missing: 1, route, fail };
    AsyncValue::of(Node::waiting(flow, near, site, |flow, next| flow.missing += flow.inputs.listen(&next)))
}

/// The site of a method that takes a closure, called by the caller of our caller.
#[track_caller]
pub(crate) fn site_of(method: &'static Function) -> CallSite {
    CallSite::new(method, Location::caller())
}
