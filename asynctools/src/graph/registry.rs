//! The pools of the process, by number.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;
use std::sync::OnceLock;

static POOLS: RwLock<BTreeMap<PoolId, Weak<dyn Scheduler>>> = RwLock::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(1);
static DEFAULT: OnceLock<fn() -> Arc<dyn Scheduler>> = OnceLock::new();

/// Returns a new number for a pool.
pub(crate) fn new_pool_id() -> PoolId {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(number < 1 << PoolId::BITS, "a process has at most 2^48 pools");
    PoolId(number)
}

pub(crate) fn register(id: PoolId, pool: Weak<dyn Scheduler>) {
    POOLS.write().unwrap_or_else(PoisonError::into_inner).insert(id, pool);
}

pub(crate) fn forget(id: PoolId) {
    POOLS.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
}

/// Returns the pool with the number `id`, if the pool still exists.
pub(crate) fn find(id: PoolId) -> Option<Arc<dyn Scheduler>> {
    POOLS.read().unwrap_or_else(PoisonError::into_inner).get(&id)?.upgrade()
}

/// Returns all pools of the process, in the order of their numbers.
pub(crate) fn all() -> Vec<Arc<dyn Scheduler>> {
    let pools = POOLS.read().unwrap_or_else(PoisonError::into_inner);
    let all = pools.values().filter_map(Weak::upgrade).collect();
    // The last owner of a pool takes this lock for the entry.
    drop(pools);
    all
}

/// Sets the pool of calls without a pool of their own. The floors above know this pool, and set the pool before the
/// first call.
pub(crate) fn set_default(pool: fn() -> Arc<dyn Scheduler>) {
    let _ = DEFAULT.set(pool);
}

/// Returns the pool of calls without a pool of their own.
pub(crate) fn default_pool() -> Option<Arc<dyn Scheduler>> {
    DEFAULT.get().map(|pool| pool())
}
