//! Pools at their lending limit.

use asynctools_model::AsyncValue;

use crate::check;
use crate::helpers::shared;

#[test]
fn a_call_behind_sets_the_promise() {
    check(|| {
        let pool = shared(1);
        let (promise, value) = AsyncValue::promise();
        let value = value.shared();
        let waits = [value.clone(), value].map(|value| pool.spawn(move || *value.get()));
        // Two calls have begun, and both wait: this one begins beyond the limit.
        let sets = pool.spawn(move || promise.set(5));
        assert_eq!(waits.map(AsyncValue::get), [5, 5]);
        sets.get();
    });
}
