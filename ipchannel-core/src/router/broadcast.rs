//! The outcome of a message to many.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use crate::error::Undelivered;
use crate::peer::PeerId;
use crate::receipt::Receipt;

/// What became of a broadcast, recipient by recipient.
pub type Outcomes = Vec<(PeerId, Result<(), Undelivered>)>;

/// A copy for each recipient: on its way, or what became of it already.
pub(super) type Copies = Vec<(PeerId, Result<Receipt, Undelivered>)>;

/// Where the copies of a broadcast are put that had to wait for the router to open.
pub(super) type Slot = Arc<Mutex<Copies>>;

/// Resolves when the fate of a broadcast is known for every recipient.
///
/// `Ok` holds the recipients in the order of their ids, each with what its [`Receipt`] says; one without room for
/// the message is among them as [`Reason::NotAccepted`](crate::Reason::NotAccepted). `Err` means that there never
/// were recipients: the broadcast expired, or the channel was closed, before the channel was ready.
///
/// # Cancel safety
/// Polling and dropping it changes nothing about the messages.
pub struct Broadcast(State);

enum State {
    Held { expanded: Receipt, slot: Slot },
    Sent(Vec<(PeerId, Progress)>),
}

enum Progress {
    Sent(Receipt),
    Known(Result<(), Undelivered>),
}

impl Broadcast {
    /// Of copies that are on their way.
    pub(super) fn of(copies: Copies) -> Self {
        let progress = |copy: Result<Receipt, Undelivered>| match copy {
            Ok(receipt) => Progress::Sent(receipt),
            Err(error) => Progress::Known(Err(error)),
        };
        Broadcast(State::Sent(copies.into_iter().map(|(peer, copy)| (peer, progress(copy))).collect()))
    }

    /// Of one that waits to be expanded: `expanded` tells when the copies are in the slot, or never will be.
    pub(super) fn held(expanded: Receipt, slot: Slot) -> Self {
        Broadcast(State::Held { expanded, slot })
    }
}

impl Future for Broadcast {
    type Output = Result<Outcomes, Undelivered>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Held { expanded, slot } = &mut self.0 {
            ready!(Pin::new(expanded).poll(cx))?;
            let copies = std::mem::take(&mut *slot.lock().unwrap_or_else(PoisonError::into_inner));
            *self = Broadcast::of(copies);
        }
        let State::Sent(copies) = &mut self.0 else { return Poll::Pending };
        let mut all_known = true;
        for (_, progress) in copies.iter_mut() {
            if let Progress::Sent(receipt) = progress {
                match Pin::new(receipt).poll(cx) {
                    Poll::Ready(outcome) => *progress = Progress::Known(outcome),
                    Poll::Pending => all_known = false,
                }
            }
        }
        if !all_known {
            return Poll::Pending;
        }
        let known = |(peer, progress)| match progress {
            Progress::Known(outcome) => Some((peer, outcome)),
            Progress::Sent(_) => None,
        };
        Poll::Ready(Ok(std::mem::take(copies).into_iter().filter_map(known).collect()))
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::Held { .. } => f.write_str("Broadcast(held)"),
            State::Sent(copies) => write!(f, "Broadcast(to {})", copies.len()),
        }
    }
}
