//! Arguments from handles that are moved: a result, a list, or any end.

use std::sync::Arc;

use crate::arguments::bounds::FailsFrom;
use crate::arguments::incoming::Incoming;
use crate::arguments::incoming::Stop;
use crate::error::TaskError;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::handles::list::AsyncList;
use crate::handles::value::AsyncValue;
use crate::tag::Dropped;

/// The result of a call.
pub(crate) struct Whole<T>(pub(crate) AsyncValue<T>);

impl<T, F> Incoming<T, F> for Whole<T> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        add(self.0.node().clone());
    }

    fn stopped(&self) -> usize {
        usize::from(!is_good(&self.0, |_| true))
    }

    fn end(self, _dropped: &mut Dropped) -> Result<T, Stop<F>> {
        value_of(self.0)
    }
}

/// The `Ok` of a call. The dependant passes an `Err` on.
pub(crate) struct Try<T, E>(pub(crate) AsyncValue<Result<T, E>>);

impl<T, E, F: FailsFrom<E>> Incoming<T, F> for Try<T, E> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        add(self.0.node().clone());
    }

    fn stopped(&self) -> usize {
        usize::from(!is_good(&self.0, Result::is_ok))
    }

    fn end(self, _dropped: &mut Dropped) -> Result<T, Stop<F>> {
        Stop::on_err(value_of(self.0)?)
    }
}

/// Whether the call ended with a value, and `good` says so of the value. Runs no user code.
fn is_good<T>(value: &AsyncValue<T>, good: fn(&T) -> bool) -> bool {
    let mut is_good = false;
    value.node().peek(&mut |outcome| is_good = outcome.is_ok_and(good));
    is_good
}

/// Takes the value, or the loss of the call.
fn value_of<T, F>(value: AsyncValue<T>) -> Result<T, Stop<F>> {
    let site = value.node().site();
    value.into_outcome().map_err(|error| Stop::Lost(error, site))
}

/// The outcome of a call, a loss too: nothing stops this argument.
pub(crate) struct Outcome<T>(pub(crate) AsyncValue<T>);

impl<T, F> Incoming<Result<T, TaskError>, F> for Outcome<T> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        add(self.0.node().clone());
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
