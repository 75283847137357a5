//! What is sent before the channel is ready.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use super::broadcast::Slot;
use super::expiry::{Alarm, Line};
use super::outbox::Outbox;
use crate::envelope::Envelope;
use crate::error::{Reason, Undelivered};
use crate::layer::{HasDeadline, now};

/// A message that waits for the router to open. Its envelope has a ticket: that of its outbox, or one of the hold.
pub(super) struct Held {
    pub(super) envelope: Envelope,
    pub(super) to: To,
}

pub(super) enum To {
    One(Outbox),
    /// Its copies are put here, and then its ticket is settled.
    Many(Slot),
}

/// One line for the messages to all targets, so that they keep their order among each other.
#[derive(Default)]
pub(super) struct Hold {
    /// Set under the lock of `inside`, after the line was emptied.
    is_open: AtomicBool,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    line: Line<Held>,
    driver: Option<Waker>,
    is_over: bool,
}

impl Hold {
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Holds a message, or gives it back where the router has opened.
    #[expect(clippy::result_large_err, reason = "the envelope goes back as it came")]
    pub(super) fn push(&self, held: Held) -> Result<(), Held> {
        let mut inside = self.inside();
        if self.is_open() {
            return Err(held);
        }
        inside.line.push(held);
        wake(inside);
        Ok(())
    }

    /// Opens, after `release` had each message in order, and then `then` was done. Whoever sends meanwhile waits.
    pub(super) fn open(&self, release: impl FnMut(Held), then: impl FnOnce()) {
        let mut inside = self.inside();
        std::iter::from_fn(|| inside.line.pop()).for_each(release);
        then();
        self.is_open.store(true, Ordering::Release);
        inside.is_over = true;
        wake(inside);
    }

    /// Tells `then` whether the router is open, which does not change meanwhile.
    pub(super) fn locked(&self, then: impl FnOnce(bool)) {
        let _inside = self.inside();
        then(self.is_open());
    }

    /// Fails everything that is held, and holds nothing more.
    pub(super) fn give_up(&self) -> Vec<(Envelope, Undelivered)> {
        let closed = Undelivered::NotDelivered(Reason::Closed);
        let mut left = Vec::new();
        self.open(|held| left.push(held), || ());
        left.iter().for_each(|held| held.settle(Err(closed.clone())));
        left.into_iter().map(|held| (held.envelope, closed.clone())).collect()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut inside: MutexGuard<'_, Inside>) {
    let driver = inside.driver.take();
    drop(inside);
    driver.into_iter().for_each(Waker::wake);
}

impl Held {
    pub(super) fn settle(&self, fate: Result<(), Undelivered>) {
        if let Some(ticket) = &self.envelope.ticket {
            ticket.settle(fate);
        }
    }
}

impl HasDeadline for Held {
    fn deadline(&self) -> Option<Instant> {
        self.envelope.deadline
    }
}

/// Fails messages whose deadline passes before the [`Router`](super::Router) opens. To be spawned; ends when it opens,
/// or when its last handle is dropped.
///
/// # Cancel safety
/// Without it, such messages fail when the router opens.
#[must_use = "a driver does nothing unless it is spawned or awaited"]
pub struct RouterDriver {
    hold: Arc<Hold>,
    alarm: Alarm,
}

impl RouterDriver {
    pub(super) fn new(hold: Arc<Hold>) -> Self {
        RouterDriver { hold, alarm: Alarm::default() }
    }
}

impl Future for RouterDriver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            let mut inside = this.hold.inside();
            if inside.is_over {
                return Poll::Ready(());
            }
            inside.driver = Some(cx.waker().clone());
            let expired = inside.line.take_expired(now());
            let soonest = inside.line.soonest();
            drop(inside);
            expired.iter().for_each(|held| held.settle(Err(Undelivered::NotDelivered(Reason::Deadline))));
            ready!(this.alarm.poll_at(cx, soonest));
        }
    }
}

impl fmt::Debug for RouterDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterDriver").field("is_open", &self.hold.is_open()).finish_non_exhaustive()
    }
}
