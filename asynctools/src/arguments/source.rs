//! Arguments from handles: a result, a list, a shared result, or any end.

use std::fmt;
use std::sync::Arc;

use crate::arguments::bounds::FailsFrom;
use crate::arguments::incoming::Incoming;
use crate::arguments::incoming::Stop;
use crate::arguments::incoming::enlist;
use crate::error::TaskError;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::handles::list::AsyncList;
use crate::handles::shared::Shared;
use crate::handles::value::AsyncValue;
use crate::tag::Dropped;

/// The result of a call, as an argument: the differences between the kinds of handles.
pub(crate) trait Single: Send {
    type Value;

    fn call(&self) -> Arc<dyn Awaited>;

    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        enlist(&*self.call(), dependant)
    }

    /// Whether the call ended with a value, and `good` says so of the value. Runs no user code.
    fn is_good(&self, good: fn(&Self::Value) -> bool) -> bool;

    /// Takes the value, or the loss of the call.
    fn end<F>(self) -> Result<Self::Value, Stop<F>>;
}

impl<T> Single for AsyncValue<T> {
    type Value = T;

    fn call(&self) -> Arc<dyn Awaited> {
        self.node().clone()
    }

    fn is_good(&self, good: fn(&T) -> bool) -> bool {
        let mut is_good = false;
        self.node().peek(&mut |outcome| is_good = outcome.is_ok_and(good));
        is_good
    }

    fn end<F>(self) -> Result<T, Stop<F>> {
        let site = self.node().site();
        self.into_outcome().map_err(|error| Stop::Lost(error, site))
    }
}

/// The call with the parameter clones the value.
impl<T: Clone + Send + Sync + 'static> Single for Shared<T> {
    type Value = T;

    fn call(&self) -> Arc<dyn Awaited> {
        self.call()
    }

    fn is_good(&self, good: fn(&T) -> bool) -> bool {
        self.ended().as_ref().is_ok_and(good)
    }

    fn end<F>(self) -> Result<T, Stop<F>> {
        match self.ended() {
            Ok(value) => Stop::catch(|| value.clone()),
            Err(error) => Err(Stop::Lost(error.clone(), self.call().site())),
        }
    }
}

/// The value of a call.
pub(crate) struct Whole<S>(pub(crate) S);

impl<S: Single, F> Incoming<S::Value, F> for Whole<S> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        add(self.0.call());
    }

    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        self.0.listen(dependant)
    }

    fn stopped(&self) -> usize {
        usize::from(!self.0.is_good(|_| true))
    }

    fn end(self, _dropped: &mut Dropped) -> Result<S::Value, Stop<F>> {
        self.0.end()
    }
}

/// The `Ok` of a call. The dependant passes an `Err` on.
pub(crate) struct Try<S>(pub(crate) S);

impl<T, E, F: FailsFrom<E>, S: Single<Value = Result<T, E>>> Incoming<T, F> for Try<S> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        add(self.0.call());
    }

    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        self.0.listen(dependant)
    }

    fn stopped(&self) -> usize {
        usize::from(!self.0.is_good(Result::is_ok))
    }

    fn end(self, _dropped: &mut Dropped) -> Result<T, Stop<F>> {
        match self.0.end()? {
            Ok(value) => Ok(value),
            Err(error) => Err(Stop::Failed(Stop::catch(|| F::fails_from(error))?)),
        }
    }
}

/// The outcome of a call, a loss too: nothing stops this argument.
pub(crate) struct Outcome<T>(pub(crate) AsyncValue<T>);

impl<T, F> Incoming<Result<T, TaskError>, F> for Outcome<T> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        add(self.0.call());
    }

    fn stopped(&self) -> usize {
        0
    }

    fn end(self, _dropped: &mut Dropped) -> Result<Result<T, TaskError>, Stop<F>> {
        Ok(self.0.into_outcome())
    }
}

/// The arguments of a list, as one.
pub(crate) struct All<P>(Vec<P>);

impl<P> All<P> {
    pub(crate) fn of<T>(list: AsyncList<T>, each: fn(AsyncValue<T>) -> P) -> Self {
        Self(list.into_iter().map(each).collect())
    }
}

impl<T: Send + 'static, F, P: Incoming<T, F> + 'static> Incoming<Vec<T>, F> for All<P> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        self.0.iter().for_each(|incoming| incoming.needs(add));
    }

    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        self.0.iter().map(|incoming| incoming.listen(dependant)).sum()
    }

    fn stopped(&self) -> usize {
        self.0.iter().map(Incoming::stopped).sum()
    }

    fn end(self, dropped: &mut Dropped) -> Result<Vec<T>, Stop<F>> {
        let mut stop = None;
        let take = |incoming: P| {
            if stop.is_some() {
                dropped.push(Box::new(incoming));
                return None;
            }
            incoming.end(dropped).map_err(|end| stop = Some(end)).ok()
        };
        // `collect` reuses the allocation of the handles.
        let values: Vec<T> = self.0.into_iter().filter_map(take).collect();
        let Some(stop) = stop else { return Ok(values) };
        dropped.extend(values.into_iter().map(|value| -> Box<dyn Send> { Box::new(value) }));
        Err(stop)
    }
}

/// A shared result, borrowed by a call: keeps the result, and copies nothing.
pub struct SharedRef<O>(Arc<dyn Kept<O>>);

impl<O> SharedRef<O> {
    pub(crate) fn get(&self) -> &O {
        self.0.get()
    }
}

impl<O> fmt::Debug for SharedRef<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRef").finish_non_exhaustive()
    }
}

trait Kept<O>: Send + Sync {
    fn get(&self) -> &O;
}

/// The shared result of a call, borrowed by a parameter `&O`.
pub(crate) struct Borrowed<O>(pub(crate) Shared<O>);

impl<O: Send + Sync + 'static> Kept<O> for Borrowed<O> {
    fn get(&self) -> &O {
        self.0.get()
    }
}

impl<O: Send + Sync + 'static, F> Incoming<SharedRef<O>, F> for Borrowed<O> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        add(self.0.call());
    }

    fn stopped(&self) -> usize {
        usize::from(self.0.is_error())
    }

    fn end(self, _dropped: &mut Dropped) -> Result<SharedRef<O>, Stop<F>> {
        match self.0.ended() {
            Ok(_) => Ok(SharedRef(Arc::new(self))),
            Err(error) => Err(Stop::Lost(error.clone(), self.0.call().site())),
        }
    }
}

/// The `Ok` of a shared result, as [`Borrowed`]. The dependant passes a clone of an `Err` on.
pub(crate) struct TryBorrowed<O, E>(pub(crate) Shared<Result<O, E>>);

impl<O: Send + Sync + 'static, E: Send + Sync + 'static> Kept<O> for TryBorrowed<O, E> {
    fn get(&self) -> &O {
        let Ok(value) = self.0.get() else { unreachable!("a call whose argument stopped it never runs") };
        value
    }
}

impl<O, E, F> Incoming<SharedRef<O>, F> for TryBorrowed<O, E>
where
    O: Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    F: FailsFrom<E>,
{
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        add(self.0.call());
    }

    fn stopped(&self) -> usize {
        usize::from(!matches!(self.0.ended(), Ok(Ok(_))))
    }

    fn end(self, _dropped: &mut Dropped) -> Result<SharedRef<O>, Stop<F>> {
        match self.0.ended() {
            Ok(Ok(_)) => Ok(SharedRef(Arc::new(self))),
            Ok(Err(error)) => Err(Stop::Failed(Stop::catch(|| F::fails_from(error.clone()))?)),
            Err(error) => Err(Stop::Lost(error.clone(), self.0.call().site())),
        }
    }
}
