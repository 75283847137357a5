//! What waits in order, each at most until its own deadline.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

use crate::layer::HasDeadline;

/// A line of things that expire.
#[derive(Debug)]
pub(super) struct Line<T> {
    items: VecDeque<T>,
    /// No item expires before this. It is not raised when items leave, or every one would cost a search.
    soonest: Option<Instant>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Line { items: VecDeque::new(), soonest: None }
    }
}

impl<T: HasDeadline> Line<T> {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn push(&mut self, item: T) {
        self.soonest = earlier(self.soonest, item.deadline());
        self.items.push_back(item);
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    /// Moves all of `other` behind what is here.
    pub(super) fn append(&mut self, other: &mut Line<T>) {
        self.soonest = earlier(self.soonest, other.soonest.take());
        if self.items.is_empty() {
            std::mem::swap(&mut self.items, &mut other.items);
        } else {
            self.items.append(&mut other.items);
        }
    }

    /// When to look for expired items next: the earliest deadline, or some time before it.
    pub(super) fn soonest(&self) -> Option<Instant> {
        self.soonest
    }

    /// Takes out what has expired, in order.
    pub(super) fn take_expired(&mut self, now: Instant) -> VecDeque<T> {
        if self.soonest.is_none_or(|soonest| soonest > now) {
            return VecDeque::new();
        }
        let is_late = |item: &T| item.deadline().is_some_and(|deadline| deadline <= now);
        let (late, rest): (VecDeque<T>, VecDeque<T>) = self.items.drain(..).partition(is_late);
        self.items = rest;
        self.soonest = self.items.iter().map(T::deadline).fold(None, earlier);
        late
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// A timer that is set again and again.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once it is `at`; `None` is never.
    pub(super) fn poll_at(&mut self, cx: &mut Context<'_>, at: Option<Instant>) -> Poll<()> {
        let Some(at) = at.map(tokio::time::Instant::from_std) else {
            self.0 = None;
            return Poll::Pending;
        };
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;
