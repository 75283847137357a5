//! How many retries there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A bucket of tokens: a retry costs one, and every few requests earn one. Clones are the same bucket.
///
/// Thus when everything fails there is a bounded number of retries at first, and then one for every `requests_per_retry`
/// requests. It needs no clock.
#[derive(Clone, Debug)]
pub struct RetryBudget(Arc<Bucket>);

#[derive(Debug)]
struct Bucket {
    /// What a retry costs. A request earns 1.
    price: u64,
    capacity: u64,
    balance: AtomicU64,
}

impl RetryBudget {
    /// A full bucket of `reserve` retries, into which every `requests_per_retry` requests (at least 1) put one more.
    pub fn new(reserve: u32, requests_per_retry: u32) -> Self {
        let price = u64::from(requests_per_retry.max(1));
        let capacity = price * u64::from(reserve);
        RetryBudget(Arc::new(Bucket { price, capacity, balance: AtomicU64::new(capacity) }))
    }

    /// How many retries are left.
    pub fn left(&self) -> u64 {
        self.0.balance.load(Ordering::Relaxed) / self.0.price
    }

    pub(super) fn deposit(&self) {
        let Bucket { capacity, balance, .. } = &*self.0;
        let earn = |old: u64| (old < *capacity).then(|| old + 1);
        // Refused only when it is full.
        let _ = balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earn);
    }

    /// Pays for a retry, if there is enough.
    pub(super) fn withdraw(&self) -> bool {
        let Bucket { price, balance, .. } = &*self.0;
        balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| old.checked_sub(*price)).is_ok()
    }
}

/// 10 retries in reserve, and one for every 5 requests.
impl Default for RetryBudget {
    fn default() -> Self {
        RetryBudget::new(10, 5)
    }
}
