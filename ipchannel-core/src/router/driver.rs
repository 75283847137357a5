//! What takes messages from the mailbox through the stack.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tower_service::Service;

use super::expiry::{Alarm, Line};
use super::mailbox::{Mailbox, Phase};
use crate::envelope::Envelope;
use crate::error::{Reason, Undelivered};
use crate::layer::now;
use crate::receipt::{Ledger, Receipt};

/// How many messages are passed on before other tasks get a turn.
const TURN: usize = 128;

/// Takes messages from their [`Outbox`](super::Outbox) through the stack, in order. To be spawned.
///
/// # Contract
/// - The stack is asked for readiness only when there is a message for it, and called in the order of the messages.
///   Their responses are awaited together; one that is there at the first poll costs no allocation.
/// - A message whose call fails is settled with the error, and one for which the stack reports an error instead of
///   readiness, too. The driver goes on with the next. Nothing is settled for a call that succeeds: that is for the
///   link, when the message is delivered.
/// - While the stack is not ready, messages expire in the mailbox ([`Reason::Deadline`]).
/// - A layer that fails a message must not have passed it on, and must not pass it on after its response
///   future was dropped: what is settled first counts.
///
/// It ends when everything was passed on after [`close`](super::Outbox::close) or the drop of the last handle: then its
/// output is empty. After [`give_up`](super::Outbox::give_up) it ends at once: its output is what was
/// neither accepted nor failed, in order, each settled as `NotDelivered(Closed)`.
///
/// # Cancel safety
/// Dropping it before it has ended closes the outbox. What waits in the mailbox is settled as `NotDelivered(Closed)`,
/// what is in the stack as `Unknown(Closed)`.
#[must_use = "a driver does nothing unless it is spawned or awaited"]
pub struct OutboxDriver<S: Service<Envelope>> {
    stack: S,
    mailbox: Arc<Mailbox>,
    ledger: Ledger,
    at_hand: Line<Envelope>,
    alarm: Alarm,
    /// Where a response is polled first. Only one that is pending takes its box along.
    slot: Pin<Box<Option<S::Future>>>,
    pending: FuturesUnordered<Pending<S::Future>>,
    /// How many calls there were.
    calls: u64,
}

/// A call that was not answered at once.
struct Pending<F> {
    number: u64,
    envelope: Option<Envelope>,
    response: Pin<Box<Option<F>>>,
}

impl<S: Service<Envelope>> OutboxDriver<S> {
    pub(super) fn new(stack: S, mailbox: Arc<Mailbox>, ledger: Ledger) -> Self {
        OutboxDriver {
            stack,
            mailbox,
            ledger,
            at_hand: Line::default(),
            alarm: Alarm::default(),
            slot: Box::pin(None),
            pending: FuturesUnordered::new(),
            calls: 0,
        }
    }
}

// Nothing that is pinned is part of it: the futures are boxed.
impl<S: Service<Envelope>> Unpin for OutboxDriver<S> {}

impl<S> OutboxDriver<S>
where
    S: Service<Envelope, Response = Receipt>,
    S::Error: Into<Undelivered>,
{
    fn poll_responses(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some((envelope, result))) = self.pending.poll_next_unpin(cx) {
            settle_failed(&envelope, result);
        }
    }

    /// Passes on what is at hand. Pending: the stack is not ready for the rest.
    fn poll_pass_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURN {
            if self.at_hand.is_empty() {
                return Poll::Ready(());
            }
            let ready = ready!(self.stack.poll_ready(cx));
            let Some(envelope) = self.at_hand.pop() else { return Poll::Ready(()) };
            match ready {
                Ok(()) => self.call(envelope, cx),
                Err(error) => settle(&envelope, error.into()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Ready(())
    }

    fn call(&mut self, envelope: Envelope, cx: &mut Context<'_>) {
        let kept = envelope.clone();
        self.calls += 1;
        self.slot.set(Some(self.stack.call(envelope)));
        // What is pending wakes the driver itself, which then polls it among the others.
        match poll_slot(&mut self.slot, cx) {
            Poll::Ready(result) => settle_failed(&kept, result),
            Poll::Pending => {
                let response = std::mem::replace(&mut self.slot, Box::pin(None));
                self.pending.push(Pending { number: self.calls, envelope: Some(kept), response });
            }
        }
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) {
        while !self.at_hand.is_empty() && self.alarm.poll_at(cx, self.at_hand.soonest()).is_ready() {
            for envelope in self.at_hand.take_expired(now()) {
                settle(&envelope, Undelivered::NotDelivered(Reason::Deadline));
            }
        }
    }

    /// Ends with what was not passed on, in order.
    fn give_up(&mut self, cx: &mut Context<'_>) -> Vec<(Envelope, Undelivered)> {
        let mut pending: Vec<_> = std::mem::take(&mut self.pending).into_iter().collect();
        pending.sort_unstable_by_key(|pending| pending.number);
        let mut left = Vec::new();
        for mut pending in pending {
            // It may have been accepted by now. If not, it is dropped before anything else happens.
            match Pin::new(&mut pending).poll(cx) {
                Poll::Ready((envelope, result)) => settle_failed(&envelope, result),
                Poll::Pending => left.extend(pending.envelope),
            }
        }
        self.at_hand.append(&mut self.mailbox.end());
        self.ledger.close();
        left.extend(std::iter::from_fn(|| self.at_hand.pop()));
        let closed = Undelivered::NotDelivered(Reason::Closed);
        left.iter().for_each(|envelope| settle(envelope, closed.clone()));
        left.into_iter().map(|envelope| (envelope, closed.clone())).collect()
    }
}

impl<S> Future for OutboxDriver<S>
where
    S: Service<Envelope, Response = Receipt>,
    S::Error: Into<Undelivered>,
{
    type Output = Vec<(Envelope, Undelivered)>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let phase = this.mailbox.empty_into(&mut this.at_hand, cx.waker());
            if phase == Phase::GivenUp {
                return Poll::Ready(this.give_up(cx));
            }
            this.poll_responses(cx);
            if this.poll_pass_on(cx).is_pending() {
                this.poll_expired(cx);
            }
            let is_done = phase == Phase::Closing && this.at_hand.is_empty() && this.pending.is_empty();
            if !is_done {
                return Poll::Pending;
            }
            if this.mailbox.end_if_empty() {
                this.ledger.close();
                return Poll::Ready(Vec::new());
            }
        }
    }
}

impl<S: Service<Envelope>> Drop for OutboxDriver<S> {
    fn drop(&mut self) {
        self.at_hand.append(&mut self.mailbox.end());
        self.ledger.close();
        for envelope in std::iter::from_fn(|| self.at_hand.pop()) {
            settle(&envelope, Undelivered::NotDelivered(Reason::Closed));
        }
        for pending in std::mem::take(&mut self.pending) {
            pending.envelope.iter().for_each(|envelope| settle(envelope, Undelivered::Unknown(Reason::Closed)));
        }
    }
}

impl<F, E> Future for Pending<F>
where
    F: Future<Output = Result<Receipt, E>>,
{
    type Output = (Envelope, Result<Receipt, E>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(poll_slot(&mut self.response, cx));
        match self.envelope.take() {
            Some(envelope) => Poll::Ready((envelope, result)),
            None => Poll::Pending,
        }
    }
}

/// Polls the future in the slot, and drops it when it has completed.
fn poll_slot<F: Future>(slot: &mut Pin<Box<Option<F>>>, cx: &mut Context<'_>) -> Poll<F::Output> {
    let Some(future) = slot.as_mut().as_pin_mut() else { return Poll::Pending };
    let output = ready!(future.poll(cx));
    slot.set(None);
    Poll::Ready(output)
}

fn settle_failed<E: Into<Undelivered>>(envelope: &Envelope, result: Result<Receipt, E>) {
    if let Err(error) = result {
        settle(envelope, error.into());
    }
}

fn settle(envelope: &Envelope, fate: Undelivered) {
    if let Some(ticket) = &envelope.ticket {
        ticket.settle(Err(fate));
    }
}

impl<S: Service<Envelope>> fmt::Debug for OutboxDriver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxDriver")
            .field("at_hand", &self.at_hand.len())
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
