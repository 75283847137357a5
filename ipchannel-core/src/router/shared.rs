//! What the handles of a router share: the routes, and how messages take them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::join_all;

use super::broadcast::{Broadcast, Copies, Slot};
use super::hold::{Held, Hold, To};
use super::{Delivery, Members, Outbox};
use crate::envelope::{Envelope, Target};
use crate::error::{Reason, SendError, Undelivered};
use crate::peer::PeerId;
use crate::receipt::{Ledger, Limits, Ticket};

pub(super) struct Shared {
    members: Box<dyn Members>,
    make: Box<dyn Fn(PeerId) -> Outbox + Send + Sync>,
    routes: RwLock<HashMap<PeerId, Outbox>>,
    /// Set under the lock of the hold.
    is_closed: AtomicBool,
    pub(super) hold: Arc<Hold>,
    /// Of broadcasts until the router opens.
    ledger: Ledger,
}

impl Shared {
    pub(super) fn new(
        members: Box<dyn Members>,
        make: Box<dyn Fn(PeerId) -> Outbox + Send + Sync>,
        broadcasts: Limits,
    ) -> Self {
        Shared {
            members,
            make,
            routes: RwLock::default(),
            is_closed: AtomicBool::new(false),
            hold: Arc::default(),
            ledger: Ledger::new(broadcasts),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// The outbox of a seat, made where there is none.
    pub(super) fn route(&self, seat: PeerId) -> Outbox {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(outbox) = routes.get(&seat) {
            return outbox.clone();
        }
        drop(routes);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        routes.entry(seat).or_insert_with(|| (self.make)(seat)).clone()
    }

    pub(super) fn each_outbox(&self, then: impl Fn(&Outbox)) {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).values().for_each(then);
    }

    pub(super) fn open(&self) {
        self.hold.open(
            |held| self.release(held),
            || {
                if self.is_closed() {
                    self.each_outbox(Outbox::close);
                }
            },
        );
    }

    /// Until the router opens the outboxes stay open: what is held must still get in.
    pub(super) fn close(&self) {
        self.ledger.close();
        self.hold.locked(|is_open| {
            self.is_closed.store(true, Ordering::Release);
            if is_open {
                self.each_outbox(Outbox::close);
            }
        });
    }

    /// Sends a message to one seat that has room there already.
    #[expect(clippy::result_large_err, reason = "the envelope goes back as it came")]
    pub(super) fn post(
        &self,
        seat: PeerId,
        outbox: &Outbox,
        mut envelope: Envelope,
        ticket: Ticket,
    ) -> Result<Delivery, (SendError, Envelope)> {
        self.address(seat, &mut envelope);
        let receipt = ticket.receipt();
        envelope.ticket = Some(ticket);
        let late = match self.hold.is_open() {
            true => Some(envelope),
            false => {
                let held = Held { envelope, to: To::One(outbox.clone()) };
                self.hold.push(held).err().map(|held| held.envelope)
            }
        };
        match late.map_or(Ok(()), |envelope| outbox.pass(envelope)) {
            Ok(()) => Ok(Delivery::One(receipt)),
            Err(envelope) => Err((SendError::Closed, envelope)),
        }
    }

    #[expect(clippy::result_large_err, reason = "the envelope goes back as it came")]
    pub(super) fn try_broadcast(&self, envelope: Envelope) -> Result<Delivery, (SendError, Envelope)> {
        if self.is_closed() {
            return Err((SendError::Closed, envelope));
        }
        if self.hold.is_open() {
            return Ok(Delivery::Many(Broadcast::of(self.expand(envelope))));
        }
        match self.ledger.try_open(envelope.size()) {
            Ok(ticket) => {
                let held = self.hold_broadcast(envelope, ticket);
                Ok(Delivery::Many(held.unwrap_or_else(|envelope| Broadcast::of(self.expand(envelope)))))
            }
            Err(error) => Err((error, envelope)),
        }
    }

    pub(super) async fn broadcast_wait(&self, mut envelope: Envelope) -> Result<Delivery, (SendError, Envelope)> {
        if self.is_closed() {
            return Err((SendError::Closed, envelope));
        }
        if !self.hold.is_open() {
            let ticket = match self.ledger.open_wait(envelope.size()).await {
                Ok(ticket) => ticket,
                Err(error) => return Err((error, envelope)),
            };
            match self.hold_broadcast(envelope, ticket) {
                Ok(held) => return Ok(Delivery::Many(held)),
                Err(opened) => envelope = opened,
            }
        }
        let copies = self.copies(envelope).into_iter().map(|(seat, outbox, copy)| async move {
            let sent = outbox.send_wait(copy).await;
            (seat, sent.map_err(|(error, _)| not_accepted(error)))
        });
        Ok(Delivery::Many(Broadcast::of(join_all(copies).await)))
    }

    /// Holds a broadcast that has room, or gives it back where the router has opened.
    #[expect(clippy::result_large_err, reason = "the envelope goes back as it came")]
    fn hold_broadcast(&self, mut envelope: Envelope, ticket: Ticket) -> Result<Broadcast, Envelope> {
        let slot = Slot::default();
        let broadcast = Broadcast::held(ticket.receipt(), slot.clone());
        envelope.ticket = Some(ticket);
        self.hold.push(Held { envelope, to: To::Many(slot) }).map(|()| broadcast).map_err(|held| {
            held.settle(Ok(()));
            Envelope { ticket: None, ..held.envelope }
        })
    }

    /// Sends what was held.
    fn release(&self, mut held: Held) {
        match held.to {
            To::One(outbox) => {
                if let Some(seat) = super::seat(held.envelope.target) {
                    self.address(seat, &mut held.envelope);
                }
                // Where its driver has ended meanwhile, it is settled.
                let _ = outbox.pass(held.envelope);
            }
            To::Many(slot) => {
                let ticket = held.envelope.ticket.take();
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = self.expand(held.envelope);
                ticket.iter().for_each(|ticket| ticket.settle(Ok(())));
            }
        }
    }

    /// Sends a message to many.
    fn expand(&self, envelope: Envelope) -> Copies {
        let send = |(seat, outbox, copy): (PeerId, Outbox, Envelope)| {
            (seat, outbox.try_send(copy).map_err(|(error, _)| not_accepted(error)))
        };
        self.copies(envelope).into_iter().map(send).collect()
    }

    /// The copies of a message to many, in the order of their seats.
    fn copies(&self, envelope: Envelope) -> Vec<(PeerId, Outbox, Envelope)> {
        let not_to = self.members.me().filter(|_| envelope.target == Target::Others);
        let mut members = self.members.members();
        members.retain(|(seat, _)| Some(*seat) != not_to);
        members.sort_unstable_by_key(|(seat, _)| *seat);
        let copy = |(seat, lineage)| {
            let copy =
                Envelope { target: Target::Peer(seat), lineage: Some(lineage), ticket: None, ..envelope.clone() };
            (seat, self.route(seat), copy)
        };
        members.into_iter().map(copy).collect()
    }

    /// Notes for whom a message to a seat is, where somebody is known to hold the seat.
    fn address(&self, seat: PeerId, envelope: &mut Envelope) {
        if envelope.lineage.is_none() && matches!(envelope.target, Target::Peer(_)) {
            envelope.lineage = self.members.lineage(seat);
        }
    }
}

fn not_accepted(error: SendError) -> Undelivered {
    Undelivered::NotDelivered(Reason::NotAccepted(error))
}

/// What is held when the last handle is dropped can never go out.
impl Drop for Shared {
    fn drop(&mut self) {
        self.hold.give_up();
    }
}
