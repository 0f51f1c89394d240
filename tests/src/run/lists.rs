//! The ways to be done with a list of handles.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::Calls as _;
use asynctools::TaskError;

use crate::program::plan::ListWait;
use crate::program::plan::Order;
use crate::run::finish::caught;
use crate::run::finish::discard;
use crate::run::state::Run;
use crate::seen::Seen;
use crate::seen::seen_of_call_error;
use crate::seen::seen_of_outcome;
use crate::seen::seen_of_payload;
use crate::seen::seen_of_result;
use crate::tally::Tally;
use crate::value::Bad;
use crate::value::Out;
use crate::value::Val;

impl Run {
    /// Uses the list up as `wait` says, and returns the end that shows of each call.
    pub(crate) fn finish_list(&self, list: AsyncList<Out<Bad>>, wait: ListWait, ids: &[usize]) -> Vec<Option<Seen>> {
        let micros = |micros: u16| Duration::from_micros(u64::from(micros));
        let mut seen = vec![None; ids.len()];
        let first = |first: Option<Out<Bad>>, seen: &mut Vec<Option<Seen>>| {
            let Some(first) = first else { return };
            let found = seen_of_result(Ok(first));
            let (Seen::Value(origin) | Seen::Failed(origin)) = found else { return };
            match ids.iter().position(|id| *id == origin) {
                Some(index) => seen[index] = Some(found),
                // An error came along an edge.
                None if matches!(found, Seen::Failed(_)) => {}
                None => self.fault(format!("a list of {ids:?} gave the result of {origin}")),
            }
        };
        match wait {
            ListWait::Get => self.all(catch_unwind(AssertUnwindSafe(|| list.get())), &mut seen),
            ListWait::GetTimeout(limit) => match catch_unwind(AssertUnwindSafe(|| list.get_timeout(micros(limit)))) {
                Ok(Ok(results)) => self.all(Ok(results), &mut seen),
                Ok(Err(list)) => {
                    Tally::add(&self.tally.timed_out);
                    self.all(catch_unwind(AssertUnwindSafe(|| list.get())), &mut seen);
                }
                Err(payload) => self.all(Err(payload), &mut seen),
            },
            ListWait::Outcomes => {
                seen = list.outcomes().into_iter().map(|outcome| Some(seen_of_outcome(outcome))).collect();
            }
            ListWait::Join => {
                let (results, errors) = list.join();
                let results: Vec<_> = results.into_iter().map(Val::disarm).collect();
                if results.len() + errors.len() != ids.len() {
                    self.fault(format!("`join` of {ids:?} gave {} and {}", results.len(), errors.len()));
                }
                if errors.is_empty() {
                    seen = results.into_iter().map(|origin| Some(Seen::Value(origin))).collect();
                } else if errors.len() == ids.len() {
                    seen = errors.into_iter().map(|error| Some(seen_of_call_error(error))).collect();
                }
            }
            ListWait::AsCompleted | ListWait::AsCompletedPartly(_) => {
                let most = if let ListWait::AsCompletedPartly(most) = wait { usize::from(most) } else { ids.len() };
                self.read(list.as_completed(), most, &mut seen, ids);
            }
            ListWait::Window(size, order) | ListWait::WindowPartly(size, order, _) => {
                Tally::add(&self.tally.windows);
                let most = if let ListWait::WindowPartly(.., most) = wait { usize::from(most) } else { ids.len() };
                let (calls, size) = (list.into_iter().enumerate(), usize::from(size));
                match order {
                    Order::OfCalls => self.read(calls.buffered(size).outcomes(), most, &mut seen, ids),
                    Order::OfEnds => self.read(calls.buffer_unordered(size).outcomes(), most, &mut seen, ids),
                }
            }
            ListWait::First => first(list.first(), &mut seen),
            ListWait::FirstTimeout(limit) => match list.first_timeout(micros(limit)) {
                Ok(found) => first(found, &mut seen),
                Err(list) => {
                    Tally::add(&self.tally.timed_out);
                    first(list.first(), &mut seen);
                }
            },
            ListWait::FirstOk => match list.first_ok() {
                Ok(value) => first(Some(Ok(value)), &mut seen),
                Err(errors) => seen = errors.into_iter().map(|error| Some(seen_of_call_error(error))).collect(),
            },
            ListWait::Cancel => {
                let _cancelled = caught(move || list.cancel());
            }
            ListWait::Stop => {
                Tally::add(&self.tally.stops);
                let _asked = caught(|| list.request_stop());
                seen = list.outcomes().into_iter().map(|outcome| Some(seen_of_outcome(outcome))).collect();
            }
            ListWait::Drop => discard(|| drop(list)),
        }
        if seen.len() != ids.len() {
            self.fault(format!("a list of {ids:?} ended with {seen:?}"));
        }
        for seen in seen.iter().flatten() {
            self.count(seen);
        }
        seen
    }

    /// Reads at most `most` ends of the calls `ids`, and drops the rest.
    fn read(
        &self,
        mut calls: impl Iterator<Item = (usize, Result<Out<Bad>, TaskError>)>,
        most: usize,
        seen: &mut [Option<Seen>],
        ids: &[usize],
    ) {
        for (index, outcome) in calls.by_ref().take(most) {
            if seen[index].replace(seen_of_outcome(outcome)).is_some() {
                self.fault(format!("the end of call {} came twice", ids[index]));
            }
        }
        discard(|| drop(calls));
    }

    pub(crate) fn all(&self, results: thread::Result<Vec<Out<Bad>>>, seen: &mut Vec<Option<Seen>>) {
        match results {
            Ok(results) => *seen = results.into_iter().map(|result| Some(seen_of_result(Ok(result)))).collect(),
            // The first of several losses: the payload does not show which call it is from.
            Err(payload) => match seen_of_payload(payload) {
                Seen::Odd(text) => self.fault(format!("a list panics: {text}")),
                found => self.count(&found),
            },
        }
    }
}
