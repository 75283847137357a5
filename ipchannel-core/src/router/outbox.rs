//! The entrance to the stack of one peer.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either};
use tower_service::Service;

use super::driver::OutboxDriver;
use super::mailbox::{Mailbox, Phase};
use crate::envelope::Envelope;
use crate::error::{Reason, SendError, Undelivered};
use crate::receipt::{Ledger, Receipt, Ticket};

/// Where messages to one peer go in. Cheap to clone; all clones lead to the same stack.
///
/// A message that is accepted takes room in the peer's [`Ledger`] until it is settled, and waits in a mailbox for the
/// [`OutboxDriver`], which passes it on through the stack. Messages are in the order in which they were accepted.
///
/// When the last handle is dropped, what was accepted still goes out, and then the driver ends.
#[derive(Clone)]
pub struct Outbox(Arc<Entrance>);

struct Entrance {
    mailbox: Arc<Mailbox>,
    ledger: Ledger,
}

impl Outbox {
    /// The entrance to `stack`, and the future that keeps it going: it is to be spawned.
    pub fn new<S: Service<Envelope>>(stack: S, ledger: Ledger) -> (Outbox, OutboxDriver<S>) {
        let mailbox = Arc::new(Mailbox::default());
        let driver = OutboxDriver::new(stack, mailbox.clone(), ledger.clone());
        (Outbox(Arc::new(Entrance { mailbox, ledger })), driver)
    }

    /// Accepts a message or says at once why not. Never waits.
    ///
    /// The message gets a ticket of this outbox's ledger, in place of any that it held.
    ///
    /// # Errors
    /// As [`Ledger::try_open`]. The envelope comes back.
    #[expect(clippy::result_large_err, reason = "the envelope goes back as it came")]
    pub fn try_send(&self, envelope: Envelope) -> Result<Receipt, (SendError, Envelope)> {
        match self.0.ledger.try_open(envelope.size()) {
            Ok(ticket) => self.post(envelope, ticket),
            Err(error) => Err((error, envelope)),
        }
    }

    /// Waits for room, first come first served, and accepts a message.
    ///
    /// # Cancel safety
    /// Dropped before it completes, it has sent nothing; its place in the queue for room is lost.
    ///
    /// # Errors
    /// As [`Ledger::open_wait`]. The envelope comes back.
    pub async fn send_wait(&self, envelope: Envelope) -> Result<Receipt, (SendError, Envelope)> {
        match self.0.ledger.open_wait(envelope.size()).await {
            Ok(ticket) => self.post(envelope, ticket),
            Err(error) => Err((error, envelope)),
        }
    }

    /// Accepts nothing more. What was accepted still goes out; then the driver ends.
    pub fn close(&self) {
        self.0.ledger.close();
        self.0.mailbox.advance(Phase::Closing);
    }

    /// Accepts nothing more, and lets the driver end with what has not left the stack.
    pub fn give_up(&self) {
        self.0.ledger.close();
        self.0.mailbox.advance(Phase::GivenUp);
    }

    /// The accounts of the peer.
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// Puts a message in that has room already.
    #[expect(clippy::result_large_err, reason = "the envelope goes back as it came")]
    pub(super) fn post(&self, mut envelope: Envelope, ticket: Ticket) -> Result<Receipt, (SendError, Envelope)> {
        let receipt = ticket.receipt();
        envelope.ticket = Some(ticket);
        match self.pass(envelope) {
            Ok(()) => Ok(receipt),
            Err(envelope) => Err((SendError::Closed, envelope)),
        }
    }

    /// Puts a message in that has its ticket already. Where that is too late, it is settled, and comes back without it.
    #[expect(clippy::result_large_err, reason = "the envelope goes back as it came")]
    pub(super) fn pass(&self, envelope: Envelope) -> Result<(), Envelope> {
        self.0.mailbox.push(envelope).map_err(|mut envelope| {
            if let Some(ticket) = envelope.ticket.take() {
                ticket.settle(Err(Undelivered::NotDelivered(Reason::Closed)));
            }
            envelope
        })
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.mailbox.advance(Phase::Closing);
    }
}

/// Always ready. The response is there at once while there is room, and otherwise waits for it as
/// [`send_wait`](Outbox::send_wait) does; where several wait, the order of the messages is that in which they get room.
impl Service<Envelope> for Outbox {
    type Response = Receipt;
    type Error = SendError;
    type Future = SendFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, envelope: Envelope) -> SendFuture {
        SendFuture(match self.try_send(envelope) {
            Ok(receipt) => Either::Left(ready(Ok(receipt))),
            Err((SendError::Full, envelope)) => {
                let outbox = self.clone();
                Either::Right(async move { outbox.send_wait(envelope).await.map_err(|(error, _)| error) }.boxed())
            }
            Err((error, _)) => Either::Left(ready(Err(error))),
        })
    }
}

/// The response of an [`Outbox`] as a service: the message is accepted.
///
/// # Cancel safety
/// Dropped before it completes, it has sent nothing.
pub struct SendFuture(Either<Ready<Accepted>, BoxFuture<'static, Accepted>>);

type Accepted = Result<Receipt, SendError>;

impl Future for SendFuture {
    type Output = Accepted;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Accepted> {
        self.0.poll_unpin(cx)
    }
}

impl fmt::Debug for SendFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if matches!(self.0, Either::Left(_)) { "done" } else { "waiting" };
        write!(f, "SendFuture({state})")
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("ledger", &self.0.ledger).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
