//! Tasks that wait for the same thing.

use std::task::{Context, Waker};

/// Tasks to wake. Nearly always there is one, and then nothing is allocated.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Wakers {
    pub(super) fn register(&mut self, cx: &Context<'_>) {
        let waker = cx.waker();
        match &self.first {
            None => self.first = Some(waker.clone()),
            Some(first) => {
                if !first.will_wake(waker) && !self.more.iter().any(|known| known.will_wake(waker)) {
                    self.more.push(waker.clone());
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Moves those of `other` here.
    pub(super) fn take_from(&mut self, other: &mut Wakers) {
        match (&self.first, other.first.take()) {
            (_, None) => return,
            (None, first) => self.first = first,
            (Some(_), Some(waker)) => self.more.push(waker),
        }
        self.more.append(&mut other.more);
    }

    /// Wakes them all. Not to be called under a lock: a waker may run anything.
    pub(super) fn wake(self) {
        self.first.into_iter().chain(self.more).for_each(Waker::wake);
    }
}
