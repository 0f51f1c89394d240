//! What a call runs: a function with its arguments, there or still to come.
//!
//! The panic policy, in one place: a panic of the user's function, of a closure, of a `Clone` or a `From` is caught by the
//! node that runs it (`value.rs`), becomes the outcome of that call, and reaches whoever waits for it. A panic in the `Drop`
//! of what nobody wants any more ends where it happens, in `discard`. No thread of ours dies of either.

use std::panic::Location;
use std::sync::Arc;

use crate::context::Call;
use crate::context::HomeId;
use crate::error::TaskError;
use crate::error::discard;
use crate::input::Inputs;
use crate::input::Stop;
use crate::node::Body;
use crate::node::Node;
use crate::node::Route;
use crate::site::CallSite;
use crate::site::Function;
use crate::value::AsyncValue;

/// A function and its values.
pub(crate) struct Plain<V, G> {
    pub(crate) values: V,
    pub(crate) body: G,
}

impl<V, G, R> Body for Plain<V, G>
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
struct Flow<A, G, F, R> {
    inputs: A,
    body: G,
    /// The arguments that have not arrived, and one more until all are registered.
    missing: usize,
    route: Option<Route>,
    fail: fn(F) -> R,
}

impl<A, G, F, R> Body for Flow<A, G, F, R>
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
            Some(Stop::Lost(error, site)) => Err(error.passed_on(site, own, others)),
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
    near: HomeId,
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
    let flow = Flow { inputs, body, missing: 1, route, fail };
    AsyncValue::of(Node::waiting(flow, near, site, |flow, next| flow.missing += flow.inputs.listen(&next)))
}

/// The site of a method that takes a closure, called by the caller of our caller.
#[track_caller]
pub(crate) fn site(method: &'static Function) -> CallSite {
    CallSite::new(method, Location::caller())
}
