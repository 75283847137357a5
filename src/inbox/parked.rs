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

/// What the deadline of one that was added asks of the caller.
pub(super) enum Watch {
    /// Nothing: it is not the first one.
    GoesOn,
    /// Whoever watches the deadlines must hear of this earlier one.
    Sooner,
    /// Nobody watches yet.
    Begins,
}

impl Parked {
    pub(super) fn add(&mut self, expires: Instant, arrival: Arc<Delivery>) -> Watch {
        let sooner = self.expiries.first().is_none_or(|(first, _)| expires < *first);
        self.next += 1;
        self.waiting.insert(self.next, (expires, arrival));
        self.expiries.insert((expires, self.next));
        match std::mem::replace(&mut self.watched, true) {
            false => Watch::Begins,
            true if sooner => Watch::Sooner,
            true => Watch::GoesOn,
        }
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
