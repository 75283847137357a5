use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is mostly not running.
pub(super) struct Deadline {
    after: Duration,
    armed: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Ready this long after it is armed.
    pub(super) fn new(after: Duration) -> Self {
        Deadline { after, armed: false, sleep: None }
    }

    /// Starts it unless it runs, and asks whether its time has come.
    pub(super) fn poll_armed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(now)));
        if !self.armed {
            self.armed = true;
            // A wait too long for the clock is a wait of 30 years.
            let due = now.checked_add(self.after).unwrap_or(now + Duration::from_secs(86400 * 365 * 30));
            sleep.as_mut().reset(due);
        }
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(())
    }

    /// Stops it.
    pub(super) fn disarm(&mut self) {
        self.armed = false;
    }
}
