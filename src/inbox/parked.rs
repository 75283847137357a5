//! Arrivals nobody has subscribed to yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use ipchannel_core::link::Delivery;

/// In order of arrival. It is small unless somebody forgot to subscribe, and then the credit of the senders bounds it.
#[derive(Default)]
pub(super) struct Parked {
    waiting: BTreeMap<u64, (Instant, Arc<Delivery>)>,
    expiries: BTreeSet<(Instant, u64)>,
    next: u64,
    watched: bool,
}

impl Parked {
    /// Adds one. `true`: nobody watches the deadlines, so the caller must see to it.
    pub(super) fn add(&mut self, expires: Instant, arrival: Arc<Delivery>) -> bool {
        self.next += 1;
        self.waiting.insert(self.next, (expires, arrival));
        self.expiries.insert((expires, self.next));
        !std::mem::replace(&mut self.watched, true)
    }

    /// Takes those of `event` out, oldest first.
    pub(super) fn take(&mut self, event: &str) -> Vec<Arc<Delivery>> {
        let matching = |(number, (_, arrival)): (&u64, &(Instant, Arc<Delivery>))| {
            (&*arrival.envelope.event == event).then_some(*number)
        };
        let numbers: Vec<u64> = self.waiting.iter().filter_map(matching).collect();
        let taken = numbers.into_iter().filter_map(|number| {
            let (expires, arrival) = self.waiting.remove(&number)?;
            self.expiries.remove(&(expires, number));
            Some(arrival)
        });
        taken.collect()
    }

    /// When the first one is late; `None` if nothing waits, and then nobody watches any more.
    pub(super) fn next_expiry(&mut self) -> Option<Instant> {
        let next = self.expiries.first().map(|(expires, _)| *expires);
        self.watched = next.is_some();
        next
    }

    /// Takes out those that are late.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Arc<Delivery>> {
        let mut late = Vec::new();
        while let Some(&(expires, number)) = self.expiries.first() {
            if expires > now {
                break;
            }
            self.expiries.pop_first();
            late.extend(self.waiting.remove(&number).map(|(_, arrival)| arrival));
        }
        late
    }
}
