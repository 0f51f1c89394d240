//! The work of a call: a function with its arguments, there or still to come.

use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::Weak;

use crate::arguments::bounds::Kind;
use crate::arguments::incoming::Stop;
use crate::arguments::incoming::enlist;
use crate::arguments::input::Inputs;
use crate::arguments::input::stopped_end;
use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::graph::node::Node;
use crate::graph::traits::Dependant;
use crate::graph::traits::Needs;
use crate::graph::traits::PoolId;
use crate::graph::work::Route;
use crate::graph::work::Work;
use crate::handles::value::AsyncValue;
use crate::tag::Dropped;
#[cfg(feature = "hooks")]
use crate::tag::Sources;
use crate::tag::Tag;

/// A function and the values of its arguments.
pub(crate) struct ReadyWork<K, V, G> {
    values: V,
    body: G,
    kind: PhantomData<K>,
}

impl<K, V, G> ReadyWork<K, V, G> {
    #[inline]
    pub(crate) fn new(values: V, body: G) -> Self {
        Self { values, body, kind: PhantomData }
    }
}

impl<K, V, G, R> Work for ReadyWork<K, V, G>
where
    K: Kind<R>,
    V: Send + 'static,
    G: FnOnce(V) -> R + Send + 'static,
    R: Send + 'static,
{
    type Output = R;

    fn run(self, _dropped: &mut Dropped) -> R {
        (self.body)(self.values)
    }

    fn stop(self, _own: CallSite, _dropped: &mut Dropped) -> Result<R, TaskError> {
        unreachable!("a call with all its values is not stopped")
    }

    #[cfg(feature = "tracing")]
    fn is_err(result: &R) -> bool {
        K::has_failed(result)
    }
}

/// A function and its arguments, with handles among the arguments. An arrived result stays in its own call until this
/// call runs.
struct PendingWork<K, A, G, F, R> {
    inputs: A,
    body: G,
    /// The number of missing arguments, plus 1 until the call is registered with all arguments.
    missing: usize,
    route: Option<Route>,
    fail: fn(F) -> R,
    kind: PhantomData<K>,
}

impl<K, A, G, F, R> Work for PendingWork<K, A, G, F, R>
where
    K: Kind<R>,
    A: Inputs<F>,
    G: FnOnce(A::Values) -> R + Send + 'static,
    F: 'static,
    R: Send + 'static,
{
    type Output = R;

    fn run(self, dropped: &mut Dropped) -> R {
        match self.inputs.end(dropped) {
            Ok(values) => (self.body)(values),
            Err(Stop::Panicked(payload)) => {
                dropped.push(Box::new(self.body));
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

    fn stop(self, own: CallSite, dropped: &mut Dropped) -> Result<R, TaskError> {
        dropped.push(Box::new(self.body));
        stopped_end(self.inputs, own, self.fail, dropped)
    }

    fn needs(&self, needs: &mut Needs) {
        self.inputs.needs(needs);
    }

    fn route(&self) -> Option<&Route> {
        self.route.as_ref()
    }

    fn take_route(&mut self) -> Option<Route> {
        self.route.take()
    }

    #[cfg(feature = "tracing")]
    fn is_err(result: &R) -> bool {
        K::has_failed(result)
    }
}

/// Makes a call with handles among its arguments. When all arguments are there, the call takes its `route`; a call
/// without a route runs on the thread of the last argument. Followers run on the pool `followers_run_on`.
pub(crate) fn flow<K, A, G, F, R>(
    _kind: PhantomData<K>,
    followers_run_on: PoolId,
    route: Option<Route>,
    site: CallSite,
    inputs: A,
    fail: fn(F) -> R,
    body: G,
) -> AsyncValue<R>
where
    K: Kind<R>,
    A: Inputs<F>,
    G: FnOnce(A::Values) -> R + Send + 'static,
    F: 'static,
    R: Send + 'static,
{
    let tag = tag_of(route.as_ref(), site, &inputs);
    let work = PendingWork { inputs, body, missing: 1, route, fail, kind: PhantomData::<K> };
    AsyncValue::of(Node::waiting(work, followers_run_on, site, tag, |work, node| {
        work.missing += work.inputs.listen(&node);
    }))
}

/// Makes the tag of a call at `site` with these arguments. A call without a route runs no user code, and has no tag of its own.
#[cfg(feature = "hooks")]
fn tag_of<F, A: Inputs<F>>(route: Option<&Route>, site: CallSite, inputs: &A) -> Tag {
    let sources = |sources: &mut Sources| {
        let mut needs = Needs::new();
        inputs.needs(&mut needs);
        for need in needs {
            need.sources(sources);
        }
    };
    route.map_or_else(|| Tag::passing(&sources), |route| route.tag(site, &sources))
}

#[cfg(not(feature = "hooks"))]
fn tag_of<A>(_route: Option<&Route>, _site: CallSite, _inputs: &A) -> Tag {
    Tag::NONE
}

/// Makes the tag of a call that is the end of the call which `outer` returns: to watchers it is `outer`.
#[cfg(feature = "hooks")]
fn tag_of_outer<T: Send + 'static>(outer: &AsyncValue<AsyncValue<T>>) -> Tag {
    Tag::passing(&|sources| outer.node().sources(sources))
}

#[cfg(not(feature = "hooks"))]
fn tag_of_outer<T>(_outer: &AsyncValue<AsyncValue<T>>) -> Tag {
    Tag::NONE
}

/// A call with the end of an inner call. The outer call returns the inner call.
struct FlattenWork<T> {
    stage: Flatten<T>,
    /// The number of missing ends, plus 1 until the call is registered with the outer call.
    missing: usize,
    /// The call itself, for its registration with the inner call.
    own: Option<Weak<dyn Dependant>>,
}

enum Flatten<T> {
    Outer(AsyncValue<AsyncValue<T>>),
    Inner(AsyncValue<T>),
    Lost(TaskError),
    /// The outer handle is out of its place, to be taken apart.
    Between,
}

impl<T: Send + 'static> Work for FlattenWork<T> {
    type Output = T;

    fn run(self, _dropped: &mut Dropped) -> T {
        let Flatten::Inner(inner) = self.stage else { unreachable!("the outer call ended with a value") };
        let Ok(value) = inner.into_value() else { unreachable!("the inner call ended with a value") };
        value
    }

    /// The end of the outer call begins the wait for the inner one.
    fn arrived(&mut self) -> bool {
        self.missing -= 1;
        if self.missing > 0 {
            return false;
        }
        self.stage = match std::mem::replace(&mut self.stage, Flatten::Between) {
            Flatten::Outer(outer) => match outer.into_outcome() {
                Ok(inner) => {
                    let own = self.own.as_ref().and_then(Weak::upgrade);
                    self.missing = own.map_or(0, |own| enlist(&**inner.node(), &own));
                    Flatten::Inner(inner)
                }
                Err(error) => Flatten::Lost(error),
            },
            stage => stage,
        };
        self.missing == 0
    }

    fn needs_others(&self) -> bool {
        matches!(self.stage, Flatten::Inner(_))
    }

    fn is_stopped(&self) -> bool {
        match &self.stage {
            Flatten::Inner(inner) => inner.is_error(),
            Flatten::Lost(_) => true,
            Flatten::Outer(_) | Flatten::Between => false,
        }
    }

    fn stop(self, own: CallSite, _dropped: &mut Dropped) -> Result<T, TaskError> {
        match self.stage {
            Flatten::Inner(inner) => {
                let site = inner.node().site();
                inner.into_outcome().map_err(|error| error.through(site, own, 0))
            }
            Flatten::Lost(error) => Err(error),
            Flatten::Outer(_) | Flatten::Between => unreachable!("asked only after the end of both calls"),
        }
    }

    fn needs(&self, needs: &mut Needs) {
        match &self.stage {
            Flatten::Outer(outer) => needs.push(outer.node().clone()),
            Flatten::Inner(inner) => needs.push(inner.node().clone()),
            Flatten::Lost(_) | Flatten::Between => {}
        }
    }
}

/// Makes a call with the end of the inner call, in the name of the outer call.
pub(crate) fn flatten<T: Send + 'static>(outer: AsyncValue<AsyncValue<T>>) -> AsyncValue<T> {
    let (pool, site) = (outer.node().pool(), outer.node().site());
    let tag = tag_of_outer(&outer);
    let work = FlattenWork { stage: Flatten::Outer(outer), missing: 1, own: None };
    AsyncValue::of(Node::waiting(work, pool, site, tag, |work, node| {
        work.own = Some(Arc::downgrade(&node));
        if let Flatten::Outer(outer) = &work.stage {
            work.missing += enlist(&**outer.node(), &node);
        }
    }))
}
