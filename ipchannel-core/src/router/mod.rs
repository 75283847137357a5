//! From targets to peers: the router, the outbox of each peer, and the stack behind it.
//!
//! ```text
//! Router ── fan-out ──┬── Outbox ══ OutboxDriver ── trace ── user's layers ── deadline ── queue ── link
//!                     ├── Outbox ══ …
//! ```
//!
//! Nothing here spawns a task: an [`Outbox`] and a [`Router`] come with a future each that whoever makes them spawns.

mod broadcast;
mod driver;
mod expiry;
mod hold;
mod mailbox;
mod outbox;
mod shared;
mod stack;
#[cfg(test)]
mod testing;

use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

pub use broadcast::{Broadcast, Outcomes};
pub use driver::OutboxDriver;
pub use hold::RouterDriver;
pub use outbox::{Outbox, SendFuture};
use shared::Shared;
pub use stack::{PeerService, peer_stack};

use crate::envelope::{Envelope, Target};
use crate::error::{SendError, Undelivered};
use crate::peer::{Lineage, PeerId};
use crate::receipt::{Limits, Receipt};

/// What the router asks about the members of the channel. Calls are short, never block, and do not call the router.
pub trait Members: Send + Sync + 'static {
    /// The seat of this process, once it has one.
    fn me(&self) -> Option<PeerId>;

    /// Every seat that is held, this process's own included, with the lineage of its holder.
    fn members(&self) -> Vec<(PeerId, Lineage)>;

    /// The lineage of who holds this seat, if somebody is known to.
    fn lineage(&self, seat: PeerId) -> Option<Lineage>;
}

/// What comes of sending.
#[derive(Debug)]
pub enum Delivery {
    /// For a message to one peer.
    One(Receipt),
    /// For a message to many.
    Many(Broadcast),
}

/// Takes messages for any target, at any time, to the outboxes of their peers. Cheap to clone.
///
/// # Contract
/// - Between one sending task and one receiving peer messages keep their order, whatever their targets: a broadcast and
///   what is sent to one of its recipients after it, before and after the router opens.
/// - Until it is [opened](Self::open) nothing leaves: this process has no seat yet, and who its peers are is not known.
///   Messages to one peer take their room in its outbox at once; broadcasts take theirs in limits of their own. They fail
///   when their deadline passes, see [`RouterDriver`].
/// - A message to a seat, sent while somebody holds it, is for that lineage; see [`Envelope::lineage`].
/// - A broadcast is for those who are members when it is sent or, if that was before, when the router opens. It
///   becomes a message to each of their seats. A recipient without room does not keep it from the others; that is
///   part of the outcome.
/// - It is always ready. What limits sending is the outbox of each peer alone.
#[derive(Clone)]
pub struct Router(Arc<Shared>);

impl Router {
    /// A router that is not open yet, and the future that it needs until it is: to be spawned.
    ///
    /// `make` makes the outbox of a seat and sees to its driver. It is called once for each seat, when the first
    /// message is sent there, must not block, and must not call the router. `broadcasts` limits what is accepted
    /// for many before the router opens.
    pub fn new<M, F>(members: M, make: F, broadcasts: Limits) -> (Router, RouterDriver)
    where
        M: Members,
        F: Fn(PeerId) -> Outbox + Send + Sync + 'static,
    {
        let shared = Shared::new(Box::new(members), Box::new(make), broadcasts);
        let driver = RouterDriver::new(shared.hold.clone());
        (Router(Arc::new(shared)), driver)
    }

    /// This process has its seat and knows the members: lets out what was held, in order, and from now on everything.
    pub fn open(&self) {
        self.0.open();
    }

    /// Accepts a message or says at once why not. Never waits.
    ///
    /// For many it is accepted whatever its recipients say. It can be refused only before the router opens, or once it
    /// is closed.
    ///
    /// # Errors
    /// As [`Outbox::try_send`]. The envelope comes back.
    #[expect(clippy::result_large_err, reason = "the envelope goes back as it came")]
    pub fn try_send(&self, envelope: Envelope) -> Result<Delivery, (SendError, Envelope)> {
        let Some(seat) = seat(envelope.target) else { return self.0.try_broadcast(envelope) };
        let Some(outbox) = self.outbox(seat) else { return Err((SendError::Closed, envelope)) };
        match outbox.ledger().try_open(envelope.size()) {
            Ok(ticket) => self.0.post(seat, &outbox, envelope, ticket),
            Err(error) => Err((error, envelope)),
        }
    }

    /// Waits for room, first come first served, and accepts a message: for many, when each recipient has room.
    ///
    /// # Cancel safety
    /// Dropped before it completes, a message to one peer was not sent; one to many was sent to those that had room.
    ///
    /// # Errors
    /// As [`Outbox::send_wait`]. The envelope comes back.
    pub async fn send_wait(&self, envelope: Envelope) -> Result<Delivery, (SendError, Envelope)> {
        let Some(seat) = seat(envelope.target) else { return self.0.broadcast_wait(envelope).await };
        let Some(outbox) = self.outbox(seat) else { return Err((SendError::Closed, envelope)) };
        match outbox.ledger().open_wait(envelope.size()).await {
            Ok(ticket) => self.0.post(seat, &outbox, envelope, ticket),
            Err(error) => Err((error, envelope)),
        }
    }

    /// The outbox of a seat, made where there was none; `None` once the router is closed.
    ///
    /// What is put in there goes past what the router holds: to keep the order, wait until it has opened.
    pub fn outbox(&self, seat: PeerId) -> Option<Outbox> {
        if self.0.is_closed() {
            return None;
        }
        let outbox = self.0.route(seat);
        if self.0.is_closed() && self.0.hold.is_open() {
            // It was closed meanwhile, perhaps just before this outbox was made.
            outbox.close();
            return None;
        }
        Some(outbox)
    }

    /// Accepts nothing more. What was accepted still goes out, once the router is open; then the drivers end.
    pub fn close(&self) {
        self.0.close();
    }

    /// Closes it, and hands back what it holds, each settled as `NotDelivered(Closed)`. The drivers of the
    /// outboxes end with what *they* have. It cannot be opened any more.
    pub fn give_up(&self) -> Vec<(Envelope, Undelivered)> {
        self.0.close();
        let left = self.0.hold.give_up();
        self.0.each_outbox(Outbox::give_up);
        left
    }
}

/// The one seat a message is for.
fn seat(target: Target) -> Option<PeerId> {
    match target {
        Target::Peer(id) => Some(id),
        Target::Member(peer) => Some(peer.id),
        Target::All | Target::Others => None,
    }
}

/// Always ready; as [`try_send`](Router::try_send).
impl Service<Envelope> for Router {
    type Response = Delivery;
    type Error = SendError;
    type Future = Ready<Result<Delivery, SendError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, envelope: Envelope) -> Self::Future {
        ready(self.try_send(envelope).map_err(|(error, _)| error))
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("is_open", &self.0.hold.is_open()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
