//! The pools of the process, by number.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::Weak;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;

static POOLS: LazyLock<RwLock<HashMap<PoolId, Weak<dyn Scheduler>>>> = LazyLock::new(RwLock::default);
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A number that no pool had before.
pub(crate) fn new_pool_id() -> PoolId {
    PoolId(NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn register(id: PoolId, home: Weak<dyn Scheduler>) {
    POOLS.write().unwrap_or_else(PoisonError::into_inner).insert(id, home);
}

pub(crate) fn forget(id: PoolId) {
    POOLS.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
}

/// The pool with that number, if it is still there.
pub(crate) fn find(id: PoolId) -> Option<Arc<dyn Scheduler>> {
    POOLS.read().unwrap_or_else(PoisonError::into_inner).get(&id)?.upgrade()
}
